//! Questions with choices in tokens, and the distributions over their choices.

use std::sync::Arc;

use alambic_data::{ChoiceQuestion, Text};
use alambic_inference::{ChoiceAnswer, MultipleChoicePipeline, TextPair};
use alambic_losses::Targets;
use alambic_models::Trace;
use alambic_reports::metrics::{Prediction, PredictionKind, TaskDescription};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::error::RunError;

/// Added to the scores of padding, behind the choices of questions that have fewer than others of their batch: its probability is
/// then nothing.
const MASKED: f32 = -10_000.0;

/// What such a task predicts: the place of a choice.
pub(super) fn description() -> TaskDescription<'static> {
    TaskDescription::from(PredictionKind::Choice)
}

/// What a model reads of a question: the prompt with each choice.
pub(super) fn pairs(question: &ChoiceQuestion) -> Vec<TextPair<'_>> {
    question.pairs.iter().map(|pair| (pair.first.as_str(), pair.second.as_deref())).collect()
}

/// The right choice of a question.
pub(super) fn reference(question: &ChoiceQuestion) -> Prediction {
    question.label.map_or(Prediction::Nothing, Prediction::Choice)
}

/// The choice that scores stand for.
pub(super) fn prediction(scores: &[f32]) -> Prediction {
    ChoiceAnswer::of_scores(scores.to_vec())
        .map_or(Prediction::Nothing, |answer| Prediction::Choice(answer.choice))
}

/// The choices of a model.
pub(super) fn predict(
    pipeline: &MultipleChoicePipeline,
    questions: &[&ChoiceQuestion],
) -> Result<Vec<Prediction>, RunError> {
    Ok(scores(pipeline, questions)?.iter().map(|scores| prediction(scores)).collect())
}

/// The scores that a model gives to the choices of each question.
pub(super) fn scores(
    pipeline: &MultipleChoicePipeline,
    questions: &[&ChoiceQuestion],
) -> Result<Vec<Vec<f32>>, RunError> {
    Ok(pipeline.scores(&questions.iter().map(|question| pairs(question)).collect::<Vec<_>>())?)
}

/// Questions of a split, whose pairs lie one after another.
pub(super) struct QuestionRows<'a> {
    questions: Vec<&'a ChoiceQuestion>,
    /// The first row of each, and behind them the number of rows.
    starts: Vec<usize>,
}

impl<'a> QuestionRows<'a> {
    pub(super) fn new(questions: Vec<&'a ChoiceQuestion>) -> Self {
        let mut starts = vec![0];
        for question in &questions {
            starts.push(starts[starts.len() - 1] + question.pairs.len());
        }
        Self { questions, starts }
    }

    pub(super) fn questions(&self) -> &[&'a ChoiceQuestion] {
        &self.questions
    }

    /// The pairs of all questions.
    pub(super) fn texts(&self) -> Vec<&'a Text> {
        self.questions.iter().flat_map(|question| &question.pairs).collect()
    }

    /// The most of what each row of a question has.
    pub(super) fn most(&self, of_rows: &[usize]) -> Vec<usize> {
        let most = |bounds: &[usize]| of_rows[bounds[0]..bounds[1]].iter().copied().max().unwrap_or_default();
        self.starts.windows(2).map(most).collect()
    }

    /// A batch of questions.
    pub(super) fn batch(&self, batch: &[usize]) -> QuestionBatch<'a> {
        QuestionBatch {
            questions: batch.iter().map(|&index| self.questions[index]).collect(),
            rows: batch.iter().flat_map(|&index| self.starts[index]..self.starts[index + 1]).collect(),
        }
    }
}

/// A batch of questions with the rows of their pairs.
pub(super) struct QuestionBatch<'a> {
    questions: Vec<&'a ChoiceQuestion>,
    pub(super) rows: Vec<usize>,
}

impl QuestionBatch<'_> {
    /// A trace of the pairs whose logits, a score each `[pairs, 1]`, are brought to `[questions, choices]`.
    pub(super) fn by_question(&self, mut trace: Trace) -> Result<Trace, RunError> {
        let Some(scores) = trace.get("logits").cloned() else { return Ok(trace) };
        trace.record("logits", &self.logits(&scores.flatten_all()?)?);
        Ok(trace)
    }

    /// Scores of pairs, `[pairs]`, as `[questions, choices]`, with padding behind questions that have fewer choices.
    fn logits(&self, scores: &Tensor) -> Result<Tensor, RunError> {
        let counts: Vec<usize> = self.questions.iter().map(|question| question.pairs.len()).collect();
        let most = counts.iter().copied().max().unwrap_or_default();
        let shape = (counts.len(), most);
        if counts.iter().all(|&count| count == most) {
            return Ok(scores.reshape(shape)?);
        }
        let (mut places, mut kept, mut next) = (Vec::new(), Vec::new(), 0);
        for count in counts {
            places.extend((0..most).map(|choice| if choice < count { next + choice as u32 } else { 0 }));
            kept.extend((0..most).map(|choice| f32::from(u8::from(choice < count))));
            next += count as u32;
        }
        let padding = kept.iter().map(|kept| (1.0 - kept) * MASKED).collect::<Vec<f32>>();
        let tensor = |numbers| Tensor::from_vec(numbers, shape, device::current());
        let placed = scores.index_select(&Tensor::new(places, device::current())?, 0)?.reshape(shape)?;
        Ok(((placed * tensor(kept)?)? + tensor(padding)?)?)
    }

    /// The right choice of each question.
    pub(super) fn targets(&self) -> Targets {
        let label = |question: &&ChoiceQuestion| question.label.unwrap_or_default() as u32;
        let labelled = |question: &&ChoiceQuestion| f32::from(u8::from(question.label.is_some()));
        Targets {
            classes: Arc::new(self.questions.iter().map(label).collect()),
            labelled: Arc::new(self.questions.iter().map(labelled).collect()),
            teacher_mask: Arc::new(vec![1.0; self.questions.len()]),
            ..Targets::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use alambic_data::texts::Label;

    use super::*;

    fn question(choices: usize, label: Option<usize>) -> ChoiceQuestion {
        let pair = |choice: usize| Text {
            first: "prompt".into(),
            second: Some(choice.to_string()),
            negatives: Vec::new(),
            label: Label::None,
            id: None,
            language: None,
            split: None,
            line: 1,
            mixer: None,
        };
        let pairs = (0..choices).map(pair).collect();
        ChoiceQuestion { premise: "prompt".into(), pairs, label, kind: None, split: None }
    }

    #[test]
    fn scores_of_pairs_are_distributions_over_the_choices_of_each_question() {
        let questions = [question(2, Some(1)), question(3, None), question(2, Some(0))];
        let rows = QuestionRows::new(questions.iter().collect());
        assert_eq!((rows.texts().len(), rows.most(&[1, 5, 2, 9, 3, 4, 4])), (7, vec![5, 9, 4]));
        let batch = rows.batch(&[1, 2]);
        assert_eq!(batch.rows, [2, 3, 4, 5, 6]);
        let scores = Tensor::new(&[1.0f32, 2.0, 3.0, 4.0, 5.0], device::current()).unwrap();
        let logits: Vec<Vec<f32>> = batch.logits(&scores).unwrap().to_vec2().unwrap();
        assert_eq!(logits, [[1.0, 2.0, 3.0], [4.0, 5.0, MASKED]]);
        let targets = batch.targets();
        assert_eq!((&**targets.classes, &**targets.labelled), (&[0, 0][..], &[0.0, 1.0][..]));
        let alike = rows.batch(&[2, 0]);
        let scores = Tensor::new(&[1.0f32, 2.0, 3.0, 4.0], device::current()).unwrap();
        let logits: Vec<Vec<f32>> = alike.logits(&scores).unwrap().to_vec2().unwrap();
        assert_eq!(logits, [[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(**alike.targets().classes, [0, 1]);
        assert_eq!((prediction(&[0.5, 0.5]), prediction(&[])), (Prediction::Choice(0), Prediction::Nothing));
    }
}
