//! Models that write.

use std::path::Path;

use alambic_files::text::{quoted, visible};
use alambic_inference::GenerationPipeline;
use alambic_models::{GenerationConfig, Hypothesis};
use serde_json::json;

use super::lines::{Answer, in_batches};
use super::{Arguments, check_numbers};
use crate::failure::Failure;

/// A text and the language to write.
type Input = (String, String);

/// Runs a model that writes.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let mut pipeline = GenerationPipeline::load(path)?;
    pipeline.set_generation(generation(arguments, pipeline.generation.max_new_tokens)?)?;
    let languages = pipeline.languages();
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
        let inputs = batch.iter().map(|line| columns.read(&line.text)).collect::<Result<Vec<_>, _>>()?;
        let written = pipeline.predict(&inputs)?;
        inputs
            .iter()
            .zip(written)
            .map(|(input, (text, hypothesis))| answer(input, &text, &hypothesis))
            .collect()
    })
}

/// Decoding by the arguments, of at most so many tokens.
pub(super) fn generation(arguments: &Arguments, most: usize) -> Result<GenerationConfig, Failure> {
    let max_new_tokens = arguments.max_new_tokens.map_or(most, |limit| most.min(limit as usize));
    arguments.decoding.generation(arguments.beam.map_or(1, usize::from), max_new_tokens)
}

/// How lines are read for a model that writes.
struct Columns {
    languages: Vec<String>,
    /// The language to write where a line names none.
    language: Option<String>,
}

impl Columns {
    /// The text of a line and the language to write, which is empty for a model of one direction.
    fn read(&self, line: &str) -> Result<Input, Failure> {
        if self.languages.is_empty() {
            return Ok((line.to_owned(), String::new()));
        }
        let tagged = line.strip_prefix(">>").and_then(|rest| rest.split_once("<<"));
        let named = tagged.map(|(code, text)| (text, code)).or_else(|| line.split_once('\t'));
        let (text, language) = match (named, &self.language) {
            (Some((text, code)), _) => (text, code),
            (None, Some(code)) => (line, code.as_str()),
            (None, None) => {
                let known = self.languages.join(", ");
                let how = "name it with `--target-language` or in a second column";
                return Err(Failure::Usage(format!("no language is named; the model writes {known}: {how}")));
            }
        };
        if !self.languages.iter().any(|known| known == language) {
            let (known, language) = (self.languages.join(", "), quoted(language));
            return Err(Failure::Usage(format!("the model does not write `{language}`; it writes {known}")));
        }
        Ok((text.to_owned(), language.to_owned()))
    }
}

/// What a model writes of a line.
fn answer((source, language): &Input, text: &str, hypothesis: &Hypothesis) -> Result<Answer, Failure> {
    check_numbers("log-probability", &[hypothesis.log_probability])?;
    let json = json!({
        "source": source,
        "target-language": (!language.is_empty()).then_some(language),
        "prediction": text,
        "log-probability": hypothesis.log_probability,
        "finished": hypothesis.finished,
    });
    Ok(Answer { text: visible(text), json, is_cut: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(language: Option<&str>) -> Columns {
        Columns { languages: vec!["en".into(), "ta".into()], language: language.map(str::to_owned) }
    }

    fn read(line: &str, language: Option<&str>) -> Option<(String, String)> {
        columns(language).read(line).ok()
    }

    #[test]
    fn a_line_for_a_model_of_one_direction_is_all_text() {
        let columns = Columns { languages: Vec::new(), language: None };
        for line in ["goa", "goa\tta", ">>ta<<goa"] {
            assert_eq!(columns.read(line).ok(), Some((line.to_owned(), String::new())));
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
