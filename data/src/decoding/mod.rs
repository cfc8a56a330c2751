//! Pixels of image files: PNG, JPEG, WebP and GIF, as Pillow has them in three colours.
//!
//! Formats are told by the first bytes, whatever a file is called. Sides are held against [`MOST_PIXELS`] before anything is
//! decoded. Of what moves the first image is read; of sixteen bits the upper eight; transparency is left out and colours
//! stay. What a camera notes of how it was held is heeded, as `ImageOps.exif_transpose` of Pillow does.

mod gif;
mod jpeg;
mod orientation;
mod png;
mod webp;

use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use alambic_files::{FileError, read};

use crate::error::Fault;
use crate::pictures::Raster;

/// The most pixels of an image. Pillow refuses those above 179 million; a JPEG that is sent in passes takes up to twelve
/// bytes a pixel while it is decoded, and 1.6 GB is enough.
pub(crate) const MOST_PIXELS: u64 = 1 << 27;

/// The most bytes of a file: those of so many pixels of sixteen bits and four colours, not compressed.
const MOST_BYTES: u64 = MOST_PIXELS * 8;

/// Bytes of a file's beginning by which its format is told.
const HEAD: usize = 16;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
    WebP,
    Gif,
}

impl Format {
    /// The format of a file that begins so.
    ///
    /// # Errors
    /// What it is instead, as far as that can be told.
    fn of(bytes: &[u8]) -> Result<Self, String> {
        let has = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
        let formats = [
            (has(0, b"\x89PNG\r\n\x1a\n"), Self::Png),
            (has(0, &[0xff, 0xd8, 0xff]), Self::Jpeg),
            (has(0, b"RIFF") && has(8, b"WEBP"), Self::WebP),
            (has(0, b"GIF87a") || has(0, b"GIF89a"), Self::Gif),
        ];
        if let Some((_, format)) = formats.into_iter().find(|(is, _)| *is) {
            return Ok(format);
        }
        if bytes.is_empty() {
            return Err("the file is empty".into());
        }
        let others = [
            (has(0, b"BM"), "a BMP image"),
            (has(0, b"II*\0") || has(0, b"MM\0*"), "a TIFF image"),
            (has(4, b"ftypavif") || has(4, b"ftypavis"), "an AVIF image"),
            (has(4, b"ftyphei") || has(4, b"ftypmif1") || has(4, b"ftyphev"), "a HEIC image"),
            (has(4, b"jP  \r\n") || has(0, &[0xff, 0x4f, 0xff, 0x51]), "a JPEG 2000 image"),
            (has(4, b"JXL \r\n") || has(0, &[0xff, 0x0a]), "a JPEG XL image"),
            (has(0, b"8BPS"), "a Photoshop document"),
            (has(0, b"<svg") || has(0, b"<?xml"), "an SVG drawing or another XML document"),
        ];
        let other = others.into_iter().find_map(|(is, what)| is.then_some(what));
        Err(match other.or_else(|| read::describe(bytes)) {
            Some(what) => format!("this is {what}; PNG, JPEG, WebP and GIF are read"),
            None => "its first bytes are those of no PNG, JPEG, WebP or GIF".into(),
        })
    }
}

/// Width and height of the image in a file as they are stored, by its head alone.
///
/// # Errors
/// When it cannot be read, is no image, or has no pixels or too many.
pub(crate) fn size_of(path: &Path) -> Result<(u32, u32), Fault> {
    let unreadable = |error: std::io::Error| Fault::Unreadable(error.to_string());
    let mut file = BufReader::new(read::open(path).map_err(refused)?);
    let head = head(&mut file).map_err(unreadable)?;
    let format = Format::of(&head).map_err(Fault::NotImage)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let size = match format {
        Format::Png => png::size(file),
        Format::Jpeg => jpeg::size(file),
        Format::WebP => webp::size(file),
        Format::Gif => gif::size(file),
    };
    size.and_then(|(width, height)| limited(width, height)).map_err(Fault::NotImage)
}

/// The first bytes of a file.
fn head(file: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut head = Vec::new();
    file.take(HEAD as u64).read_to_end(&mut head)?;
    if Format::of(&head).is_err() {
        // Enough to say what it is instead.
        file.take(512).read_to_end(&mut head)?;
    }
    Ok(head)
}

/// The image of a file, upright.
///
/// # Errors
/// When it cannot be read, is no image, is cut off, or has no pixels or too many.
pub(crate) fn load(path: &Path) -> Result<Raster, Fault> {
    let bytes = read::bytes(path, MOST_BYTES).map_err(refused)?;
    decode(&bytes).map_err(Fault::NotImage)
}

/// The image in the bytes of a file, upright.
fn decode(bytes: &[u8]) -> Result<Raster, String> {
    let (raster, turned) = match Format::of(bytes)? {
        Format::Png => (png::decode(bytes)?, png::orientation(bytes)),
        Format::Jpeg => (jpeg::decode(bytes)?, jpeg::orientation(bytes)),
        Format::WebP => (webp::decode(bytes)?, webp::orientation(bytes)),
        Format::Gif => (gif::decode(bytes)?, None),
    };
    Ok(match turned {
        Some(turned) => orientation::upright(&raster, turned),
        None => raster,
    })
}

/// What is said of a file that cannot be read.
fn refused(error: FileError) -> Fault {
    match error {
        FileError::Content { message, .. } => Fault::NotImage(message),
        other => Fault::Unreadable(other.reason()),
    }
}

/// Sides that an image may have.
///
/// # Errors
/// Where it has no pixels, or too many.
fn limited(width: u32, height: u32) -> Result<(u32, u32), String> {
    if width == 0 || height == 0 {
        return Err("it has no pixels".into());
    }
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(format!("it has {width} by {height} pixels, and at most {MOST_PIXELS} are read"));
    }
    Ok((width, height))
}

/// The image of pixels of so many numbers each: of one or two the first is the grey, of three or four the first three are the
/// colours.
///
/// # Errors
/// Where there are fewer numbers than pixels need.
fn raster((width, height): (u32, u32), channels: usize, mut values: Vec<u8>) -> Result<Raster, String> {
    let (width, height) = (width as usize, height as usize);
    if channels == 0 || values.len() < width * height * channels {
        return Err("it has fewer pixels than it says".into());
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
fn said(error: impl std::fmt::Display) -> String {
    alambic_files::text::quoted(&error.to_string())
}
