//! Wrong classes graded by how far their names are from the right one.

use std::sync::{Arc, OnceLock};

use alambic_models::Outline;
use alambic_settings::{At, Location, settings};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::arithmetic::log_softmax;
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Distances of the most probable classes from the right one: a prior over wrong answers.
    ///
    /// `L = mean_b Σ_c p(c) d(y, c)` over the `classes` most probable classes c of each text or question, y being its label, or the
    /// answer with the highest score (Nooralahzadeh and Sennrich, 2023, who add it to cross-entropy with a weight of 10). The
    /// gradient goes through p. Distances are in 0 to 1, and 0 of a class to itself; one of `vectors`, `table` and `relations`
    /// gives them. Student logits are `[batch, classes]`, of tokens `[batch, length, classes]`.
    pub struct LabelPrior {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(10.0),
        /// Most probable classes that count.
        #[range(1..)]
        pub classes: usize = 10,
        /// By the vectors that an encoder has of the classes' names: 1 less the cosine, the mean of all being taken off before, over the
        /// largest of these.
        pub vectors: Option<NameVectors>,
        /// By a table: the classes in its first column, and a column for each, named after it, of numbers in 0 to 1.
        pub table: Option<Location>,
        /// By how the names are related, in a table of the columns `class`, `other` and `relation`: 0 of the same and of a `synonym`, 0.8
        /// of a `hypernym` and a `hyponym`, 1 of all others.
        pub relations: Option<Location>,
        /// Whether classes are dealt out again by lot, which leaves the distances and takes their meaning away: for comparison.
        pub shuffled: bool = false,
    }
}

settings! {
    /// Vectors of the names of classes.
    pub struct NameVectors {
        /// The encoder: a teacher of the recipe that gives embeddings of texts.
        pub teacher: At<String>,
        /// Names of the classes in words. Left out: the classes as they are called, words of `camelCase` and `snake_case` apart.
        pub label_names: Option<LabelNames>,
    }
}

settings! {
    /// A table of the names of classes in words.
    pub struct LabelNames {
        /// The table, with the classes in its first column.
        pub path: Location,
        /// The column of the words.
        pub column: String = "name".to_owned(),
    }
}

/// Distances between classes that a term needs: they depend on the names of classes, and are given to it after it is bound.
#[derive(Debug, Clone)]
pub struct ClassDistances {
    /// What gives them.
    pub options: LabelPrior,
    cell: Arc<OnceLock<Vec<f32>>>,
}

impl ClassDistances {
    /// Gives the distances to the term, `[classes, classes]`, row by row; what was given first stays.
    pub fn give(&self, distances: Vec<f32>) {
        let _ = self.cell.set(distances);
    }

    /// The distances, once they are given.
    #[must_use]
    pub fn get(&self) -> Option<&[f32]> {
        self.cell.get().map(Vec::as_slice)
    }
}

const NAME: &str = "label-prior";

impl LossTerm for LabelPrior {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        let incompatible = |reason: String| LossError::Incompatible { term: NAME, reason };
        if student.classes < 2 {
            return Err(incompatible("the student has no logits of classes".into()));
        }
        let sources = [self.vectors.is_some(), self.table.is_some(), self.relations.is_some()];
        if sources.iter().filter(|given| **given).count() != 1 {
            return Err(incompatible("it needs one of `vectors`, `table` and `relations`".into()));
        }
        let cell: Arc<OnceLock<Vec<f32>>> = Arc::default();
        let distances = ClassDistances { options: self.clone(), cell: Arc::clone(&cell) };
        let most = self.classes;
        let compute = move |inputs: &Inputs<'_>| {
            let distances = cell
                .get()
                .ok_or_else(|| incompatible("the distances of the classes are not known".into()))?;
            expected_distance(inputs, distances, most)
        };
        let term = Term::new(NAME, self.weight, vec!["logits".into()], Vec::new(), Box::new(compute));
        Ok(Term { class_distances: Some(distances), ..term }
            .with_targets(&[TargetKind::Classes, TargetKind::Scores]))
    }

    fn teachers(&self) -> Vec<&At<String>> {
        self.vectors.iter().map(|vectors| &vectors.teacher).collect()
    }

    fn reads_only_logits(&self) -> bool {
        true
    }
}

/// The mean over labelled rows of `Σ_c p(c) d(y, c)` over the `most` most probable classes.
fn expected_distance(inputs: &Inputs<'_>, distances: &[f32], most: usize) -> Result<Tensor, LossError> {
    let logits = inputs.student("logits")?;
    let classes = logits.dims().last().copied().unwrap_or_default();
    let incompatible = |reason: String| LossError::Incompatible { term: NAME, reason };
    if distances.len() != classes * classes {
        return Err(incompatible(format!("{} distances between {classes} classes", distances.len())));
    }
    let logits = logits.reshape(((), classes))?;
    let probabilities = log_softmax(&logits)?.exp()?;
    let values = probabilities.detach().to_vec2::<f32>()?;
    let right = right_classes(inputs, values.len(), classes)
        .ok_or_else(|| incompatible(format!("{} rows of logits and other labels", values.len())))?;
    let counted = right.iter().flatten().count().max(1) as f32;
    let mut factors = vec![0.0f32; values.len() * classes];
    for ((row, right), factors) in values.iter().zip(&right).zip(factors.chunks_exact_mut(classes)) {
        let Some(right) = *right else { continue };
        let mut order: Vec<usize> = (0..classes).collect();
        // Of equally probable ones the first.
        order.sort_by(|&one, &other| row[other].total_cmp(&row[one]).then(one.cmp(&other)));
        for &class in order.iter().take(most) {
            factors[class] = distances[right * classes + class] / counted;
        }
    }
    let factors = Tensor::from_vec(factors, probabilities.shape(), device::current())?;
    Ok((probabilities * factors)?.sum_all()?)
}

/// The right class of each row: its label, or the answer with the highest score; none of rows without a label. None where there are not
/// as many as rows.
fn right_classes(inputs: &Inputs<'_>, rows: usize, classes: usize) -> Option<Vec<Option<usize>>> {
    let targets = inputs.targets;
    if !targets.scores.is_empty() {
        let best = |row: &[f32]| {
            let best = row.iter().zip(0..).fold((0.0, None), |best, (&score, class)| {
                if score > best.0 { (score, Some(class)) } else { best }
            });
            best.1
        };
        let mut right: Vec<Option<usize>> = targets.scores.chunks_exact(classes).map(best).collect();
        for (right, &scored) in right.iter_mut().zip(targets.scored.iter()) {
            *right = right.filter(|_| scored > 0.0);
        }
        return (right.len() == rows).then_some(right);
    }
    let label = |(&class, &labelled): (&u32, &f32)| (labelled > 0.0).then_some(class as usize);
    let right: Vec<Option<usize>> = targets.classes.iter().zip(targets.labelled.iter()).map(label).collect();
    (right.len() == rows && right.iter().flatten().all(|&class| class < classes)).then_some(right)
}

#[cfg(test)]
mod tests {
    use alambic_models::{TapSelection, Trace};
    use alambic_tensor::candle::{Device, Var};
    use alambic_tensor::gradients::backward;
    use alambic_tensor::parameters::Weights;

    use super::*;
    use crate::Targets;

    /// A term over three classes and the distances 0.5 (first two) and 1.
    fn term(classes: usize) -> Result<Term, LossError> {
        let outline = Outline { classes: 3, ..Outline::default() };
        let options = LabelPrior {
            weight: Weight::from(10.0),
            classes,
            vectors: None,
            table: Some(Location::File("d.tsv".into())),
            relations: None,
            shuffled: false,
        };
        let term = options.bind(&outline, None)?;
        if let Some(distances) = &term.class_distances {
            distances.give(vec![0.0, 0.5, 1.0, 0.5, 0.0, 1.0, 1.0, 1.0, 0.0]);
        }
        Ok(term)
    }

    fn value(term: &Term, logits: &Tensor, targets: &Targets) -> Result<Tensor, LossError> {
        let mut student = Trace::new(TapSelection::All);
        student.record("logits", logits);
        term.loss(&Inputs {
            student: &student,
            teacher: None,
            targets,
            projections: &Weights::new(),
            ranks: None,
            progress: 1.0,
            step: None,
        })
    }

    #[test]
    fn the_most_probable_classes_count_by_their_distance() -> Result<(), LossError> {
        // Probabilities 0.5, 0.3, 0.2 and 0.2, 0.3, 0.5.
        let rows = [[0.5f32.ln(), 0.3f32.ln(), 0.2f32.ln()], [0.2f32.ln(), 0.3f32.ln(), 0.5f32.ln()]];
        let logits = Var::from_tensor(&Tensor::new(&rows, &Device::Cpu)?)?;
        let targets = Targets {
            classes: Arc::new(vec![0, 0]),
            labelled: Arc::new(vec![1.0, 1.0]),
            ..Targets::default()
        };
        let all = value(&term(10)?, logits.as_tensor(), &targets)?;
        let expected = f32::midpoint(0.3 * 0.5 + 0.2, 0.3 * 0.5 + 0.5);
        assert!((all.to_scalar::<f32>()? - expected).abs() < 1e-6);
        let two = value(&term(2)?, logits.as_tensor(), &targets)?;
        let expected = f32::midpoint(0.3 * 0.5, 0.3 * 0.5 + 0.5);
        assert!((two.to_scalar::<f32>()? - expected).abs() < 1e-6);
        // ∂/∂z_c = p_c (d_c − Σ p d) / N.
        let gradients = backward(&all)?;
        let gradient = gradients.get(logits.as_tensor()).map(Tensor::to_vec2::<f32>).transpose()?;
        let mean = 0.35f32;
        let first = [0.5 * (0.0 - mean), 0.3 * (0.5 - mean), 0.2 * (1.0 - mean)].map(|own| own / 2.0);
        for (found, expected) in gradient.iter().flat_map(|rows| &rows[0]).zip(first) {
            assert!((found - expected).abs() < 1e-6, "{gradient:?}");
        }
        Ok(())
    }

    #[test]
    fn the_answer_with_the_highest_score_is_the_right_one_and_rows_without_labels_do_not_count()
    -> Result<(), LossError> {
        let logits = Tensor::new(&[[0.0f32, 0.0, 0.0], [9.0, 0.0, 0.0]], &Device::Cpu)?;
        let scored = Targets { scores: Arc::new(vec![0.3, 0.0, 0.9, 0.0, 0.0, 0.0]), ..Targets::default() };
        let found = value(&term(3)?, &logits, &scored)?.to_scalar::<f32>()?;
        assert!((found - 2.0 / 3.0).abs() < 1e-6, "{found}");
        let labelled = Targets {
            classes: Arc::new(vec![2, 1]),
            labelled: Arc::new(vec![1.0, 0.0]),
            ..Targets::default()
        };
        assert!((value(&term(3)?, &logits, &labelled)?.to_scalar::<f32>()? - found).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn it_needs_one_source_of_distances() {
        let outline = Outline { classes: 3, ..Outline::default() };
        let options = LabelPrior {
            weight: Weight::from(1.0),
            classes: 10,
            vectors: None,
            table: None,
            relations: None,
            shuffled: false,
        };
        let message = options.bind(&outline, None).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains("one of `vectors`, `table` and `relations`"), "{message}");
    }
}
