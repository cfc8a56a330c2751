//! Precision of matrix products.

use std::cell::Cell;

use alambic_settings::choices;

#[cfg(target_arch = "x86_64")]
use crate::bf16::{Bf16Parts, Bf16Product};
use crate::device;

choices! {
    /// Precision of large matrix products. Sums, and all else, are in `f32`.
    pub enum MatmulPrecision {
        /// `f32`.
        F32 = "f32",
        /// Three products of bfloat16 for one, about 16 significant bits: each number is the sum of two. Infinity
        /// becomes NaN. On processors without tiles for bfloat16 (Intel's AMX), `f32`, which is faster there.
        Bf16x3 = "bf16x3",
        /// bfloat16, 8 significant bits, on tiles (Intel's AMX) or vectors (AVX512-BF16: AMD from Zen 4 on). On other
        /// processors, `f32`.
        Bf16 = "bf16",
        /// Integers of 8 bits, for finished models: the weights of each output and each row that is multiplied are rounded
        /// to steps of their own. Products of other matrices than weights are in `f32`.
        Int8 = "int8",
    }
}

impl MatmulPrecision {
    /// Whether the device of this process has kernels for it, and does not fall back to `f32`.
    #[must_use]
    pub fn is_supported(self) -> bool {
        let on_gpu = !device::current().is_cpu();
        match self {
            Self::F32 => true,
            Self::Int8 => !on_gpu,
            Self::Bf16x3 => !on_gpu && self.has_bf16_product(),
            Self::Bf16 => on_gpu || self.has_bf16_product(),
        }
    }

    /// How this processor makes products in bfloat16 for it; none where they are made otherwise, or in `f32` for want of a
    /// kernel.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn bf16_product(self) -> Option<Bf16Product> {
        match self {
            Self::F32 | Self::Int8 => None,
            Self::Bf16x3 => Bf16Product::of(Bf16Parts::Two),
            Self::Bf16 => Bf16Product::of(Bf16Parts::One),
        }
    }

    /// Whether this processor makes products in bfloat16 for it.
    #[cfg_attr(not(target_arch = "x86_64"), allow(clippy::unused_self))]
    fn has_bf16_product(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.bf16_product().is_some();
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// The warning that products fall back to `f32`; none where they do not.
    #[must_use]
    pub fn fallback(self) -> Option<String> {
        if self.is_supported() {
            return None;
        }
        let needs = match self {
            _ if !device::current().is_cpu() => "on this device",
            Self::Bf16 => "(they need AMX or AVX512-BF16)",
            Self::F32 | Self::Bf16x3 | Self::Int8 => "(they need AMX)",
        };
        Some(format!("this machine has no {} kernels {needs}; using f32", self.name()))
    }
}

thread_local! {
    static CURRENT: Cell<MatmulPrecision> = const { Cell::new(MatmulPrecision::F32) };
}

/// Runs `work` with large matrix products of the calling thread in this precision. It does not hold for other threads that
/// `work` hands whole products to.
pub fn with<R>(precision: MatmulPrecision, work: impl FnOnce() -> R) -> R {
    /// Restores the precision before, also when the work panics.
    struct Before(MatmulPrecision);
    impl Drop for Before {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _before = Before(CURRENT.replace(precision));
    work()
}

/// The precision of the calling thread.
pub(crate) fn current() -> MatmulPrecision {
    CURRENT.get()
}
