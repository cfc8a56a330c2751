//! How captions of a table are said of a picture.

use std::borrow::Cow;

use crate::error::{Fault, SheetFault};
use crate::pictures::Caption;

/// What stands for the caption.
pub(super) const CAPTION: &str = "{caption}";

/// What stands for the style.
const STYLE: &str = "{style}";

/// A template of captions that was checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct CaptionTemplate<'o>(&'o str);

impl<'o> CaptionTemplate<'o> {
    /// The template of a corpus whose pictures have styles or not.
    ///
    /// # Errors
    /// Where captions are left out, a style is named that pictures do not have, or something else is in braces.
    pub(super) fn new(template: &'o str, has_styles: bool) -> Result<Self, SheetFault> {
        let fault = |reason| Err(SheetFault::CaptionTemplate { template: template.to_owned(), reason });
        if !template.contains(CAPTION) {
            return fault("has no `{caption}`, and pictures would all be called the same");
        }
        if template.contains(STYLE) && !has_styles {
            return fault("has `{style}`, and pictures have no style");
        }
        if template.replace(CAPTION, "").replace(STYLE, "").contains(['{', '}']) {
            return fault("has braces around something else than `caption` or `style`");
        }
        Ok(Self(template))
    }

    /// Captions as they are said of a picture of a style.
    ///
    /// # Errors
    /// Where the template names the style, and the picture has none.
    pub(super) fn of<'c>(
        self,
        captions: &'c [Caption],
        style: Option<&str>,
    ) -> Result<Cow<'c, [Caption]>, Fault> {
        if self.0 == CAPTION {
            return Ok(Cow::Borrowed(captions));
        }
        let has_style = self.0.contains(STYLE);
        if has_style && style.is_none() {
            return Err(Fault::EmptyField("style"));
        }
        // What is filled in is not looked through again: a caption may have braces of its own.
        let said = |caption: &Caption| {
            let parts: Vec<String> =
                self.0.split(CAPTION).map(|part| part.replace(STYLE, style.unwrap_or_default())).collect();
            Caption { text: parts.join(&caption.text), ..caption.clone() }
        };
        Ok(Cow::Owned(captions.iter().map(said).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_said_with_the_style() {
        let captions = [Caption::new("a {style} 🐸".to_owned(), Some("en".to_owned()))];
        let said = |template: &str, style: Option<&str>| {
            let said =
                CaptionTemplate::new(template, true).unwrap().of(&captions, style).map(Cow::into_owned);
            said.ok().map(|all| (all[0].text.clone(), all[0].language.clone()))
        };
        let english = |text: &str| Some((text.to_owned(), Some("en".to_owned())));
        assert_eq!(said("{caption}", None), english("a {style} 🐸"));
        assert_eq!(said("{style}: {caption}", Some("Noto")), english("Noto: a {style} 🐸"));
        assert_eq!(
            said("{caption}, {caption} ({style})", Some("é")),
            english("a {style} 🐸, a {style} 🐸 (é)")
        );
        assert_eq!(said("a drawing: {caption}", None), english("a drawing: a {style} 🐸"));
        assert_eq!(said("{style}: {caption}", None), None);
    }

    #[test]
    fn template_without_a_caption_or_with_other_braces_is_refused() {
        let reason = |template: &str, has_styles: bool| {
            CaptionTemplate::new(template, has_styles)
                .map_err(|fault| fault.to_string())
                .err()
                .unwrap_or_default()
        };
        assert_eq!(reason("{style}: {caption}", true), "");
        assert!(reason("{style}: {caption}", false).contains("have no style"));
        assert!(reason("a drawing", true).contains("`{caption}`"));
        assert!(reason("{name}: {caption}", true).contains("braces"));
        assert!(reason("{{caption}}", true).contains("braces"));
    }
}
