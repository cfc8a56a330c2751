//! The forward pass of an encoder of texts that benches run.

use std::error::Error;

use alambic_models::text_encoder::{TextEncoder, TextInput};
use alambic_models::{Pass, TapSelection, Tokens};
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::precision::{self, MatmulPrecision};
use rand::Rng;

use crate::encoder::encoder;
use crate::timing::{Options, Timed};

/// The sizes of all-MiniLM-L6-v2, over one short sentence.
pub(crate) const DEFAULTS: [(&str, f64); 10] = [
    ("layers", 6.0),
    ("width", 384.0),
    ("heads", 12.0),
    ("ffn", 1536.0),
    ("vocabulary", 30522.0),
    ("batch", 1.0),
    ("length", 16.0),
    ("dropout", 0.0),
    // 1 for products in bfloat16, or in integers of 8 bits.
    ("bf16", 0.0),
    ("int8", 0.0),
];

/// A model, and the batch that it reads over and over.
pub(crate) struct Encoding {
    model: TextEncoder,
    parameters: usize,
    input: TextInput,
    wanted: TapSelection,
    last: String,
    products: MatmulPrecision,
}

impl Encoding {
    pub(crate) fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let config = encoder(options, "layers", "width");
        let streams = Streams::new(1);
        let weights = TextEncoder::initial_weights(&config, &streams)?;
        let mut generator = streams.shuffling(0);
        let texts: Vec<Vec<u32>> = (0..options.size("batch"))
            .map(|_| {
                let words = 0..options.size("length");
                words.map(|_| generator.random_range(1..config.vocabulary as u32)).collect()
            })
            .collect();
        let last = format!("hidden.{}", config.layers);
        Ok(Self {
            model: TextEncoder::new(&config, &weights)?,
            parameters: weights.values().map(Tensor::elem_count).sum(),
            input: TextInput::new(Tokens::pad(&texts, config.padding)),
            wanted: TapSelection::named([last.clone()]),
            last,
            products: match (options.size("bf16"), options.size("int8")) {
                (0, 0) => MatmulPrecision::F32,
                (_, 0) => MatmulPrecision::Bf16,
                _ => MatmulPrecision::Int8,
            },
        })
    }
}

impl Timed for Encoding {
    fn parameters(&self) -> usize {
        self.parameters
    }

    fn step(&mut self) -> Result<f32, Box<dyn Error>> {
        let trace = precision::with(self.products, || {
            self.model.trace(&self.input, Pass::Evaluate, self.wanted.clone())
        })?;
        let last = trace.get(&self.last).ok_or("the model gave no state")?;
        Ok(last.narrow(2, 0, 1)?.flatten_all()?.get(0)?.to_scalar::<f32>()?)
    }
}
