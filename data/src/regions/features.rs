//! Features of regions in TSV: the layouts of Oscar, VinVL, LXMERT and bottom-up attention, and VinVL's predictions.

use std::borrow::Cow;

use alambic_files::text::{elided, quoted};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Number;

use super::detected_regions::{RegionLabel, RegionLabels};
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
            let of = whole.regions;
            // Features alone, as people write them who have no classes.
            if [objects, objects_conf, attributes, attributes_conf].iter().all(|own| own.trim().is_empty()) {
                return Ok(whole);
            }
            let objects = labels(["objects_id", "objects_conf"], [objects, objects_conf], of)?;
            let attributes = labels(["attrs_id", "attrs_conf"], [attributes, attributes_conf], of)?;
            let tags = match names.objects.as_slice() {
                [] => Vec::new(),
                known => {
                    let tag = |own: &RegionLabel| name(known, "object", number(own));
                    objects.iter().map(tag).collect::<Result<_, _>>()?
                }
            };
            let named = match names.attributes.as_slice() {
                [] => Vec::new(),
                known => {
                    let attribute = |own: &RegionLabel| match own.class {
                        // Written where a detector knows no attribute of a region.
                        None => Ok(Vec::new()),
                        Some(_) => Ok(vec![(name(known, "attribute", number(own))?, own.confidence)]),
                    };
                    attributes.iter().map(attribute).collect::<Result<_, RegionFault>>()?
                }
            };
            let confidences = objects.iter().map(|own| own.confidence).collect();
            let classes = Some(RegionLabels { objects, attributes });
            Ok(RawRegions { tags, confidences, attributes: named, classes, ..whole })
        }
        _ => Err(RegionFault::Columns { found: columns.len(), expected: "2, 3, 6 or 10" }.into()),
    }
}

/// The number of a class; -1 of one that is not known.
fn number(label: &RegionLabel) -> i64 {
    label.class.map_or(-1, i64::from)
}

/// Classes and how sure they are, one for each region; a negative class is not known.
fn labels(
    columns: [&'static str; 2],
    [classes, confidences]: [&str; 2],
    regions: usize,
) -> Result<Vec<RegionLabel>, RegionFault> {
    let (classes, confidences) = (ids(columns[0], classes, regions)?, numbers(columns[1], confidences)?);
    for (column, found) in columns.into_iter().zip([classes.len(), confidences.len()]) {
        if found != regions {
            return Err(RegionFault::LabelCount { column, found, regions });
        }
    }
    check_confidences(&confidences, regions)?;
    let label =
        |(class, confidence): (i64, f32)| RegionLabel { class: u32::try_from(class).ok(), confidence };
    Ok(classes.into_iter().zip(confidences).map(label).collect())
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
    Ok(RawRegions { regions, features, boxes, tags, confidences, attributes, ..RawRegions::default() })
}

/// How many regions there are.
fn count(text: &str) -> Result<usize, Fault> {
    text.parse().map_err(|_| Fault::NotCount { column: "num_boxes".into(), found: quoted(text) })
}

/// A side of an image in pixels.
fn side(text: &str) -> Result<f32, Fault> {
    text.parse().map_err(|_| Fault::NotNumber { column: "image size".into(), found: quoted(text) })
}

/// Whole numbers in base64, the low byte first: of 64 bits as LXMERT's files have them, or of 32, where these are as many as the regions, as numbers
/// with or without a fraction.
fn ids(column: &'static str, text: &str, regions: usize) -> Result<Vec<i64>, RegionFault> {
    let bytes = decoded(column, text)?;
    let (narrow, rest) = bytes.as_chunks::<4>();
    let (wide, wide_rest) = bytes.as_chunks::<8>();
    let wide: Vec<i64> = wide.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
    if rest.is_empty() && narrow.len() == regions {
        // A small integer is no whole number as a float, zero aside, which is the same in both.
        let floats: Vec<f32> = narrow.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if floats.iter().all(|own| own.is_finite() && own.fract() == 0.0) {
            return Ok(floats.into_iter().map(|own| own as i64).collect());
        }
        // What could be half as many numbers of 64 bits is not taken for integers of 32.
        if !wide_rest.is_empty() || wide.iter().any(|own| i32::try_from(*own).is_err()) {
            return Ok(narrow.iter().map(|bytes| i64::from(i32::from_le_bytes(*bytes))).collect());
        }
    }
    if wide_rest.is_empty() { Ok(wide) } else { Err(RegionFault::NotIds { column, bytes: bytes.len() }) }
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
