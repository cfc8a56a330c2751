//! Students that write texts of images.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use alambic_models::architecture::{self, Batch, Image};
use alambic_models::pali::{PaliConfig, VisualBias};
use alambic_models::text_encoder::{HeadSpec, TextInput};
use alambic_models::{
    Config, ImageNormalization, Images, ModelFolder, Pass, Precision, TapSelection, Tokenizer, Tokens,
};
use alambic_settings::{Node, read};
use alambic_students::{
    BuildContext, ExportFormat, InitialModel, SourceModel, Student, StudentError, export, save_pretrained,
};
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;

fn tokenizer() -> Tokenizer {
    let languages = ["en", "hi"].map(str::to_owned);
    Tokenizer::from_characters(&"abcdefghकखग ".chars().collect(), &languages).unwrap()
}

/// The student of options, written as under `model.NAME`.
fn options(text: &str) -> Student {
    read(&Node::parse("options", text).unwrap()).unwrap()
}

const CLIP: &str = "[clip]\nlayers = 3\nwidth = 12\nheads = 3\nimage = 16\npatch = 8\nembedding = 6";
const T5: &str = "[encoder-decoder]\nfamily = 'mt5'\nwidth = 8\nheads = 2\nencoder-layers = 2\ndecoder-layers = 1\n\
                  feed-forward = 12\nactivation = 'gelu'";
const SIZES: &str = "[pali]\nvisual-bias = 'none'\n\
                     [pali.image-encoder]\nlayers = 3\nwidth = 12\nheads = 2\nimage = 16\npatch = 8\n\
                     [pali.language-model]\nfamily = 't5'\nwidth = 8\nheads = 2\nencoder-layers = 4\ndecoder-layers = 2\n\
                     feed-forward = 12\nmax-length = 30";

/// The model of options of a name, by another seed than students have.
fn source_model(name: &str) -> Option<SourceModel> {
    let text = match name {
        "clip" => CLIP,
        "t5" => T5,
        "pali" => SIZES,
        _ => return None,
    };
    let InitialModel { config, weights } = build_by(&options(text), 3, &|_| None).unwrap();
    Some(SourceModel { config, weights, tokenizer: Some(tokenizer()) })
}

fn build_by(
    student: &Student,
    seed: u64,
    source_model: &dyn Fn(&str) -> Option<SourceModel>,
) -> Result<InitialModel, StudentError> {
    let (tokenizer, head) = (tokenizer(), HeadSpec::none());
    student.inner().build(&BuildContext {
        tokenizer: &tokenizer,
        head: &head,
        streams: Streams::new(seed),
        source_model,
        texts: &[],
        translations: &[],
    })
}

fn build(text: &str) -> Result<InitialModel, StudentError> {
    build_by(&options(text), 1, &source_model)
}

fn pali(model: &InitialModel) -> &PaliConfig {
    let Config::Pali(config) = &model.config else { panic!("it is another model") };
    config
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Names and shapes of the weights are those of the configuration, and they run.
fn assert_whole(model: &InitialModel) {
    let shapes = model.config.shapes();
    assert_eq!(model.weights.len(), shapes.len());
    for (name, shape) in &shapes {
        assert_eq!(model.weights[name].dims(), shape.as_slice(), "{name}");
    }
    let pixels: Vec<u8> = (0..16 * 16 * 3).map(|place| (place % 251) as u8).collect();
    let images = Images::of_rgb(&[(16, 16, pixels.as_slice())], ImageNormalization::CLIP).unwrap();
    let batch = Batch {
        text: Some(TextInput::new(Tokens::pad(&[[3, 1]], 0))),
        image: Some(Image::Pixels(images)),
        target: Some(Tokens::pad(&[[0, 4]], 0)),
        regions: None,
        classes: None,
    };
    let network = architecture::build(&model.config, &model.weights).unwrap();
    let trace = network.forward(&batch, Pass::Evaluate, TapSelection::All).unwrap();
    assert!(values(trace.get("logits").unwrap()).iter().all(|logit| logit.is_finite()));
}

#[test]
fn sizes_are_those_asked_for() {
    let model = build(SIZES).unwrap();
    let config = pali(&model);
    assert_eq!(config.visual_bias, VisualBias::None);
    assert!(!config.freeze_image_encoder && config.images.is_none());
    assert_eq!((config.vision_config.num_hidden_layers, config.vision_config.hidden_size), (3, 12));
    assert_eq!((config.vision_config.image_size, config.patches()), (16, 4));
    assert_eq!((config.text_config.num_layers, config.text_config.num_decoder_layers), (4, 2));
    assert_eq!((config.text_config.vocab_size, config.text_config.n_positions), (tokenizer().size(), 30));
    assert_whole(&model);
    let student = options(SIZES);
    assert!(!student.inner().has_source_weights() && student.inner().vocabulary_source().is_none());
    let again = build(SIZES).unwrap();
    assert!(model.weights.iter().all(|(name, own)| values(own) == values(&again.weights[name])));
}

#[test]
fn parts_are_those_of_their_teachers() {
    let model =
        build("[pali]\nimage-encoder = 'clip'\nlanguage-model = 't5'\nfreeze-image-encoder = true").unwrap();
    assert_whole(&model);
    assert_eq!(pali(&model).visual_bias, VisualBias::Relative);
    assert!(pali(&model).freeze_image_encoder);
    let [clip, t5] = ["clip", "t5"].map(|name| source_model(name).unwrap().weights);
    for (name, own) in &model.weights {
        let given = match name.strip_prefix("language_model.") {
            Some(name) => t5.get(name),
            None => clip.get(name),
        };
        match given {
            Some(given) => assert_eq!(values(own), values(given), "{name}"),
            None => assert!(name.starts_with("projector."), "{name} begins at random"),
        }
    }
    let student = options("[pali]\nimage-encoder = 'clip'\nlanguage-model = 't5'");
    let names: Vec<&str> = student.inner().source_models().into_iter().map(|own| own.as_str()).collect();
    assert_eq!(names, ["t5", "clip"]);
    // The vocabulary is the language model's, whatever the image encoder's model reads.
    assert_eq!(student.inner().vocabulary_source().unwrap().as_str(), "t5");
    let image_alone = options("[pali]\nimage-encoder = 'clip'\n[pali.language-model]\nwidth = 8");
    assert!(image_alone.inner().vocabulary_source().is_none() && image_alone.inner().has_source_weights());
}

#[test]
fn a_teacher_of_both_parts_is_taken_whole() {
    let model =
        build("[pali]\nimage-encoder = 'pali'\nlanguage-model = 'pali'\nvisual-bias = 'none'").unwrap();
    let teacher = source_model("pali").unwrap();
    assert_eq!(model.config, teacher.config);
    assert!(model.weights.iter().all(|(name, own)| values(own) == values(&teacher.weights[name])));
}

#[test]
fn layers_are_those_chosen_of_a_teacher() {
    let text = "[pali-layers]\nteacher = 'pali'\nimage-layers = [2]\nencoder-layers = [1, 4]\ndecoder-layers = [2]\n\
                freeze-image-encoder = true\ndropout = 0.25";
    let model = build(text).unwrap();
    assert_whole(&model);
    let (config, teacher) = (pali(&model), source_model("pali").unwrap().weights);
    assert_eq!((config.visual_bias, config.freeze_image_encoder), (VisualBias::None, true));
    assert_eq!(config.text_config.dropout_rate, 0.25);
    for (own, other) in [
        ("vision_model.encoder.layers.0.mlp.fc1.weight", "vision_model.encoder.layers.1.mlp.fc1.weight"),
        ("vision_model.post_layernorm.bias", "vision_model.post_layernorm.bias"),
        ("projector.weight", "projector.weight"),
        ("language_model.shared.weight", "language_model.shared.weight"),
        (
            "language_model.encoder.block.0.layer.0.SelfAttention.q.weight",
            "language_model.encoder.block.0.layer.0.SelfAttention.q.weight",
        ),
        (
            "language_model.encoder.block.1.layer.1.DenseReluDense.wo.weight",
            "language_model.encoder.block.3.layer.1.DenseReluDense.wo.weight",
        ),
        (
            "language_model.decoder.block.0.layer.1.EncDecAttention.v.weight",
            "language_model.decoder.block.1.layer.1.EncDecAttention.v.weight",
        ),
        (
            "language_model.decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            "language_model.decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
        ),
    ] {
        assert_eq!(values(&model.weights[own]), values(&teacher[other]), "{own}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (text, said) in [
        ("[pali]\nimage-encoder = 't5'\nlanguage-model = 't5'", "`t5` is a mt5; a model with an image tower"),
        ("[pali]\nimage-encoder = 'clip'\nlanguage-model = 'clip'", "`clip` is a clip; a T5"),
        ("[pali]\nimage-encoder = 'none'\nlanguage-model = 't5'", "`none`"),
        ("[pali-layers]\nteacher = 't5'", "`t5` is a mt5; a PaLI"),
        ("[pali-layers]\nteacher = 'pali'\nimage-layers = [4]", "image encoder has no layer 4"),
        ("[pali-layers]\nteacher = 'pali'\nencoder-layers = [0]", "encoder has no layer 0"),
        ("[pali-layers]\nteacher = 'pali'\ndecoder-layers = []", "no layer of the decoder"),
        ("[pali]\nimage-encoder = { width = 9, heads = 2 }\nlanguage-model = 't5'", "width of 9"),
        ("[pali]\nimage-encoder = { image = 30, patch = 8 }\nlanguage-model = 't5'", "30 pixels"),
        ("[pali]\nimage-encoder = {}\nlanguage-model = { width = 9, heads = 2 }", "width of 9"),
        ("[pali]\nimage-encoder = {}\nlanguage-model = {}\nfreeze-image-encoder = true", "random weights"),
    ] {
        let error = build(text).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
    for text in ["[pali]\nlanguage-model = 't5'", "[pali]\nimage-encoder = 3\nlanguage-model = 't5'"] {
        assert!(read::<Student>(&Node::parse("options", text).unwrap()).is_err(), "{text}");
    }
}

#[test]
fn a_folder_is_read_back_and_exported() {
    let model = build(SIZES).unwrap();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    let files = tokenizer().files(30).unwrap();
    save_pretrained(&folder, &model.config, &model.weights, &files, Precision::F32).unwrap();
    assert_eq!(Config::open(&ModelFolder::open(&folder).unwrap()).unwrap(), model.config);
    let to = place.path().join("out");
    let formats = [ExportFormat::HuggingFace, ExportFormat::Onnx];
    let exported = export(&folder, &formats, Precision::F32, &to).unwrap();
    assert_eq!(exported[0].outputs.as_ref().unwrap().difference, 0.0);
    // The decoders are given what the encoder makes of patches and prompt.
    let graphs: Vec<_> = exported.iter().filter(|file| file.format == ExportFormat::Onnx).collect();
    assert_eq!(graphs.len(), 4);
    for file in &graphs[1..] {
        let outputs = file.outputs.as_ref().unwrap();
        assert!(outputs.output == "logits" && outputs.difference < 1e-3, "{file:?}");
    }
    // Both parts by themselves, as transformers loads them.
    let vision = ModelFolder::open(&to.join("hf/vision_model")).unwrap();
    assert_eq!(vision.json()["model_type"], "clip_vision_model");
    let names = vision.weights().unwrap();
    assert!(!names.is_empty() && names.keys().all(|name| name.starts_with("vision_model.")));
    let language = ModelFolder::open(&to.join("hf/language_model")).unwrap();
    let config = Config::open(&language).unwrap();
    let weights = config.weights(&language).unwrap();
    for (name, own) in &weights {
        assert_eq!(values(own), values(&model.weights[&format!("language_model.{name}")]), "{name}");
    }
    assert!(Tokenizer::open(language.path()).is_ok());
}
