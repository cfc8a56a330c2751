//! Messages on standard error, the log of events, and answers to input that pauses.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::common::{alambic, json, run, sound, tiny_encoder};
use alambic_models::Tokenizer;
use alambic_models::text_encoder::{Head, HeadSpec};
use alambic_tensor::precision::MatmulPrecision;
use serde_json::Value;

/// A run of a few steps.
const SHORT: [&str; 5] =
    ["--set", "train.steps=3", "--set", "stage.translator.train.steps=250", "--no-baseline"];

fn short_run(folder: &Path, more: &[&str]) -> crate::common::Ended {
    run(folder, &[&["run", &sound()][..], &SHORT, more].concat())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(json).collect()
}

/// The kinds of events with their stages, those of steps left out.
fn kinds(folder: &Path) -> Vec<String> {
    let events = lines(&std::fs::read_to_string(folder.join("events.jsonl")).unwrap());
    let name = |event: &Value| {
        format!("{} {}", event["event"].as_str().unwrap(), event["stage"].as_str().unwrap_or_default())
    };
    let named = events.iter().map(name);
    named
        .filter(|name| !["step ", "evaluation ", "note "].iter().any(|kind| name.starts_with(kind)))
        .collect()
}

#[test]
fn json_messages_are_objects_with_time_and_level() {
    let folder = tempfile::tempdir().unwrap();
    let ended = short_run(folder.path(), &["--log-format", "json", "--verbose"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = lines(&ended.stderr);
    for line in &said {
        assert_eq!(line["time"].as_str().map(str::len), Some("2026-01-01T00:00:00.000Z".len()), "{line}");
        assert!(["debug", "info", "warning", "error"].contains(&line["level"].as_str().unwrap()), "{line}");
        assert!(line["message"].is_string() || line["event"].is_string(), "{line}");
    }
    let of = |event: &str| said.iter().filter(|line| line["event"] == event).count();
    assert!(of("task-begin") > 0 && of("task-begin") == of("task-end"), "{}", ended.stderr);
    let steps = said.iter().filter(|line| line["event"] == "progress" && line["loss"].is_f64());
    assert!(steps.count() >= 250, "details are every step");
    assert!(said.iter().any(|line| line["level"] == "debug"), "{}", ended.stderr);

    let ended = short_run(folder.path(), &["--log-format=json"]);
    assert_eq!((ended.code, lines(&ended.stderr).len()), (Some(2), 1), "{}", ended.stderr);
    assert!(lines(&ended.stderr)[0]["message"].as_str().unwrap().contains("--overwrite"));
    for wrong in [&["run", "--log-format=json", "--none"][..], &["--log-format", "json", "rum"]] {
        let said = lines(&run(folder.path(), wrong).bad(2));
        assert!(said.len() == 1 && said[0]["level"] == "error", "{said:?}");
    }
    let ended = run(folder.path(), &["check", "none.toml", "--log-format=json"]);
    let said = lines(&ended.bad(2));
    assert!(said.len() == 1 && said[0]["code"] == "recipe::file" && said[0]["level"] == "error", "{said:?}");
}

#[test]
fn quiet_command_says_nothing_but_warnings_and_errors() {
    let folder = tempfile::tempdir().unwrap();
    let ended = short_run(folder.path(), &["--quiet"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.lines().all(|line| line.trim_start().starts_with("warning: ")), "{}", ended.stderr);
    assert!(ended.stdout.ends_with("report: runs/sound/report.html\n"), "{}", ended.stdout);
    let said = short_run(folder.path(), &["-q"]).bad(2);
    assert!(said.starts_with("error: "), "{said}");
    run(folder.path(), &["list", "recipes", "--quiet", "--verbose"]).bad(2);
}

#[test]
fn log_of_events_tells_of_begin_end_and_resumption() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("runs/sound");
    assert_eq!(short_run(folder.path(), &[]).code, Some(0));
    let stages = |seen: &[&str]| -> Vec<String> { seen.iter().map(ToString::to_string).collect() };
    let whole = [
        "run-begin ",
        "stage-begin translator",
        "stage-end translator",
        "stage-begin collapse",
        "stage-end collapse",
        "stage-begin evaluation",
        "stage-end evaluation",
        "run-end ",
    ];
    assert_eq!(kinds(&out), stages(&whole));
    let text = std::fs::read_to_string(out.join("events.jsonl")).unwrap();
    let events = lines(&text);
    let times: Vec<&str> = events.iter().map(|event| event["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{text}");
    let end = events.last().unwrap();
    let metrics = crate::common::json_of(&out.join("metrics.json"));
    assert_eq!(end["status"], "finished");
    assert!(end["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(end["figures"]["metrics"]["student"], metrics["models"]["student"]["metrics"]);
    assert_eq!(end["figures"]["ratios"], metrics["ratios"]);

    // A finished run is left as it is.
    assert_eq!(short_run(folder.path(), &["--resume"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(out.join("events.jsonl")).unwrap(), text);
    // One whose result is gone goes on behind its trainings, and says so.
    std::fs::remove_file(out.join("metrics.json")).unwrap();
    assert_eq!(short_run(folder.path(), &["--resume"]).code, Some(0));
    assert_eq!(kinds(&out), stages(&[&whole[..5], &["run-resume "], &whole[5..]].concat()));
}

#[test]
fn failed_run_ends_its_log_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("runs/sound");
    // A teacher of one step writes nothing that could be learnt from.
    let ended = short_run(folder.path(), &["--set", "stage.translator.train.steps=1"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let text = std::fs::read_to_string(out.join("events.jsonl")).unwrap();
    let end = lines(&text).pop().unwrap();
    assert_eq!((&end["event"], &end["status"]), (&"run-end".into(), &"failed".into()));
    assert!(ended.stderr.contains(end["error"].as_str().unwrap()), "{} {end}", ended.stderr);
}

#[test]
fn line_is_answered_while_its_input_stays_open() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = Tokenizer::train_words(["a good film", "the bad song"], 60).unwrap();
    let labels = ["no", "yes"].map(ToString::to_string).into();
    let task = HeadSpec { head: Head::Sequence, labels, ..HeadSpec::none() };
    tiny_encoder(&folder.path().join("model"), &tokenizer, 8, &task, |_| {});
    let mut command = alambic(folder.path());
    command.args(["predict", "model"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (sender, answers) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            sender.send(line.unwrap()).unwrap();
        }
    });
    for texts in [&["a good film"][..], &["the bad song", "film"]] {
        writeln!(input, "{}", texts.join("\n")).unwrap();
        for text in texts {
            let answer = answers.recv_timeout(Duration::from_mins(1)).unwrap();
            assert!(answer.starts_with(&format!("{text}\t")), "{answer}");
        }
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    assert!(answers.recv().is_err(), "each line is answered once");
}

#[test]
fn long_version_names_commit_features_and_instruction_sets() {
    let folder = tempfile::tempdir().unwrap();
    let short = run(folder.path(), &["-V"]).good();
    assert_eq!(short, format!("alambic {}\n", env!("CARGO_PKG_VERSION")));
    let long = run(folder.path(), &["--version"]).good();
    assert_eq!(long.lines().next(), short.lines().next());
    let keys: Vec<&str> = long.lines().skip(1).filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    assert_eq!(keys, ["commit", "target", "features", "instruction sets"], "{long}");
    let sets = alambic_tensor::instruction_sets().join(", ");
    assert!(sets.is_empty() || long.contains(&sets), "{long}");
}

#[test]
fn check_tells_of_precisions_that_fall_back_on_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let lower = ["--set", "train.precision=\"bf16\"", "--set", "evaluation.precisions=[\"bf16x3\"]"];
    let said = run(folder.path(), &[&["check", &sound()][..], &lower].concat()).done();
    // Two stages, and the evaluation.
    for (precision, times) in [(MatmulPrecision::Bf16, 2), (MatmulPrecision::Bf16x3, 1)] {
        let count = said.matches(&format!("no {} kernels", precision.name())).count();
        assert_eq!(count, if precision.is_supported() { 0 } else { times }, "{said}");
        assert!(precision.fallback().is_none_or(|message| said.contains(&message)), "{said}");
    }
    let said = run(folder.path(), &["check", &sound()]).done();
    assert!(!said.contains("kernels"), "{said}");
}

#[test]
fn instruction_sets_beyond_the_newest_that_is_allowed_are_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let with = |newest: &str, arguments: &[&str]| {
        alambic(folder.path()).args(arguments).env("ALAMBIC_MAX_CPU_ISA", newest).output().unwrap()
    };
    let sets = |newest: &str| String::from_utf8(with(newest, &["--version"]).stdout).unwrap();
    assert_eq!(sets("amx"), sets(""));
    assert!(!sets("avx512-bf16").contains("AMX") && !sets("avx512").contains("BF16"));
    #[cfg(target_arch = "x86_64")]
    assert_eq!(sets("avx512-bf16").contains("AVX512-BF16"), is_x86_feature_detected!("avx512bf16"));
    let recipe = sound();
    let lower = ["check", &recipe, "--set", "train.precision=\"bf16\""];
    let said = |newest: &str| String::from_utf8(with(newest, &lower).stdout).unwrap();
    assert!(said("avx512").contains("no bf16 kernels (they need AMX or AVX512-BF16); using f32"));

    let unknown = with("avx1024", &["list", "losses"]);
    assert_eq!(unknown.status.code(), Some(1));
    let said = String::from_utf8(unknown.stderr).unwrap();
    let expected =
        "ALAMBIC_MAX_CPU_ISA is \"avx1024\": set it to one of `avx512`, `avx512-bf16`, `amx`, or unset it";
    assert!(said.contains(expected), "{said}");
}
