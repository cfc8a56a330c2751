//! Checks of a teacher's answers against the texts that are to be learnt.

use alambic_data::{Labels, Split, Text};
use alambic_settings::{At, Diagnostic};
use alambic_teachers::{AnsweringTeacher, AskedText, EndpointEstimate, MissingAnswers, TeacherError};

use super::options::TextsData;
use crate::check::checker::{Checker, Depth, Site};
use crate::training::answers::{asked, lacking};

/// Help where nothing is recorded for some texts.
const MISSING_HELP: &str = "record them, or set `missing = \"leave-out\"`; texts are compared letter by letter, without \
                            blanks around them";

impl TextsData {
    /// Reports classes of a stage's teacher that are not those of its texts, and texts for which it has no answer.
    pub(super) fn check_answers(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let Some(teacher) = site.teacher else { return };
        let splits = [Split::Train, Split::Validation].into_iter();
        let texts: Vec<Text> = splits
            .flat_map(|split| self.selected(&checker.corpora, split).unwrap_or_default().concat())
            .cloned()
            .collect();
        let labels = checker.corpora.labels(&self.names()).cloned().ok();
        checker.check_teacher_answers(teacher, labels.as_ref(), &texts.iter().collect::<Vec<_>>());
    }
}

impl Checker<'_> {
    /// Adds what an endpoint has still to be asked, over all stages and the evaluation; a text that several of them have counts for
    /// each.
    fn count_requests(&mut self, teacher: &At<String>, estimate: EndpointEstimate) {
        let all = self.requests.entry(teacher.value.clone()).or_default();
        all.texts += estimate.texts;
        all.requests += estimate.requests;
        all.tokens.prompt += estimate.tokens.prompt;
        all.tokens.completion += estimate.tokens.completion;
    }

    /// Reports answers that have other classes than texts with such labels, or that are missing for some of the texts.
    pub(crate) fn check_teacher_answers(
        &mut self,
        teacher: &At<String>,
        labels: Option<&Labels>,
        texts: &[&Text],
    ) {
        if self.depth != Depth::Whole {
            return;
        }
        if let Some(form) = self.models.answer_form(&teacher.value)
            && let Some(Labels::Classes(classes) | Labels::Words(classes)) = labels
            && !form.classes.is_empty()
            && form.places_of(classes).is_none()
        {
            let error = TeacherError::OtherClasses {
                teacher: format!("teacher `{}`", teacher.value),
                found: form.classes.clone(),
                expected: classes.clone(),
            };
            self.report(
                Diagnostic::error("teacher::classes", error.to_string())
                    .label(&teacher.origin, "answers with other classes")
                    .help(
                        "classes belong together by their names: rename them, or list the corpus's `classes`",
                    ),
            );
        }
        if let Some(endpoint) = self.models.endpoints.get(&teacher.value).cloned() {
            let texts: Vec<AskedText<'_>> = texts.iter().map(|text| asked(text)).collect();
            match endpoint.estimate(&texts) {
                Ok(estimate) => self.count_requests(teacher, estimate),
                Err(error) => {
                    let label = "this endpoint is asked about these texts";
                    self.error("teacher::endpoint", error.to_string(), &teacher.origin, label);
                }
            }
        }
        let Some(table) = self.models.recorded.get(&teacher.value).cloned() else { return };
        let lacks = |text: &&&Text| table.find(&asked(text)).is_none();
        let missing = texts.iter().filter(lacks).count();
        let Some(first) = texts.iter().find(lacks) else { return };
        let counts = lacking(&*table, missing, texts.len(), first);
        // Several stages may learn from one teacher.
        if self.found.list.iter().any(|other| other.message == counts) {
            return;
        }
        let is_left_out = table.missing() == MissingAnswers::LeaveOut && missing < texts.len();
        let diagnostic = if is_left_out {
            Diagnostic::warning("teacher::missing", counts)
        } else {
            Diagnostic::error("teacher::missing", counts)
        };
        let label = if is_left_out { "these texts are left out" } else { "this teacher is recorded" };
        self.report(diagnostic.label(&teacher.origin, label).help(MISSING_HELP));
    }
}
