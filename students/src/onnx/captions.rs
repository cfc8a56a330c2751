//! Captions as Oscar reads them: positions of caption and tags, and what each place sees.

use alambic_models::ModelError;
use alambic_models::oscar::OscarConfig;

use super::blocks::{self, MASKED, OnnxWeights, TextTables};
use super::builder::{Builder, Name, integer};
use super::proto::element;

/// The input of segments, which are 1 at tags.
const SEGMENTS: &str = "token_type_ids";

/// Normed embeddings of captions with their tags behind them, whose positions begin behind those of the longest caption.
pub(super) fn embed(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    config: &OscarConfig,
    ids: &str,
) -> Result<Name, ModelError> {
    let (names, bert) = (OscarConfig::names(), &config.bert);
    let tables = TextTables {
        words: names.table("word"),
        positions: Some(names.table("position")),
        segments: (names.table("token_type"), bert.segments),
    };
    let positions = |graph: &mut Builder| {
        let columns = blocks::counted_positions(graph, ids);
        let one = graph.integers("one", &[], &[1]);
        let first = graph.integers("position before the tags", &[], &[config.max_caption_length as i64 - 1]);
        let counted = graph.node("CumSum", &[SEGMENTS, &one], Vec::new());
        let of_tags = graph.node("Add", &[&counted, &first], Vec::new());
        let of_tags = graph.node("Mul", &[&of_tags, SEGMENTS], Vec::new());
        let of_caption = graph.node("Sub", &[&one, SEGMENTS], Vec::new());
        let of_caption = graph.node("Mul", &[&of_caption, &columns], Vec::new());
        let positions = graph.node("Add", &[&of_tags, &of_caption], Vec::new());
        // Padding behind the tags may be of no segment, and is seen by nothing.
        let last = graph.integers("last position", &[], &[bert.positions as i64 - 1]);
        graph.node("Min", &[&positions, &last], Vec::new())
    };
    let sum = blocks::embed(graph, source, &tables, ids, positions)?;
    source.norm(graph, &sum, &names.embedding_norm(), bert.epsilon)
}

/// What is added to the scores, `[batch, 1, places, places]`: a caption sees what is left of it, itself, tags and regions, and these see
/// each other. `mask` is that of text and regions, `[batch, places]`, and `regions` that of regions.
pub(super) fn bias(graph: &mut Builder, mask: &str, regions: &str) -> Name {
    let (zero, one) = (graph.integers("zero", &[], &[0]), graph.integers("one", &[], &[1]));
    // Tags and regions are what everything sees.
    let zeros = graph.node("Mul", &[regions, &zero], Vec::new());
    let ones = graph.node("Add", &[&zeros, &one], Vec::new());
    let is_source = graph.node("Concat", &[SEGMENTS, &ones], vec![integer("axis", 1)]);
    let is_caption = graph.node("Sub", &[&one, &is_source], Vec::new());
    let [of_key, of_query] = [("axis before keys", 1), ("axis behind queries", 2)]
        .map(|(name, axis)| graph.integers(name, &[1], &[axis]));
    let keys = graph.node("Unsqueeze", &[&is_caption, &of_key], Vec::new());
    let queries = graph.node("Unsqueeze", &[&is_caption, &of_query], Vec::new());
    // A key of the caption is hidden from tags and regions, and from what is left of it.
    let columns = blocks::counted_positions(graph, mask);
    let row = graph.integers("axis of what is seen", &[1], &[1]);
    let rows = graph.node("Unsqueeze", &[&columns, &row], Vec::new());
    let behind = graph.node("Greater", &[&columns, &rows], Vec::new());
    let behind = blocks::cast(graph, &behind, element::I64);
    let seen = graph.node("Sub", &[&one, &behind], Vec::new());
    let seen = graph.node("Mul", &[&queries, &seen], Vec::new());
    let hidden = graph.node("Sub", &[&one, &seen], Vec::new());
    let hidden = graph.node("Mul", &[&keys, &hidden], Vec::new());
    let hidden = blocks::cast(graph, &hidden, element::F32);
    let axis = graph.integers("axis of heads", &[1], &[1]);
    let hidden = graph.node("Unsqueeze", &[&hidden, &axis], Vec::new());
    let masked = graph.number("masked", MASKED);
    let hidden = graph.node("Mul", &[&hidden, &masked], Vec::new());
    let padding = blocks::mask_bias(graph, mask);
    graph.node("Add", &[&padding, &hidden], Vec::new())
}
