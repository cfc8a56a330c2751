//! Special tokens.

use tokenizers::AddedToken;
use tokenizers::processors::template::TemplateProcessing;

use crate::ModelError;

/// Padding, which is also the decoder's first token.
pub(super) const PADDING: &str = "<pad>";
/// Special tokens of BERT's and DistilBERT's vocabularies: padding, what is not in the vocabulary, the beginning of a
/// text, the end of each text, a token that is masked.
pub(super) const BERT: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/// End of a sequence.
pub(super) const END: &str = "</s>";
/// Token for what is not in the vocabulary.
pub(super) const UNKNOWN: &str = "<unk>";

/// The tag of a multilingual model's target language, as Marian's multilingual models have it.
#[must_use]
pub fn language_tag(language: &str) -> String {
    format!(">>{language}<<")
}

/// The token of this number among those that stand in the place of spans that are left out of a text, as T5 has them.
#[must_use]
pub fn sentinel(number: usize) -> String {
    format!("<extra_id_{number}>")
}

/// Special tokens of a vocabulary that is trained, which come first in it, and how texts stand among them.
pub(super) struct SpecialTokens {
    /// In the order of their ids. The second stands for what is not in the vocabulary.
    pub(super) names: Vec<String>,
    around: TemplateProcessing,
}

impl SpecialTokens {
    /// BERT's.
    pub(super) fn of_bert() -> Result<Self, ModelError> {
        Ok(Self { names: BERT.map(str::to_owned).to_vec(), around: around_texts()? })
    }

    /// Those of a model that writes texts: end, unknown, padding, and the tags of languages.
    pub(super) fn of_languages(languages: &[String]) -> Result<Self, ModelError> {
        let tags = languages.iter().map(|language| language_tag(language));
        let names = [END, UNKNOWN, PADDING].map(str::to_owned).into_iter().chain(tags).collect();
        Ok(Self { names, around: before_end()? })
    }

    /// Those of a model that writes texts, with so many sentinels.
    pub(super) fn with_sentinels(sentinels: usize) -> Result<Self, ModelError> {
        let mut special = Self::of_languages(&[])?;
        special.names.extend((0..sentinels).map(sentinel));
        Ok(special)
    }

    /// The token for what is not in the vocabulary.
    pub(super) fn unknown(&self) -> &str {
        &self.names[1]
    }

    /// Gives a tokenizer whose vocabulary begins with these tokens what it does with them.
    pub(super) fn give(&self, tokenizer: &mut tokenizers::Tokenizer) {
        let token = |name: &String| AddedToken::from(name.clone(), true);
        tokenizer.with_post_processor(Some(self.around.clone()));
        tokenizer.add_special_tokens(&self.names.iter().map(token).collect::<Vec<_>>());
    }
}

/// A text or a pair of texts, each before the end token, which has the id 0.
pub(super) fn before_end() -> Result<TemplateProcessing, ModelError> {
    TemplateProcessing::builder()
        .try_single(format!("$A {END}"))
        .map_err(ModelError::Tokenizer)?
        .try_pair(format!("$A {END} $B {END}"))
        .map_err(ModelError::Tokenizer)?
        .special_tokens(vec![(END, 0)])
        .build()
        .map_err(|error| ModelError::Tokenizer(error.to_string()))
}

/// BERT's special tokens around a text or a pair of texts.
pub(super) fn around_texts() -> Result<TemplateProcessing, ModelError> {
    let [_, _, first, end, _] = BERT;
    TemplateProcessing::builder()
        .try_single(format!("{first} $A {end}"))
        .map_err(ModelError::Tokenizer)?
        .try_pair(format!("{first} $A {end} $B:1 {end}:1"))
        .map_err(ModelError::Tokenizer)?
        .special_tokens(vec![(first, 2), (end, 3)])
        .build()
        .map_err(|error| ModelError::Tokenizer(error.to_string()))
}
