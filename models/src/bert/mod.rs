//! Text encoders of BERT's family (Devlin et al., 2019): BERT, MiniLM, RoBERTa, XLM-RoBERTa, DistilBERT.
//!
//! Taps: `hidden.i` (0 the embeddings), `queries.i`, `keys.i`, `values.i`, `scores.i` (divided by the square root of
//! the head width, before mask and softmax), `attention.i`, `pooled`, `logits`, and with a [`Pooling`] `embedding`.

mod architecture;
mod config;
pub(crate) mod dense;
mod family;
mod model;
mod names;
mod parameters;
mod pooler;
mod pooling;
mod sentence_files;
mod trim;

pub use crate::head::{Head, HeadSpec, ProblemType};
pub use crate::layers::{AttentionNames, EncoderNames};
pub use crate::text_input::TextInput;
pub use config::BertConfig;
pub use dense::Dense;
pub use family::Family;
pub use model::Bert;
pub use names::{TensorNames, select_layers};
pub use pooling::{Pooling, PoolingMode, PoolingStep, TokenPooling};
pub use sentence_files::pair_activation;
