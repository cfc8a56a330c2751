//! Retrieval between two sides, each of which is a set of queries for the other.

use alambic_inference::nearest_neighbours;
use alambic_reports::metrics::Prediction;
use alambic_tensor::candle::Tensor;

use crate::error::RunError;

/// How many results of a query are kept: what the metrics look at.
pub(crate) const RESULTS: usize = 10;

/// Which results are relevant to which queries. First everything on the left is a query for what is on the right, and then
/// the other way round; results are named by their places.
pub(crate) struct Relevance {
    relevant: Vec<Prediction>,
    left: usize,
}

impl Relevance {
    /// Of pairs of places on the left and on the right; so many are on each side.
    pub(crate) fn new(pairs: &[(usize, usize)], (left, right): (usize, usize)) -> Self {
        let mut relevant = vec![Vec::new(); left + right];
        for &(one, other) in pairs {
            relevant[one].push(other);
            relevant[left + other].push(one);
        }
        for places in &mut relevant {
            places.sort_unstable();
            places.dedup();
        }
        Self { relevant: relevant.into_iter().map(Prediction::Ranking).collect(), left }
    }

    /// The relevant results of each query.
    pub(crate) fn relevant(&self) -> &[Prediction] {
        &self.relevant
    }

    /// Queries from the left.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Queries from the right.
    pub(crate) fn right(&self) -> usize {
        self.relevant.len() - self.left
    }
}

/// The results of each query, the nearest first: of vectors `[left, width]` and `[right, width]`.
///
/// # Errors
/// When a number of the vectors is infinite or NaN, by which nothing can be ranked.
pub(crate) fn rank(left: &Tensor, right: &Tensor) -> Result<Vec<Prediction>, RunError> {
    for vectors in [left, right] {
        if !vectors.sqr()?.sum_all()?.to_scalar::<f32>()?.is_finite() {
            return Err(RunError::Recipe(
                "a model gives vectors that hold infinity or NaN, by which nothing can be ranked".into(),
            ));
        }
    }
    let places =
        [nearest_neighbours(left, right, RESULTS)?, nearest_neighbours(right, left, RESULTS)?].concat();
    Ok(places.into_iter().map(Prediction::Ranking).collect())
}

/// The place of the first result.
pub(crate) fn first(prediction: &Prediction) -> Option<usize> {
    match prediction {
        Prediction::Ranking(places) => places.first().copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_with_nan_are_refused() {
        let vectors = |value: f32| {
            Tensor::from_vec(vec![1.0, value], (1, 2), &alambic_tensor::candle::Device::Cpu).unwrap()
        };
        assert!(rank(&vectors(0.0), &vectors(f32::NAN)).is_err());
        let first_of_one = Prediction::Ranking(vec![0]);
        assert_eq!(rank(&vectors(0.0), &vectors(0.5)).unwrap(), [first_of_one.clone(), first_of_one]);
    }

    #[test]
    fn relevance_is_symmetric() {
        let relevance = Relevance::new(&[(0, 1), (1, 0), (0, 2), (2, 1), (0, 1)], (3, 3));
        let expected = [vec![1, 2], vec![0], vec![1], vec![1], vec![0, 2], vec![0]].map(Prediction::Ranking);
        assert_eq!(relevance.relevant(), expected);
        assert_eq!((relevance.left(), relevance.right()), (3, 3));
        assert_eq!(first(&Prediction::Ranking(vec![12, 3])), Some(12));
        assert_eq!(first(&Prediction::Ranking(Vec::new())), None);
    }
}
