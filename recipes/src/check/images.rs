//! Trainings that look at images: what is asked and said of them, objects and regions.

use alambic_data::{Split, is_chosen};
use alambic_settings::{At, Diagnostic, Origin};
use alambic_students::{Eyes, OscarSizes};

use super::models::Sketch;
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
        let answers = self.agreed(answers, origin)?;
        if self.workshop.corpora.are_settled(names) {
            self.must_be_several(names, "answers", &answers);
        }
        Some(answers)
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
            let settled = self.workshop.corpora.are_settled(&options.data);
            if settled && all.as_ref().is_some_and(|all| *all != answers) {
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
            self.must_cut_alike(path, "questions", data.questions.iter().map(|options| options.longest));
            self.must_be_answered(path, data);
            self.must_validate(path, counts.questions, counts.validation);
        }
        self.counts.insert(name.to_owned(), counts);
    }

    /// Reports a training that knows no answer to any of its questions, those of the validation part among them.
    fn must_be_answered(&mut self, path: &[&str], data: &At<StageData>) {
        let corpora = &self.workshop.corpora;
        let mut asked = [Split::Train, Split::Validation]
            .into_iter()
            .flat_map(|part| {
                data.questions.iter().map(move |options| corpora.selected_questions(options, part))
            })
            .flat_map(Result::unwrap_or_default)
            .peekable();
        if asked.peek().is_none() || asked.any(|shown| !shown.question.answers.is_empty()) {
            return;
        }
        drop(asked);
        let message = format!("no question of `{}` has a known answer", path.join("."));
        self.report(
            Diagnostic::error("data::answers", message)
                .label(&self.data_origin(path), "whether it learns could not be told")
                .help("let `answers` or `answers-from` of the corpus list answers that its rows have, spelt alike, or leave them out"),
        );
    }

    /// Reports languages in which a corpus asks nothing. True if there are none.
    pub(super) fn must_be_asked(&mut self, names: &[At<String>], readings: Readings<'_>) -> bool {
        let before = self.found.count();
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
        self.found.count() == before
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

    /// Reports terms that hold parts of images against each other where student and teacher cut images into other parts.
    pub(super) fn must_see_alike(&mut self, options: &StageOptions, student: &Sketch) {
        let recipe = self.recipe;
        let Some(name) = &options.teacher else { return };
        let Some(teacher) = self.sketches.teacher(recipe, name).map(|sketch| sketch.config.clone()) else {
            return;
        };
        let eyes = [&student.config, &teacher].map(|config| Eyes::new(config, None));
        let [Ok(own), Ok(other)] = eyes else { return };
        if own.cut_alike(&other) {
            return;
        }
        let outlines = (student.config.outline(), teacher.outline());
        for loss in options.loss.iter() {
            let Ok(term) = loss.inner().bind(&outlines.0, Some(&outlines.1)) else { continue };
            // The stream without a name is that of text and image together.
            if !term.token_by_token.iter().any(|stream| ["", "image", "vision"].contains(&stream.as_str())) {
                continue;
            }
            let message = format!(
                "the loss `{}` holds parts of images against each other, and student and teacher read other parts",
                term.name
            );
            self.report(
                Diagnostic::error("loss::images", message)
                    .label(&loss.origin, "this term")
                    .label(&name.origin, "with this teacher")
                    .help("give the student the teacher's `image`, `patch` and `patches`, or compare texts, vectors or logits"),
            );
        }
    }

    /// Reports a student, or its teacher, that reads regions of the images of a stage where nothing gives any, or others than it
    /// reads.
    pub(super) fn must_have_regions(&mut self, stage: &str, options: &StageOptions, student: &Sketch) {
        let recipe = self.recipe;
        let corpora = options.data.image_corpora();
        if let Ok(own) = student_of(recipe, stage) {
            let declared = self.loaded.key_origin(&["student", &own]);
            let who = format!("the student of stage `{stage}`");
            self.must_find_regions(&who, &declared, student, &corpora, Split::Train);
        }
        if let Some(name) = &options.teacher
            && let Some(teacher) = self.sketches.teacher(recipe, name).cloned()
        {
            let who = format!("the teacher `{}`", name.value);
            self.must_find_regions(&who, &name.origin, &teacher, &corpora, Split::Train);
        }
    }

    /// Reports a model that reads regions of the images of a part where nothing gives any, or others than it reads.
    pub(super) fn must_find_regions(
        &mut self,
        who: &str,
        declared: &Origin,
        model: &Sketch,
        corpora: &[&At<String>],
        part: Split,
    ) {
        let Ok(Eyes::Regions(eyes)) = Eyes::new(&model.config, None) else { return };
        if self.depth != Depth::Whole {
            return;
        }
        for name in corpora {
            let pictures = self.workshop.corpora.pictures(std::slice::from_ref(*name), part);
            let Some(picture) = pictures.ok().and_then(|pictures| pictures.first().copied()) else {
                continue;
            };
            let message = match &picture.found {
                None if model.detector => continue,
                None => format!("{who} reads regions, and nothing is known of any in `{}`", name.value),
                Some(found) if !eyes.read(found.width()) => format!(
                    "{who} reads regions of {} features, and those of `{}` have {}",
                    eyes.features(),
                    name.value,
                    found.width()
                ),
                Some(_) => continue,
            };
            let images = self.loaded.key_origin(&["data", &name.value]);
            self.report(
                Diagnostic::error("student::regions", message)
                    .label(declared, "reads regions")
                    .label(&images, "has these images")
                    .help("name files of features under `regions` of the data; a student reads as many as its `features` say, or has a `detector`"),
            );
        }
    }
}
