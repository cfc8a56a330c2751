//! Corpora, directions, and how many examples come of them.

use alambic_data::parallel::{Parallel, ParallelSplits};
use alambic_data::questions::QuestionSplits;
use alambic_data::split::{SplitReport, Splits};
use alambic_data::texts::TextSplits;
use alambic_data::{Collection, Content, DataError, Direction, Entry, Extent, Labels, Pair};
use alambic_data::{Problem, Split, SplitError, VisualQuestions};
use alambic_data::{direction, embedded, examples};
use alambic_settings::{At, Diagnostic, IndexMap, Node, Origin};

use super::faults::{code, find_location, line_of};
use super::labels::label_counts;
use super::{Checker, Depth, list};
use crate::run::RunError;
use crate::run::corpora::{Corpus, Kind, Parts, content};
use crate::schema::{DataOptions, StageData};

/// A table of a recipe that chooses texts: corpora and directions.
#[derive(Debug, Clone)]
pub(crate) struct Selection<'s> {
    pub(crate) names: &'s [At<String>],
    pub(crate) patterns: &'s [At<String>],
    pub(crate) except: &'s [At<String>],
    /// Where the table was written.
    pub(crate) origin: Origin,
}

/// A pattern of directions with what it stands for here.
type Expanded<'s> = (&'s At<String>, Vec<Direction>);

/// The keys under which a training's data are named.
const KINDS: [&str; 8] =
    ["pairs", "words", "texts", "parallel", "questions", "image-texts", "captions", "objects"];

/// How many examples there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Labelled pairs by direction.
    pub(crate) labelled: IndexMap<String, usize>,
    /// Source words by direction, without those that are rendered.
    pub(crate) words: IndexMap<String, usize>,
    /// English words that a checkpoint renders, once for each language.
    pub(crate) rendered: usize,
    /// Most source words by direction that come of rendering.
    pub(crate) rendered_words: usize,
    /// Texts to be read; sentences with a translation each.
    pub(crate) texts: usize,
    /// Questions about images.
    pub(crate) questions: usize,
    /// Texts about images.
    pub(crate) image_texts: usize,
    /// Images that are looked at for themselves: with their captions, or for the objects in them.
    pub(crate) images: usize,
    /// Most texts that come of varying these.
    pub(crate) varied: usize,
    /// Examples of the validation part.
    pub(crate) validation: usize,
}

impl Counts {
    /// Examples to train on, at most.
    pub(crate) fn examples(&self) -> usize {
        self.labelled.values().sum::<usize>()
            + self.words.values().sum::<usize>()
            + self.rendered_words
            + self.texts
            + self.varied
            + self.questions
            + self.image_texts
            + self.images
    }
}

impl Checker<'_> {
    /// Reads every corpus as far as asked.
    pub(super) fn read_corpora(&mut self) {
        let recipe = self.recipe;
        let held_out = match embedded::held_out() {
            Ok(held_out) => held_out,
            Err(error) => return self.table_faults("", &error),
        };
        let mut corpora = Vec::new();
        for (name, options) in &recipe.data {
            let corpus = match self.depth {
                Depth::Whole => Corpus::read(options, &held_out),
                Depth::Quick => head(options),
            };
            match corpus {
                Ok(corpus) => {
                    self.warn_of_unnamed(name, options, &corpus.report().unnamed);
                    corpora.push((name.clone(), corpus));
                }
                Err(RunError::Data(error)) => self.table_faults(name, &error),
                Err(RunError::Split(error)) => self.no_such_split(name, options, &error),
                Err(other) => {
                    let origin = self.loaded.origin(&["data", name]);
                    self.error("data::file", other.to_string(), &origin, "this corpus");
                }
            }
        }
        self.workshop.corpora = corpora.into_iter().collect();
    }

    /// Reports the faults of a corpus's files.
    fn table_faults(&mut self, name: &str, error: &DataError) {
        let data = self.loaded.tree.get("data").and_then(|data| data.get(name));
        let kinds = data.and_then(|data| data.get("corpus")).and_then(Node::members);
        let kind = kinds.and_then(|kinds| kinds.keys().next()).map_or("", String::as_str);
        let corpus = ["data", name, "corpus", kind];
        for Problem { place, fault } in &error.problems {
            let mut parts = ["corpus", "regions"].into_iter().filter_map(|part| data?.get(part));
            let named = parts.find_map(|node| find_location(node, &place.source));
            // A fault of an option is told by the option's key.
            let option = || {
                let table = corpus.iter().try_fold(&self.loaded.tree, |node, key| node.get(key))?;
                table.members()?.get(&place.source).map(|member| member.key_origin.clone())
            };
            let (origin, what) = match (named, option()) {
                (Some(table), _) => (table, "this table"),
                (None, Some(option)) => (option, "this option"),
                (None, None) => (self.loaded.key_origin(&corpus), "this corpus"),
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
            let origin = self.loaded.key_origin(&corpus);
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
        let origin = self.loaded.origin(&["data", name, "split", key, &index]);
        self.error("data::split", error.to_string(), &origin, "no row has this value");
    }

    /// Checks the names and patterns of a selection. The directions of each pattern come without those that an
    /// earlier pattern gave; there are none where the corpora could not be read.
    pub(super) fn directions<'s>(&mut self, selection: &Selection<'s>) -> Vec<Expanded<'s>> {
        let known: Vec<&str> = self.recipe.data.keys().map(String::as_str).collect();
        for name in selection.names.iter().filter(|name| !known.contains(&name.as_str())) {
            self.unknown("corpus", "data", name, &known);
        }
        self.must_hold(selection.names, Kind::Words);
        for (what, empty) in
            [("corpus", selection.names.is_empty()), ("direction", selection.patterns.is_empty())]
        {
            if empty {
                let message = format!("no {what} is named here");
                self.error("recipe::data", message, &selection.origin, format!("names no {what}"));
            }
        }
        let Some(languages) = self.languages(selection.names) else { return Vec::new() };
        let mut excepted = Vec::new();
        for pattern in selection.except {
            excepted.extend(self.expand(pattern, &languages));
        }
        let mut seen: Vec<Direction> = Vec::new();
        let mut expanded = Vec::new();
        let mut sound = true;
        for pattern in selection.patterns {
            let all = self.expand(pattern, &languages);
            sound &= !all.is_empty();
            let mut directions = all;
            directions.retain(|direction| !excepted.contains(direction) && !seen.contains(direction));
            seen.extend(directions.iter().cloned());
            expanded.push((pattern, directions));
        }
        if seen.is_empty() && sound && !selection.patterns.is_empty() {
            let diagnostic = Diagnostic::error("recipe::direction", "no direction is left")
                .label(&selection.patterns[0].origin, "all of these");
            self.report(match selection.except.first() {
                Some(except) => diagnostic.label(&except.origin, "are taken away again here"),
                None => diagnostic,
            });
        }
        expanded
    }

    /// Reports corpora that hold something else than is needed.
    fn must_hold(&mut self, names: &[At<String>], needed: Kind) {
        for name in names {
            let held = self.workshop.corpora.kind(std::slice::from_ref(name));
            if let Some(held) = held.filter(|held| *held != needed) {
                let message = format!(
                    "corpus `{}` holds {}, and {} are needed here",
                    name.value,
                    held.name(),
                    needed.name()
                );
                let declared = self.loaded.key_origin(&["data", &name.value]);
                self.report(
                    Diagnostic::error("recipe::data", message)
                        .label(&name.origin, "named here")
                        .label(&declared, "declared here"),
                );
            }
        }
    }

    /// Checks the names of corpora, and that they hold what is needed; false if they do not.
    pub(super) fn must_be_corpora(&mut self, names: &[At<String>], origin: &Origin, needed: Kind) -> bool {
        let known: Vec<&str> = self.recipe.data.keys().map(String::as_str).collect();
        for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
            self.unknown("corpus", "data", name, &known);
        }
        if names.is_empty() {
            self.error("recipe::data", "no corpus is named here".to_owned(), origin, "names no corpus");
        }
        self.must_hold(names, needed);
        let holds = |name| self.workshop.corpora.kind(std::slice::from_ref(name)) == Some(needed);
        !names.is_empty() && names.iter().all(holds)
    }

    /// Checks the names of corpora of texts, and that their labels agree. What they are is given back.
    pub(super) fn text_labels(&mut self, names: &[At<String>], origin: &Origin) -> Option<Labels> {
        if !self.must_be_corpora(names, origin, Kind::Texts) {
            return None;
        }
        let labels = self.workshop.corpora.labels(names).cloned();
        let labels = self.agreed(labels, origin)?;
        self.must_tell_apart(names, &labels);
        Some(labels)
    }

    /// What several corpora agree on; if they do not, that is reported.
    pub(super) fn agreed<T>(&mut self, found: Result<T, RunError>, origin: &Origin) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err(error) => {
                self.error("recipe::data", error.to_string(), origin, "these corpora together");
                None
            }
        }
    }

    /// Counts the texts of a training, and reports parts that hold none.
    fn texts(&mut self, name: &str, path: &[&str], data: &At<StageData>) {
        let mut counts = Counts::default();
        let mut all: Option<Labels> = None;
        for (index, options) in data.texts.iter().enumerate() {
            let origin = self.loaded.origin(&[path, &["data", "texts", &index.to_string()]].concat());
            let Some(labels) = self.text_labels(&options.data, &origin) else { continue };
            if all.as_ref().is_some_and(|all| *all != labels) {
                let message = format!("the corpora of `{}` have different labels", path.join("."));
                self.error("recipe::data", message, &origin, "other labels than the texts before it");
            }
            all = Some(labels);
            let count =
                |part| self.workshop.corpora.selected_texts(options, part).map_or(0, |texts| texts.len());
            let texts = count(Split::Train);
            counts.texts += texts;
            counts.varied += texts * options.augment.as_ref().map_or(0, |augment| augment.variants);
            counts.validation += count(Split::Validation);
        }
        if self.depth == Depth::Whole && all.is_some() {
            self.must_validate(path, counts.texts, counts.validation);
            let validation = |own| self.workshop.corpora.selected_texts(own, Split::Validation).ok();
            let found = label_counts(data.texts.iter().filter_map(validation).flatten());
            let names: Vec<At<String>> = data.texts.iter().flat_map(|own| own.data.clone()).collect();
            self.warn_of_unseen((Split::Validation, &names), &found, &[data]);
        }
        self.must_cut_alike(path, "texts", data.texts.iter().map(|options| options.longest));
        self.counts.insert(name.to_owned(), counts);
    }

    /// Reports tables of one stage that are to be cut at different lengths.
    pub(super) fn must_cut_alike(
        &mut self,
        path: &[&str],
        kind: &str,
        mut longest: impl Iterator<Item = usize>,
    ) {
        let Some(first) = longest.next() else { return };
        let Some(other) = longest.position(|own| own != first) else { return };
        let origin = self.loaded.origin(&[path, &["data", kind, &(other + 1).to_string()]].concat());
        let message = format!("the {kind} of `{}` are to be cut at different lengths", path.join("."));
        self.report(
            Diagnostic::error("recipe::data", message)
                .label(&origin, "not as the first")
                .help("a stage has one `longest`: give all its tables the same, or part it in two stages"),
        );
    }

    /// Reports a training that has nothing to train or to validate on.
    pub(super) fn must_validate(&mut self, path: &[&str], examples: usize, validation: usize) {
        let (what, help) = if examples == 0 {
            ("train", "its training part is empty; does a split take everything?")
        } else if validation == 0 {
            (
                "validate",
                "give a corpus a part for it: `split.validation-fraction` or `split.validation-values`",
            )
        } else {
            return;
        };
        let message = format!("`{}` has nothing to {what} on", path.join("."));
        let part = if examples == 0 { "training" } else { "validation" };
        self.report(
            Diagnostic::error("data::empty", message)
                .label(&self.data_origin(path), format!("the {part} parts hold nothing of this"))
                .help(help),
        );
    }

    /// All languages of several corpora; none if one of them is not there.
    fn languages(&self, names: &[At<String>]) -> Option<Vec<String>> {
        let mut languages: Vec<String> = Vec::new();
        for name in names {
            let (_, corpus) = self.workshop.corpora.iter().find(|(other, _)| *other == name.as_str())?;
            for language in corpus.languages() {
                if !languages.contains(language) {
                    languages.push(language.clone());
                }
            }
        }
        (!languages.is_empty()).then_some(languages)
    }

    fn expand(&mut self, pattern: &At<String>, languages: &[String]) -> Vec<Direction> {
        match direction::expand(pattern, languages) {
            Ok(directions) => directions,
            Err(error) => {
                let label = "as in `hi-ta`, `*-en` or `*-*`";
                self.error("recipe::direction", error.to_string(), &pattern.origin, label);
                Vec::new()
            }
        }
    }

    /// Checks what a training or the baseline reads, and counts it under `name`. `path` leads to the table that holds
    /// `data`.
    pub(super) fn stage_data<'s>(
        &mut self,
        name: &str,
        path: &[&str],
        data: &'s At<StageData>,
    ) -> Vec<Expanded<'s>> {
        let kinds = [
            !data.pairs.is_empty() || !data.words.is_empty(),
            !data.texts.is_empty(),
            !data.parallel.is_empty(),
            !data.questions.is_empty(),
            !data.image_texts.is_empty(),
            !data.captions.is_empty(),
            !data.objects.is_empty(),
        ];
        if kinds.iter().filter(|there| **there).count() > 1 {
            let message = format!("`{}` has data of several kinds to train on", path.join("."));
            let label = "one model writes, or reads, or looks at images, and learns one thing at a time";
            self.error("recipe::data", message, &self.data_origin(path), label);
        }
        if !data.texts.is_empty() {
            self.texts(name, path, data);
            return Vec::new();
        }
        if !data.parallel.is_empty() {
            self.parallel(name, path, data);
            return Vec::new();
        }
        if !data.questions.is_empty() {
            self.questions(name, path, data);
            return Vec::new();
        }
        if !data.image_texts.is_empty() {
            self.image_texts(name, path, data);
            return Vec::new();
        }
        if !data.captions.is_empty() {
            self.captions(name, path, data);
            return Vec::new();
        }
        if !data.objects.is_empty() {
            self.objects(name, path, data);
            return Vec::new();
        }
        if data.pairs.is_empty() && data.words.is_empty() {
            let message = format!("`{}` has nothing to train on", path.join("."));
            let help = "`pairs` have a target in the corpus; a teacher writes the targets of `words`; `texts` and `parallel` sentences are read; `questions` and `image-texts` are about images; images are found by `captions`; detectors find `objects`";
            self.report(
                Diagnostic::error("recipe::data", message)
                    .label(&data.origin, "holds none of these")
                    .help(help),
            );
        }
        let mut counts = Counts::default();
        let mut all = Vec::new();
        let pairs = data.pairs.iter().enumerate().map(|(index, pairs)| {
            let origin = self.loaded.origin(&[path, &["data", "pairs", &index.to_string()]].concat());
            let selection =
                Selection { names: &pairs.data, patterns: &pairs.directions, except: &pairs.except, origin };
            (selection, pairs.fraction, true)
        });
        let words = data.words.iter().enumerate().map(|(index, words)| {
            let origin = self.loaded.origin(&[path, &["data", "words", &index.to_string()]].concat());
            let selection =
                Selection { names: &words.data, patterns: &words.directions, except: &words.except, origin };
            (selection, words.fraction, false)
        });
        let selections: Vec<_> = pairs.chain(words).collect();
        for (selection, fraction, labelled) in selections {
            let expanded = self.directions(&selection);
            self.count(&selection, &expanded, Split::Train, (fraction, labelled), &mut counts);
            let validation = self.pairs(&selection, &expanded, Split::Validation, labelled);
            counts.validation += examples::subsample(&validation, fraction, salt(labelled)).len();
            all.extend(expanded);
        }
        for (index, words) in data.words.iter().enumerate().filter(|(_, words)| words.rendered_by.is_some()) {
            let selection = Selection {
                names: &words.data,
                patterns: &words.directions,
                except: &words.except,
                origin: self.loaded.origin(&[path, &["data", "words", &index.to_string()]].concat()),
            };
            let expanded = self.directions(&selection);
            self.count_rendered(&selection, &expanded, words.fraction, &mut counts);
        }
        let examples = counts.labelled.values().chain(counts.words.values()).sum::<usize>();
        if self.depth == Depth::Whole && examples > 0 {
            self.must_validate(path, examples, counts.validation);
        }
        self.counts.insert(name.to_owned(), counts);
        all
    }

    /// Where the data of a table were written: what they hold, since dotted keys of several files can make up `data`.
    pub(super) fn data_origin(&self, path: &[&str]) -> Origin {
        let data = path.iter().chain(&["data"]).try_fold(&self.loaded.tree, |node, key| node.get(key));
        let held = data.and_then(|data| KINDS.iter().find_map(|kind| data.get(kind)));
        held.or(data).map_or(Origin::Default, |node| node.origin.clone())
    }

    /// The examples of a selection in one part.
    fn pairs(
        &self,
        selection: &Selection<'_>,
        expanded: &[Expanded<'_>],
        part: Split,
        labelled: bool,
    ) -> Vec<Pair> {
        let directions: Vec<Direction> =
            expanded.iter().flat_map(|(_, directions)| directions.clone()).collect();
        let entries = self.entries(selection.names, part);
        if labelled {
            examples::labelled(&entries, &directions)
        } else {
            examples::unlabelled(&entries, &directions)
        }
    }

    fn entries(&self, names: &[At<String>], part: Split) -> Vec<Entry> {
        self.workshop.corpora.entries(names, part).unwrap_or_default()
    }

    /// Counts the examples of a selection and reports directions that have none.
    pub(super) fn count(
        &mut self,
        selection: &Selection<'_>,
        expanded: &[Expanded<'_>],
        part: Split,
        (fraction, labelled): (f64, bool),
        counts: &mut Counts,
    ) {
        let pairs = self.pairs(selection, expanded, part, labelled);
        let mut by_direction: IndexMap<String, usize> = IndexMap::new();
        for pair in examples::subsample(&pairs, fraction, salt(labelled)) {
            *by_direction.entry(pair.direction().to_string()).or_default() += 1;
        }
        if self.depth == Depth::Whole && fraction > 0.0 {
            self.report_empty(selection, expanded, part, labelled, &by_direction);
        }
        let sums = if labelled { &mut counts.labelled } else { &mut counts.words };
        for (direction, count) in by_direction {
            *sums.entry(direction).or_default() += count;
        }
    }

    fn report_empty(
        &mut self,
        selection: &Selection<'_>,
        expanded: &[Expanded<'_>],
        part: Split,
        labelled: bool,
        counts: &IndexMap<String, usize>,
    ) {
        let what = if labelled { "labelled pair" } else { "source word" };
        let part = match part {
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
            let message = format!("no {what} in the {part} part of {corpora} for {directions_named}");
            let diagnostic = if empty.len() == directions.len() {
                let help = if part == "test" {
                    "say which rows are for the test, with `split.test-values` or `split.test-fraction`"
                } else {
                    "leave it out, or add data that have it"
                };
                Diagnostic::error("data::empty", message)
                    .label(&pattern.origin, "stands for nothing")
                    .help(help)
            } else {
                Diagnostic::warning("data::empty", message).label(&pattern.origin, "stands for these too")
            };
            self.report(diagnostic);
        }
    }

    fn count_rendered(
        &mut self,
        selection: &Selection<'_>,
        expanded: &[Expanded<'_>],
        fraction: f64,
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
        let texts = examples::texts(&self.entries(selection.names, Split::Train), "en");
        let texts = examples::share(&texts, fraction, salt(false)).len();
        counts.rendered += texts * sources.len();
        counts.rendered_words += texts * directions.len();
    }
}

/// What decides which share of the examples a fraction takes; the same as in training.
fn salt(labelled: bool) -> &'static str {
    if labelled { "pairs" } else { "words" }
}

/// A corpus from the heads of its tables. Nothing of it is parted: what a part holds cannot be told from a head.
fn head(options: &DataOptions) -> Result<Corpus, RunError> {
    let (validation, test, report) = (Vec::new(), Vec::new(), SplitReport::default());
    Ok(match content(options, Extent::Head)? {
        Content::Lexicon(lexicon) => Corpus {
            parts: Parts::Words {
                languages: lexicon.languages,
                splits: Splits { train: lexicon.entries, validation, test, report },
            },
            reading: lexicon.reading,
            fingerprint: lexicon.fingerprint,
        },
        Content::Texts(Collection { labels, texts, reading, fingerprint, .. }) => {
            let (validation, test) = (Vec::new(), Vec::new());
            let splits = TextSplits { train: texts, validation, test, report };
            Corpus { parts: Parts::Texts { labels, splits }, reading, fingerprint }
        }
        Content::Parallel(Parallel { languages, sentences, reading, fingerprint }) => {
            let (validation, test) = (Vec::new(), Vec::new());
            let splits = ParallelSplits { train: sentences, validation, test, report };
            Corpus { parts: Parts::Parallel { languages, splits }, reading, fingerprint }
        }
        Content::Questions(corpus) => {
            let unasked = corpus.unasked().into_iter().map(|image| (image, Split::Train)).collect();
            let settled = corpus.least.is_none();
            let VisualQuestions { answers, images, questions, languages, tags, reading, fingerprint, .. } =
                corpus;
            let (validation, test) = (Vec::new(), Vec::new());
            let splits = QuestionSplits { train: questions, validation, test, unasked, report };
            let parts = Parts::Questions { answers, settled, images, splits, languages, tags };
            Corpus { parts, reading, fingerprint }
        }
    })
}
