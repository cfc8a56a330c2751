//! Lists of files, some of them by a pattern of names.

use std::path::{Path, PathBuf};

use alambic_settings::Location;

use crate::error::{DataError, Fault, Place};

/// The files that a list names, each pattern (`train-*.tsv`) replaced by the files that fit it, in the order of their names. A
/// file that is really called so is that file.
///
/// # Errors
/// Where no file fits a pattern, or its folder cannot be read.
pub fn files(locations: &[Location]) -> Result<Vec<Location>, DataError> {
    let mut files = Vec::with_capacity(locations.len());
    for location in locations {
        match location {
            Location::File(path) if is_pattern(path) => {
                let fitting = fitting(path)
                    .map_err(|fault| DataError::new(Place::file(&location.to_string()), fault))?;
                files.extend(fitting.into_iter().map(Location::File));
            }
            Location::Hub(name) if name.contains('*') => {
                let fault = Fault::Hub("patterns of names are not read on the hub; list the files".into());
                return Err(DataError::new(Place::file(&location.to_string()), fault));
            }
            other => files.push(other.clone()),
        }
    }
    Ok(files)
}

/// Whether the name of a file is a pattern, and no file is called so.
pub(super) fn is_pattern(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.contains(['*', '?']) && !path.exists()
}

fn fitting(pattern: &Path) -> Result<Vec<PathBuf>, Fault> {
    let folder = match pattern.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let name = pattern.file_name().unwrap_or_default().to_string_lossy();
    let wanted: Vec<char> = name.chars().collect();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| Fault::Unreadable(error.to_string()))? {
        let own = entry.map_err(|error| Fault::Unreadable(error.to_string()))?.file_name();
        let shown: Vec<char> = own.to_string_lossy().chars().collect();
        let is_dot_file = shown.first() == Some(&'.') && wanted.first() != Some(&'.');
        if !is_dot_file && fits(&shown, &wanted) && folder.join(&own).is_file() {
            names.push(own);
        }
    }
    if names.is_empty() {
        return Err(Fault::NoSuchFiles);
    }
    names.sort_unstable();
    Ok(names.into_iter().map(|name| pattern.with_file_name(name)).collect())
}

/// Whether a name fits a pattern of `*` and `?`. The last star is let grow where what is behind it does not fit.
fn fits(name: &[char], pattern: &[char]) -> bool {
    let (mut at, mut within) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match pattern.get(within) {
            Some('*') => {
                star = Some((at, within));
                within += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[at] => (at, within) = (at + 1, within + 1),
            _ => match &mut star {
                Some((from, mark)) => {
                    *from += 1;
                    (at, within) = (*from, *mark + 1);
                }
                None => return false,
            },
        }
    }
    pattern[within..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns_of_stars_and_question_marks() {
        let fit = |name: &str, pattern: &str| {
            fits(&name.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>())
        };
        for (name, pattern) in [
            ("train-0.tsv", "train-*.tsv"),
            ("ab.ab.tsv", "*b.tsv"),
            ("", "*"),
            ("a1", "a?"),
            ("aab", "*a*b*"),
        ] {
            assert!(fit(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [("dev-0.tsv", "train-*.tsv"), ("a", "a?"), ("train-0.tsv.gz", "train-*.tsv")]
        {
            assert!(!fit(name, pattern), "{name} {pattern}");
        }
    }

    #[test]
    fn a_pattern_names_its_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["train-1.tsv", "train-0.tsv", ".train-2.tsv", "dev.tsv"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("train-3.tsv")).unwrap();
        let at = |name: &str| Location::File(folder.path().join(name));
        let found = files(&[at("dev.tsv"), at("train-*.tsv")]).unwrap();
        assert_eq!(found, [at("dev.tsv"), at("train-0.tsv"), at("train-1.tsv")]);
        let error = files(&[at("test-*.tsv")]).unwrap_err();
        assert_eq!(error.problems[0].fault, Fault::NoSuchFiles);
        std::fs::write(folder.path().join("a*.tsv"), "").unwrap();
        assert_eq!(files(&[at("a*.tsv")]).unwrap(), [at("a*.tsv")]);
    }
}
