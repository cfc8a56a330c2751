//! Drawings of scenes.

use std::sync::OnceLock;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::canvas::Canvas;
use super::contents::SceneContents;
use super::scene::{Scene, SceneOptions};
use super::style::{INNER, PALE, STRIPES, SceneStyle};
use crate::raster::Raster;

/// How many uniform numbers the noise on a value is the sum of: three are close to normal.
pub(super) const NOISES: usize = 3;

/// By how much a thing is lighter than its colour.
pub(super) fn shade(random: &mut ChaCha8Rng) -> f32 {
    random.random_range(-0.05..0.05)
}

/// Grey of a curtain.
const CURTAIN: [f32; 3] = [0.5; 3];

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

    /// What is to be seen in the scene.
    #[must_use]
    pub fn contents(&self) -> SceneContents {
        self.scene.contents()
    }

    pub(super) fn draw(&self, random: &mut ChaCha8Rng) -> Raster {
        let side = self.options.side as f32;
        let style = self.scene.style;
        let ground = [style.ground(self.scene.ground); 3];
        let mut canvas = Canvas::new(self.options.side, ground);
        for thing in &self.scene.things {
            let corners: Vec<[f32; 2]> =
                thing.outline().into_iter().map(|point| point.map(|at| at * side)).collect();
            let shade = shade(random);
            let colour = thing.colour.value().map(|value| value + shade);
            match style {
                SceneStyle::Plain | SceneStyle::Dark => canvas.fill(&corners, colour),
                SceneStyle::Outline => {
                    canvas.fill(&corners, colour);
                    let centre = thing.centre.map(|at| at * side);
                    let inner = |corner: [f32; 2]| {
                        [0, 1].map(|axis| centre[axis] + INNER * (corner[axis] - centre[axis]))
                    };
                    canvas.fill(&corners.iter().map(|corner| inner(*corner)).collect::<Vec<_>>(), ground);
                }
                SceneStyle::Hatched => {
                    let pale =
                        [0, 1, 2].map(|channel| ground[channel] + PALE * (colour[channel] - ground[channel]));
                    canvas.fill_striped(&corners, [colour, pale], (self.options.side / STRIPES).max(1));
                }
            }
        }
        if let Some([left, top, right, bottom]) = self.scene.curtain().map(|edges| edges.map(|at| at * side))
        {
            canvas.fill(&[[left, top], [right, top], [right, bottom], [left, bottom]], CURTAIN);
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
