//! Lists of texts and images that a fusion encoder scores, for two towers to learn.

use std::collections::HashMap;
use std::sync::Arc;

use alambic_inference::log_odds;
use alambic_losses::{ListTargets, RELEVANCE, Targets};
use alambic_models::architecture::Batch;
use alambic_models::{TapSelection, Trace};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use indexmap::IndexSet;

use super::ranker::is_told_by;
use crate::error::RunError;
use crate::images::inputs::{TeacherInputs, TextImagePair};
use crate::images::views::Views;

/// Images of a batch with texts of it, and texts with images: each its own first, and then those that belong to others and that the
/// student finds nearest.
pub(super) struct HardLists {
    /// Places of columns, row by row; the first row is that of the first image's texts, and the images of texts follow.
    places: Vec<Vec<usize>>,
    /// Whether each text is true of each image, `[images, texts]`.
    is_true: Vec<bool>,
    batch: usize,
}

impl HardLists {
    /// The lists of a batch by the student's logits `[images, texts]`: of each row and each column the own one and so many that are
    /// not true, the largest first.
    pub(super) fn new(logits: &[Vec<f32>], pairs: &[TextImagePair<'_>], negatives: usize) -> Self {
        let batch = pairs.len();
        let truth = |image: usize, text: usize| image == text || is_told_by(pairs[image].1, pairs[text].0);
        let is_true: Vec<bool> = (0..batch * batch).map(|cell| truth(cell / batch, cell % batch)).collect();
        let hardest = |own: usize, score: &dyn Fn(usize) -> f32, is_true: &dyn Fn(usize) -> bool| {
            let mut others: Vec<usize> = (0..batch).filter(|&other| !is_true(other)).collect();
            others.sort_by(|&one, &other| score(other).total_cmp(&score(one)).then(one.cmp(&other)));
            others.truncate(negatives);
            [vec![own], others].concat()
        };
        let texts = (0..batch)
            .map(|image| hardest(image, &|text| logits[image][text], &|text| is_true[image * batch + text]));
        let images = (0..batch)
            .map(|text| hardest(text, &|image| logits[image][text], &|image| is_true[image * batch + text]));
        let places = texts.chain(images).collect();
        Self { places, is_true, batch }
    }

    /// Columns of the lists.
    fn width(&self) -> usize {
        self.places.iter().map(Vec::len).max().unwrap_or_default()
    }

    /// The image and the text of each place of a list.
    fn pair(&self, row: usize, place: usize) -> (usize, usize) {
        if row < self.batch { (row, place) } else { (place, row - self.batch) }
    }

    /// The student's scores of the lists, `[2 batch, places]`, out of its logits `[images, texts]`; 0 behind shorter lists.
    pub(super) fn scores(&self, logits: &Tensor) -> Result<Tensor, RunError> {
        let width = self.width();
        let (mut cells, mut mask) = (Vec::new(), Vec::new());
        for (row, places) in self.places.iter().enumerate() {
            for column in 0..width {
                let pair = places.get(column).map(|&place| self.pair(row, place));
                cells.push(pair.map_or(0, |(image, text)| (image * self.batch + text) as u32));
                mask.push(if pair.is_some() { 1.0f32 } else { 0.0 });
            }
        }
        let cells = Tensor::new(cells, device::current())?;
        let mask = Tensor::new(mask, device::current())?;
        let chosen = (logits.flatten_all()?.index_select(&cells, 0)? * mask)?;
        Ok(chosen.reshape((self.places.len(), width))?)
    }

    /// What is known of the lists.
    pub(super) fn targets(&self) -> Targets {
        let width = self.width();
        let cell = |row: usize, column: usize| {
            let pair = self.places[row].get(column).map(|&place| self.pair(row, place));
            pair.map_or([0.0, 0.0], |(image, text)| {
                [1.0, f32::from(u8::from(self.is_true[image * self.batch + text]))]
            })
        };
        let cells: Vec<[f32; 2]> =
            (0..self.places.len()).flat_map(|row| (0..width).map(move |column| cell(row, column))).collect();
        let lists = ListTargets {
            listed: Arc::new(cells.iter().map(|[listed, _]| *listed).collect()),
            relevance: Arc::new(cells.iter().map(|[_, relevance]| *relevance).collect()),
            ..ListTargets::default()
        };
        Targets { lists, ..Targets::default() }
    }

    /// The teacher's scores of the same: log-odds that text and image belong together. Each pair is read once, though it may stand in
    /// two lists.
    pub(super) fn teacher_scores(
        &self,
        teacher: &TeacherInputs<'_>,
        rows: &[usize],
        pairs: &[TextImagePair<'_>],
        batch: &Batch,
        views: Option<Views>,
    ) -> Result<Trace, RunError> {
        let width = self.width();
        let mut read: IndexSet<(usize, usize)> = IndexSet::new();
        for (row, places) in self.places.iter().enumerate() {
            read.extend(places.iter().map(|&place| self.pair(row, place)));
        }
        let mut all = |count: usize, _: usize| (0..count).collect();
        let read: Vec<(usize, usize)> = read.into_iter().collect();
        let mut scores = HashMap::with_capacity(read.len());
        for some in read.chunks(READ) {
            let images: Vec<usize> = some.iter().map(|&(image, _)| rows[image]).collect();
            let texts: Vec<&str> = some.iter().map(|&(_, text)| pairs[text].0).collect();
            let trace = teacher.trace_texts(&images, &texts, batch, &mut all, views)?;
            let logits = trace.get("logits").ok_or_else(|| {
                RunError::Recipe("the teacher has no logits of whether a text and an image match".into())
            })?;
            let rows = logits.to_vec2::<f32>()?;
            scores.extend(some.iter().copied().zip(rows.iter().map(|row| log_odds(row))));
        }
        let mut values = vec![0.0f32; self.places.len() * width];
        for (row, places) in self.places.iter().enumerate() {
            for (column, &place) in places.iter().enumerate() {
                values[row * width + column] =
                    scores.get(&self.pair(row, place)).copied().unwrap_or_default();
            }
        }
        let mut trace = Trace::new(TapSelection::named([RELEVANCE]));
        trace.record(RELEVANCE, &Tensor::from_vec(values, (self.places.len(), width), device::current())?);
        Ok(trace)
    }
}

/// Pairs that the teacher reads at a time.
const READ: usize = 256;

#[cfg(test)]
mod tests {
    use alambic_data::{Caption, Picture};
    use alambic_tensor::candle::Device;

    use super::*;

    fn picture(name: &str, caption: &str) -> Picture {
        Picture {
            captions: vec![Caption::from(caption.to_owned())],
            ..Picture::without_pixels(name.to_owned())
        }
    }

    #[test]
    fn lists_hold_the_own_one_and_the_nearest_that_are_not_true() {
        // The second and the fourth picture have the same caption.
        let pictures = [picture("1", "a"), picture("2", "b"), picture("3", "c"), picture("4", "b")];
        let pairs: Vec<TextImagePair<'_>> = ["a", "b", "c", "b"].into_iter().zip(&pictures).collect();
        let logits = vec![
            vec![0.0, 3.0, 1.0, 2.0],
            vec![5.0, 0.0, 6.0, 9.0],
            vec![1.0, 1.0, 0.0, 1.0],
            vec![2.0, 7.0, 3.0, 0.0],
        ];
        let lists = HardLists::new(&logits, &pairs, 2);
        let expected = [
            vec![0, 1, 3],
            vec![1, 2, 0],
            vec![2, 0, 1],
            vec![3, 2, 0],
            vec![0, 1, 3],
            vec![1, 0, 2],
            vec![2, 1, 3],
            vec![3, 0, 2],
        ];
        assert_eq!(lists.places, expected);
        let table = Tensor::new(logits.concat(), &Device::Cpu).unwrap().reshape((4, 4)).unwrap();
        let scores: Vec<Vec<f32>> = lists.scores(&table).unwrap().to_vec2().unwrap();
        assert_eq!(
            (scores[1].as_slice(), scores[4].as_slice()),
            (&[0.0, 6.0, 5.0][..], &[0.0, 5.0, 2.0][..])
        );
        let targets = lists.targets().lists;
        assert_eq!(targets.relevance[..6], [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        // With one wrong text only, lists are shorter, and the rest is no place.
        let few = HardLists::new(&logits, &pairs[..2], 15);
        assert_eq!(few.width(), 2);
        let same: Vec<TextImagePair<'_>> = vec![("b", &pictures[1]), ("b", &pictures[3])];
        assert_eq!(HardLists::new(&logits, &same, 15).places, [vec![0], vec![1], vec![0], vec![1]]);
    }
}
