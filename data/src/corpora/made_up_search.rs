//! Shops out of a small grammar, and queries that look for them in other words.

use alambic_settings::settings;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::ReadCorpus;
use crate::content::Content;
use crate::error::{DataError, Place};
use crate::search::{Passage, SearchBuilder};
use crate::source::Extent;
use crate::stable_hash::bytes;

settings! {
    /// Made-up passages in English about shops, and queries that look for one of them: for trying a recipe without data. A passage
    /// has the grade 2 if its shop does what is asked for, and 1 if it does something else with the same things in the same place.
    /// Query and passage name the place alike, and the work and the things often by other words: BM25 finds part of them, and a model that
    /// knows which words mean the same finds more. Scores here do not carry over to real texts.
    pub struct MadeUpSearch {
        /// Number of passages; there are at most 960.
        #[range(1..=960)]
        pub passages: usize = 600,
        /// Number of queries.
        #[range(1..=1_000_000)]
        pub queries: usize = 1500,
        /// Probability that a query has another word for a thing or a work than the passage.
        #[range(0.0..=1.0)]
        pub other_words: f64 = 0.6,
        /// Another number gives other passages and queries.
        pub seed: u64 = 1,
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up-search";

const PLACES: [&str; 12] =
    ["goa", "pune", "oslo", "lima", "kyoto", "quito", "hanoi", "bergen", "sofia", "tartu", "delhi", "porto"];

/// What a shop does, each in several words: as the passage says it, and as the query asks for it.
const WORKS: [[[&str; 2]; 3]; 5] = [
    [["sells", "buy"], ["offers", "purchase"], ["stocks", "shop for"]],
    [["repairs", "repair"], ["mends", "mend"], ["fixes", "fix"]],
    [["rents out", "rent"], ["lends", "borrow"], ["hires out", "hire"]],
    [["paints", "paint"], ["colours", "colour"], ["decorates", "decorate"]],
    [["cleans", "clean"], ["washes", "wash"], ["polishes", "polish"]],
];

/// Things, each in two words.
const THINGS: [[&str; 2]; 16] = [
    ["bicycles", "bikes"],
    ["couches", "sofas"],
    ["footwear", "shoes"],
    ["automobiles", "cars"],
    ["timepieces", "watches"],
    ["garments", "clothes"],
    ["novels", "books"],
    ["spectacles", "glasses"],
    ["carpets", "rugs"],
    ["boats", "vessels"],
    ["lamps", "lights"],
    ["jewels", "gems"],
    ["fiddles", "violins"],
    ["computers", "laptops"],
    ["phones", "mobiles"],
    ["dishes", "plates"],
];

const NAMES: [&str; 16] = [
    "anna", "ravi", "mina", "tomas", "leila", "oskar", "priya", "jonas", "elena", "kiran", "marta", "hugo",
    "asha", "pavel", "nadia", "bruno",
];

const ASKING: [&str; 4] = ["where to", "who can", "a shop to", "i want to"];

/// What a shop does with what, and where: numbers of the lists above.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shop {
    place: usize,
    thing: usize,
    work: usize,
}

impl ReadCorpus for MadeUpSearch {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut random = ChaCha8Rng::from_seed(bytes(&[NAME, &self.seed.to_string()]));
        let mut builder = SearchBuilder::new(extent);
        let described =
            format!("{NAME} {} {} {} {}", self.passages, self.queries, self.other_words, self.seed);
        builder.add_source(NAME, blake3::hash(described.as_bytes()).to_hex().to_string());
        let all = (0..PLACES.len() * THINGS.len() * WORKS.len()).map(|number| Shop {
            place: number % PLACES.len(),
            thing: number / PLACES.len() % THINGS.len(),
            work: number / PLACES.len() / THINGS.len(),
        });
        let mut shops: Vec<Shop> = all.collect();
        shops.shuffle(&mut random);
        shops.truncate(self.passages);
        // The words of each passage.
        let mut spoken = Vec::with_capacity(shops.len());
        for (number, shop) in shops.iter().enumerate() {
            let words = (random.random_range(0..WORKS[0].len()), random.random_range(0..THINGS[0].len()));
            let (work, thing) = (WORKS[shop.work][words.0][0], THINGS[shop.thing][words.1]);
            let name = NAMES.choose(&mut random).copied().unwrap_or_default();
            let passage = Passage {
                id: format!("p{number}"),
                title: format!("shop of {name}"),
                text: format!("{work} {thing} in {}", PLACES[shop.place]),
            };
            builder.add_passage(passage, Place::line(NAME, number + 1));
            spoken.push(words);
        }
        for number in 0..self.queries {
            let wanted = random.random_range(0..shops.len());
            let query = self.query(shops[wanted], spoken[wanted], &mut random);
            let (id, place) = (format!("q{number}"), Place::line(NAME, number + 1));
            builder.add_query(&id, &query, place.clone());
            for (passage, shop) in shops.iter().enumerate() {
                if (shop.place, shop.thing) == (shops[wanted].place, shops[wanted].thing) {
                    let grade = if shop.work == shops[wanted].work { 2.0 } else { 1.0 };
                    builder.list((&id, &format!("p{passage}")), None, (Some(grade), None), place.clone());
                }
            }
        }
        Ok(builder.build(Some("en"), extent)?.into())
    }
}

impl MadeUpSearch {
    /// A query for a shop whose passage has these words.
    fn query(&self, shop: Shop, (work, thing): (usize, usize), random: &mut ChaCha8Rng) -> String {
        let mut other = |own: usize, count: usize| {
            if random.random_bool(self.other_words) {
                (own + random.random_range(1..count)) % count
            } else {
                own
            }
        };
        let (work, thing) = (other(work, WORKS[0].len()), other(thing, THINGS[0].len()));
        let asking = ASKING.choose(random).copied().unwrap_or_default();
        format!(
            "{asking} {} {} in {}",
            WORKS[shop.work][work][1], THINGS[shop.thing][thing], PLACES[shop.place]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bm25::Bm25;
    use crate::dataset::Dataset;
    use crate::search::SearchQuery;

    fn read(corpus: &MadeUpSearch) -> Dataset<SearchQuery> {
        match corpus.read(Extent::Whole).unwrap() {
            Content::Search(dataset) => dataset,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn corpus_is_the_same_each_time_and_every_query_has_one_best_passage() {
        let corpus = MadeUpSearch { passages: 300, queries: 200, other_words: 0.6, seed: 3 };
        let dataset = read(&corpus);
        assert_eq!(dataset, read(&corpus));
        assert_ne!(dataset, read(&MadeUpSearch { seed: 4, ..corpus }));
        assert_eq!((dataset.splits.train.len(), dataset.details.passages.len()), (200, 300));
        for query in &dataset.splits.train {
            let best = query.passages.iter().filter(|listed| listed.relevance == Some(2.0)).count();
            assert_eq!(best, 1, "{query:?}");
        }
    }

    #[test]
    fn words_alone_find_some_of_what_is_wanted_and_not_all() {
        let dataset = read(&MadeUpSearch { passages: 600, queries: 300, other_words: 0.6, seed: 1 });
        let passages = dataset.details.passages.iter().map(Passage::full_text);
        let index = Bm25::new(passages, Bm25::K1, Bm25::B);
        let (mut first, mut tenth) = (0, 0);
        for query in &dataset.splits.train {
            let best = query.passages.iter().find(|listed| listed.relevance == Some(2.0)).unwrap().passage;
            let found = index.search(&query.text, 10);
            first += usize::from(found.first() == Some(&best));
            tenth += usize::from(found.contains(&best));
        }
        assert!((40..200).contains(&first), "{first} of 300 are found first");
        assert!((90..290).contains(&tenth), "{tenth} of 300 are among the first ten");
    }
}
