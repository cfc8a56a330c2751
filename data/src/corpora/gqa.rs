//! GQA.

use alambic_settings::{IndexMap, Location, OneOrMany, settings};
use serde::Deserialize;

use super::ReadCorpus;
use super::answers::{answer_classes, listed};
use super::json::{Words, json};
use crate::content::Content;
use crate::error::{DataError, Place};
use crate::image_datasets::{RawQuestion, TEST, Translations, build_questions, english_and};
use crate::image_files::ImageFolder;
use crate::source::{Extent, TableSource};
use crate::stable_hash::join_fingerprints;

settings! {
    /// GQA (Hudson and Manning, 2019) as published: files of questions in JSON by their number, images in a folder. Kinds are
    /// the structural types of the questions: `verify`, `query`, `choose`, `logical`, `compare`.
    pub struct Gqa {
        /// Files of questions, as `train_balanced_questions.json`.
        pub questions: OneOrMany<Location>,
        /// Files of questions of the split `test`, as `testdev_balanced_questions.json`.
        pub test_questions: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files of the same questions in other languages, by language code, as xGQA has them: by the same numbers.
        pub translations: IndexMap<String, OneOrMany<Location>> = IndexMap::new(),
        /// The folder of the images, called by their number with `.jpg` behind it.
        pub images: Location,
        /// A file with the answers that are classes, in the order of their ids, as a published teacher has them: the
        /// `config.json` of a model, a list in JSON such as LXMERT's `trainval_label2ans.json`, or a line each. Left out: the common
        /// ones.
        pub answers_from: Option<Location>,
        /// Least number of questions with an answer for it to be a class.
        #[range(1..)]
        pub min_answer_count: usize = 1,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GqaQuestion {
    question: String,
    image_id: Words,
    answer: Option<Words>,
    #[serde(default)]
    types: Types,
}

#[derive(Deserialize, Default)]
struct Types {
    #[serde(default)]
    structural: String,
}

impl ReadCorpus for Gqa {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let folder = ImageFolder::open(&self.images)?;
        let (mut rows, mut sources, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new());
        let mut translations = Translations::new();
        for (language, paths) in &self.translations {
            for location in paths.iter() {
                let (source, file): (TableSource, IndexMap<String, GqaQuestion>) = json(location)?;
                fingerprints.push(source.fingerprint());
                for (number, asked) in file {
                    translations.add(number, language, &asked.question);
                }
            }
        }
        for (paths, split) in [(&self.questions, None), (&self.test_questions, Some(TEST))] {
            for location in paths.iter() {
                let (source, file): (TableSource, IndexMap<String, GqaQuestion>) = json(location)?;
                fingerprints.push(source.fingerprint());
                rows.extend(file.into_iter().map(|(number, asked)| RawQuestion {
                    translations: translations.of(&number),
                    text: asked.question.trim().to_owned(),
                    image: folder.file(&format!("{}.jpg", asked.image_id.0.trim())),
                    answers: asked.answer.into_iter().map(|Words(answer)| (answer, 1.0)).collect(),
                    kind: asked.types.structural,
                    split: split.map(str::to_owned),
                    place: Place::file(&source.name),
                }));
                sources.push(source.name);
            }
        }
        let listed = self.answers_from.as_ref().map(listed).transpose()?;
        let classes = answer_classes(listed.as_deref(), self.min_answer_count);
        Ok(build_questions(
            sources.join(", "),
            &join_fingerprints(&fingerprints),
            rows,
            classes,
            english_and(&self.translations),
            extent,
        )?
        .into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [false, !self.test_questions.is_empty()]
    }
}
