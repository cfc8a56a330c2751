use super::styles::is_other_baseline;
use super::{Drawing, Figure, LineSeries, Lines, Scale, ValueFormat};
use crate::error::{ReportError, Result};
use crate::metrics::Scores;
use crate::numbers;

/// Neighbouring lengths are joined until a point stands for at least this many examples.
const EXAMPLES: usize = 20;

/// A metric over the length of the reference, for each model: `lengths` holds one length an example, in
/// characters, and `models` the scores of each model on those examples.
///
/// Lengths are joined until a point stands for 20 examples or more, so that the ends of the curve are no noise. Baselines with
/// which the student is not compared are left out.
///
/// # Errors
/// [`ReportError::Length`] when a model was not scored on as many examples as there are lengths,
/// [`ReportError::Comparison`] without a model.
pub fn metric_by_length(models: &[(&str, &Scores)], lengths: &[usize]) -> Result<Figure> {
    let Some((_, first)) = models.first() else {
        return Err(ReportError::Comparison {
            metric: "?".to_string(),
            reason: "there is no model whose scores could be drawn over length".to_string(),
        });
    };
    let metric = first.metric().name;
    let labels = groups(lengths);
    let names: Vec<String> = labels.iter().map(|group| group.index.to_string()).collect();
    let mut series = Vec::new();
    for (name, scores) in models.iter().filter(|(name, _)| !is_other_baseline(name)) {
        let slices = scores.by_slice(&names)?;
        let mut points: Vec<(f64, f64)> = labels
            .iter()
            .zip(&names)
            .filter_map(|(group, name)| Some((group.mean_length, slices.get(name)?.value?)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by(|a, b| a.0 == b.0);
        series.push(LineSeries { name: (*name).to_string(), points });
    }
    let title = numbers::metric_title(metric);
    let (shortest, longest) = (lengths.iter().min().unwrap_or(&0), lengths.iter().max().unwrap_or(&0));
    Ok(Figure {
        name: format!("{metric}-by-length"),
        title: format!("{title} over length, {} examples", numbers::thousands(lengths.len() as u64)),
        alternative: format!(
            "{title} over the length of the reference, from {shortest} to {longest} characters, for {}. \
             Each point stands for at least {EXAMPLES} examples.",
            series.iter().map(|series| series.name.as_str()).collect::<Vec<_>>().join(", ")
        ),
        drawing: Drawing::Lines(Lines {
            horizontal: "characters in the reference".to_string(),
            horizontal_scale: Scale::Linear,
            horizontal_format: ValueFormat::Plain,
            vertical: title,
            vertical_scale: Scale::Linear,
            vertical_format: ValueFormat::of_metric(metric),
            joined: true,
            series,
        }),
    })
}

/// The group of an example: lengths joined to one point.
#[derive(Debug, Clone, Copy)]
struct Group {
    index: usize,
    mean_length: f64,
}

/// The group of each example.
fn groups(lengths: &[usize]) -> Vec<Group> {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    // The first length of each group; a group goes on to the last example of its last length.
    let mut starts: Vec<usize> = Vec::new();
    let mut members = 0;
    for (position, &length) in sorted.iter().enumerate() {
        let new_length = position == 0 || sorted[position - 1] != length;
        if new_length && (starts.is_empty() || (members >= EXAMPLES && sorted.len() - position >= EXAMPLES)) {
            starts.push(length);
            members = 0;
        }
        members += 1;
    }
    let group_of = |length: usize| starts.partition_point(|&start| start <= length).saturating_sub(1);
    let mut totals = vec![(0usize, 0usize); starts.len()];
    for &length in lengths {
        let (sum, count) = &mut totals[group_of(length)];
        *sum += length;
        *count += 1;
    }
    lengths
        .iter()
        .map(|&length| {
            let index = group_of(length);
            let (sum, count) = totals[index];
            Group { index, mean_length: sum as f64 / count as f64 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Prediction, score_all};

    #[test]
    fn short_tails_are_joined_to_their_neighbours() {
        // 30 examples of length 4, 5 of 5, 30 of 6, 3 of 20.
        let lengths: Vec<usize> = [(4, 30), (5, 5), (6, 30), (20, 3)]
            .into_iter()
            .flat_map(|(length, count)| std::iter::repeat_n(length, count))
            .collect();
        let references: Vec<String> = lengths.iter().map(|&length| "a".repeat(length)).collect();
        let predictions: Vec<Prediction> = references
            .iter()
            .map(|text| if text.len() > 4 { "b".to_string() } else { text.clone() })
            .map(Prediction::Text)
            .collect();
        let references: Vec<Prediction> = references.into_iter().map(Prediction::Text).collect();
        let scores = score_all(&["word-accuracy"], &predictions, &references, 1).unwrap();
        let figure = metric_by_length(&[("student", &scores[0])], &lengths).unwrap();
        let Drawing::Lines(lines) = &figure.drawing else { panic!("lines") };
        let mean = f64::from(5 * 5 + 6 * 30 + 20 * 3) / 38.0;
        assert_eq!(lines.series[0].points, [(4.0, 1.0), (mean, 0.0)]);
        assert!(metric_by_length(&[], &lengths).is_err());
        assert!(metric_by_length(&[("student", &scores[0])], &lengths[1..]).is_err());
    }
}
