//! Options of teachers over HTTP.

use alambic_settings::{At, Location, choices, settings};

use crate::answers::MissingAnswers;

choices! {
    /// What an endpoint is asked for.
    pub enum EndpointOutput {
        /// One of the classes of a text or of a pair of texts, with `logprobs` or `samples` a probability of each class.
        Labels = "labels",
        /// A number for a text or for a pair of texts.
        Number = "number",
        /// A tag, one of the classes, for each word of a text split at single spaces.
        Tags = "tags",
        /// A written text, with `samples` several.
        Text = "text",
        /// The embedding of a text.
        Embedding = "embedding",
    }
}

choices! {
    /// Form in which a language model is made to answer.
    pub enum ResponseFormat {
        /// Any text: nothing is asked of the server.
        Text = "text",
        /// An object of a JSON schema that holds the classes as an enumeration, by `response_format`.
        JsonSchema = "json-schema",
    }
}

settings! {
    /// Rows of a table whose answers are known: the first one of each different answer, then the second one of each, and so on.
    /// Texts of a validation or test split do not belong there.
    pub struct EndpointExamples {
        /// The table.
        pub path: Location,
        /// The column of the text.
        pub text: String = "text".to_owned(),
        /// The column of the second text, where texts come in pairs.
        pub second: Option<String>,
        /// The column of the answer: a class, a number, tags separated by blanks, or a text.
        pub answer: String = "label".to_owned(),
        /// Number of examples.
        #[range(1..=1000)]
        pub count: usize = 4,
    }
}

settings! {
    /// A model behind an API like OpenAI's, as llama.cpp, vLLM, Ollama, TEI, OpenAI and others serve it.
    ///
    /// `chat/completions` is asked for labels, numbers, tags and texts, `embeddings` for embeddings. Every answer is kept as it
    /// comes, and no text is asked twice.
    pub struct EndpointOptions {
        /// Address of the API, without a user's name or key: `http://localhost:8080/v1`. `/chat/completions` and `/embeddings`
        /// are put behind it.
        pub base_url: At<String>,
        /// Name of the model, as the server calls it.
        pub model: At<String>,
        /// What is asked for.
        pub output: At<EndpointOutput>,
        /// The file of JSON lines that keeps the answers, which outlives the run: what is there is not asked again, and another
        /// recipe can read it as a `recorded` teacher. Beside it lies one with what the answers were made with.
        pub answers: Option<Location>,
        /// Names of the classes or tags, which are those of the texts to be learnt.
        pub classes: Vec<String> = Vec::new(),
        /// Examples of right answers, which stand before the text in every prompt. Left out: none.
        pub examples: Option<EndpointExamples>,
        /// Numbers of an embedding, which losses have to know before the first is there.
        #[range(1..=1_048_576)]
        pub width: Option<usize>,
        /// What becomes of texts whose answer does not parse.
        pub missing: MissingAnswers = MissingAnswers::LeaveOut,
        /// Name of the environment variable that holds the key, which is sent as `Authorization: Bearer` and written nowhere.
        /// Left out: no key is sent.
        pub key_variable: Option<At<String>>,
        /// The user's message, with `{text}` in the place of the text, `{second}` of the second text of a pair, and `{classes}`
        /// of the classes, separated by a comma and a space. Left out: `{text}` for embeddings; it has to be given for all else.
        pub prompt: Option<At<String>>,
        /// The system's message before it, which may hold `{classes}`. Left out: none is sent.
        pub system_prompt: Option<At<String>>,
        /// Form of the answers. `json-schema` needs a server that supports it; a label is then read from an object
        /// `{"label": "…"}`, a number from `{"number": …}` and tags from `{"tags": ["…"]}`.
        pub response_format: At<ResponseFormat> = At::unwritten(ResponseFormat::Text),
        /// Minimum of the numbers asked for; an answer below is counted as one that does not parse. Left out: there is none.
        pub min_number: Option<At<f64>>,
        /// Maximum of the numbers asked for. Left out: there is none.
        pub max_number: Option<At<f64>>,
        /// Temperature of sampling. Left out: 1 with several `samples`, otherwise 0.
        #[range(0.0..=10.0)]
        pub temperature: Option<At<f64>>,
        /// Most tokens of an answer. Not sent where `extra-body` has `max_completion_tokens`, its name for some newer models.
        #[range(1..=1_048_576)]
        pub max_tokens: usize = 256,
        /// Seed of sampling, for servers that take one; sample number i gets this seed plus i. Left out: none is sent.
        #[range(0..=2_147_483_647)]
        pub seed: Option<At<usize>>,
        /// Whether log-probabilities of tokens are asked for: labels get the probability of each class, texts their
        /// log-probability.
        ///
        /// The tokens of an answer are followed as long as several classes begin with what they spell. At each, the probability
        /// of an alternative goes to the one class that begins with it, times that of the tokens before; the result is divided by
        /// its sum. A class that is among none of the `top-logprobs` gets 0. An answer is counted as one that does not parse when
        /// more than 1 % of that probability belongs to alternatives with which several classes begin. Classes of which one
        /// begins another are refused, and so is a server that gives no log-probabilities.
        pub logprobs: At<bool> = At::unwritten(false),
        /// Alternatives of each token that are asked for with `logprobs`: OpenAI and vLLM give at most 20.
        #[range(1..=1000)]
        pub top_logprobs: usize = 20,
        /// Answers sampled for each text: labels get the share of each class as its probability, those that do not parse left
        /// out, and texts are all kept.
        #[range(1..=1000)]
        pub samples: At<usize> = At::unwritten(1),
        /// Most answers that one request asks for, as `n`. With 1 each sample has a request of its own, which every server
        /// knows; OpenAI and vLLM give several.
        #[range(1..=128)]
        pub samples_per_request: usize = 1,
        /// Further fields of the body of each request, as a JSON object:
        /// `'{"top_p": 0.9, "chat_template_kwargs": {"enable_thinking": false}}'`.
        pub extra_body: Option<At<String>>,
        /// Texts in one request for embeddings.
        #[range(1..=4096)]
        pub batch: usize = 32,
        /// Requests that are under way at the same time.
        #[range(1..=1024)]
        pub concurrency: usize = 8,
        /// Seconds until a request without a whole answer is given up and repeated.
        #[range(0.05..=86400.0)]
        pub timeout_seconds: f64 = 600.0,
        /// Most times that a request is repeated: after status 408, 429 or 5xx, when the connection fails or times out, and when
        /// the answer is cut off or no JSON.
        #[range(0..=100)]
        pub retries: usize = 6,
        /// Seconds before the first repetition; they double with each further one, of which a random half is left out. A
        /// `Retry-After` of the server is waited for if it is longer.
        #[range(0.001..=3600.0)]
        pub retry_seconds: f64 = 0.5,
        /// Most seconds between two attempts; a server that asks for more in `Retry-After` ends the run.
        #[range(0.001..=86400.0)]
        pub max_retry_seconds: f64 = 600.0,
        /// Most requests for one file of answers, repetitions included. Those of earlier runs are counted by their answers.
        /// Left out: no limit.
        pub max_requests: Option<usize>,
        /// Most tokens for one file of answers, of prompts and answers together, as the server counts them, or reckoned where it
        /// does not. No request begins that would go beyond by what is reckoned for it, corrected by what the server counted so
        /// far. Left out: no limit.
        pub max_total_tokens: Option<usize>,
    }
}
