//! The configuration file of a tokenizer of images. The format is ours.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::json::config_json;
use crate::layers::Shapes;
use crate::outline::ImageCodes;
use crate::{ModelError, ModelFolder, Outline};

/// How a place of the encoder's output takes a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantizer {
    /// The nearest one.
    Vq,
    /// The one with the highest logit.
    Dvae,
}

/// How the vectors of codes are learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodebookLearning {
    /// As running means of the outputs that take them.
    Averages,
    /// By the gradients of a loss.
    Gradient,
}

/// `config.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageTokenizerConfig {
    /// The side in pixels of the squares that are read.
    pub image_size: usize,
    /// Colour channels.
    pub num_channels: usize,
    /// Numbers of a place between the layers.
    pub hidden_size: usize,
    /// Convolutions that halve the sides.
    pub num_layers: usize,
    /// Residual blocks behind them.
    pub num_resnet_blocks: usize,
    /// Codes.
    pub num_tokens: usize,
    /// Numbers of a code.
    pub codebook_dim: usize,
    /// How a place takes a code.
    pub quantizer: Quantizer,
    /// How the codes are learned.
    pub codebook_learning: CodebookLearning,
    /// Tokens of the vocabulary in its folder, of which it reads none.
    pub vocab_size: usize,
}

/// The side of the convolutions that halve an image, and of those that double it.
pub(super) const SCALING_KERNEL: usize = 4;
/// The sides of the convolutions of a residual block, by their places in its sequence.
pub(super) const BLOCK_KERNELS: [(usize, usize); 3] = [(0, 3), (2, 3), (4, 1)];

/// The vectors of the codes.
pub const CODES: &str = "codebook.weight";
/// The running mean of how many places take each code.
pub(super) const CODE_COUNTS: &str = "codebook.cluster_size";
/// The running mean of the sum of their vectors.
pub(super) const CODE_SUMS: &str = "codebook.embed_avg";

impl ImageTokenizerConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let config: Self = folder.config("image-tokenizer")?;
        config.check(|message| ModelError::content(&folder.path().join("config.json"), message))?;
        folder.check(&config.summary())?;
        Ok(config)
    }

    /// Fails where the configuration says what is not supported; the error is made of words.
    pub(crate) fn check(&self, refuse: impl Fn(String) -> ModelError) -> Result<(), ModelError> {
        let fault = if self.num_channels != 3 {
            "num_channels is not 3: images of three colours are read"
        } else if self.num_layers > 16 {
            "num_layers is above 16, the most there are"
        } else if self.num_resnet_blocks > 1000 {
            "num_resnet_blocks is above 1000, the most there are"
        } else if self.quantizer == Quantizer::Dvae && self.codebook_learning == CodebookLearning::Averages {
            "codebook_learning is averages, and a dvae learns its codes by gradients"
        } else {
            return Ok(());
        };
        Err(refuse(fault.to_owned()))
    }

    /// The name of a tensor within the decoder; none of one that is not of it.
    #[must_use]
    pub fn of_decoder(name: &str) -> Option<&str> {
        name.strip_prefix("decoder.")
    }

    /// The whole name of a tensor of the decoder.
    pub(crate) fn decoder_name(own: &str) -> String {
        format!("decoder.{own}")
    }

    /// Pixels of a side of a place.
    #[must_use]
    pub fn factor(&self) -> usize {
        1 << self.num_layers
    }

    /// Rows, and columns, of places.
    #[must_use]
    pub fn grid(&self) -> usize {
        self.image_size / self.factor()
    }

    /// Tokens of an image.
    #[must_use]
    pub fn places(&self) -> usize {
        self.grid() * self.grid()
    }

    /// Numbers that the encoder gives of a place.
    #[must_use]
    pub fn latent_width(&self) -> usize {
        match self.quantizer {
            Quantizer::Vq => self.codebook_dim,
            Quantizer::Dvae => self.num_tokens,
        }
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        ConfigSummary {
            vocabulary: self.vocab_size,
            max_length: 0,
            padding: 0,
            intermediate_size: self.hidden_size,
            sizes: vec![
                ("image_size", self.image_size),
                ("num_channels", self.num_channels),
                ("hidden_size", self.hidden_size),
                ("num_layers", self.num_layers),
                ("num_tokens", self.num_tokens),
                ("codebook_dim", self.codebook_dim),
            ],
            counts: vec![("num_resnet_blocks", self.num_resnet_blocks), ("vocab_size", self.vocab_size)],
            stacks: Vec::new(),
            epsilons: Vec::new(),
            divisions: vec![("the factor of num_layers", self.factor(), "image_size", self.image_size)],
            activations: Vec::new(),
        }
    }

    /// Name of the first tensors of a residual block of the decoder, or of its upsampling where there is no block.
    pub(super) fn decoder_start(&self) -> usize {
        usize::from(self.num_resnet_blocks > 0)
    }

    /// Width of what the decoder's first upsampling reads.
    pub(super) fn upsampled_width(&self) -> usize {
        if self.num_resnet_blocks > 0 { self.hidden_size } else { self.codebook_dim }
    }

    /// Name and shape of every tensor, in the order in which they are initialised. Counts and sums of codes are kept for going on
    /// with their training.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let (width, layers, blocks) = (self.hidden_size, self.num_layers, self.num_resnet_blocks);
        let mut shapes = Shapes::default();
        let block = |shapes: &mut Shapes, name: String| {
            for (place, kernel) in BLOCK_KERNELS {
                shapes.biased(&format!("{name}.net.{place}"), &[width, width, kernel, kernel]);
            }
        };
        shapes.tensor(CODES, &[self.num_tokens, self.codebook_dim]);
        if self.quantizer == Quantizer::Vq {
            shapes.tensor(CODE_COUNTS, &[self.num_tokens]);
        }
        if self.codebook_learning == CodebookLearning::Averages {
            shapes.tensor(CODE_SUMS, &[self.num_tokens, self.codebook_dim]);
        }
        for layer in 0..layers {
            let inputs = if layer == 0 { self.num_channels } else { width };
            let shape = [width, inputs, SCALING_KERNEL, SCALING_KERNEL];
            shapes.biased(&format!("encoder.{layer}.0"), &shape);
        }
        for index in 0..blocks {
            block(&mut shapes, format!("encoder.{}", layers + index));
        }
        shapes.biased(&format!("encoder.{}", layers + blocks), &[self.latent_width(), width, 1, 1]);
        let start = self.decoder_start();
        if blocks > 0 {
            shapes.biased("decoder.0", &[width, self.codebook_dim, 1, 1]);
        }
        for index in 0..blocks {
            block(&mut shapes, format!("decoder.{}", start + index));
        }
        for layer in 0..layers {
            let inputs = if layer == 0 { self.upsampled_width() } else { width };
            let name = format!("decoder.{}.0", start + blocks + layer);
            // The weight of a transposed convolution begins with its inputs.
            shapes.tensor(format!("{name}.weight"), &[inputs, width, SCALING_KERNEL, SCALING_KERNEL]);
            shapes.tensor(format!("{name}.bias"), &[width]);
        }
        let last = format!("decoder.{}", start + blocks + layers);
        shapes.biased(&last, &[self.num_channels, width, 1, 1]);
        shapes.into_inner()
    }

    /// No stream of states: codes, and what is read and made by them.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let codes = ImageCodes {
            codes: self.num_tokens,
            width: self.codebook_dim,
            latent_width: self.latent_width(),
            is_relaxed: self.quantizer == Quantizer::Dvae,
            by_gradient: self.codebook_learning == CodebookLearning::Gradient,
        };
        let pixels = self.num_channels * self.image_size * self.image_size;
        Outline { codes: Some(codes), reconstruction: Some(pixels), ..Outline::default() }
    }

    /// JSON of `config.json`.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        config_json(self, json!({ "model_type": "image-tokenizer", "architectures": ["ImageTokenizer"] }))
    }
}
