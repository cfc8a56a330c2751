//! Drawing of shapes, with smooth edges.

use std::sync::Arc;

use crate::raster::Raster;

/// Points of a pixel's grid by which its coverage is measured, in each direction.
const SAMPLES: usize = 4;

/// A canvas of colours in 0 to 1.
pub(super) struct Canvas {
    side: usize,
    colours: Vec<[f32; 3]>,
}

impl Canvas {
    pub(super) fn new(side: usize, ground: [f32; 3]) -> Self {
        Self { side, colours: vec![ground; side * side] }
    }

    /// Fills an outline, whose corners are in pixels.
    pub(super) fn fill(&mut self, corners: &[[f32; 2]], colour: [f32; 3]) {
        self.fill_with(corners, |_, _| colour);
    }

    /// Fills an outline with diagonal stripes of two colours, so many pixels wide.
    pub(super) fn fill_striped(&mut self, corners: &[[f32; 2]], colours: [[f32; 3]; 2], width: usize) {
        self.fill_with(corners, |column, row| colours[(column + row) / width.max(1) % 2]);
    }

    /// Fills an outline with the colour of each pixel, by its column and row.
    fn fill_with(&mut self, corners: &[[f32; 2]], colour: impl Fn(usize, usize) -> [f32; 3]) {
        let bounds = |axis: usize| {
            let low = corners.iter().map(|corner| corner[axis]).fold(f32::INFINITY, f32::min);
            let high = corners.iter().map(|corner| corner[axis]).fold(f32::NEG_INFINITY, f32::max);
            (low.max(0.0) as usize)..(high.ceil().max(0.0) as usize).min(self.side)
        };
        for row in bounds(1) {
            for column in bounds(0) {
                let share = coverage(corners, column, row);
                let pixel = &mut self.colours[row * self.side + column];
                for (old, new) in pixel.iter_mut().zip(colour(column, row)) {
                    *old += share * (new - *old);
                }
            }
        }
    }

    /// The image, after `change` of every value.
    pub(super) fn raster(self, mut change: impl FnMut(f32) -> f32) -> Raster {
        let values = self.colours.into_iter().flatten();
        let rgb = values.map(|value| (change(value).clamp(0.0, 1.0) * 255.0).round() as u8).collect();
        Raster { width: self.side, height: self.side, rgb: Arc::new(rgb) }
    }
}

/// The share of a pixel that lies within an outline.
fn coverage(corners: &[[f32; 2]], column: usize, row: usize) -> f32 {
    let place = |index: usize| (index as f32 + 0.5) / SAMPLES as f32;
    let samples = (0..SAMPLES * SAMPLES).filter(|sample| {
        let point = [column as f32 + place(sample % SAMPLES), row as f32 + place(sample / SAMPLES)];
        is_inside(corners, point)
    });
    samples.count() as f32 / (SAMPLES * SAMPLES) as f32
}

/// Whether a ray from the point crosses the outline an odd number of times.
fn is_inside(corners: &[[f32; 2]], [x, y]: [f32; 2]) -> bool {
    let mut inside = false;
    for (index, &[x1, y1]) in corners.iter().enumerate() {
        let [x2, y2] = corners[(index + 1) % corners.len()];
        if (y1 > y) != (y2 > y) && x < x1 + (y - y1) / (y2 - y1) * (x2 - x1) {
            inside = !inside;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::super::shape::Shape;
    use super::*;

    #[test]
    fn areas_are_those_of_the_shapes() {
        for (shape, area) in
            [(Shape::Circle, std::f32::consts::PI), (Shape::Square, 2.0), (Shape::Hexagon, 2.598)]
        {
            let mut canvas = Canvas::new(64, [0.0; 3]);
            let corners: Vec<[f32; 2]> =
                shape.outline().into_iter().map(|[x, y]| [32.3 + 20.0 * x, 31.6 + 20.0 * y]).collect();
            canvas.fill(&corners, [1.0; 3]);
            let sum: f32 = canvas.colours.iter().map(|colour| colour[0]).sum();
            assert!((sum / 400.0 / area - 1.0).abs() < 0.02, "{shape:?}: {sum}");
            assert!(canvas.colours.iter().any(|colour| colour[0] > 0.0 && colour[0] < 1.0));
        }
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        let mut canvas = Canvas::new(8, [0.5; 3]);
        canvas.fill(&[[-9.0, -9.0], [-1.0, -9.0], [-1.0, 40.0]], [1.0; 3]);
        canvas.fill(&[[-4.0, -4.0], [12.0, -4.0], [12.0, 12.0], [-4.0, 12.0]], [0.0; 3]);
        assert!(canvas.raster(|value| value).rgb.iter().all(|&value| value == 0));
    }
}
