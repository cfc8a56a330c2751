//! Checks of the languages of texts: those that are sampled, and those of an evaluation.

use std::rc::Rc;

use alambic_data::{ContentKind, Label, PassageQuestion, Split, Text};
use alambic_files::text::quoted;
use alambic_settings::reader::nearest;
use alambic_settings::{At, Diagnostic};
use indexmap::{IndexMap, IndexSet};

use super::checker::{Checker, Depth, Site, list};
use crate::options::train::TrainOptions;
use crate::tasks::task::Task;

/// Keys of the evaluation that name languages of texts.
pub(crate) const LANGUAGE_KEYS: [&str; 3] = ["average-without", "source-language", "language-groups"];

/// The help about texts whose language is not known.
const NAME_LANGUAGES: &str = "give the corpora of kinds `texts`, `conll` and `squad` a `language`, `paths` by language, or a table its \
                              `language-column`";

/// The largest share of the tokens of a language that may be unknown without a warning.
const MAX_UNKNOWN: f64 = 0.15;

/// Texts of a language that are read for that.
const MAX_READ: usize = 500;

/// Tokens of some texts, special ones included, and how many of them are unknown.
#[derive(Debug, Clone, Copy, Default)]
struct TokenCounts {
    texts: usize,
    tokens: usize,
    unknown: usize,
}

impl Checker<'_> {
    /// Reports sampling by language of examples whose language is not known, or that are all of one.
    pub(super) fn check_sampling(&mut self, site: &Site<'_>, train: &TrainOptions, task: &dyn Task) {
        let Some(sampling) = &train.sampling else { return };
        let place = site.path.join(".");
        if !task.has_languages() {
            let message = format!("`{place}` cannot sample its examples by language");
            let help = "leave `train.sampling` out: it is for texts, sentences of one language and questions about passages; parallel \
                        sentences have `smoothing` in `data.parallel`";
            let label = format!("its data are {}", task.data_name());
            let diagnostic = Diagnostic::error("recipe::sampling", message);
            self.report(
                diagnostic
                    .label(&sampling.origin, "samples languages")
                    .label(&self.data_origin(site), label)
                    .help(help),
            );
            return;
        }
        // Faults of the data are reported elsewhere.
        let Ok(languages) = task.languages(&self.corpora) else { return };
        if languages.is_empty() {
            return;
        }
        let known: IndexSet<&str> = languages.iter().flatten().copied().collect();
        let unknown = languages.iter().filter(|language| language.is_none()).count();
        let (message, label, help) = if unknown > 0 {
            let message = format!(
                "`{place}` samples languages, and the language of {unknown} of its {} examples is not known",
                languages.len()
            );
            (message, "these have no language".to_owned(), NAME_LANGUAGES)
        } else if known.len() == 1 && self.depth == Depth::Whole {
            let only = known.first().copied().unwrap_or_default();
            let message = format!("`{place}` samples languages, and all of its examples are of `{only}`");
            let help = "leave `train.sampling` out, or name corpora of other languages as well";
            (message, "one language".to_owned(), help)
        } else {
            return;
        };
        let origin = self.data_origin(site);
        self.report(
            Diagnostic::error("recipe::sampling", message)
                .label(&sampling.origin, "samples languages")
                .label(&origin, label)
                .help(help),
        );
    }

    /// Checks the languages that the evaluation names against those of its test splits.
    pub(super) fn check_evaluated_languages(&mut self, task: &dyn Task) {
        let evaluation = self.evaluation;
        if !LANGUAGE_KEYS.iter().any(|key| task.evaluation_keys().contains(key)) {
            return;
        }
        for (name, languages) in &evaluation.language_groups {
            if languages.is_empty() {
                let origin = self.places.origin(&["evaluation", "language-groups", name]);
                let message = format!("the group `{name}` of languages is empty");
                self.error("evaluation::languages", message, &origin, "names no language");
            }
        }
        if self.depth != Depth::Whole {
            // Which languages a table holds shows only at its end.
            return;
        }
        let Some(languages) = task.asked_languages().or_else(|| self.evaluated_languages()) else { return };
        let known: IndexSet<&str> = languages.iter().flatten().map(String::as_str).collect();
        if !known.is_empty() && languages.iter().any(Option::is_none) {
            let message = "some test examples of the evaluation have a language, and others have none";
            self.report(
                Diagnostic::error("evaluation::languages", message)
                    .label(&evaluation.origin, "evaluated together")
                    .help(NAME_LANGUAGES),
            );
            return;
        }
        self.warn_of_unknown_tokens();
        let groups = evaluation.language_groups.values().flatten();
        for language in evaluation.average_without.iter().chain(&evaluation.source_language).chain(groups) {
            self.check_evaluated_language(language, &known);
        }
        for (name, languages) in &evaluation.language_groups {
            self.check_language_twice(languages, &format!("the group `{name}`"));
        }
        self.check_language_twice(&evaluation.average_without, "`average-without`");
        let is_left_out =
            |language: &&&str| evaluation.average_without.iter().any(|own| own.value == **language);
        if let (Some(first), false) = (evaluation.average_without.first(), known.is_empty())
            && known.iter().all(|language| is_left_out(&language))
        {
            let message = "`average-without` leaves out every language of the evaluation";
            self.error(
                "evaluation::languages",
                message.to_owned(),
                &first.origin,
                "nothing is left to average",
            );
        }
        if let (Some(source), 1) = (&evaluation.source_language, known.len())
            && known.contains(source.as_str())
        {
            let message = format!("`{}` is the only language of the evaluation", source.value);
            self.error("evaluation::languages", message, &source.origin, "no other is compared with it");
        }
    }

    /// Warns of languages of which the student's vocabulary does not know many tokens.
    fn warn_of_unknown_tokens(&mut self) {
        let Some(tokenizer) = self.student().map(|student| Rc::clone(&student.tokenizer)) else { return };
        let Some(unknown) = tokenizer.unknown() else { return };
        let mut counts: IndexMap<String, TokenCounts> = IndexMap::new();
        for (language, text) in self.evaluated_texts() {
            let counts = counts.entry(language.to_owned()).or_default();
            if counts.texts < MAX_READ {
                let Ok(encoded) = tokenizer.encode_text(text, None) else { continue };
                counts.texts += 1;
                counts.unknown += encoded.ids.iter().filter(|id| **id == unknown).count();
                counts.tokens += encoded.ids.len();
            }
        }
        let special = tokenizer.encode_text("", None).map_or(0, |encoded| encoded.ids.len());
        for (language, counts) in counts {
            let tokens = counts.tokens.saturating_sub(special * counts.texts);
            let share = counts.unknown as f64 / tokens.max(1) as f64;
            let is_left_out = self.evaluation.average_without.iter().any(|own| own.value == language);
            if share <= MAX_UNKNOWN || is_left_out {
                continue;
            }
            let message = format!(
                "{:.0} % of the tokens of texts in `{language}` are unknown to the student's vocabulary",
                100.0 * share
            );
            self.report(
                Diagnostic::warning("evaluation::languages", message)
                    .label(&self.evaluation.origin, "evaluated in this language")
                    .help("its value is part of `average`: name it in `average-without`, or average groups without it"),
            );
        }
    }

    /// The texts that are evaluated, a text and a passage by themselves, each with its language where it is known.
    fn evaluated_texts(&self) -> Vec<(&str, &str)> {
        let names = &self.evaluation.data;
        match self.corpora.kind(names) {
            Some(ContentKind::Texts) => {
                let texts = self.corpora.texts_of_any_labels(names, Split::Test).unwrap_or_default();
                texts
                    .into_iter()
                    .filter_map(|text| Some((text.language.as_deref()?, text)))
                    .flat_map(|(language, text)| text.texts().map(move |own| (language, own)))
                    .collect()
            }
            Some(ContentKind::Passages) => {
                let corpora = self.corpora.datasets::<PassageQuestion>(names).unwrap_or_default();
                let questions = corpora.into_iter().flat_map(|corpus| corpus.splits.get(Split::Test));
                questions
                    .filter_map(|own| Some((own.language.as_deref()?, own)))
                    .flat_map(|(language, own)| {
                        [(language, own.question.as_str()), (language, &*own.passage)]
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// Reports a language that no test example has.
    fn check_evaluated_language(&mut self, language: &At<String>, known: &IndexSet<&str>) {
        if known.contains(language.as_str()) {
            return;
        }
        let known: Vec<&str> = known.iter().copied().collect();
        let message = format!("no test example is in the language `{}`", quoted(language));
        let diagnostic = Diagnostic::error("evaluation::languages", message);
        let near = nearest(language, &known);
        self.report(match (near, known.is_empty()) {
            (_, true) => {
                let is_of_images = self.corpora.kind(&self.evaluation.data) == Some(ContentKind::Questions);
                let help = if is_of_images { "name several `student-languages`" } else { NAME_LANGUAGES };
                diagnostic.label(&language.origin, "no language is known").help(help)
            }
            (Some(near), _) => diagnostic
                .label(&language.origin, format!("did you mean `{near}`?"))
                .help(format!("the test splits have {}", list(known))),
            (None, _) => diagnostic.label(&language.origin, format!("the test splits have {}", list(known))),
        });
    }

    /// Reports a language that a list names twice.
    fn check_language_twice(&mut self, languages: &[At<String>], what: &str) {
        for (index, language) in languages.iter().enumerate() {
            if languages[..index].contains(language) {
                let message = format!("{what} names `{}` twice", quoted(language));
                self.error("evaluation::languages", message, &language.origin, "named before");
            }
        }
    }

    /// The language of each example that is evaluated; none where it cannot be known, since corpora are faulty or hold something
    /// else.
    fn evaluated_languages(&self) -> Option<Vec<Option<String>>> {
        let names = &self.evaluation.data;
        match self.corpora.kind(names)? {
            ContentKind::Texts => {
                let texts = self.corpora.texts_of_any_labels(names, Split::Test).ok()?;
                let all = texts.iter().all(|text| text.label == Label::None);
                let is_evaluated = |text: &&&Text| all || text.label != Label::None;
                Some(texts.iter().filter(is_evaluated).map(|text| text.language.clone()).collect())
            }
            ContentKind::Passages => {
                let corpora = self.corpora.datasets::<PassageQuestion>(names).ok()?;
                let test = corpora.into_iter().flat_map(|corpus| corpus.splits.get(Split::Test));
                let labelled = test.filter(|question| question.is_labelled);
                Some(labelled.map(|question| question.language.clone()).collect())
            }
            ContentKind::Questions => {
                let languages = &self.evaluation.student_languages;
                Some(languages.iter().map(|language| Some(language.value.clone())).collect())
            }
            _ => None,
        }
    }
}
