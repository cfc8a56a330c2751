//! Beam search, under the rules of transformers or our own.

use rayon::prelude::*;

use super::config::{Decoding, EarlyStopping, GenerationConfig};
use super::hypothesis::Hypothesis;
use super::rows::NextRows;
use super::scores::largest;
use crate::ModelError;

/// The log-probability that transformers gives all but the first hypothesis of a beam before the first step, and finished ones
/// that are not there. The others begin as the first one does, so they only count where it has fewer continuations than are
/// looked at.
const ABSENT: f32 = -1e9;

/// A hypothesis under way.
#[derive(Debug, Clone)]
struct Live {
    /// The tokens so far, the start first.
    target: Vec<u32>,
    log_probability: f32,
    row: usize,
}

/// A source that is not done.
#[derive(Debug)]
struct Search {
    example: usize,
    live: Vec<Live>,
}

/// A continuation: its log-probability, the place of what it continues among the source's hypotheses, and its token.
type Candidate = (f32, usize, u32);

/// What a row may go on with: its tokens and their logits, and what is subtracted from these.
type Continuations = (f32, Vec<(u32, f32)>);

/// Writes the best hypotheses of each source, best first, at most as many as the beam is wide.
pub(super) fn beam_search(
    decoding: &Decoding<'_>,
    config: &GenerationConfig,
) -> Result<Vec<Vec<Hypothesis>>, ModelError> {
    let Decoding { model, source, processors, ends, max_length, .. } = decoding;
    let beam = config.beam;
    // With so many more than go on, enough are left even if the best of all end.
    let count = (1 + ends.len()).max(2).saturating_mul(beam);
    let mut state = model.start(source, *max_length)?;
    let first = |example: usize, place: usize| Live {
        target: vec![decoding.start],
        log_probability: if place == 0 { 0.0 } else { ABSENT },
        row: example,
    };
    let width = if config.early_stopping.is_some() { beam } else { 1 };
    let mut searches: Vec<Search> = (0..source.batch)
        .map(|example| Search { example, live: (0..width).map(|place| first(example, place)).collect() })
        .collect();
    let mut done: Vec<Vec<Hypothesis>> = vec![Vec::new(); source.batch];
    let mut tokens = vec![decoding.start; source.batch];
    for length in 1..=*max_length {
        let mut logits = state.step(&tokens)?;
        let vocabulary = logits.len() / tokens.len();
        let mut targets = vec![[].as_slice(); tokens.len()];
        for live in searches.iter().flat_map(|search| &search.live) {
            targets[live.row] = &live.target;
        }
        let continuations: Vec<Continuations> = logits
            .par_chunks_exact_mut(vocabulary)
            .zip(&targets)
            .map(|(logits, target)| {
                let scores = processors.scores(target, logits);
                (scores.shift(), largest(scores.logits(), count))
            })
            .collect();
        let mut rows = NextRows::default();
        let mut next = Vec::with_capacity(searches.len());
        for search in searches {
            rows.begin_example();
            let finished = &mut done[search.example];
            let mut going_on = Vec::with_capacity(beam);
            for (rank, (log_probability, place, token)) in
                candidates(&search.live, &continuations, count).into_iter().enumerate()
            {
                let parent = &search.live[place];
                let extended = || [parent.target.as_slice(), &[token]].concat();
                let is_last = length == *max_length && config.early_stopping.is_some();
                if is_last || ends.contains(&token) {
                    if rank < beam {
                        finished.push(Hypothesis::of_target(&extended(), log_probability, ends));
                    }
                } else if going_on.len() < beam {
                    let row = rows.continued(parent.row, token);
                    going_on.push(Live { target: extended(), log_probability, row });
                }
            }
            finished
                .sort_by(|a, b| b.score(config.length_penalty).total_cmp(&a.score(config.length_penalty)));
            finished.truncate(beam);
            if config.early_stopping.is_some() {
                finished.retain(|own| own.score(config.length_penalty) > ABSENT);
            }
            let is_over = length == *max_length || going_on.is_empty();
            if !is_over && !is_done(config, finished, going_on[0].log_probability, (length, *max_length)) {
                next.push(Search { live: going_on, ..search });
                continue;
            }
            rows.drop_example();
            if finished.is_empty() {
                // Nothing was finished: what is under way, or where it cannot go on, what there was.
                let unfinished = if going_on.is_empty() { search.live } else { going_on };
                finished.extend(
                    unfinished
                        .iter()
                        .map(|live| Hypothesis::of_target(&live.target, live.log_probability, ends)),
                );
                finished.sort_by(|a, b| {
                    b.score(config.length_penalty).total_cmp(&a.score(config.length_penalty))
                });
            }
        }
        searches = next;
        if searches.is_empty() {
            break;
        }
        if let Some(selected) = rows.selection(tokens.len()) {
            state.select(selected)?;
        }
        tokens = rows.tokens;
    }
    for hypotheses in &mut done {
        // Copies of the first hypothesis that were never more than that.
        if hypotheses.iter().any(|own| own.log_probability > ABSENT / 2.0) {
            hypotheses.retain(|own| own.log_probability > ABSENT / 2.0);
        }
    }
    Ok(done)
}

/// The best continuations of a source's hypotheses, best first; none that is impossible.
fn candidates(live: &[Live], continuations: &[Continuations], count: usize) -> Vec<Candidate> {
    let order = |a: &Candidate, b: &Candidate| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2));
    let mut candidates: Vec<Candidate> = Vec::new();
    for (place, own) in live.iter().enumerate() {
        let (shift, largest) = &continuations[own.row];
        let base = own.log_probability - shift;
        candidates.extend(largest.iter().map(|(token, logit)| (base + logit, place, *token)));
    }
    candidates.retain(|(log_probability, ..)| *log_probability != f32::NEG_INFINITY);
    if candidates.len() > count {
        candidates.select_nth_unstable_by(count - 1, order);
        candidates.truncate(count);
    }
    candidates.sort_unstable_by(order);
    candidates
}

/// Whether a source is done after `length` tokens, given its finished hypotheses, best first, and the log-probability of the best
/// one under way.
fn is_done(
    config: &GenerationConfig,
    finished: &[Hypothesis],
    running: f32,
    (length, max_length): (usize, usize),
) -> bool {
    let is_full = finished.len() >= config.beam;
    let penalty = config.length_penalty;
    let at = match config.early_stopping {
        None | Some(EarlyStopping::Full) if is_full => return true,
        None => return false,
        Some(EarlyStopping::Never) if penalty > 0.0 => max_length,
        Some(_) => length,
    };
    let worst = finished.last().filter(|_| is_full).map_or(ABSENT, |worst| worst.score(penalty));
    running / (at as f32).powf(penalty) <= worst
}
