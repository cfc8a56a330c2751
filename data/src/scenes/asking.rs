//! Questions about scenes.

use std::collections::HashSet;

use alambic_settings::choices;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::drawing::Shape;
use super::{COLOURS, Colour, Scene, Thing};

choices! {
    /// What is asked of a scene.
    pub enum Asked {
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
pub(crate) struct Asking {
    pub(crate) kind: Asked,
    pub(crate) text: String,
    pub(crate) answer: String,
}

/// All answers to questions about scenes of at most so many objects, shapes and colours.
pub(crate) fn answers(objects: usize, (shapes, colours): (usize, usize)) -> Vec<String> {
    let mut answers = vec!["yes".to_owned(), "no".to_owned()];
    answers.extend(COLOURS.iter().take(colours).map(|colour| colour.name.to_owned()));
    answers.extend(Shape::ALL.iter().take(shapes).map(|shape| shape.name().to_owned()));
    answers.extend((0..=objects).map(|count| count.to_string()));
    answers
}

/// How much larger the largest must be than the next, and how much nearer the nearest.
const CLEARLY: f32 = 1.15;

/// How far apart places must be, as a share of the side, to be told apart.
pub(super) const APART: f32 = 0.08;

impl Scene {
    /// Questions of these kinds, no two alike, as many as asked for or as can be asked.
    pub(crate) fn ask(
        &self,
        kinds: &[Asked],
        count: usize,
        variety: (usize, usize),
        random: &mut ChaCha8Rng,
    ) -> Vec<Asking> {
        let mut asked = Vec::with_capacity(count);
        let mut seen = HashSet::new();
        for _ in 0..count * 20 {
            if asked.len() == count {
                break;
            }
            let Some(&kind) = kinds.choose(random) else { break };
            let question = match kind {
                Asked::Colour => self.colour(random),
                Asked::Shape => self.shape(random),
                Asked::Count => Some(self.count(variety, random)),
                Asked::Exists => self.exists(variety, random),
                Asked::Place => self.place(random),
                Asked::Largest => self.largest(random),
                Asked::Nearest => self.nearest(random),
            };
            if let Some((text, answer)) = question
                && seen.insert(text.clone())
            {
                asked.push(Asking { kind, text, answer });
            }
        }
        asked
    }

    fn with(&self, is: impl Fn(&Thing) -> bool) -> usize {
        self.things.iter().filter(|thing| is(thing)).count()
    }

    /// A name that only this thing has: by its shape, by its colour, or by both.
    fn name(&self, thing: &Thing, random: &mut ChaCha8Rng) -> Option<String> {
        let (shape, colour) = (thing.shape, thing.colour);
        let mut names = Vec::new();
        if self.with(|other| other.shape == shape) == 1 {
            names.push(shape.name().to_owned());
        }
        if self.with(|other| other.colour == colour) == 1 {
            names.push(format!("{} object", colour.name));
        }
        if names.is_empty() && self.with(|other| other.shape == shape && other.colour == colour) == 1 {
            names.push(format!("{} {}", colour.name, shape.name()));
        }
        names.choose(random).cloned()
    }

    fn colour(&self, random: &mut ChaCha8Rng) -> Option<(String, String)> {
        let thing = self.things.choose(random)?;
        if self.with(|other| other.shape == thing.shape) > 1 {
            return None;
        }
        let shape = thing.shape.name();
        let text = phrase(random, &["what colour is the {}?", "which colour does the {} have?"], &[shape]);
        Some((text, thing.colour.name.to_owned()))
    }

    fn shape(&self, random: &mut ChaCha8Rng) -> Option<(String, String)> {
        let thing = self.things.choose(random)?;
        if self.with(|other| other.colour == thing.colour) > 1 {
            return None;
        }
        let colour = thing.colour.name;
        let text = phrase(
            random,
            &["what shape is the {} object?", "which shape does the {} object have?"],
            &[colour],
        );
        Some((text, thing.shape.name().to_owned()))
    }

    fn count(&self, (shapes, colours): (usize, usize), random: &mut ChaCha8Rng) -> (String, String) {
        if random.random_bool(0.5) {
            let shape = Shape::ALL[..shapes].choose(random).copied().unwrap_or(Shape::Circle);
            let plural = match shape {
                Shape::Cross => "crosses".to_owned(),
                other => format!("{}s", other.name()),
            };
            let text = phrase(random, &["how many {} are there?", "what is the number of {}?"], &[&plural]);
            (text, self.with(|thing| thing.shape == shape).to_string())
        } else {
            let colour = COLOURS[..colours].choose(random).copied().unwrap_or(COLOURS[0]);
            let text = phrase(
                random,
                &["how many {} objects are there?", "what is the number of {} objects?"],
                &[colour.name],
            );
            (text, self.with(|thing| thing.colour == colour).to_string())
        }
    }

    /// A thing that is there, or a colour and a shape that both are there, but not in one thing.
    fn exists(&self, (shapes, colours): (usize, usize), random: &mut ChaCha8Rng) -> Option<(String, String)> {
        let there = random.random_bool(0.5);
        let mut lot = || {
            let (one, other) = (self.things.choose(random)?, self.things.choose(random)?);
            Some(if there {
                (one.colour, one.shape)
            } else if random.random_bool(0.7) {
                (one.colour, other.shape)
            } else {
                (*COLOURS[..colours].choose(random)?, *Shape::ALL[..shapes].choose(random)?)
            })
        };
        let is_there = |(colour, shape): (Colour, Shape)| {
            self.with(|thing| thing.colour == colour && thing.shape == shape) > 0
        };
        // Drawn again where it is there against the lot, so that half of the answers are no.
        let (colour, shape) = (0..20).find_map(|_| lot().filter(|drawn| is_there(*drawn) == there))?;
        let found = there;
        let text =
            phrase(random, &["is there a {} {}?", "can you see a {} {}?"], &[colour.name, shape.name()]);
        Some((text.replace(" a orange", " an orange"), yes_or_no(found)))
    }

    fn place(&self, random: &mut ChaCha8Rng) -> Option<(String, String)> {
        let (one, other) = (self.things.choose(random)?, self.things.choose(random)?);
        let (name, other_name) = (self.name(one, random)?, self.name(other, random)?);
        let axis = usize::from(random.random_bool(0.5));
        if (one.centre[axis] - other.centre[axis]).abs() < APART {
            return None;
        }
        let ways = if axis == 0 { ["left of", "right of"] } else { ["above", "below"] };
        let way = usize::from(random.random_bool(0.5));
        let holds = (one.centre[axis] < other.centre[axis]) == (way == 0);
        Some((format!("is the {name} {} the {other_name}?", ways[way]), yes_or_no(holds)))
    }

    fn largest(&self, random: &mut ChaCha8Rng) -> Option<(String, String)> {
        let mut by_size: Vec<&Thing> = self.things.iter().collect();
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
        let what = if by_shape { "shape" } else { "colour" };
        Some((format!("is there another object of the {what} of the largest one?"), yes_or_no(alike > 1)))
    }

    fn nearest(&self, random: &mut ChaCha8Rng) -> Option<(String, String)> {
        let one = self.things.choose(random)?;
        let name = self.name(one, random)?;
        let mut others: Vec<(f32, &Thing)> = self
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
            (format!("what colour is the object nearest to the {name}?"), nearest.colour.name),
            (format!("what shape is the object nearest to the {name}?"), nearest.shape.name()),
        ];
        ways.shuffle(random);
        let [(text, answer), _] = ways;
        Some((text, answer.to_owned()))
    }
}

fn yes_or_no(holds: bool) -> String {
    if holds { "yes" } else { "no" }.to_owned()
}

/// One of several phrases, with its gaps filled.
fn phrase(random: &mut ChaCha8Rng, phrases: &[&str], words: &[&str]) -> String {
    let phrase = phrases.choose(random).copied().unwrap_or_default();
    words.iter().fold(phrase.to_owned(), |text, word| text.replacen("{}", word, 1))
}
