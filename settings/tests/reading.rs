//! Values that are read, and places of mistakes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::common::{
    GOOD, Hidden, Linear, Logits, Loss, RENAMED, Schedule, Stage, Term, Training, Unit, mistakes, recipe,
};
use alambic_settings::{At, Diagnostic, Either, Location, Node, Reader, Setting, read};

#[test]
fn a_recipe_is_read_with_its_defaults() {
    let recipe = recipe(GOOD).unwrap();
    assert_eq!((recipe.name.as_str(), recipe.seed, recipe.r#final), ("good", 42, true));
    assert_eq!(recipe.data[0].path, Location::File("names.tsv".into()));
    assert_eq!(recipe.data[0].unit, Unit::Word);
    let stage: &Stage = &recipe.stage["layers"];
    let linear = Schedule::Linear(Linear { warm_up: 0.1 });
    let train = Training { batch: 8, learning_rate: 1e-3, schedule: linear.clone(), clip: None };
    assert_eq!(stage.train, train);
    let hidden =
        |weight, map: &str| Loss::Hidden(Hidden { term: Term { weight }, map: map.to_owned().into() });
    let expected = [
        hidden(Either::First(2.0), "uniform"),
        hidden(Either::Second(linear), "last"),
        Loss::Logits(Logits { term: Term { weight: Either::First(1.0) }, temperature: 2.0 }),
    ];
    assert_eq!(stage.loss.0, expected.map(At::unwritten));
    assert_eq!(stage.loss[1].origin.position(), Some((11, 27)));
    assert_eq!(stage.loss[0].inner().term().weight, Either::First(2.0));
    assert_eq!(recipe.stages[0].origin.position(), Some((2, 11)));
}

/// A good recipe with one line replaced, and the single mistake in it.
fn mistake_of(line: &str, replacement: &str) -> (String, String) {
    assert!(GOOD.contains(line), "{line}");
    let found = mistakes(&GOOD.replacen(line, replacement, 1));
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

#[test]
fn a_mistake_is_shown_at_its_place() {
    let cases = [
        ("epochs = 3", "epohcs = 3\nepochs = 3", "unknown-key", "6:1"),
        ("epochs = 3", "", "missing-key", "5:1"),
        ("epochs = 3", "epochs = \"3\"", "type", "6:10"),
        ("epochs = 3", "epochs = 3.5", "type", "6:10"),
        ("epochs = 3", "epochs = -3", "range", "6:10"),
        ("epochs = 3", "epochs = 2021-03-04", "type", "6:10"),
        ("batch = 8", "batch = 0", "range", "8:9"),
        ("batch = 8", "learning-rate = 1", "range", "8:17"),
        ("batch = 8", "learning-rate = nan", "range", "8:17"),
        ("batch = 8", "clip = inf", "range", "8:8"),
        ("\"linear\"", "\"linaer\"", "choice", "9:12"),
        ("\"linear\"", "\"jumps\"", "kind", "9:12"),
        ("\"linear\"", "3", "type", "9:12"),
        ("\"linear\"", "{}", "kind", "9:12"),
        ("\"linear\"", "{ linaer = {} }", "unknown-key", "9:14"),
        ("\"linear\"", "{ linear = {}, constant = {} }", "kind", "9:27"),
        ("\"linear\"", "{ jumps = { at = [1, true] } }", "type", "9:33"),
        ("weight = 2", "weight = \"2a\"", "choice", "11:22"),
        ("weight = 2", "weight = []", "type", "11:22"),
        ("weight = 2", "wieght = 2", "unknown-key", "11:13"),
        ("map = \"last\"", "map = 3", "type", "11:35"),
        ("temperature = 2.0", "temperature = 0", "range", "13:15"),
        ("hidden = [", "hiden = [", "unknown-key", "11:1"),
        ("path = \"names.tsv\"", "path = \"hf:nobody\"", "location", "3:17"),
        ("path = \"names.tsv\"", "path = \"names.tsv\", unit = \"wort\"", "choice", "3:37"),
        ("path = \"names.tsv\"", "unit = \"word\"", "missing-key", "3:8"),
        ("name = \"good\"", "", "missing-key", "1:1"),
        ("stages = [\"layers\"]", "stages = [\"layers\", 2]", "type", "2:21"),
        ("stages = [\"layers\"]", "stages = \"layers\"", "type", "2:10"),
    ];
    for (line, replacement, code, place) in cases {
        assert_eq!(mistake_of(line, replacement), (code.to_owned(), place.to_owned()), "{replacement}");
    }
}

#[test]
fn columns_count_characters() {
    let place = mistake_of("path = \"names.tsv\"", "path = \"हिन्दी.tsv\", unit = \"wort\"");
    assert_eq!(place, ("choice".to_owned(), "3:38".to_owned()));
}

#[test]
fn every_mistake_is_found_at_once() {
    let text = "naem = 1\nstages = 2\nseed = -1\n[stage.one]\nepochs = \"a\"\n[stage.one.loss.logits]\nmapp = 1\n\
                [stage.two]\nepochs = 1\n[[data]]\n[[data]]\npath = 3\n";
    let found = mistakes(text);
    let expected = [
        ("unknown-key", "1:1"),
        ("missing-key", "1:1"),
        ("range", "3:8"),
        ("type", "2:10"),
        ("type", "5:10"),
        ("unknown-key", "7:1"),
        ("missing-key", "6:1"),
        ("missing-key", "8:1"),
        ("missing-key", "10:1"),
        ("type", "12:8"),
    ];
    assert_eq!(found, expected.map(|(code, place)| (code.to_owned(), place.to_owned())));
}

#[test]
fn a_message_shows_line_carets_and_help() {
    let text = GOOD.replace("epochs = 3", "").replace("batch = 8", "bach = 8");
    let text = text.replace("\"linear\"", "{ constant = {}, linear = {} }");
    let rendered = recipe(&text).unwrap_err().to_string();
    let expected = "\
error[recipe::missing-key]: missing key `epochs` in `stage.layers`
   ╭─[recipe.toml:5:1]
 5 │ [stage.layers]
   · ^^^^^^^^^^^^^^ `epochs` must be given here: integer from 0 to 2147483647
   ╰─
  help: `alambic explain stage.*.epochs` describes it

error[recipe::unknown-key]: unknown key `bach` in `stage.layers.train`
   ╭─[recipe.toml:8:1]
 7 │ [stage.layers.train]
 8 │ bach = 8
   · ^^^^ did you mean `batch`?
   ╰─
  help: `alambic explain stage.*.train` lists the keys

error[recipe::kind]: `stage.layers.train.schedule` names both `constant` and `linear`, but takes only one
   ╭─[recipe.toml:9:29]
 9 │ schedule = { constant = {}, linear = {} }
   ·                             ^^^^^^ second kind
   ├─[recipe.toml:9:14]
 9 │ schedule = { constant = {}, linear = {} }
   ·              ^^^^^^^^ first kind
   ╰─";
    assert_eq!(rendered, expected);
}

#[test]
fn carets_stand_under_wide_and_combining_text() {
    let text = "name = \"漢字\"\tseed = 1";
    let rendered = Node::parse("wide.toml", text).unwrap_err().to_string();
    let lines: Vec<&str> = rendered.lines().collect();
    assert_eq!(lines[2], " 1 │ name = \"漢字\"    seed = 1");
    // Four columns for two characters, four for the tab.
    assert_eq!(lines[3].find('^').map(|byte| &lines[3][..byte]), Some("   ·                  "));
    let text = "[table]\n\"की\" = 1\n\"की\" = 2";
    let diagnostics = Node::parse("combining.toml", text).unwrap_err();
    assert_eq!(
        crate::common::places(&diagnostics),
        [("syntax".to_owned(), "3:1".to_owned())],
        "{diagnostics}"
    );
}

#[test]
fn colour_adds_nothing_but_colour() {
    let diagnostics = recipe("seed = 1\nsede = 2").unwrap_err();
    let coloured = diagnostics.render(true);
    let mut plain = String::new();
    let mut inside = false;
    for character in coloured.chars() {
        inside |= character == '\u{1b}';
        if !inside {
            plain.push(character);
        }
        inside &= character != 'm';
    }
    assert!(coloured.len() > plain.len());
    assert_eq!(plain, diagnostics.render(false));
}

#[test]
fn json_holds_the_same() {
    let json = recipe(&GOOD.replace("batch", "bach")).unwrap_err().to_json();
    let expected = serde_json::json!([{
        "severity": "error",
        "code": "recipe::unknown-key",
        "message": "unknown key `bach` in `stage.layers.train`",
        "labels": [{ "file": "recipe.toml", "line": 8, "column": 1, "text": "did you mean `batch`?" }],
        "help": "`alambic explain stage.*.train` lists the keys",
    }]);
    assert_eq!(json, expected);
}

#[test]
fn several_breaks_of_syntax_are_all_shown() {
    let diagnostics = Node::parse("broken.toml", "a = \nb = 1\nc = [1,\nd = 2\n").unwrap_err();
    let places = crate::common::places(&diagnostics);
    assert_eq!(places, [("syntax".into(), "1:5".into()), ("syntax".into(), "4:3".into())], "{diagnostics}");
    let large = Node::parse("large.toml", &format!("a = {}\nb = 1e999", "9".repeat(60))).unwrap_err();
    assert_eq!(
        crate::common::places(&large),
        [("range".into(), "1:5".into()), ("range".into(), "2:5".into())]
    );
}

#[test]
fn no_text_makes_the_reader_panic() {
    let pieces = [
        "", "\0", "=", "[", "]", "[[", "{", "}", "\"", "'''", "\\u", "#", ".", ",", "\n", "\r\n", "\t", "é",
        "क्", "name", "stage", " = ", "1", "-", "1e", "0x", "nan", "2021-", "true", "\u{feff}", "\u{202e}",
        "hidden",
    ];
    // Every pair and a walk through longer mixtures, then every cut of a good text.
    for first in pieces {
        for second in pieces {
            let _ = recipe(&format!("{first}{second}")).map_err(|error| (error.to_string(), error.to_json()));
        }
    }
    let mut state = 1_u64;
    for _ in 0..3000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
        }
        let _ = recipe(&text).map_err(|error| (error.render(true), error.to_json()));
    }
    for cut in 0..GOOD.len() {
        let _ = recipe(&GOOD[..cut]).map_err(|error| error.to_string());
        let without = format!("{}{}", &GOOD[..cut], &GOOD[cut + 1..]);
        let _ = recipe(&without).map_err(|error| error.to_string());
    }
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(recipe(&deep).is_err());
    let deep = format!("{} = 1", vec!["a"; 100_000].join("."));
    assert!(recipe(&deep).is_err());
}

#[test]
fn a_value_reads_alone() {
    let node = Node::parse("t.toml", "batch = 4").unwrap();
    assert_eq!(read::<Training>(&node).unwrap().batch, 4);
    let read = alambic_settings::Reader::new("stage.*.train").finish(|reader| {
        let wrong = Node::parse("t.toml", "bach = 4").unwrap();
        <Training as alambic_settings::Setting>::read(&wrong, reader)
    });
    assert_eq!(
        read.unwrap_err().list[0].help.as_deref(),
        Some("`alambic explain stage.*.train` lists the keys")
    );
}

/// The diagnostic about a former name in a text.
fn renamed(text: &str) -> Diagnostic {
    let node = Node::parse("recipe.toml", text).unwrap();
    let read = Reader::new("")
        .with_renamed_keys(RENAMED)
        .finish(|reader| crate::common::Recipe::read(&node, reader));
    let found = read.unwrap_err().list;
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

#[test]
fn a_former_key_is_reported_with_its_present_name() {
    let found = renamed(&GOOD.replace("batch = 8", "batch = 8\nrate = 0.1"));
    let expected = "\
error[recipe::unknown-key]: unknown key `rate` in `stage.layers.train`
   ╭─[recipe.toml:9:1]
 9 │ rate = 0.1
   · ^^^^ a former name
   ╰─
  help: the key is `learning-rate` now";
    assert_eq!(found.to_string(), expected);
}

#[test]
fn a_former_key_has_the_name_of_the_table_it_stands_in() {
    let help = |text: String| renamed(&text).help.unwrap();
    assert_eq!(
        help(GOOD.replace("temperature = 2.0", "temperature = 2.0\nrate = 1.0")),
        "the key is `weight` now"
    );
    assert_eq!(help(GOOD.replace("hidden = [", "states = [")), "the key is `hidden` now");
    assert_eq!(help(GOOD.replace("\"linear\"", "{ ramp = {} }")), "the key is `linear` now");
    assert_eq!(help(GOOD.replace("\"linear\"", "\"ramp\"")), "the name is `linear` now");
    // Also where the new name stands beside it.
    let both = GOOD.replace("batch = 8", "learning-rate = 0.1\nrate = 0.1");
    assert_eq!(help(both), "the key is `learning-rate` now");
}

#[test]
fn a_former_key_of_other_tables_gets_a_suggestion() {
    let found = renamed(&GOOD.replace("epochs = 3", "epochs = 3\nrate = 3"));
    assert_eq!(found.help.unwrap(), "`alambic explain stage.*` lists the keys");
    assert_eq!(found.labels[0].text, "known: `epochs`, `train`, `loss`");
}

#[test]
fn a_long_line_is_shown_around_the_mistake() {
    let text = format!("name = \"{}\", seed = 1", "x".repeat(100_000));
    let rendered = Node::parse("long.toml", &text).unwrap_err().to_string();
    assert!(rendered.len() < 2000, "{}", rendered.len());
    let lines: Vec<&str> = rendered.lines().collect();
    assert!(lines[2].contains("…xxx") && lines[2].contains("\", seed = 1"), "{rendered}");
    let caret = lines[3].chars().position(|character| character == '^').unwrap();
    assert_eq!(lines[2].chars().nth(caret), Some(','), "{rendered}");
}

#[test]
fn what_a_terminal_would_obey_is_shown_instead() {
    let text = "seed = 1\n\"a\\u001b[2J\\u202e\" = 2 # \u{202e}\n";
    let rendered =
        read::<crate::common::Recipe>(&Node::parse("hidden.toml", text).unwrap()).unwrap_err().to_string();
    assert!(rendered.contains("unknown key `a\\u{1b}[2J\\u{202e}`"), "{rendered}");
    assert!(!rendered.contains(['\u{1b}', '\u{202e}']), "{rendered}");
}

#[test]
fn of_many_mistakes_the_first_are_shown_and_the_others_counted() {
    let text = (0..300).map(|number| format!("unknown-{number} = 1\n")).collect::<Vec<_>>().concat();
    let found = read::<crate::common::Recipe>(&Node::parse("many.toml", &text).unwrap()).unwrap_err();
    assert_eq!(found.list.len(), 50);
    assert!(found.count() >= 300);
    let shown = found.shown();
    let last = &shown[50];
    assert_eq!((shown.len(), last.code), (51, "recipe::more"));
    assert!(last.message.contains("250 `recipe::unknown-key`"), "{}", last.message);
    assert_eq!(found.to_json().as_array().unwrap().len(), 51);
}

#[test]
fn a_count_has_a_largest_value() {
    let recipe = |seed: &str| {
        format!("name = \"n\"\nstages = []\nseed = {seed}\nstage.a.epochs = {seed}\n[[data]]\npath = \"p\"\n")
    };
    let is_range = |mistake: &(String, String)| mistake.0 == "range";
    let found = |seed: &str| mistakes(&recipe(seed)).into_iter().filter(is_range).count();
    assert_eq!((found("2147483647"), found("2147483648")), (0, 1));
}
