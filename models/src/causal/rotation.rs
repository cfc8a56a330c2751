//! Frequencies of rotary positions, as configurations slow them.

use alambic_files::text::quoted;
use alambic_tensor::ops::Rotation;
use serde_json::{Value, json};

/// Slowing of rotary positions for texts that are longer than those of pre-training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slowing {
    /// All frequencies divided by a factor.
    Linear(f64),
    /// Low frequencies divided by a factor, high ones kept, those between interpolated (Llama 3.1).
    Llama3 {
        /// Divisor of low frequencies.
        factor: f64,
        /// Share of the original length from which on a wavelength is long.
        low: f64,
        /// Share of the original length up to which a wavelength is short.
        high: f64,
        /// Tokens of a text of pre-training.
        original: f64,
    },
}

/// Rotation of queries and keys by their positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RotaryScaling {
    /// Base of the frequencies.
    pub base: f64,
    /// Slowing; none for the frequencies as they are.
    pub slowing: Option<Slowing>,
}

/// Base where a configuration has none.
const BASE: f64 = 10_000.0;

impl RotaryScaling {
    /// Rotation of a configuration: `rope_parameters` of transformers 5, or `rope_theta` and `rope_scaling` of older ones.
    pub(super) fn read(json: &Value) -> Result<Self, String> {
        let own = if json["rope_parameters"].is_object() {
            &json["rope_parameters"]
        } else {
            &json["rope_scaling"]
        };
        let base = own["rope_theta"].as_f64().or(json["rope_theta"].as_f64()).unwrap_or(BASE);
        if own["partial_rotary_factor"].as_f64().or(json["partial_rotary_factor"].as_f64()).unwrap_or(1.0)
            < 1.0
        {
            return Err("partial_rotary_factor is below 1; heads that rotate as a whole are supported".into());
        }
        let number = |key: &str| {
            own[key].as_f64().filter(|value| *value > 0.0).ok_or_else(|| {
                format!(
                    "the rotation's `{key}` is {}; a positive number is needed",
                    quoted(&own[key].to_string())
                )
            })
        };
        let slowing = match own["rope_type"].as_str().or(own["type"].as_str()) {
            None | Some("default") => None,
            Some("linear") => Some(Slowing::Linear(number("factor")?)),
            Some("llama3") => Some(Slowing::Llama3 {
                factor: number("factor")?,
                low: number("low_freq_factor")?,
                high: number("high_freq_factor")?,
                original: number("original_max_position_embeddings")?,
            }),
            Some(other) => {
                let other = quoted(other);
                return Err(format!(
                    "a rotation of the type `{other}` is not supported; default, linear and llama3 are"
                ));
            }
        };
        Ok(Self { base, slowing })
    }

    /// Keys of `rope_parameters`.
    pub(super) fn to_json(self) -> Value {
        match self.slowing {
            None => json!({ "rope_type": "default", "rope_theta": self.base }),
            Some(Slowing::Linear(factor)) => {
                json!({ "rope_type": "linear", "rope_theta": self.base, "factor": factor })
            }
            Some(Slowing::Llama3 { factor, low, high, original }) => json!({
                "rope_type": "llama3",
                "rope_theta": self.base,
                "factor": factor,
                "low_freq_factor": low,
                "high_freq_factor": high,
                "original_max_position_embeddings": original as u64,
            }),
        }
    }

    /// Rotation of heads of this width by so many positions.
    pub(super) fn rotation(self, head_width: usize, positions: usize) -> Rotation {
        let mut frequencies = Rotation::frequencies(self.base, head_width);
        for frequency in &mut frequencies {
            *frequency = match self.slowing {
                None => *frequency,
                Some(Slowing::Linear(factor)) => *frequency / factor as f32,
                Some(Slowing::Llama3 { factor, low, high, original }) => {
                    slowed(f64::from(*frequency), [factor, low, high, original]) as f32
                }
            };
        }
        Rotation::new(&frequencies, positions)
    }
}

/// A frequency as Llama 3.1 slows it.
fn slowed(frequency: f64, [factor, low, high, original]: [f64; 4]) -> f64 {
    let wavelength = std::f64::consts::TAU / frequency;
    if wavelength > original / low {
        frequency / factor
    } else if wavelength < original / high {
        frequency
    } else {
        let smooth = (original / wavelength - low) / (high - low);
        (1.0 - smooth) * frequency / factor + smooth * frequency
    }
}
