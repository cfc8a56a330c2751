//! Wall time of writing one word, and a batch of words, by each model in turn.

use std::time::Instant;

use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_settings::IndexMap;
use alambic_students::Predictor;
use alambic_teachers::{Request, Teacher};

use super::RunError;

/// Words written before the clock counts.
const WARM_UP: usize = 10;
/// Words of a batch.
const BATCH: usize = 32;

/// Times in milliseconds by setting (`batch 1`, `batch 32`, each a word) and model. The models take turns over the
/// same words, in one run, with the same decoding and cached keys, so that a slow moment of the machine hits all.
pub(crate) fn measure(
    requests: &[Request],
    most: usize,
    teacher: Option<&dyn Teacher>,
    student: &Predictor,
) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
    let step = requests.len().div_ceil(most.max(1)).max(1);
    let timed: Vec<&Request> = requests.iter().step_by(step).collect();
    let mut settings = IndexMap::new();
    for size in [1, BATCH] {
        let mut times: IndexMap<&str, Vec<f64>> = IndexMap::new();
        let batches: Vec<Vec<Request>> = timed
            .chunks(size)
            .filter(|batch| batch.len() == size)
            .map(|batch| batch.iter().map(|&r| r.clone()).collect())
            .collect();
        for (index, batch) in batches.iter().take(WARM_UP.div_ceil(size)).chain(&batches).enumerate() {
            let counts = index >= WARM_UP.div_ceil(size).min(batches.len());
            if let Some(teacher) = teacher {
                let begin = Instant::now();
                teacher.write(batch, &mut |_| {})?;
                note(&mut times, TEACHER, begin, size, counts);
            }
            let inputs: Vec<(&str, &str)> =
                batch.iter().map(|request| (request.text.as_str(), request.language.as_str())).collect();
            let begin = Instant::now();
            student.predict(&inputs)?;
            note(&mut times, STUDENT, begin, size, counts);
        }
        let latencies: IndexMap<String, Latency> = times
            .into_iter()
            .filter_map(|(name, times)| Some((name.to_owned(), Latency::of(times)?)))
            .collect();
        if !latencies.is_empty() {
            settings.insert(format!("batch {size}"), latencies);
        }
    }
    Ok(settings)
}

fn note<'a>(
    times: &mut IndexMap<&'a str, Vec<f64>>,
    name: &'a str,
    begin: Instant,
    size: usize,
    counts: bool,
) {
    if counts {
        times.entry(name).or_default().push(begin.elapsed().as_secs_f64() * 1e3 / size as f64);
    }
}
