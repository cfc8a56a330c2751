//! The command line as a function, for programs that add losses of their own to it.
//!
//! The program `alambic` is [`command_line`] without any. A program that has a list of its own hands it over, and every command
//! knows its losses as it knows the others: `run`, `check`, `plan`, `explain`, `schema`, `list losses`, `loss`. The example
//! `custom_loss` is such a program; [`loss_kind`](alambic_losses::loss_kind) shows a loss.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use alambic_losses::LossKind;
//!
//! const OWN: &[LossKind] = &[];
//!
//! fn main() -> ExitCode {
//!     alambic::command_line(std::env::args_os(), OWN)
//! }
//! ```
//!
//! What only a program can choose is in `src/main.rs` of `alambic`, for programs that train much to take over: mimalloc as the
//! allocator, with which a training step takes a fraction of the time, and
//! [`limit_candle_threads`](alambic_tensor::threads::limit_candle_threads).

mod commands;
mod failure;
mod output;
mod progress;
mod table;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use alambic_losses::LossKind;
use alambic_tensor::device::DeviceSpec;
use clap::{CommandFactory, Parser};

use commands::{Command, Machine};
use failure::Failure;

/// Heading of the options that every command has.
const GLOBAL: &str = "Global options";

/// A knowledge-distillation workbench: recipes in, proven small models out.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    /// Threads to compute with; left out, `threads` of the recipe, or as many as the machine has
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Where to compute: `cpu`, `cuda`, `cuda:N`, `metal`; `auto` takes a GPU if this build can use one and it is there
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DEVICE", default_value_t)]
    device: DeviceSpec,
    #[command(subcommand)]
    command: Command,
}

/// Runs the command that the arguments of a process name, the name of the program first, and says how to exit. `losses` are
/// those of the program, beside the losses that come with this library.
///
/// Arguments that are none end the process, with a message. The message of a panic is that of a failed command from then on.
#[must_use]
pub fn command_line(arguments: impl IntoIterator<Item = OsString>, losses: &'static [LossKind]) -> ExitCode {
    let arguments = Arguments::parse_from(arguments);
    let machine = Machine { threads: arguments.threads.map(usize::from), device: arguments.device };
    // What a panic prints on its own means nothing to a user; the message follows below.
    std::panic::set_hook(Box::new(|_| {}));
    let done =
        catch_unwind(AssertUnwindSafe(|| arguments.command.run(machine, losses, Arguments::command())));
    match done.unwrap_or_else(|panic| Err(Failure::of_panic(panic.as_ref()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.show(),
    }
}
