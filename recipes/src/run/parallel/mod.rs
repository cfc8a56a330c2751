//! Sentences beside their translations, whose vectors a student learns from a teacher.

pub(crate) mod exam;
pub(crate) mod mining;

use std::sync::{Arc, Mutex};

use alambic_data::Split;
use alambic_data::parallel::Translation;
use alambic_losses::{Targets, Term};
use alambic_models::bert::{Bert, BertConfig, TextInput};
use alambic_models::{EncodedText, ModelError, Pass, Tokenizer, Trace, Wanted};
use alambic_reports::metrics::{Metric, Scores, find, score_all};
use alambic_students::Reader;
use alambic_teachers::Teacher;
use alambic_teachers::cache::Texts;
use alambic_tensor::Streams;
use indexmap::{IndexMap, IndexSet};
use rand::seq::SliceRandom;

use self::exam::{Aside, Collated, metrics};
use super::RunError;
use super::exam::typed;
use super::lesson::{Lesson, Material, Measure, Passes, Study, thin};
use super::stage::Job;
use super::texts::outputs::{Outputs, Request, open, readings};
use super::texts::taps;
use super::workshop::Workshop;
use crate::observer::Observer;
use crate::schema::{ParallelData, Side, Sides, StageData};

/// A sentence and one of its translations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'c> {
    pub(crate) source: &'c str,
    pub(crate) target: &'c str,
    /// The language of the translation.
    pub(crate) language: &'c str,
}

impl<'c> Pair<'c> {
    /// Both texts, or the one that has no translation.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'c str> + use<'c> {
        std::iter::once(self.source).chain(self.translated().map(|(_, target)| target))
    }

    /// The text and its translation, where it has one.
    pub(super) fn translated(&self) -> Option<(&'c str, &'c str)> {
        (self.source != self.target).then_some((self.source, self.target))
    }

    /// The pairs that sentences hold.
    pub(super) fn of(sentences: Vec<&'c Translation>, source: &str, targets: &[&str]) -> Vec<Self> {
        let pairs = |sentence: &'c Translation| {
            let own = sentence.texts.get(source);
            let others = sentence.texts.iter().filter(|(language, _)| {
                *language != source && (targets.is_empty() || targets.contains(&language.as_str()))
            });
            own.into_iter()
                .flat_map(move |own| {
                    others.clone().map(move |(language, target)| Self { source: own, target, language })
                })
                .collect::<Vec<_>>()
        };
        sentences.into_iter().flat_map(pairs).collect()
    }
}

/// The pairs of one part that a stage's data ask for.
pub(crate) fn pairs<'c>(
    workshop: &'c Workshop<'_>,
    data: &'c StageData,
    part: Split,
) -> Result<Vec<Pair<'c>>, RunError> {
    let mut all = Vec::new();
    for options in data.parallel.iter() {
        all.extend(selected(workshop, options, part)?);
    }
    Ok(all)
}

/// The pairs of one part that one table of a stage's data asks for. A text that has no translation is beside itself.
pub(crate) fn selected<'c>(
    workshop: &'c Workshop<'_>,
    options: &'c ParallelData,
    part: Split,
) -> Result<Vec<Pair<'c>>, RunError> {
    let mut sentences = workshop.corpora.sentences(&options.data, part)?;
    if options.fraction < 1.0 {
        sentences.retain(|sentence| sentence.is_chosen(&options.source, options.fraction));
    }
    let targets: Vec<&str> = options.targets.iter().map(|target| target.value.as_str()).collect();
    let mut pairs = Pair::of(sentences, &options.source, &targets);
    if part == Split::Train {
        let alone = workshop.corpora.trained_on(&options.alone, &options.source)?;
        pairs.extend(alone.map(|text| Pair { source: text, target: text, language: &options.source }));
    }
    Ok(pairs)
}

/// Sentences and translations, and the student and the teacher that read them.
pub(crate) struct ParallelLesson<'a> {
    config: &'a BertConfig,
    tokenizer: &'a Tokenizer,
    /// What the student reads of each pair: sentence and translation, or one of them.
    read: Vec<Vec<EncodedText>>,
    /// The number of each of these texts, by which those that say the same are known.
    numbers: Vec<Vec<u32>>,
    /// What the teacher reads of each pair.
    taught: Vec<EncodedText>,
    teachers_padding: u32,
    outputs: Option<Outputs<'a>>,
    taps: (Vec<String>, Vec<String>),
    /// The pairs of each language.
    languages: Vec<Vec<usize>>,
    smoothing: f64,
    streams: Streams,
    /// The pairs of an epoch, in the order in which they are numbered there.
    epoch: Mutex<Option<(u64, Vec<usize>)>>,
    validation: Collated<'a>,
    aside: Option<Aside>,
    metric: &'static Metric,
    material: Material,
}

impl<'a> ParallelLesson<'a> {
    /// Takes the pairs of a training, encodes them, and has the teacher read its side where its outputs are to be kept.
    pub(crate) fn new(
        workshop: &'a Workshop<'_>,
        job: &Job<'a>,
        config: &'a BertConfig,
        terms: &[Term],
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let Some(options) = job.data.parallel.iter().next() else {
            return Err(RunError::Recipe(format!("stage `{}` has no sentences", job.stage)));
        };
        let train = pairs(workshop, job.data, Split::Train)?;
        let mut validation = pairs(workshop, job.data, Split::Validation)?;
        thin(&mut validation, job.train.validation_examples);
        let tokenizer = job.tokenizer.truncating(options.longest.min(config.longest()))?;
        let (mut read, mut numbers) = (Vec::with_capacity(train.len()), Vec::with_capacity(train.len()));
        let mut known: IndexSet<&str> = IndexSet::new();
        for pair in &train {
            let texts: &[&str] = match options.student_reads {
                Sides::Both => &[pair.source, pair.target],
                Sides::Source => &[pair.source],
                Sides::Target => &[pair.target],
            };
            let encoded = texts.iter().map(|text| tokenizer.encode_text(text, None));
            read.push(encoded.collect::<Result<Vec<EncodedText>, ModelError>>()?);
            numbers.push(texts.iter().map(|text| known.insert_full(text).0 as u32).collect());
        }
        let taps = taps(terms);
        let teacher = job.teacher.filter(|_| !taps.1.is_empty());
        let (taught, teachers_padding) = match teacher.and_then(Teacher::tokenizer) {
            None => (Vec::new(), 0),
            Some(other) => {
                let room = teacher.and_then(Teacher::longest).unwrap_or(usize::MAX);
                let other = other.truncating(options.longest.min(room))?;
                let text = |pair: &Pair<'_>| match options.teacher_reads {
                    Side::Source => other.encode_text(pair.source, None),
                    Side::Target => other.encode_text(pair.target, None),
                };
                (train.iter().map(text).collect::<Result<Vec<_>, ModelError>>()?, other.padding()?)
            }
        };
        let (outputs, kept) = match teacher {
            None => (None, None),
            Some(teacher) => {
                let texts = Texts { texts: taught.iter().collect(), padding: teachers_padding };
                let request = Request { stage: job.stage, taps: &taps.1, texts };
                let often = readings(workshop.recipe, job.stage, train.len());
                let (outputs, kept) = open(workshop, teacher, &request, often, observer)?;
                (Some(outputs), kept)
            }
        };
        let mut languages: IndexMap<&str, Vec<usize>> = IndexMap::new();
        for (index, pair) in train.iter().enumerate() {
            languages.entry(pair.language).or_default().push(index);
        }
        let validation = Collated::new(&validation);
        let material = Material {
            examples: train.len(),
            labelled: train.len(),
            truncated: read.iter().filter(|sides| sides.iter().any(|text| text.truncated)).count(),
            validation: validation.right().len(),
            kept,
            ..Material::default()
        };
        let folder =
            job.teacher.and_then(Teacher::folder).filter(|_| options.student_reads.other().is_some());
        let reader = folder.map(Reader::load).transpose()?;
        let aside = Aside::new(&validation, options.student_reads, reader.as_ref())?;
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            read,
            numbers,
            taught,
            teachers_padding,
            outputs,
            taps,
            languages: languages.into_values().collect(),
            smoothing: options.smoothing,
            streams: Streams::new(job.seed),
            epoch: Mutex::new(None),
            validation,
            aside,
            metric: find(metrics(&workshop.recipe.evaluation)[0])?,
            material,
        })
    }

    /// The pairs of an epoch: as many as there are, of each language by its share.
    fn sampled(&self, epoch: u64) -> Vec<usize> {
        let total: usize = self.languages.iter().map(Vec::len).sum();
        let powers = || self.languages.iter().map(|own| (own.len() as f64).powf(self.smoothing));
        let sum: f64 = powers().sum();
        let mut sampled = Vec::with_capacity(total);
        for (number, (own, power)) in self.languages.iter().zip(powers()).enumerate() {
            let wanted = (total as f64 * power / sum).round() as usize;
            // Whole passes over a language, and of the last one a part.
            for _ in 0..wanted / own.len() {
                sampled.extend_from_slice(own);
            }
            let rest = wanted % own.len();
            if rest > 0 {
                let mut order = own.clone();
                order.shuffle(&mut self.streams.pairing(epoch, number as u64));
                sampled.extend_from_slice(&order[..rest]);
            }
        }
        sampled
    }

    /// What becomes of the pairs of an epoch.
    fn in_epoch<T>(&self, epoch: u64, work: impl FnOnce(&[usize]) -> T) -> T {
        let mut held = self.epoch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*held {
            Some((own, pairs)) if *own == epoch => work(pairs),
            _ => work(&held.insert((epoch, self.sampled(epoch))).1),
        }
    }
}

impl Lesson for ParallelLesson<'_> {
    fn material(&self) -> &Material {
        &self.material
    }

    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        let length = |&index: &usize| {
            let longest = self.read[index].iter().map(|text| text.ids.len()).max().unwrap_or(0);
            (longest, 0)
        };
        self.in_epoch(epoch, |pairs| pairs.iter().map(length).collect())
    }

    fn passes(&self, batch: &[usize], epoch: u64, study: &Study<'_>) -> Result<Passes, RunError> {
        let rows: Vec<usize> =
            self.in_epoch(epoch, |pairs| batch.iter().map(|&index| pairs[index]).collect());
        let sides = rows.first().map_or(0, |&row| self.read[row].len());
        // All sentences, and then all translations; what is there more than once is read once.
        let mut texts: IndexMap<u32, &EncodedText> = IndexMap::new();
        let (mut numbers, mut places) = (Vec::new(), Vec::new());
        for (side, &row) in (0..sides).flat_map(|side| rows.iter().map(move |row| (side, row))) {
            let number = self.numbers[row][side];
            let entry = texts.entry(number);
            numbers.push(number);
            places.push(entry.index() as u32);
            entry.or_insert(&self.read[row][side]);
        }
        let model = Bert::new(self.config, study.weights)?;
        let texts: Vec<&EncodedText> = texts.into_values().collect();
        let input = TextInput::pad(&texts, self.config.padding);
        let wanted = Wanted::named(self.taps.0.iter().cloned());
        let mut student = model.trace(&input, Pass::Train(study.dropout), wanted)?;
        if texts.len() < places.len() {
            student = student.rows(&places)?;
        }
        let teacher = self.outputs.as_ref().map(|outputs| -> Result<Trace, RunError> {
            let read: Vec<&EncodedText> = rows.iter().map(|&row| &self.taught[row]).collect();
            let input = TextInput::pad(&read, self.teachers_padding);
            let often: Vec<u32> = (0..sides).flat_map(|_| 0..rows.len() as u32).collect();
            Ok(outputs.trace(&rows, &input, &self.taps.1)?.rows(&often)?)
        });
        Ok(Passes {
            student,
            teacher: teacher.transpose()?,
            targets: Targets { texts: Arc::new(numbers), ..Targets::default() },
        })
    }

    fn measure(&self) -> Measure {
        self.metric.into()
    }

    fn validate(&self, study: &Study<'_>) -> Result<f64, RunError> {
        let reader = Reader::new(Bert::new(self.config, study.weights)?, self.tokenizer, usize::MAX)?;
        let found = self.validation.found_by(&reader, self.aside.as_ref())?;
        let scores = score_all(
            &[self.metric.name],
            &typed(self.metric, &found, false),
            &typed(self.metric, self.validation.right(), true),
            0,
        )?;
        let value = scores.values().next().and_then(Scores::value);
        value.ok_or_else(|| {
            RunError::Recipe(format!("`{}` has no value over the validation part", self.metric.name))
        })
    }
}
