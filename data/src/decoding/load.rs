//! Reading of an image file: its size by its head, or all its pixels.

use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use alambic_files::{FileError, read};

use super::format::Format;
use super::pixels::{MAX_PIXELS, limited};
use super::{gif, jpeg, orientation, png, webp};
use crate::error::{Fault, SheetFault};
use crate::raster::Raster;

/// The most bytes of a file: those of so many pixels of sixteen bits and four colours, not compressed.
const MOST_BYTES: u64 = MAX_PIXELS * 8;

/// Bytes of a file's beginning by which its format is known.
const HEAD: usize = 16;

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

/// Width and height of a PNG, by its head alone.
///
/// # Errors
/// When it cannot be read, is no PNG, or has no pixels or too many.
pub(crate) fn png_size_of(path: &Path) -> Result<(u32, u32), Fault> {
    let unreadable = |error: std::io::Error| Fault::Unreadable(error.to_string());
    let mut file = BufReader::new(read::open(path).map_err(refused)?);
    check_png(&head(&mut file).map_err(unreadable)?)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    png::size(file).and_then(|(width, height)| limited(width, height)).map_err(not_png)
}

/// The pixels of a PNG as they are stored, with what is transparent lying over a colour.
///
/// # Errors
/// When it cannot be read, is no PNG, is cut off, or has no pixels or too many.
pub(crate) fn load_png_over(path: &Path, background: [u8; 3]) -> Result<Raster, Fault> {
    let bytes = read::bytes(path, MOST_BYTES).map_err(refused)?;
    check_png(&bytes)?;
    png::decode_over(&bytes, background).map_err(not_png)
}

/// Fails where a file that begins so is no PNG.
fn check_png(bytes: &[u8]) -> Result<(), Fault> {
    match Format::of(bytes).map_err(not_png)? {
        Format::Png => Ok(()),
        other => Err(not_png(format!("this is {}", other.name()))),
    }
}

/// Fault of a sheet that is no PNG, or a broken one.
fn not_png(reason: String) -> Fault {
    SheetFault::NotPng(reason).into()
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

/// Fault of a file that cannot be read.
fn refused(error: FileError) -> Fault {
    match error {
        FileError::Content { message, .. } => Fault::NotImage(message),
        other => Fault::Unreadable(other.reason()),
    }
}
