//! Captions of scenes with statements that follow from them, contradict them, or do neither.

use alambic_settings::choices;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::colour::Colour;
use super::languages::{SceneLanguage, Side, Statement};
use super::scene::{Scene, SceneOptions};
use super::shape::Shape;

choices! {
    /// What a caption says of a statement, of which it may be known whether it is true.
    pub enum EntailmentLabel {
        /// The statement is true of every scene that the caption describes.
        Entailment = "entailment",
        /// It is true of some of them.
        Neutral = "neutral",
        /// It is true of none of them.
        Contradiction = "contradiction",
    }
}

impl EntailmentLabel {
    pub(crate) const ALL: [Self; 3] = [Self::Entailment, Self::Neutral, Self::Contradiction];
}

/// A caption with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntailmentPair {
    premise: Statement,
    hypothesis: Statement,
}

/// An object by its colour and shape.
type Object = (Colour, Shape);

/// What a statement tells: what is there, or where an object lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementForm {
    There,
    Place,
}

impl StatementForm {
    pub(crate) const ALL: [Self; 2] = [Self::There, Self::Place];
}

/// How often a statement is drawn for a scene.
const DRAWS: usize = 60;

impl EntailmentPair {
    /// A caption of a scene by lot, with a statement of this form that has this label; none where the scene has two objects alike, or no
    /// such statement turns up.
    pub(crate) fn invent(
        options: &SceneOptions,
        (wanted, form): (EntailmentLabel, StatementForm),
        random: &mut ChaCha8Rng,
    ) -> Option<Self> {
        let scene = Scene::invent(options, random);
        let objects: Vec<Object> = scene.things.iter().map(|own| (own.colour, own.shape)).collect();
        if (1..objects.len()).any(|place| objects[..place].contains(&objects[place])) {
            return None;
        }
        let premise = scene.describe(random);
        let named = premise.objects();
        let drawn = (0..DRAWS).map(|_| {
            let hypothesis = draw(&named, form, options.variety, random)?;
            Some(Self { premise: premise.clone(), hypothesis })
        });
        drawn
            .flatten()
            .find(|pair| pair.premise != pair.hypothesis && pair.label(options.objects.1) == wanted)
    }

    /// Caption and statement in a language.
    pub(crate) fn say(&self, language: SceneLanguage) -> [String; 2] {
        [&self.premise, &self.hypothesis].map(|own| language.say(own))
    }

    /// What the caption says of the statement. No two objects of a scene are alike, and there are at most so many. A caption that tells
    /// what is there names everything, and one that tells where two objects lie names those two alone.
    pub(crate) fn label(&self, most: usize) -> EntailmentLabel {
        let known = self.premise.objects();
        let unknown = self.hypothesis.objects().into_iter().filter(|own| !known.contains(own)).count();
        match (&self.premise, &self.hypothesis) {
            (Statement::There(_), _) if unknown > 0 => EntailmentLabel::Contradiction,
            // There is no room for what is not named.
            (Statement::Place { .. }, _) if known.len() + unknown > most => EntailmentLabel::Contradiction,
            (_, Statement::There(_)) if unknown == 0 => EntailmentLabel::Entailment,
            (
                Statement::Place { one, side, other },
                Statement::Place { one: first, side: stated, other: second },
            ) if unknown == 0 => {
                let said = if (first, second) == (one, other) { *side } else { side.opposite() };
                match stated {
                    stated if *stated == said => EntailmentLabel::Entailment,
                    stated if *stated == said.opposite() => EntailmentLabel::Contradiction,
                    // Of the other axis nothing is said.
                    _ => EntailmentLabel::Neutral,
                }
            }
            _ => EntailmentLabel::Neutral,
        }
    }
}

/// A statement of a form by lot, of one or two objects: three times out of four one that a caption names.
fn draw(
    named: &[Object],
    form: StatementForm,
    (shapes, colours): (usize, usize),
    random: &mut ChaCha8Rng,
) -> Option<Statement> {
    let mut object = || {
        if random.random_bool(0.75) {
            return named.choose(random).copied();
        }
        let colour = Colour::ALL[..colours.clamp(1, Colour::ALL.len())].choose(random)?;
        Some((*colour, *Shape::ALL[..shapes.clamp(1, Shape::ALL.len())].choose(random)?))
    };
    let (one, other) = (object()?, object()?);
    if form == StatementForm::There && random.random_bool(0.5) {
        return Some(Statement::There(vec![one]));
    }
    // One object is not two.
    if one == other {
        return None;
    }
    if form == StatementForm::There {
        return Some(Statement::There(vec![one, other]));
    }
    Some(Statement::Place { one, side: *Side::ALL.choose(random)?, other })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const OPTIONS: SceneOptions = SceneOptions {
        side: 64,
        objects: (2, 3),
        radii: (0.08, 0.12),
        variety: (2, 2),
        distinct: false,
        overlap: 0.0,
        noise: 0.0,
    };

    /// Whether a caption describes a scene: what is there, it names all of.
    fn describes(premise: &Statement, scene: &Scene) -> bool {
        let is_all = match premise {
            Statement::There(things) => things.len() == scene.things.len(),
            Statement::Place { .. } => true,
        };
        is_all && scene.contents().is_described_by(&SceneLanguage::English.say(premise))
    }

    #[test]
    fn labels_are_what_holds_in_the_scenes_that_a_caption_describes() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let is_of_different = |scene: &Scene| {
            let objects: Vec<Object> = scene.things.iter().map(|own| (own.colour, own.shape)).collect();
            (1..objects.len()).all(|place| !objects[..place].contains(&objects[place]))
        };
        let scenes: Vec<Scene> = (0..4000).map(|_| Scene::invent(&OPTIONS, &mut random)).collect();
        let scenes: Vec<&Scene> = scenes.iter().filter(|scene| is_of_different(scene)).collect();
        let mut counts = [0; 3];
        for turn in 0..240 {
            let wanted = EntailmentLabel::ALL[turn % 3];
            let form = StatementForm::ALL[turn / 3 % 2];
            let mut tries = 0..60;
            let found = tries.find_map(|_| EntailmentPair::invent(&OPTIONS, (wanted, form), &mut random));
            let Some(pair) = found else { continue };
            counts[turn % 3] += 1;
            let hypothesis = SceneLanguage::English.say(&pair.hypothesis);
            let described = scenes.iter().filter(|scene| describes(&pair.premise, scene));
            let truths: Vec<bool> =
                described.map(|scene| scene.contents().is_described_by(&hypothesis)).collect();
            assert!(!truths.is_empty(), "{pair:?}");
            let found = match (truths.contains(&true), truths.contains(&false)) {
                (true, true) => EntailmentLabel::Neutral,
                (true, false) => EntailmentLabel::Entailment,
                (false, _) => EntailmentLabel::Contradiction,
            };
            assert_eq!((pair.label(3), found), (wanted, wanted), "{pair:?}");
        }
        assert!(counts.iter().all(|count| *count > 30), "{counts:?}");
    }

    #[test]
    fn both_forms_of_statements_turn_up_with_every_label() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let options = SceneOptions { objects: (2, 4), variety: (4, 6), ..OPTIONS };
        let mut forms = [[0; 2]; 3];
        for turn in 0..3000 {
            let (label, form) = (turn % 3, turn / 3 % 2);
            let wanted = (EntailmentLabel::ALL[label], StatementForm::ALL[form]);
            if let Some(pair) = EntailmentPair::invent(&options, wanted, &mut random) {
                assert_eq!(matches!(pair.hypothesis, Statement::Place { .. }), form == 1, "{pair:?}");
                forms[label][form] += 1;
            }
        }
        // Of 500 scenes each.
        assert!(forms.iter().flatten().all(|count| *count > 50), "{forms:?}");
    }
}
