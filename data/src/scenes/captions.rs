//! Captions of scenes.

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::colour::Colour;
use super::languages::{SIDES, Statement};
use super::questions::APART;
use super::scene::{Scene, SceneObject};
use super::shape::Shape;

impl Scene {
    /// Statement about the scene: everything that is there in any order, or how two things lie to each other.
    pub(crate) fn describe(&self, random: &mut ChaCha8Rng) -> Statement {
        let (Some(one), Some(other)) = (self.things.choose(random), self.things.choose(random)) else {
            return Statement::There(Vec::new());
        };
        let axis = usize::from(random.random_bool(0.5));
        let apart = one.centre[axis] - other.centre[axis];
        if apart.abs() < APART || random.random_bool(0.5) {
            let mut things: Vec<(Colour, Shape)> = self.things.iter().map(called).collect();
            things.shuffle(random);
            return Statement::There(things);
        }
        let side = SIDES[axis][usize::from(apart > 0.0)];
        Statement::Place { one: called(one), side, other: called(other) }
    }
}

fn called(thing: &SceneObject) -> (Colour, Shape) {
    (thing.colour, thing.shape)
}
