//! `alambic completions`.

use clap::Args;
use clap_complete::{Shell, generate};

use crate::failure::Failure;
use crate::output;

/// Prints the completions of a shell, to be put where it looks for them
///
/// For bash: `alambic completions bash > ~/.local/share/bash-completion/completions/alambic`; for zsh a file `_alambic` in a
/// folder of `fpath`; for fish `~/.config/fish/completions/alambic.fish`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, mut program: clap::Command) -> Result<(), Failure> {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    generate(arguments.shell, &mut program, name, &mut script);
    output::bytes(&script)
}
