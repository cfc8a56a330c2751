//! Teachers: model folders, stages that train them, chains.

use std::path::Path;
use std::rc::Rc;

use alambic_files::read;
use alambic_hub::Hub;
use alambic_models::Tokenizer;
use alambic_settings::source::SourceKind;
use alambic_settings::{At, Diagnostic, Location, Origin};
use alambic_teachers::{CheckpointOptions, PipelineOptions, Recorded, TARGET, TeacherOptions};

use super::models::{Sketch, inspect};
use super::{Checker, Depth, list};

impl Checker<'_> {
    /// Checks every teacher on its own, and looks into model folders.
    pub(super) fn teachers(&mut self) {
        let recipe = self.recipe;
        for (name, teacher) in &recipe.teacher {
            match teacher {
                TeacherOptions::Checkpoint(options) => self.checkpoint(name, options),
                TeacherOptions::Pipeline(options) => self.pipeline(name, options),
                TeacherOptions::Recorded(options) => {
                    let origin = self.loaded.origin(&["teacher", name, "recorded", "path"]);
                    for path in options.path.iter() {
                        if let Some(path) = self.file(path, &origin, "the record of a teacher") {
                            self.record(path, &origin);
                        }
                    }
                }
            }
        }
    }

    fn record(&mut self, path: &Path, origin: &Origin) {
        let fault = match self.depth {
            Depth::Whole => Recorded::read(&[path]).err().map(|error| error.to_string()),
            Depth::Quick => read::open(path).err().map(|error| error.to_string()),
        };
        if let Some(message) = fault {
            self.error("teacher::record", message, origin, "this record");
        }
    }

    fn checkpoint(&mut self, name: &str, options: &CheckpointOptions) {
        let place = |key: &str| self.loaded.origin(&["teacher", name, "checkpoint", key]);
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
                if options.adapts() {
                    let message = format!(
                        "teacher `{name}` is a student of this recipe, which is read as it was trained"
                    );
                    self.report(
                        Diagnostic::error("teacher::checkpoint", message)
                            .label(&stage.origin, "a stage trains it")
                            .help("leave out `prompt` and `pooling`"),
                    );
                }
                let known: Vec<&str> = self.recipe.stage.keys().map(String::as_str).collect();
                if !known.contains(&stage.as_str()) {
                    self.unknown("stage", "stage", stage, &known);
                } else if !self.recipe.stages.is_empty() && !self.recipe.stages.contains(stage) {
                    let message = format!("stage `{}` is not run", stage.value);
                    self.report(
                        Diagnostic::error("recipe::order", message)
                            .label(&stage.origin, "teacher of a stage that is not run")
                            .label(&self.recipe.stages.origin, "not among these"),
                    );
                }
            }
            (Some(Location::Hub(hub)), None) => {
                let origin = place("model");
                match Hub::from_environment().model(hub) {
                    Ok(path) => self.folder(name, options, &path, &origin),
                    Err(error) => self.error("model::hub", error.to_string(), &origin, "on the hub"),
                }
            }
            (Some(location), None) => {
                let origin = place("model");
                if let Some(path) = self.file(location, &origin, "a model folder") {
                    self.folder(name, options, path, &origin);
                }
            }
        }
    }

    fn folder(&mut self, name: &str, options: &CheckpointOptions, path: &Path, origin: &Origin) {
        if !path.is_dir() {
            let message = format!("there is no model folder `{}`", path.display());
            let diagnostic = Diagnostic::error("model::folder", message).label(origin, "seen from this file");
            self.report(match origin {
                Origin::Written { source, .. } if matches!(source.kind, SourceKind::Builtin(_)) => {
                    let own = source.name();
                    diagnostic.help(format!(
                        "`{own}` speaks of a folder beside the recipes of a checkout: run it there as \
                         `recipes/{}.toml`, or name the folder with `--set teacher.{name}.checkpoint.model=FOLDER`",
                        own.trim_start_matches("builtin:")
                    ))
                }
                _ => diagnostic.help("a model folder holds config.json, model.safetensors and tokenizer.json"),
            });
            return;
        }
        let inspected = inspect(path).map(|(sketch, unread)| {
            if let Some(told) = unread {
                self.report(Diagnostic::warning("model::unread", told).label(origin, "in this model folder"));
            }
            sketch
        });
        match inspected {
            Ok(sketch) if options.adapts() => {
                match options.adapted(sketch.config, Tokenizer::clone(&sketch.tokenizer)) {
                    Ok((config, tokenizer)) => {
                        let sketch = Sketch { config, tokenizer: Rc::new(tokenizer), detector: false };
                        self.sketches.folders.insert(name.to_owned(), sketch);
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
            Ok(sketch) => {
                self.sketches.folders.insert(name.to_owned(), sketch);
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

    fn pipeline(&mut self, name: &str, options: &PipelineOptions) {
        let recipe = self.recipe;
        let path = ["teacher", name, "pipeline"];
        let place = |key: &str| self.loaded.origin(&[&path[..], &[key]].concat());
        if options.chain.is_empty() {
            let message = format!("pipeline `{name}` has no step");
            self.error("teacher::pipeline", message, &place("chain"), "needs at least one step");
        }
        if options.keep > options.beam {
            let message = format!(
                "pipeline `{name}` keeps {} hypotheses, and decoding finds {}",
                options.keep, options.beam
            );
            self.report(
                Diagnostic::error("teacher::pipeline", message)
                    .label(&place("keep"), "more than the beam")
                    .label(
                        &place("beam"),
                        if options.beam == 1 { "greedy: one hypothesis" } else { "the beam" },
                    )
                    .help("raise `beam`, or lower `keep`"),
            );
        }
        let known: Vec<&str> = recipe.teacher.keys().map(String::as_str).collect();
        for step in &options.chain {
            match recipe.teacher.get(&step.teacher.value) {
                None => self.unknown("teacher", "teacher", &step.teacher, &known),
                Some(TeacherOptions::Checkpoint(_)) => {}
                Some(other) => self.not_a_checkpoint(&step.teacher, other.name()),
            }
        }
    }

    /// Reports a teacher that is named where only a checkpoint will do.
    pub(super) fn not_a_checkpoint(&mut self, name: &At<String>, kind: &str) {
        let message = format!("teacher `{}` is a {kind}, and a checkpoint is needed here", name.value);
        let declared = self.loaded.key_origin(&["teacher", &name.value]);
        self.report(
            Diagnostic::error("teacher::kind", message)
                .label(&name.origin, "must be a checkpoint")
                .label(&declared, format!("declared as a {kind} here")),
        );
    }

    /// Reports a checkpoint that is named where it is none or is not there. True if it is one.
    pub(super) fn must_be_checkpoint(&mut self, name: &At<String>) -> bool {
        let recipe = self.recipe;
        match recipe.teacher.get(&name.value) {
            Some(TeacherOptions::Checkpoint(_)) => return true,
            Some(other) => self.not_a_checkpoint(name, other.name()),
            None => {
                let known: Vec<&str> = recipe.teacher.keys().map(String::as_str).collect();
                self.unknown("teacher", "teacher", name, &known);
            }
        }
        false
    }

    /// The stages that must be done before a teacher is there.
    pub(crate) fn stages_needed(&self, teacher: &str) -> Vec<&At<String>> {
        match self.recipe.teacher.get(teacher) {
            Some(TeacherOptions::Checkpoint(options)) => options.stage.iter().collect(),
            Some(TeacherOptions::Pipeline(options)) => options
                .chain
                .iter()
                .filter_map(|step| match self.recipe.teacher.get(&step.teacher.value) {
                    Some(TeacherOptions::Checkpoint(options)) => options.stage.as_ref(),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Checks that a teacher can write what is asked of it: `languages`, each with the place that asks for it. Looks at
    /// the languages in a chain too.
    pub(super) fn must_write(&mut self, teacher: &str, languages: &[(String, Origin)]) {
        let recipe = self.recipe;
        match recipe.teacher.get(teacher) {
            Some(TeacherOptions::Pipeline(options)) => {
                for (index, step) in options.chain.iter().enumerate() {
                    let origin = self.loaded.origin(&[
                        "teacher",
                        teacher,
                        "pipeline",
                        "chain",
                        &index.to_string(),
                        "language",
                    ]);
                    if step.language == TARGET {
                        self.model_writes(&step.teacher, languages);
                        continue;
                    }
                    self.model_writes(&step.teacher, &[(step.language.clone(), origin.clone())]);
                    let last = index + 1 == options.chain.len();
                    let other = languages.iter().find(|(language, _)| last && *language != step.language);
                    if let Some((language, asked)) = other {
                        let message = format!(
                            "pipeline `{teacher}` writes `{}` and is asked for `{language}`",
                            step.language
                        );
                        self.report(
                            Diagnostic::error("teacher::language", message)
                                .label(asked, format!("asks for `{language}`"))
                                .label(&origin, "always writes this language")
                                .help("`language = \"target\"` is the language asked of the whole pipeline"),
                        );
                    }
                }
            }
            Some(TeacherOptions::Checkpoint(_)) => self.model_writes(teacher, languages),
            _ => {}
        }
    }

    fn model_writes(&mut self, checkpoint: &str, languages: &[(String, Origin)]) {
        let Some(sketch) = self.sketches.checkpoint(self.recipe, checkpoint) else { return };
        let known = sketch.tokenizer.languages();
        let mut reported: Vec<&str> = Vec::new();
        for (language, origin) in languages {
            if !known.contains(language) && !reported.contains(&language.as_str()) {
                reported.push(language);
                let message = format!("model `{checkpoint}` does not write `{language}`");
                let label = format!("it writes {}", list(known.iter().map(String::as_str)));
                self.error("teacher::language", message, origin, label);
            }
        }
    }
}
