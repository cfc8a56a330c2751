//! Training a model that scores passages for queries.

use std::sync::Arc;

use alambic_data::Split;
use alambic_inference::EncoderPipeline;
use alambic_losses::{BATCH_RELEVANCE, ListTargets, RELEVANCE, Targets};
use alambic_models::architecture::Batch;
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, EncodedText, ModelError, Pass, TapSelection, Tokenizer, Trace};
use alambic_ranks::share;
use alambic_reports::metrics::{Metric, Prediction};
use alambic_reports::numbers::thousands;
use alambic_tensor::Streams;
use alambic_tensor::candle::{D, DType, Tensor};
use alambic_tensor::device;
use indexmap::IndexSet;

use super::check::description;
use super::collection::{Asked, Collection};
use super::lists::{Candidate, Pool};
use super::options::{EncoderType, SearchData, SearchOptions, Similarity};
use super::scorer::{List, Scorer, cached_scores};
use crate::context::RunContext;
use crate::error::RunError;
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::validation::defined_value;

/// Queries with their pools of passages, and the student that scores them.
pub(crate) struct SearchTraining<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    /// Truncates.
    reader: Tokenizer,
    options: &'a SearchOptions,
    collections: Vec<Collection<'a>>,
    pools: Vec<Pool<'a>>,
    has_teacher: bool,
    streams: Streams,
    validation: Vec<Asked<'a>>,
    metric: &'static Metric,
    statistics: DatasetStatistics,
}

impl<'a> SearchTraining<'a> {
    /// Takes the queries of a training with their pools, and has the teacher score these.
    pub(crate) fn new(
        data: &'a SearchData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let corpora = &context.corpora;
        let Some(options) = data.search.iter().next() else {
            return Err(RunError::Recipe(format!("stage `{}` has no queries", job.stage)));
        };
        let config = job.config;
        let collections = data.collections(corpora)?;
        let train = data.asked(corpora, Split::Train)?;
        let mut pools: Vec<Pool<'a>> =
            train.into_iter().map(|asked| Pool::new(asked, &collections, options)).collect();
        pools.retain(Pool::is_usable);
        let mut validation = data.asked(corpora, Split::Validation)?;
        validation.retain(|asked| asked.query.has_positive());
        subsample(&mut validation, job.train.validation_examples);
        let taps = job.taps();
        let scored = if taps.teacher.is_empty() {
            None
        } else {
            Some(score_pools(&mut pools, &collections, context, (job, options), observer)?)
        };
        if scored.is_none() {
            pools.retain(Pool::is_labelled);
        } else {
            // A passage of which the teacher says nothing is in no list.
            for pool in &mut pools {
                pool.candidates.retain(|candidate| !candidate.teacher.is_nan());
            }
            pools.retain(Pool::is_usable);
        }
        let reader = job.tokenizer.with_max_length(options.max_length.min(config.max_length()))?;
        let statistics = DatasetStatistics {
            examples: pools.len(),
            labelled: pools.iter().filter(|pool| pool.asked.query.has_positive()).count(),
            validation: validation.len(),
            cached: scored,
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            reader,
            options,
            collections,
            pools,
            has_teacher: !taps.teacher.is_empty(),
            streams: Streams::new(job.seed),
            validation,
            metric: job.metric(description())?,
            statistics,
        })
    }

    fn text(&self, pool: &Pool<'_>, passage: usize) -> &str {
        &self.collections[pool.asked.collection].texts[passage]
    }

    /// The student's scores of the lists of a batch, and of all of its passages where it is a bi-encoder.
    fn student(&self, batch: &BatchLists<'_, '_>, context: &ForwardContext<'_>) -> Result<Trace, RunError> {
        let model = self.config.build(context.weights)?;
        let run = |texts: &[EncodedText], tap: &str| -> Result<Tensor, RunError> {
            let input = TextInput::pad(&texts.iter().collect::<Vec<_>>(), self.config.padding());
            let input = Batch::of_texts(input);
            let trace = model.forward(&input, Pass::Train(context.dropout), TapSelection::named([tap]))?;
            let missing =
                || RunError::Recipe(format!("the student has no tap `{tap}`, and so scores no passages"));
            trace.get(tap).cloned().ok_or_else(missing)
        };
        let mut trace = Trace::new(TapSelection::All);
        match self.options.encoder {
            EncoderType::CrossEncoder => {
                let pair = |(pool, candidate): (&Pool<'_>, &Candidate)| {
                    self.reader.encode_text(&pool.asked.query.text, Some(self.text(pool, candidate.passage)))
                };
                let pairs = batch.cells().map(pair).collect::<Result<Vec<_>, ModelError>>()?;
                let logits = run(&pairs, "logits")?.flatten_all()?;
                trace.record(RELEVANCE, &batch.padded(&logits, &batch.numbered())?);
            }
            EncoderType::BiEncoder => {
                let queries = batch.lists.iter().map(|(pool, _)| pool.asked.query.text.as_str());
                let passages = batch
                    .passages
                    .iter()
                    .map(|(collection, passage)| self.collections[*collection].texts[*passage].as_ref());
                let texts = queries.chain(passages).map(|text| self.reader.encode_text(text, None));
                let vectors = run(&texts.collect::<Result<Vec<_>, ModelError>>()?, "embedding")?;
                let vectors = match self.options.similarity {
                    Similarity::Dot => vectors,
                    Similarity::Cosine => {
                        let squares = vectors.sqr()?.sum_keepdim(D::Minus1)?;
                        vectors.broadcast_div(&(squares + f64::from(f32::MIN_POSITIVE))?.sqrt()?)?
                    }
                };
                let (count, passages) = (batch.lists.len(), batch.passages.len());
                let queries = vectors.narrow(0, 0, count)?.contiguous()?;
                let passages = vectors.narrow(0, count, passages)?.contiguous()?;
                let scores = (queries.matmul(&passages.t()?)? * self.options.scale())?;
                trace.record(RELEVANCE, &batch.padded(&scores.flatten_all()?, &batch.placed())?);
                trace.record(BATCH_RELEVANCE, &scores);
            }
        }
        Ok(trace)
    }
}

/// Has the teacher score all pools. Gives a summary.
fn score_pools(
    pools: &mut [Pool<'_>],
    collections: &[Collection<'_>],
    context: &RunContext<'_>,
    (job, options): (&Job<'_>, &SearchOptions),
    observer: &mut dyn Observer,
) -> Result<String, RunError> {
    let (Some(teacher), Some(name)) = (job.teacher, job.teacher_name) else {
        let message = format!("stage `{}` has losses on a teacher's scores and no teacher", job.stage);
        return Err(RunError::Recipe(message));
    };
    let lists: Vec<List<'_>> = pools.iter().map(|pool| pool.whole_list(collections)).collect();
    let reads = job.cache.reads_per_text(lists.len());
    let scores = if let Some(answering) = teacher.answering() {
        let asking = context.asking(options.max_length);
        let scorer = Scorer::Answers(answering, asking, options.similarity);
        score_live(&scorer, &lists, context, job, observer)?
    } else if let Some(scores) = cached_scores(teacher, &lists, (job, options, reads), observer)? {
        scores
    } else {
        let encoder = context.models.encoder(name)?;
        let what = format!("teacher `{}`", name.value);
        let scorer = Scorer::of_model(encoder.encoder_pipeline()?, options, &what)?;
        score_live(&scorer, &lists, context, job, observer)?
    };
    drop(lists);
    let (mut scored, mut missing) = (0_u64, 0_u64);
    for (pool, scores) in pools.iter_mut().zip(scores) {
        for (candidate, score) in pool.candidates.iter_mut().zip(scores) {
            candidate.teacher = score;
            *(if score.is_nan() { &mut missing } else { &mut scored }) += 1;
        }
    }
    let left_out = if missing > 0 {
        format!("; {} without one are left out", thousands(missing))
    } else {
        String::new()
    };
    Ok(format!("scores of {} passages{left_out}", thousands(scored)))
}

/// Lists that are scored before it is asked whether the run is to stop.
const LISTS: usize = 64;

/// Scores lists by what is not cached.
fn score_live(
    scorer: &Scorer<'_>,
    lists: &[List<'_>],
    context: &RunContext<'_>,
    job: &Job<'_>,
    observer: &mut dyn Observer,
) -> Result<Vec<Vec<f32>>, RunError> {
    let count: usize = lists.iter().map(|list| list.passages.len()).sum();
    let task = format!("{}: the teacher's scores of {} passages", job.label, thousands(count as u64));
    observer.task(&task, lists.len(), 0);
    let mut scores = Vec::with_capacity(lists.len());
    for part in lists.chunks(LISTS) {
        if context.ranks.any(context.is_interrupted())? {
            return Err(context.interrupted());
        }
        scores.extend(match scorer {
            // Whoever is asked shares the work of asking by itself.
            Scorer::Answers(..) => scorer.score(part, &mut |_| {})?,
            _ => share(&context.ranks, || scorer.score(part, &mut |_| {}))?,
        });
        observer.progress(scores.len());
    }
    observer.finished(&format!("{} scores", thousands(count as u64)));
    Ok(scores)
}

/// The lists of a batch.
struct BatchLists<'b, 'c> {
    lists: Vec<(&'b Pool<'c>, Vec<Candidate>)>,
    /// Passages of the longest list.
    length: usize,
    /// All of them, each once, by collection and place.
    passages: IndexSet<(usize, usize)>,
}

impl<'b, 'c> BatchLists<'b, 'c> {
    fn new(lists: Vec<(&'b Pool<'c>, Vec<Candidate>)>) -> Self {
        let length = lists.iter().map(|(_, list)| list.len()).max().unwrap_or(0);
        let of_list = |(pool, list): &(&Pool<'_>, Vec<Candidate>)| {
            let collection = pool.asked.collection;
            list.iter().map(move |candidate| (collection, candidate.passage)).collect::<Vec<_>>()
        };
        let passages = lists.iter().flat_map(of_list).collect();
        Self { lists, length, passages }
    }

    /// Every passage of every list with its query's pool.
    fn cells(&self) -> impl Iterator<Item = (&Pool<'c>, &Candidate)> {
        self.lists.iter().flat_map(|(pool, list)| list.iter().map(move |candidate| (*pool, candidate)))
    }

    /// Something of each passage of each list, and `padding` behind shorter ones, row by row.
    fn rows<T: Copy>(&self, padding: T, mut of: impl FnMut(usize, &Pool<'_>, &Candidate) -> T) -> Vec<T> {
        let mut all = Vec::with_capacity(self.lists.len() * self.length);
        for (number, (pool, list)) in self.lists.iter().enumerate() {
            all.extend(list.iter().map(|candidate| of(number, pool, candidate)));
            all.resize((number + 1) * self.length, padding);
        }
        all
    }

    /// The place of each cell among those of all lists one after another.
    fn numbered(&self) -> Vec<u32> {
        let mut next = 0..;
        self.rows(0, |_, _, _| next.next().unwrap_or(0))
    }

    /// The place of each cell among the scores of all passages for each query.
    fn placed(&self) -> Vec<u32> {
        self.rows(0, |number, pool, candidate| {
            let place = self.passages.get_index_of(&(pool.asked.collection, candidate.passage));
            (number * self.passages.len() + place.unwrap_or(0)) as u32
        })
    }

    /// Scores in their cells, `[queries, passages]`, with zeros in those that no passage has.
    fn padded(&self, scores: &Tensor, places: &[u32]) -> Result<Tensor, RunError> {
        let places = Tensor::new(places, device::current())?;
        let shape = (self.lists.len(), self.length);
        let mask = Tensor::from_vec(self.rows(0.0_f32, |_, _, _| 1.0), shape, device::current())?;
        Ok((scores.index_select(&places, 0)?.reshape(shape)? * mask)?)
    }

    fn targets(&self) -> ListTargets {
        let (queries, passages) = (self.lists.len(), self.passages.len());
        let mut batch_listed = vec![0.0; queries * passages];
        let mut batch_relevance = vec![0.0; queries * passages];
        for (number, (pool, list)) in self.lists.iter().enumerate() {
            for (place, &(collection, passage)) in self.passages.iter().enumerate() {
                let own = list
                    .iter()
                    .find(|candidate| (pool.asked.collection, candidate.passage) == (collection, passage));
                // A passage of another query that is known to be relevant to this one is no negative of it.
                let is_relevant = || {
                    collection == pool.asked.collection
                        && pool
                            .asked
                            .query
                            .passages
                            .iter()
                            .any(|listed| listed.passage == passage && listed.is_relevant())
                };
                let cell = number * passages + place;
                batch_relevance[cell] = own.map_or(0.0, |candidate| candidate.relevance);
                batch_listed[cell] = f32::from(u8::from(own.is_some() || !is_relevant()));
            }
        }
        ListTargets {
            listed: Arc::new(self.rows(0.0, |_, _, _| 1.0)),
            relevance: Arc::new(self.rows(0.0, |_, _, candidate| candidate.relevance)),
            scores: Arc::new(self.rows(f32::NAN, |_, _, candidate| candidate.score)),
            batch_listed: Arc::new(batch_listed),
            batch_relevance: Arc::new(batch_relevance),
        }
    }
}

impl TrainingTask for SearchTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    /// Words stand for tokens: batches have queries of similar length, and tokens are counted when they are read.
    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        let words = |text: &str| text.split_whitespace().count();
        let longest = |pool: &Pool<'_>| {
            let passages = pool.candidates.iter().map(|candidate| words(self.text(pool, candidate.passage)));
            (words(&pool.asked.query.text) + passages.max().unwrap_or(0)).clamp(1, self.options.max_length)
        };
        self.pools.iter().map(|pool| (longest(pool), 0)).collect()
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let list = |&number: &usize| {
            let pool = &self.pools[number];
            (pool, pool.list(epoch, number, self.options, self.streams))
        };
        let batch = BatchLists::new(batch.iter().map(list).collect());
        let student = self.student(&batch, context)?;
        let teacher = if self.has_teacher {
            let mut trace = Trace::new(TapSelection::All);
            let scores = batch.rows(0.0, |_, _, candidate| candidate.teacher);
            let shape = (batch.lists.len(), batch.length);
            trace.record(
                RELEVANCE,
                &Tensor::from_vec(scores, shape, device::current())?.to_dtype(DType::F32)?,
            );
            Some(trace)
        } else {
            None
        };
        Ok(ForwardOutputs {
            student,
            teacher,
            targets: Targets { lists: batch.targets(), ..Targets::default() },
        })
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.metric.into()
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let pipeline = EncoderPipeline::new(
            self.config,
            Arc::from(self.config.build(context.weights)?),
            self.tokenizer,
            self.options.max_length,
        )?;
        let scorer = Scorer::of_model(pipeline, self.options, "the student")?;
        let candidates =
            |asked: &Asked<'_>| asked.found_or_judged(&self.collections, self.options.validation_rerank);
        let results = scorer.rerank(&self.validation, &self.collections, &candidates, &mut |_| {})?;
        let references: Vec<Prediction> = self.validation.iter().map(Asked::reference).collect();
        defined_value(self.metric, &results, &references)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(passage: usize, relevance: f32) -> Candidate {
        Candidate { passage, relevance, score: f32::NAN, teacher: 0.5 }
    }

    #[test]
    fn lists_of_a_batch_are_padded_and_know_what_is_relevant_elsewhere() {
        let query = |relevant: &[usize]| alambic_data::SearchQuery {
            id: "q".into(),
            text: "q".into(),
            passages: relevant
                .iter()
                .map(|&passage| alambic_data::ListedPassage { passage, relevance: Some(1.0), score: None })
                .collect(),
            split: None,
        };
        let queries = [query(&[1, 4]), query(&[3])];
        let pool = |query| Pool { asked: Asked { collection: 0, query }, candidates: Vec::new() };
        let pools = [pool(&queries[0]), pool(&queries[1])];
        let batch = BatchLists::new(vec![
            (&pools[0], vec![candidate(1, 1.0), candidate(2, 0.0), candidate(5, 0.0)]),
            (&pools[1], vec![candidate(3, 1.0), candidate(4, 0.0)]),
        ]);
        assert_eq!(batch.numbered(), [0, 1, 2, 3, 4, 0]);
        assert_eq!(batch.placed(), [0, 1, 2, 8, 9, 0]);
        let targets = batch.targets();
        assert_eq!(*targets.listed, [1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(*targets.relevance, [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        // Passages 1, 2, 5, 3 and 4, of which the last is relevant to the first query, too.
        assert_eq!(targets.batch_listed[..5], [1.0, 1.0, 1.0, 1.0, 0.0]);
        assert_eq!(targets.batch_relevance[5..], [0.0, 0.0, 0.0, 1.0, 0.0]);
        let scores = Tensor::new(&[1.0f32, 2.0, 3.0, 4.0, 5.0], device::current()).unwrap();
        let padded: Vec<Vec<f32>> = batch.padded(&scores, &batch.numbered()).unwrap().to_vec2().unwrap();
        assert_eq!(padded, [[1.0, 2.0, 3.0], [4.0, 5.0, 0.0]]);
    }

    #[test]
    fn relevant_passages_take_turns_and_others_are_drawn_by_epoch() {
        let query =
            alambic_data::SearchQuery { id: "q".into(), text: "q".into(), passages: Vec::new(), split: None };
        let mut candidates: Vec<Candidate> = (2..22).map(|passage| candidate(passage, 0.0)).collect();
        candidates.extend([candidate(0, 1.0), candidate(1, 2.0)]);
        let pool = Pool { asked: Asked { collection: 0, query: &query }, candidates };
        let options: SearchOptions = alambic_settings::read(
            &alambic_settings::Node::parse("options", "data = []\nnegatives = 4").unwrap(),
        )
        .unwrap();
        let streams = Streams::new(1);
        let list = |epoch| -> Vec<usize> {
            pool.list(epoch, 0, &options, streams).iter().map(|candidate| candidate.passage).collect()
        };
        assert_eq!((list(0)[0], list(1)[0], list(2)[0]), (0, 1, 0));
        assert_eq!(list(3), list(3));
        assert!(list(0)[1..] != list(2)[1..] && list(0).len() == 5);
    }
}
