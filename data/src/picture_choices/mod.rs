//! Pictures with several descriptions, one of which is true.

mod describe;
mod draw;
mod options;
mod question;
mod rewritten;
mod stream;

pub use options::{PictureChoices, UnknownValue};
pub use question::{PictureChoice, PictureChoiceDetails};
