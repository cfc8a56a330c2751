//! Times one training step of a Marian-layout encoder-decoder; `benches/peers/marian_step.py` times the same step in
//! PyTorch, takes the same options and says what a step is.
//!
//! ```text
//! cargo bench -p alambic-models --bench marian_step -- [--d-model 256] [--layers 3] [--steps 20] ...
//! ```
//!
//! Prints one JSON object: the settings, and the median, smallest and largest milliseconds a step.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{Pass, Tokens, Trace, Wanted};
use alambic_tensor::Streams;
use alambic_tensor::gradients::Gradients;
use alambic_tensor::ops::{self, CrossEntropy, Dropout};
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::Parameters;
use alambic_tensor::threads;
use indexmap::IndexMap;
use rand::Rng;
use serde_json::{Value, json};

/// Training allocates and frees the same large buffers every step: an allocator that gives the pages back to the
/// system in between spends longer clearing them anew than the step takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PADDING: u32 = 0;
const END: u32 = 1;
/// The first id that stands for a character.
const FIRST: u32 = 2;

/// Options by name, with their defaults.
struct Options(IndexMap<String, f64>);

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let defaults = [
            ("d-model", 256.0),
            ("layers", 3.0),
            ("heads", 4.0),
            ("ffn", 1024.0),
            ("vocabulary", 400.0),
            ("batch", 128.0),
            ("source-length", 12.0),
            ("target-length", 12.0),
            ("steps", 20.0),
            ("warm-up", 5.0),
            ("threads", 2.0),
            ("dropout", 0.1),
            ("label-smoothing", 0.1),
        ];
        let mut options: IndexMap<String, f64> =
            defaults.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // `cargo bench` adds `--bench`.
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            let option = argument
                .strip_prefix("--")
                .and_then(|name| options.get_mut(name))
                .ok_or_else(|| format!("there is no option `{argument}`"))?;
            let value = arguments.next().ok_or_else(|| format!("`{argument}` needs a value"))?;
            *option = value.parse().map_err(|_| format!("`{argument}` needs a number, not `{value}`"))?;
        }
        Ok(Self(options))
    }

    fn number(&self, name: &str) -> f64 {
        self.0[name]
    }

    fn size(&self, name: &str) -> usize {
        self.0[name] as usize
    }

    fn to_json(&self) -> Value {
        let number = |value: f64| if value.fract() == 0.0 { json!(value as u64) } else { json!(value) };
        self.0.iter().map(|(name, &value)| (name.clone(), number(value))).collect()
    }
}

fn configuration(options: &Options) -> MarianConfig {
    MarianConfig {
        vocab_size: options.size("vocabulary"),
        d_model: options.size("d-model"),
        encoder_layers: options.size("layers"),
        decoder_layers: options.size("layers"),
        encoder_attention_heads: options.size("heads"),
        decoder_attention_heads: options.size("heads"),
        encoder_ffn_dim: options.size("ffn"),
        decoder_ffn_dim: options.size("ffn"),
        activation_function: "swish".into(),
        dropout: options.number("dropout") as f32,
        scale_embedding: true,
        max_position_embeddings: options.size("source-length").max(options.size("target-length")).max(64),
        pad_token_id: PADDING,
        eos_token_id: END,
        decoder_start_token_id: PADDING,
    }
}

/// Random ids, ended and left to be padded: lengths even between half and the whole, the first the whole.
fn sequences(batch: usize, length: usize, vocabulary: usize, generator: &mut impl Rng) -> Vec<Vec<u32>> {
    (0..batch)
        .map(|row| {
            let filled = if row == 0 { length } else { generator.random_range(length.div_ceil(2)..=length) };
            let mut ids: Vec<u32> =
                (1..filled).map(|_| generator.random_range(FIRST..vocabulary as u32)).collect();
            ids.push(END);
            ids
        })
        .collect()
}

/// Source, the decoder's input, and what the logits are compared with.
fn batch(options: &Options) -> (Tokens, Tokens, CrossEntropy) {
    let mut generator = Streams::new(1).shuffling(0);
    let (rows, vocabulary) = (options.size("batch"), options.size("vocabulary"));
    let source = sequences(rows, options.size("source-length"), vocabulary, &mut generator);
    let target = sequences(rows, options.size("target-length"), vocabulary, &mut generator);
    let shifted: Vec<Vec<u32>> = target
        .iter()
        .map(|ids| std::iter::once(PADDING).chain(ids[..ids.len() - 1].iter().copied()).collect())
        .collect();
    let labels = Tokens::pad(&target, PADDING);
    let labels = CrossEntropy {
        targets: labels.ids.clone(),
        weights: Arc::new(labels.mask.iter().map(|&kept| f32::from(kept)).collect()),
        smoothing: options.number("label-smoothing") as f32,
    };
    (Tokens::pad(&source, PADDING), Tokens::pad(&shifted, PADDING), labels)
}

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: there is no second thread yet.
    unsafe { threads::keep_candle_from_spinning() };
    let options = Options::parse(std::env::args().skip(1))?;
    let result = threads::install(Some(options.size("threads")), || {
        // An error cannot leave the computing threads as it is.
        measure(&options).map_err(|error| error.to_string())
    })??;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&result)?)?;
    Ok(())
}

/// Trains for the steps asked for and says how long they took.
fn measure(options: &Options) -> Result<Value, Box<dyn Error>> {
    let config = configuration(options);
    let streams = Streams::new(1);
    let parameters = Parameters::from_weights(&Marian::initial_weights(&config, &streams)?)?;
    let model = Marian::new(&config, &parameters.tracked())?;
    let (source, target, labels) = batch(options);
    let dropout = Dropout::new(&streams);
    let mut optimiser = AdamW::new(AdamWOptions {
        learning_rate: 1e-4,
        beta1: 0.9,
        beta2: 0.98,
        epsilon: 1e-8,
        weight_decay: 0.01,
        no_decay: Vec::new(),
    });
    let (mut milliseconds, mut losses) = (Vec::new(), Vec::new());
    for _ in 0..options.size("warm-up") + options.size("steps") {
        let started = Instant::now();
        let (pass, mut untapped) = (Pass::Train(&dropout), Trace::new(Wanted::nothing()));
        let memory = model.encode(&source, pass, &mut untapped)?;
        let logits = model.decode(&memory, &source, &target, pass, &mut untapped)?;
        let loss = ops::cross_entropy(&logits, labels.clone())?;
        let gradients = Gradients::collect(loss.backward()?, &parameters);
        optimiser.step(&parameters, &gradients, 1.0, (1.0 / gradients.norm()?).min(1.0))?;
        losses.push(loss.to_scalar::<f32>()?);
        milliseconds.push(1e3 * started.elapsed().as_secs_f64());
    }
    let mut kept = milliseconds.split_off(options.size("warm-up"));
    kept.sort_unstable_by(f64::total_cmp);
    let rounded = |value: Option<&f64>| value.map(|value| (value * 10.0).round() / 10.0);
    Ok(json!({
        "settings": options.to_json(),
        "parameters": parameters.count(),
        "median-ms": rounded(kept.get(kept.len() / 2)),
        "min-ms": rounded(kept.first()),
        "max-ms": rounded(kept.last()),
        "first-loss": losses.first(),
        "last-loss": losses.last(),
    }))
}
