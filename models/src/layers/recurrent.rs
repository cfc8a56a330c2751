//! Long short-term memory over a sequence.

use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::Activation;

use super::{Linear, Shapes, WeightSource};
use crate::{ModelError, Tokens};

/// In which order a sequence is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// From the first token to the last.
    Forward,
    /// From the last token to the first.
    Backward,
}

impl Order {
    fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        }
    }
}

/// Layers of long short-term memory (Hochreiter and Schmidhuber, 1997) that read a sequence in one order or in both, each to
/// its end.
///
/// The gates of a layer are one linear map of a token's state and the layer's own, `[4 H, D + H]`: in the order of PyTorch
/// input, forget, cell and output, its `weight_ih` beside its `weight_hh`, and its two biases added.
#[derive(Debug, Clone)]
pub(crate) struct Recurrent {
    orders: Vec<(Order, Linear)>,
    width: usize,
}

impl Recurrent {
    /// The names of the layers, `.weight` and `.bias` left out.
    pub(crate) fn names(name: &str, both: bool) -> Vec<String> {
        orders(both).map(|order| gates(name, order)).collect()
    }

    /// Names and shapes of the parameters, of so many inputs and of layers of this width.
    pub(crate) fn shapes(shapes: &mut Shapes, name: &str, inputs: usize, width: usize, both: bool) {
        for layer in Self::names(name, both) {
            shapes.biased(&layer, &[4 * width, inputs + width]);
        }
    }

    pub(crate) fn load(
        source: WeightSource<'_>,
        name: &str,
        inputs: usize,
        width: usize,
        both: bool,
    ) -> Result<Self, ModelError> {
        let layer =
            |order| Ok((order, Linear::load(source, &gates(name, order), inputs + width, 4 * width)?));
        Ok(Self { orders: orders(both).map(layer).collect::<Result<_, ModelError>>()?, width })
    }

    /// The state at the end of each sequence, `[batch, H]`, and of layers in both orders `[batch, 2 H]`: that behind the last
    /// token, and that before the first. Padding is passed over.
    pub(crate) fn forward(&self, states: &Tensor, tokens: &Tokens) -> Result<Tensor, ModelError> {
        let ends = self.orders.iter().map(|(order, gates)| self.end(states, tokens, *order, gates));
        Ok(Tensor::cat(&ends.collect::<Result<Vec<_>, ModelError>>()?, 1)?)
    }

    fn end(
        &self,
        states: &Tensor,
        tokens: &Tokens,
        order: Order,
        gates: &Linear,
    ) -> Result<Tensor, ModelError> {
        let (batch, length, _) = states.dims3()?;
        let nothing = Tensor::zeros((batch, self.width), states.dtype(), states.device())?;
        let (mut own, mut cell) = (nothing.clone(), nothing);
        for step in 0..length {
            let place = if order == Order::Forward { step } else { length - 1 - step };
            let kept: Vec<f32> = (0..batch).map(|row| f32::from(tokens.mask[row * length + place])).collect();
            if kept.iter().all(|&kept| kept == 0.0) {
                continue;
            }
            let read = states.narrow(1, place, 1)?.squeeze(1)?;
            let said = gates.forward(&Tensor::cat(&[&read, &own], 1)?, Activation::Identity)?;
            let gate = |index: usize| said.narrow(D::Minus1, index * self.width, self.width);
            let input = (sigmoid(&gate(0)?)? * gate(2)?.tanh()?)?;
            let next_cell = ((sigmoid(&gate(1)?)? * &cell)? + input)?;
            let next = (sigmoid(&gate(3)?)? * next_cell.tanh()?)?;
            if kept.iter().all(|&kept| kept == 1.0) {
                (own, cell) = (next, next_cell);
            } else {
                let kept = Tensor::from_vec(kept, (batch, 1), device::current())?;
                let go = |before: &Tensor, after: &Tensor| before + (after - before)?.broadcast_mul(&kept)?;
                (own, cell) = (go(&own, &next)?, go(&cell, &next_cell)?);
            }
        }
        Ok(own)
    }
}

fn orders(both: bool) -> impl Iterator<Item = Order> {
    std::iter::once(Order::Forward).chain(both.then_some(Order::Backward))
}

fn gates(name: &str, order: Order) -> String {
    format!("{name}.{}.gates", order.name())
}

/// `1 / (1 + e^-x)`, by way of a function whose gradient is known.
fn sigmoid(x: &Tensor) -> Result<Tensor, ModelError> {
    Ok((x * 0.5)?.tanh()?.affine(0.5, 0.5)?)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use alambic_tensor::candle::Var;
    use alambic_tensor::parameters::{Weights, load};

    use alambic_tensor::gradients::backward;

    use super::*;
    use alambic_tensor::candle::Device;

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn states_and_gradients_are_those_of_pytorch() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recurrent");
        let recorded = load(&folder.join("expected.safetensors")).unwrap();
        let variables: Vec<(String, Var)> = recorded
            .iter()
            .filter(|(name, _)| name.starts_with("pooling.") || *name == "states")
            .map(|(name, tensor)| (name.clone(), Var::from_tensor(tensor).unwrap()))
            .collect();
        let weights: Weights =
            variables.iter().map(|(name, variable)| (name.clone(), variable.as_tensor().clone())).collect();
        let states = weights["states"].clone();
        let (batch, length, width) = states.dims3().unwrap();
        let mask: Vec<u8> = numbers(&recorded["mask"]).iter().map(|&kept| u8::from(kept > 0.0)).collect();
        let tokens = Tokens { ids: Arc::new(vec![0; batch * length]), mask: Arc::new(mask), batch, length };
        for (name, both) in [("forward", false), ("both", true)] {
            let hidden = recorded[name].dim(1).unwrap() / if both { 2 } else { 1 };
            let layers =
                Recurrent::load(WeightSource::new(&weights), "pooling", width, hidden, both).unwrap();
            let end = layers.forward(&states, &tokens).unwrap();
            let compare = |found: &Tensor, expected: &Tensor, what: &str| {
                let pairs = numbers(found).into_iter().zip(numbers(expected));
                let largest = pairs.map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
                assert!(largest < 1e-5, "{name}: {what} differs by {largest}");
            };
            compare(&end, &recorded[name], "the state");
            // Numbers that are not alike, so that no gradient is that of another place.
            let slopes = recorded[name].affine(0.0, 0.0).unwrap();
            let count = slopes.elem_count();
            let slopes =
                Tensor::arange(0.0, count as f32, &Device::Cpu).unwrap().reshape(slopes.shape()).unwrap();
            let gradients =
                backward(&(end * (slopes / count as f64).unwrap()).unwrap().sum_all().unwrap()).unwrap();
            for (variable_name, variable) in &variables {
                let Some(expected) = recorded.get(&format!("{name}/{variable_name}")) else { continue };
                compare(gradients.get(variable.as_tensor()).unwrap(), expected, variable_name);
            }
        }
    }
}
