//! Teachers over a server of the tests, and what they are asked.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a module of tests")]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use alambic_ranks::Ranks;
use alambic_settings::{Node, read};
use alambic_teachers::{
    EndpointAnswer, EndpointInput, EndpointOptions, EndpointSummary, EndpointTeacher, TeacherError,
    read_answers,
};
use serde_json::Value;

use crate::endpoint_server::{Reply, Server};

pub const CLASSES: [&str; 2] = ["positive", "negative"];

/// Options over a server, with short waits; `more` are lines of TOML.
pub fn options(base_url: &str, more: &str) -> EndpointOptions {
    let toml = format!(
        "base-url = \"{base_url}\"\nmodel = \"m\"\nretry-seconds = 0.001\ntimeout-seconds = 20\n{more}"
    );
    read(&Node::parse("options.toml", &toml).unwrap()).unwrap()
}

pub const LABELS: &str = "output = \"labels\"\nprompt = \"{text}\"\n";

pub fn teacher(base_url: &str, more: &str) -> EndpointTeacher {
    try_teacher(base_url, more).unwrap()
}

pub fn try_teacher(base_url: &str, more: &str) -> Result<EndpointTeacher, TeacherError> {
    let has_classes = more.contains("\"labels\"") || more.contains("\"tags\"");
    let classes: Vec<String> = CLASSES.map(str::to_owned).into();
    EndpointTeacher::new(&options(base_url, more), if has_classes { &classes } else { &[] }, &[])
}

pub fn texts(count: usize) -> Vec<EndpointInput> {
    (0..count).map(|number| format!("text {number}").into()).collect()
}

pub fn complete(
    teacher: &EndpointTeacher,
    file: &Path,
    inputs: &[EndpointInput],
) -> Result<EndpointSummary, TeacherError> {
    let mut done = 0;
    let none = AtomicBool::new(false);
    let summary = teacher.complete(file, inputs, &Ranks::alone(), &none, &mut |count| done += count)?;
    if summary.remaining() == 0 {
        assert_eq!(done, inputs.len());
    }
    Ok(summary)
}

/// The only answer about one text.
pub fn answer(
    server: &Server,
    more: &str,
    text: impl Into<EndpointInput>,
) -> Result<EndpointAnswer, TeacherError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    complete(&teacher(&server.base_url(), more), &file, &[text.into()])?;
    Ok(read_answers(&file)?.remove(0))
}

pub fn says(reply: Value) -> Server {
    Server::start(move |_, _| Reply::json(&reply))
}

/// Lines of a file, sorted.
pub fn lines(file: &Path) -> Vec<String> {
    let mut lines: Vec<String> = std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}
