//! The predictions of the models of a run for the test splits, and what they are worth.

use std::path::{Path, PathBuf};

use alambic_files::{digests, write};
use alambic_models::{ModelFolder, Precision, TokenizerFiles};
use alambic_reports::document::Image;
use alambic_reports::layers::LayerRetrieval;
use alambic_reports::metrics::{
    ByClass, DocumentFrequencies, Prediction, Scores, ScoringContext, accuracy_and_majority,
    fidelity_metrics, score_all,
};
use alambic_reports::numbers::counted;
use alambic_reports::outcome::{Latency, ModelOutcome};
use alambic_reports::report::{IllustratedExamples, Noun, Text};
use alambic_reports::transfer::LanguageSets;
use alambic_settings::IndexMap;
use alambic_students::{InitialModel, copy_inner_models, save_pretrained};
use alambic_teachers::Teacher;
use alambic_tensor::precision::{self, MatmulPrecision};

use super::trainings::{SeedRun, Trainings};
use crate::context::RunContext;
use crate::error::RunError;
use crate::evaluation::evaluator::{
    CardMetadata, Evaluator, InputChange, ModelRole, TestSet, TrivialBaseline,
};
use crate::evaluation::languages::language_sets;
use crate::evaluation::metrics::document_frequencies;
use crate::folder::layout;
use crate::names::UNTRAINED;
use crate::observer::Observer;
use crate::options::evaluation::EvaluationOptions;

/// The seed of shuffled metrics, so that a report can be made again to the digit.
const SHUFFLE_SEED: u64 = 1;

/// One model's predictions: for each seed, one an example.
pub(crate) type Predictions = Vec<Vec<Prediction>>;

/// A model that is evaluated on the same as the student.
pub(crate) struct ComparedModel {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) predictions: Predictions,
}

/// Name of the student with matrix products of lower precision.
pub(crate) fn in_precision(products: MatmulPrecision) -> String {
    format!("student in {}", products.name())
}

/// Name of the student with embeddings of so many numbers.
pub(crate) fn at_width(width: usize) -> String {
    format!("student at width {width}")
}

/// The folders of models that are compared with the student, by name.
fn compared(
    options: &EvaluationOptions,
    context: &RunContext<'_>,
    untrained: &dyn Fn() -> Result<(InitialModel, ModelFolder), RunError>,
) -> Result<Vec<(String, PathBuf)>, RunError> {
    let named = options
        .compare_with
        .iter()
        .map(|name| Ok((name.value.clone(), context.models.checkpoint_folder(name)?)));
    let mut folders: Vec<(String, PathBuf)> = named.collect::<Result<_, RunError>>()?;
    if options.untrained {
        let folder = context.folder.path().join(layout::UNTRAINED);
        if context.ranks.is_first() {
            let (initial, trained) = untrained()?;
            save_untrained(&initial, &trained, &folder)?;
        }
        context.ranks.barrier()?;
        folders.push((UNTRAINED.to_owned(), folder));
    }
    Ok(folders)
}

/// Writes the student before training, whose files lie beside those of the trained one.
fn save_untrained(initial: &InitialModel, trained: &ModelFolder, folder: &Path) -> Result<(), RunError> {
    let partial = write::partial(folder);
    write::begin_folder(&partial)?;
    let tokenizer = TokenizerFiles::read(trained.path())?;
    save_pretrained(&partial, &initial.config, &initial.weights, &tokenizer, Precision::F32)?;
    copy_inner_models(trained.path(), &partial)?;
    Ok(digests::publish(&partial, folder)?)
}

/// The group of each example of several test sets, one after another; none where no set has groups.
fn groups<'s>(sets: impl Iterator<Item = &'s TestSet>) -> Vec<usize> {
    let (mut all, mut has_groups) = (Vec::new(), false);
    for set in sets {
        let first = all.iter().max().map_or(0, |last: &usize| last + 1);
        has_groups |= !set.groups.is_empty();
        let own = |example: usize| set.groups.get(example).copied().unwrap_or(example);
        all.extend((0..set.references.len()).map(|example| first + own(example)));
    }
    if has_groups { all } else { Vec::new() }
}

/// The test splits and every model's predictions for them.
///
/// Several evaluators are one after another: an example of the second comes after those of the first, and a metric counts the
/// examples whose predictions it accepts.
pub(crate) struct Evaluation<'a> {
    evaluators: Vec<Box<dyn Evaluator + 'a>>,
    references: Vec<Prediction>,
    slices: Vec<String>,
    /// The means over languages that are asked for; none where slices are no languages.
    languages: Option<LanguageSets>,
    /// Code of the language in which each example is written, as metrics that tokenize need it; an empty one where it is not known.
    written_languages: Vec<String>,
    /// What would be right of each example in other languages.
    in_other_languages: Vec<Vec<String>>,
    /// The group of each example; none where each is by itself.
    groups: Vec<usize>,
    /// Weights of n-grams for CIDEr-D, where the recipe names a file of them.
    document_frequencies: Option<DocumentFrequencies>,
    teacher: Option<Vec<Prediction>>,
    pub(crate) student: Predictions,
    /// By name, as in [`Trainings`].
    pub(crate) baselines: Vec<(String, Predictions)>,
    /// Models that the recipe does not train, or not yet, and the student in lower precision or with shorter embeddings.
    pub(crate) compared: Vec<ComparedModel>,
}

impl<'a> Evaluation<'a> {
    /// Has every model predict the test splits.
    pub(crate) fn run(
        evaluators: Vec<Box<dyn Evaluator + 'a>>,
        options: &EvaluationOptions,
        context: &RunContext<'_>,
        untrained: &dyn Fn() -> Result<(InitialModel, ModelFolder), RunError>,
        trainings: &Trainings,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let sets = || evaluators.iter().map(|evaluator| evaluator.test_set());
        let references: Vec<Prediction> = sets().flat_map(|set| set.references.clone()).collect();
        let has_slices = sets().count() > 1 || sets().any(|set| !set.slices.is_empty());
        let slices = sets().filter(|_| has_slices).flat_map(|set| {
            let missing = set.references.len().saturating_sub(set.slices.len());
            set.slices.iter().cloned().chain(std::iter::repeat_n(set.noun.many.clone(), missing))
        });
        let slices = slices.collect();
        let languages = sets().next().and_then(|set| language_sets(options, set));
        let written_languages = sets().flat_map(TestSet::written_languages).collect();
        let in_other_languages = sets().flat_map(|set| {
            let missing = set.references.len().saturating_sub(set.in_other_languages.len());
            set.in_other_languages.iter().cloned().chain(std::iter::repeat_n(Vec::new(), missing))
        });
        let in_other_languages = in_other_languages.collect();
        let groups = groups(sets());
        let teacher = sets().map(|set| set.teacher.clone()).collect::<Option<Vec<_>>>();
        let teacher = teacher.map(|predictions| predictions.concat());
        let folders = compared(options, context, untrained)?;
        for precision in options.precisions.iter().filter(|precision| !precision.value.is_supported()) {
            let name = precision.value.name();
            observer.warn(&format!(
                "this machine has no {name} kernels: the student in {name} is evaluated in f32"
            ));
        }
        let widths = evaluators.first().map(|evaluator| evaluator.widths().to_vec()).unwrap_or_default();
        let changes = evaluators.first().map_or(&[][..], |evaluator| evaluator.input_changes());
        let models = trainings.student.len() * (1 + options.precisions.len() + widths.len() + changes.len())
            + folders.len()
            + trainings.baselines.iter().map(|(_, runs)| runs.len()).sum::<usize>();
        let noun = sets().next().map(|set| set.noun.many.clone()).unwrap_or_default();
        let (count, models_named) = (references.len(), counted(models, "model", "models"));
        observer.task(&format!("evaluation: {count} {noun}, {models_named}"), models * count, 0);
        let mut done = 0;
        let mut predict = |folder: &Path, role: ModelRole| -> Result<Vec<Prediction>, RunError> {
            let mut progress = |count| {
                done += count;
                observer.progress(done);
            };
            let all = evaluators.iter().map(|evaluator| evaluator.predict(folder, role, &mut progress));
            Ok(all.collect::<Result<Vec<_>, RunError>>()?.concat())
        };
        let mut predict_all = |runs: &[SeedRun]| -> Result<Predictions, RunError> {
            runs.iter().map(|run| predict(&run.folder, ModelRole::Student)).collect()
        };
        let student = predict_all(&trainings.student)?;
        let mut compared = Vec::new();
        for precision in &options.precisions {
            let products = precision.value;
            compared.push(ComparedModel {
                name: in_precision(products),
                folder: trainings.student[0].folder.clone(),
                predictions: precision::with(products, || predict_all(&trainings.student))?,
            });
        }
        let baselines = trainings
            .baselines
            .iter()
            .map(|(name, runs)| Ok((name.clone(), predict_all(runs)?)))
            .collect::<Result<_, RunError>>()?;
        for width in widths {
            let truncated = |run: &SeedRun| predict(&run.folder, ModelRole::Truncated(width));
            compared.push(ComparedModel {
                name: at_width(width),
                folder: trainings.student[0].folder.clone(),
                predictions: trainings.student.iter().map(truncated).collect::<Result<_, RunError>>()?,
            });
        }
        for change in changes {
            let changed = |run: &SeedRun| predict(&run.folder, ModelRole::Changed(*change));
            compared.push(ComparedModel {
                name: change.row().to_owned(),
                folder: trainings.student[0].folder.clone(),
                predictions: trainings.student.iter().map(changed).collect::<Result<_, RunError>>()?,
            });
        }
        for (name, folder) in folders {
            let role = if name == UNTRAINED { ModelRole::Student } else { ModelRole::Compared };
            let predictions = vec![predict(&folder, role)?];
            compared.push(ComparedModel { name, folder, predictions });
        }
        observer.finished(&format!("{count} {noun} by {models_named}"));
        Ok(Self {
            evaluators,
            references,
            slices,
            languages,
            written_languages,
            in_other_languages,
            groups,
            document_frequencies: document_frequencies(options)?,
            teacher,
            student,
            baselines,
            compared,
        })
    }

    /// Changes of the inputs with which the student is evaluated once more.
    pub(crate) fn input_changes(&self) -> &'static [InputChange] {
        self.first().input_changes()
    }

    /// Name of an example.
    pub(crate) fn noun(&self) -> Noun {
        self.first().test_set().noun.clone()
    }

    /// How many examples there are.
    pub(crate) fn examples(&self) -> usize {
        self.references.len()
    }

    /// Widths to which the student's embeddings are truncated for rows of their own.
    pub(crate) fn widths(&self) -> &[usize] {
        self.first().widths()
    }

    /// The names of the metrics; models are compared by the first.
    pub(crate) fn metrics(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = Vec::new();
        for metric in self.evaluators.iter().flat_map(|evaluator| &evaluator.test_set().metrics) {
            if !names.contains(&metric.name) {
                names.push(metric.name);
            }
        }
        names
    }

    /// The metrics of predictions against the teacher's, each with its name in `metrics.json`.
    pub(crate) fn fidelity_metrics(&self) -> &'static [(&'static str, &'static str)] {
        fidelity_metrics(self.first().test_set().kind)
    }

    /// The slice of each example; none where there is one kind of example only, or all are of one language.
    pub(crate) fn slices(&self) -> &[String] {
        let is_one = self.slices.iter().all(|slice| *slice == self.slices[0]);
        if is_one && self.languages.is_some() { &[] } else { &self.slices }
    }

    /// The means over languages that are asked for; none where slices are no languages.
    pub(crate) fn languages(&self) -> Option<&LanguageSets> {
        self.languages.as_ref()
    }

    /// The length of each example; none where length has little effect.
    pub(crate) fn lengths(&self) -> Option<&[usize]> {
        match self.evaluators.as_slice() {
            [only] => only.test_set().lengths.as_deref(),
            _ => None,
        }
    }

    /// Examples of the test splits that are not evaluated, and why.
    pub(crate) fn left_out(&self) -> Option<String> {
        let all: Vec<String> =
            self.evaluators.iter().filter_map(|evaluator| evaluator.test_set().left_out.clone()).collect();
        (!all.is_empty()).then(|| all.join(" and "))
    }

    pub(crate) fn trivial(&self) -> &[TrivialBaseline] {
        &self.first().test_set().trivial
    }

    /// The teacher with which the student is compared.
    pub(crate) fn teacher(&self) -> Option<&dyn Teacher> {
        self.first().teacher()
    }

    /// The teacher's predictions.
    pub(crate) fn teacher_predictions(&self) -> Option<&[Prediction]> {
        self.teacher.as_deref()
    }

    /// Reference of each example.
    pub(crate) fn references(&self) -> &[Prediction] {
        &self.references
    }

    /// BLAKE3 hash of the examples and their references.
    pub(crate) fn test_data(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (index, reference) in self.references.iter().enumerate() {
            for text in [self.source(index).text, reference.to_string()] {
                // The length keeps texts apart that only begin and end elsewhere.
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Right and wrong predictions class by class; none where predictions are no classes or tags.
    pub(crate) fn by_class(&self, predictions: &[Prediction]) -> Option<ByClass> {
        ByClass::of(predictions, &self.references, &self.first().test_set().classes)
    }

    /// The text of an example.
    pub(crate) fn source(&self, index: usize) -> Text {
        let (evaluator, index) = self.of_example(index);
        evaluator.source(index)
    }

    /// A prediction for an example, or what is right, as a reader is shown it.
    pub(crate) fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        let (evaluator, index) = self.of_example(index);
        evaluator.shown(index, prediction)
    }

    /// The image of an example's input, small.
    pub(crate) fn source_image(&self, index: usize) -> Result<Option<Image>, RunError> {
        let (evaluator, index) = self.of_example(index);
        evaluator.source_image(index)
    }

    /// The image that a prediction for an example stands for, small.
    pub(crate) fn shown_image(
        &self,
        index: usize,
        prediction: &Prediction,
    ) -> Result<Option<Image>, RunError> {
        let (evaluator, index) = self.of_example(index);
        evaluator.shown_image(index, prediction)
    }

    /// The probability that a finished model gives to its prediction for each of some examples, or the teacher where no folder
    /// is named; of several tokens or words the geometric mean; none where predictions have none.
    pub(crate) fn probabilities(
        &self,
        folder: Option<&Path>,
        examples: &[usize],
    ) -> Result<Vec<Option<f64>>, RunError> {
        let mut all = vec![None; examples.len()];
        let mut begin = 0;
        for evaluator in &self.evaluators {
            let end = begin + evaluator.test_set().references.len();
            let own: Vec<(usize, usize)> = examples
                .iter()
                .copied()
                .enumerate()
                .filter(|(_, index)| (begin..end).contains(index))
                .collect();
            let places: Vec<usize> = own.iter().map(|(_, index)| index - begin).collect();
            let probabilities = evaluator.probabilities(folder, &places)?;
            for ((place, _), probability) in own.into_iter().zip(probabilities) {
                all[place] = probability;
            }
            begin = end;
        }
        Ok(all)
    }

    /// What models of the student's kind are for.
    pub(crate) fn purpose(&self) -> Option<String> {
        self.first().purpose()
    }

    /// How the student's vectors are compared.
    pub(crate) fn vector_similarity(&self) -> Option<&'static str> {
        self.first().vector_similarity()
    }

    /// Model card of the student.
    pub(crate) fn card(&self) -> CardMetadata {
        self.first().card(self.student.first().and_then(|predictions| predictions.first()))
    }

    /// Similarities of the student's inner states to the teacher's.
    pub(crate) fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let mut all = IndexMap::new();
        for evaluator in &self.evaluators {
            all.extend(evaluator.similarities(student)?);
        }
        Ok(all)
    }

    /// Retrieval by the states of each layer of a finished model, or of the teacher where no folder is named.
    pub(crate) fn by_layer(&self, folder: Option<&Path>) -> Result<Option<LayerRetrieval>, RunError> {
        self.first().by_layer(folder)
    }

    /// Times by setting and model.
    pub(crate) fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        self.first().timings(student, max)
    }

    /// Attention of models in some of so many examples, evenly spread.
    pub(crate) fn illustrated_examples(
        &self,
        count: usize,
        models: &[(&str, &Path)],
    ) -> Result<IllustratedExamples, RunError> {
        let all = self.first().test_set().references.len();
        let step = (all / count).max(1);
        // Off the first of each stretch, which the samples show already.
        let examples: Vec<usize> = (step / 2..all).step_by(step).take(count).collect();
        self.first().illustrated_examples(&examples, models)
    }

    fn first(&self) -> &dyn Evaluator {
        &*self.evaluators[0]
    }

    /// The evaluator of an example, and the example's place there.
    fn of_example(&self, mut index: usize) -> (&dyn Evaluator, usize) {
        for evaluator in &self.evaluators {
            let count = evaluator.test_set().references.len();
            if index < count {
                return (&**evaluator, index);
            }
            index -= count;
        }
        (self.first(), 0)
    }

    /// Context of metrics besides the predictions.
    fn context(&self) -> ScoringContext<'_> {
        let classes = &self.first().test_set().classes;
        ScoringContext {
            classes,
            seed: SHUFFLE_SEED,
            languages: &self.written_languages,
            in_other_languages: &self.in_other_languages,
            groups: &self.groups,
            document_frequencies: self.document_frequencies.as_ref(),
            ..ScoringContext::default()
        }
    }

    /// The teacher's accuracy, and that of always predicting the majority; none where there is no teacher, or predictions are
    /// no classes.
    pub(crate) fn teacher_accuracies(&self) -> Result<Option<[f64; 2]>, RunError> {
        let (Some(metrics), Some(predictions)) =
            (accuracy_and_majority(self.first().test_set().task()), self.teacher_predictions())
        else {
            return Ok(None);
        };
        let names = metrics.map(|metric| metric.name);
        let scores = score_all(&names, predictions, &self.references, self.context())?;
        let values: Vec<f64> = scores.values().filter_map(Scores::value).collect();
        Ok(values.try_into().ok())
    }

    /// A model's scores, seed by seed.
    pub(crate) fn scores(
        &self,
        seeds: &[Vec<Prediction>],
    ) -> Result<Vec<IndexMap<String, Scores>>, RunError> {
        let metrics = self.metrics();
        let all = |predictions: &Vec<Prediction>| {
            Ok(score_all(&metrics, predictions, &self.references, self.context())?)
        };
        seeds.iter().map(all).collect()
    }

    /// Outcome of a model, over all examples and by their slices; models are compared by a metric.
    pub(crate) fn measure(
        &self,
        scores: &[IndexMap<String, Scores>],
        compared_by: Option<&str>,
    ) -> Result<ModelOutcome, RunError> {
        let outcome = ModelOutcome::from_scores(scores, &self.slices)?;
        let Some(sets) = &self.languages else { return Ok(outcome) };
        let outcome = outcome.with_languages(scores, &self.slices, sets)?;
        Ok(match sets.source.as_deref().zip(compared_by) {
            Some((source, metric)) => outcome.with_transfer(source, metric),
            None => outcome,
        })
    }

    /// A model's scores against the teacher's predictions, seed by seed; none without a teacher.
    pub(crate) fn fidelity(
        &self,
        seeds: &[Vec<Prediction>],
    ) -> Result<Option<Vec<IndexMap<String, Scores>>>, RunError> {
        let Some(teacher) = self.teacher_predictions() else { return Ok(None) };
        let metrics: Vec<&str> = self.fidelity_metrics().iter().map(|(metric, _)| *metric).collect();
        let scores = seeds
            .iter()
            .map(|predictions| Ok(score_all(&metrics, predictions, teacher, self.context())?))
            .collect::<Result<_, RunError>>()?;
        Ok(Some(scores))
    }
}
