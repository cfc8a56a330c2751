//! The head of a safetensors file: what tensors it holds, without reading them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use crate::ModelError;

/// The longest head that is read, as the format's own library has it.
const LONGEST: u64 = 100_000_000;

/// One entry of the head.
#[derive(Deserialize)]
struct Entry {
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// Name and shape of each tensor of a safetensors file, ordered by name. Reads only the head of the file, and compares
/// its length with what the head says.
pub(super) fn shapes(path: &Path) -> Result<IndexMap<String, Vec<usize>>, ModelError> {
    let mut file = File::open(path).map_err(ModelError::file(path))?;
    let length = file.metadata().map_err(ModelError::file(path))?.len();
    let broken = |reason: &str| ModelError::content(path, format!("this is no safetensors file: {reason}"));
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix).map_err(|_| broken("it is shorter than eight bytes"))?;
    let head = u64::from_le_bytes(prefix);
    if head > LONGEST || head > length - 8 {
        return Err(broken("the length of its head is longer than the file"));
    }
    let mut bytes = vec![0; head as usize];
    file.read_exact(&mut bytes).map_err(ModelError::file(path))?;
    let entries: IndexMap<String, Value> =
        serde_json::from_slice(&bytes).map_err(|error| broken(&error.to_string()))?;
    let mut shapes = IndexMap::new();
    let mut end = 0;
    for (name, entry) in entries.into_iter().filter(|(name, _)| name != "__metadata__") {
        let entry: Entry =
            serde_json::from_value(entry).map_err(|error| broken(&format!("`{name}`: {error}")))?;
        end = end.max(entry.data_offsets.1);
        shapes.insert(name, entry.shape);
    }
    shapes.sort_unstable_keys();
    // A sum that overflows is longer than any file.
    if end.checked_add(8 + head) == Some(length) {
        Ok(shapes)
    } else {
        Err(ModelError::content(
            path,
            format!(
                "the file has {length} bytes, and its head speaks of {}; was it cut short?",
                end.saturating_add(8 + head)
            ),
        ))
    }
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
            shapes(&path).map_err(|error| error.to_string())
        };
        assert_eq!(message(&file(sound, length, 8)).unwrap()["w"], [2]);
        assert!(message(&file(sound, length, 7)).unwrap_err().contains("cut short"));
        assert!(message(&file(sound, 1 << 40, 8)).unwrap_err().contains("longer than the file"));
        assert!(message(b"abc").unwrap_err().contains("shorter than eight bytes"));
        assert!(message(&file(b"[]", 2, 0)).unwrap_err().contains("no safetensors file"));
        assert!(message(&file(br#"{"w":3}"#, 7, 0)).unwrap_err().contains("`w`"));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(shapes(&path), Err(ModelError::File { .. })));
    }
}
