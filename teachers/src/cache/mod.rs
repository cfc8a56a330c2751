//! Caches of a teacher's outputs over texts.
//!
//! A cache is a folder: `cache.json` is its manifest, shards hold the taps of some texts each, and `digests.json` the digests
//! of all. A shard exists once it is complete and listed, so an interrupted cache resumes where it stopped, and ends as one of
//! a single run. One process at a time computes one.

mod listing;
mod number_format;
mod shard;
mod tap_format;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use alambic_files::digests::{self, DIGESTS, Digests};
use alambic_files::lock::{LOCK, Lock};
use alambic_files::{FileError, read, write};
use alambic_models::text_encoder::TextInput;
use alambic_models::{EncodedText, ModelError, Outline, TapSelection, TapShape, Trace};
use alambic_ranks::Ranks;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use self::listing::Listing;
pub use self::number_format::{CacheFormats, NumberFormat, QuantizationError};
use self::shard::{Shard, Values, Writer};
use self::tap_format::TapFormat;
use crate::{Teacher, TeacherError};

/// File of the manifest.
const MANIFEST: &str = "cache.json";
/// What a process does that holds the lock.
const COMPUTING: &str = "a cache of a teacher's outputs";
/// Texts in a forward pass.
const BATCH: usize = 32;
/// Intended bytes of a shard.
const SHARD: usize = 64 << 20;

/// Encoded texts in the order of a cache.
#[derive(Debug, Clone)]
pub struct EncodedTexts<'a> {
    /// Their tokens.
    pub texts: Vec<&'a EncodedText>,
    /// The padding token.
    pub padding: u32,
}

impl EncodedTexts<'_> {
    fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for text in &self.texts {
            hasher.update(&(text.ids.len() as u64).to_le_bytes());
            // Segments that are left out are zeros.
            let implied = if text.segments.is_empty() { text.ids.len() } else { 0 };
            let segments = text.segments.iter().chain(std::iter::repeat_n(&0, implied));
            for number in text.ids.iter().chain(segments).chain(&text.language) {
                hasher.update(&number.to_le_bytes());
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.texts.iter().map(|text| text.ids.len())
    }
}

/// Manifest: what the outputs were computed from, and the size of shards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Manifest {
    /// Digest of the teacher's configuration and weights, its vocabulary with them.
    weights: String,
    /// Digest of the vocabulary alone.
    tokenizer: String,
    /// Digest of the texts in tokens, in their order.
    data: String,
    /// Format of each tap.
    taps: IndexMap<String, TapFormat>,
    /// Texts.
    texts: usize,
    /// Texts of a shard; the last may have fewer.
    texts_per_shard: usize,
}

/// Bytes of the taps of texts of these lengths. None if the teacher has no such tap.
#[must_use]
pub fn estimate_size(
    outline: &Outline,
    taps: &[String],
    precision: &CacheFormats,
    lengths: impl Iterator<Item = usize>,
) -> Option<u64> {
    let formats = tap_formats(outline, taps, precision).ok()?;
    Some(lengths.map(|length| 4 + bytes(&formats, length) as u64).sum())
}

fn tap_formats(
    outline: &Outline,
    taps: &[String],
    precision: &CacheFormats,
) -> Result<IndexMap<String, TapFormat>, TeacherError> {
    taps.iter()
        .map(|tap| {
            let form = outline.tap_shape(tap).ok_or_else(|| TeacherError::MissingTap(tap.clone()))?;
            Ok((tap.clone(), TapFormat::of(tap, form, precision)))
        })
        .collect()
}

fn bytes(taps: &IndexMap<String, TapFormat>, length: usize) -> usize {
    taps.values().map(|format| format.bytes(length)).sum()
}

impl Manifest {
    fn new(
        teacher: &dyn Teacher,
        texts: &EncodedTexts<'_>,
        taps: &[String],
        precision: &CacheFormats,
        shard: usize,
    ) -> Result<Self, TeacherError> {
        let outline = teacher.outline().ok_or(TeacherError::NoTaps)?;
        let taps = tap_formats(outline, taps, precision)?;
        let all: usize = texts.lengths().map(|length| bytes(&taps, length)).sum();
        let tokenizer =
            teacher.tokenizer().map(alambic_models::Tokenizer::identity).transpose()?.unwrap_or_default();
        Ok(Self {
            weights: teacher.weights_digest(),
            tokenizer: blake3::hash(tokenizer.as_bytes()).to_hex().to_string(),
            data: texts.digest(),
            taps,
            texts: texts.texts.len(),
            texts_per_shard: (shard * texts.texts.len())
                .checked_div(all)
                .unwrap_or(shard)
                .clamp(BATCH, 1 << 16),
        })
    }

    /// The first part that differs from what is wanted. More taps than wanted are not a difference.
    fn stale(&self, wanted: &Self) -> Option<&'static str> {
        let taps = |found: &Self| wanted.taps.iter().all(|(tap, format)| found.taps.get(tap) == Some(format));
        let named = wanted.taps.keys().all(|tap| self.taps.contains_key(tap));
        [
            ("tokenizer", self.tokenizer != wanted.tokenizer),
            ("weights", self.weights != wanted.weights),
            ("data", self.data != wanted.data || self.texts != wanted.texts),
            ("taps", !named),
            ("formats", !taps(self)),
        ]
        .into_iter()
        .find_map(|(part, differs)| differs.then_some(part))
    }

    fn shards(&self) -> usize {
        self.texts.div_ceil(self.texts_per_shard)
    }
}

/// The manifest of the cache of a folder with the list of its files, written where there is none.
fn manifest_of(folder: &Path, wanted: &Manifest) -> Result<(Manifest, Digests), TeacherError> {
    let mut digests = Digests::read(folder)?.unwrap_or_default();
    if let Some(found) = TeacherOutputCache::manifest(folder)? {
        return match found.stale(wanted) {
            Some(part) => Err(TeacherError::StaleCache { path: folder.to_owned(), part }),
            None => Ok((found, digests)),
        };
    }
    write_manifest(folder, wanted)?;
    digests.insert(folder, MANIFEST)?;
    digests.write(folder)?;
    Ok((wanted.clone(), digests))
}

/// Cache of a teacher's outputs over texts.
#[derive(Debug)]
pub struct TeacherOutputCache {
    folder: PathBuf,
    manifest: Manifest,
    shards: Vec<Shard>,
    /// The last shard may still be synced.
    _listing: Option<Listing>,
}

impl TeacherOutputCache {
    /// The cache of a folder for a teacher, its texts and taps: read as far as it goes, and computed on from there.
    /// `progress` gets the number of texts done and can interrupt it at the next batch; the shard in progress is lost then, and
    /// the result is none.
    ///
    /// Ranks compute one shard each at a time, and the first one lists them; every rank opens the whole cache.
    ///
    /// # Errors
    /// [`TeacherError::StaleCache`] when the folder holds a cache of something else; any error of the teacher or a file.
    pub fn complete(
        folder: &Path,
        teacher: &dyn Teacher,
        texts: &EncodedTexts<'_>,
        taps: &[String],
        precision: &CacheFormats,
        ranks: &Ranks,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Self>, TeacherError> {
        let wanted = Manifest::new(teacher, texts, taps, precision, SHARD)?;
        if !ranks.is_alone() && !Self::compute_together(&wanted, folder, teacher, texts, ranks, progress)? {
            return Ok(None);
        }
        Self::complete_as(&wanted, folder, teacher, texts, progress)
    }

    /// Computes the shards that are missing, one on each rank at a time; false if this rank was to stop.
    fn compute_together(
        wanted: &Manifest,
        folder: &Path,
        teacher: &dyn Teacher,
        texts: &EncodedTexts<'_>,
        ranks: &Ranks,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<bool, TeacherError> {
        let mut list = None;
        let mut missing = Vec::new();
        if ranks.is_first() && !(Self::is_complete(folder)? && Self::manifest(folder)?.is_some()) {
            write::create_folder(folder)?;
            let lock = Lock::acquire(folder, COMPUTING)?;
            let (manifest, digests) = manifest_of(folder, wanted)?;
            missing = (0..manifest.shards())
                .filter(|&number| {
                    let name = shard_name(number);
                    !(digests.files.contains_key(&name) && folder.join(&name).is_file())
                })
                .map(|number| number as u64)
                .collect();
            list = Some((digests, lock));
        }
        let missing = ranks.broadcast(missing)?;
        if missing.is_empty() {
            return Ok(true);
        }
        let manifest = Self::manifest(folder)?.unwrap_or_else(|| wanted.clone());
        let cache = Self { folder: folder.to_owned(), manifest, shards: Vec::new(), _listing: None };
        for round in missing.chunks(ranks.count()) {
            if let Some(&number) = round.get(ranks.rank())
                && !cache.compute(number as usize, teacher, texts, progress)?
            {
                return Ok(false);
            }
            ranks.barrier()?;
            if let Some((digests, _)) = &mut list {
                for &number in round {
                    let name = shard_name(number as usize);
                    write::sync_file(&folder.join(&name))?;
                    digests.insert(folder, &name)?;
                }
                digests.write(folder)?;
            }
        }
        drop(list);
        // The others read the list.
        ranks.barrier()?;
        Ok(true)
    }

    /// Whether the cache of a folder is one for this teacher, these texts and taps, complete or not.
    ///
    /// # Errors
    /// When the manifest cannot be read.
    pub fn is_of(
        folder: &Path,
        teacher: &dyn Teacher,
        texts: &EncodedTexts<'_>,
        taps: &[String],
        precision: &CacheFormats,
    ) -> Result<bool, TeacherError> {
        let Some(found) = Self::manifest(folder)? else { return Ok(false) };
        Ok(found.stale(&Manifest::new(teacher, texts, taps, precision, SHARD)?).is_none())
    }

    fn complete_as(
        wanted: &Manifest,
        folder: &Path,
        teacher: &dyn Teacher,
        texts: &EncodedTexts<'_>,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Self>, TeacherError> {
        write::create_folder(folder)?;
        // Several runs may read what is complete.
        let lock = if Self::is_complete(folder)? { None } else { Some(Lock::acquire(folder, COMPUTING)?) };
        let (manifest, digests) = manifest_of(folder, wanted)?;
        let listed = digests.files.clone();
        let mut listing = Listing::new(folder.to_owned(), digests, lock);
        let mut cache = Self { folder: folder.to_owned(), manifest, shards: Vec::new(), _listing: None };
        for number in 0..cache.manifest.shards() {
            let (name, path) = (shard_name(number), cache.path(number));
            match listed.get(&name).filter(|_| path.is_file()) {
                Some(digest) => digest.check(&path).map_err(|error| broken(&error))?,
                None if !cache.compute(number, teacher, texts, progress)? => return Ok(None),
                None => listing.add(name)?,
            }
            let shard = Shard::open(&path, &cache.manifest.taps)?;
            let expected = cache.range(number);
            if !shard
                .lengths
                .iter()
                .map(|&length| length as usize)
                .eq(texts.lengths().skip(expected.start).take(expected.len()))
            {
                let message =
                    "it holds other texts than the cache; delete this file, and it is computed anew".into();
                return Err(TeacherError::Cache { path, message });
            }
            cache.shards.push(shard);
            if progress(expected.end).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(Self { _listing: Some(listing), ..cache }))
    }

    /// Whether every shard of the cache of a folder was written to its end.
    fn is_complete(folder: &Path) -> Result<bool, TeacherError> {
        let (Some(digests), Some(manifest)) = (Digests::read(folder)?, Self::manifest(folder)?) else {
            return Ok(false);
        };
        let is_there = |name: String| digests.files.contains_key(&name) && folder.join(&name).is_file();
        Ok((0..manifest.shards()).map(shard_name).all(is_there))
    }

    /// Manifest of the cache of a folder; none if there is none.
    fn manifest(folder: &Path) -> Result<Option<Manifest>, TeacherError> {
        let path = folder.join(MANIFEST);
        // Without its digest it may be of a start that was cut short: nothing was computed yet.
        let Some(digests) = Digests::read(folder)? else { return Ok(None) };
        let Some(digest) = digests.files.get(MANIFEST).filter(|_| path.is_file()) else { return Ok(None) };
        digest.check(&path).map_err(|error| broken_folder(&error))?;
        let text = read::state(&path)?;
        serde_json::from_str(&text).map(Some).map_err(|error| TeacherError::Cache {
            path,
            message: format!("{error}; delete the folder, and it is computed anew"),
        })
    }

    fn path(&self, shard: usize) -> PathBuf {
        self.folder.join(shard_name(shard))
    }

    /// The texts of a shard.
    fn range(&self, shard: usize) -> std::ops::Range<usize> {
        let begin = shard * self.manifest.texts_per_shard;
        begin..(begin + self.manifest.texts_per_shard).min(self.manifest.texts)
    }

    /// Has the teacher read the texts of a shard, and writes it; false if it was to stop.
    fn compute(
        &self,
        shard: usize,
        teacher: &dyn Teacher,
        texts: &EncodedTexts<'_>,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<bool, TeacherError> {
        let taps = &self.manifest.taps;
        let wanted = TapSelection::named(taps.keys().cloned());
        let range = self.range(shard);
        // Texts of one length are read together, as training does; the order of a shard is that of the texts.
        let mut order: Vec<usize> = range.clone().collect();
        order.sort_by_key(|&index| texts.texts[index].ids.len());
        let mut batches: Vec<(Values, IndexMap<usize, usize>)> = Vec::new();
        for (done, batch) in order.chunks(BATCH).enumerate() {
            if progress(range.start + done * BATCH).is_break() {
                return Ok(false);
            }
            let rows: Vec<&EncodedText> = batch.iter().map(|&index| texts.texts[index]).collect();
            let trace = teacher.trace((&TextInput::pad(&rows, texts.padding)).into(), &wanted)?;
            let places = batch.iter().enumerate().map(|(row, &index)| (index, row)).collect();
            batches.push((Values::of(&trace, taps)?, places));
        }
        let of: IndexMap<usize, usize> = batches
            .iter()
            .enumerate()
            .flat_map(|(number, (_, places))| places.keys().map(move |&index| (index, number)))
            .collect();
        let mut writer = Writer::new(taps);
        for index in range {
            let (values, places) = &batches[of[&index]];
            writer.push(values, places[&index], texts.texts[index].ids.len())?;
        }
        writer.write(&self.path(shard))?;
        Ok(true)
    }

    /// The wanted taps over a batch of texts: `rows` are their places in the cache, and `input` what the teacher would
    /// have read. Padding is zero.
    ///
    /// # Errors
    /// When the cache holds no such tap or text.
    pub fn trace(&self, rows: &[usize], input: &TextInput, taps: &[String]) -> Result<Trace, TeacherError> {
        let padded = input.tokens.length;
        let mut trace = Trace::new(TapSelection::named(taps.iter().cloned()));
        trace.record_mask("", &input.tokens.mask);
        let mut values = Vec::new();
        for tap in taps {
            let format = *self.manifest.taps.get(tap).ok_or_else(|| TeacherError::MissingTap(tap.clone()))?;
            let each = format.form.numbers(padded);
            let mut all = vec![0.0; rows.len() * each];
            for (&row, place) in rows.iter().zip(all.chunks_exact_mut(each)) {
                let shard = self.shards.get(row / self.manifest.texts_per_shard);
                let shard = shard.ok_or_else(|| TeacherError::MissingTap(tap.clone()))?;
                shard.read(tap, format, row % self.manifest.texts_per_shard, &mut values)?;
                lay_out(format.form, &values, padded, place);
            }
            let tensor = match format.form {
                TapShape::Text { width } => Tensor::from_vec(all, (rows.len(), width), device::current()),
                TapShape::Tokens { width } => {
                    Tensor::from_vec(all, (rows.len(), padded, width), device::current())
                }
                TapShape::Pairs { heads } => {
                    Tensor::from_vec(all, (rows.len(), heads, padded, padded), device::current())
                }
            };
            trace.record(tap, &tensor.map_err(ModelError::from)?);
        }
        Ok(trace)
    }

    /// Folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shards.iter().map(Shard::size).sum()
    }

    /// Error of each tap's format over all texts.
    #[must_use]
    pub fn quantization_errors(&self) -> IndexMap<String, QuantizationError> {
        let mut errors: IndexMap<String, QuantizationError> = IndexMap::new();
        for (tap, error) in self.shards.iter().flat_map(|shard| &shard.errors) {
            errors.entry(tap.clone()).or_default().merge(error);
        }
        errors
    }
}

/// Puts the numbers of a text where a padded batch has them.
fn lay_out(form: TapShape, values: &[f32], padded: usize, place: &mut [f32]) {
    match form {
        TapShape::Text { .. } | TapShape::Tokens { .. } => place[..values.len()].copy_from_slice(values),
        TapShape::Pairs { heads } => {
            let length = (values.len() / heads.max(1)).isqrt();
            for (row, values) in values.chunks_exact(length.max(1)).enumerate() {
                let begin = (row / length * padded + row % length) * padded;
                place[begin..begin + length].copy_from_slice(values);
            }
        }
    }
}

fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), TeacherError> {
    let path = folder.join(MANIFEST);
    let text = serde_json::to_string_pretty(manifest)
        .map_err(|error| TeacherError::Cache { path: path.clone(), message: error.to_string() })?;
    Ok(write::write(&path, (text + "\n").as_bytes())?)
}

fn shard_name(number: usize) -> String {
    format!("shard-{number:05}.safetensors")
}

/// Files of a folder that no cache writes; none where there is no folder.
///
/// # Errors
/// When it cannot be read.
pub fn foreign_files(folder: &Path) -> Result<Vec<PathBuf>, TeacherError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let is_own = |path: &PathBuf| {
        let name = digests::relative(folder, path);
        let name = name.strip_suffix(".part").unwrap_or(&name);
        let number = name.strip_prefix("shard-").and_then(|name| name.strip_suffix(".safetensors"));
        [MANIFEST, DIGESTS, LOCK].contains(&name)
            || number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    Ok(digests::files_below(folder)?.into_iter().filter(|path| !is_own(path)).collect())
}

/// A damaged file of a cache, which can be computed again.
fn broken(error: &FileError) -> TeacherError {
    TeacherError::Cache {
        path: error.path().to_owned(),
        message: format!("{}; delete this file, and it is computed anew", error.reason()),
    }
}

/// A cache whose description is damaged.
fn broken_folder(error: &FileError) -> TeacherError {
    TeacherError::Cache {
        path: error.path().to_owned(),
        message: format!("{}; delete the folder, and it is computed anew", error.reason()),
    }
}
