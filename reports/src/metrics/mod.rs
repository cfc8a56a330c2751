//! Metrics over pairs of a prediction and its reference: one file each, one line each in [`METRICS`].
//!
//! Predictions are typed ([`Prediction`]), and each metric says which kinds it accepts, which tasks it suits, and of which it
//! is a default ([`suitable`], [`default_metrics`]).
//!
//! A metric gives each example a contribution, a few numbers; its value over any set of examples is a function of their
//! sums. A mean over words sums hits and ones, a ratio of totals sums errors and lengths, a correlation sums products and
//! squares, an F1 counts by class. Kept per example, contributions give the value of every slice, a bootstrap interval
//! ([`Scores::interval`]) and a paired comparison of two models ([`paired_difference`]).

mod accuracy;
mod agreement;
mod average_precision;
mod bleu;
mod bleu_4;
pub mod bootstrap;
mod by_class;
mod caption_objects;
mod caption_truth;
mod cer;
mod cer_total;
mod chrf;
mod chunk_f1;
mod cider_d;
mod colour_accuracy;
mod consistency;
mod correlation;
mod document_frequencies;
mod drawing;
mod exact_match;
mod f1;
mod image;
mod list;
mod matthews;
mod meteor;
mod metric;
mod mlqa;
mod pair_f1;
pub mod phonetic;
mod phonetic_accuracy;
mod phonetic_accuracy_shuffled;
mod prediction;
mod recall;
mod retrieval;
mod rouge_l;
mod scores;
mod span_f1;
mod squad;
mod squad_v1;
mod tag_scheme;
mod text_exact_match;
mod token_accuracy;
mod token_f1;
mod vqa_accuracy;
mod word_accuracy;
mod writing;
mod wrong_language;

pub use bleu::sentence_bleu;
pub use bootstrap::{BOOTSTRAP_SEED, PairedDifference, paired_difference};
pub use by_class::{ByClass, ClassCounts, Confusion};
pub use document_frequencies::DocumentFrequencies;
pub(crate) use list::MAJORITY;
pub use list::{
    METRICS, accuracy_and_majority, default_metrics, fidelity_metrics, find, is_reference, score_all,
    select_metrics, suitable, with_ceilings,
};
pub use metric::{Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, TaskDescription};
#[cfg(test)]
pub(crate) use prediction::examples;
pub use prediction::{
    Drawing, ImagePrediction, ObjectPrediction, ObjectsPrediction, Prediction, PredictionKind, SceneReference,
};
pub(crate) use scores::StoredScores;
pub use scores::{Scores, SliceValue};
pub use tag_scheme::TagScheme;
pub use writing::BleuTokenizer;
