//! Images of several corpora, with their questions and captions.

use std::collections::BTreeSet;
use std::sync::Arc;

use alambic_data::mixing::Mixer;
use alambic_data::{Caption, ImageRegions, Picture, Question, Split};
use alambic_settings::At;
use indexmap::{IndexMap, IndexSet};

use super::collection::Corpora;
use crate::error::RunError;
use crate::options::languages::InputLanguages;

/// A question with the image that it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuestionExample<'c> {
    pub(crate) question: &'c Question,
    pub(crate) picture: &'c Picture,
    /// The question as the student is asked it.
    pub(crate) text: &'c str,
    /// The question as the teacher is asked it.
    pub(crate) teacher_text: &'c str,
    /// The student's language in which it is, by its place among them.
    pub(crate) language: usize,
    /// How the student's question is mixed with words of other languages, anew in every epoch; none: it is not.
    pub(crate) mixer: Option<&'c Arc<Mixer>>,
}

/// The captions of an image in some languages, of which none means any.
pub(crate) fn captions<'p>(
    picture: &'p Picture,
    languages: &[At<String>],
) -> impl Iterator<Item = &'p Caption> {
    let codes: Vec<&str> = languages.iter().map(|language| language.as_str()).collect();
    picture.captions.iter().filter(move |caption| caption.is_in(&codes))
}

impl Corpora {
    /// The answers of several corpora of questions, which have to agree.
    pub(crate) fn answers(&self, names: &[At<String>]) -> Result<&[String], RunError> {
        let mut all: Option<&[String]> = None;
        for (name, corpus) in names.iter().zip(self.datasets::<Question>(names)?) {
            let answers = &corpus.details.answers;
            if corpus.details.has_final_answers() && all.is_some_and(|all| all != answers) {
                return Err(RunError::Recipe(format!(
                    "corpus `{}` has other answers than the corpora named before it",
                    name.value
                )));
            }
            all = Some(answers);
        }
        all.ok_or_else(|| RunError::Recipe("no corpus is named".into()))
    }

    /// Whether it is known which answers of these corpora are classes: not so where they are those of the rows, and only the
    /// first rows were read.
    pub(crate) fn have_final_answers(&self, names: &[At<String>]) -> bool {
        names
            .iter()
            .filter_map(|name| self.dataset::<Question>(name).ok())
            .all(|corpus| corpus.details.has_final_answers())
    }

    /// Images side by side that each question of these corpora is about; 1 where that is not the same for all.
    pub(crate) fn images_per_text(&self, names: &[At<String>]) -> Result<usize, RunError> {
        let mut counts = BTreeSet::new();
        for corpus in self.datasets::<Question>(names)? {
            counts.extend(corpus.details.images.iter().map(|picture| picture.parts().len()));
        }
        Ok(match counts.into_iter().collect::<Vec<_>>()[..] {
            [count] => count,
            _ => 1,
        })
    }

    /// The questions of one split of several corpora that are asked in these languages, one after another.
    pub(crate) fn questions(
        &self,
        names: &[At<String>],
        split: Split,
        languages: InputLanguages<'_>,
    ) -> Result<Vec<QuestionExample<'_>>, RunError> {
        self.answers(names)?;
        let code = |at: &At<String>| at.value.clone();
        let teacher = languages.teacher.map(code);
        let students: Vec<Option<String>> = match languages.student {
            [] => vec![None],
            several => several.iter().map(|at| Some(code(at))).collect(),
        };
        let mut all = Vec::new();
        for corpus in self.datasets::<Question>(names)? {
            let details = &corpus.details;
            for (number, student) in students.iter().enumerate() {
                let language = student.as_ref().or(details.languages.first()).map(String::as_str);
                let is_mixed = |mixer: &&Arc<Mixer>| split == Split::Train && mixer.takes(language);
                let mixer = details.mixer.as_ref().filter(is_mixed);
                all.extend(corpus.splits.get(split).iter().filter_map(|question| {
                    Some(QuestionExample {
                        question,
                        picture: &details.images[question.image],
                        text: question.in_language(student.as_deref(), &details.languages)?,
                        teacher_text: question.in_language(teacher.as_deref(), &details.languages)?,
                        language: number,
                        mixer,
                    })
                }));
            }
        }
        Ok(all)
    }

    /// Translations of tags to a language, by the tag in the corpora; none where no corpus has one.
    pub(crate) fn translated_tags(&self, language: &str) -> IndexMap<&str, &str> {
        let tables = self.all::<Question>().filter_map(|corpus| corpus.details.tags.get(language));
        tables.flatten().map(|(tag, translation)| (tag.as_str(), translation.as_str())).collect()
    }

    /// The images of one split of several corpora, one after another, each once: first those about which something is asked.
    pub(crate) fn pictures(&self, names: &[At<String>], split: Split) -> Result<Vec<&Picture>, RunError> {
        // By corpus and place: images of several corpora may have one name.
        let mut pictures: IndexMap<(&str, usize), &Picture> = IndexMap::new();
        for (name, corpus) in names.iter().zip(self.datasets::<Question>(names)?) {
            let images = &corpus.details.images;
            let own = corpus.images_of(split).into_iter();
            pictures.extend(own.map(|image| ((name.value.as_str(), image), &images[image])));
        }
        Ok(pictures.into_values().collect())
    }

    /// The images of one split of several corpora that have captions in some of these languages, of which none means any.
    pub(crate) fn captioned(
        &self,
        names: &[At<String>],
        split: Split,
        languages: &[At<String>],
    ) -> Result<Vec<&Picture>, RunError> {
        let mut pictures = self.pictures(names, split)?;
        pictures.retain(|picture| captions(picture, languages).next().is_some());
        Ok(pictures)
    }

    /// The languages of the captions of several corpora, in the order in which they come.
    pub(crate) fn caption_languages(&self, names: &[At<String>]) -> Result<Vec<&str>, RunError> {
        let mut languages: IndexSet<&str> = IndexSet::new();
        for corpus in self.datasets::<Question>(names)? {
            let captions = corpus.details.images.iter().flat_map(|picture| &picture.captions);
            languages.extend(captions.filter_map(|caption| caption.language.as_deref()));
        }
        Ok(languages.into_iter().collect())
    }

    /// The tags of the objects in the training splits of several corpora, each once and in the order of the alphabet.
    pub(crate) fn tags(&self, names: &[At<String>]) -> Result<Vec<String>, RunError> {
        let pictures = self.pictures(names, Split::Train)?;
        let tags = pictures.iter().flat_map(|picture| &picture.objects).map(|object| object.tag.clone());
        Ok(tags.collect::<BTreeSet<String>>().into_iter().collect())
    }

    /// The attributes of the objects in the training splits of several corpora, each once and in the order of the alphabet.
    pub(crate) fn object_attributes(&self, names: &[At<String>]) -> Result<Vec<String>, RunError> {
        let pictures = self.pictures(names, Split::Train)?;
        let all = pictures.iter().flat_map(|picture| &picture.objects).flat_map(|object| &object.attributes);
        Ok(all.cloned().collect::<BTreeSet<String>>().into_iter().collect())
    }

    /// The tags of the regions in the training splits of several corpora, as they are on record.
    pub(crate) fn region_tags(&self, names: &[At<String>]) -> Result<Vec<String>, RunError> {
        let pictures = self.pictures(names, Split::Train)?;
        let tags =
            pictures.iter().filter_map(|picture| picture.regions.as_ref()).flat_map(ImageRegions::tags);
        Ok(tags.cloned().collect::<BTreeSet<String>>().into_iter().collect())
    }
}
