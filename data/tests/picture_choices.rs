//! Pictures with descriptions to choose from, drawn from a sheet and from made-up scenes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use alambic_data::corpora::ReadCorpus;
use alambic_data::{
    Content, Corpus, Dataset, Extent, HoldOut, PictureChoice, PictureChoices, Question, Raster, Split,
    SplitOptions,
};
use alambic_settings::{At, Node, OneOrMany, read};

fn at(value: &str) -> At<String> {
    At::unwritten(value.to_owned())
}

fn options(change: impl Fn(&mut PictureChoices)) -> PictureChoices {
    let mut options = PictureChoices {
        of: vec![at("pictures")],
        language: None,
        styles: OneOrMany(Vec::new()),
        tags: 2,
        rewritten: false,
        choices: 4,
        questions: 4,
        pictures_per_group: 1,
        seed: 1,
    };
    change(&mut options);
    options
}

/// Four categories of two subcategories of six groups, each of pictures in two styles; the groups of the first subcategory
/// have twelve pictures a style, and the others one. `name` says what the caption of a group's variant is.
fn corpus_named(name: impl Fn(&str, usize) -> String) -> Dataset<Question> {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "category\tsubcategory\tfamily\tname_en\tname_pl\ttags\tsheet_x\tsheet_y\n".to_owned();
    let mut cell = 0;
    for number in 0..48 {
        let (category, subcategory, group) = (number / 12, number / 6 % 2, number % 6);
        let family = format!("{category}{subcategory}{group}");
        for variant in 0..if number < 6 { 12 } else { 1 } {
            let (x, y) = (cell % 12, cell / 12);
            let english = name(&family, variant);
            writeln!(
                table,
                "c{category}\ts{category}{subcategory}\t{family}\t{english}\trzecz {family}\tone|two|three\t{x}\t{y}"
            )
            .unwrap();
            cell += 1;
        }
    }
    std::fs::write(folder.path().join("cells.tsv"), table).unwrap();
    let raster = Raster { width: 60, height: 50, rgb: Arc::new(vec![7; 60 * 50 * 3]) };
    std::fs::write(folder.path().join("sheet.png"), raster.to_png().unwrap()).unwrap();
    let text = "image-sheet = { table = 'cells.tsv', sheets = { noto = 'sheet.png', twemoji = 'sheet.png' }, side = 3, \
                captions = ['name_en', 'name_pl'], tags = 'tags', categories = ['category', 'subcategory'], group = 'family' }";
    let mut corpus = read_corpus(folder.path(), text);
    let split =
        SplitOptions { test_fraction: Some(0.3), validation_fraction: Some(0.25), ..SplitOptions::default() };
    corpus.split(&split, &HoldOut::default()).unwrap();
    corpus
}

fn corpus() -> Dataset<Question> {
    corpus_named(|family, variant| format!("thing {family} {variant}"))
}

/// The corpus that a line of a recipe in a folder declares.
fn read_corpus(folder: &Path, text: &str) -> Dataset<Question> {
    let corpus: Corpus = read(&Node::parse(folder.join("recipe.toml"), text).unwrap()).unwrap();
    match corpus.read(Extent::Whole).unwrap() {
        Content::Questions(questions) => questions,
        other => panic!("{:?}", other.kind()),
    }
}

/// The number of the group in a description.
fn number(description: &str) -> &str {
    description.split(' ').nth(1).unwrap().trim_end_matches(':')
}

#[test]
fn one_description_is_true_and_the_others_are_whole_ones_of_other_groups_of_the_split() {
    let corpus = corpus();
    let found = options(|_| {}).draw(&[&corpus]);
    let mut groups: HashMap<&str, Split> = HashMap::new();
    for split in [Split::Train, Split::Validation, Split::Test] {
        for image in corpus.images_of(split) {
            groups.insert(corpus.details.images[image].split_name(), split);
        }
    }
    let (mut places, mut narrow, mut all) = ([0; 4], 0, 0);
    for split in [Split::Train, Split::Validation, Split::Test] {
        for question in found.splits.get(split) {
            let picture = &found.details.pictures[question.picture];
            let own = picture.split_name();
            assert_eq!(number(question.description()), own);
            assert_eq!(question.descriptions.len(), 4);
            let numbers: HashSet<&str> = question.descriptions.iter().map(|text| number(text)).collect();
            assert_eq!(numbers.len(), 4);
            assert!(numbers.iter().all(|number| groups[number] == split), "{question:?}");
            let wrong = || question.descriptions.iter().map(|text| number(text)).filter(|text| *text != own);
            let beside = wrong().filter(|number| number[..2] == own[..2]).count();
            narrow += usize::from(beside > 0);
            all += 1;
            places[question.answer] += 1;
            for description in &question.descriptions {
                let tags: Vec<&str> = description.split_once(": ").unwrap().1.split(", ").collect();
                assert_eq!(tags.len(), 2, "{description}");
            }
        }
    }
    // Of each group a picture in each of the two styles, with four questions.
    assert_eq!(all, 48 * 2 * 4);
    assert_eq!(found.report.train + found.report.validation + found.report.test, all);
    assert!(narrow as f64 > 0.6 * all as f64, "{narrow} of {all}");
    assert!(places.iter().all(|&count| (60..140).contains(&count)), "{places:?}");
}

#[test]
fn what_is_right_and_what_is_wrong_are_as_often_of_large_groups() {
    let found = options(|options| options.questions = 30).draw(&[&corpus()]);
    let is_large = |text: &&String| number(text).starts_with("00");
    let (mut right, mut wrong) = (0, 0);
    for question in found.splits.iter() {
        right += usize::from(is_large(&&question.descriptions[question.answer]));
        wrong += question.descriptions.iter().filter(is_large).count();
    }
    wrong -= right;
    let share = right as f64 / (right + wrong) as f64;
    assert!((0.18..0.34).contains(&share), "{right} right, {wrong} wrong");
}

#[test]
fn draws_are_the_same_for_a_seed_and_smaller_shares_lie_within_larger_ones() {
    let corpus = corpus();
    let found = options(|_| {}).draw(&[&corpus]);
    assert_eq!(found, options(|_| {}).draw(&[&corpus]));
    let other = options(|options| options.seed = 2).draw(&[&corpus]);
    assert_ne!(found.splits, other.splits);
    assert_ne!(found.fingerprint, other.fingerprint);
    let chosen = |fraction: f64| -> HashSet<&str> {
        let own = |question: &&PictureChoice| question.is_in_subsample(&found.details, fraction);
        let name = |question: &PictureChoice| found.details.pictures[question.picture].split_name();
        found.splits.train.iter().filter(own).map(name).collect()
    };
    let [few, some, all] = [0.1, 0.5, 1.0].map(chosen);
    assert!(few.is_subset(&some) && some.is_subset(&all) && few.len() < some.len() && some.len() < all.len());
}

#[test]
fn language_and_styles_choose_captions_and_pictures() {
    let corpus = corpus();
    let polish = |options: &mut PictureChoices| {
        options.language = Some(at("pl"));
        options.styles = OneOrMany(vec![at("twemoji")]);
        options.tags = 0;
    };
    let found = options(polish).draw(&[&corpus]);
    assert_eq!(found.splits.iter().count(), 48 * 4);
    assert_eq!(found.details.languages, ["pl"]);
    assert!(found.details.pictures.iter().all(|picture| picture.style.as_deref() == Some("twemoji")));
    assert!(found.splits.iter().all(|question| {
        question.descriptions.iter().all(|text| text.starts_with("rzecz") && !text.contains(':'))
    }));
    assert!(options(polish).unknown_values(&[&corpus]).is_empty());
    let unknown = options(|options| {
        options.language = Some(at("hi"));
        options.styles = OneOrMany(vec![at("noto"), at("apple")]);
    });
    let unknown = unknown.unknown_values(&[&corpus]);
    let keys: Vec<(&str, &str)> = unknown.iter().map(|own| (own.key, own.value.value.as_str())).collect();
    assert_eq!(keys, [("language", "hi"), ("styles", "apple")]);
    assert_eq!(
        (&unknown[0].known, &unknown[1].known),
        (&vec!["en".to_owned(), "pl".into()], &vec!["noto".to_owned(), "twemoji".into()])
    );
}

#[test]
fn pictures_without_captions_and_groups_without_others_are_counted() {
    let mut corpus = corpus();
    for picture in &mut corpus.details.images {
        if picture.split_name() != "000" {
            picture.captions.clear();
        }
    }
    let found = options(|_| {}).draw(&[&corpus]);
    assert_eq!(found.splits.iter().count(), 0);
    let dropped: Vec<usize> = found.statistics.dropped.values().copied().collect();
    assert_eq!(dropped, [(48 - 6) * 2 + 5 * 12 * 2, 2 * 4]);
    assert_eq!(options(|_| {}).draw(&[]).splits.iter().count(), 0);
}

#[test]
fn captions_that_are_those_of_the_group_are_not_wrong() {
    // Every second group is called like the one before it.
    let name = |family: &str, _: usize| {
        let number: usize = family.parse().unwrap();
        format!("{} {}", if number.is_multiple_of(2) { "thing" } else { "THING" }, number / 2)
    };
    let found = options(|options| options.questions = 20).draw(&[&corpus_named(name)]);
    assert!(found.splits.iter().count() > 1000);
    for question in found.splits.iter() {
        let texts: HashSet<&str> = question.descriptions.iter().map(|text| number(text)).collect();
        assert_eq!(texts.len(), 4, "{question:?}");
    }
}

#[test]
fn scenes_without_categories_have_wrong_descriptions_from_anywhere() {
    let text = "made-up-scenes = { images = 40, questions = 0, captions = 1, styles = ['plain', 'dark'] }";
    let mut corpus = read_corpus(Path::new("."), text);
    let split = SplitOptions { test_fraction: Some(0.3), ..SplitOptions::default() };
    corpus.split(&split, &HoldOut::default()).unwrap();
    let found = options(|options| options.tags = 0).draw(&[&corpus]);
    assert!(found.report.train > 60 && found.report.test > 20, "{:?}", found.report);
    let dark = options(|options| options.styles = OneOrMany(vec![at("dark")])).draw(&[&corpus]);
    assert!(dark.details.pictures.iter().all(|picture| picture.style.as_deref() == Some("dark")));
}
