//! A graph in the making.

use alambic_models::ModelError;
use alambic_tensor::candle::{self, DType};

use super::proto::{
    Attribute, Dimension, Extent, Graph, Model, Node, OperatorSet, Shape, Tensor, TensorType, Type, Value,
    element,
};

/// Version of the operators: the first with layer norm as one of them.
const OPERATORS: i64 = 17;
/// Version of the file format that goes with it.
const FORMAT: i64 = 8;

/// How constants of many numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// 32 bits.
    F32,
    /// 16 bits, IEEE half precision; computed with in 32.
    F16,
    /// Matrices and the table of words in eight bits with a scale for each column or row; activations are brought to
    /// eight bits as they come.
    Int8,
}

impl Storage {
    /// End of the name of a file's stem, as transformers.js has it.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::F32 => "",
            Self::F16 => "_fp16",
            Self::Int8 => "_quantized",
        }
    }
}

/// The name of a value in the graph.
pub(super) type Name = String;

/// A whole file, and the largest difference that storing made to a constant.
pub(super) type Finished = (Model, f64);

/// Collects nodes and constants.
pub(super) struct Builder {
    graph: Graph,
    storage: Storage,
    count: usize,
    /// Whether texts are those of the choices of prompts.
    over_choices: bool,
    /// The largest difference that storing made so far.
    difference: f64,
}

/// The input of tokens.
const INPUT_IDS: &str = "input_ids";

impl Builder {
    pub(super) fn new(name: &str, storage: Storage) -> Self {
        Self {
            graph: Graph { name: name.to_owned(), ..Graph::default() },
            storage,
            count: 0,
            over_choices: false,
            difference: 0.0,
        }
    }

    /// The same graph over the choices of prompts: its inputs of tokens are `[batch, choices, sequence]`, as those of transformers'
    /// classes of multiple choice, and each prompt with one of its choices is a text by itself.
    pub(super) fn over_choices(self, over_choices: bool) -> Self {
        Self { over_choices, ..self }
    }

    /// The scores of texts, `[batch · choices, 1]`, as `[batch, choices]`.
    pub(super) fn by_choice(&mut self, scores: &str) -> Name {
        let shape = self.node("Shape", &[INPUT_IDS], Vec::new());
        let first = self.integers("axes of prompts and choices", &[2], &[0, 1]);
        let shape = self.node("Gather", &[&shape, &first], Vec::new());
        self.node("Reshape", &[scores, &shape], Vec::new())
    }

    /// An input of whole numbers, `[batch, sequence]`.
    pub(super) fn tokens(&mut self, name: &str) -> Name {
        if self.over_choices {
            let input = self.whole_numbers(name, &["batch".into(), "choices".into(), "sequence".into()]);
            return self.node("Flatten", &[&input], vec![integer("axis", 2)]);
        }
        self.whole_numbers(name, &["batch".into(), "sequence".into()])
    }

    /// An input of whole numbers.
    pub(super) fn whole_numbers(&mut self, name: &str, dimensions: &[Extent]) -> Name {
        self.input(name, element::I64, dimensions)
    }

    /// An input that is true or false, `[1]`.
    pub(super) fn switch(&mut self, name: &str) -> Name {
        self.input(name, element::BOOL, &[1.into()])
    }

    /// An input of numbers.
    pub(super) fn numbers(&mut self, name: &str, dimensions: &[Extent]) -> Name {
        self.input(name, element::F32, dimensions)
    }

    fn input(&mut self, name: &str, element: i32, dimensions: &[Extent]) -> Name {
        self.graph.input.push(value(name, element, dimensions));
        name.to_owned()
    }

    /// Makes a value an output of this name.
    pub(super) fn output(&mut self, of: &str, name: &str, dimensions: &[Extent]) {
        self.output_of(of, name, element::F32, dimensions);
    }

    /// The same of whole numbers.
    pub(super) fn whole_output(&mut self, of: &str, name: &str, dimensions: &[Extent]) {
        self.output_of(of, name, element::I64, dimensions);
    }

    fn output_of(&mut self, of: &str, name: &str, element: i32, dimensions: &[Extent]) {
        self.graph.node.push(Node {
            input: vec![of.to_owned()],
            output: vec![name.to_owned()],
            name: format!("output {name}"),
            op_type: "Identity".into(),
            ..Node::default()
        });
        self.graph.output.push(value(name, element, dimensions));
    }

    /// An operation with one output.
    pub(super) fn node(&mut self, operation: &str, inputs: &[&str], attributes: Vec<Attribute>) -> Name {
        let [output] = self.nodes(operation, inputs, attributes);
        output
    }

    /// An operation with several outputs.
    pub(super) fn nodes<const OUTPUTS: usize>(
        &mut self,
        operation: &str,
        inputs: &[&str],
        attribute: Vec<Attribute>,
    ) -> [Name; OUTPUTS] {
        self.count += 1;
        let name = format!("{operation} {}", self.count);
        let output = std::array::from_fn(|index| format!("{name}:{index}"));
        self.graph.node.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: output.to_vec(),
            name,
            op_type: operation.to_owned(),
            attribute,
        });
        output
    }

    /// The values of one branch where `condition` is true, and those of the other where it is not. A branch may read
    /// everything that is there before.
    pub(super) fn choose(
        &mut self,
        condition: &str,
        inside: &mut dyn FnMut(&mut Self) -> Result<Vec<Name>, ModelError>,
        otherwise: &mut dyn FnMut(&mut Self) -> Result<Vec<Name>, ModelError>,
    ) -> Result<Vec<Name>, ModelError> {
        let (then, count) = self.branch("then", inside)?;
        let (other, _) = self.branch("else", otherwise)?;
        self.count += 1;
        let name = format!("If {}", self.count);
        let output: Vec<Name> = (0..count).map(|index| format!("{name}:{index}")).collect();
        self.graph.node.push(Node {
            input: vec![condition.to_owned()],
            output: output.clone(),
            name,
            op_type: "If".into(),
            attribute: vec![graph("then_branch", then), graph("else_branch", other)],
        });
        Ok(output)
    }

    /// The value of `step` after so many repetitions, a whole number of its own: it is given the number of the repetition, from 0, and
    /// the value before it, at first `start`. With `keeps_each`, the values of all repetitions as well, one behind the other along a
    /// first axis. A step may read everything that is there before.
    ///
    /// This is a `Loop`, which the runtimes have that lack `Scan`.
    pub(super) fn repeat(
        &mut self,
        count: &str,
        start: &str,
        keeps_each: bool,
        step: &mut dyn FnMut(&mut Self, &str, &str) -> Name,
    ) -> (Name, Option<Name>) {
        self.count += 1;
        let name = format!("Loop {}", self.count);
        let [index, condition, before] =
            ["repetition", "condition", "before"].map(|part| format!("{name} {part}"));
        let outer = std::mem::take(&mut self.graph.node);
        let after = step(self, &index, &before);
        let goes_on = self.node("Identity", &[&condition], Vec::new());
        let mut outputs = vec![(goes_on, element::BOOL), (after.clone(), element::F32)];
        if keeps_each {
            outputs.push((self.node("Identity", &[&after], Vec::new()), element::F32));
        }
        let node = std::mem::replace(&mut self.graph.node, outer);
        let typed = |(name, element): (Name, i32)| {
            let kind = Type { tensor: Some(TensorType { element, shape: None }) };
            Value { name, kind: Some(kind) }
        };
        let body = Graph {
            node,
            name: format!("{name} body"),
            input: vec![
                value(&index, element::I64, &[]),
                value(&condition, element::BOOL, &[]),
                typed((before, element::F32)),
            ],
            output: outputs.into_iter().map(typed).collect(),
            ..Graph::default()
        };
        let output: Vec<Name> =
            (0..=usize::from(keeps_each)).map(|index| format!("{name}:{index}")).collect();
        self.graph.node.push(Node {
            // No condition: only the number of repetitions counts.
            input: vec![count.to_owned(), String::new(), start.to_owned()],
            output: output.clone(),
            name,
            op_type: "Loop".into(),
            attribute: vec![graph("body", body)],
        });
        let mut output = output.into_iter();
        (output.next().unwrap_or_default(), output.next())
    }

    /// A branch, whose constants are those of the whole graph, and the number of its outputs.
    fn branch(
        &mut self,
        name: &str,
        make: &mut dyn FnMut(&mut Self) -> Result<Vec<Name>, ModelError>,
    ) -> Result<(Graph, usize), ModelError> {
        let before = std::mem::take(&mut self.graph.node);
        let values = make(self);
        let mut node = std::mem::replace(&mut self.graph.node, before);
        let mut output = Vec::new();
        for of in values? {
            self.count += 1;
            let own = format!("{name} {}", self.count);
            let kind = Type { tensor: Some(TensorType { element: element::F32, shape: None }) };
            output.push(Value { name: own.clone(), kind: Some(kind) });
            node.push(Node {
                input: vec![of],
                output: vec![own.clone()],
                name: own,
                op_type: "Identity".into(),
                ..Node::default()
            });
        }
        let count = output.len();
        Ok((Graph { node, name: name.to_owned(), output, ..Graph::default() }, count))
    }

    /// Constant whole numbers.
    pub(super) fn integers(&mut self, name: &str, dims: &[usize], values: &[i64]) -> Name {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, dims, element::I64, raw)
    }

    /// One constant number.
    pub(super) fn number(&mut self, name: &str, value: f32) -> Name {
        self.constant(name, &[], element::F32, value.to_le_bytes().to_vec())
    }

    /// Constant numbers, always in 32 bits: biases and norms.
    pub(super) fn vector(&mut self, name: &str, tensor: &candle::Tensor) -> Result<Name, ModelError> {
        let raw = floats(tensor)?.iter().flat_map(|value| value.to_le_bytes()).collect();
        Ok(self.constant(name, tensor.dims(), element::F32, raw))
    }

    /// Constant numbers, stored in 16 bits where that is asked for.
    pub(super) fn table(&mut self, name: &str, tensor: &candle::Tensor) -> Result<Name, ModelError> {
        if self.storage != Storage::F16 {
            return self.vector(name, tensor);
        }
        let halves = tensor.detach().to_dtype(DType::F16)?;
        self.differ(&floats(tensor)?, &floats(&halves.to_dtype(DType::F32)?)?);
        let halves = halves.flatten_all()?.to_vec1::<half::f16>()?;
        let raw = halves.iter().flat_map(|value| value.to_le_bytes()).collect();
        let stored = self.constant(name, tensor.dims(), element::F16, raw);
        Ok(self.node("Cast", &[&stored], vec![integer("to", element::F32.into())]))
    }

    /// `x Wᵀ + b` for a weight `[outputs, inputs]`.
    pub(super) fn linear(
        &mut self,
        x: &str,
        name: &str,
        weight: &candle::Tensor,
        bias: &candle::Tensor,
    ) -> Result<Name, ModelError> {
        let bias = self.vector(&format!("{name}.bias"), bias)?;
        let product = self.product(x, &format!("{name}.weight"), weight)?;
        Ok(self.node("Add", &[&product, &bias], Vec::new()))
    }

    /// `x Wᵀ`.
    pub(super) fn product(
        &mut self,
        x: &str,
        name: &str,
        weight: &candle::Tensor,
    ) -> Result<Name, ModelError> {
        let transposed = weight.t()?.contiguous()?;
        if self.storage != Storage::Int8 {
            let weight = self.table(name, &transposed)?;
            return Ok(self.node("MatMul", &[x, &weight], Vec::new()));
        }
        let (outputs, _) = weight.dims2()?;
        // One scale for each output: a row of the weight.
        let (rows, scales) = self.quantised(weight)?;
        let inputs = rows.len() / outputs.max(1);
        let columns: Vec<u8> = (0..inputs)
            .flat_map(|input| (0..outputs).map(move |output| (input, output)))
            .map(|(input, output)| rows[output * inputs + input].to_le_bytes()[0])
            .collect();
        let stored = self.constant(&format!("{name}.int8"), &[inputs, outputs], element::I8, columns);
        let raw = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let scales = self.constant(&format!("{name}.scale"), &[outputs], element::F32, raw);
        Ok(self.small_product(x, &stored, &scales))
    }

    /// Rows of a table `[rows, width]` by their indices.
    pub(super) fn look_up(
        &mut self,
        name: &str,
        table: &candle::Tensor,
        indices: &str,
    ) -> Result<Name, ModelError> {
        if self.storage != Storage::Int8 {
            let table = self.table(name, table)?;
            return Ok(self.node("Gather", &[&table, indices], Vec::new()));
        }
        let [stored, scales] = self.small_rows(name, table)?;
        let values = self.node("Gather", &[&stored, indices], Vec::new());
        let values = self.node("Cast", &[&values], vec![integer("to", element::F32.into())]);
        let scale = self.node("Gather", &[&scales, indices], Vec::new());
        Ok(self.node("Mul", &[&values, &scale], Vec::new()))
    }

    /// `x Tᵀ` for a table `[rows, width]` that rows are taken from as well: it is stored once.
    pub(super) fn product_with_table(
        &mut self,
        x: &str,
        name: &str,
        table: &candle::Tensor,
    ) -> Result<Name, ModelError> {
        let turn = || vec![integers("perm", &[1, 0])];
        if self.storage != Storage::Int8 {
            let table = self.table(name, table)?;
            let table = self.node("Transpose", &[&table], turn());
            return Ok(self.node("MatMul", &[x, &table], Vec::new()));
        }
        let [stored, scales] = self.small_rows(name, table)?;
        let stored = self.node("Transpose", &[&stored], turn());
        let scales = self.node("Transpose", &[&scales], turn());
        Ok(self.small_product(x, &stored, &scales))
    }

    /// A table in eight bits, `[rows, width]`, and the scale of each row, `[rows, 1]`.
    fn small_rows(&mut self, name: &str, table: &candle::Tensor) -> Result<[Name; 2], ModelError> {
        let (count, width) = table.dims2()?;
        let (rows, scales) = self.quantised(table)?;
        let raw = rows.iter().map(|value| value.to_le_bytes()[0]).collect();
        let stored = self.constant(&format!("{name}.int8"), &[count, width], element::I8, raw);
        let raw = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        Ok([stored, self.constant(&format!("{name}.scale"), &[count, 1], element::F32, raw)])
    }

    /// `x W` for a weight in eight bits, `[inputs, outputs]`, with the scale of each column.
    fn small_product(&mut self, x: &str, weight: &str, scales: &str) -> Name {
        let [values, scale, zero] = self.nodes("DynamicQuantizeLinear", &[x], Vec::new());
        let sums = self.node("MatMulInteger", &[&values, weight, &zero], Vec::new());
        let sums = self.node("Cast", &[&sums], vec![integer("to", element::F32.into())]);
        let factor = self.node("Mul", &[&scale, scales], Vec::new());
        self.node("Mul", &[&sums, &factor], Vec::new())
    }

    fn constant(&mut self, name: &str, dims: &[usize], data_type: i32, raw_data: Vec<u8>) -> Name {
        // A constant of small numbers may be asked for twice.
        if !self.graph.initializer.iter().any(|tensor| tensor.name == name) {
            let dims = dims.iter().map(|&dim| dim as i64).collect();
            self.graph.initializer.push(Tensor { dims, data_type, name: name.to_owned(), raw_data });
        }
        name.to_owned()
    }

    /// Rows of a matrix in eight bits, symmetric about zero, with the scale of each row.
    fn quantised(&mut self, matrix: &candle::Tensor) -> Result<(Vec<i8>, Vec<f32>), ModelError> {
        let (_, width) = matrix.dims2()?;
        let values = floats(matrix)?;
        let mut quantised = Vec::with_capacity(values.len());
        let mut scales = Vec::new();
        for row in values.chunks(width.max(1)) {
            let largest = row.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
            scales.push(scale);
            quantised.extend(row.iter().map(|value| (value / scale).round().clamp(-127.0, 127.0) as i8));
        }
        let scale = |index: usize| scales[index / width.max(1)];
        let stored: Vec<f32> =
            quantised.iter().enumerate().map(|(index, &value)| f32::from(value) * scale(index)).collect();
        self.differ(&values, &stored);
        Ok((quantised, scales))
    }

    fn differ(&mut self, values: &[f32], stored: &[f32]) {
        let most = values.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
        for (value, stored) in values.iter().zip(stored) {
            self.difference = self.difference.max(f64::from((value - stored).abs() / most));
        }
    }

    /// The whole file.
    pub(super) fn finish(self) -> Finished {
        let model = Model {
            ir_version: FORMAT,
            producer_name: "alambic".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSet { domain: String::new(), version: OPERATORS }],
        };
        (model, self.difference)
    }
}

fn value(name: &str, element: i32, dimensions: &[Extent]) -> Value {
    let dim = dimensions.iter().map(|extent| Dimension { extent: Some(extent.clone()) }).collect();
    let tensor = TensorType { element, shape: Some(Shape { dim }) };
    Value { name: name.to_owned(), kind: Some(Type { tensor: Some(tensor) }) }
}

impl From<&str> for Extent {
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

impl From<usize> for Extent {
    fn from(size: usize) -> Self {
        Self::Fixed(size as i64)
    }
}

/// An attribute of one whole number.
pub(super) fn integer(name: &str, value: i64) -> Attribute {
    Attribute { name: name.to_owned(), i: value, kind: 2, ..Attribute::default() }
}

/// An attribute of several whole numbers.
pub(super) fn integers(name: &str, values: &[i64]) -> Attribute {
    Attribute { name: name.to_owned(), ints: values.to_vec(), kind: 7, ..Attribute::default() }
}

/// An attribute of a graph.
fn graph(name: &str, value: Graph) -> Attribute {
    Attribute { name: name.to_owned(), g: Some(value), kind: 5, ..Attribute::default() }
}

/// An attribute of one number.
pub(super) fn float(name: &str, value: f32) -> Attribute {
    Attribute { name: name.to_owned(), f: value, kind: 1, ..Attribute::default() }
}

fn floats(tensor: &candle::Tensor) -> Result<Vec<f32>, ModelError> {
    Ok(tensor.detach().flatten_all()?.to_vec1()?)
}
