//! Models that look at images.

use std::path::{Path, PathBuf};

use alambic_data::{Picture, Pixels, Raster};
use alambic_settings::IndexMap;
use alambic_students::{Answerer, Sighted};
use serde_json::json;

use super::{Arguments, in_batches, probabilities};
use crate::failure::Failure;
use crate::output;

/// Answers questions, each about an image of its own or all about one.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let answerer = Answerer::load(path)?;
    let open = |file: &Path| -> Result<Raster, Failure> {
        let picture = Picture {
            name: String::new(),
            pixels: Pixels::File(file.to_owned()),
            objects: Vec::new(),
            found: None,
        };
        Ok(answerer.eyes().prepare(&picture.load()?))
    };
    let common = arguments.image.as_deref().map(open).transpose()?;
    // Two towers look at an image once, however many questions there are.
    let vector = common.as_ref().map(|image| answerer.vectors(&[image])).transpose()?.flatten();
    let labels = answerer.config().outline().labels;
    in_batches(arguments, |batch| {
        let mut images: IndexMap<PathBuf, Raster> = IndexMap::new();
        let mut questions: Vec<(&str, Option<usize>)> = Vec::with_capacity(batch.len());
        for (number, line) in batch {
            match (line.split_once('\t'), &common) {
                (_, Some(_)) => questions.push((line, None)),
                (Some((file, question)), None) => {
                    let file = PathBuf::from(file);
                    if !images.contains_key(&file) {
                        images.insert(file.clone(), open(&file)?);
                    }
                    questions.push((question, images.get_index_of(&file)));
                }
                (None, None) => {
                    return Err(Failure::Usage(format!(
                        "line {} names no image; give `--image FILE`, or lines of an image's path, a tab and a question",
                        number + 1
                    )));
                }
            }
        }
        let logits = match (&vector, &common) {
            (Some(vector), _) => {
                let texts: Vec<&str> = questions.iter().map(|(text, _)| *text).collect();
                answerer.logits_by_vectors(&texts, &vec![0; texts.len()], vector)?
            }
            (None, common) => {
                let sighted: Vec<Sighted<'_>> = questions
                    .iter()
                    .filter_map(|(text, place)| {
                        Some((*text, place.map_or(common.as_ref(), |place| Some(&images[place]))?))
                    })
                    .collect();
                answerer.logits(&sighted)?
            }
        };
        for ((_, line), row) in batch.iter().zip(logits) {
            let answer = answerer.answer(&row);
            if arguments.json {
                let likely: IndexMap<&String, f64> = labels.iter().zip(probabilities(&row)).collect();
                let said = json!({ "question": line, "prediction": answer, "probabilities": likely });
                output::line(&said.to_string())?;
            } else {
                output::line(&format!("{line}\t{answer}"))?;
            }
        }
        Ok(())
    })
}
