//! Kullback-Leibler divergence of a student's distributions from a teacher's.

use std::mem::MaybeUninit;
use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor, bail};

use super::composite::{is_needed, mean_of_rows, rows};
use super::cross_entropy::{mean_over_rows, scaled_gradient};
use super::softmax::log_softmax_row;
use crate::vector::{self, vectorised};
use crate::{buffer, graph};

/// Row weights and temperature of [`divergence`].
#[derive(Debug, Clone)]
pub struct Divergence {
    /// The weight of each row; rows of weight zero are left out.
    pub weights: Arc<Vec<f32>>,
    /// Both logits are divided by it.
    pub temperature: f32,
    /// Multiply by the squared temperature, so that gradients keep their size (Hinton et al., 2015).
    pub squared: bool,
}

vectorised! {
    /// The divergence of one row, in log space; `out` gets the gradient of the student's logits.
    fn row(student: &[f32], teacher: &[f32], temperature: f32, scratch: &mut [MaybeUninit<f32>], out: &mut [MaybeUninit<f32>]) -> f32 {
        log_softmax_row(student, temperature, out);
        log_softmax_row(teacher, temperature, scratch);
        // SAFETY: every element of both was just written.
        let (out, teacher) = unsafe {
            (&mut *(std::ptr::from_mut(out) as *mut [f32]), &*(std::ptr::from_ref(scratch) as *const [f32]))
        };
        // Sums of sixteen, so that the additions need not wait for each other.
        let mut sums = [0.0_f32; 16];
        for (student, teacher) in out.chunks_mut(16).zip(teacher.chunks(16)) {
            for ((student, teacher), sum) in student.iter_mut().zip(teacher).zip(&mut sums) {
                let probability = vector::exp(*teacher);
                // A class of probability zero adds nothing, though its logarithm is infinite.
                *sum += if probability > 0.0 { probability * (teacher - *student) } else { 0.0 };
                *student = (vector::exp(*student) - probability) / temperature;
            }
        }
        sums.iter().sum()
    }
}

struct Operation {
    settings: Divergence,
    gradient: OnceLock<Vec<f32>>,
}

impl CustomOp2 for Operation {
    fn name(&self) -> &'static str {
        "divergence"
    }

    fn cpu_fwd(
        &self,
        s: &CpuStorage,
        sl: &Layout,
        t: &CpuStorage,
        tl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (student, teacher) = (buffer::slice(s, sl, self.name())?, buffer::slice(t, tl, self.name())?);
        let Divergence { weights, temperature, squared } = &self.settings;
        let classes = sl.dims().last().copied().unwrap_or(1);
        if temperature.is_nan() || *temperature <= 0.0 {
            bail!("divergence: a temperature of {temperature} is not above zero")
        }
        if sl.shape() != tl.shape() || classes == 0 || weights.len() * classes != student.len() {
            bail!(
                "divergence: student {:?}, teacher {:?} and {} row weights do not fit; both need the same vocabulary",
                sl.shape(),
                tl.shape(),
                weights.len()
            )
        }
        let factor = if *squared { temperature * temperature } else { 1.0 };
        let mut loss = mean_over_rows(student, classes, weights, |index, student, out| {
            let mut scratch = vec![MaybeUninit::uninit(); classes];
            row(student, &teacher[index * classes..(index + 1) * classes], *temperature, &mut scratch, out)
        });
        if factor != 1.0 {
            loss.value *= factor;
            loss.gradient.iter_mut().for_each(|value| *value *= factor);
        }
        // A node of the graph runs forward once.
        let _ = self.gradient.set(loss.gradient);
        Ok((CpuStorage::F32(vec![loss.value]), Shape::from(())))
    }

    fn bwd(
        &self,
        student: &Tensor,
        _: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(scaled_gradient(self.gradient.get(), student, upstream)?), None))
    }
}

/// Composite of [`divergence`].
pub(super) fn divergence_composite(
    student: &Tensor,
    teacher: &Tensor,
    settings: &Divergence,
) -> Result<Tensor> {
    let Divergence { weights, temperature, squared } = settings;
    if temperature.is_nan() || *temperature <= 0.0 {
        bail!("divergence: a temperature of {temperature} is not above zero")
    }
    let (student, teacher) = (rows(student)?, rows(teacher)?);
    if student.shape() != teacher.shape() || weights.len() != student.dim(0)? {
        bail!(
            "divergence: student {:?}, teacher {:?} and {} row weights do not fit; both need the same vocabulary",
            student.shape(),
            teacher.shape(),
            weights.len()
        )
    }
    let cooled =
        |logits: &Tensor| candle_nn::ops::log_softmax(&(logits / f64::from(*temperature))?, D::Minus1);
    let (student, teacher) = (cooled(&student)?, cooled(&teacher)?);
    let probabilities = teacher.exp()?;
    // A class of probability zero adds nothing, though its logarithm is infinite.
    let possible = probabilities.gt(0.0)?;
    let differences = possible.where_cond(&(teacher - student)?, &probabilities.zeros_like()?)?;
    let losses = (probabilities * differences)?.sum(D::Minus1)?;
    let factor = if *squared { temperature * temperature } else { 1.0 };
    mean_of_rows(&losses, weights)? * f64::from(factor)
}

/// `KL(softmax(teacher / T) || softmax(student / T))`, a weighted mean over rows of `[.., classes]`. The teacher gets
/// no gradient.
///
/// # Errors
/// When the shapes differ or the temperature is not above zero.
pub fn divergence(student: &Tensor, teacher: &Tensor, settings: Divergence) -> Result<Tensor> {
    if is_needed(student) {
        return divergence_composite(student, &teacher.detach(), &settings);
    }
    let operation = Operation { settings, gradient: OnceLock::new() };
    graph::apply2(&student.contiguous()?, &teacher.detach().contiguous()?, operation)
}
