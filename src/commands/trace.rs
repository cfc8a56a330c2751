//! `alambic trace`.

use std::path::PathBuf;

use alambic_files::text::quoted;
use alambic_losses::mask_names;
use alambic_models::architecture::{self, Batch};
use alambic_models::{Config, ModelError, ModelFolder, Pass, TapSelection, check_finite, load_recorded};
use alambic_settings::reader::nearest;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use clap::Args;

use super::generation::Generation;
use super::tensors::{check_target, write};
use super::{model_folder, warn_unread_tensors};
use crate::failure::Failure;
use crate::output;

/// The name that files bear which this command wrote.
const COMMAND: &str = "trace";

/// One forward pass of a model; writes its inputs and taps
#[derive(Args)]
pub(crate) struct Arguments {
    /// A run's folder, a model's folder, or `hf:OWNER/NAME[@REVISION]`
    model: PathBuf,
    /// A safetensors file of inputs, named as transformers names them: `input_ids`, `attention_mask`, `token_type_ids`,
    /// `langs`, `decoder_input_ids`, `pixel_values`, `pixel_mask`, `visual_feats`, `visual_pos`, `visual_embeds`,
    /// `visual_attention_mask`
    #[arg(long, value_name = "FILE")]
    inputs: PathBuf,
    /// The safetensors file to write: none in the model's folder, and none that `trace` did not write itself
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only these taps, comma-separated; `alambic list taps MODEL` shows them
    #[arg(long, value_name = "TAPS", value_delimiter = ',')]
    taps: Vec<String>,
    /// Writes the target of each text as well, as `generated` `[texts, longest]`: the id that the decoder starts from, the ids that
    /// the model writes and the end's, filled up with the padding's. Comma-separated, as in `beams=4,max-new-tokens=12`:
    /// `beams` (1 is greedy), `length-penalty`, `no-repeat-ngram`, `early-stopping` (`true`, `false`, `never`), `forced-first`
    /// and `max-new-tokens`, with the meanings of transformers; what is left out is as `generation_config.json` says
    #[arg(long, value_name = "KEY=VALUE,…")]
    generate: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = ModelFolder::open(&model_folder(&arguments.model)?)?;
    check_target(&arguments.out, COMMAND, &[&arguments.inputs], Some(folder.path()))?;
    let config = Config::open(&folder)?;
    let known = config.outline().taps();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    if let Some(tap) = arguments.taps.iter().find(|tap| !known.contains(&tap.as_str())) {
        let near = nearest(tap, &known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        return Err(Failure::Usage(format!("the model has no tap `{tap}`{near}")));
    }
    let generation = arguments.generate.as_deref();
    let generation = generation.map(|options| Generation::new(options, &folder, &config)).transpose()?;
    warn_unread_tensors(&folder, &config)?;
    let of_inputs = |error: ModelError| Failure::message(format!("{}: {error}", arguments.inputs.display()));
    let inputs = load_recorded(&arguments.inputs)?;
    for (name, tensor) in &inputs {
        if check_finite(name, tensor).is_err() {
            return Err(of_inputs(ModelError::Input(format!("`{}` holds infinity", quoted(name)))));
        }
    }
    let mut written = architecture::with_attention_mask(inputs)?;
    let wanted = if arguments.taps.is_empty() {
        TapSelection::All
    } else {
        TapSelection::named(arguments.taps.iter().cloned()).with_padding()
    };
    let model = architecture::open(&folder)?;
    let batch = Batch::from_tensors(&written).map_err(of_inputs)?;
    let trace = model.forward(&batch, Pass::Evaluate, wanted).map_err(of_inputs)?;
    for (name, tensor) in trace.taps() {
        check_finite(name, tensor)
            .map_err(|error| Failure::message(format!("{}: {error}", folder.path().display())))?;
    }
    let count = trace.taps().len();
    // For losses over some of the positions: which patches are of an image shows nowhere in the inputs.
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
    if let (Some(generation), Some(text)) = (generation, &batch.text) {
        let image = batch.image_of_writer().map_err(of_inputs)?;
        let generated = generation.write(&*model, &text.tokens, image.as_ref()).map_err(of_inputs)?;
        written.insert("generated".into(), generated);
    }
    written.extend(trace.taps().iter().map(|(name, tensor)| (name.clone(), tensor.clone())));
    write(&arguments.out, COMMAND, &written)?;
    output::line(&format!("{}: {count} taps", arguments.out.display()))
}
