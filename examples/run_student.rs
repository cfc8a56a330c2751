//! A student loaded and run: what a program does with the folder that a run leaves.
//!
//! ```text
//! cargo run --release --example run_student -- runs/NAME/student "a good film" "no plot at all"
//! ```
//!
//! Without arguments it makes a classifier of random weights, whose answers mean nothing, saves it and runs it.

#![allow(clippy::print_stdout, reason = "an example shows what comes out")]

use std::error::Error;
use std::path::{Path, PathBuf};

use alambic_inference::EncoderPipeline;
use alambic_models::text_encoder::{Head, HeadSpec, TextEncoder, TextEncoderConfig};
use alambic_models::{Config, ModelFolder, Precision, Tokenizer, TokenizerModel};
use alambic_students::save_pretrained;
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;

const TEXTS: [&str; 2] = ["a good film", "no plot at all"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let made_up = tempfile::tempdir()?;
    let folder = match arguments.next() {
        Some(folder) => PathBuf::from(folder),
        None => save_made_up(made_up.path())?,
    };
    let given: Vec<String> = arguments.collect();
    let texts: Vec<&str> =
        if given.is_empty() { TEXTS.to_vec() } else { given.iter().map(String::as_str).collect() };
    for (text, label) in texts.iter().zip(classify(&folder, &texts)?) {
        println!("{text}: {label}");
    }
    println!("{} parameters, by way of candle's `VarBuilder` as well", count_parameters(&folder)?);
    Ok(())
}

/// The label of each text, by the tokenizer and the network of a folder.
pub(crate) fn classify(folder: &Path, texts: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    let student = EncoderPipeline::load(folder)?;
    // A student of pairs takes the second text where `None` stands.
    let inputs: Vec<(&str, Option<&str>)> = texts.iter().map(|text| (*text, None)).collect();
    Ok(student.predict(&inputs)?)
}

/// The same folder in a program on candle: a `VarBuilder` for any network of candle's, and a model of ours out of one.
pub(crate) fn count_parameters(folder: &Path) -> Result<usize, Box<dyn Error>> {
    let folder = ModelFolder::open(folder)?;
    let builder = folder.var_builder()?;
    let weights = Config::open(&folder)?.weights_from(&builder)?;
    Ok(weights.values().map(Tensor::elem_count).sum())
}

/// Saves a classifier of random weights, and gives its folder.
pub(crate) fn save_made_up(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let tokenizer = Tokenizer::train(TokenizerModel::Words, TEXTS, 30)?;
    let labels = vec!["bad".to_owned(), "good".to_owned()];
    let head = HeadSpec { head: Head::Sequence, labels, ..HeadSpec::none() };
    let config = TextEncoderConfig { positions: 32, ..TextEncoderConfig::new(tokenizer.size(), 2, 16, 2) }
        .with_head(&head);
    let weights = TextEncoder::initial_weights(&config, &Streams::new(1))?;
    let files = tokenizer.files(config.positions)?;
    let folder = folder.join("student");
    save_pretrained(&folder, &config.into(), &weights, &files, Precision::F32)?;
    Ok(folder)
}
