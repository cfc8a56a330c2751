//! Trainings that look at images: what is asked and said of them, objects and regions.

use alambic_data::{Split, is_chosen};
use alambic_models::Config;
use alambic_settings::{At, Diagnostic, Origin};
use alambic_students::{OscarSizes, PLACE};

use super::{Checker, Counts, Depth, list};
use crate::run::corpora::Kind;
use crate::run::questions::image_texts::pairs;
use crate::run::trainings::student_of;
use crate::schema::{Readings, StageData, StageOptions};

impl Checker<'_> {
    /// Checks the names of corpora of questions, and that their answers agree. What they are is given back.
    pub(super) fn answers(&mut self, names: &[At<String>], origin: &Origin) -> Option<Vec<String>> {
        if !self.must_be_corpora(names, origin, Kind::Questions) {
            return None;
        }
        let answers = self.workshop.corpora.answers(names).map(<[String]>::to_vec);
        self.agreed(answers, origin)
    }

    /// Counts the questions of a training, and reports parts that hold none.
    pub(super) fn questions(&mut self, name: &str, path: &[&str], data: &At<StageData>) {
        let mut counts = Counts::default();
        let mut all: Option<Vec<String>> = None;
        for (index, options) in data.questions.iter().enumerate() {
            let origin = self.loaded.origin(&[path, &["data", "questions", &index.to_string()]].concat());
            let Some(answers) = self.answers(&options.data, &origin) else { continue };
            if !self.must_be_asked(&options.data, options.readings()) {
                // What cannot be counted is not empty.
                return;
            }
            if all.as_ref().is_some_and(|all| *all != answers) {
                let message = format!("the corpora of `{}` have different answers", path.join("."));
                self.error("recipe::data", message, &origin, "other answers than the questions before it");
            }
            all = Some(answers);
            let count =
                |part| self.workshop.corpora.selected_questions(options, part).map_or(0, |found| found.len());
            counts.questions += count(Split::Train);
            counts.validation += count(Split::Validation);
        }
        if self.depth == Depth::Whole && all.is_some() {
            self.must_validate(path, counts.questions, counts.validation);
        }
        self.counts.insert(name.to_owned(), counts);
    }

    /// Reports languages in which a corpus asks nothing. True if there are none.
    pub(super) fn must_be_asked(&mut self, names: &[At<String>], readings: Readings<'_>) -> bool {
        let before = self.found.len();
        let mut asked: Vec<&At<String>> = readings.student.iter().chain(readings.teacher).collect();
        asked.dedup_by(|one, other| one.value == other.value);
        let student = readings.student;
        for (place, language) in student.iter().enumerate() {
            if student[..place].iter().any(|before| before.value == language.value) {
                let message = format!("`{}` is named twice", language.value);
                self.error("data::language", message, &language.origin, "its questions would count twice");
            }
        }
        for language in asked {
            for name in names {
                let Ok(corpus) = self.workshop.corpora.get(name) else { continue };
                let known = corpus.languages();
                if !known.contains(&language.value) {
                    let label = match known {
                        [] => "it does not say in which language it asks".to_owned(),
                        known => format!("it asks in {}", list(known.iter().map(String::as_str))),
                    };
                    let message = format!("corpus `{}` asks nothing in `{}`", name.value, language.value);
                    self.error("data::language", message, &language.origin, label);
                }
            }
        }
        self.found.len() == before
    }

    /// Reports a language in which no corpus knows the tags that a student's detector gives.
    pub(super) fn must_know_tags(&mut self, options: &OscarSizes) {
        let Some(language) = &options.tags_in else { return };
        let message = if options.detector.is_none() {
            "tags are put into another language where a detector gives them, and the student has none"
                .to_owned()
        } else if self.workshop.corpora.translated_tags(language).is_empty() {
            format!("no corpus says what tags are called in `{}`", language.value)
        } else {
            return;
        };
        self.error("data::language", message, &language.origin, "asked for here");
    }

    /// Counts the texts about images of a training, and reports parts that hold none.
    pub(super) fn image_texts(&mut self, name: &str, path: &[&str], data: &At<StageData>) {
        let mut counts = Counts::default();
        for (index, options) in data.image_texts.iter().enumerate() {
            let origin = self.loaded.origin(&[path, &["data", "image-texts", &index.to_string()]].concat());
            if self.answers(&options.data, &origin).is_none() {
                continue;
            }
            let count = |part| pairs(&self.workshop, options, part).map_or(0, |found| found.len());
            counts.image_texts += count(Split::Train);
            counts.validation += count(Split::Validation);
        }
        self.finish_images(name, path, counts);
    }

    /// Counts the images of a training that have captions, and reports corpora without any.
    pub(super) fn captions(&mut self, name: &str, path: &[&str], data: &At<StageData>) {
        let mut counts = Counts::default();
        for (index, options) in data.captions.iter().enumerate() {
            let origin = self.loaded.origin(&[path, &["data", "captions", &index.to_string()]].concat());
            if !self.must_have_captions(&options.data, &origin) {
                return;
            }
            let count =
                |part| self.workshop.corpora.selected_pictures(options, part).map_or(0, |found| found.len());
            counts.images += count(Split::Train);
            counts.validation += count(Split::Validation);
        }
        self.finish_images(name, path, counts);
    }

    /// Reports names that are not of corpora whose images have captions; false if there are any.
    pub(super) fn must_have_captions(&mut self, names: &[At<String>], origin: &Origin) -> bool {
        if !self.must_be_corpora(names, origin, Kind::Questions) {
            return false;
        }
        let corpora = &self.workshop.corpora;
        let none = |part| corpora.captioned(names, part).is_ok_and(|found| found.is_empty());
        if none(Split::Train) && none(Split::Test) {
            let message = "the images of these corpora have no captions".to_owned();
            self.report(
                Diagnostic::error("data::captions", message)
                    .label(origin, "has nothing to find images by")
                    .help("`made-up-scenes` has as many as its key `captions` says; `image-captions` and `karpathy` read those of photographs"),
            );
            return false;
        }
        true
    }

    /// Counts the images of a training of a detector, and reports corpora that do not say where objects are.
    pub(super) fn objects(&mut self, name: &str, path: &[&str], data: &At<StageData>) {
        let mut counts = Counts::default();
        for (index, options) in data.objects.iter().enumerate() {
            let origin = self.loaded.origin(&[path, &["data", "objects", &index.to_string()]].concat());
            if !self.must_be_corpora(&options.data, &origin, Kind::Questions) {
                continue;
            }
            if self.workshop.corpora.tags(&options.data).is_ok_and(|tags| tags.is_empty()) {
                let message = "these corpora do not say where objects are".to_owned();
                let help = "`made-up-scenes` do; for photographs use features of a published detector";
                self.report(
                    Diagnostic::error("data::objects", message)
                        .label(&origin, "has nothing to find")
                        .help(help),
                );
                return;
            }
            let count = |part| {
                let pictures = self.workshop.corpora.pictures(&options.data, part).unwrap_or_default();
                pictures.iter().filter(|picture| is_chosen(picture, options.fraction)).count()
            };
            counts.images += count(Split::Train);
            counts.validation += count(Split::Validation);
        }
        self.finish_images(name, path, counts);
    }

    fn finish_images(&mut self, name: &str, path: &[&str], counts: Counts) {
        let examples = counts.image_texts + counts.images;
        if self.depth == Depth::Whole {
            self.must_validate(path, examples, counts.validation);
        }
        self.counts.insert(name.to_owned(), counts);
    }

    /// Reports a student that reads regions where neither a detector nor the corpora give any, or others than it reads.
    pub(super) fn must_have_regions(&mut self, stage: &str, options: &StageOptions, config: &Config) {
        let recipe = self.recipe;
        let Ok(student) = student_of(recipe, stage) else { return };
        let detector = recipe.student.get(&student).and_then(|student| student.inner().detector());
        let (Config::Oscar(config), None, Depth::Whole) = (config, detector, self.depth) else { return };
        for name in options.data.image_corpora() {
            let Ok(pictures) = self.workshop.corpora.pictures(std::slice::from_ref(name), Split::Train)
            else {
                continue;
            };
            let Some(picture) = pictures.first() else { continue };
            let features = config.features;
            let message = match &picture.found {
                None => format!("the student of stage `{stage}` reads regions, and nothing is known of any"),
                Some(found) if ![features, features.saturating_sub(PLACE)].contains(&found.width()) => {
                    format!(
                        "the student of stage `{stage}` reads regions of {features} features, and those of `{}` have {}",
                        name.value,
                        found.width()
                    )
                }
                Some(_) => continue,
            };
            let declared = self.loaded.key_origin(&["data", &name.value]);
            let own = self.loaded.key_origin(&["student", &student]);
            self.report(
                Diagnostic::error("student::regions", message)
                    .label(&own, "reads regions")
                    .label(&declared, "has these images")
                    .help("name files of features under `regions` of the data and set the student's `features`, or give the student a `detector`"),
            );
        }
    }
}
