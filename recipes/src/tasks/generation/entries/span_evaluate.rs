//! Evaluating models by the spans that they write for texts of the test split.

use std::path::Path;
use std::sync::Arc;

use alambic_data::Split;
use alambic_inference::GenerationPipeline;
use alambic_models::text_encoder::TextInput;
use alambic_models::{Hypothesis, ModelError, Tokens};
use alambic_ranks::in_turns;
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::{GenerativeTeacher, Teacher};

use super::options::GenerationEntry;
use super::span_corruption::SpanCorruption;
use crate::error::RunError;
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::evaluation::timing::{Model, measure};
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::training::masking::VALIDATION;

/// Texts that are read together.
const BATCH: usize = 64;

/// A test text: what is read of it, and for a reader in words.
struct Corrupted {
    read: Vec<u32>,
    shown: String,
}

/// Evaluates models that write the spans that are left out of texts, the same ones for each model.
pub(crate) struct SpanEvaluator<'a> {
    context: &'a EvaluationContext<'a>,
    texts: Vec<Corrupted>,
    vocabulary: String,
    test_set: TestSet,
    teacher: Option<Arc<GenerativeTeacher>>,
}

impl<'a> SpanEvaluator<'a> {
    /// Leaves spans out of the test texts, in the student's tokens, and has the teacher write them.
    pub(crate) fn new(
        entry: &'a GenerationEntry,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let options = context.options;
        let student = GenerationPipeline::load(context.student)?;
        let tokenizer = student.tokenizer();
        let longest = entry.max_length.min(student.config().max_length());
        let cutting = tokenizer.with_max_length(longest)?;
        // The seed of the run chooses nothing of the test.
        let corruption = SpanCorruption::new(entry, tokenizer, 0)?;
        let mut held = entry.texts_of(&options.data, &context.run.corpora, Split::Test)?;
        subsample(&mut held, options.limit.unwrap_or(usize::MAX));
        let (mut texts, mut references) = (Vec::new(), Vec::new());
        for text in held {
            let Some((tokens, _)) = GenerationEntry::span_tokens(&cutting, text)? else { continue };
            let [read, written] = corruption.corrupt(&tokens, VALIDATION);
            references.push(Prediction::Text(tokenizer.decode(&written)?));
            texts.push(Corrupted { shown: tokenizer.decode_whole(&read)?, read });
        }
        if texts.is_empty() {
            return Err(RunError::Recipe("the evaluation's test splits hold no text".into()));
        }
        let test_set =
            TestSet::new("text", "texts", PredictionKind::Text, references).with_metrics(options)?;
        let vocabulary = tokenizer.identity()?;
        let mut evaluator = Self { context, texts, vocabulary, test_set, teacher: None };
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher writes", evaluator.texts.len(), 0);
            let mut generation = options.generation();
            generation.beam = options.beam_of_teacher();
            let teacher = context.run.models.generative(name)?.decoding(generation)?;
            let written = evaluator.write(teacher.pipeline(), &evaluator.all(), &mut |_| {})?;
            evaluator.test_set.teacher =
                Some(written.into_iter().map(|(text, _)| Prediction::Text(text)).collect());
            evaluator.teacher = Some(Arc::new(teacher));
            observer.finished(&format!("{} texts", evaluator.texts.len()));
        }
        Ok(evaluator)
    }

    fn all(&self) -> Vec<usize> {
        (0..self.texts.len()).collect()
    }

    fn pipeline(&self, folder: &Path) -> Result<GenerationPipeline, RunError> {
        let mut pipeline = GenerationPipeline::load(folder)?;
        pipeline.set_generation(self.context.options.generation())?;
        Ok(pipeline)
    }

    /// The spans that a model writes for the texts of some indices, in words, with its hypotheses.
    fn write(
        &self,
        pipeline: &GenerationPipeline,
        indices: &[usize],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<(String, Hypothesis)>, RunError> {
        let tokenizer = pipeline.tokenizer();
        if tokenizer.identity()? != self.vocabulary {
            return Err(RunError::Recipe(
                "spans are left out of tokens, and a model that is evaluated has another vocabulary than the student"
                    .into(),
            ));
        }
        let Some(translator) = pipeline.network().as_translator() else {
            return Err(RunError::Recipe("a model that is evaluated writes no texts".into()));
        };
        let padding = pipeline.config().padding();
        let mut done = 0;
        let written = in_turns(indices.chunks(BATCH), |some| {
            let rows: Vec<&[u32]> = some.iter().map(|&index| self.texts[index].read.as_slice()).collect();
            let source = TextInput::new(Tokens::pad(&rows, padding));
            let hypotheses = pipeline.generation.run(translator, &source.tokens)?;
            let best = hypotheses.into_iter().map(|own| {
                let best = own.into_iter().next().unwrap_or_default();
                Ok((tokenizer.decode(&best.tokens)?, best))
            });
            let best: Vec<(String, Hypothesis)> = best.collect::<Result<_, ModelError>>()?;
            done += some.len();
            progress(some.len());
            Ok::<_, RunError>(best)
        })?;
        // What other ranks wrote.
        progress(indices.len() - done);
        Ok(written.concat())
    }
}

impl Evaluator for SpanEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_deref().map(|own| -> &dyn Teacher { own })
    }

    fn predict(
        &self,
        folder: &Path,
        _: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let written = self.write(&self.pipeline(folder)?, &self.all(), progress)?;
        Ok(written.into_iter().map(|(text, _)| Prediction::Text(text)).collect())
    }

    fn similarities(&self, _: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        Ok(IndexMap::new())
    }

    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let mut timed = self.all();
        subsample(&mut timed, max);
        let student = self.pipeline(student)?;
        let write = |pipeline: &GenerationPipeline, batch: &[usize]| {
            let some: Vec<usize> = batch.iter().map(|&place| timed[place]).collect();
            self.write(pipeline, &some, &mut |_| {}).map(|_| ())
        };
        let by_student = |batch: &[usize]| write(&student, batch);
        let Some(teacher) = &self.teacher else {
            return measure(timed.len(), max, &[(STUDENT, &by_student)]);
        };
        let by_teacher = |batch: &[usize]| write(teacher.pipeline(), batch);
        let models: [(&str, Model<'_>); 2] = [(TEACHER, &by_teacher), (STUDENT, &by_student)];
        measure(timed.len(), max, &models)
    }

    fn source(&self, index: usize) -> Text {
        Text::new(&self.texts[index].shown, None)
    }

    fn shown(&self, _: usize, prediction: &Prediction) -> Text {
        Text::new(&prediction.to_string(), None)
    }

    fn card(&self, first: Option<&Prediction>) -> CardMetadata {
        let text = self.texts.first().map(|own| own.shown.clone()).unwrap_or_default();
        CardMetadata {
            task: "text2text-generation",
            tags: vec!["span-corruption"],
            languages: Vec::new(),
            command: format!("alambic predict student {}", alambic_files::text::shell_word(&text)),
            example: UsageExample { text, ..UsageExample::default() },
            output: first.map(ToString::to_string),
            limits: vec![
                "It writes what is left out of texts, and is to be trained further for anything else.".into(),
            ],
        }
    }
}
