//! Training: the loop, what hangs on it, and what every task brings to it.

pub(crate) mod answers;
pub(crate) mod callbacks;
pub(crate) mod checkpoint;
pub(crate) mod encoded;
pub(crate) mod encoded_examples;
pub(crate) mod job;
pub(crate) mod losses;
pub(crate) mod masking;
pub(crate) mod moving_average;
pub(crate) mod output;
pub(crate) mod sampler;
pub(crate) mod schedules;
pub(crate) mod sides;
pub(crate) mod state;
pub(crate) mod statistics;
pub(crate) mod supervision;
pub(crate) mod taps;
pub(crate) mod task;
pub(crate) mod teacher_outputs;
pub(crate) mod trainer;
pub(crate) mod validation;
pub(crate) mod weight_choice;
