//! Models that write texts of images: `trace`, `predict`, `export`, and students in recipes.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use crate::common::{json, json_of, run, run_with, tiny_model, write_image};
use alambic_models::text_encoder::HeadSpec;
use alambic_models::{Precision, Tokenizer};
use alambic_settings::{Node, read};
use alambic_students::{BuildContext, InitialModel, Student, save_pretrained};
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters;

/// Writes a tiny PaLI that knows some letters, as `pali`.
fn tiny_pali(folder: &Path) -> PathBuf {
    let languages = ["en".to_owned(), "hi".to_owned()];
    let letters = "abcdefghijklmnopqrstuvwxyzहिन्दी {}:?".chars().collect();
    let tokenizer = Tokenizer::from_characters(&letters, &languages).unwrap();
    let text = "[pali.image-encoder]\nlayers = 1\nwidth = 8\nheads = 2\nimage = 16\npatch = 8\n\
                [pali.language-model]\nwidth = 8\nheads = 2\nencoder-layers = 1\ndecoder-layers = 1\nfeed-forward = 8\n\
                max-length = 40";
    let student: Student = read(&Node::parse("options", text).unwrap()).unwrap();
    let InitialModel { config, weights } = student
        .inner()
        .build(&BuildContext {
            tokenizer: &tokenizer,
            head: &HeadSpec::none(),
            streams: Streams::new(1),
            source_model: &|_| None,
            texts: &[],
            translations: &[],
        })
        .unwrap();
    let path = folder.join("pali");
    let files = tokenizer.files(40).unwrap();
    save_pretrained(&path, &config, &weights, &files, Precision::F32).unwrap();
    path
}

#[test]
fn a_trace_writes_what_transformers_does_of_images_and_prompts() {
    for model in ["relative", "none"] {
        let folder = tempfile::tempdir().unwrap();
        let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity/pali").join(model);
        let [inputs, model] = [parity.join("inputs.safetensors"), parity.join("model")];
        let (inputs, model) = (inputs.to_str().unwrap(), model.to_str().unwrap());
        let expected = json_of(&parity.join("generated.json"));
        for (setting, options) in expected["settings"].as_array().unwrap().iter().zip([
            "max-new-tokens=8",
            "beams=4,max-new-tokens=8",
            "beams=4,max-new-tokens=8,early-stopping=true,length-penalty=0.6",
        ]) {
            let trace =
                ["trace", model, "--inputs", inputs, "--out", "out.safetensors", "--generate", options];
            run(folder.path(), &trace).good();
            let found = parameters::load(&folder.path().join("out.safetensors")).unwrap();
            let rows: Vec<Vec<i64>> = found["generated"].to_vec2().unwrap();
            let expected: Vec<Vec<i64>> = serde_json::from_value(setting["outputs"].clone()).unwrap();
            for (row, expected) in rows.iter().zip(&expected) {
                assert_eq!(row[..expected.len()], expected[..], "{options}");
                assert!(row[expected.len()..].iter().all(|id| *id == 0), "{options}");
            }
            assert_eq!(found["encoder_attention_mask"].dims(), [3, 9]);
            assert_eq!(found["encoder.image_attention_mask"].dims(), [3, 4]);
            assert_eq!(found["attention_mask"].dims(), [3, 5]);
            let part: &Tensor = &found["encoder.image.hidden.1"];
            assert_eq!(part.dims(), [3, 4, 16]);
        }
        let taps = run(folder.path(), &["list", "taps", model]).good();
        for tap in ["image.hidden.2", "encoder.image.hidden.2", "encoder.text.hidden.0", "cross.attention.0"]
        {
            assert!(taps.contains(tap), "{tap}: {taps}");
        }
    }
}

#[test]
fn texts_are_written_of_images_and_prompts() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    tiny_pali(here);
    write_image(&here.join("one.png"), (20, 30), |value| (value % 251) as u8);
    write_image(&here.join("two.png"), (16, 16), |value| (value * 7 % 256) as u8);
    let predict = |arguments: &[&str]| {
        run(here, &[&["predict", "pali", "--max-new-tokens", "6", "--json"], arguments].concat())
    };
    let written = |said: &str| -> Vec<(String, String)> {
        let field = |line: &str, key: &str| json(line)[key].as_str().unwrap_or_default().to_owned();
        said.lines().map(|line| (field(line, "prompt"), field(line, "prediction"))).collect()
    };
    // One image for all prompts, in a batch or each by itself, and an image in each line.
    let together = written(&predict(&["--image", "one.png", "what is it?", "why"]).good());
    assert_eq!(together.len(), 2);
    assert_eq!(together[0].0, "what is it?");
    let alone = written(&predict(&["--image", "one.png", "why"]).good());
    assert_eq!(alone[0], together[1]);
    let lines = written(&predict(&["two.png\twhy", "one.png\twhy"]).good());
    assert_eq!(lines[1], together[1]);
    let table = "image\tprompt\none.png\twhy\n";
    std::fs::write(here.join("table.tsv"), table).unwrap();
    let read = written(&predict(&["--input", "table.tsv", "--columns", "image,prompt"]).good());
    assert_eq!(read[0], together[1]);
    // Without a prompt the image alone is described, and lines of standard input are prompts.
    let alone = written(&predict(&["--image", "one.png"]).good());
    assert_eq!((alone.len(), alone[0].0.as_str()), (1, ""));
    let arguments = ["predict", "pali", "--max-new-tokens", "6", "--json", "--image", "one.png"];
    let read = written(&run_with(here, &arguments, "why\nwhat is it?\n").good());
    assert_eq!(read, [together[1].clone(), together[0].clone()]);
    // The language stands in the prompt, or before it as a tag.
    let filled =
        predict(&["--image", "one.png", "--target-language", "hi", "answer in {language}: why"]).good();
    assert_eq!(json(&filled)["prompt"], "answer in hi: why");
    assert_eq!(json(&filled)["target-language"], "hi");
    predict(&["--image", "one.png", "--target-language", "hi", "why"]).good();
    // Beams and rules of decoding.
    predict(&["--image", "one.png", "--beam", "3", "--no-repeat-ngram", "2", "why"]).good();
    for (arguments, said, code) in [
        (&["why"][..], "no image is named", 2),
        (&["--image", "none.png", "why"], "none.png", 1),
        (&["none.png\twhy"], "none.png", 1),
        (&["--image", "pali/config.json", "why"], "cannot be read as an image", 1),
        (&["--image", "one.png", "--target-language", "ja", "why"], "knows en, hi by name", 2),
        (&["--image", "one.png", "in {language}"], "--target-language", 2),
        (&["--image", "one.png", "--pair", "why"], "`--pair` is for", 2),
        (&["--image", "one.png", "--temperature", "0.5", "--beam", "2", "why"], "beam", 2),
    ] {
        let ended = predict(arguments);
        assert!(ended.code == Some(code) && ended.stderr.contains(said), "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("should not have happened"));
    }
    // A model that reads no images.
    tiny_model(here);
    let refused = run(here, &["predict", "tiny", "--image", "one.png", "zorva"]).bad(2);
    assert!(refused.contains("`--image` is for a model that reads images"), "{refused}");
    // A model that takes no prompt.
    let vit = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity/vit/model");
    let refused = run(here, &["predict", vit.to_str().unwrap(), "--image", "one.png", "why"]).bad(1);
    assert!(refused.contains("takes no prompt"), "{refused}");
    // What it takes to write of an image is measured with it.
    let bench = run(here, &["bench", "pali", "--batch", "1", "--length", "4", "--rounds", "2"]);
    assert!(bench.code == Some(0) && bench.stdout.contains("pali"), "{}", bench.stderr);
}

#[test]
fn parts_are_exported_beside_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    tiny_pali(here);
    let said = run(here, &["export", "pali", "--format", "hf,onnx,int8", "--to", "out"]).good();
    for file in [
        "out/hf/model.safetensors",
        "out/hf/preprocessor_config.json",
        "out/hf/generation_config.json",
        "out/hf/vision_model/model.safetensors",
        "out/hf/vision_model/preprocessor_config.json",
        "out/hf/language_model/model.safetensors",
        "out/hf/language_model/tokenizer.json",
        "out/onnx/encoder_model.onnx",
        "out/onnx/decoder_with_past_model.onnx",
        "out/onnx/decoder_model_merged_quantized.onnx",
    ] {
        assert!(here.join(file).is_file(), "{file}: {said}");
    }
    write_image(&here.join("one.png"), (16, 16), |value| (value % 251) as u8);
    let ask = |model: &str| run(here, &["predict", model, "--image", "one.png", "why"]).good();
    assert_eq!(ask("out/hf"), ask("pali"));
    // The language model by itself reads no images.
    let alone = run(here, &["predict", "out/hf/language_model", "--target-language", "en", "why"]).good();
    assert!(alone.starts_with("why\t"), "{alone}");
}

#[test]
fn students_of_recipes_are_explained_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let listed = run(here, &["list", "students"]).good();
    assert!(listed.contains("pali ") && listed.contains("pali-layers"), "{listed}");
    for (key, said) in [
        ("model.NAME.pali", "image-encoder"),
        ("model.NAME.pali.freeze-image-encoder", "stays as it is"),
        ("model.NAME.pali.visual-bias", "relative"),
        ("model.NAME.pali-layers.image-layers", "counted from 1"),
    ] {
        let explained = run(here, &["explain", key]).good();
        assert!(explained.contains(said), "{key}: {explained}");
    }
}

/// A student of a PaLI's layers, whose image encoder is frozen, on words of the table of broken recipes.
const RECIPE: &str = r#"
schema = 1
name = "pali"
stages = ["small"]

[data.names]
corpus.names-table.path = "names.tsv"
split = { test-values = ["test"], validation-values = ["validation"], validation-fraction = 0.0 }

[teacher.large.checkpoint]
model = "pali"

[model.small.pali-layers]
teacher = "large"
freeze-image-encoder = true
dropout = 0.0

[train]
steps = 4
batch.size = 4

[stage.small]
student = "small"
data.pairs = { data = ["names"], directions = ["en-hi"] }
loss.cross-entropy = {}

[evaluation]
data = ["names"]
directions = ["en-hi"]
timed-examples = 2
"#;

#[test]
fn a_student_is_trained_and_its_image_encoder_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let teacher = parameters::load(&tiny_pali(here).join("model.safetensors")).unwrap();
    let names = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken/names.tsv");
    std::fs::copy(names, here.join("names.tsv")).unwrap();
    std::fs::write(here.join("recipe.toml"), RECIPE).unwrap();
    run(here, &["run", "recipe.toml", "--out", "out"]).done();
    let student = here.join("out/student");
    assert_eq!(json_of(&student.join("config.json"))["freeze_image_encoder"], true);
    let weights = parameters::load(&student.join("model.safetensors")).unwrap();
    let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let mut changed = 0;
    for (name, own) in &weights {
        let is_same = values(own) == values(&teacher[name]);
        assert!(is_same || !name.starts_with("vision_model."), "{name}");
        changed += usize::from(!is_same);
    }
    assert!(changed > 10, "{changed}");
}
