//! An Oscar model from layers of a teacher.

use alambic_models::Config;
use alambic_models::oscar::{Oscar, OscarConfig};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::oscar::with_head;
use crate::student_builder::{
    BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, layer_indices,
};

settings! {
    /// An Oscar model from chosen layers of another one, widths and vocabulary kept, with the teacher's head where it is of the same
    /// task. It answers questions, says whether texts and images match, and writes captions.
    pub struct OscarLayers {
        /// The teacher: an Oscar, of which all but layers is taken.
        pub teacher: At<String>,
        /// Layers to keep, counted from 1, in order. Left out: all.
        pub layers: Option<At<Vec<usize>>>,
        /// The detector of the regions that the teacher reads, where the data do not name any. Left out: none.
        pub detector: Option<At<String>>,
        /// Dropout probability in training. Left out: the teacher's.
        #[range(0.0..=0.9)]
        pub dropout: Option<f32>,
    }
}

impl OscarLayers {
    /// The configuration as the teacher has it, and the weights that the teacher gives.
    fn plan(&self, context: &BuildContext<'_>) -> Result<(OscarConfig, Weights), StudentError> {
        let SourceModel { config, weights, .. } = context.require(&self.teacher)?;
        let Config::Oscar(mut own) = config else {
            return Err(SourceModel::unexpected(&self.teacher, &config, "an Oscar"));
        };
        let chosen = self.layers.as_ref().map(|layers| &layers.value);
        let layers = layer_indices(chosen, own.bert.layers, "encoder")?;
        own.bert = own.bert.with_layers(&layers);
        if let Some(dropout) = self.dropout {
            (own.bert.dropout, own.bert.attention_dropout, own.bert.head_dropout) =
                (dropout, dropout, dropout);
        }
        Ok((own, OscarConfig::names().select_layers(&weights, &layers)))
    }
}

impl StudentBuilder for OscarLayers {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(Config::Oscar(with_head(self.plan(context)?.0, context)?))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, weights) = self.plan(context)?;
        with_head(config.clone(), context)?;
        let (config, weights) = Oscar::with_head(&config, &weights, context.head, &context.streams)?;
        Ok(InitialModel { config: Config::Oscar(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        true
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn serves(&self, kind: TaskKind) -> bool {
        matches!(kind, TaskKind::VisualQuestionAnswering | TaskKind::TextGeneration)
    }

    fn source_models(&self) -> Vec<&At<String>> {
        vec![&self.teacher]
    }

    fn detector(&self) -> Option<&At<String>> {
        self.detector.as_ref()
    }
}
