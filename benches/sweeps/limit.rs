//! Lower bounds of time and memory: the products of matrices, and what has to be in memory at the same time.

use std::error::Error;

use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::ops::{Activation, LinearWeight, linear};
use serde_json::Value;

use super::point::{Point, Work};
use crate::timing::{Options, Timed};

/// One product of large square matrices.
pub(crate) struct Product {
    left: Tensor,
    right: Tensor,
    /// The same as weights that stay as they are.
    fixed: Option<LinearWeight>,
}

/// Rows and columns: large enough that a product is all work, small enough that it is over soon.
const SIDE: usize = 2048;

impl Product {
    pub(crate) const DEFAULTS: [(&'static str, f64); 1] = [
        // 1 for weights that are laid out once.
        ("fixed", 0.0),
    ];

    pub(crate) fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let values = (0..SIDE * SIDE).map(|index| (index % 97) as f32 / 97.0 - 0.5).collect();
        let left = Tensor::from_vec(values, (SIDE, SIDE), &Device::Cpu)?;
        let right = left.t()?.contiguous()?;
        let fixed = (options.size("fixed") == 1).then(|| LinearWeight::new(right.clone()));
        Ok(Self { left, right, fixed })
    }

    /// Floating-point operations of one product.
    pub(crate) fn operations() -> f64 {
        2.0 * (SIDE as f64).powi(3)
    }
}

impl Timed for Product {
    fn parameters(&self) -> usize {
        self.right.elem_count()
    }

    fn step(&mut self) -> Result<f32, Box<dyn Error>> {
        let product = match &self.fixed {
            Some(weight) => weight.linear(&self.left, None, Activation::Identity),
            None => linear(&self.left, &self.right, None, Activation::Identity),
        }?;
        Ok(product.narrow(0, 0, 1)?.flatten_all()?.get(0)?.to_scalar::<f32>()?)
    }
}

/// The sizes of a point.
struct Sizes {
    layers: f64,
    width: f64,
    inner: f64,
    heads: f64,
    batch: f64,
    length: f64,
    /// Of the teacher; none where there is none.
    teacher_width: Option<f64>,
}

impl Sizes {
    fn of(settings: &Value) -> Option<Self> {
        let size = |name: &str| settings[name].as_f64();
        Some(Self {
            layers: size("layers")?,
            width: size("width")?,
            inner: size("ffn")?,
            heads: size("heads")?,
            batch: size("batch")?,
            length: size("length")?,
            teacher_width: size("teacher-width"),
        })
    }

    fn tokens(&self) -> f64 {
        self.batch * self.length
    }

    /// The states that are compared: the embeddings and those of each layer.
    fn compared(&self) -> f64 {
        self.layers + 1.0
    }
}

/// Floating-point operations of the products of a point: those of all layers, in a training three times (forward, to the
/// inputs and to the weights), and of a training those that bring the compared states to the teacher's width.
pub(crate) fn operations(work: Work, point: &Point) -> Option<f64> {
    let sizes = Sizes::of(&point.settings)?;
    let Sizes { width, inner, length, .. } = sizes;
    let weights = 4.0 * width * width + 2.0 * width * inner;
    let layers = sizes.layers * sizes.tokens() * (2.0 * weights + 4.0 * length * width);
    let projection = sizes.teacher_width.map_or(0.0, |teacher| 2.0 * sizes.tokens() * width * teacher);
    Some(match work {
        Work::Step => 3.0 * (layers + sizes.compared() * projection),
        Work::Encoding | Work::Product => layers,
    })
}

/// Bytes that a point has to hold at the same time: the weights; in a training also their gradients, two running means of
/// these, and the states and scores of student and teacher that are compared.
pub(crate) fn bytes(work: Work, point: &Point) -> Option<f64> {
    const NUMBER: f64 = 4.0;
    let sizes = Sizes::of(&point.settings)?;
    let teacher = sizes.teacher_width.unwrap_or_default();
    let states = sizes.compared() * sizes.tokens() * (sizes.width + teacher);
    let scores = 2.0 * sizes.layers * sizes.heads * sizes.tokens() * sizes.length;
    Some(match work {
        Work::Step => NUMBER * (4.0 * point.parameters + states + scores),
        Work::Encoding | Work::Product => NUMBER * point.parameters,
    })
}
