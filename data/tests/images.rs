//! Images as Pillow reads them, and files that are none.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_data::{Picture, Raster};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images")
}

/// Each image with what Pillow reads of it, and how far a colour may be off.
fn expected() -> Vec<(String, Raster, u8)> {
    let table = std::fs::read_to_string(fixtures().join("expected.tsv")).unwrap();
    let row = |line: &str| {
        let [name, width, height, tolerance, digits] = line.split('\t').collect::<Vec<_>>()[..] else {
            unreachable!("a row has five columns: {line}")
        };
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let rgb: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        let raster =
            Raster { width: width.parse().unwrap(), height: height.parse().unwrap(), rgb: rgb.into() };
        (name.to_owned(), raster, tolerance.parse().unwrap())
    };
    table.lines().map(row).collect()
}

fn load(path: &Path) -> Result<Raster, String> {
    Picture::of_file(path.to_owned()).load().map_err(|error| error.to_string())
}

#[test]
fn images_have_the_pixels_that_pillow_reads() {
    let mut wrong = Vec::new();
    for (name, expected, tolerance) in expected() {
        let read = load(&fixtures().join(&name)).unwrap();
        assert_eq!((read.width, read.height), (expected.width, expected.height), "{name}");
        let off = read.rgb.iter().zip(expected.rgb.iter()).map(|(own, other)| own.abs_diff(*other));
        let off = off.max().unwrap();
        if off > tolerance {
            wrong.push(format!("{name} is off by {off}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn image_that_is_cut_off_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["exif-1.jpg", "progressive.jpg", "exif-1.png", "lossy.webp", "alpha.webp", "plain.gif"] {
        let bytes = std::fs::read(fixtures().join(name)).unwrap();
        let path = folder.path().join(name);
        for share in [4, 8, 12, 15] {
            std::fs::write(&path, &bytes[..bytes.len() * share / 16]).unwrap();
            let said = load(&path).unwrap_err();
            assert!(said.contains(&format!("{name}: cannot be read as an image")), "{share}: {said}");
        }
        // The last byte of a GIF and of a PNG says nothing of pixels.
        if !["exif-1.png", "plain.gif"].contains(&name) {
            std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
            assert!(load(&path).unwrap_err().contains("the file is cut off"), "{name}");
        }
    }
}

#[test]
fn damaged_image_is_read_or_refused_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    for (name, ..) in expected() {
        let bytes = std::fs::read(fixtures().join(&name)).unwrap();
        for at in (0..bytes.len()).step_by(9) {
            let mut changed = bytes.clone();
            changed[at] ^= [0xff, 0x01, 0x80, 0x5a][at / 9 % 4];
            std::fs::write(&path, &changed).unwrap();
            if let Err(said) = load(&path) {
                assert!(
                    said.contains("damaged: cannot be read as an image") && said.len() < 1000,
                    "{name} {at}: {said}"
                );
            }
            std::fs::write(&path, &bytes[..at]).unwrap();
            let _ = load(&path);
        }
    }
}

#[test]
fn image_with_more_pixels_than_are_read_is_refused_before_it_is_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    // Sides of 60,000 pixels in the heads of small files.
    let side = 60_000_u16;
    let mut png = std::fs::read(fixtures().join("exif-1.png")).unwrap();
    png[16..20].copy_from_slice(&u32::from(side).to_be_bytes());
    png[20..24].copy_from_slice(&u32::from(side).to_be_bytes());
    let checksum = checksum_of(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    let mut jpeg = std::fs::read(fixtures().join("exif-1.jpg")).unwrap();
    let frame = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&side.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&side.to_be_bytes());
    let mut printed = std::fs::read(fixtures().join("printed.jpg")).unwrap();
    let frame = printed.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    printed[frame + 5..frame + 9].copy_from_slice(&[0x27, 0x10, 0x27, 0x10]);
    std::fs::write(&path, printed).unwrap();
    let said = load(&path).unwrap_err();
    assert!(said.contains("10000 by 10000 pixels of four colours, and at most 67108864 are read"), "{said}");
    let mut gif = std::fs::read(fixtures().join("plain.gif")).unwrap();
    gif[6..8].copy_from_slice(&side.to_le_bytes());
    gif[8..10].copy_from_slice(&side.to_le_bytes());
    for (name, bytes) in [("PNG", png), ("JPEG", jpeg), ("GIF", gif)] {
        std::fs::write(&path, bytes).unwrap();
        let said = load(&path).unwrap_err();
        assert!(
            said.contains("it has 60000 by 60000 pixels, and at most 134217728 are read"),
            "{name}: {said}"
        );
    }
}

/// The checksum of a chunk of PNG.
fn checksum_of(bytes: &[u8]) -> u32 {
    let mut checksum = u32::MAX;
    for byte in bytes {
        checksum ^= u32::from(*byte);
        for _ in 0..8 {
            checksum = if checksum & 1 == 1 { checksum >> 1 ^ 0xedb8_8320 } else { checksum >> 1 };
        }
    }
    !checksum
}

#[test]
fn file_that_is_no_image_is_named_by_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    for (bytes, expected) in [
        (&b""[..], "the file is empty"),
        (b"BM\x36\0\0\0\0\0\0\0\0\0\0\0\0\0", "this is a BMP image; PNG, JPEG, WebP and GIF are read"),
        (b"II*\0\x08\0\0\0\0\0\0\0\0\0\0\0", "this is a TIFF image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "this is a HEIC image"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "this is an AVIF image"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><html></html>", "a web page (HTML)"),
        (b"a text of some length", "its first bytes are those of no PNG, JPEG, WebP or GIF"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let said = load(&path).unwrap_err();
        assert!(
            said.contains("picture.png: cannot be read as an image") && said.contains(expected),
            "{expected}: {said}"
        );
    }
    assert!(load(folder.path()).unwrap_err().contains("this is a folder"));
}

#[cfg(unix)]
#[test]
fn pipe_is_refused_and_path_of_any_bytes_is_read() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.png");
    if std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
        assert!(load(&pipe).unwrap_err().contains("this is a pipe or a device"));
    }
    let odd = folder.path().join(OsStr::from_bytes(b"picture-\xff.png"));
    std::fs::copy(fixtures().join("exif-6.png"), &odd).unwrap();
    assert_eq!(load(&odd).unwrap().width, 6);
}
