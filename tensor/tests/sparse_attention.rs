//! Sparse attention over a text and an image in one row against dense attention under an additive mask of -1e9.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::sync::Arc;

use alambic_tensor::candle::{Device, Tensor, Var};
use alambic_tensor::gradients::backward;
use alambic_tensor::ops::{
    AttentionHeads, AttentionMask, ImageAttention, ImagePattern, attend_cached_keys, attend_image,
    attend_packed,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const PATTERNS: [ImagePattern; 5] = [
    ImagePattern::Row,
    ImagePattern::Previous,
    ImagePattern::Column,
    ImagePattern::Convolution { kernel: 3 },
    ImagePattern::Convolution { kernel: 5 },
];

fn tensor(random: &mut ChaCha8Rng, shape: &[usize]) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| random.random_range(-1.5..1.5)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(what: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    for (place, (found, expected)) in values(found).iter().zip(values(expected)).enumerate() {
        assert!(
            (found - expected).abs() <= 1e-5 * expected.abs().max(1.0),
            "{what}: {place}: {found}, not {expected}"
        );
    }
}

/// A batch of images behind their text, or before it, with padding behind both.
fn draw(random: &mut ChaCha8Rng, pattern: ImagePattern) -> (ImageAttention, usize, usize) {
    let (batch, rows, columns) =
        (random.random_range(1..=3), random.random_range(1..=7), random.random_range(1..=7));
    let text = random.random_range(0..=40);
    let length = text + rows * columns + random.random_range(0..=5);
    let (mut sources, mut images) = (Vec::new(), Vec::new());
    for _ in 0..batch {
        let before = random.random_range(0..=text) as u32;
        images.push(before);
        sources.push(match random.random_range(0..4) {
            // A target, of a source or of none.
            0 => 0,
            1 => random.random_range(0..=before),
            // A source, by itself or with text behind it.
            2 => before + (rows * columns) as u32,
            _ => random.random_range(before as usize + rows * columns..=text + rows * columns) as u32,
        });
    }
    let mask =
        ImageAttention { sources: Arc::new(sources), images: Arc::new(images), rows, columns, pattern };
    (mask, batch, length)
}

/// Output of attention, and the gradient of a sum that `factors` weigh.
fn attended(packed: &Tensor, factors: &Tensor, attend: impl Fn(&Tensor) -> Tensor) -> [Tensor; 2] {
    let variable = Var::from_tensor(packed).unwrap();
    let output = attend(variable.as_tensor());
    let sum = (&output * factors).unwrap().sum_all().unwrap();
    let gradient = backward(&sum).unwrap().get(variable.as_tensor()).unwrap().clone();
    [output, gradient]
}

#[test]
fn sparse_attention_is_dense_attention_under_its_mask() {
    let mut random = ChaCha8Rng::seed_from_u64(33);
    for round in 0..300 {
        let pattern = PATTERNS[round % PATTERNS.len()];
        let (mask, batch, length) = draw(&mut random, pattern);
        let (count, head_width) = (random.random_range(1..=3), random.random_range(1..=9));
        let width = count * head_width;
        let heads = AttentionHeads::new(count, width).unwrap();
        let what = format!("{round}: {mask:?} in {length}");
        let packed = tensor(&mut random, &[batch, length, 3 * width]);
        let factors = tensor(&mut random, &[batch, length, width]);
        let bias = mask.additive(batch, count, length, &Device::Cpu).unwrap();
        let dense = AttentionMask::default().with_bias(Some(bias));
        let expected = attended(&packed, &factors, |packed| attend_packed(packed, heads, &dense).unwrap());
        let found = attended(&packed, &factors, |packed| attend_image(packed, heads, &mask).unwrap());
        assert_close(&what, &found[0], &expected[0]);
        assert_close(&what, &found[1], &expected[1]);
        // Without a gradient it keeps nothing, and gives the same.
        assert_eq!(values(&attend_image(&packed, heads, &mask).unwrap()), values(&found[0]), "{what}");
    }
}

#[test]
fn cached_steps_give_what_a_whole_pass_gives() {
    let mut random = ChaCha8Rng::seed_from_u64(34);
    for round in 0..40 {
        let pattern = PATTERNS[round % PATTERNS.len()];
        let (mask, batch, length) = draw(&mut random, pattern);
        let (width, heads) = (12, AttentionHeads::new(2, 12).unwrap());
        let packed = tensor(&mut random, &[batch, length, 3 * width]);
        let whole = attend_image(&packed, heads, &mask).unwrap();
        let cache = values(&packed.narrow(2, width, 2 * width).unwrap().contiguous().unwrap());
        for query in 0..length {
            let own = packed.narrow(1, query, 1).unwrap().narrow(2, 0, width).unwrap().contiguous().unwrap();
            let keys: Vec<Vec<u32>> = (0..batch).map(|example| mask.keys(example, query)).collect();
            for (example, keys) in keys.iter().enumerate() {
                let allowed: Vec<u32> =
                    (0..length as u32).filter(|&key| mask.is_allowed(example, query, key as usize)).collect();
                assert_eq!(keys, &allowed, "{round}: query {query} of {mask:?}");
            }
            let step = attend_cached_keys(&own, &cache, length, &keys, heads).unwrap();
            assert_close(&format!("{round}: {query}"), &step, &whole.narrow(1, query, 1).unwrap());
        }
    }
}

#[test]
fn masks_that_do_not_fit_are_refused() {
    let packed = tensor(&mut ChaCha8Rng::seed_from_u64(1), &[1, 8, 6]);
    let heads = AttentionHeads::new(1, 2).unwrap();
    let mask = |source: u32, image: u32, pattern| ImageAttention {
        sources: Arc::new(vec![source]),
        images: Arc::new(vec![image]),
        rows: 2,
        columns: 2,
        pattern,
    };
    let row = ImagePattern::Row;
    assert!(attend_image(&packed, heads, &mask(2, 3, row)).is_ok());
    for (source, image, pattern, reason) in [
        (2, 5, row, "do not fit 8 tokens"),
        (9, 3, row, "do not fit 8 tokens"),
        (4, 3, row, "ends within its image"),
        (2, 3, ImagePattern::Convolution { kernel: 4 }, "has no middle"),
    ] {
        let error = attend_image(&packed, heads, &mask(source, image, pattern)).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let none = ImageAttention { rows: 0, ..mask(2, 3, row) };
    assert!(attend_image(&packed, heads, &none).is_err());
    let query = tensor(&mut ChaCha8Rng::seed_from_u64(2), &[1, 1, 2]);
    assert!(attend_cached_keys(&query, &[0.0; 32], 8, &[vec![8]], heads).is_err());
    assert!(attend_cached_keys(&query, &[0.0; 32], 8, &[Vec::new()], heads).is_err());
}
