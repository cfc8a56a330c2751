//! Image files of a corpus: what they are called, wherever their folder lies, and how they are found.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use alambic_files::text::elided;
use alambic_settings::Location;
use unicode_normalization::UnicodeNormalization;

use crate::decoding::size_of;
use crate::error::{DataError, Fault, Place, Problems};
use crate::pictures::{Picture, Pixels};
use crate::source::Extent;

/// A folder of a corpus's images.
#[derive(Debug, Clone)]
pub(crate) struct ImageFolder {
    path: PathBuf,
    /// The same without links, as far as it is there.
    real: PathBuf,
    /// What the names of its images begin with, where there is another folder; else nothing.
    prefix: &'static str,
}

/// An image as a corpus names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageFile {
    /// What it is called, by where it is below the corpus's folder.
    pub(crate) name: String,
    /// Where that should be on this machine; none where only its regions are known.
    pub(crate) path: Option<PathBuf>,
}

impl ImageFile {
    /// The image that a file of a corpus calls so, below the folder of images if there is one.
    pub(crate) fn named(named: &str, folder: Option<&ImageFolder>) -> Self {
        match folder {
            Some(folder) => folder.file(named),
            None => Self { path: None, ..ImageFolder::new(PathBuf::new()).file(named) },
        }
    }
}

impl ImageFolder {
    /// The only folder of a corpus.
    pub(crate) fn new(path: PathBuf) -> Self {
        let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        Self { path, real, prefix: "" }
    }

    /// The folder at a location.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn open(location: &Location) -> Result<Self, DataError> {
        let path = match location {
            Location::File(path) if path.is_dir() => Some(path.clone()),
            Location::File(path) => Listings::default().locate(path).ok().filter(|found| found.is_dir()),
            _ => None,
        };
        path.map(Self::new)
            .ok_or_else(|| DataError::new(Place::file(&location.to_string()), Fault::NotFolder))
    }

    /// A further folder of a corpus, whose images differ from those of `first` by `prefix`; the same, where both are one.
    pub(crate) fn with_prefix(own: Self, first: &Self, prefix: &'static str) -> Self {
        if own.real == first.real { first.clone() } else { Self { prefix, ..own } }
    }

    /// The image that a file of the corpus calls by a path below this folder.
    ///
    /// Its name decides its split, and depends on nothing but that path: not on where the folder lies, nor on how it is
    /// reached, nor on the normal form in which a file system keeps letters.
    pub(crate) fn file(&self, named: &str) -> ImageFile {
        let path = self.path.join(named);
        // One that is named from the root may lie below it all the same.
        let below = path.strip_prefix(&self.path).or_else(|_| path.strip_prefix(&self.real)).unwrap_or(&path);
        let parts =
            std::iter::once(self.prefix.into()).chain(below.components().filter_map(|part| match part {
                Component::CurDir | Component::RootDir => None,
                other => Some(other.as_os_str().to_string_lossy()),
            }));
        // A corpus that is read from within its folder, given as `.`, has always called them so.
        let parts: Vec<_> =
            std::iter::once(".".into()).chain(parts.filter(|part| !part.is_empty())).collect();
        ImageFile { name: parts.join("/").nfc().collect(), path: Some(path) }
    }
}

/// The images of a corpus in the making, each once.
#[derive(Debug)]
pub(crate) struct Images {
    extent: Extent,
    pictures: Vec<Picture>,
    /// Places of images by the paths that rows name.
    named: HashMap<PathBuf, usize>,
    /// Places of images by the files that paths lead to.
    files: HashMap<PathBuf, usize>,
    listings: Listings,
    /// Of the images' names and lengths.
    hasher: blake3::Hasher,
    problems: Problems,
}

impl Images {
    pub(crate) fn new(extent: Extent) -> Self {
        Self {
            extent,
            pictures: Vec::new(),
            named: HashMap::new(),
            files: HashMap::new(),
            listings: Listings::default(),
            hasher: blake3::Hasher::new(),
            problems: Problems::default(),
        }
    }

    /// The place of an image that a row at `place` names. One file is one image, whatever it is called by several rows:
    /// its name is then the first by the alphabet.
    ///
    /// If the whole corpus is read, an image that is not there, or whose head is broken, is noted.
    pub(crate) fn take(&mut self, file: ImageFile, place: Place) -> usize {
        let ImageFile { name, path: named } = file;
        let key = named.clone().unwrap_or_else(|| PathBuf::from(&name));
        if let Some(&image) = self.named.get(&key) {
            return image;
        }
        let (path, real) = match (&named, self.extent) {
            (Some(named), Extent::Whole) => self.listings.find_image(named).unwrap_or_else(|fault| {
                self.problems.push(place, fault);
                (named.clone(), named.clone())
            }),
            _ => (key.clone(), key.clone()),
        };
        let image = if let Some(&image) = self.files.get(&real) {
            let own = &mut self.pictures[image].name;
            if name < *own {
                *own = name;
            }
            image
        } else {
            self.files.insert(real, self.pictures.len());
            self.pictures.push(match named {
                Some(_) => Picture { name, ..Picture::of_file(path) },
                None => Picture::without_pixels(name),
            });
            self.pictures.len() - 1
        };
        self.named.insert(key, image);
        image
    }

    pub(crate) fn picture(&mut self, image: usize) -> &mut Picture {
        &mut self.pictures[image]
    }

    /// The images, with the corpus's fingerprint, into which their names and lengths go.
    ///
    /// # Errors
    /// What was noted.
    pub(crate) fn finish(mut self, fingerprint: &str) -> Result<(Vec<Picture>, String), DataError> {
        self.hasher.update(fingerprint.as_bytes());
        for picture in &self.pictures {
            self.hasher.update(picture.name.as_bytes());
            if let Pixels::File(path) = &picture.pixels {
                let length = fs::metadata(path).map_or(0, |metadata| metadata.len());
                self.hasher.update(&length.to_le_bytes());
            }
        }
        self.problems.or((self.pictures, self.hasher.finalize().to_hex().to_string()))
    }
}

/// What folders hold, for files whose names are written in another normal form: a Mac decomposes letters.
#[derive(Debug, Default)]
pub(crate) struct Listings(HashMap<PathBuf, Vec<(String, OsString)>>);

impl Listings {
    /// The path by which an image is read, and the file that it leads to.
    ///
    /// # Errors
    /// Where it is not there, or its head is broken.
    pub(crate) fn find_image(&mut self, path: &Path) -> Result<(PathBuf, PathBuf), Fault> {
        let shown = || elided(&path.display().to_string());
        let damaged = |reason: String| Fault::DamagedImage { path: shown(), reason };
        let found = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(Fault::NoImage(shown())),
            Ok(_) => path.to_owned(),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                self.find(path)?
            }
            Err(error) => return Err(damaged(error.to_string())),
        };
        size_of(&found).map_err(|fault| match fault {
            Fault::NotImage(reason) | Fault::Unreadable(reason) => damaged(reason),
            other => other,
        })?;
        let real = fs::canonicalize(&found).map_err(|error| damaged(error.to_string()))?;
        Ok((found, real))
    }

    /// [`Self::locate`] of a file.
    fn find(&mut self, path: &Path) -> Result<PathBuf, Fault> {
        let found = self.locate(path)?;
        if found.is_dir() { Err(Fault::NoImage(elided(&path.display().to_string()))) } else { Ok(found) }
    }

    /// The file or folder that has the name of each part of a path, or one that is canonically equal to it.
    ///
    /// # Errors
    /// Where there is none, or several are equal to a part.
    fn locate(&mut self, path: &Path) -> Result<PathBuf, Fault> {
        let shown = || elided(&path.display().to_string());
        let mut found = PathBuf::new();
        for part in path.components() {
            let next = found.join(part);
            if fs::metadata(&next).is_ok() {
                found = next;
                continue;
            }
            let (Component::Normal(_), Some(wanted)) = (part, part.as_os_str().to_str()) else {
                return Err(Fault::NoImage(shown()));
            };
            let wanted: String = wanted.nfc().collect();
            let held = self.0.entry(found.clone()).or_insert_with(|| listing(&found));
            let equal: Vec<&OsString> =
                held.iter().filter(|(name, _)| *name == wanted).map(|(_, name)| name).collect();
            match equal[..] {
                [] => return Err(Fault::NoImage(shown())),
                [one] => found.push(one),
                _ => return Err(Fault::AmbiguousImage(shown(), equal.len())),
            }
        }
        Ok(found)
    }
}

/// The composed names of what a folder holds, and the names; nothing where it cannot be read.
fn listing(folder: &Path) -> Vec<(String, OsString)> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .map(|entry| entry.file_name())
        .filter_map(|name| Some((name.to_str()?.nfc().collect(), name.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_image_is_relative_to_its_folder() {
        let folder = ImageFolder::new("/data/images".into());
        for (named, expected) in [
            ("a.png", "./a.png"),
            ("./a.png", "./a.png"),
            ("sub//b.png", "./sub/b.png"),
            ("/data/images/sub/b.png", "./sub/b.png"),
            ("/elsewhere/c.png", "./elsewhere/c.png"),
            ("e\u{301}.png", "./\u{e9}.png"),
        ] {
            assert_eq!(folder.file(named).name, expected, "{named}");
        }
        let further = ImageFolder::with_prefix(ImageFolder::new("/data/others".into()), &folder, "test");
        assert_eq!(further.file("a.png").name, "./test/a.png");
        let same = ImageFolder::with_prefix(ImageFolder::new("/data/images/".into()), &folder, "test");
        assert_eq!(same.file("a.png").name, "./a.png");
    }
}
