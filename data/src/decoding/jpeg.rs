//! JPEG.

use std::io::{BufRead, ErrorKind};

use jpeg_decoder::{ColorTransform, Decoder, Error, PixelFormat};

use super::orientation;
use super::pixels::{MAX_PIXELS, limited, raster, said};
use crate::raster::Raster;

/// Most bytes that the decoder takes for the colours of an image: four of each pixel.
const MOST_MEMORY: usize = 4 * MAX_PIXELS as usize;

/// The most pixels of an image of four printing colours, which take half as much memory again.
const MOST_PRINTED: u64 = MAX_PIXELS / 2;

/// What XMP begins with.
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

pub(super) fn size(file: impl BufRead) -> Result<(u32, u32), String> {
    let mut decoder = Decoder::new(file);
    decoder.read_info().map_err(failed)?;
    dimensions(&decoder)
}

fn dimensions<R: std::io::Read>(decoder: &Decoder<R>) -> Result<(u32, u32), String> {
    let info = decoder.info().ok_or("it has no frame")?;
    Ok((u32::from(info.width), u32::from(info.height)))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Raster, String> {
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(MOST_MEMORY);
    decoder.read_info().map_err(failed)?;
    let (width, height) = dimensions(&decoder)?;
    let size = limited(width, height)?;
    let segments = Segments::of(bytes);
    if segments.components.len() == 4 && u64::from(width) * u64::from(height) > MOST_PRINTED {
        return Err(format!(
            "it has {width} by {height} pixels of four colours, and at most {MOST_PRINTED} are read"
        ));
    }
    if let Some(transform) = segments.transform() {
        decoder.set_color_transform(transform);
    }
    let values = decoder.decode().map_err(failed)?;
    match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => raster(size, 1, values),
        Some(PixelFormat::RGB24) => raster(size, 3, values),
        Some(PixelFormat::CMYK32) => raster(size, 3, printed(&values)),
        _ => Err("it has more than eight bits a colour".into()),
    }
}

fn failed(error: Error) -> String {
    match error {
        Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => "the file is cut off".into(),
        other => said(other),
    }
}

/// The orientation that the segments note.
pub(super) fn orientation(bytes: &[u8]) -> Option<u8> {
    let Segments { exif, xmp, .. } = Segments::of(bytes);
    orientation::of(exif, xmp)
}

/// Red, green and blue of four printing colours, with the rounding of Pillow.
fn printed(values: &[u8]) -> Vec<u8> {
    let shade = |ink: u8, light: u8| {
        let product = u32::from(ink) * u32::from(light) + 128;
        light.saturating_sub((((product >> 8) + product) >> 8) as u8)
    };
    let (pixels, _) = values.as_chunks::<4>();
    let mut rgb = Vec::with_capacity(pixels.len() * 3);
    for &[cyan, magenta, yellow, black] in pixels {
        let light = 255 - black;
        rgb.extend([shade(cyan, light), shade(magenta, light), shade(yellow, light)]);
    }
    rgb
}

/// What stands before the pixels.
#[derive(Debug, Default)]
struct Segments<'b> {
    exif: Option<&'b [u8]>,
    xmp: Option<&'b [u8]>,
    is_jfif: bool,
    /// What Adobe's mark says of the colours.
    adobe: Option<u8>,
    /// What the components are called.
    components: Vec<u8>,
}

impl<'b> Segments<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        let mut segments = Self::default();
        let mut rest = bytes.get(2..).unwrap_or_default();
        // A marker may have any number of 0xff before it.
        while let Some(at) = rest.iter().position(|&byte| byte != 0xff).filter(|&at| at > 0) {
            let (marker, behind) = (rest[at], &rest[at + 1..]);
            let Some((length, behind)) = behind.split_first_chunk::<2>() else { break };
            let Some(length) = usize::from(u16::from_be_bytes(*length)).checked_sub(2) else { break };
            let Some((data, behind)) = behind.split_at_checked(length) else { break };
            match marker {
                0xda | 0xd9 => break,
                0xe0 => segments.is_jfif |= data.starts_with(b"JFIF\0") && data.len() >= 12,
                0xe1 if data.starts_with(b"Exif\0\0") => segments.exif = segments.exif.or(Some(data)),
                0xe1 => segments.xmp = segments.xmp.or(data.strip_prefix(XMP)),
                0xee if data.starts_with(b"Adobe") => {
                    segments.adobe = data.get(11).copied().or(segments.adobe);
                }
                // The frame; 0xc4, 0xc8 and 0xcc are other things.
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                    let each = data.get(6..).unwrap_or_default().chunks_exact(3);
                    segments.components = each.map(|component| component[0]).collect();
                }
                _ => {}
            }
            rest = behind;
        }
        segments
    }

    /// What the components are, as libjpeg decides it: by the mark of JFIF, else by that of Adobe, else by what the
    /// components are called.
    fn transform(&self) -> Option<ColorTransform> {
        match (self.components.as_slice(), self.adobe) {
            ([_, _, _], _) if self.is_jfif => Some(ColorTransform::YCbCr),
            ([_, _, _], Some(0)) | (b"RGB", None) => Some(ColorTransform::RGB),
            ([_, _, _], _) => Some(ColorTransform::YCbCr),
            ([_, _, _, _], None | Some(0)) => Some(ColorTransform::CMYK),
            ([_, _, _, _], Some(_)) => Some(ColorTransform::YCCK),
            _ => None,
        }
    }
}
