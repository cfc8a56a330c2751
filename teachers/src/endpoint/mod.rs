//! Teachers over HTTP: models behind an API like OpenAI's.
//!
//! An [`EndpointTeacher`] asks `chat/completions` for labels, numbers, tags and texts, or `embeddings` for vectors. What is
//! answered is appended, answer by answer, to a file of JSON lines ([`EndpointAnswer`]), a table that a teacher of recorded
//! outputs reads. Beside it lies a file of the same name with `.settings.json` behind it: address, model, prompt and all else
//! that decides the answers. A table is completed with the same settings only; without the second file it can still be read.
//!
//! A text with an answer is not asked about again, whether the answer parses or not: to have those anew that do not, delete
//! the lines with `failed`. The last line of a killed process may be torn, and is dropped.
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::atomic::AtomicBool;
//!
//! use alambic_ranks::Ranks;
//! use alambic_settings::{Node, read};
//! use alambic_teachers::{EndpointInput, EndpointOptions, EndpointTeacher, read_answers};
//!
//! let options = r#"
//! base-url = "http://localhost:8080/v1"
//! model = "llama"
//! output = "labels"
//! prompt = "Is this review one of these: {classes}? Answer with that word alone.\n\n{text}"
//! logprobs = true
//! "#;
//! let options: EndpointOptions = read(&Node::parse("options.toml", options).unwrap()).unwrap();
//! let teacher = EndpointTeacher::new(&options, &["good".into(), "bad".into()], &[])?;
//! let texts: Vec<EndpointInput> = vec!["A joy from start to end.".into(), "Two hours I want back.".into()];
//! println!("{}", teacher.estimate(&texts)?);
//! let (file, interrupt) = (Path::new("answers.jsonl"), AtomicBool::new(false));
//! let summary = teacher.complete(file, &texts, &Ranks::alone(), &interrupt, &mut |_| {})?;
//! println!("{summary}");
//! for answer in read_answers(file)? {
//!     println!("{}: {:?}", answer.text, answer.probabilities);
//! }
//! # Ok::<(), alambic_teachers::TeacherError>(())
//! ```

mod answer;
mod answering;
mod base_url;
mod budget;
mod chat;
mod classes;
mod client;
mod embeddings;
mod error;
mod failure;
mod key;
mod options;
mod parse;
mod probabilities;
mod progress;
mod response;
mod retry;
mod sender;
mod settings;
mod stop;
mod summary;
mod table;
mod teacher;
mod template;
mod workers;

pub use answer::{EndpointAnswer, EndpointExample, EndpointInput, TokenCount, WrittenText};
pub use answering::AnsweringEndpoint;
pub use error::EndpointError;
pub use options::{EndpointExamples, EndpointOptions, EndpointOutput, ResponseFormat};
pub use summary::{EndpointEstimate, EndpointStop, EndpointSummary};
pub use table::read_answers;
pub use teacher::EndpointTeacher;
