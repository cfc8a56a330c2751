//! Lines of input and of output.

use std::io::{BufRead, IsTerminal, Read};
use std::iter::{from_fn, once};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use alambic_files::read::describe;
use alambic_files::text::json_visible;
use serde_json::Value;

use super::Arguments;
use super::table::OutputFile;
use crate::failure::Failure;
use crate::log::warn;
use crate::output;

/// Most bytes of a line; what goes beyond them is cut off before anything is done with it.
const LONGEST: usize = 1 << 20;

/// Time without a further line after which those before it are answered.
const PAUSE: Duration = Duration::from_micros(500);

/// Truncated texts with a warning of their own.
const MAX_WARNINGS: usize = 10;

/// A line of input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from 0.
    pub(super) number: usize,
    pub(super) text: String,
    /// Whether it is longer than lines are read.
    pub(super) is_cut: bool,
}

/// What is printed of a line.
pub(super) struct Answer {
    /// The prediction in words.
    pub(super) text: String,
    /// The same as an object.
    pub(super) json: Value,
    /// Whether the model has read the text only in part.
    pub(super) is_cut: bool,
}

/// Reads the table of inputs, the arguments, or the lines of standard input, in batches, and prints the answers of `work` for each
/// line, or writes them to a file. Where standard input pauses, the lines that are there are a batch. Where a line cannot be read or answered, those before it are answered first.
pub(super) fn in_batches(
    arguments: &Arguments,
    mut work: impl FnMut(&[Line]) -> Result<Vec<Answer>, Failure>,
) -> Result<(), Failure> {
    let size = usize::from(arguments.batch);
    let text = [String::from("text")];
    let columns = arguments.table.as_ref().map_or(&text[..], |table| &table.columns);
    let file = arguments.output.as_ref().map(|path| OutputFile::create(path, columns)).transpose()?;
    let mut printer = Printer { json: arguments.json, cut: 0, file };
    let done = if let Some(table) = &arguments.table {
        run(table.lines.iter().cloned().map(Ok), size, &mut printer, &mut work)
    } else if arguments.inputs.is_empty() {
        // Whoever types wants an answer to each line.
        let is_typed = std::io::stdin().is_terminal();
        let size = if is_typed { 1 } else { size };
        let mut is_empty = true;
        let read = if arguments.has_empty_line && is_typed {
            Ok(())
        } else {
            run_as_they_come(
                || lines(std::io::stdin().lock()),
                size,
                &mut printer,
                &mut |batch: &[Line]| {
                    is_empty = false;
                    work(batch)
                },
            )
        };
        match read {
            Ok(()) if arguments.has_empty_line && is_empty => {
                run(once(Ok(Line::default())), size, &mut printer, &mut work)
            }
            read => read,
        }
    } else {
        let given = arguments.inputs.iter().cloned().enumerate();
        let given = given.map(|(number, text)| Ok(Line { number, text, is_cut: false }));
        run(given, size, &mut printer, &mut work)
    };
    // What could be answered is not lost.
    let finished = printer.finish();
    done.and(finished)
}

fn run(
    lines: impl Iterator<Item = Result<Line, Failure>>,
    size: usize,
    printer: &mut Printer,
    work: &mut impl FnMut(&[Line]) -> Result<Vec<Answer>, Failure>,
) -> Result<(), Failure> {
    let mut batch = Vec::with_capacity(size);
    for line in lines {
        match line {
            Ok(line) => batch.push(line),
            Err(failure) => {
                printer.answer(&batch, work)?;
                return Err(failure);
            }
        }
        if batch.len() == size {
            printer.answer(&batch, work)?;
            batch.clear();
        }
    }
    printer.answer(&batch, work)
}

/// As [`run`] does, of lines that a thread of its own reads: where no more come for a while, those that are there are answered.
fn run_as_they_come<L: Iterator<Item = Result<Line, Failure>>>(
    lines: impl FnOnce() -> L + Send + 'static,
    size: usize,
    printer: &mut Printer,
    work: &mut impl FnMut(&[Line]) -> Result<Vec<Answer>, Failure>,
) -> Result<(), Failure> {
    let (sender, receiver) = sync_channel(size);
    // It waits for input when everything else may have ended, so nobody waits for it.
    std::thread::spawn(move || {
        for line in lines() {
            // Without a receiver the command is over.
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    while let Ok(first) = receiver.recv() {
        let paused = || receiver.recv_timeout(PAUSE).ok();
        run(once(first).chain(from_fn(paused)).take(size), size, printer, work)?;
    }
    Ok(())
}

/// Prints answers.
struct Printer {
    json: bool,
    /// Texts that were cut so far.
    cut: usize,
    /// The file of the predictions, in place of standard output.
    file: Option<OutputFile>,
}

impl Printer {
    fn answer(
        &mut self,
        batch: &[Line],
        work: &mut impl FnMut(&[Line]) -> Result<Vec<Answer>, Failure>,
    ) -> Result<(), Failure> {
        if batch.is_empty() {
            return Ok(());
        }
        match work(batch) {
            Ok(answers) => batch.iter().zip(answers).try_for_each(|(line, answer)| self.print(line, answer)),
            Err(failure) if batch.len() == 1 => Err(failure.at(batch[0].number)),
            // One line may fail for all: each by itself, up to the first that fails.
            Err(_) => batch.iter().try_for_each(|line| self.answer(std::slice::from_ref(line), work)),
        }
    }

    fn print(&mut self, line: &Line, answer: Answer) -> Result<(), Failure> {
        let Answer { text, mut json, is_cut } = answer;
        if is_cut || line.is_cut {
            self.cut += 1;
            let why = if line.is_cut {
                "is longer than lines are read"
            } else {
                "has more tokens than the model reads"
            };
            if self.cut <= MAX_WARNINGS {
                warn(&format!("line {} {why}: it was truncated", line.number + 1));
            }
            json["truncated"] = true.into();
        }
        if let Some(file) = &mut self.file {
            return file.write(&line.text, &text, &json);
        }
        output::line(&if self.json {
            json_visible(&json.to_string())
        } else {
            format!("{}\t{text}", line.text)
        })
    }

    fn finish(self) -> Result<(), Failure> {
        if self.cut > MAX_WARNINGS {
            warn(&format!("{} texts were truncated in all", self.cut));
        }
        self.file.map_or(Ok(()), OutputFile::finish)
    }
}

/// Lines with their numbers, without their ends and without a byte order mark before the first.
fn lines(mut input: impl BufRead) -> impl Iterator<Item = Result<Line, Failure>> {
    let mut number = 0;
    std::iter::from_fn(move || {
        let (mut bytes, is_cut) = match bounded(&mut input) {
            Ok((bytes, false)) if bytes.is_empty() => return None,
            Ok(read) => read,
            Err(error) => return Some(Err(Failure::Failed(Box::new(error)))),
        };
        if is_cut
            && let Err(error) = std::str::from_utf8(&bytes)
            && error.error_len().is_none()
        {
            bytes.truncate(error.valid_up_to());
        }
        let what = describe(&bytes);
        let line = String::from_utf8(bytes).map_err(|_| {
            let what = what.map_or_else(String::new, |what| format!("; this is {what}"));
            Failure::message(format!("not UTF-8{what}"))
        });
        let line = line.map(|text| {
            let text = if number == 0 { text.trim_start_matches('\u{feff}') } else { &text };
            Line { number, text: text.trim_end_matches(['\n', '\r']).to_owned(), is_cut }
        });
        number += 1;
        Some(line.map_err(|failure| failure.at(number - 1)))
    })
}

/// The bytes of a line up to [`LONGEST`], its end with them, and whether more were passed over.
fn bounded(input: &mut impl BufRead) -> std::io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    // Not by `take` on the reader itself, which would end it.
    (&mut *input).take(LONGEST as u64).read_until(b'\n', &mut bytes)?;
    if bytes.len() < LONGEST || bytes.ends_with(b"\n") {
        return Ok((bytes, false));
    }
    let mut is_cut = false;
    loop {
        let more = input.fill_buf()?;
        let end = more.iter().position(|&byte| byte == b'\n');
        let passed = end.map_or(more.len(), |end| end + 1);
        // A line that ends here is whole.
        is_cut |= end.unwrap_or(more.len()) > 0;
        let is_over = end.is_some() || more.is_empty();
        input.consume(passed);
        if is_over {
            return Ok((bytes, is_cut));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(usize, String, bool)> {
        let lines = lines(bytes).map(Result::ok).map_while(|line| line);
        lines.map(|line| (line.number, line.text, line.is_cut)).collect()
    }

    #[test]
    fn lines_keep_their_numbers_and_lose_their_ends() {
        let expected = [(0, "one".into(), false), (1, String::new(), false), (2, "two".into(), false)];
        assert_eq!(read(b"one\r\n\ntwo"), expected);
        assert!(lines(&b"\xff\n"[..]).next().unwrap().is_err());
        assert_eq!(read("\u{feff}one\n\u{feff}two".as_bytes())[1].1, "\u{feff}two");
        assert_eq!(read("\u{feff}one\n".as_bytes())[0].1, "one");
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_is_read() {
        let long = "é".repeat(LONGEST);
        let read = read(format!("x{long}\nnext\n").as_bytes());
        assert_eq!(read[0].1, format!("x{}", "é".repeat(LONGEST / 2 - 1)));
        assert_eq!((read[0].2, read[1].1.as_str(), read[1].2), (true, "next", false));
        // One that just fits is whole.
        let fits = "x".repeat(LONGEST);
        for end in ["", "\n", "\r\n"] {
            let read = self::read(format!("{fits}{end}").as_bytes());
            assert_eq!((read.len(), read[0].1.len()), (1, LONGEST));
        }
    }

    #[test]
    fn lines_before_a_bad_one_are_answered() {
        let mut answered = Vec::new();
        let mut work = |batch: &[Line]| {
            if batch.iter().any(|line| line.text == "bad") {
                return Err(Failure::message("no"));
            }
            answered.extend(batch.iter().map(|line| line.text.clone()));
            Ok(Vec::new())
        };
        let mut printer = Printer { json: false, cut: 0, file: None };
        let ended = run(lines(&b"one\ntwo\nbad\nthree\n"[..]), 64, &mut printer, &mut work);
        assert!(matches!(ended, Err(Failure::Failed(error)) if error.to_string() == "line 3: no"));
        assert_eq!(answered, ["one", "two"]);
        answered.clear();
        let mut work = |batch: &[Line]| {
            answered.extend(batch.iter().map(|line| line.text.clone()));
            Ok(Vec::new())
        };
        let ended = run(lines(&b"one\n\xff\n"[..]), 64, &mut printer, &mut work);
        assert!(
            matches!(ended, Err(Failure::Failed(error)) if error.to_string().contains("line 2: not UTF-8"))
        );
        assert_eq!(answered, ["one"]);
    }
}
