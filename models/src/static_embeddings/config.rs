//! Configuration of static embeddings: that of model2vec, and folders of sentence-transformers, which have none.

use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::folder::modules::{self, MODULES};
use crate::{ModelError, ModelFolder, Outline, Stream, load_recorded, published};

/// The `model_type` of model2vec.
pub(super) const MODEL_TYPE: &str = "model2vec";

/// Name of the table in the folders of model2vec.
pub(super) const TABLE: &str = "embeddings";

/// Its names in published files: that of model2vec, and that of sentence-transformers.
const TABLES: [&str; 2] = [TABLE, "embedding.weight"];

/// The key of what is done with unknown tokens, which is our own: model2vec leaves them out, whatever it says, and
/// sentence-transformers reads them.
const UNKNOWN: &str = "unknown_tokens";
const KEEP: &str = "keep";

/// Tokens of a text that model2vec reads where a folder does not say it.
const MAX_LENGTH: usize = 512;

/// Tokens of a text that sentence-transformers reads: as many as there are.
const UNLIMITED: usize = 1_000_000;

/// Configuration of static embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticConfig {
    /// Tokens of the vocabulary.
    pub vocabulary: usize,
    /// Numbers of a vector.
    pub width: usize,
    /// Whether vectors of texts are brought to length one.
    pub normalise: bool,
    /// The token that texts are read without, as model2vec leaves out what it does not know; none where all are read.
    pub left_out: Option<u32>,
    /// Most tokens of a text.
    pub max_length: usize,
    /// The `config.json` of the folder, of which the rest is written again as it was.
    pub published: Value,
}

/// Names of tensors that a published table is folded with, and the rows of the table.
struct Stored {
    rows: usize,
    width: usize,
    /// Rows of the table by token, where several share one.
    has_mapping: bool,
    /// Factor of each token.
    has_weights: bool,
}

impl Stored {
    fn of(folder: &ModelFolder) -> Result<(Self, usize), ModelError> {
        let stored = folder.stored()?;
        let names = TABLES.map(str::to_owned);
        let table = stored.find(&names).and_then(|name| stored.shape(name));
        let Some(&[rows, width]) = table else {
            let message = format!("there is no table `{}` or `{}` of two dimensions", TABLES[0], TABLES[1]);
            return Err(ModelError::content(stored.first_file(), message));
        };
        let length = |name: &str| {
            let shape = stored.find(&[name.to_owned()]).and_then(|name| stored.shape(name));
            match shape {
                None => Ok(None),
                Some(&[length]) => Ok(Some(length)),
                Some(shape) => Err(ModelError::content(
                    stored.first_file(),
                    format!("`{name}` has shape {shape:?}; one number a token is needed"),
                )),
            }
        };
        let (mapping, weights) = (length("mapping")?, length("weights")?);
        let vocabulary = mapping.or(weights).unwrap_or(rows);
        let fault = |name: &str, found: usize| {
            let message = format!("`{name}` has {found} numbers, and the vocabulary has {vocabulary} tokens");
            Err(ModelError::content(stored.first_file(), message))
        };
        match (mapping, weights) {
            (_, Some(found)) if found != vocabulary => return fault("weights", found),
            (None, Some(found)) if found != rows => return fault(TABLE, rows),
            _ => {}
        }
        let own = Self { rows, width, has_mapping: mapping.is_some(), has_weights: weights.is_some() };
        Ok((own, vocabulary))
    }
}

impl StaticConfig {
    /// Name of the table among the weights, `[vocabulary, width]`.
    pub const TABLE: &str = TABLE;

    /// A configuration of these sizes, for texts of any length.
    #[must_use]
    pub fn new(vocabulary: usize, width: usize, normalise: bool, left_out: Option<u32>) -> Self {
        let published = json!({ "model_type": MODEL_TYPE, "seq_length": UNLIMITED });
        Self { vocabulary, width, normalise, left_out, max_length: UNLIMITED, published }
    }

    /// Sets what `config.json` says of how the table was made: numbers of principal components, constant of inverse frequency,
    /// origin of the vectors.
    pub fn set_published(&mut self, components: Option<usize>, sif: Option<f64>, vectors: &str) {
        self.published["apply_pca"] = components.map_or(Value::Null, Value::from);
        self.published["sif_coefficient"] = sif.map_or(Value::Null, Value::from);
        let pooling = if vectors == "states" { "mean" } else { vectors };
        self.published["pooling"] = pooling.into();
    }

    /// Reads the configuration of a folder, and the shapes of its table.
    ///
    /// # Errors
    /// When there is no table, or what belongs to it has another size.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let json = folder.json();
        let (stored, vocabulary) = Stored::of(folder)?;
        let declared = json["hidden_dim"].as_u64().filter(|width| *width != stored.width as u64);
        if let Some(width) = declared {
            let message = format!("hidden_dim is {width}, and the table has vectors of {}", stored.width);
            return Err(ModelError::content(&folder.path().join("config.json"), message));
        }
        let (mut normalise, is_published) = (json["normalize"] == true, !json["architectures"].is_null());
        for module in modules::read(folder.root())?.unwrap_or_default() {
            match module.kind() {
                modules::STATIC => {}
                "Normalize" if is_published => {}
                "Normalize" => normalise = true,
                other => {
                    let message = format!("the module `{other}` is not supported behind static embeddings");
                    return Err(ModelError::content(&folder.root().join(MODULES), message));
                }
            }
        }
        let keeps_unknown = if is_published { json[UNKNOWN] == KEEP } else { true };
        let left_out = if keeps_unknown { None } else { folder.tokenizer()?.unknown() };
        let max_length = match json["max_length"].as_u64() {
            Some(length) => usize::try_from(length).unwrap_or(UNLIMITED).min(UNLIMITED),
            None if is_published && json["max_length"].is_null() && json.get("max_length").is_none() => {
                MAX_LENGTH
            }
            None => UNLIMITED,
        };
        let config = Self {
            vocabulary,
            width: stored.width,
            normalise,
            left_out,
            max_length,
            published: json.clone(),
        };
        folder.check(&config.summary())?;
        Ok(config)
    }

    /// The table of a folder, `[vocabulary, width]`, with the weights of its tokens and the rows that they share.
    pub(super) fn table(folder: &ModelFolder) -> Result<Weights, ModelError> {
        let (stored, vocabulary) = Stored::of(folder)?;
        let files = folder.stored()?;
        let whole_numbers = |name: &str| {
            let tensor = load_recorded(files.first_file())?.shift_remove(name);
            tensor.ok_or_else(|| ModelError::MissingTensor(name.into()))
        };
        // A table of eight bits, whose rows have no scale of their own: the lengths of vectors are lost with it.
        let table = files.find(&TABLES.map(str::to_owned)).filter(|name| !files.numbers().contains(name));
        let mut shapes = IndexMap::new();
        if table.is_none() {
            shapes.insert(TABLE.to_owned(), vec![stored.rows, stored.width]);
        }
        if stored.has_weights {
            shapes.insert("weights".into(), vec![vocabulary]);
        }
        let mut weights = published::open(folder, &shapes, |name| {
            if name == TABLE { TABLES.map(str::to_owned).to_vec() } else { vec![name.to_owned()] }
        })?;
        let mut table = match table {
            Some(name) => whole_numbers(name)?.to_dtype(DType::F32)?,
            None => weights.shift_remove(TABLE).ok_or_else(|| ModelError::MissingTensor(TABLE.into()))?,
        };
        if stored.has_mapping {
            let mapping = whole_numbers("mapping")?;
            let rows = mapping.to_vec1::<i64>().map_err(|_| ModelError::MissingTensor("mapping".into()))?;
            let row = |row: i64| u32::try_from(row).ok().filter(|row| (*row as usize) < stored.rows);
            let rows: Option<Vec<u32>> = rows.into_iter().map(row).collect();
            let rows = rows.ok_or_else(|| {
                let message = format!("`mapping` names rows that the table of {} does not have", stored.rows);
                ModelError::content(files.first_file(), message)
            })?;
            table = table.index_select(&Tensor::new(rows, table.device())?, 0)?;
        }
        if let Some(factors) = weights.get("weights") {
            table = table.broadcast_mul(&factors.reshape(((), 1))?)?;
        }
        Ok(Weights::from([(TABLE.to_owned(), table)]))
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        ConfigSummary {
            vocabulary: self.vocabulary,
            max_length: self.max_length,
            padding: 0,
            intermediate_size: 0,
            sizes: vec![("hidden_dim", self.width), ("vocabulary", self.vocabulary)],
            counts: Vec::new(),
            stacks: Vec::new(),
            divisions: Vec::new(),
            epsilons: Vec::new(),
            activations: Vec::new(),
        }
    }

    pub(super) fn outline(&self) -> Outline {
        let stream = Stream { embedding: Some(self.width), ..Stream::new(0, self.width, 1) };
        Outline { streams: [(String::new(), stream)].into_iter().collect(), ..Outline::default() }
    }

    /// `config.json`, as model2vec has it.
    pub(super) fn to_json(&self) -> Value {
        let mut json = self.published.clone();
        json["model_type"] = json!(MODEL_TYPE);
        json["architectures"] = json!(["StaticModel"]);
        json["hidden_dim"] = json!(self.width);
        json["normalize"] = json!(self.normalise);
        json["embedding_dtype"] = json!("float32");
        json[UNKNOWN] = json!(if self.left_out.is_none() { KEEP } else { "drop" });
        json["max_length"] = if self.max_length == UNLIMITED { Value::Null } else { json!(self.max_length) };
        if let Some(json) = json.as_object_mut() {
            json.shift_remove("vocabulary_quantization");
        }
        json
    }

    /// `modules.json`, as model2vec writes it for sentence-transformers.
    pub(super) fn modules(&self) -> Value {
        let module = |index: usize, path: &str, class: &str| {
            let class = format!("sentence_transformers.models.{class}");
            json!({ "idx": index, "name": index.to_string(), "path": path, "type": class })
        };
        let mut modules = vec![module(0, ".", modules::STATIC)];
        if self.normalise {
            modules.push(module(1, "1_Normalize", "Normalize"));
        }
        Value::Array(modules)
    }
}
