//! Images of the test part found by their captions, and captions by their images, by every model.

use std::path::Path;

use alambic_data::{Picture, Split};
use alambic_models::ModelError;
use alambic_reports::card::Usage;
use alambic_reports::document::Image;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::{IllustratedExample, IllustratedExamples, Noun, Text};
use alambic_settings::IndexMap;
use alambic_students::{Matcher, Sight, nearest};
use alambic_teachers::{Network, Teacher};
use alambic_tensor::candle::Tensor;
use indexmap::IndexSet;
use rayon::prelude::*;

use super::metrics;
use crate::observer::Observer;
use crate::run::RunError;
use crate::run::exam::{Exam, Kind, shell_quoted};
use crate::run::lesson::thin;
use crate::run::retrieval::{AGREEMENT, Belonging, KEPT, first, found};
use crate::run::timing::{Model, measure};
use crate::run::workshop::Workshop;
use crate::schema::EvaluationOptions;

/// Images that are in memory together.
const SHOWN: usize = 512;

/// The two kinds of queries.
const BY_TEXT: &str = "text to image";
const BY_IMAGE: &str = "image to text";

/// Images and all their captions, each once: what queries are made of, and what they find.
///
/// First every caption is a query for images, and then every image for captions.
pub(super) struct Catalogue<'a> {
    pictures: Vec<&'a Picture>,
    captions: Vec<&'a str>,
    belonging: Belonging,
}

impl<'a> Catalogue<'a> {
    pub(super) fn new(pictures: Vec<&'a Picture>) -> Self {
        let mut captions: IndexSet<&str> = IndexSet::new();
        let mut pairs = Vec::new();
        for (image, picture) in pictures.iter().enumerate() {
            for caption in &picture.captions {
                pairs.push((captions.insert_full(caption).0, image));
            }
        }
        let belonging = Belonging::new(&pairs, (captions.len(), pictures.len()));
        Self { pictures, captions: captions.into_iter().collect(), belonging }
    }

    /// What is right of each query.
    pub(super) fn right(&self) -> &[String] {
        self.belonging.right()
    }

    /// What a model finds by each query, the nearest first.
    pub(super) fn found_by(&self, matcher: &Matcher) -> Result<Vec<String>, RunError> {
        found(&matcher.texts(&self.captions)?, &self.images(matcher)?)
    }

    /// The vectors of all images, of which only so many are in memory at a time.
    fn images(&self, matcher: &Matcher) -> Result<Tensor, RunError> {
        let mut vectors = Vec::new();
        for pictures in self.pictures.chunks(SHOWN) {
            let sights = prepared(matcher, pictures)?;
            vectors.push(matcher.images(&sights.iter().collect::<Vec<_>>())?);
        }
        Ok(Tensor::cat(&vectors, 0).map_err(ModelError::from)?)
    }

    /// The image that is a query, if it is one.
    fn picture(&self, query: usize) -> Option<&'a Picture> {
        self.pictures.get(query.checked_sub(self.captions.len())?).copied()
    }
}

/// Images as a model reads them.
fn prepared(matcher: &Matcher, pictures: &[&Picture]) -> Result<Vec<Sight>, RunError> {
    pictures.par_iter().map(|picture| Ok(matcher.eyes().prepare(picture)?)).collect()
}

/// The test images of a recipe.
pub(crate) struct CaptionExam<'a> {
    options: &'a EvaluationOptions,
    catalogue: Catalogue<'a>,
    kinds: Vec<String>,
    teacher: Option<Judged>,
}

/// The teacher, read as the student is.
struct Judged {
    teacher: Network,
    matcher: Matcher,
    answers: Vec<String>,
}

impl<'a> CaptionExam<'a> {
    /// Takes the test images, and has the teacher find them.
    pub(crate) fn new(workshop: &'a Workshop<'_>, observer: &mut dyn Observer) -> Result<Self, RunError> {
        let options = &*workshop.recipe.evaluation;
        let mut pictures = workshop.corpora.captioned(&options.data, Split::Test)?;
        thin(&mut pictures, options.limit.unwrap_or(usize::MAX));
        if pictures.is_empty() {
            return Err(RunError::Recipe("the evaluation's test parts hold no image with a caption".into()));
        }
        let catalogue = Catalogue::new(pictures);
        let kinds = [(BY_TEXT, catalogue.captions.len()), (BY_IMAGE, catalogue.pictures.len())];
        let kinds = kinds.into_iter().flat_map(|(kind, count)| std::iter::repeat_n(kind.to_owned(), count));
        let teacher = options.teacher.as_ref().map(|name| {
            observer.task("evaluation: teacher's results", catalogue.right().len(), 0);
            let teacher = workshop.network(name)?;
            let matcher = Matcher::new(teacher.config(), teacher.network(), teacher.vocabulary())?;
            let answers = catalogue.found_by(&matcher)?;
            observer.finished(&format!("{} queries", answers.len()));
            Ok::<_, RunError>(Judged { teacher, matcher, answers })
        });
        Ok(Self { options, kinds: kinds.collect(), teacher: teacher.transpose()?, catalogue })
    }

    /// The first result of a query, or the only right one.
    fn first(&self, query: usize, answer: &str) -> Option<Found<'a>> {
        let place = first(answer)?;
        if query < self.catalogue.captions.len() {
            self.catalogue.pictures.get(place).copied().map(Found::Picture)
        } else {
            self.catalogue.captions.get(place).copied().map(Found::Caption)
        }
    }
}

/// Models at work, as they are timed.
fn turns<'m, F: Fn(&[usize]) -> Result<(), RunError>>(models: &'m [(&str, F)]) -> Vec<(&'m str, Model<'m>)> {
    models.iter().map(|(name, model)| (*name, model as Model<'m>)).collect()
}

/// What a query found.
enum Found<'a> {
    Picture(&'a Picture),
    Caption(&'a str),
}

impl Exam for CaptionExam<'_> {
    fn noun(&self) -> Noun {
        Noun { one: "query".into(), many: "queries".into() }
    }

    fn metrics(&self) -> Vec<&str> {
        metrics(self.options)
    }

    fn fidelity_metrics(&self) -> &'static [(&'static str, &'static str)] {
        &[AGREEMENT]
    }

    fn references(&self) -> &[String] {
        self.catalogue.right()
    }

    fn slices(&self) -> &[String] {
        &self.kinds
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|judged| -> &dyn Teacher { &judged.teacher })
    }

    fn teacher_answers(&self) -> Option<&[String]> {
        self.teacher.as_ref().map(|judged| judged.answers.as_slice())
    }

    fn answers(&self, folder: &Path, progress: &mut dyn FnMut(usize)) -> Result<Vec<String>, RunError> {
        let answers = self.catalogue.found_by(&Matcher::load(folder)?)?;
        progress(answers.len());
        Ok(answers)
    }

    fn similarities(&self, _: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        Ok(IndexMap::new())
    }

    /// Times of a caption that is read and held against all images, whose vectors are stored, and of an image that is read.
    fn timings(
        &self,
        student: &Path,
        most: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let student = Matcher::load(student)?;
        let judged = self.teacher.as_ref().map(|judged| (TEACHER, &judged.matcher));
        let mut pictures = self.catalogue.pictures.clone();
        thin(&mut pictures, most);
        let ready = judged.into_iter().chain([(STUDENT, &student)]).map(|(name, matcher)| {
            Ok((name, matcher, prepared(matcher, &pictures)?, self.catalogue.images(matcher)?))
        });
        let ready: Vec<(&str, &Matcher, Vec<Sight>, Tensor)> = ready.collect::<Result<_, RunError>>()?;
        let searches: Vec<_> = ready
            .iter()
            .map(|(name, matcher, _, stored)| {
                let search = |batch: &[usize]| {
                    let texts: Vec<&str> =
                        batch.iter().map(|&index| self.catalogue.captions[index]).collect();
                    nearest(&matcher.texts(&texts)?, stored, KEPT)?;
                    Ok(())
                };
                (*name, search)
            })
            .collect();
        let reads: Vec<_> = ready
            .iter()
            .map(|(name, matcher, sights, _)| {
                let read = |batch: &[usize]| {
                    matcher.images(&batch.iter().map(|&index| &sights[index]).collect::<Vec<_>>())?;
                    Ok(())
                };
                (*name, read)
            })
            .collect();
        let mut times = measure(self.catalogue.captions.len(), most, &turns(&searches))?;
        let images = measure(pictures.len(), most, &turns(&reads))?;
        times.extend(images.into_iter().map(|(setting, own)| (format!("{setting}, reading an image"), own)));
        Ok(times)
    }

    fn views(&self, examples: &[usize], models: &[(&str, &Path)]) -> Result<IllustratedExamples, RunError> {
        let mut all: Vec<(&str, Vec<String>)> = Vec::new();
        all.extend(self.teacher.as_ref().map(|judged| (TEACHER, judged.answers.clone())));
        for (name, folder) in models {
            all.push((name, self.catalogue.found_by(&Matcher::load(folder)?)?));
        }
        let image = |caption: String, picture: &Picture| {
            Ok::<_, RunError>(Image { caption, png: picture.load()?.to_png()? })
        };
        let view = |&query: &usize| {
            let mut images = Vec::new();
            let source = match self.catalogue.picture(query) {
                None => {
                    if let Some(Found::Picture(right)) = self.first(query, &self.catalogue.right()[query]) {
                        images.push(image("the right image".into(), right)?);
                    }
                    for (name, answers) in &all {
                        if let Some(Found::Picture(found)) = self.first(query, &answers[query]) {
                            images.push(image(format!("{name} finds first"), found)?);
                        }
                    }
                    self.catalogue.captions[query].to_owned()
                }
                Some(picture) => {
                    let found = all.iter().filter_map(|(name, answers)| {
                        match self.first(query, &answers[query])? {
                            Found::Caption(caption) => Some(format!("{name}: {caption}")),
                            Found::Picture(_) => None,
                        }
                    });
                    images.push(image(found.collect::<Vec<_>>().join("; "), picture)?);
                    picture.captions.join(" / ")
                }
            };
            Ok(IllustratedExample { source, images })
        };
        Ok(IllustratedExamples {
            title: "What is found".into(),
            about: "What models find first by some captions and images of the test part.".into(),
            examples: examples.iter().map(view).collect::<Result<_, RunError>>()?,
        })
    }

    fn lengths(&self) -> Option<Vec<usize>> {
        None
    }

    fn source(&self, index: usize) -> Text {
        let of_picture = |picture: &Picture| picture.name.clone();
        let text = self
            .catalogue
            .picture(index)
            .map_or_else(|| self.catalogue.captions[index].to_owned(), of_picture);
        Text::new(&text, None)
    }

    fn answer(&self, index: usize, answer: &str) -> Text {
        let text = match self.first(index, answer) {
            Some(Found::Picture(picture)) => picture.name.clone(),
            Some(Found::Caption(caption)) => caption.to_owned(),
            None => String::new(),
        };
        Text::new(&text, None)
    }

    fn kind(&self, _: Option<&String>) -> Kind {
        let caption = self.catalogue.captions.first().copied().unwrap_or_default();
        Kind {
            task: "zero-shot-image-classification",
            tags: vec!["clip"],
            languages: Vec::new(),
            usage: Usage {
                model_class: None,
                tokenizer_class: String::new(),
                command: format!("alambic predict student --image IMAGE.png {}", shell_quoted(caption)),
                input: caption.to_owned(),
                generate: None,
                output: None,
            },
            limits: vec![
                "It was judged on captions and images like those that it was trained on, and on no others."
                    .into(),
            ],
        }
    }
}
