//! Distances between classes, given to the loss terms that need them.

use alambic_data::{class_distances, class_names, class_relations};
use alambic_inference::{EncoderPipeline, TextPair};
use alambic_losses::{LabelPrior, NameVectors, Term};
use alambic_tensor::Streams;
use rand::seq::SliceRandom;

use crate::error::RunError;
use crate::evaluation::embedding::{normalized_embeddings, normalized_embeddings_of_pairs};
use crate::model_store::ModelStore;

/// Pairs of classes that are told of, the nearest ones.
const NEAREST: usize = 5;

/// Gives the terms the distances of the classes that they need.
///
/// # Errors
/// When a table cannot be read or lacks a class, or the encoder of the names gives no embeddings.
pub(crate) fn give_class_distances(
    terms: &[Term],
    classes: &[String],
    models: &ModelStore<'_>,
    streams: Streams,
) -> Result<(), RunError> {
    for needed in terms.iter().filter_map(|term| term.class_distances.as_ref()) {
        needed.give(distances(&needed.options, classes, models, streams)?);
    }
    Ok(())
}

/// The classes that are nearest to each other, each pair with its distance.
pub(crate) fn nearest_pairs(distances: &[f32], classes: &[String]) -> Vec<(String, String, f32)> {
    let count = classes.len();
    let pair = |one: usize, other: usize| {
        let distance = f32::midpoint(distances[one * count + other], distances[other * count + one]);
        (classes[one].clone(), classes[other].clone(), distance)
    };
    let mut pairs: Vec<_> = (0..count)
        .flat_map(|one| (one + 1..count).map(move |other| (one, other)))
        .map(|(one, other)| pair(one, other))
        .collect();
    pairs.sort_by(|one, other| one.2.total_cmp(&other.2));
    pairs.truncate(NEAREST);
    pairs
}

/// Distances `[classes, classes]`, row by row.
pub(crate) fn distances(
    options: &LabelPrior,
    classes: &[String],
    models: &ModelStore<'_>,
    streams: Streams,
) -> Result<Vec<f32>, RunError> {
    let own = match (&options.vectors, &options.table, &options.relations) {
        (Some(vectors), ..) => by_vectors(vectors, classes, models)?,
        (_, Some(table), _) => class_distances(table, classes)?,
        (_, _, Some(relations)) => class_relations(relations, classes)?,
        (None, None, None) => {
            return Err(RunError::Recipe("`label-prior` has no distances of classes".into()));
        }
    };
    if !options.shuffled {
        return Ok(own);
    }
    let count = classes.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut streams.pruning());
    let place = |index: usize| own[order[index / count] * count + order[index % count]];
    Ok((0..count * count).map(place).collect())
}

/// 1 less the cosine of the names' vectors, less their mean, over the largest of these.
fn by_vectors(
    vectors: &NameVectors,
    classes: &[String],
    models: &ModelStore<'_>,
) -> Result<Vec<f32>, RunError> {
    let encoder = models.encoder(&vectors.teacher)?.encoder_pipeline()?;
    Ok(centred_distances(&name_vectors(vectors, classes, &encoder)?))
}

/// The class whose name is nearest to each text, by its place: the highest cosine of the text's vector and those of the names, less
/// their mean.
pub(crate) fn nearest_names(
    vectors: &NameVectors,
    classes: &[String],
    texts: &[TextPair<'_>],
    models: &ModelStore<'_>,
) -> Result<Vec<usize>, RunError> {
    let encoder = models.encoder(&vectors.teacher)?.encoder_pipeline()?;
    let names = centred(&name_vectors(vectors, classes, &encoder)?);
    let texts = normalized_embeddings_of_pairs(&encoder, texts)?.to_vec2::<f32>()?;
    let nearest = |text: &Vec<f32>| {
        let cosines = names.iter().map(|name| dot(text, name));
        let best = cosines
            .enumerate()
            .fold((0, f32::NEG_INFINITY), |best, own| if own.1 > best.1 { own } else { best });
        best.0
    };
    Ok(texts.iter().map(nearest).collect())
}

/// Vectors of the names of classes, of length one.
fn name_vectors(
    vectors: &NameVectors,
    classes: &[String],
    encoder: &EncoderPipeline,
) -> Result<Vec<Vec<f32>>, RunError> {
    let names = label_names(vectors, classes)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(normalized_embeddings(encoder, &names)?.to_vec2::<f32>()?)
}

/// The names of classes in words.
pub(crate) fn label_names(vectors: &NameVectors, classes: &[String]) -> Result<Vec<String>, RunError> {
    match &vectors.label_names {
        Some(names) => Ok(class_names(&names.path, &names.column, classes)?),
        None => Ok(classes.iter().map(|class| in_words(class)).collect()),
    }
}

/// Vectors less their mean, of length one.
fn centred(rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let width = rows.first().map_or(0, Vec::len);
    let mean: Vec<f32> =
        (0..width).map(|place| rows.iter().map(|row| row[place]).sum::<f32>() / rows.len() as f32).collect();
    let centre = |row: &Vec<f32>| {
        let row: Vec<f32> = row.iter().zip(&mean).map(|(number, mean)| number - mean).collect();
        let length = dot(&row, &row).sqrt().max(f32::MIN_POSITIVE);
        row.into_iter().map(|number| number / length).collect()
    };
    rows.iter().map(centre).collect()
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Distances in 0 to 1 of vectors whose mean is taken off.
fn centred_distances(rows: &[Vec<f32>]) -> Vec<f32> {
    let centred = centred(rows);
    let mut distances = Vec::with_capacity(rows.len() * rows.len());
    for (place, one) in centred.iter().enumerate() {
        for (other_place, other) in centred.iter().enumerate() {
            distances.push(if place == other_place { 0.0 } else { (1.0 - dot(one, other)).max(0.0) });
        }
    }
    let largest = distances.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    distances.into_iter().map(|distance| distance / largest).collect()
}

/// A class in words: `AddToPlaylist` and `add_to_playlist` are `add to playlist`.
fn in_words(class: &str) -> String {
    let mut words = String::new();
    let mut before: Option<char> = None;
    for character in class.chars() {
        if matches!(character, '_' | '-' | '.' | '/') {
            words.push(' ');
        } else {
            if character.is_uppercase() && before.is_some_and(char::is_lowercase) {
                words.push(' ');
            }
            words.extend(character.to_lowercase());
        }
        before = Some(character);
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_in_words() {
        let classes = ["AddToPlaylist", "rate_book", "B-PER", "GetTVShow", "yes"];
        assert_eq!(classes.map(in_words), ["add to playlist", "rate book", "b per", "get tvshow", "yes"]);
    }

    #[test]
    fn distances_of_centred_vectors_reach_from_0_to_1() {
        // Vectors with a large common part: without it, two are opposite and the third stands between them.
        let rows = [vec![10.0, 1.0, 0.0], vec![10.0, -1.0, 0.0], vec![10.0, 0.0, 1.0]];
        let distances = centred_distances(&rows);
        assert!((distances[1] - 1.0).abs() < 1e-6 && distances[1] == distances[3]);
        assert!(distances[2] > 0.5 && distances[2] < 1.0, "{distances:?}");
        assert_eq!([distances[0], distances[4], distances[8]], [0.0; 3]);
    }

    #[test]
    fn the_nearest_pairs_come_first() {
        let classes = ["a", "b", "c"].map(str::to_owned);
        let pairs = nearest_pairs(&[0.0, 0.4, 0.9, 0.4, 0.0, 0.1, 0.9, 0.1, 0.0], &classes);
        assert_eq!(pairs[0], ("b".to_owned(), "c".to_owned(), 0.1));
    }
}
