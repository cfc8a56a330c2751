//! Images of a benchmark: where their files and their regions are, below the folder of a task.

use std::path::{Path, PathBuf};

use alambic_settings::{Location, OneOrMany, settings};

use crate::regions::RegionFiles;

settings! {
    /// Where the images of a benchmark are, below the task's folder.
    pub struct BenchmarkImages {
        /// Folder of the images: PNG, JPEG, WebP or GIF. It may be absent where `regions` are named, and then models that read pixels
        /// are not asked.
        pub images: String = "images".to_owned(),
        /// Name of an image's file in that folder; `{}` stands for what the benchmark calls it. An extension that is left out, or another
        /// one, is found.
        pub image_name: String = "{}".to_owned(),
        /// Regions that a detector found in the images, for models that read regions. Left out: none.
        pub regions: Option<BenchmarkRegions>,
    }
}

settings! {
    /// Files of regions below the task's folder, in the formats of `data.NAME.regions` of a recipe.
    pub struct BenchmarkRegions {
        /// The files of features: TSV, safetensors, or folders of npz. The id of an image is its name in the benchmark.
        pub features: OneOrMany<String>,
        /// Files with the tags of the regions. Left out: regions have no tags.
        pub tags: OneOrMany<String> = OneOrMany(Vec::new()),
        /// Greatest number of regions that are kept of an image: the first.
        #[range(1..=65_536)]
        pub max_regions: usize = 50,
    }
}

/// GB of features that are held in memory, as in a recipe that does not say it.
const MEMORY_GB: f64 = 2.0;

impl BenchmarkImages {
    /// The folder of the images, below that of the task.
    #[must_use]
    pub fn folder_in(&self, task_folder: &Path) -> PathBuf {
        task_folder.join(&self.images)
    }

    /// The files of the regions, below the folder of the task.
    #[must_use]
    pub fn region_files(&self, task_folder: &Path) -> Option<RegionFiles> {
        let own = self.regions.as_ref()?;
        let below = |names: &OneOrMany<String>| {
            OneOrMany(names.iter().map(|name| Location::File(task_folder.join(name))).collect())
        };
        Some(RegionFiles {
            features: below(&own.features),
            tags: below(&own.tags),
            object_names: None,
            attribute_names: None,
            max_regions: own.max_regions,
            memory_gb: MEMORY_GB,
        })
    }
}
