//! `alambic predict`.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use alambic_models::bert::Head;
use alambic_models::{Config, Generation, Hypothesis, ModelFolder};
use alambic_settings::IndexMap;
use alambic_students::{Predictor, Reader, StudentError, TextPair};
use clap::Args;
use serde_json::json;

use super::model_folder;
use crate::failure::Failure;
use crate::output;

/// Runs a model on texts: arguments, or lines of standard input
///
/// For a model that writes, a line may name the language to write in a second column, parted by a tab, or begin with its
/// tag, as `>>ta<<text`. For a model that reads, a second column is the second text of a pair. Each line is printed with
/// what the model writes, or says of it, as a further column: the class, the number, the words with their tags, or the
/// numbers of the text's embedding.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The model's folder, or `hf:OWNER/NAME[@REVISION]`
    model: PathBuf,
    /// Texts; left out, lines of standard input
    inputs: Vec<String>,
    /// The language to write where a line names none; not needed if the model writes only one
    #[arg(long, value_name = "CODE")]
    target_language: Option<String>,
    /// Hypotheses kept in decoding; left out or 1, it is greedy
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    beam: Option<u16>,
    /// Most tokens of an output, or of a text that is read; left out, as many as the model has room for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    longest: Option<u32>,
    /// Lines that are taken together
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
    let path = model_folder(&arguments.model)?;
    let folder = ModelFolder::open(&path)?;
    match Config::open(&folder)? {
        Config::Marian(_) => write_texts(&path, arguments),
        other => {
            other.bert()?;
            read_texts(&path, arguments)
        }
    }
}

/// Runs a model that writes.
fn write_texts(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let mut predictor = Predictor::load(path)?;
    let most = predictor.generation.longest;
    predictor.generation = Generation {
        beam: arguments.beam.map_or(1, usize::from),
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
    let columns = Columns { languages, language };
    in_batches(arguments, |batch| {
        let inputs = batch
            .iter()
            .map(|(index, line)| columns.read(line.clone(), index + 1))
            .collect::<Result<Vec<_>, _>>()?;
        write(&inputs, &predictor, arguments.json)
    })
}

/// Runs a model that reads.
fn read_texts(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    for (flag, given) in
        [("--target-language", arguments.target_language.is_some()), ("--beam", arguments.beam.is_some())]
    {
        if given {
            return Err(Failure::Usage(format!("`{flag}` is for models that write; this one reads texts")));
        }
    }
    let mut reader = Reader::load(path)?;
    if let Some(longest) = arguments.longest {
        reader = reader.cut_at(longest as usize)?;
    }
    if reader.config().head == Head::Tokens {
        return in_batches(arguments, |batch| tag_words(batch, &reader, arguments.json));
    }
    let tap = match reader.config() {
        config if config.head == Head::Sequence => "logits",
        config if config.head == Head::None && config.pooling.is_some() => "embedding",
        _ => {
            return Err(Failure::message(format!(
                "{}: this model says nothing of a text: it has no head of sequence or token classification and no \
                 pooling; `alambic trace` shows its states",
                path.display()
            )));
        }
    };
    in_batches(arguments, |batch| {
        let texts: Vec<TextPair<'_>> = batch
            .iter()
            .map(|(_, line)| match line.split_once('\t') {
                Some((first, second)) => (first, Some(second)),
                None => (line.as_str(), None),
            })
            .collect();
        for ((_, line), row) in batch.iter().zip(reader.rows(&texts, tap)?) {
            let answer = if tap == "embedding" { None } else { Some(reader.answer(&row)) };
            if arguments.json {
                output::line(&described(line, &reader, answer, &row).to_string())?;
            } else {
                let said = answer
                    .unwrap_or_else(|| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
                output::line(&format!("{line}\t{said}"))?;
            }
        }
        Ok(())
    })
}

/// Prints lines with the tags of their words, which blanks or tabs part.
fn tag_words(batch: &[(usize, String)], reader: &Reader, json: bool) -> Result<(), Failure> {
    let texts: Vec<String> =
        batch.iter().map(|(_, line)| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let pairs: Vec<TextPair<'_>> = texts.iter().map(|text| (text.as_str(), None)).collect();
    for (((_, line), text), rows) in batch.iter().zip(&texts).zip(reader.logits(&pairs)?) {
        let words = text.split(' ').zip(&rows).filter(|(word, _)| !word.is_empty());
        if json {
            let words: Vec<_> = words
                .map(|(word, row)| {
                    // None where the text was cut before the word.
                    let probability = probabilities(row).into_iter().reduce(f64::max);
                    json!({ "word": word, "tag": reader.answer(row), "probability": probability })
                })
                .collect();
            output::line(&json!({ "text": line, "words": words }).to_string())?;
        } else {
            let words: Vec<String> =
                words.map(|(word, row)| format!("{word}/{}", reader.answer(row))).collect();
            output::line(&format!("{line}\t{}", words.join(" ")))?;
        }
    }
    Ok(())
}

/// What a model says of a line, as an object.
fn described(line: &str, reader: &Reader, answer: Option<String>, row: &[f32]) -> serde_json::Value {
    let config = reader.config();
    match answer {
        None => json!({ "text": line, "embedding": row }),
        Some(_) if config.regression => json!({ "text": line, "prediction": row.first() }),
        Some(answer) => {
            let probabilities: IndexMap<&String, f64> =
                config.labels.iter().zip(probabilities(row)).collect();
            json!({ "text": line, "prediction": answer, "probabilities": probabilities })
        }
    }
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

/// How lines are read for a model that writes.
struct Columns {
    languages: Vec<String>,
    /// The language to write where a line names none.
    language: Option<String>,
}

impl Columns {
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

    fn columns(language: Option<&str>) -> Columns {
        Columns { languages: vec!["en".into(), "ta".into()], language: language.map(str::to_owned) }
    }

    fn read(line: &str, language: Option<&str>) -> Option<(String, String)> {
        columns(language).read(line.to_owned(), 1).ok().map(|input| (input.text, input.language))
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
