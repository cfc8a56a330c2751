//! Pixels that are partly transparent, over a colour.

/// Colours of pixels of two or four channels, the last of which is their opacity, over an opaque background.
///
/// As Pillow's `Image.alpha_composite` over an image of that colour computes it, in whole numbers:
/// c = (s·a + b·(255 − a)) / 255, rounded, for a source s of opacity a over b.
pub(super) fn composite(values: &[u8], channels: usize, background: [u8; 3]) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(values.len() / channels.max(1) * 3);
    for pixel in values.chunks_exact(channels.max(1)) {
        let (alpha, colour) = match *pixel {
            [grey, alpha] => (alpha, [grey; 3]),
            [red, green, blue, alpha] => (alpha, [red, green, blue]),
            _ => (u8::MAX, background),
        };
        rgb.extend((0..3).map(|channel| over(colour[channel], alpha, background[channel])));
    }
    rgb
}

/// Bits behind the point of Pillow's coefficients.
const PRECISION: u32 = 7;

/// One value over another.
fn over(source: u8, alpha: u8, below: u8) -> u8 {
    if alpha == 0 {
        return below;
    }
    let own = u32::from(alpha) << PRECISION;
    let other = (255 << PRECISION) - own;
    let sum = u32::from(source) * own + u32::from(below) * other + (0x80 << PRECISION);
    // A division by 255 without one.
    (((sum >> 8) + sum) >> 8 >> PRECISION) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_stays_transparent_goes_and_half_is_between() {
        let pixels = [10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 200, 128];
        assert_eq!(composite(&pixels, 4, [255, 255, 255]), [10, 20, 30, 255, 255, 255, 127, 177, 227]);
        assert_eq!(composite(&[90, 0, 90, 255], 2, [1, 2, 3]), [1, 2, 3, 90, 90, 90]);
    }

    #[test]
    fn blend_is_at_most_half_a_step_from_the_exact_one() {
        for (source, below) in [(0, 255), (255, 0), (13, 200), (77, 78)] {
            for alpha in 0..=255_u8 {
                let share = f64::from(alpha) / 255.0;
                let exact = f64::from(source) * share + f64::from(below) * (1.0 - share);
                assert!(
                    (f64::from(over(source, alpha, below)) - exact).abs() <= 0.51,
                    "{source} {alpha} {below}"
                );
            }
        }
    }
}
