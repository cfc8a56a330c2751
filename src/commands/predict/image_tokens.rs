//! Models that make tokens of images, and images of tokens.

use std::path::Path;

use alambic_data::{Picture, Raster};
use alambic_files::text::quoted;
use alambic_files::write;
use alambic_inference::ImageTokenizerPipeline;
use serde_json::json;

use super::Arguments;
use super::lines::{Answer, Line, in_batches};
use crate::failure::Failure;
use crate::output;

/// Prints the tokens of images, and draws what is made of tokens.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let pipeline = ImageTokenizerPipeline::load(path)?;
    let draw = arguments.draw.as_deref();
    if let Some(file) = &arguments.image {
        if !arguments.inputs.is_empty() || arguments.table.is_some() {
            return Err(Failure::Usage(
                "an image tokenizer takes no text beside `--image`; leave it out, or `--image`".into(),
            ));
        }
        let tokens = encode(&pipeline, &[file])?.concat();
        if let Some(draw) = draw {
            write_image(&pipeline, &tokens, draw)?;
        }
        let line = if arguments.json {
            json!({ "image": file.display().to_string(), "tokens": tokens }).to_string()
        } else {
            joined(&tokens)
        };
        return output::line(&line);
    }
    let mut drawn = false;
    in_batches(arguments, |batch| {
        let inputs: Vec<Input<'_>> =
            batch.iter().map(|line| Input::of(line, &pipeline)).collect::<Result<_, _>>()?;
        let files: Vec<&Path> = inputs.iter().filter_map(Input::file).collect();
        let mut encoded = encode(&pipeline, &files)?.into_iter();
        let mut answers = Vec::with_capacity(batch.len());
        for (line, input) in batch.iter().zip(inputs) {
            let tokens = match input {
                Input::File(_) => encoded.next().unwrap_or_default(),
                Input::Tokens(tokens) if draw.is_some() => tokens,
                Input::Tokens(_) => {
                    let message = "tokens are made into an image by `--draw OUT.png`".to_owned();
                    return Err(Failure::Usage(message));
                }
            };
            if let Some(draw) = draw {
                if drawn {
                    return Err(Failure::Usage(
                        "`--draw` writes one image, and there are several lines".into(),
                    ));
                }
                write_image(&pipeline, &tokens, draw)?;
                drawn = true;
            }
            answers.push(Answer {
                text: joined(&tokens),
                json: json!({ "input": line.text, "tokens": tokens }),
                is_cut: false,
            });
        }
        Ok(answers)
    })
}

/// A line: the path of an image, or tokens.
enum Input<'l> {
    File(&'l Path),
    Tokens(Vec<u32>),
}

impl<'l> Input<'l> {
    /// Whole numbers between blanks are tokens, anything else is a path. A file may be called by a number where an image has more
    /// tokens than one.
    fn of(line: &'l Line, pipeline: &ImageTokenizerPipeline) -> Result<Self, Failure> {
        let parts: Vec<&str> = line.text.split_whitespace().collect();
        let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
        let is_file = parts.len() <= 1 && pipeline.config().places() > 1;
        if is_file || !parts.iter().all(is_number) {
            return Ok(Self::File(Path::new(line.text.trim())));
        }
        let number = |part: &&str| {
            part.parse().map_err(|_| Failure::message(format!("there is no image token {}", quoted(part))))
        };
        Ok(Self::Tokens(parts.iter().map(number).collect::<Result<_, _>>()?))
    }

    fn file(&self) -> Option<&'l Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Tokens(_) => None,
        }
    }
}

/// The tokens of the images of files.
fn encode<P: AsRef<Path>>(pipeline: &ImageTokenizerPipeline, files: &[P]) -> Result<Vec<Vec<u32>>, Failure> {
    let mut images: Vec<Raster> = Vec::with_capacity(files.len());
    for file in files {
        let file = file.as_ref();
        let image = Picture::of_file(file.to_owned()).load()?;
        let side = pipeline.config().image_size;
        if (image.width, image.height) != (side, side) {
            return Err(Failure::message(format!(
                "{}: the image has {} × {} pixels, and this image tokenizer reads {side} × {side}",
                file.display(),
                image.width,
                image.height
            )));
        }
        images.push(image);
    }
    Ok(pipeline.encode(&images.iter().collect::<Vec<_>>())?)
}

/// Draws what is made of tokens.
fn write_image(pipeline: &ImageTokenizerPipeline, tokens: &[u32], file: &Path) -> Result<(), Failure> {
    let made = pipeline.decode(&[tokens])?;
    let png = made.first().map(Raster::to_png).transpose()?.unwrap_or_default();
    write::write(file, &png).map_err(|error| Failure::message(error.to_string()))
}

/// Tokens as they are printed, and read again.
fn joined(tokens: &[u32]) -> String {
    tokens.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
