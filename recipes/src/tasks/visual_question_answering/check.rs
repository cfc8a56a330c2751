//! Checks of questions about images.

use alambic_data::Split;
use alambic_inference::ImageProcessor;
use alambic_settings::{At, Diagnostic, Origin};

use super::options::QuestionsData;
use super::questions::description;
use crate::check::checker::{Checker, Depth, Site, list};
use crate::check::counts::{Counts, Sort};
use crate::check::model_info::ModelInfo;
use crate::options::languages::InputLanguages;

/// Questions about images, as they are counted.
const QUESTIONS: Sort = Sort { key: "questions", name: "questions" };

impl QuestionsData {
    /// Counts the questions of a training, and reports splits that hold none.
    pub(super) fn check_questions(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let (mut questions, mut validation) = (0, 0);
        let mut all: Option<Vec<String>> = None;
        for (index, options) in self.questions.iter().enumerate() {
            let origin = checker.table_origin(site, "questions", index);
            let Some(answers) = checker.check_answers(&options.data, &origin) else { continue };
            if !check_languages(&options.data, options.languages(), checker) {
                // What cannot be counted is not empty.
                return;
            }
            let settled = checker.corpora.have_final_answers(&options.data);
            if settled && all.as_ref().is_some_and(|all| *all != answers) {
                let message = format!("the corpora of `{}` have different answers", site.path.join("."));
                checker.error("recipe::data", message, &origin, "other answers than the questions before it");
            }
            all = Some(answers);
            let count = |split| options.selected(&checker.corpora, split).map_or(0, |found| found.len());
            questions += count(Split::Train);
            validation += count(Split::Validation);
        }
        if checker.depth == Depth::Whole && all.is_some() {
            checker.check_max_length(
                site,
                "questions",
                self.questions.iter().map(|options| options.max_length),
            );
            self.check_answered(site, checker);
            checker.check_splits(site, questions, validation);
        }
        checker.counts.insert(site.name.to_owned(), Counts::of(QUESTIONS, questions, validation));
    }

    /// Reports a training that knows no answer to any of its questions, those of the validation split among them.
    fn check_answered(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let corpora = &checker.corpora;
        let mut asked = [Split::Train, Split::Validation]
            .into_iter()
            .flat_map(|split| self.questions.iter().map(move |options| options.selected(corpora, split)))
            .flat_map(Result::unwrap_or_default)
            .peekable();
        if asked.peek().is_none() || asked.any(|example| !example.question.answers.is_empty()) {
            return;
        }
        drop(asked);
        let message = format!("no question of `{}` has a known answer", site.path.join("."));
        checker.report(
            Diagnostic::error("data::answers", message)
                .label(&checker.data_origin(site), "has nothing to validate on")
                .help("let `answers` or `answers-from` of the corpus list answers that its rows have, spelt alike, or leave them out"),
        );
    }

    /// The evaluation of models that read images.
    pub(super) fn check_question_evaluation(&self, checker: &mut Checker<'_>) {
        let evaluation = checker.evaluation;
        let Some(answers) = checker.check_answers(&evaluation.data, &evaluation.origin) else { return };
        if !check_languages(&evaluation.data, evaluation.languages(), checker) {
            return;
        }
        checker.check_metrics(&[description(&[]).graded(true).grouped(true)]);
        self.check_trained_languages(checker);
        if let Some(teacher) = evaluation.teacher.as_ref().filter(|teacher| checker.check_declared(teacher))
            && let Some(model) = checker.models.checkpoint(teacher).cloned()
        {
            check_predictions("teacher", &model, &answers, &teacher.origin, checker);
        }
        for name in &evaluation.compare_with {
            if let Some(model) = checker.models.checkpoint(name).cloned() {
                check_predictions("model", &model, &answers, &name.origin, checker);
            }
        }
        if let Some(model) = checker.student().cloned() {
            check_predictions("student", &model, &answers, &evaluation.origin, checker);
        }
        let test = checker
            .corpora
            .questions(&evaluation.data, Split::Test, evaluation.languages())
            .map_or(0, |questions| questions.len());
        if checker.depth == Depth::Whole && test == 0 {
            let diagnostic =
                Diagnostic::error("data::empty", "the test splits of the evaluation hold no question");
            let help = "name those of the test split, with `split.test-values` or `split.test-fraction`";
            checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
        }
        let questions = evaluation.limit.map_or(test, |limit| test.min(limit));
        checker.counts.insert("evaluation".to_owned(), Counts::of(QUESTIONS, questions, 0));
    }

    /// Reports a student that is asked in no language that it is trained in, and warns of single ones.
    fn check_trained_languages(&self, checker: &mut Checker<'_>) {
        let evaluation = checker.evaluation;
        let trained: Vec<(String, Option<&Origin>)> = self
            .questions
            .iter()
            .flat_map(|own| student_languages(&own.data, own.languages(), checker))
            .collect();
        let evaluated = student_languages(&evaluation.data, evaluation.languages(), checker);
        let is_trained = |language: &str| trained.iter().any(|(own, _)| own == language);
        let others: Vec<_> = evaluated.iter().filter(|(language, _)| !is_trained(language)).collect();
        let is_source = |source: &At<String>| is_trained(&source.value);
        // A recipe that names the language of its training asks in others on purpose.
        let is_meant =
            evaluation.source_language.as_ref().is_some_and(is_source) && others.len() < evaluated.len();
        if trained.is_empty() || others.is_empty() || is_meant {
            return;
        }
        let message = format!(
            "the student is trained in {}, and evaluated in {}",
            list(trained.iter().map(|(language, _)| language.as_str())),
            list(others.iter().map(|(language, _)| language.as_str()))
        );
        let diagnostic = if others.len() == evaluated.len() {
            Diagnostic::error("evaluation::language", message)
        } else {
            Diagnostic::warning("evaluation::language", message)
        };
        let origin = others.iter().find_map(|(_, origin)| *origin).unwrap_or(&evaluation.origin);
        let diagnostic = diagnostic.label(origin, "is evaluated here");
        let diagnostic = match trained.iter().find_map(|(_, origin)| *origin) {
            Some(origin) => diagnostic.label(origin, "is trained here"),
            None => diagnostic,
        };
        checker.report(diagnostic.help("give `evaluation` and the last stage the same `student-languages`"));
    }
}

/// Reports languages in which a corpus asks nothing. True if there are none.
fn check_languages(names: &[At<String>], languages: InputLanguages<'_>, checker: &mut Checker<'_>) -> bool {
    let before = checker.found.count();
    let mut asked: Vec<&At<String>> = languages.student.iter().chain(languages.teacher).collect();
    asked.dedup_by(|one, other| one.value == other.value);
    let student = languages.student;
    for (place, language) in student.iter().enumerate() {
        if student[..place].iter().any(|before| before.value == language.value) {
            let message = format!("`{}` is named twice", language.value);
            checker.error("data::language", message, &language.origin, "its questions would count twice");
        }
    }
    for language in asked {
        for name in names {
            let Ok(corpus) = checker.corpora.get(name) else { continue };
            let known = corpus.languages();
            if !known.contains(&language.value) {
                let label = match known {
                    [] => "its questions have no language".to_owned(),
                    known => format!("it asks in {}", list(known.iter().map(String::as_str))),
                };
                let message = format!("corpus `{}` asks nothing in `{}`", name.value, language.value);
                checker.error("data::language", message, &language.origin, label);
            }
        }
    }
    checker.found.count() == before
}

/// The languages in which a student is asked, each with where it is named; where none is, the corpora's own.
fn student_languages<'o>(
    names: &[At<String>],
    languages: InputLanguages<'o>,
    checker: &Checker<'_>,
) -> Vec<(String, Option<&'o Origin>)> {
    if !languages.student.is_empty() {
        return languages.student.iter().map(|at| (at.value.clone(), Some(&at.origin))).collect();
    }
    let corpora = names.iter().filter_map(|name| checker.corpora.get(name).ok());
    corpora.filter_map(|corpus| Some((corpus.languages().first()?.clone(), None))).collect()
}

/// Reports a model that does not predict the answers that are asked for, or lacks the images that it reads.
fn check_predictions(
    side: &str,
    model: &ModelInfo,
    answers: &[String],
    origin: &Origin,
    checker: &mut Checker<'_>,
) {
    let evaluated = &checker.evaluation.data;
    checker.check_regions(&format!("the {side}"), origin, model, evaluated, Split::Test);
    let config = &model.config;
    let outline = config.outline();
    let own = outline.labels;
    // What has no names of its own takes those of the data.
    let is_nameless = own.is_empty() && outline.classes > 0;
    let problem = if ImageProcessor::new(config, None).is_err() {
        format!("is a {} and does not read images", config.model_type())
    } else if !own.is_empty() && own == answers || is_nameless && outline.classes == answers.len() {
        return;
    } else if !checker.corpora.have_final_answers(evaluated) {
        // From the head of a table its answers are not known.
        return;
    } else if is_nameless {
        format!("gives {} answers without names, and the test split has {}", outline.classes, answers.len())
    } else if own.is_empty() {
        "has no question-answering head".to_owned()
    } else {
        format!("knows {} answers, and the test split has {} others", own.len(), answers.len())
    };
    checker.report(
        Diagnostic::error("evaluation::answers", format!("the {side} {problem}"))
            .label(origin, "is evaluated here")
            .help("of a published model, name the file that lists its answers under `answers-from` of the corpus"),
    );
}
