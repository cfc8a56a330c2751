//! `alambic man`.

use std::path::PathBuf;

use clap::Args;
use clap_mangen::Man;

use crate::failure::Failure;
use crate::output;

/// Prints the manual page, for `man -l`, or writes those of all commands into a folder
#[derive(Args)]
pub(crate) struct Arguments {
    /// A folder, in which `alambic.1` and a page for each command are written, as `alambic-run.1`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, program: clap::Command) -> Result<(), Failure> {
    if let Some(folder) = &arguments.out {
        std::fs::create_dir_all(folder).map_err(Failure::file(folder))?;
        return clap_mangen::generate_to(program, folder).map_err(Failure::file(folder));
    }
    let mut page = Vec::new();
    Man::new(program).render(&mut page)?;
    output::bytes(&page)
}
