//! UNIMO's regression of the features of masked regions of images.

use alambic_models::{Outline, PREDICTED_FEATURES};
use alambic_settings::{choices, settings};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

choices! {
    /// What becomes of the squared differences of a region's numbers.
    pub enum WidthReduction {
        /// Their sum, as published.
        Sum = "sum",
        /// Their mean.
        Mean = "mean",
    }
}

settings! {
    /// Squared distance of the features that are predicted of masked regions or patches from what they were.
    ///
    /// `L = 1/M Σ_r m_r Σ_f (x_rf - y_rf)²` over the M regions of a batch with m 1, which are masked, F numbers of features each; 0 where
    /// none is masked. This is region regression of UNIMO (Li et al., 2021, section 3.2); as a departure, the mean over F in place of
    /// the sum.
    pub struct RegionRegression {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What becomes of the squared differences of a region's numbers.
        pub over_width: WidthReduction = WidthReduction::Sum,
    }
}

const NAME: &str = "region-regression";

impl LossTerm for RegionRegression {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.regions.is_none_or(|heads| heads.features == 0) {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student has no head over features of regions or patches".into(),
            });
        }
        let over_width = self.over_width;
        let compute = move |inputs: &Inputs<'_>| {
            let own = &inputs.targets.regions;
            let predicted = inputs.student(PREDICTED_FEATURES)?;
            let (batch, regions, width) = predicted.dims3()?;
            let features = Tensor::from_vec(own.features.to_vec(), predicted.shape(), device::current())?;
            let masked = Tensor::from_vec(own.masked.to_vec(), (batch, regions, 1), device::current())?;
            let count: f64 = own.masked.iter().map(|&masked| f64::from(masked)).sum();
            let numbers = match over_width {
                WidthReduction::Sum => 1.0,
                WidthReduction::Mean => width.max(1) as f64,
            };
            let sum = (predicted - features)?.sqr()?.broadcast_mul(&masked)?.sum_all()?;
            Ok((sum / (count.max(1.0) * numbers))?)
        };
        Ok(Term::new(NAME, self.weight, vec![PREDICTED_FEATURES.into()], Vec::new(), Box::new(compute))
            .reading_padding(true)
            .with_targets(&[TargetKind::Regions]))
    }
}
