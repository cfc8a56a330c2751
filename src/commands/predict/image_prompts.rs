//! Models that write texts for images and prompts.

use std::path::Path;

use alambic_files::text::visible;
use alambic_inference::{ImagePrompt, ImageTextToTextPipeline, ProcessedImage};
use alambic_models::Config;
use serde_json::json;

use super::images::{Lines, open};
use super::lines::{Answer, in_batches};
use super::words::generation;
use super::{Arguments, check_numbers};
use crate::failure::Failure;

/// What stands for the language in a prompt.
const LANGUAGE: &str = "{language}";

/// Writes a text for each prompt, about an image of its own or all about one.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let mut pipeline = ImageTextToTextPipeline::load(path)?;
    let most = pipeline.generation().generation.max_new_tokens;
    pipeline.set_generation(generation(arguments, most)?)?;
    let common = arguments.image.as_deref().map(|file| open(pipeline.image_processor(), file)).transpose()?;
    let target =
        Target { languages: pipeline.generation().languages(), code: arguments.target_language.clone() };
    let reads_prompts = !matches!(pipeline.config(), Config::ErnieVilg(_) | Config::Oscar(_));
    let arguments = Arguments { has_empty_line: common.is_some(), ..arguments.clone() };
    in_batches(&arguments, |batch| {
        let Lines { images, texts } = Lines::read(batch, pipeline.image_processor(), common.is_some())?;
        let prompts = texts.iter().map(|(text, _)| target.prompt(text)).collect::<Result<Vec<_>, _>>()?;
        if !reads_prompts && prompts.iter().any(|(prompt, _)| !prompt.trim().is_empty()) {
            let message =
                "this model writes the text of an image and reads no prompt beside it: leave it out";
            return Err(Failure::Usage(message.into()));
        }
        let image = |place: &Option<usize>| -> Option<&ProcessedImage> {
            place.map_or(common.as_ref(), |place| images.get(place))
        };
        let read = texts.iter().zip(&prompts).filter_map(|((_, place), (prompt, language))| {
            Some(ImagePrompt { image: image(place)?, prompt, language })
        });
        let written = pipeline.predict(&read.collect::<Vec<_>>())?;
        prompts
            .iter()
            .zip(written)
            .map(|((prompt, _), (text, hypothesis))| {
                check_numbers("log-probability", &[hypothesis.log_probability])?;
                let json = json!({
                    "prompt": prompt,
                    "target-language": target.code,
                    "prediction": text,
                    "log-probability": hypothesis.log_probability,
                    "finished": hypothesis.finished,
                });
                Ok(Answer { text: visible(&text), json, is_cut: false })
            })
            .collect()
    })
}

/// The language to write.
struct Target {
    /// Languages whose tags the model's vocabulary has.
    languages: Vec<String>,
    /// The one that was asked for.
    code: Option<String>,
}

impl Target {
    /// A prompt with the language in it, and the language whose tag stands before it, which is empty where the prompt says it.
    fn prompt(&self, text: &str) -> Result<(String, String), Failure> {
        let Some(code) = &self.code else {
            if text.contains(LANGUAGE) {
                let message =
                    format!("the prompt has `{LANGUAGE}`: name the language with `--target-language`");
                return Err(Failure::Usage(message));
            }
            return Ok((text.to_owned(), String::new()));
        };
        if text.contains(LANGUAGE) {
            return Ok((text.replace(LANGUAGE, code), String::new()));
        }
        if self.languages.contains(code) {
            return Ok((text.to_owned(), code.clone()));
        }
        let known = if self.languages.is_empty() {
            "knows no language by name".to_owned()
        } else {
            format!("knows {} by name", self.languages.join(", "))
        };
        Err(Failure::Usage(format!(
            "the model {known}, and the prompt has no `{LANGUAGE}` in place of `{code}`: write it into the prompt, or leave out \
             `--target-language`"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(text: &str, code: Option<&str>) -> Option<(String, String)> {
        let target = Target { languages: vec!["hi".into()], code: code.map(str::to_owned) };
        target.prompt(text).ok()
    }

    #[test]
    fn a_language_stands_in_the_prompt_or_before_it() {
        let expected = |text: &str, language: &str| Some((text.to_owned(), language.to_owned()));
        assert_eq!(prompt("What is it?", None), expected("What is it?", ""));
        assert_eq!(prompt("Answer in {language}: what?", Some("ja")), expected("Answer in ja: what?", ""));
        assert_eq!(prompt("What is it?", Some("hi")), expected("What is it?", "hi"));
        assert_eq!(prompt("What is it?", Some("ja")), None);
        assert_eq!(prompt("Answer in {language}: what?", None), None);
    }
}
