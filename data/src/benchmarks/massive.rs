//! Intents and slots of `IndicXTREME`: MASSIVE (`FitzGerald` et al., 2022).

use alambic_settings::settings;

use super::classes::class_of;
use super::files::LanguageFile;
use super::layouts::tags::read_sentences;
use super::references::{Gold, References};
use super::rows::{json_column, stripped};
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::{BenchmarkFault, DataError, Fault, Problems};
use crate::table::Columns;

settings! {
    /// MASSIVE, intents: what is asked of an assistant. Read are JSON lines of which `partition` is `test`, with `intent`:
    /// `XX-YY.jsonl`, also below `data`; or intents alone, `test-XX.tsv`.
    pub struct MassiveIntent {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

settings! {
    /// MASSIVE, slots: what the words of a request are for. Read are JSON lines of which `partition` is `test`, with `annot_utt`, in
    /// which `[time : nine am]` marks a slot, whose first word has the tag `B-time` and whose others have `I-time`: `XX-YY.jsonl`,
    /// also below `data`; or tags alone, `test-XX.tsv`.
    pub struct MassiveSlots {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

const NAMES: &[&str] =
    &["{locale}.jsonl", "data/{locale}.jsonl", "1.0/data/{locale}.jsonl", "test-{language}.tsv"];

impl BenchmarkFormat for MassiveIntent {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn layout(&self) -> Layout {
        Layout::Classes
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        let intents = if file.has_ending(".tsv") {
            let mut problems = Problems::default();
            let all =
                stripped(file.source, &mut problems).into_iter().map(|(_, line)| line.to_owned()).collect();
            problems.or(all)?
        } else {
            of_test_part(file, "intent", |intent| Ok(intent.to_owned()))?
        };
        let mut classes = intents.clone();
        classes.sort();
        classes.dedup();
        Ok(References { source: file.source.name.clone(), classes, gold: Gold::Classes(intents) })
    }
}

impl BenchmarkFormat for MassiveSlots {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        NAMES
    }

    fn layout(&self) -> Layout {
        Layout::Tags
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        let mut sentences = if file.has_ending(".tsv") {
            read_sentences(file.source, &[])?
        } else {
            of_test_part(file, "annot_utt", slots)?
        };
        sentences.retain(|sentence| !sentence.is_empty());
        Ok(References { source: file.source.name.clone(), classes: Vec::new(), gold: Gold::Tags(sentences) })
    }
}

/// A value of each request of the test part.
fn of_test_part<T>(
    file: &LanguageFile<'_>,
    column: &str,
    read: impl Fn(&str) -> Result<T, Fault>,
) -> Result<Vec<T>, DataError> {
    let wanted = Columns { texts: &["partition", column], ..Columns::default() };
    json_column(file, &wanted, column, |value, row, table| {
        let partition = table.optional("partition").and_then(|all| all.get(row).copied()).unwrap_or_default();
        class_of(partition, &["train", "dev", "test"])?;
        if partition == "test" { read(value).map(Some) } else { Ok(None) }
    })
}

/// The tag of each word of a request whose slots are marked.
fn slots(utterance: &str) -> Result<Vec<String>, Fault> {
    let mut tags = Vec::new();
    let mut rest = utterance;
    while let Some(begin) = rest.find('[') {
        tags.extend(rest[..begin].split_whitespace().map(|_| "O".to_owned()));
        let marked =
            rest[begin + 1..].find(']').map(|end| (&rest[begin + 1..begin + 1 + end], begin + end + 2));
        let slot = marked.and_then(|(slot, end)| Some((slot.split_once(':')?, end)));
        let ((kind, words), end) = slot.ok_or_else(|| BenchmarkFault::OpenSlot(utterance.to_owned()))?;
        let begins = std::iter::once("B").chain(std::iter::repeat("I"));
        tags.extend(
            words.split_whitespace().zip(begins).map(|(_, begin)| format!("{begin}-{}", kind.trim())),
        );
        rest = &rest[end..];
    }
    tags.extend(rest.split_whitespace().map(|_| "O".to_owned()));
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::slots;

    #[test]
    fn words_of_a_slot_have_its_tags() {
        let tags = slots("wake me up at [time : nine am] on [date : friday]").unwrap();
        assert_eq!(tags.join(" "), "O O O O B-time I-time O B-date");
        assert_eq!(slots("").unwrap(), Vec::<String>::new());
        assert!(slots("at [time nine]").is_err() && slots("at [time : nine").is_err());
    }
}
