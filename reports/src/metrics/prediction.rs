use std::borrow::Cow;
use std::fmt;

use alambic_data::{Raster, SceneContents};
use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// A model's prediction for one example, or the reference that it is compared with.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Prediction {
    /// A generated text, or the one right text.
    Text(String),
    /// Several texts of which each is right, as in `SQuAD`; none where the right answer is that there is none.
    Texts(Vec<String>),
    /// The name of a class.
    Class(String),
    /// The place of one of the choices of its example, counted from 0.
    Choice(usize),
    /// Known answers with their scores in 0 to 1, as in VQA; none where no answer is known. A reference only.
    Scores(Vec<(String, f64)>),
    /// A number.
    Number(f64),
    /// The tag of each word.
    Tags(Vec<String>),
    /// Places of results, the best first; of a reference the places of the relevant ones.
    Ranking(Vec<usize>),
    /// Places of results that are judged, each with its grade, above 0 where it is relevant. A reference only.
    Relevance(Vec<(usize, f64)>),
    /// What is in a made-up scene, and its captions, each of which is right. A reference only.
    Scene(SceneReference),
    /// Ids of two sentences that are translations of each other.
    Pair([String; 2]),
    /// An image that is made of tokens, or the one that they were made of.
    Image(ImagePrediction),
    /// An image that is drawn of a text, or the one that the text tells of.
    Drawing(Drawing),
    /// Objects in an image.
    Objects(ObjectsPrediction),
    /// No answer; of a reference that nothing is known of the example.
    #[default]
    Nothing,
}

/// A made-up scene with which written captions are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneReference {
    /// Captions of it, in the language that is asked for.
    pub captions: Vec<String>,
    /// What is in it.
    pub contents: SceneContents,
}

/// An image, with the tokens of which a model made it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImagePrediction {
    /// Its pixels.
    pub raster: Raster,
    /// Its tokens, row by row; none of an image that no model made.
    pub tokens: Vec<u32>,
    /// Codes out of which they are; 0 where there are no tokens.
    pub codes: usize,
    /// The distance to the image that it is compared with, by a scorer's states of patches; none without one.
    pub state_distance: Option<f64>,
}

/// An image that is drawn of a text, or the one that the text tells of, with what other models see in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Its pixels.
    pub raster: Raster,
    /// Its tokens, row by row; none of an image that no model made.
    pub tokens: Vec<u32>,
    /// Its vector by the scorer; empty without one.
    pub vector: Vec<f32>,
    /// The tags of the objects in it: of a drawn one as a detector finds them, and none without one; of a real one those that are known.
    pub objects: Option<Vec<String>>,
    /// Whether what the text says is true of what the detector finds; none where nobody can tell.
    pub is_as_told: Option<bool>,
    /// Whether the relations that the text states hold between objects that the detector finds; none where it states none, or nobody
    /// can tell.
    pub has_relations: Option<bool>,
    /// Whether the scorer puts its text first among others; none without one.
    pub is_found: Option<bool>,
    /// Whether it was made of the tokens of the image that the text tells of, and is to equal it pixel by pixel.
    pub is_reconstruction: bool,
    /// Of such an image the distance to the other by a scorer's states of patches; none without one.
    pub state_distance: Option<f64>,
}

/// Objects in an image: those that a model finds, or those that are there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectsPrediction {
    /// The objects.
    pub objects: Vec<ObjectPrediction>,
    /// Attributes of each object that is there, with the probability of each by a model, or 1 for those that it has; a model that
    /// predicts none has none.
    pub attributes: Vec<Vec<(String, f32)>>,
}

/// An object in an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectPrediction {
    /// Its class.
    pub class: String,
    /// Left, top, right and bottom edge, as shares of the image's width and height.
    pub bounds: [f32; 4],
    /// How sure a model is of it, from 0 to 1.
    pub confidence: f32,
}

/// What a prediction consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PredictionKind {
    /// [`Prediction::Text`].
    Text,
    /// [`Prediction::Texts`].
    Texts,
    /// [`Prediction::Class`].
    Class,
    /// [`Prediction::Choice`].
    Choice,
    /// [`Prediction::Scores`].
    Scores,
    /// [`Prediction::Number`].
    Number,
    /// [`Prediction::Tags`].
    Tags,
    /// [`Prediction::Ranking`].
    Ranking,
    /// [`Prediction::Relevance`].
    Relevance,
    /// [`Prediction::Scene`].
    Scene,
    /// [`Prediction::Pair`].
    Pair,
    /// [`Prediction::Image`].
    Image,
    /// [`Prediction::Drawing`].
    Drawing,
    /// [`Prediction::Objects`].
    Objects,
    /// [`Prediction::Nothing`].
    Nothing,
}

impl PredictionKind {
    /// Every kind in which something is predicted.
    pub const ALL: &'static [Self] = &[
        Self::Text,
        Self::Texts,
        Self::Class,
        Self::Choice,
        Self::Scores,
        Self::Number,
        Self::Tags,
        Self::Ranking,
        Self::Relevance,
        Self::Scene,
        Self::Pair,
        Self::Image,
        Self::Drawing,
        Self::Objects,
    ];

    /// The plural noun for messages, as in `class names`.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Text => "texts",
            Self::Texts => "lists of texts",
            Self::Class => "class names",
            Self::Choice => "choices",
            Self::Scores => "scored answers",
            Self::Number => "numbers",
            Self::Tags => "tags",
            Self::Ranking => "rankings",
            Self::Relevance => "grades of relevance",
            Self::Scene => "made-up scenes",
            Self::Pair => "pairs of ids",
            Self::Image => "images",
            Self::Drawing => "drawn images",
            Self::Objects => "objects in images",
            Self::Nothing => "nothing",
        }
    }
}

impl Prediction {
    /// A number of 32 bits as the decimal number that it is written as: `0.1` and not `0.100000001`.
    #[must_use]
    pub fn number(number: f32) -> Self {
        Self::Number(decimal(number))
    }

    /// Known answers with their scores, each taken as in [`Self::number`].
    #[must_use]
    pub fn scores<'a>(answers: impl IntoIterator<Item = (&'a str, f32)>) -> Self {
        Self::Scores(answers.into_iter().map(|(answer, score)| (answer.to_owned(), decimal(score))).collect())
    }

    /// What it consists of.
    #[must_use]
    pub fn kind(&self) -> PredictionKind {
        match self {
            Self::Text(_) => PredictionKind::Text,
            Self::Texts(_) => PredictionKind::Texts,
            Self::Class(_) => PredictionKind::Class,
            Self::Choice(_) => PredictionKind::Choice,
            Self::Scores(_) => PredictionKind::Scores,
            Self::Number(_) => PredictionKind::Number,
            Self::Tags(_) => PredictionKind::Tags,
            Self::Ranking(_) => PredictionKind::Ranking,
            Self::Relevance(_) => PredictionKind::Relevance,
            Self::Scene(_) => PredictionKind::Scene,
            Self::Pair(_) => PredictionKind::Pair,
            Self::Image(_) => PredictionKind::Image,
            Self::Drawing(_) => PredictionKind::Drawing,
            Self::Objects(_) => PredictionKind::Objects,
            Self::Nothing => PredictionKind::Nothing,
        }
    }

    /// The class, or the answer with the highest score, the first of several; none of other kinds, or where no answer is
    /// known.
    #[must_use]
    pub fn class(&self) -> Option<&str> {
        match self {
            Self::Class(class) => Some(class),
            Self::Scores(answers) => {
                let best = answers.iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
                best.map(|(answer, _)| answer.as_str())
            }
            _ => None,
        }
    }

    /// Whether it holds several answers, or one whose score is not 1.
    #[must_use]
    pub fn is_graded(&self) -> bool {
        match self {
            Self::Scores(answers) => !matches!(answers.as_slice(), [] | [(_, 1.0)]),
            _ => false,
        }
    }

    /// Whether it is right, by the reference; none of numbers, images and objects in images, of which one is only more or less right,
    /// and where nothing is known of the example.
    #[must_use]
    pub fn is_right(&self, reference: &Self) -> Option<bool> {
        match (self, reference) {
            (_, Self::Nothing | Self::Number(_) | Self::Image(_) | Self::Objects(_))
            | (Self::Number(_) | Self::Image(_) | Self::Objects(_), _) => None,
            (Self::Drawing(drawn), Self::Drawing(_)) => drawn.is_as_told,
            (Self::Text(text), Self::Texts(all)) => Some(match all.as_slice() {
                [] => text.is_empty(),
                _ => all.iter().any(|right| nfc(right) == nfc(text)),
            }),
            (Self::Text(text), Self::Scene(scene)) => {
                Some(scene.captions.iter().any(|right| nfc(right) == nfc(text)))
            }
            (Self::Nothing, Self::Texts(all)) => Some(all.is_empty()),
            (Self::Class(_) | Self::Scores(_), Self::Class(_) | Self::Scores(_)) => {
                reference.class().map(|right| self.class() == Some(right))
            }
            (Self::Ranking(places), Self::Ranking(relevant)) => {
                Some(places.first().is_some_and(|first| relevant.contains(first)))
            }
            (Self::Ranking(places), Self::Relevance(grades)) => {
                let is_relevant =
                    |first: &usize| grades.iter().any(|(own, grade)| own == first && *grade > 0.0);
                Some(places.first().is_some_and(is_relevant))
            }
            _ => Some(self.normalized() == reference.normalized()),
        }
    }

    /// The generated text, the empty one of no answer; none of other kinds.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Nothing => Some(""),
            _ => None,
        }
    }

    /// The tags of its words; none of other kinds.
    pub(super) fn tags(&self) -> &[String] {
        match self {
            Self::Tags(tags) => tags,
            _ => &[],
        }
    }

    /// The same in Unicode NFC, so that one letter counts once however it was typed.
    pub(super) fn normalized(&self) -> Cow<'_, Self> {
        let is_normalized = match self {
            Self::Text(text) | Self::Class(text) => is_nfc(text),
            Self::Texts(texts) | Self::Tags(texts) => texts.iter().all(|text| is_nfc(text)),
            Self::Scores(answers) => answers.iter().all(|(answer, _)| is_nfc(answer)),
            Self::Scene(scene) => scene.captions.iter().all(|text| is_nfc(text)),
            Self::Pair(ids) => ids.iter().all(|id| is_nfc(id)),
            Self::Objects(own) => {
                own.objects.iter().all(|object| is_nfc(&object.class))
                    && own.attributes.iter().flatten().all(|(name, _)| is_nfc(name))
            }
            Self::Choice(_)
            | Self::Number(_)
            | Self::Ranking(_)
            | Self::Relevance(_)
            | Self::Image(_)
            | Self::Drawing(_)
            | Self::Nothing => true,
        };
        if is_normalized {
            return Cow::Borrowed(self);
        }
        let all = |texts: &[String]| texts.iter().map(|text| nfc(text)).collect();
        Cow::Owned(match self {
            Self::Text(text) => Self::Text(nfc(text)),
            Self::Class(class) => Self::Class(nfc(class)),
            Self::Texts(texts) => Self::Texts(all(texts)),
            Self::Tags(tags) => Self::Tags(all(tags)),
            Self::Scores(answers) => {
                Self::Scores(answers.iter().map(|(answer, score)| (nfc(answer), *score)).collect())
            }
            Self::Scene(scene) => Self::Scene(SceneReference {
                captions: all(&scene.captions),
                contents: scene.contents.clone(),
            }),
            Self::Pair(ids) => Self::Pair(ids.each_ref().map(|id| nfc(id))),
            Self::Objects(own) => {
                let mut own = own.clone();
                own.objects.iter_mut().for_each(|object| object.class = nfc(&object.class));
                own.attributes.iter_mut().flatten().for_each(|(name, _)| *name = nfc(name));
                Self::Objects(own)
            }
            Self::Choice(_)
            | Self::Number(_)
            | Self::Ranking(_)
            | Self::Relevance(_)
            | Self::Image(_)
            | Self::Drawing(_)
            | Self::Nothing => self.clone(),
        })
    }
}

/// As a reader of a report is shown it: tags, places and tokens are separated by spaces, of scored answers the best one stands.
impl fmt::Display for Prediction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Class(_) | Self::Scores(_) => formatter.write_str(self.class().unwrap_or_default()),
            Self::Texts(texts) => formatter.write_str(&texts.join(" / ")),
            Self::Scene(scene) => formatter.write_str(&scene.captions.join(" / ")),
            Self::Choice(place) => write!(formatter, "{place}"),
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Tags(tags) => formatter.write_str(&tags.join(" ")),
            Self::Ranking(places) => {
                let places: Vec<String> = places.iter().map(ToString::to_string).collect();
                formatter.write_str(&places.join(" "))
            }
            Self::Relevance(grades) => {
                let grades: Vec<String> =
                    grades.iter().map(|(place, grade)| format!("{place}:{grade}")).collect();
                formatter.write_str(&grades.join(" "))
            }
            Self::Pair(ids) => formatter.write_str(&ids.join(" ")),
            Self::Image(image) => write_image(formatter, &image.raster, &image.tokens),
            Self::Drawing(drawing) => write_image(formatter, &drawing.raster, &drawing.tokens),
            Self::Objects(own) => {
                let shown = |object: &ObjectPrediction| {
                    if object.confidence < 1.0 {
                        format!("{} {:.0} %", object.class, 100.0 * object.confidence)
                    } else {
                        object.class.clone()
                    }
                };
                formatter.write_str(&own.objects.iter().map(shown).collect::<Vec<_>>().join(", "))
            }
            Self::Nothing => Ok(()),
        }
    }
}

/// The tokens of an image; of one without any its size.
fn write_image(formatter: &mut fmt::Formatter<'_>, raster: &Raster, tokens: &[u32]) -> fmt::Result {
    if tokens.is_empty() {
        let Raster { width, height, rgb } = raster;
        // The digest tells images of one size apart.
        return write!(formatter, "{width} × {height} pixels, {}", &blake3::hash(rgb).to_hex()[..16]);
    }
    let tokens: Vec<String> = tokens.iter().map(ToString::to_string).collect();
    formatter.write_str(&tokens.join(" "))
}

fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// The number of 64 bits that is nearest to the shortest decimal number that stands for one of 32.
fn decimal(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::NAN)
}

/// Predictions for tests.
#[cfg(test)]
pub(crate) mod examples {
    use super::Prediction;

    pub(crate) fn texts(texts: &[&str]) -> Vec<Prediction> {
        texts.iter().map(|text| Prediction::Text((*text).to_owned())).collect()
    }

    pub(crate) fn classes(classes: &[&str]) -> Vec<Prediction> {
        classes.iter().map(|class| Prediction::Class((*class).to_owned())).collect()
    }

    pub(crate) fn numbers(numbers: &[f64]) -> Vec<Prediction> {
        numbers.iter().map(|number| Prediction::Number(*number)).collect()
    }

    pub(crate) fn tags(texts: &[&str]) -> Vec<Prediction> {
        texts.iter().map(|tags| Prediction::Tags(tags.split(' ').map(str::to_owned).collect())).collect()
    }

    pub(crate) fn rankings(rankings: &[&[usize]]) -> Vec<Prediction> {
        rankings.iter().map(|places| Prediction::Ranking(places.to_vec())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_32_bits_is_its_shortest_decimal() {
        assert_eq!(Prediction::number(0.1), Prediction::Number(0.1));
        assert_eq!(Prediction::number(0.1).to_string(), "0.1");
        assert_eq!(Prediction::number(1e20).to_string(), 1e20_f32.to_string());
        assert!(matches!(Prediction::number(f32::NAN), Prediction::Number(number) if number.is_nan()));
    }

    #[test]
    fn class_of_scores_is_the_first_of_the_best() {
        let scores = Prediction::scores([("a", 0.3), ("b", 0.9), ("c", 0.9)]);
        assert_eq!((scores.class(), scores.to_string().as_str()), (Some("b"), "b"));
        assert_eq!(Prediction::scores([]).class(), None);
        assert_eq!(Prediction::Text("b".to_owned()).class(), None);
    }

    #[test]
    fn scores_are_graded_unless_one_answer_is_wholly_right() {
        let is_graded = |answers: &[(&str, f32)]| Prediction::scores(answers.iter().copied()).is_graded();
        assert!(is_graded(&[("a", 0.3)]) && is_graded(&[("a", 1.0), ("b", 1.0)]));
        assert!(!is_graded(&[("a", 1.0)]) && !is_graded(&[]));
    }

    #[test]
    fn predictions_are_right_by_their_kind() {
        let text = |text: &str| Prediction::Text(text.to_owned());
        assert_eq!(text("e\u{301}").is_right(&text("\u{e9}")), Some(true));
        assert_eq!(text("a").is_right(&Prediction::Texts(vec!["b".into(), "a".into()])), Some(true));
        assert_eq!(Prediction::Nothing.is_right(&Prediction::Texts(Vec::new())), Some(true));
        let scores = Prediction::scores([("a", 0.3), ("b", 1.0)]);
        assert_eq!(Prediction::Class("b".into()).is_right(&scores), Some(true));
        assert_eq!(Prediction::Class("a".into()).is_right(&scores), Some(false));
        assert_eq!(Prediction::Ranking(vec![3, 1]).is_right(&Prediction::Ranking(vec![1])), Some(false));
        let grades = Prediction::Relevance(vec![(1, 2.0), (3, 0.0)]);
        assert_eq!(Prediction::Ranking(vec![3, 1]).is_right(&grades), Some(false));
        assert_eq!(Prediction::Ranking(vec![1, 3]).is_right(&grades), Some(true));
        assert_eq!(Prediction::Number(1.0).is_right(&Prediction::Number(1.0)), None);
        assert_eq!(text("a").is_right(&Prediction::Nothing), None);
    }

    #[test]
    fn normalization_reaches_every_text() {
        let (decomposed, composed) = ("e\u{301}".to_owned(), "\u{e9}".to_owned());
        for (found, expected) in [
            (Prediction::Text(decomposed.clone()), Prediction::Text(composed.clone())),
            (Prediction::Class(decomposed.clone()), Prediction::Class(composed.clone())),
            (Prediction::Tags(vec![decomposed.clone()]), Prediction::Tags(vec![composed.clone()])),
            (Prediction::Texts(vec![decomposed.clone()]), Prediction::Texts(vec![composed.clone()])),
            (Prediction::Scores(vec![(decomposed, 0.5)]), Prediction::Scores(vec![(composed, 0.5)])),
        ] {
            assert_eq!(*found.normalized(), expected);
        }
    }
}
