//! A fusion encoder, from random weights or a teacher's.

use alambic_models::Config;
use alambic_models::vilt::Vilt;
use alambic_settings::{At, settings};

use crate::StudentError;
use crate::student_builder::{BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, keys};
use crate::vision_language::VisionLanguageSizes;

settings! {
    /// A fusion encoder from random weights: a ViLT (Kim et al., 2021) of any size, one transformer over the tokens of a
    /// question and the patches of an image. Its vocabulary is its teacher's, or without a teacher the words of its stage's
    /// questions. Or else a fusion encoder that is there, under a head of its own, to be fine-tuned.
    pub struct Fusion {
        /// A fusion encoder that is taken whole: in ViLT's, Oscar's, LXMERT's, VisualBERT's or UNIMO's layout. A head over the same answers is taken over,
        /// and else begins at random. Left out: the sizes below, and random weights.
        pub teacher: Option<At<String>>,
        /// The detector of the regions that the teacher reads, where the data do not name any. Left out: none.
        pub detector: Option<At<String>>,
        /// Its sizes.
        #[flatten]
        pub sizes: VisionLanguageSizes,
    }
}

impl Fusion {
    /// The teacher, if there is one.
    fn source(&self, context: &BuildContext<'_>) -> Result<Option<SourceModel>, StudentError> {
        let Some(name) = &self.teacher else { return Ok(None) };
        let source = context.require(name)?;
        match &source.config {
            Config::Vilt(_)
            | Config::Oscar(_)
            | Config::Lxmert(_)
            | Config::VisualBert(_)
            | Config::Unimo(_) => Ok(Some(source)),
            other => Err(SourceModel::unexpected(
                name,
                other,
                "a fusion encoder in ViLT's, Oscar's, LXMERT's, VisualBERT's or UNIMO's layout",
            )),
        }
    }
}

impl StudentBuilder for Fusion {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        match self.source(context)? {
            Some(source) => Ok(source.config.with_head(context.head)),
            None => Ok(Config::Vilt(self.sizes.configure(context)?)),
        }
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        if let Some(SourceModel { config, weights, .. }) = self.source(context)? {
            let (config, weights) = config.with_head_weights(weights, context.head, &context.streams)?;
            return Ok(InitialModel { config, weights });
        }
        let config = self.sizes.configure(context)?;
        let weights = Vilt::initial_weights(&config, &context.streams)?;
        Ok(InitialModel { config: Config::Vilt(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        self.teacher.is_some()
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn source_models(&self) -> Vec<&At<String>> {
        self.teacher.iter().collect()
    }

    fn detector(&self) -> Option<&At<String>> {
        self.detector.as_ref()
    }

    fn overridden_keys(&self) -> Vec<(&'static str, Vec<String>)> {
        self.teacher.iter().map(|_| ("teacher", keys::<VisionLanguageSizes>())).collect()
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.sizes.vocabulary)
    }
}
