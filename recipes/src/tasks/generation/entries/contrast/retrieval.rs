//! Retrieval of one side of pairs by the other.

use std::collections::HashMap;

use alambic_data::Picture;
use alambic_inference::ImageProcessor;
use alambic_reports::metrics::Prediction;
use alambic_tensor::candle::Tensor;

use super::encoder::ContrastEncoder;
use super::examples::PairExample;
use super::options::ContrastEntry;
use crate::error::RunError;
use crate::evaluation::evaluator::InputChange;
use crate::evaluation::retrieval::{Relevance, rank};
use crate::images::store::ImageStore;

/// One side of a retrieval.
enum Side<'c> {
    Images(Vec<&'c Picture>),
    Texts(Vec<&'c str>),
}

impl Side<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Images(pictures) => pictures.len(),
            Self::Texts(texts) => texts.len(),
        }
    }
}

/// Images and captions in a language, or texts in two languages. Each on the left is a query for what is on the right, and the other way
/// round.
pub(super) struct RetrievalSet<'c> {
    left: Side<'c>,
    right: Side<'c>,
    /// What is on the left and on the right: a language, or `image`.
    names: [String; 2],
    relevance: Relevance,
    max_length: usize,
}

impl<'c> RetrievalSet<'c> {
    /// The sets of an entry over examples: for each language, or for any two languages. One that has fewer than two pairs is left out.
    pub(super) fn all(entry: &ContrastEntry, examples: &[PairExample<'c>]) -> Vec<Self> {
        let mut languages: Vec<&str> = Vec::new();
        for (code, _) in examples.iter().flat_map(|example| &example.texts) {
            if !languages.contains(code) {
                languages.push(*code);
            }
        }
        let text = |example: &PairExample<'c>, language: &str| {
            example.texts.iter().find(|(code, _)| *code == language).map(|(_, text)| *text)
        };
        let mut sets = Vec::new();
        for (place, one) in languages.iter().enumerate() {
            if entry.reads_images() {
                let pairs = examples.iter().filter_map(|own| Some((own.picture?, text(own, one)?)));
                sets.push(Self::of_images(pairs.collect(), one, entry.max_length));
                continue;
            }
            for other in &languages[place + 1..] {
                let pairs = examples.iter().filter_map(|own| Some((text(own, one)?, text(own, other)?)));
                sets.push(Self::of_texts(pairs.collect(), [one, other], entry.max_length));
            }
        }
        sets.retain(|set| set.left.len() > 1);
        sets
    }

    /// An image and every text that is one of its captions belong together.
    fn of_images(pairs: Vec<(&'c Picture, &'c str)>, language: &str, max_length: usize) -> Self {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, (_, text)) in pairs.iter().enumerate() {
            places.entry(*text).or_default().push(place);
        }
        let mut relevant = Vec::new();
        for (image, (picture, text)) in pairs.iter().enumerate() {
            let captions = picture
                .captions
                .iter()
                .flat_map(|caption| caption.translations.values().chain([&caption.text]).map(String::as_str));
            for caption in captions.chain([*text]) {
                relevant.extend(places.get(caption).into_iter().flatten().map(|place| (image, *place)));
            }
        }
        let relevance = Relevance::new(&relevant, (pairs.len(), pairs.len()));
        let (pictures, texts) = pairs.into_iter().unzip();
        let name = if language.is_empty() { "text" } else { language };
        Self {
            left: Side::Images(pictures),
            right: Side::Texts(texts),
            names: ["image".to_owned(), name.to_owned()],
            relevance,
            max_length,
        }
    }

    /// A text belongs to its translation, and to those of texts that are equal to it or have a translation that is.
    fn of_texts(pairs: Vec<(&'c str, &'c str)>, languages: [&str; 2], max_length: usize) -> Self {
        let (mut lefts, mut rights) =
            (HashMap::<&str, Vec<usize>>::new(), HashMap::<&str, Vec<usize>>::new());
        for (place, (left, right)) in pairs.iter().enumerate() {
            lefts.entry(*left).or_default().push(place);
            rights.entry(*right).or_default().push(place);
        }
        let mut relevant = Vec::new();
        for (place, (left, right)) in pairs.iter().enumerate() {
            let equal = lefts.get(left).into_iter().chain(rights.get(right)).flatten();
            relevant.extend(equal.map(|other| (place, *other)));
        }
        let relevance = Relevance::new(&relevant, (pairs.len(), pairs.len()));
        let (left, right) = pairs.into_iter().unzip();
        Self {
            left: Side::Texts(left),
            right: Side::Texts(right),
            names: languages.map(str::to_owned),
            relevance,
            max_length,
        }
    }

    /// What is right for each query, those of the left first.
    pub(super) fn relevant(&self) -> &[Prediction] {
        self.relevance.relevant()
    }

    /// What asks and what is found, for each query: `image-to-hi`.
    pub(super) fn slices(&self) -> impl Iterator<Item = String> + use<'c> {
        let [left, right] = &self.names;
        let names = [format!("{left}-to-{right}"), format!("{right}-to-{left}")];
        let counts = [self.relevance.left(), self.relevance.right()];
        names.into_iter().zip(counts).flat_map(|(name, count)| std::iter::repeat_n(name, count))
    }

    /// The results of each query by a model, whose images may be changed.
    pub(super) fn rank(
        &self,
        encoder: &ContrastEncoder,
        image_processor: &ImageProcessor,
        change: Option<InputChange>,
    ) -> Result<Vec<Prediction>, RunError> {
        let embed = |side: &Side<'_>| self.embed(side, encoder, image_processor, change);
        rank(&embed(&self.left)?, &embed(&self.right)?)
    }

    fn embed(
        &self,
        side: &Side<'_>,
        encoder: &ContrastEncoder,
        image_processor: &ImageProcessor,
        change: Option<InputChange>,
    ) -> Result<Tensor, RunError> {
        let pictures = match side {
            Side::Texts(texts) => return encoder.embed_texts(texts, self.max_length),
            Side::Images(pictures) => pictures,
        };
        if change == Some(InputChange::WithoutImages) {
            return encoder.embed_texts(&vec![""; pictures.len()], self.max_length);
        }
        let shift = usize::from(change == Some(InputChange::OtherImages));
        let mut store = ImageStore::new(image_processor.clone());
        let shown = pictures.iter().cycle().skip(shift).take(pictures.len());
        let places: Vec<usize> = shown.map(|picture| store.add(picture)).collect::<Result<_, RunError>>()?;
        encoder.embed_images(&store, &places)
    }

    /// The embedding of a query.
    pub(super) fn embed_query(
        &self,
        query: usize,
        encoder: &ContrastEncoder,
        image_processor: &ImageProcessor,
    ) -> Result<Tensor, RunError> {
        if let Some(picture) = self.picture(query, None) {
            let mut store = ImageStore::new(image_processor.clone());
            let place = store.add(picture)?;
            return encoder.embed_images(&store, &[place]);
        }
        encoder.embed_texts(&[self.text(query, None).unwrap_or_default()], self.max_length)
    }

    /// The image that a query is, or that a result of it is.
    pub(super) fn picture(&self, query: usize, result: Option<usize>) -> Option<&'c Picture> {
        match self.item(query, result) {
            (Side::Images(pictures), place) => pictures.get(place).copied(),
            (Side::Texts(_), _) => None,
        }
    }

    /// The text that a query is, or that a result of it is.
    pub(super) fn text(&self, query: usize, result: Option<usize>) -> Option<&'c str> {
        match self.item(query, result) {
            (Side::Texts(texts), place) => texts.get(place).copied(),
            (Side::Images(_), _) => None,
        }
    }

    fn item(&self, query: usize, result: Option<usize>) -> (&Side<'c>, usize) {
        let is_of_left = query < self.relevance.left();
        let own = if is_of_left { query } else { query - self.relevance.left() };
        match (result, is_of_left) {
            (None, true) => (&self.left, own),
            (None, false) => (&self.right, own),
            (Some(place), true) => (&self.right, place),
            (Some(place), false) => (&self.left, place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_belong_to_each_others_translations() {
        let set =
            RetrievalSet::of_texts(vec![("a", "x"), ("b", "y"), ("a", "z"), ("c", "y")], ["en", "ja"], 8);
        let expected = [vec![0, 2], vec![1, 3], vec![0, 2], vec![1, 3]].map(Prediction::Ranking);
        assert_eq!(set.relevant()[..4], expected);
        assert_eq!(set.slices().collect::<Vec<_>>()[3..5], ["en-to-ja", "ja-to-en"]);
        assert_eq!(
            (set.text(1, None), set.text(1, Some(2)), set.text(5, Some(2))),
            (Some("b"), Some("z"), Some("a"))
        );
    }
}
