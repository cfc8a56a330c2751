//! Checks of texts about the regions of images.

use alambic_data::Split;
use alambic_settings::Diagnostic;

use super::options::{RegionTextData, RegionTextsData};
use crate::check::checker::{Checker, Site};
use crate::check::counts::Sort;
use crate::check::model_info::ModelInfo;
use crate::images::region_classes::RegionClassKind;
use crate::tasks::task::Task;

/// Texts about regions of images, as they are counted.
const REGION_TEXTS: Sort = Sort { key: "region-texts", name: "texts about regions of images" };

impl RegionTextsData {
    /// Counts the texts of a training, and reports splits that hold none.
    pub(super) fn check_region_texts(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let (mut texts, mut validation) = (0, 0);
        for (index, options) in self.region_texts.iter().enumerate() {
            let origin = checker.table_origin(site, "region-texts", index);
            if !checker.check_image_corpora(&options.data, &origin) {
                continue;
            }
            if options.captions && !checker.check_caption_languages(&options.data, &options.languages) {
                continue;
            }
            let count = |split| options.examples(&checker.corpora, split, &[]).map_or(0, |found| found.len());
            texts += count(Split::Train);
            validation += count(Split::Validation);
            self.check_one_mask(site, index, checker);
        }
        checker.count_images(site, REGION_TEXTS, texts, validation);
        self.check_one_task(site, checker);
    }

    /// Checks how words and regions are masked.
    fn check_one_mask(&self, site: &Site<'_>, index: usize, checker: &mut Checker<'_>) {
        let Some(options) = self.region_texts.get(index) else { return };
        let index = index.to_string();
        let places = |key: &str| {
            let path = site.key(&["data", "region-texts", &index, key]);
            ["masked", "random"].map(|part| checker.places.origin(&[&path[..], &[part]].concat()))
        };
        let (words, [masked, random]) = (places("mask"), places("mask-regions"));
        checker.check_mask_options(&options.mask, words);
        let own = &options.mask_regions;
        if own.masked + own.random > 1.0 {
            let message = format!("`masked` and `random` are {} together", own.masked + own.random);
            checker.report(
                Diagnostic::error("recipe::data", message)
                    .label(&masked, "this share of the chosen regions")
                    .label(&random, "and this one")
                    .help("both are shares of the chosen regions: lower one of them, so that they are at most 1 together"),
            );
        }
    }

    /// Checks that there is one task for all texts.
    fn check_one_task(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let task = |own: &RegionTextData| {
            (
                own.mask.clone(),
                own.mask_regions.clone(),
                own.max_length,
                own.mismatched_probability,
                own.false_for_image,
            )
        };
        let Some(first) = self.region_texts.iter().next() else { return };
        if let Some(other) = self.region_texts.iter().position(|own| task(own) != task(first)) {
            let message =
                format!("`{}` has different tasks for its texts about regions", site.path.join("."));
            let origin = checker.table_origin(site, "region-texts", other);
            checker.report(
                Diagnostic::error("recipe::data", message)
                    .label(&origin, "not the same as the first")
                    .help("a stage has one task: give all of them the same `mask`, `mask-regions`, `max-length`, `mismatched-probability` and `false-for-image`, or make it two stages"),
            );
        }
    }

    /// Checks the data against what is known of the student.
    pub(super) fn check_region_student(
        &self,
        site: &Site<'_>,
        declared: &str,
        student: &ModelInfo,
        checker: &mut Checker<'_>,
    ) {
        let corpora = &self.image_corpora();
        let place = checker.places.origin(&site.key(&["data", "region-texts", "0", "mask"]));
        checker.check_mask_token(&place, student);
        checker.check_regions_of_stage(site, declared, student, corpora);
        let origin = checker.places.key_origin(&["model", declared]);
        let Some(heads) = student.config.outline().regions else {
            let message = format!(
                "the student of stage `{}` is a {}, which has no heads over regions",
                site.name,
                student.config.model_type()
            );
            checker.report(
                Diagnostic::error("student::regions", message)
                    .label(&origin, "is pre-trained on regions")
                    .help("give the stage an `lxmert`, or train others on `image-texts`"),
            );
            return;
        };
        let kinds =
            [(RegionClassKind::Objects, heads.objects), (RegionClassKind::Attributes, heads.attributes)];
        checker.check_region_classes(site, declared, corpora, &kinds);
    }
}
