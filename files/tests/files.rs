//! Whole writes, locks, digests, limits, and text made safe to show.
#![allow(clippy::unwrap_used)]

use std::fs;

use alambic_files::digests::{self, DIGESTS, Digests};
use alambic_files::lock::{LOCK, Lock};
use alambic_files::{FileError, read, text, write};

#[test]
fn replaced_file_is_whole_and_leaves_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    write::write(&path, b"old").unwrap();
    write::write(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    let failed = write::write_with(&path, |_| Err(std::io::Error::other("full")));
    assert!(failed.unwrap_err().to_string().contains("state.json.part: full"));
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_takes_the_place_of_an_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    for (name, text) in [("a", "1"), ("b", "2")] {
        let partial = write::partial(&whole);
        fs::create_dir(&partial).unwrap();
        fs::write(partial.join(name), text).unwrap();
        write::publish_folder(&partial, &whole).unwrap();
    }
    assert!(!whole.join("a").exists() && whole.join("b").is_file());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    write::discard(&whole).unwrap();
    write::discard(&whole).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn second_holder_of_a_folder_is_refused_with_the_first_one_named() {
    let folder = tempfile::tempdir().unwrap();
    let first = Lock::acquire(folder.path(), "alambic run").unwrap();
    // Locks belong to open files, so a second one within a process is refused as another process would be.
    let second = Lock::acquire(folder.path(), "alambic run").unwrap_err();
    assert!(matches!(second, FileError::Locked { .. }));
    let holder = format!("process {} (alambic run)", std::process::id());
    assert!(second.to_string().contains(&holder), "{second}");
    drop(first);
    assert!(!folder.path().join(LOCK).exists());
    // What a killed process left keeps nobody out.
    fs::write(folder.path().join(LOCK), "process 1 (alambic run)").unwrap();
    drop(Lock::acquire(folder.path(), "alambic run").unwrap());
}

#[test]
fn changed_cut_and_missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("deep")).unwrap();
    fs::write(folder.path().join("a.bin"), [1, 2, 3]).unwrap();
    fs::write(folder.path().join("deep/b.bin"), [4]).unwrap();
    assert_eq!(Digests::read(folder.path()).unwrap(), None);
    Digests::of_folder(folder.path()).unwrap().write(folder.path()).unwrap();
    let digests = Digests::read(folder.path()).unwrap().unwrap();
    assert_eq!(digests.files.keys().collect::<Vec<_>>(), ["a.bin", "deep/b.bin"]);
    digests.check(folder.path()).unwrap();
    let damage = |name: &str, bytes: Option<&[u8]>| {
        let path = folder.path().join(name);
        let sound = fs::read(&path).unwrap();
        match bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let said = digests.check(folder.path()).unwrap_err().to_string();
        fs::write(&path, sound).unwrap();
        assert!(said.contains(name), "{said}");
        said
    };
    assert!(damage("a.bin", Some(&[1, 2, 7])).contains("not those that were written"));
    assert!(damage("deep/b.bin", Some(&[])).contains("0 bytes, and 1"));
    damage("deep/b.bin", None);
    let list = folder.path().join(DIGESTS);
    let sound = fs::read_to_string(&list).unwrap();
    for damaged in ["{".to_owned(), sound.replace("\"bytes\": 3", "\"bytes\": 7")] {
        fs::write(&list, damaged).unwrap();
        let said = Digests::read(folder.path()).unwrap_err().to_string();
        assert!(said.contains(DIGESTS) && said.contains("damaged"), "{said}");
    }
}

#[test]
fn a_folder_with_files_of_others_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("student");
    let publish = |text: &str| {
        let partial = write::partial(&whole);
        write::discard(&partial).unwrap();
        fs::create_dir(&partial).unwrap();
        fs::write(partial.join("config.json"), text).unwrap();
        digests::publish(&partial, &whole)
    };
    publish("1").unwrap();
    publish("2").unwrap();
    digests::check_listed(&whole.join("config.json")).unwrap();
    fs::write(whole.join("notes.md"), "mine").unwrap();
    let refused = publish("3").unwrap_err().to_string();
    assert!(refused.contains("notes.md") && !refused.contains("config.json"), "{refused}");
    assert_eq!(fs::read_to_string(whole.join("config.json")).unwrap(), "2");
    digests::check_listed(&whole.join("notes.md")).unwrap();
    fs::write(whole.join("config.json"), "4").unwrap();
    let said = digests::check_listed(&whole.join("config.json")).unwrap_err().to_string();
    assert!(said.contains("config.json") && said.contains("delete"), "{said}");
}

#[test]
fn limits_hold_and_other_kinds_of_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let said = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read::text(&path, 100).map_err(|error| error.to_string())
    };
    assert_eq!(said("\u{feff}{}".as_bytes()).unwrap(), "{}");
    assert!(said(&[b'a'; 101]).unwrap_err().contains("longer than 100 bytes"));
    assert!(said(&[0x1f, 0x8b, 8]).unwrap_err().contains("gzip"));
    assert!(said(&[b'a', 0xff]).unwrap_err().contains("byte 0xff at 1"));
    assert!(read::open(folder.path()).unwrap_err().to_string().contains("folder"));
    assert!(read::describe(b"version https://git-lfs.github.com/spec/v1\n").unwrap().contains("Git LFS"));
    assert!(read::describe(b"\n <!DOCTYPE html>").unwrap().contains("HTML"));
    assert_eq!(read::describe(b"text\tlabel\n"), None);
}

#[test]
fn hidden_characters_are_shown_and_long_values_cut() {
    assert_eq!(text::visible("a\u{1b}[31mb\u{202e}c\td"), "a\\u{1b}[31mb\\u{202e}c\\td");
    // Joiners belong to the spelling of Indic words.
    assert_eq!(text::visible("र\u{200d}य"), "र\u{200d}य");
    assert_eq!(text::quoted("é"), "é");
    assert_eq!(text::quoted(&"é".repeat(100)), format!("{}… (200 bytes)", "é".repeat(80)));
    assert_eq!(text::elided("images/é\u{1b}.png"), "images/é\\u{1b}.png");
    let long = text::elided(&format!("begin{}end.png", "é".repeat(1000)));
    assert!(
        long.starts_with("begin") && long.ends_with("end.png") && long.contains("… (2012 bytes) …"),
        "{long}"
    );
    assert!(long.chars().count() < 330);
}
