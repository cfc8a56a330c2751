//! Attention of a model that writes about images to the patches of an image, word by word.

use alambic_data::WeightedBox;
use alambic_models::{ModelError, TapSelection, Tokens, tap};
use alambic_tensor::candle::Tensor;

use crate::{ImagePrompt, ImageTextToTextPipeline, InferenceError};

/// A word that a model wrote, and its attention to each patch of the image.
#[derive(Debug, Clone, PartialEq)]
pub struct WordAttention {
    /// The word; of a text without blanks each token.
    pub word: String,
    /// The attention to each patch: a mean over the heads of the decoder's last layer and over the tokens of the word. What is left to
    /// 1 goes to the prompt.
    pub patches: Vec<WeightedBox>,
}

/// The stretches of tokens that are a word each, with the words, by the texts of the first token, of the first two, and so on. Where
/// the whole text has no blank, each token is one.
fn words(prefixes: &[String]) -> Vec<(String, usize)> {
    let Some(whole) = prefixes.last() else { return Vec::new() };
    if whole.split_whitespace().count() < 2 {
        let mut before = 0;
        let own = |prefix: &String| {
            let text = prefix.get(before..).unwrap_or_default().trim().to_owned();
            before = prefix.len();
            (text, 1)
        };
        return prefixes.iter().map(own).collect();
    }
    // A token belongs to the word that the text up to it ends with.
    let mut words: Vec<(String, usize)> = whole.split_whitespace().map(|word| (word.to_owned(), 0)).collect();
    let last = words.len() - 1;
    for prefix in prefixes {
        let place = prefix.split_whitespace().count().saturating_sub(1).min(last);
        words[place].1 += 1;
    }
    words
}

impl ImageTextToTextPipeline {
    /// What the model writes for an image and a prompt by its decoding, word by word, with the attention that the decoder pays to each
    /// patch as it writes; nothing of a decoder without attention.
    ///
    /// # Errors
    /// When the language is not among the model's, or the image does not fit it.
    pub fn attention_maps(&self, input: &ImagePrompt<'_>) -> Result<Vec<WordAttention>, InferenceError> {
        let (generation, config) = (self.generation(), self.config());
        let layers = config.outline().streams.get("cross").map_or(0, |stream| stream.attention.0);
        let (Some(start), Some(last)) = (config.decoder_start(), layers.checked_sub(1)) else {
            return Ok(Vec::new());
        };
        let Some((_, hypothesis)) = self.predict(std::slice::from_ref(input))?.into_iter().next() else {
            return Ok(Vec::new());
        };
        let tokens = hypothesis.tokens;
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let (image, padding) = (self.images(std::iter::once(input))?, config.padding());
        let source = Tokens::pad(&generation.encode(&[(input.prompt, input.language)])?, padding);
        // Each token is written at the place of the one before.
        let forced: Vec<u32> = [start].iter().chain(&tokens[..tokens.len() - 1]).copied().collect();
        let attention = tap("cross", "attention", last);
        let trace = generation.trace_of(
            source,
            image,
            Some(&Tokens::pad(&[forced], padding)),
            TapSelection::named([attention.clone()]),
        )?;
        let boxes = self.image_processor().patch_boxes(input.image);
        let Some(probabilities) = trace.get(&attention) else { return Ok(Vec::new()) };
        let rows = of_patches(probabilities, boxes.len()).map_err(ModelError::from)?;
        let prefixes = (1..=tokens.len()).map(|count| generation.tokenizer().decode(&tokens[..count]));
        let mut rows = rows.into_iter();
        let words = words(&prefixes.collect::<Result<Vec<_>, _>>()?).into_iter();
        Ok(words
            .filter_map(|(word, count)| {
                let own: Vec<Vec<f32>> = rows.by_ref().take(count).collect();
                (count > 0 && !word.is_empty()).then(|| {
                    let of = |row: &Vec<f32>, patch: usize| row.get(patch).copied().unwrap_or_default();
                    let mean =
                        |patch: usize| own.iter().map(|row| of(row, patch)).sum::<f32>() / count as f32;
                    let patches =
                        boxes.iter().enumerate().map(|(patch, bounds)| (mean(patch), *bounds)).collect();
                    WordAttention { word, patches }
                })
            })
            .collect())
    }
}

/// The attention of each token to the first so many places, a mean over heads, of probabilities `[1, heads, tokens, places]`.
fn of_patches(probabilities: &Tensor, count: usize) -> Result<Vec<Vec<f32>>, alambic_tensor::candle::Error> {
    let count = count.min(probabilities.dim(3)?);
    probabilities.narrow(3, 0, count)?.contiguous()?.mean(1)?.get(0)?.to_vec2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(prefixes: &[&str]) -> Vec<(String, usize)> {
        words(&prefixes.iter().map(|&own| own.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn tokens_belong_to_the_words_that_they_write() {
        let words = |own: &[(&str, usize)]| -> Vec<(String, usize)> {
            own.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
        };
        assert_eq!(
            of(&["a", "a r", "a red", "a red", "a red ball"]),
            words(&[("a", 1), ("red", 3), ("ball", 1)])
        );
        // Without blanks each token is one.
        assert_eq!(of(&["赤い", "赤い丸"]), words(&[("赤い", 1), ("丸", 1)]));
        assert_eq!(of(&["blue"]), words(&[("blue", 1)]));
        assert!(of(&[]).is_empty());
        // Pieces of a letter show nothing until it is whole.
        assert_eq!(of(&["", "", "丸"]), words(&[("", 1), ("", 1), ("丸", 1)]));
    }
}
