//! WebP, of which the first frame is read.

use std::io::{BufRead, Cursor, Seek};

use image_webp::WebPDecoder;

use super::orientation;
use super::pixels::{MAX_PIXELS, limited, raster, said};
use crate::raster::Raster;

/// Bytes of the head: `RIFF`, a length, `WEBP`.
const HEAD: usize = 12;

/// Bytes of a frame's place and manner, before its own chunks.
const FRAME: usize = 16;

pub(super) fn size(file: impl BufRead + Seek) -> Result<(u32, u32), String> {
    Ok(WebPDecoder::new(file).map_err(said)?.dimensions())
}

pub(super) fn decode(bytes: &[u8]) -> Result<Raster, String> {
    let length = bytes.get(4..8).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
    if length.is_none_or(|length| length as usize > bytes.len().saturating_sub(8)) {
        return Err("the file is cut off".into());
    }
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(said)?;
    let size = limited(decoder.dimensions().0, decoder.dimensions().1)?;
    if decoder.is_animated() {
        return first_frame(bytes, size);
    }
    decoder.set_memory_limit(4 * MAX_PIXELS as usize);
    let mut values = vec![0; decoder.output_buffer_size().ok_or("it is too large")?];
    decoder.read_image(&mut values).map_err(said)?;
    raster(size, if decoder.has_alpha() { 4 } else { 3 }, values)
}

/// The first of the images that move, on black: decoded by itself, for on a ground that is transparent it would lose the
/// colours of what is transparent in it.
fn first_frame(bytes: &[u8], (width, height): (u32, u32)) -> Result<Raster, String> {
    let frame = chunks(bytes).find(|(kind, _)| kind == b"ANMF").map(|(_, data)| data);
    let (place, own) = frame.and_then(|data| data.split_at_checked(FRAME)).ok_or("it has no frame")?;
    let number = |at: usize| {
        usize::from(place[at]) | usize::from(place[at + 1]) << 8 | usize::from(place[at + 2]) << 16
    };
    let (left, top, columns, rows) = (2 * number(0), 2 * number(3), number(6) + 1, number(9) + 1);
    let (width, height) = (width as usize, height as usize);
    if left + columns > width || top + rows > height {
        return Err("its first frame does not lie in it".into());
    }
    let mut still = b"WEBPVP8X".to_vec();
    still.extend(10_u32.to_le_bytes());
    let has_alpha = Chunks(own).any(|(kind, _)| matches!(&kind, b"ALPH" | b"VP8L"));
    still.extend([if has_alpha { 0x10 } else { 0 }, 0, 0, 0]);
    still.extend_from_slice(&place[6..12]);
    still.extend_from_slice(own);
    let file = [b"RIFF".as_slice(), &(still.len() as u32).to_le_bytes(), &still].concat();
    let image = decode(&file)?;
    if (image.width, image.height) != (columns, rows) {
        return Err("its first frame has other sides than its header states".into());
    }
    let mut rgb = vec![0; width * height * 3];
    for (row, pixels) in image.rgb.chunks_exact(columns * 3).enumerate() {
        let start = ((top + row) * width + left) * 3;
        rgb[start..start + columns * 3].copy_from_slice(pixels);
    }
    raster((width as u32, height as u32), 3, rgb)
}

/// The orientation that the chunks note.
pub(super) fn orientation(bytes: &[u8]) -> Option<u8> {
    let find = |wanted: &[u8; 4]| chunks(bytes).find(|(kind, _)| kind == wanted).map(|(_, data)| data);
    orientation::of(find(b"EXIF"), find(b"XMP "))
}

fn chunks(bytes: &[u8]) -> Chunks<'_> {
    Chunks(bytes.get(HEAD..).unwrap_or_default())
}

/// The chunks of a WebP with what they are, as far as they are whole.
struct Chunks<'b>(&'b [u8]);

impl<'b> Iterator for Chunks<'b> {
    type Item = ([u8; 4], &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, rest) = self.0.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (data, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        // One of an odd length has a byte behind it.
        self.0 = rest.get(data.len() % 2..).unwrap_or_default();
        Some((*kind, data))
    }
}
