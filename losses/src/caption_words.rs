//! Masked words of captions that are written.

use std::cmp::Ordering;
use std::sync::Arc;

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::ops;

use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Masked words of captions, against smoothed targets, as Oscar and VinVL learn to write.
    ///
    /// `L = 1/M Σ_m KL(q_m || p_m)` over the M masked tokens of a batch that are labels, with `q = 1 - s` at the token and
    /// `s / (V - 1)` at each of the V - 1 others (microsoft/Oscar, `BertCaptioningLoss`). Student logits are `[M, V]`. With `s = 0`
    /// it is `cross-entropy`, whose label smoothing spreads s over all V classes. After `drop-worst-after` steps the share
    /// `drop-worst` of the masked tokens, those with the largest losses, is left out of a batch and its mean: captions say what no
    /// model can know. What is left out is chosen anew in each batch, and nothing in validation.
    pub struct CaptionWords {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Probability spread evenly over all other tokens. The published models have 0.1.
        #[range(0.0..=0.99)]
        pub label_smoothing: f64 = 0.1,
        /// Share of the masked tokens of a batch that is left out. The published models have 0.2.
        #[range(0.0..=0.99)]
        pub drop_worst: f64 = 0.0,
        /// Steps of the stage before tokens are left out. The published models have 20,000.
        pub drop_worst_after: usize = 0,
    }
}

impl LossTerm for CaptionWords {
    fn bind(&self, _: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        let Self { label_smoothing: smoothing, drop_worst, drop_worst_after, .. } = *self;
        let compute = move |inputs: &Inputs<'_>| {
            let logits = inputs.student("logits")?;
            let classes = logits.dim(logits.rank() - 1)?;
            let others = classes.saturating_sub(1).max(1) as f64;
            let mut weights = inputs.targets.labelled.clone();
            // That step of the stage is under way, and so many are done.
            let is_dropping = inputs.step.is_some_and(|step| step > drop_worst_after);
            if drop_worst > 0.0 && is_dropping {
                let losses = row_losses(logits, &inputs.targets.classes, smoothing / others)?;
                weights = Arc::new(without_worst(&weights, &losses, drop_worst));
            }
            let settings = ops::CrossEntropy {
                targets: inputs.targets.classes.clone(),
                weights,
                // The same sum over all classes, that of the token included.
                smoothing: (smoothing * classes as f64 / others) as f32,
            };
            let part = |probability: f64| {
                if probability > 0.0 { probability * probability.ln() } else { 0.0 }
            };
            let negative_entropy = part(1.0 - smoothing) + others * part(smoothing / others);
            Ok((ops::cross_entropy(logits, settings)? + negative_entropy)?)
        };
        Ok(Term::new("caption-words", self.weight, vec!["logits".into()], Vec::new(), Box::new(compute))
            .with_targets(&[TargetKind::Classes]))
    }

    fn reads_only_logits(&self) -> bool {
        true
    }
}

/// The loss of each row, less what is the same for all of them; `even` is the probability of each other token.
fn row_losses(logits: &Tensor, targets: &[u32], even: f64) -> Result<Vec<f64>, LossError> {
    let width = logits.dim(logits.rank() - 1)?;
    let rows = logits.detach().to_dtype(DType::F32)?.reshape(((), width))?.to_vec2::<f32>()?;
    let loss = |(row, &target): (&Vec<f32>, &u32)| {
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let normal = row.iter().map(|logit| f64::from(logit - most).exp()).sum::<f64>().ln();
        let log = |logit: f32| f64::from(logit - most) - normal;
        let own = row.get(target as usize).map_or(f64::NEG_INFINITY, |&logit| log(logit));
        let all: f64 = row.iter().map(|&logit| log(logit)).sum();
        let smoothed = if even > 0.0 { even * (all - own) } else { 0.0 };
        -(1.0 - even * (width as f64 - 1.0)) * own - smoothed
    };
    Ok(rows.iter().zip(targets).map(loss).collect())
}

/// The weights of rows, with 0 for the share of those that count whose losses are the largest; one of them stays.
fn without_worst(weights: &[f32], losses: &[f64], share: f64) -> Vec<f32> {
    let mut counted: Vec<usize> = (0..weights.len()).filter(|&row| weights[row] > 0.0).collect();
    let kept = ((counted.len() as f64 * (1.0 - share)) as usize).max(1);
    counted.sort_by(|a, b| losses[*a].partial_cmp(&losses[*b]).unwrap_or(Ordering::Equal).then(a.cmp(b)));
    let mut weights = weights.to_vec();
    for &row in counted.iter().skip(kept) {
        weights[row] = 0.0;
    }
    weights
}

#[cfg(test)]
mod tests {
    use alambic_models::{TapSelection, Trace};
    use alambic_tensor::candle::Device;
    use alambic_tensor::parameters::Weights;

    use super::*;
    use crate::Targets;

    const LOGITS: [[f32; 4]; 5] = [
        [2.0, 0.5, -1.0, 0.0],
        [0.1, 0.2, 0.3, 0.4],
        [-3.0, 1.0, 4.0, 0.0],
        [0.0, 0.0, 0.0, 9.0],
        [1.0, 1.0, 1.0, 1.0],
    ];
    const CLASSES: [u32; 5] = [0, 3, 0, 3, 1];

    /// The loss over the rows, the last of which does not count, at a step.
    fn loss(options: &CaptionWords, step: Option<usize>) -> f64 {
        let mut student = Trace::new(TapSelection::All);
        student.record("logits", &Tensor::new(&LOGITS, &Device::Cpu).unwrap());
        let targets = Targets {
            classes: Arc::new(CLASSES.to_vec()),
            labelled: Arc::new(vec![1.0, 1.0, 1.0, 1.0, 0.0]),
            ..Targets::default()
        };
        let term = options.bind(&Outline::default(), None).unwrap();
        let inputs = Inputs {
            student: &student,
            teacher: None,
            targets: &targets,
            projections: &Weights::new(),
            ranks: None,
            progress: 1.0,
            step,
        };
        f64::from(term.loss(&inputs).unwrap().to_scalar::<f32>().unwrap())
    }

    fn options(label_smoothing: f64, drop_worst: f64, drop_worst_after: usize) -> CaptionWords {
        CaptionWords { weight: Weight::from(1.0), label_smoothing, drop_worst, drop_worst_after }
    }

    /// By PyTorch's `KLDivLoss` with targets of 1 - s and s / (V - 1), in double precision: `losses/tests/golden/caption_words.py`.
    const GOLDEN: [(f64, f64, f64); 4] = [
        (0.0, 0.0, 2.162_998_138),
        (0.1, 0.0, 1.895_553_936),
        (0.1, 0.25, 0.472_363_111),
        (0.3, 0.5, 0.206_994_567),
    ];

    #[test]
    fn loss_is_the_divergence_of_pytorch() {
        for (smoothing, drop_worst, expected) in GOLDEN {
            let found = loss(&options(smoothing, drop_worst, 0), Some(1));
            assert!((found - expected).abs() < 1e-5, "{smoothing} {drop_worst}: {found} {expected}");
        }
    }

    #[test]
    fn nothing_is_dropped_before_its_step_nor_in_validation() {
        let (all, some) = (loss(&options(0.1, 0.0, 0), Some(1)), options(0.1, 0.5, 3));
        for step in [Some(1), Some(3), None] {
            assert_eq!(loss(&some, step), all, "{step:?}");
        }
        assert!(loss(&some, Some(4)) < all);
    }

    #[test]
    fn one_word_stays_where_all_would_be_dropped() {
        assert_eq!(without_worst(&[1.0, 0.0, 1.0], &[3.0, 1.0, 2.0], 0.99), [0.0, 0.0, 1.0]);
        assert_eq!(without_worst(&[0.0], &[1.0], 0.5), [0.0]);
    }
}
