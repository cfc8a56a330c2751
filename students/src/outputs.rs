//! Outputs of a model over sample inputs, by which it is compared with what was written of it.

use alambic_models::architecture::{Architecture, Batch};
use alambic_models::text_encoder::Head;
use alambic_models::{Config, LAST_STATE, ModelError, Pass, TapSelection, tap};
use alambic_tensor::candle::Tensor;
use indexmap::IndexMap;

use crate::StudentError;

/// Largest difference that an output in 32 bits may have, over its largest number, or over 1 where that is smaller.
const MAX_DIFFERENCE: f64 = 1e-3;

/// Numbers of each output by its name, without those of padding.
pub(crate) type Outputs = IndexMap<String, Vec<f32>>;

/// The largest difference between the outputs of two models.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputDifference {
    /// Name of the output, as ONNX files have it.
    pub output: String,
    /// Largest difference between two of its numbers.
    pub difference: f64,
    /// Largest size of one of its numbers in the model that was exported.
    pub largest: f64,
}

impl OutputDifference {
    /// Whether it is no more than rounding in 32 bits makes.
    pub(crate) fn is_rounding(&self) -> bool {
        self.difference <= MAX_DIFFERENCE * self.largest.max(1.0)
    }

    /// The largest difference, over the size of its output, between outputs of the same name; none where there are none.
    pub(crate) fn between(expected: &Outputs, found: &Outputs) -> Option<Self> {
        let of = |(name, found): (&String, &Vec<f32>)| {
            let expected = expected.get(name)?;
            let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(f64::from(value.abs())));
            let difference = if expected.len() == found.len() {
                expected
                    .iter()
                    .zip(found)
                    .map(|(one, other)| f64::from((one - other).abs()))
                    // NaN is larger than all.
                    .fold(0.0, |largest, own| if own <= largest { largest } else { own })
            } else {
                f64::INFINITY
            };
            Some(Self { output: name.clone(), difference, largest })
        };
        let relative = |own: &Self| own.difference / own.largest.max(f64::MIN_POSITIVE);
        found.iter().filter_map(of).reduce(
            |one, other| {
                if relative(&other) <= relative(&one) { one } else { other }
            },
        )
    }
}

/// Rows of an output that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// All.
    All,
    /// Those of tokens of the text.
    Tokens,
    /// Those of tokens of the target.
    Target,
    /// Those of tokens of the text, and of regions.
    TokensAndRegions,
}

impl Rows {
    /// The rows that count in `[batch, length, ...]`, where each stands for `width` numbers.
    pub(crate) fn of(self, batch: &Batch, values: Vec<f32>) -> Vec<f32> {
        let text = batch.text.as_ref().map(|text| &text.tokens);
        let mask: Vec<u8> = match (self, text, &batch.target, &batch.regions) {
            (Self::Tokens, Some(text), ..) => text.mask.to_vec(),
            (Self::Target, _, Some(target), _) => target.mask.to_vec(),
            (Self::TokensAndRegions, Some(text), _, Some(regions)) => {
                let count = regions.mask.len() / text.batch.max(1);
                let rows = text.mask.chunks(text.length.max(1)).zip(regions.mask.chunks(count.max(1)));
                rows.flat_map(|(text, regions)| [text, regions].concat()).collect()
            }
            _ => return values,
        };
        let width = values.len() / mask.len().max(1);
        let rows = values.chunks(width.max(1)).zip(mask);
        rows.filter(|(_, kept)| *kept != 0).flat_map(|(row, _)| row.iter().copied()).collect()
    }
}

/// Outputs of a model: their taps, their names in ONNX files and the rows that count.
pub(crate) fn declared(config: &Config) -> Vec<(String, &'static str, Rows)> {
    let own = |tap: &str, name, rows| (tap.to_owned(), name, rows);
    let pooled = || own("pooled", "pooler_output", Rows::All);
    let image_and_text = || {
        vec![
            own("text.embedding", "text_embeds", Rows::All),
            own("image.embedding", "image_embeds", Rows::All),
            own("logits", "logits_per_image", Rows::All),
        ]
    };
    match config {
        Config::TextEncoder(config) if config.head == Head::None => vec![
            if config.structure.is_pre_norm {
                own(LAST_STATE, "last_hidden_state", Rows::Tokens)
            } else {
                (tap("", "hidden", config.layers), "last_hidden_state", Rows::Tokens)
            },
            pooled(),
            own("embedding", "sentence_embedding", Rows::All),
        ],
        Config::TextEncoder(config) => {
            vec![own("logits", "logits", if config.head.is_per_token() { Rows::Tokens } else { Rows::All })]
        }
        Config::Static(_) => vec![own("embedding", "sentence_embedding", Rows::All)],
        Config::Matrix(config) if config.head == Head::None => vec![
            own("hidden.1", "last_hidden_state", Rows::Tokens),
            own("embedding", "sentence_embedding", Rows::All),
        ],
        Config::Matrix(config) => {
            vec![own("logits", "logits", if config.head.is_per_token() { Rows::Tokens } else { Rows::All })]
        }
        Config::Bart(_) | Config::T5(_) => {
            vec![own(LAST_STATE, "last_hidden_state", Rows::Tokens), own("logits", "logits", Rows::Target)]
        }
        Config::Pali(_) | Config::ErnieVilg(_) => vec![own("logits", "logits", Rows::Target)],
        Config::Unimo(config) if config.writes => vec![own("logits", "logits", Rows::Target)],
        Config::ImageTokenizer(_) => {
            vec![own("latents", "latents", Rows::All), own("reconstruction", "reconstruction", Rows::All)]
        }
        Config::Dual(_) => vec![
            own("text.embedding", "text_embeds", Rows::All),
            own("image.embedding", "image_embeds", Rows::All),
            own("logits", "logits", Rows::All),
            pooled(),
        ],
        Config::Clip(_) => image_and_text(),
        Config::Siglip(config) if config.is_dual() => image_and_text(),
        Config::Siglip(_) => vec![own(LAST_STATE, "last_hidden_state", Rows::All), pooled()],
        Config::Vit(_) => {
            vec![
                own("logits", "logits", Rows::All),
                own(LAST_STATE, "last_hidden_state", Rows::All),
                pooled(),
            ]
        }
        Config::Oscar(config) => {
            let rows = if config.bert.head.is_per_token() { Rows::Tokens } else { Rows::All };
            vec![
                (tap("", "hidden", config.bert.layers), "last_hidden_state", Rows::TokensAndRegions),
                pooled(),
                own("logits", "logits", rows),
                own("relation", "seq_relationship_logits", Rows::All),
            ]
        }
        other => {
            let is_per_token = other.outline().classes_of_tokens && other.reads_texts();
            let rows = if is_per_token { Rows::Tokens } else { Rows::All };
            vec![own("logits", "logits", rows), pooled(), own("boxes", "boxes", Rows::All)]
        }
    }
}

/// The outputs of a network over a batch.
///
/// # Errors
/// When the batch does not fit the model.
pub(crate) fn outputs(
    config: &Config,
    network: &dyn Architecture,
    batch: &Batch,
) -> Result<Outputs, StudentError> {
    let declared = declared(config);
    let wanted = TapSelection::named(declared.iter().map(|(tap, ..)| tap.clone()));
    let trace = network.forward(batch, Pass::Evaluate, wanted)?;
    let mut outputs = Outputs::new();
    for (tap, name, rows) in declared {
        let Some(tensor) = trace.get(&tap) else { continue };
        let is_span = config.text_head().is_some_and(|own| own.head == Head::Span);
        if is_span {
            for (side, name) in [(0, "start_logits"), (1, "end_logits")] {
                let side = tensor.narrow(2, side, 1).map_err(ModelError::from)?;
                outputs.insert(name.to_owned(), rows.of(batch, numbers(&side)?));
            }
        } else {
            outputs.insert(name.to_owned(), rows.of(batch, numbers(tensor)?));
        }
    }
    Ok(outputs)
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>, ModelError> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}
