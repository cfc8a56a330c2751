use crate::stable_hash::unit_interval;

/// Sentences in an order drawn by a hash of each, and the place of each in it: a model that copies the order of a file finds
/// nothing by it.
pub(super) fn shuffled(sentences: &[String]) -> (Vec<String>, Vec<usize>) {
    let mut order: Vec<(f64, usize)> =
        sentences.iter().enumerate().map(|(place, own)| (unit_interval(&["bitext", own]), place)).collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let mut places = vec![0; sentences.len()];
    for (place, &(_, own)) in order.iter().enumerate() {
        places[own] = place;
    }
    (order.into_iter().map(|(_, own)| sentences[own].clone()).collect(), places)
}
