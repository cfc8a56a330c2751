//! Shared options of students of a text and an image tower.

use alambic_settings::{At, Table, settings};

use crate::StudentError;
use crate::student_builder::{BuildContext, SourceModel, keys};

settings! {
    /// The model that both towers start from, and their layers.
    pub struct TowerSource {
        /// A model whose sizes and weights both towers take: for CLIP one of the same layout or a SigLIP, as in TinyCLIP (Wu et al., 2023),
        /// and for a dual encoder a fusion encoder in ViLT's layout, as in DiDE, or another dual encoder. Left out: the sizes below, and random weights.
        pub teacher: Option<At<String>>,
        /// Layers of the text tower. Left out: as many as the teacher has, or `layers`. Layer m of S takes the weights
        /// of the teacher's layer ⌈m·T/S⌉ of T.
        #[range(1..=1024)]
        pub text_layers: Option<usize>,
        /// Layers of the image tower. Left out: as for the text tower.
        #[range(1..=1024)]
        pub image_layers: Option<usize>,
    }
}

impl TowerSource {
    /// The name and the model that the towers start from; none for random weights.
    pub(crate) fn model(
        &self,
        context: &BuildContext<'_>,
    ) -> Result<Option<(&str, SourceModel)>, StudentError> {
        let teacher = self.teacher.as_ref();
        teacher.map(|name| Ok((name.as_str(), context.require(name)?))).transpose()
    }

    /// Layers of the text and the image tower, where a model has so many.
    pub(crate) fn layers(&self, text: usize, image: usize) -> (usize, usize) {
        (self.text_layers.unwrap_or(text), self.image_layers.unwrap_or(image))
    }

    /// The keys of `T` but those of this table, which the teacher overrides.
    pub(crate) fn overridden_keys<T: Table>(&self) -> Vec<(&'static str, Vec<String>)> {
        let own = keys::<Self>();
        let sizes = || keys::<T>().into_iter().filter(|key| !own.contains(key)).collect();
        self.teacher.iter().map(|_| ("teacher", sizes())).collect()
    }
}
