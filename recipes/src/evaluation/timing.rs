//! Wall time of one example, and of a batch of them, by each model in turn.

use std::time::Instant;

use alambic_reports::outcome::{Latency, TEACHER};
use alambic_settings::IndexMap;

use crate::error::RunError;

/// Examples that are run before the clock counts.
const WARM_UP: usize = 10;
/// Examples of a batch.
const BATCH: usize = 32;

/// A model at work: it is given the indices of examples.
pub(crate) type Model<'a> = &'a dyn Fn(&[usize]) -> Result<(), RunError>;

/// Times in milliseconds by setting (`batch 1`, `batch 32`, each an example) and model, over at most `most` of `count`
/// examples. The models take turns over the same examples, in one run, so that a slow moment of the machine hits all.
pub(crate) fn measure(
    count: usize,
    most: usize,
    models: &[(&str, Model<'_>)],
) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
    let step = count.div_ceil(most.max(1)).max(1);
    let timed: Vec<usize> = (0..count).step_by(step).collect();
    let mut settings = IndexMap::new();
    for size in [1, BATCH] {
        let mut times: IndexMap<&str, Vec<f64>> = IndexMap::new();
        let batches: Vec<&[usize]> = timed.chunks(size).filter(|batch| batch.len() == size).collect();
        let warm_up = WARM_UP.div_ceil(size).min(batches.len());
        for (index, batch) in batches.iter().take(warm_up).chain(&batches).enumerate() {
            for (name, model) in models {
                let begin = Instant::now();
                model(batch)?;
                if index >= warm_up {
                    let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
                    times.entry(name).or_default().push(milliseconds / size as f64);
                }
            }
        }
        let teacher = times.get(TEACHER).cloned();
        let latencies: IndexMap<String, Latency> = times
            .into_iter()
            .filter_map(|(name, times)| {
                let latency = Latency::of(times.clone())?;
                let latency = match teacher.as_ref().filter(|_| name != TEACHER) {
                    Some(teacher) => latency.beside_teacher(&times, teacher),
                    None => latency,
                };
                Some((name.to_owned(), latency))
            })
            .collect();
        if !latencies.is_empty() {
            settings.insert(format!("batch {size}"), latencies);
        }
    }
    Ok(settings)
}
