//! Caches of a teacher whose taps are functions of the tokens.

use alambic_tensor::candle::Device;
use std::sync::atomic::{AtomicUsize, Ordering};

use alambic_models::{Stream, Tokenizer};

use super::*;
use crate::{GenerationOutput, GenerationRequest, TeacherBatch};

const WIDTH: usize = 8;
const HEADS: usize = 2;

/// A teacher that counts what it reads.
struct Counting {
    outline: Outline,
    tokenizer: Tokenizer,
    weights: &'static str,
    read: AtomicUsize,
}

impl Counting {
    fn new() -> Self {
        let stream = Stream::new(1, WIDTH, HEADS);
        Self {
            outline: Outline {
                streams: IndexMap::from([(String::new(), stream)]),
                classes: 3,
                ..Outline::default()
            },
            tokenizer: Tokenizer::train_words(["some words here"], 10).unwrap(),
            weights: "first",
            read: AtomicUsize::new(0),
        }
    }
}

/// A number that depends on all its arguments.
fn number(parts: &[usize]) -> f32 {
    parts.iter().enumerate().map(|(place, &part)| ((part + 1) as f32 * (place as f32 + 0.37)).sin()).sum()
}

impl Teacher for Counting {
    fn generate(
        &self,
        _: &[GenerationRequest],
        _: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        Err(TeacherError::Unsupported("reads"))
    }

    fn trace(&self, batch: TeacherBatch<'_>, wanted: &TapSelection) -> Result<Trace, TeacherError> {
        let TeacherBatch::Texts(input) = batch else { return Err(TeacherError::Unsupported("reads")) };
        let (batch, length) = (input.tokens.batch, input.tokens.length);
        self.read.fetch_add(batch, Ordering::Relaxed);
        let id = |row: usize, token: usize| input.tokens.ids[row * length + token] as usize;
        let mut trace = Trace::new(wanted.clone());
        let mut hidden = Vec::new();
        let mut scores = Vec::new();
        let mut logits = Vec::new();
        for row in 0..batch {
            for token in 0..length {
                hidden.extend((0..WIDTH).map(|at| number(&[id(row, token), token, at])));
            }
            for head in 0..HEADS {
                for query in 0..length {
                    scores.extend((0..length).map(|key| number(&[id(row, query), id(row, key), head])));
                }
            }
            logits.extend((0..3).map(|class| number(&[id(row, 0), class])));
        }
        let tensor =
            |values: Vec<f32>, shape: &[usize]| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
        trace.record("hidden.1", &tensor(hidden, &[batch, length, WIDTH]));
        trace.record("scores.0", &tensor(scores, &[batch, HEADS, length, length]));
        trace.record("logits", &tensor(logits, &[batch, 3]));
        Ok(trace)
    }

    fn outline(&self) -> Option<&Outline> {
        Some(&self.outline)
    }

    fn tokenizer(&self) -> Option<&Tokenizer> {
        Some(&self.tokenizer)
    }

    fn weights_digest(&self) -> String {
        self.weights.into()
    }

    fn generation_settings(&self) -> String {
        String::new()
    }

    fn size(&self) -> (usize, u64) {
        (0, 0)
    }
}

fn texts(count: usize) -> Vec<EncodedText> {
    let text = |index: usize| {
        let ids: Vec<u32> = (0..2 + index * 7 % 11).map(|token| (index * 31 + token) as u32 % 97).collect();
        EncodedText { segments: Vec::new(), ids, truncated: false, language: None }
    };
    (0..count).map(text).collect()
}

fn all(texts: &[EncodedText]) -> EncodedTexts<'_> {
    EncodedTexts { texts: texts.iter().collect(), padding: 0 }
}

fn taps() -> Vec<String> {
    ["hidden.1", "scores.0", "logits"].map(str::to_owned).into()
}

fn exact() -> CacheFormats {
    CacheFormats { states: NumberFormat::F32, logits: NumberFormat::F32, top_k: None }
}

/// A cache in shards of [`BATCH`] texts, stopped when `stop` texts are done.
fn complete(
    folder: &Path,
    teacher: &Counting,
    texts: &EncodedTexts<'_>,
    stop: usize,
) -> Option<TeacherOutputCache> {
    let wanted = Manifest::new(teacher, texts, &taps(), &exact(), 1).unwrap();
    assert_eq!(wanted.texts_per_shard, BATCH);
    let mut progress =
        |done: usize| if done >= stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    TeacherOutputCache::complete_as(&wanted, folder, teacher, texts, &mut progress).unwrap()
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn outputs_read_back_are_those_of_the_teacher() {
    let (folder, teacher, texts) = (tempfile::tempdir().unwrap(), Counting::new(), texts(150));
    let cache = complete(folder.path(), &teacher, &all(&texts), usize::MAX).unwrap();
    let rows = [140, 3, 77, 32, 31];
    let input = TextInput::pad(&rows.map(|row| &texts[row]), 0);
    let live = teacher.trace((&input).into(), &TapSelection::All).unwrap();
    let kept = cache.trace(&rows, &input, &taps()).unwrap();
    assert_eq!(kept.mask("").unwrap(), &input.tokens.mask);
    let length = input.tokens.length;
    for tap in taps() {
        let values =
            |trace: &Trace| trace.get(&tap).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(kept.get(&tap).unwrap().dims(), live.get(&tap).unwrap().dims());
        let each = cache.manifest.taps[&tap].form.numbers(length);
        for (place, (live, kept)) in values(&live).into_iter().zip(values(&kept)).enumerate() {
            let (row, at) = (place / each, place % each);
            let real = |token: usize| token < texts[rows[row]].ids.len();
            let inside = match tap.as_str() {
                "hidden.1" => real(at / WIDTH),
                "scores.0" => real(at % length) && real(at / length % length),
                _ => true,
            };
            assert_eq!(kept, if inside { live } else { 0.0 }, "{tap} at {place}");
        }
    }
    let size: u64 = files(folder.path()).iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let estimated =
        estimate_size(&teacher.outline, &taps(), &exact(), texts.iter().map(|text| text.ids.len())).unwrap();
    // Heads of files and the manifest come on top.
    assert!(estimated < size && size < estimated + 8192, "{estimated} {size}");
}

#[test]
fn a_cache_goes_on_where_it_stopped() {
    let (texts, teacher) = (texts(150), Counting::new());
    let (whole, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    complete(whole.path(), &teacher, &all(&texts), usize::MAX).unwrap();
    assert_eq!(teacher.read.load(Ordering::Relaxed), 150);
    teacher.read.store(0, Ordering::Relaxed);
    assert!(complete(stopped.path(), &teacher, &all(&texts), 64).is_none());
    std::fs::write(stopped.path().join("shard-00002.safetensors.part"), "torn").unwrap();
    complete(stopped.path(), &teacher, &all(&texts), usize::MAX).unwrap();
    assert_eq!(teacher.read.load(Ordering::Relaxed), 150, "nothing is read twice");
    assert!(files(whole.path()) == files(stopped.path()), "the same bytes as without the stop");
    teacher.read.store(0, Ordering::Relaxed);
    complete(stopped.path(), &teacher, &all(&texts), usize::MAX).unwrap();
    assert_eq!(teacher.read.load(Ordering::Relaxed), 0);
}

#[test]
fn a_complete_cache_is_read_while_another_process_reads_it() {
    let (folder, teacher, texts) = (tempfile::tempdir().unwrap(), Counting::new(), texts(40));
    assert!(complete(folder.path(), &teacher, &all(&texts), 32).is_none());
    let open = || {
        let wanted = Manifest::new(&teacher, &all(&texts), &taps(), &exact(), 1).unwrap();
        let mut progress = |_| ControlFlow::Continue(());
        TeacherOutputCache::complete_as(&wanted, folder.path(), &teacher, &all(&texts), &mut progress)
    };
    let other = Lock::acquire(folder.path(), "another process").unwrap();
    assert!(open().is_err(), "what is not complete is computed by one process");
    drop(other);
    open().unwrap();
    let _other = Lock::acquire(folder.path(), "another process").unwrap();
    open().unwrap();
}

#[test]
fn a_cache_of_something_else_is_refused_by_name() {
    let (folder, texts) = (tempfile::tempdir().unwrap(), texts(40));
    let teacher = Counting::new();
    let few = vec!["hidden.1".to_owned(), "logits".to_owned()];
    let open = |teacher: &Counting, texts: &[EncodedText], taps: &[String], precision: &CacheFormats| {
        TeacherOutputCache::complete(
            folder.path(),
            teacher,
            &all(texts),
            taps,
            precision,
            &Ranks::alone(),
            &mut |_| ControlFlow::Continue(()),
        )
        .map(|cache| cache.is_some())
        .map_err(|error| error.to_string())
    };
    assert_eq!(open(&teacher, &texts, &few, &exact()), Ok(true));
    assert_eq!(open(&teacher, &texts, &few[..1], &exact()), Ok(true), "fewer taps are there");
    let refused = |part: &str, opened: Result<bool, String>| {
        let said = opened.unwrap_err();
        assert!(said.contains(&format!("computed with other {part};")), "{part}: {said}");
        assert!(said.contains(&folder.path().display().to_string()), "{said}");
    };
    refused("weights", open(&Counting { weights: "second", ..Counting::new() }, &texts, &few, &exact()));
    let tokenizer = Tokenizer::train_words(["other words"], 10).unwrap();
    refused("tokenizer", open(&Counting { tokenizer, ..Counting::new() }, &texts, &few, &exact()));
    refused("data", open(&teacher, &texts[1..], &few, &exact()));
    refused("taps", open(&teacher, &texts, &taps(), &exact()));
    refused("formats", open(&teacher, &texts, &few, &CacheFormats { states: NumberFormat::Int8, ..exact() }));
}

#[test]
fn a_broken_shard_is_named() {
    let (folder, teacher, texts) = (tempfile::tempdir().unwrap(), Counting::new(), texts(40));
    complete(folder.path(), &teacher, &all(&texts), usize::MAX).unwrap();
    let path = folder.path().join("shard-00001.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let said = TeacherOutputCache::complete(
        folder.path(),
        &teacher,
        &all(&texts),
        &taps(),
        &exact(),
        &Ranks::alone(),
        &mut |_| ControlFlow::Continue(()),
    );
    let said = said.unwrap_err().to_string();
    assert!(said.contains("shard-00001.safetensors") && said.contains("delete this file"), "{said}");
}

#[test]
fn shards_that_several_ranks_compute_are_those_of_one() {
    let (one, texts) = (tempfile::tempdir().unwrap(), texts(150));
    let whole = |folder: &Path, ranks: &Ranks| {
        let teacher = Counting::new();
        let wanted = Manifest::new(&teacher, &all(&texts), &taps(), &exact(), 1).unwrap();
        let mut progress = |_| ControlFlow::Continue(());
        if !ranks.is_alone() {
            let (texts, progress) = (&all(&texts), &mut progress);
            assert!(
                TeacherOutputCache::compute_together(&wanted, folder, &teacher, texts, ranks, progress)
                    .unwrap()
            );
        }
        TeacherOutputCache::complete_as(&wanted, folder, &teacher, &all(&texts), &mut progress)
            .unwrap()
            .unwrap();
    };
    whole(one.path(), &Ranks::alone());
    for count in [2, 3] {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for ranks in Ranks::in_process(count) {
                let (folder, whole) = (folder.path(), &whole);
                scope.spawn(move || whole(folder, &ranks));
            }
        });
        assert_eq!(files(folder.path()), files(one.path()), "{count} ranks");
    }
}

#[test]
fn segments_that_are_left_out_are_zeros() {
    let mut given = texts(3);
    let left_out = all(&given).digest();
    for text in &mut given {
        text.segments = vec![0; text.ids.len()];
    }
    assert_eq!(all(&given).digest(), left_out);
    given[1].segments[0] = 1;
    assert_ne!(all(&given).digest(), left_out);
}
