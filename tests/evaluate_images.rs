//! Models evaluated on tasks about images, in the layouts in which IGLUE publishes them.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::Path;

use crate::common::{json_of, run, tiny_encoder, write_image};
use alambic_models::text_encoder::HeadSpec;
use alambic_models::{Precision, Tokenizer, TokenizerModel};
use alambic_settings::{Node, Table, read};
use alambic_students::{BuildContext, ClipSizes, Fusion, OscarSizes, StudentBuilder, save_pretrained};
use alambic_tensor::Streams;
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::parameters::{Weights, save};
use serde_json::{Value, json};

/// What is asked and said of the images.
const TEXTS: [&str; 4] = [
    "is it red ? it is red . yes no a red thing a green thing a blue thing a white thing",
    "ist es rot ? es ist rot . ein rotes ding ein blaues ding ein grünes ding ein weißes ding",
    "what colour is it",
    "is it red ? it is red .",
];

/// Writes a model of random weights, as a recipe's options of a student make it.
fn model<T: Table + StudentBuilder>(folder: &Path, name: &str, options: &str) {
    let options: T = read(&Node::parse("options", options).unwrap()).unwrap();
    let tokenizer = Tokenizer::train(TokenizerModel::Words, TEXTS, 200).unwrap();
    let made = options
        .build(&BuildContext {
            tokenizer: &tokenizer,
            head: &HeadSpec::none(),
            streams: Streams::new(1),
            source_model: &|_| None,
            texts: &[],
            translations: &[],
        })
        .unwrap();
    let files = tokenizer.files(40).unwrap();
    save_pretrained(&folder.join(name), &made.config, &made.weights, &files, Precision::F32).unwrap();
}

/// Writes a fusion encoder of pixels.
fn fusion(folder: &Path) {
    model::<Fusion>(folder, "fusion", "layers = 1\nwidth = 16\nheads = 2\nimage = 16\ndropout = 0.0");
}

/// Writes a model of two towers.
fn towers(folder: &Path) {
    model::<ClipSizes>(
        folder,
        "towers",
        "layers = 1\nwidth = 16\nheads = 2\nembedding = 16\nimage = 16\ndropout = 0.0",
    );
}

/// Writes a file and the folders that it lies in.
fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The colours of the images in turn, by name.
const COLOURS: [(&str, [u8; 3]); 4] =
    [("red", [250, 10, 10]), ("green", [10, 250, 10]), ("blue", [10, 10, 250]), ("white", [250, 250, 250])];

/// Writes images of one colour each, called by their number with something before it.
fn images(folder: &Path, path: &str, before: &str, count: usize) {
    let folder = folder.join(path);
    fs::create_dir_all(&folder).unwrap();
    for number in 0..count {
        let rgb = COLOURS[number % COLOURS.len()].1;
        write_image(&folder.join(format!("{before}{number}.png")), (16, 16), |place| rgb[place % 3]);
    }
}

/// xGQA's object of a question for each of some images: whether they are red.
fn questions(text: &str, images: std::ops::Range<usize>) -> String {
    let entry = |number: usize| {
        let answer = if number.is_multiple_of(COLOURS.len()) { "yes" } else { "no" };
        let question = json!({
            "question": text,
            "imageId": format!("n{number}"),
            "answer": answer,
            "isBalanced": true,
            "types": { "structural": "verify" }
        });
        (format!("20{number}"), question)
    };
    Value::Object(images.map(entry).collect()).to_string()
}

/// XVNLI's lines, a sentence about each of some images.
fn sentences(text: &str, images: std::ops::Range<usize>) -> String {
    let line = |number: usize| {
        let label = if number.is_multiple_of(COLOURS.len()) { "entailment" } else { "contradiction" };
        let row = json!({
            "gold_label": label,
            "sentence1": "never read",
            "sentence2": text,
            "captionID": format!("{number}.jpg#1"),
            "pairID": format!("{number}.jpg#1r1e"),
            "Flikr30kID": number.to_string()
        });
        format!("{row}\n")
    };
    images.map(line).collect()
}

/// A suite of two languages of IGLUE, trained as models of random weights need it.
const SUITE: &str = r#"
schema = 1
extends = "builtin:iglue"
name = "small"
[task.xgqa]
languages = ["en", "de"]
train = { learning-rate = 1e-2, epochs = 30, batch = 8, max-length = 20 }
[task.xvnli]
languages = ["en", "fr"]
train = { learning-rate = 1e-2, epochs = 30, batch = 8, max-length = 20 }
[task.xflickrco]
languages = ["en", "de"]
train = { learning-rate = 1e-2, epochs = 60, batch = 4, max-length = 20 }
[task.wit]
languages = ["en", "ar"]
"#;

/// Writes that suite and the files of its questions.
fn asked(folder: &Path) {
    write(folder, "small.toml", SUITE);
    images(folder, "data/xGQA/images", "n", 20);
    let zero = "data/xGQA/annotations/zero_shot/testdev_balanced_questions_";
    write(folder, &format!("{zero}en.json"), &questions("is it red ?", 12..20));
    write(folder, &format!("{zero}de.json"), &questions("ist es rot ?", 12..20));
    let translated = "data/xGQA/annotations_machine-translate/zero_shot/testdev_balanced_questions_de.json";
    write(folder, translated, &questions("is it red ?", 12..20));
    write(folder, "data/xGQA/annotations/few_shot/de/train_5.json", &questions("ist es rot ?", 0..8));
    write(folder, "data/xGQA/train_balanced_questions.json", &questions("is it red ?", 0..12));
    images(folder, "data/XVNLI/images", "", 20);
    write(folder, "data/XVNLI/annotations/en/train.jsonl", &sentences("it is red .", 0..12));
    // A sentence that annotators did not agree on: no prediction is right.
    let open = sentences("it is red .", 12..13).replace("entailment", "-");
    write(folder, "data/XVNLI/annotations/en/test.jsonl", &(sentences("it is red .", 12..20) + &open));
    write(folder, "data/XVNLI/annotations/fr/test.jsonl", &sentences("ist rot", 12..20));
}

/// The values of a metric by language.
fn values(suite: &Value, model: &str, task: &str, metric: &str) -> Value {
    suite["models"][model]["tasks"][task]["metrics"][metric]["languages"].clone()
}

#[test]
fn questions_about_images_are_trained_asked_and_scored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    asked(folder);
    fusion(folder);
    let fixed = ["evaluate", "fusion", "--suite", "small.toml", "--data", "data"];
    let evaluate = |more: &[&str]| run(folder, &[&fixed[..], more].concat());
    let printed = evaluate(&["--tasks", "xgqa,xvnli,marvl", "--out", "e", "--predictions", "p"]).done();
    assert!(printed.contains("marvl: its texts are of several images"), "{printed}");
    let suite = json_of(&folder.join("e/suite.json"));
    let (xgqa, xvnli) =
        (values(&suite, "fusion", "xgqa", "accuracy"), values(&suite, "fusion", "xvnli", "accuracy"));
    assert_eq!(xgqa["en"]["value"], 1.0, "{xgqa}");
    assert_eq!(xgqa["de"]["examples"], 8);
    assert!((xvnli["en"]["value"].as_f64().unwrap() - 8.0 / 9.0).abs() < 1e-9, "{xvnli}");
    // A recipe that can be run again, over the answers of the training part, or the classes of the benchmark.
    let recipe =
        |task: &str| fs::read_to_string(folder.join(format!("e/recipes/fusion/{task}.toml"))).unwrap();
    assert!(
        recipe("xgqa").contains("[data.task.corpus.image-questions]") && !recipe("xgqa").contains("answers")
    );
    assert!(recipe("xvnli").contains("answers = [\"contradiction\", \"neutral\", \"entailment\"]"));
    run(folder, &["check", "e/recipes/fusion/xvnli.toml", "--quick"]).done();
    // What `score` makes of the predictions.
    run(folder, &["score", "p", "data", "--suite", "small.toml", "--model", "fusion", "--out", "s"]).done();
    let scored = json_of(&folder.join("s/suite.json"));
    assert_eq!(values(&scored, "fusion", "xgqa", "accuracy"), xgqa);
    assert_eq!(values(&scored, "fusion", "xvnli", "accuracy"), xvnli);
    // The model that came of it has the task's own head.
    let tuned = "tuned=e/trainings/fusion/xgqa/checkpoints/fine-tune/finished";
    let again =
        ["evaluate", tuned, "--suite", "small.toml", "--data", "data", "--tasks", "xgqa", "--out", "f"];
    run(folder, &again).done();
    assert!(!folder.join("f/trainings").exists());
    assert_eq!(values(&json_of(&folder.join("f/suite.json")), "tuned", "xgqa", "accuracy"), xgqa);
    // Its few shots are images, and their questions keep the answers of its head.
    let few = ["--setting", "few-shot", "--shots", "5", "--out", "few"];
    run(folder, &[&again[..8], &few].concat()).done();
    let text = fs::read_to_string(folder.join("few/data/tuned/xgqa.de/train.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert_eq!(
        values(&json_of(&folder.join("few/suite.json")), "tuned", "xgqa", "accuracy")["de"]["value"],
        1.0
    );
    let translated = ["--setting", "translate-test", "--out", "translated"];
    run(folder, &[&again[..8], &translated].concat()).done();
    let translated = json_of(&folder.join("translated/suite.json"));
    assert_eq!(values(&translated, "tuned", "xgqa", "accuracy")["de"]["value"], 1.0);
}

/// Lines of xFlickr&CO: an image with its captions each.
fn captioned(words: [&str; 3], count: usize) -> String {
    let line = |number: usize| {
        let colour = if words[2].is_empty() { COLOURS[number % 4].0 } else { words[2] };
        let row = json!({
            "sentences": [format!("{} {colour} {}", words[0], words[1]), format!("it is {colour}")],
            "id": format!("{number}"),
            "img_path": format!("{number}.jpg")
        });
        format!("{row}\n")
    };
    (0..count).map(line).collect()
}

#[test]
fn images_are_found_by_captions_and_captions_by_images() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "small.toml", SUITE);
    towers(folder);
    images(folder, "data/xFlickrCO/images", "", 4);
    write(folder, "data/xFlickrCO/annotations/en/test.jsonl", &captioned(["a", "thing", ""], 4));
    write(folder, "data/xFlickrCO/annotations/de/test.jsonl", &captioned(["ein", "ding", "rot"], 4));
    images(folder, "data/wit/images", "wit-test_", 3);
    let wit = |rows: &[(usize, &str)]| -> String {
        let row = |(image, caption): &(usize, &str)| {
            let row = json!({
                "image_idx": 10 * image,
                "caption_reference_description": caption,
                "wit_ix": format!("wit-test_{image}")
            });
            format!("{row}\n")
        };
        rows.iter().map(row).collect()
    };
    let captions = [(2, "a blue thing"), (0, "a red thing"), (2, "it is blue"), (1, "a green thing")];
    write(folder, "data/wit/annotations/test_en.jsonl", &wit(&captions));
    write(folder, "data/wit/annotations/test_ar.jsonl", &wit(&captions[..2]));
    let evaluate = |out: &str| {
        let fixed = ["evaluate", "towers", "--suite", "small.toml", "--data", "data"];
        let more = ["--tasks", "xflickrco,wit", "--predictions", "p", "--out", out];
        run(folder, &[&fixed[..], &more].concat()).done();
        json_of(&folder.join(out).join("suite.json"))
    };
    // Nothing to fine-tune on: they are asked as they are.
    let suite = evaluate("untrained");
    assert!(!folder.join("untrained/trainings").exists());
    for (task, captions, images) in [("xflickrco", 8, 4), ("wit", 4, 3)] {
        let of = |metric: &str| values(&suite, "towers", task, metric)["en"]["examples"].clone();
        assert_eq!((of("image-recall-at-1"), of("caption-recall-at-1")), (captions.into(), images.into()));
    }
    let page = fs::read_to_string(folder.join("untrained/report.html")).unwrap();
    assert!(page.contains("two towers, not fine-tuned"), "how a row came about");
    // Fine-tuned contrastively.
    write(folder, "data/xFlickrCO/train_ann.jsonl", &captioned(["a", "thing", ""], 4));
    let suite = evaluate("trained");
    let found = |metric: &str| values(&suite, "towers", "xflickrco", metric);
    for metric in ["image-recall-at-1", "caption-recall-at-1"] {
        assert_eq!(found(metric)["en"]["value"], 1.0, "{metric}: {}", found(metric));
        assert!(found(metric)["de"]["value"].as_f64().unwrap() < 1.0, "all captions are one");
    }
    let recipe = fs::read_to_string(folder.join("trained/recipes/towers/xflickrco.toml")).unwrap();
    assert!(recipe.contains("[stage.fine-tune.loss.image-text-contrast]"), "{recipe}");
    run(folder, &["score", "p", "data", "--suite", "small.toml", "--model", "towers", "--out", "s"]).done();
    let scored = json_of(&folder.join("s/suite.json"));
    for task in ["xflickrco", "wit"] {
        assert_eq!(scored["models"]["towers"]["tasks"][task], suite["models"]["towers"]["tasks"][task]);
    }
}

/// Regions of images, which say whether an image is red, and nothing of its pixels.
fn regions(folder: &Path, path: &str, names: &[String], width: usize) {
    let mut all = Weights::new();
    for (number, name) in names.iter().enumerate() {
        let value = if number.is_multiple_of(COLOURS.len()) { 1.0_f32 } else { -1.0 };
        let tensor = |values: Vec<f32>, width| Tensor::from_vec(values, (1, width), &Device::Cpu).unwrap();
        all.insert(format!("{name}.features"), tensor(vec![value; width], width));
        all.insert(format!("{name}.boxes"), tensor(vec![0.1, 0.2, 0.5, 0.6], 4));
    }
    save(&all, &[], &folder.join(path)).unwrap();
}

#[test]
fn regions_are_read_where_there_are_no_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    asked(folder);
    let suite = format!("{SUITE}\n[task.xvnli.corpus.xvnli]\nregions.features = \"regions.safetensors\"\n");
    write(folder, "small.toml", &suite);
    fs::remove_dir_all(folder.join("data/XVNLI/images")).unwrap();
    let names: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    regions(folder, "data/XVNLI/regions.safetensors", &names, 5);
    model::<OscarSizes>(
        folder,
        "oscar",
        "features = 11\nlayers = 1\nwidth = 16\nheads = 2\ndropout = 0.0\nmax-length = 40",
    );
    fusion(folder);
    let fixed =
        ["evaluate", "oscar", "fusion", "--suite", "small.toml", "--data", "data", "--tasks", "xvnli"];
    let printed = run(folder, &[&fixed[..], &["--out", "e"]].concat()).done();
    assert!(printed.contains("fusion: en, fr: a vilt reads pixels, and there is no folder"), "{printed}");
    let suite = json_of(&folder.join("e/suite.json"));
    let found = values(&suite, "oscar", "xvnli", "accuracy");
    assert!((found["en"]["value"].as_f64().unwrap() - 8.0 / 9.0).abs() < 1e-9, "{found}");
    // Features of another width, and an image without regions.
    regions(folder, "data/XVNLI/regions.safetensors", &names, 6);
    let said = run(folder, &[&fixed[..], &["--out", "f"]].concat()).bad(1);
    assert!(
        said.contains("regions.safetensors: the regions have 6 features, and the model `oscar` reads 11"),
        "{said}"
    );
    assert!(!folder.join("f/trainings").exists());
    regions(folder, "data/XVNLI/regions.safetensors", &names[..19], 5);
    let said = run(folder, &[&fixed[..], &["--out", "g"]].concat()).bad(1);
    assert!(said.contains("regions.safetensors") && said.contains("no regions of 1 of"), "{said}");
}

#[test]
fn what_is_wrong_with_images_is_said_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    asked(folder);
    fusion(folder);
    let evaluate = |out: &str| {
        let fixed = ["evaluate", "fusion", "--suite", "small.toml", "--data", "data"];
        run(folder, &[&fixed[..], &["--tasks", "xgqa,xvnli", "--out", out]].concat())
    };
    let path = "data/xGQA/annotations/zero_shot/testdev_balanced_questions_en.json";
    let sound = fs::read_to_string(folder.join(path)).unwrap();
    let pretty = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    };
    // Both files at once: a question of an image that is not there, and a sentence that names none.
    write(folder, path, &pretty(&sound.replacen("n13", "n99", 1)));
    let lines = "data/XVNLI/annotations/fr/test.jsonl";
    let unsound = fs::read_to_string(folder.join(lines)).unwrap();
    write(folder, lines, &unsound.replacen("\"Flikr30kID\":\"13\"", "\"Flikr30kID\":\"\"", 1));
    let said = evaluate("e").bad(1);
    assert!(said.contains("questions_en.json:11: there is no image") && said.contains("n99.jpg"), "{said}");
    assert!(said.contains("fr/test.jsonl:2: the sentence names no image: it has no `Flikr30kID`"), "{said}");
    assert!(!folder.join("e").exists());
    write(folder, lines, &unsound);
    write(folder, path, &pretty(&sound).replacen("\"imageId\": \"n13\",", "", 1));
    let said = evaluate("e").bad(1);
    assert!(said.contains("questions_en.json:11: the question `2013` names no image"), "{said}");
    write(folder, path, &sound.replacen("\"answer\":\"no\",", "", 1));
    let said = evaluate("e").bad(1);
    assert!(said.contains("the question `2013` has no `answer`"), "{said}");
    write(folder, path, "{}");
    let said = evaluate("e").bad(1);
    assert!(said.contains("questions_en.json") && said.contains("empty"), "{said}");
    write(folder, path, &sound);
    write(folder, lines, "");
    let said = evaluate("e").bad(1);
    assert!(said.contains("fr/test.jsonl"), "{said}");
    write(folder, lines, &unsound);
    fs::write(folder.join("data/xGQA/images/n14.png"), "no image").unwrap();
    let said = evaluate("e").bad(1);
    assert!(said.contains("n14.png") && said.contains("cannot be read"), "{said}");
    fs::remove_dir_all(folder.join("data/xGQA/images")).unwrap();
    fs::remove_dir_all(folder.join("data/XVNLI/images")).unwrap();
    let said = evaluate("e").bad(2);
    assert!(said.contains("data/xGQA/images`, where its images should be"), "{said}");
}

#[test]
fn models_that_read_no_images_are_named_under_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    asked(folder);
    images(folder, "data/xFlickrCO/images", "", 4);
    write(folder, "data/xFlickrCO/annotations/en/test.jsonl", &captioned(["a", "thing", ""], 4));
    let tokenizer = Tokenizer::train(TokenizerModel::WordPiece, TEXTS, 200).unwrap();
    tiny_encoder(&folder.join("texts"), &tokenizer, 40, &HeadSpec::none(), |_| {});
    towers(folder);
    fusion(folder);
    let evaluate = |model: &str| {
        let out = format!("of-{model}");
        let more = ["--tasks", "xgqa,xflickrco", "--languages", "en", "--out", &out];
        run(folder, &[&["evaluate", model, "--suite", "small.toml", "--data", "data"][..], &more].concat())
    };
    let said = evaluate("texts").bad(2);
    assert!(said.contains("xgqa: texts: en: a bert does not read images with texts"), "{said}");
    assert!(
        said.contains("xflickrco: texts: en: a bert does not embed texts and images in one space"),
        "{said}"
    );
    let printed = evaluate("fusion").done();
    assert!(printed.contains("xflickrco: fusion: en: a vilt does not embed"), "{printed}");
    let printed = evaluate("towers").done();
    assert!(printed.contains("xgqa: towers: en: a clip finds images by texts"), "{printed}");
}

#[test]
fn made_up_scenes_are_asked_about_in_every_language() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model::<Fusion>(folder, "fusion", "layers = 1\nwidth = 16\nheads = 2\nimage = 32\ndropout = 0.0");
    towers(folder);
    let captions = r#"
schema = 1
extends = "builtin:smoke"
name = "captions"
[task.captions]
kind = "image-text-retrieval"
corpus.made-up = { content = "captions", size = 20 }
languages = ["en", "ja"]
metrics = ["image-recall-at-1", "caption-recall-at-1"]
train = { learning-rate = 1e-3, epochs = 1, batch = 8, max-length = 30 }
"#;
    write(folder, "captions.toml", captions);
    let tasks = ["--tasks", "scenes,captions", "--out", "e"];
    let printed =
        run(folder, &[&["evaluate", "fusion", "towers", "--suite", "captions.toml"][..], &tasks].concat())
            .done();
    assert!(printed.contains("scenes: towers: en, hi, ja: a clip finds"), "{printed}");
    let suite = json_of(&folder.join("e/suite.json"));
    for language in ["en", "hi", "ja"] {
        let found = values(&suite, "fusion", "scenes", "accuracy")[language].clone();
        assert!(found["examples"].as_u64().unwrap() > 100, "{found}");
    }
    assert_eq!(values(&suite, "towers", "captions", "image-recall-at-1")["ja"]["examples"], 20);
    assert!(folder.join("e/data/fusion/scenes/images/train-0.png").is_file());
}
