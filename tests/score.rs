//! Suites scored from files: predictions in the layouts of benchmarks' submissions, published results, broken suites and files.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::Path;

use crate::common::{json, json_of, run};
use alambic_recipes::suite::load;
use serde_json::{Value, json};

/// Writes a file and the folders that it lies in.
fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A file of questions with their right answers.
fn squad(questions: &[(&str, &[&str])]) -> String {
    let question = |(id, answers): &(&str, &[&str])| {
        let answers: Vec<Value> =
            answers.iter().map(|text| json!({ "text": text, "answer_start": 0 })).collect();
        json!({ "id": id, "question": "?", "answers": answers })
    };
    let all: Vec<Value> = questions.iter().map(question).collect();
    json!({ "version": "1.1", "data": [{ "paragraphs": [{ "context": "", "qas": all }] }] }).to_string()
}

/// Labels and predictions of a task of XTREME in a language, and the value of each of its metrics.
fn files_of(task: &str, language: &str) -> (String, String, Vec<f64>) {
    let text = |parts: &[&str]| parts.join("\n") + "\n";
    match task {
        "xnli" => {
            let labels = ["contradiction", "entailment", "neutral", "neutral"];
            (text(&labels), text(&["contradiction", "entailment", "neutral", "entailment"]), vec![0.75])
        }
        "pawsx" => (text(&["0", "1", "1", "0"]), text(&["0", "1", "0", "1"]), vec![0.5]),
        // A run of nouns is one chunk: NOUN, VERB and PUNCT are there, VERB and PUNCT are found; then one of one.
        "udpos" => (
            text(&["NOUN", "NOUN", "VERB", "PUNCT", "", "SYM"]),
            text(&["NOUN", "ADJ", "VERB", "PUNCT", "", "SYM"]),
            vec![6.0 / 9.0],
        ),
        "panx" => (
            text(&["B-PER", "I-PER", "O", "B-LOC", "", "O"]),
            text(&["B-PER", "I-PER", "O", "B-ORG", "", "O"]),
            vec![0.5],
        ),
        "xquad" | "tydiqa" => (
            squad(&[("a", &["the Normans"]), ("b", &["in 1066", "1066 AD"])]),
            json!({ "a": "Normans!", "b": "1066" }).to_string(),
            vec![0.5, f64::midpoint(1.0, 2.0 / 3.0)],
        ),
        // Articles go by the language, and the question without an answer counts.
        "mlqa" => {
            let (right, found) = match language {
                "de" => ("der Hund", "Hund"),
                "es" => ("el perro", "perro"),
                "zh" => ("狗。", "狗"),
                "ar" => ("القمر", "قمر"),
                "vi" => ("những con", "con"),
                _ => ("“x y”", "x y"),
            };
            let labels = squad(&[("a", &[right]), ("b", &["z"])]);
            (labels, json!({ "a": found }).to_string(), vec![0.5, 0.5])
        }
        "bucc2018" => {
            let pair = |(one, other): &(u8, u8)| format!("{language}-00{one}\ten-00{other}\n");
            let pairs = |pairs: &[(u8, u8)]| pairs.iter().map(pair).collect::<Vec<_>>().concat();
            (pairs(&[(1, 1), (2, 2), (3, 3)]), pairs(&[(1, 1), (2, 9)]), vec![0.4])
        }
        // Tatoeba.
        _ => (text(&["2", "0", "1", "3", "4"]), text(&["2", "0", "1", "4", "9"]), vec![0.6]),
    }
}

/// A made-up submission to XTREME, whole, and the value of each metric of each task, the same in every language.
fn submission(folder: &Path) -> Vec<(String, Vec<f64>)> {
    let suite = load("builtin:xtreme").unwrap().suite;
    let mut values = Vec::new();
    for (name, task) in &suite.task {
        let mut own = Vec::new();
        for language in task.languages.iter() {
            let (labels, predictions, found) = files_of(name, language);
            let file = task.corpus.layout().file_name(language);
            write(folder, &format!("labels/{name}/{file}"), &labels);
            write(folder, &format!("predictions/{name}/{file}"), &predictions);
            own = found;
        }
        values.push((name.clone(), own));
    }
    values
}

fn near(found: &Value, expected: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - expected).abs() < 1e-12)
}

#[test]
fn submission_to_xtreme_is_scored_as_by_the_benchmark() {
    let folder = tempfile::tempdir().unwrap();
    let values = submission(folder.path());
    let arguments = ["score", "predictions", "labels", "--suite", "builtin:xtreme", "--out", "out", "--json"];
    let ended = run(folder.path(), &arguments);
    let said = ended.stderr.clone();
    let outcome = json(&ended.done());
    assert_eq!(outcome, json_of(&folder.path().join("out/suite.json")));
    assert_eq!(
        (&outcome["schema"], &outcome["suite"], &outcome["source"]),
        (&json!(1), &json!("xtreme"), &json!("en"))
    );
    assert_eq!((&outcome["setting"], &outcome["missing"]), (&json!("zero-shot"), &json!([])));
    assert_eq!(said.matches("1 of 2 questions have no answer and count as wrong").count(), 7, "{said}");
    let model = &outcome["models"]["predictions"];
    let mut scores = Vec::new();
    for (name, expected) in &values {
        let task = &model["tasks"][name];
        let metrics: Vec<&Value> = task["metrics"].as_object().unwrap().values().collect();
        for (metric, expected) in metrics.iter().zip(expected) {
            assert!(near(&metric["average"], *expected), "{name}: {} is not {expected}", metric["average"]);
            let has_source = !["bucc2018", "tatoeba"].contains(&name.as_str());
            assert!(
                if has_source { near(&metric["transfer"], 1.0) } else { metric["transfer"].is_null() },
                "{name}"
            );
            let some = metric["languages"].as_object().unwrap().values().next().unwrap();
            assert!(some["interval"].is_array() && some["examples"].is_u64(), "{name}: {some}");
        }
        let score = expected.iter().sum::<f64>() / expected.len() as f64;
        assert!(near(&task["score"], score), "{name}");
        scores.push(score);
    }
    assert!(near(&model["all"], scores.iter().sum::<f64>() / 9.0), "{}", model["all"]);
    assert!(near(&model["groups"]["classification"], 0.625) && near(&model["groups"]["retrieval"], 0.5));
    assert!(model["tasks"]["udpos"]["metrics"]["token-accuracy"]["average"].is_f64(), "it is shown beside");
    let report = fs::read_to_string(folder.path().join("out/report.md")).unwrap();
    assert!(report.contains("Gap to en") && report.contains("xnli"), "{report}");
    let page = fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(page.contains("values by language and task") && page.contains("<svg"));
    // A second time over its own files; never over those of somebody else.
    run(folder.path(), &arguments).done();
    write(folder.path(), "mine/report.md", "mine");
    let said =
        run(folder.path(), &["score", "predictions", "labels", "--suite", "builtin:xtreme", "--out", "mine"])
            .bad(1);
    assert!(said.contains("report.md"), "{said}");
    let table =
        run(folder.path(), &["--quiet", "score", "predictions", "labels", "--suite", "builtin:xtreme"])
            .done();
    assert!(table.contains("75.00") && table.contains("group qa") && table.contains("all"), "{table}");
}

#[test]
fn what_is_missing_is_named_and_makes_no_mean() {
    let folder = tempfile::tempdir().unwrap();
    submission(folder.path());
    fs::remove_dir_all(folder.path().join("predictions/mlqa")).unwrap();
    fs::remove_file(folder.path().join("predictions/xnli/test-sw.tsv")).unwrap();
    fs::remove_file(folder.path().join("labels/pawsx/test-ko.tsv")).unwrap();
    write(folder.path(), "predictions/mewslix/test-de.json", "{}");
    let ended =
        run(folder.path(), &["score", "predictions", "labels", "--suite", "builtin:xtreme", "--json"]);
    assert!(ended.stderr.contains("`mewslix` is of no task of `xtreme`"), "{}", ended.stderr);
    let outcome = json(&ended.done());
    let reason = |task: &str| {
        let all = outcome["missing"].as_array().unwrap();
        let own = all.iter().find(|own| own["task"] == task).unwrap();
        own["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason("mlqa").contains("there is no folder `predictions/mlqa`"), "{}", reason("mlqa"));
    assert!(reason("xnli").contains("no predictions in sw (there is no `predictions/xnli/test-sw.tsv`)"));
    assert!(
        reason("pawsx").contains("no labels in ko (`labels/pawsx` has no `test-ko.tsv` or "),
        "{}",
        reason("pawsx")
    );
    let model = &outcome["models"]["predictions"];
    let xnli = &model["tasks"]["xnli"]["metrics"]["accuracy"];
    assert!(xnli["average"].is_null() && near(&xnli["languages"]["ar"]["value"], 0.75));
    assert!(
        model["all"].is_null() && model["groups"]["qa"].is_null() && model["groups"]["retrieval"].is_f64()
    );
    assert!(model["tasks"].get("mlqa").is_none());
}

/// A suite of one task in Hindi.
fn suite_of(kind: &str, corpus: &str, metrics: &str) -> String {
    format!(
        "schema = 1\nname = \"one\"\nsource = \"hi\"\n[task.t]\nkind = \"{kind}\"\ncorpus = \"{corpus}\"\n\
         languages = [\"hi\"]\nmetrics = [{metrics}]\n"
    )
}

/// Questions of two ids.
const QUESTIONS: &str = r#"{"data": [{"paragraphs": [{"qas": [
    {"id": "a", "answers": [{"text": "x", "answer_start": 0}]}, {"id": "b", "answers": [{"text": "y", "answer_start": 0}]}]}]}]}"#;

/// The same of xGQA.
const XGQA: &str = r#"{"1": {"answer": "yes"}, "2": {"answer": "no"}}"#;

/// Kind, corpus and metric of a task; name of both of its files; labels, predictions; what is said.
const BROKEN: &[[&str; 7]] = &[
    [
        "text-classification",
        "xtreme-pawsx",
        "accuracy",
        "test-hi.tsv",
        "0\n1\n",
        "0\n",
        "test-hi.tsv:2: 1 lines where the labels in",
    ],
    [
        "text-classification",
        "xtreme-pawsx",
        "accuracy",
        "test-hi.tsv",
        "0\n1\n",
        "0\n1\n1\n",
        "test-hi.tsv:3: 3 lines where",
    ],
    [
        "text-classification",
        "xtreme-pawsx",
        "accuracy",
        "test-hi.tsv",
        "0\n1\n",
        "0\n2\n",
        "test-hi.tsv:2: the label `2` is not one of",
    ],
    [
        "text-classification",
        "xtreme-pawsx",
        "accuracy",
        "test-hi.tsv",
        "0\n1\n",
        "0\n\n",
        "test-hi.tsv:2: the line is empty",
    ],
    [
        "text-classification",
        "xtreme-xnli",
        "accuracy",
        "test-hi.tsv",
        "neutral\n",
        "2\n",
        "the label `2` is not one of the classes",
    ],
    [
        "text-classification",
        "xtreme-xnli",
        "accuracy",
        "test-hi.tsv",
        "a b\tc d\n",
        "neutral\n",
        "the test part is without labels here",
    ],
    [
        "text-classification",
        "xtreme-xnli",
        "accuracy",
        "test-hi.tsv",
        "neutral\n",
        "a\tb\n",
        "one label a line is expected here",
    ],
    [
        "token-classification",
        "xtreme-panx",
        "chunk-f1",
        "test-hi.tsv",
        "O\n\nB-PER\n",
        "O\nO\n",
        "sentence 1 has 2 tags",
    ],
    [
        "token-classification",
        "xtreme-panx",
        "chunk-f1",
        "test-hi.tsv",
        "O\n\nO\n",
        "O\n\nO\n\nO\n",
        "test-hi.tsv:5: 3 sentences where",
    ],
    [
        "token-classification",
        "xtreme-panx",
        "chunk-f1",
        "test-hi.tsv",
        "O\n",
        "NOUN\n",
        "test-hi.tsv:1: the label `NOUN` is not one of",
    ],
    [
        "token-classification",
        "xtreme-udpos",
        "chunk-f1",
        "test-hi.tsv",
        "यह\nहै\n",
        "X\nX\n",
        "its lines are words, and no tags",
    ],
    [
        "question-answering",
        "xtreme-xquad",
        "squad-f1",
        "test-hi.json",
        QUESTIONS,
        "{\n\"a\": \"x\",\n\"c\": \"x\"}",
        "test-hi.json:3: the id `c` is not in the labels",
    ],
    [
        "question-answering",
        "xtreme-xquad",
        "squad-f1",
        "test-hi.json",
        QUESTIONS,
        "{\"a\": \"x\", \"a\": \"y\"}",
        "the id `a` is given twice",
    ],
    [
        "question-answering",
        "xtreme-xquad",
        "squad-f1",
        "test-hi.json",
        QUESTIONS,
        "[{\"questionId\": \"a\"}]",
        "an object of texts by the ids of questions is expected",
    ],
    [
        "question-answering",
        "xtreme-xquad",
        "squad-f1",
        "test-hi.json",
        QUESTIONS,
        "{\"a\": \"x\",",
        "test-hi.json:1: not the JSON that is expected",
    ],
    [
        "question-answering",
        "xtreme-xquad",
        "squad-f1",
        "test-hi.json",
        "{\"a\": \"x\"}",
        "{}",
        "an object of texts, as predictions are",
    ],
    [
        "bitext-mining",
        "xtreme-bucc",
        "pair-f1",
        "test-hi.tsv",
        "hi-1\ten-1\n",
        "en-1\thi-1\n",
        "test-hi.tsv:1: `en-1` stands first and `hi-1` second",
    ],
    [
        "bitext-mining",
        "xtreme-bucc",
        "pair-f1",
        "test-hi.tsv",
        "hi-1\ten-1\n",
        "hi-1\ten-1\nde-1\ten-2\n",
        "test-hi.tsv:2: `de-1` does not begin with `hi-`",
    ],
    [
        "bitext-mining",
        "xtreme-bucc",
        "pair-f1",
        "test-hi.tsv",
        "hi-1\ten-1\n",
        "hi-1 en-1\n",
        "test-hi.tsv:1: 1 column where 2 are expected",
    ],
    [
        "bitext-retrieval",
        "xtreme-tatoeba",
        "accuracy",
        "test-hi.tsv",
        "0\n1\n",
        "0\nx\n",
        "test-hi.tsv:2: `1` holds `x`",
    ],
    [
        "multiple-choice",
        "xcopa",
        "accuracy",
        "test-hi.jsonl",
        "{\"label\": 1}\n",
        "{\"label\": 3}\n",
        "test-hi.jsonl:1: the label `3`",
    ],
    [
        "visual-question-answering",
        "xgqa",
        "accuracy",
        "test-hi.json",
        XGQA,
        "[{\"questionId\": \"1\", \"prediction\": \"yes\"}]",
        "1 of 2 questions have no prediction, the first of them `2`",
    ],
];

#[test]
fn broken_files_are_refused_with_file_and_line() {
    for [kind, corpus, metric, file, labels, predictions, expected] in BROKEN {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "suite.toml", &suite_of(kind, corpus, &format!("\"{metric}\"")));
        write(folder.path(), &format!("labels/t/{file}"), labels);
        write(folder.path(), &format!("predictions/t/{file}"), predictions);
        let said = run(folder.path(), &["score", "predictions", "labels", "--suite", "suite.toml"]).bad(1);
        assert!(said.contains(expected), "{corpus}: {expected}\n{said}");
        assert!(said.contains("help: "), "{said}");
    }
}

#[test]
fn faults_of_all_files_are_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    submission(folder.path());
    write(folder.path(), "predictions/xnli/test-ar.tsv", "neutral\n");
    write(folder.path(), "predictions/tatoeba/test-ta.tsv", "1\nx\n");
    let said = run(folder.path(), &["score", "predictions", "labels", "--suite", "builtin:xtreme"]).bad(1);
    assert!(said.contains("xnli/test-ar.tsv:2") && said.contains("tatoeba/test-ta.tsv:2"), "{said}");
}

#[test]
fn broken_suites_are_refused_at_their_places() {
    let sound = suite_of("text-classification", "xtreme-xnli", "\"accuracy\"");
    let cases = [
        ("schema = 1", "schema = 2", &["suite.toml:1:10", "this program reads schema 1"][..]),
        ("source = \"hi\"", "source = \"ho\"", &["no task has the language `ho`", "did you mean `hi`?"]),
        ("source = \"hi\"", "source = \"hi\"\naverage-without = [\"xx\"]", &["`average-without` names"]),
        (
            "text-classification",
            "text-clasification",
            &["suite.toml:5:8", "did you mean `text-classification`?"],
        ),
        (
            "text-classification",
            "token-classification",
            &["no predictions of the kind", "must be `text-classification`"],
        ),
        ("\"accuracy\"", "\"acuracy\"", &["suite.toml:8:12", "did you mean `accuracy`?"]),
        ("\"accuracy\"", "\"squad-f1\"", &["does not measure what `task.t` predicts"]),
        ("\"accuracy\"", "\"accuracy\", \"accuracy\"", &["the metric `accuracy` is named twice"]),
        ("\"accuracy\"", "", &["`task.t` has no metrics"]),
        ("[\"hi\"]", "[]", &["`task.t` has no languages"]),
        ("[\"hi\"]", "[\"hi\", \"../hi\"]", &["`../hi` is not the code of a language"]),
        ("xtreme-xnli", "xtreme-xnl", &["did you mean `xtreme-xnli`?"]),
        ("languages", "langauges", &["did you mean `languages`?", "missing key `languages`"]),
    ];
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("predictions")).unwrap();
    for (from, to, expected) in cases {
        assert!(sound.contains(from), "{from}");
        write(folder.path(), "suite.toml", &sound.replace(from, to));
        let said =
            run(folder.path(), &["score", "predictions", "predictions", "--suite", "suite.toml"]).bad(2);
        for part in expected {
            assert!(said.contains(part), "{to}: {part}\n{said}");
        }
        assert!(!said.contains("recipe `") && !said.contains("alambic explain `"), "{said}");
    }
    // Every mistake at once.
    let wrong = sound
        .replace("schema = 1", "schema = 7")
        .replace("\"accuracy\"", "\"cer\"")
        .replace("[\"hi\"]", "[\"hi\", \"hi\"]");
    write(folder.path(), "suite.toml", &wrong);
    let said = run(folder.path(), &["score", "predictions", "predictions", "--suite", "suite.toml"]).bad(2);
    assert_eq!(said.matches("error[").count(), 3, "{said}");
    for (suite, expected) in [
        ("none.toml", "`builtin:at-hand`, `builtin:smoke` come with the program"),
        ("builtin:xtrem", "come with the program"),
    ] {
        let said = run(folder.path(), &["score", "predictions", "predictions", "--suite", suite]).bad(2);
        assert!(said.contains(expected), "{said}");
    }
    write(folder.path(), "suite.toml", &sound);
    let said = run(folder.path(), &["score", "predictions", "predictions", "--suite", "suite.toml"]).bad(2);
    assert!(said.contains("no task of `one` can be scored") && said.contains("`predictions/t`"), "{said}");
}

#[test]
fn suites_extend_others_and_explain_themselves() {
    let folder = tempfile::tempdir().unwrap();
    submission(folder.path());
    let text = "extends = \"builtin:xtreme\"\nname = \"few\"\nmean-over = \"groups\"\n[task.xnli]\nlanguages = [\"en\", \"hi\"]\n";
    write(folder.path(), "few.toml", text);
    let outcome = json(
        &run(
            folder.path(),
            &["score", "predictions", "labels", "--suite", "few.toml", "--json", "--model", "m"],
        )
        .done(),
    );
    let model = &outcome["models"]["m"];
    assert_eq!(model["tasks"]["xnli"]["metrics"]["accuracy"]["languages"].as_object().unwrap().len(), 2);
    let groups: f64 =
        model["groups"].as_object().unwrap().values().map(|value| value.as_f64().unwrap()).sum();
    assert!(near(&model["all"], groups / 4.0));
    let listed = run(folder.path(), &["list", "suites"]).good();
    assert!(
        ["xtreme", "iglue", "indicxtreme"].iter().all(|name| listed.contains(&format!("builtin:{name}"))),
        "{listed}"
    );
    assert!(run(folder.path(), &["list", "benchmarks"]).good().contains("xtreme-udpos"));
    assert!(run(folder.path(), &["explain", "--suite", "task.*.kind"]).good().contains("bitext-mining"));
    assert!(
        run(folder.path(), &["explain", "--suite", "task.*.corpus.xgqa.file"]).good().contains("{language}")
    );
    assert!(run(folder.path(), &["show", "builtin:iglue"]).good().contains("average-without = [\"en\"]"));
    let schema = json(&run(folder.path(), &["schema", "--suite"]).good());
    assert!(schema["properties"]["task"].is_object(), "{schema}");
}

#[test]
fn published_results_are_averaged_as_by_iglue() {
    let folder = tempfile::tempdir().unwrap();
    // Values of UC2 on xGQA (Bugliarello et al., 2022), cut to three digits.
    let zero = "model,en,bn,de,id,ko,pt,ru,zh,avg\nuc2,55.193,19.988,42.851,28.667,21.364,30.416,30.995,31.161,29.349\n";
    let translated = "model,en,bn,de,id,ko,pt,ru,zh,avg\nuc2,55.193,49.307,52.607,50.341,48.624,52.173,49.948,48.324,50.189\n";
    write(folder.path(), "xGQA_0.csv", zero);
    write(folder.path(), "xGQA_0.mt.csv", translated);
    let outcome = |table: &str| {
        json(
            &run(folder.path(), &["score", table, "--suite", "builtin:iglue", "--json", "--out", "out"])
                .done(),
        )
    };
    let accuracy = |outcome: &Value| outcome["models"]["uc2"]["tasks"]["xgqa"]["metrics"]["accuracy"].clone();
    let found = outcome("xGQA_0.csv");
    let own = accuracy(&found);
    assert!(
        (own["average"].as_f64().unwrap() - 0.29349).abs() < 1e-5
            && own["languages"]["en"]["value"] == json!(0.55193)
    );
    assert!((own["transfer"].as_f64().unwrap() - 0.532).abs() < 5e-4, "{own}");
    assert!(
        found["models"]["uc2"]["all"].is_null() && found["missing"].as_array().unwrap().len() == 4,
        "{found}"
    );
    let found = outcome("xGQA_0.mt.csv");
    assert_eq!(found["setting"], "translate-test");
    assert!((accuracy(&found)["transfer"].as_f64().unwrap() - 0.909).abs() < 5e-4, "{found}");
    let said =
        run(folder.path(), &["score", "xGQA_0.csv", "xGQA_0.mt.csv", "--suite", "builtin:iglue"]).bad(2);
    assert!(said.contains("score tables of one setting together"), "{said}");
    let said = run(folder.path(), &["score", "predictions", "--suite", "builtin:iglue"]).bad(2);
    assert!(said.contains("the labels are missing"), "{said}");
}

#[test]
fn images_and_questions_of_iglue_are_scored() {
    let folder = tempfile::tempdir().unwrap();
    for language in ["en", "de", "es", "id", "ja", "ru", "tr", "zh"] {
        let images =
            "{\"sentences\": [\"a\", \"b\"], \"id\": \"1\"}\n{\"sentences\": [\"c\"], \"id\": \"2\"}\n";
        write(folder.path(), &format!("data/xFlickrCO/annotations/{language}/test.jsonl"), images);
        let both = json!({ "images": [[0, 1], [1, 0], [1, 0]], "captions": [[1, 2], [0, 1]] }).to_string();
        // Of Chinese images alone are predicted, as IGLUE's program writes them.
        let file = format!("own/xflickrco/test-{language}.json");
        write(folder.path(), &file, if language == "zh" { "[[0], [0], [1]]" } else { &both });
    }
    for language in ["en", "bn", "de", "id", "ko", "pt", "ru", "zh"] {
        let questions = "{\"7\": {\"answer\": \"yes\", \"imageId\": \"n1\"}, \"8\": {\"answer\": \"red\"}}";
        let path = format!("data/xGQA/annotations/zero_shot/testdev_balanced_questions_{language}.json");
        write(folder.path(), &path, questions);
        let answers =
            r#"[{"questionId": "8", "prediction": "blue"}, {"questionId": 7, "prediction": "yes"}]"#;
        write(folder.path(), &format!("own/xgqa/test-{language}.json"), answers);
    }
    let outcome =
        json(&run(folder.path(), &["score", "own", "data", "--suite", "builtin:iglue", "--json"]).done());
    let tasks = &outcome["models"]["own"]["tasks"];
    assert!(near(&tasks["xgqa"]["score"], 0.5), "{tasks}");
    let images = &tasks["xflickrco"]["metrics"]["image-recall-at-1"];
    assert!(
        near(&images["languages"]["de"]["value"], 2.0 / 3.0)
            && near(&images["languages"]["zh"]["value"], 1.0)
    );
    let captions = &tasks["xflickrco"]["metrics"]["caption-recall-at-1"];
    assert!(near(&captions["languages"]["de"]["value"], 0.5), "{captions}");
    assert!(
        captions["average"].is_null() && tasks["xflickrco"]["score"].is_null(),
        "never averaged with each other"
    );
}
