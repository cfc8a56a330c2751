//! Merging of layers: values of a later layer replace those of an earlier one.

use indexmap::map::Entry;

use crate::tree::{Members, Node, Value};
use crate::types::Type;

/// Lays `over` over `base`. Tables merge key by key, all else is replaced, lists
/// as a whole. Where `kind` says that a table holds exactly one of several kinds,
/// another kind replaces the inherited one instead of joining it.
///
/// A merged table stands where the later layer opened it. Where that layer only
/// reached into it, by `[stage.layers.train]` into `stage.layers`, or is a
/// `--set`, it stays where it was, for that is where a missing key has to be
/// written.
#[must_use]
pub fn merge(base: Node, over: Node, kind: Option<&Type>) -> Node {
    merge_layer(base, over, kind, false)
}

/// [`merge`], `reached` being true where `over` is a table that its layer only
/// reached into.
fn merge_layer(base: Node, over: Node, kind: Option<&Type>, reached: bool) -> Node {
    match (base.value, over.value) {
        (Value::Table(mut members), Value::Table(layer)) if !replaces(kind, &members, &layer) => {
            for (key, member) in layer {
                let inner = kind.and_then(|kind| kind.member(&key));
                match members.entry(key) {
                    Entry::Vacant(place) => {
                        place.insert(member);
                    }
                    Entry::Occupied(mut place) => {
                        let held = place.get_mut();
                        let inherited = std::mem::replace(&mut held.node, Node::empty_table());
                        // What was only reached into has no place but its key.
                        let reached = member.node.origin == member.key_origin;
                        held.node = merge_layer(inherited, member.node, inner.as_ref(), reached);
                        held.key_origin = member.key_origin;
                    }
                }
            }
            let origin = if reached || over.origin.is_flag() { base.origin } else { over.origin };
            Node { value: Value::Table(members), origin }
        }
        (_, value) => Node { value, origin: over.origin },
    }
}

/// Whether a layer names another kind than the one inherited.
fn replaces(kind: Option<&Type>, inherited: &Members, layer: &Members) -> bool {
    kind.is_some_and(Type::is_one_kind)
        && !layer.is_empty()
        && !inherited.keys().all(|name| layer.contains_key(name))
}

/// Takes the value at a path of keys out of a tree. False if there is none.
pub fn remove(node: &mut Node, path: &[String]) -> bool {
    let (Value::Table(members), [first, rest @ ..]) = (&mut node.value, path) else {
        return false;
    };
    match members.get_mut(first) {
        None => false,
        Some(_) if rest.is_empty() => members.shift_remove(first).is_some(),
        Some(member) => remove(&mut member.node, rest),
    }
}
