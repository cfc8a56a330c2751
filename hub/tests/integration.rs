//! The tests of `alambic-hub`, in one program: each program more has to be linked.

mod answers;
mod cache;
mod hostile;
mod hub;
mod server;
