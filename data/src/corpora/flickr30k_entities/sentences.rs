//! Captions with phrases in brackets.

use alambic_files::text::elided;

use crate::error::Fault;

/// A caption, with the phrases that stand for chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    /// The caption without brackets.
    pub(super) text: String,
    /// Chains with their phrases in small letters, without those that are not seen.
    pub(super) chains: Vec<(String, String)>,
}

/// What a phrase begins with, before its chain.
const OPEN: &str = "[/EN#";

/// The chain of what is not seen.
const UNSEEN: &str = "0";

/// Reads a line: words, and phrases as `[/EN#CHAIN/TYPE words]`, which may have several types.
///
/// # Errors
/// Where a phrase is not closed, or has no chain or no words.
pub(super) fn parse_sentence(line: &str) -> Result<Sentence, Fault> {
    let fault = |what: &str| Fault::NotForm {
        column: "phrase".into(),
        found: elided(what),
        form: "[/EN#CHAIN/TYPE words]",
    };
    let (mut text, mut chains, mut rest) = (String::new(), Vec::new(), line);
    while let Some((before, after)) = rest.split_once(OPEN) {
        text.push_str(before);
        let (phrase, behind) = after.split_once(']').ok_or_else(|| fault(after))?;
        let (head, words) = phrase.split_once(' ').ok_or_else(|| fault(phrase))?;
        let (chain, _) = head.split_once('/').ok_or_else(|| fault(phrase))?;
        let words = words.trim();
        if words.is_empty() || chain.is_empty() || !chain.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(fault(phrase));
        }
        text.push_str(words);
        if chain != UNSEEN {
            chains.push((chain.to_owned(), words.to_lowercase()));
        }
        rest = behind;
    }
    text.push_str(rest);
    Ok(Sentence { text: text.split_whitespace().collect::<Vec<_>>().join(" "), chains })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_lose_their_brackets_and_keep_their_chains() {
        let line = "[/EN#1/people Two young guys] look at [/EN#2/bodyparts/other their hands] in [/EN#0/notvisual the yard] .";
        let sentence = parse_sentence(line).unwrap();
        assert_eq!(sentence.text, "Two young guys look at their hands in the yard .");
        let chains = [("1", "two young guys"), ("2", "their hands")];
        assert_eq!(sentence.chains, chains.map(|(chain, phrase)| (chain.to_owned(), phrase.to_owned())));
        assert_eq!(parse_sentence("no phrase [at all]").unwrap().text, "no phrase [at all]");
        for wrong in
            ["[/EN#1/people Two", "[/EN#1 Two]", "[/EN#/people Two]", "[/EN#x/people Two]", "[/EN#1/people ]"]
        {
            assert!(parse_sentence(wrong).is_err(), "{wrong}");
        }
    }
}
