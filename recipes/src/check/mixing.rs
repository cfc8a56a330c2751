//! Checks of corpora whose texts are mixed with words of other languages.

use alambic_data::{DataError, Extent, Problem};
use alambic_settings::{At, Diagnostic, IndexMap, Origin};

use super::checker::{Checker, Depth, Site};
use super::faults::{code, line_of};
use crate::corpora::mixing::{MixingProblem, MixingProblemKind};
use crate::options::cache::CacheMode;
use crate::options::dictionary::DictionaryOptions;

impl Checker<'_> {
    /// Reads the dictionaries of corpora that are to be mixed, and reports what is wrong with them.
    pub(super) fn check_mixing(&mut self, declared: &IndexMap<String, DictionaryOptions>) {
        let extent = if self.depth == Depth::Whole { Extent::Whole } else { Extent::Head };
        for MixingProblem { key, origin, kind } in self.corpora.mix(self.data, declared, extent) {
            let keys: Vec<&str> = key.iter().map(String::as_str).collect();
            let origin = origin.unwrap_or_else(|| self.places.key_origin(&keys));
            match *kind {
                MixingProblemKind::Data(error) => self.file_faults(&error, &origin, "dictionary"),
                MixingProblemKind::Option { message, label, help } => {
                    self.report(Diagnostic::error("data::mixing", message).label(&origin, label).help(help));
                }
                MixingProblemKind::Warning { message, help } => {
                    let diagnostic = Diagnostic::warning("data::mixing", message);
                    self.report(diagnostic.label(&origin, "this dictionary").help(help));
                }
            }
        }
    }

    /// Reports what is wrong with a file that an option names, a `dictionary` for instance.
    pub(super) fn file_faults(&mut self, error: &DataError, origin: &Origin, file: &str) {
        let this = format!("this {file}");
        for Problem { place, fault } in &error.problems {
            let mut diagnostic =
                Diagnostic::error(code(fault), format!("{place}: {fault}")).help(fault.help());
            if let Some(line) = line_of(place) {
                diagnostic = diagnostic.label(&line, "this line");
            }
            self.report(diagnostic.label(origin, &this));
        }
        if error.more > 0 {
            let message = format!("the {file} has {} more faults like these", error.more);
            self.error("data::more", message, origin, &this);
        }
    }

    /// Reports corpora that are to be mixed where a task reads its texts but once.
    pub(crate) fn check_mixed_corpora(&mut self, names: &[&At<String>], is_mixed_by_task: bool) {
        for name in names {
            let is_mixed = self.data.get(&name.value).is_some_and(|options| options.mixing.is_some());
            if is_mixed && !is_mixed_by_task {
                let message = format!("data `{}` is to be mixed, and not all tasks can do that", name.value);
                let declared = self.places.key_origin(&["data", &name.value, "mixing"]);
                self.report(
                    Diagnostic::error("data::mixing", message)
                        .label(&name.origin, "read here as it is")
                        .label(&declared, "asks for its texts to be mixed")
                        .help("texts are mixed for `data.texts`, and questions for `data.questions`"),
                );
            }
        }
    }

    /// Reports what cannot be had of a teacher whose student reads texts that are mixed anew in every epoch.
    pub(crate) fn check_mixed_teacher(&mut self, site: &Site<'_>, names: &[&At<String>]) {
        let is_mixed =
            |name: &&&At<String>| self.data.get(&name.value).is_some_and(|options| options.mixing.is_some());
        let Some(name) = names.iter().find(is_mixed) else { return };
        let declared = self.places.key_origin(&["data", &name.value, "mixing"]);
        let Some(teacher) = site.teacher else { return };
        if self.models.answer_form(&teacher.value).is_some() {
            let message = format!(
                "teacher `{}` is asked about texts before the training, and those of data `{}` are mixed in every epoch",
                teacher.value, name.value
            );
            self.report(
                Diagnostic::error("recipe::teacher", message)
                    .label(&teacher.origin, "answers about texts as they are written")
                    .label(&declared, "mixes them anew in every epoch")
                    .help(
                        "leave `mixing` out for the texts of this stage, or take a checkpoint as its teacher",
                    ),
            );
        } else if self.cache.mode == CacheMode::Required {
            let message = format!("the teacher's outputs for `{}` cannot be cached", site.path.join("."));
            let mode = self.places.origin(&["cache", "mode"]);
            self.report(
                Diagnostic::error("recipe::cache", message)
                    .label(&declared, "mixed anew in every epoch")
                    .label(&mode, "asks for them to be cached")
                    .help("`auto` caches those of other stages"),
            );
        }
    }
}
