//! Teachers: model folders, stages that train them, chains.

use std::path::Path;
use std::rc::Rc;

use alambic_data::Extent;
use alambic_data::error::{DataError, Problem};
use alambic_hub::Hub;
use alambic_models::Tokenizer;
use alambic_settings::{At, Diagnostic, Location, Origin};
use alambic_teachers::{
    AnsweringEndpoint, CheckpointOptions, EnsembleOptions, PipelineOptions, RecordedOptions, RecordedTable,
    RecordedTeacher, TeacherError, TeacherOptions, is_record,
};

use super::checker::{Checker, Depth};
use super::faults::line_of;
use super::model_info::{ModelInfo, inspect};
use crate::builtin_models::builtin_model;
use crate::schema::Recipe;

impl Checker<'_> {
    /// Checks every teacher on its own, and looks into model folders.
    pub(super) fn check_teachers(&mut self, recipe: &Recipe) {
        for (name, teacher) in &recipe.teacher {
            match teacher {
                TeacherOptions::Checkpoint(options) => self.check_model(name, options, recipe),
                TeacherOptions::Pipeline(options) => self.check_pipeline(name, options),
                TeacherOptions::Recorded(options) => self.check_recorded(name, options),
                TeacherOptions::Endpoint(options) => match AnsweringEndpoint::new(options) {
                    Ok(endpoint) => drop(self.models.endpoints.insert(name.clone(), Rc::new(endpoint))),
                    Err(error) => {
                        let origin = self.places.key_origin(&["teacher", name]);
                        self.error("teacher::endpoint", error.to_string(), &origin, "this endpoint");
                    }
                },
                TeacherOptions::Ensemble(options) => self.check_ensemble(name, options),
            }
        }
    }

    fn check_recorded(&mut self, name: &str, options: &RecordedOptions) {
        let origin = self.places.origin(&["teacher", name, "recorded", "path"]);
        let records: Vec<&Path> = options
            .path
            .iter()
            .filter_map(|location| match location {
                Location::File(path) if is_record(location) => Some(path.as_path()),
                _ => None,
            })
            .collect();
        let fault = if records.len() == options.path.iter().count() && !records.is_empty() {
            // A record is long, and its first line was read.
            (self.depth == Depth::Whole).then(|| RecordedTeacher::read(&records).err()).flatten()
        } else {
            let extent = if self.depth == Depth::Whole { Extent::Whole } else { Extent::Head };
            match RecordedTable::read(options, extent) {
                Ok(table) => {
                    self.models.recorded.insert(name.to_owned(), Rc::new(table));
                    None
                }
                Err(error) => Some(error),
            }
        };
        match fault {
            None => {}
            Some(TeacherError::Data(error)) => self.report_answer_faults(name, &error, &origin),
            Some(error) => self.error("teacher::recorded", error.to_string(), &origin, "these answers"),
        }
    }

    fn check_model(&mut self, name: &str, options: &CheckpointOptions, recipe: &Recipe) {
        let place = |key: &str| self.places.origin(&["teacher", name, "checkpoint", key]);
        match (&options.model, &options.stage) {
            (Some(_), Some(stage)) => {
                let message = format!("teacher `{name}` has both a folder and a stage");
                self.report(
                    Diagnostic::error("teacher::checkpoint", message)
                        .label(&stage.origin, "a stage trains it")
                        .label(&place("model"), "and it lies here")
                        .help("leave one of them out"),
                );
            }
            (None, None) => {
                let message = format!("teacher `{name}` has no model");
                self.report(
                    Diagnostic::error("teacher::checkpoint", message)
                        .label(&place(""), "neither `model` nor `stage`")
                        .help("name a folder with `model`, or the stage that trains it with `stage`"),
                );
            }
            (None, Some(stage)) => {
                if options.has_overrides() {
                    let message = format!(
                        "teacher `{name}` is a student of this recipe, which is read as it was trained"
                    );
                    self.report(
                        Diagnostic::error("teacher::checkpoint", message)
                            .label(&stage.origin, "a stage trains it")
                            .help("leave out `prompt` and `pooling`"),
                    );
                }
                let known: Vec<&str> = recipe.stage.keys().map(String::as_str).collect();
                if !known.contains(&stage.as_str()) {
                    self.unknown("stage", "stage", stage, &known);
                } else if !recipe.stages.is_empty() && !recipe.stages.contains(stage) {
                    let message = format!("stage `{}` is not run", stage.value);
                    self.report(
                        Diagnostic::error("recipe::order", message)
                            .label(&stage.origin, "teacher of a stage that is not run")
                            .label(&recipe.stages.origin, "not among these"),
                    );
                }
            }
            (Some(Location::Hub(hub)), None) => {
                let origin = place("model");
                match Hub::from_environment().model(hub) {
                    Ok(path) => self.check_folder(name, options, &path, &origin),
                    Err(error) => self.error("model::hub", error.to_string(), &origin, "on the hub"),
                }
            }
            (Some(Location::Builtin(model)), None) => {
                let origin = place("model");
                match builtin_model(model) {
                    Ok(path) => self.check_folder(name, options, &path, &origin),
                    Err(error) => self.error("model::builtin", error.to_string(), &origin, "of the program"),
                }
            }
            (Some(Location::File(path)), None) => {
                self.check_folder(name, options, path, &place("model"));
            }
        }
    }

    fn check_folder(&mut self, name: &str, options: &CheckpointOptions, path: &Path, origin: &Origin) {
        if !path.is_dir() {
            let message = format!("there is no model folder `{}`", path.display());
            let diagnostic = Diagnostic::error("model::folder", message).label(origin, "seen from this file");
            self.report(
                diagnostic.help("a model folder holds config.json, model.safetensors and tokenizer.json"),
            );
            return;
        }
        let inspected = inspect(path).map(|(info, unread)| {
            if let Some(message) = unread {
                self.report(
                    Diagnostic::warning("model::unread", message).label(origin, "in this model folder"),
                );
            }
            info
        });
        match inspected {
            Ok(info) if options.has_overrides() => {
                match options.apply(info.config, Tokenizer::clone(&info.tokenizer)) {
                    Ok((config, tokenizer)) => {
                        let info = ModelInfo { config, tokenizer: Rc::new(tokenizer), detector: false };
                        self.models.folders.insert(name.to_owned(), info);
                    }
                    Err(error) => {
                        let message = format!("teacher `{name}`: {error}");
                        let diagnostic = Diagnostic::error("teacher::checkpoint", message);
                        self.report(diagnostic.label(origin, "this model").help(
                            "leave out `prompt` and `pooling`, or name an encoder of texts that takes them",
                        ));
                    }
                }
            }
            Ok(info) => {
                self.models.folders.insert(name.to_owned(), info);
            }
            Err(messages) => {
                for message in messages {
                    self.error("model::folder", message, origin, "in this model folder");
                }
            }
        }
    }

    fn check_pipeline(&mut self, name: &str, options: &PipelineOptions) {
        let places = self.places;
        let place = |key: &str| places.origin(&["teacher", name, "pipeline", key]);
        if options.chain.is_empty() {
            let message = format!("pipeline `{name}` has no step");
            self.error("teacher::pipeline", message, &place("chain"), "needs at least one step");
        }
        self.check_decoding(&["teacher", name, "pipeline"], &options.decoding, options.beam);
        if options.n_best > options.beam && !options.decoding.samples() {
            let message = format!(
                "pipeline `{name}` keeps the {} best hypotheses, and its beam has {}",
                options.n_best, options.beam
            );
            self.report(
                Diagnostic::error("teacher::pipeline", message)
                    .label(&place("n-best"), "more than the beam")
                    .label(
                        &place("beam"),
                        if options.beam == 1 { "greedy: one hypothesis" } else { "the beam" },
                    )
                    .help("raise `beam`, or lower `n-best`"),
            );
        }
        let known: Vec<&str> = self.models.teachers.keys().map(String::as_str).collect();
        for step in &options.chain {
            match self.models.teachers.get(&step.teacher.value) {
                None => self.unknown("teacher", "teacher", &step.teacher, &known),
                Some(TeacherOptions::Checkpoint(_)) => {}
                Some(other) => self.report_kind(&step.teacher, other.name()),
            }
        }
    }

    /// Reports what is wrong with the tables of a teacher's answers.
    fn report_answer_faults(&mut self, name: &str, error: &DataError, origin: &Origin) {
        for Problem { place, fault } in &error.problems {
            let mut diagnostic =
                Diagnostic::error("teacher::recorded", format!("{place}: {fault}")).help(fault.help());
            if let Some(line) = line_of(place) {
                diagnostic = diagnostic.label(&line, "this line");
            }
            self.report(diagnostic.label(origin, "these answers"));
        }
        if error.more > 0 {
            let message = format!("teacher `{name}` has {} more faults like these", error.more);
            self.error("teacher::recorded", message, origin, "in these answers");
        }
    }

    fn check_ensemble(&mut self, name: &str, options: &EnsembleOptions) {
        if options.members.is_empty() {
            let origin = self.places.origin(&["teacher", name, "ensemble", "members"]);
            let message = format!("ensemble `{name}` has no member");
            self.error("teacher::ensemble", message, &origin, "needs at least one member");
        }
        let known: Vec<&str> = self.models.teachers.keys().map(String::as_str).collect();
        for member in &options.members {
            match self.models.teachers.get(&member.value) {
                None => self.unknown("teacher", "teacher", member, &known),
                Some(
                    TeacherOptions::Checkpoint(_) | TeacherOptions::Recorded(_) | TeacherOptions::Endpoint(_),
                ) => {}
                Some(other) => {
                    let message = format!("`{}` is a {} and cannot be a member", member.value, other.name());
                    let label = "a member is a checkpoint, recorded answers or an endpoint";
                    self.error("teacher::ensemble", message, &member.origin, label);
                }
            }
        }
    }

    /// Reports an ensemble whose members cannot be averaged, once all of them are known.
    pub(super) fn check_ensemble_form(&mut self, teacher: &At<String>) {
        let Some(TeacherOptions::Ensemble(options)) = self.models.teachers.get(&teacher.value) else {
            return;
        };
        let Some(Err(reason)) = self.models.ensemble_form(options) else { return };
        let message = format!("ensemble `{}`: {reason}", teacher.value);
        if self.found.list.iter().any(|other| other.message == message) {
            return;
        }
        let origin = self.places.key_origin(&["teacher", &teacher.value]);
        self.report(Diagnostic::error("teacher::ensemble", message).label(&origin, "these members").help(
            "classes belong together by their names; `alambic explain teacher.*.ensemble` describes the keys",
        ));
    }
}
