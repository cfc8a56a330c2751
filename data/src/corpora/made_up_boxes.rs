//! Boxes of coloured shapes with statements and questions about them.

use alambic_settings::{choices, settings};
use indexmap::IndexMap;

use super::{BoxDisplay, ReadCorpus};
use crate::box_statements::{BoxQuestions, BoxStatements, StatementFamily, invent, question_answers};
use crate::content::Content;
use crate::dataset::Dataset;
use crate::error::{DataError, Fault, Place};
use crate::image_datasets::TEST;
use crate::pictures::Picture;
use crate::questions::{Question, QuestionDetails, STATEMENT_ANSWERS};
use crate::scenes::stream;
use crate::source::Extent;
use crate::statistics::ReadStatistics;

settings! {
    /// Made-up boxes: three boxes of coloured shapes as those of NLVR (Suhr et al., 2017), with statements that are true or false, or
    /// questions; for trying a recipe without data, and for pre-training. Two thirds are towers of blocks, the others shapes that lie
    /// about.
    pub struct MadeUpBoxes {
        /// Number of images.
        #[range(1..=200_000)]
        pub images: usize = 2000,
        /// Statements or questions about each, at most.
        #[range(1..=100)]
        pub examples: usize = 4,
        /// What they are. Of one seed, statements and questions are about the same boxes.
        pub ask: BoxExamples = BoxExamples::Statements,
        /// Another number gives other boxes.
        pub seed: u64 = 1,
        /// Families of statements.
        pub families: Vec<StatementFamily> = StatementFamily::ALL.to_vec(),
        /// Families of statements that are for the test alone, about images of their own.
        pub kept_out_families: Vec<StatementFamily> = Vec::new(),
        /// How boxes are shown.
        #[flatten]
        pub show: BoxDisplay,
    }
}

choices! {
    /// What is said or asked about boxes.
    pub enum BoxExamples {
        /// Statements, of which half of each family are true; the answers are NLVR's `False` and `True`.
        Statements = "statements",
        /// Questions about numbers, colours and shapes.
        Questions = "questions",
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up-boxes";

/// Images that are made where only the head of a corpus is wanted.
const HEAD: usize = 20;

impl ReadCorpus for MadeUpBoxes {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut kept_out: Vec<StatementFamily> = Vec::new();
        let mut trained: Vec<StatementFamily> = Vec::new();
        for family in &self.kept_out_families {
            if !kept_out.contains(family) {
                kept_out.push(*family);
            }
        }
        for family in &self.families {
            if !kept_out.contains(family) && !trained.contains(family) {
                trained.push(*family);
            }
        }
        if trained.is_empty() {
            return Err(DataError::new(Place::file(NAME), Fault::NoFamily));
        }
        let families = trained.len() + kept_out.len();
        let count = if extent == Extent::Head { self.images.min(HEAD) } else { self.images };
        let mut statements = [BoxStatements::new(&trained), BoxStatements::new(&kept_out)];
        let mut questions = BoxQuestions::default();
        let (mut images, mut examples): (Vec<Picture>, Vec<Question>) = (Vec::new(), Vec::new());
        for image in 0..count {
            let mut random = stream(NAME, self.seed, image);
            let boxes = invent(&mut random);
            // As many of the images as there are families, so that each has as many statements as any other.
            let is_kept_out = image % families < kept_out.len();
            let made: Vec<(String, u32, &str)> = match self.ask {
                BoxExamples::Statements => {
                    statements[usize::from(is_kept_out)].about(&boxes, self.examples, &mut random)
                }
                BoxExamples::Questions => questions.about(&boxes, self.examples, &mut random),
            };
            let split = is_kept_out.then(|| TEST.to_owned());
            examples.extend(made.into_iter().map(|(text, answer, kind)| Question {
                text,
                translations: IndexMap::new(),
                image,
                answers: vec![(answer, 1.0)],
                kind: kind.to_owned(),
                split: split.clone(),
            }));
            let picture = self.show.picture(format!("{NAME} {} {image}", self.seed), boxes);
            images.push(Picture { splits: split.map(Some).into_iter().collect(), ..picture });
        }
        let statistics = ReadStatistics {
            source: NAME.to_owned(),
            rows: examples.len(),
            kept: examples.len(),
            ..ReadStatistics::default()
        };
        if examples.is_empty() {
            return Err(statistics.nothing_kept(NAME));
        }
        let answers = match self.ask {
            BoxExamples::Statements => STATEMENT_ANSWERS.map(str::to_owned).to_vec(),
            BoxExamples::Questions => question_answers(),
        };
        let details = QuestionDetails {
            answers,
            languages: vec!["en".to_owned()],
            ..QuestionDetails::of_images(images, &examples)
        };
        let fingerprint = blake3::hash(format!("{NAME} {self:?}").as_bytes()).to_hex().to_string();
        Ok(Dataset::new(examples, details, statistics, fingerprint).into())
    }

    /// Families that are kept out of training are for the test.
    fn has_split_files(&self) -> [bool; 2] {
        [false, !self.kept_out_families.is_empty()]
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexSet;

    use super::*;
    use crate::questions::picture_keys;

    fn made(text: &str) -> Result<Dataset<Question>, DataError> {
        let node = alambic_settings::Node::parse("recipe.toml", text).unwrap();
        let options: MadeUpBoxes = alambic_settings::read(&node).unwrap();
        match options.read(Extent::Whole)? {
            Content::Questions(questions) => Ok(questions),
            _ => unreachable!("boxes are asked about"),
        }
    }

    #[test]
    fn half_of_each_family_are_true_and_a_seed_decides_them() {
        let corpus = made("images = 600").unwrap();
        let all = &corpus.splits.train;
        for family in StatementFamily::ALL {
            let own: Vec<u32> =
                all.iter().filter(|own| own.kind == family.name()).map(|own| own.answers[0].0).collect();
            let right = own.iter().filter(|answer| **answer == 1).count();
            assert!(own.len() > 100, "{}: {}", family.name(), own.len());
            assert!(
                own.len().abs_diff(2 * right) <= own.len() / 20,
                "{}: {right} of {}",
                family.name(),
                own.len()
            );
        }
        let fewer = made("images = 50").unwrap();
        assert_eq!(fewer.splits.train[..], all[..fewer.splits.train.len()]);
        assert_ne!(made("images = 50\nseed = 2").unwrap().splits.train, fewer.splits.train);
        // Questions are about the same boxes.
        let asked = made("images = 50\nask = 'questions'").unwrap();
        assert_eq!(asked.details.images, fewer.details.images);
        let used: IndexSet<u32> = asked.splits.train.iter().map(|own| own.answers[0].0).collect();
        assert!(used.len() > 6 && used.iter().all(|own| (*own as usize) < asked.details.answers.len()));
    }

    #[test]
    fn kept_out_families_are_about_images_of_their_own_and_for_the_test() {
        let corpus = made("images = 120\nkept-out-families = ['wall', 'tower-top']").unwrap();
        let kept = |own: &Question| ["wall", "tower-top"].contains(&own.kind.as_str());
        let images = |kept_out: bool| -> IndexSet<usize> {
            let own = corpus.splits.train.iter().filter(|own| kept(own) == kept_out);
            own.map(|own| own.image).collect()
        };
        assert!(images(true).is_disjoint(&images(false)));
        assert!(images(true).len() >= 12, "{}", images(true).len());
        assert!(corpus.splits.train.iter().all(|own| kept(own) == (own.split.as_deref() == Some(TEST))));
        assert!(made("families = ['wall']\nkept-out-families = ['wall']").is_err());
    }

    #[test]
    fn boxes_are_an_image_each_where_they_are_asked_for() {
        let corpus = made("images = 3\nview = 'boxes'").unwrap();
        let picture = &corpus.details.images[0];
        assert_eq!(picture.shuffled_parts(), 3);
        assert_eq!(picture.load().unwrap().width, 300);
        let whole = made("images = 3").unwrap();
        assert_eq!(picture_keys(picture), picture_keys(&whole.details.images[0]), "it is known again");
        assert_eq!(made("images = 3\nshuffle-boxes = false").unwrap().details.images[0].shuffled_parts(), 1);
        assert!(made("images = 3\nregions = 'none'").unwrap().details.images[0].regions.is_none());
    }
}
