//! Encoder-decoders of all families: agreement with transformers, decoding, folders, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use crate::changed::Changed;
use crate::traces::assert_agrees;
use crate::writing::{
    assert_loss_reaches_every_parameter, assert_taps_survive_writing, inputs, opened, written_again,
};
use alambic_models::architecture::{self, Batch};
use alambic_models::{Config, ModelFolder, Pass, TapSelection, Tokens};
use alambic_tensor::Streams;
use alambic_tensor::candle::{Device, Tensor};
use serde_json::{Value, json};

const MODELS: [&str; 9] =
    ["marian", "marian-peaked", "bart", "mbart", "m2m_100", "t5", "t5-v1.0", "t5-v1.1", "mt5"];

fn largest_difference(left: &Tensor, right: &Tensor) -> f32 {
    (left - right).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

#[test]
fn taps_agree_with_transformers_before_and_after_a_model_is_written() {
    for model in MODELS {
        assert_taps_survive_writing(model);
    }
}

#[test]
fn untapped_logits_are_those_of_tapped_attention() {
    for model in MODELS {
        let network = architecture::open(&opened(model)).unwrap();
        let logits = |wanted: TapSelection| {
            let trace = network.forward(&inputs(model), Pass::Evaluate, wanted).unwrap();
            trace.get("logits").unwrap().clone()
        };
        let tapped = logits(TapSelection::All);
        for wanted in [TapSelection::named(["logits"]), TapSelection::named(["logits"]).with_padding()] {
            assert!(largest_difference(&logits(wanted), &tapped) < 1e-4, "{model}");
        }
    }
}

/// Logits after each token of targets, row by row, out of steps that begin with these rows of the sources.
fn decoded(model: &str, rows: &[usize]) -> (Vec<Vec<f32>>, Tensor) {
    let network = architecture::open(&opened(model)).unwrap();
    let batch = inputs(model);
    let trace = network.forward(&batch, Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
    let (source, target) = (batch.text.unwrap().tokens, batch.target.unwrap());
    let mut state = network.as_translator().unwrap().start(&source, target.length).unwrap();
    state.select(rows).unwrap();
    let steps = (0..target.length).map(|place| {
        let tokens: Vec<u32> = rows.iter().map(|row| target.ids[row * target.length + place]).collect();
        state.step(&tokens).unwrap()
    });
    (steps.collect(), trace.get("logits").unwrap().clone())
}

#[test]
fn cached_steps_give_the_logits_of_whole_targets_for_rows_in_any_order() {
    for model in MODELS {
        for rows in [&[0, 1, 2][..], &[2, 0], &[1, 1, 0, 2]] {
            let (steps, logits) = decoded(model, rows);
            for (place, step) in steps.into_iter().enumerate() {
                let step =
                    Tensor::from_vec(step, (rows.len(), logits.dim(2).unwrap()), logits.device()).unwrap();
                for (index, &row) in rows.iter().enumerate() {
                    let expected = logits.get(row).unwrap().get(place).unwrap();
                    let difference = largest_difference(&step.get(index).unwrap(), &expected);
                    let largest = expected.abs().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
                    assert!(
                        difference <= 1e-4 * largest.max(1.0),
                        "{model}, {rows:?}, place {place}: {difference}"
                    );
                }
            }
        }
    }
}

#[test]
fn rows_that_change_places_within_a_decoding_keep_their_past() {
    for model in MODELS {
        let network = architecture::open(&opened(model)).unwrap();
        let (batch, translator) = (inputs(model), network.as_translator().unwrap());
        let source = batch.text.unwrap().tokens;
        let start = translator.start_token();
        let run = |orders: &[&[usize]]| {
            let mut state = translator.start(&source, 6).unwrap();
            let mut last = Vec::new();
            for (step, order) in orders.iter().enumerate() {
                let tokens: Vec<u32> =
                    if step == 0 { vec![start; 3] } else { vec![3 + step as u32; order.len()] };
                if step > 0 {
                    state.select(order).unwrap();
                }
                last = state.step(&tokens).unwrap();
            }
            last
        };
        let (straight, turned) = (run(&[&[], &[0, 1, 2], &[0, 1, 2]]), run(&[&[], &[2, 1, 0], &[2, 1, 0]]));
        let differ = straight.iter().zip(&turned).any(|(one, other)| (one - other).abs() > 1e-4);
        assert!(!differ, "{model}");
    }
}

#[test]
fn a_decoding_ends_where_its_room_does() {
    for model in ["bart", "t5-v1.0"] {
        let network = architecture::open(&opened(model)).unwrap();
        let source = inputs(model).text.unwrap().tokens;
        let mut state = network.as_translator().unwrap().start(&source, 2).unwrap();
        state.step(&[3; 3]).unwrap();
        state.step(&[3; 3]).unwrap();
        let error = state.step(&[3; 3]).unwrap_err().to_string();
        assert!(error.contains("2 tokens"), "{error}");
    }
}

#[test]
fn a_loss_on_the_logits_reaches_every_parameter() {
    for model in MODELS {
        assert_loss_reaches_every_parameter(model);
    }
}

#[test]
fn initial_weights_are_those_of_the_configuration() {
    for model in MODELS {
        let config = Config::open(&opened(model)).unwrap();
        let weights = config.initial_weights(&Streams::new(1)).unwrap();
        assert!(config.shapes().keys().eq(weights.keys()), "{model}");
        for (name, shape) in config.shapes() {
            assert_eq!(weights[&name].dims(), shape, "{model}: {name}");
        }
        let network = architecture::build(&config, &weights).unwrap();
        let trace = network.forward(&inputs(model), Pass::Evaluate, TapSelection::All).unwrap();
        let logits = trace.get("logits").unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let spread = (logits.iter().map(|logit| logit * logit).sum::<f32>() / logits.len() as f32).sqrt();
        assert!(spread.is_finite() && spread > 0.01 && spread < 100.0, "{model}: {spread}");
    }
}

#[test]
fn positions_of_m2m_pass_over_padding() {
    let network = architecture::open(&opened("m2m_100")).unwrap();
    let encode = |rows: &[&[u32]], mask: &[u8]| {
        let source = Tokens { mask: mask.to_vec().into(), ..Tokens::pad(rows, 1) };
        let batch = Batch::of_texts(alambic_models::text_encoder::TextInput::new(source));
        let trace =
            network.forward(&batch, Pass::Evaluate, TapSelection::named(["encoder.hidden.2"])).unwrap();
        trace.get("encoder.hidden.2").unwrap().clone()
    };
    let plain = encode(&[&[5, 6, 7]], &[1, 1, 1]);
    let behind = encode(&[&[1, 1, 5, 6, 7]], &[0, 0, 1, 1, 1]).narrow(1, 2, 3).unwrap();
    assert!(largest_difference(&plain, &behind) < 1e-5);
}

#[test]
fn a_table_of_words_has_any_of_its_names() {
    for (model, shared, copies) in [
        ("bart", "model.shared.weight", ["model.decoder.embed_tokens.weight", "lm_head.weight"]),
        ("m2m_100", "model.shared.weight", ["model.encoder.embed_tokens.weight", "lm_head.weight"]),
        ("t5-v1.0", "shared.weight", ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"]),
    ] {
        for copied in copies {
            let mut copy = Changed::of(model);
            copy.rename(|name| if name == shared { copied.to_owned() } else { name.to_owned() });
            let trace = architecture::open(&copy.write())
                .unwrap()
                .forward(&inputs(model), Pass::Evaluate, TapSelection::All)
                .unwrap();
            assert_agrees(model, &trace);
        }
    }
    // Without the prefix of the whole model.
    let mut copy = Changed::of("mbart");
    copy.rename(|name| name.strip_prefix("model.").unwrap_or(name).to_owned());
    let network = architecture::open(&copy.write()).unwrap();
    assert_agrees("mbart", &network.forward(&inputs("mbart"), Pass::Evaluate, TapSelection::All).unwrap());
}

#[test]
fn a_matrix_of_the_logits_counts_where_it_is_another() {
    for (model, key) in [("bart", true), ("m2m_100", true), ("t5-v1.0", false), ("mt5", false)] {
        let shared = if key { "model.shared.weight" } else { "shared.weight" };
        let mut copy = Changed::of(model);
        let output = copy.weights.get("lm_head.weight").unwrap_or(&copy.weights[shared]).clone();
        copy.weights.insert("lm_head.weight".into(), (output * 2.0).unwrap());
        if key {
            copy.json["tie_word_embeddings"] = json!(false);
        }
        let logits = |read: &ModelFolder| {
            let network = architecture::open(read).unwrap();
            let trace =
                network.forward(&inputs(model), Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
            trace.get("logits").unwrap().clone()
        };
        let (mut bias, plain) = (0.0, logits(&opened(model)));
        if let Some(own) = copy.weights.get("final_logits_bias") {
            bias = own.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
        }
        let read = copy.write();
        let doubled = logits(&read);
        assert!(largest_difference(&doubled, &(&plain * 2.0).unwrap()) <= bias + 1e-4, "{model}");
        // And again once it is written.
        let config = Config::open(&read).unwrap();
        let (_place, again) = written_again(&config, &read);
        assert!(largest_difference(&logits(&again), &doubled) < 1e-5, "{model}");
    }
}

#[test]
fn keys_that_are_left_out_have_the_defaults_of_transformers() {
    let place = tempfile::tempdir().unwrap();
    let read = |json: Value| {
        std::fs::write(place.path().join("config.json"), json.to_string()).unwrap();
        Config::open(&ModelFolder::open(place.path()).unwrap()).unwrap()
    };
    let Config::Bart(bart) = read(json!({ "model_type": "bart" })) else { unreachable!() };
    assert_eq!((bart.vocab_size, bart.d_model, bart.encoder_layers), (50_265, 1024, 12));
    assert_eq!((bart.pad_token_id, bart.eos_token_id, bart.decoder_start_token_id), (1, 2, 2));
    let Config::Bart(m2m) = read(json!({ "model_type": "m2m_100", "eos_token_id": [2], "dropout": null }))
    else {
        unreachable!()
    };
    assert_eq!(
        (m2m.vocab_size, m2m.scale_embedding, m2m.activation_function.as_str()),
        (128_112, true, "relu")
    );
    for (json, scales, gated) in [
        (json!({ "model_type": "t5" }), true, false),
        (
            json!({ "model_type": "t5", "tie_word_embeddings": false, "feed_forward_proj": "gated-gelu" }),
            false,
            true,
        ),
        (
            json!({ "model_type": "t5", "tie_word_embeddings": true, "scale_decoder_outputs": false }),
            false,
            false,
        ),
        (json!({ "model_type": "mt5", "tie_word_embeddings": true }), false, true),
    ] {
        let Config::T5(config) = read(json.clone()) else { unreachable!() };
        assert_eq!((config.scale_decoder_outputs, config.is_gated), (scales, gated), "{json}");
        assert_eq!(config.num_layers, config.num_decoder_layers);
    }
}

#[test]
fn broken_folders_are_refused_by_key_or_tensor() {
    for (model, key, value, said) in [
        ("bart", "encoder_attention_heads", json!(5), "does not divide d_model"),
        ("m2m_100", "decoder_attention_heads", json!(3), "does not divide d_model"),
        ("mbart", "encoder_layers", json!(3), "have 2 layers"),
        ("mbart", "activation_function", json!("gelu_10"), "gelu_10"),
        ("bart", "pad_token_id", json!(97), "no embedding"),
        ("bart", "decoder_start_token_id", json!("2"), "decoder_start_token_id"),
        ("bart", "max_position_embeddings", json!(49), "embed_positions"),
        ("bart", "vocab_size", json!(98), "model.shared.weight"),
        ("m2m_100", "max_position_embeddings", json!(1u64 << 30), "max_position_embeddings"),
        ("bart", "tie_word_embeddings", json!(false), "lm_head.weight"),
        ("t5-v1.0", "num_layers", json!(4), "num_layers"),
        ("t5-v1.0", "num_heads", json!(0), "num_heads"),
        ("t5-v1.0", "num_heads", json!(3), "SelfAttention"),
        ("t5-v1.0", "d_kv", json!(9), "SelfAttention"),
        ("t5-v1.0", "relative_attention_num_buckets", json!(7), "relative_attention_num_buckets"),
        ("t5-v1.0", "relative_attention_num_buckets", json!(32), "relative_attention_bias"),
        ("t5-v1.0", "relative_attention_max_distance", json!(4), "relative_attention_max_distance"),
        ("t5-v1.0", "relative_attention_max_distance", json!(1u64 << 30), "relative_attention_max_distance"),
        ("t5-v1.0", "feed_forward_proj", json!("gated-gelu"), "wi_0"),
        ("t5-v1.0", "feed_forward_proj", json!("doubly-gelu"), "feed_forward_proj"),
        ("t5-v1.0", "feed_forward_proj", json!(1), "feed_forward_proj"),
        ("t5-v1.0", "scale_decoder_outputs", json!("yes"), "scale_decoder_outputs"),
        ("t5-v1.0", "eos_token_id", json!(97), "no embedding"),
        ("t5-v1.0", "eos_token_id", json!(-1), "eos_token_id"),
        ("mt5", "layer_norm_epsilon", json!("small"), "layer_norm_epsilon"),
        ("mt5", "layer_norm_epsilon", json!(2.0), "layer_norm_epsilon"),
    ] {
        let mut copy = Changed::of(model);
        copy.json[key] = value.clone();
        let error = copy.said();
        assert!(error.contains(said), "{model} {key} {value}: {error}");
        assert!(error.contains(&*copy.folder.path().to_string_lossy()), "{error}");
    }
    for (model, name) in [
        ("bart", "model.decoder.layernorm_embedding.bias"),
        ("bart", "model.encoder.embed_positions.weight"),
        ("mbart", "model.encoder.layer_norm.weight"),
        ("m2m_100", "model.decoder.layer_norm.bias"),
        ("m2m_100", "model.shared.weight"),
        ("t5-v1.0", "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
        ("t5-v1.0", "encoder.final_layer_norm.weight"),
        ("t5-v1.1", "decoder.block.1.layer.2.DenseReluDense.wi_1.weight"),
    ] {
        let mut copy = Changed::of(model);
        copy.weights.shift_remove(name);
        let error = copy.said();
        assert!(error.contains(name) && error.contains("model.safetensors"), "{model}: {error}");
        let mut copy = Changed::of(model);
        let short = copy.weights[name].narrow(0, 0, copy.weights[name].dim(0).unwrap() - 1).unwrap();
        copy.weights.insert(name.into(), short.contiguous().unwrap());
        let error = copy.said();
        assert!(error.contains("shape") && error.contains(name), "{model}: {error}");
    }
    let mut copy = Changed::of("t5-v1.1");
    let words = (&copy.weights["shared.weight"] * 2.0).unwrap();
    copy.weights.insert("decoder.embed_tokens.weight".into(), words);
    assert!(copy.said().contains("decoder.embed_tokens.weight"));
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    for model in ["bart", "m2m_100", "t5-v1.0"] {
        let network = architecture::open(&opened(model)).unwrap();
        let said = |batch: &Batch| {
            network.forward(batch, Pass::Evaluate, TapSelection::All).unwrap_err().to_string()
        };
        let ids = |ids: &[i64]| Tensor::from_slice(ids, (1, ids.len()), &Device::Cpu).unwrap();
        let batch = |source: &[i64], target: &[i64]| {
            let inputs =
                [("input_ids".to_owned(), ids(source)), ("decoder_input_ids".to_owned(), ids(target))];
            Batch::from_tensors(&inputs.into_iter().collect()).unwrap()
        };
        assert!(said(&batch(&[5, 97], &[2])).contains("97"), "{model}");
        assert!(said(&batch(&[5], &[2, 97])).contains("97"), "{model}");
        let long: Vec<i64> = vec![5; 49];
        if model == "t5-v1.0" {
            network.forward(&batch(&long, &long), Pass::Evaluate, TapSelection::All).unwrap();
        } else {
            assert!(said(&batch(&long, &[2])).contains("48 positions"), "{model}");
            assert!(said(&batch(&[5], &long)).contains("48 positions"), "{model}");
        }
        let alone = Batch::of_texts(inputs(model).text.unwrap());
        let wanted = TapSelection::named(["logits"]);
        let error = network.forward(&alone, Pass::Evaluate, wanted).unwrap_err().to_string();
        assert!(error.contains("decoder_input_ids"), "{error}");
        let trace = network.forward(&alone, Pass::Evaluate, TapSelection::All).unwrap();
        assert!(trace.get("encoder.hidden.2").is_some() && trace.get("logits").is_none());
    }
}
