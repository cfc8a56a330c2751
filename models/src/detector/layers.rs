//! Layers of a detector: convolutions over one grid, or stages of residual blocks over smaller and smaller ones.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::{self, Activation, Window};

use super::DetectorConfig;
use super::config::KERNEL;
use crate::layers::{Linear, Norm, Shapes, WeightSource};
use crate::{ModelError, Trace};

/// A convolution and the norm behind it.
#[derive(Debug, Clone)]
pub(super) struct Convolution {
    linear: Linear,
    norm: Norm,
}

/// Names of a convolution and its norm.
type Names = [String; 2];

impl Convolution {
    fn load(
        config: &DetectorConfig,
        source: WeightSource<'_>,
        [name, norm]: Names,
    ) -> Result<Self, ModelError> {
        let width = config.hidden_size;
        Ok(Self {
            linear: Linear::load_convolution(source, &name, [width, KERNEL, width])?,
            norm: Norm::load(source, &norm, width, config.layer_norm_eps)?,
        })
    }

    /// Outputs `[batch, rows, columns, width]` of a convolution that takes every so manieth place.
    fn forward(&self, grid: &Tensor, stride: usize, activation: Activation) -> Result<Tensor, ModelError> {
        let window = Window { kernel: KERNEL, stride, padding: KERNEL / 2 };
        self.linear.forward(&ops::unfold(grid, window)?, activation)
    }
}

/// Layers, each of which has a tap.
#[derive(Debug, Clone)]
pub(super) enum Layers {
    /// Convolutions over one grid: `h ← norm(h + gelu(conv(h)))`.
    Plain(Vec<Convolution>),
    /// Stages of residual blocks, `h ← norm(h + conv(gelu(norm(conv(h)))))` (He et al., 2016), and between two stages
    /// `h ← norm(gelu(conv(h)))` of every second row and column.
    Staged {
        /// Both convolutions of each block, stage by stage.
        stages: Vec<Vec<[Convolution; 2]>>,
        /// Those between stages.
        halvings: Vec<Convolution>,
    },
}

fn plain(layer: usize) -> Names {
    [format!("layer.{layer}.convolution"), format!("layer.{layer}.norm")]
}

fn block(layer: usize) -> [Names; 2] {
    ["first", "second"]
        .map(|place| [format!("layer.{layer}.{place}.convolution"), format!("layer.{layer}.{place}.norm")])
}

fn halving(stage: usize) -> Names {
    [format!("halving.{stage}.convolution"), format!("halving.{stage}.norm")]
}

impl Layers {
    /// Names and shapes of their tensors.
    pub(super) fn shapes(config: &DetectorConfig, shapes: &mut Shapes) {
        let width = config.hidden_size;
        let mut add = |[name, norm]: Names| {
            shapes.biased(&name, &[width, width, KERNEL, KERNEL]);
            shapes.biased(&norm, &[width]);
        };
        if config.stages.is_empty() {
            (0..config.num_hidden_layers).map(plain).for_each(add);
        } else {
            (0..config.num_hidden_layers).flat_map(block).for_each(&mut add);
            (0..config.stages.len() - 1).map(halving).for_each(add);
        }
    }

    pub(super) fn load(config: &DetectorConfig, source: WeightSource<'_>) -> Result<Self, ModelError> {
        let load = |names: Names| Convolution::load(config, source, names);
        if config.stages.is_empty() {
            let layers = (0..config.num_hidden_layers).map(|layer| load(plain(layer)));
            return Ok(Self::Plain(layers.collect::<Result<_, _>>()?));
        }
        let (mut stages, mut next) = (Vec::with_capacity(config.stages.len()), 0);
        for &blocks in &config.stages {
            let own = (next..next + blocks).map(|layer| {
                let [first, second] = block(layer);
                Ok([load(first)?, load(second)?])
            });
            stages.push(own.collect::<Result<_, ModelError>>()?);
            next += blocks;
        }
        let halvings = (0..config.stages.len() - 1).map(|stage| load(halving(stage)));
        Ok(Self::Staged { stages, halvings: halvings.collect::<Result<_, _>>()? })
    }

    /// The cells behind the last layer, `[batch, cells, width]`, of those of a grid of rows and columns, `[batch, rows · columns,
    /// width]`. Each layer is recorded.
    pub(super) fn forward(
        &self,
        embedded: Tensor,
        [rows, columns]: [usize; 2],
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let (batch, _, width) = embedded.dims3()?;
        let mut layer = 0;
        let mut record = |cells: &Tensor| {
            layer += 1;
            trace.record(&format!("hidden.{layer}"), cells);
        };
        match self {
            Self::Plain(layers) => {
                let mut hidden = embedded;
                for Convolution { linear, norm } in layers {
                    let grid = hidden.reshape((batch, rows, columns, width))?;
                    let around = neighbourhood(&grid)?.reshape((batch, rows * columns, ()))?;
                    let seen = linear.forward(&around, Activation::Gelu)?;
                    hidden = norm.forward(&(hidden + seen)?)?;
                    record(&hidden);
                }
                Ok(hidden)
            }
            Self::Staged { stages, halvings } => {
                let mut grid = embedded.reshape((batch, rows, columns, width))?;
                for (stage, blocks) in stages.iter().enumerate() {
                    if let Some(halving) = stage.checked_sub(1).and_then(|before| halvings.get(before)) {
                        grid = halving.norm.forward(&halving.forward(&grid, 2, Activation::Gelu)?)?;
                    }
                    for [first, second] in blocks {
                        let inner = first.norm.forward(&first.forward(&grid, 1, Activation::Identity)?)?;
                        let inner = ops::activate(&inner, Activation::Gelu)?;
                        let seen = second.forward(&inner, 1, Activation::Identity)?;
                        grid = second.norm.forward(&(grid + seen)?)?;
                        record(&grid.flatten(1, 2)?);
                    }
                }
                Ok(grid.flatten(1, 2)?)
            }
        }
    }
}

/// Each cell with the cells around it, row by row, and nothing beyond the edges: `[batch, rows, columns, 9 * width]` of
/// `[batch, rows, columns, width]`.
fn neighbourhood(grid: &Tensor) -> Result<Tensor, ModelError> {
    let (_, rows, columns, _) = grid.dims4()?;
    let margin = KERNEL / 2;
    let padded = grid.pad_with_zeros(1, margin, margin)?.pad_with_zeros(2, margin, margin)?;
    let mut around = Vec::with_capacity(KERNEL * KERNEL);
    for down in 0..KERNEL {
        for across in 0..KERNEL {
            around.push(padded.narrow(1, down, rows)?.narrow(2, across, columns)?);
        }
    }
    Ok(Tensor::cat(&around, 3)?)
}

#[cfg(test)]
mod tests {
    use alambic_tensor::candle::{DType, Device};

    use super::*;

    #[test]
    fn cells_are_surrounded_by_their_neighbours_as_a_convolution_sees_them() {
        let device = &Device::Cpu;
        let grid = Tensor::rand(0.0f32, 1.0, (2, 4, 5, 3), device).unwrap();
        let weight = Tensor::rand(-1.0f32, 1.0, (6, 3, 3, 3), device).unwrap();
        let expected = grid
            .permute((0, 3, 1, 2))
            .unwrap()
            .contiguous()
            .unwrap()
            .conv2d(&weight, 1, 1, 1, 1)
            .unwrap()
            .permute((0, 2, 3, 1))
            .unwrap();
        let bias = Tensor::zeros(6, DType::F32, device).unwrap();
        let weights = [("c.weight".to_owned(), weight), ("c.bias".to_owned(), bias)].into_iter().collect();
        let linear = Linear::load_convolution(WeightSource::new(&weights), "c", [3, 3, 6]).unwrap();
        let found = linear.forward(&neighbourhood(&grid).unwrap(), Activation::Identity).unwrap();
        let difference = (found - expected).unwrap().abs().unwrap().max_all().unwrap();
        assert!(difference.to_scalar::<f32>().unwrap() < 1e-5);
    }
}
