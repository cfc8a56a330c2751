//! Made-up scenes of coloured shapes, with all that is in them, and questions about them: in the manner of sort-of-CLEVR
//! (Santoro et al., 2017).

mod asking;
mod canvas;
mod colour;
mod describing;
mod drawing;
mod picture;
mod scene;
mod shape;
mod tongues;

pub use asking::Asked;
pub(crate) use asking::answers;
pub use drawing::Drawing;
pub(crate) use picture::tags;
pub(crate) use scene::{Recipe, Scene, stream};
pub use tongues::Tongue;
