//! Labels of texts as heads, references and predictions.

use alambic_data::{Label, Labels, Text};
use alambic_inference::{EncoderPipeline, TextPair, ask_by_language};
use alambic_models::text_encoder::{Head, HeadSpec, ProblemType};
use alambic_reports::metrics::{Prediction, PredictionKind};

use crate::error::RunError;

/// The head that predicts labels.
pub(crate) fn head_of(labels: &Labels) -> HeadSpec {
    match labels {
        Labels::None => HeadSpec::none(),
        Labels::Classes(classes) => {
            HeadSpec { head: Head::Sequence, labels: classes.clone(), ..HeadSpec::none() }
        }
        Labels::Numbers => HeadSpec {
            head: Head::Sequence,
            labels: vec!["LABEL_0".into()],
            regression: true,
            ..HeadSpec::none()
        },
        Labels::Words(classes) => {
            HeadSpec { head: Head::Tokens, labels: classes.clone(), ..HeadSpec::none() }
        }
    }
}

/// Kind of predictions of labels.
pub(crate) fn kind_of(labels: &Labels) -> PredictionKind {
    match labels {
        Labels::None => PredictionKind::Nothing,
        Labels::Classes(_) => PredictionKind::Class,
        Labels::Numbers => PredictionKind::Number,
        Labels::Words(_) => PredictionKind::Tags,
    }
}

/// Reference of a text; `names` are those of the classes or tags.
pub(crate) fn reference(text: &Text, names: &[String]) -> Prediction {
    let name = |class: &u32| names.get(*class as usize).cloned().unwrap_or_default();
    match &text.label {
        Label::Class(class) => Prediction::Class(name(class)),
        Label::Words(tags) => Prediction::Tags(tags.iter().map(name).collect()),
        Label::Number(number) => Prediction::number(*number),
        Label::None => Prediction::Nothing,
    }
}

/// The prediction that logits stand for, by the labels of a task: of several rows one for each word.
pub(crate) fn prediction_of(labels: &Labels, rows: &[Vec<f32>]) -> Prediction {
    let largest = |row: &Vec<f32>| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a)));
    let name = |names: &[String], row: &Vec<f32>| {
        largest(row).and_then(|index| names.get(index).cloned()).unwrap_or_default()
    };
    match (labels, rows) {
        (Labels::Classes(names), [row]) if !row.is_empty() => Prediction::Class(name(names, row)),
        (Labels::Numbers, [row]) => {
            row.first().map_or(Prediction::Nothing, |number| Prediction::number(*number))
        }
        (Labels::Words(names), rows) => Prediction::Tags(rows.iter().map(|row| name(names, row)).collect()),
        _ => Prediction::Nothing,
    }
}

/// The text or texts of an example.
pub(crate) fn pair(text: &Text) -> TextPair<'_> {
    (&text.first, text.second.as_deref())
}

/// The logits of texts, as [`EncoderPipeline::logits`] gives them, from a model that is told their languages if it can be.
pub(crate) fn logits(pipeline: &EncoderPipeline, texts: &[&Text]) -> Result<Vec<Vec<Vec<f32>>>, RunError> {
    ask_by_language(
        pipeline,
        texts,
        |text| text.language.as_deref(),
        |pipeline, texts| Ok(pipeline.logits(&texts.iter().map(|text| pair(text)).collect::<Vec<_>>())?),
    )
}

/// The predictions of a model for texts.
pub(crate) fn predict(pipeline: &EncoderPipeline, texts: &[&Text]) -> Result<Vec<Prediction>, RunError> {
    Ok(logits(pipeline, texts)?.iter().map(|rows| prediction(pipeline, rows)).collect())
}

/// The prediction that the logits of a text stand for; see [`EncoderPipeline::logits`].
pub(crate) fn prediction(pipeline: &EncoderPipeline, rows: &[Vec<f32>]) -> Prediction {
    let head = pipeline.head();
    match rows {
        _ if head.head == Head::Tokens => {
            Prediction::Tags(rows.iter().map(|row| pipeline.label(row)).collect())
        }
        [row] if head.problem_type == ProblemType::Regression => {
            row.first().map_or(Prediction::Nothing, |number| Prediction::number(*number))
        }
        [row] => Prediction::Class(pipeline.label(row)),
        _ => Prediction::Nothing,
    }
}
