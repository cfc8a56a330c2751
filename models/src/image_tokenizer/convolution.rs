//! Convolutions over grids of places, `[batch, rows, columns, width]`.

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::{self, Activation, LinearWeight, Window};

use super::config::{BLOCK_KERNELS, SCALING_KERNEL};
use crate::ModelError;
use crate::layers::{Linear, WeightSource};

/// A convolution, as a linear layer over the neighbourhood of each place.
#[derive(Debug, Clone)]
pub(super) struct Convolution {
    window: Window,
    linear: Linear,
}

impl Convolution {
    /// One that keeps the sides, with a weight `[outputs, inputs, kernel, kernel]`.
    pub(super) fn load(
        source: WeightSource<'_>,
        name: &str,
        [inputs, kernel, outputs]: [usize; 3],
    ) -> Result<Self, ModelError> {
        let window = Window { kernel, stride: 1, padding: kernel / 2 };
        Ok(Self { window, linear: Linear::load_convolution(source, name, [inputs, kernel, outputs])? })
    }

    /// One that halves the sides.
    pub(super) fn load_halving(
        source: WeightSource<'_>,
        name: &str,
        [inputs, outputs]: [usize; 2],
    ) -> Result<Self, ModelError> {
        let linear = Linear::load_convolution(source, name, [inputs, SCALING_KERNEL, outputs])?;
        Ok(Self { window: SCALING, linear })
    }

    pub(super) fn forward(&self, grid: &Tensor, activation: Activation) -> Result<Tensor, ModelError> {
        if self.window.kernel == 1 {
            return self.linear.forward(grid, activation);
        }
        self.linear.forward(&ops::unfold(grid, self.window)?, activation)
    }
}

/// Squares of 4 by 4, 2 apart, with a margin of 1.
const SCALING: Window = Window { kernel: SCALING_KERNEL, stride: 2, padding: 1 };

/// A transposed convolution that doubles the sides.
#[derive(Debug, Clone)]
pub(super) struct Upsampling {
    weight: LinearWeight,
    bias: Tensor,
}

impl Upsampling {
    /// One with a weight `[inputs, outputs, 4, 4]`.
    pub(super) fn load(
        source: WeightSource<'_>,
        name: &str,
        [inputs, outputs]: [usize; 2],
    ) -> Result<Self, ModelError> {
        let shape = [inputs, outputs, SCALING_KERNEL, SCALING_KERNEL];
        let weight = source.tensor(&format!("{name}.weight"), &shape)?;
        let bias = source.tensor(&format!("{name}.bias"), &[outputs])?;
        // A row for each number of a square, which has its channels last.
        let squares = SCALING_KERNEL * SCALING_KERNEL * outputs;
        let weight = weight.permute((2, 3, 1, 0))?.contiguous()?.reshape((squares, inputs))?;
        Ok(Self { weight: LinearWeight::new(weight), bias })
    }

    pub(super) fn forward(&self, grid: &Tensor) -> Result<Tensor, ModelError> {
        let squares = self.weight.linear(grid, None, Activation::Identity)?;
        Ok(ops::activate(&ops::fold(&squares, Some(&self.bias), SCALING)?, Activation::Relu)?)
    }
}

/// Three convolutions around which what they read goes as it is.
#[derive(Debug, Clone)]
pub(super) struct ResidualBlock([Convolution; 3]);

impl ResidualBlock {
    pub(super) fn load(source: WeightSource<'_>, name: &str, width: usize) -> Result<Self, ModelError> {
        let [first, second, third] = BLOCK_KERNELS.map(|(place, kernel)| {
            Convolution::load(source, &format!("{name}.net.{place}"), [width, kernel, width])
        });
        Ok(Self([first?, second?, third?]))
    }

    pub(super) fn forward(&self, grid: &Tensor) -> Result<Tensor, ModelError> {
        let [first, second, third] = &self.0;
        let inner = second.forward(&first.forward(grid, Activation::Relu)?, Activation::Relu)?;
        Ok((grid + third.forward(&inner, Activation::Identity)?)?)
    }
}
