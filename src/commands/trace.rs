//! `alambic trace`.

use std::path::PathBuf;

use alambic_losses::recorded::mask_names;
use alambic_models::architecture::{self, Batch};
use alambic_models::{Config, ModelFolder, Pass, Wanted};
use alambic_settings::reader::nearest;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::parameters;
use clap::Args;

use super::model_folder;
use crate::failure::Failure;
use crate::output;

/// One forward pass of a model; writes its inputs and taps
#[derive(Args)]
pub(crate) struct Arguments {
    /// The model's folder, or `hf:OWNER/NAME[@REVISION]`
    model: PathBuf,
    /// A safetensors file of inputs, named as transformers names them: `input_ids`, `attention_mask`, `token_type_ids`,
    /// `decoder_input_ids`, `pixel_values`, `pixel_mask`, `visual_feats`, `visual_pos`, `visual_embeds`,
    /// `visual_attention_mask`
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
    let folder = ModelFolder::open(&model_folder(&arguments.model)?)?;
    let known = Config::open(&folder)?.outline().taps();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    if let Some(tap) = arguments.taps.iter().find(|tap| !known.contains(&tap.as_str())) {
        let near = nearest(tap, &known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return Err(Failure::Usage(format!("the model has no tap `{tap}`{near}")));
    }
    let inputs = parameters::load(&arguments.inputs)
        .map_err(|error| Failure::message(format!("{}: {error}", arguments.inputs.display())))?;
    let mut written = architecture::with_mask(inputs)?;
    let wanted =
        if arguments.taps.is_empty() { Wanted::All } else { Wanted::named(arguments.taps.iter().cloned()) };
    let trace = architecture::open(&folder)?
        .read(&Batch::from_tensors(&written)?, Pass::Evaluate, wanted)
        .map_err(|error| Failure::message(format!("{}: {error}", arguments.inputs.display())))?;
    let count = trace.taps().len();
    // For losses that look at parts of what was read: which patches are of an image shows nowhere in the inputs.
    let examples = ["input_ids", "pixel_values"].iter().find_map(|name| written.get(*name)?.dim(0).ok());
    let rows = examples.unwrap_or(1).max(1);
    for (stream, mask) in trace.masks() {
        let names = mask_names(stream);
        let shape = [rows, mask.len() / rows];
        if names.iter().any(|name| written.get(name).is_some_and(|given| given.dims() == shape)) {
            continue;
        }
        let values: Vec<i64> = mask.iter().map(|&kept| i64::from(kept)).collect();
        written.insert(names[0].clone(), Tensor::from_vec(values, &shape, device::current())?);
    }
    written.extend(trace.taps().iter().map(|(name, tensor)| (name.clone(), tensor.clone())));
    parameters::save(&written, &[], &arguments.out)
        .map_err(|error| Failure::message(format!("{}: {error}", arguments.out.display())))?;
    output::line(&format!("{}: {count} taps", arguments.out.display()))
}
