//! Attention of models to the image as they write, for the report.

use alambic_data::{Picture, Raster};
use alambic_inference::{ImagePrompt, ImageTextToTextPipeline, ProcessedImage};
use alambic_reports::document::Image;
use alambic_reports::report::{IllustratedExample, IllustratedExamples};

use crate::error::RunError;

/// Words of a text that are shown.
const MAX_WORDS: usize = 12;

/// An example that is shown: its image, prompt, and what is right.
pub(super) struct Shown<'a> {
    pub(super) picture: &'a Picture,
    pub(super) prompt: &'a str,
    pub(super) reference: String,
}

/// The patches that models attend to at each word that they write of some examples.
pub(super) fn attention_by_word(
    examples: &[Shown<'_>],
    models: &[(&str, ImageTextToTextPipeline)],
) -> Result<IllustratedExamples, RunError> {
    // One that has no decoder has no attention of it.
    if !models.iter().any(|(_, pipeline)| pipeline.config().outline().streams.contains_key("cross")) {
        return Ok(IllustratedExamples::default());
    }
    let examples = examples.iter().map(|example| illustrated(example, models));
    Ok(IllustratedExamples {
        title: "Attention to the image, word by word".into(),
        about: format!(
            "The attention that the decoder pays to each patch of the image as it writes a word, in its last layer, a mean over heads \
             and over the tokens of the word: the brighter, the more. Behind each word stands the share that goes to the image, the \
             rest going to the prompt; of a text at most {MAX_WORDS} words are shown."
        ),
        examples: examples.collect::<Result<_, RunError>>()?,
    })
}

fn illustrated(
    example: &Shown<'_>,
    models: &[(&str, ImageTextToTextPipeline)],
) -> Result<IllustratedExample, RunError> {
    let raster = example.picture.load()?;
    let image =
        |caption: String, raster: &Raster| Ok::<_, RunError>(Image { caption, png: raster.to_png()? });
    let mut images = vec![image(format!("the image; {}", example.reference), &raster)?];
    for (name, pipeline) in models {
        let prepared = pipeline.image_processor().process(example.picture)?;
        let words = pipeline.attention_maps(&ImagePrompt {
            image: &prepared,
            prompt: example.prompt,
            language: "",
        })?;
        let whole = match &prepared {
            ProcessedImage::Image(whole) => whole,
            ProcessedImage::Regions(_) | ProcessedImage::Several(_) => &raster,
        };
        for own in words.iter().take(MAX_WORDS) {
            let share = 100.0 * own.patches.iter().map(|(weight, _)| *weight).sum::<f32>();
            images
                .push(image(format!("{name}: {} ({share:.0} %)", own.word), &whole.highlight(&own.patches))?);
        }
    }
    Ok(IllustratedExample { source: example.prompt.to_owned(), images })
}
