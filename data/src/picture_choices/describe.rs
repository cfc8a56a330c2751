//! Descriptions of pictures.

use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

use crate::pictures::Picture;

/// What can be said of a picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described<'p> {
    pub(super) picture: &'p Picture,
    pub(super) caption: &'p str,
    /// Tags that are not the caption itself, each once.
    tags: Vec<&'p str>,
}

/// A text by which two are the same: without capitals and blanks around it.
pub(super) fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

impl<'p> Described<'p> {
    /// The caption of a picture in a language with its tags; none of a picture without a caption. Captions of no known language are
    /// in `own`.
    pub(super) fn new(picture: &'p Picture, language: Option<&str>, own: Option<&str>) -> Option<Self> {
        let captions = picture.captions.iter().filter_map(|caption| caption.in_language(language, own));
        let caption = captions.map(str::trim).find(|caption| !caption.is_empty())?;
        let mut seen = vec![folded(caption)];
        let mut tags = Vec::new();
        for object in &picture.objects {
            let tag = folded(&object.tag);
            if !tag.is_empty() && !seen.contains(&tag) {
                seen.push(tag);
                tags.push(object.tag.trim());
            }
        }
        Some(Self { picture, caption, tags })
    }

    /// A description with at most so many tags, by lot, in the order in which the picture has them.
    pub(super) fn describe(&self, tags: usize, random: &mut ChaCha8Rng) -> String {
        let mut drawn = sample(random, self.tags.len(), tags.min(self.tags.len())).into_vec();
        if drawn.is_empty() {
            return self.caption.to_owned();
        }
        drawn.sort_unstable();
        let tags: Vec<&str> = drawn.into_iter().map(|place| self.tags[place]).collect();
        format!("{}: {}", self.caption, tags.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::objects::Object;
    use crate::pictures::Caption;

    fn picture(captions: &[(&str, &str)], tags: &[&str]) -> Picture {
        let object = |tag: &&str| Object::new((*tag).to_owned(), [0.0, 0.0, 1.0, 1.0]);
        Picture {
            captions: captions
                .iter()
                .map(|(code, text)| Caption::new((*text).to_owned(), Some((*code).to_owned())))
                .collect(),
            objects: tags.iter().map(object).collect(),
            ..Picture::without_pixels("one".into())
        }
    }

    #[test]
    fn description_is_the_caption_with_some_of_its_other_tags_in_their_order() {
        let fox =
            picture(&[("en", " fox "), ("pl", "lis")], &["Fox", "animal", " face", "Animal", "", "wild"]);
        let described = Described::new(&fox, None, None).unwrap();
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut found: Vec<String> = (0..40).map(|_| described.describe(2, &mut random)).collect();
        found.sort();
        found.dedup();
        assert_eq!(found, ["fox: animal, face", "fox: animal, wild", "fox: face, wild"]);
        assert_eq!(described.describe(9, &mut random), "fox: animal, face, wild");
        assert_eq!(described.describe(0, &mut random), "fox");
        let polish = Described::new(&fox, Some("pl"), None).unwrap();
        assert_eq!(polish.describe(0, &mut random), "lis");
        assert_eq!(Described::new(&fox, Some("hi"), None), None);
        assert_eq!(Described::new(&picture(&[("en", " ")], &["a"]), None, None), None);
        assert_eq!(Described::new(&picture(&[], &["a"]), None, None), None);
    }
}
