//! Loss terms, checked against student, teacher and data.

use alambic_data::{class_distances, class_relations};
use alambic_losses::{LabelPrior, Loss, LossError, NameVectors, RELEVANCE, ScheduledValue, TargetKind, Term};
use alambic_models::{Outline, stream_of_embedding};
use alambic_settings::{At, Diagnostic, Origin};
use alambic_teachers::{AnswerForm, TeacherOptions, is_record};

use super::checker::{Checker, Depth, Site, list};
use super::counts::Counts;
use super::model_info::ModelInfo;
use crate::class_distances::label_names;
use crate::schema::Recipe;
use crate::tasks::task::Task;
use crate::vocabulary::are_same;

/// Outline of the teacher whose taps losses read, as far as it is known.
pub(super) enum Supervision {
    /// There is none.
    Absent,
    /// It is a record of generated texts and has no taps.
    Record,
    /// It is asked about texts as they are written.
    Answers(AnswerForm),
    /// It has this form.
    Known(Box<Outline>),
    /// It is named, and something is wrong with it.
    Unknown,
}

/// Why two models read a text in other tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TokenDifference {
    /// Their vocabularies differ.
    Vocabulary,
    /// One reads texts in one script, and the other as they are.
    Script,
}

impl Checker<'_> {
    /// Outline of a teacher, as far as it is known.
    pub(super) fn supervision(&self, teacher: &str) -> Supervision {
        match (self.models.teachers.get(teacher), self.models.answer_form(teacher)) {
            (_, Some(form)) => Supervision::Answers(form),
            (Some(TeacherOptions::Recorded(options)), None) if options.path.iter().all(is_record) => {
                Supervision::Record
            }
            _ => match self.models.teacher(teacher) {
                Some(info) => Supervision::Known(Box::new(info.config.outline())),
                None => Supervision::Unknown,
            },
        }
    }

    /// Reports a training that has no loss.
    fn report_no_loss(&mut self, path: &[&str]) {
        let message = format!("`{}` has no loss", path.join("."));
        let origin = self.places.origin(&[path, &["loss"]].concat());
        let help = "`alambic list losses` shows what there is";
        self.report(
            Diagnostic::error("loss::none", message).label(&origin, "has nothing to minimise").help(help),
        );
    }

    /// Checks loss terms against student and teacher, and against the data.
    pub(super) fn check_losses(
        &mut self,
        recipe: &Recipe,
        site: &Site<'_>,
        losses: &[At<Loss>],
        task: &dyn Task,
        student: Option<&ModelInfo>,
        supervision: &Supervision,
    ) {
        let path = site.path;
        if losses.is_empty() {
            self.report_no_loss(path);
        }
        let differences = self.tokens_differ(site, task, student, supervision);
        if differences.is_some() && task.is_masked() {
            let teacher = self.places.origin(&[path, &["teacher"]].concat());
            let message = format!(
                "`{}` masks tokens, and its teacher has another vocabulary than its student",
                path.join(".")
            );
            self.report(
                Diagnostic::error("student::vocabulary", message)
                    .label(&teacher, "reads the masked texts in another vocabulary")
                    .help("leave out the teacher, or the student's `vocabulary` and `unify-script`"),
            );
            return;
        }
        let (mut weights, mut terms) = (Vec::new(), Vec::new());
        for loss in losses {
            let outline = student.map(|info| info.config.outline());
            let bound = match (supervision, &outline) {
                (Supervision::Absent, outline) => {
                    loss.inner().bind(outline.as_ref().unwrap_or(&Outline::default()), None)
                }
                (Supervision::Known(teacher), Some(student)) => {
                    loss.inner().bind(student, Some(&task.outline_of_targets(student, (**teacher).clone())))
                }
                (Supervision::Answers(form), Some(student)) => {
                    let teacher = task.outline_of_targets(student, form.outline_for(student));
                    loss.inner().bind(student, Some(&teacher))
                }
                // A teacher of the student's own form shows which taps the term reads.
                (Supervision::Record, Some(student)) => loss.inner().bind(student, Some(student)),
                _ => continue,
            };
            match (bound, supervision) {
                (Ok(term), Supervision::Answers(_))
                    if !term.teacher_taps.is_empty() && !task.takes_answers() =>
                {
                    let reason = "answers are taken for `data.sentences`, `data.search` and `data.choices`, and for `data.texts` that are neither masked nor augmented";
                    self.report_taps(path, loss, &term, reason, "this teacher answers");
                }
                (Ok(term), Supervision::Answers(form)) if lacks_taps(&term, form, outline.as_ref()) => {
                    let reason =
                        "its answers hold none of these; a loss that has `features` can compare `embedding`s";
                    self.report_taps(path, loss, &term, reason, "this teacher answers");
                }
                (Ok(term), Supervision::Record) if !term.teacher_taps.is_empty() => {
                    let reason = "a record of generated texts holds none";
                    self.report_taps(path, loss, &term, reason, "this teacher is recorded");
                }
                (Err(LossError::NoTeacher(term)), Supervision::Absent) => {
                    let stage = self.places.key_origin(path);
                    let (label, help) = if site.is_baseline() {
                        (
                            "a baseline has no teacher",
                            "keep to losses on labels, such as `cross-entropy`".to_owned(),
                        )
                    } else {
                        ("names no `teacher`", format!("add `teacher = \"…\"` to `[{}]`", path.join(".")))
                    };
                    self.report(
                        Diagnostic::error("loss::teacher", format!("the loss `{term}` needs a teacher"))
                            .label(&loss.origin, "compares with a teacher")
                            .label(&stage, label)
                            .help(help),
                    );
                }
                (Ok(term), _) => {
                    weights.push(term.weight);
                    self.check_class_distances(loss, &term, task);
                    self.check_projection(path, loss, &term, student);
                    self.check_tokens(&term, loss, task, differences);
                    self.check_batches(recipe, site, &term, loss);
                    if !task.is_empty() {
                        self.check_targets(loss, &term, task, supervision);
                    }
                    task.check_term(site, loss, &term, self);
                    terms.push(term);
                }
                // Without a known student, nothing else can be checked.
                (Err(error), _) if outline.is_some() => {
                    let diagnostic = Diagnostic::error("loss::incompatible", error.to_string())
                        .label(&loss.origin, "this term");
                    let teacher = self.places.origin(&[path, &["teacher"]].concat());
                    self.report(match supervision {
                        Supervision::Absent => diagnostic,
                        _ => diagnostic.label(&teacher, "with this teacher"),
                    });
                }
                _ => {}
            }
        }
        if weights.len() == losses.len() {
            if !losses.is_empty() {
                task.check_terms(site, &terms, self);
            }
            self.check_end_weights(site, losses, &weights);
        }
    }

    /// Reports a projection between a teacher's vectors and those of a student whose own projection, a dense layer behind its
    /// pooling, is to bring them to the teacher's space.
    fn check_projection(&mut self, path: &[&str], loss: &At<Loss>, term: &Term, student: Option<&ModelInfo>) {
        let dense = student
            .and_then(|info| info.config.pooling())
            .and_then(|pooling| pooling.dense().last())
            .map(|dense| dense.outputs);
        let reads_embedding = term.student_taps.iter().any(|tap| stream_of_embedding(tap).is_some());
        let (Some(own), Some(projection)) = (dense.filter(|_| reads_embedding), term.projections.first())
        else {
            return;
        };
        let teacher = self.places.origin(&[path, &["teacher"]].concat());
        let other = projection.outputs;
        let help = if own == other {
            "let the loss have `project = false`: the student's dense layer is its projection".to_owned()
        } else {
            format!("give the student `embedding-width = {other}`, or leave `embedding-width` out")
        };
        let message = format!(
            "the loss `{}` projects the student's embeddings of {own} numbers to {other}, and the student has a dense layer that is \
             to give vectors of the teacher's space",
            term.name
        );
        self.report(
            Diagnostic::error("student::projection", message)
                .label(&loss.origin, "trains a projection that is no part of the student")
                .label(&teacher, format!("this teacher's embeddings have {other} numbers"))
                .help(help),
        );
    }

    /// Checks what gives a term the distances between classes: the encoder of their names, or the table.
    fn check_class_distances(&mut self, loss: &At<Loss>, term: &Term, task: &dyn Task) {
        let Some(needed) = &term.class_distances else { return };
        let Ok(head) = task.head(&self.corpora) else { return };
        let read = match &needed.options {
            LabelPrior { vectors: Some(vectors), .. } => {
                return self.check_name_vectors(vectors, &head.labels, &loss.origin);
            }
            LabelPrior { table: Some(table), .. } => class_distances(table, &head.labels),
            LabelPrior { relations: Some(relations), .. } => class_relations(relations, &head.labels),
            _ => return,
        };
        if let Err(error) = read {
            let message = format!("`label-prior` has no distances of the classes: {error}");
            self.report(
                Diagnostic::error("loss::classes", message).label(&loss.origin, "needs one of each class"),
            );
        }
    }

    /// Checks what gives vectors of the names of classes: an encoder among the teachers, and the table of the names.
    pub(crate) fn check_name_vectors(&mut self, vectors: &NameVectors, classes: &[String], origin: &Origin) {
        if self.check_declared(&vectors.teacher) {
            let pools = match self.models.teacher(&vectors.teacher) {
                Some(info) => info.config.outline().streams.values().any(|stream| stream.embedding.is_some()),
                // It is trained before, or wrong in a way that is told of where it is declared.
                None => true,
            };
            if !pools {
                let message = format!("teacher `{}` gives no vectors of names", vectors.teacher.value);
                self.report(
                    Diagnostic::error("loss::classes", message)
                        .label(&vectors.teacher.origin, "has no pooling, so no embedding")
                        .help("set `checkpoint.pooling`, or name a sentence encoder"),
                );
            }
        }
        if let Err(error) = label_names(vectors, classes) {
            let message = format!("the classes have no names: {error}");
            self.report(Diagnostic::error("loss::classes", message).label(origin, "needs one of each class"));
        }
    }

    /// Warns of losses whose weights all end at 0.
    fn check_end_weights(&mut self, site: &Site<'_>, losses: &[At<Loss>], weights: &[ScheduledValue]) {
        let is_scheduled = weights.iter().any(|weight| !weight.is_constant());
        if !is_scheduled || weights.iter().any(|weight| weight.at(1.0) > 0.0) {
            return;
        }
        let message = format!("the losses of `{}` all end without weight", site.path.join("."));
        let mut diagnostic = Diagnostic::warning("loss::schedule", message);
        for loss in losses {
            diagnostic = diagnostic.label(&loss.origin, "its weight ends at 0");
        }
        let help = "let one of them end above 0: validations count losses with their last weights, and the last steps train nothing";
        self.report(diagnostic.help(help));
    }

    /// Reports a term that reads what its teacher does not give.
    fn report_taps(&mut self, path: &[&str], loss: &At<Loss>, term: &Term, reason: &str, teacher: &str) {
        let message = format!("the loss `{}` reads taps of the teacher, and {reason}", term.name);
        let origin = self.places.origin(&[path, &["teacher"]].concat());
        let taps = list(term.teacher_taps.iter().map(String::as_str));
        self.report(
            Diagnostic::error("loss::taps", message)
                .label(&loss.origin, format!("reads {taps}"))
                .label(&origin, teacher)
                .help("name a model as the teacher, or give the stage texts by themselves"),
        );
    }

    /// Why a student reads the texts that its teacher reads in other tokens; none where they are the same.
    fn tokens_differ(
        &self,
        site: &Site<'_>,
        task: &dyn Task,
        student: Option<&ModelInfo>,
        supervision: &Supervision,
    ) -> Option<TokenDifference> {
        let teacher = site.teacher.filter(|_| !matches!(supervision, Supervision::Absent));
        let teacher = teacher.and_then(|teacher| self.models.teacher(teacher));
        let (student, teacher) = student.zip(teacher).filter(|_| task.shares_texts_with_teacher())?;
        if student.tokenizer.unified_script() != teacher.tokenizer.unified_script() {
            return Some(TokenDifference::Script);
        }
        let differ = self.depth == Depth::Whole && !are_same(&student.tokenizer, &teacher.tokenizer);
        differ.then_some(TokenDifference::Vocabulary)
    }

    /// Reports a term that compares tokens of texts one by one where student and teacher read different texts, or have different
    /// vocabularies.
    fn check_tokens(
        &mut self,
        term: &Term,
        loss: &At<Loss>,
        task: &dyn Task,
        difference: Option<TokenDifference>,
    ) {
        let is_text = |stream: &&String| !["image", "vision"].contains(&stream.as_str());
        if !term.token_by_token.iter().any(|stream| is_text(&stream)) {
            return;
        }
        if let Some(difference) = difference {
            let (reason, key) = match difference {
                TokenDifference::Vocabulary => ("their vocabularies differ", "vocabulary"),
                TokenDifference::Script => {
                    ("one of them reads unified texts, the other the original ones", "unify-script")
                }
            };
            let message = format!(
                "the loss `{}` compares tokens of student and teacher one by one, and {reason}",
                term.name
            );
            self.report(Diagnostic::error("loss::tokens", message).label(&loss.origin, "this term").help(format!(
                "leave out the student's `{key}`, or compare logits, embeddings or the first token (`count = \"first\"`)",
            )));
            return;
        }
        if task.shares_texts_with_teacher() {
            return;
        }
        let message = format!(
            "the loss `{}` compares tokens of student and teacher one by one, and they read different texts",
            term.name
        );
        self.report(Diagnostic::error("loss::tokens", message).label(&loss.origin, "this term").help(
            "compare what both have: the image (`stream = \"image\"`, `parts = [\"image-to-image\"]`), the first token \
             (`count = \"first\"`), embeddings or logits",
        ));
    }

    /// Reports a term that compares the examples of a batch with each other where a batch holds one alone.
    fn check_batches(&mut self, recipe: &Recipe, site: &Site<'_>, term: &Term, loss: &At<Loss>) {
        // A baseline is trained as the last stage is.
        let stage =
            if site.is_baseline() { recipe.stages.last().map(|last| last.as_str()) } else { Some(site.name) };
        let Some((name, stage)) = stage.and_then(|name| Some((name, recipe.stage.get(name)?))) else {
            return;
        };
        let message = format!("the loss `{}` compares the examples of a batch with each other", term.name);
        let count = self.counts.get(site.name).map(Counts::examples);
        if let Some(count) = count.filter(|count| (1..term.min_examples).contains(count))
            && self.depth == Depth::Whole
        {
            let data = self.data_origin(site);
            self.report(
                Diagnostic::error("loss::batch", message)
                    .label(&loss.origin, "this term")
                    .label(&data, format!("{count} example to train on"))
                    .help("give it more data, or another loss"),
            );
            return;
        }
        if stage.train.batch.size >= term.min_examples {
            let batches = stage.train.gradient_accumulation;
            if term.min_examples > 1 && batches > 1 && !term.gathers && !site.is_baseline() {
                self.report(Diagnostic::warning("loss::batch", message).label(
                    &loss.origin,
                    format!(
                        "sees the {} examples of one batch, not those of the {batches} batches of a step",
                        stage.train.batch.size
                    ),
                ));
            }
            return;
        }
        let size = self.places.origin(&["stage", name, "train", "batch", "size"]);
        self.report(
            Diagnostic::error("loss::batch", message)
                .label(&loss.origin, "this term")
                .label(&size, format!("a batch holds {}", stage.train.batch.size))
                .help(format!("raise `batch.size` to {} or more, better to 16", term.min_examples)),
        );
    }

    /// Reports a term over pairs of texts where there are none, and warns of a term for whose other targets there are no data.
    fn check_targets(&mut self, loss: &At<Loss>, term: &Term, task: &dyn Task, supervision: &Supervision) {
        let Some(known) = task.targets(&self.corpora) else { return };
        let missing: Vec<TargetKind> =
            term.targets.iter().copied().filter(|target| !known.contains(target)).collect();
        if missing.len() < term.targets.len().max(1) {
            return;
        }
        if missing.contains(&TargetKind::TextPairs) {
            let message = format!("the loss `{}` needs pairs of texts of one meaning", loss.name());
            self.report(
                Diagnostic::error("loss::pairs", message)
                    .label(&loss.origin, "this term")
                    .help("give it `data.parallel` with `student-side = \"both\"` and without `monolingual`, or `data.sentences` with `examples = \"pairs\"` of a corpus without scores; against a teacher's embeddings use `contrastive`"),
            );
            return;
        }
        if missing.contains(&TargetKind::Similarities) {
            let message = format!("the loss `{}` needs pairs of texts with scores", loss.name());
            self.report(
                Diagnostic::error("loss::pairs", message).label(&loss.origin, "this term").help(
                    "give it `data.sentences` with `examples = \"pairs\"`, of corpora whose `second` and `number` are named",
                ),
            );
            return;
        }
        if missing.contains(&TargetKind::PassageLists) {
            let message = format!("the loss `{}` needs queries with passages", loss.name());
            let help = "give it `data.search`";
            self.report(
                Diagnostic::error("loss::lists", message).label(&loss.origin, "this term").help(help),
            );
            return;
        }
        if missing.contains(&TargetKind::PassageScores) {
            let message =
                format!("the loss `{}` learns scores of the data, and these have none", loss.name());
            self.report(Diagnostic::error("loss::lists", message).label(&loss.origin, "this term").help(
                "give the corpus a column of `scores`, or leave `scores = \"data\"` out and name a teacher",
            ));
            return;
        }
        let names = missing.iter().map(|target| target.name()).collect::<Vec<_>>().join(" or ");
        let message = format!("the loss `{}` has no targets in these data", loss.name());
        let label = format!("needs {names}");
        let is_supervised = matches!(supervision, Supervision::Known(_) | Supervision::Answers(_));
        let help = match known.first() {
            Some(target) if is_supervised && *target == TargetKind::Classes => {
                "for classes, use `cross-entropy`; for the teacher's predictions, `logits`".to_owned()
            }
            Some(target) => format!("for {}, use `{}`", target.name(), target.usual_loss()),
            None => "leave it out, or give the stage data that have them".to_owned(),
        };
        self.report(Diagnostic::warning("loss::idle", message).label(&loss.origin, label).help(help));
    }
}

/// Whether a term reads something of a teacher that answers do not hold.
fn lacks_taps(term: &Term, form: &AnswerForm, student: Option<&Outline>) -> bool {
    let taps = form.outline_for(student.unwrap_or(&Outline::default())).taps();
    // Scores of passages are made of numbers or vectors, of which a bound term has one or the other.
    term.teacher_taps.iter().any(|tap| tap != RELEVANCE && !taps.contains(tap))
}
