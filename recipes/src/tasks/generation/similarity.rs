//! Similarity of the student's encoder to the teacher's.

use std::path::Path;

use alambic_data::SequencePair;
use alambic_inference::GenerationPipeline;
use alambic_models::{Config, ModelFolder, TapSelection};
use alambic_teachers::{GenerationOutput, GenerationRequest, Teacher, TeacherForcing};
use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::masked_mean;
use alambic_tensor::parameters;
use indexmap::IndexMap;

use crate::error::RunError;
use crate::training::output::PROJECTIONS;

/// Words that are read together.
const BATCH: usize = 128;

/// The mean cosine of the two encoders' masked means, the student's after its saved projection, and the same with the
/// teacher's words shuffled within each direction. None where widths differ and no projection was trained.
pub(crate) fn encoders(
    student: &Path,
    teacher: &dyn Teacher,
    pairs: &[SequencePair],
    written: &[GenerationOutput],
) -> Result<Option<(f64, f64)>, RunError> {
    let config = Config::open(&ModelFolder::open(student)?)?;
    let own_streams = config.outline().streams;
    let Some(own_stream) = own_streams.get("encoder") else { return Ok(None) };
    let Some(width) = teacher.outline().and_then(|outline| outline.streams.get("encoder")).copied() else {
        return Ok(None);
    };
    let path = student.join(PROJECTIONS);
    let projection = if path.is_file() { Some(parameters::load(&path)?) } else { None };
    let projection = projection.and_then(|mut tensors| {
        Some((
            tensors.shift_remove("encoder-match.projection.weight")?,
            tensors.shift_remove("encoder-match.projection.bias")?,
        ))
    });
    if projection.is_none() && width.width != own_stream.width {
        return Ok(None);
    }
    let pipeline = GenerationPipeline::load(student)?;
    let (student_tap, teacher_tap) =
        (format!("encoder.hidden.{}", own_stream.layers), format!("encoder.hidden.{}", width.layers));
    let (mut own, mut others) = (Vec::new(), Vec::new());
    // A row that the teacher gave up may have an intermediate text that its last step cannot read.
    let (pairs, written): (Vec<&SequencePair>, Vec<&GenerationOutput>) =
        pairs.iter().zip(written).filter(|(_, written)| written.dropped.is_none()).unzip();
    for (pairs, written) in pairs.chunks(BATCH).zip(written.chunks(BATCH)) {
        let inputs: Vec<(&str, &str)> =
            pairs.iter().map(|pair| (pair.source.as_str(), pair.target_language.as_str())).collect();
        let trace = pipeline.trace(&inputs, None, 0, TapSelection::named([student_tap.clone()]))?;
        own.extend(means(&trace, &student_tap, projection.as_ref())?);
        let sources: Vec<GenerationRequest> = pairs
            .iter()
            .zip(written)
            .map(|(pair, written)| GenerationRequest {
                text: written.last_step_source(&pair.source).to_owned(),
                language: pair.target_language.clone(),
            })
            .collect();
        let forced = TeacherForcing { sources: &sources, target: None, min_length: 0 };
        let trace = teacher.trace(forced.into(), &TapSelection::named([teacher_tap.clone()]))?;
        others.extend(means(&trace, &teacher_tap, None)?);
    }
    let mut by_direction: IndexMap<String, Vec<usize>> = IndexMap::new();
    for (index, pair) in pairs.iter().enumerate() {
        by_direction.entry(pair.direction().to_string()).or_default().push(index);
    }
    let (mut matched, mut shuffled) = (0.0, 0.0);
    for indices in by_direction.values() {
        for (place, &index) in indices.iter().enumerate() {
            // A rotation by half the words pairs each with another.
            let other = indices[(place + indices.len() / 2) % indices.len()];
            matched += cosine(&own[index], &others[index]);
            shuffled += cosine(&own[index], &others[other]);
        }
    }
    let count = pairs.len().max(1) as f64;
    Ok(Some((matched / count, shuffled / count)))
}

/// The mean state of each sequence over its tokens.
fn means(
    trace: &alambic_models::Trace,
    tap: &str,
    projection: Option<&(Tensor, Tensor)>,
) -> Result<Vec<Vec<f32>>, RunError> {
    let missing = || RunError::Recipe(format!("the trace holds no `{tap}`"));
    let states = trace.get(tap).ok_or_else(missing)?;
    let mask = trace.mask("encoder").ok_or_else(missing)?;
    let mean = masked_mean(states, mask)?;
    let mean = match projection {
        None => mean,
        // The projection is affine and the weights of a mean sum to one, so the order does not matter.
        Some((weight, bias)) => mean.matmul(&weight.t()?)?.broadcast_add(bias)?,
    };
    Ok(mean.to_vec2()?)
}

fn cosine(left: &[f32], right: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt().max(f64::MIN_POSITIVE)
}
