//! Encoder-decoders of every family through a whole run: trained as a teacher, distilled into fewer of their layers, written,
//! exported and asked.

use std::path::Path;

use crate::common::{json_of, run};
use alambic_models::{Config, ModelFolder};

/// Families that a recipe names, each with the type of the model that is written.
const FAMILIES: [(&str, &str); 6] = [
    ("marian", "marian"),
    ("bart", "bart"),
    ("mbart", "mbart"),
    ("m2m-100", "m2m_100"),
    ("t5", "t5"),
    ("mt5", "mt5"),
];

const RECIPE: &str = r#"
schema = 1
name = "families"
stages = ["train", "distil"]

[data.names]
corpus.names-table = { path = "builtin:names", unit = "word" }
split = { test-values = ["test"], validation-fraction = 0.05 }

[model.expert.encoder-decoder]
family = "FAMILY"
width = 32
encoder-layers = 2
decoder-layers = 2
heads = 2
feed-forward = 32
max-length = 300
[teacher.expert.checkpoint]
stage = "train"
[model.small.encoder-decoder-layers]
encoder = "expert"
encoder-layers = [2]
decoder-layers = [1]

# So long that the teacher ends what it writes.
[train]
steps = 300
batch.size = 32
optimiser.adamw = { learning-rate = 5e-3 }
validate-every = 300
validation-examples = 10

[stage.train]
student = "expert"
data.pairs = { data = ["names"], directions = ["en-hi"] }
loss.cross-entropy = {}

[stage.distil]
student = "small"
teacher = "expert"
data.words = { data = ["names"], directions = ["en-hi"], fraction = 0.1 }
train.steps = 3
[stage.distil.loss.sequence]
[stage.distil.loss.word-level]
[stage.distil.loss.encoder-match]

[evaluation]
data = ["names"]
teacher = "expert"
directions = ["en-hi"]
timed-examples = 2
limit = 20
"#;

#[test]
fn encoder_decoder_of_every_family_is_trained_distilled_and_exported() {
    for (family, model_type) in FAMILIES {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        std::fs::write(folder.join("recipe.toml"), RECIPE.replace("FAMILY", family)).unwrap();
        let ended = run(folder, &["run", "recipe.toml", "--out", "out"]);
        assert_eq!(ended.code, Some(0), "{family}: {}", ended.stderr);
        let student = ModelFolder::open(&folder.join("out/student")).unwrap();
        let config = Config::open(&student).unwrap();
        let structure = config.encoder_decoder().unwrap();
        let layers = (structure.encoder.layers.len(), structure.decoder.layers.len());
        assert_eq!((config.model_type(), layers), (model_type, (1, 1)));
        let metrics = json_of(&folder.join("out/metrics.json"));
        assert!(metrics["models"]["student"]["metrics"]["cer"].is_number(), "{family}: {metrics}");
        let ended = run(folder, &["export", "out", "--format", "hf,onnx,int8", "--to", "exported"]);
        assert_eq!(ended.code, Some(0), "{family}: {}", ended.stderr);
        let ended = run(folder, &["predict", "out/student", "--target-language", "hi", "Ram"]);
        assert_eq!(ended.code, Some(0), "{family}: {}", ended.stderr);
    }
}

#[test]
fn traces_of_published_layouts_have_the_taps_that_are_listed() {
    for model in ["bart", "mbart", "m2m_100", "t5-v1.0", "mt5"] {
        let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity").join(model);
        let [model, inputs] =
            ["model", "inputs.safetensors"].map(|name| parity.join(name).display().to_string());
        let folder = tempfile::tempdir().unwrap();
        let traced = ["trace", &model, "--inputs", &inputs, "--out", "out.safetensors"];
        let ended = run(folder.path(), &traced);
        assert_eq!(ended.code, Some(0), "{model}: {}", ended.stderr);
        assert!(!ended.stderr.contains("left out"), "{}", ended.stderr);
        let found = alambic_tensor::parameters::load(&folder.path().join("out.safetensors")).unwrap();
        for tap in run(folder.path(), &["list", "taps", &model]).good().split_whitespace() {
            let is_name =
                tap.starts_with("encoder.") || tap.starts_with("decoder.") || tap.starts_with("cross.");
            assert!(!is_name || found.contains_key(tap), "{model}: {tap}");
        }
        assert!(found.contains_key("cross.scores.1") && found.contains_key("logits"), "{model}");
    }
}

#[test]
fn sizes_and_families_that_do_not_fit_are_refused_with_their_place() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for (family, from, to, said) in [
        ("t5", "heads = 2", "heads = 3", "does not divide"),
        ("pegasus", "", "", "marian"),
        ("m2m-100", "max-length = 300", "max-length = 8", "padding"),
    ] {
        let recipe = RECIPE.replace("FAMILY", family).replacen(from, to, usize::from(!from.is_empty()));
        std::fs::write(folder.join("recipe.toml"), recipe).unwrap();
        let error = run(folder, &["check", "recipe.toml"]).bad(2);
        assert!(error.contains("recipe.toml") && error.contains(said), "{family}: {error}");
    }
}
