//! Words of the test part, written by every model.

use std::path::Path;

use alambic_data::{Pair, Split, examples};
use alambic_files::text::shell_word;
use alambic_models::Generation;
use alambic_reports::card::Usage;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::{Noun, Text};
use alambic_settings::IndexMap;
use alambic_students::Predictor;
use alambic_teachers::{Request, Teacher, Written};

use super::similarity;
use crate::observer::Observer;
use crate::run::RunError;
use crate::run::exam::{Exam, Kind, measured_by};
use crate::run::timing::{Model, measure};
use crate::run::workshop::Workshop;
use crate::schema::{EvaluationOptions, References};

/// What writing is measured by, the most important first.
pub(crate) const METRICS: [&str; 5] =
    ["cer", "cer-total", "word-accuracy", "phonetic-accuracy", "phonetic-accuracy-shuffled"];

/// Words that are written together.
const BATCH: usize = 128;

/// The test words of a recipe.
pub(crate) struct WordExam<'a> {
    options: &'a EvaluationOptions,
    pairs: Vec<Pair>,
    /// What the outputs are held against.
    references: Vec<String>,
    /// The direction of each word.
    directions: Vec<String>,
    teacher: Option<Box<dyn Teacher>>,
    written: Option<(Vec<Written>, Vec<String>)>,
    /// Words that are held against what the teacher writes, and for which it wrote nothing.
    unwritten: usize,
}

impl<'a> WordExam<'a> {
    /// Takes the test words, and has the teacher write them.
    pub(crate) fn new(workshop: &'a Workshop<'_>, observer: &mut dyn Observer) -> Result<Self, RunError> {
        let options = &*workshop.recipe.evaluation;
        let mut pairs = test_pairs(workshop, options)?;
        let name = options.teacher.as_ref();
        let teacher = name.map(|name| workshop.judged_teacher(name, generation(options))).transpose()?;
        let written = teacher.as_ref().map(|teacher| {
            observer.task("evaluation: teacher writes", pairs.len(), 0);
            let requests: Vec<Request> = pairs.iter().map(request).collect();
            let mut done = 0;
            let written = teacher.write(&requests, &mut |count| {
                done += count;
                observer.progress(done);
            })?;
            observer.finished(&format!("{} words", written.len()));
            let outputs = written.iter().map(output).collect();
            Ok::<_, RunError>((written, outputs))
        });
        let mut written: Option<(Vec<Written>, Vec<String>)> = written.transpose()?;
        let mut unwritten = 0;
        let references = match (options.references, &mut written) {
            (References::Teacher, Some((written, outputs))) => {
                // What the teacher did not bring to an end cannot be held against anything.
                let there: Vec<bool> = outputs.iter().map(|output| !output.is_empty()).collect();
                unwritten = there.iter().filter(|there| !**there).count();
                keep(&mut pairs, &there);
                keep(written, &there);
                keep(outputs, &there);
                if unwritten > 0 {
                    observer.note(&format!(
                        "{unwritten} words are left out of the evaluation: the teacher wrote nothing for them"
                    ));
                }
                if outputs.is_empty() {
                    return Err(RunError::Recipe(
                        "the teacher wrote nothing for any word of the evaluation's test parts".into(),
                    ));
                }
                outputs.clone()
            }
            (References::Teacher, None) => {
                return Err(RunError::Recipe(
                    "`references = \"teacher\"` needs a `teacher` in `evaluation`".into(),
                ));
            }
            (References::Corpus, _) => {
                pairs.iter().map(|pair| pair.target.clone().unwrap_or_default()).collect()
            }
        };
        let directions = pairs.iter().map(|pair| pair.direction().to_string()).collect();
        Ok(Self { options, pairs, references, directions, teacher, written, unwritten })
    }

    fn predictor(&self, folder: &Path) -> Result<Predictor, RunError> {
        let mut predictor = Predictor::load(folder)?;
        predictor.generation = generation(self.options);
        Ok(predictor)
    }
}

/// Keeps the rows that are marked.
fn keep<T>(rows: &mut Vec<T>, marked: &[bool]) {
    let mut marks = marked.iter();
    rows.retain(|_| marks.next().is_some_and(|marked| *marked));
}

/// The test words of a recipe.
fn test_pairs(workshop: &Workshop<'_>, options: &EvaluationOptions) -> Result<Vec<Pair>, RunError> {
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

/// What a pair asks to be written.
fn request(pair: &Pair) -> Request {
    Request { text: pair.source.clone(), language: pair.target_language.clone() }
}

/// The best text, or nothing where none came to an end.
fn output(written: &Written) -> String {
    written.candidates.first().map(|candidate| candidate.text.clone()).unwrap_or_default()
}

/// The generation that every model of an evaluation uses.
fn generation(options: &EvaluationOptions) -> Generation {
    Generation { beam: options.beam, longest: options.longest, length_penalty: 1.0 }
}

impl Exam for WordExam<'_> {
    fn noun(&self) -> Noun {
        Noun { one: "word".into(), many: "words".into() }
    }

    fn metrics(&self) -> Vec<&str> {
        measured_by(self.options, &METRICS, &METRICS)
    }

    fn fidelity_metrics(&self) -> &'static [(&'static str, &'static str)] {
        &[("agreement", "agreement"), ("cer", "cer-against-teacher")]
    }

    fn references(&self) -> &[String] {
        &self.references
    }

    fn left_out(&self) -> Option<String> {
        (self.unwritten > 0).then(|| format!("{} words for which the teacher wrote nothing", self.unwritten))
    }

    fn slices(&self) -> &[String] {
        &self.directions
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_deref()
    }

    fn teacher_answers(&self) -> Option<&[String]> {
        self.written.as_ref().map(|(_, outputs)| outputs.as_slice())
    }

    fn answers(&self, folder: &Path, progress: &mut dyn FnMut(usize)) -> Result<Vec<String>, RunError> {
        let predictor = self.predictor(folder)?;
        let mut order: Vec<usize> = (0..self.pairs.len()).collect();
        order.sort_by_key(|&index| self.pairs[index].source.chars().count());
        let mut outputs = vec![String::new(); self.pairs.len()];
        for batch in order.chunks(BATCH) {
            for (&index, (text, _)) in batch.iter().zip(predictor.predict(&self.inputs(batch))?) {
                outputs[index] = text;
            }
            progress(batch.len());
        }
        Ok(outputs)
    }

    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let (Some(teacher), Some((written, _))) = (&self.teacher, &self.written) else {
            return Ok(IndexMap::new());
        };
        let similarity = similarity::encoders(student, &**teacher, &self.pairs, written)?;
        Ok(IndexMap::from([
            ("encoder-similarity".to_owned(), similarity.map(|(matched, _)| matched)),
            ("encoder-similarity-shuffled".to_owned(), similarity.map(|(_, shuffled)| shuffled)),
        ]))
    }

    fn timings(
        &self,
        student: &Path,
        most: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let predictor = self.predictor(student)?;
        let requests: Vec<Request> = self.pairs.iter().map(request).collect();
        let written_by = |teacher: &dyn Teacher, batch: &[usize]| -> Result<(), RunError> {
            let requests: Vec<Request> = batch.iter().map(|&index| requests[index].clone()).collect();
            teacher.write(&requests, &mut |_| {})?;
            Ok(())
        };
        let by_student = |batch: &[usize]| -> Result<(), RunError> {
            predictor.predict(&self.inputs(batch))?;
            Ok(())
        };
        let by_teacher =
            |batch: &[usize]| self.teacher.as_ref().map_or(Ok(()), |teacher| written_by(&**teacher, batch));
        let mut models: Vec<(&str, Model<'_>)> = Vec::new();
        if self.teacher.is_some() {
            models.push((TEACHER, &by_teacher));
        }
        models.push((STUDENT, &by_student));
        measure(self.pairs.len(), most, &models)
    }

    fn lengths(&self) -> Option<Vec<usize>> {
        Some(self.references.iter().map(|reference| reference.chars().count()).collect())
    }

    fn source(&self, index: usize) -> Text {
        let pair = &self.pairs[index];
        Text::new(&pair.source, Some(&pair.source_language))
    }

    fn answer(&self, index: usize, answer: &str) -> Text {
        Text::new(answer, Some(&self.pairs[index].target_language))
    }

    fn kind(&self, answer: Option<&String>) -> Kind {
        let (source, language) =
            self.pairs.first().map_or(("", ""), |pair| (&pair.source, &pair.target_language));
        let mut languages: Vec<String> = self
            .pairs
            .iter()
            .flat_map(|pair| [pair.source_language.clone(), pair.target_language.clone()])
            .collect();
        languages.sort_unstable();
        languages.dedup();
        Kind {
            task: "translation",
            tags: vec!["transliteration"],
            languages,
            usage: Usage {
                model_class: Some("AutoModelForSeq2SeqLM".into()),
                tokenizer_class: "PreTrainedTokenizerFast".into(),
                input: format!("{}{source}", alambic_models::language_tag(language)),
                generate: Some(format!("max_length={}", self.options.longest)),
                output: answer.cloned(),
                command: format!(
                    "alambic predict student --target-language {} {}",
                    shell_word(language),
                    shell_word(source)
                ),
            },
            limits: vec!["It writes single words and short names, not sentences.".into()],
        }
    }
}

impl WordExam<'_> {
    /// Sources and target languages of words.
    fn inputs(&self, batch: &[usize]) -> Vec<(&str, &str)> {
        let pairs = batch.iter().map(|&index| &self.pairs[index]);
        pairs.map(|pair| (pair.source.as_str(), pair.target_language.as_str())).collect()
    }
}
