//! Scripts of texts written in one before they are tokenized.

use alambic_models::UnifiedScript;
use alambic_settings::choices;

choices! {
    /// Script in which texts of its family of scripts are written before they are tokenized.
    pub enum ScriptUnification {
        /// Bengali, Gurmukhi, Gujarati, Oriya, Tamil, Telugu, Kannada and Malayalam in Devanagari, character by character at the same
        /// place of their Unicode blocks; Urdu, Santali and Meitei stay.
        Devanagari = "devanagari",
    }
}

impl From<ScriptUnification> for UnifiedScript {
    fn from(script: ScriptUnification) -> Self {
        match script {
            ScriptUnification::Devanagari => Self::Devanagari,
        }
    }
}
