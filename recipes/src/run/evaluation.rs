//! What the models of a run write for the test part, and what it is worth.

use std::path::Path;

use alambic_data::{Pair, Split, examples};
use alambic_models::Generation;
use alambic_reports::metrics::{Scores, score_all};
use alambic_settings::IndexMap;
use alambic_students::Predictor;
use alambic_teachers::{Request, Teacher, Written};

use super::RunError;
use super::trainings::{Replica, Trainings};
use super::workshop::Workshop;
use crate::observer::Observer;
use crate::schema::{EvaluationOptions, References};

/// The metrics of every model against the references.
pub(crate) const METRICS: [&str; 5] =
    ["cer", "cer-total", "word-accuracy", "phonetic-accuracy", "phonetic-accuracy-shuffled"];

/// The seed of shuffled metrics, so that a report can be made again to the digit.
const SHUFFLE_SEED: u64 = 1;

/// Words that are written together.
const BATCH: usize = 128;

/// One model's outputs: for each seed, one text a word.
pub(crate) type Outputs = Vec<Vec<String>>;

/// Test words and what every model wrote for them.
pub(crate) struct Evaluation {
    pub(crate) pairs: Vec<Pair>,
    /// What the outputs are held against.
    pub(crate) references: Vec<String>,
    /// The direction of each word.
    pub(crate) labels: Vec<String>,
    pub(crate) teacher: Option<Vec<Written>>,
    pub(crate) student: Outputs,
    /// By name, as in [`Trainings`].
    pub(crate) baselines: Vec<(String, Outputs)>,
}

/// The test words of a recipe.
pub(crate) fn test_pairs(workshop: &Workshop<'_>) -> Result<Vec<Pair>, RunError> {
    let options = &*workshop.recipe.evaluation;
    let entries = workshop.corpora.entries(&options.data, Split::Test)?;
    let directions = workshop.corpora.directions(&options.data, &options.directions, &options.except)?;
    let mut pairs = match options.references {
        References::Corpus => examples::labelled(&entries, &directions),
        References::Teacher => examples::unlabelled(&entries, &directions),
    };
    if let Some(limit) = options.limit {
        let mut counts: IndexMap<String, usize> = IndexMap::new();
        let total: IndexMap<String, usize> = pairs.iter().fold(IndexMap::new(), |mut counts, pair| {
            *counts.entry(pair.direction().to_string()).or_insert(0) += 1;
            counts
        });
        // Evenly spread over the words of each direction.
        pairs.retain(|pair| {
            let direction = pair.direction().to_string();
            let index = counts.entry(direction.clone()).or_insert(0);
            *index += 1;
            let (index, total) = (*index - 1, total[&direction]);
            total <= limit || (index * limit) / total != ((index + 1) * limit) / total
        });
    }
    if pairs.is_empty() {
        return Err(RunError::Recipe("the evaluation's test parts hold no word in its directions".into()));
    }
    Ok(pairs)
}

impl Evaluation {
    /// Has every model write the test part, which is read here for the first time.
    pub(crate) fn run(
        workshop: &Workshop<'_>,
        teacher: Option<&dyn Teacher>,
        trainings: &Trainings,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let options = &*workshop.recipe.evaluation;
        let pairs = test_pairs(workshop)?;
        let labels: Vec<String> = pairs.iter().map(|pair| pair.direction().to_string()).collect();
        let models = usize::from(teacher.is_some())
            + trainings.student.len()
            + trainings.baselines.iter().map(|(_, replicas)| replicas.len()).sum::<usize>();
        observer.task(
            &format!("evaluation: {} words, {models} models", pairs.len()),
            models * pairs.len(),
            0,
        );
        let mut done = 0;
        let teacher = teacher
            .map(|teacher| {
                let requests: Vec<Request> = pairs.iter().map(request).collect();
                teacher.write(&requests, &mut |count| {
                    done += count;
                    observer.progress(done);
                })
            })
            .transpose()?;
        let mut write = |replicas: &[Replica]| -> Result<Outputs, RunError> {
            replicas
                .iter()
                .map(|replica| {
                    predict(&replica.folder, &pairs, options, &mut |count| {
                        done += count;
                        observer.progress(done);
                    })
                })
                .collect()
        };
        let student = write(&trainings.student)?;
        let baselines = trainings
            .baselines
            .iter()
            .map(|(name, replicas)| Ok((name.clone(), write(replicas)?)))
            .collect::<Result<_, RunError>>()?;
        observer.finished(&format!("{} words in {} directions", pairs.len(), different(&labels)));
        let references = match (options.references, &teacher) {
            (References::Teacher, Some(written)) => written.iter().map(output).collect(),
            (References::Teacher, None) => {
                return Err(RunError::Recipe(
                    "`references = \"teacher\"` needs a `teacher` in `evaluation`".into(),
                ));
            }
            (References::Corpus, _) => {
                pairs.iter().map(|pair| pair.target.clone().unwrap_or_default()).collect()
            }
        };
        Ok(Self { pairs, references, labels, teacher, student, baselines })
    }

    /// The teacher's outputs.
    pub(crate) fn teacher_outputs(&self) -> Option<Vec<String>> {
        self.teacher.as_ref().map(|written| written.iter().map(output).collect())
    }

    /// A model's scores against the references, seed by seed.
    pub(crate) fn scores(&self, outputs: &[Vec<String>]) -> Result<Vec<IndexMap<String, Scores>>, RunError> {
        outputs.iter().map(|texts| Ok(score_all(&METRICS, texts, &self.references, SHUFFLE_SEED)?)).collect()
    }

    /// A model's scores against the teacher's outputs, seed by seed; none without a teacher.
    pub(crate) fn fidelity(
        &self,
        outputs: &[Vec<String>],
    ) -> Result<Option<Vec<IndexMap<String, Scores>>>, RunError> {
        let Some(teacher) = self.teacher_outputs() else { return Ok(None) };
        let scores = outputs
            .iter()
            .map(|texts| Ok(score_all(&["agreement", "cer"], texts, &teacher, SHUFFLE_SEED)?))
            .collect::<Result<_, RunError>>()?;
        Ok(Some(scores))
    }
}

/// What a pair asks to be written.
pub(crate) fn request(pair: &Pair) -> Request {
    Request { text: pair.source.clone(), language: pair.target_language.clone() }
}

/// The best text, or nothing where none came to an end.
fn output(written: &Written) -> String {
    written.candidates.first().map(|candidate| candidate.text.clone()).unwrap_or_default()
}

fn different(labels: &[String]) -> usize {
    labels.iter().collect::<indexmap::IndexSet<_>>().len()
}

/// The generation that every model of an evaluation uses.
pub(crate) fn generation(options: &EvaluationOptions) -> Generation {
    Generation { beam: options.beam, longest: options.longest, length_penalty: 1.0 }
}

fn predict(
    folder: &Path,
    pairs: &[Pair],
    options: &EvaluationOptions,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<String>, RunError> {
    let mut predictor = Predictor::load(folder)?;
    predictor.generation = generation(options);
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by_key(|&index| pairs[index].source.chars().count());
    let mut outputs = vec![String::new(); pairs.len()];
    for batch in order.chunks(BATCH) {
        let inputs: Vec<(&str, &str)> = batch
            .iter()
            .map(|&index| (pairs[index].source.as_str(), pairs[index].target_language.as_str()))
            .collect();
        for (&index, (text, _)) in batch.iter().zip(predictor.predict(&inputs)?) {
            outputs[index] = text;
        }
        progress(batch.len());
    }
    Ok(outputs)
}
