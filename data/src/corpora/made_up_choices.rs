//! Causes and effects out of a small grammar, to choose from.

use std::collections::HashSet;

use alambic_settings::settings;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::ReadCorpus;
use super::copa::{CopaTemplate, QUESTIONS};
use crate::choices::{ChoiceQuestion, ChoicesBuilder};
use crate::content::Content;
use crate::error::DataError;
use crate::source::Extent;
use crate::stable_hash::bytes;

settings! {
    /// Made-up premises in English about people, each with causes or effects of which one belongs to it: for trying a recipe
    /// without data. Neither a premise nor a choice by itself says which is right, and each place is as likely. Scores here do not
    /// carry over to real texts.
    pub struct MadeUpChoices {
        /// Number of questions.
        #[range(1..=10_000)]
        pub size: usize = 2000,
        /// Number of choices of a question.
        #[range(2..=6)]
        pub choices: usize = 2,
        /// What a model reads of a question.
        pub template: CopaTemplate = CopaTemplate::XtremeR,
        /// Another number gives other questions.
        pub seed: u64 = 1,
    }
}

/// The name that stands for a corpus's file.
const NAME: &str = "made-up-choices";

const NAMES: [&str; 20] = [
    "Anna", "Ravi", "Mina", "Tomas", "Leila", "Oskar", "Priya", "Jonas", "Elena", "Kiran", "Marta", "Hugo",
    "Asha", "Pavel", "Nadia", "Bruno", "Ingrid", "Omar", "Sofia", "Wei",
];

const TIMES: [&str; 12] = [
    "Yesterday",
    "On Monday",
    "Last week",
    "In spring",
    "In summer",
    "This morning",
    "At noon",
    "On Sunday",
    "Last night",
    "In May",
    "On Friday",
    "Today",
];

/// What happens to people at a place, with causes and effects, each of which names the place.
struct Theme {
    place: &'static str,
    events: [&'static str; 4],
    causes: [&'static str; 4],
    effects: [&'static str; 4],
}

const THEMES: [Theme; 6] = [
    Theme {
        place: "kitchen",
        events: ["burnt the rice", "baked a cake", "boiled the soup", "peeled the onions"],
        causes: [
            "Guests were hungry in the kitchen.",
            "The kitchen had a new oven.",
            "A recipe hung in the kitchen.",
            "The kitchen was full of fruit.",
        ],
        effects: [
            "The kitchen smelled of dinner.",
            "Plates were filled in the kitchen.",
            "The kitchen had to be scrubbed.",
            "Everybody ate in the kitchen.",
        ],
    },
    Theme {
        place: "garden",
        events: ["watered the roses", "dug up the weeds", "planted beans", "cut the hedge"],
        causes: [
            "The garden was dry.",
            "The garden was overgrown.",
            "Seeds lay in the garden.",
            "Leaves fell in the garden.",
        ],
        effects: [
            "Flowers grew in the garden.",
            "The garden was tidy.",
            "Bees came to the garden.",
            "The garden had more light.",
        ],
    },
    Theme {
        place: "road",
        events: ["repaired the bicycle", "changed the tyre", "oiled the chain", "tightened the brakes"],
        causes: [
            "A nail lay on the road.",
            "The road was long.",
            "The wheel squeaked on the road.",
            "A race came along the road.",
        ],
        effects: [
            "The ride on the road was smooth.",
            "The road was safe.",
            "Oil dripped on the road.",
            "The road was soon behind.",
        ],
    },
    Theme {
        place: "school",
        events: ["studied algebra", "read the textbook", "wrote an essay", "learned the poem"],
        causes: [
            "The school held an exam.",
            "A teacher of the school asked.",
            "The school gave homework.",
            "The library of the school was open.",
        ],
        effects: [
            "The school gave a good mark.",
            "The school praised the work.",
            "The class at school applauded.",
            "A prize came from the school.",
        ],
    },
    Theme {
        place: "harbour",
        events: ["rowed the boat", "hoisted the sail", "cast the nets", "swam ashore"],
        causes: [
            "Wind blew over the harbour.",
            "The harbour was near.",
            "Fish were in the harbour.",
            "The ferry left the harbour.",
        ],
        effects: [
            "The harbour was reached.",
            "Fish were sold at the harbour.",
            "Waves rocked the harbour.",
            "The harbour was quiet again.",
        ],
    },
    Theme {
        place: "hall",
        events: ["tuned the violin", "practised the song", "beat the drum", "conducted the choir"],
        causes: [
            "A concert was planned in the hall.",
            "The hall was booked.",
            "A band came to the hall.",
            "The hall was empty.",
        ],
        effects: [
            "Music filled the hall.",
            "The hall was full.",
            "People clapped in the hall.",
            "The hall heard every note.",
        ],
    },
];

impl ReadCorpus for MadeUpChoices {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut random = ChaCha8Rng::from_seed(bytes(&[NAME, &self.seed.to_string()]));
        let mut builder = ChoicesBuilder::default();
        let described = format!("{NAME} {} {} {:?} {}", self.size, self.choices, self.template, self.seed);
        builder.add_source(NAME, blake3::hash(described.as_bytes()).to_hex().to_string());
        let mut seen = HashSet::new();
        // There are more premises than questions may be asked for.
        while seen.len() < self.size {
            let question = self.question(seen.len() + 1, &mut random);
            if seen.insert((question.premise.clone(), question.kind.clone())) {
                builder.push(question);
            }
        }
        Ok(builder.build(Some("en"), extent)?.into())
    }
}

impl MadeUpChoices {
    fn question(&self, line: usize, random: &mut ChaCha8Rng) -> ChoiceQuestion {
        let mut order: Vec<usize> = (0..THEMES.len()).collect();
        order.shuffle(random);
        let label = random.random_range(0..self.choices);
        let pick = |texts: &[&'static str], random: &mut ChaCha8Rng| {
            texts.choose(random).copied().unwrap_or_default()
        };
        let (time, name) = (pick(&TIMES, random), pick(&NAMES, random));
        let Theme { place, events, .. } = &THEMES[order[label]];
        let premise = format!("{time} {name} {} at the {place}.", pick(events, random));
        let asked = random.random_range(0..QUESTIONS.len());
        let mut pairs = Vec::with_capacity(self.choices);
        for &theme in &order[..self.choices] {
            let Theme { causes, effects, .. } = &THEMES[theme];
            let choice = pick(if asked == 0 { causes } else { effects }, random);
            pairs.push(self.template.apply(&premise, QUESTIONS[asked], choice));
        }
        let kind = Some(QUESTIONS[asked].to_owned());
        ChoiceQuestion { label: Some(label), kind, ..ChoiceQuestion::new(&premise, pairs, line) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    fn read(corpus: &MadeUpChoices) -> Dataset<ChoiceQuestion> {
        match corpus.read(Extent::Whole).unwrap() {
            Content::Choices(dataset) => dataset,
            other => panic!("{other:?}"),
        }
    }

    /// The theme of a premise, a cause or an effect, by the only place that it names.
    fn theme(text: &str) -> usize {
        let named = |theme: &usize| text.contains(THEMES[*theme].place);
        let themes: Vec<usize> = (0..THEMES.len()).filter(named).collect();
        assert_eq!(themes.len(), 1, "{text}");
        themes[0]
    }

    #[test]
    fn right_choice_alone_belongs_to_its_premise_and_places_are_equally_likely() {
        let corpus = MadeUpChoices { size: 600, choices: 3, template: CopaTemplate::XtremeR, seed: 2 };
        let dataset = read(&corpus);
        assert_eq!(dataset, read(&corpus));
        assert_ne!(dataset, read(&MadeUpChoices { seed: 3, ..corpus }));
        let mut places = [0; 3];
        for question in &dataset.splits.train {
            let label = question.label.unwrap();
            places[label] += 1;
            let own = theme(&question.premise);
            let fits: Vec<bool> = question.choices().map(|choice| theme(choice) == own).collect();
            assert_eq!(fits.len(), 3);
            assert!(fits.iter().enumerate().all(|(place, fits)| *fits == (place == label)), "{question:?}");
        }
        assert_eq!(places.iter().sum::<usize>(), 600);
        assert!(places.iter().all(|count| (160..240).contains(count)), "{places:?}");
    }

    #[test]
    fn choices_by_themselves_do_not_say_which_is_right() {
        let corpus = MadeUpChoices { size: 4000, choices: 2, template: CopaTemplate::XtremeR, seed: 1 };
        let mut counts: std::collections::HashMap<String, [usize; 2]> = std::collections::HashMap::new();
        for question in &read(&corpus).splits.train {
            for (place, choice) in question.choices().enumerate() {
                counts.entry(choice.to_owned()).or_default()[usize::from(question.label == Some(place))] += 1;
            }
        }
        assert_eq!(counts.len(), 48);
        for (choice, [wrong, right]) in counts {
            let share = right as f64 / (right + wrong) as f64;
            assert!((0.35..0.65).contains(&share), "{choice}: {share}");
        }
    }
}
