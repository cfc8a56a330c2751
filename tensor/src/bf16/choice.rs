//! Choice of the kernel for bfloat16.

use std::arch::x86_64::{
    __cpuid, __m512, __m512bh, _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_set1_ps, _mm512_storeu_ps,
};
use std::hint::black_box;
use std::mem::transmute;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::vectors;
use crate::cpu_isa::{CpuIsa, max_cpu_isa};
use crate::tiles;

/// Kernel for products in bfloat16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bf16Kernel {
    /// Tile registers (Intel's AMX).
    Tiles,
    /// Vector registers (AVX512-BF16).
    Vectors,
}

/// Makers whose vectors multiply bfloat16 at twice the rate of `f32`, in all their processors that can.
const FAST_MAKERS: [&[u8; 12]; 2] = [b"AuthenticAMD", b"HygonGenuine"];
/// Ratio of the two rates from which on vectors are used: processors have once or twice the rate, nothing between.
const MIN_GAIN: f64 = 1.4;
/// Times that the rates are measured, in turns; the best of each counts.
const ROUNDS: usize = 40;
/// Instructions that follow each other in a measurement, on each of its sums.
const STEPS: usize = 256;
/// Sums that are added to in turns, enough to hide how long one addition takes.
const SUMS: usize = 16;

/// The kernel of this process; none where products in bfloat16 would take as long as those in `f32`, which are then used.
///
/// Vectors are used where tiles are not, on processors of [`FAST_MAKERS`] or where `ALAMBIC_MAX_CPU_ISA` names them. On other
/// processors they are where they gain, which is measured once, in less than a millisecond.
pub(crate) fn kernel() -> Option<Bf16Kernel> {
    static KERNEL: OnceLock<Option<Bf16Kernel>> = OnceLock::new();
    *KERNEL.get_or_init(|| {
        if tiles::has_bf16() {
            return Some(Bf16Kernel::Tiles);
        }
        let is_used = vectors::are_supported()
            && match max_cpu_isa() {
                Some(CpuIsa::Avx512) => false,
                Some(CpuIsa::Avx512Bf16) => true,
                // SAFETY: the processor has the instructions.
                Some(CpuIsa::Amx) | None => is_of_fast_maker() || unsafe { gain() } >= MIN_GAIN,
            };
        is_used.then_some(Bf16Kernel::Vectors)
    })
}

fn is_of_fast_maker() -> bool {
    let leaf = __cpuid(0);
    let name = [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes).concat();
    FAST_MAKERS.iter().any(|maker| name == maker[..])
}

/// Rate of products in bfloat16 on vectors over that in `f32`, both out of registers. Rounds that something else interrupted
/// do not count, so that it does not hang on the load of the machine.
#[target_feature(enable = "avx512f,avx512bf16")]
fn gain() -> f64 {
    let [mut of_bf16, mut of_f32] = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        let one = black_box(_mm512_set1_ps(1.0));
        // SAFETY: any 64 bytes are pairs of numbers.
        let pair: __m512bh = unsafe { transmute(one) };
        of_bf16 = of_bf16.min(time(|sum| _mm512_dpbf16_ps(sum, pair, pair)));
        of_f32 = of_f32.min(time(|sum| _mm512_fmadd_ps(one, one, sum)));
    }
    2.0 * of_f32.as_secs_f64() / of_bf16.as_secs_f64().max(f64::MIN_POSITIVE)
}

/// Time of [`STEPS`] steps on each of some sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn time(step: impl Fn(__m512) -> __m512) -> Duration {
    let begin = Instant::now();
    let mut sums = [_mm512_set1_ps(0.0); SUMS];
    for _ in 0..STEPS {
        for sum in &mut sums {
            *sum = step(*sum);
        }
    }
    let mut numbers = [0.0f32; 16];
    for sum in sums {
        // SAFETY: there is room for them.
        unsafe { _mm512_storeu_ps(numbers.as_mut_ptr(), sum) };
        black_box(&numbers);
    }
    begin.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_fast_makers_gain() {
        if !vectors::are_supported() || !is_of_fast_maker() {
            eprintln!("skipped: not one of these processors");
            return;
        }
        // SAFETY: the processor has the instructions.
        let gain = unsafe { gain() };
        assert!(gain > MIN_GAIN && gain < 3.0, "{gain}");
    }
}
