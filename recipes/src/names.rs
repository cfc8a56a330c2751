//! Names of models and trainings that are no stage's.

/// The training of a baseline from the teacher's weights that the student starts from, too.
pub(crate) const SAME_START: &str = "baseline-same-start";
/// The training of a baseline from random weights, where the student starts from a teacher's.
pub(crate) const FROM_SCRATCH: &str = "baseline-scratch";
/// The student as it was before any training.
pub(crate) const UNTRAINED: &str = "untrained";
/// The baseline of questions about images that does not see the image.
pub(crate) const QUESTION_ONLY: &str = "question-only";
/// The captions of the training images that look most alike.
pub(crate) const NEAREST_CAPTION: &str = "nearest-caption";
/// The baseline of images that are brought down to a pixel a token, and up again.
pub(crate) const BILINEAR: &str = "bilinear";
/// The images that texts tell of, beside those that are drawn of them.
pub(crate) const REAL_IMAGES: &str = "real-images";
/// One half of these beside the other.
pub(crate) const HALVED_IMAGES: &str = "real-images-halved";
/// The baseline of pictures with descriptions that does not see the picture.
pub(crate) const TEXT_ONLY: &str = "text-only";
/// The baseline that gives each text the class whose name is nearest to it.
pub(crate) const NEAREST_LABEL_NAME: &str = "nearest-label-name";
/// The evaluation behind all trainings, as observers hear it.
pub(crate) const EVALUATION: &str = "evaluation";

/// What stands before the number of a round in the name of its training: rounds of pruning, of training all weights, of training the
/// chosen ones.
pub(crate) const ROUNDS: [&str; 3] = [ROUND, DENSE, SPARSE];
/// A round of training and pruning.
pub(crate) const ROUND: &str = ".round-";
/// A training of all weights, after which some are chosen.
pub(crate) const DENSE: &str = ".dense-";
/// A training of the chosen weights.
pub(crate) const SPARSE: &str = ".sparse-";
/// What stands before the seed in the name of a repetition.
pub(crate) const SEED: &str = ".seed-";

/// The stage or baseline of a training, by the training's name.
pub(crate) fn stage_of(label: &str) -> &str {
    let own = without_number(label, SEED).unwrap_or(label);
    ROUNDS.iter().find_map(|round| without_number(own, round)).unwrap_or(own)
}

/// A name without the part behind it and its number; none if it has no such part.
pub(crate) fn without_number<'l>(label: &'l str, part: &str) -> Option<&'l str> {
    let (name, number) = label.rsplit_once(part)?;
    number.parse::<u64>().is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trainings_belong_to_their_stage() {
        let names = [
            ("prune", "prune"),
            ("prune.round-3", "prune"),
            ("prune.round-3.seed-2", "prune"),
            ("prune.seed-18446744073709551615", "prune"),
            ("change.dense-1", "change"),
            ("v.round-up", "v.round-up"),
        ];
        for (training, stage) in names {
            assert_eq!(stage_of(training), stage);
        }
    }
}
