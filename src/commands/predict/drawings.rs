//! Models that draw images of texts.

use std::path::{Path, PathBuf};

use alambic_files::write;
use alambic_inference::{DrawingOptions, DrawnImage, ImageGenerationPipeline};
use clap::Args;
use serde_json::json;

use super::Arguments;
use super::lines::{Answer, in_batches};
use crate::failure::Failure;

/// Flags about how many images are drawn
#[derive(Args, Clone)]
pub(super) struct Drawing {
    /// Images that are drawn of a text, of which the best is written: by the re-ranker in the model's folder, or without one by the mean
    /// log-probability of its tokens
    #[arg(long, value_name = "N", requires = "draw", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) candidates: Option<u16>,
    /// Writes all of them, the best first, with their numbers before the ending of the name
    #[arg(long, requires = "candidates")]
    all: bool,
}

/// Draws an image of each text, or several, into files of the name that is given.
pub(super) fn run(path: &Path, draw: &Path, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.image.is_some() {
        let message =
            "`--draw` draws images of texts, and `--image` asks for the text of one: leave out one of them";
        return Err(Failure::Usage(message.into()));
    }
    for (flag, is_given) in [
        ("--beam", arguments.beam.is_some()),
        ("--max-new-tokens", arguments.max_new_tokens.is_some()),
        ("--target-language", arguments.target_language.is_some()),
        ("--max-length", arguments.max_length.is_some()),
        (
            arguments.decoding.first_of_texts().unwrap_or_default(),
            arguments.decoding.first_of_texts().is_some(),
        ),
    ] {
        if is_given {
            return Err(Failure::Usage(format!(
                "`{flag}` is for texts that are written, and an image is drawn here"
            )));
        }
    }
    let pipeline = ImageGenerationPipeline::load(path)?;
    let options = DrawingOptions {
        sampling: Some(arguments.decoding.sampling()),
        candidates: arguments.drawing.candidates.map_or(1, usize::from),
    };
    let several = arguments.inputs.len() > 1 || arguments.table.is_some();
    in_batches(arguments, |batch| {
        let texts: Vec<&str> = batch.iter().map(|line| line.text.as_str()).collect();
        if batch.iter().any(|line| line.text.trim().is_empty()) {
            return Err(Failure::message("an empty text: an image is drawn of words"));
        }
        let mut answers = Vec::with_capacity(batch.len());
        for (line, drawn) in batch.iter().zip(pipeline.draw(&texts, &options)?) {
            // Nobody knows how many lines are still to come.
            if line.number > 0 && !several {
                return Err(Failure::Usage(
                    "`--draw` writes one image of standard input, and there are several lines: pass texts as arguments".into(),
                ));
            }
            let shown = if arguments.drawing.all { drawn.as_slice() } else { &drawn[..drawn.len().min(1)] };
            let files = write_images(draw, shown, several.then_some(line.number + 1))?;
            let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            let images: Vec<_> =
                shown.iter().zip(&names).map(|(image, file)| described(image, file)).collect();
            answers.push(Answer {
                text: names.join(" "),
                json: json!({ "text": line.text, "images": images }),
                is_cut: pipeline.is_truncated(&line.text)?,
            });
        }
        Ok(answers)
    })
}

fn described(image: &DrawnImage, file: &str) -> serde_json::Value {
    json!({
        "file": file,
        "log-probability": image.log_probability,
        "similarity": image.similarity,
        "tokens": image.codes,
    })
}

/// Writes images under a name, with the number of the text and of the image where there are several.
fn write_images(draw: &Path, images: &[DrawnImage], text: Option<usize>) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::with_capacity(images.len());
    for (index, image) in images.iter().enumerate() {
        let numbers = text.into_iter().chain((images.len() > 1).then_some(index + 1));
        let file = numbered(draw, numbers);
        write::write(&file, &image.raster.to_png()?).map_err(|error| Failure::message(error.to_string()))?;
        files.push(file);
    }
    Ok(files)
}

/// A file's name with numbers before its ending: `out-2.png`.
fn numbered(file: &Path, numbers: impl Iterator<Item = usize>) -> PathBuf {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = numbers.fold(stem, |name, number| format!("{name}-{number}"));
    let ending = file.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    file.with_file_name(format!("{name}{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_before_the_ending() {
        let named = |file: &str, numbers: &[usize]| numbered(Path::new(file), numbers.iter().copied());
        assert_eq!(named("a/out.png", &[]), Path::new("a/out.png"));
        assert_eq!(named("a/out.png", &[2]), Path::new("a/out-2.png"));
        assert_eq!(named("out", &[2, 3]), Path::new("out-2-3"));
    }
}
