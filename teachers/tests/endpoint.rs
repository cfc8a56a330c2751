//! Teachers over HTTP, against a server on this machine that misbehaves on purpose.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

mod endpoint_server;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alambic_ranks::Ranks;
use alambic_settings::{Node, read};
use alambic_teachers::{
    EndpointAnswer, EndpointExample, EndpointInput, EndpointOptions, EndpointOutput, EndpointStop,
    EndpointSummary, EndpointTeacher, TeacherError, TokenCount, read_answers,
};
use endpoint_server::{Asked, Reply, Server, chat, embeddings};
use serde_json::{Value, json};

const CLASSES: [&str; 2] = ["positive", "negative"];

/// Options over a server, with short waits; `more` are lines of TOML.
fn options(base_url: &str, more: &str) -> EndpointOptions {
    let toml = format!(
        "base-url = \"{base_url}\"\nmodel = \"m\"\nretry-seconds = 0.001\ntimeout-seconds = 20\n{more}"
    );
    read(&Node::parse("options.toml", &toml).unwrap()).unwrap()
}

const LABELS: &str = "output = \"labels\"\nprompt = \"{text}\"\n";

fn teacher(base_url: &str, more: &str) -> EndpointTeacher {
    try_teacher(base_url, more).unwrap()
}

fn try_teacher(base_url: &str, more: &str) -> Result<EndpointTeacher, TeacherError> {
    let has_classes = more.contains("\"labels\"") || more.contains("\"tags\"");
    let classes: Vec<String> = CLASSES.map(str::to_owned).into();
    EndpointTeacher::new(&options(base_url, more), if has_classes { &classes } else { &[] }, &[])
}

fn texts(count: usize) -> Vec<EndpointInput> {
    (0..count).map(|number| format!("text {number}").into()).collect()
}

fn complete(
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
fn answer(
    server: &Server,
    more: &str,
    text: impl Into<EndpointInput>,
) -> Result<EndpointAnswer, TeacherError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    complete(&teacher(&server.base_url(), more), &file, &[text.into()])?;
    Ok(read_answers(&file)?.remove(0))
}

fn says(reply: Value) -> Server {
    Server::start(move |_, _| Reply::json(&reply))
}

/// Lines of a file, sorted.
fn lines(file: &Path) -> Vec<String> {
    let mut lines: Vec<String> = std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// A token of an answer among alternatives with their probabilities.
fn token(alternatives: &[(&str, f64)]) -> Value {
    let one = |(text, probability): &(&str, f64)| json!({"token": text, "logprob": probability.ln()});
    let mut token = one(&alternatives[0]);
    token["top_logprobs"] = alternatives.iter().map(one).collect();
    token
}

#[test]
fn label_is_asked_and_recorded() {
    let server = says(chat(&[" Positive.\n"]));
    let more = "output = \"labels\"\nprompt = \"{classes}: {text}\"\nsystem-prompt = \"One of {classes}.\"\n\
                seed = 3\nmax-tokens = 5\nextra-body = '{\"top_p\": 0.5}'\n";
    let found = answer(&server, more, "fine {classes}").unwrap();
    let expected = EndpointAnswer {
        text: "fine {classes}".into(),
        class: Some("positive".into()),
        tokens: Some(TokenCount { prompt: 11, completion: 2 }),
        ..EndpointAnswer::default()
    };
    assert_eq!(found, expected);
    let asked = server.log().remove(0);
    assert_eq!((asked.path.as_str(), asked.authorization), ("/v1/chat/completions", None));
    let body = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "One of positive, negative."},
            {"role": "user", "content": "positive, negative: fine {classes}"},
        ],
        "temperature": 0.0, "max_tokens": 5, "seed": 3, "top_p": 0.5,
    });
    assert_eq!(asked.body, body);
}

#[test]
fn examples_and_pairs_are_messages() {
    let server = says(chat(&["{\"label\": \"negative\"}"]));
    let more = "output = \"labels\"\nprompt = \"{text} | {second}\"\nresponse-format = \"json-schema\"\n";
    let example =
        |answer: &str| EndpointExample { input: EndpointInput::pair("a", "b"), answer: answer.into() };
    let classes = CLASSES.map(str::to_owned);
    let options = options(&server.base_url(), more);
    let teacher = EndpointTeacher::new(&options, &classes, &[example("Positive")]).unwrap();
    assert!(teacher.takes_pairs());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    complete(&teacher, &file, &[EndpointInput::pair("c", "d")]).unwrap();
    let found = read_answers(&file).unwrap().remove(0);
    assert_eq!((found.second.as_deref(), found.class.as_deref()), (Some("d"), Some("negative")));
    let body = server.log().remove(0).body;
    let messages = json!([
        {"role": "user", "content": "a | b"},
        {"role": "assistant", "content": "{\"label\":\"positive\"}"},
        {"role": "user", "content": "c | d"},
    ]);
    assert_eq!(body["messages"], messages);
    let schema = &body["response_format"]["json_schema"];
    assert_eq!(schema["strict"], true);
    assert_eq!(schema["schema"]["properties"]["label"]["enum"], json!(CLASSES));
    let error = EndpointTeacher::new(&options, &classes, &[example("neutral")]).unwrap_err().to_string();
    assert!(error.contains("`examples`") && error.contains("`neutral` is none of the classes"), "{error}");
    let error = teacher.estimate(&["single".into()]).unwrap_err().to_string();
    assert!(error.contains("without a second text"), "{error}");
}

#[test]
fn number_tags_and_text_are_recorded() {
    let number = "output = \"number\"\nprompt = \"{text}\"\nmin-number = 0\nmax-number = 5\n";
    assert_eq!(answer(&says(chat(&["4.5"])), number, "a").unwrap().number, Some(4.5));
    let failed = answer(&says(chat(&["7"])), number, "a").unwrap();
    assert_eq!((failed.number, failed.failed.as_deref()), (None, Some("7 is not from 0 to 5")));
    let tags = "output = \"tags\"\nprompt = \"{text}\"\n";
    let found = answer(&says(chat(&["negative Positive"])), tags, "two words").unwrap();
    assert_eq!(found.tags.unwrap(), ["negative", "positive"]);
    let failed = answer(&says(chat(&["negative"])), tags, "two words").unwrap();
    assert_eq!(failed.failed.as_deref(), Some("1 tags for 2 words"));
    let text = "output = \"text\"\nprompt = \"{text}\"\n";
    let found = answer(&says(chat(&["\n A text. "])), text, "a").unwrap().texts.unwrap();
    assert_eq!((found[0].text.as_str(), found[0].log_probability), ("A text.", None));
    let mut cut = chat(&["Half of a"]);
    cut["choices"][0]["finish_reason"] = json!("length");
    let failed = answer(&says(cut), text, "a").unwrap();
    assert_eq!(failed.failed.as_deref(), Some("the answer is longer than `max-tokens`"));
    let mut refused = chat(&[""]);
    refused["choices"][0]["message"] = json!({"content": null, "refusal": "I cannot."});
    assert_eq!(
        answer(&says(refused), text, "a").unwrap().failed.as_deref(),
        Some("the model refuses: `I cannot.`")
    );
}

#[test]
fn logprobs_become_probabilities_of_classes() {
    let mut reply = chat(&["Positive"]);
    let first = token(&[("Pos", 0.6), ("negative", 0.2), ("The", 0.2)]);
    reply["choices"][0]["logprobs"] = json!({"content": [first, token(&[("itive", 1.0)])]});
    let server = says(reply);
    let more = format!("{LABELS}logprobs = true\ntop-logprobs = 7\n");
    let found = answer(&server, &more, "a").unwrap();
    let probabilities = found.probabilities.unwrap();
    assert_eq!(probabilities.keys().collect::<Vec<_>>(), CLASSES.iter().collect::<Vec<_>>());
    assert!((probabilities["positive"] - 0.75).abs() < 1e-12);
    assert!((probabilities.values().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(found.class.as_deref(), Some("positive"));
    let body = server.log().remove(0).body;
    assert_eq!((&body["logprobs"], &body["top_logprobs"]), (&json!(true), &json!(7)));
}

#[test]
fn server_without_logprobs_is_an_error() {
    let server = says(chat(&["positive"]));
    let error = answer(&server, &format!("{LABELS}logprobs = true\n"), "a").unwrap_err().to_string();
    assert!(error.contains("no log-probabilities") && error.contains("`samples`"), "{error}");
}

#[test]
fn log_probability_of_a_text_is_the_sum_of_its_tokens() {
    let mut reply = chat(&["a b"]);
    reply["choices"][0]["logprobs"] = json!({"content": [token(&[("a", 0.5)]), token(&[(" b", 0.25)])]});
    let more = "output = \"text\"\nprompt = \"{text}\"\nlogprobs = true\n";
    let found = answer(&says(reply), more, "a").unwrap().texts.unwrap();
    assert!((found[0].log_probability.unwrap() - 0.125_f64.ln()).abs() < 1e-12);
}

#[test]
fn samples_become_shares_of_classes_and_different_texts() {
    let words = ["positive", "negative", "unsure", "positive", "positive"];
    let server = Server::start(move |asked, _| {
        let first = asked.body["seed"].as_u64().unwrap() as usize - 10;
        let count = asked.body["n"].as_u64().unwrap_or(1) as usize;
        Reply::json(&chat(&words[first..first + count]))
    });
    for (per_request, requests) in [(1, 5), (2, 3), (9, 1)] {
        let more = format!("samples = 5\nseed = 10\nsamples-per-request = {per_request}\nconcurrency = 3\n");
        let found = answer(&server, &format!("{LABELS}{more}"), "a").unwrap();
        let probabilities = found.probabilities.unwrap();
        assert_eq!((probabilities["positive"], probabilities["negative"]), (0.75, 0.25), "{per_request}");
        let log = server.take_log();
        assert_eq!(log.len(), requests);
        assert!(log.iter().all(|asked| asked.body["temperature"] == json!(1.0)));
        assert_eq!(found.tokens.unwrap(), TokenCount { prompt: 11 * requests as u64, completion: 10 });
        let text =
            answer(&server, &format!("output = \"text\"\nprompt = \"{{text}}\"\n{more}"), "a").unwrap();
        let written: Vec<String> = text.texts.unwrap().into_iter().map(|text| text.text).collect();
        assert_eq!(written, ["positive", "negative", "unsure"]);
        server.take_log();
    }
    let server = says(chat(&["positive"]));
    let more = format!("{LABELS}samples = 4\nsamples-per-request = 4\n");
    let error = answer(&server, &more, "a").unwrap_err().to_string();
    assert!(error.contains("does not know `n`"), "{error}");
    let failed = answer(&says(chat(&["unsure"])), &format!("{LABELS}samples = 2\n"), "a").unwrap();
    assert_eq!(failed.failed.as_deref(), Some("`unsure` is none of the classes"));
    assert_eq!((failed.class, failed.probabilities), (None, None));
}

/// The vector of a text.
fn vector(text: &str) -> Vec<f32> {
    (0..4)
        .map(|place| {
            (text.len() as f32 + 0.1 * place as f32).sin() + text.bytes().map(f32::from).sum::<f32>()
        })
        .collect()
}

#[test]
fn embeddings_are_asked_in_batches_and_kept_by_text() {
    let server = Server::start(|asked, _| {
        let mut reply = embeddings(&asked.inputs().iter().map(|text| vector(text)).collect::<Vec<_>>());
        reply["data"].as_array_mut().unwrap().reverse();
        Reply::json(&reply)
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.jsonl");
    let more =
        "output = \"embedding\"\nprompt = \"query: {text}\"\nbatch = 8\nextra-body = '{\"dimensions\": 4}'\n";
    let teacher = teacher(&server.base_url(), more);
    let inputs = texts(20);
    assert_eq!(teacher.estimate(&inputs).unwrap().requests, 3);
    let summary = complete(&teacher, &file, &inputs).unwrap();
    assert_eq!((summary.answered, summary.asked, summary.failed), (20, 3, 0));
    assert_eq!(summary.tokens, TokenCount { prompt: 60, completion: 0 });
    let answers = read_answers(&file).unwrap();
    assert_eq!(answers.len(), 20);
    for answer in answers {
        assert_eq!(answer.vector.unwrap(), vector(&format!("query: {}", answer.text)));
    }
    let log = server.log();
    assert!(log.iter().all(|asked| asked.path == "/v1/embeddings" && asked.inputs().len() <= 8));
    assert_eq!(log[0].body["dimensions"], 4);
}

#[test]
fn empty_texts_and_vectors_with_nan_are_recorded_as_failed() {
    let server = Server::start(|asked, _| {
        let mut reply = embeddings(&vec![vec![1.0, 2.0]; asked.inputs().len()]);
        reply["data"][0]["embedding"][1] = Value::Null;
        Reply::json(&reply)
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.jsonl");
    let teacher = teacher(&server.base_url(), "output = \"embedding\"\n");
    let summary = complete(&teacher, &file, &["a".into(), " ".into(), "b".into()]).unwrap();
    assert_eq!((summary.answered, summary.failed, summary.asked), (3, 2, 1));
    assert_eq!(server.log()[0].inputs(), ["a", "b"]);
    let failed: HashMap<String, Option<String>> =
        read_answers(&file).unwrap().into_iter().map(|answer| (answer.text, answer.failed)).collect();
    assert!(failed["a"].as_ref().unwrap().contains("NaN") && failed[" "].is_some() && failed["b"].is_none());
}

#[test]
fn wrong_number_of_embeddings_is_asked_again() {
    let server = Server::start(|asked, number| {
        let count = asked.inputs().len() - usize::from(number == 0);
        Reply::json(&embeddings(&vec![vec![1.0]; count]))
    });
    let folder = tempfile::tempdir().unwrap();
    let teacher = teacher(&server.base_url(), "output = \"embedding\"\n");
    let summary = complete(&teacher, &folder.path().join("vectors.jsonl"), &texts(3)).unwrap();
    assert_eq!((summary.answered, summary.asked, summary.retries), (3, 2, 1));
}

#[test]
fn vectors_of_two_widths_are_an_error() {
    let server = Server::start(|_, number| Reply::json(&embeddings(&[vec![1.0; 2 + number]])));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.jsonl");
    let teacher = teacher(&server.base_url(), "output = \"embedding\"\nbatch = 1\nconcurrency = 1\n");
    let error = complete(&teacher, &file, &texts(3)).unwrap_err().to_string();
    assert!(error.contains("an embedding of 3 numbers, and gave others of 2"), "{error}");
    assert_eq!(read_answers(&file).unwrap().len(), 1);
    // Those of an earlier run count, too.
    let error = complete(&teacher, &file, &texts(3)).unwrap_err().to_string();
    assert!(error.contains("gave others of 2"), "{error}");
}

#[test]
fn passing_faults_are_repeated() {
    let good = || chat(&["positive"]);
    for (fault, more) in [
        (Reply::status(500, "{\"error\": \"oops\"}"), ""),
        (Reply::status(503, ""), ""),
        (Reply::status(408, ""), ""),
        (Reply::status(429, ""), ""),
        (Reply::CutOff(good().to_string()), ""),
        (Reply::status(200, "<html>a gateway</html>"), ""),
        (Reply::status(200, &good().to_string()[..30]), ""),
        (Reply::status(200, ""), ""),
        (Reply::status(200, "{\"error\": {\"message\": \"upstream\"}}"), ""),
        (Reply::status(200, "{\"choices\": []}"), ""),
        (Reply::Closed, ""),
        (Reply::json(&good()).after(Duration::from_secs(3)), "timeout-seconds = 0.3\n"),
        (Reply::Drops(good().to_string(), Duration::from_millis(60)), "timeout-seconds = 0.4\n"),
    ] {
        let said = format!("{fault:?}");
        let server =
            Server::start(move |_, number| if number < 2 { fault.clone() } else { Reply::chat("positive") });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("answers.jsonl");
        let mut toml = options(&server.base_url(), LABELS);
        if let Some(seconds) = more.trim().strip_prefix("timeout-seconds = ") {
            toml.timeout_seconds = seconds.parse().unwrap();
        }
        let teacher = EndpointTeacher::new(&toml, &CLASSES.map(str::to_owned), &[]).unwrap();
        let since = Instant::now();
        let summary = complete(&teacher, &file, &texts(1)).unwrap();
        assert_eq!(
            (summary.answered, summary.failed, summary.asked, summary.retries),
            (1, 0, 3, 2),
            "{said}"
        );
        assert!(since.elapsed() < Duration::from_secs(3), "{said}");
    }
}

#[test]
fn retry_after_is_waited_for() {
    let server = Server::start(|_, number| match number {
        0 => Reply::Status(429, "retry-after: 1\r\n".into(), String::new()),
        _ => Reply::chat("positive"),
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    let teacher = teacher(&server.base_url(), &format!("{LABELS}concurrency = 1\n"));
    let since = Instant::now();
    assert_eq!(complete(&teacher, &file, &texts(3)).unwrap().retries, 1);
    assert!(since.elapsed() >= Duration::from_secs(1));
}

#[test]
fn retry_after_beyond_the_longest_wait_ends_the_run() {
    let server = Server::start(|_, _| Reply::Status(429, "retry-after: 7200\r\n".into(), "slow down".into()));
    let error = answer(&server, LABELS, "a").unwrap_err().to_string();
    assert!(error.contains("429 (`slow down`)") && error.contains("7200 s"), "{error}");
    assert_eq!(server.log().len(), 1);
}

#[test]
fn faults_that_stay_end_the_run_after_all_repetitions() {
    let server = Server::start(|_, _| Reply::status(502, "bad \u{1b}[31m gateway"));
    let error = answer(&server, &format!("{LABELS}retries = 2\n"), "a").unwrap_err().to_string();
    assert!(error.contains("502 (`bad \\u{1b}[31m gateway`)"), "{error}");
    assert!(error.contains("all 3 attempts failed") && error.contains("0 of 1 texts"), "{error}");
    assert_eq!(server.log().len(), 3);
}

#[test]
fn refusals_end_the_run_at_once_and_keep_what_was_answered() {
    for (status, body, said) in [
        (400, "{\"error\": {\"message\": \"too long\"}}", "`too long`"),
        (401, "", "`key-variable`"),
        (403, "", "may not use this model"),
        (404, "{\"error\": \"model m not found\"}", "ends with `/v1`"),
        (413, "", "`batch`"),
        (422, "{\"detail\": \"x\"}", "`x`"),
        (429, "{\"error\": {\"message\": \"pay\", \"code\": \"insufficient_quota\"}}", "no quota"),
        (418, "", "check `base-url`"),
    ] {
        let server = Server::start(move |asked, _| match asked.text().as_str() {
            "text 2" => Reply::status(status, body),
            _ => Reply::chat("positive"),
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("answers.jsonl");
        let teacher = teacher(&server.base_url(), &format!("{LABELS}concurrency = 1\n"));
        let error = complete(&teacher, &file, &texts(5)).unwrap_err().to_string();
        assert!(error.contains(&format!("answers {status}")) && error.contains(said), "{error}");
        assert!(error.contains("`text 2`") && error.contains("2 of 5 texts"), "{error}");
        assert!(error.starts_with(&format!("{}/chat/completions: ", server.base_url())), "{error}");
        assert_eq!((server.log().len(), read_answers(&file).unwrap().len()), (3, 2), "{status}");
    }
}

#[test]
fn redirects_are_not_followed() {
    let other = Server::start(|_, _| Reply::chat("positive"));
    for status in [301, 302, 303, 307, 308] {
        let headers = format!("location: {}/chat/completions\r\n", other.base_url());
        let server = Server::start(move |_, _| Reply::Status(status, headers.clone(), String::new()));
        let error = answer(&server, LABELS, "a").unwrap_err().to_string();
        assert!(error.contains(&other.base_url()) && error.contains("redirects are not followed"), "{error}");
    }
    assert!(other.log().is_empty());
}

#[test]
fn endpoint_that_is_not_there_is_an_error() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let teacher = teacher(&format!("http://{address}/v1"), &format!("{LABELS}retries = 1\n"));
    let error = complete(&teacher, &folder.path().join("answers.jsonl"), &texts(1)).unwrap_err().to_string();
    assert!(
        error.contains("all 2 attempts failed") && error.contains("check that the server runs"),
        "{error}"
    );
}

#[test]
fn missing_key_is_an_error_before_any_request() {
    let server = Server::start(|_, _| Reply::chat("positive"));
    let more = format!("{LABELS}key-variable = \"ALAMBIC_TEST_NO_SUCH_KEY\"\n");
    let teacher = teacher(&server.base_url(), &more);
    assert!(teacher.check_key().is_err());
    let error = answer(&server, &more, "a").unwrap_err().to_string();
    assert!(error.contains("`ALAMBIC_TEST_NO_SUCH_KEY`") && error.contains("is not set"), "{error}");
    assert!(server.log().is_empty());
    assert_eq!(teacher.estimate(&texts(2)).unwrap().requests, 2);
}

#[test]
fn texts_with_answers_are_not_asked_again_and_duplicates_once() {
    let server =
        Server::start(|asked, _| Reply::chat(if asked.text() == "text 1" { "hm" } else { "negative" }));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    let teacher = teacher(&server.base_url(), LABELS);
    let inputs = [texts(4), texts(4), texts(2)].concat();
    let summary = complete(&teacher, &file, &inputs).unwrap();
    assert_eq!((summary.texts, summary.recorded, summary.answered, summary.failed), (4, 0, 4, 1));
    assert_eq!(summary.failed_share(), Some(0.25));
    assert_eq!(teacher.unanswered(&file, &texts(6)).unwrap(), texts(6)[4..]);
    // Those that did not parse were answered, too.
    let summary = complete(&teacher, &file, &texts(6)).unwrap();
    assert_eq!((summary.recorded, summary.answered, summary.failed, summary.asked), (4, 2, 1, 2));
    let before = lines(&file);
    drop(server);
    // With nothing to ask, no server is needed.
    assert_eq!(complete(&teacher, &file, &texts(6)).unwrap().asked, 0);
    assert_eq!(lines(&file), before);
}

#[test]
fn changed_settings_are_named_and_refused() {
    let server = says(chat(&["positive"]));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    complete(&teacher(&server.base_url(), LABELS), &file, &texts(1)).unwrap();
    let asked = server.log().len();
    let changed = |more: &str, part: &str| {
        let other = teacher(&server.base_url(), more);
        let error = complete(&other, &file, &texts(2)).unwrap_err().to_string();
        assert!(error.contains(&format!("another `{part}`")), "{error}");
        assert!(other.unanswered(&file, &texts(2)).is_err());
    };
    changed("output = \"labels\"\nprompt = \"{text}?\"\n", "prompt");
    changed(&format!("{LABELS}temperature = 0.5\n"), "temperature");
    changed(&format!("{LABELS}system-prompt = \"Be brief.\"\n"), "system-prompt");
    changed(&format!("{LABELS}seed = 1\n"), "seed");
    changed(&format!("{LABELS}extra-body = '{{\"top_k\": 1}}'\n"), "extra-body");
    changed("output = \"text\"\nprompt = \"{text}\"\n", "output");
    let options = options(&server.base_url(), LABELS);
    let three = ["positive", "negative", "neutral"].map(str::to_owned);
    let other = EndpointTeacher::new(&options, &three, &[]).unwrap();
    assert!(complete(&other, &file, &texts(2)).unwrap_err().to_string().contains("another `classes`"));
    let example = EndpointExample { input: "a".into(), answer: "negative".into() };
    let other = EndpointTeacher::new(&options, &CLASSES.map(str::to_owned), &[example]).unwrap();
    assert!(complete(&other, &file, &texts(2)).unwrap_err().to_string().contains("another `examples`"));
    assert_eq!(server.log().len(), asked);
    // How it is asked decides no answer.
    complete(
        &teacher(&server.base_url(), &format!("{LABELS}concurrency = 1\nretries = 1\n")),
        &file,
        &texts(2),
    )
    .unwrap();
}

#[test]
fn budget_of_requests_stops_with_everything_kept() {
    let server =
        Server::start(|_, number| if number == 3 { Reply::status(500, "") } else { Reply::chat("positive") });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    let run = |limit: usize| {
        complete(
            &teacher(&server.base_url(), &format!("{LABELS}max-requests = {limit}\n")),
            &file,
            &texts(30),
        )
        .unwrap()
    };
    let summary = run(10);
    assert_eq!((summary.asked, summary.answered, summary.remaining()), (10, 9, 21));
    assert_eq!(summary.stopped, Some(EndpointStop::MaxRequests));
    assert!(summary.to_string().contains("21 texts remain"), "{summary}");
    assert_eq!(read_answers(&file).unwrap().len(), 9);
    // The limit is one for the file: nine answers are nine requests.
    let summary = run(9);
    assert_eq!((summary.asked, summary.remaining()), (0, 21));
    let summary = run(30);
    assert_eq!((summary.asked, summary.remaining(), summary.stopped), (21, 0, None));
    assert_eq!(server.log().len(), 31);
}

#[test]
fn budget_of_tokens_is_not_exceeded() {
    let server = says(chat(&["positive"]));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    // Each request takes 13 tokens, by what the server says.
    let more = format!("{LABELS}max-total-tokens = 100\nconcurrency = 4\n");
    let teacher = teacher(&server.base_url(), &more);
    let summary = complete(&teacher, &file, &texts(30)).unwrap();
    assert_eq!(summary.stopped, Some(EndpointStop::MaxTokens));
    assert!(summary.tokens.total() <= 100 && summary.answered >= 4, "{summary}");
    assert_eq!(summary.remaining(), 30 - summary.answered);
    let again = complete(&teacher, &file, &texts(30)).unwrap();
    assert!(summary.tokens.total() + again.tokens.total() <= 100, "{again}");
}

#[test]
fn requests_run_at_the_same_time() {
    const LATENCY: Duration = Duration::from_millis(50);
    let server = Server::start(|_, _| Reply::chat("positive").after(LATENCY));
    let folder = tempfile::tempdir().unwrap();
    let teacher = teacher(&server.base_url(), &format!("{LABELS}concurrency = 16\n"));
    let since = Instant::now();
    let summary = complete(&teacher, &folder.path().join("answers.jsonl"), &texts(160)).unwrap();
    let seconds = since.elapsed().as_secs_f64();
    println!("{:.0} requests a second of at most {:.0}", 160.0 / seconds, 16.0 / LATENCY.as_secs_f64());
    assert_eq!(summary.asked, 160);
    assert!(seconds < 160.0 * LATENCY.as_secs_f64() / 4.0, "{seconds} s");
    assert!((8..=16).contains(&server.most_open()), "{}", server.most_open());
}

#[test]
fn interruption_ends_waits_and_keeps_what_is_under_way() {
    let server = Server::start(|asked, _| match asked.text().as_str() {
        "text 0" => Reply::chat("positive").after(Duration::from_millis(400)),
        _ => Reply::Status(429, "retry-after: 60\r\n".into(), String::new()),
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.jsonl");
    let teacher = teacher(&server.base_url(), LABELS);
    let interrupt = AtomicBool::new(false);
    let since = Instant::now();
    let summary = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(150));
            interrupt.store(true, Ordering::Relaxed);
        });
        teacher.complete(&file, &texts(20), &Ranks::alone(), &interrupt, &mut |_| {}).unwrap()
    });
    assert!(since.elapsed() < Duration::from_secs(5));
    assert_eq!((summary.stopped, summary.answered), (Some(EndpointStop::Interrupted), 1));
    assert_eq!(read_answers(&file).unwrap()[0].text, "text 0");
}

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
    command.args(["child_asks_about_all_texts", "--exact", "--ignored", "--nocapture"]);
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
