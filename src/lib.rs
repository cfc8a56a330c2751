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
mod log;
mod output;
mod progress;
mod table;
mod version;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use alambic_losses::LossKind;
use alambic_ranks::Ranks;
use alambic_tensor::device::DeviceSpec;
use clap::{CommandFactory, Parser};

use commands::{Command, Machine};
use failure::Failure;
use log::{Level, LogFormat};

/// Heading of the options that every command has.
const GLOBAL: &str = "Global options";

/// What `--help` says of environment variables.
const ENVIRONMENT: &str = "\
Environment variables:
  ALAMBIC_MAX_CPU_ISA  Newest instruction set for matrix products: `amx`, `avx512-bf16` (no AMX),
                       `avx512` (neither)
  RAYON_NUM_THREADS    Threads to compute with, where neither `--threads` nor a recipe says
  HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, HTTPS_PROXY, NO_PROXY
                       As for the client of the Hugging Face hub";

/// A knowledge-distillation workbench: recipes in, proven small models out.
#[derive(Parser)]
#[command(version, long_version = version::long_version(), after_long_help = ENVIRONMENT, max_term_width = 100)]
struct Arguments {
    /// Threads to compute with; left out, `threads` of the recipe, or as many as the machine has
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Where to compute: `cpu`, `cuda`, `cuda:N`, `metal`; `auto` takes a GPU if this build can use one and it is there
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DEVICE", default_value_t)]
    device: DeviceSpec,
    /// Format of what is said on standard error
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, value_name = "FORMAT", default_value_t)]
    log_format: LogFormat,
    /// Says nothing on standard error but warnings and errors
    #[arg(long, short, global = true, help_heading = GLOBAL, conflicts_with = "verbose")]
    quiet: bool,
    /// Says more on standard error: the machine of a run, and each of its steps
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    verbose: bool,
    #[command(subcommand)]
    command: Command,
}

/// The arguments, or how to exit where there is nothing to do or they are wrong.
fn parse(given: &[OsString]) -> Result<Arguments, ExitCode> {
    Arguments::try_parse_from(given).map_err(|error| {
        // What was asked of messages is not known yet.
        let wants_json = given.iter().any(|argument| argument == "--log-format=json")
            || given.windows(2).any(|pair| pair == ["--log-format", "json"]);
        if !wants_json || !error.use_stderr() {
            error.exit();
        }
        log::set(LogFormat::Json, Level::Info);
        let text = error.to_string();
        log::error(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
        ExitCode::from(2)
    })
}

/// Runs the command that the arguments of a process name, the name of the program first, and says how to exit. `losses` are
/// those of the program, beside the losses that come with this library.
///
/// Arguments that are none end the process, with a message. The message of a panic is that of a failed command from then on.
#[must_use]
pub fn command_line(arguments: impl IntoIterator<Item = OsString>, losses: &'static [LossKind]) -> ExitCode {
    let given: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match parse(&given) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let least = match (arguments.quiet, arguments.verbose) {
        (true, _) => Level::Warning,
        (_, true) => Level::Debug,
        _ => Level::Info,
    };
    log::set(arguments.log_format, least);
    if let Err(error) = alambic_tensor::check_max_cpu_isa() {
        return Failure::from(error).show();
    }
    let ranks = match ranks(&arguments.command) {
        Ok(ranks) => ranks,
        Err(failure) => return failure.show(),
    };
    let threads = arguments.threads.map(usize::from);
    let machine = Machine { threads, device: arguments.device, ranks: ranks.clone() };
    // What a panic prints on its own means nothing to a user; the message follows below.
    std::panic::set_hook(Box::new(|_| {}));
    let done =
        catch_unwind(AssertUnwindSafe(|| arguments.command.run(machine, losses, Arguments::command())));
    match done {
        Ok(done) => end(&ranks, done),
        Err(panic) => {
            // Nobody knows what was under way with the other ranks.
            log::silence(false);
            let code = Failure::of_panic(panic.as_ref()).show();
            ranks.abort(1);
            code
        }
    }
}

/// The processes that do a command together, of which the first one alone says how it goes.
fn ranks(command: &Command) -> Result<Ranks, Failure> {
    if !command.is_shared() {
        return Ok(Ranks::alone());
    }
    let lost = |message: &str| {
        log::silence(false);
        log::error(message);
    };
    let ranks = alambic_ranks::join(lost)?;
    log::silence(!ranks.is_first());
    Ok(ranks)
}

/// Ends the work of all ranks: what made one of them fail makes all fail, and the first one says it.
fn end(ranks: &Ranks, done: Result<(), Failure>) -> ExitCode {
    if let Err(failure) = &done {
        ranks.fail(failure.code(), &failure.to_string());
    }
    let done = done.and_then(|()| Ok(ranks.done()?));
    let code = done.map_or_else(|failure| failure.show(), |()| ExitCode::SUCCESS);
    // Launchers end all processes as soon as one has failed, and the first one was to say why before.
    if ranks.finish().is_err() {
        ranks.abort(1);
    }
    code
}
