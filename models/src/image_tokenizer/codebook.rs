//! The codes of a codebook as training keeps them: running means, codes that nothing takes, and how many are in use.

use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use rand::Rng;

use super::config::{CODE_COUNTS, CODE_SUMS, CODES, ImageTokenizerConfig};
use crate::ModelError;
use crate::layers::WeightSource;

/// How much of a running mean stays at a step.
const DECAY: f32 = 0.99;
/// Added to each count, so that a code that nothing takes divides by no zero.
const SMOOTHING: f32 = 1e-5;
/// The share of the mean count below which a code is begun anew.
const LEAST_SHARE: f32 = 0.003;

/// The codes of a codebook, with the running means of their counts.
///
/// Each step adds a hundredth of what it sees: `n ← 0.99 n + 0.01 · places that take the code`, and where codes are running means `m ←
/// 0.99 m + 0.01 · sum of these places' vectors` and `code = m / n'`, with `n' = (n + 1e-5) / (N + K · 1e-5) · N` for the sum N of the
/// counts of K codes (van den Oord et al., 2017, appendix A.1; the smoothing is that of its code).
#[derive(Debug, Clone)]
pub struct Codebook {
    codes: Vec<f32>,
    counts: Vec<f32>,
    /// None where codes are learned by gradients.
    sums: Option<Vec<f32>>,
    width: usize,
}

impl Codebook {
    /// The codes of a model's weights; none of a model that keeps no counts of them.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn of(config: &ImageTokenizerConfig, weights: &Weights) -> Result<Option<Self>, ModelError> {
        if !weights.contains_key(CODE_COUNTS) {
            return Ok(None);
        }
        let (codes, width) = (config.num_tokens, config.codebook_dim);
        let source = WeightSource::new(weights);
        let values = |name: &str, shape: &[usize]| -> Result<Vec<f32>, ModelError> {
            Ok(source.tensor(name, shape)?.detach().flatten_all()?.to_vec1()?)
        };
        Ok(Some(Self {
            codes: values(CODES, &[codes, width])?,
            counts: values(CODE_COUNTS, &[codes])?,
            sums: weights.contains_key(CODE_SUMS).then(|| values(CODE_SUMS, &[codes, width])).transpose()?,
            width,
        }))
    }

    /// Whether any output was ever counted. Before that the codes stand for nothing.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.counts.iter().any(|&count| count > 0.0)
    }

    /// Makes every code one of the outputs of a batch, each taken as often as all others.
    pub fn begin(&mut self, outputs: &[f32], random: &mut impl Rng) {
        let mean = self.mean_count(outputs);
        for code in 0..self.counts.len() {
            self.replace(code, outputs, mean, random);
        }
    }

    /// Takes in the outputs of a step, `[places, width]`, with the code that each takes.
    pub fn update(&mut self, outputs: &[f32], tokens: &[u32]) {
        let width = self.width;
        let mut taken = vec![0.0f32; self.counts.len()];
        let mut sums = vec![0.0f32; self.codes.len()];
        for (row, &token) in outputs.chunks_exact(width).zip(tokens) {
            let code = token as usize;
            taken[code] += 1.0;
            for (sum, value) in sums[code * width..(code + 1) * width].iter_mut().zip(row) {
                *sum += value;
            }
        }
        average(&mut self.counts, &taken);
        let Some(means) = &mut self.sums else { return };
        average(means, &sums);
        let total: f32 = self.counts.iter().sum();
        let scale = total / (total + self.counts.len() as f32 * SMOOTHING);
        let rows = self.codes.chunks_exact_mut(width).zip(means.chunks_exact(width));
        for ((code, mean), count) in rows.zip(&self.counts) {
            let count = (count + SMOOTHING) * scale;
            for (code, mean) in code.iter_mut().zip(mean) {
                *code = mean / count;
            }
        }
    }

    /// Makes codes that next to nothing takes outputs of a batch, and gives their number.
    pub fn restart(&mut self, outputs: &[f32], random: &mut impl Rng) -> usize {
        let mean = self.counts.iter().sum::<f32>() / self.counts.len().max(1) as f32;
        let unused: Vec<usize> =
            (0..self.counts.len()).filter(|&code| self.counts[code] < LEAST_SHARE * mean).collect();
        for &code in &unused {
            self.replace(code, outputs, mean, random);
        }
        unused.len()
    }

    /// Places for each code.
    fn mean_count(&self, outputs: &[f32]) -> f32 {
        (outputs.len() / self.width.max(1)) as f32 / self.counts.len().max(1) as f32
    }

    fn replace(&mut self, code: usize, outputs: &[f32], count: f32, random: &mut impl Rng) {
        let rows = outputs.len() / self.width.max(1);
        if rows == 0 {
            return;
        }
        let row = random.random_range(0..rows) * self.width;
        let own = code * self.width..(code + 1) * self.width;
        self.codes[own.clone()].copy_from_slice(&outputs[row..row + self.width]);
        self.counts[code] = count;
        if let Some(sums) = &mut self.sums {
            for (sum, value) in sums[own].iter_mut().zip(&outputs[row..]) {
                *sum = value * count;
            }
        }
    }

    /// Its tensors by their names.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn weights(&self) -> Result<Weights, ModelError> {
        let (codes, width) = (self.counts.len(), self.width);
        let mut weights = Weights::new();
        let table = |values: &[f32]| Tensor::from_vec(values.to_vec(), (codes, width), device::current());
        weights.insert(CODES.to_owned(), table(&self.codes)?);
        weights
            .insert(CODE_COUNTS.to_owned(), Tensor::from_vec(self.counts.clone(), codes, device::current())?);
        if let Some(sums) = &self.sums {
            weights.insert(CODE_SUMS.to_owned(), table(sums)?);
        }
        Ok(weights)
    }
}

fn average(means: &mut [f32], values: &[f32]) {
    for (mean, value) in means.iter_mut().zip(values) {
        *mean = DECAY * *mean + (1.0 - DECAY) * value;
    }
}

/// How often each code of a codebook is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeUsage(Vec<u64>);

impl CodeUsage {
    /// That of tokens out of so many codes; what is no code is not counted.
    pub fn of(codes: usize, tokens: impl IntoIterator<Item = u32>) -> Self {
        let mut counts = vec![0; codes];
        for token in tokens {
            if let Some(count) = counts.get_mut(token as usize) {
                *count += 1;
            }
        }
        Self(counts)
    }

    /// Codes that are taken at all.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.iter().filter(|&&count| count > 0).count()
    }

    /// Their share of all codes.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.used() as f64 / self.0.len().max(1) as f64
    }

    /// e to the entropy of the codes: as many equally frequent ones would be as hard to guess. None without a token.
    #[must_use]
    pub fn perplexity(&self) -> Option<f64> {
        let total = self.0.iter().sum::<u64>() as f64;
        if total == 0.0 {
            return None;
        }
        let shares = self.0.iter().filter(|&&count| count > 0).map(|&count| count as f64 / total);
        Some((-shares.map(|share| share * share.ln()).sum::<f64>()).exp())
    }
}
