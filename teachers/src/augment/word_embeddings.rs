//! Nearest neighbours of words by the input embeddings of a model.

use std::collections::HashMap;

use alambic_models::Tokenizer;
use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::{self, Activation};
use rayon::prelude::*;

use super::candidates::{best, candidate_words};
use crate::TeacherError;
use crate::encoder::EncoderTeacher;
use crate::teacher::Teacher;

/// Words whose cosines with the whole vocabulary are computed at once.
const ROWS: usize = 512;

/// The whole words of a vocabulary with their directions.
#[derive(Debug)]
pub(super) struct WordEmbeddings {
    teacher: EncoderTeacher,
    /// `[vocabulary, width]`
    embeddings: Tensor,
    words: Vec<String>,
    /// `[words, width]`, each row of length 1.
    directions: Tensor,
}

/// The nearest words of some words, by their spelling, the nearest first.
#[derive(Debug, Default)]
pub(super) struct Neighbours(HashMap<String, Vec<String>>);

impl WordEmbeddings {
    pub(super) fn new(teacher: EncoderTeacher) -> Result<Self, TeacherError> {
        let tokenizer = teacher.model().tokenizer();
        let (ids, words): (Vec<u32>, Vec<String>) = candidate_words(tokenizer).into_iter().unzip();
        if words.is_empty() {
            return Err(TeacherError::NoWholeWords("the model whose input embeddings are compared"));
        }
        let embeddings = teacher.model().word_embeddings().cloned();
        let embeddings = embeddings.ok_or(TeacherError::Unsupported("has no input embeddings of words"))?;
        let rows = embeddings.index_select(&Tensor::new(ids, device::current())?, 0)?;
        Ok(Self { directions: unit(&rows)?, words, embeddings, teacher })
    }

    pub(super) fn teacher(&self) -> &dyn Teacher {
        &self.teacher
    }

    fn tokenizer(&self) -> &Tokenizer {
        self.teacher.model().tokenizer()
    }

    /// Spelling of a word in the vocabulary.
    pub(super) fn spelling(&self, word: &str) -> Result<String, TeacherError> {
        Ok(self.tokenizer().normalise(word)?)
    }

    /// The nearest words of each spelling, but never the word itself; none where a part of it is not in the vocabulary.
    pub(super) fn neighbours(&self, spellings: &[String], count: usize) -> Result<Neighbours, TeacherError> {
        let mut neighbours = HashMap::new();
        let mut known = Vec::new();
        for spelling in spellings {
            if let Some(embedding) = self.embedding(spelling)? {
                known.push((spelling, embedding));
            }
        }
        for chunk in known.chunks(ROWS) {
            let embeddings: Vec<&Tensor> = chunk.iter().map(|(_, embedding)| embedding).collect();
            let queries = unit(&Tensor::stack(&embeddings, 0)?)?;
            let cosines = ops::linear(&queries, &self.directions, None, Activation::Identity)?;
            let cosines = cosines.to_vec2::<f32>()?;
            let nearest = |((spelling, _), cosines): (&(&String, Tensor), &Vec<f32>)| {
                let places = best(cosines, count, |place| self.words[place] != **spelling);
                let words = places.into_iter().map(|place| self.words[place].clone()).collect();
                ((*spelling).clone(), words)
            };
            neighbours.par_extend(chunk.par_iter().zip(&cosines).map(nearest));
        }
        Ok(Neighbours(neighbours))
    }

    /// The mean embedding of a word's pieces, `[width]`; none where one of them is not known.
    fn embedding(&self, spelling: &str) -> Result<Option<Tensor>, TeacherError> {
        let vocabulary = self.tokenizer();
        let pieces: Vec<u32> = vocabulary.token_spans(spelling)?.into_iter().map(|piece| piece.id).collect();
        let unknown = vocabulary.unknown();
        if pieces.is_empty() || pieces.iter().any(|&piece| Some(piece) == unknown) {
            return Ok(None);
        }
        Ok(Some(self.embeddings.index_select(&Tensor::new(pieces, device::current())?, 0)?.mean(0)?))
    }
}

impl Neighbours {
    /// The nearest words of a word.
    pub(super) fn of(&self, spelling: &str) -> Vec<String> {
        self.0.get(spelling).cloned().unwrap_or_default()
    }
}

/// Rows brought to length 1.
fn unit(rows: &Tensor) -> Result<Tensor, TeacherError> {
    let lengths = rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.clamp(1e-12, f64::INFINITY)?;
    Ok(rows.broadcast_div(&lengths)?)
}
