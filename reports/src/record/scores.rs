//! Scores of single test examples, by which runs are compared with each other.

use std::fs::File;
use std::path::Path;

use indexmap::IndexMap;
use polars::prelude::{Column, DataFrame, IntoColumn, NamedFrom, ParquetReader, SerReader, Series};

use super::tables::{table_error, write_table};
use crate::error::{Result, file_error};
use crate::metrics::{Scores, StoredScores, find};

const SCORES: &str = "scores.parquet";

/// The scores of a model: of each training those of each metric.
pub type ScoresBySeed = Vec<IndexMap<String, Scores>>;

/// Writes `scores.parquet` into the folder of a run: what each test example adds to each metric of each model. A row is one number of
/// an example: `model`, `training` (its place among the trainings of the model, from 0), `metric`, `example` (its place in the test
/// data), `group` (examples of one group are drawn together by the bootstrap; null where each is by itself), `part` (which of the
/// metric's sums the number belongs to) and `number`; an example that adds nothing has one row without them.
///
/// # Errors
/// [`crate::ReportError::Table`] or [`crate::ReportError::File`].
pub fn write_scores(folder: &Path, models: &[(&str, &ScoresBySeed)]) -> Result<()> {
    let path = folder.join(SCORES);
    let (mut names, mut metrics): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut places: [Vec<u32>; 2] = Default::default();
    let (mut groups, mut parts, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for (model, trainings) in models {
        for (training, scores) in trainings.iter().enumerate() {
            for (metric, scores) in scores {
                for row in scores.rows() {
                    names.push(*model);
                    metrics.push(metric.as_str());
                    places[0].push(training as u32);
                    places[1].push(row.example as u32);
                    groups.push(row.group.map(|group| group as u32));
                    parts.push(row.number.map(|(part, _)| part as u32));
                    numbers.push(row.number.map(|(_, number)| number));
                }
            }
        }
    }
    let [trainings, examples] = places;
    let columns: Vec<Column> = vec![
        Series::new("model".into(), names).into_column(),
        Series::new("training".into(), trainings).into_column(),
        Series::new("metric".into(), metrics).into_column(),
        Series::new("example".into(), examples).into_column(),
        Series::new("group".into(), groups).into_column(),
        Series::new("part".into(), parts).into_column(),
        Series::new("number".into(), numbers).into_column(),
    ];
    let height = columns.first().map_or(0, Column::len);
    let mut table =
        DataFrame::new(height, columns).map_err(|error| table_error(&path, &error.to_string()))?;
    write_table(&mut table, &path)
}

/// The scores of each model of a run, as [`write_scores`] wrote them; none where a folder has no such file. Metrics that are not known
/// are left out.
///
/// # Errors
/// [`crate::ReportError::File`], or [`crate::ReportError::Table`] for a file of other columns.
pub fn read_scores(folder: &Path) -> Result<IndexMap<String, ScoresBySeed>> {
    let path = folder.join(SCORES);
    let damaged = |reason: &str| table_error(&path, reason);
    if !path.is_file() {
        return Ok(IndexMap::new());
    }
    let file = File::open(&path).map_err(file_error("read", &path))?;
    let table = ParquetReader::new(file).finish().map_err(|error| damaged(&error.to_string()))?;
    let column = |name: &str| table.column(name).map_err(|error| damaged(&error.to_string()));
    let texts = |name: &str| -> Result<Vec<String>> {
        let found = column(name)?.str().map_err(|error| damaged(&error.to_string()))?;
        Ok(found.iter().map(|text| text.unwrap_or_default().to_owned()).collect())
    };
    let places = |name: &str| -> Result<Vec<Option<usize>>> {
        let found = column(name)?.u32().map_err(|error| damaged(&error.to_string()))?;
        Ok(found.iter().map(|place| place.map(|place| place as usize)).collect())
    };
    let numbers = column("number")?.f64().map_err(|error| damaged(&error.to_string()))?;
    let numbers: Vec<Option<f64>> = numbers.iter().collect();
    let [models, metrics] = [texts("model")?, texts("metric")?];
    let [trainings, examples, groups, parts] =
        [places("training")?, places("example")?, places("group")?, places("part")?];
    let mut stored: IndexMap<&str, Vec<IndexMap<&str, StoredScores>>> = IndexMap::new();
    for row in 0..table.height() {
        let (Some(training), Some(example)) = (trainings[row], examples[row]) else {
            return Err(damaged("a row says neither training nor example"));
        };
        let of_model = stored.entry(&models[row]).or_default();
        // Trainings and examples come in their order.
        if training > of_model.len() {
            return Err(damaged("a training is missing"));
        }
        if training == of_model.len() {
            of_model.push(IndexMap::new());
        }
        let scores = of_model[training].entry(&metrics[row]).or_default();
        if !scores.add(example, groups[row], parts[row].zip(numbers[row])) {
            return Err(damaged("an example is missing"));
        }
    }
    let known = |scores: IndexMap<&str, StoredScores>| {
        let of_metric =
            |(name, own): (&str, StoredScores)| Some((name.to_owned(), own.into_scores(find(name).ok()?)));
        scores.into_iter().filter_map(of_metric).collect()
    };
    Ok(stored
        .into_iter()
        .map(|(model, trainings)| (model.to_owned(), trainings.into_iter().map(known).collect()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ReportError;
    use crate::metrics::{BOOTSTRAP_SEED, Prediction, ScoredPair, ScoringContext, paired_difference};

    fn scores(metric: &str, said: &[&str], groups: &[usize]) -> Scores {
        let references = ["one two", "three", "", "four"].map(|text| Prediction::Text(text.into()));
        let said: Vec<Prediction> = said.iter().map(|text| Prediction::Text((*text).into())).collect();
        let pairs = said.iter().zip(&references).map(|(own, reference)| ScoredPair::new(own, reference));
        let pairs: Vec<ScoredPair<'_>> = pairs.collect();
        let context = ScoringContext { groups, ..ScoringContext::default() };
        find(metric).unwrap().score(&pairs, context)
    }

    #[test]
    fn what_is_written_is_read_and_compared_as_before() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_scores(folder.path()).unwrap().is_empty());
        let of = |said: &[&str], groups: &[usize]| -> IndexMap<String, Scores> {
            ["chrf", "word-accuracy", "cer"].map(|name| (name.to_owned(), scores(name, said, groups))).into()
        };
        let student = vec![of(&["one two", "thee", "", "for"], &[]), of(&["one", "three", "", "four"], &[])];
        let grouped = vec![of(&["one", "three", "x", "for"], &[0, 0, 1, 2])];
        write_scores(folder.path(), &[("student", &student), ("baseline", &grouped)]).unwrap();
        let read = read_scores(folder.path()).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["student", "baseline"]);
        for (own, model) in [(&student, "student"), (&grouped, "baseline")] {
            assert_eq!(read[model].len(), own.len());
            for (one, other) in own.iter().zip(&read[model]) {
                for (name, scores) in one {
                    let found = &other[name];
                    assert_eq!(found.value(), scores.value(), "{model} {name}");
                    let difference = |one: &Scores, other: &Scores| {
                        paired_difference(one, other, BOOTSTRAP_SEED).unwrap().unwrap()
                    };
                    let against = &student[0][name];
                    assert_eq!(difference(found, against), difference(scores, against), "{model} {name}");
                }
            }
        }
        std::fs::write(folder.path().join(SCORES), "no table").unwrap();
        assert!(matches!(read_scores(folder.path()), Err(ReportError::Table { .. })));
    }
}
