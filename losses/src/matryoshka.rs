//! Matryoshka widths: a loss over the first numbers of vectors, at several widths together.

use alambic_settings::settings;
use alambic_tensor::candle::{D, Tensor};

use crate::LossError;
use crate::arithmetic::normalised;

settings! {
    /// Widths to which vectors can be truncated after training (Kusupati et al., 2022): `L = Σ_k w_k L(x[:d_k] / |x[:d_k]|)` over
    /// widths `d_k`, as sentence-transformers has it. Where vectors of a teacher are compared, its first `d_k` numbers are, not
    /// brought to length one.
    pub struct Matryoshka {
        /// Widths to which the student's embedding is to stay of use when it is truncated, its own among them: the loss is the sum of
        /// those of its first numbers, of length one. The report has the metrics at each width. Left out: the whole embedding alone.
        pub matryoshka: Vec<usize> = Vec::new(),
        /// Factor of each of these widths. Left out: 1.
        #[range(0.0..)]
        pub matryoshka_weights: Vec<f64> = Vec::new(),
    }
}

impl Matryoshka {
    /// The widths of vectors of a width; none where the whole vectors are compared alone.
    ///
    /// # Errors
    /// When a width is larger, or 0, or named twice, or there are other factors than widths.
    pub(crate) fn bind(&self, term: &'static str, width: usize) -> Result<Widths, LossError> {
        let refused = |reason: String| Err(LossError::Incompatible { term, reason });
        let (widths, weights) = (&self.matryoshka, &self.matryoshka_weights);
        if let Some(other) = widths.iter().find(|&&own| own == 0 || own > width) {
            return refused(format!(
                "`matryoshka` has the width {other}, and the student's embedding has {width} numbers"
            ));
        }
        if let Some(twice) = widths.iter().enumerate().find(|(place, own)| widths[..*place].contains(own)) {
            return refused(format!("`matryoshka` has the width {} twice", twice.1));
        }
        if !weights.is_empty() && weights.len() != widths.len() {
            let widths = format!("{} widths", widths.len());
            let factors = format!("{} of their factors", weights.len());
            return refused(format!("`matryoshka` names {widths}, and `matryoshka-weights` {factors}"));
        }
        let weight = |place: usize| weights.get(place).copied().unwrap_or(1.0);
        Ok(Widths(widths.iter().enumerate().map(|(place, own)| (*own, weight(place))).collect()))
    }

    /// The same of a student's vectors that a term compares with those of a teacher, where `is_of_embedding` says whether it compares
    /// embeddings as they are, without a projection.
    ///
    /// # Errors
    /// Errors of [`Self::bind`], and when it compares something else.
    pub(crate) fn bind_compared(
        &self,
        term: &'static str,
        width: usize,
        is_of_embedding: bool,
    ) -> Result<Widths, LossError> {
        if !self.matryoshka.is_empty() && !is_of_embedding {
            return Err(LossError::Incompatible {
                term,
                reason: "`matryoshka` truncates embeddings that are compared as they are: let `features` be `embedding`, and the \
                         student's be as wide as the teacher's, without a projection"
                    .into(),
            });
        }
        self.bind(term, width)
    }
}

/// Widths with their factors.
#[derive(Debug, Clone)]
pub(crate) struct Widths(Vec<(usize, f64)>);

impl Widths {
    /// The sum of a loss over all widths; `loss` is given the width, or none for the whole vectors.
    pub(crate) fn sum(
        &self,
        loss: impl Fn(Option<usize>) -> Result<Tensor, LossError>,
    ) -> Result<Tensor, LossError> {
        let mut sum: Option<Tensor> = None;
        for (width, weight) in &self.0 {
            let own = (loss(Some(*width))? * *weight)?;
            sum = Some(match sum {
                Some(sum) => (sum + own)?,
                None => own,
            });
        }
        sum.map_or_else(|| loss(None), Ok)
    }
}

/// The first numbers of vectors along the last dimension; all without a width.
pub(crate) fn first_numbers(vectors: &Tensor, width: Option<usize>) -> Result<Tensor, LossError> {
    match width {
        Some(width) if width < vectors.dim(D::Minus1)? => {
            Ok(vectors.narrow(D::Minus1, 0, width)?.contiguous()?)
        }
        _ => Ok(vectors.clone()),
    }
}

/// The same of length one; whole vectors stay as they are without a width.
pub(crate) fn truncated(vectors: &Tensor, width: Option<usize>) -> Result<Tensor, LossError> {
    match width {
        Some(_) => normalised(&first_numbers(vectors, width)?),
        None => Ok(vectors.clone()),
    }
}
