//! Products of the matrices of a sequence's tokens, and sums of their vectors.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, DType, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::composite::is_needed;
use super::ragged::RaggedLayout;
use crate::vector::vectorised;
use crate::{buffer, graph, vector};

/// Largest entry of a product, by its absolute value. A product with a larger one is scaled down to it, which keeps products of any
/// number of matrices finite; none of matrices near the identity comes there. The factor counts as a constant in gradients.
pub const MAX_PRODUCT_ENTRY: f32 = 1e4;

/// Order in which the tokens of a sequence are multiplied or added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingOrder {
    /// From the first token to the last.
    Forward,
    /// From the last token to the first.
    Backward,
}

impl ReadingOrder {
    /// The rows of a sequence in this order.
    fn rows(self, rows: Range<usize>) -> Box<dyn Iterator<Item = usize>> {
        match self {
            Self::Forward => Box::new(rows),
            Self::Backward => Box::new(rows.rev()),
        }
    }

    /// The row before the given one, if the sequence has it.
    fn before(self, row: usize, rows: &Range<usize>) -> Option<usize> {
        let before = match self {
            Self::Forward => row.checked_sub(1)?,
            Self::Backward => row + 1,
        };
        rows.contains(&before).then_some(before)
    }

    /// The row that is read last.
    fn last(self, rows: &Range<usize>) -> Option<usize> {
        match self {
            _ if rows.is_empty() => None,
            Self::Forward => Some(rows.end - 1),
            Self::Backward => Some(rows.start),
        }
    }

    fn reversed(self) -> Self {
        match self {
            Self::Forward => Self::Backward,
            Self::Backward => Self::Forward,
        }
    }
}

/// `out += left right` of square matrices, row by row. A side that is known lets the compiler unroll the loops.
#[inline(always)]
#[allow(clippy::inline_always)]
fn add_product(left: &[f32], right: &[f32], out: &mut [f32], side: usize) {
    for (left, out) in left.chunks_exact(side).zip(out.chunks_exact_mut(side)) {
        for (factor, right) in left.iter().zip(right.chunks_exact(side)) {
            for (out, right) in out.iter_mut().zip(right) {
                *out += factor * right;
            }
        }
    }
}

vectorised! {
    /// `left right` of square matrices.
    fn product(left: &[f32], right: &[f32], out: &mut [f32], side: usize) {
        out.fill(0.0);
        match side {
            // The published size.
            20 => add_product(&left[..400], &right[..400], &mut out[..400], 20),
            side => add_product(left, right, out, side),
        }
    }
}

vectorised! {
    /// `leftᵀ right` of square matrices.
    fn product_of_transposed(left: &[f32], right: &[f32], out: &mut [f32], side: usize) {
        out.fill(0.0);
        for (left, right) in left.chunks_exact(side).zip(right.chunks_exact(side)) {
            for (factor, out) in left.iter().zip(out.chunks_exact_mut(side)) {
                for (out, right) in out.iter_mut().zip(right) {
                    *out += factor * right;
                }
            }
        }
    }
}

vectorised! {
    /// Scales a product down to the largest entry that is allowed, and gives the factor.
    fn limit(product: &mut [f32]) -> f32 {
        let largest = product.iter().fold(0.0f32, |largest, entry| largest.max(entry.abs()));
        if largest <= MAX_PRODUCT_ENTRY {
            return 1.0;
        }
        let factor = MAX_PRODUCT_ENTRY / largest;
        for entry in product {
            *entry *= factor;
        }
        factor
    }
}

fn transpose(matrix: &[f32], out: &mut [f32], side: usize) {
    for row in 0..side {
        for column in 0..side {
            out[column * side + row] = matrix[row * side + column];
        }
    }
}

/// Splits rows `[tokens, width]` into those of each sequence.
fn sequences_mut<'a>(layout: &RaggedLayout, width: usize, mut rows: &'a mut [f32]) -> Vec<&'a mut [f32]> {
    let mut all = Vec::with_capacity(layout.batch());
    for sequence in 0..layout.batch() {
        let (own, rest) = rows.split_at_mut(layout.rows(sequence).len() * width);
        all.push(own);
        rows = rest;
    }
    all
}

/// Products up to each token, and the factor by which each was scaled down.
struct Prefixes {
    products: Vec<f32>,
    factors: Vec<f32>,
}

/// Products over the tokens of each sequence.
#[derive(Clone)]
struct Products {
    layout: Arc<RaggedLayout>,
    order: ReadingOrder,
    side: usize,
}

impl Products {
    fn new(matrices: &Tensor, layout: &Arc<RaggedLayout>, order: ReadingOrder) -> Result<Self> {
        let (tokens, width) = matrices.dims2()?;
        let side = width.isqrt();
        if tokens != layout.tokens() || side * side != width || width == 0 {
            bail!(
                "matrix product: {tokens} rows of {width} numbers are not the square matrices of {} tokens",
                layout.tokens()
            )
        }
        Ok(Self { layout: layout.clone(), order, side })
    }

    fn width(&self) -> usize {
        self.side * self.side
    }

    /// Products up to each token, `[tokens, side * side]`.
    fn prefixes(&self, matrices: &[f32]) -> Prefixes {
        let width = self.width();
        let (mut products, mut factors) = (vec![0.0; matrices.len()], vec![1.0; self.layout.tokens()]);
        let own = sequences_mut(&self.layout, width, &mut products);
        own.into_par_iter().zip(sequences_mut(&self.layout, 1, &mut factors)).enumerate().for_each(
            |(sequence, (products, factors))| {
                let begin = self.layout.rows(sequence).start;
                let rows = 0..factors.len();
                for row in self.order.rows(rows.clone()) {
                    let matrix = &matrices[(begin + row) * width..][..width];
                    let Some(before) = self.order.before(row, &rows) else {
                        let own = &mut products[row * width..][..width];
                        own.copy_from_slice(matrix);
                        factors[row] = limit(own);
                        continue;
                    };
                    let (early, late) = products.split_at_mut(row.max(before) * width);
                    let (before, own) = if before < row {
                        (&early[before * width..][..width], &mut late[..width])
                    } else {
                        (&late[..width], &mut early[row * width..][..width])
                    };
                    product(before, matrix, own, self.side);
                    factors[row] = limit(own);
                }
            },
        );
        Prefixes { products, factors }
    }

    /// The product of all tokens of each sequence, `[batch, side * side]`, without those up to each: the identity where there is
    /// no token.
    fn wholes(&self, matrices: &[f32]) -> Vec<f32> {
        let width = self.width();
        let mut wholes = vec![0.0; self.layout.batch() * width];
        wholes.par_chunks_exact_mut(width).enumerate().for_each(|(sequence, whole)| {
            let rows = self.layout.rows(sequence);
            let mut next = vec![0.0; width];
            let mut is_first = true;
            for row in self.order.rows(rows) {
                let matrix = &matrices[row * width..][..width];
                if std::mem::take(&mut is_first) {
                    whole.copy_from_slice(matrix);
                    limit(whole);
                } else {
                    product(whole, matrix, &mut next, self.side);
                    limit(&mut next);
                    whole.copy_from_slice(&next);
                }
            }
            if is_first {
                self.set_identity(whole);
            }
        });
        wholes
    }

    fn set_identity(&self, matrix: &mut [f32]) {
        matrix.fill(0.0);
        matrix.iter_mut().step_by(self.side + 1).for_each(|entry| *entry = 1.0);
    }

    /// The last product of each sequence out of those up to each token.
    fn last(&self, prefixes: &[f32]) -> Vec<f32> {
        let width = self.width();
        let mut last = vec![0.0; self.layout.batch() * width];
        for (sequence, last) in last.chunks_exact_mut(width).enumerate() {
            match self.order.last(&self.layout.rows(sequence)) {
                Some(row) => last.copy_from_slice(&prefixes[row * width..][..width]),
                None => self.set_identity(last),
            }
        }
        last
    }

    /// Gradients of the matrices. With `A` the gradient of the product `P = f P' M` up to a token, of which `P'` is the product
    /// before it, that of `M` is `f P'ᵀ A` and that of `P'` is `f A Mᵀ`. `upstream` is of the products up to each token,
    /// or, `is_last`, of those of whole sequences.
    fn gradients(&self, matrices: &[f32], prefixes: &Prefixes, upstream: &[f32], is_last: bool) -> Vec<f32> {
        let (side, width) = (self.side, self.width());
        let mut gradients = vec![0.0; matrices.len()];
        let own = sequences_mut(&self.layout, width, &mut gradients);
        own.into_par_iter().enumerate().for_each(|(sequence, gradients)| {
            let rows = self.layout.rows(sequence);
            let mut carried = vec![0.0; width];
            let [mut turned, mut next] = [vec![0.0; width], vec![0.0; width]];
            if is_last {
                carried.copy_from_slice(&upstream[sequence * width..][..width]);
            }
            for row in self.order.reversed().rows(rows.clone()) {
                if !is_last {
                    vector::add_scaled(&mut carried, &upstream[row * width..][..width], 1.0);
                }
                let gradient = &mut gradients[(row - rows.start) * width..][..width];
                let factor = prefixes.factors[row];
                if factor != 1.0 {
                    for entry in &mut carried {
                        *entry *= factor;
                    }
                }
                let Some(before) = self.order.before(row, &rows) else {
                    gradient.copy_from_slice(&carried);
                    continue;
                };
                product_of_transposed(
                    &prefixes.products[before * width..][..width],
                    &carried,
                    gradient,
                    side,
                );
                transpose(&matrices[row * width..][..width], &mut turned, side);
                product(&carried, &turned, &mut next, side);
                carried.copy_from_slice(&next);
            }
        });
        gradients
    }

    /// The products up to each token, or of whole sequences, with their place in the graph.
    fn run(self, matrices: &Tensor, is_last: bool) -> Result<Tensor> {
        let matrices = matrices.contiguous()?;
        if is_last && !matrices.track_op() {
            let wholes = buffer::with_slice(&matrices, NAME, |values| self.wholes(values))?;
            return Tensor::from_vec(wholes, (self.layout.batch(), self.width()), matrices.device());
        }
        let prefixes = buffer::with_slice(&matrices, NAME, |values| self.prefixes(values))?;
        let (result, shape): (_, Shape) = if is_last {
            (self.last(&prefixes.products), (self.layout.batch(), self.width()).into())
        } else {
            (prefixes.products.clone(), matrices.shape().clone())
        };
        graph::record_one((CpuStorage::F32(result), shape), &[&matrices], move |inputs, _, upstream| {
            let gradients = buffer::with_slice(&inputs[0], NAME, |matrices| {
                buffer::with_slice(upstream, NAME, |upstream| {
                    self.gradients(matrices, &prefixes, upstream, is_last)
                })
            })??;
            Ok(vec![Some(Tensor::from_vec(gradients, inputs[0].shape(), inputs[0].device())?)])
        })
    }

    /// Composite of [`Self::run`], token by token for all sequences at once.
    fn run_composite(&self, matrices: &Tensor, is_last: bool) -> Result<Tensor> {
        let (batch, side, width) = (self.layout.batch(), self.side, self.width());
        let identity = Tensor::eye(side, DType::F32, matrices.device())?;
        let mut state = identity.unsqueeze(0)?.broadcast_as((batch, side, side))?.contiguous()?;
        let states = scan_composite(matrices, &self.layout, self.order, |place, kept| {
            let matrix = place.reshape((batch, side, side))?.contiguous()?;
            let product = state.matmul(&matrix)?;
            let largest = product.detach().abs()?.flatten_from(1)?.max_keepdim(1)?.unsqueeze(2)?;
            let limit = Tensor::full(MAX_PRODUCT_ENTRY, largest.shape(), largest.device())?;
            let factor = limit.div(&largest.maximum(MAX_PRODUCT_ENTRY)?)?;
            let kept = kept.reshape((batch, 1, 1))?.broadcast_as((batch, side, side))?;
            state = kept.where_cond(&product.broadcast_mul(&factor)?, &state)?;
            state.reshape((batch, width))
        })?;
        match states {
            Some(states) if !is_last => self.layout.unpad(&states),
            _ if is_last => state.reshape((batch, width)),
            _ => matrices.zeros_like(),
        }
    }
}

/// What `step` makes of each place of padded sequences, `[batch, length, width]`, given the rows `[batch, width]` at a place and which
/// sequences have a token there, `[batch]`; none of sequences without tokens.
fn scan_composite(
    rows: &Tensor,
    layout: &RaggedLayout,
    order: ReadingOrder,
    mut step: impl FnMut(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Option<Tensor>> {
    if layout.tokens() == 0 {
        return Ok(None);
    }
    let (padded, batch, length) = (layout.pad(rows)?, layout.batch(), layout.length());
    let mask = Tensor::from_vec(layout.mask(), (batch, length), rows.device())?;
    let mut states = vec![None; length];
    for place in order.rows(0..length) {
        let own = padded.narrow(1, place, 1)?.squeeze(1)?;
        let kept = mask.narrow(1, place, 1)?.squeeze(1)?.contiguous()?;
        states[place] = Some(step(&own, &kept)?);
    }
    let states: Vec<Tensor> = states.into_iter().flatten().collect();
    Tensor::stack(&states, 1).map(Some)
}

const NAME: &str = "matrix product";

/// Products `[tokens, side * side]` of the matrices of each sequence's tokens, row by row, up to each token in a reading order: at
/// token i of n `M_1 … M_i`, or backward `M_n … M_i`. A product with an entry above [`MAX_PRODUCT_ENTRY`] is scaled down to it.
/// Time is linear in the number of tokens.
///
/// # Errors
/// When the rows are not the square matrices of the layout's tokens, or not `f32`.
pub fn prefix_products(matrices: &Tensor, layout: &Arc<RaggedLayout>, order: ReadingOrder) -> Result<Tensor> {
    let products = Products::new(matrices, layout, order)?;
    if is_needed(matrices) { products.run_composite(matrices, false) } else { products.run(matrices, false) }
}

/// The last of the products of [`prefix_products`] of each sequence, `[batch, side * side]`: the identity for a sequence without
/// tokens.
///
/// # Errors
/// As for [`prefix_products`].
pub fn matrix_product(matrices: &Tensor, layout: &Arc<RaggedLayout>, order: ReadingOrder) -> Result<Tensor> {
    let products = Products::new(matrices, layout, order)?;
    if is_needed(matrices) { products.run_composite(matrices, true) } else { products.run(matrices, true) }
}

/// The sums `[tokens, width]` of the vectors of each sequence's tokens up to each token in a reading order.
struct Sums {
    layout: Arc<RaggedLayout>,
    order: ReadingOrder,
}

impl Sums {
    fn run(&self, vectors: &[f32], width: usize, order: ReadingOrder) -> Vec<f32> {
        let mut sums = vectors.to_vec();
        let own = sequences_mut(&self.layout, width, &mut sums);
        own.into_par_iter().for_each(|sums| {
            let rows = 0..sums.len() / width.max(1);
            for row in order.rows(rows.clone()) {
                let Some(before) = order.before(row, &rows) else { continue };
                let (early, late) = sums.split_at_mut(row.max(before) * width);
                if before < row {
                    vector::add_scaled(&mut late[..width], &early[before * width..][..width], 1.0);
                } else {
                    vector::add_scaled(&mut early[row * width..][..width], &late[..width], 1.0);
                }
            }
        });
        sums
    }
}

/// Sums `[tokens, width]` of the vectors of each sequence's tokens up to each token in a reading order.
///
/// # Errors
/// When the rows are not those of the layout's tokens, or not `f32`.
pub fn prefix_sums(vectors: &Tensor, layout: &Arc<RaggedLayout>, order: ReadingOrder) -> Result<Tensor> {
    let (tokens, width) = vectors.dims2()?;
    if tokens != layout.tokens() {
        bail!("prefix sums: {tokens} rows are not those of {} tokens", layout.tokens())
    }
    if is_needed(vectors) {
        let mut sum = Tensor::zeros((layout.batch(), width), DType::F32, vectors.device())?;
        let states = scan_composite(vectors, layout, order, |own, _| {
            // Padding is zero.
            sum = (&sum + own)?;
            Ok(sum.clone())
        })?;
        return states.map_or_else(|| vectors.zeros_like(), |states| layout.unpad(&states));
    }
    let sums = Sums { layout: layout.clone(), order };
    let vectors = vectors.contiguous()?;
    let result = graph::with_storages([&vectors], |[(storage, own)]: [(&CpuStorage, &Layout); 1]| {
        Ok(sums.run(buffer::slice(storage, own, "prefix sums")?, width, order))
    })?;
    graph::record_one(
        (CpuStorage::F32(result), (tokens, width).into()),
        &[&vectors],
        move |inputs, _, upstream| {
            let width = inputs[0].dim(1)?;
            let run = |upstream: &[f32]| sums.run(upstream, width, sums.order.reversed());
            let gradients = buffer::with_slice(upstream, "prefix sums", run)?;
            Ok(vec![Some(Tensor::from_vec(gradients, inputs[0].shape(), inputs[0].device())?)])
        },
    )
}

/// Sums `[batch, width]` of the vectors `[tokens, width]` of each sequence's tokens: zeros for a sequence without tokens.
///
/// # Errors
/// As for [`prefix_sums`].
pub fn sequence_sums(vectors: &Tensor, layout: &Arc<RaggedLayout>) -> Result<Tensor> {
    let (tokens, width) = vectors.dims2()?;
    if tokens != layout.tokens() {
        bail!("sequence sums: {tokens} rows are not those of {} tokens", layout.tokens())
    }
    if tokens == 0 {
        return Tensor::zeros((layout.batch(), width), DType::F32, vectors.device());
    }
    if is_needed(vectors) {
        return layout.pad(vectors)?.sum(1);
    }
    let vectors = vectors.contiguous()?;
    let add = |values: &[f32]| {
        let mut sums = vec![0.0; layout.batch() * width];
        sums.par_chunks_exact_mut(width.max(1)).enumerate().for_each(|(sequence, sum)| {
            for row in layout.rows(sequence) {
                vector::add_scaled(sum, &values[row * width..][..width], 1.0);
            }
        });
        sums
    };
    let result = buffer::with_slice(&vectors, "sequence sums", add)?;
    let (layout, shape) = (layout.clone(), (layout.batch(), width).into());
    graph::record_one((CpuStorage::F32(result), shape), &[&vectors], move |inputs, _, upstream| {
        let width = inputs[0].dim(1)?;
        let spread = |upstream: &[f32]| {
            let of = |sequence: usize| {
                let row = &upstream[sequence * width..][..width];
                layout.rows(sequence).flat_map(move |_| row.iter().copied())
            };
            (0..layout.batch()).flat_map(of).collect::<Vec<f32>>()
        };
        let gradients = buffer::with_slice(upstream, "sequence sums", spread)?;
        Ok(vec![Some(Tensor::from_vec(gradients, inputs[0].shape(), inputs[0].device())?)])
    })
}

#[cfg(test)]
pub(super) mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::gradients::backward;

    /// Texts of three, no and two tokens, one with a gap in its padding.
    fn layout() -> Arc<RaggedLayout> {
        Arc::new(RaggedLayout::of_mask(&[1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0], 3).unwrap())
    }

    pub(in crate::ops) fn values(count: usize, factor: f32) -> Vec<f32> {
        (0..count).map(|index| (index as f32 * 1.7 + 0.3).sin() * factor).collect()
    }

    pub(in crate::ops) fn variable(values: Vec<f32>, rows: usize) -> Var {
        let width = values.len() / rows;
        Var::from_vec(values, (rows, width), &Device::Cpu).unwrap()
    }

    /// Numbers of a result, and of the gradients of a sum of its squares weighted by place.
    pub(in crate::ops) fn with_gradients(result: &Tensor, inputs: &[&Var]) -> Vec<f32> {
        let flat = result.flatten_all().unwrap();
        let weights = Tensor::new(values(flat.elem_count(), 1.0), &Device::Cpu).unwrap();
        let loss = (flat.sqr().unwrap() * weights).unwrap().sum_all().unwrap();
        let gradients = backward(&loss).unwrap();
        let mut all = flat.to_vec1::<f32>().unwrap();
        for input in inputs {
            all.extend(gradients.get(input).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap());
        }
        all
    }

    pub(in crate::ops) fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        let largest = expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 2e-5 * largest, "{found} and {expected} of up to {largest}");
        }
    }

    #[test]
    fn products_are_those_of_candle_token_by_token() {
        // Factors of 60 bring products beyond the largest entry.
        for (side, factor) in [(3, 0.7), (20, 0.3), (3, 60.0)] {
            for order in [ReadingOrder::Forward, ReadingOrder::Backward] {
                for is_last in [false, true] {
                    let matrices = variable(values(5 * side * side, factor), 5);
                    let products = || Products::new(&matrices, &layout(), order).unwrap();
                    let fused = products().run(&matrices, is_last).unwrap();
                    let composite = products().run_composite(&matrices, is_last).unwrap();
                    assert_close(
                        &with_gradients(&fused, &[&matrices]),
                        &with_gradients(&composite, &[&matrices]),
                    );
                    let untracked = products().run(&matrices.detach(), is_last).unwrap();
                    let [untracked, fused] =
                        [untracked, fused].map(|own| own.to_vec2::<f32>().unwrap().concat());
                    assert_eq!(untracked, fused);
                }
            }
        }
    }

    #[test]
    fn product_of_no_token_is_the_identity_and_long_products_stay_finite() {
        let matrices = variable(values(5 * 4, 1.0), 5);
        let whole = matrix_product(&matrices, &layout(), ReadingOrder::Forward).unwrap();
        assert_eq!(whole.to_vec2::<f32>().unwrap()[1], [1.0, 0.0, 0.0, 1.0]);
        let long = Arc::new(RaggedLayout::of_mask(&[1; 512], 1).unwrap());
        let matrices = variable(vec![1.0; 512 * 4], 512);
        for order in [ReadingOrder::Forward, ReadingOrder::Backward] {
            let products = prefix_products(&matrices, &long, order).unwrap();
            for number in with_gradients(&products, &[]) {
                assert!(number.is_finite() && number.abs() <= MAX_PRODUCT_ENTRY);
            }
        }
    }

    #[test]
    fn sums_are_those_of_candle_and_end_in_those_of_sequences() {
        for order in [ReadingOrder::Forward, ReadingOrder::Backward] {
            let vectors = variable(values(5 * 3, 1.0), 5);
            let sums = prefix_sums(&vectors, &layout(), order).unwrap();
            let rows = sums.to_vec2::<f32>().unwrap();
            let whole = sequence_sums(&vectors, &layout()).unwrap().to_vec2::<f32>().unwrap();
            let last = match order {
                ReadingOrder::Forward => [2, 4],
                ReadingOrder::Backward => [0, 3],
            };
            assert_close(&rows[last[0]], &whole[0]);
            assert_close(&rows[last[1]], &whole[2]);
            assert_eq!(whole[1], [0.0; 3]);
            // The same by a matrix of ones within each sequence.
            let is_summed = |to: usize, from: usize| {
                let earlier = if order == ReadingOrder::Forward { from <= to } else { from >= to };
                f32::from(u8::from(earlier && (from < 3) == (to < 3)))
            };
            let ones: Vec<f32> = (0..5).flat_map(|to| (0..5).map(move |from| is_summed(to, from))).collect();
            let expected = Tensor::from_vec(ones, (5, 5), &Device::Cpu).unwrap().matmul(&vectors).unwrap();
            assert_close(&with_gradients(&sums, &[&vectors]), &with_gradients(&expected, &[&vectors]));
            let whole = sequence_sums(&vectors, &layout()).unwrap();
            let composite = layout().pad(&vectors).unwrap().sum(1).unwrap();
            assert_close(&with_gradients(&whole, &[&vectors]), &with_gradients(&composite, &[&vectors]));
        }
    }

    #[test]
    fn matrices_that_are_not_square_or_of_other_tokens_are_refused() {
        let matrices = variable(values(5 * 5, 1.0), 5);
        let error = prefix_products(&matrices, &layout(), ReadingOrder::Forward).unwrap_err();
        assert!(error.to_string().contains("5 rows of 5 numbers"), "{error}");
        let matrices = variable(values(4 * 4, 1.0), 4);
        assert!(matrix_product(&matrices, &layout(), ReadingOrder::Forward).is_err());
        assert!(prefix_sums(&matrices, &layout(), ReadingOrder::Forward).is_err());
    }
}
