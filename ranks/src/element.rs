//! Numbers that are sent between ranks as the bytes that they have in memory.

/// A number without padding, of which any bytes are a value.
pub trait Element: sealed::Sealed + Copy + Default + Send + Sync + 'static {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($number:ty),*) => {$(
        impl sealed::Sealed for $number {}
        impl Element for $number {}
    )*};
}
elements!(u8, u32, u64, f32, f64);

/// The bytes of numbers.
pub(crate) fn bytes<T: Element>(values: &[T]) -> &[u8] {
    // SAFETY: the elements have no padding, so that every byte is initialised; the length is that of the slice.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// The bytes of numbers, to be written.
pub(crate) fn bytes_mut<T: Element>(values: &mut [T]) -> &mut [u8] {
    // SAFETY: as above, and any bytes are values of the elements.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
}
