//! Every command on tiny things: what it prints, where, and how it exits.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{broken, ids, json, run, run_with, tiny_model};
use alambic_models::Tokenizer;
use alambic_reports::outcome::{Latency, ModelOutcome, Outcome};
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::parameters::{self, Weights};
use serde_json::Value;

#[test]
fn usage_errors_exit_with_two() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["--help"]).good().contains("knowledge-distillation"));
    assert!(run(folder.path(), &["--version"]).good().starts_with("alambic "));
    for arguments in
        [&[][..], &["distil"], &["check"], &["run"], &["list", "everything"], &["--threads", "0", "schema"]]
    {
        run(folder.path(), arguments).bad(2);
    }
    let said = run(folder.path(), &["check", "nothing.toml"]).bad(2);
    assert!(said.contains("error[recipe::file]") && said.contains("nothing.toml"), "{said}");
    let said = run(folder.path(), &["list", "losses", "model"]).bad(2);
    assert!(said.contains("taps"), "{said}");
}

#[test]
fn a_recipe_that_comes_with_the_program_is_suggested() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["check", "recipes/epik/teacher.toml"]).bad(2);
    assert!(said.contains("`builtin:epik/teacher` comes with the program"), "{said}");
}

#[test]
fn lists_are_tables_or_json() {
    let folder = tempfile::tempdir().unwrap();
    for (what, expected) in [
        ("recipes", "builtin:epik/teacher"),
        ("tasks", "text-classification"),
        ("teachers", "pipeline"),
        ("students", "encoder-decoder-layers"),
        ("losses", "encoder-match"),
        ("metrics", "phonetic-accuracy"),
        ("corpora", "dakshina"),
        ("taps", "STREAM.hidden.i"),
    ] {
        assert!(run(folder.path(), &["list", what]).good().contains(expected), "{what}");
        let list = json(&run(folder.path(), &["list", what, "--json"]).good());
        let entry = list.as_array().unwrap().iter().find(|entry| entry["name"] == expected);
        assert!(!entry.unwrap()["summary"].as_str().unwrap().is_empty(), "{what}");
    }
}

#[test]
fn taps_of_a_model_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let taps = run(folder.path(), &["list", "taps", "tiny"]).good();
    let taps: Vec<&str> = taps.lines().collect();
    assert!(taps.contains(&"encoder.hidden.2") && !taps.contains(&"encoder.hidden.3"));
    assert!(taps.contains(&"cross.attention.0") && taps.contains(&"logits"));
    let said = run(folder.path(), &["list", "taps", "none"]).bad(1);
    assert!(said.contains("none: there is no such folder"), "{said}");
}

#[test]
fn keys_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let text = run(folder.path(), &["explain", "stage.*.train.max-grad-norm"]).good();
    assert!(text.contains("default 1.0") && text.contains("norm of all gradients"), "{text}");
    assert!(run(folder.path(), &["explain"]).good().contains("stages"));
    assert!(run(folder.path(), &["explain", "stage.x.loss"]).good().contains("word-level"));
    let said = run(folder.path(), &["explain", "train.max-grad-nrm"]).bad(2);
    assert!(said.contains("did you mean `max-grad-norm`?"), "{said}");
}

#[test]
fn the_schema_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let schema = json(&run(folder.path(), &["schema"]).good());
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"));
    assert!(schema["properties"]["stages"].is_object());
}

#[test]
fn flags_are_laid_over_a_recipe() {
    let sound = ["check", "sound.toml"];
    let said = run(&broken(), &[&sound[..], &["--set", "train.steps=none"]].concat()).bad(2);
    assert!(said.contains("--set") && said.contains("`train.steps` must be an integer"), "{said}");
    let said = run(&broken(), &[&sound[..], &["--set", "stage.collapse.teacher=pipelin"]].concat()).bad(2);
    assert!(said.contains("did you mean `pipeline`?"), "{said}");
    // A warning is no error.
    let ended = run(&broken(), &[&sound[..], &["--set", "model.other.encoder-decoder.width=8"]].concat());
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "sound.toml: nothing is wrong, 1 warning\n"));
    assert!(ended.stderr.contains("warning[recipe::unused]: model `other` is not used"), "{}", ended.stderr);
}

#[test]
fn what_will_hardly_be_meant_is_a_warning() {
    for (flag, expected) in [
        (
            "stage.collapse.freeze=[\"model.encodr.layers.0.fc1.weight\"]",
            "did you mean `model.encoder.layers.0.fc1.weight`?",
        ),
        (
            "stage.collapse.loss.cross-entropy.weight=0.5",
            "the loss `cross-entropy` has no targets in these data",
        ),
        ("data.more.corpus=names-table", "data `more` is not used"),
    ] {
        let ended = run(&broken(), &["check", "sound.toml", "--set", flag]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.starts_with("warning[") && ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

#[test]
fn keys_are_found_by_their_last_name_and_by_words() {
    let folder = tempfile::tempdir().unwrap();
    let text = run(folder.path(), &["explain", "max-grad-norm"]).good();
    assert!(text.starts_with("train.max-grad-norm\nstage.*.train.max-grad-norm\n"), "{text}");
    assert!(text.contains("Largest L2 norm"), "{text}");
    let text = run(folder.path(), &["explain", "learning", "rate"]).good();
    assert!(text.starts_with("train.optimiser.adamw.learning-rate\n"), "{text}");
    assert!(text.contains("train.schedule\n"), "{text}");
    let said = run(folder.path(), &["explain", "max-grad-nrm"]).bad(2);
    assert!(said.contains("did you mean `max-grad-norm`?"), "{said}");
    let said = run(folder.path(), &["explain", "accumulate"]).bad(2);
    assert!(said.contains("gradient-accumulation"), "{said}");
}

#[test]
fn tables_fit_the_columns_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for what in ["recipes", "students", "losses", "corpora", "metrics"] {
        for columns in ["80", "100", "120"] {
            let mut command = crate::common::alambic(folder.path());
            let output = command.args(["list", what]).env("COLUMNS", columns).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns.parse().unwrap(), "{what} {columns}: {widest}");
        }
    }
    let wide = run(folder.path(), &["list", "losses"]).good();
    assert!(wide.lines().any(|line| line.chars().count() > 120), "without a terminal each row is one line");
}

#[test]
fn completions_and_manual_pages_name_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(run(folder.path(), &["completions", shell]).good().contains("explain"), "{shell}");
    }
    assert!(run(folder.path(), &["man"]).good().contains(".SH SUBCOMMANDS"));
    run(folder.path(), &["man", "--out", "pages"]).good();
    assert!(folder.path().join("pages/alambic-run.1").is_file());
    let help = run(folder.path(), &["help", "run"]).good();
    assert!(help.contains("Global options:") && help.contains("--overwrite"), "{help}");
}

#[test]
fn a_plan_counts_what_would_run() {
    let text = run(&broken(), &["plan", "sound.toml"]).good();
    for expected in ["sound, seed 1", "encoder.hidden.2 [batch × length × 32]", "16 → 32", "hi-ta"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let plan = json(&run(&broken(), &["plan", "sound.toml", "--json"]).good());
    let [translator, collapse] = plan["stages"].as_array().unwrap().as_slice() else { panic!("{plan}") };
    assert_eq!(translator["examples"]["labelled"]["hi-en"], 8);
    assert_eq!(translator["validation"], 8);
    assert_eq!(translator["training"]["steps"], 10);
    assert_eq!(collapse["examples"]["words"]["ta-hi"], 8);
    assert_eq!(collapse["teacher"]["kind"], "pipeline");
    assert_eq!(collapse["teacher"]["parameters"], translator["student"]["parameters"]);
    assert_eq!(collapse["teacher-outputs"], 20);
    assert_eq!(collapse["losses"][1]["student"]["encoder.hidden.1"], "batch × length × 16");
    assert_eq!(plan["evaluation"]["hi-ta"], 2);
    assert_eq!(plan["baseline"]["steps"], 10);
    let epochs = ["plan", "sound.toml", "--json", "--set", "train.epochs=2"];
    let plan = json(&run(&broken(), &epochs).good());
    assert_eq!(plan["stages"][1]["training"]["steps"], 8, "16 words in batches of 4, twice");
    let said = run(&broken(), &["plan", "heads/recipe.toml"]).bad(2);
    assert!(said.contains("does not divide into 4 heads"), "{said}");
}

#[test]
fn plan_tells_time_and_memory_of_each_training() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "builtin:text/smoke/logits";
    let plan = json(&run(folder.path(), &["plan", recipe, "--time", "--json"]).done());
    let estimate = &plan["estimate"];
    let trainings = estimate["trainings"].as_array().unwrap();
    let names: Vec<&str> = trainings.iter().map(|training| training["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["fine-tune", "distil", "baseline-same-start", "baseline-scratch"]);
    let shares: f64 = trainings.iter().map(|training| training["share"].as_f64().unwrap()).sum();
    assert!(shares > 0.5 && shares < 1.0, "{plan}");
    for training in trainings {
        let seconds = |key: &str| training[key].as_f64().unwrap();
        let steps = seconds("step-seconds") * training["steps"].as_f64().unwrap();
        assert!(seconds("step-seconds") > 0.0 && seconds("seconds") > steps, "{training}");
        if cfg!(target_os = "linux") {
            assert!(training["peak-memory-bytes"].as_u64().unwrap() > 1 << 20, "{training}");
        }
    }
    assert!(estimate["evaluation-seconds"].as_f64().unwrap() > 0.0, "{plan}");
    let more = ["--set", "repetitions=3", "--json"];
    let again = json(&run(folder.path(), &[&["plan", recipe, "--time"][..], &more].concat()).done());
    let repeated = |index: usize| again["estimate"]["trainings"][index]["repetitions"].as_u64().unwrap();
    assert_eq!([0, 1, 2, 3].map(repeated), [1, 3, 3, 3], "the teacher is trained once");
    let text = run(folder.path(), &["plan", recipe, "--time"]).done();
    assert!(text.contains("the whole run: about") && text.contains("Measured: "), "{text}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is left behind");
    // A teacher that a stage trains has nothing to say yet.
    let sound = ["plan", &broken().join("sound.toml").display().to_string(), "--time", "--json"];
    let plan = json(&run(folder.path(), &sound).done());
    let measured = |index: usize| plan["estimate"]["trainings"][index]["is-measured"].as_bool().unwrap();
    assert_eq!([0, 1, 2].map(measured), [true, false, false], "{plan}");
    assert!(plan["estimate"]["trainings"][2]["seconds"].as_f64().unwrap() > 0.0, "{plan}");
    let without = run(folder.path(), &["plan", recipe]).good();
    assert!(without.contains("`--time` times a few steps"), "{without}");
}

#[test]
fn predictions_stand_behind_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let tiny = ["predict", "tiny"];
    let arguments = [&tiny[..], &["--target-language", "ta", "zorva", "rova"]].concat();
    let text = run(folder.path(), &arguments).good();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0][0], rows[1][0]), ("zorva", "rova"));
    let lines = run_with(folder.path(), &tiny, "zorva\tta\r\nrova\tta\n").good();
    let predictions = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.rsplit('\t').next().unwrap().to_owned()).collect()
    };
    assert_eq!(predictions(&lines), predictions(&text));
    assert!(lines.starts_with("zorva\tta\t"), "{lines}");
    let tagged = run_with(folder.path(), &tiny, ">>ta<<zorva\n>>ta<<rova").good();
    assert_eq!(predictions(&tagged), predictions(&text));
    let one_by_one = [&tiny[..], &["--batch", "1", "--target-language", "ta"]].concat();
    assert_eq!(run_with(folder.path(), &one_by_one, "zorva\nrova\n").good(), text);
    let objects = run(folder.path(), &[&arguments[..], &["--json", "--beam", "3"]].concat()).good();
    let object = json(objects.lines().next().unwrap());
    assert_eq!((&object["source"], &object["target-language"]), (&"zorva".into(), &"ta".into()));
    assert!(object["log-probability"].as_f64().unwrap() < 0.0);
    assert_eq!(run_with(folder.path(), &tiny, "").good(), "");
}

#[test]
fn texts_that_cannot_be_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let said = run(folder.path(), &["predict", "tiny", "zorva"]).bad(2);
    assert!(said.contains("line 1: no language is named") && said.contains("en, ta"), "{said}");
    let said = run(folder.path(), &["predict", "tiny", "--target-language", "kn", "zorva"]).bad(2);
    assert!(said.contains("does not write `kn`; it writes en, ta"), "{said}");
    let said = run_with(folder.path(), &["predict", "tiny"], "zorva\tkn\nzorva\tta\n").bad(2);
    assert!(said.contains("line 1") && said.contains("`kn`"), "{said}");
    let long = format!("zorva\tta\n{}\tta\n", "z".repeat(30));
    let ended = run_with(folder.path(), &["predict", "tiny"], &long);
    // What could be answered is not lost.
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(1), 1), "{}", ended.stderr);
    let said = ended.stderr;
    assert!(said.contains("line 2: ") && said.contains("12 positions"), "{said}");
    let said = run(folder.path(), &["predict", "none", "zorva"]).bad(1);
    assert!(said.starts_with("error: none: there is no such folder"), "{said}");
}

#[test]
fn a_trace_holds_inputs_and_taps() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let inputs: Weights = [
        ("input_ids".to_owned(), ids(&[&[2, 5, 0], &[3, 0, 0]])),
        ("decoder_input_ids".to_owned(), ids(&[&[4, 5], &[4, 6]])),
    ]
    .into();
    parameters::save(&inputs, &[], &folder.path().join("in.safetensors")).unwrap();
    let trace = ["trace", "tiny", "--inputs", "in.safetensors", "--out", "out.safetensors"];
    assert!(run(folder.path(), &trace).good().starts_with("out.safetensors: "));
    let written = parameters::load(&folder.path().join("out.safetensors")).unwrap();
    assert_eq!(written["encoder.hidden.2"].dims(), [2, 3, 8]);
    assert_eq!(written["cross.scores.0"].dims(), [2, 2, 2, 3]);
    assert_eq!(written["attention_mask"].dims(), [2, 3]);
    assert_eq!(written["input_ids"].to_vec2::<i64>().unwrap(), [[2, 5, 0], [3, 0, 0]]);
    run(folder.path(), &[&trace[..], &["--taps", "logits,encoder.hidden.0"]].concat()).good();
    let few = parameters::load(&folder.path().join("out.safetensors")).unwrap();
    let names: Vec<&str> = few.keys().map(String::as_str).collect();
    let inputs = ["attention_mask", "decoder_attention_mask", "decoder_input_ids"];
    assert_eq!(names, [&inputs[..], &["encoder.hidden.0", "input_ids", "logits"]].concat());
    let logits = |weights: &Weights| weights["logits"].flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let difference =
        logits(&few).iter().zip(logits(&written)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-5);

    let said = run(folder.path(), &[&trace[..], &["--taps", "logit"]].concat()).bad(2);
    assert!(said.contains("did you mean `logits`?"), "{said}");
    parameters::save(&Weights::new(), &[], &folder.path().join("in.safetensors")).unwrap();
    assert!(run(folder.path(), &trace).bad(1).contains("`input_ids`"));
    std::fs::write(folder.path().join("in.safetensors"), "nonsense").unwrap();
    assert!(run(folder.path(), &trace).bad(1).contains("in.safetensors"));
}

#[test]
fn a_trace_of_bert_holds_its_taps() {
    let folder = tempfile::tempdir().unwrap();
    let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity/bert");
    let file = |name: &str| parity.join(name).to_string_lossy().into_owned();
    let (model, inputs) = (file("model"), file("inputs.safetensors"));
    run(folder.path(), &["trace", &model, "--inputs", &inputs, "--out", "out.safetensors"]).good();
    let written = parameters::load(&folder.path().join("out.safetensors")).unwrap();
    for (name, tensor) in parameters::load(&parity.join("expected.safetensors")).unwrap() {
        let difference =
            (&written[&name] - tensor).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
        assert!(difference.to_scalar::<f32>().unwrap() < 1e-4, "{name}");
    }
    assert!(run(folder.path(), &["list", "taps", &model]).good().contains("pooled"));
}

#[test]
fn a_model_is_exported_in_other_forms() {
    let folder = tempfile::tempdir().unwrap();
    let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity/bert/model");
    let model = folder.path().join("model");
    std::fs::create_dir(&model).unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(parity.join(name), model.join(name)).unwrap();
    }
    Tokenizer::train_words(["a film"], 40).unwrap().files(16).unwrap().write(&model).unwrap();
    let export = ["export", "model", "--format", "hf,onnx,int8", "--to", "out"];
    assert!(run(folder.path(), &export).good().contains("out/onnx/model_quantized.onnx"));
    let list = json(&run(folder.path(), &[&export[..], &["--json"]].concat()).good());
    assert_eq!((&list[1]["format"], &list[1]["difference"]), (&Value::from("onnx"), &Value::from(0.0)));
    assert!(folder.path().join("out/hf/model.safetensors").is_file());

    let outputs = &list[1]["outputs"];
    assert_eq!(outputs["output"], "logits");
    assert!(outputs["difference"].as_f64().unwrap() < 1e-4, "{outputs}");

    tiny_model(folder.path());
    let said = run(folder.path(), &["export", "tiny", "--format", "onnx", "--to", "other"]).good();
    assert!(
        said.contains("onnx/decoder_with_past_model.onnx") && said.contains("outputs differ by"),
        "{said}"
    );
    let lxmert = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity/lxmert/model");
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(lxmert.join(name), model.join(name)).unwrap();
    }
    let said = run(folder.path(), &["export", "model", "--format", "onnx", "--to", "none"]).bad(1);
    assert!(said.contains("`hf` is the form"), "{said}");
    run(folder.path(), &["export", "tiny", "--format", "gguf", "--to", "out"]).bad(2);
    let said = run(folder.path(), &["export", "nothing", "--to", "out"]).bad(1);
    assert!(said.contains("nothing: there is no such folder"), "{said}");
}

#[test]
fn models_of_the_hub_are_looked_for_in_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["list", "taps", "hf:owner/small"]).bad(1);
    assert!(said.contains("HF_HUB_OFFLINE") && said.contains("hub-cache"), "{said}");
    let said = run(folder.path(), &["predict", "hf:small", "text"]).bad(1);
    assert!(said.contains("`hf:OWNER/NAME[@REVISION]`"), "{said}");

    let cached = folder.path().join("hub-cache/hub/models--owner--small");
    std::fs::create_dir_all(cached.join("refs")).unwrap();
    std::fs::write(cached.join("refs/main"), "abc").unwrap();
    std::fs::create_dir_all(cached.join("snapshots")).unwrap();
    tiny_model(folder.path());
    std::fs::rename(folder.path().join("tiny"), cached.join("snapshots/abc")).unwrap();
    assert!(run(folder.path(), &["list", "taps", "hf:owner/small"]).good().contains("encoder.hidden.2"));
}

#[test]
fn a_loss_is_computed_from_two_traces() {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("losses/tests/golden");
    let file = |name: &str| golden.join(name).to_string_lossy().into_owned();
    let (student, teacher) = (file("student.safetensors"), file("teacher.safetensors"));
    let traces = ["--student", &student, "--teacher", &teacher];
    let loss = |more: &[&str]| run(folder.path(), &[&["loss"], more, &traces].concat());
    let expected = parameters::load(&golden.join("expected.safetensors")).unwrap();
    let expected = expected["logits/value"].to_scalar::<f64>().unwrap();
    let printed: f64 = loss(&["logits", "--set", "temperature=2"]).good().trim().parse().unwrap();
    assert!((printed - expected).abs() < 1e-5 * expected);
    let said =
        json(&loss(&["logits", "--set", "temperature=2", "--json", "--gradients", "g.safetensors"]).good());
    assert_eq!((&said["loss"], &said["taps"][0]), (&Value::from("logits"), &Value::from("logits")));
    assert_eq!(parameters::load(&folder.path().join("g.safetensors")).unwrap()["logits"].dims(), [4, 3]);

    let said = loss(&["logit"]).bad(2);
    assert!(said.contains("did you mean `logits`?"), "{said}");
    let said = loss(&["logits", "--set", "temprature=2"]).bad(2);
    assert!(said.contains("did you mean `temperature`?"), "{said}");
    let said = loss(&["patient"]).bad(1);
    assert!(said.contains("width 6 and 12"), "{said}");
}

#[test]
fn a_loss_between_text_and_image_is_computed_from_two_traces() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity/vilt");
    let model = parity.join("model").to_string_lossy().into_owned();
    let mut inputs = parameters::load(&parity.join("inputs.safetensors")).unwrap();
    // All of the second image but its upper half is padding.
    let rows: Vec<i64> = (0..3 * 16 * 16).map(|at| i64::from(at / 256 != 1 || at % 256 < 128)).collect();
    inputs.insert("pixel_mask".into(), Tensor::from_vec(rows, (3, 16, 16), &Device::Cpu).unwrap());
    parameters::save(&inputs, &[], &at("in.safetensors")).unwrap();
    let trace =
        |out: &str| run(folder.path(), &["trace", &model, "--inputs", "in.safetensors", "--out", out]).good();
    trace("student.safetensors");
    let written = parameters::load(&at("student.safetensors")).unwrap();
    let counts = written["image_attention_mask"].sum(1).unwrap().to_vec1::<i64>().unwrap();
    assert_eq!(counts, [17, 9, 17]);

    let loss = |teacher: &str| {
        let traces = ["--student", "student.safetensors", "--teacher", teacher];
        run(folder.path(), &[&["loss", "cross-attention"][..], &traces].concat())
    };
    assert_eq!(loss("student.safetensors").good().trim(), "0");
    inputs.shift_remove("pixel_mask");
    parameters::save(&inputs, &[], &at("in.safetensors")).unwrap();
    trace("teacher.safetensors");
    assert!(loss("teacher.safetensors").bad(1).contains("different tokens or patches"));
}

#[test]
fn losses_are_computed_from_traces_of_all_models_that_look_at_images() {
    let folder = tempfile::tempdir().unwrap();
    let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity");
    for (model, losses) in [
        ("clip", &[("affinity", &[][..]), ("representation", &["stream=\"image\""])][..]),
        ("lxmert", &[("cross-attention", &[]), ("hidden", &["stream=\"language\""]), ("logits", &[])]),
        (
            "vilt",
            &[
                ("cross-attention", &[]),
                ("attention", &[]),
                ("hidden", &["stream=\"text\""]),
                ("hidden", &["stream=\"image\""]),
                ("logits", &[]),
            ],
        ),
        (
            "visual-bert",
            &[("cross-attention", &[]), ("attention", &[]), ("attention-scores", &[]), ("hidden", &[])],
        ),
        ("oscar/answers", &[("cross-attention", &[]), ("attention", &[]), ("hidden", &[]), ("logits", &[])]),
    ] {
        let at = parity.join(model);
        let [path, inputs] =
            ["model", "inputs.safetensors"].map(|name| at.join(name).to_string_lossy().into_owned());
        run(folder.path(), &["trace", &path, "--inputs", &inputs, "--out", "t.safetensors"]).good();
        for (loss, options) in losses {
            let traces = ["--student", "t.safetensors", "--teacher", "t.safetensors"];
            let project = if *loss == "hidden" { &["projection=\"none\""][..] } else { &[] };
            let options: Vec<&str> =
                options.iter().chain(project).flat_map(|option| ["--set", option]).collect();
            let said = run(folder.path(), &[&["loss", loss][..], &traces, &options].concat()).good();
            assert!(said.trim().parse::<f64>().unwrap().is_finite(), "{model}: {loss}: {said}");
        }
    }
}

/// A run as far as comparisons read it.
fn finished_run(folder: &Path, name: &str, cer: f64) {
    let model = |cer: f64| ModelOutcome {
        metrics: [("cer".to_owned(), Some(cer))].into(),
        parameters: Some(1234),
        latency_ms: Some(Latency { p50: 2.0, p95: 3.0, ..Latency::default() }),
        ..ModelOutcome::default()
    };
    let outcome = Outcome::new(name, vec![1], 100, Some(model(0.2)), Some(model(cer)), None);
    let run = folder.join(name);
    std::fs::create_dir(&run).unwrap();
    outcome.write(&run).unwrap();
    std::fs::write(run.join("recipe.resolved.toml"), format!("[train]\nmax-grad-norm = {cer}\n")).unwrap();
}

#[test]
fn runs_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    finished_run(folder.path(), "first", 0.1);
    finished_run(folder.path(), "second", 0.25);
    let text = run(folder.path(), &["compare", "first", "second"]).good();
    assert!(text.contains("10.0 %") && text.contains("25.0 %") && text.contains("1,234"), "{text}");
    let rows = json(&run(folder.path(), &["compare", "first", "second", "--json"]).good());
    assert_eq!(rows.as_array().unwrap().len(), 4);
    run(folder.path(), &["compare", "first", "second", "--over", "train.max-grad-norm", "--out", "page"])
        .good();
    let page = std::fs::read_to_string(folder.path().join("page/compare.md")).unwrap();
    assert!(page.contains("max-grad-norm"), "{page}");
    let said = run(folder.path(), &["compare", "first", "third", "fourth"]).bad(2);
    assert!(said.contains("third") && said.contains("fourth"), "{said}");
    let said = run(folder.path(), &["compare", "first", "--over", "train.none"]).bad(2);
    assert!(said.contains("`train.none` is not a number there"), "{said}");
}

#[test]
fn models_are_measured_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let grid = ["bench", "tiny", "tiny", "--batch", "1,2", "--length", "4", "--rounds", "3"];
    let ended = run(folder.path(), &[&["--threads", "1"], &grid[..], &["--json"]].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let measured = json(&ended.stdout);
    let [first, second] = measured.as_array().unwrap().as_slice() else { panic!("{measured}") };
    assert_eq!(first["parameters"], second["parameters"]);
    assert_eq!(first["threads"], 1);
    assert_eq!(first["cells"].as_array().unwrap().len(), 2);
    assert!(first["cells"][1]["latency-ms"]["p50"].as_f64().unwrap() > 0.0);
    if cfg!(target_os = "linux") {
        assert!(first["peak-memory-bytes"].as_u64().unwrap() > 1 << 20);
    }
    let ended = run(folder.path(), &grid);
    assert!(ended.stdout.contains("tokens/s"), "{}", ended.stdout);
    let said = run(folder.path(), &["bench", "tiny", "--length", "13"]).bad(1);
    assert!(said.contains("more than the 12 positions of tiny"), "{said}");
    run(folder.path(), &["bench", "tiny", "--batch", "0"]).bad(2);
}

#[test]
fn nobody_reading_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::common::alambic(folder.path());
    command.arg("schema").stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
