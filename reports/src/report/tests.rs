use crate::document::{Block, Image};
use crate::metrics::{Prediction, Scores, examples, score_all};
use crate::outcome::{Latency, ModelOutcome, Outcome};
use crate::plots::{
    Drawing, losses_over_steps, metric_by_length, metric_by_slice, quality_against_cost, time_per_example,
};
use crate::report::{
    AugmentationNotes, CorpusReading, IllustratedExamples, Noun, PipelineExample, PipelineNotes, Report,
    Sample, StageSummary, Text, images_stored,
};
use crate::verdict::compare_with_baseline;
use indexmap::IndexMap;
use serde_json::json;

const NAMES: [(&str, &str, &str); 8] = [
    ("दिल्ली", "டெல்லி", "Delhi"),
    ("मुंबई", "மும்பை", "Mumbai"),
    ("कोलकाता", "கொல்கத்தா", "Kolkata"),
    ("जयपुर", "ஜெய்ப்பூர்", "Jaipur"),
    ("वाराणसी", "வாரணாசி", "Varanasi"),
    ("आगरा", "ஆக்ரா", "Agra"),
    ("श्रीनगर", "ஸ்ரீநகர்", "Srinagar"),
    ("नागपुर", "நாக்பூர்", "Nagpur"),
];
const PAIRS: [&str; 12] = [
    "hi-ta", "hi-kn", "hi-bn", "ta-hi", "ta-kn", "ta-bn", "kn-hi", "kn-ta", "kn-bn", "bn-hi", "bn-ta",
    "bn-kn",
];

fn labels() -> Vec<&'static str> {
    PAIRS.iter().flat_map(|pair| std::iter::repeat_n(*pair, NAMES.len() * 5)).collect()
}

fn references() -> Vec<&'static str> {
    labels().iter().enumerate().map(|(index, _)| NAMES[index % NAMES.len()].1).collect()
}

/// Outputs of which one in `every` lacks its last letter.
fn scores(every: usize) -> IndexMap<String, Scores> {
    let predictions: Vec<Prediction> = references()
        .iter()
        .enumerate()
        .map(|(index, reference)| {
            let length = reference.chars().count();
            let taken = if index * 7 % every == 0 { length - 1 } else { length };
            Prediction::Text(reference.chars().take(taken).collect())
        })
        .collect();
    let metrics = ["cer", "cer-total", "word-accuracy", "phonetic-accuracy", "phonetic-accuracy-shuffled"];
    score_all(&metrics, &predictions, &examples::texts(&references()), 1).unwrap()
}

fn model(every: usize, parameters: u64, p50: f64, seconds: Option<f64>) -> ModelOutcome {
    let mut model = ModelOutcome::from_scores(&[scores(every)], &labels()).unwrap();
    model.parameters = Some(parameters);
    model.bytes = Some(parameters * 2);
    model.latency_ms = Some(Latency { p50, p95: p50 * 1.7, ..Latency::default() });
    model.seconds_to_train = seconds;
    model
}

fn losses() -> Vec<serde_json::Value> {
    (1..=800u32)
        .map(|step| {
            let loss = 3.2 * (-f64::from(step) / 200.0).exp() + 0.4 + 0.05 * f64::from(step * 7 % 13) / 13.0;
            json!({"event": "step", "stage": "student", "seed": 1, "step": step, "epoch": 0.1, "learning-rate": 1e-3,
                   "loss": loss * 1.4, "terms": {"sequence": loss, "word-level": loss * 0.3, "encoder-match": loss * 0.1},
                   "gradient-norm": 1.0, "examples-per-second": 900.0})
        })
        .collect()
}

/// A report with plausible numbers and every part filled.
#[expect(clippy::too_many_lines, reason = "plain data")]
fn example() -> Report {
    let (teacher, student, baseline) = (
        model(5, 3_241_984, 12.4, None),
        model(6, 1_402_112, 5.3, Some(161.0)),
        model(3, 1_402_112, 5.4, Some(158.0)),
    );
    let (student_scores, baseline_scores) = (scores(6), scores(3));
    let comparison =
        compare_with_baseline(&[student_scores["cer"].clone()], &[baseline_scores["cer"].clone()])
            .unwrap()
            .unwrap();
    let mut outcome =
        Outcome::new("quickstart", vec![1], labels().len(), Some(teacher), Some(student), Some(baseline));
    outcome.verdict = Some(comparison.verdict);
    outcome.fidelity = [
        ("agreement".to_string(), Some(0.812)),
        ("encoder-similarity".to_string(), Some(0.976)),
        ("encoder-similarity-shuffled".to_string(), Some(0.312)),
    ]
    .into();
    let lengths: Vec<usize> = references().iter().map(|reference| reference.chars().count()).collect();
    let teacher_scores = scores(5);
    let by_length = metric_by_length(
        &[
            ("teacher", &teacher_scores["cer"]),
            ("student", &student_scores["cer"]),
            ("baseline", &baseline_scores["cer"]),
        ],
        &lengths,
    )
    .unwrap();
    let time = |factor: f64| -> IndexMap<String, Latency> {
        [("teacher", 12.4), ("student", 5.3), ("baseline", 5.4)]
            .into_iter()
            .map(|(name, p50)| {
                (
                    name.to_string(),
                    Latency { p50: p50 * factor, p95: p50 * factor * 1.7, ..Latency::default() },
                )
            })
            .collect()
    };
    let timings: IndexMap<_, _> =
        [("batch 1".to_string(), time(1.0)), ("batch 64".to_string(), time(0.15))].into();
    Report {
        recipe: "quickstart".into(),
        description:
            "A two-stage transliterator, Hindi to English to Tamil and so on, collapses into one student."
                .into(),
        date: "2026-11-21".into(),
        examples: Noun { one: "word".into(), many: "words".into() },
        evaluated_on: "the test split of names".into(),
        comparison: Some(comparison),
        models: [
            (
                "teacher".to_string(),
                "the pipeline `hi → en → ta`, one model of 3 + 3 layers used twice".to_string(),
            ),
            ("student".to_string(), "3 + 2 layers, 128 wide, from scratch".to_string()),
            (
                "baseline".to_string(),
                "the same student on the end-to-end pairs of the table, no teacher".to_string(),
            ),
        ]
        .into(),
        time_figures: time_per_example(&timings, "word").into_iter().collect(),
        timings,
        timing_note: Some(
            "The three ran alternately in one process on 2 threads, greedy, with cached keys.".into(),
        ),
        stages: vec![StageSummary {
            name: "student".into(),
            seed: 1,
            steps: 800,
            examples: 22_144,
            seconds: 161.3,
            settings: [("learning rate".to_string(), "1e-3, linear".to_string())].into(),
            losses: [("sequence".to_string(), 0.41), ("word-level".to_string(), 0.12)].into(),
            shares: [("sequence".to_string(), 0.7), ("word-level".to_string(), 0.3)].into(),
            teacher_outputs: Some("412.0 MB cached without loss".into()),
            kept: Some("step 760, cer 14.1 % on validation".into()),
        }],
        corpora: vec![CorpusReading {
            name: "names".into(),
            source: "builtin:names, Unicode CLDR 48".into(),
            licence: Some("Unicode-3.0".into()),
            rows: 1140,
            kept: 1121,
            dropped: [("empty in two languages or more".to_string(), 19)].into(),
            splits: [("train".to_string(), 897), ("test".to_string(), 224)].into(),
        }],
        pipeline: Some(PipelineNotes {
            description: "Source words go through `hi → en`, greedy, then `en → ta`, greedy.".into(),
            inputs: 22_300,
            dropped: [("without an end mark".to_string(), 120), ("empty".to_string(), 36)].into(),
            examples: NAMES[..4]
                .iter()
                .map(|(hindi, tamil, english)| PipelineExample {
                    source: Text::new(hindi, Some("hi")),
                    intermediate: vec![Text::new(english, Some("en"))],
                    output: Text::new(tamil, Some("ta")),
                    score: Some(-0.082),
                })
                .collect(),
        }),
        augmentations: vec![AugmentationNotes {
            training: "layers".into(),
            texts: 1000,
            made: 19_000,
            removed: [("equals another training text".to_string(), 250)].into(),
            examples: vec![["a fine film".into(), "a good film".into()]],
        }],
        sample_groups: [("student wrong".to_owned(), 2), ("right".to_owned(), 6)].into(),
        samples: NAMES
            .iter()
            .enumerate()
            .map(|(index, (hindi, tamil, _))| Sample {
                group: if index % 3 == 1 { "student wrong" } else { "right" }.into(),
                slice: "hi-ta".into(),
                source: Text::new(hindi, Some("hi")),
                reference: Some(Text::new(tamil, Some("ta"))),
                outputs: ["teacher", "student", "baseline"]
                    .into_iter()
                    .enumerate()
                    .map(|(model, name)| {
                        let keep = tamil.chars().count() - usize::from((index + model) % 3 == 2);
                        (
                            name.to_string(),
                            Text::new(&tamil.chars().take(keep).collect::<String>(), Some("ta")),
                        )
                    })
                    .collect(),
            })
            .collect(),
        illustrated_examples: IllustratedExamples::default(),
        cost_figures: quality_against_cost(&outcome, "cer", "word"),
        quality_figures: metric_by_slice(&outcome, "cer").into_iter().chain([by_length]).collect(),
        training_figures: losses_over_steps(&losses()),
        purpose: None,
        warnings: vec!["Three of the twelve pairs have fewer than 100 words.".into()],
        environment: [("alambic".to_string(), "0.1.0".to_string()), ("threads".to_string(), "2".to_string())]
            .into(),
        outcome,
    }
}

#[test]
fn the_page_and_the_text_hold_the_same() {
    let folder = tempfile::tempdir().unwrap();
    // To look at the page, name a folder to keep it in.
    let kept = std::env::var_os("ALAMBIC_KEEP_REPORT").map(std::path::PathBuf::from);
    let folder = kept.as_deref().unwrap_or(folder.path());
    let report = example();
    report.write(folder).unwrap();
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    let markdown = std::fs::read_to_string(folder.join("report.md")).unwrap();
    for text in [
        "The student is better than the baseline",
        "480 words of the test split of names, 1 seed (1)",
        "3,241,984",
        "2.34 ×",
        "0.312",
        "Of 22,300 inputs it dropped 156 (0.7 %): 120 without an end mark, 36 empty.",
        "19: 19 empty in two languages or more",
        "டெல்லி",
        "Three of the twelve pairs have fewer than 100 words.",
        "Unicode-3.0",
    ] {
        assert!(html.contains(text), "report.html lacks {text}");
        assert!(markdown.contains(text), "report.md lacks {text}");
    }
    for stem in ["cer-by-slice", "cer-by-length", "loss-student", "time-per-word"] {
        assert!(markdown.contains(&format!("(plots/{stem}.svg)")), "{stem}");
        let png = std::fs::read(folder.join(format!("plots/{stem}.png"))).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        let svg = std::fs::read_to_string(folder.join(format!("plots/{stem}.svg"))).unwrap();
        assert!(svg.contains("currentColor") && svg.contains("prefers-color-scheme"));
        assert!(!svg.contains("#010203"));
    }
    assert!(!html.contains("<script") && !html.contains("src=") && !html.contains("@import"));
}

#[test]
fn a_stage_that_diverged_is_kept_as_data() {
    let mut stage = example().stages.remove(0);
    stage.losses.insert("sequence".into(), f64::NAN);
    let text = serde_json::to_string(&stage).unwrap();
    assert!(text.contains(r#""sequence":null"#), "{text}");
    assert!(serde_json::from_str::<StageSummary>(&text).unwrap().losses["sequence"].is_nan());
    serde_json::to_string(&example()).unwrap();
}

#[test]
fn parts_that_are_empty_are_left_out() {
    let mut report = example();
    report.outcome = Outcome::new("bare", vec![1], 0, None, None, None);
    report.comparison = None;
    report.models.clear();
    report.timings.clear();
    report.samples.clear();
    report.stages.clear();
    report.training_figures.clear();
    report.quality_figures.clear();
    report.corpora.clear();
    report.pipeline = None;
    report.augmentations.clear();
    report.environment.clear();
    let document = report.document();
    let titles: Vec<_> = document.sections.iter().map(|section| section.title.as_str()).collect();
    assert_eq!(titles, ["Result"]);
    report.document().html().unwrap();
}

#[test]
fn figures_without_values_are_drawn_all_the_same() {
    let mut report = example();
    for figure in report.quality_figures.iter_mut().chain(&mut report.training_figures) {
        match &mut figure.drawing {
            Drawing::Lines(lines) => lines.series.clear(),
            Drawing::Bars(bars) => {
                bars.groups.clear();
                bars.series.clear();
            }
            Drawing::Dots(dots) => {
                dots.groups.clear();
                dots.series.clear();
            }
            Drawing::Heatmap(heatmap) => heatmap.rows.clear(),
        }
    }
    let document = report.document();
    assert!(
        document
            .sections
            .iter()
            .flat_map(|section| &section.blocks)
            .any(|block| matches!(block, Block::Figures(_)))
    );
    let folder = tempfile::tempdir().unwrap();
    document.write(folder.path(), "report").unwrap();
}

#[test]
fn samples_have_images_and_notes_in_their_cells() {
    let mut report = example();
    let sample = &mut report.samples[0];
    let image = Image { caption: "scene 7".into(), png: vec![1, 2, 3] };
    sample.source = sample.source.clone().with_note(Some("Delhi".into())).with_image(Some(image));
    let output = &mut sample.outputs["student"];
    *output = output.clone().with_note(Some("93 %".into()));
    let document = report.document();
    let html = document.html().unwrap();
    assert!(html.contains(r#"<img alt="scene 7" src="data:image/png;base64,AQID">"#), "{html}");
    assert!(html.contains("<small>Delhi</small>") && html.contains("<small>93 %</small>"));
    let markdown = document.markdown();
    assert!(markdown.contains("| hi-ta | दिल्ली (Delhi) | டெல்லி |"), "{markdown}");
    assert!(!markdown.contains("scene 7"));
}

#[test]
fn faithfulness_has_a_column_a_model() {
    let mut report = example();
    report.outcome.fidelity.insert("baseline-agreement".into(), Some(0.4));
    let markdown = report.document().markdown();
    assert!(markdown.contains("| measure | student | shuffled | baseline |"), "{markdown}");
    assert!(markdown.contains("| agreement | 81.2 % | – | 40.0 % |"), "{markdown}");
    assert!(markdown.contains("| encoder similarity | 0.976 | 0.312 | – |"), "{markdown}");
}

#[test]
fn headline_says_what_a_dual_encoder_saves() {
    let mut report = example();
    assert!(report.headline().unwrap().contains("at 0.43 of its time and 0.43 of its size"));
    let times = [("teacher", 10.0), ("student", 0.8)];
    let times = times.map(|(name, p50)| (name.to_owned(), Latency { p50, p95: p50, ..Latency::default() }));
    report.timings.insert(images_stored("batch 1"), times.into());
    let headline = report.headline().unwrap();
    assert!(headline.contains("0.43 of its time (0.08 where images are encoded before)"), "{headline}");
    report.purpose = Some("For many questions about few images.".into());
    assert!(report.document().markdown().contains("For many questions about few images."));
}

#[test]
fn headline_of_vectors_has_their_closeness() {
    let mut report = example();
    let bare = || Some(ModelOutcome { bytes: Some(10), ..ModelOutcome::default() });
    report.outcome = Outcome::new("vectors", vec![1], 9, bare(), bare(), None);
    report.outcome.labelled = false;
    report.comparison = None;
    assert_eq!(report.headline(), None);
    let figures = [("cosine-mean", 0.95), ("common-neighbours", 0.7)];
    report.outcome.fidelity = figures.map(|(name, value)| (name.to_owned(), Some(value))).into();
    assert_eq!(
        report.headline().unwrap(),
        "The student's vectors share 70.0 % of their nearest neighbours with the teacher's, their mean cosine is 0.950, \
         at 1.00 of its size."
    );
    assert!(!report.document().markdown().contains("bootstrap intervals"));
}

#[test]
fn baselines_of_no_verdict_are_left_out_of_figures() {
    let mut report = example();
    let weak = report.outcome.models["baseline"].clone();
    report.outcome.models.insert("baseline-scratch".into(), weak);
    let by_slice = metric_by_slice(&report.outcome, "cer").unwrap();
    assert_eq!(by_slice.names(), ["teacher", "student", "baseline"]);
    let scores = scores(3);
    let lengths = vec![4; references().len()];
    let models = [("student", &scores["cer"]), ("baseline-scratch", &scores["cer"])];
    assert_eq!(metric_by_length(&models, &lengths).unwrap().names(), ["student"]);
}

#[test]
fn test_split_tells_the_students_metric_where_no_baseline_is_compared() {
    let mut report = example();
    report.comparison = None;
    let [low, high] = report.outcome.model("student").unwrap().intervals["cer"].unwrap();
    let markdown = report.document().markdown();
    let half = format!("known to within {:.1} points", 50.0 * (high - low));
    assert!(markdown.contains("480 words: the student's CER is") && markdown.contains(&half), "{markdown}");
}

#[test]
fn headline_of_a_weak_teacher_has_both_values() {
    let mut report = example();
    report.comparison = None;
    let model = |accuracy: f64| {
        Some(ModelOutcome {
            metrics: [("accuracy".into(), Some(accuracy))].into(),
            ..ModelOutcome::default()
        })
    };
    let mut headline = |teacher: f64, student: f64| {
        report.outcome = Outcome::new("a", vec![1], 9, model(teacher), model(student), None);
        report.headline().unwrap()
    };
    assert_eq!(headline(0.8, 0.76), "The student keeps 95 % of the teacher's accuracy.");
    assert_eq!(headline(0.8, 0.84), "The student reaches 105 % of the teacher's accuracy.");
    assert_eq!(headline(0.1, 0.9), "The student's accuracy is 90.0 %, the teacher's 10.0 %.");
}
