//! GIF, of which the first frame is read.

use std::io::Read;
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Decoder, Frame, MemoryLimit};

use super::pixels::{MAX_PIXELS, limited, raster, said};
use crate::raster::Raster;

fn open<R: Read>(file: R) -> Result<Decoder<R>, String> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    if let Some(most) = NonZeroU64::new(MAX_PIXELS) {
        options.set_memory_limit(MemoryLimit::Bytes(most));
    }
    options.read_info(file).map_err(said)
}

/// The sides of the screen, or those of its first frame where these reach beyond it.
fn sides<R: Read>(decoder: &Decoder<R>, frame: &Frame<'_>) -> (u32, u32) {
    let reach =
        |start: u16, length: u16, screen: u16| (u32::from(start) + u32::from(length)).max(screen.into());
    (reach(frame.left, frame.width, decoder.width()), reach(frame.top, frame.height, decoder.height()))
}

pub(super) fn size(file: impl Read) -> Result<(u32, u32), String> {
    let mut decoder = open(file)?;
    let frame = decoder.next_frame_info().map_err(said)?.cloned();
    frame.map(|frame| sides(&decoder, &frame)).ok_or_else(|| "it has no frame".into())
}

pub(super) fn decode(bytes: &[u8]) -> Result<Raster, String> {
    let mut decoder = open(bytes)?;
    let frame = decoder.next_frame_info().map_err(said)?.cloned().ok_or("it has no frame")?;
    let size = sides(&decoder, &frame);
    let (width, height) = limited(size.0, size.1)?;
    let mut indices = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut indices).map_err(said)?;
    let palette = frame.palette.as_deref().or_else(|| decoder.global_palette()).unwrap_or_default();
    let colour = |index: u8| {
        // What the palette leaves out is grey, as in Pillow.
        palette.as_chunks::<3>().0.get(usize::from(index)).copied().unwrap_or([index; 3])
    };
    // What the frame does not cover is as what is transparent in it, or the first colour.
    let ground = colour(frame.transparent.unwrap_or(0));
    let mut rgb = ground.repeat(width as usize * height as usize);
    for (row, indices) in indices.chunks_exact(usize::from(frame.width).max(1)).enumerate() {
        let start = ((usize::from(frame.top) + row) * width as usize + usize::from(frame.left)) * 3;
        let (pixels, _) = rgb[start..].as_chunks_mut::<3>();
        for (pixel, &index) in pixels.iter_mut().zip(indices) {
            *pixel = colour(index);
        }
    }
    raster(size, 3, rgb)
}
