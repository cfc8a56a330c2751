//! Metrics of written texts against what sacrebleu and pycocoevalcap compute (`golden/writing.py`).

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use alambic_reports::metrics::{
    BleuTokenizer, Prediction, ScoredPair, Scores, ScoringContext, find, sentence_bleu,
};
use serde_json::Value;

fn cases() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/writing.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Outputs and references of a set.
fn predictions(case: &Value) -> (Vec<Prediction>, Vec<Prediction>) {
    let references = case["references"].as_array().unwrap().iter();
    (
        texts(&case["outputs"]).into_iter().map(Prediction::Text).collect(),
        references.map(|own| Prediction::Texts(texts(own))).collect(),
    )
}

/// Scores of pairs as they are written.
fn score(name: &str, outputs: &[Prediction], references: &[Prediction]) -> Scores {
    let pairs: Vec<ScoredPair<'_>> =
        outputs.iter().zip(references).map(|(one, other)| ScoredPair::as_written(one, other)).collect();
    find(name).unwrap().score(&pairs, ScoringContext::default())
}

#[test]
fn values_of_corpora_agree_with_the_published_programs() {
    let mut differences = Vec::new();
    let mut compared = 0;
    for case in cases() {
        let (outputs, references) = predictions(&case);
        for (name, expected) in case["values"].as_object().unwrap() {
            let found = score(name, &outputs, &references).value().unwrap();
            let expected = expected.as_f64().unwrap();
            // METEOR prints so many digits.
            let most = if name == "meteor" { 1e-9 } else { 1e-12 * expected.max(1.0) };
            compared += 1;
            if (found - expected).abs() > most {
                differences.push(format!("{} {name}: {found} is not {expected}", case["name"]));
            }
        }
    }
    assert!(compared > 120, "{compared}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn values_of_single_texts_agree_with_the_published_programs() {
    let mut differences = Vec::new();
    let mut compared = 0;
    for case in cases() {
        let (outputs, references) = predictions(&case);
        for (name, all) in case["single"].as_object().unwrap() {
            // CIDEr-D weighs by all references, and of one text BLEU has its own function.
            let of_all = (name == "cider-d").then(|| score(name, &outputs, &references));
            for (place, expected) in all.as_array().unwrap().iter().enumerate() {
                let Some(expected) = expected.as_f64() else { continue };
                let one = |all: &[Prediction]| all[place..=place].to_vec();
                let found = match name.strip_prefix("bleu-") {
                    Some(tokenizer) => {
                        let tokenizer = match tokenizer {
                            "13a" => BleuTokenizer::Western,
                            "zh" => BleuTokenizer::Chinese,
                            "char" => BleuTokenizer::Characters,
                            "intl" => BleuTokenizer::International,
                            _ => BleuTokenizer::Blanks,
                        };
                        let references = texts(&case["references"][place]);
                        let references: Vec<&str> =
                            references.iter().map(String::as_str).filter(|own| !own.is_empty()).collect();
                        let output = case["outputs"][place].as_str().unwrap();
                        sentence_bleu(output, &references, tokenizer)
                    }
                    None => match &of_all {
                        Some(scores) => {
                            let labels: Vec<String> = (0..outputs.len()).map(|own| own.to_string()).collect();
                            scores.by_slice(&labels).unwrap()[place].value.unwrap()
                        }
                        None => score(name, &one(&outputs), &one(&references)).value().unwrap(),
                    },
                };
                compared += 1;
                if (found - expected).abs() > if name == "meteor" { 1e-9 } else { 1e-12 * expected.max(1.0) }
                {
                    let output = &case["outputs"][place];
                    let tokens = &case["tokens"][place];
                    differences.push(format!(
                        "{} {name} {place}: {found} is not {expected}: {output} {tokens} {}",
                        case["name"], case["references"][place]
                    ));
                }
            }
        }
    }
    assert!(compared > 4000, "{compared}");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn intervals_of_corpora_hold_their_values() {
    let case = cases().into_iter().find(|own| own["name"] == "en").unwrap();
    let (outputs, references) = predictions(&case);
    for name in ["bleu", "chrf", "chrf++", "bleu-4", "meteor", "rouge-l", "cider-d", "text-exact-match"] {
        let scores = score(name, &outputs, &references);
        let (value, [low, high]) = (scores.value().unwrap(), scores.interval(1).unwrap());
        assert!(
            low < value && value < high && high - low < 0.2 * value.max(0.5),
            "{name} {low} {value} {high}"
        );
    }
    let best = score("cider-d-of-references", &outputs, &references).value().unwrap();
    assert!(best > score("cider-d", &outputs, &references).value().unwrap() && best < 10.0, "{best}");
}

#[test]
fn tokenizer_of_bleu_goes_by_the_language_of_each_example() {
    for case in cases() {
        let tokenizer = match case["name"].as_str().unwrap() {
            "ja" => "char",
            "zh" => "zh",
            _ => "13a",
        };
        let (outputs, references) = predictions(&case);
        let pairs: Vec<ScoredPair<'_>> =
            outputs.iter().zip(&references).map(|(one, other)| ScoredPair::as_written(one, other)).collect();
        let languages = vec![case["name"].as_str().unwrap().to_owned(); outputs.len()];
        let context = ScoringContext { languages: &languages, ..ScoringContext::default() };
        let found = find("bleu").unwrap().score(&pairs, context).value().unwrap();
        let expected = case["values"][format!("bleu-{tokenizer}")].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-12, "{} {found} {expected}", case["name"]);
    }
    let of = |code| BleuTokenizer::of_language(Some(code));
    assert_eq!(of("zh-Hant-TW"), BleuTokenizer::Chinese);
    assert_eq!((of("ja_JP"), of("jam")), (BleuTokenizer::Characters, BleuTokenizer::Western));
    assert_eq!(BleuTokenizer::of_language(None), BleuTokenizer::Western);
}
