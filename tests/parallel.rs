//! Sentences beside their translations, from a recipe to a student that finds one by the other.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write;
use std::path::Path;

use crate::common::{json, json_of, run};
use alambic_models::text_encoder::{HeadSpec, TextEncoder, TextEncoderConfig};
use alambic_models::{Config, Precision, Tokenizer};
use alambic_students::{
    BuildContext, EmbeddingOptions, Encoder, PoolingStrategy, Preset, StudentBuilder, TokenizerKind,
    save_pretrained,
};
use alambic_tensor::Streams;
use serde_json::Value;

const THINGS: [[&str; 2]; 12] = [
    ["cat", "kot"],
    ["dog", "pies"],
    ["house", "dom"],
    ["tree", "drzewo"],
    ["book", "książka"],
    ["water", "woda"],
    ["bread", "chleb"],
    ["night", "noc"],
    ["day", "dzień"],
    ["hand", "ręka"],
    ["road", "droga"],
    ["friend", "przyjaciel"],
];

/// Sentences of two things each in English and Polish, pairs of texts with how alike they are, and a teacher of random
/// weights that knows English alone.
fn prepare(folder: &Path) {
    let (mut sentences, mut compared) = (String::new(), "first\tsecond\talike\n".to_owned());
    let mut english = Vec::new();
    for (one, [en, pl]) in THINGS.iter().enumerate() {
        for (other, [english_other, polish_other]) in THINGS.iter().enumerate() {
            let text = format!("the {en} and the {english_other}");
            writeln!(sentences, "{text}\t{pl} i {polish_other}").unwrap();
            let alike = u8::from(one == other);
            writeln!(compared, "{text}\tthe {en} and the {en}\t{alike}").unwrap();
            english.push(text);
        }
    }
    std::fs::write(folder.join("en-pl.tsv"), sentences).unwrap();
    std::fs::write(folder.join("alike.tsv"), compared).unwrap();
    let tokenizer = Tokenizer::train_words(english.iter().map(String::as_str), 500).unwrap();
    let encoder = Encoder {
        preset: Preset::TinyBert4,
        layers: Some(1),
        width: Some(16),
        heads: Some(2),
        feed_forward: Some(32),
        activation: alambic_students::ActivationFunction::Gelu,
        dropout: 0.0,
        max_length: 32,
        embedding: EmbeddingOptions::pooled(PoolingStrategy::Mean),
        vocabulary: 500,
        pieces: TokenizerKind::Words,
        unify_script: None,
    };
    let streams = Streams::new(7);
    let context = BuildContext {
        tokenizer: &tokenizer,
        head: &HeadSpec::none(),
        streams,
        source_model: &|_| None,
        texts: &[],
        translations: &[],
    };
    let config: TextEncoderConfig = encoder.config(&context).unwrap().text_encoder().unwrap().clone();
    let weights = TextEncoder::initial_weights(&config, &streams).unwrap();
    let files = tokenizer.files(32).unwrap();
    let teacher = folder.join("teacher");
    std::fs::create_dir(&teacher).unwrap();
    save_pretrained(&teacher, &Config::from(config), &weights, &files, Precision::F32).unwrap();
}

const RECIPE: &str = r#"
schema = 1
name = "parallel"
stages = ["distil"]
[data.pairs.corpus.parallel-table]
paths = "en-pl.tsv"
columns = { en = "1", pl = "2" }
header = false
[data.pairs.split]
test-fraction = 0.2
validation-fraction = 0.2
overlap = "remove-from-training"
[data.alike.corpus.texts]
paths = "alike.tsv"
text = "first"
second = "second"
number = "alike"
[data.alike.split]
test-fraction = 0.5
[teacher.sentences.checkpoint]
model = "teacher"
[model.small.encoder]
layers = 1
width = 16
heads = 2
feed-forward = 32
dropout = 0.0
pooling = "mean"
[train]
steps = 150
batch.size = 16
optimiser.adamw = { learning-rate = 5e-3 }
validate-every = 50
[stage.distil]
teacher = "sentences"
data.parallel = { data = ["pairs"] }
[stage.distil.loss.representation]
weight = 10
[evaluation]
data = ["pairs", "alike"]
teacher = "sentences"
timed-examples = 4
"#;

#[test]
fn teacher_of_one_language_is_distilled_into_a_student_of_two() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    std::fs::write(folder.path().join("recipe.toml"), RECIPE).unwrap();
    let go = |arguments: &[&str]| -> Value {
        let ended = run(folder.path(), &[&["run", "recipe.toml", "--json"], arguments].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        json(&ended.stdout)
    };
    let outcome = go(&["--out", "both"]);
    let slice = |outcome: &Value, model: &str, slice: &str, metric: &str| {
        outcome["models"][model]["slices"][slice][metric].as_f64().unwrap()
    };
    // The teacher finds Polish by chance alone, one of some thirty; the student has learnt it.
    for direction in ["en to pl", "pl to en"] {
        let [teacher, student] =
            ["teacher", "student"].map(|model| slice(&outcome, model, direction, "recall-at-1"));
        assert!(student > 0.3 && student > teacher + 0.2, "{direction}: {student} and {teacher}");
    }
    assert!(slice(&outcome, "teacher", "alike", "spearman") > 0.3);
    assert!(outcome["models"]["student"]["slices"]["alike"]["recall-at-1"].is_null(), "{outcome}");
    let fidelity = &outcome["fidelity"];
    let [difference, shuffled] = ["mse-pl", "mse-pl-shuffled"].map(|name| fidelity[name].as_f64().unwrap());
    assert!(difference < shuffled, "{fidelity}");

    // Sentence-transformers finds its pooling.
    assert!(folder.path().join("both/student/modules.json").is_file());
    let said = run(folder.path(), &["predict", "both/student", "kot i pies"]).good();
    assert_eq!(said.split_whitespace().count(), 3 + 16, "{said}");

    // Of the translation alone, the other side is the teacher's; and it goes on where it was stopped.
    let only = ["--set", "stage.distil.data.parallel.student-side=\"target\""];
    let outcome = go(&[&["--out", "target"][..], &only].concat());
    assert!(slice(&outcome, "student", "pl to en", "recall-at-1") > 0.3, "{outcome}");
    let again = go(&[&["--out", "again"][..], &only].concat());
    assert_eq!(outcome["models"]["student"]["metrics"], again["models"]["student"]["metrics"]);
}

#[test]
fn monolingual_texts_are_read_with_the_sentences() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    // The sentences speak of half the things.
    let few: Vec<String> = std::fs::read_to_string(folder.path().join("en-pl.tsv"))
        .unwrap()
        .lines()
        .filter(|line| THINGS[6..].iter().all(|[en, _]| !line.contains(en)))
        .map(str::to_owned)
        .collect();
    std::fs::write(folder.path().join("few.tsv"), few.join("\n")).unwrap();
    let recipe = RECIPE.replace("paths = \"en-pl.tsv\"", "paths = \"few.tsv\"");
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    let vector = |model: &str, text: &str| -> Vec<f32> {
        let said = run(folder.path(), &["predict", model, text]).good();
        said[text.len()..].split_whitespace().map(|number| number.parse().unwrap()).collect()
    };
    // How near the student is to the teacher on the other half.
    let near = |out: &str, more: &[&str]| {
        let ended = run(folder.path(), &[&["run", "recipe.toml", "--out", out], more].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let text = "the hand and the road";
        let (student, teacher) = (vector(&format!("{out}/student"), text), vector("teacher", text));
        student.iter().zip(&teacher).map(|(own, other)| own * other).sum::<f32>()
    };
    let without = near("without", &[]);
    let with = near("with", &["--set", "stage.distil.data.parallel.monolingual=[\"alike\"]"]);
    assert!(1.0 - with < 0.2 * (1.0 - without), "{with} and {without}");
}

#[test]
fn published_encoder_reads_by_the_options_of_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let teacher = folder.path().join("teacher");
    let before = std::fs::read(teacher.join("tokenizer.json")).unwrap();
    std::fs::remove_file(teacher.join("modules.json")).unwrap();
    let recipe = RECIPE.replace("steps = 150", "steps = 2");
    std::fs::write(folder.path().join("recipe.toml"), &recipe).unwrap();
    let ended = run(folder.path(), &["check", "recipe.toml"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("checkpoint.pooling"), "{}", ended.stderr);

    let replacement = "model = \"teacher\"\npooling = \"mean\"\nprompt = \"friend cat \"\n";
    let options = recipe.replace("model = \"teacher\"\n", replacement);
    std::fs::write(folder.path().join("options.toml"), &options).unwrap();
    let ended = run(folder.path(), &["run", "options.toml", "--out", "run"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = |folder_of: &str, text: &str| {
        let said = run(folder.path(), &["predict", folder_of, text]).good();
        let (_, vector) = said.split_at(text.len());
        vector.to_owned()
    };
    let adapted = std::fs::read_dir(folder.path().join("run/teachers")).unwrap().next().unwrap().unwrap();
    let prompted = said(&format!("run/teachers/{}", adapted.file_name().display()), "the dog");
    std::fs::copy(adapted.path().join("modules.json"), teacher.join("modules.json")).unwrap();
    assert_eq!(prompted, said("teacher", "friend cat the dog"));
    assert_ne!(prompted, said("teacher", "the dog"));
    assert_eq!(before, std::fs::read(teacher.join("tokenizer.json")).unwrap());

    // A vocabulary trained anew would not know the prompt.
    let start = options.find("[model.small.encoder]").unwrap();
    let end = options.find("[train]").unwrap();
    let anew =
        "[model.small.encoder-layers]\nteacher = \"sentences\"\nvocabulary = 120\nnew-vocabulary = true\n";
    std::fs::write(folder.path().join("anew.toml"), [&options[..start], anew, &options[end..]].concat())
        .unwrap();
    let ended = run(folder.path(), &["check", "anew.toml"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("student::vocabulary"), "{}", ended.stderr);

    // Half a word is no prompt, and a student of the recipe has none.
    let half = options.replace("friend cat ", "fri");
    std::fs::write(folder.path().join("half.toml"), half).unwrap();
    let ended = run(folder.path(), &["check", "half.toml"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("the prompt `fri`"), "{}", ended.stderr);
    let own = options.replace("model = \"teacher\"", "stage = \"distil\"");
    std::fs::write(folder.path().join("own.toml"), own).unwrap();
    let ended = run(folder.path(), &["check", "own.toml"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("is read as it was trained"), "{}", ended.stderr);
}

/// The recipe whose student is made of the teacher's layers as said.
fn of_layers(said: &str) -> String {
    let start = RECIPE.find("[model.small.encoder]").unwrap();
    let end = RECIPE.find("[train]").unwrap();
    let layers = format!("[model.small.encoder-layers]\nteacher = \"sentences\"\n{said}\n");
    [&RECIPE[..start], &layers, &RECIPE[end..]].concat()
}

#[test]
fn words_of_another_language_are_put_behind_those_of_the_teacher_and_begin_as_their_translations() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let recipe =
        of_layers("added-vocabulary = 90").replace("steps = 150", "steps = 1") + "untrained = true\n";
    std::fs::write(folder.path().join("recipe.toml"), &recipe).unwrap();
    let outcome: Value = json(&run(folder.path(), &["run", "recipe.toml", "--out", "run", "--json"]).done());
    let [teacher, untrained] = ["teacher", "untrained"].map(|model| &outcome["models"][model]["metrics"]);
    let found = |metrics: &Value| metrics["recall-at-5"].as_f64().unwrap();
    assert!(found(untrained) > found(teacher) + 0.2, "{outcome}");
    // It is to English what the teacher is.
    assert_eq!(untrained["spearman"], teacher["spearman"]);
    let open = |folder: &str, path: &Path| Tokenizer::open(&path.join(folder)).unwrap();
    let (teacher, own) = (open("teacher", folder.path()), open("run/student", folder.path()));
    assert!(own.size() > teacher.size() && own.size() <= teacher.size() + 90);
    assert!(own.id("książka").is_ok() && teacher.id("książka").is_err());

    // Of the teacher's words, those stay that the sentences in its language use; without room the least common go.
    let few = ["--set", "model.small.encoder-layers.vocabulary=10", "--out", "few"];
    assert_eq!(run(folder.path(), &[&["run", "recipe.toml"][..], &few].concat()).code, Some(0));
    let few = open("few/student", folder.path());
    assert!(few.id("friend").is_err() && few.id("książka").is_ok() && few.size() < own.size());

    for (said, expected) in [
        ("added-vocabulary = 12", "no room"),
        ("added-vocabulary = 90\nvocabulary = 90\nnew-vocabulary = true", "leave one of them out"),
    ] {
        std::fs::write(folder.path().join("wrong.toml"), of_layers(said)).unwrap();
        let ended = run(folder.path(), &["check", "wrong.toml"]);
        assert!(ended.code == Some(2) && ended.stderr.contains(expected), "{}", ended.stderr);
    }
}

#[test]
fn a_vocabulary_is_cut_to_what_the_sentences_use() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let recipe = of_layers("vocabulary = 10").replace("steps = 150", "steps = 2");
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "run", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let student = folder.path().join("run/student");
    let open = |folder: &Path| Tokenizer::open(folder).unwrap();
    let (whole, cut) = (open(&folder.path().join("teacher")), open(&student));
    // Characters and special tokens stay, whatever there is room for.
    assert!(cut.size() < whole.size() && cut.id("f").is_ok() && cut.id("friend").is_err());
    let config: Value = json_of(&student.join("config.json"));
    assert_eq!(config["vocab_size"], cut.size());
    let said = run(folder.path(), &["predict", "run/student", "friend"]).good();
    assert_eq!(said.split_whitespace().count(), 1 + 16, "{said}");

    // Trained anew it has words of Polish, too; and one from nothing may be of another kind.
    for (out, set, expected) in [
        (
            "anew",
            "model.small.encoder-layers={teacher=\"sentences\",vocabulary=120,new-vocabulary=true}",
            "dom",
        ),
        (
            "unigram",
            "model.small.encoder={layers=1,width=16,heads=2,pooling=\"mean\",vocabulary=120,pieces=\"unigram\"}",
            "\u{2581}do",
        ),
    ] {
        let unset = if out == "unigram" { "unset = [\"model.small.encoder-layers\"]\n" } else { "" };
        let text = format!("extends = \"recipe.toml\"\nschema = 1\nname = \"{out}\"\n{unset}");
        std::fs::write(folder.path().join(format!("{out}.toml")), text).unwrap();
        let recipe = format!("{out}.toml");
        let ended = run(folder.path(), &["run", &recipe, "--out", out, "--set", set]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let own = open(&folder.path().join(out).join("student"));
        assert!(own.size() <= 120 && own.id(expected).is_ok(), "{out}: {:?}", own.tokens());
    }
}

#[test]
fn sentences_alone_teach_a_student_that_pools_by_long_short_term_memory() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let pooled = "pooling = \"bilstm\"\npooling-width = 12\n";
    let recipe = RECIPE
        .replace("pooling = \"mean\"\n", pooled)
        .replace("teacher = \"sentences\"\ndata", "data")
        .replace("[stage.distil.loss.representation]\nweight = 10", "[stage.distil.loss.multiple-negatives]");
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    let outcome: Value = json(&run(folder.path(), &["run", "recipe.toml", "--out", "run", "--json"]).done());
    let found = outcome["models"]["student"]["slices"]["en to pl"]["recall-at-1"].as_f64().unwrap();
    assert!(found > 0.5, "{outcome}");
    // Its vector is what both layers keep; sentence-transformers runs the module of the folder, and without leave refuses it.
    let said = run(folder.path(), &["predict", "run/student", "kot i pies"]).good();
    assert_eq!(said.split_whitespace().count(), 3 + 24, "{said}");
    let modules = std::fs::read_to_string(folder.path().join("run/student/modules.json")).unwrap();
    assert!(modules.contains("\"recurrent_pooling.RecurrentPooling\""), "{modules}");
    assert!(folder.path().join("run/student/recurrent_pooling.py").is_file());
    run(folder.path(), &["export", "run/student", "--format", "onnx,int8", "--to", "exported"]).good();
    assert!(folder.path().join("exported/onnx/model.onnx").is_file());
    // Who reads one side alone does not learn from what says the same.
    let ended = run(
        folder.path(),
        &["check", "recipe.toml", "--set", "stage.distil.data.parallel.student-side=\"target\""],
    );
    assert!(ended.code == Some(2) && ended.stderr.contains("loss::pairs"), "{}", ended.stderr);
}

#[test]
fn paraphrases_are_mined_before_the_stage_that_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "builtin:parallel/smoke/paraphrase";
    let outcome: Value = json(&run(folder.path(), &["run", recipe, "--out", "run", "--json"]).done());
    let found = outcome["models"]["student"]["slices"]["ja to ja-2"]["recall-at-1"].as_f64().unwrap();
    assert!(found > 0.5, "{outcome}");
    let mined = std::fs::read_to_string(folder.path().join("run/corpora/paraphrases.jsonl")).unwrap();
    let lines: Vec<Value> = mined.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 100, "{mined}");
    let parts = |part: &str| -> Vec<&str> {
        let own = lines.iter().filter(|line| line["split"] == part);
        own.flat_map(|line| [&line["ja"], &line["ja-2"]]).map(|text| text.as_str().unwrap()).collect()
    };
    let (train, test) = (parts("train"), parts("test"));
    assert!(!test.is_empty() && test.iter().all(|text| !train.contains(text)));
    for line in &lines {
        assert_ne!(line["ja"], line["ja-2"]);
        assert!(line["similarity"].as_f64().unwrap() > 0.0 && line["likeness"].as_f64().unwrap() < 0.99);
    }
    assert!(std::fs::read_to_string(folder.path().join("run/report.html")).unwrap().contains("paraphrases"));

    for (set, expected) in [
        ("data.paraphrases.corpus.mined.source=\"pl\"", "no corpus has sentences in `pl`"),
        ("data.paraphrases.corpus.mined.of=[\"paraphrase\"]", "did you mean `paraphrases`"),
        ("data.paraphrases.corpus.mined.of=[\"paraphrases\"]", "corpus `paraphrases` is mined itself"),
        ("stages=[\"encoder\",\"bilingual\"]", "is not there yet in stage `encoder`"),
        ("data.paraphrases.corpus.mined.teacher=\"nobody\"", "`nobody`"),
    ] {
        let ended = run(folder.path(), &["check", recipe, "--set", set]);
        assert_eq!(ended.code, Some(2), "{set}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{set}: {}", ended.stderr);
    }
    let none = ["--set", "data.paraphrases.corpus.mined.min-similarity=1.0", "--set", "train.steps=2"];
    let ended = run(folder.path(), &[&["run", recipe, "--out", "none"][..], &none].concat());
    assert!(
        ended.code != Some(0) && ended.stderr.contains("a lower `min-similarity` lets more through"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_is_no_parallel_corpus_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    std::fs::write(folder.path().join("recipe.toml"), RECIPE).unwrap();
    for (set, expected) in [
        ("stage.distil.data.parallel.source=\"de\"", "no corpus has sentences in `de`"),
        (
            "stage.distil.data.parallel=[{data=[\"pairs\"]},{data=[\"pairs\"],student-side=\"target\"}]",
            "are read in different ways",
        ),
        (
            "stage.distil.data.parallel={data=[\"pairs\"],monolingual=[\"alike\"],student-side=\"target\"}",
            "the student reads translations alone",
        ),
        ("stage.distil.data.parallel.monolingual=[\"pairs\"]", "and texts are needed"),
        ("stage.distil.data.parallel.targets=[\"hi\"]", "no corpus has sentences in `hi`"),
        ("stage.distil.data.parallel.data=[\"alike\"]", "holds texts, and parallel sentences are needed"),
        ("data.pairs.corpus.parallel-table.columns={en=\"1\",hi=\"2\"}", "no letter of its script"),
        ("data.pairs.corpus.parallel-table.columns={en=\"1\",pl=\"3\"}", "no column `3`"),
        ("data.pairs.corpus.parallel-table.paths=\"none.tsv\"", "none.tsv"),
    ] {
        let ended = run(folder.path(), &["check", "recipe.toml", "--set", set]);
        assert_eq!(ended.code, Some(2), "{set}: {}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{set}: {}", ended.stderr);
    }
    let without = RECIPE.replace("pooling = \"mean\"\n", "");
    std::fs::write(folder.path().join("without.toml"), without).unwrap();
    let ended = run(folder.path(), &["check", "without.toml"]);
    assert!(
        ended.code == Some(2) && ended.stderr.contains("the student has no tap `embedding`"),
        "{}",
        ended.stderr
    );
}
