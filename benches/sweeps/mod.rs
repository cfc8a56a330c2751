//! Points along a quantity that grows, and the tables and figures of them.

pub(crate) mod examples;
pub(crate) mod figures;
pub(crate) mod limit;
pub(crate) mod point;
pub(crate) mod sizes;
