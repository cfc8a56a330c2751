//! What the tests of the binary share.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]
#![allow(dead_code, reason = "each test file takes what it needs of this")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{Precision, Tokenizer};
use alambic_tensor::Streams;

/// The binary in a folder, with nothing of the environment that changes what it prints, and without a network.
pub(crate) fn alambic(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alambic"));
    command.current_dir(folder).env("NO_COLOR", "1").env_remove("RAYON_NUM_THREADS");
    command.env("HF_HUB_OFFLINE", "1").env("HF_HOME", folder.join("hub-cache")).env_remove("HF_HUB_CACHE");
    command
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The results of a command that went well and had nothing to say besides.
    pub(crate) fn good(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// What was said by a command that ended with this code and without results.
    pub(crate) fn bad(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        assert!(!self.stderr.contains("should not have happened"), "{}", self.stderr);
        self.stderr
    }
}

/// Runs the binary to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Ended {
    run_with(folder, arguments, "")
}

/// Runs the binary to its end, with lines on its standard input.
pub(crate) fn run_with(folder: &Path, arguments: &[&str], input: impl AsRef<[u8]>) -> Ended {
    let mut command = alambic(folder);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input closes it, which is no failure.
    let _ = child.stdin.take().unwrap().write_all(input.as_ref());
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The folder of broken recipes, with a sound one in it.
pub(crate) fn broken() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

/// Writes a tiny model that knows the letters of `zorva` and writes English and Tamil.
pub(crate) fn tiny_model(folder: &Path) -> PathBuf {
    let tokenizer =
        Tokenizer::characters(&"avorzசோர்வா".chars().collect(), &["en".into(), "ta".into()]).unwrap();
    let padding = tokenizer.padding().unwrap();
    let config = MarianConfig {
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
    };
    let weights = Marian::initial_weights(&config, &Streams::new(1)).unwrap();
    let path = folder.join("tiny");
    let files = tokenizer.files(config.max_position_embeddings).unwrap();
    alambic_students::ship(&path, &config.into(), &weights, &files, Precision::F32).unwrap();
    path
}
