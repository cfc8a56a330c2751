//! A fusion encoder from random weights.

use alambic_models::Config;
use alambic_models::vilt::Vilt;
use alambic_settings::settings;

use crate::StudentError;
use crate::student_builder::{BuildContext, InitialModel, StudentBuilder, TaskKind};
use crate::vision_language::VisionLanguageSizes;

settings! {
    /// A fusion encoder from random weights: a ViLT (Kim et al., 2021) of any size, one transformer over the tokens of a
    /// question and the patches of an image. Its vocabulary is its teacher's, or without a teacher the words of its stage's
    /// questions.
    pub struct Fusion {
        /// Its sizes.
        #[flatten]
        pub sizes: VisionLanguageSizes,
    }
}

impl StudentBuilder for Fusion {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(Config::Vilt(self.sizes.configure(context)?))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let config = self.sizes.configure(context)?;
        let weights = Vilt::initial_weights(&config, &context.streams)?;
        Ok(InitialModel { config: Config::Vilt(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        false
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.sizes.vocabulary)
    }
}
