//! Text encoders of every family through a whole run: fine-tuned as a teacher, distilled into fewer of their layers, written and
//! exported.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{json_of, run};
use alambic_models::text_encoder::{Head, HeadSpec, TextEncoder, TextEncoderConfig};
use alambic_models::{Config, ModelFolder, Precision, Tokenizer, TokenizerModel};
use alambic_students::save_pretrained;
use alambic_tensor::Streams;

const FAMILIES: [&str; 12] = [
    "bert",
    "xlm",
    "distilbert",
    "camembert",
    "electra",
    "albert",
    "mpnet",
    "deberta-v2",
    "deberta-v3",
    "deberta-v2-plain",
    "modernbert",
    "nomic-bert",
];

/// Writes an encoder of random weights in the sizes of a parity model, over a vocabulary of made-up reviews.
fn encoder(family: &str, path: &Path) -> TextEncoderConfig {
    let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity").join(family).join("model");
    let texts = ["the film was good and the plot is a great one", "a bad song without any end , truly awful"];
    let tokenizer = Tokenizer::train(TokenizerModel::WordPiece, texts, 90).unwrap();
    let read = TextEncoderConfig::open(&ModelFolder::open(&parity).unwrap()).unwrap();
    let config = TextEncoderConfig {
        vocabulary: tokenizer.size(),
        padding: tokenizer.padding().unwrap(),
        positions: 64,
        // The vocabulary is BERT's, which tells the texts of a pair apart.
        segments: if read.segments == 1 { 2 } else { read.segments },
        ..read.with_head(&HeadSpec::none())
    };
    let weights = TextEncoder::initial_weights(&config, &Streams::new(3)).unwrap();
    let files = tokenizer.files(32).unwrap();
    save_pretrained(path, &config.clone().into(), &weights, &files, Precision::F32).unwrap();
    config
}

const RECIPE: &str = r#"
schema = 1
name = "families"
stages = ["fine-tune", "distil"]

[data.task.corpus.made-up-reviews]
size = 160
[data.task.split]
test-fraction = 0.2
validation-fraction = 0.2

[teacher.general.checkpoint]
model = "general"
[model.expert.encoder-layers]
teacher = "general"
[teacher.expert.checkpoint]
stage = "fine-tune"
[model.small.encoder-layers]
teacher = "expert"
layers = [1]

[train]
steps = 6
batch.size = 16
validate-every = 6
optimiser.adamw = { learning-rate = 5e-3 }

[stage.fine-tune]
student = "expert"
data.texts = { data = ["task"], max-length = 32 }
loss.cross-entropy = {}

[stage.distil]
student = "small"
teacher = "expert"
data.texts = { data = ["task"], max-length = 32 }
[stage.distil.loss.logits]
[stage.distil.loss.hidden]
map = "last"

[evaluation]
data = ["task"]
teacher = "expert"
timed-examples = 2
"#;

#[test]
fn encoder_of_every_family_is_fine_tuned_distilled_and_exported() {
    for family in FAMILIES {
        let folder = tempfile::tempdir().unwrap();
        let teacher = encoder(family, &folder.path().join("general"));
        std::fs::write(folder.path().join("recipe.toml"), RECIPE).unwrap();
        let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out"]);
        assert_eq!(ended.code, Some(0), "{family}: {}", ended.stderr);
        let student = ModelFolder::open(&folder.path().join("out/student")).unwrap();
        let config = Config::open(&student).unwrap();
        let config = config.text_encoder().unwrap();
        assert_eq!((config.family, config.layers), (teacher.family, 1), "{family}");
        let metrics = json_of(&folder.path().join("out/metrics.json"));
        assert!(metrics["models"]["student"]["metrics"]["accuracy"].is_number(), "{family}: {metrics}");
        let ended = run(folder.path(), &["export", "out", "--format", "hf,onnx,int8", "--to", "exported"]);
        assert_eq!(ended.code, Some(0), "{family}: {}", ended.stderr);
        let ended = run(folder.path(), &["predict", "out/student", "the film was good"]);
        assert_eq!(ended.code, Some(0), "{family}: {}", ended.stderr);
    }
}

#[test]
fn encoder_of_every_family_with_such_a_head_learns_to_choose() {
    let recipe = RECIPE.replace("made-up-reviews", "made-up-choices").replace("data.texts", "data.choices");
    for family in FAMILIES {
        let folder = tempfile::tempdir().unwrap();
        let teacher = encoder(family, &folder.path().join("general"));
        std::fs::write(folder.path().join("recipe.toml"), &recipe).unwrap();
        // transformers has no class for the one, and another kind of head for the other.
        if ["nomic-bert", "xlm"].contains(&family) {
            let said = run(folder.path(), &["check", "recipe.toml"]).bad(2);
            assert!(said.contains(", which has no head of multiple choice"), "{said}");
            continue;
        }
        let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out"]);
        assert_eq!(ended.code, Some(0), "{family}: {}", ended.stderr);
        let student = ModelFolder::open(&folder.path().join("out/student")).unwrap();
        let config = Config::open(&student).unwrap();
        let config = config.text_encoder().unwrap();
        assert_eq!((config.family, config.layers, config.head), (teacher.family, 1, Head::MultipleChoice));
        let ended = run(folder.path(), &["export", "out", "--format", "hf,onnx,int8", "--to", "exported"]);
        assert_eq!(ended.code, Some(0), "{family}: {}", ended.stderr);
        let ended = run(folder.path(), &["predict", "out/student", "the film was\tgood\tbad"]);
        assert_eq!(ended.code, Some(0), "{family}: {}", ended.stderr);
    }
}
