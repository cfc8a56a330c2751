//! Orientation of a camera as noted in a file: Exif, or XMP where Exif has none.

use std::sync::Arc;

use crate::raster::Raster;

/// The tag of the orientation.
const ORIENTATION: u16 = 0x0112;

/// What Exif in a JPEG begins with, and elsewhere may.
const MARK: &[u8] = b"Exif\0\0";

/// The orientation that Exif or XMP notes: 1 to 8 as Exif counts them; another number where it is senseless.
pub(super) fn of(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Option<u8> {
    exif.and_then(of_exif).or_else(|| xmp.and_then(of_xmp))
}

/// The orientation in Exif, which is TIFF. None where the tag is not there, or the Exif is broken.
fn of_exif(mut bytes: &[u8]) -> Option<u8> {
    while let Some(rest) = bytes.strip_prefix(MARK) {
        bytes = rest;
    }
    let is_little = match bytes.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let two: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    };
    let long = |at: usize| {
        let four: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if is_little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    let start = long(4)? as usize;
    let count = usize::from(short(start)?);
    let mut found = None;
    for entry in 0..count {
        let at = start.checked_add(2 + 12 * entry)?;
        let Some(tag) = short(at) else { break };
        if tag != ORIENTATION {
            continue;
        }
        let (Some(kind), Some(numbers)) = (short(at + 2), long(at + 4)) else { break };
        let value = match kind {
            1 => bytes.get(at + 8).map(|&byte| u32::from(byte)),
            3 => short(at + 8).map(u32::from),
            4 => long(at + 8),
            _ => None,
        };
        // A list of numbers, or one of another type, is none of the eight.
        let value = value.filter(|_| numbers == 1).unwrap_or_default();
        // Of several the last counts, as in Pillow.
        found = Some(u8::try_from(value).unwrap_or_default());
    }
    found
}

/// The orientation in XMP: the digit of `tiff:Orientation`, as an attribute or an element.
fn of_xmp(bytes: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    bytes.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).find_map(|(at, _)| {
        let rest = &bytes[at + NAME.len()..];
        let rest = rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?;
        rest.first().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0')
    })
}

/// Column and row, or width and height.
type Pair = (usize, usize);

/// The image as it was seen, by the orientation in which it is stored. Numbers that stand for none leave it as it is.
pub(super) fn upright(raster: &Raster, orientation: u8) -> Raster {
    let (width, height) = (raster.width, raster.height);
    let (columns, rows) = if orientation >= 5 { (height, width) } else { (width, height) };
    // The stored pixel that belongs into a column and a row.
    let stored: fn(Pair, Pair) -> Pair = match orientation {
        2 => |(x, y), (width, _)| (width - 1 - x, y),
        3 => |(x, y), (width, height)| (width - 1 - x, height - 1 - y),
        4 => |(x, y), (_, height)| (x, height - 1 - y),
        5 => |(x, y), _| (y, x),
        6 => |(x, y), (_, height)| (y, height - 1 - x),
        7 => |(x, y), (width, height)| (width - 1 - y, height - 1 - x),
        8 => |(x, y), (width, _)| (width - 1 - y, x),
        _ => return raster.clone(),
    };
    let mut rgb = Vec::with_capacity(raster.rgb.len());
    for y in 0..rows {
        for x in 0..columns {
            let (column, row) = stored((x, y), (width, height));
            let at = (row * width + column) * 3;
            rgb.extend_from_slice(&raster.rgb[at..at + 3]);
        }
    }
    Raster { width: columns, height: rows, rgb: Arc::new(rgb) }
}
