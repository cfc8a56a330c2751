//! Masks of streams: their names in a trace, and their tensors.

use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::LossError;

/// Names of the mask of a stream in a trace, by the stream's name or with `.hidden` behind it: first its own, then what
/// transformers calls the input that it comes from. The stream without a name is the only one, or both of two that are
/// read together.
#[must_use]
pub fn mask_names(stream: &str) -> Vec<String> {
    let own =
        if stream.is_empty() { "joint_attention_mask".into() } else { format!("{stream}_attention_mask") };
    let given = match stream {
        "image" | "vision" | "vision.cross" => "visual_attention_mask",
        // No input has the mask of what is written, or of patches within an encoder of texts.
        "decoder" | "encoder.image" => return vec![own],
        hidden if hidden.ends_with(".hidden") => return vec![own],
        _ => "attention_mask",
    };
    vec![own, given.into()]
}

/// A mask `[batch, length]` as a tensor of ones and zeros.
pub(crate) fn mask_tensor(mask: &[u8], shape: (usize, usize)) -> Result<Tensor, LossError> {
    let values: Vec<f32> = mask.iter().map(|&kept| f32::from(kept)).collect();
    Ok(Tensor::from_vec(values, shape, device::current())?)
}
