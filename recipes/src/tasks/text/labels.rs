//! Labels of texts as heads, references and predictions.

use alambic_data::{Label, Labels, Text};
use alambic_models::bert::{Head, HeadSpec, ProblemType};
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_students::{Reader, TextPair};

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

/// What predictions of labels are.
pub(crate) fn kind_of(labels: &Labels) -> PredictionKind {
    match labels {
        Labels::None => PredictionKind::Nothing,
        Labels::Classes(_) => PredictionKind::Class,
        Labels::Numbers => PredictionKind::Number,
        Labels::Words(_) => PredictionKind::Tags,
    }
}

/// What is right of a text; `names` are those of the classes or tags.
pub(crate) fn reference(text: &Text, names: &[String]) -> Prediction {
    let name = |class: &u32| names.get(*class as usize).cloned().unwrap_or_default();
    match &text.label {
        Label::Class(class) => Prediction::Class(name(class)),
        Label::Words(tags) => Prediction::Tags(tags.iter().map(name).collect()),
        Label::Number(number) => Prediction::number(*number),
        Label::None => Prediction::Nothing,
    }
}

/// The predictions of a model for texts.
pub(crate) fn predict(reader: &Reader, texts: &[TextPair<'_>]) -> Result<Vec<Prediction>, RunError> {
    Ok(reader.logits(texts)?.iter().map(|rows| prediction(reader, rows)).collect())
}

/// The prediction that the logits of a text stand for; see [`Reader::logits`].
pub(crate) fn prediction(reader: &Reader, rows: &[Vec<f32>]) -> Prediction {
    let config = reader.config();
    match rows {
        _ if config.head == Head::Tokens => {
            Prediction::Tags(rows.iter().map(|row| reader.answer(row)).collect())
        }
        [row] if config.problem_type == ProblemType::Regression => {
            row.first().map_or(Prediction::Nothing, |number| Prediction::number(*number))
        }
        [row] => Prediction::Class(reader.answer(row)),
        _ => Prediction::Nothing,
    }
}
