//! Figures of what grows.

use std::error::Error;
use std::path::Path;

use alambic_files::write;
use alambic_reports::numbers;
use alambic_reports::plots::{Drawing, Figure, LineSeries, Lines, Placement, Scale, ValueFormat};

/// What grows: its name, what an axis says of it, and how the axis is divided.
pub(crate) struct Axis {
    pub(crate) name: &'static str,
    pub(crate) counts: &'static str,
    pub(crate) scale: Scale,
}

/// What it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Milliseconds,
    Seconds,
    Bytes,
}

impl Measure {
    fn text(self, value: f64) -> String {
        match self {
            Self::Milliseconds => numbers::milliseconds(value),
            Self::Seconds => numbers::duration(value),
            Self::Bytes => numbers::bytes(value.round() as u64),
        }
    }
}

/// A curve and its name.
pub(crate) type Curve = (String, Vec<(f64, f64)>);

/// Costs that differ by more than this factor share an axis of ratios.
const RATIO: f64 = 10.0;

/// How an axis of costs is divided. Times are on one of ratios, where whatever grows alike has the same slope; memory, much of
/// which does not grow, begins at 0 unless it would then not be seen where it is little.
fn scale(measure: Measure, curves: &[Curve]) -> Scale {
    let costs = || curves.iter().flat_map(|(_, points)| points).map(|(_, cost)| *cost);
    let (low, high) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
    if measure == Measure::Bytes && high < RATIO * low { Scale::Linear } else { Scale::Logarithmic }
}

/// The figure of what a work costs as something grows.
pub(crate) fn figure(work: &str, axis: &Axis, title: &str, measure: Measure, curves: Vec<Curve>) -> Figure {
    let (stem, vertical, format) = match measure {
        Measure::Milliseconds => ("time", "milliseconds", ValueFormat::Milliseconds),
        Measure::Seconds => ("time", "seconds", ValueFormat::Plain),
        Measure::Bytes => ("memory", "bytes", ValueFormat::Bytes),
    };
    let words: Vec<String> = curves
        .iter()
        .filter_map(|(name, points)| {
            let (first, last) = (points.first()?, points.last()?);
            let at = |(x, y): &(f64, f64)| format!("{} at {x}", measure.text(*y));
            Some(format!("{name} from {} to {}", at(first), at(last)))
        })
        .collect();
    Figure {
        name: format!("{work}-{}-{stem}", axis.name),
        title: title.to_owned(),
        alternative: format!("{title}, over {}: {}.", axis.counts, words.join("; ")),
        drawing: Drawing::Lines(Lines {
            horizontal: axis.counts.to_owned(),
            horizontal_scale: axis.scale,
            horizontal_format: ValueFormat::Plain,
            vertical: vertical.to_owned(),
            vertical_scale: scale(measure, &curves),
            vertical_format: format,
            joined: true,
            series: curves.into_iter().map(|(name, points)| LineSeries { name, points }).collect(),
        }),
    }
}

/// Writes a figure as SVG, named by what it shows.
pub(crate) fn write(figure: &Figure, out: &Path) -> Result<(), Box<dyn Error>> {
    let path = out.join(format!("{}.svg", figure.name));
    Ok(write::write(&path, figure.svg(Placement::Alone)?.as_bytes())?)
}
