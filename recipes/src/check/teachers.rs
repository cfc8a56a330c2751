//! Teachers: model folders, stages that train them, chains.

use std::path::Path;
use std::rc::Rc;

use alambic_files::read;
use alambic_hub::Hub;
use alambic_models::Tokenizer;
use alambic_settings::{Diagnostic, Location, Origin};
use alambic_teachers::{CheckpointOptions, PipelineOptions, RecordedTeacher, TeacherOptions};

use super::checker::{Checker, Depth};
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
                TeacherOptions::Recorded(options) => {
                    let origin = self.places.origin(&["teacher", name, "recorded", "path"]);
                    for path in options.path.iter() {
                        if let Some(path) = self.file(path, &origin, "the record of a teacher") {
                            self.check_record(path, &origin);
                        }
                    }
                }
            }
        }
    }

    fn check_record(&mut self, path: &Path, origin: &Origin) {
        let fault = match self.depth {
            Depth::Whole => RecordedTeacher::read(&[path]).err().map(|error| error.to_string()),
            Depth::Quick => read::open(path).err().map(|error| error.to_string()),
        };
        if let Some(message) = fault {
            self.error("teacher::record", message, origin, "this record");
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

    /// The path of a location; what is no path is reported.
    fn file<'l>(&mut self, location: &'l Location, origin: &Origin, what: &str) -> Option<&'l Path> {
        match location {
            Location::File(path) => Some(path),
            other => {
                let message = format!("`{other}` is not {what} on this machine");
                let diagnostic =
                    Diagnostic::error("recipe::location", message).label(origin, "must be a path");
                self.report(diagnostic.help("download it and name its folder"));
                None
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
        if options.n_best > options.beam {
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
}
