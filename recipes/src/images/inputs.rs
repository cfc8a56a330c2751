//! Texts and the images that they are about, as inputs of student and teacher.

use alambic_data::Picture;
use alambic_data::augment::TeacherView;
use alambic_inference::{ImageProcessor, PatchSampler, ProcessedImage};
use alambic_models::architecture::Batch;
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, EncodedText, ModelFolder, TapSelection, Tokenizer, Trace};
use alambic_teachers::Teacher;

use super::store::ImageStore;
use super::views::Views;
use crate::error::RunError;

/// A text, and the image that it is about.
pub(crate) type TextImagePair<'a> = (&'a str, &'a Picture);

/// Texts in tokens, each paired with an image.
pub(crate) struct PairedInputs<'p> {
    store: ImageStore<'p>,
    padding: u32,
    tokens: Vec<EncodedText>,
    /// The image of each text, by its place in the store.
    images: Vec<usize>,
    /// The texts, where each is read with the tags of each of several images, which may stand in another order in every epoch.
    several: Option<(Tokenizer, Vec<String>)>,
}

impl<'p> PairedInputs<'p> {
    /// Encodes texts and prepares their images. The tokenizer cuts what is too long.
    pub(crate) fn new(
        pairs: &[TextImagePair<'p>],
        image_processor: ImageProcessor,
        tokenizer: &Tokenizer,
        padding: u32,
    ) -> Result<Self, RunError> {
        let mut store = ImageStore::new(image_processor);
        let (mut tokens, mut images) = (Vec::new(), Vec::new());
        let reads_several = matches!(store.image_processor(), ImageProcessor::Regions(own) if own.has_tags() && own.images() > 1);
        let several = reads_several.then(|| {
            (tokenizer.clone(), pairs.iter().map(|(text, _)| (*text).to_owned()).collect::<Vec<_>>())
        });
        for (text, picture) in pairs {
            let image = store.add(picture)?;
            let second = store.second_text(image);
            tokens.push(tokenizer.encode_text(text, second)?);
            images.push(image);
        }
        Ok(Self { store, padding, tokens, images, several })
    }

    /// The tokens of each text.
    pub(crate) fn tokens(&self) -> &[EncodedText] {
        &self.tokens
    }

    /// The tokens of another text in the place of that of a row.
    pub(crate) fn encode(
        &self,
        row: usize,
        text: &str,
        tokenizer: &Tokenizer,
    ) -> Result<EncodedText, RunError> {
        Ok(tokenizer.encode_text(text, self.store.second_text(self.images[row]))?)
    }

    /// The model's inputs for these texts, and for views of their images where these are given. Of images with more patches than it reads, some are sampled.
    pub(crate) fn batch(
        &self,
        rows: &[usize],
        sampler: PatchSampler<'_>,
        views: Option<Views>,
    ) -> Result<Batch, RunError> {
        let texts: Vec<&EncodedText> = rows.iter().map(|&row| &self.tokens[row]).collect();
        let Some((tokenizer, written)) = &self.several else {
            return self.batch_of(rows, &texts, sampler, views);
        };
        let places: Vec<usize> = rows.iter().map(|&row| self.images[row]).collect();
        let processed = self.store.processed_images(&places, views)?;
        let mut texts = Vec::new();
        for (&row, image) in rows.iter().zip(&processed) {
            for tags in self.store.image_processor().second_texts(image).unwrap_or_default() {
                texts.push(tokenizer.encode_text(&written[row], Some(&tags))?);
            }
        }
        self.batch_of(rows, &texts.iter().collect::<Vec<_>>(), sampler, views)
    }

    /// The same for the images of these rows with other texts.
    pub(crate) fn batch_of(
        &self,
        rows: &[usize],
        texts: &[&EncodedText],
        sampler: PatchSampler<'_>,
        views: Option<Views>,
    ) -> Result<Batch, RunError> {
        let places: Vec<usize> = rows.iter().map(|&row| self.images[row]).collect();
        let processed = self.store.processed_images(&places, views)?;
        let processed: Vec<&ProcessedImage> = processed.iter().map(AsRef::as_ref).collect();
        let (image, regions) = self.store.image_processor().batch(&processed, Some(sampler))?;
        Ok(Batch { text: Some(TextInput::pad(texts, self.padding)), image, regions, ..Batch::default() })
    }
}

/// Inputs of the student.
pub(crate) struct StudentInputs<'e> {
    pub(crate) image_processor: &'e ImageProcessor,
    /// Whether it reads the same texts with the same vocabulary.
    pub(crate) same_texts: bool,
}

/// The inputs of a teacher, which are those of the student where both read alike.
pub(crate) struct TeacherInputs<'a> {
    teacher: &'a dyn Teacher,
    wanted: TapSelection,
    /// Its own inputs, where they are not the same.
    own: Option<PairedInputs<'a>>,
    /// Cuts its texts; none where the teacher reads no texts by itself.
    tokenizer: Option<Tokenizer>,
}

impl<'a> TeacherInputs<'a> {
    /// A teacher of which taps are wanted; none where nothing is. `pairs` is what it reads, and `max_length` are the most
    /// tokens of a text.
    pub(crate) fn new(
        teacher: Option<&'a dyn Teacher>,
        wanted: TapSelection,
        pairs: &[TextImagePair<'a>],
        student: &StudentInputs<'_>,
        max_length: usize,
    ) -> Result<Option<Self>, RunError> {
        let is_read = wanted.names().is_none_or(|names| !names.is_empty());
        let Some(teacher) = teacher.filter(|_| is_read) else { return Ok(None) };
        let (Some(folder), Some(tokenizer)) = (teacher.folder(), teacher.tokenizer()) else {
            return Ok(Some(Self { teacher, wanted, own: None, tokenizer: None }));
        };
        let config = Config::open(&ModelFolder::open(folder)?)?;
        let image_processor = ImageProcessor::load(&config, folder)?;
        let is_plain = |(_, picture): &TextImagePair<'_>| {
            picture.augmentation.as_ref().is_some_and(|own| own.teacher_view == TeacherView::Plain)
        };
        let same_images =
            image_processor.has_same_inputs(student.image_processor) && !pairs.iter().any(is_plain);
        let tokenizer = tokenizer.with_max_length(max_length.min(config.max_length()))?;
        let own = if student.same_texts && same_images {
            None
        } else {
            Some(PairedInputs::new(pairs, image_processor, &tokenizer, config.padding())?)
        };
        Ok(Some(Self { teacher, wanted, own, tokenizer: Some(tokenizer) }))
    }

    /// The same teacher, of which other taps are wanted.
    pub(crate) fn wanting(self, wanted: TapSelection) -> Self {
        Self { wanted, ..self }
    }

    /// Forward pass over the images of these rows with other texts; `batch` is what the student reads of them, if it reads the same.
    pub(crate) fn trace_texts(
        &self,
        rows: &[usize],
        texts: &[&str],
        batch: &Batch,
        sampler: PatchSampler<'_>,
        views: Option<Views>,
    ) -> Result<Trace, RunError> {
        let views = views.map(Views::of_teacher);
        let own = match (&self.own, &self.tokenizer) {
            (Some(inputs), Some(tokenizer)) => {
                let encoded = rows.iter().zip(texts).map(|(&row, text)| inputs.encode(row, text, tokenizer));
                let encoded: Vec<EncodedText> = encoded.collect::<Result<_, _>>()?;
                Some(inputs.batch_of(rows, &encoded.iter().collect::<Vec<_>>(), sampler, views)?)
            }
            _ => None,
        };
        Ok(self.teacher.trace(own.as_ref().unwrap_or(batch).into(), &self.wanted)?)
    }

    /// Forward pass over the texts of a batch; `batch` is the student's.
    pub(crate) fn trace(
        &self,
        rows: &[usize],
        batch: &Batch,
        sampler: PatchSampler<'_>,
        views: Option<Views>,
    ) -> Result<Trace, RunError> {
        let views = views.map(Views::of_teacher);
        let own = self.own.as_ref().map(|inputs| inputs.batch(rows, sampler, views)).transpose()?;
        Ok(self.teacher.trace(own.as_ref().unwrap_or(batch).into(), &self.wanted)?)
    }
}
