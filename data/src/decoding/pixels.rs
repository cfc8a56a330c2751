//! Pixels as decoders give them: how many there may be, and the image that they make.

use std::sync::Arc;

use crate::raster::Raster;

/// The most pixels of an image. Pillow refuses those above 179 million; a JPEG that is sent in passes takes up to twelve
/// bytes a pixel while it is decoded, and 1.6 GB is enough.
pub(super) const MAX_PIXELS: u64 = 1 << 27;

/// Sides that an image may have.
///
/// # Errors
/// Where it has no pixels, or too many.
pub(super) fn limited(width: u32, height: u32) -> Result<(u32, u32), String> {
    if width == 0 || height == 0 {
        return Err("it has no pixels".into());
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(format!("it has {width} by {height} pixels, and at most {MAX_PIXELS} are read"));
    }
    Ok((width, height))
}

/// The image of pixels of so many numbers each: of one or two the first is the grey, of three or four the first three are the
/// colours.
///
/// # Errors
/// Where there are fewer numbers than pixels need.
pub(super) fn raster(
    (width, height): (u32, u32),
    channels: usize,
    mut values: Vec<u8>,
) -> Result<Raster, String> {
    let (width, height) = (width as usize, height as usize);
    if channels == 0 || values.len() < width * height * channels {
        return Err("it has fewer pixels than its header states".into());
    }
    values.truncate(width * height * channels);
    let rgb = if channels == 3 {
        values
    } else {
        let mut rgb = Vec::with_capacity(width * height * 3);
        for pixel in values.chunks_exact(channels) {
            let [red, green, blue] =
                if channels < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
            rgb.extend([red, green, blue]);
        }
        rgb
    };
    Ok(Raster { width, height, rgb: Arc::new(rgb) })
}

/// What a decoder says, cut.
pub(super) fn said(error: impl std::fmt::Display) -> String {
    alambic_files::text::quoted(&error.to_string())
}
