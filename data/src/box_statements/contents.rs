//! What is in boxes of shapes, as statements and questions tell of it.

use std::collections::BTreeSet;

use crate::shape_boxes::{BOXES, BoxColour, BoxShape, BoxedShape, SIDE, ShapeBoxes};

/// Shapes that a statement tells of: of a colour, of a form, of both, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) colour: Option<BoxColour>,
    pub(super) shape: Option<BoxShape>,
}

impl Named {
    pub(super) fn is(self, own: &BoxedShape) -> bool {
        self.colour.is_none_or(|colour| own.colour == colour)
            && self.shape.is_none_or(|shape| own.shape == shape)
    }

    /// In words, of one or of several. Squares of towers are blocks.
    pub(super) fn words(self, count: usize, are_blocks: bool) -> String {
        let noun = match self.shape {
            Some(shape) => shape.name(),
            None if are_blocks => "block",
            None => "item",
        };
        let plural = if count == 1 { "" } else { "s" };
        match self.colour {
            Some(colour) => format!("{} {noun}{plural}", colour.word()),
            None => format!("{noun}{plural}"),
        }
    }
}

/// A box's shapes in the order in which they were drawn: of a tower, the lowest first.
pub(super) struct Contents<'b> {
    pub(super) boxes: Vec<Vec<&'b BoxedShape>>,
    pub(super) are_towers: bool,
}

impl<'b> Contents<'b> {
    pub(super) fn of(boxes: &'b ShapeBoxes) -> Self {
        let own = |place: usize| boxes.shapes().iter().filter(|own| own.place == place).collect::<Vec<_>>();
        let all: Vec<Vec<&BoxedShape>> = (0..BOXES).map(own).collect();
        let are_towers = all.iter().all(|own| is_tower(own));
        Self { boxes: all, are_towers }
    }

    /// How many shapes of a name there are in all boxes.
    pub(super) fn count(&self, named: Named) -> usize {
        self.boxes.iter().map(|own| count(own, named)).sum()
    }

    /// Whether some shape of a name touches the edge of its box.
    pub(super) fn touches_wall(&self, named: Named) -> bool {
        self.boxes.iter().flatten().any(|own| named.is(own) && touches_wall(own))
    }
}

/// Whether shapes stand exactly one on another. One alone stands, too.
fn is_tower(own: &[&BoxedShape]) -> bool {
    own.iter().all(|shape| shape.shape == BoxShape::Square && shape.left == own[0].left)
        && own.windows(2).all(|pair| pair[0].top == pair[1].top + pair[1].size + 1)
        && own.first().is_none_or(|lowest| lowest.top + lowest.size == SIDE)
}

/// How many shapes of a name are in a box.
pub(super) fn count(own: &[&BoxedShape], named: Named) -> usize {
    own.iter().filter(|shape| named.is(shape)).count()
}

/// Number of different colours in a box.
pub(super) fn colours(own: &[&BoxedShape]) -> usize {
    own.iter().map(|shape| shape.colour as u32).collect::<BTreeSet<_>>().len()
}

fn touches_wall(own: &BoxedShape) -> bool {
    own.left == 0 || own.top == 0 || own.left + own.size == SIDE || own.top + own.size == SIDE
}
