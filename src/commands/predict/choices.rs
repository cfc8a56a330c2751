//! Models that choose.

use std::path::Path;

use alambic_files::text::visible;
use alambic_inference::{MultipleChoicePipeline, TextPair};
use serde_json::json;

use super::lines::{Answer, Line, in_batches};
use super::{Arguments, check_numbers};
use crate::failure::Failure;

/// Runs a model of multiple choice: each line has the prompt, and behind a tab each choice.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let mut pipeline = MultipleChoicePipeline::load(path)?;
    if let Some(max_length) = arguments.max_length {
        pipeline = pipeline.with_max_length(max_length as usize)?;
    }
    in_batches(arguments, |batch| answer(batch, &pipeline))
}

fn answer(batch: &[Line], pipeline: &MultipleChoicePipeline) -> Result<Vec<Answer>, Failure> {
    let inputs = batch.iter().map(|line| pairs(&line.text)).collect::<Result<Vec<_>, _>>()?;
    let mut answers = Vec::with_capacity(batch.len());
    for (answer, pairs) in pipeline.answer(&inputs)?.into_iter().zip(&inputs) {
        let choices: Vec<&str> = pairs.iter().filter_map(|(_, choice)| *choice).collect();
        let Some(answer) = answer else { continue };
        check_numbers("logits", &answer.scores)?;
        let mut is_cut = false;
        for pair in pairs {
            is_cut |= pipeline.encoder().is_truncated(*pair)?;
        }
        let chosen = choices[answer.choice];
        answers.push(Answer {
            text: visible(chosen),
            json: json!({
                "prompt": pairs[0].0,
                "choices": choices,
                "prediction": chosen,
                "choice": answer.choice,
                "probabilities": answer.probabilities,
            }),
            is_cut,
        });
    }
    Ok(answers)
}

/// The prompt of a line with each of its choices. Empty columns, which a table has where a prompt has fewer choices than others, are
/// none.
fn pairs(line: &str) -> Result<Vec<TextPair<'_>>, Failure> {
    let (prompt, choices) = line.split_once('\t').unwrap_or((line, ""));
    let choices = choices.split('\t').filter(|choice| !choice.trim().is_empty());
    let pairs: Vec<TextPair<'_>> = choices.map(|choice| (prompt, Some(choice))).collect();
    if pairs.len() < 2 {
        return Err(Failure::Usage(format!(
            "there {}: a line is a prompt and its choices, two or more, with a tab before each",
            if pairs.is_empty() { "is no choice" } else { "is one choice" }
        )));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_a_prompt_and_two_choices_or_more() {
        let read = |line: &'static str| pairs(line).ok();
        assert_eq!(read("a\tb\tc"), Some(vec![("a", Some("b")), ("a", Some("c"))]));
        assert_eq!(read("a\tb\t\tc").map(|pairs| pairs.len()), Some(2));
        assert_eq!((read("a"), read("a\tb"), read("a\tb\t")), (None, None, None));
    }
}
