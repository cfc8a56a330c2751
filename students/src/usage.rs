//! Python code that loads a model's folder, by the library that reads it.

use alambic_files::text::string_literal;
use alambic_models::Config;
use alambic_models::causal::CausalConfig;
use alambic_models::text_encoder::{Head, PoolingMode, ProblemType, TextEncoderConfig};
use alambic_models::vilt;

/// Library that loads a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// sentence-transformers: encoders of sentences, and of pairs that are rated.
    SentenceTransformers,
    /// model2vec: static embeddings.
    Model2Vec,
    /// transformers.
    Transformers,
    /// This program alone: architectures that transformers does not have, or not without a detector of objects.
    Alambic,
}

impl Library {
    /// Name on the hub, `library_name`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SentenceTransformers => "sentence-transformers",
            Self::Model2Vec => "model2vec",
            Self::Transformers => "transformers",
            Self::Alambic => "alambic",
        }
    }
}

/// Input of the example that a snippet runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageExample {
    /// The text as the tokenizer is to see it, tags included.
    pub text: String,
    /// The second text of a pair: the passage in which a question is answered, or that is searched for a query.
    pub second: Option<String>,
    /// What stands behind the text in each choice, for a model of multiple choice; empty for others.
    pub choices: Vec<String>,
    /// Arguments of `generate`, for instance `max_length=40`; empty for its defaults.
    pub generate: String,
}

/// How Python loads and runs a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonUsage {
    /// The library.
    pub library: Library,
    /// Task as the hub names it, `pipeline_tag`; none where the hub has none.
    pub task: Option<&'static str>,
    /// A program that loads the folder it is run in, and prints the output of the example; none for [`Library::Alambic`].
    pub code: Option<String>,
}

/// How Python loads and runs the folder of a configuration. Versions: transformers 5, sentence-transformers 5 and 6.
#[must_use]
pub fn python_usage(config: &Config, example: &UsageExample) -> PythonUsage {
    let (library, task, code) = match config {
        Config::TextEncoder(config) => encoder(config, example),
        Config::Causal(own) => causal(own, example),
        Config::Static(own) => {
            // sentence-transformers reads unknown tokens, and model2vec leaves them out.
            let (library, code) = match own.left_out {
                None => (Library::SentenceTransformers, compared(example, "")),
                Some(_) => (Library::Model2Vec, static_embeddings(example)),
            };
            (library, Some("sentence-similarity"), Some(code))
        }
        Config::Bart(_) | Config::T5(_) => {
            (Library::Transformers, Some("translation"), Some(generation(example)))
        }
        Config::Clip(_) => {
            (Library::Transformers, Some("zero-shot-image-classification"), Some(similarity(example)))
        }
        Config::Vilt(config) if config.head == vilt::Head::Answers => {
            (Library::Transformers, Some("visual-question-answering"), Some(visual_answer(example)))
        }
        Config::Siglip(own) if own.is_dual() => {
            let task = "zero-shot-image-classification";
            let labels = format!("\"IMAGE.png\", candidate_labels=[{}]", string_literal(&example.text));
            (Library::Transformers, Some(task), Some(pipeline(task, "", &labels)))
        }
        Config::Vit(own) if !own.labels.is_empty() => {
            let task = "image-classification";
            (Library::Transformers, Some(task), Some(pipeline(task, "", "\"IMAGE.png\"")))
        }
        Config::Vilt(_) | Config::Siglip(_) | Config::Vit(_) => (Library::Transformers, None, None),
        Config::Dual(_) | Config::Oscar(_) | Config::Lxmert(_) | Config::VisualBert(_) => {
            let answers = config.outline().labels.len() > 1;
            (Library::Alambic, answers.then_some("visual-question-answering"), None)
        }
        Config::Unimo(own) => {
            let answers = !own.labels.is_empty();
            let task = match (own.writes, answers) {
                (true, _) => "image-text-to-text",
                (false, true) => "visual-question-answering",
                (false, false) => "zero-shot-image-classification",
            };
            (Library::Alambic, Some(task), None)
        }
        Config::Pali(_) => (Library::Alambic, Some("image-text-to-text"), None),
        Config::ErnieVilg(_) => (Library::Alambic, Some("text-to-image"), None),
        Config::Matrix(config) => (Library::Alambic, Some(task_of(config.head)), None),
        Config::ImageTokenizer(_) => (Library::Alambic, Some("image-to-image"), None),
        Config::Detector(_) => (Library::Alambic, Some("object-detection"), None),
    };
    PythonUsage { library, task, code }
}

/// Code that prints what a pipeline of transformers gives for an input.
fn pipeline(task: &str, arguments: &str, input: &str) -> String {
    format!(
        "from transformers import pipeline\n\n\
         model = pipeline(\"{task}\", model=\".\"{arguments})\n\
         print(model({input}))"
    )
}

/// Task of a text encoder by its head, as the hub names it.
fn task_of(head: Head) -> &'static str {
    match head {
        Head::None => "feature-extraction",
        Head::Sequence => "text-classification",
        Head::MultipleChoice => "multiple-choice",
        Head::Tokens => "token-classification",
        Head::Span => "question-answering",
        Head::MaskedLanguage => "fill-mask",
    }
}

/// Library, task and code of a decoder-only transformer that encodes texts.
fn causal(config: &CausalConfig, example: &UsageExample) -> (Library, Option<&'static str>, Option<String>) {
    let text = string_literal(&example.text);
    if config.pooling.is_some() {
        return (Library::SentenceTransformers, Some("sentence-similarity"), Some(embeddings(&text, "")));
    }
    let code = states("AutoModel", "last_hidden_state", &text);
    (Library::Transformers, Some("feature-extraction"), Some(code))
}

/// Code that prints the embedding of a text.
fn embeddings(text: &str, options: &str) -> String {
    format!(
        "from sentence_transformers import SentenceTransformer\n\n\
         model = SentenceTransformer(\".\"{options})\n\
         print(model.encode([{text}]))"
    )
}

/// Code that prints the similarity of two texts.
fn similarity_of_texts(text: &str, other: &str, options: &str) -> String {
    format!(
        "from sentence_transformers import SentenceTransformer\n\n\
         model = SentenceTransformer(\".\"{options})\n\
         vectors = model.encode([{text}, {other}])\n\
         print(model.similarity(vectors[:1], vectors[1:]))"
    )
}

/// Code that prints the embedding of a text, or the similarity of two.
fn compared(example: &UsageExample, options: &str) -> String {
    let text = string_literal(&example.text);
    match &example.second {
        None => embeddings(&text, options),
        Some(second) => similarity_of_texts(&text, &string_literal(second), options),
    }
}

/// The same of static embeddings, with model2vec.
fn static_embeddings(example: &UsageExample) -> String {
    let text = string_literal(&example.text);
    let loaded = "from model2vec import StaticModel\n\nmodel = StaticModel.from_pretrained(\".\")\n";
    match &example.second {
        None => format!("{loaded}print(model.encode([{text}]))"),
        Some(second) => format!(
            "{loaded}one, other = model.encode([{text}, {}])\n\
             print(one @ other / ((one @ one) * (other @ other)) ** 0.5)",
            string_literal(second)
        ),
    }
}

/// Library, task and code of a text encoder.
fn encoder(
    config: &TextEncoderConfig,
    example: &UsageExample,
) -> (Library, Option<&'static str>, Option<String>) {
    let text = string_literal(&example.text);
    if config.pooling.is_some() && config.head == Head::None {
        let code = compared(example, trust(config));
        return (Library::SentenceTransformers, Some("sentence-similarity"), Some(code));
    }
    let is_rating = config.head == Head::Sequence && config.problem_type == ProblemType::Regression;
    if is_rating && config.pairs == Some(true) && config.labels.len() == 1 {
        let second = string_literal(example.second.as_deref().unwrap_or(&example.text));
        let code = format!(
            "from sentence_transformers import CrossEncoder\n\n\
             model = CrossEncoder(\".\")\n\
             print(model.predict([({text}, {second})]))"
        );
        return (Library::SentenceTransformers, Some("text-ranking"), Some(code));
    }
    let task = task_of(config.head);
    let pipeline = |arguments: &str, input: &str| pipeline(task, arguments, input);
    let code = match config.head {
        Head::Sequence => {
            let input = match &example.second {
                Some(second) => {
                    format!("{{\"text\": {text}, \"text_pair\": {}}}", string_literal(second))
                }
                None => text,
            };
            let all = if config.problem_type == ProblemType::MultiLabel { ", top_k=None" } else { "" };
            pipeline(all, &input)
        }
        Head::Tokens => pipeline(", aggregation_strategy=\"simple\"", &text),
        Head::MultipleChoice => choice(example),
        Head::Span => answer(example),
        Head::MaskedLanguage => states("AutoModelForMaskedLM", "logits", &text),
        Head::None => states("AutoModel", "last_hidden_state", &text),
    };
    (Library::Transformers, Some(task), Some(code))
}

/// A program that runs an ONNX file of an exported folder, which it is run in, and prints the output of the example; none for
/// [`Library::Alambic`]. Names of files end in `suffix`, as `_quantized`. Versions: onnxruntime 1.32, sentence-transformers 6
/// and Optimum 2.
pub(crate) fn onnx_code(config: &Config, example: &UsageExample, suffix: &str) -> Option<String> {
    python_usage(config, example).code?;
    let text = string_literal(&example.text);
    Some(match config {
        Config::TextEncoder(own) if own.pooling.is_some() && own.head == Head::None => {
            let trust = trust(own);
            format!(
                "from sentence_transformers import SentenceTransformer\n\n\
                 model = SentenceTransformer(\".\", backend=\"onnx\", model_kwargs={{\"file_name\": \
                 \"onnx/model{suffix}.onnx\"}}{trust})\n\
                 print(model.encode([{text}]))"
            )
        }
        Config::Static(_) => format!(
            "import numpy\n\
             import onnxruntime\n\
             from tokenizers import Tokenizer\n\n\
             ids = Tokenizer.from_file(\"tokenizer.json\").encode({text}, add_special_tokens=False).ids\n\
             session = onnxruntime.InferenceSession(\"onnx/model{suffix}.onnx\")\n\
             inputs = {{\"input_ids\": numpy.array([ids]), \"attention_mask\": numpy.ones((1, len(ids)), \"int64\")}}\n\
             print(session.run(None, inputs))"
        ),
        Config::TextEncoder(own) if own.head == Head::MultipleChoice => format!(
            "import onnxruntime\n\
             from transformers import AutoTokenizer\n\n\
             tokenizer = AutoTokenizer.from_pretrained(\".\")\n\
             session = onnxruntime.InferenceSession(\"onnx/model{suffix}.onnx\")\n\
             {}\
             inputs = {{one.name: inputs[one.name][None] for one in session.get_inputs()}}\n\
             print(choices[session.run(None, inputs)[0].argmax()])",
            choice_inputs(example, "np")
        ),
        Config::Bart(_) | Config::T5(_) => format!(
            "from optimum.onnxruntime import ORTModelForSeq2SeqLM\n\
             from transformers import AutoTokenizer\n\n\
             tokenizer = AutoTokenizer.from_pretrained(\".\")\n\
             model = ORTModelForSeq2SeqLM.from_pretrained(\".\", subfolder=\"onnx\", \
             encoder_file_name=\"encoder_model{suffix}.onnx\", decoder_file_name=\"decoder_model{suffix}.onnx\", \
             decoder_with_past_file_name=\"decoder_with_past_model{suffix}.onnx\", use_merged=False)\n\
             inputs = tokenizer({text}, return_tensors=\"pt\")\n\
             outputs = model.generate(**inputs)\n\
             print(tokenizer.batch_decode(outputs, skip_special_tokens=True)[0])"
        ),
        _ => {
            let (reads_texts, sees) = (config.reads_texts(), config.reads_images());
            let classes: Vec<&str> = [(sees, "AutoImageProcessor"), (reads_texts, "AutoTokenizer")]
                .into_iter()
                .filter(|(is_used, _)| *is_used)
                .map(|(_, class)| class)
                .collect();
            let mut lines = vec!["import onnxruntime".to_owned()];
            if sees {
                lines.push("from PIL import Image".into());
            }
            lines.push(format!("from transformers import {}\n", classes.join(", ")));
            if reads_texts {
                lines.push("tokenizer = AutoTokenizer.from_pretrained(\".\")".into());
            }
            if sees {
                lines.push("processor = AutoImageProcessor.from_pretrained(\".\")".into());
            }
            lines.push(format!("session = onnxruntime.InferenceSession(\"onnx/model{suffix}.onnx\")"));
            let pixels = "processor(Image.open(\"IMAGE.png\").convert(\"RGB\"), return_tensors=\"np\")";
            if reads_texts {
                let second = example
                    .second
                    .as_deref()
                    .map_or_else(String::new, |second| format!(", {}", string_literal(second)));
                // SigLIP reads padding, and as much of it as it was trained with.
                let padding =
                    if matches!(config, Config::Siglip(_)) { ", padding=\"max_length\"" } else { "" };
                lines.push(format!("inputs = tokenizer({text}{second}{padding}, return_tensors=\"np\")"));
                if sees {
                    lines.push(format!("inputs.update({pixels})"));
                }
            } else {
                lines.push(format!("inputs = {pixels}"));
            }
            let given = "{one.name: inputs[one.name] for one in session.get_inputs()}";
            lines.push(format!("print(session.run(None, {given}))"));
            lines.join("\n")
        }
    })
}

/// Argument that lets sentence-transformers run the module of recurrent pooling that lies in the folder.
fn trust(config: &TextEncoderConfig) -> &'static str {
    match config.pooling.as_ref().map(|pooling| &pooling.mode) {
        Some(PoolingMode::Recurrent { .. }) => ", trust_remote_code=True",
        Some(PoolingMode::Tokens(_)) | None => "",
    }
}

/// Lines that load model and tokenizer with transformers.
fn loaded(class: &str) -> String {
    format!(
        "from transformers import {class}, AutoTokenizer\n\n\
         tokenizer = AutoTokenizer.from_pretrained(\".\")\n\
         model = {class}.from_pretrained(\".\")\n"
    )
}

/// Code that prints the shape of an output for every token.
fn states(class: &str, output: &str, text: &str) -> String {
    format!(
        "{}inputs = tokenizer({text}, return_tensors=\"pt\")\n\
         print(model(**inputs).{output}.shape)",
        loaded(class)
    )
}

/// Lines that encode a text with each of its choices as `inputs`, of the kind of tensors that a library has.
fn choice_inputs(example: &UsageExample, tensors: &str) -> String {
    let choices: Vec<String> = example.choices.iter().map(|choice| string_literal(choice)).collect();
    format!(
        "choices = [{}]\n\
         prompts = [{}] * len(choices)\n\
         inputs = tokenizer(prompts, choices, padding=True, return_tensors=\"{tensors}\")\n",
        choices.join(", "),
        string_literal(&example.text)
    )
}

/// Code that prints the choice of the highest score.
fn choice(example: &UsageExample) -> String {
    format!(
        "{}{}logits = model(**{{name: values[None] for name, values in inputs.items()}}).logits\n\
         print(choices[logits.argmax().item()])",
        loaded("AutoModelForMultipleChoice"),
        choice_inputs(example, "pt")
    )
}

/// Code that prints the span of a passage that answers a question.
fn answer(example: &UsageExample) -> String {
    let passage = string_literal(example.second.as_deref().unwrap_or_default());
    format!(
        "{}inputs = tokenizer({}, {passage}, return_tensors=\"pt\")\n\
         outputs = model(**inputs)\n\
         start, end = outputs.start_logits.argmax(), outputs.end_logits.argmax()\n\
         print(tokenizer.decode(inputs[\"input_ids\"][0, start : end + 1]))",
        loaded("AutoModelForQuestionAnswering"),
        string_literal(&example.text)
    )
}

/// Code that prints a text that is generated.
fn generation(example: &UsageExample) -> String {
    let arguments = match example.generate.as_str() {
        "" => String::new(),
        arguments => format!(", {arguments}"),
    };
    format!(
        "{}inputs = tokenizer({}, return_tensors=\"pt\")\n\
         outputs = model.generate(**inputs{arguments})\n\
         print(tokenizer.batch_decode(outputs, skip_special_tokens=True)[0])",
        loaded("AutoModelForSeq2SeqLM"),
        string_literal(&example.text)
    )
}

/// Lines that load a model of texts and images with transformers, and make its inputs `text` and `image`. `texts` is a literal
/// of Python.
fn loaded_with_image(class: &str, texts: &str) -> String {
    format!(
        "from PIL import Image\n\
         from transformers import AutoImageProcessor, AutoTokenizer, {class}\n\n\
         processor = AutoImageProcessor.from_pretrained(\".\")\n\
         tokenizer = AutoTokenizer.from_pretrained(\".\")\n\
         model = {class}.from_pretrained(\".\")\n\
         image = processor(Image.open(\"IMAGE.png\").convert(\"RGB\"), return_tensors=\"pt\")\n\
         text = tokenizer({texts}, return_tensors=\"pt\")\n"
    )
}

/// Code that prints how well an image and a text belong together.
fn similarity(example: &UsageExample) -> String {
    let texts = format!("[{}]", string_literal(&example.text));
    format!("{}print(model(**text, **image).logits_per_image)", loaded_with_image("CLIPModel", &texts))
}

/// Code that prints the answer to a question about an image.
fn visual_answer(example: &UsageExample) -> String {
    format!(
        "{}logits = model(**text, **image).logits\n\
         print(model.config.id2label[logits.argmax().item()])",
        loaded_with_image("ViltForQuestionAnswering", &string_literal(&example.text))
    )
}
