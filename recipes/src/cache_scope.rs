//! Stages of a recipe that share a teacher's outputs.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use alambic_ranks::Ranks;

use crate::schema::{Recipe, StageOptions};
use crate::training::teacher_outputs::CacheScope;

/// Where the teacher's outputs of a stage are cached, and which stages read them.
pub(crate) fn cache_scope<'a>(
    recipe: &'a Recipe,
    run: Option<&'a Path>,
    stage: &'a str,
    (interrupt, ranks): (&'a AtomicBool, &Ranks),
) -> CacheScope<'a> {
    let earlier = recipe.stages.iter().map(|name| name.as_str()).take_while(|name| *name != stage);
    CacheScope {
        options: &recipe.cache,
        run,
        stages: earlier.chain([stage]).collect(),
        sharing: sharing(recipe, stage)
            .into_iter()
            .flat_map(|options| std::iter::repeat_n(&options.train, options.trainings()))
            .collect(),
        repetitions: recipe.repetitions,
        interrupt,
        ranks: ranks.clone(),
    }
}

/// The stages whose options say that they share the teacher's outputs of a stage, itself included.
fn sharing<'a>(recipe: &'a Recipe, stage: &str) -> Vec<&'a StageOptions> {
    let stages: Vec<(&str, &StageOptions)> = recipe
        .stages
        .iter()
        .filter_map(|name| Some((name.as_str(), recipe.stage.get(name.as_str())?)))
        .collect();
    let Some(place) = stages.iter().position(|(name, _)| *name == stage) else { return Vec::new() };
    let own = stages[place].1;
    let shares = |&(index, (_, other)): &(usize, (&str, &StageOptions))| {
        let (earlier, later) = if index < place { (other, own) } else { (own, other) };
        own.teacher == other.teacher
            && own.data == other.data
            && own.train.validation_examples == other.train.validation_examples
            && is_served(later, earlier)
    };
    stages.into_iter().enumerate().filter(shares).map(|(_, (_, options))| options).collect()
}

/// Whether the losses of a stage read nothing but what an earlier one caches: what its own read, and the logits.
fn is_served(later: &StageOptions, earlier: &StageOptions) -> bool {
    later.loss.iter().all(|term| term.inner().reads_only_logits() || earlier.loss.contains(term))
}
