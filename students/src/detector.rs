//! A detector of objects from random weights.

use alambic_models::Config;
use alambic_models::detector::{Detector, DetectorConfig};
use alambic_settings::settings;

use crate::StudentError;
use crate::student_builder::{BuildContext, EPSILON, InitialModel, StudentBuilder, TaskKind, check_patch};

settings! {
    /// A small convolutional detector from random weights: it finds objects in an image and gives regions, their features
    /// and tags to models that read these. It is trained on corpora with the boxes of objects.
    ///
    /// For photographs use features of a published detector; see `regions` of a corpus.
    pub struct DetectorSizes {
        /// Numbers of a region's features.
        #[range(1..=65_536)]
        pub width: usize = 64,
        /// Convolutions of 3 by 3 cells.
        #[range(1..=1024)]
        pub layers: usize = 3,
        /// Pixels to which the shorter side of an image is brought.
        #[range(4..=2048)]
        pub image: usize = 64,
        /// The side of a cell in pixels, of which each has at most one object; it divides that of the image.
        #[range(1..=256)]
        pub cell: usize = 4,
    }
}

impl DetectorSizes {
    fn configure(&self, context: &BuildContext<'_>) -> Result<DetectorConfig, StudentError> {
        check_patch(self.image, self.cell)?;
        Ok(DetectorConfig {
            image_size: self.image,
            patch_size: self.cell,
            num_channels: 3,
            hidden_size: self.width,
            num_hidden_layers: self.layers,
            layer_norm_eps: EPSILON,
            vocab_size: context.tokenizer.size(),
            tags: context.head.labels.clone(),
        })
    }
}

impl StudentBuilder for DetectorSizes {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(Config::Detector(self.configure(context)?))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let config = self.configure(context)?;
        let weights = Detector::initial_weights(&config, &context.streams)?;
        Ok(InitialModel { config: Config::Detector(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        false
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::ObjectDetection
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(usize::MAX)
    }
}
