//! `alambic predict`.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use alambic_models::{Generation, Hypothesis};
use alambic_students::{Predictor, StudentError};
use clap::Args;
use serde_json::json;

use super::model_folder;
use crate::failure::Failure;
use crate::output;

/// Runs a model on texts: arguments, or lines of standard input
///
/// A line may name the language to write in a second column, parted by a tab, or begin with its tag, as
/// `>>ta<<text`. Each line is printed with what the model writes as a further column.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The model's folder, or `hf:OWNER/NAME[@REVISION]`
    model: PathBuf,
    /// Texts; left out, lines of standard input
    inputs: Vec<String>,
    /// The language to write where a line names none; not needed if the model writes only one
    #[arg(long, value_name = "CODE")]
    target_language: Option<String>,
    /// Hypotheses kept in decoding; 1 is greedy
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    beam: u16,
    /// Most tokens of an output; left out, as many as the model can write
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    longest: Option<u32>,
    /// Lines that are written together
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// Prints one object a line
    #[arg(long)]
    json: bool,
}

/// One line of input.
struct Input {
    line: String,
    number: usize,
    text: String,
    language: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut predictor = Predictor::load(&model_folder(&arguments.model)?)?;
    let most = predictor.generation.longest;
    predictor.generation = Generation {
        beam: usize::from(arguments.beam),
        longest: arguments.longest.map_or(most, |longest| most.min(longest as usize)),
        length_penalty: 1.0,
    };
    let languages = predictor.languages();
    let language = match (&arguments.target_language, languages.as_slice()) {
        (Some(code), known) if !known.contains(code) => {
            return Err(Failure::Usage(format!(
                "the model does not write `{code}`; it writes {}",
                known.join(", ")
            )));
        }
        (Some(code), _) => Some(code.clone()),
        (None, [only]) => Some(only.clone()),
        (None, _) => None,
    };
    let reader = Reader { languages, language };
    if !arguments.inputs.is_empty() {
        let lines = arguments.inputs.iter().cloned().enumerate();
        return in_batches(lines.map(Ok), &reader, &predictor, arguments, usize::from(arguments.batch));
    }
    let stdin = std::io::stdin();
    // Whoever types wants an answer to each line.
    let batch = if stdin.is_terminal() { 1 } else { usize::from(arguments.batch) };
    in_batches(lines(stdin.lock()), &reader, &predictor, arguments, batch)
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

fn in_batches(
    lines: impl Iterator<Item = Result<(usize, String), Failure>>,
    reader: &Reader,
    predictor: &Predictor,
    arguments: &Arguments,
    size: usize,
) -> Result<(), Failure> {
    let mut batch = Vec::with_capacity(size);
    for line in lines {
        let (index, line) = line?;
        batch.push(reader.read(line, index + 1)?);
        if batch.len() == size {
            write(&std::mem::take(&mut batch), predictor, arguments.json)?;
        }
    }
    write(&batch, predictor, arguments.json)
}

/// How lines are read.
struct Reader {
    languages: Vec<String>,
    /// The language to write where a line names none.
    language: Option<String>,
}

impl Reader {
    fn read(&self, line: String, number: usize) -> Result<Input, Failure> {
        let tagged = line.strip_prefix(">>").and_then(|rest| rest.split_once("<<"));
        let named = tagged.map(|(code, text)| (text, code)).or_else(|| line.split_once('\t'));
        let (text, language) = match (named, &self.language) {
            (Some((text, code)), _) => (text.to_owned(), code.to_owned()),
            (None, Some(code)) => (line.clone(), code.clone()),
            (None, None) => {
                let known = self.languages.join(", ");
                let how = "name it with `--target-language` or in a second column";
                return Err(Failure::Usage(format!(
                    "line {number} names no language; the model writes {known}: {how}"
                )));
            }
        };
        if !self.languages.contains(&language) {
            let known = self.languages.join(", ");
            return Err(Failure::Usage(format!(
                "line {number}: the model does not write `{language}`; it writes {known}"
            )));
        }
        Ok(Input { line, number, text, language })
    }
}

fn write(batch: &[Input], predictor: &Predictor, json: bool) -> Result<(), Failure> {
    for (input, (text, hypothesis)) in batch.iter().zip(predict(batch, predictor)?) {
        if json {
            output::line(
                &json!({
                    "source": input.text,
                    "target-language": input.language,
                    "prediction": text,
                    "log-probability": hypothesis.log_probability,
                    "finished": hypothesis.finished,
                })
                .to_string(),
            )?;
        } else {
            output::line(&format!("{}\t{text}", input.line))?;
        }
    }
    Ok(())
}

/// The outputs of a batch; if it fails, the line on account of which.
fn predict(batch: &[Input], predictor: &Predictor) -> Result<Vec<(String, Hypothesis)>, Failure> {
    let all: Vec<(&str, &str)> =
        batch.iter().map(|input| (input.text.as_str(), input.language.as_str())).collect();
    predictor.predict(&all).map_err(|error| {
        let alone = |input: &Input| -> Option<(usize, StudentError)> {
            let error = predictor.predict(&[(&input.text, &input.language)]).err()?;
            Some((input.number, error))
        };
        match batch.iter().find_map(alone) {
            Some((number, error)) => Failure::message(format!("line {number}: {error}")),
            None => error.into(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(language: Option<&str>) -> Reader {
        Reader { languages: vec!["en".into(), "ta".into()], language: language.map(str::to_owned) }
    }

    fn read(line: &str, language: Option<&str>) -> Option<(String, String)> {
        reader(language).read(line.to_owned(), 1).ok().map(|input| (input.text, input.language))
    }

    #[test]
    fn a_line_names_its_language_in_three_ways() {
        let expected = |text: &str, language: &str| Some((text.to_owned(), language.to_owned()));
        assert_eq!(read(">>ta<<goa", Some("en")), expected("goa", "ta"));
        assert_eq!(read("goa\tta", Some("en")), expected("goa", "ta"));
        assert_eq!(read("goa", Some("en")), expected("goa", "en"));
        assert_eq!(read("goa", None), None);
        assert_eq!(read("goa\tkn", Some("en")), None);
    }

    #[test]
    fn lines_keep_their_numbers_and_lose_their_ends() {
        let read: Vec<(usize, String)> =
            lines(&b"one\r\n\ntwo"[..]).filter_map(std::result::Result::ok).collect();
        assert_eq!(read, [(0, "one".into()), (1, String::new()), (2, "two".into())]);
        assert!(lines(&b"\xff\n"[..]).next().unwrap().is_err());
    }
}
