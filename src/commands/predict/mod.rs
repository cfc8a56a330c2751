//! `alambic predict`.

mod choices;
mod decoding;
mod descriptions;
mod drawings;
mod image_prompts;
mod image_tokens;
mod images;
mod lines;
mod matches;
mod objects;
mod passages;
mod questions;
mod table;
mod texts;
mod words;

use std::path::{Path, PathBuf};

use alambic_data::RegionLayout;
use alambic_files::text::quoted;
use alambic_inference::PictureChoicePipeline;
use alambic_models::text_encoder::Head;
use alambic_models::{Config, ModelError, ModelFolder, Role, first_not_finite};
use alambic_tensor::precision::{self, MatmulPrecision};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::{model_folder, precisions, warn_fallback, warn_unread_tensors};
use crate::failure::Failure;
use decoding::Decoding;
use drawings::Drawing;
use table::TableInput;

/// Runs a model on texts: arguments, lines of standard input, or a table
///
/// Lines are tab-separated. For a model that generates texts, a line may name the target language in a second column, or
/// begin with its tag, as `>>ta<<text`. For a model of pairs of texts, the second column is the second text; for one of single
/// texts, a tab is white space. For a model that answers questions out of passages, the second column is the passage. For one of
/// multiple choice, a line is a prompt and its choices, of which the chosen one is printed. For a
/// model that reads images, a line is a question about the image of `--image`, or the path of an image and a question; one
/// that writes texts of images takes a prompt in place of the question, which may be left out with `--image`; one
/// that chooses among descriptions of an image takes these, with tabs between, and prints the chosen one; one
/// that retrieves images by texts gives the similarity of such a text and the image, from -1 to 1. A model that makes tokens of
/// images reads the path of an image in each line, and prints its tokens; with `--draw` it makes an image of them, or of tokens that a
/// line holds. A model that draws images of texts takes these with `--draw`, and writes the text of `--image` without it. One that
/// finds objects reads the path of an image, too, and prints them with their confidence, attributes and boxes in pixels; with
/// `--regions` it writes their features to a file. The prediction is printed
/// as a further column: the text, the class, the number, the words with their tags, or the embedding; control characters are
/// shown as their numbers. A text that is longer than the model reads is truncated, with a warning and `truncated` in JSON.
#[derive(Args, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Arguments {
    /// A run's folder, a model's folder, or `hf:OWNER/NAME[@REVISION]`
    model: PathBuf,
    /// Texts; left out, lines of standard input
    inputs: Vec<String>,
    /// A table in place of texts: TSV, CSV, JSON lines or Parquet, with names of columns
    #[arg(long, value_name = "FILE", conflicts_with = "inputs")]
    input: Option<PathBuf>,
    /// Columns of the table that are read: the text, or what else a line begins with, and what stands behind its tab; left
    /// out, `text`, `question` with its image or passage, or the only column
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', requires = "input")]
    columns: Vec<String>,
    /// The file to write, in place of standard output: as TSV or CSV, with the columns that were read and `prediction`, or as JSON
    /// lines, by the end of its name
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    output: Option<PathBuf>,
    /// What was read of the table.
    #[arg(skip)]
    table: Option<TableInput>,
    /// Whether no line at all is one empty line.
    #[arg(skip)]
    has_empty_line: bool,
    /// Target language of lines that name none; not needed where the model has only one. It takes the place of `{language}` in a
    /// prompt about an image
    #[arg(long, value_name = "CODE")]
    target_language: Option<String>,
    /// Language of the texts, for a model that has an embedding of each (XLM); left out, it is not told
    #[arg(long, value_name = "CODE")]
    language: Option<String>,
    /// Whether a line is a pair of texts separated by a tab; left out, as the model was trained, and where that is not known, a
    /// tab separates a pair for a classifier and is white space for an encoder
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pair: Option<bool>,
    /// The file that all lines are about: PNG, JPEG, WebP or GIF
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Lines are texts or prompts by themselves, for a model that writes of images with texts and of texts alone
    #[arg(long, conflicts_with = "image")]
    no_image: bool,
    /// The PNG file in which an image is drawn that is made of tokens, or of a text, for a model that makes images; of several texts
    /// each has its number before the ending of the name
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    draw: Option<PathBuf>,
    #[command(flatten)]
    drawing: Drawing,
    /// The TSV file in which the regions of images are written, with their features, for a model that finds objects. The id of an image
    /// is its file's name without the extension
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    regions: Option<PathBuf>,
    /// Layout of that file. With `lxmert`, names of objects and attributes go to `NAME.objects_vocab.txt` and
    /// `NAME.attributes_vocab.txt` beside it
    #[arg(long, value_name = "LAYOUT", default_value = "vinvl", value_parser = layouts(), requires = "regions")]
    layout: RegionLayout,
    /// Beams in decoding; left out or 1, it is greedy
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    beam: Option<u16>,
    #[command(flatten)]
    decoding: Decoding,
    /// Whether a passage may have no answer, for a model that answers questions out of passages
    #[arg(long)]
    no_answer: bool,
    /// Largest number of tokens of a text that is read; left out, as many as the model has room for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_length: Option<u32>,
    /// How many of an embedding's first numbers are printed; left out, all, or as many as the model's folder says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    truncate_dim: Option<u32>,
    /// Largest number of tokens of an output, for a model that generates texts; left out, as many as the model has room for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_new_tokens: Option<u32>,
    /// Number of lines in a batch; where standard input pauses, those that are there are answered
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// Precision of the large matrix products
    #[arg(long, value_name = "P", default_value = "f32", value_parser = precisions())]
    precision: MatmulPrecision,
    /// Prints one object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let path = model_folder(&arguments.model)?;
    let folder = ModelFolder::open(&path)?;
    let config = Config::open(&folder)?;
    let makes_images = config.role() == Role::ImageTokenizer;
    let draws_texts = matches!(config, Config::ErnieVilg(_));
    let finds_objects = config.role() == Role::ObjectDetector;
    let kind = kind(&config);
    refuse_flags(arguments, &config)?;
    if !config.reads_texts() && !makes_images && !finds_objects {
        return Err(Failure::message(format!(
            "a {} reads images alone, and takes no prompt: `predict` runs models that read texts",
            config.model_type()
        )));
    }
    if let (Some(_), None) = (&arguments.language, config.outline().languages) {
        return Err(Failure::Usage(
            "`--language` is for a model that has an embedding of each language; this one is not told them"
                .into(),
        ));
    }
    for text in &arguments.inputs {
        if !makes_images && !finds_objects && Path::new(text).is_file() {
            return Err(Failure::Usage(format!(
                "`{}` is a file: `--input` reads a table; as a text by itself, pass it on standard input",
                quoted(text)
            )));
        }
    }
    let mut arguments = arguments.clone();
    if let Some(path) = &arguments.input {
        let table = TableInput::read(path, &arguments.columns)?;
        let own = config.text_head().filter(|_| kind == "encodes texts");
        let is_pair = arguments.pair.or(config.text_head().and_then(|own| own.pairs));
        let most = match (kind, is_pair) {
            ("chooses", _) => usize::MAX,
            _ if PictureChoicePipeline::is_scored_by(&config) && !has_towers(&config) => usize::MAX,
            ("encodes texts", Some(false)) | ("makes tokens of images" | "finds objects in images", _) => 1,
            // A tagger and an encoder without a head read a text each, unless they are told otherwise.
            ("encodes texts", None) if own.is_none_or(|own| own.head != Head::Sequence) => 1,
            _ => 2,
        };
        if table.columns.len() > most {
            let reads = if most == 1 { "single texts" } else { "at most two columns" };
            return Err(Failure::Usage(format!(
                "`--columns` names {}, and this model reads {reads}",
                table.columns.join(", ")
            )));
        }
        arguments.table = Some(table);
    }
    let arguments = &arguments;
    warn_unread_tensors(&folder, &config)?;
    warn_fallback(arguments.precision);
    precision::with(arguments.precision, || {
        if makes_images {
            image_tokens::run(&path, arguments)
        } else if let Some(draw) = arguments.draw.as_deref().filter(|_| draws_texts) {
            drawings::run(&path, draw, arguments)
        } else if draws_texts && is_text_alone(arguments) {
            Err(Failure::Usage(
                "this model draws an image of a text with `--draw OUT.png`, and writes a text of an image with `--image FILE`".into(),
            ))
        } else if finds_objects {
            objects::run(&path, arguments)
        } else if config.writes_texts() && config.reads_images() && !arguments.no_image {
            image_prompts::run(&path, arguments)
        } else if config.writes_texts() {
            words::run(&path, arguments)
        } else if kind == "answers questions out of passages" {
            passages::run(&path, arguments)
        } else if kind == "chooses" {
            choices::run(&path, arguments)
        } else if !config.reads_images() {
            texts::run(&path, arguments)
        } else if has_towers(&config) {
            matches::run(&path, arguments)
        } else if PictureChoicePipeline::is_scored_by(&config) {
            descriptions::run(&path, arguments)
        } else {
            questions::run(&path, arguments)
        }
    })
}

/// Whether a model compares texts and images only by what it makes of each alone.
fn has_towers(config: &Config) -> bool {
    let outline = config.outline();
    outline.pairs && !outline.similarity
}

/// Refuses what is for models of another kind.
fn refuse_flags(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let kind = kind(config);
    let draws_texts = matches!(config, Config::ErnieVilg(_));
    for (flag, given, needed) in [
        ("--target-language", arguments.target_language.is_some(), "generates texts"),
        ("--beam", arguments.beam.is_some(), "generates texts"),
        ("--max-new-tokens", arguments.max_new_tokens.is_some(), "generates texts"),
        (
            arguments.decoding.first_given().unwrap_or_default(),
            arguments.decoding.first_given().is_some(),
            "generates texts",
        ),
        ("--no-answer", arguments.no_answer, "answers questions out of passages"),
        ("--pair", arguments.pair.is_some(), "encodes texts"),
        ("--truncate-dim", arguments.truncate_dim.is_some(), "encodes texts"),
        ("--image", arguments.image.is_some(), "reads images"),
        ("--draw", arguments.draw.is_some() && !draws_texts, "makes tokens of images"),
        ("--candidates", arguments.drawing.candidates.is_some() && !draws_texts, "draws images of texts"),
        ("--regions", arguments.regions.is_some(), "finds objects in images"),
    ] {
        let has_image_as_well = needed == "reads images" && config.reads_images();
        if given && kind != needed && !has_image_as_well {
            return Err(Failure::Usage(format!("`{flag}` is for a model that {needed}; this one {kind}")));
        }
    }
    let needs_image = !config.writes_texts() || !config.reads_images() || draws_texts;
    if arguments.no_image && (needs_image || matches!(config, Config::Oscar(_))) {
        let needed = "writes texts of images with prompts, and of prompts alone";
        return Err(Failure::Usage(format!("`--no-image` is for a model that {needed}; this one {kind}")));
    }
    Ok(())
}

/// Whether texts are given as arguments, with no image to any of them.
fn is_text_alone(arguments: &Arguments) -> bool {
    let has_path = |text: &String| text.contains('\t');
    arguments.image.is_none() && !arguments.inputs.is_empty() && !arguments.inputs.iter().any(has_path)
}

/// The layouts of files of regions, by their names.
fn layouts() -> impl TypedValueParser<Value = RegionLayout> {
    let names: Vec<&str> = RegionLayout::LIST.iter().map(|(name, _)| *name).collect();
    PossibleValuesParser::new(names).map(|name| RegionLayout::from_name(&name).unwrap_or(RegionLayout::VinVl))
}

/// What a model does, as messages have it.
fn kind(config: &Config) -> &'static str {
    if config.role() == Role::ImageTokenizer {
        "makes tokens of images"
    } else if config.role() == Role::ObjectDetector {
        "finds objects in images"
    } else if config.writes_texts() {
        "generates texts"
    } else if config.reads_images() {
        "reads images"
    } else if config.text_head().is_some_and(|own| own.head == Head::Span) {
        "answers questions out of passages"
    } else if config.text_head().is_some_and(|own| own.head == Head::MultipleChoice) {
        "chooses"
    } else {
        "encodes texts"
    }
}

/// The softmax of logits.
fn probabilities(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f64> = logits.iter().map(|logit| f64::from(logit - most).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}

/// Refuses outputs that are infinite or NaN.
fn check_numbers(what: &str, numbers: &[f32]) -> Result<(), Failure> {
    match first_not_finite(numbers) {
        None => Ok(()),
        Some(_) => Err(ModelError::NotFinite(what.to_owned()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_is_not_finite_is_refused() {
        assert!(check_numbers("logits", &[0.0, 1.0]).is_ok());
        for number in [f32::NAN, f32::INFINITY] {
            assert!(check_numbers("logits", &[0.0, number]).is_err());
        }
    }
}
