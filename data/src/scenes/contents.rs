//! What is in a scene, to be compared with what a caption says.

use super::caption_parser::{ParsedCaption, Relation};
use super::colour::Colour;
use super::languages::{ObjectName, SIDES};
use super::look::of_tag;
use super::questions::APART;
use super::scene::Scene;
use super::shape::Shape;

/// The objects of a scene: colour, shape and centre, in shares of the side.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneContents {
    pub(super) objects: Vec<(Colour, Shape, [f32; 2])>,
}

/// Objects that a caption names by colour and shape, compared with those of the scene as multisets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptionObjects {
    /// Those that are named and in the scene, each as often as both have it.
    pub right: usize,
    /// Those that are named.
    pub named: usize,
    /// Those that are in the scene.
    pub present: usize,
}

impl Scene {
    /// What is to be seen in it.
    pub(crate) fn contents(&self) -> SceneContents {
        let objects = self.visible().things;
        let objects = objects.iter().map(|thing| (thing.colour, thing.shape, thing.centre));
        SceneContents { objects: objects.collect() }
    }
}

impl SceneContents {
    /// The objects of some tags in English, each with its left, top, right and bottom edge in shares of the sides; what no tag of a scene
    /// names is left out.
    #[must_use]
    pub fn of_tags<'t>(tags: impl IntoIterator<Item = (&'t str, [f32; 4])>) -> Self {
        let object = |(tag, [left, top, right, bottom]): (&str, [f32; 4])| {
            let (colour, shape) = of_tag(tag)?;
            Some((colour, shape, [f32::midpoint(left, right), f32::midpoint(top, bottom)]))
        };
        Self { objects: tags.into_iter().filter_map(object).collect() }
    }

    /// Whether all that a caption says is so, in any of the languages of scenes: every object that it names is there, as often as one
    /// sentence names it, and every relation holds between two of them. A caption in which no object is recognized is not true,
    /// unless it says that nothing is there, and nothing is.
    #[must_use]
    pub fn is_described_by(&self, caption: &str) -> bool {
        let parsed = ParsedCaption::parse(caption);
        let says_something = parsed.sentences.iter().any(|own| !own.names.is_empty());
        let says_nothing = parsed.sentences.iter().any(|own| own.is_of_nothing);
        if says_nothing && !self.objects.is_empty() || !says_something && !says_nothing {
            return false;
        }
        parsed.sentences.iter().all(|sentence| {
            self.has_all(&sentence.names) && sentence.relations.iter().all(|own| self.has_relation(*own))
        })
    }

    /// Whether every relation that a caption states holds between two of the objects, whatever else it says; none of a caption that
    /// states no relation. One between objects that are not both there does not hold.
    #[must_use]
    pub fn has_relations_of(&self, caption: &str) -> Option<bool> {
        let parsed = ParsedCaption::parse(caption);
        let mut stated = parsed.sentences.iter().flat_map(|own| &own.relations).peekable();
        stated.peek()?;
        Some(stated.all(|own| self.has_relation(*own)))
    }

    /// The objects that a caption names by colour and shape. Of several sentences each object counts as often as one of them names it
    /// at most.
    #[must_use]
    pub fn count_objects(&self, caption: &str) -> CaptionObjects {
        let parsed = ParsedCaption::parse(caption);
        let (mut right, mut named) = (0, 0);
        for colour in Colour::ALL {
            for shape in Shape::ALL {
                let name = ObjectName::Both(colour, shape);
                let times = |names: &[ObjectName]| names.iter().filter(|own| **own == name).count();
                let most = parsed.sentences.iter().map(|own| times(&own.names)).max().unwrap_or(0);
                named += most;
                right += most.min(self.named(name).count());
            }
        }
        CaptionObjects { right, named, present: self.objects.len() }
    }

    /// The places of the objects that have a name.
    fn named(&self, name: ObjectName) -> impl Iterator<Item = usize> {
        let has = move |(colour, shape): (Colour, Shape)| match name {
            ObjectName::Shape(own) => own == shape,
            ObjectName::Colour(own) => own == colour,
            ObjectName::Both(own_colour, own_shape) => (own_colour, own_shape) == (colour, shape),
        };
        let objects = self.objects.iter().enumerate();
        objects.filter(move |(_, (colour, shape, _))| has((*colour, *shape))).map(|(place, _)| place)
    }

    /// Whether there is an object for each name, none of them for two.
    fn has_all(&self, names: &[ObjectName]) -> bool {
        let mut taken = vec![None; self.objects.len()];
        names.len() <= self.objects.len()
            && (0..names.len()).all(|name| self.assign(names, name, &mut taken, &mut Vec::new()))
    }

    /// Finds an object for a name; one that another name has is taken where that finds another one. `tried` are the objects that
    /// were looked at for this name.
    fn assign(
        &self,
        names: &[ObjectName],
        name: usize,
        taken: &mut Vec<Option<usize>>,
        tried: &mut Vec<usize>,
    ) -> bool {
        let candidates: Vec<usize> = self.named(names[name]).collect();
        for object in candidates {
            if tried.contains(&object) {
                continue;
            }
            tried.push(object);
            if taken[object].is_none_or(|other| self.assign(names, other, taken, tried)) {
                taken[object] = Some(name);
                return true;
            }
        }
        false
    }

    /// Whether an object of the first name is on that side of another of the second, as clearly as generated captions want it.
    fn has_relation(&self, Relation { one, side, other }: Relation) -> bool {
        let is_there = |one: usize, other: usize| {
            let (first, second) = (self.objects[one].2, self.objects[other].2);
            (0..2).any(|axis| {
                let apart = first[axis] - second[axis];
                apart.abs() >= APART && SIDES[axis][usize::from(apart > 0.0)] == side
            })
        };
        self.named(one)
            .any(|first| self.named(other).any(|second| first != second && is_there(first, second)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> SceneContents {
        SceneContents {
            objects: vec![
                (Colour::Red, Shape::Circle, [0.2, 0.5]),
                (Colour::Blue, Shape::Square, [0.7, 0.52]),
                (Colour::Red, Shape::Circle, [0.5, 0.9]),
            ],
        }
    }

    #[test]
    fn caption_is_true_if_all_that_it_says_is_so() {
        for (caption, is_true) in [
            ("there is a red circle, a blue square and a red circle.", true),
            ("There is a RED circle.", true),
            ("a circle", true),
            ("a red object", true),
            ("there is a red circle, a red circle and a red circle.", false),
            ("a circle, a circle and a red object", false),
            ("a red circle is left of a blue square.", true),
            ("a blue square is left of a red circle.", false),
            ("a red circle is below a blue square.", true),
            // The first circle lies 0.02 higher: not clearly above.
            ("a red circle is above a blue square.", false),
            ("a red circle is above a red circle.", true),
            ("a blue square is above a blue square.", false),
            ("there is a green circle.", false),
            ("there is a red circle. there is a red circle. there is a red circle.", true),
            ("there is a red circle. there is a green star.", false),
            ("there is nothing.", false),
            ("", false),
            ("what a day", false),
            ("एक लाल वृत्त एक नीले वर्ग के बाईं ओर है।", true),
            ("एक नीला वर्ग एक लाल वृत्त के बाईं ओर है।", false),
            ("赤い円は青い正方形の左にあります。", true),
            ("青い正方形は赤い円の左にあります。", false),
        ] {
            assert_eq!(scene().is_described_by(caption), is_true, "{caption}");
        }
        let empty = SceneContents { objects: Vec::new() };
        assert!(empty.is_described_by("there is nothing.") && empty.is_described_by("何もありません。"));
        assert!(!empty.is_described_by("") && !empty.is_described_by("a circle"));
    }

    #[test]
    fn relations_hold_whatever_else_a_caption_says() {
        for (caption, expected) in [
            ("a red circle is left of a blue square.", Some(true)),
            ("a blue square is left of a red circle.", Some(false)),
            ("a red circle is left of a blue square. there is a green star.", Some(true)),
            ("a red circle is left of a blue square. a blue square is left of a red circle.", Some(false)),
            ("a red circle is left of a green star.", Some(false)),
            ("there is a red circle and a blue square.", None),
            ("there is nothing.", None),
            ("", None),
            ("एक लाल वृत्त एक नीले वर्ग के बाईं ओर है।", Some(true)),
            ("青い正方形は赤い円の左にあります。", Some(false)),
        ] {
            assert_eq!(scene().has_relations_of(caption), expected, "{caption}");
        }
        let empty = SceneContents { objects: Vec::new() };
        assert_eq!(empty.has_relations_of("a red circle is left of a blue square."), Some(false));
    }

    #[test]
    fn objects_count_as_multisets_of_colour_and_shape() {
        let counts = |caption: &str| {
            let CaptionObjects { right, named, present } = scene().count_objects(caption);
            (right, named, present)
        };
        assert_eq!(counts("there is a red circle and a red circle."), (2, 2, 3));
        assert_eq!(counts("a red circle, a red circle, a red circle, a green star"), (2, 4, 3));
        assert_eq!(counts("a circle is left of a blue square."), (1, 1, 3));
        assert_eq!(counts("赤い円があります。赤い円があります。"), (1, 1, 3));
        assert_eq!(counts(""), (0, 0, 3));
    }
}
