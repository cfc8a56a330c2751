//! Values of columnar files as texts.

use half::f16;
use polars_arrow::array::{
    Array, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray,
    Float16Array, ListArray, PrimitiveArray, StructArray, Utf8Array, Utf8ViewArray,
};
use polars_arrow::datatypes::{ArrowDataType as Type, TimeUnit};
use polars_arrow::types::NativeType;

/// Content of a column, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Texts, dates or times.
    Text,
    /// Numbers or truth values, by what they are called in a message.
    Value(&'static str),
    /// Nothing at all: every value is missing.
    Nothing,
    /// Bytes, which are texts if they are UTF-8.
    Bytes,
    /// Something that no single value can be made of, by what it is called.
    Other(&'static str),
}

/// What columns of a type hold.
pub(super) fn holds(dtype: &Type) -> Holds {
    match dtype.to_storage() {
        Type::Utf8
        | Type::LargeUtf8
        | Type::Utf8View
        | Type::Date32
        | Type::Date64
        | Type::Timestamp(..)
        | Type::Time32(_)
        | Type::Time64(_) => Holds::Text,
        Type::Binary | Type::LargeBinary | Type::BinaryView | Type::FixedSizeBinary(_) => Holds::Bytes,
        Type::Null => Holds::Nothing,
        Type::Boolean => Holds::Value("truth values"),
        Type::Int8
        | Type::Int16
        | Type::Int32
        | Type::Int64
        | Type::UInt8
        | Type::UInt16
        | Type::UInt32
        | Type::UInt64
        | Type::Float16
        | Type::Float32
        | Type::Float64
        | Type::Decimal(..)
        | Type::Decimal32(..)
        | Type::Decimal64(..) => Holds::Value("numbers"),
        Type::Struct(_) => Holds::Other("objects"),
        Type::List(_) | Type::LargeList(_) | Type::FixedSizeList(..) => Holds::Other("lists"),
        Type::Map(..) => Holds::Other("maps"),
        Type::Duration(_) | Type::Interval(_) => Holds::Other("spans of time"),
        _ => Holds::Other("values of a type that is not read"),
    }
}

/// Each value of an array as text, empty where there is none. Of bytes that are not UTF-8 the number of the value is the
/// error.
///
/// # Errors
/// At the first value that has no text.
pub(super) fn texts(array: &dyn Array) -> Result<Vec<String>, usize> {
    let all = array.as_any();
    let dtype = array.dtype().to_storage();
    if let Some(array) = all.downcast_ref::<Utf8ViewArray>() {
        return Ok(array.iter().map(owned).collect());
    }
    if let Some(array) = all.downcast_ref::<Utf8Array<i64>>() {
        return Ok(array.iter().map(owned).collect());
    }
    if let Some(array) = all.downcast_ref::<Utf8Array<i32>>() {
        return Ok(array.iter().map(owned).collect());
    }
    if let Some(array) = all.downcast_ref::<BinaryViewArray>() {
        return decoded(array.iter());
    }
    if let Some(array) = all.downcast_ref::<BinaryArray<i64>>() {
        return decoded(array.iter());
    }
    if let Some(array) = all.downcast_ref::<BinaryArray<i32>>() {
        return decoded(array.iter());
    }
    if let Some(array) = all.downcast_ref::<FixedSizeBinaryArray>() {
        return decoded(array.iter());
    }
    if let Some(array) = all.downcast_ref::<BooleanArray>() {
        return Ok(array
            .iter()
            .map(|value| value.map_or_else(String::new, |value| value.to_string()))
            .collect());
    }
    if let Some(array) = all.downcast_ref::<ListArray<i32>>() {
        return array.iter().map(list).collect();
    }
    if let Some(array) = all.downcast_ref::<ListArray<i64>>() {
        return array.iter().map(list).collect();
    }
    if let Some(array) = all.downcast_ref::<FixedSizeListArray>() {
        return array.iter().map(list).collect();
    }
    if let Some(array) = all.downcast_ref::<StructArray>() {
        return objects(array);
    }
    if let Some(array) = all.downcast_ref::<Float16Array>() {
        return Ok(array
            .iter()
            .map(|value| value.map_or_else(String::new, |value| half(value.0.to_f32())))
            .collect());
    }
    Ok(match dtype {
        Type::Null => vec![String::new(); array.len()],
        Type::Int8 => of::<i8>(array, |value| value.to_string()),
        Type::Int16 => of::<i16>(array, |value| value.to_string()),
        Type::Int32 => of::<i32>(array, |value| value.to_string()),
        Type::Int64 => of::<i64>(array, |value| value.to_string()),
        Type::UInt8 => of::<u8>(array, |value| value.to_string()),
        Type::UInt16 => of::<u16>(array, |value| value.to_string()),
        Type::UInt32 => of::<u32>(array, |value| value.to_string()),
        Type::UInt64 => of::<u64>(array, |value| value.to_string()),
        // Of all kinds: the fewest digits that distinguish it from the next number. What is no number is missing, as for pandas.
        Type::Float32 => {
            of::<f32>(array, |value| if value.is_nan() { String::new() } else { format!("{value:?}") })
        }
        Type::Float64 => {
            of::<f64>(array, |value| if value.is_nan() { String::new() } else { format!("{value:?}") })
        }
        Type::Decimal(_, scale) | Type::Decimal32(_, scale) | Type::Decimal64(_, scale) => {
            of::<i128>(array, |value| decimal(value, *scale))
        }
        Type::Date32 => of::<i32>(array, |days| date(i64::from(days))),
        Type::Date64 => of::<i64>(array, |milliseconds| date(milliseconds.div_euclid(86_400_000))),
        Type::Timestamp(unit, zone) => of::<i64>(array, |value| timestamp(value, *unit, zone.is_some())),
        Type::Time32(unit) => of::<i32>(array, |value| time(i64::from(value), *unit)),
        Type::Time64(unit) => of::<i64>(array, |value| time(value, *unit)),
        _ => return Err(0),
    })
}

/// A list as JSON; nothing where it is missing.
fn list(values: Option<Box<dyn Array>>) -> Result<String, usize> {
    let Some(values) = values else { return Ok(String::new()) };
    Ok(format!("[{}]", json(values.as_ref())?.join(",")))
}

/// Objects as JSON; nothing where one is missing.
fn objects(array: &StructArray) -> Result<Vec<String>, usize> {
    let columns: Vec<Vec<String>> =
        array.values().iter().map(|values| json(values.as_ref())).collect::<Result<_, _>>()?;
    let row = |row: usize| {
        if array.is_null(row) {
            return String::new();
        }
        let entries = array.fields().iter().zip(&columns).map(|(field, values)| {
            format!("{}:{}", serde_json::Value::from(field.name.as_str()), values[row])
        });
        format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
    };
    Ok((0..array.len()).map(row).collect())
}

/// Each value of an array as JSON.
fn json(array: &dyn Array) -> Result<Vec<String>, usize> {
    let is_text = matches!(holds(array.dtype()), Holds::Text | Holds::Bytes);
    let written = |(index, text): (usize, String)| {
        if array.is_null(index) || text.is_empty() && !is_text {
            "null".to_owned()
        } else if is_text {
            serde_json::Value::from(text).to_string()
        } else {
            text
        }
    };
    Ok(texts(array)?.into_iter().enumerate().map(written).collect())
}

fn owned(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn decoded<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> Result<Vec<String>, usize> {
    let text = |(index, bytes): (usize, Option<&[u8]>)| {
        std::str::from_utf8(bytes.unwrap_or_default()).map(str::to_owned).map_err(|_| index)
    };
    values.enumerate().map(text).collect()
}

fn of<T: NativeType>(array: &dyn Array, text: impl Fn(T) -> String) -> Vec<String> {
    let values = array.as_any().downcast_ref::<PrimitiveArray<T>>();
    values.map_or_else(Vec::new, |values| {
        values.iter().map(|value| value.map_or_else(String::new, |value| text(*value))).collect()
    })
}

/// A number of 16 bits, in the fewest digits that distinguish it from the next one: five are always enough.
fn half(value: f32) -> String {
    let has_its_bits =
        |text: &String| text.parse().is_ok_and(|read: f32| f16::from_f32(read) == f16::from_f32(value));
    let shortest = (0..5).map(|digits| format!("{value:.digits$e}")).find(has_its_bits);
    let short = shortest.and_then(|text| text.parse::<f32>().ok()).unwrap_or(value);
    if value.is_nan() { String::new() } else { format!("{short:?}") }
}

/// A number of so many digits behind the point.
fn decimal(value: i128, scale: usize) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// The day of the Gregorian calendar so many days after 1970-01-01, as ISO 8601 writes it. Years of 400 begin on March 1,
/// so that the day which leap years add is the last.
fn date(days: i64) -> String {
    const ERA: i64 = 146_097;
    let days = days.saturating_add(719_468);
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year, if month < 10 { month + 3 } else { month - 9 });
    let year = year + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn timestamp(value: i64, unit: TimeUnit, has_zone: bool) -> String {
    let day = 86_400 * per_second(unit);
    let zone = if has_zone { "Z" } else { "" };
    format!("{}T{}{zone}", date(value.div_euclid(day)), time(value.rem_euclid(day), unit))
}

fn time(value: i64, unit: TimeUnit) -> String {
    let per_second = per_second(unit);
    let (seconds, fraction) = (value.div_euclid(per_second), value.rem_euclid(per_second));
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 {
        return clock;
    }
    let digits = per_second.ilog10() as usize;
    format!("{clock}.{}", format!("{fraction:0>digits$}").trim_end_matches('0'))
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_written_as_iso_8601_has_them() {
        for (days, shown) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_724, "2024-01-02"),
            (11_016, "2000-02-29"),
            (-719_162, "0001-01-01"),
        ] {
            assert_eq!(date(days), shown);
        }
        assert_eq!(timestamp(1_704_153_600_500, TimeUnit::Millisecond, true), "2024-01-02T00:00:00.5Z");
        assert_eq!(timestamp(-1, TimeUnit::Second, false), "1969-12-31T23:59:59");
        assert!(!date(i64::MAX).is_empty() && !timestamp(i64::MIN, TimeUnit::Nanosecond, false).is_empty());
    }

    #[test]
    fn numbers_of_16_bits_are_shown_in_the_fewest_digits() {
        let shown = |value: f32| half(f16::from_f32(value).to_f32());
        for (value, text) in [(0.0, "0.0"), (1.0, "1.0"), (0.1, "0.1"), (-2.5, "-2.5"), (65504.0, "65500.0")]
        {
            assert_eq!(shown(value), text);
        }
        assert_eq!((shown(f32::NAN), shown(f32::INFINITY)), (String::new(), "inf".to_owned()));
    }

    #[test]
    fn decimals_keep_their_digits() {
        let shown: Vec<String> = [150, -5, 0].iter().map(|&value| decimal(value, 2)).collect();
        assert_eq!(shown, ["1.50", "-0.05", "0.00"]);
        assert_eq!(decimal(i128::MIN, 0), i128::MIN.to_string());
    }
}
