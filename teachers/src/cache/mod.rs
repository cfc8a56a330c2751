//! A teacher's outputs over given texts, computed once and kept on disk.
//!
//! A cache is a folder: `cache.json` says what it was made of, shards hold the taps of some texts each, and `digests.json`
//! the digests of all. A shard is there when it is whole and listed, so an interrupted cache goes on where it stopped, and
//! comes out as if it had not. One process at a time computes one.

mod keep;
mod listing;
mod precision;
mod shard;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use alambic_files::digests::{self, DIGESTS, Digests};
use alambic_files::lock::{LOCK, Lock};
use alambic_files::{FileError, read, write};
use alambic_models::bert::TextInput;
use alambic_models::{EncodedText, Form, ModelError, Outline, Trace, Wanted};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use self::keep::Kept;
use self::listing::Listing;
pub use self::precision::{Cost, Precision, Stored};
use self::shard::{Shard, Values, Writer};
use crate::{Teacher, TeacherError};

/// The file that says what a cache was made of.
const MANIFEST: &str = "cache.json";
/// Texts that the teacher reads together.
const BATCH: usize = 32;
/// Bytes that a shard should have.
const SHARD: usize = 64 << 20;

/// Texts as the teacher reads them, in the order in which a cache has them.
#[derive(Debug, Clone)]
pub struct Texts<'a> {
    /// Their tokens.
    pub texts: Vec<&'a EncodedText>,
    /// The padding token.
    pub padding: u32,
}

impl Texts<'_> {
    fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for text in &self.texts {
            hasher.update(&(text.ids.len() as u64).to_le_bytes());
            // Segments that are left out are zeros.
            let implied = if text.segments.is_empty() { text.ids.len() } else { 0 };
            let segments = text.segments.iter().chain(std::iter::repeat_n(&0, implied));
            for number in text.ids.iter().chain(segments) {
                hasher.update(&number.to_le_bytes());
            }
        }
        hasher.finalize().to_hex().to_string()
    }

    fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.texts.iter().map(|text| text.ids.len())
    }
}

/// What a cache was made of, and how it is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Manifest {
    /// Digest of the teacher's configuration and weights, its vocabulary with them.
    weights: String,
    /// Digest of the vocabulary alone.
    tokenizer: String,
    /// Digest of the texts in tokens, in their order.
    data: String,
    /// How each tap is kept.
    taps: IndexMap<String, Kept>,
    /// Texts.
    texts: usize,
    /// Texts of a shard; the last may have fewer.
    texts_per_shard: usize,
}

/// Bytes that the taps of texts of these lengths take up. None if the teacher has no such tap.
#[must_use]
pub fn estimate(
    outline: &Outline,
    taps: &[String],
    precision: &Precision,
    lengths: impl Iterator<Item = usize>,
) -> Option<u64> {
    let kept = kept(outline, taps, precision).ok()?;
    Some(lengths.map(|length| 4 + bytes(&kept, length) as u64).sum())
}

fn kept(
    outline: &Outline,
    taps: &[String],
    precision: &Precision,
) -> Result<IndexMap<String, Kept>, TeacherError> {
    taps.iter()
        .map(|tap| {
            let form = outline.form(tap).ok_or_else(|| TeacherError::Tap(tap.clone()))?;
            Ok((tap.clone(), Kept::of(tap, form, precision)))
        })
        .collect()
}

fn bytes(taps: &IndexMap<String, Kept>, length: usize) -> usize {
    taps.values().map(|kept| kept.bytes(length)).sum()
}

impl Manifest {
    fn new(
        teacher: &dyn Teacher,
        texts: &Texts<'_>,
        taps: &[String],
        precision: &Precision,
        shard: usize,
    ) -> Result<Self, TeacherError> {
        let outline = teacher.outline().ok_or(TeacherError::NoTaps)?;
        let taps = kept(outline, taps, precision)?;
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

    /// The first part in which a cache is not what is wanted. More taps than that do no harm.
    fn stale(&self, wanted: &Self) -> Option<&'static str> {
        let taps = |found: &Self| wanted.taps.iter().all(|(tap, kept)| found.taps.get(tap) == Some(kept));
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

/// What a teacher says of texts, kept on disk.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    manifest: Manifest,
    shards: Vec<Shard>,
    /// The last shard may still be synced.
    _listing: Option<Listing>,
}

impl Cache {
    /// The cache of a folder for a teacher, its texts and taps: read as far as it goes, and computed on from there.
    /// `progress` hears how many texts are done, and can have it stop at the next batch; what is computed of a shard by
    /// then is lost, and none is given.
    ///
    /// # Errors
    /// [`TeacherError::StaleCache`] when the folder holds a cache of something else; any error of the teacher or a file.
    pub fn complete(
        folder: &Path,
        teacher: &dyn Teacher,
        texts: &Texts<'_>,
        taps: &[String],
        precision: &Precision,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Self>, TeacherError> {
        let wanted = Manifest::new(teacher, texts, taps, precision, SHARD)?;
        Self::complete_as(wanted, folder, teacher, texts, progress)
    }

    /// Whether the cache of a folder is one for this teacher, these texts and taps, complete or not.
    ///
    /// # Errors
    /// When what the folder says of its cache cannot be read.
    pub fn is_of(
        folder: &Path,
        teacher: &dyn Teacher,
        texts: &Texts<'_>,
        taps: &[String],
        precision: &Precision,
    ) -> Result<bool, TeacherError> {
        let Some(found) = Self::manifest(folder)? else { return Ok(false) };
        Ok(found.stale(&Manifest::new(teacher, texts, taps, precision, SHARD)?).is_none())
    }

    fn complete_as(
        wanted: Manifest,
        folder: &Path,
        teacher: &dyn Teacher,
        texts: &Texts<'_>,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Option<Self>, TeacherError> {
        write::create_folder(folder)?;
        // Several runs may read what is complete.
        let lock = if Self::is_complete(folder)? {
            None
        } else {
            Some(Lock::acquire(folder, "a cache of a teacher's outputs")?)
        };
        let mut digests = Digests::read(folder)?.unwrap_or_default();
        let manifest = if let Some(found) = Self::manifest(folder)? {
            if let Some(part) = found.stale(&wanted) {
                return Err(TeacherError::StaleCache { path: folder.to_owned(), part });
            }
            found
        } else {
            write_manifest(folder, &wanted)?;
            digests.insert(folder, MANIFEST)?;
            digests.write(folder)?;
            wanted
        };
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

    /// What the cache of a folder was made of; none if there is none.
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
        texts: &Texts<'_>,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<bool, TeacherError> {
        let taps = &self.manifest.taps;
        let wanted = Wanted::named(taps.keys().cloned());
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
        let mut trace = Trace::new(Wanted::named(taps.iter().cloned()));
        trace.record_mask("", &input.tokens.mask);
        let mut values = Vec::new();
        for tap in taps {
            let kept = *self.manifest.taps.get(tap).ok_or_else(|| TeacherError::Tap(tap.clone()))?;
            let each = kept.form.numbers(padded);
            let mut all = vec![0.0; rows.len() * each];
            for (&row, place) in rows.iter().zip(all.chunks_exact_mut(each)) {
                let shard = self.shards.get(row / self.manifest.texts_per_shard);
                let shard = shard.ok_or_else(|| TeacherError::Tap(tap.clone()))?;
                shard.read(tap, kept, row % self.manifest.texts_per_shard, &mut values)?;
                lay_out(kept.form, &values, padded, place);
            }
            let tensor = match kept.form {
                Form::Text { width } => Tensor::from_vec(all, (rows.len(), width), device::current()),
                Form::Tokens { width } => {
                    Tensor::from_vec(all, (rows.len(), padded, width), device::current())
                }
                Form::Pairs { heads } => {
                    Tensor::from_vec(all, (rows.len(), heads, padded, padded), device::current())
                }
            };
            trace.record(tap, &tensor.map_err(ModelError::from)?);
        }
        Ok(trace)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shards.iter().map(Shard::size).sum()
    }

    /// What the format of each tap costs, over all texts.
    #[must_use]
    pub fn costs(&self) -> IndexMap<String, Cost> {
        let mut costs: IndexMap<String, Cost> = IndexMap::new();
        for (tap, cost) in self.shards.iter().flat_map(|shard| &shard.costs) {
            costs.entry(tap.clone()).or_default().merge(cost);
        }
        costs
    }
}

/// Puts the numbers of a text where a padded batch has them.
fn lay_out(form: Form, values: &[f32], padded: usize, place: &mut [f32]) {
    match form {
        Form::Text { .. } | Form::Tokens { .. } => place[..values.len()].copy_from_slice(values),
        Form::Pairs { heads } => {
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

/// What of a folder is no cache's: files that no cache writes. Where it is not there, nothing.
///
/// # Errors
/// When it cannot be read.
pub fn foreign(folder: &Path) -> Result<Vec<PathBuf>, TeacherError> {
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
