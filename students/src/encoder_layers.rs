//! A text encoder out of a teacher's layers.

use alambic_models::bert::{Bert, BertConfig, Pooling, select_layers};
use alambic_models::{Config, Tokenizer};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::encoder::Pooled;
use crate::vocabulary::{Taken, keep_words};
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
        #[range(1..=65_536)]
        pub pooling_width: Option<usize>,
        /// Most tokens that are kept of the teacher's vocabulary, with their vectors: the characters of the stage's texts, and of
        /// the tokens that these are made of the commonest. Left out: all.
        #[range(10..=1_000_000)]
        pub vocabulary: Option<usize>,
        /// Whether so many tokens are trained anew on the stage's texts, in the kind of the teacher's. A token that the teacher has
        /// keeps its vector; another one gets one as those of `added-vocabulary` do.
        pub new_vocabulary: bool = false,
        /// Most tokens that are put behind those of the teacher, trained on words of the stage's texts that the teacher does not
        /// have: of translations where there are some, and `vocabulary` then keeps what the texts in the teacher's language
        /// use. Each gets the vectors of the teacher's tokens for which it stands in the translations, by the share of each;
        /// without translations the mean of those that it would be read in. For a `WordPiece`.
        #[range(10..=1_000_000)]
        pub added_vocabulary: Option<usize>,
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
        if self.new_vocabulary && self.added_vocabulary.is_some() {
            return Err(StudentError::Size(
                "`new-vocabulary` leaves nothing of the teacher's vocabulary to which `added-vocabulary` could add".into(),
            ));
        }
        let pooling = Pooled::checked(self.pooling, self.pooling_width, teacher.width)?;
        // A prompt that is left out of the vector has as many tokens as this vocabulary makes of it.
        let own = match &teacher.pooling {
            Some(own) if own.skipped > 0 => {
                Some(Pooling { skipped: surroundings.tokenizer.prompt_length()?, ..own.clone() })
            }
            own => own.clone(),
        };
        let dropout = |own: f32| self.dropout.unwrap_or(own);
        let mut config = BertConfig {
            layers: layers.len(),
            dropout: dropout(teacher.dropout),
            attention_dropout: dropout(teacher.attention_dropout),
            head_dropout: dropout(teacher.head_dropout),
            pooling: pooling.or(own),
            ..teacher.clone()
        };
        let is_whole = self.taken() == Taken::Whole;
        if !is_whole {
            config.vocabulary = surroundings.tokenizer.size();
            config.padding = surroundings.tokenizer.padding()?;
        }
        Ok((config, weights, tokenizer.filter(|_| !is_whole), layers))
    }
}

impl MakeStudent for EncoderLayers {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError> {
        Ok(self.plan(surroundings)?.0.with_head(surroundings.task).into())
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let (config, weights, whole, layers) = self.plan(surroundings)?;
        let mut weights = select_layers(&weights, &layers);
        if let Some(whole) = whole {
            keep_words(&mut weights, &whole, surroundings.tokenizer, surroundings.translations)?;
        }
        let (config, weights) = Bert::with_head(&config, &weights, surroundings.task, &surroundings.streams)?;
        Ok(Blueprint { config: config.into(), weights })
    }

    fn takes_weights(&self) -> bool {
        true
    }

    fn purpose(&self) -> Purpose {
        Purpose::Reads
    }

    fn taken(&self) -> Taken {
        match (self.vocabulary, self.added_vocabulary) {
            (kept, Some(added)) => Taken::Added { kept, added },
            (Some(size), None) if self.new_vocabulary => Taken::Anew(size),
            (Some(size), None) => Taken::Cut(size),
            (None, None) => Taken::Whole,
        }
    }

    fn donors(&self) -> Vec<&At<String>> {
        vec![&self.teacher]
    }
}
