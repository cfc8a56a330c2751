//! How boxes of shapes are shown to models.

use std::sync::Arc;

use alambic_settings::settings;

use crate::objects::Object;
use crate::pictures::{Picture, Pixels};
use crate::regions::ImageRegions;
use crate::shape_boxes::{BoxRegions, BoxView, ShapeBoxes};

settings! {
    /// How boxes of shapes are shown to models.
    pub struct BoxDisplay {
        /// Whether the boxes are one image, or an image each.
        pub view: BoxView = BoxView::Whole,
        /// Where the regions of models that read regions come from.
        pub regions: BoxRegions = BoxRegions::Structure,
        /// Whether training sees the boxes of an image in a new order in every epoch, of which no answer depends on it. Validation and
        /// test see them as they are.
        pub shuffle_boxes: bool = true,
    }
}

impl BoxDisplay {
    /// The image of boxes.
    pub(super) fn picture(&self, name: String, boxes: ShapeBoxes) -> Picture {
        let boxes = boxes.shuffled(self.shuffle_boxes);
        match self.view {
            BoxView::Whole => self.of(name, boxes),
            BoxView::Boxes => {
                let apart = boxes.apart();
                let count = apart.len() as f32;
                let part = |(place, boxes)| self.of(format!("{name} {place}"), boxes);
                let parts: Vec<Picture> = apart.into_iter().enumerate().map(part).collect();
                // Side by side, without what lies between the boxes.
                let objects = parts.iter().zip(0u16..).flat_map(|(part, place)| {
                    part.objects.iter().map(move |object| {
                        let [left, top, right, bottom] = object.bounds;
                        let along = |edge: f32| (edge + f32::from(place)) / count;
                        Object { bounds: [along(left), top, along(right), bottom], ..object.clone() }
                    })
                });
                Picture {
                    objects: objects.collect(),
                    pixels: Pixels::Joined(Arc::new(parts.clone())),
                    ..Picture::without_pixels(name)
                }
            }
        }
    }

    fn of(&self, name: String, boxes: ShapeBoxes) -> Picture {
        let boxes = Arc::new(boxes);
        Picture {
            objects: boxes.objects(),
            regions: (self.regions == BoxRegions::Structure).then(|| ImageRegions::drawn(Arc::clone(&boxes))),
            pixels: Pixels::Boxes(boxes),
            ..Picture::without_pixels(name)
        }
    }
}
