//! Keys of augmentation.

use alambic_settings::{choices, settings};

use super::crop;
use super::draws::Draws;
use super::jitter;
use super::view::ImageView;

choices! {
    /// What a teacher sees of an image that is augmented.
    pub enum TeacherView {
        /// The student's view.
        Same = "same",
        /// The image as it is.
        Plain = "plain",
    }
}

settings! {
    /// Augmentation of training images, anew in every epoch: what is drawn follows from the seed, the epoch and the image, so
    /// that student and teacher see one view. Images of validation and test are never changed.
    ///
    /// A view is cropped, then flipped, then its colours are changed, as torchvision computes it.
    pub struct Augmentation {
        /// A part of the image in place of the whole. Objects' boxes follow. Refused where texts count or place objects, which a
        /// crop may cut off. Left out: the whole image.
        pub random_resized_crop: Option<RandomResizedCrop>,
        /// Share of the views that are flipped, left to right. An image is never flipped whose corpus says that it may not be
        /// (`mirror` of `image-sheet`), or of which a text has a word of sides, such as left or right; such words are known
        /// in English, Hindi, Tamil, Kannada, Bengali, Japanese, Chinese, Polish, German, French, Spanish and Italian.
        #[range(0.0..=1.0)]
        pub flip: f64 = 0.0,
        /// Other colours. Left out: those of the image.
        pub colour_jitter: Option<ColourJitter>,
        /// What a teacher sees. Outputs of a teacher that are cached or recorded need `plain`.
        pub teacher_view: TeacherView = TeacherView::Same,
    }
}

settings! {
    /// A crop of random size and proportions, resized to the size of the model's input (`RandomResizedCrop` of torchvision;
    /// Szegedy et al., 2015): up to ten draws of an area, uniform, and of the proportions, uniform in their logarithm, until
    /// one fits; else the central part with the nearest proportions.
    pub struct RandomResizedCrop {
        /// Least and greatest share of the image's area.
        #[range(0.0001..=1.0)]
        pub scale: Vec<f64> = vec![0.08, 1.0],
        /// Least and greatest width as a multiple of the height.
        #[range(0.01..=100.0)]
        pub ratio: Vec<f64> = vec![3.0 / 4.0, 4.0 / 3.0],
    }
}

settings! {
    /// Changes of colours in an order that is drawn anew for each view (`ColorJitter` of torchvision). Of a number x the factor is
    /// drawn from max(0, 1 − x) to 1 + x; 0 leaves colours as they are.
    pub struct ColourJitter {
        /// Brightness: a blend with black.
        #[range(0.0..=10.0)]
        pub brightness: f64 = 0.4,
        /// Contrast: a blend with the mean grey of the image.
        #[range(0.0..=10.0)]
        pub contrast: f64 = 0.4,
        /// Saturation: a blend with the image in grey.
        #[range(0.0..=10.0)]
        pub saturation: f64 = 0.4,
        /// Hue: a turn of the circle of colours, from −x to x, 1 being the whole circle.
        #[range(0.0..=0.5)]
        pub hue: f64 = 0.0,
    }
}

impl RandomResizedCrop {
    /// Both bounds of `scale` and of `ratio`; none where one is no pair, or its first is above its second.
    #[must_use]
    pub fn bounds(&self) -> Option<[(f64, f64); 2]> {
        let pair = |values: &[f64]| match *values {
            [low, high] if low <= high => Some((low, high)),
            _ => None,
        };
        Some([pair(&self.scale)?, pair(&self.ratio)?])
    }
}

impl Augmentation {
    /// Whether views are cropped.
    #[must_use]
    pub fn crops(&self) -> bool {
        self.random_resized_crop.is_some()
    }

    /// A view of an image of so many pixels.
    #[must_use]
    pub fn draw(&self, size: (usize, usize), may_be_flipped: bool, draws: &mut dyn Draws) -> ImageView {
        let bounds = self.random_resized_crop.as_ref().and_then(RandomResizedCrop::bounds);
        let crop = bounds.map(|[scale, ratio]| crop::draw(size, scale, ratio, draws));
        // It is drawn of every image, so that what may be flipped changes nothing else.
        let is_flipped = self.flip > 0.0 && draws.uniform(0.0, 1.0) < self.flip && may_be_flipped;
        let jitter = self.colour_jitter.as_ref().map(|options| jitter::draw(options, draws));
        ImageView { crop, is_flipped, jitter: jitter.unwrap_or_default() }
    }
}
