//! What of a suite can be evaluated: the languages of each task for which there are inputs, and the trainings that they take.

use alambic_data::benchmarks::Part;
use alambic_files::text::quoted;
use alambic_reports::suite::MissingTask;

use super::super::kinds::SuiteTaskKind;
use super::super::load::LoadedSuite;
use super::super::schema::SuiteTask;
use super::super::score::listed;
use super::images::without_images;
use super::setting::Setting;
use super::{EvaluateOptions, Selection};

/// A task of which at least one language is evaluated.
#[derive(Debug)]
pub(super) struct PlannedTask<'s> {
    pub(super) name: &'s str,
    pub(super) task: &'s SuiteTask,
    /// Trainings, each with the languages that its model is asked in.
    pub(super) variants: Vec<Variant<'s>>,
}

/// A model of a task, and the languages that it is asked in.
#[derive(Debug)]
pub(super) struct Variant<'s> {
    /// The language whose examples it is trained on beside the source's, or in their place; none of the source alone.
    pub(super) trained_in: Option<&'s str>,
    pub(super) languages: Vec<&'s str>,
}

/// The tasks that can be evaluated, and those that cannot, with the reason.
pub(super) fn plan<'s>(
    suite: &'s LoadedSuite,
    options: &EvaluateOptions,
) -> (Vec<PlannedTask<'s>>, Vec<MissingTask>) {
    let (mut planned, mut missing) = (Vec::new(), Vec::new());
    for (name, task) in &suite.suite.task {
        match planned_task(name, task, suite.suite.source.as_str(), options) {
            Ok(task) => planned.push(task),
            Err(reason) => missing.push(MissingTask { task: name.clone(), reason }),
        }
    }
    (planned, missing)
}

fn planned_task<'s>(
    name: &'s str,
    task: &'s SuiteTask,
    source: &str,
    options: &EvaluateOptions,
) -> Result<PlannedTask<'s>, String> {
    let Selection { tasks, languages } = &options.selection;
    if !tasks.is_empty() && !tasks.iter().any(|own| own == name) {
        return Err("not among the tasks that were asked for".into());
    }
    let folder = task.corpus.folder(&options.data, name);
    let is_made_up = task.corpus.is_made_up();
    let is_about_images =
        matches!(task.kind.value, SuiteTaskKind::VisualQuestionAnswering | SuiteTaskKind::ImageTextRetrieval);
    if is_about_images && !is_made_up && task.corpus.images().is_none() {
        return Err("its texts are of several images, and models here read one: predict them otherwise and use `alambic score`".into());
    }
    if !folder.is_dir() && !is_made_up {
        return Err(format!("there is no folder `{}`", quoted(&folder.display().to_string())));
    }
    if let Some(reason) = task.corpus.images().and_then(|images| without_images(images, &folder)) {
        return Err(reason);
    }
    let named = test_file(task, options.setting)?;
    let asked: Vec<&str> = task
        .languages
        .iter()
        .map(|own| own.value.as_str())
        .filter(|language| languages.is_empty() || languages.iter().any(|own| own == language))
        .collect();
    let there = |language: &&str| {
        // The source is not translated.
        let named = if *language == source { None } else { named };
        is_made_up || !task.corpus.input_paths(&options.data, name, language, Part::Test, named).is_empty()
    };
    let (there, lacking): (Vec<&str>, Vec<&str>) = asked.into_iter().partition(there);
    if there.is_empty() {
        let Some(first) = lacking.first() else {
            return Err("it has none of the languages that were asked for".into());
        };
        let names: Vec<String> = task
            .corpus
            .input_names(Part::Test, named, first)
            .iter()
            .map(|name| format!("`{}`", quoted(name)))
            .collect();
        return Err(format!(
            "no inputs in {} (`{}` has no {})",
            listed(&lacking),
            quoted(&folder.display().to_string()),
            names.join(" or ")
        ));
    }
    Ok(PlannedTask { name, task, variants: variants(task, source, there, options)? })
}

/// The name of the files of the test part; none for the usual ones.
fn test_file(task: &SuiteTask, setting: Setting) -> Result<Option<&str>, String> {
    match (setting, &task.translated.test) {
        (Setting::TranslateTest, None) => {
            Err("`translated.test` names no translations of its test part".into())
        }
        (Setting::TranslateTest, Some(named)) => Ok(Some(named)),
        _ => Ok(None),
    }
}

/// The trainings of a task.
fn variants<'s>(
    task: &'s SuiteTask,
    source: &str,
    languages: Vec<&'s str>,
    options: &EvaluateOptions,
) -> Result<Vec<Variant<'s>>, String> {
    let trains = task.train.is_some();
    let in_turn = |has_own: &dyn Fn(&str) -> bool| -> Vec<Variant<'s>> {
        let (own, others): (Vec<&str>, Vec<&str>) =
            languages.iter().partition(|language| **language != source && has_own(language));
        let of_source = Variant { trained_in: None, languages: others };
        let own =
            own.into_iter().map(|language| Variant { trained_in: Some(language), languages: vec![language] });
        Some(of_source).filter(|own| !own.languages.is_empty()).into_iter().chain(own).collect()
    };
    match options.setting {
        Setting::ZeroShot | Setting::TranslateTest => Ok(vec![Variant { trained_in: None, languages }]),
        _ if !trains => Err("nothing is trained for it, so it has no such setting".into()),
        Setting::TranslateTrain => match &task.translated.train {
            None => Err("`translated.train` names no translations of its training part".into()),
            Some(_) => Ok(in_turn(&|_| true)),
        },
        Setting::FewShot => match (&task.few_shot, options.shots) {
            (None, _) => Err("`few-shot` names no files".into()),
            (Some(few), Some(shots)) if !few.shots.is_empty() && !few.shots.contains(&shots) => {
                let known: Vec<String> = few.shots.iter().map(ToString::to_string).collect();
                Err(format!("it has {shots} shots in no file, but {}", known.join(", ")))
            }
            (Some(few), _) => Ok(in_turn(&|own| {
                few.languages.is_empty() || few.languages.iter().any(|named| named.value == own)
            })),
        },
    }
}

/// The name of the files of the test part of a language; none for the usual ones.
pub(super) fn test_file_of<'t>(
    task: &'t SuiteTask,
    setting: Setting,
    language: &str,
    source: &str,
) -> Option<&'t str> {
    if language == source { None } else { test_file(task, setting).ok().flatten() }
}
