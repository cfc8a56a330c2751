//! Builders of students, and their storage: Hugging Face folders, ONNX, int8.
//!
//! A [`StudentBuilder`] makes an [`InitialModel`], from random weights or a source model's layers;
//! [`save_pretrained`](save_pretrained()) writes a trained one as a Hugging Face folder.
//!
//! ```
//! use alambic_models::text_encoder::HeadSpec;
//! use alambic_models::{Config, ModelFolder, Precision, Tokenizer, TokenizerModel};
//! use alambic_settings::{Node, read};
//! use alambic_students::{BuildContext, Encoder, StudentBuilder, save_pretrained};
//! use alambic_tensor::Streams;
//!
//! // The options as a recipe has them under `model.NAME.encoder`.
//! let text = "layers = 1\nwidth = 16\nheads = 2\nfeed-forward = 32\nmax-length = 16";
//! let options: Encoder = read(&Node::parse("options", text)?)?;
//! let tokenizer = Tokenizer::train(TokenizerModel::Words, ["a good film", "no plot at all"], 30)?;
//! let student = options.build(&BuildContext {
//!     tokenizer: &tokenizer,
//!     head: &HeadSpec::none(),
//!     streams: Streams::new(1),
//!     source_model: &|_| None,
//!     texts: &[],
//!     translations: &[],
//! })?;
//!
//! let folder = tempfile::tempdir()?;
//! let files = tokenizer.files(16)?;
//! save_pretrained(folder.path(), &student.config, &student.weights, &files, Precision::F32)?;
//! assert_eq!(Config::open(&ModelFolder::open(folder.path())?)?.parameters(), student.config.parameters());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alignment;
mod clip;
mod detector;
mod dual_encoder;
mod embedding;
mod encoder;
mod encoder_decoder;
mod encoder_decoder_layers;
mod encoder_layers;
mod ernie_vilg;
mod error;
mod export;
mod export_card;
mod export_folder;
mod fusion;
mod image_tokenizer;
mod lxmert;
mod lxmert_layers;
mod matrix_embeddings;
mod narrow;
pub mod onnx;
mod oscar;
mod oscar_layers;
mod outputs;
mod pali;
mod pali_layers;
mod pali_parts;
mod samples;
mod save_pretrained;
mod script;
mod sizes;
mod static_embeddings;
mod student_builder;
mod two_tower;
mod unimo;
mod unimo_layers;
mod usage;
mod vision_language;
mod vocabulary_transfer;

use alambic_settings::kinds;

pub use clip::ClipSizes;
pub use detector::DetectorSizes;
pub use dual_encoder::DualEncoder;
pub use embedding::{EmbeddingOptions, PoolingStrategy};
pub use encoder::{Encoder, Preset, TokenizerKind};
pub use encoder_decoder::{ActivationFunction, EncoderDecoder, EncoderDecoderFamily, EncoderDecoderSizes};
pub use encoder_decoder_layers::EncoderDecoderLayers;
pub use encoder_layers::EncoderLayers;
pub use ernie_vilg::{ErnieVilg, ImageAttention, ReconstructorStart, SparseRows, StatesOfImage};
pub use error::StudentError;
pub use export::{ExportFormat, ExportedFile, export};
pub use fusion::Fusion;
pub use image_tokenizer::{CodebookUpdate, ImageTokenizerSizes, Quantizer};
pub use lxmert::LxmertSizes;
pub use lxmert_layers::LxmertLayers;
pub use matrix_embeddings::{BackwardOrder, MatrixDirections, MatrixEmbedding, MatrixHead, PairJoin};
pub use oscar::OscarSizes;
pub use oscar_layers::OscarLayers;
pub use outputs::OutputDifference;
pub use pali::{ImageEncoderSizes, LanguageModelSizes, Pali, PatchBias, T5Layout};
pub use pali_layers::PaliLayers;
pub use save_pretrained::{add_detector, add_re_ranker, copy_inner_models, rename_tags, save_pretrained};
pub use script::ScriptUnification;
pub use sizes::TransformerSizes;
pub use static_embeddings::{StaticEmbedding, TokenVectors};
pub use student_builder::{BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind};
pub use two_tower::TowerSource;
pub use unimo::{ImageUnits, UnimoSizes};
pub use unimo_layers::UnimoLayers;
pub use usage::{Library, PythonUsage, UsageExample, python_usage};
pub use vision_language::VisionLanguageSizes;
pub use vocabulary_transfer::VocabularyTransfer;

kinds! {
    /// A student, by the way in which it is made.
    pub enum Student: dyn StudentBuilder {
        /// An encoder-decoder from random weights, at any size.
        EncoderDecoder(EncoderDecoder) = "encoder-decoder",
        /// An encoder-decoder from chosen layers of teachers.
        EncoderDecoderLayers(EncoderDecoderLayers) = "encoder-decoder-layers",
        /// An encoder-decoder of texts behind an image encoder, each of them a teacher's or from random weights at any size.
        Pali(Pali) = "pali",
        /// The same from chosen layers of a teacher of its kind.
        PaliLayers(PaliLayers) = "pali-layers",
        /// A transformer that writes images for texts and texts for images, from random weights at any size.
        ErnieVilg(ErnieVilg) = "ernie-vilg",
        /// A text encoder from random weights, at any size.
        Encoder(Encoder) = "encoder",
        /// A text encoder from chosen layers of a teacher.
        EncoderLayers(EncoderLayers) = "encoder-layers",
        /// A vector for each token of a teacher's vocabulary, and their mean for a text.
        Static(StaticEmbedding) = "static",
        /// Matrices and a vector for each token, multiplied and added up.
        Matrix(MatrixEmbedding) = "matrix",
        /// A fusion encoder over text and image, from random weights at any size, or a teacher.
        Fusion(Fusion) = "fusion",
        /// A text and an image tower with a small head over both.
        DualEncoder(DualEncoder) = "dual-encoder",
        /// A fusion encoder over text, object tags and regions, from random weights or a text encoder's.
        Oscar(OscarSizes) = "oscar",
        /// An Oscar model from layers of another one.
        OscarLayers(OscarLayers) = "oscar-layers",
        /// An encoder of texts, one of regions and a cross-modal one, from random weights at any size.
        Lxmert(LxmertSizes) = "lxmert",
        /// The same from chosen layers of each encoder of a teacher.
        LxmertLayers(LxmertLayers) = "lxmert-layers",
        /// An encoder of texts and one of images into one space, from random weights or a teacher's layers.
        Clip(ClipSizes) = "clip",
        /// One transformer over texts, images and both together, from random weights or a text encoder's.
        Unimo(UnimoSizes) = "unimo",
        /// A UNIMO from layers of another one.
        UnimoLayers(UnimoLayers) = "unimo-layers",
        /// A detector of objects from random weights.
        Detector(DetectorSizes) = "detector",
        /// A tokenizer of images from random weights.
        ImageTokenizer(ImageTokenizerSizes) = "image-tokenizer",
    }
}
