//! Pixels of image files: PNG, JPEG, WebP and GIF, as Pillow has them in three colours.
//!
//! A format is known by the first bytes, whatever a file is called. Sides are checked against the most pixels of an image
//! before anything is decoded. Of what moves the first image is read; of sixteen bits the upper eight; transparency is left
//! out and colours stay. The orientation that a camera notes is applied, as `ImageOps.exif_transpose` of Pillow does.

mod alpha;
mod format;
mod gif;
mod jpeg;
mod load;
mod orientation;
mod pixels;
mod png;
mod webp;

pub(crate) use load::{load, load_png_over, png_size_of, size_of};
