//! Comparison of traces with those of transformers, where they count.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

mod folder;

use alambic_models::Trace;
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::{self, Weights};
pub(crate) use folder::folder;

/// Kind of a tap: the last part of its name that is no number.
fn kind(tap: &str) -> &str {
    tap.rsplit('.').find(|part| part.parse::<usize>().is_err()).unwrap_or_default()
}

/// Which numbers of a tap count: not those of padding, and no scores that a mask takes away.
fn counted(tap: &str, expected: &Tensor, all: &Weights, mask: Option<&Tensor>) -> Vec<bool> {
    let mut counted = vec![true; expected.elem_count()];
    let dims = expected.dims();
    if let Some(mask) = mask.filter(|_| !tap.starts_with("image.")) {
        let mask = mask.to_dtype(alambic_tensor::candle::DType::F32).unwrap().to_vec2::<f32>().unwrap();
        let length = mask[0].len();
        let is_kept = |row: usize, place: usize| mask[row][place] != 0.0;
        for (index, counted) in counted.iter_mut().enumerate() {
            match (kind(tap), dims) {
                ("hidden" | "queries" | "keys" | "values" | "logits", &[_, own, width]) if own == length => {
                    *counted = is_kept(index / (own * width), index / width % own);
                }
                ("scores" | "attention", &[_, heads, queries, keys])
                    if queries == length && keys == length =>
                {
                    let example = index / (heads * queries * keys);
                    *counted = is_kept(example, index / keys % queries)
                        && (kind(tap) == "attention" || is_kept(example, index % keys));
                }
                _ => {}
            }
        }
    }
    if kind(tap) == "scores"
        && let Some(probabilities) = all.get(&tap.replace("scores", "attention"))
    {
        let probabilities = probabilities.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (counted, probability) in counted.iter_mut().zip(probabilities) {
            *counted &= probability != 0.0;
        }
    }
    counted
}

/// Fails unless every expected tap is in the trace, finite, and differs where it counts by at most 1e-4 of its largest number,
/// or 1e-4.
pub(crate) fn assert_agrees(model: &str, trace: &Trace) {
    let expected = parameters::load(&folder(model).join("expected.safetensors")).unwrap();
    let inputs = parameters::load(&folder(model).join("inputs.safetensors")).unwrap();
    for (name, tensor) in &expected {
        let found = trace.get(name).unwrap_or_else(|| panic!("{model} has no tap {name}"));
        assert_eq!(found.dims(), tensor.dims(), "{model}: {name}");
        let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (found, values) = (values(found), values(tensor));
        let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let counted = counted(name, tensor, &expected, inputs.get("attention_mask"));
        assert!(counted.contains(&true), "{model}: nothing of {name} counts");
        for ((found, expected), counted) in found.iter().zip(&values).zip(counted) {
            let difference = (found - expected).abs();
            let is_close = !counted || difference <= (1e-4 * largest).max(1e-4);
            assert!(found.is_finite() && is_close, "{model}: {name} differs by {difference}");
        }
    }
}
