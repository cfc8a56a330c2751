use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::images::BenchmarkImages;
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::image_files::{ImageFile, ImageFolder, Listings};
use crate::pictures::Picture;
use crate::regions::RegionFiles;
use crate::source::Extent;

/// Images of a part, and where they come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageSet {
    /// The images.
    pub pictures: Vec<Picture>,
    /// The folder of their files; none where only their regions are there, or where they are made up.
    pub folder: Option<PathBuf>,
    /// The files of their regions, where there are any.
    pub regions: Option<RegionFiles>,
}

/// A question about an image, or a sentence that is true of it or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisualQuestion {
    /// Its id; none where predictions are told apart by their order.
    pub id: Option<String>,
    /// The question or sentence.
    pub text: String,
    /// The place of its image.
    pub image: usize,
    /// The right answer or class; none where the file does not say it.
    pub answer: Option<String>,
}

/// A caption of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageCaption {
    /// The caption.
    pub text: String,
    /// The place of its image.
    pub image: usize,
}

/// Extensions of images, the likeliest first.
const EXTENSIONS: [&str; 8] = ["jpg", "png", "jpeg", "webp", "gif", "JPG", "PNG", "JPEG"];

/// Reader of the images that a benchmark's files name.
pub(in super::super) struct ImageReader<'b> {
    options: &'b BenchmarkImages,
    folder: Option<ImageFolder>,
    path: PathBuf,
    regions: Option<RegionFiles>,
    listings: Listings,
    pictures: Vec<Picture>,
    /// Places of images by what the benchmark calls them.
    known: HashMap<String, usize>,
    problems: Problems,
}

impl<'b> ImageReader<'b> {
    /// Of a task's folder.
    ///
    /// # Errors
    /// Where there is no folder of images, and no regions are named.
    pub(in super::super) fn new(options: &'b BenchmarkImages, task_folder: &Path) -> Result<Self, DataError> {
        let path = options.folder_in(task_folder);
        let regions = options.region_files(task_folder);
        let is_there = path.is_dir();
        if !is_there && regions.is_none() {
            let fault = BenchmarkFault::NoImageFolder;
            return Err(DataError::new(Place::file(&path.display().to_string()), fault.into()));
        }
        Ok(Self {
            options,
            folder: is_there.then(|| ImageFolder::new(path.clone())),
            path,
            regions,
            listings: Listings::default(),
            pictures: Vec::new(),
            known: HashMap::new(),
            problems: Problems::default(),
        })
    }

    /// The place of an image that is called by one of some names, each image once.
    pub(in super::super) fn take(&mut self, names: &[&str], place: impl FnOnce() -> Place) -> usize {
        let Some(name) = names.first() else { return self.add(names, place) };
        if let Some(&known) = self.known.get(*name) {
            return known;
        }
        let image = self.add(names, place);
        self.known.insert((*name).to_owned(), image);
        image
    }

    /// The place of a further image. One that is not there is noted.
    pub(in super::super) fn add(&mut self, names: &[&str], place: impl FnOnce() -> Place) -> usize {
        match self.picture(names) {
            Ok(picture) => self.pictures.push(picture),
            Err(fault) => {
                self.problems.push(place(), fault);
                self.pictures.push(Picture::without_pixels(String::new()));
            }
        }
        self.pictures.len() - 1
    }

    /// Notes a row that is wrong in another way.
    pub(in super::super) fn note(&mut self, place: Place, fault: Fault) {
        self.problems.push(place, fault);
    }

    /// The images with their regions, where there are files of them.
    ///
    /// # Errors
    /// What was noted; what is wrong with the files of regions.
    pub(in super::super) fn finish(self) -> Result<ImageSet, DataError> {
        let mut pictures = self.problems.or(self.pictures)?;
        if let Some(regions) = &self.regions {
            regions.attach_to(&mut pictures, Extent::Whole)?;
        }
        Ok(ImageSet { pictures, folder: self.folder.map(|_| self.path), regions: self.regions })
    }

    fn picture(&mut self, names: &[&str]) -> Result<Picture, Fault> {
        let named: Vec<String> =
            names.iter().map(|name| self.options.image_name.replace("{}", name)).collect();
        let Some(folder) = &self.folder else {
            let first = named.first().map(String::as_str).unwrap_or_default();
            return Ok(Picture::without_pixels(ImageFile::named(first, None).name));
        };
        let files: Vec<ImageFile> =
            named.iter().flat_map(|name| candidates(name)).map(|name| folder.file(&name)).collect();
        // Folders are only searched for other normal forms of a name where one can have some.
        let is_there = |file: &&ImageFile| file.path.as_ref().is_some_and(|path| path.is_file());
        let first = files.iter().find(is_there).map(|file| vec![file]);
        let in_turn = first.unwrap_or_else(|| {
            let has_forms = named.iter().any(|name| !name.is_ascii());
            if has_forms { files.iter().collect() } else { files.iter().take(1).collect() }
        });
        let mut missing = None;
        for file in in_turn {
            let Some(path) = &file.path else { continue };
            match self.listings.find_image(path) {
                Ok((path, _)) => return Ok(Picture { name: file.name.clone(), ..Picture::of_file(path) }),
                Err(fault @ Fault::NoImage(_)) => {
                    missing.get_or_insert(fault);
                }
                Err(other) => return Err(other),
            }
        }
        Err(missing.unwrap_or_else(|| Fault::NoImage(String::new())))
    }
}

/// The names that the file of an image may have: as it is written, with an extension, or with another one.
fn candidates(name: &str) -> Vec<String> {
    let extension = name
        .rsplit_once('.')
        .filter(|(_, extension)| EXTENSIONS.iter().any(|own| own.eq_ignore_ascii_case(extension)));
    match extension {
        Some((stem, own)) => {
            let others =
                EXTENSIONS.iter().filter(|other| **other != own).map(|other| format!("{stem}.{other}"));
            std::iter::once(name.to_owned()).chain(others).collect()
        }
        None => EXTENSIONS.iter().map(|other| format!("{name}.{other}")).chain([name.to_owned()]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(name: &str) -> BenchmarkImages {
        BenchmarkImages { images: "images".into(), image_name: name.into(), regions: None }
    }

    /// A folder with images of one pixel under these names.
    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("images")).unwrap();
        for name in names {
            let raster = crate::raster::Raster { width: 1, height: 1, rgb: std::sync::Arc::new(vec![0; 3]) };
            std::fs::write(folder.path().join("images").join(name), raster.to_png().unwrap()).unwrap();
        }
        folder
    }

    #[test]
    fn image_is_found_by_its_name_with_any_extension() {
        let folder = folder(&["n1.png", "COCO_7.jpg", "e\u{301}.png"]);
        for (pattern, name, expected) in [
            ("{}", "n1", "./n1.png"),
            ("{}", "n1.jpg", "./n1.png"),
            ("COCO_{}.jpg", "7", "./COCO_7.jpg"),
            ("{}", "\u{e9}", "./\u{e9}.png"),
        ] {
            let options = options(pattern);
            let mut reader = ImageReader::new(&options, folder.path()).unwrap();
            assert_eq!(reader.take(&[name], || Place::file("x")), 0);
            assert_eq!(reader.take(&[name], || Place::file("x")), 0);
            assert_eq!(reader.add(&["absent", name], || Place::file("x")), 1);
            assert_eq!(reader.finish().unwrap().pictures[0].name, expected, "{pattern} {name}");
        }
    }

    #[test]
    fn image_that_is_not_there_is_told_with_its_line() {
        let folder = folder(&["n1.png"]);
        let options = options("{}");
        let mut reader = ImageReader::new(&options, folder.path()).unwrap();
        reader.take(&["n1"], || Place::line("test.json", 1));
        reader.take(&["n2"], || Place::line("test.json", 2));
        let said = reader.finish().unwrap_err().to_string();
        assert!(said.contains("test.json:2: there is no image") && said.contains("n2.jpg"), "{said}");
        let nowhere = folder.path().join("nowhere");
        let said = ImageReader::new(&options, &nowhere).err().unwrap().to_string();
        assert!(said.contains("images: there is no folder of images here"), "{said}");
    }
}
