//! Targets for fuzzing: each writes bytes into a file and reads it as a command would, without the network.
//!
//! A target must not panic, and what it refuses must be reported in a message that names a file, of at most 100 kB and without
//! control characters other than line ends. `tests/fuzz_corpus.rs` and the targets of cargo-fuzz in `fuzz/` share them.

#![allow(clippy::unwrap_used, reason = "a test may fail wherever it is")]
#![allow(dead_code, reason = "each of its users takes what it needs of this")]

mod benchmarks;
mod models;
mod tables;

use std::fs;
use std::path::Path;

use alambic_files::text::first_hidden;
use alambic_recipes::{Depth, check, load};

/// Longest message, in bytes.
const LONGEST_MESSAGE: usize = 100_000;

/// A reader of one kind of file.
pub(crate) struct Target {
    /// Its name, and that of the folder of its inputs in `fuzz/corpus`.
    pub(crate) name: &'static str,
    /// The file that the bytes are written to.
    file: &'static str,
    /// Writes what else the reader needs into the folder of the file.
    prepare: fn(&Path),
    /// The bytes of the file, made of those of an input.
    wrap: fn(&[u8]) -> Vec<u8>,
    /// Reads the file in its folder; gives a message for each reading that was refused.
    read: fn(&Path) -> Vec<String>,
}

impl Target {
    /// A target whose file stands alone and holds the bytes of the input.
    const fn new(name: &'static str, file: &'static str, read: fn(&Path) -> Vec<String>) -> Self {
        Self { name, file, prepare: |_| {}, wrap: <[u8]>::to_vec, read }
    }

    /// The same with files beside.
    const fn prepared(self, prepare: fn(&Path)) -> Self {
        Self { prepare, ..self }
    }

    /// The same with the input within a larger file.
    const fn wrapped(self, wrap: fn(&[u8]) -> Vec<u8>) -> Self {
        Self { wrap, ..self }
    }

    /// Writes the files beside that of the input into an empty folder.
    pub(crate) fn prepare(&self, folder: &Path) {
        (self.prepare)(folder);
    }

    /// Reads an input in a folder that was prepared, and says whether it was refused.
    ///
    /// # Errors
    /// What is wrong with a message of the reader.
    pub(crate) fn run(&self, folder: &Path, bytes: &[u8]) -> Result<bool, String> {
        fs::write(folder.join(self.file), (self.wrap)(bytes)).unwrap();
        let messages = (self.read)(folder);
        messages.iter().try_for_each(|message| check_message(folder, message))?;
        Ok(!messages.is_empty())
    }
}

/// That a message is short, names a file of the folder, and has no hidden characters. Where two files do not fit each other,
/// it may name either.
fn check_message(folder: &Path, message: &str) -> Result<(), String> {
    let start: String = message.chars().take(500).collect();
    if message.len() > LONGEST_MESSAGE {
        return Err(format!("a message of {} bytes: {start:?}", message.len()));
    }
    let mut names =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // Weights may be missed, or set aside by now.
    if !names.any(|name| message.contains(&name)) && !message.contains("model.safetensors") {
        return Err(format!("a message without a file: {start:?}"));
    }
    match first_hidden(&message.replace('\n', " ")) {
        Some(hidden) => Err(format!("a message with the character {hidden:?}: {start:?}")),
        None => Ok(()),
    }
}

/// All targets.
pub(crate) const TARGETS: [Target; 40] = [
    Target::new("recipe", "recipe.toml", recipe).prepared(tables::names_and_reviews),
    Target::new("checked-table", "checked.tsv", |folder| checked(folder, Depth::Whole))
        .prepared(tables::recipe_of_table),
    Target::new("csv", "table.csv", tables::csv),
    Target::new("tsv", "table.tsv", tables::tsv),
    Target::new("json", "table.jsonl", tables::json),
    Target::new("parquet", "table.parquet", tables::parquet),
    Target::new("conll", "tagged.conll", tables::conll),
    Target::new("dictionary", "en-de.tsv", tables::dictionary),
    Target::new("moses", "lines.en", tables::moses).prepared(tables::hindi_lines),
    Target::new("tmx", "memory.tmx", tables::tmx),
    Target::new("vqa", "annotations.json", tables::vqa).prepared(tables::vqa_questions),
    Target::new("gqa", "questions.json", tables::gqa).prepared(tables::image),
    Target::new("karpathy", "dataset.json", tables::karpathy).prepared(tables::image),
    Target::new("image-sheet", "cells.tsv", tables::image_sheet).prepared(tables::sheet),
    Target::new("squad", "squad.json", tables::squad),
    Target::new("qrels", "qrels.tsv", tables::qrels).prepared(tables::search),
    Target::new("search-table", "lists.jsonl", tables::search_table),
    Target::new("choices", "choices.jsonl", tables::choices),
    Target::new("suite", "suite.toml", benchmarks::suite),
    Target::new("benchmark-lines", "labels.tsv", |folder| benchmarks::labels(folder, "labels.tsv"))
        .prepared(benchmarks::beside),
    Target::new("benchmark-objects", "labels.json", |folder| benchmarks::labels(folder, "labels.json"))
        .prepared(benchmarks::beside),
    Target::new("treebank", "labels.conllu", |folder| benchmarks::labels(folder, "labels.conllu"))
        .prepared(benchmarks::beside),
    Target::new("predictions", "predictions.tsv", benchmarks::predictions),
    Target::new("results", "xGQA_0.csv", benchmarks::results),
    Target::new("image", "picture.png", tables::picture),
    Target::new("regions", "features.tsv", tables::regions),
    Target::new("npz", "1.npz", tables::archive),
    Target::new("npy", "1.npz", tables::archive).wrapped(tables::archive_of),
    Target::new("config", "config.json", models::config).prepared(models::weights_aside),
    Target::new("safetensors", "model.safetensors", models::model).prepared(models::configuration),
    Target::new("pytorch", "pytorch_model.bin", models::model).prepared(models::configuration),
    Target::new("pickle", "pytorch_model.bin", models::model)
        .prepared(models::configuration)
        .wrapped(models::pytorch_of),
    Target::new("shards", "model.safetensors.index.json", models::model).prepared(models::shard),
    Target::new("tokenizer", "tokenizer.json", models::tokenizer).prepared(models::weights),
    Target::new("vocabulary", "vocab.txt", models::tokenizer).prepared(models::weights),
    Target::new("modules", "modules.json", models::tokenizer).prepared(models::sentence_encoder),
    Target::new("tokenizer-config", "tokenizer_config.json", models::tokenizer)
        .prepared(models::sentence_encoder),
    Target::new("pooling", "1_Pooling/config.json", models::model).prepared(models::sentence_encoder),
    Target::new("preprocessor", "preprocessor_config.json", models::alone).prepared(models::image_reader),
    Target::new("trace", "inputs.safetensors", models::trace).prepared(models::weights),
];

/// A recipe, of whose corpora only the heads are read: those that are made up take as long as it says.
fn recipe(folder: &Path) -> Vec<String> {
    checked(folder, Depth::Quick)
}

/// What `check` says of a recipe and its tables, whatever that is.
fn checked(folder: &Path, depth: Depth) -> Vec<String> {
    let file = folder.join("recipe.toml");
    // Nothing is to be fetched.
    if fs::read(&file).unwrap().windows(3).any(|window| window == b"hf:") {
        return Vec::new();
    }
    let found = match load(&file, &[]) {
        Ok(loaded) => check(&loaded, depth),
        Err(diagnostics) => diagnostics,
    };
    if found.is_empty() { Vec::new() } else { vec![found.render(false)] }
}
