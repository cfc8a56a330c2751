//! Reading of values into the types that declarations make: tables, their fields, alternatives.

use alambic_files::text::quoted;

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::reader::Reader;
use crate::setting::{Kind, Setting, Table, default_kind, known_kinds, read_kind};
use crate::tree::{Members, Node, Value};
use crate::types::{Range, list_names};

/// The code of an error about a key left out: what a reading of an incomplete
/// tree must not report.
pub(crate) const MISSING_KEY: &str = "recipe::missing-key";

/// Reads a whole tree.
///
/// # Errors
/// Every mistake in it.
pub fn read<T: Setting>(node: &Node) -> Result<T, Diagnostics> {
    Reader::new("").finish(|reader| T::read(node, reader))
}

/// Reads a table of known keys: [`Setting::read`] of every [`Table`].
pub fn read_table<T: Table>(node: &Node, reader: &mut Reader) -> Option<T> {
    let members = reader.table(node)?;
    let all_known = reader.check_keys(members, &T::description().fields);
    T::read_members(node, members, reader).filter(|_| all_known)
}

/// Reads one field of a table, or takes its default; reports it if it is
/// missing without one.
pub fn read_field<T: Setting>(
    node: &Node,
    members: &Members,
    reader: &mut Reader,
    field: &str,
    range: Option<Range>,
    default: impl FnOnce() -> Option<T>,
) -> Option<T> {
    let key = crate::types::key_of(field);
    if let Some(member) = members.get(&key) {
        return reader.in_key(&key, |reader| {
            // The range of the declaration is narrower than that of the type.
            let within = range.is_none_or(|range| reader.check_range(&member.node, range));
            if within { T::read(&member.node, reader) } else { None }
        });
    }
    let value = default().or_else(T::when_absent);
    if value.is_none() {
        let message = format!("missing key `{key}` {}", reader.within());
        let label = format!("`{key}` must be given here: {}", T::describe().with_added(reader.added_kinds()));
        let help =
            reader.in_key(&key, |reader| format!("`alambic explain {}` describes it", reader.explain_path()));
        reader.report(Diagnostic::error(MISSING_KEY, message).label(&node.origin, label).help(help));
    }
    value
}

/// Reads a table with exactly one key, which names a kind; or that name
/// alone, where the kind needs no options.
pub fn read_one_kind<K: Kind + 'static>(node: &Node, reader: &mut Reader) -> Option<K> {
    let names = known_kinds::<K>(reader);
    let members = match &node.value {
        Value::Table(members) => members,
        Value::Text(_) => {
            let name = reader.choice(node, &names)?;
            let kind = default_kind(name, reader);
            if kind.is_none() {
                let message = format!("`{name}` {} needs options", reader.within());
                let help = format!(
                    "write {{ {name} = {{ … }} }}; `alambic explain {}` lists the keys",
                    reader.in_key(name, |reader| reader.explain_path())
                );
                let label = "a name alone takes the defaults, and not every key has one";
                reader
                    .report(Diagnostic::error("recipe::kind", message).label(&node.origin, label).help(help));
            }
            return kind;
        }
        _ => return reader.report_wrong_type(node, &format!("a table with one of {}", list_names(names))),
    };
    let mut kinds: Vec<(_, _, Option<K>)> = Vec::new();
    let mut all_known = true;
    for (name, member) in members {
        if names.contains(&name.as_str()) {
            let kind = reader.in_key(name, |reader| read_kind(name, &member.node, reader));
            kinds.push((name, member, kind));
        } else {
            all_known = false;
            let message = format!("unknown key `{}` {}", quoted(name), reader.within());
            reader.report_unknown_name("recipe::unknown-key", message, &member.key_origin, name, &names);
        }
    }
    match kinds.as_mut_slice() {
        [(_, _, kind)] if all_known => kind.take(),
        [] if all_known => {
            let message = format!("{} has no kind", reader.place());
            let label = format!("must hold one of {}", list_names(names));
            reader.report(Diagnostic::error("recipe::kind", message).label(&node.origin, label));
            None
        }
        [(first, first_member, _), (second, second_member, _), ..] => {
            let message =
                format!("{} names both `{first}` and `{second}`, but takes only one", reader.place());
            reader.report(
                Diagnostic::error("recipe::kind", message)
                    .label(&second_member.key_origin, "second kind")
                    .label(&first_member.key_origin, "first kind"),
            );
            None
        }
        _ => None,
    }
}
