//! NLVR2.

use std::sync::Arc;

use alambic_settings::{Location, OneOrMany, settings};

use super::ReadCorpus;
use super::statements::{StatementFiles, StatementImage, StatementRow, read_statements};
use crate::content::Content;
use crate::error::{DataError, Fault};
use crate::image_files::{ImageFolder, Listings};
use crate::pictures::{Picture, Pixels};
use crate::source::Extent;

settings! {
    /// Statements about two photographs, as NLVR2 publishes them (Suhr et al., 2019): JSON lines with `identifier`, which is
    /// `split-set-pair-sentence`, `sentence` and `label`, `True` or `False`. The left image is `split-set-pair-img0.png`, the
    /// right one `split-set-pair-img1.png`; side by side they are one image, which models that read several may read one by one.
    ///
    /// Pairs of a set share photographs and sentences, and are one image where the corpus is split or a share of it is taken.
    pub struct Nlvr2 {
        /// The files.
        pub paths: OneOrMany<Location>,
        /// Files whose rows all have the split `validation`.
        pub validation_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files whose rows all have the split `test`.
        pub test_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// The folder of the images. They lie in it, in a folder with the name of the split below it, or, where rows have a
        /// `directory` as those of training do, in that one below the split's.
        pub images: Location,
    }
}

/// The number of the left and of the right image.
const SIDES: [&str; 2] = ["img0", "img1"];

impl ReadCorpus for Nlvr2 {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let folder = ImageFolder::open(&self.images)?;
        let mut listings = Listings::default();
        let files = StatementFiles {
            paths: &self.paths,
            validation_paths: &self.validation_paths,
            test_paths: &self.test_paths,
            nested: &[],
            optional: "directory",
            kind: "nlvr2",
        };
        let image = |row: &StatementRow<'_>| {
            let [split, set, pair] = parts(row.identifier)?;
            let pair = format!("{split}-{set}-{pair}");
            let mut sides = Vec::with_capacity(SIDES.len());
            for side in SIDES {
                let name = format!("{pair}-{side}.png");
                let named = name_of(split, row.optional, &name, &folder, extent, &mut listings)?;
                sides.push(named);
            }
            let picture =
                Picture { pixels: Pixels::Joined(Arc::new(sides)), ..Picture::without_pixels(pair.clone()) };
            Ok(StatementImage { name: pair, group: format!("{split}-{set}"), picture })
        };
        Ok(read_statements(&files, extent, image)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

/// The image of a name, in one of the folders in which it may lie.
fn name_of(
    split: &str,
    directory: Option<&str>,
    name: &str,
    folder: &ImageFolder,
    extent: Extent,
    listings: &mut Listings,
) -> Result<Picture, Fault> {
    let below = directory.map(|directory| format!("{split}/{directory}/{name}"));
    let places = [Some(name.to_owned()), Some(format!("{split}/{name}")), below];
    let files: Vec<_> = places.into_iter().flatten().map(|place| folder.file(&place)).collect();
    let there = files.iter().position(|file| file.path.as_ref().is_some_and(|path| path.is_file()));
    let file = &files[there.unwrap_or_default()];
    let path = file.path.clone().unwrap_or_default();
    let found = if extent == Extent::Whole { listings.find_image(&path)?.0 } else { path };
    Ok(Picture { name: file.name.clone(), ..Picture::of_file(found) })
}

/// Split, set and pair of an identifier.
fn parts(identifier: &str) -> Result<[&str; 3], Fault> {
    let fault = || Fault::NotForm {
        column: "identifier".into(),
        found: identifier.to_owned(),
        form: "split-set-pair-sentence",
    };
    let mut parts = identifier.rsplitn(4, '-');
    let (_, pair, set, split) = (parts.next(), parts.next(), parts.next(), parts.next());
    match (split, set, pair) {
        (Some(split), Some(set), Some(pair))
            if ![split, set, pair].contains(&"") && !identifier.contains('/') =>
        {
            Ok([split, set, pair])
        }
        _ => Err(fault()),
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn identifier_names_split_set_and_pair() {
        assert_eq!(parts("dev-850-0-1").unwrap(), ["dev", "850", "0"]);
        assert_eq!(parts("balanced-test1-7-2-0").unwrap(), ["balanced-test1", "7", "2"]);
        for wrong in ["", "dev-1-2", "-1-2-3", "dev--2-3", "../dev-1-2-3"] {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
    }
}
