//! Texts and the images that they are about, as one model is shown them.

use alambic_data::Picture;
use alambic_models::architecture::Batch;
use alambic_models::bert::TextInput;
use alambic_models::{Config, EncodedText, ModelFolder, Tokenizer, Trace, Wanted};
use alambic_students::{Eyes, Pick, Sight};
use alambic_teachers::Teacher;

use super::gallery::Gallery;
use crate::run::RunError;

/// A text, and the image that it is about.
pub(crate) type Told<'a> = (&'a str, &'a Picture);

/// Texts in tokens, and the images that they are about.
pub(crate) struct Showing<'p> {
    gallery: Gallery<'p>,
    padding: u32,
    tokens: Vec<EncodedText>,
    /// The image of each text, by its place in the gallery.
    images: Vec<usize>,
}

impl<'p> Showing<'p> {
    /// Encodes texts and prepares their images. The tokenizer cuts what is too long.
    pub(crate) fn new(
        told: &[Told<'p>],
        eyes: Eyes,
        tokenizer: &Tokenizer,
        padding: u32,
    ) -> Result<Self, RunError> {
        let mut gallery = Gallery::new(eyes);
        let (mut tokens, mut images) = (Vec::new(), Vec::new());
        for (text, picture) in told {
            let image = gallery.hang(picture)?;
            let second = gallery.second_text(image);
            tokens.push(tokenizer.encode_text(text, second)?);
            images.push(image);
        }
        Ok(Self { gallery, padding, tokens, images })
    }

    /// The tokens of each text.
    pub(crate) fn tokens(&self) -> &[EncodedText] {
        &self.tokens
    }

    /// What the model is shown of these texts. Of images with more patches than it reads, some are picked.
    pub(crate) fn batch(&self, rows: &[usize], pick: Pick<'_>) -> Result<Batch, RunError> {
        let texts: Vec<&EncodedText> = rows.iter().map(|&row| &self.tokens[row]).collect();
        let places: Vec<usize> = rows.iter().map(|&row| self.images[row]).collect();
        let sights = self.gallery.sights(&places)?;
        let sights: Vec<&Sight> = sights.iter().map(AsRef::as_ref).collect();
        let (image, regions) = self.gallery.eyes().batch(&sights, Some(pick))?;
        Ok(Batch { text: Some(TextInput::pad(&texts, self.padding)), image, regions, ..Batch::default() })
    }
}

/// What is known of the student that a teacher stands beside.
pub(crate) struct Beside<'e> {
    pub(crate) eyes: &'e Eyes,
    /// Whether it reads the same texts with the same vocabulary.
    pub(crate) same_texts: bool,
}

/// A teacher that is shown what its student is shown, in its own way.
pub(crate) struct Onlooker<'a> {
    teacher: &'a dyn Teacher,
    taps: Vec<String>,
    /// What it is shown, where that is not the same.
    own: Option<Showing<'a>>,
}

impl<'a> Onlooker<'a> {
    /// A teacher of which taps are wanted; none where nothing is. `told` is what it reads, and `longest` are the most tokens
    /// of a text.
    pub(crate) fn new(
        teacher: Option<&'a dyn Teacher>,
        taps: Vec<String>,
        told: &[Told<'a>],
        student: &Beside<'_>,
        longest: usize,
    ) -> Result<Option<Self>, RunError> {
        let Some(teacher) = teacher.filter(|_| !taps.is_empty()) else { return Ok(None) };
        let (Some(folder), Some(tokenizer)) = (teacher.folder(), teacher.tokenizer()) else {
            return Ok(Some(Self { teacher, taps, own: None }));
        };
        let config = Config::open(&ModelFolder::open(folder)?)?;
        let eyes = Eyes::open(&config, folder)?;
        let own = if student.same_texts && eyes.see_alike(student.eyes) {
            None
        } else {
            let tokenizer = tokenizer.truncating(longest.min(config.longest()))?;
            Some(Showing::new(told, eyes, &tokenizer, config.padding())?)
        };
        Ok(Some(Self { teacher, taps, own }))
    }

    /// Its pass over texts, of which the student is shown a batch.
    pub(crate) fn trace(&self, rows: &[usize], shown: &Batch, pick: Pick<'_>) -> Result<Trace, RunError> {
        let wanted = Wanted::named(self.taps.iter().cloned());
        let own = self.own.as_ref().map(|showing| showing.batch(rows, pick)).transpose()?;
        Ok(self.teacher.trace(own.as_ref().unwrap_or(shown).into(), &wanted)?)
    }
}
