//! Models and files of the Hugging Face hub, fetched into its usual cache.
//!
//! A name is `OWNER/NAME[@REVISION]`, and for a file of a dataset `OWNER/NAME[@REVISION]/PATH` ([`HubName`]); without a
//! revision it is `main`. Everything is fetched at one commit, so that a branch that moves meanwhile cannot mix two versions.
//! The cache is the one that the Python libraries use: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`
//! and `HF_HUB_OFFLINE` are honoured, and `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
//!
//! Answers of a hub are verified: names become paths when they stay below their folder on every system, a file gets its
//! name when its length and its digest are those that were given for the commit of the listing, the token goes to the hub's
//! own address alone, and everything has a limit ([`Limits`]). A file that is damaged in the cache is fetched again.
//!
//! ```
//! use alambic_hub::{Hub, HubName};
//!
//! let name = HubName::parse_model("sentence-transformers/all-MiniLM-L6-v2@v1.0")?;
//! assert_eq!(name.revision(), "v1.0");
//! assert!(HubName::parse_model("../all-MiniLM-L6-v2").is_err());
//! # let fetch = || -> Result<(), Box<dyn std::error::Error>> {
//! // The folder of a model in the cache; what is not there yet is fetched.
//! let folder = Hub::from_environment().model("sentence-transformers/all-MiniLM-L6-v2")?;
//! println!("{}", folder.display());
//! # Ok(())
//! # };
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod dataset;
mod digest;
mod download;
mod environment;
mod error;
mod http;
mod hub;
mod limits;
mod listing;
mod model;
mod name;
mod path;
mod repository_cache;
mod snapshot;

pub use error::HubError;
pub use hub::Hub;
pub use limits::Limits;
pub use name::{HubName, HubNameError};
