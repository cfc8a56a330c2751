//! Probabilities of classes, from log-probabilities of tokens or from several answers.

use super::classes::{Classes, QUOTES, Spellings};
use super::parse::THINKING;
use super::response::TokenLogprob;

/// The largest share of the probability that may belong to alternatives with which several classes begin.
const MAX_SHARED: f64 = 0.01;

/// What stands before a label in an object of the schema.
const OBJECT_START: [&str; 4] = ["{", "\"label\"", ":", "\""];

/// How far an answer has come.
#[derive(Debug, PartialEq)]
enum Progress<'a> {
    /// At what stands before a class: white space, a quote, reasoning, an object's beginning.
    Before,
    /// Within a class.
    Within(&'a str),
    /// At something else.
    Elsewhere,
}

/// Probability of each class, by the tokens of an answer and their alternatives.
///
/// At every token, while several classes begin with what the tokens spell so far, the probability of an alternative goes to the
/// one class that begins with it: p(class) = Π p(tokens before) · Σ p(alternatives that only this class begins with). The tokens
/// before the class, such as a quote, count as given. The result is divided by its sum over the classes. No class may begin
/// another one.
///
/// # Errors
/// When the tokens spell no class, end before one class is left, or more than 1 % of the probability belongs to alternatives
/// with which several classes begin.
pub(crate) fn from_logprobs(
    tokens: &[TokenLogprob],
    classes: &Classes,
    is_json: bool,
) -> Result<Vec<f64>, String> {
    let spellings = classes.spellings(is_json);
    let mut masses = vec![0.0; classes.names().len()];
    let (mut shared, mut before, mut spelt) = (0.0, 0.0, Vec::new());
    let mut is_decided = false;
    for token in tokens {
        let chosen = candidates(&spellings, &spelt, token, is_json);
        let others = token.top_logprobs.iter().flatten().filter(|other| other.bytes() != token.bytes());
        for other in others {
            let mass = (before + other.logprob).exp();
            match candidates(&spellings, &spelt, other, is_json).as_deref() {
                Some([class]) => masses[*class] += mass,
                None | Some([]) => {}
                Some(_) => shared += mass,
            }
        }
        spelt.extend_from_slice(token.bytes());
        match chosen.as_deref() {
            // What comes before a class is the same whatever class follows.
            None => {}
            Some([]) => return Err("the tokens of the answer spell none of the classes".into()),
            Some([class]) => {
                masses[*class] += (before + token.logprob).exp();
                is_decided = true;
                break;
            }
            Some(_) => before += token.logprob,
        }
    }
    if !is_decided {
        return Err("the tokens of the answer end before they spell a class".into());
    }
    let sum: f64 = masses.iter().sum();
    if !(sum.is_finite() && sum > 0.0) {
        return Err("the log-probabilities give no class a probability".into());
    }
    if shared > MAX_SHARED * (sum + shared) {
        return Err(format!(
            "{:.1} % of the probability belongs to tokens with which several classes begin",
            100.0 * shared / (sum + shared)
        ));
    }
    Ok(masses.into_iter().map(|mass| mass / sum).collect())
}

/// The classes that an answer may become which goes on with a token; none before a class begins.
fn candidates(
    spellings: &Spellings,
    spelt: &[u8],
    token: &TokenLogprob,
    is_json: bool,
) -> Option<Vec<usize>> {
    let bytes = [spelt, token.bytes()].concat();
    let (text, rest) = match std::str::from_utf8(&bytes) {
        Ok(text) => (text, &[][..]),
        Err(error) => {
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            (std::str::from_utf8(valid).unwrap_or_default(), rest)
        }
    };
    match begin(text, spellings, is_json) {
        Progress::Before if rest.is_empty() => None,
        Progress::Before => Some(spellings.continuing("", rest)),
        Progress::Within(answer) => Some(spellings.continuing(answer, rest)),
        Progress::Elsewhere => Some(Vec::new()),
    }
}

/// What an answer has of a class, without what stands before it.
fn begin<'a>(text: &'a str, spellings: &Spellings, is_json: bool) -> Progress<'a> {
    let mut rest = text.trim_start();
    if THINKING.0.starts_with(rest) {
        return Progress::Before;
    }
    if let Some(thinking) = rest.strip_prefix(THINKING.0) {
        match thinking.split_once(THINKING.1) {
            Some((_, answer)) => rest = answer.trim_start(),
            None => return Progress::Before,
        }
    }
    if is_json {
        for part in OBJECT_START {
            rest = rest.trim_start();
            if let Some(behind) = rest.strip_prefix(part) {
                rest = behind;
            } else {
                return if part.starts_with(rest) { Progress::Before } else { Progress::Elsewhere };
            }
        }
    } else if spellings.continuing(rest, &[]).is_empty() {
        // A class may itself begin with a quote, which is looked for first.
        let unfinished = |(open, _): &(&str, &str)| open.len() > rest.len() && open.starts_with(rest);
        if QUOTES.iter().any(unfinished) {
            return Progress::Before;
        }
        rest = QUOTES.iter().find_map(|(open, _)| rest.strip_prefix(open)).unwrap_or(rest).trim_start();
    }
    if rest.is_empty() { Progress::Before } else { Progress::Within(rest) }
}

/// Probability of each class as its share of several answers.
pub(crate) fn from_samples(sampled: &[usize], classes: &Classes) -> Vec<f64> {
    let mut counts = vec![0_usize; classes.names().len()];
    for &class in sampled {
        counts[class] += 1;
    }
    counts.into_iter().map(|count| count as f64 / sampled.len().max(1) as f64).collect()
}

/// The most probable class, the earliest of several.
pub(crate) fn most_probable(probabilities: &[f64]) -> usize {
    let best = probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    probabilities.iter().position(|probability| *probability == best).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn classes(names: &[&str]) -> Classes {
        Classes::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    /// A token among alternatives with their probabilities; the first one is the one that was chosen.
    fn token(alternatives: &[(&str, f64)]) -> TokenLogprob {
        let one = |(text, probability): &(&str, f64)| json!({"token": text, "logprob": probability.ln()});
        let mut token = one(&alternatives[0]);
        token["top_logprobs"] = Value::Array(alternatives.iter().map(one).collect());
        serde_json::from_value(token).unwrap()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn first_token_that_is_of_one_class_gives_the_probabilities() {
        let classes = classes(&["positive", "negative", "neutral"]);
        // Spaces, other case, parts of words and whole words all count; what is of no class does not.
        let first =
            token(&[(" pos", 0.5), ("Negative", 0.2), ("neg", 0.1), ("The", 0.15), ("positive.", 0.05)]);
        let found = from_logprobs(&[first, token(&[("itive", 1.0)])], &classes, false).unwrap();
        assert_close(&found, &[0.55 / 0.85, 0.3 / 0.85, 0.0]);
    }

    #[test]
    fn tokens_that_several_classes_share_are_followed() {
        let classes = classes(&["very good", "very bad", "good"]);
        let tokens = [
            token(&[("very", 0.8), ("good", 0.2)]),
            token(&[(" good", 0.75), (" bad", 0.25)]),
            token(&[(".", 1.0)]),
        ];
        assert_close(&from_logprobs(&tokens, &classes, false).unwrap(), &[0.6, 0.2, 0.2]);
    }

    #[test]
    fn quotes_reasoning_and_objects_before_a_class_are_given() {
        let names = classes(&["yes", "no"]);
        let decisive = || token(&[("yes", 0.9), ("no", 0.1)]);
        let quoted = [token(&[("\"", 0.4), ("<", 0.6)]), decisive()];
        assert_close(&from_logprobs(&quoted, &names, false).unwrap(), &[0.9, 0.1]);
        let thinking: Vec<_> =
            ["<th", "ink>", "no", "</think>", "\n\n"].map(|text| token(&[(text, 0.5)])).into();
        let thinking = [thinking, vec![decisive()]].concat();
        assert_close(&from_logprobs(&thinking, &names, false).unwrap(), &[0.9, 0.1]);
        for start in [&["{\"", "label", "\":", " \""][..], &["{", "\n ", "\"label\"", " :\""]] {
            let tokens: Vec<_> = start.iter().map(|text| token(&[(text, 0.5)])).chain([decisive()]).collect();
            assert_close(&from_logprobs(&tokens, &names, true).unwrap(), &[0.9, 0.1]);
        }
    }

    #[test]
    fn chosen_token_counts_where_it_is_among_no_alternatives() {
        let mut first = token(&[("no", 0.5), ("yes", 0.25)]);
        first.top_logprobs.as_mut().unwrap().remove(0);
        assert_close(
            &from_logprobs(&[first], &classes(&["yes", "no"]), false).unwrap(),
            &[1.0 / 3.0, 2.0 / 3.0],
        );
    }

    #[test]
    fn parts_of_characters_are_followed_by_their_bytes() {
        let names = classes(&["日本", "日中"]);
        let piece = |bytes: &[u8], probability: f64| json!({"token": "\u{fffd}", "bytes": bytes, "logprob": probability.ln()});
        let (japan, china) = ("本".as_bytes(), "中".as_bytes());
        let mut second = piece(&japan[..1], 0.75);
        second["top_logprobs"] = json!([piece(&japan[..1], 0.75), piece(&china[..1], 0.25)]);
        let tokens = [token(&[("日", 1.0)]), serde_json::from_value(second).unwrap()];
        assert_close(&from_logprobs(&tokens, &names, false).unwrap(), &[0.75, 0.25]);
    }

    #[test]
    fn shared_alternatives_beyond_a_hundredth_are_refused() {
        let names = classes(&["negative", "neutral", "positive"]);
        let shared = |mass: f64| from_logprobs(&[token(&[("neg", 0.9), ("ne", mass)])], &names, false);
        assert_close(&shared(0.005).unwrap(), &[1.0, 0.0, 0.0]);
        assert_eq!(
            shared(0.1).unwrap_err(),
            "10.0 % of the probability belongs to tokens with which several classes begin"
        );
    }

    #[test]
    fn tokens_without_a_class_are_refused() {
        let names = classes(&["negative", "neutral"]);
        assert!(from_logprobs(&[token(&[("ne", 1.0)])], &names, false).unwrap_err().contains("end before"));
        assert!(
            from_logprobs(&[token(&[("I", 1.0)])], &names, false)
                .unwrap_err()
                .contains("none of the classes")
        );
        assert!(from_logprobs(&[], &names, false).is_err());
    }

    #[test]
    fn shares_of_answers_are_probabilities() {
        let names = classes(&["a", "b", "c"]);
        let shares = from_samples(&[1, 1, 0, 1], &names);
        assert_eq!(shares, [0.25, 0.75, 0.0]);
        assert_eq!((most_probable(&shares), most_probable(&[0.5, 0.5])), (1, 0));
    }
}
