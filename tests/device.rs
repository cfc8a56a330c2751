//! Devices: present and missing ones, and a GPU's results compared with the processor's.

use crate::common::run;

#[test]
fn missing_device_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = run(folder.path(), &["--device", "gpu", "list", "recipes"]).bad(2);
    assert!(error.contains("--device") && error.contains("`cuda:N`"), "{error}");
    let recipe = ["run", "builtin:text/smoke/pkd", "--out", "run", "--device"];
    let with = |device| run(folder.path(), &[&recipe[..], &[device]].concat());
    #[cfg(not(feature = "cuda"))]
    {
        let error = with("cuda:1").bad(1);
        assert!(
            error.contains("`cuda:1` is not part of this build") && error.contains("--features cuda"),
            "{error}"
        );
    }
    let error = with("metal").bad(1);
    assert!(error.contains("metal") && error.contains("`cpu`"), "{error}");
    assert!(!folder.path().join("run").exists());
    // Commands that compute nothing do not ask for one.
    assert_eq!(run(folder.path(), &["--device", "metal", "list", "recipes"]).code, Some(0));
}

/// With `cargo test --release --features cuda --test integration -- --ignored device::`, where one of NVIDIA's GPUs is.
#[cfg(feature = "cuda")]
#[test]
#[ignore = "needs one of NVIDIA's GPUs"]
fn a_gpu_comes_to_what_the_processor_does() {
    use alambic_tensor::parameters::load;
    use serde_json::Value;

    let folder = tempfile::tempdir().unwrap();
    // One of each kind of network and student. After so few steps rounding has not grown yet.
    for (recipe, stages) in [
        ("text/smoke/tinybert", &["fine-tune", "layers", "prediction"][..]),
        ("text/smoke/minilm", &["fine-tune", "relations", "distil"]),
        ("text/smoke/tagging", &["fine-tune", "distil"]),
        ("vision/smoke/dide", &["fusion", "distil"]),
        ("parallel/smoke/sentence", &["english", "align"]),
    ] {
        let mut students = Vec::new();
        for device in ["cpu", "cuda"] {
            let out = format!("{}-{device}", recipe.replace('/', "-"));
            let mut arguments: Vec<String> =
                ["run", &format!("builtin:{recipe}"), "--out", &out, "--device", device]
                    .iter()
                    .map(ToString::to_string)
                    .collect();
            for stage in stages {
                arguments.extend(["--set".to_owned(), format!("stage.{stage}.train.steps=4")]);
            }
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let ended = run(folder.path(), &arguments);
            assert_eq!(ended.code, Some(0), "{recipe} on {device}: {}", ended.stderr);
            let out = folder.path().join(out);
            let environment = std::fs::read_to_string(out.join("environment.json")).unwrap();
            let environment: Value = serde_json::from_str(&environment).unwrap();
            let found = environment["machine"]["Device"].as_str().unwrap();
            assert!(found.starts_with(device), "{recipe}: {found}");
            students.push(load(&out.join("student/model.safetensors")).unwrap());
        }
        let values = |tensor: &alambic_tensor::candle::Tensor| {
            let tensor = tensor.to_device(&alambic_tensor::candle::Device::Cpu).unwrap();
            tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let (mut apart, mut all) = (0.0, 0.0);
        for (name, tensor) in &students[0] {
            for (cpu, gpu) in values(tensor).iter().zip(values(&students[1][name])) {
                apart += f64::from(cpu - gpu).powi(2);
                all += f64::from(*cpu).powi(2);
            }
        }
        let apart = (apart / all).sqrt();
        assert!(apart < 1e-3, "{recipe}: weights differ by {apart} of their norm");
    }
}
