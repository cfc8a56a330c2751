//! Comparisons of made-up runs.

use super::*;
use crate::metrics::{Prediction, ScoredPair, ScoringContext};
use crate::outcome::{Latency, ModelOutcome};
use crate::plots::ValueFormat;
use crate::record::{EvaluationEvent, write_scores};
use polars::prelude::{ParquetReader, SerReader};

fn model(cer: f64, bytes: u64) -> ModelOutcome {
    ModelOutcome {
        metrics: [("cer".to_string(), Some(cer))].into(),
        intervals: [("cer".to_string(), Some([cer - 0.01, cer + 0.01]))].into(),
        bytes: Some(bytes),
        latency_ms: Some(Latency { p50: 2.0, p95: 3.0, ..Latency::default() }),
        ..ModelOutcome::default()
    }
}

fn write_run(folder: &Path, baseline: Option<f64>) {
    std::fs::create_dir_all(folder).unwrap();
    let mut outcome = Outcome::new(
        "names",
        vec![1],
        1000,
        Some(model(0.2, 400)),
        Some(model(0.19, 100)),
        baseline.map(|cer| model(cer, 100)),
    );
    outcome.verdict = baseline.map(|_| Verdict::Better);
    outcome.write(folder).unwrap();
    let event = |stage: &str, step: u64, cer: f64| {
        let event = EvaluationEvent {
            stage: stage.into(),
            seed: 1,
            step,
            metrics: [("cer".to_string(), cer)].into(),
            ..EvaluationEvent::default()
        };
        serde_json::to_string(&event).unwrap() + "\n"
    };
    let events =
        [event("first", 5, 0.9), event("last", 5, 0.4), event("last", 10, 0.3), event("baseline", 5, 0.8)];
    std::fs::write(folder.join("events.jsonl"), events.concat()).unwrap();
}

#[test]
fn runs_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let folders: Vec<PathBuf> = ["all", "tenth", "none"].map(|name| folder.path().join(name)).into();
    for (folder, baseline) in folders.iter().zip([Some(0.22), Some(0.4), None]) {
        write_run(folder, baseline);
    }
    let mut comparison = Comparison::read(&folders).unwrap();
    comparison.swept = Some(SweptKey {
        name: "share of training pairs".into(),
        format: ValueFormat::Percent,
        values: vec![1.0, 0.1, 0.01],
    });
    assert_eq!(comparison.rows().len(), 8);
    let validations = comparison.runs[0].validations.as_ref().unwrap();
    assert_eq!(validations.points, [(5.0, 0.4), (10.0, 0.3)], "of the last stage, baselines aside");
    let values = vec![Some("1.0".into()), Some("2.0".into()), None];
    comparison.differences = vec![Difference { key: "train.clip".into(), values }];
    // To look at the page, name a folder to keep it in.
    let kept = std::env::var_os("ALAMBIC_KEEP_REPORT").map(PathBuf::from);
    let out = kept.unwrap_or_else(|| folder.path().join("out"));
    comparison.write(&out).unwrap();
    let markdown = std::fs::read_to_string(out.join("compare.md")).unwrap();
    assert!(
        markdown.contains("| tenth | names | 1,000 | not recorded | 1 | 1.05 × | 4.00 × | 1.00 × | better |"),
        "{markdown}"
    );
    assert!(
        markdown.contains("| none | 20.0 % (19.0–21.0) | 19.0 % (18.0–20.0) | – | 1.05 × |"),
        "{markdown}"
    );
    assert!(markdown.contains("baseline goes from 40.0 % at 10 % to 22.0 % at 100 %"), "{markdown}");
    assert!(out.join("plots/cer-over-share-of-training-pairs.png").exists());
    // The teacher is of another size than the students, and as fast as they are.
    assert!(out.join("plots/cer-against-size.svg").exists());
    assert!(!out.join("plots/cer-against-time-relative-to-the-teacher.svg").exists());
    assert!(out.join("plots/validation-cer.svg").exists());
    assert!(markdown.contains("teacher 20.0 % at 400 B, all 19.0 % at 100 B"), "{markdown}");
    assert!(markdown.contains("| train.clip | 1.0 | 2.0 | – |"), "{markdown}");
    let table =
        ParquetReader::new(std::fs::File::open(out.join("comparison.parquet")).unwrap()).finish().unwrap();
    assert_eq!(table.height(), 8);
    assert_eq!(table.column("metrics.cer").unwrap().null_count(), 0);
    assert_eq!(table.column("retention.cer").unwrap().null_count(), 5);
    comparison.swept.as_mut().unwrap().values.pop();
    assert!(comparison.document().is_err());
}

/// Writes what the student of a run has right, an example each.
fn write_student_scores(folder: &Path, right: &[bool]) {
    let (said, expected) = (Prediction::Text("one".into()), Prediction::Text("two".into()));
    let pairs = right.iter().map(|right| ScoredPair::new(&said, if *right { &said } else { &expected }));
    let pairs: Vec<ScoredPair<'_>> = pairs.collect();
    let scores = ["cer", "word-accuracy"]
        .map(|name| (name.to_owned(), find(name).unwrap().score(&pairs, ScoringContext::default())));
    write_scores(folder, &[(STUDENT, &vec![scores.into()])]).unwrap();
}

#[test]
fn students_are_compared_with_that_of_the_first_run_example_by_example() {
    let folder = tempfile::tempdir().unwrap();
    let folders: Vec<PathBuf> =
        ["plain", "better", "alike", "worse", "other", "old"].map(|name| folder.path().join(name)).into();
    // Of 40 examples every second one is right, and what differs is right as well, or wrong.
    let right = |differs: &dyn Fn(usize) -> Option<bool>| -> Vec<bool> {
        (0..40).map(|place| differs(place).unwrap_or(place % 2 == 0)).collect()
    };
    let scores = [
        right(&|_| None),
        right(&|place| (place < 20).then_some(true)),
        right(&|place| (place == 1).then_some(true)),
        right(&|place| (place < 20).then_some(false)),
        right(&|_| Some(true)),
    ];
    for (folder, test_data) in folders.iter().zip(["a", "a", "a", "a", "b", "a"]) {
        write_run(folder, None);
        let mut outcome = Outcome::read(folder).unwrap();
        outcome.test_data = Some(test_data.into());
        outcome.write(folder).unwrap();
    }
    for (folder, right) in folders.iter().zip(&scores) {
        write_student_scores(folder, right);
    }
    let comparison = Comparison::read(&folders).unwrap();
    assert_eq!(comparison.first_compared_with(), Some("plain"));
    let said: Vec<Option<String>> =
        comparison.runs.iter().map(|run| run.to_first.as_ref().map(ToFirst::in_words)).collect();
    // A wrong example has three errors in three letters, and less is better.
    assert!(said[1].as_ref().unwrap().starts_with("better by 25.0 points ("), "{said:?}");
    assert!(said[2].as_ref().unwrap().starts_with("not decided: 2.5 points (0.0 to "), "{said:?}");
    assert!(said[3].as_ref().unwrap().starts_with("worse by 25.0 points ("), "{said:?}");
    assert!([0, 4, 5].iter().all(|&run| said[run].is_none()), "{said:?}");
    let markdown = comparison.document().unwrap().markdown();
    assert!(
        markdown.contains("student to that of plain") && markdown.contains("better by 25.0"),
        "{markdown}"
    );
    let rows = serde_json::to_value(comparison.rows()).unwrap();
    let better =
        rows.as_array().unwrap().iter().find(|row| row["run"] == "better" && row["model"] == "student");
    let to_first = &better.unwrap()["to-first"];
    assert_eq!((&to_first["run"], &to_first["metric"]), (&"plain".into(), &"cer".into()));
    assert_eq!(to_first["basis"], "examples");
    std::fs::write(folders[0].join("scores.parquet"), "no table").unwrap();
    assert_eq!(Comparison::read(&folders).unwrap_err().len(), 1);
}

#[test]
fn times_are_those_of_the_runs_own_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let folders = ["fast", "slow"].map(|name| folder.path().join(name));
    for (folder, factor) in folders.iter().zip([1.0, 3.0]) {
        write_run(folder, Some(0.22));
        let mut outcome = Outcome::read(folder).unwrap();
        for (name, milliseconds) in [("teacher", 10.0), ("student", 4.0)] {
            let time = Some(Latency {
                p50: factor * milliseconds,
                p95: factor * milliseconds,
                ..Latency::default()
            });
            outcome.models[name].as_mut().unwrap().latency_ms = time;
        }
        outcome.write(folder).unwrap();
    }
    let comparison = Comparison::read(&folders).unwrap();
    let students = comparison.rows().into_iter().filter(|row| row.model == "student");
    assert_eq!(students.map(|row| row.time_to_teacher).collect::<Vec<_>>(), [Some(0.4), Some(0.4)]);
    let markdown = comparison.document().unwrap().markdown();
    assert!(markdown.contains("| fast | student | – | 100 B | 0.40 × (4.00 ms) |"), "{markdown}");
    assert!(markdown.contains("cer-against-time-relative-to-the-teacher.svg"), "{markdown}");
    assert_eq!(comparison.different_test_data(), None);
}

#[test]
fn runs_over_different_test_data_share_no_plot() {
    let folder = tempfile::tempdir().unwrap();
    let folders = ["a", "b", "c"].map(|name| folder.path().join(name));
    for (folder, hash) in folders.iter().zip(["0123456789", "0123456789", "fedcba9876"]) {
        write_run(folder, Some(0.22));
        let mut outcome = Outcome::read(folder).unwrap();
        outcome.test_data = Some(hash.to_owned());
        if hash == "fedcba9876" {
            let student = outcome.models["student"].as_mut().unwrap();
            student.metrics = [("span-f1".to_owned(), Some(0.9))].into();
            outcome.models.retain(|name, _| name == "student");
        }
        outcome.write(folder).unwrap();
    }
    let comparison = Comparison::read(&folders).unwrap();
    let note = comparison.different_test_data().unwrap();
    assert!(note.ends_with("a, b (test data 01234567); c (test data fedcba98)"), "{note}");
    let document = comparison.document().unwrap();
    let figures =
        document.sections.iter().flat_map(|section| &section.blocks).find_map(|block| match block {
            Block::Figures(figures) => {
                Some(figures.iter().map(|figure| figure.name.clone()).collect::<Vec<_>>())
            }
            _ => None,
        });
    let figures = figures.unwrap();
    assert!(figures.contains(&"cer-by-run-1".to_owned()) && figures.contains(&"span-f1-by-run-2".to_owned()));
    let markdown = document.markdown();
    assert!(markdown.contains("share no plot"));
    assert!(markdown.contains("| c | names | 1,000 | fedcba98 | 1 | – (span F1) |"), "{markdown}");
    let of_span = markdown.split("span F1, more is better").nth(1).unwrap();
    assert!(!of_span.split("\n## ").next().unwrap().contains("| a |"), "a has no span F1: {markdown}");
}

#[test]
fn every_folder_that_is_no_run_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    write_run(&good, None);
    let errors =
        Comparison::read(&[good, folder.path().to_path_buf(), folder.path().join("gone")]).unwrap_err();
    let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 2);
    assert!(text[0].contains("holds no metrics.json") && text[1].contains("no such folder"), "{text:?}");
}

#[test]
fn runs_of_one_name_are_shown_with_their_path() {
    let folder = tempfile::tempdir().unwrap();
    let folders = ["a/run", "b/run"].map(|name| folder.path().join(name));
    for folder in &folders {
        write_run(folder, None);
    }
    let comparison = Comparison::read(&folders).unwrap();
    assert_ne!(comparison.runs[0].name, comparison.runs[1].name);
}
