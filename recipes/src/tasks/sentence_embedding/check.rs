//! Checks of parallel sentences.

use alambic_data::{ContentKind, Corpus as Format, Label, Split, Text};
use alambic_reports::metrics::PredictionKind;
use alambic_settings::{At, Diagnostic, Origin};

use super::evaluate::by_content;
use super::options::{ParallelData, SentencesData, Side, Sides};
use crate::check::checker::{Checker, Depth, Site, list};
use crate::check::counts::{Counts, Sort};
use crate::check::mined::check_embeds;

/// Pairs of sentences, as they are counted.
const SENTENCE_PAIRS: Sort = Sort { key: "sentence-pairs", name: "sentence pairs" };
/// Sentences of the evaluation, as they are counted.
const SENTENCES: Sort = Sort { key: "sentences", name: "sentences" };

impl SentencesData {
    /// Counts the sentences of a training, and reports languages and splits that hold none.
    pub(super) fn check_sentences(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_mined(site, checker);
        let (mut pairs, mut validation) = (0, 0);
        let mut are_known = true;
        for (index, options) in self.parallel.iter().enumerate() {
            let origin = checker.table_origin(site, "parallel", index);
            let are_corpora = checker.check_corpora(&options.data, &origin, ContentKind::Parallel);
            let is_read = check_monolingual(options, &origin, checker);
            if !are_corpora || !check_languages(options, &origin, checker) || !is_read {
                // What cannot be counted is not empty.
                return;
            }
            are_known &= !options.data.iter().any(|name| checker.is_to_be_mined(name));
            let count = |split| options.pairs(&checker.corpora, split).map_or(0, |pairs| pairs.len());
            pairs += count(Split::Train);
            validation += count(Split::Validation);
        }
        if checker.depth == Depth::Whole && are_known {
            checker.check_splits(site, pairs, validation);
        }
        self.check_same_reading(site, checker);
        checker.counts.insert(site.name.to_owned(), Counts::of(SENTENCE_PAIRS, pairs, validation));
    }

    /// Reports tables of one stage of which student or teacher would read different sides.
    fn check_same_reading(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let how = |options: &ParallelData| {
            (options.student_side, options.teacher_side, options.max_length, options.smoothing)
        };
        let Some(first) = self.parallel.first().map(how) else { return };
        let differs = |options: &ParallelData| how(options) != first;
        let Some(index) = self.parallel.iter().position(differs) else { return };
        let origin = checker.table_origin(site, "parallel", index);
        let message = format!("the sentences of `{}` are read in different ways", site.path.join("."));
        checker.report(
            Diagnostic::error("recipe::data", message).label(&origin, "not as the first").help(
                "give all the same `student-side`, `teacher-side`, `max-length` and `smoothing`, or make it two stages",
            ),
        );
    }

    /// Reports paraphrases that a stage reads and whose teacher is not there yet.
    fn check_mined(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        for name in self.parallel.iter().flat_map(|options| &options.data) {
            let options = checker.data.get(&name.value).map(|options| &options.corpus.value);
            if let Some(Format::Mined(mined)) = options
                && checker.models.teachers.contains_key(&mined.teacher.value)
            {
                checker.check_order(&mined.teacher, site.position);
            }
        }
    }
}

/// Reports texts without translations where they are none, or where nobody reads the source language.
fn check_monolingual(options: &ParallelData, origin: &Origin, checker: &mut Checker<'_>) -> bool {
    let Some(first) = options.monolingual.first() else { return true };
    if !checker.check_corpora(&options.monolingual, origin, ContentKind::Texts) {
        return false;
    }
    let who = match (options.student_side, options.teacher_side) {
        (Sides::Target, _) => "student",
        (_, Side::Target) => "teacher",
        _ => return true,
    };
    let message = format!("the {who} reads translations alone, and these texts have none");
    checker.report(
        Diagnostic::error("recipe::data", message)
            .label(&first.origin, "texts in the source language")
            .help(format!("leave out `monolingual`, or let `{who}-side` be `source`")),
    );
    false
}

/// Reports languages that none of the corpora has.
fn check_languages(options: &ParallelData, origin: &Origin, checker: &mut Checker<'_>) -> bool {
    let corpora = options.data.iter().filter_map(|name| checker.corpora.get(name).ok());
    let known: Vec<String> = corpora.flat_map(|corpus| corpus.languages().to_vec()).collect();
    let asked = options.targets.iter().map(|target| (&target.value, &target.origin));
    let missing: Vec<_> = std::iter::once((&options.source, origin))
        .chain(asked)
        .filter(|(language, _)| !known.contains(language))
        .map(|(language, origin)| (language.clone(), origin.clone()))
        .collect();
    for (language, origin) in &missing {
        let known = list(known.iter().map(String::as_str));
        let message = format!("no corpus has sentences in `{language}`");
        checker.error("data::language", message, origin, format!("they are in {known}"));
    }
    missing.is_empty()
}

/// The evaluation of models that bring sentences and translations to one place.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    let (sentences, texts) = by_content(&checker.corpora, &evaluation.data);
    if !checker.check_corpora(&sentences, &evaluation.origin, ContentKind::Parallel) {
        return;
    }
    if !texts.is_empty() {
        checker.check_text_labels(&texts, &evaluation.origin);
    }
    checker.check_metrics(&[PredictionKind::Ranking.into(), PredictionKind::Number.into()]);
    for name in &texts {
        check_compared(name, checker);
    }
    if let Some(teacher) = evaluation.teacher.as_ref().filter(|teacher| checker.check_declared(teacher)) {
        let known = checker.models.checkpoint(teacher).map(|info| info.config.clone());
        if let Some(config) = known {
            check_embeds("teacher", &config, &teacher.origin, checker);
        }
    }
    for name in &evaluation.compare_with {
        let known = checker.models.checkpoint(name).map(|info| info.config.clone());
        if let Some(config) = known {
            check_embeds("model", &config, &name.origin, checker);
        }
    }
    if let Some(config) = checker.student().map(|student| student.config.clone()) {
        check_embeds("student", &config, &evaluation.origin, checker);
    }
    let test = checker.corpora.sentences(&sentences, Split::Test).map_or(0, |found| found.len());
    let are_known = !sentences.iter().any(|name| checker.is_to_be_mined(name));
    if checker.depth == Depth::Whole && are_known && test == 0 {
        let diagnostic =
            Diagnostic::error("data::empty", "the test splits of the evaluation hold no sentence");
        let help =
            "name those of the test split, with `test-paths`, `split.test-values` or `split.test-fraction`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    }
    let texts = evaluation.limit.map_or(test, |limit| test.min(limit));
    checker.counts.insert("evaluation".to_owned(), Counts::of(SENTENCES, texts, 0));
}

/// Reports a corpus of texts that has no similarities of two texts.
fn check_compared(name: &At<String>, checker: &mut Checker<'_>) {
    let texts = checker.corpora.texts(std::slice::from_ref(name), Split::Test).unwrap_or_default();
    let is_compared = |text: &&Text| text.second.is_some() && matches!(text.label, Label::Number(_));
    if checker.depth == Depth::Whole && !texts.iter().any(is_compared) {
        let message = format!("the test split of `{}` has no similarities of two texts", name.value);
        checker.report(
            Diagnostic::error("evaluation::data", message)
                .label(&name.origin, "nothing to be evaluated on")
                .help("texts after parallel sentences are pairs rated by people: name their columns `second` and `number`, and leave out others"),
        );
    }
}
