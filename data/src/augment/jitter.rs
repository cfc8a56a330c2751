//! Changes of colours, as torchvision computes them on tensors of eight bits.

use super::draws::Draws;
use super::options::ColourJitter;

/// A change of all colours of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Adjustment {
    /// Blend with black by this factor: v·f.
    Brightness(f64),
    /// Blend with the mean grey m of the image: v·f + m·(1 − f).
    Contrast(f64),
    /// Blend with the pixel's own grey g: v·f + g·(1 − f).
    Saturation(f64),
    /// Turn of the circle of colours.
    Hue(f64),
}

/// Changes of colours, one after another.
pub type Jitter = Vec<Adjustment>;

/// Draws changes, as `ColorJitter.get_params` of torchvision does: first their order, then each factor.
pub(super) fn draw(options: &ColourJitter, draws: &mut dyn Draws) -> Jitter {
    let order = draws.order();
    let mut factor = |x: f64| (x > 0.0).then(|| draws.uniform((1.0 - x).max(0.0), 1.0 + x));
    let brightness = factor(options.brightness).map(Adjustment::Brightness);
    let contrast = factor(options.contrast).map(Adjustment::Contrast);
    let saturation = factor(options.saturation).map(Adjustment::Saturation);
    let hue = (options.hue > 0.0).then(|| Adjustment::Hue(draws.uniform(-options.hue, options.hue)));
    let all = [brightness, contrast, saturation, hue];
    order.into_iter().filter_map(|place| all.get(place).copied().flatten()).collect()
}

impl Adjustment {
    /// Changes pixels in place; `rgb` holds three values of each.
    pub(super) fn apply(self, rgb: &mut [u8]) {
        let (pixels, _) = rgb.as_chunks_mut::<3>();
        match self {
            Self::Brightness(factor) => {
                pixels.iter_mut().flatten().for_each(|value| *value = blend(*value, 0.0, factor));
            }
            Self::Contrast(factor) => {
                // Sums of whole numbers are exact.
                let sum: u64 = pixels.iter().map(|pixel| u64::from(grey(*pixel))).sum();
                let mean = (sum as f64 / pixels.len().max(1) as f64) as f32;
                pixels.iter_mut().flatten().for_each(|value| *value = blend(*value, mean, factor));
            }
            Self::Saturation(factor) => {
                for pixel in pixels {
                    let own = f32::from(grey(*pixel));
                    pixel.iter_mut().for_each(|value| *value = blend(*value, own, factor));
                }
            }
            Self::Hue(turn) => pixels.iter_mut().for_each(|pixel| *pixel = turned(*pixel, turn as f32)),
        }
    }
}

/// `f·v + (1 − f)·other`, cut to whole numbers of eight bits.
fn blend(value: u8, other: f32, factor: f64) -> u8 {
    let (own, rest) = (factor as f32, (1.0 - factor) as f32);
    (own * f32::from(value) + rest * other).clamp(0.0, 255.0) as u8
}

/// The grey of a pixel, in whole numbers.
fn grey([red, green, blue]: [u8; 3]) -> u8 {
    (0.2989 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)) as u8
}

/// A pixel whose hue is turned: by way of hue, saturation and value, all from 0 to 1.
fn turned(pixel: [u8; 3], turn: f32) -> [u8; 3] {
    let [red, green, blue] = pixel.map(|value| f32::from(value) / 255.0);
    let (largest, smallest) = (red.max(green).max(blue), red.min(green).min(blue));
    let range = largest - smallest;
    if range == 0.0 {
        return pixel.map(|value| to_eight_bits(f32::from(value) / 255.0));
    }
    let saturation = range / largest;
    let [from_red, from_green, from_blue] = [red, green, blue].map(|value| (largest - value) / range);
    let hue = if largest == red {
        from_blue - from_green
    } else if largest == green {
        2.0 + from_red - from_blue
    } else {
        4.0 + from_green - from_red
    };
    let hue = (hue / 6.0 + 1.0).rem_euclid(1.0);
    let hue = (hue + turn).rem_euclid(1.0);
    let sector = (hue * 6.0).floor();
    let share = hue * 6.0 - sector;
    let low = (largest * (1.0 - saturation)).clamp(0.0, 1.0);
    let falling = (largest * (1.0 - saturation * share)).clamp(0.0, 1.0);
    let rising = (largest * (1.0 - saturation * (1.0 - share))).clamp(0.0, 1.0);
    let colour = match sector as i32 % 6 {
        0 => [largest, rising, low],
        1 => [falling, largest, low],
        2 => [low, largest, rising],
        3 => [low, falling, largest],
        4 => [rising, low, largest],
        _ => [largest, low, falling],
    };
    colour.map(to_eight_bits)
}

/// A value from 0 to 1 in eight bits, each of the 256 numbers taking an equal share.
fn to_eight_bits(value: f32) -> u8 {
    (value * (255.0 + 1.0 - 1e-3)) as u8
}
