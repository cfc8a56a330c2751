//! Regions of images, in the formats in which they are published.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use alambic_data::{Dataset, DetectedRegions, Extent, Picture, Pixels, Question, RegionFiles, RegionLabel};
use alambic_settings::{Location, OneOrMany};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::common::{Array, attach, base64, corpus, files, lxmert, npz, one, oscar, safetensors};

const UPPER: [f32; 4] = [0.0, 0.0, 0.5, 0.25];
const LOWER: [f32; 4] = [0.25, 0.5, 1.0, 1.0];

/// The regions of an image, read again from their file, which is the same as to hold them.
fn loaded(picture: &Picture) -> DetectedRegions {
    picture.regions.as_ref().unwrap().load().unwrap()
}

/// The first feature of each region.
fn firsts(found: &DetectedRegions) -> Vec<f32> {
    found.features.chunks_exact(found.width).map(|row| row[0]).collect()
}

#[test]
fn oscar_and_vinvl_have_the_box_in_the_features() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.tsv");
    let two = base64(&oscar(1.0, &[UPPER, LOWER]));
    // What is not of the corpus need not even be sound.
    let rows = [
        "7\tnothing".to_owned(),
        format!("262148\t2\t{two}"),
        String::new(),
        format!(
            "COCO_train2014_000000000009\t{{\"num_boxes\": 1, \"features\": \"{}\"}}\r",
            base64(&oscar(7.0, &[LOWER]))
        ),
        "after the last image of the corpus".to_owned(),
    ];
    std::fs::write(&path, rows.join("\n")).unwrap();
    let names = ["images/000000000009.jpg", "images/COCO_val2014_000000262148.jpg"];
    let (read, width) = attach(&files(&path), &names).unwrap();
    assert_eq!(width, 2054);
    let found: Vec<DetectedRegions> = read.details.images.iter().map(loaded).collect();
    assert_eq!((firsts(&found[0]), firsts(&found[1])), (vec![7.0], vec![1.0, 2.0]));
    assert_eq!(found[1].features.as_slice(), oscar(1.0, &[UPPER, LOWER]));
    assert_eq!((&found[0].bounds, &found[1].bounds), (&vec![LOWER], &vec![UPPER, LOWER]));
    assert!(found[1].tags.is_empty());
    assert!(read.fingerprint != "before" && read.statistics.dropped.is_empty());
}

#[test]
fn the_first_regions_are_kept_with_their_tags() {
    let folder = tempfile::tempdir().unwrap();
    let (features, tags) = (folder.path().join("features.tsv"), folder.path().join("labels.tsv"));
    let two = base64(&oscar(1.0, &[UPPER, LOWER]));
    std::fs::write(&features, format!("1\t2\t{two}\n2\t2\t{two}\n")).unwrap();
    let labels = [
        ("2", r#"[{"class": "cat", "conf": 0.9}, {"class": "mat", "rect": [1, 2, 3, 4], "conf": 0.8}]"#),
        ("3", "broken"),
        (
            "1",
            r#"{"image_h": 4, "image_w": 8, "objects": [{"class": "dog"}, {"class": "traffic light"}], "more": 1}"#,
        ),
    ];
    std::fs::write(&tags, labels.map(|(id, json)| format!("{id}\t{json}")).join("\n")).unwrap();
    let options = RegionFiles { tags: one(&tags), ..files(&features) };
    let (whole, _) = attach(&options, &["1.jpg", "2.jpg"]).unwrap();
    let tags = |corpus: &Dataset<Question>, image: usize| {
        corpus.details.images[image].regions.as_ref().unwrap().tags().to_vec()
    };
    assert_eq!(
        (tags(&whole, 0), tags(&whole, 1)),
        (vec!["dog".to_owned(), "traffic light".to_owned()], vec!["cat".to_owned(), "mat".to_owned()])
    );
    let (first, _) = attach(&RegionFiles { max_regions: 1, ..options }, &["1.jpg", "2.jpg"]).unwrap();
    let found = loaded(&first.details.images[0]);
    assert_eq!((found.regions(), found.features.len(), found.tags.len()), (1, 2054, 1));
    assert_eq!(first.statistics.dropped["regions beyond the first 1 of an image"], 2);
    // Other features, another corpus.
    assert_ne!(first.fingerprint, whole.fingerprint);
}

#[test]
fn lxmert_and_bottom_up_have_boxes_in_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let (one_file, other) = (folder.path().join("train.tsv"), folder.path().join("val.tsv"));
    // An image of 200 by 100 pixels.
    let boxes = [0.0, 0.0, 100.0, 25.0, 50.0, 50.0, 200.0, 100.0];
    let features = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    std::fs::write(&one_file, lxmert("COCO_train2014_000000000001", (100, 200), &boxes, &features)).unwrap();
    let row = format!("2\t200\t100\t2\t{}\t{}\n", base64(&boxes), base64(&features));
    std::fs::write(&other, row).unwrap();
    let both = OneOrMany(vec![Location::File(one_file.clone()), Location::File(other)]);
    let options = RegionFiles { features: both, ..files(&one_file) };
    let (read, width) = attach(&options, &["1.jpg", "2.jpg"]).unwrap();
    assert_eq!(width, 3);
    for picture in &read.details.images {
        let found = loaded(picture);
        assert_eq!(found.bounds, [UPPER, LOWER]);
        assert_eq!(found.features.as_slice(), features);
    }
    // Of the two layouts, LXMERT's says what is in the regions.
    let labels = loaded(&read.details.images[0]).labels.unwrap();
    let sure = RegionLabel { class: Some(0), confidence: 0.9 };
    assert_eq!((labels.objects, labels.attributes), (vec![sure; 2], vec![sure; 2]));
    assert_eq!(loaded(&read.details.images[1]).labels, None);
}

#[test]
fn images_side_by_side_have_regions_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("features.tsv");
    let rows = [("dev-0-0-img0", 1.0), ("dev-0-0-img1", 2.0), ("alone", 3.0)];
    let row = |(name, first): &(&str, f32)| {
        lxmert(name, (100, 200), &[0.0, 0.0, 100.0, 25.0], &[*first, 0.0]) + "\n"
    };
    std::fs::write(&file, rows.iter().map(row).collect::<String>()).unwrap();
    let mut read = corpus(&["dev-0-0-img0.png", "dev-0-0-img1.png", "alone.jpg"]);
    let alone = read.details.images.pop().unwrap();
    let pixels = Pixels::Joined(std::sync::Arc::new(std::mem::take(&mut read.details.images)));
    read.details.images = vec![Picture { pixels, ..Picture::without_pixels("dev-0-0".into()) }, alone];
    files(&file).attach(&mut read, Extent::Whole).unwrap();
    let [pair, alone] = &read.details.images[..] else { unreachable!("there are two") };
    let first = |picture: &Picture| loaded(picture).features[0];
    assert_eq!((first(&pair.parts()[0]), first(&pair.parts()[1]), first(alone)), (1.0, 2.0, 3.0));
    assert!(pair.regions.is_none());
}

#[test]
fn boxes_come_from_the_tags_where_nothing_else_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let (features, tags) = (folder.path().join("features.tsv"), folder.path().join("labels.tsv"));
    std::fs::write(&features, format!("1\t1\t{}", base64(&[1.0, 2.0]))).unwrap();
    let label = format!(
        "1\t{}",
        r#"{"image_h": 100, "image_w": 200, "objects": [{"class": "cat", "rect": [50, 50, 200.5, 100]}]}"#
    );
    std::fs::write(&tags, label).unwrap();
    let (read, _) = attach(&RegionFiles { tags: one(&tags), ..files(&features) }, &["1.jpg"]).unwrap();
    // What is over the edge by a rounding is cut.
    assert_eq!(loaded(&read.details.images[0]).bounds, [LOWER]);
}

#[test]
fn predictions_of_vinvl_have_a_feature_for_each_object() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.tsv");
    let object = |class: &str, rect: [u32; 4], feature: &[f32]| {
        format!(
            "{{\"rect\": {rect:?}, \"class\": \"{class}\", \"conf\": 0.9, \"feature\": \"{}\"}}",
            base64(feature)
        )
    };
    let objects =
        [object("cat", [0, 0, 8, 2], &[1.0, 2.0]), object("dog", [4, 4, 16, 8], &[3.0, 4.0])].join(", ");
    let row = format!(
        "COCO_val2014_000000000001\t{{\"image_h\": 8, \"image_w\": 16, \"num_boxes\": 2, \"objects\": [{objects}], \
         \"predicates\": []}}"
    );
    std::fs::write(&path, row).unwrap();
    for memory_gb in [2.0, 0.0] {
        let (read, width) = attach(&RegionFiles { memory_gb, ..files(&path) }, &["1.jpg"]).unwrap();
        let found = loaded(&read.details.images[0]);
        assert_eq!((width, found.features.as_slice()), (2, &[1.0, 2.0, 3.0, 4.0][..]));
        assert_eq!(found.bounds, [UPPER, LOWER]);
        assert_eq!(found.tags, ["cat", "dog"]);
    }
    // A file of tags goes first.
    let tags = folder.path().join("labels.tsv");
    std::fs::write(&tags, "1\t[{\"class\": \"tom\"}, {\"class\": \"rex\"}]").unwrap();
    let (read, _) = attach(&RegionFiles { tags: one(&tags), ..files(&path) }, &["1.jpg"]).unwrap();
    assert_eq!(loaded(&read.details.images[0]).tags, ["tom", "rex"]);
}

#[test]
fn number_of_regions_in_archive_leaves_padding_out() {
    let folder = tempfile::tempdir().unwrap();
    npz(
        &folder.path().join("1.npz"),
        vec![
            Array::F32("x", vec![3, 2], vec![1.0, 2.0, 3.0, 4.0, 0.0, 0.0]),
            Array::U16("bbox", vec![3, 4], vec![0, 0, 50, 25, 25, 50, 100, 100, 0, 0, 0, 0]),
            Array::I64("num_bbox", vec![1], vec![2]),
            Array::I64("image_w", vec![1], vec![100]),
            Array::I64("image_h", vec![1], vec![100]),
        ],
    );
    let (read, width) = attach(&files(folder.path()), &["1.jpg"]).unwrap();
    let found = loaded(&read.details.images[0]);
    assert_eq!((width, found.regions()), (2, 2));
    assert_eq!(found.bounds, [UPPER, LOWER]);
}

#[test]
fn probabilities_of_classes_are_those_of_the_regions_that_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let probabilities = vec![0.5, 0.25, 0.25, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    let write = |name: &'static str, rows: u64, probabilities: Vec<f32>| {
        let numbers = vec![
            Array::F32("x", vec![3, 2], vec![1.0, 2.0, 3.0, 4.0, 0.0, 0.0]),
            Array::F32("norm_bb", vec![3, 4], [UPPER, LOWER, [0.0; 4]].concat()),
            Array::I64("num_bbox", vec![1], vec![2]),
            Array::F32(name, vec![rows, 3], probabilities),
        ];
        npz(&folder.path().join("1.npz"), numbers);
    };
    for (name, max_regions, memory_gb) in
        [("soft_labels", 50, 2.0), ("soft_labels", 50, 0.0), ("cls_prob", 1, 2.0), ("cls_prob", 1, 0.0)]
    {
        write(name, 3, probabilities.clone());
        let files = RegionFiles { max_regions, memory_gb, ..files(folder.path()) };
        let (read, _) = attach(&files, &["1.jpg"]).unwrap();
        let picture = &read.details.images[0];
        assert_eq!(picture.regions.as_ref().unwrap().classes(), 3);
        let found = loaded(picture);
        let kept = 3 * max_regions.min(2);
        assert_eq!((found.classes, &found.class_probabilities[..]), (3, &probabilities[..kept]), "{name}");
    }
    for (rows, faulty, expected) in
        [(2, vec![0.5; 6], "2"), (3, vec![0.5, 0.5, 0.0, 0.0, 1.5, 0.0, 0.0, 0.0, 0.0], "region 2")]
    {
        write("soft_labels", rows, faulty);
        let error = attach(&files(folder.path()), &["1.jpg"]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn archives_of_numpy_are_read_by_either_name() {
    let folder = tempfile::tempdir().unwrap();
    // As UNITER publishes them: halves, width, height and area behind the box.
    npz(
        &folder.path().join("COCO_val2014_000000000001.npz"),
        vec![
            Array::F16("features", vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            Array::F16(
                "norm_bb",
                vec![2, 7],
                vec![0.0, 0.0, 0.5, 0.25, 0.5, 0.25, 0.1, 0.25, 0.5, 1.0, 1.0, 0.75, 0.5, 0.4],
            ),
            Array::F16("conf", vec![2], vec![0.9, 0.8]),
        ],
    );
    // As bottom-up attention in PyTorch writes them, here column by column.
    npz(
        &folder.path().join("n2.npz"),
        vec![
            Array::Turned("x", vec![2, 3], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
            Array::F32("bbox", vec![2, 4], vec![0.0, 0.0, 100.0, 25.0, 50.0, 50.0, 200.0, 100.0]),
            Array::I64("image_w", vec![], vec![200]),
            Array::I64("image_h", vec![], vec![100]),
        ],
    );
    std::fs::write(folder.path().join("3.npz"), "not of the corpus").unwrap();
    let (read, width) = attach(&files(folder.path()), &["n2.png", "1.png"]).unwrap();
    assert_eq!(width, 3);
    for picture in &read.details.images {
        let found = loaded(picture);
        assert_eq!(found.features.as_slice(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(found.bounds, [UPPER, LOWER]);
    }
}

#[test]
fn what_numpy_itself_writes_is_read() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/regions"));
    let (read, _) = attach(&files(folder), &["n1.png", "2.png", "3.png"]).unwrap();
    for picture in &read.details.images {
        let found = loaded(picture);
        assert_eq!(found.features.as_slice(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "{}", picture.name);
        assert_eq!(found.bounds, [UPPER, LOWER], "{}", picture.name);
    }
}

#[test]
fn safetensors_are_read_by_the_name_of_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.safetensors");
    safetensors(
        &path,
        &[
            ("scene 1.features", vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            ("scene 1.boxes", vec![2, 4], [UPPER, LOWER].concat()),
            ("000002.features", vec![1, 3], vec![7.0, 8.0, 9.0]),
            ("000002.boxes", vec![1, 4], LOWER.to_vec()),
            ("scene 3.features", vec![1], vec![0.0]),
        ],
    );
    let (read, width) = attach(&files(&path), &["2.png", "scene 1"]).unwrap();
    assert_eq!(width, 3);
    let found: Vec<DetectedRegions> = read.details.images.iter().map(loaded).collect();
    assert_eq!((firsts(&found[0]), firsts(&found[1])), (vec![7.0], vec![1.0, 4.0]));
    assert_eq!((&found[0].bounds, &found[1].bounds), (&vec![LOWER], &vec![UPPER, LOWER]));
}

#[test]
fn width_of_heads_is_that_of_the_first_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.tsv");
    std::fs::write(&path, format!("5\t1\t{}\n6\tbroken", base64(&oscar(1.0, &[UPPER])))).unwrap();
    let mut corpus = corpus(&["1.jpg"]);
    assert_eq!(files(&path).attach(&mut corpus, Extent::Head).unwrap(), 2054);
    assert!(corpus.details.images[0].regions.is_none() && corpus.fingerprint == "before");
    std::fs::write(&path, "6\tbroken").unwrap();
    assert!(files(&path).attach(&mut corpus, Extent::Head).is_err());
    std::fs::write(&path, "\n").unwrap();
    let said = files(&path).attach(&mut corpus, Extent::Head).unwrap_err().to_string();
    assert!(said.contains("features.tsv: the file is empty"), "{said}");
}

#[test]
fn features_beyond_the_memory_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let line = |id: &str, first: f32| format!("{id}\t2\t{}\n", base64(&oscar(first, &[UPPER, LOWER])));
    let tsv = folder.path().join("features.tsv");
    std::fs::write(&tsv, format!("{}\n{}{}", line("1", 1.0), line("2", 3.0), line("3", 5.0))).unwrap();
    let tensors = folder.path().join("features.safetensors");
    let feature = |first: f32| oscar(first, &[UPPER, LOWER]);
    safetensors(
        &tensors,
        &["1", "2", "3"].map(|id| (format!("{id}.features"), id)).each_ref().map(|(name, id)| {
            (name.as_str(), vec![2, 2054], feature(id.parse::<f32>().unwrap() * 2.0 - 1.0))
        }),
    );
    let archives = folder.path().join("archives");
    std::fs::create_dir(&archives).unwrap();
    for index in [0, 1, 2] {
        let numbers = feature(1.0 + 2.0 * index as f32);
        let path = archives.join(format!("{}.npz", index + 1));
        npz(&path, vec![Array::F32("features", vec![2, 2054], numbers)]);
    }
    let names = ["3.jpg", "1.jpg", "2.jpg"];
    for path in [&tsv, &tensors, &archives] {
        let (held, _) = attach(&files(path), &names).unwrap();
        // Room for the first two of the file.
        let memory_gb = 2.0 * 2.0 * 2054.0 * 4.0 / 1e9;
        for (max_regions, memory_gb) in [(50, 0.0), (50, memory_gb), (1, 0.0)] {
            let (filed, _) = attach(&RegionFiles { max_regions, memory_gb, ..files(path) }, &names).unwrap();
            if max_regions == 50 {
                assert_eq!(held.fingerprint, filed.fingerprint);
            }
            for (own, other) in filed.details.images.iter().zip(&held.details.images) {
                let mut other = loaded(other);
                other.truncate(max_regions);
                assert_eq!(loaded(own), other, "{}", path.display());
            }
        }
    }
    let (filed, _) = attach(&RegionFiles { memory_gb: 0.0, ..files(&tsv) }, &names).unwrap();
    std::fs::write(&tsv, "gone").unwrap();
    let error = filed.details.images[0].regions.as_ref().unwrap().load().unwrap_err().to_string();
    assert!(error.contains("features.tsv"), "{error}");
}

#[test]
fn confidences_and_attributes_go_with_their_regions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.tsv");
    let object = |class: &str, more: &str| {
        let feature = base64(&[1.0, 2.0]);
        format!("{{\"rect\": [0, 0, 8, 2], \"class\": \"{class}\", \"feature\": \"{feature}\"{more}}}")
    };
    let write = |objects: &[String]| {
        let size = "\"image_h\": 8, \"image_w\": 16";
        let row = format!("1\t{{{size}, \"objects\": [{}]}}", objects.join(", "));
        std::fs::write(&path, row).unwrap();
        attach(&RegionFiles { max_regions: 2, ..files(&path) }, &["1.jpg"])
    };
    let whole = [
        object(
            "cat",
            ", \"conf\": 0.9, \"attributes\": [\"gris \u{e9}\", \"old\"], \"attr_scores\": [0.75, 0.5]",
        ),
        object("dog", ", \"conf\": 0.5"),
        object("mat", ", \"conf\": 0.25, \"attributes\": [\"flat\"]"),
    ];
    let (read, _) = write(&whole).unwrap();
    let found = loaded(&read.details.images[0]);
    assert_eq!((found.tags.len(), found.confidences.as_slice()), (2, &[0.9, 0.5][..]));
    assert_eq!(found.attributes[0], [("gris \u{e9}".to_owned(), 0.75), ("old".to_owned(), 0.5)]);
    assert!(found.attributes[1].is_empty());
    // Without confidences an attribute is sure; a region without any has none.
    let (read, _) = write(&[object("mat", ", \"attributes\": [\"flat\"]")]).unwrap();
    let found = loaded(&read.details.images[0]);
    assert_eq!((found.confidence(0), found.attributes[0][0].1), (1.0, 1.0));
    assert!(found.confidences.is_empty());
    // Other confidences, another corpus.
    let (other, _) = write(&[object("mat", ", \"conf\": 0.25, \"attributes\": [\"flat\"]")]).unwrap();
    assert_ne!(read.fingerprint, other.fingerprint);

    for (objects, expected) in [
        (
            vec![object("cat", ", \"conf\": 0.9"), object("dog", "")],
            "the number of confidences is 1, that of regions 2",
        ),
        (vec![object("cat", ", \"conf\": 1.5")], "a confidence of region 1 is 1.5, which is not from 0 to 1"),
        (vec![object("cat", ", \"conf\": -0.1")], "a confidence of region 1 is -0.1"),
        (
            vec![object("cat", ", \"attributes\": [\"old\"], \"attr_scores\": [0.5, 0.5]")],
            "object 1 has 1 attributes, and 2 `attr_scores`",
        ),
        (
            vec![object("cat", ", \"attributes\": [\"old\"], \"attr_scores\": [2]")],
            "a confidence of region 1 is 2, which is not from 0 to 1",
        ),
    ] {
        let said = write(&objects).unwrap_err().to_string();
        assert!(said.contains("predictions.tsv:1: ") && said.contains(expected), "{expected}: {said}");
        assert!(said.contains("\n  help: "), "{said}");
    }
}

#[test]
fn confidences_of_a_file_of_tags_are_those_of_its_tags() {
    let folder = tempfile::tempdir().unwrap();
    let (features, tags) = (folder.path().join("features.tsv"), folder.path().join("labels.tsv"));
    std::fs::write(&features, format!("1\t2\t{}\n", base64(&oscar(1.0, &[UPPER, LOWER])))).unwrap();
    std::fs::write(&tags, "1\t[{\"class\": \"cat\", \"conf\": 0.9}, {\"class\": \"mat\", \"conf\": 0.8}]")
        .unwrap();
    let options = RegionFiles { tags: one(&tags), ..files(&features) };
    let (read, _) = attach(&options, &["1.jpg"]).unwrap();
    assert_eq!(loaded(&read.details.images[0]).confidences, [0.9, 0.8]);
    std::fs::write(&tags, "1\t[{\"class\": \"cat\", \"conf\": 0.9}, {\"class\": \"mat\"}]").unwrap();
    let said = attach(&options, &["1.jpg"]).unwrap_err().to_string();
    assert!(said.contains("labels.tsv:1: the number of confidences is 1, that of regions 2"), "{said}");
}

#[test]
fn numbers_of_lxmert_have_the_names_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let ids = |ids: &[i64]| {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        BASE64_STANDARD.encode(bytes)
    };
    let boxes = base64(&[0.0, 0.0, 100.0, 25.0, 50.0, 50.0, 200.0, 100.0]);
    let write = |objects: &str, sure: &str, attributes: &str| {
        let features = base64(&[1.0, 2.0]);
        let half = base64(&[0.5, 0.25]);
        let row = format!("1\t100\t200\t{objects}\t{sure}\t{attributes}\t{half}\t2\t{boxes}\t{features}\n");
        std::fs::write(path("lxmert.tsv"), row).unwrap();
    };
    std::fs::write(path("objects.txt"), "\u{feff}yolk\r\nman,men\r\ncafé au lait\r\n\r\n").unwrap();
    std::fs::write(path("attributes.txt"), "floral\nblue,blues").unwrap();
    let named = RegionFiles {
        object_names: Some(Location::File(path("objects.txt"))),
        attribute_names: Some(Location::File(path("attributes.txt"))),
        ..files(&path("lxmert.tsv"))
    };
    let sure = base64(&[0.9, 0.5]);
    let narrow = |ids: [i32; 2]| BASE64_STANDARD.encode(ids.map(i32::to_le_bytes).concat());
    // Of 64 bits as they are published, or of 32.
    for (objects, attributes) in [
        (base64(&[1.0, 2.0]), base64(&[1.0, -1.0])),
        (narrow([1, 2]), narrow([1, -1])),
        (ids(&[1, 2]), ids(&[1, -1])),
    ] {
        write(&objects, &sure, &attributes);
        let found = loaded(&attach(&named, &["1.jpg"]).unwrap().0.details.images[0]);
        assert_eq!(found.tags, ["man", "café au lait"]);
        assert_eq!(found.attributes, [vec![("blue".to_owned(), 0.5)], Vec::new()]);
    }
    write("", "", "");
    let row = std::fs::read_to_string(path("lxmert.tsv")).unwrap();
    let row: Vec<&str> = row.split('\t').collect();
    std::fs::write(path("lxmert.tsv"), [&row[..6], &[""], &row[7..]].concat().join("\t")).unwrap();
    assert!(loaded(&attach(&named, &["1.jpg"]).unwrap().0.details.images[0]).tags.is_empty());
    write(&ids(&[1, 2]), &sure, &ids(&[1, -1]));
    let found = loaded(&attach(&named, &["1.jpg"]).unwrap().0.details.images[0]);
    assert_eq!(
        (found.tags, found.confidences),
        (vec!["man".to_owned(), "café au lait".into()], vec![0.9, 0.5])
    );
    assert_eq!(found.attributes, [vec![("blue".to_owned(), 0.5)], Vec::new()]);

    for (objects, sure, attributes, expected) in [
        (
            ids(&[1, 3]),
            sure.clone(),
            ids(&[0, 0]),
            "there is no object of number 3: 3 have names, counted from 0",
        ),
        (ids(&[1, -1]), sure.clone(), ids(&[0, 0]), "there is no object of number -1"),
        (ids(&[1, 1]), sure.clone(), ids(&[2, 0]), "there is no attribute of number 2"),
        (ids(&[1]), sure.clone(), ids(&[0, 0]), "`objects_id` holds 1 numbers for 2 regions"),
        (ids(&[1, 1]), sure.clone(), ids(&[1]), "`attrs_id` holds 1 numbers for 2 regions"),
        (ids(&[1, 1]), base64(&[0.9]), ids(&[0, 0]), "`objects_conf` holds 1 numbers for 2 regions"),
        (
            base64(&[1.0]),
            sure.clone(),
            ids(&[0, 0]),
            "`objects_id` holds 4 bytes, which is not a multiple of eight",
        ),
    ] {
        write(&objects, &sure, &attributes);
        let said = attach(&named, &["1.jpg"]).unwrap_err().to_string();
        assert!(said.contains("lxmert.tsv:1: ") && said.contains(expected), "{expected}: {said}");
    }
    write(&ids(&[0, 0]), &sure, &ids(&[0, 0]));
    std::fs::write(path("objects.txt"), "yolk\n\nman\n").unwrap();
    let said = attach(&named, &["1.jpg"]).unwrap_err().to_string();
    assert!(said.contains("objects.txt:2: the line has no name"), "{said}");
    std::fs::write(path("objects.txt"), "\n").unwrap();
    let said = attach(&named, &["1.jpg"]).unwrap_err().to_string();
    assert!(said.contains("objects.txt"), "{said}");
}
