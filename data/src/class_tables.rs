//! Tables about the classes of labels: their names in words, and how far one is from another.

use alambic_settings::Location;
use indexmap::IndexMap;

use crate::error::{ClassFault, DataError, Fault, Place, Problems};
use crate::source::{Extent, TableSource};
use crate::table::{Columns, Table};

/// Relations of names with the distance for which each stands (Nooralahzadeh and Sennrich, 2023).
const RELATIONS: [(&str, f32); 4] = [("same", 0.0), ("synonym", 0.0), ("hypernym", 0.8), ("hyponym", 0.8)];

/// The name in words of each class, out of a table with the classes in its first column.
///
/// # Errors
/// When the table cannot be read, lacks the column, has a class twice, or has none of these classes' names.
pub fn class_names(location: &Location, column: &str, classes: &[String]) -> Result<Vec<String>, DataError> {
    let source = TableSource::open(location, Extent::Whole)?;
    let first = first_column(&source)?;
    let table = Table::read(&source, &Columns { values: &[&first, column], ..Columns::default() })?;
    let rows = rows_of(&table, &first)?;
    let words = table.column(column)?;
    let mut problems = Problems::default();
    let mut name = |class: &String| match rows.get(class.as_str()) {
        Some(&row) if words[row].trim().is_empty() => {
            problems.push(table.place(row), ClassFault::Missing(class.clone()).into());
            String::new()
        }
        Some(&row) => words[row].trim().to_owned(),
        None => {
            problems.push(Place::file(&source.name), ClassFault::Missing(class.clone()).into());
            String::new()
        }
    };
    let names = classes.iter().map(&mut name).collect();
    problems.or(names)
}

/// Distances `[classes, classes]`, row by row, out of a table with the classes in its first column and a column for each.
///
/// # Errors
/// When the table cannot be read, lacks a class, or holds something else than numbers in 0 to 1.
pub fn class_distances(location: &Location, classes: &[String]) -> Result<Vec<f32>, DataError> {
    let source = TableSource::open(location, Extent::Whole)?;
    let first = first_column(&source)?;
    let mut columns: Vec<&str> = vec![&first];
    columns.extend(classes.iter().map(String::as_str));
    let table = Table::read(&source, &Columns { values: &columns, ..Columns::default() })?;
    let rows = rows_of(&table, &first)?;
    let mut problems = Problems::default();
    let mut distances = Vec::with_capacity(classes.len() * classes.len());
    for class in classes {
        let Some(&row) = rows.get(class.as_str()) else {
            problems.push(Place::file(&source.name), ClassFault::Missing(class.clone()).into());
            continue;
        };
        for other in classes {
            let text = table.column(other)?[row];
            let number = text.trim().parse::<f32>().ok().filter(|number| (0.0..=1.0).contains(number));
            if number.is_none() {
                problems.push(
                    table.place(row),
                    ClassFault::NotDistance { column: other.clone(), found: text.to_owned() }.into(),
                );
            }
            // A class is nowhere but at itself, whatever the table says.
            distances.push(if class == other { 0.0 } else { number.unwrap_or(1.0) });
        }
    }
    problems.or(distances)
}

/// Distances `[classes, classes]`, row by row, out of a table of relations: columns `class`, `other` and `relation`. A relation holds
/// both ways; pairs without one are at distance 1, rows about other names are passed over.
///
/// # Errors
/// When the table cannot be read, or a relation is unknown.
pub fn class_relations(location: &Location, classes: &[String]) -> Result<Vec<f32>, DataError> {
    const COLUMNS: [&str; 3] = ["class", "other", "relation"];
    let source = TableSource::open(location, Extent::Whole)?;
    let table = Table::read(&source, &Columns { values: &COLUMNS, ..Columns::default() })?;
    let places: IndexMap<&str, usize> = classes.iter().map(String::as_str).zip(0..).collect();
    let count = classes.len();
    let mut distances: Vec<f32> =
        (0..count * count).map(|place| if place / count == place % count { 0.0 } else { 1.0 }).collect();
    let [class, other, relation] = COLUMNS.map(|name| table.column(name));
    let (class, other, relation) = (class?, other?, relation?);
    let mut problems = Problems::default();
    for row in 0..table.rows() {
        let found = RELATIONS.iter().find(|(name, _)| *name == relation[row].trim());
        let Some((_, distance)) = found else {
            let known = RELATIONS.map(|(name, _)| name.to_owned()).to_vec();
            let found = relation[row].to_owned();
            problems.push(table.place(row), Fault::NotOneOf { column: COLUMNS[2].to_owned(), found, known });
            continue;
        };
        let (Some(&one), Some(&two)) = (places.get(class[row].trim()), places.get(other[row].trim())) else {
            continue;
        };
        for place in [one * count + two, two * count + one] {
            distances[place] = distances[place].min(*distance);
        }
    }
    problems.or(distances)
}

/// The name of a table's first column.
fn first_column(source: &TableSource) -> Result<String, DataError> {
    let table = Table::read(source, &Columns::default())?;
    let none = || DataError::new(Place::file(&source.name), Fault::NoRows);
    table.names().first().cloned().ok_or_else(none)
}

/// The row of each class.
fn rows_of<'t>(table: &'t Table<'_>, column: &str) -> Result<IndexMap<&'t str, usize>, DataError> {
    let mut rows = IndexMap::new();
    let mut problems = Problems::default();
    for (row, class) in table.column(column)?.into_iter().enumerate() {
        if rows.insert(class.trim(), row).is_some() {
            problems.push(table.place(row), Fault::DuplicateId(class.to_owned()));
        }
    }
    problems.or(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, text: &str) -> std::io::Result<(tempfile::TempDir, Location)> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(name);
        std::fs::write(&path, text)?;
        Ok((folder, Location::File(path)))
    }

    fn classes(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_come_in_the_order_of_the_classes() -> Result<(), Box<dyn std::error::Error>> {
        let (_folder, location) =
            table("labels.tsv", "intent\tname\nPlayMusic\tplay music\nRateBook\trate book\n")?;
        let found = class_names(&location, "name", &classes(&["RateBook", "PlayMusic"]))?;
        assert_eq!(found, ["rate book", "play music"]);
        let missing =
            class_names(&location, "name", &classes(&["GetWeather"])).err().map(|error| error.to_string());
        assert!(missing.is_some_and(|message| message.contains("`GetWeather`")));
        let (_folder, location) = table("labels.tsv", "intent\tname\nA\ta\nA\tb\n")?;
        assert!(class_names(&location, "name", &classes(&["A"])).is_err());
        Ok(())
    }

    #[test]
    fn distances_are_read_by_the_names_of_rows_and_columns() -> Result<(), Box<dyn std::error::Error>> {
        let (_folder, location) = table("d.tsv", "class\tb\ta\na\t0.25\t0\nb\t0\t0.5\n")?;
        assert_eq!(class_distances(&location, &classes(&["a", "b"]))?, [0.0, 0.25, 0.5, 0.0]);
        let (_folder, location) = table("d.tsv", "class\ta\tb\na\t0\t1.5\nb\t1\t0\n")?;
        let message = class_distances(&location, &classes(&["a", "b"])).err().map(|error| error.to_string());
        assert!(message.is_some_and(|message| message.contains("d.tsv:2") && message.contains("1.5")));
        Ok(())
    }

    #[test]
    fn relations_hold_both_ways_and_all_others_are_far() -> Result<(), Box<dyn std::error::Error>> {
        let text =
            "class\tother\trelation\ncat\tanimal\thypernym\nsofa\tcouch\tsynonym\nsofa\tseat\thypernym\n";
        let (_folder, location) = table("wordnet.tsv", text)?;
        let found = class_relations(&location, &classes(&["animal", "cat", "couch", "sofa"]))?;
        assert_eq!(found[..4], [0.0, 0.8, 1.0, 1.0]);
        assert_eq!(found[12..], [1.0, 1.0, 0.0, 0.0]);
        let (_folder, location) = table("wordnet.tsv", "class\tother\trelation\na\tb\tcousin\n")?;
        let message = class_relations(&location, &classes(&["a", "b"])).err().map(|error| error.to_string());
        assert!(message.is_some_and(|message| message.contains("cousin") && message.contains("hypernym")));
        Ok(())
    }
}
