//! Pre-training on texts, images and pairs with rewritten captions, from a recipe to its use.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write;
use std::path::Path;

use crate::common::{json, json_of, run, write_image};
use serde_json::Value;

const RECIPE: &str = "builtin:vision/smoke/unimo";

#[test]
fn one_transformer_learns_to_tell_rewritten_captions_and_a_smaller_one_learns_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let plan = run(at, &["plan", RECIPE]).good();
    assert!(plan.contains("images with captions") && plan.contains("texts"), "{plan}");
    let outcome: Value = json(&run(at, &["run", RECIPE, "--out", "run", "--json"]).done());
    let models = &outcome["models"];
    for model in ["teacher", "student", "baseline"] {
        let accuracy = models[model]["metrics"]["accuracy"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&accuracy), "{model}: {models}");
    }
    for level in ["sentence", "phrase", "word"] {
        assert!(models["student"]["slices"][level]["accuracy"].is_f64(), "{models}");
    }
    // What each source has of the sum over the positives is recorded, and is one in all.
    let events = std::fs::read_to_string(at.join("run/events.jsonl")).unwrap();
    let shares: Vec<f64> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event.to_string().contains("positives.pair-alone"))
        .map(|event| sum_of(&event, "positives."))
        .collect();
    assert!(!shares.is_empty(), "{events}");
    assert!(shares.iter().all(|sum| (sum - 1.0).abs() < 1e-6), "{shares:?}");

    let config = json_of(&at.join("run/student/config.json"));
    assert_eq!((&config["model_type"], &config["image_units"]), (&"unimo".into(), &"patches".into()));
    write_image(&at.join("scene.png"), (24, 24), |value| (value % 251) as u8);
    let texts = "there is a red circle.\tthere is a blue square.";
    let said = run(at, &["predict", "run/student", "--image", "scene.png", texts]).good();
    assert!(said.contains("there is a"), "{said}");
}

/// The sum of the numbers whose keys begin so, wherever they stand.
fn sum_of(value: &Value, prefix: &str) -> f64 {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| match value.as_f64() {
                Some(number) if key.starts_with(prefix) => number,
                _ => sum_of(value, prefix),
            })
            .sum(),
        Value::Array(all) => all.iter().map(|value| sum_of(value, prefix)).sum(),
        _ => 0.0,
    }
}

/// Scenes with captions and questions, on which what is trained takes seconds.
const DATA: &str = r#"
schema = 1
name = "multimodal"
seed = 1
[data.scenes.corpus.made-up-scenes]
images = 80
questions = 3
captions = 2
side = 16
fewest = 2
most = 2
shapes = 3
colours = 3
[data.scenes.split]
test-fraction = 0.2
validation-fraction = 0.1
[data.scenes.rewrite]
negatives = 3
[model.unimo.unimo]
image = 16
layers = 1
width = 16
heads = 2
[teacher.unimo.checkpoint]
stage = "learn"
[train]
epochs = 50
steps = 6
batch.size = 6
validate-every = 3
validation-examples = 6
[stage.learn]
student = "unimo"
data.multimodal = [
    { data = ["scenes"], reads = "pairs", mask.spans = { max-words = 3 } },
    { data = ["scenes"], reads = "texts", questions = true },
    { data = ["scenes"], reads = "images" },
]
loss.cross-modal-contrast = {}
loss.masked-words = {}
loss.span-generation = {}
loss.region-regression = {}
"#;

/// What comes of a run whose second stage is in `rest`, behind the pre-training of [`DATA`].
fn trained(at: &Path, second: &str, rest: &str) -> Value {
    std::fs::write(at.join("recipe.toml"), format!("stages = [\"learn\", \"{second}\"]\n{DATA}{rest}"))
        .unwrap();
    json(&run(at, &["run", "recipe.toml", "--out", "run", "--json"]).done())
}

#[test]
fn towers_learn_from_it_and_both_retrieve() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let outcome = trained(
        at,
        "towers",
        r#"
[model.clip.clip]
image = 16
layers = 1
width = 16
heads = 2
[stage.towers]
student = "clip"
teacher = "unimo"
data.multimodal = { data = ["scenes"] }
loss.cross-modal-contrast = {}
loss.list-kl = { weight = 2 }
[baseline]
data.multimodal = { data = ["scenes"] }
loss.cross-modal-contrast = {}
[evaluation]
data = ["scenes"]
teacher = "unimo"
caption-relevance = "true"
limit = 10
timed-examples = 2
"#,
    );
    for model in ["teacher", "student", "baseline"] {
        for slice in ["text to image", "image to text"] {
            assert!(outcome["models"][model]["slices"][slice]["recall-at-1"].is_f64(), "{outcome}");
        }
    }
    assert_eq!(json_of(&at.join("run/student/config.json"))["model_type"], "clip");
}

#[test]
fn classes_of_regions_on_record_are_learned() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = r#"
schema = 1
name = "classes"
stages = ["learn", "answer"]
[data.boxes.corpus.made-up-boxes]
images = 40
[data.boxes.split]
test-fraction = 0.2
validation-fraction = 0.1
[data.scenes.corpus.made-up-scenes]
images = 40
questions = 0
captions = 1
side = 16
[data.scenes.split]
test-fraction = 0.2
validation-fraction = 0.1
[model.unimo.unimo]
units = "regions"
features = 192
objects = 4
layers = 1
width = 16
heads = 2
[model.answers.fusion]
teacher = "unimo"
[teacher.unimo.checkpoint]
stage = "learn"
[train]
epochs = 50
steps = 6
batch.size = 6
validate-every = 3
validation-examples = 6
[stage.learn]
student = "unimo"
data.multimodal = [
    { data = ["boxes"], reads = "images" },
    { data = ["scenes"], reads = "texts", mask.spans = {} },
]
loss.masked-words = {}
loss.region-regression = {}
loss.region-classes = {}
[stage.answer]
student = "answers"
data.questions = { data = ["boxes"], max-length = 32 }
loss.cross-entropy = {}
[evaluation]
data = ["boxes"]
limit = 10
timed-examples = 2
"#;
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    run(folder.path(), &["run", "recipe.toml", "--out", "run"]).done();
    let events = std::fs::read_to_string(folder.path().join("run/events.jsonl")).unwrap();
    assert!(events.contains("region-classes"), "{events}");
    let fewer = run(folder.path(), &["check", "recipe.toml", "--set", "model.unimo.unimo.objects=3"]);
    assert_eq!(fewer.code, Some(2));
    assert!(fewer.stderr.contains("raise its `objects` to 4"), "{}", fewer.stderr);
}

#[test]
fn it_answers_questions_under_a_head() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let outcome = trained(
        at,
        "answer",
        r#"
[model.answers.fusion]
teacher = "unimo"
[stage.answer]
student = "answers"
data.questions = { data = ["scenes"], max-length = 32 }
loss.cross-entropy = {}
[evaluation]
data = ["scenes"]
limit = 10
timed-examples = 2
"#,
    );
    assert!(outcome["models"]["student"]["metrics"]["accuracy"].is_f64(), "{outcome}");
    let config = json_of(&at.join("run/student/config.json"));
    assert_eq!(config["architectures"][0], "UnimoForQuestionAnswering");
    write_image(&at.join("scene.png"), (16, 16), |value| (value % 251) as u8);
    run(at, &["predict", "run/student", "--image", "scene.png", "how many circles are there?"]).good();
}

#[test]
fn its_reading_of_texts_becomes_a_text_encoder_that_learns_entailment() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let outcome = trained(
        at,
        "entail",
        r#"
[data.statements.corpus.made-up-entailment]
size = 120
[data.statements.split]
test-fraction = 0.3
validation-fraction = 0.1
[model.reader.encoder-layers]
teacher = "unimo"
[stage.entail]
student = "reader"
data.texts = { data = ["statements"], max-length = 64 }
loss.cross-entropy = {}
[evaluation]
data = ["statements"]
limit = 20
timed-examples = 2
"#,
    );
    assert!(outcome["models"]["student"]["metrics"]["accuracy"].is_f64(), "{outcome}");
    let config = json_of(&at.join("run/student/config.json"));
    assert_eq!((&config["model_type"], &config["type_vocab_size"]), (&"bert".into(), &2.into()));
    assert_eq!(config["id2label"]["2"], "contradiction");
    let pair = "a red circle is left of a blue square.\ta blue square is right of a red circle.";
    let said = run(at, &["predict", "run/student", pair]).good();
    assert!(["entailment", "neutral", "contradiction"].iter().any(|class| said.contains(class)), "{said}");
}

#[test]
fn captions_without_scenes_are_rewritten_by_a_lexicon() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let kinds = ["fox", "owl", "bear", "duck"];
    let mut table = "image\tcaption\tsplit\n".to_owned();
    for number in 0..32 {
        write_image(&at.join(format!("{number}.png")), (16, 16), |value| {
            ((value * (number + 3)) % 251) as u8
        });
        let split = if number % 4 == 3 { "test" } else { "train" };
        writeln!(table, "{number}.png\ta {} in the picture {number}\t{split}", kinds[number % 4]).unwrap();
    }
    std::fs::write(at.join("captions.tsv"), table).unwrap();
    std::fs::write(
        at.join("lexicon.tsv"),
        "kind\tphrase\nanimal\tfox\nanimal\towl\nanimal\tbear\nanimal\tduck\n",
    )
    .unwrap();
    let recipe = r#"
schema = 1
name = "lexicon"
stages = ["learn"]
[data.pictures.corpus.image-captions]
paths = "captions.tsv"
images = "."
[data.pictures.split]
test-values = ["test"]
validation-fraction = 0.2
[data.pictures.rewrite]
lexicon = "lexicon.tsv"
levels = ["word", "sentence"]
[data.hard.corpus.picture-choice]
of = ["pictures"]
rewritten = true
choices = 4
questions = 2
[model.unimo.unimo]
image = 16
layers = 1
width = 16
heads = 2
[train]
epochs = 50
steps = 4
batch.size = 6
validate-every = 2
validation-examples = 4
[stage.learn]
data.multimodal = { data = ["pictures"] }
loss.cross-modal-contrast = { positives = "each" }
[evaluation]
data = ["hard"]
timed-examples = 2
"#;
    std::fs::write(at.join("recipe.toml"), recipe).unwrap();
    let outcome: Value = json(&run(at, &["run", "recipe.toml", "--out", "run", "--json"]).done());
    for level in ["word", "sentence"] {
        assert!(outcome["models"]["student"]["slices"][level]["accuracy"].is_f64(), "{outcome}");
    }
}

#[test]
fn captions_are_written_behind_images_and_learnt_by_a_smaller_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let recipe = "builtin:vision/smoke/unimo-captions";
    let outcome: Value = json(&run(at, &["run", recipe, "--out", "run", "--json"]).done());
    let models = &outcome["models"];
    let figure = |model: &str, name: &str| models[model]["metrics"][name].as_f64().unwrap();
    for model in ["teacher", "student", "baseline", "baseline-scratch"] {
        assert!((0.0..=1.0).contains(&figure(model, "caption-truth")), "{model}: {models}");
    }
    // Captions begin alike; what has not learnt to write them has nothing in common with them.
    assert!(figure("teacher", "chrf") > 0.3, "{models}");
    let student = json_of(&at.join("run/student/config.json"));
    assert_eq!(student["architectures"][0], "UnimoForConditionalGeneration");
    assert_eq!((&student["num_hidden_layers"], &student["max_target_length"]), (&1.into(), &40.into()));

    write_image(&at.join("scene.png"), (24, 24), |value| (value % 251) as u8);
    let predict = |arguments: &[&str]| -> Value {
        json(&run(at, &[&["predict", "run/student", "--json"][..], arguments].concat()).good())
    };
    let greedy = predict(&["--image", "scene.png"]);
    let beam = predict(&["--image", "scene.png", "--beam", "4"]);
    let prompted = predict(&["--image", "scene.png", "a red circle"]);
    let alone = predict(&["--no-image", "a red circle"]);
    for written in [&greedy, &beam, &prompted, &alone] {
        assert!(written["prediction"].is_string() && written["log-probability"].is_f64(), "{written}");
    }
    assert_ne!(prompted["log-probability"], alone["log-probability"]);
    let refused = run(at, &["predict", "run/student", "a red circle"]).bad(2);
    assert!(refused.contains("--no-image"), "{refused}");
}

#[test]
fn questions_about_what_is_hidden_are_told_apart_by_whether_a_sentence_says_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let recipe = "builtin:vision/smoke/unimo-curtains";
    let outcome: Value = json(&run(at, &["run", recipe, "--out", "run", "--json"]).done());
    let slices = &outcome["models"]["student"]["slices"];
    for slice in ["told", "not told"] {
        assert!(slices[slice]["examples"].as_u64().unwrap() > 0, "{outcome}");
    }
}
