//! Reading of the table of a sheet.

use std::collections::HashMap;

use indexmap::{IndexMap, IndexSet};

use super::caption_template::CaptionTemplate;
use super::columns::{CellColumns, read_table};
use super::groups::{GroupKind, GroupSplits, UNSEEN_STYLE, is_unseen};
use super::options::ImageSheet;
use super::rows::{CellFacts, CellRow};
use super::sheet_files::{Layout, OpenSheet, SheetFiles, beside, file_name};
use crate::content::Content;
use crate::dataset::Dataset;
use crate::error::{DataError, Fault, Place, Problems, SheetFault};
use crate::pictures::{Picture, Pixels};
use crate::questions::{Question, QuestionDetails};
use crate::source::{Extent, TableSource};
use crate::stable_hash::join_fingerprints;
use crate::statistics::ReadStatistics;
use crate::table::Table;

/// The pictures of a table in the making.
pub(super) struct SheetReader<'o> {
    options: &'o ImageSheet,
    captions: CaptionTemplate<'o>,
    extent: Extent,
    /// BLAKE3 of the table.
    fingerprint: String,
    sheets: IndexMap<String, OpenSheet>,
    pictures: Vec<Picture>,
    /// The class of each picture.
    classes: Vec<Option<String>>,
    /// Picture, facts and line of each cell, by the place of its sheet.
    cells: HashMap<(usize, usize, usize), (usize, CellFacts, usize)>,
    splits: GroupSplits,
    statistics: ReadStatistics,
    problems: Problems,
}

impl<'o> SheetReader<'o> {
    /// Reads the corpus.
    ///
    /// # Errors
    /// All faults of the table and its sheets.
    pub(super) fn read(options: &'o ImageSheet, extent: Extent) -> Result<Content, DataError> {
        let source = TableSource::open(&options.table, extent)?;
        let has_styles = matches!(options.sheets, SheetFiles::Styles(_)) || options.style.is_some();
        let captions = CaptionTemplate::new(&options.caption_template, has_styles)
            .map_err(|fault| DataError::new(Place::file(&source.name), fault.into()))?;
        let mut reader = Self {
            options,
            captions,
            extent,
            fingerprint: source.fingerprint(),
            sheets: IndexMap::new(),
            pictures: Vec::new(),
            classes: Vec::new(),
            cells: HashMap::new(),
            splits: GroupSplits::default(),
            statistics: ReadStatistics { source: source.name.clone(), ..ReadStatistics::default() },
            problems: Problems::default(),
        };
        // What is wrong with sheets and with the table is told together.
        let opened = reader.open_sheets(&source);
        let table = match (opened, read_table(options, &source)) {
            (Ok(()), table) => table?,
            (Err(error), Ok(_)) => return Err(error),
            (Err(mut error), Err(other)) => {
                error.extend(other);
                return Err(error);
            }
        };
        let columns = CellColumns::new(options, &table)?;
        reader.read_rows(&table, &columns);
        reader.check_excluded(&source, &columns);
        let languages = columns.languages();
        reader.finish(languages)
    }

    fn layout(&self) -> Layout<'o> {
        let ImageSheet { side, border, background, .. } = self.options;
        Layout { side, border: *border, background: *background }
    }

    /// Opens the sheets that are named beforehand.
    fn open_sheets(&mut self, source: &TableSource) -> Result<(), DataError> {
        let fail = |fault: SheetFault| Err(DataError::new(Place::file(&source.name), fault.into()));
        if let Some(unseen) = &self.options.unseen_style {
            let known: Vec<String> = match &self.options.sheets {
                SheetFiles::Styles(locations) => locations.keys().cloned().collect(),
                _ => Vec::new(),
            };
            if known.len() < 2 || !known.contains(&unseen.style) {
                return fail(SheetFault::UnseenStyle { style: unseen.style.clone(), known });
            }
        }
        let named: Vec<(String, &alambic_settings::Location)> = match &self.options.sheets {
            SheetFiles::One(location) => vec![(file_name(location), location)],
            SheetFiles::Styles(locations) => {
                locations.iter().map(|(style, location)| (style.clone(), location)).collect()
            }
            SheetFiles::Column(_) => return Ok(()),
        };
        if named.is_empty() {
            return fail(SheetFault::NoSheet);
        }
        if matches!(self.options.sheets, SheetFiles::Styles(_)) && self.options.style.is_some() {
            return fail(SheetFault::TwoStyles);
        }
        let mut faults = None;
        for (name, location) in named {
            let opened = self.layout().open(&name, location, self.extent);
            let opened = opened.map(|sheet| {
                self.sheets.insert(name, sheet);
            });
            DataError::note(&mut faults, opened);
        }
        faults.map_or(Ok(()), Err)
    }

    fn read_rows(&mut self, table: &Table<'_>, columns: &CellColumns<'_>) {
        self.statistics.add_table(table);
        self.statistics.rows += table.rows();
        for row in 0..table.rows() {
            if columns.is_excluded(row) {
                self.drop_row("rows left out by `exclude`");
            } else if let Err(fault) = self.read_row(table, columns, row) {
                self.problems.push(table.place(row), fault);
            }
        }
    }

    fn drop_row(&mut self, reason: &str) {
        *self.statistics.dropped.entry(reason.to_owned()).or_default() += 1;
    }

    fn read_row(&mut self, table: &Table<'_>, columns: &CellColumns<'_>, row: usize) -> Result<(), Fault> {
        let ImageSheet { x, y, mirror, .. } = self.options;
        let cell = CellRow::read(columns, row, [x, y, mirror.as_deref().unwrap_or_default()])?;
        let sheets = self.sheets_of(columns, row)?;
        let kind = GroupKind::new(self.options.group.as_deref());
        let own_name = match &self.options.sheets {
            SheetFiles::Styles(_) => format!("{},{}", cell.x, cell.y),
            _ => format!("{}:{},{}", self.sheets[sheets[0]].name, cell.x, cell.y),
        };
        let group = kind.name(columns.group.as_ref().map(|column| column[row]), &own_name)?;
        let line = table.line(row);
        self.splits.add(&group, cell.facts.split.as_deref(), line)?;
        let mut is_new = false;
        for sheet in sheets {
            is_new |= self.add(sheet, &cell, (kind, &group), line)?;
        }
        if is_new {
            self.statistics.kept += 1;
        } else {
            self.drop_row("rows that repeat another");
        }
        Ok(())
    }

    /// The places of the sheets that a row has a picture of.
    fn sheets_of(&mut self, columns: &CellColumns<'_>, row: usize) -> Result<Vec<usize>, Fault> {
        let Some(column) = &columns.sheet else { return Ok((0..self.sheets.len()).collect()) };
        let name = column[row].trim();
        if name.is_empty() {
            return Err(Fault::EmptyField("sheet"));
        }
        if let Some(place) = self.sheets.get_index_of(name) {
            return Ok(vec![place]);
        }
        let location = beside(&self.options.table, name);
        let sheet = self.layout().open(name, &location, self.extent).unwrap_or_else(|error| {
            self.problems.extend(error);
            // It is told once, and not of each of its rows.
            OpenSheet { name: name.to_owned(), sheet: None, fingerprint: String::new() }
        });
        Ok(vec![self.sheets.insert_full(name.to_owned(), sheet).0])
    }

    /// Takes the picture of a cell; false if nothing of it is new.
    fn add(
        &mut self,
        place: usize,
        cell: &CellRow,
        (kind, group): (GroupKind<'_>, &str),
        line: usize,
    ) -> Result<bool, Fault> {
        let OpenSheet { name, sheet: Some(sheet), fingerprint } = &self.sheets[place] else {
            return Ok(true);
        };
        let mut facts = cell.facts.clone();
        if matches!(self.options.sheets, SheetFiles::Styles(_)) {
            facts.style = Some(name.clone());
        }
        let captions = self.captions.of(&cell.captions, facts.style.as_deref())?;
        let pixels = sheet.cell(cell.x, cell.y)?;
        let unseen = self.options.unseen_style.as_ref().filter(|own| own.style == *name);
        let is_unseen = unseen.is_some_and(|own| is_unseen(group, own.fraction));
        let mut group = kind.group(group.to_owned(), [&self.fingerprint, fingerprint]);
        if is_unseen {
            group = group.in_style(name);
            facts.split = Some(UNSEEN_STYLE.to_owned());
        }
        let key = (place, cell.x, cell.y);
        let Some((picture, before, before_line)) = self.cells.get(&key) else {
            self.cells.insert(key, (self.pictures.len(), facts.clone(), line));
            self.classes.push(facts.class);
            self.pictures.push(Picture {
                pixels: Pixels::Cell(pixels),
                objects: cell.tags.clone(),
                captions: captions.into_owned(),
                style: facts.style,
                categories: facts.categories,
                group: Some(group),
                may_be_mirrored: facts.may_be_mirrored,
                splits: vec![facts.split],
                ..Picture::without_pixels(format!("{name}:{},{}", cell.x, cell.y))
            });
            return Ok(true);
        };
        let picture = &mut self.pictures[*picture];
        let other_group = (picture.group.as_ref() != Some(&group)).then_some("group");
        if let Some(column) = before.difference(&facts).or(other_group) {
            return Err(SheetFault::TwoValues { column: column.into(), line: *before_line }.into());
        }
        let held = (picture.captions.len(), picture.objects.len());
        for caption in captions.iter() {
            if !picture.captions.contains(caption) {
                picture.captions.push(caption.clone());
            }
        }
        for tag in &cell.tags {
            if !picture.objects.contains(tag) {
                picture.objects.push(tag.clone());
            }
        }
        Ok(held != (picture.captions.len(), picture.objects.len()))
    }

    /// Notes values that are to be left out and that no row has.
    fn check_excluded(&mut self, source: &TableSource, columns: &CellColumns<'_>) {
        if source.is_cut {
            return;
        }
        for (column, own, values) in &columns.exclude {
            let found: IndexSet<&str> = own.iter().map(|value| value.trim()).collect();
            for value in values.iter().filter(|value| !found.contains(value.as_str())) {
                let fault = SheetFault::NothingExcluded { column: (*column).into(), value: value.clone() };
                self.problems.push(Place::file(&source.name), fault.into());
            }
        }
    }

    fn finish(mut self, languages: Vec<String>) -> Result<Content, DataError> {
        let problems = std::mem::take(&mut self.problems);
        problems.or(())?;
        if self.statistics.kept == 0 && self.extent == Extent::Whole {
            return Err(self.statistics.nothing_kept(&self.statistics.source));
        }
        let mut answers: Vec<String> = self.classes.iter().flatten().cloned().collect();
        answers.sort();
        answers.dedup();
        let mut questions = Vec::new();
        if self.options.class.is_some() {
            for (image, class) in self.classes.iter().enumerate() {
                let Some(class) = class else {
                    *self
                        .statistics
                        .dropped
                        .entry("pictures without a class, which are kept".into())
                        .or_default() += 1;
                    continue;
                };
                let answer = answers.binary_search(class).unwrap_or_default();
                let picture = &self.pictures[image];
                questions.push(Question {
                    text: self.options.class_question.clone(),
                    translations: IndexMap::new(),
                    image,
                    answers: vec![(answer as u32, 1.0)],
                    kind: String::new(),
                    split: picture.splits.first().cloned().flatten(),
                });
            }
        }
        let sheets = self.sheets.values().map(|sheet| sheet.fingerprint.clone());
        let fingerprint =
            join_fingerprints(&std::iter::once(self.fingerprint).chain(sheets).collect::<Vec<_>>());
        let details =
            QuestionDetails { answers, languages, ..QuestionDetails::of_images(self.pictures, &questions) };
        Ok(Dataset::new(questions, details, self.statistics, fingerprint).into())
    }
}
