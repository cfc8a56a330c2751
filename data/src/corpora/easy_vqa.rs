//! easy-VQA.

use std::collections::HashMap;
use std::path::Path;

use alambic_settings::{IndexMap, Location, settings};

use super::ReadCorpus;
use super::json::json;
use crate::content::Content;
use crate::error::{DataError, Fault, Place};
use crate::image_datasets::{AnswerClasses, RawQuestion, build_questions};
use crate::image_files::ImageFolder;
use crate::source::{Extent, TableSource};
use crate::stable_hash::join_fingerprints;

settings! {
    /// easy-VQA (Zhou, 2019) as published: a folder with `answers.txt`, and `train` and `test`, each with `questions.json`
    /// and `images/N.png`. The split of a question is `train` or `test`; its kind follows from its answer. Its 107 different
    /// questions are known in English (`en`), Hindi (`hi`) and Japanese (`ja`).
    pub struct EasyVqa {
        /// The folder.
        pub folder: Location,
    }
}

/// The questions in English, and in other languages.
const TRANSLATIONS: &str = include_str!("../../easy-vqa/translations.tsv");

/// Folders, and the splits of their questions.
const SPLITS: [&str; 2] = ["train", "test"];

impl ReadCorpus for EasyVqa {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let Location::File(folder) = &self.folder else {
            return Err(DataError::new(Place::file(&self.folder.to_string()), Fault::NotFolder));
        };
        let (text, list) = lines(&folder.join("answers.txt"))?;
        let answers: Vec<String> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let images = ImageFolder::new(folder.clone());
        let mut fingerprints = vec![list];
        let mut raw = Vec::new();
        let (languages, translations) = translations();
        for split in SPLITS {
            let path = folder.join(split).join("questions.json");
            let (source, rows): (TableSource, Vec<(String, String, u64)>) = json(&Location::File(path))?;
            fingerprints.push(source.fingerprint());
            let name = &source.name;
            raw.extend(rows.into_iter().map(|(text, answer, image)| RawQuestion {
                translations: translations.get(text.as_str()).cloned().unwrap_or_default(),
                text,
                image: images.file(&format!("{split}/images/{image}.png")),
                kind: kind(&answer).to_owned(),
                answers: vec![(answer, 1.0)],
                split: Some(split.to_owned()),
                place: Place::file(name),
            }));
        }
        let source = folder.display().to_string();
        Ok(build_questions(
            source,
            &join_fingerprints(&fingerprints),
            raw,
            AnswerClasses::Listed(&answers),
            languages,
            extent,
        )?
        .into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [false, true]
    }
}

/// The languages of the questions, and what each is in the others than the first.
fn translations() -> (Vec<String>, HashMap<&'static str, IndexMap<String, String>>) {
    let mut rows = TRANSLATIONS.lines().map(|line| line.split('\t'));
    let languages: Vec<String> = rows.next().into_iter().flatten().map(str::to_owned).collect();
    let translated = rows.filter_map(|mut row| {
        let own = row.next()?;
        Some((own, languages.iter().skip(1).cloned().zip(row.map(str::to_owned)).collect()))
    });
    let translated = translated.collect();
    (languages, translated)
}

/// A text file with its fingerprint.
fn lines(path: &Path) -> Result<(String, String), DataError> {
    let source = TableSource::open_lines(&Location::File(path.to_owned()), Extent::Whole)?;
    let text = String::from_utf8(source.bytes.to_vec()).map_err(|error| {
        let byte = source.bytes.get(error.utf8_error().valid_up_to()).copied().unwrap_or_default();
        DataError::new(Place::file(&source.name), Fault::NotUtf8(byte))
    })?;
    Ok((text, source.fingerprint()))
}

/// What a question with this answer asks for.
fn kind(answer: &str) -> &'static str {
    match answer {
        "yes" | "no" => "yes or no",
        "circle" | "rectangle" | "triangle" => "shape",
        _ => "colour",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::questions::Question;
    use crate::raster::Raster;

    fn published(questions: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let raster = Raster { width: 4, height: 4, rgb: std::sync::Arc::new(vec![9; 48]) };
        std::fs::write(folder.path().join("answers.txt"), "circle\nyes\nno\nblue\n").unwrap();
        for split in SPLITS {
            std::fs::create_dir_all(folder.path().join(split).join("images")).unwrap();
            std::fs::write(folder.path().join(split).join("questions.json"), questions).unwrap();
            std::fs::write(folder.path().join(split).join("images/7.png"), raster.to_png().unwrap()).unwrap();
        }
        folder
    }

    fn read(folder: &tempfile::TempDir) -> Result<Dataset<Question>, DataError> {
        let folder = Location::File(folder.path().to_owned());
        match (EasyVqa { folder }).read(Extent::Whole)? {
            Content::Questions(questions) => Ok(questions),
            _ => unreachable!("easy-VQA holds questions"),
        }
    }

    #[test]
    fn the_published_format_is_read() {
        let folder = published(
            r#"[["what shape is there?", "circle", 7], ["is it red?", "no", 7], ["why?", "so", 7]]"#,
        );
        let corpus = read(&folder).unwrap();
        assert_eq!(
            (corpus.details.images.len(), corpus.splits.train.len(), corpus.statistics.rows),
            (2, 6, 6)
        );
        assert_eq!(corpus.splits.train[4].image, 1);
        assert_eq!(corpus.splits.train[4].split.as_deref(), Some("test"));
        assert!(corpus.splits.train[5].answers.is_empty());
        assert_eq!(corpus.details.images[0].load().unwrap().width, 4);
    }

    #[test]
    fn what_is_asked_is_known_in_three_languages() {
        let folder = published(r#"[["what color is the circle?", "blue", 7], ["is it red?", "no", 7]]"#);
        let corpus = read(&folder).unwrap();
        assert_eq!(corpus.details.languages, ["en", "hi", "ja"]);
        let asked = |question: usize, language| {
            corpus.splits.train[question].in_language(Some(language), &corpus.details.languages)
        };
        assert_eq!(asked(0, "en"), Some("what color is the circle?"));
        assert_eq!(asked(0, "hi"), Some("वृत्त किस रंग का है?"));
        assert_eq!(asked(0, "ja"), Some("円は何色ですか？"));
        assert_eq!((asked(1, "en"), asked(1, "hi")), (Some("is it red?"), None));
        let (_, translations) = translations();
        assert_eq!(translations.len(), 107);
        for language in ["hi", "ja"] {
            let different: std::collections::HashSet<&String> =
                translations.values().map(|row| &row[language]).collect();
            assert_eq!(different.len(), 107);
        }
    }

    #[test]
    fn missing_images_and_broken_files_are_named() {
        let folder = published(r#"[["what?", "yes", 8]]"#);
        assert!(read(&folder).unwrap_err().to_string().contains("8.png"));
        let folder = published("[[\"what?\"]]");
        assert!(read(&folder).unwrap_err().to_string().contains("questions.json:1"));
    }
}
