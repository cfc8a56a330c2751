//! VQA v2.

use std::collections::HashMap;

use alambic_files::text::quoted;
use alambic_settings::{IndexMap, Location, OneOrMany, settings};
use serde::Deserialize;

use super::ReadCorpus;
use super::answers::{answer_classes, listed};
use super::json::{Id, Words, json};
use crate::content::Content;
use crate::error::{DataError, Fault, Place};
use crate::image_datasets::{RawQuestion, TEST, Translations, build_questions, english_and};
use crate::image_files::ImageFolder;
use crate::source::{Extent, TableSource};
use crate::stable_hash::join_fingerprints;
use crate::vqa_answers::normalise;

settings! {
    /// VQA v2 (Goyal et al., 2017) as published: questions and annotations in JSON, images of COCO in folders. The score of an
    /// answer is 0.3, 0.6, 0.9 or 1 by whether one, two, three or more of ten people gave it, as the classifiers of the
    /// field have it; answers are brought to the form in which the evaluation of VQA compares them before they are counted:
    /// `Two.` and `2` are one answer, and so are `a dog` and `the dog.`. Kinds are those of the answers: `yes/no`, `number`,
    /// `other`. Ids may be numbers or texts.
    pub struct Vqa {
        /// Files of questions, as `v2_OpenEnded_mscoco_train2014_questions.json`.
        pub questions: OneOrMany<Location>,
        /// Files of the same questions in other languages, by language code: as those of questions, by the same numbers.
        pub translations: IndexMap<String, OneOrMany<Location>> = IndexMap::new(),
        /// Files of annotations, as `v2_mscoco_train2014_annotations.json`.
        pub annotations: OneOrMany<Location>,
        /// The folder of their images.
        pub images: Location,
        /// Names of image files; `{}` stands for the image's number in twelve digits, or for
        /// its id if that is no number.
        pub image_name: String = "COCO_train2014_{}.jpg".to_owned(),
        /// Files of questions of the split `test`.
        pub test_questions: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files of their annotations.
        pub test_annotations: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// The folder of their images. Left out: that of the others.
        pub test_images: Option<Location>,
        /// Names of their image files.
        pub test_image_name: String = "COCO_val2014_{}.jpg".to_owned(),
        /// A file with the answers that are classes, in the order of their ids, as a published teacher has them: the
        /// `config.json` of a model, a list in JSON such as LXMERT's `trainval_label2ans.json`, or a line each. Left out: the common
        /// ones.
        pub answers_from: Option<Location>,
        /// Least number of questions with an answer as their commonest for it to be a class; nine in the field.
        #[range(1..)]
        pub min_answer_count: usize = 9,
    }
}

/// Digits of an image's number in the name of its file.
const DIGITS: usize = 12;

#[derive(Deserialize)]
struct Questions {
    questions: Vec<VqaQuestion>,
}

#[derive(Deserialize)]
struct VqaQuestion {
    question_id: Id,
    image_id: Id,
    question: String,
}

#[derive(Deserialize)]
struct Annotations {
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    question_id: Id,
    #[serde(default)]
    answer_type: String,
    answers: Vec<GivenAnswer>,
}

#[derive(Deserialize)]
struct GivenAnswer {
    answer: Words,
}

impl ReadCorpus for Vqa {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let (mut rows, mut sources, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new());
        let mut translations = Translations::new();
        for (language, paths) in &self.translations {
            for location in paths.iter() {
                let (source, file): (TableSource, Questions) = json(location)?;
                fingerprints.push(source.fingerprint());
                for VqaQuestion { question_id, question, .. } in file.questions {
                    translations.add(question_id, language, &question);
                }
            }
        }
        let listed = self.answers_from.as_ref().map(listed).transpose()?;
        let spelling = Spelling::of(listed.as_deref().unwrap_or_default());
        let own_images = ImageFolder::open(&self.images)?;
        let test_images = match &self.test_images {
            Some(images) if !self.test_questions.is_empty() => {
                ImageFolder::with_prefix(ImageFolder::open(images)?, &own_images, TEST)
            }
            _ => own_images.clone(),
        };
        for (questions, annotations, images, name, split) in [
            (&self.questions, &self.annotations, &own_images, &self.image_name, None),
            (&self.test_questions, &self.test_annotations, &test_images, &self.test_image_name, Some(TEST)),
        ] {
            let mut given: HashMap<Id, Annotation> = HashMap::new();
            for location in annotations.iter() {
                let (source, file): (TableSource, Annotations) = json(location)?;
                fingerprints.push(source.fingerprint());
                for own in file.annotations {
                    if let Some(twice) = given.insert(own.question_id.clone(), own) {
                        let fault = Fault::DuplicateAnnotation(quoted(twice.question_id.as_str()));
                        return Err(DataError::new(Place::file(&source.name), fault));
                    }
                }
            }
            for location in questions.iter() {
                let (source, file): (TableSource, Questions) = json(location)?;
                fingerprints.push(source.fingerprint());
                for VqaQuestion { question_id, image_id, question } in file.questions {
                    let own = given.get(&question_id);
                    rows.push(RawQuestion {
                        text: question.trim().to_owned(),
                        translations: translations.of(&question_id),
                        image: images.file(&name.replace("{}", &image_id.padded(DIGITS))),
                        answers: own.map(|own| scores(own, &spelling)).unwrap_or_default(),
                        kind: own.map(|own| own.answer_type.clone()).unwrap_or_default(),
                        split: split.map(str::to_owned),
                        place: Place::file(&source.name),
                    });
                }
                sources.push(source.name);
            }
        }
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

/// How listed answers are spelt that may have another form than that in which answers are compared.
struct Spelling<'l>(HashMap<String, &'l str>);

impl<'l> Spelling<'l> {
    fn of(listed: &'l [String]) -> Self {
        let mut spelling: HashMap<String, &str> = HashMap::with_capacity(listed.len());
        for answer in listed {
            let form = normalise(answer);
            // Of several of one form that which has it itself, or else the first.
            if form == *answer || !spelling.contains_key(&form) {
                spelling.insert(form, answer);
            }
        }
        Self(spelling)
    }
}

/// Each answer with its score, the commonest first and of equally common ones that which was given first.
fn scores(annotation: &Annotation, Spelling(listed): &Spelling<'_>) -> Vec<(String, f32)> {
    let mut counts: IndexMap<String, u32> = IndexMap::new();
    for given in &annotation.answers {
        let answer = normalise(&given.answer.0);
        if !answer.is_empty() {
            *counts.entry(answer).or_default() += 1;
        }
    }
    counts.sort_by(|_, left, _, right| right.cmp(left));
    let spelt = |answer: String| listed.get(&answer).map_or(answer, |spelt| (*spelt).to_owned());
    counts.into_iter().map(|(answer, count)| (spelt(answer), (0.3 * count as f32).min(1.0))).collect()
}
