//! Files of PyTorch, read without executing anything.

mod archive;
mod machine;

pub(super) use archive::{read_views, tensors};
