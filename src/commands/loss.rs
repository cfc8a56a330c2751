//! `alambic loss`.

use std::path::PathBuf;

use alambic_losses::{Loss, LossKind, added_losses, recorded};
use alambic_models::load_recorded;
use alambic_settings::Kind;
use alambic_settings::reader::nearest;
use clap::Args;
use serde_json::json;

use super::tensors::{check_target, write};
use crate::failure::Failure;
use crate::output;

/// The name that files bear which this command wrote.
const COMMAND: &str = "loss";

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
    /// The safetensors file to write, none that `loss` did not write itself: the gradient by each tap of the student
    #[arg(long, value_name = "FILE")]
    gradients: Option<PathBuf>,
    /// Prints a JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, losses: &'static [LossKind]) -> Result<(), Failure> {
    let Some(loss) = recorded::parse(&arguments.name, &arguments.set, &added_losses(losses)?)? else {
        let own = losses.iter().map(|entry| entry.name);
        let known: Vec<&str> = Loss::list().into_iter().map(|(name, _)| name).chain(own).collect();
        let near = nearest(&arguments.name, &known).map(|near| format!("did you mean `{near}`?"));
        let help = near.unwrap_or_else(|| "`alambic list losses` shows those there are".into());
        return Err(Failure::Usage(format!("there is no loss `{}`; {help}", arguments.name)));
    };
    if let Some(path) = &arguments.gradients {
        check_target(path, COMMAND, &[&arguments.student, &arguments.teacher], None)?;
    }
    let files = format!("{} and {}", arguments.student.display(), arguments.teacher.display());
    let (student, teacher) = (load_recorded(&arguments.student)?, load_recorded(&arguments.teacher)?);
    let evaluated = recorded::evaluate(&loss, &student, &teacher)
        .map_err(|error| Failure::message(format!("{files}: {error}")))?;
    if !evaluated.value.is_finite() {
        return Err(Failure::message(format!(
            "{files}: the loss is {}, which is not a number",
            evaluated.value
        )));
    }
    if let Some(path) = &arguments.gradients {
        write(path, COMMAND, &evaluated.gradients)?;
    }
    let taps: Vec<&String> = evaluated.gradients.keys().collect();
    if arguments.json {
        return output::json(&json!({ "loss": arguments.name, "value": evaluated.value, "taps": taps }));
    }
    output::line(&evaluated.value.to_string())
}
