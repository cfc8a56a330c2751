use super::content::{Block, Cell, Document, Table, Tone};
use super::text::{MAX_CODE, one_line, runs};
use crate::plots::Figure;
use alambic_files::text::visible_lines;
use std::fmt::Write;

pub(super) fn page(document: &Document) -> String {
    let mut page = format!("# {}\n", text(&document.title));
    for paragraph in &document.lead {
        let _ = write!(page, "\n{}\n", line(paragraph));
    }
    for section in &document.sections {
        let _ = write!(page, "\n## {}\n", text(&section.title));
        for block in &section.blocks {
            page.push('\n');
            page.push_str(&self::block(block));
        }
    }
    page
}

fn block(block: &Block) -> String {
    match block {
        Block::Headline(headline) => format!("**{}**\n", text(headline)),
        Block::Paragraph(paragraph) => format!("{}\n", line(paragraph)),
        Block::Callout(tone, message) => match tone {
            Tone::Good | Tone::Neutral | Tone::Bad => format!("**{}**\n", text(message)),
            Tone::Warning => format!("> **Warning:** {}\n", text(message)),
        },
        Block::List(items) => {
            items.iter().fold(String::new(), |list, item| list + &format!("- {}\n", line(item)))
        }
        Block::Tables(tables) => tables.iter().map(table).collect::<Vec<_>>().join("\n"),
        Block::Figures(figures) => figures
            .iter()
            .map(|figure| format!("![{}](plots/{}.svg)\n", text(&figure.alternative), address(figure)))
            .collect::<Vec<_>>()
            .join("\n"),
        // Images are on the page; here is what they show.
        Block::Images { caption, images } => {
            let captions: Vec<String> = images.iter().map(|image| text(&image.caption)).collect();
            format!("{}: {}\n", line(caption), captions.join("; "))
        }
        Block::Code { language, text } => {
            // A fence longer than any in the text.
            let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
            let fence = "`".repeat(longest.max(2) + 1);
            format!("{fence}{language}\n{}\n{fence}\n", visible_lines(text.trim_end(), MAX_CODE))
        }
    }
}

fn table(table: &Table) -> String {
    let mut lines =
        if table.caption.is_empty() { String::new() } else { format!("{}\n\n", line(&table.caption)) };
    let headings: Vec<String> = table.columns.iter().map(|column| text(&column.text)).collect();
    let rules: Vec<&str> =
        table.columns.iter().map(|column| if column.numeric { "---:" } else { "---" }).collect();
    let _ = writeln!(lines, "| {} |", headings.join(" | "));
    let _ = writeln!(lines, "| {} |", rules.join(" | "));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(cell).collect();
        let _ = writeln!(lines, "| {} |", cells.join(" | "));
    }
    lines
}

fn cell(cell: &Cell) -> String {
    let content = text(&cell.text);
    let content = if cell.emphasis && !content.is_empty() { format!("**{content}**") } else { content };
    match &cell.note {
        Some(note) => format!("{content} ({})", text(note)),
        None => content,
    }
}

/// A text as [`one_line`] has it, with what Markdown or HTML would read as its own made plain. Code is left as it is but for
/// the bar, which ends a cell even there.
pub(super) fn text(text: &str) -> String {
    let text = one_line(text);
    let mut plain = String::new();
    for (code, part) in runs(&text) {
        // A bar cannot be made plain within code that has backslashes, for readers differ on what these do there.
        match (code, part.contains('\\') && part.contains('|')) {
            (true, false) => {
                let _ = write!(plain, "`{}`", part.replace('|', "\\|"));
            }
            (true, true) => {
                let _ = write!(plain, "\\`{}\\`", escaped(part));
            }
            (false, _) => plain.push_str(&escaped(part)),
        }
    }
    plain
}

/// A text without code that Markdown shows as it is; a dollar would begin mathematics, an ampersand the name of a character.
fn escaped(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let is_special = match character {
            '&' => characters.peek().is_some_and(|&next| next == '#' || next.is_ascii_alphabetic()),
            other => "\\`*_[]<>|#~$".contains(other),
        };
        if is_special {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
}

/// The name of a figure's file within an address, which ends at a blank.
fn address(figure: &Figure) -> String {
    figure.stem().replace(' ', "%20")
}

/// A text that begins a line of its own, where a hyphen or a number would begin a list, and blanks code.
fn line(whole: &str) -> String {
    let text = text(whole);
    let text = text.trim_start_matches(' ');
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let begins_list =
        if digits > 0 { rest.starts_with(['.', ')']) } else { rest.starts_with(['-', '+', '=']) };
    if begins_list { format!("{number}\\{rest}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{line, text};
    use crate::document::{Block, Cell, ColumnHeading, Document, Section, Table};

    fn hostile() -> Document {
        let nasty = "<script>alert(1)</script> | a*b `x|y` & \"q\"";
        Document {
            title: nasty.to_string(),
            lead: vec![nasty.to_string()],
            sections: vec![Section {
                title: nasty.to_string(),
                blocks: vec![Block::Tables(vec![Table {
                    caption: nasty.to_string(),
                    columns: vec![ColumnHeading::text(nasty), ColumnHeading::number("n")],
                    rows: vec![vec![
                        Cell::in_language("दिल्ली", Some("hi")),
                        Cell::new(nasty).with_note(Some("<b>".into())),
                    ]],
                }])],
            }],
        }
    }

    #[test]
    fn markdown_keeps_its_columns_whatever_a_cell_holds() {
        let page = hostile().markdown();
        let row = page.lines().find(|line| line.contains("दिल्ली")).unwrap();
        let bars = row.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 3, "{row}");
        assert!(!page.contains("<script>"), "{page}");
        assert_eq!(text("a_b `c_d`"), "a\\_b `c_d`");
        assert_eq!(text("one ` tick"), "one \\` tick");
    }

    #[test]
    fn markdown_shows_marks_of_its_own_as_they_are() {
        assert_eq!(text("$(id) $x$ &lt;b&gt; a & b {{c}}"), "\\$(id) \\$x\\$ \\&lt;b\\&gt; a & b {{c}}");
        assert_eq!(text("`a\\|b`"), "\\`a\\\\\\|b\\`");
        for (given, shown) in
            [("- a", "\\- a"), ("12. a", "12\\. a"), ("1) a", "1\\) a"), ("    a", "a"), ("12 a", "12 a")]
        {
            assert_eq!(line(given), shown);
        }
        assert_eq!(line("---"), "\\---");
    }

    #[test]
    fn html_holds_no_markup_from_texts() {
        let page = hostile().html().unwrap();
        assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
        assert!(page.contains("&lt;script&gt;") && page.contains("<code>x|y</code>"));
        assert!(page.contains("<th scope=\"row\" class=\"short\" lang=\"hi\">दिल्ली</th>"));
    }
}
