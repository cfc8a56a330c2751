//! Inputs over which a model and what was written of it are compared.

use alambic_models::architecture::{Architecture, Batch, Image};
use alambic_models::text_encoder::TextInput;
use alambic_models::{
    Config, GenerationConfig, ImageInput, Images, ModelError, Pass, PatchInput, RegionInput, Regions,
    TaggedRegions, TapSelection, Tokenizer, Tokens,
};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::StudentError;

/// Number of texts.
const TEXTS: usize = 8;
/// Number of texts and images of models that read images.
const PAIRS: usize = 4;
/// Maximum number of tokens of a text.
const MAX_LENGTH: usize = 32;
/// Maximum number of tokens that a decoder writes.
const MAX_NEW_TOKENS: usize = 12;
/// Number of regions of an image.
const REGIONS: usize = 6;

/// Texts out of a model's own vocabulary, and pictures and regions made up, as far as a model reads them: the same ones for
/// the same model. An encoder-decoder's targets are what it writes itself, those of an image tokenizer the tokens that it makes of the pictures.
///
/// # Errors
/// When the tokenizer fails, or the model does not read the texts.
pub(crate) fn samples(
    config: &Config,
    network: &dyn Architecture,
    tokenizer: Option<&Tokenizer>,
) -> Result<Batch, StudentError> {
    let count = if config.reads_images() { PAIRS } else { TEXTS };
    let (image, regions) = match config.image_input() {
        Some(ImageInput::Patches(input)) => (Some(Image::Pixels(pictures(config, &input, count)?)), None),
        Some(ImageInput::Regions(input)) => (None, Some(made_up_regions(&input, count)?)),
        None => (None, None),
    };
    let text = tokenizer.map(|tokenizer| texts(config, tokenizer, count)).transpose()?;
    // A text about several images stands once for each of them.
    let text = match config {
        Config::Oscar(own) if own.images > 1 => text.map(|text| text.repeated(own.images)),
        _ => text,
    };
    if let (Config::Oscar(own), Some(text), Some(regions)) = (config, &text, &regions)
        && own.captions
    {
        // Captions come first, and behind them the tags: other texts of the same vocabulary.
        let most = |count: usize| 0..count.min(text.tokens.length);
        let (captions, tags) = (most(own.max_caption_length), most(own.max_tags()));
        let tags = text.tokens.columns(if own.tags { tags } else { 0..0 });
        let image = TaggedRegions { regions: regions.clone(), tags };
        let text = Some(image.behind(&text.tokens.columns(captions), None));
        return Ok(Batch { text, regions: Some(image.regions), ..Batch::default() });
    }
    let of_images = image.as_ref().and_then(|image| network.translator_of_images(image));
    let target = match (&text, of_images.as_deref().or(network.as_translator())) {
        (Some(text), Some(translator)) => {
            let generation =
                GenerationConfig::greedy(MAX_NEW_TOKENS.min(config.max_length().saturating_sub(1)));
            let written = generation.run(translator, &text.tokens)?;
            let start = translator.start_token();
            let rows: Vec<Vec<u32>> = written
                .into_iter()
                .map(|best| {
                    std::iter::once(start).chain(best.into_iter().flat_map(|best| best.tokens)).collect()
                })
                .collect();
            Some(Tokens::pad(&rows, config.padding()))
        }
        _ => match (config, &image) {
            (Config::ImageTokenizer(_), Some(image)) => Some(image_tokens(network, image)?),
            _ => None,
        },
    };
    Ok(Batch { text, target, image, regions, classes: None })
}

/// The tokens that an image tokenizer makes of images.
fn image_tokens(network: &dyn Architecture, image: &Image) -> Result<Tokens, StudentError> {
    let batch = Batch { image: Some(image.clone()), ..Batch::default() };
    let trace = network.forward(&batch, Pass::Evaluate, TapSelection::named(["tokens"]))?;
    let tokens = trace.get("tokens").ok_or_else(|| ModelError::MissingTensor("tokens".to_owned()))?;
    let rows: Vec<Vec<f32>> = tokens.to_vec2().map_err(ModelError::from)?;
    let rows: Vec<Vec<u32>> =
        rows.into_iter().map(|row| row.into_iter().map(|token| token as u32).collect()).collect();
    Ok(Tokens::pad(&rows, 0))
}

/// Texts of several lengths, whose tokens are spread over the whole vocabulary.
fn texts(config: &Config, tokenizer: &Tokenizer, count: usize) -> Result<TextInput, StudentError> {
    tokenizer.check_rows(config.vocabulary())?;
    let max_length = MAX_LENGTH.min(config.max_length());
    let (vocabulary, languages) = (tokenizer.rows(), tokenizer.languages());
    // Numbers without a common factor with any likely size of a vocabulary.
    let text = |index: usize| {
        let length = 1 + index * max_length / count;
        let ids = (0..length).map(|place| ((7919 * (index + 1) + 104_729 * place) % vocabulary) as u32);
        tokenizer.decode(&ids.collect::<Vec<_>>())
    };
    if config.writes_texts() {
        let encode = |index: usize| {
            let ids = match languages.get(index % languages.len().max(1)) {
                Some(language) => tokenizer.encode_for(&text(index)?, language)?,
                None => tokenizer.encode(&text(index)?)?,
            };
            Ok(ids.into_iter().take(max_length).collect())
        };
        let rows = (0..count).map(encode).collect::<Result<Vec<Vec<u32>>, ModelError>>()?;
        return Ok(TextInput::new(Tokens::pad(&rows, config.padding())));
    }
    let tokenizer = tokenizer.with_max_length(max_length)?;
    let in_pairs = reads_pairs(config);
    let encode = |index: usize| {
        let second = if in_pairs { Some(text(index + count)?) } else { None };
        tokenizer.encode_text(&text(index)?, second.as_deref())
    };
    let encoded = (0..count).map(encode).collect::<Result<Vec<_>, ModelError>>()?;
    Ok(TextInput::pad(&encoded.iter().collect::<Vec<_>>(), config.padding()))
}

/// Whether a second text stands beside each: of a pair, or the tags of regions.
fn reads_pairs(config: &Config) -> bool {
    let reads_tags =
        matches!(config.image_input(), Some(ImageInput::Regions(RegionInput { reads_tags: true, .. })));
    reads_tags || config.text_head().is_some_and(|head| head.pairs == Some(true))
}

/// Pictures of a pattern in colours: squares, or of several shapes where the model reads these.
fn pictures(config: &Config, input: &PatchInput, count: usize) -> Result<Images, StudentError> {
    let (side, patch) = (input.image_size, input.patch_size.max(1));
    let shorter = (side / 2 / patch * patch).max(patch);
    let is_free = matches!(config, Config::Vilt(_));
    let size = |index: usize| match index % 3 {
        1 if is_free => (side, shorter),
        2 if is_free => (shorter, side),
        _ => (side, side),
    };
    let drawn: Vec<(usize, usize, Vec<u8>)> = (0..count)
        .map(|index| {
            let (width, height) = size(index);
            let value = |place: usize| ((place * (31 + 2 * index) + place / 3 * (17 + index)) % 256) as u8;
            (width, height, (0..width * height * 3).map(value).collect())
        })
        .collect();
    let drawn: Vec<(usize, usize, &[u8])> =
        drawn.iter().map(|(width, height, rgb)| (*width, *height, rgb.as_slice())).collect();
    Ok(Images::of_rgb(&drawn, input.processor.normalization)?)
}

/// Regions with made-up features of the images of so many texts, one fewer for every second image.
fn made_up_regions(input: &RegionInput, texts: usize) -> Result<Regions, StudentError> {
    let count = texts * input.images;
    let tensor = |width: usize| -> Result<Tensor, ModelError> {
        let numbers = count * REGIONS * width;
        let values: Vec<f32> = (0..numbers).map(|place| (place * 7919 % 1000) as f32 / 1000.0).collect();
        Ok(Tensor::from_vec(values, (count, REGIONS, width), device::current())?)
    };
    let boxes = (input.box_numbers > 0).then(|| tensor(input.box_numbers)).transpose()?;
    let mask = (0..count * REGIONS).map(|place| u8::from((place + 1) % (2 * REGIONS) != 0)).collect();
    Ok(Regions { features: tensor(input.features)?, boxes, mask: std::sync::Arc::new(mask) })
}
