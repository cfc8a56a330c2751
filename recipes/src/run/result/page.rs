//! Content of a run's report.

use alambic_reports::metrics::Scores;
use alambic_reports::numbers::counted;
use alambic_reports::outcome::{Latency, Outcome, STUDENT, TEACHER, UPPER_BOUND};
use alambic_reports::plots;
use alambic_reports::record::ScoresBySeed;
use alambic_reports::record::read_events;
use alambic_reports::report::{
    AugmentationNotes, IllustratedExamples, PipelineExample, PipelineNotes, Report, StageSummary, Text,
};
use alambic_reports::verdict::BaselineComparison;
use alambic_settings::IndexMap;
use alambic_teachers::TeacherOptions;
use serde_json::Value;

use super::results::{Baseline, Results, of_metric};
use crate::error::RunError;
use crate::folder::layout::EVENTS;
use crate::names::{FROM_SCRATCH, SAME_START, UNTRAINED};
use crate::run::evaluation::{ComparedModel, at_width, in_precision};
use crate::run::summaries::{corpus_readings, curve_names, file_name, stage_summary};

/// Examples for which it is shown what models attend to.
const MAPS: usize = 6;

impl Results<'_> {
    pub(super) fn report(
        &self,
        outcome: &Outcome,
        comparison: Option<BaselineComparison>,
        timings: IndexMap<String, IndexMap<String, Latency>>,
        student: &ScoresBySeed,
        teacher: Option<&ScoresBySeed>,
        machine: IndexMap<String, String>,
    ) -> Result<Report, RunError> {
        let events = read_events(&self.context.folder.path().join(EVENTS))?;
        let mut quality_figures: Vec<_> =
            self.compared_by.and_then(|metric| plots::metric_by_slice(outcome, metric)).into_iter().collect();
        if let Some((metric, lengths)) = self.compared_by.zip(self.evaluation.lengths()) {
            let mean = |seeds: &ScoresBySeed| Scores::mean_over_seeds(&of_metric(seeds, metric));
            let mut by_length = Vec::new();
            if let Some(teacher) = teacher {
                by_length.push((TEACHER, mean(teacher)?));
            }
            by_length.push((STUDENT, mean(student)?));
            for Baseline { name, scores, .. } in &self.baselines {
                by_length.push((name, mean(scores)?));
            }
            let by_length: Vec<(&str, &Scores)> =
                by_length.iter().map(|(name, scores)| (*name, scores)).collect();
            quality_figures.push(plots::metric_by_length(&by_length, lengths)?);
        }
        let noun = self.evaluation.noun();
        let cost_figures = self
            .compared_by
            .map(|metric| plots::quality_against_cost(outcome, metric, &noun.one))
            .unwrap_or_default();
        let names = self.names_of_trainings();
        let mut training_figures = plots::validation_over_steps(&events, &names);
        training_figures.extend(plots::losses_over_steps(&events));
        training_figures.extend(plots::learning_rate_over_steps(&events, &names));
        let (samples, sample_groups) = self.samples()?;
        Ok(Report {
            recipe: self.loaded.recipe.name.value.clone(),
            description: self.loaded.recipe.description.clone(),
            date: chrono::Utc::now().format("%Y-%m-%d").to_string(),
            evaluated_on: self.evaluated_on(),
            outcome: outcome.clone(),
            comparison,
            models: self.descriptions(),
            time_figures: plots::time_per_example(&timings, &noun.one).into_iter().collect(),
            examples: noun,
            timings,
            timing_note: Some(format!(
                "The models take turns over the same {many} in one run and in the same way; `batch 32` is the time \
                 of a batch divided by its {many}.{lower}",
                lower = if self.loaded.recipe.evaluation.precisions.is_empty() {
                    ""
                } else {
                    " The student in lower precisions is timed after them."
                },
                many = self.evaluation.noun().many
            )),
            purpose: self.evaluation.purpose(),
            stages: self.stages(&events),
            corpora: corpus_readings(&self.loaded.recipe, &self.context.corpora),
            pipeline: self.pipeline(),
            augmentations: self.augmentations(),
            samples,
            sample_groups,
            illustrated_examples: self.illustrated_examples()?,
            quality_figures,
            training_figures,
            cost_figures,
            warnings: self.warnings(&events),
            environment: machine,
        })
    }

    /// What the curve of each training is called: by the model that came of it, as in other figures, and the training.
    fn names_of_trainings(&self) -> IndexMap<String, String> {
        let mut names = curve_names(&self.loaded.recipe);
        for Baseline { name, training, .. } in &self.baselines {
            if let Some(rest) = training.strip_prefix(name).and_then(|rest| rest.strip_prefix('-')) {
                names.insert((*training).to_owned(), format!("{name} ({rest})"));
            }
        }
        names
    }

    fn evaluated_on(&self) -> String {
        let names = self.loaded.recipe.evaluation.data.iter().map(|name| name.as_str());
        let sources: Vec<&str> = names.filter(|name| self.context.corpora.find(name).is_some()).collect();
        let without = self.evaluation.left_out().map_or_else(String::new, |some| format!(", without {some}"));
        format!("the test split of {}{without}", sources.join(", "))
    }

    /// Description of a teacher of the recipe.
    fn model_of(&self, name: &str) -> String {
        match self.loaded.recipe.teacher.get(name) {
            Some(TeacherOptions::Pipeline(options)) => {
                let steps: Vec<String> = options
                    .chain
                    .iter()
                    .map(|step| format!("{} writes {}", step.teacher.value, step.language))
                    .collect();
                format!("a pipeline: {}", steps.join(", then "))
            }
            Some(TeacherOptions::Checkpoint(options)) => match (&options.stage, &options.model) {
                (Some(stage), _) => format!("the model that stage `{}` trained", stage.value),
                (None, Some(model)) => format!("the model {}", file_name(&model.to_string())),
                (None, None) => String::new(),
            },
            Some(TeacherOptions::Recorded(options)) => {
                let files: Vec<String> =
                    options.path.iter().map(|path| file_name(&path.to_string()).to_owned()).collect();
                format!("answers recorded in {}", files.join(", "))
            }
            Some(TeacherOptions::Endpoint(options)) => {
                format!("the model {} behind an API", options.model.value)
            }
            Some(TeacherOptions::Ensemble(options)) => {
                let members: Vec<&str> = options.members.iter().map(|member| member.as_str()).collect();
                format!("an ensemble of {}", members.join(", "))
            }
            None => String::new(),
        }
    }

    fn descriptions(&self) -> IndexMap<String, String> {
        let mut models = IndexMap::new();
        let recipe = &self.loaded.recipe;
        if let Some(name) = &recipe.evaluation.teacher {
            models.insert(TEACHER.to_owned(), self.model_of(name));
        }
        models.insert(STUDENT.to_owned(), "distilled from the teacher".into());
        for Baseline { name, training, run, .. } in &self.baselines {
            let start = match *training {
                SAME_START => ", from the weights that the student started from",
                FROM_SCRATCH => ", from random weights",
                _ => "",
            };
            let bound = if *training == UPPER_BOUND {
                "upper bound, with labels that a user of this recipe would not have: "
            } else {
                ""
            };
            let examples = run.trainings.iter().map(|trained| trained.examples).max().unwrap_or_default();
            let noun = if run.trainings.iter().any(|trained| trained.labelled > 0) {
                ["labelled example", "labelled examples"]
            } else {
                ["example without a label", "examples without labels"]
            };
            let text = format!(
                "{bound}the student's architecture, steps, batches and schedule, trained on {} without a \
                 teacher{start} (training {training})",
                counted(examples, noun[0], noun[1])
            );
            models.insert((*name).to_owned(), text);
        }
        for ComparedModel { name, .. } in &self.evaluation.compared {
            let precisions = &recipe.evaluation.precisions;
            let text = if name == UNTRAINED {
                "the student as it was before any training".to_owned()
            } else if let Some(precision) = precisions.iter().find(|other| in_precision(other.value) == *name)
            {
                format!(
                    "the student, read out of the same file, with products of its numbers in {}",
                    precision.value.name()
                )
            } else if let Some(width) = self.evaluation.widths().iter().find(|own| at_width(**own) == *name) {
                format!("the student, of whose embeddings the first {width} numbers are kept")
            } else if let Some(change) = self.evaluation.input_changes().iter().find(|own| own.row() == name)
            {
                change.description().to_owned()
            } else {
                self.model_of(name)
            };
            models.insert(name.clone(), text);
        }
        for trivial in self.evaluation.trivial() {
            models.insert(trivial.name.to_owned(), trivial.description.to_owned());
        }
        if recipe.evaluation.teacher.is_none() {
            models.insert(STUDENT.to_owned(), "trained on labels".into());
        }
        let languages = recipe.evaluation.languages();
        if !languages.are_same() {
            let asked = |languages: &[&str]| match languages {
                [] => "asked in the corpora's own language".to_owned(),
                some => format!("asked in {}", some.join(", ")),
            };
            let teacher: Vec<&str> = languages.teacher.iter().map(|language| language.as_str()).collect();
            let student: Vec<&str> = languages.student.iter().map(|language| language.as_str()).collect();
            for (name, description) in &mut models {
                let languages = if name == TEACHER { &teacher } else { &student };
                *description = format!("{description}; {}", asked(languages));
            }
        }
        models
    }

    fn stages(&self, events: &[Value]) -> Vec<StageSummary> {
        let runs = self.trainings.student.iter().chain(self.trainings.baselines.iter().flat_map(|(_, r)| r));
        let of_others = self.trainings.others.iter().map(|trained| (self.loaded.recipe.seed, trained));
        let of_runs = runs.flat_map(|run| run.trainings.iter().map(|trained| (run.seed, trained)));
        let recipe = &self.loaded.recipe;
        of_others.chain(of_runs).map(|(seed, trained)| stage_summary(recipe, seed, trained, events)).collect()
    }

    /// Outputs that the teacher wrote for training, if it wrote any.
    fn pipeline(&self) -> Option<PipelineNotes> {
        let trained =
            self.student().trainings.iter().rev().find(|trained| trained.generation.requests > 0)?;
        let generation = &trained.generation;
        Some(PipelineNotes {
            description: self.descriptions().shift_remove(TEACHER).unwrap_or_default(),
            inputs: generation.requests as u64,
            dropped: generation
                .dropped
                .iter()
                .map(|(reason, count)| (reason.clone(), *count as u64))
                .collect(),
            examples: generation
                .samples
                .iter()
                .map(|[source, direction, intermediate, output]| {
                    let (from, to) = direction.split_once('-').unwrap_or((direction, ""));
                    PipelineExample {
                        source: Text::new(source, Some(from)),
                        intermediate: vec![Text::new(intermediate, None)],
                        output: Text::new(output, Some(to)),
                        score: None,
                    }
                })
                .collect(),
        })
    }

    /// Counts of augmented texts, for the first seed.
    fn augmentations(&self) -> Vec<AugmentationNotes> {
        let baselines = self.trainings.baselines.iter().filter_map(|(_, runs)| runs.first());
        let runs = std::iter::once(self.student()).chain(baselines);
        let trainings = self.trainings.others.iter().chain(runs.flat_map(|run| &run.trainings));
        let counts = |map: &IndexMap<String, usize>| {
            map.iter().map(|(reason, count)| (reason.clone(), *count as u64)).collect()
        };
        trainings
            .filter(|trained| trained.augmentation.texts > 0)
            .map(|trained| AugmentationNotes {
                training: trained.label.clone(),
                texts: trained.augmentation.texts as u64,
                made: trained.augmentation.made as u64,
                removed: counts(&trained.augmentation.removed),
                examples: trained.augmentation.samples.clone(),
            })
            .collect()
    }

    /// Attention of models in a few examples.
    fn illustrated_examples(&self) -> Result<IllustratedExamples, RunError> {
        let mut models = vec![(STUDENT, self.student().folder.as_path())];
        models.extend(self.baselines.iter().map(|baseline| (baseline.name, baseline.run.folder.as_path())));
        self.evaluation.illustrated_examples(MAPS, &models)
    }

    fn warnings(&self, events: &[Value]) -> Vec<String> {
        let mut warnings: Vec<String> = events
            .iter()
            .filter(|event| event["event"] == "note" && event["level"] == "warning")
            .filter_map(|event| Some(format!("{}: {}", event["stage"].as_str()?, event["text"].as_str()?)))
            .collect();
        for trained in self.student().trainings.iter().chain(&self.trainings.others) {
            if trained.too_long > 0 {
                warnings.push(format!(
                    "{}: {} examples are longer than the student's positions or `max-new-tokens` and were left out",
                    trained.label, trained.too_long
                ));
            }
            if trained.truncated > 0 {
                warnings.push(format!(
                    "{}: {} of {} examples are longer than the limit of tokens and were truncated",
                    trained.label, trained.truncated, trained.examples
                ));
            }
        }
        warnings
    }
}
