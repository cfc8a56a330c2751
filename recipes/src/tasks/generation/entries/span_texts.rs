//! Texts of entries that write the spans that are left out of them.

use alambic_data::{Content, ContentKind, Split, Text, examples};
use alambic_models::Tokenizer;
use alambic_settings::At;

use super::options::GenerationEntry;
use super::span_corruption::SpanCorruption;
use crate::corpora::Corpora;
use crate::error::RunError;

/// What corpora of texts hold.
pub(super) const KINDS: [ContentKind; 2] = [ContentKind::Texts, ContentKind::Parallel];

impl GenerationEntry {
    /// The texts of a split, each by itself: those of a pair are two, and of sentences each translation is one.
    pub(super) fn texts(&self, corpora: &Corpora, split: Split) -> Result<Vec<String>, RunError> {
        let texts: Vec<String> =
            self.texts_of(&self.data, corpora, split)?.into_iter().map(str::to_owned).collect();
        Ok(if self.fraction < 1.0 {
            examples::subsample_texts(&texts, self.fraction, "texts")
        } else {
            texts
        })
    }

    /// The same of other corpora, with all of their texts. Of texts whose language is known those in the entry's languages, if it
    /// names any.
    pub(super) fn texts_of<'c>(
        &self,
        names: &[At<String>],
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<&'c str>, RunError> {
        let is_asked = |language: Option<&str>| {
            let Some(code) = language.filter(|_| !self.languages.is_empty()) else { return true };
            self.languages.iter().any(|own| own.as_str() == code)
        };
        let mut texts = Vec::new();
        for name in names {
            if let Content::Parallel(corpus) = corpora.get(name)? {
                let sentences = corpus.splits.get(split).iter().flat_map(|own| &own.texts);
                let own = sentences.filter(|(code, _)| is_asked(Some(code)));
                texts.extend(own.map(|(_, text)| text.as_str()));
            } else {
                let corpus = corpora.dataset::<Text>(name)?;
                let own = corpus.splits.get(split).iter();
                texts.extend(own.filter(|text| is_asked(text.language.as_deref())).flat_map(Text::texts));
            }
        }
        Ok(texts)
    }

    /// A text in tokens, without its end, and whether it was cut; none of one that is too short for a span.
    pub(super) fn span_tokens(
        tokenizer: &Tokenizer,
        text: &str,
    ) -> Result<Option<(Vec<u32>, bool)>, RunError> {
        let encoded = tokenizer.encode_text(text, None)?;
        let mut tokens = encoded.ids;
        if tokens.last() == Some(&tokenizer.end()?) {
            tokens.pop();
        }
        Ok((tokens.len() >= SpanCorruption::MIN_TOKENS).then_some((tokens, encoded.truncated)))
    }
}
