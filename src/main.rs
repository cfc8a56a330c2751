//! The command line: parse, dispatch, exit.

mod commands;
mod failure;
mod log;
mod output;
mod progress;
mod table;
mod version;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use alambic_tensor::device::DeviceSpec;
use commands::{Command, Machine};
use failure::Failure;
use log::{Level, LogFormat};

// Training allocates and frees large buffers all the time. The system allocator gives their pages back and has them
// zeroed anew, which would dominate a step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's `mi_option_purge_delay`, which its bindings leave out.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Heading of the options that every command has.
const GLOBAL: &str = "Global options";

/// A knowledge-distillation workbench: recipes in, proven small models out.
#[derive(Parser)]
#[command(version, long_version = version::long_version(), max_term_width = 100)]
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
fn parse() -> Result<Arguments, ExitCode> {
    Arguments::try_parse().map_err(|error| {
        // What was asked of messages is not known yet.
        let given: Vec<String> = std::env::args().collect();
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

fn main() -> ExitCode {
    // SAFETY: this is the first thing that the program does; there is no second thread yet.
    unsafe { alambic_tensor::threads::limit_candle_threads() };
    // Pages that a step frees are kept for the next: given back, they would be cleared anew, a tenth of the time.
    // SAFETY: sets one number, before there is a second thread.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, -1) };
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let least = match (arguments.quiet, arguments.verbose) {
        (true, _) => Level::Warning,
        (_, true) => Level::Debug,
        _ => Level::Info,
    };
    log::set(arguments.log_format, least);
    let machine = Machine { threads: arguments.threads.map(usize::from), device: arguments.device };
    // What a panic prints on its own means nothing to a user; the message follows below.
    std::panic::set_hook(Box::new(|_| {}));
    let done = catch_unwind(AssertUnwindSafe(|| arguments.command.run(machine, Arguments::command())));
    match done.unwrap_or_else(|panic| Err(Failure::of_panic(panic.as_ref()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.show(),
    }
}
