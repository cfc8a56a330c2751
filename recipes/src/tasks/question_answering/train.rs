//! Training a model that answers questions out of passages.

use std::sync::Arc;

use alambic_data::{PassageQuestion, Split};
use alambic_inference::{ExtractiveQuestionAnsweringPipeline, SpanAnswer, SpanOptions, ask_by_language};
use alambic_losses::Targets;
use alambic_models::architecture::Batch;
use alambic_models::text_encoder::TextInput;
use alambic_models::{
    Config, EncodedText, LanguageNumbers, Pass, TokenWindow, Tokenizer, Trace, WindowSizes,
};
use alambic_reports::metrics::{Metric, Prediction};
use alambic_teachers::Teacher;
use alambic_teachers::cache::EncodedTexts;
use alambic_tensor::candle::{self, Tensor};
use alambic_tensor::device;

use super::check::description;
use super::options::PassagesData;
use crate::context::RunContext;
use crate::error::RunError;
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::teacher_outputs::{Request, TeacherOutputs, open};
use crate::training::validation::{defined_value, validation_loss};

/// Windows that are validated together.
const BATCH: usize = 32;

/// Added to the logits of padding, which is then neither the first nor the last token of an answer.
const MASKED: f32 = -10_000.0;

/// A window of a passage behind its question, and where its answer begins and ends.
struct Example<'a> {
    text: EncodedText,
    /// The language of its question, where it is known.
    language: Option<&'a str>,
    /// The first and the last token of the answer; the first token of the window where that holds none. None without a label.
    span: Option<[u32; 2]>,
}

/// Questions about passages, and the student and the teacher that answer them.
pub(crate) struct PassageTraining<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    options: SpanOptions,
    examples: Vec<Example<'a>>,
    validation: Vec<Example<'a>>,
    validation_questions: Vec<&'a PassageQuestion>,
    taps: Taps,
    /// The teacher's outputs; none without a teacher, or where no loss reads them.
    outputs: Option<TeacherOutputs<'a>>,
    /// The metric of the student's answers; none where no loss trains them, and the loss is the metric.
    metric: Option<&'static Metric>,
    statistics: DatasetStatistics,
}

impl<'a> PassageTraining<'a> {
    /// Reads the passages of a training in windows, and has the teacher read them where its outputs are to be cached.
    pub(crate) fn new(
        data: &PassagesData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (config, corpora) = (job.config, &context.corpora);
        let options = data.span_options(corpora)?;
        let teacher = job.teacher;
        if let Some(other) = teacher.and_then(Teacher::tokenizer)
            && other.identity()? != job.tokenizer.identity()?
        {
            return Err(RunError::Recipe(format!(
                "`{}` compares answers token by token, and its teacher has another vocabulary than its student",
                job.label
            )));
        }
        let room = teacher.and_then(Teacher::max_length).unwrap_or(usize::MAX).min(config.max_length());
        let windows = WindowSizes { max_length: options.windows.max_length.min(room), ..options.windows };
        let options = SpanOptions { windows, ..options };
        let questions = data.selected(corpora, Split::Train)?;
        let mut validation_questions = data.selected(corpora, Split::Validation)?;
        subsample(&mut validation_questions, job.train.validation_examples);
        let languages = config.outline().languages;
        if let Some(other) = teacher.and_then(Teacher::outline)
            && other.languages != languages
        {
            return Err(RunError::Recipe(format!(
                "`{}` has a teacher that is told languages otherwise than its student: by other numbers, or not at all",
                job.label
            )));
        }
        let encode =
            |questions: &[&'a PassageQuestion]| encode(questions, job.tokenizer, windows, languages.as_ref());
        let (examples, validation) = (encode(&questions)?, encode(&validation_questions)?);
        let taps = job.taps();
        let (outputs, cached) = match teacher.filter(|_| !taps.teacher.is_empty()) {
            None => (None, None),
            Some(teacher) => {
                let all = examples.iter().chain(&validation).map(|example| &example.text);
                let texts = EncodedTexts { texts: all.collect(), padding: config.padding() };
                let request = Request { stage: job.stage, taps: &taps.teacher, texts };
                let reads = job.cache.reads_per_text(examples.len());
                let (outputs, cached) = open(job.cache, teacher, &request, reads, observer)?;
                (Some(outputs), cached)
            }
        };
        let predicts = taps.student.iter().any(|tap| tap == "logits");
        let metric = if predicts { job.optional_metric(description())? } else { None };
        let statistics = DatasetStatistics {
            examples: examples.len(),
            labelled: examples.iter().filter(|example| example.span.is_some()).count(),
            truncated: examples.iter().filter(|example| example.text.truncated).count(),
            validation: validation_questions.len(),
            cached,
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            options,
            examples,
            validation,
            validation_questions,
            taps,
            outputs,
            metric,
            statistics,
        })
    }

    /// The forward pass over windows of a split. `before` windows lie before that split in the teacher's cache.
    fn run(
        &self,
        (examples, before): (&[Example<'_>], usize),
        batch: &[usize],
        pass: Pass<'_>,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let own: Vec<&Example<'_>> = batch.iter().map(|&index| &examples[index]).collect();
        let texts: Vec<&EncodedText> = own.iter().map(|example| &example.text).collect();
        let input = TextInput::pad(&texts, self.config.padding());
        let wanted = self.taps.of_student();
        let model = self.config.build(context.weights)?;
        let student = model.forward(&Batch::of_texts(input.clone()), pass, wanted)?;
        let teacher = match &self.outputs {
            None => None,
            Some(outputs) => {
                let rows: Vec<usize> = batch.iter().map(|index| before + index).collect();
                Some(by_side(outputs.trace(&rows, &input, &self.taps)?, &input)?)
            }
        };
        Ok(ForwardOutputs { student: by_side(student, &input)?, teacher, targets: targets(&own) })
    }

    /// The weighted sum of the terms over the validation split.
    fn validation_loss(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let split = (self.validation.as_slice(), self.examples.len());
        validation_loss(self.validation.len(), BATCH, context, |batch| {
            self.run(split, batch, Pass::Evaluate, context)
        })
    }
}

impl TrainingTask for PassageTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.examples.iter().map(|example| (example.text.ids.len(), 0)).collect()
    }

    fn languages(&self) -> Option<Vec<&str>> {
        self.examples.iter().map(|example| example.language).collect()
    }

    fn has_labels(&self, batch: &[usize]) -> bool {
        batch.iter().any(|&index| self.examples[index].span.is_some())
    }

    fn forward(
        &self,
        batch: &[usize],
        _: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        self.run((&self.examples, 0), batch, Pass::Train(context.dropout), context)
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.metric.map_or(PrimaryMetric::LOSS, Into::into)
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let Some(metric) = self.metric else { return self.validation_loss(context) };
        let network = self.config.build(context.weights)?.into();
        let pipeline =
            ExtractiveQuestionAnsweringPipeline::new(self.config, network, self.tokenizer, self.options)?;
        let labelled: Vec<&PassageQuestion> =
            self.validation_questions.iter().filter(|question| question.is_labelled).copied().collect();
        let references: Vec<Prediction> = labelled.iter().map(|question| reference(question)).collect();
        defined_value(metric, &predict(&pipeline, &labelled)?, &references)
    }
}

/// The answers of a model.
pub(super) fn predict(
    pipeline: &ExtractiveQuestionAnsweringPipeline,
    questions: &[&PassageQuestion],
) -> Result<Vec<Prediction>, RunError> {
    Ok(answer(pipeline, questions)?.into_iter().map(|answer| Prediction::Text(answer.text)).collect())
}

/// The same as spans with their probabilities.
pub(super) fn answer(
    pipeline: &ExtractiveQuestionAnsweringPipeline,
    questions: &[&PassageQuestion],
) -> Result<Vec<SpanAnswer>, RunError> {
    ask_by_language(
        pipeline,
        questions,
        |question| question.language.as_deref(),
        |pipeline, questions| {
            let inputs: Vec<(&str, &str)> =
                questions.iter().map(|own| (own.question.as_str(), &*own.passage)).collect();
            Ok(pipeline.answer(&inputs)?)
        },
    )
}

/// The right answers of a question.
pub(super) fn reference(question: &PassageQuestion) -> Prediction {
    Prediction::Texts(question.answers.iter().map(|answer| answer.text.clone()).collect())
}

/// The windows of all questions, with their answers.
fn encode<'q>(
    questions: &[&'q PassageQuestion],
    tokenizer: &Tokenizer,
    windows: WindowSizes,
    languages: Option<&LanguageNumbers>,
) -> Result<Vec<Example<'q>>, RunError> {
    let mut examples = Vec::new();
    // Of texts of which some are of no known language none is told, as where they are asked.
    let is_told = questions.iter().all(|question| question.language.is_some());
    for question in questions {
        let code = question.language.as_deref().filter(|_| is_told);
        let language = languages.zip(code).map(|(own, code)| own.number(code)).transpose()?;
        for window in tokenizer.encode_windows(&question.question, &question.passage, windows)? {
            let span = question.is_labelled.then(|| span_of(question, &window));
            let text = EncodedText { language, ..window.text };
            examples.push(Example { text, language: question.language.as_deref(), span });
        }
    }
    Ok(examples)
}

/// The first and the last token of the first right answer; the first token of the window where that does not hold the answer.
fn span_of(question: &PassageQuestion, window: &TokenWindow) -> [u32; 2] {
    let find = || {
        let answer = question.answers.first()?;
        let end = answer.start + answer.text.len();
        let holds = |byte: usize| {
            move |span: &Option<std::ops::Range<usize>>| {
                span.as_ref().is_some_and(|span| span.start <= byte && byte < span.end)
            }
        };
        let first = window.spans.iter().position(holds(answer.start))?;
        let last = window.spans.iter().rposition(holds(end.saturating_sub(1)))?;
        (first <= last).then_some([first as u32, last as u32])
    };
    find().unwrap_or_default()
}

/// A trace whose logits `[batch, length, 2]` are brought to `[2 · batch, length]`, a distribution over the tokens for the
/// beginning and one for the end of each window, padding left out.
fn by_side(mut trace: Trace, input: &TextInput) -> Result<Trace, RunError> {
    let Some(logits) = trace.get("logits").cloned() else { return Ok(trace) };
    let rows = |logits: &Tensor| -> candle::Result<Tensor> {
        let (batch, length, sides) = logits.dims3()?;
        let padding = input.tokens.mask.iter().map(|&real| if real == 1 { 0.0 } else { MASKED });
        let padding = Tensor::from_vec(padding.collect::<Vec<f32>>(), (batch, 1, length), device::current())?;
        logits.transpose(1, 2)?.contiguous()?.broadcast_add(&padding)?.reshape((batch * sides, length))
    };
    let sides = rows(&logits).map_err(alambic_models::ModelError::from)?;
    trace.record("logits", &sides);
    Ok(trace)
}

/// The first and the last token of the answer of each window, a row each.
fn targets(examples: &[&Example<'_>]) -> Targets {
    let spans = examples.iter().flat_map(|example| example.span.unwrap_or_default());
    let labelled = examples.iter().flat_map(|example| [f32::from(u8::from(example.span.is_some())); 2]);
    Targets {
        classes: Arc::new(spans.collect()),
        labelled: Arc::new(labelled.collect()),
        teacher_mask: Arc::new(vec![1.0; 2 * examples.len()]),
        ..Targets::default()
    }
}

#[cfg(test)]
mod tests {
    use alambic_data::AnswerSpan;

    use super::*;

    #[test]
    fn answer_is_between_its_tokens_or_at_the_first_one() {
        let passage = "Anna lives in Old Delhi. Ravi sells lamps.";
        let tokenizer = Tokenizer::train_words([passage, "where does anna live ?"], 200).unwrap();
        let question = |text: &str| PassageQuestion {
            id: "1".into(),
            question: "Where does Anna live?".into(),
            passage: passage.into(),
            answers: vec![AnswerSpan { text: text.into(), start: passage.find(text).unwrap() }],
            is_labelled: true,
            language: None,
            split: None,
        };
        let windows = WindowSizes { max_length: 14, stride: 2, max_first_length: 5 };
        let spans = |text: &str| {
            let question = question(text);
            let encoded = encode(&[&question], &tokenizer, windows, None).unwrap();
            encoded.iter().map(|own| own.span.unwrap()).collect::<Vec<_>>()
        };
        // `[CLS] where does anna live ? [SEP] anna lives in old delhi . [SEP]`, and windows that repeat two tokens.
        assert_eq!(spans("Old Delhi"), [[10, 11], [0, 0]]);
        assert_eq!(spans("lamps"), [[0, 0], [11, 11]]);
    }
}
