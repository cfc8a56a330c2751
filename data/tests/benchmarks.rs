//! Labels of benchmarks in the files that they publish, and predictions written and read back.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::Path;

use alambic_data::benchmarks::{Benchmark, Examples, Gold, Layout, Part, PieceTag, Predictions, References};
use alambic_data::{DataError, Raster};
use alambic_settings::{IndexMap, Node, read};
use flate2::Compression;
use flate2::write::GzEncoder;

/// A format by its name, with its defaults.
fn benchmark(name: &str) -> Benchmark {
    let node = Node::parse("suite.toml", &format!("corpus = \"{name}\"")).unwrap();
    read::<IndexMap<String, Benchmark>>(&node).unwrap().swap_remove("corpus").unwrap()
}

fn write(folder: &Path, path: &str, text: &str) {
    fs::create_dir_all(folder.join("t")).unwrap();
    let path = folder.join("t").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// What a format reads of one file in a language.
fn labels(format: &str, language: &str, path: &str, text: &str) -> Result<Option<References>, DataError> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), path, text);
    benchmark(format).references(folder.path(), "t", language)
}

fn gold(format: &str, language: &str, path: &str, text: &str) -> Gold {
    labels(format, language, path, text).unwrap().unwrap().gold
}

fn classes(all: &[&str]) -> Gold {
    Gold::Classes(all.iter().map(ToString::to_string).collect())
}

fn tags(all: &[&str]) -> Gold {
    Gold::Tags(all.iter().map(|tags| tags.split(' ').map(str::to_owned).collect()).collect())
}

#[test]
fn classes_are_read_of_every_published_file() {
    let xnli = "language\tgold_label\tsentence1\tsentence2\tid\nhi\tneutral\tअ \"ब\tस\t1\nde\tentailment\ta\tb\t2\nhi\tcontradictory\tक\tख\t3\n";
    let pawsx = "id\tsentence1\tsentence2\tlabel\n1\t\"a\tb\t0\n2\tc\td\t1\n";
    let prepared = "\"a \"\"b\"\"\tc\"\td\tneutral\r\ne\tf\tentailment\r\n";
    for (format, language, path, text, expected) in [
        ("xtreme-xnli", "hi", "test-hi.tsv", "neutral\r\nentailment \n", classes(&["neutral", "entailment"])),
        ("xtreme-xnli", "hi", "test-hi.tsv", prepared, classes(&["neutral", "entailment"])),
        ("xtreme-xnli", "hi", "XNLI-1.0/xnli.test.tsv", xnli, classes(&["neutral", "contradiction"])),
        ("xtreme-pawsx", "de", "x-final/de/test_2k.tsv", pawsx, classes(&["0", "1"])),
        ("xtreme-pawsx", "de", "test-de.tsv", "a\tb\t1\n", classes(&["1"])),
        (
            "xcopa",
            "et",
            "et/test.et.jsonl",
            "{\"premise\": \"a\", \"label\": 1}\n{\"label\": 0}\n",
            classes(&["1", "0"]),
        ),
        (
            "xvnli",
            "ar",
            "annotations/ar/test.jsonl",
            "{\"gold_label\": \"entailment\"}\n{\"gold_label\": \"-\"}\n",
            classes(&["entailment", "-"]),
        ),
        (
            "marvl",
            "sw",
            "zero_shot/annotations/marvl-sw.jsonl",
            "{\"label\": true}\n{\"label\": false}\n",
            classes(&["true", "false"]),
        ),
        (
            "marvl",
            "en",
            "../nlvr2/annotations/test.jsonl",
            "{\"label\": \"True\"}\n{\"label\": \"False\"}\n",
            classes(&["true", "false"]),
        ),
        (
            "indic-xnli",
            "ta",
            "forward/test/xnli_ta.json",
            "[{\"label\": 0}, {\"label\": \"contradiction\"}]",
            classes(&["entailment", "contradiction"]),
        ),
        (
            "indic-sentiment",
            "ta",
            "data/test/ta.json",
            "{\"LABEL\": \"Positive\"}\n{\"LABEL\": \"other\"}\n",
            classes(&["Positive", "Negative"]),
        ),
        ("indic-paraphrase", "te", "data/te.json", "{\"label\": 1}\n", classes(&["1"])),
        ("indic-copa", "te", "data/test.te.jsonl", "{\"label\": 1}\n", classes(&["1"])),
        (
            "massive-intent",
            "hi",
            "1.0/data/hi-IN.jsonl",
            "{\"partition\": \"train\", \"intent\": \"x\"}\n{\"partition\": \"test\", \"intent\": \"alarm_set\"}\n",
            classes(&["alarm_set"]),
        ),
    ] {
        assert_eq!(gold(format, language, path, text), expected, "{format} {path}");
    }
}

#[test]
fn tags_are_read_of_every_published_file() {
    let conllu = "# text\n1\ta\t_\tNOUN\t_\t_\t0\t_\t_\t_\n2-3\tbc\t_\t_\t_\t_\t_\t_\t_\t_\n2\tb\t_\tADP\t_\t_\t1\t_\t_\t_\n3\tc\t_\tDET\t_\t_\t2\t_\t_\t_\n\n";
    let massive = "{\"partition\": \"test\", \"annot_utt\": \"wake me [time : nine am]\"}\n";
    for (format, language, path, text, expected) in [
        ("xtreme-udpos", "hi", "test-hi.tsv", "NOUN\nVERB\n\n\nPUNCT\n", tags(&["NOUN VERB", "PUNCT"])),
        ("xtreme-udpos", "hi", "test-hi.tsv", "a b\tNOUN\nc\tVERB\n", tags(&["NOUN VERB"])),
        (
            "xtreme-udpos",
            "hi",
            "ud-treebanks-v2.5/UD_Hindi-HDTB/hi_hdtb-ud-test.conllu",
            conllu,
            tags(&["NOUN ADP"]),
        ),
        (
            "xtreme-panx",
            "hi",
            "hi/test",
            "hi:a\tB-PER\nhi::\tO\n\nhi:b\tI-LOC\n",
            tags(&["B-PER O", "I-LOC"]),
        ),
        ("xtreme-panx", "hi", "test-hi.tsv", "O\nB-ORG\n", tags(&["O B-ORG"])),
        (
            "naamapadam",
            "hi",
            "hi_test.json",
            "{\"words\": [\"a\", \"b\"], \"ner\": [\"O\", \"B-PER\"]}\n",
            tags(&["O B-PER"]),
        ),
        (
            "naamapadam",
            "hi",
            "test-hi.json",
            "{\"tokens\": [\"a\", \"b\"], \"ner_tags\": [0, 6]}\n",
            tags(&["O I-LOC"]),
        ),
        ("massive-slots", "hi", "hi-IN.jsonl", massive, tags(&["O O B-time I-time"])),
    ] {
        assert_eq!(gold(format, language, path, text), expected, "{format} {path}");
    }
}

#[test]
fn answers_pairs_places_and_images_are_read() {
    let squad = r#"{"data": [{"paragraphs": [{"context": "c", "qas": [
        {"id": "1", "question": "q", "answers": [{"text": "a", "answer_start": 0}, {"text": "b", "answer_start": 1}]},
        {"id": "2", "question": "q", "answers": []}]}]}]}"#;
    let answers = Gold::Answers(vec![("1".into(), vec!["a".into(), "b".into()]), ("2".into(), Vec::new())]);
    for (format, language, path) in [
        ("xtreme-xquad", "hi", "xquad.hi.json"),
        ("xtreme-mlqa", "hi", "MLQA_V1/test/test-context-hi-question-hi.json"),
        ("xtreme-tydiqa", "te", "tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-telugu.json"),
        ("indicqa", "hi", "data/indicqa.hi.json"),
    ] {
        assert_eq!(gold(format, language, path, squad), answers, "{format}");
    }
    let pairs = [["zh-1".to_owned(), "en-2".to_owned()]].into_iter().collect();
    assert_eq!(
        gold("xtreme-bucc", "zh", "zh-en/zh-en.training.gold", "zh-1\ten-2\nzh-1\ten-2\n"),
        Gold::Pairs(pairs)
    );
    // English sentences as XTREME sorts them: by code point, equal ones in their order.
    let english = "Zoë left.\nA dog.\nzoo\nA dog.\nÉcole\n";
    assert_eq!(
        gold("xtreme-tatoeba", "fa", "tatoeba.pes-eng.eng", english),
        Gold::Places(vec![1, 3, 0, 2, 4])
    );
    assert_eq!(gold("flores", "hi", "devtest/hin_Deva.devtest", "क\nख\n"), Gold::Places(vec![0, 1]));
    let images = "{\"sentences\": [\"a\", \"b\"], \"id\": \"9\"}\n{\"sentences\": [\"c\"], \"id\": \"8\"}\n";
    let expected = Gold::Images { of_captions: vec![0, 0, 1], images: 2 };
    assert_eq!(gold("xflickrco", "de", "annotations/de/test.jsonl", images), expected);
    let wit = "{\"image_idx\": 19}\n{\"image_idx\": 97}\n{\"image_idx\": 19}\n";
    let expected = Gold::Images { of_captions: vec![0, 1, 0], images: 2 };
    assert_eq!(gold("wit", "ar", "annotations/test_ar.jsonl", wit), expected);
    let xgqa = "{\"2\": {\"answer\": \"yes\"}, \"1\": {\"answer\": \"red\", \"question\": \"?\"}}";
    let expected = [("2".to_owned(), "yes".to_owned()), ("1".to_owned(), "red".to_owned())];
    let path = "annotations/zero_shot/testdev_balanced_questions_bn.json";
    assert_eq!(gold("xgqa", "bn", path, xgqa), Gold::QuestionAnswers(expected.into_iter().collect()));
}

#[test]
fn test_parts_without_labels_are_refused_as_such() {
    let removed = r#"{"data": [{"paragraphs": [{"qas": [{"id": "1", "answers": [{"text": "", "answer_start": 0}]}]}]}]}"#;
    for (format, path, text) in [
        ("xtreme-xnli", "test-hi.tsv", "a\tb\n"),
        ("xtreme-udpos", "test-hi.tsv", "यह\nवह\n\nक\n"),
        ("xtreme-panx", "test-hi.tsv", "यह\nवह\n"),
        ("xtreme-xquad", "xquad.hi.json", removed),
    ] {
        let error = labels(format, "hi", path, text).unwrap_err().to_string();
        assert!(error.contains("the test part is without labels here"), "{format}: {error}");
    }
    assert!(labels("xtreme-xnli", "hi", "other.tsv", "neutral\n").unwrap().is_none());
    assert!(labels("xtreme-tatoeba", "yo", "tatoeba.yor-eng.eng", "a\n").unwrap().is_none());
    let xnli = "language\tgold_label\tsentence1\tsentence2\nde\tneutral\ta\tb\n";
    let error = labels("xtreme-xnli", "hi", "xnli.test.tsv", xnli).unwrap_err().to_string();
    assert!(error.contains("no row is of the language `hi`"), "{error}");
}

#[test]
fn labels_in_a_file_of_another_name_are_found_by_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "../mine/hi/a.tsv", "neutral\n");
    let text = "corpus.xtreme-xnli = { folder = \"mine\", file = \"{language}/*.tsv\" }";
    let node = Node::parse("suite.toml", text).unwrap();
    let own = read::<IndexMap<String, Benchmark>>(&node).unwrap().swap_remove("corpus").unwrap();
    assert_eq!(own.references(folder.path(), "t", "hi").unwrap().unwrap().gold, classes(&["neutral"]));
    assert!(own.references(folder.path(), "t", "de").unwrap().is_none());
}

#[test]
fn predictions_are_read_as_they_were_written() {
    let references = |gold| References { source: "labels".into(), classes: Vec::new(), gold };
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<String>>();
    let pair = |one: &str, other: &str| [one.to_owned(), other.to_owned()];
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
    };
    let piece = |word, tag: &str| PieceTag { word, tag: tag.to_owned() };
    let odd = "e\u{301} \u{2028}\"\\\u{1f469}\u{200d}\u{1f680}\u{a0}";
    let both = [vec![vec![1, 0], vec![0]], vec![vec![1], vec![0, 1]]];
    let images = Gold::Images { of_captions: vec![0, 1], images: 2 };
    let questions = vec![(odd.to_owned(), Vec::new()), ("b".to_owned(), Vec::new())];
    let choices = || Gold::Classes(texts(&["0", "1"]));
    let cases = [
        (Layout::Classes, choices(), Predictions::Classes(texts(&["1", "1"]))),
        (Layout::Choices, choices(), Predictions::Classes(texts(&["1", "0"]))),
        (Layout::Tags, tags(&["O O", "B-x"]), Predictions::Tags(vec![texts(&["O", "I-y"]), texts(&["O"])])),
        (
            Layout::Pieces,
            tags(&["O O", "B-x"]),
            Predictions::Pieces(vec![
                vec![piece(0, "O"), piece(0, "I-y"), piece(1, "O")],
                vec![piece(0, "B-x"), piece(0, "B-x")],
            ]),
        ),
        (Layout::Answers, Gold::Answers(questions), Predictions::Answers(map(&[(odd, odd)]))),
        (
            Layout::QuestionAnswers,
            Gold::QuestionAnswers(map(&[("1", "x"), ("2", "y")])),
            Predictions::Answers(map(&[("1", odd), ("2", "")])),
        ),
        (
            Layout::Pairs,
            Gold::Pairs([pair("de-1", "en-1")].into_iter().collect()),
            Predictions::Pairs([pair("de-2", "en-7")].into_iter().collect()),
        ),
        (Layout::Places, Gold::Places(vec![0, 1]), Predictions::Places(vec![7, 0])),
        (
            Layout::Rankings,
            images.clone(),
            Predictions::Rankings { images: Some(both[0].clone()), captions: Some(both[1].clone()) },
        ),
        (Layout::Rankings, images, Predictions::Rankings { images: None, captions: Some(both[1].clone()) }),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (layout, gold, predictions) in cases {
        let mut references = references(gold);
        if layout == Layout::Choices {
            references.classes = texts(&["0", "1"]);
        }
        let path = folder.path().join(layout.file_name("de"));
        layout.write(&path, &predictions).unwrap();
        assert_eq!(layout.read(&path, &references).unwrap(), predictions, "{layout:?}");
    }
    let error = Layout::Pairs.write(&folder.path().join("x"), &Predictions::Places(Vec::new())).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a file of pairs of ids, separated by a tab is expected here, and this is places")
    );
}

#[test]
fn compressed_labels_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "other", "");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut encoder, b"neutral\n").unwrap();
    fs::write(folder.path().join("t/test-hi.tsv.gz"), encoder.finish().unwrap()).unwrap();
    let found = benchmark("xtreme-xnli").references(folder.path(), "t", "hi").unwrap().unwrap();
    assert_eq!(found.gold, classes(&["neutral"]));
}

#[test]
fn rankings_that_are_none_are_refused() {
    let references = References {
        source: "labels".into(),
        classes: Vec::new(),
        gold: Gold::Images { of_captions: vec![0, 0, 1], images: 2 },
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test-de.json");
    for (text, expected) in [
        ("[[0], [1]]", "2 rankings of images where the labels in labels have 3"),
        ("[[0], [2], [1]]", "the place 2 is beyond the last one, 1"),
        ("[[0], [1, 1], [1]]", "ranking 2 has the place 1 twice"),
        ("{\"image\": []}", "unknown field `image`"),
        ("{\"captions\": [[0]]}", "1 rankings of captions where"),
        ("[[0], [1], [-1]]", "is expected here"),
    ] {
        fs::write(&path, text).unwrap();
        let error = Layout::Rankings.read(&path, &references).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

/// Writes images of one pixel.
fn images(folder: &Path, names: &[&str]) {
    fs::create_dir_all(folder.join("t/images")).unwrap();
    for name in names {
        let raster = Raster { width: 1, height: 1, rgb: vec![9; 3].into() };
        fs::write(folder.join("t/images").join(name), raster.to_png().unwrap()).unwrap();
    }
}

/// The inputs of a format's file, in the order of its images.
fn inputs(format: &str, path: &str, text: &str, names: &[&str]) -> Result<Examples, DataError> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), path, text);
    images(folder.path(), names);
    let read = benchmark(format).examples(folder.path(), "t", "en", Part::Test, None);
    read.map(|examples| examples.unwrap())
}

/// The image of each question or caption by its name, the text, and the answer.
fn shown(examples: &Examples) -> Vec<(&str, &str, Option<&str>)> {
    let name = |image: usize| examples.images().unwrap().pictures[image].name.as_str();
    match examples {
        Examples::VisualQuestions { questions, .. } => {
            questions.iter().map(|own| (name(own.image), own.text.as_str(), own.answer.as_deref())).collect()
        }
        Examples::Captions { captions, .. } => {
            captions.iter().map(|own| (name(own.image), own.text.as_str(), None)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn questions_and_captions_are_read_with_their_images() {
    let xgqa = "\u{feff}{\"201\": {\"imageId\": 7, \"question\": \" Ist es rot? \", \"answer\": \"no\"}, \"202\": {\"question\": \"क्या?\", \"imageId\": \"n7\", \"answer\": 2}, \"203\": {\"question\": \"x\", \"imageId\": \"7\"}}";
    let examples = inputs("xgqa", "testdev_balanced_questions_en.json", xgqa, &["7.jpg", "n7.png"]).unwrap();
    assert_eq!(
        shown(&examples),
        [("./7.jpg", "Ist es rot?", Some("no")), ("./n7.png", "क्या?", Some("2")), ("./7.jpg", "x", None)]
    );
    assert_eq!(examples.images().unwrap().pictures.len(), 2);
    // Shots are images, with all questions about them.
    assert_eq!(examples.clone().first(1).len(), 2);
    let xvnli = "{\"gold_label\": \"-\", \"sentence1\": \"no\", \"sentence2\": \"a\", \"Flikr30kID\": \"12.jpg\"}\n\n{\"sentence2\": \"b\", \"Flikr30kID\": \"12\", \"gold_label\": \"neutral\"}\n";
    let examples = inputs("xvnli", "annotations/en/test.jsonl", xvnli, &["12.png"]).unwrap();
    let found: Vec<_> = shown(&examples).into_iter().map(|(_, text, answer)| (text, answer)).collect();
    assert_eq!(found, [("a", None), ("b", Some("neutral"))]);
    let flickr = "{\"sentences\": [\"a\", \"b\"], \"id\": \"1\", \"img_path\": \"1.jpg\"}\n{\"sentences\": [\"c\"], \"id\": \"COCO_2\"}\n";
    let examples =
        inputs("xflickrco", "en/test.jsonl", flickr, &["1.jpg", "COCO_2.webp.png", "COCO_2.png"]).unwrap();
    assert_eq!(
        shown(&examples),
        [("./1.jpg", "a", None), ("./1.jpg", "b", None), ("./COCO_2.png", "c", None)]
    );
    let line = |image: usize, text: &str| {
        format!(
            "{{\"image_idx\": {image}, \"caption_reference_description\": \"{text}\", \"wit_ix\": \"w_{image}\"}}\n"
        )
    };
    let wit = line(9, "a") + &line(4, "b") + &line(9, "c");
    let examples = inputs("wit", "test_en.jsonl", &wit, &["w_9.jpg", "4.jpg"]).unwrap();
    assert_eq!(
        shown(&examples),
        [("./w_9.jpg", "a", None), ("./4.jpg", "b", None), ("./w_9.jpg", "c", None)]
    );
    // Inputs are in the order of their labels.
    for (format, path, text, names) in [
        ("wit", "test_en.jsonl", wit.as_str(), &["w_9.jpg", "4.jpg"][..]),
        ("xflickrco", "en/test.jsonl", flickr, &["1.jpg", "COCO_2.jpg"]),
    ] {
        let labels = labels(format, "en", path, text).unwrap().unwrap();
        assert!(inputs(format, path, text, names).unwrap().fit(&labels), "{format}");
    }
}

#[test]
fn rows_without_an_image_are_told_with_their_line() {
    for (format, path, text, expected) in [
        (
            "xgqa",
            "test-en.json",
            "{\"1\": {\"question\": \"a\", \"imageId\": \"1\"},\n\"2\": {\"question\": \"b\"}}",
            "test-en.json:2: the question `2` names no image",
        ),
        (
            "xgqa",
            "test-en.json",
            "{\"1\": {\"question\": \"a\", \"imageId\": null}}",
            "names no image: it has no `imageId`",
        ),
        (
            "xgqa",
            "test-en.json",
            "{\"1\": {\"question\": \" \", \"imageId\": \"1\"}}",
            "the question `1` has no text",
        ),
        ("xgqa", "test-en.json", "{\"1\": {\"question\": [], \"imageId\": \"1\"}}", "test-en.json:1: "),
        (
            "xvnli",
            "en/test.jsonl",
            "{\"sentence2\": \"a\", \"Flikr30kID\": \"1\"}\n{\"sentence2\": \"a\"}\n",
            "test.jsonl:2: ",
        ),
        ("xvnli", "en/test.jsonl", "{\"sentence2\": \"a\"}\n", "Flikr30kID"),
        (
            "xvnli",
            "en/test.jsonl",
            "{\"sentence2\": \"a\", \"Flikr30kID\": \"1\", \"gold_label\": \"maybe\"}\n",
            "maybe",
        ),
        (
            "xvnli",
            "en/test.jsonl",
            "{\"sentence2\": \"a\", \"Flikr30kID\": \"8\"}\n",
            "test.jsonl:1: there is no image",
        ),
        (
            "xflickrco",
            "en/test.jsonl",
            "{\"sentences\": [\"a\"]}\n",
            "test.jsonl:1: the image names no image",
        ),
        ("xflickrco", "en/test.jsonl", "{\"sentences\": \"a\", \"id\": \"1\"}\n", "test.jsonl:1: "),
        ("wit", "test_en.jsonl", "{\"image_idx\": 1}\n", "caption_reference_description"),
        (
            "wit",
            "test_en.jsonl",
            "{\"image_idx\": 3, \"caption_reference_description\": \"a\"}\n",
            "test_en.jsonl:1: there is no image",
        ),
    ] {
        let said = inputs(format, path, text, &["1.jpg"]).unwrap_err().to_string();
        assert!(said.contains(expected), "{format}: {said}");
    }
}
