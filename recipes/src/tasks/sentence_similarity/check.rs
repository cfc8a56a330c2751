//! Checks of the sentences of a training.

use alambic_data::{ContentKind, Label, Labels, Split, Text};
use alambic_files::text::{elided, quoted};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::text_encoder::TextEncoderConfig;
use alambic_settings::{At, Diagnostic, Origin};

use super::examples::single;
use super::options::{SentenceData, SentenceExamples, SentenceTargets, SimilarityData};
use crate::check::checker::{Checker, Depth, Site};
use crate::check::counts::{Counts, Sort};
use crate::check::model_info::ModelInfo;

/// Texts by themselves, as they are counted.
const SENTENCES: Sort = Sort { key: "sentences", name: "sentences" };
/// Pairs, as they are counted.
const PAIRS: Sort = Sort { key: "sentence-pairs", name: "sentence pairs" };

/// The tap of vectors of texts.
pub(super) const EMBEDDING: &str = "embedding";

impl SimilarityData {
    /// Counts the examples of a training, and reports rows of which none can be made.
    pub(super) fn check_sentences(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let mut are_sound = true;
        for (index, options) in self.sentences.iter().enumerate() {
            let origin = checker.table_origin(site, "sentences", index);
            are_sound &= checker.check_corpora(&options.data, &origin, ContentKind::Texts)
                && check_rows(options, &origin, checker);
        }
        if !are_sound || !self.check_forms(site, checker) {
            // What cannot be counted is not empty.
            return;
        }
        let count = |split| self.examples(&checker.corpora, split).map_or(0, |found| found.examples.len());
        let (examples, validation) = (count(Split::Train), count(Split::Validation));
        if checker.depth == Depth::Whole {
            checker.check_splits(site, examples, validation);
        }
        let longest = self.sentences.iter().map(|options| options.max_length);
        checker.check_max_length(site, "sentences", longest);
        let sort = if self.form() == SentenceExamples::Pairs { PAIRS } else { SENTENCES };
        checker.counts.insert(site.name.to_owned(), Counts::of(sort, examples, validation));
        self.check_answers(site, checker);
    }

    /// Reports tables of one stage of which other examples would be made, or that have other numbers of negatives; false if there are
    /// any.
    fn check_forms(&self, site: &Site<'_>, checker: &mut Checker<'_>) -> bool {
        let form = |options: &SentenceData| {
            let negatives = |row: &Text| row.negatives.len();
            let rows = options.rows(&checker.corpora, Split::Train).unwrap_or_default();
            let is_paired = options.examples == SentenceExamples::Pairs;
            let mut counts: Vec<usize> = rows.into_iter().filter(|_| is_paired).map(negatives).collect();
            counts.sort_unstable();
            counts.dedup();
            (options.examples, options.targets, counts)
        };
        let forms: Vec<_> = self.sentences.iter().map(form).collect();
        let Some(first) = forms.first() else { return true };
        let place = forms.iter().position(|other| other != first || other.2.len() > 1);
        let Some(index) = place else { return true };
        let origin = checker.table_origin(site, "sentences", index);
        let message = format!("`{}` makes examples of several kinds", site.path.join("."));
        checker.report(Diagnostic::error("recipe::data", message).label(&origin, "not as the first").help(
            "give all tables of a stage the same `examples` and `targets`, and corpora with as many `negatives`; or make it two stages",
        ));
        false
    }

    /// Reports texts for which a stage's teacher has no answer.
    fn check_answers(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let Some(teacher) = site.teacher else { return };
        if checker.models.answer_form(&teacher.value).is_none() || checker.depth != Depth::Whole {
            return;
        }
        let splits = [Split::Train, Split::Validation];
        let found = splits.map(|split| self.examples(&checker.corpora, split).unwrap_or_default());
        let texts = found.iter().flat_map(|found| &found.examples).flat_map(|example| &example.texts);
        let texts: indexmap::IndexSet<&str> = texts.copied().collect();
        let texts: Vec<Text> = texts.into_iter().map(single).collect();
        checker.check_teacher_answers(teacher, None, &texts.iter().collect::<Vec<_>>());
    }

    /// Reports a student without dropout whose texts are to differ by it alone.
    pub(super) fn check_dropout(&self, site: &Site<'_>, student: &ModelInfo, checker: &mut Checker<'_>) {
        let has_dropout = |config: &TextEncoderConfig| config.dropout > 0.0 || config.attention_dropout > 0.0;
        if self.form() != SentenceExamples::Dropout || student.config.text_encoder().is_ok_and(has_dropout) {
            return;
        }
        let origin = checker.table_origin(site, "sentences", 0);
        checker.report(
            Diagnostic::error(
                "student::dropout",
                "the student has no dropout, so that each text is read twice alike",
            )
            .label(&origin, "pairs of a text with itself, which differ by their dropout")
            .help("give the student a `dropout`, such as 0.1"),
        );
    }

    /// Reports a term that reads more of the teacher than its embeddings, where their principal components are learnt.
    pub(super) fn check_components(
        &self,
        site: &Site<'_>,
        loss: &At<Loss>,
        term: &Term,
        checker: &mut Checker<'_>,
    ) {
        let is_embedding = |tap: &String| tap == EMBEDDING;
        if self.targets_of_teacher() == SentenceTargets::Pooled || term.teacher_taps.iter().all(is_embedding)
        {
            return;
        }
        let origin = checker.table_origin(site, "sentences", 0);
        let taps: Vec<String> = term.teacher_taps.iter().map(|tap| format!("`{tap}`")).collect();
        let message = format!("the loss `{}` reads {} of the teacher", loss.name(), taps.join(", "));
        checker.report(
            Diagnostic::error("loss::components", message)
                .label(&loss.origin, "this term")
                .label(&origin, "learns the principal components of the teacher's embeddings alone")
                .help("let the loss have `features = \"embedding\"`, or leave `targets` out"),
        );
    }

    /// Reports a loss over pairs that some corpora of the stage do not have.
    pub(super) fn check_rows_of_pairs(
        &self,
        site: &Site<'_>,
        loss: &At<Loss>,
        term: &Term,
        checker: &mut Checker<'_>,
    ) {
        if !term.targets.contains(&TargetKind::Similarities) || !self.has_scores(&checker.corpora) {
            return;
        }
        let names = self.sentences.iter().flat_map(|own| &own.data);
        let mut without = names.filter(|name| {
            let corpus = checker.corpora.dataset::<Text>(name);
            corpus.is_ok_and(|corpus| corpus.details.labels != Labels::Numbers)
        });
        let Some(name) = without.next().cloned() else { return };
        let message =
            format!("the loss `{}` needs a score for each pair, and `{}` has none", loss.name(), name.value);
        let declared = checker.places.key_origin(&["data", &name.value]);
        let place = if site.is_baseline() { &name.origin } else { &loss.origin };
        checker.report(
            Diagnostic::error("loss::pairs", message)
                .label(place, "this term")
                .label(&declared, "a corpus without scores")
                .help("name the column of the scores with the corpus's `number`"),
        );
    }
}

/// Reports rows without a second text, and scores out of their range; false if there are any.
fn check_rows(options: &SentenceData, origin: &Origin, checker: &mut Checker<'_>) -> bool {
    let bounds = (options.lowest_score, options.highest_score);
    let is_ordered = bounds.0.is_finite() && bounds.1.is_finite() && bounds.0 < bounds.1;
    if !is_ordered {
        let message = format!("scores cannot lie between {} and {}", bounds.0, bounds.1);
        checker.error("recipe::data", message, origin, "`lowest-score` has to be less than `highest-score`");
        return false;
    }
    if options.examples != SentenceExamples::Pairs {
        return true;
    }
    for name in &options.data {
        let Ok(corpus) = checker.corpora.dataset::<Text>(name) else { return false };
        let declared = checker.places.key_origin(&["data", &name.value]);
        if !corpus.details.pairs {
            let message = format!("corpus `{}` has no second texts, and pairs are needed", name.value);
            checker.report(
                Diagnostic::error("data::pairs", message)
                    .label(origin, "makes examples of pairs")
                    .label(&declared, "texts by themselves")
                    .help("name their column with the corpus's `second`, or leave `examples` out"),
            );
            return false;
        }
        let rows = [Split::Train, Split::Validation].into_iter().flat_map(|split| corpus.splits.get(split));
        let is_outside = |row: &&Text| match row.label {
            Label::Number(score) => !(0.0..=1.0).contains(&options.scaled(score)),
            _ => false,
        };
        let found =
            rows.filter(is_outside).map(|row| (row.line, row.first.clone(), row.label.clone())).next();
        if let Some((line, text, Label::Number(score))) = found {
            let message = format!(
                "corpus `{}`: line {line} has the score {score} (`{}`), and scores are to lie between {} and {}",
                name.value,
                elided(&quoted(&text)),
                bounds.0,
                bounds.1
            );
            checker.report(
                Diagnostic::error("data::scores", message)
                    .label(origin, "scales scores")
                    .label(&declared, "scores of this corpus")
                    .help("say what their range is, with `lowest-score` and `highest-score`"),
            );
            return false;
        }
    }
    true
}
