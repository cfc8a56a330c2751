//! Texts about images, for pre-training: masked tokens, and texts that may belong to another image.

use std::sync::Arc;

use alambic_data::questions::best;
use alambic_data::{Picture, Split, is_chosen};
use alambic_losses::{Targets, Term};
use alambic_models::architecture::{self, Batch};
use alambic_models::bert::TextInput;
use alambic_models::{Config, EncodedText, Pass, Tokenizer, Wanted};
use alambic_reports::metrics::Direction;
use alambic_students::{Eyes, Sight};
use alambic_tensor::Streams;
use rand::Rng;

use super::gallery::Gallery;
use crate::run::RunError;
use crate::run::corpora::Shown;
use crate::run::feed::validation_batches;
use crate::run::lesson::{Lesson, Material, Measure, Passes, Study, thin};
use crate::run::masking::{Masking, VALIDATION};
use crate::run::stage::Job;
use crate::run::texts::taps;
use crate::run::workshop::Workshop;
use crate::schema::{ImageTextData, Readings};

/// Examples that are validated together.
const BATCH: usize = 32;

/// A text about an image with what belongs to it.
pub(crate) struct Pair<'c> {
    /// A caption, or a question.
    pub(crate) first: String,
    /// The answer to a question; none for a caption, whose second text are the tags of the image.
    pub(crate) second: Option<String>,
    /// The image.
    pub(crate) picture: &'c Picture,
}

/// The pairs of one part that a stage's data ask for.
pub(crate) fn pairs<'c>(
    workshop: &'c Workshop<'_>,
    options: &ImageTextData,
    part: Split,
) -> Result<Vec<Pair<'c>>, RunError> {
    let mut pairs = Vec::new();
    if options.captions {
        for picture in workshop.corpora.pictures(&options.data, part)? {
            let caption = |text: &String| Pair { first: text.clone(), second: None, picture };
            pairs.extend(picture.captions.iter().map(caption));
        }
    }
    if options.questions {
        let names = workshop.corpora.answers(&options.data)?;
        let answered = |Shown { question, picture, text, .. }: Shown<'c>| {
            let answer = names.get(best(&question.answers)? as usize)?.clone();
            Some(Pair { first: text.to_owned(), second: Some(answer), picture })
        };
        let questions = workshop.corpora.questions(&options.data, part, Readings::default())?;
        pairs.extend(questions.into_iter().filter_map(answered));
    }
    pairs.retain(|pair| is_chosen(pair.picture, options.fraction));
    Ok(pairs)
}

/// A pair whose image hangs in a gallery.
struct Example {
    first: String,
    /// The answer, or the tags; none where the model reads no tags.
    second: Option<String>,
    /// Whether the second text are tags.
    tagged: bool,
    image: usize,
}

/// The examples of one part.
struct Examples<'p> {
    gallery: Gallery<'p>,
    examples: Vec<Example>,
}

/// Texts about images, and the student that reads them.
pub(crate) struct ImageTextLesson<'a> {
    config: &'a Config,
    encoder: Tokenizer,
    masking: Masking,
    streams: Streams,
    /// Shares of examples whose second text, and whose first text is another's.
    others: (f64, f64),
    train: Examples<'a>,
    validation: Examples<'a>,
    /// Tokens of each example, as they are without masks and other texts.
    lengths: Vec<(usize, usize)>,
    taps: Vec<String>,
    material: Material,
}

impl<'a> ImageTextLesson<'a> {
    /// Takes the texts of a training, and prepares their images.
    pub(crate) fn new(
        workshop: &'a Workshop<'_>,
        job: &Job<'a>,
        config: &'a Config,
        terms: &[Term],
    ) -> Result<Self, RunError> {
        let Some(options) = job.data.image_texts.iter().next() else {
            return Err(RunError::Recipe(format!("stage `{}` has no texts about images", job.stage)));
        };
        let eyes = Eyes::with_detector(config, job.detector.as_deref())?;
        let take = |part: Split, most: usize| -> Result<Examples<'a>, RunError> {
            let mut all = Vec::new();
            for options in job.data.image_texts.iter() {
                all.extend(pairs(workshop, options, part)?);
            }
            thin(&mut all, most);
            Examples::new(all, eyes.clone())
        };
        let train = take(Split::Train, usize::MAX)?;
        let validation = take(Split::Validation, job.train.validation_examples)?;
        let encoder = job.tokenizer.truncating(options.longest.min(config.longest()))?;
        let tokens: Vec<EncodedText> = train
            .examples
            .iter()
            .map(|example| Ok(encoder.encode_text(&example.first, example.second.as_deref())?))
            .collect::<Result<_, RunError>>()?;
        let material = Material {
            examples: train.examples.len(),
            labelled: train.examples.len(),
            truncated: tokens.iter().filter(|tokens| tokens.truncated).count(),
            validation: validation.examples.len(),
            ..Material::default()
        };
        Ok(Self {
            config,
            masking: Masking::new(&options.mask, job.tokenizer, job.seed)?,
            streams: Streams::new(job.seed),
            others: (options.other_second, options.other_first),
            lengths: tokens.iter().map(|tokens| (tokens.ids.len(), 0)).collect(),
            encoder,
            train,
            validation,
            taps: taps(terms).0,
            material,
        })
    }

    /// The student's pass over examples of a part.
    fn run(
        &self,
        part: &Examples<'_>,
        rows: &[usize],
        epoch: u64,
        pass: Pass<'_>,
        study: &Study<'_>,
    ) -> Result<Passes, RunError> {
        let (mut texts, mut relations, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for &row in rows {
            let (first, second, relation) = self.paired(part, row, epoch);
            texts.push(self.encoder.encode_text(first, second)?);
            relations.push(relation as u32);
            places.push(part.examples[row].image);
        }
        let input = TextInput::pad(&texts.iter().collect::<Vec<_>>(), self.config.padding());
        let (input, targets) = self.masking.batch(input, epoch);
        let sights = part.gallery.sights(&places)?;
        let sights: Vec<&Sight> = sights.iter().map(AsRef::as_ref).collect();
        let (image, regions) = part.gallery.eyes().batch(&sights, None)?;
        let batch = Batch { text: Some(input), image, regions, ..Batch::default() };
        let network = architecture::over(self.config, study.weights)?;
        let student = network.read(&batch, pass, Wanted::named(self.taps.iter().cloned()))?;
        let targets = Targets { relations: Arc::new(relations), ..targets };
        Ok(Passes { student, teacher: None, targets })
    }

    /// The texts of an example in an epoch, and how they belong together: 0 as they are, 1 with the second text of another,
    /// 2 with the first of another.
    fn paired<'e>(
        &self,
        part: &'e Examples<'_>,
        row: usize,
        epoch: u64,
    ) -> (&'e str, Option<&'e str>, usize) {
        let own = &part.examples[row];
        let mut random = self.streams.pairing(epoch, row as u64);
        let chance: f64 = random.random();
        let others = part.examples.len();
        // Another of the same kind that says something else; if none is met with in some draws, the own one stays.
        let mut other = |differs: &dyn Fn(&Example) -> bool| {
            (0..20).find_map(|_| {
                let drawn = &part.examples[random.random_range(0..others)];
                (drawn.tagged == own.tagged && differs(drawn)).then_some(drawn)
            })
        };
        let (second, first) = self.others;
        if chance < second && own.second.is_some() {
            if let Some(drawn) = other(&|drawn| drawn.second != own.second) {
                return (&own.first, drawn.second.as_deref(), 1);
            }
        } else if chance >= second
            && chance < second + first
            && let Some(drawn) = other(&|drawn| drawn.first != own.first && drawn.image != own.image)
        {
            return (&drawn.first, own.second.as_deref(), 2);
        }
        (&own.first, own.second.as_deref(), 0)
    }
}

impl<'p> Examples<'p> {
    fn new(pairs: Vec<Pair<'p>>, eyes: Eyes) -> Result<Self, RunError> {
        let mut gallery = Gallery::new(eyes);
        let mut examples = Vec::with_capacity(pairs.len());
        for Pair { first, second, picture } in pairs {
            let image = gallery.hang(picture)?;
            let tagged = second.is_none();
            let second = second.or_else(|| gallery.second_text(image).map(str::to_owned));
            examples.push(Example { first, second, tagged, image });
        }
        Ok(Self { gallery, examples })
    }
}

impl Lesson for ImageTextLesson<'_> {
    fn material(&self) -> &Material {
        &self.material
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.lengths.clone()
    }

    fn passes(&self, batch: &[usize], epoch: u64, study: &Study<'_>) -> Result<Passes, RunError> {
        self.run(&self.train, batch, epoch, Pass::Train(study.dropout), study)
    }

    fn measure(&self) -> Measure {
        Measure { name: "loss", direction: Direction::Lower }
    }

    /// The weighted sum of the terms over the validation part.
    fn validate(&self, study: &Study<'_>) -> Result<f64, RunError> {
        let count = self.validation.examples.len();
        let mut total = 0.0;
        for batch in validation_batches(count, BATCH, study.terms) {
            let passes = self.run(&self.validation, &batch, VALIDATION, Pass::Evaluate, study)?;
            total += passes.total(study)? * batch.len() as f64;
        }
        Ok(total / count.max(1) as f64)
    }
}
