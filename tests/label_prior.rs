//! The prior over wrong classes by how far their names are from the right one.

use crate::common::{json_of, run, student};

/// Tagged words; the stages and what gives distances follow.
const RECIPE: &str = r#"
schema = 1
name = "prior"
seed = 3
threads = 2
stages = ["names", "small"]

[data.orders.corpus.made-up-orders]
size = 120
[data.orders.split]
test-fraction = 0.2
[data.sentences.corpus.made-up-reviews]
size = 60
labelled = false

[model.names.encoder]
layers = 1
width = 16
heads = 2
feed-forward = 32
pooling = "mean"
[model.small.encoder]
layers = 1
width = 16
heads = 2
feed-forward = 32

[teacher.names.checkpoint]
stage = "names"

[train]
steps = 6
batch.size = 16
validate-every = 6
validation-examples = 8

[stage.names]
student = "names"
data.sentences = { data = ["sentences"], examples = "dropout" }
loss.multiple-negatives = {}

[stage.small]
student = "small"
data.texts = { data = ["orders"] }
loss.cross-entropy = {}

[evaluation]
data = ["orders"]
timed-examples = 4
"#;

#[test]
fn vectors_of_names_grade_wrong_classes_and_the_page_shows_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, loss: &str| {
        std::fs::write(
            folder.path().join(name),
            format!("{RECIPE}\n[stage.small.loss.label-prior]\n{loss}\n"),
        )
        .unwrap();
    };
    write("vectors.toml", "vectors = { teacher = \"names\" }");
    write("shuffled.toml", "vectors = { teacher = \"names\" }\nshuffled = true");
    for name in ["vectors", "shuffled"] {
        run(folder.path(), &["-q", "run", &format!("{name}.toml"), "--out", name]).done();
    }
    let report = std::fs::read_to_string(folder.path().join("vectors/report.md")).unwrap();
    assert!(report.contains("nearest classes"), "{report}");
    let events = std::fs::read_to_string(folder.path().join("vectors/events.jsonl")).unwrap();
    assert!(events.contains("\"label-prior\""), "{events}");
    assert!(student(&folder.path().join("vectors")) != student(&folder.path().join("shuffled")));
    assert!(json_of(&folder.path().join("vectors/metrics.json")).is_object());
}

#[test]
fn the_nearest_name_of_a_class_is_a_baseline_of_texts() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = RECIPE
        .replace("made-up-orders", "made-up-reviews")
        .replace("[evaluation]\n", "[evaluation]\nnearest-label-name = { teacher = \"names\" }\n");
    std::fs::write(folder.path().join("nearest.toml"), recipe).unwrap();
    run(folder.path(), &["-q", "run", "nearest.toml", "--out", "nearest"]).done();
    let metrics = json_of(&folder.path().join("nearest/metrics.json"));
    let own = metrics["models"]["nearest-label-name"]["metrics"]["accuracy"].as_f64();
    assert!(own.is_some_and(|own| own > 0.0 && own < 1.0), "{metrics}");
    let tagged =
        RECIPE.replace("[evaluation]\n", "[evaluation]\nnearest-label-name = { teacher = \"names\" }\n");
    std::fs::write(folder.path().join("tagged.toml"), tagged).unwrap();
    let said = run(folder.path(), &["check", "tagged.toml"]).bad(2);
    assert!(said.contains("`evaluation.nearest-label-name` is about classes of texts"), "{said}");
}

#[test]
fn distances_that_are_missing_or_no_distances_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("d.tsv"), "class\tO\nO\t0\n").unwrap();
    std::fs::write(folder.path().join("relations.tsv"), "class\tother\trelation\nO\tO\tcousin\n").unwrap();
    std::fs::write(folder.path().join("labels.tsv"), "tag\tname\nO\toutside\n").unwrap();
    let cases = [
        ("", "one of `vectors`, `table` and `relations`"),
        ("table = \"d.tsv\"\nvectors = { teacher = \"names\" }", "one of `vectors`, `table` and `relations`"),
        ("table = \"d.tsv\"", "d.tsv"),
        ("table = \"none.tsv\"", "none.tsv"),
        ("relations = \"relations.tsv\"", "cousin"),
        ("vectors = { teacher = \"nobody\" }", "nobody"),
        (
            "vectors = { teacher = \"names\", label-names.path = \"labels.tsv\" }",
            "there is no row of the class",
        ),
        ("vectors = { teacher = \"names\" }\nclasses = 0", "classes"),
    ];
    for (loss, expected) in cases {
        let text = format!("{RECIPE}\n[stage.small.loss.label-prior]\n{loss}\n");
        std::fs::write(folder.path().join("broken.toml"), text).unwrap();
        let said = run(folder.path(), &["check", "broken.toml"]).bad(2);
        assert!(said.contains(expected), "{loss}: {said}");
    }
}
