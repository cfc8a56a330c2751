//! How exact matrix products are.

use std::cell::Cell;

use alambic_settings::choices;

use crate::device;

choices! {
    /// What numbers are multiplied as in large products of matrices. They are added up in `f32`, and so is all else.
    pub enum Products {
        /// `f32`.
        F32 = "f32",
        /// Three products of bfloat16 for one, about 16 significant bits: each number is the sum of two. What is infinite
        /// becomes no number. On processors without tiles for bfloat16, `f32`.
        Bf16x3 = "bf16x3",
        /// bfloat16, 8 significant bits. On processors without tiles for it, `f32`.
        Bf16 = "bf16",
        /// Integers of 8 bits, for finished models: the weights of each output and each row that is multiplied are rounded
        /// to steps of their own. Products of other matrices than weights are `f32`.
        Int8 = "int8",
    }
}

impl Products {
    /// Whether they are made so where this process computes, and do not fall back to `f32`.
    #[must_use]
    pub fn is_made_here(self) -> bool {
        let on_gpu = !device::current().is_cpu();
        match self {
            Self::F32 => true,
            Self::Int8 => !on_gpu,
            Self::Bf16x3 => !on_gpu && is_lowered(),
            Self::Bf16 => on_gpu || is_lowered(),
        }
    }

    /// The message that products fall back to `f32`; none where they do not.
    #[must_use]
    pub fn fallback(self) -> Option<String> {
        let name = self.name();
        (!self.is_made_here()).then(|| format!("this machine has no {name} kernels; using f32"))
    }
}

thread_local! {
    static CURRENT: Cell<Products> = const { Cell::new(Products::F32) };
}

/// Does something in which the calling thread multiplies large matrices in this precision. Threads that it hands whole
/// products to know nothing of it.
pub fn with<R>(precision: Products, work: impl FnOnce() -> R) -> R {
    /// What was before is put back, also when the work panics.
    struct Before(Products);
    impl Drop for Before {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _before = Before(CURRENT.replace(precision));
    work()
}

/// The precision of the calling thread.
pub(crate) fn current() -> Products {
    CURRENT.get()
}

/// Whether this processor multiplies bfloat16, or else takes it as `f32`.
#[must_use]
pub fn is_lowered() -> bool {
    #[cfg(target_arch = "x86_64")]
    return crate::tiles::are_there();
    #[cfg(not(target_arch = "x86_64"))]
    false
}
