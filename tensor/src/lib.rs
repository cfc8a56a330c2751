//! What candle lacks for training: differentiable fused operations, optimisers
//! whose state can be saved, schedules, an ordered parameter store and seeded
//! random streams.
//!
//! Tensors are candle's. The operations in [`ops`] are candle custom operations
//! with hand-written gradients: candle's own layer norm and softmax cut the
//! gradient without an error, and its composites allocate and zero a buffer for
//! every small step. Gradients come from [`gradients::backward`], which needs no
//! zero buffers. They run on the CPU in `f32`; on another [`device`] each is made of candle's own.
//!
//! ```
//! use alambic_tensor::{gradients::backward, ops, parameters::Parameters, candle::{Device, Tensor}};
//!
//! let mut parameters = Parameters::new();
//! let weight = Tensor::new(&[[1.0f32, 2.0], [3.0, 4.0]], &Device::Cpu)?;
//! parameters.insert("projection.weight", &weight)?;
//! let x = Tensor::new(&[[1.0f32, 1.0]], &Device::Cpu)?;
//! let y = ops::linear(&x, &parameters.tracked()["projection.weight"], None, ops::Activation::Identity)?;
//! assert_eq!(y.to_vec2::<f32>()?, [[3.0, 7.0]]);
//! let gradients = backward(&y.sum_all()?)?;
//! assert!(gradients.get(&parameters.tracked()["projection.weight"]).is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use candle_core as candle;
pub use candle_nn;

#[cfg(target_arch = "x86_64")]
mod bf16;
mod buffer;
mod cpu_isa;
pub mod device;
mod error;
mod gradient;
mod gradient_sum;
pub mod gradients;
mod graph;
mod instruction_sets;
#[cfg(target_arch = "x86_64")]
mod int8_panels;
mod int8_weight;
mod matmul;
mod matrix;
pub mod ops;
pub mod optimiser;
mod packed_weight;
#[cfg(target_arch = "x86_64")]
mod panels;
pub mod parameters;
pub mod precision;
pub mod principal_components;
pub mod random;
pub mod schedule;
pub mod threads;
#[cfg(target_arch = "x86_64")]
mod tiles;
mod vector;
mod weight_masks;
#[cfg(target_arch = "x86_64")]
mod weight_panels;

pub use cpu_isa::check_max_cpu_isa;
pub use error::TensorError;
pub use gradient_sum::GradientSum;
pub use instruction_sets::instruction_sets;
pub use random::Streams;
pub use weight_masks::WeightMasks;
