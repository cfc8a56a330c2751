//! Checks of images, regions and answers that several tasks have in common.

use alambic_data::{ContentKind, Split};
use alambic_files::text::quoted;
use alambic_inference::ImageProcessor;
use alambic_losses::{Loss, Term};
use alambic_settings::{At, Diagnostic, Origin};

use crate::check::checker::{Checker, Depth, Site, list};
use crate::check::counts::{Counts, Sort};
use crate::check::model_info::ModelInfo;

impl Checker<'_> {
    /// Checks the names of corpora of questions, and that their answers agree. What they are is given back.
    pub(crate) fn check_answers(&mut self, names: &[At<String>], origin: &Origin) -> Option<Vec<String>> {
        if !self.check_corpora(names, origin, ContentKind::Questions) {
            return None;
        }
        let answers = self.corpora.answers(names).map(<[String]>::to_vec);
        let answers = self.agreed(answers, origin)?;
        if self.corpora.have_final_answers(names) {
            self.check_several(names, "answers", &answers);
        }
        Some(answers)
    }

    /// Reports names that are not of corpora of images; false if there are any.
    pub(crate) fn check_image_corpora(&mut self, names: &[At<String>], origin: &Origin) -> bool {
        self.check_corpora(names, origin, ContentKind::Questions)
    }

    /// Reports the first of some corpora whose images have another size than an image tokenizer reads.
    pub(crate) fn check_image_sides(
        &mut self,
        names: &[At<String>],
        split: Split,
        side: usize,
        declared: &Origin,
    ) {
        // Whole corpora are compared when they are read; the first image shows what was meant.
        let size_of_first = |name: &At<String>| {
            let pictures = self.corpora.pictures(std::slice::from_ref(name), split).ok()?;
            let first = pictures.first()?.load().ok()?;
            Some((first.width, first.height))
        };
        let other = names.iter().find_map(|name| {
            let size = size_of_first(name)?;
            (size != (side, side)).then_some((name, size))
        });
        let Some((name, (width, height))) = other else { return };
        let message = format!(
            "an image tokenizer reads images of {side} × {side} pixels, and those of `{}` have {width} × {height}",
            name.value
        );
        let help = if width == height {
            format!(
                "set the image tokenizer's `image` to {width}, or bring the images to {side} pixels a side"
            )
        } else {
            format!("bring the images to {side} pixels a side: only squares are read")
        };
        let images = self.places.key_origin(&["data", &name.value]);
        self.report(
            Diagnostic::error("student::images", message)
                .label(declared, format!("reads {side} × {side}"))
                .label(&images, "has these images")
                .help(help),
        );
    }

    /// Reports names that are not of corpora whose images have captions; false if there are any.
    pub(crate) fn check_captions(&mut self, names: &[At<String>], origin: &Origin) -> bool {
        if !self.check_corpora(names, origin, ContentKind::Questions) {
            return false;
        }
        let corpora = &self.corpora;
        let none = |part| corpora.captioned(names, part, &[]).is_ok_and(|found| found.is_empty());
        if none(Split::Train) && none(Split::Test) {
            let message = "the images of these corpora have no captions".to_owned();
            self.report(
                Diagnostic::error("data::captions", message)
                    .label(origin, "has nothing to find images by")
                    .help("`made-up-scenes` has as many as its key `captions`; `image-captions` and `karpathy` read those of photographs, `image-sheet` those of a table"),
            );
            return false;
        }
        true
    }

    /// Reports languages in which no image of these corpora has a caption; false if there are any.
    pub(crate) fn check_caption_languages(&mut self, names: &[At<String>], languages: &[At<String>]) -> bool {
        let Ok(known) = self.corpora.caption_languages(names) else { return false };
        let known: Vec<String> = known.into_iter().map(str::to_owned).collect();
        let before = self.found.count();
        for language in languages.iter().filter(|language| !known.contains(&language.value)) {
            let message = format!("no image of these corpora has a caption in `{}`", quoted(language));
            let label = match known.as_slice() {
                [] => "the languages of their captions are not known".to_owned(),
                known => format!("they have captions in {}", list(known.iter().map(String::as_str))),
            };
            self.error("data::language", message, &language.origin, label);
        }
        self.found.count() == before
    }

    /// Counts the examples of a training on images, and reports splits that hold none.
    pub(crate) fn count_images(&mut self, site: &Site<'_>, sort: Sort, examples: usize, validation: usize) {
        if self.depth == Depth::Whole {
            self.check_splits(site, examples, validation);
        }
        self.counts.insert(site.name.to_owned(), Counts::of(sort, examples, validation));
    }

    /// Reports a term that compares patches of images where student and teacher cut images into other patches.
    pub(crate) fn check_image_inputs(&mut self, site: &Site<'_>, loss: &At<Loss>, term: &Term) {
        let Some(name) = site.teacher else { return };
        let (Some(student), Some(teacher)) = (self.models.stages.get(site.name), self.models.teacher(name))
        else {
            return;
        };
        let image_processor =
            [&student.config, &teacher.config].map(|config| ImageProcessor::new(config, None));
        let [Ok(own), Ok(other)] = image_processor else { return };
        // The stream without a name is that of text and image together.
        let is_of_images =
            |stream: &String| ["", "image", "vision", "encoder.image"].contains(&stream.as_str());
        if own.has_same_patches(&other) || !term.token_by_token.iter().any(is_of_images) {
            return;
        }
        let message = format!(
            "the loss `{}` compares patches of images one by one, and student and teacher read other patches",
            term.name
        );
        self.report(
            Diagnostic::error("loss::images", message)
                .label(&loss.origin, "this term")
                .label(&name.origin, "with this teacher")
                .help("give the student the teacher's `image`, `patch` and `patches`, or compare texts, embeddings or logits"),
        );
    }

    /// Reports a student, or its teacher, that reads regions of the images of a stage where nothing gives any, or others than
    /// it reads. `declared` is the student's name.
    pub(crate) fn check_regions_of_stage(
        &mut self,
        site: &Site<'_>,
        declared: &str,
        student: &ModelInfo,
        corpora: &[At<String>],
    ) {
        let origin = self.places.key_origin(&["model", declared]);
        self.check_augmented_regions(student, declared, corpora);
        let who = format!("the student of stage `{}`", site.name);
        self.check_regions(&who, &origin, student, corpora, Split::Train);
        if let Some(name) = site.teacher
            && let Some(teacher) = self.models.teacher(name).cloned()
        {
            let who = format!("the teacher `{}`", name.value);
            self.check_regions(&who, &name.origin, &teacher, corpora, Split::Train);
        }
    }

    /// Reports a model that reads regions of the images of a split where nothing gives any, or others than it reads.
    pub(crate) fn check_regions(
        &mut self,
        who: &str,
        declared: &Origin,
        model: &ModelInfo,
        corpora: &[At<String>],
        split: Split,
    ) {
        let Ok(ImageProcessor::Regions(image_processor)) = ImageProcessor::new(&model.config, None) else {
            return;
        };
        if self.depth != Depth::Whole {
            return;
        }
        for name in corpora {
            let pictures = self.corpora.pictures(std::slice::from_ref(name), split);
            let Some(picture) = pictures.ok().and_then(|pictures| pictures.first().copied()) else {
                continue;
            };
            let images = image_processor.images();
            if images > 1 && picture.parts().len() != images {
                let message = format!(
                    "{who} reads texts about {images} images, and those of `{}` are about {}",
                    name.value,
                    picture.parts().len()
                );
                let place = self.places.key_origin(&["data", &name.value]);
                self.report(
                    Diagnostic::error("student::images", message)
                        .label(declared, "reads several images")
                        .label(&place, "has these images")
                        .help("evaluate it on data like those of its last stage: `view` of boxes, `pairs` of scenes"),
                );
                continue;
            }
            let of_part = if images > 1 { &picture.parts()[0].regions } else { &picture.regions };
            let message = match of_part {
                None if model.detector => continue,
                None => format!("{who} reads regions, and nothing is known of any in `{}`", name.value),
                Some(found) if !image_processor.is_compatible_width(found.width()) => format!(
                    "{who} reads regions of {} features, and those of `{}` have {}",
                    image_processor.feature_width(),
                    name.value,
                    found.width()
                ),
                Some(_) => continue,
            };
            let images = self.places.key_origin(&["data", &name.value]);
            self.report(
                Diagnostic::error("student::regions", message)
                    .label(declared, "reads regions")
                    .label(&images, "has these images")
                    .help("name files of features under `regions` of the data; a student reads as many as its `features`, or has a `detector`"),
            );
        }
    }
}
