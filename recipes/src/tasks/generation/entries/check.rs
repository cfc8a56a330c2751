//! Checks of what is read and written about images.

use alambic_data::{ContentKind, Split};
use alambic_losses::Term;
use alambic_reports::metrics::{PredictionKind, TaskDescription};
use alambic_settings::{At, Diagnostic, Origin};

use super::check_texts::{check_known, check_text_data, check_text_keys};
use super::contrast::counts_over_pairs;
use super::image_token_check::check_image_token_keys;
use super::options::{GenerationEntry, Read, Written, WrittenData};
use super::region_check::check_region_keys;
use super::train::counts_over_texts;
use crate::check::checker::{Checker, Depth, Site, list};
use crate::check::counts::{Counts, Sort};

/// Pairs of entries, as they are counted.
const PAIRS: Sort = Sort { key: "contrast", name: "pairs to be found" };

/// Examples of entries, as they are counted.
const EXAMPLES: Sort = Sort { key: "generation", name: "texts to be written" };

impl WrittenData {
    /// Counts the examples of a training, and reports entries that have none.
    pub(super) fn check_written(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let (mut examples, mut validation, mut generated, mut is_read) = (0, 0, 0, true);
        for (index, entry) in self.generation.iter().enumerate() {
            let origin = checker.table_origin(site, "generation", index);
            if entry.has_image_tokens() {
                check_image_token_keys(entry, &origin, checker);
            } else if entry.reads_regions() {
                check_region_keys(entry, &origin, checker);
            } else if check_text_keys(entry, &origin, checker) {
                check_parts(entry, &origin, checker);
            }
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
        for (index, entry) in self.contrast.iter().enumerate() {
            let origin = checker.table_origin(site, "contrast", index);
            if !entry.check(&entry.data, &origin, checker) {
                is_read = false;
                continue;
            }
            let [own, held] = entry.count(&origin, checker);
            examples += own;
            // Where texts are written, they alone are validated.
            validation += if self.writes() { 0 } else { held };
        }
        if is_read {
            checker.count_images(site, EXAMPLES, examples, validation);
            if let Some(counts) = checker.counts.get_mut(site.name) {
                counts.generated = generated;
                counts.is_exact = generated == 0;
            }
        }
    }

    /// Checks the evaluation of what is contrasted, and counts its pairs.
    fn check_searched(&self, checker: &mut Checker<'_>) -> usize {
        let evaluation = checker.evaluation;
        let mut pairs = 0;
        for entry in self.searched() {
            if evaluation.data.is_empty() || !entry.check(&evaluation.data, &evaluation.origin, checker) {
                return pairs;
            }
            pairs += entry.count_test(checker);
        }
        if pairs < 2 && !self.searched().is_empty() && checker.depth == Depth::Whole {
            let message = "the test splits of the evaluation hold fewer than two pairs".to_owned();
            checker.report(
                Diagnostic::error("data::empty", message)
                    .label(&evaluation.origin, "nothing to be found")
                    .help("name those of the test split, with `split.test-values` or `split.test-fraction`"),
            );
        }
        pairs
    }

    /// Reports entries over whose batches no loss counts.
    pub(super) fn check_written_terms(&self, site: &Site<'_>, terms: &[Term], checker: &mut Checker<'_>) {
        let over_pairs = terms.iter().any(counts_over_pairs) || self.contrast.is_empty();
        let over_texts = terms.iter().any(counts_over_texts) || !self.writes();
        for (is_counted, key, loss) in
            [(over_pairs, "contrast", "info-nce"), (over_texts, "generation", "cross-entropy")]
        {
            if !is_counted {
                let origin = checker.table_origin(site, key, 0);
                let message =
                    format!("no loss of `{}` counts over the entries of `{key}`", site.path.join("."));
                checker.report(
                    Diagnostic::error("loss::idle", message)
                        .label(&origin, "trains nothing")
                        .help(format!("add `loss.{loss} = {{}}`, or leave these entries out")),
                );
            }
        }
    }

    /// Checks the evaluation of the last stage's student.
    pub(super) fn check_written_evaluation(&self, checker: &mut Checker<'_>) {
        let evaluation = checker.evaluation;
        let (entries, searched) = (self.evaluated(), self.searched());
        let ranking = TaskDescription::from(PredictionKind::Ranking);
        let Some(first) = entries.first() else {
            if !searched.is_empty() {
                checker.check_metrics(&[ranking]);
                let pairs = self.check_searched(checker);
                checker.counts.insert("evaluation".to_owned(), Counts::of(PAIRS, pairs, 0));
                return;
            }
            let message = "no entry of `generation` is evaluated".to_owned();
            let label = "asks nothing of the test splits";
            return checker.error("evaluation::generation", message, &evaluation.origin, label);
        };
        if let Some(other) = entries.iter().find(|entry| entry.writes != first.writes) {
            let message = format!("{} and {} are evaluated together", plural(first), plural(other));
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
        if first.draws() {
            return first.check_drawings(checker);
        }
        let references = match first.writes {
            Written::Caption => PredictionKind::Scene,
            Written::Text if has_scenes(checker) => PredictionKind::Scene,
            Written::Answer | Written::Text | Written::Spans | Written::ImageTokens => PredictionKind::Text,
        };
        let writes_one_language = matches!(first.writes, Written::Answer | Written::Caption);
        let task = TaskDescription::from(PredictionKind::Text)
            .with_references(references)
            .multilingual(writes_one_language && has_languages(checker));
        let tasks = [task, ranking];
        checker.check_metrics(if searched.is_empty() { &tasks[..1] } else { &tasks });
        self.check_searched(checker);
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

/// Whether the evaluation is of made-up scenes.
fn has_scenes(checker: &Checker<'_>) -> bool {
    let pictures = checker.corpora.pictures(&checker.evaluation.data, Split::Test);
    pictures.is_ok_and(|pictures| pictures.iter().any(|picture| picture.scene_contents().is_some()))
}

/// Whether the evaluation is of a corpus in several languages.
fn has_languages(checker: &Checker<'_>) -> bool {
    let languages = |name: &At<String>| checker.corpora.get(name).map_or(0, |own| own.languages().len());
    checker.evaluation.data.iter().any(|name| languages(name) > 1)
}

/// What entries write, in the plural.
fn plural(entry: &GenerationEntry) -> &'static str {
    match entry.writes {
        Written::Answer => "answers",
        Written::Caption => "captions",
        Written::Text => "translations",
        Written::Spans => "spans",
        Written::ImageTokens => "images",
    }
}

/// What an entry writes, in words.
fn what(entry: &GenerationEntry) -> &'static str {
    match entry.writes {
        Written::Answer => "question with a known answer",
        Written::Caption | Written::ImageTokens => "image with a caption",
        Written::Text => "text with a translation",
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
    } else if entry.reads_images() && entry.reads.first() != Some(&Read::Image) {
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
        Written::Caption | Written::ImageTokens => checker.check_captions(data, origin),
        Written::Text => return check_text_data(entry, data, origin, checker),
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
            let known = corpus.languages().to_vec();
            check_known(std::slice::from_ref(language), name, &known, checker);
        }
    }
    for (language, name) in
        entry.answer_language.iter().flat_map(|own| data.iter().map(move |name| (own, name)))
    {
        let Ok(corpus) = checker.corpora.get(name) else { continue };
        let known = corpus.languages().to_vec();
        check_known(std::slice::from_ref(language), name, &known, checker);
    }
    checker.found.count() == before
}
