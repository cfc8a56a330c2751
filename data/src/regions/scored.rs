//! Confidence of a detector in what it found.

use crate::error::RegionFault;

/// An attribute with the confidence in it.
pub(super) type ScoredAttribute = (String, f32);

/// Checks that there is a confidence for each of so many regions, or none at all, and that each is from 0 to 1.
///
/// # Errors
/// With the first region of which that is not so.
pub(super) fn check_confidences(confidences: &[f32], regions: usize) -> Result<(), RegionFault> {
    if !confidences.is_empty() && confidences.len() != regions {
        return Err(RegionFault::ConfidenceCount { confidences: confidences.len(), regions });
    }
    let is_none = |(_, confidence): &(usize, &f32)| !(0.0..=1.0).contains(*confidence);
    match confidences.iter().enumerate().find(is_none) {
        Some((index, found)) => Err(RegionFault::Confidence { region: index + 1, found: found.to_string() }),
        None => Ok(()),
    }
}

/// Attributes of an object with the confidence in each; 1 where there are no confidences.
///
/// # Errors
/// When there is not one for each, or one is not from 0 to 1.
pub(super) fn scored_attributes(
    object: usize,
    attributes: Vec<String>,
    confidences: Option<Vec<f32>>,
) -> Result<Vec<ScoredAttribute>, RegionFault> {
    let confidences = confidences.unwrap_or_else(|| vec![1.0; attributes.len()]);
    if confidences.len() != attributes.len() {
        return Err(RegionFault::AttributeCount {
            object,
            attributes: attributes.len(),
            confidences: confidences.len(),
        });
    }
    if let Some(found) = confidences.iter().find(|own| !(0.0..=1.0).contains(*own)) {
        return Err(RegionFault::Confidence { region: object, found: found.to_string() });
    }
    Ok(attributes.into_iter().zip(confidences).collect())
}
