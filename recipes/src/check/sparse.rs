//! Checks of stages that choose a part of their student's weights, and of those that keep to it.

use alambic_settings::{At, Diagnostic, Origin};

use super::checker::{Checker, list};
use super::model_info::ModelInfo;
use crate::options::sparse::{Rewind, Sparse};
use crate::run::rounds::{chosen_of, is_changeable, left_of};
use crate::schema::{Recipe, StageOptions};
use crate::stage_order::student_of;
use crate::training::weight_choice::is_prunable;

/// How many numbers of a model may be chosen, by the parameters' names.
pub(crate) fn candidates(sparse: &Sparse, info: &ModelInfo) -> usize {
    let is_candidate = |name: &str, shape: &[usize]| match sparse {
        Sparse::Magnitude(options) => is_prunable(name, shape, &options.parameters),
        Sparse::Random(options) => is_prunable(name, shape, &options.parameters),
        Sparse::Change(options) => is_changeable(name, &options.parameters),
    };
    let shapes = info.config.shapes();
    let chosen = shapes.iter().filter(|(name, shape)| is_candidate(name, shape));
    chosen.map(|(_, shape)| shape.iter().product::<usize>()).sum()
}

/// How many weights are left to be trained after each training of a choice.
pub(crate) fn trained_after(sparse: &Sparse, candidates: usize) -> Vec<usize> {
    match sparse {
        Sparse::Magnitude(options) => {
            let mut left = candidates;
            let mut round = || {
                left = left_of(left, options.prune_fraction);
                left
            };
            (0..options.rounds).map(|_| round()).collect()
        }
        Sparse::Random(options) => vec![left_of(candidates, options.fraction)],
        Sparse::Change(options) => vec![chosen_of(options, candidates)],
    }
}

impl<'a> Checker<'a> {
    /// Checks the choice of weights of a stage.
    pub(super) fn check_sparse(
        &mut self,
        recipe: &'a Recipe,
        (position, name): (usize, &str),
        options: &'a StageOptions,
        info: Option<&ModelInfo>,
    ) {
        if let Some(by) = &options.masked_by {
            self.check_masked_by(recipe, (position, name), by, options);
        } else {
            self.warn_of_refilled(recipe, (position, name));
        }
        let Some(sparse) = &options.sparse else { return };
        let origin = self.places.key_origin(&["stage", name, "sparse"]);
        if let Sparse::Change(own) = sparse
            && own.fraction.is_some() == own.number.is_some()
        {
            let label = if own.number.is_some() { "both are given" } else { "neither is given" };
            let message = format!("`stage.{name}.sparse.change` needs one of `fraction` and `number`");
            self.error("recipe::sparse", message, &origin, label);
            return;
        }
        if let Some(info) = info {
            self.check_candidates(name, sparse, info, &origin);
        }
        let leaves_untrained = match sparse {
            Sparse::Magnitude(own) => own.rewind == Rewind::Start,
            Sparse::Random(_) => true,
            Sparse::Change(_) => false,
        };
        let student = student_of(recipe, name).ok();
        let is_trained_on = recipe.stages[position + 1..].iter().any(|later| {
            recipe.stage.get(&later.value).is_some_and(|_| student_of(recipe, later).ok() == student)
        });
        if leaves_untrained && !is_trained_on {
            let message = format!("what stage `{name}` leaves is not trained");
            self.report(
                Diagnostic::error("recipe::sparse", message)
                    .label(&origin, "weights go back to where they were before the stage")
                    .help(format!("add a stage behind it with `masked-by = \"{name}\"`, which trains what was not pruned")),
            );
        }
    }

    fn check_candidates(&mut self, name: &str, sparse: &Sparse, info: &ModelInfo, origin: &Origin) {
        let count = candidates(sparse, info);
        if count == 0 {
            let message = format!("stage `{name}` finds no weights to choose from");
            let shapes = info.config.shapes();
            let some: Vec<&str> =
                shapes.keys().map(String::as_str).step_by(shapes.len().div_ceil(6).max(1)).collect();
            self.report(
                Diagnostic::error("recipe::sparse", message)
                    .label(origin, "no parameter of the student has such a name, or is a matrix of a layer")
                    .help(format!(
                        "name parts of parameters with `parameters`; there are {}, among others",
                        list(some)
                    )),
            );
            return;
        }
        if let Sparse::Change(own) = sparse
            && own.number.is_some_and(|number| number > count)
        {
            let message = format!("stage `{name}` is to choose more weights than there are");
            self.error("recipe::sparse", message, origin, format!("the student has {count} to choose from"));
        }
        if trained_after(sparse, count).last() == Some(&0) {
            let message = format!("stage `{name}` leaves no weight");
            self.report(
                Diagnostic::error("recipe::sparse", message)
                    .label(origin, format!("of {count} weights none are left at the end"))
                    .help("choose a larger part, or prune less"),
            );
        }
    }

    fn check_masked_by(
        &mut self,
        recipe: &'a Recipe,
        (position, name): (usize, &str),
        by: &At<String>,
        options: &StageOptions,
    ) {
        let earlier = &recipe.stages[..position];
        let choosing =
            |stage: &&At<String>| recipe.stage.get(&stage.value).is_some_and(|own| own.sparse.is_some());
        let known: Vec<&str> = earlier.iter().filter(choosing).map(|stage| stage.as_str()).collect();
        if !known.contains(&by.as_str()) {
            let message = format!("stage `{name}` cannot be masked by `{}`", by.value);
            let label = if !recipe.stages.iter().any(|stage| stage.value == by.value) {
                "there is no such stage among `stages`"
            } else if !earlier.iter().any(|stage| stage.value == by.value) {
                "it does not come before this stage"
            } else {
                "it chooses no weights: it has no `sparse`"
            };
            let diagnostic = Diagnostic::error("recipe::sparse", message).label(&by.origin, label);
            self.report(if known.is_empty() {
                diagnostic
                    .help("give an earlier stage `sparse.magnitude`, `sparse.change` or `sparse.random`")
            } else {
                diagnostic.help(format!("stages before it that choose weights: {}", list(known)))
            });
            return;
        }
        let (own, other) = (student_of(recipe, name).ok(), student_of(recipe, by).ok());
        if own != other {
            let message =
                format!("stage `{name}` trains another student than `{}` chooses weights of", by.value);
            self.error(
                "recipe::sparse",
                message,
                &by.origin,
                "masks have the shapes of its student's parameters",
            );
        }
        if options.sparse.is_some() {
            let message = format!("stage `{name}` has both `sparse` and `masked-by`");
            self.error(
                "recipe::sparse",
                message,
                &by.origin,
                "a stage chooses weights, or keeps to a choice",
            );
        }
    }

    /// Warns of a stage that trains what an earlier one of the same student has pruned.
    fn warn_of_refilled(&mut self, recipe: &Recipe, (position, name): (usize, &str)) {
        let own = student_of(recipe, name).ok();
        let pruning = recipe.stages[..position].iter().rev().find(|stage| {
            let options = recipe.stage.get(&stage.value);
            let prunes = options.is_some_and(|options| {
                matches!(options.sparse, Some(Sparse::Magnitude(_) | Sparse::Random(_)))
            });
            prunes && student_of(recipe, stage).ok() == own
        });
        let Some(pruning) = pruning else { return };
        let origin = self.places.key_origin(&["stage", name]);
        let message = format!("stage `{name}` trains what stage `{}` has pruned", pruning.value);
        self.report(
            Diagnostic::warning("recipe::sparse", message)
                .label(&origin, "zeros of the masks do not stay zero")
                .help(format!("`masked-by = \"{}\"` keeps them", pruning.value)),
        );
    }
}
