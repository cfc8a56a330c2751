//! `recipe.resolved.toml`: every value of a run, defaults included, each with
//! where it came from. Run as a recipe, it gives the same run.

use alambic_files::text::visible;

use crate::setting::Setting;
use crate::source::Origin;
use crate::tree::{Members, Node, Value};
use crate::types::{AddedKinds, Type};
use crate::write::{inline, key};

/// Writes a value out in full. `written` is the merged tree that it was read
/// from, which knows the origins: `# quickstart.toml:14`, `# --set` or
/// `# default` behind each value and header. Paths are made absolute, so that the file means
/// the same wherever it lies; `added` are the kinds that the program adds.
#[must_use]
pub fn resolved_toml<T: Setting>(value: &T, written: &Node, added: &AddedKinds) -> String {
    let mut value = value.to_value().unwrap_or(Value::Table(Members::new()));
    make_absolute(&mut value, Some(&T::describe().with_added(added)));
    let mut writer = Writer { text: String::new(), path: Vec::new() };
    if let Value::Table(members) = &value {
        writer.members(members, Some(written));
    }
    writer.text
}

/// Makes the paths in a value absolute. What comes with the program or lies on
/// the hub keeps its name.
fn make_absolute(value: &mut Value, kind: Option<&Type>) {
    match value {
        Value::Text(text) if kind.is_some_and(Type::is_location) => {
            if !text.starts_with("builtin:")
                && !text.starts_with("hf:")
                && let Ok(path) = std::path::absolute(&*text)
            {
                *text = path.display().to_string();
            }
        }
        Value::List(items) => {
            for item in items {
                make_absolute(&mut item.value, kind.and_then(Type::item));
            }
        }
        Value::Table(members) => {
            for (name, member) in members {
                make_absolute(&mut member.node.value, kind.and_then(|kind| kind.member(name)).as_ref());
            }
        }
        _ => {}
    }
}

/// Whether a value gets a header of its own instead of a line in its table.
fn is_block(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::List(items) => {
            !items.is_empty() && items.iter().all(|item| matches!(item.value, Value::Table(_)))
        }
        _ => false,
    }
}

/// The written form of a member, which may be shorter than the full form: a
/// kind's name alone stands for its table.
fn written_member<'a>(written: Option<&'a Node>, name: &str) -> Option<&'a Node> {
    match &written?.value {
        Value::Table(members) => members.get(name).map(|member| &member.node),
        Value::Text(text) if text == name => written,
        Value::List(items) if items.len() == 1 => written_member(items.first(), name),
        _ => None,
    }
}

/// The origin of a value as a comment; a line break in a file's name would end it.
fn comment(written: Option<&Node>) -> String {
    let origin = written.map_or(Origin::Default, |node| node.origin.clone());
    format!("  # {}", visible(&origin.short()))
}

struct Writer {
    text: String,
    path: Vec<String>,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// The entries of a table whose header is written: lines first, for what
    /// follows a header belongs to that header's table.
    fn members(&mut self, members: &Members, written: Option<&Node>) {
        for (name, member) in members.iter().filter(|(_, member)| !is_block(&member.node.value)) {
            let origin = comment(written_member(written, name));
            self.line(&format!("{} = {}{origin}", key(name), inline(&member.node.value)));
        }
        for (name, member) in members.iter().filter(|(_, member)| is_block(&member.node.value)) {
            self.path.push(key(name));
            self.block(&member.node.value, written_member(written, name));
            self.path.pop();
        }
    }

    fn block(&mut self, value: &Value, written: Option<&Node>) {
        let path = self.path.join(".");
        match value {
            Value::Table(members) => {
                // A header is implied by those of the tables below it.
                if members.is_empty() || !members.values().all(|member| is_block(&member.node.value)) {
                    self.line(&format!("\n[{path}]{}", comment(written)));
                }
                self.members(members, written);
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let written = match written.map(|node| &node.value) {
                        Some(Value::List(written)) => written.get(index),
                        _ => written,
                    };
                    let Value::Table(members) = &item.value else { continue };
                    self.line(&format!("\n[[{path}]]{}", comment(written)));
                    self.members(members, written);
                }
            }
            _ => {}
        }
    }
}
