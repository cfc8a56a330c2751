use super::content::{Block, Cell, Document, Table, Tone};
use super::text::{MAX_CODE, one_line, runs};
use crate::error::Result;
use crate::plots::{Figure, Placement};
use alambic_files::text::visible_lines;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

pub(super) fn page(document: &Document) -> Result<String> {
    let mut sections = Vec::new();
    for section in &document.sections {
        let blocks = section.blocks.iter().map(block).collect::<Result<Vec<_>>>()?;
        sections
            .push(html! { section { h2 { (one_line(&section.title)) } @for block in blocks { (block) } } });
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
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

fn block(block: &Block) -> Result<Markup> {
    Ok(match block {
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
        Block::Tables(tables) => html! { div class="tables" { @for content in tables { (table(content)) } } },
        Block::Figures(figures) => {
            let figures = figures.iter().map(figure).collect::<Result<Vec<_>>>()?;
            html! { div class="figures" { @for figure in figures { (figure) } } }
        }
        Block::Images { caption, images } => html! {
            figure class="images" {
                figcaption { (text(caption)) }
                div {
                    @for image in images {
                        figure {
                            img alt=(one_line(&image.caption)) src=(format!("data:image/png;base64,{}", BASE64.encode(&image.png)));
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

/// A table in a box of its own, which scrolls sideways on a narrow screen; by keyboard too. The caption stays.
fn table(table: &Table) -> Markup {
    html! {
        figure class="table" {
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
                                @let number = table.columns.get(index).is_some_and(|column| column.numeric);
                                @if index == 0 {
                                    th scope="row" lang=[cell.language.as_ref()] { (content(cell)) }
                                } @else {
                                    td class=[number.then_some("number")] lang=[cell.language.as_ref()] {
                                        (content(cell))
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

fn content(cell: &Cell) -> Markup {
    html! {
        @if cell.emphasis { strong { (text(&cell.text)) } } @else { (text(&cell.text)) }
        @if let Some(note) = &cell.note { " " small { (text(note)) } }
    }
}

fn figure(figure: &Figure) -> Result<Markup> {
    let svg = figure.svg(Placement::Inline)?;
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
