//! Pooling: one vector of the states of a text's tokens, as sentence-transformers has it, or by long short-term memory.

use std::path::Path;

use alambic_files::text::quoted;
use serde::Deserialize;
use serde_json::{Value, json};

use super::dense::{Dense, POOLING};
use crate::folder::modules::{self, MODULES, Module};
use crate::folder::sentence_options;
use crate::layers::{Recurrent, Shapes};
use crate::{ModelError, ModelFolder, json};

/// One vector of the states of a text's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPooling {
    /// The first token.
    First,
    /// The largest number of any token, at each place.
    Max,
    /// The mean over the tokens.
    Mean,
    /// The sum over the tokens, divided by the square root of their number.
    MeanBySquareRoot,
    /// The mean over the tokens, each counted as often as its place says, the first once.
    WeightedMean,
    /// The last token.
    Last,
}

impl TokenPooling {
    /// All, by the names of the newer key and of the older ones, in the order in which the older ones are joined.
    pub(super) const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::First, "cls", "pooling_mode_cls_token"),
        (Self::Max, "max", "pooling_mode_max_tokens"),
        (Self::Mean, "mean", "pooling_mode_mean_tokens"),
        (Self::MeanBySquareRoot, "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"),
        (Self::WeightedMean, "weightedmean", "pooling_mode_weightedmean_tokens"),
        (Self::Last, "lasttoken", "pooling_mode_lasttoken"),
    ];
}

/// Pooling mode: the token states that make the vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolingMode {
    /// One vector or several, joined in this order.
    Tokens(Vec<TokenPooling>),
    /// State of long short-term memory over all tokens (Dadas, 2022): that behind the last one, and of two layers, of which
    /// one reads backward, also that before the first one. The published code takes the output at the last token of both, where
    /// the backward one has read that token alone.
    Recurrent {
        /// Numbers of a layer's state.
        width: usize,
        /// Whether a second layer reads backward.
        both: bool,
    },
}

/// Step behind the pooling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolingStep {
    /// Normalization to length one.
    Normalise,
    /// A linear layer with an activation.
    Dense(Dense),
}

/// The key of `config.json` for recurrent pooling, whose module comes with the folder.
const RECURRENT: &str = "recurrent_pooling";

/// Modules of a folder with recurrent pooling; earlier versions wrote Pooling for it.
const BESIDE_RECURRENT: [&str; 4] = ["Transformer", modules::RECURRENT, "Pooling", "Normalize"];

/// Keys of the module's `config.json`, the older ones of its modes aside.
const KEYS: [&str; 4] = ["word_embedding_dimension", "embedding_dimension", "pooling_mode", "include_prompt"];

/// Pooling of the last hidden states of a text into one vector, the tap `embedding`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pooling {
    /// Pooling mode.
    pub mode: PoolingMode,
    /// Steps behind it, in this order.
    pub steps: Vec<PoolingStep>,
    /// Number of tokens at the beginning that are not pooled: those of a prompt that is left out of the vector.
    pub skipped: usize,
    /// How many of a vector's first numbers are kept, behind all steps (`truncate_dim` of sentence-transformers); none for all. What
    /// is kept is not brought to length one again.
    pub kept: Option<usize>,
}

/// The value of [`RECURRENT`].
#[derive(Deserialize)]
struct PublishedRecurrent {
    hidden_size: usize,
    bidirectional: bool,
    normalize: bool,
}

impl Pooling {
    /// A pooling of all tokens, brought to length one if that is wanted.
    #[must_use]
    pub fn new(mode: PoolingMode, normalise: bool) -> Self {
        let steps = normalise.then_some(PoolingStep::Normalise).into_iter().collect();
        Self { mode, steps, skipped: 0, kept: None }
    }

    /// The same pooling of states of a width with one dense layer behind it, which has a bias and no activation and gives so many
    /// numbers; what brings vectors to length one stands behind that.
    ///
    /// # Errors
    /// When the pooling is recurrent, whose folder has no place for a dense layer, or has a dense layer already.
    pub fn with_dense(self, state: usize, outputs: usize) -> Result<Self, ModelError> {
        let refused = |reason: &str| Err(ModelError::Configuration(reason.to_owned()));
        if !self.layers().is_empty() {
            return refused("a recurrent pooling takes no dense layer behind it");
        }
        if self.dense().count() > 0 {
            return refused("the pooling has a dense layer already");
        }
        let inputs = self.gathered(state);
        let dense = PoolingStep::Dense(Dense { index: 0, inputs, outputs, has_bias: true, activation: None });
        Ok(Self { steps: std::iter::once(dense).chain(self.steps).collect(), ..self })
    }

    /// The same pooling whose vectors are brought to length one at the end, or are not.
    #[must_use]
    pub fn normalising(mut self, normalise: bool) -> Self {
        while self.steps.last() == Some(&PoolingStep::Normalise) {
            self.steps.pop();
        }
        self.steps.extend(normalise.then_some(PoolingStep::Normalise));
        self
    }

    /// The pooling of a sentence-transformers folder; none where there is no `modules.json`, or no pooling in it.
    ///
    /// # Errors
    /// When the folder pools in a way that is not known; the error names the module.
    pub fn open(folder: &ModelFolder) -> Result<Option<Self>, ModelError> {
        let recurrent = &folder.json()[RECURRENT];
        if !recurrent.is_null() {
            let path = folder.path().join("config.json");
            let own: PublishedRecurrent = serde_json::from_value(recurrent.clone())
                .map_err(|error| ModelError::content(&path, format!("{RECURRENT}: {error}")))?;
            let mode = PoolingMode::Recurrent { width: own.hidden_size, both: own.bidirectional };
            let modules = modules::read(folder.root())?.unwrap_or_default();
            if let Some(other) = modules.iter().find(|module| !BESIDE_RECURRENT.contains(&module.kind())) {
                let message =
                    format!("the module `{}` is not supported with {RECURRENT}", quoted(&other.class));
                return Err(ModelError::content(&folder.root().join(MODULES), message));
            }
            let kept = sentence_options::check(folder, true)?;
            return Ok(Some(Self { kept, ..Self::new(mode, own.normalize) }));
        }
        let root = folder.root();
        let Some(modules) = modules::read(root)? else { return Ok(None) };
        let refused = |message: String| Err(ModelError::content(&root.join(MODULES), message));
        let mut modules = modules.iter();
        match modules.next() {
            Some(first) if modules::is_transformer(first) => {}
            Some(other) => {
                return refused(format!(
                    "the first module is `{}`, and a Transformer is needed",
                    quoted(&other.class)
                ));
            }
            None => return refused("it names no module".into()),
        }
        let mut pooling: Option<Self> = None;
        for module in modules {
            match (module.kind(), &mut pooling) {
                ("Pooling", None) => pooling = Some(Self::of_module(folder, module)?),
                ("Normalize", Some(pooling)) => {
                    of_vectors(&module.folder(root)?)?;
                    pooling.steps.push(PoolingStep::Normalise);
                }
                ("Dense", Some(pooling)) => {
                    let place = module.folder(root)?;
                    of_vectors(&place)?;
                    let index = pooling.dense().count();
                    pooling.steps.push(PoolingStep::Dense(Dense::open(&place, index)?));
                }
                ("Pooling" | "Normalize" | "Dense", _) => {
                    return refused(format!(
                        "the module `{}` stands where it is not supported: Transformer, Pooling, and then Dense and \
                         Normalize in any order are",
                        quoted(&module.class)
                    ));
                }
                _ => {
                    return refused(format!(
                        "the module `{}` is not supported; Transformer, Pooling, Dense and Normalize are",
                        quoted(&module.class)
                    ));
                }
            }
        }
        let kept = sentence_options::check(folder, pooling.is_some())?;
        Ok(pooling.map(|pooling| Self { kept, ..pooling }))
    }

    /// Pooling of a module's folder.
    fn of_module(folder: &ModelFolder, module: &Module) -> Result<Self, ModelError> {
        let path = module.folder(folder.root())?.join("config.json");
        let config: Value = json::read(&path)?;
        let modes = config.as_object().into_iter().flat_map(|config| config.keys().map(String::as_str));
        let flags = modes.filter(|key| key.starts_with("pooling_mode_")).chain(["include_prompt"]);
        json::check_flags(&config, flags).map_err(|fault| ModelError::content(&path, fault))?;
        let mut others = config.clone();
        if let Some(others) = others.as_object_mut() {
            others.retain(|key, _| !key.starts_with("pooling_mode_"));
        }
        json::check_keys(&others, &KEYS).map_err(|fault| ModelError::content(&path, fault))?;
        let named = |name: &Value| {
            let known = TokenPooling::ALL.iter().find(|(_, known, _)| name == known);
            known.map(|(mode, ..)| *mode).ok_or_else(|| {
                let names = TokenPooling::ALL.map(|(_, known, _)| known).join(", ");
                let message = format!(
                    "the pooling `{}` is not supported; {names} are",
                    quoted(name.as_str().unwrap_or(&name.to_string()))
                );
                ModelError::content(&path, message)
            })
        };
        let modes = match &config["pooling_mode"] {
            Value::Null => {
                let is_set = |key: &str| config[key].as_bool().unwrap_or(false);
                let modes: Vec<TokenPooling> = TokenPooling::ALL
                    .iter()
                    .filter(|(.., key)| is_set(key))
                    .map(|(mode, ..)| *mode)
                    .collect();
                let keys: Vec<&String> =
                    config.as_object().map_or_else(Vec::new, |config| config.keys().collect());
                let is_mode = |key: &&&String| key.starts_with("pooling_mode_");
                let unknown = keys
                    .iter()
                    .filter(is_mode)
                    .find(|key| is_set(key) && TokenPooling::ALL.iter().all(|(.., known)| known != **key));
                if let Some(unknown) = unknown {
                    let message = format!("the pooling `{}` is not supported", quoted(unknown));
                    return Err(ModelError::content(&path, message));
                }
                // A file that says nothing of modes means the mean, one that turns all off means nothing.
                match modes.is_empty() {
                    true if keys.iter().any(|key| is_mode(&key)) => {
                        return Err(ModelError::content(
                            &path,
                            "no pooling is chosen: all of its modes are false",
                        ));
                    }
                    true => vec![TokenPooling::Mean],
                    false => modes,
                }
            }
            Value::Array(names) if !names.is_empty() => names.iter().map(named).collect::<Result<_, _>>()?,
            name => vec![named(name)?],
        };
        let mut pooling = Self::new(PoolingMode::Tokens(modes), false);
        if config["include_prompt"] == false {
            pooling.skipped = folder.tokenizer()?.prompt_length()?;
        }
        Ok(pooling)
    }

    /// Dense layers, in their order.
    pub fn dense(&self) -> impl Iterator<Item = &Dense> {
        self.steps.iter().filter_map(|step| match step {
            PoolingStep::Dense(dense) => Some(dense),
            PoolingStep::Normalise => None,
        })
    }

    /// Numbers of what is gathered, by those of a token's state.
    #[must_use]
    pub fn gathered(&self, state: usize) -> usize {
        match &self.mode {
            PoolingMode::Recurrent { width, both } => (1 + usize::from(*both)) * width,
            PoolingMode::Tokens(modes) => modes.len() * state,
        }
    }

    /// Numbers of the vector of a text, by those of a token's state.
    #[must_use]
    pub fn width(&self, state: usize) -> usize {
        let whole = self.dense().last().map_or_else(|| self.gathered(state), |dense| dense.outputs);
        self.kept.map_or(whole, |kept| kept.min(whole))
    }

    /// The names of its recurrent layers, that which reads forward first; none where it has none.
    #[must_use]
    pub fn layers(&self) -> Vec<String> {
        match self.mode {
            PoolingMode::Recurrent { both, .. } => Recurrent::names(POOLING, both),
            PoolingMode::Tokens(_) => Vec::new(),
        }
    }

    /// Identity of this pooling as text, for digests. Its words are those of records that exist already.
    #[must_use]
    pub fn identity(&self) -> String {
        let normalise = match self.steps.as_slice() {
            [] => Some(false),
            [PoolingStep::Normalise] => Some(true),
            _ => None,
        };
        let mode = match &self.mode {
            PoolingMode::Tokens(modes) => match modes.as_slice() {
                [mode @ (TokenPooling::Mean | TokenPooling::First)] => Some(format!("{mode:?}")),
                _ => None,
            },
            recurrent @ PoolingMode::Recurrent { .. } => Some(format!("{recurrent:?}")),
        };
        match (mode, normalise) {
            (Some(mode), Some(normalise)) if self.skipped == 0 && self.kept.is_none() => {
                format!("Pooling {{ gathering: {mode}, normalise: {normalise} }}")
            }
            _ => {
                let Self { mode, steps, skipped, kept } = self;
                let kept = kept.map_or_else(String::new, |kept| format!(", kept: {kept}"));
                format!("Pooling {{ gathering: {mode:?}, steps: {steps:?}, skipped: {skipped}{kept} }}")
            }
        }
    }

    /// Adds its parameters to those of a model.
    pub(crate) fn shapes(&self, shapes: &mut Shapes, state: usize) {
        if let PoolingMode::Recurrent { width, both } = self.mode {
            Recurrent::shapes(shapes, POOLING, state, width, both);
        }
        for dense in self.dense() {
            dense.shapes(shapes);
        }
    }

    /// Key and value of `config.json`, where the pooling stands there.
    pub(super) fn to_json(&self) -> Option<(&'static str, Value)> {
        match self.mode {
            PoolingMode::Recurrent { width, both } => Some((
                RECURRENT,
                json!({
                    "hidden_size": width,
                    "bidirectional": both,
                    "normalize": self.steps.contains(&PoolingStep::Normalise),
                }),
            )),
            PoolingMode::Tokens(_) => None,
        }
    }
}

/// Check that a module works on the vectors of texts and not on states of tokens.
fn of_vectors(folder: &Path) -> Result<(), ModelError> {
    let path = folder.join("config.json");
    let Some(config) = json::read_if_there::<Value>(&path)? else { return Ok(()) };
    for key in ["module_input_name", "module_output_name"] {
        match config[key].as_str() {
            None | Some("sentence_embedding") => {}
            Some(other) => {
                let message =
                    format!("`{key}` is `{}`; only `sentence_embedding` is supported", quoted(other));
                return Err(ModelError::content(&path, message));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_that_of_existing_records() {
        let mean = PoolingMode::Tokens(vec![TokenPooling::Mean]);
        let both = PoolingMode::Tokens(vec![TokenPooling::Mean, TokenPooling::Max]);
        let dense = Dense { index: 0, inputs: 4, outputs: 2, has_bias: true, activation: Some("tanh") };
        for (pooling, identity) in [
            (Pooling::new(mean.clone(), true), "Pooling { gathering: Mean, normalise: true }"),
            (
                Pooling::new(PoolingMode::Recurrent { width: 3, both: true }, false),
                "Pooling { gathering: Recurrent { width: 3, both: true }, normalise: false }",
            ),
            (
                Pooling { skipped: 2, ..Pooling::new(mean, false) },
                "Pooling { gathering: Tokens([Mean]), steps: [], skipped: 2 }",
            ),
            (
                Pooling { kept: Some(2), ..Pooling::new(both.clone(), false) },
                "Pooling { gathering: Tokens([Mean, Max]), steps: [], skipped: 0, kept: 2 }",
            ),
            (
                Pooling { steps: vec![PoolingStep::Dense(dense)], ..Pooling::new(both, true) },
                "Pooling { gathering: Tokens([Mean, Max]), steps: [Dense(Dense { index: 0, inputs: 4, outputs: 2, \
                 has_bias: true, activation: Some(\"tanh\") })], skipped: 0 }",
            ),
        ] {
            assert_eq!(pooling.identity(), identity);
        }
    }
}
