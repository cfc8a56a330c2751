//! Questions about passages in the layout in which `SQuAD` and `XQuAD` are published.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::Path;

use alambic_data::corpora::{ReadCorpus, Squad};
use alambic_data::source::Files;
use alambic_data::{Content, DataError, Dataset, Extent, HoldOut, PassageQuestion, SplitOptions};
use alambic_settings::{Location, OneOrMany};
use serde_json::{Value, json};

fn write(folder: &Path, name: &str, data: &Value) -> OneOrMany<Location> {
    let path = folder.join(name);
    std::fs::write(&path, json!({ "version": "1.1", "data": data }).to_string()).unwrap();
    OneOrMany(vec![Location::File(path)])
}

fn squad(paths: OneOrMany<Location>) -> Squad {
    Squad {
        paths: paths.into(),
        validation_paths: Files::none(),
        test_paths: Files::none(),
        language: Some("en".into()),
    }
}

fn read(corpus: &Squad) -> Result<Dataset<PassageQuestion>, DataError> {
    match corpus.read(Extent::Whole)? {
        Content::Passages(dataset) => Ok(dataset),
        other => panic!("{other:?}"),
    }
}

fn article(context: &str, qas: &Value) -> Value {
    json!({ "title": "Made up", "paragraphs": [{ "context": context, "qas": qas }] })
}

#[test]
fn layout_of_xquad_is_read_with_answers_counted_by_characters() {
    let folder = tempfile::tempdir().unwrap();
    let context = "Zoë opened the “Blue Door” in 1990. It closed in 2004.";
    let answer = |text: &str| {
        let start = context.find(text).map(|byte| context[..byte].chars().count()).unwrap();
        json!({ "text": text, "answer_start": start })
    };
    let qas = json!([
        { "id": "56beb4343aeaaa14008c925b", "question": "What did Zoë open?", "answers": [answer("the “Blue Door”")] },
        { "id": "2", "question": "When was it closed?", "answers": [answer("2004"), answer("in 2004"), answer("2004")] },
    ]);
    let dataset =
        read(&squad(write(folder.path(), "xquad.en.json", &json!([article(context, &qas)])))).unwrap();
    assert_eq!(dataset.details.languages, ["en"]);
    let [first, second] = dataset.splits.train.as_slice() else { panic!("{dataset:?}") };
    assert_eq!((first.id.as_str(), first.answers.len()), ("56beb4343aeaaa14008c925b", 1));
    for question in [first, second] {
        assert!(question.is_labelled && *question.passage == *context);
        for answer in &question.answers {
            assert!(question.passage[answer.start..].starts_with(&answer.text));
        }
    }
    let texts: Vec<&str> = second.answers.iter().map(|answer| answer.text.as_str()).collect();
    assert_eq!(texts, ["2004", "in 2004"], "an answer that several people gave is one");
}

#[test]
fn impossible_questions_have_no_answer_and_unlabelled_ones_are_known_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let qas = json!([
        { "id": "1", "question": "Who sells tea?", "answers": [], "is_impossible": true,
          "plausible_answers": [{ "text": "Ravi", "answer_start": 0 }] },
        { "id": 2, "question": "Who sells lamps?" },
        { "id": "3", "question": "What does Ravi sell?", "answers": [{ "text": "carpets", "answer_start": 11 }] },
        { "id": "4", "question": " ", "answers": [{ "text": "lamps", "answer_start": 11 }] },
        { "id": "5", "question": "Who sells tea?", "answers": [], "is_impossible": true },
    ]);
    let dataset =
        read(&squad(write(folder.path(), "a.json", &json!([article("Ravi sells lamps.", &qas)])))).unwrap();
    let found: Vec<(&str, bool, usize)> = dataset
        .splits
        .train
        .iter()
        .map(|own| (own.id.as_str(), own.is_labelled, own.answers.len()))
        .collect();
    assert_eq!(found, [("1", true, 0), ("2", false, 0), ("3", false, 0)]);
    let dropped = &dataset.statistics.dropped;
    assert_eq!(dropped["answers that are not in their passage"], 1);
    assert_eq!(dropped["questions without a text or a passage"], 1);
    assert_eq!(dropped["questions that repeat an earlier one"], 1);
}

#[test]
fn contradictory_and_broken_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let qas = json!([{ "id": "q7", "question": "Who?", "answers": [{ "text": "Ravi", "answer_start": 0 }],
                       "is_impossible": true }]);
    let refused = |data: &Value| read(&squad(write(folder.path(), "a.json", data))).unwrap_err().to_string();
    let said = refused(&json!([article("Ravi sells lamps.", &qas)]));
    assert!(said.contains("a.json") && said.contains("`q7` is impossible and has answers"), "{said}");
    assert!(refused(&json!([{ "title": "none" }])).contains("paragraphs"));
    assert!(refused(&json!([])).contains("0 rows"));
}

#[test]
fn questions_about_one_passage_are_in_one_split() {
    let folder = tempfile::tempdir().unwrap();
    let articles: Vec<Value> = (0..200)
        .map(|number| {
            let context = format!("House {number} is red.");
            let qas: Vec<Value> = (0..3)
                .map(|own| {
                    json!({ "id": format!("{number}-{own}"), "question": format!("Colour of house {number}, asked {own}?"),
                            "answers": [{ "text": "red", "answer_start": context.len() - 4 }] })
                })
                .collect();
            article(&context, &json!(qas))
        })
        .collect();
    let mut dataset = read(&squad(write(folder.path(), "a.json", &json!(articles)))).unwrap();
    let options =
        SplitOptions { test_fraction: Some(0.3), validation_fraction: Some(0.2), ..SplitOptions::default() };
    dataset.split(&options, &HoldOut::default()).unwrap();
    let splits = [&dataset.splits.train, &dataset.splits.validation, &dataset.splits.test];
    assert_eq!(splits.map(Vec::len).iter().sum::<usize>(), 600);
    for own in splits {
        assert!(!own.is_empty() && own.len().is_multiple_of(3), "{}", own.len());
    }
}

#[test]
fn questions_have_the_language_of_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, context: &str| {
        let qas =
            json!([{ "id": "1", "question": "Wo?", "answers": [{ "text": "Goa", "answer_start": 0 }] }]);
        let OneOrMany(paths) = write(folder.path(), name, &json!([article(context, &qas)]));
        OneOrMany(paths)
    };
    let by_language = Files::ByLanguage(
        [("de".to_owned(), file("de.json", "Goa.")), ("nl".to_owned(), file("nl.json", "Goa."))].into(),
    );
    let corpus = Squad { paths: by_language.clone(), language: None, ..squad(OneOrMany(Vec::new())) };
    let dataset = read(&corpus).unwrap();
    assert_eq!(dataset.details.languages, ["de", "nl"]);
    // One question about one passage in two languages is two.
    let found: Vec<_> = dataset.splits.train.iter().map(|own| own.language.as_deref()).collect();
    assert_eq!(found, [Some("de"), Some("nl")]);
    let said = read(&Squad { language: Some("de".into()), ..corpus }).unwrap_err().to_string();
    assert!(said.contains("`language` and `paths` both say the language"), "{said}");
    let said = read(&Squad { language: Some("German".into()), ..squad(file("a.json", "Goa.")) }).unwrap_err();
    assert!(said.to_string().contains("`German` is not a language code; did you mean `de`?"), "{said}");
}
