//! The newest instruction set that kernels of this crate may use.

#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

use alambic_settings::choices;

use crate::TensorError;

/// Environment variable with the newest instruction set that kernels may use. oneDNN, and so PyTorch, has one like it.
const VARIABLE: &str = "ALAMBIC_MAX_CPU_ISA";

choices! {
    /// Newest instruction set that kernels may use, each with those before it.
    pub(crate) enum CpuIsa {
        /// Vectors of 512 bits. Products in bfloat16 fall back to `f32`.
        Avx512 = "avx512",
        /// Products of bfloat16 on these vectors, also where [`crate::bf16`] would not choose them by itself.
        Avx512Bf16 = "avx512-bf16",
        /// Tile registers (Intel's AMX).
        Amx = "amx",
    }
}

/// What the variable says; none where it is not set, and then each kernel is used where it gains.
///
/// # Errors
/// When it has another value than one of the names.
fn read() -> Result<Option<CpuIsa>, TensorError> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let isa = value.to_str().and_then(CpuIsa::from_name);
    isa.map(Some).ok_or_else(|| {
        let names: Vec<String> = CpuIsa::LIST.iter().map(|(name, _)| format!("`{name}`")).collect();
        let value = value.to_string_lossy();
        TensorError::CpuIsa(format!(
            "{VARIABLE} is {value:?}: set it to one of {}, or unset it",
            names.join(", ")
        ))
    })
}

/// The newest instruction set that kernels may use, by the environment variable `ALAMBIC_MAX_CPU_ISA`, the same for the whole
/// process; none where that is not set or has no meaning.
#[cfg(target_arch = "x86_64")]
pub(crate) fn max_cpu_isa() -> Option<CpuIsa> {
    static ISA: OnceLock<Option<CpuIsa>> = OnceLock::new();
    *ISA.get_or_init(|| read().ok().flatten())
}

/// Checks the environment variable `ALAMBIC_MAX_CPU_ISA`, by which kernels leave out newer instruction sets than the one that
/// it names: `amx`, `avx512-bf16` or `avx512`.
///
/// # Errors
/// When it is set to anything else.
pub fn check_max_cpu_isa() -> Result<(), TensorError> {
    read().map(drop)
}
