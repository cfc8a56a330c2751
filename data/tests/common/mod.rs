//! Files of regions for the tests to read.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use alambic_data::{
    DataError, Dataset, Extent, Picture, Pixels, Question, QuestionDetails, ReadStatistics, RegionFiles,
};
use alambic_settings::{Location, OneOrMany};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use npyz::WriterBuilder;
use zip::write::SimpleFileOptions;

/// A corpus of images with these names.
pub(crate) fn corpus(names: &[&str]) -> Dataset<Question> {
    let picture = |name: &&str| Picture {
        pixels: Pixels::File(name.into()),
        ..Picture::without_pixels((*name).to_owned())
    };
    let images = names.iter().map(picture).collect();
    let details = QuestionDetails { images, ..QuestionDetails::default() };
    Dataset::new(Vec::new(), details, ReadStatistics::default(), "before".into())
}

/// What reads one file of features.
pub(crate) fn files(features: &Path) -> RegionFiles {
    RegionFiles {
        features: one(features),
        tags: OneOrMany(Vec::new()),
        object_names: None,
        attribute_names: None,
        max_regions: 50,
        memory_gb: 2.0,
    }
}

pub(crate) fn one(path: &Path) -> OneOrMany<Location> {
    OneOrMany(vec![Location::File(path.to_owned())])
}

/// The corpus with its regions, and the width of their features.
pub(crate) fn attach(files: &RegionFiles, names: &[&str]) -> Result<(Dataset<Question>, usize), DataError> {
    let mut corpus = corpus(names);
    let width = files.attach(&mut corpus, Extent::Whole)?;
    Ok((corpus, width))
}

/// Numbers of 32 bits in base64.
pub(crate) fn base64(numbers: &[f32]) -> String {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    BASE64_STANDARD.encode(bytes)
}

/// Features of 2,054 numbers, the first of each region being its number from `first` on and the last six its box.
pub(crate) fn oscar(first: f32, boxes: &[[f32; 4]]) -> Vec<f32> {
    let mut features = Vec::new();
    for (index, [left, top, right, bottom]) in boxes.iter().enumerate() {
        let mut row = vec![0.5; 2048];
        row[0] = first + index as f32;
        row.extend([left, top, right, bottom]);
        row.extend([right - left, bottom - top]);
        features.extend(row);
    }
    features
}

/// A row in LXMERT's layout.
pub(crate) fn lxmert(id: &str, (height, width): (u32, u32), boxes: &[f32], features: &[f32]) -> String {
    let regions = boxes.len() / 4;
    let (ids, confidence) = (BASE64_STANDARD.encode(vec![0; 8 * regions]), base64(&vec![0.9; regions]));
    let mut row = format!("{id}\t{height}\t{width}");
    for column in [&ids, &confidence, &ids, &confidence] {
        write!(row, "\t{column}").unwrap();
    }
    row + &format!("\t{regions}\t{}\t{}", base64(boxes), base64(features))
}

/// An array of an npz.
pub(crate) enum Array {
    F32(&'static str, Vec<u64>, Vec<f32>),
    F16(&'static str, Vec<u64>, Vec<f32>),
    I64(&'static str, Vec<u64>, Vec<i64>),
    /// Columns first.
    Turned(&'static str, Vec<u64>, Vec<f32>),
    Text(&'static str),
    U16(&'static str, Vec<u64>, Vec<u16>),
    /// A head with four bytes behind it.
    Headed(&'static str, String),
}

/// An array of this head, and four bytes of numbers.
fn headed(head: &str) -> Vec<u8> {
    let head = format!("{head}\n");
    let length = (head.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, head.as_bytes(), b"a\0\0\0"].concat()
}

/// Writes an npz as `numpy.savez_compressed` does.
pub(crate) fn npz(path: &Path, arrays: Vec<Array>) {
    let mut archive = zip::ZipWriter::new(File::create(path).unwrap());
    for array in arrays {
        let (name, bytes) = match array {
            Array::F32(name, shape, numbers) => (name, npy(&shape, npyz::Order::C, numbers)),
            Array::F16(name, shape, numbers) => {
                let numbers = numbers.into_iter().map(half::f16::from_f32).collect();
                (name, npy(&shape, npyz::Order::C, numbers))
            }
            Array::I64(name, shape, numbers) => (name, npy(&shape, npyz::Order::C, numbers)),
            Array::Turned(name, shape, numbers) => (name, npy(&shape, npyz::Order::Fortran, numbers)),
            Array::U16(name, shape, numbers) => (name, npy(&shape, npyz::Order::C, numbers)),
            Array::Text(name) => (name, headed("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }")),
            Array::Headed(name, head) => (name, headed(&head)),
        };
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    archive.finish().unwrap();
}

fn npy<T: npyz::AutoSerialize>(shape: &[u64], order: npyz::Order, numbers: Vec<T>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let options = npyz::WriteOptions::new().default_dtype().shape(shape).order(order);
    let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
    writer.extend(numbers).unwrap();
    writer.finish().unwrap();
    bytes
}

/// Writes 32-bit tensors as safetensors.
pub(crate) fn safetensors(path: &Path, tensors: &[(&str, Vec<usize>, Vec<f32>)]) {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, numbers)| numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (*name, view.unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}
