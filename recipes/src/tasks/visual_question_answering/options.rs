//! Keys of the data: questions about images.

use alambic_settings::{At, OneOrMany, settings};

use crate::options::languages::InputLanguages;
use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Questions about images. Student and teacher may be asked in different languages: they then share only the
    /// image, as in cross-lingual visual question answering (cViL; Gupta et al., 2022).
    pub struct QuestionData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Share of the images, with all questions about them; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Share of these images whose questions have their answers; those about the others are labelled by the teacher only.
        #[range(0.0..=1.0)]
        pub labelled: f64 = 1.0,
        /// The language in which the student is asked, by its code, or several in turn. Left out: the corpora's own.
        pub student_languages: OneOrMany<At<String>> = OneOrMany(Vec::new()),
        /// The language in which the teacher is asked. Left out: the corpora's own.
        pub teacher_language: Option<At<String>>,
        /// Most tokens of a question, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 40,
    }
}

impl QuestionData {
    /// The languages in which they are asked.
    pub(crate) fn languages(&self) -> InputLanguages<'_> {
        InputLanguages { student: &self.student_languages, teacher: self.teacher_language.as_ref() }
    }
}

settings! {
    /// Questions about images.
    pub struct QuestionsData {
        /// Questions about images, with their answers.
        pub questions: OneOrMany<QuestionData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for QuestionsData {
    fn scale_fractions(&mut self, share: f64) {
        self.questions.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
