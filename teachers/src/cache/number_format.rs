//! Number formats of cached outputs, and their errors.

use alambic_settings::{choices, settings};
use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::{Deserialize, Serialize};

choices! {
    /// Format of a cached number.
    pub enum NumberFormat {
        /// 32 bits: nothing is lost.
        F32 = "f32",
        /// 16 bits, IEEE half precision: about three decimal digits.
        F16 = "f16",
        /// 8 bits and a scale for each vector (a token's state, a row of scores): steps of 1/127 of its largest number.
        Int8 = "int8",
    }
}

settings! {
    /// Formats of a teacher's cached outputs.
    pub struct CacheFormats {
        /// Hidden states, queries, keys, values, scores and embeddings.
        pub states: NumberFormat = NumberFormat::F16,
        /// Logits.
        pub logits: NumberFormat = NumberFormat::F32,
        /// Keep only so many of the highest logits of a text or token, in 32 bits, with what the others come to together;
        /// they are read back as if they had equal parts of that. Left out, or where there are no more: all.
        #[range(1..)]
        pub top_k: Option<usize>,
    }
}

/// Error of a format: sums over numbers, which add up over shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct QuantizationError {
    /// Largest absolute difference.
    pub largest_error: f64,
    /// Largest absolute value.
    pub largest_value: f64,
    /// Sum of the squares of all differences.
    squared_error: f64,
    /// Sum of the squares of all values.
    squared_value: f64,
    /// Sum of the divergences of the distributions, where there are any.
    divergence: f64,
    /// How many distributions there are.
    distributions: usize,
}

impl QuantizationError {
    /// The root of the mean squared difference over the root of the mean squared value.
    #[must_use]
    pub fn relative(&self) -> f64 {
        if self.squared_value > 0.0 { (self.squared_error / self.squared_value).sqrt() } else { 0.0 }
    }

    /// Mean of KL(exact || decoded) over distributions, in nats; none where there are no distributions.
    #[must_use]
    pub fn divergence(&self) -> Option<f64> {
        (self.distributions > 0).then(|| self.divergence / self.distributions as f64)
    }

    /// Takes in what was found elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        self.largest_error = self.largest_error.max(other.largest_error);
        self.largest_value = self.largest_value.max(other.largest_value);
        self.squared_error += other.squared_error;
        self.squared_value += other.squared_value;
        self.divergence += other.divergence;
        self.distributions += other.distributions;
    }

    /// Adds numbers and what is decoded for them.
    pub(super) fn compare(&mut self, exact: &[f32], decoded: &[f32]) {
        for (&exact, &decoded) in exact.iter().zip(decoded) {
            let (exact, error) = (f64::from(exact), f64::from(exact - decoded).abs());
            self.largest_error = self.largest_error.max(error);
            self.largest_value = self.largest_value.max(exact.abs());
            self.squared_error += error * error;
            self.squared_value += exact * exact;
        }
    }

    /// Adds logits and what is decoded for them, as distributions over `classes`.
    pub(super) fn compare_distributions(&mut self, exact: &[f32], decoded: &[f32], classes: usize) {
        for (exact, decoded) in exact.chunks_exact(classes).zip(decoded.chunks_exact(classes)) {
            let (of_exact, of_decoded) = (log_sum(exact), log_sum(decoded));
            let terms = exact.iter().zip(decoded).map(|(&exact, &decoded)| {
                let (exact, decoded) = (f64::from(exact) - of_exact, f64::from(decoded) - of_decoded);
                exact.exp() * (exact - decoded)
            });
            self.divergence += terms.sum::<f64>();
            self.distributions += 1;
        }
    }
}

/// `ln Σ exp(x)`.
pub(super) fn log_sum(values: &[f32]) -> f64 {
    let most = f64::from(values.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    most + values.iter().map(|&value| (f64::from(value) - most).exp()).sum::<f64>().ln()
}

/// Numbers in bytes, and the scales of their vectors where the format has such.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) scales: Vec<f32>,
}

impl Encoded {
    /// Appends numbers that make up vectors of a width.
    pub(super) fn push(&mut self, stored: NumberFormat, values: &[f32], width: usize) {
        match stored {
            NumberFormat::F32 => self.bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            NumberFormat::F16 => {
                // Numbers beyond the format become its largest one instead of infinity.
                let half = |value: &f32| f16::from_f32(value.clamp(-65504.0, 65504.0));
                self.bytes.extend(values.iter().flat_map(|value| half(value).to_le_bytes()));
            }
            NumberFormat::Int8 => {
                for vector in values.chunks_exact(width) {
                    let most = vector.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                    let scale = most / 127.0;
                    self.scales.push(scale);
                    let step = |value: &f32| if scale > 0.0 { (value / scale).round() as i8 } else { 0 };
                    self.bytes.extend(vector.iter().flat_map(|value| step(value).to_le_bytes()));
                }
            }
        }
    }
}

/// Reads numbers back. `scales` holds one of each vector, in bytes, where the format has such.
pub(super) fn decode(stored: NumberFormat, bytes: &[u8], scales: &[u8], width: usize, values: &mut Vec<f32>) {
    values.clear();
    match stored {
        NumberFormat::F32 => values.extend(floats(bytes)),
        NumberFormat::F16 => {
            let halves: Vec<f16> =
                bytes.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]])).collect();
            values.resize(halves.len(), 0.0);
            halves.convert_to_f32_slice(values);
        }
        NumberFormat::Int8 => {
            for (vector, scale) in bytes.chunks_exact(width).zip(floats(scales)) {
                values.extend(vector.iter().map(|&step| f32::from(step.cast_signed()) * scale));
            }
        }
    }
}

/// Numbers of 32 bits out of their bytes.
pub(super) fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(stored: NumberFormat, values: &[f32], width: usize) -> Vec<f32> {
        let mut encoded = Encoded::default();
        encoded.push(stored, values, width);
        let scales: Vec<u8> = encoded.scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let mut read = Vec::new();
        decode(stored, &encoded.bytes, &scales, width, &mut read);
        read
    }

    #[test]
    fn formats_cost_what_they_say() {
        let values: Vec<f32> =
            (0..64).map(|index| (index as f32 * 0.7).sin() * (1 + index / 8) as f32).collect();
        assert_eq!(round_trip(NumberFormat::F32, &values, 8), values);
        for (stored, most) in [(NumberFormat::F16, 5e-4), (NumberFormat::Int8, 6e-3)] {
            let mut loss = QuantizationError::default();
            loss.compare(&values, &round_trip(stored, &values, 8));
            assert!(loss.relative() > 0.0 && loss.relative() < most, "{stored:?}: {}", loss.relative());
        }
    }

    #[test]
    fn zeros_and_huge_numbers_come_back_finite() {
        assert_eq!(round_trip(NumberFormat::Int8, &[0.0, 0.0], 2), [0.0, 0.0]);
        assert_eq!(round_trip(NumberFormat::F16, &[1e9, -1e9], 2), [65504.0, -65504.0]);
    }

    #[test]
    fn equal_distributions_do_not_diverge() {
        let mut loss = QuantizationError::default();
        loss.compare_distributions(&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0], 3);
        assert!(loss.divergence().unwrap().abs() < 1e-12);
        loss.compare_distributions(&[0.0, 0.0], &[0.0, 3.0_f32.ln()], 2);
        // KL of (1/2, 1/2) against (1/4, 3/4).
        let expected = 0.5 * 2.0_f64.ln() + 0.5 * (2.0_f64 / 3.0).ln();
        assert!((loss.divergence().unwrap() - expected / 2.0).abs() < 1e-6);
    }
}
