//! Recipes to start from: templates of tasks, and what comes with the program.

use crate::common::{cached_encoder, json, run};

#[test]
fn a_new_recipe_is_sound_and_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(folder.path(), &["new", "mine"]).good(), "mine.toml\n");
    let checked = run(folder.path(), &["check", "mine.toml"]).good();
    assert!(checked.starts_with("names: dropped from 1140 rows: "), "{checked}");
    assert!(checked.ends_with("mine.toml: nothing is wrong\n"), "{checked}");
    assert_eq!(run(folder.path(), &["check", "--json", "mine.toml"]).good(), "");
    let written = std::fs::read_to_string(folder.path().join("mine.toml")).unwrap();
    assert!(
        written.contains("name = \"mine\"") && !written.contains("{NAME}") && !written.contains("{FILE}")
    );
    assert!(run(folder.path(), &["new", "mine"]).bad(2).contains("there already"));
    assert_eq!(std::fs::read_to_string(folder.path().join("mine.toml")).unwrap(), written);
    std::fs::create_dir(folder.path().join("project")).unwrap();
    assert_eq!(run(folder.path(), &["new", "project"]).good(), "project/recipe.toml\n");
    let written = std::fs::read_to_string(folder.path().join("project/recipe.toml")).unwrap();
    assert!(written.contains("name = \"project\""));
    assert_eq!(run(folder.path(), &["new", "deep/er.toml"]).good(), "deep/er.toml\n");
    assert!(run(folder.path(), &["new", "not good"]).bad(2).contains("cannot be the name"));
}

#[test]
fn quickstart_is_sound_outside_a_checkout() {
    let folder = tempfile::tempdir().unwrap();
    let checked = run(folder.path(), &["check", "builtin:quickstart"]).good();
    assert!(checked.ends_with("builtin:quickstart: nothing is wrong\n"), "{checked}");
    assert!(run(folder.path(), &["list", "taps", "builtin:epik/matra"]).good().contains("encoder.hidden.4"));
    let model = ["check", "builtin:quickstart", "--set", "teacher.matra.checkpoint.model=builtin:epik/matr"];
    let said = run(folder.path(), &model).bad(2);
    assert!(said.contains("did you mean `epik/matra`?"), "{said}");
}

#[test]
fn recipes_of_the_program_are_printed_and_copied() {
    let folder = tempfile::tempdir().unwrap();
    let shown = run(folder.path(), &["show", "builtin:text/logits"]).good();
    assert!(shown.contains("[stage.distil.loss.logits]"), "{shown}");
    let resolved = run(folder.path(), &["show", "text/logits", "--resolved"]).good();
    assert!(resolved.contains("temperature = 2.0  # builtin:text/logits:"), "{resolved}");
    let said = run(folder.path(), &["show", "builtin:text/logit"]).bad(2);
    assert!(said.contains("did you mean `text/logits`?"), "{said}");
    run(folder.path(), &["new", "mine", "--from", "builtin:text/smoke/logits"]).good();
    assert!(run(folder.path(), &["check", "mine.toml"]).good().ends_with("mine.toml: nothing is wrong\n"));
    assert!(
        run(folder.path(), &["new", "other", "--from", "text-clasification"]).bad(2).contains("did you mean")
    );
}

#[test]
fn template_of_each_kind_of_task_is_sound_with_the_files_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    cached_encoder(folder.path());
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let words = ["a good film", "a dull film", "no plot at all", "great actors", "bad sound", "nice music"];
    let numbered = |number: usize| format!("{} number {number}", words[number % words.len()]);
    let rows = |row: &dyn Fn(usize) -> String| (0..200).map(row).collect::<String>();
    let class = |number: usize| if number.is_multiple_of(2) { "good" } else { "bad" };
    write("data.tsv", format!("text\tlabel\n{}", rows(&|at| format!("{}\t{}\n", numbered(at), class(at)))));
    write("texts.tsv", format!("text\n{}", rows(&|at| format!("{}\n", numbered(at)))));
    let tagged = |at: usize| format!("film{at}\tB-FILM\nruns\tO\nhere{at}\tB-PLACE\n\n");
    write("data.conll", rows(&tagged));
    let hindi = |at: usize| format!("{}\tफिल्म {at} अच्छी है\n", numbered(at));
    write("pairs.tsv", format!("en\thi\n{}", rows(&hindi)));
    let scored = |at: usize| format!("{}\t{} or so\t{}\n", numbered(at), numbered(at / 2), at % 6);
    write("sts.tsv", format!("sentence1\tsentence2\tscore\n{}", rows(&scored)));
    let passage = |at: usize| {
        format!(
            "{{\"paragraphs\": [{{\"context\": \"The film number {at} ran in May.\", \"qas\": [{{\"id\": \"{at}\", \
             \"question\": \"When did film {at} run?\", \"answers\": [{{\"text\": \"May\", \"answer_start\": {}}}]}}]}}]}}",
            format!("The film number {at} ran in ").len()
        )
    };
    let passages = (0..200).map(passage).collect::<Vec<_>>().join(", ");
    write("data.json", format!("{{\"data\": [{passages}]}}"));
    write("corpus.jsonl", rows(&|at| format!("{{\"_id\": \"p{at}\", \"text\": \"{}\"}}\n", numbered(at))));
    write("queries.jsonl", rows(&|at| format!("{{\"_id\": \"q{at}\", \"text\": \"which film is {at}\"}}\n")));
    write("qrels.tsv", format!("query-id\tcorpus-id\tscore\n{}", rows(&|at| format!("q{at}\tp{at}\t1\n"))));
    let triple = |at: usize| format!("which film is {at}\t{}\t{}\n", numbered(at), numbered(at + 1));
    write("triples.tsv", format!("query\tpositive\tnegative\n{}", rows(&triple)));
    let choices = |at: usize| format!("{}\tit is good\tit is bad\t{}\n", numbered(at), at % 2);
    write("choices.tsv", format!("prompt\tchoice1\tchoice2\tlabel\n{}", rows(&choices)));
    let tasks = json(&run(folder.path(), &["list", "tasks", "--json"]).good());
    let tasks: Vec<&str> =
        tasks.as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap()).collect();
    assert_eq!(tasks.len(), 21, "{tasks:?}");
    for task in tasks {
        run(folder.path(), &["new", task, "--from", task]).good();
        let ended = run(folder.path(), &["check", &format!("{task}.toml")]);
        let expected = format!("{task}.toml: nothing is wrong\n");
        assert!(ended.stdout.ends_with(&expected), "{task}: {}{}", ended.stdout, ended.stderr);
    }
}
