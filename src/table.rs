//! Tables that fit the width they are given: cells wrap, columns that matter less are left out, or each row becomes a block of
//! lines.

use alambic_files::text::shortened;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, Width};
use unicode_width::UnicodeWidthStr;

/// The most characters of a cell.
const LONGEST_CELL: usize = 400;

/// Columns of the terminal that a blank on either side of a cell takes.
const PADDING: usize = 2;

/// Columns of the terminal between the cells of two columns.
const SEPARATOR: usize = 1;

/// The narrowest that a column of texts is made, where its words are longer: words are broken where nothing else helps.
const MIN_TEXT_WIDTHS: [usize; 2] = [28, 12];

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'a> {
    title: &'a str,
    /// Whether the last digits stand below each other; such cells do not wrap.
    is_number: bool,
    /// 0 for a column that is always shown; of the others those of the highest rank are left out first.
    rank: u8,
}

impl<'a> Column<'a> {
    /// Read from the left.
    pub(crate) const fn text(title: &'a str) -> Self {
        Self { title, is_number: false, rank: 0 }
    }

    /// Numbers, their last digits below each other.
    pub(crate) const fn number(title: &'a str) -> Self {
        Self { title, is_number: true, rank: 0 }
    }

    /// The same, left out where there is no room; the higher the rank, the sooner.
    pub(crate) const fn optional(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// A table in so many columns of a terminal; without a width each row is one line.
pub(crate) fn layout(columns: &[Column<'_>], rows: Vec<Vec<String>>, width: Option<usize>) -> String {
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(|cell| shortened(&cell, LONGEST_CELL)).collect())
        .collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let Some(width) = width else { return render(columns, &rows, &shown, None) };
    loop {
        let is_least = shown.iter().all(|&index| columns[index].rank == 0);
        let allowed = if is_least { &MIN_TEXT_WIDTHS[..] } else { &MIN_TEXT_WIDTHS[..1] };
        let fitting = allowed.iter().find_map(|&min| widths(columns, &rows, &shown, (min, width)));
        if let Some(widths) = fitting {
            let table = render(columns, &rows, &shown, Some(&widths));
            let hidden: Vec<&str> = (0..columns.len())
                .filter(|index| !shown.contains(index))
                .map(|index| columns[index].title)
                .collect();
            if hidden.is_empty() {
                return table;
            }
            let note = format!("left out for want of width: {}", hidden.join(", "));
            return format!("{table}\n{}", wrapped(&note, width).join("\n"));
        }
        let least = shown.iter().enumerate().filter(|(_, index)| columns[**index].rank > 0);
        match least.max_by_key(|(place, index)| (columns[**index].rank, *place)) {
            Some((place, _)) => {
                shown.remove(place);
            }
            None => return turned(columns, &rows, width),
        }
    }
}

/// Widths of the shown columns that fit together, without padding; none if there are no such. `min` is what a column of texts
/// needs whose words are longer.
fn widths(
    columns: &[Column<'_>],
    rows: &[Vec<String>],
    shown: &[usize],
    (min, width): (usize, usize),
) -> Option<Vec<usize>> {
    let cells = |index: usize| {
        let cells = rows.iter().filter_map(move |row| row.get(index)).map(String::as_str);
        cells.chain([columns[index].title])
    };
    let natural: Vec<usize> =
        shown.iter().map(|&index| cells(index).map(line_width).max().unwrap_or_default()).collect();
    let mut widths: Vec<usize> = shown
        .iter()
        .zip(&natural)
        .map(|(&index, &natural)| {
            let words = cells(index).flat_map(str::split_whitespace).map(UnicodeWidthStr::width);
            let longest = words.max().unwrap_or_default();
            if columns[index].is_number { natural } else { natural.min(longest.clamp(1, min)) }
        })
        .collect();
    let mut room =
        width.checked_sub(widths.iter().sum::<usize>() + (PADDING + SEPARATOR) * shown.len() - SEPARATOR)?;
    // What is left goes to the columns that lack most, one by one.
    while room > 0 {
        let lacking = (0..widths.len()).max_by_key(|&place| natural[place] - widths[place])?;
        if widths[lacking] == natural[lacking] {
            break;
        }
        widths[lacking] += 1;
        room -= 1;
    }
    Some(widths)
}

/// Width of the widest line of a cell.
fn line_width(cell: &str) -> usize {
    cell.lines().map(UnicodeWidthStr::width).max().unwrap_or_default()
}

fn render(columns: &[Column<'_>], rows: &[Vec<String>], shown: &[usize], widths: Option<&[usize]>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(shown.iter().map(|&index| columns[index].title));
    table.add_rows(rows.iter().map(|row| {
        shown.iter().map(|&index| row.get(index).cloned().unwrap_or_default()).collect::<Vec<_>>()
    }));
    if widths.is_some() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for (place, &index) in shown.iter().enumerate() {
        let Some(column) = table.column_mut(place) else { continue };
        if columns[index].is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if let Some(width) = widths.and_then(|widths| widths.get(place)) {
            let width = u16::try_from(width + PADDING).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
    }
    table.trim_fmt()
}

/// A block of lines for each row, with a column each.
fn turned(columns: &[Column<'_>], rows: &[Vec<String>], width: usize) -> String {
    let titles = columns.iter().map(|column| column.title.width()).max().unwrap_or_default();
    let room = width.saturating_sub(titles + PADDING).max(MIN_TEXT_WIDTHS[1]);
    let blocks = rows.iter().map(|row| {
        let mut lines = Vec::new();
        for (column, cell) in columns.iter().zip(row) {
            for (number, part) in wrapped(cell, room).into_iter().enumerate() {
                let title = if number == 0 { column.title } else { "" };
                let gap = " ".repeat(titles - title.width() + PADDING);
                lines.push(format!("{title}{gap}{part}").trim_end().to_owned());
            }
        }
        lines.join("\n")
    });
    blocks.collect::<Vec<_>>().join("\n\n")
}

/// Lines of a text of at most so many columns, broken between words, and within those that are longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let current = lines.last().map_or(0, |line| line.width());
        if current > 0 && current + 1 + word.width() <= width {
            if let Some(line) = lines.last_mut() {
                line.push(' ');
                line.push_str(word);
            }
            continue;
        }
        if current > 0 {
            lines.push(String::new());
        }
        for character in word.chars() {
            let is_full = lines
                .last()
                .is_some_and(|line| !line.is_empty() && line.width() + character.to_string().width() > width);
            if is_full {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column<'static>; 4] = [
        Column::text("name"),
        Column::text("what it is"),
        Column::number("parameters").optional(2),
        Column::number("speed-up").optional(1),
    ];

    fn rows() -> Vec<Vec<String>> {
        let words =
            "a student out of chosen layers of its teacher, with all widths kept, under a head of its own";
        let row = |name: &str| vec![name.to_owned(), words.to_owned(), "22,713,216".into(), "2.19 ×".into()];
        vec![row("encoder-layers"), row("encoder-decoder-layers-विद्या")]
    }

    fn widest(table: &str) -> usize {
        table.lines().map(UnicodeWidthStr::width).max().unwrap()
    }

    #[test]
    fn table_without_a_width_has_a_line_a_row() {
        let table = layout(&COLUMNS, rows(), None);
        assert_eq!(
            table.lines().filter(|line| line.contains("under a head of its own")).count(),
            2,
            "{table}"
        );
    }

    #[test]
    fn table_fits_every_width() {
        for width in 26..140 {
            let table = layout(&COLUMNS, rows(), Some(width));
            assert!(widest(&table) <= width, "{width}:\n{table}");
            let squeezed: String = table.split_whitespace().collect();
            assert!(squeezed.contains("teacher"), "{table}");
        }
    }

    #[test]
    fn columns_of_high_rank_are_left_out_first() {
        let wide = layout(&COLUMNS, rows(), Some(100));
        assert!(
            wide.contains("parameters") && wide.contains("speed-up") && !wide.contains("left out"),
            "{wide}"
        );
        let narrow = layout(&COLUMNS, rows(), Some(52));
        assert!(
            narrow.contains("left out for want of width: parameters") && narrow.contains("2.19"),
            "{narrow}"
        );
    }

    #[test]
    fn table_of_numbers_that_do_not_fit_is_turned() {
        let columns = [Column::text("run"), Column::number("accuracy"), Column::number("macro F1")];
        let table =
            layout(&columns, vec![vec!["runs/one".into(), "96.1 %".into(), "95.0 %".into()]], Some(20));
        assert_eq!(table, "run       runs/one\naccuracy  96.1 %\nmacro F1  95.0 %");
    }

    #[test]
    fn long_words_are_broken_where_a_block_is_narrow() {
        assert_eq!(wrapped("a bcdefgh ij", 4), ["a", "bcde", "fgh", "ij"]);
    }
}
