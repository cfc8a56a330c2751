//! The tests of `alambic-teachers`, in one program: each program more has to be linked.

mod common;
mod endpoint;
mod endpoint_asking;
mod endpoint_server;
mod endpoint_state;
mod records;
mod teachers;
