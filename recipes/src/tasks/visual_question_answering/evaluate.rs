//! Evaluating models that answer questions about images.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use alambic_data::questions::{STATEMENT_ANSWERS, best};
use alambic_data::{Raster, Split};
use alambic_files::text::shell_word;
use alambic_inference::{ImageProcessor, ProcessedImage, QuestionInput, VisualQuestionAnsweringPipeline};
use alambic_models::{Config, ModelFolder, Role, architecture};
use alambic_reports::document::Image;
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::outcome::{Latency, TEACHER};
use alambic_reports::report::{IllustratedExample, IllustratedExamples, Text};
use alambic_settings::IndexMap;
use alambic_students::{InitialModel, UsageExample};
use alambic_teachers::{EncoderTeacher, Teacher};

use super::questions::{answer_all, best_answer, reference, subsample_languages};
use super::timings::{Timed, time_both, time_student};
use crate::corpora::images::QuestionExample;
use crate::error::RunError;
use crate::evaluation::evaluator::{
    CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet, TrivialBaseline,
};
use crate::evaluation::probability::of_largest;
use crate::evaluation::similarity::divergences;
use crate::images::store::ImageStore;
use crate::images::thumbnail::thumbnail;
use crate::names::QUESTION_ONLY;
use crate::observer::Observer;
use crate::subsample::subsample;

/// Evaluates models that answer questions about images.
pub(crate) struct QuestionEvaluator<'a> {
    context: &'a EvaluationContext<'a>,
    names: &'a [String],
    questions: Vec<QuestionExample<'a>>,
    test_set: TestSet,
    teacher: Option<EvaluatedTeacher>,
    /// Whether the student encodes image and question apart.
    is_dual: bool,
}

/// The teacher, asked as the student is.
struct EvaluatedTeacher {
    teacher: Arc<EncoderTeacher>,
    pipeline: VisualQuestionAnsweringPipeline,
    logits: Vec<Vec<f32>>,
}

impl<'a> QuestionEvaluator<'a> {
    /// Takes the test questions, and has the teacher answer them.
    pub(crate) fn new(
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (options, corpora) = (context.options, &context.run.corpora);
        let names = corpora.answers(&options.data)?;
        let mut questions = corpora.questions(&options.data, Split::Test, options.languages())?;
        subsample_languages(&mut questions, options.limit.unwrap_or(usize::MAX));
        if questions.is_empty() {
            return Err(RunError::Recipe("the evaluation's test splits hold no question".into()));
        }
        let references: Vec<Prediction> =
            questions.iter().map(|example| reference(example.question, names)).collect();
        let languages: Vec<&str> =
            options.student_languages.iter().map(|language| language.as_str()).collect();
        let source = if languages.len() > 1 { languages.first().map(ToString::to_string) } else { None };
        let has_styles = questions.iter().any(|example| example.picture.style != questions[0].picture.style);
        let slice = |example: &QuestionExample<'_>| match languages.get(example.language) {
            Some(language) if source.is_some() => (*language).to_owned(),
            _ if has_styles => example.picture.style.clone().unwrap_or_default(),
            _ => example.question.kind.clone(),
        };
        let mut slices: Vec<String> = questions.iter().map(slice).collect();
        if slices.iter().all(|slice| *slice == slices[0]) {
            slices.clear();
        }
        let training = corpora.questions(&options.data, Split::Train, options.languages())?;
        let trivial = TrivialBaseline {
            name: QUESTION_ONLY,
            description: "does not see the image: the commonest answer to the same question in the training split, or \
                          else to questions of its kind, or to all",
            predictions: without_image(&training, &questions, names),
        };
        let test_set = TestSet {
            classes: names.to_vec(),
            groups: if names == STATEMENT_ANSWERS { sentences(&questions) } else { Vec::new() },
            slices,
            has_languages: source.is_some(),
            source_language: source,
            trivial: vec![trivial],
            ..TestSet::new("question", "questions", PredictionKind::Class, references)
        };
        let test_set = test_set.with_metrics(options)?;
        let student = Config::open(&ModelFolder::open(context.student)?)?;
        let is_dual = student.role() == Role::DualEncoder;
        let mut evaluator = Self { context, names, questions, test_set, teacher: None, is_dual };
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher answers", evaluator.questions.len(), 0);
            let teacher = context.run.models.encoder(name)?;
            let pipeline =
                VisualQuestionAnsweringPipeline::from_model(teacher.model())?.with_default_labels(names);
            let logits = answer(&pipeline, &evaluator.questions, |example| example.teacher_text)?;
            evaluator.test_set.teacher = Some(predictions(&pipeline, &logits));
            evaluator.teacher = Some(EvaluatedTeacher { teacher, pipeline, logits });
            observer.finished(&format!("{} questions", evaluator.questions.len()));
        }
        Ok(evaluator)
    }

    /// The student as it was before any training.
    fn untrained(&self) -> Result<VisualQuestionAnsweringPipeline, RunError> {
        let (InitialModel { config, weights }, folder) = (self.context.untrained)()?;
        let network = architecture::build(&config, &weights)?;
        let image_processor = ImageProcessor::load(&config, folder.path())?;
        Ok(VisualQuestionAnsweringPipeline::new(
            &config,
            network.into(),
            image_processor,
            &folder.tokenizer()?,
            usize::MAX,
        )?)
    }
}

/// The number of the sentence of each question: those of one text about images of one group, as statements have them. None where no
/// sentence has several.
fn sentences(questions: &[QuestionExample<'_>]) -> Vec<usize> {
    let mut known: HashMap<(&str, &str), usize> = HashMap::new();
    let mut numbers = Vec::with_capacity(questions.len());
    for example in questions {
        let picture = example.picture;
        let group = picture.group.as_ref().map_or(picture.name.as_str(), |group| &group.name);
        let next = known.len();
        numbers.push(*known.entry((group, example.text)).or_insert(next));
    }
    if known.len() < numbers.len() { numbers } else { Vec::new() }
}

/// The logits of a model over questions, in the words in which it is asked.
fn answer<'a>(
    pipeline: &VisualQuestionAnsweringPipeline,
    questions: &[QuestionExample<'a>],
    words: fn(&QuestionExample<'a>) -> &'a str,
) -> Result<Vec<Vec<f32>>, RunError> {
    let mut store = ImageStore::new(pipeline.image_processor().clone());
    let place = |example: &QuestionExample<'a>| Ok((words(example), store.add(example.picture)?));
    let asked: Vec<(&str, usize)> = questions.iter().map(place).collect::<Result<_, RunError>>()?;
    answer_all(pipeline, &store, &asked)
}

/// The answers that logits stand for.
fn predictions(pipeline: &VisualQuestionAnsweringPipeline, logits: &[Vec<f32>]) -> Vec<Prediction> {
    logits.iter().map(|logits| Prediction::Class(pipeline.label(logits))).collect()
}

/// Questions in the words in which a model is asked them, with their images as it is shown them.
fn question_inputs<'s>(
    questions: &[QuestionExample<'s>],
    words: fn(&QuestionExample<'s>) -> &'s str,
    processed: &'s [ProcessedImage],
) -> Vec<QuestionInput<'s>> {
    questions.iter().zip(processed).map(|(example, image)| (words(example), image)).collect()
}

/// A question as the student is asked it, and in other words as the teacher is.
fn both(text: &str, teacher_text: &str) -> String {
    if text == teacher_text { text.to_owned() } else { format!("{text} ({teacher_text})") }
}

/// The answers to questions without the image: the commonest answer to the same text among those seen, or else to
/// questions of the same kind, or to all; of several the first in the list of answers. Nobody knows an answer where none is
/// known of any question.
fn without_image(
    seen: &[QuestionExample<'_>],
    asked: &[QuestionExample<'_>],
    names: &[String],
) -> Vec<Prediction> {
    let mut by_text: HashMap<&str, Vec<u32>> = HashMap::new();
    let mut by_kind: HashMap<&str, Vec<u32>> = HashMap::new();
    let mut of_all = vec![0; names.len()];
    for QuestionExample { question, text, .. } in seen {
        let Some(answer) = best(&question.answers) else { continue };
        for (counts, key) in [(&mut by_text, *text), (&mut by_kind, question.kind.as_str())] {
            counts.entry(key).or_insert_with(|| vec![0; names.len()])[answer as usize] += 1;
        }
        of_all[answer as usize] += 1;
    }
    let answer = |QuestionExample { question, text, .. }: &QuestionExample<'_>| {
        let counts = by_text.get(text).or_else(|| by_kind.get(question.kind.as_str())).unwrap_or(&of_all);
        let most = counts.iter().max()?;
        names.get(counts.iter().position(|count| count == most)?).cloned()
    };
    asked.iter().map(|example| answer(example).map_or(Prediction::Nothing, Prediction::Class)).collect()
}

impl Evaluator for QuestionEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|own| -> &dyn Teacher { &*own.teacher })
    }

    fn predict(
        &self,
        folder: &Path,
        _: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let pipeline = VisualQuestionAnsweringPipeline::load(folder)?;
        let predictions =
            predictions(&pipeline, &answer(&pipeline, &self.questions, |example| example.text)?);
        progress(predictions.len());
        Ok(predictions)
    }

    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let Some(teacher) = &self.teacher else { return Ok(IndexMap::new()) };
        let rows = |logits: &[Vec<f32>]| logits.iter().map(|row| vec![row.clone()]).collect::<Vec<_>>();
        let own =
            rows(&answer(&VisualQuestionAnsweringPipeline::load(student)?, &self.questions, |example| {
                example.text
            })?);
        let [mean, shuffled] = divergences(&own, &rows(&teacher.logits));
        Ok([("kl-from-teacher", mean), ("kl-from-teacher-shuffled", shuffled)]
            .map(|(name, value)| (name.to_owned(), value))
            .into())
    }

    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let student = VisualQuestionAnsweringPipeline::load(student)?;
        let mut timed = self.questions.clone();
        subsample(&mut timed, max);
        let prepare = |pipeline: &VisualQuestionAnsweringPipeline| -> Result<Vec<ProcessedImage>, RunError> {
            timed.iter().map(|example| Ok(pipeline.image_processor().process(example.picture)?)).collect()
        };
        let own = prepare(&student)?;
        let own =
            Timed { pipeline: &student, questions: question_inputs(&timed, |example| example.text, &own) };
        let Some(teacher) = &self.teacher else { return time_student(&own, max) };
        let others = prepare(&teacher.pipeline)?;
        time_both(
            &Timed {
                pipeline: &teacher.pipeline,
                questions: question_inputs(&timed, |example| example.teacher_text, &others),
            },
            &own,
            max,
        )
    }

    fn illustrated_examples(
        &self,
        examples: &[usize],
        models: &[(&str, &Path)],
    ) -> Result<IllustratedExamples, RunError> {
        let untrained = self.untrained()?;
        let loaded =
            models.iter().map(|(name, folder)| Ok((*name, VisualQuestionAnsweringPipeline::load(folder)?)));
        let loaded: Vec<(&str, VisualQuestionAnsweringPipeline)> = loaded.collect::<Result<_, RunError>>()?;
        let mut pipelines: Vec<(&str, &VisualQuestionAnsweringPipeline)> = Vec::new();
        pipelines.extend(self.teacher.as_ref().map(|own| (TEACHER, &own.pipeline)));
        pipelines.push(("student before training", &untrained));
        pipelines.extend(loaded.iter().map(|(name, pipeline)| (*name, pipeline)));
        let map = |&index: &usize| {
            let QuestionExample { picture, text, teacher_text, .. } = self.questions[index];
            let raster = picture.load()?;
            let image = |caption: String, raster: &Raster| {
                Ok::<_, RunError>(Image { caption, png: raster.to_png()? })
            };
            let mut images: Vec<Image> = vec![image(
                format!("the image; {}", best_answer(self.questions[index].question, self.names)),
                &raster,
            )?];
            for (name, pipeline) in &pipelines {
                let prepared = pipeline.image_processor().process(picture)?;
                let asked = (if *name == TEACHER { teacher_text } else { text }, &prepared);
                let Some(parts) = pipeline.attention_map(asked)? else { continue };
                let answer = pipeline.predict(&[asked])?.concat();
                let most = 100.0 * parts.iter().map(|(weight, _)| *weight).fold(0.0, f32::max);
                let (whole, part) = match &prepared {
                    ProcessedImage::Image(whole) => (whole, "patch"),
                    ProcessedImage::Regions(_) | ProcessedImage::Several(_) => (&raster, "region"),
                };
                let caption = format!("{name}: {answer}; {most:.0} % on the brightest {part}");
                images.push(image(caption, &whole.highlight(&parts))?);
            }
            Ok(IllustratedExample { source: both(text, teacher_text), images })
        };
        Ok(IllustratedExamples {
            title: "Attention to the image".into(),
            about: "The attention that the tokens of the question pay to each patch or region of the image in the last \
                    layer, a mean over tokens and heads: the brighter, the more. Two towers never see each other; theirs \
                    is what the queries of one would pay to the keys of the other."
                .into(),
            examples: examples
                .iter()
                .filter(|&&index| self.questions[index].picture.has_pixels())
                .map(map)
                .collect::<Result<_, RunError>>()?,
        })
    }

    fn probabilities(&self, folder: Option<&Path>, examples: &[usize]) -> Result<Vec<Option<f64>>, RunError> {
        let rows = match (folder, &self.teacher) {
            (Some(folder), _) => {
                let pipeline = VisualQuestionAnsweringPipeline::load(folder)?;
                let asked: Vec<QuestionExample<'_>> =
                    examples.iter().map(|&index| self.questions[index]).collect();
                answer(&pipeline, &asked, |example| example.text)?
            }
            (None, Some(teacher)) => examples.iter().map(|&index| teacher.logits[index].clone()).collect(),
            (None, None) => Vec::new(),
        };
        Ok(rows.iter().map(|row| of_largest(row)).collect())
    }

    fn source_image(&self, index: usize) -> Result<Option<Image>, RunError> {
        let picture = self.questions[index].picture;
        if picture.has_pixels() { thumbnail(picture).map(Some) } else { Ok(None) }
    }

    fn purpose(&self) -> Option<String> {
        self.is_dual.then(|| {
            "A dual encoder is for many questions about images that are known before: each image is encoded once and \
             stored, and a question then costs its own encoding alone."
                .to_owned()
        })
    }

    fn source(&self, index: usize) -> Text {
        let QuestionExample { text, teacher_text, .. } = self.questions[index];
        Text::new(&both(text, teacher_text), None)
    }

    fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        let text = match prediction {
            Prediction::Scores(_) => best_answer(self.questions[index].question, self.names),
            other => other.to_string(),
        };
        Text::new(&text, None)
    }

    fn card(&self, first: Option<&Prediction>) -> CardMetadata {
        let question = self.questions.first().map(|example| example.text.to_owned()).unwrap_or_default();
        CardMetadata {
            task: "visual-question-answering",
            tags: Vec::new(),
            languages: Vec::new(),
            command: format!("alambic predict student --image IMAGE.png {}", shell_word(&question)),
            example: UsageExample { text: question, ..UsageExample::default() },
            output: first.map(ToString::to_string),
            limits: vec![
                "It was evaluated on questions and images like those that it was trained on, and on no others."
                    .into(),
            ],
        }
    }
}
