//! Outputs of exported ONNX files over sample inputs.

use std::path::Path;

use alambic_models::architecture::{Batch, Image};
use alambic_models::ernie_vilg::ErnieVilgConfig;
use alambic_models::siglip::SiglipTextConfig;
use alambic_models::text_encoder::Head;
use alambic_models::{Config, ModelError};

use super::runtime::{Session, Values, numbers, of_integers, of_numbers, whole_numbers};
use crate::StudentError;
use crate::outputs::{Outputs, Rows, declared};

/// Outputs of each file over a batch, in the order of the files, as far as the model has such outputs. Files are given what
/// those before them give: the head of a dual encoder the embeddings of the towers, a decoder what the encoder gives.
///
/// # Errors
/// When the runtime lacks an operation of a file, or a file does not fit the batch.
pub(crate) fn run_files(
    config: &Config,
    files: &[(&str, &Path)],
    batch: &Batch,
) -> Result<Vec<Outputs>, StudentError> {
    let Some((_, first)) = files.first() else { return Ok(Vec::new()) };
    let mut values = inputs(config, first, batch)?;
    let mut found = Vec::new();
    // Keys and values that a decoder without a past gave for the first token.
    let mut past = None;
    for &(name, path) in files {
        let session = Session::load(path)?;
        let outputs = match (config, &batch.target) {
            (Config::Bart(_) | Config::T5(_) | Config::Pali(_), Some(target))
                if name.starts_with("decoder") =>
            {
                let decoding = Decoding { path, session: &session, values: &values, batch, target };
                decoding.run(&mut past)?
            }
            (Config::ErnieVilg(own), Some(target)) => {
                both_ways(own, path, &session, name, &mut values, target)?
            }
            _ => session.run(&values)?,
        };
        found.push(counted(config, name, batch, &outputs));
        for (name, value) in outputs {
            // Of two codes that are about as near, another one may be taken here. The decoder is compared over the model's own.
            if matches!(config, Config::ImageTokenizer(_)) && name == TOKENS {
                continue;
            }
            let name = match (config, name.as_str()) {
                (Config::Bart(_) | Config::T5(_) | Config::Pali(_), "last_hidden_state") => {
                    "encoder_hidden_states".to_owned()
                }
                _ => name,
            };
            values.insert(name, value);
        }
    }
    Ok(found)
}

/// The outputs of a file of a transformer that writes images for texts and texts for images, which is given what those before it give:
/// the tokens of the images, the texts, and keys and values. Of the tokens of images the logits are not among the model's outputs here.
fn both_ways(
    config: &ErnieVilgConfig,
    path: &Path,
    session: &Session,
    name: &str,
    values: &mut Values,
    target: &alambic_models::Tokens,
) -> Result<Values, StudentError> {
    let count = config.image_tokens() + 1;
    let image = || -> Vec<i32> {
        let codes = values.get(TOKENS).map(whole_numbers).unwrap_or_default();
        let codes: Vec<u32> = codes.into_iter().map(|code| code as u32).collect();
        codes.chunks(count - 1).flat_map(|own| as_integers(&config.image(own))).collect()
    };
    let mut given = values.clone();
    match name {
        "image_step" | "image_prefix" => {
            given.insert("input_ids".into(), of_integers(path, &[target.batch, count], image())?);
        }
        "text_step" => {
            let shape = [target.batch, target.length];
            given.insert("input_ids".into(), of_integers(path, &shape, as_integers(&target.ids))?);
        }
        "reconstructor" => {
            given.insert("image_ids".into(), of_integers(path, &[target.batch, count], image())?);
        }
        _ => {}
    }
    let mut outputs = session.run(&given)?;
    if name.ends_with("_prefix") {
        remember(values, outputs.clone());
    }
    if name == "image_step" {
        outputs.shift_remove("logits");
    }
    outputs.retain(|name, _| !name.starts_with("present."));
    Ok(outputs)
}

/// The outputs that the model has as well, without padding.
fn counted(config: &Config, file: &str, batch: &Batch, outputs: &Values) -> Outputs {
    let rows_of = |name: &str| match name {
        "start_logits" | "end_logits" => Some(Rows::Tokens),
        _ => declared(config).into_iter().find(|(_, own, _)| *own == name).map(|(.., rows)| rows),
    };
    let mut counted = Outputs::new();
    for (name, value) in outputs {
        let embedding = tower_embedding(config, file).filter(|(own, ..)| own == name);
        let name = embedding.map_or(name.as_str(), |(_, name, _)| name);
        let Some(rows) = rows_of(name) else { continue };
        let mut values = rows.of(batch, numbers(value));
        if let Some((.., width)) = embedding {
            for row in values.chunks_mut(width.max(1)) {
                let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
                for value in row {
                    *value /= length;
                }
            }
        }
        counted.insert(name.to_owned(), values);
    }
    counted
}

/// The output of a tower's file that is an embedding as it is projected, the output of both towers that is the same of length one,
/// and its width.
fn tower_embedding(config: &Config, file: &str) -> Option<(&'static str, &'static str, usize)> {
    let embeds = match file {
        "text_model" => "text_embeds",
        "vision_model" => "image_embeds",
        _ => return None,
    };
    match config {
        Config::Clip(config) => Some((embeds, embeds, config.projection_dim)),
        Config::Siglip(config) => {
            Some(("pooler_output", embeds, config.text.as_ref().map_or(0, SiglipTextConfig::embedding_width)))
        }
        _ => None,
    }
}

/// What the files may read of a batch, by the names of transformers.
fn inputs(config: &Config, path: &Path, batch: &Batch) -> Result<Values, StudentError> {
    let mut values = Values::new();
    if let Some(text) = &batch.text {
        let tokens = &text.tokens;
        let mut shape = vec![tokens.batch, tokens.length];
        if config.text_head().is_some_and(|own| own.head == Head::MultipleChoice) {
            // All texts are choices of one prompt.
            shape.insert(0, 1);
        }
        let segments =
            text.segments.as_ref().map_or_else(|| vec![0; tokens.ids.len()], |own| as_integers(own));
        let mask = as_mask(&tokens.mask);
        values.insert("input_ids".into(), of_integers(path, &shape, as_integers(&tokens.ids))?);
        values.insert("attention_mask".into(), of_integers(path, &shape, mask.clone())?);
        values.insert("encoder_attention_mask".into(), of_integers(path, &shape, mask)?);
        values.insert("token_type_ids".into(), of_integers(path, &shape, segments)?);
    }
    if let Some(Image::Pixels(images)) = &batch.image {
        let (count, _, height, width) = images.pixels.dims4().map_err(ModelError::from)?;
        let pixels =
            images.pixels.flatten_all().and_then(|pixels| pixels.to_vec1()).map_err(ModelError::from)?;
        let mask = images.mask.as_ref().map_or_else(|| vec![1; count * height * width], |mask| as_mask(mask));
        values.insert("pixel_values".into(), of_numbers(path, images.pixels.dims(), pixels)?);
        values.insert("pixel_mask".into(), of_integers(path, &[count, height, width], mask)?);
    }
    if let (Config::ImageTokenizer(_), Some(tokens)) = (config, &batch.target) {
        let shape = [tokens.batch, tokens.length];
        values.insert(TOKENS.into(), of_integers(path, &shape, as_integers(&tokens.ids))?);
    }
    if let Some(regions) = &batch.regions {
        let features = &regions.features;
        let (count, length, _) = features.dims3().map_err(ModelError::from)?;
        let numbers = features.flatten_all().and_then(|own| own.to_vec1()).map_err(ModelError::from)?;
        values.insert("visual_embeds".into(), of_numbers(path, features.dims(), numbers)?);
        values.insert(
            "visual_attention_mask".into(),
            of_integers(path, &[count, length], as_mask(&regions.mask))?,
        );
    }
    Ok(values)
}

/// The input of the decoder of an image tokenizer.
const TOKENS: &str = "tokens";

fn as_integers(values: &[u32]) -> Vec<i32> {
    values.iter().map(|&value| value as i32).collect()
}

fn as_mask(mask: &[u8]) -> Vec<i32> {
    mask.iter().map(|&kept| kept.into()).collect()
}

/// A decoder that is given a target.
struct Decoding<'a> {
    path: &'a Path,
    session: &'a Session,
    values: &'a Values,
    batch: &'a Batch,
    target: &'a alambic_models::Tokens,
}

impl Decoding<'_> {
    /// The logits of all tokens of the target: at once by a decoder without a past, and token by token by one with it, as
    /// texts are generated. The latter begins with what the former gave for the first token.
    fn run(&self, past: &mut Option<Values>) -> Result<Values, StudentError> {
        let reads = |wanted: &str| self.session.inputs().any(|name| name == wanted);
        let has_switch = reads("use_cache_branch");
        if !reads("past_key_values.0.decoder.key") {
            *past = Some(self.step(0, 1, self.values)?);
            return self.step(0, self.target.length, self.values);
        }
        let mut known = self.values.clone();
        let mut logits = Vec::new();
        let mut begin = 0;
        if has_switch {
            // What is given in place of a past does not count.
            let nothing: Vec<&str> =
                self.session.inputs().filter(|name| name.starts_with("past_key_values.")).collect();
            for name in nothing {
                let own =
                    past.as_ref().and_then(|past| past.get(&name.replace("past_key_values", "present")));
                if let Some(own) = own {
                    known.insert(name.to_owned(), own.clone());
                }
            }
            known.insert("use_cache_branch".into(), of_integers(self.path, &[1], vec![0])?);
            let first = self.step(0, 1, &known)?;
            logits.push(logits_of(&first));
            remember(&mut known, first);
            known.insert("use_cache_branch".into(), of_integers(self.path, &[1], vec![1])?);
            begin = 1;
        } else if let Some(first) = past.take() {
            logits.push(logits_of(&first));
            remember(&mut known, first.clone());
            *past = Some(first);
            begin = 1;
        }
        for place in begin..self.target.length {
            let next = self.step(place, 1, &known)?;
            logits.push(logits_of(&next));
            remember(&mut known, next);
        }
        // By token and row; wanted is by row and token.
        let rows = self.batch.text.as_ref().map_or(0, |text| text.tokens.batch);
        let width = logits.first().map_or(0, |first| first.len() / rows.max(1));
        let row =
            |row: usize| logits.iter().flat_map(move |step| step[row * width..][..width].iter().copied());
        let all: Vec<f32> = (0..rows).flat_map(row).collect();
        let shape = [rows, self.target.length, width];
        Ok([("logits".to_owned(), of_numbers(self.path, &shape, all)?)].into_iter().collect())
    }

    /// The outputs for so many tokens from a place on.
    fn step(&self, begin: usize, count: usize, known: &Values) -> Result<Values, StudentError> {
        let rows = self.target.ids.chunks(self.target.length.max(1));
        let ids: Vec<i32> = rows.flat_map(|row| as_integers(&row[begin..begin + count])).collect();
        let mut values = known.clone();
        values.insert("input_ids".into(), of_integers(self.path, &[self.target.batch, count], ids)?);
        self.session.run(&values)
    }
}

fn logits_of(outputs: &Values) -> Vec<f32> {
    outputs.get("logits").map(numbers).unwrap_or_default()
}

/// Makes what a step gave the past of the next one.
fn remember(known: &mut Values, outputs: Values) {
    for (name, value) in outputs {
        if name.starts_with("present.") {
            known.insert(name.replace("present", "past_key_values"), value);
        }
    }
}
