//! How a scene looks: its style, and what is hidden in it.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::colour::Colour;
use super::languages::{ObjectName, Query, SceneLanguage};
use super::scene::{Scene, SceneObject};
use super::shape::Shape;
use super::style::SceneStyle;

/// Colour and shape of an object.
pub(crate) type SceneTag = (Colour, Shape);

/// By how much a curtain is larger than what it hides, as a share of the side.
const MARGIN: f32 = 0.02;

impl Scene {
    /// The same scene in a style that is drawn.
    pub(crate) fn with_style(mut self, styles: &[SceneStyle], random: &mut ChaCha8Rng) -> Self {
        self.style = styles.choose(random).copied().unwrap_or(SceneStyle::Plain);
        self
    }

    /// The same scene, in which a grey rectangle hides an object with this probability. One that would hide a part of another is
    /// not hidden.
    pub(crate) fn with_curtain(mut self, share: f64, random: &mut ChaCha8Rng) -> Self {
        if !random.random_bool(share.clamp(0.0, 1.0)) {
            return self;
        }
        let is_alone = |place: &usize| {
            let [left, top, right, bottom] = curtain(&self.things[*place]);
            let others = self.things.iter().enumerate().filter(|(other, _)| other != place);
            others
                .map(|(_, other)| other.bounds())
                .all(|own| own[2] <= left || own[0] >= right || own[3] <= top || own[1] >= bottom)
        };
        // Where one object is all there is, nothing could be asked about.
        if self.things.len() > 1 {
            let alone: Vec<usize> = (0..self.things.len()).filter(is_alone).collect();
            self.hidden = alone.choose(random).copied();
        }
        self
    }

    /// Edges of the rectangle that hides an object, if one does: left, top, right and bottom.
    pub(super) fn curtain(&self) -> Option<[f32; 4]> {
        self.hidden.and_then(|place| self.things.get(place)).map(curtain)
    }

    /// What can be seen: the scene without what is hidden.
    pub(crate) fn visible(&self) -> Self {
        let seen = self.things.iter().enumerate().filter(|(place, _)| Some(*place) != self.hidden);
        Self { things: seen.map(|(_, thing)| *thing).collect(), hidden: None, ..self.clone() }
    }

    /// Colour and shape of what is hidden.
    pub(crate) fn hidden(&self) -> Option<(Colour, Shape)> {
        let thing = self.things.get(self.hidden?)?;
        Some((thing.colour, thing.shape))
    }

    /// Whether an object of one of these colours and shapes is in the scene.
    pub(crate) fn has_any(&self, pairs: &[(Colour, Shape)]) -> bool {
        self.things.iter().any(|thing| pairs.contains(&(thing.colour, thing.shape)))
    }

    /// The name of the style.
    pub(crate) fn style(&self) -> &'static str {
        self.style.name()
    }
}

/// The rectangle that hides an object.
fn curtain(thing: &SceneObject) -> [f32; 4] {
    let [left, top, right, bottom] = thing.bounds();
    [left - MARGIN, top - MARGIN, right + MARGIN, bottom + MARGIN].map(|edge| edge.clamp(0.0, 1.0))
}

/// Whether a question is about an object of this colour and shape.
pub(crate) fn is_about(query: Query, (colour, shape): (Colour, Shape)) -> bool {
    let names = |name: ObjectName| match name {
        ObjectName::Shape(own) => own == shape,
        ObjectName::Colour(own) => own == colour,
        ObjectName::Both(own, other) => (own, other) == (colour, shape),
    };
    match query {
        Query::Wanted { of, .. } => names(of),
        Query::Count { what, .. } => names(what),
        Query::Exists { colour: own, shape: other, .. } => (own, other) == (colour, shape),
        Query::Place { one, other, .. } => names(one) || names(other),
        Query::Nearest { to, .. } => names(to),
        Query::Largest { .. } => false,
    }
}

/// A sentence that says what is hidden, before a question.
pub(crate) fn say_hidden(language: SceneLanguage, (colour, shape): (Colour, Shape)) -> String {
    let tag = language.tag(colour, shape);
    match language {
        SceneLanguage::English => format!("behind the grey rectangle is {}.", with_article(colour, shape)),
        SceneLanguage::Hindi => format!("धूसर आयत के पीछे एक {tag} है।"),
        SceneLanguage::Japanese => format!("灰色の長方形の後ろに{tag}があります。"),
    }
}

/// An object in English that has not been spoken of.
pub(super) fn with_article(colour: Colour, shape: Shape) -> String {
    let article = if colour == Colour::Orange { "an" } else { "a" };
    format!("{article} {}", SceneLanguage::English.tag(colour, shape))
}

/// The colour and shape that a tag in English names.
pub(crate) fn of_tag(tag: &str) -> Option<(Colour, Shape)> {
    let all = Colour::ALL.into_iter().flat_map(|colour| Shape::ALL.map(|shape| (colour, shape)));
    let mut all = all.filter(|&(colour, shape)| SceneLanguage::English.tag(colour, shape) == tag.trim());
    all.next()
}

/// The tags in English of objects of so many shapes and colours.
pub(crate) fn known_tags((shapes, colours): (usize, usize)) -> Vec<String> {
    let shapes = &Shape::ALL[..shapes.min(Shape::ALL.len())];
    let colours = &Colour::ALL[..colours.min(Colour::ALL.len())];
    let of =
        |colour: &Colour| shapes.iter().map(|shape| SceneLanguage::English.tag(*colour, *shape)).collect();
    colours.iter().flat_map(|colour| -> Vec<String> { of(colour) }).collect()
}
