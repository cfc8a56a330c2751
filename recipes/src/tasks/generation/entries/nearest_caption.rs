//! Captions of the nearest training images, beside which a model that writes has to be better.

use alambic_data::Picture;
use alambic_reports::metrics::Prediction;
use rayon::prelude::*;

use crate::error::RunError;

/// Side in pixels to which images are brought before they are compared.
const SIDE: usize = 16;

/// The first caption of the training image that is nearest to each image: by the squared differences of colours of 16 × 16 pixels, or
/// where an image has no pixels, of the mean features of its regions. Of images that are equally near the first counts.
pub(super) fn nearest_captions(
    asked: &[Option<&Picture>],
    known: &[(&Picture, &str)],
) -> Result<Vec<Prediction>, RunError> {
    let known: Vec<(Vec<f32>, &str)> = known
        .par_iter()
        .map(|(picture, caption)| Ok((vector(picture)?, *caption)))
        .collect::<Result<_, RunError>>()?;
    asked
        .par_iter()
        .map(|picture| {
            let Some(picture) = picture else { return Ok(Prediction::Nothing) };
            let own = vector(picture)?;
            let nearest = known
                .iter()
                .filter(|(other, _)| other.len() == own.len())
                .map(|(other, caption)| (distance(&own, other), caption))
                .min_by(|(one, _), (other, _)| one.total_cmp(other));
            Ok(nearest.map_or(Prediction::Nothing, |(_, caption)| Prediction::Text((*caption).to_owned())))
        })
        .collect()
}

/// What an image looks like, in numbers.
fn vector(picture: &Picture) -> Result<Vec<f32>, RunError> {
    if picture.has_pixels() {
        let raster = picture.load()?.resize(SIDE, SIDE);
        return Ok(raster.rgb.iter().map(|&value| f32::from(value) / 255.0).collect());
    }
    let Some(regions) = &picture.regions else { return Ok(Vec::new()) };
    let found = regions.load()?;
    let mut mean = vec![0.0; found.width];
    let count = (found.features.len() / found.width.max(1)).max(1) as f32;
    for features in found.features.chunks(found.width.max(1)) {
        for (sum, value) in mean.iter_mut().zip(features) {
            *sum += value / count;
        }
    }
    Ok(mean)
}

fn distance(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alambic_data::{Pixels, Raster};

    use super::*;

    #[test]
    fn caption_of_the_nearest_image_is_taken() {
        let picture = |shade: u8| {
            let raster = Raster { width: 4, height: 4, rgb: Arc::new(vec![shade; 48]) };
            Picture { pixels: Pixels::Held(raster), ..Picture::without_pixels(format!("{shade}")) }
        };
        let known = [10u8, 90, 200].map(picture);
        let captions = ["dark", "grey", "light"];
        let pairs: Vec<(&Picture, &str)> = known.iter().zip(captions).collect();
        let asked = [0u8, 100, 255].map(picture);
        let asked: Vec<Option<&Picture>> = asked.iter().map(Some).chain([None]).collect();
        let found = nearest_captions(&asked, &pairs).unwrap();
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(said[..3], ["dark", "grey", "light"]);
        assert!(matches!(found[3], Prediction::Nothing));
        assert!(matches!(nearest_captions(&asked[..1], &[]).unwrap()[0], Prediction::Nothing));
    }
}
