//! Features of regions in TSV: the layouts of Oscar, VinVL, LXMERT and bottom-up attention, and VinVL's predictions.

use std::borrow::Cow;

use alambic_files::text::{elided, quoted};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Number;

use super::names::{RegionNames, name};
use super::raw_regions::{Boxes, RawRegions};
use super::rows::columns;
use super::scored::{check_confidences, scored_attributes};
use crate::error::{Fault, RegionFault};

/// The regions of one line.
///
/// # Errors
/// Where it is none of the layouts.
pub(super) fn of_line(bytes: &[u8]) -> Result<RawRegions, Fault> {
    parse(&columns(bytes)?, &RegionNames::default())
}

/// The regions of one line, by the layout that has so many columns. What is there by its number alone is read where it has a name.
pub(super) fn parse(columns: &[&str], names: &RegionNames) -> Result<RawRegions, Fault> {
    match columns {
        [_, json] => of_json(json),
        [_, regions, features] => Ok(RawRegions {
            regions: count(regions)?,
            features: numbers("features", features)?,
            ..RawRegions::default()
        }),
        [_, width, height, regions, boxes, features] => {
            let size = [side(width)?, side(height)?];
            let boxes = Boxes { numbers: numbers("boxes", boxes)?, size: Some(size) };
            let (regions, features) = (count(regions)?, numbers("features", features)?);
            Ok(RawRegions { regions, features, boxes: Some(boxes), ..RawRegions::default() })
        }
        [id, height, width, objects, objects_conf, attributes, attributes_conf, regions, boxes, features] => {
            let whole = parse(&[id, width, height, regions, boxes, features], names)?;
            let sure = numbers("objects_conf", objects_conf)?;
            let tags = match names.objects.as_slice() {
                [] => Vec::new(),
                known => {
                    let ids = ids("objects_id", objects)?.into_iter();
                    ids.map(|id| name(known, "object", id)).collect::<Result<_, _>>()?
                }
            };
            let attributes = match names.attributes.as_slice() {
                [] => Vec::new(),
                known => {
                    let (ids, sure) = (ids("attrs_id", attributes)?, numbers("attrs_conf", attributes_conf)?);
                    check_confidences(&sure, whole.regions)?;
                    if ids.len() != whole.regions {
                        return Err(RegionFault::TagCount { tags: ids.len(), regions: whole.regions }.into());
                    }
                    let attribute = |(id, confidence): (i64, f32)| match id {
                        // Written where a detector knows no attribute of a region.
                        -1 => Ok(Vec::new()),
                        id => Ok(vec![(name(known, "attribute", id)?, confidence)]),
                    };
                    let sure = sure.into_iter().chain(std::iter::repeat(1.0));
                    ids.into_iter().zip(sure).map(attribute).collect::<Result<_, RegionFault>>()?
                }
            };
            if !tags.is_empty() && tags.len() != whole.regions {
                return Err(RegionFault::TagCount { tags: tags.len(), regions: whole.regions }.into());
            }
            Ok(RawRegions { tags, confidences: sure, attributes, ..whole })
        }
        _ => Err(RegionFault::Columns { found: columns.len(), expected: "2, 3, 6 or 10" }.into()),
    }
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
    conf: Option<f32>,
    attributes: Option<Vec<String>>,
    attr_scores: Option<Vec<f32>>,
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
            ..RawRegions::default()
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
    let (mut confidences, mut attributes) = (Vec::new(), Vec::new());
    for (index, own) in row.objects.into_iter().enumerate() {
        let Object { class, rect, feature, conf, attributes: named, attr_scores } = own;
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
        confidences.extend(conf);
        attributes.push(scored_attributes(object, named.unwrap_or_default(), attr_scores)?);
    }
    if attributes.iter().all(Vec::is_empty) {
        attributes.clear();
    }
    if !tags.is_empty() && tags.len() != regions {
        return Err(RegionFault::TagCount { tags: tags.len(), regions }.into());
    }
    let size = row.image_w.zip(row.image_h).map(|(width, height)| [width, height]);
    let boxes = Some(Boxes { numbers: bounds, size });
    Ok(RawRegions { regions, features, boxes, tags, confidences, attributes })
}

/// How many regions there are.
fn count(text: &str) -> Result<usize, Fault> {
    text.parse().map_err(|_| Fault::NotCount { column: "num_boxes".into(), found: quoted(text) })
}

/// A side of an image in pixels.
fn side(text: &str) -> Result<f32, Fault> {
    text.parse().map_err(|_| Fault::NotNumber { column: "image size".into(), found: quoted(text) })
}

/// Whole numbers of 64 bits, the low byte first, in base64.
fn ids(column: &'static str, text: &str) -> Result<Vec<i64>, RegionFault> {
    let bytes = decoded(column, text)?;
    match bytes.as_chunks::<8>() {
        (numbers, []) => Ok(numbers.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()),
        _ => Err(RegionFault::NotIds { column, bytes: bytes.len() }),
    }
}

/// Bytes in base64.
fn decoded(column: &'static str, text: &str) -> Result<Vec<u8>, RegionFault> {
    BASE64_STANDARD
        .decode(text)
        .map_err(|error| RegionFault::NotBase64 { column, reason: quoted(&error.to_string()) })
}

/// Numbers of 32 bits, the low byte first, in base64.
fn numbers(column: &'static str, text: &str) -> Result<Vec<f32>, RegionFault> {
    let bytes = decoded(column, text)?;
    match bytes.as_chunks::<4>() {
        (numbers, []) => Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
        _ => Err(RegionFault::NotNumbers { column, bytes: bytes.len() }),
    }
}
