//! A UNIMO model from layers of a teacher.

use alambic_models::Config;
use alambic_models::unimo::{Unimo, UnimoConfig};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::student_builder::{
    BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, layer_indices,
};
use crate::unimo::with_head;

settings! {
    /// A UNIMO model from chosen layers of another one, widths and vocabulary kept, with the teacher's heads where they are of the same
    /// task. It compares texts and images, answers questions, and writes texts behind what it reads.
    pub struct UnimoLayers {
        /// The teacher: a UNIMO, of which all but layers is taken.
        pub teacher: At<String>,
        /// Layers to keep, counted from 1, in order. Left out: all.
        pub layers: Option<At<Vec<usize>>>,
        /// Most tokens that it writes, the end included, in stages that train it to write. Left out: as many as the teacher.
        #[range(2..=1_048_576)]
        pub max_target_length: Option<usize>,
        /// The detector of the regions that the teacher reads, where the data do not name any. Left out: none.
        pub detector: Option<At<String>>,
        /// Dropout probability in training. Left out: the teacher's.
        #[range(0.0..=0.9)]
        pub dropout: Option<f32>,
    }
}

impl UnimoLayers {
    /// The configuration as the teacher has it, and the weights that the teacher gives.
    fn plan(&self, context: &BuildContext<'_>) -> Result<(UnimoConfig, Weights), StudentError> {
        let SourceModel { config, weights, .. } = context.require(&self.teacher)?;
        let Config::Unimo(mut own) = config else {
            return Err(SourceModel::unexpected(&self.teacher, &config, "a UNIMO"));
        };
        let chosen = self.layers.as_ref().map(|layers| &layers.value);
        let layers = layer_indices(chosen, own.text.layers, "encoder")?;
        own.text = own.text.with_layers(&layers);
        own.max_target_length = self.max_target_length.unwrap_or(own.max_target_length);
        if let Some(dropout) = self.dropout {
            (own.text.dropout, own.text.attention_dropout, own.text.head_dropout) =
                (dropout, dropout, dropout);
        }
        Ok((own, UnimoConfig::names().select_layers(&weights, &layers)))
    }
}

impl StudentBuilder for UnimoLayers {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(Config::Unimo(with_head(self.plan(context)?.0, context)?))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, weights) = self.plan(context)?;
        with_head(config.clone(), context)?;
        let (config, weights) = Unimo::with_head(&config, &weights, context.head, &context.streams)?;
        Ok(InitialModel { config: Config::Unimo(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        true
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::ImageTextRetrieval
    }

    fn serves(&self, kind: TaskKind) -> bool {
        matches!(
            kind,
            TaskKind::ImageTextRetrieval | TaskKind::TextGeneration | TaskKind::VisualQuestionAnswering
        )
    }

    fn source_models(&self) -> Vec<&At<String>> {
        vec![&self.teacher]
    }

    fn detector(&self) -> Option<&At<String>> {
        self.detector.as_ref()
    }
}
