//! The same bits whatever the number of threads, and the same rows whatever the batch they are in.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use alambic_tensor::candle::{Device, Result, Tensor};
use alambic_tensor::gradients::Gradients;
use alambic_tensor::ops::{
    self, Activation, AttentionHeads, AttentionMask, CrossEntropy, Divergence, Dropout, RaggedLayout, attend,
    attend_cached, attend_cross, attend_cross_with_taps, attend_packed, pack_affine,
};
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::{Parameters, Weights};
use alambic_tensor::precision::{self, MatmulPrecision};
use alambic_tensor::{Streams, threads};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Large enough for every operation to be split, and for `gemm` to use its threads.
const BATCH: usize = 96;
const LENGTH: usize = 11;
const WIDTH: usize = 72;
const INNER: usize = 200;
const VOCABULARY: usize = 70;

struct Draw(ChaCha8Rng);

impl Draw {
    fn tensor(&mut self, shape: &[usize]) -> Tensor {
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|_| self.0.random::<f32>() * 2.0 - 1.0).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn ids(&mut self, length: usize) -> Arc<Vec<u32>> {
        Arc::new((0..length).map(|_| self.0.random_range(0..VOCABULARY as u32)).collect())
    }
}

fn draw(seed: u64) -> Draw {
    Draw(ChaCha8Rng::seed_from_u64(seed))
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

/// Two layers over an embedding, with every operation that a training step uses.
fn loss(
    weights: &Weights,
    ids: &Arc<Vec<u32>>,
    mask: &AttentionMask,
    teacher: &Tensor,
    dropout: &Dropout,
) -> Result<Tensor> {
    let heads = AttentionHeads::new(4, WIDTH)?;
    let get = |name: &str| &weights[name];
    let drop = |x: &Tensor| dropout.mask(x.elem_count(), 0.1);
    let mut hidden = ops::embed(get("embedding"), ids, BATCH, 2.0, Some(get("positions")))?;
    hidden = ops::dropout(&hidden, drop(&hidden))?;
    let memory = hidden.clone();
    for layer in 0..2 {
        let get = |name: &str| get(&format!("{layer}.{name}")).clone();
        let norm = |name: &str| pack_affine(&get(&format!("{name}.weight")), &get(&format!("{name}.bias")));
        let (weights, biases) = (["q", "k", "v"].map(get), ["q.bias", "k.bias", "v.bias"].map(get));
        let packed = ops::linear_packed(&hidden, &weights.each_ref(), &biases.each_ref())?;
        let attended = attend_packed(&packed, heads, mask)?;
        hidden = ops::residual_layer_norm(&hidden, &attended, &norm("first")?, 1e-5, drop(&attended))?;
        let key_value = ops::linear(&memory, &get("kv"), Some(&get("kv.bias")), Activation::Identity)?;
        let attended = attend_cross(&hidden, &key_value, heads, &AttentionMask::causal())?;
        hidden = ops::residual_layer_norm(&hidden, &attended, &norm("second")?, 1e-5, drop(&attended))?;
        let inner = ops::linear(&hidden, &get("inner"), Some(&get("inner.bias")), Activation::Silu)?;
        let outer = ops::linear(&inner, &get("outer"), None, Activation::Identity)?;
        hidden =
            ops::layer_norm(&(&hidden + ops::activate(&outer, Activation::Gelu)?)?, &norm("third")?, 1e-5)?;
    }
    let logits = ops::linear(&hidden, get("embedding"), None, Activation::Identity)?;
    let rows = BATCH * LENGTH;
    let labels = CrossEntropy {
        targets: ids.clone(),
        weights: Arc::new((0..rows).map(|row| f32::from(u8::from(row % 5 != 0))).collect()),
        smoothing: 0.1,
    };
    let targets = Divergence { weights: labels.weights.clone(), temperature: 2.0, squared: true };
    ops::cross_entropy(&logits, labels)? + ops::divergence(&logits, teacher, targets)?
}

fn initial_weights() -> Weights {
    let mut draw = draw(1);
    let mut shapes = vec![
        ("embedding".to_owned(), vec![VOCABULARY, WIDTH]),
        ("positions".to_owned(), vec![LENGTH, WIDTH]),
    ];
    for layer in 0..2 {
        for (name, shape) in [
            ("q", vec![WIDTH, WIDTH]),
            ("k", vec![WIDTH, WIDTH]),
            ("v", vec![WIDTH, WIDTH]),
            ("q.bias", vec![WIDTH]),
            ("k.bias", vec![WIDTH]),
            ("v.bias", vec![WIDTH]),
            ("kv", vec![2 * WIDTH, WIDTH]),
            ("kv.bias", vec![2 * WIDTH]),
            ("inner", vec![INNER, WIDTH]),
            ("inner.bias", vec![INNER]),
            ("outer", vec![WIDTH, INNER]),
            ("first.weight", vec![WIDTH]),
            ("first.bias", vec![WIDTH]),
            ("second.weight", vec![WIDTH]),
            ("second.bias", vec![WIDTH]),
            ("third.weight", vec![WIDTH]),
            ("third.bias", vec![WIDTH]),
        ] {
            shapes.push((format!("{layer}.{name}"), shape));
        }
    }
    shapes.into_iter().map(|(name, shape)| (name, draw.tensor(&shape))).collect()
}

/// What training for four steps leaves: every loss, norm, gradient of the last step, and parameter, to the bit.
fn train() -> Vec<(String, Vec<u32>)> {
    let mut parameters = Parameters::from_weights(&initial_weights()).unwrap();
    parameters.freeze(|name| name == "positions");
    let mut draw = draw(2);
    let ids = draw.ids(BATCH * LENGTH);
    let keys: Vec<u8> = (0..BATCH * LENGTH).map(|i| u8::from(i % LENGTH <= i / LENGTH % LENGTH)).collect();
    let mask = AttentionMask::keys(Arc::new(keys));
    let teacher = draw.tensor(&[BATCH, LENGTH, VOCABULARY]);
    let dropout = Dropout::new(&Streams::new(3));
    let mut optimiser = AdamW::new(AdamWOptions {
        learning_rate: 1e-2,
        beta1: 0.9,
        beta2: 0.98,
        epsilon: 1e-8,
        weight_decay: 0.1,
        no_decay: vec!["bias".into()],
    });
    let mut record = Vec::new();
    for step in 0..4 {
        let loss = loss(&parameters.tracked(), &ids, &mask, &teacher, &dropout).unwrap();
        let gradients = Gradients::of(&loss, &parameters).unwrap();
        let norm = gradients.norm().unwrap();
        assert!(norm.is_finite() && norm > 0.0, "norm {norm} at step {step}");
        assert_eq!(gradients.unreached(&parameters), Vec::<String>::new());
        gradients.check(|_| false).unwrap();
        record.push((format!("loss {step}"), bits(&loss)));
        record.push((format!("norm {step}"), vec![(norm.to_bits() >> 32) as u32, norm.to_bits() as u32]));
        if step == 3 {
            for (name, _) in parameters.trainable() {
                record.push((format!("gradient of {name}"), bits(&gradients.tensor(name).unwrap().unwrap())));
            }
        }
        optimiser.step(&parameters, &gradients, 0.5, (1.0 / norm).min(1.0)).unwrap();
    }
    record.extend(parameters.detached().iter().map(|(name, tensor)| (name.clone(), bits(tensor))));
    record.extend(optimiser.state().unwrap().iter().map(|(name, tensor)| (name.clone(), bits(tensor))));
    record
}

#[test]
fn training_leaves_the_same_bits_whatever_the_number_of_threads() {
    for products in [MatmulPrecision::F32, MatmulPrecision::Bf16x3, MatmulPrecision::Bf16] {
        let train = || precision::with(products, train);
        let one = threads::install(Some(1), train).unwrap();
        assert_eq!(one.first().unwrap().0, "loss 0");
        for count in [1, 2, 3, 5] {
            let other = threads::install(Some(count), train).unwrap();
            assert_eq!(one.len(), other.len());
            for (one, other) in one.iter().zip(&other) {
                assert!(one == other, "{products:?}: {} differs between 1 thread and {count}", one.0);
            }
        }
    }
}

#[test]
fn lower_precision_stays_near_the_gradients_of_f32() {
    let gradients = |products: MatmulPrecision| -> Vec<(String, Vec<f32>)> {
        // As large as those of trained models: larger ones make attention a choice that a small difference tips.
        let small = |(name, weight): (String, Tensor)| (name, (weight * 0.2).unwrap());
        let weights = initial_weights().into_iter().map(small).collect();
        let mut parameters = Parameters::from_weights(&weights).unwrap();
        parameters.freeze(|name| name == "positions");
        let mut draw = draw(2);
        let ids = draw.ids(BATCH * LENGTH);
        let teacher = draw.tensor(&[BATCH, LENGTH, VOCABULARY]);
        let (mask, dropout) = (AttentionMask::causal(), Dropout::new(&Streams::new(3)));
        precision::with(products, || {
            let loss = loss(&parameters.tracked(), &ids, &mask, &teacher, &dropout).unwrap();
            let gradients = Gradients::of(&loss, &parameters).unwrap();
            let values =
                |name: &str| gradients.tensor(name).unwrap().unwrap().flatten_all().unwrap().to_vec1::<f32>();
            parameters.trainable().map(|(name, _)| (name.to_owned(), values(name).unwrap())).collect()
        })
    };
    let exact = gradients(MatmulPrecision::F32);
    for (products, least, most) in
        [(MatmulPrecision::Bf16x3, 1e-8, 1e-4), (MatmulPrecision::Bf16, 1e-4, 3e-2)]
    {
        for ((name, exact), (_, other)) in exact.iter().zip(gradients(products)) {
            let norm =
                |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
            let apart = norm(&mut exact.iter().zip(&other).map(|(exact, other)| exact - other));
            let apart = apart / norm(&mut exact.iter().copied());
            // Keys get no gradient through their bias but what rounding leaves.
            if products.is_supported() && !name.contains("k.bias") {
                assert!(least < apart && apart < most, "{products:?}: {name} is {apart} off");
            }
        }
    }
}

/// Runs `function` on the whole of some inputs and on pieces of their first dimension, for the same rows.
fn assert_rows_do_not_depend_on_their_batch(
    what: &str,
    inputs: &[Tensor],
    function: impl Fn(&[Tensor], usize) -> Result<Tensor>,
) {
    let batch = inputs[0].dim(0).unwrap();
    let whole = function(inputs, 0).unwrap();
    for first in 0..batch {
        let piece: Vec<Tensor> =
            inputs.iter().map(|input| input.narrow(0, first, 1).unwrap().copy().unwrap()).collect();
        let alone = function(&piece, first).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let within = whole.narrow(0, first, 1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (alone, within) in alone.iter().zip(&within) {
            // Products of another size may be summed in another order.
            assert!(
                (alone - within).abs() <= 2e-6,
                "{what}: row {first}: {alone} alone, {within} in the batch"
            );
        }
    }
}

#[test]
fn a_batch_is_its_rows_put_together() {
    let mut draw = draw(4);
    let x = draw.tensor(&[BATCH, LENGTH, WIDTH]);
    let rows = |what: &str, inputs: &[&Tensor], function: &dyn Fn(&[Tensor], usize) -> Result<Tensor>| {
        let inputs: Vec<Tensor> = inputs.iter().map(|&input| input.clone()).collect();
        assert_rows_do_not_depend_on_their_batch(what, &inputs, function);
    };
    let affine = draw.tensor(&[2, WIDTH]);
    rows("layer norm", &[&x], &|t, _| ops::layer_norm(&t[0], &affine, 1e-5));
    let other = draw.tensor(&[BATCH, LENGTH, WIDTH]);
    rows("residual layer norm", &[&x, &other], &|t, _| {
        ops::residual_layer_norm(&t[0], &t[1], &affine, 1e-5, None)
    });
    let (weight, bias) = (draw.tensor(&[INNER, WIDTH]), draw.tensor(&[INNER]));
    rows("linear", &[&x], &|t, _| ops::linear(&(&t[0] * 0.1)?, &weight, Some(&bias), Activation::Gelu));
    rows("activation", &[&x], &|t, _| ops::activate(&t[0], Activation::Tanh));

    let ids = draw.ids(BATCH * LENGTH);
    let (table, positions) = (draw.tensor(&[VOCABULARY, WIDTH]), draw.tensor(&[LENGTH, WIDTH]));
    rows("embedding", &[&x], &|t, first| {
        let batch = t[0].dim(0)?;
        let ids = Arc::new(ids[first * LENGTH..(first + batch) * LENGTH].to_vec());
        ops::embed(&table, &ids, batch, 0.5, Some(&positions))
    });

    let keys: Vec<u8> = (0..BATCH * LENGTH).map(|i| u8::from(i % LENGTH <= i / LENGTH % LENGTH)).collect();
    let mask = |batch: usize, first: usize| AttentionMask {
        keys: Some(Arc::new(keys[first * LENGTH..(first + batch) * LENGTH].to_vec())),
        causal: true,
        ..AttentionMask::default()
    };
    let heads = AttentionHeads::new(4, WIDTH).unwrap();
    let key_value = draw.tensor(&[BATCH, LENGTH, 2 * WIDTH]);
    rows("cross attention", &[&x, &key_value], &|t, first| {
        attend_cross(&t[0], &t[1], heads, &mask(t[0].dim(0)?, first))
    });
    rows("attention with taps", &[&x, &key_value], &|t, first| {
        Ok(attend_cross_with_taps(&t[0], &t[1], heads, &mask(t[0].dim(0)?, first))?.0)
    });
    let scores = draw.tensor(&[BATCH, 4, LENGTH, LENGTH]);
    rows("softmax", &[&scores], &|t, first| ops::softmax(&t[0], Some(&mask(t[0].dim(0)?, first))));
    rows("cached attention", &[&x.narrow(1, 0, 1).unwrap(), &key_value], &|t, _| {
        let cache: Vec<f32> = t[1].flatten_all()?.to_vec1()?;
        attend_cached(&t[0], &cache, LENGTH, LENGTH - 2, heads, None)
    });
}

#[test]
fn the_ways_to_attend_agree() {
    let mut draw = draw(5);
    let heads = AttentionHeads::new(4, WIDTH).unwrap();
    let [query, key, value] = [(); 3].map(|()| draw.tensor(&[BATCH, LENGTH, WIDTH]));
    let key_value = Tensor::cat(&[&key, &value], 2).unwrap();
    let packed = Tensor::cat(&[&query, &key, &value], 2).unwrap();
    let mask = AttentionMask::causal();
    let apart = bits(&attend(&query, &key, &value, heads, &mask).unwrap());
    assert!(apart == bits(&attend_cross(&query, &key_value, heads, &mask).unwrap()), "packed key and value");
    assert!(apart == bits(&attend_packed(&packed, heads, &mask).unwrap()), "packed query, key and value");
    let layout = Arc::new(RaggedLayout::of_mask(&[1; BATCH * LENGTH], BATCH).unwrap());
    let ragged = AttentionMask { causal: true, ..AttentionMask::ragged(layout) };
    let laid_out = packed.flatten_to(1).unwrap();
    assert!(apart == bits(&attend_packed(&laid_out, heads, &ragged).unwrap()), "laid end to end");
}

#[test]
fn dropout_masks_do_not_depend_on_the_number_of_threads() {
    let masked = || {
        let dropout = Dropout::new(&Streams::new(7));
        let ones = Tensor::ones(100_003, alambic_tensor::candle::DType::F32, &Device::Cpu).unwrap();
        let mask = dropout.mask(100_003, 0.3);
        bits(&ops::dropout(&ones, mask).unwrap())
    };
    let one = threads::install(Some(1), masked).unwrap();
    assert!(one == threads::install(Some(3), masked).unwrap());
    assert!(one.contains(&0) && one.contains(&(1.0f32 / (1.0 - 0.3)).to_bits()));
    // Nor does a mask repeat itself from one thread's part to the next.
    let parts: Vec<&[u32]> = one.chunks_exact(4096).collect();
    assert!(parts.iter().enumerate().all(|(index, part)| !parts[..index].contains(part)));
}

#[test]
fn a_residual_layer_norm_is_dropout_sum_and_layer_norm() {
    let mut draw = draw(6);
    let [x, sublayer] = [(); 2].map(|()| draw.tensor(&[BATCH * LENGTH, WIDTH]));
    let affine = draw.tensor(&[2, WIDTH]);
    for mask in [None, Dropout::new(&Streams::new(8)).mask(x.elem_count(), 0.3)] {
        let at_once = ops::residual_layer_norm(&x, &sublayer, &affine, 1e-5, mask.clone()).unwrap();
        let sum = (&x + ops::dropout(&sublayer, mask).unwrap()).unwrap();
        assert!(bits(&at_once) == bits(&ops::layer_norm(&sum, &affine, 1e-5).unwrap()));
    }
}
