//! Answers of teachers over HTTP over kills, by several ranks, and what of the key is in them.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::endpoint_asking::{CLASSES, LABELS, complete, lines, options, teacher, texts, try_teacher};
use crate::endpoint_server::{Asked, Reply, Server, chat};
use alambic_ranks::Ranks;
use alambic_settings::{Node, read};
use alambic_teachers::{
    EndpointInput, EndpointOptions, EndpointOutput, EndpointSummary, EndpointTeacher, TokenCount,
    read_answers,
};
use serde_json::json;

/// The class of a text, which half of the texts have each.
fn class_of(text: &str) -> &'static str {
    CLASSES[blake3::hash(text.as_bytes()).as_bytes()[0] as usize % 2]
}

/// A server that fails in all its ways at the first request for most texts, and answers a few outside of the classes.
fn misbehaving() -> Server {
    let attempts = Mutex::new(HashMap::<String, usize>::new());
    Server::start(move |asked: &Asked, _| {
        let text = asked.text();
        let attempt = {
            let mut attempts = attempts.lock().unwrap();
            let count = attempts.entry(text.clone()).or_default();
            *count += 1;
            *count
        };
        let digest = blake3::hash(text.as_bytes());
        let chance = usize::from(digest.as_bytes()[1]);
        let good = if chance < 8 { chat(&["I would say mixed"]) } else { chat(&[class_of(&text)]) };
        match chance % 16 {
            _ if attempt > 1 => Reply::json(&good),
            0 => Reply::status(429, "{\"error\": {\"message\": \"slow down\"}}"),
            1 => Reply::Status(429, "retry-after: 0\r\n".into(), String::new()),
            2 => Reply::status(500, "oops"),
            3 => Reply::CutOff(good.to_string()),
            4 => Reply::status(200, "not JSON"),
            5 => Reply::Closed,
            6 => Reply::status(503, ""),
            7 if chance < 16 => Reply::json(&good).after(Duration::from_millis(1500)),
            _ => Reply::json(&good),
        }
    })
}

const MISBEHAVED: &str = "concurrency = 16\ntimeout-seconds = 1.0\n";
const SECRET: &str = "sk-test-0123456789abcdefXYZ";

/// Options of a teacher that sends the key.
fn keyed(base_url: &str) -> EndpointOptions {
    let toml = format!(
        "base-url = \"{base_url}\"\nmodel = \"m\"\nretry-seconds = 0.001\n{LABELS}{MISBEHAVED}\
         key-variable = \"ALAMBIC_TEST_KEY\"\n"
    );
    read(&Node::parse("options.toml", &toml).unwrap()).unwrap()
}

/// What the process that is killed does, in a process of its own.
#[test]
#[ignore = "run by others in processes of their own"]
fn child_asks_about_all_texts() {
    let (base_url, file) =
        (std::env::var("ALAMBIC_TEST_URL").unwrap(), std::env::var("ALAMBIC_TEST_FILE").unwrap());
    let count: usize = std::env::var("ALAMBIC_TEST_COUNT").unwrap().parse().unwrap();
    let teacher = EndpointTeacher::new(&keyed(&base_url), &CLASSES.map(str::to_owned), &[]).unwrap();
    println!("{teacher:?}");
    let result = complete(&teacher, Path::new(&file), &texts(count));
    match &result {
        Ok(summary) => println!("{summary} {summary:?}"),
        Err(error) => println!("{error} {error:?}"),
    }
}

/// By hand: asks the server of the options that a file holds about the lines of standard input, and prints the answers.
#[test]
#[ignore = "needs a server, whose options are in the file that ALAMBIC_TEST_OPTIONS names"]
fn real_server_answers_lines_of_standard_input() {
    let toml = std::fs::read_to_string(std::env::var("ALAMBIC_TEST_OPTIONS").unwrap()).unwrap();
    let options: EndpointOptions = read(&Node::parse("options.toml", &toml).unwrap()).unwrap();
    let classes: Vec<String> = match *options.output {
        EndpointOutput::Labels | EndpointOutput::Tags => CLASSES.map(str::to_owned).into(),
        _ => Vec::new(),
    };
    let teacher = EndpointTeacher::new(&options, &classes, &[]).unwrap();
    let inputs: Vec<EndpointInput> = std::io::stdin().lines().map(|line| line.unwrap().into()).collect();
    println!("{}", teacher.estimate(&inputs).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    println!("{}", complete(&teacher, &file, &inputs).unwrap());
    println!("{}", std::fs::read_to_string(&file).unwrap());
}

fn child(base_url: &str, file: &Path, count: usize) -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["endpoint_state::child_asks_about_all_texts", "--exact", "--ignored", "--nocapture"]);
    command.env("ALAMBIC_TEST_URL", base_url).env("ALAMBIC_TEST_FILE", file);
    command.env("ALAMBIC_TEST_COUNT", count.to_string()).env("ALAMBIC_TEST_KEY", SECRET);
    command
}

/// Every byte below a folder.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.flatten().collect()
}

fn has_secret(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

#[test]
fn process_killed_three_times_asks_nothing_twice_and_leaves_the_same_answers() {
    const COUNT: usize = 5000;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    let server = misbehaving();
    let mut said = Vec::new();
    let mut kills = 0;
    for stage in 1..=4 {
        let answers = if file.is_file() { read_answers(&file).unwrap() } else { Vec::new() };
        let before: BTreeSet<String> = answers.into_iter().map(|answer| answer.text).collect();
        server.take_log();
        let mut command = child(&server.base_url(), &file, COUNT);
        if stage == 4 {
            let output = command.output().unwrap();
            assert!(output.status.success());
            said.extend([output.stdout, output.stderr].concat());
        } else {
            let mut running = command.stdout(std::process::Stdio::null()).spawn().unwrap();
            let written = || std::fs::read_to_string(&file).map_or(0, |text| text.lines().count());
            while written() < stage * COUNT / 4 && running.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(2));
            }
            running.kill().unwrap();
            kills += usize::from(!running.wait().unwrap().success());
        }
        let log = server.take_log();
        assert!(log.iter().all(|asked| asked.authorization == Some(format!("Bearer {SECRET}"))));
        let asked: BTreeSet<String> = log.iter().map(Asked::text).collect();
        assert!(asked.is_disjoint(&before), "texts with an answer were asked again");
        if stage == 2 {
            // As if it had been killed in the middle of a line.
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(&file, &bytes[..bytes.len() - 9]).unwrap();
        }
    }
    assert_eq!(kills, 3);
    let undisturbed = folder.path().join("undisturbed.jsonl");
    let steady = misbehaving();
    let output = child(&steady.base_url(), &undisturbed, COUNT).output().unwrap();
    said.extend([output.stdout, output.stderr].concat());
    assert_eq!(lines(&file), lines(&undisturbed));
    let answers = read_answers(&file).unwrap();
    assert_eq!(answers.len(), COUNT);
    let failed = answers.iter().filter(|answer| answer.failed.is_some()).count();
    assert!(failed > COUNT / 100 && failed < COUNT / 10, "{failed}");
    for answer in answers.iter().filter(|answer| answer.failed.is_none()) {
        assert_eq!(answer.class.as_deref(), Some(class_of(&answer.text)));
    }
    let said_text = String::from_utf8_lossy(&said);
    assert!(said_text.contains("5000 of 5000 texts are answered"), "{said_text}");
    assert!(!has_secret(&all_bytes(folder.path())) && !has_secret(&said));
}

#[test]
fn key_that_a_server_repeats_is_in_no_file_and_no_message() {
    for (reply, kept) in [
        (Reply::status(401, &json!({"error": {"message": format!("wrong key {SECRET}")}}).to_string()), 0),
        (Reply::Status(302, format!("location: http://127.0.0.1:1/{SECRET}\r\n"), String::new()), 0),
        (Reply::status(400, SECRET), 0),
        (Reply::chat(&format!("Your key is {SECRET}")), 3),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("answers.jsonl");
        let server = Server::start(move |_, _| reply.clone());
        let output = child(&server.base_url(), &file, 3).output().unwrap();
        assert!(output.status.success());
        let said = [output.stdout, output.stderr].concat();
        assert!(String::from_utf8_lossy(&said).contains("[key]") || kept > 0);
        assert_eq!(read_answers(&file).unwrap().len(), kept);
        assert!(!has_secret(&all_bytes(folder.path())) && !has_secret(&said));
        assert!(server.log().iter().all(|asked| asked.authorization == Some(format!("Bearer {SECRET}"))));
    }
}

#[test]
fn ranks_share_the_texts_and_leave_one_file() {
    let server = Server::start(|asked, _| Reply::chat(class_of(&asked.text())));
    let folder = tempfile::tempdir().unwrap();
    let (alone, file) = (folder.path().join("alone.jsonl"), folder.path().join("answers.jsonl"));
    let teacher = teacher(&server.base_url(), LABELS);
    let inputs = [texts(60), texts(7)].concat();
    complete(&teacher, &alone, &inputs).unwrap();
    for count in [1, 3] {
        let _ = std::fs::remove_file(&file);
        server.take_log();
        std::thread::scope(|scope| {
            for ranks in Ranks::in_process(count) {
                let (teacher, file, inputs) = (&teacher, &file, &inputs);
                scope.spawn(move || {
                    let (mut done, none) = (0, AtomicBool::new(false));
                    let summary =
                        teacher.complete(file, inputs, &ranks, &none, &mut |count| done += count).unwrap();
                    let expected = EndpointSummary {
                        texts: 60,
                        answered: 60,
                        asked: 60,
                        tokens: TokenCount { prompt: 660, completion: 120 },
                        ..EndpointSummary::default()
                    };
                    assert_eq!((summary, done), (expected, inputs.len()), "rank {} of {count}", ranks.rank());
                    // Every rank finds the whole file.
                    assert_eq!(read_answers(file).unwrap().len(), 60);
                });
            }
        });
        assert_eq!(lines(&file), lines(&alone));
        assert_eq!(server.take_log().len(), 60);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "no file of a rank is left");
    }
}

#[test]
fn what_ranks_answered_before_one_failed_is_kept() {
    let server = Server::start(|asked, _| match asked.text().as_str() {
        // Of the third rank, late.
        "text 29" => Reply::status(400, "no").after(Duration::from_millis(100)),
        text => Reply::chat(class_of(text)),
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    let teacher = teacher(&server.base_url(), &format!("{LABELS}concurrency = 1\n"));
    let inputs = texts(30);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for ranks in Ranks::in_process(3) {
            let (teacher, file, inputs, failures) = (&teacher, &file, &inputs, &failures);
            scope.spawn(move || {
                let none = AtomicBool::new(false);
                let error = teacher.complete(file, inputs, &ranks, &none, &mut |_| {}).unwrap_err();
                ranks.fail(1, &error.to_string());
                failures.lock().unwrap().push((ranks.rank(), error.to_string()));
                let _ = ranks.done();
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert_eq!(failures.len(), 3);
    assert!(failures.iter().all(|(_, error)| error.contains("`text 29`")), "{failures:?}");
    server.take_log();
    // Alone, the next run takes over what all ranks had.
    let summary = complete(&teacher, &file, &inputs[..29]).unwrap();
    assert_eq!((summary.recorded, summary.asked), (29, 0));
    assert_eq!(read_answers(&file).unwrap().len(), 29);
    assert!(server.take_log().is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn estimate_counts_requests_and_tokens() {
    let server = "http://localhost:1/v1";
    let labels = teacher(
        server,
        "output = \"labels\"\nprompt = \"Which of {classes}?\\n{text}\"\nsystem-prompt = \"Yes.\"\n",
    );
    let inputs: Vec<EndpointInput> = vec!["x".repeat(400).as_str().into(), "y".into(), "y".into()];
    let estimate = labels.estimate(&inputs).unwrap();
    assert_eq!((estimate.texts, estimate.requests), (2, 2));
    // A quarter of the characters, and four tokens a message.
    let expected = (400 + 1 + 2 * "Which of positive, negative?\n".len()) / 4 + 2 * (1 + 4 + 4);
    assert!(estimate.tokens.prompt.abs_diff(expected as u64) <= 2, "{estimate}");
    assert_eq!(estimate.tokens.completion, 2 * 3);
    let sampled = format!("{LABELS}samples = 10\nsamples-per-request = 4\n");
    assert_eq!(teacher(server, &sampled).estimate(&inputs).unwrap().requests, 6);
}

#[test]
fn options_that_do_not_go_together_are_refused_by_their_key() {
    let url = "http://localhost:1/v1";
    for (more, key) in [
        ("output = \"labels\"\n", "prompt"),
        ("output = \"labels\"\nprompt = \"classify\"\n", "prompt"),
        ("output = \"labels\"\nprompt = \"{text} {txt}\"\n", "prompt"),
        ("output = \"labels\"\nprompt = \"{text}\"\nsystem-prompt = \"{text}\"\n", "system-prompt"),
        ("output = \"labels\"\nprompt = \"{text}\"\nmin-number = 1\n", "min-number"),
        ("output = \"number\"\nprompt = \"{text}\"\nmin-number = 1\nmax-number = 0\n", "min-number"),
        ("output = \"number\"\nprompt = \"{text}\"\nsamples = 2\n", "samples"),
        ("output = \"number\"\nprompt = \"{text}\"\nlogprobs = true\n", "logprobs"),
        ("output = \"labels\"\nprompt = \"{text}\"\nsamples = 2\ntemperature = 0\n", "samples"),
        ("output = \"labels\"\nprompt = \"{text}\"\nsamples = 2\nlogprobs = true\n", "samples"),
        ("output = \"text\"\nprompt = \"{text}\"\nresponse-format = \"json-schema\"\n", "response-format"),
        ("output = \"text\"\nprompt = \"{text}\"\nextra-body = '[1]'\n", "extra-body"),
        ("output = \"text\"\nprompt = \"{text}\"\nextra-body = '{\"stream\": true}'\n", "extra-body"),
        ("output = \"embedding\"\ntemperature = 0.5\n", "temperature"),
        ("output = \"embedding\"\nprompt = \"{classes} {text}\"\n", "prompt"),
    ] {
        let error = try_teacher(url, more).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{key}` ")), "{more}: {error}");
    }
    for base in ["localhost:1", "http://user:word@localhost:1/v1", "http://localhost:1/v1/embeddings"] {
        let error = try_teacher(base, LABELS).unwrap_err().to_string();
        assert!(error.starts_with("`base-url` ") && !error.contains("word@"), "{error}");
    }
    let new = |more: &str, classes: &[&str]| {
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        EndpointTeacher::new(&options(url, more), &classes, &[]).unwrap_err().to_string()
    };
    assert!(new(LABELS, &["one"]).starts_with("`classes` are fewer than two"));
    assert!(new("output = \"tags\"\nprompt = \"{text}\"\n", &["B PER", "O"]).contains("no white space"));
    let error = new(&format!("{LABELS}logprobs = true\n"), &["good", "goods"]);
    assert!(error.starts_with("`logprobs` ") && error.contains("`good` begins `goods`"), "{error}");
}
