//! Models that draw images of texts, from a recipe to their use.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{json, json_of, run};
use alambic_data::{Picture, Raster};
use serde_json::Value;

/// Keys that bring `vision/smoke/ernie-vilg` down to a few steps.
const SMALL: [&str; 12] = [
    "--set",
    "data.scenes.corpus.made-up-scenes.images=80",
    "--set",
    "data.judged.corpus.made-up-scenes.images=60",
    "--set",
    "train.steps=45",
    "--set",
    "train.batch.size=8",
    "--set",
    "stage.score.train.steps=10",
    "--set",
    "stage.detect.train.steps=10",
];

fn image(path: &Path) -> Raster {
    Picture::of_file(path.to_owned()).load().unwrap()
}

#[test]
fn texts_become_images_and_images_texts() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let arguments = ["run", "builtin:vision/smoke/ernie-vilg", "--out", "run", "--json"];
    let outcome: Value = json(&run(at, &[&arguments[..], &SMALL].concat()).done());
    let models = outcome["models"].as_object().unwrap();
    for (model, has_tokens) in [
        ("student", true),
        ("student through the image tokenizer", true),
        ("student with real tokens", true),
        ("image tokenizer with real tokens", true),
        ("student, best of several", true),
        ("two-stage", true),
        ("real-images", false),
    ] {
        let metrics = &models[model]["metrics"];
        let value = |name: &str| metrics[name].as_f64().unwrap();
        assert_eq!(value("frechet-distance") > 0.0, has_tokens, "{model}: {metrics}");
        // Images of real tokens are to equal the real ones, and others are not.
        for name in ["psnr", "l1", "reconstruction-distance"] {
            assert_eq!(metrics[name].is_f64(), model.ends_with("with real tokens"), "{model}: {metrics}");
        }
        for share in ["drawn-objects", "drawn-exactly", "drawing-truth", "drawing-found"] {
            assert!((0.0..=1.0).contains(&value(share)), "{model}: {metrics}");
        }
    }
    assert!(models["real-images"]["metrics"]["frechet-distance"].as_f64().unwrap() < 1e-9);
    let halved = &models["real-images-halved"]["metrics"];
    assert!(halved["frechet-distance"].as_f64().unwrap() > 1e-3, "{halved}");
    assert!(halved["drawn-objects"].is_null() && halved["psnr"].is_null(), "{halved}");
    let tokenizer = &models["image tokenizer with real tokens"]["metrics"];
    assert!((0.0..4.0).contains(&tokenizer["reconstruction-distance"].as_f64().unwrap()), "{tokenizer}");
    // The page has the image of each model in a row of its own.
    let page = std::fs::read_to_string(at.join("run/report.html")).unwrap();
    let samples = page.split("<h2>Samples</h2>").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(samples.matches("<img ").count() > samples.matches("<tr>").count(), "{samples}");

    let config = json_of(&at.join("run/student/config.json"));
    assert_eq!(config["model_type"], "ernie-vilg");
    assert!(at.join("run/student/re-ranker/config.json").is_file());

    // The same seed and text give the same image, alone and among others.
    let draw = |name: &str, more: &[&str]| {
        let arguments = [&["predict", "run/student", "--draw", name, "--seed", "4"][..], more].concat();
        run(at, &arguments).good()
    };
    draw("alone.png", &["a red circle"]);
    draw("some.png", &["a blue square", "a red circle"]);
    assert!(image(&at.join("alone.png")) == image(&at.join("some-2.png")));
    let drawn = image(&at.join("alone.png"));
    assert_eq!((drawn.width, drawn.height), (16, 16));
    let printed = draw("best.png", &["--candidates", "3", "--all", "--json", "a red circle"]);
    let all = json(printed.lines().next().unwrap())["images"].as_array().unwrap().clone();
    let similarities: Vec<f64> = all.iter().map(|own| own["similarity"].as_f64().unwrap()).collect();
    assert!(similarities.len() == 3 && similarities.is_sorted_by(|one, other| one >= other), "{printed}");
    assert!(["best-1.png", "best-2.png", "best-3.png"].iter().all(|name| at.join(name).is_file()));
    assert_eq!(all[0]["tokens"].as_array().unwrap().len(), 16);

    // And a caption of an image.
    let told = run(at, &["predict", "run/student", "--image", "alone.png"]).good();
    assert!(told.contains('\t'), "{told}");

    for (arguments, code, expected) in [
        (vec![" ", "--draw", "out.png"], 1, "line 1: an empty text"),
        (vec!["a", "--draw", "out.png", "--candidates", "0"], 2, "--candidates"),
        (vec!["a", "--draw", "out.png", "--all"], 2, "--candidates"),
        (vec!["a", "--draw", "out.png", "--beam", "2"], 2, "`--beam` is for texts that are written"),
        (vec!["a", "--draw", "out.png", "--image", "alone.png"], 2, "leave out one of them"),
        (vec!["a red circle"], 2, "`--draw OUT.png`"),
        (vec!["what is it?", "--image", "alone.png"], 2, "reads no prompt"),
    ] {
        let ended = run(at, &[&["predict", "run/student"][..], &arguments].concat());
        assert!(ended.code == Some(code) && ended.stderr.contains(expected), "{}", ended.stderr);
    }
    assert!(!at.join("out.png").exists());
    crate::common::write_image(&at.join("wide.png"), (24, 16), |value| (value % 251) as u8);
    let refused = run(at, &["predict", "run/student", "--image", "wide.png"]).bad(1);
    assert!(refused.contains("24 × 16") && refused.contains("16 × 16"), "{refused}");

    // A codebook of another width than the weights have.
    let path = at.join("run/student/config.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(at.join("run/student/digests.json")).unwrap();
    let narrow = text.replace("\"codebook_dim\": 16", "\"codebook_dim\": 8");
    assert!(narrow != text, "{text}");
    std::fs::write(&path, narrow).unwrap();
    let refused = run(at, &["predict", "run/student", "--draw", "out.png", "a"]).bad(1);
    assert!(refused.contains("[16, 48]") && refused.contains("asks for [8, 48]"), "{refused}");
    assert!(!at.join("out.png").exists());
}

#[test]
fn a_pipeline_that_draws_is_learnt_by_one_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let arguments = ["run", "builtin:vision/smoke/ernie-vilg-collapse", "--out", "run", "--json"];
    let outcome: Value = json(&run(at, &[&arguments[..], &SMALL].concat()).done());
    for model in ["teacher", "student", "real-pairs"] {
        assert!(outcome["models"][model]["metrics"]["drawing-truth"].is_f64(), "{model}");
    }
    // The record has the best image of each caption.
    let record =
        std::fs::read_to_string(at.join("run/teacher-outputs/collapse.drawn-1.train.jsonl")).unwrap();
    assert!(record.contains("\"codes\":[") && record.contains("\"similarity\":"));
}

#[test]
fn what_an_entry_cannot_read_or_draw_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let entry = |text: &str| format!("stage.end-to-end.data.generation=[{{ data = [\"scenes\"], {text} }}]");
    for (set, expected) in [
        (entry("reads = [\"image\"], writes = \"image-tokens\""), "an image is drawn of a caption by itself"),
        (
            entry("reads = [\"image-tokens\"], writes = \"answer\""),
            "captions are written of tokens of an image",
        ),
        (entry("reads = [\"image\", \"prompt\"], writes = \"caption\""), "in tokens"),
        (
            entry("reads = [\"text\"], writes = \"image-tokens\", prompt = \"Draw {text}\""),
            "no prompt is read",
        ),
        (
            entry("reads = [\"image-tokens\"], writes = \"caption\", languages = [\"en\", \"hi\"]"),
            "several languages",
        ),
        (entry("reads = [\"text\"], writes = \"image-tokens\", hide = \"colours\""), "`hide` has no meaning"),
        (entry("reads = [\"text\"], writes = \"image-tokens\", labelled = 0.5"), "which need a teacher"),
        ("model.end-to-end.ernie-vilg.kernel=4".to_owned(), "has no middle"),
        ("model.end-to-end.ernie-vilg.image-tokenizer=\"scorer\"".to_owned(), "an image tokenizer is needed"),
        ("model.end-to-end.ernie-vilg.heads=5".to_owned(), "does not divide into 5 heads"),
        ("evaluation.scorer=\"detector\"".to_owned(), "a model in CLIP's layout is needed"),
        ("evaluation.detector=\"scorer\"".to_owned(), "a detector is needed"),
        ("evaluation.candidates=0".to_owned(), "candidates"),
        ("evaluation.metrics=[\"bleu\"]".to_owned(), "bleu"),
        ("evaluation.metrics=[\"psnr\"]".to_owned(), "models cannot be compared by `psnr` alone"),
    ] {
        let ended = run(at, &["check", "builtin:vision/smoke/ernie-vilg", "--set", &set]);
        assert!(ended.code == Some(2) && ended.stderr.contains(expected), "{set}: {}", ended.stderr);
    }
}
