//! Terms at the edges: batches of one example, examples that are all the same, vectors of zeros.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use alambic_losses::recorded::{evaluate, parse};
use alambic_settings::AddedKinds;
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::parameters::Weights;

/// The terms that compare the examples of a batch with each other, with options by which they read the same tap.
const COMPARING: [(&str, &[&str]); 6] = [
    ("relational-distance", &["features=\"pooled\""]),
    ("relational-angle", &["features=\"pooled\""]),
    ("similarity-preserving", &["features=\"pooled\""]),
    ("kernel-alignment", &["features=\"pooled\""]),
    ("contrastive", &["features=\"pooled\"", "project=false"]),
    ("representation", &["features=\"pooled\"", "comparison=\"cosine\""]),
];

/// Features, row by row.
type Rows<'r> = &'r [[f32; 3]];

fn trace(rows: Rows<'_>) -> Weights {
    let tensor = Tensor::from_vec(rows.concat(), (rows.len(), 3), &Device::Cpu).unwrap();
    [("pooled".to_owned(), tensor)].into()
}

#[test]
fn terms_stay_finite_where_examples_are_all_the_same() {
    let varied = [[0.3, -1.0, 2.0], [1.0, 0.5, -0.25], [0.1, 0.2, 0.3]];
    // A third is no number of 32 bits, so that rounding is left when the mean is taken away.
    let same = [[1.0 / 3.0, 0.7, -1.1]; 3];
    let cases: [(&str, Rows<'_>, Rows<'_>); 6] = [
        ("the student's are", &same, &varied),
        ("the teacher's are", &varied, &same),
        ("both are", &same, &same),
        ("the student's are zeros", &[[0.0; 3]; 3], &varied),
        ("two are", &[varied[0], varied[0], varied[1]], &varied),
        ("there is one", &varied[..1], &varied[1..2]),
    ];
    for (name, options) in COMPARING {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let loss = parse(name, &options, &AddedKinds::default()).unwrap().unwrap();
        for (case, student, teacher) in cases {
            let found = evaluate(&loss, &trace(student), &trace(teacher)).unwrap();
            assert!(found.value.is_finite(), "{name}, {case}: {}", found.value);
            let gradient: Vec<f32> = found.gradients["pooled"].flatten_all().unwrap().to_vec1().unwrap();
            let largest = gradient.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            assert!(gradient.iter().all(|value| value.is_finite()), "{name}, {case}: {gradient:?}");
            assert!(largest < 1e3, "{name}, {case}: {largest}");
        }
    }
}

#[test]
fn terms_that_compare_examples_say_how_many_they_need() {
    let outline = alambic_models::Outline { pooled: Some(3), pairs: true, ..Default::default() };
    for (name, options) in
        COMPARING.into_iter().chain([("affinity", &[][..]), ("image-text-contrast", &[][..])])
    {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let loss = parse(name, &options, &AddedKinds::default()).unwrap().unwrap();
        let term = loss.inner().bind(&outline, Some(&outline)).unwrap();
        assert_eq!(term.min_examples, if name == "representation" { 1 } else { 2 }, "{name}");
    }
}
