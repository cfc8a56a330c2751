//! Tiny random models, and what is asked of them.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use alambic_models::encoder_decoder::bart::BartConfig;
use alambic_models::{Precision, Tokenizer, write_weights};
use alambic_settings::Setting;
use alambic_teachers::{
    DecodingOptions, GenerationOutput, GenerationRequest, GenerativeTeacher, Pipeline, PipelineOptions,
    PipelineStep, Teacher, TeacherError,
};
use alambic_tensor::Streams;
use alambic_tensor::candle::{Device, Tensor};
use tempfile::TempDir;

pub(crate) const CHARACTERS: &str = "abcdकखगघ";

/// Writes a random model of `positions` positions, which writes nothing but characters and the end: some
/// texts end at once, some after a while and some never.
pub(crate) fn write_model(folder: &Path, seed: u64, positions: usize) {
    let languages = ["en", "hi", "ta"].map(str::to_owned);
    let tokenizer = Tokenizer::from_characters(&CHARACTERS.chars().collect(), &languages).unwrap();
    let padding = tokenizer.padding().unwrap();
    let config = BartConfig {
        vocab_size: tokenizer.size(),
        d_model: 16,
        encoder_layers: 2,
        decoder_layers: 1,
        encoder_attention_heads: 2,
        decoder_attention_heads: 2,
        encoder_ffn_dim: 24,
        decoder_ffn_dim: 24,
        activation_function: "relu".into(),
        dropout: 0.1,
        scale_embedding: true,
        max_position_embeddings: positions,
        pad_token_id: padding,
        eos_token_id: tokenizer.end().unwrap(),
        decoder_start_token_id: padding,
        ..BartConfig::default()
    };
    let mut weights = config.initial_weights(&Streams::new(seed)).unwrap();
    // Random cross-attention says too little for the source to make a difference.
    for (name, tensor) in &mut weights {
        if name.contains("encoder_attn.") && name.ends_with("weight") {
            *tensor = (&*tensor * 6.0).unwrap();
        }
    }
    let mut bias = vec![-1e4f32; config.vocab_size];
    for character in CHARACTERS.chars() {
        bias[tokenizer.id(&character.to_string()).unwrap() as usize] = 0.0;
    }
    bias[config.eos_token_id as usize] = 1.0;
    let bias = Tensor::from_vec(bias, (1, config.vocab_size), &Device::Cpu).unwrap();
    weights.insert("final_logits_bias".into(), bias);
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("config.json"), config.to_json().unwrap().to_string()).unwrap();
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_json().unwrap()).unwrap();
    write_weights(folder, &weights, Precision::F32).unwrap();
}

/// Folders of two models, `first` and `second`, and the record of a test.
pub(crate) struct Workplace {
    pub(crate) folder: TempDir,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_model(&folder.path().join("first"), 6, 16);
        write_model(&folder.path().join("second"), 3, 16);
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn checkpoint(&self, name: &str) -> GenerativeTeacher {
        GenerativeTeacher::load(&self.path(name)).unwrap()
    }

    pub(crate) fn pipeline(&self, options: &PipelineOptions) -> Pipeline {
        Pipeline::new(options, |name| GenerativeTeacher::load(&self.path(name))).unwrap()
    }
}

pub(crate) fn request(text: &str, language: &str) -> GenerationRequest {
    GenerationRequest { text: text.into(), language: language.into() }
}

/// All words of two and three of the characters, into languages in turn.
pub(crate) fn requests() -> Vec<GenerationRequest> {
    let characters: Vec<char> = CHARACTERS.chars().collect();
    let mut words = Vec::new();
    for a in &characters {
        for b in &characters {
            words.push(format!("{a}{b}"));
            words.extend(characters.iter().map(|c| format!("{a}{b}{c}")));
        }
    }
    words
        .iter()
        .zip(["ta", "hi", "en"].iter().cycle())
        .map(|(word, language)| request(word, language))
        .collect()
}

pub(crate) fn chain(steps: &[(&str, &str)]) -> PipelineOptions {
    let step = |(teacher, language): &(&str, &str)| PipelineStep {
        teacher: (*teacher).to_owned().into(),
        language: (*language).to_owned(),
    };
    PipelineOptions {
        chain: steps.iter().map(step).collect(),
        beam: 2,
        n_best: 1,
        max_new_tokens: 10,
        min_confidence: 0.0,
        decoding: DecodingOptions::when_absent().unwrap(),
    }
}

pub(crate) fn write(teacher: &dyn Teacher, requests: &[GenerationRequest]) -> Vec<GenerationOutput> {
    let mut done = 0;
    let written = teacher.generate(requests, &mut |count| done += count).unwrap();
    assert_eq!((done, written.len()), (requests.len(), requests.len()));
    written
}

pub(crate) fn message<T>(result: Result<T, TeacherError>) -> String {
    result.err().unwrap().to_string()
}

pub(crate) fn largest_difference(left: &Tensor, right: &Tensor) -> f32 {
    (left - right).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}
