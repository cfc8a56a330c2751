//! Loss terms: one method, one file, and one line in the list of [`Loss`]. A program adds its own by a second list.
//!
//! A term is declared in a recipe as a table of options, bound once to the outlines of student and teacher
//! ([`LossTerm::bind`]), and then computed batch by batch from their traces ([`Term::loss`]). Binding says which
//! taps and which projections the term needs, so that nothing is computed that no term asks for.
//!
//! ```
//! use alambic_losses::{Inputs, LossTerm, Representation, Targets};
//! use alambic_models::{Outline, Stream, TapSelection, Trace};
//! use alambic_settings::{Node, read};
//! use alambic_tensor::candle::{Device, Tensor};
//! use alambic_tensor::parameters::Weights;
//!
//! // Sentence encoders of width 2, of which a loss knows no more than their outlines.
//! let mut outline = Outline::default();
//! outline.streams.insert(String::new(), Stream { embedding: Some(2), ..Stream::new(1, 1, 2) });
//! // The options as a recipe has them.
//! let options: Representation = read(&Node::parse("options", "weight = 2.0")?)?;
//! let term = options.bind(&outline, Some(&outline))?;
//! assert_eq!(term.student_taps, ["embedding"]);
//!
//! let trace = |vector: [f32; 2]| -> Result<Trace, Box<dyn std::error::Error>> {
//!     let mut trace = Trace::new(TapSelection::All);
//!     trace.record("embedding", &Tensor::new(&[vector], &Device::Cpu)?);
//!     Ok(trace)
//! };
//! let (student, teacher) = (trace([1.0, 0.0])?, trace([0.0, 1.0])?);
//! let inputs = Inputs {
//!     student: &student,
//!     teacher: Some(&teacher),
//!     targets: &Targets::default(),
//!     projections: &Weights::new(),
//!     ranks: None,
//!     progress: 1.0,
//!     step: None,
//! };
//! assert!(term.loss(&inputs)?.to_scalar::<f32>()? > 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The example `training_loop` has a loss in a loop with two models.

mod affinity;
mod answers;
mod arithmetic;
mod attention;
mod attention_scores;
mod binary_cross_entropy;
mod caption_words;
mod codebook;
mod commitment;
mod comparison;
mod contrastive;
mod cosent;
mod cosine_similarity;
mod cross_attention;
mod cross_entropy;
mod cross_modal_contrast;
mod decoder_attention;
mod decoupled;
mod detection;
mod encoder_match;
mod energy;
mod error;
mod features;
mod hidden;
mod image_reconstruction;
mod image_text_contrast;
mod info_nce;
mod kernel_alignment;
mod label_prior;
mod layer_map;
mod layers;
mod list_cross_entropy;
mod list_kl;
mod lists;
mod logits;
mod loss;
mod margin_mse;
mod mask;
mod masked_words;
mod matching;
mod matryoshka;
mod multiple_negatives;
mod pairwise_logistic;
mod patient;
pub mod recorded;
mod region_attributes;
mod region_classes;
mod region_features;
mod region_objects;
mod region_regression;
mod regions;
mod relational;
mod relations;
mod representation;
mod schedule;
mod scored_pairs;
mod sequence;
mod similarity_preserving;
mod span_generation;
mod squared_error;
mod supervised_contrast;
mod targeted;
mod targeted_words;
mod term;
mod uniform_prior;
mod word_level;

pub use affinity::Affinity;
pub use answers::Answers;
pub use attention::Attention;
pub use attention_scores::{AttentionScores, HeadMatch, Padding};
pub use binary_cross_entropy::BinaryCrossEntropy;
pub use caption_words::CaptionWords;
pub use codebook::CodebookLoss;
pub use commitment::Commitment;
pub use comparison::Comparison;
pub use contrastive::{ContrastDirection, Contrastive};
pub use cosent::Cosent;
pub use cosine_similarity::CosineSimilarity;
pub use cross_attention::{CrossAttention, Part};
pub use cross_entropy::CrossEntropy;
pub use cross_modal_contrast::{CrossModalContrast, PositivesCounted};
pub use decoupled::Decoupled;
pub use detection::Detection;
pub use encoder_match::{EncoderMatch, Positions};
pub use energy::Energy;
pub use error::LossError;
pub use features::Features;
pub use hidden::{Counted, Embedding, Hidden, Projections};
pub use image_reconstruction::{Difference, ImageReconstruction};
pub use image_text_contrast::ImageTextContrast;
pub use info_nce::InfoNce;
pub use kernel_alignment::{KernelAlignment, kernel_alignment};
pub use label_prior::{ClassDistances, LabelNames, LabelPrior, NameVectors};
pub use layer_map::{LayerMap, Pattern};
pub use list_cross_entropy::ListCrossEntropy;
pub use list_kl::ListKl;
pub use lists::{BATCH_RELEVANCE, RELEVANCE, ScoreSource};
pub use logits::{Divergence, Logits, Reduction};
pub use loss::{Loss, LossKind, added_losses, loss_kind};
pub use margin_mse::{MarginMse, MarginPairs};
pub use mask::mask_names;
pub use masked_words::MaskedWords;
pub use matching::Matching;
pub use matryoshka::Matryoshka;
pub use multiple_negatives::MultipleNegatives;
pub use pairwise_logistic::{PairwiseLogistic, PairwiseTarget};
pub use patient::{Patient, PatientReduction, Scheme};
pub use region_attributes::RegionAttributes;
pub use region_classes::RegionClasses;
pub use region_features::RegionFeatures;
pub use region_objects::RegionObjects;
pub use region_regression::{RegionRegression, WidthReduction};
pub use regions::RegionsCounted;
pub use relational::{RelationalAngle, RelationalDistance};
pub use relations::{Related, Relations};
pub use representation::Representation;
pub use schedule::{Ramp, ScheduledValue, Temperature, Weight, progress};
pub use sequence::Sequence;
pub use similarity_preserving::SimilarityPreserving;
pub use span_generation::SpanGeneration;
pub use squared_error::SquaredError;
pub use supervised_contrast::{
    ContrastDivision, ContrastLevel, ContrastPositives, ContrastedRows, CountedRows, SupervisedContrast,
};
pub use targeted::{Confidence, Targeted, TargetedPart, VectorDistance};
pub use targeted_words::WordSelection;
pub use term::{
    AlignedWord, Compute, Inputs, LearntNumber, ListTargets, LossTerm, Projection, RegionTargets,
    SpanTargets, TargetKind, Targets, Term,
};
pub use uniform_prior::UniformPrior;
pub use word_level::WordLevel;
