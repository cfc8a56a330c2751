//! `alambic loss`.

use std::path::{Path, PathBuf};

use alambic_losses::{Loss, recorded};
use alambic_settings::Kind;
use alambic_settings::reader::nearest;
use alambic_tensor::parameters::{self, Weights};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::output;

/// One loss term on two recorded traces: its value, and its gradients
#[derive(Args)]
pub(crate) struct Arguments {
    /// The term, as `alambic list losses` names it
    name: String,
    /// The student's trace, with `labels` and projections where the term needs them
    #[arg(long, value_name = "FILE")]
    student: PathBuf,
    /// The teacher's trace
    #[arg(long, value_name = "FILE")]
    teacher: PathBuf,
    /// Sets an option of the term, as `map=last`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The safetensors file to write: the gradient by each tap of the student
    #[arg(long, value_name = "FILE")]
    gradients: Option<PathBuf>,
    /// Prints a JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Some(loss) = recorded::parse(&arguments.name, &arguments.set)? else {
        let known: Vec<&str> = Loss::list().iter().map(|(name, _)| *name).collect();
        let near = nearest(&arguments.name, &known).map(|near| format!("did you mean `{near}`?"));
        let help = near.unwrap_or_else(|| "`alambic list losses` shows those there are".into());
        return Err(Failure::Usage(format!("there is no loss `{}`; {help}", arguments.name)));
    };
    let evaluated = recorded::evaluate(&loss, &read(&arguments.student)?, &read(&arguments.teacher)?)?;
    if let Some(path) = &arguments.gradients {
        parameters::save(&evaluated.gradients, &[], path)
            .map_err(|error| Failure::message(format!("{}: {error}", path.display())))?;
    }
    let taps: Vec<&String> = evaluated.gradients.keys().collect();
    if arguments.json {
        return output::json(&json!({ "loss": arguments.name, "value": evaluated.value, "taps": taps }));
    }
    output::line(&evaluated.value.to_string())
}

fn read(path: &Path) -> Result<Weights, Failure> {
    parameters::load(path).map_err(|error| Failure::message(format!("{}: {error}", path.display())))
}
