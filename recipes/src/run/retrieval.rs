//! Two kinds of things that belong together, each of which is a query for the other.

use alambic_students::nearest;
use alambic_tensor::candle::Tensor;

use super::RunError;

/// What models are measured by where a recipe does not say it, the most important first.
pub(crate) const METRICS: [&str; 3] = ["recall-at-1", "recall-at-5", "recall-at-10"];

/// The metric of what two models find first.
pub(crate) const AGREEMENT: (&str, &str) = ("agreement-of-first", "agreement");

/// How many results of a query are kept: what the metrics look at.
pub(crate) const KEPT: usize = 10;

/// What belongs to what. First everything on the left is a query for what is on the right, and then the other way round;
/// results are told by their places.
pub(crate) struct Belonging {
    /// What is right of each query.
    right: Vec<String>,
    left: usize,
}

impl Belonging {
    /// What belongs together, by the places of both; so many are on the left, and so many on the right.
    pub(crate) fn new(pairs: &[(usize, usize)], (left, right): (usize, usize)) -> Self {
        let mut owned = vec![Vec::new(); left + right];
        for &(one, other) in pairs {
            owned[one].push(other);
            owned[left + other].push(one);
        }
        for places in &mut owned {
            places.sort_unstable();
            places.dedup();
        }
        Self { right: owned.iter().map(|places| joined(places)).collect(), left }
    }

    /// What is right of each query.
    pub(crate) fn right(&self) -> &[String] {
        &self.right
    }

    /// Queries from the left.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Queries from the right.
    pub(crate) fn others(&self) -> usize {
        self.right.len() - self.left
    }
}

/// What is found by each query, the nearest first: of vectors `[left, width]` and `[right, width]`.
///
/// # Errors
/// When a number of the vectors is infinite or NaN, by which nothing can be ranked.
pub(crate) fn found(left: &Tensor, right: &Tensor) -> Result<Vec<String>, RunError> {
    for vectors in [left, right] {
        if !vectors.sqr()?.sum_all()?.to_scalar::<f32>()?.is_finite() {
            return Err(RunError::Recipe(
                "a model gives vectors that hold NaN or infinity, by which nothing can be found".into(),
            ));
        }
    }
    let places = [nearest(left, right, KEPT)?, nearest(right, left, KEPT)?].concat();
    Ok(places.iter().map(|places| joined(places)).collect())
}

/// The place of the first result of an answer.
pub(crate) fn first(answer: &str) -> Option<usize> {
    answer.split_whitespace().next()?.parse().ok()
}

fn joined(places: &[usize]) -> String {
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_that_are_no_numbers_find_nothing() {
        let vectors = |value: f32| {
            Tensor::from_vec(vec![1.0, value], (1, 2), &alambic_tensor::candle::Device::Cpu).unwrap()
        };
        assert!(found(&vectors(0.0), &vectors(f32::NAN)).is_err());
        assert_eq!(found(&vectors(0.0), &vectors(0.5)).unwrap(), ["0", "0"]);
    }

    #[test]
    fn what_belongs_together_is_right_both_ways() {
        let belonging = Belonging::new(&[(0, 1), (1, 0), (0, 2), (2, 1), (0, 1)], (3, 3));
        assert_eq!(belonging.right(), ["1 2", "0", "1", "1", "0 2", "0"]);
        assert_eq!((belonging.left(), belonging.others()), (3, 3));
        assert_eq!((first("12 3"), first("")), (Some(12), None));
    }
}
