//! Reading and writing Hugging Face model folders.

mod header;
mod model_folder;
pub(crate) mod modules;
mod pytorch;
mod recorded;
pub(crate) mod sentence_options;
mod stored;
mod tensor;
mod weights;
mod writing;

pub use model_folder::ModelFolder;
pub use recorded::{WRITTEN_BY, load_recorded, written_by};
pub(crate) use stored::StoredWeights;
pub use writing::{Precision, write_weights};
