//! Metrics against what scikit-learn, SciPy and seqeval computed (`golden/make.py`), and the published scorer of aspects
//! (`golden/aspects.py`).

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use alambic_reports::metrics::{Prediction, PredictionKind, ScoredPair, ScoringContext, find, score_all};
use serde_json::Value;

/// Texts as predictions of the kind that a metric accepts.
fn predictions<'t>(metric: &str, texts: impl IntoIterator<Item = &'t str>) -> Vec<Prediction> {
    let kind = find(metric).unwrap().accepts[0];
    let prediction = |text: &str| match kind {
        PredictionKind::Number => Prediction::Number(text.parse().unwrap()),
        PredictionKind::Tags => Prediction::Tags(text.split(' ').map(str::to_owned).collect()),
        _ => Prediction::Class(text.to_owned()),
    };
    texts.into_iter().map(prediction).collect()
}

#[test]
fn values_agree_with_the_reference_implementations() {
    let recorded: [&[u8]; 2] = [include_bytes!("golden/metrics.json"), include_bytes!("golden/aspects.json")];
    let cases = recorded.iter().flat_map(|recorded| serde_json::from_slice::<Vec<Value>>(recorded).unwrap());
    for case in cases {
        for (name, expected) in case["values"].as_object().unwrap() {
            let side = |key: &str| {
                let texts = case[key].as_array().unwrap().iter();
                predictions(name, texts.map(|text| text.as_str().unwrap()))
            };
            let scores = &score_all(&[name.as_str()], &side("outputs"), &side("references"), 1).unwrap()[0];
            let (found, expected) = (scores.value().unwrap(), expected.as_f64().unwrap());
            assert!((found - expected).abs() < 1e-9, "{name}: {found} is not {expected}");
            let [low, high] = scores.interval(3).unwrap();
            assert!(low <= found && found <= high, "{name}: {found} lies outside {low} to {high}");
        }
    }
}

#[test]
fn undefined_metric_has_no_value() {
    let value = |name: &str, outputs: &[&str], references: &[&str]| {
        let side = |texts: &[&str]| predictions(name, texts.iter().copied());
        score_all(&[name], &side(outputs), &side(references), 1).unwrap()[0].value()
    };
    assert_eq!(value("pearson", &["1", "1"], &["1", "2"]), None);
    assert_eq!(value("span-f1", &["O O"], &["O O"]), None);
    assert_eq!(value("accuracy", &[], &[]), None);
}

#[test]
fn slices_count_their_own_classes() {
    let side = |texts: [&str; 3]| predictions("f1-macro", texts);
    let scores = &score_all(&["f1-macro"], &side(["a", "b", "a"]), &side(["a", "b", "b"]), 1).unwrap()[0];
    let slices = scores.by_slice(&["x", "x", "y"]).unwrap();
    assert_eq!((slices["x"].value, slices["y"].value), (Some(1.0), Some(0.0)));
}

/// Rankings against what `pytrec_eval` computed (`golden/search.py`).
#[test]
fn metrics_of_search_agree_with_trec_eval() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/search.json");
    let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(cases.as_array().unwrap().len(), 3);
    for case in cases.as_array().unwrap() {
        let place = |value: &Value| value.as_u64().unwrap() as usize;
        let list = |value: &Value| value.as_array().unwrap().clone();
        let rankings: Vec<Prediction> = list(&case["rankings"])
            .iter()
            .map(|found| Prediction::Ranking(list(found).iter().map(place).collect()))
            .collect();
        let grades = |pair: &Value| (place(&pair[0]), pair[1].as_f64().unwrap());
        let relevance: Vec<Prediction> = list(&case["relevance"])
            .iter()
            .map(|own| Prediction::Relevance(list(own).iter().map(grades).collect()))
            .collect();
        for (name, expected) in case["values"].as_object().unwrap() {
            let found = score_all(&[name.as_str()], &rankings, &relevance, 1).unwrap()[0].value().unwrap();
            let expected = expected.as_f64().unwrap();
            assert!((found - expected).abs() < 1e-9, "{name}: {found} is not {expected}");
        }
    }
}

/// Answers and tags with odd Unicode against what the benchmarks' scripts compute (`golden/benchmarks.py`).
#[test]
fn metrics_of_benchmarks_agree_with_their_scripts() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/benchmarks.json");
    let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    for case in cases.as_array().unwrap() {
        let (outputs, references): (Vec<Prediction>, Vec<Prediction>) = if case["found"].is_array() {
            let side = |key: &str| -> Vec<Prediction> {
                case[key].as_array().unwrap().iter().map(|tags| Prediction::Tags(texts(tags))).collect()
            };
            (side("found"), side("there"))
        } else {
            let answers = case["answers"].as_array().unwrap().iter().map(|answer| {
                answer.as_str().map_or(Prediction::Nothing, |answer| Prediction::Text(answer.to_owned()))
            });
            let right = case["right"].as_array().unwrap().iter().map(|right| Prediction::Texts(texts(right)));
            (answers.collect(), right.collect())
        };
        let pairs: Vec<ScoredPair<'_>> = outputs
            .iter()
            .zip(&references)
            .map(|(output, own)| ScoredPair::as_written(output, own))
            .collect();
        let language = case["language"].as_str();
        let context = ScoringContext { language, ..ScoringContext::default() };
        for (name, expected) in case["values"].as_object().unwrap() {
            let found = find(name).unwrap().score(&pairs, context).value().unwrap();
            let expected = expected.as_f64().unwrap();
            assert!((found - expected).abs() < 1e-12, "{name} {language:?}: {found} is not {expected}");
        }
    }
}
