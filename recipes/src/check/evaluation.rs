//! The evaluation.

use alambic_data::Split;
use alambic_models::Config;
use alambic_models::bert::{Head, Problem, Task};
use alambic_reports::metrics::{find, is_reference};
use alambic_reports::outcome::{BASELINE, STUDENT, TEACHER};
use alambic_settings::{At, Diagnostic, Origin};
use alambic_students::Eyes;
use alambic_tensor::precision::Products;

use super::models::Sketch;
use super::stages::asked;
use super::{Checker, Counts, Depth, Selection, list};
use crate::run::corpora::Kind;
use crate::run::evaluation::{UNTRAINED, finds};
use crate::run::questions::METRICS_OF_SCORES;
use crate::run::questions::exam::QUESTION_ALONE;
use crate::run::retrieval;
use crate::run::texts::suitable;
use crate::run::trainings::{FROM_SCRATCH, SAME_START};
use crate::run::words::exam as words;
use crate::run::workshop::task_of;
use crate::schema::{Readings, References};

impl Checker<'_> {
    /// Checks what the last stage's student is judged on.
    pub(super) fn evaluation(&mut self) {
        let recipe = self.recipe;
        let evaluation = &recipe.evaluation;
        for name in &evaluation.metrics {
            if let Err(error) = find(&name.value) {
                self.error("evaluation::metric", error.to_string(), &name.origin, "not a metric");
            }
        }
        self.beside();
        self.lowered();
        match self.workshop.corpora.kind(&evaluation.data) {
            Some(Kind::Parallel) => return self.parallel_evaluation(),
            Some(Kind::Texts) => return self.text_evaluation(),
            Some(Kind::Questions) if finds(recipe) => return self.caption_evaluation(),
            Some(Kind::Questions) => return self.question_evaluation(),
            Some(Kind::Words) | None => {}
        }
        let unread = |name: &At<String>| {
            recipe.data.contains_key(&name.value) && self.workshop.corpora.get(&name.value).is_err()
        };
        // Whether it holds words or texts is not known of a corpus that could not be read.
        if evaluation.directions.is_empty() && evaluation.data.iter().any(unread) {
            return;
        }
        let selection = Selection {
            names: &evaluation.data,
            patterns: &evaluation.directions,
            except: &evaluation.except,
            origin: evaluation.origin.clone(),
        };
        self.must_measure(&words::METRICS, &[]);
        let expanded = self.directions(&selection);
        let targets = asked(&expanded, |direction| &direction.target);
        self.student_writes(&targets);
        if let Some(teacher) = &evaluation.teacher
            && self.known_teacher(teacher)
        {
            self.must_write(teacher, &targets);
        }
        let labelled = evaluation.references == References::Corpus;
        if !labelled && evaluation.teacher.is_none() {
            let origin = self.loaded.origin(&["evaluation", "references"]);
            let message = "outputs are held against those of a teacher, and none is named".to_owned();
            self.error("recipe::teacher", message, &origin, "needs a `teacher` in `[evaluation]`");
        }
        let mut counts = Counts::default();
        self.count(&selection, &expanded, Split::Test, (1.0, labelled), &mut counts);
        if let Some(limit) = evaluation.limit {
            for count in counts.labelled.values_mut().chain(counts.words.values_mut()) {
                *count = (*count).min(limit);
            }
        }
        self.counts.insert("evaluation".to_owned(), counts);
    }

    /// The evaluation of models that read.
    fn text_evaluation(&mut self) {
        let recipe = self.recipe;
        let evaluation = &recipe.evaluation;
        let Some(labels) = self.text_labels(&evaluation.data, &evaluation.origin) else { return };
        let task = task_of(&labels);
        if task.head == Head::None && !self.without_labels() {
            return;
        }
        if task.head != Head::None {
            self.must_have_scheme(&labels, &evaluation.origin);
            self.must_measure(suitable(&labels), &[]);
        }
        if let Some(teacher) = evaluation.teacher.as_ref().filter(|teacher| self.known_teacher(teacher)) {
            let known = self.sketches.checkpoint(recipe, teacher).map(|sketch| sketch.config.clone());
            if let Some(config) = known {
                self.must_answer("teacher", &config, &task, &teacher.origin);
            }
        }
        let last = recipe.stages.last().and_then(|last| self.sketches.stages.get(&last.value));
        if let Some(config) = last.map(|sketch| sketch.config.clone()) {
            self.must_answer("student", &config, &task, &evaluation.origin);
        }
        let test = self.workshop.corpora.texts(&evaluation.data, Split::Test).map_or(0, |texts| texts.len());
        if self.depth == Depth::Whole && test == 0 {
            let diagnostic =
                Diagnostic::error("data::empty", "the test parts of the evaluation hold no text");
            let help = "say which rows are for the test, with `test-paths`, `split.test-values` or `split.test-fraction`";
            self.report(diagnostic.label(&evaluation.origin, "nothing to be judged on").help(help));
        }
        let texts = evaluation.limit.map_or(test, |limit| test.min(limit));
        self.counts.insert("evaluation".to_owned(), Counts { texts, ..Counts::default() });
    }

    /// Reports metrics that say nothing of answers like these, and a first one by which no model could be judged: it does not
    /// depend on the model, or is `second` to what models are judged by.
    pub(super) fn must_measure(&mut self, suits: &[&str], second: &[&str]) {
        let metrics = &self.recipe.evaluation.metrics;
        for (index, name) in metrics.iter().enumerate() {
            let known = find(&name.value).is_ok();
            let message = if known && !suits.contains(&name.as_str()) {
                format!("`{}` does not measure what is judged here", name.value)
            } else if index == 0 && (is_reference(&name.value) || second.contains(&name.as_str())) {
                format!("models cannot be judged by `{}` alone, nor checkpoints chosen", name.value)
            } else {
                continue;
            };
            let first = suits.iter().filter(|name| !is_reference(name) && !second.contains(name));
            self.report(
                Diagnostic::error("evaluation::metric", message)
                    .label(&name.origin, "named here")
                    .help(format!("name one of {} first, or leave `metrics` out", list(first.copied()))),
            );
        }
    }

    /// Checks the models that are judged beside the student.
    fn beside(&mut self) {
        let recipe = self.recipe;
        for name in &recipe.evaluation.beside {
            let reserved = [TEACHER, STUDENT, BASELINE, UNTRAINED, SAME_START, FROM_SCRATCH, QUESTION_ALONE];
            if reserved.contains(&name.as_str()) {
                let message = format!("`{}` is what another model is called in reports", name.value);
                self.error("evaluation::beside", message, &name.origin, "give this teacher another name");
            }
            let named = recipe.evaluation.beside.iter().filter(|other| other.value == name.value).count();
            if named > 1 {
                self.error(
                    "evaluation::beside",
                    format!("`{}` is named twice", name.value),
                    &name.origin,
                    "here",
                );
            }
            self.must_be_checkpoint(name);
        }
    }

    /// Checks the precisions in which the student is judged once more.
    fn lowered(&mut self) {
        let lowered = &self.recipe.evaluation.lowered;
        for (index, precision) in lowered.iter().enumerate() {
            let name = precision.value.name();
            let label = if precision.value == Products::F32 {
                "that is how it is judged anyway"
            } else if lowered[..index].iter().any(|other| other.value == precision.value) {
                "named before"
            } else {
                continue;
            };
            let message = format!("the student is judged in `{name}` already");
            self.error("evaluation::lowered", message, &precision.origin, label);
        }
    }

    /// The evaluation of models that look at images.
    fn question_evaluation(&mut self) {
        let recipe = self.recipe;
        let evaluation = &recipe.evaluation;
        let Some(answers) = self.answers(&evaluation.data, &evaluation.origin) else { return };
        if !self.must_be_asked(&evaluation.data, evaluation.readings()) {
            return;
        }
        self.must_measure(&METRICS_OF_SCORES, &[]);
        self.must_be_taught_so();
        if let Some(teacher) = evaluation.teacher.as_ref().filter(|teacher| self.known_teacher(teacher))
            && let Some(model) = self.sketches.checkpoint(recipe, teacher).cloned()
        {
            self.must_answer_about_images("teacher", &model, &answers, &teacher.origin);
        }
        for name in &evaluation.beside {
            if let Some(model) = self.sketches.checkpoint(recipe, name).cloned() {
                self.must_answer_about_images("model", &model, &answers, &name.origin);
            }
        }
        let last = recipe.stages.last().and_then(|last| self.sketches.stages.get(&last.value));
        if let Some(model) = last.cloned() {
            self.must_answer_about_images("student", &model, &answers, &evaluation.origin);
        }
        let test = self
            .workshop
            .corpora
            .questions(&evaluation.data, Split::Test, evaluation.readings())
            .map_or(0, |questions| questions.len());
        if self.depth == Depth::Whole && test == 0 {
            let diagnostic =
                Diagnostic::error("data::empty", "the test parts of the evaluation hold no question");
            let help = "say which are for the test, with `split.test-values` or `split.test-fraction`";
            self.report(diagnostic.label(&evaluation.origin, "nothing to be judged on").help(help));
        }
        let questions = evaluation.limit.map_or(test, |limit| test.min(limit));
        self.counts.insert("evaluation".to_owned(), Counts { questions, ..Counts::default() });
    }

    /// Reports a student that is asked in no language that it was taught in, and warns of single ones.
    fn must_be_taught_so(&mut self) {
        let recipe = self.recipe;
        let last = recipe.stages.last().and_then(|last| recipe.stage.get(&last.value));
        let questions = last.iter().flat_map(|stage| stage.data.questions.iter());
        let taught: Vec<(String, Option<&Origin>)> =
            questions.flat_map(|own| self.asked_in(&own.data, own.readings())).collect();
        let judged = self.asked_in(&recipe.evaluation.data, recipe.evaluation.readings());
        let is_taught = |language: &str| taught.iter().any(|(own, _)| own == language);
        let others: Vec<_> = judged.iter().filter(|(language, _)| !is_taught(language)).collect();
        if taught.is_empty() || others.is_empty() {
            return;
        }
        let message = format!(
            "the student is taught in {}, and judged in {}",
            list(taught.iter().map(|(language, _)| language.as_str())),
            list(others.iter().map(|(language, _)| language.as_str()))
        );
        let diagnostic = if others.len() == judged.len() {
            Diagnostic::error("evaluation::language", message)
        } else {
            Diagnostic::warning("evaluation::language", message)
        };
        let origin = others.iter().find_map(|(_, origin)| *origin).unwrap_or(&recipe.evaluation.origin);
        let diagnostic = diagnostic.label(origin, "is judged here");
        let diagnostic = match taught.iter().find_map(|(_, origin)| *origin) {
            Some(origin) => diagnostic.label(origin, "is taught here"),
            None => diagnostic,
        };
        self.report(diagnostic.help("give `evaluation` and the last stage the same `student-reads`"));
    }

    /// The languages in which a student is asked, each with where it is named; where none is, the corpora's own.
    fn asked_in<'o>(
        &self,
        names: &[At<String>],
        readings: Readings<'o>,
    ) -> Vec<(String, Option<&'o Origin>)> {
        if !readings.student.is_empty() {
            return readings.student.iter().map(|at| (at.value.clone(), Some(&at.origin))).collect();
        }
        let corpora = names.iter().filter_map(|name| self.workshop.corpora.get(name).ok());
        corpora.filter_map(|corpus| Some((corpus.languages().first()?.clone(), None))).collect()
    }

    /// The evaluation of models that find images by captions.
    fn caption_evaluation(&mut self) {
        let recipe = self.recipe;
        let evaluation = &recipe.evaluation;
        if !self.must_have_captions(&evaluation.data, &evaluation.origin) {
            return;
        }
        self.must_measure(&retrieval::METRICS, &[]);
        if let Some(teacher) = evaluation.teacher.as_ref().filter(|teacher| self.known_teacher(teacher)) {
            let known = self.sketches.checkpoint(recipe, teacher).map(|sketch| sketch.config.clone());
            if let Some(config) = known.filter(|config| !config.outline().pairs) {
                let message =
                    format!("the teacher is a {} and finds no image by a text", config.model_type());
                self.error("evaluation::answers", message, &teacher.origin, "is judged here");
            }
        }
        let pictures = self.workshop.corpora.captioned(&evaluation.data, Split::Test);
        let test = pictures.map_or(0, |pictures| pictures.len());
        if self.depth == Depth::Whole && test == 0 {
            let diagnostic = Diagnostic::error(
                "data::empty",
                "the test parts of the evaluation hold no image with a caption",
            );
            let help = "say which are for the test, with `split.test-values` or `split.test-fraction`";
            self.report(diagnostic.label(&evaluation.origin, "nothing to be judged on").help(help));
        }
        let images = evaluation.limit.map_or(test, |limit| test.min(limit));
        self.counts.insert("evaluation".to_owned(), Counts { images, ..Counts::default() });
    }

    /// Reports a model that does not give the answers that are asked for, or is not shown what it looks at.
    fn must_answer_about_images(&mut self, side: &str, model: &Sketch, answers: &[String], origin: &Origin) {
        let judged: Vec<&At<String>> = self.recipe.evaluation.data.iter().collect();
        self.must_find_regions(&format!("the {side}"), origin, model, &judged, Split::Test);
        let config = &model.config;
        let outline = config.outline();
        let own = outline.labels;
        // What has no names of its own takes those of the data.
        let is_nameless = own.is_empty() && outline.classes > 0;
        let problem = if Eyes::new(config, None).is_err() {
            format!("is a {} and does not look at images", config.model_type())
        } else if !own.is_empty() && own == answers || is_nameless && outline.classes == answers.len() {
            return;
        } else if !self.workshop.corpora.are_settled(&self.recipe.evaluation.data) {
            // From the head of a table it cannot be told which answers it has.
            return;
        } else if is_nameless {
            format!(
                "gives {} answers without names, and the test part has {}",
                outline.classes,
                answers.len()
            )
        } else if own.is_empty() {
            "has no head that answers questions".to_owned()
        } else {
            format!("knows {} answers, and the test part has {} others", own.len(), answers.len())
        };
        self.report(
            Diagnostic::error("evaluation::answers", format!("the {side} {problem}"))
                .label(origin, "is judged here")
                .help("of a published model, name the file that lists its answers under `answers-from` of the corpus"),
        );
    }

    /// Checks an evaluation on texts without labels, by which a student can be held against a teacher alone; false
    /// where there is none.
    fn without_labels(&mut self) -> bool {
        let recipe = self.recipe;
        let evaluation = &recipe.evaluation;
        if evaluation.teacher.is_none() {
            let message = "the texts of the evaluation have no labels to hold answers against";
            self.report(
                Diagnostic::error("evaluation::labels", message)
                    .label(&evaluation.origin, "names texts without labels, and no teacher")
                    .help("with a `teacher`, the student is judged by how alike the two are"),
            );
            return false;
        }
        for name in evaluation.metrics.iter().filter(|name| find(&name.value).is_ok()) {
            let message = format!("`{}` needs labels, and the texts of the evaluation have none", name.value);
            self.error("evaluation::labels", message, &name.origin, "holds answers against labels");
        }
        if recipe.baseline.is_some() {
            let message =
                "a baseline is compared by its answers, and the texts of the evaluation have no labels";
            let origin = self.loaded.key_origin(&["baseline"]);
            self.error("evaluation::labels", message.to_owned(), &origin, "cannot be held against anything");
        }
        true
    }

    /// Reports a model that does not say what is asked.
    fn must_answer(&mut self, side: &str, config: &Config, task: &Task, origin: &Origin) {
        let problem = match config {
            Config::Marian(_) => "writes, and texts are to be read".to_owned(),
            // Nobody is asked for an answer.
            Config::Bert(_) if task.head == Head::None => return,
            Config::Bert(config) if config.head != task.head => match task.head {
                Head::Tokens => "has no head that tags words".to_owned(),
                _ => "has no head that says something of a text".to_owned(),
            },
            Config::Bert(config) if (config.problem == Problem::Numbers) != task.regression => {
                "gives numbers where classes are asked, or the other way round".to_owned()
            }
            Config::Bert(config) if config.problem == Problem::SeveralLabels => {
                "gives each label by itself (multi_label_classification), where one class of each text is asked".to_owned()
            }
            Config::Bert(config) if !task.regression && config.labels != task.labels => format!(
                "tells {} apart, and the test part {}",
                list(config.labels.iter().map(String::as_str)),
                list(task.labels.iter().map(String::as_str))
            ),
            Config::Bert(_) => return,
            other => format!("is a {}, and texts alone are to be read", other.model_type()),
        };
        let diagnostic = Diagnostic::error("evaluation::labels", format!("the {side} {problem}"))
            .label(origin, format!("the {side} that is judged here"));
        let of_language = config.bert().is_ok_and(|config| config.head == Head::MaskedLanguage);
        self.report(if of_language {
            diagnostic.help("`mask` teaches the language alone: end with a stage that trains on a task")
        } else {
            diagnostic
        });
    }
}
