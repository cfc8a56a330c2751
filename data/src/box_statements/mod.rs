//! Made-up boxes of shapes, statements about them that are true or false, and questions, in the manner of NLVR (Suhr et al., 2017).

mod contents;
mod family;
mod invented;
mod question;
mod statement;

pub use family::StatementFamily;
pub(crate) use invented::invent;
pub(crate) use question::{BoxQuestions, question_answers};
pub(crate) use statement::BoxStatements;
