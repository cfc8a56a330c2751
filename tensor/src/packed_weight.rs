//! Weights of linear layers that stay as they are, packed for the processor.

use std::mem::MaybeUninit;
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use crate::bf16::Bf16Matrix;
use crate::int8_weight::Int8Weight;
use crate::precision::{self, MatmulPrecision};
#[cfg(target_arch = "x86_64")]
use crate::weight_panels::{self, WeightPanels};

/// Packed forms of weights `[outputs, inputs]` that stay as they are, each made in the first product that uses it.
#[derive(Default)]
pub(crate) struct PackedWeight {
    int8: OnceLock<Int8Weight>,
    #[cfg(target_arch = "x86_64")]
    panels: OnceLock<WeightPanels>,
    /// By how many parts a number is taken in.
    #[cfg(target_arch = "x86_64")]
    bf16: [OnceLock<Bf16Matrix>; 2],
}

impl PackedWeight {
    /// `out = rows Wᵀ + bias` with these weights, always the same ones, where there is a way for it that is better than a
    /// product with any matrix; says whether there is. What a row gives does not depend on the others.
    pub(crate) fn multiply(
        &self,
        out: &mut [MaybeUninit<f32>],
        rows: &[f32],
        weights: &[f32],
        bias: Option<&[f32]>,
        (inputs, outputs): (usize, usize),
    ) -> bool {
        if precision::current() == MatmulPrecision::Int8 {
            let int8 = || Int8Weight::new(weights, (inputs, outputs));
            self.int8.get_or_init(int8).multiply(out, rows, bias);
            return true;
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(product) = precision::current().bf16_product() {
            let right = || Bf16Matrix::new((weights, true), (inputs, outputs), product);
            self.bf16[product.parts as usize].get_or_init(right).multiply(out, (rows, false), bias);
            return true;
        }
        #[cfg(target_arch = "x86_64")]
        if weight_panels::has_avx512() {
            self.panels.get_or_init(|| WeightPanels::new(weights, outputs, inputs)).multiply(out, rows, bias);
            return true;
        }
        false
    }
}
