//! Objects of regions of images.

use alambic_models::{OBJECT_LOGITS, Outline};
use alambic_settings::settings;

use crate::regions::{RegionsCounted, classified};
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Cross-entropy on the object in each region of an image, some regions being masked.
    ///
    /// `L = -1/(p N) Σ_r c_r log p(y_r)` over the N regions of a batch, masked or not, with logits `[batch, regions, classes]` and the
    /// confidence c of the detector, which is 0 where nothing is known of a region; p is the share that is masked. This is
    /// detected-label classification of LXMERT (Tan and Bansal, 2019, 3.1.2) as its code has it (`airsplay/lxmert`), and
    /// `LxmertForPreTraining` of transformers, where 1/p is 6.67.
    pub struct RegionObjects {
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

const NAME: &str = "region-objects";

impl LossTerm for RegionObjects {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.regions.is_none_or(|heads| heads.objects == 0) {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student has no head over objects of regions".into(),
            });
        }
        let (counted, share) = (self.regions_counted, self.masked_share);
        let compute = move |inputs: &Inputs<'_>| {
            let own = &inputs.targets.regions;
            classified(
                inputs,
                OBJECT_LOGITS,
                (&own.objects, &own.object_confidence),
                counted.divisor(own, share),
            )
        };
        Ok(Term::new(NAME, self.weight, vec![OBJECT_LOGITS.into()], Vec::new(), Box::new(compute))
            .reading_padding(true)
            .with_targets(&[TargetKind::Regions]))
    }
}
