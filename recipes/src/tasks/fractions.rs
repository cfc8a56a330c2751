//! Parts of the examples of a task.

/// Data of a kind of task with the fractions of the examples that are trained on.
pub(crate) trait ScaleFractions {
    /// Multiplies the fraction of each table by a share.
    fn scale_fractions(&mut self, share: f64);
}
