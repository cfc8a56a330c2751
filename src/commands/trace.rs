//! `alambic trace`.

use std::path::PathBuf;

use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{ModelFolder, Pass, Tokens, Wanted};
use alambic_settings::reader::nearest;
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::parameters;
use clap::Args;

use crate::failure::Failure;
use crate::output;

/// One forward pass of a model; writes its inputs and taps
#[derive(Args)]
pub(crate) struct Arguments {
    /// The model's folder
    model: PathBuf,
    /// A safetensors file with `input_ids`, and `attention_mask` and `decoder_input_ids` where wanted
    #[arg(long, value_name = "FILE")]
    inputs: PathBuf,
    /// The safetensors file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only these taps, parted by commas; `alambic list taps MODEL` shows them
    #[arg(long, value_name = "TAPS", value_delimiter = ',')]
    taps: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = ModelFolder::open(&arguments.model)?;
    let config: MarianConfig = folder.config("marian")?;
    let known = config.outline().taps();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    if let Some(tap) = arguments.taps.iter().find(|tap| !known.contains(&tap.as_str())) {
        let near = nearest(tap, &known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return Err(Failure::Usage(format!("the model has no tap `{tap}`{near}")));
    }
    let mut written = parameters::load(&arguments.inputs)
        .map_err(|error| Failure::message(format!("{}: {error}", arguments.inputs.display())))?;
    let Some(ids) = written.get("input_ids") else {
        return Err(Failure::message(format!("{}: there is no `input_ids`", arguments.inputs.display())));
    };
    let source = Tokens::from_tensors(ids, written.get("attention_mask"))?;
    let target = written.get("decoder_input_ids").map(|ids| Tokens::from_tensors(ids, None)).transpose()?;
    if target.is_none()
        && let Some(tap) = arguments.taps.iter().find(|tap| !tap.starts_with("encoder."))
    {
        return Err(Failure::Usage(format!("`{tap}` needs `decoder_input_ids` among the inputs")));
    }
    if !written.contains_key("attention_mask") {
        let mask: Vec<i64> = source.mask.iter().map(|&kept| i64::from(kept)).collect();
        let mask = Tensor::from_vec(mask, (source.batch, source.length), &Device::Cpu)?;
        written.insert("attention_mask".into(), mask);
    }
    let wanted =
        if arguments.taps.is_empty() { Wanted::All } else { Wanted::named(arguments.taps.iter().cloned()) };
    let model = Marian::new(&config, &folder.weights()?)?;
    let trace = model.trace(&source, target.as_ref(), Pass::Evaluate, wanted)?;
    let count = trace.taps().len();
    written.extend(trace.taps().iter().map(|(name, tensor)| (name.clone(), tensor.clone())));
    parameters::save(&written, &[], &arguments.out)
        .map_err(|error| Failure::message(format!("{}: {error}", arguments.out.display())))?;
    output::line(&format!("{}: {count} taps", arguments.out.display()))
}
