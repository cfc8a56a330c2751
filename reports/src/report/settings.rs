//! What the trainings of a run were set to.

use indexmap::IndexMap;

use super::content::StageSummary;
use crate::document::{Block, Cell, ColumnHeading, Table};
use crate::numbers::NO_VALUE;

/// A row a setting and a column a training; trainings with other seeds have the same and are left out.
pub(super) fn settings(stages: &[StageSummary]) -> Vec<Block> {
    let Some(first) = stages.first() else { return Vec::new() };
    let shown: Vec<&StageSummary> =
        stages.iter().filter(|stage| stage.seed == first.seed && !stage.settings.is_empty()).collect();
    let mut names: IndexMap<&str, ()> = IndexMap::new();
    names.extend(shown.iter().flat_map(|stage| stage.settings.keys()).map(|name| (name.as_str(), ())));
    if names.is_empty() {
        return Vec::new();
    }
    let mut columns = vec![ColumnHeading::text("setting")];
    columns.extend(shown.iter().map(|stage| ColumnHeading::text(&stage.name)));
    let rows = names.keys().map(|name| {
        let cells = shown.iter().map(|stage| stage.settings.get(*name).map_or(NO_VALUE, String::as_str));
        std::iter::once(*name).chain(cells).map(Cell::new).collect()
    });
    vec![Block::table(Table {
        caption: "What each training was set to; `recipe.resolved.toml` has every value".to_owned(),
        columns,
        rows: rows.collect(),
    })]
}
