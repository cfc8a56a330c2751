//! Predictions of text encoders.

use std::path::Path;

use alambic_files::text::{quoted, visible};
use alambic_inference::{EncoderPipeline, LanguageInput, TextPair};
use alambic_models::text_encoder::{Head, ProblemType};
use alambic_models::{ModelFolder, TextHead};
use alambic_settings::IndexMap;
use serde_json::{Value, json};

use super::lines::{Answer, Line, in_batches};
use super::{Arguments, check_numbers, probabilities};
use crate::failure::Failure;

/// Runs a text encoder.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let mut pipeline = EncoderPipeline::load(path)?;
    if let Some(max_length) = arguments.max_length {
        pipeline = pipeline.with_max_length(max_length as usize)?;
    }
    if let Some(language) = &arguments.language {
        pipeline = pipeline.in_language(language)?;
    }
    let head = pipeline.head();
    if head.head == Head::Tokens {
        if arguments.pair == Some(true) {
            return Err(Failure::Usage(
                "`--pair` is for a model that reads pairs; this one tags words".into(),
            ));
        }
        return in_batches(arguments, |batch| tag_words(batch, &pipeline));
    }
    let tap = match head.head {
        Head::Sequence => "logits",
        Head::None if pipeline.embedding_width().is_some() => "embedding",
        _ => {
            return Err(Failure::message(format!(
                "{}: this model predicts nothing of a text: it has no head of sequence or token classification and no \
                 pooling; `alambic trace` shows its states",
                path.display()
            )));
        }
    };
    if tap != "embedding" && arguments.truncate_dim.is_some() {
        return Err(Failure::Usage(
            "`--truncate-dim` is for a model that gives embeddings; this one has a head".into(),
        ));
    }
    let function = ScoreFunction::of(path, head)?;
    let kept = arguments.truncate_dim.map_or(usize::MAX, |kept| kept as usize);
    let is_pair = arguments.pair.or(head.pairs);
    let pairs = Pairs { is_pair, split: is_pair.unwrap_or(tap == "logits") };
    in_batches(arguments, |batch| {
        let texts = batch.iter().map(|line| pairs.read(&line.text)).collect::<Result<Vec<_>, _>>()?;
        let mut rows = pipeline.text_rows(&texts, tap)?;
        for row in &mut rows {
            row.truncate(kept);
            function.apply(row);
        }
        rows.iter()
            .zip(&texts)
            .zip(batch)
            .map(|((row, text), line)| answer(&pipeline, (tap, function), line, *text, row))
            .collect()
    })
}

/// Function of a single logit, by which it becomes the score that is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScoreFunction {
    /// The logit as it is.
    Identity,
    /// `σ(z) = 1 / (1 + e^-z)`.
    Sigmoid,
}

/// sentence-transformers' file of a folder, and the key of an activation in it and in the folder's configuration.
const SENTENCE_CONFIG: &str = "config_sentence_transformers.json";
const ACTIVATION: &str = "activation_fn";
/// The same key before its version 4.
const OLD_ACTIVATION: &str = "sbert_ce_default_activation_function";

impl ScoreFunction {
    /// The function that sentence-transformers' `CrossEncoder.predict` uses: that which the folder names, or else a sigmoid where there
    /// is one label. A regression, which the configuration says it is, has none where nothing is named, as in transformers'
    /// pipelines; of more labels than one there is none either.
    fn of(path: &Path, head: TextHead<'_>) -> Result<Self, Failure> {
        if head.head != Head::Sequence || head.labels.len() != 1 {
            return Ok(Self::Identity);
        }
        let folder = ModelFolder::open(path)?;
        let file = folder.root().join(SENTENCE_CONFIG);
        let sentence: Value = match std::fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| Failure::message(format!("{}: {error}", file.display())))?,
            Err(_) => Value::Null,
        };
        let own = folder.json();
        let named = [&sentence[ACTIVATION], &own["sentence_transformers"][ACTIVATION], &own[OLD_ACTIVATION]];
        match named.into_iter().find_map(Value::as_str) {
            Some(name) if name.ends_with(".Identity") => Ok(Self::Identity),
            Some(name) if name.ends_with(".Sigmoid") => Ok(Self::Sigmoid),
            Some(name) => Err(Failure::message(format!(
                "{}: `{ACTIVATION}` is `{}`, and torch's Identity and Sigmoid are known",
                path.display(),
                quoted(name)
            ))),
            None if own["problem_type"] == "regression" => Ok(Self::Identity),
            None => Ok(Self::Sigmoid),
        }
    }

    fn apply(self, row: &mut [f32]) {
        if self == Self::Sigmoid {
            for number in row {
                *number = (1.0 / (1.0 + f64::from(-*number).exp())) as f32;
            }
        }
    }
}

/// How lines are split into texts.
struct Pairs {
    /// Whether texts come in pairs, by the user or the model; none where that is not known.
    is_pair: Option<bool>,
    /// Whether a tab parts two texts.
    split: bool,
}

impl Pairs {
    fn read<'l>(&self, line: &'l str) -> Result<TextPair<'l>, Failure> {
        match line.split_once('\t').filter(|_| self.split) {
            Some((first, second)) => Ok((first, Some(second))),
            None if self.is_pair == Some(true) => Err(Failure::Usage(
                "there is one text, and the model reads pairs of texts, separated by a tab; `--pair=false` reads single texts"
                    .into(),
            )),
            None => Ok((line, None)),
        }
    }
}

/// Prediction for a line, whose row is of a tap after a function.
fn answer(
    pipeline: &EncoderPipeline,
    (tap, function): (&str, ScoreFunction),
    line: &Line,
    text: TextPair<'_>,
    row: &[f32],
) -> Result<Answer, Failure> {
    check_numbers(tap, row)?;
    let text_json = &line.text;
    let is_cut = pipeline.is_truncated(text)?;
    if tap == "embedding" {
        let text = row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        return Ok(Answer { text, json: json!({ "text": text_json, "embedding": row }), is_cut });
    }
    let TextHead { problem_type, labels, .. } = pipeline.head();
    let answer = pipeline.label(row);
    let by_name = |values: Vec<f64>| -> IndexMap<&String, f64> { labels.iter().zip(values).collect() };
    let json = if problem_type == ProblemType::Regression && row.len() > 1 {
        let numbers: IndexMap<&String, f32> = labels.iter().zip(row.iter().copied()).collect();
        json!({ "text": text_json, "prediction": answer, "numbers": numbers })
    } else if problem_type == ProblemType::Regression {
        let mut json = json!({ "text": text_json, "prediction": row.first() });
        if function == ScoreFunction::Sigmoid {
            // As transformers' pipeline gives it, by its label.
            json["probabilities"] = json!(by_name(row.iter().map(|&score| f64::from(score)).collect()));
        }
        json
    } else if problem_type == ProblemType::MultiLabel {
        let sigmoids: Vec<f64> = row.iter().map(|logit| 1.0 / (1.0 + f64::from(-logit).exp())).collect();
        let held = labels.iter().zip(row).filter(|(_, logit)| **logit > 0.0).map(|(label, _)| label);
        let held: Vec<&String> = held.collect();
        json!({ "text": text_json, "prediction": held, "probabilities": by_name(sigmoids) })
    } else {
        json!({ "text": text_json, "prediction": answer, "probabilities": by_name(probabilities(row)) })
    };
    Ok(Answer { text: visible(&answer), json, is_cut })
}

/// Lines with the tags of their words, separated by blanks or tabs.
fn tag_words(batch: &[Line], pipeline: &EncoderPipeline) -> Result<Vec<Answer>, Failure> {
    let texts: Vec<String> =
        batch.iter().map(|line| line.text.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let pairs: Vec<TextPair<'_>> = texts.iter().map(|text| (text.as_str(), None)).collect();
    let mut answers = Vec::with_capacity(batch.len());
    for ((line, text), rows) in batch.iter().zip(&texts).zip(pipeline.logits(&pairs)?) {
        rows.iter().try_for_each(|row| check_numbers("logits", row))?;
        let words: Vec<(&str, &Vec<f32>)> =
            text.split(' ').zip(&rows).filter(|(word, _)| !word.is_empty()).collect();
        let tagged =
            words.iter().map(|(word, row)| format!("{}/{}", visible(word), visible(&pipeline.label(row))));
        let described: Vec<Value> = words
            .iter()
            .map(|(word, row)| {
                // None where the text was cut before the word.
                let probability = probabilities(row).into_iter().reduce(f64::max);
                json!({ "word": word, "tag": pipeline.label(row), "probability": probability })
            })
            .collect();
        answers.push(Answer {
            text: tagged.collect::<Vec<_>>().join(" "),
            json: json!({ "text": line.text, "words": described }),
            is_cut: pipeline.is_truncated((text, None))?,
        });
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_separates_pair_only_for_models_of_pairs() {
        let read =
            |is_pair: Option<bool>, split: bool, line: &'static str| Pairs { is_pair, split }.read(line).ok();
        let pair = Some(("a", Some("b")));
        assert_eq!(read(Some(true), true, "a\tb"), pair);
        assert_eq!(read(None, true, "a\tb"), pair);
        assert_eq!(read(None, true, "a b"), Some(("a b", None)));
        assert_eq!(read(Some(false), false, "a\tb"), Some(("a\tb", None)));
        assert_eq!(read(Some(true), true, "a b"), None);
    }
}
