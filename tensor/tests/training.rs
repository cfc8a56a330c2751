//! Parameters, gradients and the optimiser: what is trained, what is left alone, what is saved and goes on.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used, clippy::panic)]

use alambic_tensor::TensorError;
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::gradients::{Gradients, is_key_bias};
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::{Parameters, Weights, load, save};

fn ones(shape: &[usize]) -> Tensor {
    Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn options() -> AdamWOptions {
    AdamWOptions {
        learning_rate: 0.1,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.5,
        no_decay: vec!["bias".into()],
    }
}

/// The gradients of the sum of all parameters, each times a factor.
fn gradients(parameters: &Parameters, factors: &[(&str, f64)]) -> Gradients {
    let tracked = parameters.tracked();
    let terms = factors.iter().map(|&(name, factor)| (&tracked[name] * factor)?.sum_all());
    let loss = terms.reduce(|sum, term| sum? + term?).unwrap().unwrap();
    Gradients::of(&loss, parameters).unwrap()
}

#[test]
fn parameters_that_a_loss_does_not_train_are_named() -> Result<(), TensorError> {
    let mut parameters = Parameters::new();
    for name in
        ["reached.weight", "flat.k_proj.bias", "flat.weight", "apart.weight", "frozen.weight", "wild.weight"]
    {
        parameters.insert(name, &ones(&[2]))?;
    }
    parameters.freeze(|name| name.starts_with("frozen"));
    let gradients = gradients(
        &parameters,
        &[
            ("reached.weight", 1.0),
            ("flat.k_proj.bias", 0.0),
            ("flat.weight", 0.0),
            ("frozen.weight", 1.0),
            ("wild.weight", f64::INFINITY),
        ],
    );
    // candle does not follow a factor of zero at all.
    assert_eq!(gradients.unreached(&parameters), ["flat.k_proj.bias", "flat.weight", "apart.weight"]);
    assert!(gradients.tensor("frozen.weight").unwrap().is_none());
    let Err(TensorError::Unreached(names)) = gradients.check(is_key_bias) else {
        panic!("a gradient that is not finite went through")
    };
    assert_eq!(names, ["wild.weight"]);
    Ok(())
}

#[test]
fn the_optimiser_decays_and_changes_only_what_it_should() -> Result<(), TensorError> {
    let mut parameters = Parameters::new();
    for name in ["bias", "gain", "frozen", "unreached"] {
        parameters.insert(name, &ones(&[3]))?;
    }
    for name in ["weight", "bias of all"] {
        parameters.insert(name, &ones(&[1, 3]))?;
    }
    parameters.freeze(|name| name == "frozen");
    let mut optimiser = AdamW::new(options());
    let trained = ["weight", "bias", "gain", "bias of all"].map(|name| (name, 2.0));
    optimiser.step(&parameters, &gradients(&parameters, &trained), 1.0, 1.0)?;
    let weights = parameters.detached();
    // The first step moves by the learning rate against the sign; the decay takes a twentieth before.
    assert!(values(&weights["weight"]).iter().all(|value| (value - 0.85).abs() < 1e-6));
    // Not so by name, nor where there is but one dimension.
    for name in ["bias", "gain", "bias of all"] {
        assert!(values(&weights[name]).iter().all(|value| (value - 0.9).abs() < 1e-6), "{name}");
    }
    assert_eq!(values(&weights["frozen"]), [1.0; 3]);
    assert_eq!(values(&weights["unreached"]), [1.0; 3]);
    Ok(())
}

#[test]
fn an_optimiser_goes_on_from_its_state() -> Result<(), TensorError> {
    let start = || Parameters::from_weights(&Weights::from([("weight".to_owned(), ones(&[3]))]));
    let step = |parameters: &Parameters, optimiser: &mut AdamW, factor| {
        optimiser.step(parameters, &gradients(parameters, &[("weight", factor)]), 1.0, 1.0)
    };
    let (undisturbed, mut optimiser) = (start()?, AdamW::new(options()));
    for factor in [1.0, -0.5, 2.0, 0.25] {
        step(&undisturbed, &mut optimiser, factor)?;
    }
    let (parameters, mut first) = (start()?, AdamW::new(options()));
    step(&parameters, &mut first, 1.0)?;
    step(&parameters, &mut first, -0.5)?;
    let (weights, state, steps) = (parameters.detached(), first.state()?, first.steps());
    let (resumed, mut second) = (start()?, AdamW::new(options()));
    resumed.assign(&weights)?;
    second.restore(steps, &state)?;
    step(&resumed, &mut second, 2.0)?;
    step(&resumed, &mut second, 0.25)?;
    assert_eq!(values(&resumed.detached()["weight"]), values(&undisturbed.detached()["weight"]));
    assert_eq!(second.steps(), 4);
    Ok(())
}

#[test]
fn states_that_do_not_fit_are_refused() -> Result<(), TensorError> {
    let mut parameters = Parameters::new();
    parameters.insert("weight", &ones(&[3]))?;
    let missing = parameters.assign(&Weights::new());
    assert!(matches!(missing, Err(TensorError::UnknownParameter(name)) if name == "weight"));
    let wrong = parameters.assign(&Weights::from([("weight".to_owned(), ones(&[4]))]));
    assert!(matches!(wrong, Err(TensorError::StateMismatch(what)) if what.contains("weight")));

    let mut optimiser = AdamW::new(options());
    let half = Weights::from([("weight.first".to_owned(), ones(&[3]))]);
    assert!(
        matches!(optimiser.restore(1, &half), Err(TensorError::StateMismatch(what)) if what.contains("weight"))
    );
    let long = ["first", "second"].map(|moment| (format!("weight.{moment}"), ones(&[4])));
    optimiser.restore(1, &Weights::from(long))?;
    let step = optimiser.step(&parameters, &gradients(&parameters, &[("weight", 1.0)]), 1.0, 1.0);
    assert!(matches!(step, Err(TensorError::StateMismatch(what)) if what.contains("weight")));
    Ok(())
}

#[test]
fn weights_are_written_and_read() -> Result<(), TensorError> {
    let path =
        std::env::temp_dir().join(format!("alambic-tensor-weights-{}.safetensors", std::process::id()));
    let weights = Weights::from([
        ("b".to_owned(), ones(&[2])),
        ("a".to_owned(), Tensor::ones((1, 3), DType::F64, &Device::Cpu)?),
    ]);
    save(&weights, &[("made-by", "a test")], &path).unwrap();
    let read = load(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(read["a"].to_vec2::<f64>()?, [[1.0; 3]]);
    assert_eq!(read["b"].to_vec1::<f32>()?, [1.0; 2]);
    assert!(load(&path).is_err());
    Ok(())
}
