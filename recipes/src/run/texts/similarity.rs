//! How alike the layers of two models are.

use alambic_losses::kernel_alignment;
use alambic_students::{Reader, TextPair};
use alambic_tensor::candle::Tensor;
use indexmap::IndexMap;

use crate::run::RunError;

/// Texts over which layers are compared: the products of all pairs of them are held at once.
const MOST: usize = 500;

/// Centred kernel alignment of each of the student's layers with the teacher's at the same share of the depth, over the
/// mean states of texts, beside the same with the texts of one side shuffled.
pub(super) fn by_layer(
    student: &Reader,
    teacher: &Reader,
    texts: &[TextPair<'_>],
) -> Result<IndexMap<String, Option<f64>>, RunError> {
    let texts = &texts[..texts.len().min(MOST)];
    let (own, other) = (student.states(texts)?, teacher.states(texts)?);
    let (depth, teachers) = (own.len() - 1, other.len() - 1);
    let mut similarities = IndexMap::new();
    for layer in 1..=depth {
        let states = &own[layer];
        let counterpart = &other[(layer * teachers).div_ceil(depth)];
        let half = texts.len() / 2;
        // Half the texts on, each stands beside another.
        let shuffled =
            Tensor::cat(&[states.narrow(0, half, texts.len() - half)?, states.narrow(0, 0, half)?], 0)?;
        let alignment = |states: &Tensor| -> Result<Option<f64>, RunError> {
            Ok(Some(f64::from(kernel_alignment(states, counterpart)?.to_scalar::<f32>()?)))
        };
        similarities.insert(format!("cka-layer-{layer}"), alignment(states)?);
        similarities.insert(format!("cka-layer-{layer}-shuffled"), alignment(&shuffled)?);
    }
    Ok(similarities)
}
