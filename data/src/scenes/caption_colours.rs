//! Colours that a caption gives the shapes of a scene.

use std::collections::BTreeSet;

use super::caption_parser::ParsedCaption;
use super::colour::Colour;
use super::contents::SceneContents;
use super::languages::ObjectName;
use super::shape::Shape;

/// Shapes whose colour a caption was to name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CaptionColours {
    /// Those that it names with their colour, and with no other.
    pub right: usize,
    /// Those that the right caption names with a colour.
    pub named: usize,
}

impl SceneContents {
    /// The shapes that a right caption names with a colour and that occur once in the scene, so that their colour can be told by them,
    /// and those of them to which another caption, in any of the languages of scenes, gives their colour and no other. Colours are
    /// recognized in every form that adjectives have.
    #[must_use]
    pub fn count_colours(&self, caption: &str, right: &str) -> CaptionColours {
        let (written, right) = (coloured(caption), coloured(right));
        let mut counts = CaptionColours::default();
        for shape in Shape::ALL {
            let is_named = right.iter().any(|(_, own)| *own == shape);
            let mut objects = self.objects.iter().filter(|(_, own, _)| *own == shape);
            let (Some((colour, ..)), None, true) = (objects.next(), objects.next(), is_named) else {
                continue;
            };
            let given: BTreeSet<&str> =
                written.iter().filter(|(_, own)| *own == shape).map(|(colour, _)| colour.name()).collect();
            counts.named += 1;
            counts.right += usize::from(given.len() == 1 && given.contains(colour.name()));
        }
        counts
    }
}

/// The objects that a caption names by colour and shape.
fn coloured(caption: &str) -> Vec<(Colour, Shape)> {
    let sentences = ParsedCaption::parse(caption).sentences;
    let names = sentences.into_iter().flat_map(|sentence| sentence.names);
    let both = |name| if let ObjectName::Both(colour, shape) = name { Some((colour, shape)) } else { None };
    names.filter_map(both).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_count_for_shapes_that_occur_once() {
        let scene = SceneContents {
            objects: vec![
                (Colour::Blue, Shape::Circle, [0.2, 0.5]),
                (Colour::Green, Shape::Square, [0.7, 0.5]),
                (Colour::Red, Shape::Star, [0.5, 0.9]),
                (Colour::Red, Shape::Star, [0.5, 0.1]),
            ],
        };
        let counts = |caption: &str, right: &str| {
            let CaptionColours { right, named } = scene.count_colours(caption, right);
            (right, named)
        };
        let all = "there is a blue circle, a green square, a red star and a red star.";
        assert_eq!(counts(all, all), (2, 2), "stars are two");
        let relation = "एक नीला वृत्त एक हरे वर्ग के बाईं ओर है।";
        assert_eq!(counts(relation, relation), (2, 2));
        // Another form of the adjective, and another order, are right.
        assert_eq!(counts("एक हरा वर्ग एक नीले वृत्त के दाईं ओर है।", relation), (2, 2));
        assert_eq!(counts("एक लाल वृत्त एक हरे वर्ग के बाईं ओर है।", relation), (1, 2));
        assert_eq!(counts("青い円は赤い正方形の左にあります。", relation), (1, 2));
        assert_eq!(counts("a blue circle", "a blue circle is above a red star."), (1, 1));
        // Two colours for one shape, no colour, no shape.
        assert_eq!(counts("a blue circle and a red circle", "a blue circle"), (0, 1));
        assert_eq!(counts("a circle", "a blue circle"), (0, 1));
        assert_eq!(counts("", "a blue circle"), (0, 1));
        assert_eq!(counts(all, "a circle is above a red star."), (0, 0));
    }
}
