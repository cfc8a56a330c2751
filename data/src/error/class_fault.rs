//! Faults of tables about the classes of labels.

use alambic_files::text::quoted;

/// What is wrong with a table about the classes of labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClassFault {
    /// A class without a row, or without a name in it.
    #[error("there is no row of the class `{}`, or it is empty", quoted(.0))]
    Missing(String),
    /// A distance that is none.
    #[error("`{}` holds `{}` where a number from 0 to 1 is expected", quoted(.column), quoted(.found))]
    NotDistance {
        /// The column.
        column: String,
        /// The value found.
        found: String,
    },
}

impl ClassFault {
    /// Help for the user: one action that mends it.
    pub(super) fn help(&self) -> String {
        match self {
            Self::Missing(_) => "add a row for it, called as the data call the class".into(),
            Self::NotDistance { .. } => {
                "write a distance: 0 for what is the same, 1 for what is farthest".into()
            }
        }
    }
}
