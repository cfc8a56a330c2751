//! Windows over a long text behind a short one, as question answering reads passages.

use std::ops::Range;

use super::encoding::{EncodedText, Tokenizer};
use super::limits::{bounded, watch};
use crate::ModelError;

/// Sizes of windows, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSizes {
    /// Largest number of tokens of a window, the special ones and the first text included.
    pub max_length: usize,
    /// Number of tokens that a window repeats of the one before it.
    pub stride: usize,
    /// Largest number of tokens of the first text; what is longer is cut.
    pub max_first_length: usize,
}

/// A window: the first text and a part of the second one, in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenWindow {
    /// The tokens. Truncated where the first text was cut.
    pub text: EncodedText,
    /// The bytes of the second text that each token stands for; none for special tokens and those of the first text.
    pub spans: Vec<Option<Range<usize>>>,
}

impl Tokenizer {
    /// The windows of a pair of texts, from the beginning of the second one to its end: as the `tokenizers` library has them
    /// by `stride` and `only_second`.
    ///
    /// # Errors
    /// When a window has no room for more of the second text than it repeats, or the tokenizer fails.
    pub fn encode_windows(
        &self,
        first: &str,
        second: &str,
        sizes: WindowSizes,
    ) -> Result<Vec<TokenWindow>, ModelError> {
        let (second, _) = bounded(second, false);
        if self.growth.may_be_long(second.len()) {
            watch(self.inner.get_normalizer(), second).map_err(|error| self.fault(error))?;
        }
        let second = &*self.unify(second);
        let (encoding, first_is_cut) =
            self.with_text(first, |first| self.inner.encode((first, second), true))?;
        let sequences = encoding.get_sequence_ids();
        let is_of = |sequence: usize| sequences.iter().filter(move |own| **own == Some(sequence)).count();
        let (of_first, of_second) = (is_of(0), is_of(1));
        let begin = sequences.iter().position(|own| *own == Some(1)).unwrap_or(sequences.len());
        // Whatever lies behind the beginning of the first text is cut off its end.
        let mut kept = 0;
        let prefix: Vec<usize> = (0..begin)
            .filter(|&place| {
                kept += usize::from(sequences[place] == Some(0));
                sequences[place] != Some(0) || kept <= sizes.max_first_length
            })
            .collect();
        let suffix = begin + of_second..sequences.len();
        let room = sizes.max_length.saturating_sub(prefix.len() + suffix.len());
        if room <= sizes.stride {
            return Err(self.fault(format!(
                "windows of {} tokens leave room for {room} of the second text, and {} of them are repeated",
                sizes.max_length, sizes.stride
            )));
        }
        let mut windows = Vec::new();
        let mut start = 0;
        loop {
            let end = (start + room).min(of_second);
            let own = begin + start..begin + end;
            let places: Vec<usize> = prefix.iter().copied().chain(own).chain(suffix.clone()).collect();
            windows.push(TokenWindow {
                text: EncodedText {
                    ids: places.iter().map(|&place| encoding.get_ids()[place]).collect(),
                    segments: self.segments(places.iter().map(|&place| encoding.get_type_ids()[place])),
                    truncated: first_is_cut || of_first > sizes.max_first_length,
                    language: self.language,
                },
                spans: places
                    .iter()
                    .map(|&place| {
                        let (begin, end) = encoding.get_offsets()[place];
                        (sequences[place] == Some(1)).then_some(begin..end)
                    })
                    .collect(),
            });
            if end == of_second {
                return Ok(windows);
            }
            start += room - sizes.stride;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_overlap_and_cover_the_second_text() {
        let passage = "one two three four five six seven eight nine ten";
        let tokenizer = Tokenizer::train_words([passage, "who is it ?"], 200).unwrap();
        let sizes = WindowSizes { max_length: 12, stride: 2, max_first_length: 4 };
        let windows = tokenizer.encode_windows("who is it ?", passage, sizes).unwrap();
        // `[CLS] who is it ? [SEP]` and `[SEP]` leave room for five.
        let words = |window: &TokenWindow| -> Vec<&str> {
            window.spans.iter().flatten().map(|span| &passage[span.clone()]).collect()
        };
        let all: Vec<Vec<&str>> = windows.iter().map(words).collect();
        assert_eq!(
            all,
            [
                vec!["one", "two", "three", "four", "five"],
                vec!["four", "five", "six", "seven", "eight"],
                vec!["seven", "eight", "nine", "ten"],
            ]
        );
        assert!(windows.iter().all(|window| window.text.ids.len() == window.spans.len()));
        assert_eq!(windows[0].spans[..6], [None, None, None, None, None, None]);
        let few = WindowSizes { max_first_length: 2, ..sizes };
        let windows = tokenizer.encode_windows("who is it ?", "one", few).unwrap();
        assert_eq!((windows.len(), windows[0].text.ids.len()), (1, 6));
        assert!(windows[0].text.truncated);
        let small = WindowSizes { max_length: 9, ..sizes };
        let refused = tokenizer.encode_windows("who is it ?", passage, small).unwrap_err();
        assert!(refused.to_string().contains("leave room for 2"), "{refused}");
        assert_eq!(tokenizer.encode_windows("who", "", sizes).unwrap().len(), 1);
    }
}
