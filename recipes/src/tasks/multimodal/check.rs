//! Checks of texts, images and pairs.

use alambic_data::{ContentKind, Split};
use alambic_losses::{Loss, RELEVANCE, TargetKind, Term};
use alambic_models::{ATTRIBUTE_LOGITS, OBJECT_LOGITS};
use alambic_settings::{At, Diagnostic};

use super::options::{Modality, MultimodalData, MultimodalsData};
use crate::check::checker::{Checker, Depth, Site};
use crate::check::counts::{Counts, Sort};
use crate::check::model_info::ModelInfo;
use crate::images::region_classes::RegionClassKind;

/// What is counted of each kind of examples.
fn sort(reads: Modality) -> Sort {
    match reads {
        Modality::Texts => Sort { key: "texts", name: "texts" },
        Modality::Images => Sort { key: "images", name: "images" },
        Modality::Pairs => Sort { key: "pairs", name: "images with captions" },
    }
}

impl MultimodalsData {
    /// Counts the examples of a training, and reports tables that hold none.
    pub(super) fn check_multimodal(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let mut counts = Counts { is_exact: true, ..Counts::default() };
        for (index, options) in self.multimodal.iter().enumerate() {
            if !Self::check_corpora_of(index, options, site, checker) {
                continue;
            }
            let count = |split| options.examples(&checker.corpora, split).map_or(0, |found| found.len());
            let (train, validation) = (count(Split::Train), count(Split::Validation));
            counts.add(sort(options.reads), train);
            counts.validation += validation;
            if checker.depth == Depth::Whole && train == 0 {
                let message = format!(
                    "the training splits of this table of `{}` hold no {}",
                    site.path.join("."),
                    sort(options.reads).name
                );
                let origin = checker.table_origin(site, "multimodal", index);
                checker.report(
                    Diagnostic::error("data::empty", message)
                        .label(&origin, "nothing to be trained on")
                        .help("raise its `fraction`, or name other corpora"),
                );
            }
            let index = index.to_string();
            let path = site.key(&["data", "multimodal", &index, "mask"]);
            let places = ["masked", "random"].map(|key| checker.places.origin(&[&path[..], &[key]].concat()));
            checker.check_mask_options(&options.mask, places);
        }
        if checker.depth == Depth::Whole {
            checker.check_splits(site, counts.examples(), counts.validation);
        }
        checker.counts.insert(site.name.to_owned(), counts);
    }

    /// Reports corpora that do not hold what a table reads; false if there are any.
    fn check_corpora_of(
        index: usize,
        options: &MultimodalData,
        site: &Site<'_>,
        checker: &mut Checker<'_>,
    ) -> bool {
        let origin = checker.table_origin(site, "multimodal", index);
        if options.reads == Modality::Texts {
            let is_of_texts = |name: &&At<String>| {
                checker.corpora.find(name).is_some_and(|own| own.kind() == ContentKind::Texts)
            };
            let (texts, captions): (Vec<&At<String>>, Vec<_>) = options.data.iter().partition(is_of_texts);
            let [texts, captions] = [texts, captions].map(|own| own.into_iter().cloned().collect::<Vec<_>>());
            if captions.is_empty() && !texts.is_empty() {
                return true;
            }
            if options.questions {
                return checker.check_image_corpora(&captions, &origin);
            }
            return checker.check_captions(&captions, &origin)
                && checker.check_caption_languages(&captions, &options.languages);
        }
        if options.reads == Modality::Images {
            return checker.check_image_corpora(&options.data, &origin);
        }
        checker.check_captions(&options.data, &origin)
            && checker.check_caption_languages(&options.data, &options.languages)
    }

    /// Checks the data against what is known of the student.
    pub(super) fn check_multimodal_student(
        &self,
        site: &Site<'_>,
        declared: &str,
        student: &ModelInfo,
        checker: &mut Checker<'_>,
    ) {
        checker.check_regions_of_stage(site, declared, student, &self.of_images());
        let outline = student.config.outline();
        if let Some(heads) = outline.regions.filter(|heads| heads.objects > 0) {
            let kinds = [(RegionClassKind::Objects, heads.objects)];
            checker.check_region_classes(site, declared, &self.of_images(), &kinds);
        }
        let masks = self.multimodal.iter().any(|own| own.reads != Modality::Images);
        if masks && outline.words > 0 {
            let place = checker.places.origin(&site.key(&["data", "multimodal", "0", "mask"]));
            checker.check_mask_token(&place, student);
        }
        let alone = self.multimodal.iter().find(|own| own.reads != Modality::Pairs);
        if let Some(alone) = alone.filter(|_| !outline.similarity) {
            let message = format!(
                "the student of stage `{}` is a {}, which learns nothing of {} alone",
                site.name,
                student.config.model_type(),
                alone.reads.name()
            );
            let origin = checker.places.key_origin(&["model", declared]);
            checker.report(
                Diagnostic::error("student::kind", message)
                    .label(&origin, "reads texts and images in towers of their own")
                    .help("give the stage a `unimo`, or leave this table out"),
            );
        }
    }
}

/// Reports a term that counts over nothing that the tables hold, and a teacher that does not compare texts and images.
pub(super) fn check_multimodal_term(
    data: &MultimodalsData,
    site: &Site<'_>,
    loss: &At<Loss>,
    term: &Term,
    checker: &mut Checker<'_>,
) {
    // What is known of the objects in regions are probabilities, and no single classes.
    let reads_single_classes = term.targets.contains(&TargetKind::Regions)
        && term.student_taps.iter().any(|tap| [OBJECT_LOGITS, ATTRIBUTE_LOGITS].contains(&tap.as_str()));
    if term.targets.is_empty() || reads_single_classes {
        let message = format!("`{}` compares outputs that this task does not read", term.name);
        checker.report(
            Diagnostic::error("loss::targets", message)
                .label(&loss.origin, "this term")
                .help("the task has `cross-modal-contrast`, `list-kl` and other losses over lists, `masked-words`, `span-generation`, `region-regression` and `region-classes`"),
        );
    }
    let has = |reads| data.multimodal.iter().any(|own| own.reads == reads);
    let counts_over = |kind| term.targets.contains(&kind);
    let is_of_regions = counts_over(TargetKind::Regions) || counts_over(TargetKind::RegionClasses);
    let missing = counts_over(TargetKind::PassageLists) && !has(Modality::Pairs)
        || is_of_regions && !has(Modality::Images)
        || (counts_over(TargetKind::MaskedWords) || counts_over(TargetKind::LeftOutSpans))
            && !has(Modality::Pairs)
            && !has(Modality::Texts);
    if missing {
        let needed = if counts_over(TargetKind::PassageLists) {
            Modality::Pairs
        } else if is_of_regions {
            Modality::Images
        } else {
            Modality::Texts
        };
        let message =
            format!("`{}` has no targets in these data, which have no {}", term.name, needed.name());
        checker.report(
            Diagnostic::error("loss::targets", message)
                .label(&loss.origin, "this term")
                .help(format!("add a table with `reads = \"{}\"`, or leave this loss out", needed.name())),
        );
    }
    if counts_over(TargetKind::RegionClasses) {
        let images = data.multimodal.iter().filter(|own| own.reads == Modality::Images);
        for name in images.flat_map(|own| &own.data) {
            if checker.region_classes(name, RegionClassKind::Objects) == Some(0) {
                let message = format!(
                    "`{}` has no targets in `{}`, whose regions have no classes on record",
                    term.name, name.value
                );
                checker.report(
                    Diagnostic::error("loss::targets", message)
                        .label(&loss.origin, "this term")
                        .label(&name.origin, "these images")
                        .help("name files of regions with classes, such as LXMERT's TSV or an npz with `soft_labels`, or leave the regions out and give the student a `detector`"),
                );
            }
        }
    }
    if !term.teacher_taps.iter().any(|tap| tap == RELEVANCE) {
        return;
    }
    let Some(name) = site.teacher else { return };
    let Some(teacher) = checker.models.teacher(name) else { return };
    if teacher.config.outline().pairs {
        return;
    }
    let message = format!(
        "the loss `{}` learns how a teacher compares texts and images, and `{}` is a {}",
        term.name,
        name.value,
        teacher.config.model_type()
    );
    checker.report(
        Diagnostic::error("loss::teacher", message)
            .label(&loss.origin, "this term")
            .label(&name.origin, "with this teacher")
            .help("name a `unimo` or a `clip`"),
    );
}
