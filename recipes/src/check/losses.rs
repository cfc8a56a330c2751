//! Loss terms, held against student, teacher and data.

use alambic_data::Labels;
use alambic_losses::{Loss, LossError, Term};
use alambic_models::Outline;
use alambic_settings::{At, Diagnostic};
use alambic_teachers::TeacherOptions;

use super::models::Sketch;
use super::{Checker, Counts, Depth, list};
use crate::schema::{Sides, StageData};

/// What is known of the teacher that losses look to.
pub(super) enum Supervision {
    /// There is none.
    Absent,
    /// It has no taps.
    Recorded,
    /// It has this form.
    Known(Outline),
    /// It is named, and something is wrong with it.
    Unknown,
}

impl Checker<'_> {
    /// What is known of a teacher.
    pub(super) fn supervision(&self, teacher: &str) -> Supervision {
        match self.recipe.teacher.get(teacher) {
            Some(TeacherOptions::Recorded(_)) => Supervision::Recorded,
            _ => match self.sketches.teacher(self.recipe, teacher) {
                Some(sketch) => Supervision::Known(sketch.config.outline()),
                None => Supervision::Unknown,
            },
        }
    }

    /// Holds loss terms against student and teacher, and against the data that they count on.
    pub(super) fn losses(
        &mut self,
        path: &[&str],
        losses: &[At<Loss>],
        data: &StageData,
        student: Option<&Sketch>,
        supervision: &Supervision,
    ) {
        if losses.is_empty() {
            let message = format!("`{}` has no loss", path.join("."));
            let origin = self.loaded.origin(&[path, &["loss"]].concat());
            let help = "`alambic list losses` shows what there is";
            self.report(
                Diagnostic::error("loss::none", message).label(&origin, "nothing to learn from").help(help),
            );
        }
        for loss in losses {
            let outline = student.map(|sketch| sketch.config.outline());
            let bound = match (supervision, &outline) {
                (Supervision::Absent, outline) => {
                    loss.inner().bind(outline.as_ref().unwrap_or(&Outline::default()), None)
                }
                (Supervision::Known(teacher), Some(student)) => loss.inner().bind(student, Some(teacher)),
                // A teacher of the student's own form shows which taps the term reads.
                (Supervision::Recorded, Some(student)) => loss.inner().bind(student, Some(student)),
                _ => continue,
            };
            match (bound, supervision) {
                (Ok(term), Supervision::Recorded) if !term.teacher_taps.is_empty() => {
                    let message = format!(
                        "the loss `{}` looks inside the teacher, and recorded outputs hold no taps",
                        term.name
                    );
                    let teacher = self.loaded.origin(&[path, &["teacher"]].concat());
                    self.report(
                        Diagnostic::error("loss::taps", message)
                            .label(
                                &loss.origin,
                                format!("reads {}", list(term.teacher_taps.iter().map(String::as_str))),
                            )
                            .label(&teacher, "this teacher is recorded"),
                    );
                }
                (Err(LossError::NoTeacher(term)), Supervision::Absent) => {
                    let stage = self.loaded.key_origin(path);
                    let (label, help) = if path == ["baseline"] {
                        (
                            "a baseline has no teacher",
                            "keep to losses on labels, such as `cross-entropy`".to_owned(),
                        )
                    } else {
                        ("names no `teacher`", format!("add `teacher = \"…\"` to `[{}]`", path.join(".")))
                    };
                    self.report(
                        Diagnostic::error("loss::teacher", format!("the loss `{term}` needs a teacher"))
                            .label(&loss.origin, "looks to a teacher")
                            .label(&stage, label)
                            .help(help),
                    );
                }
                (Ok(term), _) => {
                    self.must_share_tokens(&term, loss, data);
                    self.must_have_pairs(loss, data);
                    self.must_fill_batches(path, &term, loss);
                    self.must_teach_classes(loss, data);
                    self.idle(loss, data);
                }
                // Without a known student, nothing else can be said.
                (Err(error), _) if outline.is_some() => {
                    let diagnostic =
                        Diagnostic::error("loss::misfit", error.to_string()).label(&loss.origin, "this term");
                    let teacher = self.loaded.origin(&[path, &["teacher"]].concat());
                    self.report(match supervision {
                        Supervision::Absent => diagnostic,
                        _ => diagnostic.label(&teacher, "with this teacher"),
                    });
                }
                _ => {}
            }
        }
    }

    /// Reports a term that holds tokens of texts against each other where student and teacher read different texts.
    fn must_share_tokens(&mut self, term: &Term, loss: &At<Loss>, data: &StageData) {
        let is_text = |stream: &&String| !["image", "vision"].contains(&stream.as_str());
        if data.shares_vocabulary() || !term.token_by_token.iter().any(|stream| is_text(&stream)) {
            return;
        }
        let message = format!(
            "the loss `{}` holds tokens of student and teacher against each other, and they read different texts",
            term.name
        );
        self.report(Diagnostic::error("loss::tokens", message).label(&loss.origin, "this term").help(
            "compare what both have: the image (`stream = \"image\"`, `parts = [\"image-to-image\"]`), the first token \
             (`count = \"first\"`), vectors or logits",
        ));
    }

    /// Reports a term that compares the examples of a batch with each other where a batch holds one alone.
    fn must_fill_batches(&mut self, path: &[&str], term: &Term, loss: &At<Loss>) {
        let recipe = self.recipe;
        // A baseline is trained as the last stage is.
        let stage = match path {
            ["stage", name] => Some(*name),
            _ => recipe.stages.last().map(|last| last.as_str()),
        };
        let Some((name, stage)) = stage.and_then(|name| Some((name, recipe.stage.get(name)?))) else {
            return;
        };
        let message = format!("the loss `{}` compares the examples of a batch with each other", term.name);
        let count = path.last().and_then(|name| self.counts.get(*name)).map(Counts::examples);
        if let Some(count) = count.filter(|count| (1..term.min_examples).contains(count))
            && self.depth == Depth::Whole
        {
            let data = self.data_origin(path);
            self.report(
                Diagnostic::error("loss::batch", message)
                    .label(&loss.origin, "this term")
                    .label(&data, format!("{count} example to train on"))
                    .help("give it more data, or another loss"),
            );
            return;
        }
        if stage.train.batch.size >= term.min_examples {
            return;
        }
        let size = self.loaded.origin(&["stage", name, "train", "batch", "size"]);
        self.report(
            Diagnostic::error("loss::batch", message)
                .label(&loss.origin, "this term")
                .label(&size, format!("a batch holds {}", stage.train.batch.size))
                .help(format!("raise `batch.size` to {} or more, better to 16", term.min_examples)),
        );
    }

    /// Reports a term over sentences and what says the same where the student does not read both.
    fn must_have_pairs(&mut self, loss: &At<Loss>, data: &StageData) {
        let reads_both = !data.parallel.is_empty()
            && data
                .parallel
                .iter()
                .all(|options| options.student_reads == Sides::Both && options.alone.is_empty());
        if reads_both || !matches!(loss.value, Loss::MultipleNegatives(_)) {
            return;
        }
        let message = format!("the loss `{}` needs sentences and what says the same", loss.name());
        self.report(
            Diagnostic::error("loss::pairs", message)
                .label(&loss.origin, "this term")
                .help("give it `data.parallel` with `student-reads = \"both\"` and nothing `alone`; against a teacher's vectors use `contrastive`"),
        );
    }

    /// Warns of a term that none of the data count for.
    fn idle(&mut self, loss: &At<Loss>, data: &StageData) {
        let (missing, help) = match loss.name() {
            "binary-cross-entropy" if data.questions.iter().all(|own| own.labelled == 0.0) => {
                ("scores of answers", "for classes, use `cross-entropy`")
            }
            "cross-entropy" if data.pairs.is_empty() && !data.words.is_empty() => {
                ("labelled pairs", "for targets that a teacher wrote, use `sequence`")
            }
            "sequence" | "word-level" if data.words.is_empty() && !data.pairs.is_empty() => {
                ("words that the teacher writes", "for labelled pairs, use `cross-entropy`")
            }
            "sequence" | "word-level" if !data.texts.is_empty() => {
                ("words that the teacher writes", "for what a teacher says of texts, use `logits`")
            }
            "cross-entropy"
                if !self.have(data, |labels| matches!(labels, Labels::Classes(_) | Labels::Words(_))) =>
            {
                ("classes", "for numbers, use `squared-error`")
            }
            "squared-error" if !self.have(data, |labels| *labels == Labels::Numbers) => {
                ("numbers", "for classes, use `cross-entropy`")
            }
            _ => return,
        };
        let message = format!("the loss `{}` has nothing to count on", loss.name());
        let label = format!("counts over {missing}, and the data hold none");
        self.report(Diagnostic::warning("loss::idle", message).label(&loss.origin, label).help(help));
    }
}
