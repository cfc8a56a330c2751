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

/// Texts by which embeddings of tokens are transferred.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransferContext<'a> {
    /// Texts that the other vocabulary is for.
    pub(crate) texts: &'a [&'a str],
    /// Texts that the whole vocabulary reads, each with a translation.
    pub(crate) translations: &'a [(&'a str, &'a str)],
}

/// Embeddings for another vocabulary in the place of those of the whole one. A token of both keeps its embedding. Another one
/// gets the mean of those of the tokens that it is aligned with in translations, by the share of each, what is aligned with
/// nothing having the mean of all; and where no translation has it, the mean of those of the tokens that the whole vocabulary
/// reads in it. Translations are texts that the whole vocabulary reads, and others.
///
/// Where the other vocabulary reads texts in a script of its own, another token gets the mean of the tokens of the whole vocabulary
/// that stand at the same characters of texts, by the share of each: unified texts have as many bytes as the original ones.
///
/// By translations as in Remy et al., "Trans-Tokenization and Cross-lingual Vocabulary Transfers" (2024).
pub(crate) fn transfer_embeddings(
    weights: &mut Weights,
    whole: &Tokenizer,
    other: &Tokenizer,
    context: TransferContext<'_>,
) -> Result<(), StudentError> {
    let tokens = other.tokens();
    let ids: Vec<Option<u32>> = tokens.iter().map(|token| whole.id(token).ok()).collect();
    let has_new = ids.contains(&None);
    let is_unified = other.unified_script() != whole.unified_script();
    let shares = if has_new && !is_unified { shares(other, context.translations)? } else { BTreeMap::new() };
    let spans = if has_new && is_unified {
        span_shares(whole, other, context.texts, |id| matches!(ids.get(id as usize), Some(None)))?
    } else {
        BTreeMap::new()
    };
    // Of each token, the parts of other tokens; what is missing to 1 is of the mean of all.
    let mut parts: Vec<Vec<(u32, f32)>> = Vec::with_capacity(tokens.len());
    for (number, token) in tokens.iter().enumerate() {
        let id = number as u32;
        parts.push(match (ids[number], shares.get(&id)) {
            (Some(id), _) => vec![(id, 1.0)],
            (None, None) if spans.contains_key(&id) => spans[&id].clone(),
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

/// For each token of a vocabulary that is asked for, the tokens of the whole vocabulary at the same bytes of texts, and the share of
/// each in all bytes; what the whole vocabulary does not know counts for nothing.
fn span_shares(
    whole: &Tokenizer,
    other: &Tokenizer,
    texts: &[&str],
    is_asked: impl Fn(u32) -> bool,
) -> Result<BTreeMap<u32, Vec<(u32, f32)>>, ModelError> {
    let mut counts: BTreeMap<u32, BTreeMap<u32, f64>> = BTreeMap::new();
    let unknown = whole.unknown();
    let every = texts.len().div_ceil(MAX_SENTENCES).max(1);
    for text in texts.iter().step_by(every) {
        let new = other.token_spans(text)?;
        if !new.iter().any(|token| is_asked(token.id)) {
            continue;
        }
        let old = whole.token_spans(text)?;
        // Both are in the order of the text.
        let mut first = 0;
        for token in &new {
            while old.get(first).is_some_and(|own| own.bytes.end <= token.bytes.start) {
                first += 1;
            }
            if !is_asked(token.id) {
                continue;
            }
            for own in old[first..].iter().take_while(|own| own.bytes.start < token.bytes.end) {
                let common = own.bytes.start.max(token.bytes.start)..own.bytes.end.min(token.bytes.end);
                // The blank before a word is no part of it.
                let letters = text.get(common).map_or(0, |common| common.trim().len());
                if letters > 0 && Some(own.id) != unknown {
                    *counts.entry(token.id).or_default().entry(own.id).or_default() += letters as f64;
                }
            }
        }
    }
    let share = |counts: BTreeMap<u32, f64>| {
        let sum: f64 = counts.values().sum();
        counts.into_iter().map(|(id, count)| (id, (count / sum) as f32)).collect()
    };
    Ok(counts.into_iter().map(|(id, counts)| (id, share(counts))).collect())
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
    use alambic_models::{TokenSpan, TokenizerModel, UnifiedScript};
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
            let context = TransferContext { texts: &[], translations: pairs };
            transfer_embeddings(&mut weights, &english, &both, context).unwrap();
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

    #[test]
    fn tokens_of_unified_texts_begin_as_what_stood_at_the_same_characters() {
        let texts = ["ನಮಕ ಮರ", "ನಮಕ", "नमक", "ನಮಕ ಮರ a"];
        for model in [TokenizerModel::Words, TokenizerModel::Unigram] {
            let whole = Tokenizer::train(model, texts.into_iter().chain(["ನಮಕ ನಮಕ ಮರ ಮರ नमक"]), 60).unwrap();
            let bare = whole.reading_unified(UnifiedScript::Devanagari).unwrap();
            let unified = match model {
                TokenizerModel::Words => Tokenizer::train(model, ["नमक मर", "नमक a"], 60)
                    .unwrap()
                    .reading_unified(UnifiedScript::Devanagari)
                    .unwrap(),
                _ => bare.retrain(texts, 40).unwrap(),
            };
            let mut weights = table(&whole);
            let context = TransferContext { texts: &texts, translations: &[] };
            transfer_embeddings(&mut weights, &whole, &unified, context).unwrap();
            let rows = weights[NAME].to_vec2::<f32>().unwrap();
            // Each new token of a text points to those that stood there, and to nothing else.
            for text in texts {
                let (new, old) = (unified.token_spans(text).unwrap(), whole.token_spans(text).unwrap());
                for token in
                    new.iter().filter(|token| whole.id(&unified.tokens()[token.id as usize]).is_err())
                {
                    let row = &rows[token.id as usize];
                    assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{model:?}: {row:?}");
                    let there = |own: &&TokenSpan| {
                        own.bytes.start < token.bytes.end && token.bytes.start < own.bytes.end
                    };
                    let share: f32 = old.iter().filter(there).map(|own| row[own.id as usize]).sum();
                    assert!(share > 0.0, "{model:?}: {text}: {row:?}");
                }
            }
            if model == TokenizerModel::Words {
                // `मर` is a word of Kannada alone, and `नमक` is known.
                let row = |token: &str| &rows[unified.id(token).unwrap() as usize];
                assert_eq!(row("मर")[whole.id("ಮರ").unwrap() as usize], 1.0);
                assert_eq!(row("नमक")[whole.id("नमक").unwrap() as usize], 1.0);
            }
        }
    }
}
