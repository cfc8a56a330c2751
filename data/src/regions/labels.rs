//! Names of regions: the label files of Oscar and VinVL.

use std::collections::HashMap;

use alambic_files::text::{elided, quoted};
use alambic_settings::Location;
use serde::Deserialize;

use super::raw_regions::{Boxes, Labels};
use super::rows::Rows;
use super::wanted::WantedImages;
use crate::error::{DataError, Fault, Place, Problems, RegionFault};

/// Labels out of files of tags, by the id of the image.
pub(super) type LabelsById = HashMap<String, (Place, Labels)>;

#[derive(Deserialize)]
struct LabelFile {
    objects: Vec<Object>,
    image_w: Option<f32>,
    image_h: Option<f32>,
}

#[derive(Deserialize)]
struct Object {
    class: String,
    rect: Option<[f32; 4]>,
    conf: Option<f32>,
}

/// Reads the labels of the images that are wanted.
///
/// # Errors
/// All faulty lines.
pub(super) fn read(
    location: &Location,
    wanted: &WantedImages,
    labels: &mut LabelsById,
) -> Result<(), DataError> {
    let mut rows = Rows::open(location)?;
    let mut problems = Problems::default();
    while !wanted.is_done(labels.len()) && rows.advance()? {
        let taken = rows.id().and_then(|id| match wanted.key(&id) {
            None => Ok(()),
            Some(key) if labels.contains_key(&key) => Err(RegionFault::DuplicateImage(quoted(&id)).into()),
            Some(key) => {
                labels.insert(key, (rows.place(), parse(&rows.columns()?)?));
                Ok(())
            }
        });
        if let Err(fault) = taken {
            problems.push(rows.place(), fault);
        }
    }
    problems.or(())
}

fn parse(columns: &[&str]) -> Result<Labels, Fault> {
    let [_, json] = columns else {
        return Err(RegionFault::Columns { found: columns.len(), expected: "2" }.into());
    };
    let broken = |error: serde_json::Error| Fault::BrokenJson(elided(&error.to_string()));
    let (objects, size) = if json.starts_with('[') {
        (serde_json::from_str(json).map_err(broken)?, None)
    } else {
        let whole: LabelFile = serde_json::from_str(json).map_err(broken)?;
        let size = whole.image_w.zip(whole.image_h).map(|(width, height)| [width, height]);
        (whole.objects, size)
    };
    let (mut tags, mut numbers, mut confidences) =
        (Vec::with_capacity(objects.len()), Vec::new(), Vec::new());
    for Object { class, rect, conf } in objects {
        tags.push(class);
        numbers.extend(rect.into_iter().flatten());
        confidences.extend(conf);
    }
    let boxes = (numbers.len() == 4 * tags.len()).then_some(Boxes { numbers, size });
    if !confidences.is_empty() && confidences.len() != tags.len() {
        let fault = RegionFault::ConfidenceCount { confidences: confidences.len(), regions: tags.len() };
        return Err(fault.into());
    }
    Ok(Labels { tags, boxes, confidences })
}
