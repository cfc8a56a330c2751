//! Diagnostics of `alambic check` for broken recipes and tables: each folder of `tests/broken` holds one, with what is
//! expected beside it.
//!
//! With `ALAMBIC_UPDATE=1` in the environment the expected outputs are written anew; look at the difference before
//! keeping it.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use crate::common::alambic;

/// Every folder that holds a broken recipe, by name.
fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    cases
}

/// Flags of a case, one a line of its file `flags`.
fn flags(case: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(case.join("flags")).unwrap_or_default();
    text.lines().flat_map(|flag| ["--set".to_owned(), flag.to_owned()]).collect()
}

#[test]
fn every_broken_recipe_is_refused_as_expected() {
    let cases = cases();
    assert!(cases.len() >= 20, "only {} broken recipes", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let output = alambic(case).arg("check").arg("recipe.toml").args(flags(case)).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        assert!(output.stdout.is_empty(), "{name}: results are printed for a broken recipe");
        assert!(said.contains("error["), "{name}: {said}");
        assert!(!said.contains("should not have happened"), "{name}: {said}");
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        let expected = case.join("expected.txt");
        if std::env::var_os("ALAMBIC_UPDATE").is_some() {
            std::fs::write(&expected, &said).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("--- {name}\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "other than expected:\n{}", wrong.join("\n"));
}

#[test]
fn every_mistake_is_an_object_with_its_place() {
    for case in cases() {
        let output =
            alambic(&case).args(["check", "--json", "recipe.toml"]).args(flags(&case)).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stderr.is_empty());
        let lines = String::from_utf8(output.stdout).unwrap();
        assert!(!lines.is_empty());
        for line in lines.lines() {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(object["code"].as_str().unwrap().contains("::"), "{line}");
            assert!(
                object["labels"].as_array().unwrap().iter().any(|label| label["line"].is_u64()),
                "{line}"
            );
        }
    }
}

#[test]
fn a_quick_check_refuses_what_is_wrong_in_the_recipe_itself() {
    for case in cases() {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        // What these are about shows only in tables that are read whole.
        let whole = [
            "split-values",
            "single-class",
            "single-class-train",
            "one-example",
            "nothing-left",
            "vocabulary",
            "wrong-script",
            "vision-missing-image",
            "vision-damaged-image",
            "vision-unanswered",
            "text-cut-vocabulary",
            "sentences-unscored-evaluation",
            "search-negatives",
            "languages-all-left-out",
            "languages-one-sampled",
            "lxmert-classes",
            "lxmert-features",
        ]
        .contains(&name.as_str());
        let output =
            alambic(&case).args(["check", "--quick", "recipe.toml"]).args(flags(&case)).output().unwrap();
        assert_eq!(output.status.code(), Some(if whole { 0 } else { 2 }), "{name}");
    }
}

#[test]
fn the_recipe_that_they_extend_is_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let output = alambic(&folder).args(["check", "sound.toml"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "sound.toml: nothing is wrong\n");
    assert_eq!(output.status.code(), Some(0));
}
