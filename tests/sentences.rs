//! Sentence encoders of one language: what a run of each form of data trains, evaluates and leaves.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{json, json_of, run, student};
use alambic_models::{Config, ModelFolder};
use serde_json::Value;

const HEAD: &str = "schema = 1\nname = \"sentences\"\n";
const DATA: &str = "[data.texts.corpus.made-up-reviews]\nsize = 160\nlabelled = false\n[data.texts.split]\n\
    validation-fraction = 0.1\n[data.pairs.corpus.made-up-pairs]\nsize = 160\n[data.pairs.split]\ntest-fraction = 0.3\n\
    [data.triples.corpus.made-up-pairs]\nsize = 160\nform = \"triples\"\n";
const LARGE: &str = "[model.large.encoder]\nlayers = 2\nwidth = 24\nheads = 4\nfeed-forward = 48\nmax-length = 32\n\
    pooling = \"mean\"\nprompts = { query = \"the film \", passage = \"the book \" }\n";
const TEACH: &str = "[teacher.large.checkpoint]\nstage = \"teach\"\n[stage.teach]\nstudent = \"large\"\n\
    data.sentences = { data = [\"pairs\"], examples = \"pairs\" }\nloss.cosine-similarity = {}\n";
const TRAIN: &str =
    "[train]\nsteps = 6\nbatch.size = 8\nvalidate-every = 3\noptimiser.adamw = { learning-rate = 3e-3 }\n";
const EVALUATION: &str = "[evaluation]\ndata = [\"pairs\"]\ntimed-examples = 2\n";

/// Runs a recipe of these parts, and gives its figures.
fn figures(folder: &Path, out: &str, parts: &[&str]) -> Value {
    let recipe = [parts, &[DATA, TRAIN, EVALUATION]].concat().concat();
    std::fs::write(folder.join("recipe.toml"), recipe).unwrap();
    run(folder, &["run", "recipe.toml", "--out", out]).done();
    json_of(&folder.join(out).join("metrics.json"))
}

/// The stages of a student with a narrower state than its teacher's and a dense layer to the teacher's width.
const NARROW: &str = "[model.small.encoder-layers]\nteacher = \"large\"\nlayers = [2]\nwidth = 12\nembedding-width = 24\n\
    [stage.distil]\nstudent = \"small\"\nteacher = \"large\"\ndata.sentences = { data = [\"texts\", \"pairs\"] }\n\
    loss.representation = { matryoshka = [6, 24] }\n";

#[test]
fn narrower_student_shares_its_teachers_space_and_keeps_its_prompts() {
    let folder = tempfile::tempdir().unwrap();
    let baseline =
        "[baseline]\ndata.sentences = { data = [\"pairs\"], examples = \"pairs\" }\nloss.cosent = {}\n";
    let own = "stages = [\"teach\", \"distil\"]\n";
    let recipe =
        [HEAD, own, DATA, TRAIN, EVALUATION, "teacher = \"large\"\n", LARGE, TEACH, NARROW, baseline]
            .concat();
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    run(folder.path(), &["run", "recipe.toml", "--out", "out"]).done();
    let outcome = json_of(&folder.path().join("out/metrics.json"));
    for model in ["teacher", "student", "baseline", "student at width 6"] {
        for metric in ["spearman", "pearson"] {
            assert!(outcome["models"][model]["metrics"][metric].is_f64(), "{model}: {outcome}");
        }
    }
    for figure in ["cosine-mean", "common-neighbours", "pearson-with-teacher", "cosine-mean-shuffled"] {
        assert!(outcome["fidelity"][figure].is_f64(), "{figure}: {outcome}");
    }
    let path = folder.path().join("out/student");
    let modules: Vec<String> = json_of(&path.join("modules.json"))
        .as_array()
        .unwrap()
        .iter()
        .map(|module| module["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(modules, ["", "1_Pooling", "2_Dense", "3_Normalize"]);
    let dense = json_of(&path.join("2_Dense/config.json"));
    assert_eq!((&dense["in_features"], &dense["out_features"]), (&12.into(), &24.into()));
    let prompts = json_of(&path.join("config_sentence_transformers.json"))["prompts"].clone();
    assert_eq!(prompts, serde_json::json!({ "query": "the film ", "passage": "the book " }));
    let config = Config::open(&ModelFolder::open(&path).unwrap()).unwrap();
    assert_eq!(config.outline().streams[""].embedding, Some(24));
    // What ONNX computes, and what is printed of the first numbers alone.
    run(folder.path(), &["export", "out", "--format", "onnx", "--to", "exported"]).done();
    let printed = |arguments: &[&str]| {
        let all = [&["predict", "out", "the soup was dull", "--json"], arguments].concat();
        json(&run(folder.path(), &all).good())["embedding"].as_array().unwrap().clone()
    };
    let whole = printed(&[]);
    assert_eq!((whole.len(), printed(&["--truncate-dim", "6"])), (24, whole[..6].to_vec()));
}

#[test]
fn dense_layer_of_a_student_with_whole_states_begins_as_its_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let own = "stages = [\"teach\", \"distil\"]\n";
    let whole = "[model.small.encoder-layers]\nteacher = \"large\"\nembedding-width = 24\n[stage.distil]\nstudent = \"small\"\n\
                 teacher = \"large\"\ndata.sentences = { data = [\"texts\"] }\nloss.representation = {}\n";
    let recipe =
        [HEAD, own, DATA, TRAIN, EVALUATION, "teacher = \"large\"\nuntrained = true\n", LARGE, TEACH, whole]
            .concat();
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    run(folder.path(), &["run", "recipe.toml", "--out", "out"]).done();
    let models = json_of(&folder.path().join("out/metrics.json"))["models"].clone();
    let [teacher, untrained] =
        ["teacher", "untrained"].map(|model| models[model]["metrics"]["spearman"].as_f64().unwrap());
    assert!((teacher - untrained).abs() < 1e-6, "{models}");
}

#[test]
fn hard_negatives_and_dropout_train_without_a_teacher() {
    let folder = tempfile::tempdir().unwrap();
    for (out, data) in [
        ("negatives", "{ data = [\"triples\"], examples = \"pairs\" }"),
        ("dropout", "{ data = [\"texts\"], examples = \"dropout\" }"),
    ] {
        let stages = format!("{HEAD}stages = [\"learn\"]\n");
        let stage = format!(
            "[stage.learn]\ndata.sentences = {data}\nloss.multiple-negatives = {{ symmetric = true, matryoshka = [12, 24] }}\n"
        );
        let outcome = figures(folder.path(), out, &[&stages, LARGE, &stage]);
        let models = &outcome["models"];
        assert!(models["student"]["metrics"]["spearman"].is_f64(), "{outcome}");
        assert!(models["student at width 12"]["metrics"]["spearman"].is_f64(), "{outcome}");
    }
}

#[test]
fn students_of_recorded_vectors_are_those_of_the_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // The teacher is a student of another run.
    let teach = "[stage.teach]\ndata.sentences = { data = [\"pairs\"], examples = \"pairs\" }\nloss.cosine-similarity = {}\n";
    figures(path, "teacher", &[HEAD, "stages = [\"teach\"]\n", LARGE, teach]);
    let recipe = |teacher: &str| {
        let own = "cache.mode = \"off\"\nstages = [\"distil\"]\n";
        let distil = "[teacher.base.checkpoint]\nmodel = \"teacher/student\"\n[model.small.encoder-layers]\nteacher = \"base\"\n\
             layers = [1]\n[stage.distil]\nstudent = \"small\"\nteacher = \"given\"\n\
             data.sentences = { data = [\"texts\", \"pairs\"] }\nloss.representation = {}\n";
        let recipe = [HEAD, own, DATA, TRAIN, EVALUATION, "teacher = \"given\"\n", distil, teacher].concat();
        std::fs::write(path.join("recipe.toml"), recipe).unwrap();
    };
    recipe("[teacher.given.checkpoint]\nmodel = \"teacher/student\"\n");
    run(path, &["run", "recipe.toml", "--out", "live"]).done();
    run(path, &["cache", "recipe.toml", "--record", "vectors.jsonl"]).done();
    recipe("[teacher.given.recorded]\npath = \"vectors.jsonl\"\n");
    run(path, &["run", "recipe.toml", "--out", "recorded"]).done();
    assert!(student(&path.join("recorded")) == student(&path.join("live")));
    let [live, recorded] = ["live", "recorded"].map(|out| json_of(&path.join(out).join("metrics.json")));
    for figure in ["cosine-mean", "common-neighbours"] {
        assert_eq!(recorded["fidelity"][figure], live["fidelity"][figure], "{figure}");
    }
}
