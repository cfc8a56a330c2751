//! The corpora of a recipe, read and parted.

use std::collections::{BTreeSet, HashSet};
use std::sync::OnceLock;

use alambic_data::corpora::ReadCorpus;
use alambic_data::parallel::{ParallelSplits, Translation, key, split_parallel};
use alambic_data::questions::{QuestionSplits, is_chosen, picture_key, split_questions};
use alambic_data::split::{HoldOut, SplitReport, Splits, split};
use alambic_data::texts::{TextSplits, share, split_texts};
use alambic_data::{
    Content, Direction, Entry, Extent, Labels, Picture, Question, Reading, Recorded, Split, Text, direction,
    embedded,
};
use alambic_settings::At;
use indexmap::{IndexMap, IndexSet};
use rayon::prelude::*;

use super::RunError;
use crate::schema::{CaptionData, DataOptions, QuestionData, Readings, TextData};

/// What a corpus holds, in its parts.
#[derive(Debug)]
pub(crate) enum Parts {
    /// Names or words in these languages.
    Words { languages: Vec<String>, splits: Splits },
    /// Texts with these labels.
    Texts { labels: Labels, splits: TextSplits },
    /// Questions about images, and all answers that there are.
    Questions {
        answers: Vec<String>,
        /// Whether these are those that are told apart: not so where they are those of the rows, and of these only the first
        /// were read.
        settled: bool,
        images: Vec<Picture>,
        splits: QuestionSplits,
        /// The languages of the questions, the corpus's own first.
        languages: Vec<String>,
        /// What tags are called in other languages.
        tags: IndexMap<String, IndexMap<String, String>>,
    },
    /// Sentences in these languages.
    Parallel { languages: Vec<String>, splits: ParallelSplits },
}

/// One corpus in its parts.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) parts: Parts,
    pub(crate) reading: Reading,
    pub(crate) fingerprint: String,
}

/// All corpora of a recipe.
#[derive(Debug, Default)]
pub(crate) struct Corpora {
    read: IndexMap<String, Corpus>,
    /// What takes the place of a corpus that only a run mines, once it is there.
    mined: IndexMap<String, OnceLock<Corpus>>,
}

impl Corpus {
    /// Reads and parts a corpus. What is held out is kept out of all training.
    pub(crate) fn read(options: &DataOptions, held_out: &HoldOut) -> Result<Self, RunError> {
        let parting = options.split.keeping(options.corpus.inner().kept_files());
        Ok(match content(options, Extent::Whole)? {
            Content::Lexicon(lexicon) => {
                let splits = split(&lexicon, &parting, Some(held_out))?;
                Self {
                    parts: Parts::Words { languages: lexicon.languages, splits },
                    reading: lexicon.reading,
                    fingerprint: lexicon.fingerprint,
                }
            }
            Content::Texts(collection) => {
                let splits = split_texts(collection.texts, &collection.reading.source, &parting)?;
                Self {
                    parts: Parts::Texts { labels: collection.labels, splits },
                    reading: collection.reading,
                    fingerprint: collection.fingerprint,
                }
            }
            Content::Parallel(corpus) => {
                let splits = split_parallel(&corpus, &parting)?;
                Self {
                    parts: Parts::Parallel { languages: corpus.languages, splits },
                    reading: corpus.reading,
                    fingerprint: corpus.fingerprint,
                }
            }
            Content::Questions(mut corpus) => {
                let splits = split_questions(&mut corpus, &parting)?;
                Self {
                    parts: Parts::Questions {
                        answers: corpus.answers,
                        settled: true,
                        images: corpus.images,
                        splits,
                        languages: corpus.languages,
                        tags: corpus.tags,
                    },
                    reading: corpus.reading,
                    fingerprint: corpus.fingerprint,
                }
            }
        })
    }

    /// What it holds.
    pub(crate) fn kind(&self) -> Kind {
        match self.parts {
            Parts::Words { .. } => Kind::Words,
            Parts::Texts { .. } => Kind::Texts,
            Parts::Questions { .. } => Kind::Questions,
            Parts::Parallel { .. } => Kind::Parallel,
        }
    }

    /// Sizes of the parts and what was removed.
    pub(crate) fn report(&self) -> &SplitReport {
        match &self.parts {
            Parts::Words { splits, .. } => &splits.report,
            Parts::Texts { splits, .. } => &splits.report,
            Parts::Questions { splits, .. } => &splits.report,
            Parts::Parallel { splits, .. } => &splits.report,
        }
    }

    /// Its languages; none for texts.
    pub(crate) fn languages(&self) -> &[String] {
        match &self.parts {
            Parts::Words { languages, .. }
            | Parts::Parallel { languages, .. }
            | Parts::Questions { languages, .. } => languages,
            Parts::Texts { .. } => &[],
        }
    }
}

/// Reads a corpus, with the regions of its images.
pub(crate) fn content(options: &DataOptions, extent: Extent) -> Result<Content, RunError> {
    let mut content = options.corpus.read(extent)?;
    if let Some(regions) = &options.regions {
        let Content::Questions(questions) = &mut content else {
            return Err(RunError::Recipe("`regions` belong to a corpus of questions about images".into()));
        };
        regions.attach(questions, extent)?;
    }
    Ok(content)
}

/// What a corpus holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Words,
    Texts,
    Questions,
    Parallel,
}

impl Kind {
    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Words => "words",
            Self::Texts => "texts",
            Self::Questions => "questions",
            Self::Parallel => "sentences beside their translations",
        }
    }
}

/// A question with the image that it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'c> {
    pub(crate) question: &'c Question,
    pub(crate) picture: &'c Picture,
    /// The question as the student is asked it.
    pub(crate) text: &'c str,
    /// The question as the teacher is asked it.
    pub(crate) taught: &'c str,
    /// In which of the student's languages it is, by its place among them.
    pub(crate) language: usize,
}

impl FromIterator<(String, Corpus)> for Corpora {
    fn from_iter<I: IntoIterator<Item = (String, Corpus)>>(corpora: I) -> Self {
        let mut read: IndexMap<String, Corpus> = corpora.into_iter().collect();
        keep_apart(&mut read);
        let mined = read.keys().map(|name| (name.clone(), OnceLock::new())).collect();
        Self { read, mined }
    }
}

/// Takes out of what each corpus is trained and validated on what another one keeps for its test.
fn keep_apart(corpora: &mut IndexMap<String, Corpus>) {
    if corpora.len() < 2 {
        return;
    }
    let images = image_keys(corpora);
    for judged in 0..corpora.len() {
        let (mut keys, mut entries) = (HashSet::new(), HoldOut::default());
        match &corpora[judged].parts {
            Parts::Words { splits, .. } => entries.add(&splits.test),
            Parts::Texts { splits, .. } => keys = splits.test_keys(),
            Parts::Parallel { splits, .. } => keys = splits.test_keys(),
            Parts::Questions { splits, .. } => {
                keys = images.get(&judged).map(|own| splits.test_keys(own)).unwrap_or_default();
            }
        }
        let others = corpora.values_mut().enumerate().filter(|(other, _)| *other != judged);
        for (other, corpus) in others {
            match &mut corpus.parts {
                Parts::Words { splits, .. } if !entries.is_empty() => splits.hold_out(&entries),
                Parts::Texts { splits, .. } if !keys.is_empty() => splits.leave_out(&keys),
                Parts::Parallel { splits, .. } if !keys.is_empty() => splits.leave_out(&keys),
                Parts::Questions { splits, .. } if !keys.is_empty() => {
                    if let Some(own) = images.get(&other) {
                        splits.leave_out(own, &keys);
                    }
                }
                _ => {}
            }
        }
    }
}

/// What tells the images of each corpus from those of others, by the place of the corpus; nothing where there is one corpus of
/// images, or none that keeps any for its test. Their files are read through.
fn image_keys(corpora: &IndexMap<String, Corpus>) -> IndexMap<usize, Vec<u128>> {
    let mut all: Vec<(usize, &[Picture])> = Vec::new();
    let mut is_any_kept = false;
    for (place, corpus) in corpora.values().enumerate() {
        if let Parts::Questions { images, splits, .. } = &corpus.parts {
            all.push((place, images));
            is_any_kept |= splits.report.test > 0;
        }
    }
    if all.len() < 2 || !is_any_kept {
        return IndexMap::new();
    }
    all.into_iter().map(|(place, images)| (place, images.par_iter().map(picture_key).collect())).collect()
}

impl Corpora {
    /// Reads and parts every corpus. The embedded names' test part is kept out of all training.
    pub(crate) fn read(options: &IndexMap<String, DataOptions>) -> Result<Self, RunError> {
        let held_out: HoldOut = embedded::held_out()?;
        options.iter().map(|(name, options)| Ok((name.clone(), Corpus::read(options, &held_out)?))).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Corpus)> {
        self.read.keys().filter_map(|name| Some((name.as_str(), self.find(name)?)))
    }

    fn find(&self, name: &str) -> Option<&Corpus> {
        self.mined.get(name).and_then(OnceLock::get).or_else(|| self.read.get(name))
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Corpus, RunError> {
        self.find(name).ok_or_else(|| RunError::Recipe(format!("there is no corpus `{name}` under `data`")))
    }

    /// Whether a corpus has been mined.
    pub(crate) fn is_mined(&self, name: &str) -> bool {
        self.mined.get(name).is_some_and(|cell| cell.get().is_some())
    }

    /// Puts in a corpus that has been mined. One that is there stays.
    pub(crate) fn mined(&self, name: &str, corpus: Corpus) {
        if let Some(cell) = self.mined.get(name) {
            cell.get_or_init(|| corpus);
        }
    }

    /// The entries of one part of several corpora, one after another.
    pub(crate) fn entries(&self, names: &[At<String>], part: Split) -> Result<Vec<Entry>, RunError> {
        let mut entries = Vec::new();
        for name in names {
            let Parts::Words { splits, .. } = &self.get(name)?.parts else {
                return Err(self.holds_others(name, Kind::Words));
            };
            entries.extend_from_slice(splits.part(part));
        }
        Ok(entries)
    }

    /// The error that a corpus holds something else than is needed.
    fn holds_others(&self, name: &str, needed: Kind) -> RunError {
        let held = self.find(name).map_or("nothing", |corpus| corpus.kind().name());
        RunError::Recipe(format!("corpus `{name}` holds {held}, not {}", needed.name()))
    }

    /// What the first of these corpora holds; nothing is known of one that is not there.
    pub(crate) fn kind(&self, names: &[At<String>]) -> Option<Kind> {
        names.first().and_then(|name| self.find(name)).map(Corpus::kind)
    }

    /// The answers of several corpora of questions, which have to agree.
    pub(crate) fn answers(&self, names: &[At<String>]) -> Result<&[String], RunError> {
        let mut all: Option<&[String]> = None;
        for name in names {
            let Parts::Questions { answers, settled, .. } = &self.get(name)?.parts else {
                return Err(self.holds_others(name, Kind::Questions));
            };
            if *settled && all.is_some_and(|all| all != answers) {
                return Err(RunError::Recipe(format!(
                    "corpus `{}` has other answers than the corpora named before it",
                    name.value
                )));
            }
            all = Some(answers);
        }
        all.ok_or_else(|| RunError::Recipe("no corpus is named".into()))
    }

    /// Whether it is known which answers of these corpora are told apart.
    pub(crate) fn are_settled(&self, names: &[At<String>]) -> bool {
        let settled = |name: &At<String>| match self.find(name).map(|corpus| &corpus.parts) {
            Some(Parts::Questions { settled, .. }) => *settled,
            _ => true,
        };
        names.iter().all(settled)
    }

    /// The questions of one part of several corpora that are asked in these languages, one after another.
    pub(crate) fn questions(
        &self,
        names: &[At<String>],
        part: Split,
        readings: Readings<'_>,
    ) -> Result<Vec<Shown<'_>>, RunError> {
        self.answers(names)?;
        let code = |at: &At<String>| at.value.clone();
        let teacher = readings.teacher.map(code);
        let students: Vec<Option<String>> = match readings.student {
            [] => vec![None],
            several => several.iter().map(|at| Some(code(at))).collect(),
        };
        let mut all = Vec::new();
        for name in names {
            if let Parts::Questions { images, splits, languages, .. } = &self.get(name)?.parts {
                for (number, student) in students.iter().enumerate() {
                    all.extend(splits.part(part).iter().filter_map(|question| {
                        Some(Shown {
                            question,
                            picture: &images[question.image],
                            text: question.in_language(student.as_deref(), languages)?,
                            taught: question.in_language(teacher.as_deref(), languages)?,
                            language: number,
                        })
                    }));
                }
            }
        }
        Ok(all)
    }

    /// What a tag is called in a language, by what it is in the corpora; none where no corpus knows it.
    pub(crate) fn translated_tags(&self, language: &str) -> IndexMap<&str, &str> {
        let tables = self.read.values().filter_map(|corpus| match &corpus.parts {
            Parts::Questions { tags, .. } => tags.get(language),
            _ => None,
        });
        tables.flatten().map(|(tag, translation)| (tag.as_str(), translation.as_str())).collect()
    }

    /// The questions that a stage's data ask for.
    pub(crate) fn selected_questions(
        &self,
        options: &QuestionData,
        part: Split,
    ) -> Result<Vec<Shown<'_>>, RunError> {
        let mut questions = self.questions(&options.data, part, options.readings())?;
        questions.retain(|shown| is_chosen(shown.picture, options.fraction));
        Ok(questions)
    }

    /// The images of one part of several corpora, one after another, each once: first those about which something is asked.
    pub(crate) fn pictures(&self, names: &[At<String>], part: Split) -> Result<Vec<&Picture>, RunError> {
        // By corpus and place: images of several corpora may have one name.
        let mut pictures: IndexMap<(&str, usize), &Picture> = IndexMap::new();
        for name in names {
            let Parts::Questions { images, splits, .. } = &self.get(name)?.parts else {
                return Err(self.holds_others(name, Kind::Questions));
            };
            let asked = splits.part(part).iter().map(|question| question.image);
            let unasked = splits.unasked.iter().filter(|(_, own)| *own == part).map(|(image, _)| *image);
            pictures.extend(asked.chain(unasked).map(|image| ((name.value.as_str(), image), &images[image])));
        }
        Ok(pictures.into_values().collect())
    }

    /// The images that a stage's data ask for, those that have captions.
    pub(crate) fn selected_pictures(
        &self,
        options: &CaptionData,
        part: Split,
    ) -> Result<Vec<&Picture>, RunError> {
        let mut pictures = self.captioned(&options.data, part)?;
        pictures.retain(|picture| is_chosen(picture, options.fraction));
        Ok(pictures)
    }

    /// The images of one part of several corpora that have captions.
    pub(crate) fn captioned(&self, names: &[At<String>], part: Split) -> Result<Vec<&Picture>, RunError> {
        let mut pictures = self.pictures(names, part)?;
        pictures.retain(|picture| !picture.captions.is_empty());
        Ok(pictures)
    }

    /// What the objects in the training parts of several corpora are, each once and in the order of the alphabet.
    pub(crate) fn tags(&self, names: &[At<String>]) -> Result<Vec<String>, RunError> {
        let pictures = self.pictures(names, Split::Train)?;
        let tags = pictures.iter().flat_map(|picture| &picture.objects).map(|object| object.tag.clone());
        Ok(tags.collect::<BTreeSet<String>>().into_iter().collect())
    }

    /// The tags of the regions in the training parts of several corpora, as they are on record.
    pub(crate) fn found_tags(&self, names: &[At<String>]) -> Result<Vec<String>, RunError> {
        let pictures = self.pictures(names, Split::Train)?;
        let tags = pictures.iter().filter_map(|picture| picture.found.as_ref()).flat_map(Recorded::tags);
        Ok(tags.cloned().collect::<BTreeSet<String>>().into_iter().collect())
    }

    /// What the labels of several corpora of texts are, which have to agree.
    pub(crate) fn labels(&self, names: &[At<String>]) -> Result<&Labels, RunError> {
        let mut all: Option<&Labels> = None;
        for name in names {
            let Parts::Texts { labels, .. } = &self.get(name)?.parts else {
                return Err(self.holds_others(name, Kind::Texts));
            };
            if all.is_some_and(|all| all != labels) {
                return Err(RunError::Recipe(format!(
                    "corpus `{}` has other labels than the corpora named before it",
                    name.value
                )));
            }
            all = Some(labels);
        }
        all.ok_or_else(|| RunError::Recipe("no corpus is named".into()))
    }

    /// The texts of one part of several corpora, one after another.
    pub(crate) fn texts(&self, names: &[At<String>], part: Split) -> Result<Vec<&Text>, RunError> {
        self.labels(names)?;
        let mut texts = Vec::new();
        for name in names {
            if let Parts::Texts { splits, .. } = &self.get(name)?.parts {
                texts.extend(splits.part(part));
            }
        }
        Ok(texts)
    }

    /// The texts that a stage's data ask for.
    pub(crate) fn selected_texts(&self, options: &TextData, part: Split) -> Result<Vec<&Text>, RunError> {
        Ok(share(self.texts(&options.data, part)?, options.fraction))
    }

    /// Whatever is said in the training parts of several corpora of texts, each text of a pair by itself, but for what any
    /// corpus keeps for validation or the test.
    pub(crate) fn trained_on(
        &self,
        names: &[At<String>],
        language: &str,
    ) -> Result<impl Iterator<Item = &str>, RunError> {
        let mut kept: HashSet<String> = HashSet::new();
        if !names.is_empty() {
            let both = |text: &Text| [Some(key(&text.first)), text.second.as_deref().map(key)];
            kept.extend(self.held_out_texts().flat_map(both).flatten());
            for corpus in self.read.values() {
                if let Parts::Parallel { splits, .. } = &corpus.parts {
                    let sentences = splits.validation.iter().chain(&splits.test);
                    kept.extend(
                        sentences.filter_map(|sentence| sentence.texts.get(language)).map(|text| key(text)),
                    );
                }
            }
        }
        let mut all: IndexSet<&str> = IndexSet::new();
        for name in names {
            let Parts::Texts { splits, .. } = &self.get(name)?.parts else {
                return Err(self.holds_others(name, Kind::Texts));
            };
            for text in splits.part(Split::Train) {
                let both = [Some(text.first.as_str()), text.second.as_deref()];
                all.extend(both.into_iter().flatten().filter(|text| !kept.contains(&key(text))));
            }
        }
        Ok(all.into_iter())
    }

    /// The sentences of one part of several corpora, one after another.
    pub(crate) fn sentences(&self, names: &[At<String>], part: Split) -> Result<Vec<&Translation>, RunError> {
        let mut all = Vec::new();
        for name in names {
            let Parts::Parallel { splits, .. } = &self.get(name)?.parts else {
                return Err(self.holds_others(name, Kind::Parallel));
            };
            all.extend(splits.part(part));
        }
        Ok(all)
    }

    /// Every text of the validation and test parts: what no training may read.
    pub(crate) fn held_out_texts(&self) -> impl Iterator<Item = &Text> {
        self.read.values().flat_map(|corpus| {
            let parts: [&[Text]; 2] = match &corpus.parts {
                Parts::Texts { splits, .. } => [&splits.validation, &splits.test],
                Parts::Words { .. } | Parts::Questions { .. } | Parts::Parallel { .. } => [&[], &[]],
            };
            parts.into_iter().flatten()
        })
    }

    /// The directions that patterns stand for over the languages of several corpora.
    pub(crate) fn directions(
        &self,
        names: &[At<String>],
        patterns: &[At<String>],
        except: &[At<String>],
    ) -> Result<Vec<Direction>, RunError> {
        let mut languages: Vec<String> = Vec::new();
        for name in names {
            for language in self.get(name)?.languages() {
                if !languages.contains(language) {
                    languages.push(language.clone());
                }
            }
        }
        let texts = |patterns: &[At<String>]| patterns.iter().map(|at| at.value.clone()).collect::<Vec<_>>();
        let excepted = direction::parse(&texts(except), &languages)?;
        let mut directions = direction::parse(&texts(patterns), &languages)?;
        directions.retain(|direction| !excepted.contains(direction));
        Ok(directions)
    }

    /// Every form of the test parts, by language: what no training may read.
    pub(crate) fn test_forms(&self) -> HashSet<(&str, &str)> {
        let mut forms = HashSet::new();
        for corpus in self.read.values() {
            if let Parts::Words { splits, .. } = &corpus.parts {
                for entry in &splits.test {
                    forms.extend(entry.forms.iter().map(|(code, form)| (code.as_str(), form.as_str())));
                }
            }
        }
        forms
    }
}
