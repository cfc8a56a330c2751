//! How numbers are kept on disk, and what that costs.

use alambic_settings::{choices, settings};
use half::f16;
use half::slice::HalfFloatSliceExt;
use serde::{Deserialize, Serialize};

choices! {
    /// The format in which a number is kept.
    pub enum Stored {
        /// 32 bits: nothing is lost.
        F32 = "f32",
        /// 16 bits, IEEE half precision: about three decimal digits.
        F16 = "f16",
        /// 8 bits and a scale for each vector (a token's state, a row of scores): steps of 1/127 of its largest number.
        Int8 = "int8",
    }
}

settings! {
    /// The formats in which a teacher's outputs are kept.
    pub struct Precision {
        /// Hidden states, queries, keys, values, scores and embeddings.
        pub states: Stored = Stored::F16,
        /// Logits.
        pub logits: Stored = Stored::F32,
        /// Keep only so many of the highest logits of a text or token, in 32 bits, with what the others come to together;
        /// they are read back as if they had equal parts of that. Left out, or where there are no more: all.
        #[range(1..)]
        pub top_k: Option<usize>,
    }
}

/// What a format costs: sums from which errors can be told, which add up over shards.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cost {
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

impl Cost {
    /// The root of the mean squared difference over the root of the mean squared value.
    #[must_use]
    pub fn relative(&self) -> f64 {
        if self.squared_value > 0.0 { (self.squared_error / self.squared_value).sqrt() } else { 0.0 }
    }

    /// The mean of KL(kept exactly || kept) over distributions, in nats; none for what is no distribution.
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

    /// Takes in numbers and what is read back for them.
    pub(super) fn compare(&mut self, exact: &[f32], kept: &[f32]) {
        for (&exact, &kept) in exact.iter().zip(kept) {
            let (exact, error) = (f64::from(exact), f64::from(exact - kept).abs());
            self.largest_error = self.largest_error.max(error);
            self.largest_value = self.largest_value.max(exact.abs());
            self.squared_error += error * error;
            self.squared_value += exact * exact;
        }
    }

    /// Takes in logits and what is read back for them, as distributions over `classes`.
    pub(super) fn compare_distributions(&mut self, exact: &[f32], kept: &[f32], classes: usize) {
        for (exact, kept) in exact.chunks_exact(classes).zip(kept.chunks_exact(classes)) {
            let (of_exact, of_kept) = (log_sum(exact), log_sum(kept));
            let terms = exact.iter().zip(kept).map(|(&exact, &kept)| {
                let (exact, kept) = (f64::from(exact) - of_exact, f64::from(kept) - of_kept);
                exact.exp() * (exact - kept)
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
    pub(super) fn push(&mut self, stored: Stored, values: &[f32], width: usize) {
        match stored {
            Stored::F32 => self.bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Stored::F16 => {
                // What is too large for the format is kept as its largest number, which is no infinity.
                let half = |value: &f32| f16::from_f32(value.clamp(-65504.0, 65504.0));
                self.bytes.extend(values.iter().flat_map(|value| half(value).to_le_bytes()));
            }
            Stored::Int8 => {
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
pub(super) fn decode(stored: Stored, bytes: &[u8], scales: &[u8], width: usize, values: &mut Vec<f32>) {
    values.clear();
    match stored {
        Stored::F32 => values.extend(floats(bytes)),
        Stored::F16 => {
            let halves: Vec<f16> =
                bytes.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]])).collect();
            values.resize(halves.len(), 0.0);
            halves.convert_to_f32_slice(values);
        }
        Stored::Int8 => {
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

    fn round_trip(stored: Stored, values: &[f32], width: usize) -> Vec<f32> {
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
        assert_eq!(round_trip(Stored::F32, &values, 8), values);
        for (stored, most) in [(Stored::F16, 5e-4), (Stored::Int8, 6e-3)] {
            let mut loss = Cost::default();
            loss.compare(&values, &round_trip(stored, &values, 8));
            assert!(loss.relative() > 0.0 && loss.relative() < most, "{stored:?}: {}", loss.relative());
        }
    }

    #[test]
    fn zeros_and_huge_numbers_come_back_finite() {
        assert_eq!(round_trip(Stored::Int8, &[0.0, 0.0], 2), [0.0, 0.0]);
        assert_eq!(round_trip(Stored::F16, &[1e9, -1e9], 2), [65504.0, -65504.0]);
    }

    #[test]
    fn equal_distributions_do_not_diverge() {
        let mut loss = Cost::default();
        loss.compare_distributions(&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0], 3);
        assert!(loss.divergence().unwrap().abs() < 1e-12);
        loss.compare_distributions(&[0.0, 0.0], &[0.0, 3.0_f32.ln()], 2);
        // KL of (1/2, 1/2) against (1/4, 3/4).
        let expected = 0.5 * 2.0_f64.ln() + 0.5 * (2.0_f64 / 3.0).ln();
        assert!((loss.divergence().unwrap() - expected / 2.0).abs() < 1e-6);
    }
}
