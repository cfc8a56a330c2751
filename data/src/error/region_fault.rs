//! Faults of files of regions.

use std::ops::Range;

/// Numbers of a region's features in the files of Oscar and VinVL.
pub(crate) const OSCAR_WIDTH: usize = 2054;

/// Where left, top, right and bottom edge are among them, as shares of the image; width and height follow.
pub(crate) const OSCAR_PLACES: Range<usize> = 2048..2052;

/// Fault of a file of regions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegionFault {
    /// The extension is of no known format.
    #[error("the extension `{0}` is not that of a known format of regions")]
    UnknownFormat(String),
    /// A line too long to be an image's regions.
    #[error("the line is longer than {0} MiB")]
    LongLine(usize),
    /// A row of none of the published layouts.
    #[error("{found} {} where {} are expected", if *.found == 1 { "column" } else { "columns" }, .expected)]
    Columns {
        /// Columns of the row.
        found: usize,
        /// Columns of the layouts.
        expected: &'static str,
    },
    /// Text that is not base64.
    #[error("`{column}` is not base64: {reason}")]
    NotBase64 {
        /// The column or key.
        column: &'static str,
        /// Why.
        reason: String,
    },
    /// Bytes that are cut off within a number.
    #[error("`{column}` holds {bytes} bytes, which is not a multiple of four")]
    NotNumbers {
        /// The column or key.
        column: &'static str,
        /// The bytes.
        bytes: usize,
    },
    /// An image in which nothing was found.
    #[error("there is no region")]
    NoRegion,
    /// A row of JSON without features.
    #[error("the row has neither `features` nor `objects` with a `feature` each")]
    NoFeatures,
    /// An object without something that each must have.
    #[error("object {object} has no `{key}`")]
    ObjectWithout {
        /// The object, counted from 1.
        object: usize,
        /// The key that is missing.
        key: &'static str,
    },
    /// Objects that are more or fewer than is said.
    #[error("there are {objects} objects, and `num_boxes` is {expected}")]
    ObjectCount {
        /// The objects.
        objects: usize,
        /// The number expected.
        expected: usize,
    },
    /// An object whose feature has another width than those before it.
    #[error("the feature of object {object} has {found} numbers, and those before it have {expected}")]
    ObjectWidth {
        /// The object, counted from 1.
        object: usize,
        /// Its numbers.
        found: usize,
        /// Those of the first.
        expected: usize,
    },
    /// A number of regions that is none, or that the arrays do not have.
    #[error(
        "`{array}` is {found}, and there are {rows} rows of features, of which those beyond that number would be zero"
    )]
    RegionCount {
        /// The array that says it.
        array: String,
        /// The value found.
        found: String,
        /// Rows of features.
        rows: usize,
    },
    /// An array that is larger than an image's can be.
    #[error("`{array}` is larger than {mebibytes} MiB")]
    LargeArray {
        /// The array.
        array: String,
        /// The most that is read.
        mebibytes: u64,
    },
    /// Features that do not fit the number of regions.
    #[error("{numbers} numbers of features cannot be divided among {regions} regions")]
    FeatureCount {
        /// All numbers of an image's features.
        numbers: usize,
        /// The regions that there should be.
        regions: usize,
    },
    /// Boxes that do not fit the number of regions.
    #[error("boxes have {numbers} numbers where {} are expected", .regions * 4)]
    BoxCount {
        /// All numbers of an image's boxes.
        numbers: usize,
        /// The regions that there should be.
        regions: usize,
    },
    /// Features or a box with infinity or NaN.
    #[error("the {what} of region {region} contain infinity or NaN")]
    NotFinite {
        /// Features or bounds.
        what: &'static str,
        /// The region, counted from 1.
        region: usize,
    },
    /// A box that is not within the image.
    #[error("the box of region {region} lies outside the image: {bounds}")]
    BoxOutside {
        /// The region, counted from 1.
        region: usize,
        /// Left, top, right and bottom edge.
        bounds: String,
    },
    /// The size of an image that is none.
    #[error("an image size of {0} by {1} pixels")]
    ImageSize(String, String),
    /// No boxes of the regions.
    #[error("the regions have no boxes, and features have {0} numbers, not {OSCAR_WIDTH}")]
    NoBoxes(usize),
    /// Features that are not there any more.
    #[error("there are fewer features than when the file was first read")]
    FileChanged,
    /// Features of another width than before.
    #[error("features have {found} numbers a region; those of `{first}` have {expected}")]
    FeatureWidth {
        /// Of this image.
        found: usize,
        /// Of the first image that was read.
        expected: usize,
        /// The first image, as its file calls it.
        first: String,
    },
    /// Tags that do not fit the number of regions.
    #[error("the number of tags is {tags}, that of regions {regions}")]
    TagCount {
        /// Tags of the image.
        tags: usize,
        /// Its regions.
        regions: usize,
    },
    /// A row of another image than an index has it.
    #[error(
        "row {row}, counted from 0, is of the image `{found}`, and `imageid2idx.json` has `{expected}` there"
    )]
    OtherRow {
        /// The row.
        row: usize,
        /// Its image.
        found: String,
        /// The image of the index.
        expected: String,
    },
    /// A row that an index gives two images.
    #[error("row {row} is that of the images `{first}` and `{second}`")]
    SharedRow {
        /// The row.
        row: usize,
        /// An image.
        first: String,
        /// Another.
        second: String,
    },
    /// Confidences that do not fit the number of regions.
    #[error("the number of confidences is {confidences}, that of regions {regions}")]
    ConfidenceCount {
        /// Confidences of the image.
        confidences: usize,
        /// Its regions.
        regions: usize,
    },
    /// A confidence that is no share.
    #[error("a confidence of region {region} is {found}, which is not from 0 to 1")]
    Confidence {
        /// The region, counted from 1.
        region: usize,
        /// The confidence.
        found: String,
    },
    /// Attributes of an object without a confidence each.
    #[error("object {object} has {attributes} attributes, and {confidences} `attr_scores`")]
    AttributeCount {
        /// The object, counted from 1.
        object: usize,
        /// Its attributes.
        attributes: usize,
        /// Their confidences.
        confidences: usize,
    },
    /// Bytes that are cut off within a number of 64 bits.
    #[error("`{column}` holds {bytes} bytes, which is not a multiple of eight")]
    NotIds {
        /// The column.
        column: &'static str,
        /// The bytes.
        bytes: usize,
    },
    /// A number of an object or attribute without a name.
    #[error("there is no {what} of number {number}: {known} have names, counted from 0")]
    UnknownNumber {
        /// Object or attribute.
        what: &'static str,
        /// The number.
        number: i64,
        /// How many names there are.
        known: usize,
    },
    /// A line without a name before the last one.
    #[error("the line has no name, and those behind it would have other numbers")]
    EmptyName,
    /// Classes that do not fit the number of regions.
    #[error("`{column}` holds {found} numbers for {regions} regions")]
    LabelCount {
        /// The column.
        column: &'static str,
        /// Its numbers.
        found: usize,
        /// The image's regions.
        regions: usize,
    },
    /// An array that is needed and not there.
    #[error("there is no array {wanted}; there are {found}")]
    NoArray {
        /// The names it can have.
        wanted: String,
        /// The names there are.
        found: String,
    },
    /// An array of another shape than it needs.
    #[error("`{array}` has the shape {found} where {expected} is expected")]
    ArrayShape {
        /// The array.
        array: String,
        /// Its shape.
        found: String,
        /// The shape it should have.
        expected: &'static str,
    },
    /// An array of numbers of a type that is not read.
    #[error("`{array}` holds {found}, which is not a supported number type")]
    ArrayType {
        /// The array.
        array: String,
        /// Its type.
        found: String,
    },
    /// A file that is no archive of arrays.
    #[error("cannot be read as npz: {0}")]
    NotNpz(String),
    /// A file that is no safetensors.
    #[error("cannot be read as safetensors: {0}")]
    NotSafetensors(String),
    /// A folder without archives.
    #[error("there is no .npz in this folder")]
    EmptyFolder,
    /// An image that is twice in the files.
    #[error("the image `{0}` occurs twice")]
    DuplicateImage(String),
    /// Two images of the corpus with the same id.
    #[error("the images {first} and {second} have the same id `{id}`")]
    SameId {
        /// The id.
        id: String,
        /// An image.
        first: String,
        /// Another.
        second: String,
    },
    /// Images of the corpus that are not in the files.
    #[error("no {what} of {count} of the corpus's images, the first of them {}", first.join(", "))]
    MissingImages {
        /// Regions or tags.
        what: &'static str,
        /// Number of images.
        count: usize,
        /// The first of them.
        first: Vec<String>,
    },
}

impl RegionFault {
    /// Help for the user: one action that mends it.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::UnknownFormat(_) => "give a .tsv, a .safetensors or a folder of .npz; of other files, save each image's regions as tensors NAME.features and NAME.boxes of a .safetensors".into(),
            Self::LongLine(_) => "check that it is a TSV with one image a line".into(),
            Self::Columns { .. } => "check that it is the file that the key asks for, and that its columns are tab-separated".into(),
            Self::NotBase64 { .. } | Self::NotNumbers { .. } | Self::NotIds { .. } | Self::NotNpz(_) | Self::NotSafetensors(_) => {
                "fetch the file anew; it may be cut off".into()
            }
            Self::NoFeatures => "VinVL's features have `num_boxes` and `features` in each row, its predictions.tsv `objects`, each with `rect`, `class` and its own `feature`; of other layouts, save each image's regions as tensors NAME.features and NAME.boxes of a .safetensors".into(),
            Self::ObjectWithout { .. } | Self::ObjectCount { .. } | Self::ObjectWidth { .. } => {
                "write the detector's predictions anew, with `rect` and `feature` of each object".into()
            }
            Self::RegionCount { .. } => "extract the image's regions anew, or leave that array out".into(),
            Self::LargeArray { .. } => "check that it holds the regions of one image".into(),
            Self::NoRegion => "leave out the questions about this image, or let the detector keep at least its best region".into(),
            Self::FeatureCount { .. } | Self::BoxCount { .. } => {
                "fetch or extract the image's regions anew: features, boxes and their number come from one pass of the detector".into()
            }
            Self::NotFinite { .. } => "extract the image's regions anew, in 32 bits".into(),
            Self::BoxOutside { .. } => "boxes are left, top, right and bottom edge, as shares of the image, or in pixels with the image's width and height (`image_w` and `image_h`)".into(),
            Self::ImageSize(..) => "write the image's width and height in pixels".into(),
            Self::NoBoxes(_) => format!("add boxes, name a file of `tags` whose objects have a `rect`, or give Oscar's features of {OSCAR_WIDTH} numbers, of which those from {} on are the box", OSCAR_PLACES.start + 1),
            Self::FileChanged => "leave the file as it is while it is read, or raise `memory-gb` so that all features are held".into(),
            Self::FeatureWidth { .. } => "give files of one detector only".into(),
            Self::TagCount { .. } => "give the tags that the same detector found, in the same order".into(),
            Self::ConfidenceCount { .. } | Self::Confidence { .. } | Self::AttributeCount { .. } => {
                "write the detector's predictions anew: a confidence from 0 to 1 for each object and attribute, or none at all".into()
            }
            Self::OtherRow { .. } | Self::SharedRow { .. } => {
                "take features.tsv and imageid2idx.json of one folder, as they were written together".into()
            }
            Self::UnknownNumber { .. } => "give the file of names that belongs to the detector".into(),
            Self::EmptyName => "take the empty line out, or write the name of its number".into(),
            Self::LabelCount { .. } => "give a class of 64 bits and a confidence of 32 for each region, as LXMERT's files have them".into(),
            Self::NoArray { .. } => "rename the array".into(),
            Self::ArrayShape { .. } => "transpose the array, or leave out its padding".into(),
            Self::ArrayType { .. } => "save it as float32".into(),
            Self::EmptyFolder => "give the folder that holds NAME.npz of each image".into(),
            Self::DuplicateImage(_) => "give each image once; ids are compared without leading zeros, a prefix such as `COCO_val2014_` and an extension".into(),
            Self::SameId { .. } => "rename one of them; ids are compared without leading zeros, a prefix such as `COCO_val2014_`, an extension and folders".into(),
            Self::MissingImages { .. } => "add the files that contain them; an id there is the name of the image's file, with or without leading zeros, a prefix such as `COCO_val2014_` and the extension".into(),
        }
    }
}
