//! `alambic evaluate`.

use std::path::{Path, PathBuf};

use alambic_ranks::Ranks;
use alambic_recipes::observer::{Observer, Silent};
use alambic_recipes::suite::{
    self, EvaluateOptions, EvaluatedModel, Selection, Setting, SuiteScores, model_name,
};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::score::tables;
use super::{interrupt, model_folder};
use crate::failure::Failure;
use crate::log::{say, warn};
use crate::output;
use crate::progress::Progress;

/// Evaluates models on a suite of tasks in many languages
#[derive(Args)]
pub(crate) struct Arguments {
    /// Models: folders of runs or models, or `hf:OWNER/NAME[@REVISION]`; `NAME=MODEL` says what one is called
    #[arg(required = true, value_name = "MODEL")]
    models: Vec<String>,
    /// The suite: a file, or `builtin:NAME`, as `alambic list suites` shows it
    #[arg(long, value_name = "SUITE")]
    suite: String,
    /// The folder of data, in it a folder for each task
    #[arg(long, value_name = "DIR", default_value = ".")]
    data: PathBuf,
    /// The folder of labels, where they lie apart from the inputs, in it a folder for each task
    #[arg(long, value_name = "DIR")]
    labels: Option<PathBuf>,
    /// How models are trained and asked
    #[arg(long, value_parser = settings(), default_value = Setting::ZeroShot.name())]
    setting: Setting,
    /// Examples of a language that `few-shot` trains on, the first ones of its file
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    shots: Option<u32>,
    /// Tasks to evaluate; left out, all
    #[arg(long, value_name = "TASK", value_delimiter = ',')]
    tasks: Vec<String>,
    /// Languages to evaluate; left out, all
    #[arg(long, value_name = "LANGUAGE", value_delimiter = ',')]
    languages: Vec<String>,
    /// Writes the predictions here as well, in the layout of the benchmark's submissions; of several models a folder each
    #[arg(long, value_name = "DIR")]
    predictions: Option<PathBuf>,
    /// The folder of the evaluation; `evaluations/SUITE` if left out
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Goes on with the evaluation in the folder
    #[arg(long)]
    resume: bool,
    /// Seed of fine-tuning
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Prints what `suite.json` holds
    #[arg(long)]
    json: bool,
}

/// Reads a setting by its name.
fn settings() -> impl TypedValueParser<Value = Setting> {
    let names = Setting::LIST.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(names)
        .try_map(|name| Setting::from_name(&name).ok_or_else(|| format!("`{name}` is no setting")))
}

pub(crate) fn run(arguments: &Arguments, ranks: &Ranks) -> Result<(), Failure> {
    let loaded = suite::load(&arguments.suite)?;
    let known = |name: &String| loaded.suite.task.contains_key(name);
    if let Some(unknown) = arguments.tasks.iter().find(|name| !known(name)) {
        let names: Vec<&str> = loaded.suite.task.keys().map(String::as_str).collect();
        return Err(Failure::Usage(format!(
            "the suite has no task `{unknown}`; it has {}",
            names.join(", ")
        )));
    }
    let has = |language: &String| {
        loaded.suite.task.values().any(|task| task.languages.iter().any(|own| own.value == *language))
    };
    if let Some(unknown) = arguments.languages.iter().find(|language| !has(language)) {
        return Err(Failure::Usage(format!("no task of the suite has the language `{unknown}`")));
    }
    if (arguments.setting == Setting::FewShot) != arguments.shots.is_some() {
        return Err(Failure::Usage("`--setting few-shot` and `--shots` belong together".into()));
    }
    let out = arguments.out.clone();
    let options = EvaluateOptions {
        models: models(&arguments.models)?,
        data: arguments.data.clone(),
        labels: arguments.labels.clone().unwrap_or_else(|| arguments.data.clone()),
        setting: arguments.setting,
        shots: arguments.shots.map(|shots| shots as usize),
        selection: Selection { tasks: arguments.tasks.clone(), languages: arguments.languages.clone() },
        out: out.unwrap_or_else(|| Path::new("evaluations").join(&loaded.suite.name.value)),
        predictions: arguments.predictions.clone(),
        resume: arguments.resume,
        seed: arguments.seed,
        interrupt: interrupt("stopping where it can be gone on with; once more quits at once")?,
        ranks: ranks.clone(),
    };
    let mut progress = Progress::new();
    let mut silent = Silent;
    let observer: &mut dyn Observer = if ranks.is_first() { &mut progress } else { &mut silent };
    let Some(SuiteScores { outcome, spec, notes }) = suite::evaluate(&loaded, &options, observer)? else {
        return Ok(());
    };
    for note in &notes {
        warn(note);
    }
    if let Some(folder) = &arguments.predictions {
        say(&format!("predictions: {}", folder.display()));
    }
    if arguments.json {
        return output::line(&outcome.json()?);
    }
    tables(&outcome, &spec)?;
    output::line(&format!("report: {}", options.out.join("report.html").display()))
}

/// The models with their names.
fn models(given: &[String]) -> Result<Vec<EvaluatedModel>, Failure> {
    let mut models: Vec<EvaluatedModel> = Vec::new();
    for text in given {
        let is_name = |name: &str| !name.is_empty() && !name.contains(['/', ':', '\\', '.']);
        let (name, model) = match text.split_once('=') {
            Some((name, model)) if is_name(name) => (Some(name.to_owned()), model),
            _ => (None, text.as_str()),
        };
        let folder = model_folder(Path::new(model))?;
        let name = match (name, model.strip_prefix("hf:")) {
            (Some(name), _) => name,
            (None, Some(hub)) => hub.rsplit('/').next().unwrap_or(hub).replace('@', "-"),
            (None, None) => model_name(&folder)?,
        };
        if models.iter().any(|own| own.name == name) {
            let message = format!("two models are called `{name}`; name them, as `other={model}`");
            return Err(Failure::Usage(message));
        }
        models.push(EvaluatedModel { name, folder });
    }
    Ok(models)
}
