//! Keys of the corpus.

use alambic_settings::{At, OneOrMany, settings};

use super::draw::draw;
use super::question::{PictureChoice, PictureChoiceDetails};
use crate::content::Content;
use crate::corpora::ReadCorpus;
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::pictures::Picture;
use crate::questions::Question;
use crate::rewriting::Rewriter;
use crate::source::Extent;
use crate::statistics::ReadStatistics;

settings! {
    /// Pictures of other corpora, each with several descriptions of which one is true, as a question with choices.
    ///
    /// A description is a caption and some tags behind it: `fox: animal, face`. The wrong ones are whole descriptions of
    /// pictures of other groups: the first of the true one's narrowest category, the next of the one around it, and so on,
    /// the last ones from anywhere; where a category has no other group, from the one around it. Groups are drawn first, and then
    /// pictures of them, so that large groups are neither right nor wrong more often. All are of the same split, and splits are
    /// those of the corpora named here, whatever `split` is.
    pub struct PictureChoices {
        /// The corpora of images with captions.
        pub of: Vec<At<String>>,
        /// The language of the captions, by its code. Left out: the first caption of each picture, whatever its language.
        pub language: Option<At<String>>,
        /// Styles of the pictures. Left out: all.
        pub styles: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// Most tags of a description, behind its caption; drawn by lot for each description.
        #[range(0..=100)]
        pub tags: usize = 2,
        /// Descriptions to choose from.
        #[range(2..=26)]
        pub choices: usize = 4,
        /// Whether the wrong descriptions are the picture's own caption, rewritten to be false, as `rewrite` of the corpora says it: of each
        /// of its levels in turn, by which reports have slices. All pictures with a caption are then asked about, and no tags are
        /// told.
        pub rewritten: bool = false,
        /// Questions about each picture that is asked about.
        #[range(1..=100)]
        pub questions: usize = 4,
        /// Most pictures of a group that are asked about, of each style; drawn by lot.
        #[range(1..=1000)]
        pub pictures_per_group: usize = 1,
        /// Another number draws other pictures and descriptions.
        pub seed: u64 = 1,
    }
}

/// A value of an option that no picture has.
#[derive(Debug, Clone, PartialEq)]
pub struct UnknownValue {
    /// The key of the option.
    pub key: &'static str,
    /// The value.
    pub value: At<String>,
    /// The values that pictures have.
    pub known: Vec<String>,
}

impl ReadCorpus for PictureChoices {
    /// Nothing yet: questions are drawn when the corpora that they are about are split.
    fn read(&self, _: Extent) -> Result<Content, DataError> {
        Ok(self.dataset(&[], Vec::new(), PictureChoiceDetails::default()).into())
    }
}

impl PictureChoices {
    /// The questions about the pictures of corpora, which are split.
    #[must_use]
    pub fn draw(&self, corpora: &[&Dataset<Question>]) -> Dataset<PictureChoice> {
        let corpora: Vec<_> = corpora.iter().map(|corpus| (*corpus, None)).collect();
        draw(self, &corpora)
    }

    /// The same of corpora with what rewrites their captions, where `rewritten` is set.
    #[must_use]
    pub fn draw_rewritten(&self, corpora: &[(&Dataset<Question>, &Rewriter)]) -> Dataset<PictureChoice> {
        let corpora: Vec<_> = corpora.iter().map(|(corpus, own)| (*corpus, Some(*own))).collect();
        draw(self, &corpora)
    }

    /// The language and the styles that no picture of these corpora has.
    #[must_use]
    pub fn unknown_values(&self, corpora: &[&Dataset<Question>]) -> Vec<UnknownValue> {
        let pictures = || corpora.iter().flat_map(|corpus| &corpus.details.images);
        let sorted = |mut known: Vec<String>| {
            known.sort();
            known.dedup();
            known
        };
        let mut unknown = Vec::new();
        if let Some(language) = &self.language {
            let captions = pictures().flat_map(|picture| &picture.captions);
            let codes =
                captions.flat_map(|caption| caption.language.iter().chain(caption.translations.keys()));
            let known = sorted(codes.cloned().collect());
            if !known.contains(&language.value) {
                unknown.push(UnknownValue { key: "language", value: language.clone(), known });
            }
        }
        let styles = sorted(pictures().filter_map(|picture| picture.style.clone()).collect());
        let missing = self.styles.iter().filter(|style| !styles.contains(&style.value));
        unknown.extend(missing.map(|style| UnknownValue {
            key: "styles",
            value: style.clone(),
            known: styles.clone(),
        }));
        unknown
    }

    /// Whether a picture is of one of the styles.
    pub(super) fn has_style(&self, picture: &Picture) -> bool {
        let is = |style: &At<String>| picture.style.as_deref() == Some(style.as_str());
        self.styles.is_empty() || self.styles.iter().any(is)
    }

    /// A dataset that is not split yet, of corpora with these fingerprints.
    pub(super) fn dataset(
        &self,
        fingerprints: &[&str],
        questions: Vec<PictureChoice>,
        details: PictureChoiceDetails,
    ) -> Dataset<PictureChoice> {
        let named: Vec<&str> = self.of.iter().map(|name| name.as_str()).collect();
        let source = format!("choices of {}", named.join(", "));
        let statistics = ReadStatistics { source, kept: questions.len(), ..ReadStatistics::default() };
        let values: Vec<String> = [self.language.as_ref().map(|own| own.value.clone()).unwrap_or_default()]
            .into_iter()
            .chain(self.styles.iter().map(|style| style.value.clone()))
            .chain(
                [self.tags, self.choices, self.questions, self.pictures_per_group].map(|own| own.to_string()),
            )
            .chain([self.seed.to_string()])
            .chain(self.rewritten.then(|| "rewritten".to_owned()))
            .collect();
        let text = [named.join("\t"), values.join("\t"), fingerprints.join("\t")].join("\n");
        let fingerprint = blake3::hash(text.as_bytes()).to_hex().to_string();
        Dataset::new(questions, details, statistics, fingerprint)
    }
}
