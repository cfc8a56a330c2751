//! Pictures of scenes, with the objects that are in them.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use rand_chacha::ChaCha8Rng;

use super::colour::Colour;
use super::drawing::{Drawing, NOISES, shade};
use super::languages::{SceneAnswer, SceneLanguage};
use super::scene::{Scene, SceneObject, SceneOptions};
use super::shape::Shape;
use crate::objects::Object;
use crate::pictures::{Picture, Pixels};

/// Tags of objects in a language, by the English ones.
pub(crate) fn tags(language: SceneLanguage) -> IndexMap<String, String> {
    let english = SceneLanguage::English;
    let all = Colour::ALL.into_iter().flat_map(|colour| Shape::ALL.map(|shape| (colour, shape)));
    let whole = all.map(|(colour, shape)| (english.tag(colour, shape), language.tag(colour, shape)));
    let shapes = Shape::ALL.map(SceneAnswer::Shape);
    whole.chain(shapes.map(|shape| (english.answer(shape), language.answer(shape)))).collect()
}

impl Scene {
    /// The picture of the scene, with every object in it. The random numbers go on as if it were drawn at once.
    pub(crate) fn picture(&self, options: &SceneOptions, name: String, random: &mut ChaCha8Rng) -> Picture {
        let object = |thing: &SceneObject| {
            let tag = SceneLanguage::English.tag(thing.colour, thing.shape);
            Object::new(tag, thing.bounds())
        };
        let drawing = Drawing {
            scene: self.clone(),
            options: *options,
            random: random.clone(),
            raster: OnceLock::new(),
        };
        for _ in &self.things {
            shade(random);
        }
        if options.noise > 0.0 {
            // Each of them takes a word.
            let words = NOISES * options.side * options.side * 3;
            random.set_word_pos(random.get_word_pos() + words as u128);
        }
        Picture {
            name,
            pixels: Pixels::Drawn(Arc::new(drawing)),
            objects: self.visible().things.iter().map(object).collect(),
            ..Picture::of_file(PathBuf::new())
        }
    }

    /// Objects of the scene by their shapes, with colour, size and style as attributes.
    pub(crate) fn attributed_objects(&self, options: &SceneOptions) -> Vec<Object> {
        let object = |thing: &SceneObject| Object {
            attributes: [thing.colour.name(), size(thing.radius, options.radii), self.style()]
                .map(str::to_owned)
                .to_vec(),
            ..Object::new(thing.shape.name().to_owned(), thing.bounds())
        };
        self.visible().things.iter().map(object).collect()
    }
}

/// The third of a range of radii in which a radius lies, in words. Objects of a crowded scene may be smaller than the range has
/// them.
fn size(radius: f32, (smallest, largest): (f32, f32)) -> &'static str {
    let third = (largest - smallest) / 3.0;
    match radius {
        _ if radius < smallest + third => "small",
        _ if radius < largest - third => "medium",
        _ => "large",
    }
}

#[cfg(test)]
mod tests {
    use super::super::scene::stream;
    use super::*;

    #[test]
    fn random_numbers_go_on_as_if_the_image_were_drawn() {
        for (image, noise) in [(0, 0.02), (1, 0.0), (2, 0.5)] {
            let options = SceneOptions {
                side: 16 + image,
                objects: (3, 6),
                radii: (0.09, 0.19),
                variety: (4, 6),
                distinct: false,
                overlap: 0.0,
                noise,
            };
            let mut random = stream("test", 1, image);
            let scene = Scene::invent(&options, &mut random);
            let picture = scene.picture(&options, "one".into(), &mut random);
            let Pixels::Drawn(drawing) = &picture.pixels else { unreachable!("scenes are drawn") };
            let mut drawn = drawing.random.clone();
            assert_eq!(&drawing.draw(&mut drawn), drawing.raster());
            assert_eq!(drawn.get_word_pos(), random.get_word_pos());
        }
    }
}
