//! The page of a run that goes on, written at each validation.

use alambic_losses::ScheduledValue;
use alambic_reports::numbers::counted;
use alambic_reports::plots::{learning_rate_over_steps, losses_over_steps, validation_over_steps};
use alambic_reports::record::read_events;
use alambic_reports::report::{StageSummary, Unfinished};
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;

use super::summaries::{corpus_readings, curve_names, losses_and_shares, settings, stage_summary};
use crate::context::RunContext;
use crate::error::RunError;
use crate::folder::layout::CHECKPOINTS;
use crate::schema::Recipe;
use crate::training::callbacks::{Recorder, TrainerCallback, is_due};
use crate::training::losses::StepStatistics;
use crate::training::output::TrainOutput;
use crate::training::state::TrainState;

/// Writes `report.html` with what there is of a run. The report replaces it when the run is finished.
pub(super) struct PageWriter<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) context: &'a RunContext<'a>,
    /// The training under way.
    pub(super) label: String,
    pub(super) seed: u64,
    pub(super) loss_weights: Vec<(String, ScheduledValue)>,
    pub(super) schedules: IndexMap<String, ScheduledValue>,
    /// Examples that it trains on.
    pub(super) examples: usize,
    /// Steps between validations.
    pub(super) every: usize,
    /// Steps of the training at most.
    pub(super) steps: usize,
}

impl PageWriter<'_> {
    /// The trainings in the order in which they began, this one as far as it is.
    fn stages(&self, state: &TrainState, events: &[Value]) -> Result<Vec<StageSummary>, RunError> {
        let labels: IndexSet<&str> = events
            .iter()
            .filter(|event| event["event"] == "step")
            .filter_map(|event| event["stage"].as_str())
            .collect();
        let checkpoints = self.context.folder.path().join(CHECKPOINTS);
        let mut stages = Vec::new();
        for label in labels {
            if label == self.label {
                stages.push(self.current(state, events));
            } else if let Some(output) = TrainOutput::read(&checkpoints.join(label))? {
                let seed = label.rsplit_once(".seed-").and_then(|(_, seed)| seed.parse().ok());
                stages.push(stage_summary(self.recipe, seed.unwrap_or(self.recipe.seed), &output, events));
            }
        }
        Ok(stages)
    }

    fn current(&self, state: &TrainState, events: &[Value]) -> StageSummary {
        let [losses, shares] = losses_and_shares(&self.label, events);
        StageSummary {
            name: self.label.clone(),
            seed: self.seed,
            steps: state.progress.step as u64,
            examples: self.examples as u64,
            seconds: state.progress.seconds,
            settings: settings(self.recipe, &self.label, &self.loss_weights, &self.schedules),
            losses,
            shares,
            teacher_outputs: None,
            kept: state.progress.best.map(|(step, _)| format!("step {step} so far")),
        }
    }
}

impl TrainerCallback for PageWriter<'_> {
    fn on_step_end(
        &mut self,
        state: &mut TrainState,
        _: &StepStatistics,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), RunError> {
        let step = state.progress.step;
        if !is_due(step, self.every, self.steps) {
            return Ok(());
        }
        let events = read_events(recorder.events.path())?;
        let names = curve_names(self.recipe);
        let mut figures = validation_over_steps(&events, &names);
        figures.extend(losses_over_steps(&events));
        figures.extend(learning_rate_over_steps(&events, &names));
        let page = Unfinished {
            recipe: self.recipe.name.value.clone(),
            description: self.recipe.description.clone(),
            state: format!(
                "The run is not finished. Training {} was at step {step} of {} at {}; this page is written at each \
                 validation, every {}.",
                self.label,
                self.steps,
                chrono::Utc::now().format("%Y-%m-%d %H:%M:%S UTC"),
                counted(self.every, "step", "steps")
            ),
            stages: self.stages(state, &events)?,
            corpora: corpus_readings(self.recipe, &self.context.corpora),
            figures,
        };
        self.context.folder.check()?;
        Ok(page.write(self.context.folder.path())?)
    }
}
