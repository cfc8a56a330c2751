//! The examples, run as their readers would run them.

#[path = "../examples/custom_loss.rs"]
#[expect(dead_code, reason = "the program's own `main` is run through its list")]
mod custom_loss;
#[path = "../examples/run_student.rs"]
#[expect(dead_code, reason = "its `main` reads the arguments of a process")]
mod run_student;
#[path = "../examples/training_loop.rs"]
#[expect(dead_code, reason = "its `main` prints")]
mod training_loop;

use std::path::Path;
use std::process::ExitCode;

use alambic_losses::{LossKind, added_losses, loss_kind, recorded};
use alambic_recipes::schema::Recipe;
use alambic_recipes::{Depth, check, load, load_with};
use alambic_settings::{RenamedKeys, Setting, explain, json_schema};
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::parameters::Weights;

use custom_loss::LOSSES;

fn recipe() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/custom_loss.toml").display().to_string()
}

#[test]
fn training_loop_lowers_its_loss() {
    let losses = training_loop::distil(60).unwrap();
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let (first, last) = (mean(&losses[..5]), mean(&losses[55..]));
    assert!(last < 0.5 * first, "from {first} to {last}");
}

#[test]
fn saved_student_classifies_texts_and_counts_its_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let student = run_student::save_made_up(folder.path()).unwrap();
    let labels = run_student::classify(&student, &["a good film", "no plot at all"]).unwrap();
    assert!(labels.iter().all(|label| label == "good" || label == "bad"), "{labels:?}");
    assert_eq!(labels.len(), 2);
    assert!(run_student::count_parameters(&student).unwrap() > 1000);
}

#[test]
fn recipe_with_a_loss_of_the_program_is_sound_with_it_and_refused_without() {
    let loaded = load_with(recipe(), &[], LOSSES).unwrap();
    let found = check(&loaded, Depth::Whole);
    assert_eq!(found.render(false), "");
    let loss = &loaded.recipe.stage["distil"].loss[0];
    assert_eq!(loss.name(), "total-variation");
    let refused = load(recipe(), &[]).unwrap_err().render(false);
    assert!(refused.contains("unknown kind `total-variation`"), "{refused}");
}

#[test]
fn options_of_an_added_loss_are_read_as_those_of_any_other() {
    let flags = ["stage.distil.loss.total-variation.weight=-1".to_owned(), "seed=2".to_owned()];
    let refused = load_with(recipe(), &flags, LOSSES).unwrap_err().render(false);
    assert!(refused.contains("stage.distil.loss.total-variation.weight"), "{refused}");
    let loaded = load_with(recipe(), &[], LOSSES).unwrap();
    let resolved = loaded.resolved_toml();
    assert!(resolved.contains("temperature = 1.0  # default"), "{resolved}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("resolved.toml");
    std::fs::write(&path, &resolved).unwrap();
    assert_eq!(load_with(&path, &[], LOSSES).unwrap().recipe, loaded.recipe);
    // A name that is nearly that of an added loss is recognised.
    std::fs::write(&path, resolved.replace("total-variation", "total-variatio")).unwrap();
    let refused = load_with(&path, &[], LOSSES).unwrap_err().render(false);
    assert!(refused.contains("did you mean `total-variation`?"), "{refused}");
}

#[test]
fn explanation_and_schema_have_the_added_loss() {
    let own = Recipe::describe().with_added(&added_losses(LOSSES).unwrap());
    let page = explain(&own, "stage.*.loss.total-variation", RenamedKeys::default()).unwrap();
    assert!(page.contains("The total variation distance between"), "{page}");
    assert!(
        page.contains(
            "temperature (number, more than 0, or table with one of `linear`, `cosine`, default 1.0)"
        ),
        "{page}"
    );
    for key in ["stage.*.loss", "baseline.loss"] {
        assert!(explain(&own, key, RenamedKeys::default()).unwrap().contains("total-variation"), "{key}");
    }
    assert!(json_schema(&own, "recipe").to_string().contains("total-variation"));
    assert!(!json_schema(&Recipe::describe(), "recipe").to_string().contains("total-variation"));
}

#[test]
fn added_loss_is_computed_on_recorded_traces() {
    let trace = |logits: [[f32; 2]; 2]| {
        Weights::from([("logits".to_owned(), Tensor::new(&logits, &Device::Cpu).unwrap())])
    };
    let added = added_losses(LOSSES).unwrap();
    let loss = recorded::parse("total-variation", &[], &added).unwrap().unwrap();
    // Probabilities of ½ and ½ against ¾ and ¼ in the one row, and the same in the other.
    let (student, teacher) = (trace([[0.0, 0.0], [3.0, 0.0]]), trace([[3f32.ln(), 0.0], [3.0, 0.0]]));
    let found = recorded::evaluate(&loss, &student, &teacher).unwrap();
    assert!((found.value - 0.125).abs() < 1e-6, "{}", found.value);
}

#[test]
fn two_losses_of_one_name_are_refused() {
    const TWICE: &[LossKind] = &[
        loss_kind::<custom_loss::TotalVariation>("logits"),
        loss_kind::<custom_loss::TotalVariation>("own"),
        loss_kind::<custom_loss::TotalVariation>("own"),
    ];
    let refused = load_with(recipe(), &[], TWICE).unwrap_err();
    assert_eq!(refused.list.len(), 2, "{}", refused.render(false));
    assert!(refused.render(false).contains("two losses are called `logits`"));
}

#[test]
fn command_line_with_a_loss_of_the_program_checks_and_runs_its_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let done = |arguments: &[&str]| {
        let arguments = ["alambic"].into_iter().chain(arguments.iter().copied());
        alambic::command_line(arguments.map(Into::into), LOSSES)
    };
    assert_eq!(done(&["list", "losses"]), ExitCode::SUCCESS);
    assert_eq!(done(&["explain", "stage.*.loss.total-variation"]), ExitCode::SUCCESS);
    assert_eq!(done(&["schema"]), ExitCode::SUCCESS);
    assert_eq!(done(&["check", &recipe()]), ExitCode::SUCCESS);
    assert_eq!(done(&["plan", &recipe()]), ExitCode::SUCCESS);
    // A process handles Ctrl-C once, so this is the only run.
    assert_eq!(done(&["run", &recipe(), "--out", out.to_str().unwrap()]), ExitCode::SUCCESS);
    let metrics = crate::common::json(&std::fs::read_to_string(out.join("metrics.json")).unwrap());
    assert!(metrics["models"]["student"]["parameters"].as_u64().unwrap() > 0, "{metrics}");
    let events = std::fs::read_to_string(out.join("events.jsonl")).unwrap();
    assert!(events.contains("total-variation"), "the term is in the record of the steps");
    // The program without the loss says what is the matter.
    let bare = crate::common::run(folder.path(), &["check", &recipe()]);
    assert!(bare.bad(2).contains("total-variation"));
}
