//! All trainings of a run in their order: the stages, the student again with other seeds, the baseline.

use std::path::PathBuf;

use alambic_models::{Config, ModelFolder};
use alambic_reports::record::EventLog;
use alambic_settings::At;
use alambic_students::Student;

use super::RunError;
use super::parallel::mining::mine_all;
use super::stage::{Job, Start, Trained, finished_folder, train};
use super::workshop::{Workshop, reads_alike};
use crate::observer::Observer;
use crate::schema::{Recipe, StageOptions};

/// The trainings of one model with one seed, last one last.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    pub(crate) seed: u64,
    pub(crate) trainings: Vec<Trained>,
    /// The finished model.
    pub(crate) folder: PathBuf,
}

impl Replica {
    /// Seconds of all trainings together.
    pub(crate) fn seconds(&self) -> f64 {
        self.trainings.iter().map(|trained| trained.seconds).sum()
    }
}

/// The training of a baseline from the teacher's weights that the student starts from, too.
pub(crate) const SAME_START: &str = "baseline-same-start";
/// The training of a baseline from random weights, where the student starts from a teacher's.
pub(crate) const FROM_SCRATCH: &str = "baseline-scratch";

/// What all trainings left.
#[derive(Debug, Clone)]
pub(crate) struct Trainings {
    /// Trainings of other models: teachers.
    pub(crate) others: Vec<Trained>,
    /// The student, once for each seed.
    pub(crate) student: Vec<Replica>,
    /// Baselines by name (`baseline`, or [`SAME_START`] and [`FROM_SCRATCH`]), once for each seed.
    pub(crate) baselines: Vec<(String, Vec<Replica>)>,
}

/// Runs what is not finished yet.
pub(crate) fn run(
    workshop: &Workshop<'_>,
    events: &mut EventLog,
    observer: &mut dyn Observer,
) -> Result<Trainings, RunError> {
    let recipe = workshop.recipe;
    let Some(last) = recipe.stages.last() else {
        return Err(RunError::Recipe("`stages` names no stage".into()));
    };
    let student = student_of(recipe, last)?;
    let (own, others): (Vec<&At<String>>, Vec<&At<String>>) = {
        let mut own = Vec::new();
        let mut others = Vec::new();
        for stage in recipe.stages.iter() {
            if student_of(recipe, stage)? == student { own.push(stage) } else { others.push(stage) }
        }
        (own, others)
    };
    let mut trainings = Trainings { others: Vec::new(), student: Vec::new(), baselines: Vec::new() };
    // In the recipe's order: a stage may need what an earlier one trained.
    let mut first = Replica { seed: recipe.seed, trainings: Vec::new(), folder: PathBuf::new() };
    for stage in recipe.stages.iter() {
        if let Some(options) = recipe.stage.get(&stage.value) {
            mine_all(workshop, options.data.parallel.iter().flat_map(|own| &own.data), observer)?;
        }
        let from = previous(recipe, stage, "")?.map(|label| finished_folder(&workshop.folder, &label));
        let trained = train_stage(workshop, stage, stage, recipe.seed, from, events, observer)?;
        if others.contains(&stage) {
            trainings.others.push(trained);
        } else {
            first.folder = finished_folder(&workshop.folder, stage);
            first.trainings.push(trained);
        }
    }
    trainings.student.push(first);
    for repetition in 1..recipe.repetitions as u64 {
        let seed = recipe.seed.wrapping_add(repetition);
        let suffix = format!(".seed-{seed}");
        let mut replica = Replica { seed, trainings: Vec::new(), folder: PathBuf::new() };
        for stage in &own {
            let label = format!("{}{suffix}", stage.value);
            let from =
                previous(recipe, stage, &suffix)?.map(|label| finished_folder(&workshop.folder, &label));
            replica.folder = finished_folder(&workshop.folder, &label);
            replica.trainings.push(train_stage(workshop, stage, &label, seed, from, events, observer)?);
        }
        trainings.student.push(replica);
    }
    let parallel = recipe.baseline.iter().flat_map(|baseline| baseline.data.parallel.iter());
    mine_all(workshop, parallel.flat_map(|own| &own.data).chain(&recipe.evaluation.data), observer)?;
    trainings.baselines = baselines(workshop, last, &student, &trainings.student, events, observer)?;
    Ok(trainings)
}

/// The options of a stage.
pub(crate) fn stage_options<'a>(recipe: &'a Recipe, stage: &str) -> Result<&'a StageOptions, RunError> {
    recipe
        .stage
        .get(stage)
        .ok_or_else(|| RunError::Recipe(format!("there is no stage `{stage}` under `stage`")))
}

/// The name of the student that a stage trains.
pub(crate) fn student_of(recipe: &Recipe, stage: &str) -> Result<String, RunError> {
    match &stage_options(recipe, stage)?.student {
        Some(name) => Ok(name.value.clone()),
        None => match recipe.student.keys().collect::<Vec<_>>().as_slice() {
            [only] => Ok((*only).clone()),
            _ => Err(RunError::Recipe(format!(
                "stage `{stage}` must name its `student`: there is not just one"
            ))),
        },
    }
}

/// The label of the last earlier stage that trains the same student.
fn previous(recipe: &Recipe, stage: &str, suffix: &str) -> Result<Option<String>, RunError> {
    let student = student_of(recipe, stage)?;
    let mut before = None;
    for other in recipe.stages.iter().take_while(|other| other.value != stage) {
        if student_of(recipe, other)? == student {
            before = Some(format!("{}{suffix}", other.value));
        }
    }
    Ok(before)
}

/// The options of a student.
pub(crate) fn student_options<'a>(recipe: &'a Recipe, name: &str) -> Result<&'a Student, RunError> {
    recipe
        .student
        .get(name)
        .ok_or_else(|| RunError::Recipe(format!("there is no student `{name}` under `student`")))
}

fn train_stage(
    workshop: &Workshop<'_>,
    stage: &str,
    label: &str,
    seed: u64,
    from: Option<PathBuf>,
    events: &mut EventLog,
    observer: &mut dyn Observer,
) -> Result<Trained, RunError> {
    let recipe = workshop.recipe;
    let options = stage_options(recipe, stage)?;
    let in_stage = |source: RunError| match source {
        RunError::Interrupted { .. } => source,
        source => RunError::Stage { stage: stage.to_owned(), source: Box::new(source) },
    };
    let run = || -> Result<Option<Trained>, RunError> {
        let teacher = options.teacher.as_ref().map(|name| workshop.teacher(name)).transpose()?;
        let student = student_options(recipe, &student_of(recipe, stage)?)?;
        let teachers = teacher.is_some() && reads_alike(student, &options.data);
        let tokenizer = match &from {
            // What it has learnt to read.
            Some(folder) if !teachers => ModelFolder::open(folder)?.tokenizer()?,
            _ => workshop.tokenizer(teacher.as_deref(), student, &options.data)?,
        };
        let job = Job {
            label: label.to_owned(),
            stage,
            start: Start::Made(student),
            teacher: teacher.as_deref(),
            data: &options.data,
            loss: &options.loss,
            freeze: &options.freeze,
            train: &options.train,
            steps: None,
            seed,
            from,
            detector: workshop.detector(student)?,
            tokenizer: &tokenizer,
        };
        train(workshop, &job, events, observer)
    };
    run().map_err(in_stage)?.ok_or_else(|| RunError::Interrupted { folder: workshop.folder.clone() })
}

/// The student without a teacher: same architecture, steps, batches and schedule. Where the student starts from a
/// teacher's weights, once from these and once from random ones.
fn baselines(
    workshop: &Workshop<'_>,
    last: &str,
    student: &str,
    students: &[Replica],
    events: &mut EventLog,
    observer: &mut dyn Observer,
) -> Result<Vec<(String, Vec<Replica>)>, RunError> {
    let recipe = workshop.recipe;
    let Some(options) = &recipe.baseline else { return Ok(Vec::new()) };
    let stage = stage_options(recipe, last)?;
    let own = student_options(recipe, student)?;
    let folder = ModelFolder::open(&students[0].folder)?;
    let shape = Config::open(&folder)?;
    let starts = if own.inner().takes_weights() {
        vec![(SAME_START, Start::Made(own)), (FROM_SCRATCH, Start::Shape(&shape))]
    } else {
        vec![("baseline", Start::Made(own))]
    };
    // The student's vocabulary, whatever the baseline's data hold.
    let tokenizer = folder.tokenizer()?;
    let mut baselines = Vec::new();
    for (name, start) in starts {
        let mut replicas = Vec::new();
        for replica in students {
            let label = if replica.seed == recipe.seed {
                name.to_owned()
            } else {
                format!("{name}.seed-{}", replica.seed)
            };
            let job = Job {
                label: label.clone(),
                stage: name,
                start,
                teacher: None,
                data: &options.data,
                loss: &options.loss,
                freeze: &[],
                train: &stage.train,
                steps: Some(replica.trainings.iter().map(|trained| trained.steps).sum()),
                seed: replica.seed,
                from: None,
                detector: workshop.detector(own)?,
                tokenizer: &tokenizer,
            };
            let trained = train(workshop, &job, events, observer)
                .map_err(|source| RunError::Stage { stage: label.clone(), source: Box::new(source) })?
                .ok_or_else(|| RunError::Interrupted { folder: workshop.folder.clone() })?;
            replicas.push(Replica {
                seed: replica.seed,
                trainings: vec![trained],
                folder: finished_folder(&workshop.folder, &label),
            });
        }
        baselines.push((name.to_owned(), replicas));
    }
    Ok(baselines)
}
