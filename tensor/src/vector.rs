//! Elementary functions written so that the compiler vectorises loops over them, and the dispatch that
//! compiles such a loop for several instruction sets.

// A function that is called from such a loop and not inlined would be compiled for the baseline.
#![allow(clippy::inline_always)]

use std::mem::MaybeUninit;

/// Compiles a function for the baseline, AVX2 and AVX-512, and picks one when it is called.
///
/// Products and sums are never contracted, so every variant computes the same bits.
macro_rules! vectorised {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $type),*) $(-> $result)? {
            #[inline(always)]
            fn body($($arg: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
                fn avx512($($arg: $type),*) $(-> $result)? { body($($arg),*) }
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $type),*) $(-> $result)? { body($($arg),*) }
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                {
                    // SAFETY: the instruction set was just found on this processor.
                    return unsafe { avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: as above.
                    return unsafe { avx2($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}
pub(crate) use vectorised;

vectorised! {
    /// Sums, element by element.
    pub(crate) fn add(left: &[f32], right: &[f32], out: &mut [MaybeUninit<f32>]) {
        for ((out, left), right) in out.iter_mut().zip(left).zip(right) {
            out.write(left + right);
        }
    }
}

vectorised! {
    /// Adds numbers that are given by their bits, element by element.
    pub(crate) fn add_bits(sums: &mut [f32], more: &[u32]) {
        for (sum, more) in sums.iter_mut().zip(more) {
            *sum += f32::from_bits(*more);
        }
    }
}

vectorised! {
    /// Adds a multiple, element by element.
    pub(crate) fn add_scaled(sums: &mut [f32], more: &[f32], scale: f32) {
        for (sum, more) in sums.iter_mut().zip(more) {
            *sum += scale * more;
        }
    }
}

/// e to the x, within two units in the last place over the range of `f32`, without a branch. What would not be a
/// normal number is zero: a score of negative infinity gets no probability.
///
/// Range reduction by ln 2 and a polynomial of degree six (coefficients of the Cephes library's `expf`).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer and leaves it in the low mantissa bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const LOWEST: f32 = -87.3;
    let vanishes = x < LOWEST;
    let x = x.clamp(LOWEST, 88.3);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let polynomial = ((((1.987_569_1e-4 * r + 1.398_199_9e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r
        + 1.666_666_5e-1)
        * r
        + 0.5;
    let mantissa = polynomial * r * r + r + 1.0;
    let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32).wrapping_add(127) << 23;
    if vanishes { 0.0 } else { mantissa * f32::from_bits(exponent as u32) }
}

/// Hyperbolic tangent, to an absolute error of about 1e-7.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// The logistic function.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The error function, to an absolute error of 1.5e-7 (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
pub(crate) fn erf(x: f32) -> f32 {
    let magnitude = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * magnitude);
    let polynomial =
        ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_7) * t - 0.284_496_74) * t + 0.254_829_6) * t;
    (1.0 - polynomial * exp(-magnitude * magnitude)).copysign(x)
}

/// Independent partial sums, so that a sum can be vectorised without changing its order.
const LANES: usize = 16;

/// The sum of the elements.
#[inline(always)]
pub(crate) fn sum(values: &[f32]) -> f32 {
    fold(values, |x| x)
}

/// The sum of `function` over the elements.
#[inline(always)]
pub(crate) fn fold(values: &[f32], function: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += function(chunk[lane]);
        }
    }
    let mut total: f32 = lanes.iter().sum();
    for &value in rest {
        total += function(value);
    }
    total
}

/// The sum of products of two slices of equal length.
#[inline(always)]
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (left_chunks, right_chunks) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest = left_chunks.remainder().iter().zip(right_chunks.remainder());
    for (left, right) in left_chunks.zip(right_chunks) {
        for lane in 0..LANES {
            lanes[lane] += left[lane] * right[lane];
        }
    }
    let mut total: f32 = lanes.iter().sum();
    for (left, right) in rest {
        total += left * right;
    }
    total
}

/// The largest element, or negative infinity of none.
#[inline(always)]
pub(crate) fn max(values: &[f32]) -> f32 {
    best(values, f32::NEG_INFINITY, |one, other| one > other)
}

/// The smallest element, or infinity of none.
#[inline(always)]
pub(crate) fn min(values: &[f32]) -> f32 {
    best(values, f32::INFINITY, |one, other| one < other)
}

/// The element that is better than all others, or `worst` of none.
#[inline(always)]
fn best(values: &[f32], worst: f32, is_better: impl Fn(f32, f32) -> bool) -> f32 {
    let mut lanes = [worst; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = if is_better(chunk[lane], lanes[lane]) { chunk[lane] } else { lanes[lane] };
        }
    }
    lanes.iter().chain(rest).fold(worst, |best, &value| if is_better(value, best) { value } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_over_its_range() {
        for step in -8_700..8_800 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) - exact).abs() <= exact * 3e-7, "exp({x}) = {} not {exact}", exp(x));
        }
        assert_eq!(exp(-88.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn tanh_and_erf_match_known_values() {
        // Values of the functions to ten digits.
        for (x, expected) in
            [(0.0, 0.0), (0.5, 0.462_117_157_3), (-1.0, -0.761_594_156), (3.0, 0.995_054_753_7)]
        {
            assert!((f64::from(tanh(x)) - expected).abs() < 2e-7);
        }
        for (x, expected) in
            [(0.1, 0.112_462_916), (0.5, 0.520_499_877_8), (-1.0, -0.842_700_792_9), (2.5, 0.999_593_048)]
        {
            assert!((f64::from(erf(x)) - expected).abs() < 4e-7);
        }
    }

    #[test]
    fn reductions_count_every_element() {
        let values: Vec<f32> = (0..37).map(|i| i as f32).collect();
        assert_eq!(sum(&values), 666.0);
        assert_eq!(dot(&values, &values), (0..37).map(|i| i * i).sum::<i32>() as f32);
        assert_eq!(max(&values), 36.0);
        assert_eq!(max(&values[..3]), 2.0);
        assert_eq!((min(&values), min(&values[30..])), (0.0, 30.0));
    }
}
