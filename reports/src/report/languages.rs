//! Metrics by language: a row a model, a column a language, and the means over languages beside them.

use indexmap::{IndexMap, IndexSet};

use super::model_table::{best, titled};
use crate::document::{Cell, ColumnHeading, Table};
use crate::metrics::is_reference;
use crate::numbers::{self, NO_VALUE};
use crate::outcome::{ModelOutcome, Outcome};
use crate::transfer::{AVERAGE, AVERAGE_WITHOUT, LanguageMeans, LanguageSets, TRANSFER};

/// A row of a table of languages: what stands before its figures, the model, and the means that its run takes.
pub(crate) struct LanguageRow<'a> {
    pub(crate) head: Vec<Cell>,
    pub(crate) model: &'a ModelOutcome,
    pub(crate) sets: &'a LanguageSets,
}

/// The rows of a run, a model each.
fn rows(outcome: &Outcome) -> Vec<LanguageRow<'_>> {
    let Some(sets) = &outcome.languages else { return Vec::new() };
    let row = |(name, model)| LanguageRow { head: vec![Cell::new(name)], model, sets };
    outcome.present().map(row).collect()
}

/// One table a metric of a run that was evaluated in several languages.
pub(crate) fn language_tables_of(outcome: &Outcome) -> Vec<Table> {
    language_tables(&["model"], &rows(outcome))
}

/// One table a metric over models that were evaluated in several languages; none where there is one language alone.
pub(crate) fn language_tables(heads: &[&str], rows: &[LanguageRow<'_>]) -> Vec<Table> {
    let slices: IndexMap<&str, usize> = rows
        .iter()
        .flat_map(|row| &row.model.slices)
        .map(|(name, slice)| (name.as_str(), slice.examples))
        .collect();
    let metrics: IndexSet<&str> = rows
        .iter()
        .flat_map(|row| row.model.languages.keys())
        .map(String::as_str)
        .filter(|metric| !is_reference(metric))
        .collect();
    if slices.len() < 2 {
        return Vec::new();
    }
    metrics.into_iter().map(|metric| table(metric, heads, rows, &slices)).collect()
}

fn table(metric: &str, heads: &[&str], rows: &[LanguageRow<'_>], slices: &IndexMap<&str, usize>) -> Table {
    let rows: Vec<&LanguageRow<'_>> =
        rows.iter().filter(|row| row.model.languages.contains_key(metric)).collect();
    let means: Vec<IndexMap<String, Mean>> = rows
        .iter()
        .map(|row| row.model.languages.get(metric).map_or_else(IndexMap::new, |own| named(own, row.sets)))
        .collect();
    let titles: IndexSet<&String> = means.iter().flat_map(IndexMap::keys).collect();
    let mut columns: Vec<ColumnHeading> = heads.iter().map(|head| ColumnHeading::text(head)).collect();
    // Means first: of many languages the last columns lie beyond the edge of a page.
    columns.extend(titles.iter().map(|title| ColumnHeading::number(title)));
    columns.extend(slices.keys().map(|language| ColumnHeading::number(language)));
    let value = |row: &LanguageRow<'_>, language: &str| {
        row.model.slices.get(language).and_then(|slice| slice.metrics.get(metric).copied().flatten())
    };
    let best_of = |values: &mut dyn Iterator<Item = Option<f64>>| {
        if rows.len() > 1 { best(metric, values) } else { None }
    };
    let best_in: Vec<Option<f64>> =
        slices.keys().map(|language| best_of(&mut rows.iter().map(|row| value(row, language)))).collect();
    let best_mean: Vec<Option<f64>> = titles
        .iter()
        .map(|title| best_of(&mut means.iter().map(|own| own.get(*title).filter(|own| !own.is_ratio)?.value)))
        .collect();
    let cells = |(row, means): (&&LanguageRow<'_>, &IndexMap<String, Mean>)| {
        let mut cells = row.head.clone();
        cells.extend(titles.iter().zip(&best_mean).map(|(title, best)| match means.get(*title) {
            None => Cell::new(NO_VALUE),
            Some(own) => {
                own.cell(metric).emphasised(!own.is_ratio && own.value.is_some() && own.value == *best)
            }
        }));
        cells.extend(slices.keys().zip(&best_in).map(|(language, best)| {
            let own = value(row, language);
            Cell::new(numbers::metric_value(metric, own)).emphasised(own.is_some() && own == *best)
        }));
        cells
    };
    let counts: Vec<String> = slices
        .iter()
        .map(|(language, examples)| format!("{language} {}", numbers::thousands(*examples as u64)))
        .collect();
    Table {
        caption: format!(
            "{} by language. Languages count alike in averages, whatever their number of examples: {}.",
            titled(metric),
            counts.join(", ")
        ),
        columns,
        rows: rows.iter().zip(&means).map(cells).collect(),
    }
}

/// A mean over languages, or a ratio of two.
struct Mean {
    value: Option<f64>,
    interval: Option<[f64; 2]>,
    is_ratio: bool,
}

impl Mean {
    fn cell(&self, metric: &str) -> Cell {
        let (text, note) = if self.is_ratio {
            let interval = self.interval.map(|[low, high]| format!("{low:.3}–{high:.3}"));
            (self.value.map_or_else(|| NO_VALUE.to_owned(), |value| format!("{value:.3}")), interval)
        } else {
            let interval = self.interval.map(|ends| numbers::metric_interval(metric, ends));
            (numbers::metric_value(metric, self.value), interval)
        };
        Cell::new(text).with_note(note)
    }
}

/// The means of a model under the headings of their columns, which say of which languages they are.
fn named(means: &LanguageMeans, sets: &LanguageSets) -> IndexMap<String, Mean> {
    let title = |name: &str| match name {
        AVERAGE => "average".to_owned(),
        AVERAGE_WITHOUT => format!("average without {}", sets.average_without.join(", ")),
        TRANSFER => format!("transfer from {}", sets.source.as_deref().unwrap_or_default()),
        other => other.to_owned(),
    };
    let interval = |name: &str| means.intervals.means.get(name).copied().flatten();
    let mut named: IndexMap<String, Mean> = means
        .values
        .means
        .iter()
        .map(|(name, value)| {
            (title(name), Mean { value: *value, interval: interval(name), is_ratio: name == TRANSFER })
        })
        .collect();
    named.extend(means.values.groups.iter().map(|(name, value)| {
        let languages = sets.groups.get(name).map(|languages| languages.join(", ")).unwrap_or_default();
        let interval = means.intervals.groups.get(name).copied().flatten();
        (format!("{name} ({languages})"), Mean { value: *value, interval, is_ratio: false })
    }));
    named
}

/// The means of a model with a value, each with a name that says of which languages it is.
pub(crate) fn named_means(means: &LanguageMeans, sets: &LanguageSets) -> Vec<(String, f64)> {
    named(means, sets).into_iter().filter_map(|(name, mean)| Some((name, mean.value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::examples::texts;
    use crate::metrics::score_all;

    #[test]
    fn table_has_a_column_for_each_language_and_mean() {
        let labels = ["en", "en", "es", "es", "da"].repeat(6);
        let model = |right: &str| {
            let predictions: Vec<&str> = right.split(' ').cycle().take(30).collect();
            let seeds = [score_all(&["word-accuracy"], &texts(&predictions), &texts(&["a"; 30]), 1).unwrap()];
            let model = ModelOutcome::from_scores(&seeds, &labels).unwrap();
            model.with_languages(&seeds, &labels, &sets()).unwrap()
        };
        let (teacher, student) = (model("a a a b a"), model("a b b a a"));
        let mut outcome = Outcome::new("names", vec![1], 30, Some(teacher), Some(student), None);
        outcome.languages = Some(sets());
        let tables = language_tables_of(&outcome);
        let [table] = tables.as_slice() else { panic!("{tables:?}") };
        let headings: Vec<&str> = table.columns.iter().map(|column| column.text.as_str()).collect();
        let expected =
            ["model", "average", "average without en", "transfer from en", "held (es, da)", "en", "es", "da"];
        assert_eq!(headings, expected);
        let texts = |row: usize| table.rows[row].iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>();
        let teacher = ["teacher", "83.3 %", "75.0 %", "0.750", "75.0 %", "100.0 %", "50.0 %", "100.0 %"];
        assert_eq!(texts(0), teacher);
        let student = ["student", "66.7 %", "75.0 %", "1.500", "75.0 %", "50.0 %", "50.0 %", "100.0 %"];
        assert_eq!(texts(1), student);
        assert!(table.rows[0][5].emphasis && !table.rows[1][5].emphasis && !table.rows[1][3].emphasis);
        assert!(table.rows[0][1].note.is_some() && table.rows[0][3].note.is_some());
        assert!(table.caption.ends_with("en 12, es 12, da 6."), "{}", table.caption);
    }

    fn sets() -> LanguageSets {
        LanguageSets {
            source: Some("en".into()),
            average_without: vec!["en".into()],
            groups: [("held".to_owned(), vec!["es".to_owned(), "da".to_owned()])].into(),
        }
    }

    #[test]
    fn one_language_has_no_table() {
        let seeds = [score_all(&["word-accuracy"], &texts(&["a"]), &texts(&["a"]), 1).unwrap()];
        let model = ModelOutcome::from_scores(&seeds, &["en"]).unwrap();
        let model = model.with_languages(&seeds, &["en"], &LanguageSets::default()).unwrap();
        let mut outcome = Outcome::new("names", vec![1], 1, None, Some(model), None);
        outcome.languages = Some(LanguageSets::default());
        assert!(language_tables_of(&outcome).is_empty());
    }
}
