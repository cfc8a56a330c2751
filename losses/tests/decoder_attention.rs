//! Attention of a decoder to patches on small traces whose values can be worked out by hand.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::sync::Arc;

use alambic_losses::recorded::parse;
use alambic_losses::{Inputs, LossError, Targets, Term};
use alambic_models::{Outline, Stream, TapSelection, Trace};
use alambic_settings::AddedKinds;
use alambic_tensor::candle::{Device, Tensor, Var};
use alambic_tensor::gradients::backward;
use alambic_tensor::parameters::Weights;

/// A model that writes about images, with so many layers and heads of its decoder.
fn outline(layers: usize, heads: usize) -> Outline {
    let streams = [
        ("encoder", Stream::new(2, 4, heads)),
        ("encoder.image", Stream { attention: (0, &[]), ..Stream::new(2, 4, heads) }),
        ("cross", Stream { hidden: false, ..Stream::new(layers, 4, heads) }),
    ];
    let streams = streams.map(|(name, stream)| (name.to_owned(), stream));
    Outline { streams: streams.into_iter().collect(), ..Outline::default() }
}

fn bind(options: &[&str], student: &Outline, teacher: &Outline) -> Result<Term, LossError> {
    let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
    let loss = parse("cross-attention", &options, &AddedKinds::default()).unwrap().unwrap();
    loss.inner().bind(student, Some(teacher))
}

/// Scores `[batch, 1, tokens, 3]` of two patches and one token of a prompt.
fn trace(tap: &str, scores: &Tensor, decoder: &[u8], patches: &[u8]) -> Trace {
    let mut trace = Trace::new(TapSelection::All);
    trace.record(tap, scores);
    trace.record_mask("decoder", &Arc::new(decoder.to_vec()));
    trace.record_mask("encoder.image", &Arc::new(patches.to_vec()));
    trace
}

fn loss(term: &Term, student: &Trace, teacher: &Trace) -> Result<Tensor, LossError> {
    let targets = Targets::default();
    term.loss(&Inputs {
        student,
        teacher: Some(teacher),
        targets: &targets,
        projections: &Weights::new(),
        ranks: None,
        progress: 1.0,
        step: None,
    })
}

fn value(tensor: &Tensor) -> f64 {
    f64::from(tensor.to_scalar::<f32>().unwrap())
}

const PART: &[&str] = &["parts=[\"decoder-to-image\"]"];

/// Scores of one text of two tokens: the logarithms of weights, so that shares of the patches are read off.
fn scores(weights: [[f32; 3]; 2]) -> Tensor {
    let logarithms: Vec<f32> = weights.iter().flatten().map(|weight| weight.ln()).collect();
    Tensor::from_vec(logarithms, (1, 1, 2, 3), &Device::Cpu).unwrap()
}

#[test]
fn divergence_is_over_patches_alone_and_a_mean_over_tokens() {
    let term = bind(PART, &outline(1, 1), &outline(1, 1)).unwrap();
    // The prompt's weight differs and does not count: among the patches the teacher has shares 3/4 and 1/4, then a half each.
    let student = scores([[1.0, 1.0, 7.0], [1.0, 1.0, 1.0]]);
    let teacher = scores([[3.0, 1.0, 0.1], [2.0, 2.0, 9.0]]);
    let of = |tensor: &Tensor, decoder: &[u8]| trace("cross.scores.0", tensor, decoder, &[1, 1]);
    let first = 0.75f64 * (0.75f64 / 0.5).ln() + 0.25 * (0.25f64 / 0.5).ln();
    let both = value(&loss(&term, &of(&student, &[1, 1]), &of(&teacher, &[1, 1])).unwrap());
    assert!((both - first / 2.0).abs() < 1e-6, "{both}");
    // A token that is padding is left out of the mean.
    let one = value(&loss(&term, &of(&student, &[1, 0]), &of(&teacher, &[1, 0])).unwrap());
    assert!((one - first).abs() < 1e-6, "{one}");
}

#[test]
fn patch_that_is_padding_has_no_share() {
    let term = bind(PART, &outline(1, 1), &outline(1, 1)).unwrap();
    let student = scores([[1.0, 5.0, 7.0], [1.0, 1.0, 1.0]]);
    let teacher = scores([[3.0, 1.0, 0.1], [2.0, 8.0, 9.0]]);
    let of = |tensor: &Tensor| trace("cross.scores.0", tensor, &[1, 1], &[1, 0]);
    let left = value(&loss(&term, &of(&student), &of(&teacher)).unwrap());
    assert!(left.abs() < 1e-6, "{left}");
}

#[test]
fn gradient_is_that_of_differences() {
    let term = bind(PART, &outline(1, 1), &outline(1, 1)).unwrap();
    let teacher = scores([[3.0, 1.0, 0.1], [2.0, 5.0, 9.0]]);
    let start = [0.3f32, -0.2, 0.5, 0.1, 0.7, -0.4];
    let at = |values: &[f32]| {
        let tensor = Tensor::from_vec(values.to_vec(), (1, 1, 2, 3), &Device::Cpu).unwrap();
        let teacher = trace("cross.scores.0", &teacher, &[1, 1], &[1, 1]);
        value(&loss(&term, &trace("cross.scores.0", &tensor, &[1, 1], &[1, 1]), &teacher).unwrap())
    };
    let tensor = Tensor::from_vec(start.to_vec(), (1, 1, 2, 3), &Device::Cpu).unwrap();
    let variable = Var::from_tensor(&tensor).unwrap();
    let student = trace("cross.scores.0", &variable, &[1, 1], &[1, 1]);
    let teacher = trace("cross.scores.0", &teacher, &[1, 1], &[1, 1]);
    let gradients = backward(&loss(&term, &student, &teacher).unwrap()).unwrap();
    let gradient: Vec<f32> = gradients.get(&variable).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    for (place, slope) in gradient.iter().enumerate() {
        let (mut above, mut below) = (start, start);
        above[place] += 1e-2;
        below[place] -= 1e-2;
        let expected = (at(&above) - at(&below)) / 2e-2;
        assert!((f64::from(*slope) - expected).abs() < 1e-4, "{place}: {slope} {expected}");
    }
}

#[test]
fn layers_are_mapped_and_their_mean_is_taken() {
    let term = bind(&[PART[0], "map=\"uniform\""], &outline(2, 1), &outline(4, 1)).unwrap();
    assert_eq!(term.student_taps, ["cross.scores.0", "cross.scores.1"]);
    assert_eq!(term.teacher_taps, ["cross.scores.1", "cross.scores.3"]);
    assert_eq!(term.token_by_token, ["decoder", "encoder.image"]);
}

#[test]
fn models_that_do_not_go_together_are_refused() {
    let message = |bound: Result<Term, LossError>| bound.unwrap_err().to_string();
    let pali = outline(1, 2);
    assert!(message(bind(PART, &pali, &outline(1, 4))).contains("2 attention heads and the teacher 4"));
    assert!(
        message(bind(PART, &Outline::default(), &pali)).contains("the student writes nothing about images")
    );
    let both = bind(&["parts=[\"decoder-to-image\", \"text-to-image\"]"], &pali, &pali);
    assert!(message(both).contains("stand alone"));
    assert!(message(bind(&[], &pali, &pali)).contains("`parts = [\"decoder-to-image\"]`"));
    // Other patches, or other tokens.
    let term = bind(PART, &outline(1, 1), &outline(1, 1)).unwrap();
    let even = scores([[1.0; 3]; 2]);
    let student = trace("cross.scores.0", &even, &[1, 1], &[1, 1]);
    for (decoder, patches) in [(&[1, 0], &[1, 1]), (&[1, 1], &[1, 0])] {
        let teacher = trace("cross.scores.0", &even, decoder, patches);
        let error = loss(&term, &student, &teacher).unwrap_err().to_string();
        assert!(error.contains("read different tokens or patches"), "{error}");
    }
}
