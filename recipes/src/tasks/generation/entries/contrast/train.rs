//! Training on pairs: both sides are read by themselves, and the embeddings of all of them lie one behind the other.

use std::sync::Arc;

use alambic_data::Split;
use alambic_inference::{ImageProcessor, ProcessedImage};
use alambic_losses::{TargetKind, Targets, Term};
use alambic_models::architecture::{Architecture, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, Pass, TapSelection, Tokenizer, Tokens, Trace, embedding_tap};
use alambic_reports::metrics::Metric;
use alambic_teachers::Teacher;
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use rand::Rng;

use super::super::options::WrittenData;
use super::encoder::{ContrastEncoder, STREAM};
use super::examples::{PairExample, meanings};
use super::retrieval::RetrievalSet;
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::store::ImageStore;
use crate::images::views::Views;
use crate::subsample::subsample;
use crate::training::job::Job;
use crate::training::task::{BatchGroup, ForwardContext, ForwardOutputs};
use crate::training::validation::defined_value;

/// A pair in tokens.
struct EncodedPair {
    /// The image of one side, by its place in the store.
    image: Option<usize>,
    /// The text in each language.
    texts: Vec<Vec<u32>>,
    /// What the text says.
    meaning: u32,
}

/// Pairs of images and texts, and the student and the teacher that read them.
pub(in super::super) struct ContrastTraining<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    teacher: Option<&'a dyn Teacher>,
    /// Whether a term that counts over pairs reads the teacher.
    reads_teacher: bool,
    store: ImageStore<'a>,
    pairs: Vec<EncodedPair>,
    groups: Vec<BatchGroup>,
    /// The tokens of nothing, which is read with an image.
    prompt: Vec<u32>,
    streams: Streams,
    validation: Vec<RetrievalSet<'a>>,
    /// Texts that were cut.
    pub(in super::super) truncated: usize,
}

/// Whether a term counts over pairs: its targets are pairs, or it compares their embeddings with a teacher's.
pub(in super::super) fn counts_over_pairs(term: &Term) -> bool {
    let is_embedding = |tap: &String| *tap == embedding_tap(STREAM);
    term.targets.contains(&TargetKind::ContrastPairs)
        || term.targets.is_empty() && term.student_taps.iter().all(is_embedding)
}

impl<'a> ContrastTraining<'a> {
    /// The pairs of a training in tokens, and the retrieval of those of the validation split where nothing else is validated.
    pub(in super::super) fn new(
        data: &'a WrittenData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        image_processor: &ImageProcessor,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let mut training = Self {
            config,
            tokenizer: job.tokenizer,
            teacher: job.teacher,
            reads_teacher: job.terms.iter().any(|own| counts_over_pairs(own) && !own.teacher_taps.is_empty()),
            store: ImageStore::new(image_processor.clone()),
            pairs: Vec::new(),
            groups: Vec::new(),
            prompt: job.tokenizer.encode_text("", None)?.ids,
            streams: Streams::new(job.seed),
            validation: Vec::new(),
            truncated: 0,
        };
        let (mut all, mut ends) = (Vec::new(), Vec::new());
        for entry in data.contrast.iter() {
            all.extend(entry.examples(&context.corpora, Split::Train)?);
            ends.push(all.len());
        }
        let meanings = meanings(&all);
        let mut first = 0;
        for (entry, end) in data.contrast.iter().zip(ends) {
            let tokenizer = job.tokenizer.with_max_length(entry.max_length.min(config.max_length()))?;
            for (example, meaning) in all[first..end].iter().zip(&meanings[first..end]) {
                let pair = training.encode(example, &tokenizer, *meaning)?;
                training.pairs.push(pair);
            }
            training.groups.push(BatchGroup { examples: first..end, share: entry.share });
            first = end;
        }
        let most = job.train.validation_examples / data.contrast.len().max(1);
        for entry in data.contrast.iter().filter(|_| !data.writes()) {
            let mut held = entry.examples(&context.corpora, Split::Validation)?;
            subsample(&mut held, most);
            training.validation.extend(RetrievalSet::all(entry, &held));
        }
        Ok(training)
    }

    fn encode(
        &mut self,
        example: &PairExample<'a>,
        tokenizer: &Tokenizer,
        meaning: u32,
    ) -> Result<EncodedPair, RunError> {
        let image = example.picture.map(|picture| self.store.add(picture)).transpose()?;
        let mut texts = Vec::with_capacity(example.texts.len());
        for (_, text) in &example.texts {
            let encoded = tokenizer.encode_text(text, None)?;
            self.truncated += usize::from(encoded.truncated);
            texts.push(encoded.ids);
        }
        Ok(EncodedPair { image, texts, meaning })
    }

    /// How many pairs there are.
    pub(in super::super) fn count(&self) -> usize {
        self.pairs.len()
    }

    /// How many queries are validated.
    pub(in super::super) fn validated(&self) -> usize {
        self.validation.iter().map(|set| set.relevant().len()).sum()
    }

    /// The groups of pairs, of which the first has this index.
    pub(in super::super) fn groups(&self, first: usize) -> impl Iterator<Item = BatchGroup> {
        self.groups.iter().map(move |group| BatchGroup {
            examples: first + group.examples.start..first + group.examples.end,
            share: group.share,
        })
    }

    /// The sides of a pair in an epoch, the image or nothing and then texts, in the languages that are drawn for it.
    fn sides(&self, row: usize, epoch: u64) -> [&[u32]; 2] {
        let EncodedPair { image, texts, .. } = &self.pairs[row];
        // Pairs draw apart from texts that are written.
        let mut random = self.streams.language(epoch, u64::MAX - row as u64);
        let mut draw = |count: usize| if count > 1 { random.random_range(0..count) } else { 0 };
        let one = draw(texts.len());
        if image.is_some() {
            return [&self.prompt, &texts[one]];
        }
        let mut other = draw(texts.len() - 1);
        other += usize::from(other >= one);
        [&texts[one], &texts[other]]
    }

    /// Tokens of both sides of each pair.
    pub(in super::super) fn lengths(&self, epoch: u64) -> impl Iterator<Item = (usize, usize)> {
        (0..self.pairs.len()).map(move |row| {
            let [one, other] = self.sides(row, epoch);
            (one.len(), other.len())
        })
    }

    /// Embeddings of both sides, `[2 · batch, width]`, by the student, and by the teacher where a term reads it.
    pub(in super::super) fn forward(
        &self,
        rows: &[usize],
        epoch: u64,
        network: &dyn Architecture,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let sides: Vec<[&[u32]; 2]> = rows.iter().map(|&row| self.sides(row, epoch)).collect();
        let places: Option<Vec<usize>> = rows.iter().map(|&row| self.pairs[row].image).collect();
        let image = match &places {
            Some(places) => {
                let processed = self.store.processed_images(places, Some(Views::new(self.streams, epoch)))?;
                let processed: Vec<&ProcessedImage> = processed.iter().map(AsRef::as_ref).collect();
                self.store.image_processor().batch(&processed, None)?.0
            }
            None => None,
        };
        let batch = |side: usize, image| {
            let texts: Vec<&[u32]> = sides.iter().map(|own| own[side]).collect();
            let text = Some(TextInput::new(Tokens::pad(&texts, self.config.padding())));
            Batch { text, image, ..Batch::default() }
        };
        // The loss is symmetric, so that the order of the sides has no effect.
        let batches = [batch(0, image), batch(1, None)];
        let meaning = |&row: &usize| 2 * self.pairs[row].meaning + 1;
        // Images and texts have numbers of their own.
        let one = |row: &usize| self.pairs[*row].image.map_or_else(|| meaning(row), |place| 2 * place as u32);
        let numbers: Vec<u32> = rows.iter().map(one).chain(rows.iter().map(meaning)).collect();
        let wanted = TapSelection::named([embedding_tap(STREAM)]);
        let student = both(
            batches
                .each_ref()
                .map(|batch| Ok(network.forward(batch, Pass::Train(context.dropout), wanted.clone())?)),
        )?;
        let teacher = match self.teacher.filter(|_| self.reads_teacher) {
            Some(teacher) => {
                Some(both(batches.each_ref().map(|batch| Ok(teacher.trace(batch.into(), &wanted)?)))?)
            }
            None => None,
        };
        let targets = Targets { texts: Arc::new(numbers), texts_per_example: 2, ..Targets::default() };
        Ok(ForwardOutputs { student, teacher, targets })
    }

    /// The value of a metric of retrieval over the validation split.
    pub(in super::super) fn validate(
        &self,
        metric: &'static Metric,
        network: Arc<dyn Architecture>,
    ) -> Result<f64, RunError> {
        let tokenizer = Arc::new(self.tokenizer.clone());
        let encoder = ContrastEncoder::new(self.config.clone(), network, tokenizer);
        let rank = |set: &RetrievalSet<'_>| set.rank(&encoder, self.store.image_processor(), None);
        let results: Vec<_> = self.validation.iter().map(rank).collect::<Result<_, RunError>>()?;
        let relevant: Vec<_> = self.validation.iter().flat_map(|set| set.relevant().to_vec()).collect();
        defined_value(metric, &results.concat(), &relevant)
    }
}

/// The embeddings of two traces one behind the other.
fn both(traces: [Result<Trace, RunError>; 2]) -> Result<Trace, RunError> {
    let (tap, [left, right]) = (embedding_tap(STREAM), traces);
    let (left, right) = (left?, right?);
    let missing = || RunError::Recipe(format!("the model has no tap `{tap}`"));
    let [left, right] = [&left, &right].map(|trace| trace.get(&tap).ok_or_else(missing));
    let rows = Tensor::cat(&[left?, right?], 0)?;
    let mut trace = Trace::new(TapSelection::named([tap.as_str()]));
    trace.record(&tap, &rows);
    Ok(trace)
}
