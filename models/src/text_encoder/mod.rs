//! Text encoders of transformer layers, family by family: BERT, RoBERTa, ELECTRA, ALBERT, MPNet, DeBERTa, ModernBERT and others.
//!
//! Taps: `hidden.i` (0 the embeddings), `queries.i`, `keys.i`, `values.i`, `scores.i` (divided by the square root of
//! the head width, before mask and softmax), `attention.i`, `pooled`, `logits`, and with a [`Pooling`] `embedding`.

mod architecture;
mod config;
pub(crate) mod dense;
mod families;
mod family;
mod model;
mod names;
mod parameters;
mod pooler;
mod pooling;
mod relative;
mod sentence_files;
mod source_cache;
mod structure;
mod trim;

pub use crate::head::{Head, HeadSpec, MaskedLanguageNames, ProblemType};
pub use crate::layers::{AttentionNames, EncoderNames, PositionBuckets};
pub use crate::text_input::TextInput;
pub use config::TextEncoderConfig;
pub use dense::Dense;
pub use family::{Classifier, ClassifierDense, ClassifierInput, Family};
pub use model::TextEncoder;
pub use names::TensorNames;
pub(crate) use pooler::Pooler;
pub use pooling::{Pooling, PoolingMode, PoolingStep, TokenPooling};
pub use relative::bucket;
pub use sentence_files::pair_activation;
pub(crate) use source_cache::SourceCache;
pub use structure::{Disentangled, Gate, RelativePositions, Rotary, Structure};
