use serde::Serialize;

use crate::metrics::find;
use crate::numbers;

/// How the values of a figure are written on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueFormat {
    /// Shares of 1 in per cent.
    Percent,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Ratios, 1 being parity.
    Times,
    /// As they are.
    Plain,
}

/// The most decimals of a tick.
const MAX_DECIMALS: usize = 6;

impl ValueFormat {
    /// The format of a metric's values.
    #[must_use]
    pub fn of_metric(name: &str) -> Self {
        if find(name).is_ok_and(|metric| metric.is_share) { Self::Percent } else { Self::Plain }
    }

    /// The same range of an axis, no wider than values of this format can be: where all `values` are shares of a whole, the
    /// axis has none below 0 or above 1.
    pub(super) fn bounded(self, [low, high]: [f64; 2], values: [f64; 2]) -> [f64; 2] {
        if self == Self::Percent && values[0] >= 0.0 && values[1] <= 1.0 {
            [low.max(0.0), high.min(1.0)]
        } else {
            [low, high]
        }
    }

    /// The least width of an axis: on a narrower one chance would look like a difference.
    pub(super) fn least_width(self) -> f64 {
        match self {
            Self::Percent => 0.02,
            _ => 0.0,
        }
    }

    /// Half the width of an axis around a lone value.
    pub(super) fn room_around(self, value: f64) -> f64 {
        match self {
            Self::Percent => 0.05,
            _ if value == 0.0 => 0.5,
            _ => 0.1 * value.abs(),
        }
    }

    /// The unit to be named by the title of an axis, where its ticks have none.
    pub(super) fn axis_title(self, title: &str) -> String {
        match self {
            Self::Milliseconds => format!("{title} (ms)"),
            _ => title.to_owned(),
        }
    }

    /// A value alone, as along an axis whose title gives the unit.
    pub(super) fn tick(self, value: f64) -> String {
        self.ticks(&[value]).concat()
    }

    /// Values along an axis, all with the unit and as many decimals as tell them apart.
    pub(super) fn ticks(self, values: &[f64]) -> Vec<String> {
        let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let (factor, unit) = match (self, largest) {
            (Self::Percent, _) => (100.0, " %"),
            (Self::Times, _) => (1.0, " ×"),
            (Self::Bytes, 1e9..) => (1e-9, " GB"),
            (Self::Bytes, 1e6..) => (1e-6, " MB"),
            (Self::Bytes, 1e3..) => (1e-3, " kB"),
            (Self::Bytes, _) => (1.0, " B"),
            (Self::Milliseconds | Self::Plain, 1e6..) => (1e-6, "M"),
            (Self::Milliseconds | Self::Plain, 1e4..) => (1e-3, "k"),
            (Self::Milliseconds | Self::Plain, _) => (1.0, ""),
        };
        // A zero below zero has no sign.
        let scaled: Vec<f64> = values.iter().map(|value| value * factor + 0.0).collect();
        let decimals = scaled.iter().map(|&value| decimals(value)).max().unwrap_or_default();
        let written = |value: &f64| {
            if *value != 0.0 && value.abs() < 1e-4 {
                format!("{value:.0e}{unit}")
            } else {
                format!("{value:.decimals$}{unit}")
            }
        };
        scaled.iter().map(written).collect()
    }

    pub(super) fn text(self, value: f64) -> String {
        match self {
            Self::Percent => numbers::percent(value),
            Self::Milliseconds => numbers::milliseconds(value),
            Self::Bytes => numbers::bytes(value.round() as u64),
            Self::Times => numbers::times(Some(value)),
            Self::Plain => plain(value),
        }
    }
}

/// The decimals that a round number needs.
fn decimals(value: f64) -> usize {
    (0..MAX_DECIMALS)
        .find(|&decimals| {
            let shifted = value * 10_f64.powi(decimals as i32);
            (shifted - shifted.round()).abs() <= 1e-6 * shifted.abs().max(1e-3)
        })
        .unwrap_or(MAX_DECIMALS)
}

fn plain(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_string(),
        1_000_000.0.. => {
            let text = format!("{:.1}", value / 1e6);
            format!("{}M", text.trim_end_matches('0').trim_end_matches('.'))
        }
        10_000.0.. => format!("{:.0}k", value / 1000.0),
        100.0.. => format!("{value:.0}"),
        0.001.. => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => format!("{value:.0e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::ValueFormat::{Bytes, Milliseconds, Percent, Plain, Times};

    #[test]
    fn ticks_have_the_decimals_of_their_step() {
        assert_eq!(Percent.ticks(&[0.985, 0.99, 0.995]), ["98.5 %", "99.0 %", "99.5 %"]);
        assert_eq!(Percent.ticks(&[0.2, 0.4]), ["20 %", "40 %"]);
        assert_eq!(Percent.ticks(&[0.9995, 0.999_75]), ["99.950 %", "99.975 %"]);
        assert_eq!(Plain.ticks(&[0.0, 2.5, 5.0]), ["0.0", "2.5", "5.0"]);
        assert_eq!(Plain.ticks(&[5000.0, 10_000.0, 15_000.0]), ["5k", "10k", "15k"]);
        assert_eq!(Plain.ticks(&[10.0, 12.5]), ["10.0", "12.5"]);
        assert_eq!(Bytes.ticks(&[500_000.0, 1_000_000.0]), ["0.5 MB", "1.0 MB"]);
        assert_eq!(Times.ticks(&[0.5, 1.0]), ["0.5 ×", "1.0 ×"]);
        assert_eq!(Milliseconds.ticks(&[-0.0, 10.0]), ["0", "10"]);
        assert_eq!(Plain.ticks(&[1e-7]), ["1e-7"]);
    }

    #[test]
    fn axis_of_shares_ends_at_the_whole() {
        assert_eq!(Percent.bounded([-0.05, 1.05], [0.0, 1.0]), [0.0, 1.0]);
        // An error rate may be above 1.
        assert_eq!(Percent.bounded([0.9, 1.4], [1.0, 1.3]), [0.9, 1.4]);
        assert_eq!(Plain.bounded([-1.0, 2.0], [0.0, 1.0]), [-1.0, 2.0]);
    }
}
