//! Colours of objects.

/// Colour of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Colour {
    Red,
    Green,
    Blue,
    Yellow,
    Purple,
    Orange,
    Cyan,
    Brown,
}

impl Colour {
    pub(super) const ALL: [Self; 8] = [
        Self::Red,
        Self::Green,
        Self::Blue,
        Self::Yellow,
        Self::Purple,
        Self::Orange,
        Self::Cyan,
        Self::Brown,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Yellow => "yellow",
            Self::Purple => "purple",
            Self::Orange => "orange",
            Self::Cyan => "cyan",
            Self::Brown => "brown",
        }
    }

    /// Red, green and blue, 1 being the most.
    pub(super) fn value(self) -> [f32; 3] {
        match self {
            Self::Red => [0.86, 0.16, 0.18],
            Self::Green => [0.18, 0.62, 0.24],
            Self::Blue => [0.15, 0.33, 0.85],
            Self::Yellow => [0.95, 0.85, 0.20],
            Self::Purple => [0.55, 0.22, 0.66],
            Self::Orange => [0.96, 0.55, 0.14],
            Self::Cyan => [0.20, 0.78, 0.82],
            Self::Brown => [0.45, 0.29, 0.16],
        }
    }
}
