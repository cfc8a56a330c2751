//! Models that read texts, from a recipe to what is made of them.

use std::path::Path;

use crate::common::{augmented, json, json_of, run, run_with, smoke, smoke_with, student};
use serde_json::Value;

#[test]
fn every_method_runs_on_made_up_reviews() {
    let folder = tempfile::tempdir().unwrap();
    for (method, stages) in [
        ("distilbert", &["fine-tune", "distil"][..]),
        ("distilbert-general", &["language", "fine-tune", "general", "task"]),
        ("pkd", &["fine-tune", "distil"]),
        ("minilm", &["fine-tune", "relations", "distil"]),
        ("minilmv2", &["fine-tune", "relations", "distil"]),
        ("tinybert", &["fine-tune", "layers", "prediction"]),
        ("tinybert-augmented", &["fine-tune", "layers", "prediction"]),
        ("tinybert-general", &["fine-tune", "general", "layers", "prediction"]),
        ("matrix", &["fine-tune", "distil"]),
        ("matrix-general", &["sentences", "fine-tune", "general", "distil"]),
        ("matrix-masked", &["language", "fine-tune", "general", "distil"]),
    ] {
        let outcome = smoke(folder.path(), method, stages);
        for model in ["teacher", "student", "baseline"] {
            assert!(outcome["models"][model]["metrics"]["accuracy"].is_f64(), "{method}: {outcome}");
        }
        assert!(outcome["ratios"]["speedup"].is_f64() && outcome["fidelity"]["kl-from-teacher"].is_f64());
        let alignment = outcome["fidelity"]["cka-layer-1"].as_f64().unwrap();
        assert!(alignment > 0.0 && alignment <= 1.0 + 1e-5, "{method}: {alignment}");
        assert!(outcome["ratios"]["retention"]["accuracy-of-majority"].is_null(), "{method}: a yardstick");
        let events = std::fs::read_to_string(folder.path().join(method).join("events.jsonl")).unwrap();
        let step = events.lines().rev().find(|line| line.contains("\"shares\"")).unwrap_or_default();
        let event: Value = serde_json::from_str(step).unwrap_or_default();
        // TinyBERT ends with one term alone, which needs no share; its first stages have three, as DistilBERT's.
        let shares: f64 = event["shares"].as_object().unwrap().values().filter_map(Value::as_f64).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{method}: {event}");
    }
}

#[test]
fn a_matrix_student_predicts_is_exported_and_leaves_words_that_it_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let decay = "stage.distil.train.optimiser.adamw.weight-decay=0.5";
    let table = |steps: &str| {
        let set = format!("stage.distil.train.steps={steps}");
        smoke_with(folder.path(), "matrix", &["fine-tune", "distil"], &[decay, &set]);
        let run = folder.path().join("matrix");
        let weights = run.join("checkpoints/distil/finished/model.safetensors");
        let weights = alambic_tensor::parameters::load(&weights).unwrap();
        std::fs::rename(&run, folder.path().join(format!("matrix-{steps}"))).unwrap();
        weights["embeddings.forward_matrices.weight"].to_vec2::<f32>().unwrap()
    };
    let (one, five) = (table("1"), table("5"));
    // Padding counts for nothing, and so neither decay nor running means move its matrix.
    assert_eq!(one[0], five[0]);
    assert!(one.iter().zip(&five).any(|(one, five)| one != five));
    let model = folder.path().join("matrix-5/student");
    let config = json_of(&model.join("config.json"));
    assert_eq!(config["architectures"][0], "CmowCbowHybridForSequenceClassification");
    let model = model.display().to_string();
    let long = "a good film ".repeat(400);
    let predicted = run(folder.path(), &["predict", &model, "--json", "a good film", "", &long]);
    assert_eq!(predicted.code, Some(0), "{}", predicted.stderr);
    assert_eq!(predicted.stdout.lines().count(), 3, "{}", predicted.stdout);
    let exported =
        run(folder.path(), &["export", &model, "--format", "hf,onnx,int8", "--to", "out", "--json"]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let taps = run(folder.path(), &["list", "taps", &model]);
    for tap in ["hidden.1", "pooled", "logits"] {
        assert!(taps.stdout.contains(tap), "{}", taps.stdout);
    }
}

#[test]
fn a_student_of_masked_words_is_one_for_transformers_and_learns_a_task_later() {
    let folder = tempfile::tempdir().unwrap();
    smoke(folder.path(), "distilbert-general", &["language", "fine-tune", "general", "task"]);
    let out = folder.path().join("distilbert-general");
    let read = |stage: &str, file: &str| -> Value {
        let path = out.join("checkpoints").join(stage).join("finished").join(file);
        json_of(&path)
    };
    for (stage, class, measure) in [
        ("language", "BertForMaskedLM", "perplexity"),
        ("general", "BertForMaskedLM", "perplexity"),
        ("task", "BertForSequenceClassification", "accuracy"),
    ] {
        assert_eq!(read(stage, "config.json")["architectures"][0], class);
        let summary = read(stage, "summary.json");
        assert_eq!(summary["metric"], measure, "{stage}");
        // Every parameter of a language model is trained, those of the head included.
        assert!(class != "BertForMaskedLM" || summary["frozen"].as_array().unwrap().is_empty(), "{summary}");
    }
    let student = |folder: &Path| {
        std::fs::read(folder.join("distilbert-general/checkpoints/general/finished/model.safetensors"))
            .unwrap()
    };
    let again = tempfile::tempdir().unwrap();
    smoke(again.path(), "distilbert-general", &["language", "fine-tune", "general", "task"]);
    assert!(student(folder.path()) == student(again.path()), "the same recipe gives the same bytes");
    // At all tokens in place of the masked ones: another sum, and so another student.
    let other = tempfile::tempdir().unwrap();
    // And the teacher, which has the head for it, says which words may stand for others in the texts of the task.
    let all = [
        "stage.general.data.texts.mask.logits=\"all\"",
        "stage.task.data.texts.augment={variants = 2, model = \"general\"}",
    ];
    smoke_with(other.path(), "distilbert-general", &["language", "fine-tune", "general", "task"], &all);
    assert!(student(folder.path()) != student(other.path()));
    assert!(augmented(&other.path().join("distilbert-general")).is_file());
}

#[test]
fn a_student_that_reads_is_run_timed_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    smoke(folder.path(), "logits", &["fine-tune", "distil"]);
    let weights = || student(&folder.path().join("logits"));
    let first = weights();
    std::fs::remove_dir_all(folder.path().join("logits")).unwrap();
    let outcome = smoke(folder.path(), "logits", &["fine-tune", "distil"]);
    assert!(first == weights(), "the same recipe gives the same bytes");

    let accuracy = |model: &str| outcome["models"][model]["metrics"]["accuracy"].as_f64().unwrap();
    assert!((accuracy("student in int8") - accuracy("student")).abs() < 0.1, "{outcome}");

    let student = "logits/student";
    let said = run(folder.path(), &["predict", student, "the soup was dull"]).good();
    let (text, class) = said.trim_end().rsplit_once('\t').unwrap();
    assert_eq!(text, "the soup was dull");
    assert!(["negative", "positive"].contains(&class), "{class}");
    let lines = "the soup was dull\nthe plot is clever\tthe cast is not\n";
    let said = run_with(folder.path(), &["predict", student, "--json"], lines).good();
    assert_eq!(said.lines().count(), 2);
    for line in said.lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        let probabilities = answer["probabilities"].as_object().unwrap();
        let sum: f64 = probabilities.values().filter_map(Value::as_f64).sum();
        assert!((sum - 1.0).abs() < 1e-6 && probabilities.len() == 2, "{line}");
    }
    let probability = |precision: &str| {
        let arguments = ["predict", student, "--json", "--precision", precision, "the soup was dull"];
        let answer: Value = json(&run(folder.path(), &arguments).good());
        answer["probabilities"]["negative"].as_f64().unwrap()
    };
    let [exact, rounded] = ["f32", "int8"].map(probability);
    assert!(exact != rounded && (exact - rounded).abs() < 0.05, "{exact}, {rounded}");
    run(folder.path(), &["predict", student, "--precision", "int4", "text"]).bad(2);
    let said = run(folder.path(), &["predict", student, "--beam", "2", "text"]).bad(2);
    assert!(said.contains("`--beam` is for a model that generates texts"), "{said}");
    let bench =
        ["bench", student, "--batch=1,2", "--length=4", "--rounds=2", "--precision=f32,int8", "--json"];
    let measured = run(folder.path(), &bench);
    let measured: Value = json(&measured.stdout);
    assert_eq!(measured[0]["cells"].as_array().unwrap().len(), 2);
    assert_eq!([0, 1].map(|way: usize| measured[way]["precision"].as_str().unwrap()), ["f32", "int8"]);
    run(folder.path(), &["export", student, "--format", "hf,onnx,int8", "--to", "out"]).good();
    let again = run(folder.path(), &["predict", "out/hf", "the soup was dull"]).good();
    assert_eq!(again, run(folder.path(), &["predict", student, "the soup was dull"]).good());
}

#[test]
fn outputs_of_a_teacher_are_computed_once() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["data.task.corpus.made-up-reviews.size=200", "evaluation.timed-examples=4"];
    let command = |words: &[&str], recipe: &str, more: &[&str]| {
        let mut arguments = words.to_vec();
        arguments.push(recipe);
        for flag in small.iter().chain(more) {
            arguments.extend(["--set", flag]);
        }
        run(folder.path(), &arguments)
    };
    let done = |ended: crate::common::Ended| {
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        (ended.stdout, ended.stderr)
    };
    let method = "builtin:text/smoke/tinybert";
    let steps =
        ["stage.fine-tune.train.steps=4", "stage.layers.train.steps=30", "stage.prediction.train.steps=9"];
    let losses = |name: &str| -> Vec<f64> {
        let events = std::fs::read_to_string(folder.path().join(name).join("events.jsonl")).unwrap();
        let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["stage"] == "layers").filter_map(|event| event["loss"].as_f64()).collect()
    };
    let with = |more: &'static str| -> Vec<&str> { steps.iter().copied().chain([more]).collect() };
    done(command(&["run", "--out", "live"], method, &with("cache.mode=\"off\"")));
    let (_, said) = done(command(&["run", "--out", "kept"], method, &with("cache.states=\"f32\"")));
    assert!(said.contains("cached without loss"), "{said}");
    assert!(!folder.path().join("kept/cache").exists(), "a run's own cache ends with it");
    for (live, kept) in losses("live").into_iter().zip(losses("kept")) {
        assert!((live - kept).abs() < 1e-4 * live.abs(), "{live} {kept}");
    }

    // Ahead of runs: the teacher is a folder, and the cache one that the recipe names.
    let teacher = ["teacher.expert.checkpoint.model=\"kept/checkpoints/fine-tune/finished\""];
    std::fs::write(
        folder.path().join("ahead.toml"),
        "schema = 1\nname = \"ahead\"\nextends = \"builtin:text/smoke/tinybert\"\nstages = [\"layers\", \"prediction\"]\n\
         unset = [\"teacher.expert.checkpoint.stage\", \"stage.fine-tune\", \"model.expert\", \"baseline\"]\n\
         [stage.layers.train]\nsteps = 30\n[stage.prediction.train]\nsteps = 9\n",
    )
    .unwrap();
    let said = command(&["cache"], "ahead.toml", &teacher).bad(2);
    assert!(said.contains("set `cache.folder`"), "{said}");
    let into = [teacher[0], "cache.folder=\"outputs\"", "cache.mode=\"required\""];
    let said = command(&["plan"], "ahead.toml", &into).good();
    assert!(said.contains("layers: the teacher's outputs for 157 texts are about"), "{said}");
    // Stages of an epoch each read the texts twice, if they are two.
    let auto = |layers: &str, prediction: &str| {
        let steps = [layers, prediction, teacher[0]];
        command(&["plan"], "ahead.toml", &steps).good()
    };
    let said = auto("stage.layers.train.steps=5", "stage.prediction.train.steps=5");
    assert!(said.contains("layers: the teacher's outputs") && !said.contains("less than twice"), "{said}");
    let said = auto("stage.layers.train.steps=5", "stage.prediction.train.steps=1");
    assert!(said.contains("layers: the teacher's outputs") && said.contains("less than twice"), "{said}");
    let stages: Value =
        serde_json::from_str(&done(command(&["cache", "--json"], "ahead.toml", &into)).0).unwrap();
    assert_eq!(stages[0]["taps"].as_array().unwrap().len(), 9, "{stages}");
    assert!(stages[0]["summary"].as_str().unwrap().contains("relative error"), "{stages}");
    assert!(
        !folder.path().join("outputs/prediction").exists(),
        "logits are in the cache of the stage before"
    );
    let shard = folder.path().join("outputs/layers/shard-00000.safetensors");
    let written = std::fs::metadata(&shard).unwrap().modified().unwrap();
    done(command(&["run", "--out", "ahead"], "ahead.toml", &into));
    assert_eq!(std::fs::metadata(&shard).unwrap().modified().unwrap(), written, "used as it is");
    let other = ["teacher.expert.checkpoint.model=\"live/student\"", into[1], into[2]];
    let said = command(&["run", "--out", "stale"], "ahead.toml", &other).bad(1);
    assert!(
        said.contains("outputs/layers: the teacher's outputs in this cache were computed with other weights"),
        "{said}"
    );
    let little = [into[0], into[1], into[2], "cache.limit-gb=0.0001"];
    let said = command(&["run", "--out", "little"], "ahead.toml", &little).bad(1);
    assert!(said.contains("`cache.limit-gb` is 0.0001"), "{said}");
}

#[test]
fn student_of_unlabelled_texts_is_evaluated_by_fidelity() {
    let folder = tempfile::tempdir().unwrap();
    let steps = ["stage.fine-tune.train.steps=10", "stage.general.train.steps=20"];
    let small =
        ["data.unlabelled.corpus.made-up-reviews.size=300", "data.unlabelled.split.test-fraction=0.1"];
    let mut arguments = vec!["run", "builtin:text/smoke/general", "--out", "general", "--json"];
    arguments.extend(steps.iter().chain(&small).flat_map(|flag| ["--set", flag]));
    let outcome: Value = json(&run(folder.path(), &arguments).done());
    assert_eq!((&outcome["labelled"], &outcome["verdict"]), (&Value::Bool(false), &Value::Null), "{outcome}");
    for model in ["teacher", "student"] {
        let model = &outcome["models"][model];
        assert!(model["metrics"].as_object().unwrap().is_empty(), "{outcome}");
        assert!(model["bytes"].is_u64() && model["latency-ms"]["p50"].is_f64(), "{outcome}");
    }
    assert!(outcome["models"]["baseline"].is_null());
    assert!(outcome["ratios"]["compression"].is_f64() && outcome["ratios"]["speedup"].is_f64());
    let fidelity = outcome["fidelity"].as_object().unwrap();
    assert!(fidelity["cka-layer-4"].is_f64() && fidelity["cka-layer-4-shuffled"].is_f64(), "{outcome}");
    assert!(!fidelity.contains_key("agreement"));
    let read = |name: &str| std::fs::read_to_string(folder.path().join("general").join(name)).unwrap();
    assert!(read("report.md").contains("The texts have no labels."), "{}", read("report.md"));
    let card = read("student/README.md");
    assert!(card.contains("feature-extraction") && card.contains("nothing is known of its worth"), "{card}");
    let compared = run(folder.path(), &["compare", "general"]).good();
    assert!(compared.contains("student") && compared.contains(" × "), "{compared}");
    assert!(compared.contains("general: no labels, so there is neither metric nor verdict"), "{compared}");
    run(folder.path(), &["compare", "general", "--out", "compared"]).good();
    assert!(read("../compared/compare.md").contains("general: no labels"));
    assert!(!read("report.md").contains("then the task"), "{}", read("report.md"));

    // It has no head: it is timed and exported like another, and asked for an answer, it says where its states are.
    let student = "general/student";
    let timed = run(folder.path(), &["bench", student, "--rounds=1", "--batch=1", "--length=8"]);
    assert!(timed.code == Some(0) && timed.stdout.contains(student), "{}", timed.stderr);
    for format in ["hf", "onnx", "int8"] {
        run(folder.path(), &["export", "general", "--to", "exported", "--format", format]).good();
    }
    let refused = run(folder.path(), &["predict", student, "the soup was dull"]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("`alambic trace` shows its states"), "{}", refused.stderr);
}

#[test]
fn the_task_alone_names_no_teacher_that_it_does_not_use() {
    let folder = tempfile::tempdir().unwrap();
    let task = "schema = 1\nname = \"task\"\nextends = [\"builtin:text/task\", \"builtin:text/smoke/reviews\"]\n\
                unset = [\"teacher.general\", \"data.task.split.test-values\"]\n";
    std::fs::write(folder.path().join("task.toml"), task).unwrap();
    let checked = run(folder.path(), &["check", "task.toml"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    assert!(!checked.stderr.contains("warning"), "{}", checked.stderr);
}

#[test]
fn words_are_tagged_from_a_recipe_to_what_is_made_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let steps = ["stage.fine-tune.train.steps=80", "stage.distil.train.steps=20"];
    let small = ["data.task.corpus.made-up-orders.size=300", "evaluation.timed-examples=4"];
    let mut arguments = vec!["run", "builtin:text/smoke/tagging", "--out", "tagging", "--json"];
    arguments.extend(steps.iter().chain(&small).flat_map(|flag| ["--set", flag]));
    let outcome: Value = json(&run(folder.path(), &arguments).done());
    for model in ["teacher", "student", "baseline"] {
        let metrics = &outcome["models"][model]["metrics"];
        for metric in ["span-f1", "token-accuracy", "token-accuracy-of-majority"] {
            assert!(metrics[metric].is_f64(), "{outcome}");
        }
    }
    let teacher = &outcome["models"]["teacher"]["metrics"];
    let figure = |name: &str| teacher[name].as_f64().unwrap();
    assert!(figure("token-accuracy") > figure("token-accuracy-of-majority") + 0.1, "{teacher}");
    for name in ["token-agreement", "kl-from-teacher", "kl-from-teacher-shuffled", "cka-layer-1"] {
        assert!(outcome["fidelity"][name].is_f64(), "{name}: {outcome}");
    }
    assert!(outcome["ratios"]["retention"]["span-f1"].is_f64());
    let card = std::fs::read_to_string(folder.path().join("tagging/student/README.md")).unwrap();
    assert!(card.contains("pipeline_tag: \"token-classification\""), "{card}");
    assert!(card.contains("pipeline(\"token-classification\""), "{card}");

    let student = "tagging/student";
    let line = "please  send six tiles to preston";
    let said = run(folder.path(), &["predict", student, line]).good();
    let (text, tagged) = said.trim_end_matches('\n').split_once('\t').unwrap();
    assert_eq!(text, line);
    let words: Vec<&str> = tagged.split(' ').map(|word| word.split_once('/').unwrap().0).collect();
    assert_eq!(words, line.split_whitespace().collect::<Vec<_>>());
    let said = run(folder.path(), &["predict", student, "--json", "--max-length", "4", line]);
    assert!(said.stderr.contains("line 1") && said.stderr.contains("truncated"), "{}", said.stderr);
    let said: Value = json(&said.stdout);
    let words = said["words"].as_array().unwrap();
    assert_eq!((words.len(), words[0]["word"].as_str()), (6, Some("please")));
    assert!(words[0]["probability"].is_f64() && words[5]["probability"].is_null(), "{said}");
    assert_eq!(said["truncated"], true);
    let bench = ["bench", student, "--batch", "2", "--length", "4", "--rounds", "2"];
    assert_eq!(run(folder.path(), &bench).code, Some(0));
    run(folder.path(), &["export", student, "--format", "hf,onnx,int8", "--to", "out"]).good();
    let again = run(folder.path(), &["predict", "out/hf", line]).good();
    assert_eq!(again, run(folder.path(), &["predict", student, line]).good());
}

#[test]
fn a_file_of_a_dataset_on_the_hub_is_a_table_like_another() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "schema = 1\nname = \"hub\"\nextends = \"builtin:text/smoke/logits\"\n\
                  unset = [\"data.task.corpus.made-up-reviews\"]\n\
                  [data.task.corpus.texts]\npaths = \"hf:owner/reviews/data/train.tsv\"\nlabel = \"label\"\n";
    std::fs::write(folder.path().join("hub.toml"), recipe).unwrap();
    let check = || {
        let mut command = crate::common::alambic(folder.path());
        command.args(["check", "hub.toml"]).env("HF_HUB_OFFLINE", "1").env("HF_HUB_CACHE", folder.path());
        command.output().unwrap()
    };
    let said = String::from_utf8(check().stderr).unwrap();
    assert!(said.contains("hf:owner/reviews/data/train.tsv is not in"), "{said}");
    assert!(said.contains("HF_HUB_OFFLINE forbids to fetch it") && said.contains("hub.toml:6:"), "{said}");

    // As the hub's own libraries keep it.
    let (dataset, commit) = (folder.path().join("datasets--owner--reviews"), "0123abc");
    let data = dataset.join("snapshots").join(commit).join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::create_dir_all(dataset.join("refs")).unwrap();
    std::fs::write(dataset.join("refs/main"), commit).unwrap();
    let rows: Vec<String> =
        (0..60).map(|row| format!("the soup number {row} was dull\t{}", row % 2)).collect();
    std::fs::write(data.join("train.tsv"), format!("text\tlabel\n{}\n", rows.join("\n"))).unwrap();
    let ended = check();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_file_for_the_test_is_not_trained_on_and_what_a_run_reads_must_stay_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, numbers: std::ops::Range<usize>| {
        let row = |number: usize| {
            let word = if number.is_multiple_of(2) { "good" } else { "bad" };
            format!("{word} film number {number}\t{word}\n")
        };
        let text: String = std::iter::once("text\tlabel\n".to_owned()).chain(numbers.map(row)).collect();
        std::fs::write(folder.path().join(name), text).unwrap();
    };
    // Half of the texts for the test are in the table of the other corpus, too.
    write("train.tsv", 0..60);
    write("test.tsv", 50..70);
    let recipe = r#"
schema = 1
name = "files"
stages = ["learn"]
[data.task.corpus.texts]
paths = "train.tsv"
label = "label"
[data.evaluated.corpus.texts]
paths = []
test-paths = "test.tsv"
label = "label"
[model.small.encoder]
layers = 1
width = 16
heads = 2
[stage.learn]
data.texts = { data = ["task"] }
train.steps = 2
[stage.learn.loss.cross-entropy]
[evaluation]
data = ["evaluated"]
timed-examples = 2
"#;
    std::fs::write(folder.path().join("files.toml"), recipe).unwrap();
    let plan = run(folder.path(), &["plan", "files.toml", "--json"]).good();
    let plan: Value = json(&plan);
    let parts = |name: &str| {
        let corpus = &plan["corpora"][name];
        ["train", "validation", "test"].map(|part| corpus[part].as_u64().unwrap())
    };
    let [train, validation, test] = parts("task");
    assert_eq!((train + validation, test), (50, 0), "{plan}");
    assert_eq!(parts("evaluated"), [0, 0, 20], "{plan}");

    for more in [&[][..], &["--resume"]] {
        let ended = run(folder.path(), &[&["run", "files.toml", "--out", "run"][..], more].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    write("train.tsv", 0..59);
    // A run that is finished stays as it is; one that still has something to do reads its corpora.
    let ended = run(folder.path(), &["run", "files.toml", "--out", "run", "--resume"]);
    assert!(ended.code == Some(0) && ended.stderr.contains("nothing is left to do"), "{}", ended.stderr);
    std::fs::remove_file(folder.path().join("run/metrics.json")).unwrap();
    let said = run(folder.path(), &["run", "files.toml", "--out", "run", "--resume"]).bad(2);
    assert!(said.contains("data `task` has changed since this run was started"), "{said}");
}

#[test]
fn a_run_goes_on_without_its_recipe_where_a_teacher_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    smoke(folder.path(), "logits", &["fine-tune", "distil"]);
    let recipe = r#"schema = 1
name = "beside"
stages = ["learn"]
[data.task.corpus.made-up-reviews]
size = 60
[teacher.expert.checkpoint]
model = "../logits/student"
[model.small.encoder-layers]
teacher = "expert"
layers = [1]
[stage.learn]
student = "small"
teacher = "expert"
data.texts = { data = ["task"] }
loss.logits = {}
train.steps = 2
[evaluation]
data = ["task"]
timed-examples = 2
"#;
    std::fs::create_dir(folder.path().join("recipes")).unwrap();
    std::fs::write(folder.path().join("recipes/beside.toml"), recipe).unwrap();
    run(folder.path(), &["run", "recipes/beside.toml", "--out", "run", "--no-baseline"]).done();
    std::fs::remove_file(folder.path().join("run/metrics.json")).unwrap();
    let ended = run(folder.path(), &["run", "--resume", "--out", "run"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("is not used"), "{}", ended.stderr);
}

#[test]
fn a_student_of_cut_vocabulary_learns_from_a_teacher_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let cut = "model.small.encoder-layers.vocabulary=120";
    smoke_with(folder.path(), "logits", &["fine-tune", "distil"], &[cut]);
    let tokens = |model: &str| -> u64 {
        let config: Value = json_of(&folder.path().join("logits").join(model).join("config.json"));
        config["vocab_size"].as_u64().unwrap()
    };
    assert!(tokens("student") <= 120 && tokens("checkpoints/fine-tune/finished") > 120);
    // Token by token there is nothing to compare.
    let recipe = "builtin:text/smoke/logits";
    let said = run(folder.path(), &["check", recipe, "--set", cut, "--set", "stage.distil.loss.hidden={}"]);
    assert!(said.bad(2).contains("one by one, and their vocabularies differ"));
}
