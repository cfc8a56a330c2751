//! Stages and the baseline.

use std::rc::Rc;

use alambic_data::{Direction, Labels};
use alambic_models::{Config, Tokenizer};
use alambic_settings::reader::nearest;
use alambic_settings::{At, Diagnostic, IndexMap, Node, Origin};
use alambic_students::{
    ClipSizes, DualEncoder, EncoderLayers, FromTeacher, Purpose, Scratch, Student, Taken,
};
use alambic_teachers::TeacherOptions;
use alambic_tensor::precision::Products;

use super::losses::Supervision;
use super::models::Sketch;
use super::{Checker, Depth, Selection, list};
use crate::run::RunError;
use crate::run::trainings::student_of;
use crate::run::workshop::reads_alike;
use crate::schema::{StageData, StageOptions};

impl Checker<'_> {
    /// Checks the stages in their order, then what follows them.
    pub(super) fn stages(&mut self) {
        let recipe = self.recipe;
        for (position, stage) in recipe.stages.iter().enumerate() {
            if let Some(options) = recipe.stage.get(&stage.value)
                && !recipe.stages[..position].contains(stage)
            {
                self.stage(position, stage, options);
            }
        }
        self.mined();
        self.baseline();
        self.evaluation();
    }

    fn stage(&mut self, position: usize, name: &str, options: &StageOptions) {
        let path = ["stage", name];
        let teacher = options.teacher.as_ref().filter(|teacher| self.known_teacher(teacher));
        if let Some(teacher) = teacher {
            self.must_come_earlier(teacher, position);
        }
        let expanded = self.stage_data(name, &path, &options.data);
        let targets = asked(&expanded, |direction| &direction.target);
        if let Some(teacher) = teacher {
            self.must_write(teacher, &targets);
        }
        self.words(position, name, options);
        self.must_be_mined_before(&options.data, position);
        self.augmented(&path, position, &options.data, options.teacher.as_ref());
        if options.train.precision == Products::Int8 {
            let origin = self.loaded.origin(&["stage", name, "train", "precision"]);
            let message = format!("stage `{name}` cannot train in `int8`");
            self.error(
                "recipe::precision",
                message,
                &origin,
                "steps are too small for 8 bits: `bf16` is the least",
            );
        }
        if options.train.epochs.is_none() && options.train.steps.is_none() {
            let origin = self.loaded.origin(&["stage", name, "train"]);
            let diagnostic = Diagnostic::error("recipe::train", format!("stage `{name}` has no end"));
            self.report(
                diagnostic
                    .label(&origin, "neither `epochs` nor `steps`")
                    .help("set one in `[train]` or in the stage"),
            );
        }
        let sketch = self.sketch(position, name, options, teacher);
        let supervision = match (&options.teacher, teacher) {
            (None, _) => Supervision::Absent,
            (Some(_), Some(teacher)) => self.supervision(teacher),
            (Some(_), None) => Supervision::Unknown,
        };
        self.losses(&path, &options.loss, &options.data, sketch.as_ref(), &supervision);
        self.masking(&path, &options.data, sketch.as_ref());
        self.masking_of_image_texts(&path, &options.data, sketch.as_ref());
        if let Some(sketch) = &sketch {
            self.must_see_alike(options, sketch);
            self.must_have_regions(name, options, sketch);
        }
        if let Some(sketch) = sketch {
            self.must_fit_memory(name, &sketch);
            self.freeze(name, &options.freeze, &sketch);
            self.sketches.stages.insert(name.to_owned(), sketch);
        }
    }

    /// Reports a teacher that is not declared. True if it is.
    pub(super) fn known_teacher(&mut self, teacher: &At<String>) -> bool {
        let known: Vec<&str> = self.recipe.teacher.keys().map(String::as_str).collect();
        let found = known.contains(&teacher.as_str());
        if !found {
            self.unknown("teacher", "teacher", teacher, &known);
        }
        found
    }

    /// Reports a teacher that is not there yet when the stage at `position` needs it.
    pub(super) fn must_come_earlier(&mut self, teacher: &At<String>, position: usize) {
        let stages = &self.recipe.stages;
        let late: Vec<At<String>> = self
            .stages_needed(teacher)
            .into_iter()
            .filter(|needed| {
                stages.iter().position(|stage| stage == *needed).is_some_and(|at| at >= position)
            })
            .cloned()
            .collect();
        for needed in late {
            let message = if needed == stages[position] {
                format!("stage `{}` cannot be its own teacher", needed.value)
            } else {
                format!("teacher `{}` is not there yet in stage `{}`", teacher.value, stages[position].value)
            };
            self.report(
                Diagnostic::error("recipe::order", message)
                    .label(&teacher.origin, "named here")
                    .label(
                        &needed.origin,
                        format!("trained by stage `{}`, which does not come earlier", needed.value),
                    )
                    .help("a stage can use what earlier ones of `stages` trained"),
            );
        }
    }

    /// Source words need a teacher, and whoever renders them.
    fn words(&mut self, position: usize, name: &str, options: &StageOptions) {
        if !options.data.words.is_empty() && options.teacher.is_none() {
            let origin = self.loaded.origin(&["stage", name, "data", "words"]);
            let stage = self.loaded.key_origin(&["stage", name]);
            self.report(
                Diagnostic::error(
                    "recipe::teacher",
                    format!("stage `{name}` has words and nobody to write their targets"),
                )
                .label(&origin, "need a teacher")
                .label(&stage, "names no `teacher`"),
            );
        }
        for (index, words) in options.data.words.iter().enumerate() {
            let Some(renderer) = &words.rendered_by else { continue };
            if !self.must_be_checkpoint(renderer) {
                continue;
            }
            self.must_come_earlier(renderer, position);
            let origin = self.loaded.origin(&["stage", name, "data", "words", &index.to_string()]);
            let selection =
                Selection { names: &words.data, patterns: &words.directions, except: &words.except, origin };
            let mut sources = asked(&self.directions(&selection), |direction| &direction.source);
            sources.retain(|(language, _)| language != "en");
            self.must_write(renderer, &sources);
        }
    }

    /// The student of a stage as far as it can be known; what is wrong with it is reported.
    fn sketch(
        &mut self,
        position: usize,
        name: &str,
        options: &StageOptions,
        teacher: Option<&At<String>>,
    ) -> Option<Sketch> {
        let recipe = self.recipe;
        let student = self.student_name(name, options)?;
        let before = recipe.stages[..position]
            .iter()
            .rev()
            .find(|other| student_of(recipe, other).is_ok_and(|other| other == student))
            .filter(|other| other.value != name);
        let sound = before.is_some() || self.student(&student, position);
        self.must_fit_its_data(name, &student, options)?;
        let tokenizer = match before.and_then(|before| self.sketches.stages.get(&before.value)) {
            // It goes on with what it has learnt to read.
            Some(sketch) if options.teacher.is_none() || !self.reads_alike(&student, &options.data) => {
                Rc::clone(&sketch.tokenizer)
            }
            _ => self.vocabulary(options, teacher, &student)?,
        };
        let task = self.workshop.task(&options.data).ok()?;
        let (config, own, of) = match before {
            Some(before) => {
                let sketch = self.sketches.stages.get(&before.value)?;
                let config = match sketch.config.clone() {
                    Config::Bert(config) => config.for_task(&task).into(),
                    Config::Oscar(config) => Config::Oscar(config.for_task(&task)),
                    other => other,
                };
                (config, Some(Rc::clone(&sketch.tokenizer)), format!("stage `{}`", before.value))
            }
            None if !sound => return None,
            None => {
                let options = recipe.student.get(&student)?;
                let donor = options.inner().donors().into_iter().next();
                let donor = donor.and_then(|donor| self.sketches.checkpoint(recipe, donor));
                let own = donor.map(|donor| Rc::clone(&donor.tokenizer));
                // What is cut is not the donor's any more.
                let own = own.filter(|_| options.inner().taken() == Taken::Whole);
                match self.sketches.configure(recipe, options, &tokenizer, &task) {
                    Ok(config) => (config, own, "the teacher whose layers it takes".to_owned()),
                    // The donor is known to be broken, and that is reported where it is declared.
                    Err(alambic_students::StudentError::NoDonor(_)) => return None,
                    Err(error) => {
                        let origin = self.loaded.origin(&["student", &student]);
                        self.error("student::size", error.to_string(), &origin, "this student");
                        return None;
                    }
                }
            }
        };
        if own.is_some_and(|own| self.depth == Depth::Whole && !same(&own, &tokenizer)) {
            let student = self.loaded.key_origin(&["student", &student]);
            let message = format!("the student of stage `{name}` has another vocabulary than the stage");
            let (place, label) = match teacher {
                Some(teacher) => (teacher.origin.clone(), "this teacher's vocabulary is read and written"),
                None => {
                    (self.data_origin(&["stage", name]), "the characters of these data are read and written")
                }
            };
            self.report(
                Diagnostic::error("student::vocabulary", message)
                    .label(&place, label)
                    .label(&student, format!("has the vocabulary of {of}")),
            );
            return None;
        }
        let detector = recipe.student.get(&student)?.inner().detector().is_some();
        Some(Sketch { config, tokenizer, detector })
    }

    /// Reports a student that writes and is given texts to read, or the other way round; none if it is so.
    fn must_fit_its_data(&mut self, stage: &str, student: &str, options: &StageOptions) -> Option<()> {
        let needed = options.data.purpose();
        let purpose = self.recipe.student.get(student)?.inner().purpose();
        if purpose == needed {
            return Some(());
        }
        let kind = match purpose {
            Purpose::Writes => "writes",
            Purpose::Reads => "reads",
            Purpose::Answers => "answers questions about images",
            Purpose::Matches => "finds images by texts",
            Purpose::Detects => "finds objects in images",
        };
        let data = match needed {
            Purpose::Writes => "words to be written",
            Purpose::Reads => "texts to be read",
            Purpose::Answers => "questions or texts about images",
            Purpose::Matches => "captions of images",
            Purpose::Detects => "objects in images",
        };
        let declared = self.loaded.key_origin(&["student", student]);
        let message = format!("the student of stage `{stage}` {kind}, and its data are {data}");
        self.report(
            Diagnostic::error("student::kind", message)
                .label(&declared, format!("a model that {kind}"))
                .label(&self.data_origin(&["stage", stage]), data)
                .help("`encoder` and `encoder-layers` read; `scratch` and `from-teacher` write; `fusion`, `oscar` and `dual-encoder` look at images; `clip` finds images by texts; a `detector` finds objects"),
        );
        None
    }

    fn student_name(&mut self, stage: &str, options: &StageOptions) -> Option<String> {
        let known: Vec<&str> = self.recipe.student.keys().map(String::as_str).collect();
        match (&options.student, known.as_slice()) {
            (Some(name), known) if known.contains(&name.as_str()) => Some(name.value.clone()),
            (Some(name), known) => {
                self.unknown("student", "student", name, known);
                None
            }
            (None, [only]) => Some((*only).to_owned()),
            (None, known) => {
                let origin = self.loaded.key_origin(&["stage", stage]);
                let diagnostic = Diagnostic::error(
                    "recipe::reference",
                    format!("stage `{stage}` does not say what it trains"),
                );
                let diagnostic = diagnostic.label(&origin, "names no `student`");
                self.report(if known.is_empty() {
                    diagnostic.help("declare one as `[student.NAME.scratch]`")
                } else {
                    diagnostic.help(format!("there are {}", list(known.iter().copied())))
                });
                None
            }
        }
    }

    /// Warns of keys of a student that have no effect beside another one.
    fn warn_of_overruled(&mut self, name: &str) {
        let Some(student) = self.recipe.student.get(name) else { return };
        let path = ["student", name, student.name()];
        let written = path.iter().try_fold(&self.loaded.tree, |node, key| node.get(key));
        let Some(written) = written.and_then(Node::members) else { return };
        for (decides, others) in student.inner().overruled() {
            let idle: Vec<&str> =
                others.iter().map(String::as_str).filter(|key| written.contains_key(*key)).collect();
            let Some(first) = idle.first() else { continue };
            let place = |key: &str| self.loaded.key_origin(&[&path[..], &[key]].concat());
            let (first, decider) = (place(first), place(decides));
            let idle = list(idle.iter().copied());
            let message = format!("beside `{decides}` of student `{name}` there is no effect of {idle}");
            let diagnostic = Diagnostic::warning("student::size", message)
                .label(&first, "is not looked at")
                .label(&decider, "decides")
                .help(format!("leave out what has no effect, or `{decides}`"));
            self.report(diagnostic);
        }
    }

    /// Checks a student that a stage trains first. True if nothing is wrong.
    fn student(&mut self, name: &str, position: usize) -> bool {
        self.warn_of_overruled(name);
        let before = self.found.count();
        match self.recipe.student.get(name) {
            Some(Student::Scratch(options)) => self.scratch(name, options),
            Some(Student::FromTeacher(options)) => self.layers(options, position),
            // Its sizes are held against each other where it is configured.
            Some(Student::Encoder(_) | Student::Fusion(_) | Student::Detector(_)) => {}
            Some(Student::Oscar(options)) => {
                self.must_know_tags(options);
                for teacher in options.encoder.iter().chain(&options.detector) {
                    if self.must_be_checkpoint(teacher) {
                        self.must_come_earlier(teacher, position);
                    }
                }
            }
            Some(Student::EncoderLayers(options)) => self.encoder_layers(options, position),
            Some(
                Student::DualEncoder(DualEncoder { teacher, .. }) | Student::Clip(ClipSizes { teacher, .. }),
            ) => {
                if let Some(teacher) = teacher.as_ref().filter(|teacher| self.must_be_checkpoint(teacher)) {
                    self.must_come_earlier(teacher, position);
                }
            }
            None => return false,
        }
        self.found.count() == before
    }

    fn scratch(&mut self, name: &str, options: &Scratch) {
        if !options.width.is_multiple_of(options.heads) {
            let place = |key: &str| self.loaded.origin(&["student", name, "scratch", key]);
            let (width, heads) = (place("width"), place("heads"));
            let message =
                format!("a width of {} does not divide into {} heads", options.width, options.heads);
            // Where one of the two is a default, its place is that of the table, which need not be shown twice.
            let mut diagnostic =
                Diagnostic::error("student::size", message).label(&heads, format!("{} heads", options.heads));
            if width != heads {
                diagnostic = diagnostic.label(&width, format!("width {}", options.width));
            }
            self.report(diagnostic);
        }
    }

    fn layers(&mut self, options: &FromTeacher, position: usize) {
        for (stack, donor, chosen) in [
            ("encoder", &options.encoder, &options.encoder_layers),
            ("decoder", options.decoder.as_ref().unwrap_or(&options.encoder), &options.decoder_layers),
        ] {
            self.donor(stack, donor, chosen.as_ref(), position);
        }
    }

    fn encoder_layers(&mut self, options: &EncoderLayers, position: usize) {
        self.donor("encoder", &options.teacher, options.layers.as_ref(), position);
    }

    /// Checks a teacher whose layers are taken, and the layers chosen of one of its stacks.
    fn donor(&mut self, stack: &str, donor: &At<String>, chosen: Option<&At<Vec<usize>>>, position: usize) {
        if !self.must_be_checkpoint(donor) {
            return;
        }
        self.must_come_earlier(donor, position);
        let (Some(sketch), Some(chosen)) = (self.sketches.checkpoint(self.recipe, donor), chosen) else {
            return;
        };
        let streams = sketch.config.outline().streams;
        // The only stream of a text encoder has no name.
        let Some(stream) = streams.get(stack).or_else(|| streams.get("")) else { return };
        let layers = stream.layers;
        let message = match chosen.iter().find(|&&layer| layer == 0 || layer > layers) {
            Some(layer) => format!("the {stack} of `{}` has no layer {layer}", donor.value),
            None if chosen.is_empty() => format!("no layer of the {stack} is kept"),
            None => return,
        };
        self.report(
            Diagnostic::error("student::layers", message)
                .label(&chosen.origin, format!("its layers are 1 to {layers}"))
                .label(&donor.origin, format!("this teacher has {layers} {stack} layers")),
        );
    }

    /// What a stage's student reads and writes with: its teacher's vocabulary, or that of the model whose layers it takes,
    /// or that of its data.
    fn vocabulary(
        &mut self,
        options: &StageOptions,
        teacher: Option<&At<String>>,
        student: &str,
    ) -> Option<Rc<Tokenizer>> {
        if options.teacher.is_some() && self.reads_alike(student, &options.data) {
            let teacher = teacher?;
            if !matches!(self.recipe.teacher.get(&teacher.value), Some(TeacherOptions::Recorded(_))) {
                return self
                    .sketches
                    .teacher(self.recipe, teacher)
                    .map(|sketch| Rc::clone(&sketch.tokenizer));
            }
        }
        let recipe = self.recipe;
        let made = recipe.student.get(student)?;
        if options.data.purpose() != Purpose::Writes {
            if let Some(donor) = made.inner().donors().into_iter().next() {
                let whole = Rc::clone(&self.sketches.checkpoint(recipe, donor)?.tokenizer);
                if made.inner().taken() == Taken::Whole {
                    return Some(whole);
                }
                return match self.workshop.taken(&whole, made, &options.data) {
                    Ok(tokenizer) => Some(Rc::new(tokenizer)),
                    Err(RunError::Model(error)) => {
                        let label = "its vocabulary";
                        self.error("student::vocabulary", error.to_string(), &donor.origin, label);
                        None
                    }
                    // What is wrong with the data is said elsewhere.
                    Err(_) => None,
                };
            }
            return self.workshop.tokenizer(None, made, &options.data).ok().map(Rc::new);
        }
        let tokenizer = self.workshop.tokenizer(None, made, &options.data).ok()?;
        // Without a language there are no data, and that is said already.
        (!tokenizer.languages().is_empty()).then(|| Rc::new(tokenizer))
    }

    /// Whether a student reads the same as its teacher; so it is of one that is not declared.
    fn reads_alike(&self, student: &str, data: &StageData) -> bool {
        self.recipe.student.get(student).is_none_or(|student| reads_alike(student, data))
    }

    /// Whether the texts of a training have such labels; true where there are no texts, or they are not known.
    pub(super) fn have(&self, data: &StageData, such: impl Fn(&Labels) -> bool) -> bool {
        let names: Vec<At<String>> = data.texts.iter().flat_map(|texts| texts.data.clone()).collect();
        names.is_empty() || self.workshop.corpora.labels(&names).map_or(true, such)
    }

    /// Warns of prefixes that freeze nothing.
    fn freeze(&mut self, name: &str, prefixes: &[String], sketch: &Sketch) {
        let shapes = sketch.config.shapes();
        for (index, prefix) in prefixes.iter().enumerate() {
            if shapes.keys().any(|parameter| parameter.starts_with(prefix.as_str())) {
                continue;
            }
            let origin = self.loaded.origin(&["stage", name, "freeze", &index.to_string()]);
            let known: Vec<&str> = shapes.keys().map(String::as_str).collect();
            let label = match nearest(prefix, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "names begin like `model.encoder.layers.0.`".to_owned(),
            };
            let message = format!("no parameter begins with `{prefix}`");
            self.report(Diagnostic::warning("recipe::freeze", message).label(&origin, label));
        }
    }

    fn baseline(&mut self) {
        let recipe = self.recipe;
        let Some(baseline) = &recipe.baseline else { return };
        let path = ["baseline"];
        let expanded = self.stage_data("baseline", &path, &baseline.data);
        if !baseline.data.words.is_empty() {
            let origin = self.loaded.origin(&["baseline", "data", "words"]);
            let message = "a baseline has no teacher to write the targets of words".to_owned();
            self.error("recipe::teacher", message, &origin, "give it `pairs` alone");
        }
        self.augmented(&path, recipe.stages.len(), &baseline.data, None);
        self.baseline_masks(&baseline.data);
        let sketch = recipe.stages.last().and_then(|last| self.sketches.stages.get(&last.value)).cloned();
        self.losses(&path, &baseline.loss, &baseline.data, sketch.as_ref(), &Supervision::Absent);
        self.student_writes(&asked(&expanded, |direction| &direction.target));
    }

    /// Reports languages that the last stage's student has no tag for.
    pub(super) fn student_writes(&mut self, languages: &[(String, Origin)]) {
        let Some(last) = self.recipe.stages.last() else { return };
        let Some(sketch) = self.sketches.stages.get(&last.value) else { return };
        let known = sketch.tokenizer.languages();
        for (language, origin) in languages.iter().filter(|(language, _)| !known.contains(language)) {
            let message = format!("the student of stage `{}` does not write `{language}`", last.value);
            let label = format!("it writes {}", list(known.iter().map(String::as_str)));
            self.error("student::language", message, origin, label);
        }
    }
}

/// The languages that directions ask for, each once, with the pattern that asks for it first.
pub(super) fn asked(
    expanded: &[(&At<String>, Vec<Direction>)],
    language: impl Fn(&Direction) -> &String,
) -> Vec<(String, Origin)> {
    let mut asked: IndexMap<String, Origin> = IndexMap::new();
    for (pattern, directions) in expanded {
        for direction in directions {
            asked.entry(language(direction).clone()).or_insert_with(|| pattern.origin.clone());
        }
    }
    asked.into_iter().collect()
}

/// Whether two vocabularies are the same.
fn same(one: &Tokenizer, other: &Tokenizer) -> bool {
    match (one.to_json(), other.to_json()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
