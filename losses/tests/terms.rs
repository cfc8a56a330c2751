//! Every loss term on small traces whose values can be worked out by hand, and on what PyTorch computed.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use alambic_losses::recorded::parse;
use alambic_losses::{
    Comparison, CrossEntropy, EncoderMatch, Inputs, LossError, LossTerm, Positions, Sequence, TargetKind,
    Targets, Temperature, Term, Weight, WordLevel,
};
use alambic_models::{Outline, Stream, TapSelection, Trace};
use alambic_settings::AddedKinds;
use alambic_tensor::candle::{DType, Device, Tensor, Var};
use alambic_tensor::gradients::backward;
use alambic_tensor::parameters::{Weights, load};

const TOLERANCE: f64 = 1e-6;

fn outline(layers: usize, width: usize, vocabulary: usize) -> Outline {
    let streams = [("encoder".to_owned(), Stream::new(layers, width, 1))];
    Outline { streams: streams.into_iter().collect(), classes: vocabulary, ..Outline::default() }
}

fn variable<S: Into<alambic_tensor::candle::Shape>>(values: &[f32], shape: S) -> Var {
    Var::from_tensor(&Tensor::from_vec(values.to_vec(), shape, &Device::Cpu).unwrap()).unwrap()
}

fn trace(tap: &str, tensor: &Tensor, mask: &[u8]) -> Trace {
    let mut trace = Trace::new(TapSelection::All);
    trace.record(tap, tensor);
    trace.record_mask("encoder", &Arc::new(mask.to_vec()));
    trace
}

fn targets(tokens: &[u32], labelled: &[f32], teacher_mask: &[f32]) -> Targets {
    Targets {
        classes: Arc::new(tokens.to_vec()),
        labelled: Arc::new(labelled.to_vec()),
        teacher_mask: Arc::new(teacher_mask.to_vec()),
        teacher_written: Arc::new(teacher_mask.to_vec()),
        ..Targets::default()
    }
}

fn no_targets() -> Targets {
    targets(&[], &[], &[])
}

fn loss(
    term: &Term,
    student: &Trace,
    teacher: Option<&Trace>,
    targets: &Targets,
) -> Result<Tensor, LossError> {
    term.loss(&Inputs {
        student,
        teacher,
        targets,
        projections: &Weights::new(),
        ranks: None,
        progress: 1.0,
        step: None,
    })
}

fn value(tensor: &Tensor) -> f64 {
    f64::from(tensor.to_scalar::<f32>().unwrap())
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= TOLERANCE, "{found} is not {expected}");
}

fn message<T>(result: Result<T, LossError>) -> String {
    result.err().unwrap().to_string()
}

/// Two sequences of three tokens, the last of each padding: the first is a label of the data, the second was written
/// by a teacher. Logits are logarithms of probabilities, but for the padding's, and its targets are no classes.
fn two_sequences() -> (Var, Targets) {
    let probabilities: [[f32; 3]; 4] = [[0.5, 0.25, 0.25], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.6, 0.1, 0.3]];
    let rows = [Some(0), Some(1), None, Some(2), Some(3), None];
    let logits: Vec<f32> = rows
        .iter()
        .flat_map(|row| row.map_or([70.0, -30.0, 8.0], |row: usize| probabilities[row].map(f32::ln)))
        .collect();
    let targets =
        targets(&[0, 2, 99, 1, 1, 99], &[1.0, 1.0, 0.0, 0.0, 0.0, 0.0], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
    (variable(&logits, (2, 3, 3)), targets)
}

/// The rows of logits whose gradient is not zero.
fn reached(loss: &Tensor, logits: &Var) -> Vec<usize> {
    let gradients = backward(loss).unwrap();
    let gradient = values(gradients.get(logits.as_tensor()).unwrap());
    let rows = gradient.chunks(logits.dims()[2]).enumerate();
    rows.filter(|(_, row)| row.iter().any(|value| *value != 0.0)).map(|(index, _)| index).collect()
}

#[test]
fn cross_entropy_counts_labels_alone() {
    let (logits, targets) = two_sequences();
    let term = CrossEntropy { weight: Weight::from(3.0), label_smoothing: 0.0 }
        .bind(&outline(1, 2, 3), None)
        .unwrap();
    assert_eq!((term.name, term.weight), ("cross-entropy", 3.0.into()));
    assert_eq!(term.student_taps, ["logits"]);
    assert!(term.teacher_taps.is_empty() && term.projections.is_empty() && !term.equal_lengths);
    let loss = loss(&term, &trace("logits", &logits, &[]), None, &targets).unwrap();
    // The weight is applied by whoever adds the terms.
    assert_close(value(&loss), -(0.5f64.ln() + 0.5f64.ln()) / 2.0);
    assert_eq!(reached(&loss, &logits), [0, 1]);
}

#[test]
fn sequence_counts_what_the_teacher_wrote_alone() {
    let (logits, targets) = two_sequences();
    let outline = outline(1, 2, 3);
    let options = Sequence { weight: Weight::from(1.0), label_smoothing: 0.0 };
    let term = options.bind(&outline, Some(&outline)).unwrap();
    assert_eq!(term.name, "sequence");
    assert_eq!(term.student_taps, ["logits"]);
    assert!(term.teacher_taps.is_empty(), "what the teacher wrote is among the targets");
    let loss = loss(&term, &trace("logits", &logits, &[]), None, &targets).unwrap();
    assert_close(value(&loss), -(0.8f64.ln() + 0.1f64.ln()) / 2.0);
    assert_eq!(reached(&loss, &logits), [3, 4]);
    assert_eq!(
        message(options.bind(&outline, None)),
        "the loss `sequence` needs a teacher: name one with `teacher` in the stage"
    );
}

#[test]
fn label_smoothing_spreads_its_share_over_all_classes() {
    let (logits, targets) = two_sequences();
    let outline = outline(1, 2, 3);
    let of = |row: [f64; 3], target: usize| {
        let even: f64 = row.iter().map(|probability| probability.ln()).sum::<f64>() / 3.0;
        -(0.9 * row[target].ln() + 0.1 * even)
    };
    let labels =
        CrossEntropy { weight: Weight::from(1.0), label_smoothing: 0.1 }.bind(&outline, None).unwrap();
    let written =
        Sequence { weight: Weight::from(1.0), label_smoothing: 0.1 }.bind(&outline, Some(&outline)).unwrap();
    let student = trace("logits", &logits, &[]);
    let expected = f64::midpoint(of([0.5, 0.25, 0.25], 0), of([0.2, 0.3, 0.5], 2));
    assert_close(value(&loss(&labels, &student, None, &targets).unwrap()), expected);
    let expected = f64::midpoint(of([0.1, 0.8, 0.1], 1), of([0.6, 0.1, 0.3], 1));
    assert_close(value(&loss(&written, &student, None, &targets).unwrap()), expected);
}

#[test]
fn a_batch_without_rows_of_a_kind_adds_nothing() {
    let (logits, mut targets) = two_sequences();
    targets.labelled = Arc::new(vec![0.0; 6]);
    targets.teacher_mask = targets.labelled.clone();
    targets.teacher_written = targets.labelled.clone();
    let outline = outline(1, 2, 3);
    let student = trace("logits", &logits, &[]);
    let terms = [
        CrossEntropy { weight: Weight::from(1.0), label_smoothing: 0.1 }.bind(&outline, None),
        Sequence { weight: Weight::from(1.0), label_smoothing: 0.1 }.bind(&outline, Some(&outline)),
        WordLevel {
            weight: Weight::from(1.0),
            temperature: Temperature::from(2.0),
            squared_temperature: true,
        }
        .bind(&outline, Some(&outline)),
    ];
    for term in terms {
        let loss = loss(&term.unwrap(), &student, Some(&student), &targets).unwrap();
        assert_eq!(value(&loss), 0.0);
        assert!(reached(&loss, &logits).is_empty());
    }
}

#[test]
fn a_trace_without_the_tap_is_named() {
    let outline = outline(1, 2, 3);
    let (logits, targets) = two_sequences();
    let (empty, full) = (Trace::new(TapSelection::All), trace("logits", &logits, &[]));
    let term = CrossEntropy { weight: Weight::from(1.0), label_smoothing: 0.0 }.bind(&outline, None).unwrap();
    let error = message(loss(&term, &empty, None, &targets));
    assert_eq!(error, "the trace of the student holds no `logits`");
    let options = WordLevel {
        weight: Weight::from(1.0),
        temperature: Temperature::from(1.0),
        squared_temperature: true,
    };
    let term = options.bind(&outline, Some(&outline)).unwrap();
    for teacher in [None, Some(&empty)] {
        let error = message(loss(&term, &full, teacher, &targets));
        assert_eq!(error, "the trace of the teacher holds no `logits`");
    }
}

#[test]
fn word_level_is_zero_where_the_distributions_agree() {
    let (logits, targets) = two_sequences();
    let outline = outline(1, 2, 3);
    let shifted = (logits.as_tensor() + 5.0).unwrap();
    for temperature in [0.5, 1.0, 4.0] {
        let options = WordLevel {
            weight: Weight::from(1.0),
            temperature: Temperature::from(temperature),
            squared_temperature: true,
        };
        let term = options.bind(&outline, Some(&outline)).unwrap();
        assert_eq!(term.student_taps, ["logits"]);
        assert_eq!(term.teacher_taps, ["logits"]);
        let (student, teacher) = (trace("logits", &logits, &[]), trace("logits", &shifted, &[]));
        let loss = loss(&term, &student, Some(&teacher), &targets).unwrap();
        assert!(value(&loss).abs() < 1e-5, "{}", value(&loss));
    }
}

#[test]
fn word_level_of_two_classes_with_and_without_the_squared_temperature() {
    // Rows: a label, two that the teacher wrote, padding.
    let student = variable(&[9.0, -9.0, 1.0, 0.0, -2.0, 0.0, 50.0, 0.0], (1, 4, 2));
    let teacher = variable(&[-9.0, 9.0, 3.0, 0.0, 1.0, 0.0, 0.0, 50.0], (1, 4, 2));
    let targets = targets(&[0; 4], &[1.0, 0.0, 0.0, 0.0], &[0.0, 1.0, 1.0, 0.0]);
    let outline = outline(1, 2, 2);
    let of = |teacher: f64, student: f64| {
        let (p, q) = (1.0 / (1.0 + (-teacher / 2.0).exp()), 1.0 / (1.0 + (-student / 2.0).exp()));
        p * (p / q).ln() + (1.0 - p) * ((1.0 - p) / (1.0 - q)).ln()
    };
    let expected = f64::midpoint(of(3.0, 1.0), of(1.0, -2.0));
    for (squared_temperature, factor) in [(false, 1.0), (true, 4.0)] {
        let options =
            WordLevel { weight: Weight::from(1.0), temperature: Temperature::from(2.0), squared_temperature };
        let term = options.bind(&outline, Some(&outline)).unwrap();
        let (read, of_teacher) = (trace("logits", &student, &[]), trace("logits", &teacher, &[]));
        let loss = loss(&term, &read, Some(&of_teacher), &targets).unwrap();
        assert_close(value(&loss), factor * expected);
        assert_eq!(reached(&loss, &student), [1, 2]);
        assert!(backward(&loss).unwrap().get(teacher.as_tensor()).is_none(), "the teacher is not trained");
    }
}

#[test]
fn word_level_needs_a_teacher_with_the_same_vocabulary() {
    let options = WordLevel {
        weight: Weight::from(1.0),
        temperature: Temperature::from(1.0),
        squared_temperature: true,
    };
    assert!(message(options.bind(&outline(1, 2, 3), None)).contains("`word-level` needs a teacher"));
    assert_eq!(
        message(options.bind(&outline(1, 2, 3), Some(&outline(1, 2, 4)))),
        "the loss `word-level` does not fit: the student has 3 tokens and the teacher 4; use the teacher's \
         tokenizer for the student"
    );
}

/// States of width two: three positions of a student and two of a teacher, for two sources. The student's second
/// source has one token, the teacher's second too.
fn states() -> (Var, Var) {
    let student = variable(&[1.0, 0.0, 0.0, 1.0, 2.0, 2.0, 2.0, 0.0, 9.0, 9.0, 9.0, 9.0], (2, 3, 2));
    let teacher = variable(&[0.0, 1.0, 0.0, 2.0, 1.0, 1.0, 7.0, 7.0], (2, 2, 2));
    (student, teacher)
}

const STUDENT_MASK: [u8; 6] = [1, 1, 1, 1, 0, 0];
const TEACHER_MASK: [u8; 4] = [1, 1, 1, 0];

fn encoder_match(positions: Positions, comparison: Comparison) -> EncoderMatch {
    EncoderMatch { weight: Weight::from(1.0), positions, comparison }
}

/// The value of the term over [`states`], the student's cut to `length` positions.
fn matched(positions: Positions, comparison: Comparison, length: usize) -> Result<f64, LossError> {
    let (student, teacher) = states();
    let mask: Vec<u8> = STUDENT_MASK.chunks(3).flat_map(|row| row[..length].to_vec()).collect();
    let student = trace("encoder.hidden.3", &student.narrow(1, 0, length).unwrap(), &mask);
    let teacher = trace("encoder.hidden.6", &teacher, &TEACHER_MASK);
    let term = encoder_match(positions, comparison).bind(&outline(3, 2, 5), Some(&outline(6, 2, 7)))?;
    Ok(value(&loss(&term, &student, Some(&teacher), &no_targets())?))
}

#[test]
fn encoder_match_binds_to_the_last_hidden_states() {
    let binding = |positions, student: usize, teacher: usize| {
        let options = encoder_match(positions, Comparison::Cosine);
        options.bind(&outline(3, student, 5), Some(&outline(6, teacher, 7))).unwrap()
    };
    let term = binding(Positions::Masked, 2, 2);
    assert_eq!(term.student_taps, ["encoder.hidden.3"]);
    assert_eq!(term.teacher_taps, ["encoder.hidden.6"]);
    assert!(term.projections.is_empty(), "equal widths need none");
    let projection = binding(Positions::Pooled, 2, 3).projections.remove(0);
    assert_eq!((projection.inputs, projection.outputs), (2, 3));
    assert_eq!(projection.name, "encoder-match.projection");
    let equal = [Positions::Masked, Positions::FixedLength, Positions::Pooled]
        .map(|positions| binding(positions, 2, 2).equal_lengths);
    assert_eq!(equal, [false, true, false]);
}

/// One minus the cosine of vectors at an angle of 45 degrees.
const DIAGONAL: f64 = 1.0 - std::f64::consts::FRAC_1_SQRT_2;

#[test]
fn masked_compares_where_both_have_a_token() {
    // The third position of the first source, where the student alone has a token, is left out.
    for length in [2, 3] {
        let found = matched(Positions::Masked, Comparison::MeanSquaredError, length).unwrap();
        assert_close(found, (1.0 + 0.5 + 1.0) / 3.0);
        let found = matched(Positions::Masked, Comparison::Cosine, length).unwrap();
        assert_close(found, (1.0 + 0.0 + DIAGONAL) / 3.0);
    }
}

#[test]
fn fixed_length_compares_padding_too() {
    let found = matched(Positions::FixedLength, Comparison::MeanSquaredError, 2).unwrap();
    assert_close(found, (1.0 + 0.5 + 1.0 + 4.0) / 4.0);
    let found = matched(Positions::FixedLength, Comparison::Cosine, 2).unwrap();
    assert_close(found, (1.0 + 0.0 + DIAGONAL + 0.0) / 4.0);
    assert_eq!(
        message(matched(Positions::FixedLength, Comparison::Cosine, 3)),
        "the loss `encoder-match` does not fit: sources are padded to 3 and 2 tokens; fixed-length needs one length"
    );
}

#[test]
fn pooled_compares_the_means_over_tokens() {
    // Means: the student's (1, 1) and (2, 0), the teacher's (0, 1.5) and (1, 1).
    let found = matched(Positions::Pooled, Comparison::MeanSquaredError, 3).unwrap();
    assert_close(found, f64::midpoint(1.25 / 2.0, 1.0));
    let found = matched(Positions::Pooled, Comparison::Cosine, 3).unwrap();
    assert_close(found, DIAGONAL);
    // Cut to two positions, the student's first mean is (0.5, 0.5).
    let found = matched(Positions::Pooled, Comparison::MeanSquaredError, 2).unwrap();
    assert_close(found, f64::midpoint(f64::midpoint(0.25, 1.0), 1.0));
}

#[test]
fn the_projection_and_the_student_are_trained_and_the_teacher_is_not() {
    let student = variable(&[1.0, 2.0, 8.0, 8.0], (1, 2, 2));
    let teacher = variable(&[1.0, 2.0, 3.0], (1, 1, 3));
    let weight = variable(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], (3, 2));
    let bias = variable(&[0.0, 0.0, 0.5], 3);
    let projections: Weights = [("weight", &weight), ("bias", &bias)]
        .into_iter()
        .map(|(part, variable)| (format!("encoder-match.projection.{part}"), variable.as_tensor().clone()))
        .collect();
    let options = encoder_match(Positions::Masked, Comparison::MeanSquaredError);
    let term = options.bind(&outline(1, 2, 5), Some(&outline(1, 3, 5))).unwrap();
    let (read, of_teacher) =
        (trace("encoder.hidden.1", &student, &[1, 0]), trace("encoder.hidden.1", &teacher, &[1]));
    let targets = no_targets();
    let inputs = Inputs {
        student: &read,
        teacher: Some(&of_teacher),
        targets: &targets,
        projections: &projections,
        ranks: None,
        progress: 1.0,
        step: None,
    };
    let loss = term.loss(&inputs).unwrap();
    // The projected state is (1, 2, 3.5).
    assert_close(value(&loss), 0.25 / 3.0);
    let gradients = backward(&loss).unwrap();
    let third = 1.0 / 3.0;
    for (variable, expected) in [
        (&student, vec![third, third, 0.0, 0.0]),
        (&weight, vec![0.0, 0.0, 0.0, 0.0, third, 2.0 * third]),
        (&bias, vec![0.0, 0.0, third]),
    ] {
        let found = values(gradients.get(variable.as_tensor()).unwrap());
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
    }
    assert!(gradients.get(teacher.as_tensor()).is_none());
    let none = Weights::new();
    let error = message(term.loss(&Inputs { projections: &none, ..inputs }));
    assert_eq!(error, "the trace of the student holds no `encoder-match.projection.weight`");
}

#[test]
fn encoder_match_needs_encoders_masks_and_a_teacher() {
    let options = encoder_match(Positions::Masked, Comparison::Cosine);
    let outline = outline(1, 2, 5);
    assert_eq!(
        message(options.bind(&outline, None)),
        "the loss `encoder-match` needs a teacher: name one with `teacher` in the stage"
    );
    for (student, teacher, side) in
        [(&Outline::default(), &outline, "student"), (&outline, &Outline::default(), "teacher")]
    {
        let error = message(options.bind(student, Some(teacher)));
        assert!(error.contains(&format!("the {side} has no stream `encoder`")), "{error}");
    }
    let term = options.bind(&outline, Some(&outline)).unwrap();
    let states = variable(&[1.0, 2.0], (1, 1, 2));
    let masked = trace("encoder.hidden.1", &states, &[1]);
    let mut unmasked = Trace::new(TapSelection::All);
    unmasked.record("encoder.hidden.1", &states);
    for (student, teacher, side) in [(&unmasked, &masked, "student"), (&masked, &unmasked, "teacher")] {
        let error = message(loss(&term, student, Some(teacher), &no_targets()));
        assert!(error.contains(&format!("the trace of the {side} does not show which tokens")), "{error}");
        assert!(error.contains("`encoder_attention_mask` or `attention_mask`"), "{error}");
    }
}

#[test]
fn zero_vectors_have_a_finite_cosine_and_gradient() {
    let options = encoder_match(Positions::FixedLength, Comparison::Cosine);
    let outline = outline(1, 2, 5);
    let term = options.bind(&outline, Some(&outline)).unwrap();
    let (zero, teacher) = (variable(&[0.0, 0.0], (1, 1, 2)), variable(&[1.0, 2.0], (1, 1, 2)));
    let (read, of_teacher) =
        (trace("encoder.hidden.1", &zero, &[0]), trace("encoder.hidden.1", &teacher, &[0]));
    let loss = loss(&term, &read, Some(&of_teacher), &no_targets()).unwrap();
    assert_eq!(value(&loss), 1.0);
    let gradients = backward(&loss).unwrap();
    assert!(values(gradients.get(zero.as_tensor()).unwrap()).iter().all(|value| value.is_finite()));
}

/// What PyTorch computed, recorded beside the tests of the tensor crate.
#[test]
fn values_and_gradients_agree_with_pytorch() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tensor/tests/golden/ops.safetensors");
    let golden = load(path.as_ref()).unwrap();
    let word_level = |squared_temperature| {
        let outline = outline(1, 6, 9);
        let options =
            WordLevel { weight: Weight::from(1.0), temperature: Temperature::from(2.0), squared_temperature };
        options.bind(&outline, Some(&outline)).unwrap()
    };
    let encoder = |comparison| {
        let outline = outline(1, 6, 9);
        encoder_match(Positions::Masked, comparison).bind(&outline, Some(&outline)).unwrap()
    };
    for (case, tap, term) in [
        ("kl", "logits", word_level(false)),
        ("kl_squared", "logits", word_level(true)),
        ("mean_squared_error", "encoder.hidden.1", encoder(Comparison::MeanSquaredError)),
        ("cosine_distance", "encoder.hidden.1", encoder(Comparison::Cosine)),
    ] {
        let get = |part: &str| golden.get(&format!("{case}.{part}")).unwrap();
        let mask: Vec<u8> = get("mask").flatten_all().unwrap().to_vec1().unwrap();
        let teacher_mask: Vec<f32> = mask.iter().map(|&counted| f32::from(counted)).collect();
        let targets = targets(&vec![0; mask.len()], &vec![0.0; mask.len()], &teacher_mask);
        let student = Var::from_tensor(get("student")).unwrap();
        let (read, given) = (trace(tap, &student, &mask), trace(tap, get("teacher"), &mask));
        let loss = loss(&term, &read, Some(&given), &targets).unwrap();
        assert_close(value(&loss), value(&get("output").to_dtype(DType::F32).unwrap()));
        let gradients = backward(&(loss * get("upstream")).unwrap()).unwrap();
        let (found, expected) =
            (values(gradients.get(student.as_tensor()).unwrap()), values(get("grad.student")));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 2e-6, "{case}: {found} is not {expected}");
        }
    }
}

#[test]
fn unlabelled_questions_do_not_count() {
    let outline = outline(1, 2, 2);
    let term = alambic_losses::BinaryCrossEntropy { weight: Weight::from(1.0) }.bind(&outline, None).unwrap();
    let logits = variable(&[0.5, -1.0, 2.0, 0.25], (2, 2));
    let student = trace("logits", logits.as_tensor(), &[1, 1]);
    let scored = |scores: &[f32], scored: &[f32]| {
        let targets = Targets {
            scores: Arc::new(scores.to_vec()),
            scored: Arc::new(scored.to_vec()),
            ..Targets::default()
        };
        value(&loss(&term, &student, None, &targets).unwrap())
    };
    let first = scored(&[1.0, 0.0, 0.0, 0.0], &[1.0, 0.0]);
    let alone = (1.0 + (-0.5f64).exp()).ln() + (1.0 + (-1.0f64).exp()).ln();
    assert!((first - alone).abs() < TOLERANCE, "{first} and {alone}");
    assert!((scored(&[1.0, 0.0, 1.0, 1.0], &[1.0, 0.0]) - first).abs() < TOLERANCE);
    assert!(scored(&[1.0, 0.0, 1.0, 1.0], &[0.0, 0.0]).abs() < TOLERANCE);
    assert!(
        (scored(&[1.0, 0.0, 1.0, 1.0], &[1.0, 1.0]) - scored(&[1.0, 0.0, 1.0, 1.0], &[])).abs() < TOLERANCE
    );
}

#[test]
fn bound_terms_name_their_targets() {
    let outline = Outline { classes: 3, ..Outline::default() };
    let bind = |name: &str| {
        let loss = parse(name, &[], &AddedKinds::default()).unwrap().unwrap();
        loss.inner().bind(&outline, Some(&outline)).unwrap()
    };
    for (name, targets) in [
        ("cross-entropy", &[TargetKind::Classes][..]),
        ("binary-cross-entropy", &[TargetKind::Scores]),
        ("sequence", &[TargetKind::TeacherText]),
        ("word-level", &[TargetKind::TeacherText]),
        ("decoupled", &[TargetKind::Classes]),
        ("logits", &[]),
    ] {
        let term = bind(name);
        assert_eq!(term.targets, targets, "{name}");
    }
}
