//! What one kind of task brings to the end of a run: the examples of the test part, and how models answer them.

use std::path::Path;

use alambic_files::text::is_hidden;
use alambic_reports::card::Usage;
use alambic_reports::metrics::{Metric, Prediction, PredictionKind};
use alambic_reports::outcome::Latency;
use alambic_reports::report::{IllustratedExamples, Noun, Text};
use alambic_settings::IndexMap;
use alambic_teachers::Teacher;

use super::RunError;
use crate::schema::EvaluationOptions;

/// What the student's card says of the kind of model that it is.
pub(crate) struct Kind {
    /// The task, as the hub names it.
    pub(crate) task: &'static str,
    pub(crate) tags: Vec<&'static str>,
    /// Codes of its languages.
    pub(crate) languages: Vec<String>,
    pub(crate) usage: Usage,
    pub(crate) limits: Vec<String>,
}

/// A model that does not see what matters, for comparison.
pub(crate) struct Floor {
    pub(crate) name: &'static str,
    /// What it is, for the report.
    pub(crate) description: &'static str,
    /// Its answers.
    pub(crate) answers: Vec<String>,
}

/// What answers are measured by, the most important first: the metrics that the recipe names and that suit such answers, or
/// the usual ones. Stages may have answers of other kinds than the evaluation, which the names are for.
pub(crate) fn measured_by<'o>(
    options: &'o EvaluationOptions,
    suits: &[&'static str],
    usual: &[&'static str],
) -> Vec<&'o str> {
    let named = options.metrics.iter().map(|name| name.value.as_str());
    let named: Vec<&str> = named.filter(|name| suits.contains(name)).collect();
    if named.is_empty() { usual.to_vec() } else { named }
}

/// Answers in words as the predictions that a metric accepts, or as its references.
pub(crate) fn typed(metric: &Metric, answers: &[String], are_references: bool) -> Vec<Prediction> {
    let is_graded = are_references && metric.name == "vqa-accuracy";
    let kind = if is_graded { Some(&PredictionKind::Scores) } else { metric.accepts.first() };
    let prediction = |answer: &String| match kind {
        Some(PredictionKind::Text) => Prediction::Text(answer.clone()),
        Some(PredictionKind::Tags) => {
            Prediction::Tags(answer.split_whitespace().map(str::to_owned).collect())
        }
        _ if answer.is_empty() => Prediction::Nothing,
        Some(PredictionKind::Number) => Prediction::Number(answer.trim().parse().unwrap_or(f64::NAN)),
        Some(PredictionKind::Ranking) => {
            let places: Option<Vec<usize>> =
                answer.split_whitespace().map(|place| place.parse().ok()).collect();
            places.map_or(Prediction::Nothing, Prediction::Ranking)
        }
        Some(PredictionKind::Scores) => Prediction::Scores(
            answer
                .lines()
                .filter_map(|line| line.split_once(' '))
                .filter_map(|(score, answer)| Some((answer.to_owned(), score.parse().ok()?)))
                .collect(),
        ),
        _ => Prediction::Class(answer.clone()),
    };
    answers.iter().map(prediction).collect()
}

/// The test part of a recipe, with the teacher's answers where there is a teacher.
pub(crate) trait Exam {
    /// What an example is called.
    fn noun(&self) -> Noun;

    /// What answers are measured by; the first is what models are judged by.
    fn metrics(&self) -> Vec<&str>;

    /// The metrics of a model's answers against the teacher's, each with its name in `metrics.json`.
    fn fidelity_metrics(&self) -> &'static [(&'static str, &'static str)];

    /// The right answers.
    fn references(&self) -> &[String];

    /// All classes or tags that are told apart; none where answers are something else.
    fn classes(&self) -> &[String] {
        &[]
    }

    /// The share of right answers, and the same of always giving the commonest: two metrics; none where answers are no
    /// classes.
    fn accuracies(&self) -> Option<[&'static str; 2]> {
        None
    }

    /// What a metric holds answers against.
    fn references_of(&self, _metric: &str) -> &[String] {
        self.references()
    }

    /// What of the test part nobody is judged on, and why; none if all of it counts.
    fn left_out(&self) -> Option<String> {
        None
    }

    /// The slice that each example belongs to; none where there is one kind of example only.
    fn slices(&self) -> &[String];

    /// The slice that the others are compared with; none where they are not of one kind.
    fn source_slice(&self) -> Option<&str> {
        None
    }

    /// The teacher that the student is held against.
    fn teacher(&self) -> Option<&dyn Teacher>;

    /// The teacher's answers.
    fn teacher_answers(&self) -> Option<&[String]>;

    /// The answers of a finished model. `progress` hears how many are done.
    fn answers(&self, folder: &Path, progress: &mut dyn FnMut(usize)) -> Result<Vec<String>, RunError>;

    /// The answers of a model that was not trained as the student was.
    fn answers_beside(
        &self,
        folder: &Path,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<String>, RunError> {
        self.answers(folder, progress)
    }

    /// How alike the insides of student and teacher are, each beside its value for shuffled pairs.
    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError>;

    /// Times by setting and model; see [`super::timing`].
    fn timings(
        &self,
        student: &Path,
        most: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError>;

    /// A model that does not see what matters; none where the commonest answer is floor enough.
    fn floor(&self) -> Option<&Floor> {
        None
    }

    /// What models look at in some examples, as images; none where there is nothing to be seen. Models are given by name and
    /// folder; the teacher, and the student before its training, are the exam's own to add.
    fn views(&self, _examples: &[usize], _models: &[(&str, &Path)]) -> Result<IllustratedExamples, RunError> {
        Ok(IllustratedExamples::default())
    }

    /// How long each example is, for a figure; none where length says little.
    fn lengths(&self) -> Option<Vec<usize>>;

    /// The text of an example.
    fn source(&self, index: usize) -> Text;

    /// An answer to an example, as a reader is shown it.
    fn answer(&self, index: usize, answer: &str) -> Text;

    /// What the student is and how it is used. `answer` is what it says of the first example.
    fn kind(&self, answer: Option<&String>) -> Kind;
}

/// A text as one argument of a shell, in one line. What begins with a hyphen is set apart from options.
pub(crate) fn shell_quoted(text: &str) -> String {
    let quoted = if text.chars().any(is_hidden) {
        let escaped = text.chars().map(|character| match character {
            '\'' | '\\' => format!("\\{character}"),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            hidden if is_hidden(hidden) => format!("\\u{:04x}", u32::from(hidden)),
            other => other.to_string(),
        });
        format!("$'{}'", escaped.collect::<String>())
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    };
    if text.starts_with('-') { format!("-- {quoted}") } else { quoted }
}

#[cfg(test)]
mod tests {
    use super::shell_quoted;

    #[test]
    fn a_text_is_one_argument_of_one_line() {
        assert_eq!(shell_quoted("it's"), "'it'\\''s'");
        assert_eq!(shell_quoted("$(touch x) `y` \\"), "'$(touch x) `y` \\'");
        assert_eq!(shell_quoted("a\nb's\u{202e}\\"), "$'a\\nb\\'s\\u202e\\\\'");
        assert_eq!(shell_quoted("--help"), "-- '--help'");
    }
}
