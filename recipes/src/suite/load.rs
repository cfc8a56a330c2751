//! From what the user names to a suite that is read and checked.

use alambic_data::benchmarks::BenchmarkFormat;
use alambic_files::text::quoted;
use alambic_reports::suite::{SuiteSpec, TaskSpec};
use alambic_settings::{Diagnostic, Diagnostics, Location, Node, Origin, RenamedKeys, Resolver};

use super::book::SUITES;
use super::check::check;
use super::schema::{PaddingInMean, ScoredPieces, Suite, SuiteTask};

/// A suite that was read and found sound in itself.
#[derive(Debug, Clone)]
pub struct LoadedSuite {
    /// The suite.
    pub suite: Suite,
    /// What was loaded.
    pub location: Location,
    /// The tree that it was read from, with the places of values.
    pub tree: Node,
}

/// Loads a suite by its path, or by `builtin:NAME`. A suite may extend others, as recipes do.
///
/// # Errors
/// Everything that is wrong with it, at once, each with its place.
pub fn load(suite: impl AsRef<str>) -> Result<LoadedSuite, Diagnostics> {
    let suite = suite.as_ref();
    let location = Location::parse(suite, &Origin::Default).map_err(|reason| {
        Diagnostic::error("suite::file", format!("`{}` names no suite", quoted(suite))).help(reason)
    })?;
    let resolver = Resolver { builtins: SUITES, renamed_keys: RenamedKeys::default(), ..Resolver::default() };
    let resolution = resolver.resolve::<Suite>(&location, &[]).map_err(|found| in_words(&location, found))?;
    let loaded = LoadedSuite { suite: resolution.value, location, tree: resolution.tree };
    check(&loaded).into_result()?;
    Ok(loaded)
}

/// Diagnostics that speak of suites where the resolver speaks of recipes, and that name the suites there are where none was found.
fn in_words(location: &Location, mut diagnostics: Diagnostics) -> Diagnostics {
    let words = |text: &str| {
        text.replace(" recipe", " suite").replace("`alambic explain", "`alambic explain --suite")
    };
    for diagnostic in &mut diagnostics.list {
        diagnostic.message = words(&diagnostic.message);
        diagnostic.help = diagnostic.help.as_deref().map(words);
        for label in &mut diagnostic.labels {
            label.text = words(&label.text);
        }
    }
    let names: Vec<&str> = SUITES.iter().map(|(name, _)| *name).collect();
    let is_missing = match location {
        Location::File(path) => !path.exists(),
        Location::Builtin(name) => !names.contains(&name.as_str()),
        Location::Hub(_) => false,
    };
    if let (true, Some(diagnostic)) = (is_missing, diagnostics.list.first_mut()) {
        let known: Vec<String> = names.iter().map(|name| format!("`builtin:{name}`")).collect();
        diagnostic.help = Some(format!("{} come with the program", known.join(", ")));
    }
    diagnostics
}

impl LoadedSuite {
    /// The suite as far as its values are concerned.
    #[must_use]
    pub fn spec(&self) -> SuiteSpec {
        let suite = &self.suite;
        SuiteSpec {
            name: suite.name.value.clone(),
            source: suite.source.value.clone(),
            mean_over: suite.mean_over.into(),
            average_without: values(&suite.average_without),
            tasks: suite.task.iter().map(|(name, task)| (name.clone(), task_spec(task))).collect(),
        }
    }
}

fn values(all: &[alambic_settings::At<String>]) -> Vec<String> {
    all.iter().map(|own| own.value.clone()).collect()
}

fn task_spec(task: &SuiteTask) -> TaskSpec {
    let format: &dyn BenchmarkFormat = task.corpus.inner();
    let mut notes = vec![format!("corpus `{}`", task.corpus.name())];
    if !format.classes().is_empty() {
        notes.push(format!("labels in the order {}", format.classes().join(", ")));
    }
    notes.extend(
        (task.pieces == ScoredPieces::All).then(|| {
            "scored by pieces of words, each with its word's tag, and cut at the longest input".into()
        }),
    );
    notes.extend((task.padding == PaddingInMean::Counted).then(|| {
        format!("sentences embedded by the mean over all {} positions, padding counted", task.max_length())
    }));
    notes.extend(Some(task.note.clone()).filter(|note| !note.is_empty()));
    TaskSpec {
        group: task.group.clone(),
        languages: values(&task.languages),
        metrics: values(&task.metrics),
        shown: values(&task.shown),
        averages_metrics: task.average_metrics,
        notes,
    }
}
