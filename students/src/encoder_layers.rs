//! A text encoder out of a teacher's layers.

use alambic_models::Config;
use alambic_models::bert::{Bert, BertConfig, select_layers};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::encoder::Pooled;
use crate::{Blueprint, Donor, MakeStudent, Purpose, StudentError, Surroundings, kept};

settings! {
    /// A text encoder from chosen layers of a teacher, widths and embeddings kept. With all layers it is the teacher
    /// itself under a head of its own, to be fine-tuned. A head that the teacher has is taken over where it is of the
    /// same task, and else begins at random.
    pub struct EncoderLayers {
        /// The teacher whose layers are taken.
        pub teacher: At<String>,
        /// Layers to keep, counted from 1, in order. Left out: all.
        pub layers: Option<At<Vec<usize>>>,
        /// How the states of a text's tokens become its vector, of length one. Left out: as the teacher's do.
        pub pooling: Option<Pooled>,
        /// Share of activations dropped in training; left out, as the teacher's.
        #[range(0.0..=0.9)]
        pub dropout: Option<f32>,
    }
}

impl EncoderLayers {
    /// The teacher with the kept layers alone: its configuration, its weights, and the layers, counted from 0.
    fn plan(
        &self,
        surroundings: &Surroundings<'_>,
    ) -> Result<(BertConfig, Weights, Vec<usize>), StudentError> {
        let donor = (surroundings.donor)(&self.teacher);
        let Donor { config, weights } =
            donor.ok_or_else(|| StudentError::NoDonor(self.teacher.value.clone()))?;
        let teacher = config.bert()?;
        let layers = kept(self.layers.as_ref().map(|layers| &layers.value), teacher.layers, "encoder")?;
        let dropout = |own: f32| self.dropout.unwrap_or(own);
        let config = BertConfig {
            layers: layers.len(),
            dropout: dropout(teacher.dropout),
            attention_dropout: dropout(teacher.attention_dropout),
            head_dropout: dropout(teacher.head_dropout),
            pooling: self.pooling.map(Pooled::pooling).or(teacher.pooling),
            ..teacher.clone()
        };
        Ok((config, weights, layers))
    }
}

impl MakeStudent for EncoderLayers {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError> {
        Ok(self.plan(surroundings)?.0.for_task(surroundings.task).into())
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let (config, weights, layers) = self.plan(surroundings)?;
        let weights = select_layers(&weights, &layers);
        let (config, weights) = Bert::for_task(&config, &weights, surroundings.task, &surroundings.streams)?;
        Ok(Blueprint { config: config.into(), weights })
    }

    fn takes_weights(&self) -> bool {
        true
    }

    fn purpose(&self) -> Purpose {
        Purpose::Reads
    }

    fn donors(&self) -> Vec<&At<String>> {
        vec![&self.teacher]
    }
}
