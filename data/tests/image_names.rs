//! Splits of corpora of images, which depend neither on where their folder lies nor on how it is reached.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_data::corpora::{EasyVqa, Gqa, ImageCaptions, ImageQuestions, Karpathy, ReadCorpus, Vqa};
use alambic_data::questions::{is_in_subsample, picture_key};
use alambic_data::split::Overlap;
use alambic_data::{Content, DataError, Dataset, Extent, HoldOut, Question, Raster, Split, SplitOptions};
use alambic_settings::{IndexMap, Location, OneOrMany};

const COUNT: usize = 40;

fn read(corpus: &impl ReadCorpus) -> Result<Dataset<Question>, DataError> {
    match corpus.read(Extent::Whole)? {
        Content::Questions(questions) => Ok(questions),
        _ => unreachable!("questions were asked for"),
    }
}

fn image(shade: u8) -> Vec<u8> {
    Raster { width: 1, height: 1, rgb: Arc::new(vec![shade, 2, 3]) }.to_png().unwrap()
}

/// The split of each image, by its name; and whether it is in a share of all.
fn splits(mut corpus: Dataset<Question>) -> BTreeMap<String, (Split, bool)> {
    let values: Vec<String> =
        corpus.splits.train.iter().filter_map(|question| question.split.clone()).collect();
    let values = if values.is_empty() { Vec::new() } else { vec!["test".to_owned()] };
    let options = SplitOptions {
        test_fraction: Some(0.3),
        validation_fraction: Some(0.3),
        test_values: values,
        ..SplitOptions::default()
    };
    corpus.split(&options, &HoldOut::default()).unwrap();
    let asked = [Split::Train, Split::Validation, Split::Test]
        .into_iter()
        .flat_map(|split| corpus.splits.get(split).iter().map(move |question| (question.image, split)));
    let all = asked.chain(corpus.details.unasked.iter().copied());
    all.map(|(image, split)| {
        let picture = &corpus.details.images[image];
        (picture.name.clone(), (split, is_in_subsample(picture, 0.5)))
    })
    .collect()
}

fn file(path: &Path) -> OneOrMany<Location> {
    OneOrMany(vec![Location::File(path.to_owned())])
}

fn table(folder: &Path, paths: &[&str]) -> ImageQuestions {
    ImageQuestions {
        paths: OneOrMany(paths.iter().map(|path| Location::File(folder.join(path))).collect()),
        validation_paths: OneOrMany(Vec::new()),
        test_paths: OneOrMany(Vec::new()),
        images: Some(Location::File(folder.join("images"))),
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

fn captions(folder: &Path, paths: &[&str]) -> ImageCaptions {
    ImageCaptions {
        paths: OneOrMany(paths.iter().map(|path| Location::File(folder.join(path))).collect()),
        validation_paths: OneOrMany(Vec::new()),
        test_paths: OneOrMany(Vec::new()),
        images: Some(Location::File(folder.join("images"))),
        image: "image".into(),
        caption: "caption".into(),
    }
}

/// Every kind of corpus whose images are files, in one folder.
fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for path in ["images", "train/images", "test/images"] {
        std::fs::create_dir_all(root.join(path)).unwrap();
    }
    let mut tables = ["image\tquestion\tanswer\n".to_owned(), "image\tquestion\tanswer\n".to_owned()];
    let mut captioned = ["image\tcaption\n".to_owned(), "image\tcaption\n".to_owned()];
    let (mut karpathy, mut asked, mut given, mut gqa, mut easy) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for index in 0..COUNT {
        let bytes = image(index as u8);
        let name = format!("{index:012}.png");
        std::fs::write(root.join("images").join(&name), &bytes).unwrap();
        std::fs::write(root.join(format!("images/{index}.jpg")), &bytes).unwrap();
        std::fs::write(root.join(format!("train/images/{index}.png")), &bytes).unwrap();
        std::fs::write(root.join(format!("test/images/{index}.png")), image(100 + index as u8)).unwrap();
        writeln!(tables[index % 2], "{name}\twhat is {index}?\tyes").unwrap();
        writeln!(captioned[index % 2], "{name}\tnumber {index}").unwrap();
        karpathy.push(format!(
            r#"{{"filepath": "", "filename": "{name}", "split": "train", "sentences": [{{"raw": "{index}"}}]}}"#
        ));
        asked.push(format!(r#"{{"question_id": {index}, "image_id": "{index}", "question": "what?"}}"#));
        given.push(format!(r#"{{"question_id": "{index}", "answers": [{{"answer": "yes"}}]}}"#));
        gqa.push(format!(r#""{index}": {{"question": "what?", "imageId": {index}, "answer": "yes"}}"#));
        easy.push(format!(r#"["what?", "yes", {index}]"#));
    }
    for (name, text) in [
        ("one.tsv", tables[0].clone()),
        ("two.tsv", tables[1].clone()),
        ("captioned-one.tsv", captioned[0].clone()),
        ("captioned-two.tsv", captioned[1].clone()),
        ("karpathy.json", format!(r#"{{"images": [{}]}}"#, karpathy.join(", "))),
        ("q.json", format!(r#"{{"questions": [{}]}}"#, asked.join(", "))),
        ("a.json", format!(r#"{{"annotations": [{}]}}"#, given.join(", "))),
        ("gqa.json", format!("{{{}}}", gqa.join(", "))),
        ("answers.txt", "yes\n".to_owned()),
        ("train/questions.json", format!("[{}]", easy.join(", "))),
        ("test/questions.json", format!("[{}]", easy.join(", "))),
    ] {
        std::fs::write(root.join(name), text).unwrap();
    }
    folder
}

/// The splits of each kind of corpus in a folder.
fn of_each(folder: &Path) -> Vec<BTreeMap<String, (Split, bool)>> {
    let vqa = Vqa {
        questions: file(&folder.join("q.json")),
        annotations: file(&folder.join("a.json")),
        images: Location::File(folder.join("images")),
        translations: IndexMap::new(),
        image_name: "{}.png".into(),
        test_questions: OneOrMany(Vec::new()),
        test_annotations: OneOrMany(Vec::new()),
        test_images: None,
        test_image_name: String::new(),
        answers_from: None,
        min_answer_count: 1,
    };
    let gqa = Gqa {
        questions: file(&folder.join("gqa.json")),
        test_questions: OneOrMany(Vec::new()),
        images: Location::File(folder.join("images")),
        translations: IndexMap::new(),
        answers_from: None,
        min_answer_count: 1,
    };
    let karpathy = Karpathy {
        file: Location::File(folder.join("karpathy.json")),
        images: Location::File(folder.join("images")),
    };
    let corpora = [
        read(&table(folder, &["one.tsv", "two.tsv"])),
        read(&captions(folder, &["captioned-one.tsv", "captioned-two.tsv"])),
        read(&karpathy),
        read(&vqa),
        read(&gqa),
        read(&EasyVqa { folder: Location::File(folder.to_owned()) }),
    ];
    corpora.into_iter().map(|corpus| splits(corpus.unwrap())).collect()
}

#[test]
fn splits_are_the_same_however_a_folder_is_reached() {
    let folder = written();
    let root = folder.path();
    let expected = of_each(root);
    for splits in &expected {
        for split in [Split::Train, Split::Validation, Split::Test] {
            assert!(splits.values().any(|(own, _)| *own == split), "{split:?} {}", splits.len());
        }
    }
    let name = root.file_name().unwrap();
    let mut ways: Vec<PathBuf> =
        vec![root.join("."), root.join("images/.."), root.join(""), root.join("..").join(name)];
    let moved = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(root, moved.path().join("link")).unwrap();
        ways.push(moved.path().join("link"));
    }
    // From another working folder, with a relative path; the others are absolute.
    let here = std::env::current_dir().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    ways.push(up.join(root.strip_prefix("/").unwrap_or(root)));
    for way in ways {
        assert_eq!(of_each(&way), expected, "{}", way.display());
    }
    std::fs::rename(root, moved.path().join("moved")).unwrap();
    assert_eq!(of_each(&moved.path().join("moved")), expected);
}

#[test]
fn splits_are_the_same_in_whatever_order_files_are_listed() {
    let folder = written();
    let root = folder.path();
    let of = |corpus: Result<Dataset<Question>, DataError>| splits(corpus.unwrap());
    assert_eq!(
        of(read(&table(root, &["one.tsv", "two.tsv"]))),
        of(read(&table(root, &["two.tsv", "one.tsv"])))
    );
    assert_eq!(
        of(read(&captions(root, &["captioned-one.tsv", "captioned-two.tsv"]))),
        of(read(&captions(root, &["captioned-two.tsv", "captioned-one.tsv"])))
    );
}

#[test]
fn image_in_rows_of_several_splits_is_in_the_split_that_does_not_yield() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir(root.join("images")).unwrap();
    std::fs::write(root.join("images/a.png"), image(1)).unwrap();
    std::fs::write(root.join("one.tsv"), "image\tcaption\tsplit\na.png\tone\ttrain\n").unwrap();
    std::fs::write(root.join("two.tsv"), "image\tcaption\tsplit\na.png\ttwo\ttest\n").unwrap();
    for paths in [["one.tsv", "two.tsv"], ["two.tsv", "one.tsv"]] {
        for (overlap, expected) in
            [(Overlap::RemoveFromTest, Split::Train), (Overlap::RemoveFromTraining, Split::Test)]
        {
            let options = SplitOptions {
                test_values: vec!["test".into()],
                validation_fraction: Some(0.0),
                overlap,
                ..SplitOptions::default()
            };
            let mut corpus = read(&captions(root, &paths)).unwrap();
            corpus.split(&options, &HoldOut::default()).unwrap();
            assert_eq!(corpus.details.unasked, [(0, expected)], "{paths:?}");
        }
    }
}

#[test]
fn one_file_is_one_image_whatever_rows_call_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir_all(root.join("images/sub")).unwrap();
    std::fs::write(root.join("images/a.png"), image(1)).unwrap();
    let absolute = root.join("images/a.png");
    let rows = format!(
        "image\tcaption\na.png\tone\n./a.png\ttwo\nsub/../a.png\tthree\n{}\tfour\n",
        absolute.display()
    );
    std::fs::write(root.join("captioned.tsv"), rows).unwrap();
    let corpus = read(&captions(root, &["captioned.tsv"])).unwrap();
    assert_eq!(corpus.details.images.len(), 1);
    assert_eq!(
        (corpus.details.images[0].name.as_str(), corpus.details.images[0].captions.len()),
        ("./a.png", 4)
    );
}

#[test]
fn file_of_a_canonically_equal_name_is_found_where_it_is_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let (composed, decomposed) = ("\u{e9}t\u{e9}", "e\u{301}te\u{301}");
    std::fs::create_dir_all(root.join("images").join(decomposed)).unwrap();
    std::fs::write(root.join("images").join(decomposed).join(format!("{decomposed}.png")), image(1)).unwrap();
    let row = format!("image\tcaption\n{composed}/{composed}.png\tone\n");
    std::fs::write(root.join("captioned.tsv"), row).unwrap();
    let corpus = read(&captions(root, &["captioned.tsv"])).unwrap();
    assert_eq!(corpus.details.images[0].name, format!("./{composed}/{composed}.png"));
    assert_eq!(corpus.details.images[0].load().unwrap().rgb[0], 1);
    // Half of the letters are composed: neither of the two is the one that is named.
    let between = "\u{e9}te\u{301}.png";
    for name in [composed, decomposed] {
        std::fs::write(root.join("images").join(format!("{name}.png")), image(2)).unwrap();
    }
    std::fs::write(root.join("captioned.tsv"), format!("image\tcaption\n{between}\tone\n")).unwrap();
    let said = read(&captions(root, &["captioned.tsv"])).unwrap_err().to_string();
    assert!(said.contains("captioned.tsv:2: 2 files are called") && said.contains("normal form"), "{said}");
    // A folder's name may be in another form as well.
    std::fs::rename(root.join("images"), root.join(format!("images-{decomposed}"))).unwrap();
    std::fs::write(root.join("captioned.tsv"), format!("image\tcaption\n{composed}/{composed}.png\tone\n"))
        .unwrap();
    let options = ImageCaptions {
        images: Some(Location::File(root.join(format!("images-{composed}")))),
        ..captions(root, &["captioned.tsv"])
    };
    assert_eq!(read(&options).unwrap().details.images[0].name, format!("./{composed}/{composed}.png"));
    std::fs::rename(root.join(format!("images-{decomposed}")), root.join("images")).unwrap();
    // One that is there as it is named is that one.
    std::fs::write(root.join("captioned.tsv"), format!("image\tcaption\n{composed}.png\tone\n")).unwrap();
    assert!(read(&captions(root, &["captioned.tsv"])).is_ok());
}

#[test]
fn copies_of_an_image_are_one_across_corpora() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for path in ["one/images", "two/images"] {
        std::fs::create_dir_all(root.join(path)).unwrap();
    }
    std::fs::write(root.join("one/images/a.png"), image(1)).unwrap();
    std::fs::write(root.join("two/images/b.png"), image(1)).unwrap();
    std::fs::write(root.join("two/images/c.png"), image(2)).unwrap();
    std::fs::write(root.join("one/captioned.tsv"), "image\tcaption\na.png\tone\n").unwrap();
    std::fs::write(root.join("two/captioned.tsv"), "image\tcaption\nb.png\tone\nc.png\ttwo\n").unwrap();
    let keys = |path: &str| -> Vec<u128> {
        let corpus = read(&captions(&root.join(path), &["captioned.tsv"])).unwrap();
        corpus.details.images.iter().map(picture_key).collect()
    };
    let (one, two) = (keys("one"), keys("two"));
    assert!(one[0] == two[0] && one[0] != two[1]);
}

#[test]
fn fingerprint_changes_when_an_image_is_replaced_by_one_of_another_length() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::create_dir(root.join("images")).unwrap();
    std::fs::write(root.join("captioned.tsv"), "image\tcaption\na.png\tone\n").unwrap();
    let fingerprint = |side: usize| {
        let raster = Raster { width: side, height: side, rgb: Arc::new(vec![7; side * side * 3]) };
        std::fs::write(root.join("images/a.png"), raster.to_png().unwrap()).unwrap();
        read(&captions(root, &["captioned.tsv"])).unwrap().fingerprint
    };
    let first = fingerprint(1);
    assert_eq!(fingerprint(1), first);
    assert_ne!(fingerprint(64), first);
}
