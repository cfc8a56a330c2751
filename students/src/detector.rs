//! A detector of objects from random weights.

use alambic_models::Config;
use alambic_models::detector::{
    ATTRIBUTE_HIDDEN_SIZE, CLASS_EMBEDDING_SIZE, Detector, DetectorConfig, RegionSelection,
};
use alambic_settings::{choices, settings};

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
        /// Residual blocks of two convolutions in each stage, as `[2, 2]`, in the place of `layers`: between two stages rows and columns
        /// of cells are halved, so that a cell is twice as large, and the side of the largest divides that of the image.
        pub stages: Vec<usize> = Vec::new(),
        /// Most objects of a cell; of more the largest are learned.
        #[range(1..=64)]
        pub slots: usize = 1,
        /// Whether it says what objects are like: the attributes that the corpora have of their objects.
        pub attributes: bool = false,
        /// How the regions of an image are chosen among the boxes of all cells.
        pub selection: Selection = Selection::Agnostic,
    }
}

choices! {
    /// Way of choosing the regions of an image.
    pub enum Selection {
        /// Objects at least as likely as 0.4, without those that overlap a likelier one by more than half, whatever they are.
        Agnostic = "agnostic",
        /// As VinVL's detector does it (Zhang et al., 2021): within each class boxes that overlap by more than 0.3 are one; each box has
        /// its best class left; those with a confidence of at least 0.2, at least 10 and at most 100.
        VinVl = "vinvl",
    }
}

/// Most blocks of a stage, and most stages.
const MAX_BLOCKS: usize = 1024;
const MAX_STAGES: usize = 8;

impl DetectorSizes {
    fn configure(&self, context: &BuildContext<'_>) -> Result<DetectorConfig, StudentError> {
        check_patch(self.image, self.cell)?;
        if self.stages.len() > MAX_STAGES || self.stages.iter().any(|own| !(1..=MAX_BLOCKS).contains(own)) {
            return Err(StudentError::Incompatible(format!(
                "`stages` is {:?}; there are at most {MAX_STAGES}, each of 1 to {MAX_BLOCKS} blocks",
                self.stages
            )));
        }
        let largest = self.cell << self.stages.len().saturating_sub(1);
        if !self.image.is_multiple_of(largest) {
            return Err(StudentError::Incompatible(format!(
                "a cell has {} pixels a side, {largest} behind the last of {} stages, which does not divide the image's {}",
                self.cell,
                self.stages.len(),
                self.image
            )));
        }
        if self.attributes && context.head.attributes.is_empty() {
            return Err(StudentError::Incompatible(
                "the corpora have no attributes of objects; set `attributes = true` of `made-up-scenes`, or leave those of the \
                 detector out"
                    .into(),
            ));
        }
        let layers = if self.stages.is_empty() { self.layers } else { self.stages.iter().sum() };
        Ok(DetectorConfig {
            image_size: self.image,
            patch_size: self.cell,
            num_channels: 3,
            hidden_size: self.width,
            num_hidden_layers: layers,
            layer_norm_eps: EPSILON,
            vocab_size: context.tokenizer.size(),
            tags: context.head.labels.clone(),
            stages: self.stages.clone(),
            slots: self.slots,
            attributes: if self.attributes { context.head.attributes.clone() } else { Vec::new() },
            class_embedding_size: CLASS_EMBEDDING_SIZE,
            attribute_hidden_size: ATTRIBUTE_HIDDEN_SIZE,
            selection: match self.selection {
                Selection::Agnostic => RegionSelection::Agnostic,
                Selection::VinVl => RegionSelection::VinVl,
            },
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
