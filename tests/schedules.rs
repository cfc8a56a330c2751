//! Losses whose weight or temperature changes over the steps of a stage, from a recipe to its report.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{DISTILLATION, REVIEWS, SCHEDULED_LOSSES, json, json_of, run, student};
use serde_json::Value;

fn scheduled() -> String {
    [DISTILLATION, SCHEDULED_LOSSES, REVIEWS].concat()
}

/// Runs a recipe of a few steps in a folder, with keys set.
fn train(folder: &Path, name: &str, recipe: &str, more: &[&str]) {
    let file = format!("{name}.toml");
    std::fs::write(folder.join(&file), recipe).unwrap();
    let set = more.iter().flat_map(|flag| ["--set", flag]);
    let arguments: Vec<&str> = ["run", &file, "--out", name].into_iter().chain(set).collect();
    run(folder, &arguments).done();
}

fn events(run: &Path) -> Vec<Value> {
    std::fs::read_to_string(run.join("events.jsonl")).unwrap().lines().map(json).collect()
}

#[test]
fn schedules_are_recorded_drawn_and_resolved() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = scheduled();
    // The last step is validated, so that its shares are measured where weights are at their ends.
    train(
        folder.path(),
        "run",
        &recipe,
        &["train.steps=9", "train.validate-every=4", "train.gradient-accumulation=2"],
    );
    let out = folder.path().join("run");
    let events = events(&out);
    let steps = |stage: &str| {
        let of_stage = |event: &&Value| event["event"] == "step" && event["stage"] == stage;
        events.iter().filter(of_stage).collect::<Vec<_>>()
    };
    assert!(steps("expert").iter().all(|step| step.get("schedules").is_none()));
    let small = steps("small");
    assert_eq!(small.len(), 9);
    for (index, step) in small.iter().enumerate() {
        let share = index as f64 / 8.0;
        let eased = (1.0 - (std::f64::consts::PI * (2.0 * share - 0.6).clamp(0.0, 1.0)).cos()) / 2.0;
        for (key, expected) in [
            ("hidden.weight", eased),
            ("logits.weight", 1.0 - 0.75 * share),
            ("logits.temperature", 8.0 - 7.0 * share),
        ] {
            let found = step["schedules"][key].as_f64().unwrap();
            assert!((found - expected).abs() < 1e-12, "{key} at step {index}: {found}, not {expected}");
        }
        let value = |name: &str| step["terms"][name].as_f64().unwrap();
        let sum = eased * value("hidden") + (1.0 - 0.75 * share) * value("logits");
        assert!((step["loss"].as_f64().unwrap() - sum).abs() < 1e-6 * sum, "{step}");
    }
    // `hidden` has no weight at first: its projection is trained all the same, and its share is no cause for a warning.
    assert_eq!(small[0]["shares"]["hidden"], 0.0);
    let summary = json_of(&out.join("checkpoints/small/finished/summary.json"));
    let frozen: Vec<&str> = summary["frozen"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(!frozen.iter().any(|name| name.starts_with("hidden.projection")), "{frozen:?}");
    let warned =
        |event: &&Value| event["level"] == "warning" && event["text"].as_str().unwrap().contains("hidden");
    assert_eq!(events.iter().filter(warned).count(), 0);

    for name in ["schedule-weight-small", "schedule-temperature-small"] {
        assert!(out.join("plots").join(format!("{name}.svg")).is_file(), "{name}");
    }
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    for part in [
        "Temperature of logits in stage small over steps: logits from 8 at step 1 to 1 at step 9.",
        "logits.temperature 8 → 1 (linear)",
        "hidden.weight 0 → 1 (cosine, from 0.3, until 0.8)",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let resolved = std::fs::read_to_string(out.join("recipe.resolved.toml")).unwrap();
    assert!(resolved.contains("[stage.small.loss.logits.temperature.linear]"), "{resolved}");
    let resolved = out.join("recipe.resolved.toml").display().to_string();
    run(folder.path(), &["run", &resolved, "--out", "again"]).done();
    assert!(
        student(&out) == student(&folder.path().join("again")),
        "the resolved recipe gives another student"
    );
}

#[test]
fn schedule_between_equal_ends_gives_the_bytes_of_a_constant() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = scheduled();
    let flat = |number: f64| format!("{{ linear = {{ start = {number}, end = {number} }} }}");
    let of = |name: &str, temperature: &str, weight: &str| {
        let temperature = format!("stage.small.loss.logits.temperature={temperature}");
        let weights = ["hidden", "logits"].map(|loss| format!("stage.small.loss.{loss}.weight={weight}"));
        let more = ["train.steps=8", temperature.as_str(), weights[0].as_str(), weights[1].as_str()];
        train(folder.path(), name, &recipe, &more);
        student(&folder.path().join(name))
    };
    let constant = of("constant", "2.5", "0.5");
    assert!(constant == of("flat", &flat(2.5), &flat(0.5)), "the weights differ");
    assert!(
        constant != of("falling", "{ linear = { start = 2.5, end = 2.4 } }", "0.5"),
        "the schedule is not heeded"
    );
}

#[test]
fn stage_whose_only_loss_begins_without_weight_learns_later() {
    let folder = tempfile::tempdir().unwrap();
    let losses =
        "\n[stage.small.loss]\nlogits.weight = { linear = { start = 0.0, end = 1.0, from = 0.5 } }\n";
    train(folder.path(), "run", &[DISTILLATION, losses, REVIEWS].concat(), &["train.steps=7"]);
    let events = events(&folder.path().join("run"));
    let of_stage = |event: &&Value| event["event"] == "step" && event["stage"] == "small";
    let norms: Vec<f64> =
        events.iter().filter(of_stage).map(|step| step["gradient-norm"].as_f64().unwrap()).collect();
    assert_eq!(norms[..4], [0.0; 4]);
    assert!(norms[4..].iter().all(|norm| *norm > 0.0), "{norms:?}");
}

#[test]
fn plan_shows_schedules() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("scheduled.toml"), scheduled()).unwrap();
    let plan = json(&run(folder.path(), &["plan", "scheduled.toml", "--json"]).good());
    let losses = plan["stages"][1]["losses"].as_array().unwrap();
    let of = |name: &str| losses.iter().find(|loss| loss["name"] == name).unwrap();
    assert_eq!(of("hidden")["weight"]["cosine"]["until"], 0.8);
    assert!(of("hidden").get("schedules").is_none());
    assert_eq!(of("logits")["schedules"]["temperature"]["linear"]["start"], 8.0);
    assert_eq!(plan["stages"][0]["losses"][0]["weight"], 1.0);
    let table = run(folder.path(), &["plan", "scheduled.toml"]).good();
    let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["temperature 8 → 1 (linear)", "1 → 0.25 (linear)", "schedules"] {
        assert!(words.contains(part), "{part} in\n{table}");
    }
}

#[test]
fn losses_that_all_end_without_weight_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let falling = "{ linear = { start = 1.0, end = 0.0 } }";
    let said = |name: &str, losses: &str| {
        let file = format!("{name}.toml");
        let recipe = [DISTILLATION, "\n[stage.small.loss]\n", losses, "\n", REVIEWS].concat();
        std::fs::write(folder.path().join(&file), recipe).unwrap();
        let ended = run(folder.path(), &["check", &file]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stderr
    };
    let hidden = said("hidden", &format!("hidden.weight = {falling}"));
    assert!(hidden.contains("warning[loss::schedule]") && hidden.contains("ends at 0"), "{hidden}");
    assert!(
        !said("both", &format!("hidden.weight = {falling}\nembedding = {{}}")).contains("loss::schedule")
    );
}

#[test]
fn keys_of_a_schedule_are_explained_with_their_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let explained = |key: &str| run(folder.path(), &["explain", key]).good();
    let temperature = explained("stage.*.loss.logits.temperature");
    assert!(
        temperature.contains("number, more than 0, or table with one of `linear`, `cosine`, default 1.0"),
        "{temperature}"
    );
    assert!(temperature.contains("Kinds:\n  linear\n      Equal differences"), "{temperature}");
    assert!(
        explained("stage.*.loss.logits.temperature.linear.end").contains("number, more than 0, required")
    );
    assert!(explained("stage.*.loss.hidden.weight.cosine.start").contains("number, at least 0, required"));
    let schema = json(&run(folder.path(), &["schema"]).good());
    let logits = &schema["$defs"]["Logits"]["properties"]["temperature"];
    assert_eq!(logits["anyOf"][0]["exclusiveMinimum"], 0.0);
    assert_eq!(logits["anyOf"][1]["$ref"], "#/$defs/TemperatureSchedule");
    assert_eq!(schema["$defs"]["LinearWeight"]["properties"]["end"]["minimum"], 0.0);
    assert_eq!(schema["$defs"]["CosineTemperature"]["required"], serde_json::json!(["start", "end"]));
}

#[test]
fn recipe_of_the_document_is_sound_and_has_schedules() {
    let folder = tempfile::tempdir().unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schedules.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```toml scheduled.toml\n").unwrap();
    let (recipe, _) = rest.split_once("```").unwrap();
    std::fs::write(folder.path().join("scheduled.toml"), recipe).unwrap();
    run(folder.path(), &["check", "scheduled.toml"]).good();
    let plan = json(&run(folder.path(), &["plan", "scheduled.toml", "--json"]).good());
    let shown = plan.to_string();
    assert!(
        shown.contains(r#""temperature":{"linear":{"start":8.0,"end":1.0,"from":0.0,"until":1.0}}"#),
        "{shown}"
    );
    assert!(
        shown.contains(r#""weight":{"cosine":{"start":0.0,"end":0.5,"from":0.0,"until":0.2}}"#),
        "{shown}"
    );
}
