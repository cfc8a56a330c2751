//! Square matrices of low rank with a diagonal.

use candle_core::{CpuStorage, DType, Result, Tensor, bail};
use rayon::prelude::*;

use super::composite::is_needed;
use crate::{buffer, graph, vector};

/// Square matrices of low rank with a diagonal: of a token `L R + diag(d)`, for `left` `[tokens, side * rank]`, `right` `[tokens, rank *
/// side]` and `diagonal` `[tokens, side]`, as rows `[tokens, side * side]`.
///
/// # Errors
/// When widths do not fit each other, or a tensor is not `f32`.
pub fn low_rank_matrices(left: &Tensor, right: &Tensor, diagonal: &Tensor) -> Result<Tensor> {
    let (tokens, side) = diagonal.dims2()?;
    let rank = left.dims2()?.1.checked_div(side).unwrap_or(0);
    let expected = [tokens, side * rank];
    if side == 0 || rank == 0 || left.dims() != expected || right.dims() != expected {
        bail!(
            "low-rank matrices: {:?} and {:?} are not the factors of matrices with diagonals {:?}",
            left.dims(),
            right.dims(),
            diagonal.dims()
        )
    }
    if is_needed(diagonal) {
        let (left, right) = (left.reshape((tokens, side, rank))?, right.reshape((tokens, rank, side))?);
        let identity = Tensor::eye(side, DType::F32, diagonal.device())?;
        let diagonal = diagonal.unsqueeze(2)?.broadcast_mul(&identity)?;
        return (left.contiguous()?.matmul(&right.contiguous()?)? + diagonal)?.reshape((tokens, side * side));
    }
    let [left, right, diagonal] = [left.contiguous()?, right.contiguous()?, diagonal.contiguous()?];
    let width = side * side;
    let result = graph::with_storages([&left, &right, &diagonal], |[left, right, diagonal]| {
        let read = |(storage, layout)| buffer::slice(storage, layout, "low-rank matrices");
        let (left, right, diagonal) = (read(left)?, read(right)?, read(diagonal)?);
        let mut matrices = vec![0.0; tokens * width];
        matrices.par_chunks_exact_mut(width).enumerate().for_each(|(token, matrix)| {
            let own = token * side * rank;
            multiply(&left[own..], &right[own..], matrix, [side, rank, side]);
            for (place, entry) in matrix.iter_mut().step_by(side + 1).enumerate() {
                *entry += diagonal[token * side + place];
            }
        });
        Ok(matrices)
    })?;
    let result = (CpuStorage::F32(result), (tokens, width).into());
    graph::record_one(result, &[&left, &right, &diagonal], move |inputs, _, upstream| {
        let gradients = buffer::with_slice(upstream, "low-rank matrices", |upstream| {
            buffer::with_slice(&inputs[0], "low-rank matrices", |left| {
                buffer::with_slice(&inputs[1], "low-rank matrices", |right| {
                    low_rank_gradients(upstream, left, right, [tokens, side, rank])
                })
            })
        })???;
        let own = gradients.into_iter().zip(inputs);
        own.map(|(values, input)| Tensor::from_vec(values, input.shape(), input.device()).map(Some)).collect()
    })
}

/// `left right` of matrices of `[rows, inner]` and `[inner, columns]`, added to `out`.
fn multiply(left: &[f32], right: &[f32], out: &mut [f32], [rows, inner, columns]: [usize; 3]) {
    for (left, out) in left.chunks_exact(inner).take(rows).zip(out.chunks_exact_mut(columns)) {
        for (factor, right) in left.iter().zip(right.chunks_exact(columns)) {
            for (out, right) in out.iter_mut().zip(right) {
                *out += factor * right;
            }
        }
    }
}

/// Gradients of left and right factors and of diagonals: `G Rᵀ`, `Lᵀ G` and the diagonal of `G`.
fn low_rank_gradients(
    upstream: &[f32],
    left: &[f32],
    right: &[f32],
    [tokens, side, rank]: [usize; 3],
) -> [Vec<f32>; 3] {
    let mut of_left = vec![0.0; left.len()];
    let mut of_right = vec![0.0; right.len()];
    let mut of_diagonal = vec![0.0; tokens * side];
    let parts = of_left.par_chunks_exact_mut(side * rank).zip(of_right.par_chunks_exact_mut(side * rank));
    parts.zip(of_diagonal.par_chunks_exact_mut(side)).enumerate().for_each(
        |(token, ((own, other), diagonal))| {
            let gradient = &upstream[token * side * side..][..side * side];
            let (left, right) = (&left[token * side * rank..], &right[token * side * rank..]);
            for row in 0..side {
                let gradient = &gradient[row * side..][..side];
                for place in 0..rank {
                    let right = &right[place * side..][..side];
                    own[row * rank + place] = vector::dot(gradient, right);
                    vector::add_scaled(
                        &mut other[place * side..][..side],
                        gradient,
                        left[row * rank + place],
                    );
                }
                diagonal[row] = gradient[row];
            }
        },
    );
    [of_left, of_right, of_diagonal]
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::super::matrix_product::tests::{assert_close, values, variable, with_gradients};
    use super::*;

    #[test]
    fn matrices_of_low_rank_are_those_of_candle() {
        let (left, right) = (variable(values(5 * 8, 1.0), 5), variable(values(5 * 8, 0.6), 5));
        let diagonal = variable(values(5 * 4, 0.9), 5);
        let inputs = [&left, &right, &diagonal];
        let found = low_rank_matrices(&left, &right, &diagonal).unwrap();
        let (own, other) = (left.reshape((5, 4, 2)).unwrap(), right.reshape((5, 2, 4)).unwrap());
        let identity = Tensor::eye(4, DType::F32, &Device::Cpu).unwrap();
        let diagonals = diagonal.unsqueeze(2).unwrap().broadcast_mul(&identity).unwrap();
        let expected = (own.matmul(&other).unwrap() + diagonals).unwrap().reshape((5, 16)).unwrap();
        assert_close(&with_gradients(&found, &inputs), &with_gradients(&expected, &inputs));
        assert!(low_rank_matrices(&left, &diagonal, &diagonal).is_err());
    }
}
