//! Building small students, saving them and running what was saved.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use alambic_inference::GenerationPipeline;
use alambic_models::architecture;
use alambic_models::encoder_decoder::bart::BartConfig;
use alambic_models::text_encoder::{Head, HeadSpec};
use alambic_models::{Config, GenerationConfig, ModelFolder, Precision, Tokenizer, TokenizerFiles};
use alambic_settings::{At, Node, read};
use alambic_students::{
    ActivationFunction, BuildContext, ClipSizes, EncoderDecoder, EncoderDecoderFamily, EncoderDecoderLayers,
    EncoderDecoderSizes, Fusion, InitialModel, SourceModel, StudentBuilder, StudentError, TokenizerKind,
    save_pretrained,
};
use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::parameters;

fn tokenizer() -> Tokenizer {
    let languages = ["en", "hi", "ta"].map(str::to_owned);
    Tokenizer::from_characters(&"abcdefghकखग".chars().collect(), &languages).unwrap()
}

fn sizes() -> EncoderDecoderSizes {
    EncoderDecoderSizes {
        width: 16,
        encoder_layers: 3,
        decoder_layers: 2,
        heads: 2,
        feed_forward: 24,
        vocabulary: 100,
        pieces: TokenizerKind::Unigram,
        activation: ActivationFunction::Relu,
        dropout: 0.2,
        max_length: 20,
    }
}

fn tiny() -> EncoderDecoder {
    of_sizes(sizes())
}

fn of_sizes(sizes: EncoderDecoderSizes) -> EncoderDecoder {
    EncoderDecoder { family: EncoderDecoderFamily::Marian, sizes }
}

/// Models that write have no head.
static NO_HEAD: HeadSpec = HeadSpec {
    head: Head::None,
    labels: Vec::new(),
    regression: false,
    pairs: None,
    relations: 0,
    attributes: Vec::new(),
    images: 1,
    writes: false,
};

fn files() -> TokenizerFiles {
    tokenizer().files(20).unwrap()
}

fn none(_: &str) -> Option<SourceModel> {
    None
}

fn context<'a>(
    tokenizer: &'a Tokenizer,
    seed: u64,
    source_model: &'a dyn Fn(&str) -> Option<SourceModel>,
) -> BuildContext<'a> {
    BuildContext {
        tokenizer,
        head: &NO_HEAD,
        streams: Streams::new(seed),
        source_model,
        texts: &[],
        translations: &[],
    }
}

fn scratch(options: &EncoderDecoder, seed: u64) -> Result<InitialModel, StudentError> {
    options.build(&context(&tokenizer(), seed, &none))
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn pipeline(config: &Config, weights: &parameters::Weights) -> GenerationPipeline {
    let network = architecture::build(config, weights).unwrap();
    GenerationPipeline::new(config.clone(), Arc::from(network), tokenizer()).unwrap()
}

fn message<T, E: std::error::Error>(result: Result<T, E>) -> String {
    result.err().unwrap().to_string()
}

/// Names and shapes of the weights are those that the configuration asks for, neither more nor fewer.
fn assert_complete(InitialModel { config, weights }: &InitialModel) {
    let shapes = config.shapes();
    assert_eq!(weights.len(), shapes.len());
    for (name, shape) in &shapes {
        assert_eq!(weights[name].dims(), shape.as_slice(), "{name}");
    }
    alambic_models::architecture::build(config, weights).unwrap();
}

#[test]
fn scratch_has_the_sizes_asked_for() {
    let initial = scratch(&tiny(), 7).unwrap();
    let tokenizer = tokenizer();
    let expected = BartConfig {
        vocab_size: tokenizer.size(),
        d_model: 16,
        encoder_layers: 3,
        decoder_layers: 2,
        encoder_attention_heads: 2,
        decoder_attention_heads: 2,
        encoder_ffn_dim: 24,
        decoder_ffn_dim: 24,
        activation_function: "relu".into(),
        dropout: 0.2,
        scale_embedding: true,
        max_position_embeddings: 20,
        pad_token_id: tokenizer.padding().unwrap(),
        eos_token_id: tokenizer.end().unwrap(),
        decoder_start_token_id: tokenizer.padding().unwrap(),
        ..BartConfig::default()
    };
    assert_eq!(initial.config, expected.clone().into());
    assert_eq!(tiny().config(&context(&tokenizer, 7, &none)).unwrap(), expected.into());
    assert_complete(&initial);
    assert!(!tiny().has_source_weights());
}

#[test]
fn a_seed_decides_the_weights() {
    let [first, again, other] = [7, 7, 8].map(|seed| scratch(&tiny(), seed).unwrap().weights);
    for (name, tensor) in &first {
        assert_eq!(values(tensor), values(&again[name]), "{name}");
        // Biases and norms start at zeros and ones whatever the seed.
        let drawn = name.ends_with("weight") && !name.contains("norm");
        assert_eq!(values(tensor) != values(&other[name]), drawn, "{name}");
    }
}

#[test]
fn heads_that_do_not_divide_the_width_are_refused() {
    let error = message(scratch(&of_sizes(EncoderDecoderSizes { heads: 3, ..sizes() }), 7));
    assert_eq!(error, "a width of 16 does not divide into 3 heads");
}

fn source_model(options: &EncoderDecoder, seed: u64) -> SourceModel {
    let InitialModel { config, weights } = scratch(options, seed).unwrap();
    SourceModel { config, weights, tokenizer: None }
}

/// `deep` has three and two layers, `other` two heads more and wider layers, `wide` another width, `smooth` another
/// activation.
fn source_models(name: &str) -> Option<SourceModel> {
    match name {
        "deep" => Some(source_model(&tiny(), 1)),
        "other" => Some(source_model(
            &of_sizes(EncoderDecoderSizes { heads: 4, feed_forward: 40, decoder_layers: 4, ..sizes() }),
            2,
        )),
        "wide" => Some(source_model(&of_sizes(EncoderDecoderSizes { width: 24, ..sizes() }), 3)),
        "smooth" => Some(source_model(
            &of_sizes(EncoderDecoderSizes { activation: ActivationFunction::Gelu, ..sizes() }),
            4,
        )),
        _ => None,
    }
}

fn from(encoder: &str) -> EncoderDecoderLayers {
    EncoderDecoderLayers {
        encoder: At::unwritten(encoder.to_owned()),
        decoder: None,
        encoder_layers: None,
        decoder_layers: None,
        dropout: None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is the type of the option")]
fn layers(layers: &[usize]) -> Option<At<Vec<usize>>> {
    Some(At::unwritten(layers.to_vec()))
}

fn vocabulary_transfer(options: &EncoderDecoderLayers) -> Result<InitialModel, StudentError> {
    let tokenizer = tokenizer();
    let context = context(&tokenizer, 7, &source_models);
    let initial = options.build(&context)?;
    assert_eq!(options.config(&context)?, initial.config);
    Ok(initial)
}

/// The weights of one layer by the rest of their names.
fn layer<'a>(weights: &'a parameters::Weights, stack: &str, layer: usize) -> Vec<(&'a str, Vec<f32>)> {
    let prefix = format!("model.{stack}.layers.{layer}.");
    weights.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?, values(tensor)))).collect()
}

#[test]
fn towers_take_layers_of_a_siglip_and_refuse_one_of_its_towers() {
    let model = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/parity").join(name);
        let folder = ModelFolder::open(&folder.join("model")).unwrap();
        let config = Config::open(&folder).unwrap();
        let weights = config.weights(&folder).unwrap();
        Some(SourceModel { config, weights, tokenizer: None })
    };
    let options: ClipSizes =
        read(&Node::parse("options", "teacher = \"siglip\"\ntext-layers = 1").unwrap()).unwrap();
    let (tokenizer, teacher) = (tokenizer(), model("siglip").unwrap());
    let student = options.build(&context(&tokenizer, 7, &model)).unwrap();
    assert_complete(&student);
    let layers = student.config.outline().streams;
    assert_eq!([&layers["text"], &layers["image"]].map(|stream| stream.layers), [1, 2]);
    let own = |name: &str| values(&student.weights[name]);
    let given = |name: &str| values(&teacher.weights[name]);
    // One layer of two is the last one.
    assert_eq!(
        own("text_model.encoder.layers.0.mlp.fc1.weight"),
        given("text_model.encoder.layers.1.mlp.fc1.weight")
    );
    for name in ["vision_model.encoder.layers.0.mlp.fc1.weight", "vision_model.head.probe", "logit_bias"] {
        assert_eq!(own(name), given(name), "{name}");
    }
    let alone: ClipSizes = read(&Node::parse("options", "teacher = \"siglip-text\"").unwrap()).unwrap();
    let error = alone.build(&context(&tokenizer, 7, &model)).unwrap_err().to_string();
    assert!(error.contains("two towers"), "{error}");
}

#[test]
fn fusion_encoder_that_is_there_gets_a_head_over_the_answers() {
    let model = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/parity").join(name);
        let folder = ModelFolder::open(&folder.join("model")).unwrap();
        let config = Config::open(&folder).unwrap();
        let weights = config.weights(&folder).unwrap();
        Some(SourceModel { config, weights, tokenizer: None })
    };
    let tokenizer = tokenizer();
    for (name, classifier) in [("vilt", "classifier.3.weight"), ("visual-bert", "cls.weight")] {
        let teacher = model(name).unwrap();
        let build = |labels: Vec<String>| {
            let options: Fusion =
                read(&Node::parse("options", &format!("teacher = \"{name}\"")).unwrap()).unwrap();
            let head = HeadSpec { head: Head::Sequence, labels, ..HeadSpec::none() };
            let context = BuildContext { head: &head, ..context(&tokenizer, 7, &model) };
            let student = options.build(&context).unwrap();
            assert_eq!(options.config(&context).unwrap(), student.config, "{name}");
            assert_complete(&student);
            student
        };
        // A head over the same answers stays.
        let own = teacher.config.outline().labels;
        let same = build(own.clone());
        assert_eq!(same.config.outline().labels, own, "{name}");
        for (tensor, given) in &teacher.weights {
            assert_eq!(values(&same.weights[tensor]), values(given), "{name}: {tensor}");
        }
        // Of others, it begins at random, even of as many, and the encoder stays.
        let others: Vec<String> = own.iter().rev().map(|label| format!("{label}?")).collect();
        let other = build(others.clone());
        assert_eq!(other.config.outline().labels, others, "{name}");
        for (tensor, given) in &teacher.weights {
            let is_head = classifier.split('.').next() == tensor.split('.').next();
            assert_eq!(values(&other.weights[tensor]) == values(given), !is_head, "{name}: {tensor}");
        }
    }
    let clip: Fusion = read(&Node::parse("options", "teacher = \"clip\"").unwrap()).unwrap();
    let error = clip.build(&context(&tokenizer, 7, &model)).unwrap_err().to_string();
    assert!(
        error.contains("a fusion encoder in ViLT's, Oscar's, LXMERT's, VisualBERT's or UNIMO's layout"),
        "{error}"
    );
}

#[test]
fn chosen_layers_are_taken_and_numbered_anew() {
    let options = EncoderDecoderLayers {
        encoder_layers: layers(&[1, 3]),
        decoder_layers: layers(&[2]),
        ..from("deep")
    };
    let (student, teacher) = (vocabulary_transfer(&options).unwrap(), source_models("deep").unwrap());
    assert_complete(&student);
    assert!(options.has_source_weights());
    let Config::Bart(whole) = teacher.config.clone() else { panic!("it is a Marian") };
    let sizes = BartConfig { encoder_layers: 2, decoder_layers: 1, ..whole };
    assert_eq!(student.config, sizes.clone().into());
    for (stack, new, old) in [("encoder", 0, 0), ("encoder", 1, 2), ("decoder", 0, 1)] {
        let (vocabulary_transfer, given) =
            (layer(&student.weights, stack, new), layer(&teacher.weights, stack, old));
        assert!(!given.is_empty());
        assert_eq!(vocabulary_transfer, given, "{stack} {new}");
    }
    assert_ne!(layer(&student.weights, "encoder", 1), layer(&teacher.weights, "encoder", 1));
    let embeddings = "model.shared.weight";
    assert_eq!(values(&student.weights[embeddings]), values(&teacher.weights[embeddings]));
    let options = EncoderDecoderLayers { dropout: Some(0.4), ..options };
    assert_eq!(vocabulary_transfer(&options).unwrap().config, BartConfig { dropout: 0.4, ..sizes }.into());
}

/// The families whose layout is not Marian's, each with what its layers are called in a student of one layer.
const FAMILIES: [(EncoderDecoderFamily, &str); 5] = [
    (EncoderDecoderFamily::Bart, "model.decoder.layers.0.fc1.weight"),
    (EncoderDecoderFamily::Mbart, "model.decoder.layers.0.fc1.weight"),
    (EncoderDecoderFamily::M2m100, "model.decoder.layers.0.fc1.weight"),
    (EncoderDecoderFamily::T5, "decoder.block.0.layer.2.DenseReluDense.wi.weight"),
    (EncoderDecoderFamily::Mt5, "decoder.block.0.layer.2.DenseReluDense.wi.weight"),
];

/// One of another family, with room for the positions behind the padding token.
fn of_family(family: EncoderDecoderFamily) -> EncoderDecoder {
    EncoderDecoder { family, sizes: EncoderDecoderSizes { max_length: 40, ..sizes() } }
}

#[test]
fn students_of_all_families_write_and_are_saved_as_they_are() {
    for (family, _) in FAMILIES {
        let student = scratch(&of_family(family), 3).unwrap();
        assert_complete(&student);
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("student");
        save_pretrained(&folder, &student.config, &student.weights, &files(), Precision::F32).unwrap();
        let read = ModelFolder::open(&folder).unwrap();
        let config = Config::open(&read).unwrap();
        assert_eq!(config, student.config);
        let weights = config.weights(&read).unwrap();
        let written = |config: &Config, weights: &parameters::Weights| {
            let mut pipeline = pipeline(config, weights);
            pipeline.generation = GenerationConfig::greedy(6);
            pipeline.predict(&[("abc", "hi"), ("fe", "ta")]).unwrap()
        };
        assert_eq!(written(&config, &weights), written(&student.config, &student.weights));
    }
}

#[test]
fn layers_of_all_families_are_taken_and_numbered_anew() {
    for (family, name) in FAMILIES {
        let teacher = source_model(&of_family(family), 5);
        let find = |_: &str| Some(teacher.clone());
        let options = EncoderDecoderLayers {
            encoder_layers: layers(&[1, 3]),
            decoder_layers: layers(&[2]),
            ..from("deep")
        };
        let student = options.build(&context(&tokenizer(), 1, &find)).unwrap();
        assert_complete(&student);
        let from = name.replace(".0.", ".1.");
        assert_eq!(values(&student.weights[name]), values(&teacher.weights[&from]), "{name}");
        for (own, tensor) in &student.weights {
            if !own.contains(".layers.") && !own.contains(".block.") || own.contains("relative") {
                assert_eq!(values(tensor), values(&teacher.weights[own]), "{own}");
            }
        }
    }
    let find = |name: &str| {
        Some(source_model(&of_family(if name == "deep" { FAMILIES[0].0 } else { FAMILIES[3].0 }), 5))
    };
    let options = EncoderDecoderLayers { decoder: Some("other".to_owned().into()), ..from("deep") };
    let error = message(options.build(&context(&tokenizer(), 1, &find)));
    assert!(error.contains("bart") && error.contains("t5"), "{error}");
}

#[test]
fn a_padding_token_that_m2m_has_no_position_for_is_refused() {
    let options = EncoderDecoder {
        family: EncoderDecoderFamily::M2m100,
        sizes: EncoderDecoderSizes { max_length: 8, ..sizes() },
    };
    assert!(message(scratch(&options, 7)).contains("padding"));
}

#[test]
fn all_layers_are_kept_by_default() {
    let (student, teacher) = (vocabulary_transfer(&from("deep")).unwrap(), source_models("deep").unwrap());
    assert_eq!(student.config, teacher.config);
    for (name, tensor) in &teacher.weights {
        assert_eq!(values(&student.weights[name]), values(tensor), "{name}");
    }
}

#[test]
fn the_decoder_may_come_from_another_teacher() {
    let options = EncoderDecoderLayers {
        decoder: Some("other".to_owned().into()),
        decoder_layers: layers(&[4, 1]),
        ..from("deep")
    };
    let student = vocabulary_transfer(&options).unwrap();
    assert_complete(&student);
    let Config::Bart(config) = &student.config else { panic!("it is a Marian") };
    assert_eq!((config.encoder_attention_heads, config.decoder_attention_heads), (2, 4));
    assert_eq!((config.encoder_ffn_dim, config.decoder_ffn_dim), (24, 40));
    let (deep, other) = (source_models("deep").unwrap(), source_models("other").unwrap());
    assert_eq!(layer(&student.weights, "encoder", 2), layer(&deep.weights, "encoder", 2));
    assert_eq!(layer(&student.weights, "decoder", 0), layer(&other.weights, "decoder", 3));
    assert_eq!(layer(&student.weights, "decoder", 1), layer(&other.weights, "decoder", 0));
    let embeddings = "model.shared.weight";
    assert_eq!(values(&student.weights[embeddings]), values(&deep.weights[embeddings]));
}

#[test]
fn layers_and_teachers_that_do_not_fit_are_refused_by_name() {
    let decoder = |name: &str| EncoderDecoderLayers { decoder: Some(name.to_owned().into()), ..from("deep") };
    for (options, expected) in [
        (
            EncoderDecoderLayers { encoder_layers: layers(&[1, 4]), ..from("deep") },
            "the encoder has no layer 4; its layers are 1 to 3",
        ),
        (
            EncoderDecoderLayers { decoder_layers: layers(&[0]), ..from("deep") },
            "the decoder has no layer 0; its layers are 1 to 2",
        ),
        (
            EncoderDecoderLayers { encoder_layers: layers(&[]), ..from("deep") },
            "no layer of the encoder is taken",
        ),
        (from("nobody"), "there is no teacher `nobody` with weights to take layers from"),
        (decoder("nobody"), "there is no teacher `nobody` with weights to take layers from"),
        (
            decoder("wide"),
            "encoder (width 16, 17 tokens) and decoder (width 24, 17 tokens) do not go together",
        ),
        (
            decoder("smooth"),
            "encoder (relu) and decoder (gelu) do not go together: a model has one activation function",
        ),
    ] {
        assert_eq!(message(vocabulary_transfer(&options)), expected);
    }
}

fn inputs() -> Vec<(&'static str, &'static str)> {
    vec![("abc", "en"), ("हgfe", "ta"), ("कखग", "hi"), ("", "ta"), ("a b", "en"), ("abc", "hi")]
}

fn texts(pipeline: &GenerationPipeline) -> Vec<String> {
    pipeline.predict(&inputs()).unwrap().into_iter().map(|(text, _)| text).collect()
}

#[test]
fn what_is_shipped_loads_back_and_writes_the_same() {
    let tokenizer = tokenizer();
    let InitialModel { config, weights } = scratch(&tiny(), 7).unwrap();
    let before = pipeline(&config, &weights);
    let written = before.predict(&inputs()).unwrap();
    assert_eq!(written.len(), inputs().len());
    assert!(written.iter().any(|(text, _)| !text.is_empty()), "an all-empty output would show nothing");
    let mut sizes = Vec::new();
    for (precision, name, bound) in [(Precision::F32, "float32", 0.0), (Precision::F16, "float16", 1e-3)] {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("made/along/the/way");
        save_pretrained(&path, &config, &weights, &files(), precision).unwrap();
        for file in ["config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json"] {
            let text = std::fs::read_to_string(path.join(file)).unwrap();
            assert!(text.ends_with("}\n"), "{file}");
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
        let json: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path.join("config.json")).unwrap()).unwrap();
        assert_eq!(json["dtype"], name);
        let folder = ModelFolder::open(&path).unwrap();
        assert_eq!(Config::open(&folder).unwrap(), config);
        assert_eq!(folder.tokenizer().unwrap().to_json().unwrap(), tokenizer.to_json().unwrap());
        let stored = parameters::load(&path.join("model.safetensors")).unwrap();
        let kind = if precision == Precision::F32 { DType::F32 } else { DType::F16 };
        assert!(stored.values().all(|tensor| tensor.dtype() == kind));
        let loaded = folder.weights().unwrap();
        assert_eq!(loaded.len(), weights.len());
        for (name, tensor) in &weights {
            let (found, expected) = (values(&loaded[name]), values(tensor));
            let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(largest <= bound, "{name} differs by {largest}");
        }
        let after = GenerationPipeline::load(&path).unwrap();
        assert_eq!(after.languages(), before.languages());
        if precision == Precision::F32 {
            assert_eq!(after.predict(&inputs()).unwrap(), written);
        } else {
            // Halves read back as what they are: a second shipping changes nothing.
            let again = parent.path().join("again");
            save_pretrained(&again, &config, &loaded, &files(), precision).unwrap();
            assert_eq!(texts(&GenerationPipeline::load(&again).unwrap()), texts(&after));
        }
        sizes.push(folder.bytes().unwrap());
    }
    // The head of the file is the same for both, the numbers take half the room.
    let numbers = config.parameters() as u64;
    assert!((sizes[0] - sizes[1]).abs_diff(2 * numbers) < 64, "{sizes:?}, {numbers} numbers");
}

#[test]
fn weights_that_halves_cannot_hold_are_not_shipped_as_such() {
    let InitialModel { config, mut weights } = scratch(&tiny(), 7).unwrap();
    let name = "model.encoder.layers.0.fc1.bias";
    let large = (weights[name].clone() + 1e5).unwrap();
    weights.insert(name.into(), large);
    let folder = tempfile::tempdir().unwrap();
    let error = save_pretrained(folder.path(), &config, &weights, &files(), Precision::F16).unwrap_err();
    assert!(error.to_string().contains(name), "{error}");
    assert!(!folder.path().join("model.safetensors").exists());
    save_pretrained(folder.path(), &config, &weights, &files(), Precision::F32).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let InitialModel { config, weights } = scratch(&tiny(), 7).unwrap();
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = message(save_pretrained(&file.join("student"), &config, &weights, &files(), Precision::F32));
    assert!(error.contains("file/student"), "{error}");
}

#[test]
fn pipeline_decodes_by_its_configuration_and_names_what_it_cannot_do() {
    let InitialModel { config, weights } = scratch(&tiny(), 7).unwrap();
    let mut pipeline = pipeline(&config, &weights);
    assert_eq!(pipeline.languages(), ["en", "hi", "ta"]);
    assert_eq!(pipeline.generation, GenerationConfig::greedy(20));
    let none: &[(&str, &str)] = &[];
    assert!(pipeline.predict(none).unwrap().is_empty());
    pipeline.generation = GenerationConfig { beam: 3, ..GenerationConfig::greedy(4) };
    for (text, hypothesis) in pipeline.predict(&inputs()).unwrap() {
        assert!(hypothesis.tokens.len() <= 4);
        assert_eq!(tokenizer().decode(&hypothesis.tokens).unwrap(), text);
    }
    let error = message(pipeline.predict(&[("abc", "en"), ("abc", "xx")]));
    assert!(error.contains("the model does not write `xx`; it writes en, hi, ta"), "{error}");
    // Tag and end take two of the twenty places.
    assert_eq!(pipeline.predict(&[("a".repeat(18), "en")]).unwrap().len(), 1);
    let error = message(pipeline.predict(&[("a".repeat(19), "en")]));
    assert!(error.contains("a sequence of 21 tokens is longer than the 20 positions"), "{error}");
}

#[test]
fn a_folder_without_weights_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(message(GenerationPipeline::load(folder.path())).contains("config.json"));
    let InitialModel { config, weights } = scratch(&tiny(), 7).unwrap();
    save_pretrained(folder.path(), &config, &weights, &files(), Precision::F32).unwrap();
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert!(message(GenerationPipeline::load(folder.path())).contains("model.safetensors"));
}
