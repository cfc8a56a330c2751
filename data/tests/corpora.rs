//! The published formats, read from small golden files in `tests/fixtures`, which were made up for this.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::PathBuf;

use alambic_data::corpora::{Corpus, ReadCorpus};
use alambic_data::{Content, DataError, Dataset, Entry, Extent, Fault, ReadStatistics};
use alambic_settings::{Node, read};

/// Reads a corpus from its table in a recipe that lies among the fixtures.
fn words(recipe: &str) -> Result<Dataset<Entry>, DataError> {
    let recipe_path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recipe.toml");
    let corpus: Corpus = read(&Node::parse(recipe_path, recipe).unwrap()).unwrap();
    match corpus.read(Extent::Whole)? {
        Content::Words(words) => Ok(words),
        _ => unreachable!("words were asked for"),
    }
}

fn shown(entries: &[Entry]) -> Vec<String> {
    let show = |entry: &Entry| {
        let forms: Vec<_> = entry.forms.iter().map(|(code, form)| format!("{code}={form}")).collect();
        let split = entry.split.as_deref().unwrap_or("-");
        format!("{}: {} [{} {split}] {}", entry.line, entry.key, forms.len(), forms.join(" "))
    };
    entries.iter().map(show).collect()
}

fn dropped(words: &Dataset<Entry>) -> Vec<(&str, usize)> {
    words.statistics.dropped.iter().map(|(reason, &count)| (reason.as_str(), count)).collect()
}

#[test]
fn names_as_whole_names() {
    let words = words("[names-table]\npath = 'names.tsv'\nunit = 'name'").unwrap();
    assert_eq!(words.details.languages, ["en", "hi", "ta"]);
    assert_eq!(
        shown(&words.splits.train),
        [
            "2: goa [3 train] en=goa hi=गोवा ta=கோவா",
            "3: north goa [3 train] en=north goa hi=उत्तर गोवा ta=வடகோவா",
            "4: north pune [3 dev] en=north pune hi=उत्तर पुणे ta=வட புனே",
            "6: pune [2 dev] en=pune hi=पुणे",
        ]
    );
    let statistics = &words.statistics;
    assert_eq!((statistics.rows, statistics.kept), (6, 4));
    assert_eq!(dropped(&words), [("hi: no letter of its script", 1), ("rows with English alone", 2)]);
    assert_eq!(statistics.forms.values().copied().collect::<Vec<_>>(), [4, 4, 3]);
    let text = serde_json::to_string(statistics).unwrap();
    assert_eq!(&serde_json::from_str::<ReadStatistics>(&text).unwrap(), statistics);
}

#[test]
fn names_as_words() {
    let words = words("[names-table]\npath = 'names.tsv'").unwrap();
    assert_eq!(
        shown(&words.splits.train),
        [
            "2: goa [3 train] en=goa hi=गोवा ta=கோவா",
            "3: north goa [2 train] en=north hi=उत्तर",
            "3: north goa [2 train] en=goa hi=गोवा",
            "4: north pune [3 dev] en=north hi=उत्तर ta=வட",
            "4: north pune [3 dev] en=pune hi=पुणे ta=புனே",
            "6: pune [2 dev] en=pune hi=पुणे",
        ]
    );
    assert!(dropped(&words).contains(&("ta: number of words differs from the English", 1)));
}

#[test]
fn columns_can_be_named_and_lengths_limited() {
    let recipe = "[names-table]\npath = 'names.tsv'\nunit = 'name'\nmax-characters = 5\n\
                  columns = { en = 'name_en', hi = 'hi' }\nsplit-column = 'sources'";
    let words = words(recipe).unwrap();
    assert_eq!(
        shown(&words.splits.train),
        ["2: goa [2 made up] en=goa hi=गोवा", "6: pune [2 made up] en=pune hi=पुणे"]
    );
    assert!(dropped(&words).contains(&("en: longer than 5 characters", 2)));
    assert!(dropped(&words).contains(&("entries left with fewer than two forms", 2)));
}

#[test]
fn missing_columns_are_named() {
    let error =
        words("[names-table]\npath = 'names.tsv'\ncolumns = { hi = 'hindi', ta = 'tamil' }").unwrap_err();
    let faults: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("names.tsv:1: no column `hindi`; the columns are `name_en`, `name_en_ascii`"));
    let error = words("[names-table]\npath = 'names.tsv'\ncolumns = { xx = 'hi' }").unwrap_err();
    assert_eq!(error.problems[0].fault, Fault::UnknownLanguage("xx".into()));
}

#[test]
fn dakshina_as_published_and_with_a_header() {
    let words = words(
        "[dakshina]\nmin-attestations = 2\n\
         paths = { hi = 'dakshina.published.tsv' }\ntest-paths = { ta = ['dakshina.headed.tsv'] }",
    )
    .unwrap();
    assert_eq!(words.details.languages, ["en", "hi", "ta"]);
    assert_eq!(
        shown(&words.splits.train),
        [
            "1: goa [2 -] en=goa hi=गोवा",
            "3: pune [2 -] en=pune hi=पुणे",
            "4: poona [2 -] en=poona hi=पुणे",
            "2: goa [2 test] en=goa ta=கோவா",
        ]
    );
    assert_eq!((words.statistics.rows, words.statistics.kept), (6, 4));
    assert_eq!(dropped(&words), [("rows with fewer than 2 attestations", 2)]);
}

#[test]
fn dakshina_keeps_the_split_column() {
    let words = words("[dakshina]\npaths = { ta = 'dakshina.headed.tsv' }").unwrap();
    assert_eq!(
        shown(&words.splits.train),
        ["2: goa [2 train] en=goa ta=கோவா", "3: pune [2 dev] en=pune ta=புனே"]
    );
}

#[test]
fn aksharantar_as_json_lines_and_as_a_table() {
    let words = words("[aksharantar]\npaths = { hi = 'aksharantar.jsonl', bn = 'aksharantar.tsv' }").unwrap();
    assert_eq!(
        shown(&words.splits.train),
        [
            "1: goa [2 -] en=goa hi=गोवा",
            "2: pune [2 -] en=pune hi=पुणे",
            // NFC decomposes the letter য়.
            "2: goa [2 train] en=goa bn=গো\u{9af}\u{9bc}া",
            "3: pune [2 dev] en=pune bn=পুনে",
        ]
    );
    assert_eq!(dropped(&words), [("entries that repeat an earlier one", 1)]);
}

#[test]
fn the_fingerprint_follows_the_bytes() {
    let hindi = words("[dakshina]\npaths = { hi = 'dakshina.published.tsv' }").unwrap();
    let tamil = words("[dakshina]\npaths = { ta = 'dakshina.headed.tsv' }").unwrap();
    assert_eq!(hindi.fingerprint.len(), 64);
    assert_ne!(hindi.fingerprint, tamil.fingerprint);
}

#[test]
fn corpus_in_the_wrong_script_reports_why_nothing_is_left() {
    let error = words("[dakshina]\npaths = { kn = 'dakshina.published.tsv' }").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("none of 4 rows can be used: kn: no letter of its script (4)"), "{text}");
}

#[test]
fn english_alone_is_no_corpus() {
    let error = words("[dakshina]\npaths = { en = 'dakshina.published.tsv' }").unwrap_err();
    assert_eq!(error.problems[0].fault, Fault::NoLanguage);
}
