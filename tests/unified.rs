//! Students that read Indic scripts as one, retrieval by layer, and what model cards say of students.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write;
use std::path::Path;

use crate::common::{json, json_of, run};
use alambic_models::{Tokenizer, UnifiedScript};
use serde_json::Value;

/// Things in English, Hindi and Kannada, some of one word in both.
const THINGS: [[&str; 3]; 10] = [
    ["water", "जल", "ಜಲ"],
    ["lotus", "कमल", "ಕಮಲ"],
    ["king", "राजा", "ರಾಜ"],
    ["house", "घर", "ಮನೆ"],
    ["tree", "पेड़", "ಮರ"],
    ["book", "पुस्तक", "ಪುಸ್ತಕ"],
    ["fruit", "फल", "ಫಲ"],
    ["night", "रात", "ರಾತ್ರಿ"],
    ["day", "दिन", "ದಿನ"],
    ["friend", "मित्र", "ಮಿತ್ರ"],
];

const RECIPE: &str = r#"
schema = 1
name = "unified"
stages = ["teach", "distil"]
[data.pairs.corpus.parallel-table]
paths = "pairs.tsv"
columns = { en = "en", hi = "hi", kn = "kn" }
[data.pairs.split]
test-fraction = 0.2
validation-fraction = 0.2
overlap = "remove-from-training"
[model.large.encoder]
layers = 3
width = 24
heads = 2
feed-forward = 48
max-length = 32
dropout = 0.0
pooling = "mean"
vocabulary = 200
pieces = "unigram"
[teacher.large.checkpoint]
stage = "teach"
[model.small.encoder-layers]
teacher = "large"
layers = [1, 3]
unify-script = "devanagari"
vocabulary = 110
new-vocabulary = true
[train]
steps = 40
batch.size = 16
optimiser.adamw = { learning-rate = 5e-3 }
validate-every = 20
[stage.teach]
student = "large"
data.parallel = { data = ["pairs"], smoothing = 0.7 }
loss.multiple-negatives = {}
[stage.distil]
student = "small"
teacher = "large"
data.parallel = { data = ["pairs"], smoothing = 0.7 }
loss.representation = {}
[evaluation]
data = ["pairs"]
teacher = "large"
by-layer = true
untrained = true
timed-examples = 4
[card]
setting = ["zero-shot", "supervised"]
"#;

fn prepare(folder: &Path) {
    let mut sentences = "en\thi\tkn\n".to_owned();
    for [en, hi, kn] in THINGS {
        for [other_en, other_hi, other_kn] in THINGS {
            writeln!(sentences, "the {en} and the {other_en}\t{hi} और {other_hi}\t{kn} ಮತ್ತು {other_kn}")
                .unwrap();
        }
    }
    std::fs::write(folder.join("pairs.tsv"), sentences).unwrap();
    std::fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
}

fn vector(folder: &Path, model: &str, text: &str) -> Vec<f32> {
    let said = run(folder, &["predict", model, text]).good();
    said[text.len()..].split_whitespace().map(|number| number.parse().unwrap()).collect()
}

#[test]
fn students_of_unified_texts_are_trained_written_exported_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    prepare(folder);
    let outcome = json(&run(folder, &["run", "recipe.toml", "--out", "unified", "--json"]).done());

    // The folder says it by itself, and predictions heed it.
    let own = Tokenizer::open(&folder.join("unified/student")).unwrap();
    assert_eq!(own.unified_script(), Some(UnifiedScript::Devanagari));
    assert!(own.size() <= 110 && own.tokens().iter().all(|token| !token.contains('ಕ')), "{:?}", own.tokens());
    let kannada = vector(folder, "unified/student", "ಕಮಲ ಮತ್ತು ಜಲ");
    assert_eq!(kannada, vector(folder, "unified/student", "कमल मत्तु जल"));
    assert_ne!(kannada, vector(folder, "unified/student", "कमल और जल"));
    let exported = run(folder, &["export", "unified/student", "--format", "onnx,int8", "--to", "exported"]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let folders = std::fs::read_dir(folder.join("exported")).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<_> = std::iter::once(folder.join("exported")).chain(folders).collect();
    let tokenizers: Vec<_> = folders.iter().filter(|path| path.join("tokenizer.json").is_file()).collect();
    assert!(!tokenizers.is_empty(), "{folders:?}");
    for path in tokenizers {
        assert_eq!(
            Tokenizer::open(path).unwrap().unified_script(),
            Some(UnifiedScript::Devanagari),
            "{path:?}"
        );
    }

    // Every layer of each model, and the best one by validation.
    for (model, layers) in [("teacher", 3), ("student", 2), ("untrained", 2)] {
        let found = &outcome["layers"][model];
        assert_eq!(found["metric"], "recall-at-1");
        let all = found["layers"].as_array().unwrap();
        assert_eq!(all.len(), layers + 1, "{model}");
        let validation = |layer: &Value| layer["validation"].as_f64().unwrap();
        let highest = all.iter().map(validation).fold(0.0, f64::max);
        let best = found["best-on-validation"].as_u64().unwrap() as usize;
        assert_eq!(validation(&all[best]), highest, "{model}: {found}");
        assert!(all[..best].iter().all(|layer| validation(layer) < highest), "{model}: {found}");
        for layer in all {
            let slices = layer["slices"].as_object().unwrap();
            let names: Vec<&str> = slices.keys().map(String::as_str).collect();
            assert_eq!(names, ["en to hi", "hi to en", "en to kn", "kn to en"]);
            let mean = slices.values().map(|value| value.as_f64().unwrap()).sum::<f64>() / 4.0;
            assert!((layer["value"].as_f64().unwrap() - mean).abs() < 1e-12);
        }
    }
    // The mean of the last layer's states is the embedding of these models.
    let last = outcome["layers"]["teacher"]["layers"].as_array().unwrap().last().unwrap();
    for (slice, value) in last["slices"].as_object().unwrap() {
        assert_eq!(outcome["models"]["teacher"]["slices"][slice]["recall-at-1"], *value, "{slice}");
    }
    let report = std::fs::read_to_string(folder.join("unified/report.md")).unwrap();
    assert!(report.contains("## By layer") && report.contains("is best on"), "{report}");
    assert!(folder.join("unified/plots/recall-at-1-by-layer.svg").is_file());

    // The card has what the program knows and what the recipe says.
    let card = std::fs::read_to_string(folder.join("unified/student/README.md")).unwrap();
    let front = card.split("---\n").nth(1).unwrap();
    for part in [
        "alambic:\n  objectives:\n  - \"distillation-embeddings\"\n",
        "  tasks:\n  - \"sentence-similarity\"\n",
        "  languages:\n  - \"en\"\n  - \"hi\"\n  - \"kn\"\n",
        "  data:\n  - \"parallel\"\n  sampling-exponent: 0.7\n",
        "  language-embeddings: \"none\"\n  script: \"devanagari\"\n",
        "  setting:\n  - \"zero-shot\"\n  - \"supervised\"\n",
    ] {
        assert!(front.contains(part), "{part}\n{front}");
    }
    assert_eq!(json_of(&folder.join("unified/metrics.json"))["card"]["script"][0], "devanagari");

    // Beside the same with scripts kept, runs are grouped.
    let text = "extends = \"recipe.toml\"\nschema = 1\nname = \"kept\"\nunset = [\"model.small.encoder-layers.unify-script\"]\n";
    std::fs::write(folder.join("kept.toml"), text).unwrap();
    run(folder, &["run", "kept.toml", "--out", "kept"]).done();
    assert_eq!(Tokenizer::open(&folder.join("kept/student")).unwrap().unified_script(), None);
    let compare = ["compare", "unified", "kept", "--group-by", "script"];
    let rows = json(&run(folder, &[&compare[..], &["--json", "--out", "compared"]].concat()).good());
    let groups: Vec<&str> =
        rows.as_array().unwrap().iter().map(|row| row["group"].as_str().unwrap()).collect();
    assert!(groups.is_sorted_by(|one, other| one == other || *one == "original"), "{groups:?}");
    assert_eq!((rows[0]["run"].as_str(), groups[0]), (Some("kept"), "original"));
    assert!(run(folder, &compare).good().lines().nth(1).unwrap().trim_start().starts_with("script"));
    let page = std::fs::read_to_string(folder.join("compared/compare.md")).unwrap();
    assert!(page.contains("Runs by script") && page.contains("| devanagari | 1 | unified |"), "{page}");
    let said = run(folder, &["compare", "unified", "--group-by", "scrip"]).bad(2);
    assert!(said.contains("did you mean `script`?"), "{said}");
}

#[test]
fn vocabularies_of_cards_are_listed_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let listed = run(folder.path(), &["list", "vocabulary"]).good();
    for axis in ["fusion", "visual-input", "objectives", "sampling-exponent", "setting"] {
        assert!(listed.lines().any(|line| line.trim_start().starts_with(axis)), "{listed}");
    }
    let page = run(folder.path(), &["explain", "vocabulary.fusion"]).good();
    assert!(page.contains("two-stream") && page.contains("source"), "{page}");
    let said = run(folder.path(), &["explain", "vocabulary.fusio"]).bad(2);
    assert!(said.contains("did you mean `fusion`?"), "{said}");
    // The key of this name is explained, too.
    let both = run(folder.path(), &["explain", "vocabulary"]).good();
    assert!(
        both.contains("model.*.encoder-layers.vocabulary") && both.contains("language-embeddings"),
        "{both}"
    );
    let page = run(folder.path(), &["explain", "card"]).good();
    assert!(page.contains("alambic list vocabulary"), "{page}");
}

#[test]
fn logits_and_vectors_of_unified_texts_are_compared_with_a_teacher_of_the_original_ones() {
    let folder = crate::common::broken();
    let check = |student: &str, loss: &str| {
        let student = format!("model.small={student}");
        let unset = "unset=[\"stage.small.loss.hidden\",\"stage.small.loss.attention-scores\",\"model.small.encoder\"]";
        let sets = ["--set", unset, "--set", &student, "--set", loss];
        run(&folder, &[&["check", "reviews.toml"], &sets[..]].concat())
    };
    let encoder =
        "{encoder={layers=2,width=12,heads=4,feed-forward=24,max-length=32,unify-script=\"devanagari\"}}";
    let ended = check(encoder, "stage.small.loss.logits={}");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = check(encoder, "stage.small.loss.relations={}").bad(2);
    assert!(said.contains("`relations`") && said.contains("one of them reads unified texts"), "{said}");
    let layers = "{encoder-layers={teacher=\"expert\",layers=[2,4],unify-script=\"devanagari\"}}";
    let said = check(layers, "stage.small.loss.logits={}").bad(2);
    assert!(said.contains("has no letter of it"), "{said}");
}
