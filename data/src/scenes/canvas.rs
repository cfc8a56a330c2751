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
        let place = |pixel: usize, index: usize| pixel as f32 + (index as f32 + 0.5) / SAMPLES as f32;
        let columns = bounds(0);
        for row in bounds(1) {
            // An outline has many corners, of whose edges a line of samples crosses two or a few: they are looked up once.
            let lines = std::array::from_fn::<_, SAMPLES, _>(|index| crossings(corners, place(row, index)));
            for column in columns.clone() {
                let is_inside =
                    |line: &[f32], x: f32| line.iter().filter(|&&crossing| x < crossing).count() % 2 == 1;
                let samples = |line: &Vec<f32>| {
                    (0..SAMPLES).filter(|&index| is_inside(line, place(column, index))).count()
                };
                let share = lines.iter().map(samples).sum::<usize>() as f32 / (SAMPLES * SAMPLES) as f32;
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

/// Where a line of pixels, at `y`, crosses the edges of an outline: a point is inside where an odd number of them is to its right.
fn crossings(corners: &[[f32; 2]], y: f32) -> Vec<f32> {
    let edges = corners.iter().zip(corners.iter().cycle().skip(1));
    edges
        .filter(|&(&[_, y1], &[_, y2])| (y1 > y) != (y2 > y))
        .map(|(&[x1, y1], &[x2, y2])| x1 + (y - y1) / (y2 - y1) * (x2 - x1))
        .collect()
}
