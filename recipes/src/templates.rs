//! Recipes of one's own to start from: a template of a kind of task, or a copy of a recipe that comes with the program.

use std::path::{Path, PathBuf};

use alambic_settings::reader::nearest;

use crate::book::{BUILTINS, recipes};
use crate::tasks::{Template, templates};

/// What a new recipe starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The template of a kind of task.
    Task(Template),
    /// A recipe that comes with the program, by its name and text.
    Recipe(&'static str, &'static str),
}

/// Name that stands for no kind of task and no recipe of the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no kind of task and no recipe `{name}`; {help}")]
pub struct UnknownStart {
    name: String,
    help: String,
}

/// Name with which a recipe of the program begins.
const PREFIX: &str = "builtin:";

impl Start {
    /// The kind of task, such as `text-classification`, or the recipe, as `builtin:NAME` or NAME alone.
    ///
    /// # Errors
    /// With the nearest name there is.
    pub fn find(name: &str) -> Result<Self, UnknownStart> {
        let own = name.strip_prefix(PREFIX).unwrap_or(name);
        if let Some(template) = templates().into_iter().find(|template| template.name == name) {
            return Ok(Self::Task(template));
        }
        if let Some((name, text)) = BUILTINS.iter().find(|(known, _)| *known == own) {
            return Ok(Self::Recipe(name, text));
        }
        let known: Vec<&str> = templates().into_iter().map(|template| template.name).collect();
        let known: Vec<&str> = known.into_iter().chain(recipes().map(|(name, _)| name)).collect();
        let help = nearest(own, &known).map_or_else(
            || "`alambic list tasks` and `alambic list recipes` show those there are".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        Err(UnknownStart { name: name.to_owned(), help })
    }

    /// The text as the program holds it.
    #[must_use]
    pub fn text(&self) -> &'static str {
        match self {
            Self::Task(template) => template.text,
            Self::Recipe(_, text) => text,
        }
    }
}

/// Text of a new recipe of a name, for a file at a path.
///
/// A copy of a recipe of the program extends what that one extends, whose texts follow as comments, so that all keys can be
/// seen and changed in one file.
#[must_use]
pub fn start(from: &Start, name: &str, path: &str) -> String {
    match from {
        Start::Task(template) => template.text.replace("{NAME}", name).replace("{FILE}", path),
        Start::Recipe(builtin, text) => copy(builtin, text, name, path),
    }
}

fn copy(builtin: &str, text: &str, name: &str, path: &str) -> String {
    let mut lines = vec![
        format!("# A copy of `{PREFIX}{builtin}`; what it extends follows below as comments."),
        "#".to_owned(),
        format!("#   every mistake at once:             alambic check {path}"),
        format!("#   what would run, and how long:      alambic plan {path} --time"),
        format!("#   train, evaluate, report:           alambic run {path}"),
        "#   what a key means; any key will do: alambic explain stage.*.loss".to_owned(),
        "#".to_owned(),
    ];
    // What its own comments call it.
    let own = format!("recipes/{builtin}.toml");
    let text = text.replace(&own, path);
    lines.extend(text.lines().map(|line| {
        if line.starts_with("name = ") {
            format!("name = \"{name}\"")
        } else if line.starts_with("extends = ") {
            extended(builtin, line)
        } else {
            line.to_owned()
        }
    }));
    for (name, text) in layers(builtin) {
        lines.extend([
            String::new(),
            format!("# --- Inherited from {PREFIX}{name}: uncomment what is to change ---"),
        ]);
        lines.extend(text.replace(&own, path).lines().map(|line| format!("# {line}").trim_end().to_owned()));
    }
    lines.join("\n") + "\n"
}

/// The quoted parts of a line.
fn quoted_parts(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

/// Name of the recipe that another one of the program extends by a path.
fn resolve(builtin: &str, path: &str) -> String {
    let folder = Path::new(builtin).parent().unwrap_or(Path::new(""));
    let mut parts: Vec<String> = folder.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    for part in &PathBuf::from(path).with_extension("") {
        match part.to_string_lossy().as_ref() {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part.to_owned()),
        }
    }
    parts.join("/")
}

/// A line `extends = …` with the names of the program's recipes instead of paths.
fn extended(builtin: &str, line: &str) -> String {
    quoted_parts(line).fold(line.to_owned(), |line, path| {
        line.replace(&format!("\"{path}\""), &format!("\"{PREFIX}{}\"", resolve(builtin, path)))
    })
}

/// Name and text of all that a recipe of the program extends, the nearest first.
fn layers(builtin: &str) -> Vec<(&'static str, &'static str)> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    let mut open = vec![builtin.to_owned()];
    while let Some(name) = open.pop() {
        let Some((name, text)) = BUILTINS.iter().find(|(known, _)| *known == name) else { continue };
        if *name != builtin && !found.contains(&(*name, *text)) {
            found.push((*name, *text));
        }
        let own = text.lines().filter(|line| line.starts_with("extends = ")).flat_map(quoted_parts);
        let mut own: Vec<String> = own.map(|path| resolve(name, path)).collect();
        // Of several, a later one prevails, and so comes first.
        open.append(&mut own);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_of_each_shipped_recipe_reads_as_the_recipe() {
        let folder = tempfile::tempdir().unwrap();
        for (builtin, _) in recipes() {
            let path = folder.path().join("mine.toml");
            let text = start(&Start::find(builtin).unwrap(), "mine", "mine.toml");
            std::fs::write(&path, &text).unwrap();
            let own = crate::load(&path, &[]).unwrap_or_else(|errors| panic!("{builtin}: {errors}"));
            let shipped = crate::load(format!("{PREFIX}{builtin}"), &["name=mine".to_owned()]).unwrap();
            let values = |loaded: &crate::Loaded| {
                // A path is seen from the recipe's folder, and of one of the program from the current one.
                let folders = [folder.path().to_owned(), std::env::current_dir().unwrap()];
                let text = folders.iter().fold(loaded.resolved_toml(), |text, folder| {
                    text.replace(&format!("{}/", folder.display()), "")
                });
                let lines = text.lines().map(|line| line.split("  # ").next().unwrap_or_default().to_owned());
                lines.collect::<Vec<_>>()
            };
            assert_eq!(values(&own), values(&shipped), "{builtin}");
            assert!(!text.contains(&format!("recipes/{builtin}.toml")), "{builtin}");
        }
    }

    #[test]
    fn copy_shows_what_it_inherits() {
        let text = start(&Start::find("builtin:text/smoke/logits").unwrap(), "mine", "mine.toml");
        let place = |name: &str| text.find(&format!("Inherited from builtin:{name}:")).unwrap();
        assert!(place("text/smoke/reviews") < place("text/logits"), "{text}");
        assert!(place("text/logits") < place("text/distil") && place("text/distil") < place("text/task"));
        assert!(
            text.contains("extends = [\"builtin:text/logits\", \"builtin:text/smoke/reviews\"]"),
            "{text}"
        );
    }

    #[test]
    fn template_of_each_kind_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for template in templates() {
            let path = folder.path().join("mine.toml");
            let text = start(&Start::find(template.name).unwrap(), "mine", "mine.toml");
            std::fs::write(&path, &text).unwrap();
            let loaded =
                crate::load(&path, &[]).unwrap_or_else(|errors| panic!("{}: {errors}", template.name));
            assert_eq!(loaded.recipe.name.value, "mine");
            assert!(!text.contains("{NAME}") && !text.contains("{FILE}"), "{}", template.name);
        }
    }

    #[test]
    fn unknown_start_names_the_nearest() {
        let said = |name: &str| Start::find(name).unwrap_err().to_string();
        assert!(said("text-clasification").contains("did you mean `text-classification`?"));
        assert!(said("builtin:text/logit").contains("did you mean `text/logits`?"));
        assert!(said("nothing-like-it-at-all").contains("alambic list tasks"));
    }
}
