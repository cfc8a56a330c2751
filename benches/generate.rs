//! Times the writing of an encoder-decoder: targets of a fixed length for a batch of sources, with random weights.
//! `benches/peers/generate.py` times the same in transformers and `CTranslate2` and takes the same options.
//!
//! ```text
//! cargo bench --bench generate -- [--t5 1] [--beam 4] [--int8 1] [--batch 64] [--new-tokens 32] [--steps 20] ...
//! ```
//!
//! Prints one JSON object: the settings, and what was measured.

mod process;
mod timing;
mod translator;

use std::error::Error;

use alambic_models::encoder_decoder::EncoderDecoder;
use alambic_models::{GenerationConfig, Tokens};
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::precision::{self, MatmulPrecision};
use timing::{Options, Timed};
use translator::{PADDING, SIZES, initial, sequences};

const WRITING: [(&str, f64); 5] = [
    ("batch", 64.0),
    ("source-length", 24.0),
    // Of every target: none ends before.
    ("new-tokens", 32.0),
    ("beam", 1.0),
    // 1 for products in integers of 8 bits.
    ("int8", 0.0),
];

/// An encoder-decoder, and the batch that it reads over and over.
struct Writing {
    model: EncoderDecoder,
    parameters: usize,
    source: Tokens,
    generation: GenerationConfig,
    products: MatmulPrecision,
}

impl Writing {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let streams = Streams::new(1);
        let [length, new_tokens] = ["source-length", "new-tokens"].map(|name| options.size(name));
        let (structure, weights) = initial(options, length.max(new_tokens), streams)?;
        let mut generator = streams.shuffling(0);
        let source = sequences(options.size("batch"), length, options.size("vocabulary"), &mut generator);
        Ok(Self {
            model: EncoderDecoder::new(structure, &weights)?,
            parameters: weights.values().map(Tensor::elem_count).sum(),
            source: Tokens::pad(&source, PADDING),
            generation: GenerationConfig {
                beam: options.size("beam"),
                min_new_tokens: new_tokens,
                num_return_sequences: Some(1),
                ..GenerationConfig::greedy(new_tokens)
            },
            products: if options.size("int8") == 1 { MatmulPrecision::Int8 } else { MatmulPrecision::F32 },
        })
    }
}

impl Timed for Writing {
    fn parameters(&self) -> usize {
        self.parameters
    }

    fn step(&mut self) -> Result<f32, Box<dyn Error>> {
        let written = precision::with(self.products, || self.generation.run(&self.model, &self.source))?;
        let first = written.first().and_then(|hypotheses| hypotheses.first()).ok_or("nothing was written")?;
        Ok(first.log_probability)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    timing::time(&[&SIZES[..], &WRITING].concat(), std::env::args().skip(1), Writing::new)
}
