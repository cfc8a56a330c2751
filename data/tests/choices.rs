//! Questions with choices: tables, and COPA's files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::Path;

use alambic_data::corpora::{Choices, Copa, ReadCorpus};
use alambic_data::{ChoiceQuestion, Content, DataError, Dataset, Extent, HoldOut, SplitOptions};
use alambic_settings::{Node, Table};

fn options<T: Table>(folder: &Path, keys: &str) -> T {
    let text = keys.replace("FOLDER", &folder.display().to_string());
    alambic_settings::read(&Node::parse("options", &text).unwrap()).unwrap()
}

fn dataset(content: Content) -> Dataset<ChoiceQuestion> {
    match content {
        Content::Choices(dataset) => dataset,
        other => panic!("{other:?}"),
    }
}

fn table(name: &str, content: &str, keys: &str) -> Result<Dataset<ChoiceQuestion>, DataError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    let keys = format!("paths = \"FOLDER/{name}\"\n{keys}");
    options::<Choices>(folder.path(), &keys).read(Extent::Whole).map(dataset)
}

fn copa(content: &str, keys: &str) -> Result<Dataset<ChoiceQuestion>, DataError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("copa.jsonl"), content).unwrap();
    let keys = format!("paths = \"FOLDER/copa.jsonl\"\n{keys}");
    options::<Copa>(folder.path(), &keys).read(Extent::Whole).map(dataset)
}

fn pairs(question: &ChoiceQuestion) -> Vec<(&str, &str)> {
    question.pairs.iter().map(|pair| (pair.first.as_str(), pair.second.as_deref().unwrap())).collect()
}

#[test]
fn copa_is_read_as_either_benchmark_reads_it() {
    let lines = "{\"premise\": \" The man opened the tap.\", \"choice1\": \"The toilet filled.\", \"choice2\": \"Water flowed. \", \
                 \"question\": \"effect\", \"label\": 1, \"idx\": 0, \"changed\": false}\n\
                 {\"premise\": \"बच्चा रोया।\", \"choice1\": \"वह गिर गया।\", \"choice2\": \"वह सोया।\", \"question\": \"cause\", \"label\": 0}\n\
                 {\"premise\": \"x\", \"choice1\": \"y\", \"choice2\": \"z\", \"question\": \"cause\", \"label\": -1}\n";
    let read = copa(lines, "language = \"hi\"").unwrap();
    let [tap, child, unlabelled] = read.splits.train.as_slice() else { panic!("{read:?}") };
    let prompt = "The man opened the tap. What was the effect?";
    assert_eq!(pairs(tap), [(prompt, "The toilet filled."), (prompt, "Water flowed.")]);
    assert_eq!(
        (tap.label, tap.kind.as_deref(), tap.premise.as_str()),
        (Some(1), Some("effect"), "The man opened the tap.")
    );
    assert_eq!(child.prompt(), "बच्चा रोया। What was the cause?");
    assert_eq!((child.label, unlabelled.label), (Some(0), None));
    assert_eq!(read.details.languages, ["hi"]);
    assert!(read.statistics.messages().iter().any(|note| note.contains("1 of 3 questions have no label")));
    let read = copa(lines, "template = \"indicxtreme\"").unwrap();
    let premise = "The man opened the tap.";
    assert_eq!(
        pairs(&read.splits.train[0]),
        [(premise, "effect The toilet filled."), (premise, "effect Water flowed.")]
    );
}

#[test]
fn faults_of_copa_name_their_lines() {
    let line = |question: &str, second: &str, label: &str| {
        format!(
            "{{\"premise\": \"p\", \"choice1\": \"a\", \"choice2\": \"{second}\", \"question\": \"{question}\", \"label\": {label}}}\n"
        )
    };
    let lines =
        [line("cause", "b", "0"), line("why", "b", "0"), line("cause", "", "0"), line("effect", "b", "2")]
            .concat();
    let error = copa(&lines, "").unwrap_err();
    let found: Vec<(Option<usize>, String)> =
        error.problems.iter().map(|problem| (problem.place.line, problem.fault.to_string())).collect();
    let expected = [
        (2, "`question` holds `why` where one of `cause`, `effect` is expected"),
        (3, "1 choice where two or more are needed"),
        (4, "the label `2` is none of the choices `a`, `b`, numbered from 0"),
    ];
    assert_eq!(found, expected.map(|(line, message)| (Some(line), message.to_owned())));
}

#[test]
fn columns_of_choices_may_be_empty_and_labels_name_them() {
    let text = "context\task\tanswerA\tanswerB\tanswerC\tcorrect\tkind\tsplit\n\
                Ravi slept\tWhy?\the was tired\the was late\t\tanswerB\ta\ttest\n\
                Ravi slept\tWhat next?\the woke up\t\the ran\t3\tb\ttest\n\
                Ravi ran\t\tto win\tto lose\tto rest\tto rest\tb\t\n\
                \tWhy?\tx\ty\tz\t1\tb\t\n\
                Ravi ran\t\tto win\tto lose\tto rest\tto rest\tb\t\n";
    let keys = "prompt = [\"context\", \"ask\"]\nchoices = [\"answerA\", \"answerB\", \"answerC\"]\nlabel = \"correct\"\n\
                first-label = 1\nkind = \"kind\"";
    let mut read = table("table.tsv", text, keys).unwrap();
    let [late, ran, rest] = read.splits.train.as_slice() else { panic!("{read:?}") };
    assert_eq!(pairs(late), [("Ravi slept Why?", "he was tired"), ("Ravi slept Why?", "he was late")]);
    assert_eq!((late.label, ran.label, rest.label), (Some(1), Some(1), Some(2)));
    assert_eq!(rest.prompt(), "Ravi ran");
    assert_eq!(read.statistics.dropped["questions without a prompt"], 1);
    assert_eq!(read.statistics.dropped["questions that repeat an earlier one"], 1);
    let options = SplitOptions {
        test_values: vec!["test".into()],
        validation_fraction: Some(0.0),
        ..SplitOptions::default()
    };
    read.split(&options, &HoldOut::default()).unwrap();
    assert_eq!((read.splits.train.len(), read.splits.test.len()), (1, 2));
}

#[test]
fn choices_are_a_list_of_any_length_with_a_text_before_each() {
    let lines = "{\"prompt\": \"A man\", \"before\": \"He\", \"choices\": [\"runs\", \"sits\", \"42\"], \"label\": \"sits\"}\n\
                 {\"prompt\": \"A sum\", \"before\": \"\", \"choices\": [4, 5], \"label\": 1}\n";
    let read = table("table.jsonl", lines, "choice-prefix = \"before\"").unwrap();
    let [man, sum] = read.splits.train.as_slice() else { panic!("{read:?}") };
    assert_eq!(pairs(man), [("A man", "He runs"), ("A man", "He sits"), ("A man", "He 42")]);
    assert_eq!(man.label, Some(1));
    assert_eq!((pairs(sum), sum.label), (vec![("A sum", "4"), ("A sum", "5")], Some(1)));
    let lines = r#"{"prompt": "A", "a": "x", "b": "y", "c": "z", "label": 2}
{"prompt": "B", "a": "x", "b": "y", "label": "b"}
"#;
    let read = table("table.jsonl", lines, "choices = [\"a\", \"b\", \"c\"]").unwrap();
    let counts: Vec<usize> = read.splits.train.iter().map(|own| own.pairs.len()).collect();
    assert_eq!((counts, read.splits.train[1].label), (vec![3, 2], Some(1)));
    let error =
        table("table.jsonl", "{\"prompt\": \"A\", \"choices\": \"runs\", \"label\": 0}\n", "").unwrap_err();
    assert!(
        error.to_string().contains("`choices` holds `runs` where a list of texts is expected"),
        "{error}"
    );
    let error = table(
        "table.jsonl",
        &lines.replace("{\"prompt\"", "{\"other\": 1, \"prompt\""),
        "choices = [\"a\", \"b\"]\nlabel = \"gold\"",
    )
    .unwrap_err();
    assert!(error.to_string().contains("gold"), "{error}");
    let error = table("table.jsonl", lines, "").unwrap_err();
    assert!(error.to_string().contains("choices"), "{error}");
}

#[test]
fn no_premise_is_in_two_splits() {
    let text = "prompt,choice1,choice2,label,split\n\
                The cat sat.,it was tired,it was late,0,\n\
                The cat sat.,it purred,it flew,0,test\n\
                The dog ran.,it was glad,it was dead,1,\n";
    let mut read = table("table.csv", text, "choices = [\"choice1\", \"choice2\"]").unwrap();
    let options = SplitOptions {
        test_values: vec!["test".into()],
        validation_fraction: Some(0.0),
        ..SplitOptions::default()
    };
    read.split(&options, &HoldOut::default()).unwrap();
    let premises = |split: &[ChoiceQuestion]| split.iter().map(|own| own.premise.clone()).collect::<Vec<_>>();
    let both = [premises(&read.splits.train), premises(&read.splits.test)].concat();
    assert_eq!(both.iter().filter(|premise| *premise == "The cat sat.").count(), 1, "{both:?}");
    assert_eq!(read.report.removed.values().sum::<usize>(), 1);
}
