//! Checks of words, directions and the languages that models write.

use alambic_data::{ContentKind, Direction, Entry, SequencePair, Split, direction, examples};
use alambic_reports::metrics::PredictionKind;
use alambic_settings::{At, Diagnostic, IndexMap, Origin};

use super::options::{GenerationData, WordData};
use crate::check::checker::{Checker, Depth, Site, list};
use crate::check::counts::{Counts, Sort};
use crate::options::evaluation::References;

/// Labelled pairs, as they are counted.
const LABELLED: Sort = Sort { key: "labelled", name: "labelled pairs" };
/// Words whose targets a teacher writes.
const WORDS: Sort = Sort { key: "words", name: "words" };
/// Words that come of back-translation.
const BACK_TRANSLATED: Sort = Sort { key: "back-translated", name: "back-translated words" };

/// A table of a recipe that selects words: corpora and directions.
#[derive(Debug, Clone)]
struct Selection<'s> {
    names: &'s [At<String>],
    patterns: &'s [At<String>],
    except: &'s [At<String>],
    /// Whether the corpora hold the targets.
    is_labelled: bool,
    fraction: f64,
    /// Where the table was written.
    origin: Origin,
}

/// A pattern of directions with what it stands for here.
type Expanded<'s> = (&'s At<String>, Vec<Direction>);

impl GenerationData {
    fn selections(&self, site: &Site<'_>, checker: &Checker<'_>) -> Vec<Selection<'_>> {
        let pairs = self.pairs.iter().enumerate().map(|(index, pairs)| Selection {
            names: &pairs.data,
            patterns: &pairs.directions,
            except: &pairs.except,
            is_labelled: true,
            fraction: pairs.fraction,
            origin: checker.table_origin(site, "pairs", index),
        });
        let words =
            self.words.iter().enumerate().map(|(index, words)| selection(words, site, index, checker));
        pairs.chain(words).collect()
    }

    /// Checks what a training reads, and counts it.
    pub(super) fn check_words(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let mut counts = Counts { is_exact: site.named_teacher.is_none(), ..Counts::default() };
        let mut all = Vec::new();
        for selection in self.selections(site, checker) {
            let expanded = expand_all(&selection, checker);
            count(&selection, &expanded, Split::Train, checker, &mut counts);
            let validation = pairs(&selection, &expanded, Split::Validation, checker);
            counts.validation += examples::subsample(&validation, selection.fraction, salt(&selection)).len();
            all.extend(asked(&expanded, |direction| &direction.target));
        }
        let examples = counts.examples();
        for (index, words) in
            self.words.iter().enumerate().filter(|(_, own)| own.back_translated_by.is_some())
        {
            let selection = selection(words, site, index, checker);
            let expanded = expand_all(&selection, checker);
            count_back_translated(&selection, &expanded, checker, &mut counts);
        }
        if checker.depth == Depth::Whole && examples > 0 {
            checker.check_splits(site, examples, counts.validation);
        }
        if site.teacher.is_some() {
            counts.generated += counts.examples() + counts.validation;
        }
        checker.counts.insert(site.name.to_owned(), counts);
        match site.teacher {
            Some(teacher) => checker.check_writes(teacher, &all),
            None => check_student_writes(&all, site, checker),
        }
        self.check_teacher(site, checker);
        self.check_back_translation(site, checker);
    }

    /// Reports words without targets where no teacher writes any.
    fn check_teacher(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        if self.words.is_empty() || site.named_teacher.is_some() {
            return;
        }
        let origin = checker.places.origin(&site.key(&["data", "words"]));
        if site.is_baseline() {
            let message = "a baseline has no teacher to write the targets of `words`".to_owned();
            return checker.error("recipe::teacher", message, &origin, "give it `pairs` alone");
        }
        let stage = checker.places.key_origin(site.path);
        checker.report(
            Diagnostic::error(
                "recipe::teacher",
                format!("stage `{}` has unlabelled words, which need a teacher", site.name),
            )
            .label(&origin, "have no targets")
            .label(&stage, "names no `teacher`"),
        );
    }

    /// Checks the models that translate words back.
    fn check_back_translation(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        for (index, words) in self.words.iter().enumerate() {
            let Some(model) = &words.back_translated_by else { continue };
            if !checker.check_checkpoint(model) {
                continue;
            }
            checker.check_order(model, site.position);
            let selection = selection(words, site, index, checker);
            let mut sources = asked(&expand_all(&selection, checker), |direction| &direction.source);
            sources.retain(|(language, _)| language != "en");
            checker.check_writes(model, &sources);
        }
    }
}

fn selection<'s>(words: &'s WordData, site: &Site<'_>, index: usize, checker: &Checker<'_>) -> Selection<'s> {
    Selection {
        names: &words.data,
        patterns: &words.directions,
        except: &words.except,
        is_labelled: false,
        fraction: words.fraction,
        origin: checker.table_origin(site, "words", index),
    }
}

/// Checks an evaluation on words, and counts them.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    let is_unread = |name: &At<String>| {
        checker.data.contains_key(&name.value) && checker.corpora.get(&name.value).is_err()
    };
    // Whether it holds words or texts is not known of a corpus that could not be read.
    if evaluation.directions.is_empty() && evaluation.data.iter().any(is_unread) {
        return;
    }
    let selection = Selection {
        names: &evaluation.data,
        patterns: &evaluation.directions,
        except: &evaluation.except,
        is_labelled: evaluation.references == References::Corpus,
        fraction: 1.0,
        origin: evaluation.origin.clone(),
    };
    checker.check_metrics(&[PredictionKind::Text.into()]);
    let expanded = expand_all(&selection, checker);
    let targets = asked(&expanded, |direction| &direction.target);
    check_last_student_writes(&targets, checker);
    if let Some(teacher) = &evaluation.teacher
        && checker.check_declared(teacher)
    {
        checker.check_writes(teacher, &targets);
    }
    if !selection.is_labelled && evaluation.teacher.is_none() {
        let origin = checker.places.origin(&["evaluation", "references"]);
        let message = "outputs are compared with those of a teacher, and none is named".to_owned();
        checker.error("recipe::teacher", message, &origin, "needs a `teacher` in `[evaluation]`");
    }
    let mut counts = Counts::default();
    count(&selection, &expanded, Split::Test, checker, &mut counts);
    if let Some(limit) = evaluation.limit {
        for sort in &mut counts.sorts {
            sort.by_direction.values_mut().for_each(|count| *count = (*count).min(limit));
            sort.count = sort.by_direction.values().sum();
        }
    }
    checker.counts.insert("evaluation".to_owned(), counts);
}

/// Reports languages that the student of a baseline has no tag for.
fn check_student_writes(languages: &[(String, Origin)], site: &Site<'_>, checker: &mut Checker<'_>) {
    if site.is_baseline() {
        check_last_student_writes(languages, checker);
    }
}

/// Reports languages that the last stage's student has no tag for.
fn check_last_student_writes(languages: &[(String, Origin)], checker: &mut Checker<'_>) {
    let (Some(last), Some(student)) = (checker.stages.last(), checker.student()) else { return };
    let known = student.tokenizer.languages();
    for (language, origin) in languages.iter().filter(|(language, _)| !known.contains(language)) {
        let message = format!("the student of stage `{}` does not write `{language}`", last.value);
        let label = format!("it writes {}", list(known.iter().map(String::as_str)));
        checker.error("student::language", message, origin, label);
    }
}

/// The languages that directions ask for, each once, with the pattern that asks for it first.
fn asked(expanded: &[Expanded<'_>], language: impl Fn(&Direction) -> &String) -> Vec<(String, Origin)> {
    let mut asked: IndexMap<String, Origin> = IndexMap::new();
    for (pattern, directions) in expanded {
        for direction in directions {
            asked.entry(language(direction).clone()).or_insert_with(|| pattern.origin.clone());
        }
    }
    asked.into_iter().collect()
}

/// Checks the names and patterns of a selection. The directions of each pattern come without those that an
/// earlier pattern gave; there are none where the corpora could not be read.
fn expand_all<'s>(selection: &Selection<'s>, checker: &mut Checker<'_>) -> Vec<Expanded<'s>> {
    let known: Vec<&str> = checker.data.keys().map(String::as_str).collect();
    for name in selection.names.iter().filter(|name| !known.contains(&name.as_str())) {
        checker.unknown("corpus", "data", name, &known);
    }
    checker.check_content(selection.names, &[ContentKind::Words, ContentKind::Parallel]);
    for (what, empty) in
        [("corpus", selection.names.is_empty()), ("direction", selection.patterns.is_empty())]
    {
        if empty {
            let message = format!("no {what} is named here");
            checker.error("recipe::data", message, &selection.origin, format!("names no {what}"));
        }
    }
    let Some(languages) = languages(selection.names, checker) else { return Vec::new() };
    let mut excepted = Vec::new();
    for pattern in selection.except {
        excepted.extend(expand(pattern, &languages, checker));
    }
    let mut seen: Vec<Direction> = Vec::new();
    let mut expanded = Vec::new();
    let mut sound = true;
    for pattern in selection.patterns {
        let all = expand(pattern, &languages, checker);
        sound &= !all.is_empty();
        let mut directions = all;
        directions.retain(|direction| !excepted.contains(direction) && !seen.contains(direction));
        seen.extend(directions.iter().cloned());
        expanded.push((pattern, directions));
    }
    if seen.is_empty() && sound && !selection.patterns.is_empty() {
        let diagnostic = Diagnostic::error("recipe::direction", "no direction is left")
            .label(&selection.patterns[0].origin, "all of these");
        checker.report(match selection.except.first() {
            Some(except) => diagnostic.label(&except.origin, "are taken away again here"),
            None => diagnostic,
        });
    }
    expanded
}

/// All languages of several corpora; none if one of them is not there.
fn languages(names: &[At<String>], checker: &Checker<'_>) -> Option<Vec<String>> {
    let mut languages: Vec<String> = Vec::new();
    for name in names {
        let corpus = checker.corpora.find(name)?;
        for language in corpus.languages() {
            if !languages.contains(language) {
                languages.push(language.clone());
            }
        }
    }
    (!languages.is_empty()).then_some(languages)
}

fn expand(pattern: &At<String>, languages: &[String], checker: &mut Checker<'_>) -> Vec<Direction> {
    match direction::expand(pattern, languages) {
        Ok(directions) => directions,
        Err(error) => {
            let label = "as in `hi-ta`, `*-en` or `*-*`";
            checker.error("recipe::direction", error.to_string(), &pattern.origin, label);
            Vec::new()
        }
    }
}

/// The examples of a selection in one split.
fn pairs(
    selection: &Selection<'_>,
    expanded: &[Expanded<'_>],
    split: Split,
    checker: &Checker<'_>,
) -> Vec<SequencePair> {
    let directions: Vec<Direction> = expanded.iter().flat_map(|(_, directions)| directions.clone()).collect();
    let entries = entries(selection.names, split, checker);
    if selection.is_labelled {
        examples::labelled(&entries, &directions)
    } else {
        examples::unlabelled(&entries, &directions)
    }
}

fn entries(names: &[At<String>], split: Split, checker: &Checker<'_>) -> Vec<Entry> {
    checker.corpora.entries(names, split).unwrap_or_default()
}

/// Counts the examples of a selection and reports directions that have none.
fn count(
    selection: &Selection<'_>,
    expanded: &[Expanded<'_>],
    split: Split,
    checker: &mut Checker<'_>,
    counts: &mut Counts,
) {
    let pairs = pairs(selection, expanded, split, checker);
    let mut by_direction: IndexMap<String, usize> = IndexMap::new();
    for pair in examples::subsample(&pairs, selection.fraction, salt(selection)) {
        *by_direction.entry(pair.direction().to_string()).or_default() += 1;
    }
    if checker.depth == Depth::Whole && selection.fraction > 0.0 {
        report_empty(selection, expanded, split, checker, &by_direction);
    }
    let sort = if selection.is_labelled { LABELLED } else { WORDS };
    for (direction, count) in by_direction {
        counts.add_direction(sort, &direction, count);
    }
}

/// Reports directions without examples.
fn report_empty(
    selection: &Selection<'_>,
    expanded: &[Expanded<'_>],
    split: Split,
    checker: &mut Checker<'_>,
    counts: &IndexMap<String, usize>,
) {
    let what = if selection.is_labelled { "labelled pair" } else { "source word" };
    let split = match split {
        Split::Train => "training",
        Split::Validation => "validation",
        Split::Test => "test",
    };
    let corpora = list(selection.names.iter().map(|name| name.as_str()));
    for (pattern, directions) in expanded {
        let empty: Vec<String> = directions
            .iter()
            .map(ToString::to_string)
            .filter(|direction| !counts.contains_key(direction))
            .collect();
        if empty.is_empty() {
            continue;
        }
        let directions_named = list(empty.iter().map(String::as_str));
        let message = format!("no {what} in the {split} split of {corpora} for {directions_named}");
        let diagnostic = if empty.len() == directions.len() {
            let help = if split == "test" {
                "say which rows are for the test, with `split.test-values` or `split.test-fraction`"
            } else {
                "leave it out, or add data that have it"
            };
            Diagnostic::error("data::empty", message).label(&pattern.origin, "stands for nothing").help(help)
        } else {
            Diagnostic::warning("data::empty", message).label(&pattern.origin, "stands for these too")
        };
        checker.report(diagnostic);
    }
}

/// Counts the English words that a checkpoint translates back, once for each language, and the most words that come of it.
fn count_back_translated(
    selection: &Selection<'_>,
    expanded: &[Expanded<'_>],
    checker: &Checker<'_>,
    counts: &mut Counts,
) {
    let directions: Vec<&Direction> = expanded
        .iter()
        .flat_map(|(_, directions)| directions)
        .filter(|direction| direction.source != "en")
        .collect();
    let mut sources: Vec<&str> = directions.iter().map(|direction| direction.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    let texts = examples::texts(&entries(selection.names, Split::Train, checker), "en");
    let texts = examples::subsample_texts(&texts, selection.fraction, salt(selection)).len();
    counts.generated += texts * sources.len();
    counts.add(BACK_TRANSLATED, texts * directions.len());
}

/// What decides which share of the examples a fraction takes; the same as in training.
fn salt(selection: &Selection<'_>) -> &'static str {
    if selection.is_labelled { "pairs" } else { "words" }
}
