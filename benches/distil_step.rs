//! Times one step of TinyBERT's distillation of layers: hidden states and attention scores of a student against those of a
//! teacher that are at hand. `benches/peers/distil_step.py` times the same step in PyTorch, takes the same options and says
//! what a step is.
//!
//! ```text
//! cargo bench --bench distil_step -- [--layers 4] [--width 312] [--bf16 1] [--cuda 1] [--steps 20] ...
//! ```
//!
//! Prints one JSON object: the settings, and what was measured.

mod distillation;
mod encoder;
mod process;
mod timing;

use std::error::Error;

use distillation::{DEFAULTS, Distillation};

fn main() -> Result<(), Box<dyn Error>> {
    timing::time(&DEFAULTS, std::env::args().skip(1), Distillation::new)
}
