//! Image processors: from an image file to pixels, as `preprocessor_config.json` says.

use std::path::{Path, PathBuf};

use alambic_files::text::quoted;
use serde_json::{Map, Value, json};

use crate::patches::{BYTE, ImageNormalization, shortest_edge_size, vilt_size};
use crate::{ModelError, ModelFolder, json};

/// Maximum side of a resized image, in pixels.
const MOST: usize = 4096;

/// Resizing of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resizing {
    /// To none: they are read as they are.
    Unchanged,
    /// The shorter side to so many pixels, the longer along with it.
    ShorterSide(usize),
    /// To this width and height, whatever they were.
    Exact(usize, usize),
    /// As ViLT has it: the shorter side to `size`, the longer along with it within limits, both down to multiples of
    /// `divisor`.
    Fitted {
        /// Pixels of the shorter side.
        size: usize,
        /// Divisor of both sides.
        divisor: usize,
    },
}

/// Interpolation of the pixels of another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// The nearest pixel.
    Nearest,
    /// By Lanczos' window of three.
    Lanczos,
    /// Linear in both directions.
    Bilinear,
    /// Cubic in both directions.
    Bicubic,
}

impl Resampling {
    /// By the number that Pillow has for it.
    fn of(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Nearest,
            1 => Self::Lanczos,
            2 => Self::Bilinear,
            3 => Self::Bicubic,
            _ => return None,
        })
    }

    fn number(self) -> u64 {
        match self {
            Self::Nearest => 0,
            Self::Lanczos => 1,
            Self::Bilinear => 2,
            Self::Bicubic => 3,
        }
    }
}

/// Image processor: resizing, cropping and normalization of images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageProcessorConfig {
    /// Resizing.
    pub resizing: Resizing,
    /// Interpolation.
    pub resampling: Resampling,
    /// Width and height of the part in the middle that is read, padded with black where there is less; none for all.
    pub crop: Option<(usize, usize)>,
    /// Normalization of each colour.
    pub normalization: ImageNormalization,
}

/// Class of an image processor, which decides what the keys mean that a file leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Clip,
    Vilt,
    /// Of `ViT` and `SigLIP`: images are stretched to a square.
    Square,
}

impl ImageProcessorConfig {
    /// CLIP's: a square of so many pixels in the middle.
    #[must_use]
    pub fn clip(size: usize) -> Self {
        Self {
            resizing: Resizing::ShorterSide(size),
            resampling: Resampling::Bicubic,
            crop: Some((size, size)),
            normalization: ImageNormalization::CLIP,
        }
    }

    /// `ViLT`'s: the whole image.
    #[must_use]
    pub fn vilt(size: usize, divisor: usize) -> Self {
        Self {
            resizing: Resizing::Fitted { size, divisor },
            resampling: Resampling::Bicubic,
            crop: None,
            normalization: ImageNormalization::VILT,
        }
    }

    /// `ViT`'s and `SigLIP`'s: the whole image, stretched to a square.
    #[must_use]
    pub fn square(size: usize, resampling: Resampling) -> Self {
        Self {
            resizing: Resizing::Exact(size, size),
            resampling,
            crop: None,
            normalization: ImageNormalization::VILT,
        }
    }

    /// Width and height to which an image is resized, before it is cropped.
    #[must_use]
    pub fn sides(&self, image: (usize, usize)) -> (usize, usize) {
        match self.resizing {
            Resizing::Unchanged => image,
            Resizing::ShorterSide(size) => shortest_edge_size(image, size),
            Resizing::Exact(width, height) => (width, height),
            Resizing::Fitted { size, divisor } => vilt_size(image, size, divisor),
        }
    }

    /// Image processor of a CLIP model's folder, which reads squares of `size` pixels; none where no file says anything that is not
    /// usual.
    ///
    /// # Errors
    /// When a file says what is not supported, or makes images of another size than the model reads.
    pub(crate) fn open_clip(folder: &ModelFolder, size: usize) -> Result<Option<Self>, ModelError> {
        Self::open_of_size(folder, Kind::Clip, Self::clip(size), size)
    }

    /// Image processor of a folder whose model reads images that are stretched to squares of `size` pixels; none where no file says
    /// anything that is not usual.
    ///
    /// # Errors
    /// As [`Self::open_clip`].
    pub(crate) fn open_square(
        folder: &ModelFolder,
        size: usize,
        usual: Resampling,
    ) -> Result<Option<Self>, ModelError> {
        Self::open_of_size(folder, Kind::Square, Self::square(size, usual), size)
    }

    fn open_of_size(
        folder: &ModelFolder,
        kind: Kind,
        usual: Self,
        size: usize,
    ) -> Result<Option<Self>, ModelError> {
        let Some((file, json)) = find(folder.path())? else { return Ok(None) };
        let fault = |message: String| ModelError::content(&file, message);
        let mut config = Self::read(&json, kind).map_err(fault)?;
        if kind == Kind::Square && json["resample"].is_null() {
            config.resampling = usual.resampling;
        }
        let read = match (config.crop, config.resizing) {
            (Some(crop), _) => crop,
            (None, Resizing::Exact(width, height)) => (width, height),
            (None, _) => {
                return Err(fault("images keep their own sides, and the model reads squares".into()));
            }
        };
        if read != (size, size) {
            let (width, height) = read;
            return Err(fault(format!(
                "images become {width} by {height} pixels, and the model reads {size} by {size}"
            )));
        }
        Ok((config != usual).then_some(config))
    }

    /// Image processor of a folder whose model reads images as `ViLT` does; none where no file says anything that is not usual.
    ///
    /// # Errors
    /// When a file says what is not supported, or makes images that do not divide into patches of this side.
    pub(crate) fn open_vilt(
        folder: &ModelFolder,
        size: usize,
        patch: usize,
    ) -> Result<Option<Self>, ModelError> {
        let Some((file, json)) = find(folder.path())? else { return Ok(None) };
        let fault = |message: String| ModelError::content(&file, message);
        let config = Self::read(&json, Kind::Vilt).map_err(fault)?;
        match config.resizing {
            Resizing::Fitted { divisor, .. } if divisor.is_multiple_of(patch.max(1)) => {}
            Resizing::Fitted { divisor, .. } => {
                return Err(fault(format!(
                    "size_divisor is {divisor}, and the model reads patches of {patch} by {patch} pixels"
                )));
            }
            _ => return Err(fault("images are not resized, and the model reads patches".into())),
        }
        Ok((config != Self::vilt(size, patch)).then_some(config))
    }

    /// Image processor of a file; keys that it leaves out are those of the class.
    fn read(json: &Value, kind: Kind) -> Result<Self, String> {
        check_class(json, kind)?;
        json::check_flags(json, ["do_resize", "do_center_crop", "do_rescale", "do_normalize"])?;
        let is_set = |key: &str, usual: bool| json[key].as_bool().unwrap_or(usual);
        let usual = match kind {
            Kind::Clip => Self::clip(224),
            Kind::Vilt => Self::vilt(384, 32),
            Kind::Square => Self::square(224, Resampling::Bilinear),
        };
        let declared = sides(&json["size"], "size")?;
        let resizing = match (is_set("do_resize", true), declared, kind) {
            (false, ..) => Resizing::Unchanged,
            (true, None, _) => usual.resizing,
            // Older files name the side of the square alone.
            (true, Some(Resizing::ShorterSide(size)), Kind::Square) => Resizing::Exact(size, size),
            (true, Some(sides), Kind::Clip | Kind::Square) => sides,
            (true, Some(Resizing::ShorterSide(size)), Kind::Vilt) => Resizing::Fitted { size, divisor: 32 },
            (true, Some(_), Kind::Vilt) => return Err("`size` names no `shortest_edge`".into()),
        };
        let resizing = match (resizing, json["size_divisor"].is_null()) {
            (Resizing::Fitted { size, .. }, false) => {
                Resizing::Fitted { size, divisor: pixels(&json["size_divisor"], "size_divisor")? }
            }
            (resizing, _) => resizing,
        };
        let crop = match (kind, is_set("do_center_crop", true)) {
            (Kind::Clip, true) => match sides(&json["crop_size"], "crop_size")? {
                None => usual.crop,
                Some(Resizing::ShorterSide(side)) => Some((side, side)),
                Some(Resizing::Exact(width, height)) => Some((width, height)),
                Some(_) => return Err("`crop_size` is neither a number nor a height and a width".into()),
            },
            _ => None,
        };
        let resampling = match &json["resample"] {
            Value::Null => usual.resampling,
            declared => declared.as_u64().and_then(Resampling::of).ok_or_else(|| {
                format!(
                    "`resample` is {}; known are 0 (nearest), 1 (Lanczos), 2 (bilinear) and 3 (bicubic)",
                    quoted(&declared.to_string())
                )
            })?,
        };
        Ok(Self { resizing, resampling, crop, normalization: normalization(json, usual.normalization)? })
    }

    /// JSON of `preprocessor_config.json`, for transformers to load: of a model that reads squares if there is a part to
    /// be cut out or an exact size, and else of one that reads images as `ViLT` does.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        let mut set = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
        let class = if matches!(self.resizing, Resizing::Fitted { .. }) {
            "ViltImageProcessor"
        } else {
            "CLIPImageProcessor"
        };
        set("image_processor_type", class.into());
        match self.resizing {
            Resizing::Unchanged => set("do_resize", false.into()),
            Resizing::ShorterSide(size) => set("size", json!({ "shortest_edge": size })),
            Resizing::Exact(width, height) => set("size", json!({ "height": height, "width": width })),
            Resizing::Fitted { size, divisor } => {
                set("size", json!({ "shortest_edge": size }));
                set("size_divisor", divisor.into());
            }
        }
        match self.crop {
            Some((width, height)) => set("crop_size", json!({ "height": height, "width": width })),
            None if class == "CLIPImageProcessor" => set("do_center_crop", false.into()),
            None => {}
        }
        set("image_mean", json!(self.normalization.mean));
        set("image_std", json!(self.normalization.std));
        if self.resampling != Resampling::Bicubic {
            set("resample", self.resampling.number().into());
        }
        if self.normalization.rescale_factor != BYTE {
            set("rescale_factor", self.normalization.rescale_factor.into());
        }
        Value::Object(json)
    }
}

/// File of the image processor, and what it holds: `processor_config.json` where it holds that, or else
/// `preprocessor_config.json`, as transformers looks for them.
fn find(folder: &Path) -> Result<Option<(PathBuf, Value)>, ModelError> {
    for (name, part) in
        [("processor_config.json", Some("image_processor")), ("preprocessor_config.json", None)]
    {
        let file = folder.join(name);
        let Some(json) = json::read_if_there::<Value>(&file)? else { continue };
        let json = part.map_or(Some(&json), |part| json.get(part));
        if let Some(json) = json {
            if !json.is_object() {
                return Err(ModelError::content(&file, "this is no object of keys and values"));
            }
            return Ok(Some((file, json.clone())));
        }
    }
    Ok(None)
}

/// Check that a file is of the image processor that is expected, if it names one.
fn check_class(json: &Value, kind: Kind) -> Result<(), String> {
    let declared =
        ["image_processor_type", "feature_extractor_type"].into_iter().find_map(|key| json[key].as_str());
    let Some(declared) = declared else { return Ok(()) };
    let class = declared.strip_suffix("Fast").or_else(|| declared.strip_suffix("Pil")).unwrap_or(declared);
    let known: &[&str] = match kind {
        Kind::Clip => &["CLIPImageProcessor", "CLIPFeatureExtractor"],
        Kind::Vilt => &["ViltImageProcessor", "ViltFeatureExtractor"],
        // What this program writes of any model that reads squares is CLIP's.
        Kind::Square => {
            &["ViTImageProcessor", "ViTFeatureExtractor", "SiglipImageProcessor", "CLIPImageProcessor"]
        }
    };
    if known.contains(&class) {
        return Ok(());
    }
    Err(format!("images are processed by `{}`; `{}` is supported for this model", quoted(declared), known[0]))
}

/// A number of pixels.
fn pixels(value: &Value, key: &str) -> Result<usize, String> {
    value
        .as_u64()
        .and_then(|side| usize::try_from(side).ok())
        .filter(|side| (1..=MOST).contains(side))
        .ok_or_else(|| {
            format!("`{key}` holds {}; sides are whole numbers from 1 to {MOST}", quoted(&value.to_string()))
        })
}

/// A size: a number, height and width in a list, or an object of either.
fn sides(value: &Value, key: &str) -> Result<Option<Resizing>, String> {
    let exact = |height, width| Ok(Some(Resizing::Exact(pixels(width, key)?, pixels(height, key)?)));
    match value {
        Value::Null => Ok(None),
        Value::Number(_) => Ok(Some(Resizing::ShorterSide(pixels(value, key)?))),
        Value::Array(sides) => match sides.as_slice() {
            [height, width] => exact(height, width),
            _ => Err(format!("`{key}` has {} numbers; height and width are two", sides.len())),
        },
        Value::Object(declared) => {
            let keys: Vec<&str> =
                declared.iter().filter(|(_, side)| !side.is_null()).map(|(key, _)| key.as_str()).collect();
            match keys.as_slice() {
                ["shortest_edge"] => Ok(Some(Resizing::ShorterSide(pixels(&value["shortest_edge"], key)?))),
                ["height", "width"] | ["width", "height"] => exact(&value["height"], &value["width"]),
                other => Err(format!(
                    "`{key}` names {}; `shortest_edge`, or `height` and `width`, are supported",
                    quoted(&other.join(", "))
                )),
            }
        }
        other => Err(format!("`{key}` is {}, which is no size", quoted(&other.to_string()))),
    }
}

/// Normalization of each colour.
fn normalization(json: &Value, usual: ImageNormalization) -> Result<ImageNormalization, String> {
    let is_set = |key: &str| json[key].as_bool().unwrap_or(true);
    let rescale_factor = match &json["rescale_factor"] {
        _ if !is_set("do_rescale") => 1.0,
        Value::Null => BYTE,
        declared => declared.as_f64().ok_or_else(|| {
            format!("`rescale_factor` is {}, which is not a number", quoted(&declared.to_string()))
        })?,
    };
    if !is_set("do_normalize") {
        return Ok(ImageNormalization { mean: [0.0; 3], std: [1.0; 3], rescale_factor });
    }
    let each = |key: &str, usual: [f32; 3]| -> Result<[f32; 3], String> {
        let fault = || {
            format!(
                "`{key}` is {}; a number for each of three colours is needed",
                quoted(&json[key].to_string())
            )
        };
        let number =
            |value: &Value| value.as_f64().map(|number| number as f32).filter(|number| number.is_finite());
        match &json[key] {
            Value::Null => Ok(usual),
            Value::Array(declared) => {
                let numbers: Option<Vec<f32>> = declared.iter().map(number).collect();
                numbers.and_then(|numbers| numbers.try_into().ok()).ok_or_else(fault)
            }
            declared => number(declared).map(|number| [number; 3]).ok_or_else(fault),
        }
    };
    let (mean, std) = (each("image_mean", usual.mean)?, each("image_std", usual.std)?);
    if std.contains(&0.0) {
        return Err("`image_std` holds 0, by which nothing can be divided".into());
    }
    Ok(ImageNormalization { mean, std, rescale_factor })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(json: &Value) -> Result<ImageProcessorConfig, String> {
        ImageProcessorConfig::read(json, Kind::Clip)
    }

    #[test]
    fn keys_that_are_left_out_are_those_of_the_class() {
        assert_eq!(clip(&json!({})).unwrap(), ImageProcessorConfig::clip(224));
        let vilt = ImageProcessorConfig::read(
            &json!({ "image_processor_type": "ViltImageProcessorFast" }),
            Kind::Vilt,
        );
        assert_eq!(vilt.unwrap(), ImageProcessorConfig::vilt(384, 32));
    }

    #[test]
    fn sizes_are_read_in_every_form() {
        let resizing = |size: &Value| clip(&json!({ "size": size })).map(|config| config.resizing);
        assert_eq!(resizing(&json!(30)).unwrap(), Resizing::ShorterSide(30));
        assert_eq!(resizing(&json!({ "shortest_edge": 30 })).unwrap(), Resizing::ShorterSide(30));
        assert_eq!(resizing(&json!({ "height": 20, "width": 30 })).unwrap(), Resizing::Exact(30, 20));
        assert_eq!(resizing(&json!([20, 30])).unwrap(), Resizing::Exact(30, 20));
        for size in
            [json!(0), json!(-1), json!(1e9), json!("30"), json!({ "longest_edge": 30 }), json!([1, 2, 3])]
        {
            assert!(resizing(&size).unwrap_err().contains("`size`"), "{size}");
        }
        assert_eq!(clip(&json!({ "crop_size": 30 })).unwrap().crop, Some((30, 30)));
        assert_eq!(clip(&json!({ "do_center_crop": false })).unwrap().crop, None);
        assert_eq!(clip(&json!({ "do_resize": false })).unwrap().resizing, Resizing::Unchanged);
    }

    #[test]
    fn colours_are_those_of_the_file() {
        let normalization = |json: &Value| clip(json).map(|config| config.normalization);
        let declared = normalization(&json!({ "image_mean": [0.1, 0.2, 0.3], "image_std": 0.5 })).unwrap();
        assert_eq!(
            declared,
            ImageNormalization { mean: [0.1, 0.2, 0.3], std: [0.5; 3], rescale_factor: BYTE }
        );
        let bare = normalization(&json!({ "do_normalize": false, "do_rescale": false })).unwrap();
        assert_eq!(bare, ImageNormalization { mean: [0.0; 3], std: [1.0; 3], rescale_factor: 1.0 });
        for json in [
            json!({ "image_mean": [0.1, 0.2] }),
            json!({ "image_std": [0.5, 0.0, 0.5] }),
            json!({ "image_mean": "half" }),
            json!({ "rescale_factor": "1/255" }),
        ] {
            assert!(normalization(&json).is_err(), "{json}");
        }
    }

    #[test]
    fn unknown_values_are_refused_by_name() {
        assert!(clip(&json!({ "resample": 5 })).unwrap_err().contains("`resample` is 5"));
        assert!(
            clip(&json!({ "image_processor_type": "ViTImageProcessor" }))
                .unwrap_err()
                .contains("`ViTImageProcessor`")
        );
    }

    #[test]
    fn written_processors_are_read_as_they_were() {
        for json in [
            json!({}),
            json!({ "size": 40, "crop_size": 30, "resample": 2, "image_mean": 0.5, "rescale_factor": 0.5 }),
            json!({ "size": { "height": 30, "width": 30 }, "do_center_crop": false, "resample": 0 }),
            json!({ "do_resize": false, "do_normalize": false }),
        ] {
            let config = clip(&json).unwrap();
            assert_eq!(clip(&config.to_json()).unwrap(), config);
        }
        let vilt = ImageProcessorConfig::vilt(64, 8);
        assert_eq!(ImageProcessorConfig::read(&vilt.to_json(), Kind::Vilt).unwrap(), vilt);
    }
}
