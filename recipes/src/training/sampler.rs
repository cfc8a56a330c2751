//! Batch sampler: the position of training among its examples.

use alambic_data::LanguageSampler;
use alambic_data::batches::{BatchOptions, CountedTokens, make_batches, merge_small_batches};
use alambic_losses::Term;
use alambic_models::is_padding_computed;
use alambic_tensor::Streams;
use indexmap::IndexMap;
use rand::seq::SliceRandom;

use super::task::{BatchGroup, TrainingTask};
use crate::error::RunError;
use crate::options::train::TrainOptions;

/// The least number of examples over which every one of some terms is defined.
pub(crate) fn min_examples(terms: &[Term]) -> usize {
    terms.iter().map(|term| term.min_examples).max().unwrap_or(1)
}

/// Examples in batches over which every term is defined, as they are validated.
pub(crate) fn validation_batches(count: usize, size: usize, terms: &[Term]) -> Vec<Vec<usize>> {
    let indices: Vec<usize> = (0..count).collect();
    merge_small_batches(indices.chunks(size).map(<[usize]>::to_vec).collect(), min_examples(terms))
}

/// The examples of each language, by their indices.
fn by_language(task: &dyn TrainingTask) -> Result<Vec<Vec<usize>>, RunError> {
    let mut groups: IndexMap<&str, Vec<usize>> = IndexMap::new();
    for (index, language) in task.languages().unwrap_or_default().into_iter().enumerate() {
        groups.entry(language).or_default().push(index);
    }
    if groups.len() < 2 {
        return Err(RunError::Recipe(
            "`train.sampling` samples languages, and the examples are not known to be of several".into(),
        ));
    }
    Ok(groups.into_values().collect())
}

/// The order of the examples, epoch by epoch: a function of options, seed and epoch.
#[derive(Debug)]
pub(crate) struct BatchSampler {
    options: BatchOptions,
    counted: CountedTokens,
    /// The fewest examples of a batch.
    min: usize,
    seed: u64,
    epoch: u64,
    /// The next batch of the epoch.
    next: usize,
    order: Vec<Vec<usize>>,
    /// Which examples an epoch has; none where it has each of them once.
    languages: Option<LanguageSampler>,
}

impl BatchSampler {
    /// The beginning of the first epoch, in batches over which every term is defined.
    ///
    /// # Errors
    /// When languages are to be sampled, and examples are not of several.
    pub(crate) fn new(
        task: &dyn TrainingTask,
        terms: &[Term],
        options: &TrainOptions,
        seed: u64,
    ) -> Result<Self, RunError> {
        let min = min_examples(terms);
        let counted = if is_padding_computed(terms.iter().any(|term| term.reads_padding)) {
            CountedTokens::WithPadding
        } else {
            CountedTokens::Examples
        };
        let languages = match &options.sampling {
            None => None,
            Some(sampling) => Some(LanguageSampler::new(by_language(task)?, sampling, seed)),
        };
        let options = options.batch.clone();
        let mut sampler =
            Self { options, counted, min, seed, epoch: 0, next: 0, order: Vec::new(), languages };
        sampler.order = sampler.order_of(task, 0);
        Ok(sampler)
    }

    /// The batches of an epoch.
    fn order_of(&self, task: &dyn TrainingTask, epoch: u64) -> Vec<Vec<usize>> {
        let (lengths, place) = (task.lengths(epoch), (self.seed, epoch));
        let groups = task.groups();
        if groups.len() > 1 {
            return self.order_of_groups(&lengths, &groups, epoch);
        }
        let batches = match &self.languages {
            None => make_batches(&lengths, &self.options, self.counted, place),
            Some(languages) => {
                let drawn = languages.epoch(epoch);
                let lengths: Vec<(usize, usize)> = drawn.iter().map(|&index| lengths[index]).collect();
                let batches = make_batches(&lengths, &self.options, self.counted, place);
                batches.into_iter().map(|batch| batch.into_iter().map(|own| drawn[own]).collect()).collect()
            }
        };
        merge_small_batches(batches, self.min)
    }

    /// The batches of an epoch of groups, as many as the examples make, of each group in proportion to its share. A group whose
    /// examples are too few comes again, in another order, and of one that has more than its share some are left to other epochs.
    fn order_of_groups(
        &self,
        lengths: &[(usize, usize)],
        groups: &[BatchGroup],
        epoch: u64,
    ) -> Vec<Vec<usize>> {
        let of_group = |group: &BatchGroup, pass: u64| {
            let first = group.examples.start;
            let own = &lengths[group.examples.clone()];
            // Passes of an epoch are far from those of others.
            let place = (self.seed, (epoch << 20) + pass);
            let batches = make_batches(own, &self.options, self.counted, place).into_iter();
            let batches = batches.map(|batch| batch.into_iter().map(|index| first + index).collect());
            merge_small_batches(batches.collect(), self.min)
        };
        let groups: Vec<&BatchGroup> = groups.iter().filter(|group| !group.examples.is_empty()).collect();
        let passes: Vec<Vec<Vec<usize>>> = groups.iter().map(|group| of_group(group, 0)).collect();
        let (all, shares): (usize, f64) =
            (passes.iter().map(Vec::len).sum(), groups.iter().map(|group| group.share).sum());
        let mut order = Vec::with_capacity(all);
        for (group, mut batches) in groups.into_iter().zip(passes) {
            let wanted = ((all as f64 * group.share / shares).round() as usize).max(1);
            let mut pass = 1;
            while batches.len() < wanted {
                batches.extend(of_group(group, pass));
                pass += 1;
            }
            order.extend(batches.into_iter().take(wanted));
        }
        order.shuffle(&mut Streams::new(self.seed).shuffling(epoch));
        order
    }

    /// The first batch of each group in the epoch; nothing where any examples go together.
    pub(crate) fn first_of_groups(&self, task: &dyn TrainingTask) -> Vec<&[usize]> {
        let groups = task.groups();
        let groups = groups.iter().filter(|group| groups.len() > 1 && !group.examples.is_empty());
        let is_of = |group: &BatchGroup, batch: &[usize]| {
            batch.first().is_some_and(|first| group.examples.contains(first))
        };
        let first =
            |group: &BatchGroup| self.order.iter().map(Vec::as_slice).find(|batch| is_of(group, batch));
        groups.filter_map(first).collect()
    }

    /// Batches of an epoch.
    pub(crate) fn batches(&self) -> usize {
        self.order.len()
    }

    /// Epoch and next batch, all that a checkpoint has to keep.
    pub(crate) fn position(&self) -> (u64, usize) {
        (self.epoch, self.next)
    }

    /// Goes to a saved position.
    pub(crate) fn seek(&mut self, task: &dyn TrainingTask, (epoch, next): (u64, usize)) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.order = self.order_of(task, epoch);
        }
        self.next = next;
    }

    /// The next batch, of the next epoch if this one is at its end: its epoch, and the indices of its examples.
    pub(crate) fn next_batch(&mut self, task: &dyn TrainingTask) -> (u64, Vec<usize>) {
        if self.next >= self.order.len() {
            self.seek(task, (self.epoch + 1, 0));
        }
        let batch = self.order.get(self.next).cloned().unwrap_or_default();
        self.next += 1;
        (self.epoch, batch)
    }
}

#[cfg(test)]
mod tests {
    use alambic_data::LanguageSampling;
    use alambic_settings::At;

    use super::*;
    use crate::training::statistics::DatasetStatistics;
    use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric};

    /// Examples of which each has a language, the longer the later it comes.
    struct Examples {
        languages: Vec<&'static str>,
        groups: Vec<BatchGroup>,
        statistics: DatasetStatistics,
    }

    impl Examples {
        fn new(languages: &[(&'static str, usize)]) -> Self {
            let languages =
                languages.iter().flat_map(|(code, count)| std::iter::repeat_n(*code, *count)).collect();
            Self { languages, groups: Vec::new(), statistics: DatasetStatistics::default() }
        }
    }

    impl TrainingTask for Examples {
        fn statistics(&self) -> &DatasetStatistics {
            &self.statistics
        }

        fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
            (0..self.languages.len()).map(|index| (1 + index % 17, 0)).collect()
        }

        fn languages(&self) -> Option<Vec<&str>> {
            Some(self.languages.clone())
        }

        fn groups(&self) -> Vec<BatchGroup> {
            self.groups.clone()
        }

        fn forward(&self, _: &[usize], _: u64, _: &ForwardContext<'_>) -> Result<ForwardOutputs, RunError> {
            Err(RunError::Recipe("nothing is computed here".into()))
        }

        fn primary_metric(&self) -> PrimaryMetric {
            PrimaryMetric::LOSS
        }

        fn validate(&self, _: &ForwardContext<'_>) -> Result<f64, RunError> {
            Ok(0.0)
        }
    }

    fn options(exponent: Option<f64>) -> TrainOptions {
        let text = "steps = 1\nbatch.size = 16";
        let node = alambic_settings::Node::parse("train.toml", text).unwrap();
        let sampling = exponent.map(|exponent| At::unwritten(LanguageSampling { exponent }));
        TrainOptions { sampling, ..alambic_settings::read(&node).unwrap() }
    }

    fn sampler(task: &Examples, exponent: Option<f64>) -> BatchSampler {
        BatchSampler::new(task, &[], &options(exponent), 5).unwrap()
    }

    /// The batches of so many epochs.
    fn epochs(task: &Examples, exponent: Option<f64>, count: u64) -> Vec<(u64, Vec<usize>)> {
        let mut sampler = sampler(task, exponent);
        std::iter::from_fn(|| Some(sampler.next_batch(task)))
            .take_while(|(epoch, _)| *epoch < count)
            .collect()
    }

    #[test]
    fn languages_have_their_shares_of_the_batches_of_an_epoch() {
        let task = Examples::new(&[("en", 900), ("es", 90), ("da", 10)]);
        for (exponent, shares) in
            [(0.0, [0.3333, 0.3333, 0.3333]), (0.7, [0.8049, 0.1606, 0.0345]), (1.0, [0.9, 0.09, 0.01])]
        {
            let batches = epochs(&task, Some(exponent), 3);
            let drawn: Vec<usize> = batches.iter().flat_map(|(_, batch)| batch.clone()).collect();
            assert_eq!(drawn.len(), 3000, "an epoch has as many examples as there are");
            for (code, share) in ["en", "es", "da"].into_iter().zip(shares) {
                let own = drawn.iter().filter(|&&index| task.languages[index] == code).count();
                let found = own as f64 / 3000.0;
                assert!((found - share).abs() < 0.002, "{exponent} {code}: {found}, not {share}");
            }
            assert!(batches.iter().all(|(_, batch)| (1..=16).contains(&batch.len())));
        }
        assert_eq!(epochs(&task, Some(1.0), 2), epochs(&task, None, 2), "in proportion, as without sampling");
    }

    #[test]
    fn batches_are_of_one_group_in_proportion_to_its_share() {
        let group = |examples, share| BatchGroup { examples, share };
        let task = Examples {
            groups: vec![group(0..400, 3.0), group(400..430, 1.0), group(430..430, 9.0)],
            ..Examples::new(&[("en", 430)])
        };
        let batches = epochs(&task, None, 2);
        let is_first = |batch: &[usize]| batch.iter().all(|&index| index < 400);
        let is_second = |batch: &[usize]| batch.iter().all(|&index| (400..430).contains(&index));
        assert!(batches.iter().all(|(_, batch)| is_first(batch) != is_second(batch)));
        let own = |epoch: u64| batches.iter().filter(move |(own, _)| *own == epoch);
        for epoch in [0, 1] {
            let firsts = own(epoch).filter(|(_, batch)| is_first(batch)).count();
            assert_eq!((own(epoch).count(), firsts), (27, 20), "27 batches, three quarters of the first");
        }
        let sampler = sampler(&task, None);
        let firsts = sampler.first_of_groups(&task);
        assert!(firsts.len() == 2 && is_first(firsts[0]) && is_second(firsts[1]));
        assert!(sampler.first_of_groups(&Examples::new(&[("en", 5)])).is_empty());
        let of_epoch = |epoch: u64| own(epoch).map(|(_, batch)| batch.clone()).collect::<Vec<_>>();
        assert_ne!(of_epoch(0), of_epoch(1));
        assert_eq!(batches, epochs(&task, None, 2));
    }

    #[test]
    fn position_says_which_batch_comes_next() {
        let task = Examples::new(&[("en", 100), ("es", 30)]);
        let all = epochs(&task, Some(0.3), 4);
        for place in [0, 3, 9, 20, all.len() - 1] {
            let mut whole = sampler(&task, Some(0.3));
            (0..place).for_each(|_| drop(whole.next_batch(&task)));
            let mut resumed = sampler(&task, Some(0.3));
            resumed.seek(&task, whole.position());
            assert_eq!(resumed.next_batch(&task), all[place]);
        }
    }

    #[test]
    fn one_language_is_not_sampled() {
        let said = |languages: &[(&'static str, usize)]| {
            let task = Examples::new(languages);
            BatchSampler::new(&task, &[], &options(Some(0.5)), 5).unwrap_err().to_string()
        };
        assert!(said(&[("en", 5)]).contains("samples languages"));
        assert!(said(&[]).contains("samples languages"));
    }
}
