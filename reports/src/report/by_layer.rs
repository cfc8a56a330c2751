//! Retrieval by the states of each layer.

use indexmap::IndexMap;

use super::model_table::titled;
use crate::document::{Block, Cell, ColumnHeading, Table};
use crate::layers::LayerRetrieval;
use crate::numbers;
use crate::outcome::Outcome;
use crate::plots;

/// What is best by validation, a figure, and a table for each model.
pub(super) fn by_layer(outcome: &Outcome) -> Vec<Block> {
    if outcome.layers.is_empty() {
        return Vec::new();
    }
    let mut blocks: Vec<Block> = vec![Block::Paragraph(
        "Translations are retrieved by the mean of the hidden states of a text's tokens, of each layer by itself; layer 0 are the \
         embeddings of tokens."
            .to_owned(),
    )];
    blocks.push(Block::List(outcome.layers.iter().map(|(name, own)| in_words(name, own)).collect()));
    blocks.extend(plots::metric_by_layer(&outcome.layers).map(|figure| Block::Figures(vec![figure])));
    blocks.push(Block::Tables(outcome.layers.iter().map(|(name, own)| table(name, own)).collect()));
    blocks
}

/// `student: layer 4 is best on 100 validation queries (93.0 %), and has 91.0 % on the test split; the last layer, 6, has 90.0 %.`
fn in_words(name: &str, own: &LayerRetrieval) -> String {
    let value = |value: Option<f64>| numbers::metric_value(&own.metric, value);
    let Some((best, last)) = own.best().zip(own.layers.last()) else {
        return format!("{name}: no layer is best on validation, since there is no value.");
    };
    let last = if best.layer == last.layer {
        "; it is the last".to_owned()
    } else {
        format!("; the last layer, {}, has {}", last.layer, value(last.value))
    };
    format!(
        "{name}: layer {} is best on {} ({}), and has {} on the test split{last}.",
        best.layer,
        numbers::counted(own.validation_examples, "validation query", "validation queries"),
        value(best.validation),
        value(best.value),
    )
}

fn table(name: &str, own: &LayerRetrieval) -> Table {
    let slices: IndexMap<&str, ()> =
        own.layers.iter().flat_map(|layer| layer.slices.keys()).map(|slice| (slice.as_str(), ())).collect();
    let headings = ["layer", "validation", "mean of both directions"];
    let columns = headings.into_iter().chain(slices.keys().copied()).map(ColumnHeading::number).collect();
    let value = |value: Option<f64>| Cell::new(numbers::metric_value(&own.metric, value));
    let rows = own.layers.iter().map(|layer| {
        let is_best = Some(layer.layer) == own.best_on_validation;
        let mut row = vec![Cell::new(layer.layer.to_string()).emphasised(is_best)];
        row.extend([layer.validation, layer.value].map(|own| value(own).emphasised(is_best)));
        row.extend(slices.keys().map(|slice| value(layer.slices.get(*slice).copied().flatten())));
        row
    });
    Table {
        caption: format!("{} of the {name} by layer", titled(&own.metric)),
        columns,
        rows: rows.collect(),
    }
}
