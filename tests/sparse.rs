//! Stages that choose a part of a student's weights: pruned in rounds, by lot, or chosen by how far they change.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{REVIEWS, json, json_of, run};
use alambic_models::is_layer_matrix;
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::{self, Weights};

/// A student of a few weights, whose stages follow.
const STUDENT: &str = r#"
schema = 1
name = "sparse"
seed = 3
threads = 2

[model.small.encoder]
layers = 2
width = 16
heads = 2
feed-forward = 32

[train]
steps = 8
batch.size = 16
optimiser.adamw = { learning-rate = 1e-2, weight-decay = 0.1 }
validate-every = 4
validation-examples = 8
"#;

/// A stage of [`STUDENT`] on the reviews, with more keys.
fn stage(name: &str, keys: &str) -> String {
    format!("[stage.{name}]\ndata.texts = {{ data = [\"reviews\"] }}\nloss.cross-entropy = {{}}\n{keys}\n")
}

/// Runs stages, and gives the run's folder.
fn trained(folder: &Path, name: &str, stages: &[(&str, &str)]) -> std::path::PathBuf {
    let names: Vec<String> = stages.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let tables: Vec<String> = stages.iter().map(|(name, keys)| stage(name, keys)).collect();
    let head = STUDENT.replace("threads = 2", &format!("threads = 2\nstages = [{}]", names.join(", ")));
    std::fs::write(folder.join(format!("{name}.toml")), [&head, &tables.concat(), REVIEWS].concat()).unwrap();
    run(folder, &["-q", "run", &format!("{name}.toml"), "--out", name]).done();
    folder.join(name)
}

fn weights(folder: &Path) -> Weights {
    parameters::load(&folder.join("model.safetensors")).unwrap()
}

fn numbers(weights: &Weights, name: &str) -> Vec<f32> {
    weights[name].flatten_all().unwrap().to_vec1().unwrap()
}

/// Zeros in the matrices of layers, and how many numbers these have.
fn zeros(weights: &Weights) -> (usize, usize) {
    let (mut zeros, mut all) = (0, 0);
    for (name, tensor) in weights.iter().filter(|(name, tensor)| is_layer_matrix(name, tensor.dims())) {
        let own = numbers(weights, name);
        zeros += own.iter().filter(|&&number| number == 0.0).count();
        all += tensor.elem_count();
    }
    (zeros, all)
}

#[test]
fn rounds_prune_a_share_of_what_is_left_and_a_later_stage_keeps_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let run = trained(
        folder.path(),
        "pruned",
        &[
            ("find", "sparse.magnitude = { rounds = 3, prune-fraction = 0.2 }"),
            ("train", "masked-by = \"find\""),
        ],
    );
    let (student, found) = (weights(&run.join("student")), weights(&run.join("checkpoints/find/finished")));
    let (pruned, all) = zeros(&student);
    let left = (1..=3).fold(all, |left, _| left - (0.2 * left as f64).round() as usize);
    assert_eq!(all - pruned, left);
    assert_eq!(zeros(&found), (pruned, all));
    let masks = parameters::load(&run.join("student/masks.safetensors")).unwrap();
    for (name, mask) in &masks {
        let mask: Vec<u8> = mask.flatten_all().unwrap().to_vec1().unwrap();
        let (before, after) = (numbers(&found, name), numbers(&student, name));
        assert!(mask.iter().zip(&after).all(|(&mask, &number)| (mask == 0) == (number == 0.0)), "{name}");
        assert!(before != after, "{name} was not trained");
    }
    assert!(!masks.keys().any(|name| name.contains("embeddings") || name.contains("classifier")));
    // What the rounds leave is set back to where the student was: the first round began there, too.
    let first = weights(&run.join("checkpoints/find.round-1/finished"));
    assert!(numbers(&first, "classifier.weight") != numbers(&found, "classifier.weight"));
    let metrics = json_of(&run.join("metrics.json"));
    let report = std::fs::read_to_string(run.join("report.md")).unwrap();
    assert!(report.contains("find.round-2") && report.contains("51.2 % of"), "{report}");
    assert!(metrics["models"].is_object() || metrics["models"].is_array());
}

#[test]
fn the_round_of_the_best_validation_can_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let keys = "sparse.magnitude = { rounds = 4, prune-fraction = 0.6, keep = \"best\" }";
    let run = trained(folder.path(), "best", &[("find", keys), ("train", "masked-by = \"find\"")]);
    let events = std::fs::read_to_string(run.join("events.jsonl")).unwrap();
    let mut best = [f64::MAX; 4];
    for event in events.lines().map(json) {
        let Some(round) = event["stage"].as_str().and_then(|stage| stage.strip_prefix("find.round-")) else {
            continue;
        };
        if let Some(accuracy) = event["metrics"]["accuracy"].as_f64() {
            let own = &mut best[round.parse::<usize>().unwrap() - 1];
            *own = own.min(-accuracy);
        }
    }
    let kept = (0..4).min_by(|one, other| best[*one].total_cmp(&best[*other])).unwrap();
    assert!(best.iter().all(|error| *error < f64::MAX) && kept < 3, "{best:?} says nothing of this");
    let (pruned, all) = zeros(&weights(&run.join("student")));
    let left = (0..=kept).fold(all, |left, _| left - (0.6 * left as f64).round() as usize);
    assert_eq!(all - pruned, left, "{best:?}");
}

#[test]
fn a_mask_by_lot_is_drawn_by_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let stages = [("draw", "sparse.random.fraction = 0.41"), ("train", "masked-by = \"draw\"")];
    let run = trained(folder.path(), "lots", &stages);
    let (pruned, all) = zeros(&weights(&run.join("student")));
    assert_eq!(pruned, (0.41 * all as f64).round() as usize);
}

#[test]
fn the_weights_that_change_most_are_trained_and_all_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let stages = [("before", ""), ("change", "sparse.change = { number = 101, iterations = 2 }")];
    let run = trained(folder.path(), "changed", &stages);
    let (before, student) =
        (weights(&run.join("checkpoints/before/finished")), weights(&run.join("student")));
    let delta = parameters::load(&run.join("student/delta.safetensors")).unwrap();
    let mut chosen = 0;
    for name in before.keys() {
        let (mut start, end) = (numbers(&before, name), numbers(&student, name));
        if name.starts_with("classifier") {
            assert!(start != end, "the head is trained whole");
            continue;
        }
        if let Some(indices) = delta.get(&format!("{name}.indices")) {
            let indices: Vec<u32> = indices.to_vec1().unwrap();
            let values = numbers(&delta, &format!("{name}.values"));
            chosen += indices.len();
            for (index, value) in indices.into_iter().zip(values) {
                start[index as usize] += value;
            }
        }
        let differs = start.iter().zip(&end).filter(|(start, end)| (*start - *end).abs() > 1e-6).count();
        assert_eq!(differs, 0, "{name}");
        let moved = numbers(&before, name).iter().zip(&end).filter(|(start, end)| start != end).count();
        let named = delta.get(&format!("{name}.indices")).map_or(0, Tensor::elem_count);
        assert!(moved <= named, "{name}: {moved} weights moved, {named} were chosen");
    }
    assert_eq!(chosen, 101);
}

#[test]
fn plans_list_rounds_and_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let head = STUDENT.replace("threads = 2", "stages = [\"find\", \"train\"]\nrepetitions = 2");
    let stages = [
        stage("find", "sparse.magnitude = { rounds = 2, prune-fraction = 0.5 }"),
        stage("train", "masked-by = \"find\""),
    ];
    std::fs::write(folder.path().join("plan.toml"), [&head, &stages.concat(), REVIEWS].concat()).unwrap();
    let plan = json(&run(folder.path(), &["-q", "plan", "plan.toml", "--json"]).done());
    let sparse = &plan["stages"][0]["sparse"];
    let all = sparse["weights"].as_u64().unwrap();
    assert_eq!(sparse["trained"].as_array().unwrap()[1].as_u64(), Some(all / 4));
    assert_eq!(sparse["trainings"], serde_json::json!(["find.round-1", "find.round-2"]));
    assert_eq!(plan["stages"][1]["masked-by"], "find");
    let text = run(folder.path(), &["-q", "plan", "plan.toml"]).done();
    assert!(text.contains("50.0 %, then 25.0 % of") && text.contains("in 2 trainings"), "{text}");
}
