//! Models that read.

use std::path::Path;

use alambic_models::bert::Head;
use alambic_settings::IndexMap;
use alambic_students::{Reader, TextPair};
use serde_json::json;

use super::{Arguments, in_batches, probabilities};
use crate::failure::Failure;
use crate::output;

/// Runs a model that reads.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
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
