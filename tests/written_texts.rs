//! Written texts scored from files: metrics, several references, tables of references, files that are wrong.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::Path;

use crate::common::{json, json_of, run, sound};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

#[test]
fn texts_are_scored_against_several_files_of_references() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("out.txt", "the cat sat on the mat\na dog runs\n赤い円\n"),
            ("one.txt", "the cat sat on a mat\nthe dog ran\n赤い円です\n"),
            ("two.txt", "\na dog runs\n\n"),
            ("table.tsv", "a\tb\nthe cat sat on a mat\t\nthe dog ran\ta dog runs\n赤い円です\t\n"),
        ],
    );
    let score = |arguments: &[&str]| run(folder.path(), &[&["score"], arguments].concat());
    let files =
        ["out.txt", "one.txt", "two.txt", "--metrics", "bleu,chrf,cider-d,text-exact-match", "--json"];
    let found = json(&score(&files).good());
    assert_eq!((found["examples"].as_u64(), &found["references"]), (Some(3), &json("[1, 2]")));
    let metrics = found["metrics"].as_object().unwrap();
    let names: Vec<&String> = metrics.keys().collect();
    assert_eq!(names, ["bleu", "chrf", "cider-d", "cider-d-of-references", "text-exact-match"]);
    // sacrebleu 2.6: 58.14 and 75.71.
    let near = |name: &str, expected: f64| (metrics[name].as_f64().unwrap() - expected).abs() < 5e-5;
    assert!(near("bleu", 0.5814) && near("chrf", 0.7571), "{metrics:?}");
    assert!((metrics["text-exact-match"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-12);
    assert!(metrics["cider-d"].as_f64() < metrics["cider-d-of-references"].as_f64());
    assert_eq!(found["intervals"]["bleu"].as_array().unwrap().len(), 2);
    // The same of a table, and tokens by the language.
    let table = ["out.txt", "table.tsv", "--columns", "a,b", "--metrics", files[4], "--json"];
    assert_eq!(json(&score(&table).good()), found);
    let by_language = ["out.txt", "one.txt", "--metrics", "bleu,bleu-char", "--language", "ja", "--json"];
    let found = json(&score(&by_language).good());
    assert_eq!(found["metrics"]["bleu"], found["metrics"]["bleu-char"]);
    let shown = score(&["out.txt", "one.txt", "--metrics", "cer,cider-d"]).good();
    assert!(
        shown.contains("cider-d-of-references") && shown.contains("texts: 3, references of each: 1"),
        "{shown}"
    );
}

#[test]
fn files_and_metrics_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("out.txt", "a\nb\n"),
            ("one.txt", "a\nb\n"),
            ("short.txt", "a\n"),
            ("gap.txt", "a\n\n"),
            ("empty.txt", ""),
            ("table.tsv", "x\ty\na\tb\nc\td\n"),
            ("df.json", r#"{"ref_len": 1, "document_frequency": {"a": 2}}"#),
        ],
    );
    fs::write(folder.path().join("latin.txt"), b"\xe9\nb\n").unwrap();
    for (arguments, code, said) in [
        (&["out.txt", "short.txt", "--metrics", "bleu"][..], 1, "short.txt: 1 lines where"),
        (&["out.txt", "gap.txt", "--metrics", "bleu"], 1, "gap.txt:2: no reference"),
        (&["out.txt", "latin.txt", "--metrics", "bleu"], 1, "latin.txt:1:1"),
        (&["out.txt", "none.txt", "--metrics", "bleu"], 1, "none.txt"),
        (&["empty.txt", "empty.txt", "--metrics", "bleu"], 1, "empty.txt"),
        (&["out.txt", "table.tsv", "--columns", "z", "--metrics", "bleu"], 1, "`z`"),
        (&["out.txt", "one.txt", "--metrics", "blue"], 2, "did you mean `bleu`?"),
        (&["out.txt", "one.txt", "--metrics", "accuracy"], 2, "`accuracy` does not compare texts"),
        (&["out.txt", "one.txt", "--metrics", "caption-truth"], 2, "`caption-truth` does not compare texts"),
        (&["out.txt", "one.txt", "one.txt", "--metrics", "cer"], 2, "several references"),
        (&["out.txt", "--metrics", "bleu"], 2, "the references are missing"),
        (&["out.txt", "one.txt"], 2, "--suite"),
        (&["out.txt", "one.txt", "--metrics", "bleu", "--suite", "builtin:xtreme"], 2, "cannot be used with"),
        (&["out.txt", "one.txt", "--suite", "builtin:xtreme", "--language", "ja"], 2, "cannot be used with"),
        (
            &["out.txt", "one.txt", "--metrics", "cider-d", "--document-frequencies", "df.json"],
            1,
            "`a` is in 2 images of 1",
        ),
    ] {
        let error = run(folder.path(), &[&["score"], arguments].concat()).bad(code);
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
}

#[test]
fn run_measures_what_models_write_by_metrics_of_texts() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("df.json", r#"{"ref_len": 50, "document_frequency": {}}"#)]);
    let metrics = r#"evaluation.metrics=["cer", "chrf", "bleu-char", "chrf++", "cider-d"]"#;
    let frequencies = r#"evaluation.document-frequencies="df.json""#;
    // A student of labels: what an untrained teacher writes does not end.
    let recipe = format!(
        "extends = {:?}\nschema = 1\nname = \"sound\"\nunset = [\"stage.collapse\"]\n[stage.collapse]\nstudent = \"small\"\n\
         data.pairs = {{ data = [\"names\"], directions = [\"hi-ta\", \"ta-hi\"] }}\nloss.cross-entropy = {{}}\n",
        sound()
    );
    write(folder.path(), &[("recipe.toml", &recipe)]);
    let settings = ["--set", metrics, "--set", frequencies, "--set", "train.steps=2", "--no-baseline"];
    let ended = run(folder.path(), &[&["run", "recipe.toml"][..], &settings].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let student = &json_of(&folder.path().join("runs/sound/metrics.json"))["models"]["student"];
    for name in ["cer", "chrf", "bleu-char", "chrf++", "cider-d", "cider-d-of-references"] {
        let value = student["metrics"][name].as_f64().unwrap();
        let interval = student["intervals"][name].as_array().unwrap();
        let ends = [0, 1].map(|end: usize| interval[end].as_f64().unwrap());
        assert!(ends[0] <= value && value <= ends[1], "{name}: {value} {ends:?}");
    }
    // Names are one token, which no image of the file has.
    let ceiling = student["metrics"]["cider-d-of-references"].as_f64().unwrap();
    assert!((ceiling - 2.5).abs() < 1e-9, "{ceiling}");
    let report = fs::read_to_string(folder.path().join("runs/sound/report.md")).unwrap();
    assert!(report.contains("CIDEr-D") && report.contains("chrF++"), "{report}");
}
