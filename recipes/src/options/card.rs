//! Keys of the model card.

use alambic_settings::{At, Either, OneOrMany};

/// Values of an axis of the vocabulary of cards: a number, or one or several names.
pub(crate) type AxisValues = Either<At<f64>, OneOrMany<At<String>>>;

/// The values as texts, each with the place where it was written.
pub(crate) fn texts(values: &AxisValues) -> Vec<At<String>> {
    match values {
        Either::First(number) => vec![At { value: number.value.to_string(), origin: number.origin.clone() }],
        Either::Second(texts) => texts.to_vec(),
    }
}
