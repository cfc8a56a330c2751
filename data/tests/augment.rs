//! Views of images as torchvision makes them, with what is drawn given.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;
use std::str::FromStr;

use alambic_data::augment::{Adjustment, Augmentation, CropBox, Draws, ImageView};
use alambic_data::{Picture, Raster};
use alambic_settings::{Node, read};

/// Numbers from 0 to 1 in the place of draws.
struct Given<'d>(Box<dyn Iterator<Item = f64> + 'd>);

impl Draws for Given<'_> {
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.next().unwrap()
    }

    fn below(&mut self, count: usize) -> usize {
        (self.0.next().unwrap() * count as f64) as usize
    }

    fn order(&mut self) -> [usize; 4] {
        [2, 0, 3, 1]
    }
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn numbers<T: FromStr>(text: &str) -> Vec<T> {
    text.split(' ').map(|number| number.parse().ok().unwrap()).collect()
}

fn rows(kind: &str) -> Vec<Vec<String>> {
    let table = std::fs::read_to_string(fixture("augment.tsv")).unwrap();
    let rows = table.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
    rows.filter(|row| row[0] == kind).collect()
}

fn augmentation(options: &str) -> Augmentation {
    read(&Node::parse("recipe.toml", options).unwrap()).unwrap()
}

#[test]
fn crops_are_those_of_torchvision() {
    let rows = rows("crop");
    assert_eq!(rows.len(), 40);
    for row in rows {
        let own: Vec<f64> = numbers(&row[1]);
        let options = format!(
            "random-resized-crop = {{ scale = [{:?}, {:?}], ratio = [{:?}, {:?}] }}",
            own[2], own[3], own[4], own[5]
        );
        let shares: Vec<f64> = numbers(&row[2]);
        let mut draws = Given(Box::new(shares.into_iter()));
        let view = augmentation(&options).draw((own[0] as usize, own[1] as usize), true, &mut draws);
        let [left, top, width, height] = numbers(&row[3])[..] else { unreachable!("a box has four numbers") };
        assert_eq!(view.crop, Some(CropBox { left, top, width, height }), "{row:?}");
        assert!(!view.is_flipped && view.jitter.is_empty());
    }
}

/// A view as a row of the table describes it, and the size of its crop.
fn view(what: &str) -> (ImageView, Option<(usize, usize)>) {
    let mut words = what.split(' ');
    let (mut view, mut size) = (ImageView::default(), None);
    while let Some(word) = words.next() {
        let mut number = || words.next().unwrap().parse::<f64>().unwrap();
        match word {
            "flip" => view.is_flipped = true,
            "brightness" => view.jitter.push(Adjustment::Brightness(number())),
            "contrast" => view.jitter.push(Adjustment::Contrast(number())),
            "saturation" => view.jitter.push(Adjustment::Saturation(number())),
            "hue" => view.jitter.push(Adjustment::Hue(number())),
            "crop" => {
                let [left, top, width, height] = [(); 4].map(|()| number() as usize);
                view.crop = Some(CropBox { left, top, width, height });
                size = Some((number() as usize, number() as usize));
            }
            other => unreachable!("{other} is no part of a view"),
        }
    }
    (view, size)
}

#[test]
fn pixels_are_those_of_torchvision() {
    let image: Raster = Picture::of_file(fixture("augment.png")).load().unwrap();
    let rows = rows("view");
    assert_eq!(rows.len(), 31);
    let mut wrong = Vec::new();
    for row in rows {
        let (view, size) = view(&row[1]);
        let seen = view.apply(&image, size);
        let byte = |at: usize| u8::from_str_radix(&row[2][at..at + 2], 16).unwrap();
        let expected: Vec<u8> = (0..row[2].len()).step_by(2).map(byte).collect();
        assert_eq!(seen.rgb.len(), expected.len(), "{}", row[1]);
        let off = seen.rgb.iter().zip(&expected).map(|(own, other)| own.abs_diff(*other)).max().unwrap();
        // Of a crop torch rounds its weights to sixteen bits, and between the two directions.
        let allowed = u8::from(size.is_some());
        if off > allowed {
            wrong.push(format!("{} is off by {off}", row[1]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn factors_are_drawn_within_their_bounds_and_in_an_order_that_is_drawn() {
    let options = "colour-jitter = { brightness = 0.4, contrast = 2.0, saturation = 0.0, hue = 0.1 }";
    let mut draws = Given(Box::new([0.25, 0.5, 1.0].into_iter()));
    let view = augmentation(options).draw((8, 8), true, &mut draws);
    let [Adjustment::Brightness(brightness), Adjustment::Hue(hue), Adjustment::Contrast(contrast)] =
        view.jitter[..]
    else {
        unreachable!("saturation stays: {:?}", view.jitter)
    };
    assert!((brightness - 0.8).abs() < 1e-12 && (hue - 0.1).abs() < 1e-12 && (contrast - 1.5).abs() < 1e-12);
}

#[test]
fn image_that_may_not_be_flipped_changes_nothing_else_that_is_drawn() {
    use rand::SeedableRng;
    let options = augmentation("flip = 0.5\nrandom-resized-crop = {}\ncolour-jitter = {}");
    let draw = |seed: u64, may_be_flipped| {
        options.draw((20, 20), may_be_flipped, &mut rand_chacha::ChaCha8Rng::seed_from_u64(seed))
    };
    let mut flipped = 0;
    for seed in 0..200 {
        let (view, unflipped) = (draw(seed, true), draw(seed, false));
        assert_eq!((&view.crop, &view.jitter), (&unflipped.crop, &unflipped.jitter));
        assert!(!unflipped.is_flipped);
        flipped += usize::from(view.is_flipped);
    }
    assert!((70..130).contains(&flipped), "{flipped}");
    assert_eq!(
        augmentation("").draw((20, 20), true, &mut rand_chacha::ChaCha8Rng::seed_from_u64(1)),
        ImageView::default()
    );
}
