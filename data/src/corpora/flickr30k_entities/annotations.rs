//! Boxes of images, in XML.

use alambic_files::text::elided;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::error::Fault;

/// A box with the chains that it stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AnnotatedBox {
    pub(super) chains: Vec<String>,
    /// Left, top, right and bottom edge as shares of the image's sides.
    pub(super) bounds: [f32; 4],
}

/// The edges of a scene: the whole image.
const WHOLE: [f32; 4] = [0.0, 0.0, 1.0, 1.0];

/// An object as it is read.
#[derive(Debug, Default)]
struct Raw {
    names: Vec<String>,
    /// xmin, ymin, xmax, ymax.
    edges: [Option<f32>; 4],
    is_scene: bool,
}

/// Reads the boxes of an image. Places are pixels counted from 1, those of the right and the bottom edge included.
///
/// # Errors
/// What is wrong, with its line.
pub(super) fn read_boxes(text: &str) -> Result<Vec<AnnotatedBox>, (usize, Fault)> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<String> = Vec::new();
    let (mut size, mut object, mut boxes) = ([None; 2], None::<Raw>, Vec::new());
    loop {
        let line = 1 + text[..(reader.buffer_position() as usize).min(text.len())].matches('\n').count();
        let fail = |what: String| (line, Fault::BrokenXml(elided(&what)));
        match reader.read_event().map_err(|error| fail(error.to_string()))? {
            Event::Eof if open.is_empty() => return Ok(boxes),
            Event::Eof => return Err(fail("the file ends within an element".into())),
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
                if name == "object" {
                    object = Some(Raw::default());
                }
                open.push(name);
            }
            Event::End(end) => {
                open.pop();
                if end.name().as_ref() == b"object"
                    && let Some(own) = object.take()
                {
                    boxes.extend(finished(own, size).map_err(|what| fail(what.to_owned()))?);
                }
            }
            Event::Text(value) => {
                let value = value.decode().map_err(|error| fail(error.to_string()))?;
                let value = value.trim();
                let Some(name) = open.last().filter(|_| !value.is_empty()) else { continue };
                let number = || value.parse::<f32>().ok().filter(|number| number.is_finite());
                let place = |names: &[&str]| names.iter().position(|own| own == name);
                if let Some(place) = place(&["width", "height"]) {
                    size[place] = Some(number().filter(|side| *side >= 1.0).ok_or_else(|| {
                        fail(format!("`{name}` holds `{value}` where a number of pixels is expected"))
                    })?);
                } else if let (Some(own), Some(place)) =
                    (&mut object, place(&["xmin", "ymin", "xmax", "ymax"]))
                {
                    let number = number().ok_or_else(|| {
                        fail(format!("`{name}` holds `{value}` where a number is expected"))
                    })?;
                    own.edges[place] = Some(number);
                } else if let Some(own) = &mut object {
                    match name.as_str() {
                        "name" => own.names.push(value.to_owned()),
                        "scene" => own.is_scene = value == "1",
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// The box of an object; none where it has none.
fn finished(raw: Raw, size: [Option<f32>; 2]) -> Result<Option<AnnotatedBox>, &'static str> {
    let chains = raw.names;
    let [Some(left), Some(top), Some(right), Some(bottom)] = raw.edges else {
        if raw.edges.iter().any(Option::is_some) {
            return Err("a `bndbox` lacks an edge");
        }
        return Ok(raw.is_scene.then_some(AnnotatedBox { chains, bounds: WHOLE }));
    };
    let [Some(width), Some(height)] = size else { return Err("there is no `size` before the objects") };
    let bounds = [(left - 1.0) / width, (top - 1.0) / height, right / width, bottom / height];
    if !bounds.iter().all(|edge| (0.0..=1.0).contains(edge))
        || bounds[0] >= bounds[2]
        || bounds[1] >= bounds[3]
    {
        return Err("a `bndbox` does not lie in the image");
    }
    Ok(Some(AnnotatedBox { chains, bounds }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(objects: &str) -> String {
        format!("<annotation><size><width>500</width><height>200</height></size>\n{objects}</annotation>")
    }

    #[test]
    fn boxes_are_shares_of_the_sides() {
        let boxes = read_boxes(&xml(
            "<object><name>1</name><name>2</name><bndbox><xmin>1</xmin><ymin>101</ymin><xmax>250</xmax><ymax>200</ymax></bndbox></object>\n\
             <object><name>5</name><scene>1</scene><nobndbox>0</nobndbox></object>\
             <object><name>6</name><scene>0</scene><nobndbox>1</nobndbox></object>",
        ));
        let expected = [
            AnnotatedBox { chains: vec!["1".into(), "2".into()], bounds: [0.0, 0.5, 0.5, 1.0] },
            AnnotatedBox { chains: vec!["5".into()], bounds: WHOLE },
        ];
        assert_eq!(boxes.unwrap(), expected);
    }

    #[test]
    fn broken_boxes_are_refused_with_their_line() {
        for (objects, line, expected) in [
            ("<object><bndbox><xmin>1</xmin></bndbox></object>", 2, "lacks an edge"),
            ("<object><bndbox><xmin>x</xmin></bndbox></object>", 2, "`xmin` holds `x`"),
            (
                "\n<object><bndbox><xmin>0</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>",
                3,
                "does not lie in the image",
            ),
            ("<object>", 2, ""),
        ] {
            let (found, fault) = read_boxes(&xml(objects)).unwrap_err();
            assert!(fault.to_string().contains(expected), "{fault}");
            assert_eq!(found, line, "{objects}");
        }
        assert!(read_boxes("<annotation>").is_err());
    }
}
