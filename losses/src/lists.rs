//! Scores of the passages of each query's list, which the terms of search compare.

use alambic_models::Outline;
use alambic_settings::choices;
use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::device;

use crate::arithmetic::weighted_mean;
use crate::{Inputs, LossError, TargetKind};

/// The tap of a model's scores of the passages of each query's list: `[queries, passages]`, with zeros behind shorter lists.
pub const RELEVANCE: &str = "relevance";
/// The tap of a bi-encoder's scores of all passages of a batch for each of its queries: `[queries, passages]`.
pub const BATCH_RELEVANCE: &str = "relevance.batch";

choices! {
    /// Where the scores come from that a student learns.
    pub enum ScoreSource {
        /// The stage's teacher.
        Teacher = "teacher",
        /// The scores that the corpus holds. Passages without one are left out.
        Data = "data",
    }
}

/// Fails unless a model scores passages: by one logit of a pair, or by embeddings, also of texts and images.
pub(crate) fn check_scores(term: &'static str, side: &str, outline: &Outline) -> Result<(), LossError> {
    let is_cross_encoder = outline.classes == 1 && !outline.classes_of_tokens;
    if is_cross_encoder || embeds(outline) || outline.pairs {
        return Ok(());
    }
    Err(LossError::Incompatible {
        term,
        reason: format!(
            "the {side} scores no passages: it needs one logit for a pair of texts, as a cross-encoder has, or a pooling, as a \
             bi-encoder has"
        ),
    })
}

/// Whether a model has an embedding of a whole text.
pub(crate) fn embeds(outline: &Outline) -> bool {
    outline.streams.get("").is_some_and(|stream| stream.embedding.is_some())
}

/// The taps that a term reads of the source of scores, which is a teacher or the data.
pub(crate) fn teacher_taps(
    term: &'static str,
    source: ScoreSource,
    teacher: Option<&Outline>,
) -> Result<Vec<String>, LossError> {
    match source {
        ScoreSource::Data => Ok(Vec::new()),
        ScoreSource::Teacher => {
            check_scores(term, "teacher", teacher.ok_or(LossError::NoTeacher(term))?)?;
            Ok(vec![RELEVANCE.to_owned()])
        }
    }
}

/// The targets of a term over lists whose scores come from a source.
pub(crate) fn list_targets(source: ScoreSource) -> &'static [TargetKind] {
    match source {
        ScoreSource::Teacher => &[TargetKind::PassageLists],
        ScoreSource::Data => &[TargetKind::PassageScores],
    }
}

/// Lists of a batch: a score of the student for each passage, and in rows of the same shape what is known of it.
pub(crate) struct ScoredLists {
    /// `[queries, passages]`, with its graph.
    pub(crate) student: Tensor,
    pub(crate) queries: usize,
    pub(crate) passages: usize,
    /// Whether a passage stands there and has all that is asked for, row by row.
    pub(crate) is_listed: Vec<bool>,
    /// Scores to learn, row by row; empty where none are asked for.
    pub(crate) scores: Vec<f32>,
    /// Grades of relevance, row by row; empty where the data have none.
    pub(crate) relevance: Vec<f32>,
}

impl ScoredLists {
    /// The lists of a batch with the scores of a source, if one is named.
    pub(crate) fn new(
        term: &'static str,
        inputs: &Inputs<'_>,
        source: Option<ScoreSource>,
    ) -> Result<Self, LossError> {
        let lists = &inputs.targets.lists;
        Self::of(term, inputs.student(RELEVANCE)?, (&lists.listed, &lists.relevance))?
            .with_scores(term, inputs, source)
    }

    /// All passages of a batch as one list of each query.
    pub(crate) fn of_batch(term: &'static str, inputs: &Inputs<'_>) -> Result<Self, LossError> {
        let lists = &inputs.targets.lists;
        Self::of(term, inputs.student(BATCH_RELEVANCE)?, (&lists.batch_listed, &lists.batch_relevance))
    }

    fn of(
        term: &'static str,
        student: &Tensor,
        (listed, relevance): (&[f32], &[f32]),
    ) -> Result<Self, LossError> {
        let (queries, passages) = student.dims2()?;
        let cells = queries * passages;
        check_count(term, "a mask", listed.len(), cells)?;
        if !relevance.is_empty() {
            check_count(term, "grades of relevance", relevance.len(), cells)?;
        }
        Ok(Self {
            student: student.clone(),
            queries,
            passages,
            is_listed: listed.iter().map(|weight| *weight > 0.0).collect(),
            scores: Vec::new(),
            relevance: relevance.to_vec(),
        })
    }

    fn with_scores(
        mut self,
        term: &'static str,
        inputs: &Inputs<'_>,
        source: Option<ScoreSource>,
    ) -> Result<Self, LossError> {
        self.scores = match source {
            None => return Ok(self),
            Some(ScoreSource::Teacher) => inputs.teacher(RELEVANCE)?.detach().flatten_all()?.to_vec1()?,
            Some(ScoreSource::Data) => inputs.targets.lists.scores.to_vec(),
        };
        check_count(term, "scores", self.scores.len(), self.queries * self.passages)?;
        for (is_listed, score) in self.is_listed.iter_mut().zip(&self.scores) {
            *is_listed &= score.is_finite();
        }
        Ok(self)
    }

    /// Whether a passage is relevant to its query.
    pub(crate) fn is_relevant(&self, cell: usize) -> bool {
        self.relevance.get(cell).is_some_and(|grade| *grade > 0.0)
    }

    /// A row by row list of numbers as `[queries, passages]`.
    pub(crate) fn tensor(&self, numbers: Vec<f32>) -> Result<Tensor, LossError> {
        Ok(Tensor::from_vec(numbers, (self.queries, self.passages), device::current())?)
    }

    /// The logarithms of the student's softmax over each list, of the scores divided by a temperature.
    pub(crate) fn log_softmax(&self, temperature: f64) -> Result<Tensor, LossError> {
        // In log space, so that no infinity is multiplied by zero.
        let listed = self.is_listed.iter().map(|is_listed| f32::from(u8::from(*is_listed)));
        let mask = self.tensor(listed.collect())?;
        let scores = ((&self.student / temperature)? * &mask)?;
        crate::arithmetic::log_softmax(&(scores + mask.affine(FAR, -FAR)?)?)
    }

    /// The mean of `value` of the differences of the student's scores, over the pairs of passages of each list for which
    /// `weight` gives a number above 0; 0 without any. `value` and `weight` get `[queries, passages, passages]`: the score of the
    /// first passage minus that of the second, and the cells of both.
    pub(crate) fn mean_over_pairs(
        &self,
        weight: impl Fn(usize, usize) -> f32,
        value: impl FnOnce(&Tensor) -> Result<Tensor, LossError>,
    ) -> Result<Tensor, LossError> {
        let count = self.passages;
        let cells = |query: usize| query * count..(query + 1) * count;
        let mut weights = Vec::with_capacity(self.queries * count * count);
        for (one, other) in (0..self.queries)
            .flat_map(|query| cells(query).flat_map(move |one| cells(query).map(move |other| (one, other))))
        {
            let is_pair = one != other && self.is_listed[one] && self.is_listed[other];
            weights.push(if is_pair { weight(one, other) } else { 0.0 });
        }
        let weights = Tensor::from_vec(weights, (self.queries, count, count), device::current())?;
        let first = self.student.unsqueeze(D::Minus1)?;
        let differences = first.broadcast_sub(&self.student.unsqueeze(1)?)?;
        weighted_mean(&value(&differences)?, &weights)
    }

    /// The difference of the scores to learn between any two passages of a list: `[queries, passages, passages]`.
    pub(crate) fn score_differences(&self) -> Result<Tensor, LossError> {
        // What is left out has no weight, and its score must not be NaN.
        let finite = self.scores.iter().map(|score| if score.is_finite() { *score } else { 0.0 });
        let scores = self.tensor(finite.collect())?;
        Ok(scores.unsqueeze(D::Minus1)?.broadcast_sub(&scores.unsqueeze(1)?)?)
    }
}

/// What is taken from a score that stands in no list: its exponential is negligible.
const FAR: f64 = 1e4;

fn check_count(term: &'static str, what: &str, found: usize, expected: usize) -> Result<(), LossError> {
    if found == expected {
        return Ok(());
    }
    Err(LossError::Incompatible {
        term,
        reason: format!("the lists have room for {expected} passages, and there are {what} for {found}"),
    })
}
