//! Classes of the objects in regions of images, as a detector has them.

use alambic_data::DetectedRegions;

use crate::error::RunError;

/// How likely each of so many classes is that of the object in a region: `[images, most, classes]`, with zeros for regions of which
/// nothing is known, and for padding. Where the class of a region alone is known, it is the confidence in that, and 0 for the others.
pub(super) fn class_probabilities(
    found: &[&DetectedRegions],
    most: usize,
    classes: usize,
) -> Result<Vec<f32>, RunError> {
    let mut all = vec![0.0; found.len() * most * classes];
    if classes == 0 {
        return Ok(all);
    }
    let too_many = |found: usize| {
        RunError::Recipe(format!(
            "regions are of {found} classes of objects, and the student has {classes}: raise its `objects` to {found}"
        ))
    };
    for (image, own) in all.chunks_mut(most.max(1) * classes).zip(found) {
        if own.classes > classes {
            return Err(too_many(own.classes));
        }
        if own.classes > 0 {
            let rows = own.class_probabilities.chunks_exact(own.classes);
            for (region, known) in image.chunks_exact_mut(classes).zip(rows) {
                region[..own.classes].copy_from_slice(known);
            }
            continue;
        }
        let labels = own.labels.iter().flat_map(|labels| &labels.objects);
        for (region, label) in image.chunks_exact_mut(classes).zip(labels) {
            if let Some(class) = label.class.map(|class| class as usize) {
                *region.get_mut(class).ok_or_else(|| too_many(class + 1))? = label.confidence;
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alambic_data::{RegionLabel, RegionLabels};

    use super::*;

    fn of_classes(classes: usize, probabilities: &[f32]) -> DetectedRegions {
        let class_probabilities = Arc::new(probabilities.to_vec());
        DetectedRegions { classes, class_probabilities, ..DetectedRegions::default() }
    }

    #[test]
    fn probabilities_are_the_detectors_or_the_confidence_in_the_class_alone() {
        let known = of_classes(2, &[0.25, 0.75, 0.5, 0.5]);
        let label = |class, confidence| RegionLabel { class, confidence };
        let objects = vec![label(Some(2), 0.9), label(None, 0.8)];
        let labels = Some(RegionLabels { objects, attributes: Vec::new() });
        let labelled = DetectedRegions { labels, ..DetectedRegions::default() };
        let unknown = DetectedRegions::default();
        let found = class_probabilities(&[&known, &labelled, &unknown], 2, 3).unwrap();
        assert_eq!(found[..6], [0.25, 0.75, 0.0, 0.5, 0.5, 0.0]);
        assert_eq!(found[6..], [0.0, 0.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        for (refused, classes) in [(&labelled, "3"), (&of_classes(4, &[0.25; 4]), "4")] {
            let error = class_probabilities(&[refused], 2, 2).unwrap_err().to_string();
            assert!(error.contains(&format!("raise its `objects` to {classes}")), "{error}");
        }
        // Regions beyond those that are read do not count, nor do padding and patches.
        assert_eq!(class_probabilities(&[&known], 1, 2).unwrap(), [0.25, 0.75]);
        assert_eq!(class_probabilities(&[&known], 3, 2).unwrap()[4..], [0.0, 0.0]);
        assert!(class_probabilities(&[&known], 2, 0).unwrap().is_empty());
    }
}
