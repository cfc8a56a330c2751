//! Relational knowledge distillation.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::{D, DType, Tensor};
use alambic_tensor::device;

use crate::arithmetic::{normalised, weighted_mean};
use crate::features::Features;
use crate::{Inputs, LossError, LossTerm, Term, Weight};

settings! {
    /// Distances between the texts of a batch.
    ///
    /// Relational knowledge distillation by distance (Park et al., 2019, equations 5 to 7): with features `f`
    /// `[batch, D]`, `d_ij = |f_i - f_j| / μ`, μ being the mean of the distances that are not zero, for student and
    /// teacher alike, `L = mean over all i, j of Huber(d_S,ij, d_T,ij)` (δ = 1). The published code weighs it by 25.
    /// Widths need not agree.
    pub struct RelationalDistance {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What stands for a text.
        pub features: Features = Features::First,
        /// The stream of hidden states, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
    }
}

settings! {
    /// Angles between the texts of a batch.
    ///
    /// Relational knowledge distillation by angle (Park et al., 2019, equations 8 to 10): with features `f` `[batch, D]`
    /// and `e_ij` the direction from `f_j` to `f_i`, `cos_ijk = e_ij · e_kj`,
    /// `L = mean over all i, j, k of Huber(cos_S,ijk, cos_T,ijk)` (δ = 1). The published code weighs it by 50. It holds
    /// a number for each three texts of a batch: 64 texts take a megabyte, 512 take half a gigabyte.
    pub struct RelationalAngle {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What stands for a text.
        pub features: Features = Features::First,
        /// The stream of hidden states, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
    }
}

impl LossTerm for RelationalDistance {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let features = self.features.bind("relational-distance", &self.stream, student, teacher)?;
        let taps = (vec![features.student_tap.clone()], vec![features.teacher_tap.clone()]);
        let compute = move |inputs: &Inputs<'_>| {
            let (student, teacher) = features.compute(inputs)?;
            huber(&distances(&student)?, &distances(&teacher)?)
        };
        Ok(Term::new("relational-distance", self.weight, taps.0, taps.1, Box::new(compute))
            .comparing_examples())
    }
}

impl LossTerm for RelationalAngle {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let features = self.features.bind("relational-angle", &self.stream, student, teacher)?;
        let taps = (vec![features.student_tap.clone()], vec![features.teacher_tap.clone()]);
        let compute = move |inputs: &Inputs<'_>| {
            let (student, teacher) = features.compute(inputs)?;
            huber(&angles(&student)?, &angles(&teacher)?)
        };
        Ok(Term::new("relational-angle", self.weight, taps.0, taps.1, Box::new(compute)).comparing_examples())
    }
}

/// The distances between all pairs, `[batch, batch]`, divided by their mean.
fn distances(features: &Tensor) -> Result<Tensor, LossError> {
    let batch = features.dim(0)?;
    let differences = features.unsqueeze(1)?.broadcast_sub(&features.unsqueeze(0)?)?;
    let other = others(batch)?;
    // One on the diagonal keeps the root's gradient finite; the diagonal is then taken out again.
    let squares = (differences.sqr()?.sum(D::Minus1)? + other.affine(-1.0, 1.0)?)?;
    let distances = (squares.maximum(SMALLEST)?.sqrt()? * &other)?;
    let mean = weighted_mean(&distances, &other)?;
    Ok(distances.broadcast_div(&mean.maximum(SMALLEST)?)?)
}

/// `e_ij · e_kj` for all three, `[j, i, k]`.
fn angles(features: &Tensor) -> Result<Tensor, LossError> {
    // [j, i, width]
    let directions = normalised(&features.unsqueeze(0)?.broadcast_sub(&features.unsqueeze(1)?)?)?;
    Ok(directions.matmul(&directions.transpose(1, 2)?)?)
}

/// One where two texts are not the same one.
fn others(batch: usize) -> Result<Tensor, LossError> {
    Ok(Tensor::eye(batch, DType::F32, device::current())?.affine(-1.0, 1.0)?)
}

/// What keeps a root and a quotient from zero.
const SMALLEST: f64 = 1e-12;

/// The mean of `½ x²` where `|x| < 1`, and `|x| - ½` beyond.
fn huber(student: &Tensor, teacher: &Tensor) -> Result<Tensor, LossError> {
    let difference = (student - teacher)?.abs()?;
    let near = difference.minimum(1.0)?;
    // With n = min(|x|, 1): ½ n² + (|x| - n) is both at once.
    let value = ((near.sqr()? / 2.0)? + (difference - near)?)?;
    Ok(value.mean_all()?)
}
