//! Network architectures made of blocks with taps, their Hugging Face folders, tokenizers and generation.
//!
//! A network is a set of named tensors, [`alambic_tensor::parameters::Weights`], and code that reads them by the
//! names that the transformers library uses. Built over tracked tensors it trains; built over detached ones it
//! evaluates, and the two share memory.
//!
//! ```
//! use alambic_models::text_encoder::{TextEncoder, TextEncoderConfig, TextInput};
//! use alambic_models::{Pass, TapSelection, Tokens};
//! use alambic_tensor::Streams;
//!
//! let config = TextEncoderConfig::new(100, 2, 16, 4);
//! let model = TextEncoder::new(&config, &TextEncoder::initial_weights(&config, &Streams::new(1))?)?;
//! // Two texts of token ids, padded to one length.
//! let texts = TextInput::new(Tokens::pad(&[vec![2, 7, 3], vec![2, 3]], config.padding));
//! let trace = model.trace(&texts, Pass::Evaluate, TapSelection::named(["hidden.1", "attention.0"]))?;
//! let shape = |tap: &str| trace.get(tap).map(|tensor| tensor.dims().to_vec());
//! assert_eq!(shape("hidden.1"), Some(vec![2, 3, 16]));
//! assert_eq!(shape("attention.0"), Some(vec![2, 4, 3, 3]));
//! assert_eq!(shape("hidden.2"), None, "nobody asked for it");
//! # Ok::<(), alambic_models::ModelError>(())
//! ```
//!
//! A folder is opened by [`architecture::open`], and handed to networks of candle by [`ModelFolder::var_builder`]; a model is
//! made of a builder of candle by [`ModelConfig::build_from`].

pub mod architecture;
pub mod causal;
pub mod clip;
mod config;
mod config_summary;
pub mod detector;
pub mod dual;
pub mod encoder_decoder;
pub mod ernie_vilg;
mod error;
mod finite;
mod folder;
mod generation;
mod head;
mod image_input;
mod image_processor;
pub mod image_tokenizer;
mod initialise;
mod integers;
mod joint;
mod json;
mod labels;
mod language_numbers;
mod layers;
pub mod lxmert;
pub mod matrix;
mod model_config;
pub mod oscar;
mod outline;
pub mod pali;
mod parameter_names;
mod patches;
mod prefixed;
mod published;
mod regions;
pub mod siglip;
mod special_tokens;
pub mod static_embeddings;
mod tap;
pub mod text_encoder;
mod text_input;
mod tokenizer;
mod tokens;
pub mod unimo;
mod unused_tensors;
mod var_builder;
pub mod vilt;
pub mod visual_bert;
pub mod vit;

pub use config::Config;
pub use config_summary::ConfigSummary;
pub use error::ModelError;
pub use finite::{check_finite, first_not_finite};
pub use folder::{ModelFolder, Precision, WRITTEN_BY, load_recorded, write_weights, written_by};
pub use generation::{
    DecodingState, EarlyStopping, GenerationConfig, GenerationDefaults, Hypothesis, Sampling, TokenRules,
    Translator,
};
pub use head::TextHead;
pub use image_input::{ImageInput, PREPROCESSOR, PatchInput, RegionInput};
pub use image_processor::{ImageProcessorConfig, Resampling, Resizing};
pub use initialise::Initialiser;
pub use language_numbers::LanguageNumbers;
pub use layers::{Pass, is_padding_computed};
pub use model_config::{ModelConfig, Role};
pub use outline::{
    ATTRIBUTE_LOGITS, ImageCodes, LAST_STATE, OBJECT_LOGITS, Outline, PATCHES, PREDICTED_FEATURES,
    PREDICTION_LOGITS, RegionHeads, SIMILARITY, Stream, TAP_PATTERNS, TARGET_LOGITS, TOKENS, TapShape,
    embedding_tap, parts_tap, stream_of_embedding, tap,
};
pub use parameter_names::{is_head, is_layer_matrix};
pub use patches::{ImageNormalization, Images, Patches, evenly_spaced, shortest_edge_size, vilt_size};
pub use prefixed::PrefixedTranslator;
pub use regions::{Regions, TaggedRegions};
pub use special_tokens::SpecialTokens;
pub use tap::{TapSelection, Trace};
pub use tokenizer::{
    CommonWord, EncodedText, EncodingOptions, TargetPrefix, TokenSpan, TokenWindow, Tokenizer,
    TokenizerFiles, TokenizerModel, UnifiedScript, WindowSizes, common_words, language_tag, sentinel,
    word_spans,
};
pub use tokens::Tokens;
pub use var_builder::var_builder;
