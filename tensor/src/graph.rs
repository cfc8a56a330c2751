//! Graph of the operations of this crate, and the backward pass through it without zero buffers.
//!
//! candle gives every tensor that a gradient reaches a buffer of zeros first, and adds each contribution into a new one: for
//! a training step that is a fifth of the time, since nearly all tensors get one contribution. The operations of this crate
//! therefore keep a graph of their own, in which a first contribution is taken as it is. To candle, the result of such an
//! operation looks like that of an operation over one number; when candle's own backward pass comes to it, the gradient is
//! put aside, and [`backward`] goes on from there. Where candle's operations stand between ours, it is asked again, so that
//! both can be mixed.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use candle_core::backprop::GradStore;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, Layout, Result, Shape, Storage, Tensor, TensorId,
    Var, bail,
};

use crate::gradient::{Gradient, GradientAccumulator};

/// The gradients of an operation's inputs, where they are wanted, given inputs, results and the gradients of the results,
/// where any came.
type Backward =
    dyn Fn(&[Tensor], &[Tensor], &[Option<Tensor>]) -> Result<Vec<Option<Gradient>>> + Send + Sync;

/// Node of the graph that an input comes from.
enum GraphNode {
    /// An operation of this graph, and which of its results it is.
    Operation(Arc<Operation>, usize),
    /// A variable.
    Variable,
    /// An operation of candle's.
    Candle,
    /// Nothing that gets a gradient.
    Constant,
}

/// Operation that was run, with what its backward pass needs.
struct Operation {
    /// Counts up, so that an operation has a higher number than those it builds on.
    number: u64,
    inputs: Vec<(Tensor, GraphNode)>,
    /// The results, without their place in the graph.
    results: OnceLock<Vec<Tensor>>,
    ids: OnceLock<Vec<TensorId>>,
    backward: Box<Backward>,
}

impl Drop for Operation {
    fn drop(&mut self) {
        let mut live = live_operations();
        for id in self.ids.get().into_iter().flatten() {
            live.remove(id);
        }
    }
}

/// Operations, and which of their results it is, by tensor.
type LiveOperations = HashMap<TensorId, (Weak<Operation>, usize)>;

/// The operations whose results are still held.
static LIVE: OnceLock<Mutex<LiveOperations>> = OnceLock::new();

fn live_operations() -> MutexGuard<'static, LiveOperations> {
    LIVE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one number over which candle takes all operations of this graph to be, so that it keeps their place in its own.
fn anchor() -> Result<&'static Tensor> {
    static ANCHOR: OnceLock<Var> = OnceLock::new();
    if let Some(anchor) = ANCHOR.get() {
        return Ok(anchor.as_tensor());
    }
    let anchor = Var::zeros((), candle_core::DType::F32, &Device::Cpu)?;
    Ok(ANCHOR.get_or_init(|| anchor).as_tensor())
}

/// Gradients of the results of operations.
type ReachedResults = Vec<(Arc<Operation>, usize, Tensor)>;

thread_local! {
    /// Results that candle's pass has reached; none where no pass of this graph is running.
    static COLLECTED: RefCell<Option<ReachedResults>> = const { RefCell::new(None) };
}

/// Result of an operation, as candle sees it.
struct RecordedResult {
    ready: Mutex<Option<(CpuStorage, Shape)>>,
    node: Arc<Operation>,
    index: usize,
}

impl CustomOp1 for RecordedResult {
    fn name(&self) -> &'static str {
        "alambic"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        match self.ready.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(given) => Ok(given),
            None => bail!("an operation gives its result once"),
        }
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        COLLECTED.with_borrow_mut(|collected| match collected {
            Some(collected) => {
                collected.push((self.node.clone(), self.index, gradient.clone()));
                Ok(None)
            }
            None => bail!("gradients through these operations come from `alambic_tensor::gradients::backward`, not from `Tensor::backward`"),
        })
    }
}

/// The results of an operation as tensors, with their place in the graph if a gradient may be asked for.
pub(crate) fn record<G: Into<Gradient>>(
    results: Vec<(CpuStorage, Shape)>,
    inputs: &[&Tensor],
    backward: impl Fn(&[Tensor], &[Tensor], &[Option<Tensor>]) -> Result<Vec<Option<G>>> + Send + Sync + 'static,
) -> Result<Vec<Tensor>> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    if !inputs.iter().any(|tensor| tensor.track_op()) {
        let plain = |(storage, shape)| match storage {
            CpuStorage::F32(values) => Tensor::from_vec(values, shape, &Device::Cpu),
            _ => bail!("these operations give f32"),
        };
        return results.into_iter().map(plain).collect();
    }
    let source = |tensor: &Tensor| {
        if !tensor.track_op() {
            return GraphNode::Constant;
        }
        let node =
            live_operations().get(&tensor.id()).and_then(|(node, index)| Some((node.upgrade()?, *index)));
        match node {
            Some((node, index)) => GraphNode::Operation(node, index),
            None if tensor.is_variable() => GraphNode::Variable,
            None => GraphNode::Candle,
        }
    };
    let node = Arc::new(Operation {
        number: NUMBER.fetch_add(1, Ordering::Relaxed),
        inputs: inputs.iter().map(|&tensor| (tensor.clone(), source(tensor))).collect(),
        results: OnceLock::new(),
        ids: OnceLock::new(),
        backward: Box::new(move |inputs, results, upstream| {
            let gradients = backward(inputs, results, upstream)?;
            Ok(gradients.into_iter().map(|gradient| gradient.map(G::into)).collect())
        }),
    });
    let given = results.into_iter().enumerate().map(|(index, result)| {
        let given = RecordedResult { ready: Mutex::new(Some(result)), node: node.clone(), index };
        anchor()?.apply_op1(given)
    });
    let given: Vec<Tensor> = given.collect::<Result<_>>()?;
    live_operations().extend(
        given.iter().enumerate().map(|(index, tensor)| (tensor.id(), (Arc::downgrade(&node), index))),
    );
    // Each is set once, here.
    let _ = node.ids.set(given.iter().map(Tensor::id).collect());
    let _ = node.results.set(given.iter().map(Tensor::detach).collect());
    Ok(given)
}

/// The result of an operation with one, as [`record`] gives it.
pub(crate) fn record_one<G: Into<Gradient>>(
    result: (CpuStorage, Shape),
    inputs: &[&Tensor],
    backward: impl Fn(&[Tensor], &Tensor, &Tensor) -> Result<Vec<Option<G>>> + Send + Sync + 'static,
) -> Result<Tensor> {
    let results = record(vec![result], inputs, move |inputs, results, upstream| match (results, upstream) {
        ([result], [Some(upstream)]) => backward(inputs, result, upstream),
        _ => bail!("an operation with one result and its gradient was expected"),
    })?;
    match <[Tensor; 1]>::try_from(results) {
        Ok([result]) => Ok(result),
        Err(results) => bail!("{} results of an operation with one", results.len()),
    }
}

/// Calls `run` with the storages and layouts of tensors in CPU memory.
pub(crate) fn with_storages<T, const N: usize>(
    tensors: [&Tensor; N],
    run: impl FnOnce([(&CpuStorage, &Layout); N]) -> Result<T>,
) -> Result<T> {
    let guards = tensors.map(Tensor::storage_and_layout);
    let mut storages = Vec::with_capacity(N);
    for (storage, layout) in &guards {
        let Storage::Cpu(storage) = &**storage else { bail!("these operations run on the CPU only") };
        storages.push((storage, *layout));
    }
    match storages.try_into() {
        Ok(storages) => run(storages),
        Err(_) => bail!("as many storages as tensors"),
    }
}

/// The result of an operation over one tensor.
pub(crate) fn apply1(x: &Tensor, operation: impl CustomOp1 + Send + Sync + 'static) -> Result<Tensor> {
    let result = with_storages([x], |[x]| operation.cpu_fwd(x.0, x.1))?;
    record_one(result, &[x], move |inputs, output, upstream| {
        Ok(vec![operation.bwd(&inputs[0], output, upstream)?])
    })
}

/// The result of an operation over two tensors.
pub(crate) fn apply2(
    x: &Tensor,
    y: &Tensor,
    operation: impl CustomOp2 + Send + Sync + 'static,
) -> Result<Tensor> {
    let result = with_storages([x, y], |[x, y]| operation.cpu_fwd(x.0, x.1, y.0, y.1))?;
    record_one(result, &[x, y], move |inputs, output, upstream| {
        let (x, y) = operation.bwd(&inputs[0], &inputs[1], output, upstream)?;
        Ok(vec![x, y])
    })
}

/// The result of an operation over three tensors.
pub(crate) fn apply3(
    x: &Tensor,
    y: &Tensor,
    z: &Tensor,
    operation: impl CustomOp3 + Send + Sync + 'static,
) -> Result<Tensor> {
    let result = with_storages([x, y, z], |[x, y, z]| operation.cpu_fwd(x.0, x.1, y.0, y.1, z.0, z.1))?;
    record_one(result, &[x, y, z], move |inputs, output, upstream| {
        let (x, y, z) = operation.bwd(&inputs[0], &inputs[1], &inputs[2], output, upstream)?;
        Ok(vec![x, y, z])
    })
}

/// Gradient that is given to candle's pass: nothing forward, the gradient backward.
struct UpstreamGradient(Tensor);

impl CustomOp1 for UpstreamGradient {
    fn name(&self) -> &'static str {
        "upstream gradient"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.0.clone()))
    }
}

/// Gradients of variables, by tensor.
#[derive(Debug, Default)]
pub struct TensorGradients(HashMap<TensorId, Tensor>);

impl TensorGradients {
    /// The gradient of a variable; none for what the backward pass did not reach.
    #[must_use]
    pub fn get(&self, variable: &Tensor) -> Option<&Tensor> {
        self.0.get(&variable.id())
    }
}

/// Backward pass that is running.
#[derive(Default)]
struct BackwardPass {
    /// Gradients of the results of operations that are still to be visited, by their number.
    pending: BTreeMap<u64, (Arc<Operation>, Vec<GradientAccumulator>)>,
    variables: HashMap<TensorId, GradientAccumulator>,
}

impl BackwardPass {
    fn reach(&mut self, node: &Arc<Operation>, index: usize, gradient: Gradient) -> Result<()> {
        let results = node.results.get().map_or(0, Vec::len);
        let nothing =
            || (node.clone(), std::iter::repeat_with(GradientAccumulator::default).take(results).collect());
        self.pending.entry(node.number).or_insert_with(nothing).1[index].add(gradient)
    }

    /// Goes through candle's operations behind a number.
    fn through_candle(&mut self, number: &Tensor) -> Result<()> {
        let before = COLLECTED.replace(Some(Vec::new()));
        let store = number.backward();
        let collected = COLLECTED.replace(before);
        let store: GradStore = store?;
        for (node, index, gradient) in collected.into_iter().flatten() {
            self.reach(&node, index, gradient.into())?;
        }
        for &id in store.get_ids() {
            if let Some(gradient) = store.get_id(id) {
                self.variables.entry(id).or_default().add(gradient.clone().into())?;
            }
        }
        Ok(())
    }
}

/// The gradients of a number with regard to all variables that it depends on.
///
/// # Errors
/// When an operation on the way has no gradient, or cannot be computed.
pub fn backward(number: &Tensor) -> Result<TensorGradients> {
    let whole = |(id, gradient): (TensorId, Gradient)| Ok((id, gradient.tensor()?));
    gradients(number)?.into_iter().map(whole).collect::<Result<_>>().map(TensorGradients)
}

/// The gradients of a number, each dense or sparse.
pub(crate) fn gradients(number: &Tensor) -> Result<HashMap<TensorId, Gradient>> {
    let mut pass = BackwardPass::default();
    pass.through_candle(number)?;
    while let Some((_, (node, sums))) = pass.pending.pop_last() {
        let Some(results) = node.results.get() else { continue };
        let whole =
            |sum: GradientAccumulator| sum.into_gradient().map(|gradient| gradient.tensor()).transpose();
        let upstream: Vec<Option<Tensor>> = sums.into_iter().map(whole).collect::<Result<_>>()?;
        let tensors: Vec<Tensor> = node.inputs.iter().map(|(tensor, _)| tensor.clone()).collect();
        let gradients = (node.backward)(&tensors, results, &upstream)?;
        for ((tensor, source), gradient) in node.inputs.iter().zip(gradients) {
            let Some(gradient) = gradient else { continue };
            match source {
                GraphNode::Operation(node, index) => pass.reach(node, *index, gradient)?,
                GraphNode::Variable => pass.variables.entry(tensor.id()).or_default().add(gradient)?,
                GraphNode::Candle => {
                    pass.through_candle(&tensor.apply_op1(UpstreamGradient(gradient.tensor()?))?)?;
                }
                GraphNode::Constant => {}
            }
        }
    }
    Ok(pass.variables.into_iter().filter_map(|(id, sum)| Some((id, sum.into_gradient()?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{Activation, activate, linear};

    fn variable(values: &[f32], shape: (usize, usize)) -> Var {
        Var::from_tensor(&Tensor::from_vec(values.to_vec(), shape, &Device::Cpu).unwrap()).unwrap()
    }

    fn values(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// `x` and `w` used by operations of both graphs, in both orders and more than once.
    fn mixed(x: &Tensor, w: &Tensor, own: bool) -> Result<Tensor> {
        let product = |x: &Tensor, w: &Tensor| {
            if own { linear(x, w, None, Activation::Identity) } else { x.matmul(&w.t()?) }
        };
        let relu = |x: &Tensor| if own { activate(x, Activation::Relu) } else { x.relu() };
        let first = product(x, w)?;
        let second = relu(&(first.reshape((2, 2))? + x)?)?;
        let third = product(&second.t()?.contiguous()?, &(w * 0.5)?)?;
        (((third * &first)? + second)? + w)?.sqr()?.mean_all()
    }

    #[test]
    fn gradients_are_those_of_candle_however_operations_are_mixed() {
        let x = variable(&[1.0, -2.0, 0.5, 3.0], (2, 2));
        let w = variable(&[0.3, 0.7, -0.2, 1.1], (2, 2));
        let own = backward(&mixed(&x, &w, true).unwrap()).unwrap();
        let loss = mixed(&x, &w, false).unwrap();
        let candles = loss.backward().unwrap();
        for variable in [&x, &w] {
            let expected = values(candles.get(variable.as_tensor()).unwrap());
            let found = values(own.get(variable.as_tensor()).unwrap());
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
            }
        }
        // A loss of candle's operations alone does as well, and both more than once.
        for loss in [loss, mixed(&x, &w, true).unwrap()] {
            let [first, second] = [backward(&loss).unwrap(), backward(&loss).unwrap()];
            assert_eq!(values(first.get(x.as_tensor()).unwrap()), values(second.get(x.as_tensor()).unwrap()));
        }
    }

    #[test]
    fn constants_get_no_gradient_and_only_candle_refuses() {
        let x = variable(&[1.0, -2.0], (1, 2));
        let constant = Tensor::new(&[[2.0f32, 3.0]], &Device::Cpu).unwrap();
        let loss = linear(&x, &constant, None, Activation::Identity).unwrap().sum_all().unwrap();
        let gradients = backward(&loss).unwrap();
        assert!(gradients.get(&constant).is_none());
        assert_eq!(values(gradients.get(x.as_tensor()).unwrap()), [2.0, 3.0]);
        assert!(loss.backward().unwrap_err().to_string().contains("gradients::backward"));
        let untracked = linear(&constant, &constant, None, Activation::Identity).unwrap();
        assert!(!untracked.track_op());
    }

    #[test]
    fn a_graph_goes_with_its_tensors() {
        let x = variable(&[1.0, -2.0], (1, 2));
        let id = {
            let y = activate(&x, Activation::Tanh).unwrap();
            assert!(live_operations().contains_key(&y.id()));
            y.id()
        };
        assert!(!live_operations().contains_key(&id));
    }
}
