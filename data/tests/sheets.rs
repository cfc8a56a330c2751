//! Sheets of pictures with the tables of their cells.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_data::corpora::{Corpus, ReadCorpus};
use alambic_data::{
    Content, DataError, Dataset, Extent, HoldOut, Picture, Question, Raster, Split, SplitOptions,
    is_in_subsample, remove_test_overlap,
};
use alambic_settings::{IndexMap, Node, read};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sheets")
}

/// The corpus that a line of a recipe in a folder declares.
fn corpus(folder: &Path, options: &str) -> Result<Dataset<Question>, DataError> {
    let text = format!("image-sheet = {{ table = 'cells.tsv', {options} }}");
    let corpus: Corpus = read(&Node::parse(folder.join("recipe.toml"), &text).unwrap()).unwrap();
    let quick = corpus.read(Extent::Head);
    match corpus.read(Extent::Whole)? {
        Content::Questions(questions) => {
            assert!(quick.is_ok(), "what is read whole is read in part");
            Ok(questions)
        }
        _ => unreachable!("sheets hold pictures"),
    }
}

fn refusal(folder: &Path, options: &str) -> String {
    corpus(folder, options).unwrap_err().to_string()
}

/// A folder with a table, and sheets `a.png` and `b.png` of three by two cells, which differ in each cell.
fn folder(table: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cells.tsv"), table).unwrap();
    for (name, shade) in [("a.png", 0_u8), ("b.png", 100)] {
        let rgb = (0..15 * 10).flat_map(|pixel| [shade + (pixel % 15 / 5 + pixel / 15 / 5 * 3) as u8; 3]);
        let raster = Raster { width: 15, height: 10, rgb: Arc::new(rgb.collect()) };
        std::fs::write(folder.path().join(name), raster.to_png().unwrap()).unwrap();
    }
    folder
}

/// The shade of a picture, all of whose pixels are equal.
fn shade(picture: &Picture) -> u8 {
    let raster = picture.load().unwrap();
    assert!(
        (raster.width, raster.height) == (3, 3) && raster.rgb.iter().all(|value| *value == raster.rgb[0])
    );
    raster.rgb[0]
}

fn texts(picture: &Picture) -> Vec<(&str, Option<&str>)> {
    picture.captions.iter().map(|caption| (caption.text.as_str(), caption.language.as_deref())).collect()
}

const CELLS: &str = "sheet_x\tsheet_y\tname_en\tname_hi\tkind\n\
                     0\t0\ta frog\tएक मेंढक\tanimal\n\
                     2\t1\ta \"toad\"\t\tanimal\n\
                     1\t1\t\tसेब\tfood\n";

#[test]
fn cells_have_the_pixels_that_pillow_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "sheet_x\tsheet_y\tname_en\n".to_owned();
    let row = |cell: usize| format!("{}\t{}\tcell {cell}\n", cell % 3, cell / 3);
    table.extend((0..6).map(row));
    std::fs::write(folder.path().join("cells.tsv"), table).unwrap();
    let expected = std::fs::read_to_string(fixtures().join("expected.tsv")).unwrap();
    let mut seen = 0;
    for line in expected.lines() {
        let [sheet, background, side, border, column, row, digits] = line.split('\t').collect::<Vec<_>>()[..]
        else {
            unreachable!("a row has seven columns: {line}")
        };
        std::fs::copy(fixtures().join(sheet), folder.path().join("sheet.png")).unwrap();
        let options =
            format!("sheets = 'sheet.png', side = {side}, border = {border}, background = '{background}'");
        let corpus = corpus(folder.path(), &options).unwrap();
        let place = row.parse::<usize>().unwrap() * 3 + column.parse::<usize>().unwrap();
        let read = corpus.details.images[place].load().unwrap();
        let own: Vec<String> = read.rgb.iter().map(|value| format!("{value:02x}")).collect();
        assert_eq!(own.concat(), digits, "{sheet} over {background}, {column} {row}");
        seen += 1;
    }
    assert_eq!(seen, 180);
}

#[test]
fn captions_have_the_languages_of_their_columns() {
    let folder = folder(CELLS);
    let all = "captions = ['name_en', 'name_hi'], side = 3";
    let corpus = corpus(folder.path(), &format!("sheets = 'a.png', {all}")).unwrap();
    assert_eq!(corpus.details.languages, ["en", "hi"]);
    let images = &corpus.details.images;
    assert_eq!(texts(&images[0]), [("a frog", Some("en")), ("एक मेंढक", Some("hi"))]);
    assert_eq!(texts(&images[1]), [("a \"toad\"", Some("en"))], "quotes are characters");
    assert_eq!(texts(&images[2]), [("सेब", Some("hi"))]);
    assert_eq!(images.iter().map(shade).collect::<Vec<_>>(), [0, 5, 4]);
    assert_eq!((corpus.statistics.rows, corpus.statistics.kept), (3, 3));
    assert!(corpus.statistics.notes.iter().any(|note| note.ends_with("quotes are characters in it")));
}

#[test]
fn captions_say_the_style_where_a_template_has_it() {
    let folder = folder(CELLS);
    let sheets = "sheets = { Noto = 'a.png', 'é' = 'b.png' }, side = 3, captions = ['name_en', 'name_hi']";
    let template = "caption-template = '{style}: {caption}'";
    let corpus = corpus(folder.path(), &format!("{sheets}, {template}")).unwrap();
    let images = &corpus.details.images;
    assert_eq!(texts(&images[0]), [("Noto: a frog", Some("en")), ("Noto: एक मेंढक", Some("hi"))]);
    assert_eq!(texts(&images[1]), [("é: a frog", Some("en")), ("é: एक मेंढक", Some("hi"))]);
    assert_eq!(texts(&images[5]), [("é: सेब", Some("hi"))]);
    let refused = |options: &str| refusal(folder.path(), &format!("side = 3, {options}"));
    let said = refused("sheets = 'a.png', caption-template = '{style}: {caption}'");
    assert!(said.contains("pictures have no style"), "{said}");
    // Of a column each row says its style, which may be empty.
    std::fs::write(
        folder.path().join("cells.tsv"),
        "sheet_x\tsheet_y\tname_en\tlook\n0\t0\ta frog\tflat\n1\t0\ta toad\t\n",
    )
    .unwrap();
    let said = refused("sheets = 'a.png', style = 'look', caption-template = '{style}: {caption}'");
    assert!(said.contains("cells.tsv:3") && said.contains("style"), "{said}");
}

#[test]
fn sheets_are_one_several_by_style_or_named_by_a_column() {
    let table = "sheet_x\tsheet_y\tname_en\tfile\n0\t0\tone\ta.png\n1\t0\ttwo\tb.png\n1\t0\tthree\ta.png\n";
    let folder = folder(table);
    let read = |sheets: &str| corpus(folder.path(), &format!("sheets = {sheets}")).unwrap();
    let shades = |corpus: &Dataset<Question>| -> Vec<(u8, Option<String>)> {
        corpus.details.images.iter().map(|image| (shade(image), image.style.clone())).collect()
    };
    assert_eq!(shades(&read("'b.png', side = 3")), [(100, None), (101, None)]);
    let both = read("{ first = 'a.png', other = 'b.png' }, side = { first = 3, other = 3 }");
    let (first, other) = (Some("first".to_owned()), Some("other".to_owned()));
    assert_eq!(shades(&both), [(0, first.clone()), (100, other.clone()), (1, first), (101, other)]);
    let names: Vec<&str> = both.details.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["first:0,0", "other:0,0", "first:1,0", "other:1,0"]);
    // A cell that two rows name has the captions of both.
    assert_eq!(texts(&both.details.images[2]).len(), 2);
    let named = read("{ column = 'file' }, side = { 'a.png' = 3, 'b.png' = 3 }");
    assert_eq!(shades(&named), [(0, None), (101, None), (1, None)]);
    assert_eq!(named.details.images[2].name, "a.png:1,0");
}

#[test]
fn classes_tags_and_styles_come_from_their_columns() {
    let table = "sheet_x\tsheet_y\tname_en\tkind\tlook\tkeywords_en\tmirror\tsplit\n\
                 0\t0\ta frog\tanimal\tphoto\tfrog| green ||frog\t1\ttrain\n\
                 1\t0\ta pear\tfood\tdrawing\t\t0\tdev\n\
                 2\t0\ta stone\t\tdrawing\tgrey\t1\ttrain\n";
    let folder = folder(table);
    let options =
        "sheets = 'a.png', side = 3, class = 'kind', style = 'look', tags = 'keywords_en', mirror = 'mirror'";
    let corpus = corpus(folder.path(), options).unwrap();
    assert_eq!(corpus.details.answers, ["animal", "food"]);
    let asked: Vec<_> = corpus
        .splits
        .train
        .iter()
        .map(|own| {
            (own.text.as_str(), own.image, own.answers.as_slice(), own.kind.as_str(), own.split.as_deref())
        })
        .collect();
    assert_eq!(
        asked,
        [
            ("what is it?", 0, &[(0, 1.0)][..], "", Some("train")),
            ("what is it?", 1, &[(1, 1.0)][..], "", Some("dev")),
        ]
    );
    let images = &corpus.details.images;
    let tags: Vec<&str> = images[0].objects.iter().map(|object| object.tag.as_str()).collect();
    assert_eq!(tags, ["frog", "green"]);
    assert_eq!(images[0].objects[0].bounds, [0.0, 0.0, 1.0, 1.0]);
    assert!(images[1].objects.is_empty());
    assert_eq!(images.iter().map(|image| image.may_be_mirrored).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(corpus.details.unasked, [(2, Split::Train)]);
    assert_eq!(corpus.statistics.dropped["pictures without a class, which are kept"], 1);
}

/// Twelve emoji in six groups, of a man, a woman and skin tones.
fn emoji() -> tempfile::TempDir {
    let mut table = "base_unified\tsheet_x\tsheet_y\tname_en\n".to_owned();
    let codes = ["1F468-200D-1F33E", "1F469-1F3FB-200D-1F33E", "1F44D", "1F44D-1F3FD", "1F467", "1F466"];
    for (place, code) in codes.iter().enumerate() {
        table.extend([format!("{code}\t{}\t{}\tnumber {place}\n", place % 3, place / 3)]);
    }
    folder(&table)
}

#[test]
fn group_is_one_image_where_a_corpus_is_split_or_a_share_is_taken() {
    let folder = emoji();
    let options = "sheets = { first = 'a.png', other = 'b.png' }, side = 3, group = 'base-emoji'";
    for salt in ["1", "2", "3", "4", "5"] {
        let mut corpus = corpus(folder.path(), options).unwrap();
        let groups: Vec<String> =
            corpus.details.images.iter().map(|image| image.split_name().to_owned()).collect();
        assert_eq!(groups[..4], ["1F9D1-200D-1F33E"; 4]);
        assert_eq!(groups[4..8], ["1F44D"; 4]);
        assert_eq!(groups[8..], ["1F9D2"; 4]);
        let options = SplitOptions {
            test_fraction: Some(0.4),
            validation_fraction: Some(0.3),
            salt: salt.into(),
            ..SplitOptions::default()
        };
        corpus.split(&options, &HoldOut::default()).unwrap();
        for group in corpus.details.unasked.chunks(4) {
            assert!(group.iter().all(|(_, split)| *split == group[0].1), "{salt}");
        }
        for group in corpus.details.images.chunks(4) {
            for fraction in [0.2, 0.5, 0.8] {
                let of_group = group.iter().filter(|image| is_in_subsample(image, fraction)).count();
                assert!([0, 4].contains(&of_group), "{fraction}");
            }
        }
    }
}

#[test]
fn no_variant_of_a_test_picture_of_another_corpus_is_trained_on() {
    let folder = emoji();
    let read = |sheet: &str, group: &str, options: SplitOptions| {
        let mut corpus = corpus(folder.path(), &format!("sheets = '{sheet}', side = 3{group}")).unwrap();
        corpus.split(&options, &HoldOut::default()).unwrap();
        Content::from(corpus)
    };
    let none = SplitOptions { validation_fraction: Some(0.0), ..SplitOptions::default() };
    let all = SplitOptions { test_fraction: Some(1.0), ..none.clone() };
    let left = |trained: Content, tested: Content| {
        let mut corpora: IndexMap<String, Content> =
            [("trained".to_owned(), trained), ("tested".to_owned(), tested)].into();
        remove_test_overlap(&mut corpora);
        corpora["trained"].report().train
    };
    let emoji = ", group = 'base-emoji'";
    // The other drawing has no pixel in common.
    assert_eq!(left(read("a.png", emoji, none.clone()), read("b.png", emoji, all.clone())), 0);
    let half = SplitOptions { test_fraction: Some(0.4), ..none.clone() };
    let kept = left(read("a.png", emoji, none.clone()), read("b.png", emoji, half));
    assert!(kept.is_multiple_of(2) && kept < 6, "{kept}");
    // The same cell of one table is of one row.
    assert_eq!(left(read("a.png", "", none.clone()), read("a.png", "", all.clone())), 0);
    let by_code = ", group = 'base_unified'";
    assert_eq!(left(read("a.png", by_code, none), read("b.png", by_code, all)), 0);
}

#[test]
fn rows_are_left_out_by_the_values_of_columns() {
    let folder = folder(CELLS);
    let options = "sheets = 'a.png', side = 3, captions = ['name_en', 'name_hi']";
    let read = |exclude: &str| corpus(folder.path(), &format!("{options}, exclude = {{ {exclude} }}"));
    let left = read("kind = 'food'").unwrap();
    assert_eq!((left.details.images.len(), left.statistics.dropped["rows left out by `exclude`"]), (2, 1));
    assert_eq!(read("kind = ['food'], sheet_x = ['0']").unwrap().details.images.len(), 1);
    let said = read("kind = ['foood', 'food']").unwrap_err().to_string();
    assert!(said.contains("no row has the value `foood` in `kind`"), "{said}");
    let said = read("kind = ['animal', 'food']").unwrap_err().to_string();
    assert!(said.contains("none of 3 rows can be used: rows left out by `exclude` (3)"), "{said}");
    assert!(read("sort = 'food'").unwrap_err().to_string().contains("no column `sort`"));
}

#[test]
fn faults_of_a_table_are_told_all_at_once_with_their_lines() {
    let table = "sheet_x\tsheet_y\tname_en\tgroup\tsplit\tmirror\n\
                 0\t0\tone\tg\ttrain\t1\n\
                 3\t0\ttwo\th\ttrain\t1\n\
                 -1\t0\tthree\ti\ttrain\t1\n\
                 1\t0\t \tj\ttrain\t1\n\
                 2\t0\tfive\tg\tdev\t1\n\
                 2\t1\tsix\tk\tdev\tmaybe\n\
                 0\t0\tseven\tother\ttrain\t1\n\
                 1\t4294967296\teight\tl\ttrain\t1\n";
    let folder = folder(table);
    let said = refusal(folder.path(), "sheets = 'a.png', side = 3, group = 'group', mirror = 'mirror'");
    for expected in [
        "cells.tsv:3: the cell (3, 0) lies outside of",
        "which has 3 by 2 cells counted from 0",
        "cells.tsv:4: `sheet_x` holds `-1` where a whole number is expected",
        "cells.tsv:5: the row has no text in `name_en`",
        "cells.tsv:6: the group `g` has the split `dev` here, and `train` at line 2",
        "cells.tsv:7: `mirror` holds `maybe` where one of `0`, `1` is expected",
        "cells.tsv:8: the cell is that of line 2, which has another `group`",
        "cells.tsv:9: `sheet_y` holds `4294967296`",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn sheets_that_cannot_be_read_are_refused_by_name() {
    let table =
        "sheet_x\tsheet_y\tname_en\tfile\tbase_unified\n0\t0\tone\ta.png\t1F44D\n1\t0\ttwo\tnone.png\tfrog\n";
    let folder = folder(table);
    let path = folder.path();
    let png = std::fs::read(path.join("a.png")).unwrap();
    std::fs::write(path.join("cut.png"), &png[..png.len() * 2 / 3]).unwrap();
    std::fs::write(path.join("text.png"), "a text").unwrap();
    std::fs::write(path.join("empty.png"), "").unwrap();
    std::fs::write(path.join("other.png"), b"GIF89a\x01\0\x01\0").unwrap();
    for (options, expected) in [
        ("sheets = 'a.png'", "a.png: the sheet has 15 by 10 pixels, which are not multiples of a cell's 34"),
        ("sheets = 'a.png', side = 2", "not multiples of a cell's 4 (`side` 2 and twice `border` 1)"),
        ("sheets = 'a.png', side = 0", "`side` of a.png is 0"),
        (
            "sheets = 'a.png', side = { 'b.png' = 3 }",
            "`side` has no entry for the sheet `a.png`; it has `b.png`",
        ),
        ("sheets = 'cut.png', side = 3", "cut.png: cannot be read as a PNG"),
        ("sheets = 'text.png', side = 3", "text.png: cannot be read as a PNG"),
        ("sheets = 'empty.png', side = 3", "empty.png: cannot be read as a PNG: the file is empty"),
        ("sheets = 'other.png', side = 3", "other.png: cannot be read as a PNG: this is a GIF"),
        ("sheets = 'none.png', side = 3", "none.png: cannot be read"),
        ("sheets = {}, side = 3", "`sheets` names no sheet"),
        ("sheets = { a = 'a.png' }, side = 3, style = 'file'", "`style` names a column of styles"),
        ("sheets = { column = 'file' }, side = 3", "none.png: cannot be read"),
        ("sheets = { column = 'sheet' }, side = 3", "no column `sheet`"),
        ("sheets = 'a.png', side = 3, captions = ['name_hi']", "no column `name_hi`"),
        ("sheets = 'a.png', side = 3, group = 'base-emoji'", "cells.tsv:3: `base_unified` holds `frog`"),
    ] {
        let said = refusal(path, options);
        assert!(said.contains(expected), "{options}: {said}");
    }
}

#[test]
fn blank_and_repeated_rows_are_counted_and_quotes_are_told_of() {
    let table = "\u{feff}sheet_x\tsheet_y\tname_en\r\n0\t0\t\"one\"\"two\"\"\"\r\n\t\t\r\n\r\n0\t0\t\"one\"\"two\"\"\"\r\n";
    let folder = folder(table);
    let corpus = corpus(folder.path(), "sheets = 'a.png', side = 3").unwrap();
    assert_eq!(texts(&corpus.details.images[0]), [("\"one\"\"two\"\"\"", Some("en"))]);
    assert_eq!((corpus.details.images.len(), corpus.statistics.kept), (1, 1));
    assert_eq!(corpus.statistics.dropped["rows that repeat another"], 1);
    assert!(corpus.statistics.notes.iter().any(|note| note.ends_with("quotes are characters in it")));
}

#[test]
fn groups_of_an_unseen_style_are_trained_on_in_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "sheet_x\tsheet_y\tname_en\tkind\n".to_owned();
    for cell in 0..400 {
        writeln!(table, "{}\t{}\tpicture {cell}\tkind {}", cell % 20, cell / 20, cell / 2).unwrap();
    }
    std::fs::write(folder.path().join("cells.tsv"), table).unwrap();
    for (name, shade) in [("a.png", 0), ("b.png", 1)] {
        let rgb: Vec<u8> =
            (0..400u16).flat_map(|cell| [shade, (cell / 250) as u8, (cell % 250) as u8]).collect();
        let raster = Raster { width: 20, height: 20, rgb: Arc::new(rgb) };
        std::fs::write(folder.path().join(name), raster.to_png().unwrap()).unwrap();
    }
    let sheets = "sheets = { first = 'a.png', other = 'b.png' }, side = 1, border = 0, group = 'kind'";
    let unseen = format!("{sheets}, unseen-style = {{ style = 'other', fraction = 0.2 }}");
    let mut corpora: IndexMap<String, Content> = IndexMap::new();
    let split = |options: &str, split: SplitOptions| {
        let mut content = Content::from(corpus(folder.path(), options).unwrap());
        content.split(&split, &HoldOut::default()).unwrap();
        content
    };
    let by_value = SplitOptions {
        test_values: vec!["unseen-style".into()],
        validation_fraction: Some(0.1),
        ..SplitOptions::default()
    };
    corpora.insert("seen".into(), split(&unseen, by_value));
    let by_fraction = SplitOptions { test_fraction: Some(0.1), ..SplitOptions::default() };
    corpora.insert("new".into(), split(sheets, by_fraction));
    remove_test_overlap(&mut corpora);
    let pictures = |name: &str, part: Split| -> Vec<Picture> {
        let Content::Questions(questions) = &corpora[name] else { unreachable!("pictures") };
        let own = questions.details.unasked.iter().filter(|(_, own)| *own == part);
        own.map(|(image, _)| questions.details.images[*image].clone()).collect()
    };
    let kinds = |pictures: &[Picture], style: &str| -> std::collections::BTreeSet<String> {
        let own = pictures.iter().filter(|picture| picture.style.as_deref() == Some(style));
        own.map(|picture| picture.group.as_ref().unwrap().name.replace(", other", "")).collect()
    };
    let (train, test) = (pictures("seen", Split::Train), pictures("seen", Split::Test));
    let asked = kinds(&test, "other");
    assert!((25..55).contains(&asked.len()), "{}", asked.len());
    assert!(kinds(&test, "first").is_empty(), "the others are not asked about");
    assert!(asked.is_subset(&kinds(&train, "first")), "each is trained on in the other style");
    assert!(asked.is_disjoint(&kinds(&train, "other")));
    // Groups that another corpus keeps for its test are trained on in no style, and are none of these.
    let new = kinds(&pictures("new", Split::Test), "first");
    assert!(!new.is_empty() && new.is_disjoint(&asked));
    assert!(new.is_disjoint(&kinds(&train, "first")) && new.is_disjoint(&kinds(&train, "other")));
    for (options, expected) in [
        (
            "sheets = { first = 'a.png', other = 'b.png' }, unseen-style = { style = 'third', fraction = 0.2 }",
            "`third`",
        ),
        (
            "sheets = { first = 'a.png' }, unseen-style = { style = 'first', fraction = 0.2 }",
            "styles of `sheets` are `first`",
        ),
        ("sheets = 'a.png', unseen-style = { style = 'a', fraction = 0.2 }", "unseen-style"),
    ] {
        let message = refusal(folder.path(), &format!("{options}, side = 1, border = 0"));
        assert!(message.contains(expected), "{message}");
    }
}
