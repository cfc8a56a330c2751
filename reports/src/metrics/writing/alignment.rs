//! Alignment of the words of two texts, as METEOR 1.5 searches it (Denkowski and Lavie, 2014; checked against its jar).
//!
//! Words match where they are equal, or where their stems are. A match that neither of its words has another of is taken at
//! once; among the others a beam of [`BEAM`] partial alignments goes over the words of the reference and prefers, in this order,
//! more exact matches, fewer chunks and a smaller sum of distances. A match of stems adds half a match, which the published
//! program drops as it adds in whole numbers; so only exact ones count where alignments are compared.

use super::porter2::stem;

/// Number of partial alignments that are continued.
const BEAM: usize = 40;

/// A match of two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WordMatch {
    /// The place of the output's word.
    pub(crate) output: usize,
    /// The place of the reference's word.
    pub(crate) reference: usize,
    /// Whether the words are equal; else their stems are.
    pub(crate) is_exact: bool,
}

/// A partial alignment.
#[derive(Clone)]
struct Partial {
    /// The match of each word of the reference.
    chosen: Vec<Option<WordMatch>>,
    /// Whether each word of the output is used.
    is_used: Vec<bool>,
    exact: usize,
    chunks: usize,
    distance: usize,
    /// The end of the last match in the output; none behind a word without a match.
    last_end: Option<usize>,
}

impl Partial {
    /// Goes on with a match.
    fn extend(&mut self, own: WordMatch) {
        self.exact += usize::from(own.is_exact);
        self.chunks += usize::from(self.last_end.is_some_and(|end| end != own.output));
        self.last_end = Some(own.output + 1);
    }

    /// Ends the chunk that is open.
    fn close(&mut self) {
        self.chunks += usize::from(self.last_end.take().is_some());
    }
}

/// The alignment of an output to a reference, in the order of the reference's words.
pub(crate) fn align(output: &[&str], reference: &[&str]) -> Vec<WordMatch> {
    let matches = all_matches(output, reference);
    let mut of_output = vec![0_usize; output.len()];
    for own in matches.iter().flatten() {
        of_output[own.output] += 1;
    }
    let mut start = Partial {
        chosen: vec![None; reference.len()],
        is_used: vec![false; output.len()],
        exact: 0,
        chunks: 0,
        distance: 0,
        last_end: None,
    };
    for (place, own) in matches.iter().enumerate() {
        if let [only] = own.as_slice()
            && of_output[only.output] == 1
        {
            start.chosen[place] = Some(*only);
            start.is_used[only.output] = true;
        }
    }
    let best = search(&matches, start);
    best.chosen.into_iter().flatten().collect()
}

/// The number of chunks of an alignment: runs of words that are next to each other in both texts.
pub(crate) fn count_chunks(alignment: &[WordMatch]) -> usize {
    let is_next = |pair: &[WordMatch]| {
        pair[0].reference + 1 == pair[1].reference && pair[0].output + 1 == pair[1].output
    };
    alignment.len() - alignment.windows(2).filter(|pair| is_next(pair)).count()
}

/// The matches of each word of the reference: exact ones first, then those of stems.
fn all_matches(output: &[&str], reference: &[&str]) -> Vec<Vec<WordMatch>> {
    // Of equal texts exact matches are enough.
    let stems = |words: &[&str]| -> Vec<String> {
        if output == reference { Vec::new() } else { words.iter().map(|word| stem(word)).collect() }
    };
    let (output_stems, reference_stems) = (stems(output), stems(reference));
    let of_word = |place: usize| {
        let exact = (0..output.len()).filter(|&own| output[own] == reference[place]).map(|own| (own, true));
        let stemmed = (0..output_stems.len())
            .filter(|&own| output[own] != reference[place] && output_stems[own] == reference_stems[place])
            .map(|own| (own, false));
        exact
            .chain(stemmed)
            .map(|(own, is_exact)| WordMatch { output: own, reference: place, is_exact })
            .collect()
    };
    (0..reference.len()).map(of_word).collect()
}

/// The beam search.
fn search(matches: &[Vec<WordMatch>], start: Partial) -> Partial {
    let order = |own: &Partial| (std::cmp::Reverse(own.exact), own.chunks, own.distance);
    let mut beam = vec![start.clone()];
    for (place, candidates) in matches.iter().enumerate() {
        beam.sort_by_key(order);
        beam.truncate(BEAM);
        let mut next = Vec::new();
        for mut partial in beam {
            if let Some(fixed) = partial.chosen[place] {
                partial.extend(fixed);
                partial.distance += fixed.output.abs_diff(fixed.reference);
                next.push(partial);
                continue;
            }
            for &candidate in candidates {
                if partial.is_used[candidate.output] {
                    continue;
                }
                let mut taken = partial.clone();
                taken.is_used[candidate.output] = true;
                taken.chosen[place] = Some(candidate);
                taken.extend(candidate);
                next.push(taken);
                // The published program adds the distance of a match to what does without it.
                partial.distance += candidate.output.abs_diff(candidate.reference);
            }
            partial.close();
            next.push(partial);
        }
        beam = next;
    }
    beam.sort_by_key(order);
    beam.truncate(BEAM);
    beam.iter_mut().for_each(Partial::close);
    beam.sort_by_key(order);
    beam.into_iter().next().unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_prefers_matches_then_chunks() {
        let words = |text: &'static str| text.split(' ').collect::<Vec<_>>();
        let found = align(&words("the cat the dog"), &words("the dog the cats"));
        let pairs: Vec<(usize, usize, bool)> =
            found.iter().map(|own| (own.output, own.reference, own.is_exact)).collect();
        assert_eq!(pairs, [(2, 0, true), (3, 1, true), (0, 2, true), (1, 3, false)]);
        assert_eq!(count_chunks(&found), 2);
        assert_eq!((align(&[], &words("a")), count_chunks(&[])), (Vec::new(), 0));
    }
}
