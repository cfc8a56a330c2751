//! The tests of `alambic-losses`, in one program: each program more has to be linked.

mod decoder_attention;
mod edges;
mod gather;
mod golden;
mod schedules;
mod terms;
