//! Agreement of models that read images with transformers, on tiny random models whose inputs and expected taps lie in
//! `tests/parity`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::architecture::{self, Batch, Image};
use alambic_models::dual::{Dual, DualConfig};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, ModelError, ModelFolder, Pass, TapSelection, Trace, write_weights};
use alambic_tensor::candle::Tensor;
use alambic_tensor::gradients::{Gradients, is_key_bias};
use alambic_tensor::parameters::{self, Parameters, Weights};

const MODELS: [&str; 11] = [
    "clip",
    "lxmert",
    "lxmert-heads/pretraining",
    "lxmert-heads/images",
    "vilt",
    "visual-bert",
    "oscar/answers",
    "oscar/pretraining",
    "unimo/answers",
    "unimo/patches",
    "unimo/regions",
];

/// Taps of outputs, of which a model has some.
const OUTPUTS: [&str; 7] = [
    "logits",
    "relation",
    "similarity",
    "prediction_logits",
    "object_logits",
    "attribute_logits",
    "predicted_features",
];

fn folder(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(model)
}

fn open(model: &str) -> (Config, ModelFolder, Weights) {
    let opened = ModelFolder::open(&folder(model).join("model")).unwrap();
    let inputs = parameters::load(&folder(model).join("inputs.safetensors")).unwrap();
    (Config::open(&opened).unwrap(), opened, inputs)
}

/// The taps of a folder's model.
fn run(opened: &ModelFolder, inputs: &Weights, wanted: TapSelection) -> Result<Trace, ModelError> {
    architecture::open(opened)?.forward(&Batch::from_tensors(inputs)?, Pass::Evaluate, wanted)
}

fn largest_difference(left: &Tensor, right: &Tensor) -> f32 {
    (left - right).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

#[test]
fn taps_agree_with_transformers() {
    for model in MODELS {
        let (config, opened, inputs) = open(model);
        let trace = run(&opened, &inputs, TapSelection::All).unwrap();
        let expected = parameters::load(&folder(model).join("expected.safetensors")).unwrap();
        for (name, expected) in &expected {
            let found = trace.get(name).unwrap_or_else(|| panic!("{model} has no tap {name}"));
            // CLIP's logits here go up to 945, where PyTorch in double precision is 8e-4 from itself in single.
            let largest = largest_difference(expected, &expected.zeros_like().unwrap());
            let difference = largest_difference(found, expected) / largest.max(1.0);
            assert!(difference < 1e-4, "{model}: {name} differs by {difference}");
        }
        let mut outline = config.outline().taps();
        let mut found: Vec<String> = trace.taps().keys().cloned().collect();
        outline.sort_unstable();
        found.sort_unstable();
        assert_eq!(outline, found, "{model}");
    }
}

#[test]
fn a_tap_alone_is_what_it_is_among_all() {
    for model in MODELS {
        let (config, opened, inputs) = open(model);
        let all = run(&opened, &inputs, TapSelection::All).unwrap();
        for tap in config.outline().taps() {
            let alone = run(&opened, &inputs, TapSelection::named([&tap]).with_padding()).unwrap();
            assert_eq!(alone.taps().keys().collect::<Vec<_>>(), [&tap], "{model}");
            let difference = largest_difference(alone.get(&tap).unwrap(), all.get(&tap).unwrap());
            assert!(difference < 1e-5, "{model}: {tap} differs by {difference}");
        }
    }
}

#[test]
fn configurations_and_weights_survive_being_written() {
    for model in MODELS {
        let (config, opened, inputs) = open(model);
        let weights = config.weights(&opened).unwrap();
        let shapes = config.shapes();
        assert!(weights.iter().all(|(name, tensor)| shapes[name] == tensor.dims()));
        assert_eq!(config.shape_mismatches(&opened.weight_shapes().unwrap()), Vec::<String>::new());

        let written = tempfile::tempdir().unwrap();
        std::fs::write(written.path().join("config.json"), config.to_json().unwrap().to_string()).unwrap();
        write_weights(written.path(), &weights, alambic_models::Precision::F32).unwrap();
        let again = ModelFolder::open(written.path()).unwrap();
        assert_eq!(Config::open(&again).unwrap(), config, "{model}");
        let logits = |folder: &ModelFolder| {
            let trace = run(folder, &inputs, TapSelection::named(["logits"])).unwrap();
            trace.get("logits").unwrap().clone()
        };
        assert!(largest_difference(&logits(&opened), &logits(&again)) < 1e-6, "{model}");
    }
}

#[test]
fn masks_have_a_number_for_every_row_of_their_stream() {
    for model in MODELS {
        let (_, opened, inputs) = open(model);
        let trace = run(&opened, &inputs, TapSelection::All).unwrap();
        let mut hidden = 0;
        for (name, tensor) in trace.taps() {
            let Some((front, _)) = name.rsplit_once('.') else { continue };
            let (stream, kind) = front.rsplit_once('.').unwrap_or(("", front));
            let mask = match kind {
                "hidden" => trace.hidden_mask(stream),
                "queries" | "keys" | "values" => trace.mask(stream),
                _ => None,
            };
            let Some(mask) = mask else { continue };
            assert_eq!(mask.len(), tensor.dims()[0] * tensor.dims()[1], "{model}: {name}");
            hidden += usize::from(kind == "hidden");
        }
        assert!(hidden > 0, "{model}");
    }
}

#[test]
fn a_loss_on_the_outputs_reaches_every_parameter() {
    for model in MODELS {
        let (config, _, inputs) = open(model);
        let streams = alambic_tensor::Streams::new(3);
        let parameters = Parameters::from_weights(&config.initial_weights(&streams).unwrap()).unwrap();
        let network = architecture::build(&config, &parameters.tracked()).unwrap();
        let batch = Batch::from_tensors(&inputs).unwrap();
        let trace = network.forward(&batch, Pass::Evaluate, TapSelection::named(OUTPUTS)).unwrap();
        let loss = trace.taps().values().fold(None, |sum: Option<Tensor>, tap| {
            let loss = tap.sqr().unwrap().mean_all().unwrap();
            Some(sum.map_or_else(|| loss.clone(), |sum| (sum + &loss).unwrap()))
        });
        let gradients = Gradients::of(&loss.unwrap(), &parameters).unwrap();
        // VisualBERT answers from a token of the text, and LXMERT from its first token.
        let unread = |name: &String| {
            model == "visual-bert" && name.contains("pooler")
                || ["lxmert", "lxmert-heads/images"].contains(&model) && name.contains("x_layers.1.visn")
                || name.ends_with("visual_token_type_embeddings.weight")
        };
        let unreached: Vec<String> =
            gradients.unreached(&parameters).into_iter().filter(|name| !unread(name)).collect();
        assert_eq!(unreached, Vec::<String>::new(), "{model}");
        gradients.check(is_key_bias).unwrap();
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let refused = |model: &str, change: &dyn Fn(&mut Weights)| {
        let (_, opened, mut inputs) = open(model);
        change(&mut inputs);
        run(&opened, &inputs, TapSelection::All).unwrap_err().to_string()
    };
    let narrow = |name: &'static str, dim: usize, count: usize| {
        move |inputs: &mut Weights| {
            let narrowed = inputs[name].narrow(dim, 0, count).unwrap().contiguous().unwrap();
            inputs.insert(name.into(), narrowed);
        }
    };
    let without = |name: &'static str| move |inputs: &mut Weights| drop(inputs.shift_remove(name));
    for (model, change, expected) in [
        ("vilt", &without("pixel_values") as &dyn Fn(&mut Weights), "there is no image (`pixel_values`)"),
        ("vilt", &narrow("pixel_mask", 1, 8), "`pixel_mask` of shape [3, 8, 16] does not fit"),
        ("lxmert", &without("visual_pos"), "there are no boxes"),
        ("lxmert", &narrow("visual_pos", 1, 5), "boxes of shape [3, 5, 4] do not fit features of [3, 6, ..]"),
        ("lxmert", &narrow("visual_pos", 2, 3), "boxes have 3 numbers; the model reads 4"),
        ("lxmert", &narrow("visual_feats", 2, 9), "regions have 9 features; the model reads 10"),
        ("visual-bert", &narrow("visual_attention_mask", 1, 2), "masks of shape [3, 2] do not fit"),
        ("oscar/answers", &narrow("visual_feats", 2, 15), "regions have 15 features; the model reads 16"),
        ("unimo/regions", &without("visual_pos"), "regions need their boxes"),
        ("unimo/regions", &narrow("visual_pos", 2, 3), "regions need their boxes"),
        (
            "unimo/regions",
            &narrow("visual_feats", 2, 9),
            "regions or patches have 9 features; the model reads 10",
        ),
        ("unimo/patches", &narrow("pixel_values", 2, 11), "do not divide into patches of 4 by 4"),
        ("unimo/patches", &narrow("pixel_values", 0, 2), "there are 3 texts and 2 images"),
    ] {
        let message = refused(model, change);
        assert!(message.contains(expected), "{model}: {message}");
    }
}

/// A dual encoder that starts from the tiny ViLT, with that one's inputs.
fn dual(layers: [usize; 2]) -> (DualConfig, Weights, Weights) {
    let (config, opened, inputs) = open("vilt");
    let Config::Vilt(vilt) = &config else { panic!("vilt is a {}", config.model_type()) };
    let dual = DualConfig { text_layers: layers[0], image_layers: layers[1], sizes: vilt.clone() };
    let given = dual.weights_of(vilt, &opened.weights().unwrap());
    let streams = alambic_tensor::Streams::new(5);
    let weights = Dual::initial_weights(&dual, &streams, &given).unwrap();
    assert!(dual.shapes().iter().all(|(name, shape)| weights[name].dims() == shape));
    // All but the fusion, and the head, which the fusion encoder's own is not.
    let made: Vec<String> = dual.shapes().into_keys().filter(|name| !given.contains_key(name)).collect();
    assert!(made.iter().all(|name| name.starts_with("fusion") || name.starts_with("classifier")), "{made:?}");
    (dual, weights, inputs)
}

#[test]
fn a_dual_encoder_starts_from_a_fusion_encoder_and_reads_each_side_alone() {
    let (config, weights, inputs) = dual([2, 1]);
    let network = Dual::new(&config, &weights).unwrap();
    let batch = Batch::from_tensors(&inputs).unwrap();
    let network: &dyn architecture::Architecture = &network;
    let all = network.forward(&batch, Pass::Evaluate, TapSelection::All).unwrap();
    let mut outline = config.outline().taps();
    let mut found: Vec<String> = all.taps().keys().cloned().collect();
    outline.sort_unstable();
    found.sort_unstable();
    assert_eq!(outline, found);

    // Embeddings of images that were computed ahead give the same answers.
    let image = Batch { text: None, ..batch.clone() };
    let ahead = network.forward(&image, Pass::Evaluate, TapSelection::named(["image.embedding"])).unwrap();
    assert_eq!(ahead.taps().len(), 1);
    let embedding = ahead.get("image.embedding").unwrap().clone();
    let answers = |text: Option<TextInput>, image: Tensor| {
        let stored = Batch { text, image: Some(Image::Embedding(image)), ..Batch::default() };
        network
            .forward(&stored, Pass::Evaluate, TapSelection::named(["logits"]))
            .unwrap()
            .get("logits")
            .unwrap()
            .clone()
    };
    let stored = answers(batch.text.clone(), embedding.clone());
    assert!(largest_difference(&stored, all.get("logits").unwrap()) < 1e-6);

    // One image is compared with all texts.
    let first = embedding.narrow(0, 0, 1).unwrap();
    let repeated = first.broadcast_as(embedding.shape()).unwrap().contiguous().unwrap();
    let (once, each) = (answers(batch.text.clone(), first), answers(batch.text.clone(), repeated));
    assert!(once.dims() == each.dims() && largest_difference(&once, &each) < 1e-6);
    let three = Tensor::cat(&[&embedding, &embedding.narrow(0, 0, 1).unwrap()], 0).unwrap();
    let mismatched = Batch { image: Some(Image::Embedding(three)), ..batch.clone() };
    assert!(network.forward(&mismatched, Pass::Evaluate, TapSelection::named(["logits"])).is_err());

    // The text's tower is the fusion encoder's way through a text that stands alone, up to its first layer.
    let (_, vilt, _) = open("vilt");
    let fused = run(&vilt, &inputs, TapSelection::named(["text.hidden.0"]).with_padding()).unwrap();
    let own = all.get("text.hidden.0").unwrap();
    let fused = fused.get("text.hidden.0").unwrap().narrow(1, 0, own.dim(1).unwrap()).unwrap();
    assert!(largest_difference(own, &fused) < 1e-6);
}

#[test]
fn a_loss_on_the_logits_reaches_every_parameter_of_a_dual_encoder() {
    let (config, weights, inputs) = dual([2, 2]);
    let parameters = Parameters::from_weights(&weights).unwrap();
    let network = architecture::build(&Config::Dual(config.clone()), &parameters.tracked()).unwrap();
    let batch = Batch::from_tensors(&inputs).unwrap();
    let trace = network.forward(&batch, Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
    let loss = trace.get("logits").unwrap().sqr().unwrap().mean_all().unwrap();
    let gradients = Gradients::of(&loss, &parameters).unwrap();
    assert_eq!(gradients.unreached(&parameters), Vec::<String>::new());
    gradients.check(is_key_bias).unwrap();

    let written = tempfile::tempdir().unwrap();
    std::fs::write(written.path().join("config.json"), config.to_json().unwrap().to_string()).unwrap();
    write_weights(written.path(), &weights, alambic_models::Precision::F32).unwrap();
    assert_eq!(Config::open(&ModelFolder::open(written.path()).unwrap()).unwrap(), Config::Dual(config));
}

#[test]
fn a_text_about_several_images_is_read_once_with_each() {
    let (config, opened, inputs) = open("lxmert-heads/images");
    let Config::Lxmert(own) = &config else { panic!("it is a {}", config.model_type()) };
    assert_eq!((own.num_images, config.outline().labels), (2, vec!["False".to_owned(), "True".to_owned()]));
    let trace = run(&opened, &inputs, TapSelection::All).unwrap();
    assert_eq!(trace.get("pooled").unwrap().dims(), [6, 32]);
    assert_eq!(trace.get("logits").unwrap().dims(), [3, 2]);
    // Of as many images as texts there are too few.
    let mut fewer = inputs.clone();
    for name in ["visual_feats", "visual_pos", "visual_attention_mask"] {
        fewer.insert(name.into(), inputs[name].narrow(0, 0, 3).unwrap().contiguous().unwrap());
    }
    let said = run(&opened, &fewer, TapSelection::All).unwrap_err().to_string();
    assert!(said.contains("there are 6 texts and regions of 3 images"), "{said}");
}

#[test]
fn weights_of_layers_are_those_of_each_encoder() {
    let (config, opened, _) = open("lxmert");
    let Config::Lxmert(teacher) = &config else { panic!("it is a {}", config.model_type()) };
    let weights = config.weights(&opened).unwrap();
    let mut own = teacher.clone();
    (own.l_layers, own.r_layers, own.x_layers) = (1, 1, 1);
    let given = own.weights_of_layers(&weights, [&[1], &[0], &[1]]);
    assert_eq!(given.keys().collect::<Vec<_>>(), own.shapes().keys().collect::<Vec<_>>());
    for (name, from) in [
        (
            "lxmert.encoder.layer.0.intermediate.dense.weight",
            "lxmert.encoder.layer.1.intermediate.dense.weight",
        ),
        (
            "lxmert.encoder.x_layers.0.visn_inter.dense.bias",
            "lxmert.encoder.x_layers.1.visn_inter.dense.bias",
        ),
        ("lxmert.pooler.dense.weight", "lxmert.pooler.dense.weight"),
        ("answer_head.logit_fc.3.weight", "answer_head.logit_fc.3.weight"),
    ] {
        assert_eq!(largest_difference(&given[name], &weights[from]), 0.0, "{name}");
    }
}

#[test]
fn files_of_the_authors_are_read_by_their_names() {
    let (config, opened, inputs) = open("lxmert-heads/images");
    let weights = config.weights(&opened).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_json().unwrap().to_string()).unwrap();
    for wrapper in ["lxrt_encoder.model.bert.", "lxrt_encoder.model.module.bert."] {
        let renamed = weights.iter().map(|(name, tensor)| {
            let name = name.strip_prefix("lxmert.").map_or(name.clone(), |bare| format!("{wrapper}{bare}"));
            (name, tensor.clone())
        });
        write_weights(folder.path(), &renamed.collect(), alambic_models::Precision::F32).unwrap();
        let written = ModelFolder::open(folder.path()).unwrap();
        let [own, other] = [&opened, &written].map(|folder| {
            run(folder, &inputs, TapSelection::named(["logits"])).unwrap().get("logits").unwrap().clone()
        });
        assert_eq!(largest_difference(&own, &other), 0.0);
    }
}
