//! What the models of a run answer to the test part, and what it is worth.

use std::path::{Path, PathBuf};

use alambic_files::{digests, write};
use alambic_models::{Precision, TokenizerFiles};
use alambic_reports::metrics::{Context, Scores, score_all};
use alambic_reports::numbers::counted;
use alambic_settings::IndexMap;
use alambic_students::{Blueprint, Purpose, add_detector, detector_of, ship};
use alambic_tensor::precision::{self, Products};

use super::RunError;
use super::captions::exam::CaptionExam;
use super::corpora::Kind;
use super::exam::Exam;
use super::folder::layout;
use super::parallel::exam::ParallelExam;
use super::questions::exam::QuestionExam;
use super::texts::exam::TextExam;
use super::trainings::{Replica, Trainings};
use super::words::exam::WordExam;
use super::workshop::Workshop;
use crate::observer::Observer;
use crate::schema::Recipe;

/// The seed of shuffled metrics, so that a report can be made again to the digit.
const SHUFFLE_SEED: u64 = 1;

/// One model's outputs: for each seed, one answer an example.
pub(crate) type Outputs = Vec<Vec<String>>;

/// Whether the student finds images by texts, and is judged by that.
pub(crate) fn finds(recipe: &Recipe) -> bool {
    let last = recipe.stages.last().and_then(|last| recipe.stage.get(&last.value));
    last.is_some_and(|stage| stage.data.purpose() == Purpose::Matches)
}

/// The test part and what every model answered.
pub(crate) struct Evaluation<'a> {
    pub(crate) exam: Box<dyn Exam + 'a>,
    pub(crate) student: Outputs,
    /// By name, as in [`Trainings`].
    pub(crate) baselines: Vec<(String, Outputs)>,
    /// Models that the recipe does not train, or not yet, and the student in lower precision.
    pub(crate) beside: Vec<Beside>,
}

/// A model that is judged on the same as the student.
pub(crate) struct Beside {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) outputs: Outputs,
}

/// What the student is called where its products are of lower precision.
pub(crate) fn in_precision(products: Products) -> String {
    format!("student in {}", products.name())
}

/// What the student is called as it was before any training.
pub(crate) const UNTRAINED: &str = "untrained";

/// The folders of models that are judged beside the student, by name.
fn beside(workshop: &Workshop<'_>) -> Result<Vec<(String, PathBuf)>, RunError> {
    let options = &workshop.recipe.evaluation;
    let named = options.beside.iter().map(|name| Ok((name.value.clone(), workshop.checkpoint_folder(name)?)));
    let mut folders: Vec<(String, PathBuf)> = named.collect::<Result<_, RunError>>()?;
    if options.untrained {
        let (Blueprint { config, weights }, trained) = workshop.untrained()?;
        let folder = workshop.folder.join(layout::UNTRAINED);
        let partial = write::partial(&folder);
        write::begin_folder(&partial)?;
        ship(&partial, &config, &weights, &TokenizerFiles::read(trained.path())?, Precision::F32)?;
        if let Some(detector) = detector_of(trained.path()) {
            add_detector(&partial, &detector)?;
        }
        digests::publish(&partial, &folder)?;
        folders.push((UNTRAINED.to_owned(), folder));
    }
    Ok(folders)
}

impl<'a> Evaluation<'a> {
    /// Has every model answer the test part, which is read here for the first time.
    pub(crate) fn run(
        workshop: &'a Workshop<'_>,
        trainings: &Trainings,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let beside = beside(workshop)?;
        let lowered = &workshop.recipe.evaluation.lowered;
        let models = trainings.student.len() * (1 + lowered.len())
            + beside.len()
            + trainings.baselines.iter().map(|(_, replicas)| replicas.len()).sum::<usize>();
        let exam: Box<dyn Exam + 'a> = match workshop.corpora.kind(&workshop.recipe.evaluation.data) {
            Some(Kind::Parallel) => Box::new(ParallelExam::new(workshop, observer)?),
            Some(Kind::Texts) => Box::new(TextExam::new(workshop, observer)?),
            Some(Kind::Questions) if finds(workshop.recipe) => {
                Box::new(CaptionExam::new(workshop, observer)?)
            }
            Some(Kind::Questions) => Box::new(QuestionExam::new(workshop, observer)?),
            Some(Kind::Words) | None => Box::new(WordExam::new(workshop, observer)?),
        };
        for precision in lowered.iter().filter(|precision| !precision.value.is_made_here()) {
            let name = precision.value.name();
            observer.note(&format!(
                "this machine multiplies no numbers in {name}: the student in {name} is judged in f32"
            ));
        }
        let (count, noun) = (exam.references().len(), exam.noun());
        let models_named = counted(models, "model", "models");
        observer.task(&format!("evaluation: {count} {}, {models_named}", noun.many), models * count, 0);
        let mut done = 0;
        let mut answers = |folder: &Path| {
            exam.answers(folder, &mut |count| {
                done += count;
                observer.progress(done);
            })
        };
        let all = |replicas: &[Replica], answers: &mut dyn FnMut(&Path) -> Result<Vec<String>, RunError>| {
            replicas.iter().map(|replica| answers(&replica.folder)).collect::<Result<Outputs, RunError>>()
        };
        let student = all(&trainings.student, &mut answers)?;
        let lowered = lowered
            .iter()
            .map(|precision| {
                let products = precision.value;
                let outputs = precision::with(products, || all(&trainings.student, &mut answers))?;
                Ok(Beside {
                    name: in_precision(products),
                    folder: trainings.student[0].folder.clone(),
                    outputs,
                })
            })
            .collect::<Result<Vec<_>, RunError>>()?;
        let baselines = trainings
            .baselines
            .iter()
            .map(|(name, replicas)| Ok((name.clone(), all(replicas, &mut answers)?)))
            .collect::<Result<_, RunError>>()?;
        let mut judged = lowered;
        for (name, folder) in beside {
            let mut progress = |count| {
                done += count;
                observer.progress(done);
            };
            let outputs = if name == UNTRAINED {
                exam.answers(&folder, &mut progress)
            } else {
                exam.answers_beside(&folder, &mut progress)
            };
            judged.push(Beside { name, folder, outputs: vec![outputs?] });
        }
        observer.finished(&format!("{count} {} by {models_named}", noun.many));
        Ok(Self { exam, student, baselines, beside: judged })
    }

    /// What metrics know besides the answers.
    fn context(&self) -> Context<'_> {
        Context { classes: self.exam.classes(), seed: SHUFFLE_SEED }
    }

    /// What the teacher's share of right answers is, and that of always giving the commonest answer; none where there is no
    /// teacher, or answers are no classes.
    pub(crate) fn teacher_accuracies(&self) -> Result<Option<[f64; 2]>, RunError> {
        let (Some(names), Some(answers)) = (self.exam.accuracies(), self.exam.teacher_answers()) else {
            return Ok(None);
        };
        let scores = score_all(&names, answers, self.exam.references(), self.context())?;
        let values: Vec<f64> = scores.values().filter_map(Scores::value).collect();
        Ok(values.try_into().ok())
    }

    /// A model's scores against the right answers, seed by seed.
    pub(crate) fn scores(&self, outputs: &[Vec<String>]) -> Result<Vec<IndexMap<String, Scores>>, RunError> {
        let all = |texts: &Vec<String>| {
            let mut scores = IndexMap::new();
            for metric in self.exam.metrics() {
                scores.extend(score_all(&[metric], texts, self.exam.references_of(metric), self.context())?);
            }
            Ok(scores)
        };
        outputs.iter().map(all).collect()
    }

    /// A model's scores against the teacher's answers, seed by seed; none without a teacher.
    pub(crate) fn fidelity(
        &self,
        outputs: &[Vec<String>],
    ) -> Result<Option<Vec<IndexMap<String, Scores>>>, RunError> {
        let Some(teacher) = self.exam.teacher_answers() else { return Ok(None) };
        let metrics: Vec<&str> = self.exam.fidelity_metrics().iter().map(|(metric, _)| *metric).collect();
        let scores = outputs
            .iter()
            .map(|texts| Ok(score_all(&metrics, texts, teacher, self.context())?))
            .collect::<Result<_, RunError>>()?;
        Ok(Some(scores))
    }
}
