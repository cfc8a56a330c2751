//! Made-up scenes of coloured shapes, with all that is in them, and questions about them: in the manner of sort-of-CLEVR
//! (Santoro et al., 2017).

mod asking;
mod describing;
mod drawing;
mod tongues;

use std::f32::consts::TAU;
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::drawing::{Canvas, Shape};
use crate::pictures::{Object, Picture, Pixels, Raster};
use crate::stable_hash::bytes;

pub use asking::Asked;
pub(crate) use asking::answers;
pub use tongues::Tongue;

/// What colour something has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Colour {
    Red,
    Green,
    Blue,
    Yellow,
    Purple,
    Orange,
    Cyan,
    Brown,
}

impl Colour {
    const ALL: [Self; 8] = [
        Self::Red,
        Self::Green,
        Self::Blue,
        Self::Yellow,
        Self::Purple,
        Self::Orange,
        Self::Cyan,
        Self::Brown,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Purple => "purple",
            Self::Orange => "orange",
            Self::Cyan => "cyan",
            Self::Brown => "brown",
        }
    }

    /// Red, green and blue, 1 being the most.
    fn value(self) -> [f32; 3] {
        match self {
            Self::Red => [0.86, 0.16, 0.18],
            Self::Green => [0.18, 0.62, 0.24],
            Self::Blue => [0.15, 0.33, 0.85],
            Self::Yellow => [0.95, 0.85, 0.20],
            Self::Purple => [0.55, 0.22, 0.66],
            Self::Orange => [0.96, 0.55, 0.14],
            Self::Cyan => [0.20, 0.78, 0.82],
            Self::Brown => [0.45, 0.29, 0.16],
        }
    }
}

/// How scenes are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recipe {
    /// Pixels of a side.
    pub(crate) side: usize,
    /// The fewest and the most objects.
    pub(crate) objects: (usize, usize),
    /// Smallest and largest radius as shares of the side, before a crowd makes things smaller.
    pub(crate) radii: (f32, f32),
    /// How many shapes and how many colours there are.
    pub(crate) variety: (usize, usize),
    /// Whether no two objects have the same colour, as far as there are enough colours.
    pub(crate) distinct: bool,
    /// How far objects may cover each other, as a share of the distance at which they touch.
    pub(crate) overlap: f32,
    /// Deviation of the noise on every value.
    pub(crate) noise: f32,
}

/// Something in a scene. Places and sizes are shares of the side.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Thing {
    shape: Shape,
    colour: Colour,
    centre: [f32; 2],
    radius: f32,
    turn: f32,
}

/// A scene.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scene {
    things: Vec<Thing>,
    ground: f32,
}

/// The random numbers of one image, which do not depend on how many there are.
pub(crate) fn stream(name: &str, seed: u64, image: usize) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(bytes(&[name, &seed.to_string(), &image.to_string()]))
}

/// What every tag of an object is called in a language, by what it is in English.
pub(crate) fn tags(tongue: Tongue) -> IndexMap<String, String> {
    let all = Colour::ALL.into_iter().flat_map(|colour| Shape::ALL.map(|shape| (colour, shape)));
    all.map(|(colour, shape)| (Tongue::English.tag(colour, shape), tongue.tag(colour, shape))).collect()
}

impl Scene {
    /// Draws lots for a scene.
    pub(crate) fn invent(recipe: &Recipe, random: &mut ChaCha8Rng) -> Self {
        let count = random.random_range(recipe.objects.0..=recipe.objects.1);
        let mut things: Vec<Thing> = Vec::with_capacity(count);
        let colours = &Colour::ALL[..recipe.variety.1.clamp(1, Colour::ALL.len())];
        let (smallest, largest) = recipe.radii;
        // A crowded scene gets smaller things until all have room.
        let mut shrink = 1.0;
        while things.len() < count {
            let placed = (0..60).find_map(|_| {
                let radius = shrink * (smallest + (largest - smallest) * random.random::<f32>());
                let centre = [0, 1].map(|_| random.random_range(radius..1.0 - radius));
                let apart = things.iter().all(|other| {
                    let distance = (other.centre[0] - centre[0]).hypot(other.centre[1] - centre[1]);
                    distance >= (other.radius + radius) * (1.0 - recipe.overlap)
                });
                apart.then_some((radius, centre))
            });
            let Some((radius, centre)) = placed else {
                shrink *= 0.9;
                continue;
            };
            let shapes = &Shape::ALL[..recipe.variety.0.clamp(1, Shape::ALL.len())];
            let free: Vec<Colour> = colours
                .iter()
                .filter(|colour| !recipe.distinct || things.iter().all(|other| other.colour != **colour))
                .copied()
                .collect();
            let shape = shapes.choose(random).copied().unwrap_or(Shape::Circle);
            let colour =
                free.choose(random).or_else(|| colours.choose(random)).copied().unwrap_or(Colour::Red);
            let turn = random.random_range(-0.06..0.06) * TAU;
            things.push(Thing { shape, colour, centre, radius, turn });
        }
        Self { things, ground: random.random_range(0.78..0.96) }
    }

    /// The picture of the scene, with every object in it. The random numbers go on as if it were drawn at once.
    pub(crate) fn picture(&self, recipe: &Recipe, name: String, random: &mut ChaCha8Rng) -> Picture {
        let object = |thing: &Thing| Object {
            tag: Tongue::English.tag(thing.colour, thing.shape),
            bounds: thing.bounds(),
        };
        let drawing =
            Drawing { scene: self.clone(), recipe: *recipe, random: random.clone(), raster: OnceLock::new() };
        for _ in &self.things {
            shade(random);
        }
        if recipe.noise > 0.0 {
            // Each of them takes a word.
            let words = NOISES * recipe.side * recipe.side * 3;
            random.set_word_pos(random.get_word_pos() + words as u128);
        }
        Picture {
            name,
            pixels: Pixels::Drawn(Arc::new(drawing)),
            objects: self.things.iter().map(object).collect(),
            found: None,
            captions: Vec::new(),
            splits: Vec::new(),
        }
    }
}

/// How many uniform numbers the noise on a value is the sum of: three are close to normal.
const NOISES: usize = 3;

/// By how much a thing is lighter than its colour.
fn shade(random: &mut ChaCha8Rng) -> f32 {
    random.random_range(-0.05..0.05)
}

/// The image of a scene, which is drawn when it is first looked at.
#[derive(Debug, Clone)]
pub struct Drawing {
    scene: Scene,
    recipe: Recipe,
    random: ChaCha8Rng,
    raster: OnceLock<Raster>,
}

impl PartialEq for Drawing {
    fn eq(&self, other: &Self) -> bool {
        (&self.scene, &self.recipe, &self.random) == (&other.scene, &other.recipe, &other.random)
    }
}

impl Drawing {
    /// The pixels.
    #[must_use]
    pub fn raster(&self) -> &Raster {
        self.raster.get_or_init(|| self.draw(&mut self.random.clone()))
    }

    fn draw(&self, random: &mut ChaCha8Rng) -> Raster {
        let side = self.recipe.side as f32;
        let mut canvas = Canvas::new(self.recipe.side, [self.scene.ground; 3]);
        for thing in &self.scene.things {
            let corners: Vec<[f32; 2]> =
                thing.outline().into_iter().map(|point| point.map(|at| at * side)).collect();
            let shade = shade(random);
            canvas.fill(&corners, thing.colour.value().map(|value| value + shade));
        }
        let noise = self.recipe.noise;
        canvas.raster(|value| {
            if noise > 0.0 {
                let sum: f32 = (0..NOISES).map(|_| random.random_range(-1.0..1.0f32)).sum();
                value + noise * sum
            } else {
                value
            }
        })
    }
}

impl Thing {
    /// The corners of the outline.
    fn outline(&self) -> Vec<[f32; 2]> {
        let (sine, cosine) = self.turn.sin_cos();
        let place = |[x, y]: [f32; 2]| {
            let turned = [x * cosine - y * sine, x * sine + y * cosine];
            [self.centre[0] + self.radius * turned[0], self.centre[1] + self.radius * turned[1]]
        };
        self.shape.outline().into_iter().map(place).collect()
    }

    /// Left, top, right and bottom edge.
    fn bounds(&self) -> [f32; 4] {
        let start = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
        let around = self.outline().into_iter().fold(start, |[left, top, right, bottom], [x, y]| {
            [left.min(x), top.min(y), right.max(x), bottom.max(y)]
        });
        around.map(|edge| edge.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_go_on_as_if_the_image_were_drawn() {
        for (image, noise) in [(0, 0.02), (1, 0.0), (2, 0.5)] {
            let recipe = Recipe {
                side: 16 + image,
                objects: (3, 6),
                radii: (0.09, 0.19),
                variety: (4, 6),
                distinct: false,
                overlap: 0.0,
                noise,
            };
            let mut random = stream("test", 1, image);
            let scene = Scene::invent(&recipe, &mut random);
            let picture = scene.picture(&recipe, "one".into(), &mut random);
            let Pixels::Drawn(drawing) = &picture.pixels else { unreachable!("scenes are drawn") };
            let mut drawn = drawing.random.clone();
            assert_eq!(&drawing.draw(&mut drawn), drawing.raster());
            assert_eq!(drawn.get_word_pos(), random.get_word_pos());
        }
    }
}
