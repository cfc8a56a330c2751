//! Average precision of objects that are found in images, as `COCOeval` of pycocotools computes it.

use indexmap::IndexSet;

use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always,
};
use super::prediction::{ObjectPrediction, ObjectsPrediction, Prediction, PredictionKind};

/// Mean average precision: the mean over classes, over ten intersections over union from 0.5 to 0.95, and over recalls of 0, 0.01, …, 1
/// of the largest precision at that recall or more. Of an image at most 100 objects of a class count, the surest; each finds the
/// object that it overlaps most of those that none before it has found. Classes of which no object is in the images do not count.
pub(super) static MAP: Metric = Metric {
    name: "map",
    summary: "mean average precision of objects over intersections over union from 0.5 to 0.95 (COCO)",
    undefined: "no object in the images",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Objects],
    references: &[PredictionKind::Objects],
    suits: always,
    is_default: always,
    contributions: objects,
    value: Value::OfContributions(|all| mean_average_precision(all, THRESHOLDS)),
};

/// The same at an intersection over union of 0.5 alone.
pub(super) static MAP_50: Metric = Metric {
    name: "map-50",
    summary: "mean average precision of objects at an intersection over union of 0.5 (COCO)",
    value: Value::OfContributions(|all| mean_average_precision(all, 1)),
    ..MAP
};

/// Mean over attributes of the average precision of their probabilities at the objects that are there, whether they were found or
/// not: precisions at the recalls of [`MAP`].
pub(super) static ATTRIBUTE_MAP: Metric = Metric {
    name: "attribute-map",
    summary: "mean average precision of the attributes of the objects that are there, by their true boxes",
    undefined: "no object with attributes, or no attributes that are predicted",
    contributions: attributes,
    value: Value::OfContributions(|all| mean_average_precision(all, 1)),
    ..MAP
};

/// Intersections over union at which objects are compared.
const THRESHOLDS: usize = 10;

/// Objects of a class in an image that count at most.
const MAX_OBJECTS: usize = 100;

/// Recalls at which precision is read, less the first, which is 0.
const RECALLS: usize = 100;

/// Of each class three kinds of numbers: how many objects there are; and of each object that is found, the confidence in it, and
/// then the thresholds at which it is right, as the bits of a number.
const NUMBERS: usize = 3;

/// The least intersection over union at each of the thresholds.
fn threshold(index: usize) -> f64 {
    let (first, last) = (0.5, 0.95);
    let own = if index + 1 == THRESHOLDS {
        last
    } else {
        index as f64 * ((last - first) / (THRESHOLDS - 1) as f64) + first
    };
    own.min(1.0 - 1e-10)
}

/// Both sides of a pair of objects.
fn sides<'p>(pair: &'p ScoredPair<'_>) -> Option<[&'p ObjectsPrediction; 2]> {
    match (&*pair.prediction, &*pair.reference) {
        (Prediction::Objects(found), Prediction::Objects(there)) => Some([found, there]),
        _ => None,
    }
}

fn objects(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let all = pairs.iter().filter_map(sides).flatten().flat_map(|side| &side.objects);
    let classes: IndexSet<&str> = all.map(|object| object.class.as_str()).collect();
    let own = |pair: &ScoredPair<'_>| {
        let Some([found, there]) = sides(pair) else { return Contribution::none() };
        let mut numbers = Vec::new();
        for (index, class) in classes.iter().enumerate() {
            let of_class = |side: &'_ ObjectsPrediction| -> Vec<ObjectPrediction> {
                side.objects.iter().filter(|object| object.class == **class).cloned().collect()
            };
            let (mut found, there) = (of_class(found), of_class(there));
            found.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
            found.truncate(MAX_OBJECTS);
            numbers.push((NUMBERS * index, there.len() as f64));
            for (object, right) in found.iter().zip(matches(&found, &there)) {
                numbers.push((NUMBERS * index + 1, f64::from(object.confidence)));
                numbers.push((NUMBERS * index + 2, f64::from(right)));
            }
        }
        Contribution::of_sums(numbers)
    };
    pairs.iter().map(own).collect()
}

/// The thresholds at which each object of a class is right, as bits; the surest finds its object first.
fn matches(found: &[ObjectPrediction], there: &[ObjectPrediction]) -> Vec<u16> {
    let overlaps: Vec<Vec<f64>> = found
        .iter()
        .map(|own| there.iter().map(|other| intersection_over_union(own.bounds, other.bounds)).collect())
        .collect();
    let mut right = vec![0; found.len()];
    for index in 0..THRESHOLDS {
        let mut taken = vec![false; there.len()];
        for (own, overlaps) in right.iter_mut().zip(&overlaps) {
            let (mut best, mut largest) = (None, threshold(index));
            for (place, &overlap) in overlaps.iter().enumerate() {
                // Of equal ones the last, as pycocotools has it.
                if !taken[place] && overlap >= largest {
                    (best, largest) = (Some(place), overlap);
                }
            }
            if let Some(place) = best {
                taken[place] = true;
                *own |= 1 << index;
            }
        }
    }
    right
}

/// Intersection over union of two boxes, given by their left, top, right and bottom edges; 0 of boxes without an extent.
fn intersection_over_union(one: [f32; 4], other: [f32; 4]) -> f64 {
    let [one, other] = [one, other].map(|edges| edges.map(f64::from));
    let area = |[left, top, right, bottom]: [f64; 4]| (right - left) * (bottom - top);
    let width = one[2].min(other[2]) - one[0].max(other[0]);
    let height = one[3].min(other[3]) - one[1].max(other[1]);
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    let common = width * height;
    common / (area(one) + area(other) - common)
}

fn attributes(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let all = pairs.iter().filter_map(sides).flatten().flat_map(|side| side.attributes.iter().flatten());
    let names: IndexSet<&str> = all.map(|(name, _)| name.as_str()).collect();
    let own = |pair: &ScoredPair<'_>| {
        let Some([found, there]) = sides(pair) else { return Contribution::none() };
        let mut numbers = Vec::new();
        for (found, there) in found.attributes.iter().zip(&there.attributes) {
            for (name, _) in there {
                let index = names.get_index_of(name.as_str()).unwrap_or_default();
                numbers.push((NUMBERS * index, 1.0));
            }
            for (name, probability) in found {
                let index = names.get_index_of(name.as_str()).unwrap_or_default();
                let is_right = there.iter().any(|(own, _)| own == name);
                numbers.push((NUMBERS * index + 1, f64::from(*probability)));
                numbers.push((NUMBERS * index + 2, f64::from(u8::from(is_right))));
            }
        }
        Contribution::of_sums(numbers)
    };
    pairs.iter().map(own).collect()
}

/// What was found of a class.
#[derive(Debug, Default, Clone)]
struct Found {
    /// Objects that are there.
    there: usize,
    /// Confidence in each object that was found, and the thresholds at which it is right.
    found: Vec<(f64, u16)>,
}

/// The mean over the first so many thresholds and over the classes of which there are objects.
fn mean_average_precision(all: &[&Contribution], thresholds: usize) -> Option<f64> {
    let mut classes: Vec<Found> = Vec::new();
    let mut confidence = 0.0;
    for &(number, value) in all.iter().flat_map(|own| &own.0) {
        let class = number / NUMBERS;
        if classes.len() <= class {
            classes.resize(class + 1, Found::default());
        }
        match number % NUMBERS {
            0 => classes[class].there += value as usize,
            1 => confidence = value,
            _ => classes[class].found.push((confidence, value as u16)),
        }
    }
    let mut sum = 0.0;
    let mut counted = 0;
    for Found { there, found } in &mut classes {
        if *there == 0 {
            continue;
        }
        // A stable sort: of equal ones those of earlier images go first.
        found.sort_by(|one, other| other.0.total_cmp(&one.0));
        for threshold in 0..thresholds {
            sum += average_precision(found.iter().map(|(_, right)| right >> threshold & 1 == 1), *there);
            counted += 1;
        }
    }
    (counted > 0).then(|| sum / f64::from(counted))
}

/// Mean over recalls of the largest precision at that recall or more, of objects that are right or not, the surest first.
fn average_precision(found: impl Iterator<Item = bool>, there: usize) -> f64 {
    let (mut right, mut wrong) = (0.0, 0.0);
    let mut points: Vec<(f64, f64)> = found
        .map(|is_right| {
            if is_right {
                right += 1.0;
            } else {
                wrong += 1.0;
            }
            // pycocotools adds the same, so that nothing is divided by zero.
            (right / there as f64, right / (wrong + right + f64::EPSILON))
        })
        .collect();
    let mut largest: f64 = 0.0;
    for (_, precision) in points.iter_mut().rev() {
        largest = largest.max(*precision);
        *precision = largest;
    }
    let at = |recall: f64| {
        let first = points.partition_point(|(own, _)| *own < recall);
        points.get(first).map_or(0.0, |(_, precision)| *precision)
    };
    let sum: f64 = (0..=RECALLS).map(|index| at(index as f64 * (1.0 / RECALLS as f64))).sum();
    sum / (RECALLS + 1) as f64
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::metrics::score_all;

    /// An image of `detection.json`, which `tests/golden/detection.py` writes.
    #[derive(Deserialize)]
    struct Image {
        /// Class, edges and confidence of each object that was found.
        found: Vec<(String, [f32; 4], f32)>,
        /// Class, edges and attributes of each object that is there.
        there: Vec<(String, [f32; 4], Vec<String>)>,
        /// Probability of each attribute at each object that is there.
        described: Vec<Vec<f32>>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: String,
        attributes: Vec<String>,
        images: Vec<Image>,
        map: Option<f64>,
        map_50: Option<f64>,
        attribute_map: Option<f64>,
    }

    fn object(class: &str, bounds: [f32; 4], confidence: f32) -> ObjectPrediction {
        ObjectPrediction { class: class.to_owned(), bounds, confidence }
    }

    fn sides(image: &Image, attributes: &[String]) -> [Prediction; 2] {
        let found = image.found.iter().map(|(class, bounds, own)| object(class, *bounds, *own)).collect();
        let there = image.there.iter().map(|(class, bounds, _)| object(class, *bounds, 1.0)).collect();
        let described = image
            .described
            .iter()
            .map(|own| attributes.iter().cloned().zip(own.iter().copied()).collect())
            .collect();
        let right = image.there.iter().map(|own| own.2.iter().map(|name| (name.clone(), 1.0)).collect());
        [
            Prediction::Objects(ObjectsPrediction { objects: found, attributes: described }),
            Prediction::Objects(ObjectsPrediction { objects: there, attributes: right.collect() }),
        ]
    }

    /// Values of pycocotools 2.0.
    #[test]
    fn precisions_are_those_of_pycocotools() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/golden/detection.json")).unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            let both: Vec<[Prediction; 2]> =
                case.images.iter().map(|image| sides(image, &case.attributes)).collect();
            let (found, there): (Vec<_>, Vec<_>) = both.into_iter().map(|[one, other]| (one, other)).unzip();
            let names = ["map", "map-50", "attribute-map"];
            let scores = score_all(&names, &found, &there, 1).unwrap();
            for (name, expected) in names.iter().zip([case.map, case.map_50, case.attribute_map]) {
                match (scores[*name].value(), expected) {
                    (Some(value), Some(expected)) => {
                        assert!((value - expected).abs() < 1e-12, "{} {name}: {value} {expected}", case.name);
                    }
                    (value, expected) => assert_eq!(value, expected, "{} {name}", case.name),
                }
            }
        }
    }

    #[test]
    fn order_of_images_decides_among_equally_sure_objects_alone() {
        let there = [0.0, 0.0, 0.5, 0.5];
        let image = |found: &[([f32; 4], f32)]| {
            let objects = found.iter().map(|(bounds, own)| object("a", *bounds, *own)).collect();
            Prediction::Objects(ObjectsPrediction { objects, attributes: Vec::new() })
        };
        let reference = image(&[(there, 1.0)]);
        let value = |found: &[Prediction]| {
            let references = vec![reference.clone(); found.len()];
            score_all(&["map-50"], found, &references, 1).unwrap()["map-50"].value().unwrap()
        };
        let (right, wrong) = (image(&[(there, 0.8)]), image(&[([0.6, 0.6, 0.9, 0.9], 0.9)]));
        assert_eq!(value(&[right.clone(), wrong.clone()]), value(&[wrong, right.clone()]));
        // A mean over the 101 recalls that are read.
        assert!((value(&[right.clone(), image(&[])]) - 51.0 / 101.0).abs() < 1e-12);
        assert!((value(&[right]) - 1.0).abs() < 1e-12);
    }
}
