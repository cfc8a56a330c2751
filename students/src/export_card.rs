//! Card of an exported folder, `README.md`.

use std::fmt::Write;
use std::path::Path;

use alambic_files::text::{quoted, shell_word, string_literal};
use alambic_files::{read, write};
use alambic_models::text_encoder::Head;
use alambic_models::{Config, ModelFolder};

use crate::StudentError;
use crate::save_pretrained::file_error;
use crate::usage::{PythonUsage, UsageExample, onnx_code, python_usage};

/// Name of a card.
const CARD: &str = "README.md";

/// The longest card that is taken along; longer ones are no texts of people.
const LONGEST: u64 = 16 << 20;

/// Text of the example.
const TEXT: &str = "a text";
/// Choices of the example, for a model of multiple choice.
const CHOICES: [&str; 2] = ["a choice", "another choice"];

/// Writes the card of an exported folder: that of the model, or else one that says how it is loaded. Where the folder has ONNX
/// files, whose names end in `onnx`, and no weights, its program runs these.
pub(crate) fn write_card(
    to: &Path,
    config: &Config,
    model: &ModelFolder,
    onnx: Option<&str>,
) -> Result<(), StudentError> {
    let own = model.root().join(CARD);
    let card = if own.is_file() {
        read::bytes(&own, LONGEST)?
    } else {
        let name = model.root().canonicalize().map_err(file_error(model.root()))?;
        let name = name.file_name().map_or_else(String::new, |name| quoted(&name.to_string_lossy()));
        new_card(config, &name).into_bytes()
    };
    let code = onnx.and_then(|suffix| onnx_code(config, &example(), suffix));
    // What is no text is taken along as it is.
    let card = match (code, String::from_utf8(card)) {
        (Some(code), Ok(card)) => with_program(&card, &code).into_bytes(),
        (None, Ok(card)) => card.into_bytes(),
        (_, Err(error)) => error.into_bytes(),
    };
    Ok(write::write(&to.join(CARD), &card)?)
}

/// The example where no card of the model has a better one.
fn example() -> UsageExample {
    let choices = CHOICES.map(str::to_owned).into();
    UsageExample { text: TEXT.into(), choices, ..UsageExample::default() }
}

/// A card with another program in place of its first one in Python.
fn with_program(card: &str, code: &str) -> String {
    const BEGIN: &str = "\n```python\n";
    const END: &str = "\n```";
    let split = card.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    match split {
        Some((before, after)) => format!("{before}{BEGIN}{code}{END}{after}"),
        None => card.to_owned(),
    }
}

/// A card under front matter of the hub.
fn new_card(config: &Config, name: &str) -> String {
    let PythonUsage { library, task, code } = python_usage(config, &example());
    let mut text = format!("---\nlibrary_name: {}\n", library.name());
    if let Some(task) = task {
        let _ = writeln!(text, "pipeline_tag: {task}");
    }
    let _ = write!(
        text,
        "---\n\n# {}\n\nA {} model of {} parameters, exported by Alambic.\n",
        name.replace(['\n', '\r'], " "),
        config.model_type(),
        config.parameters()
    );
    if let Some(code) = code {
        let _ = write!(text, "\n```python\n{code}\n```\n");
    }
    let input = if config.text_head().is_some_and(|own| own.head == Head::MultipleChoice) {
        shell_word(&[TEXT, CHOICES[0], CHOICES[1]].join("\t"))
    } else {
        string_literal(TEXT)
    };
    let command = format!("alambic predict . {input}");
    if config.reads_texts() {
        let _ = write!(text, "\n```sh\n{command}\n```\n");
    }
    text
}
