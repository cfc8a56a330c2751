//! `xGQA` of IGLUE (Pfeiffer et al., 2022).

use alambic_settings::settings;
use indexmap::IndexMap;
use serde::Deserialize;

use super::files::LanguageFile;
use super::references::{Gold, References};
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::corpora::json::Words;
use crate::error::{DataError, Fault, Place};
use crate::table::unmarked;

settings! {
    /// xGQA: questions about images. Read are objects of questions by their id, each with its `answer`:
    /// `testdev_balanced_questions_XX.json`, also below `annotations/zero_shot`.
    pub struct Xgqa {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

#[derive(Deserialize)]
struct Question {
    answer: Words,
}

impl BenchmarkFormat for Xgqa {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "testdev_balanced_questions_{language}.json",
            "annotations/zero_shot/testdev_balanced_questions_{language}.json",
            "zero_shot/testdev_balanced_questions_{language}.json",
            "test-{language}.json",
        ]
    }

    fn layout(&self) -> Layout {
        Layout::QuestionAnswers
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let source = files[0].source;
        let all: IndexMap<String, Question> =
            serde_json::from_slice(unmarked(&source.bytes)).map_err(|error| {
                DataError::new(Place::line(&source.name, error.line()), Fault::BrokenJson(error.to_string()))
            })?;
        let answers = all.into_iter().map(|(id, question)| (id, question.answer.0)).collect();
        Ok(References {
            source: source.name.clone(),
            classes: Vec::new(),
            gold: Gold::QuestionAnswers(answers),
        })
    }
}
