//! Warnings of `alambic check` and `alambic plan` about data that can be read.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{alambic, broken, run};

/// A recipe that trains on the texts of `corpus`, with this split.
fn recipe(folder: &Path, corpus: &str, split: &str) {
    let sound = broken().join("reviews.toml").display().to_string();
    let uses: String = ["stage.expert", "stage.small", "baseline"]
        .map(|table| format!("[{table}]\ndata.texts = {{ data = [\"own\"] }}\n"))
        .concat();
    let text = format!(
        "extends = '{sound}'\nschema = 1\nname = \"own\"\n[data.own]\n{corpus}\n[data.own.split]\nvalidation-fraction \
         = 0.0\n{split}\n{uses}[evaluation]\ndata = [\"own\"]\n"
    );
    std::fs::write(folder.join("recipe.toml"), text).unwrap();
}

/// What a command says on standard error, without line ends; it has to end well.
fn said(folder: &Path, command: &str) -> String {
    let output = alambic(folder).args([command, "recipe.toml"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn classes_that_training_lacks_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let table = "text\tlabel\tsplit\na b\tx\ttrain\nc d\ty\ttrain\ne f\tz\tvalidation\ng h\tx\tvalidation\n\
                 i j\tz\ttest\nk l\tz\ttest\nm n\ty\ttest\n";
    std::fs::write(folder.path().join("a.tsv"), table).unwrap();
    let split = "test-values = [\"test\"]\nvalidation-values = [\"validation\"]";
    recipe(folder.path(), "corpus.texts = { paths = \"a.tsv\", label = \"label\" }", split);
    for command in ["check", "plan"] {
        let said = said(folder.path(), command);
        for part in ["validation split (1 row)", "test split (2 rows)"] {
            let warning = format!("class `z` is in the {part} and not in training");
            assert_eq!(said.matches(&warning).count(), 1, "{command}: {said}");
        }
    }
}

#[test]
fn tags_that_training_lacks_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("train.conll", "Ada B-PER\nsings O\n\nnow O\n");
    write("dev.conll", "Goa B-LOC\nshines O\n");
    write("test.conll", "Pune B-LOC\nand O\nOslo B-LOC\n\nAcme B-ORG\nsells O\n");
    let corpus = "corpus.conll = { paths = \"train.conll\", validation-paths = \"dev.conll\", test-paths = \"test.conll\" }";
    recipe(folder.path(), corpus, "");
    let said = said(folder.path(), "check");
    assert!(said.contains("class `B-LOC` is in the validation split (1 word) and not in training"), "{said}");
    let test = "2 classes are in the test split and not in training, by words: `B-LOC` (2), `B-ORG` (1)";
    assert!(said.contains(test), "{said}");
}

#[test]
fn values_of_a_split_that_no_key_names_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let rows =
        ["a\tx\ttrain", "b\ty\ttrain", "c\tx\tdev", "d\ty\tdev", "e\tx\tTest", "f\ty\ttest"].join("\n");
    std::fs::write(folder.path().join("a.tsv"), format!("text\tlabel\tsplit\n{rows}\n")).unwrap();
    let split = "test-values = [\"test\"]";
    let corpus = "corpus.texts = { paths = \"a.tsv\", label = \"label\", validation-paths = \"b.tsv\" }";
    std::fs::write(folder.path().join("b.tsv"), "text\tlabel\nv\tx\nw\ty\n").unwrap();
    recipe(folder.path(), corpus, split);
    for command in ["check", "plan"] {
        let said = said(folder.path(), command);
        let warning = "data `own` has split values that no key names, so their rows are trained on: \
                       `dev` (2 rows), `Test` (1 row)";
        assert!(said.contains(warning), "{command}: {said}");
        assert!(
            said.contains("`dev` resembles `validation`: list it in `split.validation-values`"),
            "{command}: {said}"
        );
    }
    recipe(folder.path(), corpus, "test-values = [\"test\", \"dev\"]");
    assert!(
        said(folder.path(), "check")
            .contains("`Test` resembles `test`: list it in `split.test-values` as well")
    );
    recipe(folder.path(), corpus, "test-values = [\"test\", \"dev\", \"Test\"]");
    assert!(!said(folder.path(), "check").contains("data::split"));
}

#[test]
fn many_made_up_scenes_are_checked_without_being_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let text = "extends = \"builtin:vision/smoke/dide\"\nschema = 1\nname = \"many\"\n\
                [data.scenes.corpus.made-up-scenes]\nimages = 2000\nside = 1024\nquestions = 1\n";
    std::fs::write(folder.path().join("recipe.toml"), text).unwrap();
    let start = std::time::Instant::now();
    run(folder.path(), &["check", "recipe.toml"]).good();
    // To draw them takes minutes.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

#[test]
fn options_that_nothing_reads_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let sound = broken().join("reviews.toml").display().to_string();
    let text = format!(
        "extends = '{sound}'\nschema = 1\nname = \"own\"\n[model.small.encoder]\nvocabulary = 500\npooling = \"first\"\n[evaluation]\nbeam = 4\n"
    );
    std::fs::write(folder.path().join("recipe.toml"), text).unwrap();
    let said = said(folder.path(), "check");
    assert!(said.contains("`model.small.encoder.vocabulary` is not used"), "{said}");
    assert!(said.contains("it reads as its teacher `expert` does"), "{said}");
    assert!(said.contains("`model.small.encoder.pooling` is not used"), "{said}");
    assert!(said.contains("`evaluation.beam` is not used"), "{said}");
}
