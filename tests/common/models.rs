//! Tiny models of random weights.

use std::path::{Path, PathBuf};

use alambic_models::encoder_decoder::bart::BartConfig;
use alambic_models::text_encoder::{
    Family, Head, HeadSpec, Pooling, PoolingMode, ProblemType, Structure, TextEncoder, TextEncoderConfig,
    TokenPooling,
};
use alambic_models::{Config, Precision, Tokenizer, TokenizerModel};
use alambic_students::save_pretrained;
use alambic_tensor::Streams;

/// Writes a tiny model that knows the letters of `zorva` and writes English and Tamil.
pub(crate) fn tiny_model(folder: &Path) -> PathBuf {
    let tokenizer =
        Tokenizer::from_characters(&"avorzசோர்வா".chars().collect(), &["en".into(), "ta".into()]).unwrap();
    let padding = tokenizer.padding().unwrap();
    let config = BartConfig {
        vocab_size: tokenizer.size(),
        d_model: 8,
        encoder_layers: 2,
        decoder_layers: 1,
        encoder_attention_heads: 2,
        decoder_attention_heads: 2,
        encoder_ffn_dim: 16,
        decoder_ffn_dim: 16,
        activation_function: "relu".into(),
        dropout: 0.0,
        scale_embedding: true,
        max_position_embeddings: 12,
        pad_token_id: padding,
        eos_token_id: tokenizer.end().unwrap(),
        decoder_start_token_id: padding,
        ..BartConfig::default()
    };
    let weights = config.initial_weights(&Streams::new(1)).unwrap();
    let path = folder.join("tiny");
    let files = tokenizer.files(config.max_position_embeddings).unwrap();
    save_pretrained(&path, &config.into(), &weights, &files, Precision::F32).unwrap();
    path
}

/// Puts a sentence encoder of six tiny layers into the cache of the hub that commands in a folder see, under the name of the one
/// from which recipes start.
pub(crate) fn cached_encoder(folder: &Path) {
    let cached = folder.join("hub-cache/hub/models--sentence-transformers--all-MiniLM-L6-v2");
    std::fs::create_dir_all(cached.join("refs")).unwrap();
    std::fs::write(cached.join("refs/main"), "abc").unwrap();
    std::fs::create_dir_all(cached.join("snapshots")).unwrap();
    let texts = ["when did the film number 0 1 2 3 4 5 6 7 8 9 run", "a good film", "no plot at all"];
    let tokenizer = Tokenizer::train(TokenizerModel::WordPiece, texts, 90).unwrap();
    tiny_encoder(&cached.join("snapshots/abc"), &tokenizer, 512, &HeadSpec::none(), |config| {
        config.layers = 6;
        config.pooling = Some(Pooling::new(PoolingMode::Tokens(vec![TokenPooling::Mean]), false));
    });
}

/// Writes a text encoder with the head of a task, as many positions as `longest`, and what `change` makes of its
/// configuration.
pub(crate) fn tiny_encoder(
    path: &Path,
    tokenizer: &Tokenizer,
    longest: usize,
    task: &HeadSpec,
    change: impl FnOnce(&mut TextEncoderConfig),
) {
    let config = TextEncoderConfig {
        family: Family::Bert,
        head: Head::None,
        pooler: false,
        untied: false,
        labels: Vec::new(),
        problem_type: ProblemType::SingleLabel,
        pairs: None,
        vocabulary: tokenizer.size(),
        width: 8,
        layers: 1,
        heads: 2,
        intermediate_size: 8,
        activation: "gelu".into(),
        positions: longest,
        segments: 2,
        epsilon: 1e-12,
        padding: 0,
        dropout: 0.0,
        attention_dropout: 0.0,
        head_dropout: 0.0,
        structure: Structure::default(),
        pooling: None,
    };
    let mut config = config.with_head(task);
    change(&mut config);
    let weights = TextEncoder::initial_weights(&config, &Streams::new(3)).unwrap();
    let files = tokenizer.files(longest).unwrap();
    save_pretrained(path, &Config::TextEncoder(config), &weights, &files, Precision::F32).unwrap();
}
