//! Decoding over a scripted model, whose best targets can be found by trying them all.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;

use alambic_models::{DecodingState, GenerationConfig, Hypothesis, ModelError, Tokens, Translator};

const END: u32 = 0;

/// A model whose logits are a fixed, crooked function of the example and of all tokens so far.
struct Script {
    vocabulary: u32,
    /// Added to the logit of the end token.
    ending: f32,
    longest: usize,
    /// Most steps that a decoding took.
    steps: Cell<usize>,
}

impl Script {
    fn new(vocabulary: u32, ending: f32) -> Self {
        Self { vocabulary, ending, longest: 20, steps: Cell::new(0) }
    }

    fn logits(&self, example: u32, history: &[u32]) -> Vec<f32> {
        let state = history
            .iter()
            .fold(1.7 * example as f32 + 0.3, |state, &token| 3.0 * (1.3 * state + 2.1 * token as f32).sin());
        (0..self.vocabulary)
            .map(|token| {
                2.0 * (state * (token + 1) as f32).sin() + if token == END { self.ending } else { 0.0 }
            })
            .collect()
    }

    fn log_probability(&self, example: u32, history: &[u32], token: u32) -> f32 {
        let logits = self.logits(example, history);
        logits[token as usize] - logits.iter().map(|logit| logit.exp()).sum::<f32>().ln()
    }

    /// All finished targets of at most `longest` tokens, end included, with their log-probabilities.
    fn all(&self, example: u32, longest: usize) -> Vec<(Vec<u32>, f32)> {
        let mut finished = Vec::new();
        let mut open = vec![(vec![self.start_token()], 0.0)];
        for _ in 0..longest {
            let mut next = Vec::new();
            for (history, sum) in open {
                for token in 0..self.vocabulary {
                    let sum = sum + self.log_probability(example, &history, token);
                    if token == END {
                        finished.push((history[1..].to_vec(), sum));
                    } else {
                        next.push(([history.as_slice(), &[token]].concat(), sum));
                    }
                }
            }
            open = next;
        }
        finished
    }
}

impl Translator for Script {
    fn start(&self, source: &Tokens, _: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        self.steps.set(0);
        let rows = source.ids.chunks(source.length).map(|ids| (ids[0], Vec::new())).collect();
        Ok(Box::new(Decoding { script: self, rows }))
    }

    fn start_token(&self) -> u32 {
        self.vocabulary - 1
    }

    fn end_token(&self) -> u32 {
        END
    }

    fn max_length(&self) -> usize {
        self.longest
    }
}

/// The example and the tokens so far of each row.
struct Decoding<'a> {
    script: &'a Script,
    rows: Vec<(u32, Vec<u32>)>,
}

impl DecodingState for Decoding<'_> {
    fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
        assert_eq!(tokens.len(), self.rows.len());
        self.script.steps.set(self.script.steps.get() + 1);
        let mut logits = Vec::new();
        for ((example, history), &token) in self.rows.iter_mut().zip(tokens) {
            history.push(token);
            logits.extend(self.script.logits(*example, history));
        }
        Ok(logits)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelError> {
        self.rows = rows.iter().map(|&row| self.rows[row].clone()).collect();
        Ok(())
    }
}

fn sources() -> Tokens {
    Tokens::pad(&[[1], [2], [3], [4], [5]], 0)
}

fn length(hypothesis: &Hypothesis) -> usize {
    hypothesis.tokens.len() + usize::from(hypothesis.finished)
}

#[test]
fn every_source_gets_a_hypothesis_that_keeps_to_the_length() {
    for ending in [-1e4, -2.0, 0.0, 3.0, 1e4] {
        for beam in 0..=5 {
            for longest in 0..=6 {
                let script = Script::new(12, ending);
                let generation = GenerationConfig { beam, ..GenerationConfig::greedy(longest) };
                let written = generation.run(&script, &sources()).unwrap();
                assert_eq!(written.len(), 5);
                assert!(script.steps.get() <= longest);
                for hypotheses in written {
                    assert!(!hypotheses.is_empty(), "ending {ending}, {generation:?}");
                    assert!(hypotheses.len() <= beam.max(1));
                    assert!(hypotheses.windows(2).all(|pair| pair[0].score(1.0) >= pair[1].score(1.0)));
                    for hypothesis in hypotheses {
                        assert!(length(&hypothesis) <= longest);
                        assert!(!hypothesis.tokens.contains(&END));
                        assert!(hypothesis.finished || hypothesis.tokens.len() == longest);
                    }
                }
            }
        }
    }
    assert!(
        GenerationConfig::greedy(4)
            .run(&Script::new(12, 0.0), &Tokens::pad::<[u32; 0]>(&[], 0))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn hypotheses_without_an_end_are_unfinished() {
    for beam in [1, 3] {
        let generation = GenerationConfig { beam, ..GenerationConfig::greedy(7) };
        let written = generation.run(&Script::new(12, -1e4), &sources()).unwrap();
        for hypothesis in written.iter().flatten() {
            assert!(!hypothesis.finished);
            assert_eq!(hypothesis.tokens.len(), 7);
            // Without an end, the score divides by the tokens alone.
            assert_eq!(hypothesis.score(1.0), hypothesis.log_probability / 7.0);
        }
        let written = generation.run(&Script::new(12, 1e4), &sources()).unwrap();
        assert!(written.iter().all(|hypotheses| hypotheses[0].finished && hypotheses[0].tokens.is_empty()));
    }
}

#[test]
fn the_models_own_limit_holds_as_well() {
    let script = Script { longest: 3, ..Script::new(12, -1e4) };
    for beam in [1, 4] {
        let generation = GenerationConfig { beam, ..GenerationConfig::greedy(9) };
        let written = generation.run(&script, &sources()).unwrap();
        assert!(written.iter().flatten().all(|hypothesis| hypothesis.tokens.len() == 3));
    }
}

#[test]
fn a_beam_wide_enough_for_all_finds_the_best_of_all() {
    let script = Script::new(4, 0.0);
    for length_penalty in [0.0, 1.0] {
        let generation = GenerationConfig { beam: 400, length_penalty, ..GenerationConfig::greedy(5) };
        let written = generation.run(&script, &sources()).unwrap();
        for (hypotheses, example) in written.iter().zip(1..) {
            let score =
                |(tokens, sum): &(Vec<u32>, f32)| sum / ((tokens.len() + 1) as f32).powf(length_penalty);
            let mut all = script.all(example, 5);
            all.sort_by(|a, b| score(b).total_cmp(&score(a)));
            assert_eq!(hypotheses.len(), all.len());
            for (hypothesis, (tokens, sum)) in hypotheses.iter().zip(&all).take(3) {
                assert_eq!(&hypothesis.tokens, tokens);
                assert!((hypothesis.log_probability - sum).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn greedy_takes_the_likeliest_token_each_time() {
    let script = Script::new(12, 0.0);
    let written = GenerationConfig::greedy(10).run(&script, &sources()).unwrap();
    for (hypotheses, example) in written.iter().zip(1..) {
        let (mut history, mut sum, mut finished) = (vec![script.start_token()], 0.0, false);
        for _ in 0..10 {
            let logits = script.logits(example, &history);
            let token = (0..12).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap() as u32;
            sum += script.log_probability(example, &history, token);
            finished = token == END;
            if finished {
                break;
            }
            history.push(token);
        }
        assert_eq!((hypotheses[0].tokens.as_slice(), hypotheses[0].finished), (&history[1..], finished));
        assert!((hypotheses[0].log_probability - sum).abs() < 1e-4);
    }
    let finished = written.iter().filter(|hypotheses| hypotheses[0].finished).count();
    assert!(finished > 0, "the script should let some end");
}

/// Rows leave the batch as they finish; the others must not notice.
#[test]
fn a_batch_is_written_as_each_source_alone() {
    let script = Script::new(12, 1.0);
    for beam in [1, 3] {
        let generation = GenerationConfig { beam, ..GenerationConfig::greedy(8) };
        let together = generation.run(&script, &sources()).unwrap();
        for (hypotheses, example) in together.into_iter().zip(1..) {
            let alone = generation.run(&script, &Tokens::pad(&[[example]], 0)).unwrap();
            assert_eq!(hypotheses, alone[0]);
        }
    }
}

#[test]
fn identity_is_that_of_existing_records() {
    let identity =
        GenerationConfig { beam: 4, length_penalty: 0.5, ..GenerationConfig::greedy(12) }.identity();
    assert_eq!(identity, "Generation { beam: 4, longest: 12, length_penalty: 0.5 }");
}
