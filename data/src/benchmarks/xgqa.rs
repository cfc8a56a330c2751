//! `xGQA` of IGLUE (Pfeiffer et al., 2022).

use alambic_files::text::quoted;
use alambic_settings::settings;
use indexmap::IndexMap;
use serde::Deserialize;

use super::files::{LanguageFile, line_of};
use super::inputs::{Examples, ImageReader, Part, VisualQuestion};
use super::references::{Gold, References};
use super::rows::of_file;
use super::{BenchmarkFiles, BenchmarkFormat, BenchmarkImages, Layout};
use crate::corpora::json::Words;
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::table::unmarked;

settings! {
    /// xGQA: questions about images. Read are objects of questions by their id, each with its `answer`, and where a model is asked its
    /// `question` and `imageId`: `testdev_balanced_questions_XX.json`, also below `annotations/zero_shot`; to train on GQA's
    /// `train_balanced_questions.json` and `val_balanced_questions.json`, also in a folder `gqa` beside.
    pub struct Xgqa {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles,
        /// Where its images are.
        #[flatten]
        pub images: BenchmarkImages
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    question: Option<Words>,
    image_id: Option<Words>,
    answer: Option<Words>,
}

/// The questions of a file by their id.
fn questions(file: &LanguageFile<'_>) -> Result<IndexMap<String, Entry>, DataError> {
    let source = file.source;
    serde_json::from_slice(unmarked(&source.bytes)).map_err(|error| {
        DataError::new(Place::line(&source.name, error.line()), Fault::BrokenJson(error.to_string()))
    })
}

/// The line of a question's id.
fn place_of(file: &LanguageFile<'_>, id: &str) -> Place {
    let line = line_of(&file.source.bytes, &serde_json::Value::from(id).to_string());
    Place { line, ..Place::file(&file.source.name) }
}

impl BenchmarkFormat for Xgqa {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn images(&self) -> Option<&BenchmarkImages> {
        Some(&self.images)
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "testdev_balanced_questions_{language}.json",
            "annotations/zero_shot/testdev_balanced_questions_{language}.json",
            "zero_shot/testdev_balanced_questions_{language}.json",
            "test-{language}.json",
        ]
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &[
                "train_balanced_questions.json",
                "annotations/train_balanced_questions.json",
                "../gqa/train_balanced_questions.json",
                "../gqa/annotations/train_balanced_questions.json",
                "train-{language}.json",
            ],
            Part::Validation => &[
                "val_balanced_questions.json",
                "annotations/val_balanced_questions.json",
                "../gqa/val_balanced_questions.json",
                "../gqa/annotations/val_balanced_questions.json",
                "dev-{language}.json",
            ],
            Part::Test => self.names(),
        }
    }

    fn layout(&self) -> Layout {
        Layout::QuestionAnswers
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        let all = questions(file)?;
        if all.is_empty() {
            return Err(of_file(file.source, Fault::Empty));
        }
        if all.values().all(|own| own.answer.is_none()) {
            return Err(of_file(file.source, BenchmarkFault::NoLabels("no question has an `answer`")));
        }
        let mut problems = Problems::default();
        let mut answers = IndexMap::with_capacity(all.len());
        for (id, question) in all {
            match question.answer {
                Some(answer) => {
                    answers.insert(id, answer.0);
                }
                None => problems.push(place_of(file, &id), BenchmarkFault::WithoutAnswer(id).into()),
            }
        }
        problems.or(References {
            source: file.source.name.clone(),
            classes: Vec::new(),
            gold: Gold::QuestionAnswers(answers),
        })
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let file = &files[0];
        let mut images = ImageReader::new(&self.images, file.folder)?;
        let mut examples = Vec::new();
        for (id, Entry { question, image_id, answer }) in questions(file)? {
            let what = || format!("the question `{}`", quoted(&id));
            let text = question.map(|own| own.0.trim().to_owned()).unwrap_or_default();
            let image = image_id.map(|own| own.0.trim().to_owned()).unwrap_or_default();
            let fault = if image.is_empty() {
                Some(BenchmarkFault::WithoutImage { what: what(), key: "imageId" })
            } else if text.is_empty() {
                Some(BenchmarkFault::WithoutText(what()))
            } else {
                None
            };
            if let Some(fault) = fault {
                images.note(place_of(file, &id), fault.into());
                continue;
            }
            let image = images.take(&[&image], || place_of(file, &id));
            let answer = answer.map(|own| own.0);
            examples.push(VisualQuestion { id: Some(id), text, image, answer });
        }
        Ok(Some(Examples::VisualQuestions { questions: examples, images: images.finish()? }))
    }
}
