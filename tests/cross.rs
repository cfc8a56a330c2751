//! A task carried into languages without labels: texts mixed by dictionaries, tags that are not read, a contrast of words.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::{alambic, checkpoints, json, run, student};

/// Words of two columns, English and German.
const DICTIONARY: &str = "en\tde\nplums\tPflaumen\nsend\tschicken Sie\nplease\tbitte\nto\tan\nfrom\tvon\nbricks\tgebrannte Ziegel\n";

/// A recipe of tagged orders that are mixed, with these keys of `mixing` and of the stage.
fn recipe(mixing: &str, stage: &str) -> String {
    format!(
        "schema = 1\nname = \"cross\"\nseed = 5\nthreads = 2\nstages = [\"tag\"]\n\
         [data.orders]\ncorpus.made-up-orders = {{ size = 120 }}\nsplit = {{ test-fraction = 0.2, validation-fraction = 0.1 }}\n\
         {mixing}\n\
         [model.small.encoder]\nlayers = 1\nwidth = 24\nheads = 2\nfeed-forward = 24\nmax-length = 48\n\
         [train]\nsteps = 24\nvalidate-every = 12\nvalidation-examples = 10\ncheckpoint-every = 4\nbatch.size = 8\n\
         optimiser.adamw.learning-rate = 5e-3\n\
         [stage.tag]\ndata.texts = {{ data = [\"orders\"] }}\nloss.cross-entropy = {{ weight = 0.5 }}\n{stage}\n\
         [evaluation]\ndata = [\"orders\"]\ntimed-examples = 2\n"
    )
}

const MIXED: &str = "[data.orders.mixing]\ndictionaries = { de = \"en-de.tsv\" }\nword = 1.0";

fn place(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("en-de.tsv"), DICTIONARY).unwrap();
    std::fs::write(folder.path().join("recipe.toml"), text).unwrap();
    folder
}

fn trained(folder: &Path, text: &str, out: &str) -> Vec<u8> {
    std::fs::write(folder.join("recipe.toml"), text).unwrap();
    run(folder, &["run", "recipe.toml", "--out", out, "--no-baseline"]).done();
    student(&folder.join(out))
}

#[test]
fn mixed_runs_are_resumed_to_the_same_bytes_and_with_the_same_dictionary_alone() {
    let steps = |text: String| text.replace("steps = 24", "steps = 300");
    let contrast = "loss.supervised-contrast = { weight = 0.5 }";
    let text = steps(recipe(MIXED, contrast));
    let folder = place(&text);
    let path = folder.path();
    let whole = trained(path, &text, "whole");
    assert!(whole != trained(path, &steps(recipe("", contrast)), "plain"));
    // Killed within the training, with a checkpoint behind it.
    std::fs::write(path.join("recipe.toml"), &text).unwrap();
    let mut command = alambic(path);
    command.args(["run", "recipe.toml", "--out", "killed", "--no-baseline"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let killed = path.join("killed");
    let begin = Instant::now();
    while checkpoints(&killed, "tag") == 0 {
        assert!(begin.elapsed() < Duration::from_mins(2) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let resume = ["run", "recipe.toml", "--out", "killed", "--no-baseline", "--resume"];
    // With another dictionary it would not be the same run.
    std::fs::write(path.join("en-de.tsv"), format!("{DICTIONARY}tea\tTee\n")).unwrap();
    let said = run(path, &resume);
    assert!(said.code != Some(0) && said.stderr.contains("data `orders`"), "{}", said.stderr);
    std::fs::write(path.join("en-de.tsv"), DICTIONARY).unwrap();
    run(path, &resume).done();
    assert!(whole == student(&killed));
}

#[test]
fn check_and_plan_tell_what_a_dictionary_covers() {
    let folder = place(&recipe(MIXED, ""));
    let said = run(folder.path(), &["check", "recipe.toml"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains("mixing: en-de.tsv has ") && all.contains("in `de`, by 6 words"), "{all}");
    assert!(all.contains("becomes"), "{all}");
    let plan = json(&run(folder.path(), &["plan", "recipe.toml", "--json"]).done());
    let notes = plan["corpora"]["orders"]["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note.as_str().unwrap().contains("running words")), "{notes:?}");
    let explained = run(folder.path(), &["explain", "data.*.mixing"]).done();
    assert!(explained.contains("dictionaries") && explained.contains("source-language"), "{explained}");
}

#[test]
fn dictionaries_are_induced_from_translations() {
    let mut pairs = String::from("en\tde\n");
    for (one, other) in [("plums", "Pflaumen"), ("olives", "Oliven"), ("tea", "Tee"), ("paper", "Papier")] {
        for (before, behind) in
            [("please send", "bitte schickt"), ("we want", "wir wollen"), ("some", "etwas")]
        {
            writeln!(pairs, "{before} {one}\t{behind} {other}").unwrap();
        }
    }
    let mixing = "[data.pairs.corpus.parallel-table]\npaths = \"pairs.tsv\"\ncolumns = { en = \"en\", de = \"de\" }\n\
                  [data.pairs.split]\nvalidation-fraction = 0.0\n[dictionary.de.parallel]\ndata = \"pairs\"\n[data.orders.mixing]";
    let folder = place(&recipe(mixing, ""));
    std::fs::write(folder.path().join("pairs.tsv"), pairs).unwrap();
    let said = run(folder.path(), &["check", "recipe.toml"]);
    let all = format!("{}{}", said.stdout, said.stderr);
    assert_eq!(said.code, Some(0), "{all}");
    assert!(all.contains("mixing: corpus `pairs` has "), "{all}");
    assert!(!all.contains("is not used"), "{all}");
}

/// Sentences of two kinds of spans, with these tags.
fn sentences(tags: &[&str]) -> String {
    let words = ["the", "tea", "was", "good", "and", "the", "cake", "stale"];
    let mut text = String::new();
    for number in 0..24 {
        for (place, word) in words.iter().enumerate() {
            let tag = tags[(place + number) % tags.len()];
            writeln!(text, "{word}{}\t{tag}", (number * place) % 7).unwrap();
        }
        text += "\n";
    }
    text
}

#[test]
fn target_tags_that_are_not_read_may_be_any() {
    let text = "schema = 1\nname = \"unread\"\nthreads = 2\nstages = [\"teach\", \"learn\"]\n\
        [data.english]\ncorpus.conll = { paths = { en = \"en.tsv\" }, tag = 2, scheme = \"runs-bioes\" }\n\
        split = { validation-fraction = 0.2, test-fraction = 0.2 }\n\
        [data.target]\ncorpus.conll = { paths = { de = \"de.tsv\" }, tag = 2, unlabelled = true }\nsplit.validation-fraction = 0.0\n\
        [model.big.encoder]\nlayers = 2\nwidth = 16\nheads = 2\nfeed-forward = 16\nmax-length = 32\n\
        [model.small.encoder-layers]\nteacher = \"big\"\nlayers = [1]\n\
        [teacher.big.checkpoint]\nstage = \"teach\"\n[teacher.both.ensemble]\nmembers = [\"big\", \"big\"]\nweights = [0.25, 0.75]\n\
        [train]\nsteps = 6\nbatch.size = 8\nvalidate-every = 3\n\
        [stage.teach]\nstudent = \"big\"\ndata.texts.data = [\"english\"]\nloss.cross-entropy = {}\n\
        [stage.learn]\nstudent = \"small\"\nteacher = \"both\"\ndata.texts.data = [\"target\", \"english\"]\n\
        loss.logits = { divergence = \"probabilities\" }\nloss.supervised-contrast = { positives = \"teacher\", base-temperature = 0.1 }\n\
        [evaluation]\ndata = [\"english\"]\nteacher = \"both\"\ntimed-examples = 2\n";
    let folder = place(text);
    let path = folder.path();
    std::fs::write(path.join("en.tsv"), sentences(&["O", "T-POS", "O", "T-NEG", "T-NEG"])).unwrap();
    let mut students = Vec::new();
    for (number, tags) in [&["T-NEU", "O"][..], &["O", "T-POS", "nonsense"]].into_iter().enumerate() {
        std::fs::write(path.join("de.tsv"), sentences(tags).replace("tea", "Tee")).unwrap();
        let out = format!("run-{number}");
        let result = json(&run(path, &["run", "recipe.toml", "--out", &out, "--json"]).done());
        assert!(result["models"]["student"]["metrics"]["span-f1"].is_f64(), "{result}");
        students.push(student(&path.join(out)));
    }
    assert!(students[0] == students[1]);
    let words = sentences(&["O"]).replace("tea", "Tee").replace("\tO", "");
    std::fs::write(path.join("de.tsv"), words).unwrap();
    run(path, &["run", "recipe.toml", "--out", "bare"]).done();
    assert!(students[0] == student(&path.join("bare")));
}
