//! What the teacher of a stage writes where there are no labels.

use std::collections::HashMap;

use alambic_data::{Picture, Split};
use alambic_files::write;
use alambic_models::GenerationConfig;
use alambic_teachers::{ImageTextRequest, ImageTextTeacher};
use indexmap::IndexSet;

use super::options::GenerationEntry;
use crate::context::RunContext;
use crate::error::RunError;
use crate::folder::layout::{RECORDS, make_folder};
use crate::observer::Observer;
use crate::training::job::Job;
use crate::training::statistics::GenerationStatistics;

/// Texts that are shown of what the teacher wrote.
const SHOWN: usize = 20;

/// What the teacher wrote about images, by the address of the image, which is 0 where none is read, and the prompt.
#[derive(Debug, Default)]
pub(super) struct TeacherTexts {
    texts: HashMap<(usize, String), String>,
}

/// An example for which the teacher is to write: the image, the prompt, and the language that it asks for.
pub(super) type Unlabelled<'e> = (Option<&'e Picture>, &'e str, Option<&'e str>);

impl TeacherTexts {
    /// Has the teacher of a stage write for examples of an entry, of which each is written for once, and counts what it wrote. The
    /// record goes by stage, entry and split.
    pub(super) fn write(
        (index, entry): (usize, &GenerationEntry),
        examples: &[Unlabelled<'_>],
        split: Split,
        (context, job): (&RunContext<'_>, &Job<'_>),
        statistics: &mut GenerationStatistics,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let key = |picture: Option<&Picture>, prompt: &str| (address(entry, picture), prompt.to_owned());
        let mut keys: IndexSet<(usize, String)> = IndexSet::new();
        let mut distinct: Vec<Unlabelled<'_>> = Vec::new();
        for &(picture, prompt, language) in examples {
            if keys.insert(key(picture, prompt)) {
                distinct.push((picture, prompt, language));
            }
        }
        if distinct.is_empty() {
            return Ok(Self::default());
        }
        let name = job.teacher_name.ok_or_else(|| {
            RunError::Recipe(format!(
                "stage `{}` has no teacher to write where there are no labels",
                job.stage
            ))
        })?;
        let generation =
            GenerationConfig { beam: entry.teacher_beam, ..GenerationConfig::greedy(entry.max_new_tokens) };
        let teacher = ImageTextTeacher::load(&context.models.checkpoint_folder(name)?, generation)?;
        let requests: Vec<ImageTextRequest<'_>> = distinct
            .iter()
            .map(|(picture, prompt, _)| ImageTextRequest {
                picture: picture.filter(|_| entry.reads_images()),
                prompt,
            })
            .collect();
        let records = context.folder.path().join(RECORDS);
        make_folder(write::parent(&records), &records)?;
        let path = records.join(format!("{}.written-{}.{}.jsonl", job.stage, index + 1, split.name()));
        observer.task(&format!("{}: teacher writes ({})", job.stage, split.name()), requests.len(), 0);
        let mut done = 0;
        let written = teacher.complete(&path, &requests, &context.ranks, &mut |count| {
            done += count;
            observer.progress(done);
        })?;
        observer.finished(&format!("{} texts in {}", written.len(), path.display()));
        statistics.requests += written.len();
        let mut texts = HashMap::with_capacity(written.len());
        for ((key, (_, prompt, language)), output) in keys.into_iter().zip(distinct).zip(written) {
            if let Some(reason) = output.dropped {
                *statistics.dropped.entry(reason).or_insert(0) += 1;
                continue;
            }
            let Some(best) = output.candidates.into_iter().next() else { continue };
            // A prime stride spreads the shown texts over the data.
            if texts.len() % 997 == 0 && statistics.samples.len() < SHOWN {
                // A direction has two languages, and is read at its first hyphen.
                let code = language.filter(|code| !code.contains('-'));
                let direction = code.map(|code| format!("{code}-{code}")).unwrap_or_default();
                statistics.samples.push([prompt.to_owned(), direction, String::new(), best.text.clone()]);
            }
            texts.insert(key, best.text);
        }
        Ok(Self { texts })
    }

    /// What it wrote about an image; none where that was dropped.
    pub(super) fn of(
        &self,
        entry: &GenerationEntry,
        picture: Option<&Picture>,
        prompt: &str,
    ) -> Option<&str> {
        self.texts.get(&(address(entry, picture), prompt.to_owned())).map(String::as_str)
    }
}

/// The address of an image that is read.
pub(super) fn address(entry: &GenerationEntry, picture: Option<&Picture>) -> usize {
    picture.filter(|_| entry.reads_images()).map_or(0, |picture| std::ptr::from_ref(picture).addr())
}
