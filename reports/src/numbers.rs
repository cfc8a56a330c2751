//! Numbers and names as a reader meets them in a report.

use crate::metrics::METRICS;

/// What stands for a value that there is none of.
pub const NO_VALUE: &str = "–";

/// Parts of names that are abbreviations or names of people, and how they are written.
const WRITTEN: [(&str, &str); 17] = [
    ("squad", "SQuAD"),
    ("mlqa", "MLQA"),
    ("bleu", "BLEU"),
    ("chrf", "chrF"),
    ("chrf++", "chrF++"),
    ("meteor", "METEOR"),
    ("cer", "CER"),
    ("f1", "F1"),
    ("kl", "KL"),
    ("cka", "CKA"),
    ("mse", "MSE"),
    ("psnr", "PSNR"),
    ("l1", "L1"),
    ("vqa", "VQA"),
    ("matthews", "Matthews correlation"),
    ("pearson", "Pearson correlation"),
    ("spearman", "Spearman correlation"),
];

/// Names that are written with their hyphen.
const HYPHENATED: [(&str, &str); 3] = [("bleu-4", "BLEU-4"), ("cider-d", "CIDEr-D"), ("rouge-l", "ROUGE-L")];

/// Figures that are shares of the whole, and no metrics.
const SHARES: [&str; 1] = ["common-neighbours"];

/// A metric's name for a heading: `cer` is `CER`, `word-accuracy` is `word accuracy`.
#[must_use]
pub fn metric_title(name: &str) -> String {
    for (hyphenated, title) in HYPHENATED {
        match name.strip_prefix(hyphenated) {
            Some("") => return title.to_owned(),
            Some(rest) if rest.starts_with('-') => return format!("{title}{}", metric_title(rest)),
            _ => {}
        }
    }
    let written = |part| WRITTEN.iter().find(|(name, _)| *name == part).map_or(part, |(_, title)| *title);
    name.split('-').map(written).collect::<Vec<_>>().join(" ")
}

/// A metric's value: shares and rates in per cent, coefficients as they are, a [`loss`] and an error by its first digits.
#[must_use]
pub fn metric_value(name: &str, value: Option<f64>) -> String {
    value.map_or_else(
        || NO_VALUE.to_string(),
        |value| match name {
            "loss" | "mse" => loss(value),
            _ if is_share(name) => format!("{:.1} %", 100.0 * value),
            _ => format!("{value:.3}"),
        },
    )
}

/// A loss with four digits that count, since losses over vectors of length one are thousandths: `1.386`, `0.0006124`,
/// `3.100e-6`.
#[must_use]
pub fn loss(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size.is_finite() && (1e-4..1e4).contains(&size) => {
            let decimals = (3 - size.log10().floor() as i32).max(0) as usize;
            format!("{value:.decimals$}")
        }
        _ if value.is_nan() => "NaN".to_owned(),
        _ => format!("{value:.3e}"),
    }
}

/// An interval of a metric without its unit, `12.9–14.1`.
#[must_use]
pub fn metric_interval(name: &str, [low, high]: [f64; 2]) -> String {
    if is_share(name) {
        format!("{:.1}–{:.1}", 100.0 * low, 100.0 * high)
    } else {
        format!("{low:.3}–{high:.3}")
    }
}

/// A difference of a metric: `1.5 points` (of a hundred) or `0.015`.
#[must_use]
pub fn points(name: &str, difference: f64) -> String {
    if is_share(name) {
        format!("{} points", unsigned_zero(100.0 * difference, 1))
    } else {
        unsigned_zero(difference, 3)
    }
}

/// Whether a difference is written as nothing: less than half of the last digit.
#[must_use]
pub fn is_zero(name: &str, difference: f64) -> bool {
    points(name, difference.abs()) == points(name, 0.0)
}

/// An interval of a difference: `1.2 to 1.8 points` or `0.012 to 0.018`.
#[must_use]
pub fn points_interval(name: &str, [low, high]: [f64; 2]) -> String {
    if is_share(name) {
        format!("{} to {} points", unsigned_zero(100.0 * low, 1), unsigned_zero(100.0 * high, 1))
    } else {
        format!("{} to {}", unsigned_zero(low, 3), unsigned_zero(high, 3))
    }
}

/// A number with so many decimals; what rounds to nothing has no sign.
fn unsigned_zero(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|character| matches!(character, '0' | '.')) => rest.to_owned(),
        _ => text,
    }
}

/// Shares of the whole are shown in per cent, anything else as a plain number. A figure may have the name of a metric with
/// more around it: `cer-against-teacher`, `baseline-agreement`.
fn is_share(name: &str) -> bool {
    let within = |part: &str| format!("-{name}-").contains(&format!("-{part}-"));
    SHARES.iter().any(|share| within(share))
        || METRICS.iter().any(|metric| metric.is_share && within(metric.name))
}

/// A share in per cent, `3.4 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A ratio where 1 is parity, `2.19 ×`.
#[must_use]
pub fn times(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| NO_VALUE.to_string(), |ratio| format!("{ratio:.2} ×"))
}

/// An integer with commas, `1,234,567`.
#[must_use]
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun, `1 seed`, `1,000 words`.
#[must_use]
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count as u64), if count == 1 { one } else { many })
}

/// Bytes in decimal units, `6.4 MB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let value = count as f64;
    match value {
        1e9.. => format!("{:.2} GB", value / 1e9),
        1e6.. => format!("{:.1} MB", value / 1e6),
        1e3.. => format!("{:.1} kB", value / 1e3),
        _ => format!("{count} B"),
    }
}

/// A duration, `42.0 s`, `12 min 05 s`, `1 h 03 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..100 => format!("{seconds:.1} s"),
        100..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Milliseconds with three significant digits, `12.3 ms`.
#[must_use]
pub fn milliseconds(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.decimals$} ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_have_digits_that_count() {
        for (value, written) in [
            (1.386_29, "1.386"),
            (0.000_612_4, "0.0006124"),
            (3.1e-6, "3.100e-6"),
            (-0.25, "-0.2500"),
            (1234.56, "1235"),
            (0.0, "0"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(loss(value), written);
        }
        assert_eq!(metric_value("loss", Some(0.000_48)), "0.0004800");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(bytes(6_400_000), "6.4 MB");
        assert_eq!(duration(725.4), "12 min 05 s");
        assert_eq!(duration(3780.0), "1 h 03 min");
        assert_eq!(milliseconds(3.456), "3.46 ms");
        assert_eq!(metric_value("cer", Some(0.1344)), "13.4 %");
        let titles = ["bleu-4", "bleu-char", "chrf++", "cider-d-of-references"].map(metric_title);
        assert_eq!(titles, ["BLEU-4", "BLEU char", "chrF++", "CIDEr-D of references"]);
        assert_eq!(metric_value("cider-d-of-references", Some(4.9)), "4.900");
        assert_eq!(metric_value("encoder-similarity", Some(0.975)), "0.975");
        assert_eq!(metric_value("cer", None), NO_VALUE);
        assert_eq!(metric_title("cer-total"), "CER total");
        assert_eq!(metric_value("common-neighbours-hi", Some(0.5)), "50.0 %");
        assert!(is_zero("cer", -0.0004) && !is_zero("cer", 0.0006) && !is_zero("pearson", 0.0006));
    }
}
