//! The tests of `alambic-settings`, in one program: each program more has to be linked.

mod added_kinds;
mod common;
mod documenting;
mod reading;
mod resolving;
