//! Translations found by embeddings: the nearest sentence, and pairs mined by ratio margin (Artetxe and Schwenk, 2019).

use std::cmp::Ordering;

use alambic_data::benchmarks::{Examples, Gold, IdentifiedSentence, References};
use alambic_inference::{EncoderPipeline, LanguageInput, LoadedModel, TextPair, nearest_neighbours};
use alambic_models::ModelError;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use super::super::schema::{PaddingInMean, SuiteTask};
use crate::error::RunError;

/// Neighbours on either side by whose mean similarity a pair's is divided.
const NEIGHBOURS: usize = 4;
/// Sentences of one side that are compared with all of the other at once.
const ROWS: usize = 1024;

/// A pipeline over texts of a language, which its model is told if it has an embedding of each and names them.
pub(super) fn told<P: LanguageInput>(pipeline: P, language: &str) -> Result<P, RunError> {
    if pipeline.languages().is_some_and(|own| own.are_named()) {
        return Ok(pipeline.in_language(language)?);
    }
    Ok(pipeline)
}

/// Makes the vectors of sentences.
pub(super) struct Embedder {
    pipeline: EncoderPipeline,
    /// The layer of whose states the mean over tokens is taken; none for the model's own embedding.
    layer: Option<usize>,
    /// Positions that the mean is over, those of padding counted; none where it is over tokens.
    positions: Option<usize>,
}

impl Embedder {
    /// Of a task: the model's own embeddings, or the states of a layer.
    pub(super) fn of_task(
        model: &LoadedModel,
        task: &SuiteTask,
        layer: Option<usize>,
    ) -> Result<Self, RunError> {
        let pipeline = EncoderPipeline::from_model(model)?.with_max_length(task.max_length())?;
        let positions = (task.padding == PaddingInMean::Counted).then(|| task.max_length());
        if layer.is_none() && pipeline.embedding_width().is_none() {
            return Err(RunError::Recipe(
                "the model has no pooling and no layer is named: no embedding of a sentence".into(),
            ));
        }
        Ok(Self { pipeline, layer, positions })
    }

    /// The same over sentences of a language, which a model is told that has an embedding of each.
    pub(super) fn in_language(&self, language: &str) -> Result<Self, RunError> {
        Ok(Self { pipeline: told(self.pipeline.clone(), language)?, ..*self })
    }

    /// Vectors of length one, `[texts, width]`.
    pub(super) fn embed(&self, texts: &[String]) -> Result<Tensor, RunError> {
        let mut rows: Vec<Vec<f32>> = Vec::with_capacity(texts.len());
        for some in texts.chunks(ROWS) {
            let pairs: Vec<TextPair<'_>> = some.iter().map(|text| (text.as_str(), None)).collect();
            rows.extend(match (self.layer, self.positions) {
                (None, _) => self.pipeline.text_rows(&pairs, "embedding")?,
                (Some(layer), None) => self.pipeline.mean_hidden_state(&pairs, layer)?,
                (Some(layer), Some(positions)) => {
                    self.pipeline.mean_hidden_state_with_padding(&pairs, layer, positions)?
                }
            });
        }
        for row in &mut rows {
            let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            // A text without tokens has none.
            let length = if length > 0.0 { length } else { 1.0 };
            for value in row.iter_mut() {
                *value /= length;
            }
        }
        Ok(Tensor::new(rows, device::current()).map_err(ModelError::from)?)
    }
}

/// For each query the place of the nearest candidate.
pub(super) fn nearest_places(queries: &Tensor, candidates: &Tensor) -> Result<Vec<usize>, RunError> {
    let neighbours = in_rows(queries, |some| Ok(nearest_neighbours(some, candidates, 1)?))?;
    Ok(neighbours.into_iter().map(|own| own.first().copied().unwrap_or_default()).collect())
}

/// What `work` makes of the rows of a tensor, some at a time.
pub(super) fn in_rows<T>(
    rows: &Tensor,
    mut work: impl FnMut(&Tensor) -> Result<Vec<T>, RunError>,
) -> Result<Vec<T>, RunError> {
    let count = rows.dim(0).map_err(ModelError::from)?;
    let mut all = Vec::with_capacity(count);
    for begin in (0..count).step_by(ROWS) {
        let some = rows.narrow(0, begin, ROWS.min(count - begin)).map_err(ModelError::from)?;
        all.extend(work(&some)?);
    }
    Ok(all)
}

/// A pair of sentences by their places, with its margin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MinedPair {
    pub(super) first: usize,
    pub(super) second: usize,
    /// The pair's cosine over the mean of both sides' cosines to their nearest neighbours.
    pub(super) score: f32,
}

/// The nearest candidates of each row with their cosines.
fn neighbours(rows: &Tensor, others: &Tensor) -> Result<Vec<Vec<(usize, f32)>>, RunError> {
    let transposed = others.t().map_err(ModelError::from)?;
    in_rows(rows, |some| {
        let similarities = some.matmul(&transposed).and_then(|all| all.to_vec2::<f32>());
        let best = |row: Vec<f32>| {
            let mut places: Vec<usize> = (0..row.len()).collect();
            let nearer = |a: &usize, b: &usize| row[*b].total_cmp(&row[*a]).then(a.cmp(b));
            if places.len() > NEIGHBOURS {
                places.select_nth_unstable_by(NEIGHBOURS, nearer);
                places.truncate(NEIGHBOURS);
            }
            places.sort_unstable_by(nearer);
            places.into_iter().map(|place| (place, row[place])).collect()
        };
        Ok(similarities.map_err(ModelError::from)?.into_iter().map(best).collect())
    })
}

/// Pairs mined both ways, the best first (`max` strategy): each sentence is in one pair at most.
pub(super) fn mine(first: &Tensor, second: &Tensor) -> Result<Vec<MinedPair>, RunError> {
    let (forward, backward) = (neighbours(first, second)?, neighbours(second, first)?);
    let mean =
        |all: &[(usize, f32)]| all.iter().map(|(_, cosine)| cosine).sum::<f32>() / all.len().max(1) as f32;
    let (forward_means, backward_means): (Vec<f32>, Vec<f32>) =
        (forward.iter().map(|own| mean(own)).collect(), backward.iter().map(|own| mean(own)).collect());
    let margin = |first: usize, second: usize, cosine: f32| MinedPair {
        first,
        second,
        score: 2.0 * cosine / (forward_means[first] + backward_means[second]),
    };
    let best = |pairs: Vec<MinedPair>| pairs.into_iter().max_by(|one, other| by_score(other, one));
    let forward = forward.iter().enumerate().filter_map(|(first, own)| {
        best(own.iter().map(|&(second, cosine)| margin(first, second, cosine)).collect())
    });
    let backward = backward.iter().enumerate().filter_map(|(second, own)| {
        best(own.iter().map(|&(first, cosine)| margin(first, second, cosine)).collect())
    });
    let mut all: Vec<MinedPair> = forward.chain(backward).collect();
    all.sort_by(by_score);
    let sizes = [first, second].map(|side| side.dim(0).unwrap_or_default());
    let mut taken = sizes.map(|size| vec![false; size]);
    let mut pairs = Vec::new();
    for pair in all {
        if !taken[0][pair.first] && !taken[1][pair.second] {
            taken[0][pair.first] = true;
            taken[1][pair.second] = true;
            pairs.push(pair);
        }
    }
    Ok(pairs)
}

/// The better pair first, and of equal ones that of the first sentences.
fn by_score(one: &MinedPair, other: &MinedPair) -> Ordering {
    other.score.total_cmp(&one.score).then(one.first.cmp(&other.first)).then(one.second.cmp(&other.second))
}

/// The margin from which on a pair is taken for a translation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Threshold {
    /// The least margin.
    pub(super) least: f32,
    /// The F1 that it has on the pairs by which it was chosen.
    pub(super) f1: f64,
}

impl Threshold {
    /// The threshold of the highest F1 on a part with known pairs; none where the part has none.
    pub(super) fn of_part(
        [others_embedder, english_embedder]: &[Embedder; 2],
        examples: &Examples,
        references: &References,
    ) -> Result<Option<Self>, RunError> {
        let (Examples::Mining([others, english]), Gold::Pairs(gold)) = (examples, &references.gold) else {
            return Ok(None);
        };
        let texts = |all: &[IdentifiedSentence]| all.iter().map(|own| own.text.clone()).collect::<Vec<_>>();
        let pairs = mine(&others_embedder.embed(&texts(others))?, &english_embedder.embed(&texts(english))?)?;
        let right: Vec<(f32, bool)> = pairs
            .iter()
            .map(|pair| {
                let ids = [others[pair.first].id.clone(), english[pair.second].id.clone()];
                (pair.score, gold.contains(&ids))
            })
            .collect();
        Ok(best_threshold(&right, gold.len()))
    }
}

/// The threshold of the highest F1 over pairs in falling order of their margin, each with whether it is right.
fn best_threshold(pairs: &[(f32, bool)], gold: usize) -> Option<Threshold> {
    let mut best: Option<Threshold> = None;
    let mut hits = 0_usize;
    for (place, (score, is_right)) in pairs.iter().enumerate() {
        hits += usize::from(*is_right);
        // Pairs of one margin are taken together.
        if pairs.get(place + 1).is_some_and(|(next, _)| next == score) || hits == 0 {
            continue;
        }
        let f1 = 2.0 * hits as f64 / (place + 1 + gold) as f64;
        if best.is_none_or(|best| f1 > best.f1) {
            // Half way to the next pair, so that rounding decides nothing.
            let next = pairs.get(place + 1).map_or(*score, |(next, _)| (score + next) / 2.0);
            best = Some(Threshold { least: next, f1 });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use alambic_tensor::candle::Device;

    fn rows(values: &[f32]) -> Tensor {
        Tensor::from_vec(values.to_vec(), (values.len() / 2, 2), &Device::Cpu).unwrap()
    }

    #[test]
    fn sentences_are_mined_once_and_best_first() {
        let first = rows(&[1.0, 0.0, 0.6, 0.8, 0.0, 1.0]);
        let second = rows(&[0.0, 1.0, 1.0, 0.0]);
        let pairs = mine(&first, &second).unwrap();
        let places: Vec<(usize, usize)> = pairs.iter().map(|pair| (pair.first, pair.second)).collect();
        assert_eq!(places, [(0, 1), (2, 0)]);
        // 2 · 1 / (mean(1, 0) + mean(1, 0.6, 0)).
        assert!((pairs[0].score - 2.0 / (0.5 + 1.6 / 3.0)).abs() < 1e-6);
    }

    #[test]
    fn threshold_has_the_highest_f1() {
        let pairs = [(1.4, true), (1.3, true), (1.2, false), (1.1, true), (1.0, false)];
        let threshold = best_threshold(&pairs, 3).unwrap();
        assert!((threshold.f1 - 6.0 / 7.0).abs() < 1e-12 && (threshold.least - 1.05).abs() < 1e-6);
        assert_eq!(best_threshold(&[(1.0, false)], 3), None);
    }
}
