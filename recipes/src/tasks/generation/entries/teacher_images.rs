//! What the teacher of a stage draws where there are no images to learn from.

use std::collections::HashMap;
use std::sync::Arc;

use alambic_data::{Raster, Split};
use alambic_files::write;
use alambic_inference::DrawingOptions;
use alambic_models::{Config, Sampling};
use alambic_teachers::DrawingTeacher;
use indexmap::IndexSet;

use super::options::GenerationEntry;
use crate::context::RunContext;
use crate::error::RunError;
use crate::folder::layout::{RECORDS, make_folder};
use crate::observer::Observer;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;

/// An image that the teacher drew.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TeacherImage {
    pub(super) codes: Vec<u32>,
    pub(super) raster: Raster,
}

/// The best image that the teacher drew of each caption.
#[derive(Debug, Default)]
pub(super) struct TeacherImages {
    images: HashMap<String, Arc<TeacherImage>>,
}

impl TeacherImages {
    /// Has the teacher of a stage draw images of captions of an entry, each once. The record goes by stage, entry and split.
    pub(super) fn draw(
        (index, entry): (usize, &GenerationEntry),
        captions: &[&str],
        split: Split,
        (context, job): (&RunContext<'_>, &Job<'_>),
        statistics: &mut DatasetStatistics,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let distinct: IndexSet<&str> = captions.iter().copied().collect();
        let captions: Vec<&str> = distinct.into_iter().collect();
        if captions.is_empty() {
            return Ok(Self::default());
        }
        let name = job.teacher_name.ok_or_else(|| {
            RunError::Recipe(format!(
                "stage `{}` has no teacher to draw images where none are known",
                job.stage
            ))
        })?;
        let sampling = Sampling { temperature: 1.0, top_k: None, top_p: 1.0, seed: job.seed };
        let options = DrawingOptions { sampling: Some(sampling), candidates: entry.teacher_candidates };
        let teacher = DrawingTeacher::load(&context.models.checkpoint_folder(name)?, options)?;
        if !matches!(job.config, Config::ErnieVilg(own) if own.image_tokenizer == *teacher.image_tokenizer())
        {
            return Err(RunError::Recipe(format!(
                "the student of stage `{}` has another image tokenizer than its teacher, of whose tokens it is to learn: set its \
                 `image-tokenizer` to that teacher",
                job.stage
            )));
        }
        let records = context.folder.path().join(RECORDS);
        make_folder(write::parent(&records), &records)?;
        let path = records.join(format!("{}.drawn-{}.{}.jsonl", job.stage, index + 1, split.name()));
        observer.task(&format!("{}: teacher draws ({})", job.stage, split.name()), captions.len(), 0);
        let mut done = 0;
        let drawn = teacher.complete(&path, &captions, &context.ranks, &mut |count| {
            done += count;
            observer.progress(done);
        })?;
        observer.finished(&format!("{} images in {}", drawn.len(), path.display()));
        statistics.generation.requests += drawn.len();
        let codes: Vec<Vec<u32>> = drawn.into_iter().map(|own| own.codes).collect();
        let rasters = teacher.images(&captions, &codes)?;
        let images = captions.into_iter().zip(codes.into_iter().zip(rasters));
        let image = |(caption, (codes, raster)): (&str, _)| {
            (caption.to_owned(), Arc::new(TeacherImage { codes, raster }))
        };
        Ok(Self { images: images.map(image).collect() })
    }

    /// The image of a caption.
    pub(super) fn of(&self, caption: &str) -> Option<Arc<TeacherImage>> {
        self.images.get(caption).cloned()
    }
}
