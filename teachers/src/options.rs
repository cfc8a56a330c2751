//! Teachers as a recipe declares them: one table and one line each.

use alambic_settings::{At, Location, choices, kinds, settings};

use crate::decoding::DecodingOptions;
use crate::endpoint::EndpointOptions;
use crate::ensemble::EnsembleOptions;
use crate::recorded::RecordedOptions;

/// In a chain: the target language of the whole pipeline.
pub const TARGET: &str = "target";

choices! {
    /// Pooling of the hidden states of a text's tokens to its embedding.
    pub enum CheckpointPooling {
        /// Their mean.
        Mean = "mean",
        /// The first of them.
        First = "first",
    }
}

settings! {
    /// A checkpoint, read from a folder or trained by an earlier stage of the recipe.
    pub struct CheckpointOptions {
        /// The model's folder, `hf:OWNER/NAME[@REVISION]` for one of the hub, fetched if it is not in its cache, or
        /// `builtin:epik/matra` for the transliterator that comes with the program.
        pub model: Option<Location>,
        /// The stage of this recipe whose student it is, instead of a folder.
        pub stage: Option<At<String>>,
        /// What is put before each text that a text encoder reads, if it was trained so: `query: ` for those of the E5
        /// family. A student that takes its layers and vocabulary reads it, too. Left out: nothing.
        pub prompt: Option<String>,
        /// Pooling of the hidden states of a text's tokens to its embedding, of length one, in a text encoder. Left out: that
        /// of its folder, as sentence-transformers has it.
        pub pooling: Option<CheckpointPooling>,
    }
}

settings! {
    /// One step of a pipeline.
    pub struct PipelineStep {
        /// The teacher that takes the step: a checkpoint.
        pub teacher: At<String>,
        /// Its target language: a code such as `en`, or `target` for the one asked of the whole pipeline.
        pub language: String,
    }
}

settings! {
    /// A chain of checkpoints: the text that one generates is what the next reads.
    ///
    /// Its taps are those of the last step, which reads the intermediate text.
    pub struct PipelineOptions {
        /// The steps in order.
        pub chain: Vec<PipelineStep>,
        /// Beam width at each step of the chain; 1 is greedy.
        #[range(1..=1024)]
        pub beam: usize = 1,
        /// Number of the last step's best hypotheses, or of its samples, that become targets; epochs take them in turn.
        #[range(1..=1024)]
        pub n_best: usize = 1,
        /// Most tokens of a text.
        #[range(1..=1_048_576)]
        pub max_new_tokens: usize = 64,
        /// Outputs whose probability per token, the geometric mean over all steps, is lower are dropped.
        #[range(0.0..=1.0)]
        pub min_confidence: f64 = 0.0,
        /// Rules of decoding.
        #[flatten]
        pub decoding: DecodingOptions,
    }
}

kinds! {
    /// A teacher, by its kind.
    pub enum TeacherOptions {
        /// A model folder, or a model that an earlier stage trained.
        Checkpoint(CheckpointOptions) = "checkpoint",
        /// A chain of models.
        Pipeline(PipelineOptions) = "pipeline",
        /// Answers of an earlier pass, or of anybody, from a table.
        Recorded(RecordedOptions) = "recorded",
        /// A model behind an API.
        Endpoint(EndpointOptions) = "endpoint",
        /// Several teachers as one.
        Ensemble(EnsembleOptions) = "ensemble",
    }
}
