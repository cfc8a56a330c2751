//! Checks of a recipe as a whole.

use std::collections::BTreeMap;

use alambic_files::text::quoted;
use alambic_reports::outcome::{BASELINE, UPPER_BOUND};
use alambic_settings::diagnostics::Severity;
use alambic_settings::{Diagnostic, Diagnostics, IndexMap};
use alambic_teachers::TeacherOptions;
use alambic_tensor::precision::MatmulPrecision;

use super::checker::{Checker, Depth, list};
use super::model_info::ModelInfos;
use crate::corpora::Corpora;
use crate::load::Loaded;
use crate::names::{FROM_SCRATCH, SAME_START, stage_of};
use crate::options::dictionary::DictionaryOptions;
use crate::places::Places;
use crate::schema::{Recipe, SCHEMA};

/// Checks the meaning of a recipe. Nothing is found wrong if the list is empty; a list of warnings alone does not
/// keep the recipe from running, see [`is_fatal`].
#[must_use]
pub fn check(loaded: &Loaded, depth: Depth) -> Diagnostics {
    examine(loaded, depth).found
}

/// The same, with messages about the corpora that were read (what was dropped, and how files were read), and about precisions
/// that this machine has no kernels for.
#[must_use]
pub fn check_with_messages(loaded: &Loaded, depth: Depth) -> (Diagnostics, Vec<String>) {
    let checker = examine(loaded, depth);
    let mut messages: Vec<String> = checker
        .corpora
        .iter()
        .flat_map(|(name, corpus)| {
            corpus.statistics().messages().into_iter().map(move |message| format!("{name}: {message}"))
        })
        .collect();
    messages.extend(precision_fallbacks(&loaded.recipe));
    (checker.found, messages)
}

/// Messages about precisions that this machine has no kernels for. They are no diagnostics: elsewhere the recipe may run as
/// it is written.
fn precision_fallbacks(recipe: &Recipe) -> impl Iterator<Item = String> {
    let fallback = |what: String, precision: MatmulPrecision| {
        precision.fallback().map(|message| format!("{what}: {message}"))
    };
    let stages = recipe.stages.iter().filter_map(move |stage| {
        fallback(format!("stage `{}`", stage.value), recipe.stage.get(&stage.value)?.train.precision)
    });
    let evaluated = recipe.evaluation.precisions.iter().filter_map(move |precision| {
        fallback(format!("evaluation of the student in {}", precision.value.name()), precision.value)
    });
    stages.chain(evaluated)
}

/// Whether a recipe with these diagnostics cannot be run.
#[must_use]
pub fn is_fatal(diagnostics: &Diagnostics) -> bool {
    diagnostics.has(Severity::Error)
}

/// The most entries of a list or table of the recipe itself.
const MOST_ENTRIES: usize = 1000;

/// The most characters of a name: trainings add to it, and no file system takes more than 255 bytes.
const LONGEST_NAME: usize = 100;

/// Whether a recipe can be called this: the name of a folder, anywhere.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    !name.is_empty() && name.len() <= LONGEST_NAME && !name.starts_with('.') && name.chars().all(plain)
}

/// Label of a name that cannot be one.
const NAME_LABEL: &str = "use at most 100 letters, digits, `-`, `_` and `.`, not beginning with `.`";

/// Whether trainings that are no stages, or are repetitions of one, are called like this in a run's folder.
fn is_taken(name: &str) -> bool {
    let repeated = stage_of(name) != name;
    repeated || [BASELINE, SAME_START, FROM_SCRATCH, UPPER_BOUND].contains(&name)
}

/// Checks a recipe and keeps what was learnt about it.
pub(crate) fn examine(loaded: &Loaded, depth: Depth) -> Checker<'_> {
    let recipe = &loaded.recipe;
    let mut checker = Checker {
        places: Places(&loaded.tree),
        depth,
        found: Diagnostics::default(),
        corpora: Corpora::default(),
        data: &recipe.data,
        models: ModelInfos::new(&recipe.teacher),
        baselines: recipe.baselines().map(|(name, _)| name).collect(),
        stages: &recipe.stages,
        evaluation: &recipe.evaluation,
        cache: &recipe.cache,
        trained_classes: BTreeMap::new(),
        requests: IndexMap::new(),
        counts: IndexMap::new(),
    };
    if !checker.check_entries(recipe) {
        return checker;
    }
    checker.check_names(recipe);
    checker.read_corpora();
    checker.check_mixing(&recipe.dictionary);
    checker.check_augmentation();
    checker.check_rewriting();
    checker.check_picture_choices();
    checker.check_teachers(recipe);
    checker.check_stages(recipe);
    checker.check_unused(recipe);
    checker.check_card(recipe);
    checker
}

impl Checker<'_> {
    /// Reports lists and tables of more entries than a recipe can mean: many are compared with each other. False if there
    /// are such.
    fn check_entries(&mut self, recipe: &Recipe) -> bool {
        let evaluation = &recipe.evaluation;
        let counts: [(&[&str], usize); 12] = [
            (&["stages"], recipe.stages.len()),
            (&["data"], recipe.data.len()),
            (&["dictionary"], recipe.dictionary.len()),
            (&["teacher"], recipe.teacher.len()),
            (&["model"], recipe.model.len()),
            (&["stage"], recipe.stage.len()),
            (&["evaluation", "metrics"], evaluation.metrics.len()),
            (&["evaluation", "compare-with"], evaluation.compare_with.len()),
            (&["evaluation", "directions"], evaluation.directions.len()),
            (&["evaluation", "except"], evaluation.except.len()),
            (&["evaluation", "average-without"], evaluation.average_without.len()),
            (
                &["evaluation", "language-groups"],
                evaluation.language_groups.values().map(Vec::len).max().unwrap_or_default(),
            ),
        ];
        let too_many: Vec<_> = counts.into_iter().filter(|(_, count)| *count > MOST_ENTRIES).collect();
        for (path, count) in &too_many {
            let message = format!("`{}` has {count} entries, and may have {MOST_ENTRIES}", path.join("."));
            let origin = self.places.key_origin(path);
            self.error("recipe::entries", message, &origin, "more than a run can mean");
        }
        too_many.is_empty()
    }

    fn check_names(&mut self, recipe: &Recipe) {
        if recipe.schema.value != SCHEMA {
            let message = format!("schema {} is not known", recipe.schema.value);
            let label = format!("this program reads schema {SCHEMA}");
            self.error("recipe::schema", message, &recipe.schema.origin, label);
        }
        let name = recipe.name.as_str();
        if !is_name(name) {
            let message = format!("`{}` cannot be the name of a folder", quoted(name));
            let label = NAME_LABEL;
            self.error("recipe::name", message, &recipe.name.origin, label);
        }
        let tables: [(&str, Vec<&String>); 4] = [
            ("data", recipe.data.keys().collect()),
            ("model", recipe.model.keys().collect()),
            ("teacher", recipe.teacher.keys().collect()),
            ("stage", recipe.stage.keys().collect()),
        ];
        for (table, names) in tables {
            for name in names {
                self.check_name(table, name);
            }
        }
        if recipe.stages.is_empty() {
            let diagnostic = Diagnostic::error("recipe::stages", "no stage is to be run");
            let known: Vec<&str> = recipe.stage.keys().map(String::as_str).collect();
            let help = if known.is_empty() {
                "name stages here and declare each as `[stage.NAME]`".to_owned()
            } else {
                format!("declared are {}", list(known))
            };
            self.report(diagnostic.label(&recipe.stages.origin, "names no stage").help(help));
        }
        for (index, stage) in recipe.stages.iter().enumerate() {
            if let Some(before) = recipe.stages[..index].iter().find(|before| *before == stage) {
                self.report(
                    Diagnostic::error("recipe::stages", format!("stage `{}` is listed twice", stage.value))
                        .label(&stage.origin, "listed again")
                        .label(&before.origin, "listed first")
                        .help("a stage runs once; declare a second one with another name"),
                );
            } else if !recipe.stage.contains_key(&stage.value) {
                let known: Vec<&str> = recipe.stage.keys().map(String::as_str).collect();
                self.unknown("stage", "stage", stage, &known);
            }
        }
    }

    /// Reports a name that a folder cannot have, or that trainings of another kind have.
    fn check_name(&mut self, table: &str, name: &str) {
        let (message, label) = if !is_name(name) {
            (format!("`{}` cannot be the name of a folder", quoted(name)), NAME_LABEL)
        } else if table == "stage" && is_taken(name) {
            (format!("a stage cannot be called `{name}`"), "baselines and repetitions are called so")
        } else {
            return;
        };
        let origin = self.places.key_origin(&[table, name]);
        self.error("recipe::name", message, &origin, label);
    }

    /// Warns of tables that nothing names.
    fn check_unused(&mut self, recipe: &Recipe) {
        // Where a name is mistyped, or nothing is run, what it stands for only seems unused.
        let mistyped = self.found.has_code("recipe::reference");
        if mistyped || recipe.stages.is_empty() {
            return;
        }
        let used = Uses::of(recipe);
        let declared = [
            ("data", recipe.data.keys().collect::<Vec<_>>(), &used.data),
            ("dictionary", recipe.dictionary.keys().collect(), &used.dictionaries),
            ("teacher", recipe.teacher.keys().collect(), &used.teachers),
            ("model", recipe.model.keys().collect(), &used.students),
            ("stage", recipe.stage.keys().collect(), &used.stages),
        ];
        for (table, names, used) in declared {
            for name in names.into_iter().filter(|name| !used.contains(&name.as_str())) {
                let reason = if table == "stage" { "not among `stages`" } else { "nothing names it" };
                let origin = self.places.key_origin(&[table, name]);
                let message = format!("{table} `{name}` is not used");
                self.report(Diagnostic::warning("recipe::unused", message).label(&origin, reason));
            }
        }
    }
}

/// The names that a recipe uses.
#[derive(Default)]
struct Uses<'a> {
    data: Vec<&'a str>,
    dictionaries: Vec<&'a str>,
    teachers: Vec<&'a str>,
    students: Vec<&'a str>,
    stages: Vec<&'a str>,
}

impl<'a> Uses<'a> {
    fn of(recipe: &'a Recipe) -> Self {
        let mut uses = Self::default();
        uses.stages.extend(recipe.stages.iter().map(|stage| stage.as_str()));
        let mut all_data: Vec<_> = recipe.baselines().map(|(_, baseline)| &baseline.data).collect();
        for stage in recipe.stages.iter().filter_map(|stage| recipe.stage.get(&stage.value)) {
            all_data.push(&stage.data);
            uses.teachers.extend(stage.teacher.iter().map(|name| name.as_str()));
            let of_losses = stage.loss.iter().flat_map(|loss| loss.inner().teachers());
            uses.teachers.extend(of_losses.map(|name| name.as_str()));
            match &stage.student {
                Some(name) => uses.students.push(name),
                None => uses.students.extend(recipe.model.keys().map(String::as_str)),
            }
        }
        for task in all_data.into_iter().flat_map(|data| data.given()) {
            uses.data.extend(task.corpora().into_iter().map(|name| name.as_str()));
            uses.teachers.extend(task.teachers().into_iter().map(|name| name.as_str()));
        }
        uses.data.extend(recipe.evaluation.data.iter().map(|name| name.as_str()));
        let evaluated = recipe.evaluation.teacher.iter().chain(&recipe.evaluation.compare_with);
        uses.teachers.extend(evaluated.map(|name| name.as_str()));
        uses.teachers.extend(recipe.evaluation.judges().map(|name| name.as_str()));
        uses.teachers.extend(recipe.evaluation.nearest_label_name.iter().map(|own| own.teacher.as_str()));
        for student in recipe.model.values() {
            let own = student.inner().source_models().into_iter().chain(student.inner().detector());
            let own = own.chain(student.inner().re_ranker());
            uses.teachers.extend(own.map(|name| name.as_str()));
        }
        for options in recipe.data.values() {
            if let alambic_data::Corpus::Mined(mined) = &options.corpus.value {
                uses.data.extend(mined.of.iter().map(|name| name.as_str()));
                uses.teachers.push(&mined.teacher);
            }
            if let alambic_data::Corpus::PictureChoice(choices) = &options.corpus.value {
                uses.data.extend(choices.of.iter().map(|name| name.as_str()));
            }
        }
        for mixing in recipe.data.values().filter_map(|options| options.mixing.as_ref()) {
            let is_named = |code: &str| mixing.languages.iter().any(|language| language.as_str() == code);
            let is_used = |code: &&String| {
                (mixing.languages.is_empty() || is_named(code)) && !mixing.dictionaries.contains_key(*code)
            };
            uses.dictionaries.extend(recipe.dictionary.keys().filter(is_used).map(String::as_str));
        }
        for DictionaryOptions::Parallel(dictionary) in recipe.dictionary.values() {
            uses.data.push(&dictionary.data);
        }
        for teacher in recipe.teacher.values() {
            match teacher {
                TeacherOptions::Pipeline(options) => {
                    uses.teachers.extend(options.chain.iter().map(|step| step.teacher.as_str()));
                }
                TeacherOptions::Ensemble(options) => {
                    uses.teachers.extend(options.members.iter().map(|member| member.as_str()));
                }
                TeacherOptions::Checkpoint(_) | TeacherOptions::Recorded(_) | TeacherOptions::Endpoint(_) => {
                }
            }
        }
        uses
    }
}
