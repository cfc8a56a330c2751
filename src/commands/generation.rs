//! What `trace --generate` writes: options, and the ids of the targets.

use alambic_files::text::quoted;
use alambic_models::architecture::{Architecture, Image};
use alambic_models::{
    Config, EarlyStopping, GenerationConfig, GenerationDefaults, Hypothesis, ModelError, ModelFolder, Tokens,
};
use alambic_settings::reader::nearest;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::failure::Failure;
use crate::log::warn;

/// Keys of the options.
const KEYS: [&str; 6] =
    ["beams", "length-penalty", "no-repeat-ngram", "early-stopping", "forced-first", "max-new-tokens"];

/// Most hypotheses that are kept.
const MAX_BEAMS: usize = 1024;

/// Decoding of a model by options such as `beams=4,max-new-tokens=12`; what they leave open is as the model's folder has it.
#[derive(Debug)]
pub(crate) struct Generation {
    config: GenerationConfig,
    padding: u32,
}

impl Generation {
    /// Reads the options.
    pub(crate) fn new(options: &str, folder: &ModelFolder, config: &Config) -> Result<Self, Failure> {
        if !config.writes_texts() {
            return Err(Failure::Usage(format!(
                "`--generate` is for a model that writes texts, and a {} does not",
                config.model_type()
            )));
        }
        let GenerationDefaults { mut config, padding, vocabulary, not_followed } =
            GenerationDefaults::open(folder, config)?;
        if !not_followed.is_empty() {
            warn(&format!(
                "{}: not followed in what is written: {}",
                folder.path().display(),
                not_followed.join(", ")
            ));
        }
        let mut seen: Vec<&str> = Vec::new();
        for option in options.split(',').map(str::trim).filter(|_| !options.trim().is_empty()) {
            let Some((key, value)) = option.split_once('=') else {
                return Err(usage(&format!("`{}` is no `KEY=VALUE`", quoted(option))));
            };
            let (key, value) = (key.trim(), value.trim());
            if seen.contains(&key) {
                return Err(usage(&format!("`{}` is there twice", quoted(key))));
            }
            seen.push(key);
            set(&mut config, key, value)?;
        }
        if let Some(id) = config.rules.forced_first.filter(|id| *id as usize >= vocabulary) {
            return Err(usage(&format!(
                "`forced-first` is {id}, and the model writes ids below {vocabulary}"
            )));
        }
        Ok(Self { config, padding })
    }

    /// The targets of sources, `[sources, longest]`: the id that the decoder starts from, the ids that were written, the end's
    /// where it was written, and padding.
    /// Where there are images, the model writes of text and image together.
    pub(crate) fn write(
        &self,
        model: &dyn Architecture,
        source: &Tokens,
        image: Option<&Image>,
    ) -> Result<Tensor, ModelError> {
        let of_images = image.and_then(|image| model.translator_of_images(image));
        let Some(translator) = of_images.as_deref().or(model.as_translator()) else {
            return Err(ModelError::Input("the model writes no texts".into()));
        };
        let start = self.config.rules.start.unwrap_or_else(|| translator.start_token());
        let written = self.config.run(translator, source)?;
        let rows = written.iter().map(|hypotheses| row(start, hypotheses));
        let rows = rows.collect::<Result<Vec<Vec<i64>>, ModelError>>()?;
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
        let ids: Vec<i64> = rows
            .iter()
            .flat_map(|row| {
                row.iter().copied().chain(std::iter::repeat_n(i64::from(self.padding), longest - row.len()))
            })
            .collect();
        Ok(Tensor::from_vec(ids, (rows.len(), longest), device::current())?)
    }
}

/// The ids of the best hypothesis.
fn row(start: u32, hypotheses: &[Hypothesis]) -> Result<Vec<i64>, ModelError> {
    let Some(best) = hypotheses.first() else { return Ok(vec![i64::from(start)]) };
    if !best.log_probability.is_finite() {
        return Err(ModelError::NotFinite("logits".into()));
    }
    Ok([start].iter().chain(&best.tokens).chain(&best.end).map(|id| i64::from(*id)).collect())
}

/// Sets an option.
fn set(config: &mut GenerationConfig, key: &str, value: &str) -> Result<(), Failure> {
    let count = |least: usize, most: usize| {
        value.parse().ok().filter(|count| (least..=most).contains(count)).ok_or_else(|| {
            let range = if most == i32::MAX as usize {
                format!("from {least} on")
            } else {
                format!("from {least} to {most}")
            };
            usage(&format!("`{key}` is `{}`; it is a whole number {range}", quoted(value)))
        })
    };
    let most = i32::MAX as usize;
    match key {
        "beams" => config.beam = count(1, MAX_BEAMS)?,
        "no-repeat-ngram" => config.no_repeat_ngram = count(0, most)?,
        "max-new-tokens" => config.max_new_tokens = count(1, most)?,
        "forced-first" => config.rules.forced_first = Some(count(0, most)? as u32),
        "length-penalty" => {
            let number = value.parse().ok().filter(|number: &f32| number.is_finite());
            config.length_penalty =
                number.ok_or_else(|| usage(&format!("`{key}` is `{}`; it is a number", quoted(value))))?;
        }
        "early-stopping" => {
            let all = [EarlyStopping::Heuristic, EarlyStopping::Full, EarlyStopping::Never];
            let chosen = all.into_iter().find(|own| own.name() == value);
            config.early_stopping = Some(chosen.ok_or_else(|| {
                usage(&format!("`{key}` is `{}`; it is true, false or never", quoted(value)))
            })?);
        }
        _ => {
            let near =
                nearest(key, &KEYS).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let known = KEYS.join(", ");
            return Err(usage(&format!("there is no `{}`{near}; there are {known}", quoted(key))));
        }
    }
    Ok(())
}

fn usage(message: &str) -> Failure {
    Failure::Usage(format!("--generate: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(options: &[(&str, &str)]) -> Result<GenerationConfig, Failure> {
        let mut config = GenerationConfig::greedy(20);
        options.iter().try_for_each(|(key, value)| set(&mut config, key, value))?;
        Ok(config)
    }

    #[test]
    fn options_set_what_they_name() {
        let config = options(&[
            ("beams", "4"),
            ("length-penalty", "-0.5"),
            ("no-repeat-ngram", "2"),
            ("early-stopping", "never"),
            ("forced-first", "7"),
            ("max-new-tokens", "12"),
        ]);
        let mut expected = GenerationConfig {
            beam: 4,
            length_penalty: -0.5,
            no_repeat_ngram: 2,
            early_stopping: Some(EarlyStopping::Never),
            ..GenerationConfig::greedy(12)
        };
        expected.rules.forced_first = Some(7);
        assert_eq!(config.unwrap(), expected);
    }

    #[test]
    fn unknown_keys_and_values_out_of_range_are_errors_of_usage() {
        for (key, value) in [
            ("beams", "0"),
            ("beams", "-1"),
            ("beams", "1025"),
            ("beams", "four"),
            ("beams", ""),
            ("length-penalty", "nan"),
            ("length-penalty", "inf"),
            ("no-repeat-ngram", "1.5"),
            ("early-stopping", "True"),
            ("forced-first", "-3"),
            ("max-new-tokens", "0"),
            ("beam", "4"),
            ("", "4"),
        ] {
            assert!(matches!(options(&[(key, value)]), Err(Failure::Usage(_))), "{key}={value}");
        }
    }
}
