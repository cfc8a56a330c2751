use maud::html;

use super::canvas::INK_IN_SVG;
use crate::document::one_line;

/// Where an SVG will stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Inside a page, whose text colour it takes.
    Inline,
    /// In a file of its own, with the reader's light or dark scheme.
    Alone,
}

/// What plotters wrote under a heading of our own, with the text colour of the page around it.
pub(super) fn with_page_colours(
    svg: &str,
    alternative: &str,
    (width, height): (f64, f64),
    (dots_wide, dots_high): (u32, u32),
    placement: Placement,
) -> String {
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {dots_wide} {dots_high}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{}\">\n",
        html! { (one_line(alternative)) }.into_string()
    );
    if placement == Placement::Alone {
        text.push_str(
            "<style>svg{color:#1c2024}@media(prefers-color-scheme:dark){svg{color:#e8eaed}}</style>\n",
        );
    }
    let body = svg.split_once('>').map_or(svg, |(_, body)| body);
    text.push_str(body.trim_start().replace(INK_IN_SVG, "\"currentColor\"").as_str());
    text
}
