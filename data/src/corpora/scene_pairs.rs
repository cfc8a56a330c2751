//! Pairs of made-up scenes with statements about them.

use std::sync::Arc;

use indexmap::IndexMap;
use rand_chacha::ChaCha8Rng;

use super::SceneLook;
use crate::image_datasets::TEST;
use crate::objects::Object;
use crate::pictures::{Picture, Pixels};
use crate::questions::Question;
use crate::scenes::{PairStatements, Scene, SceneLanguage};

/// Pairs of scenes in the making.
pub(super) struct ScenePairs<'o> {
    count: usize,
    variety: (usize, usize),
    look: &'o SceneLook,
    languages: &'o [SceneLanguage],
    statements: PairStatements,
    /// The left scene, where the right one is still to come.
    left: Option<(Scene, Picture, bool)>,
}

impl<'o> ScenePairs<'o> {
    /// Pairs with so many statements each, about scenes of so many shapes and colours.
    pub(super) fn new(
        count: usize,
        variety: (usize, usize),
        look: &'o SceneLook,
        languages: &'o [SceneLanguage],
    ) -> Self {
        Self { count, variety, look, languages, statements: PairStatements::default(), left: None }
    }

    /// Takes a scene. With the second of two, gives the image of both, which has the place `image`, and statements about them.
    pub(super) fn add(
        &mut self,
        scene: Scene,
        picture: Picture,
        is_kept_out: bool,
        image: usize,
        random: &mut ChaCha8Rng,
    ) -> Option<(Picture, Vec<Question>)> {
        let Some((left, left_picture, left_is_kept_out)) = self.left.take() else {
            self.left = Some((scene, picture, is_kept_out));
            return None;
        };
        let is_kept_out = is_kept_out || left_is_kept_out;
        let split = is_kept_out.then(|| TEST.to_owned());
        let seen = [left.visible(), scene.visible()];
        let stated = self.statements.about([&seen[0], &seen[1]], self.count, self.variety, random);
        let languages = self.languages;
        let questions = stated.into_iter().filter_map(|statement| {
            let mut texts = languages.iter().map(|language| statement.say(*language));
            let text = texts.next()?;
            let codes = languages.iter().skip(1).map(|language| language.name().to_owned());
            Some(Question {
                text,
                translations: codes.zip(texts).collect::<IndexMap<_, _>>(),
                image,
                answers: vec![(u32::from(statement.holds), 1.0)],
                kind: statement.kind.name().to_owned(),
                split: split.clone(),
            })
        });
        let questions = questions.collect();
        // Both scenes have one side.
        let halves = [(&left_picture, 0.0), (&picture, 0.5)].into_iter().flat_map(|(picture, left)| {
            picture.objects.iter().map(move |object| {
                let [x1, y1, x2, y2] = object.bounds;
                Object { bounds: [left + x1 / 2.0, y1, left + x2 / 2.0, y2], ..object.clone() }
            })
        });
        let joined = Picture {
            objects: halves.collect(),
            style: self.look.slice(&[&left, &scene], is_kept_out, None),
            splits: split.map(Some).into_iter().collect(),
            ..Picture::without_pixels(left_picture.name.clone())
        };
        let pixels = Pixels::Joined(Arc::new(vec![left_picture, picture]));
        Some((Picture { pixels, ..joined }, questions))
    }
}
