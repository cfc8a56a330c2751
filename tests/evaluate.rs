//! Models evaluated on suites: the smoke suite end to end, data of one's own, settings, resuming, and broken suites and data.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::{alambic, json_of, run, tiny_encoder};
use alambic_models::text_encoder::{HeadSpec, Pooling, PoolingMode, TokenPooling};
use alambic_models::{Tokenizer, TokenizerModel};
use serde_json::Value;

/// Writes a tiny sentence encoder over the words of some texts.
fn encoder<'t>(folder: &Path, name: &str, texts: impl IntoIterator<Item = &'t str>) {
    let texts: Vec<&str> = texts.into_iter().collect();
    let tokenizer = Tokenizer::train(TokenizerModel::WordPiece, texts, 300).unwrap();
    tiny_encoder(&folder.join(name), &tokenizer, 128, &HeadSpec::none(), |config| {
        (config.width, config.intermediate_size) = (16, 32);
        config.pooling = Some(Pooling::new(PoolingMode::Tokens(vec![TokenPooling::Mean]), false));
    });
}

/// Texts with the letters of the smoke suite's languages.
const LETTERS: [&str; 3] = [
    "is there a red circle ? the blue square is on the left . please send two boxes of olive tiles to mr chester",
    "क्या कोई लाल वृत्त है ? नीला वर्ग बाईं ओर है ।",
    "赤い丸がありますか 青い四角は左にあります 。？",
];

/// The smoke suite, trained as a model of random weights needs it.
const SMOKE: &str = r#"
schema = 1
extends = "builtin:smoke"
name = "smoke"
[task.sentences.train]
learning-rate = 1e-2
epochs = 20
[task.orders.train]
learning-rate = 1e-2
epochs = 20
"#;

/// Writes a file and the folders that it lies in.
fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn smoke_suite_is_evaluated_whole_and_scored_as_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    encoder(folder, "one", LETTERS);
    write(folder, "smoke.toml", SMOKE);
    encoder(folder, "two", LETTERS);
    let arguments =
        ["evaluate", "one", "other=two", "--suite", "smoke.toml", "--out", "e", "--predictions", "p"];
    let printed = run(folder, &arguments).done();
    assert!(printed.contains("sentences") && printed.contains("report: e/report.html"), "{printed}");
    let suite = json_of(&folder.join("e/suite.json"));
    // Questions about images are for models that read them.
    let missing: Vec<&str> =
        suite["missing"].as_array().unwrap().iter().map(|own| own["reason"].as_str().unwrap()).collect();
    let reason = |model: &str| format!("{model}: en, hi, ja: a bert does not read images with texts");
    assert_eq!(missing, [reason("one"), reason("other")]);
    assert_eq!(suite["setting"], "zero-shot");
    for model in ["one", "other"] {
        let tasks = &suite["models"][model]["tasks"];
        let english = tasks["sentences"]["metrics"]["accuracy"]["languages"]["en"]["value"].as_f64().unwrap();
        assert!(english > 0.8, "questions have a mark of their own: {english}");
        for (task, language) in [("sentences", "ja"), ("orders", "en"), ("translations", "hi")] {
            let metric = tasks[task]["metrics"].as_object().unwrap().values().next().unwrap();
            assert_eq!(metric["languages"][language]["examples"], 200, "{task} {language}");
            let file = folder.join(format!("p/{model}/{task}/test-{language}.tsv"));
            assert!(fs::read_to_string(file).unwrap().lines().count() >= 200);
        }
        assert!(suite["models"][model]["groups"]["retrieval"].is_number());
        assert_eq!(suite["models"][model]["all"], Value::Null, "a task is missing");
    }
    // The same start and the same seed.
    assert_eq!(suite["models"]["one"], suite["models"]["other"]);
    let page = fs::read_to_string(folder.join("e/report.html")).unwrap();
    assert!(page.contains("fine-tuned on en, 20 epochs"), "how a row came about");
    // A second start is refused, and going on changes nothing.
    let refused = run(folder, &arguments[..7]).bad(2);
    assert!(refused.contains("`--resume`"), "{refused}");
    let before = fs::read(folder.join("e/suite.json")).unwrap();
    run(folder, &["evaluate", "one", "other=two", "--suite", "smoke.toml", "--out", "e", "--resume"]).done();
    assert_eq!(fs::read(folder.join("e/suite.json")).unwrap(), before);
    let refused = run(folder, &["evaluate", "one", "--suite", "smoke.toml", "--out", "e", "--resume"]).bad(2);
    assert!(refused.contains("list of models"), "{refused}");
}

#[test]
fn killed_evaluation_goes_on_to_the_same_result() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    encoder(folder, "one", LETTERS);
    write(folder, "smoke.toml", SMOKE);
    let arguments = |out: &'static str| ["evaluate", "one", "--suite", "smoke.toml", "--out", out];
    run(folder, &arguments("whole")).done();
    let mut killed =
        alambic(folder).args(arguments("cut")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    let first = folder.join("cut/predictions/one/sentences/about.json");
    while !first.is_file() && begin.elapsed() < Duration::from_mins(2) {
        sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!folder.join("cut/suite.json").is_file(), "it was killed before its end");
    let arguments = ["evaluate", "one", "--suite", "smoke.toml", "--out", "cut", "--resume"];
    run(folder, &arguments).done();
    let read = |out: &str| fs::read_to_string(folder.join(out).join("suite.json")).unwrap();
    assert_eq!(read("cut"), read("whole"));
}

/// A suite over two languages of a table of one's own.
const OWN: &str = r#"
schema = 1
name = "own"
source = "en"
average-without = ["en"]

[task.mood]
kind = "text-classification"
corpus.text-table = { folder = "mood", file = "test.tsv", train-file = "train.tsv", language-column = "language" }
languages = ["en", "de"]
metrics = ["accuracy"]
translated = { test = "translated-{language}.tsv", train = "train-{language}.tsv" }
few-shot = { file = "few-{language}-{shots}.tsv", shots = [2] }
train = { learning-rate = 5e-3, epochs = 10, batch = 4, max-length = 16 }

[task.absent]
kind = "text-classification"
corpus.text-table = { folder = "absent", file = "test.tsv" }
languages = ["en"]
metrics = ["accuracy"]
"#;

/// Writes the data of that suite.
fn mood(folder: &Path) {
    let header = "language\ttext\tlabel\n";
    let rows = |language: &str, words: [&str; 2], count: usize| -> String {
        (0..count)
            .flat_map(|number| {
                ["good", "bad"].into_iter().zip(words).map(move |(label, word)| {
                    format!(
                        "{language}\t{word} thing {}\t{label}\n",
                        "abcdefgh".chars().nth(number % 8).unwrap()
                    )
                })
            })
            .collect()
    };
    write(folder, "data/mood/train.tsv", &format!("{header}{}", rows("en", ["fine", "poor"], 8)));
    let (english, german) = (rows("en", ["fine", "poor"], 4), rows("de", ["gut", "mies"], 4));
    write(folder, "data/mood/test.tsv", &format!("{header}{english}{german}"));
    write(folder, "data/mood/translated-de.tsv", &format!("{header}{}", rows("de", ["fine", "poor"], 4)));
    write(folder, "data/mood/train-de.tsv", &format!("{header}{}", rows("de", ["gut", "mies"], 8)));
    write(folder, "data/mood/few-de-2.tsv", &format!("{header}{}", rows("de", ["gut", "mies"], 1)));
    write(folder, "own.toml", OWN);
    encoder(folder, "model", ["fine poor gut mies thing a b c d e f g h", "fine thing"]);
}

#[test]
fn settings_train_and_ask_as_their_name_says() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    mood(folder);
    let evaluate = |setting: &str, more: &[&str]| -> Value {
        let fixed = [
            "evaluate",
            "model",
            "--suite",
            "own.toml",
            "--data",
            "data",
            "--setting",
            setting,
            "--out",
            setting,
        ];
        let printed = run(folder, &[&fixed, more].concat()).done();
        assert!(printed.contains("missing: absent: there is no folder"), "{printed}");
        let suite = json_of(&folder.join(setting).join("suite.json"));
        assert_eq!(suite["models"]["model"]["all"], Value::Null, "a task is missing");
        suite["models"]["model"]["tasks"]["mood"]["metrics"]["accuracy"]["languages"].clone()
    };
    let zero = evaluate("zero-shot", &[]);
    assert_eq!(zero["en"]["value"], 1.0);
    assert!(zero["de"]["value"].as_f64().unwrap() < 1.0, "words that were never trained on: {zero}");
    assert_eq!(evaluate("translate-test", &[])["de"]["value"], 1.0, "the words of the source");
    assert_eq!(evaluate("translate-train", &[])["de"]["value"], 1.0, "the words of the language");
    let few = evaluate("few-shot", &["--shots", "2"]);
    assert_eq!(few["de"]["value"], 1.0, "an example of each word");
    let refused = run(folder, &["evaluate", "model", "--suite", "own.toml", "--setting", "few-shot"]).bad(2);
    assert!(refused.contains("`--shots`"), "{refused}");
}

#[test]
fn model_with_the_tasks_own_head_is_not_trained() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    mood(folder);
    let suite = OWN.replace("language-column", "classes = [\"bad\", \"good\"], language-column");
    write(folder, "own.toml", &suite);
    let fixed = ["evaluate", "--suite", "own.toml", "--data", "data"];
    run(folder, &[&fixed[..], &["model", "--out", "first"]].concat()).done();
    let tuned = "first/trainings/model/mood/checkpoints/fine-tune/finished";
    run(folder, &[&fixed[..], &[&format!("tuned={tuned}"), "--out", "second"]].concat()).done();
    assert!(!folder.join("second/trainings").exists());
    let values = |out: &str, model: &str| {
        json_of(&folder.join(out).join("suite.json"))["models"][model]["tasks"]["mood"]["metrics"].clone()
    };
    assert_eq!(values("first", "model"), values("second", "tuned"));
}

#[test]
fn choices_are_trained_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let row = |number: usize| {
        let (right, label) = if number.is_multiple_of(2) { (["wet", "dry"], 0) } else { (["dry", "wet"], 1) };
        format!(
            "{{\"premise\": \"it rained {}\", \"choice1\": \"{}\", \"choice2\": \"{}\", \"question\": \"effect\", \"label\": {label}}}\n",
            "abcdefghijklmnop".chars().nth(number).unwrap(),
            right[0],
            right[1]
        )
    };
    let rows = |range: std::ops::Range<usize>| range.map(row).collect::<String>();
    write(folder, "data/xcopa/train-en.jsonl", &rows(0..12));
    write(folder, "data/xcopa/test-en.jsonl", &rows(12..16));
    write(
        folder,
        "choice.toml",
        "schema = 1\nname = \"choice\"\nsource = \"en\"\n[task.xcopa]\nkind = \"multiple-choice\"\ncorpus.xcopa = {}\nlanguages = [\"en\"]\nmetrics = [\"accuracy\"]\ntrain = { learning-rate = 1e-2, epochs = 12, batch = 4, max-length = 32 }\n",
    );
    encoder(folder, "model", ["it rained wet dry what was the effect ? a b c d e f g h i j k l m n o p"]);
    run(folder, &["evaluate", "model", "--suite", "choice.toml", "--data", "data", "--out", "e"]).done();
    let suite = json_of(&folder.join("e/suite.json"));
    assert_eq!(
        suite["models"]["model"]["tasks"]["xcopa"]["metrics"]["accuracy"]["languages"]["en"]["value"],
        1.0
    );
}

#[test]
fn inputs_without_labels_are_predicted_and_not_scored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pair = |text: &str, label: &str| format!("{text}\t{text} too\t{label}\n");
    let train: String =
        (0..8).map(|_| pair("same words", "entailment") + &pair("other words", "neutral")).collect();
    write(folder, "data/xnli/train-en.tsv", &train);
    write(folder, "data/xnli/test-en.tsv", "same words\tsame words too\n");
    encoder(folder, "model", ["same words too other words"]);
    let arguments = ["evaluate", "model", "--suite", "builtin:xtreme", "--data", "data", "--languages", "en"];
    let refused = run(folder, &[&arguments[..], &["--predictions", "p", "--out", "e"]].concat()).bad(2);
    assert!(refused.contains("no labels in en"), "{refused}");
    assert_eq!(fs::read_to_string(folder.join("p/xnli/test-en.tsv")).unwrap().lines().count(), 1);
    // Labels that lie apart.
    write(folder, "labels/xnli/test-en.tsv", "entailment\n");
    let apart = ["--labels", "labels", "--out", "f"];
    run(folder, &[&arguments[..], &apart].concat()).done();
    let value = |suite: &Value| {
        suite["models"]["model"]["tasks"]["xnli"]["metrics"]["accuracy"]["languages"]["en"].clone()
    };
    assert_eq!(value(&json_of(&folder.join("f/suite.json")))["examples"], 1);
    // Labels of another file.
    write(folder, "labels/xnli/test-en.tsv", "entailment\nneutral\n");
    let refused = run(folder, &[&arguments[..], &["--labels", "labels", "--out", "g"]].concat()).bad(1);
    assert!(refused.contains("1 inputs of `xnli` in `en` are not those of these 2 labels"), "{refused}");
}

#[test]
fn what_is_wrong_is_said_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    mood(folder);
    let evaluate = |more: &[&str]| {
        let fixed = ["evaluate", "model", "--suite", "own.toml", "--data", "data", "--out", "e"];
        run(folder, &[&fixed, more].concat())
    };
    for (more, message) in [
        (["--tasks", "moods"], "the suite has no task `moods`; it has mood, absent"),
        (["--languages", "xx"], "no task of the suite has the language `xx`"),
        (["--tasks", "absent"], "no task of `own` can be scored"),
    ] {
        let said = evaluate(&more).bad(2);
        assert!(said.contains(message), "{said}");
    }
    let twice = run(folder, &["evaluate", "model", "model", "--suite", "own.toml"]).bad(2);
    assert!(twice.contains("two models are called `model`"), "{twice}");
    // A label that no class is, by file and line.
    let test = fs::read_to_string(folder.join("data/mood/test.tsv")).unwrap();
    let own = OWN.replace("language-column", "classes = [\"bad\", \"good\"], language-column");
    write(folder, "own.toml", &own);
    write(folder, "data/mood/test.tsv", &test.replacen("\tbad\n", "\tmiddling\n", 1));
    let said = evaluate(&[]).bad(1);
    assert!(said.contains("test.tsv:3") && said.contains("middling"), "{said}");
    assert!(!folder.join("e/trainings").exists());
    // A column that is not there.
    write(folder, "data/mood/test.tsv", &test.replacen("label", "labels", 1));
    let said = evaluate(&[]).bad(1);
    assert!(said.contains("test.tsv") && said.contains("label"), "{said}");
    // No row of a language.
    write(folder, "data/mood/test.tsv", &test.replace("de\t", "nl\t"));
    let said = evaluate(&[]).bad(1);
    assert!(said.contains("no row is of the language `de`"), "{said}");
    // Nothing to train on.
    fs::remove_file(folder.join("data/mood/train.tsv")).unwrap();
    write(folder, "data/mood/test.tsv", &test);
    let said =
        run(folder, &["evaluate", "model", "--suite", "own.toml", "--data", "data", "--out", "f"]).bad(2);
    assert!(said.contains("there is nothing to fine-tune it on") && said.contains("train.tsv"), "{said}");
    // A folder of another kind.
    write(folder, "mine/notes.txt", "mine");
    let said =
        run(folder, &["evaluate", "model", "--suite", "own.toml", "--data", "data", "--out", "mine"]).bad(2);
    assert!(said.contains("holds files and is no run"), "{said}");
}
