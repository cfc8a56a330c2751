//! Suites that reproduce published scripts, shared by ranks, and broken in many ways.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{json_of, launched, launchers, run, tiny_encoder};
use alambic_models::text_encoder::{Family, HeadSpec, Pooling, PoolingMode, Structure, TokenPooling};
use alambic_models::{Tokenizer, TokenizerModel};
use serde_json::{Value, json};

/// Writes a file and the folders that it lies in.
fn write(folder: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Models and values of `inference/tests/pieces_and_padding/make.py`.
fn reproduced() -> (PathBuf, Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inference/tests/pieces_and_padding");
    let expected = json_of(&folder.join("expected.json"));
    (folder, expected)
}

/// Names and sentences as `IndicXTREME` scores them, with a key of the one or the other.
fn indic(pieces: &str, padding: &str) -> String {
    format!(
        "schema = 1\nname = \"indic\"\nsource = \"en\"\n\
         [task.ner]\nkind = \"token-classification\"\ncorpus.naamapadam = {{}}\nlanguages = [\"hi\"]\n\
         metrics = [\"chunk-f1\"]\ntrain = {{ max-length = 16 }}\n{pieces}\n\
         [task.flores]\nkind = \"bitext-retrieval\"\ncorpus.flores = {{}}\nlanguages = [\"hi\"]\n\
         metrics = [\"accuracy\"]\n{padding}\n\
         [task.other]\nkind = \"text-classification\"\ncorpus.xtreme-xnli = {{}}\nlanguages = [\"en\"]\n\
         metrics = [\"accuracy\"]\n"
    )
}

#[test]
fn pieces_and_padding_score_as_the_published_scripts_do() {
    let (models, expected) = reproduced();
    for name in ["bert", "xlm-roberta"] {
        let own = &expected["models"][name];
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let rows = own["sentences"].as_array().unwrap().iter();
        let rows =
            rows.map(|own| json!({ "tokens": own["words"], "ner_tags": own["tags"] }).to_string() + "\n");
        write(folder, "data/ner/hi_test.json", rows.collect::<String>());
        for (file, key) in [("eng_Latn", "english"), ("hin_Deva", "hindi")] {
            let lines: Vec<String> = serde_json::from_value(expected[key].clone()).unwrap();
            write(folder, &format!("data/flores/devtest/{file}.devtest"), lines.join("\n") + "\n");
        }
        write(folder, "all.toml", indic("pieces = \"all\"", "padding = \"counted\""));
        write(folder, "words.toml", indic("", ""));
        let model = models.join(name).display().to_string();
        let evaluate = |suite: &str, out: &str| {
            run(
                folder,
                &["evaluate", &format!("m={model}"), "--suite", suite, "--data", "data", "--out", out],
            )
            .done();
            json_of(&folder.join(out).join("suite.json"))["models"]["m"]["tasks"].clone()
        };
        let value = |tasks: &Value, task: &str, metric: &str| {
            tasks[task]["metrics"][metric]["languages"]["hi"]["value"].as_f64().unwrap()
        };
        let tasks = evaluate("all.toml", "all");
        let f1 = own["chunk-f1"].as_f64().unwrap();
        assert!((value(&tasks, "ner", "chunk-f1") - f1).abs() < 1e-9, "{name}: {tasks} {f1}");
        let places: Vec<usize> = serde_json::from_value(own["places"].clone()).unwrap();
        let written: Vec<String> = places.iter().map(|place| format!("{place}\n")).collect();
        let found = fs::read_to_string(folder.join("all/predictions/m/flores/test-hi.tsv")).unwrap();
        assert_eq!(found, written.concat(), "{name}");
        let page = fs::read_to_string(folder.join("all/report.md")).unwrap();
        for said in ["scored by pieces of words", "the mean over all 128 positions, padding counted"] {
            assert!(page.contains(said), "{said}\n{page}");
        }
        // Files of pieces are scored as they are, and words are another score.
        let again = run(
            folder,
            &["score", "all/predictions/m", "data", "--suite", "all.toml", "--out", "again", "--model", "m"],
        );
        again.done();
        assert_eq!(json_of(&folder.join("again/suite.json"))["models"]["m"]["tasks"], tasks);
        let words = evaluate("words.toml", "words");
        assert_ne!(value(&words, "ner", "chunk-f1"), value(&tasks, "ner", "chunk-f1"));
        let page = fs::read_to_string(folder.join("words/report.md")).unwrap();
        assert!(!page.contains("pieces") && !page.contains("padding"), "{page}");
    }
}

#[test]
fn all_pieces_are_trained_on_where_all_are_scored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Words of letters of their own, each of which is a piece.
    let words = [("cab", "B-PER"), ("fed", "O"), ("hig", "B-LOC")];
    let row = |number: usize| {
        let own: Vec<(&str, &str)> = (0..3).map(|place| words[(number / 3_usize.pow(place)) % 3]).collect();
        let (tokens, tags): (Vec<&str>, Vec<&str>) = own.into_iter().unzip();
        json!({ "tokens": tokens, "ner_tags": tags }).to_string() + "\n"
    };
    let rows: String = (0..27).map(row).collect();
    write(folder, "data/ner/en_train.json", &rows);
    write(folder, "data/ner/en_test.json", &rows);
    let suite = indic("pieces = \"all\"", "").replace("[\"hi\"]", "[\"en\"]");
    let train = "max-length = 16, epochs = 20, batch = 9, learning-rate = 1e-2";
    write(folder, "all.toml", suite.replace("max-length = 16", train));
    let tokenizer = Tokenizer::train(TokenizerModel::WordPiece, ["c a b f e d h i g"], 40).unwrap();
    tiny_encoder(&folder.join("model"), &tokenizer, 32, &HeadSpec::none(), |config| {
        (config.width, config.intermediate_size) = (16, 32);
    });
    let arguments =
        ["evaluate", "model", "--suite", "all.toml", "--data", "data", "--tasks", "ner", "--out", "e"];
    run(folder, &arguments).done();
    let recipe = fs::read_to_string(folder.join("e/recipes/model/ner.toml")).unwrap();
    assert!(recipe.contains("label-all-tokens = true"), "{recipe}");
    let suite = json_of(&folder.join("e/suite.json"));
    let metric = &suite["models"]["model"]["tasks"]["ner"]["metrics"]["chunk-f1"];
    // Tags of later pieces are learnt as those of first ones are.
    assert!(metric["languages"]["en"]["value"].as_f64().unwrap() > 0.9, "{suite}");
    let found = fs::read_to_string(folder.join("e/predictions/model/ner/test-en.tsv")).unwrap();
    assert_eq!(found.lines().filter(|line| !line.is_empty()).count(), 27 * 9, "a line a piece\n{found}");
}

/// Texts with the letters of the smoke suite.
const LETTERS: [&str; 3] = [
    "is there a red circle ? the blue square is on the left . please send two boxes of olive tiles to mr chester",
    "क्या कोई लाल वृत्त है ? नीला वर्ग बाईं ओर है ।",
    "赤い丸がありますか 青い四角は左にあります 。？",
];

/// An encoder over the letters of the smoke suite.
fn letters(folder: &Path) {
    let tokenizer = Tokenizer::train(TokenizerModel::WordPiece, LETTERS, 300).unwrap();
    tiny_encoder(&folder.join("model"), &tokenizer, 128, &HeadSpec::none(), |config| {
        (config.width, config.intermediate_size) = (16, 32);
        config.pooling = Some(Pooling::new(PoolingMode::Tokens(vec![TokenPooling::Mean]), false));
    });
}

#[test]
fn ranks_share_the_tasks_of_an_evaluation() {
    let arguments = |out: &str| {
        let out = out.to_owned();
        ["evaluate", "model", "--suite", "builtin:smoke", "--out"].map(str::to_owned).into_iter().chain([out])
    };
    for launcher in launchers() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        letters(folder);
        let alone: Vec<String> = arguments("alone").collect();
        run(folder, &alone.iter().map(String::as_str).collect::<Vec<_>>()).done();
        let whole = fs::read(folder.join("alone/suite.json")).unwrap();
        // As many ranks as tasks share them, and one more has none.
        for ranks in ["2", "4"] {
            let out = format!("shared-{ranks}");
            let mut command = launched(launcher, folder);
            command.args(["-n", ranks, env!("CARGO_BIN_EXE_alambic")]).args(arguments(&out));
            let ended = command.output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            assert!(ended.status.success(), "{launcher:?}: {said}");
            // The first rank alone prints.
            let printed = String::from_utf8_lossy(&ended.stdout);
            assert_eq!(printed.matches("report:").count(), 1, "{printed}");
            assert_eq!(
                fs::read(folder.join(&out).join("suite.json")).unwrap(),
                whole,
                "{launcher:?}, {ranks}"
            );
        }
        // What is wrong ends all of them.
        let mut command = launched(launcher, folder);
        command.args(["-n", "2", env!("CARGO_BIN_EXE_alambic")]).args(arguments("shared-2"));
        let ended = command.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && said.contains("`--resume`"), "{launcher:?}: {said}");
    }
}

/// A suite of one task, trained in English and asked in English and Hindi.
fn one(kind: &str, corpus: &str, metric: &str, more: &str) -> String {
    format!(
        "schema = 1\nname = \"one\"\nsource = \"en\"\n[task.t]\nkind = \"{kind}\"\ncorpus.{corpus}\n\
         languages = [\"en\", \"hi\"]\nmetrics = [\"{metric}\"]\n{more}"
    )
}

/// A suite of classes of texts in a table of one's own.
fn moods(more: &str) -> String {
    let table =
        "text-table = { file = \"test.tsv\", train-file = \"train.tsv\", language-column = \"language\" }";
    one("text-classification", table, "accuracy", &format!("train = {{ epochs = 1, batch = 4 }}\n{more}"))
}

/// A suite of XNLI.
fn inference(more: &str) -> String {
    one("text-classification", "xtreme-xnli = {}", "accuracy", more)
}

/// Something that is wrong with a suite or its files, and what is said of it.
struct Broken {
    /// What is wrong.
    kind: &'static str,
    suite: String,
    files: Vec<(&'static str, Vec<u8>)>,
    /// The command, without the suite.
    command: &'static [&'static str],
    code: i32,
    /// File, line or key, and what is to be done.
    said: &'static [&'static str],
}

const SCORE: &[&str] = &["score", "predictions", "data"];
const EVALUATE: &[&str] = &["evaluate", "MODEL", "--data", "data"];

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn broken() -> Vec<Broken> {
    let new = |kind, suite: String, files: &[(&'static str, &str)], command, code, said| Broken {
        kind,
        suite,
        files: files.iter().map(|(path, text)| (*path, text.as_bytes().to_vec())).collect(),
        command,
        code,
        said,
    };
    let of_suite = |kind, suite: String, said| new(kind, suite, &[], SCORE, 2, said);
    let table = |german: [&str; 2]| {
        format!(
            "language\ttext\tlabel\nen\tfine\tgood\nen\tpoor\tbad\nhi\tअ\t{}\nhi\tब\t{}\n",
            german[0], german[1]
        )
    };
    let sound = table(["good", "bad"]);
    let (named, tags) = ("naamapadam = {}", "token-classification");
    let gzip = |text: &str| {
        // A member of gzip that ends before its end.
        [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], text.as_bytes()].concat()
    };
    let mut all = vec![
        of_suite(
            "task without a corpus",
            inference("").replace("corpus.xtreme-xnli = {}\n", ""),
            &["suite.toml:4", "missing key `corpus`"],
        ),
        of_suite(
            "corpus that is not known",
            inference("").replace("xtreme-xnli", "xtrem-xnli"),
            &["suite.toml:6", "did you mean `xtreme-xnli`?"],
        ),
        of_suite("metric of another kind", inference("").replace("accuracy", "pair-f1"), &["suite.toml:8", "metrics of the kind"]),
        of_suite("duplicate task", format!("{0}[task.t]\nkind = \"text-classification\"\n", inference("")), &["suite.toml:9", "duplicate"]),
        of_suite("language named twice", inference("").replace("\"hi\"]", "\"hi\", \"hi\"]"), &["suite.toml:7", "`hi` is named twice"]),
        of_suite("suite of a newer schema", inference("").replace("schema = 1", "schema = 99"), &["suite.toml:1", "reads schema 1"]),
        of_suite(
            "extends a suite that is not there",
            format!("extends = \"builtin:xtrem\"\n{}", inference("")),
            &["suite.toml:1", "`builtin:xtreme`"],
        ),
        of_suite("extends a file that is not there", format!("extends = \"none.toml\"\n{}", inference("")), &["none.toml"]),
        of_suite("extends itself", format!("extends = \"suite.toml\"\n{}", inference("")), &["suite.toml", "cyclic"]),
        of_suite("average without a language that is nowhere", inference("").replace("[task.t]", "average-without = [\"xx\"]\n[task.t]"), &["suite.toml:4", "`average-without` names"]),
        of_suite("learning rate below nothing", inference("train = { learning-rate = -1.0 }\n"), &["suite.toml:9", "learning-rate"]),
        of_suite("pieces of no words", inference("pieces = \"all\"\n"), &["suite.toml:9", "`pieces` of `task.t`", "leave it out"]),
        of_suite("padding of no embedding", inference("padding = \"counted\"\n"), &["suite.toml:9", "`padding` of `task.t`", "leave it out"]),
        of_suite("pieces that are none", one(tags, named, "chunk-f1", "pieces = \"some\"\n"), &["suite.toml:9", "`all`"]),
        of_suite("suite that ends in the middle", inference("[task"), &["suite.toml:9"]),
        new("language that the corpus lacks", moods(""), &[("data/t/train.tsv", &sound), ("data/t/test.tsv", &sound.replace("hi\t", "nl\t"))], EVALUATE, 1, &["test.tsv", "no row is of the language `hi`", "leave the language out"]),
        new("labels that differ between languages", moods(""), &[("data/t/train.tsv", &sound), ("data/t/test.tsv", &table(["अच्छा", "बुरा"]))], EVALUATE, 1, &["test.tsv", "none of the labels of `hi` is one of those of `en`", "name classes alike"]),
        new("column that is not there", moods(""), &[("data/t/train.tsv", &sound), ("data/t/test.tsv", &sound.replace("label", "class"))], EVALUATE, 1, &["test.tsv", "`label`"]),
        new("empty test part", inference(""), &[("data/t/test-en.tsv", "neutral\n"), ("data/t/test-hi.tsv", ""), ("predictions/t/test-en.tsv", "neutral\n"), ("predictions/t/test-hi.tsv", "neutral\n")], SCORE, 1, &["data/t/test-hi.tsv", "the file has no example", "fetch the file anew"]),
        new("empty folder", inference(""), &[("data/t/.keep", "")], EVALUATE, 2, &["no inputs in en, hi", "`data/t` has no `test-en.tsv`"]),
        new("no folder", inference(""), &[("data/u/test-en.tsv", "")], EVALUATE, 2, &["there is no folder `data/t`"]),
        new("file of another benchmark", inference(""), &[("data/t/test-hi.tsv", "O\nB-PER\n\nO\n"), ("predictions/t/test-hi.tsv", "neutral\n")], SCORE, 1, &["data/t/test-hi.tsv:1", "`O`", "contradiction"]),
        new("questions in the place of tags", one(tags, named, "chunk-f1", ""), &[("data/t/hi_test.json", "{\"data\": []}\n"), ("predictions/t/test-hi.tsv", "O\n")], SCORE, 1, &["hi_test.json", "ner_tags"]),
        new("crossed ids and texts", one("bitext-mining", "xtreme-bucc = {}", "pair-f1", ""), &[("data/t/hi-en.test.hi", "एक\thi-1\nदो\thi-2\n"), ("data/t/hi-en.test.en", "one\ten-1\ntwo\ten-2\n"), ("data/t/hi-en.test.gold", "hi-1\ten-1\n")], EVALUATE, 1, &["hi-en.test", "are not those of these 1 labels", "columns"]),
        new("crossed premise and label", inference("train = { epochs = 1 }\n"), &[("data/t/train-en.tsv", "neutral\ta b\tc d\nentailment\te f\tg h\n"), ("data/t/test-en.tsv", "a b\tc d\tneutral\n"), ("data/t/test-hi.tsv", "a b\tc d\tneutral\n")], EVALUATE, 1, &["train-en.tsv:1", "`c d` is not one of"]),
        new("crossed languages", one("bitext-retrieval", "flores = {}", "accuracy", "").replace("\"en\", \"hi\"]", "\"hi\"]").replace("[\"accuracy\"]\n", "[\"accuracy\"]\n[task.u]\nkind = \"bitext-retrieval\"\ncorpus.made-up = { content = \"translations\" }\nlanguages = [\"en\", \"hi\"]\nmetrics = [\"accuracy\"]\n"), &[("data/t/devtest/eng_Latn.devtest", "एक\nदो\n"), ("data/t/devtest/hin_Deva.devtest", "one\ntwo\n")], EVALUATE, 1, &["hin_Deva.devtest", "2 of 2 sentences of `hi` have no letter of its script", "exchange"]),
        new("translations of another number", one("bitext-retrieval", "flores = {}", "accuracy", ""), &[("data/t/devtest/eng_Latn.devtest", "one\ntwo\n"), ("data/t/devtest/hin_Deva.devtest", "एक\n")], EVALUATE, 1, &["hin_Deva.devtest", "1 lines and 2 of English"]),
        new("words and tags of another number", one(tags, named, "chunk-f1", ""), &[("data/t/hi_test.json", "{\"tokens\": [\"क\", \"ख\"], \"ner_tags\": [\"O\"]}\n")], EVALUATE, 1, &["hi_test.json:1", "2 words and 1 tags"]),
        new("truncated JSON", one("question-answering", "xtreme-xquad = {}", "squad-f1", ""), &[("data/t/xquad.hi.json", "{\"data\": [\n{\"paragraphs\": [{\"qas\": [{\"id\":"), ("predictions/t/test-hi.json", "{}")], SCORE, 1, &["xquad.hi.json:2", "JSON"]),
        new("more predictions than labels", inference(""), &[("data/t/test-hi.tsv", "neutral\n"), ("predictions/t/test-hi.tsv", "neutral\nneutral\n")], SCORE, 1, &["predictions/t/test-hi.tsv:2", "2 lines where the labels in"]),
        new("pieces of a word beyond the sentence", one(tags, named, "chunk-f1", "pieces = \"all\"\n"), &[("data/t/hi_test.json", "{\"tokens\": [\"क\"], \"ner_tags\": [\"O\"]}\n"), ("predictions/t/test-hi.tsv", "O\t0\nO\t1\n")], SCORE, 1, &["test-hi.tsv:2", "the place 1 is beyond the last one, 0"]),
        new("tags of words where pieces are scored", one(tags, named, "chunk-f1", "pieces = \"all\"\n"), &[("data/t/hi_test.json", "{\"tokens\": [\"क\"], \"ner_tags\": [\"O\"]}\n"), ("predictions/t/test-hi.tsv", "O\n")], SCORE, 1, &["test-hi.tsv:1", "the place of its word is expected here"]),
        new("pieces in another order", one(tags, named, "chunk-f1", "pieces = \"all\"\n"), &[("data/t/hi_test.json", "{\"tokens\": [\"क\", \"ख\"], \"ner_tags\": [\"O\", \"O\"]}\n"), ("predictions/t/test-hi.tsv", "O\t1\nO\t0\n")], SCORE, 1, &["test-hi.tsv:2", "a piece of word 0 stands behind one of word 1"]),
        new("no predictions at all", inference(""), &[("data/t/test-hi.tsv", "neutral\n")], SCORE, 2, &["there is no folder `predictions`"]),
        new("few examples of no file", moods("few-shot = { file = \"few-{language}-{shots}.tsv\", shots = [2] }\n"), &[("data/t/train.tsv", &sound), ("data/t/test.tsv", &sound)], &["evaluate", "MODEL", "--data", "data", "--setting", "few-shot", "--shots", "3"], 2, &["it has 3 shots in no file, but 2"]),
        new("translations that the suite does not name", inference(""), &[("data/t/test-hi.tsv", "neutral\n")], &["evaluate", "MODEL", "--data", "data", "--setting", "translate-test"], 2, &["`translated.test` names no translations"]),
        new("model that is none", inference(""), &[("data/t/test-hi.tsv", "neutral\n"), ("no/model.txt", "")], &["evaluate", "no", "--data", "data"], 1, &["no", "config.json"]),
    ];
    let results = |kind, text: &str, said| Broken {
        kind,
        suite: String::new(),
        files: vec![("xGQA_0.csv", text.as_bytes().to_vec())],
        command: &["score", "xGQA_0.csv"],
        code: 1,
        said,
    };
    all.extend([
        results("results that are NaN", "model,en,bn\nuc2,NaN,19.9\n", &["xGQA_0.csv:2", "`NaN`", "number"]),
        results("results beyond a hundred", "model,en,bn\nuc2,155.2,19.9\n", &["xGQA_0.csv:2", "`155.2`"]),
        results("results of an unknown language", "model,en,xx\nuc2,55.2,19.9\n", &["xGQA_0.csv:1", "`xx`"]),
        results("results of no model", "name,en\nuc2,55.2\n", &["xGQA_0.csv", "`model`"]),
        results("results of a model twice", "model,en\nuc2,55.2\nuc2,55.2\n", &["xGQA_0.csv:3", "`uc2`"]),
        results("results in ragged rows", "model,en\nuc2,55.2,1\n", &["xGQA_0.csv:2", "column"]),
    ]);
    let bytes = |kind, bytes: Vec<u8>, name, said| Broken {
        kind,
        suite: inference(""),
        files: vec![("data/t/test-hi.tsv", b"neutral\n".to_vec()), (name, bytes)],
        command: SCORE,
        code: 1,
        said,
    };
    let utf16: Vec<u8> = "\u{feff}neutral\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    all.extend([
        bytes(
            "gzip that is damaged",
            gzip("neutral"),
            "predictions/t/test-hi.tsv.gz",
            &["test-hi.tsv.gz", "gzip"],
        ),
        bytes(
            "UTF-16 that ends within a character",
            utf16[..utf16.len() - 1].to_vec(),
            "predictions/t/test-hi.tsv",
            &["test-hi.tsv", "UTF-16"],
        ),
        bytes(
            "bytes that are no UTF-8",
            b"neutr\xff\n".to_vec(),
            "predictions/t/test-hi.tsv",
            &["predictions/t/test-hi.tsv:1", "UTF-8"],
        ),
        bytes(
            "table in the place of lines",
            b"PAR1\x15\x04PAR1".to_vec(),
            "predictions/t/test-hi.tsv",
            &["predictions/t/test-hi.tsv", "Parquet"],
        ),
    ]);
    all
}

#[test]
fn broken_suites_and_corpora_are_refused_by_file_line_and_action() {
    let models = tempfile::tempdir().unwrap();
    letters(models.path());
    let model = models.path().join("model").display().to_string();
    let all = broken();
    let kinds: std::collections::BTreeSet<&str> = all.iter().map(|own| own.kind).collect();
    assert!(kinds.len() == all.len() && kinds.len() >= 45, "{} kinds", kinds.len());
    let mut faults = Vec::new();
    for own in &all {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "suite.toml", &own.suite);
        for (path, bytes) in &own.files {
            write(folder, path, bytes);
        }
        let suite = if own.suite.is_empty() { "builtin:iglue" } else { "suite.toml" };
        let command: Vec<&str> =
            own.command.iter().map(|part| if *part == "MODEL" { model.as_str() } else { part }).collect();
        let ended = run(folder, &[&command[..], &["--suite", suite]].concat());
        let is_said = own.said.iter().all(|part| ended.stderr.contains(part));
        let is_clean = !ended.stderr.contains("should not have happened") && ended.stdout.is_empty();
        if ended.code != Some(own.code) || !is_said || !is_clean {
            faults.push(format!("{}: {:?}\n{}\n{}", own.kind, ended.code, ended.stdout, ended.stderr));
        }
        if folder.join("evaluations/one/trainings").exists() {
            faults.push(format!("{}: something is trained before it is said", own.kind));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), all.len(), faults.join("\n---\n"));
}

#[test]
fn predictions_in_utf16_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(
        folder,
        "suite.toml",
        inference("").replace("\"en\", \"hi\"]", "\"hi\"]").replace("source = \"en\"", "source = \"hi\""),
    );
    write(folder, "data/t/test-hi.tsv", "neutral\n");
    let utf16: Vec<u8> = "\u{feff}neutral\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(folder, "predictions/t/test-hi.tsv", utf16);
    run(folder, &["score", "predictions", "data", "--suite", "suite.toml", "--out", "out", "--model", "m"])
        .done();
    let outcome = json_of(&folder.join("out/suite.json"));
    assert_eq!(outcome["models"]["m"]["all"], 1.0);
}

/// An XLM over the letters of the smoke suite, with embeddings of English and Hindi.
fn xlm(folder: &Path) {
    let tokenizer = Tokenizer::train(TokenizerModel::WordPiece, LETTERS, 300).unwrap();
    tiny_encoder(&folder.join("xlm"), &tokenizer, 128, &HeadSpec::none(), |config| {
        config.family = Family::Xlm;
        (config.width, config.intermediate_size, config.segments) = (16, 64, 0);
        config.structure = Structure {
            masks_embeddings: true,
            languages: 2,
            language_numbers: [("en".to_owned(), 0), ("hi".to_owned(), 1)].into(),
            ..Structure::default()
        };
        config.pooling = Some(Pooling::new(PoolingMode::Tokens(vec![TokenPooling::Mean]), false));
    });
}

#[test]
fn xlm_is_told_the_language_of_texts() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    xlm(folder);
    letters(folder);
    let predict = |more: &[&str]| run(folder, &[&["predict", "xlm", "a red circle"], more].concat());
    let (untold, english, hindi) =
        (predict(&[]).good(), predict(&["--language", "en"]).good(), predict(&["--language", "hi"]).good());
    assert!(untold != english && english != hindi && untold != hindi);
    let said = predict(&["--language", "ja"]).bad(1);
    assert!(said.contains("no embedding of the language `ja`; it has en, hi"), "{said}");
    let said = run(folder, &["predict", "model", "a", "--language", "en"]).bad(2);
    assert!(said.contains("this one is not told them"), "{said}");
    // Fine-tuned and asked in the languages that it has.
    let smoke = ["evaluate", "xlm", "--suite", "builtin:smoke", "--out", "e"];
    run(folder, &smoke).done();
    let recipe = fs::read_to_string(folder.join("e/recipes/xlm/sentences.toml")).unwrap();
    assert!(recipe.contains("language = \"en\""), "{recipe}");
    let suite = json_of(&folder.join("e/suite.json"));
    let missing = suite["missing"].to_string();
    assert!(missing.contains("xlm: ja: ") && missing.contains("it has en, hi"), "{missing}");
    let tasks = &suite["models"]["xlm"]["tasks"];
    assert!(tasks["sentences"]["metrics"]["accuracy"]["languages"]["hi"]["value"].is_number());
    assert!(tasks["sentences"]["metrics"]["accuracy"]["average"].is_null(), "a language is missing");
    // The embedding of the source is trained, and that of the other language only decays.
    let tuned = folder.join("e/trainings/xlm/sentences/checkpoints/fine-tune/finished");
    let table = |model: &Path| -> Vec<Vec<f32>> {
        let weights = alambic_models::load_recorded(&model.join("model.safetensors")).unwrap();
        let name = weights.keys().find(|name| name.ends_with("lang_embeddings.weight")).unwrap();
        weights[name].to_vec2::<f32>().unwrap()
    };
    let (before, after) = (table(&folder.join("xlm")), table(&tuned));
    let moved = |row: usize| -> f32 {
        before[row].iter().zip(&after[row]).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
    };
    assert!(moved(0) > 20.0 * moved(1), "{} and {}", moved(0), moved(1));
    let config = json_of(&tuned.join("config.json"));
    assert_eq!((&config["lang2id"]["hi"], &config["id2lang"]["1"]), (&json!(1), &json!("hi")));
}
