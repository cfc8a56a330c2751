//! Boxes of coloured shapes, as NLVR describes them (Suhr et al., 2017), and their drawing.

use std::sync::Arc;

use alambic_settings::choices;
use serde::Deserialize;

use crate::error::Fault;
use crate::pictures::Object;
use crate::raster::Raster;

/// Pixels of a box's side.
const SIDE: usize = 100;

/// Pixels from one box to the next.
const GAP: usize = 50;

/// Boxes of an image.
const BOXES: usize = 3;

/// Grey within the boxes.
const GROUND: [u8; 3] = [211; 3];

/// Grey between the boxes.
const BETWEEN: [u8; 3] = [128; 3];

choices! {
    /// Shape in a box.
    enum BoxShape {
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
    enum BoxColour {
        /// Yellow.
        Yellow = "Yellow",
        /// Black.
        Black = "Black",
        /// Blue.
        Blue = "#0099ff",
    }
}

impl BoxColour {
    fn rgb(self) -> [u8; 3] {
        match self {
            Self::Yellow => [255, 255, 0],
            Self::Black => [0, 0, 0],
            Self::Blue => [0, 0x99, 0xff],
        }
    }

    fn word(self) -> &'static str {
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
struct BoxedShape {
    shape: BoxShape,
    colour: BoxColour,
    place: usize,
    left: usize,
    top: usize,
    size: usize,
}

/// Three boxes of coloured shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeBoxes {
    shapes: Vec<BoxedShape>,
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
        Ok(Self { shapes: all.map(|(place, own)| shape(place, own)).collect::<Result<_, _>>()? })
    }

    /// The shapes with their edges, as shares of the image's sides.
    pub(crate) fn objects(&self) -> Vec<Object> {
        let width = (BOXES * SIDE + (BOXES - 1) * GAP) as f32;
        let object = |own: &BoxedShape| {
            let left = own.place * (SIDE + GAP) + own.left;
            let edges = [left, left + own.size].map(|edge| edge as f32 / width);
            let heights = [own.top, own.top + own.size].map(|edge| edge as f32 / SIDE as f32);
            let tag = format!("{} {}", own.colour.word(), own.shape.name());
            Object::new(tag, [edges[0], heights[0], edges[1], heights[1]])
        };
        self.shapes.iter().map(object).collect()
    }

    /// The image: 400 by 100 pixels. A pixel belongs to a shape if its middle does.
    #[must_use]
    pub fn raster(&self) -> Raster {
        let (width, height) = (BOXES * SIDE + (BOXES - 1) * GAP, SIDE);
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

impl BoxShape {
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
