//! A text encoder out of a teacher's layers.

use alambic_models::bert::{Bert, BertConfig, select_layers};
use alambic_models::{Config, ModelError, Tokenizer};
use alambic_settings::{At, settings};
use alambic_tensor::candle::{Device, Tensor};
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
        /// Numbers of the state of a layer of long short-term memory. Left out: as many as those of a token's.
        #[range(1..)]
        pub pooling_width: Option<usize>,
        /// Most tokens that are kept of the teacher's vocabulary, with their vectors: the characters of the stage's texts, and of
        /// the tokens that these are made of the commonest. Left out: all.
        #[range(10..=1_000_000)]
        pub vocabulary: Option<usize>,
        /// Whether so many tokens are trained anew on the stage's texts, in the kind of the teacher's. A token that the teacher has
        /// keeps its vector; another one gets the mean of those of the teacher's tokens that it would be read in.
        pub new_vocabulary: bool = false,
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
    ) -> Result<(BertConfig, Weights, Option<Tokenizer>, Vec<usize>), StudentError> {
        let donor = (surroundings.donor)(&self.teacher);
        let Donor { config, weights, tokenizer } =
            donor.ok_or_else(|| StudentError::NoDonor(self.teacher.value.clone()))?;
        let teacher = config.bert()?;
        let layers = kept(self.layers.as_ref().map(|layers| &layers.value), teacher.layers, "encoder")?;
        if self.new_vocabulary && self.vocabulary.is_none() {
            return Err(StudentError::Size(
                "`new-vocabulary` trains as many tokens as `vocabulary` says, and that is left out".into(),
            ));
        }
        let pooling = Pooled::checked(self.pooling, self.pooling_width, teacher.width)?;
        let dropout = |own: f32| self.dropout.unwrap_or(own);
        let mut config = BertConfig {
            layers: layers.len(),
            dropout: dropout(teacher.dropout),
            attention_dropout: dropout(teacher.attention_dropout),
            head_dropout: dropout(teacher.head_dropout),
            pooling: pooling.or(teacher.pooling),
            ..teacher.clone()
        };
        if self.vocabulary.is_some() {
            config.vocabulary = surroundings.tokenizer.size();
            config.padding = surroundings.tokenizer.padding()?;
        }
        Ok((config, weights, tokenizer.filter(|_| self.vocabulary.is_some()), layers))
    }
}

impl MakeStudent for EncoderLayers {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError> {
        Ok(self.plan(surroundings)?.0.for_task(surroundings.task).into())
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let (config, weights, whole, layers) = self.plan(surroundings)?;
        let mut weights = select_layers(&weights, &layers);
        if let Some(whole) = whole {
            keep_words(&mut weights, &whole, surroundings.tokenizer)?;
        }
        let (config, weights) = Bert::for_task(&config, &weights, surroundings.task, &surroundings.streams)?;
        Ok(Blueprint { config: config.into(), weights })
    }

    fn takes_weights(&self) -> bool {
        true
    }

    fn purpose(&self) -> Purpose {
        Purpose::Reads
    }

    fn cut(&self) -> Option<usize> {
        self.vocabulary
    }

    fn trains_vocabulary(&self) -> bool {
        self.new_vocabulary
    }

    fn donors(&self) -> Vec<&At<String>> {
        vec![&self.teacher]
    }
}

/// Gives each token of another vocabulary its vector in the whole one, or the mean of those of the tokens that it is read in
/// there.
fn keep_words(weights: &mut Weights, whole: &Tokenizer, other: &Tokenizer) -> Result<(), StudentError> {
    let rows: Vec<Vec<u32>> = other
        .tokens()
        .iter()
        .map(|token| match whole.id(token) {
            Ok(id) => Ok(vec![id]),
            Err(_) => whole.piece(token),
        })
        .collect::<Result<_, ModelError>>()?;
    let flat = Tensor::new(rows.concat(), &Device::Cpu).map_err(ModelError::from)?;
    for (name, tensor) in weights.iter_mut() {
        if name.ends_with("embeddings.word_embeddings.weight") {
            let width = tensor.dim(1).map_err(ModelError::from)?;
            let taken = tensor.index_select(&flat, 0).and_then(|taken| taken.to_vec2::<f32>());
            let mut taken = taken.map_err(ModelError::from)?.into_iter();
            let mut vectors = Vec::with_capacity(rows.len() * width);
            for ids in &rows {
                let mut sum = vec![0.0; width];
                for vector in taken.by_ref().take(ids.len()) {
                    for (sum, number) in sum.iter_mut().zip(vector) {
                        *sum += number / ids.len() as f32;
                    }
                }
                vectors.extend(sum);
            }
            *tensor =
                Tensor::from_vec(vectors, (rows.len(), width), &Device::Cpu).map_err(ModelError::from)?;
        }
    }
    Ok(())
}
