//! Where the values of a recipe were written.

use alambic_settings::{Node, Origin, Value};

/// The places of a recipe's values, by paths of keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'a>(pub(crate) &'a Node);

impl<'p> Places<'p> {
    /// Where the value at a path of keys was written: its own place, or that of the innermost value on the way that was
    /// written. A number is a place in an array, and is passed over where one value stands for an array of one.
    pub(crate) fn origin(self, path: &[&str]) -> Origin {
        let mut node = self.0;
        for key in path {
            match descend(node, key) {
                Some(inner) => node = inner,
                None => break,
            }
        }
        node.origin.clone()
    }

    /// Where a key was written; where it was not, as [`Self::origin`].
    pub(crate) fn key_origin(self, path: &[&str]) -> Origin {
        let member = path.split_last().and_then(|(last, tables)| {
            let table = tables.iter().try_fold(self.0, |node, key| node.get(key))?;
            table.members()?.get(*last)
        });
        member.map_or_else(|| self.origin(path), |member| member.key_origin.clone())
    }

    /// The value at a path of keys, if it was written.
    pub(crate) fn node(self, path: &[&str]) -> Option<&'p Node> {
        path.iter().try_fold(self.0, |node, key| node.get(key))
    }
}

/// The value under a key. A number is a place in an array, and is passed over where one value stands for an array of one.
pub(crate) fn descend<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match (&node.value, key.parse::<usize>()) {
        (Value::List(items), Ok(index)) => items.get(index),
        (Value::Table(_), Ok(0)) if node.get(key).is_none() => Some(node),
        _ => node.get(key),
    }
}
