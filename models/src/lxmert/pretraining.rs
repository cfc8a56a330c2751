//! The heads of pre-training.

use std::sync::Arc;

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::Activation;

use super::LxmertConfig;
use super::config::{EPSILON, REGION_HEADS, REGION_TRANSFORM, RELATION, RELATIONS, WORDS};
use crate::layers::{Linear, Norm, Sequences, Vocabulary, WeightSource, activation};
use crate::outline::{ATTRIBUTE_LOGITS, OBJECT_LOGITS, PREDICTED_FEATURES, PREDICTION_LOGITS};
use crate::{ModelError, Trace};

/// Heads over words, over the pooled state and over regions, as far as the configuration has them.
#[derive(Debug, Clone)]
pub(super) struct PretrainingHeads {
    words: Option<Vocabulary>,
    relation: Option<Linear>,
    regions: Option<RegionLayers>,
}

/// Layers over regions, which share the first one.
#[derive(Debug, Clone)]
struct RegionLayers {
    dense: Linear,
    norm: Norm,
    activation: Activation,
    /// Each with its tap.
    outputs: Vec<(&'static str, Linear)>,
}

impl PretrainingHeads {
    pub(super) fn load(source: WeightSource<'_>, config: &LxmertConfig) -> Result<Self, ModelError> {
        let width = config.hidden_size;
        let act = activation(&config.hidden_act)?;
        let words = || {
            Vocabulary::load(
                source,
                &WORDS,
                false,
                [width, width, config.vocab_size],
                (true, true),
                (act, EPSILON),
            )
        };
        let widths = config.region_widths();
        let regions = || {
            let [dense, norm] = REGION_TRANSFORM;
            let taps = [OBJECT_LOGITS, ATTRIBUTE_LOGITS, PREDICTED_FEATURES];
            let heads = taps.into_iter().zip(REGION_HEADS).zip(widths).filter(|(_, outputs)| *outputs > 0);
            let outputs = heads
                .map(|((tap, name), outputs)| Ok((tap, Linear::load(source, name, width, outputs)?)))
                .collect::<Result<_, ModelError>>()?;
            Ok::<_, ModelError>(RegionLayers {
                dense: Linear::load(source, dense, width, width)?,
                norm: Norm::load(source, norm, width, EPSILON)?,
                activation: act,
                outputs,
            })
        };
        Ok(Self {
            words: config.is_pretraining(config.task_mask_lm).then(words).transpose()?,
            relation: config
                .is_pretraining(config.task_matched)
                .then(|| Linear::load(source, RELATION, width, RELATIONS))
                .transpose()?,
            regions: (widths != [0; 3]).then(regions).transpose()?,
        })
    }

    /// Whether a tap is wanted that is read from the pooled state.
    pub(super) fn reads_pooled(&self, trace: &Trace) -> bool {
        self.relation.is_some() && trace.wants("relation")
    }

    /// Records whether text and image belong together, from the pooled state `[batch, width]`.
    pub(super) fn record_relation(&self, pooled: &Tensor, trace: &mut Trace) -> Result<(), ModelError> {
        if let Some(relation) = self.relation.as_ref().filter(|_| trace.wants("relation")) {
            trace.record("relation", &relation.forward(pooled, Activation::Identity)?);
        }
        Ok(())
    }

    /// Records the logits of words, from the last states of the text: of those that are selected, or of all. `words` is the table of
    /// words.
    pub(super) fn record_words(
        &self,
        language: (&Tensor, &Sequences),
        words: &Tensor,
        selected: Option<&Arc<Vec<u32>>>,
        trace: &mut Trace,
    ) -> Result<(), ModelError> {
        let Some(head) = self.words.as_ref().filter(|_| trace.wants(PREDICTION_LOGITS)) else {
            return Ok(());
        };
        let (hidden, sequences) = language;
        let logits = match selected {
            None => sequences.pad(&head.forward(hidden, words)?)?,
            Some(selected) => {
                let rows = Tensor::new(selected.as_slice(), device::current())?;
                let hidden = sequences.pad(hidden)?.flatten_to(1)?.index_select(&rows, 0)?;
                head.forward(&hidden, words)?
            }
        };
        trace.record(PREDICTION_LOGITS, &logits);
        Ok(())
    }

    /// Records what is said of each region, from the last states of the regions.
    pub(super) fn record_regions(
        &self,
        (hidden, sequences): (&Tensor, &Sequences),
        trace: &mut Trace,
    ) -> Result<(), ModelError> {
        let Some(regions) = &self.regions else { return Ok(()) };
        if !regions.outputs.iter().any(|(tap, _)| trace.wants(tap)) {
            return Ok(());
        }
        let transformed = regions.norm.forward(&regions.dense.forward(hidden, regions.activation)?)?;
        for (tap, output) in regions.outputs.iter().filter(|(tap, _)| trace.wants(tap)).collect::<Vec<_>>() {
            trace.record(tap, &sequences.pad(&output.forward(&transformed, Activation::Identity)?)?);
        }
        Ok(())
    }
}
