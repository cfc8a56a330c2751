//! Pieces of words put behind a vocabulary that does not have them.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::encoding::Tokenizer;
use super::files::CONFIG;
use super::parsing::parsed;
use super::training::{counted, letters_within, word_pieces};
use crate::ModelError;

impl Tokenizer {
    /// The same vocabulary with at most `most` pieces more behind it, trained on those words of some texts that are in none of
    /// the known texts and are no token of it. Where it leaves out all that stands above and below letters, it leaves out
    /// nothing from now on, so that vowels of other scripts are read; words of known texts with such marks are new ones then.
    ///
    /// # Errors
    /// When the tokenizer is no `WordPiece` or fails, there is no such word, or `most` is too small for the characters.
    pub fn extend<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        known: impl IntoIterator<Item = &'t str>,
        most: usize,
    ) -> Result<Self, ModelError> {
        let mut json = self.json()?;
        let kind = json["model"]["type"].as_str().unwrap_or("unknown");
        if kind != "WordPiece" {
            return Err(ModelError::Tokenizer(format!(
                "words are added to a vocabulary of the kind WordPiece, and this one is of the kind {kind}"
            )));
        }
        let spares_marks = spare_marks(&mut json["normalizer"]);
        let reading = self.with_json(&json)?.inner;
        let (normaliser, splitter) = (reading.get_normalizer(), reading.get_pre_tokenizer());
        let (known, texts) = (self.unify_all(known), self.unify_all(texts));
        let known = counted(known.iter().map(AsRef::as_ref), normaliser, splitter)?;
        let mut words = counted(texts.iter().map(AsRef::as_ref), normaliser, splitter)?;
        let is_marked = |word: &str| spares_marks && word.nfd().any(is_combining_mark);
        words.retain(|word, _| !known.contains_key(word));
        // Known so far without their marks.
        words.extend(known.into_iter().filter(|(word, _)| is_marked(word)));
        words.retain(|word, _| self.id(word).is_err());
        let within = letters_within(&words, normaliser, splitter)?;
        let pieces = word_pieces(&words, &within, &[], most)?;
        let new = pieces.into_iter().filter(|piece| self.id(piece).is_err());
        if let Some(vocabulary) = json["model"]["vocab"].as_object_mut() {
            vocabulary.extend(new.zip(self.size()..).map(|(piece, id)| (piece, id.into())));
        }
        let unchanged: HashMap<u64, u64> = (0..self.size() as u64).map(|id| (id, id)).collect();
        let mut added = self.rebuilt(&json, &unchanged)?;
        // The class of transformers for BERT goes by these settings, and not by `tokenizer.json`.
        let files = added.files.as_mut().filter(|_| spares_marks).map(Arc::make_mut);
        for (_, bytes) in files.into_iter().flat_map(|files| &mut files.0).filter(|(name, _)| name == CONFIG)
        {
            let mut config: Value = parsed(bytes)?;
            config["strip_accents"] = false.into();
            *bytes = format!("{config:#}\n").into_bytes();
        }
        Ok(added)
    }
}

/// Makes a normaliser that strips all marks keep them; says whether it was one.
fn spare_marks(normaliser: &mut Value) -> bool {
    match normaliser["type"].as_str() {
        Some("Sequence") => {
            let parts = normaliser["normalizers"].as_array_mut();
            parts.into_iter().flatten().fold(false, |spares, part| spare_marks(part) | spares)
        }
        // Left out, it goes by whether texts are brought to lower case.
        Some("BertNormalizer")
            if normaliser["strip_accents"].as_bool().or(normaliser["lowercase"].as_bool()) == Some(true) =>
        {
            normaliser["strip_accents"] = false.into();
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::TokenizerModel;
    use crate::tokenizer::encoding::tests::pieces_of;

    const ENGLISH: [&str; 3] = ["the cat sat on the mat", "the café is open", "the cat is in the garden"];
    const OTHERS: [&str; 6] = [
        "बिल्ली चटाई पर बैठी है cat",
        "बिल्ली बगीचे में है",
        "बिल्लियाँ बगीचे में हैं",
        "猫はガーデンにいます",
        "猫がマットの上にいます",
        "カフェが猫のガーデンにあります",
    ];

    /// A vocabulary of English in lower case, without marks.
    fn english() -> Tokenizer {
        let words =
            Tokenizer::train_words(["the cat sat on a mat the cafe is open in the garden"], 200).unwrap();
        let mut json = words.json().unwrap();
        json["normalizer"]["strip_accents"] = Value::Null;
        words.with_json(&json).unwrap()
    }

    #[test]
    fn known_texts_are_read_as_before_and_new_ones_with_their_vowels() {
        let before = english();
        let after = before.extend(OTHERS, ENGLISH, 100).unwrap();
        assert!(after.size() > before.size() && after.size() <= before.size() + 100);
        for text in [ENGLISH[0], ENGLISH[2]] {
            assert_eq!(before.encode(text).unwrap(), after.encode(text).unwrap(), "{text}");
        }
        // Marks on letters are read from now on.
        let read = pieces_of(&after, ENGLISH[1]);
        assert!(
            !read.contains(&"[UNK]".to_owned()) && read.iter().any(|piece| piece.contains('é')),
            "{read:?}"
        );
        for text in OTHERS {
            let pieces = pieces_of(&after, text);
            assert!(!pieces.contains(&"[UNK]".to_owned()), "{pieces:?}");
            assert!(pieces_of(&before, text).contains(&"[UNK]".to_owned()));
        }
        let read = pieces_of(&after, OTHERS[0]);
        assert!(read[1].starts_with("बिल्ल") && read[read.len() - 2] == "cat", "{read:?}");
        assert_ne!(pieces_of(&after, "ガーデン"), pieces_of(&after, "カーテン"));
        // A character that is always a word stands within none.
        assert!(after.id("猫").is_ok() && after.id("##猫").is_err() && after.id("##い").is_ok());
        let again = before.extend(OTHERS, ENGLISH, 100).unwrap();
        assert_eq!(after.to_json().unwrap(), again.to_json().unwrap());
    }

    #[test]
    fn transformers_goes_by_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        english().files(64).unwrap().write(folder.path()).unwrap();
        std::fs::write(folder.path().join("vocab.txt"), "[PAD]\n").unwrap();
        let added = Tokenizer::open(folder.path()).unwrap().extend(OTHERS, ENGLISH, 90).unwrap();
        let other = tempfile::tempdir().unwrap();
        added.files(64).unwrap().write(other.path()).unwrap();
        let config = std::fs::read_to_string(other.path().join(CONFIG)).unwrap();
        assert!(config.contains("BertTokenizer") && config.contains("\"strip_accents\": false"), "{config}");
        assert!(!config.contains("null"), "{config}");
        assert!(!other.path().join("vocab.txt").exists());
        let read = Tokenizer::open(other.path()).unwrap();
        assert_eq!(read.encode(OTHERS[1]).unwrap(), added.encode(OTHERS[1]).unwrap());
    }

    #[test]
    fn extensions_without_room_or_words_are_refused() {
        let error = english().extend(OTHERS, ENGLISH, 9).unwrap_err().to_string();
        assert!(error.contains("no room"), "{error}");
        let error = english().extend([ENGLISH[0]], ENGLISH[..1].iter().copied(), 90).unwrap_err().to_string();
        assert!(error.contains("no text"), "{error}");
        let unigram = Tokenizer::train(TokenizerModel::Unigram, OTHERS, 120).unwrap();
        let error = unigram.extend(OTHERS, ENGLISH, 90).unwrap_err().to_string();
        assert!(error.contains("of the kind Unigram"), "{error}");
    }
}
