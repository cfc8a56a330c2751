//! Features of regions in TSV: the layouts of Oscar, VinVL, LXMERT and bottom-up attention, and VinVL's predictions.

use std::borrow::Cow;

use alambic_files::text::{elided, quoted};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Number;

use super::detected_regions::{RegionLabel, RegionLabels};
use super::raw_regions::{Boxes, RawRegions};
use super::rows::columns;
use crate::error::{Fault, RegionFault};

/// The regions of one line.
///
/// # Errors
/// Where it is none of the layouts.
pub(super) fn of_line(bytes: &[u8]) -> Result<RawRegions, Fault> {
    parse(&columns(bytes)?)
}

/// The regions of one line, by the layout that has so many columns.
pub(super) fn parse(columns: &[&str]) -> Result<RawRegions, Fault> {
    match columns {
        [_, json] => of_json(json),
        [_, regions, features] => Ok(RawRegions {
            regions: count(regions)?,
            features: numbers("features", features)?,
            boxes: None,
            tags: Vec::new(),
            classes: None,
        }),
        [_, width, height, regions, boxes, features] => {
            sized([width, height], regions, (boxes, features), None)
        }
        [_, height, width, objects, object_confidence, attributes, attribute_confidence, rest @ ..]
            if rest.len() == 3 =>
        {
            let regions = count(rest[0])?;
            let classes = RegionLabels {
                objects: labels(["objects_id", "objects_conf"], [objects, object_confidence], regions)?,
                attributes: labels(["attrs_id", "attrs_conf"], [attributes, attribute_confidence], regions)?,
            };
            sized([width, height], rest[0], (rest[1], rest[2]), Some(classes))
        }
        _ => Err(RegionFault::Columns { found: columns.len(), expected: "2, 3, 6 or 10" }.into()),
    }
}

/// Regions with their boxes in pixels of an image of this width and height.
fn sized(
    [width, height]: [&str; 2],
    regions: &str,
    (boxes, features): (&str, &str),
    classes: Option<RegionLabels>,
) -> Result<RawRegions, Fault> {
    let size = [side(width)?, side(height)?];
    let boxes = Boxes { numbers: numbers("boxes", boxes)?, size: Some(size) };
    let (regions, features) = (count(regions)?, numbers("features", features)?);
    Ok(RawRegions { regions, features, boxes: Some(boxes), tags: Vec::new(), classes })
}

/// Classes of 64 bits and how sure they are, of 32, the low byte first, in base64; a negative class is not known.
fn labels(
    columns: [&'static str; 2],
    [classes, confidence]: [&str; 2],
    regions: usize,
) -> Result<Vec<RegionLabel>, RegionFault> {
    let bytes = decoded(columns[0], classes)?;
    let (classes, rest) = bytes.as_chunks::<8>();
    if classes.len() != regions || !rest.is_empty() {
        return Err(RegionFault::LabelCount { column: columns[0], found: bytes.len() / 8, regions });
    }
    let confidence = numbers(columns[1], confidence)?;
    if confidence.len() != regions {
        return Err(RegionFault::LabelCount { column: columns[1], found: confidence.len(), regions });
    }
    if let Some(index) = confidence.iter().position(|sure| !(0.0..=1.0).contains(sure)) {
        return Err(RegionFault::Confidence { column: columns[1], region: index + 1 });
    }
    let label = |(class, &confidence): (&[u8; 8], &f32)| RegionLabel {
        class: u32::try_from(i64::from_le_bytes(*class)).ok(),
        confidence,
    };
    Ok(classes.iter().zip(&confidence).map(label).collect())
}

/// A row of VinVL: of its features, all in one text, or of its predictions, each object with its own.
#[derive(Deserialize)]
struct Row<'a> {
    num_boxes: Option<Number>,
    #[serde(borrow)]
    features: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    objects: Vec<Object<'a>>,
    image_w: Option<f32>,
    image_h: Option<f32>,
}

#[derive(Deserialize)]
struct Object<'a> {
    class: Option<String>,
    rect: Option<[f32; 4]>,
    #[serde(borrow)]
    feature: Option<Cow<'a, str>>,
}

/// The regions of a row of JSON.
fn of_json(json: &str) -> Result<RawRegions, Fault> {
    let row: Row =
        serde_json::from_str(json).map_err(|error| Fault::BrokenJson(elided(&error.to_string())))?;
    let num_boxes = row.num_boxes.map(|number| count(&number.to_string())).transpose()?;
    if let Some(features) = row.features {
        let regions = num_boxes.ok_or_else(|| Fault::BrokenJson("missing field `num_boxes`".into()))?;
        return Ok(RawRegions {
            regions,
            features: numbers("features", &features)?,
            boxes: None,
            tags: Vec::new(),
            classes: None,
        });
    }
    let (regions, mut width) = (row.objects.len(), None);
    if row.objects.iter().all(|object| object.feature.is_none()) && num_boxes != Some(0) {
        return Err(RegionFault::NoFeatures.into());
    }
    if let Some(expected) = num_boxes.filter(|count| *count != regions) {
        return Err(RegionFault::ObjectCount { objects: regions, expected }.into());
    }
    let (mut features, mut bounds, mut tags) = (Vec::new(), Vec::new(), Vec::new());
    for (index, Object { class, rect, feature }) in row.objects.into_iter().enumerate() {
        let object = index + 1;
        let missing = |key| RegionFault::ObjectWithout { object, key };
        let own = numbers("feature", &feature.ok_or_else(|| missing("feature"))?)?;
        let expected = *width.get_or_insert(own.len());
        if own.len() != expected {
            return Err(RegionFault::ObjectWidth { object, found: own.len(), expected }.into());
        }
        features.extend(own);
        bounds.extend(rect.ok_or_else(|| missing("rect"))?);
        tags.extend(class);
    }
    if !tags.is_empty() && tags.len() != regions {
        return Err(RegionFault::TagCount { tags: tags.len(), regions }.into());
    }
    let size = row.image_w.zip(row.image_h).map(|(width, height)| [width, height]);
    Ok(RawRegions { regions, features, boxes: Some(Boxes { numbers: bounds, size }), tags, classes: None })
}

/// How many regions there are.
fn count(text: &str) -> Result<usize, Fault> {
    text.parse().map_err(|_| Fault::NotCount { column: "num_boxes".into(), found: quoted(text) })
}

/// A side of an image in pixels.
fn side(text: &str) -> Result<f32, Fault> {
    text.parse().map_err(|_| Fault::NotNumber { column: "image size".into(), found: quoted(text) })
}

/// Numbers of 32 bits, the low byte first, in base64.
fn numbers(column: &'static str, text: &str) -> Result<Vec<f32>, RegionFault> {
    let bytes = decoded(column, text)?;
    match bytes.as_chunks::<4>() {
        (numbers, []) => Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
        _ => Err(RegionFault::NotNumbers { column, bytes: bytes.len() }),
    }
}

/// Bytes of base64.
fn decoded(column: &'static str, text: &str) -> Result<Vec<u8>, RegionFault> {
    BASE64_STANDARD
        .decode(text)
        .map_err(|error| RegionFault::NotBase64 { column, reason: quoted(&error.to_string()) })
}
