//! Models that write.

use std::path::Path;

use alambic_models::{Generation, Hypothesis};
use alambic_students::{Predictor, StudentError};
use serde_json::json;

use super::{Arguments, in_batches};
use crate::failure::Failure;
use crate::output;

/// One line of input.
struct Input {
    line: String,
    number: usize,
    text: String,
    /// Empty for a model of one direction, whose vocabulary has no tags of languages.
    language: String,
}

/// Runs a model that writes.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let mut predictor = Predictor::load(path)?;
    let most = predictor.generation.longest;
    predictor.generation = Generation {
        beam: arguments.beam.map_or(1, usize::from),
        longest: arguments.longest.map_or(most, |longest| most.min(longest as usize)),
        length_penalty: 1.0,
    };
    let languages = predictor.languages();
    let language = match (&arguments.target_language, languages.as_slice()) {
        (Some(_), []) => {
            return Err(Failure::Usage(
                "the model writes one language and knows none by name; leave out `--target-language`".into(),
            ));
        }
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

/// How lines are read for a model that writes.
struct Columns {
    languages: Vec<String>,
    /// The language to write where a line names none.
    language: Option<String>,
}

impl Columns {
    fn read(&self, line: String, number: usize) -> Result<Input, Failure> {
        if self.languages.is_empty() {
            return Ok(Input { text: line.clone(), line, number, language: String::new() });
        }
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
                    "target-language": (!input.language.is_empty()).then_some(&input.language),
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
    fn a_line_for_a_model_of_one_direction_is_all_text() {
        let columns = Columns { languages: Vec::new(), language: None };
        for line in ["goa", "goa\tta", ">>ta<<goa"] {
            let input = columns.read(line.to_owned(), 1).ok().unwrap();
            assert_eq!((input.text.as_str(), input.language.as_str()), (line, ""));
        }
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
}
