//! Texts about images, each with its second text.

use alambic_data::questions::best;
use alambic_data::{Caption, Picture, Split, is_in_subsample};

use super::options::ImageTextData;
use crate::corpora::Corpora;
use crate::corpora::images::{QuestionExample, captions};
use crate::error::RunError;
use crate::options::languages::InputLanguages;

/// A text about an image with its second text.
pub(super) struct PretrainingExample<'c> {
    /// A caption, or a question.
    pub(super) first: String,
    /// The answer to a question; none for a caption, whose second text are the tags of the image.
    pub(super) second: Option<String>,
    pub(super) picture: &'c Picture,
}

impl ImageTextData {
    /// The examples of one split.
    pub(super) fn examples<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<PretrainingExample<'c>>, RunError> {
        let mut examples = Vec::new();
        if self.captions {
            for picture in corpora.pictures(&self.data, split)? {
                let caption = |caption: &Caption| PretrainingExample {
                    first: caption.text.clone(),
                    second: None,
                    picture,
                };
                examples.extend(captions(picture, &self.languages).map(caption));
            }
        }
        if self.questions {
            let names = corpora.answers(&self.data)?;
            let answered = |QuestionExample { question, picture, text, .. }: QuestionExample<'c>| {
                let answer = names.get(best(&question.answers)? as usize)?.clone();
                Some(PretrainingExample { first: text.to_owned(), second: Some(answer), picture })
            };
            let questions = corpora.questions(&self.data, split, InputLanguages::default())?;
            examples.extend(questions.into_iter().filter_map(answered));
        }
        examples.retain(|example| is_in_subsample(example.picture, self.fraction));
        Ok(examples)
    }
}
