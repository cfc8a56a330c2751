//! AdamW with parameter groups and a state that can be saved.

use std::sync::Mutex;

use alambic_settings::settings;
use candle_core::{CpuStorage, Device, InplaceOp1, InplaceOp2, Layout, Tensor, Var, bail};
use indexmap::map::Entry;
use indexmap::{IndexMap, IndexSet};
use rayon::prelude::*;

use crate::TensorError;
use crate::buffer;
use crate::gradient::{Gradient, SparseGradient};
use crate::gradients::Gradients;
use crate::parameters::{Parameters, Weights};
use crate::vector::vectorised;

settings! {
    /// AdamW (Loshchilov and Hutter, 2019): Adam with weight decay apart from the gradient.
    pub struct AdamWOptions {
        /// Peak learning rate; the schedule's factor multiplies it.
        #[range(0.0..)]
        pub learning_rate: f64 = 1e-3,
        /// Decay of the running mean of gradients.
        #[range(0.0..=0.999_999)]
        pub beta1: f64 = 0.9,
        /// Decay of the running mean of squared gradients.
        #[range(0.0..=0.999_999)]
        pub beta2: f64 = 0.999,
        /// Added to the root of the squared gradients' mean.
        #[range(0.0..)]
        pub epsilon: f64 = 1e-8,
        /// Share of a weight taken away each step, times the learning rate.
        #[range(0.0..)]
        pub weight_decay: f64 = 0.01,
        /// Parameters whose name contains one of these are not decayed. Nor are those of one dimension or none, whatever
        /// they are called: biases, gains of norms, scales.
        pub no_decay: Vec<String> = vec!["bias".into(), "LayerNorm".into(), "layer_norm".into(), "layernorm".into()],
    }
}

impl Default for AdamWOptions {
    fn default() -> Self {
        let no_decay = ["bias", "LayerNorm", "layer_norm", "layernorm"].map(str::to_owned).to_vec();
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01, no_decay }
    }
}

/// Running means of one parameter, where the parameter is.
#[derive(Debug)]
enum Moments {
    Cpu {
        first: Vec<f32>,
        second: Vec<f32>,
        /// The rows of a table that had a gradient so far: the means of the others are zero. None where this is not known.
        updated: Option<Vec<bool>>,
    },
    Device {
        first: Tensor,
        second: Tensor,
    },
}

impl Moments {
    /// Means of a parameter that was not trained yet.
    fn of(parameter: &Tensor) -> candle_core::Result<Self> {
        let nothing = parameter.detach().zeros_like()?;
        Self::from_tensors(&nothing.flatten_all()?, &nothing.flatten_all()?)
    }

    /// The means that two tensors `[length]` hold.
    fn from_tensors(first: &Tensor, second: &Tensor) -> candle_core::Result<Self> {
        if first.device().is_cpu() {
            return Ok(Self::Cpu { first: first.to_vec1()?, second: second.to_vec1()?, updated: None });
        }
        Ok(Self::Device { first: first.clone(), second: second.clone() })
    }

    /// Both as tensors `[length]`.
    fn tensors(&self) -> candle_core::Result<[Tensor; 2]> {
        match self {
            Self::Cpu { first, second, .. } => Ok([
                Tensor::new(first.as_slice(), &Device::Cpu)?,
                Tensor::new(second.as_slice(), &Device::Cpu)?,
            ]),
            Self::Device { first, second } => Ok([first.clone(), second.clone()]),
        }
    }

    /// The number of elements.
    fn length(&self) -> usize {
        match self {
            Self::Cpu { first, .. } => first.len(),
            Self::Device { first, .. } => first.elem_count(),
        }
    }
}

/// AdamW over a store of parameters.
#[derive(Debug)]
pub struct AdamW {
    options: AdamWOptions,
    step: usize,
    moments: IndexMap<String, Moments>,
    /// Tables of which a step changes only the rows that have a gradient.
    sparse: IndexSet<String>,
}

impl AdamW {
    /// An optimiser before its first step.
    #[must_use]
    pub fn new(options: AdamWOptions) -> Self {
        Self { options, step: 0, moments: IndexMap::new(), sparse: IndexSet::new() }
    }

    /// The same optimiser, whose steps change of these tables only the rows that have a gradient other than zero, which are rows that
    /// the batch looked up. Neither weight decay nor the running means move the others, and their running means stay as they are,
    /// as in PyTorch's `SparseAdam`; bias correction counts all steps.
    #[must_use]
    pub fn with_sparse_tables<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Self { sparse: names.into_iter().map(Into::into).collect(), ..self }
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.step
    }

    /// The peak learning rate.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        self.options.learning_rate
    }

    /// One step over the parameters that have a gradient. `factor` multiplies the learning rate and
    /// `gradient_scale` the gradients, which is how clipping and the mean over accumulated parts come in without a
    /// pass of their own.
    ///
    /// # Errors
    /// When a parameter or gradient is not contiguous `f32`.
    pub fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        factor: f64,
        gradient_scale: f64,
    ) -> Result<(), TensorError> {
        self.step += 1;
        let AdamWOptions { learning_rate, beta1, beta2, epsilon, weight_decay, no_decay } = &self.options;
        let learning_rate = learning_rate * factor;
        let exponent = i32::try_from(self.step).unwrap_or(i32::MAX);
        let (correction1, correction2) = (1.0 - beta1.powi(exponent), 1.0 - beta2.powi(exponent));
        for (name, variable) in parameters.trainable() {
            let Some(gradient) = gradients.get(name) else { continue };
            let decayed = variable.rank() > 1 && !no_decay.iter().any(|part| name.contains(part.as_str()));
            let moments = match self.moments.entry(name.to_owned()) {
                Entry::Occupied(present) => present.into_mut(),
                Entry::Vacant(place) => place.insert(Moments::of(variable)?),
            };
            if moments.length() != variable.elem_count() {
                return Err(TensorError::StateMismatch(format!("moments of `{name}`")));
            }
            let coefficients = Coefficients {
                gradient_scale: gradient_scale as f32,
                beta1: *beta1 as f32,
                beta2: *beta2 as f32,
                step_size: (learning_rate / correction1) as f32,
                inverse_root_correction: (1.0 / correction2.sqrt()) as f32,
                epsilon: *epsilon as f32,
                keep: if decayed { 1.0 - (learning_rate * weight_decay) as f32 } else { 1.0 },
            };
            if self.sparse.contains(name) {
                update_sparse(variable, gradient, moments, coefficients)?;
                continue;
            }
            match (moments, gradient) {
                (Moments::Cpu { first, second, updated }, Gradient::Dense(gradient)) => {
                    *updated = None;
                    let update = Update { moments: Mutex::new((first, second)), coefficients };
                    variable.as_tensor().inplace_op2(&gradient.contiguous()?, &update)?;
                }
                (Moments::Cpu { first, second, updated }, Gradient::Sparse(gradient)) => {
                    let updated =
                        updated.get_or_insert_with(|| rows_with_moments(first, second, gradient.shape().1));
                    for &id in gradient.ids() {
                        updated[id as usize] = true;
                    }
                    let updated = Some(updated.as_slice());
                    let update =
                        UpdateRows { gradient, updated, moments: Mutex::new((first, second)), coefficients };
                    variable.as_tensor().inplace_op1(&update)?;
                }
                (Moments::Device { first, second }, gradient) => {
                    update_composite(variable, &gradient.tensor()?, (first, second), None, coefficients)?;
                }
            }
        }
        Ok(())
    }

    /// The state as tensors: `NAME.first`, `NAME.second`; the number of steps is saved apart.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn state(&self) -> Result<Weights, TensorError> {
        let mut state = Weights::new();
        for (name, moments) in &self.moments {
            let [first, second] = moments.tensors()?;
            state.insert(format!("{name}.first"), first);
            state.insert(format!("{name}.second"), second);
        }
        Ok(state)
    }

    /// Goes on from a saved state.
    ///
    /// # Errors
    /// When the state is not one of this optimiser.
    pub fn restore(&mut self, step: usize, state: &Weights) -> Result<(), TensorError> {
        self.step = step;
        self.moments.clear();
        for (name, first) in state {
            let Some(name) = name.strip_suffix(".first") else { continue };
            let second = state.get(&format!("{name}.second")).ok_or_else(|| {
                TensorError::StateMismatch(format!("`{name}` has a first moment and no second"))
            })?;
            self.moments.insert(name.to_owned(), Moments::from_tensors(first, second)?);
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Coefficients {
    gradient_scale: f32,
    beta1: f32,
    beta2: f32,
    step_size: f32,
    inverse_root_correction: f32,
    epsilon: f32,
    keep: f32,
}

vectorised! {
    fn update(values: &mut [f32], gradients: &[f32], first: &mut [f32], second: &mut [f32], c: Coefficients) {
        for (((value, gradient), first), second) in values.iter_mut().zip(gradients).zip(first).zip(second) {
            let gradient = gradient * c.gradient_scale;
            *first = c.beta1 * *first + (1.0 - c.beta1) * gradient;
            *second = c.beta2 * *second + (1.0 - c.beta2) * gradient * gradient;
            let denominator = second.sqrt() * c.inverse_root_correction + c.epsilon;
            *value = *value * c.keep - c.step_size * *first / denominator;
        }
    }
}

/// Composite of the update, out of candle's operations, for a parameter that is not in CPU memory. Where elements are chosen, 1 in
/// `[length]`, the others and their means stay as they are.
fn update_composite(
    variable: &Var,
    gradient: &Tensor,
    (first, second): (&mut Tensor, &mut Tensor),
    chosen: Option<&Tensor>,
    c: Coefficients,
) -> candle_core::Result<()> {
    let number = f64::from;
    let gradient = (gradient.flatten_all()? * number(c.gradient_scale))?;
    let new_first = ((&*first * number(c.beta1))? + (&gradient * number(1.0 - c.beta1))?)?;
    let new_second = ((&*second * number(c.beta2))? + (gradient.sqr()? * number(1.0 - c.beta2))?)?;
    let denominator = new_second.sqrt()?.affine(number(c.inverse_root_correction), number(c.epsilon))?;
    let change = ((&new_first / denominator)? * number(c.step_size))?;
    let values = variable.as_tensor().detach();
    let new_values = ((&values * number(c.keep))? - change.reshape(values.shape())?)?;
    let choose = |new: Tensor, old: &Tensor| match chosen {
        None => Ok(new),
        Some(chosen) => chosen.reshape(old.shape())?.where_cond(&new, old),
    };
    (*first, *second) = (choose(new_first, first)?, choose(new_second, second)?);
    variable.set(&choose(new_values, &values)?)
}

/// The step of a table of which only rows with a gradient other than zero are changed.
fn update_sparse(
    variable: &Var,
    gradient: &Gradient,
    moments: &mut Moments,
    coefficients: Coefficients,
) -> Result<(), TensorError> {
    match moments {
        Moments::Cpu { first, second, updated } => {
            *updated = None;
            let rows;
            let gradient = match gradient {
                Gradient::Sparse(gradient) => {
                    rows = gradient.without_zero_rows();
                    &rows
                }
                Gradient::Dense(gradient) => {
                    rows = SparseGradient::of_rows(gradient)?;
                    &rows
                }
            };
            let moments = Mutex::new((first, second));
            let update = UpdateRows { gradient, updated: None, moments, coefficients };
            variable.as_tensor().inplace_op1(&update)?;
        }
        Moments::Device { first, second } => {
            let gradient = gradient.tensor()?;
            let rows = gradient.flatten_from(1)?;
            let chosen = rows.abs()?.max_keepdim(1)?.gt(0.0)?.broadcast_as(rows.shape())?.contiguous()?;
            update_composite(
                variable,
                &gradient,
                (first, second),
                Some(&chosen.flatten_all()?),
                coefficients,
            )?;
        }
    }
    Ok(())
}

struct Update<'a> {
    /// Running means of gradients and of their squares.
    moments: Mutex<(&'a mut Vec<f32>, &'a mut Vec<f32>)>,
    coefficients: Coefficients,
}

impl InplaceOp2 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        values: &mut CpuStorage,
        layout: &Layout,
        gradients: &CpuStorage,
        gl: &Layout,
    ) -> candle_core::Result<()> {
        let gradients = buffer::slice(gradients, gl, "adamw")?;
        let (CpuStorage::F32(values), Some((start, end))) = (values, layout.contiguous_offsets()) else {
            bail!("adamw: a parameter must be contiguous f32")
        };
        let Ok(mut moments) = self.moments.lock() else { bail!("adamw: an earlier update failed") };
        let (first, second) = &mut *moments;
        let block = buffer::rows_per_task(1);
        values[start..end]
            .par_chunks_mut(block)
            .zip(gradients.par_chunks(block))
            .zip(first.par_chunks_mut(block))
            .zip(second.par_chunks_mut(block))
            .for_each(|(((values, gradients), first), second)| {
                update(values, gradients, first, second, self.coefficients);
            });
        Ok(())
    }
}

/// Rows of `width` numbers whose running means are not all zero.
fn rows_with_moments(first: &[f32], second: &[f32], width: usize) -> Vec<bool> {
    let rows = first.par_chunks(width).zip(second.par_chunks(width));
    rows.map(|(first, second)| first.iter().chain(second).any(|&mean| mean != 0.0)).collect()
}

vectorised! {
    fn decay(values: &mut [f32], keep: f32) {
        for value in values {
            *value *= keep;
        }
    }
}

/// The step of a table of which some rows have a gradient: the same numbers as with one of zeros for the others, without
/// reading it; and of rows that never had one, nothing but the weights.
struct UpdateRows<'a> {
    gradient: &'a SparseGradient,
    /// The rows that had a gradient so far, those of this step included; none where rows without a gradient stay as they are.
    updated: Option<&'a [bool]>,
    /// Running means of gradients and of their squares.
    moments: Mutex<(&'a mut Vec<f32>, &'a mut Vec<f32>)>,
    coefficients: Coefficients,
}

impl InplaceOp1 for UpdateRows<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, values: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let (CpuStorage::F32(values), Some((start, end))) = (values, layout.contiguous_offsets()) else {
            bail!("adamw: a parameter must be contiguous f32")
        };
        let Ok(mut moments) = self.moments.lock() else { bail!("adamw: an earlier update failed") };
        let (first, second) = &mut *moments;
        let (ids, gradients) = (self.gradient.ids(), self.gradient.values());
        let width = self.gradient.shape().1;
        let (rows, nothing) = (buffer::rows_per_task(width), vec![0.0; width]);
        values[start..end]
            .par_chunks_mut(rows * width)
            .zip(first.par_chunks_mut(rows * width))
            .zip(second.par_chunks_mut(rows * width))
            .enumerate()
            .for_each(|(task, ((values, first), second))| {
                let mut next = ids.partition_point(|&id| (id as usize) < task * rows);
                let means = first.chunks_exact_mut(width).zip(second.chunks_exact_mut(width));
                for (row, (values, (first, second))) in
                    (task * rows..).zip(values.chunks_exact_mut(width).zip(means))
                {
                    if ids.get(next).is_some_and(|&id| id as usize == row) {
                        let gradient = &gradients[next * width..][..width];
                        update(values, gradient, first, second, self.coefficients);
                        next += 1;
                        continue;
                    }
                    match self.updated {
                        Some(updated) if updated[row] => {
                            update(values, &nothing, first, second, self.coefficients);
                        }
                        Some(_) if self.coefficients.keep != 1.0 => decay(values, self.coefficients.keep),
                        _ => {}
                    }
                }
            });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_out_of_candles_operations_is_the_fused_one() {
        let weights: Weights =
            [("w".to_owned(), Tensor::new(&[[0.5f32, -1.0], [2.0, 0.0]], &Device::Cpu).unwrap())].into();
        let run = |elsewhere: bool| {
            let parameters = Parameters::from_weights(&weights).unwrap();
            let mut optimiser = AdamW::new(AdamWOptions::default());
            if elsewhere {
                let nothing = Tensor::zeros(4, candle_core::DType::F32, &Device::Cpu).unwrap();
                let moments = Moments::Device { first: nothing.clone(), second: nothing };
                optimiser.moments.insert("w".to_owned(), moments);
            }
            for _ in 0..5 {
                let tracked = parameters.tracked();
                let loss = tracked["w"].sqr().unwrap().sum_all().unwrap();
                let gradients = Gradients::of(&loss, &parameters).unwrap();
                optimiser.step(&parameters, &gradients, 0.7, 0.5).unwrap();
            }
            let state = optimiser.state().unwrap();
            let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            [values(&parameters.detached()["w"]), values(&state["w.first"]), values(&state["w.second"])]
                .concat()
        };
        for (found, expected) in run(true).iter().zip(run(false)) {
            assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found}, not {expected}");
        }
    }

    #[test]
    fn sparse_tables_change_in_rows_with_a_gradient_alone() {
        use crate::ops::embed;
        use std::sync::Arc;

        #[derive(Clone, Copy, PartialEq)]
        enum Form {
            Sparse,
            Dense,
            Device,
        }

        let values: Vec<f32> = (0..12).map(|i| (i as f32 * 0.7 + 0.3).sin()).collect();
        let table = Tensor::from_vec(values, (4, 3), &Device::Cpu).unwrap();
        let weights: Weights = [("table".to_owned(), table)].into();
        let run = |form: Form, steps: &[&[u32]]| {
            let parameters = Parameters::from_weights(&weights).unwrap();
            let options = AdamWOptions { learning_rate: 0.1, weight_decay: 0.5, ..AdamWOptions::default() };
            let mut optimiser = AdamW::new(options).with_sparse_tables(["table"]);
            if form == Form::Device {
                let nothing = Tensor::zeros(12, candle_core::DType::F32, &Device::Cpu).unwrap();
                let moments = Moments::Device { first: nothing.clone(), second: nothing };
                optimiser.moments.insert("table".to_owned(), moments);
            }
            for ids in steps {
                let table = &parameters.tracked()["table"];
                // Row 3 is looked up as well, and counts for nothing, as padding does.
                let ids: Vec<u32> = ids.iter().copied().chain([3]).collect();
                let rows = embed(table, &Arc::new(ids.clone()), 1, 1.0, None).unwrap();
                let counted = rows.narrow(1, 0, ids.len() - 1).unwrap();
                let mut loss = counted.sqr().unwrap().sum_all().unwrap();
                if form != Form::Sparse {
                    let nothing = (table * table.zeros_like().unwrap()).unwrap();
                    loss = (loss + nothing.sum_all().unwrap()).unwrap();
                }
                let gradients = Gradients::of(&loss, &parameters).unwrap();
                let is_sparse = matches!(gradients.get("table").unwrap(), Gradient::Sparse(_));
                assert_eq!(is_sparse, form == Form::Sparse);
                optimiser.step(&parameters, &gradients, 1.0, 1.0).unwrap();
            }
            let state = optimiser.state().unwrap();
            let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            [
                values(&parameters.detached()["table"]),
                values(&state["table.first"]),
                values(&state["table.second"]),
            ]
        };
        let start = weights["table"].flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let [table, first, second] = run(Form::Sparse, &[&[0, 0], &[1]]);
        // Rows 2 and 3 had no gradient: neither decay nor means reach them.
        assert_eq!((&table[6..], &first[6..], &second[6..]), (&start[6..], &[0.0; 6][..], &[0.0; 6][..]));
        // Row 0 was changed by the first step, and the second left it and its means alone.
        let [after_one, first_after_one, _] = run(Form::Sparse, &[&[0, 0]]);
        assert_eq!((&table[..3], &first[..3]), (&after_one[..3], &first_after_one[..3]));
        assert!(table[..6].iter().zip(&start).all(|(own, start)| own != start));
        for form in [Form::Dense, Form::Device] {
            for (found, expected) in run(form, &[&[0, 0], &[1]])
                .concat()
                .iter()
                .zip([&table, &first, &second].map(Vec::as_slice).concat())
            {
                assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} and {expected}");
            }
        }
    }

    #[test]
    fn a_table_that_is_looked_up_takes_the_steps_of_one_with_a_whole_gradient() {
        use crate::ops::embed;
        use std::sync::Arc;

        let values: Vec<f32> = (0..24).map(|i| (i as f32 * 0.7).sin()).collect();
        let table = Tensor::from_vec(values, (8, 3), &Device::Cpu).unwrap();
        let weights: Weights = [("table".to_owned(), table)].into();
        // Rows 0 and 6 never, others in one step and not in the next, and once beside a gradient of all.
        let looked_up = [vec![1, 1, 2, 7], vec![2, 3, 4, 4], vec![5, 1, 1, 3], vec![7, 7, 7, 7]];
        let run = |whole: bool, interrupted: bool| {
            let parameters = Parameters::from_weights(&weights).unwrap();
            let mut optimiser = AdamW::new(AdamWOptions::default());
            for (step, ids) in looked_up.iter().enumerate() {
                let table = &parameters.tracked()["table"];
                let rows = embed(table, &Arc::new(ids.clone()), 1, 2.0, None).unwrap();
                let mut loss = rows.sqr().unwrap().sum_all().unwrap();
                if whole {
                    let nothing = (table * table.zeros_like().unwrap()).unwrap();
                    loss = (loss + nothing.sum_all().unwrap()).unwrap();
                }
                if step == 2 {
                    loss = (loss + table.sqr().unwrap().sum_all().unwrap()).unwrap();
                }
                let gradients = Gradients::of(&loss, &parameters).unwrap();
                let comes_in_rows = matches!(gradients.get("table").unwrap(), Gradient::Sparse(_));
                assert_eq!(comes_in_rows, !whole && step != 2);
                optimiser.step(&parameters, &gradients, 1.0, 0.5).unwrap();
                if interrupted {
                    let state = optimiser.state().unwrap();
                    optimiser = AdamW::new(AdamWOptions::default());
                    optimiser.restore(step + 1, &state).unwrap();
                }
            }
            let state = optimiser.state().unwrap();
            let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            [
                values(&parameters.detached()["table"]),
                values(&state["table.first"]),
                values(&state["table.second"]),
            ]
        };
        let expected = run(true, false);
        assert_eq!(run(false, false), expected);
        assert_eq!(run(false, true), expected);
        assert!(expected[1][..3].iter().any(|&mean| mean != 0.0), "the whole gradient reached every row");
    }
}
