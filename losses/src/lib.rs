//! Loss terms: one method, one file, and one line in [`Loss`].
//!
//! A term is declared in a recipe as a table of options, bound once to the outlines of student and teacher
//! ([`LossTerm::bind`]), and then computed batch by batch from their traces ([`Term::loss`]). Binding says which
//! taps and which projections the term needs, so that nothing is computed that no term asks for.

mod affinity;
mod arithmetic;
mod attention;
mod attention_scores;
mod binary_cross_entropy;
mod comparison;
mod contrastive;
mod cross_attention;
mod cross_entropy;
mod decoupled;
mod detection;
mod encoder_match;
mod energy;
mod error;
mod features;
mod hidden;
mod image_text_contrast;
mod kernel_alignment;
mod layer_map;
mod layers;
mod logits;
mod mask;
mod matching;
mod multiple_negatives;
mod patient;
pub mod recorded;
mod relational;
mod relations;
mod representation;
mod sequence;
mod similarity_preserving;
mod squared_error;
mod term;
mod word_level;

use alambic_settings::kinds;

pub use affinity::Affinity;
pub use attention::Attention;
pub use attention_scores::{AttentionScores, HeadMatch, Padding};
pub use binary_cross_entropy::BinaryCrossEntropy;
pub use comparison::Comparison;
pub use contrastive::Contrastive;
pub use cross_attention::{CrossAttention, Part};
pub use cross_entropy::CrossEntropy;
pub use decoupled::Decoupled;
pub use detection::Detection;
pub use encoder_match::{EncoderMatch, Positions};
pub use energy::Energy;
pub use error::LossError;
pub use features::Features;
pub use hidden::{Counted, Embedding, Hidden, Projections};
pub use image_text_contrast::ImageTextContrast;
pub use kernel_alignment::{KernelAlignment, kernel_alignment};
pub use layer_map::{LayerMap, Pattern};
pub use logits::{Divergence, Logits, Reduction};
pub use mask::mask_names;
pub use matching::Matching;
pub use multiple_negatives::MultipleNegatives;
pub use patient::{Patient, PatientReduction, Scheme};
pub use relational::{RelationalAngle, RelationalDistance};
pub use relations::{Related, Relations};
pub use representation::Representation;
pub use sequence::Sequence;
pub use similarity_preserving::SimilarityPreserving;
pub use squared_error::SquaredError;
pub use term::{Inputs, LossTerm, Projection, TargetKind, Targets, Term};
pub use word_level::WordLevel;

kinds! {
    /// A loss term, by its method.
    pub enum Loss: dyn LossTerm {
        /// Cross-entropy on the labels of the data.
        CrossEntropy(CrossEntropy) = "cross-entropy",
        /// Binary cross-entropy on the scores of the answers in the data.
        BinaryCrossEntropy(BinaryCrossEntropy) = "binary-cross-entropy",
        /// Whether text and image belong together.
        Matching(Matching) = "matching",
        /// Which text of the batch belongs to an image, and which image to a text.
        ImageTextContrast(ImageTextContrast) = "image-text-contrast",
        /// Objects in an image, what they are and where.
        Detection(Detection) = "detection",
        /// Squared error on the numbers of the data.
        SquaredError(SquaredError) = "squared-error",
        /// The teacher's logits.
        Logits(Logits) = "logits",
        /// The teacher's logits, the target class apart from the others.
        Decoupled(Decoupled) = "decoupled",
        /// The student's embeddings against the teacher's.
        Embedding(Embedding) = "embedding",
        /// The student's hidden states against the teacher's.
        Hidden(Hidden) = "hidden",
        /// The first token's states of intermediate layers.
        Patient(Patient) = "patient",
        /// The student's attention scores against the teacher's, before the softmax.
        AttentionScores(AttentionScores) = "attention-scores",
        /// The student's attention distributions against the teacher's.
        Attention(Attention) = "attention",
        /// Attention between text and image, the student's against the teacher's.
        CrossAttention(CrossAttention) = "cross-attention",
        /// Relations of tokens within a layer.
        Relations(Relations) = "relations",
        /// How active each token's hidden state is.
        Energy(Energy) = "energy",
        /// Distances between the texts of a batch.
        RelationalDistance(RelationalDistance) = "relational-distance",
        /// Angles between the texts of a batch.
        RelationalAngle(RelationalAngle) = "relational-angle",
        /// Similarities between the texts of a batch.
        SimilarityPreserving(SimilarityPreserving) = "similarity-preserving",
        /// Centred kernel alignment of the texts of a batch.
        KernelAlignment(KernelAlignment) = "kernel-alignment",
        /// The vector of a whole text or image, the student's against the teacher's.
        Representation(Representation) = "representation",
        /// How near the texts and images of a batch are to each other, the student's against the teacher's.
        Affinity(Affinity) = "affinity",
        /// Contrastive representation distillation: which text of the batch has the teacher's features.
        Contrastive(Contrastive) = "contrastive",
        /// Which translation or paraphrase of the batch belongs to a sentence.
        MultipleNegatives(MultipleNegatives) = "multiple-negatives",
        /// The teacher's written output as the target.
        Sequence(Sequence) = "sequence",
        /// The teacher's distributions, token by token.
        WordLevel(WordLevel) = "word-level",
        /// The student's encoder against the teacher's.
        EncoderMatch(EncoderMatch) = "encoder-match",
    }
}
