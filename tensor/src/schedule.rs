//! Learning-rate schedules: factors on the peak learning rate, step by step, as in the transformers library.

use alambic_settings::{kinds, settings};

settings! {
    /// The learning rate stays at its peak.
    pub struct Constant {
        /// Steps over which the learning rate rises from zero, as a share of all steps.
        #[range(0.0..=1.0)]
        pub warmup: f64 = 0.0,
    }
}

settings! {
    /// Falls in a line to zero at the last step.
    pub struct Linear {
        /// Steps over which the learning rate rises from zero, as a share of all steps.
        #[range(0.0..=1.0)]
        pub warmup: f64 = 0.1,
    }
}

settings! {
    /// Falls along half a cosine to zero at the last step (Loshchilov and Hutter, 2017).
    pub struct Cosine {
        /// Steps over which the learning rate rises from zero, as a share of all steps.
        #[range(0.0..=1.0)]
        pub warmup: f64 = 0.1,
    }
}

settings! {
    /// Falls with the inverse square root of the step after warm-up (Vaswani et al., 2017).
    pub struct InverseSquareRoot {
        /// Steps over which the learning rate rises from zero, as a share of all steps.
        #[range(0.0..=1.0)]
        pub warmup: f64 = 0.1,
    }
}

kinds! {
    /// Schedule of the learning rate over the steps of a stage.
    pub enum Schedule {
        Constant(Constant) = "constant",
        Linear(Linear) = "linear",
        Cosine(Cosine) = "cosine",
        InverseSquareRoot(InverseSquareRoot) = "inverse-square-root",
    }
}

impl Schedule {
    /// Steps over which the learning rate rises from zero, as a share of all steps.
    #[must_use]
    pub fn warmup(&self) -> f64 {
        match self {
            Self::Constant(options) => options.warmup,
            Self::Linear(options) => options.warmup,
            Self::Cosine(options) => options.warmup,
            Self::InverseSquareRoot(options) => options.warmup,
        }
    }

    /// The factor on the peak learning rate at `step`, counted from zero, of `steps`.
    #[must_use]
    pub fn factor(&self, step: usize, steps: usize) -> f64 {
        let warmup = (self.warmup() * steps as f64).round();
        let step = step as f64;
        if step < warmup {
            return step / warmup.max(1.0);
        }
        let progress = (step - warmup) / (steps as f64 - warmup).max(1.0);
        match self {
            Self::Constant(_) => 1.0,
            Self::Linear(_) => (1.0 - progress).max(0.0),
            Self::Cosine(_) => (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0),
            // The shift makes the curve start at one where warm-up ends.
            Self::InverseSquareRoot(_) => {
                let shift = warmup.max(1.0);
                (shift / (step + shift - warmup)).sqrt()
            }
        }
    }
}
