//! Questions and images as one model is shown them.

use alambic_models::architecture::Batch;
use alambic_models::bert::TextInput;
use alambic_models::{EncodedText, Tokenizer};
use alambic_students::{Eyes, Pick};

use super::gallery::Gallery;
use crate::run::RunError;
use crate::run::corpora::Shown;

/// Questions in tokens, and the images that they are about.
pub(super) struct Showing {
    pub(super) gallery: Gallery,
    padding: u32,
    tokens: Vec<EncodedText>,
    /// The image of each question, by its place in the gallery.
    images: Vec<usize>,
}

impl Showing {
    /// Encodes questions and prepares their images. The tokenizer cuts what is too long.
    pub(super) fn new(
        questions: &[Shown<'_>],
        eyes: Eyes,
        tokenizer: &Tokenizer,
        padding: u32,
    ) -> Result<Self, RunError> {
        let mut gallery = Gallery::new(eyes);
        let (mut tokens, mut images) = (Vec::new(), Vec::new());
        for Shown { question, picture } in questions {
            let image = gallery.hang(picture)?;
            let second = gallery.second_text(image);
            tokens.push(tokenizer.encode_text(&question.text, second.as_deref())?);
            images.push(image);
        }
        Ok(Self { gallery, padding, tokens, images })
    }

    /// The tokens of each question.
    pub(super) fn tokens(&self) -> &[EncodedText] {
        &self.tokens
    }

    /// What the model is shown of these questions. Of images with more patches than it reads, some are picked.
    pub(super) fn batch(&self, rows: &[usize], pick: Pick<'_>) -> Result<Batch, RunError> {
        let texts: Vec<&EncodedText> = rows.iter().map(|&row| &self.tokens[row]).collect();
        let sights: Vec<_> = rows.iter().map(|&row| self.gallery.sight(self.images[row])).collect();
        let (image, regions) = self.gallery.eyes().batch(&sights, Some(pick))?;
        Ok(Batch { text: Some(TextInput::pad(&texts, self.padding)), image, regions, ..Batch::default() })
    }
}
