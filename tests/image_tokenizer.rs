//! Models that make tokens of images, and images of tokens, from a recipe to their use.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{json, json_of, run, write_image};
use alambic_data::{Picture, Raster};
use serde_json::Value;

/// Keys that bring `vision/smoke/image-tokenizer` down to a few steps.
const SMALL: [&str; 6] = [
    "--set",
    "data.scenes.corpus.made-up-scenes.images=80",
    "--set",
    "train={ steps=45, batch={ size=8 }, validate-every=20 }",
    "--set",
    "evaluation.timed-examples=4",
];

const RECIPE: &str = "builtin:vision/smoke/image-tokenizer";

fn image(path: &Path) -> Raster {
    Picture::of_file(path.to_owned()).load().unwrap()
}

#[test]
fn images_become_tokens_and_tokens_images() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let outcome: Value =
        json(&run(at, &[&["run", RECIPE, "--out", "run", "--json"][..], &SMALL].concat()).done());
    let student = &outcome["models"]["student"]["metrics"];
    let figures = ["psnr", "l1", "codes-used", "code-perplexity"].map(|name| student[name].as_f64().unwrap());
    assert!(figures[0] > 5.0 && (0.0..0.5).contains(&figures[1]), "{student}");
    assert!(figures[2] > 0.02 && (1.0..=32.0).contains(&figures[3]), "{student}");
    let bilinear = &outcome["models"]["bilinear"]["metrics"];
    assert!(bilinear["psnr"].as_f64().unwrap() > 10.0 && bilinear["codes-used"].is_null(), "{bilinear}");

    // The log says what became of the codes, and each test image stands beside what is made of it.
    let events = std::fs::read_to_string(at.join("run/events.jsonl")).unwrap();
    let of_kind = |kind: &str| -> Vec<Value> {
        let all = events.lines().map(json);
        all.filter(|event: &Value| event["event"] == kind).collect()
    };
    let figures = of_kind("step").into_iter().find(|event| event["step"] == 40).unwrap()["figures"].clone();
    assert!(figures["codes-restarted"].is_f64() && figures["code-perplexity"].is_f64(), "{figures}");
    let validation = of_kind("evaluation").remove(0)["metrics"].clone();
    assert!(validation["psnr"].is_f64() && validation["codes-used"].is_f64(), "{validation}");
    let page = std::fs::read_to_string(at.join("run/report.html")).unwrap();
    let samples = page.split("<h2>Samples</h2>").nth(1).unwrap().split("</section>").next().unwrap();
    let rows = samples.matches("<tr>").count() - 1;
    assert_eq!(samples.matches("<img ").count(), 2 * rows, "an image and its reconstruction a row");

    let config = json_of(&at.join("run/student/config.json"));
    assert_eq!((&config["model_type"], &config["quantizer"]), (&"image-tokenizer".into(), &"vq".into()));

    write_image(&at.join("scene.png"), (16, 16), |value| (value % 251) as u8);
    let printed = run(at, &["predict", "run/student", "--image", "scene.png", "--draw", "again.png"]).good();
    let tokens: Vec<u32> = printed.split_whitespace().map(|token| token.parse().unwrap()).collect();
    assert_eq!((tokens.len(), tokens.iter().all(|&token| token < 32)), (16, true), "{printed}");
    let again = image(&at.join("again.png"));
    assert_eq!((again.width, again.height), (16, 16));
    // Tokens alone give the same image, and lines of paths the same tokens.
    run(at, &["predict", "run/student", printed.trim(), "--draw", "of-tokens.png"]).good();
    assert!(image(&at.join("of-tokens.png")) == again);
    let by_line = run(at, &["predict", "run/student", "scene.png", "again.png", "--json"]).good();
    let first: Value = json(by_line.lines().next().unwrap());
    assert_eq!(first["tokens"].as_array().unwrap().len(), 16);
    assert_eq!(first["tokens"][3], tokens[3]);

    let exported = run(at, &["export", "run", "--format", "hf,onnx", "--to", "out"]).good();
    for part in ["encoder", "decoder"] {
        assert!(exported.contains(&format!("out/onnx/{part}.onnx")), "{exported}");
    }
    let same = run(at, &["predict", "out/hf", "--image", "scene.png"]).good();
    assert_eq!(same, printed);
    let refused = run(at, &["export", "run", "--format", "int8", "--to", "small"]).bad(1);
    assert!(refused.contains("not stored in eight bits"), "{refused}");

    // What was run twice is the same to the byte.
    run(at, &[&["run", RECIPE, "--out", "twice"][..], &SMALL].concat()).done();
    assert!(crate::common::student(&at.join("run")) == crate::common::student(&at.join("twice")));
}

#[test]
fn what_does_not_fit_an_image_tokenizer_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let few = ["--set", "train.steps=25", "--set", "data.scenes.corpus.made-up-scenes.images=80"];
    run(at, &[&["run", RECIPE, "--out", "run"][..], &few].concat()).done();
    write_image(&at.join("scene.png"), (16, 16), |value| (value % 251) as u8);
    write_image(&at.join("wide.png"), (24, 16), |value| (value % 251) as u8);
    let tokens = |token: usize, count: usize| vec![token.to_string(); count].join(" ");
    let (beyond, short, some) = (tokens(32, 16), tokens(1, 15), tokens(1, 16));
    for (arguments, code, expected) in [
        (vec!["--image", "wide.png"], 1, "24 × 16 pixels, and this image tokenizer reads 16 × 16"),
        (vec!["--image", "none.png"], 1, "none.png"),
        (vec!["--image", "run/metrics.json"], 1, "cannot be read as an image"),
        (vec![beyond.as_str(), "--draw", "out.png"], 1, "no image token 32: the codebook has 32"),
        (vec![short.as_str(), "--draw", "out.png"], 1, "15 tokens are not those of 1 images"),
        (vec![some.as_str()], 2, "`--draw OUT.png`"),
        (vec![some.as_str(), some.as_str(), "--draw", "out.png"], 2, "writes one image"),
        (vec!["a text", "--image", "scene.png"], 2, "takes no text"),
        (vec!["--image", "scene.png", "--beam", "2"], 2, "`--beam` is for a model that generates texts"),
    ] {
        let ended = run(at, &[&["predict", "run/student"][..], &arguments].concat());
        assert!(ended.code == Some(code) && ended.stderr.contains(expected), "{}", ended.stderr);
    }

    // A codebook of another width than the weights have.
    let config = at.join("run/student/config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::remove_file(at.join("run/student/digests.json")).unwrap();
    std::fs::write(&config, text.replace("\"codebook_dim\": 16", "\"codebook_dim\": 8")).unwrap();
    let refused = run(at, &["predict", "run/student", "--image", "scene.png"]).bad(1);
    assert!(refused.contains("codebook.weight") && refused.contains("[32, 16]"), "{refused}");
}

#[test]
fn collapsed_codebook_ends_a_run() {
    let folder = tempfile::tempdir().unwrap();
    // Of 1,024 codes none has begun after 10 steps, and all places take one or two of them.
    let set = [
        "--set",
        "model.tokenizer.image-tokenizer.codes=1024",
        "--set",
        "train.steps=10",
        "--set",
        "data.scenes.corpus.made-up-scenes.images=80",
    ];
    let ended = run(folder.path(), &[&["run", RECIPE, "--out", "run"][..], &set].concat());
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("the codebook has collapsed") && ended.stderr.contains("1024 codes"),
        "{}",
        ended.stderr
    );
    assert!(!folder.path().join("run/metrics.json").exists());
}

#[test]
fn codes_are_learned_by_gradients_and_by_relaxed_samples() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let few = ["--set", "train.steps=30", "--set", "data.scenes.corpus.made-up-scenes.images=80"];
    let model = "model.tokenizer.image-tokenizer";
    let gradient = format!("{model}.codebook=\"gradient\"");
    let options = ["--set", &gradient, "--set", "stage.tokenize.loss.codebook={}"];
    run(at, &[&["run", RECIPE, "--out", "gradient"][..], &few, &options].concat()).done();
    assert_eq!(json_of(&at.join("gradient/student/config.json"))["codebook_learning"], "gradient");

    std::fs::write(at.join("dvae.toml"), DVAE).unwrap();
    run(at, &["run", "dvae.toml", "--out", "dvae"]).done();
    assert_eq!(json_of(&at.join("dvae/student/config.json"))["quantizer"], "dvae");
    let events = std::fs::read_to_string(at.join("dvae/events.jsonl")).unwrap();
    let temperatures: Vec<f64> =
        events.lines().filter_map(|line| json(line)["schedules"]["codes.temperature"].as_f64()).collect();
    assert!(
        (temperatures[0] - 1.0).abs() < 1e-9 && (temperatures[29] - 0.0625).abs() < 1e-9,
        "{temperatures:?}"
    );
    run(at, &["export", "dvae", "--format", "onnx", "--to", "out"]).good();

    let refused = DVAE.replace("uniform-prior", "commitment");
    std::fs::write(at.join("refused.toml"), refused).unwrap();
    let refused = run(at, &["check", "refused.toml"]).bad(2);
    assert!(refused.contains("use `uniform-prior`"), "{refused}");
}

/// A discrete VAE of a few codes.
const DVAE: &str = r#"
schema = 1
name = "dvae"
stages = ["tokenize"]

[data.scenes.corpus.made-up-scenes]
images = 80
questions = 0
side = 8
[data.scenes.split]
test-fraction = 0.2
validation-fraction = 0.2

[model.tokenizer.image-tokenizer]
quantizer = "dvae"
codes = 24
image = 8
width = 16
blocks = 1

[train]
steps = 30
batch.size = 8

[stage.tokenize]
data.images = { data = ["scenes"] }
[stage.tokenize.loss.image-reconstruction]
[stage.tokenize.loss.uniform-prior]

[evaluation]
data = ["scenes"]
timed-examples = 4
"#;

#[test]
fn images_made_again_are_compared_by_a_scorers_states() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(
        at.join("recipe.toml"),
        r#"
extends = "builtin:vision/smoke/image-tokenizer"
schema = 1
name = "scored"
stages = ["score", "tokenize"]

[data.scenes.corpus.made-up-scenes]
captions = 1

[model.scorer.clip]
layers = 2
width = 16
heads = 2
image = 16
patch = 4

[teacher.scorer.checkpoint]
stage = "score"

[stage.score]
student = "scorer"
data.captions = { data = ["scenes"] }
train.steps = 4
[stage.score.loss.image-text-contrast]

[stage.tokenize]
student = "tokenizer"

[evaluation]
scorer = "scorer"
metrics = ["psnr", "reconstruction-distance"]
"#,
    )
    .unwrap();
    let outcome: Value =
        json(&run(at, &[&["run", "recipe.toml", "--out", "run", "--json"][..], &SMALL].concat()).done());
    for model in ["student", "bilinear"] {
        let distance = outcome["models"][model]["metrics"]["reconstruction-distance"].as_f64().unwrap();
        assert!(distance > 1e-6 && distance < 4.0, "{model}: {outcome}");
    }
}
