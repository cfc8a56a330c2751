//! Independent parts of a work, such as the batches of an evaluation, which ranks compute in turns.

use std::cell::RefCell;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{RankError, Ranks};

thread_local! {
    /// The ranks that share the parts of what this thread does.
    static SHARING: RefCell<Ranks> = RefCell::new(Ranks::alone());
}

/// Puts back the ranks that shared what was done before.
struct Restore(Option<Ranks>);

impl Drop for Restore {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            SHARING.set(before);
        }
    }
}

/// Does a work whose parts, wherever [`in_turns`] goes through them on this thread, are shared by ranks. Every rank has to do it.
pub fn share<R>(ranks: &Ranks, work: impl FnOnce() -> R) -> R {
    let _restore = Restore(Some(SHARING.replace(ranks.clone())));
    work()
}

/// What `compute` makes of each part, in the order of parts.
///
/// Within [`share`], rank r of n computes the parts r, n + r, 2n + r, …, and all get the results of all. Otherwise, and within
/// `compute` itself, a process does all that it comes to.
///
/// # Errors
/// Those of `compute`, and when another rank failed or cannot be reached.
pub fn in_turns<P, T, E>(
    parts: impl IntoIterator<Item = P>,
    mut compute: impl FnMut(P) -> Result<T, E>,
) -> Result<Vec<T>, E>
where
    T: Serialize + DeserializeOwned,
    E: From<RankError>,
{
    let ranks = SHARING.with_borrow(Clone::clone);
    if ranks.is_alone() {
        return parts.into_iter().map(compute).collect();
    }
    let mut count = 0;
    let mut own: Vec<T> = Vec::new();
    share(&Ranks::alone(), || {
        for part in parts {
            if count % ranks.count() == ranks.rank() {
                own.push(compute(part)?);
            }
            count += 1;
        }
        Ok::<_, E>(())
    })?;
    let sent = postcard::to_stdvec(&own).map_err(|error| unreadable(&error))?;
    let mut all = Vec::with_capacity(ranks.count());
    for received in ranks.gather(&sent)? {
        all.push(postcard::from_bytes::<Vec<T>>(&received).map_err(|error| unreadable(&error))?.into_iter());
    }
    let turns = (0..count).map(|part| all[part % ranks.count()].next());
    turns.collect::<Option<_>>().ok_or_else(|| {
        let fault = "the ranks were given different numbers of parts";
        RankError::Exchange(fault.into()).into()
    })
}

fn unreadable(error: &postcard::Error) -> RankError {
    RankError::Exchange(format!("the results of a part: {error}"))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// What each of so many ranks makes of `work`.
    fn all<R: Send>(count: usize, work: impl Fn() -> R + Sync) -> Vec<R> {
        thread::scope(|scope| {
            let work = &work;
            let own = |ranks: Ranks| move || share(&ranks, work);
            let running: Vec<_> =
                Ranks::in_process(count).into_iter().map(|ranks| scope.spawn(own(ranks))).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn parts_are_computed_once_and_come_in_order_on_every_rank() {
        for parts in [0, 1, 2, 3, 8] {
            let expected: Vec<(usize, f32)> = (0..parts).map(|part| (part, f32::NAN)).collect();
            let results = all(3, || {
                let mut computed = 0;
                let found = in_turns(0..parts, |part| {
                    computed += 1;
                    Ok::<_, RankError>((part, f32::NAN))
                });
                (found.unwrap(), computed)
            });
            for (found, _) in &results {
                assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{parts} parts");
            }
            assert_eq!(results.iter().map(|(_, computed)| computed).sum::<usize>(), parts);
        }
    }

    #[test]
    fn parts_of_a_part_are_not_shared() {
        let results = all(2, || in_turns(0..3, |part| in_turns(0..part, Ok::<usize, RankError>)));
        for result in results {
            assert_eq!(result.unwrap(), [vec![], vec![0], vec![0, 1]]);
        }
    }

    #[test]
    fn different_numbers_of_parts_are_an_error_on_a_rank_that_lacks_some() {
        let results = thread::scope(|scope| {
            let running: Vec<_> = Ranks::in_process(2)
                .into_iter()
                .map(|ranks| {
                    scope.spawn(move || {
                        let parts = 4 - 2 * ranks.rank();
                        share(&ranks, || in_turns(0..parts, Ok::<usize, RankError>))
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(results[0].is_err(), "{results:?}");
    }

    #[test]
    fn alone_nothing_is_shared_after_the_work() {
        all(2, || ());
        assert_eq!(in_turns(0..2, Ok::<usize, RankError>), Ok(vec![0, 1]));
    }
}
