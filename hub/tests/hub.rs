//! Against a small server that speaks the hub's protocol: nothing leaves the machine.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use alambic_hub::{Hub, HubError};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A repository's files by name, served at every revision of `known`.
struct Server {
    endpoint: String,
    /// Every path that was asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(repository: &'static str, files: &[(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let files: HashMap<&'static str, &'static str> = files.iter().copied().collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let path = answer(stream, repository, &files).unwrap_or_default();
                log.lock().unwrap().push(path);
            }
        });
        Self { endpoint, asked }
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// Answers one request and gives its path.
fn answer(stream: TcpStream, repository: &str, files: &HashMap<&str, &str>) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut range = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            range = Some(value.trim().trim_start_matches("bytes=").to_owned());
        }
    }
    let mut stream = stream;
    let api = format!("/api/{repository}/revision/");
    let mut send = |status: &str, headers: &str, body: &[u8]| {
        write!(
            stream,
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        )?;
        stream.write_all(body)
    };
    let revision = |text: &str| ["main", "v2", COMMIT].contains(&text);
    if let Some(asked) = path.strip_prefix(&api)
        && revision(asked)
    {
        let mut names: Vec<&&str> = files.keys().collect();
        names.sort_unstable();
        let siblings: Vec<String> =
            names.iter().map(|name| format!("{{\"rfilename\": \"{name}\"}}")).collect();
        let body = format!("{{\"sha\": \"{COMMIT}\", \"siblings\": [{}]}}", siblings.join(", "));
        send("200 OK", "content-type: application/json\r\n", body.as_bytes())?;
        return Ok(path);
    }
    let resolve = format!("/{}/resolve/{COMMIT}/", repository.trim_start_matches("models/"));
    match path.strip_prefix(&resolve).and_then(|name| Some((name, files.get(name)?))) {
        Some((name, content)) => {
            let (from, to) = range.as_deref().unwrap_or("0-").split_once('-').unwrap_or(("0", ""));
            let from: usize = from.parse().unwrap_or(0);
            let to = to.parse().map_or(content.len(), |to: usize| (to + 1).min(content.len()));
            let headers = format!(
                "x-repo-commit: {COMMIT}\r\netag: \"{}\"\r\ncontent-range: bytes {from}-{}/{}\r\n",
                name.replace('/', "-"),
                to.saturating_sub(1),
                content.len()
            );
            send("206 Partial Content", &headers, &content.as_bytes()[from.min(to)..to])?;
        }
        None => send("404 Not Found", "", b"")?,
    }
    Ok(path)
}

const MODEL: &[(&str, &str)] = &[
    ("config.json", "{\"model_type\": \"bert\"}"),
    ("tokenizer.json", "{}"),
    ("model.safetensors", "weights"),
    ("pytorch_model.bin", "the same once more"),
    ("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}"),
    ("onnx/model.onnx", "not wanted"),
];

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn a_model_is_fetched_once_and_then_found_offline() {
    let server = Server::start("models/owner/small", MODEL);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::at(&server.endpoint, cache.path());
    let folder = hub.model("owner/small").unwrap();
    assert_eq!(read(&folder, "model.safetensors"), "weights");
    assert_eq!(read(&folder, "1_Pooling/config.json"), "{\"pooling_mode_mean_tokens\": true}");
    assert!(!folder.join("pytorch_model.bin").exists() && !folder.join("onnx").exists());

    let before = server.asked();
    assert_eq!(hub.model("owner/small").unwrap(), folder);
    assert_eq!(server.asked(), before + 1, "the second time only the listing is asked for");
    assert_eq!(hub.model("owner/small@v2").unwrap(), folder);
    assert_eq!(hub.clone().offline().model("owner/small").unwrap(), folder);
    assert_eq!(hub.clone().offline().model(&format!("owner/small@{COMMIT}")).unwrap(), folder);
    assert!(matches!(hub.offline().model("owner/other"), Err(HubError::Offline { .. })));
}

#[test]
fn missing_file_is_named() {
    let server = Server::start("models/owner/empty", &[("README.md", "nothing")]);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::at(&server.endpoint, cache.path());
    assert!(hub.model("owner/empty").unwrap_err().to_string().contains("config.json"));
    let said = hub.model("owner/unknown").unwrap_err().to_string();
    assert!(said.contains("check the name and the revision"), "{said}");
    assert!(hub.model("owner/empty@v9").unwrap_err().to_string().contains("404"));
    assert!(hub.model("empty").unwrap_err().to_string().contains("hf:OWNER/NAME"));
    let nobody = Hub::at("http://127.0.0.1:9", cache.path());
    assert!(nobody.model("owner/empty").unwrap_err().to_string().contains("HF_HUB_OFFLINE=1"));
}

#[test]
fn a_file_of_a_dataset_is_fetched() {
    let files = &[("data/train.parquet", "rows"), ("README.md", "words")];
    let server = Server::start("datasets/owner/corpus", files);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::at(&server.endpoint, cache.path());
    let path = hub.file("owner/corpus/data/train.parquet").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "rows");
    assert_eq!(hub.clone().offline().file("owner/corpus/data/train.parquet").unwrap(), path);
    let said = hub.file("owner/corpus/data/test.parquet").unwrap_err().to_string();
    assert!(said.contains("data/train.parquet") && !said.contains("README"), "{said}");
    assert!(hub.offline().file("owner/corpus/data/test.parquet").is_err());
}
