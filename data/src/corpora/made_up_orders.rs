//! Orders with tagged words, out of a small grammar.

use std::collections::HashSet;

use alambic_settings::settings;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::ReadCorpus;
use crate::content::Content;
use crate::error::DataError;
use crate::source::Extent;
use crate::stable_hash::bytes;
use crate::texts::{Label, Labels, OUTSIDE, Text, TextsBuilder};

settings! {
    /// Made-up orders, whose words are tagged: goods, persons and places, out of a small grammar in English, for trying a
    /// recipe without data. Persons and places have the same names, so that the words around it
    /// decide. Scores here do not carry over to real texts.
    pub struct MadeUpOrders {
        /// Number of different ones.
        #[range(1..=100_000)]
        pub size: usize = 3000,
        /// Another number gives other orders.
        pub seed: u64 = 1,
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up-orders";

/// The classes in the order of their ids.
const TAGS: [&str; 7] = [OUTSIDE, "B-goods", "I-goods", "B-person", "I-person", "B-place", "I-place"];

const AMOUNTS: [&str; 8] =
    ["two boxes of", "a crate of", "six", "ten sacks of", "some", "a dozen", "no more", "forty"];
const COLOURS: [&str; 8] = ["plum", "olive", "cherry", "rose", "green", "black", "white", "grey"];
const GOODS: [&str; 14] = [
    "plums", "olives", "cherries", "roses", "tiles", "candles", "chairs", "tea", "paint", "lamps", "wool",
    "bricks", "paper", "nails",
];
/// Of persons and of places.
const NAMES: [&str; 16] = [
    "preston", "lincoln", "chester", "austin", "milford", "ashton", "carlisle", "selby", "hale", "kendal",
    "florence", "morley", "stafford", "warwick", "ripley", "burton",
];
const PLACES: [&str; 4] = ["hill", "bridge", "market", "end"];

impl ReadCorpus for MadeUpOrders {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut random = ChaCha8Rng::from_seed(bytes(&[NAME, &self.seed.to_string()]));
        let mut builder = TextsBuilder::default();
        let fingerprint = blake3::hash(format!("{NAME} {} {}", self.size, self.seed).as_bytes());
        builder.add_source(NAME, fingerprint.to_hex().to_string());
        let mut seen = HashSet::new();
        while seen.len() < self.size {
            let Order { words, tags } = Order::write(&mut random);
            let first = words.join(" ");
            if seen.insert(first.clone()) {
                let label = Label::Words(tags);
                let (second, negatives, line) = (None, Vec::new(), seen.len());
                builder.push(Text {
                    first,
                    second,
                    negatives,
                    label,
                    id: None,
                    language: None,
                    split: None,
                    line,
                    mixer: None,
                });
            }
        }
        let labels = Labels::Words(TAGS.map(str::to_owned).to_vec());
        Ok(builder.build(labels, false, extent)?.into())
    }
}

/// An order in the making.
#[derive(Default)]
struct Order {
    words: Vec<&'static str>,
    /// Indices into [`TAGS`].
    tags: Vec<u32>,
}

impl Order {
    /// `please send two boxes of olive tiles to mr chester hale in preston bridge`, or the like.
    fn write(random: &mut ChaCha8Rng) -> Self {
        let mut order = Self::default();
        let sends = random.random_bool(0.5);
        order.outside(if sends { "please send" } else { "we still wait for" });
        order.goods(random);
        if random.random_bool(0.3) {
            order.outside("and");
            order.goods(random);
        }
        // What a sender sends goes to a person or to a place, and what one waits for comes from them.
        order.outside(if sends { "to" } else { "from" });
        if random.random_bool(0.6) {
            order.person(random);
            if random.random_bool(0.5) {
                order.outside("in");
                order.place(random);
            }
        } else {
            order.outside("the shop in");
            order.place(random);
        }
        if random.random_bool(0.3) {
            order.outside(if sends { "by monday" } else { "since may" });
        }
        order
    }

    /// Words in no span.
    fn outside(&mut self, words: &'static str) {
        for word in words.split(' ') {
            self.words.push(word);
            self.tags.push(0);
        }
    }

    /// A span of the kind whose `B` has this tag.
    fn span(&mut self, begin: u32, words: &[&'static str]) {
        for (index, word) in words.iter().enumerate() {
            self.words.push(word);
            self.tags.push(begin + u32::from(index > 0));
        }
    }

    fn goods(&mut self, random: &mut ChaCha8Rng) {
        self.outside(pick(&AMOUNTS, random));
        let goods = pick(&GOODS, random);
        if random.random_bool(0.5) {
            let colour = pick(&COLOURS, random);
            self.span(1, &[colour, goods]);
        } else {
            self.span(1, &[goods]);
        }
    }

    fn person(&mut self, random: &mut ChaCha8Rng) {
        if random.random_bool(0.5) {
            self.outside(if random.random_bool(0.5) { "mr" } else { "ms" });
        }
        let (first, last) = (pick(&NAMES, random), pick(&NAMES, random));
        if random.random_bool(0.5) { self.span(3, &[first, last]) } else { self.span(3, &[last]) }
    }

    fn place(&mut self, random: &mut ChaCha8Rng) {
        let name = pick(&NAMES, random);
        if random.random_bool(0.4) {
            let end = pick(&PLACES, random);
            self.span(5, &[name, end]);
        } else {
            self.span(5, &[name]);
        }
    }
}

fn pick(words: &[&'static str], random: &mut ChaCha8Rng) -> &'static str {
    words.choose(random).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(size: usize, seed: u64) -> Vec<Text> {
        match (MadeUpOrders { size, seed }).read(Extent::Whole).unwrap() {
            Content::Texts(texts) => texts.splits.train,
            _ => unreachable!("orders are texts"),
        }
    }

    #[test]
    fn a_seed_decides_the_orders_and_more_begin_with_fewer() {
        let all = orders(400, 1);
        assert_eq!(all[..100], orders(100, 1));
        assert_ne!(all[..100], orders(100, 2));
    }

    #[test]
    fn every_word_has_its_tag_and_the_word_alone_does_not_tell_it() {
        let mut tags_of = indexmap::IndexMap::<String, HashSet<u32>>::new();
        for order in orders(500, 3) {
            let Label::Words(tags) = order.label else { unreachable!("orders have tags") };
            let words: Vec<&str> = order.first.split(' ').collect();
            assert_eq!(words.len(), tags.len(), "{}", order.first);
            for (index, (word, &tag)) in words.iter().zip(&tags).enumerate() {
                tags_of.entry((*word).to_owned()).or_default().insert(tag);
                // An `I` follows a tag of its kind.
                assert!(
                    tag % 2 == 1 || tag == 0 || [tag, tag - 1].contains(&tags[index - 1]),
                    "{}",
                    order.first
                );
            }
        }
        assert!(tags_of["preston"].len() >= 3);
    }
}
