//! Corpora: read as far as asked, and what several checks of them have in common.

use alambic_data::split::SplitGuess;
use alambic_data::{ContentKind, DataError, Extent, Problem, Split, SplitError, embedded};
use alambic_files::text::quoted;
use alambic_reports::numbers::counted;
use alambic_settings::{At, Diagnostic, IndexMap, Node, Origin};

use super::checker::{Checker, Depth, Site};
use super::faults::{code, find_location, line_of};
use crate::corpora::collection::{Splitting, read};
use crate::error::RunError;
use crate::options::data::DataOptions;

/// How many split values a warning names.
const MAX_SHOWN: usize = 10;

impl Checker<'_> {
    /// Reads every corpus as far as asked.
    pub(super) fn read_corpora(&mut self) {
        let held_out = match embedded::held_out() {
            Ok(held_out) => held_out,
            Err(error) => return self.table_faults("", &error),
        };
        let splitting = Splitting::new(self.data, &self.evaluation.data, &held_out);
        let mut corpora = Vec::new();
        for (name, options) in self.data {
            let corpus = match self.depth {
                Depth::Whole => splitting.read(name, options),
                Depth::Quick => read(options, Extent::Head),
            };
            match corpus {
                Ok(corpus) => {
                    self.warn_of_unnamed_splits(name, options, &corpus.report().unnamed);
                    corpora.push((name.clone(), corpus));
                }
                Err(RunError::Data(error)) => self.table_faults(name, &error),
                Err(RunError::Split(error)) => self.no_such_split(name, options, &error),
                Err(other) => {
                    let origin = self.places.origin(&["data", name]);
                    self.error("data::file", other.to_string(), &origin, "this corpus");
                }
            }
        }
        self.corpora = corpora.into_iter().collect();
    }

    /// Reports the faults of a corpus's files.
    fn table_faults(&mut self, name: &str, error: &DataError) {
        let data = self.places.0.get("data").and_then(|data| data.get(name));
        let kinds = data.and_then(|data| data.get("corpus")).and_then(Node::members);
        let kind = kinds.and_then(|kinds| kinds.keys().next()).map_or("", String::as_str);
        let corpus = ["data", name, "corpus", kind];
        for Problem { place, fault } in &error.problems {
            let mut parts = ["corpus", "regions"].into_iter().filter_map(|part| data?.get(part));
            let named = parts.find_map(|node| find_location(node, &place.source));
            // A fault of an option is reported at the option's key, and one of an entry of a table at that of the entry.
            let option = || {
                let table = corpus.iter().try_fold(self.places.0, |node, key| node.get(key))?;
                let member =
                    |table: &Node, key: &str| table.members()?.get(key).map(|own| own.key_origin.clone());
                member(table, &place.source).or_else(|| {
                    let (key, entry) = place.source.split_once('.')?;
                    member(table.get(key)?, entry)
                })
            };
            let (origin, what) = match (named, option()) {
                (Some(table), _) => (table, "this table"),
                (None, Some(option)) => (option, "this option"),
                (None, None) => (self.places.key_origin(&corpus), "this corpus"),
            };
            let mut diagnostic =
                Diagnostic::error(code(fault), format!("{place}: {fault}")).help(fault.help());
            if let Some(line) = line_of(place) {
                diagnostic = diagnostic.label(&line, "this line");
            }
            let label = match place.line {
                Some(line) => format!("line {line} of {what}"),
                None => what.to_owned(),
            };
            self.report(diagnostic.label(&origin, label));
        }
        if error.more > 0 {
            let origin = self.places.key_origin(&corpus);
            let message = format!("data `{name}` has {} more faults like these", error.more);
            self.error("data::more", message, &origin, "in the tables of this corpus");
        }
    }

    fn no_such_split(&mut self, name: &str, options: &DataOptions, error: &SplitError) {
        let SplitError::NoSuchValue { value, .. } = error;
        let (key, values) = if options.split.test_values.contains(value) {
            ("test-values", &options.split.test_values)
        } else {
            ("validation-values", &options.split.validation_values)
        };
        let index = values.iter().position(|other| other == value).unwrap_or(0).to_string();
        let origin = self.places.origin(&["data", name, "split", key, &index]);
        self.error("data::split", error.to_string(), &origin, "no row has this value");
    }

    /// Warns of values of a split that nothing names: their rows are trained on.
    fn warn_of_unnamed_splits(
        &mut self,
        name: &str,
        options: &DataOptions,
        unnamed: &IndexMap<String, usize>,
    ) {
        let splits = options.split.with_split_files(options.corpus.inner().has_split_files());
        if unnamed.is_empty() {
            return;
        }
        let counts = unnamed
            .iter()
            .take(MAX_SHOWN)
            .map(|(value, count)| format!("`{}` ({})", quoted(value), counted(*count, "row", "rows")));
        let mut counts: Vec<String> = counts.collect();
        if unnamed.len() > MAX_SHOWN {
            counts.push(format!("{} more", unnamed.len() - MAX_SHOWN));
        }
        let message = format!(
            "data `{name}` has split values that no key names, so their rows are trained on: {}",
            counts.join(", ")
        );
        let key = |split| if split == Split::Test { "split.test-values" } else { "split.validation-values" };
        let advice = unnamed.keys().find_map(|value| {
            let shown = quoted(value);
            Some(match splits.guess_split(value)? {
                SplitGuess::Named(split, other) => {
                    format!("`{shown}` resembles `{}`: list it in `{}` as well", quoted(&other), key(split))
                }
                SplitGuess::Usual(split) => {
                    format!("`{shown}` often names the {} split: list it in `{}`", split.name(), key(split))
                }
            })
        });
        let help = advice.unwrap_or_else(|| {
            "list them in `split.test-values` or `split.validation-values`, or call them `train` in the data".into()
        });
        let origin = self.places.key_origin(&["data", name]);
        let diagnostic = Diagnostic::warning("data::split", message);
        self.report(diagnostic.label(&origin, "a corpus with a split").help(help));
    }

    /// Reports corpora that hold something else than is needed.
    pub(crate) fn check_content(&mut self, names: &[At<String>], needed: &[ContentKind]) {
        for name in names {
            let held = self.corpora.kind(std::slice::from_ref(name));
            if let Some(held) = held.filter(|held| !needed.contains(held)) {
                let needed: Vec<&str> = needed.iter().map(|needed| needed.name()).collect();
                let message = format!(
                    "corpus `{}` holds {}, and {} are needed here",
                    name.value,
                    held.name(),
                    needed.join(" or ")
                );
                let declared = self.places.key_origin(&["data", &name.value]);
                self.report(
                    Diagnostic::error("recipe::data", message)
                        .label(&name.origin, "named here")
                        .label(&declared, "declared here"),
                );
            }
        }
    }

    /// Checks the names of corpora, and that they hold what is needed; false if they do not.
    pub(crate) fn check_corpora(
        &mut self,
        names: &[At<String>],
        origin: &Origin,
        needed: ContentKind,
    ) -> bool {
        let known: Vec<&str> = self.data.keys().map(String::as_str).collect();
        for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
            self.unknown("corpus", "data", name, &known);
        }
        if names.is_empty() {
            self.error("recipe::data", "no corpus is named here".to_owned(), origin, "names no corpus");
        }
        self.check_content(names, &[needed]);
        let holds = |name| self.corpora.kind(std::slice::from_ref(name)) == Some(needed);
        !names.is_empty() && names.iter().all(holds)
    }

    /// What several corpora agree on; if they do not, that is reported.
    pub(crate) fn agreed<T>(&mut self, found: Result<T, RunError>, origin: &Origin) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err(error) => {
                self.error("recipe::data", error.to_string(), origin, "these corpora together");
                None
            }
        }
    }

    /// Reports tables of one stage that are to be cut at different lengths.
    pub(crate) fn check_max_length(
        &mut self,
        site: &Site<'_>,
        kind: &str,
        mut longest: impl Iterator<Item = usize>,
    ) {
        let Some(first) = longest.next() else { return };
        let Some(other) = longest.position(|own| own != first) else { return };
        let origin = self.places.origin(&site.key(&["data", kind, &(other + 1).to_string()]));
        let message = format!("the {kind} of `{}` are to be cut at different lengths", site.path.join("."));
        self.report(
            Diagnostic::error("recipe::data", message)
                .label(&origin, "not as the first")
                .help("a stage has one `max-length`: give all its tables the same, or make it two stages"),
        );
    }

    /// Reports a training that has nothing to train or to validate on.
    pub(crate) fn check_splits(&mut self, site: &Site<'_>, examples: usize, validation: usize) {
        let (what, help) = if examples == 0 {
            ("train", "the training split is empty: do the test and validation splits take everything?")
        } else if validation == 0 {
            (
                "validate",
                "give a corpus a validation split: `split.validation-fraction` or `split.validation-values`",
            )
        } else {
            return;
        };
        let message = format!("`{}` has nothing to {what} on", site.path.join("."));
        let split = if examples == 0 { "training" } else { "validation" };
        self.report(
            Diagnostic::error("data::empty", message)
                .label(&self.data_origin(site), format!("the {split} splits have none of these"))
                .help(help),
        );
    }
}
