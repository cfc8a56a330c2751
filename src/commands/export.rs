//! `alambic export`.

use std::path::PathBuf;

use alambic_models::{Config, ModelFolder, Precision};
use alambic_reports::numbers::bytes;
use alambic_students::{ExportFormat, ExportedFile, export};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{model_folder, warn_unread_tensors};
use crate::failure::Failure;
use crate::output::{self, Column};

/// Writes a model in the forms that other programs load, reads them back and reports by how much they differ
///
/// In ONNX a text encoder is one file, `model.onnx`. A dual encoder is three: `text.onnx` gives `text_embeds`; `image.onnx`
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
    /// ONNX files, of text encoders and dual encoders
    Onnx,
    /// ONNX files in eight bits, of text encoders and dual encoders
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
            json!({
                "format": name(exported.format),
                "path": exported.path.to_string_lossy(),
                "bytes": exported.bytes,
                "difference": exported.difference,
            })
        };
        return output::json(&exported.iter().map(one).collect::<Vec<_>>());
    }
    let columns = [
        Column::text("format"),
        Column::text("path"),
        Column::number("size"),
        Column::number("largest difference"),
    ];
    let rows = exported.iter().map(|exported| {
        vec![
            name(exported.format).to_owned(),
            exported.path.display().to_string(),
            bytes(exported.bytes),
            format!("{:.1e}", exported.difference),
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
