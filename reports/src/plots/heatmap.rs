use super::canvas::{Anchor, Canvas, MARGIN, TEXT};
use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;
use serde::Serialize;

/// Values by rows and columns, each a cell that is darker the higher it is, with its number. Nothing is drawn where there is no
/// value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Heatmap {
    /// The name of each row.
    pub rows: Vec<String>,
    /// The name of each column.
    pub columns: Vec<String>,
    /// The values of each row, shares of 1, one a column.
    pub cells: Vec<Vec<Option<f64>>>,
}

/// Height of a row.
const ROW: f64 = 20.0;
/// Where the names of columns begin.
const TOP: f64 = 40.0;
/// The most characters of the name of a column, which reads upwards.
const NAME: usize = 28;

/// Colours from nothing to the whole: a single hue, which reads as an order without colour as well.
const SCALE: [RGBColor; 3] = [RGBColor(235, 243, 250), RGBColor(107, 174, 214), RGBColor(8, 60, 125)];

impl Heatmap {
    pub(super) fn height(&self) -> f64 {
        TOP + self.names_height() + ROW * self.rows.len().max(1) as f64 + MARGIN
    }

    /// The room of the columns' names, before there is a sheet to measure on: letters are half as wide as high.
    fn names_height(&self) -> f64 {
        let longest =
            self.columns.iter().map(|name| name.chars().count().min(NAME)).max().unwrap_or_default();
        0.6 * TEXT * longest as f64 + 10.0
    }

    pub(super) fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>, title: &str) -> Result<(), String> {
        canvas.text(title, (MARGIN, 18.0), Anchor::Left, TEXT * 1.15)?;
        let start = canvas.names_end(&self.rows)?;
        let width = (canvas.width - MARGIN - start) / self.columns.len().max(1) as f64;
        let top = TOP + self.names_height();
        for (index, name) in self.columns.iter().enumerate() {
            let short: String = name.chars().take(NAME).collect();
            let half = canvas.text_width(&short)? / 2.0;
            canvas.upright_text(&short, (start + (index as f64 + 0.5) * width, top - 6.0 - half))?;
        }
        for (row, (name, cells)) in self.rows.iter().zip(&self.cells).enumerate() {
            let y = top + row as f64 * ROW;
            canvas.text(name, (start - 6.0, y + ROW / 2.0), Anchor::Right, TEXT * 0.82)?;
            for (column, value) in cells.iter().enumerate() {
                let Some(value) = value.filter(|value| value.is_finite()) else { continue };
                let x = start + column as f64 * width;
                let colour = colour(value);
                canvas.rectangle((x, y), (x + width - 1.0, y + ROW - 1.0), colour)?;
                let number = format!("{:.0}", 100.0 * value);
                canvas.text_on(colour, &number, (x + width / 2.0, y + ROW / 2.0), TEXT * 0.75)?;
            }
        }
        Ok(())
    }
}

/// The colour of a share of 1; what is beyond is that of the end.
fn colour(value: f64) -> RGBColor {
    let place = value.clamp(0.0, 1.0) * (SCALE.len() - 1) as f64;
    let first = (place as usize).min(SCALE.len() - 2);
    let (from, to, share) = (SCALE[first], SCALE[first + 1], place - first as f64);
    let mix = |from: u8, to: u8| (f64::from(from) + share * (f64::from(to) - f64::from(from))).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

#[cfg(test)]
mod tests {
    use super::{Heatmap, SCALE, colour};
    use crate::plots::{Drawing, Figure, Placement};

    #[test]
    fn colours_go_from_nothing_to_the_whole() {
        assert_eq!((colour(0.0), colour(0.5), colour(1.0)), (SCALE[0], SCALE[1], SCALE[2]));
        assert_eq!((colour(-1.0), colour(7.0)), (SCALE[0], SCALE[2]));
    }

    #[test]
    fn cells_without_a_value_stay_empty() {
        let figure = Figure {
            name: "heat".into(),
            title: "Values".into(),
            alternative: "Values".into(),
            drawing: Drawing::Heatmap(Heatmap {
                rows: vec!["en".into(), "hi".into()],
                columns: vec!["xnli".into(), "a <b> task".into()],
                cells: vec![vec![Some(0.5), None], vec![Some(1.0), Some(f64::NAN)]],
            }),
        };
        let svg = figure.svg(Placement::Alone).unwrap();
        assert!(
            svg.contains("50") && svg.contains("100") && !svg.contains("NaN") && !svg.contains("<b>"),
            "{svg}"
        );
    }
}
