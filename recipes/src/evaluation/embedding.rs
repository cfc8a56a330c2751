//! Embeddings of texts, and how near those of two models are.

use alambic_inference::{EncoderPipeline, TextPair, nearest_neighbours};
use alambic_models::ModelError;
use alambic_settings::IndexMap;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::error::RunError;

/// Neighbours that are compared of each text.
const NEIGHBOURS: usize = 10;
/// Texts among which neighbours are looked for: the products of all pairs of them are held at once.
const MAX_TEXTS: usize = 2000;

/// The embeddings of texts, each of length one: `[texts, width]`.
pub(crate) fn normalized_embeddings(pipeline: &EncoderPipeline, texts: &[&str]) -> Result<Tensor, RunError> {
    truncated_embeddings(pipeline, texts, None)
}

/// The same of their first `width` numbers, if a width is given.
pub(crate) fn truncated_embeddings(
    pipeline: &EncoderPipeline,
    texts: &[&str],
    width: Option<usize>,
) -> Result<Tensor, RunError> {
    let texts: Vec<TextPair<'_>> = texts.iter().map(|text| (*text, None)).collect();
    normalized(pipeline.text_rows(&texts, "embedding")?, width)
}

/// The same of texts some of which have a second one.
pub(crate) fn normalized_embeddings_of_pairs(
    pipeline: &EncoderPipeline,
    texts: &[TextPair<'_>],
) -> Result<Tensor, RunError> {
    normalized(pipeline.text_rows(texts, "embedding")?, None)
}

/// Vectors, or the first numbers of them, brought to length one.
pub(crate) fn normalized(mut rows: Vec<Vec<f32>>, width: Option<usize>) -> Result<Tensor, RunError> {
    for row in &mut rows {
        row.truncate(width.unwrap_or(usize::MAX));
        let length = row.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        for number in row {
            *number /= length;
        }
    }
    Ok(Tensor::new(rows, device::current()).map_err(ModelError::from)?)
}

/// Width of a model's embeddings; none where it has none.
pub(crate) fn embedding_width(pipeline: &EncoderPipeline) -> Option<usize> {
    pipeline.config().outline().streams.get("").and_then(|stream| stream.embedding)
}

/// How near a student's embeddings of texts are to a teacher's, rows of length one that belong together by their places: the
/// mean squared difference, the mean and the tenth percentile of the cosine, and the share of the nearest neighbours of each
/// text that are the same by both; each also with the teacher's rows moved on by half of all. Vectors of other widths have
/// common neighbours alone. The names end with `suffix`.
pub(crate) fn closeness(
    own: &Tensor,
    other: &Tensor,
    suffix: &str,
) -> Result<IndexMap<String, Option<f64>>, RunError> {
    let (own_neighbours, other_neighbours) = (neighbours(own)?, neighbours(other)?);
    let count = own.dim(0)?;
    let mut figures = IndexMap::new();
    for (end, shift) in [("", 0), ("-shuffled", count / 2)] {
        let mut add = |name: &str, value| figures.insert(format!("{name}{suffix}{end}"), value);
        if own.dims() == other.dims() {
            let rows: Vec<u32> = (0..count as u32).cycle().skip(shift).take(count).collect();
            let other = other.index_select(&Tensor::new(rows, device::current())?, 0)?;
            let difference = (own - &other)?.sqr()?.mean_all()?.to_scalar::<f32>()?;
            add("mse", Some(f64::from(difference)));
            let [mean, percentile] = mean_and_tenth_percentile(own.mul(&other)?.sum(1)?.to_vec1::<f32>()?);
            add("cosine-mean", mean);
            add("cosine-tenth-percentile", percentile);
        }
        add("common-neighbours", share_in_common(&own_neighbours, &other_neighbours, shift));
    }
    Ok(figures)
}

/// The nearest neighbours of each of some rows among the others.
fn neighbours(rows: &Tensor) -> Result<Vec<Vec<usize>>, RunError> {
    let rows = rows.narrow(0, 0, rows.dim(0)?.min(MAX_TEXTS))?;
    let mut found = nearest_neighbours(&rows, &rows, NEIGHBOURS + 1)?;
    for (row, places) in found.iter_mut().enumerate() {
        places.retain(|place| *place != row);
        places.truncate(NEIGHBOURS);
    }
    Ok(found)
}

/// The mean share of neighbours that are the same, the second rows moved on; none where nothing has a neighbour.
fn share_in_common(own: &[Vec<usize>], other: &[Vec<usize>], shift: usize) -> Option<f64> {
    let pairs = own.iter().zip(other.iter().cycle().skip(shift % other.len().max(1)));
    let shares: Vec<f64> = pairs
        .filter(|(own, _)| !own.is_empty())
        .map(|(own, other)| {
            own.iter().filter(|place| other.contains(place)).count() as f64 / own.len() as f64
        })
        .collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
}

/// The mean of some numbers, and the one below which a tenth of them lies (nearest rank); none without any.
fn mean_and_tenth_percentile(mut numbers: Vec<f32>) -> [Option<f64>; 2] {
    numbers.sort_by(f32::total_cmp);
    let count = numbers.len();
    let mean = numbers.iter().copied().map(f64::from).sum::<f64>() / count as f64;
    let percentile = numbers.get(count.div_ceil(10).saturating_sub(1)).copied().map(f64::from);
    [(count > 0).then_some(mean), percentile]
}

#[cfg(test)]
mod tests {
    use alambic_tensor::candle::{Device, Tensor};

    use super::{closeness, mean_and_tenth_percentile, share_in_common};

    #[test]
    fn tenth_percentile_is_of_the_nearest_rank() {
        let numbers: Vec<f32> = (1..=20).rev().map(|number| number as f32).collect();
        assert_eq!(mean_and_tenth_percentile(numbers), [Some(10.5), Some(2.0)]);
        assert_eq!(mean_and_tenth_percentile(vec![0.5]), [Some(0.5), Some(0.5)]);
        assert_eq!(mean_and_tenth_percentile(Vec::new()), [None, None]);
    }

    #[test]
    fn share_in_common_is_a_mean_over_texts() {
        let own = [vec![1, 2], vec![0, 2], vec![0, 1]];
        assert_eq!(share_in_common(&own, &own, 0), Some(1.0));
        assert_eq!(share_in_common(&own, &[vec![2, 1], vec![0, 3], vec![3, 4]], 0), Some(0.5));
        assert_eq!(share_in_common(&own, &own, 1), Some(0.5));
        assert_eq!(share_in_common(&[vec![]], &[vec![]], 0), None);
    }

    /// Points of a circle in turn, of which each has those before and behind it as its neighbours.
    fn circle(points: usize, width: usize) -> Tensor {
        let rows: Vec<f32> = (0..points)
            .flat_map(|point| {
                let angle = point as f32 / points as f32 * std::f32::consts::TAU;
                [angle.cos(), angle.sin()].into_iter().chain(std::iter::repeat_n(0.0, width - 2))
            })
            .collect();
        Tensor::from_vec(rows, (points, width), &Device::Cpu).unwrap()
    }

    #[test]
    fn equal_embeddings_are_as_near_as_can_be() {
        let rows = circle(40, 2);
        let figures = closeness(&rows, &rows, "-hi").unwrap();
        assert_eq!((figures["mse-hi"], figures["common-neighbours-hi"]), (Some(0.0), Some(1.0)));
        assert!((figures["cosine-mean-hi"].unwrap() - 1.0).abs() < 1e-6);
        // Half of a circle on is the opposite point.
        assert!((figures["cosine-mean-hi-shuffled"].unwrap() + 1.0).abs() < 1e-6);
        assert_eq!(figures["common-neighbours-hi-shuffled"], Some(0.0));
    }

    #[test]
    fn embeddings_of_other_widths_have_common_neighbours_alone() {
        let figures = closeness(&circle(40, 2), &circle(40, 3), "").unwrap();
        assert_eq!(figures.keys().collect::<Vec<_>>(), ["common-neighbours", "common-neighbours-shuffled"]);
        assert_eq!(figures["common-neighbours"], Some(1.0));
    }
}
