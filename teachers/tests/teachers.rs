//! Checkpoints, pipelines, records and recorded outputs, over tiny random models.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::path::{Path, PathBuf};

use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{Generation, Outline, Pass, Precision, Tokenizer, Tokens, Trace, Wanted, write_weights};
use alambic_teachers::{
    Candidate, Checkpoint, Fingerprint, Forced, Pipeline, PipelineOptions, Record, Recorded, Request, Step,
    Teacher, TeacherError, Written,
};
use alambic_tensor::Streams;
use alambic_tensor::candle::{Device, Tensor};
use tempfile::TempDir;

const CHARACTERS: &str = "abcdकखगघ";

/// Writes a random model of `positions` positions, which writes nothing but characters and the end: some
/// texts end at once, some after a while and some never.
fn write_model(folder: &Path, seed: u64, positions: usize) {
    let languages = ["en", "hi", "ta"].map(str::to_owned);
    let tokenizer = Tokenizer::characters(&CHARACTERS.chars().collect(), &languages).unwrap();
    let padding = tokenizer.padding().unwrap();
    let config = MarianConfig {
        vocab_size: tokenizer.size(),
        d_model: 16,
        encoder_layers: 2,
        decoder_layers: 1,
        encoder_attention_heads: 2,
        decoder_attention_heads: 2,
        encoder_ffn_dim: 24,
        decoder_ffn_dim: 24,
        activation_function: "relu".into(),
        dropout: 0.1,
        scale_embedding: true,
        max_position_embeddings: positions,
        pad_token_id: padding,
        eos_token_id: tokenizer.end().unwrap(),
        decoder_start_token_id: padding,
    };
    let mut weights = Marian::initial_weights(&config, &Streams::new(seed)).unwrap();
    // Random cross-attention says too little for the source to make a difference.
    for (name, tensor) in &mut weights {
        if name.contains("encoder_attn.") && name.ends_with("weight") {
            *tensor = (&*tensor * 6.0).unwrap();
        }
    }
    let mut bias = vec![-1e4f32; config.vocab_size];
    for character in CHARACTERS.chars() {
        bias[tokenizer.id(&character.to_string()).unwrap() as usize] = 0.0;
    }
    bias[config.eos_token_id as usize] = 1.0;
    let bias = Tensor::from_vec(bias, (1, config.vocab_size), &Device::Cpu).unwrap();
    weights.insert("final_logits_bias".into(), bias);
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("config.json"), config.to_json().unwrap().to_string()).unwrap();
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_json().unwrap()).unwrap();
    write_weights(folder, &weights, Precision::F32).unwrap();
}

/// Folders of two models, `first` and `second`, and the record of a test.
struct Workplace {
    folder: TempDir,
}

impl Workplace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_model(&folder.path().join("first"), 6, 16);
        write_model(&folder.path().join("second"), 3, 16);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn checkpoint(&self, name: &str) -> Checkpoint {
        Checkpoint::load(&self.path(name)).unwrap()
    }

    fn pipeline(&self, options: &PipelineOptions) -> Pipeline {
        Pipeline::new(options, |name| Checkpoint::load(&self.path(name))).unwrap()
    }
}

fn request(text: &str, language: &str) -> Request {
    Request { text: text.into(), language: language.into() }
}

/// All words of two and three of the characters, into languages in turn.
fn requests() -> Vec<Request> {
    let characters: Vec<char> = CHARACTERS.chars().collect();
    let mut words = Vec::new();
    for a in &characters {
        for b in &characters {
            words.push(format!("{a}{b}"));
            words.extend(characters.iter().map(|c| format!("{a}{b}{c}")));
        }
    }
    words
        .iter()
        .zip(["ta", "hi", "en"].iter().cycle())
        .map(|(word, language)| request(word, language))
        .collect()
}

fn chain(steps: &[(&str, &str)]) -> PipelineOptions {
    let step = |(teacher, language): &(&str, &str)| Step {
        teacher: (*teacher).to_owned().into(),
        language: (*language).to_owned(),
    };
    PipelineOptions {
        chain: steps.iter().map(step).collect(),
        beam: 2,
        keep: 1,
        longest: 10,
        least_confidence: 0.0,
    }
}

fn write(teacher: &dyn Teacher, requests: &[Request]) -> Vec<Written> {
    let mut done = 0;
    let written = teacher.write(requests, &mut |count| done += count).unwrap();
    assert_eq!((done, written.len()), (requests.len(), requests.len()));
    written
}

fn message<T>(result: Result<T, TeacherError>) -> String {
    result.err().unwrap().to_string()
}

fn largest_difference(left: &Tensor, right: &Tensor) -> f32 {
    (left - right).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

#[test]
fn a_checkpoint_writes_what_its_model_does() {
    let place = Workplace::new();
    let generation = Generation { beam: 3, longest: 9, length_penalty: 1.0 };
    let checkpoint = place.checkpoint("first").with_generation(generation);
    let tokenizer = checkpoint.tokenizer().unwrap();
    let padding = checkpoint.model().config().pad_token_id;
    let requests = requests();
    let written = write(&checkpoint, &requests);
    let mut different = std::collections::HashSet::new();
    for (request, written) in requests.iter().zip(&written).step_by(7) {
        let ids = tokenizer.encode_for(&request.text, &request.language).unwrap();
        let hypotheses = generation.run(checkpoint.model(), &Tokens::pad(&[ids], padding)).unwrap().remove(0);
        let best = &hypotheses[0];
        let dropped = match (best.finished, best.tokens.is_empty()) {
            (false, _) => Some("longer than the limit"),
            (true, true) => Some("empty"),
            (true, false) => None,
        };
        assert_eq!(written.dropped.as_deref(), dropped);
        assert!((written.confidence - f64::from(best.score(1.0)).exp()).abs() < 1e-4);
        assert!(written.intermediate.is_empty());
        assert_eq!(written.read_by_last(&request.text), request.text);
        if dropped.is_some() {
            assert!(written.candidates.is_empty());
            continue;
        }
        let kept =
            hypotheses.iter().filter(|hypothesis| hypothesis.finished && !hypothesis.tokens.is_empty());
        assert_eq!(written.candidates.len(), kept.clone().count());
        for (candidate, hypothesis) in written.candidates.iter().zip(kept) {
            assert_eq!(candidate.text, tokenizer.decode(&hypothesis.tokens).unwrap());
            assert!((candidate.log_probability - hypothesis.log_probability).abs() < 1e-4);
        }
        different.insert(written.candidates[0].text.clone());
    }
    assert!(different.len() > 5, "the model should write something of its own for each");
    let greedy = write(&place.checkpoint("first"), &requests[..50]);
    assert!(greedy.iter().all(|written| written.candidates.len() == usize::from(written.dropped.is_none())));
    assert!(checkpoint.write(&[], &mut |_| {}).unwrap().is_empty());
}

#[test]
fn a_checkpoint_names_languages_and_texts_that_it_cannot_take() {
    let place = Workplace::new();
    let checkpoint = place.checkpoint("first");
    let error = message(checkpoint.write(&[request("ab", "en"), request("ab", "xx")], &mut |_| {}));
    assert!(error.contains("the model does not write `xx`; it writes en, hi, ta"), "{error}");
    let long = [request(&"a".repeat(15), "en"), request("ab", "en")];
    let reason = Some("the source is too long to be read");
    for teacher in [&checkpoint as &dyn Teacher, &place.pipeline(&chain(&[("first", "target")]))] {
        let written = write(teacher, &long);
        assert_eq!(written[0].dropped.as_deref(), reason);
        assert!(written[0].candidates.is_empty() && written[1].dropped.as_deref() != reason);
    }
    assert!(message(Checkpoint::load(&place.path("nothing"))).contains("config.json"));
}

#[test]
fn a_checkpoint_is_told_apart_by_its_digest() {
    let place = Workplace::new();
    write_model(&place.path("copy"), 6, 16);
    write_model(&place.path("other positions"), 6, 18);
    let digest = |name: &str| place.checkpoint(name).weights_digest();
    assert_eq!(digest("first"), digest("copy"));
    assert_ne!(digest("first"), digest("second"));
    assert_ne!(digest("first"), digest("other positions"));
}

#[test]
fn a_checkpoint_traces_the_wanted_taps_alone() {
    let place = Workplace::new();
    let checkpoint = place.checkpoint("first");
    let sources = [request("abक", "ta"), request("d", "hi")];
    let target = Tokens::pad(&[vec![13, 5, 6], vec![13, 7, 8]], 13);
    let trace = |target, least_length, names: &[&str]| {
        let forced = Forced { sources: &sources, target, least_length };
        checkpoint.trace(forced, &Wanted::named(names.iter().copied())).unwrap()
    };
    let names = |trace: &Trace| trace.taps().keys().cloned().collect::<Vec<_>>();
    // Tag, three characters and end.
    let short = trace(None, 0, &["encoder.hidden.2"]);
    assert_eq!(names(&short), ["encoder.hidden.2"]);
    assert_eq!(short.get("encoder.hidden.2").unwrap().dims(), [2, 5, 16]);
    assert_eq!(short.mask("encoder").unwrap().as_slice(), [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
    assert!(short.mask("decoder").is_none());
    // Longer padding changes no state of a token.
    let long = trace(None, 9, &["encoder.hidden.2"]);
    assert_eq!(long.mask("encoder").unwrap().len(), 2 * 9);
    for (row, length) in [(0, 5), (1, 3)] {
        let states = |trace: &Trace| {
            let states = trace.get("encoder.hidden.2").unwrap();
            states.narrow(0, row, 1).unwrap().narrow(1, 0, length).unwrap()
        };
        assert!(largest_difference(&states(&short), &states(&long)) < 1e-5);
    }
    let both = trace(Some(&target), 0, &["logits", "encoder.hidden.2"]);
    assert_eq!(names(&both), ["encoder.hidden.2", "logits"]);
    assert_eq!(both.get("logits").unwrap().dims(), [2, 3, 14]);
    assert!(trace(None, 0, &["logits"]).taps().is_empty(), "without a target there are none");
    // Every tap that the outline names is there to be read.
    let outline = checkpoint.outline().unwrap().clone();
    let forced = Forced { sources: &sources, target: Some(&target), least_length: 0 };
    let all = checkpoint.trace(forced, &Wanted::All).unwrap();
    let (mut expected, mut found) = (outline.taps(), names(&all));
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// What one step makes of a text, worked out with the model alone: the best text, its log-probability and number of
/// tokens, and why the row is dropped.
fn by_hand(
    checkpoint: &Checkpoint,
    text: &str,
    language: &str,
) -> (Vec<Candidate>, f64, usize, Option<&'static str>) {
    let generation = Generation { beam: 2, longest: 10, length_penalty: 1.0 };
    let tokenizer = checkpoint.tokenizer().unwrap();
    let config = checkpoint.model().config();
    let ids = tokenizer.encode_for(text, language).unwrap();
    let source = Tokens::pad(&[ids], config.pad_token_id);
    let hypotheses = generation.run(checkpoint.model(), &source).unwrap().remove(0);
    let best = &hypotheses[0];
    let dropped = match (best.finished, best.tokens.is_empty()) {
        (false, _) => Some("longer than the limit"),
        (true, true) => Some("empty"),
        (true, false) => None,
    };
    let tokens = best.tokens.len() + usize::from(best.finished);
    let sum = f64::from(best.log_probability);
    let candidates = hypotheses
        .iter()
        .map(|hypothesis| Candidate {
            text: tokenizer.decode(&hypothesis.tokens).unwrap(),
            log_probability: hypothesis.log_probability,
        })
        .collect();
    (candidates, sum, tokens, dropped)
}

#[test]
fn a_pipeline_is_one_checkpoint_after_the_other() {
    let place = Workplace::new();
    let options = PipelineOptions { keep: 2, ..chain(&[("first", "en"), ("second", "target")]) };
    let pipeline = place.pipeline(&options);
    assert_eq!(pipeline.steps(), 2);
    let (first, second) = (place.checkpoint("first"), place.checkpoint("second"));
    let requests = requests();
    let (mut kept, mut reasons) = (0, std::collections::BTreeSet::new());
    for (request, written) in requests.iter().zip(write(&pipeline, &requests)) {
        let (middle, mut sum, mut tokens, mut dropped) = by_hand(&first, &request.text, "en");
        let mut expected = Vec::new();
        assert_eq!(written.intermediate, [middle[0].text.clone()]);
        if dropped.is_none() {
            let last = by_hand(&second, &middle[0].text, &request.language);
            (sum, tokens, dropped) = (sum + last.1, tokens + last.2, last.3);
            expected = last.0;
            expected.retain(|candidate| !candidate.text.is_empty());
        }
        assert_eq!(written.dropped.as_deref(), dropped);
        assert!((written.confidence - (sum / tokens as f64).exp()).abs() < 1e-4);
        if let Some(reason) = dropped {
            assert!(written.candidates.is_empty());
            reasons.insert(reason);
        } else {
            kept += 1;
            assert_eq!(written.candidates.len(), expected.len());
            for (found, expected) in written.candidates.iter().zip(&expected) {
                assert_eq!(found.text, expected.text);
                assert!((found.log_probability - expected.log_probability).abs() < 1e-4);
            }
        }
    }
    assert!(kept > 20, "{kept} rows kept");
    assert!(reasons.into_iter().eq(["empty", "longer than the limit"]));
}

#[test]
fn a_pipeline_of_one_step_is_its_checkpoint() {
    let place = Workplace::new();
    let pipeline = place.pipeline(&chain(&[("first", "target")]));
    let requests = requests();
    for (request, written) in requests.iter().zip(write(&pipeline, &requests)) {
        assert!(written.intermediate.is_empty());
        let (candidates, .., dropped) = by_hand(&place.checkpoint("first"), &request.text, &request.language);
        assert_eq!(written.dropped.as_deref(), dropped);
        if dropped.is_none() {
            assert_eq!(written.candidates[0].text, candidates[0].text);
        }
    }
}

#[test]
fn what_is_too_long_for_the_next_step_drops_its_row_alone() {
    let place = Workplace::new();
    // Room for four characters between tag and end.
    write_model(&place.path("short"), 3, 6);
    let pipeline = place.pipeline(&chain(&[("first", "en"), ("short", "target")]));
    let (mut long, mut read) = (0, 0);
    for written in write(&pipeline, &requests()) {
        let characters = written.intermediate[0].chars().count();
        let too_long = written.dropped.as_deref() == Some("too long for the next step");
        // Ten characters are the limit itself, which is the reason that was there first.
        assert_eq!(too_long, (5..10).contains(&characters), "{written:?}");
        long += usize::from(too_long);
        read += usize::from(written.dropped.is_none());
    }
    assert!(long > 0 && read > 0, "{long} too long, {read} read");
}

#[test]
fn rows_below_the_least_confidence_are_dropped() {
    let place = Workplace::new();
    let requests = requests();
    let options = chain(&[("first", "en"), ("second", "target")]);
    let free = write(&place.pipeline(&options), &requests);
    let mut confidences: Vec<f64> =
        free.iter().filter(|written| written.dropped.is_none()).map(|written| written.confidence).collect();
    confidences.sort_by(f64::total_cmp);
    let least_confidence = confidences[confidences.len() / 2];
    let strict = write(&place.pipeline(&PipelineOptions { least_confidence, ..options }), &requests);
    let mut dropped = 0;
    for (free, strict) in free.iter().zip(&strict) {
        assert_eq!(free.confidence, strict.confidence);
        if free.dropped.is_none() && free.confidence < least_confidence {
            assert_eq!(strict.dropped.as_deref(), Some("confidence below the least"));
            assert!(strict.candidates.is_empty());
            dropped += 1;
        } else {
            assert_eq!(free, strict);
        }
    }
    assert!(dropped > 0);
}

#[test]
fn a_model_used_twice_counts_once() {
    let place = Workplace::new();
    write_model(&place.path("copy"), 6, 16);
    let (first, second) = (place.checkpoint("first").size(), place.checkpoint("second").size());
    let size = |steps: &[(&str, &str)]| place.pipeline(&chain(steps)).size();
    assert!(first.0 > 1000 && first.1 > 4 * first.0 as u64);
    assert_eq!(size(&[("first", "en"), ("first", "target")]), first);
    assert_eq!(size(&[("first", "en"), ("copy", "target")]), first);
    let both = (first.0 + second.0, first.1 + second.1);
    assert_eq!(size(&[("first", "en"), ("second", "hi"), ("first", "target")]), both);
}

#[test]
fn a_pipeline_needs_a_step_and_shows_its_last_model() {
    let place = Workplace::new();
    let error = message(Pipeline::new(&chain(&[]), |_| unreachable!()));
    assert!(error.contains("at least one step"), "{error}");
    let pipeline = place.pipeline(&chain(&[("first", "en"), ("second", "target")]));
    let second = place.checkpoint("second");
    assert_eq!(pipeline.outline(), second.outline());
    let sources = [request("ab", "ta")];
    let forced = Forced { sources: &sources, target: None, least_length: 0 };
    let wanted = Wanted::named(["encoder.hidden.2"]);
    let found = pipeline.trace(forced, &wanted).unwrap();
    let source = Tokens::pad(&[second.tokenizer().unwrap().encode_for("ab", "ta").unwrap()], 0);
    let expected = second.model().trace(&source, None, Pass::Evaluate, wanted).unwrap();
    let states = |trace: &Trace| trace.get("encoder.hidden.2").unwrap().clone();
    assert_eq!(largest_difference(&states(&found), &states(&expected)), 0.0);
}

/// A teacher that counts the requests it is asked to write.
struct Counting<'a> {
    teacher: &'a dyn Teacher,
    asked: Cell<usize>,
}

impl Teacher for Counting<'_> {
    fn write(
        &self,
        requests: &[Request],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Written>, TeacherError> {
        self.asked.set(self.asked.get() + requests.len());
        self.teacher.write(requests, progress)
    }

    fn trace(&self, forced: Forced<'_>, wanted: &Wanted) -> Result<Trace, TeacherError> {
        self.teacher.trace(forced, wanted)
    }

    fn outline(&self) -> Option<&Outline> {
        self.teacher.outline()
    }

    fn tokenizer(&self) -> Option<&Tokenizer> {
        self.teacher.tokenizer()
    }

    fn weights_digest(&self) -> String {
        self.teacher.weights_digest()
    }

    fn settings(&self) -> String {
        self.teacher.settings()
    }

    fn size(&self) -> (usize, u64) {
        self.teacher.size()
    }
}

/// Completes a record, and says how many requests the teacher was asked.
fn complete(path: &Path, teacher: &dyn Teacher, requests: &[Request]) -> (Vec<Written>, usize) {
    let counting = Counting { teacher, asked: Cell::new(0) };
    let mut done = 0;
    let written = Record::complete(path, &counting, requests, &mut |count| done += count).unwrap();
    assert_eq!(done, requests.len());
    (written, counting.asked.get())
}

#[test]
fn a_record_holds_what_the_teacher_wrote() {
    let place = Workplace::new();
    let pipeline = place.pipeline(&chain(&[("first", "en"), ("second", "target")]));
    let (path, requests) = (place.path("record.jsonl"), requests());
    let (written, asked) = complete(&path, &pipeline, &requests);
    assert_eq!(asked, requests.len());
    assert_eq!(written, write(&pipeline, &requests));
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.split(|&byte| byte == b'\n').count(), requests.len() + 2);
    // Read anew, the numbers are the same to the last bit.
    let record = Record::read(&path).unwrap();
    assert_eq!(record.path(), path);
    assert_eq!(record.fingerprint(), &Fingerprint::of(&pipeline, &requests));
    assert!(record.rows().iter().map(|(request, _)| request).eq(&requests));
    assert!(record.rows().iter().map(|(_, written)| written).eq(&written));
    // A complete record asks nothing of the teacher, and stays as it is.
    assert_eq!(complete(&path, &pipeline, &requests), (written, 0));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

/// Requests in a chunk of a record.
const CHUNK: usize = 2048;

#[test]
fn a_record_that_was_cut_off_is_completed_to_the_same_bytes() {
    let place = Workplace::new();
    let pipeline = place.pipeline(&chain(&[("first", "en"), ("second", "target")]));
    let requests: Vec<Request> = requests().into_iter().cycle().take(CHUNK + 40).collect();
    let path = place.path("record.jsonl");
    let (written, _) = complete(&path, &pipeline, &requests);
    let bytes = std::fs::read(&path).unwrap();
    let ends: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(place, _)| place).collect();
    // The last byte of a character of several, from a place on.
    let within =
        |from: usize| (from..bytes.len()).find(|&place| (0x80..0xc0).contains(&bytes[place])).unwrap();
    for (cut, kept) in [
        (ends[0] + 2, 0),
        (within(ends[3]), 0),
        (ends[CHUNK], 0),
        (ends[CHUNK] + 1, CHUNK),
        (within(ends[CHUNK]), CHUNK),
        (ends[CHUNK + 20], CHUNK),
        (ends[CHUNK + 20] + 1, CHUNK),
        (bytes.len() - 1, CHUNK),
        (bytes.len(), CHUNK + 40),
    ] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let (again, asked) = complete(&path, &pipeline, &requests);
        assert_eq!(asked, requests.len() - kept, "cut at {cut}");
        assert_eq!(again, written, "cut at {cut}");
        assert!(std::fs::read(&path).unwrap() == bytes, "cut at {cut}: the file differs");
    }
}

#[test]
fn a_record_that_is_no_record_is_refused_with_its_line() {
    let place = Workplace::new();
    let checkpoint = place.checkpoint("first");
    let (path, requests) = (place.path("record.jsonl"), requests());
    complete(&path, &checkpoint, &requests);
    let bytes = std::fs::read(&path).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let refused = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        let error = message(Record::complete(&path, &checkpoint, &requests, &mut |_| {}));
        assert_eq!(std::fs::read(&path).unwrap(), content, "the file is left as it is");
        error
    };
    for empty in [&b""[..], &bytes[..20]] {
        assert!(refused(empty).ends_with("record.jsonl, line 1: the record is empty; delete it"));
    }
    let error = refused([&lines[..2], &["{\"text\": 3}"], &lines[3..]].concat().join("\n").as_bytes());
    assert!(error.contains("record.jsonl, line 3: "), "{error}");
    let error = refused(b"[]\n");
    assert!(error.contains("record.jsonl, line 1: "), "{error}");
    let mut broken = bytes.clone();
    broken[lines[0].len() + lines[1].len() + 10] = 0xff;
    let error = refused(&broken);
    assert!(error.contains("record.jsonl, line 3: ") && error.contains("utf-8"), "{error}");
}

#[test]
fn a_stale_record_is_refused_by_what_differs() {
    let place = Workplace::new();
    let checkpoint = place.checkpoint("first");
    let (path, requests) = (place.path("record.jsonl"), requests());
    complete(&path, &checkpoint, &requests);
    let bytes = std::fs::read(&path).unwrap();
    let mut turned = requests.clone();
    turned.reverse();
    let shorter = Generation { longest: 9, ..Generation::greedy(16) };
    let cases = [
        (place.checkpoint("second"), &requests, "weights"),
        (checkpoint.clone(), &turned, "data"),
        (checkpoint.with_generation(shorter), &requests, "settings"),
    ];
    for (teacher, requests, expected) in &cases {
        let error = Record::complete(&path, teacher, requests, &mut |_| {}).unwrap_err();
        assert!(matches!(&error, TeacherError::Stale { part, .. } if part == expected), "{error}");
        assert!(
            error.to_string().contains(&format!("made with other {expected}; delete the file")),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "the file is left as it is");
    }
}

#[test]
fn requests_are_told_apart_by_text_and_language() {
    let place = Workplace::new();
    let checkpoint = place.checkpoint("first");
    let data = |requests: &[Request]| Fingerprint::of(&checkpoint, requests).data;
    let one = data(&[request("ab", "en")]);
    assert_eq!(one, data(&[request("ab", "en")]));
    for other in [vec![request("ab", "ta")], vec![request("abe", "n")], vec![request("ab", "en"); 2], vec![]]
    {
        assert_ne!(one, data(&other));
    }
}

#[test]
fn every_setting_of_a_pipeline_is_part_of_its_fingerprint() {
    let place = Workplace::new();
    let options = chain(&[("first", "en"), ("second", "target")]);
    let variants = [
        options.clone(),
        PipelineOptions { beam: 3, ..options.clone() },
        PipelineOptions { keep: 2, ..options.clone() },
        PipelineOptions { longest: 11, ..options.clone() },
        PipelineOptions { least_confidence: 0.1, ..options.clone() },
        chain(&[("first", "hi"), ("second", "target")]),
        chain(&[("second", "en"), ("first", "target")]),
    ];
    let prints: Vec<Fingerprint> =
        variants.iter().map(|options| Fingerprint::of(&place.pipeline(options), &[])).collect();
    for (index, print) in prints.iter().enumerate() {
        assert!(!prints[..index].contains(print), "variant {index}");
    }
}

#[test]
fn recorded_outputs_repeat_themselves() {
    let place = Workplace::new();
    let pipeline = place.pipeline(&chain(&[("first", "en"), ("second", "target")]));
    let (path, requests) = (place.path("record.jsonl"), requests());
    let (written, _) = complete(&path, &pipeline, &requests);
    let recorded = Recorded::read(&path).unwrap();
    assert_eq!(write(&recorded, &requests), written);
    // In any order, and as often as asked.
    let some = [requests[9].clone(), requests[3].clone(), requests[9].clone()];
    assert_eq!(write(&recorded, &some), [written[9].clone(), written[3].clone(), written[9].clone()]);
    assert_eq!(recorded.weights_digest(), pipeline.weights_digest());
    assert_eq!(recorded.settings(), pipeline.settings());
    assert_eq!(recorded.size(), (0, 0));
    assert!(recorded.outline().is_none() && recorded.tokenizer().is_none());
    let other = if requests[0].language == "en" { "hi" } else { "en" };
    for unknown in [request("dddd", "en"), request(&requests[0].text, other)] {
        let error = message(recorded.write(&[requests[0].clone(), unknown.clone()], &mut |_| {}));
        let expected = format!("nothing is recorded for `{}` into {}", unknown.text, unknown.language);
        assert!(error.ends_with(&expected), "{error}");
    }
    let forced = Forced { sources: &requests[..1], target: None, least_length: 0 };
    let error = recorded.trace(forced, &Wanted::nothing()).unwrap_err();
    assert!(matches!(error, TeacherError::NoTaps), "{error}");
    assert!(message(Recorded::read(&place.path("nothing.jsonl"))).contains("nothing.jsonl"));
}
