//! A small server on this machine that speaks the hub's protocol, or whatever a test has it speak.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a module of a test, which may fail wherever it is")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What a client sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// True when it holds a text anywhere.
    pub fn says(&self, text: &str) -> bool {
        self.path.contains(text) || self.headers.iter().any(|(_, value)| value.contains(text))
    }

    pub fn range(&self) -> Option<&str> {
        self.header("range")?.strip_prefix("bytes=")
    }

    /// True when only the headers of the file are wanted.
    pub fn is_probe(&self) -> bool {
        self.range() == Some("0-0")
    }

    pub fn is_listing(&self) -> bool {
        self.path.starts_with("/api/")
    }

    pub fn is_file(&self, name: &str) -> bool {
        self.path.ends_with(&format!("/resolve/{COMMIT}/{name}"))
    }
}

/// What is written into a connection.
pub type Reply = Box<dyn FnOnce(&mut TcpStream) -> io::Result<()> + Send>;
pub type Script = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// Bytes, and the end of the connection.
pub fn raw(bytes: impl Into<Vec<u8>>) -> Reply {
    let bytes = bytes.into();
    Box::new(move |stream| stream.write_all(&bytes))
}

/// A whole answer; headers end with `\r\n` each.
pub fn reply(status: &str, headers: &str, body: &[u8]) -> Reply {
    let head =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    raw([head.as_bytes(), body].concat())
}

/// Bytes, and then a piece again and again until the client has enough, at most for `SECONDS`.
pub fn endless(head: impl Into<Vec<u8>>, piece: impl Into<Vec<u8>>, pause: Duration) -> Reply {
    const SECONDS: u64 = 30;
    let (head, piece) = (head.into(), piece.into());
    Box::new(move |stream| {
        stream.write_all(&head)?;
        let since = Instant::now();
        while since.elapsed().as_secs() < SECONDS {
            stream.write_all(&piece)?;
            std::thread::sleep(pause);
        }
        Ok(())
    })
}

/// What a client asked for of a body, by its range; `headers` besides.
pub fn part(request: &Request, body: &[u8], headers: &str) -> Reply {
    let Some((from, to)) = request.range().and_then(|range| range.split_once('-')) else {
        return reply("200 OK", headers, body);
    };
    let from: usize = from.parse().unwrap();
    if from >= body.len() {
        let headers = format!("{headers}content-range: bytes */{}\r\n", body.len());
        return reply("416 Range Not Satisfiable", &headers, b"");
    }
    let to = to.parse().map_or(body.len(), |to: usize| (to + 1).min(body.len()));
    let headers = format!("{headers}content-range: bytes {from}-{}/{}\r\n", to - 1, body.len());
    reply("206 Partial Content", &headers, &body[from..to])
}

/// A text as JSON writes it.
pub fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub fn git_digest(bytes: &[u8]) -> String {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(format!("blob {}\0", bytes.len()).as_bytes());
    context.update(bytes);
    hexadecimal(context.finish().as_ref())
}

pub fn sha256(bytes: &[u8]) -> String {
    let mut context = Context::new(&SHA256);
    context.update(bytes);
    hexadecimal(context.finish().as_ref())
}

/// A repository as a sound hub serves it: large files by a redirect to `elsewhere`.
#[derive(Debug, Clone)]
pub struct Repository {
    pub commit: String,
    pub files: BTreeMap<String, Vec<u8>>,
    /// The address of the store of large files.
    pub elsewhere: String,
}

impl Repository {
    pub fn new(elsewhere: &str, files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        Self { commit: COMMIT.to_owned(), files, elsewhere: elsewhere.to_owned() }
    }

    pub fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(name.to_owned(), bytes.into());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.files.remove(name).unwrap();
        self
    }

    pub fn listing(&self) -> String {
        let names: Vec<String> =
            self.files.keys().map(|name| format!("{{\"rfilename\": {}}}", json(name))).collect();
        format!("{{\"sha\": {}, \"siblings\": [{}]}}", json(&self.commit), names.join(", "))
    }

    /// What the hub sends before a file.
    pub fn headers(&self, name: &str) -> String {
        let bytes = &self.files[name];
        let commit = format!("x-repo-commit: {}\r\n", self.commit);
        if name.ends_with(".safetensors") {
            let (size, digest) = (bytes.len(), sha256(bytes));
            format!("{commit}x-linked-size: {size}\r\nx-linked-etag: \"{digest}\"\r\netag: \"other\"\r\n")
        } else {
            format!("{commit}etag: \"{}\"\r\n", git_digest(bytes))
        }
    }

    pub fn answer(&self, request: &Request) -> Reply {
        if request.is_listing() {
            return reply("200 OK", "content-type: application/json\r\n", self.listing().as_bytes());
        }
        let name = request.path.split_once(&format!("/resolve/{}/", self.commit)).map(|(_, name)| name);
        let Some((name, bytes)) = name.and_then(|name| self.files.get_key_value(name)) else {
            return reply("404 Not Found", "x-error-message: Entry not found\r\n", b"");
        };
        let headers = self.headers(name);
        if name.ends_with(".safetensors") {
            let headers = format!("{headers}location: http://{}/store/{name}\r\n", self.elsewhere);
            return reply("302 Found", &headers, b"Found");
        }
        part(request, bytes, &headers)
    }

    /// The answers of the store of large files.
    pub fn stored(&self, request: &Request) -> Reply {
        match request.path.strip_prefix("/store/").and_then(|name| self.files.get(name)) {
            Some(bytes) => part(request, bytes, "etag: \"of the store\"\r\n"),
            // A store that is taken for a hub is one.
            None => self.answer(request),
        }
    }
}

/// A server whose answers can be changed while it runs, until it is dropped.
pub struct Server {
    /// Host and port.
    pub address: String,
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Script>,
    log: Mutex<Vec<Request>>,
    is_over: AtomicBool,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(&self.address);
    }
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let script: Script = Arc::new(|_| reply("404 Not Found", "", b""));
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            log: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let server = Self { address, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&shared);
                // That a client hangs up is its right.
                std::thread::spawn(move || shared.serve(stream).ok());
            }
        });
        server
    }

    pub fn says(&self, script: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Arc::new(script);
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub fn log(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':') {
                headers.push((name.to_owned(), value.trim().to_owned()));
            }
        }
        let request = Request { path, headers };
        self.log.lock().unwrap().push(request.clone());
        let script = Arc::clone(&self.script.lock().unwrap());
        script(&request)(&mut stream)
    }
}
