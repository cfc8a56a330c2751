//! Keys of stages that choose a part of the weights.

use std::ops::Bound;

use alambic_settings::{choices, kinds, settings};

kinds! {
    /// How a stage chooses a part of a student's weights.
    pub enum Sparse {
        /// Pruning by magnitude, in rounds.
        Magnitude(MagnitudeOptions) = "magnitude",
        /// The weights that fine-tuning changes most.
        Change(ChangeOptions) = "change",
        /// Weights drawn by lot.
        Random(RandomOptions) = "random",
    }
}

impl Sparse {
    /// How many trainings the choice takes.
    pub(crate) fn trainings(&self) -> usize {
        match self {
            Self::Magnitude(options) => options.rounds,
            Self::Change(options) => 2 * options.iterations,
            Self::Random(_) => 0,
        }
    }
}

settings! {
    /// Iterative magnitude pruning (Frankle and Carbin, 2019): in each round the stage is trained as its `train` says, the smallest of
    /// the weights that are left are pruned, and what is left is set back to where it was before the stage. A new round has a new
    /// optimiser and schedule.
    ///
    /// What the stage leaves is the student before it, with zeros for what was pruned, and the masks; a later stage with
    /// `masked-by` trains it. Nooralahzadeh and Sennrich (2023) find the sub-network of a task so, in five rounds of an epoch
    /// each.
    pub struct MagnitudeOptions {
        /// Rounds of training and pruning.
        #[range(1..=100)]
        pub rounds: usize = 5,
        /// Share of the weights that are left which a round prunes. Five rounds of 0.1 leave 59 %.
        #[range((Bound::Excluded(0.0), Bound::Excluded(1.0)))]
        pub prune_fraction: f64 = 0.1,
        /// Among which weights the smallest are looked for.
        pub scope: Scope = Scope::All,
        /// Parts of names of the parameters that are pruned, such as `encoder.layer.`. Left out: the matrices of layers and of the pooler.
        pub parameters: Vec<String> = Vec::new(),
        /// Where the weights that are left go on from.
        pub rewind: Rewind = Rewind::Start,
        /// The round whose masks are kept.
        pub keep: Keep = Keep::Last,
    }
}

settings! {
    /// Sparse fine-tuning as the lottery ticket hypothesis has it (LT-SFT: Ansell et al., 2022): the stage is trained as its `train`
    /// says, the weights that have changed most are chosen, all are set back, and the training is repeated for the chosen ones
    /// alone. The others stay as they are, without weight decay; heads are trained whole.
    ///
    /// The stage leaves the whole student and `delta.safetensors`, the changes of the chosen weights (`NAME.indices` in 32-bit
    /// integers, in row-major order, and `NAME.values`): changes of several stages add up.
    pub struct ChangeOptions {
        /// Share of the weights that are chosen. One of `fraction` and `number` is needed.
        #[range((Bound::Excluded(0.0), Bound::Excluded(1.0)))]
        pub fraction: Option<f64>,
        /// Number of weights that are chosen.
        #[range(1..)]
        pub number: Option<usize>,
        /// How many times weights are chosen, an equal part each time among those not chosen before; each time begins where the
        /// one before ended.
        #[range(1..=100)]
        pub iterations: usize = 1,
        /// Parts of names of the parameters among which weights are chosen. Left out: all but those of heads.
        pub parameters: Vec<String> = Vec::new(),
    }
}

settings! {
    /// Weights pruned by lot, drawn by the seed, without training: what a mask of the same size is compared with.
    pub struct RandomOptions {
        /// Share of the weights that are pruned.
        #[range((Bound::Excluded(0.0), Bound::Excluded(1.0)))]
        pub fraction: f64,
        /// Among which weights they are drawn.
        pub scope: Scope = Scope::All,
        /// Parts of names of the parameters that are pruned. Left out: the matrices of layers and of the pooler.
        pub parameters: Vec<String> = Vec::new(),
    }
}

choices! {
    /// Among which weights some are looked for.
    pub enum Scope {
        /// Among all at once.
        All = "all",
        /// In each parameter by itself, the same share.
        Each = "each",
    }
}

choices! {
    /// Where weights go on from after a round.
    pub enum Rewind {
        /// From where they were before the stage.
        Start = "start",
        /// From where the round left them; what the stage leaves is then trained, too.
        Nothing = "none",
    }
}

choices! {
    /// The round whose masks are kept.
    pub enum Keep {
        /// The last one.
        Last = "last",
        /// That whose training had the best validation; it prunes less than was asked for where that is an earlier one.
        Best = "best",
    }
}
