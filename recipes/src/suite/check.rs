//! What is wrong with a suite in itself: values that do not go with each other.

use alambic_files::text::quoted;
use alambic_reports::metrics::METRICS;
use alambic_settings::reader::nearest;
use alambic_settings::{At, Diagnostic, Diagnostics};

use super::kinds::{MLQA_LANGUAGES, SuiteTaskKind};
use super::load::LoadedSuite;
use super::schema::{PaddingInMean, SCHEMA, ScoredPieces, Suite, SuiteTask};
use crate::places::Places;

/// Every mistake in a suite.
pub(super) fn check(loaded: &LoadedSuite) -> Diagnostics {
    let suite = &loaded.suite;
    let mut found = Diagnostics::default();
    check_top(suite, &mut found);
    if suite.task.is_empty() {
        let origin = Places(&loaded.tree).origin(&["task"]);
        let help = "name one by `[task.NAME]`; `alambic explain --suite task.*` lists its keys";
        found.push(
            Diagnostic::error("suite::tasks", "the suite has no task").label(&origin, "no task").help(help),
        );
    }
    for (name, task) in &suite.task {
        if !is_plain(name) {
            let origin = Places(&loaded.tree).key_origin(&["task", name]);
            let label = "must be letters, digits, `-`, `_` and `.`: predictions lie in a folder of this name";
            let message = format!("`{}` cannot be the name of a task", quoted(name));
            found.push(Diagnostic::error("suite::name", message).label(&origin, label));
        }
        check_corpus(name, task, &mut found);
        check_languages(name, task, &mut found);
        check_metrics(name, task, &mut found);
        check_reproduction(name, task, loaded, &mut found);
    }
    found
}

fn check_top(suite: &Suite, found: &mut Diagnostics) {
    if suite.schema.value != SCHEMA {
        let message = format!("schema {} is not known", suite.schema.value);
        let label = format!("this program reads schema {SCHEMA}");
        found.push(Diagnostic::error("suite::schema", message).label(&suite.schema.origin, label));
    }
    if suite.name.trim().is_empty() {
        let diagnostic = Diagnostic::error("suite::name", "the suite's name is empty");
        found.push(diagnostic.label(&suite.name.origin, "must be a name"));
    }
    let mut known: Vec<&str> = suite
        .task
        .values()
        .flat_map(|task| task.languages.iter())
        .map(|language| language.value.as_str())
        .collect();
    known.sort_unstable();
    known.dedup();
    let named = std::iter::once((&suite.source, "source"))
        .chain(suite.average_without.iter().map(|own| (own, "average-without")));
    for (language, key) in named {
        if !known.contains(&language.as_str()) && !suite.task.is_empty() {
            let message = format!("no task has the language `{}`, which `{key}` names", quoted(language));
            let label = match nearest(language, &known) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "is in no `languages`".to_owned(),
            };
            found.push(Diagnostic::error("suite::language", message).label(&language.origin, label));
        }
    }
}

/// A corpus whose predictions are of another kind than the task's.
fn check_corpus(name: &str, task: &SuiteTask, found: &mut Diagnostics) {
    let layout = task.corpus.layout();
    if !task.kind.layouts().contains(&layout) {
        let (kind, corpus) = (task.kind.name(), task.corpus.name());
        let message = format!(
            "`{corpus}` has no predictions of the kind `{kind}`, which `task.{}` is of",
            quoted(name)
        );
        let own = SuiteTaskKind::of_layout(layout).map_or("", SuiteTaskKind::name);
        found.push(
            Diagnostic::error("suite::corpus", message)
                .label(&task.corpus.origin, "predictions of another kind")
                .label(&task.kind.origin, format!("must be `{own}` with this corpus")),
        );
    }
    let files = task.corpus.inner().files();
    for (key, path) in [("folder", &files.folder), ("file", &files.file)] {
        let Some(path) = path else { continue };
        if path.trim().is_empty() || path.starts_with('/') {
            let message =
                format!("`{key}` of the corpus of `task.{}` is not below the folder of data", quoted(name));
            let label = format!("`{}` must be a relative path", quoted(path));
            found.push(Diagnostic::error("suite::corpus", message).label(&task.corpus.origin, label));
        }
    }
}

/// Keys that reproduce scripts, at tasks that have nothing of the sort.
fn check_reproduction(name: &str, task: &SuiteTask, loaded: &LoadedSuite, found: &mut Diagnostics) {
    let is_tagging = task.kind.value == SuiteTaskKind::TokenClassification;
    let embeds = matches!(task.kind.value, SuiteTaskKind::BitextRetrieval | SuiteTaskKind::BitextMining);
    for (key, is_set, suits, kinds) in [
        ("pieces", task.pieces == ScoredPieces::All, is_tagging, "`token-classification`"),
        ("padding", task.padding == PaddingInMean::Counted, embeds, "`bitext-retrieval` and `bitext-mining`"),
    ] {
        if is_set && !suits {
            let message = format!("`{key}` of `task.{}` is about tasks of the kind {kinds}", quoted(name));
            let help = format!("leave it out: this task is of the kind `{}`", task.kind.name());
            let origin = Places(&loaded.tree).origin(&["task", name, key]);
            found.push(Diagnostic::error("suite::kind", message).label(&origin, "does not suit").help(help));
        }
    }
}

fn check_languages(name: &str, task: &SuiteTask, found: &mut Diagnostics) {
    if task.languages.is_empty() {
        let message = format!("`task.{}` has no languages", quoted(name));
        let diagnostic = Diagnostic::error("suite::language", message);
        found.push(diagnostic.label(&task.languages.origin, "must name one at least"));
    }
    check_once("language", &task.languages, found);
    let few = task.few_shot.iter().flat_map(|few| &few.languages);
    for language in task.languages.iter().chain(few) {
        if !is_plain(language) {
            let message = format!("`{}` is not the code of a language", quoted(language));
            let label = "must be letters, digits, `-`, `_` and `.`: names of files hold it";
            found.push(Diagnostic::error("suite::language", message).label(&language.origin, label));
        }
    }
    for language in task.few_shot.iter().flat_map(|few| &few.languages) {
        if !task.languages.iter().any(|own| own.value == language.value) {
            let message =
                format!("`few-shot` of `task.{}` names the language `{}`", quoted(name), quoted(language));
            found.push(
                Diagnostic::error("suite::language", message)
                    .label(&language.origin, "is not one of the task's `languages`"),
            );
        }
    }
}

fn check_metrics(name: &str, task: &SuiteTask, found: &mut Diagnostics) {
    if task.metrics.is_empty() {
        let message = format!("`task.{}` has no metrics", quoted(name));
        let diagnostic = Diagnostic::error("suite::metric", message);
        found.push(diagnostic.label(&task.metrics.origin, "must name one at least"));
    }
    let all: Vec<At<String>> = task.metrics.iter().chain(&task.shown).cloned().collect();
    check_once("metric", &all, found);
    let suitable = task.kind.metrics();
    for metric in &all {
        let help = format!("metrics of the kind `{}` are {}", task.kind.name(), listed(suitable));
        let error = |message: String, label: String| {
            Diagnostic::error("suite::metric", message).label(&metric.origin, label).help(help.clone())
        };
        let is_metric = METRICS.iter().any(|own| own.name == metric.value);
        if suitable.contains(&metric.as_str()) {
            let others = task.languages.iter().filter(|own| !MLQA_LANGUAGES.contains(&own.as_str()));
            let others: Vec<&str> = others.map(|own| own.value.as_str()).collect();
            if metric.starts_with("mlqa-") && !others.is_empty() {
                let message = format!("`{}` does not know {}", metric.value, listed(&others));
                let label = format!("knows {}", listed(&MLQA_LANGUAGES));
                found.push(Diagnostic::error("suite::metric", message).label(&metric.origin, label));
            }
        } else if is_metric {
            let message =
                format!("`{}` does not measure what `task.{}` predicts", metric.value, quoted(name));
            found.push(error(message, "does not suit the kind".to_owned()));
        } else {
            let label = match nearest(metric, suitable) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "is no metric".to_owned(),
            };
            found.push(error(format!("there is no metric `{}`", quoted(metric)), label));
        }
    }
}

/// Names that stand twice.
fn check_once(what: &str, all: &[At<String>], found: &mut Diagnostics) {
    for (index, own) in all.iter().enumerate() {
        if let Some(first) = all[..index].iter().find(|other| other.value == own.value) {
            let message = format!("the {what} `{}` is named twice", quoted(own));
            found.push(
                Diagnostic::error("suite::twice", message)
                    .label(&own.origin, "second time")
                    .label(&first.origin, "first time"),
            );
        }
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{}`", quoted(name))).collect::<Vec<_>>().join(", ")
}

/// Whether a name may be part of a path and nothing else.
fn is_plain(name: &str) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    !name.is_empty() && !name.starts_with('.') && name.len() <= 100 && name.chars().all(is_part)
}
