//! Flags about how a model writes.

use alambic_models::{GenerationConfig, Sampling};
use alambic_settings::Either;
use alambic_teachers::{DecodingOptions, Unhurried};
use clap::Args;

use crate::failure::Failure;

/// Flags about how a model writes, beside beams and the greatest length
#[derive(Args, Clone)]
pub(super) struct Decoding {
    /// Power of the length by which the log-probability of a beam's hypothesis is divided; left out, 1
    #[arg(long, value_name = "NUMBER", value_parser = finite, allow_negative_numbers = true)]
    length_penalty: Option<f32>,
    /// Number of tokens of which no sequence is written twice; 0 for no limit. With this and the flags below, ids that
    /// `generation_config.json` forces or forbids are forced and forbidden
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1_048_576))]
    no_repeat_ngram: Option<u32>,
    /// When a search of several beams ends, as transformers has it; left out, when as many outputs as there are beams have ended,
    /// and outputs without an end count only where none has one
    #[arg(long, value_name = "WHEN", value_parser = ["true", "false", "never"])]
    early_stopping: Option<String>,
    /// Draws tokens by their probability, of logits divided by this number, in place of the likeliest
    #[arg(long, value_name = "NUMBER", value_parser = positive, allow_negative_numbers = true)]
    temperature: Option<f64>,
    /// Draws tokens, each of so many of the likeliest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top_k: Option<u32>,
    /// Draws tokens, each of the likeliest that make up this share of the probability
    #[arg(long, value_name = "SHARE", value_parser = share, allow_negative_numbers = true)]
    top_p: Option<f64>,
    /// Seed of what is drawn; an output follows from it and the text, whatever others there are
    #[arg(long, visible_alias = "seed", value_name = "N")]
    sampling_seed: Option<u64>,
}

impl Decoding {
    /// The first flag that is given.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        let flags = [
            ("--length-penalty", self.length_penalty.is_some()),
            ("--no-repeat-ngram", self.no_repeat_ngram.is_some()),
            ("--early-stopping", self.early_stopping.is_some()),
            ("--temperature", self.temperature.is_some()),
            ("--top-k", self.top_k.is_some()),
            ("--top-p", self.top_p.is_some()),
            ("--sampling-seed", self.sampling_seed.is_some()),
        ];
        flags.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    /// The first flag that is given and that is of texts alone, and not of images that are drawn.
    pub(super) fn first_of_texts(&self) -> Option<&'static str> {
        let flags = [
            ("--length-penalty", self.length_penalty.is_some()),
            ("--no-repeat-ngram", self.no_repeat_ngram.is_some()),
            ("--early-stopping", self.early_stopping.is_some()),
        ];
        flags.into_iter().find(|(_, is_given)| *is_given).map(|(flag, _)| flag)
    }

    /// How tokens of images are drawn: by their probabilities, where nothing else is said.
    pub(super) fn sampling(&self) -> Sampling {
        Sampling {
            temperature: self.temperature.unwrap_or(1.0),
            top_k: self.top_k.map(|count| count as usize),
            top_p: self.top_p.unwrap_or(1.0),
            seed: self.sampling_seed.unwrap_or(1),
        }
    }

    /// Decoding by the flags.
    pub(super) fn generation(&self, beam: usize, max_new_tokens: usize) -> Result<GenerationConfig, Failure> {
        let options = DecodingOptions {
            length_penalty: self.length_penalty.unwrap_or(1.0),
            no_repeat_ngram: self.no_repeat_ngram.unwrap_or(0) as usize,
            early_stopping: self.early_stopping.as_deref().map(|when| match when {
                "never" => Either::Second(Unhurried::Never),
                when => Either::First(when == "true"),
            }),
            temperature: self.temperature,
            top_k: self.top_k.map(|count| count as usize),
            top_p: self.top_p,
            sampling_seed: self.sampling_seed,
        };
        match options.contradictions(beam).first() {
            Some((_, message, help)) => Err(Failure::Usage(format!("{message}; {help}"))),
            None => Ok(options.generation(beam, max_new_tokens)),
        }
    }
}

fn finite(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|number: &f32| number.is_finite()).ok_or_else(|| "it is a number".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.001..=1000.0).contains(number));
    number.ok_or_else(|| "it is a number from 0.001 to 1000".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "it is a number from 0 to 1".to_owned())
}
