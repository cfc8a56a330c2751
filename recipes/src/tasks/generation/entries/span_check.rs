//! Checks of entries that write the spans that are left out of texts.

use alambic_data::{Content, Split};
use alambic_models::sentinel;
use alambic_reports::metrics::PredictionKind;
use alambic_settings::{At, Diagnostic, Origin};

use super::check::names;
use super::options::{GenerationEntry, Written, WrittenData};
use super::span_texts::KINDS;
use crate::check::checker::{Checker, Depth, Site, list};
use crate::check::counts::{Counts, Sort};
use crate::check::model_info::ModelInfo;

/// Texts of the test split, as they are counted.
const TEXTS: Sort = Sort { key: "texts", name: "texts" };

impl GenerationEntry {
    /// Checks the corpora of an entry, and counts its texts to train and to validate on; none where corpora are not as they have to be.
    pub(super) fn check_texts(&self, origin: &Origin, checker: &mut Checker<'_>) -> Option<(usize, usize)> {
        if !self.check_text_corpora(&self.data, origin, checker) {
            return None;
        }
        let count = |split| self.texts(&checker.corpora, split).map_or(0, |texts| texts.len());
        let (own, validation) = (count(Split::Train), count(Split::Validation));
        if own == 0 && checker.depth == Depth::Whole && self.fraction > 0.0 {
            let message = format!("no text in the training splits of {}", names(&self.data));
            checker.error("data::empty", message, origin, "has nothing to train on");
        }
        Some((own, validation))
    }

    /// Checks the evaluation by spans of texts, and counts these.
    pub(super) fn check_evaluated_texts(&self, checker: &mut Checker<'_>) {
        checker.check_metrics(&[PredictionKind::Text.into()]);
        let evaluation = checker.evaluation;
        if evaluation.data.is_empty()
            || !self.check_text_corpora(&evaluation.data, &evaluation.origin, checker)
        {
            return;
        }
        let test =
            self.texts_of(&evaluation.data, &checker.corpora, Split::Test).map_or(0, |texts| texts.len());
        if test == 0 && checker.depth == Depth::Whole {
            checker.report(
                Diagnostic::error("data::empty", "the test splits of the evaluation hold no text".to_owned())
                    .label(&evaluation.origin, "nothing to be evaluated on")
                    .help("name those of the test split, with `split.test-values` or `split.test-fraction`"),
            );
        }
        checker.counts.insert("evaluation".to_owned(), Counts::of(TEXTS, test, 0));
    }

    /// Checks that corpora hold texts, in the languages that are named; false if they do not.
    fn check_text_corpora(&self, data: &[At<String>], origin: &Origin, checker: &mut Checker<'_>) -> bool {
        let known: Vec<&str> = checker.data.keys().map(String::as_str).collect();
        for name in data.iter().filter(|name| !known.contains(&name.as_str())) {
            checker.unknown("corpus", "data", name, &known);
        }
        if data.is_empty() {
            checker.error("recipe::data", "no corpus is named here".to_owned(), origin, "names no corpus");
        }
        checker.check_content(data, &KINDS);
        let holds =
            |name: &At<String>| checker.corpora.find(name).is_some_and(|own| KINDS.contains(&own.kind()));
        let is_sound = !data.is_empty() && data.iter().all(holds);
        let mut are_known = true;
        for language in self.languages.iter().filter(|_| is_sound) {
            let languages =
                data.iter().filter_map(|name| checker.corpora.find(name)).flat_map(Content::languages);
            let languages: Vec<String> = languages.cloned().collect();
            // Where a corpus does not say the language of its texts, all of them are read.
            if languages.is_empty() || languages.contains(&language.value) {
                continue;
            }
            are_known = false;
            let message = format!("these corpora have nothing in `{}`", language.value);
            let label = format!("they have {}", list(languages.iter().map(String::as_str)));
            checker.error("data::language", message, &language.origin, label);
        }
        is_sound && are_known
    }
}

impl WrittenData {
    /// Reports a student that cannot read what an entry reads, or whose vocabulary has no tokens to stand for spans.
    pub(super) fn check_span_student(
        &self,
        site: &Site<'_>,
        name: &str,
        student: &ModelInfo,
        checker: &mut Checker<'_>,
    ) {
        let declared = checker.places.key_origin(&["model", name]);
        for (index, entry) in self.generation.iter().enumerate() {
            let origin = checker.table_origin(site, "generation", index);
            if entry.writes != Written::Spans {
                if entry.reads_images() && !student.config.reads_images() {
                    let message = format!("the student of stage `{}` reads no images", site.name);
                    checker.report(
                        Diagnostic::error("student::images", message)
                            .label(&declared, "reads texts alone")
                            .label(&origin, "reads `image`")
                            .help("`pali`, `pali-layers`, `unimo` and `unimo-layers` read images; an entry without `image` in `reads` asks by the text alone"),
                    );
                }
                continue;
            }
            let needed = entry.sentinels();
            let Some(missing) = (0..needed).map(sentinel).find(|token| student.tokenizer.id(token).is_err())
            else {
                continue;
            };
            let message = format!(
                "the vocabulary of stage `{}` has no token `{missing}` to stand in the place of a span",
                site.name
            );
            checker.report(
                Diagnostic::error("student::sentinels", message)
                    .label(&origin, format!("needs {needed} of them for texts of {} tokens", entry.max_length))
                    .label(&declared, "this student")
                    .help("a vocabulary that is trained in this stage has them, and so have those of T5 and mT5, 100 each; a smaller `max-length` or `noise-density`, or longer spans, need fewer"),
            );
        }
    }
}
