//! Narrower text encoders: some of the numbers of a teacher's hidden states.

use alambic_models::ModelError;
use alambic_models::text_encoder::{EncoderNames, Structure, TextEncoderConfig};
use alambic_tensor::candle::{self, DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;

use crate::StudentError;

/// The configuration of an encoder that keeps `width` numbers of every hidden state: as many heads and inner numbers of
/// feed-forward layers less, in proportion.
///
/// # Errors
/// When that is no whole number of heads, or the encoder's pooling has layers of its own.
pub(crate) fn narrow_config(
    config: &TextEncoderConfig,
    width: usize,
) -> Result<TextEncoderConfig, StudentError> {
    let refused = |reason: String| Err(StudentError::Incompatible(reason));
    let is_as_bert =
        Structure { counts_from_padding: false, ..config.structure.clone() } == Structure::default();
    if !is_as_bert {
        return refused(format!(
            "`width` narrows encoders that are built as BERT is, and not a {}: leave `width` out",
            config.family.model_type()
        ));
    }
    let head_width = config.width / config.heads.max(1);
    if width > config.width || head_width == 0 || !width.is_multiple_of(head_width) {
        let (own, heads) = (config.width, config.heads);
        return refused(format!(
            "`width` is {width}; the teacher has {heads} heads of {head_width} numbers, so it is a multiple of {head_width} up to {own}"
        ));
    }
    let has_layers = config
        .pooling
        .as_ref()
        .is_some_and(|pooling| !pooling.layers().is_empty() || pooling.dense().count() > 0);
    if has_layers && width < config.width {
        return refused(
            "the teacher's pooling has layers of its own, which read whole states: leave `width` out".into(),
        );
    }
    Ok(TextEncoderConfig {
        width,
        heads: width / head_width,
        intermediate_size: (config.intermediate_size * width / config.width).max(1),
        ..config.clone()
    })
}

/// The weights of an encoder with those numbers of its hidden states that its norms let through most, its strongest heads and the
/// strongest inner numbers of its feed-forward layers, as many as the narrower configuration has; and the places of the kept
/// numbers of states.
///
/// Matrices that read states are scaled by the root of what is left out, so that their outputs stay as large.
///
/// # Errors
/// When a tensor is missing.
pub(crate) fn narrow_weights(
    config: &TextEncoderConfig,
    narrower: &TextEncoderConfig,
    weights: &Weights,
) -> Result<(Weights, Vec<u32>), StudentError> {
    let names = config.names();
    let layers: Vec<EncoderNames> = (0..config.layers).map(|index| names.layer(index)).collect();
    let norms: Vec<String> = layers.iter().flat_map(norms).collect();
    let mut importance = vec![0.0; config.width];
    for norm in &norms {
        let gains = part(weights, norm, "weight")?.abs().and_then(|gains| gains.to_vec1::<f32>());
        let gains = gains.map_err(ModelError::from)?;
        let sum: f32 = gains.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        importance.iter_mut().zip(gains).for_each(|(own, gain)| *own += gain / sum);
    }
    let kept = largest(&importance, narrower.width);
    let scale = (config.width as f64 / narrower.width as f64).sqrt();
    // A head, if there is one, begins anew.
    let kept_names = weights.iter().filter(|(name, _)| !config.is_of_head(name));
    let mut narrow: Weights = kept_names.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
    let mut cut = |name: String, change: &dyn Fn(&Tensor) -> candle::Result<Tensor>| {
        let Some(tensor) = narrow.get_mut(&name) else { return Err(ModelError::MissingTensor(name)) };
        *tensor = change(&tensor.to_dtype(DType::F32)?)?;
        Ok::<_, ModelError>(())
    };
    let columns = |tensor: &Tensor| pick(tensor, &kept, 1);
    let norm = |tensor: &Tensor| pick(tensor, &kept, 0);
    let tables = ["word", "position"].into_iter().chain((config.segments > 0).then_some("token_type"));
    for kind in tables {
        cut(names.table(kind), &columns)?;
    }
    for name in std::iter::once(names.embedding_norm()).chain(norms) {
        for part in ["weight", "bias"] {
            cut(format!("{name}.{part}"), &norm)?;
        }
    }
    if config.pooler {
        cut(format!("{}.weight", names.pooler().0), &|tensor| pick(&columns(tensor)?, &kept, 0))?;
        cut(format!("{}.bias", names.pooler().0), &norm)?;
    }
    for layer in &layers {
        let (heads, inner) = (heads(config, narrower, weights, layer)?, inner(narrower, weights, layer)?);
        let reading = |rows: &Vec<u32>, tensor: &Tensor| pick(&columns(tensor)?, rows, 0)? * scale;
        let writing = |columns: &Vec<u32>, tensor: &Tensor| pick(&norm(tensor)?, columns, 1);
        let [first, second, _] = &layer.feed_forward;
        for (name, rows) in [
            (&layer.attention.query, &heads),
            (&layer.attention.key, &heads),
            (&layer.attention.value, &heads),
            (first, &inner),
        ] {
            cut(format!("{name}.weight"), &|tensor| reading(rows, tensor))?;
            cut(format!("{name}.bias"), &|tensor| pick(tensor, rows, 0))?;
        }
        for (name, columns) in [(&layer.attention.output, &heads), (second, &inner)] {
            cut(format!("{name}.weight"), &|tensor| writing(columns, tensor))?;
            cut(format!("{name}.bias"), &norm)?;
        }
    }
    Ok((narrow, kept))
}

/// A dense layer's weight that puts each number of a state at its place among `outputs`, and leaves zeros elsewhere.
pub(crate) fn placing(kept: &[u32], outputs: usize) -> Result<Tensor, StudentError> {
    let mut weight = vec![0.0_f32; outputs * kept.len()];
    for (column, &place) in kept.iter().enumerate().filter(|(_, place)| (**place as usize) < outputs) {
        weight[place as usize * kept.len() + column] = 1.0;
    }
    Ok(Tensor::from_vec(weight, (outputs, kept.len()), device::current()).map_err(ModelError::from)?)
}

/// The norms of a layer.
fn norms(layer: &EncoderNames) -> impl Iterator<Item = String> + use<> {
    layer.attention_norm.clone().into_iter().chain([layer.feed_forward[2].clone()])
}

/// The strongest heads, by the sizes of the matrices through which a state passes: the rows of all of their numbers.
fn heads(
    config: &TextEncoderConfig,
    narrower: &TextEncoderConfig,
    weights: &Weights,
    layer: &EncoderNames,
) -> Result<Vec<u32>, StudentError> {
    let head_width = config.width / config.heads;
    let values = sizes(&part(weights, &layer.attention.value, "weight")?, 1)?;
    let outputs = sizes(&part(weights, &layer.attention.output, "weight")?, 0)?;
    let strength: Vec<f32> = (0..config.heads)
        .map(|head| {
            let own = head * head_width..(head + 1) * head_width;
            values[own.clone()].iter().sum::<f32>() * outputs[own].iter().sum::<f32>()
        })
        .collect();
    let kept = largest(&strength, narrower.heads);
    let width = head_width as u32;
    Ok(kept.into_iter().flat_map(|head| head * width..(head + 1) * width).collect())
}

/// The strongest inner numbers of a feed-forward layer, by the sizes of what makes and what reads each.
fn inner(
    narrower: &TextEncoderConfig,
    weights: &Weights,
    layer: &EncoderNames,
) -> Result<Vec<u32>, StudentError> {
    let [first, second, _] = &layer.feed_forward;
    let (made, read) =
        (sizes(&part(weights, first, "weight")?, 1)?, sizes(&part(weights, second, "weight")?, 0)?);
    let strength: Vec<f32> = made.iter().zip(read).map(|(made, read)| made * read).collect();
    Ok(largest(&strength, narrower.intermediate_size))
}

/// The sums of squares of a matrix over a dimension.
fn sizes(matrix: &Tensor, dimension: usize) -> Result<Vec<f32>, StudentError> {
    let sums = matrix.sqr().and_then(|squares| squares.sum(dimension)?.to_vec1::<f32>());
    Ok(sums.map_err(ModelError::from)?)
}

/// Weight or bias of a layer.
fn part(weights: &Weights, name: &str, part: &str) -> Result<Tensor, StudentError> {
    let name = format!("{name}.{part}");
    let tensor = weights.get(&name).ok_or_else(|| ModelError::MissingTensor(name))?;
    Ok(tensor.to_dtype(DType::F32).map_err(ModelError::from)?)
}

/// The places of the largest numbers, in their order; of equal ones the first.
fn largest(numbers: &[f32], count: usize) -> Vec<u32> {
    let mut places: Vec<u32> = (0..numbers.len() as u32).collect();
    places.sort_by(|&one, &other| {
        numbers[other as usize].total_cmp(&numbers[one as usize]).then(one.cmp(&other))
    });
    places.truncate(count);
    places.sort_unstable();
    places
}

/// The rows or columns of a tensor at places.
fn pick(tensor: &Tensor, places: &[u32], dimension: usize) -> candle::Result<Tensor> {
    tensor.contiguous()?.index_select(&Tensor::new(places, tensor.device())?, dimension)?.contiguous()
}
