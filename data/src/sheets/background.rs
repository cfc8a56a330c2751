//! Colours that lie under what is transparent.

use alambic_files::text::quoted;
use alambic_settings::{Diagnostic, Node, Reader, Setting, Type, Value};

/// Colour that lies under what is transparent: red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Background(pub [u8; 3]);

/// Colours that have a name.
const NAMED: [(&str, [u8; 3]); 3] = [("white", [255; 3]), ("grey", [128; 3]), ("black", [0; 3])];

impl Background {
    /// White.
    pub const WHITE: Self = Self([255; 3]);

    /// A colour by its name, or as `#RRGGBB` in hexadecimal digits.
    fn parse(text: &str) -> Option<Self> {
        if let Some((_, colour)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Some(Self(*colour));
        }
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        // A sign before the digits is none of them.
        let number = digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits)?;
        let number = u32::from_str_radix(number, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self([red, green, blue]))
    }
}

impl Setting for Background {
    fn describe() -> Type {
        Type::Text
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        let colour = Self::parse(&text);
        if colour.is_none() {
            let message = format!("`{}` cannot be the colour `{}`", reader.path(), quoted(&text));
            reader.report(
                Diagnostic::error("recipe::choice", message)
                    .label(&node.origin, "is `white`, `grey`, `black` or `#RRGGBB` in hexadecimal digits"),
            );
        }
        colour
    }

    fn to_value(&self) -> Option<Value> {
        let named = NAMED.iter().find(|(_, colour)| *colour == self.0);
        let [red, green, blue] = self.0;
        let written = || format!("#{red:02X}{green:02X}{blue:02X}");
        Some(Value::Text(named.map_or_else(written, |(name, _)| (*name).to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_named_or_written_in_digits() {
        assert_eq!(Background::parse("white"), Some(Background::WHITE));
        assert_eq!(Background::parse("#0a80FF"), Some(Background([10, 128, 255])));
        for wrong in ["", "White", "#fff", "#+12345", "#12345g", "#１２"] {
            assert_eq!(Background::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Background([10, 128, 255]).to_value(), Some(Value::Text("#0A80FF".into())));
    }
}
