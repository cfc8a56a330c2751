//! Metrics against what scikit-learn, SciPy and seqeval computed (`golden/make.py`).

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use alambic_reports::metrics::score_all;
use serde_json::Value;

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn values_agree_with_the_reference_implementations() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/metrics.json");
    let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for case in cases.as_array().unwrap() {
        let (outputs, references) = (texts(&case["outputs"]), texts(&case["references"]));
        for (name, expected) in case["values"].as_object().unwrap() {
            let scores = &score_all(&[name.as_str()], &outputs, &references, 1).unwrap()[0];
            let (found, expected) = (scores.value().unwrap(), expected.as_f64().unwrap());
            assert!((found - expected).abs() < 1e-9, "{name}: {found} is not {expected}");
            let [low, high] = scores.interval(3).unwrap();
            assert!(low <= found && found <= high, "{name}: {found} lies outside {low} to {high}");
        }
    }
}

#[test]
fn what_says_nothing_has_no_value() {
    let value = |name: &str, outputs: &[&str], references: &[&str]| {
        score_all(&[name], outputs, references, 1).unwrap()[0].value()
    };
    assert_eq!(value("pearson", &["1", "1"], &["1", "2"]), None);
    assert!(value("spearman", &["1", "one"], &["1", "2"]).is_none_or(f64::is_nan));
    assert_eq!(value("span-f1", &["O O"], &["O O"]), None);
    assert_eq!(value("accuracy", &[], &[]), None);
}

#[test]
fn slices_count_their_own_classes() {
    let scores = &score_all(&["f1-macro"], &["a", "b", "a"], &["a", "b", "b"], 1).unwrap()[0];
    let slices = scores.by_slice(&["x", "x", "y"]).unwrap();
    assert_eq!((slices["x"].value, slices["y"].value), (Some(1.0), Some(0.0)));
}
