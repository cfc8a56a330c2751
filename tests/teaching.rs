//! Teachers whose folders have reading options, and what their students take over of these.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write as _;
use std::path::Path;

use crate::common::{json_of, run, tiny_encoder};
use alambic_models::text_encoder::{Head, HeadSpec, Pooling, PoolingMode, TokenPooling};
use alambic_models::{Config, ModelFolder, Tokenizer};

const TEXTS: [&str; 6] =
    ["a good film", "the bad song", "a road", "the good song", "a bad film", "the long road"];

/// Writes a teacher of random weights whose table of words has more rows than its tokenizer has tokens.
fn teacher(folder: &Path, head: Head) {
    let tokenizer = Tokenizer::train_words(TEXTS.into_iter().chain(["query :"]), 100).unwrap();
    let rows = tokenizer.size().next_multiple_of(64);
    assert!(rows > tokenizer.size());
    tiny_encoder(&folder.join("teacher"), &tokenizer, 24, &HeadSpec { head, ..HeadSpec::none() }, |config| {
        config.vocabulary = rows;
        if head == Head::None {
            config.pooling = Some(Pooling::new(PoolingMode::Tokens(vec![TokenPooling::Mean]), true));
        }
    });
}

/// Writes the three parts of a table.
fn tables(folder: &Path, header: &str, row: impl Fn(&str) -> String) {
    for part in ["train", "dev", "test"] {
        let mut table = format!("{header}\n");
        for text in TEXTS {
            // The parts have no text in common.
            writeln!(table, "{}", row(&format!("{text} {part}"))).unwrap();
        }
        std::fs::write(folder.join(format!("{part}.tsv")), table).unwrap();
    }
}

const PARTS: &str = "paths = \"train.tsv\"\nvalidation-paths = \"dev.tsv\"\ntest-paths = \"test.tsv\"\n";
const SPLIT: &str =
    "test-values = [\"test\"]\nvalidation-values = [\"validation\"]\nvalidation-fraction = 0.0\n";
const ENCODER: &str = "[model.small.encoder]\nlayers = 1\nwidth = 8\nheads = 2\nfeed-forward = 8\nmax-length = 24\ndropout = 0.0\n";
const TRAIN: &str = "[train]\nsteps = 2\nbatch.size = 4\n[stage.train]\nstudent = \"small\"\n";

fn recipe(folder: &Path, parts: &[&str]) {
    let text = format!("schema = 1\nname = \"reading\"\nstages = [\"train\"]\n{}", parts.concat());
    std::fs::write(folder.join("recipe.toml"), text).unwrap();
    let ended = run(folder, &["run", "recipe.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn logits_of_rows_without_tokens_are_not_learnt() {
    let folder = tempfile::tempdir().unwrap();
    teacher(folder.path(), Head::MaskedLanguage);
    tables(folder.path(), "text", str::to_owned);
    let evaluation = "[evaluation]\ndata = [\"task\"]\nteacher = \"given\"\ntimed-examples = 2\n";
    let data = format!("[data.task.corpus.texts]\n{PARTS}[data.task.split]\n{SPLIT}");
    let given = "[teacher.given.checkpoint]\nmodel = \"teacher\"\n";
    let stage = "teacher = \"given\"\ndata.texts = { data = [\"task\"], mask = {} }\nloss.logits = {}\n";
    recipe(folder.path(), &[&data, given, ENCODER, TRAIN, stage, evaluation]);
    let student = ModelFolder::open(&folder.path().join("out/student")).unwrap();
    assert_eq!(Config::open(&student).unwrap().vocabulary(), student.tokenizer().unwrap().size());
}

#[test]
fn a_prompt_goes_where_sentence_transformers_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    teacher(folder.path(), Head::None);
    tables(folder.path(), "en\thi", |text| format!("{text}\tअ {text}"));
    let data = format!(
        "[data.pairs.corpus.parallel-table]\n{PARTS}columns = {{ en = \"en\", hi = \"hi\" }}\n[data.pairs.split]\n{SPLIT}"
    );
    let given = "[teacher.given.checkpoint]\nmodel = \"teacher\"\nprompt = \"query: \"\n";
    let student = "[model.small.encoder-layers]\nteacher = \"given\"\n";
    let stage = "teacher = \"given\"\ndata.parallel = { data = [\"pairs\"], targets = [\"hi\"], max-length = 24 }\n\
                 loss.representation = {}\n";
    let evaluation = "[evaluation]\nteacher = \"given\"\ndata = [\"pairs\"]\ntimed-examples = 2\n";
    recipe(folder.path(), &[&data, given, student, TRAIN, stage, evaluation]);
    let out = folder.path().join("out/student");
    let prompts = json_of(&out.join("config_sentence_transformers.json"));
    let name = prompts["default_prompt_name"].as_str().unwrap();
    assert_eq!(prompts["prompts"][name], "query: ");
    // Once: no other file puts it before texts.
    let template = json_of(&out.join("tokenizer.json"))["post_processor"].to_string();
    assert!(!template.contains("query"), "{template}");
    assert_eq!(ModelFolder::open(&out).unwrap().tokenizer().unwrap().prompt_length().unwrap(), 3);
}

#[test]
fn student_stores_whether_it_reads_pairs() {
    for (header, second, expected) in [("a\tscore", "", false), ("a\tb\tscore", "second = \"b\"\n", true)] {
        let folder = tempfile::tempdir().unwrap();
        tables(folder.path(), header, |text| {
            if expected { format!("{text}\tthe other {text}\t0.5") } else { format!("{text}\t0.5") }
        });
        let data = format!(
            "[data.task.corpus.texts]\n{PARTS}text = \"a\"\n{second}number = \"score\"\n[data.task.split]\n{SPLIT}"
        );
        let stage = "data.texts = { data = [\"task\"] }\nloss.squared-error = {}\n";
        let evaluation = "[evaluation]\ndata = [\"task\"]\ntimed-examples = 2\n";
        recipe(folder.path(), &[&data, ENCODER, TRAIN, stage, evaluation]);
        let config = json_of(&folder.path().join("out/student/config.json"));
        assert_eq!(config["reads_pairs"], expected, "{config}");
        assert_eq!(config["sentence_transformers"]["activation_fn"].is_string(), expected, "{config}");
    }
}
