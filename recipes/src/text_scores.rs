//! Scores of written texts from files: outputs, one a line, and their references.

use std::path::Path;

use alambic_data::{DataError, WrittenTexts};
use alambic_reports::ReportError;
use alambic_reports::metrics::{
    BOOTSTRAP_SEED, DocumentFrequencies, METRICS, Metric, Prediction, PredictionKind, ScoredPair,
    ScoringContext, TaskDescription, find, with_ceilings,
};
use alambic_settings::{IndexMap, Location};

/// What is scored, and how.
#[derive(Debug)]
pub struct TextScoreOptions<'a> {
    /// The file of outputs.
    pub outputs: &'a Path,
    /// Files of references.
    pub references: &'a [&'a Path],
    /// Columns of references, where the files are tables.
    pub columns: &'a [String],
    /// Names of metrics.
    pub metrics: &'a [String],
    /// Code of the language of the texts.
    pub language: Option<&'a str>,
    /// A file of document frequencies for CIDEr-D.
    pub document_frequencies: Option<&'a Path>,
}

/// Why texts could not be scored.
#[derive(Debug, thiserror::Error)]
pub enum TextScoreError {
    /// Files that are wrong.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A metric that there is not, or document frequencies that are wrong.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A metric that measures something else.
    #[error("`{metric}` does not compare texts with {references}; the metrics that do are {known}")]
    Unsuitable {
        /// The metric.
        metric: &'static str,
        /// What texts are compared with.
        references: &'static str,
        /// The metrics that suit.
        known: String,
    },
}

/// What came of it.
#[derive(Debug)]
pub struct TextScores {
    /// Number of texts.
    pub examples: usize,
    /// The fewest and the most references of a text.
    pub references: [usize; 2],
    /// The value of each metric with its 95 % interval; none where it has none.
    pub values: IndexMap<&'static str, (Option<f64>, Option<[f64; 2]>)>,
}

/// The kind of one reference, and that of several.
const ONE: [PredictionKind; 1] = [PredictionKind::Text];
const SEVERAL: [PredictionKind; 1] = [PredictionKind::Texts];

/// Whether a metric compares texts with references of one of some kinds.
fn is_suitable(metric: &Metric, references: &[PredictionKind]) -> bool {
    let task = |kind: &PredictionKind| TaskDescription::from(PredictionKind::Text).with_references(*kind);
    references.iter().any(|kind| metric.suits(&task(kind)))
}

/// The error on a metric that compares texts with no references of some kinds.
fn unsuitable(metric: &Metric, references: &'static str, kinds: &[PredictionKind]) -> TextScoreError {
    let known = METRICS.iter().filter(|metric| is_suitable(metric, kinds)).map(|metric| metric.name);
    TextScoreError::Unsuitable {
        metric: metric.name,
        references,
        known: known.collect::<Vec<_>>().join(", "),
    }
}

/// Scores texts. Pairs are compared as they are written, without a normal form, so that figures are those of the published programs.
///
/// # Errors
/// When a file is wrong, or a metric measures something else.
pub fn score_texts(options: &TextScoreOptions<'_>) -> Result<TextScores, TextScoreError> {
    let metrics: Vec<&'static Metric> =
        options.metrics.iter().map(|name| find(name)).collect::<Result<_, _>>()?;
    let metrics = with_ceilings(metrics);
    let location = |path: &Path| Location::File(path.to_owned());
    if let Some(metric) =
        metrics.iter().find(|metric| !is_suitable(metric, &SEVERAL) && !is_suitable(metric, &ONE))
    {
        return Err(unsuitable(metric, "references", &[ONE, SEVERAL].concat()));
    }
    let frequencies = options.document_frequencies.map(DocumentFrequencies::read).transpose()?;
    let files: Vec<Location> = options.references.iter().map(|path| location(path)).collect();
    let texts = WrittenTexts::read(&location(options.outputs), &files, options.columns)?;
    let context = ScoringContext {
        language: options.language,
        document_frequencies: frequencies.as_ref(),
        ..ScoringContext::default()
    };
    let outputs: Vec<Prediction> = texts.outputs.into_iter().map(Prediction::Text).collect();
    let counts = || texts.references.iter().map(Vec::len);
    let references = [counts().min().unwrap_or(0), counts().max().unwrap_or(0)];
    let mut values = IndexMap::new();
    for metric in metrics {
        // Where each text has one reference, metrics of one right text measure it, too.
        let is_single = references == [1, 1] && is_suitable(metric, &ONE);
        if !is_single && !is_suitable(metric, &SEVERAL) {
            return Err(unsuitable(metric, "several references", &SEVERAL));
        }
        let references: Vec<Prediction> = texts
            .references
            .iter()
            .map(|own| match own.as_slice() {
                [only] if is_single => Prediction::Text(only.clone()),
                all => Prediction::Texts(all.to_vec()),
            })
            .collect();
        let pairs: Vec<ScoredPair<'_>> = outputs
            .iter()
            .zip(&references)
            .map(|(output, own)| ScoredPair::as_written(output, own))
            .collect();
        let scores = metric.score(&pairs, context);
        values.insert(metric.name, (scores.value(), scores.interval(BOOTSTRAP_SEED)));
    }
    Ok(TextScores { examples: outputs.len(), references, values })
}
