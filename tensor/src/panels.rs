//! Memory of matrices that are laid out in panels for a kernel.

use std::mem::MaybeUninit;

/// 64 bytes at an address that is a multiple of 64.
#[repr(align(64))]
#[derive(Clone, Copy)]
pub(crate) struct Line(pub(crate) [u8; 64]);

/// `panels` panels of `each` elements, all of which `write` initialises.
pub(crate) fn build<T: Copy>(
    panels: usize,
    each: usize,
    write: impl FnOnce(&mut [MaybeUninit<T>], usize),
) -> Vec<T> {
    let length = panels * each;
    let mut elements = Vec::with_capacity(length);
    write(&mut elements.spare_capacity_mut()[..length], each);
    // SAFETY: `write` has initialised as many, and there is room for them.
    unsafe { elements.set_len(length) };
    elements
}
