//! Shared parts of the terms over regions of images.

use std::sync::Arc;

use alambic_settings::choices;
use alambic_tensor::candle::Tensor;
use alambic_tensor::ops;

use crate::{Inputs, LossError, RegionTargets};

choices! {
    /// Which regions a mean over regions is taken over.
    pub enum RegionsCounted {
        /// Those that there are.
        Real = "real",
        /// All, padding included, as in the authors' code, whose images all have 36 regions.
        All = "all",
    }
}

impl RegionsCounted {
    /// What a sum over regions is divided by: how many are counted, times the share that is masked.
    pub(crate) fn divisor(self, targets: &RegionTargets, masked_share: f64) -> f64 {
        let counted = match self {
            Self::Real => targets.real.iter().map(|&real| f64::from(real)).sum(),
            Self::All => targets.real.len() as f64,
        };
        // A batch without regions has a sum of zero.
        if counted > 0.0 { counted * masked_share } else { 1.0 }
    }
}

/// The cross-entropy of logits `[batch, regions, classes]` with a class of each region, times how sure the class is, summed and
/// divided.
pub(crate) fn classified(
    inputs: &Inputs<'_>,
    tap: &str,
    (classes, confidence): (&Arc<Vec<u32>>, &Arc<Vec<f32>>),
    divisor: f64,
) -> Result<Tensor, LossError> {
    let sure: f64 = confidence.iter().map(|&sure| f64::from(sure)).sum();
    let settings =
        ops::CrossEntropy { targets: classes.clone(), weights: confidence.clone(), smoothing: 0.0 };
    // The cross-entropy is a mean by these weights.
    Ok((ops::cross_entropy(inputs.student(tap)?, settings)? * (sure / divisor))?)
}
