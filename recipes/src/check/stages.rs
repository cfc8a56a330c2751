//! Checks of stages and of the baseline, each against what the stages before it leave.

use std::rc::Rc;

use alambic_losses::Term;
use alambic_models::{Outline, Tokenizer};
use alambic_reports::metrics::{find, is_reference};
use alambic_settings::{At, Diagnostic};
use alambic_students::{Student, StudentError, TaskKind, VocabularyTransfer};
use alambic_teachers::TeacherOptions;
use alambic_tensor::precision::MatmulPrecision;
use indexmap::IndexSet;

use super::checker::{Checker, Depth, Site, list};
use super::losses::Supervision;
use super::model_info::ModelInfo;
use crate::error::RunError;
use crate::schema::{Recipe, StageOptions};
use crate::stage_order::student_of;
use crate::tasks::StageData;
use crate::tasks::task::Task;
use crate::vocabulary::{
    are_same, keeps_vocabulary, prompted, shares_vocabulary, takes_vocabulary, train_vocabulary,
    transfer_vocabulary,
};

impl<'a> Checker<'a> {
    /// Checks the stages in their order, then what follows them.
    pub(super) fn check_stages(&mut self, recipe: &'a Recipe) {
        for (position, stage) in recipe.stages.iter().enumerate() {
            if let Some(options) = recipe.stage.get(&stage.value)
                && !recipe.stages[..position].contains(stage)
            {
                self.check_stage(recipe, position, stage, options);
            }
        }
        self.warn_of_unused_pooling(recipe);
        self.check_mined();
        self.check_baselines(recipe);
        self.check_evaluation_options();
        let kind = self.corpora.kind(&recipe.evaluation.data);
        let last = recipe.stages.last().and_then(|last| recipe.stage.get(&last.value));
        if let Some(last) = last {
            let task = last.data.evaluating(kind);
            self.warn_of_unused_evaluation_keys(task);
            task.check_evaluation(self);
            self.check_evaluated_languages(task);
        }
    }

    fn check_stage(&mut self, recipe: &'a Recipe, position: usize, name: &str, options: &'a StageOptions) {
        let path = ["stage", name];
        let teacher = options.teacher.as_ref().filter(|teacher| self.check_declared(teacher));
        if let Some(teacher) = teacher {
            self.check_order(teacher, position);
        }
        let site = Site { name, path: &path, position, teacher, named_teacher: options.teacher.as_ref() };
        let task = options.data.task();
        self.check_data(&site, &options.data);
        if options.train.precision == MatmulPrecision::Int8 {
            let origin = self.places.origin(&["stage", name, "train", "precision"]);
            let message = format!("stage `{name}` cannot train in `int8`");
            let label = "steps are too small for 8 bits: `bf16` is the least";
            self.error("recipe::precision", message, &origin, label);
        }
        if options.train.epochs.is_none() && options.train.steps.is_none() {
            let origin = self.places.origin(&["stage", name, "train"]);
            let diagnostic = Diagnostic::error("recipe::train", format!("stage `{name}` has no end"));
            self.report(
                diagnostic
                    .label(&origin, "neither `epochs` nor `steps`")
                    .help("set one in `[train]` or in the stage"),
            );
        }
        self.check_best_metric(name, options);
        self.check_sampling(&site, &options.train, task);
        let student = self.student_name(recipe, name, options);
        let info = student.as_ref().and_then(|student| self.inspect_student(recipe, &site, student, task));
        if let Some(info) = &info {
            self.models.stages.insert(name.to_owned(), info.clone());
        }
        self.check_sparse(recipe, (position, name), options, info.as_ref());
        let supervision = match (&options.teacher, teacher) {
            (None, _) => Supervision::Absent,
            (Some(_), Some(teacher)) => {
                self.check_ensemble_form(teacher);
                self.supervision(teacher)
            }
            (Some(_), None) => Supervision::Unknown,
        };
        self.check_losses(recipe, &site, &options.loss, task, info.as_ref(), &supervision);
        if let (Some(info), Some(student)) = (&info, &student) {
            task.check_student(&site, student, info, self);
            self.check_memory(student, info);
            self.check_freeze(name, &options.freeze, info);
        }
    }

    /// Reports a metric by which checkpoints cannot be chosen, and warns of one where the loss chooses them.
    fn check_best_metric(&mut self, name: &str, options: &StageOptions) {
        let Some(metric) = &options.train.metric_for_best_model else { return };
        if let Err(error) = find(&metric.value) {
            self.error("recipe::metric", error.to_string(), &metric.origin, "chooses checkpoints");
            return;
        }
        // Faults of the data are reported elsewhere.
        let Ok(suitable) = options.data.task().validation_metrics(&self.corpora) else { return };
        let known: IndexSet<&str> =
            suitable.iter().map(|metric| metric.name).filter(|name| !is_reference(name)).collect();
        if known.is_empty() {
            // What `[train]` says is for the other stages, too.
            if metric.origin != self.places.origin(&["train", "metric-for-best-model"]) {
                let message = format!("`stage.{name}.train.metric-for-best-model` is not used");
                let diagnostic = Diagnostic::warning("recipe::unused", message);
                let label = "checkpoints of this stage are chosen by its loss";
                self.report(diagnostic.label(&metric.origin, label).help("leave it out"));
            }
        } else if !known.contains(metric.as_str()) {
            let message = format!("checkpoints of stage `{name}` cannot be chosen by `{}`", metric.value);
            self.report(
                Diagnostic::error("recipe::metric", message)
                    .label(&metric.origin, "named here")
                    .help(format!("its predictions are measured by {}", list(known))),
            );
        }
    }

    /// Reports a stage with no data, or with data of several kinds; else checks them.
    fn check_data(&mut self, site: &Site<'_>, data: &'a At<StageData>) {
        let given = data.given();
        if given.len() > 1 {
            let message = format!("`{}` has data of several kinds to train on", site.path.join("."));
            let label = "a stage has one kind of task";
            self.error("recipe::data", message, &self.data_origin(site), label);
        }
        if let Some(task) = given.first() {
            task.check(site, self);
            self.check_mixed_corpora(&task.corpora(), task.mixes_texts());
            if task.mixes_texts() {
                self.check_mixed_teacher(site, &task.corpora());
            }
            return;
        }
        let message = format!("`{}` has nothing to train on", site.path.join("."));
        self.report(
            Diagnostic::error("recipe::data", message)
                .label(&data.origin, "holds no examples of any task")
                .help("`alambic explain stage.*.data` lists what a stage can train on"),
        );
    }

    /// The student of a stage as far as it can be known; what is wrong with it is reported.
    fn inspect_student(
        &mut self,
        recipe: &'a Recipe,
        site: &Site<'_>,
        name: &str,
        task: &dyn Task,
    ) -> Option<ModelInfo> {
        let declared = recipe.model.get(name)?;
        let before = recipe.stages[..site.position]
            .iter()
            .rev()
            .find(|other| student_of(recipe, other).is_ok_and(|other| other == name))
            .filter(|other| other.value != site.name);
        let is_sound = before.is_some() || self.check_student(name, declared, site.position);
        self.check_task_kind(site, name, declared, task)?;
        let tokenizer = match before.and_then(|before| self.models.stages.get(&before.value)) {
            // It goes on with what it has learnt to read.
            Some(info) if site.named_teacher.is_none() || !shares_vocabulary(declared, task) => {
                Rc::clone(&info.tokenizer)
            }
            _ => {
                let own = self.vocabulary(site, (name, declared), task)?;
                match prompted((*own).clone(), declared) {
                    Ok(tokenizer) => Rc::new(tokenizer),
                    Err(error) => {
                        let origin = self.places.origin(&["model", name]);
                        self.error("student::prompt", error.to_string(), &origin, "this student");
                        return None;
                    }
                }
            }
        };
        let head = task.head(&self.corpora).ok()?;
        let (config, own, of) = match before {
            Some(before) => {
                let info = self.models.stages.get(&before.value)?;
                let config = info.config.clone().with_head(&head);
                (config, Some(Rc::clone(&info.tokenizer)), format!("stage `{}`", before.value))
            }
            None if !is_sound => return None,
            None => {
                let source_model = declared.inner().vocabulary_source();
                let source_model = source_model.and_then(|source_model| self.models.checkpoint(source_model));
                // A pruned vocabulary is no longer that of the source model.
                let own = source_model.map(|source_model| Rc::clone(&source_model.tokenizer));
                let own = own.filter(|_| keeps_vocabulary(declared.inner()));
                match self.models.configure(declared, &tokenizer, &head, recipe.seed) {
                    Ok(config) => (config, own, "the teacher whose layers it takes".to_owned()),
                    // The source model is known to be broken, and that is reported where it is declared.
                    Err(StudentError::MissingSourceModel(_)) => return None,
                    Err(error) => {
                        let origin = self.places.origin(&["model", name]);
                        self.error("student::size", error.to_string(), &origin, "this student");
                        return None;
                    }
                }
            }
        };
        if own.is_some_and(|own| self.depth == Depth::Whole && !are_same(&own, &tokenizer)) {
            let student = self.places.key_origin(&["model", name]);
            let message =
                format!("the student of stage `{}` has another vocabulary than the stage", site.name);
            let (place, label) = match site.teacher {
                Some(teacher) => (teacher.origin.clone(), "this teacher's vocabulary is read and written"),
                None => (self.data_origin(site), "the characters of these data are read and written"),
            };
            self.report(
                Diagnostic::error("student::vocabulary", message)
                    .label(&place, label)
                    .label(&student, format!("has the vocabulary of {of}")),
            );
            return None;
        }
        let detector = declared.inner().detector().is_some();
        Some(ModelInfo { config, tokenizer, detector })
    }

    /// Reports a student that is made for other data than those of its stage; none if it is so.
    fn check_task_kind(
        &mut self,
        site: &Site<'_>,
        name: &str,
        student: &Student,
        task: &dyn Task,
    ) -> Option<()> {
        let task_kind = student.inner().task_kind();
        if student.inner().serves(task.task_kind()) {
            return Some(());
        }
        let kind = match task_kind {
            TaskKind::TextGeneration => "generates texts",
            TaskKind::TextEncoding => "encodes texts",
            TaskKind::VisualQuestionAnswering => "answers questions about images",
            TaskKind::ImageTextRetrieval => "retrieves images by texts",
            TaskKind::ObjectDetection => "detects objects in images",
            TaskKind::ImageTokenization => "makes tokens of images",
        };
        let data = task.data_name();
        let declared = self.places.key_origin(&["model", name]);
        let message = format!("the student of stage `{}` {kind}, and its data are {data}", site.name);
        self.report(
            Diagnostic::error("student::kind", message)
                .label(&declared, format!("a model that {kind}"))
                .label(&self.data_origin(site), data)
                .help("`encoder`, `encoder-layers`, `static` and `matrix` encode texts; `encoder-decoder`, `encoder-decoder-layers`, `pali`, `pali-layers`, `unimo`, `unimo-layers` and `ernie-vilg` generate texts, `oscar` and `oscar-layers` captions; `fusion`, `oscar` and `dual-encoder` answer questions about images; `clip` and `unimo` retrieve images by texts; a `detector` detects objects; an `image-tokenizer` makes tokens of images"),
        );
        None
    }

    fn student_name(&mut self, recipe: &Recipe, stage: &str, options: &StageOptions) -> Option<String> {
        let known: Vec<&str> = recipe.model.keys().map(String::as_str).collect();
        match (&options.student, known.as_slice()) {
            (Some(name), known) if known.contains(&name.as_str()) => Some(name.value.clone()),
            (Some(name), known) => {
                self.unknown("model", "model", name, known);
                None
            }
            (None, [only]) => Some((*only).to_owned()),
            (None, known) => {
                let origin = self.places.key_origin(&["stage", stage]);
                let diagnostic = Diagnostic::error(
                    "recipe::reference",
                    format!("stage `{stage}` does not name what it trains"),
                );
                let diagnostic = diagnostic.label(&origin, "names no `student`");
                self.report(if known.is_empty() {
                    diagnostic.help("declare one as `[model.NAME.encoder-decoder]`")
                } else {
                    diagnostic.help(format!("there are {}", list(known.iter().copied())))
                });
                None
            }
        }
    }

    /// Warns of options of a vocabulary that is not trained, since the student has that of another model.
    fn warn_of_unused_vocabulary(&mut self, name: &str, student: &Student, reason: &str) {
        if student.inner().vocabulary_transfer() != VocabularyTransfer::Keep {
            return;
        }
        for key in ["vocabulary", "pieces"] {
            self.warn_of_unused_key((name, student), key, "trains no vocabulary", reason);
        }
    }

    /// Warns of a key of a student that is given and has no effect.
    fn warn_of_unused_key(
        &mut self,
        (name, student): (&str, &Student),
        key: &str,
        label: &str,
        reason: &str,
    ) {
        let path = ["model", name, student.name(), key];
        if self.places.node(&path).is_some() {
            let origin = self.places.key_origin(&path);
            let message = format!("`{}` is not used", path.join("."));
            self.report(Diagnostic::warning("recipe::unused", message).label(&origin, label).help(reason));
        }
    }

    /// Warns of the pooling of a student that gives no embedding, since every stage that trains it has a head for its labels.
    fn warn_of_unused_pooling(&mut self, recipe: &Recipe) {
        for (name, student) in &recipe.model {
            let trained = recipe
                .stages
                .iter()
                .filter(|stage| student_of(recipe, stage).is_ok_and(|trained| trained == *name));
            let infos: Option<Vec<&ModelInfo>> =
                trained.map(|stage| self.models.stages.get(&stage.value)).collect();
            let Some(infos) = infos.filter(|infos| !infos.is_empty()) else { continue };
            if infos
                .iter()
                .any(|info| info.config.outline().streams.values().any(|stream| stream.embedding.is_some()))
            {
                continue;
            }
            for key in ["pooling", "pooling-width"] {
                let reason = "every stage that trains it has labels, whose head reads the tokens itself";
                self.warn_of_unused_key((name, student), key, "gives no embedding", reason);
            }
        }
    }

    /// Vocabulary of a stage's student: its teacher's, or that of the model whose layers it takes, or
    /// that of its data.
    fn vocabulary(
        &mut self,
        site: &Site<'_>,
        (name, student): (&str, &Student),
        task: &dyn Task,
    ) -> Option<Rc<Tokenizer>> {
        if site.named_teacher.is_some() && shares_vocabulary(student, task) {
            let teacher = site.teacher?;
            let reason = format!("it reads as its teacher `{}` does", teacher.value);
            self.warn_of_unused_vocabulary(name, student, &reason);
            let answers = |options: &TeacherOptions| {
                !matches!(options, TeacherOptions::Checkpoint(_) | TeacherOptions::Pipeline(_))
            };
            if !self.models.teachers.get(&teacher.value).is_some_and(answers) {
                return self.models.teacher(teacher).map(|info| Rc::clone(&info.tokenizer));
            }
        }
        if takes_vocabulary(student, task) {
            let source_model = student.inner().vocabulary_source()?;
            let reason = format!("it reads as `{}` does, whose weights it takes", source_model.value);
            self.warn_of_unused_vocabulary(name, student, &reason);
            let whole = Rc::clone(&self.models.checkpoint(source_model)?.tokenizer);
            if keeps_vocabulary(student.inner()) {
                return Some(whole);
            }
            return match transfer_vocabulary(&whole, student, task, &self.corpora) {
                Ok(tokenizer) => Some(Rc::new(tokenizer)),
                Err(RunError::Model(error)) => {
                    let label = "its vocabulary";
                    self.error("student::vocabulary", error.to_string(), &source_model.origin, label);
                    None
                }
                // Faults of the data are reported elsewhere.
                Err(_) => None,
            };
        }
        let tokenizer = train_vocabulary(student, task, &self.corpora).ok()?;
        // Without a language there are no data, which is reported already.
        let has_languages = !task.has_language_tags() || !tokenizer.languages().is_empty();
        has_languages.then(|| Rc::new(tokenizer))
    }

    fn check_baselines(&mut self, recipe: &'a Recipe) {
        for (name, baseline) in recipe.baselines() {
            let site = Site {
                name,
                path: &[name],
                position: recipe.stages.len(),
                teacher: None,
                named_teacher: None,
            };
            self.check_data(&site, &baseline.data);
            let last = recipe.stages.last().and_then(|last| recipe.stage.get(&last.value));
            if let Some(last) = last {
                self.check_sampling(&site, &last.train, baseline.data.task());
            }
            let student = self.student().cloned();
            let task = baseline.data.task();
            self.check_losses(recipe, &site, &baseline.loss, task, student.as_ref(), &Supervision::Absent);
        }
    }

    /// The loss terms of a stage, bound to what is known of its student and teacher; those that do not fit are left out.
    pub(crate) fn terms(&self, options: &StageOptions, student: &ModelInfo) -> Vec<Term> {
        let student = student.config.outline();
        let task = options.data.task();
        let teacher = self.outline_of_teacher(options, &student);
        let teacher = teacher.map(|teacher| task.outline_of_targets(&student, teacher));
        options.loss.iter().filter_map(|loss| loss.inner().bind(&student, teacher.as_ref()).ok()).collect()
    }

    /// The form of a stage's teacher, if it has one.
    pub(crate) fn outline_of_teacher(&self, options: &StageOptions, student: &Outline) -> Option<Outline> {
        options.teacher.as_ref().map(|name| match self.models.answer_form(&name.value) {
            Some(form) => form.outline_for(student),
            // A record of generated texts has no form; terms that the check let pass read no taps of it.
            None => self.models.teacher(name).map_or_else(Outline::default, |info| info.config.outline()),
        })
    }
}
