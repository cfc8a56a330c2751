//! Lists of what each pair of a batch is compared with, and the scores of a model for them.

use std::sync::Arc;

use alambic_losses::{ListTargets, Targets};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::error::RunError;
use crate::tasks::image_text_retrieval::is_told_by;

use super::pairs::DrawnPair;

/// Where a place of a list comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The pair itself, read together.
    Pair,
    /// The pair itself, each side read alone.
    PairAlone,
    /// A caption in other words, or one that is false, read together with the image.
    Rewritten,
    /// An image that is retrieved.
    RetrievedImage,
    /// A text that is retrieved.
    RetrievedText,
    /// Another pair of the batch.
    Batch,
}

impl Source {
    /// Those of positives, with the names of their shares in the record.
    pub(super) const OF_POSITIVES: [(Self, &'static str); 5] = [
        (Self::Pair, "positives.pair"),
        (Self::PairAlone, "positives.pair-alone"),
        (Self::Rewritten, "positives.rewritten"),
        (Self::RetrievedImage, "positives.retrieved-images"),
        (Self::RetrievedText, "positives.retrieved-texts"),
    ];
}

/// Which score stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scored {
    /// That of a text which is read together with its image, by its row.
    Together(usize),
    /// That of an image and a text which are read alone.
    Alone { image: usize, text: usize },
}

/// A place of a list.
#[derive(Debug, Clone, Copy)]
struct Cell {
    scored: Scored,
    is_positive: bool,
    source: Source,
}

/// Lists of a batch of pairs.
pub(super) struct PairLists<'d> {
    rows: Vec<Vec<Cell>>,
    /// The texts that are read together with an image, each with the place of its image among those of the batch.
    pub(super) together: Vec<(usize, &'d str)>,
    /// The texts that are read alone: first the caption of each pair.
    pub(super) texts: Vec<&'d str>,
    /// The images that are read alone, by their places in the store: first that of each pair.
    pub(super) images: Vec<usize>,
}

impl<'d> PairLists<'d> {
    /// The lists of a batch. Of other pairs, captions that are true of an image are left out; so many of the others are read together
    /// with it.
    pub(super) fn new(pairs: &'d [DrawnPair<'_>], paired_negatives: usize) -> Self {
        let mut own = Self {
            rows: vec![Vec::new(); pairs.len()],
            together: Vec::new(),
            texts: pairs.iter().map(|pair| pair.caption).collect(),
            images: pairs.iter().map(|pair| pair.image).collect(),
        };
        for (place, pair) in pairs.iter().enumerate() {
            let is_other = |other: &usize| {
                *other != place
                    && pairs[*other].image != pair.image
                    && !is_told_by(pair.picture, pairs[*other].caption)
            };
            // The next pairs of the batch, whose order is one of chance.
            let around = (1..pairs.len()).map(|step| (place + step) % pairs.len());
            let others: Vec<usize> = around.filter(is_other).take(paired_negatives).collect();
            // One way of reading that only the pair itself has would give it away.
            if !pair.negatives.is_empty() || !others.is_empty() {
                own.add_together(place, pair.caption, true, Source::Pair);
                for text in &pair.positives {
                    own.add_together(place, text, true, Source::Rewritten);
                }
                for text in &pair.negatives {
                    own.add_together(place, text, false, Source::Rewritten);
                }
                for other in others {
                    own.add_together(place, pairs[other].caption, false, Source::Batch);
                }
            }
            own.add_alone(place, (place, place), true, Source::PairAlone);
            for &image in &pair.images {
                own.images.push(image);
                own.add_alone(place, (own.images.len() - 1, place), true, Source::RetrievedImage);
            }
            for text in &pair.texts {
                own.texts.push(text);
                own.add_alone(place, (place, own.texts.len() - 1), true, Source::RetrievedText);
            }
            for other in (0..pairs.len()).filter(|&other| other != place && pairs[other].image != pair.image)
            {
                if !is_told_by(pair.picture, pairs[other].caption) {
                    own.add_alone(place, (place, other), false, Source::Batch);
                }
                if !is_told_by(pairs[other].picture, pair.caption) {
                    own.add_alone(place, (other, place), false, Source::Batch);
                }
            }
        }
        own
    }

    fn add_together(&mut self, place: usize, text: &'d str, is_positive: bool, source: Source) {
        let scored = Scored::Together(self.together.len());
        self.together.push((place, text));
        self.rows[place].push(Cell { scored, is_positive, source });
    }

    fn add_alone(&mut self, place: usize, (image, text): (usize, usize), is_positive: bool, source: Source) {
        self.rows[place].push(Cell { scored: Scored::Alone { image, text }, is_positive, source });
    }

    /// Columns of the lists.
    fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or_default()
    }

    /// The scores of the lists, `[pairs, places]`, with 0 behind shorter ones. `together` are those of texts read with an image,
    /// `[texts]`; `alone` those of all images with all texts, `[images, texts]`. A model that does not read both together has the
    /// former among the latter, behind the texts of the lists.
    pub(super) fn scores(&self, together: Option<&Tensor>, alone: &Tensor) -> Result<Tensor, RunError> {
        let columns = alone.dim(1)?;
        let first = together.map_or(0, Tensor::elem_count);
        let cell_of = |cell: &Cell| match cell.scored {
            Scored::Together(row) if together.is_some() => row,
            Scored::Together(row) => self.together[row].0 * columns + self.texts.len() + row,
            Scored::Alone { image, text } => first + image * columns + text,
        };
        let (mut cells, mut mask) = (Vec::new(), Vec::new());
        for row in &self.rows {
            for column in 0..self.width() {
                let cell = row.get(column);
                cells.push(cell.map_or(0, |cell| cell_of(cell) as u32));
                mask.push(f32::from(u8::from(cell.is_some())));
            }
        }
        let flat = alone.flatten_all()?;
        let all = match together {
            Some(own) => Tensor::cat(&[&own.flatten_all()?, &flat], 0)?,
            None => flat,
        };
        let chosen = all.index_select(&Tensor::new(cells, device::current())?, 0)?;
        let scores = (chosen * Tensor::new(mask, device::current())?)?;
        Ok(scores.reshape((self.rows.len(), self.width()))?)
    }

    /// What is known of the lists.
    pub(super) fn targets(&self) -> Targets {
        let width = self.width();
        let number = |row: &[Cell], column: usize, is: fn(&Cell) -> bool| {
            f32::from(u8::from(row.get(column).is_some_and(is)))
        };
        let all = |is: fn(&Cell) -> bool| -> Arc<Vec<f32>> {
            let rows = self.rows.iter();
            Arc::new(rows.flat_map(|row| (0..width).map(move |column| number(row, column, is))).collect())
        };
        let lists = ListTargets {
            listed: all(|_| true),
            relevance: all(|cell| cell.is_positive),
            ..ListTargets::default()
        };
        Targets { lists, ..Targets::default() }
    }

    /// What each source has of the sum of the exponentials of a pair's positives, summed over the pairs, by these scores.
    pub(super) fn shares(&self, scores: &[Vec<f32>]) -> [f64; Source::OF_POSITIVES.len()] {
        let mut shares = [0.0; Source::OF_POSITIVES.len()];
        for (row, scores) in self.rows.iter().zip(scores) {
            let positives = || row.iter().zip(scores).filter(|(cell, _)| cell.is_positive);
            let most = positives().map(|(_, score)| f64::from(*score)).fold(f64::NEG_INFINITY, f64::max);
            let exponential = |score: f32| (f64::from(score) - most).exp();
            let total: f64 = positives().map(|(_, score)| exponential(*score)).sum();
            for (cell, score) in positives() {
                let place = Source::OF_POSITIVES.iter().position(|(source, _)| *source == cell.source);
                if let Some(share) = place.and_then(|place| shares.get_mut(place)) {
                    *share += exponential(*score) / total;
                }
            }
        }
        shares
    }
}

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
    fn a_pair_stands_with_positives_and_negatives_of_both_ways_of_reading() {
        let pictures = [picture("1", "a"), picture("2", "b"), picture("3", "a")];
        let drawn = |place: usize, negatives: &[&str]| DrawnPair {
            picture: &pictures[place],
            image: place,
            caption: &pictures[place].captions[0].text,
            positives: vec!["like it".into(); usize::from(!negatives.is_empty())],
            negatives: negatives.iter().map(|text| (*text).to_owned()).collect(),
            texts: vec!["near it".to_owned()],
            images: vec![7],
        };
        let pairs = [drawn(0, &["x", "y"]), drawn(1, &[]), drawn(2, &["z"])];
        let lists = PairLists::new(&pairs, 0);
        // The second pair is read together with nothing that is false, so that it is not read together.
        assert_eq!(
            lists.together,
            [(0, "a"), (0, "like it"), (0, "x"), (0, "y"), (2, "a"), (2, "like it"), (2, "z")]
        );
        assert_eq!(lists.texts, ["a", "b", "a", "near it", "near it", "near it"]);
        assert_eq!(lists.images, [0, 1, 2, 7, 7, 7]);
        // Together four, alone itself, an image and a text, and the second pair both ways. The third has the same caption.
        assert_eq!(lists.rows.iter().map(Vec::len).collect::<Vec<_>>(), [9, 7, 8]);
        let targets = lists.targets().lists;
        assert_eq!(targets.relevance[..9], [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(targets.listed[9..18], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);

        let numbers =
            |count: usize, first: f32| -> Vec<f32> { (0..count).map(|own| own as f32 + first).collect() };
        let together = Tensor::new(numbers(7, 100.0), &Device::Cpu).unwrap();
        let alone = Tensor::new(numbers(36, 0.0), &Device::Cpu).unwrap().reshape((6, 6)).unwrap();
        let scores: Vec<Vec<f32>> = lists.scores(Some(&together), &alone).unwrap().to_vec2().unwrap();
        assert_eq!(scores[0], [100.0, 101.0, 102.0, 103.0, 0.0, 18.0, 3.0, 1.0, 6.0]);
        assert_eq!(scores[1], [7.0, 25.0, 10.0, 6.0, 1.0, 8.0, 13.0, 0.0, 0.0]);
        // A model of two towers reads the same texts behind the others.
        let towers = Tensor::new(numbers(78, 0.0), &Device::Cpu).unwrap().reshape((6, 13)).unwrap();
        let scores: Vec<Vec<f32>> = lists.scores(None, &towers).unwrap().to_vec2().unwrap();
        assert_eq!(scores[0][..5], [6.0, 7.0, 8.0, 9.0, 0.0]);
        assert_eq!(scores[2][..3], [36.0, 37.0, 38.0]);

        let own = PairLists::new(&pairs[..1], 4);
        let shares = own.shares(&[vec![0.0, 0.0, 9.0, 9.0, 0.0, f32::NEG_INFINITY, 0.0]]);
        assert_eq!(shares, [0.25, 0.25, 0.25, 0.0, 0.25]);
        let around = PairLists::new(&pairs, 1);
        assert_eq!(around.together.last(), Some(&(2, "b")));
    }
}
