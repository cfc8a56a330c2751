//! Formats of cached taps: all numbers in some format, or the highest logits.

use alambic_models::TapShape;
use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::number_format::{CacheFormats, Encoded, NumberFormat, QuantizationError, decode, floats, log_sum};

/// Format of a cached tap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct TapFormat {
    /// Shape for one text.
    pub(super) form: TapShape,
    #[serde(rename = "how")]
    pub(super) encoding: TapEncoding,
}

/// Encoding of a tap's numbers on disk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TapEncoding {
    /// All, in 32 bits.
    F32,
    /// All, in 16 bits.
    F16,
    /// All, in 8 bits and a scale for each vector.
    Int8,
    /// The so many highest, in 32 bits.
    Top(usize),
}

/// Part of a tap: the suffix of its name, its type, its bytes.
type Part = (&'static str, Dtype, Vec<u8>);

impl TapFormat {
    /// Format of a tap of this name and shape.
    pub(super) fn of(tap: &str, form: TapShape, precision: &CacheFormats) -> Self {
        let logits = tap == "logits" || tap.ends_with(".logits");
        let encoding = match (logits, precision.top_k, form) {
            (true, Some(most), TapShape::Text { width } | TapShape::Tokens { width }) if most < width => {
                TapEncoding::Top(most)
            }
            (true, ..) => precision.logits.into(),
            (false, ..) => precision.states.into(),
        };
        Self { form, encoding }
    }

    fn width(self, length: usize) -> usize {
        match self.form {
            TapShape::Text { width } | TapShape::Tokens { width } => width,
            TapShape::Pairs { .. } => length,
        }
    }

    /// What there is on disk for so many numbers in so many vectors: what the names of its parts end in, and bytes.
    pub(super) fn parts(self, numbers: usize, vectors: usize) -> Vec<(&'static str, usize)> {
        match self.encoding {
            TapEncoding::F32 => vec![("", 4 * numbers)],
            TapEncoding::F16 => vec![("", 2 * numbers)],
            TapEncoding::Int8 => vec![("", numbers), (".scales", 4 * vectors)],
            TapEncoding::Top(most) => {
                vec![("", 4 * most * vectors), (".classes", 4 * most * vectors), (".rest", 4 * vectors)]
            }
        }
    }

    /// Bytes on disk of a text.
    pub(super) fn bytes(self, length: usize) -> usize {
        let parts = self.parts(self.form.numbers(length), self.form.vectors(length));
        parts.into_iter().map(|(_, bytes)| bytes).sum()
    }

    /// Reads the numbers of a text of a length from its [parts](Self::parts).
    pub(super) fn read(self, parts: &[&[u8]], length: usize, values: &mut Vec<f32>) {
        let width = self.width(length);
        match (self.encoding, parts) {
            (TapEncoding::F32, [bytes]) => decode(NumberFormat::F32, bytes, &[], width, values),
            (TapEncoding::F16, [bytes]) => decode(NumberFormat::F16, bytes, &[], width, values),
            (TapEncoding::Int8, [bytes, scales]) => decode(NumberFormat::Int8, bytes, scales, width, values),
            (TapEncoding::Top(most), [highest, classes, rest]) => {
                values.clear();
                let vectors =
                    highest.chunks_exact(4 * most).zip(classes.chunks_exact(4 * most)).zip(floats(rest));
                for ((highest, classes), rest) in vectors {
                    let begin = values.len();
                    values.resize(begin + width, rest);
                    for (value, class) in floats(highest).zip(classes.chunks_exact(4)) {
                        let class = u32::from_le_bytes([class[0], class[1], class[2], class[3]]) as usize;
                        if let Some(place) = values[begin..].get_mut(class) {
                            *place = value;
                        }
                    }
                }
            }
            // The parts come from `parts`, for this way of keeping.
            _ => values.clear(),
        }
    }
}

impl From<NumberFormat> for TapEncoding {
    fn from(stored: NumberFormat) -> Self {
        match stored {
            NumberFormat::F32 => Self::F32,
            NumberFormat::F16 => Self::F16,
            NumberFormat::Int8 => Self::Int8,
        }
    }
}

/// Encoder of a tap, text by text, with the error of its format.
pub(super) struct TapEncoder {
    format: TapFormat,
    encoded: Encoded,
    classes: Vec<u32>,
    error: QuantizationError,
}

impl TapEncoder {
    pub(super) fn new(format: TapFormat) -> Self {
        Self { format, encoded: Encoded::default(), classes: Vec::new(), error: QuantizationError::default() }
    }

    pub(super) fn format(&self) -> TapFormat {
        self.format
    }

    /// Takes the numbers of a text.
    pub(super) fn push(&mut self, values: &[f32], length: usize) {
        let width = self.format.width(length);
        let (bytes, scales, classes) =
            (self.encoded.bytes.len(), self.encoded.scales.len(), self.classes.len());
        match self.format.encoding {
            TapEncoding::F32 => self.encoded.push(NumberFormat::F32, values, width),
            TapEncoding::F16 => self.encoded.push(NumberFormat::F16, values, width),
            TapEncoding::Int8 => self.encoded.push(NumberFormat::Int8, values, width),
            TapEncoding::Top(most) => {
                values.chunks_exact(width).for_each(|vector| self.push_highest(vector, most));
            }
        }
        // What is read back is compared, not what was meant.
        let scales = bytes_of(&self.encoded.scales[scales..], |scale| scale.to_le_bytes());
        let classes = bytes_of(&self.classes[classes..], |class| class.to_le_bytes());
        let written = &self.encoded.bytes[bytes..];
        let mut read = Vec::new();
        match self.format.encoding {
            TapEncoding::F32 | TapEncoding::F16 => self.format.read(&[written], length, &mut read),
            TapEncoding::Int8 => self.format.read(&[written, &scales], length, &mut read),
            TapEncoding::Top(_) => self.format.read(&[written, &classes, &scales], length, &mut read),
        }
        self.error.compare(values, &read);
        if matches!(self.format.encoding, TapEncoding::Top(_)) {
            self.error.compare_distributions(values, &read, width);
        }
    }

    /// The highest logits of a vector, and what each of the others comes to if they have equal parts of what remains.
    fn push_highest(&mut self, vector: &[f32], most: usize) {
        let mut order: Vec<u32> = (0..vector.len() as u32).collect();
        // Among equals the first class comes first, so that the bytes do not depend on the sort.
        order.sort_by(|&a, &b| vector[b as usize].total_cmp(&vector[a as usize]).then(a.cmp(&b)));
        let (highest, others) = order.split_at(most);
        let values: Vec<f32> = highest.iter().map(|&class| vector[class as usize]).collect();
        let others: Vec<f32> = others.iter().map(|&class| vector[class as usize]).collect();
        self.encoded.push(NumberFormat::F32, &values, most);
        self.encoded.scales.push((log_sum(&others) - (others.len() as f64).ln()) as f32);
        self.classes.extend(highest);
    }

    /// The parts of the tap, and the error of its format.
    pub(super) fn finish(self) -> (Vec<Part>, QuantizationError) {
        let Self { format, encoded: Encoded { bytes, scales }, classes, error } = self;
        let scales = bytes_of(&scales, |scale| scale.to_le_bytes());
        let parts = match format.encoding {
            TapEncoding::F32 => vec![("", Dtype::F32, bytes)],
            TapEncoding::F16 => vec![("", Dtype::F16, bytes)],
            TapEncoding::Int8 => vec![("", Dtype::I8, bytes), (".scales", Dtype::F32, scales)],
            TapEncoding::Top(_) => vec![
                ("", Dtype::F32, bytes),
                (".classes", Dtype::U32, bytes_of(&classes, |class| class.to_le_bytes())),
                (".rest", Dtype::F32, scales),
            ],
        };
        (parts, error)
    }
}

fn bytes_of<T>(values: &[T], bytes: impl Fn(&T) -> [u8; 4]) -> Vec<u8> {
    values.iter().flat_map(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_logits_keep_the_mass_of_the_others() {
        let precision = CacheFormats { states: NumberFormat::F16, logits: NumberFormat::F32, top_k: Some(2) };
        let format = TapFormat::of("logits", TapShape::Text { width: 5 }, &precision);
        assert_eq!(format.encoding, TapEncoding::Top(2));
        let logits = [0.5, 4.0, -1.0, 3.0, 0.1];
        let mut encoder = TapEncoder::new(format);
        encoder.push(&logits, 7);
        let (parts, error) = encoder.finish();
        let parts: Vec<&[u8]> = parts.iter().map(|(_, _, bytes)| bytes.as_slice()).collect();
        let mut read = Vec::new();
        format.read(&parts, 7, &mut read);
        assert_eq!((read[1], read[3]), (4.0, 3.0));
        assert!((log_sum(&read) - log_sum(&logits)).abs() < 1e-6);
        assert!(error.divergence().unwrap() > 0.0 && error.divergence().unwrap() < 0.01);
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), format.bytes(7));
    }

    #[test]
    fn logits_of_few_classes_are_kept_whole() {
        let precision =
            CacheFormats { states: NumberFormat::F16, logits: NumberFormat::F32, top_k: Some(32) };
        assert_eq!(
            TapFormat::of("logits", TapShape::Text { width: 2 }, &precision).encoding,
            TapEncoding::F32
        );
        assert_eq!(
            TapFormat::of("hidden.3", TapShape::Tokens { width: 64 }, &precision).encoding,
            TapEncoding::F16
        );
    }
}
