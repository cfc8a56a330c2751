//! The head of a safetensors file: what tensors it holds, without reading them.

use std::fmt::{Formatter, Result as Written};
use std::io::Read;
use std::path::Path;

use alambic_files::read;
use alambic_files::text::quoted;
use indexmap::IndexMap;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::tensor::{Format, Place, Stored};
use crate::ModelError;

/// The longest head that is read, as the format's own library has it.
const LONGEST: u64 = 100_000_000;

/// The key of the head that holds texts about the file.
const METADATA: &str = "__metadata__";

/// One entry of the head.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// The entries of the head in the order of the file, those of the same name each for itself.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Entries;

            fn expecting(&self, formatter: &mut Formatter<'_>) -> Written {
                formatter.write_str("an object of tensors by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Head of a safetensors file.
pub(super) struct Header {
    /// The tensors in the order of the file.
    pub(super) tensors: IndexMap<String, Stored>,
    /// Texts about the file.
    pub(super) metadata: IndexMap<String, String>,
}

/// Reads the head of a safetensors file, and checks it against the length of the file: each tensor has as many bytes as its
/// shape and its type need, and the tensors lie one behind the other from the head to the end.
pub(super) fn read(path: &Path) -> Result<Header, ModelError> {
    let mut file = read::open(path)?;
    let length = file.metadata().map_err(ModelError::file(path))?.len();
    let broken = |reason: &str| match read::describe_file(path) {
        Ok(Some(what)) => {
            ModelError::content(path, format!("this is {what}, and a safetensors file is needed"))
        }
        _ => ModelError::content(path, format!("this is no safetensors file: {reason}")),
    };
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix).map_err(|_| broken("it is shorter than eight bytes"))?;
    let head = u64::from_le_bytes(prefix);
    if head > LONGEST || head > length - 8 {
        return Err(broken("the length of its head is longer than the file"));
    }
    let mut bytes = vec![0; head as usize];
    file.read_exact(&mut bytes).map_err(ModelError::file(path))?;
    let Entries(entries) =
        serde_json::from_slice(&bytes).map_err(|error| broken(&quoted(&error.to_string())))?;
    let mut header = Header { tensors: IndexMap::new(), metadata: IndexMap::new() };
    let mut ranges = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let fault = |reason: &str| broken(&format!("`{}`: {reason}", quoted(&name)));
        if name == METADATA {
            header.metadata =
                serde_json::from_value(value).map_err(|error| fault(&quoted(&error.to_string())))?;
            continue;
        }
        let Entry { dtype, shape, data_offsets: (start, end) } =
            serde_json::from_value(value).map_err(|error| fault(&quoted(&error.to_string())))?;
        let numbers = shape.iter().try_fold(1u64, |product, &side| product.checked_mul(side as u64));
        let needed =
            numbers.and_then(|numbers| numbers.checked_mul(bits(&dtype)?)).map(|bits| bits.div_ceil(8));
        // Of a type that is not known here the length is not known either; whoever needs the tensor gets an error with its type.
        if bits(&dtype).is_some() && needed != end.checked_sub(start) {
            return Err(fault(&format!(
                "shape {shape:?} of {} does not take up {start} to {end}",
                quoted(&dtype)
            )));
        }
        ranges.push((start, end, name.clone()));
        let stored =
            Stored { format: Format::of_safetensors(&dtype), shape, place: Place::Bytes(8 + head + start) };
        if header.tensors.insert(name.clone(), stored).is_some() {
            return Err(fault("it is there twice"));
        }
    }
    let end = contiguous(ranges).map_err(|reason| broken(&reason))?;
    // A sum that overflows is longer than any file.
    if end.checked_add(8 + head) == Some(length) {
        return Ok(header);
    }
    let stated = end.saturating_add(8 + head);
    Err(ModelError::content(
        path,
        format!("the file has {length} bytes, and its header says {stated}; was it cut short?"),
    ))
}

/// End of the last of the tensors, which lie one behind the other.
fn contiguous(mut ranges: Vec<(u64, u64, String)>) -> Result<u64, String> {
    ranges.sort_unstable();
    let mut place = 0;
    for (start, end, name) in ranges {
        if start != place || end < start {
            return Err(format!(
                "`{}` begins at {start}, and what is before it ends at {place}",
                quoted(&name)
            ));
        }
        place = end;
    }
    Ok(place)
}

/// Bits of a number of a type; none for a type that the format does not know.
fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ModelFolder;

    #[test]
    fn shapes_are_read_without_the_tensors() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/marian/model");
        let model = ModelFolder::open(&folder).unwrap();
        let shapes = model.weight_shapes().unwrap();
        let weights = model.weights().unwrap();
        assert_eq!(shapes.len(), weights.len());
        for (name, tensor) in &weights {
            assert_eq!(shapes[name], tensor.dims(), "{name}");
        }
    }

    /// Result of reading a file with this head and so many bytes behind it.
    fn read_head(head: &str, data: usize) -> Result<Header, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let bytes = [&(head.len() as u64).to_le_bytes()[..], head.as_bytes(), &vec![0; data]].concat();
        std::fs::write(&path, bytes).unwrap();
        read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn broken_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let sound = br#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let file = |head: &[u8], length: u64, data: usize| {
            [&length.to_le_bytes()[..], head, &vec![0; data]].concat()
        };
        let length = sound.len() as u64;
        let message = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read(&path).map_err(|error| error.to_string())
        };
        assert_eq!(message(&file(sound, length, 8)).unwrap().tensors["w"].shape, [2]);
        let said = |bytes: &[u8]| message(bytes).err().unwrap();
        assert!(said(&file(sound, length, 7)).contains("cut short"));
        assert!(said(&file(sound, 1 << 40, 8)).contains("longer than the file"));
        assert!(said(b"abc").contains("shorter than eight bytes"));
        assert!(said(&file(b"[]", 2, 0)).contains("no safetensors file"));
        assert!(said(&file(br#"{"w":3}"#, 7, 0)).contains("`w`"));
        assert!(said(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n").contains("LFS"));
        assert!(said(b"<!DOCTYPE html><html></html>").contains("needed"));
        std::fs::remove_file(&path).unwrap();
        assert!(read(&path).err().unwrap().to_string().contains("model.safetensors"));
    }

    #[test]
    fn tensors_that_overlap_or_leave_holes_are_refused() {
        let pair = |second: &str| {
            format!(
                r#"{{"a":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},"b":{{"dtype":"F32","shape":[1],"data_offsets":{second}}}}}"#
            )
        };
        assert!(read_head(&pair("[4,8]"), 8).is_ok());
        for (offsets, data) in [("[0,4]", 4), ("[2,6]", 6), ("[8,12]", 12), ("[8,4]", 8)] {
            let said = read_head(&pair(offsets), data).err().unwrap();
            assert!(said.contains("`b`"), "{said}");
        }
    }

    #[test]
    fn tensors_of_another_size_than_their_shape_are_refused() {
        for (dtype, shape) in [("F32", "[3]"), ("F64", "[2]"), ("F32", "[4294967296,4294967296,4294967296]")]
        {
            let head = format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,8]}}}}"#);
            assert!(read_head(&head, 8).err().unwrap().contains("`w`"), "{dtype} {shape}");
        }
        // Whoever needs none of it is not kept from the rest by a type of tomorrow.
        let head = r#"{"w":{"dtype":"F3","shape":[21],"data_offsets":[0,8]}}"#;
        assert_eq!(read_head(head, 8).unwrap().tensors["w"].shape, [21]);
    }

    #[test]
    fn tensors_of_the_same_name_are_refused() {
        let head = r#"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
        assert!(read_head(head, 2).err().unwrap().contains("twice"));
    }
}
