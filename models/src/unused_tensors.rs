//! Tensors of a file that a configuration has no place for.

use std::collections::HashSet;

use alambic_files::text::quoted;

use crate::published::look_up;
use crate::{Config, ModelError, ModelFolder};

/// Tensors that are named; of others there is a count.
const MOST_NAMED: usize = 3;

/// Prefixes of the names of heads in files of transformers. An architecture has no use for those of others: as a model
/// that classifies texts for the head of its pre-training.
const HEADS: [&str; 14] = [
    "cls.",
    "classifier.",
    "pre_classifier.",
    "qa_outputs.",
    "lm_head.",
    "vocab_transform.",
    "vocab_layer_norm.",
    "vocab_projector.",
    "answer_head.",
    "obj_predict_head.",
    "mlm_score.",
    "itm_score.",
    "rank_output.",
    "multi_choice.",
];

/// Parts of names of what is no parameter, or of no use without a head.
const PARTS: [&str; 4] = ["pooler", "position_ids", "token_type_ids", "num_batches_tracked"];

/// Whether it is usual that a tensor of this name is not read.
fn is_harmless(name: &str) -> bool {
    let bare = name.strip_prefix("model.").unwrap_or(name);
    HEADS.iter().any(|head| bare.starts_with(head)) || name.split('.').any(|part| PARTS.contains(&part))
}

impl Config {
    /// Message about tensors of a folder that are no parameters of this configuration and are not read, as those of
    /// layers that it does not ask for; none where there are none. Heads, poolers and buffers that an architecture has no
    /// use for are not spoken of.
    ///
    /// # Errors
    /// When a file is missing, is not what it should be, or was cut short.
    pub fn unused_tensors(&self, folder: &ModelFolder) -> Result<Option<String>, ModelError> {
        let stored = folder.stored()?;
        let found = stored.shapes();
        let names = self.shapes().into_keys().chain(self.other_tensors());
        let read: HashSet<&str> =
            names.filter_map(|name| Some(look_up(&found, &self.spellings(&name))?.0)).collect();
        let unread: Vec<&String> =
            found.keys().filter(|name| !read.contains(name.as_str()) && !is_harmless(name)).collect();
        if unread.is_empty() {
            return Ok(None);
        }
        let named: Vec<String> =
            unread.iter().take(MOST_NAMED).map(|name| format!("`{}`", quoted(name))).collect();
        let more = match unread.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let summary = self.summary();
        let layers = summary.stacks.iter().map(|(key, layers, marker)| (key, *layers, stored.layers(marker)));
        let layers = layers.filter(|(_, layers, found)| layers < found);
        let deeper: Vec<String> = layers
            .map(|(key, layers, found)| format!("; {key} is {layers}, and the weights have {found} layers"))
            .collect();
        let file = stored.first_file().display();
        Ok(Some(format!(
            "{file}: tensors that config.json has no place for are left out: {}{more}{}",
            named.join(", "),
            deeper.concat()
        )))
    }
}
