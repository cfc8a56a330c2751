//! Statements about images and phrases of captions, in the layouts in which they are published.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;
use std::sync::Arc;

use alambic_data::corpora::{Corpus, ReadCorpus};
use alambic_data::{Content, DataError, Dataset, Extent, HoldOut, Picture, Question, Raster, SplitOptions};
use alambic_settings::{Node, read};

fn corpus(folder: &Path, text: &str) -> Result<Dataset<Question>, DataError> {
    let corpus: Corpus = read(&Node::parse(folder.join("recipe.toml"), text).unwrap()).unwrap();
    match corpus.read(Extent::Whole)? {
        Content::Questions(questions) => Ok(questions),
        _ => unreachable!("images are told of"),
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn image(folder: &Path, name: &str, (width, height): (usize, usize), shade: u8) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let raster = Raster { width, height, rgb: Arc::new(vec![shade; width * height * 3]) };
    std::fs::write(path, raster.to_png().unwrap()).unwrap();
}

const NLVR2: &str = r#"{"identifier": "dev-850-0-0", "sentence": "An image shows one dog.", "label": "True", "synset": "dog"}
{"identifier": "dev-850-0-1", "sentence": "Both images show dogs.", "label": "False"}
{"identifier": "dev-850-1-0", "sentence": "An image shows one dog.", "label": "False"}
{"identifier": "train-7-0-0", "sentence": "There is a cat.", "label": "True", "directory": 12}
"#;

#[test]
fn statements_of_nlvr2_have_two_images_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "dev.json.jsonl", NLVR2);
    for (pair, shade) in [("dev/dev-850-0", 1), ("dev-850-1", 2), ("train/12/train-7-0", 3)] {
        image(root, &format!("images/{pair}-img0.png"), (4, 2), shade);
        image(root, &format!("images/{pair}-img1.png"), (2, 4), shade + 100);
    }
    let text = "nlvr2 = { paths = 'dev.json.jsonl', images = 'images' }";
    let mut dataset = corpus(root, text).unwrap();
    let asked: Vec<(usize, u32)> =
        dataset.splits.train.iter().map(|own| (own.image, own.answers[0].0)).collect();
    assert_eq!(asked, [(0, 1), (0, 0), (1, 0), (2, 1)]);
    assert_eq!(dataset.details.answers, ["False", "True"]);
    let joined = dataset.details.images[0].load().unwrap();
    assert_eq!((joined.width, joined.height), (5, 2));
    assert_eq!((joined.rgb[0], joined.rgb[4 * 3]), (1, 101), "the left image is the first");
    let groups: Vec<&str> = dataset.details.images.iter().map(Picture::split_name).collect();
    assert_eq!(groups, ["dev-850", "dev-850", "train-7"]);
    let options = SplitOptions { test_fraction: Some(0.5), ..SplitOptions::default() };
    dataset.split(&options, &HoldOut::default()).unwrap();
    let both = |split: &[Question]| split.iter().filter(|own| own.image < 2).count();
    assert!([0, 3].contains(&both(&dataset.splits.test)));

    std::fs::remove_file(root.join("images/dev-850-1-img1.png")).unwrap();
    write(
        root,
        "dev.json.jsonl",
        &format!(
            "{NLVR2}{{\"identifier\": \"dev-850\", \"sentence\": \"a\", \"label\": \"True\"}}\n{{\"identifier\": \"dev-850-0-0\", \"sentence\": \"a\", \"label\": \"maybe\"}}\n{{\"identifier\": \"train-7-0-1\", \"sentence\": \"a\", \"label\": \"maybe\", \"directory\": 12}}\n"
        ),
    );
    let said = corpus(root, text).unwrap_err().to_string();
    for expected in [
        "dev-850-1-img1.png",
        ":5: `identifier` holds `dev-850` where `split-set-pair-sentence` is expected",
        ":6: the id `dev-850-0-0` is given twice",
        ":7: `label` holds `maybe` where one of `True`, `False`",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn boxes_of_nlvr_are_drawn_with_their_objects() {
    let folder = tempfile::tempdir().unwrap();
    let shape = r##"{"x_loc": 10, "y_loc": 20, "size": 30, "type": "square", "color": "#0099ff"}"##;
    let row = |identifier: &str, boxes: &str| {
        format!(
            "{{\"identifier\": \"{identifier}\", \"sentence\": \"There is a blue square\", \"label\": \"true\", \"structured_rep\": {boxes}}}\n"
        )
    };
    let text = "nlvr = { paths = 'train.jsonl' }";
    let whole = format!("[[], [{shape}], []]");
    write(
        folder.path(),
        "train.jsonl",
        &[row("train-3-0", &whole), row("train-3-1", "[[], [], []]")].concat(),
    );
    let dataset = corpus(folder.path(), text).unwrap();
    let images = &dataset.details.images;
    assert_eq!((images.len(), images[0].split_name(), images[1].split_name()), (2, "train-3", "train-3"));
    assert_eq!(images[0].objects[0].tag, "blue square");
    assert_eq!(images[0].objects[0].bounds, [0.4, 0.2, 0.475, 0.5]);
    let raster = images[0].load().unwrap();
    assert_eq!(raster.rgb[(20 * 400 + 160) * 3..][..3], [0, 0x99, 0xff]);
    assert_eq!(raster.rgb[(19 * 400 + 160) * 3..][..3], [211; 3]);
    for (boxes, expected) in [
        ("[[], []]".to_owned(), "2 boxes where 3 are expected"),
        ("7".to_owned(), "not the JSON that is expected"),
        (whole.replace("square", "star"), "`type` holds `star` where one of `square`, `circle`, `triangle`"),
        (whole.replace("30", "90"), "lies outside of its box"),
        (whole.replace("10", "-1"), "not the JSON that is expected"),
    ] {
        write(folder.path(), "train.jsonl", &row("train-3-0", &boxes));
        let said = corpus(folder.path(), text).unwrap_err().to_string();
        assert!(said.contains("train.jsonl:1: ") && said.contains(expected), "{said}");
    }
    write(
        folder.path(),
        "train.jsonl",
        "{\"identifier\": \"3\", \"sentence\": \"a\", \"structured_rep\": [[],[],[]]}\n",
    );
    assert!(corpus(folder.path(), text).unwrap_err().to_string().contains("`sentence-image` is expected"));
}

#[test]
fn phrases_of_flickr30k_entities_are_tags_of_their_boxes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    image(root, "images/36979.jpg", (50, 40), 3);
    write(
        root,
        "Sentences/36979.txt",
        "[/EN#1/people A man] holds [/EN#2/other a cup] .\n[/EN#1/people Someone] in [/EN#3/scene a park] .\n",
    );
    let size = "<size><width>50</width><height>40</height></size>";
    let object = "<object><name>1</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>25</xmax><ymax>40</ymax></bndbox></object>\
                  <object><name>3</name><scene>1</scene><nobndbox>0</nobndbox></object>";
    write(root, "Annotations/36979.xml", &format!("<annotation>{size}{object}</annotation>"));
    write(root, "test.txt", "36979\n");
    let text = "flickr30k-entities = { folder = '.', images = 'images' }";
    let dataset = corpus(root, text).unwrap();
    let image = &dataset.details.images[0];
    let captions: Vec<&str> = image.captions.iter().map(|caption| caption.text.as_str()).collect();
    assert_eq!(captions, ["A man holds a cup .", "Someone in a park ."]);
    let objects: Vec<(&str, [f32; 4])> =
        image.objects.iter().map(|own| (own.tag.as_str(), own.bounds)).collect();
    let (half, whole) = ([0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(objects, [("a man", half), ("someone", half), ("a park", whole)]);
    assert_eq!(image.splits, [Some("test".to_owned())]);
    write(root, "Sentences/36979.txt", "fine\n[/EN#1/people A man holds\n");
    let said = corpus(root, text).unwrap_err().to_string();
    assert!(said.contains("36979.txt:2: `phrase` holds"), "{said}");
    write(root, "Sentences/36979.txt", "fine\n");
    write(root, "Annotations/36979.xml", "<annotation>\n<object>");
    assert!(corpus(root, text).unwrap_err().to_string().contains("36979.xml:2: not the XML"));
}

#[test]
fn captions_of_oscar_come_by_a_yaml() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "train.yaml", "# files\ncaption: 'captions.json'\nimg: \"none.tsv\" # not read\n");
    write(
        root,
        "captions.json",
        r#"[{"image_id": 9, "id": 0, "caption": " a dog "}, {"image_id": "9", "caption": "it sits"}]"#,
    );
    let text = "oscar-captions.paths = 'train.yaml'";
    let dataset = corpus(root, text).unwrap();
    assert_eq!(dataset.details.images.len(), 1);
    let captions: Vec<&str> =
        dataset.details.images[0].captions.iter().map(|caption| caption.text.as_str()).collect();
    assert_eq!(captions, ["a dog", "it sits"]);
    write(root, "train.yaml", "caption: train_captions.pt\n");
    assert!(corpus(root, text).unwrap_err().to_string().contains("save its captions as JSON"));
    write(root, "train.yaml", "feature: x.tsv\n");
    assert!(corpus(root, text).unwrap_err().to_string().contains("no key `caption`"));
    write(root, "train.yaml", "caption: a.json\ncaption: b.json\n");
    assert!(corpus(root, text).unwrap_err().to_string().contains("occurs twice"));
}

#[test]
fn retrieval_of_oscar_takes_rows_by_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let row = |id: &str, first: f32| {
        let features = crate::common::oscar(first, &[[0.0, 0.0, 0.5, 0.25], [0.25, 0.5, 1.0, 1.0]]);
        format!("{id}\t2\t{}\n", crate::common::base64(&features))
    };
    let objects = |id: &str, tags: [&str; 2]| {
        let [one, other] =
            tags.map(|tag| format!("{{\"class\": \"{tag}\", \"rect\": [1, 1, 4, 4], \"conf\": 0.5}}"));
        format!("{id}\t{{\"image_h\": 8, \"image_w\": 8, \"objects\": [{one}, {other}]}}\n")
    };
    std::fs::create_dir(root.join("regions")).unwrap();
    write(root, "regions/features.tsv", &(row("391895", 1.0) + &row("7", 3.0) + &row("0000522418", 5.0)));
    write(root, "regions/imageid2idx.json", r#"{"391895": 0, "522418": 2}"#);
    let predictions = objects("522418", ["dog", "mat"]) + &objects("391895", ["man", "bike"]);
    write(root, "regions/predictions.tsv", &predictions);
    write(root, "train.json", r#"{"522418": ["a dog ", "it sits"]}"#);
    // As the published dictionaries have them: lists as texts.
    write(root, "test.json", r#"{"391895": "[\"un v\u00e9lo\"]"}"#);
    let text =
        "oscar-retrieval = { folder = 'regions', captions = 'train.json', test-captions = 'test.json' }";
    let dataset = corpus(root, text).unwrap();
    let image = |id: &str| {
        dataset.details.images.iter().find(|image| image.name == format!("./{id}")).unwrap().clone()
    };
    let (train, test) = (image("522418"), image("391895"));
    let captions = |image: &Picture| -> Vec<String> {
        image.captions.iter().map(|caption| caption.text.clone()).collect()
    };
    assert_eq!(
        (captions(&train), captions(&test)),
        (vec!["a dog".into(), "it sits".into()], vec!["un vélo".into()])
    );
    assert_eq!(test.splits, [Some("test".to_owned())]);
    let regions = train.regions.unwrap().load().unwrap();
    assert_eq!(
        (regions.features[0], regions.tags, regions.confidences),
        (5.0, vec!["dog".to_owned(), "mat".into()], vec![0.5; 2])
    );
    assert_eq!(test.regions.unwrap().load().unwrap().features[0], 1.0);
    // Tags may be left out, and with them their file.
    std::fs::remove_file(root.join("regions/predictions.tsv")).unwrap();
    let said = corpus(root, text).unwrap_err().to_string();
    assert!(said.contains("predictions.tsv"), "{said}");
    let without = text.replace(" }", ", tags = false }");
    assert!(corpus(root, &without).unwrap().details.images[0].regions.as_ref().unwrap().tags().is_empty());

    for (file, content, expected) in [
        (
            "regions/imageid2idx.json",
            r#"{"391895": 2, "522418": 0}"#,
            "row 0, counted from 0, is of the image `391895`, and `imageid2idx.json` has `522418` there",
        ),
        (
            "regions/imageid2idx.json",
            r#"{"391895": 0, "522418": 0}"#,
            "row 0 is that of the images `391895` and `522418`",
        ),
        (
            "regions/imageid2idx.json",
            r#"{"391895": 0}"#,
            "no regions of 1 of the corpus's images, the first of them ./522418",
        ),
        (
            "regions/imageid2idx.json",
            r#"{"391895": -1}"#,
            "imageid2idx.json:1: not the JSON that is expected",
        ),
        ("train.json", r#"{"522418": "a dog"}"#, "the captions of `522418` are no list of texts"),
        ("train.json", r#"{"522418": 3}"#, "train.json:1: not the JSON that is expected"),
        ("train.json", r#"{"522419": ["a cat"]}"#, "the first of them ./522419"),
    ] {
        let before = std::fs::read_to_string(root.join(file)).unwrap();
        write(root, file, content);
        let said = corpus(root, &without).unwrap_err().to_string();
        assert!(said.contains(expected), "{expected}: {said}");
        write(root, file, &before);
    }
    let pickled = without.replace("train.json", "train_captions.pt");
    let said = corpus(root, &pickled).unwrap_err().to_string();
    assert!(said.contains("it is a file of PyTorch") && said.contains("json.dump"), "{said}");
}
