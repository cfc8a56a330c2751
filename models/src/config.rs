//! The configuration of a model of any architecture.

use std::ops::Deref;

use alambic_files::text::quoted;
use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;

use crate::causal::CausalConfig;
use crate::clip::ClipConfig;
use crate::detector::DetectorConfig;
use crate::dual::DualConfig;
use crate::encoder_decoder::Structure;
use crate::encoder_decoder::bart::BartConfig;
use crate::encoder_decoder::t5::T5Config;
use crate::ernie_vilg::ErnieVilgConfig;
use crate::head::{HeadSpec, TextHead};
use crate::image_tokenizer::ImageTokenizerConfig;
use crate::lxmert::LxmertConfig;
use crate::matrix::MatrixConfig;
use crate::model_config::ModelConfig;
use crate::oscar::OscarConfig;
use crate::pali::PaliConfig;
use crate::published::look_up;
use crate::siglip::SiglipConfig;
use crate::static_embeddings::StaticConfig;
use crate::text_encoder::TextEncoderConfig;
use crate::unimo::UnimoConfig;
use crate::vilt::ViltConfig;
use crate::visual_bert::VisualBertConfig;
use crate::vit::VitConfig;
use crate::{ModelError, ModelFolder};

/// Class of the tokenizer by `model_type`, as an architecture declares it.
type TokenizerClass = fn(&str) -> Option<&'static str>;

/// Declares the architectures, each with its configuration. The first one that recognises a `config.json` reads it.
macro_rules! architectures {
    ($($(#[doc = $doc:literal])* $name:ident($config:ty)),+ $(,)?) => {
        /// A configuration, by its architecture. It dereferences to [`ModelConfig`], which answers what is asked about any.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Config {
            $($(#[doc = $doc])* $name($config)),+
        }

        $(
            impl From<$config> for Config {
                fn from(config: $config) -> Self {
                    Self::$name(config)
                }
            }
        )+

        impl Deref for Config {
            type Target = dyn ModelConfig;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$name(config) => config),+
                }
            }
        }

        impl Config {
            /// The values of `model_type` of all architectures.
            fn model_types() -> Vec<&'static str> {
                [$(<$config>::model_types()),+].concat()
            }

            /// Class of transformers that makes the tokenizer of a model of this `model_type`, where its settings name none.
            pub(crate) fn tokenizer_class(model_type: &str) -> Option<&'static str> {
                [$(<$config>::tokenizer_class),+].into_iter().find_map(|class: TokenizerClass| class(model_type))
            }

            /// Reads the configuration of a folder; of its weights no more than the head.
            ///
            /// # Errors
            /// When the configuration is broken or the architecture is not known.
            pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
                $(
                    if <$config>::recognizes(folder.json()) {
                        return Ok(Self::$name(<$config>::open(folder)?));
                    }
                )+
                Err(unknown(folder))
            }

            /// The same model with another head, where its architecture has heads to choose from.
            #[must_use]
            pub fn with_head(self, head: &HeadSpec) -> Self {
                match self {
                    $(Self::$name(config) => Self::$name(config.with_head(head))),+
                }
            }

            /// The same, and weights for it: the given ones, with a new head where they have another.
            ///
            /// # Errors
            /// When a given tensor has another shape than the configuration says.
            pub fn with_head_weights(
                &self,
                weights: Weights,
                head: &HeadSpec,
                streams: &Streams,
            ) -> Result<(Self, Weights), ModelError> {
                Ok(match self {
                    $(
                        Self::$name(config) => {
                            let (config, weights) = config.with_head_weights(weights, head, streams)?;
                            (Self::$name(config), weights)
                        }
                    )+
                })
            }

            /// The same model without the rows of its vocabulary that stand for no token, where it has logits for them.
            #[must_use]
            pub fn trim_vocabulary(self, tokens: usize) -> Self {
                match self {
                    $(Self::$name(config) => Self::$name(config.trim_vocabulary(tokens))),+
                }
            }
        }
    };
}

architectures! {
    /// One transformer over texts, images and both together, in our own layout.
    Unimo(UnimoConfig),
    /// A fusion encoder over text, tags and regions in Oscar's layout. It comes before BERT, whose type its files may name.
    Oscar(OscarConfig),
    /// A text encoder of transformer layers.
    TextEncoder(TextEncoderConfig),
    /// A decoder-only transformer, read as an encoder of texts.
    Causal(CausalConfig),
    /// Static embeddings in the layouts of model2vec and sentence-transformers.
    Static(StaticConfig),
    /// Matrix embeddings, in our own layout.
    Matrix(MatrixConfig),
    /// An encoder-decoder in BART's layout: Marian, BART, mBART, M2M-100.
    Bart(BartConfig),
    /// An encoder-decoder in T5's layout: T5, mT5.
    T5(T5Config),
    /// An encoder-decoder in T5's layout behind CLIP's image tower, in our own layout.
    Pali(PaliConfig),
    /// A transformer that writes images for texts and texts for images, in our own layout.
    ErnieVilg(ErnieVilgConfig),
    /// A text and an image encoder in CLIP's layout.
    Clip(ClipConfig),
    /// A text and an image encoder in SigLIP's layout, or one of them.
    Siglip(SiglipConfig),
    /// An image encoder in ViT's layout.
    Vit(VitConfig),
    /// A detector of objects, in our own layout.
    Detector(DetectorConfig),
    /// A tokenizer of images, in our own layout.
    ImageTokenizer(ImageTokenizerConfig),
    /// A text and an image tower with a small head over both, in our own layout.
    Dual(DualConfig),
    /// A fusion encoder over text and regions in LXMERT's layout.
    Lxmert(LxmertConfig),
    /// A fusion encoder over text and patches in ViLT's layout.
    Vilt(ViltConfig),
    /// A fusion encoder over text and regions in VisualBERT's layout.
    VisualBert(VisualBertConfig),
}

/// The error that no architecture recognises the configuration of a folder.
fn unknown(folder: &ModelFolder) -> ModelError {
    match folder.model_type() {
        Ok(found) => ModelError::content(
            &folder.path().join("config.json"),
            format!("model_type is `{}`; known are {}", quoted(found), Config::model_types().join(", ")),
        ),
        Err(error) => error,
    }
}

impl Config {
    /// Differences between the tensors of a file and those of the configuration, in words; `found` holds names and shapes.
    #[must_use]
    pub fn shape_mismatches(&self, found: &IndexMap<String, Vec<usize>>) -> Vec<String> {
        let shape_mismatch =
            |(name, shape): (String, Vec<usize>)| match look_up(found, &self.spellings(&name))
                .map(|(_, shape)| shape)
            {
                None => Some(format!("there is no tensor `{name}`")),
                Some(found) if *found != shape => Some(format!(
                    "tensor `{name}` has shape {found:?}, and the configuration asks for {shape:?}"
                )),
                Some(_) => None,
            };
        self.shapes().into_iter().filter_map(shape_mismatch).collect()
    }

    /// The weights of a folder for a configuration that [`Self::trim_vocabulary`] made of that of the folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn trimmed_weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        self.trim_weights(Self::open(folder)?.weights(folder)?)
    }

    /// The structure of an encoder-decoder that reads texts alone.
    ///
    /// # Errors
    /// When it is the configuration of another architecture.
    pub fn encoder_decoder(&self) -> Result<Structure, ModelError> {
        match self {
            Self::Bart(config) => Ok(config.structure()),
            Self::T5(config) => Ok(config.structure()),
            other => Err(ModelError::Configuration(format!(
                "a model that writes texts of texts alone is needed here, and a {} is none",
                other.model_type()
            ))),
        }
    }

    /// Numbers of the embedding of a text; none where the model gives none.
    #[must_use]
    pub fn embedding_width(&self) -> Option<usize> {
        self.outline().streams.get("").and_then(|stream| stream.embedding)
    }

    /// The head of a text encoder.
    ///
    /// # Errors
    /// When it is the configuration of another architecture.
    pub fn require_text_head(&self) -> Result<TextHead<'_>, ModelError> {
        self.text_head().ok_or_else(|| {
            ModelError::Configuration(format!(
                "a text encoder is needed here, and a {} is none",
                self.model_type()
            ))
        })
    }

    /// The configuration of a text encoder of transformer layers.
    ///
    /// # Errors
    /// When it is that of another architecture.
    pub fn text_encoder(&self) -> Result<&TextEncoderConfig, ModelError> {
        match self {
            Self::TextEncoder(config) => Ok(config),
            other => Err(ModelError::Configuration(format!(
                "a text encoder of transformer layers is needed here, and a {} is none",
                other.model_type()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::outline::{TAP_PATTERNS, fits_pattern};

    #[test]
    fn model_types_and_taps_of_all_architectures_are_listed() {
        let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity");
        for model in [
            "oscar/answers",
            "unimo/patches",
            "unimo/regions",
            "bert",
            "xlm",
            "xlm-roberta",
            "distilbert",
            "camembert",
            "electra",
            "electra-discriminator",
            "albert",
            "mpnet",
            "deberta-v2",
            "deberta-v3",
            "deberta-v2-plain",
            "modernbert",
            "nomic-bert",
            "gpt2",
            "llama",
            "qwen3",
            "siglip",
            "siglip-text",
            "vit",
            "marian",
            "bart",
            "mbart",
            "m2m_100",
            "t5-v1.0",
            "mt5",
            "matrix/none",
            "clip",
            "lxmert",
            "vilt",
            "visual-bert",
            "pali/relative",
            "image-tokenizer/vq",
        ] {
            let config =
                Config::open(&ModelFolder::open(&parity.join(model).join("model")).unwrap()).unwrap();
            assert_eq!(config.to_json().unwrap()["model_type"], config.model_type(), "{model}");
            assert!(Config::model_types().contains(&config.model_type()), "{model}");
            for tap in config.outline().taps() {
                let fits = |(pattern, _): &&(&str, &str)| fits_pattern(pattern, &tap);
                assert!(TAP_PATTERNS.iter().any(|own| fits(&own)), "{model}: {tap}");
            }
        }
    }
}
