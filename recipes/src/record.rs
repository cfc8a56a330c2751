//! Recording the answers of a teacher for the texts of a recipe, as a table that a recorded teacher reads.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use alambic_data::{ChoiceQuestion, ContentKind, Split, Text};
use alambic_files::write;
use alambic_inference::TextPair;
use alambic_reports::record::{table_of_objects, write_table};
use alambic_settings::IndexMap;
use alambic_teachers::{Answer, AnswerForm, Teacher};
use indexmap::IndexSet;
use serde::Serialize;

use crate::check::checker::Depth;
use crate::check::examine;
use crate::error::RunError;
use crate::load::Loaded;
use crate::model_store::ModelStore;
use crate::observer::Observer;

/// Texts that are read between two looks at the flag that stops.
const CHUNK: usize = 1024;

/// A table of recorded answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedAnswers {
    /// The file.
    pub path: PathBuf,
    /// The teacher.
    pub teacher: String,
    /// Its rows.
    pub texts: usize,
    /// The column of its answers: `logits`, `number` or `vector`.
    pub answers: String,
}

/// A row of the table, whose columns [`alambic_teachers::RecordedOptions`] describes.
#[derive(Debug, Serialize)]
struct Row<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    second: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<Logits<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Vec<f32>>,
}

/// Logits by class, of a text or of each of its words.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Logits<'a> {
    Text(IndexMap<&'a str, f32>),
    /// Nothing for a word that was cut.
    Words(Vec<Option<IndexMap<&'a str, f32>>>),
}

/// Has the teacher of a stage read the stage's texts, and those of the evaluation, and writes its answers: JSON lines,
/// or Parquet where `path` ends in `.parquet`. The recipe must have been [checked](crate::check()).
///
/// # Errors
/// When the stage has no teacher that encodes texts, [`RunError::Interrupted`] when it was asked to stop, and those of
/// teachers and files.
pub fn record(
    loaded: &Loaded,
    stage: Option<&str>,
    path: &Path,
    interrupt: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<RecordedAnswers, RunError> {
    let recipe = &loaded.recipe;
    let with_teacher: Vec<&str> = recipe
        .stages
        .iter()
        .map(|name| name.value.as_str())
        .filter(|name| recipe.stage.get(*name).is_some_and(|options| options.teacher.is_some()))
        .collect();
    let stage = match (stage, with_teacher.as_slice()) {
        (Some(name), known) if known.contains(&name) => name,
        (None, [only]) => only,
        (None, []) => return Err(RunError::Recipe("no stage of the recipe has a teacher".into())),
        _ => {
            return Err(RunError::Recipe(format!(
                "name one of the stages that have a teacher with `--stage`: {}",
                with_teacher.join(", ")
            )));
        }
    };
    let options = &recipe.stage[stage];
    let task = options.data.task();
    let checker = examine(loaded, Depth::Whole);
    let Some(name) = &options.teacher else {
        return Err(RunError::Recipe(format!("stage `{stage}` has no teacher")));
    };
    let mut all: Vec<&Text> = Vec::new();
    for split in [Split::Train, Split::Validation] {
        let none = || {
            RunError::Recipe(format!(
                "stage `{stage}` has no texts by themselves, which alone can be recorded"
            ))
        };
        all.extend(task.cacheable_texts(&checker.corpora, split).ok_or_else(none)??);
    }
    if checker.corpora.kind(&recipe.evaluation.data) == Some(ContentKind::Texts) {
        all.extend(checker.corpora.texts_of_any_labels(&recipe.evaluation.data, Split::Test)?);
    } else if checker.corpora.kind(&recipe.evaluation.data) == Some(ContentKind::Choices) {
        for corpus in checker.corpora.datasets::<ChoiceQuestion>(&recipe.evaluation.data)? {
            all.extend(corpus.splits.test.iter().flat_map(|question| &question.pairs));
        }
    }
    let folder = write::parent(path);
    let models = ModelStore::without_run(&recipe.teacher, folder);
    let teacher = models.encoder(name)?;
    let form = teacher.outline().map(AnswerForm::of_model).unwrap_or_default();
    // A text that stands in several splits or tables is read once.
    let texts: IndexSet<TextPair<'_>> = all.into_iter().flat_map(|row| task.read_texts(row)).collect();
    let texts: Vec<TextPair<'_>> = texts.into_iter().collect();
    observer.task(&format!("{stage}: teacher `{}` reads", name.value), texts.len(), 0);
    let mut rows = Vec::with_capacity(texts.len());
    for chunk in texts.chunks(CHUNK) {
        if interrupt.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted { folder: folder.to_owned() });
        }
        rows.extend(rows_of(chunk, teacher.answers(chunk, task.max_length())?, &form.classes));
        observer.progress(rows.len());
    }
    let is_parquet = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    if is_parquet {
        let objects: Vec<serde_json::Value> = rows
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<_, _>>()
            .map_err(|error| RunError::content(path, error))?;
        let mut table = table_of_objects(objects.iter(), &["text"]).map_err(RunError::Recipe)?;
        write_table(&mut table, path)?;
    } else {
        let mut lines = String::new();
        for row in &rows {
            lines += &serde_json::to_string(row).map_err(|error| RunError::content(path, error))?;
            lines.push('\n');
        }
        write::write(path, lines.as_bytes())?;
    }
    let answers = match rows.first() {
        Some(Row { number: Some(_), .. }) => "number",
        Some(Row { vector: Some(_), .. }) => "vector",
        _ => "logits",
    };
    observer.finished(&format!("{} texts in {}", rows.len(), path.display()));
    Ok(RecordedAnswers {
        path: path.to_owned(),
        teacher: name.value.clone(),
        texts: rows.len(),
        answers: answers.to_owned(),
    })
}

/// Rows of texts with the answers of a model, whose classes have these names; none of a regression.
fn rows_of<'a>(texts: &[TextPair<'a>], answers: Vec<Answer>, classes: &'a [String]) -> Vec<Row<'a>> {
    let named = |numbers: &[f32]| -> IndexMap<&'a str, f32> {
        classes.iter().map(String::as_str).zip(numbers.iter().copied()).collect()
    };
    let row = |(&(text, second), answer): (&TextPair<'a>, Answer)| {
        let word = |numbers: &Vec<f32>| (!numbers.is_empty()).then(|| named(numbers));
        let words = || Logits::Words(answer.words.iter().map(word).collect());
        let of_text = || Logits::Text(named(&answer.logits));
        let logits = match (answer.words.is_empty(), answer.logits.is_empty() || classes.is_empty()) {
            (false, _) => Some(words()),
            (true, false) => Some(of_text()),
            (true, true) => None,
        };
        let number = answer.logits.first().copied().filter(|_| classes.is_empty());
        let vector = Some(answer.vector.clone()).filter(|vector| !vector.is_empty());
        Row { text, second, logits, number, vector }
    };
    texts.iter().zip(answers).map(row).collect()
}
