//! Times the operations of `alambic_tensor::ops` one by one, forward and with the way back, and a step of `AdamW`, over what
//! a batch of 32 texts of 64 tokens brings to students of 4 layers of 312 and of 6 of 384.
//!
//! ```text
//! cargo bench --bench operations [-- FILTER]
//! ```
//!
//! `FILTER` is a part of the names that are to be timed, such as `attention` or `4x312`. Throughputs count floating-point
//! operations (`Gelem/s` are then GFLOP/s) of the products of matrices, and numbers of all else.

mod process;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use alambic_tensor::candle::{CpuStorage, CustomOp1, D, Device, Layout, Result, Shape, Tensor, Var};
use alambic_tensor::candle_nn;
use alambic_tensor::gradients::{Gradients, backward};
use alambic_tensor::ops::{
    self, Activation, AttentionHeads, AttentionMask, CrossEntropy, Divergence, Dropout, LinearWeight,
    SquaredError,
};
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::Parameters;
use alambic_tensor::precision::{self, MatmulPrecision};
use alambic_tensor::{Streams, TensorError, threads};
use criterion::{BenchmarkId, Criterion, Throughput};
use rand::Rng;

/// Texts of a batch, and tokens of a text.
const BATCH: usize = 32;
const LENGTH: usize = 64;
const TOKENS: usize = BATCH * LENGTH;
const HEADS: usize = 12;
const VOCABULARY: usize = 30_522;
/// Masked tokens of a batch, an eighth of all, which a model of language is asked about.
const ASKED: usize = TOKENS / 8;
const THREADS: usize = 2;

/// What a student is made of.
struct Student {
    layers: usize,
    width: usize,
    inner: usize,
}

const STUDENTS: [Student; 2] =
    [Student { layers: 4, width: 312, inner: 1200 }, Student { layers: 6, width: 384, inner: 1536 }];

impl Student {
    fn name(&self) -> String {
        format!("{}x{}", self.layers, self.width)
    }
}

/// Where a backward pass begins: a number whose gradient with regard to a tensor is the given one. Any loss would add its
/// own time.
struct Upstream(Tensor);

impl CustomOp1 for Upstream {
    fn name(&self) -> &'static str {
        "upstream"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.0.clone()))
    }
}

/// Even numbers do: what they are makes no difference to the time.
fn numbers(shape: &[usize]) -> Result<Tensor> {
    let mut generator = Streams::new(1).shuffling(shape.len() as u64);
    let values = (0..shape.iter().product()).map(|_| generator.random_range(-1.0..1.0_f32)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Times an operation on tensors of these shapes: forward without a graph, and forward and backward to all of its inputs.
/// `amount` is what the way forward does; that of matrices goes back twice as far, that of numbers once.
fn both_ways<const N: usize>(
    criterion: &mut Criterion,
    (operation, size): (&str, &str),
    amount: &Amount,
    shapes: [&[usize]; N],
    apply: impl Fn(&[Tensor; N]) -> Result<Vec<Tensor>>,
) -> Result<()> {
    let mut variables = Vec::new();
    for shape in shapes {
        variables.push(Var::from_tensor(&numbers(shape)?)?);
    }
    let tracked: [Tensor; N] = std::array::from_fn(|input| variables[input].as_tensor().clone());
    let untracked: [Tensor; N] = std::array::from_fn(|input| variables[input].detach());
    // An error would be timed as if it were a result; here it comes out.
    let results = apply(&untracked)?;
    let gradients: Vec<Tensor> =
        results.iter().map(|result| numbers(result.dims())).collect::<Result<_>>()?;
    let back = || -> Result<_> {
        let handed = apply(&tracked)?.into_iter().zip(&gradients);
        let mut sum = Tensor::new(0.0_f32, &Device::Cpu)?;
        for (result, gradient) in handed {
            sum = (sum + result.apply_op1(Upstream(gradient.clone()))?)?;
        }
        backward(&sum)
    };
    back()?;
    let mut group = criterion.benchmark_group(operation);
    group.throughput(amount.forward());
    group.bench_function(BenchmarkId::new("forward", size), |bencher| bencher.iter(|| apply(&untracked)));
    group.throughput(amount.both());
    group.bench_function(BenchmarkId::new("forward and backward", size), |bencher| bencher.iter(&back));
    group.finish();
    Ok(())
}

/// What an operation does on its way forward.
enum Amount {
    /// Floating-point operations of products, twice as many of which go back.
    Products(usize),
    /// Numbers that come out, which are gone over once more on the way back.
    Numbers(usize),
}

impl Amount {
    fn forward(&self) -> Throughput {
        let (Self::Products(amount) | Self::Numbers(amount)) = self;
        Throughput::Elements(*amount as u64)
    }

    fn both(&self) -> Throughput {
        Throughput::Elements(match self {
            Self::Products(amount) => 3 * *amount as u64,
            Self::Numbers(amount) => *amount as u64,
        })
    }
}

fn of_layers(criterion: &mut Criterion, student: &Student) -> Result<()> {
    let (width, inner, size) = (student.width, student.inner, student.name());
    let (states, wide, packed) = ([BATCH, LENGTH, width], [inner, width], [BATCH, LENGTH, 3 * width]);
    let product = Amount::Products(2 * TOKENS * width * inner);
    both_ways(
        criterion,
        ("linear, GELU", &size),
        &product,
        [&states, &wide, &[inner]],
        |[x, weight, bias]| Ok(vec![ops::linear(x, weight, Some(bias), Activation::Gelu)?]),
    )?;
    let every_state = Amount::Numbers(TOKENS * width);
    let dropout = Dropout::new(&Streams::new(1));
    let mask = dropout.mask(TOKENS * width, 0.1);
    both_ways(
        criterion,
        ("layer norm, residual", &size),
        &every_state,
        [&states, &states, &[2, width]],
        |[x, sublayer, affine]| Ok(vec![ops::residual_layer_norm(x, sublayer, affine, 1e-12, mask.clone())?]),
    )?;
    // Of scores, and of what the values make of them.
    let attention = Amount::Products(4 * TOKENS * LENGTH * width);
    let heads = AttentionHeads::new(HEADS, width)?;
    let keys = AttentionMask::keys(Arc::new(vec![1; TOKENS]));
    both_ways(criterion, ("attention", &size), &attention, [&packed], |[packed]| {
        Ok(vec![ops::attend_packed(packed, heads, &keys)?])
    })?;
    both_ways(criterion, ("attention with taps", &size), &attention, [&packed], |[packed]| {
        let (context, scores, _) = ops::attend_packed_with_taps(packed, heads, &keys)?;
        Ok(vec![context, scores])
    })?;
    let ids: Arc<Vec<u32>> = Arc::new((0..TOKENS).map(|token| (token * 7919 % VOCABULARY) as u32).collect());
    let positions = numbers(&[LENGTH, width])?;
    both_ways(criterion, ("embedding", &size), &every_state, [&[VOCABULARY, width]], |[table]| {
        Ok(vec![ops::embed(table, &ids, BATCH, 1.0, Some(&positions))?])
    })?;
    let teacher = numbers(&states)?;
    let weights = Arc::new(vec![1.0; TOKENS]);
    both_ways(criterion, ("squared error", &size), &every_state, [&states], |[student]| {
        let settings = SquaredError { weights: weights.clone(), columns: None };
        Ok(vec![ops::squared_error(student, &teacher, settings)?])
    })?;
    let mut group = criterion.benchmark_group("dropout mask");
    group.throughput(every_state.forward());
    group.bench_function(size, |bencher| bencher.iter(|| dropout.mask(TOKENS * width, 0.1)));
    group.finish();
    Ok(())
}

/// Products with weights that stay as they are, in each precision that is made here.
fn of_weights(criterion: &mut Criterion, student: &Student) -> Result<()> {
    let (width, inner) = (student.width, student.inner);
    let states = numbers(&[TOKENS, width])?;
    let bias = numbers(&[inner])?;
    let mut group = criterion.benchmark_group("product with fixed weights");
    group.throughput(Amount::Products(2 * TOKENS * width * inner).forward());
    for (name, products) in
        [("f32", MatmulPrecision::F32), ("bf16", MatmulPrecision::Bf16), ("int8", MatmulPrecision::Int8)]
    {
        if !products.is_supported() {
            continue;
        }
        let weight = LinearWeight::new(numbers(&[inner, width])?);
        let apply =
            || precision::with(products, || weight.linear(&states, Some(&bias), Activation::Identity));
        // The first product lays the weights out.
        apply()?;
        group.bench_function(BenchmarkId::new(name, student.name()), |bencher| {
            bencher.iter(apply);
        });
    }
    group.finish();
    Ok(())
}

/// What does not depend on the student's width.
fn of_distributions(criterion: &mut Criterion) -> Result<()> {
    let scores = [BATCH, HEADS, LENGTH, LENGTH];
    let keys = AttentionMask::keys(Arc::new(vec![1; TOKENS]));
    let count = Amount::Numbers(scores.iter().product());
    both_ways(criterion, ("softmax", &format!("{HEADS} heads")), &count, [&scores], |[scores]| {
        Ok(vec![ops::softmax(scores, Some(&keys))?])
    })?;
    let logits = [ASKED, VOCABULARY];
    let (size, count) = (format!("{ASKED} of {VOCABULARY}"), Amount::Numbers(ASKED * VOCABULARY));
    let weights = Arc::new(vec![1.0; ASKED]);
    let targets: Arc<Vec<u32>> = Arc::new((0..ASKED as u32).collect());
    both_ways(criterion, ("cross-entropy", &size), &count, [&logits], |[logits]| {
        let settings = CrossEntropy { targets: targets.clone(), weights: weights.clone(), smoothing: 0.0 };
        Ok(vec![ops::cross_entropy(logits, settings)?])
    })?;
    let teacher = numbers(&logits)?;
    both_ways(criterion, ("divergence", &size), &count, [&logits], |[student]| {
        let settings = Divergence { weights: weights.clone(), temperature: 2.0, squared: true };
        Ok(vec![ops::divergence(student, &teacher, settings)?])
    })
}

/// What runs on a GPU out of candle-nn, on this processor: the operations with gradients, the fused kernels without, and those
/// of this project.
fn of_candle_nn(criterion: &mut Criterion, student: &Student) -> Result<()> {
    let (width, size) = (student.width, student.name());
    let (scores, states) = ([BATCH, HEADS, LENGTH, LENGTH], [BATCH, LENGTH, width]);
    let every_score = Amount::Numbers(scores.iter().product());
    let every_state = Amount::Numbers(TOKENS * width);
    let softmax = ("candle-nn, softmax", size.as_str());
    both_ways(criterion, softmax, &every_score, [&scores], |[x]| {
        Ok(vec![candle_nn::ops::softmax(x, D::Minus1)?])
    })?;
    let own = ("own, softmax", size.as_str());
    both_ways(criterion, own, &every_score, [&scores], |[x]| Ok(vec![ops::softmax(x, None)?]))?;
    let norm = ("candle-nn, layer norm", size.as_str());
    both_ways(criterion, norm, &every_state, [&states, &[width], &[width]], |[x, weight, bias]| {
        Ok(vec![candle_nn::ops::layer_norm_slow(x, weight, bias, 1e-12)?])
    })?;
    let own = ("own, layer norm", size.as_str());
    both_ways(criterion, own, &every_state, [&states, &[2, width]], |[x, affine]| {
        Ok(vec![ops::layer_norm(x, affine, 1e-12)?])
    })?;
    let sigmoid = ("candle-nn, quick GELU", size.as_str());
    both_ways(criterion, sigmoid, &every_state, [&states], |[x]| {
        Ok(vec![(x * candle_nn::ops::sigmoid(&(x * 1.702)?)?)?])
    })?;
    let own = ("own, quick GELU", size.as_str());
    both_ways(criterion, own, &every_state, [&states], |[x]| {
        Ok(vec![ops::activate(x, Activation::QuickGelu)?])
    })?;
    let mut group = criterion.benchmark_group("candle-nn, fused");
    let (scores, states) = (numbers(&scores)?, numbers(&states)?);
    let (weight, bias) = (numbers(&[width])?, numbers(&[width])?);
    group.throughput(every_score.forward());
    group.bench_function(BenchmarkId::new("softmax_last_dim", &size), |bencher| {
        bencher.iter(|| candle_nn::ops::softmax_last_dim(&scores));
    });
    group.throughput(every_state.forward());
    group.bench_function(BenchmarkId::new("layer_norm of centred rows", &size), |bencher| {
        bencher.iter(|| {
            let centred = states.broadcast_sub(&states.mean_keepdim(D::Minus1)?)?;
            candle_nn::ops::layer_norm(&centred, &weight, &bias, 1e-12)
        });
    });
    group.finish();
    Ok(())
}

/// A step over all parameters of a student.
fn of_optimiser(criterion: &mut Criterion, student: &Student) -> std::result::Result<(), TensorError> {
    let (width, inner) = (student.width, student.inner);
    let mut parameters = Parameters::new();
    parameters.insert("embeddings.weight", &numbers(&[VOCABULARY, width])?)?;
    for layer in 0..student.layers {
        for (name, shape) in [
            ("attention.weight", [4 * width, width]),
            ("inner.weight", [inner, width]),
            ("outer.weight", [width, inner]),
            ("rest.bias", [9, width]),
        ] {
            parameters.insert(&format!("layer.{layer}.{name}"), &numbers(&shape)?)?;
        }
    }
    let mut sum = Tensor::new(0.0_f32, &Device::Cpu)?;
    for (_, variable) in parameters.trainable() {
        sum = (sum + variable.apply_op1(Upstream(numbers(variable.dims())?))?)?;
    }
    let gradients = Gradients::of(&sum, &parameters)?;
    let mut optimiser = AdamW::new(AdamWOptions::default());
    optimiser.step(&parameters, &gradients, 1.0, 1.0)?;
    let mut group = criterion.benchmark_group("AdamW");
    group.throughput(Throughput::Elements(parameters.count() as u64));
    group.bench_function(student.name(), |bencher| {
        bencher.iter(|| black_box(optimiser.step(&parameters, &gradients, 1.0, 1.0)));
    });
    group.finish();
    Ok(())
}

fn main() -> std::result::Result<(), TensorError> {
    // SAFETY: there is no second thread yet.
    unsafe { process::set_up() };
    threads::install(Some(THREADS), || {
        let mut criterion = Criterion::default()
            .without_plots()
            .sample_size(20)
            .nresamples(10_000)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1))
            .configure_from_args();
        for student in &STUDENTS {
            of_layers(&mut criterion, student)?;
            of_weights(&mut criterion, student)?;
            of_candle_nn(&mut criterion, student)?;
            of_optimiser(&mut criterion, student)?;
        }
        of_distributions(&mut criterion)?;
        criterion.final_summary();
        Ok(())
    })?
}
