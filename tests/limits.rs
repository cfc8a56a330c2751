//! Inputs at the limits: recipes without end, without bottom, of a size that no machine holds, and values that are
//! longer than a screen. Each is refused at once, in few lines.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::{alambic, sound};

/// The recipe that all of these begin with.
fn extending() -> String {
    format!("extends = {:?}\n", sound())
}

/// Exit code and what is said on standard error by `check`, which must take neither long nor many words.
fn check(folder: &Path, recipe: &str, flags: &[&str]) -> (Option<i32>, String) {
    std::fs::write(folder.join("recipe.toml"), recipe).unwrap();
    check_file(folder, flags)
}

fn check_file(folder: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let begun = Instant::now();
    let mut command = alambic(folder);
    command.args(["check", "--quick", "recipe.toml"]);
    for flag in flags {
        command.args(["--set", flag]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}: {said}", begun.elapsed());
    assert!(said.len() < 60_000, "{} bytes are said", said.len());
    assert!(!said.contains("should not have happened"), "{said}");
    (output.status.code(), said)
}

#[test]
fn recipes_that_name_each_other_twice_are_read_once() {
    let folder = tempfile::tempdir().unwrap();
    for level in 1..=28 {
        let next = if level == 28 {
            extending()
        } else {
            format!("extends = [{0:?}, {0:?}]\n", format!("r{}.toml", level + 1))
        };
        std::fs::write(folder.path().join(format!("r{level}.toml")), next).unwrap();
    }
    let (code, said) = check(folder.path(), "extends = [\"r1.toml\", \"r1.toml\"]\n", &[]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn recipes_that_extend_one_another_without_end_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for level in 0..200 {
        let text = format!("extends = \"r{}.toml\"\n", level + 1);
        std::fs::write(folder.path().join(format!("r{level}.toml")), text).unwrap();
    }
    let (code, said) = check(folder.path(), "extends = \"r0.toml\"\n", &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("more than 32 recipes extend one another"), "{said}");
    let many = format!("extends = [{}]\n", "\"base.toml\", ".repeat(2000));
    std::fs::write(folder.path().join("base.toml"), extending()).unwrap();
    let (code, said) = check(folder.path(), &many, &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("names recipes more than 500 times"), "{said}");
}

#[cfg(unix)]
#[test]
fn devices_and_pipes_are_no_recipes() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("recipe.toml");
    std::os::unix::fs::symlink("/dev/zero", &recipe).unwrap();
    let (code, said) = check_file(folder.path(), &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("recipe.toml") && said.contains("a pipe or a device"), "{said}");
    std::fs::remove_file(&recipe).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&recipe).status().unwrap().success());
    let (code, said) = check_file(folder.path(), &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("a pipe or a device"), "{said}");
}

#[test]
fn a_recipe_of_many_megabytes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = check(folder.path(), &format!("{}# {}", extending(), "x".repeat(5 << 20)), &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains("longer than 4194304 bytes"), "{said}");
}

#[test]
fn values_and_keys_are_cut_where_they_are_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(3 << 20);
    for recipe in [
        format!("{}name = \"{long}\"\n", extending()),
        format!("{}{long} = 1\n", extending()),
        format!("{}seed = \"{long}\"\n", extending()),
        format!("{}[stage.{long}]\ndata.pairs = 3\n", extending()),
        format!("{}stages = [\"{long}\"]\n", extending()),
        format!("{}[data.names]\ncorpus.names-table.path = \"{long}\"\n", extending()),
        format!("{}[train]\nschedule = \"{long}\"\n", extending()),
        format!(
            "{}[evaluation]\nmetrics = [\"{long}\"]\nteacher = \"{long}\"\ndirections = [\"{long}\"]\n",
            extending()
        ),
        format!("extends = \"{long}\"\n"),
        format!("{}unset = [\"{long}\"]\n", extending()),
        format!("{}name = {long}\n", extending()),
    ] {
        let (code, said) = check(folder.path(), &recipe, &[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.len() < 12_000,
            "{} bytes are said of {}",
            said.len(),
            &recipe[recipe.len().min(80)..][..20]
        );
    }
    let flag = format!("name={}", &long[..100_000]);
    let (code, said) = check(folder.path(), &extending(), &[&flag]);
    assert_eq!(code, Some(2));
    assert!(said.len() < 4000, "{} bytes are said", said.len());
}

#[test]
fn many_mistakes_are_counted_and_the_first_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut recipe = extending();
    for number in 0..100_000 {
        let _ = writeln!(recipe, "unknown-{number} = {number}");
    }
    let (code, said) = check(folder.path(), &recipe, &[]);
    assert_eq!(code, Some(2));
    assert_eq!(said.matches("error[recipe::unknown-key]").count(), 50, "{said}");
    assert!(said.contains("99950 more errors are not shown: 99950 `recipe::unknown-key`"), "{said}");
}

#[test]
fn recipes_of_endless_lists_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let names: String = (0..200_000).fold(String::new(), |mut names, number| {
        let _ = write!(names, "\"s{number}\",");
        names
    });
    let stages = (0..20_000).fold(extending(), |mut recipe, number| {
        let _ =
            writeln!(recipe, "[stage.s{number}]\nloss = {{}}\ndata.pairs = {{ data = [], directions = [] }}");
        recipe
    });
    for (recipe, key) in [
        (format!("{}stages = [{names}]\n", extending()), "`stages` has 200000 entries"),
        (
            format!("{}[evaluation]\nmetrics = [{names}]\n", extending()),
            "`evaluation.metrics` has 200000 entries",
        ),
        (stages, "`stage` has 20002 entries"),
    ] {
        let (code, said) = check(folder.path(), &recipe, &[]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(key), "{said}");
    }
}

#[test]
fn values_within_values_have_a_depth() {
    let folder = tempfile::tempdir().unwrap();
    let depth = 100_000;
    for recipe in [
        format!("{}seed = {}1{}\n", extending(), "[".repeat(depth), "]".repeat(depth)),
        format!("{}seed = {}1{}\n", extending(), "{ a = ".repeat(depth), " }".repeat(depth)),
        format!("{}{}b = 1\n", extending(), "a.".repeat(depth)),
        format!("{}[{}b]\n", extending(), "a.".repeat(depth)),
        format!("{}unset = [\"{}b\"]\n", extending(), "a.".repeat(depth)),
    ] {
        let (code, said) = check(folder.path(), &recipe, &[]);
        assert_eq!(code, Some(2), "{said}");
    }
    for flag in [format!("{}b=1", "a.".repeat(50_000)), format!("seed={}", "[".repeat(50_000))] {
        let (code, said) = check(folder.path(), &extending(), &[&flag]);
        assert_eq!(code, Some(2), "{said}");
    }
}

#[test]
fn students_larger_than_the_machine_are_refused() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sizes = "[model.small.encoder-decoder]\nwidth = 65536\nencoder-layers = 1024\ndecoder-layers = 1024\nfeed-forward = 1048576\n";
    let (code, said) = check(folder.path(), &format!("{}{sizes}", extending()), &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("error[student::memory]") && said.contains("GiB, and this machine has"), "{said}");
}
