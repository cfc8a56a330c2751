//! Images whose regions are wanted, and the ids by which files of regions know them.

use std::collections::HashMap;

use alambic_files::text::{elided, quoted};
use unicode_normalization::UnicodeNormalization;

use crate::error::RegionFault;
use crate::pictures::Picture;
use crate::source::Extent;

/// How many images are named before the rest is only counted.
const NAMED: usize = 5;

/// Extensions of images, without which ids are compared.
const IMAGES: [&str; 5] = [".jpg", ".jpeg", ".png", ".webp", ".gif"];

/// What an image is known by in files of regions: its file's name without folders, extension, a prefix such as
/// `COCO_val2014_` and, if it is a number, leading zeros. Canonically equal names are one.
fn key(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let cut = |extension: &&str| {
        let at = name.len().checked_sub(extension.len())?;
        name.get(at..)?.eq_ignore_ascii_case(extension).then(|| &name[..at])
    };
    let name = IMAGES.iter().find_map(cut).unwrap_or(name);
    let is_coco = name.get(..5).is_some_and(|prefix| prefix.eq_ignore_ascii_case("COCO_"));
    let name = if is_coco { name.rsplit('_').next().unwrap_or(name) } else { name };
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        match name.trim_start_matches('0') {
            "" => name.get(..1).unwrap_or(name).to_owned(),
            number => number.to_owned(),
        }
    } else {
        name.nfc().collect()
    }
}

/// Whether two names are of one image.
pub(super) fn is_same_image(one: &str, other: &str) -> bool {
    key(one) == key(other)
}

/// The images whose regions are wanted.
#[derive(Debug)]
pub(super) struct WantedImages {
    extent: Extent,
    images: HashMap<String, usize>,
}

impl WantedImages {
    /// # Errors
    /// Where two images have the same id.
    pub(super) fn new(pictures: &[Picture], extent: Extent) -> Result<Self, RegionFault> {
        let mut images = HashMap::with_capacity(pictures.len());
        for (index, picture) in pictures.iter().enumerate() {
            let id = key(&picture.name);
            if let Some(first) = images.insert(id.clone(), index) {
                let [first, second] = [&pictures[first], picture].map(|own| elided(&own.name));
                return Err(RegionFault::SameId { id: quoted(&id), first, second });
            }
        }
        Ok(Self { extent, images })
    }

    /// How much of the files is read.
    pub(super) fn extent(&self) -> Extent {
        self.extent
    }

    /// What the image that a file calls by an id is known by; nothing where it is not wanted. Of heads of files any is.
    pub(super) fn key(&self, id: &str) -> Option<String> {
        let key = key(id);
        (self.extent == Extent::Head || self.images.contains_key(&key)).then_some(key)
    }

    /// Whether so many are all: the images of the corpus, or the first of a file.
    pub(super) fn is_done(&self, read: usize) -> bool {
        match self.extent {
            Extent::Whole => read >= self.images.len(),
            Extent::Head => read > 0,
        }
    }

    /// The fault that some images have no regions or no tags, if that is so.
    pub(super) fn missing(
        &self,
        what: &'static str,
        pictures: &[Picture],
        has: impl Fn(&str) -> bool,
    ) -> Result<(), RegionFault> {
        let names: Vec<&String> =
            pictures.iter().map(|picture| &picture.name).filter(|name| !has(&key(name))).collect();
        if names.is_empty() || self.extent == Extent::Head {
            return Ok(());
        }
        let first = names.iter().take(NAMED).map(|name| elided(name)).collect();
        Err(RegionFault::MissingImages { what, count: names.len(), first })
    }
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn an_image_is_known_by_its_name() {
        for (name, expected) in [
            ("images/COCO_val2014_000000262148.jpg", "262148"),
            ("COCO_test2015_000000262148", "262148"),
            ("262148", "262148"),
            ("000000262148.JPEG", "262148"),
            ("C:\\images\\n161313.png", "n161313"),
            ("dev-850-0-img0", "dev-850-0-img0"),
            ("scene 7", "scene 7"),
            ("000", "0"),
            ("", ""),
            ("é.png", "é"),
            ("e\u{301}.webp", "é"),
            ("v1.5", "v1.5"),
        ] {
            assert_eq!(key(name), expected, "{name}");
        }
    }
}
