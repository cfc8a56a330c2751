//! Interface of the loss terms.

use std::sync::Arc;

use alambic_models::{Outline, Trace};
use alambic_ranks::Ranks;
use alambic_settings::At;
use alambic_tensor::candle::{self, Tensor};
use alambic_tensor::ops::{self, Activation, GatheredRows};
use alambic_tensor::parameters::Weights;

use crate::LossError;
use crate::label_prior::ClassDistances;
use crate::mask::{mask_names, mask_tensor};
use crate::schedule::ScheduledValue;

/// What the student is to say for each row of its logits: for each token that it is to write, or for each text or
/// token that it is to classify.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// The class of each row: the token after each decoder input, or the label.
    pub classes: Arc<Vec<u32>>,
    /// 1 where the class is a label of the data, else 0.
    pub labelled: Arc<Vec<f32>>,
    /// 1 where the teacher's distribution counts, else 0: at tokens that it wrote, or at every text or token that it
    /// classifies.
    pub teacher_mask: Arc<Vec<f32>>,
    /// 1 where the class is a token of a text that the teacher wrote, else 0.
    pub teacher_written: Arc<Vec<f32>>,
    /// The number of each row, where numbers are to be predicted and not classes; four of each cell, where boxes are; one of each two
    /// rows, where pairs of texts have scores.
    pub numbers: Arc<Vec<f32>>,
    /// `[rows, classes]`: the score of each class, where several may be right.
    pub scores: Arc<Vec<f32>>,
    /// `[rows, attributes]`: the share of each attribute of an object; 0 in rows without an object, or of one without attributes.
    pub attributes: Arc<Vec<f32>>,
    /// 1 in rows whose scores are those of the data, else 0; empty where all are.
    pub scored: Arc<Vec<f32>>,
    /// `[images, channels, height, width]`: the colours of images that are made again, from -1 to 1.
    pub pixels: Arc<Vec<f32>>,
    /// Identity of the text of each row: rows of the same text have the same number.
    pub texts: Arc<Vec<u32>>,
    /// Texts of an example, of which each has a row: all first ones, then all second ones, and so on. 0 stands for pairs.
    pub texts_per_example: usize,
    /// How each text and image belong together, as a class of the tap `relation`.
    pub relations: Arc<Vec<u32>>,
    /// 1 where that counts, else 0; empty where it counts everywhere.
    pub related: Arc<Vec<f32>>,
    /// The answer of each text and image, as a class of the tap `logits` that stands beside the classes of words.
    pub answers: Arc<Vec<u32>>,
    /// 1 where the answer is known, else 0.
    pub answered: Arc<Vec<f32>>,
    /// What is known of the regions of each image.
    pub regions: RegionTargets,
    /// What is written of texts that spans are left out of.
    pub spans: SpanTargets,
    /// What is known of the passages of each query's list.
    pub lists: ListTargets,
    /// The words of each text of which student and teacher have the same characters, in the order of the text.
    pub words: Arc<Vec<Vec<AlignedWord>>>,
}

/// A word that two tokenizers both cut out of a text, each in pieces of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlignedWord {
    /// Places of its pieces among the student's tokens.
    pub student: Vec<u32>,
    /// Places of its pieces among the teacher's tokens.
    pub teacher: Vec<u32>,
    /// How much it says of its text: tf·idf.
    pub keyword_score: f32,
    /// A number by lot, for words that are chosen so.
    pub lot: f32,
}

/// What is known of the regions of images: `[batch, regions]` row by row, with padding behind the regions of images that have fewer.
#[derive(Debug, Clone, Default)]
pub struct RegionTargets {
    /// The class of the object in each region.
    pub objects: Arc<Vec<u32>>,
    /// How sure that is, from 0 to 1; 0 where it is not known.
    pub object_confidence: Arc<Vec<f32>>,
    /// `[batch, regions, classes]`: how likely each class is that of the object in a region, zeros where nothing is known of it; empty
    /// where it is not asked for.
    pub object_probabilities: Arc<Vec<f32>>,
    /// The attribute of the object in each region.
    pub attributes: Arc<Vec<u32>>,
    /// How sure that is, from 0 to 1; 0 where it is not known.
    pub attribute_confidence: Arc<Vec<f32>>,
    /// `[batch, regions, width]`: the features as they are, masked ones too.
    pub features: Arc<Vec<f32>>,
    /// 1 where the features that are read are masked, else 0.
    pub masked: Arc<Vec<f32>>,
    /// 1 where there is a region, and 0 for padding.
    pub real: Arc<Vec<f32>>,
}

/// Spans that are left out of texts: `[batch, length]` row by row, those of a text behind one another, with its end and padding behind.
#[derive(Debug, Clone, Default)]
pub struct SpanTargets {
    /// The tokens.
    pub tokens: Arc<Vec<u32>>,
    /// 1 where a token counts, and 0 for padding.
    pub counted: Arc<Vec<f32>>,
}

/// What is known of the passages of lists: row by row, a list for each query, with padding behind shorter ones.
#[derive(Debug, Clone, Default)]
pub struct ListTargets {
    /// `[queries, passages]`: 1 where a passage stands, else 0.
    pub listed: Arc<Vec<f32>>,
    /// `[queries, passages]`: grades of relevance, above 0 where a passage is relevant; empty where there are none.
    pub relevance: Arc<Vec<f32>>,
    /// `[queries, passages]`: scores of the data, NaN where a passage has none; empty where there are none.
    pub scores: Arc<Vec<f32>>,
    /// `[queries, all passages of the batch]`: 1 where a passage may count for a query, else 0.
    pub batch_listed: Arc<Vec<f32>>,
    /// `[queries, all passages of the batch]`: grades of the passages of the query's own list, else 0.
    pub batch_relevance: Arc<Vec<f32>>,
}

/// Targets over which a term counts: the field of [`Targets`] that it reads. The teacher's outputs are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// Classes of the data: of texts, of tokens, or of the cells of an image, or the tokens of labelled pairs.
    Classes,
    /// Scores of several answers.
    Scores,
    /// Numbers of the data.
    Numbers,
    /// Boxes around objects.
    Boxes,
    /// Images, which are made again.
    Images,
    /// Texts that a teacher generated, token by token.
    TeacherText,
    /// Two texts of one meaning, of which the student reads both.
    TextPairs,
    /// Scores of how alike two texts are, of which the student reads each by itself.
    Similarities,
    /// How each text and image belong together.
    Relations,
    /// Queries with lists of passages, some of which are relevant.
    PassageLists,
    /// Scores of the passages of queries' lists.
    PassageScores,
    /// Images with texts of them, or texts with their translations, of which the student reads each by itself.
    ContrastPairs,
    /// Words that the tokenizers of student and teacher both cut out of a text.
    Words,
    /// Words that are masked, of texts about images.
    MaskedWords,
    /// Objects, attributes and features of regions, some of which are masked.
    Regions,
    /// How likely each class is that of the object in regions, some of which are masked.
    RegionClasses,
    /// Spans that are left out of texts, beside other targets.
    LeftOutSpans,
    /// Answers to questions about images, beside other targets.
    Answers,
}

impl TargetKind {
    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Classes => "classes",
            Self::Scores => "scores of answers",
            Self::Numbers => "numbers",
            Self::Boxes => "boxes around objects",
            Self::Images => "images to be made again",
            Self::TeacherText => "texts that a teacher generated",
            Self::TextPairs => "pairs of texts of one meaning",
            Self::Similarities => "scores of pairs of texts",
            Self::Relations => "relations between text and image",
            Self::PassageLists => "queries with passages",
            Self::PassageScores => "scores of queries' passages",
            Self::ContrastPairs => "pairs of images and texts, or of texts and translations",
            Self::Words => "words of student and teacher",
            Self::MaskedWords => "masked words",
            Self::Regions => "regions of images",
            Self::RegionClasses => "probabilities of classes of regions",
            Self::LeftOutSpans => "spans that are left out of texts",
            Self::Answers => "answers",
        }
    }

    /// The loss that is usual for such targets, as a recipe names it.
    #[must_use]
    pub fn usual_loss(self) -> &'static str {
        match self {
            Self::Classes => "cross-entropy",
            Self::Scores => "binary-cross-entropy",
            Self::Numbers => "squared-error",
            Self::Boxes => "detection",
            Self::Images => "image-reconstruction",
            Self::TeacherText => "sequence",
            Self::TextPairs => "multiple-negatives",
            Self::Similarities => "cosine-similarity",
            Self::Relations => "matching",
            Self::PassageLists => "list-cross-entropy",
            Self::PassageScores => "margin-mse",
            Self::ContrastPairs => "info-nce",
            Self::Words => "targeted",
            Self::MaskedWords => "masked-words",
            Self::Regions => "region-features",
            Self::RegionClasses => "region-classes",
            Self::LeftOutSpans => "span-generation",
            Self::Answers => "answers",
        }
    }
}

/// What a term is computed from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The student's taps.
    pub student: &'a Trace,
    /// The teacher's taps, if there is one.
    pub teacher: Option<&'a Trace>,
    /// The targets of the batch.
    pub targets: &'a Targets,
    /// Projections and learnt numbers by name, with their gradients; in training the student's weights, too.
    pub projections: &'a Weights,
    /// The processes whose batches are one to terms that gather them; none where each computes for itself, as in validation.
    pub ranks: Option<&'a Ranks>,
    /// How far the stage is, for options that change over its steps ([`progress`](crate::progress)): 1 where no step is taken, as
    /// in validations.
    pub progress: f64,
    /// The step of the stage that is taken, counted from 1; none where none is taken.
    pub step: Option<usize>,
}

impl<'a> Inputs<'a> {
    /// A tap of the student.
    ///
    /// # Errors
    /// When the trace does not hold it.
    pub fn student(&self, tap: &str) -> Result<&'a Tensor, LossError> {
        self.student.get(tap).ok_or_else(|| LossError::MissingTap { side: "student", tap: tap.to_owned() })
    }

    /// A tap of the teacher.
    ///
    /// # Errors
    /// When there is no teacher or its trace does not hold it.
    pub fn teacher(&self, tap: &str) -> Result<&'a Tensor, LossError> {
        self.teacher
            .and_then(|trace| trace.get(tap))
            .ok_or_else(|| LossError::MissingTap { side: "teacher", tap: tap.to_owned() })
    }

    /// The masks of a stream, student's and teacher's.
    ///
    /// # Errors
    /// When a trace does not hold it.
    pub fn masks(&self, stream: &str) -> Result<(&'a [u8], &'a [u8]), LossError> {
        self.both(stream, |trace| trace.mask(stream))
    }

    /// The masks of a stream's hidden states, student's and teacher's.
    ///
    /// # Errors
    /// When a trace does not hold it.
    pub fn hidden_masks(&self, stream: &str) -> Result<(&'a [u8], &'a [u8]), LossError> {
        self.both(stream, |trace| trace.hidden_mask(stream))
    }

    fn both(
        &self,
        stream: &str,
        mask: impl Fn(&'a Trace) -> Option<&'a Arc<Vec<u8>>>,
    ) -> Result<(&'a [u8], &'a [u8]), LossError> {
        let missing = |side| LossError::MissingMask { side, names: mask_names(stream) };
        let student = mask(self.student).ok_or_else(|| missing("student"))?;
        let teacher = self.teacher.and_then(mask).ok_or_else(|| missing("teacher"))?;
        Ok((student.as_slice(), teacher.as_slice()))
    }

    /// The mask of a stream that student and teacher share, `[batch, length]` with ones and zeros, row by row.
    ///
    /// # Errors
    /// When a trace does not hold it, or the two differ: they would have read different tokens.
    pub fn shared(&self, term: &'static str, stream: &str) -> Result<&'a [u8], LossError> {
        alike(term, self.masks(stream)?)
    }

    /// The same of a stream's hidden states.
    ///
    /// # Errors
    /// As for [`Self::shared`].
    pub fn shared_hidden(&self, term: &'static str, stream: &str) -> Result<&'a [u8], LossError> {
        alike(term, self.hidden_masks(stream)?)
    }

    /// The same as a tensor `[batch, length]`.
    ///
    /// # Errors
    /// As for [`Self::shared`].
    pub fn shared_mask(&self, term: &'static str, stream: &str, batch: usize) -> Result<Tensor, LossError> {
        let mask = self.shared(term, stream)?;
        mask_tensor(mask, (batch, mask.len() / batch.max(1)))
    }

    /// Rows `[batch, width]` of all ranks where a term gathers them, else of this one alone.
    ///
    /// # Errors
    /// When a rank cannot be reached.
    pub fn gathered(&self, rows: &Tensor, gathers: bool) -> Result<GatheredRows, LossError> {
        Ok(match self.ranks.filter(|ranks| gathers && !ranks.is_alone()) {
            Some(ranks) => ops::gather_rows(rows, ranks)?,
            None => GatheredRows { rows: rows.clone(), first: 0 },
        })
    }

    /// Numbers of all ranks where a term gathers them, else of this one alone.
    ///
    /// # Errors
    /// When a rank cannot be reached.
    pub fn gathered_numbers(&self, numbers: &[u32], gathers: bool) -> Result<Vec<u32>, LossError> {
        match self.ranks.filter(|_| gathers) {
            Some(ranks) => Ok(ranks.gather(numbers).map_err(candle::Error::wrap)?.concat()),
            None => Ok(numbers.to_vec()),
        }
    }

    /// A number that a term trains along.
    ///
    /// # Errors
    /// When it is missing.
    pub fn learnt(&self, name: &str) -> Result<&'a Tensor, LossError> {
        let missing = || LossError::MissingTap { side: "student", tap: name.to_owned() };
        self.projections.get(name).ok_or_else(missing)
    }

    /// A tensor after a projection, or itself without one.
    ///
    /// # Errors
    /// When the projection's tensors are missing or do not fit.
    pub fn project(&self, tensor: &Tensor, projection: Option<&str>) -> Result<Tensor, LossError> {
        let Some(name) = projection else { return Ok(tensor.clone()) };
        let part = |part: &str| {
            let tap = format!("{name}.{part}");
            self.projections.get(&tap).ok_or(LossError::MissingTap { side: "student", tap })
        };
        Ok(ops::linear(tensor, part("weight")?, Some(part("bias")?), Activation::Identity)?)
    }
}

/// The mask that both have.
fn alike<'a>(term: &'static str, (student, teacher): (&'a [u8], &'a [u8])) -> Result<&'a [u8], LossError> {
    if student != teacher {
        return Err(LossError::Incompatible {
            term,
            reason: "student and teacher read different tokens; layers can be compared token by token only under one tokenizer".into(),
        });
    }
    Ok(student)
}

/// A trained linear map from the student's width to the teacher's, `[outputs, inputs]` and bias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// Name of its tensors: `NAME.weight` and `NAME.bias`.
    pub name: String,
    /// The student's width.
    pub inputs: usize,
    /// The teacher's width.
    pub outputs: usize,
}

/// A number that a term trains along, `[]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearntNumber {
    /// Its name.
    pub name: &'static str,
    /// Its value before the first training.
    pub initial: f32,
    /// Its largest value; it is clamped after each step.
    pub max: f64,
}

/// How a term is computed.
pub type Compute = Box<dyn Fn(&Inputs<'_>) -> Result<Tensor, LossError> + Send + Sync>;

/// A loss term bound to a student and a teacher.
pub struct Term {
    /// The method, as `alambic list losses` prints it.
    pub name: &'static str,
    /// Factor in the sum of terms.
    pub weight: ScheduledValue,
    /// What else changes over the steps of a stage, by the key of the option.
    pub scheduled: Vec<(&'static str, ScheduledValue)>,
    /// Taps of the student that it reads.
    pub student_taps: Vec<String>,
    /// Taps of the teacher that it reads.
    pub teacher_taps: Vec<String>,
    /// The projections that it trains.
    pub projections: Vec<Projection>,
    /// The numbers that it trains.
    pub learnt: Vec<LearntNumber>,
    /// Sources of student and teacher must be padded to one length.
    pub equal_lengths: bool,
    /// What student and teacher compute at padding counts.
    pub reads_padding: bool,
    /// Streams whose tokens are compared one by one, so that student and teacher must have read the same.
    pub token_by_token: Vec<String>,
    /// Whether it compares the examples of a batch with those of all ranks.
    pub gathers: bool,
    /// The fewest examples over which it is defined: 2 for terms that compare the examples of a batch with each other.
    pub min_examples: usize,
    /// The targets over which it counts; none of a term that only compares student and teacher.
    pub targets: &'static [TargetKind],
    /// Distances between classes that have to be given to it before it is computed.
    pub class_distances: Option<ClassDistances>,
    /// How its value is computed from the traces of a batch, before the weight.
    pub compute: Compute,
}

impl std::fmt::Debug for Term {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Term")
            .field("name", &self.name)
            .field("weight", &self.weight)
            .field("student_taps", &self.student_taps)
            .field("teacher_taps", &self.teacher_taps)
            .finish_non_exhaustive()
    }
}

impl Term {
    /// A term that reads these taps of student and teacher and trains nothing of its own.
    #[must_use]
    pub fn new(
        name: &'static str,
        weight: impl Into<ScheduledValue>,
        student_taps: Vec<String>,
        teacher_taps: Vec<String>,
        compute: Compute,
    ) -> Self {
        Self {
            name,
            weight: weight.into(),
            scheduled: Vec::new(),
            student_taps,
            teacher_taps,
            projections: Vec::new(),
            learnt: Vec::new(),
            equal_lengths: false,
            reads_padding: false,
            token_by_token: Vec::new(),
            gathers: false,
            min_examples: 1,
            targets: &[],
            class_distances: None,
            compute,
        }
    }

    /// The same term with an option of this key that it reads at the progress of the stage; a constant is no schedule.
    #[must_use]
    pub fn scheduling(mut self, key: &'static str, value: impl Into<ScheduledValue>) -> Self {
        self.scheduled.extend([(key, value.into())].into_iter().filter(|(_, value)| !value.is_constant()));
        self
    }

    /// Everything that changes over the steps of a stage, the weight first, by the key of the option.
    pub fn schedules(&self) -> impl Iterator<Item = (&'static str, ScheduledValue)> {
        let weight = Some(("weight", self.weight)).filter(|(_, weight)| !weight.is_constant());
        weight.into_iter().chain(self.scheduled.iter().copied())
    }

    /// The same term, which compares the examples of a batch with each other.
    #[must_use]
    pub fn comparing_examples(self) -> Self {
        Self { min_examples: 2, ..self }
    }

    /// The same term, in which what is computed at padding counts.
    #[must_use]
    pub fn reading_padding(self, reads_padding: bool) -> Self {
        Self { reads_padding, ..self }
    }

    /// The same term, which compares them with those of all ranks, if it is to.
    #[must_use]
    pub fn gathering(self, gathers: bool) -> Self {
        Self { gathers, ..self }
    }

    /// The same term, which compares the tokens of these streams one by one.
    #[must_use]
    pub fn token_by_token<'s>(self, streams: impl IntoIterator<Item = &'s str>) -> Self {
        Self { token_by_token: streams.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// The same term, which counts over these targets.
    #[must_use]
    pub fn with_targets(self, targets: &'static [TargetKind]) -> Self {
        Self { targets, ..self }
    }

    /// The value of the term, a scalar with its graph, before its weight.
    ///
    /// # Errors
    /// When a trace lacks a tap, or shapes do not fit.
    pub fn loss(&self, inputs: &Inputs<'_>) -> Result<Tensor, LossError> {
        (self.compute)(inputs)
    }
}

/// A loss term as a recipe declares it.
pub trait LossTerm: std::fmt::Debug + Send + Sync {
    /// Binds the term to the outlines of student and teacher.
    ///
    /// # Errors
    /// When a teacher is missing, or shapes do not fit.
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError>;

    /// The widths to which the student's embedding is to stay of use when it is truncated.
    fn matryoshka(&self) -> &[usize] {
        &[]
    }

    /// Teachers that it names besides that of its stage.
    fn teachers(&self) -> Vec<&At<String>> {
        Vec::new()
    }

    /// Whether its terms read nothing of a teacher but its logits, whatever the models are.
    fn reads_only_logits(&self) -> bool {
        false
    }
}
