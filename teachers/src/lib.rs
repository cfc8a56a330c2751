//! Ways to get supervision: checkpoints that write or read texts, pipelines of checkpoints, outputs recorded earlier;
//! what a teacher says of texts, kept on disk ([`cache`]); and texts varied with the help of a model.
//!
//! A teacher does two things: it writes a target text for a source ([`Teacher::write`]), and it shows what goes on
//! inside while it reads and writes given texts ([`Teacher::trace`]), computing no more than the taps asked for.

mod adapted;
mod augment;
pub mod cache;
mod checkpoint;
mod encoder;
mod error;
pub mod ledger;
mod network;
mod options;
mod pipeline;
mod record;
mod recorded;
mod teacher;

pub use augment::{AugmentOptions, Augmenter, Passage, Varied};
pub use checkpoint::Checkpoint;
pub use encoder::Encoder;
pub use error::TeacherError;
pub use ledger::{Fingerprint, Ledger};
pub use network::Network;
pub use options::{
    CheckpointOptions, PipelineOptions, Pooled, RecordedOptions, Step, TARGET, TeacherOptions,
};
pub use pipeline::Pipeline;
pub use record::Record;
pub use recorded::Recorded;
pub use teacher::{Batch, Candidate, Forced, Request, Teacher, Written};
