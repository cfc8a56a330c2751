//! Which of the objects that cells may have stand for which objects of an image.

use super::CellBox;

/// Place of each object of an image, by its edges, among all that cells may have: `(row · columns + column) · slots + slot`. The
/// largest objects of a cell have its slots, in the order of their sizes; where a cell has one slot, it is that of the last of its
/// objects. None of an object for which there is no slot left.
#[must_use]
pub fn object_places(objects: &[[f32; 4]], grid: [usize; 2], slots: usize) -> Vec<Option<usize>> {
    let cells: Vec<usize> = objects.iter().map(|bounds| cell(*bounds, grid)).collect();
    let area = |index: usize| {
        let [left, top, right, bottom] = objects[index];
        (right - left) * (bottom - top)
    };
    let place = |(index, own): (usize, &usize)| {
        let goes_before = |other: &usize| match slots {
            0 | 1 => *other > index,
            _ => area(*other).total_cmp(&area(index)).then(index.cmp(other)).is_gt(),
        };
        let before = (0..objects.len()).filter(|other| cells[*other] == *own && goes_before(other)).count();
        (before < slots.max(1)).then_some(own * slots.max(1) + before)
    };
    cells.iter().enumerate().map(place).collect()
}

/// The cell in which the middle of an object lies, row by row.
#[must_use]
pub fn cell(bounds: [f32; 4], grid: [usize; 2]) -> usize {
    let [row, column] = CellBox::of(bounds, grid).cell;
    row * grid[1] + column
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: [f32; 4] = [0.1, 0.1, 0.2, 0.2];
    const LARGE: [f32; 4] = [0.0, 0.0, 0.4, 0.4];
    const OTHER: [f32; 4] = [0.6, 0.6, 0.9, 0.9];

    #[test]
    fn largest_objects_of_a_cell_have_its_slots() {
        let places = |slots| object_places(&[SMALL, LARGE, OTHER, SMALL], [2, 2], slots);
        assert_eq!(places(3), [Some(1), Some(0), Some(9), Some(2)]);
        assert_eq!(places(2), [Some(1), Some(0), Some(6), None]);
        assert_eq!(places(1), [None, None, Some(3), Some(0)], "the last is that of a cell with one");
        assert_eq!(object_places(&[], [2, 2], 2), []);
    }
}
