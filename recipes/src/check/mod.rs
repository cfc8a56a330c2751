//! Everything that is wrong with the meaning of a recipe, at once, before anything is trained.
//!
//! [`load`](crate::load()) has seen to the form. Here, names are held against each other, corpora are read, of models
//! only the headers, and losses are bound to what can be known of student and teacher.

mod augment;
mod corpora;
mod evaluation;
mod faults;
mod images;
mod labels;
mod losses;
mod masking;
mod memory;
pub(crate) mod models;
mod parallel;
mod stages;
mod teachers;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use alambic_files::text::quoted;
use alambic_reports::outcome::BASELINE;
use alambic_settings::diagnostics::Severity;
use alambic_settings::reader::nearest;
use alambic_settings::{At, Diagnostic, Diagnostics, IndexMap, Origin};

use self::models::Sketches;
use crate::load::Loaded;
use crate::run::corpora::Corpora;
use crate::run::trainings::{FROM_SCRATCH, SAME_START};
use crate::run::workshop::Workshop;
use crate::schema::{Recipe, SCHEMA};

pub(crate) use self::corpora::{Counts, Selection};

/// How much of the data to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The heads of tables.
    Quick,
    /// Tables from end to end, and what comes of them for each direction.
    Whole,
}

/// Checks the meaning of a recipe. Nothing is found wrong if the list is empty; a list of warnings alone does not
/// keep the recipe from running, see [`is_fatal`].
#[must_use]
pub fn check(loaded: &Loaded, depth: Depth) -> Diagnostics {
    let interrupt = AtomicBool::new(false);
    examine(loaded, depth, &interrupt).found
}

/// The same, and what a user is told of the corpora that were read: what was dropped, and how files were read.
#[must_use]
pub fn check_and_tell(loaded: &Loaded, depth: Depth) -> (Diagnostics, Vec<String>) {
    let interrupt = AtomicBool::new(false);
    let checker = examine(loaded, depth, &interrupt);
    let told = checker
        .workshop
        .corpora
        .iter()
        .flat_map(|(name, corpus)| {
            corpus.reading.told().into_iter().map(move |told| format!("{name}: {told}"))
        })
        .collect();
    (checker.found, told)
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

/// What is said of a name that is none.
const NAME_LABEL: &str = "use at most 100 letters, digits, `-`, `_` and `.`, not beginning with `.`";

/// Whether trainings that are no stages, or are repetitions of one, are called like this in a run's folder.
fn is_taken(name: &str) -> bool {
    let repeated = name.rsplit_once(".seed-").is_some_and(|(_, seed)| seed.parse::<u64>().is_ok());
    repeated || [BASELINE, SAME_START, FROM_SCRATCH].contains(&name)
}

/// Checks a recipe and keeps what was learnt about it.
pub(crate) fn examine<'a>(loaded: &'a Loaded, depth: Depth, interrupt: &'a AtomicBool) -> Checker<'a> {
    let recipe = &loaded.recipe;
    let mut checker = Checker {
        loaded,
        recipe,
        depth,
        found: Diagnostics::default(),
        workshop: Workshop {
            recipe,
            corpora: Corpora::default(),
            folder: PathBuf::new(),
            interrupt,
            lock: None,
        },
        sketches: Sketches::default(),
        counts: IndexMap::new(),
    };
    if !checker.must_be_few() {
        return checker;
    }
    checker.general();
    checker.read_corpora();
    checker.teachers();
    checker.stages();
    checker.unused();
    checker
}

/// A recipe under examination.
pub(crate) struct Checker<'a> {
    loaded: &'a Loaded,
    pub(crate) recipe: &'a Recipe,
    depth: Depth,
    pub(crate) found: Diagnostics,
    /// Holds the corpora that could be read.
    pub(crate) workshop: Workshop<'a>,
    pub(crate) sketches: Sketches,
    /// Examples by stage; those of the baseline and of the evaluation under these names.
    pub(crate) counts: IndexMap<String, Counts>,
}

impl Checker<'_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Reports an error at one place.
    fn error(&mut self, code: &'static str, message: String, origin: &Origin, label: impl Into<String>) {
        self.report(Diagnostic::error(code, message).label(origin, label));
    }

    /// Reports a name that stands for nothing.
    fn unknown(&mut self, what: &str, table: &str, name: &At<String>, known: &[&str]) {
        let message = format!("there is no {what} `{}`", quoted(name));
        let label = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("the recipe has no table `{table}`"),
            None => format!("known: {}", list(known.iter().copied())),
        };
        let help = format!("declare it as `[{table}.{}]`", quoted(name));
        self.report(Diagnostic::error("recipe::reference", message).label(&name.origin, label).help(help));
    }

    /// Reports lists and tables of more entries than a recipe can mean: many are held against each other. False if there
    /// are such.
    fn must_be_few(&mut self) -> bool {
        let recipe = self.recipe;
        let evaluation = &recipe.evaluation;
        let counts: [(&[&str], usize); 9] = [
            (&["stages"], recipe.stages.len()),
            (&["data"], recipe.data.len()),
            (&["teacher"], recipe.teacher.len()),
            (&["student"], recipe.student.len()),
            (&["stage"], recipe.stage.len()),
            (&["evaluation", "metrics"], evaluation.metrics.len()),
            (&["evaluation", "beside"], evaluation.beside.len()),
            (&["evaluation", "directions"], evaluation.directions.len()),
            (&["evaluation", "except"], evaluation.except.len()),
        ];
        let too_many: Vec<_> = counts.into_iter().filter(|(_, count)| *count > MOST_ENTRIES).collect();
        for (path, count) in &too_many {
            let message = format!("`{}` has {count} entries, and may have {MOST_ENTRIES}", path.join("."));
            let origin = self.loaded.key_origin(path);
            self.error("recipe::entries", message, &origin, "more than a run can mean");
        }
        too_many.is_empty()
    }

    fn general(&mut self) {
        let recipe = self.recipe;
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
            ("student", recipe.student.keys().collect()),
            ("teacher", recipe.teacher.keys().collect()),
            ("stage", recipe.stage.keys().collect()),
        ];
        for (table, names) in tables {
            for name in names {
                self.must_be_name(table, name);
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
    fn must_be_name(&mut self, table: &str, name: &str) {
        let (message, label) = if !is_name(name) {
            (format!("`{}` cannot be the name of a folder", quoted(name)), NAME_LABEL)
        } else if table == "stage" && is_taken(name) {
            (format!("a stage cannot be called `{name}`"), "baselines and repetitions are called so")
        } else {
            return;
        };
        let origin = self.loaded.key_origin(&[table, name]);
        self.error("recipe::name", message, &origin, label);
    }

    /// Warns of tables that nothing names.
    fn unused(&mut self) {
        let recipe = self.recipe;
        // Where a name is mistyped, or nothing is run, what it stands for only seems unused.
        let mistyped = self.found.has_code("recipe::reference");
        if mistyped || recipe.stages.is_empty() {
            return;
        }
        let used = Uses::of(recipe);
        let declared = [
            ("data", recipe.data.keys().collect::<Vec<_>>(), &used.data),
            ("teacher", recipe.teacher.keys().collect(), &used.teachers),
            ("student", recipe.student.keys().collect(), &used.students),
            ("stage", recipe.stage.keys().collect(), &used.stages),
        ];
        for (table, names, used) in declared {
            for name in names.into_iter().filter(|name| !used.contains(&name.as_str())) {
                let reason = if table == "stage" { "not among `stages`" } else { "nothing names it" };
                let origin = self.loaded.key_origin(&[table, name]);
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
    teachers: Vec<&'a str>,
    students: Vec<&'a str>,
    stages: Vec<&'a str>,
}

impl<'a> Uses<'a> {
    fn of(recipe: &'a Recipe) -> Self {
        let mut uses = Self::default();
        uses.stages.extend(recipe.stages.iter().map(|stage| stage.as_str()));
        let mut all_data: Vec<_> = recipe.baseline.iter().map(|baseline| &baseline.data).collect();
        for stage in recipe.stages.iter().filter_map(|stage| recipe.stage.get(&stage.value)) {
            all_data.push(&stage.data);
            uses.teachers.extend(stage.teacher.iter().map(|name| name.as_str()));
            match &stage.student {
                Some(name) => uses.students.push(name),
                None => uses.students.extend(recipe.student.keys().map(String::as_str)),
            }
        }
        for data in all_data {
            uses.data.extend(data.pairs.iter().flat_map(|pairs| &pairs.data).map(|name| name.as_str()));
            uses.data.extend(data.words.iter().flat_map(|words| &words.data).map(|name| name.as_str()));
            uses.data.extend(data.texts.iter().flat_map(|texts| &texts.data).map(|name| name.as_str()));
            let parallel = data.parallel.iter().flat_map(|own| own.data.iter().chain(&own.alone));
            uses.data.extend(parallel.map(|name| name.as_str()));
            uses.data.extend(data.image_corpora().into_iter().map(|name| name.as_str()));
            let augmented = data.texts.iter().filter_map(|texts| texts.augment.as_ref());
            uses.teachers.extend(
                augmented.flat_map(|own| own.model.iter().chain(&own.teacher)).map(|name| name.as_str()),
            );
            uses.teachers.extend(
                data.words.iter().filter_map(|words| words.rendered_by.as_ref()).map(|name| name.as_str()),
            );
        }
        uses.data.extend(recipe.evaluation.data.iter().map(|name| name.as_str()));
        let judged = recipe.evaluation.teacher.iter().chain(&recipe.evaluation.beside);
        uses.teachers.extend(judged.map(|name| name.as_str()));
        for student in recipe.student.values() {
            let own = student.inner().donors().into_iter().chain(student.inner().detector());
            uses.teachers.extend(own.map(|name| name.as_str()));
        }
        for options in recipe.data.values() {
            if let alambic_data::Corpus::Mined(mined) = &options.corpus.value {
                uses.data.extend(mined.of.iter().map(|name| name.as_str()));
                uses.teachers.push(&mined.teacher);
            }
        }
        for teacher in recipe.teacher.values() {
            if let alambic_teachers::TeacherOptions::Pipeline(options) = teacher {
                uses.teachers.extend(options.chain.iter().map(|step| step.teacher.as_str()));
            }
        }
        uses
    }
}

/// The most names of a list that a message holds.
const LONGEST_LIST: usize = 30;

/// Names between backticks, with commas; of many the first, and how many more there are.
fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names = names.into_iter();
    let mut shown: Vec<String> =
        names.by_ref().take(LONGEST_LIST).map(|name| format!("`{}`", quoted(name))).collect();
    match names.count() {
        0 => {}
        more => shown.push(format!("{more} more")),
    }
    shown.join(", ")
}
