//! Sources and targets, each pair of them in one row.

use std::sync::Arc;

use alambic_tensor::candle::{Result as TensorResult, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::{AttentionMask, ImageAttention, ImagePattern};

use super::ErnieVilgConfig;
use crate::{ModelError, Tokens};

/// A kind of sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// The token with which an image begins, and its own.
    Image,
}

/// What stands for a token beside its own vector.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    kind: Kind,
    /// Its number within the sequence.
    index: usize,
}

/// Rows of tokens, as the network embeds them and attends to them.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) batch: usize,
    pub(super) length: usize,
    pub(super) ids: Arc<Vec<u32>>,
    pub(super) places: Vec<Option<Place>>,
    /// `[batch, length]`, 1 for a token and 0 for padding.
    pub(super) mask: Arc<Vec<u8>>,
    /// Tokens of the source of each row.
    pub(super) sources: Arc<Vec<u32>>,
    /// The place of the first token of each row's image; none of texts alone.
    pub(super) images: Option<Arc<Vec<u32>>>,
    /// Tokens of the longest target.
    pub(super) target_length: usize,
}

impl Place {
    /// That of a token of a sequence.
    pub(super) fn new(kind: Kind, index: usize) -> Self {
        Self { kind, index }
    }
}

/// The kind of a batch of sequences.
///
/// # Errors
/// When they are of several kinds, or an image is not whole where it has to be, or has tokens that are no codes.
pub(super) fn kind_of(config: &ErnieVilgConfig, tokens: &Tokens, is_whole: bool) -> Result<Kind, ModelError> {
    let start = config.image_start();
    let rows = tokens.ids.chunks(tokens.length.max(1));
    let count = rows.clone().filter(|row| row.first() == Some(&start)).count();
    if count == 0 {
        return Ok(Kind::Text);
    }
    if count < tokens.batch {
        return Err(ModelError::Input("a batch has texts and images for sources, or for targets".into()));
    }
    let most = config.image_tokens() + 1;
    if tokens.length > most || (is_whole && tokens.count() != most * tokens.batch) {
        return Err(ModelError::Input(format!(
            "an image of {} tokens is none of this model, whose images have {}",
            tokens.length.saturating_sub(1),
            most - 1
        )));
    }
    for row in rows {
        if let Some(other) = row.iter().skip(1).find(|&&token| config.code_of_token(token).is_none()) {
            return Err(ModelError::Input(format!(
                "the token {other} stands in an image, and is no code: these are {} to {}",
                config.vocab_size,
                config.image_start() - 1
            )));
        }
    }
    Ok(Kind::Image)
}

impl Rows {
    /// The rows of sources, and behind them targets.
    pub(super) fn new(
        config: &ErnieVilgConfig,
        source: &Tokens,
        target: Option<&Tokens>,
    ) -> Result<Self, ModelError> {
        let source_kind = kind_of(config, source, true)?;
        let target_kind = target.map(|target| kind_of(config, target, false)).transpose()?;
        if let Some(target) = target
            && target.batch != source.batch
        {
            return Err(ModelError::Input(format!(
                "there are {} sources and {} targets",
                source.batch, target.batch
            )));
        }
        if target_kind == Some(source_kind) {
            return Err(ModelError::Input(
                "source and target are both texts, or both images: this model writes one for the other"
                    .into(),
            ));
        }
        for (tokens, kind) in [Some((source, source_kind)), target.zip(target_kind)].into_iter().flatten() {
            if kind == Kind::Text && tokens.length > config.max_position_embeddings {
                return Err(ModelError::Input(format!(
                    "a text of {} tokens is longer than the {} positions of the model",
                    tokens.length, config.max_position_embeddings
                )));
            }
        }
        // An image that is not whole yet is completed by tokens that none before them sees, so that layers find whole rows and columns.
        let complete = |mut own: Vec<u32>| {
            if target_kind == Some(Kind::Image) {
                own.resize(config.image_tokens() + 1, config.token_of_code(0));
            }
            own
        };
        let own = |tokens: &Tokens, row: usize| -> Vec<u32> {
            let places = row * tokens.length..(row + 1) * tokens.length;
            let kept = tokens.ids[places.clone()].iter().zip(&tokens.mask[places]);
            kept.filter(|(_, kept)| **kept != 0).map(|(id, _)| *id).collect()
        };
        let mut rows = Vec::with_capacity(source.batch);
        let (mut sources, mut images) = (Vec::new(), Vec::new());
        for row in 0..source.batch {
            let first = own(source, row);
            let behind = target.map(|target| complete(own(target, row))).unwrap_or_default();
            sources.push(first.len() as u32);
            images.push(if source_kind == Kind::Image { 1 } else { first.len() as u32 + 1 });
            rows.push((first, behind));
        }
        let length = rows.iter().map(|(first, behind)| first.len() + behind.len()).max().unwrap_or(0);
        let (mut ids, mut places) = (Vec::new(), Vec::new());
        for (first, behind) in &rows {
            ids.extend(first.iter().chain(behind));
            places.extend((0..first.len()).map(|index| Some(Place::new(source_kind, index))));
            let behind_kind = target_kind.unwrap_or(Kind::Text);
            places.extend((0..behind.len()).map(|index| Some(Place::new(behind_kind, index))));
            let padding = length - first.len() - behind.len();
            ids.extend(std::iter::repeat_n(config.pad_token_id, padding));
            places.extend(std::iter::repeat_n(None, padding));
        }
        let has_images = source_kind == Kind::Image || target_kind == Some(Kind::Image);
        Ok(Self {
            batch: source.batch,
            length,
            ids: Arc::new(ids),
            mask: Arc::new(places.iter().map(|place| u8::from(place.is_some())).collect()),
            places,
            sources: Arc::new(sources),
            images: has_images.then(|| Arc::new(images)),
            target_length: target.map_or(0, |target| target.length),
        })
    }

    /// The mask of two parts, and in layers that are sparse what tokens of an image see of it.
    pub(super) fn attention(&self, config: &ErnieVilgConfig) -> AttentionMask {
        let grid = config.image_tokenizer.grid();
        let image = self.images.as_ref().map(|images| ImageAttention {
            sources: self.sources.clone(),
            images: images.clone(),
            rows: grid,
            columns: grid,
            pattern: ImagePattern::Row,
        });
        AttentionMask { image, ..AttentionMask::prefix(self.sources.clone()) }
    }

    /// Places of the target's tokens `range` of each row among those of all rows; of padding, that of the row's last token.
    pub(super) fn target_places(&self, range: std::ops::Range<usize>) -> Vec<u32> {
        let of_row = |row: usize| {
            let first = row * self.length + self.sources[row] as usize;
            range.clone().map(move |index| (first + index).min((row + 1) * self.length - 1) as u32)
        };
        (0..self.batch).flat_map(of_row).collect()
    }
}

/// Numbers by which the rows of the tables of positions, rows and columns, and segments are looked up, with 1 for tokens to which they
/// belong and 0 for others.
pub(super) struct Indices {
    pub(super) positions: Arc<Vec<u32>>,
    pub(super) rows: Arc<Vec<u32>>,
    pub(super) columns: Arc<Vec<u32>>,
    pub(super) segments: Arc<Vec<u32>>,
    pub(super) is_text: Vec<f32>,
    pub(super) is_image: Vec<f32>,
}

impl Indices {
    /// Those of places in an image of so many columns.
    pub(super) fn new(places: &[Option<Place>], columns: usize) -> Self {
        // The token with which an image begins has no place in it.
        let in_image = |place: &Option<Place>| match place {
            Some(Place { kind: Kind::Image, index }) if *index > 0 => Some(index - 1),
            _ => None,
        };
        let in_text = |place: &Option<Place>| match place {
            Some(Place { kind: Kind::Text, index }) => Some(*index),
            _ => None,
        };
        let is_of_image = |place: &Option<Place>| matches!(place, Some(Place { kind: Kind::Image, .. }));
        let all = |number: &dyn Fn(&Option<Place>) -> u32| Arc::new(places.iter().map(number).collect());
        let columns = columns.max(1);
        Self {
            positions: all(&|place| in_text(place).unwrap_or(0) as u32),
            rows: all(&|place| (in_image(place).unwrap_or(0) / columns) as u32),
            columns: all(&|place| (in_image(place).unwrap_or(0) % columns) as u32),
            segments: all(&|place| u32::from(is_of_image(place))),
            is_text: places.iter().map(|place| f32::from(u8::from(in_text(place).is_some()))).collect(),
            is_image: places.iter().map(|place| f32::from(u8::from(in_image(place).is_some()))).collect(),
        }
    }

    /// A factor for each token, `[batch, length, 1]`.
    pub(super) fn factors(kept: &[f32], batch: usize) -> TensorResult<Tensor> {
        let length = kept.len() / batch.max(1);
        Tensor::from_vec(kept.to_vec(), (batch, length, 1), device::current())
    }
}
