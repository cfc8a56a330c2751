//! PyTorch's files, sound and hostile ones, written here operation by operation.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use alambic_models::ModelFolder;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Description of a tensor in a pickle.
struct Described<'a> {
    name: &'a str,
    storage: &'a str,
    class: &'a str,
    count: i32,
    offset: i32,
    shape: &'a [i32],
    strides: &'a [i32],
}

const ROW: Described<'static> = Described {
    name: "w",
    storage: "0",
    class: "FloatStorage",
    count: 6,
    offset: 0,
    shape: &[6],
    strides: &[1],
};

fn text(text: &str) -> Vec<u8> {
    [&b"X"[..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
}

fn numbers(numbers: &[i32]) -> Vec<u8> {
    let each = numbers.iter().flat_map(|number| [&b"J"[..], &number.to_le_bytes()].concat());
    [b"(".to_vec(), each.collect(), b"t".to_vec()].concat()
}

fn number(number: i32) -> Vec<u8> {
    [&b"J"[..], &number.to_le_bytes()].concat()
}

/// The pickle of a dictionary of tensors.
fn pickle(tensors: &[Described<'_>]) -> Vec<u8> {
    let mut bytes = b"\x80\x02}q\x00(".to_vec();
    for tensor in tensors {
        bytes.extend(text(tensor.name));
        bytes.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        bytes.extend(text("storage"));
        bytes.extend(format!("ctorch\n{}\n", tensor.class).bytes());
        bytes.extend([text(tensor.storage), text("cpu"), number(tensor.count), b"tQ".to_vec()].concat());
        bytes.extend([number(tensor.offset), numbers(tensor.shape), numbers(tensor.strides)].concat());
        bytes.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    bytes.extend(b"u.");
    bytes
}

fn zip(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn folder(bytes: &[u8]) -> (TempDir, ModelFolder) {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pickle/config.json"),
        folder.path().join("config.json"),
    )
    .unwrap();
    fs::write(folder.path().join("pytorch_model.bin"), bytes).unwrap();
    let opened = ModelFolder::open(folder.path()).unwrap();
    (folder, opened)
}

/// The file of these tensors over storages of these bytes.
fn file(tensors: &[Described<'_>], storages: &[(&str, &[u8])]) -> Vec<u8> {
    let pickle = pickle(tensors);
    let names: Vec<String> = storages.iter().map(|(name, _)| format!("archive/data/{name}")).collect();
    let mut entries =
        vec![("archive/data.pkl", pickle.as_slice()), ("archive/byteorder", b"little".as_slice())];
    entries.extend(names.iter().map(String::as_str).zip(storages.iter().map(|(_, bytes)| *bytes)));
    zip(&entries, CompressionMethod::Stored)
}

/// The numbers of the first tensor, or what is said of the file.
fn read(bytes: &[u8]) -> Result<Vec<f32>, String> {
    let (_folder, opened) = folder(bytes);
    let weights = opened.weights().map_err(|error| error.to_string())?;
    Ok(weights.values().next().unwrap().flatten_all().unwrap().to_vec1().unwrap())
}

fn said(bytes: &[u8]) -> String {
    let said = read(bytes).unwrap_err();
    assert!(said.contains("pytorch_model.bin"), "{said}");
    assert!(said.len() < 600, "{said}");
    said
}

fn floats() -> Vec<u8> {
    (0..6u8).flat_map(|number| f32::from(number).to_le_bytes()).collect()
}

#[test]
fn views_of_a_storage_are_the_tensors_that_were_saved() {
    let data = floats();
    let view = |offset, shape: &[i32], strides: &[i32]| {
        read(&file(&[Described { offset, shape, strides, ..ROW }], &[("0", &data)])).unwrap()
    };
    assert_eq!(view(0, &[6], &[1]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(view(0, &[3, 2], &[1, 3]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(view(2, &[2, 2], &[2, 1]), [2.0, 3.0, 4.0, 5.0]);
    assert_eq!(view(1, &[3], &[2]), [1.0, 3.0, 5.0]);
    assert_eq!(view(4, &[], &[]), [4.0]);
    let both = [Described { shape: &[3], ..ROW }, Described { name: "v", offset: 3, shape: &[3], ..ROW }];
    let (_folder, opened) = folder(&file(&both, &[("0", &data)]));
    let weights = opened.weights().unwrap();
    assert_eq!(weights["v"].to_vec1::<f32>().unwrap(), [3.0, 4.0, 5.0]);
    assert_eq!(weights["w"].to_vec1::<f32>().unwrap(), [0.0, 1.0, 2.0]);
}

#[test]
fn numbers_of_every_format_are_read_and_whole_ones_are_left_out() {
    let doubles: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    for (class, data) in [
        ("DoubleStorage", doubles.as_slice()),
        ("HalfStorage", &[0x00, 0x3e, 0x00, 0xc0]),
        ("BFloat16Storage", &[0xc0, 0x3f, 0x00, 0xc0]),
    ] {
        let tensor = Described { class, count: 2, shape: &[2], ..ROW };
        assert_eq!(read(&file(&[tensor], &[("0", data)])).unwrap(), [1.5, -2.0], "{class}");
    }
    for class in ["LongStorage", "BoolStorage", "QInt8Storage"] {
        let whole = Described { name: "a", storage: "1", class, count: 1, shape: &[1], ..ROW };
        assert_eq!(
            read(&file(&[whole, ROW], &[("0", &floats()), ("1", &[0; 8])])).unwrap().len(),
            6,
            "{class}"
        );
    }
}

#[test]
fn shapes_beyond_what_the_file_holds_are_refused_before_anything_is_allocated() {
    let data = floats();
    for tensor in [
        Described { shape: &[7], ..ROW },
        Described { offset: 1, ..ROW },
        Described { offset: -1, ..ROW },
        Described { shape: &[i32::MAX, i32::MAX, i32::MAX], strides: &[0, 0, 0], ..ROW },
        Described { shape: &[2, 3], strides: &[3], ..ROW },
        Described { shape: &[-6], ..ROW },
        Described { strides: &[-1], ..ROW },
        Described { count: i32::MAX, ..ROW },
        Described { count: 7, ..ROW },
        Described { storage: "../../data", ..ROW },
        // One number for two thousand million places.
        Described { shape: &[i32::MAX], strides: &[0], ..ROW },
    ] {
        said(&file(&[tensor], &[("0", &data)]));
    }
}

#[test]
fn numbers_that_are_none_are_refused_by_the_tensor() {
    let mut data = floats();
    data[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(said(&file(&[ROW], &[("0", &data)])).contains("`w`"));
    // Not those of a part of the storage that no tensor shows.
    let part = Described { offset: 3, shape: &[3], ..ROW };
    assert_eq!(read(&file(&[part], &[("0", &data)])).unwrap(), [3.0, 4.0, 5.0]);
}

#[test]
fn lists_nested_a_million_deep_are_refused() {
    let depth = 1_000_000;
    let deep = [&b"\x80\x02"[..], &vec![b']'; depth], &vec![b'a'; depth - 1], b"."].concat();
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        said(&zip(&[("archive/data.pkl", &deep)], method));
    }
}

#[test]
fn storages_that_grow_without_end_are_refused() {
    let pickle = pickle(&[Described { count: 1 << 24, shape: &[1 << 24], ..ROW }]);
    let entries = [("archive/data.pkl", pickle.as_slice()), ("archive/data/0", &vec![0; 1 << 26])];
    assert!(said(&zip(&entries, CompressionMethod::Deflated)).contains("`w`"));
    assert_eq!(read(&zip(&entries, CompressionMethod::Stored)).unwrap().len(), 1 << 24);
}

#[test]
fn files_without_tensors_are_refused_with_an_action() {
    assert!(said(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.").contains("1.6"));
    assert!(said(b"nonsense").contains("safetensors"));
    assert!(said(b"").contains("safetensors"));
    assert!(said(b"PK\x03\x04").contains("archive"));
    assert!(said(&zip(&[("other", b"")], CompressionMethod::Stored)).contains("data.pkl"));
    let pickle = pickle(&[ROW]);
    let twice = [("a/data.pkl", pickle.as_slice()), ("b/data.pkl", &pickle)];
    assert!(said(&zip(&twice, CompressionMethod::Stored)).contains("2 lists"));
    let big = [("a/data.pkl", pickle.as_slice()), ("a/byteorder", b"big"), ("a/data/0", &floats())];
    assert!(said(&zip(&big, CompressionMethod::Stored)).contains("highest byte"));
    for whole in [
        &b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."[..],
        b"\x80\x02}.",
        b"\x80\x02}(X\xff\xff\xff\xffa",
    ] {
        said(&zip(&[("a/data.pkl", whole)], CompressionMethod::Stored));
    }
}

#[test]
fn a_file_that_is_cut_or_flipped_anywhere_is_read_or_refused_without_a_panic() {
    let whole = file(&[ROW, Described { name: "v", offset: 3, shape: &[3], ..ROW }], &[("0", &floats())]);
    for length in 0..whole.len() {
        let _ = read(&whole[..length]);
    }
    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= if place % 2 == 0 { 1 } else { 0x80 };
        let (_folder, opened) = folder(&flipped);
        if let Err(error) = opened.weights() {
            assert!(error.to_string().contains("pytorch_model.bin"), "{place}: {error}");
        }
    }
}
