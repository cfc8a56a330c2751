//! Models that score passages for queries: bi-encoders, cross-encoders, and teachers that are asked.

use alambic_inference::{EncoderPipeline, TextPair, nearest_neighbours};
use alambic_models::text_encoder::{Head, TextInput};
use alambic_models::{EncodedText, ModelError};
use alambic_reports::metrics::Prediction;
use alambic_teachers::cache::EncodedTexts;
use alambic_teachers::{AnsweringTeacher, AskedText, Asking, MissingAnswers, Teacher, TeacherError};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use indexmap::IndexSet;

use super::collection::{Asked, Collection, RESULTS, ranked};
use super::options::{SearchOptions, Similarity};
use crate::error::RunError;
use crate::observer::Observer;
use crate::training::job::Job;
use crate::training::taps::Taps;
use crate::training::teacher_outputs::{Request, TeacherOutputs, open};

/// The tap of vectors of texts.
const EMBEDDING: &str = "embedding";

/// Queries that are searched for together, whose similarities to all passages are held at once.
const QUERIES: usize = 256;

/// A query with passages that are to be scored.
pub(super) struct List<'t> {
    pub(super) query: &'t str,
    pub(super) passages: Vec<&'t str>,
}

/// What scores passages for queries.
pub(super) enum Scorer<'a> {
    /// By the similarity of vectors.
    BiEncoder(EncoderPipeline, Similarity),
    /// By one logit of query and passage.
    CrossEncoder(EncoderPipeline),
    /// By its answers about queries and passages as they are written.
    Answers(&'a dyn AnsweringTeacher, Asking<'a>, Similarity),
}

impl Scorer<'_> {
    /// A finished model, or one in training, of which `what` says which one it is.
    ///
    /// # Errors
    /// When it scores no passages.
    pub(super) fn of_model(
        pipeline: EncoderPipeline,
        options: &SearchOptions,
        what: &str,
    ) -> Result<Self, RunError> {
        let pipeline = pipeline.with_max_length(options.max_length)?;
        let head = pipeline.head();
        match head.head {
            Head::Sequence if head.labels.len() == 1 => Ok(Self::CrossEncoder(pipeline)),
            Head::None if pipeline.embedding_width().is_some() => {
                Ok(Self::BiEncoder(pipeline, options.similarity))
            }
            _ => Err(RunError::Recipe(format!(
                "{what} scores no passages: it has neither one logit for a pair of texts nor a pooling"
            ))),
        }
    }

    /// The scores of the passages of each list; NaN of those for which there is no answer and that may be left out. `progress` gets the
    /// number of lists done.
    ///
    /// # Errors
    /// When a model fails or gives a number that is not finite, or an answer is missing.
    pub(super) fn score(
        &self,
        lists: &[List<'_>],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<f32>>, RunError> {
        let mut scores = Vec::with_capacity(lists.len());
        // Some at a time, so that what is read stays small and its progress shows.
        for part in lists.chunks(QUERIES) {
            scores.extend(match self {
                Self::CrossEncoder(pipeline) => {
                    let rows = pipeline.text_rows(&pairs(part), "logits")?;
                    in_lists(part, rows.into_iter().map(|row| row.first().copied().unwrap_or(f32::NAN)))
                }
                Self::BiEncoder(pipeline, similarity) => {
                    let texts: IndexSet<&str> = texts(part).collect();
                    let read: Vec<TextPair<'_>> = texts.iter().map(|text| (*text, None)).collect();
                    let rows = pipeline.text_rows(&read, EMBEDDING)?;
                    similarities(part, &texts, &rows, *similarity)
                }
                Self::Answers(teacher, asking, similarity) => {
                    let scores = answered(*teacher, asking, part, *similarity)?;
                    progress(part.len());
                    scores.into_iter().map(Ok).collect::<Result<Vec<_>, RunError>>()?
                }
            });
            if !matches!(self, Self::Answers(..)) {
                check_finite(&scores[scores.len() - part.len()..])?;
                progress(part.len());
            }
        }
        Ok(scores)
    }

    /// The results of queries: a bi-encoder searches all passages of a collection, and whatever else reranks what BM25 finds first.
    ///
    /// # Errors
    /// As for [`Self::score`].
    pub(super) fn search(
        &self,
        asked: &[Asked<'_>],
        collections: &[Collection<'_>],
        options: &SearchOptions,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        match self {
            Self::BiEncoder(pipeline, similarity) => {
                let mut results = vec![Prediction::Nothing; asked.len()];
                for (number, collection) in collections.iter().enumerate() {
                    let own: Vec<usize> =
                        (0..asked.len()).filter(|&place| asked[place].collection == number).collect();
                    if own.is_empty() {
                        continue;
                    }
                    let passages =
                        vectors(pipeline, collection.texts.iter().map(AsRef::as_ref), *similarity)?;
                    for part in own.chunks(QUERIES) {
                        let texts = part.iter().map(|&place| asked[place].query.text.as_str());
                        let queries = vectors(pipeline, texts, *similarity)?;
                        let found = nearest_neighbours(&queries, &passages, RESULTS)?;
                        for (&place, found) in part.iter().zip(found) {
                            results[place] = Prediction::Ranking(found);
                        }
                        progress(part.len());
                    }
                }
                Ok(results)
            }
            Self::CrossEncoder(_) | Self::Answers(..) => {
                let found = |asked: &Asked<'_>| asked.found(collections, options.rerank);
                self.rerank(asked, collections, &found, progress)
            }
        }
    }

    /// Orders candidates of each query anew.
    ///
    /// # Errors
    /// As for [`Self::score`].
    pub(super) fn rerank(
        &self,
        asked: &[Asked<'_>],
        collections: &[Collection<'_>],
        candidates: &dyn Fn(&Asked<'_>) -> Vec<usize>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let candidates: Vec<Vec<usize>> = asked.iter().map(candidates).collect();
        let list = |(asked, places): (&Asked<'_>, &Vec<usize>)| {
            let texts = &collections[asked.collection].texts;
            places.iter().map(|&place| texts[place].as_ref()).collect::<Vec<&str>>()
        };
        let lists: Vec<List<'_>> = asked
            .iter()
            .zip(&candidates)
            .map(|(asked, places)| List { query: &asked.query.text, passages: list((asked, places)) })
            .collect();
        let scores = self.score(&lists, progress)?;
        Ok(candidates.iter().zip(&scores).map(|(places, scores)| ranked(places, scores)).collect())
    }
}

/// Each query with each of its passages.
fn pairs<'t>(lists: &[List<'t>]) -> Vec<TextPair<'t>> {
    let pair = |list: &List<'t>| {
        let query = list.query;
        list.passages.clone().into_iter().map(move |passage| (query, Some(passage)))
    };
    lists.iter().flat_map(pair).collect()
}

/// Queries and passages.
fn texts<'t>(lists: &[List<'t>]) -> impl Iterator<Item = &'t str> {
    lists.iter().flat_map(|list| std::iter::once(list.query).chain(list.passages.iter().copied()))
}

/// Scores one after another, list by list.
fn in_lists(lists: &[List<'_>], mut scores: impl Iterator<Item = f32>) -> Vec<Vec<f32>> {
    lists.iter().map(|list| scores.by_ref().take(list.passages.len()).collect()).collect()
}

/// The similarity of each query to its passages, by the vectors of all texts.
fn similarities(
    lists: &[List<'_>],
    texts: &IndexSet<&str>,
    rows: &[Vec<f32>],
    similarity: Similarity,
) -> Vec<Vec<f32>> {
    let row = |text: &str| texts.get_index_of(text).map_or(&[][..], |place| rows[place].as_slice());
    let of_list = |list: &List<'_>| {
        let query = row(list.query);
        list.passages.iter().map(|passage| product(query, row(passage), similarity)).collect()
    };
    lists.iter().map(of_list).collect()
}

/// The similarity of two vectors; NaN where one is missing.
fn product(one: &[f32], other: &[f32], similarity: Similarity) -> f32 {
    if one.is_empty() || one.len() != other.len() {
        return f32::NAN;
    }
    let dot = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f32>();
    match similarity {
        Similarity::Dot => dot(one, other),
        Similarity::Cosine => {
            dot(one, other) / (dot(one, one) * dot(other, other)).sqrt().max(f32::MIN_POSITIVE)
        }
    }
}

/// Vectors of texts, for cosines each of length one.
fn vectors<'t>(
    pipeline: &EncoderPipeline,
    texts: impl Iterator<Item = &'t str>,
    similarity: Similarity,
) -> Result<Tensor, RunError> {
    let read: Vec<TextPair<'_>> = texts.map(|text| (text, None)).collect();
    let mut rows = pipeline.text_rows(&read, EMBEDDING)?;
    check_finite(&rows)?;
    if similarity == Similarity::Cosine {
        for row in &mut rows {
            let length = row.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            for number in row {
                *number /= length;
            }
        }
    }
    Ok(Tensor::new(rows, device::current()).map_err(ModelError::from)?)
}

fn check_finite(rows: &[Vec<f32>]) -> Result<(), RunError> {
    if rows.iter().flatten().all(|number| number.is_finite()) {
        return Ok(());
    }
    Err(RunError::Recipe(
        "a model gives scores or vectors that hold infinity or NaN, by which nothing can be ranked".into(),
    ))
}

/// The scores of a teacher that is asked: numbers for pairs, or the similarity of the vectors of texts.
fn answered(
    teacher: &dyn AnsweringTeacher,
    asking: &Asking<'_>,
    lists: &[List<'_>],
    similarity: Similarity,
) -> Result<Vec<Vec<f32>>, RunError> {
    let missing = |text: TextPair<'_>| {
        let (first, second) = text;
        let shown = |text: &str| alambic_files::text::elided(&alambic_files::text::quoted(text));
        let second =
            second.map_or_else(String::new, |second| format!(" with the passage `{}`", shown(second)));
        RunError::Recipe(format!(
            "{} holds no answer for `{}`{second}; add it, or leave such passages out with `missing = \"leave-out\"`",
            teacher.source(),
            shown(first)
        ))
    };
    let ask = |texts: &[TextPair<'_>]| -> Result<Vec<Vec<f32>>, RunError> {
        let asked: Vec<AskedText<'_>> =
            texts.iter().map(|texts| AskedText { texts: *texts, id: None }).collect();
        let answers = teacher.answers(&asked, asking, &mut |_| {})?;
        let numbers = |(answer, text): (Option<alambic_teachers::Answer>, &TextPair<'_>)| match answer {
            Some(answer) if !answer.logits.is_empty() => Ok(answer.logits),
            Some(answer) => Ok(answer.vector),
            None if teacher.missing() == MissingAnswers::LeaveOut => Ok(Vec::new()),
            None => Err(missing(*text)),
        };
        answers.into_iter().zip(texts).map(numbers).collect()
    };
    if teacher.form().is_number {
        let rows = ask(&pairs(lists))?;
        return Ok(in_lists(lists, rows.into_iter().map(|row| row.first().copied().unwrap_or(f32::NAN))));
    }
    let texts: IndexSet<&str> = texts(lists).collect();
    let rows = ask(&texts.iter().map(|text| (*text, None)).collect::<Vec<_>>())?;
    Ok(similarities(lists, &texts, &rows, similarity))
}

/// The scores of a teacher that is a model, out of the cache of its outputs, which seeds and resumed runs share; none where they are
/// not to be cached.
///
/// # Errors
/// When the model fails, its outputs cannot be cached though they have to be, or the run is to stop.
pub(super) fn cached_scores(
    teacher: &dyn Teacher,
    lists: &[List<'_>],
    (job, options, reads): (&Job<'_>, &SearchOptions, f64),
    observer: &mut dyn Observer,
) -> Result<Option<Vec<Vec<f32>>>, RunError> {
    let (Some(outline), Some(tokenizer)) = (teacher.outline(), teacher.tokenizer()) else { return Ok(None) };
    let reads_pairs = outline.classes == 1 && !outline.classes_of_tokens;
    let texts: IndexSet<&str> = if reads_pairs { IndexSet::new() } else { texts(lists).collect() };
    let read: Vec<TextPair<'_>> =
        if reads_pairs { pairs(lists) } else { texts.iter().map(|text| (*text, None)).collect() };
    let room = teacher.max_length().unwrap_or(usize::MAX);
    let tokenizer = tokenizer.with_max_length(options.max_length.min(room))?;
    let encoded: Vec<EncodedText> = read
        .into_iter()
        .map(|(first, second)| tokenizer.encode_text(first, second))
        .collect::<Result<_, ModelError>>()?;
    let tap = if reads_pairs { "logits" } else { EMBEDDING };
    let taps = Taps::of_teacher_alone(tap);
    let padding = tokenizer.padding()?;
    let request = Request {
        stage: job.stage,
        taps: &taps.teacher,
        texts: EncodedTexts { texts: encoded.iter().collect(), padding },
    };
    let (outputs @ TeacherOutputs::Cached(_), _) = open(job.cache, teacher, &request, reads, observer)?
    else {
        return Ok(None);
    };
    let mut rows: Vec<Vec<f32>> = Vec::with_capacity(encoded.len());
    let places: Vec<usize> = (0..encoded.len()).collect();
    for part in places.chunks(QUERIES) {
        let input = TextInput::pad(&part.iter().map(|&place| &encoded[place]).collect::<Vec<_>>(), padding);
        let trace = outputs.trace(part, &input, &taps)?;
        let tensor = trace.get(tap).ok_or_else(|| TeacherError::MissingTap(tap.to_owned()))?;
        rows.extend(tensor.to_vec2::<f32>().map_err(ModelError::from)?);
    }
    check_finite(&rows)?;
    Ok(Some(if reads_pairs {
        in_lists(lists, rows.into_iter().map(|row| row.first().copied().unwrap_or(f32::NAN)))
    } else {
        similarities(lists, &texts, &rows, options.similarity)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_is_the_cosine_or_the_product() {
        let (one, other) = ([3.0, 4.0], [0.0, 2.0]);
        assert_eq!(product(&one, &other, Similarity::Dot), 8.0);
        assert!((product(&one, &other, Similarity::Cosine) - 0.8).abs() < 1e-6);
        assert!(product(&one, &[], Similarity::Dot).is_nan());
    }

    #[test]
    fn pairs_are_those_of_each_list_and_scores_go_back_to_them() {
        let lists = [List { query: "a", passages: vec!["x", "y"] }, List { query: "b", passages: vec!["x"] }];
        assert_eq!(pairs(&lists), [("a", Some("x")), ("a", Some("y")), ("b", Some("x"))]);
        assert_eq!(in_lists(&lists, [1.0, 2.0, 3.0].into_iter()), [vec![1.0, 2.0], vec![3.0]]);
        assert_eq!(texts(&lists).collect::<Vec<_>>(), ["a", "x", "y", "b", "x"]);
    }
}
