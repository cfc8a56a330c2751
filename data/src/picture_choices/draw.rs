//! Drawing of questions.

use std::collections::{BTreeMap, HashMap, HashSet};

use indexmap::{IndexMap, IndexSet};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::describe::{Described, folded};
use super::options::PictureChoices;
use super::question::{PictureChoice, PictureChoiceDetails};
use super::rewritten::rewritten;
use super::stream::stream;
use crate::dataset::Dataset;
use crate::pictures::Picture;
use crate::questions::Question;
use crate::rewriting::Rewriter;
use crate::split::Split;

/// Draws from a category before all of it that is left is listed.
const TRIES: usize = 32;

/// The questions about the pictures of corpora, which are split.
pub(super) fn draw(
    options: &PictureChoices,
    corpora: &[(&Dataset<Question>, Option<&Rewriter>)],
) -> Dataset<PictureChoice> {
    let language = options.language.as_ref().map(|language| language.as_str());
    let mut pictures: Vec<Picture> = Vec::new();
    let mut drawn: Vec<(Split, PictureChoice)> = Vec::new();
    let (mut without, mut lonely) = (0, 0);
    for split in [Split::Train, Split::Validation, Split::Test] {
        if options.rewritten {
            for found in rewritten(options, corpora, split, &mut without) {
                let before = drawn.len();
                for question in found.questions {
                    match question {
                        Some(own) => drawn.push((split, PictureChoice { picture: pictures.len(), ..own })),
                        None => lonely += 1,
                    }
                }
                if drawn.len() > before {
                    pictures.push(found.picture.clone());
                }
            }
            continue;
        }
        let mut described = Vec::new();
        for (corpus, _) in corpora {
            let own = corpus.details.languages.first().map(String::as_str);
            for image in corpus.images_of(split) {
                let picture = &corpus.details.images[image];
                if options.has_style(picture) {
                    let text = Described::new(picture, language, own);
                    without += usize::from(text.is_none());
                    described.extend(text);
                }
            }
        }
        let pool = Pool::new(described);
        for asked in pool.asked(options) {
            let before = drawn.len();
            for number in 0..options.questions {
                match pool.question(options, asked, number) {
                    Some((descriptions, answer)) => {
                        let picture = pictures.len();
                        drawn.push((split, PictureChoice { picture, descriptions, answer, kind: None }));
                    }
                    None => lonely += 1,
                }
            }
            if drawn.len() > before {
                pictures.push(pool.described[asked].picture.clone());
            }
        }
    }
    let fingerprints: Vec<&str> = corpora.iter().map(|(corpus, _)| corpus.fingerprint.as_str()).collect();
    let languages = language.map(str::to_owned).or_else(|| only_language(&pictures)).into_iter().collect();
    let details = PictureChoiceDetails { pictures, choices: options.choices, languages };
    let mut dataset = options.dataset(&fingerprints, Vec::new(), details);
    for (split, question) in drawn {
        dataset.splits.get_mut(split).push(question);
        *dataset.report.get_mut(split) += 1;
    }
    dataset.statistics.kept = dataset.splits.iter().count();
    dataset.statistics.rows = dataset.statistics.kept + lonely;
    for (reason, count) in [
        ("pictures without a caption that is read, which are not asked about", without),
        ("questions with too few other descriptions to choose from", lonely),
    ] {
        if count > 0 {
            dataset.statistics.dropped.insert(reason.to_owned(), count);
        }
    }
    dataset
}

/// The language of the first captions of pictures, where all have the same.
fn only_language(pictures: &[Picture]) -> Option<String> {
    let mut codes = pictures.iter().filter_map(|picture| picture.captions.first());
    let first = codes.next()?.language.clone()?;
    codes.all(|caption| caption.language.as_ref() == Some(&first)).then_some(first)
}

/// Pictures of a split with what can be said of them, by group and by category.
struct Pool<'p> {
    described: Vec<Described<'p>>,
    /// The pictures of each group, by its name.
    groups: IndexMap<&'p str, Vec<usize>>,
    /// Groups by the categories that a picture of them is in, the broadest first; of no category, all.
    categories: HashMap<&'p [String], IndexSet<usize>>,
}

impl<'p> Pool<'p> {
    fn new(described: Vec<Described<'p>>) -> Self {
        let mut groups: IndexMap<&str, Vec<usize>> = IndexMap::new();
        let mut categories: HashMap<&[String], IndexSet<usize>> = HashMap::new();
        for (place, own) in described.iter().enumerate() {
            let entry = groups.entry(own.picture.split_name());
            let group = entry.index();
            entry.or_default().push(place);
            for depth in 0..=own.picture.categories.len() {
                categories.entry(&own.picture.categories[..depth]).or_default().insert(group);
            }
        }
        Self { described, groups, categories }
    }

    /// The pictures that are asked about, in their order.
    fn asked(&self, options: &PictureChoices) -> Vec<usize> {
        let mut asked = Vec::new();
        for (name, members) in &self.groups {
            let mut styles: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
            for &place in members {
                styles.entry(self.described[place].picture.style.as_deref()).or_default().push(place);
            }
            for (style, mut own) in styles {
                let mut random = stream(options.seed, &["asked", name, style.unwrap_or_default()]);
                own.shuffle(&mut random);
                own.truncate(options.pictures_per_group);
                asked.append(&mut own);
            }
        }
        asked.sort_unstable();
        asked
    }

    /// The descriptions of a question with the place of the true one; none where there are too few others.
    fn question(
        &self,
        options: &PictureChoices,
        asked: usize,
        number: usize,
    ) -> Option<(Vec<String>, usize)> {
        let own = &self.described[asked];
        let mut random = stream(options.seed, &["question", &own.picture.name, &number.to_string()]);
        let group = self.groups.get_index_of(own.picture.split_name())?;
        let members = &self.groups[group];
        let truth = own.describe(options.tags, &mut random);
        let mut choice = Choice {
            used: HashSet::from([group]),
            // What another picture of the group is called is not wrong.
            texts: members.iter().map(|&place| folded(self.described[place].caption)).collect(),
        };
        let depth = own.picture.categories.len();
        let mut descriptions = Vec::with_capacity(options.choices);
        for wrong in 0..options.choices - 1 {
            let narrowest = depth - wrong.min(depth);
            let around = (0..=narrowest).rev();
            let found = around.filter_map(|depth| {
                let groups = self.categories.get(&own.picture.categories[..depth])?;
                self.other(groups, &mut choice, options, &mut random)
            });
            descriptions.push(found.take(1).next()?);
        }
        let answer = random.random_range(0..options.choices);
        descriptions.insert(answer, truth);
        Some((descriptions, answer))
    }

    /// A description of another group of some, none of whose texts was chosen before.
    fn other(
        &self,
        groups: &IndexSet<usize>,
        choice: &mut Choice,
        options: &PictureChoices,
        random: &mut ChaCha8Rng,
    ) -> Option<String> {
        for _ in 0..TRIES.min(4 * groups.len()) {
            let group = groups[random.random_range(0..groups.len())];
            if let Some(found) = self.of_group(group, choice, options, random) {
                return Some(found);
            }
        }
        let mut left: Vec<usize> =
            groups.iter().copied().filter(|group| !choice.used.contains(group)).collect();
        left.shuffle(random);
        left.into_iter().find_map(|group| self.of_group(group, choice, options, random))
    }

    fn of_group(
        &self,
        group: usize,
        choice: &mut Choice,
        options: &PictureChoices,
        random: &mut ChaCha8Rng,
    ) -> Option<String> {
        if choice.used.contains(&group) {
            return None;
        }
        let described = &self.described[*self.groups[group].choose(random)?];
        if !choice.texts.insert(folded(described.caption)) {
            return None;
        }
        choice.used.insert(group);
        Some(described.describe(options.tags, random))
    }
}

/// What a question has already.
struct Choice {
    used: HashSet<usize>,
    /// Captions, as [`folded`] gives them.
    texts: HashSet<String>,
}
