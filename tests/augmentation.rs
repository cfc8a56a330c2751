//! Texts that are varied before they are trained on.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use crate::common::{augmented, json, json_of, run, smoke, student};
use serde_json::Value;

/// The rows of a record: what stands between its head and the digests of its chunks.
fn rows_of(record: &str) -> Vec<Value> {
    let lines = record.lines().skip(1).map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &Value| line.get("sealed").is_none()).collect()
}

#[test]
fn varied_texts_are_trained_on_once_and_made_once() {
    let folder = tempfile::tempdir().unwrap();
    smoke(folder.path(), "tinybert-augmented", &["fine-tune", "layers", "prediction"]);
    let out = folder.path().join("tinybert-augmented");
    assert_eq!(
        std::fs::read_dir(out.join("teacher-outputs")).unwrap().count(),
        1,
        "both stages share what was made"
    );
    let record = augmented(&out);
    let written = std::fs::read_to_string(&record).unwrap();
    let rows = rows_of(&written);
    let variants = rows.iter().map(|row| row["variants"].as_array().unwrap().len());
    let (texts, made) = (rows.len(), variants.sum::<usize>());
    let summary = |stage: &str| -> Value {
        let path = out.join("checkpoints").join(stage).join("finished/summary.json");
        json_of(&path)
    };
    for stage in ["layers", "prediction"] {
        let trained = summary(stage);
        let removed = trained["augmentation"]["removed"].as_object().unwrap();
        let removed = removed.values().filter_map(Value::as_u64).sum::<u64>() as usize;
        assert_eq!(trained["augmentation"]["made"], made);
        assert_eq!(trained["examples"], texts + made - removed, "{stage}");
    }
    assert_eq!(summary("fine-tune")["examples"], texts, "what does not ask for variants has none");
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains("Augmented texts") && report.contains("layers: 143 texts became"), "{report}");
    let plan = run(folder.path(), &["plan", "builtin:text/smoke/tinybert-augmented", "--json"]).good();
    let plan: Value = json(&plan);
    let planned = &plan["stages"][1]["examples"];
    let [texts, augmented] = ["texts", "augmented-texts"].map(|sort| planned[sort].as_u64().unwrap());
    assert_eq!(augmented, 4 * texts, "{planned}");
    // The same bytes again, over what is there and anew.
    let weights = || student(&out);
    let first = weights();
    std::fs::remove_dir_all(out.join("checkpoints/prediction")).unwrap();
    // Without its result, the run is not finished.
    std::fs::remove_file(out.join("metrics.json")).unwrap();
    std::fs::write(&record, &written.as_bytes()[..written.len() / 2]).unwrap();
    let resumed = run(folder.path(), &["run", "--resume", "--out", "tinybert-augmented"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(first == weights(), "a run that goes on over a torn file ends with the same bytes");
    assert!(std::fs::read_to_string(&record).unwrap() == written);
}

/// Texts of one word that may change, and a vocabulary of twenty such words: what is varied says soon what others say.
const CROWDED: &str = r#"
schema = 1
name = "crowded"
stages = ["plain", "varied"]
[data.task.corpus.texts]
paths = "train.tsv"
test-paths = "test.tsv"
label = "label"
[data.task.split]
test-values = ["test"]
validation-fraction = 0.2
[model.expert.encoder]
layers = 1
width = 12
heads = 2
feed-forward = 12
[model.small.encoder]
layers = 1
width = 12
heads = 2
feed-forward = 12
[stage.plain]
student = "expert"
data.texts = { data = ["task"] }
loss.cross-entropy = {}
[teacher.expert.checkpoint]
stage = "plain"
[stage.varied]
student = "small"
teacher = "expert"
loss.logits = {}
[stage.varied.data.texts]
data = ["task"]
augment = { variants = 12, candidates = 40, probability = 1.0, stop-words = ["the", "soup", "is", "said", "about", "nobody"] }
[train]
steps = 2
batch.size = 4
[evaluation]
data = ["task"]
timed-examples = 2
"#;

#[test]
fn variants_equal_no_training_or_held_out_text() {
    let folder = tempfile::tempdir().unwrap();
    let words = [
        "dull", "awful", "bland", "clumsy", "tedious", "shallow", "noisy", "broken", "weak", "messy",
        "great", "charming", "clever", "moving", "fresh", "elegant", "superb", "lively", "strong", "witty",
    ];
    let (mut train, mut test) = (vec!["text\tlabel".to_owned()], vec!["text\tlabel".to_owned()]);
    for (index, word) in words.iter().enumerate() {
        let class = if index < 10 { "bad" } else { "good" };
        // Each word is known from training, and every other text with it is kept for the test.
        train.push(format!("nobody said {word} about the soup\t{class}"));
        let part = if index % 2 == 0 { &mut train } else { &mut test };
        part.push(format!("The soup is {word}\t{class}"));
    }
    std::fs::write(folder.path().join("train.tsv"), train.join("\n")).unwrap();
    std::fs::write(folder.path().join("test.tsv"), test.join("\n")).unwrap();
    std::fs::write(folder.path().join("crowded.toml"), CROWDED).unwrap();
    let ended = run(folder.path(), &["run", "crowded.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let record = std::fs::read_to_string(augmented(&folder.path().join("out"))).unwrap();
    let rows = rows_of(&record);
    let said = |text: &Value| text["text"].as_str().unwrap().to_lowercase();
    let train: Vec<String> = rows.iter().map(said).collect();
    let made: Vec<String> =
        rows.iter().flat_map(|row| row["variants"].as_array().unwrap().iter().map(said)).collect();
    let mut expected = [0, 0];
    let mut seen = train.clone();
    for text in &made {
        // All there is to be said of the soup is in one of the parts.
        let of_corpus = ["the soup is ", "nobody said "].iter().any(|start| text.starts_with(start));
        assert!(of_corpus, "{text}");
        if seen.contains(text) {
            expected[1] += 1;
        } else {
            let word = if text.starts_with("the") { text.split(' ').nth(3) } else { text.split(' ').nth(2) };
            // Other words of the vocabulary make new texts; those of the list, texts that are held out.
            if words.contains(&word.unwrap()) {
                expected[0] += 1;
            } else {
                seen.push(text.clone());
            }
        }
    }
    let summary = folder.path().join("out/checkpoints/varied/finished/summary.json");
    let summary: Value = json_of(&summary);
    let removed = &summary["augmentation"]["removed"];
    assert!(expected[0] > 0 && expected[1] > 0, "{expected:?}");
    assert_eq!(removed["equals a text of a validation or test split"], expected[0], "{summary}");
    assert_eq!(removed["equals another training text"], expected[1], "{summary}");
    assert_eq!(summary["examples"], seen.len());
}
