//! Recipes: the schema, the resolver, the stage runner.

pub mod bench;
pub mod book;
pub mod cache;
pub mod check;
pub mod load;
pub mod observer;
pub mod plan;
pub mod run;
pub mod schema;

pub use cache::cache;
pub use check::{Depth, check, check_and_tell, is_fatal};
pub use load::{Loaded, load};
pub use plan::{Plan, plan};
pub use run::{Finished, RunError, RunOptions, StartMode, resumable, run};
