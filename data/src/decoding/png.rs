//! PNG.

use std::borrow::Cow;
use std::io::{BufRead, Read, Seek};

use flate2::read::ZlibDecoder;
use png::{Decoder, Transformations};

use super::alpha::composite;
use super::orientation;
use super::pixels::{limited, raster, said};
use crate::raster::Raster;

/// Bytes before the first chunk.
const SIGNATURE: usize = 8;

/// Most bytes of a compressed text that is looked into.
const MOST_TEXT: u64 = 1 << 20;

/// The keyword of a text that holds Exif in hexadecimal digits, from before there was a chunk for it.
const PROFILE: &[u8] = b"Raw profile type exif";

/// The keyword of a text that holds XMP.
const XMP: &[u8] = b"XML:com.adobe.xmp";

fn decoder<R: BufRead + Seek>(reader: R) -> Decoder<R> {
    let mut decoder = Decoder::new(reader);
    // Palettes become colours, fewer bits eight, and of sixteen the upper ones stay.
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder
}

pub(super) fn size(file: impl BufRead + Seek) -> Result<(u32, u32), String> {
    let mut decoder = decoder(file);
    let info = decoder.read_header_info().map_err(said)?;
    Ok((info.width, info.height))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Raster, String> {
    let (size, channels, values) = values(bytes)?;
    raster(size, channels, values)
}

/// The image with what is transparent in it lying over a colour.
pub(super) fn decode_over(bytes: &[u8], background: [u8; 3]) -> Result<Raster, String> {
    let (size, channels, values) = values(bytes)?;
    match channels {
        2 | 4 => raster(size, 3, composite(&values, channels, background)),
        _ => raster(size, channels, values),
    }
}

/// Sides, channels and values of the pixels, eight bits each.
fn values(bytes: &[u8]) -> Result<((u32, u32), usize, Vec<u8>), String> {
    let mut decoder = decoder(std::io::Cursor::new(bytes));
    let info = decoder.read_header_info().map_err(said)?;
    let size = limited(info.width, info.height)?;
    let mut reader = decoder.read_info().map_err(said)?;
    let channels = reader.output_color_type().0.samples();
    let mut values = vec![0; reader.output_buffer_size()];
    reader.next_frame(&mut values).map_err(said)?;
    Ok((size, channels, values))
}

/// The orientation that the chunks note.
pub(super) fn orientation(bytes: &[u8]) -> Option<u8> {
    let (mut exif, mut profile, mut xmp) = (None, None, None);
    for (kind, data) in Chunks(bytes.get(SIGNATURE..)?) {
        match &kind {
            b"eXIf" => exif = Some(Cow::Borrowed(data)),
            b"tEXt" | b"zTXt" => profile = profile.or_else(|| of_profile(kind, data)),
            b"iTXt" => xmp = xmp.or_else(|| after_keyword(data, XMP)),
            _ => {}
        }
    }
    orientation::of(exif.or(profile.map(Cow::Owned)).as_deref(), xmp)
}

/// What stands behind a text's keyword and the zero that ends it.
fn after_keyword<'b>(data: &'b [u8], keyword: &[u8]) -> Option<&'b [u8]> {
    data.strip_prefix(keyword)?.strip_prefix(&[0])
}

/// Exif that is written as a text: a blank line, its name, its length, and hexadecimal digits.
fn of_profile(kind: [u8; 4], data: &[u8]) -> Option<Vec<u8>> {
    let rest = after_keyword(data, PROFILE)?;
    let mut text = Vec::new();
    if &kind == b"zTXt" {
        // The first byte is the manner of compression, of which there is one.
        ZlibDecoder::new(rest.get(1..)?).take(MOST_TEXT).read_to_end(&mut text).ok()?;
    } else {
        text.extend_from_slice(rest);
    }
    let digits = text.split(|&byte| byte == b'\n').skip(3).flatten();
    let digits: Vec<u8> = digits
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|&byte| char::from(byte).to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let (pairs, _) = digits.as_chunks::<2>();
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The chunks of a PNG with what they are, as far as they are whole.
struct Chunks<'b>(&'b [u8]);

impl<'b> Iterator for Chunks<'b> {
    type Item = ([u8; 4], &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (data, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        // Behind it is its checksum.
        self.0 = rest.get(4..).unwrap_or_default();
        Some((*kind, data))
    }
}
