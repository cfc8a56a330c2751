//! Attention of a decoder to the patches of an image against that of the teacher's.

use alambic_models::{Outline, Stream, Trace, tap};
use alambic_tensor::candle::Tensor;

use crate::arithmetic::{kullback_leibler, log_softmax, weighted_mean, without_padding};
use crate::cross_attention::NAME;
use crate::layers::mean;
use crate::mask::mask_tensor;
use crate::{CrossAttention, Inputs, LossError, Part, Term};

/// Stream of what is written.
pub(crate) const DECODER: &str = "decoder";
/// Stream of the patches within the encoder, whose sequence they begin.
pub(crate) const PATCHES: &str = "encoder.image";
/// Stream of the decoder's attention to the encoder.
const CROSS: &str = "cross";

fn incompatible(reason: String) -> LossError {
    LossError::Incompatible { term: NAME, reason }
}

/// The decoder's cross-attention of a model that writes about images.
fn cross(outline: &Outline, side: &str) -> Result<Stream, LossError> {
    match (outline.streams.get(CROSS), outline.streams.contains_key(PATCHES)) {
        (Some(cross), true) => Ok(*cross),
        _ => Err(incompatible(format!(
            "the {side} writes nothing about images: it has no streams `{CROSS}` and `{PATCHES}`"
        ))),
    }
}

/// The term over the scores of the mapped layers of the decoder.
pub(crate) fn bind(
    options: &CrossAttention,
    student: &Outline,
    teacher: &Outline,
) -> Result<Term, LossError> {
    if options.parts != [Part::DecoderToImage] {
        return Err(incompatible(
            "`decoder-to-image` is of models that write, which have no other part: let it stand alone in `parts`".into(),
        ));
    }
    let (own, other) = (cross(student, "student")?, cross(teacher, "teacher")?);
    if own.heads != other.heads {
        return Err(incompatible(format!(
            "the student has {} attention heads and the teacher {}; give the student as many",
            own.heads, other.heads
        )));
    }
    let pairs = options.map.pairs(own.attention.0, other.attention.0).map_err(incompatible)?;
    if pairs.iter().any(|&(own, other)| own == 0 || other == 0) {
        return Err(incompatible("`map` names layer 0, the embeddings, which have no attention".into()));
    }
    let scores = |layer: usize| tap(CROSS, "scores", layer - 1);
    let (own_taps, other_taps): (Vec<String>, Vec<String>) =
        pairs.into_iter().map(|(own, other)| (scores(own), scores(other))).unzip();
    let taps = (own_taps.clone(), other_taps.clone());
    let compute = move |inputs: &Inputs<'_>| {
        let layers = taps.0.iter().zip(&taps.1).map(|(own, other)| compare(inputs, own, other));
        mean(layers.collect::<Result<_, _>>()?)
    };
    Ok(Term::new(NAME, options.weight, own_taps, other_taps, Box::new(compute))
        .token_by_token([DECODER, PATCHES]))
}

/// The divergence of one layer's distributions over patches, a mean over heads and target tokens.
fn compare(inputs: &Inputs<'_>, own: &str, other: &str) -> Result<Tensor, LossError> {
    let (student, teacher) = (inputs.student(own)?, inputs.teacher(other)?.detach());
    let (batch, heads, tokens, keys) = student.dims4()?;
    let (targets, patches) = (shared(inputs, DECODER)?, shared(inputs, PATCHES)?);
    let count = patches.len() / batch.max(1);
    if student.dims() != teacher.dims() || targets.len() != batch * tokens || count > keys {
        return Err(incompatible(format!(
            "the student's attention of {:?} does not fit the teacher's of {:?}: both must write the same tokens of the same patches",
            student.dims(),
            teacher.dims()
        )));
    }
    let mask = mask_tensor(patches, (batch, count))?;
    let distribution = |scores: &Tensor| {
        let of_patches = scores.narrow(3, 0, count)?.contiguous()?;
        log_softmax(&without_padding(&of_patches, &mask)?)
    };
    let divergence = kullback_leibler(&distribution(&teacher)?, &distribution(student)?)?;
    let counted = mask_tensor(targets, (batch, tokens))?.reshape((batch, 1, tokens))?;
    weighted_mean(&divergence, &counted.broadcast_as((batch, heads, tokens))?.contiguous()?)
}

/// The mask of a stream that both have.
fn shared<'a>(inputs: &Inputs<'a>, stream: &str) -> Result<&'a [u8], LossError> {
    let of = |trace: &'a Trace| trace.mask(stream).map(|mask| mask.as_slice());
    let (student, teacher) = (of(inputs.student), inputs.teacher.and_then(of));
    match (student, teacher) {
        (Some(student), Some(teacher)) if student == teacher => Ok(student),
        (Some(_), Some(_)) => {
            Err(incompatible("student and teacher read different tokens or patches".into()))
        }
        (student, _) => Err(LossError::MissingTap {
            side: if student.is_none() { "student" } else { "teacher" },
            tap: format!("mask of {stream}"),
        }),
    }
}
