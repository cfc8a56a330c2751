//! Card of an exported folder, `README.md`.

use std::fmt::Write;
use std::path::Path;

use alambic_files::text::{quoted, string_literal};
use alambic_files::{read, write};
use alambic_models::{Config, ModelFolder};

use crate::StudentError;
use crate::save_pretrained::file_error;
use crate::usage::{PythonUsage, UsageExample, python_usage};

/// Name of a card.
const CARD: &str = "README.md";

/// The longest card that is taken along; longer ones are no texts of people.
const LONGEST: u64 = 16 << 20;

/// Text of the example, where no card of the model has a better one.
const TEXT: &str = "a text";

/// Writes the card of an exported folder: that of the model, or else one that says how it is loaded.
pub(crate) fn write_card(to: &Path, config: &Config, model: &ModelFolder) -> Result<(), StudentError> {
    let own = model.root().join(CARD);
    if own.is_file() {
        let text = read::bytes(&own, LONGEST)?;
        return Ok(write::write(&to.join(CARD), &text)?);
    }
    let name = model.root().canonicalize().map_err(file_error(model.root()))?;
    let name = name.file_name().map_or_else(String::new, |name| quoted(&name.to_string_lossy()));
    Ok(write::write(&to.join(CARD), new_card(config, &name).as_bytes())?)
}

/// A card under front matter of the hub.
fn new_card(config: &Config, name: &str) -> String {
    let example = UsageExample { text: TEXT.into(), ..UsageExample::default() };
    let PythonUsage { library, task, code } = python_usage(config, &example);
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
    let command = format!("alambic predict . {}", string_literal(TEXT));
    if config.reads_texts() {
        let _ = write!(text, "\n```sh\n{command}\n```\n");
    }
    text
}
