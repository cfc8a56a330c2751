//! Rows of all ranks, one rank's after another's.

use alambic_ranks::Ranks;
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};

use crate::{buffer, graph, vector};

/// Rows of all ranks, with the place at which those of this one begin.
#[derive(Debug, Clone)]
pub struct GatheredRows {
    /// `[rows of all ranks, width]`, in the order of ranks.
    pub rows: Tensor,
    /// The first row of this rank.
    pub first: usize,
}

struct Gather {
    ranks: Ranks,
    /// Rows of each rank.
    counts: Vec<usize>,
}

impl Gather {
    /// The first row of a rank.
    fn first(&self, rank: usize) -> usize {
        self.counts[..rank].iter().sum()
    }
}

impl CustomOp1 for Gather {
    fn name(&self) -> &'static str {
        "gather rows"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = layout.shape().dims2()?.1;
        let own = buffer::slice(storage, layout, self.name())?;
        let all = self.ranks.gather(own).map_err(candle_core::Error::wrap)?;
        let rows: usize = self.counts.iter().sum();
        let all = all.concat();
        if all.len() != rows * width {
            bail!(
                "{}: the rows of all ranks have {} numbers, and {} were expected",
                self.name(),
                all.len(),
                rows * width
            )
        }
        Ok((CpuStorage::F32(all), (rows, width).into()))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let (rows, width) = input.dims2()?;
        let (own, ranks) = (self.ranks.rank(), self.counts.len());
        let (part_of_own, received) = buffer::with_slice(upstream, self.name(), |upstream| {
            let of = |rank: usize| &upstream[self.first(rank) * width..][..self.counts[rank] * width];
            let sends: Vec<&[f32]> = (0..ranks).map(of).collect();
            self.ranks.exchange(&sends).map(|received| (of(own).to_vec(), received))
        })?
        .map_err(candle_core::Error::wrap)?;
        // In the order of ranks, whichever rank this is.
        let mut sum = vec![0.0; rows * width];
        for (rank, part) in received.iter().enumerate() {
            vector::add_scaled(&mut sum, if rank == own { &part_of_own } else { part }, 1.0);
        }
        Tensor::from_vec(sum, (rows, width), input.device()).map(Some)
    }
}

/// The rows of all ranks, `x` being those of this one, `[rows, width]`. The gradient of a row is the sum over what all ranks make
/// of it, so that every rank has to come to the same operations, forward and backward.
///
/// # Errors
/// When widths differ, the tensor is not `f32`, or a rank cannot be reached.
pub fn gather_rows(x: &Tensor, ranks: &Ranks) -> Result<GatheredRows> {
    let counts = ranks.gather(&[x.dim(0)? as u64]).map_err(candle_core::Error::wrap)?;
    let counts: Vec<usize> = counts.concat().into_iter().map(|count| count as usize).collect();
    let gather = Gather { ranks: ranks.clone(), counts };
    let first = gather.first(ranks.rank());
    let rows = graph::apply1(&x.to_device(&Device::Cpu)?.contiguous()?, gather)?;
    Ok(GatheredRows { rows: rows.to_device(x.device())?, first })
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::gradients::backward;

    #[test]
    fn gathered_rows_have_the_gradients_of_one_tensor_of_all() {
        let values = |rank: usize| -> Vec<f32> {
            (0..(rank + 1) * 2).map(|index| (index + 3 * rank) as f32 * 0.25 - 1.0).collect()
        };
        let loss = |all: &Tensor, first: usize, own: usize| -> Tensor {
            // What one rank makes of its rows against all.
            let scores = all.narrow(0, first, own).unwrap().matmul(&all.t().unwrap()).unwrap();
            scores.sqr().unwrap().sum_all().unwrap()
        };
        let all = Var::from_vec((0..3).flat_map(values).collect::<Vec<f32>>(), (6, 2), &Device::Cpu).unwrap();
        let total = (0..3).map(|rank| loss(&all, rank * (rank + 1) / 2, rank + 1));
        let total = total.reduce(|sum, own| (sum + own).unwrap()).unwrap();
        let expected = backward(&total).unwrap().get(&all).unwrap().to_vec2::<f32>().unwrap();
        let found: Vec<Vec<Vec<f32>>> = std::thread::scope(|scope| {
            let running: Vec<_> = Ranks::in_process(3)
                .into_iter()
                .map(|ranks| {
                    scope.spawn(move || {
                        let rank = ranks.rank();
                        let own = Var::from_vec(values(rank), (rank + 1, 2), &Device::Cpu).unwrap();
                        let gathered = gather_rows(&own, &ranks).unwrap();
                        assert_eq!(gathered.first, rank * (rank + 1) / 2);
                        let scores = own.matmul(&gathered.rows.t().unwrap()).unwrap();
                        let loss = scores.sqr().unwrap().sum_all().unwrap();
                        backward(&loss).unwrap().get(&own).unwrap().to_vec2::<f32>().unwrap()
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (found, expected) in found.concat().into_iter().flatten().zip(expected.concat()) {
            assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{found} and {expected}");
        }
    }
}
