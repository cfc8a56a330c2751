//! Vocabulary transfer: the source model's vocabulary in a student of its layers.

use std::collections::{BTreeMap, BTreeSet};

use alambic_models::{ModelError, Tokenizer};
use alambic_tensor::candle::{self, DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use indexmap::IndexSet;

use crate::StudentError;
use crate::alignment::align;

/// Change of the source model's vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VocabularyTransfer {
    /// None.
    Keep,
    /// At most so many tokens stay.
    Prune(usize),
    /// A new vocabulary of so many tokens is trained.
    Retrain(usize),
    /// The tokens of a text alone, without those that the model puts around it; those that match a regular expression at their
    /// beginning are left out, and the commonest words of the texts are added.
    OwnTokens {
        /// The expression; empty for none.
        removed: String,
        /// Maximum number of words.
        words: usize,
    },
    /// At most so many tokens stay, if a number is given, and so many are added.
    Extend {
        /// Maximum number of tokens that stay.
        kept: Option<usize>,
        /// Maximum number of tokens that are added.
        added: usize,
    },
}

/// Maximum number of aligned sentences, which bounds time and memory.
const MAX_SENTENCES: usize = 250_000;
/// Maximum number of tokens of an aligned sentence.
const MAX_LENGTH: usize = 64;

/// Embeddings for another vocabulary in the place of those of the whole one. A token of both keeps its embedding. Another one
/// gets the mean of those of the tokens that it is aligned with in translations, by the share of each, what is aligned with
/// nothing having the mean of all; and where no translation has it, the mean of those of the tokens that the whole vocabulary
/// reads in it. Translations are texts that the whole vocabulary reads, and others.
///
/// By translations as in Remy et al., "Trans-Tokenization and Cross-lingual Vocabulary Transfers" (2024).
pub(crate) fn transfer_embeddings(
    weights: &mut Weights,
    whole: &Tokenizer,
    other: &Tokenizer,
    translations: &[(&str, &str)],
) -> Result<(), StudentError> {
    let tokens = other.tokens();
    let ids: Vec<Option<u32>> = tokens.iter().map(|token| whole.id(token).ok()).collect();
    let shares = if ids.contains(&None) { shares(other, translations)? } else { BTreeMap::new() };
    // Of each token, the parts of other tokens; what is missing to 1 is of the mean of all.
    let mut parts: Vec<Vec<(u32, f32)>> = Vec::with_capacity(tokens.len());
    for (number, token) in tokens.iter().enumerate() {
        parts.push(match (ids[number], shares.get(&(number as u32))) {
            (Some(id), _) => vec![(id, 1.0)],
            (None, Some(shares)) => {
                shares.iter().filter_map(|&(from, share)| Some((ids[from as usize]?, share))).collect()
            }
            (None, None) => {
                let pieces = whole.encode_token(token)?;
                let share = 1.0 / pieces.len() as f32;
                pieces.into_iter().map(|id| (id, share)).collect()
            }
        });
    }
    let kept: Vec<u32> = ids.into_iter().flatten().collect();
    for (name, tensor) in weights.iter_mut() {
        if name.ends_with("embeddings.word_embeddings.weight") {
            *tensor = mixed(tensor, &kept, &parts).map_err(ModelError::from)?;
        }
    }
    Ok(())
}

/// For each token of translations, the tokens of the texts that it is aligned with, and the share of each.
fn shares(
    tokenizer: &Tokenizer,
    translations: &[(&str, &str)],
) -> Result<BTreeMap<u32, Vec<(u32, f32)>>, ModelError> {
    let tokenizer = tokenizer.with_max_length(MAX_LENGTH)?;
    let every = translations.len().div_ceil(MAX_SENTENCES).max(1);
    let around: BTreeSet<u32> = tokenizer.encode("")?.into_iter().collect();
    let read = |text: &str| -> Result<Vec<u32>, ModelError> {
        let mut ids = tokenizer.encode_text(text, None)?.ids;
        ids.retain(|id| !around.contains(id));
        Ok(ids)
    };
    let sentences = translations.iter().step_by(every).map(|(text, other)| Ok((read(text)?, read(other)?)));
    Ok(align(&sentences.collect::<Result<Vec<_>, ModelError>>()?))
}

/// Vectors mixed of those of a table; what a mixture's parts lack to 1 is of the mean of those that are kept.
fn mixed(table: &Tensor, kept: &[u32], mixtures: &[Vec<(u32, f32)>]) -> candle::Result<Tensor> {
    let parts = mixtures.iter().flatten().map(|&(id, _)| id);
    let used: IndexSet<u32> = kept.iter().copied().chain(parts).collect();
    let ids = Tensor::new(used.iter().copied().collect::<Vec<u32>>(), device::current())?;
    let rows = table.to_dtype(DType::F32)?.index_select(&ids, 0)?.to_vec2::<f32>()?;
    let row = |id: u32| used.get_index_of(&id).map(|place| rows[place].as_slice()).unwrap_or_default();
    let width = table.dim(1)?;
    let mut mean = vec![0.0_f32; width];
    for &id in kept {
        mean.iter_mut().zip(row(id)).for_each(|(mean, number)| *mean += number / kept.len() as f32);
    }
    let mut vectors = Vec::with_capacity(mixtures.len() * width);
    for parts in mixtures {
        let rest = 1.0 - parts.iter().map(|(_, share)| share).sum::<f32>();
        let mut vector: Vec<f32> = mean.iter().map(|number| number * rest).collect();
        for &(id, share) in parts {
            vector.iter_mut().zip(row(id)).for_each(|(sum, number)| *sum += share * number);
        }
        vectors.extend(vector);
    }
    Tensor::from_vec(vectors, (mixtures.len(), width), device::current())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alambic_tensor::candle::Device;

    const NAME: &str = "embeddings.word_embeddings.weight";

    /// A table in which each token of a vocabulary points another way.
    fn table(tokenizer: &Tokenizer) -> Weights {
        let tensor = Tensor::eye(tokenizer.size(), DType::F32, &Device::Cpu).unwrap();
        [(NAME.to_owned(), tensor)].into_iter().collect()
    }

    #[test]
    fn known_tokens_keep_their_embeddings_and_new_ones_get_means() {
        let english = Tokenizer::train_words(["the house the book a book"], 100).unwrap();
        let german = ["das haus", "das buch", "ein buch"];
        // What comes once is left in pieces.
        let both = english.extend(german.into_iter().chain(german), [], 60).unwrap();
        let pairs = [("the house", german[0]), ("the book", german[1]), ("a book", german[2])];
        let rows = |pairs: &[(&str, &str)]| {
            let mut weights = table(&english);
            transfer_embeddings(&mut weights, &english, &both, pairs).unwrap();
            weights[NAME].to_vec2::<f32>().unwrap()
        };
        let with = rows(&pairs);
        let id = |tokenizer: &Tokenizer, token: &str| tokenizer.id(token).unwrap() as usize;
        for (token, from) in [("book", "book"), ("buch", "book"), ("haus", "house"), ("ein", "a")] {
            let row = &with[id(&both, token)];
            let most = (0..row.len()).max_by(|&one, &other| row[one].total_cmp(&row[other])).unwrap();
            assert_eq!(most, id(&english, from), "{token}: {row:?}");
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{token}: {row:?}");
        }
        assert_eq!(with[id(&both, "book")][id(&english, "book")], 1.0);
        // Without translations it is what the letters are; some are there, the others unknown.
        let without = rows(&[]);
        assert_ne!(without[id(&both, "haus")], with[id(&both, "haus")]);
        assert!((without[id(&both, "haus")].iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}
