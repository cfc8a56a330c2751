//! Questions about scenes.

use std::collections::HashSet;

use alambic_settings::choices;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::colour::Colour;
use super::languages::{ObjectName, Property, Query, SIDES, SceneAnswer};
use super::scene::{Scene, SceneObject};
use super::shape::Shape;

choices! {
    /// Kinds of questions about a scene.
    pub enum SceneQuestionKind {
        /// The colour of the only object of a shape.
        Colour = "colour",
        /// The shape of the only object of a colour.
        Shape = "shape",
        /// How many objects of a shape or of a colour there are.
        Count = "count",
        /// Whether there is an object of a colour and a shape.
        Exists = "exists",
        /// Whether one object is to the left of another, or above it.
        Place = "place",
        /// Whether there is another object of the same shape as the largest one, or of its colour.
        Largest = "largest",
        /// The colour or the shape of the object nearest to another.
        Nearest = "nearest",
    }
}

/// A question with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SceneQuestion {
    pub(crate) kind: SceneQuestionKind,
    pub(crate) query: Query,
    pub(crate) answer: SceneAnswer,
}

/// All answers to questions about scenes of at most so many objects, shapes and colours.
pub(crate) fn answers(objects: usize, (shapes, colours): (usize, usize)) -> Vec<SceneAnswer> {
    let mut answers = vec![SceneAnswer::Truth(true), SceneAnswer::Truth(false)];
    answers.extend(Colour::ALL.into_iter().take(colours).map(SceneAnswer::Colour));
    answers.extend(Shape::ALL.into_iter().take(shapes).map(SceneAnswer::Shape));
    answers.extend((0..=objects).map(SceneAnswer::Count));
    answers
}

/// How much larger the largest must be than the next, and how much nearer the nearest.
const CLEARLY: f32 = 1.15;

/// Distance between places from which on one is to the left of or above the other, as a share of the side.
pub(super) const APART: f32 = 0.08;

impl Scene {
    /// Questions of these kinds, no two alike, as many as asked for or as can be asked.
    pub(crate) fn ask(
        &self,
        kinds: &[SceneQuestionKind],
        count: usize,
        variety: (usize, usize),
        random: &mut ChaCha8Rng,
    ) -> Vec<SceneQuestion> {
        let mut asked = Vec::with_capacity(count);
        let mut seen = HashSet::new();
        for _ in 0..count * 20 {
            if asked.len() == count {
                break;
            }
            let Some(&kind) = kinds.choose(random) else { break };
            let question = match kind {
                SceneQuestionKind::Colour => self.colour(random),
                SceneQuestionKind::Shape => self.shape(random),
                SceneQuestionKind::Count => Some(self.count(variety, random)),
                SceneQuestionKind::Exists => self.exists(variety, random),
                SceneQuestionKind::Place => self.place(random),
                SceneQuestionKind::Largest => self.largest(random),
                SceneQuestionKind::Nearest => self.nearest(random),
            };
            if let Some((query, answer)) = question
                && seen.insert(query)
            {
                asked.push(SceneQuestion { kind, query, answer });
            }
        }
        asked
    }

    fn with(&self, is: impl Fn(&SceneObject) -> bool) -> usize {
        self.things.iter().filter(|thing| is(thing)).count()
    }

    /// A name that only this thing has: by its shape, by its colour, or by both.
    fn name(&self, thing: &SceneObject, random: &mut ChaCha8Rng) -> Option<ObjectName> {
        let (shape, colour) = (thing.shape, thing.colour);
        let mut names = Vec::new();
        if self.with(|other| other.shape == shape) == 1 {
            names.push(ObjectName::Shape(shape));
        }
        if self.with(|other| other.colour == colour) == 1 {
            names.push(ObjectName::Colour(colour));
        }
        if names.is_empty() && self.with(|other| other.shape == shape && other.colour == colour) == 1 {
            names.push(ObjectName::Both(colour, shape));
        }
        names.choose(random).copied()
    }

    fn colour(&self, random: &mut ChaCha8Rng) -> Option<(Query, SceneAnswer)> {
        let thing = self.things.choose(random)?;
        if self.with(|other| other.shape == thing.shape) > 1 {
            return None;
        }
        let (of, wanted) = (ObjectName::Shape(thing.shape), Property::Colour);
        Some((Query::Wanted { of, wanted, second: either(random) }, SceneAnswer::Colour(thing.colour)))
    }

    fn shape(&self, random: &mut ChaCha8Rng) -> Option<(Query, SceneAnswer)> {
        let thing = self.things.choose(random)?;
        if self.with(|other| other.colour == thing.colour) > 1 {
            return None;
        }
        let (of, wanted) = (ObjectName::Colour(thing.colour), Property::Shape);
        Some((Query::Wanted { of, wanted, second: either(random) }, SceneAnswer::Shape(thing.shape)))
    }

    fn count(&self, (shapes, colours): (usize, usize), random: &mut ChaCha8Rng) -> (Query, SceneAnswer) {
        let (what, count) = if random.random_bool(0.5) {
            let shape = Shape::ALL[..shapes].choose(random).copied().unwrap_or(Shape::Circle);
            (ObjectName::Shape(shape), self.with(|thing| thing.shape == shape))
        } else {
            let colour = Colour::ALL[..colours].choose(random).copied().unwrap_or(Colour::Red);
            (ObjectName::Colour(colour), self.with(|thing| thing.colour == colour))
        };
        (Query::Count { what, second: either(random) }, SceneAnswer::Count(count))
    }

    /// A thing that is there, or a colour and a shape that both are there, but not in one thing.
    fn exists(
        &self,
        (shapes, colours): (usize, usize),
        random: &mut ChaCha8Rng,
    ) -> Option<(Query, SceneAnswer)> {
        let there = random.random_bool(0.5);
        let mut lot = || {
            let (one, other) = (self.things.choose(random)?, self.things.choose(random)?);
            Some(if there {
                (one.colour, one.shape)
            } else if random.random_bool(0.7) {
                (one.colour, other.shape)
            } else {
                (*Colour::ALL[..colours].choose(random)?, *Shape::ALL[..shapes].choose(random)?)
            })
        };
        let is_there = |(colour, shape): (Colour, Shape)| {
            self.with(|thing| thing.colour == colour && thing.shape == shape) > 0
        };
        // Drawn again where it is there against the lot, so that half of the answers are no.
        let (colour, shape) = (0..20).find_map(|_| lot().filter(|drawn| is_there(*drawn) == there))?;
        Some((Query::Exists { colour, shape, second: either(random) }, SceneAnswer::Truth(there)))
    }

    fn place(&self, random: &mut ChaCha8Rng) -> Option<(Query, SceneAnswer)> {
        let (one, other) = (self.things.choose(random)?, self.things.choose(random)?);
        let (one_name, other_name) = (self.name(one, random)?, self.name(other, random)?);
        let axis = usize::from(random.random_bool(0.5));
        if (one.centre[axis] - other.centre[axis]).abs() < APART {
            return None;
        }
        let way = usize::from(random.random_bool(0.5));
        let holds = (one.centre[axis] < other.centre[axis]) == (way == 0);
        let query = Query::Place { one: one_name, side: SIDES[axis][way], other: other_name };
        Some((query, SceneAnswer::Truth(holds)))
    }

    fn largest(&self, random: &mut ChaCha8Rng) -> Option<(Query, SceneAnswer)> {
        let mut by_size: Vec<&SceneObject> = self.things.iter().collect();
        by_size.sort_by(|one, other| other.radius.total_cmp(&one.radius));
        let [largest, next, ..] = by_size.as_slice() else { return None };
        if largest.radius < CLEARLY * next.radius {
            return None;
        }
        let by_shape = random.random_bool(0.5);
        let alike =
            self.with(
                |thing| {
                    if by_shape { thing.shape == largest.shape } else { thing.colour == largest.colour }
                },
            );
        // Half of the answers are to be yes, though most things stand alone.
        if alike == 1 && random.random_bool(0.5) {
            return None;
        }
        let property = if by_shape { Property::Shape } else { Property::Colour };
        Some((Query::Largest { alike: property }, SceneAnswer::Truth(alike > 1)))
    }

    fn nearest(&self, random: &mut ChaCha8Rng) -> Option<(Query, SceneAnswer)> {
        let one = self.things.choose(random)?;
        let to = self.name(one, random)?;
        let mut others: Vec<(f32, &SceneObject)> = self
            .things
            .iter()
            .filter(|other| *other != one)
            .map(|other| ((other.centre[0] - one.centre[0]).hypot(other.centre[1] - one.centre[1]), other))
            .collect();
        others.sort_by(|left, right| left.0.total_cmp(&right.0));
        let (distance, nearest) = *others.first()?;
        if others.get(1).is_some_and(|(next, _)| *next < CLEARLY * distance) {
            return None;
        }
        let mut ways = [
            (Property::Colour, SceneAnswer::Colour(nearest.colour)),
            (Property::Shape, SceneAnswer::Shape(nearest.shape)),
        ];
        ways.shuffle(random);
        let [(wanted, answer), _] = ways;
        Some((Query::Nearest { to, wanted }, answer))
    }
}

/// Draws one of two ways of putting a question.
fn either(random: &mut ChaCha8Rng) -> bool {
    [false, true].choose(random).copied().unwrap_or_default()
}
