use super::content::{Block, Cell, Document, Table, Tone};
use super::text::{MAX_CODE, one_line, runs};
use alambic_files::text::visible_lines;
use std::fmt::Write;

pub(super) fn page(document: &Document) -> String {
    let mut page = format!("# {}\n", text(&document.title));
    for paragraph in &document.lead {
        let _ = write!(page, "\n{}\n", text(paragraph));
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
        Block::Paragraph(paragraph) => format!("{}\n", text(paragraph)),
        Block::Callout(tone, message) => match tone {
            Tone::Good | Tone::Neutral | Tone::Bad => format!("**{}**\n", text(message)),
            Tone::Warning => format!("> **Warning:** {}\n", text(message)),
        },
        Block::List(items) => {
            items.iter().fold(String::new(), |list, item| list + &format!("- {}\n", text(item)))
        }
        Block::Tables(tables) => tables.iter().map(table).collect::<Vec<_>>().join("\n"),
        Block::Figures(figures) => figures
            .iter()
            .map(|figure| format!("![{}](plots/{}.svg)\n", text(&figure.alternative), figure.stem()))
            .collect::<Vec<_>>()
            .join("\n"),
        // Images are on the page; here is what they show.
        Block::Images { caption, images } => {
            let captions: Vec<String> = images.iter().map(|image| text(&image.caption)).collect();
            format!("{}: {}\n", text(caption), captions.join("; "))
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
        if table.caption.is_empty() { String::new() } else { format!("{}\n\n", text(&table.caption)) };
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

/// A text as [`one_line`] has it, with what Markdown or HTML would read as its own made plain. Code is left as it is but for the bar, which ends a cell even there.
pub(super) fn text(text: &str) -> String {
    let text = one_line(text);
    let mut plain = String::new();
    for (code, part) in runs(&text) {
        if code {
            let _ = write!(plain, "`{}`", part.replace('|', "\\|"));
            continue;
        }
        for character in part.chars() {
            match character {
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' => {
                    plain.extend(['\\', character]);
                }
                character => plain.push(character),
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::text;
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
    fn html_holds_no_markup_from_texts() {
        let page = hostile().html().unwrap();
        assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
        assert!(page.contains("&lt;script&gt;") && page.contains("<code>x|y</code>"));
        assert!(page.contains("<th scope=\"row\" lang=\"hi\">दिल्ली</th>"));
    }
}
