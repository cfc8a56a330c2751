//! The guides: each as a reader follows it, on a file that begins as the guide shows it.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use crate::common::{cached_encoder, json, run, write_image};

/// A fenced block: what stands behind the backticks, and its text.
struct Block {
    info: String,
    text: String,
}

fn blocks(guide: &str) -> Vec<Block> {
    let parts = guide.split("\n```").skip(1).step_by(2);
    let block = |part: &str| {
        let (info, text) = part.split_once('\n').unwrap();
        Block { info: info.to_owned(), text: format!("{text}\n") }
    };
    parts.map(block).collect()
}

/// The words of a command, of which quotes hold some together.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in command.chars() {
        match (letter, quote) {
            ('\'' | '"', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            (' ', None) => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words
}

/// Writes the file that a guide shows, with many rows like those that it shows.
fn write_data(folder: &Path, name: &str, shown: &str) {
    let rows = 160;
    let text = if name == "data.conll" {
        // An empty line ends a sentence.
        let sentence = |row: usize| [&shown.replace("lives", &format!("lives{row}")), "\n"].concat();
        (0..rows).map(sentence).collect()
    } else {
        let (heading, shown) = shown.split_once('\n').unwrap();
        let shown: Vec<&str> = shown.lines().collect();
        let row = |number: usize| {
            let row = shown[number % shown.len()];
            match name {
                // Letters after the names, since a number has no script.
                "names.tsv" => {
                    let after =
                        |letters: [&str; 5]| [125, 25, 5, 1].map(|unit| letters[number / unit % 5]).concat();
                    let endings =
                        [["a", "e", "i", "o", "u"], ["आ", "ए", "ई", "ओ", "ऊ"], ["ஆ", "ஏ", "ஈ", "ஓ", "ஊ"]];
                    let cells = row
                        .split('\t')
                        .zip(endings)
                        .map(|(cell, letters)| format!("{cell}{}", after(letters)));
                    format!("{}\n", cells.collect::<Vec<_>>().join("\t"))
                }
                // A number in each cell, so that no text comes twice.
                "sentences.tsv" => {
                    let cells = row.split('\t').map(|cell| cell.replacen(' ', &format!(" {number} "), 1));
                    format!("{}\n", cells.collect::<Vec<_>>().join("\t"))
                }
                "captions.tsv" => format!("{number}.png\t{}\n", row.split_once('\t').unwrap().1),
                _ => format!("{}\n", row.replacen(' ', &format!(" {number} "), 1)),
            }
        };
        format!("{heading}\n{}", (0..rows).map(row).collect::<String>())
    };
    std::fs::write(folder.join(name), text).unwrap();
}

fn write_images(folder: &Path) {
    std::fs::create_dir(folder.join("images")).unwrap();
    let names = (0..160).map(|number| number.to_string()).chain(["one".to_owned()]);
    for (number, name) in names.enumerate() {
        let shade = u8::try_from(number).unwrap();
        let color = if number.is_multiple_of(2) { [255, shade, 0] } else { [0, shade, 255] };
        write_image(&folder.join("images").join(format!("{name}.png")), (32, 32), |byte| color[byte % 3]);
    }
}

/// Follows a guide in a folder that is given back. Its commands are run as they are, those that train with a few steps.
fn follow(name: &str, short: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    cached_encoder(folder.path());
    let guide = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/guides/{name}.md"));
    let mut commands = 0;
    for Block { info, text } in blocks(&std::fs::read_to_string(guide).unwrap()) {
        match info.split_once(' ') {
            Some(("toml", file)) => std::fs::write(folder.path().join(file), text).unwrap(),
            Some((_, file)) => write_data(folder.path(), file, &text),
            None => {
                if name == "images" {
                    write_images(folder.path());
                }
                for command in text.lines() {
                    let mut words = words(command);
                    assert_eq!(words.remove(0), "alambic", "{command}");
                    if ["run", "plan"].contains(&words[0].as_str()) {
                        words.extend(short.iter().flat_map(|flag| ["--set".to_owned(), (*flag).to_owned()]));
                    }
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    let ended = run(folder.path(), &words);
                    assert_eq!(ended.code, Some(0), "{command}: {}{}", ended.stdout, ended.stderr);
                    commands += 1;
                }
            }
        }
    }
    assert!(commands >= 4, "{name}");
    for file in ["hf/model.safetensors", "hf/README.md", "export.json"] {
        assert!(folder.path().join("exported").join(file).is_file(), "{name}: {file}");
    }
    folder
}

const SHORT: [&str; 3] =
    ["stage.fine-tune.train.steps=2", "stage.distil.train.steps=2", "evaluation.timed-examples=2"];

#[test]
fn guide_of_classes_leads_to_a_classifier() {
    follow("classes", &SHORT);
}

#[test]
fn guide_of_pairs_leads_to_a_classifier_of_pairs() {
    follow("pairs", &SHORT);
}

#[test]
fn guide_of_tags_leads_to_a_tagger() {
    follow("tags", &SHORT);
}

#[test]
fn guide_of_vectors_leads_to_an_encoder() {
    let folder = follow("vectors", &SHORT[1..]);
    let outcome: serde_json::Value =
        json(&std::fs::read_to_string(folder.path().join("runs/finder/metrics.json")).unwrap());
    for figure in ["cosine-mean", "untrained-cosine-mean", "untrained-common-neighbours"] {
        assert!(outcome["fidelity"][figure].is_number(), "{figure}: {outcome}");
    }
}

#[test]
fn guide_of_search_leads_to_a_reranker() {
    let short = ["stage.judge.train.steps=2", "stage.distil.train.steps=2", "evaluation.timed-examples=2"];
    let folder = follow("search", &short);
    let outcome: serde_json::Value =
        json(&std::fs::read_to_string(folder.path().join("runs/finder/metrics.json")).unwrap());
    for model in ["teacher", "student", "bm25"] {
        assert!(outcome["models"][model]["metrics"]["ndcg-at-10"].is_number(), "{model}: {outcome}");
    }
}

#[test]
fn guide_of_images_leads_to_a_model_that_finds_them() {
    let short = ["stage.large.train.steps=2", "stage.distil.train.steps=2", "evaluation.timed-examples=2"];
    follow("images", &short);
}

#[test]
fn guide_of_names_leads_to_a_transliterator() {
    // What a teacher of two steps writes would be left out.
    let short = [
        "model.translator.encoder-decoder.width=64",
        "stage.teacher.train.steps=60",
        "stage.student.train.steps=2",
        "evaluation.timed-examples=2",
    ];
    follow("names", &short);
}

#[test]
fn guide_of_translations_leads_to_a_translator() {
    let folder = follow(
        "translation",
        &["stage.teacher.train.steps=60", "stage.student.train.steps=2", "evaluation.timed-examples=2"],
    );
    let tokenizer = std::fs::read_to_string(folder.path().join("exported/hf/tokenizer.json")).unwrap();
    assert!(tokenizer.contains(">>hi<<"));
}
