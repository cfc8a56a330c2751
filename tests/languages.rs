//! Texts in several languages: read, sampled, and evaluated by language.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::common::{json, json_of, run, run_with, student};
use serde_json::{Value, json as object};

/// Words of each language: what is talked of, and what is said of it, by class.
const WORDS: [(&str, [&str; 4], [&str; 2]); 3] = [
    ("en", ["film", "book", "song", "play"], ["good", "bad"]),
    ("es", ["cine", "libro", "canto", "drama"], ["bueno", "malo"]),
    ("da", ["biograf", "bog", "sang", "stykke"], ["god", "elendig"]),
];

/// Numbers below a bound, the same in every run of a test.
fn numbers() -> impl FnMut(usize) -> usize {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move |bound| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % bound
    }
}

/// The head of a recipe with one student of two layers, trained on labels for a few steps.
fn recipe(data: &str, stage: &str, evaluation: &str) -> String {
    format!(
        "schema = 1\nname = \"languages\"\nseed = 3\nthreads = 2\nstages = [\"small\"]\n{data}\n\
         [model.small.encoder]\nlayers = 1\nwidth = 32\nheads = 2\nfeed-forward = 32\nmax-length = 64\n\
         [train]\nsteps = 30\nvalidate-every = 10\nvalidation-examples = 20\ncheckpoint-every = 4\nbatch.size = 8\n\
         optimiser.adamw.learning-rate = 5e-3\n[stage.small]\n{stage}\nloss.cross-entropy = {{}}\n\
         [evaluation]\ndata = [\"task\"]\ntimed-examples = 2\n{evaluation}\n"
    )
}

/// Averages that every evaluation here asks for.
const AVERAGES: &str = "average-without = [\"en\", \"da\"]\nsource-language = \"en\"\n\
                        language-groups = { held = [\"es\", \"da\"], near = [\"da\"] }";

/// Runs a recipe in a folder; gives its `metrics.json`.
fn evaluated(folder: &Path, text: &str) -> Value {
    std::fs::write(folder.join("recipe.toml"), text).unwrap();
    json(&run(folder, &["run", "recipe.toml", "--out", "run", "--json"]).done())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn near(found: &Value, expected: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - expected).abs() < 1e-9)
}

/// Compares slices and means of a metric with what the values of the languages give, and looks for them on the page.
fn check_means(outcome: &Value, model: &str, metric: &str, expected: &[(&str, usize, f64)]) {
    let model = &outcome["models"][model];
    assert_eq!(model["slices"].as_object().unwrap().len(), expected.len(), "{model}");
    for (language, examples, value) in expected {
        let slice = &model["slices"][language];
        assert_eq!(slice["examples"], *examples);
        assert!(near(&slice[metric], *value), "{language} {metric}: {slice}, not {value}");
    }
    let values = |chosen: &[&str]| -> f64 {
        let own = expected.iter().filter(|(language, ..)| chosen.contains(language));
        mean(&own.map(|(.., value)| *value).collect::<Vec<_>>())
    };
    let means = &model["languages"][metric];
    for (found, value) in [
        (&means["average"], values(&["en", "es", "da"])),
        (&means["average-without"], values(&["es"])),
        (&means["transfer"], values(&["es", "da"]) / values(&["en"])),
        (&means["groups"]["held"], values(&["es", "da"])),
        (&means["groups"]["near"], values(&["da"])),
    ] {
        assert!(near(found, value), "{metric}: {means}, not {value}");
    }
    let ends = &means["intervals"]["average"];
    let value = values(&["en", "es", "da"]);
    assert!(ends[0].as_f64().unwrap() <= value && value <= ends[1].as_f64().unwrap(), "{means}");
    assert!(means["intervals"]["groups"]["held"].is_array(), "{means}");
}

/// What `predict` prints for lines of input, one object each.
fn predictions(folder: &Path, lines: &[String]) -> Vec<Value> {
    let printed = run_with(folder, &["predict", "run/student", "--json"], lines.join("\n") + "\n").done();
    let predictions: Vec<Value> = printed.lines().map(json).collect();
    assert_eq!(predictions.len(), lines.len());
    predictions
}

/// Values by language, in the order in which languages first come.
fn by_language<T>(rows: Vec<(&'static str, T)>) -> Vec<(&'static str, Vec<T>)> {
    let mut groups: Vec<(&str, Vec<T>)> = Vec::new();
    for (language, value) in rows {
        match groups.iter_mut().find(|(own, _)| *own == language) {
            Some((_, values)) => values.push(value),
            None => groups.push((language, vec![value])),
        }
    }
    groups
}

/// A sentence of a language with its class; a quarter of those of the last language have the wrong one.
fn review(language: usize, number: &mut impl FnMut(usize) -> usize) -> (String, usize) {
    let (_, things, words) = WORDS[language];
    let class = number(2);
    let text = format!("{} {} {} x{}", things[number(4)], words[class], things[number(4)], number(90));
    (text, if language == 2 && number(4) == 0 { 1 - class } else { class })
}

/// A table of reviews with columns of language and split; gives the test rows: language, text, class.
fn write_reviews(folder: &Path) -> Vec<(&'static str, String, &'static str)> {
    let mut number = numbers();
    let mut table = "text\tlabel\tlang\tsplit\n".to_owned();
    let mut test = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (split, sizes) in [("train", [120, 40, 16]), ("dev", [10, 10, 10]), ("test", [40, 24, 18])] {
        for (language, size) in sizes.into_iter().enumerate() {
            let mut left = size;
            while left > 0 {
                let (text, class) = review(language, &mut number);
                if !seen.insert(text.clone()) {
                    continue;
                }
                left -= 1;
                let (code, class) = (WORDS[language].0, ["yes", "no"][class]);
                writeln!(table, "{text}\t{class}\t{code}\t{split}").unwrap();
                if split == "test" {
                    test.push((code, text, class));
                }
            }
        }
    }
    std::fs::write(folder.join("reviews.tsv"), table).unwrap();
    test
}

const REVIEWS: &str = "[data.task.corpus.texts]\npaths = \"reviews.tsv\"\nlabel = \"label\"\nlanguage-column = \"lang\"\n\
                       [data.task.split]\ntest-values = [\"test\"]\nvalidation-values = [\"dev\"]";

#[test]
fn classes_of_texts_are_evaluated_by_language() {
    let folder = tempfile::tempdir().unwrap();
    let test = write_reviews(folder.path());
    let baseline = "[baseline]\ndata.texts = { data = [\"task\"] }\nloss.cross-entropy = {}";
    let text = recipe(REVIEWS, "data.texts = { data = [\"task\"] }", &format!("{AVERAGES}\n{baseline}"));
    let outcome = evaluated(folder.path(), &text);
    let lines: Vec<String> = test.iter().map(|(_, text, _)| text.clone()).collect();
    let found = predictions(folder.path(), &lines);
    let hits = test
        .iter()
        .zip(&found)
        .map(|((language, _, class), found)| (*language, found["prediction"] == *class));
    let expected: Vec<(&str, usize, f64)> = by_language(hits.collect())
        .into_iter()
        .map(|(language, hits)| {
            let right = hits.iter().filter(|hit| **hit).count();
            (language, hits.len(), right as f64 / hits.len() as f64)
        })
        .collect();
    check_means(&outcome, "student", "accuracy", &expected);
    // The mean over languages is another than that over texts, whose languages do not have as many.
    assert!(expected.iter().any(|(.., value)| *value != expected[0].2), "{expected:?}");
    let baseline = &outcome["models"]["baseline"];
    let values: Vec<f64> = ["en", "es", "da"]
        .iter()
        .map(|code| baseline["slices"][code]["accuracy"].as_f64().unwrap())
        .collect();
    assert!(near(&baseline["languages"]["accuracy"]["average"], mean(&values)));
    let sets = &outcome["languages"];
    assert_eq!(
        *sets,
        object!({ "source": "en", "average-without": ["en", "da"],
                                "groups": { "held": ["es", "da"], "near": ["da"] } })
    );
    assert_eq!(outcome["models"]["student"]["transfer"]["source"], "en");

    let report = std::fs::read_to_string(folder.path().join("run/report.md")).unwrap();
    let section = report.split("\n## By language\n").nth(1).unwrap().split("\n## ").next().unwrap();
    for heading in
        ["| en |", " average |", " average without en, da |", " transfer from en |", " held (es, da) |"]
    {
        assert!(section.contains(heading), "{heading}: {section}");
    }
    assert!(section.contains("en 40, es 24, da 18"), "{section}");
    assert!(
        std::fs::read_to_string(folder.path().join("run/report.html")).unwrap().contains("transfer from en")
    );
    let card = std::fs::read_to_string(folder.path().join("run/student/README.md")).unwrap();
    assert!(card.contains("language:") && card.contains("- \"es\""), "{card}");
    // Another run stands beside it.
    let other = ["run", "recipe.toml", "--out", "other", "--no-baseline", "--set", "seed=4"];
    run(folder.path(), &other).done();
    run(folder.path(), &["compare", "run", "other", "--out", "both"]).done();
    let page = std::fs::read_to_string(folder.path().join("both/compare.md")).unwrap();
    let section = page.split("\n## Languages\n").nth(1).unwrap().split("\n## ").next().unwrap();
    assert!(section.contains(" average without en, da |") && section.contains("| other |"), "{section}");
    let bound = ["run", "recipe.toml", "--out", "third", "--no-baseline", "--require"];
    let figure = "languages.accuracy.groups.held>=0.0";
    run(folder.path(), &[&bound[..], &[figure]].concat()).done();
}

#[test]
fn languages_are_sampled_alike_over_an_interruption() {
    let folder = tempfile::tempdir().unwrap();
    write_reviews(folder.path());
    let text = recipe(REVIEWS, "data.texts = { data = [\"task\"] }", AVERAGES);
    std::fs::write(folder.path().join("recipe.toml"), text).unwrap();
    let train = |out: &str, exponent: Option<f64>, more: &[&str]| {
        let sampling = exponent.map(|exponent| format!("train.sampling.exponent={exponent}"));
        let mut arguments = vec!["run", "recipe.toml", "--out", out];
        arguments.extend(sampling.iter().flat_map(|flag| ["--set", flag]));
        arguments.extend(more);
        run(folder.path(), &arguments).done();
        student(&folder.path().join(out))
    };
    let plain = train("plain", None, &[]);
    assert!(plain == train("proportional", Some(1.0), &[]), "in proportion each example comes once");
    let sampled = train("sampled", Some(0.3), &[]);
    assert!(plain != sampled);
    // As if the process had ended within the stage, whose fourth step is in its first epoch, and the twenty-fourth in the second.
    for step in [4, 24] {
        let out = format!("cut-{step}");
        let arguments = ["run", "recipe.toml", "--out", &out, "--set", "train.sampling.exponent=0.3"];
        run(folder.path(), &arguments).done();
        let cut = folder.path().join(&out);
        std::fs::remove_file(cut.join("metrics.json")).unwrap();
        std::fs::remove_dir_all(cut.join("checkpoints/small")).unwrap();
        run(folder.path(), &["run", "--resume", "--out", &out]).done();
        assert!(student(&cut) == sampled, "from step {step}");
    }
}

/// Sentences of a language of which some words are things to eat, in the format of `CoNLL`; gives words and tags.
fn orders(
    language: usize,
    count: usize,
    number: &mut impl FnMut(usize) -> usize,
) -> Vec<Vec<(String, &'static str)>> {
    let (_, things, words) = WORDS[language];
    let sentence = |number: &mut dyn FnMut(usize) -> usize| {
        (0..3 + number(4))
            .map(|_| match number(3) {
                0 => (things[number(4)].to_owned(), "B-THING"),
                1 => (words[number(2)].to_owned(), if language == 2 { "B-THING" } else { "O" }),
                _ => (format!("x{}", number(40)), "O"),
            })
            .collect()
    };
    (0..count).map(|_| sentence(number)).collect()
}

#[test]
fn tags_of_words_are_evaluated_by_language() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = numbers();
    let mut test: Vec<(&str, Vec<(String, &str)>)> = Vec::new();
    for (name, sizes) in [("train", [60, 30, 6]), ("dev", [8, 8, 8]), ("test", [30, 22, 16])] {
        for (language, size) in sizes.into_iter().enumerate() {
            let sentences = orders(language, size, &mut number);
            let mut lines = String::new();
            for sentence in &sentences {
                for (word, tag) in sentence {
                    writeln!(lines, "{word}\t{tag}").unwrap();
                }
                lines.push('\n');
            }
            let code = WORDS[language].0;
            std::fs::write(folder.path().join(format!("{code}.{name}.conll")), lines).unwrap();
            if name == "test" {
                test.extend(sentences.into_iter().map(|sentence| (code, sentence)));
            }
        }
    }
    let lists: Vec<String> = [("paths", "train"), ("validation-paths", "dev"), ("test-paths", "test")]
        .iter()
        .map(|(key, name)| {
            let files: Vec<String> =
                WORDS.iter().map(|(code, ..)| format!("{code} = \"{code}.{name}.conll\"")).collect();
            format!("{key} = {{ {} }}", files.join(", "))
        })
        .collect();
    let data = format!("[data.task.corpus.conll]\n{}", lists.join("\n"));
    let stage = "data.texts = { data = [\"task\"] }\ntrain.sampling = { exponent = 0.7 }";
    let outcome = evaluated(folder.path(), &recipe(&data, stage, AVERAGES));
    // Sentences that repeat one of the same language are read once, and those that are trained on are not evaluated.
    let sentences = |name: &str| -> Vec<(&'static str, String)> {
        let of = |code: &'static str| {
            let text = std::fs::read_to_string(folder.path().join(format!("{code}.{name}.conll"))).unwrap();
            let words = |sentence: &str| {
                let words: Vec<&str> =
                    sentence.lines().map(|line| line.split('\t').next().unwrap()).collect();
                words.join(" ")
            };
            text.trim().split("\n\n").map(|sentence| (code, words(sentence))).collect::<Vec<_>>()
        };
        WORDS.iter().flat_map(|(code, ..)| of(code)).collect()
    };
    let seen: Vec<String> =
        ["train", "dev"].iter().flat_map(|name| sentences(name)).map(|(_, text)| text).collect();
    let text = |sentence: &[(String, &str)]| {
        sentence.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join(" ")
    };
    test.retain(|(_, sentence)| !seen.contains(&text(sentence)));
    let mut kept = std::collections::BTreeSet::new();
    test.retain(|(language, sentence)| kept.insert((*language, text(sentence))));
    let lines: Vec<String> = test.iter().map(|(_, sentence)| text(sentence)).collect();
    let found = predictions(folder.path(), &lines);
    let counts = test.iter().zip(&found).map(|((language, sentence), found)| {
        let tags = found["words"].as_array().unwrap();
        assert_eq!(tags.len(), sentence.len());
        let is_thing = |word: &Value| word["tag"] == "B-THING";
        let both =
            sentence.iter().zip(tags).filter(|((_, tag), found)| *tag != "O" && is_thing(found)).count();
        let known = sentence.iter().filter(|(_, tag)| *tag != "O").count();
        (*language, [both, tags.iter().filter(|tag| is_thing(tag)).count(), known])
    });
    // Spans of one word: F1 is 2 · both / (found + known).
    let expected: Vec<(&str, usize, f64)> = by_language(counts.collect())
        .into_iter()
        .map(|(language, counts)| {
            let sum = |place: usize| counts.iter().map(|own: &[usize; 3]| own[place]).sum::<usize>() as f64;
            (language, counts.len(), 2.0 * sum(0) / (sum(1) + sum(2)))
        })
        .collect();
    check_means(&outcome, "student", "span-f1", &expected);
}

/// Passages of a language about who has what, as `SQuAD` has them; gives questions, passages and answers.
fn passages(language: usize, count: usize, number: &mut impl FnMut(usize) -> usize) -> Vec<[String; 3]> {
    let (_, things, words) = WORDS[language];
    let mut all: Vec<[String; 3]> = Vec::new();
    while all.len() < count {
        let (one, other) = (number(4), number(4));
        let answer = format!("x{}", number(60));
        let passage = format!(
            "{} {} {answer} , {} {} y{} .",
            things[one],
            words[0],
            things[other],
            words[1],
            number(60)
        );
        let question = format!("{} {} ?", words[0], things[one]);
        if all.iter().all(|own| own[1] != passage) {
            all.push([question, passage, answer]);
        }
    }
    all
}

/// Exact match and F1 over words of an answer, as `SQuAD` counts them; of answers without articles.
fn scores(found: &str, known: &str) -> [f64; 2] {
    let words = |text: &str| -> Vec<String> {
        let plain: String = text.to_lowercase().chars().filter(|own| !own.is_ascii_punctuation()).collect();
        plain.split_whitespace().map(str::to_owned).collect()
    };
    let (found, known) = (words(found), words(known));
    let mut counts: BTreeMap<&String, i64> = BTreeMap::new();
    for word in &known {
        *counts.entry(word).or_default() += 1;
    }
    let mut both = 0.0;
    for word in &found {
        if let Some(count) = counts.get_mut(word).filter(|count| **count > 0) {
            *count -= 1;
            both += 1.0;
        }
    }
    let f1 = if both > 0.0 { 2.0 * both / (found.len() + known.len()) as f64 } else { 0.0 };
    [f64::from(u8::from(found == known)), f1]
}

#[test]
fn answers_out_of_passages_are_evaluated_by_language() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = numbers();
    let mut test: Vec<(&str, [String; 3])> = Vec::new();
    for (name, sizes) in [("train", [90, 40, 6]), ("dev", [8, 8, 8]), ("test", [30, 22, 16])] {
        for (language, size) in sizes.into_iter().enumerate() {
            let code = WORDS[language].0;
            let own = passages(language, size, &mut number);
            let paragraphs: Vec<Value> = own
                .iter()
                .enumerate()
                .map(|(index, [question, passage, answer])| {
                    let answer = object!({ "text": answer, "answer_start": passage.find(answer).unwrap() });
                    object!({ "context": passage, "qas": [{ "id": format!("{index}"), "question": question,
                                                            "answers": [answer] }] })
                })
                .collect();
            let file =
                object!({ "version": "1.1", "data": [{ "title": "Made up", "paragraphs": paragraphs }] });
            std::fs::write(folder.path().join(format!("{name}.{code}.json")), file.to_string()).unwrap();
            if name == "test" {
                test.extend(own.into_iter().map(|own| (code, own)));
            }
        }
    }
    let files = |name: &str| {
        let files: Vec<String> =
            WORDS.iter().map(|(code, ..)| format!("{code} = \"{name}.{code}.json\"")).collect();
        files.join(", ")
    };
    let data = format!(
        "[data.task.corpus.squad]\npaths = {{ {} }}\nvalidation-paths = {{ {} }}\ntest-paths = {{ {} }}\n\
         [data.task.split]\noverlap = \"remove-from-training\"",
        files("train"),
        files("dev"),
        files("test")
    );
    let stage = "data.passages = { data = [\"task\"], max-length = 64, stride = 8, max-question-length = 16 }\n\
                 train.sampling = { exponent = 0.5 }";
    let outcome = evaluated(folder.path(), &recipe(&data, stage, AVERAGES));
    let lines: Vec<String> =
        test.iter().map(|(_, [question, passage, _])| format!("{question}\t{passage}")).collect();
    let found = predictions(folder.path(), &lines);
    let scored = test.iter().zip(&found).map(|((language, [.., answer]), found)| {
        (*language, scores(found["prediction"].as_str().unwrap(), answer))
    });
    let scored = by_language(scored.collect());
    for (place, metric) in ["exact-match", "token-f1"].into_iter().enumerate() {
        let expected: Vec<(&str, usize, f64)> = scored
            .iter()
            .map(|(language, own)| {
                (*language, own.len(), mean(&own.iter().map(|scores| scores[place]).collect::<Vec<_>>()))
            })
            .collect();
        check_means(&outcome, "student", metric, &expected);
    }
}

#[test]
fn one_language_for_all_files_has_a_slice_and_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = numbers();
    let mut table = "text\tlabel\n".to_owned();
    for _ in 0..80 {
        let (text, class) = review(1, &mut number);
        writeln!(table, "{text}\t{}", ["yes", "no"][class]).unwrap();
    }
    std::fs::write(folder.path().join("es.tsv"), table).unwrap();
    let data = "[data.task.corpus.texts]\npaths = \"es.tsv\"\nlabel = \"label\"\nlanguage = \"es\"\n\
                [data.task.split]\ntest-fraction = 0.3\nvalidation-fraction = 0.2";
    let text = recipe(data, "data.texts = { data = [\"task\"] }", "");
    let outcome = evaluated(folder.path(), &text);
    let student = &outcome["models"]["student"];
    assert_eq!(student["slices"]["es"]["accuracy"], student["metrics"]["accuracy"]);
    assert_eq!(student["languages"]["accuracy"]["average"], student["metrics"]["accuracy"]);
    assert!(
        student["languages"]["accuracy"]["transfer"].is_null() && outcome["languages"]["source"].is_null()
    );
    let report = std::fs::read_to_string(folder.path().join("run/report.md")).unwrap();
    assert!(!report.contains("## By language"));
    assert_eq!(json_of(&folder.path().join("run/metrics.json")), outcome);
}
