//! Features of regions in TSV: the layouts of Oscar, VinVL, LXMERT and bottom-up attention.

use std::borrow::Cow;

use alambic_settings::Location;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::RegionFault;
use super::gathering::Gathering;
use super::raw::{Boxes, Raw};
use super::rows::{Rows, columns};
use crate::error::{DataError, Fault};

/// Reads the regions of the images that are wanted.
///
/// # Errors
/// Where the file cannot be read to its end. What is wrong with a line is told to the gathering.
pub(super) fn read(location: &Location, gathering: &mut Gathering<'_>) -> Result<(), DataError> {
    let mut rows = Rows::open(location)?;
    while !gathering.is_done() && rows.advance()? {
        let taken = rows.id().and_then(|id| {
            if gathering.wants(&id) {
                gathering.take(&id, parse(&rows.columns()?), rows.origin())
            } else {
                Ok(())
            }
        });
        gathering.note(rows.place(), taken);
    }
    Ok(())
}

/// The regions of one line.
///
/// # Errors
/// Where it is none of the layouts.
pub(super) fn of_line(bytes: &[u8]) -> Result<Raw, Fault> {
    parse(&columns(bytes)?)
}

/// The regions of one line, by the layout that has so many columns.
fn parse(columns: &[&str]) -> Result<Raw, Fault> {
    match columns {
        [_, json] => {
            #[derive(Deserialize)]
            struct Row<'a> {
                num_boxes: usize,
                #[serde(borrow)]
                features: Cow<'a, str>,
            }
            let row: Row =
                serde_json::from_str(json).map_err(|error| Fault::BrokenJson(error.to_string()))?;
            Ok(Raw { regions: row.num_boxes, features: numbers("features", &row.features)?, boxes: None })
        }
        [_, regions, features] => {
            Ok(Raw { regions: count(regions)?, features: numbers("features", features)?, boxes: None })
        }
        [_, width, height, regions, boxes, features]
        | [_, height, width, _, _, _, _, regions, boxes, features] => {
            let size = [side(width)?, side(height)?];
            let boxes = Boxes { numbers: numbers("boxes", boxes)?, size: Some(size) };
            Ok(Raw { regions: count(regions)?, features: numbers("features", features)?, boxes: Some(boxes) })
        }
        _ => Err(RegionFault::Columns { found: columns.len(), expected: "2, 3, 6 or 10" }.into()),
    }
}

/// How many regions there are.
fn count(text: &str) -> Result<usize, Fault> {
    text.parse().map_err(|_| Fault::NotNumber { column: "num_boxes".into(), found: text.to_owned() })
}

/// A side of an image in pixels.
fn side(text: &str) -> Result<f32, Fault> {
    text.parse().map_err(|_| Fault::NotDecimal { column: "image size".into(), found: text.to_owned() })
}

/// Numbers of 32 bits, the low byte first, in base64.
fn numbers(column: &'static str, text: &str) -> Result<Vec<f32>, RegionFault> {
    let bytes = BASE64_STANDARD
        .decode(text)
        .map_err(|error| RegionFault::NotBase64 { column, reason: error.to_string() })?;
    match bytes.as_chunks::<4>() {
        (numbers, []) => Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
        _ => Err(RegionFault::NotNumbers { column, bytes: bytes.len() }),
    }
}
