//! Texts, images and pairs of a split.

use alambic_data::texts::subsample;
use alambic_data::{Content, Picture, Question, Rewriter, Split, Text, is_in_subsample};

use super::options::{Modality, MultimodalData};
use crate::corpora::Corpora;
use crate::corpora::images::captions;
use crate::error::RunError;

/// An image with its captions, and what they are rewritten by.
#[derive(Debug, Clone)]
pub(super) struct PairExample<'c> {
    pub(super) picture: &'c Picture,
    pub(super) captions: Vec<&'c str>,
    /// The images of its corpus, which are retrieved by their places.
    pub(super) images: &'c [Picture],
    pub(super) rewriter: Option<&'c Rewriter>,
}

/// An example of a table.
#[derive(Debug, Clone)]
pub(super) enum MultimodalExample<'c> {
    Text(&'c str),
    Image(&'c Picture),
    Pair(PairExample<'c>),
}

impl MultimodalData {
    /// The examples of a split.
    pub(super) fn examples<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<MultimodalExample<'c>>, RunError> {
        let mut all = Vec::new();
        for name in &self.data {
            if let Content::Texts(texts) = corpora.get(name)? {
                let own = subsample(texts.splits.get(split).iter().collect(), self.fraction);
                all.extend(own.into_iter().flat_map(Text::texts).map(MultimodalExample::Text));
                continue;
            }
            let corpus = corpora.dataset::<Question>(name)?;
            let images = &corpus.details.images;
            if self.reads == Modality::Texts && self.questions {
                let asked = corpus.splits.get(split).iter();
                let asked = asked.filter(|own| is_in_subsample(&images[own.image], self.fraction));
                all.extend(asked.map(|own| MultimodalExample::Text(&own.text)));
            }
            for picture in corpora.pictures(std::slice::from_ref(name), split)? {
                if !is_in_subsample(picture, self.fraction) {
                    continue;
                }
                let captions: Vec<&str> =
                    captions(picture, &self.languages).map(|own| own.text.as_str()).collect();
                match self.reads {
                    Modality::Texts => all.extend(captions.into_iter().map(MultimodalExample::Text)),
                    Modality::Images => all.push(MultimodalExample::Image(picture)),
                    Modality::Pairs if captions.is_empty() => {}
                    Modality::Pairs => all.push(MultimodalExample::Pair(PairExample {
                        picture,
                        captions,
                        images,
                        rewriter: corpora.rewriter(name),
                    })),
                }
            }
        }
        Ok(all)
    }
}
