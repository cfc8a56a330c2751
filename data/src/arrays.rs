//! Arrays of numbers in files of NumPy and of safetensors.

use std::fmt::Display;
use std::io::{Read, Seek};

use alambic_files::read;
use alambic_files::text::{elided, quoted};
use alambic_settings::Location;
use half::{bf16, f16};
use npyz::{Deserialize, NpyFile, Order};
use safetensors::{Dtype, SafeTensors};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{DataError, Fault, Place, RegionFault};
use crate::source::local;

/// Most bytes of the head of an array, and most brackets within each other there: a plain array has two.
const HEAD: usize = 4096;
const DEPTH: usize = 8;

/// MiB that a matrix may have when it is unpacked.
const LARGEST_MATRIX: u64 = 1 << 14;

/// Numbers with their shape.
#[derive(Debug)]
pub(crate) struct Array {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Row by row.
    pub(crate) numbers: Vec<f32>,
}

impl Array {
    /// How many rows there are, and the numbers.
    ///
    /// # Errors
    /// Where it is no matrix.
    pub(crate) fn rows(self) -> Result<(usize, Vec<f32>), RegionFault> {
        match self.shape[..] {
            [rows, _] => Ok((rows, self.numbers)),
            _ => Err(self.shape_fault("[regions, numbers]")),
        }
    }

    /// The fault of an array of another shape than is expected.
    pub(crate) fn shape_fault(self, expected: &'static str) -> RegionFault {
        let found = quoted(&format!("{:?}", self.shape));
        RegionFault::ArrayShape { array: quoted(&self.name), found, expected }
    }
}

/// The array of a name in an archive of NumPy, of at most so many MiB; none where there is none.
pub(crate) fn of_archive<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    name: &str,
    mebibytes: u64,
) -> Result<Option<Array>, Fault> {
    let mut bytes = Vec::new();
    match archive.by_name(&format!("{name}.npy")) {
        Err(ZipError::FileNotFound) => return Ok(None),
        file => file.map_err(broken)?.take((mebibytes << 20) + 1).read_to_end(&mut bytes).map_err(broken)?,
    };
    if bytes.len() as u64 > mebibytes << 20 {
        return Err(RegionFault::LargeArray { array: name.to_owned(), mebibytes }.into());
    }
    of_npy(&bytes, name).map(Some)
}

/// The array of a file `.npy`.
fn of_npy(bytes: &[u8], name: &str) -> Result<Array, Fault> {
    check_head(bytes)?;
    let npy = NpyFile::new(bytes).map_err(broken)?;
    let read = cast::<f32>(&npy, |number| number)
        .or_else(|| cast::<f16>(&npy, f32::from))
        .or_else(|| cast::<f64>(&npy, |number| number as f32))
        .or_else(|| cast::<i64>(&npy, |number| number as f32))
        .or_else(|| cast::<i32>(&npy, |number| number as f32))
        .or_else(|| cast::<i16>(&npy, f32::from))
        .or_else(|| cast::<u64>(&npy, |number| number as f32))
        .or_else(|| cast::<u32>(&npy, |number| number as f32))
        .or_else(|| cast::<u16>(&npy, f32::from))
        .or_else(|| cast::<u8>(&npy, f32::from));
    let name = name.to_owned();
    let Some(read) = read else {
        return Err(RegionFault::ArrayType { array: name, found: quoted(&npy.dtype().descr()) }.into());
    };
    let mut numbers = read.map_err(broken)?;
    let shape: Vec<usize> = npy.shape().iter().map(|&side| side as usize).collect();
    // A product that overflows is that of no array.
    if shape.iter().try_fold(1, |numbers: usize, &side| numbers.checked_mul(side)) != Some(numbers.len()) {
        return Err(broken(format!("`{name}` has the shape {shape:?}")));
    }
    // Of nothing there may be any number of rows.
    if let (Order::Fortran, &[rows, columns], false) = (npy.order(), shape.as_slice(), numbers.is_empty()) {
        let row = |row| numbers.iter().skip(row).step_by(rows).take(columns).copied();
        numbers = (0..rows).flat_map(row).collect();
    }
    Ok(Array { name, shape, numbers })
}

/// The numbers of an array as they are stored; nothing where it holds another type.
fn cast<T: Deserialize>(npy: &NpyFile<&[u8]>, to: impl Fn(T) -> f32) -> Option<std::io::Result<Vec<f32>>> {
    let numbers = npy.clone().try_data::<T>().ok()?;
    Some(numbers.map(|number| number.map(&to)).collect())
}

/// Refuses a head that is far longer, or nested far deeper, than that of an array of numbers, before it is parsed.
fn check_head(bytes: &[u8]) -> Result<(), Fault> {
    // Behind the signature and the version, in two bytes or in four.
    let length = match bytes.get(6) {
        Some(1) => bytes.get(8..10).map(|two| usize::from(two[0]) | usize::from(two[1]) << 8),
        _ => bytes
            .get(8..12)
            .and_then(|four| four.try_into().ok())
            .map(|four| u32::from_le_bytes(four) as usize),
    };
    let length = length.unwrap_or_default();
    let head = bytes.get(..bytes.len().min(length.saturating_add(12))).unwrap_or_default();
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in head {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if length > HEAD || deepest > DEPTH {
        return Err(broken("the head of an array is too long, or nested too deeply"));
    }
    Ok(())
}

pub(crate) fn broken(error: impl Display) -> Fault {
    RegionFault::NotNpz(elided(&error.to_string())).into()
}

/// The numbers of a tensor; none of another type than floating-point numbers.
pub(crate) fn decoded(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).into()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).into()).collect(),
        Dtype::F64 => data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect(),
        _ => return None,
    })
}

/// A matrix of a file.
#[derive(Debug)]
pub struct Matrix {
    /// Rows.
    pub rows: usize,
    /// Numbers of a row.
    pub width: usize,
    /// Row by row.
    pub numbers: Vec<f32>,
    /// BLAKE3 of the file, in hexadecimal.
    pub fingerprint: String,
}

impl Matrix {
    /// Reads a matrix `[rows, width]` of a file `.npy`, `.npz` or `.safetensors`; `name` is that of the array, where there are
    /// several.
    ///
    /// # Errors
    /// Where the file cannot be read or is damaged, has no such array, or several and none is named, or it is no matrix of
    /// floating-point numbers.
    pub fn read(location: &Location, name: Option<&str>) -> Result<Self, DataError> {
        let (source, path) = local(location)?;
        let fail = |fault: Fault| DataError::new(Place::file(&source), fault);
        let bytes =
            read::bytes(&path, u64::MAX).map_err(|error| fail(Fault::Unreadable(error.to_string())))?;
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let array = match extension.as_str() {
            "npy" => of_npy(&bytes, "npy"),
            "npz" => only_of_archive(&bytes, name),
            "safetensors" => only_of_tensors(&bytes, name),
            other => Err(Fault::Answer(format!(
                "the extension `{}` is not `.npy`, `.npz` or `.safetensors`",
                quoted(other)
            ))),
        };
        let array = array.map_err(fail)?;
        let [rows, width] = array.shape[..] else {
            return Err(fail(array.shape_fault("[rows, width]").into()));
        };
        let fingerprint = blake3::hash(&bytes).to_hex().to_string();
        Ok(Self { rows, width, numbers: array.numbers, fingerprint })
    }
}

/// The name of the only array, or the one that is asked for.
fn chosen<'n>(names: &[&'n str], wanted: Option<&'n str>) -> Result<&'n str, Fault> {
    match (wanted, names) {
        (Some(name), names) if names.contains(&name) => Ok(name),
        (None, [name]) => Ok(name),
        _ => {
            let listed: Vec<String> = names.iter().map(|name| format!("`{}`", quoted(name))).collect();
            let wanted =
                wanted.map_or("an array by its name".to_owned(), |name| format!("`{}`", quoted(name)));
            Err(RegionFault::NoArray { wanted, found: listed.join(", ") }.into())
        }
    }
}

fn only_of_archive(bytes: &[u8], wanted: Option<&str>) -> Result<Array, Fault> {
    let mut archive = ZipArchive::new(std::io::Cursor::new(bytes)).map_err(broken)?;
    let names: Vec<String> = archive
        .file_names()
        .filter_map(Result::ok)
        .filter_map(|name| name.strip_suffix(".npy").map(str::to_owned))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let name = chosen(&names, wanted)?;
    of_archive(&mut archive, name, LARGEST_MATRIX)?.ok_or_else(|| broken("it has no such array"))
}

fn only_of_tensors(bytes: &[u8], wanted: Option<&str>) -> Result<Array, Fault> {
    let unread = |error: safetensors::SafeTensorError| Fault::Reader(elided(&error.to_string()));
    let tensors = SafeTensors::deserialize(bytes).map_err(unread)?;
    let name = chosen(&tensors.names(), wanted)?;
    let tensor = tensors.tensor(name).map_err(unread)?;
    match decoded(tensor.dtype(), tensor.data()) {
        Some(numbers) => Ok(Array { name: name.to_owned(), shape: tensor.shape().to_vec(), numbers }),
        None => Err(RegionFault::ArrayType { array: quoted(name), found: tensor.dtype().to_string() }.into()),
    }
}
