//! Tables of the words of source and target, and the matrix of the logits.

use super::BartConfig;
use super::names::BASE;
use crate::encoder_decoder::WordTable;
use crate::folder::StoredWeights;
use crate::published::with_and_without;
use crate::{ModelError, ModelFolder};

/// Tables of the words of source and target, and the matrix of the logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WordTables {
    /// One for all three.
    #[default]
    Shared,
    /// One of the source, and one of the target that gives the logits.
    OfEach {
        /// Rows of the target's.
        target: usize,
    },
    /// All three their own.
    Own {
        /// Rows of the target's, and of the matrix of the logits.
        target: usize,
    },
}

impl BartConfig {
    /// Name of the table of words where source, target and logits have one.
    pub const WORDS: &str = "model.shared.weight";
    /// Matrix of the logits, and tables of the words of source and target, where they are not one.
    pub const OUTPUT: &str = "lm_head.weight";
    /// Table of the words of the source.
    pub const ENCODER_WORDS: &str = "model.encoder.embed_tokens.weight";
    /// Table of the words of the target.
    pub const DECODER_WORDS: &str = "model.decoder.embed_tokens.weight";

    /// Copies of the table of words: files may hold any of them.
    pub(super) const COPIES: [&str; 3] = [Self::OUTPUT, Self::ENCODER_WORDS, Self::DECODER_WORDS];

    /// Rows of the table of the target's words, and number of the logits.
    #[must_use]
    pub fn target_vocabulary(&self) -> usize {
        match self.tables {
            WordTables::Shared => self.vocab_size,
            WordTables::OfEach { target } | WordTables::Own { target } => target,
        }
    }

    /// The tables of source and target and the matrix of the logits, of which several may be the same.
    pub(super) fn word_tables(&self) -> [WordTable; 3] {
        let names = match self.tables {
            WordTables::Shared => [Self::WORDS; 3],
            WordTables::OfEach { .. } => [Self::ENCODER_WORDS, Self::DECODER_WORDS, Self::DECODER_WORDS],
            WordTables::Own { .. } => [Self::ENCODER_WORDS, Self::DECODER_WORDS, Self::OUTPUT],
        };
        let rows = [self.vocab_size, self.target_vocabulary(), self.target_vocabulary()];
        let [source, target, output] =
            [0, 1, 2].map(|index| WordTable { name: names[index], rows: rows[index] });
        [source, target, output]
    }

    /// Finds out which tables there are, by configuration and weights.
    ///
    /// # Errors
    /// When tables of words differ that the configuration says to be one, or the matrix of the logits is missing.
    pub(super) fn read_tables(&mut self, folder: &ModelFolder) -> Result<(), ModelError> {
        let json = folder.json();
        let is_shared = json["share_encoder_decoder_embeddings"] != false;
        let is_tied = json["tie_word_embeddings"] != false;
        let target = json["decoder_vocab_size"].as_u64().map_or(self.vocab_size, |size| size as usize);
        if is_shared && target != self.vocab_size {
            return Err(ModelError::content(
                &folder.path().join("config.json"),
                format!(
                    "decoder_vocab_size is {}, vocab_size {}, and both have one table (share_encoder_decoder_embeddings)",
                    json["decoder_vocab_size"], self.vocab_size
                ),
            ));
        }
        if folder.weight_files().is_err() {
            return Ok(());
        }
        let stored = folder.stored()?;
        if !is_tied && stored.find(&with_and_without(BASE, Self::OUTPUT)).is_none() {
            return Err(ModelError::content(
                stored.first_file(),
                format!("there is no tensor `{}`, and tie_word_embeddings is false", Self::OUTPUT),
            ));
        }
        if !(is_shared && is_tied) && self.has_own_tables(&stored, target)? {
            self.tables = if is_tied { WordTables::OfEach { target } } else { WordTables::Own { target } };
        } else if let Some(shared) = stored.find(&Self::spellings(Self::WORDS)) {
            let copies =
                Self::COPIES.into_iter().filter_map(|name| stored.find(&with_and_without(BASE, name)));
            for copy in copies.filter(|copy| *copy != shared) {
                if !stored.are_equal(shared, copy)? {
                    return Err(stored.fault(
                        copy,
                        format!("it differs from `{shared}`, and the configuration says that they are one (tie_word_embeddings, \
                             share_encoder_decoder_embeddings)"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether the tables of source and target, or the matrix of the logits, are not one.
    fn has_own_tables(&self, stored: &StoredWeights, target: usize) -> Result<bool, ModelError> {
        let [source, decoder] =
            [Self::ENCODER_WORDS, Self::DECODER_WORDS].map(|name| stored.find(&Self::spellings(name)));
        // A file may leave out a copy.
        let (Some(source), Some(decoder)) = (source, decoder) else { return Ok(false) };
        if target != self.vocab_size || !stored.are_equal(source, decoder)? {
            return Ok(true);
        }
        Ok(match stored.find(&with_and_without(BASE, Self::OUTPUT)) {
            Some(output) => !stored.are_equal(decoder, output)?,
            None => false,
        })
    }
}
