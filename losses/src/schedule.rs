//! Numbers of a loss that change over the steps of a stage: its weight, its temperature.

use std::f64::consts::PI;
use std::fmt;

use alambic_settings::{Diagnostic, Either, Node, Reader, Setting, Type, Value, kinds, settings};
use serde::{Deserialize, Serialize};

/// Progress at a step, counted from zero, of the steps of a stage: 0 at the first step, 1 at the last, and 0 in a stage of one.
#[must_use]
pub fn progress(step: usize, steps: usize) -> f64 {
    if steps > 1 { (step as f64 / (steps - 1) as f64).min(1.0) } else { 0.0 }
}

/// Number that is constant, or a function of the progress of a stage ([`progress`]) alone.
///
/// With progress p, a ramp is at `t = (p - from) / (until - from)`, between 0 and 1: linear `start + (end - start) t`, cosine
/// `start + (end - start) (1 - cos πt) / 2`. Up to `from` it is `start`, from `until` on `end`, to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduledValue {
    /// Equal differences in equal numbers of steps.
    Linear(Ramp),
    /// Half a cosine: slow at both ends.
    Cosine(Ramp),
    /// One number at all steps.
    #[serde(untagged)]
    Constant(f64),
}

/// Ends of a schedule, and the part of a stage over which it runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ramp {
    /// The first value.
    pub start: f64,
    /// The last value.
    pub end: f64,
    /// Progress up to which it is `start`.
    pub from: f64,
    /// Progress from which on it is `end`.
    pub until: f64,
}

impl Ramp {
    /// The value at some progress, `ease` being where between the ends it is at a share of the ramp.
    fn at(self, progress: f64, ease: impl Fn(f64) -> f64) -> f64 {
        if progress >= self.until {
            self.end
        } else if progress <= self.from {
            self.start
        } else {
            let share = (progress - self.from) / (self.until - self.from);
            self.start + (self.end - self.start) * ease(share)
        }
    }
}

impl ScheduledValue {
    /// The value at some progress of the stage, from 0 to 1.
    #[must_use]
    pub fn at(self, progress: f64) -> f64 {
        match self {
            Self::Linear(ramp) => ramp.at(progress, |share| share),
            Self::Cosine(ramp) => ramp.at(progress, |share| (1.0 - (PI * share).cos()) / 2.0),
            Self::Constant(value) => value,
        }
    }

    /// The largest value of all.
    #[must_use]
    pub fn max(self) -> f64 {
        match self {
            Self::Linear(ramp) | Self::Cosine(ramp) => ramp.start.max(ramp.end),
            Self::Constant(value) => value,
        }
    }

    /// Whether it is one number at all steps.
    #[must_use]
    pub fn is_constant(self) -> bool {
        matches!(self, Self::Constant(_))
    }
}

impl From<f64> for ScheduledValue {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl fmt::Display for ScheduledValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Ramp { start, end, from, until }, kind) = match self {
            Self::Linear(ramp) => (ramp, "linear"),
            Self::Cosine(ramp) => (ramp, "cosine"),
            Self::Constant(value) => return write!(formatter, "{value}"),
        };
        write!(formatter, "{start} → {end} ({kind}")?;
        if *from > 0.0 {
            write!(formatter, ", from {from}")?;
        }
        if *until < 1.0 {
            write!(formatter, ", until {until}")?;
        }
        write!(formatter, ")")
    }
}

/// Declares a number that may be scheduled: the type of the option, and the schedules as a recipe has them, whose ends lie within a
/// range.
macro_rules! scheduled {
    ($(#[doc = $doc:literal])* $option:ident, $kinds:ident, $linear:ident, $cosine:ident, $range:expr) => {
        settings! {
            /// Equal differences in equal numbers of steps.
            ///
            /// At step s of the S of a stage, counted from 0, it is `start + (end - start) t` with
            /// `t = (p - from) / (until - from)` and `p = s / (S - 1)`.
            struct $linear {
                /// The value at the first step.
                #[range($range)]
                start: f64,
                /// The value at the last step, with which the loss counts in validations.
                #[range($range)]
                end: f64,
                /// The share of the stage's steps up to which it is `start`.
                #[range(0.0..=1.0)]
                from: f64 = 0.0,
                /// The share of the stage's steps from which on it is `end`.
                #[range(0.0..=1.0)]
                until: f64 = 1.0,
            }
        }

        settings! {
            /// Half a cosine, which changes slowly at both ends.
            ///
            /// At step s of the S of a stage, counted from 0, it is `start + (end - start) (1 - cos πt) / 2` with
            /// `t = (p - from) / (until - from)` and `p = s / (S - 1)`.
            struct $cosine {
                /// The value at the first step.
                #[range($range)]
                start: f64,
                /// The value at the last step, with which the loss counts in validations.
                #[range($range)]
                end: f64,
                /// The share of the stage's steps up to which it is `start`.
                #[range(0.0..=1.0)]
                from: f64 = 0.0,
                /// The share of the stage's steps from which on it is `end`.
                #[range(0.0..=1.0)]
                until: f64 = 1.0,
            }
        }

        kinds! {
            /// A number is the same at all steps. A schedule goes from one number to another over the steps of a stage; batches that
            /// are accumulated for one step have one value. Validations take the last one, so that checkpoints are compared by one
            /// loss.
            enum $kinds {
                Linear($linear) = "linear",
                Cosine($cosine) = "cosine",
            }
        }

        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $option(ScheduledValue);

        impl $option {
            /// The value at some progress of the stage ([`progress`]), which the inputs of a term tell.
            #[must_use]
            pub fn at(self, progress: f64) -> f64 {
                self.0.at(progress)
            }
        }

        impl From<f64> for $option {
            fn from(value: f64) -> Self {
                Self(value.into())
            }
        }

        impl From<$option> for ScheduledValue {
            fn from(option: $option) -> Self {
                option.0
            }
        }

        impl Setting for $option {
            fn describe() -> Type {
                Either::<f64, $kinds>::describe()
            }

            fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
                let value = match Either::<f64, $kinds>::read(node, reader)? {
                    Either::First(value) => ScheduledValue::Constant(value),
                    Either::Second($kinds::Linear($linear { start, end, from, until })) => {
                        ScheduledValue::Linear(checked(Ramp { start, end, from, until }, node, reader)?)
                    }
                    Either::Second($kinds::Cosine($cosine { start, end, from, until })) => {
                        ScheduledValue::Cosine(checked(Ramp { start, end, from, until }, node, reader)?)
                    }
                };
                Some(Self(value))
            }

            fn to_value(&self) -> Option<Value> {
                match self.0 {
                    ScheduledValue::Constant(value) => value.to_value(),
                    ScheduledValue::Linear(Ramp { start, end, from, until }) => {
                        $kinds::Linear($linear { start, end, from, until }).to_value()
                    }
                    ScheduledValue::Cosine(Ramp { start, end, from, until }) => {
                        $kinds::Cosine($cosine { start, end, from, until }).to_value()
                    }
                }
            }
        }
    };
}

scheduled! {
    /// Factor of a loss in the sum of loss terms, as an option: at least 0, constant or scheduled. Its field has
    /// `#[range(0.0..)]`, which bounds a constant.
    Weight, WeightSchedule, LinearWeight, CosineWeight, 0.0..
}

scheduled! {
    /// Temperature of a loss as an option: above 0, constant or scheduled. Its field has `#[range(above(0.0))]`, which bounds a
    /// constant.
    Temperature, TemperatureSchedule, LinearTemperature, CosineTemperature, alambic_settings::above(0.0)
}

/// A ramp that does not end before it begins; reports any other.
fn checked(ramp: Ramp, node: &Node, reader: &mut Reader) -> Option<Ramp> {
    let Ramp { from, until, .. } = ramp;
    if from <= until {
        return Some(ramp);
    }
    let message = format!("`{}` ends before it begins", reader.path());
    let label = format!("runs from {from} until {until} of the steps");
    let help = "`from` must be at most `until`";
    reader.report(Diagnostic::error("recipe::range", message).label(&node.origin, label).help(help));
    None
}

#[cfg(test)]
mod tests {
    use alambic_settings::read;

    use super::*;

    fn ramp(start: f64, end: f64) -> Ramp {
        Ramp { start, end, from: 0.0, until: 1.0 }
    }

    settings! {
        /// Options of a loss.
        struct Options {
            /// Its weight.
            #[range(0.0..)]
            weight: Weight = Weight::from(1.0),
            /// Its temperature.
            #[range(alambic_settings::above(0.0))]
            temperature: Temperature = Temperature::from(2.0),
        }
    }

    fn options(text: &str) -> Result<Options, String> {
        let node = Node::parse("options", text).map_err(|error| error.render(false))?;
        read(&node).map_err(|error| error.render(false))
    }

    #[test]
    fn progress_is_0_at_the_first_step_and_1_at_the_last() {
        assert_eq!((0..5).map(|step| progress(step, 5)).collect::<Vec<_>>(), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!([progress(0, 1), progress(0, 2), progress(1, 2)], [0.0, 0.0, 1.0]);
    }

    #[test]
    fn linear_schedule_has_equal_differences() {
        let value = ScheduledValue::Linear(ramp(8.0, 1.0));
        let found: Vec<f64> = (0..8).map(|step| value.at(progress(step, 8))).collect();
        for (found, expected) in found.iter().zip([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert_eq!(value.max(), 8.0);
    }

    #[test]
    fn cosine_schedule_is_slow_at_both_ends() {
        let value = ScheduledValue::Cosine(ramp(0.0, 2.0));
        let half = 0.5f64.sqrt();
        for (progress, expected) in
            [(0.0, 0.0), (0.25, 1.0 - half), (0.5, 1.0), (0.75, 1.0 + half), (1.0, 2.0)]
        {
            assert!((value.at(progress) - expected).abs() < 1e-12, "{progress}");
        }
    }

    #[test]
    fn ends_of_a_schedule_are_exact() {
        // 0.1 + (0.7 - 0.1) is not 0.7.
        for value in [ScheduledValue::Linear(ramp(0.1, 0.7)), ScheduledValue::Cosine(ramp(0.1, 0.7))] {
            assert_eq!([value.at(0.0), value.at(1.0)], [0.1, 0.7]);
        }
    }

    #[test]
    fn schedule_of_a_part_of_the_stage_is_constant_before_and_after() {
        let value = ScheduledValue::Linear(Ramp { start: 0.0, end: 1.0, from: 0.25, until: 0.75 });
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|progress| value.at(progress)), [0.0, 0.0, 0.5, 1.0, 1.0]);
        let jump = ScheduledValue::Cosine(Ramp { start: 0.0, end: 1.0, from: 0.5, until: 0.5 });
        assert_eq!([0.0, 0.4, 0.5, 0.6, 1.0].map(|progress| jump.at(progress)), [0.0, 0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn options_are_numbers_or_schedules_and_are_written_as_they_are_read() {
        let found = options(
            "weight = { cosine = { start = 0, end = 0.5, until = 0.2 } }\ntemperature = { linear = { start = 8, end = 1 } }",
        )
        .unwrap();
        assert_eq!(found.temperature, Temperature(ScheduledValue::Linear(ramp(8.0, 1.0))));
        assert_eq!(ScheduledValue::from(found.weight).to_string(), "0 → 0.5 (cosine, until 0.2)");
        let node = Node::unwritten(found.to_value().unwrap());
        assert_eq!(read::<Options>(&node).unwrap(), found);
        let plain = options("temperature = 3").unwrap();
        assert_eq!((plain.weight, plain.temperature), (Weight::from(1.0), Temperature::from(3.0)));
    }

    #[test]
    fn ends_out_of_range_are_refused_with_their_key() {
        for (text, key) in [
            ("weight = -1", "`weight`"),
            ("temperature = 0", "`temperature`"),
            ("weight = { linear = { start = -0.1, end = 1 } }", "`weight.linear.start`"),
            ("temperature = { cosine = { start = 1, end = 0 } }", "`temperature.cosine.end`"),
            ("weight = { linear = { start = 0, end = 1, until = 1.5 } }", "`weight.linear.until`"),
        ] {
            let said = options(text).unwrap_err();
            assert!(said.contains(&format!("{key} is out of range")), "{said}");
        }
        let said =
            options("weight = { linear = { start = 0, end = 1, from = 0.8, until = 0.2 } }").unwrap_err();
        assert!(said.contains("`weight` ends before it begins"), "{said}");
    }

    #[test]
    fn values_are_numbers_or_tables_in_json() {
        let linear = ScheduledValue::Linear(ramp(8.0, 1.0));
        for (value, text) in [
            (ScheduledValue::Constant(0.5), "0.5"),
            (linear, r#"{"linear":{"start":8.0,"end":1.0,"from":0.0,"until":1.0}}"#),
        ] {
            assert_eq!(serde_json::to_string(&value).unwrap(), text);
            assert_eq!(serde_json::from_str::<ScheduledValue>(text).unwrap(), value);
        }
    }
}
