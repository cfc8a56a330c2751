//! easy-VQA.

use std::collections::HashMap;
use std::path::Path;

use alambic_settings::{Location, settings};

use super::{Content, ReadCorpus};
use crate::error::{DataError, Fault, Place};
use crate::lexicon::{Reading, of_all};
use crate::pictures::{Picture, Pixels};
use crate::questions::{Question, VisualQuestions};
use crate::source::{Extent, Source};

settings! {
    /// easy-VQA (Zhou, 2019) as published: a folder with `answers.txt`, and `train` and `test`, each with `questions.json`
    /// and `images/N.png`. The split of a question is `train` or `test`; its kind is told from its answer.
    pub struct EasyVqa {
        /// The folder.
        pub folder: Location,
    }
}

/// The parts, and the splits of their questions.
const PARTS: [&str; 2] = ["train", "test"];

impl ReadCorpus for EasyVqa {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let Location::File(folder) = &self.folder else {
            return Err(DataError::new(Place::file(&self.folder.to_string()), Fault::NotFolder));
        };
        let (text, list) = lines(&folder.join("answers.txt"))?;
        let answers: Vec<String> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let index: HashMap<&str, u32> =
            answers.iter().enumerate().map(|(index, answer)| (answer.as_str(), index as u32)).collect();
        let mut corpus = VisualQuestions {
            answers: answers.clone(),
            images: Vec::new(),
            questions: Vec::new(),
            reading: Reading { source: folder.display().to_string(), ..Reading::default() },
            fingerprint: String::new(),
        };
        let mut fingerprints = vec![list];
        for part in PARTS {
            let path = folder.join(part).join("questions.json");
            let (text, fingerprint) = lines(&path)?;
            fingerprints.push(fingerprint);
            let name = path.display().to_string();
            let rows: Vec<(String, String, u64)> = serde_json::from_str(&text).map_err(|error| {
                DataError::new(Place::line(&name, error.line()), Fault::NotJson(error.to_string()))
            })?;
            let mut images: HashMap<u64, usize> = HashMap::new();
            for (text, answer, image) in rows {
                corpus.reading.rows += 1;
                let Some(&answer) = index.get(answer.as_str()) else {
                    *corpus
                        .reading
                        .dropped
                        .entry("questions whose answer is not among the answers".into())
                        .or_default() += 1;
                    continue;
                };
                let image = if let Some(&place) = images.get(&image) {
                    place
                } else {
                    let path = folder.join(part).join("images").join(format!("{image}.png"));
                    there(&path, extent)?;
                    images.insert(image, corpus.images.len());
                    corpus.images.push(Picture {
                        name: format!("{part}/{image}"),
                        pixels: Pixels::File(path),
                        objects: Vec::new(),
                    });
                    corpus.images.len() - 1
                };
                let kind = kind(&answers[answer as usize]).to_owned();
                let split = Some(part.to_owned());
                corpus.questions.push(Question { text, image, answers: vec![(answer, 1.0)], kind, split });
            }
        }
        corpus.reading.kept = corpus.questions.len();
        corpus.fingerprint = of_all(&fingerprints);
        if corpus.questions.is_empty() {
            return Err(corpus.reading.nothing_kept(&folder.display().to_string()));
        }
        Ok(corpus.into())
    }
}

/// A text file with its fingerprint.
fn lines(path: &Path) -> Result<(String, String), DataError> {
    let source = Source::open_lines(&Location::File(path.to_owned()), Extent::Whole)?;
    let text = String::from_utf8(source.bytes.to_vec()).map_err(|error| {
        let byte = source.bytes.get(error.utf8_error().valid_up_to()).copied().unwrap_or_default();
        DataError::new(Place::file(&source.name), Fault::NotUtf8(byte))
    })?;
    Ok((text, source.fingerprint()))
}

/// Fails where an image is missing, if all of them are to be looked at.
fn there(path: &Path, extent: Extent) -> Result<(), DataError> {
    if extent == Extent::Head || path.is_file() {
        return Ok(());
    }
    Err(DataError::new(
        Place::file(&path.display().to_string()),
        Fault::Unreadable("there is no such image".into()),
    ))
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
    use crate::pictures::Raster;

    fn published(questions: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let raster = Raster { width: 4, height: 4, rgb: std::sync::Arc::new(vec![9; 48]) };
        std::fs::write(folder.path().join("answers.txt"), "circle\nyes\nno\nblue\n").unwrap();
        for part in PARTS {
            std::fs::create_dir_all(folder.path().join(part).join("images")).unwrap();
            std::fs::write(folder.path().join(part).join("questions.json"), questions).unwrap();
            std::fs::write(folder.path().join(part).join("images/7.png"), raster.to_png().unwrap()).unwrap();
        }
        folder
    }

    fn read(folder: &tempfile::TempDir) -> Result<VisualQuestions, DataError> {
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
        assert_eq!((corpus.images.len(), corpus.questions.len(), corpus.reading.rows), (2, 4, 6));
        assert_eq!(corpus.questions[3].image, 1);
        assert_eq!(corpus.questions[3].split.as_deref(), Some("test"));
        assert_eq!(corpus.reading.dropped["questions whose answer is not among the answers"], 2);
        assert_eq!(corpus.images[0].load().unwrap().width, 4);
    }

    #[test]
    fn missing_images_and_broken_files_are_named() {
        let folder = published(r#"[["what?", "yes", 8]]"#);
        assert!(read(&folder).unwrap_err().to_string().contains("8.png"));
        let folder = published("[[\"what?\"]]");
        assert!(read(&folder).unwrap_err().to_string().contains("questions.json:1"));
    }
}
