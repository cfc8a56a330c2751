//! Orders in a restaurant out of a small grammar.

use std::collections::HashSet;

use alambic_settings::settings;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::conll::OUTSIDE;
use super::{Content, ReadCorpus};
use crate::error::DataError;
use crate::source::Extent;
use crate::stable_hash::bytes;
use crate::texts::{Collecting, Label, Labels, Text};

settings! {
    /// Made-up orders in a restaurant whose words are tagged, out of a small grammar in English: for trying a recipe
    /// without data. Spans say how many (`COUNT`), what (`DISH`), where (`PLACE`) and when (`TIME`). What a word is
    /// depends on its neighbours: seven can be a count, a table or an hour, and a garden is a place or part of a salad.
    /// What a model scores here says nothing of real texts.
    pub struct MadeUpOrders {
        /// How many different ones.
        #[range(1..=100_000)]
        pub size: usize = 3000,
        /// Another number gives other orders.
        pub seed: u64 = 1,
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up-orders";

const KINDS: [&str; 4] = ["COUNT", "DISH", "PLACE", "TIME"];
const NUMBERS: [&str; 8] = ["two", "three", "four", "five", "six", "seven", "eight", "nine"];
const FLAVOURS: [&str; 10] =
    ["garden", "tomato", "terrace", "apple", "noon", "lemon", "kitchen", "pepper", "bar", "window"];
const DISHES: [&str; 8] = ["salads", "soups", "pies", "juices", "sandwiches", "teas", "breads", "cakes"];
const OPENINGS: [&str; 5] = ["please bring", "we would like", "i want", "could we have", "send"];
const ROOMS: [&str; 6] = ["garden", "terrace", "kitchen", "bar", "window", "hall"];

/// A sentence in the making: words, and the span that each belongs to with whether it begins it.
#[derive(Default)]
struct Order {
    words: Vec<&'static str>,
    tags: Vec<u32>,
}

impl Order {
    fn say(&mut self, words: &'static str) {
        for word in words.split(' ') {
            self.words.push(word);
            self.tags.push(0);
        }
    }

    /// A span of a kind: tags are `O`, and then `B` and `I` of each kind in turn.
    fn span(&mut self, kind: u32, words: &[&'static str]) {
        for (index, word) in words.iter().enumerate() {
            self.words.push(word);
            self.tags.push(1 + 2 * kind + u32::from(index > 0));
        }
    }
}

impl ReadCorpus for MadeUpOrders {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut random = ChaCha8Rng::from_seed(bytes(&[NAME, &self.seed.to_string()]));
        let mut collecting = Collecting::default();
        let fingerprint = blake3::hash(format!("{NAME} {} {}", self.size, self.seed).as_bytes());
        collecting.source(NAME, fingerprint.to_hex().to_string());
        let mut seen = HashSet::new();
        while seen.len() < self.size {
            let order = order(&mut random);
            let first = order.words.join(" ");
            if seen.insert(first.clone()) {
                let label = Label::Words(order.tags);
                collecting.push(Text { first, second: None, label, split: None, line: seen.len() });
            }
        }
        let spans = KINDS.iter().flat_map(|kind| [format!("B-{kind}"), format!("I-{kind}")]);
        let tags = std::iter::once(OUTSIDE.to_owned()).chain(spans).collect();
        Ok(collecting.finish(Labels::Words(tags), false, extent)?.into())
    }
}

/// `please bring seven garden salads and two teas to the garden by nine`.
fn order(random: &mut ChaCha8Rng) -> Order {
    let mut order = Order::default();
    order.say(OPENINGS.choose(random).copied().unwrap_or_default());
    for item in 0..random.random_range(1..=2) {
        if item > 0 {
            order.say("and");
        }
        if random.random_bool(0.8) {
            order.span(0, &[pick(&NUMBERS, random)]);
        } else {
            order.say("some");
        }
        if random.random_bool(0.6) {
            order.span(1, &[pick(&FLAVOURS, random), pick(&DISHES, random)]);
        } else {
            order.span(1, &[pick(&DISHES, random)]);
        }
    }
    match random.random_range(0..3) {
        0 => {
            order.say("to");
            order.span(2, &["table", pick(&NUMBERS, random)]);
        }
        1 => {
            order.say("in the");
            order.span(2, &[pick(&ROOMS, random)]);
        }
        _ => {}
    }
    match random.random_range(0..3) {
        0 => {
            order.say("by");
            order.span(3, &[pick(&NUMBERS, random)]);
        }
        1 => {
            order.say("at");
            order.span(3, &["noon"]);
        }
        _ => {}
    }
    order
}

fn pick(words: &[&'static str], random: &mut ChaCha8Rng) -> &'static str {
    words.choose(random).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_tag_and_one_word_several() {
        let orders = |seed| match (MadeUpOrders { size: 300, seed }).read(Extent::Whole).unwrap() {
            Content::Texts(collection) => collection,
            Content::Lexicon(_) => unreachable!("orders are texts"),
        };
        let first = orders(1);
        assert_eq!(first, orders(1));
        assert_ne!(first.texts, orders(2).texts);
        let Labels::Words(tags) = &first.labels else { panic!("words are tagged") };
        let mut of_seven = HashSet::new();
        for text in &first.texts {
            let Label::Words(indices) = &text.label else { panic!("words are tagged") };
            let words: Vec<&str> = text.first.split(' ').collect();
            assert_eq!(words.len(), indices.len());
            let seven = words.iter().zip(indices).filter(|(word, _)| **word == "seven");
            of_seven.extend(seven.map(|(_, tag)| tags[*tag as usize].clone()));
        }
        assert_eq!(of_seven.len(), 3, "{of_seven:?}");
    }
}
