//! Search from a recipe to students that retrieve and rerank.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{json, json_of, run};
use serde_json::Value;

/// Runs a smoke recipe and gives what came of it.
fn outcome(folder: &Path, recipe: &str, more: &[&str]) -> Value {
    let recipe = format!("builtin:search/smoke/{recipe}");
    json(&run(folder, &[&["run", &recipe, "--out", "run", "--json"], more].concat()).done())
}

/// How sentence-transformers is told to compare the vectors of a student.
fn similarity(student: &Path) -> Value {
    json_of(&student.join("config_sentence_transformers.json"))["similarity_fn_name"].clone()
}

fn metric(outcome: &Value, model: &str, name: &str) -> f64 {
    outcome["models"][model]["metrics"][name].as_f64().unwrap()
}

#[test]
fn bi_encoder_that_learns_from_a_cross_encoder_finds_more_than_words_do() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = outcome(folder.path(), "cross-to-bi", &[]);
    let words = metric(&outcome, "bm25", "ndcg-at-10");
    assert!((0.2..0.8).contains(&words), "BM25 is good and can be beaten: {words}");
    for model in ["student", "baseline"] {
        let own = metric(&outcome, model, "ndcg-at-10");
        assert!(own > words + 0.1, "{model} has {own} and BM25 {words}");
    }
    assert!(metric(&outcome, "teacher", "mrr-at-10") > 0.1);
    assert!(outcome["fidelity"]["agreement"].is_f64() && outcome["ratios"]["speedup"].is_f64());
    let student = folder.path().join("run/student");
    assert!(student.join("modules.json").is_file() && student.join("1_Pooling/config.json").is_file());
    assert_eq!(similarity(&student), "cosine");
    let card = std::fs::read_to_string(student.join("README.md")).unwrap();
    assert!(card.contains("SentenceTransformer") && card.contains("model.similarity("), "{card}");
    assert!(card.contains("Retrieval: "), "{card}");
    let report = std::fs::read_to_string(folder.path().join("run/report.md")).unwrap();
    assert!(report.contains("Retrieval: ") && report.contains("bm25"), "{report}");
    let said = run(folder.path(), &["predict", "run/student", "--json", "where to buy bikes in goa"]).good();
    assert!(json(&said)["embedding"].as_array().unwrap().len() == 24, "{said}");
}

#[test]
fn reranker_scores_pairs_and_reranks_what_words_find() {
    let folder = tempfile::tempdir().unwrap();
    let few = [
        "--set",
        "train.steps=20",
        "--set",
        "stage.judge.train.steps=20",
        "--set",
        "train.validate-every=10",
    ];
    let outcome = outcome(folder.path(), "reranker", &few);
    for model in ["teacher", "student", "baseline"] {
        // What BM25 does not find first is not reranked.
        let (own, words) =
            (metric(&outcome, model, "recall-at-100"), metric(&outcome, "bm25", "recall-at-100"));
        assert!(own <= words + 1e-9, "{model} has {own} and BM25 {words}");
    }
    let config = json_of(&folder.path().join("run/student/config.json"));
    assert_eq!(config["architectures"][0], "BertForSequenceClassification");
    assert_eq!(config["sentence_transformers"]["activation_fn"], "torch.nn.modules.linear.Identity");
    let card = std::fs::read_to_string(folder.path().join("run/student/README.md")).unwrap();
    assert!(card.contains("CrossEncoder(\".\")") && card.contains("Reranking: "), "{card}");
    let line = "where to buy bikes in goa\tshop of anna sells bicycles in goa";
    let said = json(&run(folder.path(), &["predict", "run/student", "--json", line]).good());
    let logit = said["prediction"].as_f64().unwrap();
    assert!(said.get("probabilities").is_none(), "{said}");
    // Where nothing says what the one number is, it is a probability, as in transformers and sentence-transformers.
    let path = folder.path().join("run/student/config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let keys = config.as_object_mut().unwrap();
    for key in ["problem_type", "sentence_transformers", "sbert_ce_default_activation_function"] {
        keys.remove(key);
    }
    std::fs::write(&path, config.to_string()).unwrap();
    std::fs::remove_file(folder.path().join("run/student/digests.json")).unwrap();
    let said = json(&run(folder.path(), &["predict", "run/student", "--json", line]).good());
    let probability = 1.0 / (1.0 + (-logit).exp());
    let found = [&said["prediction"], said["probabilities"].as_object().unwrap().values().next().unwrap()];
    assert!(found.iter().all(|own| (own.as_f64().unwrap() - probability).abs() < 1e-6), "{said}");
    assert!(run(folder.path(), &["predict", "run/student", "bikes"]).bad(2).contains("pairs of texts"));
}

#[test]
fn run_over_queries_that_is_resumed_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let few = [
        ["--set", "train.validate-every=6"],
        ["--set", "train.checkpoint-every=4"],
        ["--set", "stage.general.train.steps=8"],
        ["--set", "stage.judge.train.steps=8"],
        ["--set", "stage.distil.train.steps=12"],
        ["--set", "stage.distil.data.search.similarity=dot"],
        ["--set", "baseline.data.search.similarity=dot"],
    ]
    .concat();
    let arguments =
        |out: &'static str| [&["run", "builtin:search/smoke/cross-to-bi", "--out", out][..], &few].concat();
    run(folder.path(), &arguments("whole")).done();
    run(folder.path(), &arguments("cut")).done();
    // As if the process had ended within the last stage.
    std::fs::remove_file(folder.path().join("cut/metrics.json")).unwrap();
    std::fs::remove_dir_all(folder.path().join("cut/checkpoints/distil")).unwrap();
    run(folder.path(), &["run", "--resume", "--out", "cut"]).done();
    let weights =
        |out: &str| std::fs::read(folder.path().join(out).join("student/model.safetensors")).unwrap();
    assert!(weights("whole") == weights("cut"));
    assert_eq!(similarity(&folder.path().join("whole/student")), "dot");
}

/// A small student over a table with scores, of which `more` lines of a recipe say how it learns.
fn of_table(folder: &Path, more: &str) -> String {
    let rows: Vec<String> = (0..60)
        .map(|number| {
            let word = ["bells", "lamps", "boats", "honey"][number % 4];
            let other = ["bells", "lamps", "boats", "honey"][(number + 1) % 4];
            format!(
                "{{\"query\": \"where are {word} of house {number}\", \"positive\": \"house {number} has {word}\", \
                 \"negative\": \"house {number} has {other}\", \"scores\": [{}, -1.5]}}\n",
                2 + number % 3
            )
        })
        .collect();
    std::fs::write(folder.join("triples.jsonl"), rows.concat()).unwrap();
    let answers: String = (0..60)
        .flat_map(|number| {
            let word = ["bells", "lamps", "boats", "honey"][number % 4];
            ["bells", "lamps", "boats", "honey"].map(|other| {
                let score = if other == word { 3.0 } else { -1.0 };
                format!("where are {word} of house {number}\thouse {number} has {other}\t{score}\n")
            })
        })
        .collect();
    std::fs::write(folder.join("answers.tsv"), format!("text\tsecond\tnumber\n{answers}")).unwrap();
    let recipe = format!(
        "schema = 1\nname = \"table\"\nstages = [\"small\"]\n\
         [data.houses.corpus.search-table]\npaths = \"triples.jsonl\"\n\
         [data.houses.split]\ntest-fraction = 0.2\nvalidation-fraction = 0.2\n\
         [model.small.encoder]\nlayers = 1\nwidth = 16\nheads = 2\nfeed-forward = 16\nmax-length = 24\npooling = \"mean\"\n\
         [train]\nsteps = 6\nbatch.size = 8\nvalidate-every = 3\n\
         [stage.small]\ndata.search = {{ data = [\"houses\"], max-length = 24 }}\n{more}\n\
         [evaluation]\ndata = [\"houses\"]\ntimed-examples = 4\n"
    );
    std::fs::write(folder.join("table.toml"), recipe).unwrap();
    run(folder, &["run", "table.toml", "--out", "run", "--json"]).done()
}

#[test]
fn scores_of_the_data_and_of_a_recorded_teacher_are_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let own = of_table(
        folder.path(),
        "loss.margin-mse = { scores = \"data\" }\nloss.list-kl = { scores = \"data\" }\nloss.pairwise-logistic = { scores = \"data\" }",
    );
    assert!(json(&own)["models"]["student"]["metrics"]["ndcg-at-10"].is_f64(), "{own}");
    let folder = tempfile::tempdir().unwrap();
    let recorded = of_table(
        folder.path(),
        "teacher = \"somebody\"\nloss.margin-mse = {}\nloss.pairwise-logistic = { target = \"probability\" }\n\
         [teacher.somebody.recorded]\npath = \"answers.tsv\"",
    );
    assert!(json(&recorded)["models"]["student"]["metrics"]["mrr-at-10"].is_f64(), "{recorded}");
}

#[test]
fn queries_that_nobody_judged_are_for_stages_with_a_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = folder.path().join("houses");
    std::fs::create_dir_all(corpus.join("qrels")).unwrap();
    let words = ["bells", "lamps", "boats", "honey"];
    let lines = |line: &dyn Fn(usize) -> String| (0..40).map(line).collect::<String>();
    let word = |number: usize| words[number % words.len()];
    let passage = |number: usize| {
        format!("{{\"_id\": \"p{number}\", \"text\": \"house {number} has {}\"}}\n", word(number))
    };
    let query = |number: usize| {
        format!("{{\"_id\": \"q{number}\", \"text\": \"where are {} of house {number}\"}}\n", word(number))
    };
    std::fs::write(corpus.join("corpus.jsonl"), lines(&passage)).unwrap();
    std::fs::write(corpus.join("queries.jsonl"), lines(&query)).unwrap();
    for (split, numbers) in [("train", 0..8), ("dev", 8..12), ("test", 12..16)] {
        let rows: Vec<String> = numbers.map(|number| format!("q{number}\tp{number}\t1\n")).collect();
        let path = corpus.join("qrels").join(format!("{split}.tsv"));
        std::fs::write(path, format!("query-id\tcorpus-id\tscore\n{}", rows.concat())).unwrap();
    }
    let model = "layers = 1\nwidth = 16\nheads = 2\nfeed-forward = 16\nmax-length = 24\n";
    let recipe = format!(
        "schema = 1\nname = \"log\"\nstages = [\"judge\", \"small\"]\n\
         [data.houses.corpus.beir]\nfolder = \"houses\"\nunjudged = true\n\
         [data.houses.split]\nvalidation-fraction = 0.0\n\
         [model.judge.encoder]\n{model}[model.small.encoder]\n{model}pooling = \"mean\"\n\
         [teacher.judge.checkpoint]\nstage = \"judge\"\n\
         [train]\nsteps = 6\nbatch.size = 4\nvalidate-every = 3\n\
         [stage.judge]\nstudent = \"judge\"\nloss.list-cross-entropy = {{}}\n\
         data.search = {{ data = [\"houses\"], encoder = \"cross-encoder\", mined-negatives = 5 }}\n\
         [stage.small]\nstudent = \"small\"\nteacher = \"judge\"\nloss.list-kl = {{}}\n\
         data.search = {{ data = [\"houses\"], mined-negatives = 5 }}\n\
         [evaluation]\ndata = [\"houses\"]\nteacher = \"judge\"\ntimed-examples = 4\n"
    );
    std::fs::write(folder.path().join("log.toml"), recipe).unwrap();
    let ended = run(folder.path(), &["run", "log.toml", "--out", "run"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // Eight are judged; of the 40 all but those of validation and test may be read.
    for expected in ["judge: 8 examples", "small: 32 examples"] {
        assert!(ended.stderr.contains(expected), "{expected}: {}", ended.stderr);
    }
    let plan = json(&run(folder.path(), &["plan", "log.toml", "--json"]).done());
    let counts: Vec<u64> = plan["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["examples"]["queries"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [8, 32], "{plan}");
}
