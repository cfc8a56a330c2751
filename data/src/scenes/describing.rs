//! Captions of scenes.

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::asking::APART;
use super::{Scene, Thing};

impl Scene {
    /// What one may say of the scene: everything that is there in any order, or how two things lie to each other.
    pub(crate) fn describe(&self, random: &mut ChaCha8Rng) -> String {
        let (Some(one), Some(other)) = (self.things.choose(random), self.things.choose(random)) else {
            return "there is nothing.".to_owned();
        };
        let axis = usize::from(random.random_bool(0.5));
        let apart = one.centre[axis] - other.centre[axis];
        if apart.abs() < APART || random.random_bool(0.5) {
            let mut things: Vec<String> = self.things.iter().map(called).collect();
            things.shuffle(random);
            return format!("there is {}.", enumerate(&things));
        }
        let ways = if axis == 0 { ["left of", "right of"] } else { ["above", "below"] };
        format!("{} is {} {}.", called(one), ways[usize::from(apart > 0.0)], called(other))
    }
}

/// A thing by its colour and shape.
fn called(thing: &Thing) -> String {
    let article = if thing.colour.name.starts_with('o') { "an" } else { "a" };
    format!("{article} {} {}", thing.colour.name, thing.shape.name())
}

/// `one, two and three`.
fn enumerate(things: &[String]) -> String {
    match things {
        [] => String::new(),
        [only] => only.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}
