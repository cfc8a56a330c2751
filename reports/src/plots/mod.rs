//! Figures: plain data, drawn by plotters as SVG and PNG.
//!
//! One file a plot, each a function from results to a [`Figure`]. A figure names what it shows in words
//! ([`Figure::alternative`]) for those who cannot see it. SVG takes the text colour of the page around it, and
//! follows the reader's light or dark scheme where it stands alone; PNG is on white. Series colours are those
//! of Okabe and Ito (2008) that stand out on both, distinct without colour by order and marker.

mod against;
mod bars;
mod by_length;
mod by_slice;
mod canvas;
mod curve;
mod figure;
mod format;
mod lines;
mod losses;
mod svg;
mod time;

pub use against::metric_against;
pub use bars::{Bar, BarSeries, Bars};
pub use by_length::metric_by_length;
pub use by_slice::metric_by_slice;
pub use curve::metric_over;
pub use figure::{Drawing, Figure};
pub use format::ValueFormat;
pub use lines::{LineSeries, Lines, Scale};
pub use losses::losses_over_steps;
pub use svg::Placement;
pub use time::time_per_example;
