//! A server on this machine that speaks the API of endpoints, or misbehaves as a test has it.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "the tests of each crate that take it use a part of it"
)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// What a client sent.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub authorization: Option<String>,
    pub body: Value,
}

impl Asked {
    /// The last message, which the prompt is.
    pub fn text(&self) -> String {
        self.body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned()
    }

    /// The texts to embed.
    pub fn inputs(&self) -> Vec<String> {
        self.body["input"].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }
}

/// What is sent back.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status with headers, which end with `\r\n` each, and a body.
    Status(u16, String, String),
    /// The first half of a body whose whole length was announced.
    CutOff(String),
    /// The end of the connection.
    Closed,
    /// Another one, after a time.
    After(Duration, Box<Reply>),
    /// A body that comes byte by byte with a pause between them.
    Drops(String, Duration),
}

impl Reply {
    pub fn json(body: &Value) -> Self {
        Self::Status(200, String::new(), body.to_string())
    }

    pub fn status(status: u16, body: &str) -> Self {
        Self::Status(status, String::new(), body.to_owned())
    }

    /// A chat completion.
    pub fn chat(content: &str) -> Self {
        Self::json(&chat(&[content]))
    }

    pub fn after(self, time: Duration) -> Self {
        Self::After(time, Box::new(self))
    }

    /// The reply after the time that it takes.
    fn waited_for(self) -> Self {
        match self {
            Self::After(time, reply) => {
                thread::sleep(time);
                reply.waited_for()
            }
            reply => reply,
        }
    }

    fn send(self, stream: &mut TcpStream) -> io::Result<()> {
        let head = |status: u16, headers: &str, length: usize| {
            format!(
                "HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n{headers}\r\n"
            )
        };
        match self {
            Self::Status(status, headers, body) => {
                stream.write_all((head(status, &headers, body.len()) + &body).as_bytes())
            }
            Self::CutOff(body) => {
                stream.write_all((head(200, "", body.len()) + &body[..body.len() / 2]).as_bytes())
            }
            Self::Closed => Ok(()),
            Self::After(..) => self.waited_for().send(stream),
            Self::Drops(body, pause) => {
                stream.write_all(head(200, "", body.len()).as_bytes())?;
                for byte in body.bytes() {
                    stream.write_all(&[byte])?;
                    thread::sleep(pause);
                }
                Ok(())
            }
        }
    }
}

/// A chat completion with several answers, of 11 tokens in the prompt and 2 in each answer.
pub fn chat(contents: &[&str]) -> Value {
    let choice = |(index, content): (usize, &&str)| json!({"index": index, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"});
    let choices: Vec<Value> = contents.iter().enumerate().map(choice).collect();
    json!({"choices": choices, "usage": {"prompt_tokens": 11, "completion_tokens": 2 * contents.len()}})
}

/// Embeddings.
pub fn embeddings(vectors: &[Vec<f32>]) -> Value {
    let item = |(index, vector): (usize, &Vec<f32>)| json!({"index": index, "embedding": vector});
    let data: Vec<Value> = vectors.iter().enumerate().map(item).collect();
    json!({"data": data, "usage": {"prompt_tokens": 3 * vectors.len(), "total_tokens": 3 * vectors.len()}})
}

type Script = dyn Fn(&Asked, usize) -> Reply + Send + Sync;

/// A server, until it is dropped.
pub struct Server {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    log: Mutex<Vec<Asked>>,
    count: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
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
    /// A server whose answers follow from a request and its number, counted from 0.
    pub fn start(script: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            log: Mutex::default(),
            count: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let server = Self { address, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    // That a client hangs up is its right.
                    let _ = shared.serve(stream);
                });
            }
        });
        server
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What was asked so far.
    pub fn log(&self) -> Vec<Asked> {
        self.shared.log.lock().unwrap().clone()
    }

    /// What was asked since the last call.
    pub fn take_log(&self) -> Vec<Asked> {
        std::mem::take(&mut self.shared.log.lock().unwrap())
    }

    /// The most requests that waited for their reply at once. One counts until its reply begins: where the client has the
    /// reply, it may have asked again before this thread goes on.
    pub fn most_open(&self) -> usize {
        self.shared.most_open.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let (mut length, mut authorization) = (0, None);
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? == 0 {
                // The client was killed before it had asked.
                return Ok(());
            }
            if header.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = header.trim().split_once(": ") {
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().unwrap(),
                    "authorization" => authorization = Some(value.to_owned()),
                    _ => {}
                }
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let asked = Asked { path, authorization, body: serde_json::from_slice(&body).unwrap_or_default() };
        self.log.lock().unwrap().push(asked.clone());
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_open.fetch_max(open, Ordering::Relaxed);
        let reply = (self.script)(&asked, number).waited_for();
        self.open.fetch_sub(1, Ordering::Relaxed);
        reply.send(&mut stream)
    }
}
