//! Questions about images, in the formats in which they are published.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;
use std::sync::Arc;

use alambic_data::corpora::{Gqa, ImageCaptions, ImageQuestions, Karpathy, ReadCorpus, Vqa};
use alambic_data::split::Overlap;
use alambic_data::{
    Content, DataError, Dataset, Extent, HoldOut, Picture, Question, Raster, Split, SplitOptions,
    remove_test_overlap,
};
use alambic_settings::{IndexMap, Location, OneOrMany};

fn questions(corpus: &impl ReadCorpus) -> Result<Dataset<Question>, DataError> {
    match corpus.read(Extent::Whole)? {
        Content::Questions(questions) => Ok(questions),
        _ => unreachable!("questions were asked for"),
    }
}

/// The answers that are classes, and the questions to train on, where nothing but the split `test` is kept from them.
fn trained_on(mut corpus: Dataset<Question>) -> (Vec<String>, Vec<Question>) {
    let kept: Vec<String> =
        corpus.splits.train.iter().filter_map(|question| question.split.clone()).collect();
    let options =
        SplitOptions { test_values: kept, validation_fraction: Some(0.0), ..SplitOptions::default() };
    corpus.split(&options, &HoldOut::default()).unwrap();
    (corpus.details.answers, corpus.splits.train)
}

/// A folder with these files, and images of one pixel by these names, each of another colour.
fn folder(files: &[(&str, &str)], images: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    for (name, shade) in images.iter().zip(1..) {
        let raster = Raster { width: 1, height: 1, rgb: Arc::new(vec![shade, 2, 3]) };
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
        images: Some(Location::File(folder.to_owned())),
        image: "image".into(),
        question: "question".into(),
        language: "en".into(),
        translations: IndexMap::new(),
        answer: "answer".into(),
        kind: None,
        answers: Vec::new(),
        answers_from: None,
        min_answer_count: 1,
    }
}

fn vqa(folder: &Path) -> Vqa {
    Vqa {
        questions: file(folder, "q.json"),
        annotations: file(folder, "a.json"),
        images: Location::File(folder.to_owned()),
        translations: IndexMap::new(),
        image_name: "COCO_train2014_{}.jpg".into(),
        test_questions: OneOrMany(Vec::new()),
        test_annotations: OneOrMany(Vec::new()),
        test_images: None,
        test_image_name: "COCO_val2014_{}.jpg".into(),
        answers_from: None,
        min_answer_count: 1,
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
    let mut corpus = questions(&table(folder.path())).unwrap();
    assert_eq!((corpus.details.images.len(), corpus.splits.train.len()), (3, 5));
    let options = SplitOptions {
        test_values: vec!["test".into()],
        validation_fraction: Some(0.5),
        ..SplitOptions::default()
    };
    corpus.split(&options, &HoldOut::default()).unwrap();
    // The commonest first, and none that only the test split has.
    assert_eq!(corpus.details.answers, ["no", "two"]);
    let splits = &corpus.splits;
    assert!(splits.test[0].answers.is_empty() && splits.test[0].kind == "colour");
    assert_eq!(splits.test[1].answers, [(1, 1.0)]);
    assert_eq!(corpus.statistics.dropped["questions without a known answer, which are kept"], 1);
    assert_eq!((splits.test.len(), splits.train.len() + splits.validation.len()), (2, 3));
    let images = |split: &[Question]| split.iter().map(|own| own.image).collect::<Vec<_>>();
    assert!(images(&splits.train).iter().all(|image| !images(&splits.validation).contains(image)));
}

#[test]
fn no_image_is_in_two_splits_whatever_the_rows_say() {
    let rows = "image\tquestion\tanswer\tsplit\na.png\thow many?\ttwo\ttrain\na.png\tis it red?\tno\theld\n\
                b.png\tis it red?\tyes\theld\n";
    let folder = folder(&[("train.tsv", rows)], &["a.png", "b.png"]);
    let table = ImageQuestions { test_paths: OneOrMany(Vec::new()), ..table(folder.path()) };
    let split = |overlap: Overlap| {
        let mut corpus = questions(&table).unwrap();
        let options = SplitOptions {
            test_values: vec!["held".into()],
            validation_fraction: Some(0.0),
            overlap,
            ..SplitOptions::default()
        };
        corpus.split(&options, &HoldOut::default()).unwrap();
        let Dataset { splits, details, report, .. } = corpus;
        (splits.train.len(), splits.test.len(), report.removed, details.answers)
    };
    let removed = |reason: &str| [(reason.to_owned(), 1)].into();
    // No answer of the rows that are kept for the test is a class.
    assert_eq!(
        split(Overlap::RemoveFromTest),
        (1, 1, removed("test: questions about images seen in training"), vec!["two".to_owned()])
    );
    assert_eq!(
        split(Overlap::RemoveFromTraining),
        (0, 2, removed("train: questions about images kept for evaluation"), Vec::new())
    );
}

#[test]
fn images_that_another_corpus_keeps_for_its_test_are_left_out() {
    let files = [
        ("evaluated.tsv", "image\tquestion\tanswer\na.png\twhy?\tno\n"),
        ("asked.tsv", "image\tquestion\tanswer\na.png\tis it?\tno\na.png\twhat?\tno\nb.png\tis it?\tno\n"),
        ("captioned.tsv", "image\tcaption\na.png\ta dot\nb.png\tanother\n"),
    ];
    let folder = folder(&files, &["a.png", "b.png"]);
    let none = || OneOrMany(Vec::new());
    let split = |mut corpus: Dataset<Question>, kept: [bool; 2]| -> Content {
        let options =
            SplitOptions { validation_fraction: Some(0.0), ..SplitOptions::default() }.with_split_files(kept);
        corpus.split(&options, &HoldOut::default()).unwrap();
        corpus.into()
    };
    let table = |paths, test_paths| ImageQuestions { paths, test_paths, ..table(folder.path()) };
    let evaluated = table(none(), file(folder.path(), "evaluated.tsv"));
    let asked = table(file(folder.path(), "asked.tsv"), none());
    let captioned = ImageCaptions {
        paths: file(folder.path(), "captioned.tsv"),
        validation_paths: none(),
        test_paths: none(),
        images: Some(Location::File(folder.path().to_owned())),
        image: "image".into(),
        caption: "caption".into(),
    };
    let mut corpora: IndexMap<String, Content> = [
        // The files for the test need not be named once more.
        ("evaluated", split(questions(&evaluated).unwrap(), evaluated.has_split_files())),
        ("asked", split(questions(&asked).unwrap(), asked.has_split_files())),
        ("captioned", split(questions(&captioned).unwrap(), captioned.has_split_files())),
    ]
    .map(|(name, content)| (name.to_owned(), content))
    .into();
    remove_test_overlap(&mut corpora);
    let read = |name: &str| match &corpora[name] {
        Content::Questions(questions) => questions,
        _ => unreachable!("questions were asked for"),
    };
    assert_eq!((read("evaluated").splits.train.len(), read("evaluated").splits.test.len()), (0, 1));
    let Dataset { splits, report, .. } = read("asked");
    assert_eq!((splits.train.len(), report.train), (1, 1));
    assert_eq!(report.removed["train: questions about images kept for the test of another corpus"], 2);
    let Dataset { details, report, .. } = read("captioned");
    assert_eq!((&details.unasked, report.train), (&vec![(1, Split::Train)], 1));
    assert_eq!(report.removed["images kept for the test of another corpus"], 1);
}

#[test]
fn a_column_holds_the_question_in_another_language() {
    let rows = "image\tquestion\tanswer\thindi\na.png\tis it red?\tno\tक्या यह लाल है?\na.png\twhy?\tno\t\n";
    let folder = folder(&[("train.tsv", rows), ("test.tsv", HEAD.trim_end())], &["a.png"]);
    let translations = [("hi".to_owned(), "hindi".to_owned())].into();
    let options = ImageQuestions { test_paths: OneOrMany(Vec::new()), translations, ..table(folder.path()) };
    let corpus = questions(&options).unwrap();
    assert_eq!(corpus.details.languages, ["en", "hi"]);
    let asked = |question: usize, language| {
        corpus.splits.train[question].in_language(language, &corpus.details.languages)
    };
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
    let answers = ["two", "no", "two"].map(str::to_owned).into();
    let said = questions(&ImageQuestions { answers, ..table(folder.path()) }).unwrap_err().to_string();
    assert!(said.contains("answers: the answer `two` is listed twice"), "{said}");
    let nowhere = ImageQuestions { images: Some(Location::File("nowhere".into())), ..only };
    assert!(questions(&nowhere).unwrap_err().to_string().contains("nowhere: a folder is expected here"));
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
    let translations = [("de".to_owned(), file(folder.path(), "de.json"))].into();
    let corpus = Vqa { translations, ..vqa(folder.path()) };
    let read = questions(&corpus).unwrap();
    assert_eq!(read.splits.train[1].kind, "yes/no");
    let german =
        |question: usize| read.splits.train[question].in_language(Some("de"), &read.details.languages);
    assert_eq!((german(0), german(1), read.details.languages.len()), (Some("Was ist das?"), None, 2));
    let (answers, asked) = trained_on(read);
    // A dog was the best answer to no question.
    assert_eq!(answers, ["cat", "yes"]);
    assert_eq!(asked[0].answers, [(0, 1.0)]);
    assert_eq!(asked[1].answers, [(1, 0.6)]);
    // As a published teacher has them: all scores of known answers count.
    let config = folder.path().join("config.json");
    std::fs::write(&config, r#"{"id2label": {"0": "dog", "1": "yes", "2": "cat"}}"#).unwrap();
    let corpus = Vqa { answers_from: Some(Location::File(config)), ..corpus };
    let read = questions(&corpus).unwrap();
    assert_eq!(read.details.answers, ["dog", "yes", "cat"]);
    assert_eq!(read.splits.train[1].answers, [(1, 0.6)]);
    assert!(read.splits.train[0].answers.contains(&(2, 1.0)) && read.splits.train[0].answers.len() == 2);
    let broken = Vqa { annotations: file(folder.path(), "q.json"), ..corpus };
    assert!(questions(&broken).unwrap_err().to_string().contains("q.json:"));
}

#[test]
fn vqa_answers_are_counted_in_the_form_of_the_evaluation() {
    let asked = r#"{"questions": [{"image_id": 1, "question": "How many?", "question_id": 1},
        {"image_id": 1, "question": "What?", "question_id": 2}]}"#;
    let given = r#"{"annotations": [{"question_id": 1, "answers": [{"answer": "two"}, {"answer": 2},
        {"answer": "Two."}, {"answer": "3"}, {"answer": " "}]}, {"question_id": 2, "answers":
        [{"answer": "a dog"}, {"answer": "the dog."}, {"answer": "cat"}]}]}"#;
    let folder = folder(&[("q.json", asked), ("a.json", given)], &["1.jpg"]);
    let corpus = Vqa { image_name: "1.jpg".into(), ..vqa(folder.path()) };
    let (answers, asked) = trained_on(questions(&corpus).unwrap());
    assert_eq!(answers, ["2", "dog"]);
    let scores: Vec<f32> = asked.iter().map(|question| question.answers[0].1).collect();
    assert!((scores[0] - 0.9).abs() < 1e-6 && (scores[1] - 0.6).abs() < 1e-6, "{scores:?}");
    // A teacher's list may spell them in another way; of two of one form that which has it counts.
    let list = folder.path().join("list.txt");
    std::fs::write(&list, "a dog\nTwo\n2\n").unwrap();
    let corpus = Vqa { answers_from: Some(Location::File(list)), ..corpus };
    let read = questions(&corpus).unwrap();
    assert_eq!(read.details.answers, ["a dog", "Two", "2"]);
    let best: Vec<u32> = read.splits.train.iter().map(|question| question.answers[0].0).collect();
    assert_eq!(best, [2, 0]);
}

#[test]
fn vqa_ids_are_the_same_as_numbers_and_as_texts() {
    let asked = r#"{"questions": [{"image_id": "12", "question": "What?", "question_id": 1},
        {"image_id": 12.0, "question": "Who?", "question_id": "002"},
        {"image_id": "front door", "question": "Where?", "question_id": "three"}]}"#;
    let given = r#"{"annotations": [{"question_id": "1", "answers": [{"answer": "cat"}]},
        {"question_id": 2, "answers": [{"answer": "cat"}]},
        {"question_id": "three", "answers": [{"answer": "cat"}]}]}"#;
    let names = ["COCO_train2014_000000000012.jpg", "COCO_train2014_front door.jpg"];
    let folder = folder(&[("q.json", asked), ("a.json", given)], &names);
    let read = questions(&vqa(folder.path())).unwrap();
    assert_eq!(read.details.images.len(), 2);
    assert!(read.splits.train.iter().all(|question| question.answers.len() == 1));
    let twice = given.replace("\"three\"", "\"01\"");
    std::fs::write(folder.path().join("a.json"), twice).unwrap();
    let said = questions(&vqa(folder.path())).unwrap_err().to_string();
    assert!(said.contains("a.json: the question `1` is annotated twice"), "{said}");
    std::fs::write(folder.path().join("a.json"), given).unwrap();
    std::fs::write(folder.path().join("q.json"), asked.replace("\"12\"", "null")).unwrap();
    let said = questions(&vqa(folder.path())).unwrap_err().to_string();
    assert!(said.contains("an id, which is a whole number or a text"), "{said}");
}

#[test]
fn images_of_two_folders_of_one_corpus_have_different_names() {
    let asked = r#"{"questions": [{"image_id": 1, "question": "What?", "question_id": 1}]}"#;
    let given = r#"{"annotations": [{"question_id": 1, "answers": [{"answer": "cat"}]}]}"#;
    let files = [("q.json", asked), ("a.json", given)];
    let (one, other) = (folder(&files, &["1.jpg"]), folder(&[], &["1.jpg"]));
    let corpus = |images: &Path| Vqa {
        image_name: "1.jpg".into(),
        test_questions: file(one.path(), "q.json"),
        test_annotations: file(one.path(), "a.json"),
        test_images: Some(Location::File(images.to_owned())),
        test_image_name: "1.jpg".into(),
        ..vqa(one.path())
    };
    let names = |images: &Path| -> Vec<String> {
        let read = questions(&corpus(images)).unwrap();
        read.details.images.into_iter().map(|picture| picture.name).collect()
    };
    assert_eq!(names(other.path()), ["./1.jpg", "./test/1.jpg"]);
    // The same folder, reached in another way.
    assert_eq!(names(&one.path().join(".")), ["./1.jpg"]);
}

#[test]
fn of_answers_with_the_whole_score_the_commonest_is_the_best() {
    let asked = r#"{"questions": [{"image_id": 1, "question": "What is it?", "question_id": 1}]}"#;
    let given = ["dog"; 4].into_iter().chain(["cat"; 6]);
    let given: Vec<String> = given.map(|answer| format!(r#"{{"answer": "{answer}"}}"#)).collect();
    let given = format!(r#"{{"annotations": [{{"question_id": 1, "answers": [{}]}}]}}"#, given.join(", "));
    let folder = folder(&[("q.json", asked), ("a.json", &given)], &["1.jpg"]);
    let corpus = Vqa { image_name: "1.jpg".into(), ..vqa(folder.path()) };
    let (answers, asked) = trained_on(questions(&corpus).unwrap());
    assert_eq!((answers, asked[0].answers.clone()), (vec!["cat".to_owned()], vec![(0, 1.0)]));
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
        min_answer_count: 1,
    };
    let read = questions(&corpus).unwrap();
    assert_eq!(read.splits.train[1].translations["ta"], "யார்?");
    assert_eq!(
        (read.splits.train[0].kind.as_str(), read.splits.train[1].split.as_deref()),
        ("verify", Some("test"))
    );
    assert_eq!(trained_on(read).0, ["no"]);
}

/// The captions of an image.
fn texts(picture: &Picture) -> Vec<&str> {
    picture.captions.iter().map(|caption| caption.text.as_str()).collect()
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
        images: Some(Location::File(folder.path().to_owned())),
        image: "image".into(),
        caption: "caption".into(),
    };
    let mut corpus = questions(&table).unwrap();
    let captions: Vec<Vec<&str>> = corpus.details.images.iter().map(texts).collect();
    assert_eq!(captions, [&["a dot", "another dot"][..], &["one pixel"], &["the last"]]);
    assert_eq!((corpus.statistics.kept, corpus.statistics.dropped["rows without a caption"]), (4, 1));
    let options = SplitOptions { test_values: vec!["test".into()], ..SplitOptions::default() };
    let other = SplitOptions { test_values: vec!["dev".into()], ..SplitOptions::default() };
    assert!(corpus.split(&other, &HoldOut::default()).is_err());
    corpus.split(&options, &HoldOut::default()).unwrap();
    let unasked = corpus.details.unasked.iter();
    let test: Vec<usize> =
        unasked.filter(|(_, split)| *split == Split::Test).map(|(image, _)| *image).collect();
    assert_eq!((test, corpus.report.test), (vec![2], 1));

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
    assert_eq!(texts(&corpus.details.images[0]), ["a dot", "x"]);
    assert_eq!(corpus.details.images[1].splits, [Some("test".to_owned())]);
}
