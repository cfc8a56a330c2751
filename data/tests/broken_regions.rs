//! Errors of broken files of regions.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use alambic_data::RegionFiles;
use alambic_settings::{Location, OneOrMany};

use crate::common::{Array, attach, base64, files, lxmert, npz, one, oscar, safetensors};

const BOX: [f32; 4] = [0.25, 0.5, 1.0, 1.0];

/// What is said of a file in which the image `1.jpg` has this line, behind a sound one of `2.jpg`.
fn said(line: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.tsv");
    std::fs::write(&path, format!("2\t1\t{}\n{line}\n", base64(&oscar(1.0, &[BOX])))).unwrap();
    attach(&files(&path), &["2.jpg", "1.jpg"]).unwrap_err().to_string()
}

#[test]
fn lines_that_disagree_with_themselves() {
    let sound = oscar(1.0, &[BOX]);
    let encoded = base64(&sound);
    let changed = |at: usize, value: f32| {
        let mut features = sound.clone();
        features[at] = value;
        format!("1\t1\t{}", base64(&features))
    };
    let pixels = |size| lxmert("1", size, &[1.0, 1.0, 90.0, 40.0], &sound);
    for (line, expected) in [
        (format!("1\t3\t{encoded}"), "2054 numbers of features cannot be divided among 3 regions"),
        (format!("1\t2\t{encoded}"), "features have 1027 numbers a region; those of `2` have 2054"),
        (format!("1\t0\t{encoded}"), "there is no region"),
        ("1\t1\t".to_owned(), "0 numbers of features cannot be divided among"),
        (format!("1\tmany\t{encoded}"), "`num_boxes` holds `many` where a whole number is expected"),
        (format!("1\t1\t{}!", &encoded[1..]), "`features` is not base64: "),
        (format!("1\t1\t{}", &encoded[..10]), "`features` is not base64: "),
        ("1\t1\tAAAAAAA=".to_owned(), "`features` holds 5 bytes"),
        (format!("1\t1\t{encoded}\t0"), "4 columns where 2, 3, 6 or 10 are expected"),
        ("1".to_owned(), "1 column where 2, 3, 6 or 10 are expected"),
        ("1\t{\"num_boxes\": 1, ".to_owned(), "not the JSON that is expected: EOF"),
        (
            "1\t{\"num_boxes\": 1}".to_owned(),
            "the row has neither `features` nor `objects` with a `feature` each",
        ),
        (
            format!("1\t{{\"features\": \"{encoded}\"}}"),
            "not the JSON that is expected: missing field `num_boxes`",
        ),
        (format!("1\t-1\t{encoded}"), "`num_boxes` holds `-1` where a whole number is expected"),
        (format!("1\t{{\"num_boxes\": -1, \"features\": \"{encoded}\"}}"), "`num_boxes` holds `-1`"),
        (format!("1\t{{\"num_boxes\": 1.5, \"features\": \"{encoded}\"}}"), "`num_boxes` holds `1.5`"),
        (changed(5, f32::NAN), "the features of region 1 contain infinity or NaN"),
        (changed(2050, f32::INFINITY), "the features of region 1 contain infinity or NaN"),
        (changed(2050, 1.5), "the box of region 1 lies outside the image: 0.25, 0.5, 1.5, 1"),
        (changed(2050, 0.1), "the box of region 1 lies outside the image: 0.25, 0.5, 0.1, 1"),
        (pixels((30, 100)), "the box of region 1 lies outside the image: 1, 1, 90, 40"),
        (pixels((0, 100)), "an image size of 100 by 0 pixels"),
        (pixels((50, 100)).replace("\t50\t", "\ttall\t"), "`image size` holds `tall`"),
        (
            lxmert("1", (50, 100), &[1.0, 1.0, 90.0, f32::NAN], &sound),
            "the bounds of region 1 contain infinity or NaN",
        ),
        (
            pixels((50, 100)).replace(&base64(&[1.0, 1.0, 90.0, 40.0]), &base64(&[1.0, 1.0, 90.0])),
            "boxes have 3 numbers where 4 are expected",
        ),
        (
            pixels((50, 100)).replace(&base64(&[0.9]), &base64(&[1.5])),
            "a confidence of region 1 is 1.5, which is not from 0 to 1",
        ),
        (
            pixels((50, 100)).replace(&base64(&[0.9]), &base64(&[0.9, 0.9])),
            "`objects_conf` holds 2 numbers for 1 regions",
        ),
        (format!("2\t1\t{encoded}"), "the image `2` occurs twice"),
        (format!("COCO_val2014_000000000002\t1\t{encoded}"), "occurs twice"),
    ] {
        let said = said(&line);
        assert!(said.contains("features.tsv:2: ") && said.contains(expected), "{expected}: {said}");
        assert!(said.contains("\n  help: ") && !said.contains("regions of 1 of the corpus"), "{said}");
    }
}

#[test]
fn predictions_that_disagree_with_themselves() {
    let feature = base64(&[1.0, 2.0]);
    let row =
        |count: usize, objects: &str| format!("1\t{{\"num_boxes\": {count}, \"objects\": [{objects}]}}");
    let object = |rect: &str, feature: &str| {
        format!("{{\"rect\": {rect}, \"class\": \"cat\", \"feature\": \"{feature}\"}}")
    };
    let sound = object("[0, 0, 1, 1]", &feature);
    for (line, expected) in [
        (row(2, &sound), "there are 1 objects, and `num_boxes` is 2"),
        (row(0, ""), "there is no region"),
        (row(2, &format!("{sound}, {{\"rect\": [0, 0, 1, 1]}}")), "object 2 has no `feature`"),
        (row(1, &format!("{{\"feature\": \"{feature}\"}}")), "object 1 has no `rect`"),
        (row(1, "{\"rect\": [0, 0, 1, 1], \"class\": \"cat\"}"), "neither `features` nor `objects` with"),
        (
            row(2, &format!("{sound}, {}", object("[0, 0, 1, 1]", &base64(&[1.0])))),
            "the feature of object 2 has 1 numbers, and those before it have 2",
        ),
        (
            row(1, &object("[0, 0, 1, 1]", &base64(&[1.0, f32::NAN]))),
            "the features of region 1 contain infinity or NaN",
        ),
        (row(1, &object("[0, 0, 1, 1]", "AAAAAAA=")), "`feature` holds 5 bytes"),
        (row(1, &object("[0, 0, 10, 10]", &feature)), "the box of region 1 lies outside the image"),
        (row(1, &object("[0, 0, 1]", &feature)), "not the JSON that is expected: "),
        (
            format!("1\t{{\"objects\": [{sound}], \"image_w\": 0, \"image_h\": 9}}"),
            "an image size of 0 by 9 pixels",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.tsv");
        std::fs::write(&path, line).unwrap();
        let said = attach(&files(&path), &["1.jpg"]).unwrap_err().to_string();
        assert!(said.contains("predictions.tsv:1: ") && said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn long_values_are_cut() {
    let long = "9".repeat(1_000_000);
    for line in [
        format!("1\t{long}x\tAAAA"),
        format!("1\t{{\"num_boxes\": \"{long}\"}}"),
        format!("1\t{{\"num_boxes\": {long}, \"features\": \"\"}}"),
        format!("1\t[{{\"{long}"),
    ] {
        let said = said(&line);
        assert!(said.contains("features.tsv:2: ") && said.len() < 2000, "{}", said.len());
    }
}

#[test]
fn all_lines_are_named_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.tsv");
    let few = base64(&[1.0, 2.0]);
    std::fs::write(&path, format!("1\t1\t{few}\n2\tx\n3\t7\t{few}\n\u{fffd}\t1\t{few}\n")).unwrap();
    let error = attach(&files(&path), &["1.jpg", "2.jpg", "3.jpg"]).unwrap_err();
    let lines: Vec<_> = error.problems.iter().map(|problem| problem.place.line).collect();
    assert_eq!(lines, [Some(1), Some(2), Some(3)]);
    assert!(error.to_string().contains("the regions have no boxes"), "{error}");
    std::fs::write(&path, b"\xff\t1\tAAAA\n").unwrap();
    let said = attach(&files(&path), &["1.jpg"]).unwrap_err().to_string();
    assert!(said.contains("features.tsv:1: not UTF-8: byte 0xff"), "{said}");
}

#[test]
fn images_without_regions_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("features.tsv");
    std::fs::write(&path, format!("1\t1\t{}\n", base64(&oscar(1.0, &[BOX])))).unwrap();
    let names = ["1.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg", "6.jpg", "7.jpg"];
    let error = attach(&files(&path), &names).unwrap_err();
    assert_eq!(error.problems.len(), 1);
    let expected =
        "no regions of 6 of the corpus's images, the first of them 2.jpg, 3.jpg, 4.jpg, 5.jpg, 6.jpg";
    assert!(error.to_string().contains(expected), "{error}");
    let said = attach(&files(&path), &["train/1.png", "test/01.png"]).unwrap_err().to_string();
    assert!(said.contains("the images train/1.png and test/01.png have the same id `1`"), "{said}");
}

#[test]
fn tags_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let (features, tags) = (folder.path().join("features.tsv"), folder.path().join("labels.tsv"));
    std::fs::write(&features, format!("1\t1\t{}\n", base64(&oscar(1.0, &[BOX])))).unwrap();
    let options = RegionFiles { tags: one(&tags), ..files(&features) };
    for (labels, expected) in [
        (
            "1\t[{\"class\": \"cat\"}, {\"class\": \"dog\"}]",
            "labels.tsv:1: the number of tags is 2, that of regions 1",
        ),
        ("1\t[{\"class\": ", "labels.tsv:1: not the JSON that is expected: EOF"),
        ("1\t[{\"conf\": 1}]", "labels.tsv:1: not the JSON that is expected: missing field `class`"),
        ("1\t{}", "labels.tsv:1: not the JSON that is expected: missing field `objects`"),
        ("1\t[]\tmore", "labels.tsv:1: 3 columns where 2 are expected"),
        ("7\t[]", "labels.tsv: no tags of 1 of the corpus's images, the first of them 1.jpg"),
    ] {
        std::fs::write(&tags, labels).unwrap();
        let said = attach(&options, &["1.jpg"]).unwrap_err().to_string();
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn archives_that_are_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.npz");
    let said = || attach(&files(folder.path()), &["1.jpg"]).unwrap_err().to_string();
    assert!(said().contains("there is no .npz in this folder"), "{}", said());
    let features = || Array::F32("features", vec![2, 3], vec![0.0; 6]);
    let wrong = |shape: Vec<u64>| {
        let numbers = vec![2.0; shape.iter().product::<u64>() as usize];
        Array::F32("boxes", shape, numbers)
    };
    for (arrays, expected) in [
        (vec![wrong(vec![2, 4])], "there is no array `features` or `x`; there are `boxes`"),
        (vec![Array::F32("x", vec![6], vec![0.0; 6])], "`x` has the shape [6] where [regions, numbers]"),
        (vec![Array::Turned("x", vec![5, 0], Vec::new())], "0 numbers of features cannot be divided among"),
        (vec![Array::Text("x")], "`x` holds"),
        (vec![Array::Headed("x", format!("{}1{}", "(".repeat(3000), ")".repeat(3000)))], "nested too deeply"),
        (vec![Array::Headed("x", " ".repeat(5000))], "the head of an array is too long"),
        (
            vec![Array::Headed(
                "x",
                "{'descr': '<f4', 'fortran_order': True, 'shape': (1152921504606846976, 0), }".into(),
            )],
            "0 numbers of features cannot be divided among",
        ),
        (
            vec![Array::Headed(
                "x",
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976, 16), }".into(),
            )],
            "cannot be read as npz",
        ),
        (
            vec![features(), Array::I64("num_bbox", vec![1], vec![-1])],
            "`num_bbox` is -1, and there are 2 rows",
        ),
        (vec![features(), Array::I64("num_bbox", vec![1], vec![3])], "`num_bbox` is 3, and there are 2 rows"),
        (vec![features(), Array::F32("num_boxes", vec![1], vec![f32::NAN])], "`num_boxes` is NaN"),
        (vec![features(), Array::F32("num_boxes", vec![1], vec![1.5])], "`num_boxes` is 1.5"),
        (vec![features(), Array::I64("num_boxes", vec![2], vec![1, 1])], "`num_boxes` is 2 numbers"),
        (vec![features(), Array::I64("num_boxes", vec![1], vec![0])], "there is no region"),
        (
            vec![Array::F32("x", vec![2, 1], vec![1.0, 2.0]), Array::I64("num_bbox", vec![1], vec![1])],
            "`num_bbox` is 1, and there are 2 rows of features, of which those beyond that number would be zero",
        ),
        (
            vec![Array::F32("x", vec![2, 3], vec![f32::NAN; 6])],
            "the features of region 1 contain infinity or NaN",
        ),
        (
            vec![features(), Array::F32("boxes", vec![2, 4], [vec![0.5; 7], vec![f32::INFINITY]].concat())],
            "the bounds of region 2 contain infinity or NaN",
        ),
        (vec![Array::F32("x", vec![17_000_000, 1], vec![0.0; 17_000_000])], "`x` is larger than 64 MiB"),
        (vec![features(), wrong(vec![2, 3])], "`boxes` has the shape [2, 3] where [regions, 4]"),
        (vec![features(), wrong(vec![3, 4])], "boxes have 12 numbers where 8 are expected"),
        (vec![features(), wrong(vec![2, 4])], "the box of region 1 lies outside the image"),
        (vec![features()], "the regions have no boxes"),
    ] {
        npz(&path, arrays);
        assert!(said().contains("1.npz: ") && said().contains(expected), "{expected}: {}", said());
    }
    let sound = Array::F32("boxes", vec![2, 4], vec![0.5; 8]);
    npz(&path, vec![features(), sound]);
    let bytes = std::fs::read(&path).unwrap();
    assert!(attach(&files(folder.path()), &["1.jpg"]).is_ok());
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(said().contains("1.npz: "), "{length}: {}", said());
    }
    // With any byte changed it is read or an error, and never stops the program.
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x5a;
        std::fs::write(&path, changed).unwrap();
        if let Err(error) = attach(&files(folder.path()), &["1.jpg"]) {
            assert!(error.to_string().contains("1.npz: "), "{at}: {error}");
        }
    }
}

#[test]
fn safetensors_that_are_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("regions.safetensors");
    let said = || attach(&files(&path), &["1.jpg"]).unwrap_err().to_string();
    safetensors(&path, &[("1.boxes", vec![1, 4], BOX.to_vec())]);
    assert!(said().contains("there is no array `NAME.features`; there are `1.boxes`"), "{}", said());
    safetensors(
        &path,
        &[("1.features", vec![1, 2], vec![0.0; 2]), ("1.boxes", vec![2, 4], [BOX, BOX].concat())],
    );
    assert!(said().contains("regions.safetensors/1: boxes have 8 numbers where"), "{}", said());
    safetensors(&path, &[("1.features", vec![1, 2], vec![0.0; 2])]);
    assert!(said().contains("regions.safetensors/1: the regions have no boxes"), "{}", said());
    let bytes = std::fs::read(&path).unwrap();
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(said().contains("cannot be read as safetensors"), "{length}: {}", said());
    }
}

#[test]
fn what_is_no_file_of_regions() {
    let names = ["1.jpg"];
    for (path, expected) in [
        ("train_img_frcnn_feats.pt", "the extension `pt` is not that of a known format of regions"),
        ("nowhere.tsv", "nowhere.tsv: cannot be read"),
        ("nowhere.safetensors", "nowhere.safetensors: cannot be read"),
    ] {
        let said = attach(&files(Path::new(path)), &names).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    let none = RegionFiles { features: OneOrMany(Vec::new()), ..files(Path::new("")) };
    assert!(attach(&none, &names).unwrap_err().to_string().contains("no regions of 1 of"));
    let builtin = OneOrMany(vec![Location::Builtin("regions.tsv".into())]);
    let said = attach(&RegionFiles { features: builtin, ..none }, &names).unwrap_err().to_string();
    assert!(said.contains("builtin:regions.tsv: there is no such built-in table"), "{said}");
}
