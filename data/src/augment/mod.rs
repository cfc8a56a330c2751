//! Augmentation of images: views of a training image that differ from epoch to epoch, as torchvision draws and computes them.

mod crop;
mod draws;
mod jitter;
mod options;
mod placement;
mod sides;
mod view;

pub use crop::CropBox;
pub use draws::Draws;
pub use jitter::{Adjustment, Jitter};
pub use options::{Augmentation, ColourJitter, RandomResizedCrop, TeacherView};
pub use placement::counts_or_places;
pub use sides::{LANGUAGES_OF_SIDES, has_side};
pub use view::ImageView;
