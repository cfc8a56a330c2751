//! Time of models per answer: as questions come, with images read ahead, with one image, and with one question.

use alambic_inference::{ProcessedImage, QuestionInput, VisualQuestionAnsweringPipeline};
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::images_stored;
use alambic_settings::IndexMap;

use crate::error::RunError;
use crate::evaluation::timing::{Model, measure};

/// A model with the questions that it is timed on. What is found in images is found before.
pub(super) struct Timed<'a> {
    pub(super) pipeline: &'a VisualQuestionAnsweringPipeline,
    pub(super) questions: Vec<QuestionInput<'a>>,
}

/// Times by setting and model.
type Times = IndexMap<String, IndexMap<String, Latency>>;

impl Timed<'_> {
    fn answer(&self, batch: &[usize]) -> Result<(), RunError> {
        let questions: Vec<QuestionInput<'_>> = batch.iter().map(|&index| self.questions[index]).collect();
        self.pipeline.predict(&questions)?;
        Ok(())
    }

    /// The questions of a batch, all about the image of the first.
    fn about_one_image(&self, batch: &[usize]) -> (Vec<&str>, &ProcessedImage) {
        (batch.iter().map(|&index| self.questions[index].0).collect(), self.questions[batch[0]].1)
    }
}

/// The times of a student without a teacher.
pub(super) fn time_student(student: &Timed<'_>, max: usize) -> Result<Times, RunError> {
    measure(student.questions.len(), max, &[(STUDENT, &|batch| student.answer(batch))])
}

/// The times of teacher and student, in turn. A student of two towers is timed with stored images, too, and where it can
/// read an image or a question once for many answers; its teacher has to look at each pair of them anew.
pub(super) fn time_both(teacher: &Timed<'_>, student: &Timed<'_>, max: usize) -> Result<Times, RunError> {
    let count = student.questions.len();
    let time = |by_teacher: Model<'_>, by_student: Model<'_>| {
        measure(count, max, &[(TEACHER, by_teacher), (STUDENT, by_student)])
    };
    let by_teacher = |batch: &[usize]| teacher.answer(batch);
    let mut times = time(&by_teacher, &|batch| student.answer(batch))?;
    let images: Vec<&ProcessedImage> = student.questions.iter().map(|(_, image)| *image).collect();
    let Some(vectors) = student.pipeline.image_embeddings(&images)? else { return Ok(times) };

    let stored = time(&by_teacher, &|batch| {
        let texts: Vec<&str> = batch.iter().map(|&index| student.questions[index].0).collect();
        student.pipeline.logits_from_embeddings(&texts, batch, &vectors)?;
        Ok(())
    })?;
    times.extend(stored.into_iter().map(|(setting, own)| (images_stored(&setting), own)));

    let one_image = time(
        &|batch| {
            let (texts, image) = teacher.about_one_image(batch);
            let questions: Vec<QuestionInput<'_>> = texts.into_iter().map(|text| (text, image)).collect();
            teacher.pipeline.predict(&questions)?;
            Ok(())
        },
        &|batch| {
            let (texts, image) = student.about_one_image(batch);
            if let Some(vector) = student.pipeline.image_embeddings(&[image])? {
                student.pipeline.logits_from_embeddings(&texts, &vec![0; texts.len()], &vector)?;
            }
            Ok(())
        },
    )?;
    let one_question = time(
        &|batch| {
            let (question, _) = teacher.questions[batch[0]];
            let questions: Vec<QuestionInput<'_>> =
                batch.iter().map(|&index| (question, teacher.questions[index].1)).collect();
            teacher.pipeline.predict(&questions)?;
            Ok(())
        },
        &|batch| {
            let (question, _) = student.questions[batch[0]];
            student.pipeline.logits_for_images(question, batch, &vectors)?;
            Ok(())
        },
    )?;
    // With one question of one image there is nothing to be saved.
    let many = |times: Times| times.into_iter().filter(|(setting, _)| setting != "batch 1");
    times.extend(many(one_image).map(|(setting, own)| (format!("{setting}, one image"), own)));
    times.extend(
        many(one_question).map(|(setting, own)| (format!("{setting}, one question, images stored"), own)),
    );
    Ok(times)
}
