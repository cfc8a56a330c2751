//! Records of what teachers wrote, and recorded outputs as a teacher.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{Workplace, chain, message, request, requests, write};
use alambic_models::{GenerationConfig, Outline, TapSelection, Tokenizer, Trace};
use alambic_ranks::Ranks;
use alambic_teachers::{
    Fingerprint, GenerationOutput, GenerationRecord, GenerationRequest, PipelineOptions, RecordedTeacher,
    Teacher, TeacherBatch, TeacherError, TeacherForcing,
};

/// A teacher that counts the requests it is asked to write.
struct Counting<'a> {
    teacher: &'a dyn Teacher,
    asked: AtomicUsize,
}

impl Teacher for Counting<'_> {
    fn generate(
        &self,
        requests: &[GenerationRequest],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        self.asked.fetch_add(requests.len(), Ordering::Relaxed);
        self.teacher.generate(requests, progress)
    }

    fn trace(&self, batch: TeacherBatch<'_>, wanted: &TapSelection) -> Result<Trace, TeacherError> {
        self.teacher.trace(batch, wanted)
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

    fn generation_settings(&self) -> String {
        self.teacher.generation_settings()
    }

    fn size(&self) -> (usize, u64) {
        self.teacher.size()
    }
}

/// Completes a record, and says how many requests the teacher was asked.
fn complete(
    path: &Path,
    teacher: &dyn Teacher,
    requests: &[GenerationRequest],
) -> (Vec<GenerationOutput>, usize) {
    let counting = Counting { teacher, asked: AtomicUsize::new(0) };
    let mut done = 0;
    let written =
        GenerationRecord::complete(path, &counting, requests, &Ranks::alone(), &mut |count| done += count)
            .unwrap();
    assert_eq!(done, requests.len());
    (written, counting.asked.load(Ordering::Relaxed))
}

#[test]
fn a_record_that_several_ranks_write_is_that_of_one() {
    let place = Workplace::new();
    // More than two chunks.
    let requests: Vec<GenerationRequest> = requests().into_iter().cycle().take(4500).collect();
    let one = place.path("one.jsonl");
    let teacher = || place.pipeline(&chain(&[("first", "en"), ("second", "target")]));
    let expected =
        GenerationRecord::complete(&one, &teacher(), &requests, &Ranks::alone(), &mut |_| {}).unwrap();
    let whole = std::fs::read(&one).unwrap();
    for (count, kept) in [(2, 0), (3, whole.len() / 2)] {
        let path = place.path(&format!("{count}.jsonl"));
        if kept > 0 {
            std::fs::write(&path, &whole[..kept]).unwrap();
        }
        std::thread::scope(|scope| {
            for ranks in Ranks::in_process(count) {
                let (path, requests, expected, teacher) = (&path, &requests, &expected, teacher());
                scope.spawn(move || {
                    let mut done = 0;
                    let written = GenerationRecord::complete(path, &teacher, requests, &ranks, &mut |some| {
                        done += some;
                    });
                    assert_eq!((&written.unwrap(), done), (expected, requests.len()));
                });
            }
        });
        assert_eq!(std::fs::read(&path).unwrap(), whole, "{count} ranks");
    }
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
    // The first line says what it was made of, the last one holds the digest of the rest.
    assert_eq!(bytes.split(|&byte| byte == b'\n').count(), requests.len() + 3);
    // Read anew, the numbers are the same to the last bit.
    let record = GenerationRecord::read(&path).unwrap();
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
    let requests: Vec<GenerationRequest> = requests().into_iter().cycle().take(CHUNK + 40).collect();
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
        // Between the rows of a chunk and the line that ends it.
        (ends[CHUNK] + 1, 0),
        (ends[CHUNK + 1], 0),
        (ends[CHUNK + 1] + 1, CHUNK),
        (within(ends[CHUNK + 1]), CHUNK),
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
fn lines_behind_the_last_whole_chunk_are_neither_read_nor_kept() {
    let place = Workplace::new();
    let checkpoint = place.checkpoint("first");
    let requests: Vec<GenerationRequest> = requests().into_iter().cycle().take(CHUNK + 40).collect();
    let path = place.path("record.jsonl");
    let (written, _) = complete(&path, &checkpoint, &requests);
    let bytes = std::fs::read(&path).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    // A chunk with the line that ends it, and then whole lines of which one is broken and one is another's.
    let changed = lines[CHUNK + 3].replacen("\"confidence\":0.", "\"confidence\":0.9", 1);
    let torn = [&lines[..CHUNK + 3], &[changed.as_str(), "{\"text\": 3}\n"]].concat().concat();
    std::fs::write(&path, torn).unwrap();
    assert_eq!(GenerationRecord::read(&path).unwrap().rows().len(), CHUNK);
    RecordedTeacher::read(&[&path]).unwrap();
    let (again, asked) = complete(&path, &checkpoint, &requests);
    assert_eq!((again == written, asked), (true, 40));
    assert!(std::fs::read(&path).unwrap() == bytes);
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
        let error =
            message(GenerationRecord::complete(&path, &checkpoint, &requests, &Ranks::alone(), &mut |_| {}));
        assert_eq!(std::fs::read(&path).unwrap(), content, "the file is left as it is");
        error
    };
    for empty in [&b""[..], &bytes[..20]] {
        assert!(refused(empty).ends_with("record.jsonl, line 1: the record is empty; delete it"));
    }
    let error = refused([&lines[..2], &["{\"text\": 3}"], &lines[3..], &[""]].concat().join("\n").as_bytes());
    assert!(error.contains("record.jsonl, line 3: "), "{error}");
    let error = refused(b"[]\n");
    assert!(error.contains("record.jsonl, line 1: "), "{error}");
    let mut broken = bytes.clone();
    broken[lines[0].len() + lines[1].len() + 10] = 0xff;
    let error = refused(&broken);
    assert!(error.contains("record.jsonl, line 3: ") && error.contains("utf-8"), "{error}");
}

#[test]
fn changed_number_in_a_record_is_found_by_its_chunk() {
    let place = Workplace::new();
    let checkpoint = place.checkpoint("first");
    let (path, requests) = (place.path("record.jsonl"), requests());
    complete(&path, &checkpoint, &requests);
    let text = std::fs::read_to_string(&path).unwrap();
    // A digit of a probability: the line is still JSON.
    let key = "\"confidence\":0.";
    let digit = text.find(key).unwrap() + key.len();
    let other = if text[digit..].starts_with('1') { "2" } else { "1" };
    let changed = format!("{}{other}{}", &text[..digit], &text[digit + 1..]);
    std::fs::write(&path, &changed).unwrap();
    for error in [
        message(GenerationRecord::complete(&path, &checkpoint, &requests, &Ranks::alone(), &mut |_| {})),
        message(RecordedTeacher::read(&[&path])),
    ] {
        assert!(error.contains("record.jsonl") && error.contains("not those that were written"), "{error}");
    }
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
    let shorter = GenerationConfig { max_new_tokens: 9, ..GenerationConfig::greedy(16) };
    let cases = [
        (place.checkpoint("second"), &requests, "weights"),
        (checkpoint.clone(), &turned, "data"),
        (checkpoint.with_generation(shorter), &requests, "settings"),
    ];
    for (teacher, requests, expected) in &cases {
        let error =
            GenerationRecord::complete(&path, teacher, requests, &Ranks::alone(), &mut |_| {}).unwrap_err();
        assert!(matches!(&error, TeacherError::Stale { part, .. } if part == expected), "{error}");
        assert!(
            error.to_string().contains(&format!("made with other {expected}; delete the file")),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "the file is left as it is");
    }
}

#[test]
fn requests_differ_by_text_and_language() {
    let place = Workplace::new();
    let checkpoint = place.checkpoint("first");
    let data = |requests: &[GenerationRequest]| Fingerprint::of(&checkpoint, requests).data;
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
        PipelineOptions { n_best: 2, ..options.clone() },
        PipelineOptions { max_new_tokens: 11, ..options.clone() },
        PipelineOptions { min_confidence: 0.1, ..options.clone() },
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
    let recorded = RecordedTeacher::read(&[&path]).unwrap();
    assert_eq!(write(&recorded, &requests), written);
    // In any order, and as often as asked.
    let some = [requests[9].clone(), requests[3].clone(), requests[9].clone()];
    assert_eq!(write(&recorded, &some), [written[9].clone(), written[3].clone(), written[9].clone()]);
    assert_eq!(recorded.weights_digest(), pipeline.weights_digest());
    assert_eq!(recorded.generation_settings(), pipeline.generation_settings());
    assert_eq!(recorded.size(), (0, 0));
    assert!(recorded.outline().is_none() && recorded.tokenizer().is_none());
    let other = if requests[0].language == "en" { "hi" } else { "en" };
    for unknown in [request("dddd", "en"), request(&requests[0].text, other)] {
        let error = message(recorded.generate(&[requests[0].clone(), unknown.clone()], &mut |_| {}));
        let expected = format!("nothing is recorded for `{}` into {}", unknown.text, unknown.language);
        assert!(error.ends_with(&expected), "{error}");
    }
    let forced = TeacherForcing { sources: &requests[..1], target: None, min_length: 0 };
    let error = recorded.trace(forced.into(), &TapSelection::nothing()).unwrap_err();
    assert!(matches!(error, TeacherError::NoTaps), "{error}");
    assert!(message(RecordedTeacher::read(&[place.path("nothing.jsonl")])).contains("nothing.jsonl"));
}

#[test]
fn several_records_are_one_teacher_if_it_wrote_them_all() {
    let place = Workplace::new();
    let options = chain(&[("first", "en"), ("second", "target")]);
    let (pipeline, requests) = (place.pipeline(&options), requests());
    let paths = ["train.jsonl", "validation.jsonl"].map(|name| place.path(name));
    let halves = requests.split_at(requests.len() / 2);
    let written =
        [complete(&paths[0], &pipeline, halves.0).0, complete(&paths[1], &pipeline, halves.1).0].concat();
    assert_eq!(write(&RecordedTeacher::read(&paths).unwrap(), &requests), written);
    // One of them does not hold the other half.
    assert!(RecordedTeacher::read(&paths[..1]).unwrap().generate(halves.1, &mut |_| {}).is_err());

    let other = place.path("other.jsonl");
    complete(&other, &place.pipeline(&PipelineOptions { beam: 3, ..options }), halves.1);
    let error = message(RecordedTeacher::read(&[&paths[0], &other]));
    assert!(error.contains("other.jsonl") && error.contains("settings"), "{error}");
    assert!(message(RecordedTeacher::read::<PathBuf>(&[])).contains("needs a record"));
}
