//! What `--version` says.

use std::sync::OnceLock;

use alambic_tensor::instruction_sets;

/// Optional features of this build.
const FEATURES: [(&str, bool); 2] = [("cuda", cfg!(feature = "cuda")), ("metal", cfg!(feature = "metal"))];

/// Version with commit, target, features, and the instruction sets that are in use.
pub(crate) fn long_version() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let or = |text: String, none: &str| if text.is_empty() { none.to_owned() } else { text };
        let features = FEATURES.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name);
        format!(
            "{}\ncommit: {}\ntarget: {}\nfeatures: {}\ninstruction sets: {}",
            env!("CARGO_PKG_VERSION"),
            or(env!("ALAMBIC_COMMIT").to_owned(), "unknown"),
            env!("ALAMBIC_TARGET"),
            or(features.collect::<Vec<_>>().join(", "), "none"),
            or(instruction_sets().join(", "), "those of the target"),
        )
    })
}
