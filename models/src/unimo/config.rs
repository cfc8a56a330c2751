//! The configuration file of a UNIMO model.

use alambic_files::text::quoted;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::units::PLACE;
use crate::config_summary::ConfigSummary;
use crate::head::{Head, HeadSpec};
use crate::image_input::{ImageInput, PatchInput, RegionInput};
use crate::json::extend_object;
use crate::outline::RegionHeads;
use crate::published::{older, with_and_without};
use crate::special_tokens::SpecialTokens;
use crate::text_encoder::{Family, TensorNames, TextEncoderConfig};
use crate::{ImageProcessorConfig, ModelError, ModelFolder, Outline, Stream, labels};

/// Prefix of the names of the encoder's tensors.
const BASE: &str = "unimo.";

/// The same of a text encoder from which it starts.
const BERT: &str = "bert.";

/// Segments of a text encoder that is made of it.
pub(super) const SEGMENTS: usize = 2;

/// Colours of an image.
const CHANNELS: usize = 3;

/// What an image is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UnimoImages {
    /// Square patches of the square in the middle of an image.
    Patches {
        /// Pixels of the side of the square.
        image_size: usize,
        /// Pixels of the side of a patch; they divide those of the square.
        patch_size: usize,
        /// Image processor, where it is not [`ImageProcessorConfig::clip`].
        processor: Option<ImageProcessorConfig>,
    },
    /// Regions that a detector found.
    Regions {
        /// Numbers of a region's features, its place not among them.
        features: usize,
        /// Maximum number of regions of an image.
        max_regions: usize,
    },
}

impl UnimoImages {
    /// Numbers of the features of a patch or region.
    #[must_use]
    pub fn features(&self) -> usize {
        match self {
            Self::Patches { patch_size, .. } => CHANNELS * patch_size * patch_size,
            Self::Regions { features, .. } => *features,
        }
    }
}

/// A UNIMO model.
#[derive(Debug, Clone, PartialEq)]
pub struct UnimoConfig {
    /// The transformer, as the encoder of texts that it is; its head over the vocabulary in pre-training, and else none.
    pub text: TextEncoderConfig,
    /// What images are made of.
    pub images: UnimoImages,
    /// Classes of objects that are predicted of regions in pre-training; 0 where none are.
    pub objects: usize,
    /// The answers, in the order of the logits; none without a head for them.
    pub labels: Vec<String>,
    /// Whether it writes texts behind what it reads, and does nothing else.
    pub writes: bool,
    /// Most tokens that are written, the end included: the last so many of its positions are for these.
    pub max_target_length: usize,
    /// Tokens of the vocabulary with which a written text begins and ends.
    pub special: SpecialTokens,
}

impl UnimoConfig {
    /// The name in `config.json`.
    pub const MODEL_TYPE: &'static str = "unimo";
    /// Name of the logarithm of the factor on similarities.
    pub const SCALE: &'static str = "logit_scale";
    /// The class of a model that writes.
    const WRITER: &'static str = "UnimoForConditionalGeneration";
    pub(super) const FEATURES: &'static str = "unimo.image_embeddings.features";
    pub(super) const PLACES: &'static str = "unimo.image_embeddings.places";
    pub(super) const IMAGE_NORM: &'static str = "unimo.image_embeddings.LayerNorm";
    pub(super) const POOLERS: [&'static str; 2] = ["unimo.text_pooler", "unimo.image_pooler"];
    pub(super) const CLASSIFIER: &'static str = "classifier";
    pub(super) const OBJECTS: &'static str = "regions.objects";
    pub(super) const PREDICTED: [&'static str; 3] =
        ["regions.transform.dense", "regions.transform.LayerNorm", "regions.features"];

    /// Reads the configuration of a folder. The heads are known from the names of the weights.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type, or what images are made of is not known.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let file = folder.path().join("config.json");
        let refuse = |message: String| ModelError::content(&file, message);
        let json = folder.json();
        let number = |key: &str| {
            let found = json[key].as_u64().filter(|number| *number > 0);
            found.map(|number| number as usize).ok_or_else(|| {
                refuse(format!(
                    "`{key}` is missing or no whole number above 0, and says what images are made of"
                ))
            })
        };
        let images = match json["image_units"].as_str() {
            Some("patches") => {
                let image_size = number("image_size")?;
                UnimoImages::Patches {
                    image_size,
                    patch_size: number("patch_size")?,
                    processor: ImageProcessorConfig::open_clip(folder, image_size)?,
                }
            }
            Some("regions") => UnimoImages::Regions {
                features: number("region_features")?,
                max_regions: number("max_regions")?,
            },
            other => {
                let found = quoted(other.unwrap_or_default());
                return Err(refuse(format!("image_units is `{found}`; known are patches and regions")));
            }
        };
        if let UnimoImages::Patches { image_size, patch_size, .. } = images
            && !image_size.is_multiple_of(patch_size)
        {
            return Err(refuse(format!("patch_size {patch_size} does not divide image_size {image_size}")));
        }
        let shapes = folder.weight_shapes()?;
        let is_there = |name: &str| shapes.contains_key(name);
        let head = if is_there("cls.predictions.transform.dense.weight") {
            Head::MaskedLanguage
        } else {
            Head::None
        };
        let text = TextEncoderConfig::of_layout(folder, head)?;
        let labels =
            if is_there("classifier.weight") { labels::of(json).map_err(refuse)? } else { Vec::new() };
        let objects = shapes.get("regions.objects.weight").and_then(|shape| shape.first()).copied();
        let writes = text.head == Head::MaskedLanguage
            && json["architectures"][0].as_str().is_some_and(|class| class == Self::WRITER);
        let positions = text.max_length();
        let max_target_length =
            json["max_target_length"].as_u64().map_or(positions / 2, |length| length as usize);
        if writes && !(2..positions).contains(&max_target_length) {
            return Err(refuse(format!(
                "`max_target_length` is {max_target_length}, and written texts have 2 tokens or more and fewer than the {positions} \
                 positions of the model"
            )));
        }
        let special = SpecialTokens::open(folder, text.vocabulary)?;
        let objects = objects.unwrap_or_default();
        let config = Self { text, images, objects, labels, writes, max_target_length, special };
        folder.check(&config.summary())?;
        Ok(config)
    }

    /// The same model with the heads that a task needs: that over the vocabulary to write, or with that over regions to be pre-trained,
    /// or that over answers.
    #[must_use]
    pub fn with_head(self, head: &HeadSpec) -> Self {
        let has_words = head.writes || head.head == Head::MaskedLanguage;
        let own = if has_words { Head::MaskedLanguage } else { Head::None };
        let labels = head.answers().map(<[String]>::to_vec).unwrap_or_default();
        let text = self.text.with_head(&HeadSpec { head: own, ..HeadSpec::none() });
        let text = TextEncoderConfig { pooler: false, untied: false, ..text };
        Self { text, labels, writes: head.writes, ..self }
    }

    /// Whether it predicts words, and features of regions.
    #[must_use]
    pub fn is_pretrained(&self) -> bool {
        self.text.head == Head::MaskedLanguage && !self.writes
    }

    /// Whether it compares texts and images.
    pub(super) fn is_paired(&self) -> bool {
        self.labels.is_empty() && !self.writes
    }

    /// Most tokens of a text that is read.
    pub(super) fn max_read_length(&self) -> usize {
        let positions = self.text.max_length();
        if self.writes { positions.saturating_sub(self.max_target_length) } else { positions }
    }

    /// Names that a file may have for a tensor: a text encoder in BERT's layout has its own.
    pub(crate) fn spellings(name: &str) -> Vec<String> {
        let mut names = with_and_without(BASE, name);
        if let Some(bare) = name.strip_prefix(BASE) {
            names.push(format!("{BERT}{bare}"));
        }
        older(names)
    }

    /// The name of a tensor of a text encoder in BERT's layout.
    pub(super) fn name_of_text_encoder(name: &str) -> String {
        name.strip_prefix(BERT).map_or_else(|| name.to_owned(), |bare| format!("{BASE}{bare}"))
    }

    /// Image processor of a model that reads patches.
    #[must_use]
    pub fn image_processor(&self) -> Option<ImageProcessorConfig> {
        match self.images {
            UnimoImages::Patches { image_size, processor, .. } => {
                Some(processor.unwrap_or(ImageProcessorConfig::clip(image_size)))
            }
            UnimoImages::Regions { .. } => None,
        }
    }

    pub(super) fn image_input(&self) -> ImageInput {
        match self.images {
            UnimoImages::Patches { image_size, patch_size, processor } => ImageInput::Patches(PatchInput {
                processor: processor.unwrap_or(ImageProcessorConfig::clip(image_size)),
                num_channels: CHANNELS,
                image_size,
                patch_size,
                max_patches: None,
            }),
            UnimoImages::Regions { features, max_regions } => ImageInput::Regions(RegionInput {
                features,
                box_numbers: PLACE - 1,
                max_regions: Some(max_regions),
                reads_tags: false,
                images: 1,
            }),
        }
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        let mut summary = self.text.summary();
        match self.images {
            UnimoImages::Patches { image_size, patch_size, .. } => {
                summary.sizes.extend([("image_size", image_size), ("patch_size", patch_size)]);
            }
            UnimoImages::Regions { features, max_regions } => {
                summary.sizes.push(("region_features", features));
                summary.counts.push(("max_regions", max_regions));
            }
        }
        summary
    }

    /// Names of the tensors of the transformer and its head over the vocabulary.
    #[must_use]
    pub fn names() -> TensorNames {
        TensorNames::under(BASE, Family::Bert)
    }

    /// The encoder of its texts alone, in BERT's layout: `segments` of a pair of texts begin alike, since it tells none apart.
    #[must_use]
    pub fn text_encoder(&self) -> TextEncoderConfig {
        TextEncoderConfig { segments: SEGMENTS, ..self.text.clone() }
    }

    /// Name and shape of every parameter, in the order in which they are initialised: those of the transformer first.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let (width, features) = (self.text.width, self.images.features());
        let mut shapes = self.text.shapes_under(&Self::names());
        shapes.biased(Self::FEATURES, &[width, features]);
        shapes.tensor(format!("{}.weight", Self::PLACES), &[width, PLACE]);
        shapes.biased(Self::IMAGE_NORM, &[width]);
        if !self.writes {
            for pooler in Self::POOLERS {
                shapes.biased(pooler, &[width, width]);
            }
        }
        if self.is_pretrained() {
            let [dense, norm, last] = Self::PREDICTED;
            shapes.biased(dense, &[width, width]);
            shapes.biased(norm, &[width]);
            shapes.biased(last, &[features, width]);
            if self.objects > 0 {
                shapes.biased(Self::OBJECTS, &[self.objects, width]);
            }
        }
        if self.is_paired() {
            shapes.tensor(Self::SCALE, &[]);
        } else if !self.writes {
            shapes.biased(Self::CLASSIFIER, &[self.labels.len(), width]);
        }
        shapes.into_inner()
    }

    /// The sequence without a name, and the embeddings of texts and of images where these are compared.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream = Stream::new(self.text.layers, self.text.width, self.text.heads);
        if self.writes {
            return Outline {
                streams: [(String::new(), stream)].into_iter().collect(),
                classes: self.text.vocabulary,
                classes_of_tokens: true,
                ..Outline::default()
            };
        }
        let is_paired = self.is_paired();
        let embedded =
            Stream { embedding: Some(self.text.width), ..stream.without_hidden().without_attention() };
        let embedded = [("text".to_owned(), embedded), ("image".to_owned(), embedded)];
        Outline {
            streams: [(String::new(), stream)]
                .into_iter()
                .chain(embedded.into_iter().filter(|_| is_paired))
                .collect(),
            pooled: Some(self.text.width),
            classes: self.labels.len(),
            labels: self.labels.clone(),
            words: if self.is_pretrained() { self.text.vocabulary } else { 0 },
            regions: self.is_pretrained().then(|| RegionHeads {
                objects: self.objects,
                features: self.images.features(),
                ..RegionHeads::default()
            }),
            target_words: if self.is_pretrained() { self.text.vocabulary } else { 0 },
            pairs: is_paired,
            similarity: is_paired,
            ..Outline::default()
        }
    }

    /// JSON of `config.json`: the keys of BERT, and what images are made of.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let class = match (self.is_pretrained(), self.labels.is_empty()) {
            _ if self.writes => Self::WRITER,
            (true, _) => "UnimoForPreTraining",
            (false, false) => "UnimoForQuestionAnswering",
            (false, true) => "UnimoModel",
        };
        let mut json = self.text.to_json();
        extend_object(
            &mut json,
            json!({
                "model_type": Self::MODEL_TYPE,
                "architectures": [class],
                "max_target_length": self.max_target_length,
            }),
        );
        extend_object(&mut json, self.special.to_json(self.text.vocabulary));
        extend_object(
            &mut json,
            match self.images {
                UnimoImages::Patches { image_size, patch_size, .. } => {
                    json!({ "image_units": "patches", "image_size": image_size, "patch_size": patch_size })
                }
                UnimoImages::Regions { features, max_regions } => {
                    json!({ "image_units": "regions", "region_features": features, "max_regions": max_regions })
                }
            },
        );
        if !self.labels.is_empty() {
            extend_object(&mut json, labels::to_json(&self.labels));
        }
        json
    }

    /// Weights without those of heads that another task does not take over.
    pub(super) fn without_other_head(&self, weights: &Weights, labels: &[String]) -> Weights {
        let is_kept = |name: &str| labels == self.labels || !name.starts_with(Self::CLASSIFIER);
        weights
            .iter()
            .filter(|(name, _)| is_kept(name))
            .map(|(name, own)| (name.clone(), own.clone()))
            .collect()
    }
}
