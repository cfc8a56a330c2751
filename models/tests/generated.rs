//! Targets that transformers writes, over folders whose `generated.json` has them, and the corners of decoding.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::Path;

use alambic_models::architecture::{self, Architecture};
use alambic_models::{
    Config, EarlyStopping, GenerationConfig, GenerationDefaults, Hypothesis, ModelFolder, Sampling, Tokens,
};
use serde_json::Value;

use crate::traces::folder;

/// Families with a `generated.json`.
const FAMILIES: [&str; 7] = ["marian-peaked", "bart", "mbart", "m2m_100", "t5-v1.0", "t5-v1.1", "mt5"];

/// A model, and decoding as its folder has it.
struct Model {
    network: Box<dyn Architecture>,
    defaults: GenerationDefaults,
}

impl Model {
    fn open(path: &Path) -> Self {
        let folder = ModelFolder::open(path).unwrap();
        let defaults = GenerationDefaults::open(&folder, &Config::open(&folder).unwrap()).unwrap();
        Self { network: architecture::open(&folder).unwrap(), defaults }
    }

    /// Decoding by arguments of transformers' `generate`, over the defaults of the folder.
    fn config(&self, arguments: &Value) -> GenerationConfig {
        let mut config = self.defaults.config.clone();
        let ids = |value: &Value| -> Vec<u32> {
            let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            list.iter().map(|id| id.as_u64().unwrap() as u32).collect()
        };
        for (key, value) in arguments.as_object().unwrap() {
            let count = || value.as_u64().unwrap() as usize;
            match key.as_str() {
                "num_beams" => config.beam = count(),
                "length_penalty" => config.length_penalty = value.as_f64().unwrap() as f32,
                "no_repeat_ngram_size" => config.no_repeat_ngram = count(),
                "early_stopping" => {
                    config.early_stopping = Some(match value {
                        Value::Bool(true) => EarlyStopping::Full,
                        Value::Bool(false) => EarlyStopping::Heuristic,
                        _ => EarlyStopping::Never,
                    });
                }
                "max_new_tokens" => config.max_new_tokens = count(),
                "max_length" => config.max_new_tokens = count() - 1,
                "min_new_tokens" => config.min_new_tokens = count(),
                "min_length" => config.min_new_tokens = count() - 1,
                "num_return_sequences" => config.num_return_sequences = Some(count()),
                "decoder_start_token_id" => config.rules.start = Some(ids(value)[0]),
                "eos_token_id" => config.rules.ends = ids(value),
                "forced_bos_token_id" => config.rules.forced_first = Some(ids(value)[0]),
                "forced_eos_token_id" => config.rules.forced_last = ids(value),
                "bad_words_ids" => {
                    config.rules.bad_words = value.as_array().into_iter().flatten().map(ids).collect();
                }
                "renormalize_logits" => config.rules.renormalize = value.as_bool().unwrap(),
                "do_sample" => assert_eq!(value, false),
                other => panic!("no argument {other}"),
            }
        }
        config
    }

    /// What is written of inputs.
    fn write(&self, config: &GenerationConfig, inputs: &[Vec<u32>]) -> Vec<Vec<Hypothesis>> {
        let source = Tokens::pad(inputs, self.defaults.padding);
        config.run(self.network.as_translator().unwrap(), &source).unwrap()
    }

    /// The ids of a hypothesis, the one that the decoder starts from first.
    fn ids(&self, config: &GenerationConfig, hypothesis: &Hypothesis) -> Vec<u32> {
        let start = config.rules.start.unwrap_or_else(|| self.network.as_translator().unwrap().start_token());
        [start].iter().chain(&hypothesis.tokens).chain(&hypothesis.end).copied().collect()
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn rows(value: &Value) -> Vec<Vec<u32>> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn targets_of_families_are_those_of_transformers() {
    for family in FAMILIES {
        let model = Model::open(&folder(family).join("model"));
        let expected = read(&folder(family).join("generated.json"));
        let inputs = rows(&expected["inputs"]);
        for setting in expected["settings"].as_array().unwrap() {
            let config = model.config(&setting["transformers"]);
            let written = model.write(&config, &inputs);
            let found: Vec<Vec<u32>> = written.iter().map(|own| model.ids(&config, &own[0])).collect();
            assert_eq!(found, rows(&setting["outputs"]), "{family}: {}", setting["transformers"]);
            for (input, expected) in inputs.iter().zip(found).take(3) {
                let alone = model.write(&config, std::slice::from_ref(input));
                assert_eq!(
                    model.ids(&config, &alone[0][0]),
                    expected,
                    "{family}: {}",
                    setting["transformers"]
                );
            }
        }
    }
}

#[test]
fn corners_of_decoding_are_those_of_transformers() {
    for (name, path) in [("decoding", "decoding/model"), ("marian-peaked", "marian-peaked/model")] {
        let model = Model::open(&folder(path));
        let expected = read(&folder("decoding").join(format!("{name}.json")));
        let inputs = rows(&expected["inputs"]);
        let (mut compared, mut faults) = (0, Vec::new());
        for setting in expected["settings"].as_array().unwrap() {
            let arguments = &setting["transformers"];
            let config = model.config(arguments);
            let count = config.num_return_sequences.unwrap_or(1);
            let written = model.write(&config, &inputs);
            for (place, (own, expected)) in
                written.iter().zip(setting["outputs"].as_array().unwrap()).enumerate()
            {
                if expected.is_null() {
                    continue;
                }
                compared += 1;
                let found: Vec<Vec<u32>> =
                    own.iter().take(count).map(|own| model.ids(&config, own)).collect();
                if found != rows(expected) {
                    faults.push(format!("{arguments} of input {place}: {found:?}, and not {expected}"));
                }
            }
        }
        assert!(compared > 200 && faults.is_empty(), "{name}: {compared}\n{}", faults.join("\n"));
    }
}

#[test]
fn samples_of_a_source_do_not_depend_on_its_batch() {
    let model = Model::open(&folder("marian-peaked/model"));
    let inputs = rows(&read(&folder("marian-peaked").join("generated.json"))["inputs"]);
    for (temperature, top_k, top_p) in [(1.0, None, 1.0), (1.5, Some(20), 1.0), (2.0, Some(50), 0.8)] {
        let config = GenerationConfig {
            beam: 1,
            max_new_tokens: 10,
            num_return_sequences: Some(3),
            sampling: Some(Sampling { temperature, top_k, top_p, seed: 11 }),
            ..model.defaults.config.clone()
        };
        let together = model.write(&config, &inputs);
        let mut reversed = inputs.clone();
        reversed.reverse();
        let mut turned = model.write(&config, &reversed);
        turned.reverse();
        let tokens =
            |own: &[Hypothesis]| -> Vec<Vec<u32>> { own.iter().map(|own| own.tokens.clone()).collect() };
        for ((input, together), turned) in inputs.iter().zip(&together).zip(&turned) {
            let alone = model.write(&config, std::slice::from_ref(input));
            assert_eq!(tokens(&alone[0]), tokens(together));
            assert_eq!(tokens(turned), tokens(together));
            assert_eq!(together.len(), 3);
            // The padding is a bad word, and the length forces the end.
            assert!(together.iter().all(|own| !own.tokens.contains(&130) && own.finished));
        }
        let different = together.iter().filter(|own| own[0].tokens != own[1].tokens).count();
        assert!(different > inputs.len() / 2, "{different}");
        let seeded = GenerationConfig {
            sampling: Some(Sampling { temperature, top_k, top_p, seed: 12 }),
            ..config.clone()
        };
        assert_ne!(model.write(&seeded, &inputs), together);
    }
}

#[test]
fn samples_are_drawn_without_a_beam() {
    let model = Model::open(&folder("marian-peaked/model"));
    let config = GenerationConfig {
        beam: 2,
        sampling: Some(Sampling { temperature: 1.0, top_k: None, top_p: 1.0, seed: 1 }),
        ..model.defaults.config.clone()
    };
    let source = Tokens::pad(&[[4, 0]], 130);
    let said = config.run(model.network.as_translator().unwrap(), &source).unwrap_err().to_string();
    assert!(said.contains("without a beam"), "{said}");
}
