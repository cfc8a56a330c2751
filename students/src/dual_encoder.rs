//! A dual encoder.

use alambic_models::Config;
use alambic_models::dual::{Dual, DualConfig};
use alambic_models::vilt::ViltConfig;
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::student_builder::{BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind};
use crate::two_tower::TowerSource;
use crate::vision_language::VisionLanguageSizes;

settings! {
    /// A dual encoder as in DiDE (Wang et al., 2022): a tower for the question and a tower for the image, which never see each
    /// other, and a small head over both. Images can be read ahead and their vectors stored.
    pub struct DualEncoder {
        /// The fusion encoder that it starts from.
        #[flatten]
        pub towers: TowerSource,
        /// Its sizes, where there is no teacher.
        #[flatten]
        pub sizes: VisionLanguageSizes,
    }
}

impl DualEncoder {
    /// The configuration, and the weights that the teacher gives.
    fn plan(&self, context: &BuildContext<'_>) -> Result<(DualConfig, Weights), StudentError> {
        let config = |sizes: ViltConfig| {
            let layers = sizes.num_hidden_layers;
            let (text_layers, image_layers) = self.towers.layers(layers, layers);
            DualConfig { text_layers, image_layers, sizes: sizes.answering(&context.head.labels) }
        };
        match self.towers.model(context)? {
            None => Ok((config(self.sizes.configure(context)?), Weights::new())),
            Some((_, SourceModel { config: Config::Vilt(teacher), weights, .. })) => {
                let config = config(teacher.clone());
                let given = config.weights_of(&teacher, &weights);
                Ok((config, given))
            }
            Some((_, SourceModel { config: Config::Dual(teacher), weights, .. })) => {
                let (text_layers, image_layers) =
                    self.towers.layers(teacher.text_layers, teacher.image_layers);
                if (text_layers, image_layers) != (teacher.text_layers, teacher.image_layers) {
                    return Err(StudentError::Incompatible(
                        "a dual encoder is taken whole: leave out `text-layers` and `image-layers`".into(),
                    ));
                }
                let answers = &context.head.labels;
                Ok((teacher.clone().answering(answers), teacher.weights_for_answers(weights, answers)))
            }
            Some((name, other)) => Err(SourceModel::unexpected(
                name,
                &other.config,
                "a fusion encoder in ViLT's layout, or a dual encoder",
            )),
        }
    }
}

impl StudentBuilder for DualEncoder {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(Config::Dual(self.plan(context)?.0))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, given) = self.plan(context)?;
        let weights = Dual::initial_weights(&config, &context.streams, &given)?;
        Ok(InitialModel { config: Config::Dual(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        self.towers.teacher.is_some()
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn source_models(&self) -> Vec<&At<String>> {
        self.towers.teacher.iter().collect()
    }

    fn overridden_keys(&self) -> Vec<(&'static str, Vec<String>)> {
        self.towers.overridden_keys::<Self>()
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.sizes.vocabulary)
    }
}
