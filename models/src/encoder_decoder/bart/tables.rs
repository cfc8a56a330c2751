//! Tables of the words of source and target, and the matrix of the logits.

use super::names::{BASE, COPIES, DECODER_WORDS, ENCODER_WORDS, OUTPUT, WORDS, spellings};
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

impl WordTables {
    /// Rows of the table of the target's words, and number of the logits; `vocabulary` are those of the source's.
    #[must_use]
    pub fn target(self, vocabulary: usize) -> usize {
        match self {
            Self::Shared => vocabulary,
            Self::OfEach { target } | Self::Own { target } => target,
        }
    }

    /// The tables of source and target and the matrix of the logits, of which several may be the same.
    pub(super) fn tables(self, vocabulary: usize) -> [WordTable; 3] {
        let target = self.target(vocabulary);
        let [source, own, output] = match self {
            Self::Shared => [WORDS; 3],
            Self::OfEach { .. } => [ENCODER_WORDS, DECODER_WORDS, DECODER_WORDS],
            Self::Own { .. } => [ENCODER_WORDS, DECODER_WORDS, OUTPUT],
        };
        [(source, vocabulary), (own, target), (output, target)].map(|(name, rows)| WordTable { name, rows })
    }

    /// The tables that a folder has, by configuration and weights.
    ///
    /// # Errors
    /// When tables of words differ that the configuration says to be one, or the matrix of the logits is missing.
    pub(super) fn read(folder: &ModelFolder, vocabulary: usize) -> Result<Self, ModelError> {
        let json = folder.json();
        let is_shared = json["share_encoder_decoder_embeddings"] != false;
        let is_tied = json["tie_word_embeddings"] != false;
        let target = json["decoder_vocab_size"].as_u64().map_or(vocabulary, |size| size as usize);
        if is_shared && target != vocabulary {
            return Err(ModelError::content(
                &folder.path().join("config.json"),
                format!(
                    "decoder_vocab_size is {}, vocab_size {vocabulary}, and both have one table (share_encoder_decoder_embeddings)",
                    json["decoder_vocab_size"]
                ),
            ));
        }
        if folder.weight_files().is_err() {
            return Ok(Self::Shared);
        }
        let stored = folder.stored()?;
        if !is_tied && stored.find(&with_and_without(BASE, OUTPUT)).is_none() {
            return Err(ModelError::content(
                stored.first_file(),
                format!("there is no tensor `{OUTPUT}`, and tie_word_embeddings is false"),
            ));
        }
        if !(is_shared && is_tied) && are_apart(&stored, target != vocabulary)? {
            return Ok(if is_tied { Self::OfEach { target } } else { Self::Own { target } });
        }
        if let Some(shared) = stored.find(&spellings(WORDS)) {
            let copies = COPIES.into_iter().filter_map(|name| stored.find(&with_and_without(BASE, name)));
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
        Ok(Self::Shared)
    }
}

/// Whether the tables of source and target, or the matrix of the logits, are not one.
fn are_apart(stored: &StoredWeights, differ_in_rows: bool) -> Result<bool, ModelError> {
    let [source, decoder] = [ENCODER_WORDS, DECODER_WORDS].map(|name| stored.find(&spellings(name)));
    // A file may leave out a copy.
    let (Some(source), Some(decoder)) = (source, decoder) else { return Ok(false) };
    if differ_in_rows || !stored.are_equal(source, decoder)? {
        return Ok(true);
    }
    Ok(match stored.find(&with_and_without(BASE, OUTPUT)) {
        Some(output) => !stored.are_equal(decoder, output)?,
        None => false,
    })
}
