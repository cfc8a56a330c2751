//! Models and files of the Hugging Face hub, fetched into its usual cache.
//!
//! A name is `OWNER/NAME[@REVISION]`, and for a file of a dataset `OWNER/NAME[@REVISION]/PATH`; without a revision it is
//! `main`. Everything is fetched at one commit, so that a branch that moves meanwhile cannot mix two versions. The cache
//! is the one that the Python libraries use: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`
//! are honoured.

mod name;

use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};

pub use name::{Name, NameError};

/// Why something of the hub is not at hand.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The name is not one of the hub's.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It is not in the cache, and the network may not be used.
    #[error("hf:{name} is not in {}, and HF_HUB_OFFLINE forbids to fetch it: run once without it", cache.display())]
    Offline {
        /// The name.
        name: String,
        /// The cache.
        cache: PathBuf,
    },
    /// The hub did not give it.
    #[error("hf:{name} cannot be fetched from {endpoint}: {message}")]
    Refused {
        /// The name.
        name: String,
        /// The hub's address.
        endpoint: String,
        /// Why, and what to do.
        message: String,
    },
    /// A file where a model is wanted.
    #[error("hf:{0} names a file, and a model is a whole repository: leave out what stands behind its name")]
    NoRepository(String),
    /// A model's repository holds nothing that a model is made of.
    #[error("hf:{name} holds no `{file}`; is it a model?")]
    NoModel {
        /// The name.
        name: String,
        /// The file that is missing.
        file: &'static str,
    },
}

/// What is fetched of a model's repository, where it is there: configuration, tokenizer, pooling. Weights come besides.
const WANTED: [&str; 14] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "preprocessor_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "README.md",
];

/// Names of weights, the preferred first; shards are told by the beginning and the end of their names.
const WEIGHTS: [(&str, &str, &str); 2] =
    [("model.safetensors", "model-", ".safetensors"), ("pytorch_model.bin", "pytorch_model-", ".bin")];

/// The hub as the environment describes it.
#[derive(Debug, Clone)]
pub struct Hub {
    endpoint: String,
    cache: PathBuf,
    token: Option<String>,
    offline: bool,
}

impl Hub {
    /// The hub and the cache that the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let cache = set("HF_HUB_CACHE").map_or_else(|| Cache::from_env().path().clone(), PathBuf::from);
        let token = set("HF_TOKEN").or_else(|| Cache::new(cache.clone()).token());
        let yes = |value: String| ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str());
        Self {
            endpoint: set("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned()),
            cache,
            token,
            offline: set("HF_HUB_OFFLINE").is_some_and(yes),
        }
    }

    /// A hub at an address with a cache, for tools that ask no environment.
    #[must_use]
    pub fn at(endpoint: &str, cache: &Path) -> Self {
        Self { endpoint: endpoint.to_owned(), cache: cache.to_owned(), token: None, offline: false }
    }

    /// The same without a network.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// The folder of a model with its configuration, tokenizer and weights, fetched if it is not in the cache.
    ///
    /// # Errors
    /// When the name is wrong, the hub refuses, or nothing may be fetched and the model is not there.
    pub fn model(&self, name: &str) -> Result<PathBuf, HubError> {
        let parsed = Name::parse(name)?;
        if parsed.path.is_some() {
            return Err(HubError::NoRepository(name.to_owned()));
        }
        if self.offline {
            let folder = self.cached(&parsed, RepoType::Model)?;
            return if folder.join("config.json").is_file() { Ok(folder) } else { Err(self.absent(name)) };
        }
        let (api, commit, files) = self.listing(&parsed, RepoType::Model)?;
        let holds = |file: &str| files.iter().any(|other| other == file);
        if !holds("config.json") {
            return Err(HubError::NoModel { name: name.to_owned(), file: "config.json" });
        }
        let weights = WEIGHTS.iter().find_map(|&(whole, start, end)| {
            if holds(whole) {
                return Some(vec![whole.to_owned()]);
            }
            let index = format!("{whole}.index.json");
            let shard = |file: &&String| file.starts_with(start) && file.ends_with(end);
            holds(&index).then(|| files.iter().filter(shard).cloned().chain([index.clone()]).collect())
        });
        let Some(weights) = weights else {
            return Err(HubError::NoModel { name: name.to_owned(), file: WEIGHTS[0].0 });
        };
        let repo = api.repo(pinned(&parsed, RepoType::Model, &commit));
        let wanted = WANTED.iter().filter(|file| holds(file)).map(|&file| file.to_owned());
        for file in wanted.chain(weights) {
            repo.get(&file).map_err(|error| self.refused(name, &error))?;
        }
        self.keep_reference(&parsed, RepoType::Model, &commit);
        Ok(self.snapshot(&parsed, RepoType::Model, &commit))
    }

    /// A file of a dataset's repository, named `OWNER/NAME[@REVISION]/PATH`, fetched if it is not in the cache.
    ///
    /// # Errors
    /// As for [`Self::model`], and when there is no such file; the error lists the tables that there are.
    pub fn file(&self, name: &str) -> Result<PathBuf, HubError> {
        let parsed = Name::parse(name)?;
        if self.offline {
            let path =
                self.cached(&parsed, RepoType::Dataset)?.join(parsed.path.as_deref().unwrap_or_default());
            return if path.is_file() { Ok(path) } else { Err(self.absent(name)) };
        }
        let (api, commit, files) = self.listing(&parsed, RepoType::Dataset)?;
        let path = parsed.path.clone().unwrap_or_default();
        if !files.contains(&path) {
            let tables: Vec<&str> = files
                .iter()
                .map(String::as_str)
                .filter(|file| {
                    [".parquet", ".csv", ".tsv", ".jsonl", ".json"].iter().any(|end| file.ends_with(end))
                })
                .collect();
            let message = if tables.is_empty() {
                "there is no table in it".to_owned()
            } else {
                format!(
                    "name one of its files behind it, as `hf:OWNER/NAME/PATH`; it has {}",
                    tables.join(", ")
                )
            };
            return Err(HubError::Refused {
                name: name.to_owned(),
                endpoint: self.endpoint.clone(),
                message,
            });
        }
        let repo = api.repo(pinned(&parsed, RepoType::Dataset, &commit));
        let file = repo.get(&path).map_err(|error| self.refused(name, &error))?;
        self.keep_reference(&parsed, RepoType::Dataset, &commit);
        Ok(file)
    }

    /// The commit that a name stands for, and the files that it holds.
    fn listing(&self, name: &Name, kind: RepoType) -> Result<(Api, String, Vec<String>), HubError> {
        let api = ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_progress(false)
            .with_retries(3)
            .build()
            .map_err(|error| self.refused(&name.text, &error))?;
        let info = api
            .repo(pinned(name, kind, name.revision()))
            .info()
            .map_err(|error| self.refused(&name.text, &error))?;
        Ok((api, info.sha, info.siblings.into_iter().map(|file| file.rfilename).collect()))
    }

    fn snapshot(&self, name: &Name, kind: RepoType, commit: &str) -> PathBuf {
        let cache = Cache::new(self.cache.clone());
        cache.repo(pinned(name, kind, commit)).pointer_path(commit)
    }

    /// Notes which commit a branch stood for, so that its name is enough without a network. That it cannot be noted
    /// does no harm now.
    fn keep_reference(&self, name: &Name, kind: RepoType, commit: &str) {
        let cache = Cache::new(self.cache.clone());
        let _ = cache.repo(pinned(name, kind, name.revision())).create_ref(commit);
    }

    /// The snapshot that is in the cache for a revision.
    fn cached(&self, name: &Name, kind: RepoType) -> Result<PathBuf, HubError> {
        let references = self.cache.join(pinned(name, kind, name.revision()).folder_name()).join("refs");
        let commit = std::fs::read_to_string(references.join(name.revision()))
            .map_or_else(|_| name.revision().to_owned(), |text| text.trim().to_owned());
        let folder = self.snapshot(name, kind, &commit);
        if folder.is_dir() { Ok(folder) } else { Err(self.absent(&name.text)) }
    }

    fn absent(&self, name: &str) -> HubError {
        HubError::Offline { name: name.to_owned(), cache: self.cache.clone() }
    }

    fn refused(&self, name: &str, error: &ApiError) -> HubError {
        let text = error.to_string();
        let message = if text.contains("401") || text.contains("403") {
            format!("{text}; it may need a token in HF_TOKEN")
        } else if text.contains("404") {
            format!("{text}; check the name and the revision")
        } else {
            format!("{text}; with HF_HUB_OFFLINE=1 what is in the cache is used")
        };
        HubError::Refused { name: name.to_owned(), endpoint: self.endpoint.clone(), message }
    }
}

/// A repository at a revision.
fn pinned(name: &Name, kind: RepoType, revision: &str) -> Repo {
    Repo::with_revision(name.repository(), kind, revision.to_owned())
}
