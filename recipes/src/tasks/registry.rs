//! The list of all kinds of tasks: one line each.

use alambic_data::ContentKind;
use alambic_settings::settings;

use super::fractions::ScaleFractions;
use super::generation::entries::options::WrittenData;
use super::generation::options::GenerationData;
use super::image_text_matching::options::MatchingsData;
use super::image_text_pretraining::options::ImageTextsData;
use super::image_text_retrieval::options::CaptionsData;
use super::image_tokenization::options::ImagesData;
use super::multimodal::options::MultimodalsData;
use super::multiple_choice::options::ChoicesData;
use super::object_detection::options::ObjectsData;
use super::picture_choice::options::PictureChoicesData;
use super::question_answering::options::PassagesData;
use super::region_text_pretraining::options::RegionTextsData;
use super::search::options::SearchData;
use super::sentence_embedding::options::SentencesData;
use super::sentence_similarity::options::SimilarityData;
use super::task::Task;
use super::template::{TaskTemplates, Template};
use super::text::options::TextsData;
use super::visual_question_answering::options::QuestionsData;

/// Declares the table `data` of a stage, which takes in the keys of every kind of task.
macro_rules! tasks {
    ($($field:ident: $data:ty),+ $(,)?) => {
        settings! {
            /// The examples of a stage, of one kind of task: labelled pairs, source words alone, or both together, for models that
            /// generate texts; texts, for encoders; questions with choices, for encoders that choose; sentences, for models that embed them; queries with passages, for models that retrieve or rerank; questions and texts about images, and pictures with descriptions to choose from, for models that read images; objects, for models
            /// that detect them; images alone, for models that make tokens of them.
            pub struct StageData {
                $(
                    #[flatten]
                    $field: $data
                ),+
            }
        }

        /// The recipes to start from, those of each kind of task in turn.
        #[must_use]
        pub fn templates() -> Vec<Template> {
            [$(<$data as TaskTemplates>::TEMPLATES),+].concat()
        }

        impl StageData {
            /// Every kind of task, over what this stage has of its data. The first is that of a stage without data.
            fn kinds(&self) -> Vec<&dyn Task> {
                vec![$(&self.$field),+]
            }

            /// Multiplies the fraction of the examples of every table by a share.
            pub(crate) fn scale_fractions(&mut self, share: f64) {
                $(self.$field.scale_fractions(share);)+
            }
        }
    };
}

// A kind that evaluates a corpus for its own last stages alone stands before one that does for any.
tasks! {
    generation: GenerationData,
    written: WrittenData,
    image_tokenization: ImagesData,
    sentence_similarity: SimilarityData,
    text: TextsData,
    sentence_embedding: SentencesData,
    image_text_retrieval: CaptionsData,
    image_text_matching: MatchingsData,
    multimodal: MultimodalsData,
    object_detection: ObjectsData,
    visual_question_answering: QuestionsData,
    image_text_pretraining: ImageTextsData,
    region_text_pretraining: RegionTextsData,
    question_answering: PassagesData,
    search: SearchData,
    multiple_choice: ChoicesData,
    picture_choice: PictureChoicesData,
}

impl StageData {
    /// The kinds of task for which there are data.
    pub(crate) fn given(&self) -> Vec<&dyn Task> {
        self.kinds().into_iter().filter(|task| !task.is_empty()).collect()
    }

    /// The task of the stage.
    pub(crate) fn task(&self) -> &dyn Task {
        let given = self.given().into_iter().next();
        given.or_else(|| self.kinds().into_iter().next()).unwrap_or(&self.generation)
    }

    /// The task that evaluates corpora of a kind where this is the last stage; where the kind is not known, the stage's own.
    pub(crate) fn evaluating(&self, kind: Option<ContentKind>) -> &dyn Task {
        let evaluating = kind.and_then(|kind| self.kinds().into_iter().find(|task| task.evaluates(kind)));
        evaluating.unwrap_or_else(|| self.task())
    }
}
