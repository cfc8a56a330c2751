//! Documents that name files: the files are there; examples of workflows: their commands are accepted; files of tests are built.

use std::path::Path;

use crate::common::{json, run};

/// Whether a word in backticks is the path of a file or folder of the project, and not a pattern, a command or a key.
fn is_path(word: &str) -> bool {
    let tops = [
        ".ci/",
        "benches/",
        "data/",
        "docs/",
        "files/",
        "fuzz/",
        "hub/",
        "inference/",
        "losses/",
        "models/",
        "ranks/",
        "recipes/",
        "reports/",
        "settings/",
        "src/",
        "students/",
        "teachers/",
        "tensor/",
        "tests/",
    ];
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    let is_generic = |part: &str| part.len() > 1 && part.chars().all(|letter| letter.is_ascii_uppercase());
    // Made by fuzzing, and in no checkout.
    let is_made = word.starts_with("fuzz/artifacts");
    let is_whole = word.chars().all(is_plain) && !word.split(['/', '.']).any(is_generic);
    tops.iter().any(|top| word.starts_with(top)) && is_whole && !is_made
}

#[test]
fn every_file_that_the_documents_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut named, mut missing) = (0, Vec::new());
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        for word in text.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
            named += 1;
            if !root.join(word).exists() {
                missing.push(format!("{document}: {word}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named > 60, "only {named} paths are recognised");
}

/// Commands of a workflow that run the program, without what quotes them; folded lines are one.
fn commands(workflow: &str) -> Vec<Vec<String>> {
    let mut lines = workflow.lines().map(str::trim).peekable();
    let mut commands = Vec::new();
    while let Some(line) = lines.next() {
        let line = line.trim_start_matches("- ").trim_start_matches("run: ");
        if !line.starts_with("alambic ") {
            continue;
        }
        let mut words: Vec<String> = line.split_whitespace().map(ToString::to_string).collect();
        while let Some(more) = lines.next_if(|line| line.starts_with("--")) {
            words.extend(more.split_whitespace().map(|word| word.trim_matches('\'').to_owned()));
        }
        commands.push(words.split_off(1));
    }
    commands
}

#[test]
fn commands_of_example_workflows_are_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    for name in ["github-actions.yml", "gitlab-ci.yml"] {
        let workflow = std::fs::read_to_string(root.join("docs/examples").join(name)).unwrap();
        let commands = commands(&workflow);
        let of = |verb: &str| commands.iter().find(|words| words[0] == verb).unwrap();
        assert!(of("run").iter().filter(|word| *word == "--require").count() == 2, "{commands:?}");
        for verb in ["check", "run"] {
            // The recipe is the user's: that it is missing is all that is wrong.
            let arguments: Vec<&str> = of(verb).iter().map(String::as_str).collect();
            let more = if verb == "run" { &[][..] } else { &["--log-format=json"] };
            let said = run(folder.path(), &[&arguments[..], more].concat());
            assert_eq!(json(said.bad(2).trim())["code"], "recipe::file", "{name}: {arguments:?}");
        }
    }
}

/// A file of tests that no program names is built by nothing, and passes without a word.
#[test]
fn every_file_of_tests_is_a_module_of_its_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = manifest.lines().find(|line| line.starts_with("members")).unwrap();
    let folders = members.split('"').skip(1).step_by(2).chain(["."]);
    let (mut files, mut missing) = (0, Vec::new());
    for tests in folders.map(|folder| root.join(folder).join("tests")) {
        let Ok(program) = std::fs::read_to_string(tests.join("integration.rs")) else { continue };
        for entry in std::fs::read_dir(&tests).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            if file.extension().is_none_or(|extension| extension != "rs") || name == "integration" {
                continue;
            }
            files += 1;
            if !program.lines().any(|line| line == format!("mod {name};")) {
                missing.push(file);
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(files > 100, "only {files} files of tests are found");
}
