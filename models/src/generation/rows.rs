//! Rows of a decoding step.

/// Rows of the next decoding step: hypotheses that go on from one row by the same token share one.
///
/// Hypotheses of an example stand together, so that only the rows since its first are looked through.
#[derive(Debug, Default)]
pub(super) struct NextRows {
    /// The row of this step that each continues.
    parents: Vec<usize>,
    /// The token that each takes next.
    pub(super) tokens: Vec<u32>,
    first: usize,
}

impl NextRows {
    /// Begins the rows of another example.
    pub(super) fn begin_example(&mut self) {
        self.first = self.parents.len();
    }

    /// The row that goes on from `parent` by `token`.
    pub(super) fn continued(&mut self, parent: usize, token: u32) -> usize {
        let own = self.parents[self.first..].iter().zip(&self.tokens[self.first..]);
        if let Some(place) = own.clone().position(|(row, other)| (*row, *other) == (parent, token)) {
            return self.first + place;
        }
        self.parents.push(parent);
        self.tokens.push(token);
        self.parents.len() - 1
    }

    /// Leaves out the rows of the example that was begun last.
    pub(super) fn drop_example(&mut self) {
        self.parents.truncate(self.first);
        self.tokens.truncate(self.first);
    }

    /// The rows to select out of `count`; none where all of them go on in their places.
    pub(super) fn selection(&self, count: usize) -> Option<&[usize]> {
        let is_same = self.parents.len() == count && self.parents.iter().enumerate().all(|(a, b)| a == *b);
        (!is_same).then_some(&self.parents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_continuations_share_a_row_within_an_example_alone() {
        let mut rows = NextRows::default();
        rows.begin_example();
        assert_eq!([rows.continued(0, 5), rows.continued(0, 6), rows.continued(0, 5)], [0, 1, 0]);
        rows.begin_example();
        assert_eq!(rows.continued(0, 5), 2);
        rows.drop_example();
        assert_eq!((rows.selection(2), rows.tokens.as_slice()), (Some(&[0, 0][..]), &[5, 6][..]));
        assert_eq!(rows.selection(3), Some(&[0, 0][..]));
    }

    #[test]
    fn rows_that_all_go_on_need_no_selection() {
        let mut rows = NextRows::default();
        for row in 0..3 {
            rows.begin_example();
            rows.continued(row, 7);
        }
        assert_eq!(rows.selection(3), None);
        assert!(rows.selection(4).is_some());
    }
}
