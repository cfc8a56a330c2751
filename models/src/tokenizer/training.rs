//! Vocabularies of pieces of words, trained on texts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::{IndexMap, IndexSet};
use serde_json::json;
use tokenizers::decoders::wordpiece::WordPiece as Decoder;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::normalizers::strip::Strip;
use tokenizers::normalizers::unicode::NFKC;
use tokenizers::normalizers::utils::Sequence;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{
    AddedToken, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer, Trainer,
};

use super::encoding::Tokenizer;
use super::limits::guarded;
use super::prune::renumber;
use super::special::SpecialTokens;
use crate::ModelError;

/// Model of a tokenizer: the algorithm that splits words into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenizerModel {
    /// Whole words, and characters for all others.
    Words,
    /// BERT's, by merging what often stands together, in lower case.
    WordPiece,
    /// By merging what often stands together (Sennrich et al., 2016).
    Bpe,
    /// By the likelihood of a text in independent pieces (Kudo, 2018).
    Unigram,
}

/// Prefix of a piece that begins a word.
const BEGINS: char = '\u{2581}';
/// Prefix of a piece that goes on with a word.
const GOES_ON: &str = "##";

/// The longest word that is counted as one, in characters.
const LONGEST: usize = 1000;
/// The longest piece of the library's trainer by likelihood, in characters.
const LONGEST_PIECE: usize = 16;

/// Difference that the library puts between the scores of characters that are no piece by themselves.
const PENALTY: f64 = 1e-4;

fn error(error: impl std::fmt::Display) -> ModelError {
    ModelError::Tokenizer(error.to_string())
}

impl Tokenizer {
    /// A vocabulary of at most `size` pieces, trained on texts by the tokenizers library, with BERT's special tokens first.
    /// `WordPiece` puts texts in lower case, marks above and below letters kept; the others bring them to NFKC and mark the
    /// beginnings of words, so that a text needs no blanks.
    ///
    /// # Errors
    /// When the tokenizers library refuses the parts, or `size` is too small for the characters.
    pub fn train<'t>(
        model: TokenizerModel,
        texts: impl IntoIterator<Item = &'t str>,
        size: usize,
    ) -> Result<Self, ModelError> {
        Self::train_with(model, texts, size, &SpecialTokens::of_bert()?)
    }

    /// The same for a model that writes texts in several languages: a text ends with `</s>`, and each language has a tag, which
    /// stands before a text that is to be written in it. The special tokens are `</s>`, `<unk>`, `<pad>` and the tags.
    ///
    /// # Errors
    /// As of [`Self::train`].
    pub fn train_with_languages<'t>(
        model: TokenizerModel,
        texts: impl IntoIterator<Item = &'t str>,
        languages: &[String],
        size: usize,
    ) -> Result<Self, ModelError> {
        Self::train_with(model, texts, size, &SpecialTokens::of_languages(languages)?)
    }

    /// The same with so many sentinels, [`sentinel`](super::sentinel), in place of tags: for a model that learns to write the spans
    /// that are left out of texts.
    ///
    /// # Errors
    /// As of [`Self::train`].
    pub fn train_with_sentinels<'t>(
        model: TokenizerModel,
        texts: impl IntoIterator<Item = &'t str>,
        sentinels: usize,
        size: usize,
    ) -> Result<Self, ModelError> {
        Self::train_with(model, texts, size, &SpecialTokens::with_sentinels(sentinels)?)
    }

    fn train_with<'t>(
        model: TokenizerModel,
        texts: impl IntoIterator<Item = &'t str>,
        size: usize,
        special: &SpecialTokens,
    ) -> Result<Self, ModelError> {
        if model == TokenizerModel::Words {
            return Self::train_words_with(texts, size, special);
        }
        let (names, unknown) = (&special.names, special.unknown());
        if model == TokenizerModel::WordPiece {
            let (normaliser, splitter) = as_bert();
            let counts = counted(texts, Some(&normaliser), Some(&splitter))?;
            let within = letters_within(&counts, Some(&normaliser), Some(&splitter))?;
            let pieces = word_pieces(&counts, &within, names, size)?;
            return Ok(Self::read_as_bert(pieces_of_words(pieces, unknown)?, special));
        }
        let splitter = Metaspace::new(BEGINS, PrependScheme::Always, true);
        let counts = counted(texts, Some(&NFKC), Some(&splitter))?;
        let mut tokenizer = if model == TokenizerModel::Bpe {
            tokenizers::Tokenizer::new(bpe(&counts, names, unknown, size)?)
        } else {
            tokenizers::Tokenizer::new(unigram(&counts, names, unknown, size)?)
        };
        // Corpora bring texts without blanks at their ends.
        let form = vec![NFKC.into(), Strip::new(true, true).into()];
        tokenizer.with_normalizer(Some(Sequence::new(form)));
        tokenizer.with_decoder(Some(splitter.clone()));
        tokenizer.with_pre_tokenizer(Some(splitter));
        special.give(&mut tokenizer);
        Ok(Self::built(tokenizer))
    }

    /// A `WordPiece` vocabulary in BERT's manner, in lower case, marks above and below letters kept, which are vowels in
    /// many scripts: special tokens, all characters of the texts, alone and within a word, and the words that come oftenest,
    /// at most `size` tokens in all, but for the characters.
    ///
    /// # Errors
    /// When the tokenizers library refuses the parts.
    pub fn train_words<'t>(
        texts: impl IntoIterator<Item = &'t str>,
        size: usize,
    ) -> Result<Self, ModelError> {
        Self::train_words_with(texts, size, &SpecialTokens::of_bert()?)
    }

    fn train_words_with<'t>(
        texts: impl IntoIterator<Item = &'t str>,
        size: usize,
        special: &SpecialTokens,
    ) -> Result<Self, ModelError> {
        let (normaliser, splitter) = as_bert();
        let counts = counted(texts, Some(&normaliser), Some(&splitter))?;
        let characters: BTreeSet<char> = counts.keys().flat_map(|word| word.chars()).collect();
        let mut tokens: IndexSet<String> = special.names.iter().cloned().collect();
        tokens
            .extend(characters.iter().flat_map(|letter| [letter.to_string(), format!("{GOES_ON}{letter}")]));
        let mut words: Vec<(String, u32)> = counts.into_iter().collect();
        // A stable sort: words that are equally common stay in the order of the alphabet.
        words.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (word, _) in words {
            if tokens.len() >= size {
                break;
            }
            tokens.insert(word);
        }
        Ok(Self::read_as_bert(pieces_of_words(tokens, special.unknown())?, special))
    }

    /// Pieces that are read as BERT reads: in lower case, with special tokens around them.
    fn read_as_bert(model: WordPiece, special: &SpecialTokens) -> Self {
        let (normaliser, splitter) = as_bert();
        let mut tokenizer = tokenizers::Tokenizer::new(model);
        tokenizer.with_normalizer(Some(normaliser));
        tokenizer.with_pre_tokenizer(Some(splitter));
        tokenizer.with_decoder(Some(Decoder::default()));
        special.give(&mut tokenizer);
        Self::built(tokenizer)
    }

    /// The tokens in which a token of another vocabulary is read here, by its letters.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn encode_token(&self, token: &str) -> Result<Vec<u32>, ModelError> {
        let text = token.strip_prefix(GOES_ON).unwrap_or(token).trim_start_matches(BEGINS);
        Ok(self.with_text(text, |text| self.inner.encode_fast(text, false))?.0.get_ids().to_vec())
    }

    /// The same tokenizer with a vocabulary of at most `most` pieces, trained anew on texts: what it does to a text before
    /// and after stays, and so does the kind of its pieces. Its special tokens come first, in their order.
    ///
    /// # Errors
    /// When the tokenizer is none of `Unigram`, `WordPiece` and `BPE`, or `most` is too small for the characters.
    pub fn retrain<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        most: usize,
    ) -> Result<Self, ModelError> {
        let mut json = self.json()?;
        if self.has_prompt()? {
            return Err(error(
                "a vocabulary with a prompt is not trained anew: name the model without `prompt`",
            ));
        }
        let added: Vec<(u64, String)> = json["added_tokens"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|token| Some((token["id"].as_u64()?, token["content"].as_str()?.to_owned())))
            .collect();
        let mut special: Vec<(u64, String)> = added;
        let own = &json["model"];
        let unknown = self.unknown().and_then(|id| Some((u64::from(id), self.inner.id_to_token(id)?)));
        let Some(unknown) = unknown else {
            return Err(error("a vocabulary without a token for what it does not know is not trained anew"));
        };
        if !special.iter().any(|(id, _)| *id == unknown.0) {
            special.push(unknown.clone());
        }
        special.sort_unstable();
        let names: Vec<String> = special.iter().map(|(_, token)| token.clone()).collect();
        let (normaliser, splitter) = (self.inner.get_normalizer(), self.inner.get_pre_tokenizer());
        let texts = self.unify_all(texts);
        let counts = counted(texts.iter().map(AsRef::as_ref), normaliser, splitter)?;
        let kind = own["type"].as_str().unwrap_or_default().to_owned();
        let model = match kind.as_str() {
            "WordPiece" => {
                let within = letters_within(&counts, normaliser, splitter)?;
                let pieces = word_pieces(&counts, &within, &names, most)?;
                serde_json::to_value(pieces_of_words(pieces, &unknown.1)?)
            }
            "BPE" => serde_json::to_value(bpe(&counts, &names, &unknown.1, most)?),
            "Unigram" => serde_json::to_value(unigram(&counts, &names, &unknown.1, most)?),
            other => return Err(error(format!("a vocabulary of the kind {other} is not trained anew"))),
        };
        json["model"] = model.map_err(error)?;
        let ids: HashMap<u64, u64> =
            special.iter().enumerate().map(|(new, (old, _))| (*old, new as u64)).collect();
        renumber(&mut json, &ids);
        self.rebuilt(&json, &ids)
    }
}

/// Counts of words, in the order of the alphabet.
pub(super) fn counted<'t, N: Normalizer, P: PreTokenizer>(
    texts: impl IntoIterator<Item = &'t str>,
    normaliser: Option<&N>,
    splitter: Option<&P>,
) -> Result<BTreeMap<String, u32>, ModelError> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for text in texts {
        let mut normalised = NormalizedString::from(text);
        if let Some(normaliser) = normaliser {
            guarded(|| normaliser.normalize(&mut normalised)).map_err(error)?;
        }
        let mut parts = PreTokenizedString::from(normalised.get());
        if let Some(splitter) = splitter {
            guarded(|| splitter.pre_tokenize(&mut parts)).map_err(error)?;
        }
        for (word, ..) in parts.get_splits(OffsetReferential::Original, OffsetType::Byte) {
            // Of a language without blanks a word may be a whole text, whose likelihood the library cannot compute.
            let letters: Vec<char> = word.chars().collect();
            for part in letters.chunks(LONGEST) {
                *counts.entry(part.iter().collect()).or_default() += 1;
            }
        }
    }
    Ok(counts)
}

/// The characters of words that may stand within one, behind another: those of scripts whose every character is a word may
/// not.
pub(super) fn letters_within<N: Normalizer, P: PreTokenizer>(
    counts: &BTreeMap<String, u32>,
    normaliser: Option<&N>,
    splitter: Option<&P>,
) -> Result<BTreeSet<char>, ModelError> {
    let mut within: BTreeSet<char> = counts.keys().flat_map(|word| word.chars().skip(1)).collect();
    let alone: BTreeSet<char> = counts.keys().filter_map(|word| word.chars().next()).collect();
    for letter in alone {
        let doubled = format!("{letter}{letter}");
        if !within.contains(&letter)
            && counted([doubled.as_str()], normaliser, splitter)?.contains_key(&doubled)
        {
            within.insert(letter);
        }
    }
    Ok(within)
}

/// The characters of words, if a vocabulary has room for them, for those that stand within a word, and for the special
/// tokens.
fn characters(
    counts: &BTreeMap<String, u32>,
    special: &[String],
    size: usize,
    within: usize,
) -> Result<BTreeSet<char>, ModelError> {
    if counts.is_empty() {
        return Err(error("there is no text to train a vocabulary on"));
    }
    let characters: BTreeSet<char> = counts.keys().flat_map(|word| word.chars()).collect();
    let needed = characters.len() + within + special.len();
    if needed >= size {
        return Err(error(format!(
            "a vocabulary of {size} pieces has no room for {} characters, {within} of them also within words, and {} special tokens: it needs more than {needed}",
            characters.len(),
            special.len()
        )));
    }
    Ok(characters)
}

/// Merges of what stands together most often. The library breaks ties by the order of its tokens, which is that of the
/// alphabet once those within a word, if they are marked, are named beforehand.
fn merged(
    counts: &BTreeMap<String, u32>,
    special: &[String],
    size: usize,
    within: Option<&BTreeSet<char>>,
) -> Result<BPE, ModelError> {
    characters(counts, special, size, within.map_or(0, BTreeSet::len))?;
    let marked = within.into_iter().flatten().map(|letter| format!("{GOES_ON}{letter}"));
    let named = special.iter().cloned().chain(marked);
    let mut trainer = BpeTrainer::builder()
        .vocab_size(size)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(named.map(|token| AddedToken::from(token, true)).collect());
    if within.is_some() {
        trainer = trainer.continuing_subword_prefix(GOES_ON.to_owned());
    }
    let mut trainer = trainer.build();
    let words = counts.iter().flat_map(|(word, &count)| std::iter::repeat_n(word, count as usize));
    trainer.feed(words, |word| Ok(vec![word.to_owned()])).map_err(error)?;
    let mut model = BPE::default();
    trainer.train(&mut model).map_err(error)?;
    Ok(model)
}

fn bpe(
    counts: &BTreeMap<String, u32>,
    special: &[String],
    unknown: &str,
    size: usize,
) -> Result<BPE, ModelError> {
    let mut model = merged(counts, special, size, None)?;
    model.unk_token = Some(unknown.to_owned());
    Ok(model)
}

/// Pieces in BERT's manner, the special ones first.
pub(super) fn word_pieces(
    counts: &BTreeMap<String, u32>,
    within: &BTreeSet<char>,
    special: &[String],
    size: usize,
) -> Result<Vec<String>, ModelError> {
    let vocabulary = merged(counts, special, size, Some(within))?.get_vocab();
    let mut vocabulary: Vec<(String, u32)> = vocabulary.into_iter().collect();
    vocabulary.sort_unstable_by_key(|(_, id)| *id);
    Ok(vocabulary.into_iter().map(|(token, _)| token).collect())
}

/// A model of these pieces, in the order of their ids.
fn pieces_of_words(tokens: impl IntoIterator<Item = String>, unknown: &str) -> Result<WordPiece, ModelError> {
    let vocabulary: IndexMap<String, usize> =
        tokens.into_iter().enumerate().map(|(id, token)| (token, id)).collect();
    let parts = json!({
        "type": "WordPiece",
        "vocab": vocabulary,
        "unk_token": unknown,
        "continuing_subword_prefix": GOES_ON,
        "max_input_chars_per_word": 100,
    });
    // By way of its text: the library's reader borrows from it.
    serde_json::from_str(&parts.to_string()).map_err(error)
}

/// Normalizer and pre-tokenizer of BERT.
fn as_bert() -> (BertNormalizer, BertPreTokenizer) {
    (BertNormalizer::new(true, true, Some(false), true), BertPreTokenizer)
}

/// Pieces by their likelihood. The library gives characters that are no piece by themselves scores in the order of a hash
/// table; they all get the least one here. Its pieces begin as what several words have in common, so that of texts of few words, however often they
/// come, most would be read letter by letter: while there is room, [`whole_words`] are pieces as well.
fn unigram(
    counts: &BTreeMap<String, u32>,
    special: &[String],
    unknown: &str,
    size: usize,
) -> Result<Unigram, ModelError> {
    let characters = characters(counts, special, size, 0)?;
    let trainer = UnigramTrainer::builder()
        .vocab_size(size as u32)
        .show_progress(false)
        .unk_token(Some(unknown.to_owned()))
        .special_tokens(special.iter().map(|token| AddedToken::from(token.clone(), true)).collect())
        .build()
        .map_err(error)?;
    let sentences = counts.iter().map(|(word, count)| (word.clone(), *count)).collect();
    let mut model = Unigram::default();
    trainer.do_train(sentences, &mut model).map_err(error)?;
    let trained: Vec<(String, f64)> = model.iter().skip(special.len()).cloned().collect();
    let least = trained
        .iter()
        .filter(|(piece, _)| piece.chars().count() > 1)
        .map(|(_, score)| *score)
        .fold(0.0, f64::min);
    let highest = least + PENALTY * characters.len() as f64;
    let settled = |(piece, score): (String, f64)| {
        let is_put_in = piece.chars().count() == 1 && score <= highest;
        (piece, if is_put_in { least } else { score })
    };
    let mut pieces: Vec<(String, f64)> = trained.into_iter().map(settled).collect();
    let room = size.saturating_sub(special.len() + pieces.len());
    let known: BTreeSet<&str> = pieces.iter().map(|(piece, _)| piece.as_str()).collect();
    let added = whole_words(counts, &known, room);
    pieces.extend(added);
    pieces.sort_by(|one, other| other.1.total_cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let place = special.iter().position(|token| token == unknown);
    let all = special.iter().map(|token| (token.clone(), 0.0)).chain(pieces).collect();
    Unigram::from(all, place, false).map_err(error)
}

/// The commonest words that are no piece yet, with the logarithms of their shares of all words: those that occur more than once, begin and end with a
/// letter or a digit, and are not longer than the library's pieces.
fn whole_words(counts: &BTreeMap<String, u32>, known: &BTreeSet<&str>, room: usize) -> Vec<(String, f64)> {
    let is_word = |word: &str| {
        let word = word.trim_start_matches(BEGINS);
        word.starts_with(char::is_alphanumeric) && word.ends_with(char::is_alphanumeric)
    };
    let mut words: Vec<(&String, u32)> = counts
        .iter()
        .filter(|(word, count)| **count > 1 && word.chars().count() <= LONGEST_PIECE && is_word(word))
        .filter(|(word, _)| !known.contains(word.as_str()))
        .map(|(word, count)| (word, *count))
        .collect();
    words.sort_by(|(one, often), (other, as_often)| as_often.cmp(often).then_with(|| one.cmp(other)));
    let all: f64 = counts.values().map(|count| f64::from(*count)).sum();
    words.into_iter().take(room).map(|(word, count)| (word.clone(), (f64::from(count) / all).ln())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::encoding::tests::pieces_of;

    const TEXTS: [&str; 8] = [
        "the cat sat on the mat",
        "the cats sat on the mats",
        "a cat is on the mat",
        "猫はマットの上にいます",
        "猫が上にいます",
        "マットの上の猫",
        "बिल्ली चटाई पर है",
        "बिल्लियाँ चटाई पर हैं",
    ];

    #[test]
    fn every_kind_reads_its_texts_whole_and_is_the_same_every_time() {
        for kind in
            [TokenizerModel::Words, TokenizerModel::WordPiece, TokenizerModel::Bpe, TokenizerModel::Unigram]
        {
            let tokenizer = Tokenizer::train(kind, TEXTS, 120).unwrap();
            assert!(tokenizer.size() <= 120, "{kind:?}: {}", tokenizer.size());
            for text in TEXTS {
                let pieces = pieces_of(&tokenizer, text);
                assert!(!pieces.contains(&"[UNK]".to_owned()), "{kind:?}: {pieces:?}");
                assert_eq!((pieces[0].as_str(), pieces[pieces.len() - 1].as_str()), ("[CLS]", "[SEP]"));
            }
            assert_eq!(tokenizer.padding().unwrap(), 0);
            let again = Tokenizer::train(kind, TEXTS, 120).unwrap();
            assert_eq!(tokenizer.to_json().unwrap(), again.to_json().unwrap(), "{kind:?}");
            // What comes often is read in fewer pieces than it has letters.
            let often = pieces_of(&tokenizer, "the cat");
            assert!(often.len() - 2 < "thecat".len(), "{kind:?}: {often:?}");
        }
        assert!(Tokenizer::train(TokenizerModel::Unigram, TEXTS, 12).is_err());
    }

    #[test]
    fn few_words_that_come_often_are_pieces() {
        let colours = ["red", "blue", "green"];
        let said: Vec<String> = (0..60)
            .map(|at| {
                format!("there is a {} circle right of a {} square.", colours[at % 3], colours[at / 3 % 3])
            })
            .collect();
        let texts = || said.iter().map(String::as_str);
        let tokenizer = Tokenizer::train(TokenizerModel::Unigram, texts(), 100).unwrap();
        let pieces = pieces_of(&tokenizer, "there is a blue circle right of a green square.");
        let words =
            ["▁there", "▁is", "▁a", "▁blue", "▁circle", "▁right", "▁of", "▁a", "▁green", "▁square", "."];
        // Without the special tokens of both ends; what is behind `square` may be two pieces or three.
        assert_eq!(pieces[1..pieces.len() - 1].concat(), words.concat());
        assert_eq!(pieces[1..10], words[..9]);
        // Where there is no room, as many as there is room for.
        let narrow = Tokenizer::train(TokenizerModel::Unigram, texts(), 30).unwrap();
        assert!(narrow.size() <= 30 && pieces_of(&narrow, &said[0]).len() > pieces.len());
        let again = Tokenizer::train(TokenizerModel::Unigram, texts(), 100).unwrap();
        assert_eq!(tokenizer.to_json().unwrap(), again.to_json().unwrap());
    }

    #[test]
    fn a_vocabulary_is_trained_anew_in_its_own_kind() {
        for kind in [TokenizerModel::WordPiece, TokenizerModel::Bpe, TokenizerModel::Unigram] {
            let whole = Tokenizer::train(kind, TEXTS, 120).unwrap();
            let anew = whole.retrain(TEXTS[..3].iter().copied(), 40).unwrap();
            assert!(anew.size() <= 40 && anew.id("[SEP]").unwrap() == 3, "{kind:?}: {}", anew.size());
            assert!(!pieces_of(&anew, TEXTS[0]).contains(&"[UNK]".to_owned()));
            // No other text's characters are known any more.
            assert!(pieces_of(&anew, TEXTS[3]).contains(&"[UNK]".to_owned()), "{kind:?}");
        }
    }
}
