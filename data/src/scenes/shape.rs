//! Shapes of objects.

use std::f32::consts::TAU;

/// Shape of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    Circle,
    Square,
    Triangle,
    Star,
    Cross,
    Hexagon,
}

impl Shape {
    pub(super) const ALL: [Self; 6] =
        [Self::Circle, Self::Square, Self::Triangle, Self::Star, Self::Cross, Self::Hexagon];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Triangle => "triangle",
            Self::Star => "star",
            Self::Cross => "cross",
            Self::Hexagon => "hexagon",
        }
    }

    /// The corners of the outline around the origin, the farthest at distance 1.
    pub(super) fn outline(self) -> Vec<[f32; 2]> {
        let regular = |corners: usize, turn: f32| -> Vec<[f32; 2]> {
            let angle = |corner: usize| TAU * (corner as f32 / corners as f32 + turn);
            (0..corners).map(|corner| [angle(corner).cos(), angle(corner).sin()]).collect()
        };
        match self {
            Self::Circle => regular(40, 0.0),
            Self::Square => regular(4, 0.125),
            // A corner points upwards.
            Self::Triangle => regular(3, -0.25),
            Self::Hexagon => regular(6, 0.0),
            Self::Star => regular(10, -0.25)
                .into_iter()
                .enumerate()
                .map(|(corner, [x, y])| if corner % 2 == 0 { [x, y] } else { [0.45 * x, 0.45 * y] })
                .collect(),
            Self::Cross => {
                let (long, short) = (0.95, 0.32);
                [
                    [short, long],
                    [short, short],
                    [long, short],
                    [long, -short],
                    [short, -short],
                    [short, -long],
                    [-short, -long],
                    [-short, -short],
                    [-long, -short],
                    [-long, short],
                    [-short, short],
                    [-short, long],
                ]
                .to_vec()
            }
        }
    }
}
