//! The taps of the patches and of the prompt within the encoder.

use std::sync::Arc;

use super::PaliConfig;
use crate::{ModelError, TapSelection, Trace};

/// The taps of the whole sequence that wanted taps of its parts are cut from, with all others.
pub(super) fn whole(wanted: &TapSelection) -> TapSelection {
    let Some(names) = wanted.names() else { return TapSelection::All };
    let whole = |name: &String| PaliConfig::whole_of(name).unwrap_or_else(|| name.clone());
    let whole = TapSelection::named(names.iter().map(whole));
    if wanted.reads_padding() { whole.with_padding() } else { whole }
}

/// The wanted taps of a trace of whole sequences, whose parts have these masks: the patches, if there are any, and behind them the
/// prompt.
pub(super) fn cut(
    whole: &Trace,
    wanted: TapSelection,
    image: Option<&Arc<Vec<u8>>>,
    text: &Arc<Vec<u8>>,
    batch: usize,
) -> Result<Trace, ModelError> {
    let mut trace = Trace::new(wanted);
    let patches = image.map_or(0, |mask| mask.len() / batch.max(1));
    for (name, tensor) in whole.taps() {
        trace.record(name, tensor);
        let Some(layer) = name.strip_prefix("encoder.hidden.") else { continue };
        let length = tensor.dim(1)?;
        for (stream, start, count) in [
            (PaliConfig::ENCODER_IMAGE, 0, patches),
            (PaliConfig::ENCODER_TEXT, patches, length.saturating_sub(patches)),
        ] {
            let tap = format!("{stream}.hidden.{layer}");
            if count > 0 && trace.wants(&tap) {
                trace.record(&tap, &tensor.narrow(1, start, count)?.contiguous()?);
            }
        }
    }
    for (stream, mask) in whole.masks() {
        trace.record_mask(stream, mask);
    }
    if let Some(image) = image {
        trace.record_mask(PaliConfig::ENCODER_IMAGE, image);
    }
    trace.record_mask(PaliConfig::ENCODER_TEXT, text);
    Ok(trace)
}
