//! The configuration of a model of any architecture.

use alambic_files::text::quoted;
use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use crate::bert::{Bert, BertConfig, Family, Task};
use crate::clip::{Clip, ClipConfig};
use crate::detector::{Detector, DetectorConfig};
use crate::dual::{Dual, DualConfig};
use crate::facts::Facts;
use crate::lxmert::{Lxmert, LxmertConfig};
use crate::marian::{Marian, MarianConfig};
use crate::oscar::{Oscar, OscarConfig};
use crate::published::look_up;
use crate::vilt::{Vilt, ViltConfig};
use crate::visual_bert::{VisualBert, VisualBertConfig};
use crate::{ModelError, ModelFolder, Outline};

/// A configuration, by its architecture.
#[derive(Debug, Clone, PartialEq)]
pub enum Config {
    /// An encoder-decoder in Marian's layout.
    Marian(MarianConfig),
    /// A text encoder of BERT's family.
    Bert(BertConfig),
    /// A text and an image encoder in CLIP's layout.
    Clip(ClipConfig),
    /// A detector of objects, in our own layout.
    Detector(DetectorConfig),
    /// A text and an image tower with a small head over both, in our own layout.
    Dual(DualConfig),
    /// A fusion encoder over text and regions in LXMERT's layout.
    Lxmert(LxmertConfig),
    /// A fusion encoder over text, tags and regions in Oscar's layout.
    Oscar(OscarConfig),
    /// A fusion encoder over text and patches in ViLT's layout.
    Vilt(ViltConfig),
    /// A fusion encoder over text and regions in VisualBERT's layout.
    VisualBert(VisualBertConfig),
}

/// The same expression over the configuration of whichever architecture it is.
macro_rules! of_each {
    ($self:ident, $config:ident => $body:expr) => {
        match $self {
            Self::Marian($config) => $body,
            Self::Bert($config) => $body,
            Self::Clip($config) => $body,
            Self::Detector($config) => $body,
            Self::Dual($config) => $body,
            Self::Lxmert($config) => $body,
            Self::Oscar($config) => $body,
            Self::Vilt($config) => $body,
            Self::VisualBert($config) => $body,
        }
    };
}

impl From<MarianConfig> for Config {
    fn from(config: MarianConfig) -> Self {
        Self::Marian(config)
    }
}

impl From<BertConfig> for Config {
    fn from(config: BertConfig) -> Self {
        Self::Bert(config)
    }
}

impl Config {
    /// Reads the configuration of a folder; of its weights no more than the head.
    ///
    /// # Errors
    /// When the configuration is broken or the architecture is not known.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        if OscarConfig::is_of(folder.json()) {
            return Ok(Self::Oscar(OscarConfig::open(folder)?));
        }
        match folder.model_type()? {
            "marian" => Ok(Self::Marian(MarianConfig::open(folder)?)),
            "clip" => Ok(Self::Clip(ClipConfig::open(folder)?)),
            "detector" => Ok(Self::Detector(DetectorConfig::open(folder)?)),
            "dual-encoder" => Ok(Self::Dual(DualConfig::open(folder)?)),
            "lxmert" => Ok(Self::Lxmert(LxmertConfig::open(folder)?)),
            "vilt" => Ok(Self::Vilt(ViltConfig::open(folder)?)),
            "visual_bert" => Ok(Self::VisualBert(VisualBertConfig::open(folder)?)),
            other if Family::of(other).is_some() => Ok(Self::Bert(BertConfig::open(folder)?)),
            other => Err(ModelError::content(
                &folder.path().join("config.json"),
                format!(
                    "model_type is `{}`; known are bert, roberta, xlm-roberta, distilbert, marian, clip, detector, \
                     dual-encoder, lxmert, vilt, visual_bert, and Oscar, whose configuration has `img_feature_dim`",
                    quoted(other)
                ),
            )),
        }
    }

    /// The weights of a folder of this configuration, under transformers' names.
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        match self {
            Self::Marian(config) => config.weights(folder),
            Self::Bert(config) => config.weights(folder),
            Self::Clip(config) => config.weights(folder),
            Self::Detector(config) => config.weights(folder),
            Self::Dual(config) => config.weights(folder),
            Self::Lxmert(config) => config.weights(folder),
            Self::Oscar(config) => config.weights(folder),
            Self::Vilt(config) => config.weights(folder),
            Self::VisualBert(config) => config.weights(folder),
        }
    }

    /// Initial weights, drawn from the streams of a seed.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        match self {
            Self::Marian(config) => Marian::initial_weights(config, streams),
            Self::Bert(config) => Bert::initial_weights(config, streams),
            Self::Clip(config) => Clip::initial_weights(config, streams, &Weights::new()),
            Self::Detector(config) => Detector::initial_weights(config, streams),
            Self::Dual(config) => Dual::initial_weights(config, streams, &Weights::new()),
            Self::Lxmert(config) => Lxmert::initial_weights(config, streams),
            Self::Oscar(config) => Oscar::initial_weights(config, streams),
            Self::Vilt(config) => Vilt::initial_weights(config, streams),
            Self::VisualBert(config) => VisualBert::initial_weights(config, streams),
        }
    }

    /// Streams, heads and widths.
    #[must_use]
    pub fn outline(&self) -> Outline {
        of_each!(self, config => config.outline())
    }

    /// Name and shape of every parameter, in the order in which they are initialised.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        of_each!(self, config => config.shapes())
    }

    /// Parameters that training holds below a number, as their authors do: the logarithm of CLIP's scale below that of 100
    /// (Radford et al., 2021, section 2.5).
    #[must_use]
    pub fn ceilings(&self) -> &'static [(&'static str, f64)] {
        match self {
            // The logarithm of 100.
            Self::Clip(_) => &[("logit_scale", 4.605_170_185_988_092)],
            _ => &[],
        }
    }

    /// What a published file may call a parameter, the likeliest first.
    pub(crate) fn spellings(&self, name: &str) -> Vec<String> {
        match self {
            Self::Marian(_) => MarianConfig::spellings(name),
            Self::Clip(_) | Self::Detector(_) | Self::Dual(_) => vec![name.to_owned()],
            Self::Bert(config) => config.spellings(name),
            Self::Lxmert(_) => LxmertConfig::spellings(name),
            Self::Oscar(_) => OscarConfig::spellings(name),
            Self::Vilt(_) => ViltConfig::spellings(name),
            Self::VisualBert(_) => VisualBertConfig::spellings(name),
        }
    }

    /// Where the tensors of a file are not those of the configuration, in words; `found` holds names and shapes.
    #[must_use]
    pub fn misfits(&self, found: &IndexMap<String, Vec<usize>>) -> Vec<String> {
        let misfit = |(name, shape): (String, Vec<usize>)| match look_up(found, &self.spellings(&name))
            .map(|(_, shape)| shape)
        {
            None => Some(format!("there is no tensor `{name}`")),
            Some(found) if *found != shape => {
                Some(format!("tensor `{name}` has shape {found:?}, and the configuration asks for {shape:?}"))
            }
            Some(_) => None,
        };
        self.shapes().into_iter().filter_map(misfit).collect()
    }

    /// How many parameters there are.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.shapes().values().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// What every architecture knows of its texts and its sizes.
    pub(crate) fn facts(&self) -> Facts<'_> {
        of_each!(self, config => config.facts())
    }

    /// The same model without the rows of its vocabulary that stand for no token, where it has logits for them.
    #[must_use]
    pub fn of_tokens(self, tokens: usize) -> Self {
        match self {
            Self::Bert(config) => Self::Bert(config.of_tokens(tokens)),
            other => other,
        }
    }

    /// The weights of a folder for a configuration that [`Self::of_tokens`] made of that of the folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn weights_of_tokens(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        let weights = Self::open(folder)?.weights(folder)?;
        match self {
            Self::Bert(config) => config.trim(weights),
            _ => Ok(weights),
        }
    }

    /// The same model with another head, where its architecture has heads to choose from.
    #[must_use]
    pub fn with_head(self, head: &Task) -> Self {
        match self {
            Self::Bert(config) => Self::Bert(config.for_task(head)),
            Self::Oscar(config) => Self::Oscar(config.for_task(head)),
            other => other,
        }
    }

    /// The same, and weights for it: the given ones, with a new head where they have another.
    ///
    /// # Errors
    /// When a given tensor has another shape than the configuration says.
    pub fn with_head_weights(
        &self,
        weights: Weights,
        head: &Task,
        streams: &Streams,
    ) -> Result<(Self, Weights), ModelError> {
        Ok(match self {
            Self::Bert(config) => {
                let (config, weights) = Bert::for_task(config, &weights, head, streams)?;
                (Self::Bert(config), weights)
            }
            Self::Oscar(config) => {
                let (config, weights) = Oscar::for_task(config, &weights, head, streams)?;
                (Self::Oscar(config), weights)
            }
            other => (other.clone(), weights),
        })
    }

    /// Rows of the embedding table.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        self.facts().vocabulary
    }

    /// The most tokens of a text.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.facts().longest
    }

    /// Inner width of the feed-forward sublayers, those of what is read.
    #[must_use]
    pub fn inner(&self) -> usize {
        self.facts().inner
    }

    /// The padding token.
    #[must_use]
    pub fn padding(&self) -> u32 {
        self.facts().padding
    }

    /// What `config.json` holds, for transformers to load.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        match self {
            Self::Marian(config) => config.to_json(),
            Self::Bert(config) => Ok(config.to_json()),
            Self::Clip(config) => config.to_json(),
            Self::Detector(config) => config.to_json(),
            Self::Dual(config) => config.to_json(),
            Self::Lxmert(config) => config.to_json(),
            Self::Oscar(config) => Ok(config.to_json()),
            Self::Vilt(config) => config.to_json(),
            Self::VisualBert(config) => Ok(config.to_json()),
        }
    }

    /// The `model_type` of the architecture.
    #[must_use]
    pub fn model_type(&self) -> &'static str {
        match self {
            Self::Marian(_) => "marian",
            Self::Bert(config) => config.family.model_type(),
            Self::Clip(_) => "clip",
            Self::Detector(_) => "detector",
            Self::Dual(_) => "dual-encoder",
            Self::Lxmert(_) => "lxmert",
            Self::Oscar(_) => "oscar",
            Self::Vilt(_) => "vilt",
            Self::VisualBert(_) => "visual_bert",
        }
    }

    /// The configuration of an encoder-decoder.
    ///
    /// # Errors
    /// When it is that of another architecture.
    pub fn marian(&self) -> Result<&MarianConfig, ModelError> {
        match self {
            Self::Marian(config) => Ok(config),
            other => Err(ModelError::Configuration(format!(
                "a model that writes text is needed here, and a {} only reads",
                other.model_type()
            ))),
        }
    }

    /// The configuration of a text encoder.
    ///
    /// # Errors
    /// When it is that of another architecture.
    pub fn bert(&self) -> Result<&BertConfig, ModelError> {
        match self {
            Self::Bert(config) => Ok(config),
            other => Err(ModelError::Configuration(format!(
                "a text encoder is needed here, and a {} is none",
                other.model_type()
            ))),
        }
    }
}
