//! Evaluating models that read texts.

use std::path::Path;
use std::sync::Arc;

use alambic_data::texts::OUTSIDE;
use alambic_data::{Label, Labels, Split, Text as Example};
use alambic_files::text::shell_word;
use alambic_inference::{EncoderPipeline, TextPair};
use alambic_losses::NameVectors;
use alambic_models::text_encoder::ProblemType;
use alambic_reports::metrics::Prediction;
use alambic_reports::numbers::counted;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::{Answer, Teacher, placed};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use indexmap::IndexSet;

use super::labels::{head_of, kind_of, logits, pair, predict, prediction, prediction_of, reference};
use crate::class_distances::nearest_names;
use crate::error::RunError;
use crate::evaluation::embedding::{closeness, embedding_width, normalized_embeddings_of_pairs};
use crate::evaluation::evaluator::{
    CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet, TrivialBaseline,
};
use crate::evaluation::languages::language_slices;
use crate::evaluation::probability::{geometric_mean, of_largest};
use crate::evaluation::similarity::{by_layer, divergences};
use crate::evaluation::timing::{Model, measure};
use crate::names::NEAREST_LABEL_NAME;
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::training::answers::{answered, normalised, places_of};

/// The most characters of the text that shows how the student is used.
const MAX_EXAMPLE_CHARACTERS: usize = 1000;

/// Evaluates models that read texts.
pub(crate) struct TextEvaluator<'a> {
    labels: Labels,
    texts: Vec<&'a Example>,
    test_set: TestSet,
    teacher: Option<EvaluatedTeacher>,
}

/// The teacher, read as the student is.
struct EvaluatedTeacher {
    teacher: Arc<dyn Teacher>,
    /// None of answers.
    pipeline: Option<EncoderPipeline>,
    /// The rows of each text; see [`EncoderPipeline::logits`].
    logits: Vec<Vec<Vec<f32>>>,
    /// Embeddings of the texts among answers, of length one.
    embeddings: Option<Tensor>,
}

impl<'a> TextEvaluator<'a> {
    /// Takes the test texts, and has the teacher read them.
    pub(crate) fn new(
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (options, corpora) = (context.options, &context.run.corpora);
        let labels = corpora.labels(&options.data)?.clone();
        let mut texts = corpora.texts(&options.data, Split::Test)?;
        let all = texts.len();
        if labels != Labels::None {
            // An unlabelled text would count as wrong, whatever is predicted.
            texts.retain(|text| text.label != Label::None);
        }
        let unlabelled = all - texts.len();
        subsample(&mut texts, options.limit.unwrap_or(usize::MAX));
        let teacher = options.teacher.as_ref().map(|name| context.run.models.teacher(name)).transpose()?;
        let (mut answers, mut unanswered) = (Vec::new(), 0);
        if let Some(teacher) = teacher.as_deref().and_then(Teacher::answering) {
            (texts, answers, unanswered) =
                answered(teacher, texts, &context.run.asking(usize::MAX), &mut |_| {})?;
        }
        let names = head_of(&labels).labels;
        if texts.is_empty() || labels == Labels::None && options.teacher.is_none() {
            return Err(RunError::Recipe(
                "the evaluation's test splits hold no labelled text, and no teacher is named".into(),
            ));
        }
        let references = texts.iter().map(|text| reference(text, &names)).collect();
        let reasons = [(unlabelled, "without a label"), (unanswered, "without an answer of the teacher")];
        let left_out: Vec<String> = reasons
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{} {why}", counted(count, "text", "texts")))
            .collect();
        let slices = language_slices(texts.iter().map(|text| text.language.as_deref()))?;
        let test_set = TestSet {
            classes: names,
            slices,
            has_languages: true,
            left_out: (!left_out.is_empty()).then(|| left_out.join(" and ")),
            ..TestSet::new("text", "texts", kind_of(&labels), references)
        };
        let mut test_set = test_set.with_metrics(options)?;
        if let (Some(vectors), Labels::Classes(_)) = (&options.nearest_label_name, &labels) {
            test_set.trivial = vec![nearest_label_name(context, vectors, &texts, &test_set.classes)?];
        }
        let mut evaluated = None;
        if let (Some(teacher), Some(name)) = (teacher, &options.teacher) {
            observer.task("evaluation: teacher reads", texts.len(), 0);
            let (own, predictions) = if teacher.answering().is_some() {
                EvaluatedTeacher::answered(teacher, &answers, &labels, &test_set)?
            } else {
                EvaluatedTeacher::read(context, name, &labels, &texts, &test_set)?
            };
            observer.finished(&format!("{} texts", texts.len()));
            test_set.teacher = Some(predictions);
            evaluated = Some(own);
        }
        Ok(Self { labels, texts, test_set, teacher: evaluated })
    }

    /// Codes of the languages of its texts, in the order in which they first come.
    fn languages(&self) -> Vec<String> {
        let languages: IndexSet<&str> =
            self.texts.iter().filter_map(|text| text.language.as_deref()).collect();
        languages.into_iter().map(str::to_owned).collect()
    }

    fn pairs(&self) -> Vec<TextPair<'_>> {
        self.texts.iter().map(|text| pair(text)).collect()
    }
}

/// The class whose name is nearest to each text.
fn nearest_label_name(
    context: &EvaluationContext<'_>,
    vectors: &NameVectors,
    texts: &[&Example],
    classes: &[String],
) -> Result<TrivialBaseline, RunError> {
    let pairs: Vec<TextPair<'_>> = texts.iter().map(|text| pair(text)).collect();
    let nearest = nearest_names(vectors, classes, &pairs, &context.run.models)?;
    Ok(TrivialBaseline {
        name: NEAREST_LABEL_NAME,
        description: "the class whose name is nearest to the text in the space of an encoder, without training",
        predictions: nearest.into_iter().map(|class| Prediction::Class(classes[class].clone())).collect(),
    })
}

impl EvaluatedTeacher {
    /// Has the teacher read the test texts; gives its predictions, too.
    fn read(
        context: &EvaluationContext<'_>,
        name: &str,
        labels: &Labels,
        texts: &[&Example],
        test_set: &TestSet,
    ) -> Result<(Self, Vec<Prediction>), RunError> {
        let teacher = context.run.models.encoder(name)?;
        let pipeline = teacher.encoder_pipeline()?;
        if *labels == Labels::None {
            // Nobody is asked for a prediction.
            return Ok((
                Self { teacher, pipeline: Some(pipeline), logits: Vec::new(), embeddings: None },
                vec![Prediction::Nothing; texts.len()],
            ));
        }
        if pipeline.head().labels != test_set.classes
            && pipeline.head().problem_type != ProblemType::Regression
        {
            return Err(RunError::Recipe(format!(
                "teacher `{name}` predicts the classes {}, and the test split has {}",
                pipeline.head().labels.join(", "),
                test_set.classes.join(", ")
            )));
        }
        let logits = logits(&pipeline, texts)?;
        let predictions = logits.iter().map(|rows| prediction(&pipeline, rows)).collect();
        Ok((Self { teacher, pipeline: Some(pipeline), logits, embeddings: None }, predictions))
    }

    /// Takes the answers for the test texts; gives its predictions, too.
    fn answered(
        teacher: Arc<dyn Teacher>,
        answers: &[Answer],
        labels: &Labels,
        test_set: &TestSet,
    ) -> Result<(Self, Vec<Prediction>), RunError> {
        let places = match (labels, teacher.answering()) {
            (Labels::Classes(_) | Labels::Words(_), Some(own)) => places_of(own, &test_set.classes)?,
            _ => None,
        };
        let in_order = |numbers: &Vec<f32>| match &places {
            Some(places) if !numbers.is_empty() => placed(numbers, places),
            _ => numbers.clone(),
        };
        let rows = |answer: &Answer| match labels {
            Labels::Words(_) => answer.words.iter().map(in_order).collect(),
            _ => vec![in_order(&answer.logits)],
        };
        let logits: Vec<Vec<Vec<f32>>> = answers.iter().map(rows).collect();
        let predictions = logits.iter().map(|rows| prediction_of(labels, rows)).collect();
        let vectors: Vec<Vec<f32>> = answers
            .iter()
            .filter(|answer| !answer.vector.is_empty())
            .map(|own| normalised(&own.vector))
            .collect();
        let embeddings =
            (!vectors.is_empty()).then(|| Tensor::new(vectors, device::current())).transpose()?;
        Ok((Self { teacher, pipeline: None, logits, embeddings }, predictions))
    }

    /// Embeddings of texts; none where it has none.
    fn embeddings(&self, pairs: &[TextPair<'_>]) -> Result<Option<Tensor>, RunError> {
        match &self.pipeline {
            Some(pipeline) if embedding_width(pipeline).is_some() => {
                normalized_embeddings_of_pairs(pipeline, pairs).map(Some)
            }
            _ => Ok(self.embeddings.clone()),
        }
    }
}

impl Evaluator for TextEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|own| &*own.teacher)
    }

    fn predict(
        &self,
        folder: &Path,
        _: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let predictions = match self.labels {
            Labels::None => vec![Prediction::Nothing; self.texts.len()],
            _ => predict(&EncoderPipeline::load(folder)?, &self.texts)?,
        };
        progress(predictions.len());
        Ok(predictions)
    }

    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let mut similarities = IndexMap::new();
        let Some(teacher) = &self.teacher else { return Ok(similarities) };
        let (pairs, student) = (self.pairs(), EncoderPipeline::load(student)?);
        if let Labels::Classes(_) | Labels::Words(_) = self.labels {
            let [mean, shuffled] = divergences(&logits(&student, &self.texts)?, &teacher.logits);
            similarities.insert("kl-from-teacher".to_owned(), mean);
            similarities.insert("kl-from-teacher-shuffled".to_owned(), shuffled);
        }
        if self.labels == Labels::None
            && embedding_width(&student).is_some()
            && let Some(other) = teacher.embeddings(&pairs)?
        {
            similarities.extend(closeness(&normalized_embeddings_of_pairs(&student, &pairs)?, &other, "")?);
        }
        if let Some(pipeline) = &teacher.pipeline {
            similarities.extend(by_layer(&student, pipeline, &pairs)?);
        }
        Ok(similarities)
    }

    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let (pairs, pipeline) = (self.pairs(), EncoderPipeline::load(student)?);
        let read = |pipeline: &EncoderPipeline, batch: &[usize]| -> Result<(), RunError> {
            if self.labels == Labels::None {
                let texts: Vec<TextPair<'_>> = batch.iter().map(|&index| pairs[index]).collect();
                pipeline.forward(&texts)?;
            } else {
                let texts: Vec<&Example> = batch.iter().map(|&index| self.texts[index]).collect();
                predict(pipeline, &texts)?;
            }
            Ok(())
        };
        let by_student = |batch: &[usize]| read(&pipeline, batch);
        let teacher = self.teacher.as_ref().and_then(|own| own.pipeline.as_ref());
        let by_teacher = |batch: &[usize]| teacher.map_or(Ok(()), |pipeline| read(pipeline, batch));
        let mut models: Vec<(&str, Model<'_>)> = Vec::new();
        if teacher.is_some() {
            models.push((TEACHER, &by_teacher));
        }
        models.push((STUDENT, &by_student));
        measure(pairs.len(), max, &models)
    }

    fn probabilities(&self, folder: Option<&Path>, examples: &[usize]) -> Result<Vec<Option<f64>>, RunError> {
        let (Labels::Classes(_) | Labels::Words(_)) = self.labels else { return Ok(Vec::new()) };
        let rows = match (folder, &self.teacher) {
            (Some(folder), _) => {
                let asked: Vec<&Example> = examples.iter().map(|&index| self.texts[index]).collect();
                logits(&EncoderPipeline::load(folder)?, &asked)?
            }
            (None, Some(teacher)) => {
                examples.iter().filter_map(|&index| teacher.logits.get(index).cloned()).collect()
            }
            (None, None) => Vec::new(),
        };
        // One row of a class, one a word of tags, where those of words that were cut are empty.
        let probability =
            |rows: &Vec<Vec<f32>>| geometric_mean(rows.iter().filter_map(|row| of_largest(row)));
        Ok(rows.iter().map(probability).collect())
    }

    fn source(&self, index: usize) -> Text {
        let text = &self.texts[index];
        match &text.second {
            None => Text::new(&text.first, text.language.as_deref()),
            Some(second) => Text::new(&format!("{} / {second}", text.first), text.language.as_deref()),
        }
    }

    fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        let text = match prediction {
            // Eight digits of a rating say nothing that two do not.
            Prediction::Number(number) => format!("{number:.2}"),
            Prediction::Tags(tags) => in_spans(&self.texts[index].first, tags),
            other => other.to_string(),
        };
        Text::new(&text, None)
    }

    fn card(&self, first: Option<&Prediction>) -> CardMetadata {
        let whole = self.texts.first().map_or("", |text| text.first.as_str());
        let text: String = whole.chars().take(MAX_EXAMPLE_CHARACTERS).collect();
        let second = self.texts.first().and_then(|text| text.second.clone());
        let line = match &second {
            Some(second) => format!("{text}\t{second}"),
            None => text.clone(),
        };
        // What the student predicts for a text is not what it predicts for its beginning.
        let first = first.filter(|_| text == whole);
        let task = match self.labels {
            Labels::None => "feature-extraction",
            Labels::Words(_) => "token-classification",
            Labels::Classes(_) | Labels::Numbers => "text-classification",
        };
        CardMetadata {
            task,
            tags: Vec::new(),
            languages: self.languages(),
            command: match self.labels {
                Labels::None => "alambic list taps student".into(),
                _ => format!("alambic predict student {}", shell_word(&line)),
            },
            example: UsageExample { text, second, ..UsageExample::default() },
            output: first.filter(|_| self.labels != Labels::None).map(ToString::to_string),
            limits: vec![match self.labels {
                Labels::None => {
                    "It was compared with its teacher alone, on texts without labels: nothing is known of its \
                                 worth for a task, for which it is to be trained further."
                        .into()
                }
                _ => "It was evaluated on texts like those that it was trained on, and on no others.".into(),
            }],
        }
    }
}

/// The tagged words of a text, as `word/TAG`, without those in no span.
fn in_spans(text: &str, tags: &[String]) -> String {
    let words = text.split(' ').zip(tags).filter(|(_, tag)| *tag != OUTSIDE);
    let words: Vec<String> = words.map(|(word, tag)| format!("{word}/{tag}")).collect();
    if words.is_empty() { OUTSIDE.to_owned() } else { words.join(" ") }
}
