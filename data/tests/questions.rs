//! Questions about images, in the formats in which they are published.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;
use std::sync::Arc;

use alambic_data::corpora::{Gqa, ImageCaptions, ImageQuestions, Karpathy, ReadCorpus, Vqa};
use alambic_data::questions::split_questions;
use alambic_data::{Content, DataError, Extent, Raster, Split, SplitOptions, VisualQuestions};
use alambic_settings::{IndexMap, Location, OneOrMany};

fn questions(corpus: &impl ReadCorpus) -> Result<VisualQuestions, DataError> {
    match corpus.read(Extent::Whole)? {
        Content::Questions(questions) => Ok(questions),
        _ => unreachable!("questions were asked for"),
    }
}

/// A folder with these files, and images of one pixel by these names.
fn folder(files: &[(&str, &str)], images: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let raster = Raster { width: 1, height: 1, rgb: Arc::new(vec![1, 2, 3]) };
    for name in images {
        std::fs::write(folder.path().join(name), raster.to_png().unwrap()).unwrap();
    }
    folder
}

fn file(folder: &Path, name: &str) -> OneOrMany<Location> {
    OneOrMany(vec![Location::File(folder.join(name))])
}

fn table(folder: &Path) -> ImageQuestions {
    ImageQuestions {
        paths: file(folder, "train.tsv"),
        validation_paths: OneOrMany(Vec::new()),
        test_paths: file(folder, "test.tsv"),
        images: Location::File(folder.to_owned()),
        image: "image".into(),
        question: "question".into(),
        language: "en".into(),
        translations: IndexMap::new(),
        answer: "answer".into(),
        kind: None,
        answers: Vec::new(),
        answers_from: None,
        least: 1,
    }
}

const HEAD: &str = "image\tquestion\tanswer\tkind\n";

#[test]
fn tables_name_images_in_a_folder() {
    let train = format!(
        "{HEAD}a.png\thow many?\ttwo\tcount\nb.png\tis it red?\tno\tcolour\na.png\tis it red?\tno\tcolour\n"
    );
    let test = format!("{HEAD}c.png\tis it red?\tmaybe\tcolour\nc.png\thow many?\ttwo\tcount\n");
    let folder = folder(&[("train.tsv", &train), ("test.tsv", &test)], &["a.png", "b.png", "c.png"]);
    let corpus = questions(&table(folder.path())).unwrap();
    // The commonest first, and none that only the test part has.
    assert_eq!(corpus.answers, ["no", "two"]);
    assert_eq!((corpus.images.len(), corpus.questions.len()), (3, 5));
    assert!(corpus.questions[3].answers.is_empty() && corpus.questions[3].kind == "colour");
    assert_eq!(corpus.reading.dropped["questions without a known answer, which are kept"], 1);
    let options = SplitOptions {
        test_values: vec!["test".into()],
        validation_fraction: 0.5,
        ..SplitOptions::default()
    };
    let parts = split_questions(&corpus, &options).unwrap();
    assert_eq!((parts.test.len(), parts.train.len() + parts.validation.len()), (2, 3));
    let images = |part: &[alambic_data::Question]| part.iter().map(|own| own.image).collect::<Vec<_>>();
    assert!(images(&parts.train).iter().all(|image| !images(&parts.validation).contains(image)));
}

#[test]
fn a_column_holds_the_question_in_another_language() {
    let rows = "image\tquestion\tanswer\thindi\na.png\tis it red?\tno\tक्या यह लाल है?\na.png\twhy?\tno\t\n";
    let folder = folder(&[("train.tsv", rows), ("test.tsv", HEAD.trim_end())], &["a.png"]);
    let translations = [("hi".to_owned(), "hindi".to_owned())].into();
    let options = ImageQuestions { test_paths: OneOrMany(Vec::new()), translations, ..table(folder.path()) };
    let corpus = questions(&options).unwrap();
    assert_eq!(corpus.languages, ["en", "hi"]);
    let asked =
        |question: usize, language| corpus.questions[question].in_language(language, &corpus.languages);
    assert_eq!(asked(0, Some("hi")), Some("क्या यह लाल है?"));
    assert_eq!(
        (asked(1, Some("hi")), asked(1, Some("en")), asked(1, None)),
        (None, Some("why?"), Some("why?"))
    );
    let missing = ImageQuestions { translations: [("hi".to_owned(), "hi".to_owned())].into(), ..options };
    assert!(questions(&missing).unwrap_err().to_string().contains("`hi`"));
}

#[test]
fn all_missing_images_are_named_at_once() {
    let train = format!("{HEAD}a.png\thow many?\ttwo\tcount\nx.png\tis it red?\tno\t\ny.png\twhy?\tno\t\n");
    let folder = folder(&[("train.tsv", &train), ("test.tsv", HEAD.trim_end())], &["a.png"]);
    let only = ImageQuestions { test_paths: OneOrMany(Vec::new()), ..table(folder.path()) };
    let said = questions(&only).unwrap_err().to_string();
    assert!(said.contains("train.tsv:3: there is no image") && said.contains("y.png"), "{said}");
    let nowhere = ImageQuestions { images: Location::File("nowhere".into()), ..only };
    assert!(questions(&nowhere).unwrap_err().to_string().contains("nowhere: a folder is needed here"));
}

#[test]
fn vqa_scores_answers_by_how_many_gave_them() {
    let asked = r#"{"questions": [{"image_id": 42, "question": "What is it?", "question_id": 1},
        {"image_id": 42, "question": "Is it?", "question_id": 2}]}"#;
    let given = r#"{"annotations": [{"question_id": 1, "answer_type": "other", "answers":
        [{"answer": "Cat"}, {"answer": "cat"}, {"answer": "dog"}, {"answer": "cat"}, {"answer": "cat"}]},
        {"question_id": 2, "answer_type": "yes/no", "answers": [{"answer": "yes"}, {"answer": "yes"}]}]}"#;
    let german = r#"{"questions": [{"image_id": 42, "question": "Was ist das?", "question_id": 1}]}"#;
    let folder = folder(
        &[("q.json", asked), ("a.json", given), ("de.json", german)],
        &["COCO_train2014_000000000042.jpg"],
    );
    let corpus = Vqa {
        questions: file(folder.path(), "q.json"),
        annotations: file(folder.path(), "a.json"),
        images: Location::File(folder.path().to_owned()),
        translations: [("de".to_owned(), file(folder.path(), "de.json"))].into(),
        image_name: "COCO_train2014_{}.jpg".into(),
        test_questions: OneOrMany(Vec::new()),
        test_annotations: OneOrMany(Vec::new()),
        test_images: None,
        test_image_name: "COCO_val2014_{}.jpg".into(),
        answers_from: None,
        least: 1,
    };
    let read = questions(&corpus).unwrap();
    // A dog was the best answer to no question.
    assert_eq!(read.answers, ["cat", "yes"]);
    assert_eq!(read.questions[0].answers, [(0, 1.0)]);
    assert_eq!(read.questions[1].answers, [(1, 0.6)]);
    assert_eq!(read.questions[1].kind, "yes/no");
    let german = |question: usize| read.questions[question].in_language(Some("de"), &read.languages);
    assert_eq!((german(0), german(1), read.languages.len()), (Some("Was ist das?"), None, 2));
    // As a published teacher has them: all scores of known answers count.
    let config = folder.path().join("config.json");
    std::fs::write(&config, r#"{"id2label": {"0": "dog", "1": "yes", "2": "cat"}}"#).unwrap();
    let corpus = Vqa { answers_from: Some(Location::File(config)), ..corpus };
    let read = questions(&corpus).unwrap();
    assert_eq!(read.answers, ["dog", "yes", "cat"]);
    assert_eq!(read.questions[1].answers, [(1, 0.6)]);
    assert!(read.questions[0].answers.contains(&(2, 1.0)) && read.questions[0].answers.len() == 2);
    let broken = Vqa { annotations: file(folder.path(), "q.json"), ..corpus };
    assert!(questions(&broken).unwrap_err().to_string().contains("q.json:"));
}

#[test]
fn gqa_is_read_by_the_number_of_the_question() {
    let train = r#"{"7": {"question": "Is it big?", "imageId": "n1", "answer": "no", "types": {"structural": "verify"}}}"#;
    let test = r#"{"8": {"question": "Who?", "imageId": "n2", "answer": "man", "types": {}}}"#;
    let tamil = r#"{"8": {"question": "யார்?", "imageId": "n2"}}"#;
    let files = [("train.json", train), ("test.json", test), ("ta.json", tamil)];
    let folder = folder(&files, &["n1.jpg", "n2.jpg"]);
    let corpus = Gqa {
        questions: file(folder.path(), "train.json"),
        test_questions: file(folder.path(), "test.json"),
        translations: [("ta".to_owned(), file(folder.path(), "ta.json"))].into(),
        images: Location::File(folder.path().to_owned()),
        answers_from: None,
        least: 1,
    };
    let read = questions(&corpus).unwrap();
    assert_eq!(read.answers, ["no"]);
    assert_eq!(read.questions[1].translations["ta"], "யார்?");
    assert_eq!(
        (read.questions[0].kind.as_str(), read.questions[1].split.as_deref()),
        ("verify", Some("test"))
    );
}

#[test]
fn captions_come_in_tables_of_a_row_each() {
    let train = "image\tcaption\nb.png\ta dot\na.png\tone pixel\nb.png\t\nb.png\tanother dot\n";
    let files = [("train.tsv", train), ("test.tsv", "caption\timage\nthe last\tc.png\n")];
    let folder = folder(&files, &["a.png", "b.png", "c.png"]);
    let table = ImageCaptions {
        paths: file(folder.path(), "train.tsv"),
        validation_paths: OneOrMany(Vec::new()),
        test_paths: file(folder.path(), "test.tsv"),
        images: Location::File(folder.path().to_owned()),
        image: "image".into(),
        caption: "caption".into(),
    };
    let corpus = questions(&table).unwrap();
    let captions: Vec<&[String]> = corpus.images.iter().map(|picture| picture.captions.as_slice()).collect();
    assert_eq!(captions, [&["a dot", "another dot"][..], &["one pixel"], &["the last"]]);
    assert_eq!((corpus.reading.kept, corpus.reading.dropped["rows without a caption"]), (4, 1));
    let options = SplitOptions { test_values: vec!["test".into()], ..SplitOptions::default() };
    let parts = split_questions(&corpus, &options).unwrap();
    let test: Vec<usize> =
        parts.unasked.iter().filter(|(_, part)| *part == Split::Test).map(|(image, _)| *image).collect();
    assert_eq!((test, parts.report.test), (vec![2], 1));
    let other = SplitOptions { test_values: vec!["dev".into()], ..SplitOptions::default() };
    assert!(split_questions(&corpus, &other).is_err());

    std::fs::remove_file(folder.path().join("a.png")).unwrap();
    assert!(questions(&table).unwrap_err().to_string().contains("a.png"));
}

#[test]
fn captions_come_with_the_splits_of_karpathy() {
    let image = |name: &str, split: &str| {
        format!(
            r#"{{"filename": "{name}", "split": "{split}", "sentences": [{{"raw": " a dot "}}, {{"raw": "x"}}]}}"#
        )
    };
    let text = format!(r#"{{"images": [{}, {}]}}"#, image("a.png", "train"), image("b.png", "test"));
    let folder = folder(&[("dataset.json", &text)], &["a.png", "b.png"]);
    let location = |name: &str| Location::File(folder.path().join(name));
    let corpus = questions(&Karpathy { file: location("dataset.json"), images: location("") }).unwrap();
    assert_eq!(corpus.images[0].captions, ["a dot", "x"]);
    assert_eq!(corpus.images[1].split.as_deref(), Some("test"));
}
