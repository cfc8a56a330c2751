//! Training samples of a stage: labelled pairs of the corpora, and source words for which a teacher wrote the targets.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use alambic_data::{Direction, Entry, SequencePair, Split, examples};
use alambic_files::write;
use alambic_teachers::{Asking, GenerationOutput, GenerationRecord, GenerationRequest, Teacher};

use super::options::{GenerationData, WordData};
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::folder::layout::make_folder;
use crate::model_store::ModelStore;
use crate::observer::Observer;
use crate::training::answers::ask_ahead;
use crate::training::statistics::GenerationStatistics;

/// One example.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) source: String,
    pub(crate) direction: Direction,
    /// The target, or the teacher's n best, best first.
    pub(crate) targets: Vec<String>,
    /// Whether the teacher wrote the targets.
    pub(crate) is_teacher_target: bool,
    /// Input of the teacher's last step in place of the source; none without a teacher.
    pub(crate) teacher_source: Option<String>,
}

/// Collects the samples of a stage.
pub(crate) struct SampleCollector<'a> {
    pub(crate) corpora: &'a Corpora,
    /// For back-translation.
    pub(crate) models: &'a ModelStore<'a>,
    pub(crate) teacher: Option<&'a dyn Teacher>,
    /// The processes that share what teachers write.
    pub(crate) asking: Asking<'a>,
    /// Records go here, named by stage and split.
    pub(crate) records: PathBuf,
    pub(crate) stage: &'a str,
}

impl SampleCollector<'_> {
    /// The samples of one split of the corpora.
    pub(crate) fn collect(
        &self,
        data: &GenerationData,
        split: Split,
        observer: &mut dyn Observer,
    ) -> Result<(Vec<Sample>, GenerationStatistics), RunError> {
        let mut pairs = Vec::new();
        for options in data.pairs.iter() {
            let entries = self.corpora.entries(&options.data, split)?;
            let directions = self.corpora.directions(&options.data, &options.directions, &options.except)?;
            let labelled = examples::labelled(&entries, &directions);
            pairs.extend(examples::subsample(&labelled, options.fraction, "pairs"));
        }
        for (index, options) in data.words.iter().enumerate() {
            let entries = self.corpora.entries(&options.data, split)?;
            let directions = self.corpora.directions(&options.data, &options.directions, &options.except)?;
            let mut words =
                examples::subsample(&examples::unlabelled(&entries, &directions), options.fraction, "words");
            self.back_translate(options, index, split, &entries, &directions, &mut words, observer)?;
            pairs.extend(words);
        }
        let mut statistics = GenerationStatistics::default();
        let Some(teacher) = self.teacher else {
            return Ok((pairs.into_iter().filter_map(labelled_sample).collect(), statistics));
        };
        let requests: Vec<GenerationRequest> = pairs
            .iter()
            .map(|pair| GenerationRequest {
                text: pair.source.clone(),
                language: pair.target_language.clone(),
            })
            .collect();
        let written = self.write(teacher, &requests, split, "written", observer)?;
        statistics.requests = requests.len();
        let mut samples = Vec::with_capacity(pairs.len());
        for (pair, written) in pairs.into_iter().zip(written) {
            if let Some(reason) = &written.dropped {
                *statistics.dropped.entry(reason.clone()).or_insert(0) += 1;
                continue;
            }
            let sample = teacher_sample(pair, written);
            // A prime stride spreads the shown samples over the directions.
            if samples.len() % 997 == 0 && statistics.samples.len() < 20 {
                statistics.samples.push([
                    sample.source.clone(),
                    sample.direction.to_string(),
                    sample.teacher_source.clone().unwrap_or_default(),
                    sample.targets.first().cloned().unwrap_or_default(),
                ]);
            }
            samples.push(sample);
        }
        Ok((samples, statistics))
    }

    /// Adds source words that a checkpoint writes from the English ones. What happens to be a form of a test split, or
    /// is there already, is left out.
    fn back_translate(
        &self,
        options: &WordData,
        index: usize,
        split: Split,
        entries: &[Entry],
        directions: &[Direction],
        words: &mut Vec<SequencePair>,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        let Some(name) = &options.back_translated_by else { return Ok(()) };
        let checkpoint = self.models.generative(name)?;
        let mut languages: Vec<&str> = Vec::new();
        for direction in directions {
            if direction.source != "en" && !languages.contains(&direction.source.as_str()) {
                languages.push(&direction.source);
            }
        }
        let texts = examples::subsample_texts(&examples::texts(entries, "en"), options.fraction, "words");
        let requests: Vec<GenerationRequest> = languages
            .iter()
            .flat_map(|language| {
                texts
                    .iter()
                    .map(|text| GenerationRequest { text: text.clone(), language: (*language).to_owned() })
            })
            .collect();
        let translated =
            self.write(&checkpoint, &requests, split, &format!("back-translated-{index}"), observer)?;
        let test_forms = self.corpora.test_forms();
        let mut seen: HashSet<(String, String, String)> = words
            .iter()
            .map(|pair| (pair.source.clone(), pair.source_language.clone(), pair.target_language.clone()))
            .collect();
        for (request, written) in requests.iter().zip(translated) {
            let Some(best) = written.candidates.first() else { continue };
            if best.text.trim().is_empty()
                || test_forms.contains(&(request.language.as_str(), best.text.as_str()))
            {
                continue;
            }
            for direction in directions.iter().filter(|direction| direction.source == request.language) {
                let identity = (best.text.clone(), direction.source.clone(), direction.target.clone());
                if seen.insert(identity) {
                    words.push(SequencePair {
                        source: best.text.clone(),
                        target: None,
                        source_language: direction.source.clone(),
                        target_language: direction.target.clone(),
                        key: request.text.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Outputs of a teacher for the requests, in their order. The record has those of one text next to each other: a
    /// pipeline then takes its first steps once for all the languages that a text is to be written in.
    fn write(
        &self,
        teacher: &dyn Teacher,
        requests: &[GenerationRequest],
        split: Split,
        what: &str,
        observer: &mut dyn Observer,
    ) -> Result<Vec<GenerationOutput>, RunError> {
        let split = split.name();
        make_folder(write::parent(&self.records), &self.records)?;
        let path: PathBuf = Path::new(&self.records).join(format!("{}.{what}.{split}.jsonl", self.stage));
        observer.task(&format!("{}: teacher writes ({split})", self.stage), requests.len(), 0);
        let mut done = 0;
        let mut order: Vec<usize> = (0..requests.len()).collect();
        order.sort_by_key(|&index| &requests[index].text);
        let sorted: Vec<GenerationRequest> = order.iter().map(|&index| requests[index].clone()).collect();
        ask_ahead(teacher, &sorted, &self.asking)?;
        let written = GenerationRecord::complete(&path, teacher, &sorted, self.asking.ranks, &mut |count| {
            done += count;
            observer.progress(done);
        })?;
        observer.finished(&format!("{} texts in {}", written.len(), path.display()));
        let mut written: Vec<(usize, GenerationOutput)> = order.into_iter().zip(written).collect();
        written.sort_unstable_by_key(|&(index, _)| index);
        Ok(written.into_iter().map(|(_, written)| written).collect())
    }
}

fn labelled_sample(pair: SequencePair) -> Option<Sample> {
    let direction = pair.direction();
    Some(Sample {
        source: pair.source,
        direction,
        targets: vec![pair.target?],
        is_teacher_target: false,
        teacher_source: None,
    })
}

fn teacher_sample(pair: SequencePair, written: GenerationOutput) -> Sample {
    let (direction, read) = (pair.direction(), written.last_step_source(&pair.source).to_owned());
    let (targets, is_teacher_target) = match pair.target {
        Some(target) => (vec![target], false),
        None => (written.candidates.into_iter().map(|candidate| candidate.text).collect(), true),
    };
    Sample { source: pair.source, direction, targets, is_teacher_target, teacher_source: Some(read) }
}
