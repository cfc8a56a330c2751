//! Features of masked regions of images.

use alambic_models::{Outline, PREDICTED_FEATURES};
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::regions::RegionsCounted;
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Distance of the features that are predicted of masked regions from what they were.
    ///
    /// `L = 1/(p N) Σ_r m_r · 1/F Σ_f h(x_rf - y_rf)` over the N regions of a batch with m 1 where one is masked, F numbers of features,
    /// and h the smooth L1 distance with β = 1: `h(d) = d²/2` where |d| < 1, else `|d| - 1/2`; p is the share that is masked. This is
    /// RoI-feature regression of LXMERT (Tan and Bansal, 2019, 3.1.2) as its code has it (`airsplay/lxmert`; the paper's is L2), and
    /// `LxmertForPreTraining` of transformers, where 1/p is 6.67.
    pub struct RegionFeatures {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Which regions the mean is over.
        pub regions_counted: RegionsCounted = RegionsCounted::Real,
        /// Share p of the regions that is masked; the same as `mask-regions.probability` of the data.
        #[range(0.001..=1.0)]
        pub masked_share: f64 = 0.15,
    }
}

const NAME: &str = "region-features";

impl LossTerm for RegionFeatures {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.regions.is_none_or(|heads| heads.features == 0) {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student has no head over features of regions".into(),
            });
        }
        let (counted, share) = (self.regions_counted, self.masked_share);
        let compute = move |inputs: &Inputs<'_>| {
            let own = &inputs.targets.regions;
            let predicted = inputs.student(PREDICTED_FEATURES)?;
            let (batch, regions, width) = predicted.dims3()?;
            let features = Tensor::from_vec(own.features.to_vec(), predicted.shape(), device::current())?;
            let masked = Tensor::from_vec(own.masked.to_vec(), (batch, regions, 1), device::current())?;
            let apart = (predicted - features)?.abs()?;
            let near = apart.minimum(1.0)?;
            let distance = (&near * (&apart - (&near * 0.5)?)?)?;
            let sum = distance.broadcast_mul(&masked)?.sum_all()?;
            Ok((sum / (width.max(1) as f64 * counted.divisor(own, share)))?)
        };
        Ok(Term::new(NAME, self.weight, vec![PREDICTED_FEATURES.into()], Vec::new(), Box::new(compute))
            .reading_padding(true)
            .with_targets(&[TargetKind::Regions]))
    }
}
