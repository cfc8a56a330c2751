//! `extends`, `unset`, `--set`, and the resolved file.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use crate::common::{GOOD, Loss, RENAMED, Recipe, Schedule, places};
use alambic_settings::{
    AddedKinds, Diagnostics, Location, Node, Origin, Resolution, Resolver, Type, parse_flag, resolved_toml,
};

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> Location {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    Location::File(path)
}

fn resolve(recipe: &Location, flags: &[&str]) -> Result<Resolution<Recipe>, Diagnostics> {
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let builtins = &[("epik/base", GOOD), ("epik/next", "extends = \"../epik/base.toml\"")];
    Resolver { builtins, renamed_keys: RENAMED, added_kinds: AddedKinds::default() }.resolve(recipe, &flags)
}

#[test]
fn layers_merge_key_by_key() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "bases/base.toml", GOOD);
    write(folder.path(), "other.toml", "seed = 7\n[stage.layers.train]\nbatch = 16\n");
    let text = "extends = [\"bases/base.toml\", \"other.toml\"]\nunset = [\"stage.layers.loss.hidden\"]\n\
                name = \"top\"\nstages = []\n[stage.layers.train]\nclip = 1\n";
    let recipe = write(folder.path(), "top.toml", text);
    let resolution = resolve(&recipe, &["stage.layers.epochs=9", "data.path = a b/c.tsv"]).unwrap();
    let value = &resolution.value;
    assert_eq!((value.name.as_str(), value.seed, value.stages.len()), ("top", 7, 0));
    let stage = &value.stage["layers"];
    assert_eq!((stage.epochs, stage.train.batch, stage.train.clip), (9, 16, Some(1.0)));
    assert_eq!(stage.loss.iter().map(|term| term.name()).collect::<Vec<_>>(), ["logits"]);
    assert_eq!(value.data[0].path, Location::File("a b/c.tsv".into()));
    assert_eq!(resolution.sources.len(), 3);
    assert!(resolution.sources[0].name().ends_with("top.toml"));
    // Only reached into by a flag, the stage stays where it was opened.
    assert_eq!(stage.origin.position(), Some((5, 1)));
    assert!(!stage.origin.is_flag());
}

#[test]
fn a_flag_takes_keys_out_of_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = write(folder.path(), "top.toml", GOOD);
    let stage = |flags: &[&str]| resolve(&recipe, flags).map(|found| found.value.stage["layers"].clone());
    let names = |flags: &[&str]| -> Vec<String> {
        stage(flags).unwrap().loss.iter().map(|term| term.name().to_owned()).collect()
    };
    assert!(names(&[]).contains(&"hidden".to_owned()));
    let taken = ["unset=[\"stage.layers.loss.hidden\"]"];
    assert!(!names(&taken).contains(&"hidden".to_owned()));
    // In their order: what a later flag sets is there again.
    assert!(names(&[taken[0], "stage.layers.loss.hidden={}"]).contains(&"hidden".to_owned()));
    let error = resolve(&recipe, &["unset=[\"stage.layers.none\"]"]).unwrap_err();
    assert!(error.to_string().contains("`stage.layers.none` is not inherited"), "{error}");
    assert!(resolve(&recipe, &["unset=7"]).is_err());
}

#[test]
fn a_path_is_seen_from_the_file_that_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "bases/base.toml", GOOD);
    let recipe = write(folder.path(), "top.toml", "extends = \"bases/base.toml\"");
    let path = resolve(&recipe, &[]).unwrap().value.data[0].path.clone();
    assert_eq!(path, Location::File(folder.path().join("bases").join("names.tsv")));
}

#[test]
fn another_kind_replaces_the_inherited_one() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "base.toml", GOOD);
    let layers = [
        (
            "schedule = { linear = { warm-up = 0.5 } }",
            Schedule::Linear(crate::common::Linear { warm_up: 0.5 }),
        ),
        ("schedule = { constant = {} }", Schedule::Constant(crate::common::Constant {})),
        ("schedule = \"constant\"", Schedule::Constant(crate::common::Constant {})),
        ("schedule.jumps.at = [3]", Schedule::Jumps(crate::common::Jumps { at: vec![3] })),
    ];
    write(
        folder.path(),
        "linear.toml",
        "extends = \"base.toml\"\n[stage.layers.train]\nschedule = { linear = { warm-up = 0.2 } }\n",
    );
    for (text, expected) in layers {
        for base in ["base", "linear"] {
            let text = format!("extends = \"{base}.toml\"\n[stage.layers.train]\n{text}\n");
            let recipe = write(folder.path(), "top.toml", &text);
            let train = resolve(&recipe, &[]).unwrap().value.stage["layers"].train.clone();
            assert_eq!(train.schedule, expected, "{text}");
        }
    }
    let recipe = write(folder.path(), "flag.toml", "extends = \"linear.toml\"");
    let train = |flag| resolve(&recipe, &[flag]).unwrap().value.stage["layers"].train.clone();
    let within = train("stage.layers.train.schedule.linear.warm-up=0.3").schedule;
    assert_eq!(within, Schedule::Linear(crate::common::Linear { warm_up: 0.3 }));
    let other = train("stage.layers.train.schedule=constant").schedule;
    assert_eq!(other, Schedule::Constant(crate::common::Constant {}));
    // The factor of a term is a number or a kind.
    let weight = "stage.layers.loss.logits.weight";
    let flags = [format!("{weight}.linear.warm-up=0.3"), format!("{weight}.constant={{}}")];
    let resolution = resolve(&recipe, &flags.each_ref().map(String::as_str)).unwrap();
    let Loss::Logits(logits) = &resolution.value.stage["layers"].loss[2].value else { panic!() };
    assert_eq!(
        logits.term.weight,
        alambic_settings::Either::Second(Schedule::Constant(crate::common::Constant {}))
    );
}

#[test]
fn a_cycle_of_extends_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.toml", "extends = \"b.toml\"");
    write(folder.path(), "b.toml", "\n\nextends = [\"./sub/../a.toml\"]");
    write(folder.path(), "sub/none.toml", "");
    let recipe = Location::File(folder.path().join("a.toml"));
    let diagnostics = resolve(&recipe, &[]).unwrap_err();
    assert_eq!(places(&diagnostics), [("cycle".to_owned(), "3:12".to_owned())]);
    let message = &diagnostics.list[0].message;
    assert_eq!(message.matches("a.toml").count(), 2, "{message}");
    assert_eq!(message.matches(" → ").count(), 2, "{message}");
    let itself = write(folder.path(), "self.toml", "extends = \"self.toml\"");
    assert_eq!(places(&resolve(&itself, &[]).unwrap_err()), [("cycle".to_owned(), "1:11".to_owned())]);
}

#[test]
fn recipes_of_the_program_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = write(folder.path(), "top.toml", "extends = \"builtin:epik/next\"\nseed = 3");
    assert_eq!(resolve(&recipe, &[]).unwrap().value.seed, 3);
    assert_eq!(resolve(&Location::Builtin("epik/next".to_owned()), &[]).unwrap().value.name, "good");
    let recipe = write(folder.path(), "top.toml", "extends = \"builtin:epik/nxt\"");
    let diagnostics = resolve(&recipe, &[]).unwrap_err();
    assert_eq!(places(&diagnostics), [("file".to_owned(), "1:11".to_owned())]);
    assert_eq!(diagnostics.list[0].labels[0].text, "did you mean `builtin:epik/next`?");
}

#[test]
fn what_cannot_be_read_is_named_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let one = |text: &[u8], flags: &[&str]| {
        let recipe = write(folder.path(), "top.toml", text);
        places(&resolve(&recipe, flags).unwrap_err())
    };
    let place = |code: &str, place: &str| (code.to_owned(), place.to_owned());
    // What is missing may stand in the missing file; what is wrong is still reported.
    assert_eq!(
        one(b"extends = \"none.toml\"\nseed = true", &[]),
        [place("file", "1:11"), place("type", "2:8")]
    );
    assert_eq!(one(b"extends = [\"hf:a/b\", 3]", &[]), [place("type", "1:22")]);
    assert_eq!(one(b"extends = \"hf:a/b\"", &[]), [place("file", "1:11")]);
    assert_eq!(one(b"extends = \"\"", &[]), [place("file", "1:11")]);
    assert_eq!(one(b"seed = 1\nname = \"caf\xe9\"\n", &[]), [place("encoding", "2:12")]);
    assert_eq!(one(b"seed = ", &["sede=1"])[0], place("syntax", "1:8"));
    let inherited = format!("unset = [\"seed\", \"stage.layer\"]\n{GOOD}");
    assert_eq!(one(inherited.as_bytes(), &[]), [place("unset", "1:10"), place("unset", "1:18")]);
    let absent = resolve(&Location::File(folder.path().join("absent.toml")), &[]).unwrap_err();
    assert_eq!(places(&absent), [place("file", "nowhere")]);
    assert!(absent.to_string().contains("absent.toml"), "{absent}");
    assert_eq!(places(&resolve(&Location::File(folder.path().into()), &[]).unwrap_err()).len(), 1);
    // Two that extend the same broken one say so once.
    write(folder.path(), "broken.toml", "a = ");
    write(folder.path(), "left.toml", "extends = \"broken.toml\"");
    write(folder.path(), "right.toml", "extends = \"broken.toml\"");
    assert_eq!(one(b"extends = [\"left.toml\", \"right.toml\"]", &[]), [place("syntax", "1:5")]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = write(folder.path(), "mark.toml", format!("\u{feff}nam = 1\n{GOOD}"));
    assert_eq!(places(&resolve(&recipe, &[]).unwrap_err()), [("unknown-key".to_owned(), "1:1".to_owned())]);
}

#[test]
fn a_flag_is_read_as_toml_or_as_a_bare_word() {
    let value = |flag: &str| {
        let node = parse_flag(flag).unwrap();
        node.get("a").unwrap().get("b").unwrap().clone()
    };
    let text = |text: &str| alambic_settings::Value::Text(text.to_owned());
    assert_eq!(value("a.b=1").value, alambic_settings::Value::Integer(1));
    assert_eq!(value("a . b = 1.5 ").value, alambic_settings::Value::Float(1.5));
    assert_eq!(value("a.b=1e-4").value, alambic_settings::Value::Float(1e-4));
    assert_eq!(value("a.b=data/हिन्दी names.tsv").value, text("data/हिन्दी names.tsv"));
    assert_eq!(value("a.b=2024-01-02").value, text("2024-01-02"));
    assert_eq!(value("a.b=1 2").value, text("1 2"));
    assert_eq!(value("a.b=x=y").value, text("x=y"));
    assert_eq!(value("a.b=\"\"").value, text(""));
    let list = value("a.b=[1, \"x\"]");
    assert!(matches!(&list.value, alambic_settings::Value::List(items)
        if items[1].origin.position() == Some((1, 9)) && items[1].origin.is_flag()));
    assert_eq!(
        parse_flag("\"a=b\".c=1").unwrap().get("a=b").unwrap().get("c").unwrap().origin.position(),
        Some((1, 9))
    );

    let place = |flag: &str| {
        let found = places(&parse_flag(flag).unwrap_err());
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    };
    for (flag, code, column) in [
        ("seed", "set", "1:5"),
        ("", "set", "1:1"),
        ("seed=", "set", "1:6"),
        ("seed = ", "set", "1:8"),
        ("se ed=1", "syntax", "1:4"),
        ("=1", "syntax", "1:1"),
        ("seed=\"x", "syntax", "1:8"),
    ] {
        assert_eq!(place(flag), (code.to_owned(), column.to_owned()), "{flag}");
    }
}

#[test]
fn a_mistake_in_a_flag_points_into_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = write(folder.path(), "good.toml", GOOD);
    let diagnostics =
        resolve(&recipe, &["stage.layers.train.bach=3", "seed=x", "sead", "stage.new.epochs=1"]);
    let rendered = diagnostics.unwrap_err().to_string();
    let expected = "\
error[recipe::unknown-key]: unknown key `bach` in `stage.layers.train`
   ╭─[--set:1:20]
 1 │ stage.layers.train.bach=3
   ·                    ^^^^ did you mean `batch`?
   ╰─
  help: `alambic explain stage.*.train` lists the keys";
    assert!(rendered.contains(expected), "{rendered}");
    for place in ["[--set:1:5]\n 1 │ sead\n", "[--set:1:6]\n 1 │ seed=x\n"] {
        assert!(rendered.contains(place), "{rendered}");
    }
}

#[test]
fn a_former_key_of_a_recipe_or_flag_is_reported_with_its_present_name() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "base.toml", GOOD.replace("batch = 8", "rate = 0.1"));
    let recipe = write(folder.path(), "top.toml", "extends = \"base.toml\"");
    let diagnostics = resolve(&recipe, &["phase.layers.epochs=3"]).unwrap_err();
    let helps: Vec<&str> = diagnostics.list.iter().filter_map(|found| found.help.as_deref()).collect();
    assert_eq!(helps, ["the key is `stage` now", "the key is `learning-rate` now"]);
}

#[test]
fn hidden_characters_are_escaped_in_the_resolved_file_and_stay_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let name =
        "a\u{202e}\u{200b}\u{e0041}\u{7f}\u{85}\u{2028}\u{ffff}\r\u{1b} 'x' \\u202e \"y\" {{ क्\u{200d}ष";
    let literal = serde_json::to_string(name).unwrap().replace('\u{7f}', "\\u007f");
    write(folder.path(), "base\u{202e}\u{e0041}.toml", GOOD);
    let text = format!(
        "extends = \"base\u{202e}\u{e0041}.toml\"\nname = {literal}\n[stage.{literal}]\nepochs = 1\nloss = {{}}\n"
    );
    let first = resolve(&write(folder.path(), "top.toml", &text), &[]).unwrap();
    let resolved = resolved_toml(&first.value, &first.tree, &AddedKinds::default());
    for line in resolved.lines() {
        assert_eq!(alambic_files::text::first_hidden(line), None, "{line}");
    }
    let copy = write(folder.path(), "recipe.resolved.toml", &resolved);
    let second = resolve(&copy, &[]).unwrap_or_else(|error| panic!("{error}\n{resolved}"));
    assert_eq!(second.value, first.value, "{resolved}");
    assert_eq!(second.value.name, name);
}

#[test]
fn the_resolved_file_gives_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "base.toml", GOOD);
    let text = "extends = \"base.toml\"\nname = \"a \\\"b\\\" \\\\ \\u0007 \\n क\"\nseed = 18446744073709551615\n\
                [stage.\"odd name\"]\nepochs = 1\ntrain.schedule = \"constant\"\nloss = {}\n";
    let recipe = write(folder.path(), "top.toml", text);
    let first = resolve(&recipe, &["stage.layers.train.clip=0.1"]).unwrap();
    let resolved = resolved_toml(&first.value, &first.tree, &AddedKinds::default());
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = write(elsewhere.path(), "recipe.resolved.toml", &resolved);
    let second = resolve(&copy, &[]).unwrap_or_else(|error| panic!("{error}\n{resolved}"));
    assert_eq!(second.value, first.value, "{resolved}");
    assert_eq!(second.value.seed, u64::MAX);
    // What is written in full does not change by being written again.
    let strip = |text: &str| {
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.rsplit_once("  # ").map_or(line, |(line, _)| line).to_owned())
            .collect();
        lines
    };
    assert_eq!(strip(&resolved_toml(&second.value, &second.tree, &AddedKinds::default())), strip(&resolved));
    for (line, origin) in [
        ("batch = 8", "base.toml:8"),
        ("learning-rate = 0.001", "default"),
        ("clip = 0.1", "--set"),
        ("warm-up = 0.1", "default"),
        ("[stage.\"odd name\".train.schedule.constant]", "top.toml:6"),
        ("final = true", "default"),
        ("[stage.layers.train.schedule.linear]", "base.toml:9"),
        ("[[stage.layers.loss.hidden]]", "base.toml:11"),
        ("weight = 2.0", "base.toml:11"),
        ("unit = \"word\"", "default"),
        ("seed = 18446744073709551615", "top.toml:3"),
    ] {
        let found = resolved.lines().any(|written| {
            written.starts_with(line)
                && written.rsplit_once("  # ").is_some_and(|(_, end)| end.ends_with(origin))
        });
        assert!(found, "{line} # {origin} in\n{resolved}");
    }
}

#[test]
fn merging_keeps_the_later_origin() {
    let node = |name: &str, text: &str| Node::parse(name, text).unwrap();
    let kind = <Recipe as alambic_settings::Setting>::describe();
    assert!(matches!(kind, Type::Table(_)));
    let merged = alambic_settings::merge::merge(
        node("a", "x = 1\nt = { u = 1, v = 2 }\nl = [1, 2]"),
        node("b", "t = { v = 3 }\nl = [4]"),
        Some(&kind),
    );
    let short = |node: &Node| node.origin.short();
    let table = merged.get("t").unwrap();
    assert_eq!(short(merged.get("x").unwrap()), "a:1");
    assert_eq!(
        (short(table.get("u").unwrap()), short(table.get("v").unwrap())),
        ("a:2".into(), "b:1".into())
    );
    assert_eq!(short(table), "b:1");
    assert!(
        matches!(&merged.get("l").unwrap().value, alambic_settings::Value::List(items) if items.len() == 1)
    );
    assert_eq!(Origin::Default.short(), "default");
}
