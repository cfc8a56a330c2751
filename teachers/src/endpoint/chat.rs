//! Requests to `chat/completions`, and what their answers say.

use alambic_files::text::quoted;
use alambic_settings::IndexMap;
use serde_json::{Map, Value, json};

use super::answer::{EndpointAnswer, EndpointExample, EndpointInput, TokenCount, WrittenText};
use super::classes::Classes;
use super::error::EndpointError;
use super::failure::Failure;
use super::options::{EndpointOptions, EndpointOutput, ResponseFormat};
use super::parse;
use super::probabilities::{from_logprobs, from_samples, most_probable};
use super::response::{ChatResponse, Choice};
use super::template::{Placeholder, Template};

/// Bytes of a token on the average.
const BYTES_PER_TOKEN: usize = 4;
/// Tokens that mark the beginning and the end of a message.
const TOKENS_PER_MESSAGE: usize = 4;
/// Tokens of a number.
const TOKENS_PER_NUMBER: usize = 4;
/// Tokens of the object around a value of a JSON schema.
const TOKENS_PER_OBJECT: usize = 6;

/// The tokens of a text, roughly: a quarter of its bytes in UTF-8. For English that is a quarter of the characters, and for
/// scripts of more bytes a character it is nearer than those.
pub(crate) fn reckon_tokens(text: &str) -> usize {
    text.len().div_ceil(BYTES_PER_TOKEN)
}

/// What a language model is asked, how, and how its answers are read.
#[derive(Debug, Clone)]
pub(crate) struct Chat {
    output: EndpointOutput,
    model: String,
    system: Option<String>,
    template: Template,
    /// Messages of the user and of the assistant.
    examples: Vec<(String, String)>,
    classes: Classes,
    bounds: (Option<f64>, Option<f64>),
    is_json: bool,
    temperature: f64,
    max_tokens: usize,
    seed: Option<usize>,
    top_logprobs: Option<usize>,
    samples: usize,
    samples_per_request: usize,
    extra: Map<String, Value>,
}

impl Chat {
    /// # Errors
    /// When an option does not go with the others.
    pub(crate) fn new(
        options: &EndpointOptions,
        template: Template,
        classes: &Classes,
        examples: &[EndpointExample],
        extra: Map<String, Value>,
    ) -> Result<Self, EndpointError> {
        check_options(options, classes)?;
        let system = match &options.system_prompt {
            None => None,
            Some(prompt) => {
                let failed = |message| EndpointError::Options { key: "system-prompt", message };
                let template = Template::parse(prompt).map_err(failed)?;
                if template.has(Placeholder::Text) || template.has(Placeholder::Second) {
                    let message = "has `{text}` or `{second}`, which belong into `prompt`".to_owned();
                    return Err(failed(message));
                }
                Some(template.render(&"".into(), &listed(classes)))
            }
        };
        let samples = *options.samples;
        let default_temperature = if samples > 1 { 1.0 } else { 0.0 };
        let mut chat = Self {
            output: *options.output,
            model: options.model.value.clone(),
            system,
            template,
            examples: Vec::new(),
            classes: classes.clone(),
            bounds: (options.min_number.as_ref().map(|at| **at), options.max_number.as_ref().map(|at| **at)),
            is_json: *options.response_format == ResponseFormat::JsonSchema,
            temperature: options.temperature.as_ref().map_or(default_temperature, |at| **at),
            max_tokens: options.max_tokens,
            seed: options.seed.as_ref().map(|at| **at),
            top_logprobs: options.logprobs.then_some(options.top_logprobs),
            samples,
            samples_per_request: options.samples_per_request.min(samples),
            extra,
        };
        chat.examples = examples.iter().map(|example| chat.example(example)).collect::<Result<_, _>>()?;
        Ok(chat)
    }

    /// The two messages of an example, whose answer has the form that is asked for.
    fn example(&self, example: &EndpointExample) -> Result<(String, String), EndpointError> {
        let EndpointExample { input, answer } = example;
        let failed = |message: String| {
            let message = format!("have `{}`, whose answer cannot be: {message}", quoted(&input.text));
            EndpointError::Options { key: "examples", message }
        };
        let names = |class: usize| self.classes.names()[class].as_str();
        let (plain, object) = match self.output {
            EndpointOutput::Labels => {
                let name = names(parse::class(answer, &self.classes, false).map_err(failed)?);
                (name.to_owned(), json!({"label": name}))
            }
            EndpointOutput::Number => {
                let number = parse::number(answer, self.bounds, false).map_err(failed)?;
                (answer.trim().to_owned(), json!({"number": number}))
            }
            EndpointOutput::Tags => {
                let tags = parse::tags(answer, words(input), &self.classes, false).map_err(failed)?;
                let tags: Vec<&str> = tags.into_iter().map(names).collect();
                (tags.join(" "), json!({"tags": tags}))
            }
            EndpointOutput::Text | EndpointOutput::Embedding => (answer.clone(), Value::Null),
        };
        let answer = if self.is_json { object.to_string() } else { plain };
        Ok((self.template.render(input, &listed(&self.classes)), answer))
    }

    /// The options that decide what is answered, by their keys.
    pub(crate) fn settings(&self) -> Map<String, Value> {
        let mut settings = Map::new();
        settings.insert("system-prompt".into(), json!(self.system));
        settings.insert("examples".into(), digest_of_examples(&self.examples));
        settings.insert("classes".into(), json!(self.classes.names()));
        settings.insert("min-number".into(), json!(self.bounds.0));
        settings.insert("max-number".into(), json!(self.bounds.1));
        let format = if self.is_json { ResponseFormat::JsonSchema } else { ResponseFormat::Text };
        settings.insert("response-format".into(), json!(format.name()));
        settings.insert("temperature".into(), json!(self.temperature));
        settings.insert("max-tokens".into(), json!(self.max_tokens));
        settings.insert("seed".into(), json!(self.seed));
        settings.insert("logprobs".into(), json!(self.top_logprobs.is_some()));
        settings.insert("top-logprobs".into(), json!(self.top_logprobs));
        settings.insert("samples".into(), json!(self.samples));
        settings
    }

    /// Numbers of the first sample of each request for a text, and of its samples.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (usize, usize)> {
        let (samples, most) = (self.samples, self.samples_per_request);
        (0..samples).step_by(most).map(move |first| (first, most.min(samples - first)))
    }

    /// Tokens of a request for so many samples, roughly.
    pub(crate) fn reckon(&self, input: &EndpointInput, samples: usize) -> TokenCount {
        let messages =
            self.system.iter().chain(self.examples.iter().flat_map(|(user, answer)| [user, answer]));
        let before: usize = messages.map(|text| reckon_tokens(text) + TOKENS_PER_MESSAGE).sum();
        let prompt = reckon_tokens(&self.template.render(input, &listed(&self.classes))) + TOKENS_PER_MESSAGE;
        let longest = self.classes.names().iter().map(|name| reckon_tokens(name)).max().unwrap_or(1);
        let answer = match self.output {
            EndpointOutput::Labels => longest + 1,
            EndpointOutput::Number => TOKENS_PER_NUMBER,
            EndpointOutput::Tags => words(input) * (longest + 1),
            EndpointOutput::Text | EndpointOutput::Embedding => self.max_tokens,
        };
        let answer = if self.is_json { answer + TOKENS_PER_OBJECT } else { answer };
        let completion = answer.min(self.max_tokens) * samples;
        TokenCount { prompt: (before + prompt) as u64, completion: completion as u64 }
    }

    /// The body of a request for `samples` answers, of which the first has the number `first`.
    pub(crate) fn body(&self, input: &EndpointInput, first: usize, samples: usize) -> Value {
        let message = |role: &str, content: &str| json!({"role": role, "content": content});
        let mut messages: Vec<Value> = self.system.iter().map(|text| message("system", text)).collect();
        for (user, answer) in &self.examples {
            messages.extend([message("user", user), message("assistant", answer)]);
        }
        messages.push(message("user", &self.template.render(input, &listed(&self.classes))));
        let mut body = Map::new();
        body.insert("model".into(), json!(self.model));
        body.insert("messages".into(), Value::Array(messages));
        body.insert("temperature".into(), json!(self.temperature));
        if !self.extra.contains_key("max_completion_tokens") {
            body.insert("max_tokens".into(), json!(self.max_tokens));
        }
        if let Some(seed) = self.seed {
            body.insert("seed".into(), json!(seed + first));
        }
        if let Some(alternatives) = self.top_logprobs {
            body.insert("logprobs".into(), json!(true));
            body.insert("top_logprobs".into(), json!(alternatives));
        }
        if samples > 1 {
            body.insert("n".into(), json!(samples));
        }
        if self.is_json {
            body.insert("response_format".into(), self.schema());
        }
        body.extend(self.extra.clone());
        Value::Object(body)
    }

    /// The JSON schema of an answer, in the strict form that OpenAI asks for.
    fn schema(&self) -> Value {
        let classes = json!({"type": "string", "enum": self.classes.names()});
        let (name, value) = match self.output {
            EndpointOutput::Number => {
                let mut number = json!({"type": "number"});
                for (key, bound) in [("minimum", self.bounds.0), ("maximum", self.bounds.1)] {
                    if let Some(bound) = bound {
                        number[key] = json!(bound);
                    }
                }
                ("number", number)
            }
            EndpointOutput::Tags => ("tags", json!({"type": "array", "items": classes})),
            _ => ("label", classes),
        };
        let schema = json!({
            "type": "object",
            "properties": {name: value},
            "required": [name],
            "additionalProperties": false,
        });
        json!({"type": "json_schema", "json_schema": {"name": name, "strict": true, "schema": schema}})
    }

    /// The answers that a body holds, in their order.
    ///
    /// # Errors
    /// When there are not as many as were asked for.
    pub(crate) fn choices(response: ChatResponse, samples: usize) -> Result<Vec<Choice>, Failure> {
        let mut choices = response.choices;
        if choices.is_empty() {
            return Err(Failure::transient("the answer has no `choices`"));
        }
        if choices.len() < samples {
            return Err(Failure::Permanent(format!(
                "{samples} answers were asked for with `n`, and there are {}: the server does not know `n`; leave \
                 `samples-per-request` out",
                choices.len()
            )));
        }
        choices.truncate(samples);
        choices.sort_by_key(|choice| choice.index);
        Ok(choices)
    }

    /// What the sampled answers say of a text.
    ///
    /// # Errors
    /// When log-probabilities were asked for and the server gives none.
    pub(crate) fn answer(
        &self,
        input: &EndpointInput,
        choices: &[Choice],
    ) -> Result<EndpointAnswer, Failure> {
        let mut answer = EndpointAnswer::to(input);
        let read = match self.output {
            EndpointOutput::Labels => self.label(choices, &mut answer)?,
            EndpointOutput::Number => whole(&choices[0])
                .and_then(|content| parse::number(content, self.bounds, self.is_json))
                .map(|number| answer.number = Some(number)),
            EndpointOutput::Tags => whole(&choices[0])
                .and_then(|content| parse::tags(content, words(input), &self.classes, self.is_json))
                .map(|tags| {
                    let names = tags.into_iter().map(|tag| self.classes.names()[tag].clone());
                    answer.tags = Some(names.collect());
                }),
            EndpointOutput::Text | EndpointOutput::Embedding => {
                texts(choices).map(|texts| answer.texts = Some(texts))
            }
        };
        Ok(match read {
            Ok(()) => answer,
            Err(reason) => EndpointAnswer::failed(input, reason),
        })
    }

    /// Reads the class and its probabilities into an answer; the inner error is why it does not parse.
    fn label(&self, choices: &[Choice], answer: &mut EndpointAnswer) -> Result<Result<(), String>, Failure> {
        let parsed: Vec<Result<usize, String>> = choices.iter().map(|choice| self.class(choice)).collect();
        let classes: Vec<usize> = parsed.iter().flatten().copied().collect();
        let Some(&first) = classes.first() else {
            return Ok(parsed.into_iter().find_map(Result::err).map_or(Ok(()), Err));
        };
        let name = |class: usize| self.classes.names()[class].clone();
        let probabilities = if self.top_logprobs.is_some() {
            let tokens = choices[0].token_logprobs().ok_or_else(|| {
                Failure::Permanent(
                    "the answer has no log-probabilities, which `logprobs` asks for: take a server that gives them, or leave \
                     `logprobs` out and set `samples`"
                        .into(),
                )
            })?;
            match from_logprobs(tokens, &self.classes, self.is_json) {
                Ok(probabilities) => probabilities,
                Err(reason) => return Ok(Err(reason)),
            }
        } else if self.samples > 1 {
            from_samples(&classes, &self.classes)
        } else {
            answer.class = Some(name(first));
            return Ok(Ok(()));
        };
        answer.class = Some(name(most_probable(&probabilities)));
        let named: IndexMap<String, f64> = self.classes.names().iter().cloned().zip(probabilities).collect();
        answer.probabilities = Some(named);
        Ok(Ok(()))
    }

    /// The class that one answer names.
    fn class(&self, choice: &Choice) -> Result<usize, String> {
        let content = content(choice)?;
        let class = parse::class(content, &self.classes, self.is_json)?;
        let name = &self.classes.names()[class];
        let begins = |other: &String| other != name && other.to_lowercase().starts_with(&name.to_lowercase());
        // Cut off, a class may be the beginning of another one.
        if is_cut(choice) && !self.is_json && self.classes.names().iter().any(begins) {
            return Err(cut_off());
        }
        Ok(class)
    }
}

/// Checks what options of a language model have to do with each other.
fn check_options(options: &EndpointOptions, classes: &Classes) -> Result<(), EndpointError> {
    let failed = |key, message: &str| Err(EndpointError::Options { key, message: message.to_owned() });
    let output = *options.output;
    let has_classes = matches!(output, EndpointOutput::Labels | EndpointOutput::Tags);
    if has_classes && classes.names().len() < 2 {
        return failed(
            "classes",
            "are fewer than two: labels and tags need the classes among which to choose",
        );
    }
    if output == EndpointOutput::Tags {
        let is_split = |name: &String| name.contains(|mark: char| mark.is_whitespace() || mark == ',');
        if let Some(name) = classes.names().iter().find(|name| is_split(name)) {
            let message = format!("have `{}`: a tag may hold no white space and no comma", quoted(name));
            return Err(EndpointError::Options { key: "classes", message });
        }
    }
    if output != EndpointOutput::Number {
        for (key, bound) in [("min-number", &options.min_number), ("max-number", &options.max_number)] {
            if bound.is_some() {
                return failed(key, "is for `output = \"number\"` alone; leave it out");
            }
        }
    }
    if let (Some(minimum), Some(maximum)) = (&options.min_number, &options.max_number)
        && **minimum > **maximum
    {
        return failed("min-number", "is larger than `max-number`");
    }
    if output == EndpointOutput::Text && *options.response_format == ResponseFormat::JsonSchema {
        return failed("response-format", "has no schema for `output = \"text\"`; leave it out");
    }
    let has_samples = matches!(output, EndpointOutput::Labels | EndpointOutput::Text);
    if *options.samples > 1 && !has_samples {
        return failed("samples", "is for labels and texts alone; leave it out");
    }
    if *options.logprobs && !has_samples {
        return failed("logprobs", "is for labels and texts alone; leave it out");
    }
    if *options.samples > 1 && options.temperature.as_ref().is_some_and(|temperature| **temperature == 0.0) {
        return failed(
            "samples",
            "would all be the same at `temperature = 0`; raise one or leave out the other",
        );
    }
    if output == EndpointOutput::Labels && *options.logprobs {
        if *options.samples > 1 {
            return failed("samples", "and `logprobs` both give probabilities; leave one of them out");
        }
        if let Some((one, other)) = classes.prefix() {
            let message = format!(
                "are asked for although the class `{}` begins `{}`, so that no token tells them apart; leave `logprobs` out and \
                 set `samples`, or have the prompt ask for other names",
                quoted(one),
                quoted(other)
            );
            return Err(EndpointError::Options { key: "logprobs", message });
        }
    }
    Ok(())
}

/// Classes as `{classes}` has them.
pub(crate) fn listed(classes: &Classes) -> String {
    classes.names().join(", ")
}

/// Words of a text that get a tag.
fn words(input: &EndpointInput) -> usize {
    input.text.split(' ').count()
}

/// Count and digest of examples, whose texts are not written into files of settings.
fn digest_of_examples(examples: &[(String, String)]) -> Value {
    let mut hasher = blake3::Hasher::new();
    for text in examples.iter().flat_map(|(user, answer)| [user, answer]) {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    json!({"count": examples.len(), "blake3": hasher.finalize().to_hex().as_str()})
}

fn is_cut(choice: &Choice) -> bool {
    choice.finish_reason.as_deref() == Some("length")
}

fn cut_off() -> String {
    "the answer is longer than `max-tokens`".to_owned()
}

/// What an answer says, without reasoning in front.
fn content(choice: &Choice) -> Result<&str, String> {
    if choice.finish_reason.as_deref() == Some("content_filter") {
        return Err("the server filtered the answer".into());
    }
    if let Some(refusal) = choice.message.refusal.as_deref().filter(|refusal| !refusal.is_empty()) {
        return Err(format!("the model refuses: `{}`", quoted(refusal)));
    }
    match choice.message.content.as_deref().map(parse::without_thinking) {
        Some(content) if !content.trim().is_empty() => Ok(content),
        _ if is_cut(choice) => Err(cut_off()),
        _ => Err("the answer is empty".into()),
    }
}

/// [`content`] that was not cut off.
fn whole(choice: &Choice) -> Result<&str, String> {
    let content = content(choice)?;
    if is_cut(choice) { Err(cut_off()) } else { Ok(content) }
}

/// The different texts among answers.
fn texts(choices: &[Choice]) -> Result<Vec<WrittenText>, String> {
    let mut texts: Vec<WrittenText> = Vec::new();
    let mut failed = None;
    for choice in choices {
        match whole(choice) {
            Err(reason) => failed = failed.or(Some(reason)),
            Ok(content) => {
                let text = content.trim();
                if texts.iter().any(|other| other.text == text) {
                    continue;
                }
                // That of an answer with reasoning in front would be of the reasoning, too.
                let is_all = choice.message.content.as_deref() == Some(content);
                let tokens = choice.token_logprobs().filter(|_| is_all);
                let log_probability =
                    tokens.map(|tokens| tokens.iter().map(|token| token.logprob).sum::<f64>());
                texts.push(WrittenText { text: text.to_owned(), log_probability });
            }
        }
    }
    match failed {
        Some(reason) if texts.is_empty() => Err(reason),
        _ => Ok(texts),
    }
}
