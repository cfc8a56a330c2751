//! Keys of a training.

use std::ops::Bound;

use alambic_data::LanguageSampling;
use alambic_data::batches::BatchOptions;
use alambic_settings::{At, kinds, settings};
use alambic_tensor::optimiser::AdamWOptions;
use alambic_tensor::precision::MatmulPrecision;
use alambic_tensor::schedule::{Linear, Schedule};

kinds! {
    /// An optimiser.
    pub enum Optimiser {
        /// Adam with decoupled weight decay.
        AdamW(AdamWOptions) = "adamw",
    }
}

settings! {
    /// How a stage trains.
    pub struct TrainOptions {
        /// How many times the data is gone through. One of `epochs` and `steps` is needed; the smaller counts.
        #[range((Bound::Excluded(0.0), Bound::Included(1e6)))]
        pub epochs: Option<f64>,
        /// Most steps of the optimiser.
        #[range(1..)]
        pub steps: Option<usize>,
        /// How examples are gathered into batches.
        pub batch: BatchOptions,
        /// Sampling of the languages of texts and of questions about passages. Left out: each example once in an epoch.
        pub sampling: Option<At<LanguageSampling>>,
        /// Batches whose gradients are summed for one step of the optimiser.
        #[range(1..=1_048_576)]
        pub gradient_accumulation: usize = 1,
        /// What updates the weights.
        pub optimiser: Optimiser = Optimiser::AdamW(AdamWOptions::default()),
        /// How the learning rate changes over the steps.
        pub schedule: Schedule = Schedule::Linear(Linear { warmup: 0.1 }),
        /// Precision of the large matrix products in training steps, of the student and of a teacher that runs with it. Cached
        /// teacher outputs and evaluation are in `f32`. `int8` is for finished models.
        pub precision: MatmulPrecision = MatmulPrecision::F32,
        /// Largest L2 norm of all gradients together; they are scaled down to it. 0 for no limit.
        #[range(0.0..)]
        pub max_grad_norm: f64 = 1.0,
        /// Decay of the exponential moving average of the weights, which is what is validated and stored; 0 for none. 0.999
        /// averages over about a thousand steps.
        #[range(0.0..=0.99999)]
        pub ema_decay: f64 = 0.0,
        /// The metric by which checkpoints are chosen on the validation split. Left out: the usual one of the task.
        pub metric_for_best_model: Option<At<String>>,
        /// Steps between validations.
        #[range(1..)]
        pub validate_every: usize = 500,
        /// Most examples that a validation writes.
        #[range(1..)]
        pub validation_examples: usize = 500,
        /// Validations without a better one after which the stage ends; left out, it runs to its end.
        #[range(1..)]
        pub patience: Option<usize>,
        /// Steps between checkpoints.
        #[range(1..)]
        pub checkpoint_every: usize = 200,
    }
}
