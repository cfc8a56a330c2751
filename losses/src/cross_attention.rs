//! Attention across modalities against attention across modalities.

use std::collections::BTreeSet;

use alambic_models::{Outline, Stream, Trace, tap};
use alambic_settings::{choices, settings};
use alambic_tensor::candle::Tensor;

use crate::arithmetic::{head_products, kullback_leibler, log_softmax, weighted_mean, without_padding};
use crate::decoder_attention::{self, DECODER, PATCHES};
use crate::layer_map::Pattern;
use crate::layers::{mean, sum};
use crate::mask::mask_tensor;
use crate::{Inputs, LayerMap, LossError, LossTerm, Term, Weight};

choices! {
    /// Which tokens attend to which.
    pub enum Part {
        /// Tokens of the text to those of the image.
        TextToImage = "text-to-image",
        /// Tokens of the image to those of the text.
        ImageToText = "image-to-text",
        /// Tokens of the text to one another.
        TextToText = "text-to-text",
        /// Tokens of the image to one another.
        ImageToImage = "image-to-image",
        /// All tokens to all tokens, one distribution over text and image.
        Whole = "whole",
        /// Tokens that a decoder writes to the patches of the image in its encoder.
        DecoderToImage = "decoder-to-image",
    }
}

settings! {
    /// Attention between text and image, the student's compared with the teacher's.
    ///
    /// `DiDE`'s cross-modal attention distillation (Wang et al., 2022): the teacher reads text and image
    /// together, the student in two towers that never see each other. With `d` the width of a head, the student's queries
    /// of one tower attend to its keys of the other, `A_S = softmax(Q_text K_imageᵀ / √d)`, and the teacher's
    /// against the same block of its own, `A_T`, normalised anew within the block; `L = Σ over parts of 1/(B A N) Σ_b Σ_a Σ_t
    /// KL(A_T || A_S)`, over texts, heads and the N queries. Keys that are padding are left out, queries that are padding
    /// count in the mean, as in the authors' code (`kugwzk/DiDE`, `objectives.py`); `masked-queries` leaves them out, too.
    /// The image's first token belongs to the image. Computed in log space from the queries and keys `[batch, length,
    /// width]` of the streams `text` and `image`, which both models must have cut into the same tokens; for LXMERT from the
    /// scores of its cross-attention layers. `parts = ["whole"]` is the whole attention, which the paper compares with.
    ///
    /// `parts = ["decoder-to-image"]` is for models that write about images, such as a PaLI: the scores of the decoder's
    /// cross-attention `[batch, heads, target, patches + length]`, of which those of the P patches are normalised among themselves,
    /// `L = 1/(A N) Σ_t Σ_a KL(A_T || A_S)` over heads and the N target tokens of the batch, padding left out; a mean over the mapped
    /// layers of the decoder.
    pub struct CrossAttention {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Which layer of the teacher each of the student's is compared with.
        pub map: LayerMap = LayerMap::Pattern(Pattern::Last),
        /// Which blocks of the attention are compared. Their losses are added.
        pub parts: Vec<Part> = vec![Part::TextToImage, Part::ImageToText],
        /// Whether queries that are padding are left out of the mean.
        pub masked_queries: bool = false,
        /// Attention heads of both, for recorded traces that do not show how many there are.
        #[range(1..)]
        pub heads: Option<usize>,
    }
}

pub(crate) const NAME: &str = "cross-attention";

/// Where one model has the scores of a block.
#[derive(Clone)]
enum Scores {
    /// Queries of one stream and keys of another, each with its mask's stream.
    Product([&'static str; 2]),
    /// The scores of a stream of cross-attention layers.
    Recorded(&'static str),
}

/// One model's streams of text and image.
#[derive(Clone, Copy)]
struct Side {
    name: &'static str,
    text: (&'static str, Stream),
    image: (&'static str, Stream),
    /// The cross-attention streams of both, where the model has such layers.
    across: Option<Stream>,
}

impl Side {
    fn of(name: &'static str, outline: &Outline) -> Result<Self, LossError> {
        let find = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| outline.streams.get(name).map(|stream| (name, *stream)))
        };
        match (find(["text", "language"]), find(["image", "vision"])) {
            (Some(text), Some(image)) => {
                let across = outline.streams.get("vision.cross").copied();
                // A sequence read as a whole shows how many heads its parts have.
                let whole = outline.streams.get("").map_or(0, |stream| stream.heads);
                let of_whole = |(name, stream): (&'static str, Stream)| {
                    (name, Stream { heads: if stream.heads == 0 { whole } else { stream.heads }, ..stream })
                };
                Ok(Self { name, text: of_whole(text), image: of_whole(image), across })
            }
            _ => Err(LossError::Incompatible {
                term: NAME,
                reason: if outline.streams.contains_key(PATCHES) {
                    format!(
                        "the {name} writes about images; its attention to them is `parts = [\"decoder-to-image\"]`"
                    )
                } else {
                    format!("the {name} does not read texts and images: it has no streams `text` and `image`")
                },
            }),
        }
    }

    /// The layers that a map counts, and their heads.
    fn layers(&self) -> Result<(usize, usize), LossError> {
        if let Some(across) = self.across {
            return Ok((across.attention.0, across.heads));
        }
        let ((_, text), (_, image)) = (self.text, self.image);
        let shape = |stream: Stream| (stream.attention.0, stream.heads);
        if shape(text) == shape(image) {
            return Ok(shape(text));
        }
        Err(LossError::Incompatible {
            term: NAME,
            reason: format!(
                "text and image of the {} need the same number of layers and heads: they have {} and {} layers, {} and {} heads",
                self.name, text.attention.0, image.attention.0, text.heads, image.heads
            ),
        })
    }

    /// The queries' and the keys' streams of a part.
    fn ends(&self, part: Part) -> [&'static str; 2] {
        let (text, image) = (self.text.0, self.image.0);
        match part {
            Part::TextToImage => [text, image],
            Part::ImageToText => [image, text],
            Part::TextToText => [text, text],
            Part::ImageToImage => [image, image],
            Part::Whole => ["", ""],
            Part::DecoderToImage => [DECODER, PATCHES],
        }
    }

    fn scores(&self, part: Part) -> Result<Scores, LossError> {
        match (self.across, part) {
            (_, Part::DecoderToImage) => Err(LossError::Incompatible {
                term: NAME,
                reason: format!("the {} has no decoder", self.name),
            }),
            (None, part) => Ok(Scores::Product(self.ends(part))),
            (Some(_), Part::TextToImage) => Ok(Scores::Recorded("cross")),
            (Some(_), Part::ImageToText) => Ok(Scores::Recorded("vision.cross")),
            (Some(_), part) => Err(LossError::Incompatible {
                term: NAME,
                reason: format!("the {} has no attention `{}`, only cross-attention", self.name, part.name()),
            }),
        }
    }

    /// The taps that a part of a layer, counted from 0, is computed from.
    fn taps(&self, part: Part, layer: usize) -> Result<Vec<String>, LossError> {
        let (text, image) = (self.text.0, self.image.0);
        Ok(match self.scores(part)? {
            Scores::Recorded(stream) => vec![tap(stream, "scores", layer)],
            Scores::Product(_) if part == Part::Whole => ["queries", "keys"]
                .into_iter()
                .flat_map(|kind| [text, image].map(|stream| tap(stream, kind, layer)))
                .collect(),
            Scores::Product([queries, keys]) => {
                vec![tap(queries, "queries", layer), tap(keys, "keys", layer)]
            }
        })
    }

    /// The masks of a part's queries and keys, row by row.
    fn masks(&self, part: Part, trace: &Trace) -> Result<[Vec<u8>; 2], LossError> {
        let missing =
            |stream: &str| LossError::MissingTap { side: self.name, tap: format!("mask of {stream}") };
        let mask = |stream: &str| trace.mask(stream).cloned().ok_or_else(|| missing(stream));
        if part == Part::Whole {
            let (text, image) = (mask(self.text.0)?, mask(self.image.0)?);
            let both = [text.as_slice(), image.as_slice()].concat();
            return Ok([both.clone(), both]);
        }
        let [queries, keys] = self.ends(part);
        Ok([mask(queries)?.to_vec(), mask(keys)?.to_vec()])
    }

    /// The scores of a part, `[batch, heads, queries, keys]`.
    fn compute(
        &self,
        part: Part,
        heads: usize,
        layer: usize,
        tap_of: &dyn Fn(&str) -> Result<Tensor, LossError>,
    ) -> Result<Tensor, LossError> {
        let taps = self.taps(part, layer)?.iter().map(|tap| tap_of(tap)).collect::<Result<Vec<_>, _>>()?;
        match taps.as_slice() {
            [scores] => Ok(scores.clone()),
            [queries, keys] => head_products(queries, keys, heads),
            [text_queries, image_queries, text_keys, image_keys] => head_products(
                &Tensor::cat(&[text_queries, image_queries], 1)?,
                &Tensor::cat(&[text_keys, image_keys], 1)?,
                heads,
            ),
            _ => Err(LossError::Incompatible { term: NAME, reason: "a part needs other taps".into() }),
        }
    }
}

impl LossTerm for CrossAttention {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let teacher = teacher.ok_or(LossError::NoTeacher(NAME))?;
        if self.parts.contains(&Part::DecoderToImage) {
            return decoder_attention::bind(self, student, teacher);
        }
        let (own, other) = (Side::of("student", student)?, Side::of("teacher", teacher)?);
        let ((own_layers, own_heads), (other_layers, other_heads)) = (own.layers()?, other.layers()?);
        let incompatible = |reason| LossError::Incompatible { term: NAME, reason };
        // The heads of the models go before the key `heads`.
        let [own_heads, other_heads] = [own_heads, other_heads]
            .map(|heads| if heads == 0 { self.heads.unwrap_or_default() } else { heads });
        if own_heads == 0 {
            return Err(incompatible("how many attention heads there are is not known; give `heads`".into()));
        }
        if own_heads != other_heads {
            return Err(incompatible(format!(
                "the student has {own_heads} attention heads and the teacher {other_heads}; give the student as many"
            )));
        }
        if self.parts.is_empty() {
            return Err(incompatible("`parts` is empty; name text-to-image or image-to-text".into()));
        }
        let pairs = self.map.pairs(own_layers, other_layers).map_err(incompatible)?;
        if pairs.iter().any(|&(own, other)| own == 0 || other == 0) {
            return Err(incompatible("`map` names layer 0, the embeddings, which have no attention".into()));
        }
        let mut taps: [Vec<String>; 2] = [Vec::new(), Vec::new()];
        for &part in &self.parts {
            for &(student, teacher) in &pairs {
                for (taps, found) in
                    taps.iter_mut().zip([own.taps(part, student - 1)?, other.taps(part, teacher - 1)?])
                {
                    taps.extend(found);
                    taps.sort_unstable();
                    taps.dedup();
                }
            }
        }
        let (options, heads) = (self.clone(), own_heads);
        let compute = move |inputs: &Inputs<'_>| {
            let terms = pairs.iter().map(|&(student, teacher)| {
                let part = |&part: &Part| {
                    options.compare(inputs, part, heads, [(&own, student - 1), (&other, teacher - 1)])
                };
                sum(options.parts.iter().map(part).collect::<Result<_, LossError>>()?)
            });
            mean(terms.collect::<Result<_, LossError>>()?)
        };
        let [own_taps, other_taps] = taps;
        let streams: BTreeSet<&str> = self
            .parts
            .iter()
            .flat_map(|&part| if part == Part::Whole { [own.text.0, own.image.0] } else { own.ends(part) })
            .collect();
        let term = Term::new(NAME, self.weight, own_taps, other_taps, Box::new(compute));
        Ok(term.token_by_token(streams))
    }
}

impl CrossAttention {
    fn compare(
        &self,
        inputs: &Inputs<'_>,
        part: Part,
        heads: usize,
        [(own, own_layer), (other, other_layer)]: [(&Side, usize); 2],
    ) -> Result<Tensor, LossError> {
        let student = own.compute(part, heads, own_layer, &|tap| inputs.student(tap).cloned())?;
        let teacher = other.compute(part, heads, other_layer, &|tap| Ok(inputs.teacher(tap)?.detach()))?;
        if student.dims() != teacher.dims() {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: format!(
                    "the student's attention of {:?} does not fit the teacher's of {:?}: both must read the same tokens \
                     and the same patches",
                    student.dims(),
                    teacher.dims()
                ),
            });
        }
        let (batch, heads, queries, keys) = student.dims4()?;
        let [query_mask, key_mask] = own.masks(part, inputs.student)?;
        let same = match inputs.teacher {
            Some(trace) => other.masks(part, trace)? == [query_mask.clone(), key_mask.clone()],
            None => false,
        };
        if !same {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "student and teacher read different tokens or patches".into(),
            });
        }
        let rows = |mask: &[u8], length: usize| match part {
            // The masks of text and image came one after the other.
            Part::Whole => {
                let text = inputs.student.mask(own.text.0).map_or(0, |mask| mask.len() / batch.max(1));
                let (text_mask, image_mask) = mask.split_at(text * batch);
                let sides = [(text_mask, text), (image_mask, length - text)]
                    .map(|(mask, length)| mask_tensor(mask, (batch, length)));
                let [text, image] = sides;
                Ok::<_, LossError>(Tensor::cat(&[text?, image?], 1)?)
            }
            _ => mask_tensor(mask, (batch, length)),
        };
        let key_mask = rows(&key_mask, keys)?;
        let distribution = |scores: &Tensor| log_softmax(&without_padding(scores, &key_mask)?);
        let divergence = kullback_leibler(&distribution(&teacher)?, &distribution(&student)?)?;
        if !self.masked_queries {
            return Ok(divergence.mean_all()?);
        }
        let counted = rows(&query_mask, queries)?.reshape((batch, 1, queries))?;
        weighted_mean(&divergence, &counted.broadcast_as((batch, heads, queries))?.contiguous()?)
    }
}
