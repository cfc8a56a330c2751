//! UNIMO's classification of masked regions of images.

use alambic_models::{OBJECT_LOGITS, Outline};
use alambic_settings::settings;
use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::device;

use crate::arithmetic::log_softmax;
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Cross-entropy of the classes that are predicted of masked regions with a detector's probabilities of them.
    ///
    /// `L = -1/M Σ_r m_r Σ_c y_rc log p_rc` over the M regions of a batch with m 1, which are masked and of which a detector says something,
    /// with the detector's probabilities y `[batch, regions, classes]` and the softmax p of logits of that shape; 0 where there is none.
    /// This is region classification of UNIMO (Li et al., 2021, section 3.2). Where only the class of a region is on record, y is the
    /// confidence in it there, and 0 elsewhere.
    pub struct RegionClasses {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
    }
}

const NAME: &str = "region-classes";

impl LossTerm for RegionClasses {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.regions.is_none_or(|heads| heads.objects == 0) {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student has no head over classes of regions".into(),
            });
        }
        let compute = |inputs: &Inputs<'_>| {
            let own = &inputs.targets.regions;
            let logits = inputs.student(OBJECT_LOGITS)?;
            let (batch, regions, classes) = logits.dims3()?;
            if own.object_probabilities.len() != batch * regions * classes {
                let found = own.object_probabilities.len();
                return Err(LossError::Incompatible {
                    term: NAME,
                    reason: format!(
                        "{found} probabilities of classes do not fit logits of shape [{batch}, {regions}, {classes}]"
                    ),
                });
            }
            let rows = own.object_probabilities.chunks(classes.max(1));
            let counted = own.masked.iter().zip(rows);
            let counted: Vec<f32> = counted
                .map(|(&masked, known)| if known.iter().any(|own| *own > 0.0) { masked } else { 0.0 })
                .collect();
            let count: f64 = counted.iter().map(|&counted| f64::from(counted)).sum();
            let counted = Tensor::from_vec(counted, (batch, regions), device::current())?;
            let known = own.object_probabilities.to_vec();
            let known = Tensor::from_vec(known, (batch, regions, classes), device::current())?;
            let entropy = (log_softmax(logits)? * known)?.sum(D::Minus1)?;
            Ok(((entropy * counted)?.sum_all()? / -count.max(1.0))?)
        };
        Ok(Term::new(NAME, self.weight, vec![OBJECT_LOGITS.into()], Vec::new(), Box::new(compute))
            .reading_padding(true)
            .with_targets(&[TargetKind::RegionClasses]))
    }
}
