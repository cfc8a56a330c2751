//! An object of JSON with `images`, for each caption the places of images, the best first, and `captions`, for each image the
//! places of captions; or the first of the two alone as a list, as IGLUE's program writes it.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::json;

use super::super::references::{Gold, Predictions, References};
use super::{Layout, from_json};
use crate::error::{BenchmarkFault, DataError, Place, Problems};
use crate::source::TableSource;
use crate::table::unmarked;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Both {
    images: Option<Vec<Vec<usize>>>,
    captions: Option<Vec<Vec<usize>>>,
}

pub(super) fn read(source: &TableSource, references: &References) -> Result<Predictions, DataError> {
    let is_list = unmarked(&source.bytes).trim_ascii_start().starts_with(b"[");
    let Both { images, captions } = if is_list {
        Both { images: Some(from_json(source, Layout::Rankings)?), captions: None }
    } else {
        from_json(source, Layout::Rankings)?
    };
    let (caption_count, image_count) = match &references.gold {
        Gold::Images { of_captions, images } => (of_captions.len(), *images),
        _ => (0, 0),
    };
    let mut problems = Problems::default();
    for (what, rankings, expected, candidates) in [
        ("rankings of images", &images, caption_count, image_count),
        ("rankings of captions", &captions, image_count, caption_count),
    ] {
        let Some(rankings) = rankings else { continue };
        if rankings.len() != expected {
            let found = rankings.len();
            let fault = BenchmarkFault::Count { what, found, expected, labels: references.source.clone() };
            problems.push(Place::file(&source.name), fault.into());
        }
        for (index, ranking) in rankings.iter().enumerate() {
            if let Err(fault) = check(ranking, index + 1, candidates) {
                problems.push(Place::file(&source.name), fault.into());
            }
        }
    }
    problems.or(Predictions::Rankings { images, captions })
}

fn check(ranking: &[usize], number: usize, candidates: usize) -> Result<(), BenchmarkFault> {
    let mut seen = HashSet::new();
    for &place in ranking {
        if place >= candidates {
            return Err(BenchmarkFault::PlaceBeyond { found: place, last: candidates.saturating_sub(1) });
        }
        if !seen.insert(place) {
            return Err(BenchmarkFault::PlaceTwice { ranking: number, place });
        }
    }
    Ok(())
}

pub(super) fn text(images: Option<&[Vec<usize>]>, captions: Option<&[Vec<usize>]>) -> String {
    let entries = [("images", images), ("captions", captions)];
    let entries = entries.into_iter().filter_map(|(name, lists)| Some((name.to_owned(), json!(lists?))));
    format!("{}\n", serde_json::Value::Object(entries.collect()))
}
