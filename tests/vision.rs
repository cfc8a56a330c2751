//! Models that read images, from a recipe to its results.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write;
use std::path::Path;

use crate::common::{json, json_of, run, write_image};
use alambic_models::Tokenizer;
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::parameters::{Weights, save};
use serde_json::Value;

/// Keys that bring `vision/smoke/dide` down to a few steps.
const SMALL: [&str; 8] = [
    "--set",
    "data.scenes.corpus.made-up-scenes.images=80",
    "--set",
    "train.steps=6",
    "--set",
    "evaluation.timed-examples=4",
    "--set",
    "train.batch.size=8",
];

#[test]
fn fusion_encoder_is_distilled_into_a_dual_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "builtin:vision/smoke/dide";
    let arguments = [&["run", recipe, "--out", "dide", "--json"][..], &SMALL].concat();
    let outcome: Value = json(&run(folder.path(), &arguments).done());
    for model in ["teacher", "student", "baseline"] {
        assert!(outcome["models"][model]["metrics"]["accuracy"].is_f64(), "{model}: {outcome}");
        assert!(outcome["models"][model]["slices"]["colour"]["accuracy"].is_f64(), "{model}: {outcome}");
    }
    // Who does not see the image says yes or no at random, and one of four shapes or six colours.
    let blind = outcome["models"]["question-only"]["metrics"]["accuracy"].as_f64().unwrap();
    assert!((0.1..0.6).contains(&blind), "{blind}");
    assert!(
        outcome["ratios"]["retention-above-trivial-baseline"].as_object().unwrap().contains_key("accuracy")
    );
    assert!(outcome["fidelity"]["kl-from-teacher"].is_f64() && outcome["ratios"]["speedup"].is_f64());

    let student: Value = json_of(&folder.path().join("dide/student/config.json"));
    assert_eq!(student["model_type"], "dual-encoder");
    let page = std::fs::read_to_string(folder.path().join("dide/report.html")).unwrap();
    assert!(page.contains("what colour is the") || page.contains("is there a"), "questions are shown");
    assert!(page.contains("student before training: ") && page.contains("src=\"data:image/png;base64,"));
    // Samples have image and probability, and the head says what two towers are for.
    let samples = page.split("<h2>Samples</h2>").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(samples.matches("<img ").count(), samples.matches("<tr>").count() - 1);
    assert!(samples.contains(" %</small>"), "{samples}");
    assert!(
        page.contains("where images are encoded before)")
            && page.contains("A dual encoder is for many questions")
    );

    // The student answers questions about one image, or about an image in each line.
    let image = folder.path().join("scene.png");
    write_image(&image, (40, 30), |value| (value % 251) as u8);
    let questions = ["what colour is the circle?", "is there a red square?"];
    let about = [&["predict", "dide/student", "--image", "scene.png"][..], &questions].concat();
    let said = run(folder.path(), &about).good();
    assert_eq!(said.lines().count(), 2, "{said}");
    let lines = questions.map(|question| format!("scene.png\t{question}"));
    let by_line = [&["predict", "dide/student"][..], &[lines[0].as_str(), lines[1].as_str()]].concat();
    let answers = |said: &str| -> Vec<String> {
        said.lines().filter_map(|line| Some(line.rsplit_once('\t')?.1.to_owned())).collect()
    };
    assert_eq!(answers(&run(folder.path(), &by_line).good()), answers(&said));
    for (arguments, expected) in [
        (&["predict", "dide/student", "why?"][..], "line 1: no image is named"),
        (&["predict", "dide/student", "--image", "none.png", "why?"], "none.png"),
        (&["predict", "dide/student", "--image", "dide/metrics.json", "why?"], "cannot be read as an image"),
        (&["predict", "dide/student", "--beam", "2", "why?"], "`--beam` is for a model that generates texts"),
    ] {
        let ended = run(folder.path(), arguments);
        assert!(ended.code != Some(0) && ended.stderr.contains(expected), "{}", ended.stderr);
    }

    // Other programs run its towers apart from each other.
    let said = run(folder.path(), &["export", "dide", "--format", "onnx,int8", "--to", "out"]).good();
    for part in ["text", "image", "head"] {
        for suffix in ["", "_quantized"] {
            let file = format!("out/onnx/{part}{suffix}.onnx");
            assert!(said.contains(&file) && folder.path().join(&file).is_file(), "{said}");
        }
    }
    assert!(
        folder.path().join("out/tokenizer.json").is_file() && folder.path().join("out/config.json").is_file()
    );

    // What is finished stays, and a second time gives the same bytes.
    let weights = |run: &str| crate::common::student(&folder.path().join(run));
    let again = [&["run", recipe, "--out", "again"][..], &SMALL].concat();
    assert_eq!(run(folder.path(), &again).code, Some(0));
    assert!(weights("dide") == weights("again"), "one seed gives one student");
}

#[test]
fn student_and_teacher_read_the_same_of_too_many_patches() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "builtin:vision/smoke/dide";
    let few = ["--set", "model.fusion.fusion.patches=6"];
    for out in ["few", "again"] {
        // Were others read, the keys of the two could not be compared.
        let arguments = [&["run", recipe, "--out", out][..], &SMALL, &few].concat();
        let ended = run(folder.path(), &arguments);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    let read = |path: &str| std::fs::read(folder.path().join(path)).unwrap();
    assert!(read("few/student/model.safetensors") == read("again/student/model.safetensors"));
    let config: Value = serde_json::from_slice(&read("few/student/config.json")).unwrap();
    assert_eq!(config["max_image_length"], 6);
    run(folder.path(), &["export", "few/student", "--format", "onnx", "--to", "out"]).good();
}

/// Keys that bring `vision/smoke/oscar-plus` down to a few steps.
const FEW: [&str; 8] = [
    "--set",
    "data.scenes.corpus.made-up-scenes.images=80",
    "--set",
    "stage.detect.train.steps=4",
    "--set",
    "stage.pre-train.train.steps=4",
    "--set",
    "stage.fine-tune.train.steps=4",
];

#[test]
fn an_oscar_model_is_shipped_with_the_detector_that_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "builtin:vision/smoke/oscar-plus";
    let arguments = [&["run", recipe, "--out", "oscar", "--json"][..], &FEW].concat();
    let outcome: Value = json(&run(folder.path(), &arguments).done());
    assert!(outcome["models"]["student"]["metrics"]["accuracy"].is_f64(), "{outcome}");
    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    let config: Value = json(&read("oscar/student/config.json"));
    assert_eq!((&config["model_type"], &config["object_tags"]), (&"oscar".into(), &true.into()));
    // 32 numbers of the detector, and 6 of the place.
    assert_eq!(config["img_feature_dim"], 38);
    let detector: Value = json(&read("oscar/student/detector/config.json"));
    assert_eq!(detector["model_type"], "detector");
    let tags: Vec<&str> =
        detector["id2label"].as_object().unwrap().values().filter_map(Value::as_str).collect();
    assert!(tags.contains(&"red circle") && tags.len() == 24, "{tags:?}");

    let image = folder.path().join("scene.png");
    write_image(&image, (40, 30), |value| (value % 251) as u8);
    let ask = |model: &str| {
        run(folder.path(), &["predict", model, "--image", "scene.png", "what colour is the circle?"])
    };
    let said = ask("oscar/student").good();
    assert_eq!(said.lines().count(), 1, "{said}");
    run(folder.path(), &["export", "oscar/student", "--format", "hf", "--to", "out"]).good();
    assert_eq!(ask("out/hf").good(), said);
    std::fs::remove_dir_all(folder.path().join("out/hf/detector")).unwrap();
    let refused = ask("out/hf").bad(1);
    assert!(refused.contains("its folder has no detector"), "{refused}");
    let refused = run(folder.path(), &["predict", "oscar/student/detector", "--image", "scene.png", "what?"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("detector"), "{}", refused.stderr);

    // What is drawn at random is a function of the seed.
    let again = [&["run", recipe, "--out", "again"][..], &FEW].concat();
    assert_eq!(run(folder.path(), &again).code, Some(0));
    let weights = |run: &str| crate::common::student(&folder.path().join(run));
    assert!(weights("oscar") == weights("again"), "one seed gives one student");
}

/// Forty images, a question about each in `asked.tsv`, and regions of so many features in `regions.safetensors`, in which
/// stands all that there is to learn.
fn ask_of_regions(folder: &Path, answers: [&str; 2], width: usize) {
    let (mut rows, mut regions) = ("image\tquestion\tanswer\n".to_owned(), Weights::new());
    for index in 0..40_u8 {
        write_image(&folder.join(format!("{index}.png")), (8, 6), |_| index);
        let even = index % 2 == 0;
        writeln!(rows, "{index}.png\tis it so?\t{}", answers[usize::from(even)]).unwrap();
        let count = 1 + usize::from(index % 3);
        let features = vec![if even { 1.0_f32 } else { -1.0 }; count * width];
        let tensor =
            |values: Vec<f32>, width| Tensor::from_vec(values, (count, width), &Device::Cpu).unwrap();
        regions.insert(format!("{index}.features"), tensor(features, width));
        regions.insert(format!("{index}.boxes"), tensor([0.1, 0.2, 0.5, 0.6].repeat(count), 4));
    }
    std::fs::write(folder.join("asked.tsv"), rows).unwrap();
    save(&regions, &[], &folder.join("regions.safetensors")).unwrap();
}

/// The head of a recipe about these.
const ASKED: &str = r#"
schema = 1
name = "regions"
stages = ["task"]
[data.asked]
regions.features = "regions.safetensors"
split = { test-fraction = 0.3, validation-fraction = 0.2 }
[data.asked.corpus.image-questions]
paths = "asked.tsv"
images = "."
answers = ["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4", "LABEL_5", "LABEL_6", "LABEL_7", "LABEL_8"]
"#;

#[test]
fn an_oscar_model_reads_regions_that_lie_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    ask_of_regions(folder.path(), ["LABEL_1", "LABEL_4"], 5);
    let recipe = ASKED.to_owned()
        + r#"
[model.oscar.oscar]
features = 11
layers = 1
width = 16
heads = 2
dropout = 0.0
[train]
steps = 60
optimiser.adamw.learning-rate = 0.01
[stage.task]
data.questions = { data = ["asked"] }
[stage.task.loss.binary-cross-entropy]
[evaluation]
data = ["asked"]
"#;
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    let outcome: Value = json(&run(folder.path(), &["run", "recipe.toml", "--out", "run", "--json"]).done());
    assert_eq!(outcome["models"]["student"]["metrics"]["accuracy"], 1.0, "{outcome}");
    let refused = run(folder.path(), &["predict", "run/student", "--image", "1.png", "is it so?"]).bad(1);
    assert!(refused.contains("its folder has no detector"), "{refused}");
    // Features of other sizes are refused before anything is trained.
    let other = ["check", "recipe.toml", "--set", "model.oscar.oscar.features=12"];
    let refused = run(folder.path(), &other).bad(2);
    assert!(refused.contains("12 features, and those of `asked` have 5"), "{refused}");
}

#[test]
fn published_model_of_regions_is_distilled_into_one_of_patches() {
    distilled_from("visual-bert", &[]);
}

#[test]
fn a_published_model_without_names_of_its_answers_takes_those_of_the_data() {
    // In the order of ids, with two more than the other one has.
    let names: Vec<String> = (0..11).map(|id| format!("LABEL_{id}")).collect();
    let list = format!("data.asked.corpus.image-questions.answers={names:?}");
    distilled_from("lxmert", &["--set", &list]);
}

/// Has a published model of that architecture, of a few random weights, teach a dual encoder.
fn distilled_from(model: &str, flags: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    ask_of_regions(folder.path(), ["LABEL_1", "LABEL_4"], 10);
    let teacher = folder.path().join("teacher");
    std::fs::create_dir(&teacher).unwrap();
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/tests/parity/{model}/model"));
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(published.join(file), teacher.join(file)).unwrap();
    }
    Tokenizer::train_words(["is it so?"], 200).unwrap().files(20).unwrap().write(&teacher).unwrap();
    let recipe = ASKED.to_owned()
        + r#"
[teacher.fusion.checkpoint]
model = "teacher"
[model.dual.dual-encoder]
layers = 1
width = 16
heads = 2
image = 8
patch = 4
[train]
steps = 3
[stage.task]
teacher = "fusion"
data.questions = { data = ["asked"] }
[stage.task.loss.logits]
divergence = "binary"
[evaluation]
data = ["asked"]
teacher = "fusion"
"#;
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    let arguments = [&["run", "recipe.toml", "--out", "run", "--json"], flags].concat();
    let outcome: Value = json(&run(folder.path(), &arguments).done());
    assert!(outcome["fidelity"]["kl-from-teacher"].is_f64(), "{outcome}");
    assert!(outcome["ratios"]["speedup"].is_f64(), "{outcome}");
    assert!(outcome["fidelity"]["agreement"].is_f64(), "{outcome}");
    // A teacher below the question-only baseline has no lead that a student could retain.
    assert_eq!(outcome["models"]["teacher"]["metrics"]["accuracy"], 0.0);
    assert!(outcome["ratios"]["retention-above-trivial-baseline"]["accuracy"].is_null(), "{outcome}");
}

#[test]
fn a_plan_counts_questions() {
    let folder = tempfile::tempdir().unwrap();
    let plan = run(folder.path(), &["plan", "builtin:vision/dide", "--json"]).good();
    let plan: Value = json(&plan);
    assert!(plan["stages"][0]["examples"]["questions"].as_u64().unwrap() > 20_000, "{plan}");
    assert!(plan["baseline"]["examples"]["questions"].is_u64());
    assert!(plan["evaluation-questions"].as_u64().unwrap() > 1_000, "{plan}");
    assert_eq!(plan["stages"][1]["losses"][1]["name"], "cross-attention");
}

#[test]
fn images_are_found_by_captions() {
    let folder = tempfile::tempdir().unwrap();
    let small =
        ["--set", "data.scenes.corpus.made-up-scenes.images=400", "--set", "evaluation.timed-examples=4"];
    let arguments = [
        &["run", "builtin:vision/smoke/clip", "--out", "clip", "--json"][..],
        &small,
        &["--set", "train.steps=60", "--set", "train.validate-every=30"],
    ];
    let outcome: Value = json(&run(folder.path(), &arguments.concat()).done());
    for model in ["teacher", "student", "baseline"] {
        let metrics = &outcome["models"][model]["metrics"];
        let [first, tenth] = ["recall-at-1", "recall-at-10"].map(|metric| metrics[metric].as_f64().unwrap());
        assert!(first < tenth, "{metrics}");
        assert!(outcome["models"][model]["slices"]["text to image"]["recall-at-5"].is_f64(), "{outcome}");
    }
    // Of some hundred results ten are no more than chance gives to one query in ten.
    let learnt = outcome["models"]["teacher"]["metrics"]["recall-at-10"].as_f64().unwrap();
    assert!(learnt > 0.3, "{learnt}");
    assert!(outcome["fidelity"]["agreement"].is_f64() && outcome["ratios"]["speedup"].is_f64());
    let page = std::fs::read_to_string(folder.path().join("clip/report.html")).unwrap();
    assert!(page.contains("First results") && page.contains("What models retrieve first"));
    assert!(page.contains("A dual encoder is for searching images that are encoded before"));

    // It is written in CLIP's layout, with what transformers needs to prepare images.
    let written = |name: &str| json_of(&folder.path().join("clip/student").join(name));
    assert_eq!(written("config.json")["architectures"][0], "CLIPModel");
    assert_eq!(written("preprocessor_config.json")["size"]["shortest_edge"], 32);

    write_image(&folder.path().join("scene.png"), (40, 30), |_| 200);
    let texts = ["a red circle", "two blue squares"];
    let about = [&["predict", "clip/student", "--image", "scene.png"][..], &texts].concat();
    let by_line = ["predict", "clip/student", "scene.png\ta red circle", "scene.png\ttwo blue squares"];
    let near = |said: &str| -> Vec<f64> {
        said.lines().map(|line| line.rsplit_once('\t').unwrap().1.parse().unwrap()).collect()
    };
    let said = near(&run(folder.path(), &about).good());
    assert_eq!(said, near(&run(folder.path(), &by_line).good()));
    assert!(said.len() == 2 && said.iter().all(|similarity| (-1.0..=1.0).contains(similarity)));

    // The corpora of the field: a table, and Karpathy's file of splits.
    let table = "image\tcaption\nscene.png\ta grey scene\nscene.png\tnothing to see\n";
    std::fs::write(folder.path().join("captions.tsv"), table).unwrap();
    let sentences = serde_json::json!([{ "raw": "a grey scene" }, { "raw": "nothing" }]);
    let of_split =
        |split: &str| serde_json::json!({ "filename": "scene.png", "split": split, "sentences": sentences });
    let karpathy = serde_json::json!({ "images": [of_split("test")], "dataset": "flickr8k" });
    std::fs::write(folder.path().join("dataset.json"), karpathy.to_string()).unwrap();
    for corpus in [
        "image-captions={paths=\"captions.tsv\",images=\".\"}",
        "karpathy={file=\"dataset.json\",images=\".\"}",
    ] {
        let set = format!("data.mine.corpus.{corpus}");
        let evaluation =
            ["--set", "data.mine.split.test-fraction=1.0", "--set", "evaluation.data=[\"mine\"]"];
        let plan =
            [&["plan", "builtin:vision/smoke/clip", "--json", "--set", &set][..], &evaluation].concat();
        let plan: Value = json(&run(folder.path(), &plan).good());
        assert_eq!(plan["evaluation-images"], 1, "{plan}");
    }
}

#[test]
fn teacher_asked_in_english_is_distilled_into_a_student_asked_in_hindi() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "builtin:parallel/smoke/vqa-hi";
    let few = ["--set", "stage.distil.train.steps=40", "--set", "evaluation.limit=60"];
    let go = |out: &str, arguments: &[&str]| -> Value {
        let ended =
            run(folder.path(), &[&["run", recipe, "--out", out, "--json"], &few[..], arguments].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        json(&ended.stdout)
    };
    let small = [
        "--set",
        "data.scenes.corpus.made-up-scenes.images=300",
        "--set",
        "stage.detect.train.steps=200",
        "--set",
        "stage.english.train.steps=40",
    ];
    let outcome = go("hindi", &small);
    assert!(outcome["models"]["student"]["metrics"]["accuracy"].is_f64(), "{outcome}");
    let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
    assert!(
        read("hindi/report.html").contains("; asked in en"),
        "it is said who was asked in which language"
    );
    // It is asked in Hindi, and reads tags in Hindi, which its detector gives.
    assert!(read("hindi/report.html").contains("किस रंग") || read("hindi/report.html").contains("क्या कोई"));
    let detector: Value = json(&read("hindi/student/detector/config.json"));
    let tags: Vec<&str> =
        detector["id2label"].as_object().unwrap().values().map(|tag| tag.as_str().unwrap()).collect();
    assert!(tags.iter().any(|tag| tag.contains("वृत्त")) && !tags.iter().any(|tag| tag.is_ascii()), "{tags:?}");
    let tokenizer = Tokenizer::open(&folder.path().join("hindi/student")).unwrap();
    assert!(tokenizer.id("वृत्त").is_ok() && tokenizer.id("circle").is_err());
    let image = folder.path().join("scene.png");
    write_image(&image, (32, 32), |_| 200);
    let said =
        run(folder.path(), &["predict", "hindi/student", "--image", "scene.png", "क्या कोई लाल वर्ग है?"])
            .good();
    let answers = ["yes", "no", "red", "green", "blue", "yellow", "purple", "orange", "circle", "square"];
    assert!(answers.iter().any(|answer| said.contains(answer)), "{said}");

    // Without the teacher's losses, nothing is learnt of unlabelled questions.
    let summary: Value = json(&read("hindi/checkpoints/distil/finished/summary.json"));
    assert_eq!(summary["labelled"], 0);
    let some = [&small[..], &["--set", "stage.distil.data.questions.labelled=0.5"]].concat();
    go("half", &some);
    // One student for two languages is evaluated in both, and the second compared with the first.
    let both = "stage.distil.data.questions.student-languages=[\"en\",\"hi\"]";
    let evaluation = "evaluation.student-languages=[\"en\",\"hi\"]";
    let outcome = go("both", &[&small[..], &["--set", both, "--set", evaluation]].concat());
    let student = &outcome["models"]["student"];
    let [english, hindi] = ["en", "hi"].map(|slice| student["slices"][slice]["accuracy"].as_f64().unwrap());
    let gap = student["transfer"]["gaps"]["hi"].as_f64().unwrap();
    assert!((gap - (english - hindi)).abs() < 1e-9 && student["transfer"]["source"] == "en", "{student}");
    assert!(read("both/report.html").contains("average without en"));
    let summary: Value = json(&read("half/checkpoints/distil/finished/summary.json"));
    let (labelled, examples) = (summary["labelled"].as_u64().unwrap(), summary["examples"].as_u64().unwrap());
    assert!(labelled > examples / 4 && labelled < examples * 3 / 4, "{labelled} of {examples}");
}
