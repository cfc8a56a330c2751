//! Texts of the test part, read by every model.

use std::path::Path;

use alambic_data::texts::OUTSIDE;
use alambic_data::{Label, Labels, Split, Text as Example};
use alambic_files::text::shell_word;
use alambic_models::bert::Problem;
use alambic_reports::card::Usage;
use alambic_reports::numbers::counted;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::{Noun, Text};
use alambic_settings::IndexMap;
use alambic_students::{Reader, TextPair};
use alambic_teachers::{Encoder, Teacher};

use super::similarity::{by_layer, divergences};
use super::{metrics, pair, reference};
use crate::observer::Observer;
use crate::run::RunError;
use crate::run::exam::{Exam, Kind};
use crate::run::timing::{Model, measure};
use crate::run::workshop::{Workshop, task_of};
use crate::schema::EvaluationOptions;

/// The most characters of the text that shows how the student is used.
const LONGEST_EXAMPLE: usize = 1000;

/// The test texts of a recipe.
pub(crate) struct TextExam<'a> {
    options: &'a EvaluationOptions,
    labels: Labels,
    /// The names of the classes or tags; none of other labels.
    names: Vec<String>,
    texts: Vec<&'a Example>,
    references: Vec<String>,
    /// Texts of the test part that are left out, since nothing is known of them.
    unlabelled: usize,
    teacher: Option<Judged>,
}

/// The teacher, read as the student is.
struct Judged {
    teacher: Encoder,
    reader: Reader,
    /// For each text its rows; see [`Reader::logits`].
    logits: Vec<Vec<Vec<f32>>>,
    answers: Vec<String>,
}

impl<'a> TextExam<'a> {
    /// Takes the test texts, and has the teacher read them.
    pub(crate) fn new(workshop: &'a Workshop<'_>, observer: &mut dyn Observer) -> Result<Self, RunError> {
        let options = &*workshop.recipe.evaluation;
        let labels = workshop.corpora.labels(&options.data)?.clone();
        let mut texts = workshop.corpora.texts(&options.data, Split::Test)?;
        let all = texts.len();
        if labels != Labels::None {
            // What nothing is known of would count as answered wrongly, whatever the answer.
            texts.retain(|text| text.label != Label::None);
        }
        let unlabelled = all - texts.len();
        crate::run::lesson::thin(&mut texts, options.limit.unwrap_or(usize::MAX));
        let names = task_of(&labels).labels;
        if texts.is_empty() || labels == Labels::None && options.teacher.is_none() {
            return Err(RunError::Recipe(
                "the evaluation's test parts hold no text with a label to be held against, and no teacher is named"
                    .into(),
            ));
        }
        let references = texts.iter().map(|text| reference(text, &names)).collect();
        let teacher = options.teacher.as_ref().map(|name| {
            observer.task("evaluation: teacher reads", texts.len(), 0);
            let teacher = workshop.encoder(name)?;
            let reader = Reader::new(teacher.model().clone(), teacher.vocabulary(), usize::MAX)?;
            if labels == Labels::None {
                // Nobody is asked for an answer.
                return Ok(Judged {
                    teacher,
                    reader,
                    logits: Vec::new(),
                    answers: vec![String::new(); texts.len()],
                });
            }
            if reader.config().labels != names && reader.config().problem != Problem::Numbers {
                return Err(RunError::Recipe(format!(
                    "teacher `{}` tells {} apart, and the test part {}",
                    name.value,
                    reader.config().labels.join(", "),
                    names.join(", ")
                )));
            }
            let pairs: Vec<TextPair<'_>> = texts.iter().map(|text| pair(text)).collect();
            let logits = reader.logits(&pairs)?;
            let answers = logits.iter().map(|rows| reader.answer_of(rows)).collect();
            observer.finished(&format!("{} texts", texts.len()));
            Ok(Judged { teacher, reader, logits, answers })
        });
        let teacher = teacher.transpose()?;
        Ok(Self { options, labels, names, texts, references, unlabelled, teacher })
    }

    fn pairs(&self) -> Vec<TextPair<'_>> {
        self.texts.iter().map(|text| pair(text)).collect()
    }
}

impl Exam for TextExam<'_> {
    fn noun(&self) -> Noun {
        Noun { one: "text".into(), many: "texts".into() }
    }

    fn metrics(&self) -> Vec<&str> {
        metrics(self.options, &self.labels)
    }

    fn fidelity_metrics(&self) -> &'static [(&'static str, &'static str)] {
        match self.labels {
            Labels::Numbers => &[("pearson", "pearson-with-teacher")],
            Labels::Words(_) => &[("token-accuracy", "token-agreement")],
            Labels::Classes(_) => &[("agreement", "agreement")],
            Labels::None => &[],
        }
    }

    fn accuracies(&self) -> Option<[&'static str; 2]> {
        match self.labels {
            Labels::Classes(_) => Some(["accuracy", "accuracy-of-majority"]),
            Labels::Words(_) => Some(["token-accuracy", "token-accuracy-of-majority"]),
            Labels::Numbers | Labels::None => None,
        }
    }

    fn classes(&self) -> &[String] {
        &self.names
    }

    fn references(&self) -> &[String] {
        &self.references
    }

    fn left_out(&self) -> Option<String> {
        (self.unlabelled > 0)
            .then(|| format!("{} without a label", counted(self.unlabelled, "text", "texts")))
    }

    fn slices(&self) -> &[String] {
        &[]
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|judged| -> &dyn Teacher { judged.teacher.teacher() })
    }

    fn teacher_answers(&self) -> Option<&[String]> {
        self.teacher.as_ref().map(|judged| judged.answers.as_slice())
    }

    fn answers(&self, folder: &Path, progress: &mut dyn FnMut(usize)) -> Result<Vec<String>, RunError> {
        let answers = match self.labels {
            Labels::None => vec![String::new(); self.texts.len()],
            _ => Reader::load(folder)?.answers(&self.pairs())?,
        };
        progress(answers.len());
        Ok(answers)
    }

    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let mut similarities = IndexMap::new();
        let Some(judged) = &self.teacher else { return Ok(similarities) };
        let (pairs, student) = (self.pairs(), Reader::load(student)?);
        if let Labels::Classes(_) | Labels::Words(_) = self.labels {
            let [mean, shuffled] = divergences(&student.logits(&pairs)?, &judged.logits);
            similarities.insert("kl-from-teacher".to_owned(), mean);
            similarities.insert("kl-from-teacher-shuffled".to_owned(), shuffled);
        }
        similarities.extend(by_layer(&student, &judged.reader, &pairs)?);
        Ok(similarities)
    }

    fn timings(
        &self,
        student: &Path,
        most: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let (pairs, reader) = (self.pairs(), Reader::load(student)?);
        let read = |reader: &Reader, batch: &[usize]| -> Result<(), RunError> {
            let texts: Vec<TextPair<'_>> = batch.iter().map(|&index| pairs[index]).collect();
            match self.labels {
                Labels::None => reader.read(&texts)?,
                _ => drop(reader.answers(&texts)?),
            }
            Ok(())
        };
        let by_student = |batch: &[usize]| read(&reader, batch);
        let by_teacher =
            |batch: &[usize]| self.teacher.as_ref().map_or(Ok(()), |judged| read(&judged.reader, batch));
        let mut models: Vec<(&str, Model<'_>)> = Vec::new();
        if self.teacher.is_some() {
            models.push((TEACHER, &by_teacher));
        }
        models.push((STUDENT, &by_student));
        measure(pairs.len(), most, &models)
    }

    fn lengths(&self) -> Option<Vec<usize>> {
        None
    }

    fn source(&self, index: usize) -> Text {
        let text = &self.texts[index];
        match &text.second {
            None => Text::new(&text.first, None),
            Some(second) => Text::new(&format!("{} / {second}", text.first), None),
        }
    }

    fn answer(&self, index: usize, answer: &str) -> Text {
        // Eight digits of a rating say nothing that two do not.
        match (&self.labels, answer.parse::<f64>()) {
            (Labels::Numbers, Ok(number)) => Text::new(&format!("{number:.2}"), None),
            (Labels::Words(_), _) => Text::new(&in_spans(&self.texts[index].first, answer), None),
            _ => Text::new(answer, None),
        }
    }

    fn kind(&self, answer: Option<&String>) -> Kind {
        let whole = self.texts.first().map_or("", |text| text.first.as_str());
        let text: String = whole.chars().take(LONGEST_EXAMPLE).collect();
        // What the student says of a text is not what it says of its beginning.
        let answer = answer.filter(|_| text == whole);
        let (task, model_class) = match self.labels {
            Labels::None => ("feature-extraction", "AutoModel"),
            Labels::Words(_) => ("token-classification", "AutoModelForTokenClassification"),
            Labels::Classes(_) | Labels::Numbers => {
                ("text-classification", "AutoModelForSequenceClassification")
            }
        };
        Kind {
            task,
            tags: Vec::new(),
            languages: Vec::new(),
            usage: Usage {
                model_class: Some(model_class.into()),
                tokenizer_class: "AutoTokenizer".into(),
                command: match self.labels {
                    Labels::None => "alambic list taps student".into(),
                    _ => format!("alambic predict student {}", shell_word(&text)),
                },
                input: text,
                generate: None,
                output: answer.cloned().filter(|_| self.labels != Labels::None),
            },
            limits: vec![match self.labels {
                Labels::None => {
                    "It was held against its teacher alone, on texts without labels: nothing is known of its \
                                 worth for a task, for which it is to be trained further."
                        .into()
                }
                _ => "It was judged on texts like those that it was trained on, and on no others.".into(),
            }],
        }
    }
}

/// The tagged words of a text, as `word/TAG`, without those in no span.
fn in_spans(text: &str, tags: &str) -> String {
    let words = text.split(' ').zip(tags.split(' ')).filter(|(_, tag)| *tag != OUTSIDE);
    let words: Vec<String> = words.map(|(word, tag)| format!("{word}/{tag}")).collect();
    if words.is_empty() { OUTSIDE.to_owned() } else { words.join(" ") }
}
