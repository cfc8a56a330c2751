//! Words of texts that are compared: which are chosen, and their vectors.

use alambic_settings::choices;
use alambic_tensor::candle::Tensor;

use crate::term::AlignedWord;
use crate::{LossError, targeted};

choices! {
    /// Which words of a text are chosen.
    pub enum WordSelection {
        /// Those whose teacher's vectors are nearest to that of the image.
        Relevance = "relevance",
        /// Those that say most of their text: tf·idf.
        Keywords = "keywords",
        /// Those of the best mean rank by both.
        Both = "both",
        /// Some by lot.
        Random = "random",
        /// All.
        All = "all",
    }
}

impl WordSelection {
    /// Whether it depends on the image.
    pub(crate) fn reads_relevance(self) -> bool {
        matches!(self, Self::Relevance | Self::Both)
    }

    /// The places of the chosen ones of a text's words, in the order of the text, at least one if there are any.
    fn choose(self, fraction: f64, words: &[AlignedWord], relevance: &[f64]) -> Vec<usize> {
        if self == Self::All {
            return (0..words.len()).collect();
        }
        let keywords: Vec<f64> = words.iter().map(|word| f64::from(word.keyword_score)).collect();
        let scores: Vec<f64> = match self {
            Self::Relevance => relevance.to_vec(),
            Self::Random => words.iter().map(|word| f64::from(word.lot)).collect(),
            Self::Both => {
                let ranks = ranks(relevance).into_iter().zip(ranks(&keywords));
                ranks.map(|(one, other)| -((one + other) as f64)).collect()
            }
            Self::Keywords | Self::All => keywords,
        };
        // What is whole but for the rounding of the product is whole.
        let count = ((fraction * words.len() as f64 - 1e-9).ceil() as usize).max(1);
        let mut chosen = order(&scores);
        chosen.truncate(count);
        chosen.sort_unstable();
        chosen
    }
}

/// Places from the highest score to the lowest, ties by place.
fn order(scores: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]));
    places
}

/// The rank of each place, 0 for the highest score.
fn ranks(scores: &[f64]) -> Vec<usize> {
    let mut ranks = vec![0; scores.len()];
    for (rank, place) in order(scores).into_iter().enumerate() {
        ranks[place] = rank;
    }
    ranks
}

/// The chosen words of a batch.
pub(crate) struct ChosenWords {
    /// The teacher's vectors, `[words, width]`.
    pub(crate) teacher: Tensor,
    /// The text of each word by its row, and the word's share in it.
    pub(crate) rows: Vec<(usize, f64)>,
    /// The student's pieces of each word.
    pieces: Vec<Vec<u32>>,
}

impl ChosenWords {
    /// Chooses among the words of each text by `(selection, fraction)`. `tokens` are the teacher's, `[batch, length, width]`, and `image` are its embeddings of the
    /// images, `[batch, width]`, where the choice depends on them.
    pub(crate) fn new(
        words: &[Vec<AlignedWord>],
        (selection, fraction): (WordSelection, f64),
        tokens: &Tensor,
        image: Option<&Tensor>,
    ) -> Result<Self, LossError> {
        let (batch, length, width) = tokens.dims3()?;
        if words.len() != batch {
            return Err(incompatible(format!(
                "words of {} texts are known, and there are {batch}",
                words.len()
            )));
        }
        let tokens: Vec<f32> = tokens.flatten_all()?.to_vec1()?;
        let images: Option<Vec<Vec<f32>>> = image.map(Tensor::to_vec2).transpose()?;
        let (mut teacher, mut rows, mut pieces) = (Vec::new(), Vec::new(), Vec::new());
        for (row, words) in words.iter().enumerate() {
            let vectors = words
                .iter()
                .map(|word| mean(&tokens[row * length * width..][..length * width], &word.teacher, width))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| incompatible("a word has no pieces among the teacher's tokens".into()))?;
            let relevance: Vec<f64> = match &images {
                Some(images) => vectors.iter().map(|vector| cosine(vector, &images[row])).collect(),
                None => vec![0.0; words.len()],
            };
            let chosen = selection.choose(fraction, words, &relevance);
            let share = 1.0 / chosen.len().max(1) as f64;
            for place in chosen {
                teacher.extend_from_slice(&vectors[place]);
                rows.push((row, share));
                pieces.push(words[place].student.clone());
            }
        }
        let teacher = Tensor::from_vec(teacher, (rows.len(), width), alambic_tensor::device::current())?;
        Ok(Self { teacher, rows, pieces })
    }

    /// The student's vectors, the means of the states `[batch, length, width]` of its pieces, `[words, width]`; none without words.
    pub(crate) fn student_vectors(&self, states: &Tensor) -> Result<Option<Tensor>, LossError> {
        let length = states.dim(1)?;
        let (mut places, mut owners) = (Vec::new(), Vec::new());
        for (word, (pieces, (row, _))) in self.pieces.iter().zip(&self.rows).enumerate() {
            if pieces.is_empty() || pieces.iter().any(|&piece| piece as usize >= length) {
                return Err(incompatible("a word has no pieces among the student's tokens".into()));
            }
            places.extend(pieces.iter().map(|piece| (row * length) as u32 + piece));
            owners.extend(pieces.iter().map(|_| (word, 1.0 / pieces.len() as f32)));
        }
        if places.is_empty() {
            return Ok(None);
        }
        let device = states.device();
        let found = states.contiguous()?.flatten_to(1)?.index_select(&Tensor::new(places, device)?, 0)?;
        if owners.len() == self.pieces.len() {
            return Ok(Some(found));
        }
        let mut shares = vec![0.0f32; self.pieces.len() * owners.len()];
        for (piece, (word, share)) in owners.iter().enumerate() {
            shares[word * owners.len() + piece] = *share;
        }
        let shares = Tensor::from_vec(shares, (self.pieces.len(), owners.len()), device)?;
        Ok(Some(shares.matmul(&found)?))
    }
}

/// The mean of some rows of a matrix; none without rows, or of what is not there.
fn mean(matrix: &[f32], rows: &[u32], width: usize) -> Option<Vec<f32>> {
    let mut sum = vec![0.0; width];
    for &row in rows {
        let row = matrix.get(row as usize * width..)?.get(..width)?;
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value / rows.len() as f32);
    }
    (!rows.is_empty()).then_some(sum)
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let product = |left: &[f32], right: &[f32]| -> f64 {
        left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum()
    };
    product(one, other) / (product(one, one) * product(other, other)).sqrt().max(f64::MIN_POSITIVE)
}

fn incompatible(reason: String) -> LossError {
    LossError::Incompatible { term: targeted::NAME, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(scores: &[(f32, f32)]) -> Vec<AlignedWord> {
        let word =
            |&(keyword_score, lot): &(f32, f32)| AlignedWord { keyword_score, lot, ..AlignedWord::default() };
        scores.iter().map(word).collect()
    }

    #[test]
    fn best_words_are_chosen_ties_by_place() {
        let words = words(&[(0.1, 0.5), (0.4, 0.9), (0.4, 0.1), (0.2, 0.8), (0.0, 0.2)]);
        let relevance = [0.9, 0.1, 0.3, 0.8, 0.2];
        let chosen = |selection: WordSelection, fraction| selection.choose(fraction, &words, &relevance);
        assert_eq!(chosen(WordSelection::Relevance, 0.4), [0, 3]);
        assert_eq!(chosen(WordSelection::Keywords, 0.2), [1]);
        assert_eq!(chosen(WordSelection::Keywords, 0.4), [1, 2]);
        assert_eq!(chosen(WordSelection::Random, 0.4), [1, 3]);
        // Ranks by relevance 0 4 2 1 3, by keywords 3 0 1 2 4: sums 3 4 3 3 7.
        assert_eq!(chosen(WordSelection::Both, 0.3), [0, 2]);
        assert_eq!(chosen(WordSelection::Both, 0.6), [0, 2, 3]);
        assert_eq!(chosen(WordSelection::All, 0.0), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn at_least_one_word_is_chosen_and_a_share_is_rounded_up() {
        let count = |words: usize, fraction| {
            let words = vec![AlignedWord::default(); words];
            WordSelection::Keywords.choose(fraction, &words, &vec![0.0; words.len()]).len()
        };
        assert_eq!([count(3, 0.0), count(3, 0.3), count(3, 0.34), count(3, 1.0)], [1, 1, 2, 3]);
        assert_eq!([count(100, 0.07), count(10, 0.3), count(0, 0.3)], [7, 3, 0]);
    }

    #[test]
    fn vectors_of_words_are_means_of_their_pieces() {
        use alambic_tensor::candle::Device;
        let states = |from: f32| {
            let numbers: Vec<f32> = (0..12).map(|number| number as f32 + from).collect();
            Tensor::from_vec(numbers, (2, 3, 2), &Device::Cpu).unwrap()
        };
        let word = |student: &[u32], teacher: &[u32]| AlignedWord {
            student: student.to_vec(),
            teacher: teacher.to_vec(),
            ..AlignedWord::default()
        };
        let words = vec![vec![word(&[0, 1], &[2]), word(&[2], &[0, 1])], vec![word(&[1], &[1])]];
        let chosen = ChosenWords::new(&words, (WordSelection::All, 1.0), &states(100.0), None).unwrap();
        assert_eq!(chosen.rows, [(0, 0.5), (0, 0.5), (1, 1.0)]);
        let teacher: Vec<Vec<f32>> = chosen.teacher.to_vec2().unwrap();
        assert_eq!(teacher, [[104.0, 105.0], [101.0, 102.0], [108.0, 109.0]]);
        let student: Vec<Vec<f32>> =
            chosen.student_vectors(&states(0.0)).unwrap().unwrap().to_vec2().unwrap();
        assert_eq!(student, [[1.0, 2.0], [4.0, 5.0], [8.0, 9.0]]);
        for broken in [word(&[3], &[0]), word(&[0], &[3]), word(&[], &[0]), word(&[0], &[])] {
            let words = vec![vec![broken], Vec::new()];
            let chosen = ChosenWords::new(&words, (WordSelection::All, 1.0), &states(0.0), None);
            let refused = chosen.and_then(|chosen| chosen.student_vectors(&states(0.0)).map(drop));
            assert!(refused.unwrap_err().to_string().contains("no pieces"));
        }
        assert!(ChosenWords::new(&words[..1], (WordSelection::All, 1.0), &states(0.0), None).is_err());
        let none = vec![Vec::new(), Vec::new()];
        let chosen = ChosenWords::new(&none, (WordSelection::All, 1.0), &states(0.0), None).unwrap();
        assert!(chosen.student_vectors(&states(0.0)).unwrap().is_none());
    }
}
