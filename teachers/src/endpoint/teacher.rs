//! A model behind an API as a teacher.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use alambic_files::text::quoted;
use alambic_ranks::Ranks;
use alambic_settings::IndexMap;
use serde_json::{Map, Value, json};

use super::answer::{EndpointAnswer, EndpointExample, EndpointInput, TokenCount};
use super::base_url::BaseUrl;
use super::budget::Budget;
use super::chat::Chat;
use super::classes::Classes;
use super::client::{Client, parse};
use super::embeddings::{self, Embeddings};
use super::error::EndpointError;
use super::failure::Failure;
use super::key::Key;
use super::options::{EndpointOptions, EndpointOutput, ResponseFormat};
use super::progress::Progress;
use super::response::{ChatResponse, EmbeddingResponse};
use super::retry::Retries;
use super::sender::{Halt, Sender};
use super::settings::AnswerSettings;
use super::stop::{Stop, StopReason};
use super::summary::{EndpointEstimate, EndpointStop, EndpointSummary};
use super::table::{AnswerTable, read_table};
use super::template::{Placeholder, Template};
use super::workers::Workers;
use crate::error::TeacherError;

/// Fields of a request's body that have keys of their own, or that would change what comes back.
const OWN_FIELDS: [&str; 12] = [
    "model",
    "messages",
    "input",
    "temperature",
    "max_tokens",
    "seed",
    "n",
    "logprobs",
    "top_logprobs",
    "response_format",
    "stream",
    "stream_options",
];

/// Paths of the API.
const CHAT_PATH: &str = "chat/completions";
const EMBEDDINGS_PATH: &str = "embeddings";

/// Teacher behind an API like OpenAI's: what it answers about texts is appended to a file of JSON lines.
#[derive(Debug, Clone)]
pub struct EndpointTeacher {
    base: BaseUrl,
    key_variable: Option<String>,
    kind: Kind,
    has_second: bool,
    settings: AnswerSettings,
    batch: usize,
    concurrency: usize,
    timeout: Duration,
    retries: Retries,
    max_requests: Option<usize>,
    max_tokens: Option<usize>,
}

#[derive(Debug, Clone)]
enum Kind {
    Chat(Chat),
    Embeddings(Embeddings),
}

impl EndpointTeacher {
    /// A teacher by its options. Labels and tags are among `classes`, which number, text and embedding have none of; `examples`
    /// are put into every prompt.
    ///
    /// # Errors
    /// [`EndpointError::Options`] when an option does not go with the others, the classes or the examples.
    pub fn new(
        options: &EndpointOptions,
        classes: &[String],
        examples: &[EndpointExample],
    ) -> Result<Self, TeacherError> {
        let failed = |key, message: String| EndpointError::Options { key, message };
        let base = BaseUrl::parse(&options.base_url).map_err(|message| failed("base-url", message))?;
        if options.model.trim().is_empty() {
            return Err(failed("model", "is empty; name the model as the server does".into()).into());
        }
        let is_embedding = *options.output == EndpointOutput::Embedding;
        let prompt = match &options.prompt {
            Some(prompt) => prompt.value.as_str(),
            None if is_embedding => "{text}",
            None => {
                let message =
                    "is missing: say what to answer and how, with `{text}` in the place of the text";
                return Err(failed("prompt", message.into()).into());
            }
        };
        let template = Template::parse(prompt).map_err(|message| failed("prompt", message))?;
        if !template.has(Placeholder::Text) {
            let message = "has no `{text}`, so that all texts would be asked about alike";
            return Err(failed("prompt", message.into()).into());
        }
        let has_second = template.has(Placeholder::Second);
        let known = Classes::new(classes).map_err(|message| failed("classes", message))?;
        let extra = extra_body(options).map_err(|message| failed("extra-body", message))?;
        for example in examples {
            if example.input.second.is_some() != has_second {
                return Err(failed("examples", pair_message(&example.input, has_second)).into());
            }
        }
        let mut settings = Map::new();
        settings.insert("base-url".into(), json!(base.as_str()));
        settings.insert("model".into(), json!(options.model.value));
        settings.insert("output".into(), json!(options.output.name()));
        settings.insert("prompt".into(), json!(prompt));
        settings.insert("extra-body".into(), Value::Object(extra.clone()));
        let kind = if is_embedding {
            check_embedding_options(options, &template, examples)?;
            Kind::Embeddings(Embeddings { model: options.model.value.clone(), template, extra })
        } else {
            let chat = Chat::new(options, template, &known, examples, extra)?;
            settings.extend(chat.settings());
            Kind::Chat(chat)
        };
        Ok(Self {
            base,
            key_variable: options.key_variable.as_ref().map(|at| at.value.clone()),
            kind,
            has_second,
            settings: AnswerSettings::new(settings),
            batch: options.batch,
            concurrency: options.concurrency,
            timeout: Duration::from_secs_f64(options.timeout_seconds),
            retries: Retries {
                max: options.retries,
                first: Duration::from_secs_f64(options.retry_seconds),
                longest: Duration::from_secs_f64(options.max_retry_seconds),
            },
            max_requests: options.max_requests,
            max_tokens: options.max_total_tokens,
        })
    }

    /// Whether the prompt asks about pairs of texts.
    #[must_use]
    pub fn takes_pairs(&self) -> bool {
        self.has_second
    }

    /// Checks that the environment has the key that `key-variable` names.
    ///
    /// # Errors
    /// [`EndpointError::Key`] when it has not.
    pub fn check_key(&self) -> Result<(), TeacherError> {
        self.key()?;
        Ok(())
    }

    fn key(&self) -> Result<Option<Key>, EndpointError> {
        self.key_variable.as_deref().map(Key::from_environment).transpose()
    }

    /// Requests and tokens that texts will take, reckoned without a request; one that stands there several times is asked about
    /// once.
    ///
    /// # Errors
    /// When the texts are pairs and the prompt asks about single ones, or the other way round.
    pub fn estimate(&self, inputs: &[EndpointInput]) -> Result<EndpointEstimate, TeacherError> {
        let counts = self.count(inputs)?;
        let different: Vec<&EndpointInput> = counts.into_keys().collect();
        let mut tokens = TokenCount::default();
        let requests = match &self.kind {
            Kind::Chat(chat) => {
                for input in &different {
                    chat.requests().for_each(|(_, samples)| tokens.add(chat.reckon(input, samples)));
                }
                different.len() * chat.requests().count()
            }
            Kind::Embeddings(embeddings) => {
                tokens.add(embeddings.reckon(&different));
                different.len().div_ceil(self.batch)
            }
        };
        Ok(EndpointEstimate { texts: different.len(), requests, tokens })
    }

    /// The different texts that a file has no answers for; all of them where there is no file.
    ///
    /// # Errors
    /// [`EndpointError::Stale`] when the answers were made with other settings, and when the file cannot be read.
    pub fn unanswered(
        &self,
        file: &Path,
        inputs: &[EndpointInput],
    ) -> Result<Vec<EndpointInput>, TeacherError> {
        let mut progress = Progress::new(self.count(inputs)?);
        if file.is_file() {
            self.settings.check(file)?;
            read_table(file, &mut |_, answer| {
                progress.record(&answer);
                Ok(())
            })?;
        }
        Ok(progress.unanswered().cloned().collect())
    }

    /// Has all texts answered that a file has no answers for yet, and appends every answer to it as it comes. Beside the file
    /// lies one whose name ends with `.settings.json`, with what the answers were made with. `progress` gets the number of texts
    /// whose answers the file has, then the numbers of those answered.
    ///
    /// An interruption or a reached budget ends it early and is no error. Ranks ask about a share each, into files of their own
    /// that are joined at the end or by the next run; they see one file system.
    ///
    /// # Errors
    /// [`EndpointError::Stale`] when the answers of the file were made with other settings, [`EndpointError::Key`] without the
    /// key, [`EndpointError::Server`] when the server refuses or fails too often; what was answered until then is kept.
    pub fn complete(
        &self,
        file: &Path,
        inputs: &[EndpointInput],
        ranks: &Ranks,
        interrupt: &AtomicBool,
        progress: &mut dyn FnMut(usize),
    ) -> Result<EndpointSummary, TeacherError> {
        let mut state = Progress::new(self.count(inputs)?);
        let table = if ranks.is_first() { Some(self.open(file, &mut state)?) } else { None };
        state.share(ranks)?;
        let recorded = state.answered;
        progress(state.weight);
        let own = state.unanswered().skip(ranks.rank()).step_by(ranks.count()).cloned().collect::<Vec<_>>();
        let mut table = match table {
            Some(table) => table,
            None => AnswerTable::open_for_rank(file, ranks.rank(), &self.settings)?,
        };
        let mut summary =
            EndpointSummary { texts: state.counts.len(), recorded, ..EndpointSummary::default() };
        let before = state.weight;
        let asked = self.ask(&own, &mut state, &mut table, (ranks, interrupt), &mut summary, progress);
        table.sync()?;
        asked.map_err(|error| kept(error, file, &state))?;
        if ranks.is_alone() {
            summary.answered = state.answered - recorded;
            summary.failed = state.failed;
            return Ok(summary);
        }
        // That of another rank is closed here, and the first one reads it then.
        let table = Some(table).filter(|_| ranks.is_first());
        self.finish(state, table, (summary, before), ranks, progress)
    }

    /// Opens the file of answers with what ranks of a killed run left beside it.
    fn open(&self, file: &Path, state: &mut Progress<'_>) -> Result<AnswerTable, TeacherError> {
        let mut table = AnswerTable::open(file, &self.settings, &mut |_, answer| {
            state.record(&answer);
            self.charge(&answer, state);
            Ok(())
        })?;
        table.join_ranks(&self.settings, &mut |answer| {
            // Left by a run that was killed after it had joined them.
            if state.has(&answer.input()) {
                return Ok(false);
            }
            state.record(answer);
            self.charge(answer, state);
            Ok(true)
        })?;
        if let Kind::Embeddings(_) = self.kind {
            state.requests = state.requests.div_ceil(self.batch as u64);
        }
        Ok(table)
    }

    /// Counts an answer of an earlier run for the budget.
    fn charge(&self, answer: &EndpointAnswer, state: &mut Progress<'_>) {
        let input = answer.input();
        let (requests, reckoned) = match &self.kind {
            Kind::Chat(chat) => {
                let mut reckoned = TokenCount::default();
                chat.requests().for_each(|(_, samples)| reckoned.add(chat.reckon(&input, samples)));
                (chat.requests().count(), reckoned)
            }
            Kind::Embeddings(embeddings) => (1, embeddings.reckon(&[&input])),
        };
        state.requests += requests as u64;
        state.tokens += answer.tokens.unwrap_or(reckoned).total();
        if let Some(tokens) = answer.tokens {
            state.known.add(tokens.total(), reckoned.total());
        }
    }

    /// Asks about texts, and records what is answered.
    fn ask(
        &self,
        own: &[EndpointInput],
        state: &mut Progress<'_>,
        table: &mut AnswerTable,
        (ranks, interrupt): (&Ranks, &AtomicBool),
        summary: &mut EndpointSummary,
        progress: &mut dyn FnMut(usize),
    ) -> Result<(), TeacherError> {
        if own.is_empty() {
            return Ok(());
        }
        let client = Client::new(&self.base, self.key()?, self.timeout, self.concurrency);
        let share = |limit, spent| Budget::share(limit, spent, ranks.rank(), ranks.count());
        let budget = Budget::new(
            share(self.max_requests, state.requests),
            share(self.max_tokens, state.tokens),
            state.known,
        );
        let stop = Stop::default();
        let sender = Sender::new(&client, self.retries, budget, &stop);
        let units: Vec<&[EndpointInput]> = match &self.kind {
            Kind::Chat(_) => own.chunks(1).collect(),
            Kind::Embeddings(_) => own.chunks(self.batch).collect(),
        };
        let workers = Workers { client: &client, stop: &stop, interrupt, concurrency: self.concurrency };
        let done = workers.run(&units, &|unit| self.ask_unit(unit, &sender), &mut |answers| {
            self.check_widths(answers, state)?;
            table.append(answers)?;
            let before = state.weight;
            for answer in answers {
                state.record(answer);
            }
            progress(state.weight - before);
            Ok(())
        });
        (summary.asked, summary.retries, summary.tokens) = sender.counts();
        if let Some(StopReason::Early(reason)) = stop.reason()
            && state.unanswered().next().is_some()
        {
            summary.stopped = Some(reason);
        }
        done
    }

    /// Asks about the texts of one unit: one text, or a batch of texts to embed.
    fn ask_unit(&self, inputs: &&[EndpointInput], sender: &Sender<'_>) -> Result<Vec<EndpointAnswer>, Halt> {
        match &self.kind {
            Kind::Chat(chat) => {
                let answers = inputs.iter().map(|input| self.ask_chat(chat, input, sender));
                answers.collect()
            }
            Kind::Embeddings(embeddings) => ask_embeddings(embeddings, inputs, sender),
        }
    }

    fn ask_chat(
        &self,
        chat: &Chat,
        input: &EndpointInput,
        sender: &Sender<'_>,
    ) -> Result<EndpointAnswer, Halt> {
        let (mut choices, mut tokens) = (Vec::new(), Some(TokenCount::default()));
        for (first, samples) in chat.requests() {
            let body = chat.body(input, first, samples);
            let reckoned = chat.reckon(input, samples).total();
            let answer = sender.send(CHAT_PATH, &body, reckoned, &|body| {
                let response: ChatResponse = parse(body)?;
                let tokens = response.tokens();
                Ok((Chat::choices(response, samples)?, tokens))
            });
            let (some, counted) = answer.map_err(|halt| at_text(halt, input))?;
            choices.extend(some);
            if let Some(all) = &mut tokens {
                all.add(counted.unwrap_or_default());
            }
            tokens = tokens.filter(|_| counted.is_some());
        }
        let answer = chat.answer(input, &choices).map_err(|failure| {
            let (Failure::Permanent(message) | Failure::Transient { message, .. }) = failure;
            Halt::Failed(EndpointError::Server { url: self.url(CHAT_PATH), message })
        })?;
        Ok(EndpointAnswer { tokens, ..answer })
    }

    /// Checks that all vectors are of one width.
    fn check_widths(&self, answers: &[EndpointAnswer], state: &mut Progress<'_>) -> Result<(), TeacherError> {
        for vector in answers.iter().filter_map(|answer| answer.vector.as_ref()) {
            let width = *state.width.get_or_insert(vector.len());
            if width != vector.len() {
                let message = format!(
                    "it gives an embedding of {} numbers, and gave others of {width}: the model is not the same for all \
                     requests; check `model`",
                    vector.len()
                );
                return Err(EndpointError::Server { url: self.url(EMBEDDINGS_PATH), message }.into());
            }
        }
        Ok(())
    }

    /// Joins the files of all ranks, and adds their summaries up.
    fn finish(
        &self,
        mut state: Progress<'_>,
        table: Option<AnswerTable>,
        (mut summary, before): (EndpointSummary, usize),
        ranks: &Ranks,
        progress: &mut dyn FnMut(usize),
    ) -> Result<EndpointSummary, TeacherError> {
        let EndpointSummary { asked, retries, tokens, stopped, .. } = summary;
        let reason = stopped.map_or(0, |stop| 1 + stop as u64);
        // What all ranks gathered is on the disk when this returns.
        let all = ranks.gather(&[asked as u64, retries as u64, tokens.prompt, tokens.completion, reason])?;
        let sum = |place: usize| all.iter().map(|own| own[place]).sum::<u64>();
        (summary.asked, summary.retries) = (sum(0) as usize, sum(1) as usize);
        summary.tokens = TokenCount { prompt: sum(2), completion: sum(3) };
        let own = state.weight - before;
        if let Some(mut table) = table {
            table.join_ranks(&self.settings, &mut |answer| {
                self.check_widths(std::slice::from_ref(answer), &mut state)?;
                state.record(answer);
                Ok(true)
            })?;
            table.sync()?;
        }
        state.share(ranks)?;
        progress(state.weight - before - own);
        summary.answered = state.answered - summary.recorded;
        summary.failed = state.failed;
        let reason = all.iter().map(|own| own[4]).find(|reason| *reason > 0);
        summary.stopped = reason.and_then(|reason| EndpointStop::ALL.get(reason as usize - 1).copied());
        Ok(summary)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.as_str())
    }

    /// How often each text is there.
    fn count<'a>(
        &self,
        inputs: &'a [EndpointInput],
    ) -> Result<IndexMap<&'a EndpointInput, usize>, TeacherError> {
        let mut counts = IndexMap::new();
        for input in inputs {
            if input.second.is_some() != self.has_second {
                let message = pair_message(input, self.has_second);
                return Err(EndpointError::Options { key: "texts", message }.into());
            }
            *counts.entry(input).or_default() += 1;
        }
        Ok(counts)
    }
}

/// Asks for the embeddings of a batch of texts.
fn ask_embeddings(
    embeddings: &Embeddings,
    inputs: &[EndpointInput],
    sender: &Sender<'_>,
) -> Result<Vec<EndpointAnswer>, Halt> {
    // Most servers refuse a whole batch for one text without a token.
    let is_blank = |input: &EndpointInput| embeddings.text(input).trim().is_empty();
    let sent: Vec<&EndpointInput> = inputs.iter().filter(|input| !is_blank(input)).collect();
    let blank = inputs.iter().filter(|input| is_blank(input));
    let mut answers: Vec<EndpointAnswer> =
        blank.map(|input| EndpointAnswer::failed(input, "the text is empty")).collect();
    if sent.is_empty() {
        return Ok(answers);
    }
    let body = embeddings.body(&sent);
    let reckoned = embeddings.reckon(&sent).total();
    let answer = sender.send(EMBEDDINGS_PATH, &body, reckoned, &|body| {
        let response: EmbeddingResponse = parse(body)?;
        let tokens = response.tokens();
        Ok((embeddings::vectors(response, sent.len())?, tokens))
    });
    let (vectors, tokens) = answer.map_err(|halt| at_text(halt, sent[0]))?;
    let tokens = tokens.filter(|_| sent.len() == 1);
    let vectors = sent.iter().zip(vectors);
    answers.extend(vectors.map(|(input, vector)| embeddings::answer(input, vector, tokens)));
    Ok(answers)
}

/// The fields that `extra-body` adds.
fn extra_body(options: &EndpointOptions) -> Result<Map<String, Value>, String> {
    let Some(text) = &options.extra_body else { return Ok(Map::new()) };
    let fields: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| format!("is no JSON object ({error}); write one such as `'{{\"top_p\": 0.9}}'`"))?;
    match OWN_FIELDS.iter().find(|field| fields.contains_key(**field)) {
        Some(field) => {
            Err(format!("has `{field}`, which the teacher's other keys decide; leave it out here"))
        }
        None => Ok(fields),
    }
}

/// Checks that options of language models are not set for embeddings.
fn check_embedding_options(
    options: &EndpointOptions,
    template: &Template,
    examples: &[EndpointExample],
) -> Result<(), EndpointError> {
    let wrong = [
        ("system-prompt", options.system_prompt.is_some()),
        ("response-format", *options.response_format != ResponseFormat::Text),
        ("min-number", options.min_number.is_some()),
        ("max-number", options.max_number.is_some()),
        ("temperature", options.temperature.is_some()),
        ("seed", options.seed.is_some()),
        ("logprobs", *options.logprobs),
        ("samples", *options.samples > 1),
        ("examples", !examples.is_empty()),
    ];
    if let Some((key, _)) = wrong.into_iter().find(|(_, is_set)| *is_set) {
        let message = "is for language models, and embeddings are asked for; leave it out".to_owned();
        return Err(EndpointError::Options { key, message });
    }
    if template.has(Placeholder::Classes) {
        let message = "has `{classes}`, and embeddings have none".to_owned();
        return Err(EndpointError::Options { key: "prompt", message });
    }
    Ok(())
}

/// What is wrong with a text that is a pair where single ones are asked about, or the other way round.
fn pair_message(input: &EndpointInput, has_second: bool) -> String {
    let text = quoted(&input.text);
    if has_second {
        format!("have `{text}` without a second text, which `{{second}}` in the prompt asks for")
    } else {
        format!("have the pair that begins with `{text}`, and the prompt has no `{{second}}`")
    }
}

/// An error with the text at which it came.
fn at_text(halt: Halt, input: &EndpointInput) -> Halt {
    match halt {
        Halt::Failed(EndpointError::Server { url, message }) => {
            let message = format!("{message}; this was at the text `{}`", quoted(&input.text));
            Halt::Failed(EndpointError::Server { url, message })
        }
        other => other,
    }
}

/// An error of the server's with what is kept.
fn kept(error: TeacherError, file: &Path, state: &Progress<'_>) -> TeacherError {
    match error {
        TeacherError::Endpoint(EndpointError::Server { url, message }) => {
            let (answered, texts) = (state.answered, state.counts.len());
            let message = format!(
                "{message}; {answered} of {texts} texts have answers in {}, and another run goes on from there",
                file.display()
            );
            EndpointError::Server { url, message }.into()
        }
        other => other,
    }
}
