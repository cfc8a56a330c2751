//! The tests of `alambic-tensor`, in one program: each program more has to be linked.

mod convolution;
mod determinism;
mod errors;
mod finite_differences;
mod golden;
mod prefix;
mod sparse_attention;
mod training;
