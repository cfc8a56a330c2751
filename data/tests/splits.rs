//! Splits of names and words: nothing of the test split is seen in training, whatever the dataset.

use std::collections::HashSet;

use alambic_data::corpora::Unit;
use alambic_data::split::{Overlap, SplitGuess};
use alambic_data::{
    Dataset, Entry, HoldOut, ReadStatistics, Split, SplitError, SplitOptions, WordDetails, embedded,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const LANGUAGES: [&str; 4] = ["en", "hi", "ta", "bn"];

fn dataset(entries: Vec<Entry>) -> Dataset<Entry> {
    let languages = LANGUAGES.map(str::to_owned).to_vec();
    let details = WordDetails { corpus: "made-up".into(), languages };
    Dataset::new(entries, details, ReadStatistics::default(), String::new())
}

/// The same dataset, split without anything held out.
fn split(words: &Dataset<Entry>, options: &SplitOptions) -> Result<Dataset<Entry>, SplitError> {
    let mut words = words.clone();
    words.split(options, &HoldOut::default()).map(|()| words)
}

#[test]
fn values_of_a_split_that_no_option_names_are_counted() {
    let entry = |(line, split): (usize, &str)| Entry {
        key: format!("n{line}"),
        forms: [("en", format!("w{line}")), ("hi", format!("v{line}"))]
            .map(|(code, form)| (code.to_owned(), form))
            .into_iter()
            .collect(),
        split: Some(split.to_owned()),
        line,
    };
    let splits = ["train", "Train", "train2014", "restval", "dev", "Test", "test", "dev", "easy"];
    let words = dataset(splits.into_iter().enumerate().map(entry).collect());
    let options = SplitOptions {
        test_values: vec!["test".into()],
        validation_fraction: Some(0.0),
        ..SplitOptions::default()
    };
    // What a fraction sends to the test is not trained on.
    let all = SplitOptions { test_fraction: Some(1.0), ..options.clone() };
    assert!(split(&words, &all).unwrap().report.unnamed.is_empty());
    let unnamed = split(&words, &options).unwrap().report.unnamed;
    let unnamed: Vec<(&str, usize)> = unnamed.iter().map(|(value, count)| (value.as_str(), *count)).collect();
    assert_eq!(unnamed, [("dev", 2), ("Test", 1), ("easy", 1)]);
    assert_eq!(options.guess_split("Test"), Some(SplitGuess::Named(Split::Test, "test".into())));
    assert_eq!(options.guess_split("dev"), Some(SplitGuess::Usual(Split::Validation)));
    assert_eq!(options.guess_split("easy"), None);
    let options = SplitOptions { validation_values: vec!["dev".into()], ..options };
    assert_eq!(options.guess_split("valid"), Some(SplitGuess::Named(Split::Validation, "dev".into())));
}

/// Words whose keys and forms collide often, within and across languages.
fn random_words(random: &mut ChaCha8Rng, rows: usize) -> Dataset<Entry> {
    let entries = (0..rows)
        .map(|line| {
            let name = random.random_range(0..rows);
            let mut forms: indexmap::IndexMap<String, String> =
                [("en".to_owned(), format!("w{}", name / 2))].into_iter().collect();
            for code in &LANGUAGES[1..] {
                if random.random_ratio(2, 3) {
                    forms.insert((*code).to_owned(), format!("{code}{}", random.random_range(0..rows)));
                }
            }
            let split = ["train", "train", "dev", "test"][random.random_range(0..4)];
            Entry { key: format!("n{name}"), forms, split: Some(split.to_owned()), line }
        })
        .filter(|entry| entry.forms.len() > 1)
        .collect();
    dataset(entries)
}

fn keys(entries: &[Entry]) -> HashSet<&str> {
    entries.iter().map(|entry| entry.key.as_str()).collect()
}

fn forms(entries: &[Entry]) -> HashSet<(&str, &str)> {
    entries
        .iter()
        .flat_map(|entry| entry.forms.iter().map(|(code, form)| (code.as_str(), form.as_str())))
        .collect()
}

fn assert_apart(one: &[Entry], other: &[Entry]) {
    assert!(keys(one).is_disjoint(&keys(other)));
    assert!(forms(one).is_disjoint(&forms(other)));
}

fn by_values(values: &[&str]) -> SplitOptions {
    SplitOptions { test_values: values.iter().map(|&value| value.to_owned()).collect(), ..Default::default() }
}

#[test]
fn splits_share_neither_names_nor_forms() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    for round in 0..120 {
        let rows = random.random_range(20..400);
        let mut words = random_words(&mut random, rows);
        let count = words.splits.train.len();
        let options = SplitOptions {
            test_values: if round % 3 == 0 { vec![] } else { vec!["test".into()] },
            validation_values: if round % 4 == 0 { vec!["dev".into()] } else { vec![] },
            test_fraction: Some(if round % 3 == 1 { 0.0 } else { 0.2 }),
            validation_fraction: Some(0.1),
            salt: round.to_string(),
            overlap: if round % 2 == 0 { Overlap::RemoveFromTest } else { Overlap::RemoveFromTraining },
        };
        let held = random_words(&mut random, 30);
        let held = &held.splits.train;
        if words.split(&options, &HoldOut::of(held)).is_err() {
            continue; // Few words may lack the value `dev`.
        }
        let Dataset { splits, report, .. } = &words;
        assert_apart(&splits.test, &splits.train);
        assert_apart(&splits.test, &splits.validation);
        assert_apart(&splits.validation, &splits.train);
        assert_apart(held, &splits.train);
        assert_apart(held, &splits.validation);
        for entry in splits.iter() {
            assert!(entry.forms.len() > 1 && entry.forms.contains_key("en"));
        }
        assert_eq!(
            (report.train, report.validation, report.test),
            (splits.train.len(), splits.validation.len(), splits.test.len())
        );
        let whole: usize =
            report.removed.iter().filter(|(reason, _)| !reason.contains(" form ")).map(|(_, n)| n).sum();
        assert_eq!(report.train + report.validation + report.test + whole, count);
    }
}

#[test]
fn overlap_option_decides_which_split_yields() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let words = random_words(&mut random, 300);
    let from_test = split(&words, &by_values(&["test"])).unwrap();
    let options = SplitOptions { overlap: Overlap::RemoveFromTraining, ..by_values(&["test"]) };
    let from_training = split(&words, &options).unwrap();
    assert!(from_test.splits.test.len() < from_training.splits.test.len());
    assert!(from_test.splits.train.len() > from_training.splits.train.len());
    assert!(!from_training.report.removed.keys().any(|reason| reason.starts_with("test: names")));
}

#[test]
fn a_name_does_not_move_when_others_come() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let mut words = random_words(&mut random, 200);
    let options =
        SplitOptions { test_fraction: Some(0.3), validation_fraction: Some(0.0), ..Default::default() };
    let few = split(&words, &options).unwrap();
    let more = random_words(&mut random, 900).splits.train.into_iter().map(|mut entry| {
        entry.key = format!("more {}", entry.key);
        entry
    });
    words.splits.train.extend(more);
    let many = split(&words, &options).unwrap();
    assert!(keys(&few.splits.test).is_disjoint(&keys(&many.splits.train)));
    assert!(keys(&few.splits.train).is_disjoint(&keys(&many.splits.test)));
}

#[test]
fn a_value_that_no_row_has_is_an_error() {
    let words = random_words(&mut ChaCha8Rng::seed_from_u64(7), 100);
    let SplitError::NoSuchValue { value, found, .. } = split(&words, &by_values(&["tset"])).unwrap_err();
    assert_eq!(value, "tset");
    assert_eq!(found.len(), 3);
}

#[test]
fn embedded_names_hold_a_fifth_out() {
    for (unit, rows) in [(Unit::Name, 1140), (Unit::Word, 1140)] {
        let all = embedded::read(unit).unwrap();
        assert_eq!(all.details.languages, ["en", "hi", "ta", "kn", "bn"]);
        assert_eq!(all.statistics.rows, rows);
        let names: HashSet<_> = keys(&all.splits.train);
        let (test, train): (Vec<Entry>, Vec<Entry>) = all
            .splits
            .train
            .iter()
            .cloned()
            .partition(|entry| entry.split.as_deref() == Some(embedded::TEST));
        let share = keys(&test).len() as f64 / names.len() as f64;
        assert!((0.17..0.23).contains(&share), "{share}");
        assert_apart(&test, &train);
    }
    assert!(embedded::LICENCE.starts_with("UNICODE LICENSE V3"));
}

#[test]
fn embedded_hold_out_guards_every_other_training() {
    let held = embedded::held_out().unwrap();
    assert!(!held.is_empty());
    for unit in [Unit::Name, Unit::Word] {
        // As if the same names came from elsewhere, without their split.
        let mut elsewhere = embedded::read(unit).unwrap();
        elsewhere.splits.train.iter_mut().for_each(|entry| entry.split = None);
        elsewhere.split(&SplitOptions::default(), &held).unwrap();
        let splits = &elsewhere.splits;
        for reported in [Unit::Name, Unit::Word] {
            let shipped = embedded::read(reported).unwrap();
            // A test split is within what is held out, whatever the options say.
            for overlap in [Overlap::RemoveFromTest, Overlap::RemoveFromTraining] {
                let options = SplitOptions { overlap, ..by_values(&[embedded::TEST]) };
                let mut reported = shipped.clone();
                reported.split(&options, &held).unwrap();
                let test = reported.splits.test;
                assert!(test.len() > 100);
                assert_apart(&test, &splits.train);
                assert_apart(&test, &splits.validation);
                for entry in &test {
                    assert!(held.holds_key(&entry.key));
                    assert!(entry.forms.iter().all(|(code, form)| held.holds_form(code, form)));
                }
            }
        }
        assert!(splits.train.len() > 500, "{}", splits.train.len());
    }
}

/// These names were held out of the models that are shipped. If this test fails, those models have been
/// trained on what they are tested on.
#[test]
fn embedded_test_split_never_changes() {
    let names = embedded::read(Unit::Name).unwrap();
    let test = names.splits.train.iter().filter(|entry| entry.split.as_deref() == Some(embedded::TEST));
    let keys: Vec<_> = test.map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys[..4], ["adangme", "aden", "adyghe", "afrihili"]);
    assert_eq!(keys.len(), 231);
    let hash = blake3::hash(keys.join("\n").as_bytes()).to_hex();
    assert_eq!(hash.as_str(), "49c1cc398e7d1f6255d3bc1550abe333e6d036481a85db5a8a9ac2d393878806");
}

/// What a recipe gets that says nothing is what code gets that says nothing.
#[test]
fn defaults_agree_with_the_declarations() {
    use alambic_data::batches::BatchOptions;
    use alambic_settings::{Node, read};
    let nothing = Node::parse("recipe.toml", "").unwrap();
    assert_eq!(read::<SplitOptions>(&nothing).unwrap(), SplitOptions::default());
    assert_eq!(read::<BatchOptions>(&nothing).unwrap(), BatchOptions::default());
}
