//! Overlap of corpora: no corpus may be trained on what another one keeps for its test.

use std::collections::HashSet;

use indexmap::IndexMap;
use rayon::prelude::*;

use crate::content::Content;
use crate::dataset::Dataset;
use crate::pictures::Picture;
use crate::questions::{Question, picture_keys};
use crate::split::{HoldOut, Split, remove_held_keys, remove_held_out};

/// Removes from the training and the validation split of each corpus what another one keeps for its test, and counts it in
/// the reports. Images are compared by their pixels or their files, which are read.
pub fn remove_test_overlap(corpora: &mut IndexMap<String, Content>) {
    if corpora.len() < 2 {
        return;
    }
    let images = image_keys(corpora);
    for evaluated in 0..corpora.len() {
        let (mut keys, mut entries) = (HashSet::new(), HoldOut::default());
        match &corpora[evaluated] {
            Content::Words(words) => entries.add(&words.splits.test),
            Content::Questions(questions) => {
                keys = images.get(&evaluated).map(|own| test_images(questions, own)).unwrap_or_default();
            }
            others => keys = others.test_keys(),
        }
        let others = corpora.values_mut().enumerate().filter(|(other, _)| *other != evaluated);
        for (other, content) in others {
            match content {
                Content::Words(words) if !entries.is_empty() => remove_held_out(words, &entries),
                Content::Questions(questions) if !keys.is_empty() => {
                    if let Some(own) = images.get(&other) {
                        remove_images(questions, own, &keys);
                    }
                }
                others if !keys.is_empty() => others.remove_keys(&keys),
                _ => {}
            }
        }
    }
}

/// Keys of the images of each corpus, by its place: nothing where there is one corpus of images, or none that keeps any for
/// its test. Their files are read through.
fn image_keys(corpora: &IndexMap<String, Content>) -> IndexMap<usize, Vec<Vec<u128>>> {
    let mut all: Vec<(usize, &[Picture])> = Vec::new();
    let mut is_any_kept = false;
    for (place, content) in corpora.values().enumerate() {
        if let Content::Questions(questions) = content {
            all.push((place, &questions.details.images));
            is_any_kept |= questions.report.test > 0;
        }
    }
    if all.len() < 2 || !is_any_kept {
        return IndexMap::new();
    }
    all.into_iter().map(|(place, images)| (place, images.par_iter().map(picture_keys).collect())).collect()
}

/// Keys of the images of the test split, out of those of all images.
fn test_images(dataset: &Dataset<Question>, keys: &[Vec<u128>]) -> HashSet<u128> {
    let asked = dataset.splits.test.iter().map(|question| question.image);
    let unasked = dataset.details.unasked.iter();
    let unasked = unasked.filter(|(_, split)| *split == Split::Test).map(|(image, _)| *image);
    asked.chain(unasked).flat_map(|image| keys[image].iter().copied()).collect()
}

/// Removes from the training and the validation split what is about an image that another corpus keeps for its test. `keys`
/// are those of the dataset's images.
fn remove_images(dataset: &mut Dataset<Question>, keys: &[Vec<u128>], held: &HashSet<u128>) {
    let is_held = |image: &usize| keys[*image].iter().any(|key| held.contains(key));
    let held: HashSet<u128> = (0..keys.len()).filter(is_held).map(|image| image as u128).collect();
    remove_held_keys(dataset, &held);
    let Dataset { splits, details, report, .. } = dataset;
    let before = details.unasked.len();
    details.unasked.retain(|(image, split)| *split == Split::Test || !held.contains(&(*image as u128)));
    for split in [Split::Train, Split::Validation] {
        *report.get_mut(split) = splits.get(split).len() + details.count_unasked(split);
    }
    let removed = before - details.unasked.len();
    if removed > 0 {
        report.removed.insert("images kept for the test of another corpus".into(), removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Extent;
    use crate::split::SplitOptions;
    use crate::texts::{Label, Labels, Text, TextsBuilder};

    fn split_texts(rows: &[(&str, u32, Option<&str>)]) -> Content {
        let mut builder = TextsBuilder::default();
        builder.add_source("made-up.tsv", "0".into());
        for (line, (first, class, split)) in rows.iter().enumerate() {
            builder.push(Text {
                first: (*first).into(),
                second: None,
                negatives: Vec::new(),
                id: None,
                language: None,
                label: Label::Class(*class),
                split: split.map(str::to_owned),
                line: line + 2,
                mixer: None,
            });
        }
        let labels = Labels::Classes(vec!["no".into(), "yes".into()]);
        let mut dataset = builder.build(labels, false, Extent::Whole).unwrap();
        let options = SplitOptions {
            test_values: vec!["test".into()],
            validation_values: vec!["dev".into()],
            validation_fraction: Some(0.0),
            ..SplitOptions::default()
        };
        dataset.split(&options, &HoldOut::default()).unwrap();
        dataset.into()
    }

    #[test]
    fn texts_of_another_test_split_are_removed() {
        let evaluated = split_texts(&[("x", 0, Some("dev")), ("a", 0, Some("test")), ("b", 0, Some("test"))]);
        let trained = split_texts(&[
            ("a", 0, None),
            ("c", 0, None),
            ("x", 1, None),
            ("b", 1, Some("dev")),
            ("a b", 0, Some("test")),
        ]);
        let mut corpora: IndexMap<String, Content> =
            [("evaluated".to_owned(), evaluated), ("trained".to_owned(), trained)].into();
        remove_test_overlap(&mut corpora);
        let Content::Texts(Dataset { splits, report, .. }) = &corpora["trained"] else {
            unreachable!("these are texts")
        };
        let texts = |split: &[Text]| split.iter().map(|text| text.first.clone()).collect::<Vec<_>>();
        assert_eq!((texts(&splits.train), texts(&splits.validation)), (vec!["c".into(), "x".into()], vec![]));
        assert_eq!((report.train, report.validation, report.test), (2, 0, 1));
        let reason = "texts kept for the test of another corpus";
        assert_eq!(report.removed[&format!("train: {reason}")], 1);
        assert_eq!(report.removed[&format!("validation: {reason}")], 1);
    }
}
