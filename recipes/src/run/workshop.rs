//! What all trainings of a run share.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use alambic_data::{Labels, Split};
use alambic_files::digests::{self, Digests};
use alambic_files::lock::Lock;
use alambic_files::write;
use alambic_hub::Hub;
use alambic_models::bert::{Head, Task};
use alambic_models::{Config, Generation, ModelFolder, Tokenizer};
use alambic_settings::{At, IndexMap, Location};
use alambic_students::{Blueprint, Donor, Purpose, Student, Surroundings, Taken, rename_tags};
use alambic_teachers::{
    Checkpoint, CheckpointOptions, Encoder, Network, Pipeline, PipelineOptions, Recorded, Teacher,
    TeacherError, TeacherOptions,
};
use alambic_tensor::Streams;
use indexmap::IndexSet;

use super::RunError;
use super::corpora::Corpora;
use super::folder::layout::{DETECTORS, TEACHERS, make_folder};
use super::parallel::{self, Pair};
use super::questions::image_texts;
use super::stage::finished_folder;
use super::trainings::{stage_options, student_of, student_options};
use crate::schema::{ImageTextData, Recipe, StageData};

/// A folder that is made whole or not at all, unless it is there as it was made.
fn made(
    beside: &Path,
    folder: PathBuf,
    make: impl FnOnce(&Path) -> Result<(), RunError>,
) -> Result<PathBuf, RunError> {
    if folder.is_dir() {
        Digests::require(&folder)?.check(&folder)?;
        return Ok(folder);
    }
    let partial = write::partial(&folder);
    make_folder(beside, write::parent(&partial))?;
    write::begin_folder(&partial)?;
    make(&partial)?;
    digests::publish(&partial, &folder)?;
    Ok(folder)
}

/// Recipe, corpora and folder of a run.
pub(crate) struct Workshop<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) corpora: Corpora,
    pub(crate) folder: PathBuf,
    pub(crate) interrupt: &'a AtomicBool,
    /// The folder, locked; none where nothing is written.
    pub(crate) lock: Option<Lock>,
}

impl Workshop<'_> {
    /// That the run's folder is still its own, before something is written there.
    pub(crate) fn check_place(&self) -> Result<(), RunError> {
        Ok(self.lock.iter().try_for_each(Lock::check)?)
    }

    fn options(&self, name: &str) -> Result<&TeacherOptions, RunError> {
        self.recipe
            .teacher
            .get(name)
            .ok_or_else(|| RunError::Recipe(format!("there is no teacher `{name}` under `teacher`")))
    }

    /// The folder of a checkpoint that reads as its options say.
    fn model_folder(&self, name: &str, options: &CheckpointOptions) -> Result<PathBuf, RunError> {
        let own = self.published_folder(name, options)?;
        if !options.adapts() {
            return Ok(own);
        }
        // Who computes a teacher's outputs ahead has no run yet.
        let beside = match &self.recipe.cache.folder {
            Some(Location::File(cache)) if self.folder.as_os_str().is_empty() => cache,
            _ => &self.folder,
        };
        let number = blake3::hash(options.adaptation().as_bytes()).to_hex();
        let folder = beside.join(TEACHERS).join(format!("{name}-{}", &number[..8]));
        made(beside, folder, |folder| Ok(options.write_adapted(&own, folder)?))
    }

    /// The folder of a checkpoint: one that the recipe names, or what a stage left.
    fn published_folder(&self, name: &str, options: &CheckpointOptions) -> Result<PathBuf, RunError> {
        match (&options.model, &options.stage) {
            (Some(Location::File(path)), None) => Ok(path.clone()),
            (None, Some(stage)) => Ok(finished_folder(&self.folder, stage)),
            (Some(Location::Hub(name)), None) => Ok(Hub::from_environment().model(name)?),
            (Some(other), None) => {
                Err(RunError::Recipe(format!("teacher `{name}`: `{other}` is no folder on this machine")))
            }
            _ => Err(RunError::Recipe(format!("teacher `{name}` needs either `model` or `stage`"))),
        }
    }

    /// The folder of the checkpoint of a name.
    pub(crate) fn checkpoint_folder(&self, name: &str) -> Result<PathBuf, RunError> {
        match self.options(name)? {
            TeacherOptions::Checkpoint(options) => self.model_folder(name, options),
            other => Err(RunError::Recipe(format!(
                "teacher `{name}` is a {}, and a checkpoint is needed",
                other.name()
            ))),
        }
    }

    /// The checkpoint of a name, which writes.
    pub(crate) fn checkpoint(&self, name: &str) -> Result<Checkpoint, RunError> {
        Ok(Checkpoint::load(&self.checkpoint_folder(name)?)?)
    }

    /// The checkpoint of a name, which reads.
    pub(crate) fn encoder(&self, name: &str) -> Result<Encoder, RunError> {
        Ok(Encoder::load(&self.checkpoint_folder(name)?)?)
    }

    /// The checkpoint of a name, which reads texts or looks at images.
    pub(crate) fn network(&self, name: &str) -> Result<Network, RunError> {
        Ok(Network::load(&self.checkpoint_folder(name)?)?)
    }

    /// The folder of the detector whose regions a student reads: one whose tags are in the student's language.
    pub(crate) fn detector(&self, student: &Student) -> Result<Option<PathBuf>, RunError> {
        let Some(name) = student.inner().detector() else { return Ok(None) };
        let own = self.checkpoint_folder(name)?;
        let Some(language) = student.inner().tags_in() else { return Ok(Some(own)) };
        let folder = self.folder.join(DETECTORS).join(format!("{}-{}", name.value, language.value));
        let called = self.corpora.translated_tags(language);
        let rename = |to: &Path| Ok(rename_tags(&own, to, &|tag| called.get(tag).map(ToString::to_string))?);
        made(&self.folder, folder, rename).map(Some)
    }

    /// The teacher of a name.
    pub(crate) fn teacher(&self, name: &str) -> Result<Box<dyn Teacher>, RunError> {
        Ok(match self.options(name)? {
            TeacherOptions::Checkpoint(options) => {
                let folder = self.model_folder(name, options)?;
                match Config::open(&ModelFolder::open(&folder)?)? {
                    Config::Marian(_) => Box::new(Checkpoint::load(&folder)?),
                    _ => Box::new(Network::load(&folder)?),
                }
            }
            TeacherOptions::Pipeline(options) => Box::new(self.pipeline(options)?),
            TeacherOptions::Recorded(options) => {
                let file = |location: &Location| match location {
                    Location::File(path) => Ok(path.clone()),
                    other => Err(RunError::Recipe(format!("teacher `{name}`: `{other}` is no file"))),
                };
                let files: Vec<PathBuf> = options.path.iter().map(file).collect::<Result<_, _>>()?;
                Box::new(Recorded::read(&files)?)
            }
        })
    }

    /// The teacher of a name as an evaluation wants it: with the evaluation's decoding, and nothing dropped.
    pub(crate) fn judged_teacher(
        &self,
        name: &str,
        generation: Generation,
    ) -> Result<Box<dyn Teacher>, RunError> {
        Ok(match self.options(name)? {
            TeacherOptions::Checkpoint(_) => Box::new(self.checkpoint(name)?.with_generation(generation)),
            TeacherOptions::Pipeline(options) => Box::new(self.pipeline(&PipelineOptions {
                beam: generation.beam,
                longest: generation.longest,
                least_confidence: 0.0,
                ..options.clone()
            })?),
            TeacherOptions::Recorded(_) => self.teacher(name)?,
        })
    }

    fn pipeline(&self, options: &PipelineOptions) -> Result<Pipeline, RunError> {
        // One model used in two steps is loaded once.
        let mut loaded: IndexMap<&str, Checkpoint> = IndexMap::new();
        for step in &options.chain {
            if !loaded.contains_key(step.teacher.as_str()) {
                loaded.insert(&step.teacher, self.checkpoint(&step.teacher)?);
            }
        }
        Ok(Pipeline::new(options, |name| loaded.get(name).cloned().ok_or(TeacherError::EmptyChain))?)
    }

    /// The vocabulary of a training: its teacher's, or that of the models whose layers its student takes, or one made of
    /// the training part of its data: of words for a student that reads, of characters for one that writes.
    pub(crate) fn tokenizer(
        &self,
        teacher: Option<&dyn Teacher>,
        student: &Student,
        data: &StageData,
    ) -> Result<Tokenizer, RunError> {
        if let Some(tokenizer) = teacher.and_then(Teacher::tokenizer).filter(|_| reads_alike(student, data)) {
            return Ok(tokenizer.clone());
        }
        if data.purpose() != Purpose::Writes {
            if let Some(donor) = student.inner().donors().into_iter().next() {
                let whole = ModelFolder::open(&self.checkpoint_folder(donor)?)?.tokenizer()?;
                return self.taken(&whole, student, data);
            }
            let size = student.inner().vocabulary().unwrap_or(usize::MAX);
            let pieces = student.inner().pieces();
            let mut texts = Vec::new();
            for options in data.texts.iter() {
                texts.extend(self.corpora.selected_texts(options, Split::Train)?);
            }
            let pairs = parallel::pairs(self, data, Split::Train)?;
            if !pairs.is_empty() {
                let read = pairs.iter().flat_map(Pair::texts);
                return Ok(Tokenizer::of_texts(pieces, read, size)?);
            }
            let about_images = self.about_images(student, data)?;
            if !about_images.is_empty() {
                return Ok(Tokenizer::of_texts(pieces, about_images.iter().map(String::as_str), size)?);
            }
            let parts = texts.iter().flat_map(|text| [Some(&text.first), text.second.as_ref()]);
            return Ok(Tokenizer::of_texts(pieces, parts.flatten().map(String::as_str), size)?);
        }
        let mut characters: Vec<char> = Vec::new();
        let mut languages: IndexSet<String> = IndexSet::new();
        let sources =
            data.pairs.iter().map(|options| (&options.data, &options.directions, &options.except)).chain(
                data.words.iter().map(|options| (&options.data, &options.directions, &options.except)),
            );
        for (names, directions, except) in sources {
            for direction in self.corpora.directions(names, directions, except)? {
                languages.insert(direction.source);
                languages.insert(direction.target);
            }
            for entry in self.corpora.entries(names, Split::Train)? {
                characters.extend(entry.forms.values().flat_map(|form| form.chars()));
            }
        }
        characters.sort_unstable();
        languages.sort_unstable();
        let languages: Vec<String> = languages.into_iter().collect();
        Ok(Tokenizer::characters(&characters.into_iter().collect(), &languages)?)
    }

    /// A vocabulary as a student has it: cut to the texts of the training part, trained anew on them, with more behind it, or
    /// whole.
    pub(crate) fn taken(
        &self,
        whole: &Tokenizer,
        student: &Student,
        data: &StageData,
    ) -> Result<Tokenizer, RunError> {
        let taken = student.inner().taken();
        if taken == Taken::Whole {
            return Ok(whole.clone());
        }
        let pairs = parallel::pairs(self, data, Split::Train)?;
        let mut texts = Vec::new();
        for options in data.texts.iter() {
            texts.extend(self.corpora.selected_texts(options, Split::Train)?);
        }
        let texts: Vec<&str> = texts
            .iter()
            .flat_map(|text| [Some(&text.first), text.second.as_ref()])
            .flatten()
            .map(String::as_str)
            .collect();
        let all = || pairs.iter().flat_map(Pair::texts).chain(texts.iter().copied());
        let sources = || pairs.iter().map(|pair| pair.source);
        Ok(match taken {
            Taken::Whole => whole.clone(),
            Taken::Cut(most) => whole.cut(all(), most)?,
            Taken::Anew(most) => whole.anew(all(), most)?,
            Taken::Added { kept, added } => {
                let kept = kept.map(|most| whole.cut(sources().chain(texts.iter().copied()), most));
                let kept = kept.unwrap_or_else(|| Ok(whole.clone()))?;
                kept.with_words_of(all(), sources(), added)?
            }
        })
    }

    /// All that is said in the training part of a stage's data about images, the tags of what is in them included where
    /// they are on record or a detector gives them to the student.
    fn about_images(&self, student: &Student, data: &StageData) -> Result<Vec<String>, RunError> {
        let mut said = Vec::new();
        for options in data.questions.iter() {
            let asked = self.corpora.selected_questions(options, Split::Train)?;
            said.extend(asked.iter().map(|shown| shown.text.to_owned()));
        }
        for options in data.image_texts.iter() {
            let pairs = image_texts::pairs(self, options, Split::Train)?;
            said.extend(pairs.into_iter().flat_map(|pair| [Some(pair.first), pair.second]).flatten());
        }
        for options in data.captions.iter() {
            let pictures = self.corpora.selected_pictures(options, Split::Train)?;
            said.extend(pictures.into_iter().flat_map(|picture| picture.captions.iter().cloned()));
        }
        let names: Vec<At<String>> = data.image_corpora().into_iter().cloned().collect();
        if data.purpose() == Purpose::Detects || student.inner().detector().is_some() {
            let tags = self.corpora.tags(&names)?;
            match student.inner().tags_in() {
                None => said.extend(tags),
                Some(language) => {
                    let translated = self.corpora.translated_tags(language);
                    said.extend(
                        tags.iter().filter_map(|tag| translated.get(tag.as_str())).map(ToString::to_string),
                    );
                }
            }
        }
        said.extend(self.corpora.found_tags(&names)?);
        Ok(said)
    }

    /// What a stage's data ask of the head of an encoder: masked tokens, classes of texts, a number, or nothing.
    pub(crate) fn task(&self, data: &StageData) -> Result<Task, RunError> {
        if data.masks() {
            return Ok(Task { head: Head::MaskedLanguage, ..Task::none() });
        }
        if let Some(relations) = data.image_texts.iter().map(ImageTextData::relations).max() {
            return Ok(Task { head: Head::MaskedLanguage, relations, ..Task::none() });
        }
        let names: Vec<At<String>> = data.objects.iter().flat_map(|own| own.data.clone()).collect();
        if !names.is_empty() {
            return Ok(Task { labels: self.corpora.tags(&names)?, ..Task::none() });
        }
        let names: Vec<At<String>> = data.questions.iter().flat_map(|own| own.data.clone()).collect();
        if !names.is_empty() {
            let labels = self.corpora.answers(&names)?.to_vec();
            return Ok(Task { head: Head::Sequence, labels, ..Task::none() });
        }
        let names: Vec<At<String>> = data.texts.iter().flat_map(|texts| texts.data.clone()).collect();
        if names.is_empty() {
            return Ok(Task::none());
        }
        let texts = self.corpora.texts(&names, Split::Train)?;
        let pairs = texts.iter().any(|text| text.second.is_some());
        Ok(Task { pairs: Some(pairs), ..task_of(self.corpora.labels(&names)?) })
    }

    /// The last stage's student as it was before any training, by the first seed, with the vocabulary and the head of the
    /// trained one, whose folder stands beside it.
    pub(crate) fn untrained(&self) -> Result<(Blueprint, ModelFolder), RunError> {
        let recipe = self.recipe;
        let last = recipe.stages.last().ok_or_else(|| RunError::Recipe("there is no stage".into()))?;
        let (data, name) = (&stage_options(recipe, last)?.data, student_of(recipe, last)?);
        let student = student_options(recipe, &name)?;
        let folder = ModelFolder::open(&finished_folder(&self.folder, last))?;
        let (tokenizer, task) = (folder.tokenizer()?, self.task(data)?);
        Ok((self.make(student, data, &tokenizer, &task, Streams::new(recipe.seed))?, folder))
    }

    /// A student before training.
    pub(crate) fn make(
        &self,
        student: &Student,
        data: &StageData,
        tokenizer: &Tokenizer,
        task: &Task,
        streams: Streams,
    ) -> Result<Blueprint, RunError> {
        let open = |name: &str| -> Result<Donor, RunError> {
            let folder = ModelFolder::open(&self.checkpoint_folder(name)?)?;
            let tokenizer = folder.tokenizer()?;
            let config = Config::open(&folder)?.of_tokens(tokenizer.rows());
            Ok(Donor { weights: config.weights_of_tokens(&folder)?, config, tokenizer: Some(tokenizer) })
        };
        let mut donors: IndexMap<&str, Donor> = IndexMap::new();
        for name in student.inner().donors().into_iter().chain(student.inner().detector()) {
            donors.insert(name.as_str(), open(name)?);
        }
        let donor = |name: &str| donors.get(name).cloned();
        let pairs = parallel::pairs(self, data, Split::Train)?;
        let translations: Vec<(&str, &str)> = pairs.iter().filter_map(Pair::translated).collect();
        let surroundings =
            Surroundings { tokenizer, task, streams, donor: &donor, translations: &translations };
        Ok(student.inner().make(&surroundings)?)
    }
}

/// Whether a student reads the same texts as its teacher, in its vocabulary: also the tags of what it sees.
pub(crate) fn reads_alike(student: &Student, data: &StageData) -> bool {
    data.shares_vocabulary() && student.inner().tags_in().is_none()
}

/// The head that says what labels say.
pub(crate) fn task_of(labels: &Labels) -> Task {
    match labels {
        Labels::None => Task::none(),
        Labels::Classes(classes) => Task { head: Head::Sequence, labels: classes.clone(), ..Task::none() },
        Labels::Numbers => {
            Task { head: Head::Sequence, labels: vec!["LABEL_0".into()], regression: true, ..Task::none() }
        }
        Labels::Words(classes) => Task { head: Head::Tokens, labels: classes.clone(), ..Task::none() },
    }
}

#[cfg(test)]
mod tests {
    use alambic_data::normalise::normalise;
    use alambic_models::Tokenizer;
    use indexmap::IndexSet;

    /// Names as people and tables write them, by the code of their language.
    const NAMES: [(&str, &str); 16] = [
        ("en", "Delhi"),
        ("en", "  NEW\u{a0}Delhi\t"),
        ("en", "São Tomé and Príncipe"),
        ("en", "A’ana ʻEua `x´"),
        ("en", "Guinea‑Bissau – X−Y"),
        ("en", "Straße Łódź Ærø Þórr Đakovo Ħaż Ŋ ə Ə ǝ Ɖ"),
        ("en", "Adıyaman İzmir"),
        ("en", "s\u{ad}oft\u{200b} \u{feff}mark"),
        ("hi", "क्\u{200d}ष \u{958}"),
        ("hi", " नई\u{3000}\u{2009}दिल्ली "),
        ("ta", "\u{bc6}\u{bbe} கொருணா"),
        ("bn", "ড়\u{200c}া"),
        ("kn", "ಅ ಕೊರು\u{feff}ನ್ಯಾ"),
        ("ru", "Москва й ё"),
        ("el", "Αθήνα ΐ"),
        ("ur", "لاہور"),
    ];

    #[test]
    fn names_are_read_from_a_tokenizer_as_corpora_bring_them() {
        let forms: Vec<String> = NAMES.iter().map(|(code, name)| normalise(name, code)).collect();
        let characters: IndexSet<char> = forms.iter().flat_map(|form| form.chars()).collect();
        let tokenizer = Tokenizer::characters(&characters, &["en".into(), "hi".into()]).unwrap();
        for ((code, name), form) in NAMES.iter().zip(&forms) {
            assert_eq!(&tokenizer.normalise(name).unwrap(), form, "{code}: {name:?}");
            assert_eq!(&tokenizer.normalise(form).unwrap(), form, "{code}: {form:?}");
        }
    }
}
