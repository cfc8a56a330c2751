//! An LXMERT model from layers of a teacher.

use alambic_models::Config;
use alambic_models::lxmert::{Lxmert, LxmertConfig};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::student_builder::{
    BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, layer_indices,
};

settings! {
    /// An LXMERT model from chosen layers of each of the three encoders of another one, widths and vocabulary kept, with the teacher's
    /// head where it is over the same answers.
    pub struct LxmertLayers {
        /// The teacher: an LXMERT, of which all but layers is taken.
        pub teacher: At<String>,
        /// Layers of the text encoder to keep, counted from 1, in order. Left out: all.
        pub language_layers: Option<At<Vec<usize>>>,
        /// Layers of the region encoder to keep, counted from 1, in order. Left out: all.
        pub vision_layers: Option<At<Vec<usize>>>,
        /// Layers of the cross-modal encoder to keep, counted from 1, in order. Left out: all.
        pub cross_layers: Option<At<Vec<usize>>>,
        /// The detector of the regions that the teacher reads, where the data do not name any. Left out: none.
        pub detector: Option<At<String>>,
        /// Dropout probability in training. Left out: the teacher's.
        #[range(0.0..=0.9)]
        pub dropout: Option<f32>,
    }
}

impl LxmertLayers {
    /// The configuration under the teacher's head, and the weights that the teacher gives.
    fn plan(&self, context: &BuildContext<'_>) -> Result<(LxmertConfig, Weights), StudentError> {
        let SourceModel { config, weights, .. } = context.require(&self.teacher)?;
        let Config::Lxmert(mut own) = config else {
            return Err(SourceModel::unexpected(&self.teacher, &config, "an LXMERT"));
        };
        let kept = |chosen: &Option<At<Vec<usize>>>, layers, stack| {
            layer_indices(chosen.as_ref().map(|chosen| &chosen.value), layers, stack)
        };
        let language = kept(&self.language_layers, own.l_layers, "text encoder")?;
        let vision = kept(&self.vision_layers, own.r_layers, "region encoder")?;
        let cross = kept(&self.cross_layers, own.x_layers, "cross-modal encoder")?;
        (own.l_layers, own.r_layers, own.x_layers) = (language.len(), vision.len(), cross.len());
        if let Some(dropout) = self.dropout {
            (own.hidden_dropout_prob, own.attention_probs_dropout_prob) = (dropout, dropout);
        }
        let weights = own.weights_of_layers(&weights, [&language, &vision, &cross]);
        Ok((own, weights))
    }
}

impl StudentBuilder for LxmertLayers {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(Config::Lxmert(self.plan(context)?.0.with_head(context.head)))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, weights) = self.plan(context)?;
        let (config, weights) = Lxmert::with_head(&config, &weights, context.head, &context.streams)?;
        Ok(InitialModel { config: Config::Lxmert(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        true
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn source_models(&self) -> Vec<&At<String>> {
        vec![&self.teacher]
    }

    fn detector(&self) -> Option<&At<String>> {
        self.detector.as_ref()
    }
}
