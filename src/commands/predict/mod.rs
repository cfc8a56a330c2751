//! `alambic predict`.

mod images;
mod matches;
mod questions;
mod texts;
mod words;

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use alambic_models::{Config, ModelFolder};
use alambic_tensor::precision::{self, Products};
use clap::Args;

use super::{model_folder, precisions};
use crate::failure::Failure;

/// Runs a model on texts: arguments, or lines of standard input
///
/// For a model that writes, a line may name the language to write in a second column, parted by a tab, or begin with its
/// tag, as `>>ta<<text`. For a model that reads, a second column is the second text of a pair. Each line is printed with
/// what the model writes, or says of it, as a further column: the class, the number, the words with their tags, or the
/// numbers of the text's embedding. For a model that looks at images, a line is a question about the image of `--image`,
/// or the path of an image, a tab, and a question. A model that holds texts against images says how near such a text is to
/// the image, from -1 to 1.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The model's folder, or `hf:OWNER/NAME[@REVISION]`
    model: PathBuf,
    /// Texts; left out, lines of standard input
    inputs: Vec<String>,
    /// The language to write where a line names none; not needed if the model writes only one
    #[arg(long, value_name = "CODE")]
    target_language: Option<String>,
    /// The file that all lines are about: PNG, JPEG, WebP or GIF
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Hypotheses kept in decoding; left out or 1, it is greedy
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    beam: Option<u16>,
    /// Most tokens of an output, or of a text that is read; left out, as many as the model has room for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    longest: Option<u32>,
    /// Lines that are taken together
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// What numbers are multiplied as
    #[arg(long, value_name = "P", default_value = "f32", value_parser = precisions())]
    precision: Products,
    /// Prints one object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = model_folder(&arguments.model)?;
    let folder = ModelFolder::open(&path)?;
    let config = Config::open(&folder)?;
    let kind = match config {
        Config::Marian(_) => "writes",
        Config::Bert(_) => "reads texts",
        _ => "looks at images",
    };
    for (flag, given, needed) in [
        ("--target-language", arguments.target_language.is_some(), "writes"),
        ("--beam", arguments.beam.is_some(), "writes"),
        ("--image", arguments.image.is_some(), "looks at images"),
    ] {
        if given && kind != needed {
            return Err(Failure::Usage(format!("`{flag}` is for a model that {needed}; this one {kind}")));
        }
    }
    precision::with(arguments.precision, || match config {
        Config::Marian(_) => words::run(&path, arguments),
        Config::Bert(_) => texts::run(&path, arguments),
        Config::Clip(_) => matches::run(&path, arguments),
        _ => questions::run(&path, arguments),
    })
}

/// The softmax of logits.
fn probabilities(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = logits.iter().map(|logit| f64::from(logit - most).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}

/// Hands the arguments, or the lines of standard input, to `work` in batches, each with its number from 0.
fn in_batches(
    arguments: &Arguments,
    mut work: impl FnMut(&[(usize, String)]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let size = usize::from(arguments.batch);
    if !arguments.inputs.is_empty() {
        let lines: Vec<(usize, String)> = arguments.inputs.iter().cloned().enumerate().collect();
        return lines.chunks(size).try_for_each(work);
    }
    let stdin = std::io::stdin();
    // Whoever types wants an answer to each line.
    let size = if stdin.is_terminal() { 1 } else { size };
    let mut batch = Vec::with_capacity(size);
    for line in lines(stdin.lock()) {
        batch.push(line?);
        if batch.len() == size {
            work(&batch)?;
            batch.clear();
        }
    }
    if batch.is_empty() { Ok(()) } else { work(&batch) }
}

/// Lines with their numbers from 0.
fn lines(mut input: impl BufRead) -> impl Iterator<Item = Result<(usize, String), Failure>> {
    let mut number = 0;
    std::iter::from_fn(move || {
        let mut bytes = Vec::new();
        let line = match input.read_until(b'\n', &mut bytes) {
            Ok(0) => return None,
            Ok(_) => String::from_utf8(bytes)
                .map_err(|_| Failure::message(format!("line {}: not UTF-8", number + 1))),
            Err(error) => Err(Failure::Failed(Box::new(error))),
        };
        number += 1;
        Some(line.map(|line| (number - 1, line.trim_end_matches(['\n', '\r']).to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_lose_their_ends() {
        let read: Vec<(usize, String)> =
            lines(&b"one\r\n\ntwo"[..]).filter_map(std::result::Result::ok).collect();
        assert_eq!(read, [(0, "one".into()), (1, String::new()), (2, "two".into())]);
        assert!(lines(&b"\xff\n"[..]).next().unwrap().is_err());
    }
}
