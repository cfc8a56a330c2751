//! Formats of image files, known by their first bytes.

use alambic_files::read;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Jpeg,
    WebP,
    Gif,
}

impl Format {
    /// Name of the format with its article.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Png => "a PNG",
            Self::Jpeg => "a JPEG",
            Self::WebP => "a WebP",
            Self::Gif => "a GIF",
        }
    }

    /// The format of a file that begins so.
    ///
    /// # Errors
    /// What it is instead, as far as that is known.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        let has = |at: usize, magic: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(magic));
        let formats = [
            (has(0, b"\x89PNG\r\n\x1a\n"), Self::Png),
            (has(0, &[0xff, 0xd8, 0xff]), Self::Jpeg),
            (has(0, b"RIFF") && has(8, b"WEBP"), Self::WebP),
            (has(0, b"GIF87a") || has(0, b"GIF89a"), Self::Gif),
        ];
        if let Some((_, format)) = formats.into_iter().find(|(is, _)| *is) {
            return Ok(format);
        }
        if bytes.is_empty() {
            return Err("the file is empty".into());
        }
        let others = [
            (has(0, b"BM"), "a BMP image"),
            (has(0, b"II*\0") || has(0, b"MM\0*"), "a TIFF image"),
            (has(4, b"ftypavif") || has(4, b"ftypavis"), "an AVIF image"),
            (has(4, b"ftyphei") || has(4, b"ftypmif1") || has(4, b"ftyphev"), "a HEIC image"),
            (has(4, b"jP  \r\n") || has(0, &[0xff, 0x4f, 0xff, 0x51]), "a JPEG 2000 image"),
            (has(4, b"JXL \r\n") || has(0, &[0xff, 0x0a]), "a JPEG XL image"),
            (has(0, b"8BPS"), "a Photoshop document"),
            (has(0, b"<svg") || has(0, b"<?xml"), "an SVG drawing or another XML document"),
        ];
        let other = others.into_iter().find_map(|(is, what)| is.then_some(what));
        Err(match other.or_else(|| read::describe(bytes)) {
            Some(what) => format!("this is {what}; PNG, JPEG, WebP and GIF are read"),
            None => "its first bytes are those of no PNG, JPEG, WebP or GIF".into(),
        })
    }
}
