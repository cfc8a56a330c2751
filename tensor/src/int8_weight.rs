//! Weights in integers of 8 bits, multiplied on tile registers, by AVX512-VNNI, or through `rten-gemm`.
//!
//! Weights are quantised symmetrically, with a scale for each output, to -127 to 127. Each row that is multiplied is quantised
//! dynamically, with a scale and a zero point of its own, to 0 to 255: so no calibration is needed, and what a row gives does
//! not depend on the others. Sums are exact.

use std::mem::MaybeUninit;

use rayon::prelude::*;
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

use crate::buffer;
#[cfg(target_arch = "x86_64")]
use crate::int8_panels::{self, Int8Panels, OutputFactors, Uint8Rows};
#[cfg(target_arch = "x86_64")]
use crate::matrix::MatrixViewMut;
#[cfg(target_arch = "x86_64")]
use crate::tiles;
use crate::vector::{self, vectorised};

/// Weights `[outputs, inputs]` in 8 bits.
pub(crate) struct Int8Weight {
    layout: Int8Layout,
    outputs: OutputScales,
    inputs: usize,
}

/// Layout of the weights.
enum Int8Layout {
    #[cfg(target_arch = "x86_64")]
    Tiles(tiles::Int8Matrix),
    #[cfg(target_arch = "x86_64")]
    Panels(Int8Panels),
    Packed(PackedBMatrix<i8>),
}

/// A way to multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Int8Kernel {
    Tiles,
    Panels,
    Portable,
}

impl Int8Kernel {
    /// The fastest that this processor has.
    fn fastest() -> Self {
        [Self::Tiles, Self::Panels].into_iter().find(|kernel| kernel.is_there()).unwrap_or(Self::Portable)
    }

    fn is_there(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Tiles => tiles::has_int8(),
            #[cfg(target_arch = "x86_64")]
            Self::Panels => int8_panels::has_vnni(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Tiles | Self::Panels => false,
            Self::Portable => true,
        }
    }
}

thread_local! {
    /// The products of `rten-gemm`, kept since it takes long to find out what the processor has.
    static EXECUTOR: GemmExecutor<u8, i8, i32> = GemmExecutor::new();
}

impl Int8Layout {
    fn new(quantised: &[i8], (inputs, outputs): (usize, usize), kernel: Int8Kernel) -> Self {
        match kernel {
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::Tiles => Self::Tiles(tiles::Int8Matrix::new(quantised, (inputs, outputs))),
            #[cfg(target_arch = "x86_64")]
            Int8Kernel::Panels => Self::Panels(Int8Panels::new(quantised, (inputs, outputs))),
            _ => {
                let weights = NdTensorView::from_data([outputs, inputs], quantised);
                Self::Packed(EXECUTOR.with(|executor| executor.prepack_b(weights.transposed())))
            }
        }
    }
}

/// Scales of the outputs.
struct OutputScales {
    /// The scale of the weights of each.
    scales: Vec<f32>,
    /// The sum of the quantised weights of each, by which the zero point of a row is taken off: `rten-gemm` 0.27.0, which
    /// could do so, takes the zero points of the first 8 rows for all.
    sums: Vec<i32>,
}

vectorised! {
    /// Quantises a row to 0 to 255, and gives its scale and zero point.
    fn quantise(row: &[f32], out: &mut [u8]) -> (f32, u8) {
        // Zero is one of the numbers, so that it stays what it is.
        let (min, max) = (vector::min(row).min(0.0), vector::max(row).max(0.0));
        let scale = if max > min { (max - min) / 255.0 } else { 1.0 };
        let zero = (-min / scale).round();
        let inverse = 1.0 / scale;
        for (out, &value) in out.iter_mut().zip(row) {
            // Added to 2^23, a number is rounded to a whole one, which its lowest bits then are.
            let scaled = (value * inverse + zero).clamp(0.0, 255.0);
            *out = (scaled + 8_388_608.0).to_bits() as u8;
        }
        // Where one is infinity or NaN, the whole row gives NaN.
        (scale + vector::fold(row, |value| 0.0 * value), zero as u8)
    }
}

vectorised! {
    /// Sums of products of a row with this scale and zero point, as the numbers that they stand for.
    fn scale(sums: &[i32], row: (f32, u8), outputs: OutputRange<'_>, out: &mut [MaybeUninit<f32>]) {
        let (scale, zero) = (row.0, i32::from(row.1));
        for (((out, &sum), &of_output), &weights) in out.iter_mut().zip(sums).zip(outputs.scales).zip(outputs.sums) {
            out.write((sum - zero * weights) as f32 * (scale * of_output));
        }
        if let Some(bias) = outputs.bias {
            for (out, bias) in out.iter_mut().zip(bias) {
                // SAFETY: all of them were just written.
                *unsafe { out.assume_init_mut() } += bias;
            }
        }
    }
}

/// Scales of the outputs from one on.
#[derive(Clone, Copy)]
struct OutputRange<'a> {
    scales: &'a [f32],
    sums: &'a [i32],
    bias: Option<&'a [f32]>,
}

impl OutputScales {
    fn from<'a>(&'a self, first: usize, bias: Option<&'a [f32]>) -> OutputRange<'a> {
        OutputRange {
            scales: &self.scales[first..],
            sums: &self.sums[first..],
            bias: bias.map(|bias| &bias[first..]),
        }
    }
}

impl Int8Weight {
    /// Quantises and lays out weights `[outputs, inputs]`.
    pub(crate) fn new(weights: &[f32], sizes: (usize, usize)) -> Self {
        Self::quantised(weights, sizes, Int8Kernel::fastest())
    }

    fn quantised(weights: &[f32], (inputs, outputs): (usize, usize), kernel: Int8Kernel) -> Self {
        assert_eq!(weights.len(), outputs * inputs);
        // Where products of 8 bits are first added up in 16, larger weights would not fit.
        let max = if EXECUTOR.with(GemmExecutor::may_saturate) { 63.0 } else { 127.0 };
        let mut quantised: Vec<i8> = Vec::with_capacity(weights.len());
        let mut scales =
            OutputScales { scales: Vec::with_capacity(outputs), sums: Vec::with_capacity(outputs) };
        for row in weights.chunks_exact(inputs) {
            let largest = row.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
            let scale = if largest > 0.0 { largest / max } else { 1.0 };
            let first = quantised.len();
            quantised.extend(row.iter().map(|weight| (weight / scale).round() as i8));
            scales.scales.push(scale);
            scales.sums.push(quantised[first..].iter().map(|&weight| i32::from(weight)).sum());
        }
        let layout = Int8Layout::new(&quantised, (inputs, outputs), kernel);
        Self { layout, outputs: scales, inputs }
    }

    /// `out = rows Wᵀ + bias` for `rows` of as many numbers as there are inputs, on all threads.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub(crate) fn multiply(&self, out: &mut [MaybeUninit<f32>], rows: &[f32], bias: Option<&[f32]>) {
        let (inputs, outputs) = (self.inputs, self.outputs.scales.len());
        let count = out.len() / outputs;
        assert_eq!((out.len(), rows.len()), (count * outputs, count * inputs));
        assert!(bias.is_none_or(|bias| bias.len() == outputs));
        let rows = rows.par_chunks_exact(inputs).with_min_len(buffer::rows_per_task(inputs));
        match &self.layout {
            #[cfg(target_arch = "x86_64")]
            Int8Layout::Tiles(right) => {
                let mut left = tiles::Uint8Matrix::new(count, inputs);
                let scales: Vec<(f32, u8)> =
                    left.rows_mut().zip(rows).map(|(out, row)| quantise(row, out)).collect();
                let target = MatrixViewMut::of(out, outputs);
                right.multiply(&left, |row, column, sums| {
                    // SAFETY: each piece of the product is within `out`, and comes once.
                    let out = unsafe {
                        std::slice::from_raw_parts_mut(target.at(row, column).pointer.cast(), sums.len())
                    };
                    scale(sums, scales[row], self.outputs.from(column, bias), out);
                });
            }
            #[cfg(target_arch = "x86_64")]
            Int8Layout::Panels(right) => {
                let mut left = Uint8Rows::new(count, inputs);
                left.scales = left.rows_mut(inputs).zip(rows).map(|(out, row)| quantise(row, out)).collect();
                let OutputRange { scales, sums, bias } = self.outputs.from(0, bias);
                right.multiply(out, &left, OutputFactors { scales, sums, bias });
            }
            Int8Layout::Packed(right) => {
                let mut left = vec![0; count * inputs];
                let scales: Vec<(f32, u8)> = left
                    .par_chunks_exact_mut(inputs)
                    .zip(rows)
                    .map(|(out, row)| quantise(row, out))
                    .collect();
                let mut sums = vec![0; out.len()];
                let left = NdTensorView::from_data([count, inputs], left.as_slice());
                let (left, right) = (GemmInputA::Unpacked(left), GemmInputB::Packed(right));
                let product =
                    EXECUTOR.with(|executor| executor.gemm(&mut sums, left, right, GemmOptions::default()));
                assert!(product.is_ok(), "the sizes were checked above");
                out.par_chunks_exact_mut(outputs)
                    .zip(sums.par_chunks_exact(outputs))
                    .zip(&scales)
                    .with_min_len(buffer::rows_per_task(outputs))
                    .for_each(|((out, sums), row)| scale(sums, *row, self.outputs.from(0, bias), out));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// All ways to multiply, whether this processor has them or not.
    fn kernels() -> [Int8Kernel; 3] {
        [Int8Kernel::Portable, Int8Kernel::Panels, Int8Kernel::Tiles]
    }

    #[test]
    fn products_are_near_the_exact_ones() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let sizes = [(1, 1, 1), (1, 64, 48), (9, 31, 50), (70, 100, 47), (0, 4, 5), (23, 384, 97)];
        for (count, inputs, outputs) in sizes {
            let mut draw = |count: usize, least: f32| -> Vec<f32> {
                (0..count).map(|_| random.random_range(least..1.0)).collect()
            };
            let weights = draw(outputs * inputs, -1.0);
            let bias = draw(outputs, -1.0);
            // Numbers of both signs, and of one, as after an activation.
            for least in [-1.0, 0.5] {
                let rows = draw(count * inputs, least);
                for bias in [None, Some(&bias[..])] {
                    let [portable, others @ ..] = kernels();
                    let product = |kernel| {
                        let integers = Int8Weight::quantised(&weights, (inputs, outputs), kernel);
                        buffer::build(count * outputs, |out| integers.multiply(out, &rows, bias))
                    };
                    let product_portable = product(portable);
                    for kernel in others.into_iter().filter(|kernel| kernel.is_there()) {
                        // Sums of integers are exact.
                        assert_eq!(
                            product(kernel),
                            product_portable,
                            "{kernel:?}: {count} x {inputs} x {outputs}"
                        );
                    }
                    for (at, value) in product_portable.iter().enumerate() {
                        let (row, output) = (at / outputs, at % outputs);
                        let terms = (0..inputs).map(|input| {
                            f64::from(rows[row * inputs + input])
                                * f64::from(weights[output * inputs + input])
                        });
                        let exact = terms.sum::<f64>() + bias.map_or(0.0, |bias| f64::from(bias[output]));
                        // Half a step of a row and of an output, each times a number below one.
                        let allowed = (0.5 * 2.0 / 255.0 + 0.5 / 63.0) * (inputs as f64).sqrt() * 1.5 + 1e-6;
                        assert!(
                            (f64::from(*value) - exact).abs() <= allowed,
                            "{count} x {inputs} x {outputs}: {value}, not {exact}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn zero_and_nan_stay_so() {
        for kernel in kernels().into_iter().filter(|kernel| kernel.is_there()) {
            let integers = Int8Weight::quantised(&[0.3, 0.0, -0.2, 0.0, 0.0, 0.0], (3, 2), kernel);
            let rows = [0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 1.0, f32::NAN, 1.0, 1.0, f32::NEG_INFINITY, 1.0];
            let product = buffer::build(8, |out| integers.multiply(out, &rows, None));
            assert_eq!(product[..4], [0.0; 4]);
            assert!(product[4..].iter().all(|value| value.is_nan()), "{product:?}");
        }
    }
}
