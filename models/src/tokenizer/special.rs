//! Special tokens.

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

/// The tag of the language that a multilingual model is to write, as Marian's multilingual models have it.
#[must_use]
pub fn language_tag(language: &str) -> String {
    format!(">>{language}<<")
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
