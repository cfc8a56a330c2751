//! `alambic new`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use alambic_recipes::check::is_name;
use alambic_recipes::{Start, start};
use clap::Args;

use crate::failure::Failure;
use crate::output;

/// Writes a commented recipe to start from: for a kind of task, or a copy of one that comes with the program
#[derive(Args)]
pub(crate) struct Arguments {
    /// Name of the recipe: NAME.toml is written; or a folder, in which recipe.toml is written
    name: PathBuf,
    /// A kind of task (`alambic list tasks`), or a recipe that comes with the program (`alambic list recipes`)
    #[arg(long, value_name = "KIND|RECIPE", default_value = "transliteration")]
    from: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (path, name) = target(&arguments.name);
    if !is_name(&name) {
        let message =
            format!("`{name}` cannot be the name of a recipe: use letters, digits, `-`, `_` and `.`");
        return Err(Failure::Usage(message));
    }
    let from = Start::find(&arguments.from).map_err(|error| Failure::Usage(error.to_string()))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    }
    // Fails where there is a file, also one that was not there a moment ago.
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    let mut file = file.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::Usage(format!("{} is there already", path.display())),
        _ => Failure::file(&path)(error),
    })?;
    file.write_all(start(&from, &name, &path.display().to_string()).as_bytes())
        .map_err(Failure::file(&path))?;
    output::line(&path.display().to_string())
}

/// The file to be written, and the name of the recipe.
fn target(name: &Path) -> (PathBuf, String) {
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    if name.is_dir() {
        let folder = name.canonicalize().unwrap_or_else(|_| name.to_owned());
        return (name.join("recipe.toml"), text(folder.file_name()));
    }
    if name.extension().is_some_and(|extension| extension == "toml") {
        return (name.to_owned(), text(name.file_stem()));
    }
    let own = text(name.file_name());
    (name.with_file_name(format!("{own}.toml")), own)
}
