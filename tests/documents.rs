//! Documents that name files: the files are there.

use std::path::Path;

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
