//! XVNLI of IGLUE (Bugliarello et al., 2022).

use alambic_settings::settings;

use super::classes::{class_of, read_lines, references};
use super::files::LanguageFile;
use super::inputs::{Examples, ImageReader, Part, VisualQuestion};
use super::references::References;
use super::rows::as_format;
use super::xnli::json_labels;
use super::{BenchmarkFiles, BenchmarkFormat, BenchmarkImages, Layout};
use crate::error::{BenchmarkFault, DataError};
use crate::source::TableFormat;
use crate::table::{Columns, Table};

settings! {
    /// XVNLI: whether an image entails or contradicts a sentence, or neither. Read are JSON lines with `gold_label`:
    /// `annotations/XX/test.jsonl`, `XX/test.jsonl`; or labels alone, `test-XX.tsv`. Where the label is `-`, since annotators did not
    /// agree, no prediction is right, as in IGLUE's program, and nothing is trained on it. A model is asked about `sentence2` and the image
    /// `Flikr30kID`, as the files spell it. To train on, `annotations/en/train.jsonl` and `dev.jsonl` are read, or SNLI-VE's
    /// `snli_ve_train.jsonl` and `snli_ve_dev.jsonl`.
    pub struct Xvnli {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles,
        /// Where its images are.
        #[flatten]
        pub images: BenchmarkImages
    }
}

/// In the order of IGLUE.
const CLASSES: &[&str] = &["contradiction", "neutral", "entailment"];

/// What stands for a label that is not known: no class, so that no prediction equals it.
const UNKNOWN: &str = "-";

/// The key of the image.
const IMAGE: &str = "Flikr30kID";

impl BenchmarkFormat for Xvnli {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "annotations/{language}/test.jsonl",
            "{language}/test.jsonl",
            "test-{language}.jsonl",
            "test-{language}.tsv",
        ]
    }

    fn images(&self) -> Option<&BenchmarkImages> {
        Some(&self.images)
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &[
                "annotations/{language}/train.jsonl",
                "{language}/train.jsonl",
                "train-{language}.jsonl",
                "snli_ve_train.jsonl",
            ],
            Part::Validation => &[
                "annotations/{language}/dev.jsonl",
                "{language}/dev.jsonl",
                "dev-{language}.jsonl",
                "snli_ve_dev.jsonl",
            ],
            Part::Test => {
                &["annotations/{language}/test.jsonl", "{language}/test.jsonl", "test-{language}.jsonl"]
            }
        }
    }

    fn layout(&self) -> Layout {
        Layout::Classes
    }

    fn classes(&self) -> Vec<&str> {
        CLASSES.to_vec()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        if file.has_ending(".tsv") {
            return read_lines(file, CLASSES);
        }
        let class =
            |label: &str| if label == UNKNOWN { Ok(label.to_owned()) } else { class_of(label, CLASSES) };
        Ok(references(file, CLASSES, json_labels(file, "gold_label", class)?))
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let file = &files[0];
        let source = as_format(file.source, TableFormat::JsonLines);
        let wanted =
            Columns { values: &["sentence2", IMAGE], optional: &["gold_label"], ..Columns::default() };
        let table = Table::read(&source, &wanted)?;
        let (sentences, names) = (table.column("sentence2")?, table.column(IMAGE)?);
        let labels = table.optional("gold_label");
        let mut images = ImageReader::new(&self.images, file.folder)?;
        let mut examples = Vec::new();
        for (row, sentence) in sentences.into_iter().enumerate() {
            let (text, image) = (sentence.trim(), names[row].trim());
            let what = || "the sentence".to_owned();
            let answer = match labels.as_ref().map(|labels| labels[row].trim()) {
                None | Some(UNKNOWN) => Ok(None),
                Some(label) => class_of(label, CLASSES).map(Some),
            };
            let fault = if image.is_empty() {
                Some(BenchmarkFault::WithoutImage { what: what(), key: IMAGE }.into())
            } else if text.is_empty() {
                Some(BenchmarkFault::WithoutText(what()).into())
            } else {
                answer.as_ref().err().cloned()
            };
            if let Some(fault) = fault {
                images.note(table.place(row), fault);
                continue;
            }
            let image = images.take(&[image], || table.place(row));
            let answer = answer.unwrap_or_default();
            examples.push(VisualQuestion { id: None, text: text.to_owned(), image, answer });
        }
        Ok(Some(Examples::VisualQuestions { questions: examples, images: images.finish()? }))
    }
}
