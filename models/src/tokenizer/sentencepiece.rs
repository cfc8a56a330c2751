//! SentencePiece models (Kudo and Richardson, 2018), `sentencepiece_model.proto`, as far as tokenizers are made of them.

use std::collections::HashSet;

use prost::Message;

/// Type of a model that chooses pieces by their probability, and of one that merges pairs of pieces.
const UNIGRAM: i32 = 1;
const BPE: i32 = 2;

/// Types of pieces that no text is cut into: control tokens, and such as their users defined.
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

/// A model, the parts of its file that are needed.
#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    trainer: Option<Trainer>,
    #[prost(message, optional, tag = "3")]
    normalizer: Option<Normalizer>,
}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Trainer {
    #[prost(int32, optional, tag = "3")]
    model_type: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Normalizer {
    #[prost(bytes = "vec", optional, tag = "2")]
    charsmap: Option<Vec<u8>>,
}

/// Vocabulary of a model and its rules of normalization.
#[derive(Debug)]
pub(super) struct SentencePiece {
    /// Whether it merges pairs of pieces, and does not choose pieces by their probability.
    pub(super) is_bpe: bool,
    /// Each piece with the logarithm of its probability, or its rank among merges, in the order of their numbers.
    pub(super) pieces: Vec<(String, f64)>,
    /// Control tokens, and those that users defined, each with whether it is a control token.
    pub(super) added: Vec<(String, bool)>,
    /// Rules of normalization in the library's own form; none where texts are taken as they are.
    pub(super) charsmap: Option<Vec<u8>>,
}

impl SentencePiece {
    /// The unigram model of a file.
    ///
    /// # Errors
    /// Faults of a file that is none, or of a model of another type.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let read = Self::read_any(bytes)?;
        if read.is_bpe { Err(unknown_type(BPE)) } else { Ok(read) }
    }

    /// The unigram or BPE model of a file.
    ///
    /// # Errors
    /// Faults of a file that is none, or of a model of another type.
    pub(super) fn read_any(bytes: &[u8]) -> Result<Self, String> {
        let file = File::decode(bytes).map_err(|error| format!("this is no SentencePiece model: {error}"))?;
        if file.pieces.is_empty() {
            return Err("this is no SentencePiece model: it has no pieces".into());
        }
        let model_type = file.trainer.and_then(|trainer| trainer.model_type).unwrap_or(UNIGRAM);
        if ![UNIGRAM, BPE].contains(&model_type) {
            return Err(unknown_type(model_type));
        }
        let mut read = Self {
            is_bpe: model_type == BPE,
            pieces: Vec::with_capacity(file.pieces.len()),
            added: Vec::new(),
            charsmap: file.normalizer.and_then(|own| own.charsmap).filter(|map| !map.is_empty()),
        };
        for Piece { text, score, kind } in file.pieces {
            let piece = text.unwrap_or_default();
            if matches!(kind, Some(CONTROL | USER_DEFINED)) {
                read.added.push((piece.clone(), kind == Some(CONTROL)));
            }
            let score = f64::from(score.unwrap_or_default());
            if !score.is_finite() {
                return Err("the score of a piece is infinite or NaN".into());
            }
            read.pieces.push((piece, score));
        }
        Ok(read)
    }

    /// Pairs of pieces that are merged, the first ones first, as far as all three pieces are among those that are `known`.
    pub(super) fn merges(&self, is_known: impl Fn(&str) -> bool) -> Vec<[String; 2]> {
        let known: HashSet<&str> =
            self.pieces.iter().map(|(piece, _)| piece.as_str()).filter(|piece| is_known(piece)).collect();
        let mut merges: Vec<(f64, usize, usize, &str, &str)> = Vec::new();
        for (index, (piece, score)) in self.pieces.iter().enumerate() {
            if !known.contains(piece.as_str()) {
                continue;
            }
            for (place, _) in piece.char_indices().skip(1) {
                let (left, right) = piece.split_at(place);
                if known.contains(left) && known.contains(right) {
                    merges.push((*score, index, place, left, right));
                }
            }
        }
        // The better piece first; of the same one, the shorter left part, as transformers has it.
        merges.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        merges.into_iter().map(|(.., left, right)| [left.to_owned(), right.to_owned()]).collect()
    }
}

/// Fault of a model of a type that is not read.
fn unknown_type(model_type: i32) -> String {
    format!(
        "this is a SentencePiece model of type {model_type}, which is not read here for tokenizers of this class: let transformers make \
         `tokenizer.json` with `AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)`"
    )
}
