//! Former names of the keys of a recipe, the one place where they stay: for the error about a recipe that was written
//! before a key was renamed.

use alambic_settings::RenamedKeys;

/// Table of renamed keys: the former name, and the names that took its place, of which a table has one.
pub const RENAMED_KEYS: RenamedKeys = RenamedKeys(&[
    ("accumulate", &["gradient-accumulation"]),
    ("alone", &["monolingual"]),
    ("average", &["ema-decay"]),
    ("beside", &["compare-with"]),
    ("clip", &["max-grad-norm"]),
    ("fewest-words", &["min-words"]),
    ("from-teacher", &["encoder-decoder-layers"]),
    ("keep", &["n-best"]),
    ("least", &["min-answer-count", "min-similarity"]),
    ("least-confidence", &["min-confidence"]),
    ("longest", &["max-length", "max-new-tokens", "max-characters"]),
    ("lowered", &["precisions"]),
    ("most", &["max-regions"]),
    ("most-alike", &["max-character-similarity"]),
    ("other-first", &["mismatched-first-probability"]),
    ("other-second", &["mismatched-second-probability"]),
    ("rendered-by", &["back-translated-by"]),
    ("scratch", &["encoder-decoder"]),
    ("shortest", &["min-characters"]),
    ("student", &["model"]),
    ("student-reads", &["student-languages", "student-side"]),
    ("tags-in", &["tag-language"]),
    ("teacher-reads", &["teacher-language", "teacher-side"]),
]);

#[cfg(test)]
mod tests {
    use alambic_settings::{Setting, json_schema};

    use super::*;
    use crate::schema::Recipe;

    #[test]
    fn every_present_name_is_a_key_of_the_schema() {
        let schema = json_schema(&Recipe::describe(), "recipe").to_string();
        for (former, names) in RENAMED_KEYS.0 {
            for name in *names {
                assert!(schema.contains(&format!("\"{name}\":")), "{former}: {name}");
            }
        }
    }
}
