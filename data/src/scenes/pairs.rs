//! Statements about two scenes, in the manner of NLVR2 (Suhr et al., 2019).

use alambic_settings::choices;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::colour::Colour;
use super::languages::{ObjectName, SceneLanguage};
use super::look::with_article;
use super::scene::{Scene, SceneObject};
use super::shape::Shape;

choices! {
    /// Kinds of statements about two images.
    pub enum PairStatementKind {
        /// An object is in both.
        Both = "both",
        /// An object is in one of them, or in both.
        Either = "either",
        /// An object is in one of them and not in the other.
        OnlyOne = "only one",
        /// An object is in none of them.
        Neither = "neither",
        /// There are more of such objects in the left image.
        MoreLeft = "more in the left",
        /// There are as many of such objects in both.
        AsMany = "as many",
    }
}

/// Kinds of statements.
const KINDS: [PairStatementKind; 6] = [
    PairStatementKind::Both,
    PairStatementKind::Either,
    PairStatementKind::OnlyOne,
    PairStatementKind::Neither,
    PairStatementKind::MoreLeft,
    PairStatementKind::AsMany,
];

impl PairStatementKind {
    /// Whether it holds, by how many such objects are in the left and in the right image.
    fn holds(self, left: usize, right: usize) -> bool {
        match self {
            Self::Both => left > 0 && right > 0,
            Self::Either => left > 0 || right > 0,
            Self::OnlyOne => (left > 0) != (right > 0),
            Self::Neither => left == 0 && right == 0,
            Self::MoreLeft => left > right,
            Self::AsMany => left == right,
        }
    }
}

/// A statement about two images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PairStatement {
    pub(crate) kind: PairStatementKind,
    /// What it tells of.
    subject: Subject,
    /// Whether it is true.
    pub(crate) holds: bool,
}

/// What a statement tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// One object.
    One(Colour, Shape),
    /// Objects of a shape or of a colour.
    Several(ObjectName),
}

/// How often a statement is drawn until it is as true as it has to be.
const DRAWS: usize = 60;

/// Statements about pairs of scenes, of which half of each kind are true.
#[derive(Debug, Default)]
pub(crate) struct PairStatements {
    /// False and true ones of each kind so far.
    counts: [[usize; 2]; KINDS.len()],
}

impl PairStatements {
    /// Statements about two scenes, no two alike, as many as asked for or as can be made. Of the kinds the rarest so far comes first, and
    /// of true and false ones of a kind the rarer.
    pub(crate) fn about(
        &mut self,
        scenes: [&Scene; 2],
        count: usize,
        variety: (usize, usize),
        random: &mut ChaCha8Rng,
    ) -> Vec<PairStatement> {
        let mut all: Vec<PairStatement> = Vec::new();
        for _ in 0..count {
            let mut order: Vec<usize> = (0..KINDS.len()).collect();
            order.sort_by_key(|&kind| self.counts[kind].iter().sum::<usize>());
            let made = order.into_iter().find_map(|kind| {
                let [wrong, right] = self.counts[kind];
                let holds = right <= wrong;
                let drawn = (0..DRAWS).find_map(|_| {
                    let statement = draw(KINDS[kind], scenes, variety, random)?;
                    (statement.holds == holds && !all.contains(&statement)).then_some(statement)
                });
                drawn.map(|statement| (kind, statement))
            });
            let Some((kind, statement)) = made else { break };
            self.counts[kind][usize::from(statement.holds)] += 1;
            all.push(statement);
        }
        all
    }
}

/// Draws lots for a statement of a kind.
fn draw(
    kind: PairStatementKind,
    [left, right]: [&Scene; 2],
    (shapes, colours): (usize, usize),
    random: &mut ChaCha8Rng,
) -> Option<PairStatement> {
    let shape = *Shape::ALL[..shapes.clamp(1, Shape::ALL.len())].choose(random)?;
    let colour = *Colour::ALL[..colours.clamp(1, Colour::ALL.len())].choose(random)?;
    let subject = match kind {
        PairStatementKind::MoreLeft | PairStatementKind::AsMany if random.random_bool(0.5) => {
            Subject::Several(ObjectName::Shape(shape))
        }
        PairStatementKind::MoreLeft | PairStatementKind::AsMany => {
            Subject::Several(ObjectName::Colour(colour))
        }
        _ => Subject::One(colour, shape),
    };
    let holds = kind.holds(left.count_of(subject), right.count_of(subject));
    Some(PairStatement { kind, subject, holds })
}

impl Scene {
    /// How many objects a statement tells of there are.
    fn count_of(&self, subject: Subject) -> usize {
        let is = |own: &&SceneObject| match subject {
            Subject::One(colour, shape) | Subject::Several(ObjectName::Both(colour, shape)) => {
                (own.colour, own.shape) == (colour, shape)
            }
            Subject::Several(ObjectName::Shape(shape)) => own.shape == shape,
            Subject::Several(ObjectName::Colour(colour)) => own.colour == colour,
        };
        self.things.iter().filter(is).count()
    }
}

impl PairStatement {
    /// The statement in a language.
    pub(crate) fn say(self, language: SceneLanguage) -> String {
        let it = match self.subject {
            Subject::One(colour, shape) if language == SceneLanguage::English => with_article(colour, shape),
            Subject::One(colour, shape) => language.tag(colour, shape),
            Subject::Several(name) => language.several(name),
        };
        match language {
            SceneLanguage::English => english(self.kind, &it),
            SceneLanguage::Hindi => hindi(self.kind, &it),
            SceneLanguage::Japanese => japanese(self.kind, &it),
        }
    }
}

fn english(kind: PairStatementKind, it: &str) -> String {
    match kind {
        PairStatementKind::Both => format!("there is {it} in both images."),
        PairStatementKind::Either => format!("there is {it} in at least one of the images."),
        PairStatementKind::OnlyOne => format!("there is {it} in only one of the images."),
        PairStatementKind::Neither => format!("there is {it} in neither of the images."),
        PairStatementKind::MoreLeft => {
            format!("there are more {it} in the left image than in the right one.")
        }
        PairStatementKind::AsMany => format!("there are as many {it} in the left image as in the right one."),
    }
}

fn hindi(kind: PairStatementKind, it: &str) -> String {
    match kind {
        PairStatementKind::Both => format!("दोनों चित्रों में {it} है।"),
        PairStatementKind::Either => format!("कम से कम एक चित्र में {it} है।"),
        PairStatementKind::OnlyOne => format!("केवल एक चित्र में {it} है।"),
        PairStatementKind::Neither => format!("किसी भी चित्र में {it} नहीं है।"),
        PairStatementKind::MoreLeft => format!("बाएँ चित्र में दाएँ चित्र से अधिक {it} हैं।"),
        PairStatementKind::AsMany => format!("बाएँ और दाएँ चित्र में {it} बराबर संख्या में हैं।"),
    }
}

fn japanese(kind: PairStatementKind, it: &str) -> String {
    match kind {
        PairStatementKind::Both => format!("両方の画像に{it}があります。"),
        PairStatementKind::Either => format!("少なくとも一方の画像に{it}があります。"),
        PairStatementKind::OnlyOne => format!("一方の画像だけに{it}があります。"),
        PairStatementKind::Neither => format!("どちらの画像にも{it}はありません。"),
        PairStatementKind::MoreLeft => format!("左の画像には右の画像より多くの{it}があります。"),
        PairStatementKind::AsMany => format!("左の画像と右の画像には同じ数の{it}があります。"),
    }
}
