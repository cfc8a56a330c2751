//! Pairs of texts that people have compared, and the cosines of their embeddings.

use alambic_data::{Label, Split, Text};
use alambic_inference::EncoderPipeline;
use alambic_reports::metrics::Prediction;
use alambic_settings::At;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use indexmap::IndexSet;

use super::embedding::truncated_embeddings;
use crate::corpora::Corpora;
use crate::error::RunError;

/// Two texts that people have compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScoredPair {
    /// The name of the corpus.
    pub(crate) corpus: String,
    pub(crate) texts: (String, String),
    pub(crate) score: f32,
    /// Code of its language, where it is known.
    pub(crate) language: Option<String>,
}

/// Pairs of texts that people have compared.
#[derive(Debug, Default)]
pub(crate) struct ScoredPairs(pub(crate) Vec<ScoredPair>);

impl ScoredPairs {
    /// The pairs with scores in the test splits of corpora.
    pub(crate) fn in_tests(corpora: &Corpora, names: &[At<String>]) -> Result<Self, RunError> {
        let mut pairs = Vec::new();
        for name in names {
            let texts = corpora.texts_of_any_labels(std::slice::from_ref(name), Split::Test)?;
            let scored = |text: &Text| match (&text.second, &text.label) {
                (Some(second), Label::Number(score)) => Some(ScoredPair {
                    corpus: name.value.clone(),
                    texts: (text.first.clone(), second.clone()),
                    score: *score,
                    language: text.language.clone(),
                }),
                _ => None,
            };
            pairs.extend(texts.into_iter().filter_map(scored));
        }
        Ok(Self(pairs))
    }

    /// The score of each pair.
    pub(crate) fn references(&self) -> Vec<Prediction> {
        self.0.iter().map(|pair| Prediction::number(pair.score)).collect()
    }

    /// The corpus of each pair.
    pub(crate) fn slices(&self) -> Vec<String> {
        self.0.iter().map(|pair| pair.corpus.clone()).collect()
    }

    /// The texts of each pair.
    pub(crate) fn texts(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|pair| (pair.texts.0.as_str(), pair.texts.1.as_str())).collect()
    }

    /// Both texts of a pair, as a reader is shown them.
    pub(crate) fn shown(&self, index: usize) -> String {
        self.0.get(index).map_or_else(String::new, |pair| format!("{} / {}", pair.texts.0, pair.texts.1))
    }
}

/// The cosine of the embeddings of each two texts by a model, over the first `width` numbers of them if a width is given.
pub(crate) fn cosines(
    pipeline: &EncoderPipeline,
    pairs: &[(&str, &str)],
    width: Option<usize>,
) -> Result<Vec<Prediction>, RunError> {
    cosines_by(pairs, |texts| truncated_embeddings(pipeline, texts, width))
}

/// The same by embeddings of length one of whatever origin, which are asked for once for each text.
pub(crate) fn cosines_by(
    pairs: &[(&str, &str)],
    embed: impl Fn(&[&str]) -> Result<Tensor, RunError>,
) -> Result<Vec<Prediction>, RunError> {
    let texts: IndexSet<&str> = pairs.iter().flat_map(|(first, second)| [*first, *second]).collect();
    let embeddings = embed(&texts.iter().copied().collect::<Vec<_>>())?;
    let rows = |place: &dyn Fn(&(&str, &str)) -> Option<usize>| {
        let places: Vec<u32> = pairs.iter().filter_map(place).map(|place| place as u32).collect();
        let places = Tensor::new(places, device::current())?;
        embeddings.index_select(&places, 0)
    };
    let first = rows(&|(first, _)| texts.get_index_of(first))?;
    let second = rows(&|(_, second)| texts.get_index_of(second))?;
    let cosines = first.mul(&second)?.sum(1)?.to_vec1::<f32>()?;
    Ok(cosines.into_iter().map(Prediction::number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_those_of_the_texts_of_each_pair() {
        let vector = |text: &&str| match *text {
            "east" => [1.0_f32, 0.0],
            "north" => [0.0, 1.0],
            _ => [0.6, 0.8],
        };
        let embed = |texts: &[&str]| {
            assert_eq!(texts, ["east", "between", "north"]);
            let rows: Vec<Vec<f32>> = texts.iter().map(|text| vector(text).to_vec()).collect();
            Ok(Tensor::new(rows, device::current())?)
        };
        let pairs = [("east", "between"), ("north", "east"), ("between", "north")];
        let found = cosines_by(&pairs, embed).unwrap();
        assert_eq!(found, [0.6, 0.0, 0.8].map(Prediction::number));
    }
}
