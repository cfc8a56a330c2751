//! VQA v2.

use std::collections::HashMap;

use alambic_settings::{IndexMap, Location, OneOrMany, settings};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answers::{known, listed};
use super::image_questions::folder;
use super::{Content, ReadCorpus};
use crate::error::{DataError, Fault, Place};
use crate::lexicon::of_all;
use crate::questions::{Raw, TEST, Translations, collect, english_and};
use crate::source::{Extent, Source};

settings! {
    /// VQA v2 (Goyal et al., 2017) as published: questions and annotations in JSON, images of COCO in folders. The score of an
    /// answer is 0.3, 0.6, 0.9 or 1 by whether one, two, three or more of ten people gave it, as the classifiers of the
    /// field have it; answers are compared in small letters. Kinds are those of the answers: `yes/no`, `number`, `other`.
    pub struct Vqa {
        /// Files of questions, as `v2_OpenEnded_mscoco_train2014_questions.json`.
        pub questions: OneOrMany<Location>,
        /// Files of the same questions in other languages, by language code: as those of questions, by the same numbers.
        pub translations: IndexMap<String, OneOrMany<Location>> = IndexMap::new(),
        /// Files of annotations, as `v2_mscoco_train2014_annotations.json`.
        pub annotations: OneOrMany<Location>,
        /// The folder of their images.
        pub images: Location,
        /// How images are called; `{}` stands for the image's number in twelve digits.
        pub image_name: String = "COCO_train2014_{}.jpg".to_owned(),
        /// Files of questions of the split `test`.
        pub test_questions: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files of their annotations.
        pub test_annotations: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// The folder of their images. Left out: that of the others.
        pub test_images: Option<Location>,
        /// How these are called.
        pub test_image_name: String = "COCO_val2014_{}.jpg".to_owned(),
        /// A file with the answers that are told apart, in the order of their ids, as a published teacher has them: the
        /// `config.json` of a model, a list in JSON such as LXMERT's `trainval_label2ans.json`, or a line each. Left out: the common
        /// ones.
        pub answers_from: Option<Location>,
        /// The fewest questions whose commonest answer it must be for an answer to be told apart; nine in the field.
        #[range(1..)]
        pub least: usize = 9,
    }
}

#[derive(Deserialize)]
struct Questions {
    questions: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    question_id: u64,
    image_id: u64,
    question: String,
}

#[derive(Deserialize)]
struct Annotations {
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    question_id: u64,
    #[serde(default)]
    answer_type: String,
    answers: Vec<Given>,
}

#[derive(Deserialize)]
struct Given {
    answer: String,
}

impl ReadCorpus for Vqa {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let (mut rows, mut sources, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new());
        let mut translations = Translations::new();
        for (language, paths) in &self.translations {
            for location in paths.iter() {
                let (source, file): (Source, Questions) = json(location)?;
                fingerprints.push(source.fingerprint());
                for Asked { question_id, question, .. } in file.questions {
                    translations.add(question_id, language, &question);
                }
            }
        }
        let test_images = self.test_images.as_ref().unwrap_or(&self.images);
        for (questions, annotations, images, name, split) in [
            (&self.questions, &self.annotations, &self.images, &self.image_name, None),
            (&self.test_questions, &self.test_annotations, test_images, &self.test_image_name, Some(TEST)),
        ] {
            let mut given: HashMap<u64, Annotation> = HashMap::new();
            for location in annotations.iter() {
                let (source, file): (Source, Annotations) = json(location)?;
                fingerprints.push(source.fingerprint());
                given.extend(file.annotations.into_iter().map(|own| (own.question_id, own)));
            }
            for location in questions.iter() {
                let folder = folder(images)?;
                let (source, file): (Source, Questions) = json(location)?;
                fingerprints.push(source.fingerprint());
                for Asked { question_id, image_id, question } in file.questions {
                    let own = given.get(&question_id);
                    rows.push(Raw {
                        text: question.trim().to_owned(),
                        translations: translations.of(&question_id),
                        image: folder.join(name.replace("{}", &format!("{image_id:012}"))),
                        answers: own.map(scores).unwrap_or_default(),
                        kind: own.map(|own| own.answer_type.clone()).unwrap_or_default(),
                        split: split.map(str::to_owned),
                        place: Place::file(&source.name),
                    });
                }
                sources.push(source.name);
            }
        }
        let listed = self.answers_from.as_ref().map(listed).transpose()?;
        let known = known(listed.as_deref(), self.least);
        Ok(collect(
            sources.join(", "),
            of_all(&fingerprints),
            rows,
            known,
            english_and(&self.translations),
            extent,
        )?
        .into())
    }

    fn kept_files(&self) -> [bool; 2] {
        [false, !self.test_questions.is_empty()]
    }
}

/// Each answer with its score, the commonest first and of equally common ones that which was given first.
fn scores(annotation: &Annotation) -> Vec<(String, f32)> {
    let mut counts: IndexMap<String, u32> = IndexMap::new();
    for given in &annotation.answers {
        *counts.entry(given.answer.trim().to_lowercase()).or_default() += 1;
    }
    counts.sort_by(|_, left, _, right| right.cmp(left));
    counts.into_iter().map(|(answer, count)| (answer, (0.3 * count as f32).min(1.0))).collect()
}

/// A file of JSON.
pub(super) fn json<T: DeserializeOwned>(location: &Location) -> Result<(Source, T), DataError> {
    let source = Source::open_lines(location, Extent::Whole)?;
    let value = serde_json::from_slice(&source.bytes).map_err(|error| {
        DataError::new(Place::line(&source.name, error.line()), Fault::BrokenJson(error.to_string()))
    })?;
    Ok((source, value))
}
