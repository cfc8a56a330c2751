//! One loss term on two recorded traces: its value, and its gradient by every tap of the student.

use std::sync::Arc;

use alambic_files::text::quoted;
use alambic_models::{
    ATTRIBUTE_LOGITS, ImageCodes, OBJECT_LOGITS, Outline, PATCHES, PREDICTED_FEATURES, PREDICTION_LOGITS,
    Stream, TARGET_LOGITS, TOKENS, TapSelection, Trace, stream_of_embedding,
};
use alambic_settings::merge::merge;
use alambic_settings::setting::read_kind;
use alambic_settings::{AddedKinds, Diagnostics, Kind, Node, Reader, parse_flag};
use alambic_tensor::candle::{DType, Tensor, Var};
use alambic_tensor::device;
use alambic_tensor::gradients::backward;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;

use crate::{
    AlignedWord, BATCH_RELEVANCE, Inputs, ListTargets, Loss, LossError, RELEVANCE, RegionTargets,
    SpanTargets, TargetKind, Targets, Term, mask_names,
};

/// Value and gradients of a term on two traces.
#[derive(Debug)]
pub struct LossEvaluation {
    /// The value, before the weight.
    pub value: f64,
    /// The gradient of the value by each tap of the student and each projection that the term reads.
    pub gradients: Weights,
}

/// A loss by its name, of this crate or of those that the program adds, with options given as `KEY=VALUE`.
///
/// # Errors
/// Every mistake in the options; none if there is no loss of that name.
pub fn parse(name: &str, flags: &[String], added: &AddedKinds) -> Result<Option<Loss>, Diagnostics> {
    let is_added = added.entries::<Loss>().iter().any(|entry| entry.name == name);
    if !is_added && !Loss::list().iter().any(|(known, _)| *known == name) {
        return Ok(None);
    }
    let mut options = Node::empty_table();
    let mut mistakes = Diagnostics::default();
    for flag in flags {
        match parse_flag(flag) {
            Ok(layer) => options = merge(options, layer, None),
            Err(diagnostics) => mistakes.append(diagnostics),
        }
    }
    mistakes.into_result()?;
    let reader = Reader::new("").with_added_kinds(added.clone());
    reader.finish(|reader| read_kind(name, &options, reader)).map(Some)
}

/// Binds a loss to two recorded traces and computes it.
///
/// A trace holds taps by their names, and the inputs that were traced: `attention_mask` is the mask of every stream that has none
/// of its own ([`mask_names`]), but for the decoder's, whose mask is `decoder_attention_mask`; without a mask all tokens
/// count. `labels` of the student's
/// trace are classes if they are whole numbers, of which negative ones do not count, and else numbers; of pairs of texts they are
/// scores. `texts` numbers the texts of embeddings, of more than two an example as a matrix with a row for each; `relation_labels`
/// are the classes of `relation`, and `box_labels` the boxes of cells whose label is not negative, with `attribute_labels`, the
/// shares of their attributes. `pixel_values` are the images that are made again. Of lists of passages,
/// `list_mask` shows which of `relevance` stand in a list, `relevance_labels` are their grades, and `relevance_scores` the scores of
/// the data. `word_ids` of both traces, `[batch, length]`, number the word of each token, the words of a text from 0 and -1 for none, and
/// `keyword_scores` and `word_lots` of the student's, `[batch, words]`, are what words are chosen by. `answer_labels` are answers beside
/// other targets. Of regions, `object_labels` and `attribute_labels` `[batch, regions]` are classes, negative ones unknown, with
/// `object_confidence` and `attribute_confidence`; `visual_feats` are their features and `region_mask` is 1 where these are masked;
/// `visual_attention_mask` is 0 at padding. Projections are read from the
/// student's trace, and so are learnt numbers, which have their initial values where it has none.
///
/// # Errors
/// When the loss does not fit the traces, they lack a tap or a projection, or an option that the value depends on changes over
/// the steps of a stage. A weight may, since the value is that before it.
pub fn evaluate(loss: &Loss, student: &Weights, teacher: &Weights) -> Result<LossEvaluation, LossError> {
    let (own, other) = (outline(student)?, outline(teacher)?);
    let term = loss.inner().bind(&own, Some(&other))?;
    if let Some((key, value)) = term.scheduled.first() {
        return Err(LossError::Incompatible {
            term: term.name,
            reason: format!(
                "`{key}` is {value} over the steps of a stage, and recorded traces are of none; set it to a number"
            ),
        });
    }
    let mut targets = targets(student, &term)?;
    if term.targets.contains(&TargetKind::Words) {
        targets.words = Arc::new(words(student, teacher)?);
    }
    let variable = |tensor: &Tensor| Ok::<_, LossError>(Var::from_tensor(&tensor.to_dtype(DType::F32)?)?);
    let mut variables: IndexMap<String, Var> = IndexMap::new();
    for tap in &term.student_taps {
        if let Some(tensor) = student.get(tap) {
            variables.insert(tap.clone(), variable(tensor)?);
        }
    }
    let mut projections = Weights::new();
    for projection in &term.projections {
        for (part, shape) in
            [("weight", vec![projection.outputs, projection.inputs]), ("bias", vec![projection.outputs])]
        {
            let name = format!("{}.{part}", projection.name);
            let tensor = student.get(&name).filter(|tensor| tensor.dims() == shape).ok_or_else(|| {
                LossError::Incompatible {
                    term: term.name,
                    reason: format!(
                        "the student's file needs a tensor `{name}` of shape {shape:?} for the projection"
                    ),
                }
            })?;
            let variable = variable(tensor)?;
            projections.insert(name.clone(), variable.as_tensor().clone());
            variables.insert(name, variable);
        }
    }
    for number in &term.learnt {
        let tensor = match student.get(number.name) {
            Some(tensor) if tensor.rank() == 0 => tensor.clone(),
            Some(tensor) => {
                return Err(LossError::Incompatible {
                    term: term.name,
                    reason: format!("`{}` has shape {:?}, and is one number", number.name, tensor.dims()),
                });
            }
            None => Tensor::new(number.initial, device::current())?,
        };
        let variable = variable(&tensor)?;
        projections.insert(number.name.to_owned(), variable.as_tensor().clone());
        variables.insert(number.name.to_owned(), variable);
    }
    let mut trace = masks(student, &own, &term.student_taps)?;
    for (name, variable) in &variables {
        trace.record(name, variable.as_tensor());
    }
    let mut reference = masks(teacher, &other, &term.teacher_taps)?;
    for tap in &term.teacher_taps {
        if let Some(tensor) = teacher.get(tap) {
            reference.record(tap, &tensor.to_dtype(DType::F32)?);
        }
    }
    let value = term.loss(&Inputs {
        student: &trace,
        teacher: Some(&reference),
        targets: &targets,
        projections: &projections,
        ranks: None,
        progress: 1.0,
        step: None,
    })?;
    let store = backward(&value)?;
    let gradients = variables
        .iter()
        .map(|(name, variable)| {
            let gradient = match store.get(variable.as_tensor()) {
                Some(gradient) => gradient.clone(),
                None => variable.zeros_like()?,
            };
            Ok((name.clone(), gradient))
        })
        .collect::<Result<_, LossError>>()?;
    Ok(LossEvaluation { value: f64::from(value.to_dtype(DType::F32)?.to_scalar::<f32>()?), gradients })
}

/// The network that left a trace, as far as its taps show.
fn outline(trace: &Weights) -> Result<Outline, LossError> {
    let mut outline = Outline::default();
    for (name, tensor) in trace {
        let last = |tensor: &Tensor| tensor.dims().last().copied().unwrap_or_default();
        match name.as_str() {
            "pooled" => outline.pooled = Some(last(tensor)),
            "relation" => outline.relations = last(tensor),
            PREDICTION_LOGITS => outline.words = last(tensor),
            TARGET_LOGITS => outline.target_words = last(tensor),
            OBJECT_LOGITS => outline.regions.get_or_insert_default().objects = last(tensor),
            ATTRIBUTE_LOGITS => outline.regions.get_or_insert_default().attributes = last(tensor),
            PREDICTED_FEATURES => outline.regions.get_or_insert_default().features = last(tensor),
            "objectness" => outline.detects = true,
            "reconstruction" => outline.reconstruction = Some(tensor.elem_count()),
            "attributes" => outline.attributes = last(tensor),
            "latents" | "quantized" => {
                let width = |name: &str| trace.get(name).map_or(0, last);
                outline.codes = Some(ImageCodes {
                    codes: 0,
                    width: width("quantized"),
                    latent_width: width("latents"),
                    // Logits of codes are recorded without vectors, or with vectors of another width.
                    is_relaxed: width("latents") != width("quantized"),
                    by_gradient: true,
                });
            }
            // Scores of a cross-encoder, or of a bi-encoder where they are of all passages of a batch.
            RELEVANCE => outline.classes = 1,
            BATCH_RELEVANCE => {
                outline.streams.insert(String::new(), Stream { embedding: Some(1), ..Stream::new(0, 0, 0) });
            }
            "logits" => {
                outline.classes = last(tensor);
                outline.classes_of_tokens = tensor.rank() > 2;
            }
            _ => {}
        }
        if let Some(stream) = stream_of_embedding(name) {
            let stream = outline.streams.entry(stream.to_owned()).or_insert(Stream::new(0, 0, 0));
            stream.embedding = Some(last(tensor));
        }
        if let Some((stream, parts)) = name.rsplit_once('.')
            && let Some(parts) = [TOKENS, PATCHES].into_iter().find(|known| *known == parts)
        {
            let stream = outline.streams.entry(stream.to_owned()).or_insert(Stream::new(0, 0, 0));
            stream.parts = Some(parts);
        }
        let Some((stream, kind, number)) = layer_tap(name) else { continue };
        let stream = outline.streams.entry(stream.to_owned()).or_insert(Stream::new(0, 0, 0));
        let mut attention = 0;
        match (kind, tensor.dims()) {
            ("hidden", [_, _, width]) => {
                stream.layers = stream.layers.max(number);
                stream.width = *width;
            }
            ("queries" | "keys" | "values", [_, _, width]) => {
                attention = number + 1;
                stream.width = *width;
            }
            ("queries" | "keys" | "values", [_, heads, _, width]) => {
                attention = number + 1;
                (stream.heads, stream.width) = (*heads, heads * width);
            }
            ("scores" | "attention", [_, heads, _, _]) => {
                attention = number + 1;
                stream.heads = *heads;
            }
            (_, shape) => {
                return Err(LossError::Incompatible {
                    term: "trace",
                    reason: format!(
                        "`{}` has shape {shape:?}, which is not that of such a tap",
                        quoted(name)
                    ),
                });
            }
        }
        stream.attention.0 = stream.attention.0.max(attention);
    }
    // The logits of a model that embeds texts and images and does not fuse them are of one with the other, and else of choices.
    let embeds = |name: &str| outline.streams.get(name).is_some_and(|stream| stream.embedding.is_some());
    let rows = trace.get("logits").and_then(|logits| logits.dims().first().copied());
    if rows == Some(outline.classes)
        && outline.classes > 0
        && embeds("text")
        && embeds("image")
        && outline.pooled.is_none()
    {
        (outline.pairs, outline.classes) = (true, 0);
    }
    // A stream may attend once more than it has hidden states, or only one of the two may be recorded.
    for stream in outline.streams.values_mut() {
        let (hidden, (attention, taps)) = (stream.layers, stream.attention);
        let either = |one: usize, other: usize| if one > 0 { one } else { other };
        *stream = Stream {
            layers: either(hidden, attention),
            attention: (either(attention, hidden), taps),
            ..*stream
        };
    }
    Ok(outline)
}

/// Stream, kind and number of a layer's tap.
fn layer_tap(name: &str) -> Option<(&str, &str, usize)> {
    let (front, number) = name.rsplit_once('.')?;
    // No network has more layers than that; a larger number would be taken for as many.
    let number = usize::from(number.parse::<u16>().ok()?);
    let (stream, kind) = front.rsplit_once('.').unwrap_or(("", front));
    ["hidden", "queries", "keys", "values", "scores", "attention"]
        .contains(&kind)
        .then_some((stream, kind, number))
}

/// An empty trace with the mask of each stream that a tap belongs to.
fn masks(trace: &Weights, outline: &Outline, taps: &[String]) -> Result<Trace, LossError> {
    let mut masks = Trace::new(TapSelection::All);
    let found = |stream: &str| mask_names(stream).iter().find_map(|name| trace.get(name));
    let numbers = |mask: &Tensor| mask.to_dtype(DType::U8)?.flatten_all()?.to_vec1::<u8>();
    for stream in outline.streams.keys() {
        if let Some(mask) = trace.get(&format!("{stream}.hidden_attention_mask")) {
            masks.record_hidden_mask(stream, &Arc::new(numbers(mask)?));
        }
        let tap = taps.iter().find(|tap| layer_tap(tap).is_some_and(|(own, ..)| own == stream));
        // Rows of hidden states, or of scores by head.
        let rows = tap
            .and_then(|tap| trace.get(tap))
            .map(|tensor| Ok::<_, LossError>((tensor.dim(0)?, tensor.dim(tensor.rank() - 2)?)))
            .transpose()?;
        let mask: Vec<u8> = match (found(stream), rows) {
            // The first token of an image, which is no patch of it and not in the mask that was given.
            (Some(mask), Some((batch, length)))
                if length > 0 && stream != "text" && mask.dims() == [batch, length - 1] =>
            {
                let ones = Tensor::ones((batch, 1), DType::U8, mask.device())?;
                numbers(&Tensor::cat(&[&ones, &mask.to_dtype(DType::U8)?], 1)?)?
            }
            (Some(mask), _) => numbers(mask)?,
            (None, Some((batch, length))) => vec![1; batch * length],
            (None, None) => continue,
        };
        masks.record_mask(stream, &Arc::new(mask));
    }
    Ok(masks)
}

/// What a student's trace says of the passages of its lists, of which it holds such scores.
fn list_targets(student: &Weights, scores: &Tensor) -> Result<ListTargets, LossError> {
    let numbers = |name: &str| -> Result<Option<Vec<f32>>, LossError> {
        let tensor = student.get(name).filter(|tensor| tensor.elem_count() == scores.elem_count());
        Ok(tensor.map(|tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()).transpose()?)
    };
    let listed = numbers("list_mask")?.unwrap_or_else(|| vec![1.0; scores.elem_count()]);
    Ok(ListTargets {
        listed: Arc::new(listed),
        relevance: Arc::new(numbers("relevance_labels")?.unwrap_or_default()),
        scores: Arc::new(numbers("relevance_scores")?.unwrap_or_default()),
        ..ListTargets::default()
    })
}

/// The words that the traces of student and teacher both have pieces of, text by text.
fn words(student: &Weights, teacher: &Weights) -> Result<Vec<Vec<AlignedWord>>, LossError> {
    let ids = |trace: &Weights, side| -> Result<Vec<Vec<i64>>, LossError> {
        let found =
            trace.get("word_ids").ok_or_else(|| LossError::MissingTap { side, tap: "word_ids".into() })?;
        Ok(found.to_dtype(DType::I64)?.to_vec2()?)
    };
    let (own, other) = (ids(student, "student")?, ids(teacher, "teacher")?);
    let numbers = |name: &str| -> Result<Vec<Vec<f32>>, LossError> {
        let found = student.get(name).map(|found| found.to_dtype(DType::F32)?.to_vec2());
        Ok(found.transpose()?.unwrap_or_default())
    };
    let (scores, lots) = (numbers("keyword_scores")?, numbers("word_lots")?);
    let of_text = |(row, (own, other)): (usize, (&Vec<i64>, &Vec<i64>))| {
        let pieces = |ids: &[i64], word: i64| -> Vec<u32> {
            (0u32..).zip(ids).filter(|(_, id)| **id == word).map(|(place, _)| place).collect()
        };
        let number = |table: &[Vec<f32>], word: i64| {
            table.get(row).and_then(|row| row.get(word as usize)).copied().unwrap_or_default()
        };
        let mut known: Vec<i64> =
            own.iter().copied().filter(|word| *word >= 0 && other.contains(word)).collect();
        known.sort_unstable();
        known.dedup();
        let word = |word: i64| AlignedWord {
            student: pieces(own, word),
            teacher: pieces(other, word),
            keyword_score: number(&scores, word),
            lot: number(&lots, word),
        };
        known.into_iter().map(word).collect()
    };
    Ok(own.iter().zip(&other).enumerate().map(of_text).collect())
}

/// Classes, and 1 for each that is known.
type LabelledClasses = (Arc<Vec<u32>>, Arc<Vec<f32>>);

/// Classes of a tensor of labels, those that are negative as 0, and 1 where they are not negative.
fn labelled(student: &Weights, name: &str) -> Result<LabelledClasses, LossError> {
    let missing = || LossError::MissingTap { side: "student", tap: name.to_owned() };
    let labels = student.get(name).ok_or_else(missing)?;
    let labels: Vec<i64> = labels.to_dtype(DType::I64)?.flatten_all()?.to_vec1()?;
    let known = labels.iter().map(|&label| f32::from(u8::from(label >= 0))).collect();
    let classes = labels.iter().map(|&label| u32::try_from(label.max(0)).unwrap_or(u32::MAX)).collect();
    Ok((Arc::new(classes), Arc::new(known)))
}

/// What a student's trace says of the regions that a term counts over.
fn region_targets(student: &Weights, term: &Term) -> Result<RegionTargets, LossError> {
    let tap = term.student_taps.first().map(String::as_str).unwrap_or_default();
    let missing = |tap: &str| LossError::MissingTap { side: "student", tap: tap.to_owned() };
    let predicted = student.get(tap).ok_or_else(|| missing(tap))?;
    let (batch, regions, _) = predicted.dims3()?;
    let numbers = |name: &str| -> Result<Option<Arc<Vec<f32>>>, LossError> {
        let found = student.get(name).map(|tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1());
        Ok(found.transpose()?.map(Arc::new))
    };
    let needed = |name: &str| numbers(name)?.ok_or_else(|| missing(name));
    let real = numbers("visual_attention_mask")?.unwrap_or_else(|| Arc::new(vec![1.0; batch * regions]));
    let mut own = RegionTargets { real, ..RegionTargets::default() };
    let sure = |confidence: &str, known: &Arc<Vec<f32>>| -> Result<Arc<Vec<f32>>, LossError> {
        let confidence = needed(confidence)?;
        Ok(Arc::new(confidence.iter().zip(known.iter()).map(|(sure, known)| sure * known).collect()))
    };
    match tap {
        OBJECT_LOGITS if term.targets == [TargetKind::RegionClasses] => {
            own.object_probabilities = needed("object_probabilities")?;
            own.masked = needed("region_mask")?;
        }
        OBJECT_LOGITS => {
            let (objects, known) = labelled(student, "object_labels")?;
            (own.objects, own.object_confidence) = (objects, sure("object_confidence", &known)?);
        }
        ATTRIBUTE_LOGITS => {
            let (attributes, known) = labelled(student, "attribute_labels")?;
            (own.attributes, own.attribute_confidence) = (attributes, sure("attribute_confidence", &known)?);
        }
        _ => (own.features, own.masked) = (needed("visual_feats")?, needed("region_mask")?),
    }
    Ok(own)
}

/// The targets of a student's trace: its labels, and every row that is no padding for the teacher.
fn targets(student: &Weights, term: &Term) -> Result<Targets, LossError> {
    let numbers = |tensor: &Tensor| tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>();
    if let Some(labels) = student.get("relation_labels").filter(|_| term.student_taps == ["relation"]) {
        let relations = labels.to_dtype(DType::U32)?.flatten_all()?.to_vec1()?;
        return Ok(Targets { relations: Arc::new(relations), ..Targets::default() });
    }
    if let [TargetKind::Regions | TargetKind::RegionClasses] = term.targets[..] {
        return Ok(Targets { regions: region_targets(student, term)?, ..Targets::default() });
    }
    if term.targets == [TargetKind::Answers] {
        let (answers, answered) = labelled(student, "answer_labels")?;
        return Ok(Targets { answers, answered, ..Targets::default() });
    }
    if term.targets == [TargetKind::LeftOutSpans] {
        let (tokens, counted) = labelled(student, "span_labels")?;
        return Ok(Targets { spans: SpanTargets { tokens, counted }, ..Targets::default() });
    }
    if term.targets == [TargetKind::MaskedWords] {
        let (classes, labelled) = labelled(student, "labels")?;
        return Ok(Targets { classes, labelled, ..Targets::default() });
    }
    if let Some(scores) = student.get(RELEVANCE).filter(|_| term.student_taps == [RELEVANCE]) {
        return Ok(Targets { lists: list_targets(student, scores)?, ..Targets::default() });
    }
    if let Some(scores) = student.get(BATCH_RELEVANCE).filter(|_| term.student_taps == [BATCH_RELEVANCE]) {
        let ListTargets { listed, relevance, .. } = list_targets(student, scores)?;
        let lists =
            ListTargets { batch_listed: listed, batch_relevance: relevance, ..ListTargets::default() };
        return Ok(Targets { lists, ..Targets::default() });
    }
    if let Some(pixels) = student.get("pixel_values").filter(|_| term.targets == [TargetKind::Images]) {
        return Ok(Targets { pixels: Arc::new(numbers(pixels)?), ..Targets::default() });
    }
    if let Some(texts) = student.get("texts") {
        let per_example = if let [sides, _] = texts.dims() { *sides } else { 2 };
        let texts = texts.to_dtype(DType::U32)?.flatten_all()?.to_vec1()?;
        return Ok(Targets { texts: Arc::new(texts), texts_per_example: per_example, ..Targets::default() });
    }
    if let Some(labels) = student.get("labels").filter(|_| term.targets == [TargetKind::Similarities]) {
        return Ok(Targets { numbers: Arc::new(numbers(labels)?), ..Targets::default() });
    }
    let is_read = |tap: &str| term.student_taps.iter().any(|own| own == tap);
    let classified = match term.student_taps.first() {
        _ if is_read("logits") || term.teacher_taps.iter().any(|tap| tap == "logits") => {
            student.get("logits")
        }
        // States that are contrasted by the classes of their tokens.
        Some(tap) if term.targets.contains(&TargetKind::Classes) => student.get(tap),
        _ => None,
    };
    let Some(logits) = classified else { return Ok(Targets::default()) };
    let rows = logits.elem_count() / logits.dims().last().copied().unwrap_or(1).max(1);
    let mask = ["decoder_attention_mask", "attention_mask"].into_iter().find_map(|name| student.get(name));
    let teacher_mask = match mask.filter(|mask| mask.elem_count() == rows) {
        Some(mask) => numbers(mask)?,
        None => vec![1.0; rows],
    };
    let teacher_mask = Arc::new(teacher_mask);
    let mut targets =
        Targets { teacher_written: Arc::clone(&teacher_mask), teacher_mask, ..Targets::default() };
    if let Some(labels) = student.get("labels") {
        if labels.dtype().is_float() && labels.rank() > 1 {
            targets.scores = Arc::new(numbers(labels)?);
        } else if labels.dtype().is_float() {
            targets.numbers = Arc::new(numbers(labels)?);
        } else {
            let labels: Vec<i64> = labels.to_dtype(DType::I64)?.flatten_all()?.to_vec1()?;
            targets.labelled =
                Arc::new(labels.iter().map(|&label| f32::from(u8::from(label >= 0))).collect());
            targets.classes = Arc::new(labels.iter().map(|&label| label.max(0) as u32).collect());
        }
    }
    if let Some(boxes) = student.get("box_labels").filter(|_| term.student_taps.contains(&"boxes".to_owned()))
    {
        targets.numbers = Arc::new(numbers(boxes)?);
        targets.scores = Arc::clone(&targets.labelled);
    }
    if let Some(shares) =
        student.get("attribute_labels").filter(|_| term.student_taps.contains(&"attributes".to_owned()))
    {
        targets.attributes = Arc::new(numbers(shares)?);
    }
    Ok(targets)
}
