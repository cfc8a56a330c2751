//! The network.

use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::Activation;
use alambic_tensor::parameters::Weights;

use super::config::{CLASSIFIER, MASKED_LANGUAGE};
use super::{Head, ViltConfig};
use crate::initialise::deviation;
use crate::joint::{Hidden, Joint};
use crate::layers::{
    Answers, Encoder, Linear, Norm, Pass, PatchEmbeddings, Sequences, TextEmbeddings, TextTables, Vocabulary,
    WeightSource, activation, counted_positions, first,
};
use crate::published::complete;
use crate::regions::side_by_side;
use crate::{Initialiser, ModelError, Patches, TapSelection, Tokens, Trace};

/// Texts and images as ViLT reads them.
#[derive(Debug, Clone)]
pub struct ViltInput {
    /// The tokens of each text.
    pub tokens: Tokens,
    /// `[batch, length]`, the segment of each token; all 0 if left out.
    pub segments: Option<Arc<Vec<u32>>>,
    /// The patches of each image.
    pub patches: Patches,
}

/// A head with its weights.
#[derive(Debug, Clone)]
enum Classifier {
    None,
    Answers(Answers),
    Match(Linear),
    Vocabulary(Vocabulary),
}

/// A ViLT model over given weights.
#[derive(Debug, Clone)]
pub struct Vilt {
    config: ViltConfig,
    text: TextEmbeddings,
    text_norm: Norm,
    image: PatchEmbeddings,
    /// `[modalities, width]`.
    modalities: Tensor,
    encoder: Encoder,
    norm: Norm,
    pooler: Linear,
    classifier: Classifier,
}

impl Vilt {
    /// Builds the model over weights named as [`ViltConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &ViltConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, width) = (WeightSource::new(weights), config.hidden_size);
        let embedding = |name: &str| config.base(&format!("embeddings.{name}"));
        let table =
            |kind: &str, rows| (embedding(&format!("text_embeddings.{kind}_embeddings.weight")), rows);
        let tables = TextTables {
            words: table("word", config.vocab_size),
            positions: Some(table("position", config.max_position_embeddings)),
            segments: Some(table("token_type", config.type_vocab_size)),
            languages: None,
        };
        let image = PatchEmbeddings::load(
            source,
            &config.base("embeddings"),
            [config.num_channels, config.patch_size, width],
            config.grid(),
        )?;
        let linear = |name: &str, inputs, outputs| Linear::load(source, name, inputs, outputs);
        let norm = |name: &str| Norm::load(source, name, width, config.layer_norm_eps);
        let classifier = match config.head {
            Head::None => Classifier::None,
            Head::Answers => {
                let sizes = [width, 2 * width, config.labels.len()];
                Classifier::Answers(Answers::load(source, "classifier", sizes)?)
            }
            Head::Match => Classifier::Match(linear("rank_output", width, 1)?),
            Head::MaskedLanguage => Classifier::Vocabulary(Vocabulary::load(
                source,
                &MASKED_LANGUAGE,
                false,
                [width, width, config.vocab_size],
                (true, true),
                (activation(&config.hidden_act)?, config.layer_norm_eps),
            )?),
        };
        let layers: Vec<_> = (0..config.num_hidden_layers).map(|index| config.layer(index)).collect();
        Ok(Self {
            text: TextEmbeddings::load(source, &tables, width)?,
            text_norm: norm(&embedding("text_embeddings.LayerNorm"))?,
            image,
            modalities: source.tensor(
                &embedding("token_type_embeddings.weight"),
                &[config.modality_type_vocab_size, width],
            )?,
            encoder: Encoder::load(source, &layers, &config.sizes()?, "")?,
            norm: norm(&config.base("layernorm"))?,
            pooler: linear(&config.base("pooler.dense"), width, width)?,
            classifier,
            config: config.clone(),
        })
    }

    /// Initial weights: tables and matrices normal, zero biases, norms of one.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &ViltConfig, streams: &Streams) -> Result<Weights, ModelError> {
        let shapes = config.shapes();
        Initialiser::new(streams).fill(&shapes, shapes.keys(), deviation(config.hidden_size))
    }

    /// The same encoder with a head for these answers, and weights for it: the given ones, with a new head where the answers are others.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn with_answers(
        config: &ViltConfig,
        mut given: Weights,
        answers: &[String],
        streams: &Streams,
    ) -> Result<(ViltConfig, Weights), ModelError> {
        if config.labels != answers {
            given.retain(|name, _| !name.starts_with(CLASSIFIER));
        }
        Self::with_head_of(&config.clone().answering(answers), &given, streams)
    }

    /// A configuration, and weights for it: the given ones, and initial ones of what they leave out.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn with_head_of(
        config: &ViltConfig,
        given: &Weights,
        streams: &Streams,
    ) -> Result<(ViltConfig, Weights), ModelError> {
        let deviation = deviation(config.hidden_size);
        let weights = complete(&config.shapes(), given, ViltConfig::spellings, deviation, *streams)?;
        Ok((config.clone(), weights))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ViltConfig {
        &self.config
    }

    /// One forward pass that reads the wanted taps. Layers above the highest wanted one do not run.
    ///
    /// # Errors
    /// When text or image do not fit the model.
    pub fn trace(
        &self,
        input: &ViltInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let ViltInput { tokens, segments, patches } = input;
        let batch = tokens.batch;
        if patches.values.dim(0)? != batch {
            return Err(ModelError::Input(format!(
                "there are {batch} texts and {} images",
                patches.values.dim(0)?
            )));
        }
        let positions = counted_positions(tokens, self.config.max_position_embeddings)?;
        let padded = Sequences::padded(&tokens.mask, batch);
        let text = self.text.sum(tokens, &padded, &positions, [segments.as_ref(), None])?;
        let text = self.text_norm.forward(&text)?;
        let text = pass.dropout(&text, self.config.hidden_dropout_prob)?;
        let image = pass.dropout(&self.image.forward(patches)?, self.config.hidden_dropout_prob)?;
        let modality = |index: usize| self.modalities.narrow(0, index, 1);
        let embedded =
            Tensor::cat(&[text.broadcast_add(&modality(0)?)?, image.broadcast_add(&modality(1)?)?], 1)?;

        let image_mask = side_by_side(&vec![1; batch], &patches.mask, batch);
        let mask = side_by_side(&tokens.mask, &image_mask, batch);
        let mut whole = Trace::new(Joint::whole(&wanted));
        whole.record_mask("", &mask);
        let depth = self.encoder.depth(whole.wanted());
        let sequences = Sequences::new(&mask, batch, &wanted)?;
        let (embedded, attention) = (sequences.unpad(&embedded)?, sequences.attention());
        let hidden = self.encoder.forward(embedded, (&sequences, &attention), depth, pass, &mut whole)?;
        let hidden = sequences.pad(&hidden)?;
        self.head(&hidden, tokens, &mut whole)?;
        Joint { text: tokens.length, hidden: Hidden::Parts(1) }.part(
            &whole,
            wanted,
            &tokens.mask,
            &image_mask,
        )
    }

    /// Pooler and head, as far as they are wanted, over the last hidden state before the final norm.
    fn head(&self, hidden: &Tensor, tokens: &Tokens, trace: &mut Trace) -> Result<(), ModelError> {
        let logits = trace.wants("logits") && self.config.head != Head::None;
        if !logits && !trace.wants("pooled") {
            return Ok(());
        }
        if let (Classifier::Vocabulary(vocabulary), true) = (&self.classifier, logits) {
            let sequences = Sequences::new(&tokens.mask, tokens.batch, trace.wanted())?;
            let text = sequences.unpad(&hidden.narrow(1, 0, tokens.length)?.contiguous()?)?;
            let logits = vocabulary.forward(&self.norm.forward(&text)?, &self.text.words)?;
            trace.record("logits", &sequences.pad(&logits)?);
        }
        // Norms are taken row by row, and the first row is all that the pooler looks at.
        let pooled = self.pooler.forward(&self.norm.forward(&first(hidden)?)?, Activation::Tanh)?;
        trace.record("pooled", &pooled);
        match &self.classifier {
            Classifier::Answers(answers) if logits => trace.record("logits", &answers.forward(&pooled)?),
            Classifier::Match(last) if logits => {
                trace.record("logits", &last.forward(&pooled, Activation::Identity)?);
            }
            _ => {}
        }
        Ok(())
    }
}
