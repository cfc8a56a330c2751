//! Boxes by lot.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::shape_boxes::{BOXES, BoxColour, BoxShape, BoxedShape, SIDE, ShapeBoxes};

/// Share of the images whose boxes hold towers, as in NLVR.
const TOWERS: f64 = 0.64;

/// Most blocks of a tower.
const HIGHEST: usize = 4;

/// Pixels of a block's side, where a tower stands, where its lowest block lies, and from a block to the next.
const BLOCK: usize = 20;
const TOWER_LEFT: usize = 40;
const TOWER_BASE: usize = 80;
const BLOCK_STEP: usize = 21;

/// Most shapes that lie about in a box, and their sizes in pixels.
const MOST: usize = 8;
const SIZES: [usize; 3] = [10, 20, 30];

/// How often a place for a shape is drawn before it is left out.
const DRAWS: usize = 50;

/// Draws lots for three boxes: of towers, or of shapes that lie about and do not overlap.
pub(crate) fn invent(random: &mut ChaCha8Rng) -> ShapeBoxes {
    let are_towers = random.random_bool(TOWERS);
    let boxes =
        (0..BOXES).flat_map(|place| if are_towers { tower(place, random) } else { scattered(place, random) });
    ShapeBoxes::of_shapes(boxes.collect())
}

fn colour(random: &mut ChaCha8Rng) -> BoxColour {
    BoxColour::ALL.choose(random).copied().unwrap_or(BoxColour::Yellow)
}

/// A tower, the lowest block first.
fn tower(place: usize, random: &mut ChaCha8Rng) -> Vec<BoxedShape> {
    let height = random.random_range(1..=HIGHEST);
    let block = |level: usize| BoxedShape {
        shape: BoxShape::Square,
        colour: colour(random),
        place,
        left: TOWER_LEFT,
        top: TOWER_BASE - BLOCK_STEP * level,
        size: BLOCK,
    };
    (0..height).map(block).collect()
}

/// Shapes that lie about. Every fourth lies at an edge, so that what touches the wall is as common as in NLVR.
fn scattered(place: usize, random: &mut ChaCha8Rng) -> Vec<BoxedShape> {
    let count = random.random_range(1..=MOST);
    let mut shapes: Vec<BoxedShape> = Vec::with_capacity(count);
    for _ in 0..count {
        let shape = BoxShape::ALL.choose(random).copied().unwrap_or(BoxShape::Square);
        let (colour, size) = (colour(random), SIZES[random.random_range(0..SIZES.len())]);
        let found = (0..DRAWS).find_map(|_| {
            let most = SIDE - size;
            let [mut left, mut top] = [random.random_range(0..=most), random.random_range(0..=most)];
            match random.random_range(0..16) {
                0 => left = 0,
                1 => left = most,
                2 => top = 0,
                3 => top = most,
                _ => {}
            }
            let own = BoxedShape { shape, colour, place, left, top, size };
            shapes.iter().all(|other| !overlap(&own, other)).then_some(own)
        });
        shapes.extend(found);
    }
    shapes
}

/// Whether the squares of two shapes in one box have pixels in common or touch.
fn overlap(one: &BoxedShape, other: &BoxedShape) -> bool {
    let near = |one: usize, size: usize, other: usize, other_size: usize| {
        one <= other + other_size && other <= one + size
    };
    near(one.left, one.size, other.left, other.size) && near(one.top, one.size, other.top, other.size)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn boxes_hold_towers_or_shapes_that_lie_apart() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (mut towers, mut walls, mut shapes) = (0, 0, 0);
        for _ in 0..500 {
            let boxes = invent(&mut random);
            let all = boxes.shapes();
            for place in 0..BOXES {
                let own: Vec<&BoxedShape> = all.iter().filter(|own| own.place == place).collect();
                assert!((1..=MOST).contains(&own.len()));
                for (index, one) in own.iter().enumerate() {
                    assert!(own[..index].iter().all(|other| !overlap(one, other)));
                    assert!(one.left + one.size <= SIDE && one.top + one.size <= SIDE);
                }
            }
            if all.iter().all(|own| own.left == TOWER_LEFT && own.size == BLOCK) {
                towers += 1;
            } else {
                shapes += all.len();
                walls += all.iter().filter(|own| own.left == 0 || own.top == 0).count();
            }
        }
        assert!((280..360).contains(&towers), "{towers}");
        assert!(walls * 20 > shapes && walls * 5 < shapes, "{walls} of {shapes}");
    }
}
