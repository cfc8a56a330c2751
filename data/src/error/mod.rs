//! Faults of files of data: what is wrong, where, and what to do about it.

mod benchmark_fault;
mod class_fault;
mod fault;
mod language_fault;
mod mixing_fault;
mod place;
mod problems;
mod region_fault;
mod sheet_fault;

pub use benchmark_fault::BenchmarkFault;
pub use class_fault::ClassFault;
pub use fault::Fault;
pub use language_fault::LanguageFault;
pub use mixing_fault::MixingFault;
pub use place::Place;
pub(crate) use problems::Problems;
pub use problems::{DataError, Problem};
pub use region_fault::RegionFault;
pub(crate) use region_fault::{OSCAR_PLACES, OSCAR_WIDTH};
pub use sheet_fault::SheetFault;
