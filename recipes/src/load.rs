//! From what the user names to a recipe that is read.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use alambic_files::digests::Digests;
use alambic_files::text::quoted;
use alambic_files::write;
use alambic_losses::{LossKind, added_losses};
use alambic_reports::outcome::{BASELINE, UPPER_BOUND};
use alambic_settings::merge::{merge, remove};
use alambic_settings::reader::nearest;
use alambic_settings::{
    AddedKinds, Diagnostic, Diagnostics, IndexMap, Location, Node, Origin, Reader, Resolver, Setting,
    SourceFile, Value, resolved_toml,
};

use crate::book;
use crate::folder::layout::{RECIPE, RESOLVED};
use crate::options::train::TrainOptions;
use crate::places::descend;
use crate::renamed_keys::RENAMED_KEYS;
use crate::schema::Recipe;

/// A recipe with all that it extends and all flags.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The recipe that was read.
    pub recipe: Recipe,
    /// The merged tree that it was read from, with the origin of each value.
    pub tree: Node,
    /// What was loaded.
    pub location: Location,
    /// The texts that took part: the recipe, then what it extends.
    pub sources: Vec<Arc<SourceFile>>,
    /// Kinds that the program adds to those that are declared.
    added: AddedKinds,
    /// Ranks by which the batches of a step are multiplied.
    ranks: usize,
}

/// Loads a recipe by its path, or by `builtin:NAME`, and lays the flags (`KEY=VALUE`) over it.
///
/// Each stage's `train` is complete afterwards: keys that the stage leaves out are those of the recipe's `train`.
///
/// # Errors
/// Everything that is wrong with the form of the recipe and of all that it extends, at once. What is wrong with its
/// meaning, [`crate::check()`] finds.
pub fn load(recipe: impl AsRef<OsStr>, flags: &[String]) -> Result<Loaded, Diagnostics> {
    load_with(recipe, flags, &[])
}

/// As [`load`], for a program with losses of its own: a recipe names them as it does those that come with the program.
///
/// # Errors
/// As for [`load`], and when two losses have one name.
pub fn load_with(
    recipe: impl AsRef<OsStr>,
    flags: &[String],
    losses: &'static [LossKind],
) -> Result<Loaded, Diagnostics> {
    let (recipe, added) = (recipe.as_ref(), added_losses(losses)?);
    let location = match recipe.to_str() {
        Some(recipe) => Location::parse(recipe, &Origin::Default).map_err(|reason| {
            Diagnostic::error("recipe::file", format!("`{}` names no recipe", quoted(recipe))).help(reason)
        })?,
        // A path need not be text.
        None => Location::File(recipe.into()),
    };
    let location = resolved_of_run(&location).unwrap_or(location);
    let resolver =
        Resolver { builtins: book::BUILTINS, renamed_keys: RENAMED_KEYS, added_kinds: added.clone() };
    let resolution = resolver
        .resolve::<Recipe>(&location, flags)
        .map_err(|diagnostics| suggest(&location, diagnostics))?;
    let mut tree = resolution.tree;
    inherit_training(&mut tree);
    let reader = Reader::new("").with_added_kinds(added.clone());
    let recipe = reader.finish(|reader| Recipe::read(&tree, reader))?;
    Ok(Loaded { recipe, tree, location, sources: resolution.sources, added, ranks: 1 })
}

/// The resolved recipe beside the copy that a run has of its recipe: what the copy names by relative paths does not lie beside
/// it. None where it is no such copy, or was changed.
fn resolved_of_run(location: &Location) -> Option<Location> {
    let Location::File(path) = location else { return None };
    let folder = write::parent(path);
    let digests = Digests::read(folder).ok()??;
    let is_copy = path.file_name() == Some(OsStr::new(RECIPE))
        && [RECIPE, RESOLVED].iter().all(|name| digests.check_file(folder, name).is_ok());
    is_copy.then(|| Location::File(folder.join(RESOLVED)))
}

impl Loaded {
    /// The recipe as it was written, without what it extends.
    #[must_use]
    pub fn written(&self) -> &str {
        self.sources.first().map_or("", |source| source.text.as_str())
    }

    /// The same without its baseline and its upper bound.
    #[must_use]
    pub fn without_baseline(mut self) -> Self {
        (self.recipe.baseline, self.recipe.upper_bound) = (None, None);
        for key in [BASELINE, UPPER_BOUND] {
            remove(&mut self.tree, &[key.to_owned()]);
        }
        self
    }

    /// The recipe with as many times the batches a step as there are ranks: `gradient-accumulation` is that of each of them.
    #[must_use]
    pub fn with_ranks(mut self, ranks: usize) -> Self {
        for stage in self.recipe.stage.values_mut() {
            let batches = &mut stage.train.gradient_accumulation;
            *batches = *batches / self.ranks * ranks;
        }
        self.ranks = ranks;
        self
    }

    /// Ranks by which the batches of a step are multiplied.
    #[must_use]
    pub fn ranks(&self) -> usize {
        self.ranks
    }

    /// The recipe with every value and where it came from; run as a recipe, it gives the same run.
    #[must_use]
    pub fn resolved_toml(&self) -> String {
        if self.ranks > 1 {
            return self.clone().with_ranks(1).resolved_toml();
        }
        resolved_toml(&self.recipe, &self.tree, &self.added)
    }
}

/// The values of a recipe by their dotted keys, as they would be written. `path` is only named in errors.
///
/// # Errors
/// The syntax error of the text.
pub fn values(path: &Path, text: &str) -> Result<IndexMap<String, String>, Diagnostics> {
    fn collect(prefix: &str, node: &Node, values: &mut IndexMap<String, String>) {
        match &node.value {
            Value::Table(members) => {
                for (key, member) in members {
                    let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    collect(&key, &member.node, values);
                }
            }
            value => {
                values.insert(prefix.to_owned(), written(value));
            }
        }
    }
    let mut all = IndexMap::new();
    collect("", &Node::parse(path, text)?, &mut all);
    Ok(all)
}

/// A value in a line.
pub(crate) fn written(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) | Value::Datetime(text) => text.clone(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| written(&item.value)).collect::<Vec<_>>().join(", "))
        }
        Value::Table(members) => {
            let members =
                members.iter().map(|(key, member)| format!("{key} = {}", written(&member.node.value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The number at a dotted key of a TOML text; none if there is no number. `path` is only named in errors.
///
/// # Errors
/// The syntax error of the text.
pub fn number_at(path: &Path, text: &str, key: &str) -> Result<Option<f64>, Diagnostics> {
    let tree = Node::parse(path, text)?;
    Ok(key.split('.').try_fold(&tree, descend).and_then(|node| match node.value {
        Value::Integer(integer) => Some(integer as f64),
        Value::Float(float) => Some(float),
        _ => None,
    }))
}

/// Lays each stage's `train` over the recipe's, so that each value keeps the place where it was written.
fn inherit_training(tree: &mut Node) {
    let Value::Table(members) = &mut tree.value else { return };
    let Some(train) = members.get("train").cloned() else { return };
    let Some(Value::Table(stages)) = members.get_mut("stage").map(|member| &mut member.node.value) else {
        return;
    };
    for stage in stages.values_mut() {
        let Value::Table(options) = &mut stage.node.value else { continue };
        match options.get_mut("train") {
            None => {
                options.insert("train".to_owned(), train.clone());
            }
            Some(own) => {
                let over = std::mem::replace(&mut own.node, Node::empty_table());
                own.node = merge(train.node.clone(), over, Some(&TrainOptions::describe()));
            }
        }
    }
}

/// Points to a recipe of the program where a path that is not there is called like one.
fn suggest(location: &Location, mut diagnostics: Diagnostics) -> Diagnostics {
    let Location::File(path) = location else { return diagnostics };
    if path.exists() {
        return diagnostics;
    }
    let names: Vec<&str> = book::recipes().map(|(name, _)| name).collect();
    let wanted = path.strip_prefix("recipes").unwrap_or(path).with_extension("");
    let wanted_name: Vec<_> = wanted.iter().map(|part| part.to_string_lossy()).collect();
    let known = nearest(&wanted_name.join("/"), &names)
        .or_else(|| names.iter().copied().find(|name| Path::new(name).file_name() == wanted.file_name()));
    if let (Some(name), Some(diagnostic)) = (known, diagnostics.list.first_mut()) {
        diagnostic.help.get_or_insert_with(|| format!("`builtin:{name}` comes with the program"));
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str = r#"
        schema = 1
        name = "inheriting"
        stages = ["first", "second"]
        [train]
        steps = 10
        max-grad-norm = 0.5
        schedule = "constant"
        batch = { size = 8, window = 4 }
        optimiser.adamw = { learning-rate = 0.1, beta1 = 0.8 }
        [model.small.encoder-decoder]
        [stage.first]
        data.pairs = { data = ["names"], directions = ["hi-en"] }
        loss.cross-entropy = {}
        [stage.second]
        data.pairs = { data = ["names"], directions = ["en-hi"] }
        loss.cross-entropy = [{ weight = 2 }, { label-smoothing = 0.1 }]
        train = { steps = 20, schedule = { cosine = {} }, optimiser.adamw.learning-rate = 0.2, batch.size = 2 }
        [data.names]
        corpus = "names-table"
        [evaluation]
        data = ["names"]
        directions = ["hi-en"]
    "#;

    fn loaded(text: &str, flags: &[&str]) -> Result<Loaded, Diagnostics> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        std::fs::write(&path, text).unwrap();
        let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        load(&path, &flags)
    }

    #[test]
    fn stages_take_what_they_leave_out_from_the_recipe() {
        let Loaded { recipe, .. } = loaded(RECIPE, &[]).unwrap();
        let (first, second) = (&recipe.stage["first"].train, &recipe.stage["second"].train);
        assert_eq!(first, &recipe.train);
        assert_eq!((second.steps, second.max_grad_norm), (Some(20), 0.5));
        assert_eq!((second.batch.size, second.batch.window), (2, 4));
        assert_eq!(second.schedule.name(), "cosine");
        let crate::options::train::Optimiser::AdamW(options) = &second.optimiser;
        assert_eq!((options.learning_rate, options.beta1), (0.2, 0.8));
    }

    #[test]
    fn ranks_multiply_the_batches_of_a_step_and_leave_the_resolved_recipe_alone() {
        let one = loaded(RECIPE, &["train.gradient-accumulation=3"]).unwrap();
        let four = one.clone().with_ranks(4);
        assert!(four.recipe.stage.values().all(|stage| stage.train.gradient_accumulation == 12));
        assert_eq!(four.resolved_toml(), one.resolved_toml());
        assert_eq!(four.with_ranks(2).recipe.stage["first"].train.gradient_accumulation, 6);
    }

    #[test]
    fn flags_reach_stages_through_the_recipe() {
        let Loaded { recipe, .. } = loaded(RECIPE, &["train.max-grad-norm=0.25", "train.steps=5"]).unwrap();
        let stages: Vec<_> =
            recipe.stage.values().map(|stage| (stage.train.max_grad_norm, stage.train.steps)).collect();
        assert_eq!(stages, [(0.25, Some(5)), (0.25, Some(20))], "a stage's own value stays");
    }

    #[test]
    fn the_resolved_recipe_gives_the_same_values() {
        let first =
            loaded(RECIPE, &["train.max-grad-norm=0.25", "stage.second.loss.sequence.weight=0.5"]).unwrap();
        let text = first.resolved_toml();
        let again = loaded(&text, &[]).unwrap();
        assert_eq!(again.recipe, first.recipe, "{text}");
        let lines: Vec<&str> = text.lines().collect();
        let second = lines.iter().position(|line| line.starts_with("[stage.second.train]")).unwrap();
        let clip = lines[second..].iter().find(|line| line.starts_with("max-grad-norm = ")).unwrap();
        assert_eq!(*clip, "max-grad-norm = 0.25  # --set", "the origin is that of the value inherited");
        let values = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split("  # ").next().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(values(&again.resolved_toml()), values(&text));
    }

    #[test]
    fn places_are_found_by_their_path() {
        let loaded = loaded(RECIPE, &[]).unwrap();
        let places = crate::places::Places(&loaded.tree);
        let line = |origin: Origin| origin.position().map(|(line, _)| line);
        assert_eq!(line(places.origin(&["train", "max-grad-norm"])), Some(7));
        assert_eq!(line(places.origin(&["train", "max-grad-norm", "none"])), Some(7));
        assert_eq!(line(places.key_origin(&["stage", "second"])), Some(15));
        assert_eq!(line(places.origin(&["evaluation", "beam"])), Some(21));
    }

    #[test]
    fn numbers_are_found_by_their_key() {
        let text = "a = { b = 2, c = [{ d = 0.5 }] }\ne = { f = 1 }\n";
        let number = |key: &str| number_at(Path::new("recipe.toml"), text, key).unwrap();
        let numbers = ["a.b", "a.c.0.d", "e.0.f", "a.c", "a.none", "e"].map(number);
        assert_eq!(numbers, [Some(2.0), Some(0.5), Some(1.0), None, None, None]);
        assert!(number_at(Path::new("recipe.toml"), "a = ", "a").is_err());
    }

    #[test]
    fn values_are_listed_by_their_keys() {
        let text = "a = { b = 2, c = [{ d = 0.5 }, true] }\ne = \"x\"\n";
        let values = values(Path::new("recipe.toml"), text).unwrap();
        let pairs: Vec<(&str, &str)> =
            values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a.b", "2"), ("a.c", "[{d = 0.5}, true]"), ("e", "x")]);
    }

    #[test]
    fn what_is_no_recipe_is_refused() {
        assert!(load("", &[]).unwrap_err().render(false).contains("a path must not be empty"));
        assert!(load("builtin:none", &[]).is_err());
        assert!(load("hf:owner/name", &[]).is_err());
    }
}
