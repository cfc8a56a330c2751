//! Entries that are in the cache already: sound, damaged, cut short, of other clients, and fetched by two at once.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alambic_hub::{Hub, HubError, Limits};
use tempfile::TempDir;

use crate::server::{COMMIT, Repository, Server, git_digest, raw, reply, sha256};

/// So many of the same byte.
fn bytes(byte: u8, many: usize) -> Vec<u8> {
    vec![byte; many]
}

/// A hub with its store of large files, and a cache.
struct Stage {
    hub: Server,
    elsewhere: Server,
    repository: Repository,
    cache: TempDir,
}

impl Stage {
    fn new(change: impl Fn(Repository) -> Repository) -> Self {
        let (hub, elsewhere) = (Server::start(), Server::start());
        let files = [("config.json", "{\"model_type\": \"bert\"}"), ("tokenizer.json", "{}")];
        let repository =
            Repository::new(&elsewhere.address, &files).with("model.safetensors", bytes(7, 100_000));
        let stage =
            Self { hub, elsewhere, repository: change(repository), cache: tempfile::tempdir().unwrap() };
        stage.serve();
        stage
    }

    fn serve(&self) {
        let (here, there) = (self.repository.clone(), self.repository.clone());
        self.hub.says(move |request| here.answer(request));
        self.elsewhere.says(move |request| there.stored(request));
    }

    fn client(&self) -> Hub {
        let limits = Limits { max_attempts: 2, pause: Duration::from_millis(5), ..Limits::default() };
        Hub::at(&self.hub.endpoint(), self.cache.path()).with_limits(limits)
    }

    fn root(&self) -> PathBuf {
        self.cache.path().join("models--owner--small")
    }

    /// The folder of the model, whose files are those of the repository.
    fn fetched(&self) -> PathBuf {
        let folder = self.client().model("owner/small").unwrap();
        for (name, bytes) in &self.repository.files {
            assert_eq!(fs::read(folder.join(name)).ok().as_ref(), Some(bytes), "{name}");
        }
        folder
    }

    /// How often the bytes of a file were asked for.
    fn downloads(&self, name: &str) -> usize {
        let log = [self.hub.log(), self.elsewhere.log()].concat();
        log.iter().filter(|request| request.path.ends_with(name) && !request.is_probe()).count()
    }
}

/// A file as clients put it where there are no links.
fn copy(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn files_lie_where_other_clients_look_for_them() {
    let stage = Stage::new(|sound| {
        sound.with("modules.json", "[{\"path\": \"1_Pooling\"}]").with("1_Pooling/config.json", "{}")
    });
    let folder = stage.fetched();
    assert_eq!(folder, stage.root().join("snapshots").join(COMMIT));
    assert_eq!(fs::read_to_string(stage.root().join("refs/main")).unwrap(), COMMIT);
    let (large, small) = (sha256(&bytes(7, 100_000)), git_digest(b"{}"));
    assert_eq!(fs::read(stage.root().join("blobs").join(&large)).unwrap(), bytes(7, 100_000));
    if cfg!(unix) {
        let target = |name: &str| fs::read_link(folder.join(name)).unwrap();
        assert_eq!(target("model.safetensors"), Path::new("../../blobs").join(large));
        assert_eq!(target("1_Pooling/config.json"), Path::new("../../../blobs").join(&small));
        assert_eq!(target("tokenizer.json"), Path::new("../../blobs").join(&small));
    }
    assert_eq!(stage.downloads("tokenizer.json") + stage.downloads("1_Pooling/config.json"), 1, "one blob");
    let mut entries: Vec<_> =
        fs::read_dir(stage.root()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    entries.sort();
    assert_eq!(entries, ["blobs", "refs", "snapshots"]);
}

#[test]
fn damage_is_found_and_fetched_again() {
    let stage = Stage::new(|sound| sound);
    let folder = stage.fetched();
    let weights = folder.join("model.safetensors");
    let blob = stage.root().join("blobs").join(sha256(&bytes(7, 100_000)));
    let outside = stage.cache.path().join("outside");
    fs::write(&outside, bytes(8, 100_000)).unwrap();
    let flipped = [&[6][..], &bytes(7, 99_999)].concat();
    for damage in ["flipped bit", "cut short", "longer", "empty", "without blob", "link out of the cache"] {
        match damage {
            "flipped bit" => fs::write(&blob, &flipped).unwrap(),
            "cut short" => fs::write(&blob, bytes(7, 99_999)).unwrap(),
            "longer" => fs::write(&blob, bytes(7, 100_001)).unwrap(),
            "empty" => fs::write(&blob, []).unwrap(),
            "without blob" => fs::remove_file(&blob).unwrap(),
            _ => link(&outside, &weights),
        }
        let offline = stage.client().offline().model("owner/small");
        if cfg!(unix) {
            let said = offline.unwrap_err();
            assert!(matches!(said, HubError::Damaged { .. }), "{damage}: {said}");
            assert!(said.to_string().contains("run once without it"), "{said}");
        }
        assert_eq!(stage.fetched(), folder, "{damage}");
        assert!(stage.client().offline().model("owner/small").is_ok(), "{damage}");
    }
    assert_eq!(fs::read(outside).unwrap(), bytes(8, 100_000));
}

/// Puts a link into a file's place.
fn link(target: &Path, path: &Path) {
    fs::remove_file(path).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, path).unwrap();
    #[cfg(not(unix))]
    fs::copy(target, path).unwrap();
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link_that_leads_out_of_the_cache() {
    let stage = Stage::new(|sound| {
        sound.with("modules.json", "[{\"path\": \"1_Pooling\"}]").with("1_Pooling/config.json", "{}")
    });
    let outside = tempfile::tempdir().unwrap();
    let snapshot = stage.root().join("snapshots").join(COMMIT);
    fs::create_dir_all(&snapshot).unwrap();
    std::os::unix::fs::symlink(outside.path(), snapshot.join("1_Pooling")).unwrap();
    let said = stage.client().model("owner/small").unwrap_err().to_string();
    assert!(said.contains("leads out of the cache") && said.contains("1_Pooling"), "{said}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn copies_of_other_clients_are_taken_where_the_hub_confirms_them() {
    let stage = Stage::new(|sound| sound);
    let snapshot = stage.root().join("snapshots").join(COMMIT);
    for (name, bytes) in &stage.repository.files {
        copy(&snapshot.join(name), bytes);
    }
    copy(&stage.root().join("refs/main"), COMMIT.as_bytes());
    assert_eq!(stage.client().offline().model("owner/small").unwrap(), snapshot);
    assert_eq!(stage.fetched(), snapshot);
    assert_eq!(stage.downloads("config.json") + stage.downloads("model.safetensors"), 0);
    copy(&snapshot.join("model.safetensors"), &bytes(8, 100_000));
    stage.fetched();
    assert_eq!(
        (stage.downloads("config.json"), stage.downloads("model.safetensors")),
        (0, 2),
        "hub and store"
    );
}

#[test]
fn a_download_that_was_cut_goes_on_where_it_was() {
    let stage = Stage::new(|sound| sound);
    let whole = stage.repository.files["model.safetensors"].clone();
    let sent = whole.clone();
    stage.elsewhere.says(move |_| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", sent.len());
        raw([head.as_bytes(), &sent[..40_000]].concat())
    });
    assert!(stage.client().model("owner/small").is_err());
    let offline = stage.client().offline().model("owner/small");
    assert!(matches!(offline, Err(HubError::Offline { .. })), "{offline:?}");
    stage.serve();
    stage.fetched();
    let last = stage.elsewhere.log().last().unwrap().range().map(str::to_owned);
    assert_eq!(last.as_deref(), Some("40000-"));

    // What lies there may also be something else.
    let blob = stage.root().join("blobs").join(sha256(&whole));
    for part in [bytes(1, 40_000), bytes(7, 100_000), bytes(7, 200_000), vec![]] {
        fs::remove_file(&blob).unwrap();
        fs::write(blob.with_extension("alambic.part"), &part).unwrap();
        stage.fetched();
        assert!(!blob.with_extension("alambic.part").exists());
    }
}

#[test]
fn a_body_in_drops_ends_long_before_the_time_that_its_length_would_have() {
    let stage = Stage::new(|sound| sound);
    let limits = Limits {
        request_time: Duration::from_millis(300),
        // 100 s for the weights.
        min_bytes_per_second: 1000,
        max_attempts: 2,
        pause: Duration::from_millis(1),
        ..Limits::default()
    };
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let whole = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
    let redirect = "HTTP/1.1 302 Found\r\nlocation: /store/a\r\ncontent-length: 9000\r\n\r\n";
    for (head, drop, says) in
        [(chunked, "0", "too slowly"), (whole, "\u{7}", "too slowly"), (redirect, "a", "no answer within")]
    {
        stage.elsewhere.says(move |_| crate::server::endless(head, drop, Duration::from_millis(50)));
        let since = Instant::now();
        let said = stage.client().with_limits(limits).model("owner/small").unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
        assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    }
    stage.serve();
    stage.fetched();
}

#[test]
fn several_clients_at_once_fetch_one_whole_model() {
    let stage = Stage::new(|sound| sound);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| stage.fetched());
        }
    });
    assert_eq!(stage.downloads("model.safetensors"), 2, "hub and store, by one of them");
}

#[test]
fn another_process_is_waited_for_within_a_limit() {
    let stage = Stage::new(|sound| sound);
    fs::create_dir_all(stage.root()).unwrap();
    let held = alambic_files::lock::Lock::acquire(&stage.root(), "another command").unwrap();
    let limits = Limits { wait_time: Duration::from_millis(200), ..Limits::default() };
    let said = stage.client().with_limits(limits).model("owner/small").unwrap_err().to_string();
    assert!(said.contains("is in use by") && said.contains("another command"), "{said}");
    drop(held);
    stage.fetched();
}

#[test]
fn branches_with_slashes_are_asked_for_and_kept() {
    let stage = Stage::new(|sound| sound.with("data/हिन्दी 1.csv", "a,b"));
    let folder = stage.client().model("owner/small@feature/x").unwrap();
    assert_eq!(stage.hub.log()[0].path, "/api/models/owner/small/revision/feature%2Fx");
    assert_eq!(fs::read_to_string(stage.root().join("refs/feature/x")).unwrap(), COMMIT);
    assert_eq!(stage.client().offline().model("owner/small@feature%2Fx").unwrap(), folder);
    stage.client().model("owner/small@refs/pr/1").unwrap();
    assert_eq!(stage.hub.log().last().unwrap().path, "/api/models/owner/small/revision/refs%2Fpr%2F1");

    let encoded = "/data/%E0%A4%B9%E0%A4%BF%E0%A4%A8%E0%A5%8D%E0%A4%A6%E0%A5%80%201.csv";
    let sound = stage.repository.clone();
    stage.hub.says(move |request| {
        if request.path.ends_with(encoded) {
            crate::server::part(request, b"a,b", &sound.headers("data/हिन्दी 1.csv"))
        } else {
            sound.answer(request)
        }
    });
    let file = stage.client().file("owner/small@feature%2Fx/data/हिन्दी 1.csv").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "a,b");
    assert!(stage.hub.log().last().unwrap().path.starts_with("/datasets/owner/small/resolve/"));
    assert!(file.ends_with("data/हिन्दी 1.csv"));
}

#[test]
fn a_commit_is_asked_for_by_its_name_and_no_other_is_taken() {
    let stage = Stage::new(|sound| sound);
    let folder = stage.client().model(&format!("owner/small@{COMMIT}")).unwrap();
    assert_eq!(stage.client().offline().model(&format!("owner/small@{COMMIT}")).unwrap(), folder);
    assert!(!stage.root().join("refs").exists());
    let other = "f".repeat(40);
    let said = stage.client().model(&format!("owner/small@{other}")).unwrap_err().to_string();
    assert!(said.contains(&format!("gives the commit {COMMIT} for {other}")), "{said}");
}

#[test]
fn modules_in_folders_of_their_own_are_fetched() {
    let modules = r#"[{"path": "0_Transformer"}, {"path": "1_Pooling/"}, {"path": "2_Dense"}]"#;
    let stage = Stage::new(|sound| {
        let elsewhere = &sound.elsewhere;
        let files = [
            ("modules.json", modules),
            ("config_sentence_transformers.json", "{\"prompts\": {}}"),
            ("0_Transformer/config.json", "{}"),
            ("0_Transformer/sentencepiece.bpe.model", "pieces"),
            ("0_Transformer/sentence_bert_config.json", "{}"),
            ("0_Transformer/model-1.safetensors", "first"),
            ("0_Transformer/model-2.safetensors", "second"),
            (
                "0_Transformer/model.safetensors.index.json",
                r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#,
            ),
            ("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}"),
            ("2_Dense/config.json", "{\"in_features\": 2}"),
            ("2_Dense/pytorch_model.bin", "pickled"),
        ];
        Repository::new(elsewhere, &files)
    });
    let folder = stage.fetched();
    assert_eq!(stage.client().offline().model("owner/small").unwrap(), folder);
    fs::remove_file(folder.join("0_Transformer/model-2.safetensors")).unwrap();
    assert!(stage.client().offline().model("owner/small").is_err());
}

#[test]
fn an_adapter_is_fetched_for_its_reader_to_name() {
    let adapter = "{\"base_model_name_or_path\": \"owner/base\"}";
    let stage = Stage::new(|sound| Repository::new(&sound.elsewhere, &[("adapter_config.json", adapter)]));
    assert_eq!(fs::read_to_string(stage.fetched().join("adapter_config.json")).unwrap(), adapter);
}

#[test]
fn an_empty_file_is_a_file() {
    let stage = Stage::new(|sound| sound.with("vocab.txt", ""));
    stage.fetched();
    assert_eq!(stage.downloads("vocab.txt"), 0);
}

#[test]
fn a_repository_that_was_renamed_is_followed_on_the_same_hub_with_the_token() {
    let stage = Stage::new(|sound| sound);
    let sound = stage.repository.clone();
    stage.hub.says(move |request| match request.path.strip_prefix("/api/models/owner/old/") {
        Some(rest) => reply(
            "307 Temporary Redirect",
            &format!("location: /api/models/owner/small/{rest}\r\n"),
            b"moved",
        ),
        None => sound.answer(request),
    });
    stage.client().with_token("hf_word").model("owner/old").unwrap();
    assert!(stage.hub.log().iter().all(|request| request.says("Bearer hf_word")));
    assert!(!stage.elsewhere.log().iter().any(|request| request.says("hf_word")));
}

#[test]
fn a_hub_that_cannot_be_asked_is_named() {
    let cache = tempfile::tempdir().unwrap();
    for endpoint in ["", "huggingface.co", "ftp://a.org", "http://", "file:///etc"] {
        let said = Hub::at(endpoint, cache.path()).model("owner/small").unwrap_err().to_string();
        assert!(said.contains("HF_ENDPOINT"), "{endpoint}: {said}");
    }
    let said = Hub::at("https://a.org", cache.path()).with_token("a\nb").model("owner/small").unwrap_err();
    assert!(said.to_string().contains("HF_TOKEN") && !said.to_string().contains("a\nb"), "{said}");
}

#[test]
fn names_of_a_hub_are_quoted_and_few_are_named() {
    let stage = Stage::new(|sound| {
        (0..50).fold(sound, |sound, number| sound.with(&format!("{number:02}\u{1b}[31m.csv"), "a"))
    });
    let said = stage.client().file("owner/small/none.csv").unwrap_err().to_string();
    assert!(said.contains("00\\u{1b}[31m.csv") && said.contains(" and 3") && said.contains("more"), "{said}");
    assert!(said.len() < 1000 && !said.chars().any(char::is_control), "{said}");
}
