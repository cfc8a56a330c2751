//! The files of sheets as a recipe names them, and the sheets that rows lie on.

use std::path::Path;
use std::sync::Arc;

use alambic_files::digests::Digest;
use alambic_settings::{Diagnostic, Either, IndexMap, Location, Node, Reader, Setting, Type, Value};

use crate::error::{DataError, Fault, Place, SheetFault};
use crate::sheets::{Background, CellGrid, Sheet};
use crate::source::{Extent, local};

/// The files of sheets: a PNG, one for each style, or a column that names them.
#[derive(Debug, Clone, PartialEq)]
pub enum SheetFiles {
    /// A PNG with the pictures of all rows.
    One(Location),
    /// PNGs of which each has a picture of every row, by their style.
    Styles(IndexMap<String, Location>),
    /// The column that names each row's PNG, which lies beside the table.
    Column(String),
}

/// The key that names a column.
const COLUMN: &str = "column";

impl Setting for SheetFiles {
    fn describe() -> Type {
        Type::Either(Box::new(Location::describe()), Box::new(Type::Map(Box::new(Location::describe()))))
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let members = match &node.value {
            Value::Text(_) => return Location::read(node, reader).map(Self::One),
            Value::Table(members) => members,
            _ => {
                return reader.report_wrong_type(
                    node,
                    "a path, a table of paths by style, or `{ column = \"NAME\" }`",
                );
            }
        };
        let Some(column) = members.get(COLUMN) else {
            return IndexMap::read(node, reader).map(Self::Styles);
        };
        if members.len() > 1 {
            let message = format!("`{}` has both a column and paths", reader.path());
            reader.report(
                Diagnostic::error("recipe::kind", message)
                    .label(&column.key_origin, "names the column of the sheets")
                    .help("give `{ column = \"NAME\" }` alone, or a path for each style"),
            );
            return None;
        }
        reader.in_name(COLUMN, |reader| String::read(&column.node, reader)).map(Self::Column)
    }

    fn to_value(&self) -> Option<Value> {
        match self {
            Self::One(location) => location.to_value(),
            Self::Styles(locations) => locations.to_value(),
            Self::Column(column) => IndexMap::from([(COLUMN.to_owned(), column.clone())]).to_value(),
        }
    }
}

/// Pixels of a picture's side: one number, or one for each sheet by its name.
pub type Sides = Either<usize, IndexMap<String, usize>>;

/// Where the pictures of a sheet lie, and what lies under them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'o> {
    pub(super) side: &'o Sides,
    pub(super) border: usize,
    pub(super) background: Background,
}

/// A sheet that rows lie on.
#[derive(Debug)]
pub(super) struct OpenSheet {
    /// Its name: the style, what its column holds, or the name of its file.
    pub(super) name: String,
    /// None where it could not be opened.
    pub(super) sheet: Option<Arc<Sheet>>,
    /// BLAKE3 of its file.
    pub(super) fingerprint: String,
}

impl Layout<'_> {
    /// Opens a sheet; a whole corpus has its pixels read.
    pub(super) fn open(
        &self,
        name: &str,
        location: &Location,
        extent: Extent,
    ) -> Result<OpenSheet, DataError> {
        let (shown, path) = local(location)?;
        let fail = |fault: SheetFault| DataError::new(Place::file(&shown), fault.into());
        let side = match self.side {
            Either::First(side) => *side,
            Either::Second(sides) => *sides.get(name).ok_or_else(|| {
                fail(SheetFault::NoSide { sheet: name.to_owned(), known: sides.keys().cloned().collect() })
            })?,
        };
        if side == 0 {
            return Err(fail(SheetFault::ZeroSide(name.to_owned())));
        }
        let grid = CellGrid { side, border: self.border };
        let sheet = Sheet::open(shown.clone(), path, grid, self.background)?;
        let fingerprint = match extent {
            Extent::Head => String::new(),
            Extent::Whole => {
                sheet.pixels()?;
                let unreadable = |error: alambic_files::FileError| {
                    DataError::new(Place::file(&shown), Fault::Unreadable(error.reason()))
                };
                Digest::of_file(sheet.path()).map_err(unreadable)?.blake3
            }
        };
        Ok(OpenSheet { name: name.to_owned(), sheet: Some(Arc::new(sheet)), fingerprint })
    }
}

/// The file name of a location, by which a sheet is called.
pub(super) fn file_name(location: &Location) -> String {
    let text = location.to_string();
    let name = match location {
        Location::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
        _ => text.rsplit('/').next().map(str::to_owned),
    };
    name.unwrap_or(text)
}

/// The location of a file beside a table.
pub(super) fn beside(table: &Location, name: &str) -> Location {
    match table {
        Location::File(path) => Location::File(path.parent().unwrap_or(Path::new("")).join(name)),
        Location::Hub(file) => {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            Location::Hub(format!("{folder}/{name}"))
        }
        Location::Builtin(_) => Location::File(name.into()),
    }
}
