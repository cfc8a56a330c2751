//! Distributions over classes.

use std::sync::Arc;

use alambic_models::Outline;
use alambic_settings::{choices, settings};
use alambic_tensor::candle::{D, DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops;

use crate::arithmetic::{binary_cross_entropy, kullback_leibler, log_softmax, weighted_mean};
use crate::{Inputs, LossError, LossTerm, Temperature, Term, Weight};

choices! {
    /// How the student's distribution is compared with the teacher's. `p` are probabilities at the temperature.
    pub enum Divergence {
        /// `-Σ p_T log p_S` (TinyBERT).
        SoftCrossEntropy = "soft-cross-entropy",
        /// `Σ p_T (log p_T - log p_S)` (Hinton).
        Kl = "kl",
        /// `Σ p_S (log p_S - log p_T)`.
        ReverseKl = "reverse-kl",
        /// `½ KL(p_T || m) + ½ KL(p_S || m)` with `m = ½ (p_T + p_S)`.
        JensenShannon = "jensen-shannon",
        /// `-Σ [p_T log p_S + (1 - p_T) log(1 - p_S)]` with a sigmoid for each class, where several answers may be right
        /// (DiDE on VQA).
        Binary = "binary",
        /// `Σ (z_T - z_S)²` over the logits divided by the temperature.
        MeanSquaredError = "mse",
        /// `1/C Σ (p_T - p_S)²`, the mean over the C classes whatever the reduction (CL-XABSA).
        Probabilities = "probabilities",
    }
}

choices! {
    /// What the sum over examples and classes is divided by.
    pub enum Reduction {
        /// The number of texts, or of tokens.
        Examples = "examples",
        /// The number of texts, or of tokens, times the number of classes.
        Elements = "elements",
    }
}

settings! {
    /// The teacher's logits.
    ///
    /// Knowledge distillation (Hinton et al., 2015): with `p = softmax(z / T)` over C classes, logits `[batch, C]` or
    /// `[batch, length, C]`, the divergence of the student's distribution from the teacher's, summed over classes and
    /// averaged over the N texts or tokens that the teacher predicts, padding left out. `T²` keeps the size of the
    /// gradients when the temperature changes; Hinton, DistilBERT and PKD have it, TinyBERT has not. TinyBERT's
    /// published code divides by C as well and takes the soft cross-entropy at T = 1:
    /// `divergence = "soft-cross-entropy"`, `reduction = "elements"`.
    pub struct Logits {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// How two distributions are compared.
        pub divergence: Divergence = Divergence::Kl,
        /// Both logits are divided by it.
        #[range(alambic_settings::above(0.0))]
        pub temperature: Temperature = Temperature::from(1.0),
        /// Multiply by the squared temperature.
        pub squared_temperature: bool = true,
        /// What the sum is divided by.
        pub reduction: Reduction = Reduction::Examples,
    }
}

impl LossTerm for Logits {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        same_classes(NAME, student, teacher)?;
        let options = self.clone();
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs);
        let taps = vec!["logits".to_owned()];
        Ok(Term::new(NAME, self.weight, taps.clone(), taps, Box::new(compute))
            .scheduling("temperature", self.temperature))
    }

    fn reads_only_logits(&self) -> bool {
        true
    }
}

const NAME: &str = "logits";

/// Fails unless student and teacher give logits of the same classes, and of the same things.
pub(crate) fn same_classes(
    term: &'static str,
    student: &Outline,
    teacher: Option<&Outline>,
) -> Result<(), LossError> {
    let teacher = teacher.ok_or(LossError::NoTeacher(term))?;
    for (side, outline) in [("student", student), ("teacher", teacher)] {
        if outline.classes == 0 {
            return Err(LossError::Incompatible {
                term,
                reason: format!("the {side} has no head, and so no logits"),
            });
        }
    }
    let reason = if student.classes_of_tokens != teacher.classes_of_tokens {
        let of = |outline: &Outline| if outline.classes_of_tokens { "each token" } else { "each text" };
        format!("the student's logits are of {} and the teacher's of {}", of(student), of(teacher))
    } else if student.classes != teacher.classes {
        let (own, others) = (student.classes, teacher.classes);
        format!("the student's logits are of {own} classes and the teacher's of {others}")
    } else if named(student) && named(teacher) && student.labels != teacher.labels {
        let (own, others) = (student.labels.join(", "), teacher.labels.join(", "));
        format!(
            "the student's classes are {own} and the teacher's {others}, which is another order or another task; a corpus \
             can name its `classes` in the teacher's order"
        )
    } else {
        return Ok(());
    };
    Err(LossError::Incompatible { term, reason })
}

/// Whether the classes have names of their own, and not those that transformers gives to all that have none.
fn named(outline: &Outline) -> bool {
    !outline.labels.is_empty() && !outline.labels.iter().all(|label| label.starts_with("LABEL_"))
}

/// Logits of student and teacher as `[rows, classes]`, and what each row counts for.
pub(crate) fn rows(inputs: &Inputs<'_>) -> Result<(Tensor, Tensor, Tensor), LossError> {
    let flat = |tensor: &Tensor| tensor.reshape(((), tensor.dim(D::Minus1)?));
    let (student, teacher) = (flat(inputs.student("logits")?)?, flat(&inputs.teacher("logits")?.detach())?);
    let count = student.dim(0)?;
    let weights = if inputs.targets.teacher_mask.is_empty() {
        Tensor::ones(count, DType::F32, device::current())?
    } else {
        Tensor::from_vec(inputs.targets.teacher_mask.to_vec(), count, device::current())?
    };
    Ok((student, teacher, weights))
}

impl Logits {
    fn compute(&self, inputs: &Inputs<'_>) -> Result<Tensor, LossError> {
        let (student, teacher, weights) = rows(inputs)?;
        let classes = student.dim(1)? as f64;
        let temperature = self.temperature.at(inputs.progress);
        let scaled = |logits: &Tensor| logits / temperature;
        let logs =
            || Ok::<_, LossError>((log_softmax(&scaled(&student)?)?, log_softmax(&scaled(&teacher)?)?));
        let mean = match self.divergence {
            Divergence::Kl => {
                let (weights, temperature) = (Arc::new(weights.to_vec1()?), temperature as f32);
                ops::divergence(&student, &teacher, ops::Divergence { weights, temperature, squared: false })?
            }
            Divergence::MeanSquaredError => {
                let squares = (scaled(&student)? - scaled(&teacher)?)?.sqr()?.sum(D::Minus1)?;
                weighted_mean(&squares, &weights)?
            }
            Divergence::Probabilities => {
                let (own, other) = logs()?;
                let squares = (own.exp()? - other.exp()?)?.sqr()?.mean(D::Minus1)?;
                weighted_mean(&squares, &weights)?
            }
            Divergence::SoftCrossEntropy => {
                let (own, other) = logs()?;
                weighted_mean(&(other.exp()? * own)?.sum(D::Minus1)?.neg()?, &weights)?
            }
            Divergence::Binary => {
                let probabilities = (scaled(&teacher)?.neg()?.exp()? + 1.0)?.recip()?;
                weighted_mean(&binary_cross_entropy(&scaled(&student)?, &probabilities)?, &weights)?
            }
            Divergence::ReverseKl => {
                let (own, other) = logs()?;
                weighted_mean(&kullback_leibler(&own, &other)?, &weights)?
            }
            Divergence::JensenShannon => {
                let (own, other) = logs()?;
                // In log space, since what is left out of a softmax has the probability 0 in both.
                let largest = own.detach().maximum(&other)?;
                let sum = ((&own - &largest)?.exp()? + (&other - &largest)?.exp()?)?;
                let middle = ((sum / 2.0)?.log()? + &largest)?;
                let both = (kullback_leibler(&other, &middle)? + kullback_leibler(&own, &middle)?)?;
                weighted_mean(&(both / 2.0)?, &weights)?
            }
        };
        let squared = if self.squared_temperature { temperature.powi(2) } else { 1.0 };
        // The mean of squares of probabilities has been taken over the classes already.
        let is_summed = self.divergence != Divergence::Probabilities;
        let divisor = if self.reduction == Reduction::Elements && is_summed { classes } else { 1.0 };
        Ok((mean * (squared / divisor))?)
    }
}
