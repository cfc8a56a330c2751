//! A transformer that writes images for texts, and texts for images.

use alambic_models::ernie_vilg::{
    self, ErnieVilgConfig, Reconstructor as ReconstructorConfig, ReconstructorStates, RowPattern,
};
use alambic_models::{Config, TokenizerModel};
use alambic_settings::{At, choices, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::encoder::TokenizerKind;
use crate::sizes::TransformerSizes;
use crate::student_builder::{
    BuildContext, EPSILON, InitialModel, SourceModel, StudentBuilder, TaskKind, check_heads,
};

choices! {
    /// What the tokens of an image see of it.
    pub enum ImageAttention {
        /// Squares in the last layer, columns in every fourth layer from the second on, rows in the others (Ramesh et al., 2021).
        Sparse = "sparse",
        /// All of it.
        Dense = "dense",
    }
}

choices! {
    /// What the tokens of an image see of it in layers of rows.
    pub enum SparseRows {
        /// Their row.
        Row = "row",
        /// Themselves and as many tokens before them as a row has.
        Previous = "previous",
    }
}

choices! {
    /// Where a reconstructor begins.
    pub enum ReconstructorStart {
        /// As the decoder of the image tokenizer.
        Tokenizer = "tokenizer",
        /// From random weights.
        Random = "random",
    }
}

choices! {
    /// The states of which a reconstructor makes an image.
    pub enum StatesOfImage {
        /// Those that have read the token of their place.
        Reading = "reading",
        /// Those that predict it.
        Predicting = "predicting",
    }
}

settings! {
    /// A transformer that writes the tokens of an image for a text, and a text for the tokens of an image (ERNIE-ViLG, Zhang et al.,
    /// 2021), from random weights. The image tokenizer is part of it and stays as it is. It is trained on `data.generation`, by entries that
    /// write `image-tokens` or read them.
    pub struct ErnieVilg {
        /// The image tokenizer: a teacher or a stage's model of that kind, or of this one, whose image tokenizer is taken.
        pub image_tokenizer: At<String>,
        /// The sizes of the transformer.
        #[flatten]
        pub transformer: TransformerSizes,
        /// What the tokens of an image see of it.
        pub attention: ImageAttention = ImageAttention::Sparse,
        /// The same in layers of rows.
        pub row: SparseRows = SparseRows::Row,
        /// The side of the squares that the last layer sees, an odd number of tokens.
        #[range(1..=255)]
        pub kernel: usize = 5,
        /// A decoder that makes images of the transformer's last states, and where it begins; left out, the image tokenizer makes them of
        /// codes. With it `loss.image-reconstruction` trains transformer and decoder together.
        pub reconstructor: Option<ReconstructorStart>,
        /// The states that it reads.
        pub states: StatesOfImage = StatesOfImage::Reading,
        /// Whether its gradients stop before the transformer.
        pub detach: bool = false,
        /// A teacher in CLIP's or SigLIP's layout that chooses the best of several images of a text, `predict --candidates`: it lies in the
        /// model's folder. Left out: the likeliest image is the best.
        pub re_ranker: Option<At<String>>,
        /// Maximum number of tokens of a text.
        #[range(4..=1_048_576)]
        pub max_length: usize = 64,
        /// Maximum number of tokens of the vocabulary of texts, which is trained on those of the stage.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
        /// What its pieces are.
        pub pieces: TokenizerKind = TokenizerKind::Unigram,
    }
}

impl ErnieVilg {
    /// The configuration, and the weights that the image tokenizer gives.
    fn plan(&self, context: &BuildContext<'_>) -> Result<(ErnieVilgConfig, Weights), StudentError> {
        let sizes = &self.transformer;
        check_heads(sizes.width, sizes.heads)?;
        if self.kernel.is_multiple_of(2) {
            return Err(StudentError::Incompatible(format!(
                "a square of {} tokens has no middle: `kernel` is an odd number",
                self.kernel
            )));
        }
        let source = context.require(&self.image_tokenizer)?;
        let (image_tokenizer, given) = match source.config {
            Config::ImageTokenizer(own) => (own, source.weights),
            Config::ErnieVilg(own) => {
                let own_weights = ernie_vilg::tokenizer_weights(&source.weights);
                (own.image_tokenizer, own_weights)
            }
            other => {
                return Err(SourceModel::unexpected(&self.image_tokenizer, &other, "an image tokenizer"));
            }
        };
        let rows = match self.row {
            SparseRows::Row => RowPattern::Row,
            SparseRows::Previous => RowPattern::Previous,
        };
        let states = match self.states {
            StatesOfImage::Reading => ReconstructorStates::Reading,
            StatesOfImage::Predicting => ReconstructorStates::Predicting,
        };
        let config = ErnieVilgConfig {
            vocab_size: context.tokenizer.size(),
            hidden_size: sizes.width,
            num_hidden_layers: sizes.layers,
            num_attention_heads: sizes.heads,
            intermediate_size: sizes.intermediate_size(),
            hidden_act: sizes.activation.name().to_owned(),
            hidden_dropout_prob: sizes.dropout,
            max_position_embeddings: self.max_length,
            layer_norm_eps: EPSILON,
            pad_token_id: context.tokenizer.padding()?,
            eos_token_id: context.tokenizer.closing()?,
            sparse_attention: (self.attention == ImageAttention::Sparse).then_some(rows),
            attention_kernel: self.kernel,
            reconstructor: self.reconstructor.map(|_| ReconstructorConfig { states, detach: self.detach }),
            image_tokenizer,
        };
        let mut given = config.with_tokenizer(&given);
        if self.reconstructor == Some(ReconstructorStart::Random) {
            given.retain(|name, _| !name.starts_with(ErnieVilgConfig::RECONSTRUCTOR));
        }
        Ok((config, given))
    }
}

impl StudentBuilder for ErnieVilg {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.plan(context)?.0.into())
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, given) = self.plan(context)?;
        let mut weights = ernie_vilg::ErnieVilg::initial_weights(&config, &context.streams)?;
        weights.extend(given);
        Ok(InitialModel { config: config.into(), weights })
    }

    fn has_source_weights(&self) -> bool {
        true
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextGeneration
    }

    fn source_models(&self) -> Vec<&At<String>> {
        vec![&self.image_tokenizer]
    }

    fn re_ranker(&self) -> Option<&At<String>> {
        self.re_ranker.as_ref()
    }

    /// An image tokenizer reads no texts.
    fn vocabulary_source(&self) -> Option<&At<String>> {
        None
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }

    fn tokenizer_model(&self) -> TokenizerModel {
        self.pieces.into()
    }
}
