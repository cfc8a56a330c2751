//! Centred kernel alignment.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;

use crate::arithmetic::gram;
use crate::features::Features;
use crate::{Inputs, LossError, LossTerm, Term, Weight};

settings! {
    /// Centred kernel alignment of the texts of a batch.
    ///
    /// `L = 1 - |Sᵀ T|² / (|Sᵀ S| |Tᵀ T|)`, the linear form of Kornblith et al. (2019, equation 4), over features
    /// `S [b, D_S]` and `T [b, D_T]` with the mean over the batch taken away, and Frobenius norms. It does not see
    /// rotations and scales, and widths need not agree. A small batch makes it look better than it is. Where all texts of a
    /// batch have the same features it is 1, and its gradient is zero.
    pub struct KernelAlignment {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What stands for a text.
        pub features: Features = Features::First,
        /// The stream of hidden states, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
    }
}

impl LossTerm for KernelAlignment {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let features = self.features.bind("kernel-alignment", &self.stream, student, teacher)?;
        let taps = (vec![features.student_tap.clone()], vec![features.teacher_tap.clone()]);
        let compute = move |inputs: &Inputs<'_>| {
            let (student, teacher) = features.compute(inputs)?;
            match kernel_alignment(&student, &teacher)? {
                Some(alignment) => Ok(alignment.affine(-1.0, 1.0)?),
                // The worst value, with a gradient of zeros.
                None => Ok(student.sum_all()?.affine(0.0, 1.0)?),
            }
        };
        Ok(Term::new("kernel-alignment", self.weight, taps.0, taps.1, Box::new(compute)).comparing_examples())
    }
}

/// The share of the squares of features that is left of their rounding where their mean is taken away.
const ROUNDING: f32 = 1e-12;

/// Centred kernel alignment of features `[batch, width]`, 1 for the same up to rotation and scale. By way of
/// `[batch, batch]` products: `|Sᵀ T|² = Σ (S Sᵀ) ∘ (T Tᵀ)`. None where the rows of one of the two are all the same: there
/// is then nothing to be aligned.
///
/// # Errors
/// When the two are not of as many rows.
pub fn kernel_alignment(student: &Tensor, teacher: &Tensor) -> Result<Option<Tensor>, LossError> {
    let centred = |features: &Tensor| -> Result<Option<Tensor>, LossError> {
        let centred = features.broadcast_sub(&features.mean_keepdim(0)?)?;
        let size = |tensor: &Tensor| tensor.detach().sqr()?.sum_all()?.to_scalar::<f32>();
        // What is left of rows that are all the same is their rounding, and the root of its squares has no gradient at zero.
        if size(&centred)? <= ROUNDING * size(features)? {
            return Ok(None);
        }
        gram(&centred).map(Some)
    };
    let (Some(student), Some(teacher)) = (centred(student)?, centred(teacher)?) else { return Ok(None) };
    let norm = |gram: &Tensor| gram.sqr()?.sum_all()?.sqrt();
    let both = (&student * &teacher)?.sum_all()?;
    let divisor = (norm(&student)? * norm(&teacher)?)?.maximum(f64::from(f32::MIN_POSITIVE))?;
    Ok(Some((both / divisor)?))
}
