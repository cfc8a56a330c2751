//! Plan of a run, known before anything is trained.

mod planned;

use std::sync::atomic::AtomicBool;

use alambic_data::Split;
use alambic_losses::{BATCH_RELEVANCE, RELEVANCE};
use alambic_models::{Outline, Stream};
use alambic_ranks::Ranks;
use alambic_reports::outcome::{BASELINE, UPPER_BOUND};
use alambic_settings::{Diagnostics, IndexMap};
use alambic_teachers::TeacherOptions;
use alambic_teachers::cache::estimate_size;

use crate::baselines::baseline_trainings;
use crate::cache_scope::cache_scope;
use crate::check::checker::{Checker, Depth};
use crate::check::counts::{Count, Counts};
use crate::check::model_info::ModelInfo;
use crate::check::sparse::{candidates, trained_after};
use crate::check::{examine, is_fatal};
use crate::load::Loaded;
use crate::options::sparse::Sparse;
use crate::options::train::{Optimiser, TrainOptions};
use crate::run::rounds::round_labels;
use crate::schema::{Recipe, StageOptions};
use crate::stage_order::student_of;
use crate::subsample::subsample;
use crate::tasks::task::Task;
use crate::training::sampler::min_examples;
use crate::training::taps::Taps;
use crate::training::teacher_outputs::{CacheDecision, decide};

pub use planned::{
    Plan, PlannedBaseline, PlannedCache, PlannedCorpus, PlannedLoss, PlannedModel, PlannedRequests,
    PlannedSparse, PlannedStage, PlannedTeacher, PlannedTraining, PlannedWork,
};

/// Number of texts from whose lengths the size of a cache is estimated.
const MEASURED: usize = 1000;

/// Checkpoints of a training on disk at once: the two kept and the one being written.
const CHECKPOINTS: u64 = 3;

/// Plans a run.
///
/// # Errors
/// Diagnostics of [`crate::check()`], if any of them keeps the recipe from running.
pub fn plan(loaded: &Loaded) -> Result<Plan, Diagnostics> {
    let mut checker = examine(loaded, Depth::Whole);
    let diagnostics = std::mem::take(&mut checker.found);
    if is_fatal(&diagnostics) {
        return Err(diagnostics);
    }
    let warnings = diagnostics;
    let recipe = &loaded.recipe;
    let corpora = checker.corpora.iter().map(|(name, corpus)| {
        let report = corpus.report();
        let planned = PlannedCorpus {
            source: corpus.statistics().source.clone(),
            rows: corpus.statistics().rows,
            dropped: corpus.statistics().dropped.clone(),
            notes: corpus.statistics().notes.clone(),
            languages: corpus.languages().to_vec(),
            train: report.train,
            validation: report.validation,
            test: report.test,
        };
        (name.to_owned(), planned)
    });
    let stages: Vec<PlannedStage> = recipe
        .stages
        .iter()
        .enumerate()
        .filter_map(|(position, name)| stage(recipe, &checker, position, name))
        .collect();
    Ok(Plan {
        recipe: recipe.name.value.clone(),
        seeds: (0..recipe.repetitions as u64)
            .map(|repetition| recipe.seed.wrapping_add(repetition))
            .collect(),
        corpora: corpora.collect(),
        baseline: baseline(recipe, &checker, &stages, BASELINE),
        upper_bound: baseline(recipe, &checker, &stages, UPPER_BOUND),
        checkpoint_bytes: checkpoint_bytes(recipe, &stages),
        evaluation: examples(&checker, "evaluation"),
        stages,
        warnings,
    })
}

/// The examples of a training, or of the evaluation.
fn examples(checker: &Checker<'_>, name: &str) -> Vec<Count> {
    checker.counts.get(name).map(|counts| counts.sorts.clone()).unwrap_or_default()
}

fn stage(recipe: &Recipe, checker: &Checker<'_>, position: usize, name: &str) -> Option<PlannedStage> {
    let options = recipe.stage.get(name)?;
    let info = checker.models.stages.get(name)?;
    let counts = checker.counts.get(name)?;
    let student = student_of(recipe, name).ok()?;
    let trains_it =
        |other: &&alambic_settings::At<String>| student_of(recipe, other).is_ok_and(|other| other == student);
    let start = match recipe.stages[..position].iter().rev().find(trains_it) {
        Some(before) => format!("stage {}", before.value),
        None => recipe.model.get(&student)?.name().to_owned(),
    };
    Some(PlannedStage {
        name: name.to_owned(),
        student: model(student, start, info),
        teacher: options.teacher.as_ref().map(|name| teacher(checker, name)),
        examples: counts.sorts.clone(),
        validation: counts.validation,
        training: training(
            &options.train,
            counts.examples(),
            min_examples(&checker.terms(options, info)),
            counts.is_exact,
        ),
        sparse: options.sparse.as_ref().map(|sparse| planned_sparse(name, sparse, info)),
        masked_by: options.masked_by.as_ref().map(|by| by.value.clone()),
        losses: losses(checker, options, info),
        cache: cache(recipe, checker, (name, options), info, counts),
        texts_per_example: texts_per_example(options.data.task(), checker, counts),
        teacher_outputs: counts.generated,
    })
}

fn planned_sparse(stage: &str, sparse: &Sparse, info: &ModelInfo) -> PlannedSparse {
    let weights = candidates(sparse, info);
    PlannedSparse {
        kind: sparse.name().to_owned(),
        weights,
        trained: trained_after(sparse, weights),
        trainings: round_labels(stage, sparse),
    }
}

fn model(name: String, start: String, ModelInfo { config, .. }: &ModelInfo) -> PlannedModel {
    let streams = config.outline().streams;
    // The first stream is that of what is read.
    let reads = streams.values().next().copied().unwrap_or(Stream::new(0, 0, 0));
    PlannedModel {
        name,
        start,
        encoder_layers: reads.layers,
        decoder_layers: streams.get("decoder").map_or(0, |stream| stream.layers),
        width: reads.width,
        heads: reads.heads,
        feed_forward: config.intermediate_size(),
        vocabulary: config.vocabulary(),
        parameters: config.parameters(),
    }
}

fn teacher(checker: &Checker<'_>, name: &str) -> PlannedTeacher {
    let options = checker.models.teachers.get(name);
    let steps: Vec<(String, Option<String>)> = match options {
        Some(TeacherOptions::Pipeline(options)) => options
            .chain
            .iter()
            .map(|step| (step.teacher.value.clone(), Some(step.language.clone())))
            .collect(),
        Some(TeacherOptions::Ensemble(options)) => {
            options.members.iter().map(|member| (member.value.clone(), None)).collect()
        }
        Some(TeacherOptions::Checkpoint(_)) => vec![(name.to_owned(), None)],
        _ => Vec::new(),
    };
    let mut models: Vec<&str> = steps.iter().map(|(name, _)| name.as_str()).collect();
    models.sort_unstable();
    models.dedup();
    let sizes = models.iter().map(|name| Some(checker.models.checkpoint(name)?.config.parameters()));
    let parameters = sizes.sum::<Option<usize>>().filter(|&sum| sum > 0);
    let kind = options.map_or("", TeacherOptions::name).to_owned();
    let requests = checker.requests.get(name).map(|estimate| PlannedRequests {
        texts: estimate.texts,
        requests: estimate.requests,
        prompt_tokens: estimate.tokens.prompt,
        answer_tokens: estimate.tokens.completion,
    });
    PlannedTeacher { name: name.to_owned(), kind, steps, parameters, requests }
}

/// `min` is how many examples a batch must have for all terms to say something.
fn training(options: &TrainOptions, examples: usize, min: usize, complete: bool) -> PlannedTraining {
    let Optimiser::AdamW(optimiser) = &options.optimiser;
    let mut batches = examples.div_ceil(options.batch.size);
    // A last batch of fewer is joined to another one.
    if batches > 1 && (1..min).contains(&(examples % options.batch.size)) {
        batches -= 1;
    }
    let epoch = batches.div_ceil(options.gradient_accumulation).max(1);
    let by_epochs = options.epochs.map(|epochs| (epochs * epoch as f64).ceil() as usize);
    let steps = [options.steps, by_epochs].into_iter().flatten().min().unwrap_or_default();
    PlannedTraining {
        steps,
        exact: options.patience.is_none()
            && (options.steps == Some(steps) && by_epochs.is_none()
                || complete && options.batch.max_tokens.is_none()),
        batch: options.batch.size,
        gradient_accumulation: options.gradient_accumulation,
        learning_rate: optimiser.learning_rate,
        schedule: options.schedule.name().to_owned(),
    }
}

fn losses(checker: &Checker<'_>, options: &StageOptions, info: &ModelInfo) -> Vec<PlannedLoss> {
    let student = info.config.outline();
    let teacher = checker.outline_of_teacher(options, &student).unwrap_or_default();
    let teacher = options.data.task().outline_of_targets(&student, teacher);
    let masks = options.data.task().is_masked();
    let shapes = |taps: Vec<String>, outline: &Outline| -> IndexMap<String, String> {
        let shape = |tap: &str| match outline.tap_shape(tap) {
            _ if tap == RELEVANCE => "queries × passages".to_owned(),
            _ if tap == BATCH_RELEVANCE => "queries × passages of the batch".to_owned(),
            Some(_) if masks && tap == "logits" => format!("tokens × {}", outline.classes),
            Some(form) => form.to_string(),
            None if outline.pairs => "batch × batch".to_owned(),
            None => "unknown".to_owned(),
        };
        taps.into_iter().map(|tap| (tap.clone(), shape(&tap))).collect()
    };
    checker
        .terms(options, info)
        .into_iter()
        .map(|term| PlannedLoss {
            name: term.name.to_owned(),
            weight: term.weight,
            schedules: term.scheduled.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect(),
            student: shapes(term.student_taps, &student),
            teacher: shapes(term.teacher_taps, &teacher),
            projections: term
                .projections
                .into_iter()
                .map(|projection| (projection.name, projection.inputs, projection.outputs))
                .collect(),
        })
        .collect()
}

/// Texts that models read of an example, on average: several of a question with choices, or of a pair whose sentences are read by
/// themselves.
fn texts_per_example(task: &dyn Task, checker: &Checker<'_>, counts: &Counts) -> f64 {
    let Some(Ok(rows)) = task.cacheable_texts(&checker.corpora, Split::Train) else { return 1.0 };
    let read: usize = rows.iter().map(|row| task.read_texts(row).len()).sum();
    // Augmentation makes more examples than the data have, each of as many texts as those.
    let examples = counts.examples().min(rows.len());
    if examples == 0 { 1.0 } else { read as f64 / examples as f64 }
}

/// Size of the cache of a stage, estimated from the lengths of some of its texts.
fn cache(
    recipe: &Recipe,
    checker: &Checker<'_>,
    (name, options): (&str, &StageOptions),
    info: &ModelInfo,
    counts: &Counts,
) -> Option<PlannedCache> {
    let taps = Taps::of(&checker.terms(options, info)).teacher;
    let teacher = checker.models.teacher(options.teacher.as_ref()?)?;
    let task = options.data.task();
    let mut texts = task.cacheable_texts(&checker.corpora, Split::Train)?.ok()?;
    if taps.is_empty() || texts.is_empty() {
        return None;
    }
    subsample(&mut texts, MEASURED);
    let max_length = task.max_length().min(info.config.max_length()).min(teacher.config.max_length());
    let tokenizer = teacher.tokenizer.with_max_length(max_length).ok()?;
    let read = texts.iter().flat_map(|row| task.read_texts(row));
    let encoded = read.map(|(first, second)| tokenizer.encode_text(first, second));
    let lengths: Vec<usize> = encoded.map(|text| Some(text.ok()?.ids.len())).collect::<Option<_>>()?;
    let precision = &recipe.cache.precision;
    let measured = estimate_size(&teacher.config.outline(), &taps, precision, lengths.iter().copied())?;
    let examples = counts.examples() + counts.validation.min(options.train.validation_examples);
    let all = (examples as f64 * texts_per_example(task, checker, counts)).round() as usize;
    let bytes = (measured as f64 / lengths.len().max(1) as f64 * all as f64) as u64;
    let interrupt = AtomicBool::new(false);
    let reads =
        cache_scope(recipe, None, name, (&interrupt, &Ranks::alone())).reads_per_text(counts.examples());
    let (cached, reason) = match decide(&recipe.cache, bytes, reads) {
        CacheDecision::Cache => (true, None),
        CacheDecision::Live(reason) | CacheDecision::Impossible(reason) => (false, Some(reason)),
    };
    Some(PlannedCache { texts: all, bytes, cached, reason })
}

fn baseline(
    recipe: &Recipe,
    checker: &Checker<'_>,
    stages: &[PlannedStage],
    name: &str,
) -> Option<PlannedBaseline> {
    let student = &stages.last()?.student.name;
    let trainings = baseline_trainings(recipe, recipe.model.get(student)?);
    let names: Vec<_> = trainings.iter().filter(|own| own.table == name).map(|own| own.name).collect();
    let own = stages.iter().filter(|stage| stage.student.name == *student);
    (!names.is_empty()).then(|| PlannedBaseline {
        examples: examples(checker, name),
        steps: own.map(|stage| stage.training.steps * stage.trainings().len()).sum(),
        models: names.len(),
        names,
    })
}

/// Finished models stay; of the training under way there are checkpoints with weights, two moments of the optimiser,
/// the best weights so far, and their running mean where one is kept.
fn checkpoint_bytes(recipe: &Recipe, stages: &[PlannedStage]) -> u64 {
    let Some(last) = stages.last() else { return 0 };
    let bytes = |stage: &PlannedStage| {
        let projections = stage.losses.iter().flat_map(|loss| &loss.projections);
        let projected: usize = projections.map(|(_, inputs, outputs)| (inputs + 1) * outputs).sum();
        4 * (stage.student.parameters + projected) as u64
    };
    let copies = |stage: &PlannedStage| {
        let average = recipe.stage.get(&stage.name).is_some_and(|options| options.train.ema_decay > 0.0);
        4 + u64::from(average)
    };
    let student = recipe.model.get(&last.student.name);
    let baselines = student.map_or(0, |student| baseline_trainings(recipe, student).len());
    let again = (recipe.repetitions as u64 - 1)
        * stages.iter().filter(|stage| stage.student.name == last.student.name).map(bytes).sum::<u64>();
    let finished = stages.iter().map(bytes).sum::<u64>()
        + again
        + baselines as u64 * recipe.repetitions as u64 * bytes(last);
    let under_way = stages.iter().map(|stage| CHECKPOINTS * copies(stage) * bytes(stage)).max();
    finished + under_way.unwrap_or_default()
}
