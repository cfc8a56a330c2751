//! Teachers over HTTP, against a server on this machine that misbehaves on purpose.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::endpoint_asking::{CLASSES, LABELS, answer, complete, lines, options, says, teacher, texts};
use crate::endpoint_server::{Reply, Server, chat, embeddings};
use alambic_ranks::Ranks;
use alambic_teachers::{
    EndpointAnswer, EndpointExample, EndpointInput, EndpointStop, EndpointTeacher, TokenCount, read_answers,
};
use serde_json::{Value, json};

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
