//! Hypotheses that are written each by itself: greedily, or by sampling.

use rayon::prelude::*;

use super::config::Decoding;
use super::hypothesis::Hypothesis;
use super::rows::NextRows;
use super::sampling::Sampling;
use super::scores::{TokenScores, argmax};
use crate::{ModelError, Tokens};

/// How a token is chosen.
#[derive(Debug)]
pub(super) enum Choice<'a> {
    /// The likeliest.
    Largest,
    /// One by its probability.
    Sample(&'a Sampling),
}

/// A hypothesis under way.
#[derive(Debug)]
struct Live {
    /// The source.
    example: usize,
    /// The number of the hypothesis among those of its source.
    candidate: usize,
    /// The tokens so far, the start first.
    target: Vec<u32>,
    log_probability: f32,
    row: usize,
}

/// Writes `count` hypotheses for each source.
pub(super) fn write_singly(
    decoding: &Decoding<'_>,
    choice: &Choice<'_>,
    count: usize,
) -> Result<Vec<Vec<Hypothesis>>, ModelError> {
    let Decoding { model, source, processors, ends, .. } = decoding;
    let mut state = model.start(source, decoding.max_length)?;
    let read = sources(source);
    // The next token of a hypothesis and its log-probability; none where no token is possible.
    let choose = |live: &Live, scores: &TokenScores<'_>| {
        let token = match choice {
            Choice::Largest => argmax(scores.logits()).0,
            Choice::Sample(sampling) => {
                let step = live.target.len() as u64 - 1;
                sampling.draw(scores, &read[live.example], live.candidate as u64, step)?
            }
        };
        let log_probability = scores.logits()[token as usize] - scores.shift();
        (log_probability != f32::NEG_INFINITY).then_some((token, log_probability))
    };
    let mut written: Vec<Vec<Hypothesis>> = vec![vec![Hypothesis::default(); count]; source.batch];
    let mut keep = |live: Live| {
        written[live.example][live.candidate] =
            Hypothesis::of_target(&live.target, live.log_probability, ends);
    };
    let mut tokens = vec![decoding.start; source.batch];
    let mut live: Vec<Live> = (0..source.batch * count)
        .map(|index| Live {
            example: index / count,
            candidate: index % count,
            target: vec![decoding.start],
            log_probability: 0.0,
            row: index / count,
        })
        .collect();
    for _ in 0..decoding.max_length {
        let mut logits = state.step(&tokens)?;
        let vocabulary = logits.len() / tokens.len();
        let mut by_row: Vec<Vec<usize>> = vec![Vec::new(); tokens.len()];
        for (index, live) in live.iter().enumerate() {
            by_row[live.row].push(index);
        }
        let chosen: Vec<Vec<Option<(u32, f32)>>> = logits
            .par_chunks_exact_mut(vocabulary)
            .zip(&by_row)
            .map(|(logits, own)| {
                // Those of one row have the same tokens so far.
                let Some(&first) = own.first() else { return Vec::new() };
                let scores = processors.scores(&live[first].target, logits);
                own.iter().map(|&index| choose(&live[index], &scores)).collect()
            })
            .collect();
        let mut of_live = vec![None; live.len()];
        for (&index, chosen) in by_row.iter().flatten().zip(chosen.into_iter().flatten()) {
            of_live[index] = chosen;
        }
        let mut rows = NextRows::default();
        let mut example = None;
        let mut next = Vec::with_capacity(live.len());
        for (mut live, chosen) in live.into_iter().zip(of_live) {
            if example.replace(live.example) != Some(live.example) {
                rows.begin_example();
            }
            match chosen {
                None => keep(live),
                Some((token, log_probability)) => {
                    live.target.push(token);
                    live.log_probability += log_probability;
                    if ends.contains(&token) {
                        keep(live);
                    } else {
                        live.row = rows.continued(live.row, token);
                        next.push(live);
                    }
                }
            }
        }
        live = next;
        if live.is_empty() {
            break;
        }
        if let Some(selected) = rows.selection(tokens.len()) {
            state.select(selected)?;
        }
        tokens = rows.tokens;
    }
    live.into_iter().for_each(keep);
    Ok(written)
}

/// The tokens of each source, without padding.
fn sources(source: &Tokens) -> Vec<Vec<u32>> {
    let row = |row: usize| {
        let places = row * source.length..(row + 1) * source.length;
        let kept =
            source.ids[places.clone()].iter().zip(&source.mask[places]).filter(|(_, kept)| **kept == 1);
        kept.map(|(id, _)| *id).collect()
    };
    (0..source.batch).map(row).collect()
}
