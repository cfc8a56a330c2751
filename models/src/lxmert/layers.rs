//! An LXMERT from layers of another one.

use alambic_tensor::parameters::Weights;

use super::LxmertConfig;

/// What stands before the number of a layer in the names of its tensors: of the text, of the regions, and across both.
const STACKS: [&str; 3] = ["encoder.layer.", "encoder.r_layers.", "encoder.x_layers."];

impl LxmertConfig {
    /// The weights of another model of these widths, of whose layers those of these indices, counted from 0, are kept: of the text
    /// encoder, of the region encoder, and of the cross-modal one. What the other model lacks is left out.
    #[must_use]
    pub fn weights_of_layers(&self, weights: &Weights, kept: [&[usize]; 3]) -> Weights {
        let source = |name: &str| {
            STACKS.iter().zip(kept).find_map(|(stack, kept)| {
                let start = name.find(stack)? + stack.len();
                let (index, rest) = name[start..].split_once('.')?;
                let layer = kept.get(index.parse::<usize>().ok()?)?;
                Some(format!("{}{layer}.{rest}", &name[..start]))
            })
        };
        let own = |name: String| {
            let from = source(&name).unwrap_or_else(|| name.clone());
            let tensor = Self::spellings(&from).into_iter().find_map(|from| weights.get(&from))?;
            Some((name, tensor.clone()))
        };
        self.shapes().into_keys().filter_map(own).collect()
    }
}
