//! Scenes: coloured objects in places.

use std::f32::consts::TAU;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::colour::Colour;
use super::shape::Shape;
use super::style::SceneStyle;
use crate::stable_hash::bytes;

/// Options of scenes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SceneOptions {
    /// Pixels of a side.
    pub(crate) side: usize,
    /// The fewest and the most objects.
    pub(crate) objects: (usize, usize),
    /// Smallest and largest radius as shares of the side, before a crowd makes things smaller.
    pub(crate) radii: (f32, f32),
    /// Numbers of different shapes and colours.
    pub(crate) variety: (usize, usize),
    /// Whether no two objects have the same colour, as far as there are enough colours.
    pub(crate) distinct: bool,
    /// Overlap that objects may have, as a share of the distance at which they touch.
    pub(crate) overlap: f32,
    /// Deviation of the noise on every value.
    pub(crate) noise: f32,
}

/// Object in a scene. Places and sizes are shares of the side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SceneObject {
    pub(super) shape: Shape,
    pub(super) colour: Colour,
    pub(super) centre: [f32; 2],
    pub(super) radius: f32,
    pub(super) turn: f32,
}

/// A scene.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scene {
    pub(super) things: Vec<SceneObject>,
    pub(super) ground: f32,
    pub(super) style: SceneStyle,
    /// The object that a curtain hides, by its place.
    pub(super) hidden: Option<usize>,
}

/// The random numbers of one image, which do not depend on how many there are.
pub(crate) fn stream(name: &str, seed: u64, image: usize) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(bytes(&[name, &seed.to_string(), &image.to_string()]))
}

impl Scene {
    /// Draws lots for a scene.
    pub(crate) fn invent(options: &SceneOptions, random: &mut ChaCha8Rng) -> Self {
        let count = random.random_range(options.objects.0..=options.objects.1);
        let mut things: Vec<SceneObject> = Vec::with_capacity(count);
        let colours = &Colour::ALL[..options.variety.1.clamp(1, Colour::ALL.len())];
        let (smallest, largest) = options.radii;
        // A crowded scene gets smaller things until all have room.
        let mut shrink = 1.0;
        while things.len() < count {
            let placed = (0..60).find_map(|_| {
                let radius = shrink * (smallest + (largest - smallest) * random.random::<f32>());
                let centre = [0, 1].map(|_| random.random_range(radius..1.0 - radius));
                let apart = things.iter().all(|other| {
                    let distance = (other.centre[0] - centre[0]).hypot(other.centre[1] - centre[1]);
                    distance >= (other.radius + radius) * (1.0 - options.overlap)
                });
                apart.then_some((radius, centre))
            });
            let Some((radius, centre)) = placed else {
                shrink *= 0.9;
                continue;
            };
            let shapes = &Shape::ALL[..options.variety.0.clamp(1, Shape::ALL.len())];
            let free: Vec<Colour> = colours
                .iter()
                .filter(|colour| !options.distinct || things.iter().all(|other| other.colour != **colour))
                .copied()
                .collect();
            let shape = shapes.choose(random).copied().unwrap_or(Shape::Circle);
            let colour =
                free.choose(random).or_else(|| colours.choose(random)).copied().unwrap_or(Colour::Red);
            let turn = random.random_range(-0.06..0.06) * TAU;
            things.push(SceneObject { shape, colour, centre, radius, turn });
        }
        Self { things, ground: random.random_range(0.78..0.96), style: SceneStyle::Plain, hidden: None }
    }
}

impl SceneObject {
    /// The corners of the outline.
    pub(super) fn outline(&self) -> Vec<[f32; 2]> {
        let (sine, cosine) = self.turn.sin_cos();
        let place = |[x, y]: [f32; 2]| {
            let turned = [x * cosine - y * sine, x * sine + y * cosine];
            [self.centre[0] + self.radius * turned[0], self.centre[1] + self.radius * turned[1]]
        };
        self.shape.outline().into_iter().map(place).collect()
    }

    /// Left, top, right and bottom edge.
    pub(super) fn bounds(&self) -> [f32; 4] {
        let start = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
        let around = self.outline().into_iter().fold(start, |[left, top, right, bottom], [x, y]| {
            [left.min(x), top.min(y), right.max(x), bottom.max(y)]
        });
        around.map(|edge| edge.clamp(0.0, 1.0))
    }
}
