//! Checks of queries with passages.

use alambic_data::{ContentKind, SearchQuery, Split};
use alambic_losses::{BATCH_RELEVANCE, Loss, RELEVANCE, Term};
use alambic_models::Config;
use alambic_models::text_encoder::Head;
use alambic_reports::metrics::{PredictionKind, TaskDescription};
use alambic_settings::{At, Diagnostic, Origin};
use indexmap::IndexSet;

use super::options::{EncoderType, SearchData};
use crate::check::checker::{Checker, Depth, Site, list};
use crate::check::counts::{Counts, Sort};
use crate::check::model_info::ModelInfo;

/// Queries, as they are counted.
const QUERIES: Sort = Sort { key: "queries", name: "queries" };

/// What such a task predicts: rankings, of passages that have grades.
pub(super) fn description() -> TaskDescription<'static> {
    TaskDescription::from(PredictionKind::Ranking).with_references(PredictionKind::Relevance)
}

impl SearchData {
    /// Counts the queries of a training, and reports tables with other options than the first, and queries without anything that
    /// could be told apart.
    pub(super) fn check_search(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let mut is_known = !self.search.is_empty();
        let first = self.search.iter().next().map(super::options::SearchOptions::reading);
        for (index, options) in self.search.iter().enumerate() {
            let origin = checker.table_origin(site, "search", index);
            is_known &= checker.check_corpora(&options.data, &origin, ContentKind::Search);
            if first.as_ref().is_some_and(|first| *first != options.reading()) {
                let message =
                    format!("the queries of `{}` are to be read in different ways", site.path.join("."));
                checker.report(
                    Diagnostic::error("recipe::data", message).label(&origin, "not as the first").help(
                        "give all tables the same keys but for `data` and `fraction`, or make it two stages",
                    ),
                );
            }
            if options.encoder == EncoderType::CrossEncoder && options.scale.is_some() {
                let origin =
                    checker.places.origin(&site.key(&["data", "search", &index.to_string(), "scale"]));
                let message = "`scale` is not used: a cross-encoder's score is its logit".to_owned();
                checker.report(
                    Diagnostic::warning("recipe::unused", message)
                        .label(&origin, "of a cross-encoder")
                        .help("leave it out"),
                );
            }
        }
        let count = |split, is_counted: &dyn Fn(&SearchQuery) -> bool| {
            let asked = self.asked(&checker.corpora, split).unwrap_or_default();
            asked.iter().filter(|asked| is_counted(asked.query)).count()
        };
        // What nobody judged is for a teacher, which scores what is mined.
        let mines = self.search.iter().any(|options| options.mined_negatives > 0);
        let takes_unjudged = mines && site.named_teacher.is_some();
        let queries = count(Split::Train, &|query| takes_unjudged || !query.passages.is_empty());
        let validation = count(Split::Validation, &SearchQuery::has_positive);
        if checker.depth == Depth::Whole && is_known {
            checker.check_splits(site, queries, validation);
            self.check_negatives(site, checker);
        }
        checker.counts.insert(site.name.to_owned(), Counts::of(QUERIES, queries, validation));
    }

    /// Reports queries that all have relevant passages alone.
    fn check_negatives(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let Ok(train) = self.asked(&checker.corpora, Split::Train) else { return };
        let mines = self.search.iter().any(|options| options.mined_negatives > 0);
        let has_others = |asked: &super::collection::Asked<'_>| {
            asked.query.passages.iter().any(|listed| !listed.is_relevant())
        };
        if mines || train.is_empty() || train.iter().any(has_others) {
            return;
        }
        let message = format!("no query of `{}` has a passage that is not relevant", site.path.join("."));
        checker.report(
            Diagnostic::error("data::negatives", message)
                .label(&checker.data_origin(site), "lists of relevant passages alone")
                .help("have BM25 find others, with `mined-negatives = 20`, or give the corpus negatives"),
        );
    }

    /// Reports a student of another form than the data ask for.
    pub(super) fn check_encoder(
        &self,
        site: &Site<'_>,
        name: &str,
        student: &ModelInfo,
        checker: &mut Checker<'_>,
    ) {
        if self.encoder() == EncoderType::CrossEncoder || student.config.embedding_width().is_some() {
            return;
        }
        let declared = checker.places.key_origin(&["model", name]);
        let message = format!("the student of stage `{}` is a bi-encoder without a pooling", site.name);
        checker.report(
            Diagnostic::error("student::pooling", message)
                .label(&declared, "gives no vector of a text")
                .label(&checker.data_origin(site), "`encoder = \"bi-encoder\"`, which compares vectors")
                .help("give it `pooling = \"mean\"`, or the data `encoder = \"cross-encoder\"`"),
        );
    }
}

/// Reports a term that reads other taps than scores.
pub(super) fn check_scores(site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
    let is_other = |tap: &&String| tap.as_str() != RELEVANCE && tap.as_str() != BATCH_RELEVANCE;
    let taps = term.student_taps.iter().chain(&term.teacher_taps).filter(is_other);
    let others: IndexSet<&str> = taps.map(String::as_str).collect();
    if others.is_empty() {
        return;
    }
    let message = format!(
        "the loss `{}` reads {}, and stage `{}` trains scores of passages alone",
        loss.name(),
        list(others),
        site.name
    );
    checker.report(Diagnostic::error("loss::taps", message).label(&loss.origin, "this term").help(
        "use `list-cross-entropy` for labels, and `margin-mse`, `list-kl` or `pairwise-logistic` for a teacher's scores",
    ));
}

/// The evaluation of models that score passages.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    if !checker.check_corpora(&evaluation.data, &evaluation.origin, ContentKind::Search) {
        return;
    }
    checker.check_metrics(&[description()]);
    let teacher = evaluation.teacher.as_ref().filter(|teacher| checker.check_declared(teacher));
    for (side, name) in teacher
        .map(|name| ("teacher", name))
        .into_iter()
        .chain(evaluation.compare_with.iter().map(|name| ("model", name)))
    {
        if let Some(config) = checker.models.checkpoint(name).map(|info| info.config.clone()) {
            check_scorer(side, &config, &name.origin, checker);
        }
        if let Some(form) = checker.models.answer_form(&name.value)
            && !form.is_number
            && form.width == 0
        {
            let message = format!("the {side} `{}` answers with neither numbers nor vectors", name.value);
            checker.report(
                Diagnostic::error("evaluation::labels", message)
                    .label(&name.origin, "scores no passages")
                    .help("record a `number` for each query (`text`) and passage (`second`), or a `vector` for each text"),
            );
        }
    }
    if let Some(config) = checker.student().map(|student| student.config.clone()) {
        check_scorer("student", &config, &evaluation.origin, checker);
    }
    let corpora = checker.corpora.datasets::<SearchQuery>(&evaluation.data).unwrap_or_default();
    let test =
        corpora.iter().flat_map(|corpus| &corpus.splits.test).filter(|query| query.has_positive()).count();
    if checker.depth == Depth::Whole && test == 0 {
        let diagnostic =
            Diagnostic::error("data::empty", "the test splits of the evaluation hold no judged query");
        let help = "give the judgements of the test split, as `test-qrels` or `qrels/test.tsv`, or set `split.test-fraction`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    }
    let queries = evaluation.limit.map_or(test, |limit| test.min(limit));
    checker.counts.insert("evaluation".to_owned(), Counts::of(QUERIES, queries, 0));
}

/// Reports a model that scores no passages.
fn check_scorer(side: &str, config: &Config, origin: &Origin, checker: &mut Checker<'_>) {
    let scores = config.text_head().is_some_and(|head| match head.head {
        Head::Sequence => head.labels.len() == 1,
        Head::None => config.embedding_width().is_some(),
        _ => false,
    });
    if scores {
        return;
    }
    let message =
        format!("the {side} scores no passages: it has neither one logit for a pair of texts nor a pooling");
    checker.report(
        Diagnostic::error("evaluation::labels", message)
            .label(origin, format!("the {side} that is evaluated here"))
            .help("name a cross-encoder with one label, or a sentence encoder; or train one on `data.search` first"),
    );
}
