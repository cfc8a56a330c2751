//! Losses that compare the examples of a batch with those of all ranks are those of one batch of all examples.

#![allow(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::sync::Arc;

use alambic_losses::{
    Contrastive, Features, ImageTextContrast, InfoNce, Inputs, LossTerm, MultipleNegatives, Targets, Term,
};
use alambic_models::{Outline, Stream, TapSelection, Trace};
use alambic_ranks::Ranks;
use alambic_settings::{Node, Table, read};
use alambic_tensor::candle::{Device, Tensor, Var};
use alambic_tensor::gradients::backward;
use alambic_tensor::parameters::Weights;

const WIDTH: usize = 3;
/// Examples of a rank.
const OWN: usize = 4;
const RANKS: usize = 2;

/// Numbers without a pattern, each of them given by its place.
fn number(place: usize) -> f32 {
    ((place * 7919 + 13) % 101) as f32 / 50.0 - 1.0
}

/// Rows of one side, from an example on.
fn rows(side: usize, first: usize, count: usize) -> Vec<f32> {
    (first * WIDTH..(first + count) * WIDTH).map(|place| number(place + side * 1000)).collect()
}

fn var(side: usize, first: usize, count: usize) -> Var {
    Var::from_vec(rows(side, first, count), (count, WIDTH), &Device::Cpu).unwrap()
}

fn unit(rows: &Tensor) -> Tensor {
    rows.broadcast_div(&rows.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap()).unwrap()
}

fn options<O: Table>(text: &str) -> O {
    read(&Node::parse("options", text).unwrap()).unwrap()
}

fn outline() -> Outline {
    let mut outline = Outline { pairs: true, ..Outline::default() };
    for stream in ["", "encoder"] {
        let embeds = Stream { embedding: Some(WIDTH), ..Stream::new(1, 1, WIDTH) };
        outline.streams.insert(stream.to_owned(), embeds);
    }
    outline
}

/// The loss over the examples from one on, and its gradients by the two sides.
fn loss(term: &Term, first: usize, count: usize, ranks: Option<&Ranks>) -> (f64, [Vec<f32>; 2]) {
    let sides = [var(0, first, count), var(1, first, count)];
    let scale = Var::new(0.7f32, &Device::Cpu).unwrap();
    let mut student = Trace::new(TapSelection::All);
    let mut teacher = Trace::new(TapSelection::All);
    match term.name {
        "multiple-negatives" | "info-nce" => {
            let both = Tensor::cat(&[sides[0].as_tensor(), sides[1].as_tensor()], 0).unwrap();
            student.record("embedding", &both);
            student.record("encoder.embedding", &both);
        }
        "contrastive" => {
            student.record("embedding", sides[0].as_tensor());
            teacher.record("embedding", sides[1].as_tensor());
        }
        _ => {
            let [images, texts] = sides.each_ref().map(|side| unit(side.as_tensor()));
            let products = images.matmul(&texts.t().unwrap()).unwrap();
            student.record("logits", &products.broadcast_mul(&scale.exp().unwrap()).unwrap());
            student.record("image.embedding", &images);
            student.record("text.embedding", &texts);
        }
    }
    // Two pairs have a text in common, each on another rank.
    let number = |side: usize, example: usize| {
        if example % OWN == 1 && side == 0 { 77 } else { (10 * example + side) as u32 }
    };
    let texts = (0..2).flat_map(|side| (first..first + count).map(move |example| number(side, example)));
    let targets = Targets { texts: Arc::new(texts.collect()), ..Targets::default() };
    let names = ["logit_scale", "info-nce.logit_scale"];
    let weights = Weights::from_iter(names.map(|name| (name.to_owned(), scale.as_tensor().clone())));
    let inputs = Inputs {
        student: &student,
        teacher: Some(&teacher),
        targets: &targets,
        projections: &weights,
        ranks,
        progress: 1.0,
        step: None,
    };
    let loss = term.loss(&inputs).unwrap();
    let gradients = backward(&loss).unwrap();
    let of = |side: &Var| match gradients.get(side.as_tensor()) {
        Some(gradient) => gradient.flatten_all().unwrap().to_vec1().unwrap(),
        None => vec![0.0; count * WIDTH],
    };
    (f64::from(loss.to_scalar::<f32>().unwrap()), sides.each_ref().map(of))
}

/// Compares the mean over the ranks with the loss of one batch.
fn compare(bind: impl Fn() -> Term + Sync) {
    let (value, gradients) = loss(&bind(), 0, OWN * RANKS, None);
    let found: Vec<(f64, [Vec<f32>; 2])> = std::thread::scope(|scope| {
        let bind = &bind;
        let running: Vec<_> = Ranks::in_process(RANKS)
            .into_iter()
            .map(|ranks| scope.spawn(move || loss(&bind(), ranks.rank() * OWN, OWN, Some(&ranks))))
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mean = found.iter().map(|(value, _)| value).sum::<f64>() / RANKS as f64;
    assert!((mean - value).abs() < 1e-5, "{mean} and {value}");
    for (side, expected) in gradients.iter().enumerate() {
        // Gradients of ranks are added up and divided by their number, as those of the parts of a step are.
        let own = found.iter().flat_map(|(_, own)| &own[side]).map(|gradient| gradient / RANKS as f32);
        for (own, expected) in own.zip(expected) {
            assert!((own - expected).abs() < 1e-5, "side {side}: {own} and {expected}");
        }
    }
    let apart = loss(&bind(), 0, OWN, None).0;
    assert!((apart - value).abs() > 1e-3, "one batch of several is another loss");
}

#[test]
fn gathered_pairs_are_those_of_one_batch() {
    for symmetric in [false, true] {
        let options: MultipleNegatives = options(&format!("gather = true\nsymmetric = {symmetric}"));
        compare(|| options.bind(&outline(), None).unwrap());
    }
}

#[test]
fn gathered_pairs_under_a_learnt_scale_are_those_of_one_batch() {
    let options: InfoNce = options("gather = true");
    compare(|| options.bind(&outline(), None).unwrap());
}

#[test]
fn gathered_features_are_those_of_one_batch() {
    let options: Contrastive =
        options("gather = true\nproject = false\nfeatures = \"embedding\"\ntemperature = 0.5");
    assert_eq!(options.features, Features::Embedding);
    compare(|| options.bind(&outline(), Some(&outline())).unwrap());
}

#[test]
fn gathered_images_and_texts_are_those_of_one_batch() {
    let options: ImageTextContrast = options("gather = true");
    compare(|| options.bind(&outline(), None).unwrap());
}
