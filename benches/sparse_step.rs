//! Times one training step of a transformer over a text and the tokens of an image behind it, with sparse attention and with dense:
//! layers with the norm before, as a model that draws has them.
//!
//! ```text
//! cargo bench --bench sparse_step -- [--attention 0] [--side 32] [--text 64] [--batch 4] ...
//! ```
//!
//! Without `--attention` each of the three is timed in a process of its own, one after another, and one JSON object holds what was
//! measured of each, and the ratios of the sparse one to the others in time and in the most memory that the process held.
//!
//! `--attention 0` is sparse: the last layer sees squares of 5, of the others every fourth one columns and the rest rows. `1` is dense
//! under the mask of two parts, of which the kernel skips what no query of a block sees; `2` is dense under additive masks of what the
//! sparse layers see. Prints one JSON object: the settings, and what was measured, with the most memory that the process held.

mod process;
mod timing;

use std::error::Error;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::gradients::Gradients;
use alambic_tensor::ops::{
    self, Activation, AttentionHeads, AttentionMask, ImageAttention, ImagePattern, attend_image,
    attend_packed, layer_norm, linear, pack_affine,
};
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::{Parameters, Weights};
use rand::Rng;
use serde_json::{Map, Value, json};
use timing::{Options, Timed};

const DEFAULTS: [(&str, f64); 8] = [
    ("attention", 0.0),
    ("side", 32.0),
    ("text", 64.0),
    ("batch", 4.0),
    ("layers", 6.0),
    ("width", 128.0),
    ("heads", 4.0),
    ("learning-rate", 1e-4),
];

/// What a layer attends by.
enum Attention {
    Sparse(ImageAttention),
    Dense(AttentionMask),
}

struct Drawing {
    parameters: Parameters,
    input: Tensor,
    attention: Vec<Attention>,
    heads: AttentionHeads,
    optimiser: AdamW,
}

/// Weights of a layer, each with its shape.
fn shapes(layer: usize, width: usize) -> [(String, Vec<usize>); 8] {
    let name = |part: &str| format!("{layer}.{part}");
    [
        (name("before-attention.weight"), vec![width]),
        (name("before-attention.bias"), vec![width]),
        (name("packed"), vec![3 * width, width]),
        (name("out"), vec![width, width]),
        (name("before-feed-forward.weight"), vec![width]),
        (name("before-feed-forward.bias"), vec![width]),
        (name("inner"), vec![4 * width, width]),
        (name("outer"), vec![width, 4 * width]),
    ]
}

fn numbers(shape: &[usize], deviation: f32, generator: &mut impl Rng) -> Result<Tensor, Box<dyn Error>> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| generator.random_range(-deviation..deviation)).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

impl Drawing {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let [side, text, batch, layers, width] =
            ["side", "text", "batch", "layers", "width"].map(|name| options.size(name));
        let mut generator = Streams::new(1).shuffling(0);
        let mut weights = Weights::new();
        for (name, shape) in (0..layers).flat_map(|layer| shapes(layer, width)) {
            let value = match shape.as_slice() {
                [_] if name.ends_with("bias") => {
                    Tensor::zeros(shape, alambic_tensor::candle::DType::F32, &Device::Cpu)?
                }
                [_] => Tensor::ones(shape, alambic_tensor::candle::DType::F32, &Device::Cpu)?,
                _ => numbers(&shape, (3.0 / shape[1] as f32).sqrt(), &mut generator)?,
            };
            weights.insert(name, value);
        }
        // The text, a token that opens the image, and the image.
        let length = text + 1 + side * side;
        let heads = AttentionHeads::new(options.size("heads"), width)?;
        let sources = Arc::new(vec![text as u32; batch]);
        let attention = (0..layers).map(|layer| {
            let pattern = match layer + 1 {
                last if last == layers => ImagePattern::Convolution { kernel: 5 },
                number if number % 4 == 2 => ImagePattern::Column,
                _ => ImagePattern::Row,
            };
            let images = Arc::new(vec![text as u32 + 1; batch]);
            let mask =
                ImageAttention { sources: sources.clone(), images, rows: side, columns: side, pattern };
            Ok(match options.size("attention") {
                0 => Attention::Sparse(mask),
                1 => Attention::Dense(AttentionMask::prefix(sources.clone())),
                _ => {
                    // One for all examples, which are alike.
                    let one = ImageAttention {
                        sources: Arc::new(vec![text as u32]),
                        images: Arc::new(vec![text as u32 + 1]),
                        ..mask
                    };
                    let bias = one.additive(1, heads.count, length, &Device::Cpu)?;
                    Attention::Dense(AttentionMask::default().with_bias(Some(bias)))
                }
            })
        });
        let attention = attention.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let optimiser = AdamW::new(AdamWOptions {
            learning_rate: options.number("learning-rate"),
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-8,
            weight_decay: 0.01,
            no_decay: Vec::new(),
        });
        let input = numbers(&[batch, length, width], 1.0, &mut generator)?;
        Ok(Self { parameters: Parameters::from_weights(&weights)?, input, attention, heads, optimiser })
    }
}

impl Timed for Drawing {
    fn parameters(&self) -> usize {
        self.parameters.count()
    }

    fn step(&mut self) -> Result<f32, Box<dyn Error>> {
        let weights = self.parameters.tracked();
        let mut hidden = self.input.clone();
        for (layer, attention) in self.attention.iter().enumerate() {
            let weight = |part: &str| &weights[&format!("{layer}.{part}")];
            let norm = |x: &Tensor, name: &str| {
                let affine = pack_affine(weight(&format!("{name}.weight")), weight(&format!("{name}.bias")))?;
                layer_norm(x, &affine, 1e-12)
            };
            let plain = Activation::Identity;
            let packed = linear(&norm(&hidden, "before-attention")?, weight("packed"), None, plain)?;
            let context = match attention {
                Attention::Sparse(mask) => attend_image(&packed, self.heads, mask)?,
                Attention::Dense(mask) => attend_packed(&packed, self.heads, mask)?,
            };
            hidden = (hidden + linear(&context, weight("out"), None, plain)?)?;
            let inner =
                linear(&norm(&hidden, "before-feed-forward")?, weight("inner"), None, Activation::Gelu)?;
            hidden = (hidden + linear(&inner, weight("outer"), None, plain)?)?;
        }
        let loss = ops::activate(&hidden, Activation::Tanh)?.sqr()?.mean_all()?;
        let gradients = Gradients::of(&loss, &self.parameters)?;
        self.optimiser.step(&self.parameters, &gradients, 1.0, (1.0 / gradients.norm()?).min(1.0))?;
        Ok(loss.to_scalar::<f32>()?)
    }
}

/// Times one kind of attention in a process of its own, since the memory that a process held tells nothing of one part of it.
fn timed_apart(arguments: &[String], attention: usize) -> Result<Value, Box<dyn Error>> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .args(["--attention", &attention.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the process with `--attention {attention}` ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Times each kind of attention, and compares the sparse one with the others.
fn compare(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let sparse = timed_apart(arguments, 0)?;
    let others = [("dense", timed_apart(arguments, 1)?), ("masked-dense", timed_apart(arguments, 2)?)];
    let ratio = |key: &str, other: &Value| {
        let (own, other) = (sparse[key].as_f64()?, other[key].as_f64()?);
        Some((own / other * 1000.0).round() / 1000.0)
    };
    let mut result = Map::new();
    result.insert("sparse".into(), sparse.clone());
    for (name, other) in others {
        result.insert(format!("time-ratio-to-{name}"), json!(ratio("median-ms", &other)));
        result.insert(format!("peak-memory-ratio-to-{name}"), json!(ratio("peak-memory-bytes", &other)));
        result.insert(name.into(), other);
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&Value::Object(result))?)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--attention") {
        return timing::time(&DEFAULTS, arguments.into_iter(), Drawing::new);
    }
    compare(&arguments)
}
