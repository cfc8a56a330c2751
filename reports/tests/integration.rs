//! The tests of `alambic-reports`, in one program: each program more has to be linked.

mod metrics;
mod writing;
