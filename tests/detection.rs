//! Detectors with attributes, from a recipe to files of regions that corpora read.

use crate::common::{json, json_of, run, write_image};
use alambic_data::{
    Dataset, Extent, Picture, Pixels, Question, QuestionDetails, ReadStatistics, RegionFiles,
};
use alambic_settings::{Location, OneOrMany};
use serde_json::Value;

const RECIPE: &str = "builtin:vision/smoke/vinvl";

/// The detector alone.
const DETECT: [&str; 4] = ["--set", "stages=['detect']", "--set", "evaluation.timed-examples=4"];

#[test]
fn detector_learns_objects_and_attributes_and_its_regions_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let outcome: Value =
        json(&run(at, &[&["run", RECIPE, "--out", "run", "--json"][..], &DETECT].concat()).done());
    let model = &outcome["models"]["student"];
    let figure = |name: &str| model["metrics"][name].as_f64().unwrap();
    // 1,000 steps of 16 scenes show that it learns; a detector that finds nothing has 0.
    assert!(figure("map-50") > 0.15 && figure("map") > 0.03, "{model}");
    assert!(figure("map-50") > figure("map"), "{model}");
    // Of attributes by chance the mean precision is their share.
    assert!(figure("attribute-map") > 0.55, "{model}");
    let slices: Vec<&String> = model["slices"].as_object().unwrap().keys().collect();
    assert!(slices.iter().any(|slice| slice.contains("kept out")), "{slices:?}");
    assert!(model["intervals"]["map-50"][0].as_f64().unwrap() <= figure("map-50"), "{model}");

    let config = json_of(&at.join("run/student/config.json"));
    assert_eq!((&config["slots"], &config["selection"]), (&2.into(), &"vinvl".into()));
    assert_eq!(config["stages"], serde_json::json!([1, 1]));
    let attributes: Vec<&str> =
        config["attributes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(["red", "small", "large", "dark"].iter().all(|own| attributes.contains(own)), "{attributes:?}");
    let classes: Vec<&str> =
        config["id2label"].as_object().unwrap().values().filter_map(Value::as_str).collect();
    assert_eq!(classes, ["circle", "square", "triangle"]);

    write_image(&at.join("one.png"), (40, 30), |value| (value % 251) as u8);
    write_image(&at.join("two.png"), (32, 32), |value| (value % 13 * 19) as u8);
    let predict = |options: &[&str]| run(at, &[&["predict", "run/student"], options].concat());
    let printed = predict(&["one.png", "two.png", "--json", "--regions", "regions.tsv"]).good();
    let found: Vec<Value> = printed.lines().map(json).collect();
    assert_eq!(found.len(), 2);
    let objects = found[0]["objects"].as_array().unwrap();
    assert!(objects.len() >= 10, "VinVL keeps ten regions at least: {printed}");
    assert!(objects[0]["confidence"].as_f64() >= objects[9]["confidence"].as_f64());
    assert!(objects[0]["box"][2].as_i64().unwrap() <= 40, "{printed}");
    predict(&["one.png", "two.png", "--regions", "lxmert.tsv", "--layout", "lxmert"]).good();
    let single = predict(&["--image", "one.png"]).good();
    assert!(single.contains(" at ") && single.matches(';').count() + 1 == objects.len(), "{single}");

    // Both layouts are read as what was written.
    let read = |name: &str, names: [Option<&str>; 2]| {
        let location = |name: &str| Location::File(at.join(name));
        let [object_names, attribute_names] = names.map(|own| own.map(location));
        let files = RegionFiles {
            features: OneOrMany(vec![location(name)]),
            tags: OneOrMany(Vec::new()),
            object_names,
            attribute_names,
            max_regions: 100,
            memory_gb: 1.0,
        };
        let images = ["one.png", "two.png"].map(|name| Picture {
            pixels: Pixels::File(at.join(name)),
            ..Picture::without_pixels(name.to_owned())
        });
        let details = QuestionDetails { images: images.to_vec(), ..QuestionDetails::default() };
        let mut corpus: Dataset<Question> =
            Dataset::new(Vec::new(), details, ReadStatistics::default(), "before".into());
        assert_eq!(files.attach(&mut corpus, Extent::Whole).unwrap(), 32);
        corpus.details.images[0].regions.as_ref().unwrap().load().unwrap()
    };
    let vinvl = read("regions.tsv", [None, None]);
    let names = [Some("lxmert.objects_vocab.txt"), Some("lxmert.attributes_vocab.txt")];
    let lxmert = read("lxmert.tsv", names);
    assert_eq!(vinvl.regions(), objects.len());
    for (region, object) in objects.iter().enumerate() {
        assert_eq!(vinvl.tags[region], object["class"].as_str().unwrap());
        let confidence = object["confidence"].as_f64().unwrap() as f32;
        assert!((vinvl.confidences[region] - confidence).abs() < 1e-6);
        let attributes: Vec<&str> = object["attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|own| own["attribute"].as_str().unwrap())
            .collect();
        assert!(vinvl.attributes[region].iter().map(|(name, _)| name.as_str()).eq(attributes));
        // LXMERT's layout has the likeliest attribute alone.
        assert_eq!(lxmert.attributes[region], vinvl.attributes[region][..1]);
    }
    assert_eq!((&lxmert.features, &lxmert.tags), (&vinvl.features, &vinvl.tags));
    assert_eq!(lxmert.confidences, vinvl.confidences);
    for (one, other) in lxmert.bounds.iter().zip(&vinvl.bounds) {
        assert!(one.iter().zip(other).all(|(one, other)| (one - other).abs() < 1e-5));
    }
    let without = read("lxmert.tsv", [None, None]);
    assert!(without.tags.is_empty() && without.attributes.is_empty());
    assert_eq!(without.confidences, vinvl.confidences);

    // What is there is not written over; names that stand for two images are refused.
    let before = std::fs::read(at.join("regions.tsv")).unwrap();
    let refused = predict(&["one.png", "--regions", "regions.tsv"]).bad(2);
    assert!(refused.contains("regions.tsv is there already"), "{refused}");
    assert!(std::fs::read(at.join("regions.tsv")).unwrap() == before);
    let refused = predict(&["one.png", "--regions", "lxmert2.tsv", "one.png"]).bad(1);
    assert!(refused.contains("another image is called one as well"), "{refused}");
    assert!(!at.join("lxmert2.tsv").exists());
    let refused = predict(&["--image", "one.png", "what is this?"]).bad(2);
    assert!(refused.contains("reads images alone"), "{refused}");
    let refused = predict(&["gone.png"]).bad(1);
    assert!(refused.contains("gone.png"), "{refused}");
}

#[test]
fn oscar_reads_the_regions_of_a_detector_with_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let few = [
        "data.scenes.corpus.made-up-scenes.images=80",
        "stage.detect.train.steps=6",
        "stage.pre-train.train.steps=4",
        "stage.fine-tune.train.steps=4",
    ];
    let few: Vec<&str> = few.iter().flat_map(|key| ["--set", *key]).collect();
    let outcome: Value =
        json(&run(at, &[&["run", RECIPE, "--out", "run", "--json"], few.as_slice()].concat()).done());
    assert!(outcome["models"]["student"]["metrics"]["accuracy"].is_f64(), "{outcome}");
    let config = json_of(&at.join("run/student/config.json"));
    assert_eq!((&config["img_feature_dim"], &config["max_img_seq_length"]), (&38.into(), &10.into()));
    let detector = json_of(&at.join("run/student/detector/config.json"));
    assert_eq!(detector["selection"], "vinvl");
    write_image(&at.join("scene.png"), (32, 32), |value| (value % 251) as u8);
    let said =
        run(at, &["predict", "run/student", "--image", "scene.png", "what shape is the red object?"]).good();
    assert_eq!(said.lines().count(), 1, "{said}");
}
