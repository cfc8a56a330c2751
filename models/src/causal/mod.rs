//! Decoder-only transformers as encoders of texts: GPT-2, Llama, Mistral, Qwen2, Qwen3. Embedders that are built on them are
//! teachers; they write no texts here.
//!
//! Taps: `hidden.i` (0 the embeddings; before the last norm), `pooled` (the last token behind it), `logits` of every token where
//! there are logits, and with a pooling `embedding`.

mod architecture;
mod config;
mod model;
mod names;
mod rotation;

pub use config::{CausalConfig, CausalFamily};
pub use model::CausalModel;
pub use rotation::{RotaryScaling, Slowing};
