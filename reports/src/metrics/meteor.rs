use super::metric::{Direction, Metric, ReferenceSource, Value, always, never};
use super::prediction::PredictionKind;
use super::writing::{REFERENCES, align, caption_tokens, count_chunks, of_written, sums};

/// METEOR 1.5 for English with the modules exact and stem (Denkowski and Lavie, 2014; `meteor-1.5.jar -m "exact stem"`), over the
/// lower-case tokens of captions without punctuation marks.
///
/// Words are aligned where they, or their Porter2 stems, are equal. Content words count δ = 0.75, the 93 function words of METEOR
/// 1 − δ; matches of stems count 0.6. With `P` and `R` the weighted matches over the weighted lengths of output and reference,
/// `F = 1 / ((1 − α)/P + α/R)`, α = 0.85; the value is `F · (1 − γ (chunks / matches)^β)`, β = 0.2, γ = 0.6, without the penalty where
/// all words match in one chunk. An example takes its best reference; over a corpus the statistics are summed. Its defaults, with
/// synonyms and paraphrases as well, give higher figures.
pub(super) static METRIC: Metric = Metric {
    name: "meteor",
    summary: "METEOR 1.5 of English texts with exact matches and stems",
    undefined: "no example with a reference",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: REFERENCES,
    suits: always,
    is_default: never,
    contributions: |pairs, _| {
        of_written(pairs, |output, references| {
            let output = caption_tokens(output);
            let all = references.iter().map(|own| statistics(&output, &caption_tokens(own)));
            // The first of the best.
            let best = all.reduce(|best, next| if score(&next) > score(&best) { next } else { best });
            sums(best.unwrap_or_default())
        })
    },
    value: Value::OfSums(|statistics| Some(score(&statistics.try_into().ok()?))),
};

const ALPHA: f64 = 0.85;
const BETA: f64 = 0.2;
const GAMMA: f64 = 0.6;
const DELTA: f64 = 0.75;

/// Weight of a match of stems.
const STEM: f64 = 0.6;

/// The words of which METEOR 1.5 says for English that they carry structure more than meaning; the lower-case brackets and quotes of
/// tokenizers are among them.
const FUNCTION_WORDS: &str = "the , . to of and a in that for \" is on 's it with was as said at he by be from have has are his but \
    an this not i will ’ they ) -rrb- ( -lrb- who their had we which were been more or s its would about new one after you : also up \
    when there than $ all out her people she year two - can if last first “ over other ” into some what so -- no time years could ? 't \
    — '";

fn is_function_word(word: &str) -> bool {
    FUNCTION_WORDS.split(' ').any(|own| own == word)
}

/// Numbers that are summed: of the output and of the reference each the words, the function words, the content and function words
/// that match exactly, and those that match by their stems; and the chunks that are penalised.
type Statistics = [f64; 13];

fn statistics(output: &[String], reference: &[String]) -> Statistics {
    let alignment = align(&as_words(output), &as_words(reference));
    let side = |words: &[String], places: Vec<(usize, bool)>| {
        let functions = words.iter().filter(|word| is_function_word(word)).count();
        let mut counts = [words.len(), functions, 0, 0, 0, 0];
        for (place, is_exact) in places {
            counts[2 + 2 * usize::from(!is_exact) + usize::from(is_function_word(&words[place]))] += 1;
        }
        counts
    };
    let of_output = side(output, alignment.iter().map(|own| (own.output, own.is_exact)).collect());
    let of_reference = side(reference, alignment.iter().map(|own| (own.reference, own.is_exact)).collect());
    // Where all words match in one chunk there is no penalty, and over a corpus its chunk does not count.
    let is_whole = alignment.len() == output.len() && output.len() == reference.len();
    let chunks = match count_chunks(&alignment) {
        1 if is_whole => 0,
        chunks => chunks,
    };
    let mut all = of_output.into_iter().chain(of_reference).chain([chunks]);
    std::array::from_fn(|_| all.next().unwrap_or_default() as f64)
}

fn as_words(tokens: &[String]) -> Vec<&str> {
    tokens.iter().map(String::as_str).collect()
}

fn score(statistics: &Statistics) -> f64 {
    let [of_output @ .., _, _, _, _, _, _, chunks] = statistics;
    let of_reference = &statistics[6..12];
    let share = |side: &[f64]| {
        let [words, functions, exact, exact_functions, stems, stem_functions] = side else { return 0.0 };
        let length = DELTA * (words - functions) + (1.0 - DELTA) * functions;
        let matches =
            DELTA * (exact + STEM * stems) + (1.0 - DELTA) * (exact_functions + STEM * stem_functions);
        if length > 0.0 { matches / length } else { 0.0 }
    };
    let count = |side: &[f64]| side[2..].iter().sum::<f64>();
    let (precision, recall) = (share(of_output), share(of_reference));
    if precision == 0.0 || recall == 0.0 {
        return 0.0;
    }
    let mean = 1.0 / ((1.0 - ALPHA) / precision + ALPHA / recall);
    let fragmentation = chunks / f64::midpoint(count(of_output), count(of_reference));
    (mean * (1.0 - GAMMA * fragmentation.powf(BETA))).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_words_are_ninety_three() {
        assert_eq!(FUNCTION_WORDS.split(' ').count(), 93);
        assert!(FUNCTION_WORDS.split(' ').all(|word| !word.is_empty()));
    }
}
