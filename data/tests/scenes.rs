//! Looks of made-up scenes, and statements about two of them.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::collections::HashMap;

use alambic_data::corpora::{Corpus, ReadCorpus};
use alambic_data::{Content, Dataset, Extent, HoldOut, Picture, Pixels, Question, Split, SplitOptions};
use alambic_settings::{Node, read};

fn corpus(options: &str) -> Corpus {
    let images = if options.contains("images") { "" } else { "images = 60, " };
    let text = format!("made-up-scenes = {{ side = 48, noise = 0.0, {images}{options} }}");
    read(&Node::parse("recipe.toml", &text).unwrap()).unwrap()
}

fn scenes(options: &str) -> Dataset<Question> {
    match corpus(options).read(Extent::Whole).unwrap() {
        Content::Questions(questions) => questions,
        _ => unreachable!("scenes are asked about"),
    }
}

fn tags(picture: &Picture) -> Vec<&str> {
    picture.objects.iter().map(|object| object.tag.as_str()).collect()
}

/// The colour of a pixel, by shares of the sides.
fn pixel(picture: &Picture, x: f32, y: f32) -> [u8; 3] {
    let raster = picture.load().unwrap();
    let place = |share: f32, side: usize| ((share * side as f32) as usize).min(side - 1);
    let at = (place(y, raster.height) * raster.width + place(x, raster.width)) * 3;
    [raster.rgb[at], raster.rgb[at + 1], raster.rgb[at + 2]]
}

#[test]
fn usual_look_changes_neither_scenes_nor_their_fingerprint() {
    let plain = scenes("captions = 2");
    let written = scenes(
        "captions = 2, styles = ['plain'], kept-out = [], curtain = 0.0, curtain-text = false, pairs = 0",
    );
    assert_eq!(plain, written);
    // What it was before there were looks.
    assert_eq!(plain.fingerprint.len(), 64);
    assert!(plain.details.images.iter().all(|image| image.style.is_none()));
    assert_ne!(scenes("captions = 2, styles = ['dark']").fingerprint, plain.fingerprint);
}

#[test]
fn styles_change_pixels_and_nothing_that_is_said() {
    let plain = scenes("captions = 1");
    let styled = scenes("captions = 1, styles = ['plain', 'outline', 'hatched', 'dark']");
    assert_eq!(plain.splits, styled.splits);
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for (own, other) in plain.details.images.iter().zip(&styled.details.images) {
        assert_eq!((&own.objects, &own.captions), (&other.objects, &other.captions));
        let style = other.style.as_deref().unwrap();
        *counts.entry(style).or_default() += 1;
        assert_eq!(own.load().unwrap() == other.load().unwrap(), style == "plain", "{style}");
        let [corner, _, _] = pixel(other, 0.0, 0.0);
        if other.objects.iter().all(|object| object.bounds[0] > 0.05 && object.bounds[1] > 0.05) {
            assert_eq!(corner < 90, style == "dark", "{style}: {corner}");
        }
        // An outline lets the ground through.
        let [left, top, right, bottom] = other.objects.last().unwrap().bounds;
        if style == "outline" && !other.objects.last().unwrap().tag.contains("triangle") {
            let middle = pixel(other, left.midpoint(right), top.midpoint(bottom));
            assert!(middle[0] == middle[1] && middle[1] == middle[2], "{middle:?}");
        }
    }
    assert!(counts.len() == 4 && counts.values().all(|count| *count > 5), "{counts:?}");
    let only = scenes("styles = ['hatched']");
    assert!(only.details.images.iter().all(|image| image.style.is_none()), "one style makes no slice");
    assert_ne!(only.details.images[0].load().unwrap(), plain.details.images[0].load().unwrap());
}

#[test]
fn scenes_that_are_kept_out_are_in_the_test_split_alone() {
    let corpus = corpus("kept-out = ['red circle', 'blue star']");
    assert_eq!(corpus.has_split_files(), [false, true]);
    let mut dataset = scenes("kept-out = ['red circle', 'blue star']");
    let options = SplitOptions { test_fraction: Some(0.2), ..SplitOptions::default() };
    dataset.split(&options.with_split_files([false, true]), &HoldOut::default()).unwrap();
    let has_kept =
        |picture: &Picture| tags(picture).iter().any(|tag| ["red circle", "blue star"].contains(tag));
    let images = &dataset.details.images;
    let kept = images.iter().filter(|picture| has_kept(picture)).count();
    assert!(kept > 5 && kept < 55, "{kept}");
    for split in [Split::Train, Split::Validation] {
        assert!(dataset.splits.get(split).iter().all(|question| !has_kept(&images[question.image])));
    }
    let tested: Vec<&Picture> = dataset.splits.test.iter().map(|question| &images[question.image]).collect();
    assert!(
        tested.iter().any(|picture| has_kept(picture)) && tested.iter().any(|picture| !has_kept(picture))
    );
    for picture in images {
        let slice = if has_kept(picture) { "kept out" } else { "seen" };
        assert_eq!(picture.style.as_deref(), Some(slice));
    }
}

#[test]
fn kept_out_object_that_no_scene_can_have_is_refused() {
    for (options, found) in [
        ("kept-out = ['red cirle']", "red cirle"),
        ("kept-out = ['cyan circle'], colours = 6", "cyan circle"),
    ] {
        let said = corpus(options).read(Extent::Head).unwrap_err().to_string();
        assert!(said.contains(&format!("`kept-out` holds `{found}` where one of `red circle`")), "{said}");
    }
}

#[test]
fn what_a_curtain_hides_is_neither_seen_nor_asked_about_nor_told_of() {
    let plain = scenes("captions = 1");
    let hidden = scenes("captions = 1, curtain = 1.0");
    let mut curtains = 0;
    for (image, (own, other)) in plain.details.images.iter().zip(&hidden.details.images).enumerate() {
        let mut gone = own.objects.clone();
        gone.retain(|object| !other.objects.contains(object));
        assert!(gone.len() <= 1);
        let Some(object) = gone.first() else { continue };
        curtains += 1;
        let [left, top, right, bottom] = object.bounds;
        let (x, y) = (left.midpoint(right), top.midpoint(bottom));
        assert_eq!(pixel(other, x, y), [128; 3]);
        let seen: Vec<&str> = tags(other);
        if !seen.contains(&object.tag.as_str()) {
            assert!(!other.captions[0].text.contains(&object.tag), "{:?}", other.captions);
            let asked = hidden.splits.train.iter().filter(|question| question.image == image);
            for question in asked.filter(|question| question.text.contains(&object.tag)) {
                // It may be asked whether there is one, and there is none to be seen.
                let answer = &hidden.details.answers[question.answers[0].0 as usize];
                assert_eq!((question.kind.as_str(), answer.as_str()), ("exists", "no"), "{}", question.text);
            }
        }
    }
    assert!(curtains > 20, "{curtains}");
    let some = scenes("curtain = 0.3");
    let hidden = some.details.images.iter().zip(&plain.details.images);
    let hidden = hidden.filter(|(own, other)| own.objects.len() < other.objects.len()).count();
    assert!((3..35).contains(&hidden), "{hidden}");
}

#[test]
fn text_says_what_is_behind_the_curtain_and_is_asked_about() {
    let told = scenes("curtain = 1.0, curtain-text = true, languages = ['en', 'hi', 'ja']");
    let mut seen = 0;
    for question in &told.splits.train {
        let Some(rest) = question.text.strip_prefix("behind the grey rectangle is ") else { continue };
        seen += 1;
        let (object, asked) = rest.split_once(". ").unwrap();
        let tag = object.split_once(' ').unwrap().1;
        let [colour, shape] = tag.split(' ').collect::<Vec<_>>()[..] else { unreachable!("{tag}") };
        assert!(asked.contains(colour) || asked.contains(shape), "{tag}: {asked}");
        assert!(
            question.translations["hi"].starts_with("धूसर आयत के पीछे एक ")
                && question.translations["hi"].contains("है। ")
        );
        assert!(question.translations["ja"].starts_with("灰色の長方形の後ろに"));
        if question.kind == "exists" && asked.contains(tag) {
            let answer = question.answers[0].0 as usize;
            assert_eq!(told.details.answers[answer], "yes", "{}", question.text);
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn scenes_that_are_not_told_are_asked_the_same_without_the_sentence() {
    let told = scenes("curtain = 1.0, curtain-text = true");
    let some = scenes("curtain = 1.0, curtain-text = true, untold = 0.5");
    let sentence = "behind the grey rectangle is ";
    let mut counts = [0, 0];
    assert_eq!(told.splits.train.len(), some.splits.train.len());
    for (whole, own) in told.splits.train.iter().zip(&some.splits.train) {
        let slice = some.details.images[own.image].style.as_deref();
        let is_told = slice == Some("told");
        let Some(rest) = whole.text.strip_prefix(sentence) else {
            assert_eq!((slice, &own.text), (Some("nothing hidden"), &whole.text));
            continue;
        };
        assert!(is_told || slice == Some("not told"), "{slice:?}");
        counts[usize::from(is_told)] += 1;
        let asked = rest.split_once(". ").unwrap().1;
        assert_eq!(own.text, if is_told { whole.text.as_str() } else { asked });
        assert_eq!(own.answers, whole.answers);
    }
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
}

#[test]
fn statements_about_two_scenes_are_half_true_and_right() {
    let pairs = scenes("pairs = 6, images = 400, languages = ['en', 'hi', 'ja']");
    assert_eq!(pairs.details.answers, ["False", "True"]);
    assert_eq!(pairs.details.images.len(), 200);
    let mut counts: HashMap<&str, [usize; 2]> = HashMap::new();
    for statement in &pairs.splits.train {
        let answer = statement.answers[0].0 as usize;
        counts.entry(&statement.kind).or_default()[answer] += 1;
        assert!(statement.translations.len() == 2 && statement.text.ends_with('.'));
        let Pixels::Joined(parts) = &pairs.details.images[statement.image].pixels else {
            unreachable!("two scenes are joined")
        };
        let count =
            |part: usize, is: &dyn Fn(&str) -> bool| tags(&parts[part]).iter().filter(|tag| is(tag)).count();
        let text = &statement.text;
        let holds = if let Some((_, rest)) = text.split_once("there are ") {
            let word = rest.split(' ').nth(if rest.starts_with("as") { 2 } else { 1 }).unwrap();
            let word = word
                .strip_suffix("es")
                .filter(|word| word.ends_with('s'))
                .or(word.strip_suffix('s'))
                .unwrap_or(word);
            let is = |tag: &str| tag.split(' ').any(|own| own == word);
            let (left, right) = (count(0, &is), count(1, &is));
            if rest.starts_with("more") { left > right } else { left == right }
        } else {
            let rest = text.strip_prefix("there is ").unwrap().split_once(' ').unwrap().1;
            let tag = rest.split(" in ").next().unwrap();
            let is = |own: &str| own == tag;
            let (left, right) = (count(0, &is) > 0, count(1, &is) > 0);
            match rest.split_once(" in ").unwrap().1 {
                "both images." => left && right,
                "at least one of the images." => left || right,
                "only one of the images." => left != right,
                "neither of the images." => !left && !right,
                other => unreachable!("{other}"),
            }
        };
        assert_eq!(holds, answer == 1, "{text}");
    }
    assert_eq!(counts.len(), 6);
    assert!(counts.values().all(|[wrong, right]| wrong.abs_diff(*right) <= 1 && *right > 50), "{counts:?}");
    let joined = &pairs.details.images[0];
    let raster = joined.load().unwrap();
    assert_eq!((raster.width, raster.height), (96, 48));
    assert!(
        joined.objects.iter().all(|object| object.bounds[2] <= 1.0)
            && joined.objects.iter().any(|object| object.bounds[0] >= 0.5)
    );
    // More pairs begin with fewer.
    let fewer = scenes("pairs = 6, images = 40, languages = ['en', 'hi', 'ja']");
    assert_eq!(fewer.splits.train[..], pairs.splits.train[..fewer.splits.train.len()]);
}

#[test]
fn attributes_stand_beside_shapes_and_change_nothing_that_is_drawn_or_said() {
    let plain = scenes("captions = 2, styles = ['plain', 'dark']");
    let attributed = scenes("captions = 2, styles = ['plain', 'dark'], attributes = true");
    assert_ne!(plain.fingerprint, attributed.fingerprint);
    // Left out, it is no part of what a corpus is known by.
    let written = scenes("captions = 2, styles = ['plain', 'dark'], attributes = false");
    assert_eq!(plain.fingerprint, written.fingerprint);
    let mut seen = std::collections::BTreeSet::new();
    for (one, other) in plain.details.images.iter().zip(&attributed.details.images) {
        assert_eq!((&one.pixels, &one.captions), (&other.pixels, &other.captions));
        assert_eq!(one.objects.len(), other.objects.len());
        for (whole, parts) in one.objects.iter().zip(&other.objects) {
            assert!(whole.attributes.is_empty() && whole.bounds == parts.bounds);
            let [colour, size, style] = parts.attributes.as_slice() else { unreachable!("three attributes") };
            assert_eq!(whole.tag, format!("{colour} {}", parts.tag));
            assert_eq!(Some(style), other.style.as_ref());
            let [left, top, right, bottom] = parts.bounds;
            // The largest circles are wider than the smallest ones.
            if parts.tag == "circle" && left > 0.0 && right < 1.0 && top > 0.0 && bottom < 1.0 {
                assert!(size != "large" || right - left > 0.3, "{parts:?}");
                assert!(size != "small" || right - left < 0.26, "{parts:?}");
            }
            seen.insert(size.clone());
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["large", "medium", "small"]);
    assert!(["hi", "ja"].iter().all(|code| attributed.details.tags[*code]["circle"] != "circle"));
}
