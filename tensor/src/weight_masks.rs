//! Masks of weights: numbers of a parameter that are trained, and those that stay as they are.

use std::path::Path;

use candle_core::{CpuStorage, DType, InplaceOp3, Layout, Tensor, bail};
use indexmap::IndexMap;
use rayon::prelude::*;

use crate::TensorError;
use crate::buffer;
use crate::device;
use crate::gradient::Gradient;
use crate::gradients::Gradients;
use crate::parameters::{self, Parameters, Weights};

/// For each masked parameter a tensor of its shape, of 8-bit integers: 1 where a number is trained, 0 where it stays. Parameters without a
/// mask are trained whole.
#[derive(Debug, Clone, Default)]
pub struct WeightMasks(IndexMap<String, Tensor>);

impl WeightMasks {
    /// No masks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the mask of a parameter, replacing what was there: a number for each of the parameter's, in row-major order.
    ///
    /// # Errors
    /// When there are not as many numbers as the shape has.
    pub fn insert(&mut self, name: &str, trained: &[bool], shape: &[usize]) -> Result<(), TensorError> {
        let numbers: Vec<u8> = trained.iter().map(|&trained| u8::from(trained)).collect();
        self.0.insert(name.to_owned(), Tensor::from_vec(numbers, shape, device::current())?);
        Ok(())
    }

    /// Reads a safetensors file of masks.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else than zeros and ones in 8-bit integers.
    pub fn load(path: &Path) -> Result<Self, TensorError> {
        let own = Self(parameters::load(path)?);
        for (name, mask) in &own.0 {
            if mask.dtype() != DType::U8
                || mask.flatten_all()?.to_vec1::<u8>()?.iter().any(|&number| number > 1)
            {
                let message = format!("`{name}` is no mask: a mask holds zeros and ones of the type U8");
                return Err(TensorError::StateMismatch(message));
            }
        }
        Ok(own)
    }

    /// Writes the masks to a safetensors file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), TensorError> {
        parameters::save(&self.0, &[], path)
    }

    /// Whether no parameter has a mask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names of the masked parameters, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The mask of a parameter, number by number.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<Vec<bool>>, TensorError> {
        let numbers = |mask: &Tensor| mask.flatten_all()?.to_vec1::<u8>();
        let mask = self.0.get(name).map(numbers).transpose()?;
        Ok(mask.map(|mask| mask.into_iter().map(|number| number == 1).collect()))
    }

    /// How many numbers the masked parameters have, and how many of these are trained.
    ///
    /// # Errors
    /// When a mask cannot be read.
    pub fn counts(&self) -> Result<(usize, usize), TensorError> {
        let mut trained = 0;
        for mask in self.0.values() {
            trained += mask.flatten_all()?.to_vec1::<u8>()?.into_iter().map(usize::from).sum::<usize>();
        }
        Ok((self.0.values().map(Tensor::elem_count).sum(), trained))
    }

    /// Names of the parameters of which no number is trained.
    ///
    /// # Errors
    /// When a mask cannot be read.
    pub fn untrained(&self) -> Result<Vec<String>, TensorError> {
        let mut names = Vec::new();
        for (name, mask) in &self.0 {
            if mask.flatten_all()?.to_vec1::<u8>()?.iter().all(|&number| number == 0) {
                names.push(name.clone());
            }
        }
        Ok(names)
    }

    /// Makes sure that the weights have each masked parameter, in the shape of its mask.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn check(&self, weights: &Weights) -> Result<(), TensorError> {
        for (name, mask) in &self.0 {
            let found = weights.get(name).map(Tensor::dims);
            if found != Some(mask.dims()) {
                let found = found.map_or_else(|| "not there".to_owned(), |shape| format!("{shape:?}"));
                return Err(TensorError::StateMismatch(format!(
                    "the mask of `{name}` is {:?}, and the parameter is {found}",
                    mask.dims()
                )));
            }
        }
        Ok(())
    }

    /// The weights with zeros in place of what is not trained.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub fn zero(&self, weights: &Weights) -> Result<Weights, TensorError> {
        self.check(weights)?;
        let apply = |(name, tensor): (&String, &Tensor)| match self.0.get(name) {
            Some(mask) => Ok((name.clone(), mask.where_cond(tensor, &tensor.zeros_like()?)?)),
            None => Ok((name.clone(), tensor.clone())),
        };
        weights.iter().map(apply).collect()
    }

    /// Zeros in the gradients of what is not trained.
    ///
    /// # Errors
    /// When a gradient has another shape than the mask.
    pub fn apply(&self, gradients: &mut Gradients) -> Result<(), TensorError> {
        for (name, mask) in &self.0 {
            let Some(gradient) = gradients.get(name) else { continue };
            let tensor = gradient.tensor()?;
            let masked = if tensor.device().is_cpu() && tensor.dims() == mask.dims() {
                let numbers = mask.flatten_all()?.to_vec1::<u8>()?;
                let mut values = buffer::with_slice(&tensor, "masked gradient", <[f32]>::to_vec)?;
                let block = buffer::rows_per_task(1);
                values.par_chunks_mut(block).zip(numbers.par_chunks(block)).for_each(|(values, numbers)| {
                    for (value, &number) in values.iter_mut().zip(numbers) {
                        *value = if number == 0 { 0.0 } else { *value };
                    }
                });
                Tensor::from_vec(values, tensor.shape(), tensor.device())?
            } else {
                mask.where_cond(&tensor, &tensor.zeros_like()?)?
            };
            gradients.replace(name, Gradient::Dense(masked));
        }
        Ok(())
    }

    /// Gives what is not trained its value of `values` again, which weight decay may have moved.
    ///
    /// # Errors
    /// When `values` lacks a masked parameter, or shapes differ.
    pub fn hold(&self, parameters: &Parameters, values: &Weights) -> Result<(), TensorError> {
        for (name, variable) in parameters.trainable() {
            let Some(mask) = self.0.get(name) else { continue };
            let values = values.get(name).ok_or_else(|| TensorError::UnknownParameter(name.to_owned()))?;
            let own = variable.as_tensor();
            if own.device().is_cpu() {
                own.inplace_op3(mask, &values.contiguous()?, &Hold)?;
            } else {
                variable.set(&mask.where_cond(&own.detach(), values)?)?;
            }
        }
        Ok(())
    }
}

/// Sets numbers whose mask is 0 to given values.
struct Hold;

impl InplaceOp3 for Hold {
    fn name(&self) -> &'static str {
        "hold-masked-weights"
    }

    fn cpu_fwd(
        &self,
        own: &mut CpuStorage,
        layout: &Layout,
        masks: &CpuStorage,
        mask_layout: &Layout,
        values: &CpuStorage,
        value_layout: &Layout,
    ) -> candle_core::Result<()> {
        let values = buffer::slice(values, value_layout, self.name())?;
        let (CpuStorage::F32(own), CpuStorage::U8(masks)) = (own, masks) else {
            bail!("hold-masked-weights: a parameter must be f32, and its mask u8")
        };
        let (Some((start, end)), Some((first, last))) =
            (layout.contiguous_offsets(), mask_layout.contiguous_offsets())
        else {
            bail!("hold-masked-weights: a parameter and its mask must be contiguous")
        };
        let block = buffer::rows_per_task(1);
        own[start..end]
            .par_chunks_mut(block)
            .zip(masks[first..last].par_chunks(block))
            .zip(values.par_chunks(block))
            .for_each(|((own, masks), values)| {
                for ((own, &mask), &value) in own.iter_mut().zip(masks).zip(values) {
                    *own = if mask == 0 { value } else { *own };
                }
            });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::optimiser::{AdamW, AdamWOptions};

    fn parameters() -> Result<Parameters, TensorError> {
        let mut parameters = Parameters::new();
        parameters.insert("a", &Tensor::new(&[[1.0f32, -2.0], [3.0, 4.0]], &Device::Cpu)?)?;
        parameters.insert("b", &Tensor::new(&[[5.0f32, 6.0]], &Device::Cpu)?)?;
        Ok(parameters)
    }

    fn masks() -> Result<WeightMasks, TensorError> {
        let mut masks = WeightMasks::new();
        masks.insert("a", &[true, false, false, true], &[2, 2])?;
        Ok(masks)
    }

    #[test]
    fn what_a_mask_leaves_out_stays_under_weight_decay_and_gradients() -> Result<(), TensorError> {
        let (parameters, masks) = (parameters()?, masks()?);
        let start: Weights = parameters
            .detached()
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.copy()?)))
            .collect::<candle_core::Result<_>>()?;
        let options = AdamWOptions { learning_rate: 0.1, weight_decay: 0.5, ..AdamWOptions::default() };
        let mut optimiser = AdamW::new(options);
        for _ in 0..3 {
            let tracked = parameters.tracked();
            let loss = (tracked["a"].sqr()?.sum_all()? + tracked["b"].sqr()?.sum_all()?)?;
            let mut gradients = Gradients::of(&loss, &parameters)?;
            masks.apply(&mut gradients)?;
            let gradient = gradients.tensor("a")?.map(|tensor| tensor.to_vec2::<f32>()).transpose()?;
            assert_eq!(gradient.map(|rows| [rows[0][1], rows[1][0]]), Some([0.0, 0.0]));
            optimiser.step(&parameters, &gradients, 1.0, 1.0)?;
            masks.hold(&parameters, &start)?;
        }
        let after = parameters.detached();
        let (a, b) = (after["a"].to_vec2::<f32>()?, after["b"].to_vec2::<f32>()?);
        assert_eq!([a[0][1], a[1][0]], [-2.0, 3.0]);
        assert!(a[0][0] < 1.0 && a[1][1] < 4.0 && b[0][0] < 5.0, "{a:?} {b:?}");
        Ok(())
    }

    #[test]
    fn zeroed_weights_and_files() -> Result<(), TensorError> {
        let (parameters, masks) = (parameters()?, masks()?);
        let zeroed = masks.zero(&parameters.detached())?;
        assert_eq!(zeroed["a"].to_vec2::<f32>()?, [[1.0, 0.0], [0.0, 4.0]]);
        assert_eq!(zeroed["b"].to_vec2::<f32>()?, [[5.0, 6.0]]);
        assert_eq!(masks.counts()?, (4, 2));
        let path = std::env::temp_dir().join(format!("alambic-masks-{}.safetensors", std::process::id()));
        masks.save(&path)?;
        assert_eq!(WeightMasks::load(&path)?.get("a")?, Some(vec![true, false, false, true]));
        parameters::save(&parameters.detached(), &[], &path)?;
        let error = WeightMasks::load(&path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("`a` is no mask"), "{error}");
        std::fs::remove_file(&path).map_err(candle_core::Error::from)?;
        Ok(())
    }

    #[test]
    fn a_mask_of_another_shape_is_refused() -> Result<(), TensorError> {
        let mut masks = masks()?;
        masks.insert("b", &[true, false, true], &[1, 3])?;
        let error = masks.zero(&parameters()?.detached()).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("the mask of `b` is [1, 3], and the parameter is [1, 2]")));
        assert_eq!(masks.untrained()?, Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn rows_of_a_table_are_masked_too() -> Result<(), TensorError> {
        let mut parameters = Parameters::new();
        let table = Var::from_tensor(&Tensor::ones((3, 2), DType::F32, &Device::Cpu)?)?;
        parameters.insert("table", table.as_tensor())?;
        let mut masks = WeightMasks::new();
        masks.insert("table", &[true, true, false, true, false, false], &[3, 2])?;
        let ids = Tensor::new(&[0u32, 1], &Device::Cpu)?;
        let loss = parameters.tracked()["table"].index_select(&ids, 0)?.sum_all()?;
        let mut gradients = Gradients::of(&loss, &parameters)?;
        masks.apply(&mut gradients)?;
        let gradient = gradients.tensor("table")?.map(|tensor| tensor.to_vec2::<f32>()).transpose()?;
        assert_eq!(gradient, Some(vec![vec![1.0, 1.0], vec![0.0, 1.0], vec![0.0, 0.0]]));
        Ok(())
    }
}
