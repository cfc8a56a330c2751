//! Paraphrases, mined with the help of a teacher before the first stage that reads them.

use std::collections::HashSet;
use std::path::Path;

use alambic_data::mining::{
    Candidates, MinedParaphrases, find_candidates, indel_similarity, pair_up, remove_duplicates,
};
use alambic_data::parallel::{Translation, TranslationDetails, key};
use alambic_data::split::SplitReport;
use alambic_data::{Content, Corpus as Format, Dataset, ReadStatistics, Split, Splits};
use alambic_files::digests::{self, Digests};
use alambic_files::{read as files, write};
use alambic_inference::EncoderPipeline;
use alambic_reports::numbers::counted;
use alambic_settings::{At, IndexMap};
use alambic_teachers::{EncoderTeacher, Teacher};
use alambic_tensor::Streams;
use serde::{Deserialize, Serialize};

use crate::context::RunContext;
use crate::error::RunError;
use crate::evaluation::embedding::normalized_embeddings;
use crate::folder::layout::{CORPORA, make_folder};
use crate::observer::Observer;
use crate::options::data::DataOptions;

/// Pairs that are shown to whoever watches.
const SHOWN: usize = 3;

/// Sentences whose vectors are in memory together.
const TOGETHER: usize = 1000;

/// A line of a mined corpus.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// The two paraphrases, by the languages under which they stand.
    #[serde(flatten)]
    texts: IndexMap<String, String>,
    /// The sentence that both are translations of.
    sentence: String,
    /// The cosine of their vectors.
    similarity: f64,
    /// How alike they are letter by letter.
    likeness: f64,
    /// The split that they belong to.
    split: String,
}

/// Account of a mined corpus: its sources, and what was left out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Account {
    fingerprint: String,
    rows: usize,
    dropped: IndexMap<String, usize>,
}

impl Account {
    fn drop(&mut self, reason: &str, count: usize) {
        if count > 0 {
            *self.dropped.entry(reason.to_owned()).or_default() += count;
        }
    }
}

/// Mines those of these corpora that are to be mined and are not yet. `data` are all corpora of the recipe, of which some are
/// `evaluated`.
pub(crate) fn mine_all<'n>(
    (data, evaluated): (&IndexMap<String, DataOptions>, &[At<String>]),
    context: &RunContext<'_>,
    names: impl IntoIterator<Item = &'n At<String>>,
    observer: &mut dyn Observer,
) -> Result<(), RunError> {
    for name in names {
        let Some(options) = data.get(&name.value) else { continue };
        if let Format::Mined(mined) = &options.corpus.value
            && !context.corpora.is_mined(name)
        {
            let is_evaluated = evaluated.iter().any(|own| own.value == name.value);
            let corpus = corpus(context, name, (mined, is_evaluated), observer)?;
            context.corpora.insert_mined(name, corpus);
        }
    }
    Ok(())
}

/// A corpus that an earlier start of this run has mined, or else mined now.
fn corpus(
    context: &RunContext<'_>,
    name: &str,
    (options, is_evaluated): (&MinedParaphrases, bool),
    observer: &mut dyn Observer,
) -> Result<Content, RunError> {
    let teacher = context.ranks.first(|| context.models.encoder(&options.teacher))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(format!("{options:?} {}", context.seed).as_bytes());
    hasher.update(teacher.weights_digest().as_bytes());
    for own in &options.of {
        hasher.update(context.corpora.get(own)?.fingerprint().as_bytes());
    }
    let fingerprint = hasher.finalize().to_hex().to_string();
    let folder = context.folder.path().join(CORPORA);
    let names = [format!("{name}.jsonl"), format!("{name}.json")];
    let [table, account] = names.each_ref().map(|name| folder.join(name));
    let known = read(&folder, &names)?.filter(|known: &Account| known.fingerprint == fingerprint);
    // All ranks have to find the same, before the first one goes on to write.
    context.ranks.barrier()?;
    let (lines, account) = if let Some(known) = known {
        (lines_of(&table)?, known)
    } else {
        let (lines, mined) = mine(context, name, (options, is_evaluated), (&teacher, fingerprint), observer)?;
        if context.ranks.is_first() {
            let text = lines.iter().map(|line| json(line, &table)).collect::<Result<Vec<_>, _>>()?.concat();
            make_folder(context.folder.path(), &folder)?;
            digests::register(&folder, &names.each_ref().map(String::as_str))?;
            write::write(&table, text.as_bytes())?;
            write::write(&account, json(&mined, &account)?.as_bytes())?;
            // Their digests come last: without them the table is mined again.
            digests::record(&folder, &names.each_ref().map(String::as_str))?;
        }
        (lines, mined)
    };
    let translations = |split: Split| -> Vec<Translation> {
        let own = lines.iter().filter(|line| line.split == split.name());
        own.map(|line| Translation { texts: line.texts.clone(), split: Some(line.split.clone()) }).collect()
    };
    let [train, validation, test] = [Split::Train, Split::Validation, Split::Test].map(translations);
    let report = SplitReport {
        train: train.len(),
        validation: validation.len(),
        test: test.len(),
        ..SplitReport::default()
    };
    let languages = options.languages().to_vec();
    Ok(Content::Parallel(Dataset {
        statistics: ReadStatistics {
            source: table.display().to_string(),
            rows: account.rows,
            kept: lines.len(),
            forms: languages.iter().map(|language| (language.clone(), lines.len())).collect(),
            dropped: account.dropped,
            notes: Vec::new(),
        },
        details: TranslationDetails { languages },
        splits: Splits { train, validation, test },
        report,
        fingerprint: account.fingerprint,
    }))
}

/// Mines the splits of the corpora one by one, so that no pair is out of two of them.
fn mine(
    context: &RunContext<'_>,
    name: &str,
    (options, is_evaluated): (&MinedParaphrases, bool),
    (teacher, fingerprint): (&EncoderTeacher, String),
    observer: &mut dyn Observer,
) -> Result<(Vec<Line>, Account), RunError> {
    let pipeline = teacher.encoder_pipeline()?;
    let mut lines: Vec<Line> = Vec::new();
    let mut found = 0;
    let mut account = Account { fingerprint, rows: 0, dropped: IndexMap::new() };
    for split in [Split::Train, Split::Validation, Split::Test] {
        let sentences = context.corpora.sentences(&options.of, split)?;
        account.rows += sentences.len();
        let groups = find_candidates(&sentences, &options.source, &options.target);
        observer.task(&format!("{name}: paraphrases in the {} split", split.name()), groups.len(), 0);
        let before = lines.len();
        found += groups.len();
        let mut done = 0;
        let chunks: Vec<&[Candidates<'_>]> = groups.chunks(TOGETHER).collect();
        for chunks in chunks.chunks(context.ranks.count()) {
            if context.is_interrupted() {
                return Err(context.interrupted());
            }
            for (some, all) in chunks.iter().zip(vectors_of(context, &pipeline, chunks)?) {
                let (sources, mut rest) = all.split_at(some.len());
                for (group, sentence) in some.iter().zip(sources) {
                    let (own, others) = rest.split_at(group.targets.len());
                    rest = others;
                    lines.extend(pairs(context, options, (group, sentence, own), split, &mut account));
                }
                done += some.len();
                observer.progress(done);
            }
        }
        observer.finished(&format!(
            "{} out of {}",
            counted(lines.len() - before, "pair", "pairs"),
            counted(
                groups.len(),
                "sentence with several translations",
                "sentences with several translations"
            )
        ));
    }
    let train: HashSet<String> = texts_of(&lines, true).map(key).collect();
    let before = lines.len();
    lines.retain(|line| {
        line.split == Split::Train.name() || !line.texts.values().any(|text| train.contains(&key(text)))
    });
    account.drop("pairs of which a text is trained on", before - lines.len());
    for Line { texts, sentence, .. } in lines.iter().take(SHOWN) {
        let texts: Vec<&str> = texts.values().map(String::as_str).collect();
        observer.note(&format!("{name}: `{}`, of `{sentence}`", texts.join("` and `")));
    }
    let needed = [Split::Train, Split::Validation].into_iter().chain(is_evaluated.then_some(Split::Test));
    for split in needed {
        if lines.iter().any(|line| line.split == split.name()) {
            continue;
        }
        return Err(none_mined(name, split, found, account.rows));
    }
    Ok((lines, account))
}

/// The error that nothing was mined for a split, and why.
fn none_mined(name: &str, split: Split, found: usize, sentences: usize) -> RunError {
    let why = if found == 0 {
        "none of them has several translations".to_owned()
    } else {
        format!(
            "{found} of them have several translations; a lower `min-similarity` lets more through, and a larger share of the corpora \
             for validation and test puts more aside"
        )
    };
    RunError::Recipe(format!(
        "no paraphrase was mined for the {} split of `{name}` out of {sentences} sentences: {why}",
        split.name()
    ))
}

/// The pairs of one sentence's translations, whose embeddings are given behind that of the sentence.
fn pairs(
    context: &RunContext<'_>,
    options: &MinedParaphrases,
    (group, sentence, own): (&Candidates<'_>, &Vec<f32>, &[Vec<f32>]),
    split: Split,
    account: &mut Account,
) -> Vec<Line> {
    let [first, second] = options.languages();
    let near = |index: &usize| cosine(&own[*index], sentence) > options.min_similarity;
    let accepted: Vec<&str> = (0..own.len()).filter(near).map(|index| group.targets[index]).collect();
    account.drop("translations that the teacher finds far from the sentence", own.len() - accepted.len());
    let distinct = remove_duplicates(&accepted);
    account
        .drop("translations that differ in capitals or punctuation alone", accepted.len() - distinct.len());
    let mut random = Streams::new(context.seed).augmentation(&["mining", group.source]);
    // Where models are evaluated, no text may be a query twice.
    let most = if split == Split::Train { usize::MAX } else { 1 };
    let mut lines = Vec::new();
    for [one, other] in pair_up(distinct, &mut random).into_iter().take(most) {
        let likeness = indel_similarity(one, other);
        if likeness > options.max_character_similarity {
            account.drop("pairs that are too alike", 1);
            continue;
        }
        let vector = |text: &str| group.targets.iter().position(|target| *target == text).map(|at| &own[at]);
        lines.push(Line {
            texts: [(first.clone(), one.to_owned()), (second.clone(), other.to_owned())].into(),
            sentence: group.source.to_owned(),
            similarity: vector(one).zip(vector(other)).map_or(0.0, |(one, other)| cosine(one, other)),
            likeness,
            split: split.name().to_owned(),
        });
    }
    lines
}

/// The texts of the training split, or of the others.
fn texts_of(lines: &[Line], train: bool) -> impl Iterator<Item = &str> {
    let own = lines.iter().filter(move |line| (line.split == Split::Train.name()) == train);
    own.flat_map(|line| line.texts.values()).map(String::as_str)
}

/// The vectors of the sources and of the targets of each of some chunks, of which each rank computes one.
fn vectors_of(
    context: &RunContext<'_>,
    pipeline: &EncoderPipeline,
    chunks: &[&[Candidates<'_>]],
) -> Result<Vec<Vec<Vec<f32>>>, RunError> {
    let mut own = Vec::new();
    if let Some(some) = chunks.get(context.ranks.rank()) {
        let sources: Vec<&str> = some.iter().map(|group| group.source).collect();
        let targets: Vec<&str> = some.iter().flat_map(|group| group.targets.iter().copied()).collect();
        own = vectors(pipeline, &sources)?;
        own.extend(vectors(pipeline, &targets)?);
    }
    if context.ranks.is_alone() {
        return Ok(vec![own]);
    }
    // All vectors have one width, which the texts of the first chunk tell.
    let all = context.ranks.gather(&own.concat())?;
    let count = |some: &[Candidates<'_>]| some.iter().map(|group| 1 + group.targets.len()).sum::<usize>();
    Ok(chunks
        .iter()
        .zip(all)
        .map(|(some, values)| {
            let width = values.len().checked_div(count(some)).unwrap_or(0).max(1);
            values.chunks_exact(width).map(<[f32]>::to_vec).collect()
        })
        .collect())
}

/// The vectors of texts, each of length one.
fn vectors(pipeline: &EncoderPipeline, texts: &[&str]) -> Result<Vec<Vec<f32>>, RunError> {
    Ok(normalized_embeddings(pipeline, texts)?.to_vec2().map_err(alambic_models::ModelError::from)?)
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
}

fn json<T: Serialize>(value: &T, path: &Path) -> Result<String, RunError> {
    let text = serde_json::to_string(value).map_err(|error| RunError::content(path, error))?;
    Ok(format!("{text}\n"))
}

/// The account of a table that was mined to its end and is as it was written.
fn read(folder: &Path, names: &[String; 2]) -> Result<Option<Account>, RunError> {
    let Some(digests) = Digests::read(folder)? else { return Ok(None) };
    // Announced and not written, or not listed as it was written at last.
    let is_written = |name: &String| {
        folder.join(name).is_file() && digests.files.get(name).is_some_and(|own| own.bytes > 0)
    };
    if !names.iter().all(is_written) {
        return Ok(None);
    }
    for name in names {
        digests.check_file(folder, name)?;
    }
    let path = folder.join(&names[1]);
    let text = files::state(&path)?;
    serde_json::from_str(&text).map(Some).map_err(|error| RunError::content(&path, error))
}

fn lines_of(path: &Path) -> Result<Vec<Line>, RunError> {
    let text = files::state(path)?;
    let line = |line| serde_json::from_str(line).map_err(|error| RunError::content(path, error));
    text.lines().map(line).collect()
}
