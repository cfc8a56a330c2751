//! Figures: plain data, drawn by plotters as SVG and PNG.
//!
//! One file a plot, each a function from results to a [`Figure`]. A figure names what it shows in words
//! ([`Figure::alternative`]) for those who cannot see it. SVG takes the text colour of the page around it, and
//! follows the reader's light or dark scheme where it stands alone; PNG is on white. Series colours are those
//! of Okabe and Ito (2008) that stand out on both, distinguished without colour by marker. A series has the same colour and
//! marker in every figure of a page.

mod against;
mod bars;
mod by_layer;
mod by_length;
mod by_slice;
mod canvas;
mod cost;
mod curve;
mod dots;
mod figure;
mod format;
mod heatmap;
mod lines;
mod losses;
mod schedules;
mod styles;
mod svg;
mod time;
mod validation;

pub use against::metric_against;
pub use bars::{BarSeries, Bars};
pub use by_layer::metric_by_layer;
pub use by_length::metric_by_length;
pub use by_slice::metric_by_slice;
pub use cost::quality_against_cost;
pub use curve::metric_over;
pub use dots::{Dot, DotSeries, Dots};
pub use figure::{Drawing, Figure};
pub use format::ValueFormat;
pub use heatmap::Heatmap;
pub use lines::{LineSeries, Lines, Scale};
pub use losses::losses_over_steps;
pub(crate) use styles::{Styles, is_other_baseline};
pub use svg::Placement;
pub use time::time_per_example;
pub use validation::{learning_rate_over_steps, validation_over_steps};
