//! Document frequencies of n-grams, from a file.

use std::collections::HashMap;
use std::path::Path;

use alambic_files::text::quoted;
use serde::Deserialize;

use crate::error::{ReportError, Result};

/// Largest file that is read: the n-grams of COCO's captions are 60 MB.
const MAX_BYTES: u64 = 1 << 30;

/// How many images have each n-gram in one of their captions, out of how many: what CIDEr-D weighs n-grams by.
///
/// The file is JSON with the keys of the pickles that the published evaluations of CIDEr-D read: `ref_len`, the number of images, and
/// `document_frequency`, n-grams of 1 to 4 tokens separated by blanks, each with its number of images. Tokens are in lower case and
/// without punctuation marks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentFrequencies {
    #[serde(rename = "ref_len")]
    images: f64,
    #[serde(rename = "document_frequency")]
    counts: HashMap<String, f64>,
}

impl DocumentFrequencies {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, is no such JSON, or a count is below 0 or above the number of images.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = alambic_files::read::bytes(path, MAX_BYTES)?;
        let refused = |reason: String| ReportError::DocumentFrequencies { path: path.to_owned(), reason };
        if bytes.first() == Some(&0x80) {
            return Err(refused(
                "it is a pickle of Python; write it as JSON, with n-grams as strings whose tokens are separated by blanks".into(),
            ));
        }
        let read: Self = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
        if !(read.images.is_finite() && read.images >= 1.0) {
            return Err(refused(format!("`ref_len` is {}; it is a number of images from 1 on", read.images)));
        }
        let is_wrong = |count: &f64| !(0.0..=read.images).contains(count);
        if let Some((ngram, count)) =
            read.counts.iter().filter(|(_, count)| is_wrong(count)).min_by_key(|own| own.0)
        {
            return Err(refused(format!(
                "the n-gram `{}` is in {count} images of {}",
                quoted(ngram),
                read.images
            )));
        }
        Ok(read)
    }

    /// The number of images.
    pub(super) fn images(&self) -> f64 {
        self.images
    }

    /// How many images have an n-gram.
    pub(super) fn count(&self, ngram: &[String]) -> f64 {
        self.counts.get(&ngram.join(" ")).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_with_counts_above_the_number_of_images_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("df.json");
        let read = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            DocumentFrequencies::read(&path).map_err(|error| error.to_string())
        };
        let own = read(br#"{"ref_len": 10, "document_frequency": {"a": 9, "a man": 2}}"#).unwrap();
        let count =
            |words: &[&str]| own.count(&words.iter().map(|own| (*own).to_owned()).collect::<Vec<_>>());
        assert_eq!((own.images(), count(&["a", "man"]), count(&["x"])), (10.0, 2.0, 0.0));
        for (text, said) in [
            (&br#"{"ref_len": 1, "document_frequency": {"a": 2}}"#[..], "`a` is in 2 images of 1"),
            (br#"{"ref_len": 0, "document_frequency": {}}"#, "`ref_len` is 0"),
            (br#"{"document_frequency": {}}"#, "missing field `ref_len`"),
            (b"\x80\x03}q", "pickle"),
            (b"", "EOF"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said) && error.contains("df.json"), "{error}");
        }
        assert!(DocumentFrequencies::read(&folder.path().join("none")).is_err());
    }
}
