//! Sum of the gradients of the parts of a step, over all ranks.
//!
//! One process adds up the gradients of a step's parts in their order, `((p0 + p1) + p2) + …`, each element by itself. Ranks do
//! the same: a round has one part of each rank, in the order of ranks, and every element has one rank that adds it up, round by
//! round. At the end all ranks get the sums of all. Who adds up an element does not change its sum, and so the numbers are those
//! of one process, bit for bit, whatever the number of ranks.
//!
//! Rows of looked-up embeddings stay ids and values on the way. A parameter that a part does not reach adds nothing, not even
//! zeros, which would turn -0 into 0.

use alambic_ranks::Ranks;
use candle_core::{Device, Shape, Tensor};
use indexmap::IndexMap;
use rayon::prelude::*;

use crate::gradient::{Gradient, SparseGradient};
use crate::gradients::Gradients;
use crate::parameters::Parameters;
use crate::{TensorError, buffer, device, vector};

/// Sum of the gradients of the parts of a step.
#[derive(Debug)]
pub struct GradientSum<'r> {
    ranks: &'r Ranks,
    /// The parameters that are trained, in their order.
    parameters: IndexMap<String, Rows>,
    /// The sums of the rows that this rank adds up; of all rows where it is alone.
    own: Own,
    /// Parts so far, those of other ranks included.
    parts: usize,
}

#[derive(Debug)]
enum Own {
    /// Of a process alone.
    Whole(Gradients),
    /// Of the rows of each parameter that belong to this rank.
    Shares(Vec<Share>),
}

/// A parameter as rows, each of which one rank adds up: those of its first dimension, or a single one of a vector.
#[derive(Debug)]
struct Rows {
    shape: Shape,
    /// Place among the parameters, from which its rows are dealt out.
    place: usize,
    count: usize,
    width: usize,
}

impl Rows {
    fn new(shape: &Shape, place: usize) -> Self {
        let all = shape.elem_count();
        let count = if shape.rank() > 1 { shape.dims()[0] } else { 1 };
        Self { shape: shape.clone(), place, count, width: all.checked_div(count).unwrap_or(0) }
    }

    /// The rank that adds up a row.
    fn owner(&self, row: usize, ranks: usize) -> usize {
        (self.place + row) % ranks
    }

    /// The rows of a rank.
    fn owned(&self, rank: usize, ranks: usize) -> impl Iterator<Item = usize> + use<> {
        let first = (rank + ranks - self.place % ranks) % ranks;
        (first..self.count).step_by(ranks)
    }
}

/// Sum of a rank's rows of one parameter.
#[derive(Debug, Default)]
struct Share {
    /// The first part that reached the parameter.
    since: usize,
    sum: Sum,
}

#[derive(Debug, Default)]
enum Sum {
    /// No part has reached the parameter.
    #[default]
    None,
    /// Of all of the rank's rows.
    Dense(Vec<f32>),
    /// Rows that were looked up, in the order of parts, not added up yet.
    Sparse { ids: Vec<u32>, values: Vec<f32> },
}

/// Forms of a gradient in a message: a word before each parameter's numbers.
const NONE: u32 = 0;
const DENSE: u32 = 1;
/// With the number of rows and their ids before the numbers.
const SPARSE: u32 = 2;

/// What a message has of a parameter.
enum Piece<'m> {
    None,
    Dense(&'m [u32]),
    Sparse { ids: &'m [u32], values: &'m [u32] },
}

/// Message that is being read.
struct Reader<'m>(&'m [u32]);

impl<'m> Reader<'m> {
    fn take(&mut self, count: usize) -> Result<&'m [u32], TensorError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| {
            TensorError::StateMismatch(
                "a rank sent fewer gradients than this one has; run the same recipe on all".into(),
            )
        })?;
        self.0 = rest;
        Ok(taken)
    }

    /// What a rank says besides.
    fn said(&mut self) -> Result<Vec<u64>, TensorError> {
        let count = self.take(1)?[0] as usize;
        let words = self.take(2 * count)?.chunks_exact(2);
        Ok(words.map(|word| u64::from(word[0]) | u64::from(word[1]) << 32).collect())
    }

    /// The next parameter's piece, of so many rows where it is dense.
    fn piece(&mut self, rows: usize, width: usize) -> Result<Piece<'m>, TensorError> {
        match self.take(1)?[0] {
            NONE => Ok(Piece::None),
            DENSE => Ok(Piece::Dense(self.take(rows * width)?)),
            _ => {
                let count = self.take(1)?[0] as usize;
                Ok(Piece::Sparse { ids: self.take(count)?, values: self.take(count * width)? })
            }
        }
    }
}

/// Appends numbers as their bits.
fn push(message: &mut Vec<u32>, values: &[f32]) {
    message.extend(values.iter().map(|value| value.to_bits()));
}

fn numbers(words: &[u32]) -> Vec<f32> {
    words.iter().map(|word| f32::from_bits(*word)).collect()
}

impl Share {
    /// Adds what a part has of the rows.
    fn add(&mut self, rows: &Rows, piece: &Piece<'_>, part: usize, ranks: usize) {
        if matches!(self.sum, Sum::None) && !matches!(piece, Piece::None) {
            self.since = part;
        }
        match (&mut self.sum, piece) {
            (_, Piece::None) => {}
            (Sum::None, Piece::Dense(words)) => self.sum = Sum::Dense(numbers(words)),
            (Sum::None, Piece::Sparse { ids, values }) => {
                self.sum = Sum::Sparse { ids: ids.to_vec(), values: numbers(values) };
            }
            (Sum::Dense(sums), Piece::Dense(words)) => {
                let step = buffer::rows_per_task(1);
                let tasks = sums.par_chunks_mut(step).zip(words.par_chunks(step));
                tasks.for_each(|(sums, words)| vector::add_bits(sums, words));
            }
            (Sum::Sparse { ids, values }, Piece::Sparse { ids: more, values: words }) => {
                ids.extend_from_slice(more);
                values.extend(words.iter().map(|word| f32::from_bits(*word)));
            }
            (Sum::Dense(sums), Piece::Sparse { ids, values }) => {
                add_rows(sums, rows, ids, &numbers(values), ranks);
            }
            (Sum::Sparse { ids, values }, Piece::Dense(words)) => {
                let before = SparseGradient::of(ids, values, 1.0, (rows.count, rows.width));
                let mut sums = numbers(words);
                add_rows(&mut sums, rows, before.ids(), before.values(), ranks);
                self.sum = Sum::Dense(sums);
            }
        }
    }
}

/// Adds rows of a table to the sums of those that one rank has.
fn add_rows(sums: &mut [f32], rows: &Rows, ids: &[u32], values: &[f32], ranks: usize) {
    let width = rows.width;
    for (id, row) in ids.iter().zip(values.chunks_exact(width.max(1))) {
        vector::add_scaled(&mut sums[*id as usize / ranks * width..][..width], row, 1.0);
    }
}

impl<'r> GradientSum<'r> {
    /// The sum of no part yet.
    #[must_use]
    pub fn new(ranks: &'r Ranks, parameters: &Parameters) -> Self {
        let rows = |(place, (name, variable)): (usize, (&str, &candle_core::Var))| {
            (name.to_owned(), Rows::new(variable.shape(), place))
        };
        let parameters: IndexMap<String, Rows> = parameters.trainable().enumerate().map(rows).collect();
        let own = if ranks.is_alone() {
            Own::Whole(Gradients::default())
        } else {
            Own::Shares(parameters.iter().map(|_| Share::default()).collect())
        };
        Self { ranks, parameters, own, parts: 0 }
    }

    /// Adds a round of parts, of which each rank gives its own.
    ///
    /// # Errors
    /// When shapes differ, or the ranks cannot exchange them.
    pub fn add(&mut self, part: Gradients) -> Result<(), TensorError> {
        let shares = match &mut self.own {
            Own::Whole(sum) => return sum.add(part),
            Own::Shares(shares) => shares,
        };
        let (own, count) = (self.ranks.rank(), self.ranks.count());
        let messages = messages(&self.parameters, &part, count)?;
        drop(part);
        let sends: Vec<&[u32]> = messages.iter().map(Vec::as_slice).collect();
        let received = self.ranks.exchange(&sends)?;
        for (rank, received) in received.iter().enumerate() {
            let mut reader = Reader(if rank == own { &messages[own] } else { received });
            for (share, rows) in shares.iter_mut().zip(self.parameters.values()) {
                let piece = reader.piece(rows.owned(own, count).count(), rows.width)?;
                share.add(rows, &piece, self.parts + rank, count);
            }
        }
        self.parts += count;
        Ok(())
    }

    /// The sum of all parts, on every rank, with what each rank says besides, in the order of ranks.
    ///
    /// # Errors
    /// When the ranks cannot exchange their shares.
    pub fn finish(self, said: &[u64]) -> Result<(Gradients, Vec<Vec<u64>>), TensorError> {
        let shares = match self.own {
            Own::Whole(sum) => return Ok((sum, vec![said.to_vec()])),
            Own::Shares(shares) => shares,
        };
        let count = self.ranks.count();
        let mut message = vec![said.len() as u32];
        message.extend(said.iter().flat_map(|word| [*word as u32, (word >> 32) as u32]));
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (place, (share, rows)) in shares.into_iter().zip(self.parameters.values()).enumerate() {
            order.push((share.since, place));
            match share.sum {
                Sum::None => message.push(NONE),
                Sum::Dense(sums) => {
                    message.push(DENSE);
                    push(&mut message, &sums);
                }
                Sum::Sparse { ids, values } => {
                    let sums = SparseGradient::of(&ids, &values, 1.0, (rows.count, rows.width));
                    message.extend([SPARSE, sums.ids().len() as u32]);
                    message.extend_from_slice(sums.ids());
                    push(&mut message, sums.values());
                }
            }
        }
        let all = self.ranks.gather(&message)?;
        let mut readers: Vec<Reader<'_>> = all.iter().map(|message| Reader(message)).collect();
        let said = readers.iter_mut().map(Reader::said).collect::<Result<_, TensorError>>()?;
        let mut sums: Vec<Option<(String, Gradient)>> = Vec::new();
        for (name, rows) in &self.parameters {
            let pieces: Vec<Piece<'_>> = readers
                .iter_mut()
                .enumerate()
                .map(|(rank, reader)| reader.piece(rows.owned(rank, count).count(), rows.width))
                .collect::<Result<_, TensorError>>()?;
            sums.push(whole(rows, &pieces)?.map(|gradient| (name.clone(), gradient)));
        }
        // One process has them in the order in which parts reached them, and sums over all of them follow it.
        order.sort_unstable();
        Ok((order.into_iter().filter_map(|(_, place)| sums[place].take()).collect(), said))
    }
}

/// What each rank is sent of a part: the rows that it adds up.
fn messages(
    parameters: &IndexMap<String, Rows>,
    part: &Gradients,
    ranks: usize,
) -> Result<Vec<Vec<u32>>, TensorError> {
    let all: usize = parameters.values().map(|rows| rows.shape.elem_count()).sum();
    let mut messages: Vec<Vec<u32>> = (0..ranks).map(|_| Vec::with_capacity(all / ranks)).collect();
    for (name, rows) in parameters {
        match part.get(name) {
            None => messages.iter_mut().for_each(|message| message.push(NONE)),
            Some(Gradient::Dense(tensor)) => buffer::with_slice(tensor, "gradients", |values| {
                for (rank, message) in messages.iter_mut().enumerate() {
                    message.push(DENSE);
                    for row in rows.owned(rank, ranks) {
                        push(message, &values[row * rows.width..][..rows.width]);
                    }
                }
            })?,
            Some(Gradient::Sparse(sparse)) => {
                for (rank, message) in messages.iter_mut().enumerate() {
                    let places: Vec<usize> = (0..sparse.ids().len())
                        .filter(|place| rows.owner(sparse.ids()[*place] as usize, ranks) == rank)
                        .collect();
                    message.extend([SPARSE, places.len() as u32]);
                    message.extend(places.iter().map(|place| sparse.ids()[*place]));
                    for place in places {
                        push(message, &sparse.values()[place * rows.width..][..rows.width]);
                    }
                }
            }
        }
    }
    Ok(messages)
}

/// The gradient of a parameter, put together from what each rank has added up of it.
fn whole(rows: &Rows, pieces: &[Piece<'_>]) -> Result<Option<Gradient>, TensorError> {
    let width = rows.width;
    Ok(match &pieces[0] {
        Piece::None => None,
        Piece::Dense(_) => {
            let of: Vec<&[u32]> = pieces
                .iter()
                .map(|piece| if let Piece::Dense(words) = piece { *words } else { &[] })
                .collect();
            let values = buffer::build_rows(rows.count, width, |first, out| {
                for (index, out) in out.chunks_exact_mut(width.max(1)).enumerate() {
                    let row = first + index;
                    let words = of[rows.owner(row, of.len())];
                    let words = &words[row / of.len() * width..][..width];
                    for (out, word) in out.iter_mut().zip(words) {
                        out.write(f32::from_bits(*word));
                    }
                }
            });
            let tensor = Tensor::from_vec(values, &rows.shape, &Device::Cpu)?;
            Some(Gradient::Dense(tensor.to_device(device::current())?))
        }
        Piece::Sparse { .. } => {
            let (mut all, mut sums) = (Vec::new(), Vec::new());
            for piece in pieces {
                if let Piece::Sparse { ids, values } = piece {
                    all.extend_from_slice(ids);
                    sums.extend(values.iter().map(|word| f32::from_bits(*word)));
                }
            }
            Some(Gradient::Sparse(SparseGradient::of(&all, &sums, 1.0, (rows.count, width))))
        }
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const TABLE: (usize, usize) = (7, 3);

    fn parameters() -> Parameters {
        let mut parameters = Parameters::new();
        let shapes: [(&str, &[usize]); 4] =
            [("table", &[TABLE.0, TABLE.1]), ("bias", &[5]), ("weight", &[4, 6]), ("scale", &[])];
        for (name, shape) in shapes {
            let zeros = Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
            parameters.insert(name, &zeros).unwrap();
        }
        parameters
    }

    /// Numbers whose sum depends on the order in which they are added up.
    fn values(count: usize, seed: usize) -> Vec<f32> {
        (0..count)
            .map(|index| {
                (((index * 7919 + seed * 104_729) % 1013) as f32 - 506.0)
                    * 10f32.powi((seed + index) as i32 % 7 - 3)
            })
            .collect()
    }

    fn dense(shape: &[usize], seed: usize) -> Gradient {
        Tensor::from_vec(values(shape.iter().product(), seed), shape, &Device::Cpu).unwrap().into()
    }

    /// The gradients of a part, which reach some of the parameters in one form or another.
    fn part(number: usize, forms: usize) -> Gradients {
        let mut own: Vec<(String, Gradient)> = Vec::new();
        match (number + forms) % 4 {
            0 | 1 => {
                let ids: Vec<u32> = [5, 0, 5, 2].iter().map(|id| (id + number as u32) % 7).collect();
                let rows = SparseGradient::of(&ids, &values(ids.len() * TABLE.1, number), 0.5, TABLE);
                own.push(("table".into(), Gradient::Sparse(rows)));
            }
            2 => own.push(("table".into(), dense(&[TABLE.0, TABLE.1], number))),
            _ => {}
        }
        if !(number + forms).is_multiple_of(3) {
            own.push(("bias".into(), dense(&[5], number + 1)));
        }
        own.push(("weight".into(), dense(&[4, 6], number + 2)));
        if number > 1 {
            own.push(("scale".into(), dense(&[], number + 3)));
        }
        own.into_iter().collect()
    }

    /// Names in their order, with the bits and the form of each.
    fn bits(gradients: &Gradients) -> Vec<(String, bool, Vec<u32>)> {
        gradients
            .names()
            .map(|name| {
                let tensor = gradients.tensor(name).unwrap().unwrap();
                let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
                let is_sparse = matches!(gradients.get(name), Some(Gradient::Sparse(_)));
                (name.to_owned(), is_sparse, values.iter().map(|value| value.to_bits()).collect())
            })
            .collect()
    }

    #[test]
    fn sums_over_ranks_are_those_of_one_process_bit_for_bit() {
        let parameters = parameters();
        for forms in 0..4 {
            for (count, rounds) in [(2, 1), (3, 1), (4, 1), (2, 3), (3, 2), (5, 2)] {
                let alone = Ranks::alone();
                let mut one = GradientSum::new(&alone, &parameters);
                for number in 0..count * rounds {
                    one.add(part(number, forms)).unwrap();
                }
                let one = one.finish(&[]).unwrap().0;
                let found: Vec<Gradients> = thread::scope(|scope| {
                    let parameters = &parameters;
                    let work = |ranks: Ranks| {
                        move || {
                            let mut sum = GradientSum::new(&ranks, parameters);
                            for round in 0..rounds {
                                sum.add(part(round * count + ranks.rank(), forms)).unwrap();
                            }
                            let (sum, said) = sum.finish(&[u64::MAX - ranks.rank() as u64]).unwrap();
                            assert!((0..count).all(|rank| said[rank] == [u64::MAX - rank as u64]));
                            sum
                        }
                    };
                    let running: Vec<_> =
                        Ranks::in_process(count).into_iter().map(|ranks| scope.spawn(work(ranks))).collect();
                    running.into_iter().map(|thread| thread.join().unwrap()).collect()
                });
                for (rank, found) in found.iter().enumerate() {
                    let what = format!("forms {forms}, rank {rank} of {count}, {rounds} rounds");
                    assert_eq!(bits(found), bits(&one), "{what}");
                    assert_eq!(found.norm().unwrap().to_bits(), one.norm().unwrap().to_bits(), "{what}");
                }
            }
        }
    }

    #[test]
    fn every_row_is_added_up_by_one_rank() {
        for (shape, place) in [(&[7usize, 3][..], 0), (&[5], 4), (&[2, 3, 4], 3), (&[], 2)] {
            let rows = Rows::new(&Shape::from(shape), place);
            for ranks in 1..6 {
                let mut all: Vec<usize> = (0..ranks).flat_map(|rank| rows.owned(rank, ranks)).collect();
                all.sort_unstable();
                assert_eq!(all, (0..rows.count).collect::<Vec<_>>(), "{shape:?}, {ranks} ranks");
                for rank in 0..ranks {
                    let places = rows.owned(rank, ranks).enumerate();
                    assert!(
                        places
                            .into_iter()
                            .all(|(place, row)| row / ranks == place && rows.owner(row, ranks) == rank)
                    );
                }
            }
        }
    }
}
