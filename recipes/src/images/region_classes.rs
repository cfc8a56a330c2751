//! Checks of the classes that regions of images have.

use alambic_data::{ImageRegions, RegionLabel, Split};
use alambic_settings::{At, Diagnostic};

use crate::check::checker::{Checker, Depth, Site};

/// What regions have classes of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegionClassKind {
    Objects,
    Attributes,
}

impl RegionClassKind {
    /// The key of a student that says how many it tells apart.
    fn key(self) -> &'static str {
        match self {
            Self::Objects => "objects",
            Self::Attributes => "attributes",
        }
    }

    /// Classes that an image's regions have; 0 where none are known.
    fn count(self, regions: &ImageRegions) -> usize {
        let of_labels = |labels: &[RegionLabel]| labels.iter().filter_map(|label| label.class).max();
        let (named, probable) = match (self, regions.labels()) {
            (Self::Objects, labels) => (labels.and_then(|own| of_labels(&own.objects)), regions.classes()),
            (Self::Attributes, labels) => (labels.and_then(|own| of_labels(&own.attributes)), 0),
        };
        probable.max(named.map_or(0, |last| last as usize + 1))
    }
}

impl Checker<'_> {
    /// Reports corpora whose regions on record have more classes than a student tells apart, `kinds` of each. `declared` is the
    /// student's name.
    pub(crate) fn check_region_classes(
        &mut self,
        site: &Site<'_>,
        declared: &str,
        corpora: &[At<String>],
        kinds: &[(RegionClassKind, usize)],
    ) {
        for name in corpora {
            for &(kind, own) in kinds {
                let Some(found) = self.region_classes(name, kind).filter(|found| *found > own) else {
                    continue;
                };
                let key = kind.key();
                let message = format!(
                    "the student of stage `{}` tells {own} {key} of regions apart, and those of `{}` have {found}",
                    site.name, name.value
                );
                let origin = self.places.key_origin(&["model", declared]);
                let images = self.places.key_origin(&["data", &name.value]);
                self.report(
                    Diagnostic::error("student::regions", message)
                        .label(&origin, format!("raise its `{key}` to {found}"))
                        .label(&images, "has these images"),
                );
            }
        }
    }

    /// The most classes that the regions on record of a corpus's training split have; none where the corpus has no regions on record, or
    /// nothing is read of it here.
    pub(crate) fn region_classes(&self, name: &At<String>, kind: RegionClassKind) -> Option<usize> {
        if self.depth != Depth::Whole {
            return None;
        }
        let pictures = self.corpora.pictures(std::slice::from_ref(name), Split::Train).ok()?;
        pictures.iter().filter_map(|own| own.regions.as_ref()).map(|own| kind.count(own)).max()
    }
}
