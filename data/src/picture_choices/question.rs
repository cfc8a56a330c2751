//! A picture with descriptions as an example.

use std::borrow::Cow;

use indexmap::IndexMap;

use crate::dataset::{SplitExample, Splits};
use crate::pictures::Picture;
use crate::questions::is_in_subsample;
use crate::split::{HoldOut, SplitOptions};

/// A picture with descriptions, of which one is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureChoice {
    /// The picture, as an index into those of the corpus.
    pub picture: usize,
    /// The descriptions.
    pub descriptions: Vec<String>,
    /// The place of the true one, counted from 0.
    pub answer: usize,
    /// How the wrong ones were made, by which reports have slices; none where they are all of one kind.
    pub kind: Option<String>,
}

impl PictureChoice {
    /// The true description.
    #[must_use]
    pub fn description(&self) -> &str {
        self.descriptions.get(self.answer).map_or("", String::as_str)
    }

    /// Whether its picture, or the group of it, is in a share of all. Smaller shares lie within larger ones.
    #[must_use]
    pub fn is_in_subsample(&self, details: &PictureChoiceDetails, fraction: f64) -> bool {
        details.pictures.get(self.picture).is_some_and(|picture| is_in_subsample(picture, fraction))
    }
}

/// Details of a dataset of pictures with descriptions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PictureChoiceDetails {
    /// The pictures.
    pub pictures: Vec<Picture>,
    /// The number of descriptions of each question.
    pub choices: usize,
    /// Code of the language of the descriptions, where it is one and is known.
    pub languages: Vec<String>,
}

/// Questions go by the group of their picture, whose split is that of the corpus that they are drawn from.
impl SplitExample for PictureChoice {
    type Details = PictureChoiceDetails;

    fn split_value(&self) -> Option<&str> {
        None
    }

    fn split_key<'e>(&'e self, details: &'e PictureChoiceDetails) -> Cow<'e, str> {
        Cow::Borrowed(details.pictures.get(self.picture).map_or("", Picture::split_name))
    }

    fn remove_overlap(_: &mut Splits<Self>, _: &SplitOptions, _: &HoldOut) -> IndexMap<String, usize> {
        IndexMap::new()
    }

    fn languages(details: &PictureChoiceDetails) -> &[String] {
        &details.languages
    }
}
