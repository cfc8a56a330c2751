//! Multiple choice from a recipe to a student that chooses.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write;
use std::path::Path;

use crate::common::{json, json_of, run};
use serde_json::Value;

#[test]
fn choices_are_learnt_from_a_recipe_to_a_prediction() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["run", "builtin:text/smoke/multiple-choice", "--out", "run", "--json"];
    let outcome: Value = json(&run(folder.path(), &arguments).done());
    for model in ["teacher", "student", "baseline"] {
        let metrics = &outcome["models"][model]["metrics"];
        assert_eq!(metrics.as_object().unwrap().len(), 2, "{metrics}");
        let [accuracy, majority] =
            ["accuracy", "accuracy-of-majority"].map(|name| metrics[name].as_f64().unwrap());
        assert!(accuracy > 0.8 && majority < 0.62, "{model}: {metrics}");
        let interval = outcome["models"][model]["intervals"]["accuracy"].as_array().unwrap();
        assert!(interval[0].as_f64() <= Some(accuracy) && Some(accuracy) <= interval[1].as_f64());
        let slices = &outcome["models"][model]["slices"];
        let examples = |kind: &str| slices[kind]["examples"].as_u64().unwrap();
        assert_eq!(examples("cause") + examples("effect"), outcome["examples"].as_u64().unwrap());
    }
    let fidelity = &outcome["fidelity"];
    let [own, shuffled] =
        ["kl-from-teacher", "kl-from-teacher-shuffled"].map(|name| fidelity[name].as_f64().unwrap());
    assert!(fidelity["agreement"].as_f64().unwrap() > 0.8 && own < shuffled, "{fidelity}");
    assert!(fidelity["cka-layer-1"].is_f64() && outcome["ratios"]["speedup"].is_f64());
    let config = json_of(&folder.path().join("run/student/config.json"));
    assert_eq!(config["architectures"][0], "BertForMultipleChoice");
    let card = std::fs::read_to_string(folder.path().join("run/student/README.md")).unwrap();
    assert!(
        card.contains("pipeline_tag: \"multiple-choice\"") && card.contains("AutoModelForMultipleChoice"),
        "{card}"
    );
    let report = std::fs::read_to_string(folder.path().join("run/report.md")).unwrap();
    let samples = report.split("\n## Samples\n").nth(1).unwrap().split("\n## ").next().unwrap();
    assert!(samples.contains("What was the") && samples.matches(" %)").count() >= 24, "{samples}");

    let choices = "The garden was dry.\tThe school held an exam.";
    let line = format!("Today Wei watered the roses at the garden. What was the cause?\t{choices}");
    assert_eq!(
        run(folder.path(), &["predict", "run/student", &line]).good().trim(),
        format!("{line}\tThe garden was dry.")
    );
    let answer: Value = json(&run(folder.path(), &["predict", "run/student", "--json", &line]).good());
    assert_eq!(
        (answer["prediction"].as_str(), answer["choice"].as_u64()),
        (Some("The garden was dry."), Some(0))
    );
    let probabilities: Vec<f64> = serde_json::from_value(answer["probabilities"].clone()).unwrap();
    assert!(probabilities.len() == 2 && (probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{answer}");
    let table = "prompt\tchoice1\tchoice2\tchoice3\nToday Wei watered the roses at the garden. What was the cause?\tThe hall was booked.\tThe garden was dry.\t\n";
    std::fs::write(folder.path().join("asked.tsv"), table).unwrap();
    let arguments = [
        "predict",
        "run/student",
        "--input",
        "asked.tsv",
        "--columns",
        "prompt,choice1,choice2,choice3",
        "--json",
    ];
    let answer: Value = json(&run(folder.path(), &arguments).good());
    assert_eq!((answer["choice"].as_u64(), answer["choices"].as_array().unwrap().len()), (Some(1), 2));
    let said = run(folder.path(), &["predict", "run/student", "Why?\tone"]).bad(2);
    assert!(said.contains("is one choice") && said.contains("two or more"), "{said}");
    let said = run(folder.path(), &["predict", "run/student", "--pair", &line]).bad(2);
    assert!(said.contains("this one chooses"), "{said}");

    run(folder.path(), &["export", "run/student", "--to", "out", "--format", "hf,onnx,int8"]).done();
    assert!(folder.path().join("out/onnx/model.onnx").is_file());
    let card = std::fs::read_to_string(folder.path().join("out/hf/README.md")).unwrap();
    assert!(card.contains("AutoModelForMultipleChoice"), "{card}");
}

#[test]
fn run_over_choices_that_is_resumed_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let few =
        ["--set", "train.steps=12", "--set", "train.validate-every=6", "--set", "train.checkpoint-every=4"];
    let arguments =
        |out: &'static str| [&["run", "builtin:text/smoke/multiple-choice", "--out", out][..], &few].concat();
    run(folder.path(), &arguments("whole")).done();
    run(folder.path(), &arguments("cut")).done();
    // As if the process had ended within the last stage.
    std::fs::remove_file(folder.path().join("cut/metrics.json")).unwrap();
    std::fs::remove_dir_all(folder.path().join("cut/checkpoints/distil")).unwrap();
    run(folder.path(), &["run", "--resume", "--out", "cut"]).done();
    let weights =
        |out: &str| std::fs::read(folder.path().join(out).join("student/model.safetensors")).unwrap();
    assert!(weights("whole") == weights("cut"));
}

/// Questions with two to four choices, the numbers of some being equal, in a list.
fn uneven(path: &Path) {
    let mut lines = String::new();
    for number in 0..60 {
        let right = number % 2;
        let mut choices = vec![format!("it is {}", number % 7), format!("it was {}", number % 5)];
        choices.extend((0..number % 3).map(|other| format!("other {other}")));
        let label = if number % 10 == 9 { "-1".to_owned() } else { right.to_string() };
        let object = serde_json::json!({ "prompt": format!("what is {number} ?"), "choices": choices, "label": label });
        writeln!(lines, "{object}").unwrap();
    }
    std::fs::write(path, lines).unwrap();
}

const UNEVEN: &str = r#"
schema = 1
name = "uneven"
stages = ["fine-tune", "distil"]

[data.uneven.corpus.choices]
paths = "uneven.jsonl"
[data.uneven.split]
test-fraction = 0.2
validation-fraction = 0.2

[model.expert.encoder]
layers = 2
width = 16
heads = 2
feed-forward = 32
max-length = 32
[teacher.expert.checkpoint]
stage = "fine-tune"
[model.small.encoder-layers]
teacher = "expert"
layers = [2]

[train]
steps = 8
batch.size = 8
validate-every = 4
optimiser.adamw = { learning-rate = 5e-3 }

[stage.fine-tune]
student = "expert"
data.choices = { data = ["uneven"], max-length = 32 }
loss.cross-entropy = {}

[stage.distil]
student = "small"
teacher = "expert"
data.choices = { data = ["uneven"], max-length = 32 }
loss.logits = { divergence = "jensen-shannon", temperature = 2.0 }
loss.hidden = { map = "last" }
loss.attention = { map = "last" }

[evaluation]
data = ["uneven"]
teacher = "expert"
timed-examples = 2
"#;

#[test]
fn questions_with_different_numbers_of_choices_are_trained_together() {
    let folder = tempfile::tempdir().unwrap();
    uneven(&folder.path().join("uneven.jsonl"));
    std::fs::write(folder.path().join("recipe.toml"), UNEVEN).unwrap();
    for (divergence, out) in [
        ("jensen-shannon", "js"),
        ("kl", "kl"),
        ("soft-cross-entropy", "soft"),
        ("reverse-kl", "reverse"),
        ("binary", "binary"),
        ("mse", "mse"),
    ] {
        let set = format!("stage.distil.loss.logits.divergence=\"{divergence}\"");
        run(folder.path(), &["run", "recipe.toml", "--out", out, "--set", &set]).done();
        let metrics = json_of(&folder.path().join(out).join("metrics.json"));
        assert!(metrics["models"]["student"]["metrics"]["accuracy"].is_number(), "{divergence}: {metrics}");
        let events = std::fs::read_to_string(folder.path().join(out).join("events.jsonl")).unwrap();
        assert!(!events.contains("NaN") && !events.contains("null,"), "{divergence}");
    }
    let cached = ["run", "recipe.toml", "--out", "live", "--set", "cache.mode=\"off\""];
    run(folder.path(), &cached).done();
    let weights =
        |out: &str| std::fs::read(folder.path().join(out).join("student/model.safetensors")).unwrap();
    assert!(weights("live") == weights("js"), "a cache changes nothing");
}

#[test]
fn scores_that_are_recorded_teach_what_their_model_does() {
    let folder = tempfile::tempdir().unwrap();
    uneven(&folder.path().join("uneven.jsonl"));
    let recipe = UNEVEN.replace("stages = [\"fine-tune\", \"distil\"]", "stages = [\"fine-tune\"]");
    let (before, _) = recipe.split_once("[stage.distil]").unwrap();
    let (_, evaluation) = UNEVEN.split_once("[evaluation]").unwrap();
    std::fs::write(folder.path().join("teacher.toml"), format!("{before}[evaluation]{evaluation}")).unwrap();
    run(folder.path(), &["run", "teacher.toml", "--out", "expert"]).done();
    let distil = |teacher: &str| {
        let own = UNEVEN.replace("stages = [\"fine-tune\", \"distil\"]", "stages = [\"distil\"]");
        let (data, rest) = own.split_once("[model.expert.encoder]").unwrap();
        let (_, train) = rest.split_once("[train]").unwrap();
        let (train, rest) = train.split_once("[stage.fine-tune]").unwrap();
        let (_, rest) = rest.split_once("[stage.distil]").unwrap();
        let rest = rest.replace(
            "loss.hidden = { map = \"last\" }\nloss.attention = { map = \"last\" }\n",
            "loss.cross-entropy = {}\n",
        );
        let models = format!(
            "[teacher.source.checkpoint]\nmodel = \"expert/student\"\n[teacher.expert.{teacher}\n[model.small.encoder-layers]\nteacher = \"source\"\nlayers = [2]\n"
        );
        format!("{data}{models}[train]{train}[stage.distil]{rest}")
    };
    std::fs::write(folder.path().join("of-model.toml"), distil("checkpoint]\nmodel = \"expert/student\""))
        .unwrap();
    run(folder.path(), &["run", "of-model.toml", "--out", "of-model"]).done();
    run(folder.path(), &["cache", "of-model.toml", "--record", "answers.jsonl"]).done();
    let answers = std::fs::read_to_string(folder.path().join("answers.jsonl")).unwrap();
    assert!(
        answers.lines().all(|line| line.contains("\"second\"") && line.contains("\"number\"")),
        "{answers}"
    );
    std::fs::write(folder.path().join("of-record.toml"), distil("recorded]\npath = \"answers.jsonl\""))
        .unwrap();
    run(folder.path(), &["run", "of-record.toml", "--out", "of-record"]).done();
    let weights =
        |out: &str| std::fs::read(folder.path().join(out).join("student/model.safetensors")).unwrap();
    assert!(weights("of-model") == weights("of-record"));
    let ensemble = "ensemble]\nmembers = [\"source\", \"source\"]";
    std::fs::write(folder.path().join("of-both.toml"), distil(ensemble)).unwrap();
    run(folder.path(), &["run", "of-both.toml", "--out", "of-both"]).done();

    // Without the answer for one choice, its question is left out.
    let few: Vec<&str> = answers.lines().skip(1).collect();
    std::fs::write(folder.path().join("answers.jsonl"), few.join("\n")).unwrap();
    let said = run(folder.path(), &["check", "of-record.toml"]).bad(2);
    assert!(said.contains("holds no answer for 1 of"), "{said}");
    let leaving =
        ["run", "of-record.toml", "--out", "few", "--set", "teacher.expert.recorded.missing=\"leave-out\""];
    run(folder.path(), &leaving).done();
    let examples = |out: &str| {
        let events = std::fs::read_to_string(folder.path().join(out).join("report.md")).unwrap();
        events.lines().find(|line| line.contains("answers for")).map(str::to_owned)
    };
    assert_ne!(examples("few"), examples("of-record"));
}

#[test]
fn languages_are_slices_and_one_corpus_may_be_in_the_form_of_indicxtreme() {
    let folder = tempfile::tempdir().unwrap();
    let line = |number: usize, split: &str, premise: &str, choices: [&str; 2]| {
        serde_json::json!({
            "premise": format!("{premise} {number}"), "choice1": choices[0], "choice2": choices[1],
            "question": (["cause", "effect"][number % 2]), "label": number % 2, "split": split,
        })
        .to_string()
    };
    let splits = |number: usize| ["", "validation", "test", ""][number % 4];
    for (name, premise, choices) in [
        ("en", "The child wept", ["She fell.", "She slept."]),
        ("hi", "बच्चा रोया", ["वह गिर गया।", "वह सोया।"]),
    ] {
        let lines: Vec<String> =
            (0..40).map(|number| line(number, splits(number), premise, choices)).collect();
        std::fs::write(folder.path().join(format!("{name}.jsonl")), lines.join("\n")).unwrap();
    }
    let recipe = r#"
schema = 1
name = "languages"
stages = ["small"]
[data.english.corpus.copa]
paths = "en.jsonl"
language = "en"
[data.english.split]
test-values = ["test"]
validation-values = ["validation"]
[data.hindi.corpus.copa]
paths = "hi.jsonl"
template = "indicxtreme"
language = "hi"
[data.hindi.split]
test-values = ["test"]
validation-values = ["validation"]
[model.small.encoder]
layers = 1
width = 16
heads = 2
feed-forward = 16
max-length = 32
[train]
steps = 4
batch.size = 4
[stage.small]
data.choices = { data = ["english", "hindi"], max-length = 32 }
loss.cross-entropy = {}
[evaluation]
data = ["english", "hindi"]
timed-examples = 2
"#;
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    run(folder.path(), &["run", "recipe.toml", "--out", "run"]).done();
    let metrics = json_of(&folder.path().join("run/metrics.json"));
    let slices = &metrics["models"]["student"]["slices"];
    assert_eq!((slices["en"]["examples"].as_u64(), slices["hi"]["examples"].as_u64()), (Some(10), Some(10)));
    let card = std::fs::read_to_string(folder.path().join("run/student/README.md")).unwrap();
    assert!(card.contains("- \"en\"") && card.contains("- \"hi\""), "{card}");
    let report = std::fs::read_to_string(folder.path().join("run/report.md")).unwrap();
    assert!(report.contains("The child wept 2 What was the cause? / She fell."), "{report}");
    assert!(report.contains("cause वह गिर गया।"), "{report}");
}
