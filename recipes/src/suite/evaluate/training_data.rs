//! Files of a task's training examples, as a recipe reads them.

use std::path::Path;

use alambic_data::benchmarks::{ChoiceExample, Examples, SentenceExample, TextExample};
use alambic_files::write;
use serde_json::json;

use super::image_recipe::{rows, write_images};
use crate::error::RunError;

/// What a recipe names of the examples that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TableKind {
    /// Texts, or pairs where `has_second`.
    Texts {
        /// Whether texts come in pairs.
        has_second: bool,
    },
    /// Tagged words.
    Sentences,
    /// Prompts with choices.
    Choices,
    /// Questions about images.
    Questions,
    /// Images with captions.
    Captions,
}

/// Names of the splits in the files.
pub(super) const SPLITS: [&str; 2] = ["train", "validation"];

/// The file of a split.
pub(super) fn file_name(kind: TableKind, split: &str) -> String {
    match kind {
        TableKind::Texts { .. } | TableKind::Choices | TableKind::Questions | TableKind::Captions => {
            format!("{split}.jsonl")
        }
        TableKind::Sentences => format!("{split}.conll"),
    }
}

/// Writes the examples of a split that have labels; none where the recipe reads the benchmark's own files.
pub(super) fn write_split(
    folder: &Path,
    split: &str,
    examples: &Examples,
) -> Result<Option<TableKind>, RunError> {
    let (kind, text) = match examples {
        Examples::Texts(all) => {
            let has_second = all.iter().any(|own| own.second.is_some());
            (TableKind::Texts { has_second }, texts(all))
        }
        Examples::Sentences(all) => (TableKind::Sentences, sentences(all)),
        Examples::Choices(all) => (TableKind::Choices, choices(all)),
        Examples::VisualQuestions { .. } => (TableKind::Questions, rows(examples, split)),
        Examples::Captions { .. } => (TableKind::Captions, rows(examples, split)),
        _ => return Ok(None),
    };
    if let Some(images) = examples.images() {
        write_images(folder, split, images)?;
    }
    write::write(&folder.join(file_name(kind, split)), text.as_bytes())?;
    Ok(Some(kind))
}

fn texts(all: &[TextExample]) -> String {
    let row = |own: &TextExample| {
        let mut row = json!({ "text": own.first, "label": own.label.as_ref()? });
        if let Some(second) = &own.second {
            row["second"] = second.as_str().into();
        }
        Some(format!("{row}\n"))
    };
    all.iter().filter_map(row).collect()
}

fn choices(all: &[ChoiceExample]) -> String {
    let row = |own: &ChoiceExample| {
        let row = json!({ "prompt": own.prompt, "choices": own.choices, "label": own.label? });
        Some(format!("{row}\n"))
    };
    all.iter().filter_map(row).collect()
}

fn sentences(all: &[SentenceExample]) -> String {
    let sentence = |own: &SentenceExample| {
        let tags = own.tags.as_ref()?;
        let rows = own.words.iter().zip(tags).map(|(word, tag)| format!("{word}\t{tag}\n"));
        Some(rows.collect::<String>() + "\n")
    };
    all.iter().filter_map(sentence).collect()
}
