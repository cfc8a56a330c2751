//! `alambic export`.

use std::path::PathBuf;

use alambic_models::{Config, ModelFolder, Precision};
use alambic_reports::numbers::bytes;
use alambic_students::{ExportFormat, ExportedFile, export};
use clap::{Args, ValueEnum};

use super::{model_folder, warn_unread_tensors};
use crate::failure::Failure;
use crate::output::{self, Column};

/// Writes a model in the forms that other programs load, runs them and reports by how much they differ
///
/// Each form is read back and run over texts out of the model's vocabulary, and made-up pictures and regions. What differs
/// from the model by more than rounding in 32 bits makes is an error. `export.json` records the differences.
///
/// ONNX files lie in the folder `onnx`. A text encoder is one file, `model.onnx`; so are ViLT and Oscar. An encoder-decoder
/// is `encoder_model.onnx`, and `decoder_model.onnx` with `decoder_with_past_model.onnx`, or both in one,
/// `decoder_model_merged.onnx`, as Optimum and transformers.js load them. CLIP is `model.onnx`, and `text_model.onnx` and
/// `vision_model.onnx` for either side alone. Files in eight bits end in `_quantized.onnx`. A dual encoder is three: `text.onnx` gives `text_embeds`; `image.onnx`
/// gives `image_embeds`, to be computed once an image and stored; `head.onnx` takes both and gives the logits of the
/// answers, in the order of `id2label` in `config.json`. The image tower's input `pixel_values` is a square of the size for
/// which the model stores positions, `image_size`: red, green and blue, each from -1 to 1 (a byte over 127.5, minus 1).
/// Whoever runs the file brings other images to that square, width and height alike; `predict` keeps their proportions, so
/// the two agree only on squares.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A run's folder, a model's folder, or `hf:OWNER/NAME[@REVISION]`
    model: PathBuf,
    /// The forms, comma-separated
    #[arg(long, value_enum, value_delimiter = ',', default_value = "hf")]
    format: Vec<Form>,
    /// The number format of `hf` and `onnx`
    #[arg(long, value_enum, default_value = "f32")]
    precision: Numbers,
    /// The folder to write into
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Prints a JSON array
    #[arg(long)]
    json: bool,
}

/// A form of a model.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A Hugging Face folder
    Hf,
    /// ONNX files
    Onnx,
    /// ONNX files in eight bits
    Int8,
}

/// A number format.
#[derive(Clone, Copy, ValueEnum)]
enum Numbers {
    /// 32 bits
    F32,
    /// 16 bits
    F16,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let model = model_folder(&arguments.model)?;
    let formats: Vec<ExportFormat> = arguments
        .format
        .iter()
        .map(|form| match form {
            Form::Hf => ExportFormat::HuggingFace,
            Form::Onnx => ExportFormat::Onnx,
            Form::Int8 => ExportFormat::Int8,
        })
        .collect();
    let precision = match arguments.precision {
        Numbers::F32 => Precision::F32,
        Numbers::F16 => Precision::F16,
    };
    let folder = ModelFolder::open(&model)?;
    warn_unread_tensors(&folder, &Config::open(&folder)?)?;
    let exported = export(&model, &formats, precision, &arguments.to)?;
    if arguments.json {
        let one = |exported: &ExportedFile| {
            let mut json = exported.measured();
            json["format"] = name(exported.format).into();
            json["path"] = exported.path.to_string_lossy().into();
            json
        };
        return output::json(&exported.iter().map(one).collect::<Vec<_>>());
    }
    let columns = [
        Column::text("format"),
        Column::text("path"),
        Column::number("size"),
        Column::number("weights differ by"),
        Column::number("outputs differ by"),
    ];
    let rows = exported.iter().map(|exported| {
        vec![
            name(exported.format).to_owned(),
            exported.path.display().to_string(),
            bytes(exported.bytes),
            format!("{:.1e}", exported.difference),
            exported.outputs.as_ref().map_or("–".to_owned(), |own| format!("{:.1e}", own.difference)),
        ]
    });
    output::table(&columns, rows.collect())
}

fn name(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::HuggingFace => "hf",
        ExportFormat::Onnx => "onnx",
        ExportFormat::Int8 => "int8",
    }
}
