//! Times one training step of an encoder-decoder in Marian's layout, or with `--t5 1` in that of T5 1.1;
//! `benches/peers/marian_step.py` times the same step in PyTorch, takes the same options and says what a step is.
//!
//! ```text
//! cargo bench --bench marian_step -- [--d-model 256] [--layers 3] [--steps 20] ...
//! ```
//!
//! Prints one JSON object: the settings, and what was measured.

mod process;
mod timing;
mod translator;

use std::error::Error;
use std::sync::Arc;

use alambic_models::encoder_decoder::EncoderDecoder;
use alambic_models::{Pass, TapSelection, Tokens, Trace};
use alambic_tensor::Streams;
use alambic_tensor::gradients::Gradients;
use alambic_tensor::ops::{self, CrossEntropy, Dropout};
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::Parameters;
use timing::{Options, Timed};
use translator::{PADDING, SIZES, initial, sequences};

const STEP: [(&str, f64); 4] =
    [("batch", 128.0), ("source-length", 12.0), ("target-length", 12.0), ("label-smoothing", 0.1)];

/// Source, the decoder's input, and what the logits are compared with.
fn batch(options: &Options) -> (Tokens, Tokens, CrossEntropy) {
    let mut generator = Streams::new(1).shuffling(0);
    let (rows, vocabulary) = (options.size("batch"), options.size("vocabulary"));
    let source = sequences(rows, options.size("source-length"), vocabulary, &mut generator);
    let target = sequences(rows, options.size("target-length"), vocabulary, &mut generator);
    let shifted: Vec<Vec<u32>> = target
        .iter()
        .map(|ids| std::iter::once(PADDING).chain(ids[..ids.len() - 1].iter().copied()).collect())
        .collect();
    let labels = Tokens::pad(&target, PADDING);
    let labels = CrossEntropy {
        targets: labels.ids.clone(),
        weights: Arc::new(labels.mask.iter().map(|&kept| f32::from(kept)).collect()),
        smoothing: options.number("label-smoothing") as f32,
    };
    (Tokens::pad(&source, PADDING), Tokens::pad(&shifted, PADDING), labels)
}

/// An encoder-decoder in training, and the batch that it sees over and over.
struct Translation {
    parameters: Parameters,
    model: EncoderDecoder,
    source: Tokens,
    target: Tokens,
    labels: CrossEntropy,
    dropout: Dropout,
    optimiser: AdamW,
}

impl Translation {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let streams = Streams::new(1);
        let length = options.size("source-length").max(options.size("target-length"));
        let (structure, weights) = initial(options, length, streams)?;
        let parameters = Parameters::from_weights(&weights)?;
        let model = EncoderDecoder::new(structure, &parameters.tracked())?;
        let (source, target, labels) = batch(options);
        let optimiser = AdamW::new(AdamWOptions {
            learning_rate: 1e-4,
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-8,
            weight_decay: 0.01,
            no_decay: Vec::new(),
        });
        Ok(Self { parameters, model, source, target, labels, dropout: Dropout::new(&streams), optimiser })
    }
}

impl Timed for Translation {
    fn parameters(&self) -> usize {
        self.parameters.count()
    }

    fn step(&mut self) -> Result<f32, Box<dyn Error>> {
        let (pass, mut untapped) = (Pass::Train(&self.dropout), Trace::new(TapSelection::nothing()));
        let memory = self.model.encode(&self.source, pass, &mut untapped)?;
        let logits = self.model.decode((&memory, &self.source.mask), &self.target, pass, &mut untapped)?;
        let loss = ops::cross_entropy(&logits, self.labels.clone())?;
        let gradients = Gradients::of(&loss, &self.parameters)?;
        self.optimiser.step(&self.parameters, &gradients, 1.0, (1.0 / gradients.norm()?).min(1.0))?;
        Ok(loss.to_scalar::<f32>()?)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    timing::time(&[&SIZES[..], &STEP].concat(), std::env::args().skip(1), Translation::new)
}
