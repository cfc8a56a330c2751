//! Selection of the regions of an image among the boxes that a detector has for all cells.

use super::object_detector::box_iou;

/// Minimum probability of an object in a cell.
const MIN_PROBABILITY: f32 = 0.4;

/// Maximum intersection over union of two regions of an image; of two that overlap more the likelier one is kept.
const MAX_OVERLAP: f32 = 0.5;

/// The same within a class, in VinVL's selection.
const MAX_OVERLAP_OF_CLASS: f32 = 0.3;

/// Minimum confidence of a region in VinVL's selection, where there are as many as are wanted at least.
const MIN_CONFIDENCE: f32 = 0.2;

/// Regions that VinVL's selection keeps at least, as far as there are any left, and at most.
const MIN_REGIONS: usize = 10;
const MAX_REGIONS: usize = 100;

/// A region that is kept, by its place among the boxes, with its class and the confidence in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Selected {
    pub(super) place: usize,
    pub(super) class: usize,
    pub(super) confidence: f32,
}

/// Likely objects without those that overlap a likelier one, whatever they are: by the logits of objects and of classes, with the
/// confidence in each class at each place.
pub(super) fn agnostic(
    objectness: &[f32],
    bounds: &[[f32; 4]],
    logits: &[Vec<f32>],
    scores: &[Vec<f32>],
) -> Vec<Selected> {
    let min_logit = (MIN_PROBABILITY / (1.0 - MIN_PROBABILITY)).ln();
    let mut candidates: Vec<usize> =
        (0..bounds.len()).filter(|&place| objectness[place] >= min_logit).collect();
    candidates.sort_by(|&one, &other| objectness[other].total_cmp(&objectness[one]).then(one.cmp(&other)));
    let mut kept: Vec<usize> = Vec::new();
    for next in candidates {
        if kept.iter().all(|&other| box_iou(bounds[other], bounds[next]) <= MAX_OVERLAP) {
            kept.push(next);
        }
    }
    let selected = |place: usize| {
        let class = best(&logits[place]);
        Selected { place, class, confidence: scores[place].get(class).copied().unwrap_or_default() }
    };
    kept.into_iter().map(selected).collect()
}

/// The first of the largest numbers.
fn best(numbers: &[f32]) -> usize {
    let best = (0..numbers.len())
        .max_by(|&one, &other| numbers[one].total_cmp(&numbers[other]).then(other.cmp(&one)));
    best.unwrap_or_default()
}

/// VinVL's regions, the surest first: of boxes of a class that overlap the surest is left, each box has the best class in which it
/// is left, and of all of these those are kept that are sure enough.
pub(super) fn vinvl(bounds: &[[f32; 4]], scores: &[Vec<f32>]) -> Vec<Selected> {
    let classes = scores.first().map_or(0, Vec::len);
    let overlapping: Vec<Vec<usize>> = bounds
        .iter()
        .enumerate()
        .map(|(place, own)| {
            let overlaps =
                |other: &usize| *other != place && box_iou(*own, bounds[*other]) > MAX_OVERLAP_OF_CLASS;
            (0..bounds.len()).filter(overlaps).collect()
        })
        .collect();
    let mut left: Vec<Option<Selected>> = vec![None; bounds.len()];
    let sure_of = |place: usize, class: usize| scores[place][class];
    for class in 0..classes {
        let mut order: Vec<usize> = (0..bounds.len()).collect();
        order.sort_by(|&one, &other| sure_of(other, class).total_cmp(&sure_of(one, class)));
        let mut suppressed = vec![false; bounds.len()];
        for place in order {
            if suppressed[place] {
                continue;
            }
            overlapping[place].iter().for_each(|&other| suppressed[other] = true);
            let confidence = sure_of(place, class);
            // A class of confidence 0 is none.
            if confidence > left[place].map_or(0.0, |own| own.confidence) {
                left[place] = Some(Selected { place, class, confidence });
            }
        }
    }
    let mut selected: Vec<Selected> = left.into_iter().flatten().collect();
    selected.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    let sure = selected.iter().filter(|own| own.confidence >= MIN_CONFIDENCE).count();
    selected.truncate(sure.clamp(MIN_REGIONS, MAX_REGIONS));
    selected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Boxes of a width of 0.04 side by side, which do not overlap.
    fn apart(count: usize) -> Vec<[f32; 4]> {
        (0..count)
            .map(|index| {
                let (row, column) = (index / 20, index % 20);
                let (left, top) = (0.05 * column as f32, 0.05 * row as f32);
                [left, top, left + 0.04, top + 0.04]
            })
            .collect()
    }

    #[test]
    fn overlapping_boxes_of_a_class_are_one_and_those_of_two_classes_two() {
        let bounds = [[0.0, 0.0, 0.4, 0.4], [0.0, 0.0, 0.4, 0.36], [0.5, 0.5, 0.9, 0.9]];
        // The second box is suppressed in the first class, and has the second one left, of which it is the surest.
        let scores = vec![vec![0.9, 0.05], vec![0.8, 0.1], vec![0.1, 0.6]];
        let found: Vec<(usize, usize)> =
            vinvl(&bounds, &scores).iter().map(|own| (own.place, own.class)).collect();
        assert_eq!(found, [(0, 0), (2, 1), (1, 1)]);
        assert_eq!(vinvl(&bounds, &scores)[2].confidence, 0.1);
        // Of one class alone it is gone, though fewer than ten are left.
        let one = vec![vec![0.9], vec![0.8], vec![0.1]];
        assert_eq!(vinvl(&bounds, &one).iter().map(|own| own.place).collect::<Vec<_>>(), [0, 2]);
    }

    #[test]
    fn regions_are_at_least_ten_and_at_most_a_hundred() {
        let scores = |sure: usize| -> Vec<Vec<f32>> {
            (0..200).map(|index| vec![if index < sure { 0.2 } else { 0.199 }]).collect()
        };
        let count = |sure| vinvl(&apart(200), &scores(sure)).len();
        assert_eq!([count(0), count(10), count(11), count(100), count(150)], [10, 10, 11, 100, 100]);
        // Of equal ones the first come first; what is sure goes before what is not.
        let first: Vec<usize> = vinvl(&apart(200), &scores(3)).iter().map(|own| own.place).collect();
        assert_eq!(first, (0..10).collect::<Vec<_>>());
        assert_eq!(vinvl(&apart(4), &vec![vec![0.5]; 4]).len(), 4, "there are no more");
        assert!(vinvl(&[], &[]).is_empty());
    }

    #[test]
    fn overlapping_objects_are_one_whatever_they_are() {
        let bounds = [[0.0, 0.0, 0.4, 0.4], [0.0, 0.0, 0.4, 0.36], [0.5, 0.5, 0.9, 0.9]];
        let (logits, scores) = (vec![vec![0.0, 1.0]; 3], vec![vec![0.2, 0.7]; 3]);
        let found = agnostic(&[1.0, 2.0, -0.5], &bounds, &logits, &scores);
        assert_eq!(found, [Selected { place: 1, class: 1, confidence: 0.7 }]);
    }
}
