//! Checks of entries that read regions of images.

use alambic_models::Config;
use alambic_settings::{Diagnostic, Origin};

use super::image_token_check::check_keys_beside_image;
use super::options::{GenerationEntry, Read, Written, WrittenData};
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;

/// Reports keys of an entry that make no sense with regions.
pub(super) fn check_region_keys(entry: &GenerationEntry, origin: &Origin, checker: &mut Checker<'_>) {
    if entry.reads != [Read::Regions] || entry.writes != Written::Caption {
        let message = "captions are written of regions by themselves, and nothing else is".to_owned();
        let label = "set `reads = [\"regions\"]` and `writes = \"caption\"`";
        return checker.error("recipe::data", message, origin, label);
    }
    check_keys_beside_image(entry, "regions", checker);
    if entry.mask.masked + entry.mask.random > 1.0 {
        let message = format!(
            "`masked` and `random` are {} and {}, more than all of the chosen tokens together",
            entry.mask.masked, entry.mask.random
        );
        checker.error("recipe::range", message, origin, "lower one of them");
    }
}

impl WrittenData {
    /// Reports a student that writes of regions where an entry has none, and the other way round, and captions that are longer than it
    /// writes; checks the regions of its images.
    pub(super) fn check_region_student(
        &self,
        site: &Site<'_>,
        name: &str,
        student: &ModelInfo,
        checker: &mut Checker<'_>,
    ) {
        let oscar = match &student.config {
            Config::Oscar(config) => Some(config),
            _ => None,
        };
        let declared = checker.places.key_origin(&["model", name]);
        for (index, entry) in self.generation.iter().enumerate() {
            let origin = checker.table_origin(site, "generation", index);
            if entry.reads_regions() != oscar.is_some() {
                let (message, own, label) = if oscar.is_some() {
                    let message =
                        format!("the student of stage `{}` writes captions of regions alone", site.name);
                    (message, "an `oscar`", "reads or writes something else")
                } else {
                    let message = format!("the student of stage `{}` does not read regions", site.name);
                    (message, "reads no regions", "needs them")
                };
                checker.report(
                    Diagnostic::error("student::regions", message)
                        .label(&declared, own)
                        .label(&origin, label)
                        .help("an `oscar` writes captions with `reads = [\"regions\"]`; `pali` and `unimo` read images as patches, `reads = [\"image\", \"prompt\"]`"),
                );
                continue;
            }
            let (most, key) = match &student.config {
                Config::Oscar(config) => (config.max_caption_length - 1, "max-caption-length"),
                Config::Unimo(config) => (config.max_target_length, "max-target-length"),
                _ => continue,
            };
            if entry.max_new_tokens > most {
                let message = format!(
                    "texts of {} tokens are longer than those that the student of stage `{}` writes",
                    entry.max_new_tokens, site.name
                );
                checker.report(
                    Diagnostic::error("student::regions", message)
                        .label(&origin, format!("`max-new-tokens` is {}", entry.max_new_tokens))
                        .label(&declared, format!("writes at most {most}"))
                        .help(format!("lower `max-new-tokens`, or raise the student's `{key}`")),
                );
            }
        }
        let corpora: Vec<_> = self.generation.iter().flat_map(|entry| entry.data.iter().cloned()).collect();
        if matches!(student.config, Config::Unimo(_)) {
            checker.check_regions_of_stage(site, name, student, &corpora);
            if !self.contrast.is_empty() {
                let origin = checker.table_origin(site, "contrast", 0);
                let message = "a `unimo` that writes has no embeddings to be contrasted".to_owned();
                checker.error(
                    "student::regions",
                    message,
                    &origin,
                    "pre-train it with `cross-modal-contrast`",
                );
            }
        }
        let Some(config) = oscar else { return };
        let (needed, positions) = (config.caption_positions(), config.bert.max_length());
        if needed > positions {
            let message = format!(
                "the student of stage `{}` has {positions} positions, and captions of {} tokens with tags behind them need {needed}",
                site.name, config.max_caption_length
            );
            checker.report(
                Diagnostic::error("student::regions", message)
                    .label(&declared, "has too few positions")
                    .help("raise its `max-length`, or lower its `max-caption-length`"),
            );
        }
        if let Some(name) = site.teacher
            && let Some(teacher) = checker.models.teacher(name)
            && !matches!(&teacher.config, Config::Oscar(own) if own.captions && own.max_caption_length == config.max_caption_length)
        {
            let message = format!(
                "the teacher `{}` does not read captions as the student of stage `{}` does",
                name.value, site.name
            );
            checker.report(
                Diagnostic::error("student::regions", message)
                    .label(&name.origin, "this teacher")
                    .label(&declared, format!("writes captions of {} tokens", config.max_caption_length))
                    .help("a teacher that writes captions of as many tokens (`max-caption-length`) reads the student's masks"),
            );
        }
        if !self.contrast.is_empty() {
            let origin = checker.table_origin(site, "contrast", 0);
            let message = "an `oscar` has no embeddings of texts and images to be contrasted".to_owned();
            checker.error("student::regions", message, &origin, "leave these entries out");
        }
        for (index, _) in self.generation.iter().enumerate() {
            let origin = checker.table_origin(site, "generation", index);
            checker.check_mask_token(&origin, student);
        }
        checker.check_regions_of_stage(site, name, student, &corpora);
    }
}
