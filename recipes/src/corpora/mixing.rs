//! Corpora whose texts are mixed with words of other languages.

use std::sync::Arc;

use alambic_data::mixing::{
    Coverage, Dictionary, Mixer, MixingOptions, ParallelDictionary, induce, words_of,
};
use alambic_data::parallel::Translation;
use alambic_data::{Content, Corpus, DataError, Dataset, Extent, Labels, MixingFault, Place, Split};
use alambic_files::text::visible;
use alambic_reports::numbers::thousands;
use alambic_settings::{At, IndexMap, Origin};
use alambic_tensor::Streams;

use super::collection::Corpora;
use crate::error::RunError;
use crate::options::data::DataOptions;
use crate::options::dictionary::DictionaryOptions;

/// What keeps a corpus from being mixed, or deserves a warning.
#[derive(Debug)]
pub(crate) struct MixingProblem {
    /// The keys that lead to the option.
    pub(crate) key: Vec<String>,
    /// Where it was written, if it is an entry of a list.
    pub(crate) origin: Option<Origin>,
    pub(crate) kind: Box<MixingProblemKind>,
}

/// Kind of a problem of mixing.
#[derive(Debug)]
pub(crate) enum MixingProblemKind {
    /// A dictionary that cannot be read.
    Data(DataError),
    /// An option that does not fit: what is wrong, and what to do.
    Option { message: String, label: String, help: String },
    /// A dictionary that has no or next to no word of the texts: what is seen, and what to do.
    Warning { message: String, help: String },
}

impl MixingProblem {
    fn option(key: &[&str], message: String, label: impl Into<String>, help: impl Into<String>) -> Self {
        let kind = Box::new(MixingProblemKind::Option { message, label: label.into(), help: help.into() });
        Self { key: key.iter().map(|key| (*key).to_owned()).collect(), origin: None, kind }
    }

    fn at(self, origin: &Origin) -> Self {
        Self { origin: Some(origin.clone()), ..self }
    }

    fn data(key: &[&str], error: DataError) -> Self {
        let kind = Box::new(MixingProblemKind::Data(error));
        Self { key: key.iter().map(|key| (*key).to_owned()).collect(), origin: None, kind }
    }

    /// The error of a run; none of what is a warning.
    pub(crate) fn into_error(self) -> Option<RunError> {
        match *self.kind {
            MixingProblemKind::Data(error) => Some(RunError::Data(error)),
            MixingProblemKind::Option { message, help, .. } => {
                Some(RunError::Recipe(format!("`{}`: {message}; {help}", self.key.join("."))))
            }
            MixingProblemKind::Warning { .. } => None,
        }
    }
}

/// The share of running words below which a dictionary is warned of: what is mixed by it is next to nothing.
const MIN_SHARE: f64 = 0.01;

/// Reads and induces the dictionaries of a recipe, each once.
struct Dictionaries<'a> {
    data: &'a IndexMap<String, DataOptions>,
    declared: &'a IndexMap<String, DictionaryOptions>,
    corpora: &'a Corpora,
    extent: Extent,
    induced: IndexMap<String, Arc<Dictionary>>,
}

impl Dictionaries<'_> {
    /// The dictionaries that the texts of a corpus are mixed by, with their languages.
    fn of(
        &mut self,
        name: &str,
        options: &MixingOptions,
    ) -> Result<Vec<(String, Arc<Dictionary>)>, Vec<MixingProblem>> {
        let known: Vec<&str> =
            options.dictionaries.keys().chain(self.declared.keys()).map(String::as_str).collect();
        let all = || known.iter().map(|code| At::unwritten((*code).to_owned())).collect();
        let wanted: Vec<At<String>> =
            if options.languages.is_empty() { all() } else { options.languages.clone() };
        let mut problems = Vec::new();
        if wanted.is_empty() {
            problems.push(MixingProblem::option(
                &["data", name, "mixing"],
                format!("data `{name}` is to be mixed, and there is no dictionary"),
                "mixes by no dictionary",
                "name one, as `dictionaries = { de = \"en-de.tsv\" }`",
            ));
        }
        let mut found: Vec<(String, Arc<Dictionary>)> = Vec::new();
        let mut is_unread = false;
        for language in &wanted {
            let code = language.value.as_str();
            if found.iter().any(|(other, _)| other == code) {
                continue;
            }
            let dictionary = if let Some(location) = options.dictionaries.get(code) {
                let key = ["data", name, "mixing", "dictionaries", code];
                Dictionary::read(location, code)
                    .map(Arc::new)
                    .map_err(|error| MixingProblem::data(&key, error))
            } else if let Some(DictionaryOptions::Parallel(own)) = self.declared.get(code) {
                // What keeps its corpus from being read is reported where that is read.
                if self.data.contains_key(&own.data.value) && self.corpora.find(&own.data).is_none() {
                    is_unread = true;
                    continue;
                }
                self.induced(code, own)
            } else {
                let shown: Vec<String> = known.iter().map(|code| format!("`{code}`")).collect();
                let label = if shown.is_empty() {
                    "there is no dictionary at all".to_owned()
                } else {
                    format!("there are dictionaries of {}", shown.join(", "))
                };
                let message =
                    format!("data `{name}` is to be mixed with `{code}`, of which there is no dictionary");
                let help = format!(
                    "add it to `dictionaries`, declare `[dictionary.{code}.parallel]`, or leave it out"
                );
                Err(MixingProblem::option(&["data", name, "mixing", "languages"], message, label, help)
                    .at(&language.origin))
            };
            match dictionary {
                Ok(dictionary) => found.push((code.to_owned(), dictionary)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() && !is_unread { Ok(found) } else { Err(problems) }
    }

    /// The dictionary to a language that the recipe declares.
    fn induced(
        &mut self,
        code: &str,
        options: &ParallelDictionary,
    ) -> Result<Arc<Dictionary>, MixingProblem> {
        if let Some(dictionary) = self.induced.get(code) {
            return Ok(Arc::clone(dictionary));
        }
        let dictionary = Arc::new(induced(code, options, self.corpora, self.extent)?);
        self.induced.insert(code.to_owned(), Arc::clone(&dictionary));
        Ok(dictionary)
    }
}

/// A dictionary out of the training split of a corpus of parallel sentences.
fn induced(
    code: &str,
    options: &ParallelDictionary,
    corpora: &Corpora,
    extent: Extent,
) -> Result<Dictionary, MixingProblem> {
    let fail = |key: &str, origin: &Origin, message: String, label: &str, help: String| {
        MixingProblem::option(&["dictionary", code, "parallel", key], message, label, help).at(origin)
    };
    let corpus: &Dataset<Translation> = corpora.dataset(&options.data).map_err(|error| {
        let help = "name a corpus of parallel sentences under `data`".to_owned();
        fail("data", &options.data.origin, error.to_string(), "named here", help)
    })?;
    let languages = &corpus.details.languages;
    let shown = languages.join(", ");
    let others: Vec<&String> = languages.iter().filter(|language| *language != code).collect();
    if others.len() == languages.len() {
        let message = format!("corpus `{}` has no sentences in `{code}`, but in {shown}", options.data.value);
        let help = "name the dictionary by the code of one of these languages".to_owned();
        return Err(fail("data", &options.data.origin, message, "sentences of other languages", help));
    }
    let source = match (&options.source_language, others.as_slice()) {
        (Some(source), _) if others.contains(&&source.value) => &source.value,
        (Some(source), _) => {
            let message = format!("corpus `{}` has no sentences in `{}`", options.data.value, source.value);
            let help = format!("its languages beside `{code}` are {}", shown_languages(&others));
            return Err(fail("source-language", &source.origin, message, "no language of the corpus", help));
        }
        (None, [source]) => *source,
        (None, _) => {
            let message = format!("corpus `{}` has several languages beside `{code}`", options.data.value);
            let help = format!("set `source-language` to one of {}", shown_languages(&others));
            return Err(fail("data", &options.data.origin, message, "sentences of several languages", help));
        }
    };
    let pairs: Vec<(&str, &str)> = corpus
        .splits
        .get(Split::Train)
        .iter()
        .filter_map(|own| Some((own.texts.get(source)?.as_str(), own.texts.get(code)?.as_str())))
        .collect();
    let from = format!("corpus `{}`", options.data.value);
    let dictionary = induce(options, &pairs, (from.clone(), corpus.fingerprint.clone()));
    // In the first sentences alone there may be too few.
    if dictionary.is_empty() && extent == Extent::Whole {
        let fault = MixingFault::NothingInduced { pairs: pairs.len() };
        let key = ["dictionary", code, "parallel", "data"];
        return Err(MixingProblem::data(&key, DataError::new(Place::file(&from), fault.into()))
            .at(&options.data.origin));
    }
    Ok(dictionary)
}

fn shown_languages(languages: &[&String]) -> String {
    let shown: Vec<String> = languages.iter().map(|code| format!("`{code}`")).collect();
    shown.join(", ")
}

/// What texts may be mixed with, by the mixer of each: the translations of their words, those of each corpus once.
pub(crate) fn translations<'c>(texts: impl Iterator<Item = (&'c Arc<Mixer>, &'c str)>) -> Vec<&'c str> {
    // Texts of one corpus have the same mixer.
    let mut mixed: Vec<(&Arc<Mixer>, Vec<&str>)> = Vec::new();
    for (mixer, text) in texts {
        match mixed.iter_mut().find(|(other, _)| Arc::ptr_eq(other, mixer)) {
            Some((_, texts)) => texts.push(text),
            None => mixed.push((mixer, vec![text])),
        }
    }
    mixed.into_iter().flat_map(|(mixer, texts)| mixer.translations(texts.into_iter())).collect()
}

impl Corpora {
    /// Gives the training texts of each corpus that is to be mixed their dictionaries, and notes how many of their words these have.
    /// What keeps a corpus from that is given back, with warnings. `extent` says how far the corpora were read.
    pub(crate) fn mix(
        &mut self,
        data: &IndexMap<String, DataOptions>,
        declared: &IndexMap<String, DictionaryOptions>,
        extent: Extent,
    ) -> Vec<MixingProblem> {
        let mut problems = Vec::new();
        let mut mixers = Vec::new();
        let mut dictionaries =
            Dictionaries { data, declared, corpora: &*self, extent, induced: IndexMap::new() };
        for (name, options) in data {
            let Some(mixing) = &options.mixing else { continue };
            let Some(content) = self.find(name) else { continue };
            match mixer(name, options, mixing, content, &mut dictionaries) {
                Ok(mixer) => mixers.push((name, mixing, Arc::new(mixer))),
                Err(found) => problems.extend(found),
            }
        }
        for (name, options, mixer) in mixers {
            let Some(content) = self.get_mut(name) else { continue };
            let coverages = give(&mixer, content);
            if extent == Extent::Whole {
                problems.extend(coverages.iter().filter_map(|coverage| warning(name, options, coverage)));
            }
            for coverage in coverages {
                content.add_note(note(&coverage));
            }
            if let Some([text, mixed]) = sample(content) {
                content.add_note(format!("mixing: `{text}` becomes `{mixed}`, for instance"));
            }
        }
        problems
    }
}

/// The mixer of a corpus.
fn mixer(
    name: &str,
    options: &DataOptions,
    mixing: &MixingOptions,
    content: &Content,
    dictionaries: &mut Dictionaries<'_>,
) -> Result<Mixer, Vec<MixingProblem>> {
    let key = ["data", name, "mixing"];
    let classes = match content {
        Content::Texts(texts) => match &texts.details.labels {
            Labels::Words(classes) => Some(classes.as_slice()),
            _ => None,
        },
        Content::Questions(_) => None,
        other => {
            let message = format!("data `{name}` holds {}, which are not mixed", other.kind().name());
            let help = "mix corpora of texts or of questions about images";
            return Err(vec![MixingProblem::option(&key, message, "mixes them", help)]);
        }
    };
    if matches!(options.corpus.value, Corpus::Mined(_)) {
        let message = format!("data `{name}` is mined, and mined texts are not mixed");
        let help = "keep what is mined as a file, and name that";
        return Err(vec![MixingProblem::option(&key, message, "mixes them", help)]);
    }
    let dictionaries = dictionaries.of(name, mixing)?;
    let mut problems = Vec::new();
    if mixing.within.is_some() && classes.is_none_or(<[String]>::is_empty) {
        let message = format!("`within` is of tagged words, and those of data `{name}` have no tags");
        let help = "leave `within` out, or name a corpus whose words have tags";
        problems.push(MixingProblem::option(
            &["data", name, "mixing", "within"],
            message,
            "there are no spans",
            help,
        ));
    }
    let languages = content.languages();
    if let Some(source) = mixing.source_language.as_ref()
        && !languages.is_empty()
        && !languages.contains(&source.value)
    {
        let message = format!("data `{name}` has no texts in `{}`", source.value);
        let help = format!("its languages are {}", languages.join(", "));
        let key = ["data", name, "mixing", "source-language"];
        let problem = MixingProblem::option(&key, message, "no language of its texts", help);
        problems.push(problem.at(&source.origin));
    }
    if problems.is_empty() { Ok(Mixer::new(mixing, dictionaries, classes)) } else { Err(problems) }
}

/// Gives the training examples of a corpus their mixer; how many of their words its dictionaries have is given back.
fn give(mixer: &Arc<Mixer>, content: &mut Content) -> Vec<Coverage> {
    match content {
        Content::Texts(texts) => {
            let own = texts.splits.train.iter().flat_map(|text| text.words_to_mix(mixer));
            let coverage = mixer.coverage(own);
            for text in &mut texts.splits.train {
                text.mixer = Some(Arc::clone(mixer));
            }
            texts.fingerprint = fingerprint(&texts.fingerprint, mixer);
            coverage
        }
        Content::Questions(questions) => {
            let languages = &questions.details.languages;
            let takes_own = mixer.takes(languages.first().map(String::as_str));
            let own = questions.splits.train.iter().filter(|_| takes_own);
            let coverage = mixer.coverage(own.flat_map(|question| words_of(&question.text)));
            questions.details.mixer = Some(Arc::clone(mixer));
            questions.fingerprint = fingerprint(&questions.fingerprint, mixer);
            coverage
        }
        _ => Vec::new(),
    }
}

/// The fingerprint of a corpus with the dictionaries that it is mixed by.
fn fingerprint(corpus: &str, mixer: &Mixer) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(corpus.as_bytes());
    for (language, dictionary) in mixer.dictionaries() {
        hasher.update(language.as_bytes());
        hasher.update(dictionary.fingerprint.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// Most characters of a text that shows what mixing makes of it.
const MAX_SAMPLE: usize = 120;

/// A training text, and what the first epoch under seed 1 makes of it: the first that changes, of some.
fn sample(content: &Content) -> Option<[String; 2]> {
    let streams = Streams::new(1);
    let shown = |text: &str, mixed: &str| [text, mixed].map(visible);
    let is_short = |text: &str| text.chars().count() <= MAX_SAMPLE;
    match content {
        Content::Texts(texts) => {
            let mut texts = texts.splits.train.iter().take(SAMPLED).filter(|text| is_short(&text.first));
            texts.find_map(|text| {
                let mixed = text.mixed(&mut streams.mixing(0, &[&text.first]))?;
                (mixed.first != text.first).then(|| shown(&text.first, &mixed.first))
            })
        }
        Content::Questions(questions) => {
            let mixer = questions.details.mixer.as_ref()?;
            let language = questions.details.languages.first().map(String::as_str);
            let mut asked = questions.splits.train.iter().take(SAMPLED).filter(|own| is_short(&own.text));
            asked.find_map(|question| {
                let mixed =
                    mixer.mix_text(&question.text, language, &mut streams.mixing(0, &[&question.text]));
                (mixed != question.text).then(|| shown(&question.text, &mixed))
            })
        }
        _ => None,
    }
}

/// Number of texts among which one is looked for that shows what mixing does.
const SAMPLED: usize = 100;

/// What is said of a dictionary's coverage.
fn note(coverage: &Coverage) -> String {
    let Coverage { language, source, entries, words, found, .. } = coverage;
    format!(
        "mixing: {source} has {} of {} running words ({:.0} %) in `{language}`, by {} words",
        thousands(*found as u64),
        thousands(*words as u64),
        100.0 * coverage.share(),
        thousands(*entries as u64)
    )
}

/// A warning of a dictionary that is most likely not the one that is meant.
fn warning(name: &str, options: &MixingOptions, coverage: &Coverage) -> Option<MixingProblem> {
    let code = coverage.language.as_str();
    let key: Vec<&str> = if options.dictionaries.contains_key(code) {
        vec!["data", name, "mixing", "dictionaries", code]
    } else {
        vec!["dictionary", code]
    };
    let (message, help) = if coverage.is_crossed() {
        let message = format!(
            "{} of {} running words of data `{name}` are among the translations of {}, and {} among its words: its columns seem to be \
             crossed",
            thousands(coverage.among_translations as u64),
            thousands(coverage.words as u64),
            coverage.source,
            thousands(coverage.found as u64)
        );
        (message, "the first column is the word that is looked up, the second its translation")
    } else if coverage.words > 0 && coverage.share() < MIN_SHARE {
        let message = format!(
            "{} has {} of {} running words of data `{name}`: next to nothing is mixed with `{code}`",
            coverage.source,
            thousands(coverage.found as u64),
            thousands(coverage.words as u64)
        );
        (message, "give a dictionary out of the language of the texts")
    } else {
        return None;
    };
    Some(MixingProblem {
        key: key.into_iter().map(str::to_owned).collect(),
        origin: None,
        kind: Box::new(MixingProblemKind::Warning { message, help: help.to_owned() }),
    })
}
