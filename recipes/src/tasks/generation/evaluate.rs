//! Words and sentences of the test split, written by every model.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use alambic_data::{Entry, SequencePair, Split, examples};
use alambic_files::text::shell_word;
use alambic_inference::GenerationPipeline;
use alambic_ranks::in_turns;
use alambic_reports::metrics::{Prediction, PredictionKind};
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::{GenerationOutput, GenerationRequest, Teacher};

use super::similarity;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::evaluation::timing::{Model, measure};
use crate::observer::Observer;
use crate::options::evaluation::{EvaluationOptions, References};
use crate::training::answers::ask_ahead;

/// The language of the form that all names have, English or romanised.
const ROMANISED: &str = "en";
/// Words that are written together.
const BATCH: usize = 128;

/// Evaluates models that write words or sentences.
pub(crate) struct GenerationEvaluator<'a> {
    options: &'a EvaluationOptions,
    pairs: Vec<SequencePair>,
    test_set: TestSet,
    teacher: Option<Arc<dyn Teacher>>,
    /// Outputs of the teacher.
    written: Vec<GenerationOutput>,
    /// The English or romanised form of the names, by their keys.
    romanised: HashMap<String, String>,
    are_sentences: bool,
}

impl<'a> GenerationEvaluator<'a> {
    /// Takes the test texts, and has the teacher write them.
    pub(crate) fn new(
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let options = context.options;
        let are_sentences = context.run.corpora.have_sentences(&options.data);
        let (singular, plural) = if are_sentences { ("sentence", "sentences") } else { ("word", "words") };
        let entries = context.run.corpora.entries(&options.data, Split::Test)?;
        let mut pairs = test_pairs(&entries, &context.run.corpora, options)?;
        let romanised = entries
            .into_iter()
            .filter_map(|mut entry| Some((entry.key, entry.forms.shift_remove(ROMANISED)?)))
            .collect();
        let name = options.teacher.as_ref();
        let teacher = name.map(|name| context.run.models.evaluated_teacher(name, options)).transpose()?;
        let mut written = match &teacher {
            None => Vec::new(),
            Some(teacher) => {
                observer.task("evaluation: teacher writes", pairs.len(), 0);
                let requests: Vec<GenerationRequest> = pairs.iter().map(request).collect();
                ask_ahead(&**teacher, &requests, &context.run.asking(usize::MAX))?;
                let mut done = 0;
                let written = teacher.generate(&requests, &mut |count| {
                    done += count;
                    observer.progress(done);
                })?;
                observer.finished(&format!("{} {plural}", written.len()));
                written
            }
        };
        let mut unwritten = 0;
        let references = match options.references {
            References::Teacher if teacher.is_none() => {
                return Err(RunError::Recipe(
                    "`references = \"teacher\"` needs a `teacher` in `evaluation`".into(),
                ));
            }
            References::Teacher => {
                // What the teacher did not bring to an end cannot be compared with anything.
                let is_written: Vec<bool> =
                    written.iter().map(|written| !output(written).is_empty()).collect();
                unwritten = is_written.iter().filter(|is_written| !**is_written).count();
                keep(&mut pairs, &is_written);
                keep(&mut written, &is_written);
                if unwritten > 0 {
                    observer.note(&format!(
                        "{unwritten} {plural} are left out of the evaluation: the teacher wrote nothing for them"
                    ));
                }
                if pairs.is_empty() {
                    return Err(RunError::Recipe(format!(
                        "the teacher wrote nothing for any {singular} of the evaluation's test splits"
                    )));
                }
                written.iter().map(output).collect()
            }
            References::Corpus => {
                pairs.iter().map(|pair| pair.target.clone().unwrap_or_default()).collect::<Vec<String>>()
            }
        };
        let lengths = references.iter().map(|reference| reference.chars().count()).collect();
        let references = references.into_iter().map(Prediction::Text).collect();
        let test_set = TestSet {
            slices: pairs.iter().map(|pair| pair.direction().to_string()).collect(),
            lengths: Some(lengths),
            left_out: (unwritten > 0)
                .then(|| format!("{unwritten} {plural} for which the teacher wrote nothing")),
            teacher: teacher
                .is_some()
                .then(|| written.iter().map(|written| Prediction::Text(output(written))).collect()),
            ..TestSet::new(singular, plural, PredictionKind::Text, references)
        };
        let test_set = test_set.with_metrics(options)?;
        Ok(Self { options, pairs, test_set, teacher, written, romanised, are_sentences })
    }

    fn pipeline(&self, folder: &Path) -> Result<GenerationPipeline, RunError> {
        let mut pipeline = GenerationPipeline::load(folder)?;
        pipeline.set_generation(self.options.generation())?;
        Ok(pipeline)
    }

    /// Sources and target languages of texts.
    fn inputs(&self, batch: &[usize]) -> Vec<(&str, &str)> {
        let pairs = batch.iter().map(|&index| &self.pairs[index]);
        pairs.map(|pair| (pair.source.as_str(), pair.target_language.as_str())).collect()
    }
}

/// Keeps the rows that are marked.
fn keep<T>(rows: &mut Vec<T>, marked: &[bool]) {
    let mut marks = marked.iter();
    rows.retain(|_| marks.next().is_some_and(|marked| *marked));
}

/// The test texts of a recipe.
fn test_pairs(
    entries: &[Entry],
    corpora: &Corpora,
    options: &EvaluationOptions,
) -> Result<Vec<SequencePair>, RunError> {
    let directions = corpora.directions(&options.data, &options.directions, &options.except)?;
    let mut pairs = match options.references {
        References::Corpus => examples::labelled(entries, &directions),
        References::Teacher => examples::unlabelled(entries, &directions),
    };
    if let Some(limit) = options.limit {
        let mut counts: IndexMap<String, usize> = IndexMap::new();
        let total: IndexMap<String, usize> = pairs.iter().fold(IndexMap::new(), |mut counts, pair| {
            *counts.entry(pair.direction().to_string()).or_insert(0) += 1;
            counts
        });
        // Evenly spread over the texts of each direction.
        pairs.retain(|pair| {
            let direction = pair.direction().to_string();
            let index = counts.entry(direction.clone()).or_insert(0);
            *index += 1;
            let (index, total) = (*index - 1, total[&direction]);
            total <= limit || (index * limit) / total != ((index + 1) * limit) / total
        });
    }
    if pairs.is_empty() {
        return Err(RunError::Recipe("the evaluation's test splits hold no text in its directions".into()));
    }
    Ok(pairs)
}

/// Generation request of a pair.
fn request(pair: &SequencePair) -> GenerationRequest {
    GenerationRequest { text: pair.source.clone(), language: pair.target_language.clone() }
}

/// The best text, or nothing where none came to an end.
fn output(written: &GenerationOutput) -> String {
    written.candidates.first().map(|candidate| candidate.text.clone()).unwrap_or_default()
}

impl Evaluator for GenerationEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_deref()
    }

    fn predict(
        &self,
        folder: &Path,
        _: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let pipeline = self.pipeline(folder)?;
        let mut order: Vec<usize> = (0..self.pairs.len()).collect();
        order.sort_by_key(|&index| self.pairs[index].source.chars().count());
        let mut done = 0;
        let written = in_turns(order.chunks(BATCH), |batch| {
            let written = pipeline.predict(&self.inputs(batch))?.into_iter().map(|(text, _)| text);
            done += batch.len();
            progress(batch.len());
            Ok::<Vec<String>, RunError>(written.collect())
        })?;
        // What other ranks wrote.
        progress(self.pairs.len() - done);
        let mut predictions = vec![Prediction::Nothing; self.pairs.len()];
        for (&index, text) in order.iter().zip(written.into_iter().flatten()) {
            predictions[index] = Prediction::Text(text);
        }
        Ok(predictions)
    }

    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let Some(teacher) = &self.teacher else { return Ok(IndexMap::new()) };
        let similarity = similarity::encoders(student, &**teacher, &self.pairs, &self.written)?;
        Ok(IndexMap::from([
            ("encoder-similarity".to_owned(), similarity.map(|(matched, _)| matched)),
            ("encoder-similarity-shuffled".to_owned(), similarity.map(|(_, shuffled)| shuffled)),
        ]))
    }

    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let pipeline = self.pipeline(student)?;
        let requests: Vec<GenerationRequest> = self.pairs.iter().map(request).collect();
        let written_by = |teacher: &dyn Teacher, batch: &[usize]| -> Result<(), RunError> {
            let requests: Vec<GenerationRequest> =
                batch.iter().map(|&index| requests[index].clone()).collect();
            teacher.generate(&requests, &mut |_| {})?;
            Ok(())
        };
        let by_student = |batch: &[usize]| -> Result<(), RunError> {
            pipeline.predict(&self.inputs(batch))?;
            Ok(())
        };
        let by_teacher =
            |batch: &[usize]| self.teacher.as_ref().map_or(Ok(()), |teacher| written_by(&**teacher, batch));
        let mut models: Vec<(&str, Model<'_>)> = Vec::new();
        // What was recorded is looked up, which says nothing of the time of a model.
        if self.teacher.as_ref().is_some_and(|teacher| teacher.size().0 > 0) {
            models.push((TEACHER, &by_teacher));
        }
        models.push((STUDENT, &by_student));
        measure(self.pairs.len(), max, &models)
    }

    fn probabilities(&self, folder: Option<&Path>, examples: &[usize]) -> Result<Vec<Option<f64>>, RunError> {
        let Some(folder) = folder else {
            // What the teacher did not bring to an end has no probability.
            let ended = |written: &&GenerationOutput| !written.candidates.is_empty();
            let confidence =
                |&index: &usize| self.written.get(index).filter(ended).map(|written| written.confidence);
            return Ok(examples.iter().map(confidence).collect());
        };
        let written = self.pipeline(folder)?.predict(&self.inputs(examples))?;
        Ok(written.into_iter().map(|(_, hypothesis)| Some(f64::from(hypothesis.score(1.0)).exp())).collect())
    }

    fn source(&self, index: usize) -> Text {
        let pair = &self.pairs[index];
        let romanised = self.romanised.get(&pair.key).filter(|_| !pair.is_of(ROMANISED)).cloned();
        Text::new(&pair.source, Some(&pair.source_language)).with_note(romanised)
    }

    fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        Text::new(&prediction.to_string(), Some(&self.pairs[index].target_language))
    }

    fn card(&self, first: Option<&Prediction>) -> CardMetadata {
        let (source, language) =
            self.pairs.first().map_or(("", ""), |pair| (&pair.source, &pair.target_language));
        let mut languages: Vec<String> = self
            .pairs
            .iter()
            .flat_map(|pair| [pair.source_language.clone(), pair.target_language.clone()])
            .collect();
        languages.sort_unstable();
        languages.dedup();
        CardMetadata {
            task: "translation",
            tags: if self.are_sentences { Vec::new() } else { vec!["transliteration"] },
            languages,
            example: UsageExample {
                text: format!("{}{source}", alambic_models::language_tag(language)),
                generate: format!("max_length={}", self.options.max_new_tokens),
                ..UsageExample::default()
            },
            output: first.map(ToString::to_string),
            command: format!(
                "alambic predict student --target-language {} {}",
                shell_word(language),
                shell_word(source)
            ),
            limits: if self.are_sentences {
                Vec::new()
            } else {
                vec!["It writes single words and short names, not sentences.".into()]
            },
        }
    }
}
