use super::content::{Block, Cell, Document, Image, Table, Tone};
use super::text::{MAX_CODE, one_line, runs};
use crate::error::Result;
use crate::plots::{Figure, Placement, Styles};
use alambic_files::text::visible_lines;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Rows of a table that is printed on one page.
const MAX_KEPT_ROWS: usize = 20;
/// Columns of a table that is printed in letters of usual size.
const MAX_PLAIN_COLUMNS: usize = 8;
/// Characters of a row's heading that does not wrap.
const MAX_SHORT: usize = 8;
/// Tables that stand side by side in smaller letters from this number on.
const MANY: usize = 3;

const STYLE: &str = include_str!("style.css");

/// The page; one that is not finished is loaded anew after so many seconds.
pub(super) fn page(document: &Document, refresh: Option<u32>) -> Result<String> {
    let styles = document.styles();
    let mut sections = Vec::new();
    for section in &document.sections {
        let mut blocks = Vec::new();
        let mut rest = section.blocks.as_slice();
        while let Some((first, others)) = rest.split_first() {
            let markup = block(first, &styles)?;
            rest = others;
            match others.split_first() {
                Some((second, others)) if is_beside(first, second) => {
                    rest = others;
                    blocks.push(html! { div class="beside" { (markup) (block(second, &styles)?) } });
                }
                _ => blocks.push(markup),
            }
        }
        sections.push(html! {
            section class=[section.is_narrow().then_some("narrow")] {
                h2 { (one_line(&section.title)) }
                @for block in blocks { (block) }
            }
        });
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(seconds) = refresh { meta http-equiv="refresh" content=(seconds); }
                title { (one_line(&document.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        h1 { (one_line(&document.title)) }
                        @for paragraph in &document.lead { p { (text(paragraph)) } }
                    }
                    @for section in sections { (section) }
                }
            }
        }
    };
    Ok(page.into_string())
}

/// Whether two blocks stand side by side where there is room: tables and a single figure.
fn is_beside(first: &Block, second: &Block) -> bool {
    match (first, second) {
        (Block::Tables(_), Block::Figures(figures)) | (Block::Figures(figures), Block::Tables(_)) => {
            figures.len() == 1
        }
        _ => false,
    }
}

fn block(block: &Block, styles: &Styles) -> Result<Markup> {
    Ok(match block {
        Block::Headline(headline) => html! { p class="headline" { (text(headline)) } },
        Block::Paragraph(paragraph) => html! { p { (text(paragraph)) } },
        Block::Callout(tone, message) => {
            let class = match tone {
                Tone::Good => "callout good",
                Tone::Neutral => "callout",
                Tone::Bad | Tone::Warning => "callout warning",
            };
            html! {
                p class=(class) {
                    @if *tone == Tone::Warning { strong { "Warning: " } }
                    (text(message))
                }
            }
        }
        Block::List(items) => html! { ul { @for item in items { li { (text(item)) } } } },
        Block::Tables(tables) => {
            html! { div class=(if tables.len() >= MANY { "tables many" } else { "tables" }) { @for content in tables { (table(content)) } } }
        }
        Block::Figures(figures) => {
            let figures = figures.iter().map(|own| figure(own, styles)).collect::<Result<Vec<_>>>()?;
            html! { div class="figures" { @for figure in figures { (figure) } } }
        }
        Block::Images { caption, images } => html! {
            figure class="images" {
                figcaption { (text(caption)) }
                div {
                    @for image in images {
                        figure {
                            (picture(image))
                            figcaption { (text(&image.caption)) }
                        }
                    }
                }
            }
        },
        Block::Code { language, text } => {
            html! { pre { code class=(format!("language-{language}")) { (visible_lines(text, MAX_CODE)) } } }
        }
    })
}

/// Classes of a table, by which its style follows from its size.
fn classes(table: &Table) -> String {
    let named = [
        ("wraps", table.wraps()),
        ("long", table.rows.len() > MAX_KEPT_ROWS),
        ("broad", table.columns.len() > MAX_PLAIN_COLUMNS),
    ];
    let named = named.iter().filter(|(_, holds)| *holds).map(|(name, _)| *name);
    std::iter::once("table").chain(named).collect::<Vec<_>>().join(" ")
}

/// Whether a row's heading is a word or code that does not wrap, such as `hi-ta`.
fn is_short(cell: &Cell) -> bool {
    cell.text.chars().nth(MAX_SHORT).is_none()
}

/// A table in a box of its own, which scrolls sideways on a narrow screen; by keyboard too. The caption stays.
fn table(table: &Table) -> Markup {
    html! {
        figure
            class=(classes(table))
            style=[table.wraps().then(|| format!("--columns: {}", table.columns.len()))] {
        @if !table.caption.is_empty() { figcaption { (text(&table.caption)) } }
        div class="scroll" role="region" aria-label=(one_line(&table.caption)) tabindex="0" {
            table {
                thead {
                    tr {
                        @for column in &table.columns {
                            th scope="col" class=[column.numeric.then_some("number")] { (one_line(&column.text)) }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (index, cell) in row.iter().enumerate() {
                                @let column = table.columns.get(index);
                                @let number = column.is_some_and(|column| column.numeric);
                                @let label = column.filter(|_| table.wraps()).map(|column| one_line(&column.text));
                                @if index == 0 {
                                    th scope="row" class=[is_short(cell).then_some("short")] lang=[cell.language.as_ref()] { (content(cell)) }
                                } @else {
                                    td class=[number.then_some("number")] data-label=[label] {
                                        // What the label is in is not what the cell is in.
                                        span lang=[cell.language.as_ref()] { (content(cell)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        }
    }
}

/// An image as a part of the page's own text.
fn picture(image: &Image) -> Markup {
    let source = format!("data:image/png;base64,{}", BASE64.encode(&image.png));
    html! { img alt=(one_line(&image.caption)) src=(source); }
}

fn content(cell: &Cell) -> Markup {
    html! {
        @if let Some(image) = &cell.image { (picture(image)) }
        @if cell.emphasis { strong { (text(&cell.text)) } } @else { (text(&cell.text)) }
        @if let Some(note) = &cell.note { " " small { (text(note)) } }
    }
}

fn figure(figure: &Figure, styles: &Styles) -> Result<Markup> {
    let svg = figure.styled_svg(Placement::Inline, styles)?;
    // The writer of the SVG has escaped the texts in it.
    Ok(html! { figure class="plot scroll" tabindex="0" { (PreEscaped(svg)) } })
}

fn text(text: &str) -> Markup {
    let text = one_line(text);
    html! {
        @for (code, part) in runs(&text) {
            @if code { code { (part) } } @else { (part) }
        }
    }
}
