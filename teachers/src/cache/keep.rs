//! What is kept of a tap: all of its numbers in some format, or the highest logits.

use alambic_models::TapShape;
use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::precision::{Cost, Encoded, Precision, Stored, decode, floats, log_sum};

/// How a tap is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Kept {
    /// What the tap holds of a text.
    pub(super) form: TapShape,
    pub(super) how: How,
}

/// The numbers of a tap on disk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum How {
    /// All, in 32 bits.
    F32,
    /// All, in 16 bits.
    F16,
    /// All, in 8 bits and a scale for each vector.
    Int8,
    /// The so many highest, in 32 bits.
    Top(usize),
}

/// A part of a tap: what its name ends in, its type, its bytes.
type Part = (&'static str, Dtype, Vec<u8>);

impl Kept {
    /// How a tap of this name and form is kept.
    pub(super) fn of(tap: &str, form: TapShape, precision: &Precision) -> Self {
        let logits = tap == "logits" || tap.ends_with(".logits");
        let how = match (logits, precision.top_k, form) {
            (true, Some(most), TapShape::Text { width } | TapShape::Tokens { width }) if most < width => {
                How::Top(most)
            }
            (true, ..) => precision.logits.into(),
            (false, ..) => precision.states.into(),
        };
        Self { form, how }
    }

    fn width(self, length: usize) -> usize {
        match self.form {
            TapShape::Text { width } | TapShape::Tokens { width } => width,
            TapShape::Pairs { .. } => length,
        }
    }

    /// What there is on disk for so many numbers in so many vectors: what the names of its parts end in, and bytes.
    pub(super) fn parts(self, numbers: usize, vectors: usize) -> Vec<(&'static str, usize)> {
        match self.how {
            How::F32 => vec![("", 4 * numbers)],
            How::F16 => vec![("", 2 * numbers)],
            How::Int8 => vec![("", numbers), (".scales", 4 * vectors)],
            How::Top(most) => {
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
        match (self.how, parts) {
            (How::F32, [bytes]) => decode(Stored::F32, bytes, &[], width, values),
            (How::F16, [bytes]) => decode(Stored::F16, bytes, &[], width, values),
            (How::Int8, [bytes, scales]) => decode(Stored::Int8, bytes, scales, width, values),
            (How::Top(most), [highest, classes, rest]) => {
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

impl From<Stored> for How {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::F32 => Self::F32,
            Stored::F16 => Self::F16,
            Stored::Int8 => Self::Int8,
        }
    }
}

/// Gathers what is kept of a tap, text by text, and what is lost by it.
pub(super) struct Keeper {
    kept: Kept,
    encoded: Encoded,
    classes: Vec<u32>,
    cost: Cost,
}

impl Keeper {
    pub(super) fn new(kept: Kept) -> Self {
        Self { kept, encoded: Encoded::default(), classes: Vec::new(), cost: Cost::default() }
    }

    pub(super) fn kept(&self) -> Kept {
        self.kept
    }

    /// Takes the numbers of a text.
    pub(super) fn push(&mut self, values: &[f32], length: usize) {
        let width = self.kept.width(length);
        let (bytes, scales, classes) =
            (self.encoded.bytes.len(), self.encoded.scales.len(), self.classes.len());
        match self.kept.how {
            How::F32 => self.encoded.push(Stored::F32, values, width),
            How::F16 => self.encoded.push(Stored::F16, values, width),
            How::Int8 => self.encoded.push(Stored::Int8, values, width),
            How::Top(most) => values.chunks_exact(width).for_each(|vector| self.push_highest(vector, most)),
        }
        // What is read back is compared, not what was meant.
        let scales = bytes_of(&self.encoded.scales[scales..], |scale| scale.to_le_bytes());
        let classes = bytes_of(&self.classes[classes..], |class| class.to_le_bytes());
        let written = &self.encoded.bytes[bytes..];
        let mut read = Vec::new();
        match self.kept.how {
            How::F32 | How::F16 => self.kept.read(&[written], length, &mut read),
            How::Int8 => self.kept.read(&[written, &scales], length, &mut read),
            How::Top(_) => self.kept.read(&[written, &classes, &scales], length, &mut read),
        }
        self.cost.compare(values, &read);
        if matches!(self.kept.how, How::Top(_)) {
            self.cost.compare_distributions(values, &read, width);
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
        self.encoded.push(Stored::F32, &values, most);
        self.encoded.scales.push((log_sum(&others) - (others.len() as f64).ln()) as f32);
        self.classes.extend(highest);
    }

    /// The parts of the tap, and what the way of keeping cost.
    pub(super) fn finish(self) -> (Vec<Part>, Cost) {
        let Self { kept, encoded: Encoded { bytes, scales }, classes, cost } = self;
        let scales = bytes_of(&scales, |scale| scale.to_le_bytes());
        let parts = match kept.how {
            How::F32 => vec![("", Dtype::F32, bytes)],
            How::F16 => vec![("", Dtype::F16, bytes)],
            How::Int8 => vec![("", Dtype::I8, bytes), (".scales", Dtype::F32, scales)],
            How::Top(_) => vec![
                ("", Dtype::F32, bytes),
                (".classes", Dtype::U32, bytes_of(&classes, |class| class.to_le_bytes())),
                (".rest", Dtype::F32, scales),
            ],
        };
        (parts, cost)
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
        let precision = Precision { states: Stored::F16, logits: Stored::F32, top_k: Some(2) };
        let kept = Kept::of("logits", TapShape::Text { width: 5 }, &precision);
        assert_eq!(kept.how, How::Top(2));
        let logits = [0.5, 4.0, -1.0, 3.0, 0.1];
        let mut keeper = Keeper::new(kept);
        keeper.push(&logits, 7);
        let (parts, cost) = keeper.finish();
        let parts: Vec<&[u8]> = parts.iter().map(|(_, _, bytes)| bytes.as_slice()).collect();
        let mut read = Vec::new();
        kept.read(&parts, 7, &mut read);
        assert_eq!((read[1], read[3]), (4.0, 3.0));
        assert!((log_sum(&read) - log_sum(&logits)).abs() < 1e-6);
        assert!(cost.divergence().unwrap() > 0.0 && cost.divergence().unwrap() < 0.01);
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), kept.bytes(7));
    }

    #[test]
    fn logits_of_few_classes_are_kept_whole() {
        let precision = Precision { states: Stored::F16, logits: Stored::F32, top_k: Some(32) };
        assert_eq!(Kept::of("logits", TapShape::Text { width: 2 }, &precision).how, How::F32);
        assert_eq!(Kept::of("hidden.3", TapShape::Tokens { width: 64 }, &precision).how, How::F16);
    }
}
