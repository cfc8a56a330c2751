//! Vectors of CLIP for image, text and chosen words, weighted by its confidence.

use alambic_models::{Outline, TOKENS, embedding_tap, parts_tap, tap};
use alambic_settings::{choices, settings};
use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::masked_mean;

use crate::arithmetic::{cosine, normalised};
use crate::layers::{projection, streams};
use crate::targeted_words::{ChosenWords, WordSelection};
use crate::{Inputs, LossError, LossTerm, Projection, TargetKind, Term, Weight};

choices! {
    /// What of an example is compared.
    pub enum TargetedPart {
        /// The mean state of the image with the teacher's embedding of it.
        Image = "image",
        /// The first state of the text with the teacher's embedding of it.
        Text = "text",
        /// Chosen words with the teacher's states of them.
        Tokens = "tokens",
    }
}

choices! {
    /// How much an example counts.
    pub enum Confidence {
        /// The teacher's probability of the true choice to its sum with the student's: much where the teacher knows what the student
        /// does not.
        Ratio = "ratio",
        /// The teacher's probability of the true choice.
        Teacher = "teacher",
        /// All alike.
        None = "none",
    }
}

choices! {
    /// How two vectors are compared.
    pub enum VectorDistance {
        /// The mean absolute difference of the vectors at length one.
        Absolute = "l1",
        /// One minus the cosine.
        Cosine = "cosine",
    }
}

settings! {
    /// The student's states of image, text and chosen words against the vectors of a CLIP, examples weighted by its confidence.
    ///
    /// CLIP-TD (Wang et al., 2022), of which the abstract tells the parts; the equations are a reading of it. With u(·) of length
    /// one, P the width of the teacher's embeddings, h_CLS `[B, D]` the first state of the text, h the mean state of the image and s
    /// that of a word's pieces, all behind the last layer, projections `W` with biases, and the teacher's I_b, T_b `[B, P]` and τ,
    /// the mean of a word's `text.tokens`, all without gradient:
    /// `L_image = Σ_b w_b ‖u(W_v h_b) - u(I_b)‖₁ / P`, `L_text = Σ_b w_b ‖u(W_t h_CLS) - u(T_b)‖₁ / P`,
    /// `L_tokens = Σ_b w_b mean_{S_b} ‖u(W_w s) - u(τ)‖₁ / P`, and `L = (L_image + L_text + L_tokens) / Σ_b w_b`. S_b are the
    /// `max(1, ⌈ρ n⌉)` best of the n words that both tokenizers cut out of the text, ties by place; a text without any has no third
    /// part. `w_b = p_T / (p_T + p_S)`, without gradient, of the probabilities that teacher and student give to the true choice: to
    /// the texts of the batch, where a model has no choices. The projections are no part of the student.
    pub struct Targeted {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(10.0),
        /// What is compared.
        pub parts: Vec<TargetedPart> = vec![TargetedPart::Image, TargetedPart::Text, TargetedPart::Tokens],
        /// Which words are chosen.
        pub select: WordSelection = WordSelection::Both,
        /// Share of the words of a text that is chosen.
        #[range(0.0..=1.0)]
        pub token_fraction: f64 = 0.3,
        /// How much an example counts.
        pub confidence: Confidence = Confidence::Ratio,
        /// How two vectors are compared.
        pub distance: VectorDistance = VectorDistance::Absolute,
        /// Whether the sum is divided by that of the weights, and not by the number of examples.
        pub normalise_weights: bool = true,
    }
}

pub(crate) const NAME: &str = "targeted";

/// The streams of both models.
const TEXT: &str = "text";
const IMAGE: &str = "image";

const LOGITS: &str = "logits";

/// A part with its taps, bound to two models.
struct BoundPart {
    part: TargetedPart,
    student_tap: String,
    teacher_tap: String,
    projection: Projection,
}

impl LossTerm for Targeted {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let other = teacher.ok_or(LossError::NoTeacher(NAME))?;
        let incompatible = |reason: String| LossError::Incompatible { term: NAME, reason };
        if self.parts.is_empty() {
            return Err(incompatible("`parts` is empty; name image, text or tokens".into()));
        }
        let parts: Vec<BoundPart> =
            self.parts.iter().map(|&part| bind_part(part, student, other)).collect::<Result<_, _>>()?;
        let has = |wanted: TargetedPart| self.parts.contains(&wanted);
        let is_relevance_read = has(TargetedPart::Tokens) && self.select.reads_relevance();
        let mut student_taps: Vec<String> = Vec::new();
        let mut teacher_taps: Vec<String> = Vec::new();
        for part in &parts {
            student_taps.extend([part.student_tap.clone()]);
            teacher_taps.extend([part.teacher_tap.clone()]);
        }
        teacher_taps.extend(is_relevance_read.then(|| embedding_tap(IMAGE)));
        let chooses =
            |outline: &Outline| outline.pairs || (outline.classes > 0 && !outline.classes_of_tokens);
        for (side, outline, taps, is_read) in [
            ("teacher", other, &mut teacher_taps, self.confidence != Confidence::None),
            ("student", student, &mut student_taps, self.confidence == Confidence::Ratio),
        ] {
            if !is_read {
                continue;
            }
            if !chooses(outline) {
                return Err(incompatible(format!(
                    "the {side} gives no probabilities to choices; set `confidence = \"none\"`"
                )));
            }
            taps.push(LOGITS.to_owned());
        }
        for taps in [&mut student_taps, &mut teacher_taps] {
            let mut seen: Vec<String> = Vec::new();
            taps.retain(|tap| {
                !seen.contains(tap) && {
                    seen.push(tap.clone());
                    true
                }
            });
        }
        let projections = parts.iter().map(|part| part.projection.clone()).collect();
        let (options, pairs) = (self.clone(), [other.pairs, student.pairs]);
        let targets: &[TargetKind] = if has(TargetedPart::Tokens) { &[TargetKind::Words] } else { &[] };
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs, &parts, pairs);
        let term = Term::new(NAME, self.weight, student_taps, teacher_taps, Box::new(compute));
        Ok(Term { projections, ..term.with_targets(targets) })
    }
}

/// The taps and the projection of a part.
fn bind_part(part: TargetedPart, student: &Outline, teacher: &Outline) -> Result<BoundPart, LossError> {
    let stream = if part == TargetedPart::Image { IMAGE } else { TEXT };
    let (own, other) = streams(NAME, stream, student, Some(teacher))?;
    let missing = |side: &str, tap: &str| LossError::Incompatible {
        term: NAME,
        reason: format!("the {side} has no tap `{tap}`, which CLIP's models have"),
    };
    let student_tap = tap(stream, "hidden", own.layers);
    if !own.hidden {
        return Err(missing("student", &student_tap));
    }
    let embedding = embedding_tap(stream);
    let width = other.embedding.ok_or_else(|| missing("teacher", &embedding))?;
    let teacher_tap = if part == TargetedPart::Tokens { parts_tap(stream, TOKENS) } else { embedding };
    if part == TargetedPart::Tokens && other.parts != Some(TOKENS) {
        return Err(missing("teacher", &teacher_tap));
    }
    let projection = projection(NAME, part.name(), "projection", own.width, width);
    Ok(BoundPart { part, student_tap, teacher_tap, projection })
}

impl Targeted {
    /// The value; `pairs` says of teacher and student whether their logits are of every image with every text of the batch.
    fn compute(
        &self,
        inputs: &Inputs<'_>,
        parts: &[BoundPart],
        pairs: [bool; 2],
    ) -> Result<Tensor, LossError> {
        let batch = match parts.first() {
            Some(first) => inputs.student(&first.student_tap)?.dim(0)?,
            None => 0,
        };
        let weights = self.example_weights(inputs, batch, pairs)?;
        let mut sum: Option<Tensor> = None;
        for part in parts {
            let Some((own, other, weights)) = self.vectors(inputs, part, &weights)? else { continue };
            let projected = inputs.project(&own, Some(&part.projection.name))?;
            let weights = Tensor::new(weights, projected.device())?;
            let value = (self.distances(&projected, &other)? * weights)?.sum_all()?;
            sum = Some(match sum {
                Some(sum) => (sum + value)?,
                None => value,
            });
        }
        let total = if self.normalise_weights { weights.iter().sum::<f64>() } else { batch as f64 };
        match sum {
            Some(sum) => Ok((sum / if total > 0.0 { total } else { 1.0 })?),
            None => Ok(Tensor::new(0.0f32, device::current())?),
        }
    }

    /// Vectors of the student before their projection, and of the teacher, row by row, and the weight of each row; none where there
    /// are no rows.
    fn vectors(
        &self,
        inputs: &Inputs<'_>,
        part: &BoundPart,
        weights: &[f64],
    ) -> Result<Option<(Tensor, Tensor, Vec<f32>)>, LossError> {
        let states = inputs.student(&part.student_tap)?;
        let teacher = inputs.teacher(&part.teacher_tap)?.detach();
        let own = match part.part {
            TargetedPart::Image => {
                let missing =
                    || LossError::MissingMask { side: "student", names: crate::mask::mask_names(IMAGE) };
                masked_mean(states, inputs.student.hidden_mask(IMAGE).ok_or_else(missing)?)?
            }
            TargetedPart::Text => states.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?,
            TargetedPart::Tokens => {
                let image = if self.select.reads_relevance() {
                    Some(inputs.teacher(&embedding_tap(IMAGE))?.detach())
                } else {
                    None
                };
                let words = &inputs.targets.words;
                let chosen =
                    ChosenWords::new(words, (self.select, self.token_fraction), &teacher, image.as_ref())?;
                let row = |(row, share): &(usize, f64)| (weights[*row] * share) as f32;
                let weights: Vec<f32> = chosen.rows.iter().map(row).collect();
                return match chosen.student_vectors(states)? {
                    Some(own) => Ok(Some((own, chosen.teacher, weights))),
                    None => Ok(None),
                };
            }
        };
        Ok(Some((own, teacher, weights.iter().map(|weight| *weight as f32).collect())))
    }

    /// The distance of each two vectors along the last dimension.
    fn distances(&self, own: &Tensor, other: &Tensor) -> Result<Tensor, LossError> {
        match self.distance {
            VectorDistance::Absolute => {
                let width = own.dim(D::Minus1)?.max(1) as f64;
                let difference = (normalised(own)? - normalised(other)?)?.abs()?;
                Ok((difference.sum(D::Minus1)? / width)?)
            }
            VectorDistance::Cosine => Ok(cosine(own, other)?.affine(-1.0, 1.0)?),
        }
    }

    /// How much each example counts.
    fn example_weights(
        &self,
        inputs: &Inputs<'_>,
        batch: usize,
        [teacher_pairs, student_pairs]: [bool; 2],
    ) -> Result<Vec<f64>, LossError> {
        let of = |logits: &Tensor, pairs| probabilities(&logits.detach(), pairs, &inputs.targets.classes);
        if self.confidence == Confidence::None {
            return Ok(vec![1.0; batch]);
        }
        let teacher = of(inputs.teacher(LOGITS)?, teacher_pairs)?;
        if self.confidence == Confidence::Teacher {
            return Ok(teacher);
        }
        let student = of(inputs.student(LOGITS)?, student_pairs)?;
        let ratio = |(teacher, student): (f64, f64)| {
            let sum = teacher + student;
            if sum > 0.0 { teacher / sum } else { 0.5 }
        };
        Ok(teacher.into_iter().zip(student).map(ratio).collect())
    }
}

/// The probability of the class of each row of logits `[rows, classes]`: of the row's own number, where they are of all pairs.
fn probabilities(logits: &Tensor, pairs: bool, classes: &[u32]) -> Result<Vec<f64>, LossError> {
    let rows: Vec<Vec<f32>> = logits.to_vec2()?;
    let own: Vec<u32> = (0..rows.len() as u32).collect();
    let classes = if pairs { &own } else { classes };
    let probability = |(row, class): (&Vec<f32>, &u32)| {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let exponential = |logit: f32| f64::from(logit - largest).exp();
        let sum: f64 = row.iter().copied().map(exponential).sum();
        row.get(*class as usize).map(|&logit| exponential(logit) / sum)
    };
    let found: Option<Vec<f64>> = rows.iter().zip(classes).map(probability).collect();
    found.filter(|found| found.len() == rows.len()).ok_or_else(|| LossError::Incompatible {
        term: NAME,
        reason: "the true choice of each example is not among the logits; give labels, or set `confidence = \"none\"`"
            .into(),
    })
}
