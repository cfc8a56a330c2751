//! Differentiable operations on `f32` tensors, fused and parallel in CPU memory, and made of candle's own operations on a GPU.
//!
//! In CPU memory each runs forward and backward as one pass where it can, keeps what the backward pass needs only
//! when a gradient will be asked for, and gives the same bits whatever the number of threads.

mod activation;
mod attention;
mod composite;
mod cross_entropy;
mod divergence;
mod dropout;
mod embedding;
mod gated;
mod gather_rows;
mod layer_norm;
mod linear;
mod low_rank;
mod matrix_product;
mod mean;
mod ragged;
mod root_norm;
mod rotary;
mod softmax;
mod squared_error;
#[cfg(test)]
mod tests;
mod unfold;

pub use activation::{Activation, activate};
pub use attention::{
    AttentionHeads, AttentionMask, ImageAttention, ImagePattern, attend, attend_cached, attend_cached_keys,
    attend_cached_rows, attend_cross, attend_cross_with_taps, attend_image, attend_packed,
    attend_packed_with_taps,
};
pub use cross_entropy::{CrossEntropy, cross_entropy};
pub use divergence::{Divergence, divergence};
pub use dropout::{Dropout, DropoutMask, dropout};
pub use embedding::embed;
pub use gated::gated;
pub use gather_rows::{GatheredRows, gather_rows};
pub use layer_norm::{layer_norm, pack_affine, residual_layer_norm};
pub use linear::{LinearWeight, linear, linear_packed};
pub use low_rank::low_rank_matrices;
pub use matrix_product::{
    MAX_PRODUCT_ENTRY, ReadingOrder, matrix_product, prefix_products, prefix_sums, sequence_sums,
};
pub use mean::masked_mean;
pub use ragged::{RaggedLayout, RaggedPairs};
pub use root_norm::root_norm;
pub use rotary::{Rotation, rotate};
pub use softmax::softmax;
pub use squared_error::{SquaredError, squared_error};
pub use unfold::{Window, fold, unfold};
