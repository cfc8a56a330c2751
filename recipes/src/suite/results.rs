//! Averages of published results: tables of a row a model and a column a language, one for each metric of each task, as IGLUE
//! publishes them.

use std::path::{Path, PathBuf};

use alambic_data::source::{Extent, TableSource};
use alambic_data::table::{Columns, Table};
use alambic_data::{DataError, Fault, Place};
use alambic_files::text::quoted;
use alambic_reports::suite::{LanguageOutcome, MissingTask, SCHEMA, SuiteModel, SuiteOutcome, SuiteSpec};
use alambic_settings::{IndexMap, Location};

use super::load::LoadedSuite;
use super::score::{SuiteError, SuiteScores, listed};

/// The column of the models' names.
const MODEL: &str = "model";

/// The column of the averages that a table has of its own.
const AVERAGE: &str = "avg";

/// What stands for the result of a run that failed.
const FAILED: f64 = -1.0;

/// The largest difference, in per cent, of an average and the one that a table has of its own.
const TOLERANCE: f64 = 1e-6;

/// Whether a path is that of a table of results.
#[must_use]
pub fn is_results(path: &Path) -> bool {
    let has = |path: &Path, own: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(own));
    has(path, "csv") || (has(path, "gz") && has(&path.with_extension(""), "csv"))
}

/// What the name of a table says: `xFlickrCO_ir_0.mt.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TableName {
    task: String,
    metric: String,
    setting: &'static str,
    shots: Option<usize>,
}

/// Values by model, task, metric and language.
type Values = IndexMap<String, IndexMap<String, IndexMap<String, IndexMap<String, LanguageOutcome>>>>;

/// The averages of tables of results, whose names say what they are: `TASK[_ir|_tr]_SHOTS[.mt|.translate-train].csv`, of which `ir`
/// are images found by captions and `tr` captions found by images. Values are per cent; −1 is a run that failed.
///
/// # Errors
/// Every fault of every table; [`SuiteError::Nothing`] where a name is of no task, or tables are of several settings.
pub fn results(suite: &LoadedSuite, tables: &[PathBuf]) -> Result<SuiteScores, SuiteError> {
    let names = tables.iter().map(|path| TableName::of(suite, path)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = names.first() else {
        return Err(SuiteError::Nothing("no table of results is named".into()));
    };
    for (name, path) in names.iter().zip(tables) {
        if (name.setting, name.shots) != (first.setting, first.shots) {
            let path = quoted(&path.display().to_string());
            return Err(SuiteError::Nothing(format!(
                "`{path}` is of the setting {}, and the first table is of {}: score tables of one setting together",
                name.setting_in_words(),
                first.setting_in_words()
            )));
        }
        if names.iter().filter(|own| *own == name).count() > 1 {
            return Err(SuiteError::Nothing(format!(
                "several tables are of `{}` of the task `{}`: give one of them",
                name.metric, name.task
            )));
        }
    }
    let spec = spec(suite, first);
    let (mut values, mut missing, mut notes) = (Values::new(), Vec::new(), Vec::new());
    let mut faults: Option<DataError> = None;
    for (name, path) in names.iter().zip(tables) {
        let read = read(&spec, suite, name, path, &mut values, &mut missing, &mut notes);
        DataError::note(&mut faults, read);
    }
    if let Some(error) = faults {
        return Err(error.into());
    }
    for (task, own) in &spec.tasks {
        let lacking: Vec<&str> = own
            .metrics
            .iter()
            .map(String::as_str)
            .filter(|metric| !names.iter().any(|name| name.task == *task && name.metric == *metric))
            .collect();
        if !lacking.is_empty() {
            let reason = format!("no table of results for {}", lacking.join(", "));
            missing.push(MissingTask { task: task.clone(), reason });
        }
    }
    let models = values.into_iter().map(|(model, own)| (model, SuiteModel::new(&spec, own))).collect();
    let outcome = SuiteOutcome {
        schema: SCHEMA,
        suite: spec.name.clone(),
        setting: first.setting.to_owned(),
        shots: first.shots,
        source: spec.source.clone(),
        models,
        missing,
    };
    Ok(SuiteScores { outcome, spec, notes })
}

/// The suite with the languages that a setting has.
fn spec(suite: &LoadedSuite, name: &TableName) -> SuiteSpec {
    let mut spec = suite.spec();
    if name.shots.is_some() {
        for (task, own) in &mut spec.tasks {
            let few = suite.suite.task.get(task).and_then(|task| task.few_shot.as_ref());
            let languages =
                few.map(|few| few.languages.iter().map(|own| own.value.clone()).collect::<Vec<_>>());
            if let Some(languages) = languages.filter(|languages| !languages.is_empty()) {
                own.languages = languages;
            }
        }
    }
    spec
}

impl TableName {
    fn of(suite: &LoadedSuite, path: &Path) -> Result<Self, SuiteError> {
        let shown = quoted(&path.display().to_string());
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.trim_end_matches(".gz").trim_end_matches(".csv");
        let mut parts = name.split('.');
        let stem = parts.next().unwrap_or_default();
        let is_shots = |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit());
        let (stem, shots) = stem
            .rsplit_once('_')
            .filter(|(_, shots)| is_shots(shots))
            .map_or((stem, Some(0)), |(stem, shots)| (stem, product(shots)));
        let shots = shots
            .ok_or_else(|| SuiteError::Nothing(format!("`{shown}` does not say how many shots it is of")))?;
        let (task, direction) = match stem.rsplit_once('_') {
            Some((task, direction @ ("ir" | "tr"))) => (task, Some(direction)),
            _ => (stem, None),
        };
        let Some((task, own)) = suite.suite.task.iter().find(|(name, _)| name.eq_ignore_ascii_case(task))
        else {
            let known: Vec<String> = suite.suite.task.keys().map(|name| format!("`{name}`")).collect();
            return Err(SuiteError::Nothing(format!(
                "`{shown}` is a table of the task `{}`, and the suite `{}` has {}: name the file \
                 TASK_SHOTS.csv, as `xGQA_0.csv`",
                quoted(task),
                suite.suite.name.value,
                known.join(", ")
            )));
        };
        let wanted = |metric: &str| match direction {
            Some("ir") => metric.starts_with("image-"),
            Some(_) => metric.starts_with("caption-"),
            None => true,
        };
        let metrics: Vec<&str> =
            own.metrics.iter().map(|metric| metric.value.as_str()).filter(|metric| wanted(metric)).collect();
        let [metric] = metrics.as_slice() else {
            let all: Vec<&str> = own.metrics.iter().map(|metric| metric.value.as_str()).collect();
            return Err(SuiteError::Nothing(format!(
                "`{shown}` does not say of which metric of `{task}` it is, of {}: images found by captions are \
                 `{task}_ir_{shots}.csv`, captions found by images `{task}_tr_{shots}.csv`",
                all.join(", ")
            )));
        };
        let mut setting = if shots == 0 { "zero-shot" } else { "few-shot" };
        for part in parts {
            setting = match part {
                "mt" => "translate-test",
                "translate-train" => "translate-train",
                // Names of the languages that a table has, as `id_tr_zh`.
                part if part.split('_').all(|code| own.languages.iter().any(|own| own.value == code)) => {
                    setting
                }
                part => {
                    return Err(SuiteError::Nothing(format!(
                        "`{shown}` names the setting `{}`, which is none of `mt` and `translate-train`",
                        quoted(part)
                    )));
                }
            };
        }
        Ok(Self {
            task: task.clone(),
            metric: (*metric).to_owned(),
            setting,
            shots: (shots > 0).then_some(shots),
        })
    }

    fn setting_in_words(&self) -> String {
        self.shots.map_or_else(
            || self.setting.to_owned(),
            |shots| format!("{} with {shots} examples", self.setting),
        )
    }
}

/// A number of examples, `25`, or `10x2` where each of ten images has two.
fn product(shots: &str) -> Option<usize> {
    shots
        .split('x')
        .map(|part| part.parse::<usize>().ok())
        .try_fold(1, |all: usize, part| all.checked_mul(part?))
}

/// Reads a table.
fn read(
    spec: &SuiteSpec,
    suite: &LoadedSuite,
    name: &TableName,
    path: &Path,
    values: &mut Values,
    missing: &mut Vec<MissingTask>,
    notes: &mut Vec<String>,
) -> Result<(), DataError> {
    let source = TableSource::open(&Location::File(path.to_owned()), Extent::Whole)?;
    let head = Table::read(&source, &Columns { values: &[MODEL], ..Columns::default() })?;
    let names: Vec<&str> = head.names().iter().map(String::as_str).filter(|name| *name != MODEL).collect();
    let table = Table::read(&source, &Columns { values: &[MODEL], optional: &names, ..Columns::default() })?;
    let known: Vec<&str> = suite
        .suite
        .task
        .get(&name.task)
        .map(|task| task.languages.iter().map(|own| own.value.as_str()).collect())
        .unwrap_or_default();
    let of_file = |fault| DataError::new(Place::line(&source.name, 1), fault);
    let languages: Vec<&str> = names.iter().copied().filter(|name| *name != AVERAGE).collect();
    if let Some(other) = languages.iter().find(|language| !known.contains(*language)) {
        let found = known.iter().map(ToString::to_string).collect();
        return Err(of_file(Fault::UnknownClass { found: (*other).to_owned(), classes: found }));
    }
    for (row, model) in table.column(MODEL)?.into_iter().enumerate() {
        let mut own: IndexMap<String, LanguageOutcome> = IndexMap::new();
        let mut failed: Vec<&str> = Vec::new();
        for &language in &languages {
            let cell =
                table.optional(language).and_then(|column| column.get(row).copied()).unwrap_or_default();
            let value = number(cell, language).map_err(|fault| DataError::new(table.place(row), fault))?;
            if value.is_none() && !cell.trim().is_empty() {
                failed.push(language);
            }
            let value = value.map(|value| value / 100.0);
            own.insert(language.to_owned(), LanguageOutcome { value, ..LanguageOutcome::default() });
        }
        if !failed.is_empty() {
            let reason = format!("{}: runs of {model} failed in {}", name.metric, listed(&failed));
            missing.push(MissingTask { task: name.task.clone(), reason });
        }
        let counted = counted(spec, &name.task);
        let lacking: Vec<&str> = counted
            .iter()
            .copied()
            .filter(|language| own.get(*language).is_none_or(|own| own.value.is_none()))
            .collect();
        if failed.is_empty() && !lacking.is_empty() {
            let reason = format!("{}: no values of {model} in {}", name.metric, listed(&lacking));
            missing.push(MissingTask { task: name.task.clone(), reason });
        }
        if lacking.is_empty() {
            let average = 100.0
                * counted.iter().filter_map(|language| own.get(*language)?.value).sum::<f64>()
                / counted.len() as f64;
            let column = table.optional(AVERAGE);
            let published = column.and_then(|column| column.get(row)?.trim().parse::<f64>().ok());
            if let Some(published) = published.filter(|published| (published - average).abs() > TOLERANCE) {
                notes.push(format!(
                    "{}: `{AVERAGE}` of {model} is {published} in `{}`, and the mean over {} is {average:.4}",
                    name.task,
                    quoted(&source.name),
                    listed(&counted)
                ));
            }
        }
        let task = values.entry(model.to_owned()).or_default().entry(name.task.clone()).or_default();
        if task.insert(name.metric.clone(), own).is_some() {
            return Err(DataError::new(table.place(row), Fault::DuplicateId(model.to_owned())));
        }
    }
    Ok(())
}

/// The languages that an average counts.
fn counted<'s>(spec: &'s SuiteSpec, task: &str) -> Vec<&'s str> {
    let languages = spec.tasks.get(task).map(|task| task.languages.as_slice()).unwrap_or_default();
    let counts = |language: &&str| !spec.average_without.iter().any(|own| own == language);
    languages.iter().map(String::as_str).filter(counts).collect()
}

/// A value in per cent; none of a run that failed, or of an empty cell.
fn number(cell: &str, column: &str) -> Result<Option<f64>, Fault> {
    let cell = cell.trim();
    if cell.is_empty() {
        return Ok(None);
    }
    match cell.parse::<f64>() {
        Ok(FAILED) => Ok(None),
        Ok(value) if (0.0..=100.0).contains(&value) => Ok(Some(value)),
        _ => Err(Fault::NotNumber { column: column.to_owned(), found: cell.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iglue() -> LoadedSuite {
        super::super::load("builtin:iglue").unwrap()
    }

    #[test]
    fn names_of_tables_say_what_they_are_of() {
        let suite = iglue();
        let of = |name: &str| TableName::of(&suite, Path::new(name)).map_err(|error| error.to_string());
        let name = |task: &str, metric: &str, setting, shots| TableName {
            task: task.to_owned(),
            metric: metric.to_owned(),
            setting,
            shots,
        };
        assert_eq!(of("a/xGQA_0.csv"), Ok(name("xgqa", "accuracy", "zero-shot", None)));
        assert_eq!(of("xGQA_0.mt.csv"), Ok(name("xgqa", "accuracy", "translate-test", None)));
        assert_eq!(
            of("xFlickrCO_ir_100.csv"),
            Ok(name("xflickrco", "image-recall-at-1", "few-shot", Some(100)))
        );
        assert_eq!(of("WIT_tr_0.csv"), Ok(name("wit", "caption-recall-at-1", "zero-shot", None)));
        assert_eq!(of("MaRVL_10x2.csv"), Ok(name("marvl", "accuracy", "few-shot", Some(20))));
        assert_eq!(of("MaRVL_0.id_tr_zh.mt.csv"), Ok(name("marvl", "accuracy", "translate-test", None)));
        for (wrong, said) in [
            ("xFlickrCO-many_ir_1000.csv", "of the task `xflickrco-many`"),
            ("xFlickrCO_0.csv", "of which metric"),
            ("xGQA_0.other.csv", "the setting `other`"),
            ("xGQA_1x.csv", "how many shots"),
        ] {
            assert!(of(wrong).unwrap_err().contains(said), "{wrong}: {:?}", of(wrong));
        }
    }

    fn tables(files: &[(&str, &str)]) -> Result<SuiteScores, SuiteError> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = files
            .iter()
            .map(|(name, text)| {
                let path = folder.path().join(name);
                std::fs::write(&path, text).unwrap();
                path
            })
            .collect();
        results(&iglue(), &paths)
    }

    #[test]
    fn averages_are_over_the_languages_of_the_setting() {
        let text =
            "model,en,ar,es,fr,ru,avg\na,80,40,50,60,30,45\nb,80,-1.0,50,60,30,-1.0\nc,80,40,50,60,30,44\n";
        let scores = tables(&[("XVNLI_0.csv", text)]).unwrap();
        let accuracy = |model: &str| &scores.outcome.models[model].tasks["xvnli"].metrics["accuracy"];
        assert!((accuracy("a").average.unwrap() - 0.45).abs() < 1e-12);
        assert!((accuracy("a").transfer.unwrap() - 0.5625).abs() < 1e-12);
        assert_eq!((accuracy("b").average, accuracy("b").languages["ar"].value), (None, None));
        assert!(scores.outcome.missing.iter().any(|own| own.reason == "accuracy: runs of b failed in ar"));
        assert!(scores.outcome.missing.iter().any(|own| own.task == "xgqa"));
        assert_eq!(scores.notes.len(), 1, "{:?}", scores.notes);
        // Few-shot has three languages of MaRVL's five.
        let few = tables(&[("MaRVL_4.csv", "model,id,tr,zh\na,50,60,70\n")]).unwrap();
        assert_eq!((few.outcome.setting.as_str(), few.outcome.shots), ("few-shot", Some(4)));
        let average = few.outcome.models["a"].tasks["marvl"].metrics["accuracy"].average;
        assert!((average.unwrap() - 0.6).abs() < 1e-12);
        let zero = tables(&[("MaRVL_0.csv", "model,id,tr,zh\na,50,60,70\n")]).unwrap();
        assert_eq!(zero.outcome.models["a"].tasks["marvl"].metrics["accuracy"].average, None);
        assert!(
            zero.outcome.missing[0].reason.ends_with("no values of a in sw, ta"),
            "{:?}",
            zero.outcome.missing
        );
    }

    #[test]
    fn tables_that_do_not_go_together_are_refused() {
        let (good, two) = ("model,en,ar\na,1,2\n", "model,en,ar\na,1,2\na,1,3\n");
        for (files, said) in [
            (vec![("XVNLI_0.csv", good), ("XVNLI_0.mt.csv", good)], "the setting translate-test"),
            (vec![("XVNLI_0.csv", good), ("xvnli_0.csv", good)], "several tables"),
            (vec![("XVNLI_0.csv", "model,en,xx\na,1,2\n")], "`xx` is not one of"),
            (vec![("XVNLI_0.csv", "model,en,ar\na,1,200\n")], "XVNLI_0.csv:2: `ar` holds `200`"),
            (vec![("XVNLI_0.csv", "name,en,ar\na,1,20\n")], "no column `model`"),
            (vec![("XVNLI_0.csv", two)], "XVNLI_0.csv:3: the id `a` is given twice"),
        ] {
            let error = tables(&files).unwrap_err().to_string();
            assert!(error.contains(said), "{said}: {error}");
        }
    }
}
