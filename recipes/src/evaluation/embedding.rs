//! Embeddings of texts.

use alambic_inference::EncoderPipeline;
use alambic_models::ModelError;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::error::RunError;

/// The embeddings of texts, each of length one: `[texts, width]`.
pub(crate) fn normalized_embeddings(pipeline: &EncoderPipeline, texts: &[&str]) -> Result<Tensor, RunError> {
    let texts: Vec<_> = texts.iter().map(|text| (*text, None)).collect();
    let mut rows = pipeline.text_rows(&texts, "embedding")?;
    for row in &mut rows {
        let length = row.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        for number in row {
            *number /= length;
        }
    }
    Ok(Tensor::new(rows, device::current()).map_err(ModelError::from)?)
}
