//! Times the forward pass of an encoder of texts: the last hidden state of a batch, without a graph.
//! `benches/peers/encode.py` times the same in PyTorch and onnxruntime and takes the same options.
//!
//! ```text
//! cargo bench --bench encode -- [--layers 6] [--width 384] [--batch 1] [--length 16] [--steps 20] ...
//! ```
//!
//! Prints one JSON object: the settings, and what was measured.

mod encoder;
mod encoding;
mod process;
mod timing;

use std::error::Error;

use encoding::{DEFAULTS, Encoding};

fn main() -> Result<(), Box<dyn Error>> {
    timing::time(&DEFAULTS, std::env::args().skip(1), Encoding::new)
}
