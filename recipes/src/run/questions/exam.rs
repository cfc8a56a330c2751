//! Questions of the test part, answered by every model.

use std::collections::HashMap;
use std::path::Path;

use alambic_data::questions::best;
use alambic_data::{Raster, Split};
use alambic_models::architecture;
use alambic_reports::card::Usage;
use alambic_reports::document::Image;
use alambic_reports::outcome::{Latency, TEACHER};
use alambic_reports::report::{IllustratedExample, IllustratedExamples, Noun, Text};
use alambic_settings::IndexMap;
use alambic_students::{Answerer, Blueprint, Eyes, Sight, Sighted};
use alambic_teachers::{Network, Teacher};

use super::gallery::Gallery;
use super::timings::{Timed, alone, beside};
use super::{SCORED, ask, metrics, reference, scores, thin_alike};
use crate::observer::Observer;
use crate::run::RunError;
use crate::run::corpora::Shown;
use crate::run::exam::{Exam, Floor, Kind, shell_quoted};
use crate::run::lesson::thin;
use crate::run::texts::similarity::divergences;
use crate::run::workshop::Workshop;
use crate::schema::EvaluationOptions;

/// What a model is called that does not see the image.
pub(crate) const QUESTION_ALONE: &str = "question-alone";

/// The test questions of a recipe.
pub(crate) struct QuestionExam<'a> {
    workshop: &'a Workshop<'a>,
    options: &'a EvaluationOptions,
    questions: Vec<Shown<'a>>,
    references: Vec<String>,
    /// All right answers with their scores.
    scored: Vec<String>,
    /// Kinds of questions, or languages where there are several.
    slices: Vec<String>,
    /// The language that the others are compared with, where there are several.
    source: Option<String>,
    floor: Floor,
    teacher: Option<Judged>,
}

/// The teacher, read as the student is.
struct Judged {
    teacher: Network,
    answerer: Answerer,
    logits: Vec<Vec<f32>>,
    answers: Vec<String>,
}

impl<'a> QuestionExam<'a> {
    /// Takes the test questions, and has the teacher answer them.
    pub(crate) fn new(workshop: &'a Workshop<'_>, observer: &mut dyn Observer) -> Result<Self, RunError> {
        let options = &*workshop.recipe.evaluation;
        let names = workshop.corpora.answers(&options.data)?;
        let mut questions = workshop.corpora.questions(&options.data, Split::Test, options.readings())?;
        thin_alike(&mut questions, options.limit.unwrap_or(usize::MAX));
        if questions.is_empty() {
            return Err(RunError::Recipe("the evaluation's test parts hold no question".into()));
        }
        let references = questions.iter().map(|shown| reference(&shown.question.answers, names)).collect();
        let scored = questions.iter().map(|shown| scores(&shown.question.answers, names)).collect();
        let languages: Vec<&str> = options.student_reads.iter().map(|language| language.as_str()).collect();
        let source = if languages.len() > 1 { languages.first().map(ToString::to_string) } else { None };
        let slice = |shown: &Shown<'_>| match languages.get(shown.language) {
            Some(language) if source.is_some() => (*language).to_owned(),
            _ => shown.question.kind.clone(),
        };
        let mut slices: Vec<String> = questions.iter().map(slice).collect();
        if slices.iter().all(|slice| *slice == slices[0]) {
            slices.clear();
        }
        let seen = workshop.corpora.questions(&options.data, Split::Train, options.readings())?;
        let floor = Floor {
            name: QUESTION_ALONE,
            description: "does not see the image: the commonest answer to the same question in the training part, or else \
                          to questions of its kind, or to all",
            answers: without_image(&seen, &questions, names),
        };
        let teacher = None;
        let mut exam =
            Self { workshop, options, questions, references, scored, slices, source, floor, teacher };
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher answers", exam.questions.len(), 0);
            let teacher = workshop.network(name)?;
            let eyes = Eyes::open(teacher.config(), &workshop.checkpoint_folder(name)?)?;
            let answerer =
                Answerer::new(teacher.config(), teacher.network(), eyes, teacher.vocabulary(), usize::MAX)?
                    .naming(names);
            let logits = exam.ask(&answerer, |shown| shown.taught)?;
            let answers = logits.iter().map(|logits| answerer.answer(logits)).collect();
            exam.teacher = Some(Judged { teacher, answerer, logits, answers });
            observer.finished(&format!("{} questions", exam.questions.len()));
        }
        Ok(exam)
    }

    /// The logits of a model over all questions, in the words in which it is asked.
    fn ask(&self, answerer: &Answerer, words: fn(&Shown<'a>) -> &'a str) -> Result<Vec<Vec<f32>>, RunError> {
        let mut gallery = Gallery::new(answerer.eyes().clone());
        let place = |shown: &Shown<'a>| Ok((words(shown), gallery.hang(shown.picture)?));
        let asked: Vec<(&str, usize)> = self.questions.iter().map(place).collect::<Result<_, RunError>>()?;
        ask(answerer, &gallery, &asked)
    }

    /// The student as it was before any training.
    fn beginner(&self) -> Result<Answerer, RunError> {
        let (Blueprint { config, weights }, folder) = self.workshop.untrained()?;
        let network = architecture::over(&config, &weights)?;
        let eyes = Eyes::open(&config, folder.path())?;
        Ok(Answerer::new(&config, network.into(), eyes, &folder.tokenizer()?, usize::MAX)?)
    }
}

/// Questions in the words in which a model is asked them, with their images as it is shown them.
fn sighted<'s>(
    questions: &[Shown<'s>],
    words: fn(&Shown<'s>) -> &'s str,
    sights: &'s [Sight],
) -> Vec<Sighted<'s>> {
    questions.iter().zip(sights).map(|(shown, sight)| (words(shown), sight)).collect()
}

/// A question as the student is asked it, and in other words as the teacher is.
fn both(text: &str, taught: &str) -> String {
    if text == taught { text.to_owned() } else { format!("{text} ({taught})") }
}

/// What is answered to questions without the image: the commonest answer to the same text among those seen, or else to
/// questions of the same kind, or to all; of several the first in the list of answers. Nobody knows an answer where none is
/// known of any question.
fn without_image(seen: &[Shown<'_>], asked: &[Shown<'_>], names: &[String]) -> Vec<String> {
    let mut by_text: HashMap<&str, Vec<u32>> = HashMap::new();
    let mut by_kind: HashMap<&str, Vec<u32>> = HashMap::new();
    let mut of_all = vec![0; names.len()];
    for Shown { question, text, .. } in seen {
        let Some(answer) = best(&question.answers) else { continue };
        for (counts, key) in [(&mut by_text, *text), (&mut by_kind, question.kind.as_str())] {
            counts.entry(key).or_insert_with(|| vec![0; names.len()])[answer as usize] += 1;
        }
        of_all[answer as usize] += 1;
    }
    let answer = |Shown { question, text, .. }: &Shown<'_>| {
        let counts = by_text.get(text).or_else(|| by_kind.get(question.kind.as_str())).unwrap_or(&of_all);
        let most = counts.iter().max()?;
        names.get(counts.iter().position(|count| count == most)?).cloned()
    };
    asked.iter().map(|shown| answer(shown).unwrap_or_default()).collect()
}

impl Exam for QuestionExam<'_> {
    fn noun(&self) -> Noun {
        Noun { one: "question".into(), many: "questions".into() }
    }

    fn metrics(&self) -> Vec<&str> {
        metrics(self.options, &self.questions)
    }

    fn fidelity_metrics(&self) -> &'static [(&'static str, &'static str)] {
        &[("agreement", "agreement")]
    }

    fn references(&self) -> &[String] {
        &self.references
    }

    fn accuracies(&self) -> Option<[&'static str; 2]> {
        Some(["accuracy", "accuracy-of-majority"])
    }

    fn references_of(&self, metric: &str) -> &[String] {
        if metric == SCORED { &self.scored } else { &self.references }
    }

    fn slices(&self) -> &[String] {
        &self.slices
    }

    fn source_slice(&self) -> Option<&str> {
        self.source.as_deref()
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|judged| -> &dyn Teacher { &judged.teacher })
    }

    fn teacher_answers(&self) -> Option<&[String]> {
        self.teacher.as_ref().map(|judged| judged.answers.as_slice())
    }

    fn answers(&self, folder: &Path, progress: &mut dyn FnMut(usize)) -> Result<Vec<String>, RunError> {
        let answerer = Answerer::load(folder)?;
        let answers: Vec<String> =
            self.ask(&answerer, |shown| shown.text)?.iter().map(|logits| answerer.answer(logits)).collect();
        progress(answers.len());
        Ok(answers)
    }

    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let Some(judged) = &self.teacher else { return Ok(IndexMap::new()) };
        let rows = |logits: &[Vec<f32>]| logits.iter().map(|row| vec![row.clone()]).collect::<Vec<_>>();
        let own = rows(&self.ask(&Answerer::load(student)?, |shown| shown.text)?);
        let [mean, shuffled] = divergences(&own, &rows(&judged.logits));
        Ok([("kl-from-teacher", mean), ("kl-from-teacher-shuffled", shuffled)]
            .map(|(name, value)| (name.to_owned(), value))
            .into())
    }

    fn timings(
        &self,
        student: &Path,
        most: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let student = Answerer::load(student)?;
        let mut timed = self.questions.clone();
        thin(&mut timed, most);
        let prepare = |answerer: &Answerer| -> Result<Vec<Sight>, RunError> {
            timed.iter().map(|shown| Ok(answerer.eyes().prepare(shown.picture)?)).collect()
        };
        let own = prepare(&student)?;
        let own = Timed { answerer: &student, questions: sighted(&timed, |shown| shown.text, &own) };
        let Some(judged) = &self.teacher else { return alone(&own, most) };
        let others = prepare(&judged.answerer)?;
        beside(
            &Timed { answerer: &judged.answerer, questions: sighted(&timed, |shown| shown.taught, &others) },
            &own,
            most,
        )
    }

    fn floor(&self) -> Option<&Floor> {
        Some(&self.floor)
    }

    fn views(&self, examples: &[usize], models: &[(&str, &Path)]) -> Result<IllustratedExamples, RunError> {
        let beginner = self.beginner()?;
        let loaded = models.iter().map(|(name, folder)| Ok((*name, Answerer::load(folder)?)));
        let loaded: Vec<(&str, Answerer)> = loaded.collect::<Result<_, RunError>>()?;
        let mut lookers: Vec<(&str, &Answerer)> = Vec::new();
        lookers.extend(self.teacher.as_ref().map(|judged| (TEACHER, &judged.answerer)));
        lookers.push(("student before training", &beginner));
        lookers.extend(loaded.iter().map(|(name, answerer)| (*name, answerer)));
        let view = |&index: &usize| {
            let Shown { picture, text, taught, .. } = self.questions[index];
            let raster = picture.load()?;
            let image = |caption: String, raster: &Raster| {
                Ok::<_, RunError>(Image { caption, png: raster.to_png()? })
            };
            let mut images: Vec<Image> =
                vec![image(format!("the image; {}", self.references[index]), &raster)?];
            for (name, answerer) in &lookers {
                let seen = answerer.eyes().prepare(picture)?;
                let asked = (if *name == TEACHER { taught } else { text }, &seen);
                let Some(parts) = answerer.attention(asked)? else { continue };
                let answer = answerer.answers(&[asked])?.concat();
                let most = 100.0 * parts.iter().map(|(weight, _)| *weight).fold(0.0, f32::max);
                let (whole, part) = match &seen {
                    Sight::Image(whole) => (whole, "patch"),
                    Sight::Regions(_) => (&raster, "region"),
                };
                let caption = format!("{name}: {answer}; {most:.0} % on the brightest {part}");
                images.push(image(caption, &whole.lit(&parts))?);
            }
            Ok(IllustratedExample { source: both(text, taught), images })
        };
        Ok(IllustratedExamples {
            title: "What is looked at".into(),
            about: "The attention that the tokens of the question pay to each patch or region of the image in the last \
                    layer, a mean over tokens and heads: the brighter, the more. Two towers never see each other; theirs \
                    is what the queries of one would pay to the keys of the other."
                .into(),
            examples: examples.iter().map(view).collect::<Result<_, RunError>>()?,
        })
    }

    fn lengths(&self) -> Option<Vec<usize>> {
        None
    }

    fn source(&self, index: usize) -> Text {
        let Shown { text, taught, .. } = self.questions[index];
        Text::new(&both(text, taught), None)
    }

    fn answer(&self, _: usize, answer: &str) -> Text {
        Text::new(answer, None)
    }

    fn kind(&self, answer: Option<&String>) -> Kind {
        let question = self.questions.first().map(|shown| shown.text.to_owned()).unwrap_or_default();
        Kind {
            task: "visual-question-answering",
            tags: Vec::new(),
            languages: Vec::new(),
            usage: Usage {
                model_class: None,
                tokenizer_class: String::new(),
                command: format!("alambic predict student --image IMAGE.png {}", shell_quoted(&question)),
                input: question,
                generate: None,
                output: answer.cloned(),
            },
            limits: vec![
                "It was judged on questions and images like those that it was trained on, and on no others."
                    .into(),
            ],
        }
    }
}
