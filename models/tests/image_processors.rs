//! Options by which a published folder has its images processed.

use std::fs;

use alambic_models::{Config, ImageProcessorConfig, ModelFolder, Resampling, Resizing};
use serde_json::{Value, json};

use crate::changed::Changed;

#[test]
fn images_are_processed_by_the_options_of_the_folder() {
    let copy = Changed::of("clip");
    copy.write();
    let size = copy.json["vision_config"]["image_size"].as_u64().unwrap() as usize;
    let processor = |json: Value| {
        fs::write(copy.path("preprocessor_config.json"), json.to_string()).unwrap();
        match Config::open(&ModelFolder::open(copy.folder.path()).unwrap()) {
            Ok(Config::Clip(config)) => Ok(config.image_processor()),
            Ok(_) => unreachable!("it is a CLIP"),
            Err(error) => Err(error.to_string()),
        }
    };
    let usual = ImageProcessorConfig::clip(size);
    assert_eq!(processor(json!({ "size": size, "crop_size": size })).unwrap(), usual);
    let options =
        processor(json!({ "size": 2 * size, "crop_size": size, "resample": 2, "image_mean": 0.25 })).unwrap();
    assert_eq!(options.resizing, Resizing::ShorterSide(2 * size));
    assert_eq!(options.resampling, Resampling::Bilinear);
    assert_eq!(options.normalization.mean, [0.25; 3]);
    // transformers 5 keeps it within the file of the whole processor, which goes first.
    let whole = json!({ "image_processor": { "size": size, "crop_size": size, "image_std": 0.25 } });
    fs::write(copy.path("processor_config.json"), whole.to_string()).unwrap();
    assert_eq!(processor(json!({})).unwrap().normalization.std, [0.25; 3]);
    fs::write(copy.path("processor_config.json"), json!({ "processor_class": "CLIPProcessor" }).to_string())
        .unwrap();
    for (json, expected) in [
        (json!({ "size": size, "crop_size": size + 1 }), "pixels"),
        (json!({ "size": size, "do_center_crop": false }), "squares"),
        (json!({ "size": size, "crop_size": size, "resample": 4 }), "resample"),
        (json!({ "image_processor_type": "SiglipImageProcessor" }), "SiglipImageProcessor"),
        (json!([]), "object"),
    ] {
        let said = processor(json).unwrap_err();
        assert!(said.contains("preprocessor_config.json") && said.contains(expected), "{said}");
    }
}

#[test]
fn pictures_of_vilt_divide_into_its_patches() {
    let copy = Changed::of("vilt");
    copy.write();
    let patch = copy.json["patch_size"].as_u64().unwrap();
    let open = |json: Value| {
        fs::write(copy.path("preprocessor_config.json"), json.to_string()).unwrap();
        Config::open(&ModelFolder::open(copy.folder.path()).unwrap())
    };
    let Config::Vilt(config) = open(json!({ "size": 100, "size_divisor": 2 * patch })).unwrap() else {
        unreachable!("it is a ViLT")
    };
    let expected = Resizing::Fitted { size: 100, divisor: 2 * patch as usize };
    assert_eq!(config.image_processor().resizing, expected);
    for json in [
        json!({ "size": 100, "size_divisor": patch + 1 }),
        json!({ "do_resize": false }),
        json!({ "size": { "height": 100, "width": 100 } }),
    ] {
        assert!(open(json).unwrap_err().to_string().contains("preprocessor_config.json"));
    }
}
