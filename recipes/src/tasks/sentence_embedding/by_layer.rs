//! Retrieval of translations by the states of each layer.

use alambic_data::Split;
use alambic_inference::EncoderPipeline;
use alambic_models::ModelError;
use alambic_reports::layers::LayerRetrieval;
use alambic_reports::metrics::{Direction, Metric, Prediction, ScoringContext, score_all};
use alambic_settings::{Diagnostic, IndexMap};
use alambic_tensor::candle::Tensor;

use super::bitext::BitextSet;
use super::options::{SentencesData, Sides};
use crate::check::checker::Checker;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::embedding::normalized;
use crate::evaluation::retrieval::rank;
use crate::subsample::subsample;

/// Validation sentences by which a layer is chosen.
pub(super) struct LayerChoice<'a> {
    validation: BitextSet<'a>,
    metric: &'static Metric,
}

impl<'a> LayerChoice<'a> {
    /// Sentences of the validation splits that the stage trains with, at most so many.
    pub(super) fn new(
        data: &'a SentencesData,
        corpora: &'a Corpora,
        most: Option<usize>,
        metric: &'static Metric,
    ) -> Result<Self, RunError> {
        let mut pairs = data.pairs(corpora, Split::Validation)?;
        subsample(&mut pairs, most.unwrap_or(usize::MAX));
        Ok(Self { validation: BitextSet::new(&pairs), metric })
    }

    /// Retrieval by each layer of a model over validation and test sentences; none of models without layers.
    pub(super) fn retrieval(
        &self,
        pipeline: &EncoderPipeline,
        test: &BitextSet<'_>,
        source: &str,
    ) -> Result<Option<LayerRetrieval>, RunError> {
        if pipeline.config().outline().streams.get("").is_none_or(|stream| stream.layers == 0) {
            return Ok(None);
        }
        let values = |set: &BitextSet<'_>| -> Result<Vec<IndexMap<String, Option<f64>>>, RunError> {
            let slices = set.directions(source);
            let of_layer = |results: &Vec<Prediction>| -> Result<IndexMap<String, Option<f64>>, RunError> {
                let scores =
                    score_all(&[self.metric.name], results, set.relevant(), ScoringContext::default())?;
                let Some(scores) = scores.get(self.metric.name) else { return Ok(IndexMap::new()) };
                let by_slice = scores.by_slice(&slices)?;
                Ok(by_slice.into_iter().map(|(name, slice)| (name, slice.value)).collect())
            };
            set.rank_by_layers(pipeline)?.iter().map(of_layer).collect()
        };
        let test = values(test)?;
        let mut validation = values(&self.validation)?;
        validation.resize(test.len(), IndexMap::new());
        let layers = validation.into_iter().zip(test).map(|(one, other)| [one, other]).collect();
        Ok(Some(LayerRetrieval::new(
            self.metric.name,
            self.metric.direction == Direction::Higher,
            self.validation.relevant().len(),
            layers,
        )))
    }
}

impl BitextSet<'_> {
    /// The results of each query by the mean hidden states of each layer of a model, the embeddings first.
    fn rank_by_layers(&self, pipeline: &EncoderPipeline) -> Result<Vec<Vec<Prediction>>, RunError> {
        let states = |texts: &[&str]| -> Result<Vec<Tensor>, RunError> {
            let texts: Vec<_> = texts.iter().map(|text| (*text, None)).collect();
            let unit = |means: &Tensor| normalized(means.to_vec2::<f32>().map_err(ModelError::from)?, None);
            pipeline.mean_hidden_states(&texts)?.iter().map(unit).collect()
        };
        let mut all: Vec<Vec<Prediction>> = Vec::new();
        for own in &self.languages {
            let (sources, targets) = (states(&own.sources)?, states(&own.targets)?);
            all.resize(sources.len(), Vec::new());
            for ((results, sources), targets) in all.iter_mut().zip(&sources).zip(&targets) {
                results.extend(rank(sources, targets)?);
            }
        }
        Ok(all)
    }
}

impl SentencesData {
    /// Reports a student that does not read both sides, whose layers would be compared with those of its teacher.
    pub(super) fn check_by_layer(&self, checker: &mut Checker<'_>) {
        let Some(options) = self.parallel.iter().find(|own| own.student_side != Sides::Both) else { return };
        let origin = checker.places.key_origin(&["evaluation", "by-layer"]);
        let message = format!(
            "`evaluation.by-layer` retrieves translations by layers of one model, and the student reads only the {} of a pair",
            options.student_side.name()
        );
        checker.report(
            Diagnostic::error("evaluation::layers", message)
                .label(&origin, "asked for here")
                .help("leave it out, or let `student-side` be `both`"),
        );
    }
}
