//! Checks of what is read and written about images.

use alambic_data::{ContentKind, Split};
use alambic_reports::metrics::{PredictionKind, TaskDescription};
use alambic_settings::{At, Diagnostic, Origin};

use super::options::{GenerationEntry, Read, Written, WrittenData};
use crate::check::checker::{Checker, Depth, Site, list};
use crate::check::counts::{Counts, Sort};

/// Examples of entries, as they are counted.
const EXAMPLES: Sort = Sort { key: "generation", name: "texts to be written" };

impl WrittenData {
    /// Counts the examples of a training, and reports entries that have none.
    pub(super) fn check_written(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let (mut examples, mut validation, mut generated, mut is_read) = (0, 0, 0, true);
        for (index, entry) in self.generation.iter().enumerate() {
            let origin = checker.table_origin(site, "generation", index);
            check_parts(entry, &origin, checker);
            if entry.writes == Written::Spans {
                match entry.check_texts(&origin, checker) {
                    Some((own, of_validation)) => {
                        examples += own;
                        validation += of_validation;
                    }
                    None => is_read = false,
                }
                continue;
            }
            if !check_entry_data(entry, &entry.data, &origin, checker) {
                is_read = false;
                continue;
            }
            let [(own, unlabelled), (held, held_unlabelled)] =
                [Split::Train, Split::Validation].map(|split| {
                    let in_split = entry.examples(&checker.corpora, split).unwrap_or_default();
                    (in_split.len(), entry.count_unlabelled(&in_split))
                });
            examples += own;
            validation += held;
            generated += unlabelled + held_unlabelled;
            if own == 0 && checker.depth == Depth::Whole && entry.fraction > 0.0 {
                let what = what(entry);
                let message = format!("no {what} in the training splits of {}", names(&entry.data));
                checker.error("data::empty", message, &origin, "has nothing to train on");
            }
        }
        if is_read {
            checker.count_images(site, EXAMPLES, examples, validation);
            if let Some(counts) = checker.counts.get_mut(site.name) {
                counts.generated = generated;
                counts.is_exact = generated == 0;
            }
        }
    }

    /// Checks the evaluation of the last stage's student.
    pub(super) fn check_written_evaluation(&self, checker: &mut Checker<'_>) {
        let evaluation = checker.evaluation;
        let entries = self.evaluated();
        let Some(first) = entries.first() else {
            let message = "no entry of `generation` is evaluated".to_owned();
            let label = "asks nothing of the test splits";
            return checker.error("evaluation::generation", message, &evaluation.origin, label);
        };
        if entries.iter().any(|entry| entry.writes != first.writes) {
            let message = "answers, captions or spans are evaluated together".to_owned();
            checker.report(
                Diagnostic::error("evaluation::generation", message)
                    .label(&evaluation.origin, "is of several")
                    .help("set `evaluated = false` in the entries of all but one of them, and run the recipe once for each"),
            );
            return;
        }
        if first.writes == Written::Spans {
            return first.check_evaluated_texts(checker);
        }
        let references =
            if first.writes == Written::Caption { PredictionKind::Scene } else { PredictionKind::Text };
        let task = TaskDescription::from(PredictionKind::Text).with_references(references);
        checker.check_metrics(&[task]);
        if evaluation.data.is_empty()
            || !check_entry_data(first, &evaluation.data, &evaluation.origin, checker)
        {
            return;
        }
        let count = |entry: &&GenerationEntry| {
            let examples = entry.examples_of(&evaluation.data, &checker.corpora, Split::Test);
            examples.map_or(0, |examples| examples.iter().map(|own| own.versions.len()).sum())
        };
        let test: usize = entries.iter().map(count).sum();
        if test == 0 && checker.depth == Depth::Whole {
            let message = format!("the test splits of the evaluation hold no {}", what(first));
            checker.report(
                Diagnostic::error("data::empty", message)
                    .label(&evaluation.origin, "nothing to be evaluated on")
                    .help("name those of the test split, with `split.test-values` or `split.test-fraction`"),
            );
        }
        checker.counts.insert("evaluation".to_owned(), Counts::of(EXAMPLES, test, 0));
    }
}

/// What an entry writes, in words.
fn what(entry: &GenerationEntry) -> &'static str {
    match entry.writes {
        Written::Answer => "question with a known answer",
        Written::Caption => "image with a caption",
        Written::Spans => "text",
    }
}

pub(super) fn names(names: &[At<String>]) -> String {
    list(names.iter().map(|name| name.as_str()))
}

/// Reports what an entry reads that makes no sense.
fn check_parts(entry: &GenerationEntry, origin: &Origin, checker: &mut Checker<'_>) {
    let is_twice = |read: &Read| entry.reads.iter().filter(|other| *other == read).count() > 1;
    let (message, label) = if entry.reads.is_empty() {
        ("nothing is read here", "reads nothing")
    } else if entry.reads.iter().any(is_twice) {
        ("one thing is read twice", "names it twice")
    } else if entry.writes == Written::Spans && entry.reads != [Read::Text] {
        ("spans are written of a text, and of nothing else", "set `reads = [\"text\"]`")
    } else if entry.writes != Written::Spans && entry.reads.contains(&Read::Text) {
        ("a text is read for `writes = \"spans\"` alone", "read `image` and `prompt` here")
    } else if entry.reads == [Read::Prompt, Read::Image] {
        ("the prompt stands behind the image in every model, and not before it", "put `image` first")
    } else if entry.writes == Written::Caption && !entry.reads_images() {
        ("a caption is to be written of no image", "does not read `image`")
    } else if entry.writes == Written::Answer && entry.prompt("?", None).is_empty() {
        ("a question is to be answered that is not read", "does not read `prompt`")
    } else {
        return check_prompt(entry, checker);
    };
    checker.error("recipe::data", message.to_owned(), origin, label);
}

/// Reports a prompt that does not say what is asked for.
fn check_prompt(entry: &GenerationEntry, checker: &mut Checker<'_>) {
    let Some(prompt) = &entry.prompt else { return };
    let lacks = |part: &str| !prompt.contains(part);
    if entry.writes == Written::Answer && lacks("{question}") {
        let message = "the prompt has no `{question}`, and every question would look the same".to_owned();
        checker.error("recipe::data", message, &prompt.origin, "add `{question}`");
    } else if entry.languages.len() > 1 && entry.writes == Written::Caption && lacks("{language}") {
        let message = "the prompt has no `{language}`, and captions are in several".to_owned();
        checker.error("recipe::data", message, &prompt.origin, "nobody could know which is asked for");
    }
}

/// Checks the corpora of an entry and the languages that it asks for; false if they are not as they have to be.
fn check_entry_data(
    entry: &GenerationEntry,
    data: &[At<String>],
    origin: &Origin,
    checker: &mut Checker<'_>,
) -> bool {
    let are_corpora = match entry.writes {
        Written::Answer => checker.check_answers(data, origin).is_some(),
        // The teacher writes where there are none.
        Written::Caption if entry.labelled <= 0.0 => {
            checker.check_corpora(data, origin, ContentKind::Questions)
        }
        Written::Caption => checker.check_captions(data, origin),
        Written::Spans => true,
    };
    if !are_corpora {
        return false;
    }
    let before = checker.found.count();
    for (place, language) in entry.languages.iter().enumerate() {
        if entry.languages[..place].iter().any(|other| other.value == language.value) {
            let message = format!("`{}` is named twice", language.value);
            checker.error("data::language", message, &language.origin, "it would be drawn twice as often");
        }
        // The teacher writes captions in other languages, too; answers are those of questions in them.
        let needs_labels = entry.writes != Written::Caption
            || (entry.is_language_labelled(Some(language.as_str())) && entry.labelled > 0.0);
        for name in data.iter().filter(|_| needs_labels) {
            let Ok(corpus) = checker.corpora.get(name) else { continue };
            let known = corpus.languages();
            if !known.contains(&language.value) {
                let label = match known {
                    [] => "its texts have no language".to_owned(),
                    known => format!("it has {}", list(known.iter().map(String::as_str))),
                };
                let message = format!("corpus `{}` has nothing in `{}`", name.value, language.value);
                checker.error("data::language", message, &language.origin, label);
            }
        }
    }
    checker.found.count() == before
}
