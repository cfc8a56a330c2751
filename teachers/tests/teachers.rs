//! Checkpoints and pipelines, over tiny random models.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use crate::common::{Workplace, chain, largest_difference, message, request, requests, write, write_model};
use alambic_models::architecture::Batch;
use alambic_models::text_encoder::TextInput;
use alambic_models::{GenerationConfig, Pass, TapSelection, Tokens, Trace};
use alambic_teachers::{Candidate, GenerativeTeacher, Pipeline, PipelineOptions, Teacher, TeacherForcing};

#[test]
fn a_checkpoint_writes_what_its_model_does() {
    let place = Workplace::new();
    let generation = GenerationConfig { beam: 3, ..GenerationConfig::greedy(9) };
    let checkpoint = place.checkpoint("first").with_generation(generation.clone());
    let tokenizer = checkpoint.tokenizer().unwrap();
    let padding = checkpoint.pipeline().config().padding();
    let requests = requests();
    let written = write(&checkpoint, &requests);
    let mut different = std::collections::HashSet::new();
    for (request, written) in requests.iter().zip(&written).step_by(7) {
        let ids = tokenizer.encode_for(&request.text, &request.language).unwrap();
        let hypotheses = generation
            .run(checkpoint.pipeline().network().as_translator().unwrap(), &Tokens::pad(&[ids], padding))
            .unwrap()
            .remove(0);
        let best = &hypotheses[0];
        let dropped = match (best.finished, best.tokens.is_empty()) {
            (false, _) => Some("longer than the limit"),
            (true, true) => Some("empty"),
            (true, false) => None,
        };
        assert_eq!(written.dropped.as_deref(), dropped);
        assert!((written.confidence - f64::from(best.score(1.0)).exp()).abs() < 1e-4);
        assert!(written.intermediate.is_empty());
        assert_eq!(written.last_step_source(&request.text), request.text);
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
    assert!(checkpoint.generate(&[], &mut |_| {}).unwrap().is_empty());
}

#[test]
fn a_checkpoint_names_languages_and_texts_that_it_cannot_take() {
    let place = Workplace::new();
    let checkpoint = place.checkpoint("first");
    let error = message(checkpoint.generate(&[request("ab", "en"), request("ab", "xx")], &mut |_| {}));
    assert!(error.contains("the model does not write `xx`; it writes en, hi, ta"), "{error}");
    let long = [request(&"a".repeat(15), "en"), request("ab", "en")];
    let reason = Some("the source is too long to be read");
    for teacher in [&checkpoint as &dyn Teacher, &place.pipeline(&chain(&[("first", "target")]))] {
        let written = write(teacher, &long);
        assert_eq!(written[0].dropped.as_deref(), reason);
        assert!(written[0].candidates.is_empty() && written[1].dropped.as_deref() != reason);
    }
    assert!(message(GenerativeTeacher::load(&place.path("nothing"))).contains("config.json"));
}

#[test]
fn checkpoints_differ_by_their_digests() {
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
    let trace = |target, min_length, names: &[&str]| {
        let forced = TeacherForcing { sources: &sources, target, min_length };
        checkpoint.trace(forced.into(), &TapSelection::named(names.iter().copied())).unwrap()
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
    let forced = TeacherForcing { sources: &sources, target: None, min_length: 0 };
    let error = message(checkpoint.trace(forced.into(), &TapSelection::named(["logits"])));
    assert!(error.contains("`logits` needs `decoder_input_ids`"), "{error}");
    // Every tap that the outline names is there to be read.
    let outline = checkpoint.outline().unwrap().clone();
    let forced = TeacherForcing { sources: &sources, target: Some(&target), min_length: 0 };
    let all = checkpoint.trace(forced.into(), &TapSelection::All).unwrap();
    let (mut expected, mut found) = (outline.taps(), names(&all));
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// What one step makes of a text, worked out with the model alone: the best text, its log-probability and number of
/// tokens, and why the row is dropped.
fn by_hand(
    checkpoint: &GenerativeTeacher,
    text: &str,
    language: &str,
) -> (Vec<Candidate>, f64, usize, Option<&'static str>) {
    let generation = GenerationConfig { beam: 2, ..GenerationConfig::greedy(10) };
    let tokenizer = checkpoint.tokenizer().unwrap();
    let padding = checkpoint.pipeline().config().padding();
    let ids = tokenizer.encode_for(text, language).unwrap();
    let source = Tokens::pad(&[ids], padding);
    let hypotheses =
        generation.run(checkpoint.pipeline().network().as_translator().unwrap(), &source).unwrap().remove(0);
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
    let options = PipelineOptions { n_best: 2, ..chain(&[("first", "en"), ("second", "target")]) };
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
    let min_confidence = confidences[confidences.len() / 2];
    let strict = write(&place.pipeline(&PipelineOptions { min_confidence, ..options }), &requests);
    let mut dropped = 0;
    for (free, strict) in free.iter().zip(&strict) {
        assert_eq!(free.confidence, strict.confidence);
        if free.dropped.is_none() && free.confidence < min_confidence {
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
    let forced = TeacherForcing { sources: &sources, target: None, min_length: 0 };
    let wanted = TapSelection::named(["encoder.hidden.2"]);
    let found = pipeline.trace(forced.into(), &wanted).unwrap();
    let source = Tokens::pad(&[second.tokenizer().unwrap().encode_for("ab", "ta").unwrap()], 0);
    let batch = Batch { text: Some(TextInput::new(source)), ..Batch::default() };
    let expected = second.pipeline().network().forward(&batch, Pass::Evaluate, wanted).unwrap();
    let states = |trace: &Trace| trace.get("encoder.hidden.2").unwrap().clone();
    assert_eq!(largest_difference(&states(&found), &states(&expected)), 0.0);
}
