//! Recipes to start from, which the kinds of tasks bring along.

/// Commented recipe to start from. In its text `{NAME}` stands for the recipe's name and `{FILE}` for its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Name of the kind of task.
    pub name: &'static str,
    /// What it trains, in one line.
    pub summary: &'static str,
    pub(crate) text: &'static str,
}

/// The recipes to start from of a kind of task.
pub(crate) trait TaskTemplates {
    const TEMPLATES: &'static [Template];
}
