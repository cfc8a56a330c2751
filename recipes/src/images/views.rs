//! Views of images that are augmented.

use alambic_data::augment::{Augmentation, ImageView, TeacherView};
use alambic_data::{Picture, Raster};
use alambic_tensor::Streams;
use rand::seq::SliceRandom;

/// The views of all images in one epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Views {
    streams: Streams,
    epoch: u64,
    is_teacher: bool,
}

impl Views {
    /// Those that a student sees in an epoch of a training with this seed.
    pub(crate) fn new(streams: Streams, epoch: u64) -> Self {
        Self { streams, epoch, is_teacher: false }
    }

    /// Those that the student's teacher sees.
    pub(crate) fn of_teacher(self) -> Self {
        Self { is_teacher: true, ..self }
    }

    /// Whether whoever looks sees views: a teacher may see images as they are.
    pub(crate) fn are_seen(self, augmentation: &Augmentation) -> bool {
        !self.is_teacher || augmentation.teacher_view == TeacherView::Same
    }

    /// The order in which the parts of an image are seen, the same for student and teacher; none where it stays as it is.
    pub(crate) fn order(self, picture: &Picture) -> Option<Vec<usize>> {
        let parts = picture.shuffled_parts();
        (parts > 1).then(|| {
            let mut order: Vec<usize> = (0..parts).collect();
            order.shuffle(&mut self.streams.view(self.epoch, &picture.name));
            order
        })
    }

    /// The view of an image, whose pixels these are.
    pub(crate) fn of(self, picture: &Picture, augmentation: &Augmentation, raster: &Raster) -> ImageView {
        let mut random = self.streams.view(self.epoch, &picture.name);
        augmentation.draw((raster.width, raster.height), picture.may_be_mirrored, &mut random)
    }
}
