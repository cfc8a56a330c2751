//! A loss of Alambic in a training loop of one's own: a small classifier learns the logits of a larger one.
//!
//! ```text
//! cargo run --release --example training_loop
//! ```
//!
//! Both models have random weights here, and the texts are made-up tokens, so that it runs without data. A teacher that is
//! worth something comes out of a folder: `architecture::open(&ModelFolder::open(path)?)`.

#![allow(clippy::print_stdout, reason = "an example shows what comes out")]

use std::error::Error;

use alambic_losses::{Inputs, Logits, LossTerm, Targets, progress};
use alambic_models::text_encoder::{Head, HeadSpec, TextEncoder, TextEncoderConfig, TextInput};
use alambic_models::{Pass, TapSelection, Tokens};
use alambic_settings::{Node, read};
use alambic_tensor::Streams;
use alambic_tensor::gradients::Gradients;
use alambic_tensor::ops::Dropout;
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::{Parameters, Weights};

/// Tokens of the made-up language.
const VOCABULARY: usize = 50;
/// Texts of a step, and tokens of a text.
const BATCH: usize = 16;
const LENGTH: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let losses = distil(60)?;
    for (step, loss) in losses.iter().enumerate().step_by(10) {
        println!("step {step:2}: the loss is {loss:.6}");
    }
    Ok(())
}

/// Trains a student for so many steps, and gives the loss of each.
pub(crate) fn distil(steps: usize) -> Result<Vec<f32>, Box<dyn Error>> {
    // All random numbers come from streams of a seed, so that every run gives the same.
    let streams = Streams::new(1);
    let (large, small) = (classifier(4, 64), classifier(1, 32));
    let teacher = TextEncoder::new(&large, &TextEncoder::initial_weights(&large, &streams)?)?;
    let parameters = Parameters::from_weights(&TextEncoder::initial_weights(&small, &Streams::new(2))?)?;

    // The options of a loss are those that a recipe has. Bound to the two models, they say which taps are needed.
    let options: Logits = read(&Node::parse("options", "temperature = 2.0")?)?;
    let term = options.bind(&small.outline(), Some(&large.outline()))?;
    let taps = |names: &[String]| TapSelection::named(names.iter().cloned());

    let mut optimiser = AdamW::new(AdamWOptions { learning_rate: 3e-3, ..AdamWOptions::default() });
    let dropout = Dropout::new(&streams);
    let mut losses = Vec::new();
    for step in 0..steps {
        let batch = texts(step);
        let expected = teacher.trace(&batch, Pass::Evaluate, taps(&term.teacher_taps))?;
        // A network is code over weights: built over the tracked ones, it trains.
        let student = TextEncoder::new(&small, &parameters.tracked())?;
        let found = student.trace(&batch, Pass::Train(&dropout), taps(&term.student_taps))?;
        let loss = term.loss(&Inputs {
            student: &found,
            teacher: Some(&expected),
            // Of a loss on the labels of the data, these would be the labels.
            targets: &Targets::default(),
            // Of a loss between models of two widths, the map from the one to the other, which is trained as well.
            projections: &Weights::new(),
            ranks: None,
            // How far the training is, for a temperature that changes over its steps.
            progress: progress(step, steps),
            step: Some(step + 1),
        })?;
        let gradients = Gradients::of(&loss, &parameters)?;
        optimiser.step(&parameters, &gradients, 1.0, 1.0)?;
        losses.push(loss.to_scalar::<f32>()?);
    }
    Ok(losses)
}

/// A classifier of texts with two classes.
fn classifier(layers: usize, width: usize) -> TextEncoderConfig {
    let labels = vec!["bad".to_owned(), "good".to_owned()];
    let head = HeadSpec { head: Head::Sequence, labels, ..HeadSpec::none() };
    TextEncoderConfig { dropout: 0.0, ..TextEncoderConfig::new(VOCABULARY, layers, width, 4) }
        .with_head(&head)
}

/// The texts of a step, as the tokens that a `Tokenizer` would make of real ones.
fn texts(step: usize) -> TextInput {
    let token = |text: usize, place: usize| ((step * BATCH + text + 1) * (place + 3) * 7 % VOCABULARY) as u32;
    let texts: Vec<Vec<u32>> =
        (0..BATCH).map(|text| (0..LENGTH).map(|place| token(text, place)).collect()).collect();
    TextInput::new(Tokens::pad(&texts, 0))
}
