//! Supervised contrast of tokens or texts by their classes.

use alambic_models::{Outline, tap};
use alambic_settings::{choices, settings};
use alambic_tensor::candle::{D, DType, Tensor};
use alambic_tensor::{Streams, device};

use crate::arithmetic::log_softmax;
use crate::logits::same_classes;
use crate::{Inputs, LossError, LossTerm, TargetKind, Targets, Temperature, Term, Weight};

choices! {
    /// What is contrasted.
    pub enum ContrastedRows {
        /// The logits, as they are.
        Logits = "logits",
        /// The last hidden states.
        Hidden = "hidden",
    }
}

choices! {
    /// What two rows have in common that belong together.
    pub enum ContrastLevel {
        /// Their class: the whole tag of a word.
        Tag = "tag",
        /// What stands behind the first hyphen of their tag, such as the sentiment of `B-POS`; tags without one are kinds of their own.
        Kind = "kind",
    }
}

choices! {
    /// The rows that are contrasted.
    pub enum CountedRows {
        /// The first token of each word, or each text: rows with a label, and of a teacher's distribution those that count.
        Words = "words",
        /// All tokens, as in the published code of CL-XABSA: other pieces of words, special tokens and padding are one class of their
        /// own, whose rows belong together.
        All = "all",
    }
}

choices! {
    /// By what a sum of n rows is divided.
    pub enum ContrastDivision {
        /// The number of rows that have positives: the mean over them.
        Once = "once",
        /// That, and by the number of all rows again, as in the published code of CL-XABSA, which leaves next to no gradient.
        Twice = "twice",
    }
}

choices! {
    /// Which rows belong together.
    pub enum ContrastPositives {
        /// Those of one label.
        Labels = "labels",
        /// Those to which the teacher's probabilities give one class most likely: `p_T,i · p_T,j > 0.5`.
        Teacher = "teacher",
    }
}

settings! {
    /// Rows of one class drawn together, and those of others apart.
    ///
    /// Supervised contrastive loss (Khosla et al., 2020) as CL-XABSA has it over tokens (Lin et al., 2023): with rows `z` of logits or
    /// hidden states, `[N, D]`, not normalised,
    /// `ℓ_i = -(τ/τ₀) · mean_{p ∈ P(i)} [z_i · z_p / τ - log Σ_{k ≠ i} exp(z_i · z_k / τ)]`, P(i) being the other rows of i's class,
    /// and `L` the mean of `ℓ_i` over the rows that have such. All is in log space. Without one, L is 0. The published code takes
    /// all tokens for rows, padding as well (`rows = "all"`), divides by N again (`divide = "twice"`), has τ₀ = 0.1 where it
    /// distils, and adds the constant -τ/τ₀ for each row without positives. Where there are
    /// more than `rows-at-most` rows, so many of them are drawn, as a function of their classes and of the progress of the stage.
    pub struct SupervisedContrast {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What is contrasted.
        pub of: ContrastedRows = ContrastedRows::Logits,
        /// What two rows have in common that belong together.
        pub level: ContrastLevel = ContrastLevel::Tag,
        /// The rows that are contrasted.
        pub rows: CountedRows = CountedRows::Words,
        /// The temperature τ.
        #[range(alambic_settings::above(0.0))]
        pub temperature: Temperature = Temperature::from(0.9),
        /// The temperature τ₀, by which the loss is divided.
        #[range(alambic_settings::above(0.0))]
        pub base_temperature: f64 = 0.07,
        /// By what the sum is divided.
        pub divide: ContrastDivision = ContrastDivision::Once,
        /// Which rows belong together.
        pub positives: ContrastPositives = ContrastPositives::Labels,
        /// Most rows of a batch: memory grows with their square.
        #[range(2..=65_536)]
        pub rows_at_most: usize = 2048,
    }
}

const NAME: &str = "supervised-contrast";

/// The tap of predictions.
const LOGITS: &str = "logits";

impl LossTerm for SupervisedContrast {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let own = self.own_tap(student)?;
        let of_teacher = match self.positives {
            ContrastPositives::Labels => Vec::new(),
            ContrastPositives::Teacher => {
                same_classes(NAME, student, teacher)?;
                vec![LOGITS.to_owned()]
            }
        };
        let groups = self.groups(student)?;
        let (options, tap) = (self.clone(), own.clone());
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs, &tap, groups.as_deref());
        let term = Term::new(NAME, self.weight, vec![own], of_teacher, Box::new(compute))
            .scheduling("temperature", self.temperature)
            .reading_padding(self.rows == CountedRows::All);
        let term = match self.positives {
            ContrastPositives::Labels => term.with_targets(&[TargetKind::Classes]),
            ContrastPositives::Teacher => term,
        };
        Ok(if student.classes_of_tokens { term } else { term.comparing_examples() })
    }

    fn reads_only_logits(&self) -> bool {
        self.of == ContrastedRows::Logits
    }
}

impl SupervisedContrast {
    /// The tap of the student that is contrasted.
    fn own_tap(&self, student: &Outline) -> Result<String, LossError> {
        let fail = |reason: &str| Err(LossError::Incompatible { term: NAME, reason: reason.into() });
        match (self.of, student.streams.get("")) {
            (ContrastedRows::Logits, _) if student.classes == 0 => {
                fail("the student has no head, and so no logits; `of = \"hidden\"` contrasts its states")
            }
            (ContrastedRows::Logits, _) => Ok(LOGITS.to_owned()),
            // Of a text there is no state of its own, but one of each token.
            (ContrastedRows::Hidden, _) if student.classes > 0 && !student.classes_of_tokens => {
                fail("hidden states are of tokens and the student's classes of texts; leave `of` at `logits`")
            }
            (ContrastedRows::Hidden, Some(stream)) if stream.hidden => Ok(tap("", "hidden", stream.layers)),
            (ContrastedRows::Hidden, _) => fail("the student has no hidden states; leave `of` at `logits`"),
        }
    }

    /// The group of each class; none where each is one of its own, or only the teacher says what belongs together.
    fn groups(&self, student: &Outline) -> Result<Option<Vec<u32>>, LossError> {
        if self.level == ContrastLevel::Tag {
            return Ok(None);
        }
        let fail = |reason: String| Err(LossError::Incompatible { term: NAME, reason });
        if self.positives == ContrastPositives::Teacher {
            return fail("`level` is of labels; leave it out where `positives` are the teacher's".into());
        }
        if student.labels.is_empty() {
            // Those of recorded traces have no names: `O`, and then four of each kind.
            return match student.classes.checked_sub(1) {
                Some(others) if others % 4 == 0 => {
                    Ok(Some((0..student.classes as u32).map(|class| class.div_ceil(4)).collect()))
                }
                _ => fail(format!(
                    "`level = \"kind\"` needs names of classes, or `O` and four of each kind, and there are {} without names",
                    student.classes
                )),
            };
        }
        if !student.labels.iter().any(|label| label.contains('-')) {
            return fail(format!(
                "`level = \"kind\"` is of tags such as `B-POS`, and the classes are {}",
                student.labels.join(", ")
            ));
        }
        let mut kinds: Vec<(bool, &str)> = Vec::new();
        let own = student.labels.iter().map(|label| {
            // A tag without a hyphen may be called as a kind is.
            let kind = label.split_once('-').map_or((false, label.as_str()), |(_, kind)| (true, kind));
            let place = kinds.iter().position(|other| *other == kind);
            place.unwrap_or_else(|| {
                kinds.push(kind);
                kinds.len() - 1
            }) as u32
        });
        Ok(Some(own.collect()))
    }

    fn compute(&self, inputs: &Inputs<'_>, tap: &str, groups: Option<&[u32]>) -> Result<Tensor, LossError> {
        let flat = |tensor: &Tensor| tensor.reshape(((), tensor.dim(D::Minus1)?));
        let rows = flat(inputs.student(tap)?)?;
        let all = rows.dim(0)?;
        let chosen = self.chosen(inputs, all)?;
        let count = chosen.len();
        let rows = if count == all {
            rows
        } else {
            let places = Tensor::from_vec(chosen.clone(), count, device::current())?;
            rows.contiguous()?.index_select(&places, 0)?
        };
        let positives = match self.positives {
            ContrastPositives::Labels => same_label(inputs.targets, &chosen, groups)?,
            ContrastPositives::Teacher => {
                let teacher = flat(&inputs.teacher(LOGITS)?.detach())?;
                if teacher.dim(0)? != all {
                    let reason = format!("{all} rows of the student and {} of the teacher", teacher.dim(0)?);
                    return Err(LossError::Incompatible { term: NAME, reason });
                }
                let places = Tensor::from_vec(chosen, count, device::current())?;
                same_prediction(&teacher.contiguous()?.index_select(&places, 0)?)?
            }
        };
        // Each row counts by the number of its positives, and those without any not at all.
        let counts: Vec<f32> = positives.sum(1)?.to_vec1()?;
        let having = counts.iter().filter(|count| **count > 0.0).count();
        if having == 0 {
            return Ok((rows.sum_all()? * 0.0)?);
        }
        let shares: Vec<f32> = counts
            .iter()
            .map(|count| if *count > 0.0 { 1.0 / (count * having as f32) } else { 0.0 })
            .collect();
        let shares = positives.broadcast_mul(&Tensor::from_vec(shares, (count, 1), device::current())?)?;
        let temperature = self.temperature.at(inputs.progress);
        let logs = log_probabilities(&rows, temperature)?;
        let divisor = if self.divide == ContrastDivision::Twice { count as f64 } else { 1.0 };
        let scale = -temperature / self.base_temperature / divisor;
        Ok(((logs * shares)?.sum_all()? * scale)?)
    }

    /// The places of the rows that are contrasted.
    fn chosen(&self, inputs: &Inputs<'_>, all: usize) -> Result<Vec<u32>, LossError> {
        let Targets { classes, labelled, teacher_mask, .. } = inputs.targets;
        let (counted, is_of_labels) = match self.positives {
            ContrastPositives::Labels => (labelled, true),
            ContrastPositives::Teacher => (teacher_mask, false),
        };
        let has_all = counted.len() == all && (!is_of_labels || classes.len() == all);
        if !has_all && (is_of_labels || !counted.is_empty()) {
            let what = if is_of_labels { "labels" } else { "weights of a teacher" };
            let reason = format!("{all} rows of the student and {} {what}", counted.len());
            return Err(LossError::Incompatible { term: NAME, reason });
        }
        let is_chosen = |row: &usize| {
            self.rows == CountedRows::All || counted.get(*row).is_none_or(|weight| *weight > 0.0)
        };
        let mut chosen: Vec<u32> = (0..all).filter(is_chosen).map(|row| row as u32).collect();
        if chosen.len() > self.rows_at_most {
            let classes: Vec<u8> = classes.iter().flat_map(|class| class.to_le_bytes()).collect();
            let parts = [classes.as_slice(), &inputs.progress.to_le_bytes()];
            let kept = Streams::new(0).sample(&parts, chosen.len(), self.rows_at_most);
            chosen = kept.into_iter().map(|place| chosen[place]).collect();
        }
        Ok(chosen)
    }
}

/// `[rows, rows]`: 1 where two different rows have the label of one group, or neither has a label; else 0.
fn same_label(targets: &Targets, chosen: &[u32], groups: Option<&[u32]>) -> Result<Tensor, LossError> {
    let label = |row: &u32| {
        let row = *row as usize;
        let is_labelled = targets.labelled[row] > 0.0;
        let class = targets.classes[row];
        is_labelled.then(|| groups.and_then(|groups| groups.get(class as usize)).copied().unwrap_or(class))
    };
    let labels: Vec<Option<u32>> = chosen.iter().map(label).collect();
    let count = labels.len();
    let mut same = vec![0.0f32; count * count];
    for (row, own) in labels.iter().enumerate() {
        for (column, other) in labels.iter().enumerate() {
            if row != column && own == other {
                same[row * count + column] = 1.0;
            }
        }
    }
    Ok(Tensor::from_vec(same, (count, count), device::current())?)
}

/// `[rows, rows]`: 1 where two different rows of a teacher's logits most likely have one class, else 0.
fn same_prediction(logits: &Tensor) -> Result<Tensor, LossError> {
    let probabilities = log_softmax(logits)?.exp()?;
    let same = probabilities.matmul(&probabilities.t()?)?.gt(0.5)?.to_dtype(DType::F32)?;
    Ok((same * others(logits.dim(0)?)?)?)
}

/// `[rows, rows]`: 0 on the diagonal, else 1.
fn others(count: usize) -> Result<Tensor, LossError> {
    let others: Vec<f32> =
        (0..count * count).map(|cell| f32::from(u8::from(cell / count != cell % count))).collect();
    Ok(Tensor::from_vec(others, (count, count), device::current())?)
}

/// `[rows, rows]`: the logarithm of the softmax of `z_i · z_k / τ` over the other rows k of each row i; on the diagonal a number that
/// stands for nothing. There are two rows or more.
fn log_probabilities(rows: &Tensor, temperature: f64) -> Result<Tensor, LossError> {
    let count = rows.dim(0)?;
    let others = others(count)?;
    let scores = (rows.matmul(&rows.t()?)? / temperature)?;
    // The largest of the other rows, detached: it cancels. That of the row itself may be so much larger that nothing of the others
    // would be left.
    let own = Tensor::eye(count, DType::F32, device::current())?;
    let largest = ((scores.detach() * &others)? - (own * FAR)?)?.max_keepdim(D::Minus1)?;
    // 0 in the place of the row itself, before the exponential, which might be infinite.
    let shifted = (scores.broadcast_sub(&largest)? * &others)?;
    let total = (shifted.exp()? * &others)?.sum_keepdim(D::Minus1)?.log()?;
    Ok(shifted.broadcast_sub(&total)?)
}

/// What is above every score.
const FAR: f64 = 1e30;
