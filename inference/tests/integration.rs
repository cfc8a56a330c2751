//! The tests of `alambic-inference`, in one program: each program more has to be linked.

mod multiple_choice;
mod pieces_and_padding;
mod question_answering;
