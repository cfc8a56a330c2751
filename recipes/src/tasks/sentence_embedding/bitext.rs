//! Sentences and translations that are retrieved by one another.

use alambic_inference::EncoderPipeline;
use alambic_reports::metrics::Prediction;
use alambic_settings::IndexMap;
use alambic_tensor::candle::Tensor;
use indexmap::IndexSet;

use super::options::{Side, Sides};
use super::pairs::BitextPair;
use crate::error::RunError;
use crate::evaluation::embedding::normalized_embeddings;
use crate::evaluation::retrieval::{Relevance, rank};

/// The sentences and translations of one language, each once, which are retrieved by one another.
pub(super) struct LanguagePair<'c> {
    pub(super) language: &'c str,
    pub(super) sources: Vec<&'c str>,
    pub(super) targets: Vec<&'c str>,
    pub(super) relevance: Relevance,
}

/// Sentences and translations by language. Every text is a query: of each language first the sentences, and then the
/// translations.
pub(super) struct BitextSet<'c> {
    pub(super) languages: Vec<LanguagePair<'c>>,
    relevant: Vec<Prediction>,
}

impl<'c> BitextSet<'c> {
    /// Of pairs, by the language of their translations.
    pub(super) fn new(pairs: &[BitextPair<'c>]) -> Self {
        let mut by_language: IndexMap<&str, Vec<&BitextPair<'c>>> = IndexMap::new();
        for pair in pairs {
            by_language.entry(pair.language).or_default().push(pair);
        }
        let of_language = |(language, pairs): (&'c str, Vec<&BitextPair<'c>>)| {
            let (mut sources, mut targets): (IndexSet<&str>, IndexSet<&str>) = Default::default();
            let mut place = |pair: &&BitextPair<'c>| {
                (sources.insert_full(pair.source).0, targets.insert_full(pair.target).0)
            };
            let places: Vec<(usize, usize)> = pairs.iter().map(&mut place).collect();
            let relevance = Relevance::new(&places, (sources.len(), targets.len()));
            let (sources, targets) = (sources.into_iter().collect(), targets.into_iter().collect());
            LanguagePair { language, sources, targets, relevance }
        };
        let languages: Vec<LanguagePair<'c>> = by_language.into_iter().map(of_language).collect();
        let relevant = languages.iter().flat_map(|own| own.relevance.relevant().to_vec()).collect();
        Self { languages, relevant }
    }

    /// The relevant results of each query.
    pub(super) fn relevant(&self) -> &[Prediction] {
        &self.relevant
    }

    /// The direction of each query, `en to hi`, where sentences are in `source`.
    pub(super) fn directions(&self, source: &str) -> Vec<String> {
        let mut directions = Vec::with_capacity(self.relevant.len());
        for pair in &self.languages {
            let direction = |from: &str, to: &str| format!("{from} to {to}");
            directions.extend(std::iter::repeat_n(direction(source, pair.language), pair.relevance.left()));
            directions.extend(std::iter::repeat_n(direction(pair.language, source), pair.relevance.right()));
        }
        directions
    }

    /// The embeddings of the sentences of each language, or of their translations.
    fn embed(&self, pipeline: &EncoderPipeline, side: Side) -> Result<Vec<Tensor>, RunError> {
        let embed = |own: &LanguagePair<'_>| {
            let texts = match side {
                Side::Source => &own.sources,
                Side::Target => &own.targets,
            };
            normalized_embeddings(pipeline, texts)
        };
        self.languages.iter().map(embed).collect()
    }

    /// The results of each query by a model; the side that it does not read is embedded by the teacher.
    pub(super) fn rank_by(
        &self,
        pipeline: &EncoderPipeline,
        teacher: Option<&TeacherEmbeddings>,
    ) -> Result<Vec<Prediction>, RunError> {
        let embeddings = |side: Side| match teacher {
            Some(teacher) if teacher.side == side => Ok(teacher.embeddings.clone()),
            _ => self.embed(pipeline, side),
        };
        let mut all = Vec::with_capacity(self.relevant.len());
        for (sources, targets) in embeddings(Side::Source)?.iter().zip(&embeddings(Side::Target)?) {
            all.extend(rank(sources, targets)?);
        }
        Ok(all)
    }

    /// The language and the place in it of a query, and whether it is a sentence and not a translation.
    pub(super) fn query(&self, mut index: usize) -> Option<(&LanguagePair<'c>, usize, bool)> {
        for own in &self.languages {
            let (left, right) = (own.relevance.left(), own.relevance.right());
            if index < left {
                return Some((own, index, true));
            }
            if index < left + right {
                return Some((own, index - left, false));
            }
            index -= left + right;
        }
        None
    }
}

/// The teacher's embeddings of the side that a student does not read.
pub(super) struct TeacherEmbeddings {
    side: Side,
    embeddings: Vec<Tensor>,
}

impl TeacherEmbeddings {
    /// None where the student reads both sides, or there is no teacher.
    pub(super) fn new(
        texts: &BitextSet<'_>,
        student_side: Sides,
        teacher: Option<&EncoderPipeline>,
    ) -> Result<Option<Self>, RunError> {
        let (Some(side), Some(teacher)) = (student_side.other(), teacher) else { return Ok(None) };
        Ok(Some(Self { side, embeddings: texts.embed(teacher, side)? }))
    }
}
