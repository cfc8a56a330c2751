use std::collections::HashSet;

use alambic_models::text_encoder::{Family, Head, ProblemType, Structure, TextEncoder, TextEncoderConfig};
use alambic_models::{Precision, Tokenizer, word_spans, write_weights};
use alambic_ranks::Ranks;
use alambic_tensor::Streams;
use alambic_tensor::candle::{Device, Tensor};
use tempfile::TempDir;

use super::augmenter::CHUNK;
use super::masked_language_model::MaskedLanguageModel;
use super::word_embeddings::WordEmbeddings;
use super::{AugmentOptions, AugmentedText, Augmenter, Passage};
use crate::{EncoderTeacher, TeacherError};

const TEXTS: [&str; 4] = [
    "the soup was dull and the waiter slow",
    "A clever plot, a moving end.",
    "warm rooms and friendly people",
    "the phone is broken but cheap",
];

/// A tiny model of the words of the texts, under a head. Words that begin with the same letter have nearly the same
/// embedding.
fn model(head: Head, seed: u64) -> (TempDir, EncoderTeacher) {
    let tokenizer = Tokenizer::train_words(TEXTS, 200).unwrap();
    let config = TextEncoderConfig {
        family: Family::Bert,
        head,
        pooler: false,
        untied: false,
        labels: Vec::new(),
        problem_type: ProblemType::SingleLabel,
        pairs: None,
        vocabulary: tokenizer.size(),
        width: 32,
        layers: 1,
        heads: 2,
        intermediate_size: 16,
        activation: "gelu".into(),
        positions: 48,
        segments: 2,
        epsilon: 1e-12,
        padding: 0,
        dropout: 0.0,
        attention_dropout: 0.0,
        head_dropout: 0.0,
        structure: Structure::default(),
        pooling: None,
    };
    let mut weights = TextEncoder::initial_weights(&config, &Streams::new(seed)).unwrap();
    let (name, table) =
        weights.iter_mut().find(|(name, _)| name.ends_with("word_embeddings.weight")).unwrap();
    assert!(name.contains("embeddings"));
    let mut rows = table.to_vec2::<f32>().unwrap();
    for (id, word) in tokenizer.whole_words() {
        let letter = usize::from(word.as_bytes()[0] - b'a');
        rows[id as usize][letter] += 1.0;
    }
    *table = Tensor::new(rows, &Device::Cpu).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_json().to_string()).unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_json().unwrap()).unwrap();
    write_weights(folder.path(), &weights, Precision::F32).unwrap();
    let encoder = EncoderTeacher::load(folder.path()).unwrap();
    (folder, encoder)
}

fn options(variants: usize, candidates: usize, probability: f64) -> AugmentOptions {
    AugmentOptions { variants, candidates, probability, model: None, teacher: None, stop_words: None }
}

fn passages() -> Vec<Passage> {
    TEXTS.iter().map(|text| Passage { text: (*text).to_owned(), second: None }).collect()
}

/// What comes of some texts in a new file.
fn complete(augmenter: &Augmenter<'_>, passages: &[Passage]) -> Vec<AugmentedText> {
    let folder = tempfile::tempdir().unwrap();
    augmenter.complete(&folder.path().join("varied.jsonl"), passages, &Ranks::alone(), &mut |_| {}).unwrap()
}

#[test]
fn neighbours_are_the_nearest_words_and_never_the_word_itself() {
    let (_folder, encoder) = model(Head::None, 1);
    let near = WordEmbeddings::new(encoder).unwrap();
    let spellings = ["plot", "dull", "warm", "deal", "ξ"].map(str::to_owned);
    let neighbours = near.neighbours(&spellings, 2).unwrap();
    // Three words begin with `p`, three with `w`; the letters alone are no candidates.
    assert_eq!(neighbours.of("plot").iter().collect::<HashSet<_>>().len(), 2);
    assert!(neighbours.of("plot").iter().all(|word| word.starts_with('p') && word != "plot"));
    assert!(neighbours.of("warm").iter().all(|word| word.starts_with('w') && word != "warm"));
    // Of several pieces: their mean has neighbours as well. What is not known has none.
    assert_eq!(neighbours.of("deal").len(), 2);
    assert!(neighbours.of("ξ").is_empty() && neighbours.of("never asked").is_empty());
}

#[test]
fn words_are_replaced_and_all_else_is_kept() {
    let (_folder, encoder) = model(Head::None, 1);
    let always = options(30, 2, 1.0);
    let augmenter = Augmenter::new(&always, encoder, None, 1).unwrap();
    let varied = complete(&augmenter, &passages());
    for (passage, AugmentedText { variants }) in passages().iter().zip(&varied) {
        assert!(!variants.is_empty() && variants.len() <= 30);
        for variant in variants {
            assert_eq!(word_spans(&variant.text).len(), word_spans(&passage.text).len());
            for (before, after) in passage.text.split(' ').zip(variant.text.split(' ')) {
                let word = before.trim_matches(['.', ',']);
                let stays = ["the", "was", "and", "A", "a", "is", "but"].contains(&word);
                assert_eq!(before == after, stays, "{} → {}", passage.text, variant.text);
                assert_eq!(before.ends_with(['.', ',']), after.ends_with(['.', ',']));
            }
        }
        assert_eq!(variants.iter().collect::<HashSet<_>>().len(), variants.len());
    }
    let none = AugmentOptions { stop_words: Some(Vec::new()), ..always.clone() };
    let (_folder, encoder) = model(Head::None, 1);
    let varied = complete(&Augmenter::new(&none, encoder, None, 1).unwrap(), &passages());
    assert!(varied[0].variants.iter().all(|variant| !variant.text.contains("the ")));
}

#[test]
fn a_share_of_the_words_is_replaced() {
    let (_folder, encoder) = model(Head::None, 1);
    let some = options(400, 6, 0.4);
    let passage = Passage { text: "soup dull waiter slow plot moving rooms people".into(), second: None };
    let varied = complete(&Augmenter::new(&some, encoder, None, 1).unwrap(), std::slice::from_ref(&passage));
    let changed = |variant: &Passage| {
        passage.text.split(' ').zip(variant.text.split(' ')).filter(|(before, after)| before != after).count()
    };
    let share =
        varied[0].variants.iter().map(changed).sum::<usize>() as f64 / (8 * varied[0].variants.len()) as f64;
    // A little above the probability: what repeats another variant is left out, and that is what changes little.
    assert!((0.36..0.48).contains(&share), "{share}");
}

#[test]
fn what_comes_of_a_text_does_not_depend_on_the_others() {
    let some = options(6, 4, 0.5);
    let make = |seed: u64, passages: &[Passage]| {
        let (_folder, encoder) = model(Head::None, 1);
        complete(&Augmenter::new(&some, encoder, None, seed).unwrap(), passages)
    };
    let all = make(1, &passages());
    assert_eq!(all, make(1, &passages()));
    assert_ne!(all, make(2, &passages()));
    let mut turned = passages();
    turned.reverse();
    let mut again = make(1, &turned[1..]);
    again.reverse();
    assert_eq!(again, all[..3]);
}

#[test]
fn both_texts_of_a_pair_are_varied() {
    let (_folder, encoder) = model(Head::None, 1);
    let some = options(40, 4, 0.5);
    let pair = Passage { text: TEXTS[0].into(), second: Some(TEXTS[3].into()) };
    let varied = complete(&Augmenter::new(&some, encoder, None, 1).unwrap(), std::slice::from_ref(&pair));
    let changes = |variant: &Passage| (variant.text != pair.text, variant.second != pair.second);
    let changes: HashSet<_> = varied[0].variants.iter().map(changes).collect();
    assert!(changes.contains(&(true, true)) && !changes.contains(&(false, false)));
}

#[test]
fn a_masked_language_model_proposes_whole_words_in_context() {
    let (_folder, encoder) = model(Head::MaskedLanguage, 4);
    let vocabulary: HashSet<String> =
        encoder.model().tokenizer().whole_words().into_iter().map(|(_, word)| word).collect();
    let proposer = MaskedLanguageModel::new(encoder.clone()).unwrap();
    let augmenter_options = options(10, 5, 1.0);
    let augmenter = Augmenter::new(&augmenter_options, encoder.clone(), Some(encoder), 1).unwrap();
    let text = "the soup was dull and the dealer slow";
    let words = vec![augmenter.words(text).unwrap()];
    let proposed = proposer.propose(&[text], &words, 5).unwrap();
    // `dealer` is no word of the vocabulary.
    let known: Vec<bool> = proposed[0].iter().map(Option::is_some).collect();
    assert_eq!(known, [true, true, false, true]);
    for (word, candidates) in words[0].iter().zip(&proposed[0]) {
        for candidate in candidates.iter().flatten() {
            assert!(vocabulary.contains(candidate) && *candidate != word.spelling);
        }
    }
    let passage = Passage { text: text.into(), second: None };
    let variants = &complete(&augmenter, &[passage])[0].variants;
    assert!(!variants.is_empty());
    // Its neighbours stand in for it.
    assert!(variants.iter().all(|variant| !variant.text.contains("dealer")));
    let (_folder, headless) = model(Head::None, 1);
    let error = MaskedLanguageModel::new(headless).unwrap_err().to_string();
    assert!(error.contains("no masked-language head"), "{error}");
}

#[test]
fn what_was_made_is_kept_completed_and_refused_when_stale() {
    let (folder, encoder) = model(Head::None, 1);
    let some = options(5, 4, 0.5);
    let passages: Vec<Passage> = (0..CHUNK + 40)
        .map(|number| Passage { text: format!("{} {number}", TEXTS[number % 4]), second: None })
        .collect();
    let path = folder.path().join("varied.jsonl");
    let augmenter = Augmenter::new(&some, encoder.clone(), None, 1).unwrap();
    let made = augmenter.complete(&path, &passages, &Ranks::alone(), &mut |_| {}).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for cut in [bytes.len() - 3, bytes.len() / 2, bytes.len()] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        assert_eq!(augmenter.complete(&path, &passages, &Ranks::alone(), &mut |_| {}).unwrap(), made);
        assert!(std::fs::read(&path).unwrap() == bytes, "cut at {cut}");
    }
    let more = options(6, 4, 0.5);
    let (_other, other) = model(Head::None, 2);
    for (options, encoder, seed, passages, part) in [
        (&more, &encoder, 1, &passages[..], "settings"),
        (&some, &encoder, 2, &passages[..], "settings"),
        (&some, &other, 1, &passages[..], "weights"),
        (&some, &encoder, 1, &passages[1..], "data"),
    ] {
        let augmenter = Augmenter::new(options, encoder.clone(), None, seed).unwrap();
        let error = augmenter.complete(&path, passages, &Ranks::alone(), &mut |_| {}).unwrap_err();
        assert!(matches!(&error, TeacherError::Stale { part: other, .. } if *other == part), "{error}");
    }
}
