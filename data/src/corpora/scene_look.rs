//! How made-up scenes look, and which of them are kept out of training.

use alambic_settings::settings;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::error::{DataError, Fault, Place};
use crate::scenes::{Scene, SceneStyle, SceneTag, known_tags, of_tag, stream};

settings! {
    /// How made-up scenes look, and which of them are kept out of training.
    pub struct SceneLook {
        /// Styles in which scenes are drawn; of several, each scene has one by lot, and reports have slices by them.
        pub styles: Vec<SceneStyle> = vec![SceneStyle::Plain],
        /// Objects in English, such as `red circle`, whose scenes are for the test alone. Reports have a slice of these.
        pub kept_out: Vec<String> = Vec::new(),
        /// Share of the scenes in which a grey rectangle hides an object, about which nothing is asked and said. An object is hidden
        /// only where the rectangle hides no part of another.
        #[range(0.0..=1.0)]
        pub curtain: f64 = 0.0,
        /// Whether a sentence before each question about such a scene says what is hidden, which the question is about.
        pub curtain_text: bool = false,
        /// Statements about each two scenes, at most, in the place of questions and captions: two scenes, side by side, are then one
        /// image, and the answers are NLVR2's `False` and `True`. Half of each kind are true.
        #[range(0..=100)]
        pub pairs: usize = 0,
        /// Whether the tags of objects are their shapes alone, for detectors that have attributes: colour, size (`small`, `medium` or
        /// `large`, by thirds of the range of radii) and style. Left out, a tag is a colour and a shape, and there are no attributes.
        pub attributes: bool = false,
        /// Of `curtain-text`, the share of the scenes of which the sentence is left out: nothing tells the answers, and questions are a
        /// slice of their own in reports, `not told` beside `told` and `nothing hidden`.
        #[range(0.0..=1.0)]
        pub untold: f64 = 0.0,
    }
}

/// The slice of scenes that are kept out of training, and that of the others.
const KEPT_OUT: &str = "kept out";
const SEEN: &str = "seen";

/// The slices of scenes of which a text says what is hidden, of those of which none does, and of those in which nothing is hidden.
const TOLD: &str = "told";
const NOT_TOLD: &str = "not told";
const NOTHING_HIDDEN: &str = "nothing hidden";

/// The style of scenes that have several.
const MIXED: &str = "mixed";

impl SceneLook {
    /// That of scenes of which nothing is said.
    pub(crate) fn usual() -> Self {
        Self {
            styles: vec![SceneStyle::Plain],
            kept_out: Vec::new(),
            curtain: 0.0,
            curtain_text: false,
            pairs: 0,
            attributes: false,
            untold: 0.0,
        }
    }

    /// Colours and shapes of the objects that are kept out, of so many shapes and colours.
    ///
    /// # Errors
    /// Where one is no object of these scenes.
    pub(super) fn kept_out(&self, variety: (usize, usize)) -> Result<Vec<SceneTag>, DataError> {
        let known = known_tags(variety);
        let tag = |name: &String| {
            let unknown = || {
                let (column, found) = ("kept-out".to_owned(), name.clone());
                DataError::new(
                    Place::file("made-up-scenes"),
                    Fault::NotOneOf { column, found, known: known.clone() },
                )
            };
            of_tag(name).filter(|_| known.iter().any(|own| own == name.trim())).ok_or_else(unknown)
        };
        self.kept_out.iter().map(tag).collect()
    }

    /// The look of a scene. Its lots are drawn apart from those of the scene, which stays as it is.
    pub(super) fn of(&self, scene: Scene, seed: u64, image: usize) -> Scene {
        let mut random: ChaCha8Rng = stream("made-up-scenes look", seed, image);
        let styled = if self.styles.len() > 1 {
            scene.with_style(&self.styles, &mut random)
        } else {
            let only = self.styles.first().copied();
            scene.with_style(only.as_slice(), &mut random)
        };
        if self.curtain > 0.0 { styled.with_curtain(self.curtain, &mut random) } else { styled }
    }

    /// Whether a text says what is hidden in an image.
    pub(super) fn is_told(&self, seed: u64, image: usize) -> bool {
        let mut random: ChaCha8Rng = stream("made-up-scenes untold", seed, image);
        self.untold <= 0.0 || !random.random_bool(self.untold.min(1.0))
    }

    /// The slice of an image of scenes: their style where there are several, whether it is kept out where some are, and whether a text
    /// says what is hidden, if anything is, where some do not.
    pub(super) fn slice(&self, scenes: &[&Scene], is_kept_out: bool, told: Option<bool>) -> Option<String> {
        let first = scenes.first().map_or(MIXED, |scene| scene.style());
        let style = if scenes.iter().all(|scene| scene.style() == first) { first } else { MIXED };
        let style = (self.styles.len() > 1).then_some(style);
        let kept = (!self.kept_out.is_empty()).then_some(if is_kept_out { KEPT_OUT } else { SEEN });
        let told = (self.untold > 0.0).then_some(match told {
            Some(true) => TOLD,
            Some(false) => NOT_TOLD,
            None => NOTHING_HIDDEN,
        });
        let parts: Vec<&str> = style.into_iter().chain(kept).chain(told).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
