//! Similarity of the layers of two models, and agreement of their predictions.

use alambic_inference::{EncoderPipeline, TextPair};
use alambic_losses::kernel_alignment;
use alambic_tensor::candle::Tensor;
use indexmap::IndexMap;

use crate::error::RunError;

/// Texts over which layers are compared: the products of all pairs of them are held at once.
const MOST: usize = 500;

/// Centred kernel alignment of each of the student's layers with the teacher's at the same share of the depth, over the
/// mean states of texts, and the same with the texts of one side shuffled.
pub(crate) fn by_layer(
    student: &EncoderPipeline,
    teacher: &EncoderPipeline,
    texts: &[TextPair<'_>],
) -> Result<IndexMap<String, Option<f64>>, RunError> {
    let texts = &texts[..texts.len().min(MOST)];
    let (own, other) = (student.mean_hidden_states(texts)?, teacher.mean_hidden_states(texts)?);
    let (depth, teachers) = (own.len() - 1, other.len() - 1);
    let mut similarities = IndexMap::new();
    for layer in 1..=depth {
        let states = &own[layer];
        let counterpart = &other[(layer * teachers).div_ceil(depth)];
        let half = texts.len() / 2;
        // Shifted by half the texts, each is paired with another.
        let shuffled =
            Tensor::cat(&[states.narrow(0, half, texts.len() - half)?, states.narrow(0, 0, half)?], 0)?;
        let alignment = |states: &Tensor| -> Result<Option<f64>, RunError> {
            let alignment = kernel_alignment(states, counterpart)?.map(|value| value.to_scalar::<f32>());
            Ok(alignment.transpose()?.map(f64::from))
        };
        similarities.insert(format!("cka-layer-{layer}"), alignment(states)?);
        similarities.insert(format!("cka-layer-{layer}-shuffled"), alignment(&shuffled)?);
    }
    Ok(similarities)
}

/// The mean divergence of a student's distributions from a teacher's, both given by the rows of logits of each text, and
/// the same with rows of the teacher's half of them on, so that each is paired with another. Words that one of the two did
/// not see do not count, nor rows of different length.
pub(crate) fn divergences(student: &[Vec<Vec<f32>>], teacher: &[Vec<Vec<f32>>]) -> [Option<f64>; 2] {
    let (own, other): (Vec<&Vec<f32>>, Vec<&Vec<f32>>) =
        (student.iter().flatten().collect(), teacher.iter().flatten().collect());
    [0, own.len() / 2].map(|shift| {
        let pairs = own.iter().zip(other.iter().cycle().skip(shift));
        let seen: Vec<f64> = pairs
            .filter(|(own, other)| !own.is_empty() && own.len() == other.len())
            .map(|(own, other)| divergence(other, own))
            .collect();
        (!seen.is_empty()).then(|| seen.iter().sum::<f64>() / seen.len() as f64)
    })
}

/// The Kullback-Leibler divergence of the distribution of `model` from that of `reference`, both given by logits.
fn divergence(reference: &[f32], model: &[f32]) -> f64 {
    let logs = |logits: &[f32]| -> Vec<f64> {
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
        logits.iter().map(|logit| f64::from(logit - most) - sum.ln()).collect()
    };
    logs(reference).iter().zip(logs(model)).map(|(p, q)| p.exp() * (p - q)).sum()
}
