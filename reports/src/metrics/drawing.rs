//! Images that a model draws of texts, seen by models that were trained apart: a scorer with a vector of each image, and a detector of
//! objects.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use super::f1::f1;
use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, never, ratio,
};
use super::prediction::{Drawing, Prediction, PredictionKind};

/// What the metrics of drawings have in common: a share that is the better the higher it is.
const OF_DRAWINGS: Metric = Metric {
    name: "",
    summary: "",
    undefined: "",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Drawing],
    references: &[PredictionKind::Drawing],
    suits: always,
    is_default: always,
    contributions: |_, _| Vec::new(),
    value: Value::OfSums(ratio),
};

/// Fréchet distance of the scorer's vectors of drawn images and of real ones, each taken for normally distributed (Heusel et al., 2017,
/// there of Inception's): `|m - n|² + tr(A + B - 2 (A^½ B A^½)^½)` for means m, n and covariances A, B, which divide by one less than the
/// number of images. With other vectors it is another number, and of few images a larger one.
pub(super) static FRECHET_DISTANCE: Metric = Metric {
    name: "frechet-distance",
    summary: "Fréchet distance of a scorer's vectors of drawn images and of real ones",
    undefined: "fewer than two images, or no scorer",
    direction: Direction::Lower,
    is_share: false,
    contributions: vectors,
    value: Value::OfContributions(|all| {
        let [drawn, real] = moments(all)?;
        frechet(&drawn, &real)
    }),
    ..OF_DRAWINGS
};

/// Kernel distance of the same vectors: the unbiased estimate of the squared maximum mean discrepancy under `k(x, y) = (x·y / d + 1)³`
/// (Bińkowski et al., 2018). It is unbiased of few images, where the Fréchet distance is not; its time grows with their square.
pub(super) static KERNEL_DISTANCE: Metric = Metric {
    name: "kernel-distance",
    summary: "kernel distance of a scorer's vectors of drawn images and of real ones, for few images",
    undefined: "fewer than two images, or no scorer",
    direction: Direction::Lower,
    is_share: false,
    is_default: never,
    contributions: vectors,
    value: Value::OfContributions(kernel),
    ..OF_DRAWINGS
};

/// F1 of the objects that a detector finds in drawn images, by their tags, compared with those that are in the images which the texts
/// tell of, as multisets; counts are summed over all images.
pub(super) static DRAWN_OBJECTS: Metric = Metric {
    name: "drawn-objects",
    summary: "F1 of the objects that a detector finds in drawn images",
    undefined: "no image whose objects are known, or no detector",
    contributions: |pairs, _| {
        each(pairs, |drawn, real| {
            let (found, there) = (drawn.objects.as_ref()?, real.objects.as_ref()?);
            let counts = [common(found, there), found.len(), there.len()];
            Some(Contribution::of_sums(counts.into_iter().map(|count| count as f64).enumerate()))
        })
    },
    value: Value::OfSums(|sums| match *sums {
        [right, found, there] => f1(right, found - right, there - right),
        _ => None,
    }),
    ..OF_DRAWINGS
};

/// Share of the drawn images in which a detector finds exactly the objects of the image that the text tells of.
pub(super) static DRAWN_EXACTLY: Metric = Metric {
    name: "drawn-exactly",
    summary: "share of drawn images in which a detector finds exactly the objects that are to be there",
    undefined: "no image whose objects are known, or no detector",
    contributions: |pairs, _| {
        each(pairs, |drawn, real| {
            let (found, there) = (drawn.objects.as_ref()?, real.objects.as_ref()?);
            Some(Contribution::of_hit(found.len() == there.len() && common(found, there) == there.len()))
        })
    },
    ..OF_DRAWINGS
};

/// Share of the drawn images in which every relation that the text states, as that one object is left of another, holds between two of the
/// objects that a detector finds. Texts that state none do not count; one between objects that are not both found does not hold.
pub(super) static DRAWN_RELATIONS: Metric = Metric {
    name: "drawn-relations",
    summary: "share of drawn images in which the relations that the text states hold between objects that are found",
    undefined: "no text of a made-up scene that states a relation, or no detector",
    contributions: |pairs, _| each(pairs, |drawn, _| drawn.has_relations.map(Contribution::of_hit)),
    ..OF_DRAWINGS
};

/// Share of the drawn images of which what the text says is true, as far as the detector sees it: every object that is named, and every
/// relation between two of them.
pub(super) static DRAWING_TRUTH: Metric = Metric {
    name: "drawing-truth",
    summary: "share of drawn images in which the objects and relations that the text names are found",
    undefined: "no text of a made-up scene, or no detector",
    contributions: |pairs, _| each(pairs, |drawn, _| drawn.is_as_told.map(Contribution::of_hit)),
    ..OF_DRAWINGS
};

/// Share of the drawn images whose text is nearest to them among a hundred, by the scorer.
pub(super) static DRAWING_FOUND: Metric = Metric {
    name: "drawing-found",
    summary: "share of drawn images whose text a scorer puts first among a hundred",
    undefined: "no image, or no scorer",
    contributions: |pairs, _| each(pairs, |drawn, _| drawn.is_found.map(Contribution::of_hit)),
    ..OF_DRAWINGS
};

/// The contribution of each pair of drawings; none where either is another prediction.
fn each(
    pairs: &[ScoredPair<'_>],
    contribution: impl Fn(&Drawing, &Drawing) -> Option<Contribution>,
) -> Vec<Contribution> {
    let of = |pair: &ScoredPair<'_>| match (&*pair.prediction, &*pair.reference) {
        (Prediction::Drawing(drawn), Prediction::Drawing(real)) => contribution(drawn, real),
        _ => None,
    };
    pairs.iter().map(|pair| of(pair).unwrap_or_else(Contribution::none)).collect()
}

/// How many elements two multisets have in common.
fn common(one: &[String], other: &[String]) -> usize {
    let mut left: Vec<&String> = other.iter().collect();
    let is_there = |own: &&String| {
        let place = left.iter().position(|other| other == own);
        place.map(|place| left.swap_remove(place)).is_some()
    };
    one.iter().filter(is_there).count()
}

/// The vectors of both images, one behind the other; nothing where one is missing or they differ in width.
fn vectors(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    each(pairs, |drawn, real| {
        let (drawn, real) = (&drawn.vector, &real.vector);
        if drawn.is_empty() || drawn.len() != real.len() {
            return None;
        }
        let numbers = drawn.iter().chain(real).map(|&number| f64::from(number));
        Some(Contribution::of_sums(numbers.enumerate()))
    })
}

/// The rows of drawn images and of real ones, as matrices with a row an image; none of fewer than two.
fn rows(all: &[&Contribution]) -> Option<[DMatrix<f64>; 2]> {
    let all: Vec<&[(usize, f64)]> =
        all.iter().map(|one| one.0.as_slice()).filter(|numbers| !numbers.is_empty()).collect();
    let width = all.first()?.len() / 2;
    if all.len() < 2 || all.iter().any(|numbers| numbers.len() != 2 * width) {
        return None;
    }
    let of = |first: usize| DMatrix::from_fn(all.len(), width, |row, column| all[row][first + column].1);
    Some([of(0), of(width)])
}

/// Mean and covariance.
struct Moments {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
}

fn moments(all: &[&Contribution]) -> Option<[Moments; 2]> {
    let of = |mut rows: DMatrix<f64>| {
        let mean = rows.row_mean().transpose();
        for mut row in rows.row_iter_mut() {
            row -= mean.transpose();
        }
        let covariance = rows.tr_mul(&rows) / (rows.nrows() - 1) as f64;
        Moments { mean, covariance }
    };
    Some(rows(all)?.map(of))
}

/// The square root of a symmetric matrix whose eigenvalues are not negative, but for rounding.
fn root(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let own = SymmetricEigen::new(matrix.clone());
    let roots = own.eigenvalues.map(|value| value.max(0.0).sqrt());
    &own.eigenvectors * DMatrix::from_diagonal(&roots) * own.eigenvectors.transpose()
}

fn frechet(one: &Moments, other: &Moments) -> Option<f64> {
    let apart = (&one.mean - &other.mean).norm_squared();
    let root = root(&one.covariance);
    let product = &root * &other.covariance * &root;
    // Rounding makes it a little unsymmetric.
    let product = (&product + product.transpose()) * 0.5;
    let roots: f64 = SymmetricEigen::new(product).eigenvalues.iter().map(|value| value.max(0.0).sqrt()).sum();
    let distance = apart + one.covariance.trace() + other.covariance.trace() - 2.0 * roots;
    distance.is_finite().then(|| distance.max(0.0))
}

fn kernel(all: &[&Contribution]) -> Option<f64> {
    let [drawn, real] = rows(all)?;
    let (count, width) = (drawn.nrows() as f64, drawn.ncols() as f64);
    let of = |one: &DMatrix<f64>, other: &DMatrix<f64>| {
        (one * other.transpose()).map(|product| (product / width + 1.0).powi(3))
    };
    let within = |rows: &DMatrix<f64>| {
        let products = of(rows, rows);
        (products.sum() - products.trace()) / (count * (count - 1.0))
    };
    let distance = within(&drawn) + within(&real) - 2.0 * of(&drawn, &real).sum() / (count * count);
    distance.is_finite().then_some(distance)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alambic_data::Raster;

    use super::super::{Scores, score_all};
    use super::*;

    fn drawing(vector: &[f32], objects: Option<&[&str]>, is_found: Option<bool>) -> Prediction {
        let raster = Raster { width: 1, height: 1, rgb: Arc::new(vec![0; 3]) };
        Prediction::Drawing(Drawing {
            raster,
            tokens: Vec::new(),
            vector: vector.to_vec(),
            objects: objects.map(|all| all.iter().map(ToString::to_string).collect()),
            is_as_told: is_found,
            has_relations: None,
            is_found,
            is_reconstruction: false,
            state_distance: None,
        })
    }

    fn values(names: &[&str], drawn: &[Prediction], real: &[Prediction]) -> Vec<Option<f64>> {
        score_all(names, drawn, real, 1).unwrap().values().map(Scores::value).collect()
    }

    #[test]
    fn objects_are_counted_as_multisets() {
        let real = [
            drawing(&[], Some(&["red circle", "red circle"]), None),
            drawing(&[], Some(&["blue square"]), None),
        ];
        let drawn = [
            drawing(&[], Some(&["red circle", "blue square"]), Some(true)),
            drawing(&[], Some(&["blue square"]), Some(false)),
        ];
        let names = ["drawn-objects", "drawn-exactly", "drawing-truth", "drawing-found", "frechet-distance"];
        // Two right of three that are found and three that are there.
        assert_eq!(values(&names, &drawn, &real), [Some(2.0 / 3.0), Some(0.5), Some(0.5), Some(0.5), None]);
        let unseen = [drawing(&[], None, None), drawing(&[], None, None)];
        assert_eq!(values(&names, &unseen, &real), [None; 5]);
    }

    #[test]
    fn relations_count_where_the_text_states_one() {
        let drawn = |has_relations: Option<bool>| {
            let Prediction::Drawing(own) = drawing(&[], None, None) else { unreachable!("it is a drawing") };
            Prediction::Drawing(Drawing { has_relations, ..own })
        };
        let real = vec![drawn(None); 4];
        let all = [drawn(Some(true)), drawn(None), drawn(Some(false)), drawn(Some(true))];
        assert_eq!(values(&["drawn-relations"], &all, &real), [Some(2.0 / 3.0)]);
        assert_eq!(values(&["drawn-relations"], &real, &real), [None]);
    }

    #[test]
    fn distances_are_those_of_numpy_and_scipy() {
        let rows = |rows: &[[f32; 3]]| -> Vec<Prediction> {
            rows.iter().map(|row| drawing(row, None, None)).collect()
        };
        let drawn = rows(&DRAWN);
        let real = rows(&REAL);
        let found = values(&["frechet-distance", "kernel-distance"], &drawn, &real);
        for (found, expected) in found.iter().zip([FRECHET, KERNEL]) {
            assert!((found.unwrap() - expected).abs() < 1e-9, "{found:?} is not {expected}");
        }
        let same = values(&["frechet-distance"], &drawn, &drawn);
        assert!(same[0].unwrap() < 1e-9);
        assert_eq!(values(&["frechet-distance"], &drawn[..1], &real[..1]), [None]);
    }
    const DRAWN: [[f32; 3]; 5] = [
        [2.04, -2.56, 0.42],
        [-0.57, -0.45, -0.22],
        [-2.02, -0.23, -0.87],
        [3.32, 0.23, -0.35],
        [-0.28, -0.67, -1.06],
    ];
    const REAL: [[f32; 3]; 5] = [
        [-0.09, 0.96, -0.32],
        [1.26, -0.4, -0.19],
        [1.85, 1.09, -0.45],
        [0.12, 1.08, 0.77],
        [0.03, -0.49, 0.3],
    ];
    /// By `reports/tests/golden/drawing.py`.
    const FRECHET: f64 = 3.779_031_693_686_382;
    /// The same.
    const KERNEL: f64 = -0.520_485_204_153_919_4;
}
