//! Evaluating models by what they write about images of the test split.

use std::path::Path;
use std::sync::Arc;

use alambic_data::{Direction, Picture, Split};
use alambic_files::text::shell_word;
use alambic_models::{GenerationConfig, Hypothesis};
use alambic_reports::document::Image;
use alambic_reports::metrics::{Prediction, PredictionKind, SceneReference};
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::{IllustratedExamples, Text};
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::{EncoderTeacher, Teacher};
use indexmap::IndexSet;

use super::attention::{Shown, attention_by_word};
use super::options::{Written, WrittenData};
use super::trivial::trivial_baseline;
use super::writer::{ToWrite, Writer};
use crate::error::RunError;
use crate::evaluation::evaluator::{
    CardMetadata, EvaluationContext, Evaluator, InputChange, ModelRole, TestSet,
};
use crate::evaluation::timing::{Model, measure};
use crate::images::store::ImageStore;
use crate::images::thumbnail::thumbnail;
use crate::observer::Observer;
use crate::subsample::subsample;

/// A test example: an image, what is asked of it, and what is right.
pub(super) struct Asked<'a> {
    pub(super) picture: Option<&'a Picture>,
    reads_image: bool,
    pub(super) prompt: String,
    language: Option<&'a str>,
    direction: Option<Direction>,
    targets: Vec<&'a str>,
    in_other_languages: Vec<&'a str>,
}

/// Evaluates models that write answers, or captions.
pub(crate) struct WrittenEvaluator<'a> {
    context: &'a EvaluationContext<'a>,
    written: Written,
    asked: Vec<Asked<'a>>,
    /// Whether texts are read of which words are hidden that the image tells.
    hides: bool,
    test_set: TestSet,
    teacher: Option<EvaluatedTeacher>,
}

/// The teacher, asked as the student is.
struct EvaluatedTeacher {
    teacher: Arc<EncoderTeacher>,
    writer: Writer,
    /// The probability of each text.
    probabilities: Vec<f64>,
}

impl<'a> WrittenEvaluator<'a> {
    /// Takes the test examples of the entries that are evaluated, and has the teacher write.
    pub(crate) fn new(
        data: &'a WrittenData,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let options = context.options;
        let entries = data.evaluated();
        let Some(written) = entries.first().map(|entry| entry.writes) else {
            return Err(RunError::Recipe("no entry of `generation` is evaluated".into()));
        };
        let corpora = &context.run.corpora;
        let hides = entries.iter().any(|entry| entry.hide.is_some() && entry.reads_images());
        let mut asked = Vec::new();
        for entry in &entries {
            // The test split is that of the corpora that the evaluation names, of which an entry trains on a part.
            let mut about = entry.examples_of(&options.data, corpora, Split::Test)?;
            subsample(&mut about, options.limit.unwrap_or(usize::MAX) / entries.len().max(1));
            for example in about {
                asked.extend(example.versions.into_iter().map(|version| Asked {
                    picture: example.picture,
                    reads_image: entry.reads_images(),
                    prompt: version.prompt,
                    language: version.language,
                    direction: version.direction,
                    targets: version.targets,
                    in_other_languages: version.in_other_languages,
                }));
            }
        }
        let (one, many) = match written {
            Written::Answer => ("question", "questions"),
            Written::Caption => ("caption", "captions"),
            Written::Text => ("translation", "translations"),
            Written::Spans => ("text", "texts"),
            Written::ImageTokens => ("image", "images"),
        };
        if asked.is_empty() {
            return Err(RunError::Recipe(format!("the evaluation's test splits hold no {one}")));
        }
        let references = asked.iter().map(|own| own.reference(written)).collect();
        let in_other_languages = asked
            .iter()
            .map(|own| own.in_other_languages.iter().map(ToString::to_string).collect())
            .collect();
        let languages: IndexSet<&str> = asked.iter().filter_map(|own| own.language).collect();
        let several = languages.len() > 1;
        let slices = if several {
            asked.iter().map(|own| own.language.unwrap_or("").to_owned()).collect()
        } else {
            asked.iter().filter_map(Asked::slice).collect()
        };
        let trivial = trivial_baseline(written, &entries, &asked, corpora)?;
        let test_set = TestSet {
            slices,
            has_languages: several,
            source_language: if several { languages.first().map(ToString::to_string) } else { None },
            in_other_languages,
            trivial: trivial.into_iter().collect(),
            ..TestSet::new(one, many, PredictionKind::Text, references)
        };
        let test_set = test_set.with_metrics(options)?;
        let mut evaluator = Self { context, written, asked, hides, test_set, teacher: None };
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher writes", evaluator.asked.len(), 0);
            let teacher = context.run.models.encoder(name)?;
            let generation = GenerationConfig { beam: options.beam_of_teacher(), ..options.generation() };
            let writer = Writer::load(teacher.model().folder(), generation)?;
            let written = evaluator.write(&writer, None, &mut |_| {})?;
            let (texts, probabilities) = written
                .into_iter()
                .map(|(text, hypothesis)| (Prediction::Text(text), f64::from(hypothesis.score(1.0)).exp()))
                .unzip();
            evaluator.test_set.teacher = Some(texts);
            evaluator.teacher = Some(EvaluatedTeacher { teacher, writer, probabilities });
            observer.finished(&format!("{} {many}", evaluator.asked.len()));
        }
        Ok(evaluator)
    }
}

impl Asked<'_> {
    /// What is right: of a made-up scene also what is in it.
    fn reference(&self, written: Written) -> Prediction {
        let texts: Vec<String> = self.targets.iter().map(ToString::to_string).collect();
        match (written, self.picture.and_then(Picture::scene_contents)) {
            (Written::Caption | Written::Text, Some(contents)) => {
                Prediction::Scene(SceneReference { captions: texts, contents })
            }
            (Written::Caption, None) => Prediction::Texts(texts),
            (Written::Answer | Written::Spans | Written::ImageTokens, _) | (Written::Text, None) => {
                Prediction::Text(texts.concat())
            }
        }
    }

    /// The direction of a translation.
    fn slice(&self) -> Option<String> {
        self.direction.as_ref().map(ToString::to_string)
    }

    /// Code of the language that is written.
    fn written_language(&self) -> Option<&str> {
        self.direction.as_ref().map(|own| own.target.as_str()).or(self.language)
    }
}

impl WrittenEvaluator<'_> {
    /// What a model writes of each example.
    fn write(
        &self,
        writer: &Writer,
        change: Option<InputChange>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<(String, Hypothesis)>, RunError> {
        let all: Vec<usize> = (0..self.asked.len()).collect();
        let (store, inputs) = self.inputs(writer, &all, change)?;
        writer.write(&store, &inputs, progress)
    }

    /// The same of the examples of some indices.
    fn write_some(
        &self,
        writer: &Writer,
        examples: &[usize],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<(String, Hypothesis)>, RunError> {
        let (store, inputs) = self.inputs(writer, examples, None)?;
        writer.write(&store, &inputs, progress)
    }

    /// The images of some examples as a model reads them, which may be changed, and what it is to write.
    fn inputs(
        &self,
        writer: &Writer,
        examples: &[usize],
        change: Option<InputChange>,
    ) -> Result<(ImageStore<'_>, Vec<ToWrite>), RunError> {
        let mut store = ImageStore::new(writer.image_processor().clone());
        let mut inputs = Vec::with_capacity(examples.len());
        for (index, own) in examples.iter().map(|&index| (index, &self.asked[index])) {
            let picture = match change {
                Some(InputChange::WithoutImages) => None,
                Some(InputChange::OtherImages) => self.other_picture(index),
                // The others are of images that are drawn.
                _ => own.picture,
            };
            let picture = picture.filter(|_| own.reads_image);
            let image = picture.map(|picture| store.add(picture)).transpose()?;
            inputs.push(ToWrite { prompt: own.prompt.clone(), image });
        }
        Ok((store, inputs))
    }

    /// The next image behind that of an example that is another one.
    fn other_picture(&self, index: usize) -> Option<&Picture> {
        let own = self.asked[index].picture?;
        let behind = self.asked[index..].iter().chain(&self.asked[..index]);
        behind.filter_map(|other| other.picture).find(|other| !std::ptr::eq(*other, own))
    }

    fn writer(&self, folder: &Path) -> Result<Writer, RunError> {
        Writer::load(folder, self.context.options.generation())
    }
}

impl Evaluator for WrittenEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn input_changes(&self) -> &'static [InputChange] {
        if self.hides { &[InputChange::WithoutImages, InputChange::OtherImages] } else { &[] }
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|own| -> &dyn Teacher { &*own.teacher })
    }

    fn predict(
        &self,
        folder: &Path,
        role: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let change = if let ModelRole::Changed(change) = role { Some(change) } else { None };
        let written = self.write(&self.writer(folder)?, change, progress)?;
        Ok(written.into_iter().map(|(text, _)| Prediction::Text(text)).collect())
    }

    fn similarities(&self, _: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        Ok(IndexMap::new())
    }

    /// Times of texts whose images were read before.
    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let mut timed: Vec<usize> = (0..self.asked.len()).collect();
        subsample(&mut timed, max);
        let student = self.writer(student)?;
        let (store, inputs) = self.inputs(&student, &timed, None)?;
        let write = |writer: &Writer, (store, inputs): (&ImageStore<'_>, &[ToWrite]), batch: &[usize]| {
            let some: Vec<ToWrite> = batch.iter().map(|&index| inputs[index].clone()).collect();
            writer.write(store, &some, &mut |_| {}).map(|_| ())
        };
        let by_student = |batch: &[usize]| write(&student, (&store, &inputs), batch);
        let Some(teacher) = &self.teacher else {
            return measure(timed.len(), max, &[(STUDENT, &by_student)]);
        };
        let (others, asked) = self.inputs(&teacher.writer, &timed, None)?;
        let by_teacher = |batch: &[usize]| write(&teacher.writer, (&others, &asked), batch);
        let models: [(&str, Model<'_>); 2] = [(TEACHER, &by_teacher), (STUDENT, &by_student)];
        measure(timed.len(), max, &models)
    }

    fn illustrated_examples(
        &self,
        examples: &[usize],
        models: &[(&str, &Path)],
    ) -> Result<IllustratedExamples, RunError> {
        let shown: Vec<Shown<'_>> = examples
            .iter()
            .map(|&index| (index, &self.asked[index]))
            .filter_map(|(index, own)| {
                let picture = own.picture.filter(|picture| own.reads_image && picture.has_pixels())?;
                let reference = self.test_set.references[index].to_string();
                Some(Shown { picture, prompt: &own.prompt, reference })
            })
            .collect();
        if shown.is_empty() {
            return Ok(IllustratedExamples::default());
        }
        let mut loaded = Vec::new();
        if let Some(own) = &self.teacher {
            loaded.push((TEACHER, self.writer(own.teacher.model().folder())?.into_pipeline()));
        }
        // Models without a teacher would be as many rows again.
        for (name, folder) in models.iter().filter(|(name, _)| *name == STUDENT) {
            loaded.push((*name, self.writer(folder)?.into_pipeline()));
        }
        attention_by_word(&shown, &loaded)
    }

    fn probabilities(&self, folder: Option<&Path>, examples: &[usize]) -> Result<Vec<Option<f64>>, RunError> {
        let Some(folder) = folder else {
            let of_teacher = |&index: &usize| self.teacher.as_ref()?.probabilities.get(index).copied();
            return Ok(examples.iter().map(of_teacher).collect());
        };
        let written = self.write_some(&self.writer(folder)?, examples, &mut |_| {})?;
        Ok(written.into_iter().map(|(_, hypothesis)| Some(f64::from(hypothesis.score(1.0)).exp())).collect())
    }

    fn source_image(&self, index: usize) -> Result<Option<Image>, RunError> {
        let picture = self.asked[index].picture.filter(|own| own.has_pixels());
        picture.map(thumbnail).transpose()
    }

    fn source(&self, index: usize) -> Text {
        Text::new(&self.asked[index].prompt, self.asked[index].language)
    }

    fn shown(&self, index: usize, prediction: &Prediction) -> Text {
        Text::new(&prediction.to_string(), self.asked[index].written_language())
    }

    fn card(&self, first: Option<&Prediction>) -> CardMetadata {
        let prompt = self.asked.first().map(|own| own.prompt.clone()).unwrap_or_default();
        let mut languages: Vec<String> =
            self.asked.iter().filter_map(|own| own.written_language().map(str::to_owned)).collect();
        languages.sort_unstable();
        languages.dedup();
        CardMetadata {
            task: match self.written {
                Written::Answer => "visual-question-answering",
                Written::Caption | Written::Spans | Written::ImageTokens => "image-to-text",
                Written::Text => "translation",
            },
            tags: vec!["image-text-to-text"],
            languages,
            command: if prompt.is_empty() {
                "alambic predict student --image IMAGE.png".to_owned()
            } else {
                format!("alambic predict student --image IMAGE.png {}", shell_word(&prompt))
            },
            example: UsageExample { text: prompt, ..UsageExample::default() },
            output: first.map(ToString::to_string),
            limits: vec![
                "It was evaluated on images and texts like those that it was trained on, and on no others."
                    .into(),
            ],
        }
    }
}
