//! The tests of `alambic-students`, in one program: each program more has to be linked.

mod common;
mod export;
mod export_settings;
mod pali;
mod students;
