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
    /// As they are.
    Plain,
}

impl ValueFormat {
    /// The format of a metric's values.
    #[must_use]
    pub fn of_metric(name: &str) -> Self {
        if find(name).is_ok_and(|metric| metric.is_share) { Self::Percent } else { Self::Plain }
    }

    /// A value along an axis, whose unit its title gives.
    pub(super) fn tick(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{} %", plain((1000.0 * value).round() / 10.0)),
            Self::Bytes => numbers::bytes(value.round() as u64),
            Self::Milliseconds | Self::Plain => plain(value),
        }
    }

    pub(super) fn text(self, value: f64) -> String {
        match self {
            Self::Percent => numbers::percent(value),
            Self::Milliseconds => numbers::milliseconds(value),
            Self::Bytes => numbers::bytes(value.round() as u64),
            Self::Plain => plain(value),
        }
    }
}

fn plain(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_string(),
        1_000_000.0.. => {
            let text = format!("{:.1}", value / 1e6);
            format!("{}M", text.trim_end_matches('0').trim_end_matches('.'))
        }
        10_000.0.. => format!("{:.0}k", value / 1000.0),
        10.0.. => format!("{value:.0}"),
        0.001.. => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => format!("{value:.0e}"),
    }
}
