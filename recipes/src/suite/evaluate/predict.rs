//! Predictions of a model for the inputs of a task.

use alambic_data::benchmarks::{
    ChoiceExample, Examples, IdentifiedSentence, PieceTag, Predictions, SentenceExample, TextExample,
};
use alambic_inference::{
    EncoderPipeline, ExtractiveQuestionAnsweringPipeline, LoadedModel, MultipleChoicePipeline, SpanOptions,
    TextPair,
};
use alambic_models::text_encoder::{Head, ProblemType};
use alambic_settings::IndexMap;

use super::super::schema::{ScoredPieces, SuiteTask};
use super::bitext::{Embedder, Threshold, mine, nearest_places, told};
use super::images;
use crate::error::RunError;

/// Examples between two reports of progress.
const CHUNK: usize = 256;

/// Whether a model can answer a task as it is: it has a head with these classes; of questions about passages, that of spans; of questions
/// about images, one over these answers.
pub(super) fn has_head(model: &LoadedModel, examples: &Examples, classes: &[&str]) -> bool {
    if let Examples::VisualQuestions { questions, .. } = examples {
        return images::has_answers(model.config(), questions, classes);
    }
    let Some(head) = model.config().text_head() else { return false };
    let has_classes = || {
        head.problem_type == ProblemType::SingleLabel
            && !classes.is_empty()
            && head.labels.len() == classes.len()
            && classes.iter().all(|class| head.labels.iter().any(|own| own == class))
    };
    match examples {
        Examples::Texts(_) => head.head == Head::Sequence && has_classes(),
        Examples::Sentences(_) => head.head == Head::Tokens && has_classes(),
        Examples::Passages(_) => head.head == Head::Span,
        Examples::Choices(_) => MultipleChoicePipeline::is_scored_by(head),
        Examples::Bitext { .. }
        | Examples::Mining(_)
        | Examples::VisualQuestions { .. }
        | Examples::Captions { .. } => true,
    }
}

/// What a model is asked: a task in a language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'t> {
    pub(super) task: &'t SuiteTask,
    /// The language that is asked about.
    pub(super) language: &'t str,
    /// The language that inputs are in: that of the source where they are translated.
    pub(super) read_in: &'t str,
    /// The language of the sentences that look for their translation.
    pub(super) source: &'t str,
    /// The layer of whose states sentences are embedded; none for the model's own embedding.
    pub(super) layer: Option<usize>,
}

impl Question<'_> {
    /// What embeds the sentences of its language, and those of the source.
    pub(super) fn embedders(&self, model: &LoadedModel) -> Result<[Embedder; 2], RunError> {
        let own = Embedder::of_task(model, self.task, self.layer)?;
        Ok([own.in_language(self.read_in)?, own.in_language(self.source)?])
    }
}

/// The predictions of a model for inputs of a task. `progress` hears how many are done.
pub(super) fn predict(
    model: &LoadedModel,
    examples: &Examples,
    question: &Question<'_>,
    threshold: Option<&Threshold>,
    progress: &mut dyn FnMut(usize),
) -> Result<Predictions, RunError> {
    let Question { task, read_in, .. } = *question;
    let max_length = task.max_length();
    let encoder = || told(EncoderPipeline::from_model(model)?.with_max_length(max_length)?, read_in);
    Ok(match examples {
        Examples::Texts(all) => Predictions::Classes(classes(&encoder()?, all, progress)?),
        Examples::Sentences(all) if task.pieces == ScoredPieces::All => {
            Predictions::Pieces(pieces(&encoder()?, all, progress)?)
        }
        Examples::Sentences(all) => Predictions::Tags(tags(&encoder()?, all, progress)?),
        Examples::Passages(all) => {
            let pipeline =
                ExtractiveQuestionAnsweringPipeline::from_model(model, SpanOptions::within(max_length))?;
            let pipeline = told(pipeline, read_in)?;
            let mut answers = IndexMap::new();
            for some in all.chunks(CHUNK) {
                let inputs: Vec<(&str, &str)> =
                    some.iter().map(|own| (own.question.as_str(), own.passage.as_str())).collect();
                let found = pipeline.answer(&inputs)?;
                answers.extend(some.iter().zip(found).map(|(own, answer)| (own.id.clone(), answer.text)));
                progress(some.len());
            }
            Predictions::Answers(answers)
        }
        Examples::Choices(all) => {
            let pipeline = MultipleChoicePipeline::from_model(model)?.with_max_length(max_length)?;
            Predictions::Classes(choices(&pipeline, all, progress)?)
        }
        Examples::Bitext { queries, candidates } => {
            let [own, source] = question.embedders(model)?;
            let found = nearest_places(&source.embed(queries)?, &own.embed(candidates)?)?;
            progress(queries.len());
            Predictions::Places(found)
        }
        Examples::VisualQuestions { questions, images } => {
            images::answers(model, questions, images, max_length, progress)?
        }
        Examples::Captions { captions, images } => {
            images::rankings(model, captions, images, max_length, progress)?
        }
        Examples::Mining([others, english]) => {
            let [own, source] = question.embedders(model)?;
            let texts =
                |all: &[IdentifiedSentence]| all.iter().map(|own| own.text.clone()).collect::<Vec<_>>();
            let [others_vectors, english_vectors] =
                [own.embed(&texts(others))?, source.embed(&texts(english))?];
            let pairs = mine(&others_vectors, &english_vectors)?;
            let least = threshold.map_or(f32::NEG_INFINITY, |threshold| threshold.least);
            let kept = pairs.into_iter().filter(|pair| pair.score >= least);
            let found = kept.map(|pair| [others[pair.first].id.clone(), english[pair.second].id.clone()]);
            let found = found.collect();
            progress(others.len());
            Predictions::Pairs(found)
        }
    })
}

fn classes(
    pipeline: &EncoderPipeline,
    all: &[TextExample],
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<String>, RunError> {
    let mut found = Vec::with_capacity(all.len());
    for some in all.chunks(CHUNK) {
        let texts: Vec<TextPair<'_>> =
            some.iter().map(|own| (own.first.as_str(), own.second.as_deref())).collect();
        found.extend(pipeline.predict(&texts)?);
        progress(some.len());
    }
    Ok(found)
}

/// The place of the choice that is taken, counted from 0.
fn choices(
    pipeline: &MultipleChoicePipeline,
    all: &[ChoiceExample],
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<String>, RunError> {
    let mut found = Vec::with_capacity(all.len());
    for some in all.chunks(CHUNK) {
        let pairs = |own: &'_ ChoiceExample| -> Vec<(String, String)> {
            own.choices.iter().map(|choice| (own.prompt.clone(), choice.clone())).collect()
        };
        let owned: Vec<Vec<(String, String)>> = some.iter().map(pairs).collect();
        let inputs: Vec<Vec<TextPair<'_>>> = owned
            .iter()
            .map(|pairs| {
                pairs.iter().map(|(prompt, choice)| (prompt.as_str(), Some(choice.as_str()))).collect()
            })
            .collect();
        let answers = pipeline.answer(&inputs)?;
        found.extend(answers.into_iter().map(|answer| answer.map_or(0, |answer| answer.choice).to_string()));
        progress(some.len());
    }
    Ok(found)
}

/// The words of a sentence without white space within them, which would split them.
fn plain_words(sentence: &SentenceExample) -> Vec<String> {
    let plain = |word: &String| -> String {
        let word: String = word.chars().filter(|letter| !letter.is_whitespace()).collect();
        if word.is_empty() { "_".to_owned() } else { word }
    };
    sentence.words.iter().map(plain).collect()
}

/// The tags of the pieces of sentences. What of a sentence is beyond the longest input is left out; one of which no piece is left has
/// its first word, in no span.
fn pieces(
    pipeline: &EncoderPipeline,
    all: &[SentenceExample],
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<PieceTag>>, RunError> {
    let mut found = Vec::with_capacity(all.len());
    for some in all.chunks(CHUNK) {
        let texts: Vec<String> = some.iter().map(|own| plain_words(own).join(" ")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for rows in pipeline.piece_logits(&texts)? {
            let tag = |(word, row): (usize, Vec<f32>)| PieceTag { word, tag: pipeline.label(&row) };
            let mut pieces: Vec<PieceTag> = rows.into_iter().map(tag).collect();
            if pieces.is_empty() {
                pieces.push(tag((0, Vec::new())));
            }
            found.push(pieces);
        }
        progress(some.len());
    }
    Ok(found)
}

/// The tags of sentences. What of a sentence is beyond the longest input is read by itself, from the first word that was cut.
fn tags(
    pipeline: &EncoderPipeline,
    all: &[SentenceExample],
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Vec<String>>, RunError> {
    let words: Vec<Vec<String>> = all.iter().map(plain_words).collect();
    let mut tags: Vec<Vec<String>> = vec![Vec::new(); all.len()];
    for begin in (0..all.len()).step_by(CHUNK) {
        let end = (begin + CHUNK).min(all.len());
        let mut open: Vec<usize> = (begin..end).collect();
        while !open.is_empty() {
            let texts: Vec<String> =
                open.iter().map(|&place| words[place][tags[place].len()..].join(" ")).collect();
            let pairs: Vec<TextPair<'_>> = texts.iter().map(|text| (text.as_str(), None)).collect();
            let rows = pipeline.logits(&pairs)?;
            for (&place, rows) in open.iter().zip(&rows) {
                let read = rows.iter().take_while(|row| !row.is_empty()).count();
                let own = &mut tags[place];
                own.extend(rows[..read].iter().map(|row| pipeline.label(row)));
                if read == 0 {
                    // A word of no token, or of more than there is room for.
                    own.push(pipeline.label(&[]));
                }
            }
            open.retain(|&place| tags[place].len() < words[place].len());
        }
        progress(end - begin);
    }
    Ok(tags)
}
