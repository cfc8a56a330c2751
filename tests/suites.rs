//! Suites that reproduce published scripts, shared by ranks, and broken in many ways.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use alambic_models::text_encoder::{HeadSpec, Pooling, PoolingMode, TokenPooling};
use alambic_models::{Tokenizer, TokenizerModel};
use common::{json_of, launched, launchers, run, tiny_encoder};
use serde_json::{Value, json};

/// Writes a file and the folders that it lies in.
fn write(folder: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Models and values of `inference/tests/pieces_and_padding/make.py`.
fn reproduced() -> (PathBuf, Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inference/tests/pieces_and_padding");
    let expected = json_of(&folder.join("expected.json"));
    (folder, expected)
}

/// Names and sentences as `IndicXTREME` scores them, with a key of the one or the other.
fn indic(pieces: &str, padding: &str) -> String {
    format!(
        "schema = 1\nname = \"indic\"\nsource = \"en\"\n\
         [task.ner]\nkind = \"token-classification\"\ncorpus.naamapadam = {{}}\nlanguages = [\"hi\"]\n\
         metrics = [\"chunk-f1\"]\ntrain = {{ max-length = 16 }}\n{pieces}\n\
         [task.flores]\nkind = \"bitext-retrieval\"\ncorpus.flores = {{}}\nlanguages = [\"hi\"]\n\
         metrics = [\"accuracy\"]\n{padding}\n\
         [task.other]\nkind = \"text-classification\"\ncorpus.xtreme-xnli = {{}}\nlanguages = [\"en\"]\n\
         metrics = [\"accuracy\"]\n"
    )
}

#[test]
fn pieces_and_padding_score_as_the_published_scripts_do() {
    let (models, expected) = reproduced();
    for name in ["bert", "xlm-roberta"] {
        let own = &expected["models"][name];
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let rows = own["sentences"].as_array().unwrap().iter();
        let rows =
            rows.map(|own| json!({ "tokens": own["words"], "ner_tags": own["tags"] }).to_string() + "\n");
        write(folder, "data/ner/hi_test.json", rows.collect::<String>());
        for (file, key) in [("eng_Latn", "english"), ("hin_Deva", "hindi")] {
            let lines: Vec<String> = serde_json::from_value(expected[key].clone()).unwrap();
            write(folder, &format!("data/flores/devtest/{file}.devtest"), lines.join("\n") + "\n");
        }
        write(folder, "all.toml", indic("pieces = \"all\"", "padding = \"counted\""));
        write(folder, "words.toml", indic("", ""));
        let model = models.join(name).display().to_string();
        let evaluate = |suite: &str, out: &str| {
            run(
                folder,
                &["evaluate", &format!("m={model}"), "--suite", suite, "--data", "data", "--out", out],
            )
            .done();
            json_of(&folder.join(out).join("suite.json"))["models"]["m"]["tasks"].clone()
        };
        let value = |tasks: &Value, task: &str, metric: &str| {
            tasks[task]["metrics"][metric]["languages"]["hi"]["value"].as_f64().unwrap()
        };
        let tasks = evaluate("all.toml", "all");
        let f1 = own["chunk-f1"].as_f64().unwrap();
        assert!((value(&tasks, "ner", "chunk-f1") - f1).abs() < 1e-9, "{name}: {tasks} {f1}");
        let places: Vec<usize> = serde_json::from_value(own["places"].clone()).unwrap();
        let written: Vec<String> = places.iter().map(|place| format!("{place}\n")).collect();
        let found = fs::read_to_string(folder.join("all/predictions/m/flores/test-hi.tsv")).unwrap();
        assert_eq!(found, written.concat(), "{name}");
        let page = fs::read_to_string(folder.join("all/report.md")).unwrap();
        for said in ["scored by pieces of words", "the mean over all 128 positions, padding counted"] {
            assert!(page.contains(said), "{said}\n{page}");
        }
        // Files of pieces are scored as they are, and words are another score.
        let again = run(
            folder,
            &["score", "all/predictions/m", "data", "--suite", "all.toml", "--out", "again", "--model", "m"],
        );
        again.done();
        assert_eq!(json_of(&folder.join("again/suite.json"))["models"]["m"]["tasks"], tasks);
        let words = evaluate("words.toml", "words");
        assert_ne!(value(&words, "ner", "chunk-f1"), value(&tasks, "ner", "chunk-f1"));
        let page = fs::read_to_string(folder.join("words/report.md")).unwrap();
        assert!(!page.contains("pieces") && !page.contains("padding"), "{page}");
    }
}

#[test]
fn all_pieces_are_trained_on_where_all_are_scored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (models, expected) = reproduced();
    let rows = expected["models"]["bert"]["sentences"].as_array().unwrap().iter();
    let rows = rows.map(|own| json!({ "tokens": own["words"], "ner_tags": own["tags"] }).to_string() + "\n");
    let rows: String = rows.collect();
    write(folder, "data/ner/en_train.json", &rows);
    write(folder, "data/ner/en_test.json", &rows);
    let suite = indic("pieces = \"all\"", "").replace("[\"hi\"]", "[\"en\"]");
    write(
        folder,
        "all.toml",
        suite.replace("max-length = 16", "max-length = 16, epochs = 60, batch = 7, learning-rate = 1e-2"),
    );
    // A model without the head: its labels are others.
    let model = models.join("bert");
    for file in ["model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        write(folder, &format!("model/{file}"), fs::read(model.join(file)).unwrap());
    }
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    write(
        folder,
        "model/config.json",
        config.replace("-PER", "-P").replace("-ORG", "-O").replace("-LOC", "-L"),
    );
    let arguments =
        ["evaluate", "model", "--suite", "all.toml", "--data", "data", "--tasks", "ner", "--out", "e"];
    run(folder, &arguments).done();
    let recipe = fs::read_to_string(folder.join("e/recipes/model/ner.toml")).unwrap();
    assert!(recipe.contains("label-all-tokens = true"), "{recipe}");
    let suite = json_of(&folder.join("e/suite.json"));
    let metric = &suite["models"]["model"]["tasks"]["ner"]["metrics"]["chunk-f1"];
    // Tags of later pieces are learnt as those of first ones are.
    assert!(metric["languages"]["en"]["value"].as_f64().unwrap() > 0.9, "{suite}");
}

/// An encoder over the letters of the smoke suite.
fn letters(folder: &Path) {
    let texts = [
        "is there a red circle ? the blue square is on the left . please send two boxes of olive tiles to mr chester",
        "क्या कोई लाल वृत्त है ? नीला वर्ग बाईं ओर है ।",
        "赤い丸がありますか 青い四角は左にあります 。？",
    ];
    let tokenizer = Tokenizer::train(TokenizerModel::WordPiece, texts, 300).unwrap();
    tiny_encoder(&folder.join("model"), &tokenizer, 128, &HeadSpec::none(), |config| {
        (config.width, config.intermediate_size) = (16, 32);
        config.pooling = Some(Pooling::new(PoolingMode::Tokens(vec![TokenPooling::Mean]), false));
    });
}

#[test]
fn ranks_share_the_tasks_of_an_evaluation() {
    let arguments = |out: &str| {
        let out = out.to_owned();
        ["evaluate", "model", "--suite", "builtin:smoke", "--out"].map(str::to_owned).into_iter().chain([out])
    };
    for launcher in launchers() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        letters(folder);
        let alone: Vec<String> = arguments("alone").collect();
        run(folder, &alone.iter().map(String::as_str).collect::<Vec<_>>()).done();
        let whole = fs::read(folder.join("alone/suite.json")).unwrap();
        // As many ranks as tasks share them, and one more has none.
        for ranks in ["2", "4"] {
            let out = format!("shared-{ranks}");
            let mut command = launched(launcher, folder);
            command.args(["-n", ranks, env!("CARGO_BIN_EXE_alambic")]).args(arguments(&out));
            let ended = command.output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(ended.status.success(), "{launcher:?}: {said}");
            // The first rank alone prints.
            let printed = String::from_utf8_lossy(&ended.stdout);
            assert_eq!(printed.matches("report:").count(), 1, "{printed}");
            assert_eq!(
                fs::read(folder.join(&out).join("suite.json")).unwrap(),
                whole,
                "{launcher:?}, {ranks}"
            );
        }
        // What is wrong ends all of them.
        let mut command = launched(launcher, folder);
        command.args(["-n", "2", env!("CARGO_BIN_EXE_alambic")]).args(arguments("shared-2"));
        let ended = command.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && said.contains("`--resume`"), "{launcher:?}: {said}");
    }
}
