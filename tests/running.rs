//! `alambic run` from start to end, stopped and gone on with.

use std::process::Stdio;
use std::time::Duration;

use crate::common::{alambic, broken, interrupt, json, run, sound, student};

/// Trains the teacher until it ends what it writes, which takes a second.
const LONGER: [&str; 6] = [
    "--set",
    "stage.translator.train.steps=250",
    "--set",
    "stage.translator.train.batch.size=16",
    "--set",
    "train.optimiser.adamw.learning-rate=5e-3",
];

#[test]
fn a_run_leaves_a_report_and_a_student() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = sound();
    let command = [&["run", &recipe][..], &LONGER].concat();
    let ended = run(folder.path(), &command);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stdout.contains("baseline"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("report: runs/sound/report.html\n"), "{}", ended.stdout);
    let out = folder.path().join("runs/sound");
    for file in
        ["recipe.resolved.toml", "events.jsonl", "metrics.json", "report.html", "student/model.safetensors"]
    {
        assert!(out.join(file).is_file(), "{file}");
    }
    let said = run(folder.path(), &command).bad(2);
    assert!(said.contains("--resume") && said.contains("--overwrite"), "{said}");
    let said =
        run(folder.path(), &[&command[..], &["--resume", "--set", "train.max-grad-norm=2"]].concat()).bad(2);
    assert!(said.contains("max-grad-norm"), "{said}");
    let text =
        run(folder.path(), &["predict", "runs/sound/student", "--target-language", "ta", "ज़ोर्वा"]).good();
    assert!(text.starts_with("ज़ोर्वा\t"), "{text}");
    let text = run(folder.path(), &["compare", "runs/sound"]).good();
    assert!(text.contains("baseline"), "{text}");
    let ended =
        run(folder.path(), &[&command[..], &["--overwrite", "--set", "train.steps=2", "--json"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let outcome: serde_json::Value = json(&ended.stdout);
    assert_eq!(outcome["recipe"], "sound");
}

#[test]
fn recipe_without_baseline_plans_no_upper_bound_either() {
    let folder = tempfile::tempdir().unwrap();
    let planned =
        |flags: &[&str]| run(folder.path(), &[&["plan", "builtin:quickstart"], flags].concat()).good();
    assert!(planned(&[]).contains("upper bound: "));
    let without = planned(&["--no-baseline"]);
    assert!(!without.contains("upper bound: ") && !without.contains("baseline: "), "{without}");
}

#[test]
fn figure_that_does_not_keep_its_bound_ends_a_run_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let (recipe, short) = (sound(), ["--set", "train.steps=2", "--no-baseline"]);
    let command = [&["run", &recipe][..], &LONGER, &short].concat();
    let ended = run(folder.path(), &[&command[..], &["--require", "cer<=0", "--require", "cer>=0"]].concat());
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stdout.ends_with("report: runs/sound/report.html\n"), "{}", ended.stdout);
    assert!(
        ended.stderr.contains("and at most 0 is required")
            && !ended.stderr.contains("at least 0 is required")
    );
    assert!(
        ended.stderr.contains("stage 2 of 3: collapse") && ended.stderr.contains("stage 3 of 3: evaluation")
    );
    assert!(ended.stderr.contains("the run took"), "{}", ended.stderr);
    let resolved = std::fs::read_to_string(folder.path().join("runs/sound/recipe.resolved.toml")).unwrap();
    assert!(!resolved.contains("[baseline"), "{resolved}");
    // A run that is finished is asked again.
    let again = ["run", "--resume", "--out", "runs/sound", "--require", "cer>=0"];
    let ended = run(folder.path(), &again);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("the run took"), "{}", ended.stderr);
    let said = run(folder.path(), &[&command[..], &["--require", "retention"]].concat()).bad(2);
    assert!(said.contains("retention=0.95"), "{said}");
}

#[test]
fn words_that_the_teacher_does_not_write_are_no_references() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = sound();
    // Too few tokens for the longer ones of what the teacher would write.
    let references =
        ["--set", "evaluation.references=\"teacher\"", "--set", "evaluation.max-new-tokens=7", "--json"];
    let ended = run(folder.path(), &[&["run", &recipe][..], &LONGER, &references].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = "words are left out of the evaluation: the teacher wrote nothing for them";
    let note = ended.stderr.lines().find(|line| line.contains(said)).unwrap_or_default();
    let unwritten: usize = note.split_whitespace().next().and_then(|count| count.parse().ok()).unwrap_or(0);
    assert!(unwritten > 0, "{}", ended.stderr);
    let outcome: serde_json::Value = json(&ended.stdout);
    assert!(outcome["examples"].as_u64().unwrap() > 0);
    assert_eq!(outcome["models"]["teacher"]["metrics"]["cer"], 0.0);
    let page = std::fs::read_to_string(folder.path().join("runs/sound/report.md")).unwrap();
    assert!(
        page.contains(&format!("without {unwritten} words for which the teacher wrote nothing")),
        "{page}"
    );
}

#[test]
fn a_recipe_that_is_wrong_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = broken().join("heads/recipe.toml").display().to_string();
    run(folder.path(), &["run", &recipe]).bad(2);
    assert!(!folder.path().join("runs").exists());
    run(folder.path(), &["run", "--resume", "--out", "nowhere"]).bad(2);
    run(folder.path(), &["run", &sound(), "--resume"]).bad(2);
    run(folder.path(), &["run", &sound(), "--resume", "--overwrite"]).bad(2);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_ends_with_the_same_bytes_as_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = sound();
    let command = [&["--threads", "1", "run", &recipe][..], &LONGER].concat();
    let ended = run(folder.path(), &[&command[..], &["--out", "undisturbed"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let mut child = alambic(folder.path());
    child.args(&command).args(["--out", "interrupted"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let events = folder.path().join("interrupted/events.jsonl");
    let trains = || std::fs::read_to_string(&events).is_ok_and(|text| text.contains("\"step\""));
    while !trains() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("--resume"), "{said}");
    assert!(!folder.path().join("interrupted/metrics.json").exists());
    let log = || std::fs::read_to_string(&events).unwrap();
    let last: serde_json::Value = json(log().lines().last().unwrap());
    assert_eq!((&last["event"], &last["status"]), (&"run-end".into(), &"interrupted".into()));

    let resume = ["--threads", "1", "run", "--resume", "--out", "interrupted"];
    let said = run(folder.path(), &[&resume[..], &["--set", "train.max-grad-norm=0.5"]].concat()).bad(2);
    assert!(said.contains("max-grad-norm"), "{said}");
    let ended = run(folder.path(), &resume);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        student(&folder.path().join("interrupted")) == student(&folder.path().join("undisturbed")),
        "other bytes after a resume"
    );
    let text = log();
    assert!(!text.contains("interrupted\""), "an end that was none is gone: {text}");
    for (event, count) in
        [("run-begin", 1), ("run-resume", 1), ("stage-resume", 1), ("stage-begin", 4), ("run-end", 1)]
    {
        assert_eq!(text.matches(&format!("\"{event}\"")).count(), count, "{event}: {text}");
    }
}

/// Pairs of one direction, evaluated in it.
const ONE_DIRECTION: &str = r#"
schema = 1
name = "one"
stages = ["train"]
[data.names]
corpus.names-table = { path = "names.tsv" }
split = { test-values = ["test"], validation-values = ["validation"], validation-fraction = 0.0 }
[model.small.encoder-decoder]
width = 16
encoder-layers = 1
decoder-layers = 1
heads = 2
feed-forward = 16
[train]
steps = 3
batch.size = 4
[stage.train]
student = "small"
data.pairs = { data = ["names"], directions = ["en-hi"] }
loss.cross-entropy = {}
[evaluation]
data = ["names"]
directions = ["en-hi"]
timed-examples = 2
"#;

#[test]
fn samples_name_their_direction_where_there_is_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    let names = "name_en\tname_en_ascii\thi\tsplit\nRam\tRam\tराम\ttrain\nSita\tSita\tसीता\ttrain\nMohan\tMohan\tमोहन\tvalidation\nGita\tGita\tगीता\ttest\n";
    std::fs::write(folder.path().join("names.tsv"), names).unwrap();
    std::fs::write(folder.path().join("recipe.toml"), ONE_DIRECTION).unwrap();
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let report = std::fs::read_to_string(folder.path().join("out/report.md")).unwrap();
    let sample = report.lines().find(|line| line.contains("गीता")).unwrap();
    assert!(sample.contains("en-hi"), "{sample}");
}
