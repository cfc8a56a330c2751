//! Names that become paths: what a hub calls its files, and what users call revisions.

use std::collections::HashMap;

use alambic_files::text::first_hidden;

/// Bytes of one part of a path: what every file system takes.
const MAX_PART: usize = 255;

/// Bytes of a whole path, so that it fits with the cache's own before it.
const MAX_PATH: usize = 1000;

/// Letters of a commit: SHA-1 in hexadecimal.
const COMMIT: usize = 40;

/// Names that Windows keeps for devices, with any ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Checks that a name with slashes stays below the folder that it is joined to, on every system: no name that only some systems
/// can hold is taken on any, so that what is fetched here can be fetched there.
///
/// # Errors
/// What is wrong with it, as the end of a sentence about it.
pub(crate) fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("is empty".into());
    }
    if path.len() > MAX_PATH {
        return Err(format!("is longer than {MAX_PATH} bytes"));
    }
    path.split('/').try_for_each(check_part)
}

/// Checks that a name is one of a file, without a folder.
///
/// # Errors
/// Those of [`check_path`].
pub(crate) fn check_part(part: &str) -> Result<(), String> {
    match part {
        "" => return Err("has an empty part, or begins or ends with a slash".into()),
        "." | ".." => return Err(format!("has the part `{part}`, which leads elsewhere")),
        _ => {}
    }
    if part.len() > MAX_PART {
        return Err(format!("has a part of more than {MAX_PART} bytes"));
    }
    if let Some(character) = first_hidden(part) {
        return Err(format!("holds the hidden character U+{:04X}", u32::from(character)));
    }
    if let Some(character) = part.chars().find(|character| r#"/\:*?"<>|"#.contains(*character)) {
        return Err(format!("holds `{character}`, which not every system takes in a name"));
    }
    if part.ends_with(['.', ' ']) {
        return Err("has a part that ends with a full stop or a blank, which not every system keeps".into());
    }
    if is_device(part) {
        return Err("has the name of a device of Windows".into());
    }
    Ok(())
}

/// Whether a name is one of a device: `CON`, `nul.txt`, `COM1.json` and the like.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let port = |kind: &str| {
        stem.strip_prefix(kind).is_some_and(|number| {
            matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
        })
    };
    DEVICES.contains(&stem.as_str()) || port("com") || port("lpt")
}

/// Whether a text is the hash of a commit: 40 hexadecimal digits in small letters.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == COMMIT && is_hexadecimal(text)
}

/// Whether a text holds nothing but hexadecimal digits in small letters.
pub(crate) fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Checks that no two paths are one file on systems that ignore case, and none is a file and a folder.
///
/// # Errors
/// The two.
pub(crate) fn check_distinct<'a>(paths: impl Iterator<Item = &'a str>) -> Result<(), (String, String)> {
    // Files and folders by their names in small letters; of a folder, how it was first written.
    let mut seen: HashMap<String, (&str, bool)> = HashMap::new();
    for path in paths {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        for end in ends {
            let (part, is_file) = (&path[..end], end == path.len());
            let (other, other_is_file) = *seen.entry(part.to_lowercase()).or_insert((part, is_file));
            if other != part || other_is_file != is_file {
                return Err((other.to_owned(), path.to_owned()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for sound in
            ["config.json", "1_Pooling/config.json", ".gitattributes", "data/हिन्दी.csv", "a b", "com", "..a"]
        {
            assert_eq!(check_path(sound), Ok(()), "{sound}");
        }
        let long = "a".repeat(256);
        let deep = "a/".repeat(501) + "a";
        for wrong in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "a/",
            "./a",
            "a\\..\\b",
            "C:/x",
            "c:x",
            "a\0b",
            "a\nb",
            "a\u{202e}b",
            "nul",
            "NUL.json",
            "a/Com1",
            "lpt9.txt",
            "con .x",
            "a.",
            "a ",
            "a:stream",
            "a?",
            "*",
            &long,
            &deep,
        ] {
            assert!(check_path(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn paths_that_differ_only_in_case_are_found() {
        let check = |paths: &[&str]| check_distinct(paths.iter().copied()).is_ok();
        assert!(check(&["a", "b/a", "b/c"]));
        assert!(
            !check(&["a", "A"]) && !check(&["b/a", "B/c"]) && !check(&["a", "a/b"]) && !check(&["a/b", "A"])
        );
    }
}
