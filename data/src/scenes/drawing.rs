//! Drawings of scenes.

use std::sync::OnceLock;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::canvas::Canvas;
use super::contents::SceneContents;
use super::scene::{Scene, SceneOptions};
use crate::raster::Raster;

/// How many uniform numbers the noise on a value is the sum of: three are close to normal.
pub(super) const NOISES: usize = 3;

/// By how much a thing is lighter than its colour.
pub(super) fn shade(random: &mut ChaCha8Rng) -> f32 {
    random.random_range(-0.05..0.05)
}

/// The image of a scene, which is drawn when it is first looked at.
#[derive(Debug, Clone)]
pub struct Drawing {
    pub(super) scene: Scene,
    pub(super) options: SceneOptions,
    pub(super) random: ChaCha8Rng,
    pub(super) raster: OnceLock<Raster>,
}

impl PartialEq for Drawing {
    fn eq(&self, other: &Self) -> bool {
        (&self.scene, &self.options, &self.random) == (&other.scene, &other.options, &other.random)
    }
}

impl Drawing {
    /// The pixels.
    #[must_use]
    pub fn raster(&self) -> &Raster {
        self.raster.get_or_init(|| self.draw(&mut self.random.clone()))
    }

    /// What is in the scene.
    #[must_use]
    pub fn contents(&self) -> SceneContents {
        self.scene.contents()
    }

    pub(super) fn draw(&self, random: &mut ChaCha8Rng) -> Raster {
        let side = self.options.side as f32;
        let mut canvas = Canvas::new(self.options.side, [self.scene.ground; 3]);
        for thing in &self.scene.things {
            let corners: Vec<[f32; 2]> =
                thing.outline().into_iter().map(|point| point.map(|at| at * side)).collect();
            let shade = shade(random);
            canvas.fill(&corners, thing.colour.value().map(|value| value + shade));
        }
        let noise = self.options.noise;
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
