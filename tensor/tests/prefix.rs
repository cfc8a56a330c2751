//! The mask of sources and targets in one row against an additive mask of -1e9 over the same rows.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::sync::Arc;

use alambic_tensor::candle::{Device, Tensor, Var};
use alambic_tensor::gradients::backward;
use alambic_tensor::ops::{
    AttentionHeads, AttentionMask, RaggedLayout, attend_cached_rows, attend_cross, attend_packed,
    attend_packed_with_taps,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Rows of a batch, each with a source, a target and padding.
struct Rows {
    batch: usize,
    length: usize,
    sources: Arc<Vec<u32>>,
    /// Tokens of source and target.
    tokens: Vec<usize>,
}

impl Rows {
    fn draw(random: &mut ChaCha8Rng) -> Self {
        let (batch, length) = (random.random_range(1..=4), random.random_range(1..=90));
        let is_padded = random.random::<bool>();
        let tokens: Vec<usize> =
            (0..batch).map(|_| if is_padded { random.random_range(1..=length) } else { length }).collect();
        // A source of nothing, and of the whole row, as often as all others.
        let source = |&tokens: &usize, random: &mut ChaCha8Rng| match random.random_range(0..4) {
            0 => 0,
            1 => tokens as u32,
            _ => random.random_range(0..=tokens) as u32,
        };
        let sources = Arc::new(tokens.iter().map(|tokens| source(tokens, random)).collect());
        Self { batch, length, sources, tokens }
    }

    fn mask(&self) -> Arc<Vec<u8>> {
        let row = |&tokens: &usize| (0..self.length).map(move |place| u8::from(place < tokens));
        Arc::new(self.tokens.iter().flat_map(row).collect())
    }

    fn sees(&self, example: usize, query: usize, key: usize) -> bool {
        key < (self.sources[example] as usize).max(query + 1) && key < self.tokens[example]
    }

    /// 0 where a query sees a key and -1e9 elsewhere, `[batch, heads, length, length]`.
    fn additive(&self, heads: usize) -> Tensor {
        let mut values = Vec::new();
        for example in 0..self.batch {
            for _ in 0..heads {
                for query in 0..self.length {
                    values.extend(
                        (0..self.length)
                            .map(|key| if self.sees(example, query, key) { 0.0 } else { -1e9_f32 }),
                    );
                }
            }
        }
        Tensor::from_vec(values, (self.batch, heads, self.length, self.length), &Device::Cpu).unwrap()
    }

    /// 1 where a token stands, `[batch, length, 1]`: what padding gives is nobody's.
    fn kept(&self) -> Tensor {
        let values: Vec<f32> = self.mask().iter().map(|&kept| f32::from(kept)).collect();
        Tensor::from_vec(values, (self.batch, self.length, 1), &Device::Cpu).unwrap()
    }
}

fn tensor(random: &mut ChaCha8Rng, shape: &[usize]) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| random.random_range(-1.5..1.5)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(what: &str, found: &Tensor, expected: &Tensor, tolerance: f32) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    for (found, expected) in values(found).iter().zip(values(expected)) {
        assert!((found - expected).abs() <= tolerance, "{what}: {found}, not {expected}");
    }
}

/// Output of attention over packed queries, keys and values, with padding out, and the gradient of a sum that `factors` weigh.
fn attended(input: &Tensor, heads: AttentionHeads, mask: &AttentionMask, factors: &Tensor) -> [Tensor; 2] {
    let variable = Var::from_tensor(input).unwrap();
    let output = attend_packed(variable.as_tensor(), heads, mask).unwrap();
    let sum = output.broadcast_mul(factors).unwrap().sum_all().unwrap();
    let gradient = backward(&sum).unwrap().get(variable.as_tensor()).unwrap().clone();
    [output, gradient]
}

#[test]
fn a_thousand_shapes_give_what_an_additive_mask_gives() {
    let mut random = ChaCha8Rng::seed_from_u64(31);
    for round in 0..1000 {
        let rows = Rows::draw(&mut random);
        let (count, head_width) = (random.random_range(1..=3), random.random_range(1..=9));
        let width = count * head_width;
        let heads = AttentionHeads::new(count, width).unwrap();
        let what = format!("{round}: {:?} of {:?} in {}", rows.sources, rows.tokens, rows.length);
        let packed = tensor(&mut random, &[rows.batch, rows.length, 3 * width]);
        let factors = tensor(&mut random, &[rows.batch, rows.length, width]);
        let kept = rows.kept();
        let factors = factors.broadcast_mul(&kept).unwrap();
        let additive = AttentionMask::default().with_bias(Some(rows.additive(count)));
        let expected = attended(&packed, heads, &additive, &factors);
        let of_tokens = |output: &Tensor| output.broadcast_mul(&kept).unwrap();
        let plain = AttentionMask::prefix(rows.sources.clone());
        let keyed = AttentionMask { keys: Some(rows.mask()), ..plain.clone() };
        for mask in [&plain, &keyed] {
            let found = attended(&packed, heads, mask, &factors);
            assert_close(&what, &of_tokens(&found[0]), &of_tokens(&expected[0]), 1e-6);
            assert_close(&what, &found[1], &expected[1], 1e-5);
        }

        // With taps all scores are computed.
        let (context, scores, probabilities) = attend_packed_with_taps(&packed, heads, &keyed).unwrap();
        assert_close(&what, &of_tokens(&context), &of_tokens(&expected[0]), 1e-6);
        let (_, with_mask, of_additive) = attend_packed_with_taps(&packed, heads, &additive).unwrap();
        let visible = additive.bias.as_ref().unwrap().ge(-1.0).unwrap();
        let seen = |x: &Tensor| visible.where_cond(x, &x.zeros_like().unwrap()).unwrap();
        assert_close(&what, &seen(&scores), &seen(&with_mask), 1e-6);
        let of_rows = kept.unsqueeze(1).unwrap();
        let rows_only = |x: &Tensor| x.broadcast_mul(&of_rows).unwrap();
        assert_close(&what, &rows_only(&probabilities), &rows_only(&of_additive), 1e-6);

        // The same tokens laid end to end.
        let layout = Arc::new(RaggedLayout::of_mask(&rows.mask(), rows.batch).unwrap());
        let ragged =
            AttentionMask { prefix: Some(rows.sources.clone()), ..AttentionMask::ragged(layout.clone()) };
        let unpadded = attend_packed(&layout.unpad(&packed).unwrap(), heads, &ragged).unwrap();
        assert_close(&what, &layout.pad(&unpadded).unwrap(), &of_tokens(&expected[0]), 1e-6);

        // Each target by steps over a cache of what stands before it.
        let query = packed.narrow(2, 0, width).unwrap();
        let key_value = packed.narrow(2, width, 2 * width).unwrap();
        let cache = values(&key_value);
        let steps = rows.sources.iter().zip(&rows.tokens).map(|(&source, &tokens)| tokens - source as usize);
        for step in 0..steps.min().unwrap_or(0) {
            let places: Vec<usize> = rows.sources.iter().map(|&source| source as usize + step).collect();
            let pick = |x: &Tensor| {
                let row = |(example, &place): (usize, &usize)| x.narrow(0, example, 1)?.narrow(1, place, 1);
                let picked: Vec<Tensor> =
                    places.iter().enumerate().map(|row_of| row(row_of).unwrap()).collect();
                Tensor::cat(&picked, 0).unwrap().contiguous().unwrap()
            };
            let lengths: Vec<usize> = places.iter().map(|place| place + 1).collect();
            let stepped = attend_cached_rows(&pick(&query), &cache, rows.length, &lengths, heads).unwrap();
            assert_close(&what, &stepped, &pick(&expected[0]), 1e-6);
        }
    }
}

#[test]
fn a_source_of_nothing_is_causal_and_one_of_the_whole_row_sees_all() {
    let mut random = ChaCha8Rng::seed_from_u64(32);
    let heads = AttentionHeads::new(2, 12).unwrap();
    let packed = tensor(&mut random, &[3, 77, 36]);
    let of = |mask: &AttentionMask| values(&attend_packed(&packed, heads, mask).unwrap());
    let prefix = |source| AttentionMask::prefix(Arc::new(vec![source; 3]));
    assert_eq!(of(&prefix(0)), of(&AttentionMask::causal()));
    assert_close(
        "whole rows",
        &attend_packed(&packed, heads, &prefix(77)).unwrap(),
        &attend_packed(&packed, heads, &AttentionMask::default()).unwrap(),
        1e-6,
    );
}

#[test]
fn sources_that_do_not_fit_are_errors() {
    let mut random = ChaCha8Rng::seed_from_u64(33);
    let heads = AttentionHeads::new(2, 12).unwrap();
    let packed = tensor(&mut random, &[3, 5, 36]);
    let [query, key_value] = [tensor(&mut random, &[3, 5, 12]), tensor(&mut random, &[3, 7, 24])];
    for (sources, expected) in [
        (vec![1, 2], "attention: sources of 2 examples do not fit a batch of 3"),
        (vec![1, 8, 2], "attention: a source of 8 tokens does not fit 5 keys"),
    ] {
        let mask = AttentionMask::prefix(Arc::new(sources));
        let error = attend_packed(&packed, heads, &mask).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let mask = AttentionMask::prefix(Arc::new(vec![1, 7, 2]));
    assert!(attend_cross(&query, &key_value, heads, &mask).is_ok());
}
