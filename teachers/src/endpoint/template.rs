//! Prompt templates.

use alambic_files::text::quoted;

use super::answer::EndpointInput;

/// A place in a template that is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder {
    Text,
    Second,
    Classes,
}

impl Placeholder {
    const ALL: [(&'static str, Self); 3] =
        [("text", Self::Text), ("second", Self::Second), ("classes", Self::Classes)];
}

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Filled(Placeholder),
}

/// A text with `{text}`, `{second}` and `{classes}`. All other braces stay as they are, so that a prompt may show JSON; only a
/// single word between braces is taken for a misspelt placeholder.
#[derive(Debug, Clone)]
pub(crate) struct Template(Vec<Part>);

impl Template {
    /// # Errors
    /// When a word between braces is no placeholder.
    pub(crate) fn parse(template: &str) -> Result<Self, String> {
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), template);
        while let Some((before, after)) = rest.split_once('{') {
            literal.push_str(before);
            let word = after.split_once('}').map(|(word, _)| word).filter(|word| is_word(word));
            let Some(word) = word else {
                literal.push('{');
                rest = after;
                continue;
            };
            let Some((_, placeholder)) = Placeholder::ALL.iter().find(|(name, _)| *name == word) else {
                return Err(format!(
                    "has `{{{}}}`, which stands for nothing: `{{text}}`, `{{second}}` and `{{classes}}` do",
                    quoted(word)
                ));
            };
            parts.push(Part::Literal(std::mem::take(&mut literal)));
            parts.push(Part::Filled(*placeholder));
            rest = &after[word.len() + 1..];
        }
        literal.push_str(rest);
        parts.push(Part::Literal(literal));
        Ok(Self(parts))
    }

    pub(crate) fn has(&self, placeholder: Placeholder) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Filled(other) if *other == placeholder))
    }

    /// The text with all places filled in; what is filled in is not searched for further ones.
    pub(crate) fn render(&self, input: &EndpointInput, classes: &str) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text,
                Part::Filled(Placeholder::Text) => &input.text,
                Part::Filled(Placeholder::Second) => input.second.as_deref().unwrap_or_default(),
                Part::Filled(Placeholder::Classes) => classes,
            })
            .collect()
    }
}

/// Whether a text between braces looks like the name of a placeholder.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|character| character.is_ascii_alphabetic() || "_-".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_once() {
        let template = Template::parse("{classes}? {text} / {second} {text}").unwrap();
        let input = EndpointInput::pair("{classes}", "{text}");
        assert_eq!(template.render(&input, "a, b"), "a, b? {classes} / {text} {classes}");
        assert!(template.has(Placeholder::Second));
        assert!(!Template::parse("{text}").unwrap().has(Placeholder::Classes));
    }

    #[test]
    fn braces_of_json_stay() {
        let text = "Answer {\"label\": \"…\"}, {} or {{{1}: {text}";
        let rendered = Template::parse(text).unwrap().render(&"x".into(), "");
        assert_eq!(rendered, "Answer {\"label\": \"…\"}, {} or {{{1}: x");
    }

    #[test]
    fn misspelt_placeholders_are_refused() {
        assert!(Template::parse("{text} {txt}").unwrap_err().contains("`{txt}`"));
    }
}
