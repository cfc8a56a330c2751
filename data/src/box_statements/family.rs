//! Families of statements about boxes.

use alambic_settings::choices;

choices! {
    /// Family of statements about boxes of shapes.
    pub enum StatementFamily {
        /// So many of some shapes in all boxes together.
        Exactly = "exactly",
        /// At least so many of some shapes in all boxes together.
        AtLeast = "at-least",
        /// At most so many of some shapes in all boxes together.
        AtMost = "at-most",
        /// A box with so many of some shapes.
        SomeBox = "some-box",
        /// Some shape in each box.
        EachBox = "each-box",
        /// A box with shapes of one colour only.
        OnlyColour = "only-colour",
        /// A box without some shapes.
        NoneIn = "none-in",
        /// A box with so many different colours.
        Colours = "colours",
        /// A tower with a block of a colour at its top.
        TowerTop = "tower-top",
        /// A tower with a block of a colour at its base.
        TowerBase = "tower-base",
        /// A tower of so many blocks.
        TowerHeight = "tower-height",
        /// A block of a colour directly above one of another.
        Above = "above",
        /// A shape at the edge of its box.
        Wall = "wall",
    }
}

impl StatementFamily {
    /// All of them.
    pub(crate) const ALL: [Self; 13] = [
        Self::Exactly,
        Self::AtLeast,
        Self::AtMost,
        Self::SomeBox,
        Self::EachBox,
        Self::OnlyColour,
        Self::NoneIn,
        Self::Colours,
        Self::TowerTop,
        Self::TowerBase,
        Self::TowerHeight,
        Self::Above,
        Self::Wall,
    ];

    /// Whether it tells of towers alone; none where it tells of any boxes.
    pub(super) fn is_of_towers(self) -> Option<bool> {
        match self {
            Self::TowerTop | Self::TowerBase | Self::TowerHeight | Self::Above => Some(true),
            Self::Wall => Some(false),
            _ => None,
        }
    }
}
