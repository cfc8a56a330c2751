//! Teachers that are asked about texts as they are written: students that learn from what was recorded of a teacher, or from
//! an ensemble of it alone, are those that learn from the teacher itself, and what cannot be used is refused.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

#[path = "../teachers/tests/endpoint_server/mod.rs"]
mod endpoint_server;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::{Ended, alambic, run, student, tiny_encoder};
use alambic_models::Tokenizer;
use alambic_models::text_encoder::{Head, HeadSpec, Pooling, PoolingMode, TokenPooling};
use endpoint_server::{Asked, Reply, Server};

const WORDS: [&str; 10] = ["good", "bad", "long", "short", "film", "song", "road", "night", "a", "the"];

/// Texts of three words, or of four where they are many, all different.
fn texts(count: usize) -> Vec<String> {
    let words = if count > WORDS.len().pow(3) { 4 } else { 3 };
    let text = |number: usize| {
        let word = |place: u32| WORDS[number / WORDS.len().pow(place) % WORDS.len()];
        (0..words).map(word).collect::<Vec<_>>().join(" ")
    };
    (0..count).map(text).collect()
}

/// A task with a teacher of random weights: its head, its data, and a loss on what the teacher says.
struct Task<'a> {
    head: Head,
    labels: &'a [&'a str],
    corpus: &'a str,
    loss: &'a str,
    /// The suffix of the file into which answers are recorded.
    suffix: &'a str,
}

const CLASSES: Task<'_> = Task {
    head: Head::Sequence,
    labels: &["no", "yes"],
    corpus: "[data.task.corpus.texts]\npaths = \"texts.tsv\"\nlabel = \"label\"\nid = \"number\"\n",
    loss: "loss.logits = { temperature = 2.0 }\nloss.cross-entropy = {}\n",
    suffix: "jsonl",
};
const TAGS: Task<'_> = Task {
    head: Head::Tokens,
    labels: &["A", "O"],
    corpus: "[data.task.corpus.conll]\npaths = \"texts.conll\"\n",
    loss: "loss.logits = {}\n",
    suffix: "jsonl",
};
const VECTORS: Task<'_> = Task {
    head: Head::None,
    labels: &[],
    corpus: "[data.task.corpus.texts]\npaths = \"texts.tsv\"\n",
    loss: "loss.representation = {}\n",
    suffix: "parquet",
};

/// Writes texts, labels and the teacher.
fn place(task: &Task<'_>) -> tempfile::TempDir {
    place_of(task, 60)
}

/// The same with so many texts.
fn place_of(task: &Task<'_>, count: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (mut table, mut words) = ("text\tlabel\tnumber\n".to_owned(), String::new());
    for (number, text) in texts(count).iter().enumerate() {
        writeln!(table, "{text}\t{}\t{number}", ["no", "yes"][number % 2]).unwrap();
        for word in text.split(' ') {
            writeln!(words, "{word} {}", if word.len() > 3 { "A" } else { "O" }).unwrap();
        }
        words.push('\n');
    }
    std::fs::write(path.join("texts.tsv"), table).unwrap();
    std::fs::write(path.join("texts.conll"), words).unwrap();
    let tokenizer = Tokenizer::train_words(WORDS, 100).unwrap();
    let labels = task.labels.iter().map(ToString::to_string).collect();
    let head = HeadSpec { head: task.head, labels, ..HeadSpec::none() };
    tiny_encoder(&path.join("teacher"), &tokenizer, 24, &head, |config| {
        config.layers = 2;
        if task.head == Head::None {
            config.pooling = Some(Pooling::new(PoolingMode::Tokens(vec![TokenPooling::Mean]), true));
        }
    });
    folder
}

/// Writes a recipe whose student of one layer learns from this teacher.
fn recipe(folder: &Path, task: &Task<'_>, teacher: &str) {
    let text = format!(
        "schema = 1\nname = \"recorded\"\ncache.mode = \"off\"\nstages = [\"distil\"]\n{}[data.task.split]\ntest-fraction = 0.2\n\
         validation-fraction = 0.2\n[teacher.base.checkpoint]\nmodel = \"teacher\"\n{teacher}\
         [model.small.encoder-layers]\nteacher = \"base\"\nlayers = [1]\n[stage.distil]\nstudent = \"small\"\n\
         teacher = \"given\"\ndata.texts = {{ data = [\"task\"] }}\n{}[train]\nsteps = 12\nbatch.size = 8\n\
         validate-every = 4\n[evaluation]\ndata = [\"task\"]\nteacher = \"given\"\ntimed-examples = 2\n",
        task.corpus, task.loss
    );
    std::fs::write(folder.join("recipe.toml"), text).unwrap();
}

const LIVE: &str = "[teacher.given.checkpoint]\nmodel = \"teacher\"\n";

fn run_into(folder: &Path, out: &str) -> Ended {
    run(folder, &["run", "recipe.toml", "--out", out])
}

#[test]
fn students_of_recorded_answers_are_those_of_the_teacher() {
    for task in [CLASSES, TAGS, VECTORS] {
        let folder = place(&task);
        let path = folder.path();
        recipe(path, &task, LIVE);
        run_into(path, "live").done();
        let file = format!("answers.{}", task.suffix);
        run(path, &["cache", "recipe.toml", "--record", &file]).done();
        recipe(path, &task, &format!("[teacher.given.recorded]\npath = \"{file}\"\n"));
        run_into(path, "recorded").done();
        assert!(student(&path.join("recorded")) == student(&path.join("live")), "{:?}", task.head);
        let [live, recorded] =
            ["live", "recorded"].map(|out| crate::common::json_of(&path.join(out).join("metrics.json")));
        for model in ["teacher", "student"] {
            let metrics = |outcome: &serde_json::Value| outcome["models"][model]["metrics"].clone();
            assert_eq!(metrics(&recorded), metrics(&live), "{:?}, {model}", task.head);
        }
    }
}

#[test]
fn answers_belong_to_texts_by_their_ids() {
    let folder = place(&CLASSES);
    let path = folder.path();
    let mut table = "number,class\n".to_owned();
    for number in 0..60 {
        writeln!(table, "{number},{}", ["no", "yes"][number % 2]).unwrap();
    }
    std::fs::write(path.join("answers.csv"), table).unwrap();
    recipe(path, &CLASSES, "[teacher.given.recorded]\npath = \"answers.csv\"\nid = \"number\"\n");
    run_into(path, "out").done();
    // The table says what the labels say.
    let outcome = crate::common::json_of(&path.join("out/metrics.json"));
    assert_eq!(outcome["models"]["teacher"]["metrics"]["accuracy"], 1.0);
}

/// What the check says of a table of answers for the texts of [`CLASSES`].
fn refused(name: &str, table: &str, keys: &str) -> String {
    let folder = place(&CLASSES);
    std::fs::write(folder.path().join(name), table).unwrap();
    recipe(folder.path(), &CLASSES, &format!("[teacher.given.recorded]\npath = \"{name}\"\n{keys}"));
    run(folder.path(), &["check", "recipe.toml"]).bad(2)
}

/// A row of JSON for each text.
fn rows(answer: impl Fn(usize) -> String) -> String {
    let mut table = String::new();
    for (number, text) in texts(60).iter().enumerate() {
        writeln!(table, "{{\"text\": \"{text}\", {}}}", answer(number)).unwrap();
    }
    table
}

#[test]
fn tables_that_cannot_be_used_are_refused_by_the_check() {
    let class = |number: usize| format!("\"class\": \"{}\"", ["no", "yes"][number % 2]);
    let at = |place: usize, other: &str| {
        let other = other.to_owned();
        rows(move |number| if number == place { other.clone() } else { class(number) })
    };
    let probabilities = |last: &str| {
        let last = last.to_owned();
        rows(move |number| {
            let own = if number == 59 { last.as_str() } else { "{\"no\": 0.25, \"yes\": 0.75}" };
            format!("\"probabilities\": {own}")
        })
    };
    let cases: Vec<(&str, String, &str, &str)> = vec![
        ("a.jsonl", String::new(), "", "the file is empty"),
        ("a.jsonl", rows(|_| "\"other\": 1".into()), "", "no row holds an answer"),
        ("a.jsonl", rows(class), "logits = \"scores\"\n", "`scores`"),
        ("a.jsonl", rows(class).replace("\"text\"", "\"sentence\""), "", "`text`"),
        ("a.jsonl", at(3, "\"class\": \"maybe\""), "", "maybe"),
        ("a.jsonl", rows(class).lines().skip(10).collect::<Vec<_>>().join("\n"), "", "no answer for 9 of 49"),
        (
            "a.jsonl",
            rows(class) + &rows(|number| class(number + 1)),
            "",
            "has another answer for `good good good` than a.jsonl:1",
        ),
        ("a.jsonl", probabilities("{\"no\": 2.0, \"yes\": 5.0}"), "", "add up to 7.000"),
        ("a.jsonl", probabilities("{\"no\": \"x\", \"yes\": 5.0}"), "", "no finite number"),
        ("a.jsonl", probabilities("{\"no\": NaN, \"yes\": 5.0}"), "", "no finite number"),
        ("a.jsonl", probabilities("[0.5]"), "", "1 scores for 2 classes"),
        ("a.jsonl", rows(|_| "\"logits\": [0.5, 1.5]".into()), "", "list them under `classes`"),
        (
            "a.jsonl",
            rows(|_| "\"logits\": {\"no\": 0.5}".into()),
            "",
            "the answers have the classes no, and the task has no, yes",
        ),
        ("a.tsv", "text\tclass\ngood good good\n".into(), "", "a.tsv:2"),
        ("a.xlsx", "PK".into(), "", "xlsx"),
    ];
    for (name, table, keys, expected) in cases {
        let said = refused(name, &table, keys);
        assert!(said.contains(expected), "expected `{expected}`:\n{said}");
    }
}

#[test]
fn vectors_of_two_widths_and_losses_on_hidden_states_are_refused() {
    let folder = place(&VECTORS);
    let path = folder.path();
    let vector = |number: usize| format!("\"vector\": {}", if number == 7 { "[1.0]" } else { "[0.6, 0.8]" });
    std::fs::write(path.join("answers.jsonl"), rows(vector)).unwrap();
    recipe(path, &VECTORS, "[teacher.given.recorded]\npath = \"answers.jsonl\"\n");
    let said = run(path, &["check", "recipe.toml"]).bad(2);
    assert!(
        said.contains("answers.jsonl:8: the vector has 1 numbers, and that of answers.jsonl:1 has 2"),
        "{said}"
    );
    std::fs::write(path.join("answers.jsonl"), rows(|_| "\"vector\": [0.6, 0.8]".into())).unwrap();
    for loss in ["hidden", "relational-distance", "attention-scores"] {
        let loss = format!("loss.{loss} = {{}}\n");
        let task = Task { loss: &loss, ..VECTORS };
        recipe(path, &task, "[teacher.given.recorded]\npath = \"answers.jsonl\"\n");
        let said = run(path, &["check", "recipe.toml"]).bad(2);
        assert!(said.contains("hidden") || said.contains("scores"), "{said}");
    }
    for loss in ["relational-distance", "relational-angle", "similarity-preserving", "kernel-alignment"] {
        let loss = format!("loss.{loss} = {{ features = \"embedding\" }}\n");
        recipe(
            path,
            &Task { loss: &loss, ..VECTORS },
            "[teacher.given.recorded]\npath = \"answers.jsonl\"\n",
        );
        let said = run(path, &["check", "recipe.toml"]);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
    }
}

#[test]
fn texts_without_an_answer_are_left_out_where_the_recipe_says_so() {
    let folder = place(&CLASSES);
    let path = folder.path();
    let table = rows(|number| {
        if number < 6 {
            "\"failed\": \"no class\"".into()
        } else {
            format!("\"class\": \"{}\"", ["no", "yes"][number % 2])
        }
    });
    std::fs::write(path.join("answers.jsonl"), table).unwrap();
    let teacher = "[teacher.given.recorded]\npath = \"answers.jsonl\"\n";
    recipe(path, &CLASSES, teacher);
    let said = run(path, &["check", "recipe.toml"]).bad(2);
    assert!(said.contains("leave-out"), "{said}");
    recipe(path, &CLASSES, &format!("{teacher}missing = \"leave-out\"\n"));
    let said = run(path, &["check", "recipe.toml"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("these texts are left out"), "{}", said.stderr);
    run_into(path, "out").done();
}

#[test]
fn texts_without_labels_get_the_classes_that_the_corpus_names() {
    let folder = place(&CLASSES);
    let path = folder.path();
    let task = Task {
        corpus: "[data.task.corpus.texts]\npaths = \"texts.tsv\"\nclasses = [\"yes\", \"no\"]\n\
                 [data.gold.corpus.texts]\npaths = \"gold.tsv\"\nlabel = \"label\"\nclasses = [\"yes\", \"no\"]\n\
                 [data.gold.split]\ntest-fraction = 1.0\n",
        loss: "loss.logits = {}\n",
        ..CLASSES
    };
    std::fs::write(
        path.join("gold.tsv"),
        "text\tlabel\nnight road a\tno\nnight road the\tyes\nlong road a\tno\n",
    )
    .unwrap();
    let class = |number: usize| format!("\"class\": \"{}\"", ["no", "yes"][number % 2]);
    std::fs::write(path.join("answers.jsonl"), rows(class)).unwrap();
    recipe(path, &task, "[teacher.given.recorded]\npath = \"answers.jsonl\"\n");
    let text = std::fs::read_to_string(path.join("recipe.toml")).unwrap();
    let text = text.replace(
        "[evaluation]\ndata = [\"task\"]\nteacher = \"given\"\n",
        "[evaluation]\ndata = [\"gold\"]\n",
    );
    std::fs::write(path.join("recipe.toml"), text).unwrap();
    run_into(path, "out").done();
    let config = crate::common::json_of(&path.join("out/student/config.json"));
    assert_eq!(config["id2label"]["0"], "yes");
}

#[test]
fn ensembles_of_one_and_the_same_teacher_are_that_teacher() {
    for task in [CLASSES, TAGS, VECTORS] {
        let folder = place(&task);
        let path = folder.path();
        recipe(path, &task, LIVE);
        run_into(path, "live").done();
        run(path, &["cache", "recipe.toml", "--record", "answers.jsonl"]).done();
        let of = if task.head == Head::None { "vectors" } else { "logits" };
        let teacher = format!(
            "[teacher.recorded.recorded]\npath = \"answers.jsonl\"\n[teacher.given.ensemble]\n\
             members = [\"base\", \"recorded\"]\nof = \"{of}\"\n"
        );
        recipe(path, &task, &teacher);
        run_into(path, "ensemble").done();
        // Half of a number and half of it again are the number; a vector is brought to length one once more.
        let is_same = student(&path.join("ensemble")) == student(&path.join("live"));
        assert!(is_same || task.head == Head::None, "{:?}", task.head);
    }
}

#[test]
fn ensembles_that_cannot_be_averaged_are_refused() {
    let folder = place(&CLASSES);
    let path = folder.path();
    std::fs::write(path.join("numbers.jsonl"), rows(|number| format!("\"number\": {number}"))).unwrap();
    std::fs::write(path.join("others.jsonl"), rows(|_| "\"probabilities\": {\"a\": 0.5, \"b\": 0.5}".into()))
        .unwrap();
    for (members, keys, expected) in [
        ("[]", "", "has no member"),
        ("[\"nobody\"]", "", "nobody"),
        ("[\"given\"]", "", "cannot be a member"),
        ("[\"base\", \"numbers\"]", "", "`numbers` has the classes none, and `base` has no, yes"),
        ("[\"base\", \"others\"]", "", "`others` has the classes a, b, and `base` has no, yes"),
        ("[\"base\"]", "of = \"vectors\"\n", "vectors of width 0"),
        ("[\"base\"]", "weights = [0.5]\n", "add up to 0.5"),
        ("[\"base\"]", "weights = [0.5, 0.5]\n", "2 weights for 1 members"),
    ] {
        let teacher = format!(
            "[teacher.numbers.recorded]\npath = \"numbers.jsonl\"\n[teacher.others.recorded]\npath = \"others.jsonl\"\n\
             [teacher.given.ensemble]\nmembers = {members}\n{keys}"
        );
        recipe(path, &CLASSES, &teacher);
        let said = run(path, &["check", "recipe.toml"]).bad(2);
        assert!(said.contains(expected), "expected `{expected}`:\n{said}");
    }
}

/// The text that was asked about, the last line of the prompt; none of a request that a killed client did not send whole.
fn asked_text(asked: &Asked) -> Option<String> {
    let prompt = asked.body["messages"].as_array()?.last()?["content"].as_str()?;
    prompt.rsplit('\n').next().map(str::to_owned)
}

/// A server that says `yes` of texts with a good thing in them and `no` of others, or nothing that is a class, and every so often
/// fails in one of many ways before it says anything.
fn misbehaving() -> Server {
    Server::start(|asked: &Asked, number| {
        let text = asked_text(asked).unwrap_or_default();
        let answer = match () {
            () if text.contains("night road") => "Perhaps.",
            () if text.contains("good") => "yes",
            () => "No.",
        };
        let whole = endpoint_server::chat(&[answer]).to_string();
        match number % 40 {
            3 => Reply::Status(429, "retry-after: 0\r\n".into(), "{}".into()),
            9 => Reply::status(429, "slow down"),
            15 => Reply::status(500, "{\"error\": {\"message\": \"overloaded\"}}"),
            21 => Reply::CutOff(whole),
            27 => Reply::status(200, "<html>not JSON</html>"),
            33 => Reply::Closed,
            _ => Reply::chat(answer).after(Duration::from_millis(5)),
        }
    })
}

const SECRET: &str = "sk-c2VjcmV0LW9mLXRlc3Rz";

/// The texts that a file of answers has, but for a torn line at its end.
fn answered(file: &Path) -> HashSet<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| crate::common::json(line)["text"].as_str().unwrap().to_owned()).collect()
}

/// `ALAMBIC_TEST_TEXTS` sets how many texts are asked about.
#[test]
fn killed_runs_ask_an_endpoint_nothing_twice_and_end_with_the_same_student() {
    let count = std::env::var("ALAMBIC_TEST_TEXTS").map_or(240, |count| count.parse().unwrap());
    let folder = place_of(&CLASSES, count);
    let path = folder.path();
    let server = misbehaving();
    let teacher = |answers: &str| {
        format!(
            "[teacher.given.endpoint]\nbase-url = \"{}\"\nmodel = \"tiny\"\noutput = \"labels\"\n\
             classes = [\"no\", \"yes\"]\nanswers = \"{answers}\"\nkey-variable = \"TEST_KEY\"\n\
             prompt = \"{{classes}}?\\n{{text}}\"\nretry-seconds = 0.001\nconcurrency = 8\n",
            server.base_url()
        )
    };
    let started = |out: &str, more: &[&str]| {
        let mut command = alambic(path);
        command.args(["run", "recipe.toml", "--out", out]).args(more).env("TEST_KEY", SECRET);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    recipe(path, &CLASSES, &teacher("undisturbed.jsonl"));
    let said = run(path, &["check", "recipe.toml"]).bad(2);
    assert!(said.contains("TEST_KEY"), "{said}");
    let begin = Instant::now();
    let ended = started("undisturbed", &[]).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}");
    let requests = server.take_log().len();
    eprintln!("{count} texts, {requests} requests, {:.1} s with the training", begin.elapsed().as_secs_f64());
    let report = std::fs::read_to_string(path.join("undisturbed/report.md")).unwrap();
    assert!(report.contains("do not parse"), "{report}");

    recipe(path, &CLASSES, &teacher("killed.jsonl"));
    let file = path.join("killed.jsonl");
    let mut known = HashSet::new();
    // The texts that were asked about since the last call, though they had an answer before.
    let asked_again = |known: &HashSet<String>| {
        server.take_log().iter().filter_map(asked_text).filter(|text| known.contains(text)).count()
    };
    for kill in 1..=3 {
        let more: &[&str] = if kill > 1 { &["--resume"] } else { &[] };
        let mut running = started("killed", more);
        while answered(&file).len() < count * kill / 5 {
            assert!(running.try_wait().unwrap().is_none(), "the run ended before it was killed");
            sleep(Duration::from_millis(2));
        }
        running.kill().unwrap();
        running.wait().unwrap();
        assert_eq!(asked_again(&known), 0);
        known = answered(&file);
        // What was under way at the kill may be asked again.
        sleep(Duration::from_millis(50));
        server.take_log();
    }
    let ended = started("killed", &["--resume"]).wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(asked_again(&known), 0);
    assert!(student(&path.join("killed")) == student(&path.join("undisturbed")));
    let holds_key = |file: &std::path::PathBuf| {
        let bytes = std::fs::read(file).unwrap();
        bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
    };
    let all = files_below(path);
    assert!(all.len() > 20);
    assert_eq!(all.into_iter().filter(holds_key).collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
