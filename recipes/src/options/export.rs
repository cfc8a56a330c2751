//! Keys of the student's folder.

use alambic_settings::{choices, settings};

choices! {
    /// The number format of stored weights.
    pub enum StoredPrecision {
        /// 32 bits.
        F32 = "f32",
        /// 16 bits, IEEE half precision.
        F16 = "f16",
    }
}

settings! {
    /// How the student's folder is written.
    pub struct ExportOptions {
        /// The number format of its weights.
        pub precision: StoredPrecision = StoredPrecision::F32,
    }
}
