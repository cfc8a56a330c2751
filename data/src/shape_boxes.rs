//! Boxes of coloured shapes, as NLVR describes them (Suhr et al., 2017), and their drawing.

use std::sync::Arc;

use alambic_settings::choices;
use serde::Deserialize;

use crate::error::Fault;
use crate::objects::Object;
use crate::raster::{Interpolation, Raster};
use crate::regions::{DetectedRegions, RegionLabel, RegionLabels};

/// Pixels of a box's side.
pub(crate) const SIDE: usize = 100;

/// Pixels from one box to the next.
const GAP: usize = 50;

/// Boxes of an image.
pub(crate) const BOXES: usize = 3;

/// Pixels of the side of the small picture of a region that is its features.
const FEATURE_SIDE: usize = 8;

/// Numbers of a region's features: three colours of each pixel of its small picture.
const FEATURES: usize = FEATURE_SIDE * FEATURE_SIDE * 3;

/// Class of the region of a whole box; shapes have those behind it.
const BOX_CLASS: u32 = 0;

/// Grey within the boxes.
const GROUND: [u8; 3] = [211; 3];

/// Grey between the boxes.
const BETWEEN: [u8; 3] = [128; 3];

choices! {
    /// Shape in a box.
    pub(crate) enum BoxShape {
        /// Square.
        Square = "square",
        /// Circle.
        Circle = "circle",
        /// Triangle, whose apex is up.
        Triangle = "triangle",
    }
}

choices! {
    /// Colour in a box, by what the corpus calls it.
    pub(crate) enum BoxColour {
        /// Yellow.
        Yellow = "Yellow",
        /// Black.
        Black = "Black",
        /// Blue.
        Blue = "#0099ff",
    }
}

impl BoxColour {
    pub(crate) const ALL: [Self; 3] = [Self::Yellow, Self::Black, Self::Blue];

    fn rgb(self) -> [u8; 3] {
        match self {
            Self::Yellow => [255, 255, 0],
            Self::Black => [0, 0, 0],
            Self::Blue => [0, 0x99, 0xff],
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Yellow => "yellow",
            Self::Black => "black",
            Self::Blue => "blue",
        }
    }
}

/// A shape as the corpus writes it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RawShape {
    #[serde(rename = "type")]
    shape: String,
    color: String,
    size: u32,
    x_loc: u32,
    y_loc: u32,
}

/// A shape in a box; its square has its corner at `left` and `top` of the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BoxedShape {
    pub(crate) shape: BoxShape,
    pub(crate) colour: BoxColour,
    /// The box, from 0 on from the left.
    pub(crate) place: usize,
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) size: usize,
}

/// Boxes of coloured shapes, side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeBoxes {
    count: usize,
    shapes: Vec<BoxedShape>,
    is_shuffled: bool,
}

choices! {
    /// Where the regions of boxes come from.
    pub enum BoxRegions {
        /// From what is known of the boxes: each box, and each shape, with its picture of 8 by 8 pixels as 192 features from -1 to
        /// 1; the object classes are box, square, circle and triangle, the attributes yellow, black and blue.
        Structure = "structure",
        /// From nowhere: a detector finds them.
        None = "none",
    }
}

choices! {
    /// What is an image of boxes.
    pub enum BoxView {
        /// All three boxes, 400 by 100 pixels.
        Whole = "whole",
        /// Each box by itself, so that a statement is about three images.
        Boxes = "boxes",
    }
}

impl ShapeBoxes {
    /// The boxes of an image.
    ///
    /// # Errors
    /// Where there are not three, or a shape is of an unknown sort, or does not lie in its box.
    pub(crate) fn new(boxes: &[Vec<RawShape>]) -> Result<Self, Fault> {
        if boxes.len() != BOXES {
            return Err(Fault::BrokenJson(format!("{} boxes where {BOXES} are expected", boxes.len())));
        }
        let all =
            boxes.iter().enumerate().flat_map(|(place, shapes)| shapes.iter().map(move |own| (place, own)));
        Ok(Self::of_shapes(all.map(|(place, own)| shape(place, own)).collect::<Result<_, _>>()?))
    }

    /// Three boxes of shapes that lie in them.
    pub(crate) fn of_shapes(shapes: Vec<BoxedShape>) -> Self {
        Self { count: BOXES, shapes, is_shuffled: false }
    }

    /// The same, of whose boxes training sees the order anew in every epoch, if it is to.
    pub(crate) fn shuffled(self, is_shuffled: bool) -> Self {
        Self { is_shuffled, ..self }
    }

    /// Whether training sees the boxes in a new order in every epoch.
    pub(crate) fn is_shuffled(&self) -> bool {
        self.is_shuffled
    }

    /// Number of boxes.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The shapes.
    pub(crate) fn shapes(&self) -> &[BoxedShape] {
        &self.shapes
    }

    /// Each box by itself.
    pub(crate) fn apart(&self) -> Vec<Self> {
        let of = |place: usize| {
            let own = self.shapes.iter().filter(|own| own.place == place);
            let shapes = own.map(|own| BoxedShape { place: 0, ..*own }).collect();
            Self { count: 1, shapes, is_shuffled: self.is_shuffled }
        };
        (0..self.count).map(of).collect()
    }

    /// Boxes side by side again that were taken apart.
    pub(crate) fn together(parts: &[&Self]) -> Self {
        let of = |(place, part): (usize, &&Self)| {
            part.shapes.iter().map(move |own| BoxedShape { place, ..*own }).collect::<Vec<_>>()
        };
        Self {
            count: parts.len(),
            shapes: parts.iter().enumerate().flat_map(of).collect(),
            is_shuffled: parts.iter().all(|part| part.is_shuffled),
        }
    }

    /// The boxes in another order: which of them comes first, which second, and so on.
    pub(crate) fn reordered(&self, order: &[usize]) -> Self {
        let shapes = self.shapes.iter().filter_map(|own| {
            let place = order.iter().position(|&before| before == own.place)?;
            Some(BoxedShape { place, ..*own })
        });
        Self { shapes: shapes.collect(), ..self.clone() }
    }

    fn width(&self) -> usize {
        self.count * SIDE + self.count.saturating_sub(1) * GAP
    }

    /// Left edge, top edge and side in pixels of each region: of each box, and of each shape.
    fn squares(&self) -> Vec<[usize; 3]> {
        let boxes = (0..self.count).map(|place| [place * (SIDE + GAP), 0, SIDE]);
        let shapes = self.shapes.iter().map(|own| [own.place * (SIDE + GAP) + own.left, own.top, own.size]);
        boxes.chain(shapes).collect()
    }

    /// The boxes and the shapes as regions, without their features.
    pub(crate) fn regions(&self) -> DetectedRegions {
        let sure = |class| RegionLabel { class: Some(class), confidence: 1.0 };
        let unknown = RegionLabel { class: None, confidence: 0.0 };
        let boxes = std::iter::repeat_n((sure(BOX_CLASS), unknown, "box".to_owned()), self.count);
        let shapes = self.shapes.iter().map(|own| {
            let object = sure(BOX_CLASS + 1 + own.shape as u32);
            (object, sure(own.colour as u32), own.tag())
        });
        let (mut labels, mut tags) = (RegionLabels::default(), Vec::new());
        for (object, attribute, tag) in boxes.chain(shapes) {
            labels.objects.push(object);
            labels.attributes.push(attribute);
            tags.push(tag);
        }
        let share = |[left, top, side]: [usize; 3]| self.share([left, top, left + side, top + side]);
        DetectedRegions {
            width: FEATURES,
            features: Arc::default(),
            bounds: self.squares().into_iter().map(share).collect(),
            tags,
            labels: Some(labels),
            ..DetectedRegions::default()
        }
    }

    /// Edges in pixels as shares of the image's sides.
    fn share(&self, [left, top, right, bottom]: [usize; 4]) -> [f32; 4] {
        let (width, height) = (self.width() as f32, SIDE as f32);
        [left as f32 / width, top as f32 / height, right as f32 / width, bottom as f32 / height]
    }

    /// Features of the regions: the colours of a small picture of each, from -1 to 1.
    pub(crate) fn features(&self) -> Vec<f32> {
        let raster = self.raster();
        let small = |[left, top, side]: [usize; 3]| {
            let rows = (top..top + side).map(|row| (row * raster.width + left) * 3);
            let rgb = rows.flat_map(|start| raster.rgb[start..start + side * 3].iter().copied()).collect();
            let part = Raster { width: side, height: side, rgb: Arc::new(rgb) };
            part.resize_with(FEATURE_SIDE, FEATURE_SIDE, Interpolation::Linear)
        };
        let numbers =
            |part: Raster| part.rgb.iter().map(|&byte| f32::from(byte) / 127.5 - 1.0).collect::<Vec<_>>();
        self.squares().into_iter().map(small).flat_map(numbers).collect()
    }

    /// The shapes with their edges, as shares of the image's sides.
    pub(crate) fn objects(&self) -> Vec<Object> {
        let squares = self.squares().into_iter().skip(self.count);
        let object = |(own, [left, top, side]): (&BoxedShape, [usize; 3])| {
            Object::new(own.tag(), self.share([left, top, left + side, top + side]))
        };
        self.shapes.iter().zip(squares).map(object).collect()
    }

    /// The image: of three boxes 400 by 100 pixels, of one 100 by 100. A pixel belongs to a shape if its middle does.
    #[must_use]
    pub fn raster(&self) -> Raster {
        let (width, height) = (self.width(), SIDE);
        let mut rgb = Vec::with_capacity(width * height * 3);
        for _ in 0..height {
            for column in 0..width {
                let is_within = column % (SIDE + GAP) < SIDE;
                rgb.extend(if is_within { GROUND } else { BETWEEN });
            }
        }
        for own in &self.shapes {
            let left = own.place * (SIDE + GAP) + own.left;
            for row in 0..own.size {
                for column in 0..own.size {
                    if own.shape.has(column, row, own.size) {
                        let at = ((own.top + row) * width + left + column) * 3;
                        rgb[at..at + 3].copy_from_slice(&own.colour.rgb());
                    }
                }
            }
        }
        Raster { width, height, rgb: Arc::new(rgb) }
    }
}

impl BoxedShape {
    /// What it is in words.
    fn tag(&self) -> String {
        format!("{} {}", self.colour.word(), self.shape.name())
    }
}

impl BoxShape {
    pub(crate) const ALL: [Self; 3] = [Self::Square, Self::Circle, Self::Triangle];

    /// Whether a pixel of its square belongs to the shape; doubled numbers, to go by the middles of pixels.
    fn has(self, column: usize, row: usize, size: usize) -> bool {
        let apart = (2 * column + 1).abs_diff(size);
        match self {
            Self::Square => true,
            Self::Circle => apart.pow(2) + (2 * row + 1).abs_diff(size).pow(2) <= size.pow(2),
            Self::Triangle => 2 * apart <= 2 * row + 1,
        }
    }
}

fn shape(
    place: usize,
    RawShape { shape, color, size, x_loc, y_loc }: &RawShape,
) -> Result<BoxedShape, Fault> {
    let one_of = |column: &str, found: &str, known: &[(&str, &str)]| Fault::NotOneOf {
        column: column.to_owned(),
        found: found.to_owned(),
        known: known.iter().map(|(name, _)| (*name).to_owned()).collect(),
    };
    let (left, top, size) = (*x_loc as usize, *y_loc as usize, *size as usize);
    if left.saturating_add(size) > SIDE || top.saturating_add(size) > SIDE {
        return Err(Fault::BrokenJson(format!(
            "a shape of {size} pixels at ({left}, {top}) lies outside of its box"
        )));
    }
    Ok(BoxedShape {
        shape: BoxShape::from_name(shape).ok_or_else(|| one_of("type", shape, BoxShape::LIST))?,
        colour: BoxColour::from_name(color).ok_or_else(|| one_of("color", color, BoxColour::LIST))?,
        place,
        left,
        top,
        size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxes(text: &str) -> Result<ShapeBoxes, Fault> {
        ShapeBoxes::new(&serde_json::from_str::<Vec<Vec<RawShape>>>(text).unwrap())
    }

    #[test]
    fn shapes_lie_in_their_boxes() {
        let one = r#"{"type": "square", "color": "Yellow", "size": 10, "x_loc": 2, "y_loc": 5}"#;
        let two = r##"{"type": "circle", "color": "#0099ff", "size": 20, "x_loc": 80, "y_loc": 80}"##;
        let three = r#"{"type": "triangle", "color": "Black", "size": 30, "x_loc": 0, "y_loc": 0}"#;
        let boxes = boxes(&format!("[[{one}], [{two}], [{three}]]")).unwrap();
        let raster = boxes.raster();
        let pixel = |x: usize, y: usize| &raster.rgb[(y * 400 + x) * 3..][..3];
        assert_eq!((raster.width, raster.height), (400, 100));
        assert_eq!(
            (pixel(2, 5), pixel(11, 14), pixel(12, 14)),
            (&[255, 255, 0][..], &[255, 255, 0][..], &[211; 3][..])
        );
        assert_eq!(
            (pixel(120, 50), pixel(99, 50), pixel(150, 50)),
            (&[128; 3][..], &[211; 3][..], &[211; 3][..])
        );
        assert_eq!((pixel(240, 90), pixel(230, 80)), (&[0, 0x99, 0xff][..], &[211; 3][..]));
        // The apex is up, and the base is wide.
        assert_eq!((pixel(300, 0), pixel(315, 1), pixel(300, 29)), (&[211; 3][..], &[0; 3][..], &[0; 3][..]));
        let objects = boxes.objects();
        let tags: Vec<&str> = objects.iter().map(|object| object.tag.as_str()).collect();
        assert_eq!(tags, ["yellow square", "blue circle", "black triangle"]);
        assert_eq!(objects[1].bounds, [230.0 / 400.0, 0.8, 250.0 / 400.0, 1.0]);
    }

    #[test]
    fn regions_are_boxes_and_shapes_and_follow_the_order_of_the_boxes() {
        let one = r#"{"type": "square", "color": "Yellow", "size": 10, "x_loc": 2, "y_loc": 5}"#;
        let two = r#"{"type": "triangle", "color": "Black", "size": 30, "x_loc": 0, "y_loc": 0}"#;
        let boxes = boxes(&format!("[[{one}], [], [{two}]]")).unwrap();
        let found = boxes.regions();
        assert_eq!(found.tags, ["box", "box", "box", "yellow square", "black triangle"]);
        assert_eq!(found.bounds[1], [0.375, 0.0, 0.625, 1.0]);
        let labels = found.labels.unwrap();
        let classes = |own: &[RegionLabel]| own.iter().map(|label| label.class).collect::<Vec<_>>();
        assert_eq!(classes(&labels.objects), [0, 0, 0, 1, 3].map(Some));
        assert_eq!(classes(&labels.attributes), [None, None, None, Some(0), Some(1)]);
        let features = boxes.features();
        assert_eq!(features.len(), 5 * FEATURES);
        assert_eq!(features[3 * FEATURES..3 * FEATURES + 3], [1.0, 1.0, -1.0], "yellow all over");
        // The last box comes first: its shape moves with it, and looks as it did.
        let moved = boxes.reordered(&[2, 0, 1]);
        assert_eq!(moved.regions().bounds[4], [0.0, 0.0, 0.075, 0.3]);
        assert_eq!(moved.features()[4 * FEATURES..], features[4 * FEATURES..]);
        assert_eq!(moved.regions().bounds[3][0], 152.0 / 400.0);
        let apart = boxes.apart();
        assert_eq!(apart.iter().map(|own| own.regions().regions()).collect::<Vec<_>>(), [2, 1, 2]);
        assert_eq!(apart[0].regions().bounds, [[0.0, 0.0, 1.0, 1.0], [0.02, 0.05, 0.12, 0.15]]);
        assert_eq!(apart[2].raster().width, 100);
        assert_eq!(apart[2].features()[FEATURES..], features[4 * FEATURES..]);
        assert_eq!(ShapeBoxes::together(&apart.iter().collect::<Vec<_>>()), boxes);
    }

    #[test]
    fn what_is_in_no_box_is_refused() {
        let shape = |field: &str| {
            let text =
                r#"[[{"type": "square", "color": "Yellow", "size": 10, "x_loc": 95, "y_loc": 5}], [], []]"#;
            boxes(
                &text
                    .replace("95", "9")
                    .replace(field.split('=').next().unwrap(), field.split('=').nth(1).unwrap()),
            )
        };
        assert!(shape("square=square").is_ok());
        assert!(shape("square=star").unwrap_err().to_string().contains("`square`"));
        assert!(shape("Yellow=red").is_err() && shape(": 9=: 91").is_err());
        assert!(boxes("[[], []]").is_err());
    }
}
